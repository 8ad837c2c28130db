//! How a service's requests are simulated one by one.

use std::sync::Arc;

use crate::engine::UnitLaw;
use crate::units::{SimDuration, SimTime};

/// How closely the requests of a service are followed.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Fidelity {
    /// As a fluid, with closed forms for what randomness adds.
    #[default]
    Fluid,
    /// Each on its own.
    Requests(Box<RequestSettings>),
}

impl Fidelity {
    /// The settings of the level at which each request is followed, if it is that.
    pub fn requests(&self) -> Option<&RequestSettings> {
        match self {
            Self::Fluid => None,
            Self::Requests(settings) => Some(settings),
        }
    }
}

/// What the level of single requests needs to know beyond the mean rate and the mean CPU time.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestSettings {
    /// When requests arrive.
    pub arrivals: Arrivals,
    /// CPU time of a request over its mean.
    pub demand: UnitLaw,
    /// In which order a task works on its requests.
    pub discipline: Discipline,
    /// Most requests that a task works on at once, those that wait for others included; `None` for
    /// any number.
    pub max_concurrency: Option<u32>,
    /// Most requests that wait at a task beyond those; more are rejected. `None` for any number.
    pub queue_length: Option<u32>,
    /// Whether a task stops working on a request whose client has given up.
    pub cancel_abandoned: bool,
    /// `slow_start.duration_seconds` of the target group; zero for none.
    pub slow_start: SimDuration,
    /// What clients do about failed attempts; `None` for nothing.
    pub retries: Option<RetrySettings>,
}

impl Default for RequestSettings {
    /// Poisson arrivals, exponential CPU times, processor sharing without limits, no retries.
    fn default() -> Self {
        Self {
            arrivals: Arrivals::Renewal(UnitLaw::Exponential),
            demand: UnitLaw::Exponential,
            discipline: Discipline::ProcessorSharing,
            max_concurrency: None,
            queue_length: None,
            cancel_abandoned: true,
            slow_start: SimDuration::ZERO,
            retries: None,
        }
    }
}

/// When requests arrive.
#[derive(Clone, Debug, PartialEq)]
pub enum Arrivals {
    /// A renewal process in operational time: the integral of the rate grows between two arrivals by
    /// a variate of mean 1. Exponential variates make a Poisson process whose rate is the service's.
    Renewal(UnitLaw),
    /// At given instants, in time order.
    Times(Arc<[SimTime]>),
}

/// In which order a task works on its requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Discipline {
    /// All at once: the task's CPU in equal parts, none more than one core.
    #[default]
    ProcessorSharing,
    /// First come, first served: as many as the task has cores (rounded up), the others wait.
    Fifo,
}

/// Retries of failed attempts by the client, with exponential back-off and full jitter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetrySettings {
    /// Attempts at most, the first included.
    pub max_attempts: u32,
    /// Longest delay before the first retry; it doubles with each further one.
    pub base_delay: SimDuration,
    /// Longest delay before any retry.
    pub max_delay: SimDuration,
    /// Retries for each first attempt that clients allow themselves, in millionths; `None` for any
    /// number.
    pub budget_micro: Option<u64>,
}

//! How a service's requests are simulated one by one.

use std::sync::Arc;

use crate::engine::UnitLaw;
use crate::units::{SimDuration, SimTime};

/// How closely the requests of a service are followed.
#[derive(Clone, Debug, PartialEq)]
pub enum Fidelity {
    /// As a fluid, with closed forms for what randomness adds.
    Fluid(Variability),
    /// Each on its own.
    Requests(Box<RequestSettings>),
}

impl Default for Fidelity {
    fn default() -> Self {
        Self::Fluid(Variability::default())
    }
}

/// How irregular arrivals and service are, as squared coefficients of variation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Variability {
    /// Of the gaps between arrivals; 1 for a Poisson process.
    pub arrivals: f64,
    /// Of the CPU times, as far as it matters: 1 where tasks share their CPU among all requests, since
    /// the mean response time of processor sharing depends on the mean CPU time alone.
    pub service: f64,
    /// Whether tasks share their CPU among all requests, which makes the tail of response times longer.
    pub sharing: bool,
}

impl Default for Variability {
    fn default() -> Self {
        Self { arrivals: 1.0, service: 1.0, sharing: false }
    }
}

impl Variability {
    /// Of arrivals and CPU times with these laws, served in this order.
    pub fn new(arrivals: &UnitLaw, demand: &UnitLaw, discipline: Discipline) -> Self {
        let (service, sharing) = match discipline {
            Discipline::ProcessorSharing => (1.0, true),
            Discipline::Fifo => (demand.squared_cv(), false),
        };
        Self { arrivals: arrivals.squared_cv(), service, sharing }
    }
}

impl Fidelity {
    /// What closed forms need to know of the requests.
    pub fn variability(&self) -> Variability {
        match self {
            Self::Fluid(variability) => *variability,
            Self::Requests(settings) => {
                // Of given instants nothing is known but their number.
                let arrivals = match &settings.arrivals {
                    Arrivals::Renewal(law) => *law,
                    Arrivals::Times(_) => UnitLaw::Exponential,
                };
                Variability::new(&arrivals, &settings.demand, settings.discipline)
            }
        }
    }

    /// The settings of the level at which each request is followed, if it is that.
    pub fn requests(&self) -> Option<&RequestSettings> {
        match self {
            Self::Fluid(_) => None,
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
    /// Connections through a Network Load Balancer; `None` behind an Application Load Balancer, which
    /// sends each request where its algorithm says.
    pub connections: Option<Connections>,
}

/// Connections of clients, each of which stays with the target that the hash of its flow chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connections {
    /// How many are open at once; a request takes any of them.
    pub open: u32,
    /// Requests after which a client closes one and opens another.
    pub requests_each: u64,
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
            connections: None,
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

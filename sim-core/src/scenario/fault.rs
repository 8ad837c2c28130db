//! Faults that a scenario brings about.

use crate::agent::Window;
use crate::engine::DurationDistribution;
use crate::units::{BatchId, ServiceId, SimDuration, TaskDefinitionId};

/// Something that goes wrong with the tasks it names.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// Name, also the label of its random draws.
    pub name: String,
    /// Tasks of this service or source of jobs only.
    pub owner: Option<FaultOwner>,
    /// Tasks of this definition only.
    pub task_definition: Option<TaskDefinitionId>,
    /// Share of these tasks that it can hit, drawn once per task; 1 for all.
    pub share: f64,
    /// When, sorted and disjoint; with `random`, the stretches of time inside which it comes.
    pub windows: Vec<Window>,
    /// How often it comes and how long it lasts, if that is random.
    pub random: Option<RandomTimes>,
    /// How long a service has to be well again to count as recovered.
    pub recovered_after: SimDuration,
    /// What.
    pub kind: FaultKind,
}

/// A fault that comes and goes at random.
#[derive(Clone, Debug, PartialEq)]
pub struct RandomTimes {
    /// From the end of one time to the beginning of the next; the first one counts from the beginning.
    pub every: DurationDistribution,
    /// How long it lasts; with no length at all it strikes at an instant.
    pub lasts: DurationDistribution,
}

/// Whose tasks a fault hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultOwner {
    /// A service, by its position.
    Service(ServiceId),
    /// A source of jobs, by its position.
    Batch(BatchId),
}

/// What goes wrong. A container is named, or it is the first essential one.
#[derive(Clone, Debug, PartialEq)]
pub enum FaultKind {
    /// The registry does not answer pulls that begin inside a window.
    CannotPull,
    /// A container that starts inside a window exits at once, before its task is RUNNING.
    FailsToStart {
        /// Which.
        container: Option<String>,
        /// Its exit code.
        exit_code: u8,
    },
    /// A container of a RUNNING task exits `after` the start of the window, or of the container if
    /// that is later, unless the window has ended by then. With no time at all, those are hit that run
    /// when a window begins.
    ContainerExit {
        /// Which.
        container: Option<String>,
        /// When.
        after: DurationDistribution,
        /// Its exit code.
        exit_code: u8,
        /// Whether the kernel killed it for want of memory.
        out_of_memory: bool,
    },
    /// Health checks of a container that come inside a window get no answer.
    ContainerUnhealthy {
        /// Which.
        container: Option<String>,
    },
    /// Probes of the load balancer that come inside a window fail.
    TargetUnhealthy,
    /// A pull that begins inside a window takes `factor` times as long.
    SlowPull {
        /// How much longer.
        factor: f64,
    },
}

impl FaultKind {
    /// Name in the scenario language.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::CannotPull => "cannotPullImage",
            Self::FailsToStart { .. } => "failsToStart",
            Self::ContainerExit { out_of_memory: false, .. } => "containerExit",
            Self::ContainerExit { .. } => "outOfMemory",
            Self::ContainerUnhealthy { .. } => "containerUnhealthy",
            Self::TargetUnhealthy => "targetUnhealthy",
            Self::SlowPull { .. } => "slowImagePulls",
        }
    }
}

//! Faults that a scenario brings about.

use crate::agent::Window;
use crate::engine::DurationDistribution;
use crate::units::{BatchId, ServiceId, TaskDefinitionId};

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
    /// When, sorted and disjoint.
    pub windows: Vec<Window>,
    /// What.
    pub kind: FaultKind,
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
}

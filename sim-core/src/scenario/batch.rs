//! Sources of standalone tasks.

use std::sync::Arc;

use super::LaunchTarget;
use crate::engine::DurationDistribution;
use crate::placement::{PlacementConstraint, PlacementStrategy};
use crate::units::{AsgId, Cpu, Mib, SimDuration, SimTime, TaskDefinitionId};

/// A source of standalone tasks.
#[derive(Clone, Debug)]
pub struct BatchSource {
    /// Name, also the label of its random streams.
    pub name: String,
    /// Task group of its tasks: what spread and `distinctInstance` count, and what expressions call
    /// `task:group`. Sources may share one. The default is `family:` and the definition's family.
    pub task_group: String,
    /// What arrives.
    pub jobs: BatchJobs,
    /// What a job runs; cpu and memory of a job override it.
    pub task_definition: TaskDefinitionId,
    /// Where it runs.
    pub launch: LaunchTarget,
    /// Placement strategy chain; empty means random, the default for standalone tasks.
    pub placement_strategy: Vec<PlacementStrategy>,
    /// Placement constraints.
    pub placement_constraints: Vec<PlacementConstraint>,
    /// What happens to jobs that find no room.
    pub queue: QueueDiscipline,
    /// StartTask: the instances that are named, each job on the next of them in turn. Placement is
    /// skipped, the resources must be there. Empty for RunTask.
    pub start_on: Vec<NamedInstance>,
}

/// A container instance that a scenario names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedInstance {
    /// Its Auto Scaling group.
    pub group: AsgId,
    /// Instances of the group that were launched before it.
    pub launched_before: u32,
}

/// Order in which waiting standalone tasks are tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QueueDiscipline {
    /// Strict arrival order: nobody overtakes.
    #[default]
    FirstComeFirstServed,
    /// Arrival order, but a job that fits may overtake one that does not.
    FirstFit,
    /// Nothing waits: who calls does not try again, also if the task is stopped before its end.
    NoRetry,
}

/// Jobs of a batch source.
#[derive(Clone, Debug)]
pub enum BatchJobs {
    /// A trace, sorted by arrival.
    Trace(Arc<[BatchJob]>),
    /// Independent draws.
    Generated {
        /// Time between arrivals.
        interarrival: DurationDistribution,
        /// Running time.
        duration: DurationDistribution,
        /// No arrivals at or after this instant.
        until: SimTime,
        /// At most this many jobs.
        count: u64,
    },
}

/// One standalone task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchJob {
    /// RunTask call.
    pub arrival: SimTime,
    /// From RUNNING to exit.
    pub duration: SimDuration,
    /// Reserved CPU.
    pub cpu: Cpu,
    /// Reserved memory.
    pub memory: Mib,
}

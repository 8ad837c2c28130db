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

/// Sizes of jobs that count as few: placement can keep each of them in mind.
const FEW_SIZES: usize = 16;

impl BatchJobs {
    /// Whether each size comes again and again: at most sixteen in a trace, one if drawn.
    pub fn has_few_sizes(&self) -> bool {
        let Self::Trace(jobs) = self else { return true };
        let mut sizes: Vec<(Cpu, Mib)> = Vec::with_capacity(FEW_SIZES);
        jobs.iter().all(|job| {
            let size = (job.cpu, job.memory);
            let known = sizes.contains(&size);
            if !known && sizes.len() < FEW_SIZES {
                sizes.push(size);
                return true;
            }
            known
        })
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_sizes_are_few() {
        let job = |number: u32| BatchJob {
            arrival: SimTime::ZERO,
            duration: SimDuration::ZERO,
            cpu: Cpu::from_ecs_units(64 * (number % 4)),
            memory: Mib::new(u64::from(number / 4)),
        };
        let trace = |sizes: u32| BatchJobs::Trace((0..sizes).chain(0..sizes).map(job).collect());
        assert!(trace(0).has_few_sizes());
        assert!(trace(16).has_few_sizes());
        assert!(!trace(17).has_few_sizes());
    }
}

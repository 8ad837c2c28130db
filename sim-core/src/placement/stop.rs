//! The task that a scale-in stops.

use super::{AVAILABILITY_ZONE, PlacementStrategy};
use crate::units::{Cpu, InstanceId, Mib, TaskId, ZoneId};

/// A task of the service that may be stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StopCandidate {
    /// The task.
    pub task: TaskId,
    /// Whether it reached RUNNING.
    pub running: bool,
    /// Its zone; `None` before placement.
    pub zone: Option<ZoneId>,
    /// Its instance; `None` on Fargate and before placement.
    pub instance: Option<InstanceId>,
    /// Tasks of the service in its zone.
    pub zone_tasks: u32,
    /// Tasks of the service on its instance.
    pub instance_tasks: u32,
    /// Tasks of the service on instances with the value that its instance has of the attribute of
    /// [`stop_attribute`]; zero without one.
    pub value_tasks: u32,
    /// CPU that would be free on its instance after the stop.
    pub free_cpu_after: Cpu,
    /// Memory that would be free on its instance after the stop.
    pub free_memory_after: Mib,
}

/// The attribute by whose values tasks are counted when one of them is to stop: that of a spread at
/// the head of the chain, unless it is the zone.
pub fn stop_attribute(strategy: &[PlacementStrategy]) -> Option<&str> {
    match strategy.first() {
        Some(PlacementStrategy::SpreadAttribute(name)) if **name != *AVAILABILITY_ZONE => {
            Some(name)
        }
        _ => None,
    }
}

/// Chooses the task to stop, preserving the intent of the strategy that placed it.
///
/// Tasks that are not RUNNING yet go first (a choice of this model). Then, by the first strategy:
/// a spread stops where most tasks of the service are, at random inside; `binpack` stops on the
/// instance that would have most of the resource left, so that the emptier host empties; no
/// strategy stops in the zone with most tasks, then on the instance with most. Remaining ties are
/// broken uniformly by `random_bits`, counted in order of task id.
///
/// Sources: developer guide, *Task placement strategies*; API reference, `UpdateService`.
pub fn choose_stop<'c>(
    candidates: impl IntoIterator<Item = &'c StopCandidate>,
    strategy: &[PlacementStrategy],
    random_bits: u64,
) -> Option<TaskId> {
    let by_value = stop_attribute(strategy).is_some();
    let score = |candidate: &StopCandidate| -> (bool, u64, u64) {
        let (first, second) = match strategy.first() {
            Some(_) if by_value => (u64::from(candidate.value_tasks), 0),
            None => (u64::from(candidate.zone_tasks), u64::from(candidate.instance_tasks)),
            Some(PlacementStrategy::SpreadZone | PlacementStrategy::SpreadAttribute(_)) => {
                (u64::from(candidate.zone_tasks), 0)
            }
            Some(PlacementStrategy::SpreadInstance) => (u64::from(candidate.instance_tasks), 0),
            Some(PlacementStrategy::BinpackCpu) => (candidate.free_cpu_after.as_raw(), 0),
            Some(PlacementStrategy::BinpackMemory) => (candidate.free_memory_after.as_mib(), 0),
            // None of these says which task should go.
            Some(
                PlacementStrategy::Random
                | PlacementStrategy::FirstFit
                | PlacementStrategy::WorstFit
                | PlacementStrategy::Custom(_),
            ) => (0, 0),
        };
        (!candidate.running, first, second)
    };
    let mut best = None;
    let mut tied: Vec<TaskId> = Vec::new();
    for candidate in candidates {
        let score = Some(score(candidate));
        if best < score {
            best = score;
            tied.clear();
        }
        if best == score {
            tied.push(candidate.task);
        }
    }
    tied.sort_unstable();
    let nth = (u128::from(random_bits) * tied.len() as u128) >> 64;
    tied.get(nth as usize).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(task: u32, zone: u32, instance: u32, zone_tasks: u32) -> StopCandidate {
        StopCandidate {
            task: TaskId(task),
            running: true,
            zone: Some(ZoneId(zone)),
            instance: Some(InstanceId(instance)),
            zone_tasks,
            instance_tasks: 1,
            value_tasks: 0,
            free_cpu_after: Cpu::ZERO,
            free_memory_after: Mib::ZERO,
        }
    }

    #[test]
    fn tv_18_the_default_stops_in_a_fuller_zone() {
        let tasks = [
            candidate(0, 0, 0, 1),
            candidate(1, 1, 1, 2),
            candidate(2, 1, 2, 2),
            candidate(3, 2, 3, 2),
            candidate(4, 2, 4, 2),
        ];
        for bits in [0, u64::MAX / 2, u64::MAX] {
            let stopped = choose_stop(&tasks, &[], bits);
            assert!(stopped.is_some_and(|task| task != TaskId(0)), "{stopped:?}");
        }
    }

    #[test]
    fn tv_19_binpack_empties_the_emptier_host() {
        let on_x = StopCandidate { free_memory_after: Mib::new(1000), ..candidate(0, 0, 0, 1) };
        let on_y = StopCandidate { free_memory_after: Mib::new(4000), ..candidate(1, 0, 1, 1) };
        let chain = [PlacementStrategy::BinpackMemory];
        assert_eq!(choose_stop(&[on_x, on_y], &chain, 0), Some(TaskId(1)));
    }

    #[test]
    fn the_default_looks_at_instances_inside_the_zone() {
        let crowded = StopCandidate { instance_tasks: 3, ..candidate(7, 0, 0, 4) };
        let tasks = [candidate(1, 0, 1, 4), crowded, candidate(3, 1, 2, 2)];
        assert_eq!(choose_stop(&tasks, &[], u64::MAX), Some(TaskId(7)));
    }

    #[test]
    fn a_spread_is_random_inside_the_zone() {
        let crowded = StopCandidate { instance_tasks: 3, ..candidate(7, 0, 0, 4) };
        let tasks = [candidate(1, 0, 1, 4), crowded, candidate(3, 1, 2, 2)];
        let chain = [PlacementStrategy::SpreadZone];
        assert_eq!(choose_stop(&tasks, &chain, 0), Some(TaskId(1)));
        assert_eq!(choose_stop(&tasks, &chain, u64::MAX), Some(TaskId(7)));
    }

    #[test]
    fn a_spread_over_an_attribute_stops_where_most_tasks_share_its_value() {
        let fuller_zone = StopCandidate { value_tasks: 2, ..candidate(1, 0, 0, 5) };
        let fuller_rack = StopCandidate { value_tasks: 4, ..candidate(2, 1, 1, 2) };
        let stop = |attribute: &str| {
            let chain = [PlacementStrategy::SpreadAttribute(attribute.into())];
            choose_stop(&[fuller_zone, fuller_rack], &chain, 0)
        };
        assert_eq!(stop("rack"), Some(TaskId(2)));
        assert_eq!(stop(AVAILABILITY_ZONE), Some(TaskId(1)));
    }

    #[test]
    fn tasks_that_do_not_run_yet_go_first() {
        let starting = StopCandidate { running: false, ..candidate(9, 1, 1, 1) };
        let tasks = [candidate(0, 0, 0, 5), starting];
        assert_eq!(choose_stop(&tasks, &[], 0), Some(TaskId(9)));
    }

    #[test]
    fn nothing_to_stop() {
        assert_eq!(choose_stop(&[] as &[StopCandidate], &[], 0), None);
    }
}

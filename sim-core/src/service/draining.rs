//! What leaves an instance that drains.
//!
//! Source: developer guide, *Container instance draining*: service tasks that do not run yet stop at
//! once, running ones are replaced within the service's bounds, standalone tasks stay, daemon tasks stop
//! last.

use super::bounds::Bounds;
use crate::units::SimDuration;

/// The termination hook of managed draining holds an instance at most this long.
pub const MANAGED_DRAINING_LIMIT: SimDuration = SimDuration::from_secs(48 * 3600);

/// Tasks of a service of which some are on draining instances.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DrainingCounts {
    /// Tasks that should be there.
    pub desired: u32,
    /// Tasks that count against the upper bound.
    pub active: u32,
    /// Tasks that count as healthy, wherever they are.
    pub healthy: u32,
    /// Tasks on other instances, running or on their way there.
    pub staying: u32,
    /// Tasks before RUNNING on draining instances.
    pub starting: u32,
    /// RUNNING tasks on draining instances.
    pub running: u32,
}

/// What happens next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DrainingStep {
    /// Replacements to start.
    pub start: u32,
    /// Tasks before RUNNING on draining instances to stop.
    pub stop_starting: u32,
    /// RUNNING tasks on draining instances to stop.
    pub stop_running: u32,
}

/// The step that the bounds allow.
pub fn drain_step(counts: &DrainingCounts, bounds: Bounds) -> DrainingStep {
    let missing = counts.desired.saturating_sub(counts.staying);
    // What stops at once makes room.
    let active = counts.active.saturating_sub(counts.starting);
    DrainingStep {
        start: missing.min(bounds.can_start(active)),
        stop_starting: counts.starting,
        stop_running: counts.running.min(bounds.can_stop(counts.healthy)),
    }
}

/// Whether a daemon task on a draining instance stops: when nothing else of ECS is left there.
pub fn daemon_leaves(other_tasks: u32) -> bool {
    other_tasks == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn four_with_two_on_a_draining_instance() -> DrainingCounts {
        DrainingCounts { desired: 4, active: 4, healthy: 4, staying: 2, starting: 0, running: 2 }
    }

    #[test]
    fn with_room_above_replacements_come_first() {
        let counts = four_with_two_on_a_draining_instance();
        let step = drain_step(&counts, Bounds::of(4, 100, 200));
        assert_eq!(step, DrainingStep { start: 2, stop_starting: 0, stop_running: 0 });
        let replaced = DrainingCounts { active: 6, healthy: 6, staying: 4, ..counts };
        let step = drain_step(&replaced, Bounds::of(4, 100, 200));
        assert_eq!(step, DrainingStep { start: 0, stop_starting: 0, stop_running: 2 });
    }

    #[test]
    fn with_room_below_tasks_stop_first() {
        let counts = four_with_two_on_a_draining_instance();
        let step = drain_step(&counts, Bounds::of(4, 50, 100));
        assert_eq!(step, DrainingStep { start: 0, stop_starting: 0, stop_running: 2 });
    }

    #[test]
    fn hundred_to_hundred_cannot_drain() {
        let counts = four_with_two_on_a_draining_instance();
        assert_eq!(drain_step(&counts, Bounds::of(4, 100, 100)), DrainingStep::default());
    }

    #[test]
    fn what_does_not_run_yet_stops_at_once() {
        let counts = DrainingCounts {
            healthy: 2,
            starting: 2,
            running: 0,
            ..four_with_two_on_a_draining_instance()
        };
        let step = drain_step(&counts, Bounds::of(4, 100, 100));
        assert_eq!(step, DrainingStep { start: 2, stop_starting: 2, stop_running: 0 });
    }

    #[test]
    fn daemons_leave_last() {
        assert!(!daemon_leaves(1));
        assert!(daemon_leaves(0));
    }
}

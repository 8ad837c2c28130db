//! The next step of a rolling deployment.
//!
//! Old tasks that do not run yet give way at once: they add nothing to the healthy ones (a choice of
//! this model). Then unhealthy old tasks, then healthy ones, as long as the lower bound holds; new
//! tasks start as long as the upper bound holds.

use super::bounds::Bounds;

/// Tasks of a service whose deployment is under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RollingCounts {
    /// Desired count.
    pub desired: u32,
    /// Tasks of all revisions that count against the upper bound.
    pub active: u32,
    /// Tasks of all revisions that count as healthy.
    pub healthy: u32,
    /// Tasks of the new revision that are there to stay.
    pub new_active: u32,
    /// Old tasks before RUNNING that may be stopped.
    pub old_starting: u32,
    /// Old RUNNING tasks that do not count as healthy and may be stopped.
    pub old_unhealthy: u32,
    /// Old healthy tasks that may be stopped; protected ones are not among them.
    pub old_healthy: u32,
}

/// What happens next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RollingStep {
    /// New tasks to start.
    pub start: u32,
    /// Old tasks before RUNNING to stop.
    pub stop_starting: u32,
    /// Old unhealthy tasks to stop.
    pub stop_unhealthy: u32,
    /// Old healthy tasks to stop.
    pub stop_healthy: u32,
}

impl RollingStep {
    /// Old tasks that stop.
    pub fn stops(&self) -> u32 {
        self.stop_starting + self.stop_unhealthy + self.stop_healthy
    }
}

/// The step that the bounds allow.
///
/// If they allow nothing although tasks are missing, one unhealthy old task is stopped to make room, as
/// for the replacement of unhealthy tasks.
pub fn rolling_step(counts: &RollingCounts, bounds: Bounds) -> RollingStep {
    let missing = counts.desired.saturating_sub(counts.new_active);
    let start = missing.min(bounds.can_start(counts.active));
    let budget = bounds.can_stop(counts.healthy);
    let mut stop_unhealthy = counts.old_unhealthy.min(budget);
    let stop_healthy = counts.old_healthy.min(budget - stop_unhealthy);
    let stuck = start == 0 && stop_unhealthy + stop_healthy + counts.old_starting == 0;
    if stuck && 0 < missing && 0 < counts.old_unhealthy {
        stop_unhealthy = 1;
    }
    RollingStep { start, stop_starting: counts.old_starting, stop_unhealthy, stop_healthy }
}

/// Whether a deployment can never go on with these bounds: new tasks are missing or old ones left, yet
/// nothing may start or stop, and nothing that is under way (`in_flight`) can change that.
pub fn is_stuck(counts: &RollingCounts, bounds: Bounds, in_flight: bool) -> bool {
    let unfinished = counts.new_active < counts.desired || 0 < counts.old_healthy;
    unfinished && !in_flight && rolling_step(counts, bounds) == RollingStep::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(desired: u32) -> RollingCounts {
        RollingCounts {
            desired,
            active: desired,
            healthy: desired,
            old_healthy: desired,
            ..RollingCounts::default()
        }
    }

    #[track_caller]
    fn check(setting: (u32, u32, u32), lower: u32, upper: u32, start: u32, stop: u32) {
        let (desired, minimum, maximum) = setting;
        let bounds = Bounds::of(desired, minimum, maximum);
        assert_eq!(bounds, Bounds { lower, upper });
        let step = rolling_step(&first(desired), bounds);
        assert_eq!((step.start, step.stops()), (start, stop));
    }

    /// Stops and starts of each batch, if what was started is healthy before the next one.
    fn batches(desired: u32, minimum: u32, maximum: u32) -> Vec<(u32, u32)> {
        let bounds = Bounds::of(desired, minimum, maximum);
        let mut counts = first(desired);
        let mut batches = Vec::new();
        loop {
            let (mut stopped, mut started) = (0, 0);
            loop {
                let step = rolling_step(&counts, bounds);
                if step == RollingStep::default() {
                    break;
                }
                counts.active = counts.active - step.stops() + step.start;
                counts.healthy -= step.stop_healthy;
                counts.old_healthy -= step.stop_healthy;
                counts.new_active += step.start;
                stopped += step.stops();
                started += step.start;
                assert!(bounds.lower <= counts.healthy && counts.active <= bounds.upper);
            }
            if (stopped, started) == (0, 0) {
                return batches;
            }
            counts.healthy += started;
            batches.push((stopped, started));
        }
    }

    #[test]
    fn tv_30_half_may_stop_first_and_four_may_start() {
        check((4, 50, 200), 2, 8, 4, 2);
    }

    #[test]
    fn tv_31_three_quarters_of_two_cannot_stop_any() {
        let bounds = Bounds::of(2, 75, 200);
        assert_eq!((bounds.lower, bounds.can_stop(2)), (2, 0));
    }

    #[test]
    fn tv_32_a_quarter_more_than_three_cannot_start_any() {
        let bounds = Bounds::of(3, 100, 125);
        assert_eq!((bounds.upper, bounds.can_start(3)), (3, 0));
    }

    #[test]
    fn tv_33_fifty_to_hundred_stops_five_and_starts_five_twice() {
        check((10, 50, 100), 5, 10, 0, 5);
        assert_eq!(batches(10, 50, 100), [(5, 5), (5, 5)]);
    }

    #[test]
    fn tv_34_hundred_to_hundred_fifty_starts_five_and_stops_five_twice() {
        check((10, 100, 150), 10, 15, 5, 0);
        assert_eq!(batches(10, 100, 150), [(0, 5), (5, 5), (5, 0)]);
    }

    #[test]
    fn tv_35_hundred_to_hundred_twenty_five_of_three_is_stuck() {
        check((3, 100, 125), 3, 3, 0, 0);
        assert!(is_stuck(&first(3), Bounds::of(3, 100, 125), false));
        assert!(!is_stuck(&first(3), Bounds::of(3, 100, 125), true));
    }

    #[test]
    fn tv_36_two_thirds_to_four_thirds_starts_and_stops_three_at_once() {
        check((10, 66, 133), 7, 13, 3, 3);
    }

    #[test]
    fn tv_37_zero_to_hundred_of_one_stops_before_it_starts() {
        check((1, 0, 100), 0, 1, 0, 1);
        assert_eq!(batches(1, 0, 100), [(1, 1)]);
    }

    #[test]
    fn tv_38_fifty_to_hundred_fifty_of_seven_starts_and_stops_three() {
        check((7, 50, 150), 4, 10, 3, 3);
    }

    #[test]
    fn tv_39_ninety_to_hundred_ten_of_five_is_stuck() {
        check((5, 90, 110), 5, 5, 0, 0);
        assert!(is_stuck(&first(5), Bounds::of(5, 90, 110), false));
    }

    #[test]
    fn unhealthy_old_tasks_stop_before_healthy_ones() {
        let counts = RollingCounts {
            desired: 4,
            active: 6,
            healthy: 5,
            new_active: 2,
            old_starting: 0,
            old_unhealthy: 2,
            old_healthy: 2,
        };
        let step = rolling_step(&counts, Bounds { lower: 2, upper: 6 });
        assert_eq!((step.stop_unhealthy, step.stop_healthy, step.start), (2, 1, 0));
    }

    #[test]
    fn a_broken_revision_is_replaced_one_by_one_where_no_task_may_be_started() {
        let counts =
            RollingCounts { desired: 3, active: 3, old_unhealthy: 3, ..RollingCounts::default() };
        let step = rolling_step(&counts, Bounds { lower: 3, upper: 3 });
        assert_eq!(step, RollingStep { stop_unhealthy: 1, ..RollingStep::default() });
    }

    #[test]
    fn what_does_not_run_yet_gives_way_at_once() {
        let counts =
            RollingCounts { desired: 3, active: 3, old_starting: 3, ..RollingCounts::default() };
        let step = rolling_step(&counts, Bounds { lower: 3, upper: 3 });
        assert_eq!((step.stop_starting, step.start), (3, 0));
    }

    #[test]
    fn every_small_deployment_ends_or_is_stuck_from_the_start() {
        for desired in 0..12 {
            for minimum in (0..=100).step_by(5) {
                for maximum in (100..=200).step_by(5) {
                    let bounds = Bounds::of(desired, minimum, maximum);
                    let stuck = is_stuck(&first(desired), bounds, false);
                    let batches = batches(desired, minimum, maximum);
                    let started: u32 = batches.iter().map(|batch| batch.1).sum();
                    let stopped: u32 = batches.iter().map(|batch| batch.0).sum();
                    let expected = if stuck { 0 } else { desired };
                    assert_eq!((started, stopped), (expected, expected));
                }
            }
        }
    }
}

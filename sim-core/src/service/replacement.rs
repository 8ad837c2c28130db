//! How tasks that fail their health checks are replaced.

use super::bounds::Bounds;

/// Tasks of a service of which some are unhealthy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplacementCounts {
    /// Tasks that should be there.
    pub desired: u32,
    /// Tasks that count against the upper bound, unhealthy ones included.
    pub active: u32,
    /// Tasks that did not fail a check, healthy or on their way there.
    pub good: u32,
    /// Those of them that are healthy.
    pub healthy: u32,
    /// Tasks that failed a check.
    pub unhealthy: u32,
}

/// What happens next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replacement {
    /// Tasks to start.
    pub start: u32,
    /// Unhealthy tasks to stop, which ones is left to chance.
    pub stop: u32,
}

/// Replacements start first where the upper bound allows it, and an unhealthy task stops once its
/// replacement is healthy. A replacement that is unhealthy itself is one task too many: one of the two
/// stops. Where nothing may be started, unhealthy tasks stop one at a time to make room.
///
/// Source: developer guide, *Service definition parameters*, `maximumPercent`.
pub fn replace_unhealthy(counts: &ReplacementCounts, bounds: Bounds) -> Replacement {
    let missing = counts.desired.saturating_sub(counts.good);
    let start = missing.min(bounds.can_start(counts.active));
    let surplus = (counts.unhealthy + counts.healthy).saturating_sub(counts.desired);
    let mut stop = surplus.min(counts.unhealthy);
    let under_way = counts.healthy < counts.good;
    if 0 < missing && start == 0 && stop == 0 && !under_way {
        stop = counts.unhealthy.min(1);
    }
    Replacement { start, stop }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(good: u32, healthy: u32, unhealthy: u32, maximum: u32, start: u32, stop: u32) {
        let active = good + unhealthy;
        let counts = ReplacementCounts { desired: 4, active, good, healthy, unhealthy };
        let decided = replace_unhealthy(&counts, Bounds::of(4, 100, maximum));
        assert_eq!(decided, Replacement { start, stop });
    }

    #[test]
    fn replacements_start_first() {
        check(3, 3, 1, 200, 1, 0);
        check(0, 0, 4, 200, 4, 0);
        check(0, 0, 4, 150, 2, 0);
    }

    #[test]
    fn the_unhealthy_task_stops_when_its_replacement_is_healthy() {
        check(4, 3, 1, 200, 0, 0);
        check(4, 4, 1, 200, 0, 1);
    }

    #[test]
    fn an_unhealthy_replacement_makes_one_task_too_many() {
        check(3, 3, 2, 200, 1, 1);
    }

    #[test]
    fn without_room_above_they_stop_one_at_a_time() {
        check(1, 1, 3, 100, 0, 1);
        // After the stop there is room for one.
        check(1, 1, 2, 100, 1, 0);
        // Its replacement is on its way: the next one waits.
        check(2, 1, 2, 100, 0, 0);
    }
}

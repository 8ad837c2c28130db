//! Health of a target in a load balancer's target group.
//!
//! Source: user guide of Application Load Balancers, *Health checks for target groups*. A new target is
//! healthy after one probe that passes, whatever the healthy threshold; after that the thresholds count
//! probes in a row. A probe takes no time: a failing target answers wrongly.

use crate::agent::Window;
use crate::units::{SimDuration, SimTime};

/// How a target group probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TargetHealthCheck {
    /// `HealthCheckIntervalSeconds`, 5 s to 300 s.
    pub interval: SimDuration,
    /// `HealthyThresholdCount`: passes in a row that heal an unhealthy target, 2 to 10.
    pub healthy_threshold: u32,
    /// `UnhealthyThresholdCount`: failures in a row that make a target unhealthy, 2 to 10.
    pub unhealthy_threshold: u32,
}

/// State of a registered target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetState {
    /// Not judged yet.
    Initial,
    /// Gets requests.
    Healthy,
    /// Gets none while others are healthy.
    Unhealthy,
}

/// The next change of a target that is in `state` since `since`; `None` if it stays.
///
/// Probes come at `first_probe` and every interval after it; those inside `failing` (sorted, disjoint)
/// fail. For [`TargetState::Initial`], `since` does not matter.
pub fn next_target_change(
    check: &TargetHealthCheck,
    state: TargetState,
    since: SimTime,
    first_probe: SimTime,
    failing: &[Window],
) -> Option<(SimTime, TargetState)> {
    let step = check.interval.as_nanos().max(1);
    // The first probe that is not before `at`.
    let probe_from = |at: SimTime| {
        let steps = at.saturating_since(first_probe).as_nanos().div_ceil(step);
        first_probe + SimDuration::from_nanos(steps.saturating_mul(step))
    };
    let mut probe = match state {
        TargetState::Initial => first_probe,
        TargetState::Healthy | TargetState::Unhealthy => {
            probe_from(since + SimDuration::from_nanos(1))
        }
    };
    let mut in_a_row = 0;
    loop {
        let window = failing.iter().find(|window| probe < window.until);
        let failed = window.filter(|window| window.from <= probe);
        match (state, failed) {
            (TargetState::Initial, None) => return Some((probe, TargetState::Healthy)),
            (TargetState::Initial | TargetState::Healthy, Some(_)) => {
                in_a_row += 1;
                if check.unhealthy_threshold <= in_a_row {
                    return Some((probe, TargetState::Unhealthy));
                }
            }
            (TargetState::Healthy, None) => {
                in_a_row = 0;
                probe = probe_from(window?.from);
                continue;
            }
            (TargetState::Unhealthy, None) => {
                in_a_row += 1;
                if check.healthy_threshold <= in_a_row {
                    return Some((probe, TargetState::Healthy));
                }
            }
            (TargetState::Unhealthy, Some(window)) => {
                if window.until == SimTime::MAX {
                    return None;
                }
                in_a_row = 0;
                probe = probe_from(window.until);
                continue;
            }
        }
        probe = probe + check.interval;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULT: TargetHealthCheck = TargetHealthCheck {
        interval: SimDuration::from_secs(30),
        healthy_threshold: 5,
        unhealthy_threshold: 2,
    };
    const FIRST: SimTime = SimTime::from_secs(12);

    fn at(seconds: u64) -> SimTime {
        SimTime::from_secs(seconds)
    }

    fn window(from: u64, until: u64) -> Window {
        Window { from: at(from), until: at(until) }
    }

    fn changes(check: &TargetHealthCheck, failing: &[Window]) -> Vec<(u64, TargetState)> {
        let (mut state, mut since) = (TargetState::Initial, SimTime::ZERO);
        let mut found = Vec::new();
        while let Some((when, next)) = next_target_change(check, state, since, FIRST, failing) {
            (state, since) = (next, when);
            found.push((when.as_nanos() / 1_000_000_000, next));
        }
        found
    }

    #[test]
    fn a_new_target_needs_one_probe() {
        assert_eq!(changes(&DEFAULT, &[]), [(12, TargetState::Healthy)]);
    }

    #[test]
    fn a_failure_shows_after_the_unhealthy_threshold() {
        // The last good probe is at 102 s; 132 and 162 s fail: 60 s after the last good one.
        let found = changes(&DEFAULT, &[window(103, u64::MAX / 2_000_000_000)]);
        assert_eq!(found[1], (162, TargetState::Unhealthy));
        let one_short = changes(&DEFAULT, &[window(103, 162)]);
        assert_eq!(one_short, [(12, TargetState::Healthy)], "one failure does not count");
    }

    #[test]
    fn recovery_takes_the_healthy_threshold() {
        let found = changes(&DEFAULT, &[window(103, 163)]);
        // Good probes at 192, 222, 252, 282 and 312 s: 150 s after the last bad one.
        assert_eq!(found[2], (312, TargetState::Healthy));
        let quick = TargetHealthCheck {
            interval: SimDuration::from_secs(5),
            healthy_threshold: 2,
            ..DEFAULT
        };
        let found = changes(&quick, &[window(100, 110)]);
        assert_eq!(found[1..], [(107, TargetState::Unhealthy), (117, TargetState::Healthy)]);
    }

    #[test]
    fn a_target_that_never_passes_is_unhealthy_without_having_been_healthy() {
        let always = [Window { from: SimTime::ZERO, until: SimTime::MAX }];
        assert_eq!(changes(&DEFAULT, &always), [(42, TargetState::Unhealthy)]);
        assert_eq!(changes(&DEFAULT, &[window(0, 13)])[0], (42, TargetState::Healthy));
    }
}

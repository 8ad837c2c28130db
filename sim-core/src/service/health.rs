//! When a task counts as healthy, and when a failed check counts.

use crate::units::SimDuration;

/// What tells the scheduler about the health of a service's tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HealthSources {
    /// A load balancer's target group.
    pub load_balancer: bool,
    /// A health check of an essential container.
    pub container_check: bool,
}

/// What is known about a task's health.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ObservedHealth {
    /// Time since RUNNING; `None` before.
    pub running_for: Option<SimDuration>,
    /// Whether its target is healthy.
    pub target_healthy: bool,
    /// Whether its essential containers are HEALTHY.
    pub containers_healthy: bool,
}

/// Whether a task counts as healthy: every source that exists must say so; without any, the task must
/// have been RUNNING for `delay`.
///
/// The API text has 40 s for that delay; others say RUNNING only. Deployments and steady state take
/// the first, the draining of an instance the second; both are settings.
pub fn counts_as_healthy(
    sources: HealthSources,
    health: &ObservedHealth,
    delay: SimDuration,
) -> bool {
    let Some(running_for) = health.running_for else { return false };
    if !sources.load_balancer && !sources.container_check {
        return delay <= running_for;
    }
    (health.target_healthy || !sources.load_balancer)
        && (health.containers_healthy || !sources.container_check)
}

/// Whether a failed check of load balancer or containers counts: not within
/// `healthCheckGracePeriodSeconds` after the start.
pub fn failure_counts(running_for: SimDuration, grace_period: SimDuration) -> bool {
    grace_period <= running_for
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELAY: SimDuration = SimDuration::from_secs(40);

    fn after(seconds: u64, target_healthy: bool, containers_healthy: bool) -> ObservedHealth {
        let running_for = Some(SimDuration::from_secs(seconds));
        ObservedHealth { running_for, target_healthy, containers_healthy }
    }

    #[test]
    fn without_any_check_a_task_counts_forty_seconds_after_running() {
        let none = HealthSources::default();
        assert!(!counts_as_healthy(none, &ObservedHealth::default(), SimDuration::ZERO));
        assert!(!counts_as_healthy(none, &after(39, true, true), DELAY));
        assert!(counts_as_healthy(none, &after(40, false, false), DELAY));
        assert!(counts_as_healthy(none, &after(0, false, false), SimDuration::ZERO));
    }

    #[test]
    fn every_check_that_exists_must_pass() {
        let balancer = HealthSources { load_balancer: true, container_check: false };
        let container = HealthSources { load_balancer: false, container_check: true };
        let both = HealthSources { load_balancer: true, container_check: true };
        let row = |sources| {
            [(false, false), (true, false), (false, true), (true, true)].map(
                |(target, containers)| {
                    counts_as_healthy(sources, &after(1, target, containers), DELAY)
                },
            )
        };
        assert_eq!(row(balancer), [false, true, false, true]);
        assert_eq!(row(container), [false, false, true, true]);
        assert_eq!(row(both), [false, false, false, true]);
    }

    #[test]
    fn failures_count_from_the_end_of_the_grace_period() {
        let grace = SimDuration::from_secs(60);
        assert!(!failure_counts(SimDuration::from_secs(59), grace));
        assert!(failure_counts(SimDuration::from_secs(60), grace));
        assert!(failure_counts(SimDuration::ZERO, SimDuration::ZERO));
    }
}

//! When a deployment has failed: the deployment circuit breaker.
//!
//! A failure is a task of the new revision that goes to STOPPED without RUNNING or, once one of them
//! runs, a task that is replaced because a health check failed. Source: developer guide, *How the
//! deployment circuit breaker detects failures*, and the API's `ThresholdConfiguration`.

/// `thresholdConfiguration`: how many failures are too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threshold {
    /// `COUNT`.
    Count(u32),
    /// `BOUNDED_PERCENT` of the desired count, at least the rule set's minimum and at most 200.
    BoundedPercent(u32),
    /// `UNBOUNDED_PERCENT` of the desired count.
    UnboundedPercent(u32),
}

/// Largest threshold of [`Threshold::BoundedPercent`].
const LARGEST_BOUNDED: u32 = 200;

impl Default for Threshold {
    fn default() -> Self {
        Self::BoundedPercent(50)
    }
}

impl Threshold {
    /// Failures that end a deployment of `desired` tasks; `minimum` is the rule set's.
    pub fn failures(self, desired: u32, minimum: u32) -> u32 {
        let part = |percent: u32| {
            let tasks = (u64::from(desired) * u64::from(percent)).div_ceil(100);
            u32::try_from(tasks).unwrap_or(u32::MAX)
        };
        match self {
            Self::Count(count) => count,
            Self::BoundedPercent(percent) => part(percent).max(minimum).min(LARGEST_BOUNDED),
            // A deployment of nothing has no failures to count.
            Self::UnboundedPercent(percent) => part(percent).max(1),
        }
    }
}

/// `deploymentCircuitBreaker` of a service, enabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CircuitBreaker {
    /// Whether a failed deployment is rolled back.
    pub rollback: bool,
    /// Failures that are too many.
    pub threshold: Threshold,
    /// Whether a task that becomes healthy starts the count afresh.
    pub reset_on_healthy_task: bool,
}

/// The count of one deployment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FailureCount {
    /// Failures since the last reset.
    pub current: u32,
}

impl FailureCount {
    /// Counts a failure; whether the deployment has failed with it.
    pub fn fail(&mut self, breaker: &CircuitBreaker, desired: u32, minimum: u32) -> bool {
        self.current = self.current.saturating_add(1);
        breaker.threshold.failures(desired, minimum) <= self.current
    }

    /// A task of the deployment became healthy.
    pub fn task_became_healthy(&mut self, breaker: &CircuitBreaker) {
        if breaker.reset_on_healthy_task {
            self.current = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounded(minimum: u32, desired: &[u32]) -> Vec<u32> {
        desired.iter().map(|it| Threshold::default().failures(*it, minimum)).collect()
    }

    #[test]
    fn tv_41_documented_thresholds() {
        assert_eq!(bounded(3, &[1, 25, 400, 800]), [3, 13, 200, 200]);
    }

    #[test]
    fn tv_42_derived_thresholds() {
        assert_eq!(bounded(3, &[5, 6, 7, 100, 399]), [3, 3, 4, 50, 200]);
    }

    #[test]
    fn tv_43_unbounded_half_of_800_is_400() {
        assert_eq!(Threshold::UnboundedPercent(50).failures(800, 3), 400);
    }

    #[test]
    fn tv_44_the_minimum_was_ten_until_2023_06() {
        assert_eq!(bounded(10, &[1, 25]), [10, 13]);
    }

    #[test]
    fn a_count_is_taken_as_it_is() {
        assert_eq!(Threshold::Count(1).failures(800, 3), 1);
    }

    #[test]
    fn the_deployment_fails_with_exactly_the_last_failure() {
        let breaker = CircuitBreaker {
            rollback: true,
            threshold: Threshold::default(),
            reset_on_healthy_task: true,
        };
        let mut count = FailureCount::default();
        let failed: Vec<bool> = (0..4).map(|_| count.fail(&breaker, 7, 3)).collect();
        assert_eq!(failed, [false, false, false, true]);
    }

    #[test]
    fn a_healthy_task_resets_the_count_unless_told_otherwise() {
        let mut breaker = CircuitBreaker {
            rollback: false,
            threshold: Threshold::Count(2),
            reset_on_healthy_task: true,
        };
        let mut count = FailureCount::default();
        assert!(!count.fail(&breaker, 1, 3));
        count.task_became_healthy(&breaker);
        assert!(!count.fail(&breaker, 1, 3));
        breaker.reset_on_healthy_task = false;
        count.task_became_healthy(&breaker);
        assert!(count.fail(&breaker, 1, 3));
    }
}

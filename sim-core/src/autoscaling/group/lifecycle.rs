//! Lifecycle hooks: how long an instance waits, and how the wait ends.
//!
//! Source: Auto Scaling user guide, *Lifecycle hooks*. A hook that nobody completes ends with its
//! default result after the heartbeat timeout. Heartbeats restart it, up to the lesser of 48 hours and
//! a hundred timeouts. An abandoned action ends the wait for all hooks of the transition.

use crate::engine::DurationDistribution;
use crate::units::SimDuration;

/// Longest wait that heartbeats can buy.
const GLOBAL_TIMEOUT: SimDuration = SimDuration::from_secs(48 * 3600);

/// How a lifecycle action ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActionResult {
    /// `CONTINUE`.
    Continue,
    /// `ABANDON`.
    Abandon,
}

/// Which transition a hook holds up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    /// `autoscaling:EC2_INSTANCE_LAUNCHING`.
    Launching,
    /// `autoscaling:EC2_INSTANCE_TERMINATING`.
    Terminating,
}

/// A lifecycle hook.
#[derive(Clone, Debug, PartialEq)]
pub struct LifecycleHook {
    /// `LifecycleHookName`.
    pub name: String,
    /// `LifecycleTransition`.
    pub transition: Transition,
    /// `HeartbeatTimeout`.
    pub heartbeat_timeout: SimDuration,
    /// `DefaultResult`.
    pub default_result: ActionResult,
    /// From the beginning of the wait to CompleteLifecycleAction; `None` if nobody calls it.
    pub completion: Option<DurationDistribution>,
    /// Share of the completions that abandon, between 0 and 1.
    pub abandoned_share: f64,
    /// Whether whoever completes it records heartbeats until then.
    pub heartbeats: bool,
}

impl Eq for LifecycleHook {}

impl LifecycleHook {
    /// How long the wait may last.
    pub fn limit(&self) -> SimDuration {
        if self.heartbeats {
            let hundred = self.heartbeat_timeout.as_nanos().saturating_mul(100);
            SimDuration::from_nanos(hundred.min(GLOBAL_TIMEOUT.as_nanos()))
        } else {
            self.heartbeat_timeout
        }
    }

    /// When this hook's action ends, and how: `time` decides when it is completed, `result` with what.
    pub fn outcome(&self, time: u64, result: u64) -> (SimDuration, ActionResult) {
        let limit = self.limit();
        let completed = self.completion.as_ref().map(|it| it.sample(time));
        match completed.filter(|after| *after < limit) {
            Some(after) => {
                // 53 bits are what fits a float exactly.
                let uniform = (result >> 11) as f64 / (1_u64 << 53) as f64;
                let abandoned = uniform < self.abandoned_share;
                (after, if abandoned { ActionResult::Abandon } else { ActionResult::Continue })
            }
            None => (limit, self.default_result),
        }
    }
}

/// When a wait for several hooks ends, and how: with the first that is abandoned, else with the last.
pub fn wait_for_hooks(
    outcomes: impl IntoIterator<Item = (SimDuration, ActionResult)>,
) -> Option<(SimDuration, ActionResult)> {
    outcomes.into_iter().reduce(|so_far, next| match (so_far.1, next.1) {
        (ActionResult::Abandon, ActionResult::Continue) => so_far,
        (ActionResult::Continue, ActionResult::Abandon) => next,
        (ActionResult::Abandon, ActionResult::Abandon) => {
            if next.0 < so_far.0 {
                next
            } else {
                so_far
            }
        }
        (ActionResult::Continue, ActionResult::Continue) => {
            if so_far.0 < next.0 {
                next
            } else {
                so_far
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(n: u64) -> SimDuration {
        SimDuration::from_secs(n)
    }

    fn hook(completion: Option<u64>, abandoned_share: f64) -> LifecycleHook {
        LifecycleHook {
            name: "hook".into(),
            transition: Transition::Launching,
            heartbeat_timeout: seconds(3600),
            default_result: ActionResult::Abandon,
            completion: completion.map(|it| DurationDistribution::Constant(seconds(it))),
            abandoned_share,
            heartbeats: false,
        }
    }

    #[test]
    fn a_hook_that_nobody_completes_ends_with_its_default_result() {
        assert_eq!(hook(None, 0.0).outcome(0, 0), (seconds(3600), ActionResult::Abandon));
        assert_eq!(hook(Some(4000), 0.0).outcome(0, 0), (seconds(3600), ActionResult::Abandon));
        assert_eq!(hook(Some(90), 0.0).outcome(0, 0), (seconds(90), ActionResult::Continue));
        assert_eq!(hook(Some(90), 1.0).outcome(0, u64::MAX), (seconds(90), ActionResult::Abandon));
        assert_eq!(hook(Some(90), 0.5).outcome(0, u64::MAX).1, ActionResult::Continue);
    }

    #[test]
    fn heartbeats_hold_a_wait_for_at_most_two_days_or_a_hundred_timeouts() {
        let mut hook = hook(Some(4000), 0.0);
        hook.heartbeats = true;
        assert_eq!(hook.outcome(0, 0), (seconds(4000), ActionResult::Continue));
        assert_eq!(hook.limit(), seconds(48 * 3600));
        hook.heartbeat_timeout = seconds(30);
        assert_eq!(hook.limit(), seconds(3000));
    }

    #[test]
    fn the_last_hook_ends_the_wait_and_the_first_abandoned_one() {
        use ActionResult::{Abandon, Continue};
        let wait = |outcomes: &[(u64, ActionResult)]| {
            let outcomes = outcomes.iter().map(|(after, result)| (seconds(*after), *result));
            wait_for_hooks(outcomes).map(|(after, result)| (after.as_secs_ceil(), result))
        };
        assert_eq!(wait(&[]), None);
        assert_eq!(wait(&[(10, Continue), (30, Continue), (20, Continue)]), Some((30, Continue)));
        assert_eq!(wait(&[(10, Continue), (30, Abandon), (20, Abandon)]), Some((20, Abandon)));
    }
}

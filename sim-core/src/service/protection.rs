//! Task scale-in protection.
//!
//! A protected task survives scale-in and the removal of old tasks in a deployment; it does not survive
//! the loss of its instance, an interruption or (a choice of this model) a failed health check. Source:
//! developer guide, *Task scale-in protection*.

use crate::units::{SimDuration, SimTime};

/// Shortest protection, in minutes.
pub const SHORTEST_MINUTES: u32 = 1;
/// Longest protection, in minutes.
pub const LONGEST_MINUTES: u32 = 2880;
/// `expiresInMinutes` by default.
pub const DEFAULT_MINUTES: u32 = 120;

/// `DEPLOYMENT_BLOCKED`: more tasks would be protected than the service wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeploymentBlocked;

/// Protects one more task of a service from `now` on; the instant at which that ends.
///
/// # Errors
/// If more tasks than the desired count would be protected.
pub fn protect(
    protected: u32,
    desired: u32,
    now: SimTime,
    length: SimDuration,
) -> Result<SimTime, DeploymentBlocked> {
    if protected < desired { Ok(now + length) } else { Err(DeploymentBlocked) }
}

/// Whether protection that ends at `until` still holds.
pub fn is_protected(until: Option<SimTime>, now: SimTime) -> bool {
    until.is_some_and(|until| now < until)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protection_ends_on_time() {
        let length = SimDuration::from_secs(60 * u64::from(DEFAULT_MINUTES));
        let until = protect(0, 1, SimTime::from_secs(10), length).ok();
        assert_eq!(until, Some(SimTime::from_secs(7210)));
        assert!(is_protected(until, SimTime::from_secs(7209)));
        assert!(!is_protected(until, SimTime::from_secs(7210)));
        assert!(!is_protected(None, SimTime::ZERO));
    }

    #[test]
    fn no_more_tasks_than_desired_are_protected() {
        let length = SimDuration::from_secs(60);
        assert!(protect(1, 2, SimTime::ZERO, length).is_ok());
        assert_eq!(protect(2, 2, SimTime::ZERO, length), Err(DeploymentBlocked));
    }
}

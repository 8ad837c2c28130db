//! How many instances of a group may be replaced at once.
//!
//! Source: Auto Scaling user guide, *Instance maintenance policies* and *Instance refresh*. AWS rounds the
//! least share of healthy instances up; how it rounds the largest is open, here it is down. Where that
//! leaves no room for any replacement, one instance is terminated first if the least share is below
//! 100 %, and launched first if it is not.

use crate::units::SimDuration;

/// Shares of the desired capacity between which a group stays while it replaces instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaintenancePolicy {
    /// `MinHealthyPercentage`, 0 to 100.
    pub min_healthy_percentage: u32,
    /// `MaxHealthyPercentage`, 100 to 200.
    pub max_healthy_percentage: u32,
}

impl MaintenancePolicy {
    /// What a group without a policy does for health checks and refreshes: terminates at once, launches
    /// beside it.
    pub const TERMINATE_AND_LAUNCH: Self =
        Self { min_healthy_percentage: 0, max_healthy_percentage: 100 };

    /// The bounds of a group of `desired` instances.
    pub fn bounds(self, desired: u32) -> MaintenanceBounds {
        let of = u64::from(desired);
        let lower = (of * u64::from(self.min_healthy_percentage)).div_ceil(100);
        let upper = of * u64::from(self.max_healthy_percentage) / 100;
        // A share below all of a small group may round up to all of it; one instance goes all the same.
        let rounded_up = self.min_healthy_percentage < 100 && lower == of && upper == of;
        let lower = if rounded_up { lower.saturating_sub(1) } else { lower };
        MaintenanceBounds { lower: lower as u32, upper: upper as u32 }
    }

    /// What Auto Scaling would refuse, in plain words; empty if nothing.
    pub fn problems(self) -> Vec<String> {
        let Self { min_healthy_percentage: min, max_healthy_percentage: max } = self;
        let mut problems = Vec::new();
        if 100 < min || !(100..=200).contains(&max) {
            problems.push(format!(
                "`minHealthyPercentage` lies between 0 and 100 and `maxHealthyPercentage` between 100 \
                 and 200, not {min} and {max}"
            ));
        } else if 100 < max - min {
            problems.push(format!(
                "`minHealthyPercentage` {min} and `maxHealthyPercentage` {max} are more than 100 apart"
            ));
        }
        problems
    }
}

/// Numbers of instances between which a group stays while it replaces some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaintenanceBounds {
    /// Least healthy instances in service.
    pub lower: u32,
    /// Most instances, whatever their state.
    pub upper: u32,
}

/// What there is while instances are replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplacementCounts {
    /// `DesiredCapacity`.
    pub desired: u32,
    /// Healthy instances in service, those to be replaced included.
    pub healthy: u32,
    /// Instances to be replaced that count as healthy.
    pub healthy_marked: u32,
    /// Other instances to be replaced.
    pub unhealthy_marked: u32,
}

/// What happens at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplacementStep {
    /// Unhealthy instances to terminate.
    pub terminate_unhealthy: u32,
    /// Healthy instances to terminate.
    pub terminate_healthy: u32,
    /// By how much the group is larger than desired meanwhile.
    pub ahead: u32,
}

/// One step of a replacement: terminates what the lower bound allows, and has launched ahead of their
/// termination, up to the upper bound, what it does not.
pub fn replacement_step(counts: &ReplacementCounts, bounds: MaintenanceBounds) -> ReplacementStep {
    let ReplacementCounts { desired, healthy, healthy_marked, unhealthy_marked } = *counts;
    let lower = bounds.lower.min(desired);
    // An unhealthy instance adds nothing to the healthy ones: only a group that is to hold all of its
    // capacity keeps it until its replacement is in service.
    let terminate_unhealthy = if lower < desired {
        unhealthy_marked
    } else {
        unhealthy_marked.min((healthy + unhealthy_marked).saturating_sub(desired))
    };
    let terminate_healthy = healthy_marked.min(healthy.saturating_sub(lower));
    let waiting = (healthy_marked - terminate_healthy) + (unhealthy_marked - terminate_unhealthy);
    let room = bounds.upper.saturating_sub(desired);
    let room = if room == 0 && desired <= lower { 1 } else { room };
    ReplacementStep { terminate_unhealthy, terminate_healthy, ahead: waiting.min(room) }
}

/// A rolling replacement of all instances of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceRefresh {
    /// `MinHealthyPercentage` and `MaxHealthyPercentage`.
    pub bounds: MaintenancePolicy,
    /// `InstanceWarmup`; by default that of the group, then its grace period.
    pub instance_warmup: SimDuration,
    /// `CheckpointPercentages`, ascending.
    pub checkpoint_percentages: Vec<u32>,
    /// `CheckpointDelay`.
    pub checkpoint_delay: SimDuration,
    /// `SkipMatching`: instances that the current version launched stay.
    pub skip_matching: bool,
}

impl InstanceRefresh {
    /// How many of `total` instances may be replaced before the pause of the first checkpoint that
    /// comes after `passed` of them; all after the last.
    pub fn until_checkpoint(&self, passed: usize, total: u32) -> u32 {
        self.checkpoint_percentages.get(passed).map_or(total, |percent| {
            (u64::from(total) * u64::from(*percent)).div_ceil(100).min(u64::from(total)) as u32
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(min: u32, max: u32) -> MaintenancePolicy {
        MaintenancePolicy { min_healthy_percentage: min, max_healthy_percentage: max }
    }

    #[test]
    fn tv_mnt_1_bounds_of_a_group_and_of_a_warm_pool() {
        let bounds = |desired| {
            let MaintenanceBounds { lower, upper } = policy(90, 120).bounds(desired);
            (lower, upper)
        };
        assert_eq!(bounds(100), (90, 120));
        assert_eq!(bounds(10), (9, 12));
    }

    fn step(desired: u32, marked: u32, in_service: u32, of: MaintenancePolicy) -> (u32, u32) {
        let counts = ReplacementCounts {
            desired,
            healthy: in_service,
            healthy_marked: marked,
            unhealthy_marked: 0,
        };
        let step = replacement_step(&counts, of.bounds(desired));
        (step.terminate_healthy, step.ahead)
    }

    #[test]
    fn healthy_instances_go_as_far_as_the_lower_bound_lets_them() {
        // Default of a refresh: one of ten goes at a time, nothing is launched ahead.
        assert_eq!(step(10, 10, 10, policy(90, 100)), (1, 0));
        assert_eq!(step(10, 9, 9, policy(90, 100)), (0, 0));
        // Launch before terminating: ten percent more, none goes before they are there.
        assert_eq!(step(100, 100, 100, policy(100, 110)), (0, 10));
        assert_eq!(step(100, 100, 110, policy(100, 110)), (10, 10));
        // Both bounds at 100: one at a time, the new one first.
        assert_eq!(step(10, 10, 10, policy(100, 100)), (0, 1));
        assert_eq!(step(10, 10, 11, policy(100, 100)), (1, 1));
        // In between: both at once.
        assert_eq!(step(10, 10, 10, policy(90, 120)), (1, 2));
    }

    #[test]
    fn unhealthy_instances_go_at_once_unless_the_policy_launches_first() {
        let counts = |healthy, marked| ReplacementCounts {
            desired: 4,
            healthy,
            healthy_marked: 0,
            unhealthy_marked: marked,
        };
        let default = MaintenancePolicy::TERMINATE_AND_LAUNCH.bounds(4);
        let step = replacement_step(&counts(3, 1), default);
        assert_eq!((step.terminate_unhealthy, step.ahead), (1, 0));
        let first = policy(100, 125).bounds(4);
        let step = replacement_step(&counts(3, 1), first);
        assert_eq!((step.terminate_unhealthy, step.ahead), (0, 1));
        let step = replacement_step(&counts(4, 1), first);
        assert_eq!((step.terminate_unhealthy, step.ahead), (1, 0));
        // Half may be missing: it goes although only two of four are healthy.
        let step = replacement_step(&counts(1, 3), policy(50, 100).bounds(4));
        assert_eq!((step.terminate_unhealthy, step.ahead), (3, 0));
    }

    #[test]
    fn the_group_never_leaves_its_bounds() {
        for (min, max) in [(0, 100), (50, 100), (90, 100), (90, 120), (100, 100), (100, 200)] {
            for desired in 1..30 {
                let bounds = policy(min, max).bounds(desired);
                for marked in 0..=desired {
                    let (gone, ahead) = step(desired, marked, desired, policy(min, max));
                    assert!(bounds.lower <= desired - gone, "{min} {max} {desired} {marked}");
                    assert!((desired * min).div_ceil(100) <= bounds.lower + 1);
                    let one = u32::from(bounds.upper == desired);
                    assert!(desired + ahead <= bounds.upper + one);
                    assert!(marked == 0 || 0 < gone + ahead, "it does not stand still");
                }
            }
        }
    }

    #[test]
    fn percentages_that_aws_refuses_are_named() {
        assert!(policy(90, 120).problems().is_empty());
        assert!(policy(0, 100).problems().is_empty());
        for (min, max) in [(101, 120), (90, 99), (90, 201), (50, 151)] {
            assert_eq!(policy(min, max).problems().len(), 1, "{min} {max}");
        }
    }

    #[test]
    fn checkpoints_are_shares_of_all_instances_rounded_up() {
        let refresh = InstanceRefresh {
            bounds: policy(90, 100),
            instance_warmup: SimDuration::ZERO,
            checkpoint_percentages: vec![20, 50, 100],
            checkpoint_delay: SimDuration::from_secs(3600),
            skip_matching: false,
        };
        let until = |passed, total| refresh.until_checkpoint(passed, total);
        assert_eq!((until(0, 10), until(1, 10), until(2, 10), until(3, 10)), (2, 5, 10, 10));
        assert_eq!((until(0, 3), until(1, 3)), (1, 2));
    }
}

//! How an Auto Scaling group runs its instances.

use std::collections::BTreeSet;

use crate::autoscaling::group::{
    CapacityDistribution, GroupScaling, InstanceRefresh, LaunchSource, LifecycleHook,
    MaintenancePolicy, TerminationPolicy, ZoneOrder,
};
use crate::units::{SimDuration, SimTime};

/// How a group runs its instances, apart from their kind and number.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupOperation {
    /// What is launched at the start.
    pub launch_source: LaunchSource,
    /// `LifecycleHooks`.
    pub lifecycle_hooks: Vec<LifecycleHook>,
    /// Health checks.
    pub health_checks: HealthChecks,
    /// `InstanceMaintenancePolicy`, if there is one.
    pub maintenance: Option<MaintenancePolicy>,
    /// `TerminationPolicies`.
    pub termination_policies: Vec<TerminationPolicy>,
    /// `NewInstancesProtectedFromScaleIn`.
    pub new_instances_protected: bool,
    /// `AvailabilityZoneDistribution`.
    pub distribution: CapacityDistribution,
    /// What decides between equal zones.
    pub zone_order: ZoneOrder,
    /// `SuspendedProcesses` at the start.
    pub suspended: BTreeSet<Process>,
    /// `MaxInstanceLifetime`.
    pub max_instance_lifetime: Option<SimDuration>,
    /// Instance refreshes.
    pub refreshes: Vec<InstanceRefresh>,
    /// Scaling policies.
    pub scaling: GroupScaling,
    /// What changes during the run, in time order.
    pub changes: Vec<GroupChange>,
}

impl Default for GroupOperation {
    fn default() -> Self {
        Self {
            launch_source: LaunchSource::default(),
            lifecycle_hooks: Vec::new(),
            health_checks: HealthChecks::default(),
            maintenance: None,
            termination_policies: vec![TerminationPolicy::Default],
            new_instances_protected: false,
            distribution: CapacityDistribution::default(),
            zone_order: ZoneOrder::default(),
            suspended: BTreeSet::new(),
            max_instance_lifetime: None,
            refreshes: Vec::new(),
            scaling: GroupScaling::default(),
            changes: Vec::new(),
        }
    }
}

/// Health checks of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthChecks {
    /// Whether `HealthCheckType` names `ELB` beside `EC2`.
    pub load_balancer: bool,
    /// `HealthCheckGracePeriod`, from the instance's entry into service.
    pub grace_period: SimDuration,
    /// Interval of the checks.
    pub period: SimDuration,
    /// How long status checks must fail before the instance counts as unhealthy.
    pub impaired_after: SimDuration,
}

impl Default for HealthChecks {
    fn default() -> Self {
        Self {
            load_balancer: false,
            grace_period: SimDuration::ZERO,
            period: SimDuration::from_secs(60),
            impaired_after: SimDuration::from_secs(120),
        }
    }
}

/// A process of a group that can be suspended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Process {
    /// `Launch`.
    Launch,
    /// `Terminate`.
    Terminate,
    /// `HealthCheck`.
    HealthCheck,
    /// `ReplaceUnhealthy`.
    ReplaceUnhealthy,
    /// `AZRebalance`.
    AZRebalance,
    /// `AlarmNotification`: managed scaling of a capacity provider and dynamic policies act no more.
    AlarmNotification,
    /// `ScheduledActions`.
    ScheduledActions,
    /// `InstanceRefresh`.
    InstanceRefresh,
}

/// A change of a group during the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupChange {
    /// When.
    pub at: SimTime,
    /// What.
    pub update: GroupUpdate,
}

/// What changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupUpdate {
    /// What is launched from now on.
    LaunchSource(LaunchSource),
    /// Whether each of the group's zones is used from now on, by their position.
    Zones(Vec<bool>),
    /// SuspendProcesses.
    Suspend(BTreeSet<Process>),
    /// ResumeProcesses.
    Resume(BTreeSet<Process>),
    /// UpdateAutoScalingGroup, or a scheduled action.
    Capacity(CapacityChange),
    /// StartInstanceRefresh: the position in the list of refreshes.
    Refresh(usize),
}

/// New sizes of a group; what is `None` stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapacityChange {
    /// Name of the scheduled action; `None` for a user's request.
    pub scheduled_action: Option<String>,
    /// `MinSize`.
    pub min_size: Option<u32>,
    /// `MaxSize`.
    pub max_size: Option<u32>,
    /// `DesiredCapacity`.
    pub desired_capacity: Option<u32>,
}

impl CapacityChange {
    /// Minimum, maximum and desired capacity after the change of a group that has `min`, `max` and
    /// `desired`. A desired capacity that is not named moves into the new bounds.
    ///
    /// # Errors
    /// If the minimum would exceed the maximum, or if the named desired capacity lies outside.
    pub fn apply(&self, min: u32, max: u32, desired: u32) -> Result<(u32, u32, u32), String> {
        let (min, max) = (self.min_size.unwrap_or(min), self.max_size.unwrap_or(max));
        if max < min {
            return Err(format!("minimum size {min} would exceed maximum size {max}"));
        }
        match self.desired_capacity {
            Some(named) if named < min || max < named => {
                Err(format!("desired capacity {named} does not lie between {min} and {max}"))
            }
            Some(named) => Ok((min, max, named)),
            None => Ok((min, max, desired.clamp(min, max))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(min: Option<u32>, max: Option<u32>, desired: Option<u32>) -> CapacityChange {
        CapacityChange {
            scheduled_action: Some("morning".into()),
            min_size: min,
            max_size: max,
            desired_capacity: desired,
        }
    }

    #[test]
    fn tv_sch_2_a_desired_capacity_is_set_exactly() {
        let morning = change(None, None, Some(3));
        assert_eq!(morning.apply(0, 10, 2), Ok((0, 10, 3)));
        assert_eq!(morning.apply(0, 10, 5), Ok((0, 10, 3)));
    }

    #[test]
    fn bounds_move_the_capacity_only_as_far_as_they_must() {
        assert_eq!(change(Some(8), None, None).apply(2, 20, 5), Ok((8, 20, 8)));
        assert_eq!(change(None, Some(4), None).apply(2, 20, 5), Ok((2, 4, 4)));
        assert_eq!(change(Some(1), None, None).apply(2, 20, 5), Ok((1, 20, 5)));
        assert_eq!(change(Some(0), Some(0), None).apply(2, 20, 5), Ok((0, 0, 0)));
        assert!(change(Some(30), None, None).apply(2, 20, 5).is_err());
        assert!(change(None, None, Some(21)).apply(2, 20, 5).is_err());
    }
}

//! How an Auto Scaling group runs its instances, and what changes about it during the run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::distribution::Distribution;
use super::kinds::{Length, Seconds};

/// A lifecycle hook of a group.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-plimsoll-ignored" = [
    "autoScalingGroupName", "globalTimeout", "notificationMetadata", "notificationTargetARN", "roleARN"
]))]
pub struct LifecycleHook {
    /// Name.
    #[schemars(length(min = 1, max = 255))]
    pub lifecycle_hook_name: String,
    /// Transition that it holds up.
    pub lifecycle_transition: LifecycleTransition,
    /// Wait without a heartbeat after which the default result counts. Default: 3600 s.
    #[serde(default = "default_heartbeat")]
    #[schemars(extend("x-plimsoll-min" = "30s", "x-plimsoll-max" = "7200s"))]
    pub heartbeat_timeout: Seconds,
    /// Result when the wait ends by itself.
    #[serde(default)]
    pub default_result: ActionResult,
    /// From the beginning of the wait to CompleteLifecycleAction. Never if absent.
    #[serde(default)]
    pub completed_after: Option<Distribution>,
    /// Share of the completions whose result is `ABANDON`.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub abandoned_share: f64,
    /// Whether heartbeats are recorded until it is completed: for at most 48 hours or 100 timeouts.
    #[serde(default)]
    pub records_heartbeats: bool,
}

fn default_heartbeat() -> Seconds {
    Seconds::from_secs(3600)
}

/// Transition of a lifecycle hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum LifecycleTransition {
    /// From launch to service.
    #[serde(rename = "autoscaling:EC2_INSTANCE_LAUNCHING")]
    Launching,
    /// From service to termination.
    #[serde(rename = "autoscaling:EC2_INSTANCE_TERMINATING")]
    Terminating,
}

/// Result of a lifecycle action.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum ActionResult {
    /// The instance goes on.
    Continue,
    /// A launching instance is terminated.
    #[default]
    Abandon,
}

/// Shares of the desired capacity between which a group stays while it replaces instances. Both -1, as
/// AWS prints it, for no policy.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MaintenancePolicy {
    /// Least healthy instances, in percent.
    #[schemars(range(min = -1, max = 100))]
    pub min_healthy_percentage: i32,
    /// Most instances, in percent: from 100.
    #[schemars(range(min = -1, max = 200))]
    pub max_healthy_percentage: i32,
}

/// Which instance a scale-in terminates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TerminationPolicy {
    /// Launch source, then the next billing hour, then any.
    Default,
    /// By the allocation strategy.
    AllocationStrategy,
    /// Of the oldest launch template.
    OldestLaunchTemplate,
    /// Of the oldest launch configuration.
    OldestLaunchConfiguration,
    /// Nearest to its next billing hour.
    ClosestToNextInstanceHour,
    /// The newest.
    NewestInstance,
    /// The oldest.
    OldestInstance,
}

/// What a group does when the zone with fewest instances has no room.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ZoneDistribution {
    /// Strategy.
    #[serde(default)]
    pub capacity_distribution_strategy: CapacityDistributionStrategy,
}

/// What a group does when the zone with fewest instances has no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CapacityDistributionStrategy {
    /// It launches in another zone.
    #[default]
    BalancedBestEffort,
    /// It keeps trying there.
    BalancedOnly,
}

/// What decides between zones with equally few instances.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ZoneOrder {
    /// Listed order, rotated by the number of launches.
    #[default]
    Rotated,
    /// Listed order.
    Listed,
}

/// A process that is suspended at the start.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-plimsoll-ignored" = ["suspensionReason"]))]
pub struct SuspendedProcess {
    /// Process.
    pub process_name: Process,
}

/// A process of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Process {
    /// Launches.
    Launch,
    /// Terminations.
    Terminate,
    /// Health checks.
    HealthCheck,
    /// Replacement of unhealthy instances.
    ReplaceUnhealthy,
    /// Balance of zones.
    AZRebalance,
    /// Scaling policies, managed scaling by ECS among them.
    AlarmNotification,
    /// Scheduled changes of the sizes.
    ScheduledActions,
    /// Instance refreshes.
    InstanceRefresh,
    /// Targets of the group itself; those of tasks are registered by ECS all the same.
    AddToLoadBalancer,
}

/// A change of a group during the run; at least one field beside `at`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("minProperties" = 2))]
pub struct GroupUpdate {
    /// When, from the start of the run.
    pub at: Length,
    /// Name of the scheduled action that makes the change of sizes. Default: a user does.
    #[serde(default)]
    pub scheduled_action_name: Option<String>,
    /// New smallest size.
    #[serde(default)]
    #[schemars(range(min = 0, max = 10000))]
    pub min_size: Option<u32>,
    /// New largest size.
    #[serde(default)]
    #[schemars(range(min = 0, max = 10000))]
    pub max_size: Option<u32>,
    /// New desired capacity.
    #[serde(default)]
    #[schemars(range(min = 0, max = 10000))]
    pub desired_capacity: Option<u32>,
    /// Version of the launch template from now on.
    #[serde(default)]
    #[schemars(range(min = 1, max = 10000))]
    pub launch_template_version: Option<u32>,
    /// Zones from now on, out of the group's.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub availability_zones: Option<Vec<String>>,
    /// SuspendProcesses.
    #[serde(default)]
    pub suspend_processes: Vec<Process>,
    /// ResumeProcesses.
    #[serde(default)]
    pub resume_processes: Vec<Process>,
    /// StartInstanceRefresh with these preferences.
    #[serde(default)]
    pub instance_refresh: Option<RefreshPreferences>,
}

/// Preferences of an instance refresh.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-plimsoll-not-simulated" = {
    "alarmSpecification": { "means": "alarms of a refresh are" },
    "autoRollback": { "means": "rolling a refresh back is", "unless": ["false"] },
    "bakeTime": { "means": "a bake time is" },
    "scaleInProtectedInstances": { "means": "refreshing protected instances otherwise is" },
    "standbyInstances": { "means": "Standby is" }
}))]
pub struct RefreshPreferences {
    /// Least healthy instances, in percent. Default: that of the maintenance policy, then 90.
    #[serde(default)]
    #[schemars(range(min = 0, max = 100))]
    pub min_healthy_percentage: Option<u32>,
    /// Most instances, in percent. Default: that of the maintenance policy, then 100.
    #[serde(default)]
    #[schemars(range(min = 100, max = 200))]
    pub max_healthy_percentage: Option<u32>,
    /// Time in service until a new instance counts. Default: the group's default warm-up, then its grace
    /// period.
    #[serde(default)]
    pub instance_warmup: Option<Seconds>,
    /// Shares of the instances after which the refresh pauses, ascending.
    #[serde(default)]
    #[schemars(inner(range(min = 1, max = 100)))]
    pub checkpoint_percentages: Vec<u32>,
    /// Length of a pause. Default: 3600 s.
    #[serde(default)]
    pub checkpoint_delay: Option<Seconds>,
    /// Whether instances of the current version stay.
    #[serde(default)]
    pub skip_matching: bool,
}

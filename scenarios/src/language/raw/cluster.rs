//! Auto Scaling groups and capacity providers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::containers::EcsAgent;
use super::distribution::Distribution;
use super::group::{
    GroupUpdate, LifecycleHook, MaintenancePolicy, SuspendedProcess, TerminationPolicy,
    ZoneDistribution, ZoneOrder,
};
use super::group_scaling::{GroupScalingPolicy, GroupScheduledAction, InstanceMonitoring};
use super::kinds::{Bytes, Length, Mebibytes, Seconds};
use super::purchase::{MixedInstancesPolicy, OnOff};
use super::scaling::Alarm;
use super::yes;

/// An EC2 Auto Scaling group of container instances.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-plimsoll-ignored" = [
    "autoScalingGroupARN", "context", "createdTime",
    "deletionProtection", "desiredCapacityType",
    "enabledMetrics", "placementGroup", "predictedCapacity", "instances", "launchConfigurationName",
    "launchTemplate", "loadBalancerNames",
    "serviceLinkedRoleARN", "status", "tags", "targetGroupARNs",
    "trafficSources", "vPCZoneIdentifier"
],
    "x-plimsoll-not-simulated" = {
        "availabilityZoneImpairmentPolicy": {
            "means": "zonal shift is", "unless": ["IgnoreUnhealthy", "ReplaceUnhealthy"]
        },
        "capacityReservationSpecification": { "means": "capacity reservations are", "unless": ["default"] },
        "warmPoolConfiguration": { "means": "warm pools are" },
        "warmPoolSize": { "means": "warm pools are" }
    }
))]
pub struct AutoScalingGroup {
    /// Name by which capacity providers refer to the group.
    #[schemars(length(min = 1, max = 255))]
    pub auto_scaling_group_name: String,
    /// EC2 instance type, for example `m7g.large`. A `mixedInstancesPolicy` with overrides takes its place.
    #[serde(default)]
    pub instance_type: Option<String>,
    /// Several instance types and purchase options.
    #[serde(default)]
    pub mixed_instances_policy: Option<MixedInstancesPolicy>,
    /// Whether Spot Instances are replaced as soon as EC2 recommends it.
    #[serde(default)]
    pub capacity_rebalance: bool,
    /// Zones in which instances are launched; the region's first three by default.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub availability_zones: Option<Vec<String>>,
    /// Smallest size.
    #[schemars(range(min = 0, max = 10000))]
    pub min_size: u32,
    /// Largest size.
    #[schemars(range(min = 0, max = 10000))]
    pub max_size: u32,
    /// Size at the start; `minSize` by default.
    #[serde(default)]
    #[schemars(range(min = 0, max = 10000))]
    pub desired_capacity: Option<u32>,
    /// Whether the first instances are registered when the run starts, or are launched then.
    #[serde(default = "yes")]
    pub starts_ready: bool,
    /// From the launch decision to running. Default: lognormal, median 40 s, sigma 0.4 (95 % within
    /// 77 s).
    #[serde(default = "default_launch_time")]
    pub launch_time: Distribution,
    /// From running to registered with the cluster. Default: 15 s.
    #[serde(default = "default_registration_time")]
    pub registration_time: Distribution,
    /// From a changed desired capacity to the group's action. Default: uniform between 2 s and 27 s.
    #[serde(default = "default_reconcile_lag")]
    pub reconcile_lag: Distribution,
    /// Root volume (gp3). Default: 30 GiB, the size of the ECS-optimized image; 0 for none.
    #[serde(default = "default_root_volume_size")]
    #[schemars(range(min = 0, max = 16384))]
    pub root_volume_size: u32,
    /// Memory that an instance registers with ECS; overrides `memoryLoss`.
    #[serde(default)]
    pub registered_memory: Option<Mebibytes>,
    /// Share of the nominal memory lost to kernel and platform. In steps of 0.001.
    /// Default: 0.025 on Linux, 1 MiB on Windows.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 0.9))]
    pub memory_loss: Option<f64>,
    /// `ECS_RESERVED_MEMORY` of the agent, taken off what is registered.
    #[serde(default = "no_memory")]
    pub reserved_memory: Mebibytes,
    /// Settings of the ECS agent.
    #[serde(default)]
    pub ecs_agent: EcsAgent,
    /// Bytes that an instance pulls and unpacks per second. Default: 65 MB.
    #[serde(default = "default_pull_bandwidth")]
    pub image_pull_bandwidth: Bytes,
    /// Custom attributes of the instances (`ECS_INSTANCE_ATTRIBUTES`), which placement constraints
    /// and strategies can name.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub attributes: Vec<Attribute>,
    /// `ecs.ami-id` of the instances. Default: one made up from the operating system and processor.
    #[serde(default)]
    #[schemars(regex(pattern = r"^ami-[a-z0-9]+$"))]
    pub ami_id: Option<String>,
    /// `ecs.vpc-id` of the instances. Default: one made up from the region.
    #[serde(default)]
    #[schemars(regex(pattern = r"^vpc-[a-z0-9]+$"))]
    pub vpc_id: Option<String>,
    /// `ecs.subnet-id` of the instances in each of the `availabilityZones`, in their order. Default:
    /// one made up per zone.
    #[serde(default)]
    pub subnets: Option<Vec<String>>,
    /// Version of the container agent, for `agentVersion` in placement constraints. Default: 1.98.0.
    #[serde(default = "default_agent_version")]
    #[schemars(regex(pattern = r"^[0-9]+(\.[0-9]+)*$"))]
    pub agent_version: String,
    /// Account setting `awsvpcTrunking`: more network interfaces for `awsvpc` tasks.
    #[serde(default)]
    pub awsvpc_trunking: bool,
    /// Operating system of the image.
    #[serde(default)]
    pub operating_system: OperatingSystem,
    /// `EC2`, or `EC2,ELB` for the checks of the load balancers of the tasks too. Default: `EC2`.
    #[serde(default)]
    pub health_check_type: Option<String>,
    /// Time in service before failed checks count. Default: 0, as in the API.
    #[serde(default = "no_time")]
    pub health_check_grace_period: Seconds,
    /// Interval of the health checks. Default: 60 s.
    #[serde(default = "default_health_check_interval")]
    #[schemars(extend("x-plimsoll-min" = "1s"))]
    pub health_check_interval: Seconds,
    /// How long status checks fail before the instance counts as unhealthy. Default: 120 s.
    #[serde(default = "default_impaired_after")]
    pub impaired_after: Seconds,
    /// Between which sizes instances are replaced. Default: unhealthy ones at once.
    #[serde(default)]
    pub instance_maintenance_policy: Option<MaintenancePolicy>,
    /// Which instance a scale-in terminates: each policy narrows what the one before it left.
    #[serde(default)]
    pub termination_policies: Vec<TerminationPolicy>,
    /// Whether a scale-in spares the group's instances. Where ECS manages the protection, it spares those
    /// with tasks.
    #[serde(default)]
    pub new_instances_protected_from_scale_in: bool,
    /// What happens when the zone with fewest instances has no room.
    #[serde(default)]
    pub availability_zone_distribution: ZoneDistribution,
    /// What decides between zones with equally few instances.
    #[serde(default)]
    pub zone_order: ZoneOrder,
    /// Age at which an instance is replaced, at least a day; 0 for never.
    #[serde(default)]
    pub max_instance_lifetime: Option<Seconds>,
    /// Processes that are suspended at the start.
    #[serde(default)]
    pub suspended_processes: Vec<SuspendedProcess>,
    /// Lifecycle hooks.
    #[serde(default)]
    #[schemars(length(max = 50))]
    pub lifecycle_hooks: Vec<LifecycleHook>,
    /// Scaling policies. A group whose capacity provider has managed scaling needs none.
    #[serde(default)]
    #[schemars(length(max = 50))]
    pub scaling_policies: Vec<GroupScalingPolicy>,
    /// The alarms of simple and step policies, as `aws cloudwatch describe-alarms` prints them. Alarms that
    /// target tracking manages itself are skipped.
    #[serde(default)]
    #[schemars(length(max = 500))]
    pub metric_alarms: Vec<Alarm>,
    /// Scheduled actions.
    #[serde(default)]
    #[schemars(length(max = 125))]
    pub scheduled_update_group_actions: Vec<GroupScheduledAction>,
    /// Pause after an activity of simple scaling. Default: 300 s.
    #[serde(default = "default_cooldown")]
    pub default_cooldown: Seconds,
    /// Time in service until an instance counts for policies and in the group's metrics, at most an hour.
    /// Default: in metrics at once, for policies `defaultCooldown`.
    #[serde(default)]
    #[schemars(extend("x-plimsoll-max" = "3600s"))]
    pub default_instance_warmup: Option<Seconds>,
    /// How often EC2 publishes metrics of the instances.
    #[serde(default)]
    pub instance_monitoring: InstanceMonitoring,
    /// Version of the launch template at the start.
    #[serde(default = "first_version")]
    #[schemars(range(min = 1, max = 10000))]
    pub launch_template_version: u32,
    /// What changes during the run.
    #[serde(default)]
    #[schemars(length(max = 10000))]
    pub updates: Vec<GroupUpdate>,
}

fn no_time() -> Seconds {
    Seconds::from_secs(0)
}

fn default_health_check_interval() -> Seconds {
    Seconds::from_secs(60)
}

fn default_impaired_after() -> Seconds {
    Seconds::from_secs(120)
}

fn default_cooldown() -> Seconds {
    Seconds::from_secs(300)
}

fn first_version() -> u32 {
    1
}

fn default_launch_time() -> Distribution {
    Distribution::median_sigma(40, 0.4)
}

fn default_registration_time() -> Distribution {
    Distribution::seconds(15)
}

fn default_reconcile_lag() -> Distribution {
    Distribution::uniform(2, 27)
}

fn default_root_volume_size() -> u32 {
    30
}

fn default_pull_bandwidth() -> Bytes {
    Bytes(65_000_000)
}

fn default_agent_version() -> String {
    "1.98.0".to_owned()
}

/// A custom attribute of container instances.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-plimsoll-ignored" = ["targetId", "targetType"]))]
pub struct Attribute {
    /// Name: letters, digits and `-_/\.`.
    pub name: String,
    /// Value: letters, digits, blanks and `-_.@/\:`.
    pub value: String,
}

fn no_memory() -> Mebibytes {
    Mebibytes(0)
}

/// Operating system of an instance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum OperatingSystem {
    /// Linux.
    #[default]
    Linux,
    /// Windows Server.
    Windows,
}

/// A capacity provider. An entry for `FARGATE` or `FARGATE_SPOT`, as `describe-capacity-providers` prints
/// it, is accepted and needs nothing but its name.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-plimsoll-ignored" = [
    "capacityProviderArn", "cluster", "status", "tags", "updateStatus", "updateStatusReason", "type"
]))]
pub struct CapacityProvider {
    /// Name by which strategies refer to it.
    #[schemars(length(min = 1, max = 255))]
    pub name: String,
    /// The group and how it is scaled.
    #[serde(default)]
    pub auto_scaling_group_provider: Option<AutoScalingGroupProvider>,
}

/// The Auto Scaling group behind a capacity provider.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AutoScalingGroupProvider {
    /// Name of the group. `autoScalingGroupArn` with the group's ARN is accepted too.
    #[serde(default)]
    pub auto_scaling_group: Option<String>,
    /// ARN of the group, as the API has it: the name is what follows `autoScalingGroupName/`.
    #[serde(default)]
    pub auto_scaling_group_arn: Option<String>,
    /// Managed scaling. Off if absent.
    #[serde(default)]
    pub managed_scaling: Option<ManagedScaling>,
    /// Whether instances that run tasks are protected from scale-in. Needs managed scaling.
    #[serde(default)]
    pub managed_termination_protection: Status,
    /// Whether an instance is drained before it is terminated, for at most 48 hours. Default: by the AWS
    /// rules, on since 2024.
    #[serde(default)]
    pub managed_draining: Option<Status>,
}

/// Managed scaling of an Auto Scaling group by ECS.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ManagedScaling {
    /// Whether managed scaling is on.
    #[serde(default = "enabled")]
    pub status: Status,
    /// Wanted use of the group in percent.
    #[serde(default = "default_target_capacity")]
    #[schemars(range(min = 1, max = 100))]
    pub target_capacity: u32,
    /// Fewest instances added at once.
    #[serde(default = "default_minimum_step")]
    #[schemars(range(min = 1, max = 10000))]
    pub minimum_scaling_step_size: u32,
    /// Most instances added at once.
    #[serde(default = "default_maximum_step")]
    #[schemars(range(min = 1, max = 10000))]
    pub maximum_scaling_step_size: u32,
    /// Time after which a new instance counts in the metric. Default: 300 s.
    #[serde(default = "default_warmup")]
    #[schemars(extend("x-plimsoll-max" = "10000s"))]
    pub instance_warmup_period: Seconds,
}

fn enabled() -> Status {
    Status::Enabled
}

fn default_target_capacity() -> u32 {
    100
}

fn default_minimum_step() -> u32 {
    1
}

fn default_maximum_step() -> u32 {
    10_000
}

fn default_warmup() -> Seconds {
    Seconds::from_secs(300)
}

/// `ENABLED` or `DISABLED`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    /// On.
    Enabled,
    /// Off.
    #[default]
    Disabled,
}

/// Behaviour of Fargate Spot.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FargateSpot {
    /// Mean running time after which a task is interrupted (exponential). Never if absent.
    #[serde(default)]
    pub mean_time_to_interruption: Option<Length>,
    /// By turns capacity and none: without it no task can start on Fargate Spot. Default: always
    /// capacity.
    #[serde(default)]
    pub capacity: Option<OnOff>,
}

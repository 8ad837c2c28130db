//! Faults: what goes wrong, with whom, when, and for how long.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::distribution::Distribution;
use super::kinds::{Length, Whole};

/// Something that goes wrong: with tasks, with what they run on, or with the control plane.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    /// Name, also the label of its random draws. Default: its kind and position.
    #[serde(default)]
    #[schemars(length(min = 1, max = 255))]
    pub name: Option<String>,
    /// What goes wrong.
    #[serde(rename = "type")]
    pub kind: FaultType,
    /// Only with tasks of this service, or its metrics.
    #[serde(default)]
    pub service: Option<String>,
    /// Only with tasks of this entry of `runTask`.
    #[serde(default)]
    pub run_task: Option<String>,
    /// Only with tasks of this definition.
    #[serde(default)]
    pub task_definition: Option<String>,
    /// Container that it hits. Default: the first essential one.
    #[serde(default)]
    pub container: Option<String>,
    /// Zone that it hits; only instances in this zone.
    #[serde(default)]
    pub availability_zone: Option<String>,
    /// Only instances of this group.
    #[serde(default)]
    pub auto_scaling_group_name: Option<String>,
    /// Only launches of this type: of instances (`EC2`) or of tasks on Fargate.
    #[serde(default)]
    pub launch_type: Option<FaultLaunchType>,
    /// Share of these tasks or instances that it can hit, drawn once for each. Default: all.
    #[serde(default)]
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 1))]
    pub share: Option<f64>,
    /// Instances that stop each time, chosen at random. Default: 1.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub count: Option<u32>,
    /// Failures per hour that an instance runs, instead of times.
    #[serde(default)]
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 1000))]
    pub rate_per_instance_hour: Option<f64>,
    /// How many times longer it takes.
    #[serde(default)]
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 1000))]
    pub factor: Option<f64>,
    /// Share of quotas and rates that is left. Default: nothing, no task can be launched.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1))]
    pub remaining: Option<f64>,
    /// Only metrics of these names, as CloudWatch names them. Default: all.
    #[serde(default)]
    #[schemars(length(min = 1, max = 100))]
    pub metric_names: Option<Vec<String>>,
    /// How much later than usual data points are published.
    #[serde(default)]
    #[schemars(extend("x-plimsoll-min" = "1s", "x-plimsoll-max" = "14d"))]
    pub delay: Option<Length>,
    /// Instants at which it strikes what runs. Only for exits and failures of instances.
    #[serde(default)]
    #[schemars(length(max = 10_000))]
    pub at: Vec<Length>,
    /// When it begins to hold. Default: the start of the run.
    #[serde(default)]
    pub from: Option<Length>,
    /// When it ceases to hold. Default: the end of the run.
    #[serde(default)]
    pub until: Option<Length>,
    /// Random times: from the end of one to the beginning of the next, inside `from` and `until`.
    #[serde(default)]
    pub every: Option<Distribution>,
    /// How long each random time lasts.
    #[serde(default)]
    pub lasts: Option<Distribution>,
    /// Time to the exit, from `from`, or the start of the container if that is later. Only for exits.
    #[serde(default)]
    pub after: Option<Distribution>,
    /// Exit code, 0 to 255. Default: 1; 137 out of memory.
    #[serde(default)]
    pub exit_code: Option<Whole>,
    /// Insufficient capacity: of these instance types; a name may end in `*`. Default: all.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub instance_types: Option<Vec<String>>,
    /// Insufficient capacity: in these zones. Default: all.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub availability_zones: Option<Vec<String>>,
    /// Insufficient capacity: of this purchase option. Default: both.
    #[serde(default)]
    pub purchase_option: Option<PurchaseOption>,
    /// Insufficient capacity: at random, by turns, in place of `from` and `until`.
    #[serde(default)]
    pub capacity: Option<super::purchase::OnOff>,
    /// Insufficient capacity: share of the Spot Instances that is interrupted when it begins. Default: 0.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1))]
    pub interrupts: Option<f64>,
    /// How long a service has to be well again to count as recovered. Default: 5 min.
    #[serde(default)]
    #[schemars(extend("x-plimsoll-min" = "1m"))]
    pub recovered_after: Option<Length>,
}

/// What is launched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum FaultLaunchType {
    /// Container instances.
    Ec2,
    /// Tasks on Fargate.
    Fargate,
}

/// How EC2 sells an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum PurchaseOption {
    /// At the list price.
    OnDemand,
    /// From spare capacity.
    Spot,
}

/// Kind of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum FaultType {
    /// A container of a running task exits.
    ContainerExit,
    /// A container of a running task is killed for want of memory.
    OutOfMemory,
    /// A container exits as it starts, before its task is running.
    FailsToStart,
    /// The image cannot be pulled.
    CannotPullImage,
    /// The health check of a container gets no answer.
    ContainerUnhealthy,
    /// The probes of the load balancer fail.
    TargetUnhealthy,
    /// Images take longer to pull.
    SlowImagePulls,
    /// Instances and Fargate tasks take longer to launch.
    SlowLaunches,
    /// A zone is gone: status checks of its instances fail, all tasks there stop, and nothing launches.
    ZoneOutage,
    /// Instances stop.
    InstanceFailure,
    /// The agents of instances do not answer: they keep their tasks and take no more.
    AgentDisconnected,
    /// Launch quotas and rates of calls are cut, or launches refused.
    ControlPlaneThrottling,
    /// CloudWatch gets no data.
    MissingMetrics,
    /// CloudWatch gets data later than usual.
    MetricDelay,
    /// EC2 has no capacity of some instance types: launches fail.
    InsufficientCapacity,
}

impl FaultType {
    /// Whether it goes wrong with tasks, and not with what they run on.
    pub const fn is_of_tasks(self) -> bool {
        match self {
            Self::ContainerExit
            | Self::OutOfMemory
            | Self::FailsToStart
            | Self::CannotPullImage
            | Self::ContainerUnhealthy
            | Self::TargetUnhealthy
            | Self::SlowImagePulls => true,
            Self::SlowLaunches
            | Self::ZoneOutage
            | Self::InstanceFailure
            | Self::AgentDisconnected
            | Self::ControlPlaneThrottling
            | Self::MissingMetrics
            | Self::MetricDelay
            | Self::InsufficientCapacity => false,
        }
    }
}

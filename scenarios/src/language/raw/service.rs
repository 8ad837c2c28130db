//! Services and where they run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cluster::Status;
use super::deployment::{Deployment, DeploymentConfiguration, TaskProtection};
use super::distribution::Distribution;
use super::kinds::{Bytes, Length, Seconds};
use super::load::Load;
use super::queue::Worker;
use super::scaling::Scaling;

/// An ECS service.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-plimsoll-ignored" = [
    "clientToken", "cluster", "clusterArn", "createdAt", "createdBy",
    "currentServiceDeployment", "currentServiceRevisions", "resourceManagementType",
    "enableECSManagedTags",
    "enableExecuteCommand", "events", "networkConfiguration", "pendingCount", "platformFamily", "platformVersion", "propagateTags",
    "role", "roleArn", "runningCount", "serviceArn", "serviceConnectConfiguration",
    "serviceRegistries", "status", "tags", 
    "vpcLatticeConfigurations"
],
    "x-plimsoll-not-simulated" = {
        "deploymentController": { "means": "other deployment controllers are", "unless": ["ECS"] },
        "taskSets": { "means": "task sets are" },
        "volumeConfigurations": { "means": "EBS volumes of tasks, with their price, are" }
    }
))]
pub struct Service {
    /// Name, also the label of the service's random streams.
    #[schemars(length(min = 1, max = 255), regex(pattern = r"^[A-Za-z0-9_-]+$"))]
    pub service_name: String,
    /// Family of the task definition; a revision or a whole ARN is accepted.
    pub task_definition: String,
    /// Tasks wanted at the start. A REPLICA service needs it, a DAEMON service has none.
    #[serde(default)]
    #[schemars(range(min = 0, max = 100_000))]
    pub desired_count: Option<u32>,
    /// Whether the tasks of `desiredCount` run when the run starts, or are started then.
    #[serde(default = "super::yes")]
    pub starts_ready: bool,
    /// Where tasks run, if not by capacity provider strategy.
    #[serde(default)]
    pub launch_type: Option<LaunchType>,
    /// Capacity providers with base and weight, if not by launch type.
    #[serde(default)]
    #[schemars(length(max = 20))]
    pub capacity_provider_strategy: Vec<StrategyItem>,
    /// How many copies it keeps.
    #[serde(default)]
    pub scheduling_strategy: SchedulingStrategy,
    /// How tasks are replaced.
    #[serde(default)]
    pub deployment_configuration: Option<DeploymentConfiguration>,
    /// Updates of the service during the run. Entries that AWS printed, without `at`, have no effect.
    #[serde(default)]
    #[schemars(length(max = 10_000))]
    pub deployments: Vec<Deployment>,
    /// Failed health checks do not count for this long after a task's start. Default: 0.
    #[serde(default)]
    pub health_check_grace_period_seconds: Option<Seconds>,
    /// Whether tasks are moved to even out the zones. Default: by the AWS rules, on for eligible
    /// services since 2025-09.
    #[serde(default)]
    pub availability_zone_rebalancing: Option<Status>,
    /// Scale-in protection that tasks ask for when they run. Default: none does.
    #[serde(default)]
    pub task_protection: Option<TaskProtection>,
    /// Placement strategies, the first one decides, each further one breaks ties. Default: fewest
    /// tasks of the service in the zone, then on the instance.
    #[serde(default)]
    #[schemars(length(max = 5))]
    pub placement_strategy: Vec<PlacementStrategy>,
    /// Placement constraints.
    #[serde(default)]
    #[schemars(length(max = 10))]
    pub placement_constraints: Vec<PlacementConstraint>,
    /// Load balancers as the ECS API lists them; says only that there is one. See `targetGroup`.
    #[serde(default)]
    pub load_balancers: Vec<LoadBalancer>,
    /// The target group behind an Application Load Balancer.
    #[serde(default)]
    pub target_group: Option<TargetGroup>,
    /// Requests to the service and what they cost it.
    #[serde(default)]
    pub load: Option<Load>,
    /// How the tasks work on a message queue. Such a service has no `load`.
    #[serde(default)]
    pub worker: Option<Worker>,
    /// Application Auto Scaling.
    #[serde(default)]
    pub scaling: Option<Scaling>,
    /// Resolution of the service's metrics.
    #[serde(default)]
    pub monitoring: Option<Monitoring>,
    /// Service level objective.
    #[serde(default)]
    pub slo: Option<Slo>,
}

/// Monitoring of a service.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Monitoring {
    /// Resolutions.
    #[serde(default)]
    #[schemars(length(max = 10))]
    pub metric_configurations: Vec<MetricConfiguration>,
}

/// Resolution of the CPU and memory metrics.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-plimsoll-ignored" = ["metricNames"]))]
pub struct MetricConfiguration {
    /// 20 or 60.
    #[schemars(range(min = 20, max = 60))]
    pub resolution_seconds: u32,
}

/// Launch type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum LaunchType {
    /// Any container instance; managed scaling does not see such tasks.
    Ec2,
    /// Fargate.
    Fargate,
}

/// How many copies a service keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum SchedulingStrategy {
    /// The desired count.
    #[default]
    Replica,
    /// One on each container instance.
    Daemon,
}

/// One entry of a capacity provider strategy.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StrategyItem {
    /// Name of the capacity provider.
    pub capacity_provider: String,
    /// Tasks placed here before weights count; one entry may have a base.
    #[serde(default)]
    #[schemars(range(min = 0, max = 100_000))]
    pub base: u32,
    /// Share of the tasks beyond the base.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1000))]
    pub weight: u32,
}

/// One link of a placement strategy chain.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlacementStrategy {
    /// Kind.
    #[serde(rename = "type")]
    pub kind: PlacementStrategyType,
    /// What it looks at: `cpu` or `memory` for `binpack`; `attribute:` and the name of an attribute,
    /// `instanceId` or `host` for `spread`; nothing for `random`; the name of a strategy for `custom`:
    /// `first-fit` (launched first), `worst-fit` (most free memory), `dot-product` or `l2-best-fit`.
    #[serde(default)]
    pub field: Option<String>,
}

/// Kind of a placement strategy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PlacementStrategyType {
    /// Least remaining of a resource.
    Binpack,
    /// Evenly over a value.
    Spread,
    /// Any.
    Random,
    /// A strategy that is not of ECS, by its name.
    Custom,
}

/// A placement constraint.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlacementConstraint {
    /// Kind.
    #[serde(rename = "type")]
    pub kind: PlacementConstraintType,
    /// Expression of `memberOf` in the cluster query language.
    #[serde(default)]
    pub expression: Option<String>,
}

/// Kind of a placement constraint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum PlacementConstraintType {
    /// Each task of the group on an instance of its own.
    DistinctInstance,
    /// Instances that match an expression.
    MemberOf,
}

/// An entry of `loadBalancers` as the ECS API has it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-plimsoll-ignored" = [
    "advancedConfiguration", "containerName", "containerPort", "targetGroupArn"
]))]
pub struct LoadBalancer {
    /// Name of the load balancer; services that name the same one share its price. Default: the
    /// service's name.
    #[serde(default)]
    pub load_balancer_name: Option<String>,
}

/// The target group of an Application Load Balancer.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-plimsoll-ignored" = [
    "healthCheckEnabled", "healthCheckPath", "healthCheckPort", "healthCheckProtocol",
    "healthCheckTimeoutSeconds", "ipAddressType", "loadBalancerArns", "matcher", "port",
    "protocolVersion", "targetGroupArn", "targetGroupName", "targetType",
    "vpcId"
]))]
pub struct TargetGroup {
    /// Name of the load balancer; services that name the same one share its price. Default: the
    /// service's name.
    #[serde(default)]
    pub load_balancer: Option<String>,
    /// Protocol: `HTTP` and `HTTPS` belong to an Application Load Balancer, the others to a Network Load
    /// Balancer.
    #[serde(default)]
    pub protocol: TargetProtocol,
    /// From running to registered. Default: 2 s, 60 s behind a Network Load Balancer.
    #[serde(default)]
    pub registration_time: Option<Distribution>,
    /// Time between health checks, 5 s to 300 s. Default: 30 s.
    #[serde(default)]
    #[schemars(extend("x-plimsoll-min" = "5s", "x-plimsoll-max" = "300s"))]
    pub health_check_interval_seconds: Option<Seconds>,
    /// Probes in a row that heal an unhealthy target. A new target needs one. Default: 5.
    #[serde(default)]
    #[schemars(range(min = 2, max = 10))]
    pub healthy_threshold_count: Option<u32>,
    /// Failed probes in a row that make a target unhealthy. Default: 2.
    #[serde(default)]
    #[schemars(range(min = 2, max = 10))]
    pub unhealthy_threshold_count: Option<u32>,
    /// `deregistration_delay.timeout_seconds`, at most an hour. Default: 300 s.
    #[serde(default)]
    #[schemars(extend("x-plimsoll-max" = "1h"))]
    pub deregistration_delay: Option<Seconds>,
    /// `slow_start.duration_seconds`, 30 s to 900 s: a new target's share of the requests rises linearly
    /// over this time, if another target is past it. Needs `fidelity: requests`. Default: 0, none.
    #[serde(default)]
    pub slow_start: Option<Seconds>,
    /// Bytes of a request with its response, for load balancer capacity units. Default: 10 KB.
    #[serde(default)]
    pub bytes_per_request: Option<Bytes>,
    /// Requests sent over one connection: for load balancer capacity units, and until a connection through
    /// a Network Load Balancer changes its target. Default: 10.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub requests_per_connection: Option<u64>,
    /// Rules processed per request; the first ten are free. Default: 0.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1000))]
    pub rules_processed: Option<u32>,
}

/// Protocol of a target group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TargetProtocol {
    /// Application Load Balancer.
    #[default]
    Http,
    /// Application Load Balancer.
    Https,
    /// Network Load Balancer.
    Tcp,
    /// Network Load Balancer.
    Tls,
    /// Network Load Balancer.
    Udp,
    /// Network Load Balancer.
    TcpUdp,
}

/// What the owner of a service wants to hold.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Slo {
    /// Latency objective.
    pub latency: LatencyObjective,
}

/// At least `quantile` of the requests of each minute faster than `below`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LatencyObjective {
    /// Share of the requests, between 0 and 1, for example 0.99.
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub quantile: f64,
    /// Bound on the latency.
    pub below: Length,
}

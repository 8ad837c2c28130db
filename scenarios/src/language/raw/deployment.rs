//! Deployments of a service, and what else the scheduler does with its tasks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::kinds::Length;
use super::service::StrategyItem;

/// How tasks are replaced.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeploymentConfiguration {
    /// Healthy tasks that must stay, in percent of the desired count, rounded up. Default: 100, for a
    /// DAEMON service 0.
    #[serde(default)]
    #[schemars(range(min = 0, max = 100))]
    pub minimum_healthy_percent: Option<u32>,
    /// Tasks at most, in percent of the desired count, rounded down. Default: 200, for a DAEMON service
    /// 100, which is all it may have.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1000))]
    pub maximum_percent: Option<u32>,
    /// When a rolling deployment has failed.
    #[serde(default)]
    pub deployment_circuit_breaker: Option<DeploymentCircuitBreaker>,
    /// When a rolling deployment is successful before all of its tasks are.
    #[serde(default)]
    pub early_success_criteria: Option<EarlySuccessCriteria>,
    /// Alarms that end a deployment.
    #[serde(default)]
    pub alarms: Option<DeploymentAlarms>,
    /// How tasks and traffic go over to the new revision.
    #[serde(default)]
    pub strategy: DeploymentStrategy,
    /// Time for which both revisions run after all traffic has shifted. `BLUE_GREEN` needs it; default
    /// for `CANARY` and `LINEAR`: 0. A rolling deployment has none.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1440))]
    pub bake_time_in_minutes: Option<u32>,
    /// Settings of `CANARY`.
    #[serde(default)]
    pub canary_configuration: Option<CanaryConfiguration>,
    /// Settings of `LINEAR`.
    #[serde(default)]
    pub linear_configuration: Option<LinearConfiguration>,
    /// Functions that run at stages of a deployment that shifts traffic; here only their length counts.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub lifecycle_hooks: Vec<LifecycleHook>,
}

/// `strategy` of a deployment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DeploymentStrategy {
    /// Tasks are replaced bit by bit, within the two percentages.
    #[default]
    Rolling,
    /// All new tasks beside the old ones, then all traffic at once.
    BlueGreen,
    /// All new tasks beside the old ones, then a part of the traffic, then the rest.
    Canary,
    /// All new tasks beside the old ones, then traffic in equal steps.
    Linear,
}

/// The deployment circuit breaker.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeploymentCircuitBreaker {
    /// Whether it is on.
    pub enable: bool,
    /// Whether a failed deployment is rolled back to the last one that completed.
    #[serde(default)]
    pub rollback: bool,
    /// Whether a task that becomes healthy starts the count of failures afresh. Default: it does.
    #[serde(default)]
    pub reset_on_healthy_task: Option<bool>,
    /// Failures that are too many. Default: half of the desired count, at least 3 and at most 200.
    #[serde(default)]
    pub threshold_configuration: Option<ThresholdConfiguration>,
}

/// Failures that end a deployment.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ThresholdConfiguration {
    /// How `value` counts.
    #[serde(rename = "type")]
    pub kind: ThresholdType,
    /// A number of failures, or percent of the desired count.
    #[schemars(range(min = 1, max = 100_000))]
    pub value: u32,
}

/// How a threshold counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ThresholdType {
    /// That many failures.
    Count,
    /// Percent of the desired count, at least 3 and at most 200 failures.
    BoundedPercent,
    /// Percent of the desired count.
    UnboundedPercent,
}

/// When a rolling deployment is successful early.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EarlySuccessCriteria {
    /// Whether they apply.
    pub enable: bool,
    /// Healthy tasks of the new revision that are enough, in percent of the desired count; at least
    /// `minimumHealthyPercent`. Needed if enabled.
    #[serde(default)]
    #[schemars(range(min = 0, max = 100))]
    pub healthy_percent: Option<u32>,
    /// Whether old tasks hold the deployment open until they are gone. Needed if enabled.
    #[serde(default)]
    pub source_service_revision_cleanup: Option<SourceServiceRevisionCleanup>,
}

/// When old tasks are removed, seen from the end of the deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum SourceServiceRevisionCleanup {
    /// Before it.
    Blocking,
    /// After it.
    Deferred,
}

/// Alarms that a deployment watches.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeploymentAlarms {
    /// Names of alarms of the service's own step scaling policies.
    #[serde(default)]
    pub alarm_names: Vec<String>,
    /// Whether they are watched.
    pub enable: bool,
    /// Whether a deployment that an alarm ends is rolled back.
    #[serde(default)]
    pub rollback: bool,
}

/// Settings of `CANARY`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CanaryConfiguration {
    /// Share of the traffic that shifts first, in steps of 0.1. Default: 5.
    #[serde(default)]
    #[schemars(range(min = 0.1, max = 100.0))]
    pub canary_percent: Option<f64>,
    /// Wait before the rest follows. Default: 10.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1440))]
    pub canary_bake_time_in_minutes: Option<u32>,
}

/// Settings of `LINEAR`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LinearConfiguration {
    /// Share of the traffic that shifts at each step, in steps of 0.1. Default: 10.
    #[serde(default)]
    #[schemars(range(min = 3.0, max = 100.0))]
    pub step_percent: Option<f64>,
    /// Wait after each step but the last. Default: 6.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1440))]
    pub step_bake_time_in_minutes: Option<u32>,
}

/// A function that runs at stages of a deployment.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-plimsoll-ignored" = ["hookTargetArn", "roleArn", "hookDetails", "targetType"]))]
pub struct LifecycleHook {
    /// Stages at which it runs.
    #[schemars(length(min = 1))]
    pub lifecycle_stages: Vec<LifecycleStage>,
    /// How long it takes, at most a day. Default: 0.
    #[serde(default = "no_time")]
    #[schemars(extend("x-plimsoll-max" = "24h"))]
    pub duration: Length,
}

fn no_time() -> Length {
    Length(0)
}

/// A stage that may have a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LifecycleStage {
    /// Old revisions are reconciled.
    ReconcileService,
    /// Before the new tasks start.
    PreScaleUp,
    /// When all of them are healthy.
    PostScaleUp,
    /// Test traffic shifts.
    TestTrafficShift,
    /// Test traffic has shifted.
    PostTestTrafficShift,
    /// Before production traffic shifts.
    PreProductionTrafficShift,
    /// Production traffic shifts.
    ProductionTrafficShift,
    /// All production traffic has shifted.
    PostProductionTrafficShift,
}

/// A call of UpdateService at some time of the run.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-plimsoll-ignored" = [
    "id", "status", "pendingCount", "runningCount", "failedTasks", "createdAt", "updatedAt",
    "launchType", "platformVersion", "platformFamily", "networkConfiguration", "rolloutState",
    "rolloutStateReason", "serviceConnectConfiguration", "serviceConnectResources",
    "volumeConfigurations", "fargateEphemeralStorage",
    "vpcLatticeConfigurations"
]))]
pub struct Deployment {
    /// When, after the start of the run. Without it the entry is one that AWS printed about the past,
    /// and has no effect.
    #[serde(default)]
    pub at: Option<Length>,
    /// New task definition: a deployment begins if it is another one.
    #[serde(default)]
    pub task_definition: Option<String>,
    /// Whether a deployment begins although the task definition stays.
    #[serde(default)]
    pub force_new_deployment: bool,
    /// New desired count.
    #[serde(default)]
    #[schemars(range(min = 0, max = 100_000))]
    pub desired_count: Option<u32>,
    /// New capacity provider strategy: a deployment begins if it is another one. Since 2025-06.
    #[serde(default)]
    #[schemars(length(max = 20))]
    pub capacity_provider_strategy: Vec<StrategyItem>,
}

/// Scale-in protection that tasks ask for when they run.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TaskProtection {
    /// Share of the tasks that ask, between 0 and 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub share: f64,
    /// Length of the protection. Default: 120.
    #[serde(default = "two_hours")]
    #[schemars(range(min = 1, max = 2880))]
    pub expires_in_minutes: u32,
}

fn two_hours() -> u32 {
    plimsoll_core::service::protection::DEFAULT_MINUTES
}

/// Container instances that are set to DRAINING.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Draining {
    /// When, after the start of the run.
    pub at: Length,
    /// Group of the instances.
    pub auto_scaling_group: String,
    /// How many, oldest first. Default: all.
    #[serde(default)]
    #[schemars(range(min = 1, max = 10_000))]
    pub count: Option<u32>,
    /// Only instances of this zone.
    #[serde(default)]
    pub availability_zone: Option<String>,
    /// Whether the group replaces them: it launches others at once, and terminates each one when it is
    /// empty, or after 48 hours.
    #[serde(default)]
    pub replace: bool,
}

//! Application Auto Scaling of a service.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::kinds::Seconds;

/// A scalable target with its policies.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-plimsoll-ignored" = [
    "creationTime", "predictedCapacity", "resourceId", "roleARN", "scalableDimension", "scalableTargetARN",
    "serviceNamespace"
],
    "x-plimsoll-not-simulated" = {
        "suspendedState": { "means": "suspending a scalable target is" }
    }
))]
pub struct Scaling {
    /// Fewest tasks.
    #[schemars(range(min = 0, max = 100_000))]
    pub min_capacity: u32,
    /// Most tasks.
    #[schemars(range(min = 0, max = 100_000))]
    pub max_capacity: u32,
    /// Target tracking policies.
    #[serde(default)]
    pub target_tracking: Vec<TargetTracking>,
    /// Step scaling policies with their alarms.
    #[serde(default)]
    pub step_scaling: Vec<StepScaling>,
    /// Scheduled actions.
    #[serde(default)]
    pub scheduled_actions: Vec<ScheduledAction>,
}

/// A target tracking policy.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-plimsoll-ignored" = [
    "alarms", "creationTime", "policyARN", "policyType", "resourceId", "scalableDimension",
    "serviceNamespace"
]))]
pub struct TargetTracking {
    /// Name. Default: the metric's.
    #[serde(default)]
    pub policy_name: Option<String>,
    /// Metric.
    #[serde(default)]
    pub predefined_metric_type: Option<PredefinedMetricType>,
    /// Metric, as the API nests it.
    #[serde(default)]
    pub predefined_metric_specification: Option<PredefinedMetricSpecification>,
    /// Target: percent, or requests per target and minute.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub target_value: f64,
    /// Pause after a scale-out. Default: 300 s.
    #[serde(default = "default_cooldown")]
    pub scale_out_cooldown: Seconds,
    /// Pause after a scale-in. Default: 300 s.
    #[serde(default = "default_cooldown")]
    pub scale_in_cooldown: Seconds,
    /// Whether the policy never scales in.
    #[serde(default)]
    pub disable_scale_in: bool,
}

fn default_cooldown() -> Seconds {
    Seconds::from_secs(300)
}

/// The metric of a target tracking policy.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-plimsoll-ignored" = ["resourceLabel"]))]
pub struct PredefinedMetricSpecification {
    /// Metric.
    pub predefined_metric_type: PredefinedMetricType,
}

/// Predefined metrics of ECS services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PredefinedMetricType {
    /// Mean CPU utilization in percent.
    ECSServiceAverageCPUUtilization,
    /// Mean memory utilization in percent.
    ECSServiceAverageMemoryUtilization,
    /// Requests per target and minute.
    ALBRequestCountPerTarget,
}

/// A step scaling policy with the alarm that drives it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-plimsoll-ignored" = [
    "alarms", "creationTime", "policyARN", "policyType", "resourceId", "scalableDimension",
    "serviceNamespace"
]))]
pub struct StepScaling {
    /// Name. Default: the alarm's.
    #[serde(default)]
    pub policy_name: Option<String>,
    /// What a step's number means.
    pub adjustment_type: AdjustmentType,
    /// Steps without gaps or overlaps, in any order.
    #[schemars(length(min = 1, max = 20))]
    pub step_adjustments: Vec<StepAdjustment>,
    /// Fewest tasks added or removed, for percentages.
    #[serde(default)]
    #[schemars(range(min = 1, max = 100_000))]
    pub min_adjustment_magnitude: Option<u32>,
    /// How the newest data points become one value.
    #[serde(default)]
    pub metric_aggregation_type: MetricAggregationType,
    /// Pause after an action. Default: 300 s.
    #[serde(default = "default_cooldown")]
    pub cooldown: Seconds,
    /// The alarm whose action is this policy.
    pub alarm: Alarm,
}

/// What a step's number means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AdjustmentType {
    /// Tasks added or removed.
    ChangeInCapacity,
    /// The new number of tasks.
    ExactCapacity,
    /// Percent of the running tasks.
    PercentChangeInCapacity,
}

/// How the newest data points become one value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MetricAggregationType {
    /// Mean.
    #[default]
    Average,
    /// Least.
    Minimum,
    /// Greatest.
    Maximum,
}

/// One step; the bounds are relative to the alarm's threshold.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StepAdjustment {
    /// Lower bound; minus infinity if absent.
    #[serde(default)]
    pub metric_interval_lower_bound: Option<f64>,
    /// Upper bound; infinity if absent.
    #[serde(default)]
    pub metric_interval_upper_bound: Option<f64>,
    /// The step's number.
    #[schemars(range(min = -100_000, max = 100_000))]
    pub scaling_adjustment: i32,
}

/// A CloudWatch alarm on a metric of the service, one-minute periods.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-plimsoll-ignored" = [
    "actionsEnabled", "alarmActions", "alarmArn", "alarmConfigurationUpdatedTimestamp",
    "alarmDescription", "dimensions", "evaluateLowSampleCountPercentile", "evaluationState", "insufficientDataActions",
    "namespace", "oKActions", "stateReason", "stateReasonData", "stateTransitionedTimestamp",
    "stateUpdatedTimestamp", "stateValue", "unit"
],
    "x-plimsoll-not-simulated" = {
        "statistic": { "means": "another statistic than the one that service scaling uses is", "unless": ["Average", "Sum"] }
    }
))]
pub struct Alarm {
    /// Name. Default: the policy's with `-alarm`.
    #[serde(default)]
    pub alarm_name: Option<String>,
    /// Metric.
    pub metric_name: MetricName,
    /// Comparison, metric on the left.
    pub comparison_operator: ComparisonOperator,
    /// Threshold.
    pub threshold: f64,
    /// Length of a data point; only 60 s is simulated.
    #[serde(default = "default_period")]
    pub period: Seconds,
    /// Data points looked at.
    #[schemars(range(min = 1, max = 1440))]
    pub evaluation_periods: u32,
    /// Data points that must breach. Default: all that are looked at.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1440))]
    pub datapoints_to_alarm: Option<u32>,
    /// What a missing data point means.
    #[serde(default)]
    pub treat_missing_data: TreatMissingData,
}

fn default_period() -> Seconds {
    Seconds::from_secs(60)
}

/// Metrics of a service that an alarm can watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MetricName {
    /// Mean CPU utilization in percent.
    CPUUtilization,
    /// Mean memory utilization in percent.
    MemoryUtilization,
    /// Requests per target and minute.
    RequestCountPerTarget,
}

/// Comparison of an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ComparisonOperator {
    /// ≥
    GreaterThanOrEqualToThreshold,
    /// >
    GreaterThanThreshold,
    /// <
    LessThanThreshold,
    /// ≤
    LessThanOrEqualToThreshold,
}

/// What a missing data point means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum TreatMissingData {
    /// Insufficient data.
    #[default]
    Missing,
    /// The state stays.
    Ignore,
    /// It breaches.
    Breaching,
    /// It does not breach.
    NotBreaching,
}

/// A scheduled action.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-plimsoll-ignored" = [
    "creationTime", "resourceId", "scalableDimension", "scheduledActionARN", "serviceNamespace"
]))]
pub struct ScheduledAction {
    /// Name. Default: its position in the list.
    #[serde(default)]
    pub scheduled_action_name: Option<String>,
    /// `cron(minute hour day-of-month month day-of-week year)`, `rate(value unit)` or
    /// `at(yyyy-mm-ddThh:mm:ss)`.
    pub schedule: String,
    /// IANA zone of the schedule. Default: the scenario's.
    #[serde(default)]
    pub timezone: Option<String>,
    /// First instant at which the action may happen.
    #[serde(default)]
    pub start_time: Option<super::kinds::Instant>,
    /// Last instant at which the action may happen.
    #[serde(default)]
    pub end_time: Option<super::kinds::Instant>,
    /// The new bounds.
    pub scalable_target_action: ScalableTargetAction,
}

/// New bounds of a scalable target; at least one.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
pub struct ScalableTargetAction {
    /// New fewest tasks.
    #[serde(default)]
    #[schemars(range(min = 0, max = 100_000))]
    pub min_capacity: Option<u32>,
    /// New most tasks.
    #[serde(default)]
    #[schemars(range(min = 0, max = 100_000))]
    pub max_capacity: Option<u32>,
}

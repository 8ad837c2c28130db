//! Application Auto Scaling of a service.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::kinds::{Length, Seconds};
use super::metric::{Dimension, MetricDataQuery, Statistic};

/// A scalable target with its policies.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-plimsoll-ignored" = [
    "creationTime", "predictedCapacity", "resourceId", "roleARN", "scalableDimension", "scalableTargetARN",
    "serviceNamespace"
]))]
pub struct Scaling {
    /// Fewest tasks.
    #[schemars(range(min = 0, max = 100_000))]
    pub min_capacity: u32,
    /// Most tasks.
    #[schemars(range(min = 0, max = 100_000))]
    pub max_capacity: u32,
    /// Target tracking policies.
    #[serde(default)]
    #[schemars(length(max = 50))]
    pub target_tracking: Vec<TargetTracking>,
    /// Step scaling policies with their alarms.
    #[serde(default)]
    #[schemars(length(max = 50))]
    pub step_scaling: Vec<StepScaling>,
    /// Policies of any kind, as `aws application-autoscaling describe-scaling-policies` prints them.
    #[serde(default)]
    #[schemars(length(max = 50))]
    pub scaling_policies: Vec<ScalingPolicy>,
    /// The alarms of step scaling policies in that list, as `aws cloudwatch describe-alarms` prints them.
    /// Alarms that target tracking manages itself are skipped.
    #[serde(default)]
    #[schemars(length(max = 500))]
    pub metric_alarms: Vec<Alarm>,
    /// Scheduled actions.
    #[serde(default)]
    #[schemars(length(max = 200))]
    pub scheduled_actions: Vec<ScheduledAction>,
    /// What is suspended at the start. Default: nothing.
    #[serde(default)]
    pub suspended_state: SuspendedState,
    /// Changes of it during the run, each replaces the one before.
    #[serde(default)]
    #[schemars(length(max = 1000))]
    pub suspensions: Vec<Suspension>,
}

/// What is suspended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SuspendedState {
    /// No policy scales in.
    pub dynamic_scaling_in_suspended: bool,
    /// No policy scales out.
    pub dynamic_scaling_out_suspended: bool,
    /// Scheduled actions that fall due are lost.
    pub scheduled_scaling_suspended: bool,
}

/// A change of what is suspended.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Suspension {
    /// From the start of the run.
    pub at: Length,
    /// What is suspended from then on.
    pub suspended_state: SuspendedState,
}

/// A policy as AWS prints it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-plimsoll-ignored" = [
    "creationTime", "resourceId", "scalableDimension", "serviceNamespace"
],
    "x-plimsoll-not-simulated" = {
        "predictiveScalingPolicyConfiguration": { "means": "predictive scaling of services is" }
    }
))]
pub struct ScalingPolicy {
    /// Name.
    pub policy_name: String,
    /// ARN, by which alarms name the policy.
    #[serde(default, rename = "policyARN")]
    pub policy_arn: Option<String>,
    /// Kind. Default: by the configuration that is given.
    #[serde(default)]
    pub policy_type: Option<PolicyType>,
    /// Of target tracking.
    #[serde(default)]
    pub target_tracking_scaling_policy_configuration: Option<TargetTrackingConfiguration>,
    /// Of step scaling.
    #[serde(default)]
    pub step_scaling_policy_configuration: Option<StepScalingConfiguration>,
    /// Alarms of the policy. Those of target tracking have no effect: they are managed.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub alarms: Vec<AlarmReference>,
}

/// Kind of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PolicyType {
    /// Target tracking.
    TargetTrackingScaling,
    /// Step scaling.
    StepScaling,
    /// Predictive scaling.
    PredictiveScaling,
}

/// An alarm of a policy.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-plimsoll-ignored" = ["alarmARN"]))]
pub struct AlarmReference {
    /// Name.
    pub alarm_name: String,
}

/// A target tracking policy: its fields, or its configuration as AWS nests it.
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
    /// All other fields, as the API nests them.
    #[serde(default)]
    pub target_tracking_scaling_policy_configuration: Option<TargetTrackingConfiguration>,
    /// Metric.
    #[serde(default)]
    pub predefined_metric_type: Option<PredefinedMetricType>,
    /// Metric, as the API nests it.
    #[serde(default)]
    pub predefined_metric_specification: Option<PredefinedMetricSpecification>,
    /// Any metric that falls in proportion as tasks are added, or metric math.
    #[serde(default)]
    pub customized_metric_specification: Option<CustomizedMetricSpecification>,
    /// Target: percent, requests per target and minute, or the unit of the metric.
    #[serde(default)]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub target_value: Option<f64>,
    /// Pause after a scale-out. Default: 300 s.
    #[serde(default)]
    pub scale_out_cooldown: Option<Seconds>,
    /// Pause after a scale-in. Default: 300 s.
    #[serde(default)]
    pub scale_in_cooldown: Option<Seconds>,
    /// Whether the policy never scales in. Default: it does.
    #[serde(default)]
    pub disable_scale_in: Option<bool>,
}

/// `TargetTrackingScalingPolicyConfiguration`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TargetTrackingConfiguration {
    /// A predefined metric.
    #[serde(default)]
    pub predefined_metric_specification: Option<PredefinedMetricSpecification>,
    /// Any metric that falls in proportion as tasks are added, or metric math.
    #[serde(default)]
    pub customized_metric_specification: Option<CustomizedMetricSpecification>,
    /// Target: percent, requests per target and minute, or the unit of the metric.
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

/// A metric of target tracking: one with its statistic, or lines of metric math.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-plimsoll-ignored" = ["unit"]))]
pub struct CustomizedMetricSpecification {
    /// Namespace, for example `AWS/ECS`. Default: the one that has the metric.
    #[serde(default)]
    pub namespace: Option<String>,
    /// Name of the metric.
    #[serde(default)]
    pub metric_name: Option<String>,
    /// Dimensions. Default: those of the service.
    #[serde(default)]
    #[schemars(length(max = 30))]
    pub dimensions: Vec<Dimension>,
    /// Statistic. Default: the one that the metric is used with.
    #[serde(default)]
    pub statistic: Option<Statistic>,
    /// Lines of metric math.
    #[serde(default)]
    #[schemars(length(max = 20))]
    pub metrics: Vec<MetricDataQuery>,
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
    /// Mean CPU utilization in percent every 20 s; needs `monitoring` of the service.
    ECSServiceAverageCPUUtilizationHighResolution,
    /// Mean memory utilization in percent every 20 s; needs `monitoring` of the service.
    ECSServiceAverageMemoryUtilizationHighResolution,
}

/// A step scaling policy with the alarm that drives it: its fields, or its configuration as AWS nests it.
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
    /// All fields but the alarm, as the API nests them.
    #[serde(default)]
    pub step_scaling_policy_configuration: Option<StepScalingConfiguration>,
    /// What a step's number means.
    #[serde(default)]
    pub adjustment_type: Option<AdjustmentType>,
    /// Steps without gaps or overlaps, in any order.
    #[serde(default)]
    #[schemars(length(max = 20))]
    pub step_adjustments: Option<Vec<StepAdjustment>>,
    /// Fewest tasks added or removed, for percentages.
    #[serde(default)]
    #[schemars(range(min = 1, max = 100_000))]
    pub min_adjustment_magnitude: Option<u32>,
    /// How the newest data points become one value. Default: `Average`.
    #[serde(default)]
    pub metric_aggregation_type: Option<MetricAggregationType>,
    /// Pause after an action. Default: 300 s.
    #[serde(default)]
    pub cooldown: Option<Seconds>,
    /// The alarm whose action is this policy.
    pub alarm: Alarm,
}

/// `StepScalingPolicyConfiguration`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StepScalingConfiguration {
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

/// A CloudWatch alarm on a metric or on metric math.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-plimsoll-ignored" = [
    "alarmArn", "alarmConfigurationUpdatedTimestamp",
    "alarmDescription", "evaluationState", "insufficientDataActions",
    "oKActions", "stateReason", "stateReasonData", "stateTransitionedTimestamp",
    "stateUpdatedTimestamp", "stateValue", "unit"
],
    "x-plimsoll-not-simulated" = {
        "actionsEnabled": { "means": "an alarm without actions is", "unless": [true] },
        "thresholdMetricId": { "means": "anomaly detection, which cannot scale anything, is" }
    }
))]
pub struct Alarm {
    /// Name. Default: the policy's with `-alarm`.
    #[serde(default)]
    pub alarm_name: Option<String>,
    /// ARNs of the policies that the alarm acts on.
    #[serde(default)]
    #[schemars(length(max = 5))]
    pub alarm_actions: Vec<String>,
    /// Namespace, for example `AWS/ECS`. Default: the one that has the metric.
    #[serde(default)]
    pub namespace: Option<String>,
    /// Name of the metric, for example `CPUUtilization`.
    #[serde(default)]
    pub metric_name: Option<String>,
    /// Dimensions. Default: those of the service.
    #[serde(default)]
    #[schemars(length(max = 30))]
    pub dimensions: Vec<Dimension>,
    /// Statistic. Default: the one that the metric is used with.
    #[serde(default)]
    pub statistic: Option<Statistic>,
    /// A percentile instead, such as `p99`.
    #[serde(default)]
    #[schemars(regex(pattern = r"^p([0-9]{1,2}(\.[0-9]{1,3})?|100)$"))]
    pub extended_statistic: Option<String>,
    /// Whether a percentile of too few samples is judged: fewer than ten beyond it. Default: it is.
    #[serde(default)]
    pub evaluate_low_sample_count_percentile: Option<LowSampleCount>,
    /// Lines of metric math instead of a metric.
    #[serde(default)]
    #[schemars(length(max = 20))]
    pub metrics: Vec<MetricDataQuery>,
    /// Comparison, metric on the left.
    pub comparison_operator: ComparisonOperator,
    /// Threshold.
    pub threshold: f64,
    /// Length of a data point: 10, 20, 30 or a multiple of 60 seconds. Default: 60 s.
    #[serde(default)]
    pub period: Option<Seconds>,
    /// Data points looked at.
    #[schemars(range(min = 1, max = 10_080))]
    pub evaluation_periods: u32,
    /// Data points that must breach. Default: all that are looked at.
    #[serde(default)]
    #[schemars(range(min = 1, max = 10_080))]
    pub datapoints_to_alarm: Option<u32>,
    /// What a missing data point means.
    #[serde(default)]
    pub treat_missing_data: TreatMissingData,
}

/// What an alarm does about a percentile of few samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum LowSampleCount {
    /// It is judged.
    Evaluate,
    /// The state stays.
    Ignore,
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

//! Scaling policies and scheduled actions of an Auto Scaling group.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::kinds::{Instant, Seconds};
use super::metric::{Dimension, MetricDataQuery, Statistic};
use super::scaling::{
    AdjustmentType, Alarm, AlarmReference, MetricAggregationType, StepAdjustment,
};

/// A scaling policy of a group, as `aws autoscaling put-scaling-policy` takes it and `describe-policies`
/// prints it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-plimsoll-ignored" = ["autoScalingGroupName", "minAdjustmentStep"],
    "x-plimsoll-not-simulated" = {
        "predictiveScalingConfiguration": { "means": "predictive scaling of groups is" }
    }
))]
pub struct GroupScalingPolicy {
    /// Name.
    #[schemars(length(min = 1, max = 255))]
    pub policy_name: String,
    /// ARN, by which alarms name the policy.
    #[serde(default, rename = "policyARN")]
    pub policy_arn: Option<String>,
    /// Kind.
    #[serde(default)]
    pub policy_type: GroupPolicyType,
    /// Whether the policy is in force.
    #[serde(default = "super::yes")]
    pub enabled: bool,
    /// What an adjustment means: of simple and step scaling.
    #[serde(default)]
    pub adjustment_type: Option<AdjustmentType>,
    /// The adjustment of simple scaling.
    #[serde(default)]
    #[schemars(range(min = -100_000, max = 100_000))]
    pub scaling_adjustment: Option<i32>,
    /// Fewest instances added or removed, for percentages.
    #[serde(default)]
    #[schemars(range(min = 1, max = 100_000))]
    pub min_adjustment_magnitude: Option<u32>,
    /// Pause of simple scaling after an activity. Default: `defaultCooldown` of the group.
    #[serde(default)]
    pub cooldown: Option<Seconds>,
    /// Steps of step scaling without gaps or overlaps, in any order.
    #[serde(default)]
    #[schemars(length(max = 20))]
    pub step_adjustments: Vec<StepAdjustment>,
    /// How step scaling makes one value of the newest data points. Default: `Average`.
    #[serde(default)]
    pub metric_aggregation_type: Option<MetricAggregationType>,
    /// Time in service until an instance counts for step scaling and target tracking, at most an hour.
    /// Default: `defaultInstanceWarmup` of the group, else its `defaultCooldown`.
    #[serde(default)]
    #[schemars(extend("x-plimsoll-max" = "3600s"))]
    pub estimated_instance_warmup: Option<Seconds>,
    /// Of target tracking.
    #[serde(default)]
    pub target_tracking_configuration: Option<GroupTargetTracking>,
    /// The alarm whose action a simple or step policy is, if it does not stand in `metricAlarms` of the
    /// group.
    #[serde(default)]
    pub alarm: Option<Alarm>,
    /// Alarms of the policy by name. Those of target tracking have no effect: they are managed.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub alarms: Vec<AlarmReference>,
}

/// Kind of a group's policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum GroupPolicyType {
    /// One adjustment, and a pause after it.
    #[default]
    SimpleScaling,
    /// Adjustments by how far the metric is beyond the threshold.
    StepScaling,
    /// A metric that is kept at its target.
    TargetTrackingScaling,
    /// A forecast of the load.
    PredictiveScaling,
}

/// `TargetTrackingConfiguration` of a group's policy.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GroupTargetTracking {
    /// A predefined metric.
    #[serde(default)]
    pub predefined_metric_specification: Option<GroupPredefinedMetric>,
    /// Any metric that falls in proportion as instances are added, or metric math.
    #[serde(default)]
    pub customized_metric_specification: Option<GroupCustomizedMetric>,
    /// Target: percent, requests per target and minute, or the unit of the metric.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub target_value: f64,
    /// Whether the policy never scales in.
    #[serde(default)]
    pub disable_scale_in: bool,
}

/// A predefined metric of a group.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GroupPredefinedMetric {
    /// Metric.
    pub predefined_metric_type: GroupPredefinedMetricType,
    /// The target group of `ALBRequestCountPerTarget`, as `app/<load balancer>/<id>/targetgroup/<name>/<id>`,
    /// where the name is that of a service. May be left out if only one service has load.
    #[serde(default)]
    pub resource_label: Option<String>,
}

/// Predefined metrics of groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum GroupPredefinedMetricType {
    /// Mean CPU utilization of the instances in percent.
    ASGAverageCPUUtilization,
    /// Bytes received: not simulated.
    ASGAverageNetworkIn,
    /// Bytes sent: not simulated.
    ASGAverageNetworkOut,
    /// Requests per target and minute.
    ALBRequestCountPerTarget,
}

/// A metric of target tracking: one with its statistic, or lines of metric math.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-plimsoll-ignored" = ["unit"]))]
pub struct GroupCustomizedMetric {
    /// Namespace, for example `AWS/EC2`. Default: the one that has the metric.
    #[serde(default)]
    pub namespace: Option<String>,
    /// Name of the metric.
    #[serde(default)]
    pub metric_name: Option<String>,
    /// Dimensions. Default: those of the group.
    #[serde(default)]
    #[schemars(length(max = 30))]
    pub dimensions: Vec<Dimension>,
    /// Statistic. Default: the one that the metric is used with.
    #[serde(default)]
    pub statistic: Option<Statistic>,
    /// Length of a data point: 10, 30 or 60 seconds. Default: 60 s.
    #[serde(default)]
    pub period: Option<Seconds>,
    /// Lines of metric math.
    #[serde(default)]
    #[schemars(length(max = 20))]
    pub metrics: Vec<MetricDataQuery>,
}

/// A scheduled action of a group, as `aws autoscaling put-scheduled-update-group-action` takes it and
/// `describe-scheduled-actions` prints it. At least one size.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-plimsoll-ignored" = ["autoScalingGroupName", "scheduledActionARN", "time"]))]
pub struct GroupScheduledAction {
    /// Name.
    #[schemars(length(min = 1, max = 255))]
    pub scheduled_action_name: String,
    /// Five fields: minute, hour, day of the month, month, day of the week (0 to 7, Sunday is both).
    /// Without it the action happens once, at `startTime`.
    #[serde(default)]
    pub recurrence: Option<String>,
    /// IANA zone of the recurrence. Default: the scenario's.
    #[serde(default)]
    pub time_zone: Option<String>,
    /// First instant at which the action may happen.
    #[serde(default)]
    pub start_time: Option<Instant>,
    /// Last instant at which the action may happen.
    #[serde(default)]
    pub end_time: Option<Instant>,
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
}

/// Monitoring of a group's instances, as launch configurations have it.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InstanceMonitoring {
    /// Whether EC2 publishes metrics of the instances every minute. Default: every five minutes.
    #[serde(default)]
    pub enabled: bool,
}

/// What AWS leaves open about target tracking of groups: its managed alarms.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct GroupPolicies {
    /// The low alarm breaches below this share of the target. Default: 0.7.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub low_alarm_share: f64,
    /// Data points of the high alarm, all of which must breach. Default: 3.
    #[schemars(range(min = 1, max = 1440))]
    pub high_alarm_periods: u32,
    /// Data points of the low alarm, all of which must breach. Default: 15.
    #[schemars(range(min = 1, max = 1440))]
    pub low_alarm_periods: u32,
}

impl Default for GroupPolicies {
    fn default() -> Self {
        Self { low_alarm_share: 0.7, high_alarm_periods: 3, low_alarm_periods: 15 }
    }
}

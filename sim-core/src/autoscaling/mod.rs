//! Scaling decisions: alarms, target tracking, step and scheduled scaling, capacity providers.
//!
//! Pure functions and small state. No function here schedules an event or changes a service: it
//! takes what is known and returns a decision with its reason.

use crate::units::SimDuration;

/// Managed scaling of a capacity provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ManagedScaling {
    /// `targetCapacity`, 1 to 100.
    pub target_capacity: u32,
    /// `minimumScalingStepSize`, 1 to 10 000.
    pub minimum_scaling_step_size: u32,
    /// `maximumScalingStepSize`, 1 to 10 000.
    pub maximum_scaling_step_size: u32,
    /// `instanceWarmupPeriod`.
    pub instance_warmup_period: SimDuration,
}

/// What a policy of a service watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServiceMetric {
    /// `ECSServiceAverageCPUUtilization`, percent.
    CpuUtilization,
    /// `ECSServiceAverageMemoryUtilization`, percent.
    MemoryUtilization,
    /// `ALBRequestCountPerTarget`, requests per target and minute.
    RequestCountPerTarget,
}

/// A target tracking policy.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetTrackingPolicy {
    /// `PolicyName`.
    pub name: String,
    /// Watched metric.
    pub metric: ServiceMetric,
    /// `TargetValue`.
    pub target_value: f64,
    /// `ScaleOutCooldown`.
    pub scale_out_cooldown: SimDuration,
    /// `ScaleInCooldown`.
    pub scale_in_cooldown: SimDuration,
    /// `DisableScaleIn`.
    pub disable_scale_in: bool,
}

/// Comparison operator of an alarm, metric on the left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ComparisonOperator {
    /// `GreaterThanOrEqualToThreshold`.
    GreaterThanOrEqual,
    /// `GreaterThanThreshold`.
    GreaterThan,
    /// `LessThanThreshold`.
    LessThan,
    /// `LessThanOrEqualToThreshold`.
    LessThanOrEqual,
}

/// `TreatMissingData`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TreatMissingData {
    /// `missing`.
    #[default]
    Missing,
    /// `ignore`.
    Ignore,
    /// `breaching`.
    Breaching,
    /// `notBreaching`.
    NotBreaching,
}

/// An alarm on a metric of a service, period 60 s.
#[derive(Clone, Debug, PartialEq)]
pub struct AlarmSettings {
    /// `AlarmName`.
    pub name: String,
    /// Watched metric.
    pub metric: ServiceMetric,
    /// Operator.
    pub comparison_operator: ComparisonOperator,
    /// Threshold.
    pub threshold: f64,
    /// `EvaluationPeriods`.
    pub evaluation_periods: u32,
    /// `DatapointsToAlarm`, at most `evaluation_periods`.
    pub datapoints_to_alarm: u32,
    /// Missing data.
    pub treat_missing_data: TreatMissingData,
}

/// `AdjustmentType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdjustmentType {
    /// `ChangeInCapacity`.
    ChangeInCapacity,
    /// `ExactCapacity`.
    ExactCapacity,
    /// `PercentChangeInCapacity`.
    PercentChangeInCapacity,
}

/// `MetricAggregationType` of a step scaling policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MetricAggregation {
    /// `Average`.
    #[default]
    Average,
    /// `Minimum`.
    Minimum,
    /// `Maximum`.
    Maximum,
}

/// One step; bounds are relative to the alarm's threshold, `None` is infinite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepAdjustment {
    /// `MetricIntervalLowerBound`.
    pub lower: Option<f64>,
    /// `MetricIntervalUpperBound`.
    pub upper: Option<f64>,
    /// `ScalingAdjustment`.
    pub adjustment: i32,
}

/// A step scaling policy with the alarm that drives it.
#[derive(Clone, Debug, PartialEq)]
pub struct StepScalingPolicy {
    /// `PolicyName`.
    pub name: String,
    /// Alarm.
    pub alarm: AlarmSettings,
    /// Adjustment type.
    pub adjustment_type: AdjustmentType,
    /// Steps in ascending order, without gaps or overlaps.
    pub steps: Vec<StepAdjustment>,
    /// `MinAdjustmentMagnitude`, for percentages.
    pub min_adjustment_magnitude: Option<u32>,
    /// Aggregation over the newest points.
    pub aggregation: MetricAggregation,
    /// `Cooldown`.
    pub cooldown: SimDuration,
}

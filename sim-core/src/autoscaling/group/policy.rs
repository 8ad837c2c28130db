//! Dynamic scaling policies of a group: simple, step and target tracking.
//!
//! Source: EC2 Auto Scaling user guide, *Step and simple scaling policies*, *Target tracking scaling
//! policies*, and the API `PutScalingPolicy`.

use crate::autoscaling::alarm::{AlarmCondition, AlarmSettings, ComparisonOperator};
use crate::autoscaling::rules::ScalingRules;
use crate::autoscaling::step_scaling::{
    AdjustmentType, MetricAggregation, StepAdjustment, step_for, step_problems,
};
use crate::autoscaling::target_tracking::{HIGH_ALARM_PERIODS, LOW_ALARM_PERIODS};
use crate::metrics::MetricQuery;
use crate::units::SimDuration;

/// The policies of a group and what they share.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupScaling {
    /// `DefaultCooldown`.
    pub default_cooldown: SimDuration,
    /// `DefaultInstanceWarmup`.
    pub default_instance_warmup: Option<SimDuration>,
    /// The policies; their names differ.
    pub policies: Vec<GroupPolicy>,
}

impl Default for GroupScaling {
    fn default() -> Self {
        Self {
            default_cooldown: SimDuration::from_secs(300),
            default_instance_warmup: None,
            policies: Vec::new(),
        }
    }
}

impl GroupScaling {
    /// Time in service until an instance counts for a policy: its own, else the group's default, else the
    /// default cooldown.
    pub fn warm_up(&self, of_policy: Option<SimDuration>) -> SimDuration {
        of_policy.or(self.default_instance_warmup).unwrap_or(self.default_cooldown)
    }
}

/// A scaling policy of a group.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupPolicy {
    /// `PolicyName`.
    pub name: String,
    /// Kind and settings.
    pub kind: GroupPolicyKind,
}

/// `PolicyType`.
#[derive(Clone, Debug, PartialEq)]
pub enum GroupPolicyKind {
    /// `SimpleScaling`.
    Simple(SimplePolicy),
    /// `StepScaling`.
    Step(GroupStepPolicy),
    /// `TargetTrackingScaling`.
    TargetTracking(GroupTracking),
}

/// One adjustment, and a pause after it.
#[derive(Clone, Debug, PartialEq)]
pub struct SimplePolicy {
    /// The alarm whose action it is.
    pub alarm: AlarmSettings,
    /// What the adjustment means.
    pub adjustment_type: AdjustmentType,
    /// `ScalingAdjustment`.
    pub adjustment: i32,
    /// `MinAdjustmentMagnitude`, for percentages.
    pub min_adjustment_magnitude: Option<u32>,
    /// `Cooldown`; the group's default if not given.
    pub cooldown: Option<SimDuration>,
}

impl SimplePolicy {
    /// What AWS would refuse, in plain words; empty if nothing.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = self.alarm.problems();
        if self.adjustment_type == AdjustmentType::ExactCapacity && self.adjustment < 0 {
            problems.push("the adjustment sets a negative capacity".to_owned());
        }
        problems.extend(self.adjustment_type.magnitude_problem(self.min_adjustment_magnitude));
        problems
    }
}

/// Steps by how far the metric is beyond the threshold of the alarm.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupStepPolicy {
    /// The alarm whose action it is.
    pub alarm: AlarmSettings,
    /// What the adjustments mean.
    pub adjustment_type: AdjustmentType,
    /// Steps in ascending order, without gaps or overlaps.
    pub steps: Vec<StepAdjustment>,
    /// `MinAdjustmentMagnitude`, for percentages.
    pub min_adjustment_magnitude: Option<u32>,
    /// `MetricAggregationType`.
    pub aggregation: MetricAggregation,
    /// `EstimatedInstanceWarmup`.
    pub instance_warmup: Option<SimDuration>,
}

impl GroupStepPolicy {
    /// The adjustment for an aggregated metric value, `None` if no step covers it.
    pub fn adjustment_for(&self, value: f64) -> Option<i32> {
        step_for(&self.alarm, &self.steps, value)
    }

    /// What AWS would refuse, in plain words; empty if nothing.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = self.alarm.problems();
        problems.extend(step_problems(self.adjustment_type, &self.steps));
        problems.extend(self.adjustment_type.magnitude_problem(self.min_adjustment_magnitude));
        problems
    }
}

/// A metric that is to stay at its target.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupTracking {
    /// Watched metric; its period is that of the high alarm.
    pub query: MetricQuery,
    /// `TargetValue`, positive.
    pub target_value: f64,
    /// `DisableScaleIn`.
    pub disable_scale_in: bool,
    /// `EstimatedInstanceWarmup`.
    pub instance_warmup: Option<SimDuration>,
}

impl GroupTracking {
    /// The managed alarm that asks for more: above the target.
    pub fn high_alarm(&self, rules: &ScalingRules) -> AlarmCondition {
        let (operator, periods) =
            (ComparisonOperator::GreaterThan, rules.groups.high_alarm_periods);
        AlarmCondition::all_of(
            operator,
            self.target_value,
            self.query.period,
            periods,
            rules.alarms,
        )
    }

    /// The managed alarm that asks for less: below a share of the target.
    pub fn low_alarm(&self, rules: &ScalingRules) -> AlarmCondition {
        let threshold = self.target_value * rules.groups.low_alarm_share;
        let period = self.query.period.max(rules.low_alarm_period);
        let (operator, periods) = (ComparisonOperator::LessThan, rules.groups.low_alarm_periods);
        AlarmCondition::all_of(operator, threshold, period, periods, rules.alarms)
    }
}

/// What AWS leaves open about target tracking of groups: its managed alarms, of which it says that they
/// may change by themselves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GroupRules {
    /// The low alarm breaches below this share of the target. Seen in accounts: 0.7.
    pub low_alarm_share: f64,
    /// Evaluation periods of the high alarm, all of which must breach.
    pub high_alarm_periods: u32,
    /// Evaluation periods of the low alarm, all of which must breach.
    pub low_alarm_periods: u32,
}

impl Default for GroupRules {
    fn default() -> Self {
        Self {
            low_alarm_share: 0.7,
            high_alarm_periods: HIGH_ALARM_PERIODS,
            low_alarm_periods: LOW_ALARM_PERIODS,
        }
    }
}

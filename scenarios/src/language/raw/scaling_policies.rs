//! What AWS leaves open about alarms and about Application Auto Scaling.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::group_scaling::GroupPolicies;
use super::kinds::Length;

/// What AWS leaves open about alarms and about Application Auto Scaling.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ScalingPolicies {
    /// When alarms are evaluated within a minute, or within 10 s.
    pub alarm_phase: AlarmPhase,
    /// Whether a data point that is still to be published is missing. Default: the window of the alarm
    /// ends before it.
    pub late_points_are_missing: bool,
    /// Data points an alarm looks at, to bridge gaps.
    pub evaluation_range: EvaluationRange,
    /// State of an alarm under `missing` whose only data points breach and are too few and too fresh.
    pub lone_breach: LoneBreach,
    /// How often the action of an alarm is repeated while it stays in ALARM. Default: 60 s.
    #[schemars(extend("x-plimsoll-min" = "1s"))]
    pub action_interval: Length,
    /// The low alarm of target tracking breaches below this share of the target. Default: 0.9.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub low_alarm_share: f64,
    /// Period of that alarm on a metric of high resolution: 20 s or a multiple of 60 s. Default: 60 s.
    pub low_alarm_period: Length,
    /// Which of the judged data points target tracking scales out by. Default: the newest.
    pub scale_out_value: JudgedValue,
    /// Which of them it scales in by. Default: the greatest.
    #[serde(default = "maximum")]
    pub scale_in_value: JudgedValue,
    /// Largest share of the running tasks that target tracking removes at once. Default: no limit.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub max_scale_in_fraction: Option<f64>,
    /// The number of tasks that a policy counts from during a scale-out and its cooldown.
    pub scale_out_base: ScaleOutBase,
    /// When a cooldown begins.
    pub cooldown_start: CooldownStart,
    /// Whether the cooldown of a scale-out blocks scale-in. Default: only one in progress does.
    pub scale_out_cooldown_blocks_scale_in: bool,
    /// Data points that step scaling aggregates. Default: the evaluation periods of its alarm.
    #[schemars(range(min = 1, max = 1440))]
    pub step_data_points: Option<u32>,
    /// Whether a scheduled action with a start time and a recurrence also happens at the start time.
    /// Default: it does.
    #[serde(default = "super::yes")]
    pub run_at_start_time: bool,
    /// What differs for target tracking of Auto Scaling groups.
    pub groups: GroupPolicies,
}

fn maximum() -> JudgedValue {
    JudgedValue::Maximum
}

impl Default for ScalingPolicies {
    fn default() -> Self {
        Self {
            alarm_phase: AlarmPhase::default(),
            late_points_are_missing: false,
            evaluation_range: EvaluationRange::default(),
            lone_breach: LoneBreach::default(),
            action_interval: Length::from_secs(60),
            low_alarm_share: 0.9,
            low_alarm_period: Length::from_secs(60),
            scale_out_value: JudgedValue::Newest,
            scale_in_value: JudgedValue::Maximum,
            max_scale_in_fraction: None,
            scale_out_base: ScaleOutBase::default(),
            cooldown_start: CooldownStart::default(),
            scale_out_cooldown_blocks_scale_in: false,
            step_data_points: None,
            run_at_start_time: true,
            groups: GroupPolicies::default(),
        }
    }
}

/// Number of data points an alarm looks at: the larger of the two.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EvaluationRange {
    /// At least so many. Default: 5.
    #[schemars(range(min = 1, max = 1440))]
    pub minimum: u32,
    /// So many more than the evaluation periods. Default: 2.
    #[schemars(range(min = 0, max = 1440))]
    pub beyond: u32,
}

impl Default for EvaluationRange {
    fn default() -> Self {
        Self { minimum: 5, beyond: 2 }
    }
}

/// When alarms are evaluated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum AlarmPhase {
    /// All at its start.
    #[default]
    Aligned,
    /// Each at a second of its own, by its name.
    Hashed,
}

/// State of an alarm after a lone fresh breach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum LoneBreach {
    /// The current one.
    #[default]
    Keep,
    /// OK.
    Ok,
    /// `INSUFFICIENT_DATA`.
    InsufficientData,
}

/// One of the data points that an alarm judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum JudgedValue {
    /// The newest.
    #[default]
    Newest,
    /// The greatest.
    Maximum,
    /// Their mean.
    Average,
}

/// The number of tasks that a policy counts from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ScaleOutBase {
    /// Those that ran before the scale-out.
    #[default]
    Frozen,
    /// Those that run.
    Running,
}

/// When a cooldown begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum CooldownStart {
    /// When the tasks first run.
    #[default]
    Fulfilled,
    /// With the decision.
    Decision,
}

//! What AWS leaves open about service scaling.

use super::alarm::AlarmRules;
use super::group::GroupRules;
use crate::metrics::DataPoint;
use crate::units::SimDuration;

/// What AWS leaves open about scaling policies; each is a setting of the scenario. Cooldowns, activities
/// and the share of the low alarm are those of Application Auto Scaling; all else holds for Auto Scaling
/// groups too.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScalingRules {
    /// Alarms.
    pub alarms: AlarmRules,
    /// The low alarm of target tracking breaches below this share of the target.
    pub low_alarm_share: f64,
    /// Shortest period of that alarm, also on a metric of high resolution.
    pub low_alarm_period: SimDuration,
    /// Which of the judged points feeds target tracking on the way out.
    pub scale_out_value: JudgedValue,
    /// Which of them feeds it on the way in.
    pub scale_in_value: JudgedValue,
    /// Largest share of the running tasks that target tracking removes at once, but at least one task.
    pub max_scale_in_fraction: Option<f64>,
    /// Whether a result during a scale-out or its cooldown is computed from the running count before it.
    pub frozen_base: bool,
    /// When a cooldown begins.
    pub cooldown_start: CooldownStart,
    /// An activity that is not fulfilled ends after this.
    pub activity_timeout: SimDuration,
    /// Whether the scale-out cooldown blocks scale-in.
    pub out_cooldown_blocks_in: bool,
    /// Data points that a step policy aggregates; those of the alarm's evaluation periods if not given.
    pub step_points: Option<u32>,
    /// What differs for policies of Auto Scaling groups.
    pub groups: GroupRules,
}

impl Default for ScalingRules {
    fn default() -> Self {
        Self {
            alarms: AlarmRules::default(),
            low_alarm_share: 0.9,
            low_alarm_period: SimDuration::from_secs(60),
            scale_out_value: JudgedValue::Newest,
            scale_in_value: JudgedValue::Maximum,
            max_scale_in_fraction: None,
            frozen_base: true,
            cooldown_start: CooldownStart::Fulfilled,
            activity_timeout: SimDuration::from_secs(600),
            out_cooldown_blocks_in: false,
            step_points: None,
            groups: GroupRules::default(),
        }
    }
}

/// Which of the points that an alarm judged stands for the metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JudgedValue {
    /// The newest.
    Newest,
    /// The greatest.
    Maximum,
    /// The mean.
    Average,
}

impl JudgedValue {
    /// The value of `points`, which come newest first; `None` without points.
    pub fn of(self, mut points: impl Iterator<Item = DataPoint>) -> Option<f64> {
        let newest = points.next()?.value;
        Some(match self {
            Self::Newest => newest,
            Self::Maximum => points.fold(newest, |greatest, point| greatest.max(point.value)),
            Self::Average => {
                let (sum, count) = points
                    .fold((newest, 1.0), |(sum, count), point| (sum + point.value, count + 1.0));
                sum / count
            }
        })
    }
}

/// When a cooldown begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CooldownStart {
    /// When the service first has the new number of running tasks.
    Fulfilled,
    /// With the decision.
    Decision,
}

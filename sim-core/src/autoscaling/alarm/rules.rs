//! What AWS leaves open about alarms.

use crate::units::SimDuration;

/// What AWS leaves open about alarms; each is a setting of the scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlarmRules {
    /// When within a minute alarms are evaluated.
    pub phase: AlarmPhase,
    /// Whether a point that is still to be published is missing.
    pub late_is_missing: bool,
    /// Fewest slots looked at. AWS publishes five, for three evaluation periods.
    pub range_minimum: u32,
    /// Slots looked at beyond the evaluation periods.
    pub range_beyond: u32,
    /// The state after a lone fresh breach, of which AWS says only that it is not ALARM.
    pub lone_breach: LoneBreach,
    /// Auto Scaling actions are repeated this often while the alarm stays in its state. AWS says once
    /// per minute, also of alarms that are evaluated more often.
    pub action_interval: SimDuration,
}

impl Default for AlarmRules {
    fn default() -> Self {
        Self {
            phase: AlarmPhase::Aligned,
            late_is_missing: false,
            range_minimum: 5,
            range_beyond: 2,
            lone_breach: LoneBreach::Keep,
            action_interval: SimDuration::from_secs(60),
        }
    }
}

/// When within their cadence alarms are evaluated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AlarmPhase {
    /// All at its start.
    #[default]
    Aligned,
    /// Each at a whole second of its own, by its name.
    Hashed,
}

/// The state of an alarm under `missing` whose only points breach and are too few and too fresh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LoneBreach {
    /// The current one.
    #[default]
    Keep,
    /// `OK`.
    Ok,
    /// `INSUFFICIENT_DATA`.
    InsufficientData,
}

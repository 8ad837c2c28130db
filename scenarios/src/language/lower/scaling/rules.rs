//! What AWS leaves open about alarms and service scaling.

use plimsoll_core::autoscaling::group::GroupRules;
use plimsoll_core::autoscaling::{
    AlarmPhase, AlarmRules, CooldownStart, JudgedValue, LoneBreach, ScalingRules,
};

use crate::language::lower::Context;
use crate::language::lower::metric::{MINUTE, TWENTY_SECONDS};
use crate::language::raw::control as raw;
use crate::language::tree::Path;

/// The settings at `path`.
pub(in crate::language::lower) fn rules(
    context: &Context<'_>,
    path: &Path,
    control_plane: &raw::ControlPlane,
) -> Option<ScalingRules> {
    let raw = &control_plane.scaling_policies;
    context.positive(&path.key("actionInterval"), raw.action_interval);
    let low_alarm_period = raw.low_alarm_period.duration();
    let minutes = low_alarm_period.as_nanos().is_multiple_of(MINUTE.as_nanos());
    if low_alarm_period != TWENTY_SECONDS && (!minutes || low_alarm_period.is_zero()) {
        context.error(&path.key("lowAlarmPeriod"), "must be 20 s or a multiple of 60 s");
        return None;
    }
    Some(ScalingRules {
        alarms: AlarmRules {
            phase: match raw.alarm_phase {
                raw::AlarmPhase::Aligned => AlarmPhase::Aligned,
                raw::AlarmPhase::Hashed => AlarmPhase::Hashed,
            },
            late_is_missing: raw.late_points_are_missing,
            range_minimum: raw.evaluation_range.minimum,
            range_beyond: raw.evaluation_range.beyond,
            lone_breach: match raw.lone_breach {
                raw::LoneBreach::Keep => LoneBreach::Keep,
                raw::LoneBreach::Ok => LoneBreach::Ok,
                raw::LoneBreach::InsufficientData => LoneBreach::InsufficientData,
            },
            action_interval: raw.action_interval.duration(),
        },
        low_alarm_share: raw.low_alarm_share,
        low_alarm_period,
        scale_out_value: judged(raw.scale_out_value),
        scale_in_value: judged(raw.scale_in_value),
        max_scale_in_fraction: raw.max_scale_in_fraction,
        frozen_base: raw.scale_out_base == raw::ScaleOutBase::Frozen,
        cooldown_start: match raw.cooldown_start {
            raw::CooldownStart::Fulfilled => CooldownStart::Fulfilled,
            raw::CooldownStart::Decision => CooldownStart::Decision,
        },
        activity_timeout: control_plane.scaling_activity_timeout.duration(),
        out_cooldown_blocks_in: raw.scale_out_cooldown_blocks_scale_in,
        step_points: raw.step_data_points,
        groups: GroupRules {
            low_alarm_share: raw.groups.low_alarm_share,
            high_alarm_periods: raw.groups.high_alarm_periods,
            low_alarm_periods: raw.groups.low_alarm_periods,
        },
    })
}

fn judged(raw: raw::JudgedValue) -> JudgedValue {
    match raw {
        raw::JudgedValue::Newest => JudgedValue::Newest,
        raw::JudgedValue::Maximum => JudgedValue::Maximum,
        raw::JudgedValue::Average => JudgedValue::Average,
    }
}

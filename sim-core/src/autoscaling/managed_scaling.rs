//! Managed scaling of a capacity provider: from reservation to the group's desired capacity.
//!
//! Source: the ECS guide on cluster auto scaling and reports of the alarms it creates. What it leaves
//! open is in [`ManagedScalingChoices`]: by default "less than half per minute" is read as
//! `max(1, ceil(N/2) − 1)`, and from zero the group starts exactly two instances, at any target, as the
//! text says.
//!
//! "No scale-in within 15 minutes of a scale-out" needs no clock of its own: a scale-out acts on a point
//! above the target, and the low alarm needs fifteen points below it.

use super::activity::ScalingDirection;
use super::alarm::{
    Alarm, AlarmChange, AlarmCondition, AlarmPhase, AlarmRules, ComparisonOperator,
};
use super::instance_demand::reservation_percent;
use super::rounding::clamp;
use super::target_tracking::proportional_capacity;
use crate::metrics::MetricSeries;
use crate::scenario::{AppliedTo, FromZero, ManagedScalingChoices, ScaleInStep};
use crate::units::{SimDuration, SimTime};

/// Period of `CapacityProviderReservation`.
const PERIOD: SimDuration = SimDuration::from_secs(60);
/// Evaluation periods of the low alarm.
const LOW_ALARM_PERIODS: u32 = 15;
/// Instances with which a group leaves zero.
const FROM_ZERO: u32 = 2;

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

/// What the scaler needs to know of its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupCapacity {
    /// Desired capacity now.
    pub desired: u32,
    /// `MinSize`.
    pub min_size: u32,
    /// `MaxSize`.
    pub max_size: u32,
    /// Instances in service.
    pub in_service: u32,
    /// Age of the youngest instance in service, since it entered service; `None` without instances.
    pub youngest_age: Option<SimDuration>,
}

/// A new desired capacity of the group, to be applied by the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupDecision {
    /// Desired capacity before.
    pub from: u32,
    /// Desired capacity from now on.
    pub new_desired: u32,
    /// `Cause` of the group's activity, without its date.
    pub cause: String,
    /// Direction.
    pub direction: ScalingDirection,
}

/// Outcome of one evaluation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CapacityEvaluation {
    /// Alarms that changed their state.
    pub alarm_changes: Vec<AlarmChange>,
    /// The new desired capacity, if any.
    pub decision: Option<GroupDecision>,
}

/// Managed scaling at work: the metric, its alarms and the pacing.
///
/// The scaler keeps its own metric, and with it the group's size at each data point. The number of
/// instances needed is their product, so that a delayed point is not applied to a group that has
/// changed since, unless [`AppliedTo`] says so.
#[derive(Clone, Debug)]
pub struct CapacityScaler {
    settings: ManagedScaling,
    choices: ManagedScalingChoices,
    policy: String,
    reservation: MetricSeries,
    size: MetricSeries,
    high: Alarm,
    low: Alarm,
    /// Whether an alarm is not only evaluated at full minutes.
    has_own_clock: bool,
}

impl CapacityScaler {
    /// Managed scaling of the group `group`, whose metric is visible `delay` after each minute. Its alarms follow
    /// `rules`; a phase of their own in `choices` comes first.
    pub fn new(
        group: &str,
        settings: ManagedScaling,
        choices: ManagedScalingChoices,
        rules: AlarmRules,
        delay: SimDuration,
    ) -> Self {
        let phase = if choices.alarm_phase.is_zero() { rules.phase } else { AlarmPhase::Aligned };
        let rules = AlarmRules { phase, ..rules };
        let target = f64::from(settings.target_capacity);
        let alarm = |side, operator, periods| {
            let name = format!("TargetTracking-{group}-{side}");
            Alarm::new(name, AlarmCondition::all_of(operator, target, PERIOD, periods, rules))
        };
        let high = alarm("AlarmHigh", ComparisonOperator::GreaterThan, 1);
        let low = alarm("AlarmLow", ComparisonOperator::LessThan, LOW_ALARM_PERIODS);
        let range = low.condition().evaluation_range().max(high.condition().evaluation_range());
        Self {
            settings,
            choices,
            policy: format!("ECSManagedAutoScalingPolicy-{group}"),
            reservation: MetricSeries::new(PERIOD, delay, range),
            size: MetricSeries::new(PERIOD, delay, range),
            has_own_clock: !high.keeps_minutes() || !low.keeps_minutes(),
            high,
            low,
        }
    }

    /// Records the minute that begins at `start`: `n` instances in service, `needed` from
    /// [`instances_needed`](super::instances_needed). Returns the reservation in percent.
    pub fn record(&mut self, start: SimTime, needed: Option<u32>, n: u32) -> f64 {
        let percent = reservation_percent(needed, n, self.settings.target_capacity);
        self.reservation.push(start, Some(percent));
        self.size.push(start, Some(f64::from(n)));
        percent
    }

    /// The newest point is published `by` later than usual.
    pub fn delay_newest(&mut self, by: SimDuration) {
        self.reservation.delay_newest(by);
        self.size.delay_newest(by);
    }

    /// `CapacityProviderReservation`, percent.
    pub fn reservation(&self) -> &MetricSeries {
        &self.reservation
    }

    /// When its alarms are evaluated next after `now`, if not all at full minutes.
    pub fn next_evaluation(&self, now: SimTime) -> Option<SimTime> {
        self.has_own_clock.then(|| self.high.next_due(now).min(self.low.next_due(now)))
    }

    /// Judges the alarms that are due and decides. To be called every minute, or at
    /// [`next_evaluation`](Self::next_evaluation), after [`record`](Self::record).
    pub fn evaluate(&mut self, now: SimTime, group: GroupCapacity) -> CapacityEvaluation {
        let mut evaluation = CapacityEvaluation::default();
        for alarm in [&mut self.high, &mut self.low] {
            if self.has_own_clock && !alarm.is_due(now) {
                continue;
            }
            if let Some(from) = alarm.evaluate(now, Some(&self.reservation)).changed_from {
                evaluation.alarm_changes.push(alarm.change(from, now, Some(&self.reservation)));
            }
        }
        if !self.high.acted_at(now) && !self.low.acted_at(now) {
            return evaluation;
        }
        let newest = self.reservation.newest_visible(now).zip(self.size.newest_visible(now));
        let Some((percent, n)) = newest else { return evaluation };
        let size = match self.choices.applied_to {
            AppliedTo::MeasuredSize => n.value as u32,
            AppliedTo::CurrentSize => group.in_service,
        };
        let wanted = desired_capacity(
            size,
            percent.value,
            self.settings.target_capacity,
            self.choices.from_zero,
        );
        let bounded = clamp(wanted, group.min_size, group.max_size);
        if self.high.acted_at(now) {
            let warming =
                group.youngest_age.is_some_and(|age| age < self.settings.instance_warmup_period);
            if bounded > group.desired && !warming {
                evaluation.decision = Some(self.decision(&self.high, group.desired, bounded));
            }
        } else if self.low.acted_at(now) {
            let step = scale_in_step(group.desired, self.choices.scale_in_step);
            let paced = bounded.max(group.desired.saturating_sub(step));
            if paced < group.desired {
                evaluation.decision = Some(self.decision(&self.low, group.desired, paced));
            }
        }
        evaluation
    }

    fn decision(&self, alarm: &Alarm, from: u32, to: u32) -> GroupDecision {
        let direction = if to > from { ScalingDirection::Out } else { ScalingDirection::In };
        let cause = format!(
            "a monitor alarm {} in state {} triggered policy {} changing the desired capacity from \
             {from} to {to}.",
            alarm.name(),
            alarm.state().name(),
            self.policy
        );
        GroupDecision { from, new_desired: to, cause, direction }
    }
}

/// The desired capacity for a reservation of `percent` at `n` instances: `ceil(n·percent/T)`. From zero
/// exactly two if the reservation is above the target, or what the formula says of one instance.
pub fn desired_capacity(n: u32, percent: f64, target_capacity: u32, from_zero: FromZero) -> u32 {
    let target = f64::from(target_capacity);
    if n > 0 {
        return proportional_capacity(n, percent, target);
    }
    match from_zero {
        _ if percent <= target => 0,
        FromZero::Two => FROM_ZERO,
        FromZero::Formula => proportional_capacity(1, percent, target),
    }
}

/// Most instances that one minute of scale-in removes: at least one, otherwise less than half.
fn scale_in_step(desired: u32, step: ScaleInStep) -> u32 {
    match step {
        ScaleInStep::LessThanHalf => desired.div_ceil(2).saturating_sub(1).max(1),
        ScaleInStep::One => 1,
    }
}

#[cfg(test)]
mod tests;

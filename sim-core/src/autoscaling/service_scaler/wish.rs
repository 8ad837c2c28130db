//! What the policies of a scalable target ask for, before bounds, cooldowns and activities.

use super::{ServiceScaler, StepScaler, TargetTracker, not_in};
use crate::autoscaling::activity::{NotScaled, NotScaledReason, ScalingDirection};
use crate::autoscaling::alarm::AlarmState;
use crate::autoscaling::rounding::floor_e;
use crate::autoscaling::rules::JudgedValue;
use crate::autoscaling::target_tracking::proportional_capacity;
use crate::metrics::{MetricStore, Points};
use crate::units::SimTime;

/// Who asks for a capacity.
#[derive(Clone, Copy, Debug)]
pub(super) enum Author {
    TrackerHigh(usize),
    TrackerLow(usize),
    Step(usize),
}

/// A policy's wish, before bounds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    pub(super) capacity: u32,
    pub(super) author: Author,
}

impl Wish {
    /// The larger of this wish and an earlier one, which wins a tie.
    fn or_larger(self, earlier: Option<Self>) -> Self {
        earlier.filter(|earlier| earlier.capacity >= self.capacity).unwrap_or(self)
    }
}

impl ServiceScaler {
    /// The largest wish for more capacity; `None` if no scale-out alarm acts.
    pub(super) fn out_wish(
        &self,
        now: SimTime,
        running: u32,
        desired: u32,
        store: &MetricStore,
    ) -> Option<Wish> {
        let base = self.out_base(now, running);
        let mut best = None;
        for (index, TargetTracker { policy, high, .. }) in self.trackers.iter().enumerate() {
            let view = store.view(&policy.query);
            // From zero one data point is enough.
            let from_zero = running == 0
                && desired == 0
                && high.is_due(now)
                && view.newest(now).is_some_and(|point| high.condition().breaches(point.value));
            if !(high.acted_at(now) || from_zero) {
                continue;
            }
            if let Some(value) = self.rules.scale_out_value.of(high.judged(now, &view)) {
                let capacity = match base {
                    0 => self.min.max(1),
                    _ => proportional_capacity(base, value, policy.target_value),
                };
                let wish = Wish { capacity, author: Author::TrackerHigh(index) };
                best = Some(wish.or_larger(best));
            }
        }
        for (index, adjustment) in self.acting_steps(now, store) {
            let policy = &self.steps[index].policy;
            if policy.direction(adjustment, running) == Some(ScalingDirection::Out) {
                let capacity = policy.adjusted(base, adjustment);
                let wish = Wish { capacity, author: Author::Step(index) };
                best = Some(wish.or_larger(best));
            }
        }
        best
    }

    /// The largest wish for less capacity; `None` if no scale-in alarm acts. Where its size does not
    /// matter, it is that of the newest points.
    pub(super) fn in_wish(
        &self,
        now: SimTime,
        running: u32,
        store: &MetricStore,
        size_matters: bool,
    ) -> Option<Result<Wish, NotScaled>> {
        let mut best = None;
        let which = if size_matters { self.rules.scale_in_value } else { JudgedValue::Newest };
        let lows = || self.trackers.iter().filter_map(|tracker| tracker.low.as_ref());
        let any_acts = lows().any(|low| low.acted_at(now));
        let all_ready = lows().all(|low| low.state() == AlarmState::Alarm);
        if any_acts && all_ready {
            for (index, TargetTracker { policy, low, .. }) in self.trackers.iter().enumerate() {
                let Some(low) = low else { continue };
                let view = store.view(&policy.query);
                if let Some(value) = which.of(low.judged(now, &view)) {
                    let capacity = proportional_capacity(running, value, policy.target_value);
                    let capacity = capacity.max(self.least_after_scale_in(running));
                    let wish = Wish { capacity, author: Author::TrackerLow(index) };
                    best = Some(wish.or_larger(best));
                }
            }
        }
        // A step policy does not wait for target tracking.
        for (index, adjustment) in self.acting_steps(now, store) {
            let policy = &self.steps[index].policy;
            if policy.direction(adjustment, running) == Some(ScalingDirection::In) {
                let capacity = policy.adjusted(running, adjustment);
                let wish = Wish { capacity, author: Author::Step(index) };
                best = Some(wish.or_larger(best));
            }
        }
        match best {
            Some(wish) => Some(Ok(wish)),
            None if any_acts => Some(Err(not_in(NotScaledReason::OtherPoliciesNotReady))),
            None => None,
        }
    }

    /// Tasks that target tracking leaves of `running` in one activity.
    fn least_after_scale_in(&self, running: u32) -> u32 {
        let most = self.rules.max_scale_in_fraction;
        let most = most.map_or(running, |share| floor_e(f64::from(running) * share).max(1));
        running.saturating_sub(most)
    }

    /// Step policies whose alarm acts, with the adjustment of the step that applies.
    fn acting_steps(
        &self,
        now: SimTime,
        store: &MetricStore,
    ) -> impl Iterator<Item = (usize, i32)> {
        let acting =
            self.steps.iter().enumerate().filter(move |(_, step)| step.alarm.acted_at(now));
        acting.filter_map(move |(index, StepScaler { policy, alarm })| {
            let points = self.rules.step_points.unwrap_or(policy.alarm.evaluation_periods);
            let view = store.view(&policy.alarm.query);
            let real = view.points(now, alarm.condition().span()).flatten();
            let values = real.take(points.max(1) as usize).map(|point| point.value);
            let value = policy.aggregation.aggregate(values)?;
            policy.adjustment_for(value).map(|adjustment| (index, adjustment))
        })
    }
}

//! One scalable target of Application Auto Scaling at work: its alarms, cooldowns and activity.
//!
//! Source: the Application Auto Scaling and ECS guides. Where they are silent:
//!
//! * cooldowns and the activity belong to the target, not to a policy; their length is that of the
//!   policy that acted;
//! * a policy's result is computed from the running count; while a scale-out is in progress or in its
//!   cooldown, from the running count before it, so that nothing is added twice;
//! * a cooldown starts when the service first reaches the new count; an activity that does not get
//!   there in time ends as unfulfilled, without a cooldown;
//! * scale-in also waits for a scale-in in progress: its tasks still count as running;
//! * the newest point feeds the law on the way out, the maximum of the judged points on the way in;
//! * a scale-out alarm without effect still holds capacity against a simultaneous scale-in.

use super::activity::{
    Activity, ActivityEnd, ActivityStatus, NotScaled, NotScaledReason, RejectedChange,
    ScalingDecision, ScalingDirection,
};
use super::alarm::{Alarm, AlarmChange, AlarmState};
use super::metric::ServiceMetric;
use super::rounding::clamp;
use super::step_scaling::StepScalingPolicy;
use super::target_tracking::{TargetTrackingPolicy, proportional_capacity};
use crate::metrics::MetricSeries;
use crate::scenario::{ScalableTarget, ScheduledChange};
use crate::units::{SimDuration, SimTime};

/// What the scaler needs to know of its service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceCapacity {
    /// Running tasks.
    pub running: u32,
    /// `desiredCount`.
    pub desired: u32,
    /// Whether a deployment is in progress.
    pub deployment_in_progress: bool,
}

/// Outcome of one evaluation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evaluation {
    /// Alarms that changed their state, in order of the policies.
    pub alarm_changes: Vec<AlarmChange>,
    /// The new desired count, if any.
    pub decision: Option<ScalingDecision>,
    /// An alarm acted without effect.
    pub not_scaled: Option<NotScaled>,
    /// The activity that ended: fulfilled, timed out, or overridden by the decision.
    pub ended: Option<ActivityEnd>,
}

/// Outcome of a scheduled action.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScheduledOutcome {
    /// The new desired count, if the old one was out of the new bounds.
    pub decision: Option<ScalingDecision>,
    /// The activity that the decision overrode.
    pub ended: Option<ActivityEnd>,
}

/// A target tracking policy and its managed alarms.
#[derive(Clone, Debug)]
struct TargetTracker {
    policy: TargetTrackingPolicy,
    high: Alarm,
    /// Absent with `DisableScaleIn`.
    low: Option<Alarm>,
}

/// A step scaling policy and its alarm.
#[derive(Clone, Debug)]
struct StepScaler {
    policy: StepScalingPolicy,
    alarm: Alarm,
}

/// Who asks for a capacity.
#[derive(Clone, Copy, Debug)]
enum Author {
    TrackerHigh(usize),
    TrackerLow(usize),
    Step(usize),
}

/// A policy's wish, before bounds.
#[derive(Clone, Copy, Debug)]
struct Wish {
    capacity: u32,
    author: Author,
}

impl Wish {
    /// The larger of this wish and an earlier one, which wins a tie.
    fn or_larger(self, earlier: Option<Self>) -> Self {
        earlier.filter(|earlier| earlier.capacity >= self.capacity).unwrap_or(self)
    }
}

/// State of one scalable target.
#[derive(Clone, Debug)]
pub struct ServiceScaler {
    min: u32,
    max: u32,
    trackers: Vec<TargetTracker>,
    steps: Vec<StepScaler>,
    activity: Option<Activity>,
    activity_timeout: SimDuration,
    /// Running count before the latest scale-out.
    base: u32,
    out_cooldown_until: SimTime,
    in_cooldown_until: SimTime,
}

impl ServiceScaler {
    /// A registered target. `resource_id` names the managed alarms, for example
    /// `service/default/web`. An activity not fulfilled within `activity_timeout` ends as unfulfilled.
    pub fn new(resource_id: &str, target: &ScalableTarget, activity_timeout: SimDuration) -> Self {
        let tracker = |policy: &TargetTrackingPolicy| {
            let name = |side| format!("TargetTracking-{resource_id}-{side}-{}", policy.name);
            TargetTracker {
                policy: policy.clone(),
                high: Alarm::new(name("AlarmHigh"), policy.high_alarm()),
                low: (!policy.disable_scale_in)
                    .then(|| Alarm::new(name("AlarmLow"), policy.low_alarm())),
            }
        };
        let step = |policy: &StepScalingPolicy| StepScaler {
            policy: policy.clone(),
            alarm: Alarm::new(policy.alarm.name.clone(), policy.alarm.condition()),
        };
        Self {
            min: target.min_capacity,
            max: target.max_capacity,
            trackers: target.target_tracking.iter().map(tracker).collect(),
            steps: target.step_scaling.iter().map(step).collect(),
            activity: None,
            activity_timeout,
            base: 0,
            out_cooldown_until: SimTime::ZERO,
            in_cooldown_until: SimTime::ZERO,
        }
    }

    /// `MinCapacity` and `MaxCapacity` as of now.
    pub fn bounds(&self) -> (u32, u32) {
        (self.min, self.max)
    }

    /// `desired` pulled into the bounds, as registration does at once.
    pub fn registered_capacity(&self, desired: u32) -> u32 {
        clamp(desired, self.min, self.max)
    }

    /// Slots that the alarm with the longest memory looks at: the range a [`MetricSeries`] needs.
    pub fn evaluation_range(&self) -> usize {
        let of = |alarm: &Alarm| alarm.condition().evaluation_range();
        let trackers =
            self.trackers.iter().flat_map(|it| std::iter::once(&it.high).chain(it.low.as_ref()));
        trackers.map(of).chain(self.steps.iter().map(|it| of(&it.alarm))).max().unwrap_or(0)
    }

    /// Whether a scaling activity is in progress.
    pub fn has_activity(&self) -> bool {
        self.activity.is_some()
    }

    /// Tells the scaler the running count, at each change of it. The first time it reaches what an
    /// activity asked for, the activity ends as successful and its cooldown starts.
    pub fn observe_running(&mut self, now: SimTime, running: u32) -> Option<ActivityEnd> {
        let activity = self.activity.filter(|activity| activity.is_fulfilled(running))?;
        self.activity = None;
        if let Some(cooldown) = activity.cooldown {
            match activity.direction {
                ScalingDirection::Out => self.out_cooldown_until = now + cooldown,
                ScalingDirection::In => self.in_cooldown_until = now + cooldown,
            }
        }
        Some(activity.end(ActivityStatus::Successful))
    }

    /// Judges all alarms and decides. To be called every minute, after the data points of the instant
    /// have been pushed. A metric that the service does not have is `None`. Allocates only when an
    /// alarm changes or the desired count does.
    pub fn evaluate<'a>(
        &mut self,
        now: SimTime,
        capacity: ServiceCapacity,
        metrics: impl Fn(ServiceMetric) -> Option<&'a MetricSeries>,
    ) -> Evaluation {
        let mut evaluation = Evaluation {
            ended: self.observe_running(now, capacity.running).or_else(|| self.time_out(now)),
            ..Evaluation::default()
        };
        self.judge(now, &metrics, &mut evaluation.alarm_changes);
        // A decision may still be on its way to the service.
        let desired = self.activity.map_or(capacity.desired, |activity| activity.to);
        let running = capacity.running;
        let outcome = if let Some(wish) = self.out_wish(now, running, desired, &metrics) {
            self.scale_out(wish, desired).map(|to| (wish, to))
        } else if let Some(wish) = self.in_wish(now, running, &metrics) {
            wish.and_then(|wish| self.scale_in(now, wish, capacity, desired).map(|to| (wish, to)))
        } else {
            return evaluation;
        };
        match outcome {
            Ok((wish, to)) => {
                let (decision, overridden) = self.decide(now, wish, running, desired, to);
                evaluation.decision = Some(decision);
                evaluation.ended = evaluation.ended.or(overridden);
            }
            Err(not_scaled) => evaluation.not_scaled = Some(not_scaled),
        }
        evaluation
    }

    /// Applies a scheduled action: sets the bounds it names, then brings the desired count into them.
    /// It never lowers to a new minimum nor raises to a new maximum, and ignores cooldowns.
    ///
    /// # Errors
    /// If the minimum would exceed the maximum; then nothing changes.
    pub fn apply_scheduled(
        &mut self,
        now: SimTime,
        change: &ScheduledChange,
        capacity: ServiceCapacity,
    ) -> Result<ScheduledOutcome, RejectedChange> {
        let min_capacity = change.min_capacity.unwrap_or(self.min);
        let max_capacity = change.max_capacity.unwrap_or(self.max);
        if min_capacity > max_capacity {
            return Err(RejectedChange { min_capacity, max_capacity });
        }
        (self.min, self.max) = (min_capacity, max_capacity);
        let from = self.activity.map_or(capacity.desired, |activity| activity.to);
        let to = clamp(from, min_capacity, max_capacity);
        if to == from {
            return Ok(ScheduledOutcome::default());
        }
        let (direction, bound) = if to > from {
            (ScalingDirection::Out, "minimum")
        } else {
            (ScalingDirection::In, "maximum")
        };
        let ended = self.begin(now, direction, from, to, None, capacity.running);
        let decision = ScalingDecision {
            from,
            new_desired: to,
            policy: change.name.clone(),
            cause: format!("{bound} capacity was set to {to}"),
            direction,
        };
        Ok(ScheduledOutcome { decision: Some(decision), ended })
    }

    fn time_out(&mut self, now: SimTime) -> Option<ActivityEnd> {
        let timeout = self.activity_timeout;
        let activity = self.activity.filter(|activity| activity.started + timeout <= now)?;
        self.activity = None;
        Some(activity.end(ActivityStatus::Unfulfilled))
    }

    fn judge<'a>(
        &mut self,
        now: SimTime,
        metrics: &impl Fn(ServiceMetric) -> Option<&'a MetricSeries>,
        changes: &mut Vec<AlarmChange>,
    ) {
        let mut judge = |alarm: &mut Alarm, series: Option<&MetricSeries>| {
            if let Some(from) = alarm.evaluate(now, series).changed_from {
                changes.push(alarm.change(from, now, series));
            }
        };
        for tracker in &mut self.trackers {
            let series = metrics(tracker.policy.metric);
            judge(&mut tracker.high, series);
            if let Some(low) = &mut tracker.low {
                judge(low, series);
            }
        }
        for step in &mut self.steps {
            judge(&mut step.alarm, metrics(step.policy.alarm.metric));
        }
    }

    /// The running count from which a scale-out is computed.
    fn out_base(&self, now: SimTime, running: u32) -> u32 {
        let scaling_out =
            self.activity.is_some_and(|activity| activity.direction == ScalingDirection::Out);
        // Nothing can be proportional to zero: from there on the running count is the base.
        let frozen = (scaling_out || now < self.out_cooldown_until) && self.base > 0;
        if frozen { self.base } else { running }
    }

    /// The largest wish for more capacity; `None` if no scale-out alarm acts.
    fn out_wish<'a>(
        &self,
        now: SimTime,
        running: u32,
        desired: u32,
        metrics: &impl Fn(ServiceMetric) -> Option<&'a MetricSeries>,
    ) -> Option<Wish> {
        let base = self.out_base(now, running);
        let mut best = None;
        for (index, TargetTracker { policy, high, .. }) in self.trackers.iter().enumerate() {
            let Some(series) = metrics(policy.metric) else { continue };
            let newest = high.judged(now, series).next().map(|point| point.value);
            // From zero one data point is enough.
            let from_zero = running == 0
                && desired == 0
                && matches!(series.window(now, 1).next(), Some(Some(point)) if high.condition().breaches(point.value));
            if let Some(value) = newest.filter(|_| high.acted_at(now) || from_zero) {
                let capacity = match base {
                    0 => self.min.max(1),
                    _ => proportional_capacity(base, value, policy.target_value),
                };
                let wish = Wish { capacity, author: Author::TrackerHigh(index) };
                best = Some(wish.or_larger(best));
            }
        }
        for (index, adjustment) in self.acting_steps(now, metrics) {
            let policy = &self.steps[index].policy;
            if policy.direction(adjustment, running) == Some(ScalingDirection::Out) {
                let capacity = policy.adjusted(base, adjustment);
                let wish = Wish { capacity, author: Author::Step(index) };
                best = Some(wish.or_larger(best));
            }
        }
        best
    }

    /// The largest wish for less capacity; `None` if no scale-in alarm acts.
    fn in_wish<'a>(
        &self,
        now: SimTime,
        running: u32,
        metrics: &impl Fn(ServiceMetric) -> Option<&'a MetricSeries>,
    ) -> Option<Result<Wish, NotScaled>> {
        let mut best = None;
        let (mut any_acts, mut all_ready) = (false, true);
        for (index, tracker) in self.trackers.iter().enumerate() {
            let Some(low) = &tracker.low else { continue };
            any_acts |= low.acted_at(now);
            all_ready &= low.state() == AlarmState::Alarm;
            let policy = &tracker.policy;
            let judged = metrics(policy.metric).map(|series| low.judged(now, series));
            let values = judged.into_iter().flatten().map(|point| point.value);
            if let Some(value) = values.reduce(f64::max) {
                let capacity = proportional_capacity(running, value, policy.target_value);
                let wish = Wish { capacity, author: Author::TrackerLow(index) };
                best = Some(wish.or_larger(best));
            }
        }
        if !(any_acts && all_ready) {
            best = None;
        }
        // A step policy does not wait for target tracking.
        for (index, adjustment) in self.acting_steps(now, metrics) {
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

    /// Step policies whose alarm acts, with the adjustment of the step that applies.
    fn acting_steps<'s, 'a: 's>(
        &'s self,
        now: SimTime,
        metrics: &'s impl Fn(ServiceMetric) -> Option<&'a MetricSeries>,
    ) -> impl Iterator<Item = (usize, i32)> + 's {
        let acting =
            self.steps.iter().enumerate().filter(move |(_, step)| step.alarm.acted_at(now));
        acting.filter_map(move |(index, StepScaler { policy, alarm })| {
            let series = metrics(policy.alarm.metric)?;
            let values = alarm.judged(now, series).map(|point| point.value);
            let value = policy.aggregation.aggregate(values)?;
            policy.adjustment_for(value).map(|adjustment| (index, adjustment))
        })
    }

    /// The new desired count of a scale-out.
    fn scale_out(&self, wish: Wish, desired: u32) -> Result<u32, NotScaled> {
        if desired < self.min {
            // A count below the bounds is lifted to them first.
            return Ok(self.min);
        }
        let to = clamp(wish.capacity, self.min, self.max);
        if to > desired {
            return Ok(to);
        }
        let reason = if desired >= self.max {
            NotScaledReason::AlreadyAtMaxCapacity
        } else {
            NotScaledReason::AlreadyAtDesiredCapacity
        };
        Err(NotScaled { direction: ScalingDirection::Out, reason })
    }

    /// The new desired count of a scale-in.
    fn scale_in(
        &self,
        now: SimTime,
        wish: Wish,
        capacity: ServiceCapacity,
        desired: u32,
    ) -> Result<u32, NotScaled> {
        if capacity.deployment_in_progress {
            return Err(not_in(NotScaledReason::DeploymentInProgress));
        }
        if self.activity.is_some() {
            return Err(not_in(NotScaledReason::ActivityInProgress));
        }
        if now < self.in_cooldown_until {
            return Err(not_in(NotScaledReason::ScaleInCooldown));
        }
        if desired > self.max {
            // A count above the bounds is brought to them first.
            return Ok(self.max);
        }
        let to = clamp(wish.capacity, self.min, self.max);
        if to < capacity.running && to < desired {
            return Ok(to);
        }
        Err(not_in(if desired <= self.min {
            NotScaledReason::AlreadyAtMinCapacity
        } else if wish.capacity >= capacity.running {
            NotScaledReason::AnticipatedFlapping
        } else {
            NotScaledReason::AlreadyAtDesiredCapacity
        }))
    }

    fn decide(
        &mut self,
        now: SimTime,
        wish: Wish,
        running: u32,
        from: u32,
        to: u32,
    ) -> (ScalingDecision, Option<ActivityEnd>) {
        let direction = if to > from { ScalingDirection::Out } else { ScalingDirection::In };
        let (policy, alarm, cooldown) = match wish.author {
            Author::TrackerHigh(index) => {
                let TargetTracker { policy, high, .. } = &self.trackers[index];
                (&policy.name, Some(high), policy.scale_out_cooldown)
            }
            Author::TrackerLow(index) => {
                let TargetTracker { policy, low, .. } = &self.trackers[index];
                (&policy.name, low.as_ref(), policy.scale_in_cooldown)
            }
            Author::Step(index) => {
                let StepScaler { policy, alarm } = &self.steps[index];
                (&policy.name, Some(alarm), policy.cooldown)
            }
        };
        let (name, state) = alarm.map_or(("", ""), |alarm| (alarm.name(), alarm.state().name()));
        let decision = ScalingDecision {
            from,
            new_desired: to,
            policy: policy.clone(),
            cause: format!("monitor alarm {name} in state {state} triggered policy {policy}"),
            direction,
        };
        let overridden = self.begin(now, direction, from, to, Some(cooldown), running);
        if direction == ScalingDirection::Out {
            self.in_cooldown_until = now;
        }
        (decision, overridden)
    }

    /// Starts an activity; the one it overrides, if any.
    fn begin(
        &mut self,
        now: SimTime,
        direction: ScalingDirection,
        from: u32,
        to: u32,
        cooldown: Option<SimDuration>,
        running: u32,
    ) -> Option<ActivityEnd> {
        if direction == ScalingDirection::Out {
            self.base = self.out_base(now, running);
        }
        let activity = Activity { direction, from, to, started: now, cooldown };
        let overridden = self.activity.replace(activity);
        overridden.map(|activity| activity.end(ActivityStatus::Overridden))
    }
}

fn not_in(reason: NotScaledReason) -> NotScaled {
    NotScaled { direction: ScalingDirection::In, reason }
}

#[cfg(test)]
mod tests;

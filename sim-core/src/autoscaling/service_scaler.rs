//! One scalable target of Application Auto Scaling at work: its alarms, cooldowns and activity.
//!
//! Source: the Application Auto Scaling and ECS guides. Where they are silent, [`ScalingRules`] chooses, and:
//!
//! * cooldowns and the activity belong to the target, not to a policy; their length is that of the
//!   policy that acted;
//! * an activity that does not reach its count in time ends as unfulfilled, without a cooldown;
//! * scale-in also waits for a scale-in in progress: its tasks still count as running;
//! * a scale-out alarm without effect still holds capacity against a simultaneous scale-in.

mod wish;

use super::activity::{
    Activity, ActivityEnd, ActivityStatus, NotScaled, NotScaledReason, RejectedChange,
    ScalingDecision, ScalingDirection, SuspendedState,
};
use super::alarm::{Alarm, AlarmChange};
use super::predictive::{PredictiveScalingPolicy, effective_maximum, with_floor};
use super::rounding::clamp;
use super::rules::{CooldownStart, ScalingRules};
use super::step_scaling::StepScalingPolicy;
use super::target_tracking::TargetTrackingPolicy;
use crate::metrics::{MetricQuery, MetricStore};
use crate::scenario::{ScalableTarget, ScheduledChange};
use crate::units::{SimDuration, SimTime};
use wish::{Author, Wish};

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
    /// Whether that is not what the evaluation before this one found, too.
    pub not_scaled_is_new: bool,
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

/// State of one scalable target.
#[derive(Clone, Debug)]
pub struct ServiceScaler {
    min: u32,
    max: u32,
    /// What predictive scaling wants at least.
    predicted: u32,
    trackers: Vec<TargetTracker>,
    steps: Vec<StepScaler>,
    rules: ScalingRules,
    /// Whether an alarm is not only evaluated at full minutes.
    own_clock: bool,
    suspended: SuspendedState,
    /// Why alarms last acted without effect.
    not_scaled: Option<NotScaled>,
    activity: Option<Activity>,
    /// Running count before the latest scale-out.
    base: u32,
    out_cooldown_until: SimTime,
    in_cooldown_until: SimTime,
}

impl ServiceScaler {
    /// A registered target. `resource_id` names the managed alarms, for example
    /// `service/default/web`.
    pub fn new(resource_id: &str, target: &ScalableTarget, rules: ScalingRules) -> Self {
        let tracker = |policy: &TargetTrackingPolicy| {
            let name = |side| format!("TargetTracking-{resource_id}-{side}-{}", policy.name);
            TargetTracker {
                policy: policy.clone(),
                high: Alarm::new(name("AlarmHigh"), policy.high_alarm(&rules)),
                low: (!policy.disable_scale_in)
                    .then(|| Alarm::new(name("AlarmLow"), policy.low_alarm(&rules))),
            }
        };
        let step = |policy: &StepScalingPolicy| StepScaler {
            policy: policy.clone(),
            alarm: Alarm::new(policy.alarm.name.clone(), policy.alarm.condition(rules.alarms)),
        };
        let mut scaler = Self {
            min: target.min_capacity,
            max: target.max_capacity,
            predicted: 0,
            trackers: target.target_tracking.iter().map(tracker).collect(),
            steps: target.step_scaling.iter().map(step).collect(),
            rules,
            own_clock: false,
            suspended: target.suspended,
            not_scaled: None,
            activity: None,
            base: 0,
            out_cooldown_until: SimTime::ZERO,
            in_cooldown_until: SimTime::ZERO,
        };
        let own_clock = scaler.alarms().any(|(_, alarm)| !alarm.keeps_minutes());
        scaler.own_clock = own_clock;
        scaler
    }

    /// `MinCapacity` and `MaxCapacity` as of now.
    pub fn bounds(&self) -> (u32, u32) {
        (self.min, self.max)
    }

    /// `desired` pulled into the bounds, as registration does at once.
    pub fn registered_capacity(&self, desired: u32) -> u32 {
        clamp(desired, self.min, self.max)
    }

    /// Makes room in `store` for what the alarms look back at. To be called before the first sample.
    pub fn retain(&self, store: &mut MetricStore) {
        for (query, alarm) in self.alarms() {
            store.retain(query, alarm.condition().memory());
        }
    }

    fn alarms(&self) -> impl Iterator<Item = (&MetricQuery, &Alarm)> {
        let trackers = self.trackers.iter().flat_map(|tracker| {
            let alarms = std::iter::once(&tracker.high).chain(tracker.low.as_ref());
            alarms.map(|alarm| (&tracker.policy.query, alarm))
        });
        trackers.chain(self.steps.iter().map(|step| (&step.policy.alarm.query, &step.alarm)))
    }

    /// Whether an alarm is not only evaluated at full minutes.
    pub fn has_own_clock(&self) -> bool {
        self.own_clock
    }

    /// The next evaluation after `now` if an alarm has a clock of its own, evaluations that cannot change
    /// anything left out; `None` if full minutes do.
    pub fn next_evaluation(&self, now: SimTime, store: &MetricStore) -> Option<SimTime> {
        if !self.has_own_clock() {
            return None;
        }
        // An activity may end at any evaluation, and a service without tasks is scaled out by one point,
        // whatever the state of the alarm.
        let any = self.activity.is_some() || self.min == 0;
        let next = self.alarms().map(|(query, alarm)| {
            if any { alarm.next_due(now) } else { alarm.next_needed(now, &store.view(query)) }
        });
        next.min()
    }

    /// Suspends or resumes parts of the target. What alarms in breach ask for comes with their next
    /// action, at most a minute later.
    pub fn suspend(&mut self, suspended: SuspendedState) {
        self.suspended = suspended;
    }

    /// Which parts of the target are suspended.
    pub fn suspended(&self) -> SuspendedState {
        self.suspended
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
        if self.rules.cooldown_start == CooldownStart::Fulfilled {
            self.start_cooldown(now, &activity);
        }
        Some(activity.end(ActivityStatus::Successful))
    }

    /// Judges the alarms that are due and decides. To be called every minute and at every
    /// [`next_evaluation`](Self::next_evaluation), after the data points of the instant have been
    /// recorded. Allocates only when an alarm changes or the desired count does.
    pub fn evaluate(
        &mut self,
        now: SimTime,
        capacity: ServiceCapacity,
        store: &MetricStore,
    ) -> Evaluation {
        let mut evaluation = Evaluation {
            ended: self.observe_running(now, capacity.running).or_else(|| self.time_out(now)),
            ..Evaluation::default()
        };
        self.judge(now, store, &mut evaluation.alarm_changes);
        // A decision may still be on its way to the service.
        let desired = self.activity.map_or(capacity.desired, |activity| activity.to);
        let running = capacity.running;
        if !evaluation.alarm_changes.is_empty() {
            self.not_scaled = None;
        }
        let suspended = self.suspended;
        let out_wish = if suspended.dynamic_scaling_out {
            None
        } else {
            self.out_wish(now, running, desired, store)
        };
        let in_wish = if suspended.dynamic_scaling_in || out_wish.is_some() {
            None
        } else {
            let size_matters = self.scale_in_obstacle(now, capacity, desired).is_none();
            self.in_wish(now, running, store, size_matters)
        };
        let outcome = if let Some(wish) = out_wish {
            self.scale_out(wish, desired).map(|to| (wish, to))
        } else if let Some(wish) = in_wish {
            wish.and_then(|wish| self.scale_in(now, wish, capacity, desired).map(|to| (wish, to)))
        } else {
            return evaluation;
        };
        match outcome {
            Ok((wish, to)) => {
                let (decision, overridden) = self.decide(now, wish, running, desired, to);
                evaluation.decision = Some(decision);
                evaluation.ended = evaluation.ended.or(overridden);
                self.not_scaled = None;
            }
            Err(not_scaled) => {
                evaluation.not_scaled = Some(not_scaled);
                evaluation.not_scaled_is_new =
                    self.not_scaled.replace(not_scaled) != Some(not_scaled);
            }
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

    /// Below what predictive scaling forecast no policy scales in from now on.
    pub fn set_predicted(&mut self, predicted: u32) {
        self.predicted = predicted;
    }

    /// Applies a forecast of `predicted`: raises the maximum if the policy may, for good, and the desired
    /// count to the forecast. It never lowers the count, and ignores cooldowns.
    pub fn apply_forecast(
        &mut self,
        now: SimTime,
        policy: &PredictiveScalingPolicy,
        predicted: u32,
        capacity: ServiceCapacity,
    ) -> ScheduledOutcome {
        self.max = effective_maximum(self.max, predicted, policy.max_capacity_buffer);
        let from = self.activity.map_or(capacity.desired, |activity| activity.to);
        let to = clamp(predicted, self.min, self.max);
        if to <= from {
            return ScheduledOutcome::default();
        }
        let direction = ScalingDirection::Out;
        let ended = self.begin(now, direction, from, to, None, capacity.running);
        let decision = ScalingDecision {
            from,
            new_desired: to,
            policy: policy.name.clone(),
            cause: format!("policy {} forecast a capacity of {predicted}", policy.name),
            direction,
        };
        ScheduledOutcome { decision: Some(decision), ended }
    }

    fn start_cooldown(&mut self, now: SimTime, activity: &Activity) {
        if let Some(cooldown) = activity.cooldown {
            match activity.direction {
                ScalingDirection::Out => self.out_cooldown_until = now + cooldown,
                ScalingDirection::In => self.in_cooldown_until = now + cooldown,
            }
        }
    }

    fn time_out(&mut self, now: SimTime) -> Option<ActivityEnd> {
        let timeout = self.rules.activity_timeout;
        let activity = self.activity.filter(|activity| activity.started + timeout <= now)?;
        self.activity = None;
        Some(activity.end(ActivityStatus::Unfulfilled))
    }

    fn judge(&mut self, now: SimTime, store: &MetricStore, changes: &mut Vec<AlarmChange>) {
        let mut judge = |alarm: &mut Alarm, query: &MetricQuery| {
            if !alarm.is_due(now) {
                return;
            }
            let points = Some(&store.view(query));
            if let Some(from) = alarm.evaluate(now, points).changed_from {
                changes.push(alarm.change(from, now, points));
            }
        };
        for TargetTracker { policy, high, low } in &mut self.trackers {
            judge(high, &policy.query);
            if let Some(low) = low {
                judge(low, &policy.query);
            }
        }
        for StepScaler { policy, alarm } in &mut self.steps {
            judge(alarm, &policy.alarm.query);
        }
    }

    /// The running count from which a scale-out is computed.
    fn out_base(&self, now: SimTime, running: u32) -> u32 {
        let scaling_out =
            self.activity.is_some_and(|activity| activity.direction == ScalingDirection::Out);
        // Nothing can be proportional to zero: from there on the running count is the base.
        let frozen = self.rules.frozen_base && (scaling_out || now < self.out_cooldown_until);
        if frozen && self.base > 0 { self.base } else { running }
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
        if let Some(reason) = self.scale_in_obstacle(now, capacity, desired) {
            return Err(not_in(reason));
        }
        if desired > self.max {
            // A count above the bounds is brought to them first.
            return Ok(self.max);
        }
        let to = clamp(with_floor(wish.capacity, self.predicted), self.min, self.max);
        if to < capacity.running && to < desired {
            return Ok(to);
        }
        Err(not_in(if wish.capacity < self.predicted && desired <= self.predicted {
            NotScaledReason::AlreadyAtPredictedCapacity
        } else if wish.capacity >= capacity.running {
            NotScaledReason::AnticipatedFlapping
        } else {
            NotScaledReason::AlreadyAtDesiredCapacity
        }))
    }

    /// What keeps the target from scaling in, whatever the policies wish.
    fn scale_in_obstacle(
        &self,
        now: SimTime,
        capacity: ServiceCapacity,
        desired: u32,
    ) -> Option<NotScaledReason> {
        if capacity.deployment_in_progress {
            Some(NotScaledReason::DeploymentInProgress)
        } else if self.activity.is_some() {
            Some(NotScaledReason::ActivityInProgress)
        } else if now < self.in_cooldown_until {
            Some(NotScaledReason::ScaleInCooldown)
        } else if self.rules.out_cooldown_blocks_in && now < self.out_cooldown_until {
            Some(NotScaledReason::ScaleOutCooldown)
        } else if desired <= self.min {
            Some(NotScaledReason::AlreadyAtMinCapacity)
        } else {
            None
        }
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
        if self.rules.cooldown_start == CooldownStart::Decision {
            self.start_cooldown(now, &activity);
        }
        let overridden = self.activity.replace(activity);
        overridden.map(|activity| activity.end(ActivityStatus::Overridden))
    }
}

fn not_in(reason: NotScaledReason) -> NotScaled {
    NotScaled { direction: ScalingDirection::In, reason }
}

#[cfg(test)]
mod tests;

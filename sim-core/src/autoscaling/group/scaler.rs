//! The scaling policies of a group at work: alarms, warm-up, cooldown, and whose wish counts.
//!
//! Source: EC2 Auto Scaling user guide, *Step and simple scaling policies*, *Target tracking scaling
//! policies*, *Default instance warmup*, *Scaling cooldowns*.
//!
//! # Rules
//!
//! * Instances that warm up are no part of the capacity that a step or target tracking policy scales out
//!   from, but they are part of what is desired: `want = adjusted(in service and warm)`, and a scale-out
//!   sets the greater of `want` and the desired capacity. Repeated breaches of one step add nothing.
//! * As long as instances launch or warm up, these policies do not scale in. Instances that terminate are
//!   still part of the capacity that a scale-in counts from, so that it never removes too many.
//! * A simple policy waits until no instance is launching or terminating, and then for the cooldown
//!   that its own last activity began. It counts from the desired capacity.
//! * Of several wishes the largest capacity counts, in both directions. Any policy scales out; target
//!   tracking scales in only if all policies of that kind that may do so are ready. A scale-out alarm
//!   without effect still holds capacity against a simultaneous scale-in.
//!
//! Where AWS is silent, [`ScalingRules`] chooses.

use std::fmt;

use super::policy::{GroupPolicyKind, GroupScaling, GroupStepPolicy, GroupTracking, SimplePolicy};
use crate::autoscaling::activity::ScalingDirection;
use crate::autoscaling::alarm::{Alarm, AlarmChange, AlarmState};
use crate::autoscaling::managed_scaling::GroupDecision;
use crate::autoscaling::rounding::{clamp, floor_e};
use crate::autoscaling::rules::ScalingRules;
use crate::autoscaling::target_tracking::proportional_capacity;
use crate::metrics::{MetricQuery, MetricStore, Points};
use crate::units::{SimDuration, SimTime};

/// What the scaler needs to know of its group, in units of capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupSize {
    /// Desired capacity.
    pub desired: u32,
    /// `MinSize`.
    pub min_size: u32,
    /// `MaxSize`.
    pub max_size: u32,
    /// In service, warm or not.
    pub in_service: u32,
    /// Launched and not in service.
    pub pending: u32,
    /// Leaving and not terminated.
    pub terminating: u32,
    /// Whether the group has still to act on its desired capacity.
    pub reconciling: bool,
}

impl GroupSize {
    /// Whether a scaling activity, or the replacement of an instance, is in progress.
    pub fn is_busy(&self) -> bool {
        let present = self.in_service.saturating_add(self.pending);
        self.reconciling || 0 < self.pending || 0 < self.terminating || present < self.desired
    }
}

/// Why an alarm's action changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupNotScaled {
    /// A simple policy waits for an activity to end.
    ActivityInProgress,
    /// A simple policy waits for its cooldown.
    Cooldown,
    /// Instances launch or warm up; scale-in waits.
    WarmingUp,
    /// Another target tracking policy is not ready to scale in.
    OtherPoliciesNotReady,
    /// At `MaxSize`.
    AtMaximum,
    /// At `MinSize`, or at the capacity that is forecast.
    AtMinimum,
    /// The result is what is desired already.
    AtDesiredCapacity,
}

impl fmt::Display for GroupNotScaled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ActivityInProgress => "a scaling activity is in progress",
            Self::Cooldown => "the cooldown is not over",
            Self::WarmingUp => "instances are launching or warming up",
            Self::OtherPoliciesNotReady => "another policy is not ready to scale in",
            Self::AtMaximum => "the group is at its maximum size",
            Self::AtMinimum => "the group is at its minimum size",
            Self::AtDesiredCapacity => "the group has the desired capacity already",
        })
    }
}

/// Outcome of one evaluation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupEvaluation {
    /// Alarms that changed their state, in order of the policies.
    pub alarm_changes: Vec<AlarmChange>,
    /// The new desired capacity, if any.
    pub decision: Option<GroupDecision>,
    /// Why an alarm acted without effect, if that is not what the evaluation before found.
    pub not_scaled: Option<GroupNotScaled>,
}

/// A policy with its alarms.
#[derive(Clone, Debug)]
struct Acting {
    name: String,
    kind: GroupPolicyKind,
    /// The user's alarm, or the one of target tracking that asks for more.
    alarm: Alarm,
    /// The alarm of target tracking that asks for less.
    low: Option<Alarm>,
}

impl Acting {
    fn query(&self) -> &MetricQuery {
        match &self.kind {
            GroupPolicyKind::Simple(policy) => &policy.alarm.query,
            GroupPolicyKind::Step(policy) => &policy.alarm.query,
            GroupPolicyKind::TargetTracking(policy) => &policy.query,
        }
    }
}

/// The pause of simple policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pause {
    /// Until an instant; in the past if there is none.
    Until(SimTime),
    /// For so long once the activity in progress has ended.
    AfterActivity(SimDuration),
}

/// A policy's wish, before bounds.
#[derive(Clone, Copy, Debug)]
struct Wish {
    capacity: u32,
    policy: usize,
    direction: ScalingDirection,
}

impl Wish {
    /// The larger of this wish and an earlier one, which wins a tie.
    fn or_larger(self, earlier: Option<Self>) -> Self {
        earlier.filter(|earlier| earlier.capacity >= self.capacity).unwrap_or(self)
    }
}

/// State of the policies of one group.
#[derive(Clone, Debug)]
pub struct GroupScaler {
    settings: GroupScaling,
    policies: Vec<Acting>,
    rules: ScalingRules,
    pause: Pause,
    floor: u32,
    not_scaled: Option<GroupNotScaled>,
}

impl GroupScaler {
    /// The policies of the group `group`.
    pub fn new(group: &str, settings: &GroupScaling, rules: ScalingRules) -> Self {
        let policies = settings.policies.iter().map(|policy| {
            let managed = |side, condition| {
                Alarm::new(format!("TargetTracking-{group}-{side}-{}", policy.name), condition)
            };
            let (alarm, low) = match &policy.kind {
                GroupPolicyKind::Simple(SimplePolicy { alarm, .. })
                | GroupPolicyKind::Step(GroupStepPolicy { alarm, .. }) => {
                    (Alarm::new(alarm.name.clone(), alarm.condition(rules.alarms)), None)
                }
                GroupPolicyKind::TargetTracking(policy) => {
                    let low = (!policy.disable_scale_in)
                        .then(|| managed("AlarmLow", policy.low_alarm(&rules)));
                    (managed("AlarmHigh", policy.high_alarm(&rules)), low)
                }
            };
            Acting { name: policy.name.clone(), kind: policy.kind.clone(), alarm, low }
        });
        Self {
            policies: policies.collect(),
            settings: settings.clone(),
            rules,
            pause: Pause::Until(SimTime::ZERO),
            floor: 0,
            not_scaled: None,
        }
    }

    /// Sets the capacity below which no policy scales in, such as a forecast of predictive scaling for
    /// the coming hour; zero for none. Bringing the group up to it is the caller's.
    pub fn set_floor(&mut self, capacity: u32) {
        self.floor = capacity;
    }

    /// Makes room in `store` for what the alarms look back at. To be called before the first sample.
    pub fn retain(&self, store: &mut MetricStore) {
        for (query, alarm) in self.alarms() {
            store.retain(query, alarm.condition().memory());
        }
    }

    fn alarms(&self) -> impl Iterator<Item = (&MetricQuery, &Alarm)> {
        self.policies.iter().flat_map(|policy| {
            let alarms = std::iter::once(&policy.alarm).chain(policy.low.as_ref());
            alarms.map(|alarm| (policy.query(), alarm))
        })
    }

    /// The next evaluation after `now` of an alarm that is not only evaluated at full minutes.
    pub fn next_evaluation(&self, now: SimTime) -> Option<SimTime> {
        let own_clock = self.alarms().filter(|(_, alarm)| !alarm.keeps_minutes());
        own_clock.map(|(_, alarm)| alarm.next_due(now)).min()
    }

    /// Tells that the group has what it wants and nothing is on its way: the cooldown of a simple policy
    /// begins.
    pub fn settled(&mut self, now: SimTime) {
        if let Pause::AfterActivity(cooldown) = self.pause {
            self.pause = Pause::Until(now + cooldown);
        }
    }

    /// Whether a simple policy waits for the end of an activity.
    pub fn awaits_end(&self) -> bool {
        matches!(self.pause, Pause::AfterActivity(_))
    }

    /// Judges the alarms that are due and decides, unless the AlarmNotification process is `suspended`.
    /// To be called every minute and at every [`next_evaluation`](Self::next_evaluation), after the data
    /// points of the instant have been recorded. `warming` tells how many units are in service for less
    /// than a time.
    pub fn evaluate(
        &mut self,
        now: SimTime,
        size: &GroupSize,
        warming: impl Fn(SimDuration) -> u32,
        suspended: bool,
        store: &MetricStore,
    ) -> GroupEvaluation {
        let mut evaluation = GroupEvaluation::default();
        self.judge(now, store, &mut evaluation.alarm_changes);
        if !evaluation.alarm_changes.is_empty() {
            self.not_scaled = None;
        }
        if suspended {
            return evaluation;
        }
        let mut obstacle = None;
        let outcome = match self.out_wish(now, size, &warming, store, &mut obstacle) {
            Some(wish) => bounded_out(wish, size),
            None => match self.in_wish(now, size, &warming, store, &mut obstacle) {
                Some(wish) => self.bounded_in(wish, size),
                None => match obstacle {
                    Some(obstacle) => Err(obstacle),
                    None => return evaluation,
                },
            },
        };
        match outcome {
            Ok((wish, to)) => {
                evaluation.decision = Some(self.decide(wish, size.desired, to));
                self.not_scaled = None;
            }
            Err(reason) => {
                let known = self.not_scaled.replace(reason);
                evaluation.not_scaled = Some(reason).filter(|_| known != Some(reason));
            }
        }
        evaluation
    }

    fn judge(&mut self, now: SimTime, store: &MetricStore, changes: &mut Vec<AlarmChange>) {
        for policy in &mut self.policies {
            let Acting { kind, alarm, low, .. } = policy;
            let query = match kind {
                GroupPolicyKind::Simple(SimplePolicy { alarm, .. })
                | GroupPolicyKind::Step(GroupStepPolicy { alarm, .. }) => &alarm.query,
                GroupPolicyKind::TargetTracking(GroupTracking { query, .. }) => query,
            };
            for alarm in std::iter::once(alarm).chain(low) {
                if !alarm.is_due(now) {
                    continue;
                }
                let points = Some(&store.view(query));
                if let Some(from) = alarm.evaluate(now, points).changed_from {
                    changes.push(alarm.change(from, now, points));
                }
            }
        }
    }

    /// The largest wish for more capacity; `None` if no scale-out alarm acts.
    fn out_wish(
        &self,
        now: SimTime,
        size: &GroupSize,
        warming: &impl Fn(SimDuration) -> u32,
        store: &MetricStore,
        obstacle: &mut Option<GroupNotScaled>,
    ) -> Option<Wish> {
        let warm = |own| size.in_service.saturating_sub(warming(self.settings.warm_up(own)));
        let mut best = None;
        let acting = self.policies.iter().enumerate().filter(|(_, it)| it.alarm.acted_at(now));
        for (index, Acting { kind, alarm, .. }) in acting {
            let capacity = match kind {
                GroupPolicyKind::TargetTracking(policy) => {
                    let view = store.view(&policy.query);
                    let judged = alarm.judged(now, &view);
                    let Some(value) = self.rules.scale_out_value.of(judged) else { continue };
                    match warm(policy.instance_warmup) {
                        0 => size.min_size.max(1),
                        base => proportional_capacity(base, value, policy.target_value),
                    }
                }
                GroupPolicyKind::Step(policy) => {
                    let Some(by) = self.step(now, policy, alarm, store) else { continue };
                    let kind = policy.adjustment_type;
                    if kind.direction(by, size.desired) != Some(ScalingDirection::Out) {
                        continue;
                    }
                    let base = warm(policy.instance_warmup);
                    kind.adjusted(base, by, policy.min_adjustment_magnitude)
                }
                GroupPolicyKind::Simple(policy) => {
                    let direction = ScalingDirection::Out;
                    match self.simple(now, policy, direction, size, obstacle) {
                        Some(capacity) => capacity,
                        None => continue,
                    }
                }
            };
            let wish = Wish { capacity, policy: index, direction: ScalingDirection::Out };
            best = Some(wish.or_larger(best));
        }
        best
    }

    /// The largest wish for less capacity; `None` if no scale-in alarm acts, or each has an obstacle.
    fn in_wish(
        &self,
        now: SimTime,
        size: &GroupSize,
        warming: &impl Fn(SimDuration) -> u32,
        store: &MetricStore,
        obstacle: &mut Option<GroupNotScaled>,
    ) -> Option<Wish> {
        let warms = |own| 0 < size.pending || 0 < warming(self.settings.warm_up(own));
        let base = size.in_service.saturating_add(size.terminating);
        let mut best = self.tracking_in(now, base, &warms, store, obstacle);
        let acting = self.policies.iter().enumerate().filter(|(_, it)| it.alarm.acted_at(now));
        for (index, Acting { kind, alarm, .. }) in acting {
            let capacity = match kind {
                GroupPolicyKind::TargetTracking(_) => continue,
                GroupPolicyKind::Step(policy) => {
                    let Some(by) = self.step(now, policy, alarm, store) else { continue };
                    let kind = policy.adjustment_type;
                    if kind.direction(by, size.desired) != Some(ScalingDirection::In) {
                        continue;
                    }
                    if warms(policy.instance_warmup) {
                        *obstacle = Some(GroupNotScaled::WarmingUp);
                        continue;
                    }
                    kind.adjusted(base, by, policy.min_adjustment_magnitude)
                }
                GroupPolicyKind::Simple(policy) => {
                    let direction = ScalingDirection::In;
                    match self.simple(now, policy, direction, size, obstacle) {
                        Some(capacity) => capacity,
                        None => continue,
                    }
                }
            };
            let wish = Wish { capacity, policy: index, direction: ScalingDirection::In };
            best = Some(wish.or_larger(best));
        }
        best
    }

    /// What target tracking leaves of `base` units, if all its policies that scale in are ready.
    fn tracking_in(
        &self,
        now: SimTime,
        base: u32,
        warms: &impl Fn(Option<SimDuration>) -> bool,
        store: &MetricStore,
        obstacle: &mut Option<GroupNotScaled>,
    ) -> Option<Wish> {
        let lows = || {
            self.policies.iter().enumerate().filter_map(|(index, policy)| {
                let GroupPolicyKind::TargetTracking(tracking) = &policy.kind else { return None };
                policy.low.as_ref().map(|low| (index, tracking, low))
            })
        };
        if !lows().any(|(_, _, low)| low.acted_at(now)) {
            return None;
        }
        if !lows().all(|(_, _, low)| low.state() == AlarmState::Alarm) {
            *obstacle = Some(GroupNotScaled::OtherPoliciesNotReady);
            return None;
        }
        if lows().any(|(_, policy, _)| warms(policy.instance_warmup)) {
            *obstacle = Some(GroupNotScaled::WarmingUp);
            return None;
        }
        let most = self.rules.max_scale_in_fraction;
        let most = most.map_or(base, |share| floor_e(f64::from(base) * share).max(1));
        let mut best = None;
        for (policy, tracking, low) in lows() {
            let view = store.view(&tracking.query);
            let Some(value) = self.rules.scale_in_value.of(low.judged(now, &view)) else {
                continue;
            };
            let capacity = proportional_capacity(base, value, tracking.target_value);
            let capacity = capacity.max(base.saturating_sub(most));
            let wish = Wish { capacity, policy, direction: ScalingDirection::In };
            best = Some(wish.or_larger(best));
        }
        best
    }

    /// The adjustment of the step that applies to the newest points of the alarm's metric.
    fn step(
        &self,
        now: SimTime,
        policy: &GroupStepPolicy,
        alarm: &Alarm,
        store: &MetricStore,
    ) -> Option<i32> {
        let points = self.rules.step_points.unwrap_or(policy.alarm.evaluation_periods);
        let view = store.view(&policy.alarm.query);
        let real = view.points(now, alarm.condition().span()).flatten();
        let values = real.take(points.max(1) as usize).map(|point| point.value);
        policy.aggregation.aggregate(values).and_then(|value| policy.adjustment_for(value))
    }

    /// The capacity that a simple policy asks for; `None` if it does not ask for a change in this direction,
    /// or waits for something, which is then the obstacle.
    fn simple(
        &self,
        now: SimTime,
        policy: &SimplePolicy,
        direction: ScalingDirection,
        size: &GroupSize,
        obstacle: &mut Option<GroupNotScaled>,
    ) -> Option<u32> {
        let kind = policy.adjustment_type;
        if kind.direction(policy.adjustment, size.desired) != Some(direction) {
            return None;
        }
        if size.is_busy() || self.awaits_end() {
            *obstacle = Some(GroupNotScaled::ActivityInProgress);
            return None;
        }
        if matches!(self.pause, Pause::Until(end) if now < end) {
            *obstacle = Some(GroupNotScaled::Cooldown);
            return None;
        }
        Some(kind.adjusted(size.desired, policy.adjustment, policy.min_adjustment_magnitude))
    }

    fn bounded_in(&self, wish: Wish, size: &GroupSize) -> Result<(Wish, u32), GroupNotScaled> {
        let least = clamp(self.floor, size.min_size, size.max_size);
        let to = clamp(wish.capacity, least, size.max_size);
        if to < size.desired {
            return Ok((wish, to));
        }
        Err(if size.desired <= least {
            GroupNotScaled::AtMinimum
        } else {
            GroupNotScaled::AtDesiredCapacity
        })
    }

    fn decide(&mut self, wish: Wish, from: u32, to: u32) -> GroupDecision {
        let Acting { name, kind, alarm, low } = &self.policies[wish.policy];
        let alarm = match (wish.direction, low) {
            (ScalingDirection::In, Some(low)) => low,
            _ => alarm,
        };
        if let GroupPolicyKind::Simple(policy) = kind {
            let cooldown = policy.cooldown.unwrap_or(self.settings.default_cooldown);
            self.pause = Pause::AfterActivity(cooldown);
        }
        let cause = format!(
            "a monitor alarm {} in state {} triggered policy {name} changing the desired capacity from \
             {from} to {to}.",
            alarm.name(),
            alarm.state().name(),
        );
        GroupDecision { from, new_desired: to, cause, direction: wish.direction }
    }
}

fn bounded_out(wish: Wish, size: &GroupSize) -> Result<(Wish, u32), GroupNotScaled> {
    let to = clamp(wish.capacity, size.min_size, size.max_size);
    if size.desired < to {
        return Ok((wish, to));
    }
    Err(if size.max_size <= size.desired {
        GroupNotScaled::AtMaximum
    } else {
        GroupNotScaled::AtDesiredCapacity
    })
}

#[cfg(test)]
mod tests;

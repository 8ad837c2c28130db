//! Scaling policies of groups: their alarms, and the desired capacity that they decide.

use super::super::event::Event;
use super::super::world::World;
use crate::autoscaling::group::{GroupScaler, GroupSize};
use crate::engine::{Phase, Scheduler};
use crate::metrics::MetricStore;
use crate::results::EventCategory;
use crate::scenario::{AutoScalingGroup, Process, Scenario};
use crate::units::{AsgId, InstanceId, SimDuration, SimTime};

/// The scaling policies of a group, and what they know of its instances.
pub(in super::super) struct Policies {
    /// Absent without policies.
    scaler: Option<GroupScaler>,
    /// Instances that leave and are not terminated yet, and the units that they counted.
    leaving: u32,
    leaving_units: u32,
}

impl Policies {
    pub(in super::super) fn new(scenario: &Scenario, settings: &AutoScalingGroup) -> Self {
        let scaling = &settings.operation.scaling;
        let rules = scenario.control_plane.scaling;
        let scaler = (!scaling.policies.is_empty())
            .then(|| GroupScaler::new(&settings.name, scaling, rules));
        Self { scaler, leaving: 0, leaving_units: 0 }
    }

    /// Makes room for what the alarms look back at.
    pub(in super::super) fn retain(&self, store: &mut MetricStore) {
        if let Some(scaler) = &self.scaler {
            scaler.retain(store);
        }
    }

    /// Instances that leave and are not terminated yet.
    pub(in super::super) fn leaving(&self) -> u32 {
        self.leaving
    }

    /// An instance that counts `weight` units leaves, or is terminated after it left.
    pub(in super::super) fn leaves(&mut self, weight: u32) {
        self.leaving += 1;
        self.leaving_units += weight;
    }

    pub(in super::super) fn left(&mut self, weight: u32) {
        self.leaving -= 1;
        self.leaving_units -= weight;
    }
}

impl World<'_, '_> {
    /// Judges the alarms of the groups' policies that are judged at full minutes.
    pub(in super::super) fn decide_groups(&mut self, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        for id in self.groups.ids() {
            let scaler = self.groups[id].policies.scaler.as_ref();
            if scaler.is_some_and(|scaler| scaler.next_evaluation(now).is_none()) {
                self.decide_group(id, scheduler);
            }
        }
    }

    /// Waits for the first evaluation of alarms that have a clock of their own.
    pub(in super::super) fn start_group_alarms(&self, scheduler: &mut Scheduler<Event>) {
        for id in self.groups.ids() {
            self.await_group_alarms(id, scheduler);
        }
    }

    fn await_group_alarms(&self, id: AsgId, scheduler: &mut Scheduler<Event>) {
        let scaler = self.groups[id].policies.scaler.as_ref();
        if let Some(next) = scaler.and_then(|scaler| scaler.next_evaluation(scheduler.now())) {
            scheduler.schedule_at(next, Phase::Decide, Event::EvaluateGroupAlarms(id));
        }
    }

    /// Judges the alarms of a group, some of which have a clock of their own.
    pub(in super::super) fn evaluate_group_alarms(
        &mut self,
        id: AsgId,
        scheduler: &mut Scheduler<Event>,
    ) {
        self.decide_group(id, scheduler);
        self.await_group_alarms(id, scheduler);
    }

    fn decide_group(&mut self, id: AsgId, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        let size = self.group_size(id);
        let suspended = self.groups[id].operation.is_suspended(Process::AlarmNotification);
        let Some(mut scaler) = self.groups[id].policies.scaler.take() else { return };
        let warming = |warm_up| self.warming_units(id, now, warm_up);
        let evaluation = scaler.evaluate(now, &size, warming, suspended, &self.metrics.store);
        self.groups[id].policies.scaler = Some(scaler);
        self.log_alarms(now, evaluation.alarm_changes);
        if let Some(reason) = evaluation.not_scaled {
            let name = &self.groups[id].settings.name;
            let message = format!("An alarm acted without effect: {reason}.");
            self.log(now, EventCategory::GroupActivity, name, None, message);
        }
        if let Some(decision) = evaluation.decision {
            self.set_desired_capacity(id, decision.new_desired, decision.cause, scheduler);
        }
    }

    /// Units that are in service for less than `warm_up`. Instances of the initial state have been there
    /// for long.
    fn warming_units(&self, id: AsgId, now: SimTime, warm_up: SimDuration) -> u32 {
        let since = SimTime::from_nanos(now.as_nanos().saturating_sub(warm_up.as_nanos()));
        let warming = self.groups[id].alive.entered_after(since);
        warming.map(|instance| self.weight_of(instance)).sum()
    }

    fn weight_of(&self, instance: InstanceId) -> u32 {
        self.instances[instance].purchase.weight
    }

    fn group_size(&self, id: AsgId) -> GroupSize {
        let group = &self.groups[id];
        let in_service = if group.purchase.mixed {
            let instances = group.alive.in_service_ones();
            instances.map(|(_, instance)| self.weight_of(instance)).sum()
        } else {
            group.alive.in_service()
        };
        GroupSize {
            desired: group.desired,
            min_size: group.operation.min_size,
            max_size: group.operation.max_size,
            in_service,
            pending: group.purchase.units().saturating_sub(in_service),
            terminating: group.policies.leaving_units,
            reconciling: group.reconcile_pending,
        }
    }

    /// An instance entered service or was terminated, or the group has acted on its desired capacity: the
    /// cooldown of a simple policy may begin. `acted` if nothing more is to be terminated now.
    pub(in super::super) fn group_settles(&mut self, id: AsgId, acted: bool, now: SimTime) {
        let awaited = self.groups[id].policies.scaler.as_ref().is_some_and(GroupScaler::awaits_end);
        if !awaited {
            return;
        }
        let size = self.group_size(id);
        let too_many = self.target_size(id) < size.in_service;
        if !size.is_busy()
            && (acted || !too_many)
            && let Some(scaler) = &mut self.groups[id].policies.scaler
        {
            scaler.settled(now);
        }
    }
}

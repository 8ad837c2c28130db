//! Managed scaling of capacity providers: the minute's metric, and the group's new desired capacity.

use super::event::Event;
use super::state::InstanceState;
use super::world::{MINUTE, World};
use crate::autoscaling::{
    DemandRule, GroupCapacity, InstanceSize, InstanceSizes, PendingGroups, TaskDemand,
    instances_needed,
};
use crate::engine::{Phase, Scheduler};
use crate::placement::PlacementConstraint;
use crate::scenario::{CapacityProviderKind, CountedInstances, MetricScope, Process};
use crate::units::{AsgId, CapacityProviderId, SimDuration, SimTime};

impl World<'_, '_> {
    /// Takes the sample of `CapacityProviderReservation` for the minute that ends now.
    ///
    /// An instance is empty if no task holds resources on it.
    pub(super) fn sample_reservation(&mut self, id: CapacityProviderId, now: SimTime) {
        let CapacityProviderKind::AutoScalingGroup {
            group, managed_scaling: Some(settings), ..
        } = self.providers[id].settings.kind
        else {
            return;
        };
        let (n, empty) = self.counted_instances(group);
        let state = &self.groups[group];
        let mut pending = PendingGroups::new();
        for task in &self.providers[id].queue {
            let task = &self.tasks[*task];
            let definition = self.definition(task.definition);
            let demand =
                TaskDemand { cpu: task.cpu, memory: task.memory, ..TaskDemand::of(definition) };
            let constraints = self.placement_constraints(task.owner);
            let distinct = constraints.contains(&PlacementConstraint::DistinctInstance);
            pending.add(demand, distinct, 1);
        }
        let mut types = state.settings.types.iter().map(|it| InstanceSize::of(&it.shape));
        let Some(first) = types.next() else { return };
        let sizes = types.fold(InstanceSizes::uniform(first), InstanceSizes::with);
        let choices = &self.scenario.control_plane.providers.scaling;
        let rule = DemandRule {
            task_groups: choices.task_groups,
            several_types: choices.several_types,
            has_several: state.settings.types.len() > 1 || state.settings.zones.len() > 1,
        };
        let needed = instances_needed(n, empty, pending.as_slice(), &sizes, &settings, rule);
        let late = self.disruptions.publication(MetricScope::has_reservation);
        let Some(late) = late else { return };
        let Some(start) = now.since(SimTime::ZERO + MINUTE) else { return };
        let provider = &mut self.providers[id];
        if let Some(scaler) = &mut provider.scaler {
            let percent = scaler.record(SimTime::ZERO + start, needed, n);
            scaler.delay_newest(late);
            provider.newest_reservation = Some(percent);
        }
    }

    /// N and the empty ones of them, as the scenario has them counted.
    fn counted_instances(&self, id: AsgId) -> (u32, u32) {
        let alive = &self.groups[id].alive;
        match self.scenario.control_plane.providers.scaling.counted {
            CountedInstances::InService => (alive.running(), alive.empty()),
            CountedInstances::Launched => (alive.len(), alive.idle()),
            CountedInstances::Registered => {
                let booting = |id: &_| self.instances[*id].state != InstanceState::Registered;
                let booting = alive.running_ones().filter(booting).count() as u32;
                (alive.running() - booting, alive.empty() - booting)
            }
        }
    }

    /// Schedules the first look at the alarms of providers, if it is not that of all others.
    pub(super) fn schedule_judging(&self, scheduler: &mut Scheduler<Event>) {
        let phase = self.scenario.control_plane.providers.scaling.alarm_phase;
        if phase == SimDuration::ZERO {
            return;
        }
        for (id, provider) in self.providers.enumerate() {
            if provider.scaler.is_some() {
                let at = SimTime::ZERO + MINUTE + phase;
                scheduler.schedule_at(at, Phase::Decide, Event::JudgeReservation(id));
            }
        }
    }

    /// A look at the alarms of one provider, once a minute.
    pub(super) fn judge_reservation(
        &mut self,
        id: CapacityProviderId,
        scheduler: &mut Scheduler<Event>,
    ) {
        self.decide_capacity(id, scheduler);
        scheduler.schedule_in(MINUTE, Phase::Decide, Event::JudgeReservation(id));
    }

    /// Judges a provider's alarms and applies its decision.
    pub(super) fn decide_capacity(
        &mut self,
        id: CapacityProviderId,
        scheduler: &mut Scheduler<Event>,
    ) {
        let now = scheduler.now();
        let CapacityProviderKind::AutoScalingGroup { group: group_id, .. } =
            self.providers[id].settings.kind
        else {
            return;
        };
        let group = &self.groups[group_id];
        let capacity = GroupCapacity {
            desired: group.desired,
            in_service: group.alive.running(),
            min_size: group.operation.min_size,
            max_size: group.operation.max_size,
            // Instances of the initial state have been there for long; they do not warm up.
            youngest_age: group
                .alive
                .youngest()
                .filter(|running| *running > SimTime::ZERO)
                .map(|running| now.saturating_since(running)),
        };
        let Some(scaler) = &mut self.providers[id].scaler else { return };
        let evaluation = scaler.evaluate(now, capacity);
        self.log_alarms(now, evaluation.alarm_changes);
        let suspended = self.groups[group_id].operation.is_suspended(Process::AlarmNotification);
        if let Some(decision) = evaluation.decision.filter(|_| !suspended) {
            self.set_desired_capacity(group_id, decision.new_desired, decision.cause, scheduler);
        }
    }
}

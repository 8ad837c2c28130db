//! Managed scaling of capacity providers: the minute's metric, and the group's new desired capacity.

use super::event::Event;
use super::world::{MINUTE, World};
use crate::autoscaling::{
    GroupCapacity, InstanceSize, InstanceSizes, PendingGroups, TaskDemand, instances_needed,
};
use crate::engine::Scheduler;
use crate::placement::PlacementConstraint;
use crate::scenario::{CapacityProviderKind, Process};
use crate::units::{CapacityProviderId, SimTime};

impl World<'_, '_> {
    /// Takes the sample of `CapacityProviderReservation` for the minute that ends now.
    ///
    /// N counts the group's running instances, registered or not (a choice of this model); an
    /// instance is empty if no task holds resources on it.
    pub(super) fn sample_reservation(&mut self, id: CapacityProviderId, now: SimTime) {
        let CapacityProviderKind::AutoScalingGroup {
            group, managed_scaling: Some(settings), ..
        } = self.providers[id].settings.kind
        else {
            return;
        };
        let state = &self.groups[group];
        let (n, empty) = (state.alive.running(), state.alive.empty());
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
        let needed = instances_needed(n, empty, pending.as_slice(), &sizes, &settings);
        let Some(start) = now.since(SimTime::ZERO + MINUTE) else { return };
        let provider = &mut self.providers[id];
        if let Some(scaler) = &mut provider.scaler {
            let percent = scaler.record(SimTime::ZERO + start, needed, n);
            provider.newest_reservation = Some(percent);
        }
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

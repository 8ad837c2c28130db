//! What the scenario changes of a group during the run: sizes, launch template, zones, processes,
//! refreshes, scheduled actions.

use super::super::event::Event;
use super::super::ledger::bound_instances;
use super::super::world::World;
use crate::engine::{Phase, Scheduler};
use crate::results::EventCategory;
use crate::scenario::{CapacityChange, GroupUpdate, Process};
use crate::units::AsgId;

impl World<'_, '_> {
    /// Waits for the next change of a group, if there is one.
    pub(in super::super) fn schedule_change(
        &mut self,
        id: AsgId,
        scheduler: &mut Scheduler<Event>,
    ) {
        let group = &self.groups[id];
        if let Some(change) = group.settings.operation.changes.get(group.operation.next_change) {
            scheduler.schedule_at(change.at, Phase::Decide, Event::GroupChange(id));
        }
    }

    /// Applies the next change of a group.
    pub(in super::super) fn group_change(&mut self, id: AsgId, scheduler: &mut Scheduler<Event>) {
        let group = &mut self.groups[id];
        let settings = group.settings;
        let Some(change) = settings.operation.changes.get(group.operation.next_change) else {
            return;
        };
        group.operation.next_change += 1;
        match &change.update {
            GroupUpdate::LaunchSource(source) => group.operation.source = *source,
            GroupUpdate::Zones(enabled) => {
                for (zone, enabled) in enabled.iter().enumerate() {
                    group.alive.enable(zone, *enabled);
                }
                self.zones_became_uneven(id, scheduler);
            }
            GroupUpdate::Suspend(processes) => {
                group.operation.suspended.extend(processes.iter().copied());
            }
            GroupUpdate::Resume(processes) => {
                group.operation.suspended.retain(|it| !processes.contains(it));
                self.resume_health_checks(id, scheduler);
                self.request_reconcile(id, scheduler);
            }
            GroupUpdate::Capacity(change) => self.change_capacity(id, change, scheduler),
            GroupUpdate::Refresh(index) => self.start_refresh(id, *index, scheduler),
        }
        self.schedule_change(id, scheduler);
    }

    /// UpdateAutoScalingGroup, or a scheduled action.
    fn change_capacity(
        &mut self,
        id: AsgId,
        change: &CapacityChange,
        scheduler: &mut Scheduler<Event>,
    ) {
        let now = scheduler.now();
        let group = &mut self.groups[id];
        let name = &group.settings.name;
        let operation = &mut group.operation;
        let who = match &change.scheduled_action {
            Some(action) if operation.is_suspended(Process::ScheduledActions) => {
                let message = format!(
                    "Scheduled action {action} was not applied: the ScheduledActions process is suspended."
                );
                self.log(now, EventCategory::GroupActivity, name, None, message);
                return;
            }
            Some(action) => format!("scheduled action {action}"),
            None => "user request".to_owned(),
        };
        match change.apply(operation.min_size, operation.max_size, group.desired) {
            Ok((min, max, desired)) => {
                (operation.min_size, operation.max_size) = (min, max);
                bound_instances(group, now);
                let cause = format!(
                    "a {who} update of AutoScalingGroup constraints to min: {min}, max: {max}, desired: \
                     {desired} changing the desired capacity from {} to {desired}.",
                    group.desired
                );
                self.set_desired_capacity(id, desired, cause, scheduler);
                self.size_pool(id, scheduler);
            }
            Err(refused) => {
                let message = format!("An update by {who} was not applied: {refused}.");
                self.log(now, EventCategory::GroupActivity, name, None, message);
            }
        }
    }
}

//! Instances that others replace: unhealthy ones, those past their lifetime, and all in a refresh.
//!
//! Source: Auto Scaling user guide, *Instance maintenance policies*, *Instance refresh* and *Replace
//! instances based on maximum instance lifetime*. Which instance a refresh takes first is open: here the
//! oldest.

use std::collections::BTreeSet;

use super::super::event::Event;
use super::super::world::World;
use super::is_unhealthy;
use crate::autoscaling::group::{
    MaintenanceBounds, MaintenancePolicy, ReplacementCounts, TerminationCause, replacement_step,
};
use crate::engine::{Phase, Scheduler};
use crate::results::EventCategory;
use crate::scenario::Process;
use crate::units::{AsgId, InstanceId, SimDuration, SimTime};

/// A refresh without progress for this long fails.
const NO_PROGRESS: SimDuration = SimDuration::from_secs(3600);

/// An instance refresh under way.
pub(super) struct Refresh {
    /// Position in the list of refreshes.
    index: usize,
    /// Instances still to be replaced.
    left: BTreeSet<InstanceId>,
    total: u32,
    checkpoints_passed: usize,
    /// Until when a checkpoint lasts.
    paused_until: SimTime,
    progressed: SimTime,
}

impl World<'_, '_> {
    /// Terminates what may go of the instances that are to be replaced, and notes how many are to be
    /// launched ahead.
    pub(super) fn replace_marked(&mut self, id: AsgId, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        self.go_on_with_refresh(id, scheduler);
        let group = &self.groups[id];
        let operation = &group.operation;
        if operation.marked.is_empty() {
            self.groups[id].operation.ahead = 0;
            return;
        }
        if operation.is_suspended(Process::Terminate) {
            return;
        }
        let settings = &group.settings.operation;
        let desired = self.size_of(id);
        let policy = settings.maintenance.unwrap_or(MaintenancePolicy::TERMINATE_AND_LAUNCH);
        let in_service = group.alive.in_service();
        let unhealthy: Vec<(InstanceId, TerminationCause)> = operation
            .marked
            .iter()
            .filter(|(_, cause)| is_unhealthy(**cause))
            .map(|(id, cause)| (*id, *cause))
            .collect();
        let counts = ReplacementCounts {
            desired,
            healthy: in_service.saturating_sub(operation.marked_unhealthy),
            healthy_marked: 0,
            unhealthy_marked: operation.marked_unhealthy,
        };
        let first = replacement_step(&counts, policy.bounds(desired));

        let healthy: Vec<(InstanceId, TerminationCause)> = operation
            .marked
            .iter()
            .filter(|(_, cause)| !is_unhealthy(**cause))
            .map(|(id, cause)| (*id, *cause))
            .collect();
        let (bounds, warm_up) = self.bounds_of_planned(id);
        let warming = group.alive.entered_after(warm_since(now, warm_up)).count() as u32;
        let counts = ReplacementCounts {
            desired,
            healthy: counts.healthy.saturating_sub(warming),
            healthy_marked: healthy.len() as u32,
            unhealthy_marked: 0,
        };
        let second = replacement_step(&counts, bounds);
        self.groups[id].operation.ahead = first.ahead.max(second.ahead);
        let first = unhealthy.into_iter().take(first.terminate_unhealthy as usize);
        let second = healthy.into_iter().take(second.terminate_healthy as usize);
        for (instance, cause) in first.chain(second) {
            self.withdraw(instance, cause, scheduler);
        }
    }

    /// Takes all that are marked out of a provider of Managed Instances: new ones are for tasks that wait.
    pub(super) fn withdraw_marked(&mut self, id: AsgId, scheduler: &mut Scheduler<Event>) {
        let marked = self.groups[id].operation.marked.iter();
        let marked: Vec<_> = marked.map(|(instance, cause)| (*instance, *cause)).collect();
        for (instance, cause) in marked {
            self.withdraw(instance, cause, scheduler);
        }
    }

    /// Instances that are to be in service: in a group with weights, those that it has.
    fn size_of(&self, id: AsgId) -> u32 {
        let group = &self.groups[id];
        if group.settings.types.iter().all(|it| it.weight == 1) {
            group.desired
        } else {
            group.alive.len()
        }
    }

    /// Between which numbers of instances a refresh, or replacement by age, keeps the group, and how
    /// long a new instance warms up until it counts.
    fn bounds_of_planned(&self, id: AsgId) -> (MaintenanceBounds, SimDuration) {
        let group = &self.groups[id];
        let settings = &group.settings.operation;
        if let Some(refresh) = &group.operation.refresh {
            let refresh = &settings.refreshes[refresh.index];
            return (refresh.bounds.bounds(self.size_of(id)), refresh.instance_warmup);
        }
        let desired = self.size_of(id);
        let bounds = match settings.maintenance {
            Some(policy) => policy.bounds(desired),
            // A tenth of the group at once.
            None => MaintenanceBounds {
                lower: desired.saturating_sub((desired / 10).max(1)),
                upper: desired,
            },
        };
        (bounds, SimDuration::ZERO)
    }

    /// An instance entered service: it may take the place of another one.
    pub(super) fn entered_during_replacement(
        &mut self,
        id: InstanceId,
        scheduler: &mut Scheduler<Event>,
    ) {
        let group_id = self.instances[id].group;
        let operation = &self.groups[group_id].operation;
        if operation.marked.is_empty() && operation.rebalancing == 0 && operation.refresh.is_none()
        {
            return;
        }
        let (_, warm_up) = self.bounds_of_planned(group_id);
        if !warm_up.is_zero() {
            scheduler.schedule_in(warm_up, Phase::Decide, Event::ReplacementPass(group_id));
        }
        self.group_pass(group_id, scheduler);
    }

    /// An instance left: a refresh no longer waits for it.
    pub(super) fn left_during_replacement(&mut self, id: InstanceId) {
        let group = self.instances[id].group;
        if let Some(refresh) = &mut self.groups[group].operation.refresh {
            refresh.left.remove(&id);
        }
    }

    /// A replacement has warmed up, a checkpoint is over, or a refresh has made no progress for long.
    pub(in super::super) fn replacement_pass(
        &mut self,
        id: AsgId,
        scheduler: &mut Scheduler<Event>,
    ) {
        if self.groups[id].operation.refresh.is_some()
            || !self.groups[id].operation.marked.is_empty()
        {
            self.group_pass(id, scheduler);
        }
    }

    /// Has an instance replaced when it reaches the maximum lifetime of its group.
    pub(in super::super) fn schedule_lifetime(
        &mut self,
        id: InstanceId,
        scheduler: &mut Scheduler<Event>,
    ) {
        let group = &self.groups[self.instances[id].group];
        if let Some(lifetime) = group.settings.operation.max_instance_lifetime {
            let at = self.instances[id].requested + lifetime;
            scheduler.schedule_at(at.max(scheduler.now()), Phase::Decide, Event::LifetimeOver(id));
        }
    }

    /// An instance has reached the maximum lifetime of its group.
    pub(in super::super) fn lifetime_over(
        &mut self,
        id: InstanceId,
        scheduler: &mut Scheduler<Event>,
    ) {
        let group = self.instances[id].group;
        if self.groups[group].managed.is_some() {
            self.withdraw(id, TerminationCause::Lifetime, scheduler);
            self.managed_changed(group, scheduler);
            return;
        }
        if self.groups[group].alive.contains(id)
            && !self.groups[group].operation.marked.contains_key(&id)
        {
            self.groups[group].operation.mark(id, TerminationCause::Lifetime);
            self.group_pass(group, scheduler);
        }
    }

    /// StartInstanceRefresh.
    pub(super) fn start_refresh(
        &mut self,
        id: AsgId,
        index: usize,
        scheduler: &mut Scheduler<Event>,
    ) {
        let now = scheduler.now();
        let group = &self.groups[id];
        let name = &group.settings.name;
        let operation = &group.operation;
        let settings = &group.settings.operation.refreshes[index];
        let refused = if operation.refresh.is_some() {
            Some("An Instance Refresh is already in progress and blocks the execution of this one.")
        } else if operation.is_suspended(Process::InstanceRefresh) {
            Some("The InstanceRefresh process is suspended.")
        } else {
            None
        };
        if let Some(refused) = refused {
            let message = format!("Instance refresh did not start. {refused}");
            self.log(now, EventCategory::GroupActivity, name, None, message);
            return;
        }
        let source = operation.source;
        let left: BTreeSet<InstanceId> = group
            .alive
            .ids()
            .filter(|it| !settings.skip_matching || group.alive.source(*it) != Some(source))
            .collect();
        let total = left.len() as u32;
        let refresh = Refresh {
            index,
            left,
            total,
            checkpoints_passed: 0,
            paused_until: now,
            progressed: now,
        };
        self.groups[id].operation.refresh = Some(refresh);
        let message = format!("Instance refresh started. {total} instances are to be replaced.");
        self.log(now, EventCategory::GroupActivity, name, None, message);
        self.group_pass(id, scheduler);
    }

    /// Marks the instances that the refresh may replace now, and ends it when none is left.
    fn go_on_with_refresh(&mut self, id: AsgId, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        let group = &self.groups[id];
        let Some(refresh) = &group.operation.refresh else { return };
        let settings = &group.settings.operation.refreshes[refresh.index];
        let operation = &group.operation;
        let marked = operation.marked.values().any(|it| *it == TerminationCause::Refresh);
        let warm = warm_since(now, settings.instance_warmup);
        let settled = !marked
            && self.size_of(id) <= group.alive.in_service()
            && group.alive.entered_after(warm).next().is_none();
        let (left, total) = (refresh.left.len() as u32, refresh.total);
        let replaced = total - left;
        if settled && left == 0 {
            self.end_refresh(id, "Successful", now);
            return;
        }
        let until = settings.until_checkpoint(refresh.checkpoints_passed, total);
        if settled && until <= replaced && now < refresh.paused_until {
            return;
        }
        let checkpoint = settings.checkpoint_percentages.get(refresh.checkpoints_passed);
        if settled && until <= replaced && refresh.paused_until <= now && checkpoint.is_some() {
            let delay = settings.checkpoint_delay;
            let percent = checkpoint.copied().unwrap_or(100);
            let message = format!(
                "Instance refresh reached its checkpoint of {percent}%: {replaced} of {total} instances \
                 were replaced."
            );
            let name = &group.settings.name;
            if let Some(refresh) = &mut self.groups[id].operation.refresh {
                refresh.checkpoints_passed += 1;
                refresh.paused_until = now + delay;
                refresh.progressed = now + delay;
            }
            self.log(now, EventCategory::GroupActivity, name, None, message);
            scheduler.schedule_in(delay, Phase::Decide, Event::ReplacementPass(id));
            return;
        }
        if now < refresh.paused_until {
            return;
        }
        if refresh.progressed + NO_PROGRESS <= now && !settled {
            self.end_refresh(id, "Failed: no progress for one hour", now);
            return;
        }
        let room = until.saturating_sub(replaced) as usize;
        let next: Vec<InstanceId> = refresh.left.iter().copied().take(room).collect();
        for instance in next {
            if !self.groups[id].operation.marked.contains_key(&instance) {
                self.groups[id].operation.mark(instance, TerminationCause::Refresh);
            }
        }
        if let Some(refresh) = &mut self.groups[id].operation.refresh
            && settled
        {
            refresh.progressed = now;
            // To find out that it stands still.
            scheduler.schedule_in(NO_PROGRESS, Phase::Decide, Event::ReplacementPass(id));
        }
    }

    fn end_refresh(&mut self, id: AsgId, status: &str, now: SimTime) {
        let group = &mut self.groups[id];
        group.operation.refresh = None;
        let planned: Vec<InstanceId> = group
            .operation
            .marked
            .iter()
            .filter(|(_, cause)| **cause == TerminationCause::Refresh)
            .map(|(id, _)| *id)
            .collect();
        for instance in planned {
            group.operation.unmark(instance);
        }
        let name = &group.settings.name;
        let message = format!("Instance refresh ended. Status: {status}.");
        self.log(now, EventCategory::GroupActivity, name, None, message);
    }
}

/// Instances that entered service after this still warm up.
fn warm_since(now: SimTime, warm_up: SimDuration) -> SimTime {
    SimTime::from_nanos(now.as_nanos().saturating_sub(warm_up.as_nanos()))
}

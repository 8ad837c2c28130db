//! From launch to service, and from service to termination: lifecycle hooks and draining.

use super::super::draining::Draining;
use super::super::event::Event;
use super::super::fleet::instance_name;
use super::super::state::InstanceState;
use super::super::world::World;
use super::Stage;
use crate::autoscaling::group::{ActionResult, TerminationCause, Transition, wait_for_hooks};
use crate::engine::{Phase, Scheduler};
use crate::results::EventCategory;
use crate::units::{InstanceId, SimDuration};

/// Draws per instance: time and result of up to 50 hooks of either transition.
const DRAWS_PER_INSTANCE: u64 = 200;

impl World<'_, '_> {
    /// How long the hooks of a transition hold an instance, and with what result; `None` without hooks.
    fn hooks_of(
        &self,
        id: InstanceId,
        transition: Transition,
    ) -> Option<(SimDuration, ActionResult)> {
        let group = &self.groups[self.instances[id].group];
        let first = u64::from(id.0).wrapping_mul(DRAWS_PER_INSTANCE);
        let hooks = (0..).zip(&group.settings.operation.lifecycle_hooks);
        let hooks = hooks.filter(|(_, hook)| hook.transition == transition);
        wait_for_hooks(hooks.map(|(index, hook): (u64, _)| {
            let bits = |draw| group.operation.hook_key.at(first.wrapping_add(index * 2 + draw));
            hook.outcome(bits(0), bits(1))
        }))
    }

    /// An instance runs: it waits for its launch hooks, if there are any, and enters service.
    pub(in super::super) fn instance_started(
        &mut self,
        id: InstanceId,
        scheduler: &mut Scheduler<Event>,
    ) {
        if self.instances[id].membership.stage != Stage::Pending {
            return;
        }
        match self.hooks_of(id, Transition::Launching) {
            Some((wait, _)) => {
                self.instances[id].membership.stage = Stage::PendingWait;
                scheduler.schedule_in(wait, Phase::Decide, Event::HooksOver(id));
            }
            None => self.enter_service(id, scheduler),
        }
    }

    /// The hooks of a transition have been completed, abandoned or have timed out.
    pub(in super::super) fn hooks_over(
        &mut self,
        id: InstanceId,
        scheduler: &mut Scheduler<Event>,
    ) {
        if self.instances[id].state == InstanceState::Terminated {
            return;
        }
        match self.instances[id].membership.stage {
            Stage::PendingWait => match self.hooks_of(id, Transition::Launching) {
                Some((_, ActionResult::Abandon)) => {
                    let group = self.instances[id].group;
                    self.terminate(id, TerminationCause::LaunchAbandoned, scheduler);
                    self.pause_launches(group, scheduler);
                }
                Some((_, ActionResult::Continue)) | None => self.enter_service(id, scheduler),
            },
            Stage::Leaving => {
                self.instances[id].membership.held_by_hooks = false;
                self.leave_if_free(id, scheduler);
            }
            Stage::Pending | Stage::InService => {}
        }
    }

    fn enter_service(&mut self, id: InstanceId, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        self.count_in_service(id, now);
        let group = self.instances[id].group;
        self.groups[group].operation.failures = 0;
        self.schedule_lifetime(id, scheduler);
        self.entered_during_replacement(id, scheduler);
        self.group_settles(group, false, now);
    }

    /// Notes that an instance is in service.
    pub(in super::super) fn count_in_service(
        &mut self,
        id: InstanceId,
        now: crate::units::SimTime,
    ) {
        let instance = &mut self.instances[id];
        instance.membership.stage = Stage::InService;
        instance.membership.in_service = Some(now);
        self.groups[instance.group].alive.entered_service(id, now);
    }

    /// A group terminates one of its instances: it counts no longer as the group's, and goes once its
    /// hooks are over and, with managed draining, it is empty.
    pub(in super::super) fn withdraw(
        &mut self,
        id: InstanceId,
        cause: TerminationCause,
        scheduler: &mut Scheduler<Event>,
    ) {
        let instance = &self.instances[id];
        let drains = self.groups[instance.group].drains && !instance.tasks.is_empty();
        self.withdraw_as(id, cause, drains, scheduler);
    }

    /// The same; `drains` whether it is drained before.
    pub(in super::super) fn withdraw_as(
        &mut self,
        id: InstanceId,
        cause: TerminationCause,
        drains: bool,
        scheduler: &mut Scheduler<Event>,
    ) {
        let stage = self.instances[id].membership.stage;
        if stage == Stage::Leaving || self.instances[id].state == InstanceState::Terminated {
            return;
        }
        let hooks = self.hooks_of(id, Transition::Terminating);
        let hooks = hooks.filter(|_| stage == Stage::InService);
        if hooks.is_none() && !drains {
            self.terminate(id, cause, scheduler);
            return;
        }
        self.leave_group(id, cause, scheduler);
        if let Some((wait, _)) = hooks {
            self.instances[id].membership.held_by_hooks = true;
            scheduler.schedule_in(wait, Phase::Decide, Event::HooksOver(id));
        }
        if drains {
            self.drain_before_termination(id, scheduler);
        }
    }

    /// An instance counts no longer as its group's.
    pub(in super::super) fn leave_group(
        &mut self,
        id: InstanceId,
        cause: TerminationCause,
        scheduler: &mut Scheduler<Event>,
    ) {
        let now = scheduler.now();
        let instance = &mut self.instances[id];
        if instance.membership.stage == Stage::Leaving {
            return;
        }
        instance.membership.stage = Stage::Leaving;
        instance.membership.cause = Some(cause);
        let group_id = instance.group;
        if instance.state != InstanceState::Terminated {
            self.groups[group_id].policies.leaves(instance.purchase.weight);
        }
        self.leaves_group(id);
        let operation = &mut self.groups[group_id].operation;
        operation.unmark(id);
        operation.suspects.remove(&id);
        operation.to_replace +=
            u32::from(super::is_unhealthy(cause) || cause == TerminationCause::NotRunning);
        self.left_during_replacement(id);
        let instance = instance_name(id);
        let sentence = cause.sentence(self.printed(now), &instance);
        let message = format!("Terminating EC2 instance: {instance}. {sentence}");
        let name = &self.groups[group_id].settings.name;
        self.log(now, EventCategory::GroupActivity, name, None, message);
    }

    /// Terminates an instance that leaves as soon as neither hooks nor tasks hold it.
    pub(in super::super) fn leave_if_free(
        &mut self,
        id: InstanceId,
        scheduler: &mut Scheduler<Event>,
    ) {
        let instance = &self.instances[id];
        let membership = &instance.membership;
        if membership.stage != Stage::Leaving || instance.state == InstanceState::Terminated {
            return;
        }
        let drains = instance.draining == Some(Draining::BeforeTermination)
            && !membership.drained_long_enough
            && !instance.tasks.is_empty();
        if let Some(cause) = membership.cause
            && !membership.held_by_hooks
            && !drains
        {
            self.terminate(id, cause, scheduler);
        }
    }
}

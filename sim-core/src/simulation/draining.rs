//! Container instances that drain: by request, or before their group terminates them.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::event::Event;
use super::fleet::instance_name;
use super::state::InstanceState;
use super::task::Owner;
use super::world::World;
use crate::autoscaling::group::TerminationCause;
use crate::autoscaling::managed_instances::DRAIN_LIMIT;
use crate::engine::{Phase, Scheduler};
use crate::placement::Eligibility;
use crate::results::{EventCategory, StopCode};
use crate::service::draining::{MANAGED_DRAINING_LIMIT, daemon_leaves};
use crate::units::{InstanceId, ServiceId, TaskId};

/// Why an instance drains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Draining {
    /// It was asked to; it stays in its group.
    Requested,
    /// EC2 takes it back in two minutes.
    Interrupted,
    /// Its group terminates it once it is empty.
    BeforeTermination,
}

impl World<'_, '_> {
    /// Schedules the draining that the scenario asks for.
    pub(super) fn schedule_draining(&mut self, scheduler: &mut Scheduler<Event>) {
        for (index, request) in (0..).zip(&self.scenario.draining) {
            scheduler.schedule_at(request.at, Phase::Decide, Event::Drain(index));
        }
    }

    /// A request of the scenario to drain instances.
    pub(super) fn drain(&mut self, index: u32, scheduler: &mut Scheduler<Event>) {
        let Some(request) = self.scenario.draining.get(index as usize) else { return };
        let count = request.count.map_or(usize::MAX, |count| count as usize);
        // Ids rise with the launch: the oldest come first.
        let chosen: Vec<InstanceId> = self
            .instances
            .enumerate()
            .filter(|(_, it)| it.group == request.group && it.state == InstanceState::Registered)
            .filter(|(_, it)| it.draining.is_none())
            .filter(|(_, it)| request.zone.is_none_or(|zone| it.zone == zone))
            .map(|(id, _)| id)
            .take(count)
            .collect();
        for id in chosen {
            if request.replace {
                self.withdraw_as(id, TerminationCause::UserRequest, true, scheduler);
            } else {
                self.start_draining(id, Draining::Requested, scheduler);
            }
        }
        if request.replace {
            self.replace_instances(request.group, scheduler);
        }
    }

    /// Drains an instance that its group terminates: it goes when it is empty, or after two days; a managed one
    /// after a week.
    pub(super) fn drain_before_termination(
        &mut self,
        id: InstanceId,
        scheduler: &mut Scheduler<Event>,
    ) {
        let limit = match &self.groups[self.instances[id].group].managed {
            Some(_) => DRAIN_LIMIT,
            None => MANAGED_DRAINING_LIMIT,
        };
        scheduler.schedule_in(limit, Phase::Release, Event::DrainingLimit(id));
        self.start_draining(id, Draining::BeforeTermination, scheduler);
    }

    pub(super) fn start_draining(
        &mut self,
        id: InstanceId,
        draining: Draining,
        scheduler: &mut Scheduler<Event>,
    ) {
        let now = scheduler.now();
        self.instances[id].draining = Some(draining);
        // Nothing is placed on it any more.
        self.fleet.set_eligible(id, Eligibility::Draining);
        let group = self.groups[self.instances[id].group].settings;
        let message = format!("Container instance {} is DRAINING.", instance_name(id));
        self.log(now, EventCategory::GroupActivity, &group.name, None, message);
        let tasks: Vec<TaskId> = self.instances[id].tasks.iter().copied().collect();
        let mut services: BTreeSet<ServiceId> = BTreeSet::new();
        for task in tasks {
            let Owner::Service(service) = self.tasks[task].owner else { continue };
            if self.tasks[task].stopping.is_none() && !self.is_daemon(self.tasks[task].owner) {
                self.services[service].rollout.leaving.insert(task);
                services.insert(service);
            }
        }
        for service in services {
            self.request_pass_after_reaction(service, scheduler);
        }
        for service in self.services.ids() {
            if self.is_daemon(Owner::Service(service)) {
                self.request_pass_after_reaction(service, scheduler);
            }
        }
        self.drained_further(id, scheduler);
    }

    /// A task left a draining instance, or there was none: daemons go last, then the instance.
    pub(super) fn drained_further(&mut self, id: InstanceId, scheduler: &mut Scheduler<Event>) {
        let instance = &self.instances[id];
        if instance.draining.is_none()
            || instance.state == InstanceState::Terminated
            || !daemon_leaves(instance.other_tasks)
        {
            return;
        }
        let daemons: Vec<TaskId> = instance.tasks.iter().copied().collect();
        for task in daemons {
            let reason = Cow::Borrowed("Container instance is being drained");
            self.stop_task(task, StopCode::ServiceSchedulerInitiated, reason, scheduler);
        }
        self.leave_if_free(id, scheduler);
    }

    /// The termination hook of managed draining has held an instance for two days.
    pub(super) fn draining_limit(&mut self, id: InstanceId, scheduler: &mut Scheduler<Event>) {
        self.instances[id].membership.drained_long_enough = true;
        self.leave_if_free(id, scheduler);
    }
}

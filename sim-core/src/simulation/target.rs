//! A task as a target of its service's load balancer.

use super::event::Event;
use super::health::FailedCheck;
use super::launch::StartUp;
use super::task::{Fate, Owner, TaskDraw, TaskState};
use super::world::World;
use crate::engine::{Phase, Scheduler};
use crate::scenario::TargetGroup;
use crate::traffic::{TargetHealthCheck, TargetState, next_target_change};
use crate::units::{SimDuration, SimTime, TaskId};

fn check_of(group: &TargetGroup) -> TargetHealthCheck {
    TargetHealthCheck {
        interval: group.health_check_interval,
        healthy_threshold: group.healthy_threshold,
        unhealthy_threshold: group.unhealthy_threshold,
    }
}

impl<'s> World<'s, '_> {
    /// The target group in which a task is registered.
    pub(super) fn target_group(&self, id: TaskId) -> Option<&'s TargetGroup> {
        match self.tasks[id].owner {
            Owner::Service(service) => self.services[service].settings.target_group.as_ref(),
            Owner::Batch(_) => None,
        }
    }

    /// From RUNNING to the first probe: registration, and a uniform part of the interval.
    fn first_probe(&self, id: TaskId, group: &TargetGroup) -> SimDuration {
        let task = &self.tasks[id];
        let interval = group.health_check_interval.as_nanos();
        let bits = self.task_bits(task.owner, task.ordinal, task.attempt, TaskDraw::Probe);
        let probe = (u128::from(bits) * u128::from(interval)) >> 64;
        self.draw(task, TaskDraw::Register, &group.registration_time)
            + SimDuration::from_nanos(probe as u64)
    }

    /// How long a new target waits for its first verdict, and whether that is a bad one.
    pub(super) fn begin_registration(&self, id: TaskId, now: SimTime) -> (SimDuration, Fate) {
        let Some(group) = self.target_group(id) else { return (SimDuration::ZERO, Fate::None) };
        let length = self.first_probe(id, group);
        if !self.has_faults() {
            return (length, Fate::None);
        }
        let windows = self.target_windows(id);
        let first = now + length;
        let change =
            next_target_change(&check_of(group), TargetState::Initial, now, first, &windows);
        match change {
            Some((at, TargetState::Unhealthy)) => (at.saturating_since(now), Fate::TargetUnhealthy),
            Some((at, _)) => (at.saturating_since(now), Fate::None),
            None => (length, Fate::None),
        }
    }

    /// The next change of a target that is in `state` since now.
    fn next_change(&self, id: TaskId, state: TargetState, now: SimTime) -> Option<SimTime> {
        let group = self.target_group(id).filter(|_| self.has_faults())?;
        let windows = self.target_windows(id);
        let first = self.tasks[id].started? + self.first_probe(id, group);
        next_target_change(&check_of(group), state, now, first, &windows).map(|(at, _)| at)
    }

    /// A target is healthy; schedules when it will not be any more, if a fault brings that about.
    pub(super) fn watch_target(&mut self, id: TaskId, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        if let Some(at) = self.next_change(id, TargetState::Healthy, now) {
            let event = Event::TargetUnhealthy { task: id, epoch: self.tasks[id].epoch };
            scheduler.schedule_at(at, Phase::Release, event);
        }
    }

    /// How long an unhealthy target takes to recover; `None` for never.
    pub(super) fn recovery(&self, id: TaskId, now: SimTime) -> Option<SimDuration> {
        let at = self.next_change(id, TargetState::Unhealthy, now)?;
        Some(at.saturating_since(now))
    }

    /// A healthy target has failed its probes, unless the event is stale.
    pub(super) fn target_failed(
        &mut self,
        id: TaskId,
        epoch: u32,
        scheduler: &mut Scheduler<Event>,
    ) {
        let task = &self.tasks[id];
        if task.epoch == epoch && task.state == TaskState::Running {
            self.target_unhealthy(id, scheduler);
        }
    }

    /// The target of a task becomes unhealthy: it gets no more requests, unless all are, and its service is
    /// told.
    pub(super) fn target_unhealthy(&mut self, id: TaskId, scheduler: &mut Scheduler<Event>) {
        if self.target_group(id).is_none() {
            return;
        }
        self.not_ready(id, scheduler.now());
        self.enter(id, TaskState::TargetUnhealthy, StartUp::Delayed, scheduler);
        if let Some(instance) = self.tasks[id].instance {
            self.target_failed_on(instance, scheduler);
        }
        self.task_unhealthy(id, FailedCheck::LoadBalancer, scheduler);
        if let Owner::Service(service) = self.tasks[id].owner {
            self.fail_open(service, scheduler.now());
        }
    }
}

//! What the scheduler learns about single tasks: when they count as healthy, failed checks, launches that
//! fail, scale-in protection.

use std::borrow::Cow;

use super::event::Event;
use super::launch::StartUp;
use super::task::{Owner, TaskState};
use super::world::World;
use crate::engine::{Phase, Scheduler};
use crate::results::EventCategory;
use crate::service::health::{HealthSources, failure_counts};
use crate::service::protection::{is_protected, protect};
use crate::units::{ServiceId, SimTime, TaskId};

/// A check that a task failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(test), allow(dead_code))] // What fails checks comes with the faults of a scenario.
pub(super) enum FailedCheck {
    /// The load balancer's.
    LoadBalancer,
    /// That of an essential container.
    Container,
}

impl FailedCheck {
    /// `stoppedReason` of the task, in ECS's words.
    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::LoadBalancer => "Task failed ELB health checks",
            Self::Container => "Task failed container health checks",
        }
    }
}

impl World<'_, '_> {
    /// What tells about the health of a service's tasks.
    pub(super) fn health_sources(&self, id: ServiceId) -> HealthSources {
        HealthSources {
            load_balancer: self.services[id].settings.target_group.is_some(),
            container_check: false,
        }
    }

    /// A task serves from now on, unless it fails a check: it counts as healthy at once where something checks it, and some time
    /// after RUNNING otherwise.
    pub(super) fn serves(
        &mut self,
        id: TaskId,
        start_up: StartUp,
        scheduler: &mut Scheduler<Event>,
    ) {
        let now = scheduler.now();
        let task = &self.tasks[id];
        let Owner::Service(service) = task.owner else { return };
        if task.failed_check.is_some() || task.ready {
            return;
        }
        let (revision, epoch) = (task.revision, task.epoch);
        self.tasks[id].ready = true;
        let state = &mut self.services[service];
        state.rollout.revision_mut(revision).ready += 1;
        if state.rollout.current().shift.is_some() {
            self.steer(service, now);
        } else {
            self.set_serving(id, true, now);
        }
        let state = &self.services[service];
        let waits = !state.rollout.leaving.is_empty();
        let checked = self.health_sources(service) != HealthSources::default();
        let delay = self.scenario.control_plane.service_scheduler.healthy_after;
        if checked || delay.is_zero() || start_up == StartUp::Ready {
            self.count_healthy(id, scheduler);
        } else {
            scheduler.schedule_in(delay, Phase::Appear, Event::TaskCounts { task: id, epoch });
            if waits {
                // The draining of an instance does not wait for the delay.
                self.request_pass_after_reaction(service, scheduler);
            }
        }
    }

    /// The delay after which a task counts as healthy is over.
    pub(super) fn task_counts(&mut self, id: TaskId, epoch: u32, scheduler: &mut Scheduler<Event>) {
        let task = &self.tasks[id];
        if task.epoch == epoch && task.failed_check.is_none() && !task.counted {
            self.count_healthy(id, scheduler);
        }
    }

    fn count_healthy(&mut self, id: TaskId, scheduler: &mut Scheduler<Event>) {
        let task = &mut self.tasks[id];
        let Owner::Service(service) = task.owner else { return };
        task.counted = true;
        let revision = task.revision;
        let state = &mut self.services[service];
        let rollout = &mut state.rollout;
        rollout.revision_mut(revision).counted += 1;
        let moved = rollout.moving.remove(&id);
        if rollout.primary() == revision
            && let Some(breaker) = &state.settings.scheduling.deployment.circuit_breaker
        {
            rollout.current_mut().failures.task_became_healthy(breaker);
        }
        let settled = rollout.is_settled(state.active.len()) && !moved;
        self.settle(service, scheduler);
        if !settled {
            self.request_pass_after_reaction(service, scheduler);
        }
    }

    /// A task failed a health check for good: it takes no more requests and is replaced.
    ///
    /// Within the grace period after its start nothing happens yet: the failure counts at the end of
    /// that period, unless the task has recovered.
    pub(super) fn task_unhealthy(
        &mut self,
        id: TaskId,
        check: FailedCheck,
        scheduler: &mut Scheduler<Event>,
    ) {
        let now = scheduler.now();
        let task = &mut self.tasks[id];
        let Owner::Service(service) = task.owner else { return };
        let Some(started) = task.started.filter(|_| task.state.is_running()) else { return };
        if task.unhealthy {
            return;
        }
        task.failed_check = Some(check);
        let grace = self.services[service].settings.scheduling.health_check_grace_period;
        if !failure_counts(now.saturating_since(started), grace) {
            scheduler.schedule_at(started + grace, Phase::Release, Event::GracePeriodOver(id));
            return;
        }
        self.mark_unhealthy(id, service, scheduler);
    }

    /// The grace period of a task that failed a check is over.
    pub(super) fn grace_period_over(&mut self, id: TaskId, scheduler: &mut Scheduler<Event>) {
        if let Some(check) = self.tasks[id].failed_check {
            self.task_unhealthy(id, check, scheduler);
        }
    }

    fn mark_unhealthy(&mut self, id: TaskId, service: ServiceId, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        self.set_serving(id, false, now);
        let task = &mut self.tasks[id];
        task.unhealthy = true;
        let counted = std::mem::take(&mut task.counted);
        let (ready, revision) = (std::mem::take(&mut task.ready), task.revision);
        let check = task.failed_check.unwrap_or(FailedCheck::Container);
        let state = &mut self.services[service];
        let name = &state.settings.name;
        state.steady = false;
        state.rollout.leaving.insert(id);
        let of_revision = state.rollout.revision_mut(revision);
        of_revision.ready -= u32::from(ready);
        of_revision.counted -= u32::from(counted);
        let task_name = super::task_name(id);
        let message = match check {
            FailedCheck::LoadBalancer => {
                format!("(service {name}) (task {task_name}) is unhealthy in its target group.")
            }
            FailedCheck::Container => {
                format!("(service {name}) (task {task_name}) failed container health checks.")
            }
        };
        self.log(now, EventCategory::ServiceEvent, name, None, message);
        self.count_deployment_failure(service, revision, scheduler);
        self.request_pass_after_reaction(service, scheduler);
    }

    /// A task passes its health checks again before it was replaced.
    #[cfg_attr(not(test), allow(dead_code))] // What fails checks comes with the faults of a scenario.
    pub(super) fn task_recovered(&mut self, id: TaskId, scheduler: &mut Scheduler<Event>) {
        let task = &mut self.tasks[id];
        task.failed_check = None;
        let Owner::Service(service) = task.owner else { return };
        let was_unhealthy = std::mem::take(&mut task.unhealthy);
        if !task.state.is_running() {
            return;
        }
        let draining = task.instance.is_some_and(|it| self.instances[it].draining.is_some());
        if was_unhealthy && !draining {
            self.services[service].rollout.leaving.remove(&id);
        }
        if self.tasks[id].state == TaskState::Running {
            self.serves(id, StartUp::Ready, scheduler);
        }
    }

    /// A service task is STOPPED: whether its launch failed, and what follows.
    pub(super) fn service_task_stopped(
        &mut self,
        service: ServiceId,
        id: TaskId,
        scheduler: &mut Scheduler<Event>,
    ) {
        let task = &self.tasks[id];
        let revision = task.revision;
        // A task that the scheduler took away, or whose host went, says nothing about its launch.
        let failed = task.started.is_none()
            && !matches!(
                task.stop_code,
                "ServiceSchedulerInitiated" | "TerminationNotice" | "SpotInterruption"
            );
        // Only what left PROVISIONING slows the service down: waiting for capacity is no failed start.
        let throttles = failed && task.placed.is_some();
        let created = task.created;
        self.services[service].rollout.revision_mut(revision).left -= 1;
        if failed {
            self.count_deployment_failure(service, revision, scheduler);
        }
        if throttles && self.services[service].rollout.primary() == revision {
            self.throttle(service, created, scheduler);
        }
        self.request_pass_after_reaction(service, scheduler);
    }

    /// One more attempt failed. Tasks of one attempt count once: only what was launched after the last
    /// failure is another attempt.
    fn throttle(&mut self, id: ServiceId, created: SimTime, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        let law = self.scenario.control_plane.service_scheduler.throttle;
        let state = &mut self.services[id];
        let rollout = &mut state.rollout;
        if rollout.last_launch_failure.is_some_and(|last| created < last) {
            return;
        }
        rollout.last_launch_failure = Some(now);
        rollout.launch_failures += 1;
        let pause = law.pause(rollout.launch_failures);
        if pause.is_zero() {
            return;
        }
        rollout.throttled_until = Some(now + pause);
        let due = rollout
            .throttle_event
            .is_none_or(|at| super::service::EVENT_REPEAT <= now.saturating_since(at));
        if due {
            rollout.throttle_event = Some(now);
            let name = &state.settings.name;
            let message =
                format!("(service {name}) is unable to consistently start tasks successfully.");
            self.log(now, EventCategory::ServiceEvent, name, None, message);
        }
    }

    /// A service task is RUNNING: its launch succeeded, and it may ask for protection.
    pub(super) fn service_task_running(&mut self, service: ServiceId, id: TaskId, now: SimTime) {
        let ordinal = self.tasks[id].ordinal;
        let state = &mut self.services[service];
        state.rollout.launch_failures = 0;
        let Some(protection) = &state.settings.scheduling.task_protection else { return };
        let uniform = (state.protection_key.at(ordinal) >> 11) as f64 / (1_u64 << 53) as f64;
        if uniform < protection.share {
            state.rollout.protected.retain(|_, until| is_protected(Some(*until), now));
            let protected = state.rollout.protected.len() as u32;
            if let Ok(until) = protect(protected, state.desired, now, protection.length) {
                state.rollout.protected.insert(id, until);
            }
        }
    }

    /// Whether scale-in and deployments must leave a task alone.
    pub(super) fn is_protected(&self, service: ServiceId, id: TaskId, now: SimTime) -> bool {
        let until = self.services[service].rollout.protected.get(&id);
        is_protected(until.copied(), now)
    }

    /// Stops an unhealthy task.
    pub(super) fn stop_unhealthy(&mut self, id: TaskId, scheduler: &mut Scheduler<Event>) {
        let check = self.tasks[id].failed_check.unwrap_or(FailedCheck::Container);
        let reason = Cow::Borrowed(check.reason());
        self.stop_task(id, "ServiceSchedulerInitiated", reason, scheduler);
    }
}

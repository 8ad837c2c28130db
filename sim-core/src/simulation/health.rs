//! What the scheduler learns about single tasks: when they count as healthy, failed checks, launches that
//! fail, scale-in protection.

use std::borrow::Cow;

use super::event::Event;
use super::launch::StartUp;
use super::task::{Owner, TaskState};
use super::world::World;
use crate::agent::Status;
use crate::engine::{Phase, Scheduler};
use crate::results::{EventCategory, StopCode};
use crate::service::health::{HealthSources, failure_counts};
use crate::service::protection::{is_protected, protect};
use crate::units::{ServiceId, SimTime, TaskId};

/// A check that a task failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FailedCheck {
    /// The load balancer's.
    LoadBalancer,
    /// That of an essential container.
    Container,
}

impl World<'_, '_> {
    /// What tells about the health of a task.
    pub(super) fn health_sources(&self, id: TaskId) -> HealthSources {
        let containers = &self.definition_of(id).containers;
        HealthSources {
            load_balancer: self.target_group(id).is_some(),
            container_check: containers.iter().any(|it| it.essential && it.health_check.is_some()),
        }
    }

    /// The essential containers of a task are HEALTHY now: it counts, or has recovered.
    pub(super) fn containers_healthy(&mut self, id: TaskId, scheduler: &mut Scheduler<Event>) {
        let task = &self.tasks[id];
        if task.failed_check == Some(FailedCheck::Container) {
            self.task_recovered(id, scheduler);
        } else if task.ready && !task.counted {
            self.count_healthy(id, scheduler);
        }
    }

    /// Why a task that failed a check is stopped, in ECS's words.
    fn failed_check_reason(&self, id: TaskId) -> Cow<'static, str> {
        match (self.tasks[id].failed_check, self.target_group(id)) {
            (Some(FailedCheck::LoadBalancer), Some(group)) => Cow::Owned(format!(
                "Task failed ELB health checks in (target-group {})",
                group.load_balancer
            )),
            _ => Cow::Borrowed("Task failed container health checks"),
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
        let sources = self.health_sources(id);
        let checked = sources != HealthSources::default();
        if sources.container_check && self.tasks[id].health != Status::Healthy {
            return;
        }
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

    /// Requests no longer go to a task, and it no longer counts as healthy.
    pub(super) fn not_ready(&mut self, id: TaskId, now: SimTime) {
        let Owner::Service(service) = self.tasks[id].owner else { return };
        if self.tasks[id].state != TaskState::TargetUnhealthy {
            self.set_serving(id, false, now);
        }
        let task = &mut self.tasks[id];
        let ready = std::mem::take(&mut task.ready);
        let counted = std::mem::take(&mut task.counted);
        let state = &mut self.services[service];
        state.steady &= !ready;
        let of_revision = state.rollout.revision_mut(task.revision);
        of_revision.ready -= u32::from(ready);
        of_revision.counted -= u32::from(counted);
    }

    fn mark_unhealthy(&mut self, id: TaskId, service: ServiceId, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        self.not_ready(id, now);
        let task = &mut self.tasks[id];
        task.unhealthy = true;
        let (revision, check) = (task.revision, task.failed_check);
        self.services[service].rollout.leaving.insert(id);
        let name = &self.services[service].settings.name;
        let task_name = super::task_name(id);
        let message = match (check, self.target_group(id)) {
            (Some(FailedCheck::LoadBalancer), Some(group)) => format!(
                "(service {name}) (task {task_name}) is unhealthy in (target-group {}) due to \
                 (reason Health checks failed).",
                group.load_balancer
            ),
            _ => format!("(service {name}) (task {task_name}) failed container health checks."),
        };
        self.log(now, EventCategory::ServiceEvent, name, None, message);
        self.count_deployment_failure(service, revision, scheduler);
        self.request_pass_after_reaction(service, scheduler);
    }

    /// A task passes its health checks again before it was replaced.
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
                Some(
                    StopCode::ServiceSchedulerInitiated
                        | StopCode::TerminationNotice
                        | StopCode::SpotInterruption
                )
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

    /// When the protection of a task ends, as far as is known at `now`: until then, scale-in and
    /// deployments must leave it alone.
    pub(super) fn protection_end(
        &self,
        service: ServiceId,
        id: TaskId,
        now: SimTime,
    ) -> Option<SimTime> {
        let asked = self.services[service].rollout.protected.get(&id).copied();
        let end = asked.max(self.worker_protected_until(id, now));
        end.filter(|end| is_protected(Some(*end), now))
    }

    /// Stops an unhealthy task.
    pub(super) fn stop_unhealthy(&mut self, id: TaskId, scheduler: &mut Scheduler<Event>) {
        let reason = self.failed_check_reason(id);
        self.stop_task(id, StopCode::ServiceSchedulerInitiated, reason, scheduler);
    }
}

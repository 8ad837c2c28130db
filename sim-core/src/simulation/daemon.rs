//! DAEMON services: one task on each container instance that takes part and has room.

use super::event::Event;
use super::launch::{NewTask, StartUp};
use super::reconcile::Changes;
use super::service::Launch;
use super::task::{Capacity, Owner};
use super::world::World;
use crate::engine::Scheduler;
use crate::results::StopCode;
use crate::scenario::SchedulingStrategy;
use crate::service::bounds::Bounds;
use crate::service::daemon::{DaemonAction, Holds, plan};
use crate::units::{InstanceId, ServiceId, SimTime, TaskId};

impl World<'_, '_> {
    /// Puts the daemons on an instance that has just registered, before anything else can take its
    /// room.
    pub(super) fn start_daemons(&mut self, scheduler: &mut Scheduler<Event>) {
        for service in self.services.ids() {
            let scheduling = &self.services[service].settings.scheduling;
            if scheduling.strategy == SchedulingStrategy::Daemon {
                self.request_pass(service, scheduler.now(), scheduler);
                self.service_pass(service, scheduler);
            }
        }
    }

    /// One pass over a DAEMON service.
    pub(super) fn daemon_pass(
        &mut self,
        id: ServiceId,
        scheduler: &mut Scheduler<Event>,
    ) -> Changes {
        let now = scheduler.now();
        let hosts = self.daemon_hosts(id);
        self.set_daemon_count(id, hosts.len() as u32, now);
        let state = &self.services[id];
        let primary = state.rollout.primary();
        let stalled = state.rollout.stalled();
        // The newest active task of each instance, and what is unhealthy.
        let mut tasks: Vec<(InstanceId, TaskId)> = Vec::with_capacity(state.active.len());
        for task in &state.active {
            if let Some(instance) = self.tasks[*task].instance {
                tasks.push((instance, *task));
            }
        }
        tasks.sort_unstable();
        let task_on = |instance: InstanceId| {
            let found = tasks.binary_search_by_key(&instance, |it| it.0).ok()?;
            Some(tasks[found].1)
        };
        let holds: Vec<Holds> = hosts
            .iter()
            .map(|instance| match task_on(*instance).map(|task| &self.tasks[task]) {
                None if stalled => Holds::Current,
                None => Holds::Nothing,
                Some(task) if task.unhealthy => Holds::Old { healthy: false },
                Some(task) if task.revision == primary || stalled => Holds::Current,
                Some(task) => Holds::Old { healthy: task.counted },
            })
            .collect();
        let configuration = &state.settings.scheduling.deployment;
        let bounds = Bounds::of(hosts.len() as u32, configuration.minimum_healthy_percent, 100);
        let healthy = state.rollout.revisions.iter().map(|revision| revision.counted).sum();
        let mut changes = Changes::default();
        // Constraints hold for running daemons, too: those of instances that drain or do not answer
        // are none of their business.
        let rule = state.rollout.revision(primary).rule;
        let strays: Vec<TaskId> = tasks
            .iter()
            .filter(|(instance, _)| hosts.binary_search(instance).is_err())
            .filter(|(instance, _)| self.fleet.slot(*instance).is_some())
            .filter(|(instance, _)| !self.fleet.is_member(rule, *instance))
            .map(|(_, task)| *task)
            .collect();
        for (index, action) in plan(&holds, healthy, bounds) {
            let instance = hosts[index];
            match action {
                DaemonAction::Stop => {
                    if let Some(task) = task_on(instance) {
                        self.stop_daemon(id, task, scheduler);
                        changes.stopped += 1;
                    }
                }
                DaemonAction::Start => {
                    if !self.start_daemon(id, instance, &mut changes, scheduler) {
                        return changes;
                    }
                }
            }
        }
        for task in strays {
            self.stop_daemon(id, task, scheduler);
            changes.stopped += 1;
        }
        // Room that an old task left at once is taken at once.
        if 0 < changes.stopped {
            let tick = self.scenario.control_plane.service_scheduler.tick;
            self.request_pass(id, now + tick, scheduler);
        }
        changes
    }

    /// The tasks on an instance have changed: daemons whose constraints ask for those look again.
    pub(super) fn tasks_changed(&mut self, owner: Owner, scheduler: &mut Scheduler<Event>) {
        for index in 0..self.daemons_by_tasks.len() {
            let daemon = self.daemons_by_tasks[index];
            if owner != Owner::Service(daemon) {
                self.request_pass_after_reaction(daemon, scheduler);
            }
        }
    }

    /// DAEMON services whose constraints ask for the tasks on an instance.
    pub(super) fn daemons_by_tasks(&self) -> Vec<ServiceId> {
        let asks = |id: &ServiceId| {
            let mut revisions = self.services[*id].rollout.revisions.iter();
            self.is_daemon(Owner::Service(*id))
                && revisions.any(|revision| self.fleet.asks_for_tasks(revision.rule))
        };
        self.services.ids().filter(asks).collect()
    }

    /// Starts a daemon on an instance if it fits there; `false` if the pass must end.
    fn start_daemon(
        &mut self,
        id: ServiceId,
        instance: InstanceId,
        changes: &mut Changes,
        scheduler: &mut Scheduler<Event>,
    ) -> bool {
        match self.launch_daemon(id, instance, scheduler) {
            Launch::Launched(_) => {
                changes.started += 1;
                true
            }
            Launch::Retry(after) => {
                self.request_pass(id, scheduler.now() + after, scheduler);
                false
            }
            Launch::Unplaceable(new) => {
                self.unable_to_place(id, &new, scheduler);
                true
            }
            Launch::NoSpot(..) | Launch::Abandoned => false,
        }
    }

    /// What a daemon task would be.
    pub(super) fn new_daemon(&self, id: ServiceId, now: SimTime) -> NewTask {
        self.new_service_task(id, self.services[id].rollout.primary(), Capacity::AnyInstance, now)
    }

    /// Registered instances that do not drain and meet the constraints of the service, in order.
    fn daemon_hosts(&self, id: ServiceId) -> Vec<InstanceId> {
        debug_assert!(self.is_daemon(Owner::Service(id)));
        let request = self.placement_request(&self.new_daemon(id, SimTime::ZERO));
        let slots = self.fleet.slots(None).map(|slot| slot.instance);
        let mut hosts: Vec<InstanceId> =
            slots.filter(|instance| self.fleet.qualifies(&request, *instance)).collect();
        hosts.sort_unstable();
        hosts
    }

    fn set_daemon_count(&mut self, id: ServiceId, hosts: u32, now: SimTime) {
        let state = &mut self.services[id];
        if state.desired != hosts {
            state.desired = hosts;
            state.desired_integral.set(now, u64::from(hosts));
            state.steady = false;
            self.note_strength(id, now);
        }
    }

    fn stop_daemon(&mut self, id: ServiceId, task: TaskId, scheduler: &mut Scheduler<Event>) {
        if self.tasks[task].unhealthy {
            self.stop_unhealthy(task, scheduler);
            return;
        }
        let reason =
            format!("Scaling activity initiated by (deployment {})", self.deployment_id(id));
        self.stop_task(task, StopCode::ServiceSchedulerInitiated, reason.into(), scheduler);
    }

    /// How a daemon starts that stands ready at the beginning of the run.
    pub(super) fn start_up_now(&self, id: ServiceId, now: SimTime) -> StartUp {
        let ready = now == SimTime::ZERO && self.services[id].settings.starts_ready;
        if ready { StartUp::Ready } else { StartUp::Delayed }
    }
}

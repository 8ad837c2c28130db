//! The life of a task: start, health, stop, and the bill of a Fargate task.
//!
//! Source: developer guide, *Task lifecycle*; which state has which part in it is said at
//! [`TaskState`]. The control plane counts what a task reserved as free from the decision to stop it,
//! the agent of its instance from the exit of its containers. Simplifications: a network interface
//! counts as free with the rest, although it is detached later; a task stopped before RUNNING skips the
//! stop time-out.

use std::borrow::Cow;

use super::cpu_sharing::CpuUse;
use super::disruptions::slowed;
use super::event::Event;
use super::group::Stage;
use super::health::FailedCheck;
use super::launch::StartUp;
use super::ledger::Change;
use super::state::InstanceState;
use super::task::{Capacity, Fate, Owner, TaskDraw, TaskState};
use super::world::World;
use crate::billing::FargateUsage;
use crate::engine::{DurationDistribution, Phase, Scheduler};
use crate::results::{EventCategory, StopCode};
use crate::scenario::{CapacityProviderKind, NetworkMode};
use crate::units::{SimDuration, SimTime, TaskId};

impl World<'_, '_> {
    /// Moves a task to `state` and on through every state that takes no time.
    pub(super) fn enter(
        &mut self,
        id: TaskId,
        state: TaskState,
        start_up: StartUp,
        scheduler: &mut Scheduler<Event>,
    ) {
        let now = scheduler.now();
        let mut state = state;
        loop {
            if self.tasks[id].state == TaskState::TargetUnhealthy {
                self.close(id, now);
            }
            let task = &mut self.tasks[id];
            task.state = state;
            if state != TaskState::Pending {
                // No event is pending for a task that waits for its agent.
                task.epoch = task.epoch.wrapping_add(1);
            }
            let epoch = task.epoch;
            match state {
                TaskState::Pending => {
                    if !self.reach_agent(id) {
                        return;
                    }
                }
                TaskState::Pulling => task.pull_started = Some(now),
                TaskState::Registering => {
                    self.on_running(id, scheduler);
                    if self.tasks[id].epoch != epoch {
                        // A container exited or failed its checks at once, and the task with it.
                        return;
                    }
                }
                TaskState::Running => {
                    if self.tasks[id].failed_check == Some(FailedCheck::LoadBalancer) {
                        self.task_recovered(id, scheduler);
                    }
                    self.serves(id, start_up, scheduler);
                    self.watch_target(id, scheduler);
                }
                TaskState::Stopping => self.worker_stops(id, now),
                TaskState::Deprovisioning => self.containers_gone(id, scheduler),
                TaskState::Stopped => {
                    self.on_stopped(id, scheduler);
                    return;
                }
                TaskState::WaitingForCapacity
                | TaskState::Provisioning
                | TaskState::Starting
                | TaskState::TargetUnhealthy
                | TaskState::Deactivating => {}
            }
            let Some((length, fate)) = self.step(id, state, start_up, now) else { return };
            let skip = start_up == StartUp::Ready
                && (state.is_starting() || state == TaskState::Registering);
            if length.is_zero() || skip {
                if fate != Fate::None && !skip {
                    self.meet_fate(id, fate, scheduler);
                    return;
                }
                state = next_state(state);
                continue;
            }
            let task = &mut self.tasks[id];
            if fate != Fate::None {
                task.fate = fate;
            }
            let last = next_state(state) == TaskState::Stopped;
            let phase = if last { Phase::Release } else { Phase::Appear };
            scheduler.schedule_in(length, phase, Event::TaskStep { task: id, epoch });
            return;
        }
    }

    /// How long the task stays in `state`, and whether that ends badly; `None` if something else ends
    /// it. Called once per state.
    fn step(
        &mut self,
        id: TaskId,
        state: TaskState,
        start_up: StartUp,
        now: SimTime,
    ) -> Option<(SimDuration, Fate)> {
        let task = &self.tasks[id];
        let control_plane = &self.scenario.control_plane;
        let draw = |draw, distribution: &DurationDistribution| self.draw(task, draw, distribution);
        let fargate = self.is_fargate(task.capacity);
        let interface = self.definition_of(id).network_mode == NetworkMode::Awsvpc;
        let length = match state {
            TaskState::WaitingForCapacity | TaskState::Stopped => return None,
            TaskState::Provisioning => {
                if fargate {
                    let length =
                        draw(TaskDraw::FargateProvisioning, &control_plane.fargate_provisioning);
                    slowed(length, self.disruptions.launch_factor(None))
                } else if interface {
                    draw(TaskDraw::Attach, &control_plane.network_interface_attach)
                } else {
                    SimDuration::ZERO
                }
            }
            TaskState::Pending => SimDuration::ZERO,
            TaskState::Pulling => return Some(self.begin_pull(id, start_up, now)),
            TaskState::Starting => return self.begin_start(id, start_up, now),
            TaskState::Registering => return Some(self.begin_registration(id, now)),
            // A job ends by itself, a service task when it is told to.
            TaskState::Running => {
                let fate = Fate::exit(self.container_of(id, None), 0, false);
                return task.duration.map(|length| (length, fate));
            }
            TaskState::TargetUnhealthy => self.recovery(id, now)?,
            TaskState::Deactivating => {
                let group = self.target_group(id);
                group.map_or(SimDuration::ZERO, |group| group.deregistration_delay)
            }
            TaskState::Stopping => self.stop_length(id),
            TaskState::Deprovisioning => {
                if interface && !fargate && task.placed.is_some() {
                    control_plane.network_interface_detach
                } else {
                    SimDuration::ZERO
                }
            }
        };
        Some((length, Fate::None))
    }

    /// A step of a task is over.
    pub(super) fn task_step(&mut self, id: TaskId, epoch: u32, scheduler: &mut Scheduler<Event>) {
        let task = &mut self.tasks[id];
        if task.epoch != epoch {
            return;
        }
        let state = task.state;
        if task.stopping.is_none() && task.fate != Fate::None {
            let fate = std::mem::take(&mut task.fate);
            self.meet_fate(id, fate, scheduler);
            return;
        }
        self.enter(id, next_state(state), StartUp::Delayed, scheduler);
    }

    fn on_running(&mut self, id: TaskId, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        let task = &mut self.tasks[id];
        task.started = Some(now);
        let (owner, capacity) = (task.owner, task.capacity);
        let (cpu, memory, on_instance) = (task.cpu, task.memory, task.instance.is_some());
        let definition = task.definition;
        self.totals.started += 1;
        self.totals.running.add(now, 1);
        match owner {
            Owner::Service(service) => {
                self.sync_load(service, now);
                let definition = self.definition(definition);
                let state = &mut self.services[service];
                state.pending.subtract(now, 1);
                state.running.add(now, 1);
                state.running_cpu.add(now, definition.cpu.as_raw());
                let memory = definition.memory_for_utilization;
                state.running_memory.add(now, memory.as_mib());
                self.observe_running(service, now);
                self.service_task_running(service, id, now);
            }
            Owner::Batch(batch) => {
                self.batches[batch].pending.subtract(now, 1);
                self.batches[batch].running.add(now, 1);
                if on_instance {
                    self.totals.batch_cpu.add(now, cpu.as_raw());
                    self.totals.batch_memory.add(now, memory.as_mib());
                }
            }
        }
        self.change_cpu_use(id, CpuUse::None, CpuUse::Idle, now);
        self.worker_starts(id, now);
        if let Capacity::Provider(provider) = capacity
            && let CapacityProviderKind::FargateSpot { mean_time_to_interruption: Some(mean) } =
                self.providers[provider].settings.kind
        {
            let law = DurationDistribution::Exponential { mean };
            let length = self.draw(&self.tasks[id], TaskDraw::SpotInterruption, &law);
            scheduler.schedule_in(length, Phase::Release, Event::SpotInterruption { task: id });
        }
        self.watch_containers(id, scheduler);
    }

    /// Decides that a task stops: it no longer counts for its owner, drains and exits.
    pub(super) fn stop_task(
        &mut self,
        id: TaskId,
        stop_code: StopCode,
        reason: Cow<'static, str>,
        scheduler: &mut Scheduler<Event>,
    ) {
        let was_running = self.tasks[id].state.is_running();
        if self.begin_stop(id, stop_code, reason, scheduler) {
            self.replace_stopped(id, scheduler);
            // Every registered target is deregistered first, healthy or not.
            let drain = was_running && stop_code == StopCode::ServiceSchedulerInitiated;
            let next = if drain { TaskState::Deactivating } else { TaskState::Stopping };
            self.enter(id, next, StartUp::Delayed, scheduler);
        }
    }

    /// Ends a task at once, together with its instance.
    pub(super) fn kill_task(
        &mut self,
        id: TaskId,
        stop_code: StopCode,
        reason: Cow<'static, str>,
        scheduler: &mut Scheduler<Event>,
    ) {
        if self.tasks[id].state == TaskState::Stopped {
            return;
        }
        if self.begin_stop(id, stop_code, reason, scheduler) {
            self.replace_stopped(id, scheduler);
        }
        self.enter(id, TaskState::Stopped, StartUp::Delayed, scheduler);
    }

    /// A service replaces a task that it did not stop itself from the stop decision on: for Fargate
    /// Spot that is the warning, not the end (developer guide, *Fargate Spot termination notices*).
    fn replace_stopped(&mut self, id: TaskId, scheduler: &mut Scheduler<Event>) {
        let task = &self.tasks[id];
        if let Owner::Service(service) = task.owner
            && task.stop_code != Some(StopCode::ServiceSchedulerInitiated)
        {
            self.request_pass_after_reaction(service, scheduler);
        }
    }

    /// The bookkeeping of a stop decision; `false` if the task was stopping already.
    fn begin_stop(
        &mut self,
        id: TaskId,
        stop_code: StopCode,
        reason: Cow<'static, str>,
        scheduler: &mut Scheduler<Event>,
    ) -> bool {
        let now = scheduler.now();
        let task = &mut self.tasks[id];
        if task.stopping.is_some() {
            return false;
        }
        task.stopping = Some(now);
        task.stop_code = Some(stop_code);
        task.stopped_reason = reason;
        let state = task.state;
        let (owner, capacity) = (task.owner, task.capacity);
        let (cpu, memory, instance) = (task.cpu, task.memory, task.instance);
        let serving = std::mem::take(&mut task.serving);
        let ready = std::mem::take(&mut task.ready);
        let counted = std::mem::take(&mut task.counted);
        let (definition_id, revision) = (task.definition, task.revision);
        if let Owner::Service(service) = owner {
            self.sync_load(service, now);
            let item = self.strategy_item(service, revision, capacity);
            let definition = self.definition(definition_id);
            let service_state = &mut self.services[service];
            service_state.active.remove(&id);
            service_state.steady = false;
            service_state.rollout.forget(id);
            let of_revision = service_state.rollout.revision_mut(revision);
            of_revision.active -= 1;
            of_revision.ready -= u32::from(ready);
            of_revision.counted -= u32::from(counted);
            if let Some(item) = item {
                of_revision.per_item[item] -= 1;
            }
            if state.is_running() {
                service_state.running_cpu.subtract(now, definition.cpu.as_raw());
                let memory = definition.memory_for_utilization;
                service_state.running_memory.subtract(now, memory.as_mib());
                service_state.running.subtract(now, 1);
                self.observe_running(service, now);
            } else {
                service_state.pending.subtract(now, 1);
            }
            if serving {
                self.count_serving(id, service, false);
            }
            self.note_strength(service, now);
        } else if let Owner::Batch(batch) = owner {
            if state.is_running() {
                self.batches[batch].running.subtract(now, 1);
                if instance.is_some() {
                    self.totals.batch_cpu.subtract(now, cpu.as_raw());
                    self.totals.batch_memory.subtract(now, memory.as_mib());
                }
            } else {
                self.batches[batch].pending.subtract(now, 1);
            }
        }
        if state.is_running() {
            self.totals.running.subtract(now, 1);
            let used = if serving { CpuUse::Serving } else { CpuUse::Idle };
            self.change_cpu_use(id, used, CpuUse::None, now);
            if let Owner::Service(service) = owner {
                self.fail_open(service, now);
            }
        }
        if state == TaskState::WaitingForCapacity {
            self.leave_queue(id, capacity, now);
        }
        match instance {
            Some(instance) => {
                // Placement counts it as gone; the agent does when its containers are.
                let demand = self.demand(definition_id, cpu, memory);
                self.fleet.remove(instance, &demand, self.task_group(owner));
                let group = self.instances[instance].group;
                let size = (definition_id, cpu, memory);
                self.change_reservation(instance, group, owner, size, Change::Remove, now);
                self.request_placement(scheduler);
                self.tasks_changed(owner, scheduler);
            }
            None => self.uncount_on_fargate(id),
        }
        if state == TaskState::Pending {
            self.leave_agent_queue(id, scheduler);
        }
        true
    }

    fn on_stopped(&mut self, id: TaskId, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        self.totals.stopped += 1;
        // A task that ends with its instance does not pass through the states before.
        self.containers_gone(id, scheduler);
        let task = &mut self.tasks[id];
        task.stopped = Some(now);
        let (owner, instance, capacity) = (task.owner, task.instance, task.capacity);
        let daemon = self.is_daemon(owner);
        if let Some(instance) = instance {
            let state = &mut self.instances[instance];
            state.tasks.remove(&id);
            state.other_tasks -= u32::from(!daemon);
            let group = state.group;
            let leaving = state.membership.stage == Stage::Leaving;
            let empty =
                state.other_tasks == 0 && state.state == InstanceState::Registered && !leaving;
            if empty {
                self.groups[group].alive.set_idle(state.zone_position, instance, true);
            }
            if empty {
                self.instance_emptied(group, scheduler);
            }
            self.touch_managed(instance, scheduler);
            self.drained_further(instance, scheduler);
        } else {
            self.bill_fargate(id, now, true);
            if self.has_managed_scaling(capacity) {
                // It left PROVISIONING, whose limit may have held back a job.
                self.request_placement(scheduler);
            }
        }
        match owner {
            Owner::Service(service) => self.service_task_stopped(service, id, scheduler),
            Owner::Batch(batch) => self.job_stopped(batch, id, scheduler),
        }
    }

    /// Meters a Fargate task from the start of its pull to `until`.
    pub(super) fn bill_fargate(&mut self, id: TaskId, until: SimTime, complete: bool) {
        let task = &self.tasks[id];
        if !self.is_fargate(task.capacity) {
            return;
        }
        let Some(from) = task.pull_started else { return };
        let definition = self.definition(task.definition);
        let usage = FargateUsage {
            owner: self.owner_name(task.owner),
            operating_system: definition.operating_system,
            architecture: definition.architecture,
            spot: self.is_spot(task.capacity),
            cpu_units: task.cpu.as_ecs_units(),
            memory_mib: task.memory.as_mib(),
            ephemeral_gib: definition.ephemeral_storage_gib,
            from,
            until,
            complete,
        };
        let billed = self.meter.fargate_task(&usage);
        self.totals.fargate_billed_seconds += billed;
        self.tasks[id].billed_seconds = billed;
    }

    /// A PROVISIONING task waited in vain.
    pub(super) fn provisioning_timeout(
        &mut self,
        id: TaskId,
        epoch: u32,
        scheduler: &mut Scheduler<Event>,
    ) {
        let task = &self.tasks[id];
        if task.epoch != epoch || task.state != TaskState::WaitingForCapacity {
            return;
        }
        let reason = "Timed out while waiting for capacity to become available";
        self.kill_task(id, StopCode::TaskFailedToStart, Cow::Borrowed(reason), scheduler);
    }

    /// Fargate Spot reclaims a task: SIGTERM at once, gone after at most two minutes.
    pub(super) fn spot_interruption(&mut self, id: TaskId, scheduler: &mut Scheduler<Event>) {
        let task = &self.tasks[id];
        if !task.state.is_running() {
            return;
        }
        let name = self.owner_name(task.owner);
        self.totals.interrupted += 1;
        let message = "Your Spot Task was interrupted.";
        self.log(scheduler.now(), EventCategory::Fault, name, None, message.to_owned());
        self.stop_task(id, StopCode::SpotInterruption, Cow::Borrowed(message), scheduler);
    }
}

/// The state that follows when nothing comes in between.
fn next_state(state: TaskState) -> TaskState {
    match state {
        TaskState::WaitingForCapacity => TaskState::Provisioning,
        TaskState::Provisioning => TaskState::Pending,
        TaskState::Pending => TaskState::Pulling,
        TaskState::Pulling => TaskState::Starting,
        TaskState::Starting => TaskState::Registering,
        TaskState::Registering | TaskState::TargetUnhealthy => TaskState::Running,
        TaskState::Running | TaskState::Deactivating => TaskState::Stopping,
        TaskState::Stopping => TaskState::Deprovisioning,
        TaskState::Deprovisioning | TaskState::Stopped => TaskState::Stopped,
    }
}

//! The life of a task: start, health, stop, and the bill of a Fargate task.
//!
//! Source: developer guide, *Task lifecycle*. Simplifications of this version: what a task reserved
//! is free again when it is STOPPED, for placement and for the agent alike; a task stopped before
//! RUNNING skips the stop time-out.

use std::borrow::Cow;

use super::cpu_sharing::CpuUse;
use super::draining::Draining;
use super::event::Event;
use super::launch::StartUp;
use super::ledger::Change;
use super::task::{Capacity, Owner, TaskDraw, TaskState};
use super::world::{InstanceState, World};
use crate::billing::FargateUsage;
use crate::engine::{DurationDistribution, Phase, Scheduler};
use crate::results::EventCategory;
use crate::scenario::{CapacityProviderKind, NetworkMode};
use crate::units::{SimDuration, SimTime, TaskId};

/// Stop code of a task whose essential container ended by itself: a job that is done.
pub(super) const JOB_ENDED: &str = "EssentialContainerExited";
const JOB_END_REASON: &str = "Essential container in task exited";

/// Fargate kills what still runs two minutes after SIGTERM.
const FARGATE_STOP_LIMIT: SimDuration = SimDuration::from_secs(120);

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
            let task = &mut self.tasks[id];
            task.state = state;
            task.epoch = task.epoch.wrapping_add(1);
            let epoch = task.epoch;
            match state {
                TaskState::Pulling => task.pull_started = Some(now),
                TaskState::Registering => self.on_running(id, scheduler),
                TaskState::Running => self.serves(id, start_up, scheduler),
                TaskState::Stopped => {
                    self.on_stopped(id, scheduler);
                    return;
                }
                TaskState::WaitingForCapacity
                | TaskState::Provisioning
                | TaskState::Starting
                | TaskState::Deactivating
                | TaskState::Stopping
                | TaskState::Deprovisioning => {}
            }
            let Some((length, next)) = self.step(id, state) else { return };
            if state == TaskState::Running && length.is_zero() {
                // The end of a job is a stop like any other, also if it ends as it begins.
                self.begin_stop(id, JOB_ENDED, Cow::Borrowed(JOB_END_REASON), now);
            }
            let skip = start_up == StartUp::Ready
                && (state.is_starting() || state == TaskState::Registering);
            if length.is_zero() || skip {
                state = next;
                continue;
            }
            let phase = if next == TaskState::Stopped { Phase::Release } else { Phase::Appear };
            scheduler.schedule_in(length, phase, Event::TaskStep { task: id, epoch });
            return;
        }
    }

    /// How long the task stays in `state` and what follows; `None` if something else ends it.
    pub(super) fn step(&self, id: TaskId, state: TaskState) -> Option<(SimDuration, TaskState)> {
        let task = &self.tasks[id];
        let definition = self.definition(task.definition);
        let control_plane = &self.scenario.control_plane;
        let draw = |draw, distribution: &DurationDistribution| self.draw(task, draw, distribution);
        let fargate = self.is_fargate(task.capacity);
        let target_group = match task.owner {
            Owner::Service(service) => self.services[service].settings.target_group.as_ref(),
            Owner::Batch(_) => None,
        };
        let interface = definition.network_mode == NetworkMode::Awsvpc;
        match state {
            TaskState::WaitingForCapacity | TaskState::Stopped => None,
            TaskState::Provisioning => {
                let length = if fargate {
                    draw(TaskDraw::FargateProvisioning, &control_plane.fargate_provisioning)
                } else if interface {
                    draw(TaskDraw::Attach, &control_plane.network_interface_attach)
                } else {
                    SimDuration::ZERO
                };
                Some((length, TaskState::Pulling))
            }
            TaskState::Pulling => {
                Some((draw(TaskDraw::Pull, &definition.pull_time), TaskState::Starting))
            }
            TaskState::Starting => {
                Some((draw(TaskDraw::Start, &definition.start_time), TaskState::Registering))
            }
            TaskState::Registering => {
                let length = target_group.map_or(SimDuration::ZERO, |target_group| {
                    let interval = target_group.health_check_interval.as_nanos();
                    let bits =
                        self.task_bits(task.owner, task.ordinal, task.attempt, TaskDraw::Probe);
                    let probe = (u128::from(bits) * u128::from(interval)) >> 64;
                    draw(TaskDraw::Register, &target_group.registration_time)
                        + SimDuration::from_nanos(probe as u64)
                });
                Some((length, TaskState::Running))
            }
            // A job ends by itself, a service task when it is told to.
            TaskState::Running => task.duration.map(|length| (length, TaskState::Stopping)),
            TaskState::Deactivating => {
                let length = target_group
                    .map_or(SimDuration::ZERO, |target_group| target_group.deregistration_delay);
                Some((length, TaskState::Stopping))
            }
            TaskState::Stopping => {
                let exited = task.stop_code == JOB_ENDED || task.started.is_none();
                let length = if exited {
                    SimDuration::ZERO
                } else {
                    let length = draw(TaskDraw::Stop, &definition.stop_time);
                    if fargate { length.min(FARGATE_STOP_LIMIT) } else { length }
                };
                Some((length, TaskState::Deprovisioning))
            }
            TaskState::Deprovisioning => {
                let length = if interface && !fargate && task.placed.is_some() {
                    control_plane.network_interface_detach
                } else {
                    SimDuration::ZERO
                };
                Some((length, TaskState::Stopped))
            }
        }
    }

    /// A step of a task is over.
    pub(super) fn task_step(&mut self, id: TaskId, epoch: u32, scheduler: &mut Scheduler<Event>) {
        let task = &self.tasks[id];
        if task.epoch != epoch {
            return;
        }
        let state = task.state;
        let Some((_, next)) = self.step(id, state) else { return };
        if state == TaskState::Running {
            self.stop_task(id, JOB_ENDED, Cow::Borrowed(JOB_END_REASON), scheduler);
            return;
        }
        self.enter(id, next, StartUp::Delayed, scheduler);
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
        if let Capacity::Provider(provider) = capacity
            && let CapacityProviderKind::FargateSpot { mean_time_to_interruption: Some(mean) } =
                self.providers[provider].settings.kind
        {
            let law = DurationDistribution::Exponential { mean };
            let length = self.draw(&self.tasks[id], TaskDraw::SpotInterruption, &law);
            scheduler.schedule_in(length, Phase::Release, Event::SpotInterruption { task: id });
        }
    }

    /// Decides that a task stops: it no longer counts for its owner, drains and exits.
    pub(super) fn stop_task(
        &mut self,
        id: TaskId,
        stop_code: &'static str,
        reason: Cow<'static, str>,
        scheduler: &mut Scheduler<Event>,
    ) {
        if self.begin_stop(id, stop_code, reason, scheduler.now()) {
            self.replace_stopped(id, scheduler);
            let task = &self.tasks[id];
            let drain = task.healthy_before_stop && stop_code == "ServiceSchedulerInitiated";
            let next = if drain { TaskState::Deactivating } else { TaskState::Stopping };
            self.enter(id, next, StartUp::Delayed, scheduler);
        }
    }

    /// Ends a task at once, together with its instance.
    pub(super) fn kill_task(
        &mut self,
        id: TaskId,
        stop_code: &'static str,
        reason: Cow<'static, str>,
        scheduler: &mut Scheduler<Event>,
    ) {
        if self.tasks[id].state == TaskState::Stopped {
            return;
        }
        if self.begin_stop(id, stop_code, reason, scheduler.now()) {
            self.replace_stopped(id, scheduler);
        }
        self.enter(id, TaskState::Stopped, StartUp::Delayed, scheduler);
    }

    /// A service replaces a task that it did not stop itself from the stop decision on: for Fargate
    /// Spot that is the warning, not the end (developer guide, *Fargate Spot termination notices*).
    fn replace_stopped(&mut self, id: TaskId, scheduler: &mut Scheduler<Event>) {
        let task = &self.tasks[id];
        if let Owner::Service(service) = task.owner
            && task.stop_code != "ServiceSchedulerInitiated"
        {
            self.request_pass_after_reaction(service, scheduler);
        }
    }

    /// The bookkeeping of a stop decision; `false` if the task was stopping already.
    fn begin_stop(
        &mut self,
        id: TaskId,
        stop_code: &'static str,
        reason: Cow<'static, str>,
        now: SimTime,
    ) -> bool {
        let task = &mut self.tasks[id];
        if task.stopping.is_some() {
            return false;
        }
        task.stopping = Some(now);
        task.stop_code = stop_code;
        task.stopped_reason = reason;
        let state = task.state;
        let (owner, capacity) = (task.owner, task.capacity);
        let (cpu, memory, on_instance) = (task.cpu, task.memory, task.instance.is_some());
        task.healthy_before_stop = state == TaskState::Running;
        let serving = std::mem::take(&mut task.serving);
        let ready = std::mem::take(&mut task.ready);
        let counted = std::mem::take(&mut task.counted);
        let (definition, revision) = (task.definition, task.revision);
        if let Owner::Service(service) = owner {
            self.sync_load(service, now);
            let item = self.strategy_item(service, capacity);
            let definition = self.definition(definition);
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
            service_state.healthy -= u32::from(serving);
            if state.is_running() {
                service_state.running_cpu.subtract(now, definition.cpu.as_raw());
                let memory = definition.memory_for_utilization;
                service_state.running_memory.subtract(now, memory.as_mib());
                service_state.running.subtract(now, 1);
                self.observe_running(service, now);
            } else {
                service_state.pending.subtract(now, 1);
            }
        } else if let Owner::Batch(batch) = owner {
            if state.is_running() {
                self.batches[batch].running.subtract(now, 1);
                if on_instance {
                    self.totals.batch_cpu.subtract(now, cpu.as_raw());
                    self.totals.batch_memory.subtract(now, memory.as_mib());
                }
            } else {
                self.batches[batch].pending.subtract(now, 1);
            }
            self.uncount_batch_item(batch, capacity);
        }
        if state.is_running() {
            self.totals.running.subtract(now, 1);
            let used = if serving { CpuUse::Serving } else { CpuUse::Idle };
            self.change_cpu_use(id, used, CpuUse::None, now);
        }
        if state == TaskState::WaitingForCapacity {
            self.leave_queue(id, capacity, now);
        }
        self.uncount_in_group(id);
        true
    }

    fn on_stopped(&mut self, id: TaskId, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        self.totals.stopped += 1;
        let task = &mut self.tasks[id];
        task.stopped = Some(now);
        let (owner, instance, cpu, memory) = (task.owner, task.instance, task.cpu, task.memory);
        let (capacity, definition) = (task.capacity, task.definition);
        if let Some(instance) = instance {
            let demand = self.demand(definition, cpu, memory);
            let daemon = self.is_daemon(owner);
            self.fleet.release(instance, &demand);
            let state = &mut self.instances[instance];
            state.tasks.remove(&id);
            state.other_tasks -= u32::from(!daemon);
            let group = state.group;
            let leaving = matches!(state.draining, Some(Draining::BeforeTermination { .. }));
            let empty =
                state.other_tasks == 0 && state.state == InstanceState::Registered && !leaving;
            if empty {
                self.groups[group].alive.set_idle(state.zone_position, instance, true);
            }
            let size = (definition, cpu, memory);
            self.change_reservation(instance, group, owner, size, Change::Remove, now);
            if empty {
                self.instance_emptied(group, scheduler);
            }
            self.request_placement(scheduler);
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
        self.kill_task(id, "TaskFailedToStart", Cow::Borrowed(reason), scheduler);
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
        self.stop_task(id, "SpotInterruption", Cow::Borrowed(message), scheduler);
    }
}

//! The life of a task: creation, placement, start, stop.
//!
//! Source: developer guide, *Task lifecycle*. Simplifications of this version: what a task reserved
//! is free again when it is STOPPED, for placement and for the agent alike; a task stopped before
//! RUNNING skips the stop time-out.

use std::borrow::Cow;

use super::event::Event;
use super::task::{ATTEMPT_SHIFT, Capacity, DRAWS_PER_TASK, Owner, Task, TaskDraw, TaskState};
use super::world::{GroupState, InstanceState, World};
use crate::billing::FargateUsage;
use crate::engine::{DurationDistribution, Phase, Scheduler};
use crate::placement::{
    Choice, Demand, PlacementConstraint, PlacementRequest, PlacementStrategy, SERVICE_DEFAULT,
    STANDALONE_DEFAULT, choose,
};
use crate::results::EventCategory;
use crate::scenario::{CapacityProviderKind, NetworkMode, TaskDefinition};
use crate::units::{AsgId, Cpu, InstanceId, Mib, SimDuration, SimTime, TaskId, ZoneId};

/// Stop code of a task whose essential container ended by itself: a job that is done.
pub(super) const JOB_ENDED: &str = "EssentialContainerExited";
const JOB_END_REASON: &str = "Essential container in task exited";

/// Fargate kills what still runs two minutes after SIGTERM.
const FARGATE_STOP_LIMIT: SimDuration = SimDuration::from_secs(120);

/// What a new task is, before it has a place.
#[derive(Clone, Copy, Debug)]
pub(super) struct NewTask {
    pub(super) owner: Owner,
    pub(super) ordinal: u64,
    pub(super) attempt: u32,
    pub(super) placed_before: bool,
    pub(super) capacity: Capacity,
    pub(super) cpu: Cpu,
    pub(super) memory: Mib,
    pub(super) duration: Option<SimDuration>,
    pub(super) arrival: SimTime,
}

/// Whether a task passes through its start-up delays or stands ready at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StartUp {
    Delayed,
    /// Part of the initial state: running and healthy at time zero.
    Ready,
}

impl<'s> World<'s, '_> {
    pub(super) fn definition(&self, owner: Owner) -> &'s TaskDefinition {
        let id = match owner {
            Owner::Service(service) => self.services[service].settings.task_definition,
            Owner::Batch(batch) => self.batches[batch].settings.task_definition,
        };
        &self.scenario.task_definitions[id]
    }

    pub(super) fn placement_constraints(&self, owner: Owner) -> &'s [PlacementConstraint] {
        match owner {
            Owner::Service(service) => &self.services[service].settings.placement_constraints,
            Owner::Batch(batch) => &self.batches[batch].settings.placement_constraints,
        }
    }

    pub(super) fn demand(&self, owner: Owner, cpu: Cpu, memory: Mib) -> Demand<'s> {
        Demand { cpu, memory, ..Demand::of(self.definition(owner)) }
    }

    /// 64 bits for one attribute of one task, in its `attempt`-th submission after the first.
    ///
    /// Another attempt draws anew: with the first one's time to interruption, a job on Fargate Spot
    /// that was interrupted once would be interrupted at the same point for ever.
    fn task_bits(&self, owner: Owner, ordinal: u64, attempt: u32, draw: TaskDraw) -> u64 {
        let (task_key, placement_key) = match owner {
            Owner::Service(service) => {
                let state = &self.services[service];
                (&state.task_key, &state.placement_key)
            }
            Owner::Batch(batch) => {
                let state = &self.batches[batch];
                (&state.task_key, &state.placement_key)
            }
        };
        let key = if draw == TaskDraw::Placement { placement_key } else { task_key };
        let position = ordinal.wrapping_mul(DRAWS_PER_TASK).wrapping_add(draw as u64);
        key.at(position.wrapping_add(u64::from(attempt) << ATTEMPT_SHIFT))
    }

    pub(super) fn draw(
        &self,
        task: &Task,
        draw: TaskDraw,
        distribution: &DurationDistribution,
    ) -> SimDuration {
        distribution.sample(self.task_bits(task.owner, task.ordinal, task.attempt, draw))
    }

    /// The group of container instances that `capacity` allows; `None` for any.
    pub(super) fn pool(&self, capacity: Capacity) -> Option<AsgId> {
        let Capacity::Provider(provider) = capacity else { return None };
        match self.providers[provider].settings.kind {
            CapacityProviderKind::AutoScalingGroup { group, .. } => Some(group),
            CapacityProviderKind::Fargate | CapacityProviderKind::FargateSpot { .. } => None,
        }
    }

    pub(super) fn is_fargate(&self, capacity: Capacity) -> bool {
        match capacity {
            Capacity::AnyInstance => false,
            Capacity::Fargate => true,
            Capacity::Provider(provider) => self.providers[provider].settings.kind.is_fargate(),
        }
    }

    fn is_spot(&self, capacity: Capacity) -> bool {
        let Capacity::Provider(provider) = capacity else { return false };
        matches!(self.providers[provider].settings.kind, CapacityProviderKind::FargateSpot { .. })
    }

    /// Asks placement where a task would go now.
    pub(super) fn find_instance(&mut self, new: &NewTask) -> Choice {
        let demand = self.demand(new.owner, new.cpu, new.memory);
        let pool = self.pool(new.capacity);
        let random_bits = self.task_bits(new.owner, new.ordinal, new.attempt, TaskDraw::Placement);
        let (strategy, constraints, group): (&[PlacementStrategy], _, _) = match new.owner {
            Owner::Service(service) => {
                let state = &self.services[service];
                let chain = match &state.settings.placement_strategy[..] {
                    [] => &SERVICE_DEFAULT[..],
                    chain => chain,
                };
                (chain, &state.settings.placement_constraints, &state.group)
            }
            Owner::Batch(batch) => {
                let state = &self.batches[batch];
                let chain = match &state.settings.placement_strategy[..] {
                    [] => &STANDALONE_DEFAULT[..],
                    chain => chain,
                };
                (chain, &state.settings.placement_constraints, &state.group)
            }
        };
        let request = PlacementRequest { demand, strategy, constraints, group, random_bits };
        let choice = choose(self.fleet.slots(pool), &request, &mut self.ties);
        if let Choice::Nowhere(_) = choice {
            self.totals.placement_failures += 1;
        }
        choice
    }

    /// Creates a task, which then waits or is assigned by the caller.
    pub(super) fn create_task(
        &mut self,
        new: NewTask,
        scheduler: &mut Scheduler<Event>,
    ) -> Option<TaskId> {
        let limit = scheduler.limits().tasks;
        if self.tasks.len() as u64 >= limit {
            scheduler.fail("limits.tasks", limit);
            return None;
        }
        let now = scheduler.now();
        if let Owner::Service(service) = new.owner {
            self.services[service].pending.add(now, 1);
        }
        Some(self.tasks.push(Task {
            owner: new.owner,
            ordinal: new.ordinal,
            attempt: new.attempt,
            placed_before: new.placed_before,
            capacity: new.capacity,
            state: TaskState::WaitingForCapacity,
            epoch: 0,
            instance: None,
            zone: None,
            cpu: new.cpu,
            memory: new.memory,
            duration: new.duration,
            arrival: new.arrival,
            created: now,
            placed: None,
            pull_started: None,
            started: None,
            stopping: None,
            stopped: None,
            healthy_before_stop: false,
            stop_code: "",
            stopped_reason: Cow::Borrowed(""),
            billed_seconds: 0,
        }))
    }

    /// Puts a task on a container instance and starts it.
    pub(super) fn assign(
        &mut self,
        id: TaskId,
        instance: InstanceId,
        start_up: StartUp,
        scheduler: &mut Scheduler<Event>,
    ) {
        let now = scheduler.now();
        let task = &mut self.tasks[id];
        let (owner, cpu, memory) = (task.owner, task.cpu, task.memory);
        let zone = self.instances[instance].zone;
        task.instance = Some(instance);
        task.zone = Some(zone);
        task.placed = Some(now);
        let demand = self.demand(owner, cpu, memory);
        self.fleet.reserve(instance, &demand);
        let state = &mut self.instances[instance];
        state.tasks.insert(id);
        state.tasks_run += 1;
        let group = state.group;
        self.groups[group].alive.set_idle(state.zone_position, instance, false);
        self.change_reservation(instance, group, owner, (cpu, memory), Change::Add, now);
        self.count_in_group(id, true);
        self.enter(id, TaskState::Provisioning, start_up, scheduler);
    }

    /// Starts a task on Fargate, in the zone with fewest tasks of its group.
    pub(super) fn start_on_fargate(
        &mut self,
        id: TaskId,
        start_up: StartUp,
        scheduler: &mut Scheduler<Event>,
    ) {
        let owner = self.tasks[id].owner;
        let group = match owner {
            Owner::Service(service) => &self.services[service].group,
            Owner::Batch(batch) => &self.batches[batch].group,
        };
        // Fewest first, in listed order: AWS says it spreads over zones as well as it can.
        let zone = self.scenario.zones.ids().min_by_key(|zone| (group.in_zone(*zone), *zone));
        let task = &mut self.tasks[id];
        task.zone = zone;
        task.placed = Some(scheduler.now());
        self.count_in_group(id, true);
        self.enter(id, TaskState::Provisioning, start_up, scheduler);
    }

    /// Counts a task in the placement group of its owner, or stops counting it.
    fn count_in_group(&mut self, id: TaskId, add: bool) {
        let task = &self.tasks[id];
        let (Some(zone), instance) = (task.zone, task.instance) else { return };
        let group = match task.owner {
            Owner::Service(service) => &mut self.services[service].group,
            Owner::Batch(batch) => &mut self.batches[batch].group,
        };
        if add {
            group.add(zone, instance);
        } else {
            group.remove(zone, instance);
        }
    }

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
                TaskState::Running => self.on_healthy(id, now),
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
    fn step(&self, id: TaskId, state: TaskState) -> Option<(SimDuration, TaskState)> {
        let task = &self.tasks[id];
        let definition = self.definition(task.owner);
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
        self.totals.started += 1;
        self.totals.running.add(now, 1);
        match owner {
            Owner::Service(service) => {
                self.sync_load(service, now);
                let state = &mut self.services[service];
                state.pending.subtract(now, 1);
                state.running.add(now, 1);
                self.observe_running(service, now);
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
        if let Capacity::Provider(provider) = capacity
            && let CapacityProviderKind::FargateSpot { mean_time_to_interruption: Some(mean) } =
                self.providers[provider].settings.kind
        {
            let law = DurationDistribution::Exponential { mean };
            let length = self.draw(&self.tasks[id], TaskDraw::SpotInterruption, &law);
            scheduler.schedule_in(length, Phase::Release, Event::SpotInterruption { task: id });
        }
    }

    fn on_healthy(&mut self, id: TaskId, now: SimTime) {
        if let Owner::Service(service) = self.tasks[id].owner {
            self.sync_load(service, now);
            self.services[service].healthy += 1;
            self.announce_steady_state(service, now);
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
        if let Owner::Service(service) = owner {
            self.sync_load(service, now);
            let item = self.strategy_item(service, capacity);
            let service_state = &mut self.services[service];
            service_state.active.remove(&id);
            service_state.steady = false;
            if let Some(item) = item {
                service_state.per_item[item] -= 1;
            }
            if state == TaskState::Running {
                service_state.healthy -= 1;
            }
            if state.is_running() {
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
        }
        if state == TaskState::WaitingForCapacity {
            self.leave_queue(id, capacity, now);
        }
        self.count_in_group(id, false);
        true
    }

    fn on_stopped(&mut self, id: TaskId, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        self.totals.stopped += 1;
        let task = &mut self.tasks[id];
        task.stopped = Some(now);
        let (owner, instance, cpu, memory) = (task.owner, task.instance, task.cpu, task.memory);
        let capacity = task.capacity;
        if let Some(instance) = instance {
            let demand = self.demand(owner, cpu, memory);
            self.fleet.release(instance, &demand);
            let state = &mut self.instances[instance];
            state.tasks.remove(&id);
            let group = state.group;
            let empty = state.tasks.is_empty() && state.state == InstanceState::Registered;
            if empty {
                self.groups[group].alive.set_idle(state.zone_position, instance, true);
            }
            self.change_reservation(instance, group, owner, (cpu, memory), Change::Remove, now);
            if empty {
                self.instance_emptied(group, scheduler);
            }
            self.request_placement(scheduler);
        } else {
            self.bill_fargate(id, now, true);
            if self.has_managed_scaling(capacity) {
                // It left PROVISIONING, whose limit may have held back a job.
                self.request_placement(scheduler);
            }
        }
        match owner {
            Owner::Service(service) => self.request_pass_after_reaction(service, scheduler),
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
        let definition = self.definition(task.owner);
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

    /// Keeps the integrals of reserved resources in step with the fleet.
    fn change_reservation(
        &mut self,
        instance: InstanceId,
        group: AsgId,
        owner: Owner,
        (cpu, memory): (Cpu, Mib),
        change: Change,
        now: SimTime,
    ) {
        let owner = self.owner_index(owner);
        let weight = split_weight(cpu, memory);
        let (cpu, memory) = (cpu.as_raw(), memory.as_mib());
        let group = &mut self.groups[group];
        let instance = &mut self.instances[instance];
        let integrals = [
            (&mut self.totals.reserved_cpu, cpu),
            (&mut self.totals.reserved_memory, memory),
            (&mut instance.reserved_cpu, cpu),
            (&mut instance.reserved_memory, memory),
            (&mut group.owner_weights[owner], weight),
        ];
        for (integral, amount) in integrals {
            match change {
                Change::Add => integral.add(now, amount),
                Change::Remove => integral.subtract(now, amount),
            }
        }
        match change {
            Change::Add => {
                group.reserved_cpu += cpu;
                group.reserved_memory += memory;
            }
            Change::Remove => {
                group.reserved_cpu -= cpu;
                group.reserved_memory -= memory;
            }
        }
        bound_instances(group, now);
    }

    /// Counts a task that waits in PROVISIONING for the capacity of a group, or stops counting it.
    pub(super) fn change_waiting(&mut self, id: TaskId, change: Change, now: SimTime) {
        let task = &self.tasks[id];
        let (cpu, memory) = (task.cpu.as_raw(), task.memory.as_mib());
        let Some(group) = self.pool(task.capacity) else { return };
        let group = &mut self.groups[group];
        match change {
            Change::Add => {
                group.waiting_cpu += cpu;
                group.waiting_memory += memory;
            }
            Change::Remove => {
                group.waiting_cpu -= cpu;
                group.waiting_memory -= memory;
            }
        }
        bound_instances(group, now);
    }
}

/// Keeps the integrals of the fewest instances that could hold a group's tasks.
fn bound_instances(group: &mut GroupState<'_>, now: SimTime) {
    let shape = &group.settings.shape;
    let instances = |cpu: u64, memory: u64| {
        let by_cpu = cpu.div_ceil(shape.cpu.as_raw().max(1));
        by_cpu.max(memory.div_ceil(shape.memory.as_mib().max(1)))
    };
    let needed = instances(group.reserved_cpu, group.reserved_memory);
    let wanted = instances(
        group.reserved_cpu + group.waiting_cpu,
        group.reserved_memory + group.waiting_memory,
    );
    for (integral, value) in [(&mut group.needed, needed), (&mut group.wanted, wanted)] {
        if value != integral.value() {
            integral.set(now, value);
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Add,
    Remove,
}

/// Weight of a reservation in the split of an instance's cost: 9 for a vCPU against 1 for a GiB, as
/// AWS's split cost allocation data weighs them. One vCPU counts 9 × 128 000.
pub(super) fn split_weight(cpu: Cpu, memory: Mib) -> u64 {
    9 * cpu.as_raw() + 125 * memory.as_mib()
}

/// The zone of a task for the records; tasks without a place have none.
pub(super) fn zone_name(names: &crate::units::IdVec<ZoneId, String>, zone: Option<ZoneId>) -> &str {
    zone.and_then(|zone| names.get(zone)).map_or("", String::as_str)
}

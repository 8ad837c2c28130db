//! Where a task comes from and where it goes: its attributes, its place, its creation.

use std::borrow::Cow;

use super::event::Event;
use super::ledger::Change;
use super::task::{
    ATTEMPT_SHIFT, Capacity, DRAWS_PER_TASK, Fate, Owner, Task, TaskDraw, TaskState,
};
use super::world::World;
use crate::agent::TaskHealth;
use crate::engine::{DurationDistribution, Scheduler};
use crate::placement::{
    Choice, Demand, PlacementConstraint, PlacementRequest, Recurrence, Rejections,
};
use crate::scenario::{CapacityProviderKind, FargateZones, TaskDefinition};
use crate::units::{
    AsgId, Cpu, InstanceId, Mib, SimDuration, SimTime, TaskDefinitionId, TaskGroupId, TaskId,
    ZoneId,
};

/// What a new task is, before it has a place.
#[derive(Clone, Copy, Debug)]
pub(super) struct NewTask {
    pub(super) owner: Owner,
    pub(super) ordinal: u64,
    pub(super) attempt: u32,
    pub(super) placed_before: bool,
    pub(super) definition: TaskDefinitionId,
    /// Service revision; zero for a job.
    pub(super) revision: u32,
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
    pub(super) fn definition(&self, id: TaskDefinitionId) -> &'s TaskDefinition {
        &self.scenario.task_definitions[id]
    }

    /// Definition of a task.
    pub(super) fn definition_id_of(&self, id: TaskId) -> TaskDefinitionId {
        self.tasks[id].definition
    }

    /// What a task runs.
    pub(super) fn definition_of(&self, id: TaskId) -> &'s TaskDefinition {
        &self.scenario.task_definitions[self.definition_id_of(id)]
    }

    /// Time to pull images that the scenario does not describe.
    pub(super) fn draw_pull(&self, id: TaskId) -> SimDuration {
        self.draw(&self.tasks[id], TaskDraw::Pull, &self.definition_of(id).pull_time)
    }

    pub(super) fn placement_constraints(&self, owner: Owner) -> &'s [PlacementConstraint] {
        match owner {
            Owner::Service(service) => &self.services[service].settings.placement_constraints,
            Owner::Batch(batch) => &self.batches[batch].settings.placement_constraints,
        }
    }

    pub(super) fn demand(&self, id: TaskDefinitionId, cpu: Cpu, memory: Mib) -> Demand<'s> {
        Demand { cpu, memory, ..Demand::of(self.definition(id)) }
    }

    /// 64 bits for one attribute of one task, in its `attempt`-th submission after the first.
    ///
    /// Another attempt draws anew: with the first one's time to interruption, a job on Fargate Spot
    /// that was interrupted once would be interrupted at the same point for ever.
    pub(super) fn task_bits(
        &self,
        owner: Owner,
        ordinal: u64,
        attempt: u32,
        draw: TaskDraw,
    ) -> u64 {
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
        self.providers[provider].settings.kind.group()
    }

    pub(super) fn is_fargate(&self, capacity: Capacity) -> bool {
        match capacity {
            Capacity::AnyInstance => false,
            Capacity::Fargate => true,
            Capacity::Provider(provider) => self.providers[provider].settings.kind.is_fargate(),
        }
    }

    pub(super) fn is_spot(&self, capacity: Capacity) -> bool {
        let Capacity::Provider(provider) = capacity else { return false };
        matches!(self.providers[provider].settings.kind, CapacityProviderKind::FargateSpot { .. })
    }

    /// The question where a task would go now.
    pub(super) fn placement_request(&self, new: &NewTask) -> PlacementRequest<'s> {
        let demand = self.demand(new.definition, new.cpu, new.memory);
        let definition = self.definition(new.definition);
        let of_definition = (definition.cpu, definition.memory) == (new.cpu, new.memory);
        let recurs = of_definition
            || matches!(new.owner, Owner::Batch(batch) if self.batches[batch].few_sizes);
        PlacementRequest {
            demand,
            recurrence: if recurs { Recurrence::Definition } else { Recurrence::OwnSize },
            rule: match new.owner {
                Owner::Service(service) => {
                    self.services[service].rollout.revision(new.revision).rule
                }
                Owner::Batch(batch) => self.batches[batch].rule,
            },
            group: self.pool(new.capacity),
            random_bits: self.task_bits(new.owner, new.ordinal, new.attempt, TaskDraw::Placement),
        }
    }

    /// A task as it was before it had a place.
    pub(super) fn as_new(&self, id: TaskId) -> NewTask {
        let task = &self.tasks[id];
        NewTask {
            owner: task.owner,
            ordinal: task.ordinal,
            attempt: task.attempt,
            placed_before: task.placed_before,
            definition: task.definition,
            revision: task.revision,
            capacity: task.capacity,
            cpu: task.cpu,
            memory: task.memory,
            duration: task.duration,
            arrival: task.arrival,
        }
    }

    /// Asks placement where a task would go now.
    pub(super) fn find_instance(&mut self, new: &NewTask, now: SimTime) -> Choice {
        let request = self.placement_request(new);
        let choice = self.fleet.choose(&request);
        let wish = (new.owner, new.capacity, new.cpu, new.memory);
        match choice {
            Choice::Instance(_) => self.unplaced.placed(wish, now),
            Choice::Nowhere => {
                self.totals.placement_failures += 1;
                self.unplaced.failed(wish, now, || self.fleet.rejections(&request));
            }
        }
        self.note_decision(new, choice, now);
        choice
    }

    /// Why no instance takes a task now.
    pub(super) fn rejections(&self, new: &NewTask) -> Rejections {
        self.fleet.rejections(&self.placement_request(new))
    }

    /// The task group of an owner.
    pub(super) fn task_group(&self, owner: Owner) -> TaskGroupId {
        match owner {
            Owner::Service(service) => self.services[service].group,
            Owner::Batch(batch) => self.batches[batch].group,
        }
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
            definition: new.definition,
            revision: new.revision,
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
            ready: false,
            serving: false,
            counted: false,
            failed_check: None,
            unhealthy: false,
            exited: None,
            stop_code: None,
            stopped_reason: Cow::Borrowed(""),
            billed_seconds: 0,
            fate: Fate::None,
            exit_code: None,
            health: TaskHealth::Unknown,
            restarts: 0,
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
        let definition = task.definition;
        let zone = self.instances[instance].zone;
        task.instance = Some(instance);
        task.zone = Some(zone);
        task.placed = Some(now);
        let demand = self.demand(definition, cpu, memory);
        let daemon = self.is_daemon(owner);
        self.fleet.place(instance, &demand, self.task_group(owner));
        let state = &mut self.instances[instance];
        state.tasks.insert(id);
        state.tasks_run += 1;
        // A daemon does not keep its instance from being scaled in.
        let first = state.other_tasks == 0 && !daemon;
        state.other_tasks += u32::from(!daemon);
        let group = state.group;
        if first {
            self.groups[group].alive.set_idle(state.zone_position, instance, false);
        }
        let size = (definition, cpu, memory);
        self.change_reservation(instance, group, owner, size, Change::Add, now);
        self.touch_managed(instance, scheduler);
        self.tasks_changed(owner, scheduler);
        self.enter(id, TaskState::Provisioning, start_up, scheduler);
    }

    /// The zone of a new task on Fargate, by default the one with fewest tasks of its group.
    pub(super) fn fargate_zone(&self, new: &NewTask, group: TaskGroupId) -> Option<ZoneId> {
        let zones = self.scenario.zones.ids().filter(|zone| self.disruptions.is_up(*zone));
        match self.scenario.control_plane.providers.fargate_zones {
            // In listed order: AWS says it spreads over zones as well as it can.
            FargateZones::FewestTasks => {
                zones.min_by_key(|zone| (self.fleet.tasks_in_zone(group, *zone), *zone))
            }
            FargateZones::Random => {
                let draw = TaskDraw::Placement;
                let bits = self.task_bits(new.owner, new.ordinal, new.attempt, draw);
                let zones: Vec<ZoneId> = zones.collect();
                zones.get(((u128::from(bits) * zones.len() as u128) >> 64) as usize).copied()
            }
        }
    }

    /// Starts a task on Fargate.
    pub(super) fn start_on_fargate(
        &mut self,
        id: TaskId,
        start_up: StartUp,
        scheduler: &mut Scheduler<Event>,
    ) {
        let group = self.task_group(self.tasks[id].owner);
        let zone = self.fargate_zone(&self.as_new(id), group);
        let task = &mut self.tasks[id];
        task.zone = zone;
        task.placed = Some(scheduler.now());
        if let Some(zone) = zone {
            self.fleet.count_on_fargate(group, zone);
        }
        self.enter(id, TaskState::Provisioning, start_up, scheduler);
    }
}

//! The CPU that tasks on container instances get beside each other.
//!
//! Source: developer guide, *Task definition parameters* (`cpu`); the division itself is
//! [`CpuShares`].
//!
//! # Model
//!
//! * A serving task demands what its share of the requests needs, on average until the next full
//!   minute, and its idle use; all it can get while requests wait for it. A task of a service without
//!   load demands nothing, a standalone task its reservation.
//! * The balancer sends every task as many requests, or, with `least_outstanding_requests`, requests in
//!   proportion to the CPU that a task had for them before.
//! * What a task may serve with is not what it uses on average but what it would get if it were busy:
//!   idle CPU counts, up to a limit, and neighbours keep what they demand, up to their weight's
//!   share. Tasks of one service on one instance are taken as busy together, so that they never count
//!   the same idle CPU twice. Hence services side by side never use more than there is, in the mean
//!   over each period between two divisions.
//! * An instance's CPU is divided anew when a task on it starts, begins or ceases to serve, or stops,
//!   and every minute if any service's demand changed. In between, a change of the number of tasks
//!   elsewhere does not move a neighbour's demand.
//! * Weights are reservations, also of tasks with a limit: ECS promises those their `cpu`, and
//!   placement never gives more than the instance has. (The agent leaves such a task's cgroup at the
//!   kernel's default weight.)
//!
//! Services that run on Fargate, or whose limit is what they reserve, have their CPU fixed; without any
//! other, nothing here takes time.

use std::collections::BTreeSet;

use super::task::{Owner, Task};
use super::world::{MINUTE, World};
use crate::scenario::{Scenario, TaskDefinition};
use crate::traffic::{CpuClaim, CpuShares};
use crate::units::{Cpu, InstanceId, ServiceId, SimDuration, SimTime, TaskDefinitionId, TaskId};

/// What a task uses CPU for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CpuUse {
    /// Nothing: not started, or stopping.
    None,
    /// RUNNING without requests; work of a standalone task.
    Idle,
    /// RUNNING and serving.
    Serving,
}

/// Tasks of one service and definition on one instance.
#[derive(Clone, Copy, Debug)]
struct Residents {
    service: ServiceId,
    definition: TaskDefinitionId,
    idle: u32,
    serving: u32,
    /// CPU that a serving one may use.
    speed: Cpu,
}

/// Who uses the CPU of an instance.
#[derive(Clone, Debug, Default)]
struct Tenancy {
    residents: Vec<Residents>,
    /// Reservations of standalone tasks.
    standalone: Cpu,
    /// Serving tasks whose CPU is not fixed.
    bursting: u32,
    /// Whether the instance waits for a new division.
    pending: bool,
}

/// The division of CPU on all instances.
pub(super) struct CpuSharing {
    /// Whether any service's tasks may use more or less than they reserve.
    enabled: bool,
    tenancies: Vec<Tenancy>,
    /// Instances with tasks whose CPU is not fixed.
    shared: BTreeSet<InstanceId>,
    /// Instances whose division is out of date since `pending_since`; no load has moved on since.
    pending: Vec<InstanceId>,
    pending_since: SimTime,
}

/// Whether a task of this definition on a container instance may use more than it reserves.
fn may_burst(definition: &TaskDefinition) -> bool {
    definition.cpu_limit.is_none_or(|limit| definition.cpu < limit)
}

impl CpuSharing {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let enabled = scenario.services.iter().any(|service| {
            let updates = service.scheduling.updates.iter();
            let later = updates.filter_map(|update| update.task_definition);
            let mut definitions = std::iter::once(service.task_definition).chain(later);
            service.load.is_some()
                && service.launch_is_ec2(scenario)
                && definitions.any(|id| may_burst(&scenario.task_definitions[id]))
        });
        Self {
            enabled,
            tenancies: Vec::new(),
            shared: BTreeSet::new(),
            pending: Vec::new(),
            pending_since: SimTime::ZERO,
        }
    }

    fn tenancy(&mut self, instance: InstanceId) -> &mut Tenancy {
        let index = instance.0 as usize;
        if self.tenancies.len() <= index {
            self.tenancies.resize_with(index + 1, Tenancy::default);
        }
        &mut self.tenancies[index]
    }

    /// Asks for a new division of an instance's CPU if anyone's depends on it.
    fn mark(&mut self, instance: InstanceId, now: SimTime) {
        let tenancy = self.tenancy(instance);
        let shared = 0 < tenancy.bursting;
        if shared && !tenancy.pending {
            tenancy.pending = true;
            self.pending.push(instance);
            self.pending_since = now;
        }
        if shared {
            self.shared.insert(instance);
        } else {
            self.shared.remove(&instance);
        }
    }
}

impl Tenancy {
    /// The entry of a service's tasks, made if there is none.
    fn residents(
        &mut self,
        service: ServiceId,
        definition: TaskDefinitionId,
        speed: Cpu,
    ) -> &mut Residents {
        let of = |it: &Residents| it.service == service && it.definition == definition;
        let index = self.residents.iter().position(of).unwrap_or_else(|| {
            self.residents.push(Residents { service, definition, idle: 0, serving: 0, speed });
            self.residents.len() - 1
        });
        &mut self.residents[index]
    }
}

impl World<'_, '_> {
    /// A task begins or ceases to use CPU.
    pub(super) fn change_cpu_use(&mut self, id: TaskId, from: CpuUse, to: CpuUse, now: SimTime) {
        self.note_host_cpu(id, from, to, now);
        let (owner, instance) = (self.tasks[id].owner, self.tasks[id].instance);
        let (service, definition_id) = match owner {
            Owner::Service(service) => (service, self.tasks[id].definition),
            Owner::Batch(_) => {
                self.change_standalone(id, to, now);
                return;
            }
        };
        let Some(load) = self.services[service].load.as_ref().map(|load| load.load) else {
            // A worker is taken to keep its reservation, as a standalone task.
            let worker = self.services[service].settings.worker.is_some();
            if worker && (from == CpuUse::None || to == CpuUse::None) {
                self.change_standalone(id, to, now);
            }
            return;
        };
        self.sync_load(service, now);
        let definition = &self.scenario.task_definitions[definition_id];
        let fixed = match (instance, definition.cpu_limit) {
            (Some(_), Some(limit)) => definition.cpu.min(limit),
            (Some(_), None) | (None, _) => definition.cpu,
        };
        let mut speed = load.usable_cpu(fixed);
        if let Some(instance) = instance.filter(|_| self.cpu_sharing.enabled) {
            let tenancy = self.cpu_sharing.tenancy(instance);
            let residents = tenancy.residents(service, definition_id, speed);
            speed = residents.speed;
            match from {
                CpuUse::None => {}
                CpuUse::Idle => residents.idle -= 1,
                CpuUse::Serving => residents.serving -= 1,
            }
            match to {
                CpuUse::None => {}
                CpuUse::Idle => residents.idle += 1,
                CpuUse::Serving => residents.serving += 1,
            }
            let gone = residents.idle + residents.serving == 0;
            if may_burst(definition) {
                tenancy.bursting -= u32::from(from == CpuUse::Serving);
                tenancy.bursting += u32::from(to == CpuUse::Serving);
            }
            if gone {
                tenancy.residents.retain(|it| 0 < it.idle + it.serving);
            }
            self.cpu_sharing.mark(instance, now);
        }
        let Some(load) = &mut self.services[service].load else { return };
        if from == CpuUse::Serving {
            load.lanes.remove(speed, 1);
        }
        if to == CpuUse::Serving {
            load.lanes.add(speed, 1);
        }
        load.set_target(id, (to == CpuUse::Serving).then_some(speed), now);
    }

    fn change_standalone(&mut self, id: TaskId, to: CpuUse, now: SimTime) {
        let task = &self.tasks[id];
        let (cpu, instance) = (task.cpu, task.instance);
        let Some(instance) = instance.filter(|_| self.cpu_sharing.enabled) else { return };
        self.share_cpu_before(now);
        let tenancy = self.cpu_sharing.tenancy(instance);
        tenancy.standalone = match to {
            CpuUse::None => tenancy.standalone.saturating_sub(cpu),
            CpuUse::Idle | CpuUse::Serving => tenancy.standalone + cpu,
        };
        self.cpu_sharing.mark(instance, now);
    }

    /// At a full minute: divides anew what demands that have changed are part of.
    pub(super) fn share_cpu_anew(&mut self, now: SimTime) {
        if !self.cpu_sharing.enabled {
            return;
        }
        self.share_cpu_before(now);
        let until = now + MINUTE;
        let mut changed = false;
        for id in self.services.ids() {
            let state = &mut self.services[id];
            if let Some(load) = &mut state.load
                && state.settings.launch_is_ec2(self.scenario)
            {
                let demand = load.demand_between(now, until);
                changed |= demand != std::mem::replace(&mut load.demand, demand);
            }
        }
        if changed {
            let shared: Vec<InstanceId> = self.cpu_sharing.shared.iter().copied().collect();
            for instance in shared {
                self.cpu_sharing.mark(instance, now);
            }
        }
    }

    /// Divides what is out of date since before `now`. Called before any load moves on to `now`.
    pub(super) fn share_cpu_before(&mut self, now: SimTime) {
        let since = self.cpu_sharing.pending_since;
        if self.cpu_sharing.pending.is_empty() || now <= since {
            return;
        }
        let pending = std::mem::take(&mut self.cpu_sharing.pending);
        let mut services = BTreeSet::new();
        for &instance in &pending {
            let residents = &self.cpu_sharing.tenancy(instance).residents;
            services.extend(residents.iter().map(|it| it.service));
        }
        let until = (since + SimDuration::from_nanos(1)).round_up_to(MINUTE);
        for service in services {
            self.advance_load(service, since);
            if let Some(load) = &mut self.services[service].load {
                load.demand = load.demand_between(since, until);
            }
        }
        for instance in pending {
            self.share_cpu_of(instance);
        }
    }

    fn share_cpu_of(&mut self, instance: InstanceId) {
        let shape = self.shape_of(instance);
        let tenancy = &mut self.cpu_sharing.tenancies[instance.0 as usize];
        tenancy.pending = false;
        let mut claims = Vec::with_capacity(2 * tenancy.residents.len() + 1);
        for it in &tenancy.residents {
            let definition = &self.scenario.task_definitions[it.definition];
            let Some(load) = &self.services[it.service].load else { continue };
            let most = load.load.usable_cpu(definition.cpu_limit.unwrap_or(Cpu::MAX));
            let claim = |tasks, demand| CpuClaim {
                tasks,
                demand,
                weight: definition.cpu,
                limit: Some(most),
            };
            // Two for each entry, so that positions are known.
            claims.push(claim(it.serving, load.demand.of(it.speed)));
            claims.push(claim(it.idle, load.load.idle_cpu));
        }
        let cpu = tenancy.standalone;
        claims.push(CpuClaim { tasks: 1, demand: cpu, weight: cpu, limit: None });
        let shares = CpuShares::new(shape.cpu, claims);
        for (index, it) in tenancy.residents.iter_mut().enumerate() {
            if it.serving == 0 || !may_burst(&self.scenario.task_definitions[it.definition]) {
                continue;
            }
            let speed = shares.headroom(2 * index);
            if speed != it.speed
                && let Some(load) = &mut self.services[it.service].load
            {
                load.lanes.remove(it.speed, it.serving);
                load.lanes.add(speed, it.serving);
                it.speed = speed;
                if let Some(engine) = &mut load.requests {
                    let here = self.instances[instance].tasks.iter();
                    let of = |task: &Task| {
                        task.serving
                            && task.definition == it.definition
                            && task.owner == Owner::Service(it.service)
                    };
                    for &task in here.filter(|&&task| of(&self.tasks[task])) {
                        engine.set_cpu(task, speed, self.cpu_sharing.pending_since);
                    }
                }
            }
        }
    }
}

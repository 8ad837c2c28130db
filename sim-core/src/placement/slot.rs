//! What is free on one container instance.

use crate::scenario::{InstanceShape, Protocol};
use crate::units::{Cpu, InstanceId, Mib, TaskGroupId, ZoneId};

use super::demand::Demand;

/// TCP ports that Docker, SSH and the container agent hold on every instance (API reference,
/// `PortMapping`).
pub const AGENT_PORTS: [u16; 6] = [22, 2375, 2376, 51678, 51679, 51680];

/// Reserved host ports per instance, [`AGENT_PORTS`] among them (API reference, `PortMapping`).
pub const MAX_HOST_PORTS: usize = 100;

/// Whether an instance takes new tasks. What it runs stays in either case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Eligibility {
    /// `ACTIVE` with a connected agent.
    #[default]
    Active,
    /// `DRAINING`, or on its way into or out of the cluster.
    Draining,
    /// `ACTIVE`, but the agent does not answer.
    AgentDisconnected,
}

/// The placement state of one registered container instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The instance.
    pub instance: InstanceId,
    /// Its zone.
    pub zone: ZoneId,
    /// Unreserved CPU.
    pub free_cpu: Cpu,
    /// Unreserved memory.
    pub free_memory: Mib,
    /// Unreserved GPUs.
    pub free_gpus: u32,
    /// Network interfaces left for `awsvpc` tasks.
    pub free_network_interfaces: u32,
    /// Tasks that hold resources here.
    pub tasks: u32,
    /// Final tie-break: the lower rank wins.
    pub tie_rank: u64,
    /// When it registered, in seconds since 1970-01-01T00:00:00Z.
    pub registered_at: i64,
    eligibility: Eligibility,
    /// Static host ports of tasks, sorted.
    ports: Vec<(u16, Protocol)>,
    /// Tasks per group, as far as there are any.
    hosted: Vec<(TaskGroupId, u32)>,
}

impl Slot {
    /// An empty instance of `shape`.
    pub fn new(instance: InstanceId, zone: ZoneId, shape: &InstanceShape, tie_rank: u64) -> Self {
        Self {
            instance,
            zone,
            free_cpu: shape.cpu,
            free_memory: shape.memory,
            free_gpus: shape.gpus,
            free_network_interfaces: shape.task_network_interfaces,
            tasks: 0,
            tie_rank,
            registered_at: 0,
            eligibility: Eligibility::Active,
            ports: Vec::new(),
            hosted: Vec::new(),
        }
    }

    /// Whether it takes new tasks, and if not, why.
    pub fn eligibility(&self) -> Eligibility {
        self.eligibility
    }

    /// Whether it takes new tasks.
    pub fn is_eligible(&self) -> bool {
        self.eligibility == Eligibility::Active
    }

    /// Tasks of a group here, from placement to the decision to stop them.
    #[inline]
    pub fn tasks_of(&self, group: TaskGroupId) -> u32 {
        self.hosted.iter().find(|(it, _)| *it == group).map_or(0, |(_, tasks)| *tasks)
    }

    /// The groups with tasks here, in no particular order, with their number of tasks.
    pub fn hosted(&self) -> &[(TaskGroupId, u32)] {
        &self.hosted
    }

    /// Static host ports that tasks hold, sorted.
    pub fn ports(&self) -> &[(u16, Protocol)] {
        &self.ports
    }

    pub(super) fn set_eligibility(&mut self, eligibility: Eligibility) {
        self.eligibility = eligibility;
    }

    pub(super) fn reserve(&mut self, demand: &Demand<'_>) {
        let enough = "placement checked the demand against what is free";
        self.free_cpu = self.free_cpu.checked_sub(demand.cpu).expect(enough);
        self.free_memory = self.free_memory.checked_sub(demand.memory).expect(enough);
        self.free_gpus = self.free_gpus.checked_sub(demand.gpus).expect(enough);
        self.free_network_interfaces =
            self.free_network_interfaces.checked_sub(demand.network_interfaces).expect(enough);
        for port in demand.ports {
            match self.ports.binary_search(port) {
                Ok(_) => unreachable!("placement checked the ports of {}", self.instance),
                Err(at) => self.ports.insert(at, *port),
            }
        }
        self.tasks += 1;
    }

    pub(super) fn release(&mut self, demand: &Demand<'_>) {
        self.free_cpu += demand.cpu;
        self.free_memory += demand.memory;
        self.free_gpus += demand.gpus;
        self.free_network_interfaces += demand.network_interfaces;
        for port in demand.ports {
            if let Ok(at) = self.ports.binary_search(port) {
                self.ports.remove(at);
            }
        }
        self.tasks -= 1;
    }

    pub(super) fn count(&mut self, group: TaskGroupId) {
        match self.hosted.iter_mut().find(|(it, _)| *it == group) {
            Some((_, tasks)) => *tasks += 1,
            None => self.hosted.push((group, 1)),
        }
    }

    pub(super) fn uncount(&mut self, group: TaskGroupId) {
        if let Some(at) = self.hosted.iter().position(|(it, _)| *it == group) {
            self.hosted[at].1 -= 1;
            if self.hosted[at].1 == 0 {
                self.hosted.swap_remove(at);
            }
        }
    }
}

/// Whether an instance whose tasks hold `taken` can give `wanted` to a task: static host ports are
/// exclusive by protocol, some belong to the agent, and there is a limit on all together.
pub(super) fn ports_free(taken: &[(u16, Protocol)], wanted: &[(u16, Protocol)]) -> bool {
    wanted.is_empty()
        || (taken.len() + wanted.len() + AGENT_PORTS.len() <= MAX_HOST_PORTS
            && wanted.iter().all(|port| {
                taken.binary_search(port).is_err()
                    && !(port.1 == Protocol::Tcp && AGENT_PORTS.contains(&port.0))
            }))
}

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

/// Groups per instance that need no memory of their own.
const INLINE_GROUPS: usize = 8;

/// Tasks per group on one instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[repr(C)]
struct Hosted {
    len: u64,
    /// The first of them; beside the rest of the instance, where they cost no access of their own.
    inline: [(u32, u32); INLINE_GROUPS],
    /// The others, if there are more.
    more: Vec<(u32, u32)>,
}

impl Hosted {
    fn inline(&self) -> &[(u32, u32)] {
        &self.inline[..self.len as usize]
    }

    fn more(&self) -> &[(u32, u32)] {
        // Looked at only if there can be any: it is in another cache line.
        if (self.len as usize) < INLINE_GROUPS { &[] } else { &self.more }
    }

    fn iter(&self) -> impl Iterator<Item = &(u32, u32)> {
        self.inline().iter().chain(self.more())
    }

    #[inline]
    fn find_mut(&mut self, group: TaskGroupId) -> Option<&mut (u32, u32)> {
        let len = self.len as usize;
        if let Some(at) = self.inline().iter().position(|(it, _)| *it == group.0) {
            return Some(&mut self.inline[at]);
        }
        if len < INLINE_GROUPS {
            return None;
        }
        self.more.iter_mut().find(|(it, _)| *it == group.0)
    }

    fn push(&mut self, group: TaskGroupId) {
        let len = self.len as usize;
        if len < INLINE_GROUPS {
            self.inline[len] = (group.0, 1);
            self.len += 1;
        } else {
            self.more.push((group.0, 1));
        }
    }

    /// Drops the groups without tasks.
    fn drop_empty(&mut self) {
        let full = self.len as usize == INLINE_GROUPS;
        if let Some(at) = self.inline().iter().position(|(_, tasks)| *tasks == 0) {
            let last = self.len as usize - 1;
            self.inline[at] = self.inline[last];
            self.inline[last] = (0, 0);
            if full && let Some(moved) = self.more.pop() {
                self.inline[last] = moved;
            } else {
                self.len -= 1;
            }
        } else {
            self.more.retain(|(_, tasks)| *tasks != 0);
        }
    }
}

/// The placement state of one registered container instance.
// The order of the fields is that of their use, in as few cache lines as can be: in large fleets, these
// are what a decision costs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Slot {
    /// Unreserved CPU.
    pub free_cpu: Cpu,
    /// Unreserved memory.
    pub free_memory: Mib,
    /// The registered needs that fit now.
    pub(super) mask: u64,
    /// Final tie-break: the lower rank wins.
    pub tie_rank: u64,
    /// The instance.
    pub instance: InstanceId,
    /// Unreserved GPUs.
    pub free_gpus: u32,
    /// Network interfaces left for `awsvpc` tasks.
    pub free_network_interfaces: u32,
    /// Tasks that hold resources here.
    pub tasks: u32,
    eligibility: Eligibility,
    hosted: Hosted,
    /// Its zone.
    pub zone: ZoneId,
    /// When it registered, in seconds since 1970-01-01T00:00:00Z.
    pub registered_at: i64,
    /// Static host ports of tasks, sorted.
    ports: Vec<(u16, Protocol)>,
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
            mask: 0,
            hosted: Hosted::default(),
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
        self.hosted.iter().find(|(it, _)| *it == group.0).map_or(0, |(_, tasks)| *tasks)
    }

    /// The groups with tasks here, in no particular order, with their number of tasks.
    #[inline]
    pub fn hosted(&self) -> impl Iterator<Item = (TaskGroupId, u32)> {
        self.hosted.iter().map(|(group, tasks)| (TaskGroupId(*group), *tasks))
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
        match self.hosted.find_mut(group) {
            Some((_, tasks)) => *tasks += 1,
            None => self.hosted.push(group),
        }
    }

    pub(super) fn uncount(&mut self, group: TaskGroupId) {
        if let Some((_, tasks)) = self.hosted.find_mut(group) {
            *tasks -= 1;
            if *tasks == 0 {
                self.hosted.drop_empty();
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

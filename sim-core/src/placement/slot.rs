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

/// In place of a group where there is none.
const NO_GROUP: u32 = u32::MAX;

/// Tasks per group on one instance; the first groups are beside the rest of the instance, where they
/// cost no access of their own. A group of very many tasks takes several places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
struct Hosted {
    groups: [u32; INLINE_GROUPS],
    tasks: [u16; INLINE_GROUPS],
}

impl Hosted {
    const NONE: Self = Self { groups: [NO_GROUP; INLINE_GROUPS], tasks: [0; INLINE_GROUPS] };

    /// The places of a group, by bit.
    #[inline]
    fn places(&self, group: u32) -> u32 {
        let bits = self.groups.iter().enumerate();
        bits.fold(0, |bits, (at, it)| bits | u32::from(*it == group) << at)
    }

    #[inline]
    fn tasks_of(&self, group: u32) -> u32 {
        let pairs = self.groups.iter().zip(&self.tasks);
        pairs.map(|(it, tasks)| if *it == group { u32::from(*tasks) } else { 0 }).sum()
    }

    fn iter(&self) -> impl Iterator<Item = (TaskGroupId, u32)> {
        let pairs = self.groups.iter().zip(&self.tasks).filter(|(_, tasks)| **tasks != 0);
        pairs.map(|(group, tasks)| (TaskGroupId(*group), u32::from(*tasks)))
    }

    /// Counts a task; `false` if there is no place for it.
    fn count(&mut self, group: u32) -> bool {
        let mut places = self.places(group);
        while places != 0 {
            let tasks = &mut self.tasks[places.trailing_zeros() as usize];
            if *tasks < u16::MAX {
                *tasks += 1;
                return true;
            }
            places &= places - 1;
        }
        let empty = self.places(NO_GROUP);
        let at = empty.trailing_zeros() as usize;
        if empty != 0 {
            (self.groups[at], self.tasks[at]) = (group, 1);
        }
        empty != 0
    }

    /// Stops counting a task; `false` if none is counted here.
    fn uncount(&mut self, group: u32) -> bool {
        let places = self.places(group);
        let at = places.trailing_zeros() as usize;
        if places != 0 {
            self.tasks[at] -= 1;
            if self.tasks[at] == 0 {
                self.groups[at] = NO_GROUP;
            }
        }
        places != 0
    }
}

/// What only few instances have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Rest {
    /// Static host ports of tasks, sorted.
    ports: Vec<(u16, Protocol)>,
    /// Groups that found no place among the first ones, with their tasks.
    hosted: Vec<(u32, u32)>,
}

/// The placement state of one registered container instance.
// Two cache lines side by side, which the processor fetches together: in large fleets, these are what a
// decision costs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[repr(C, align(128))]
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
    /// Its zone.
    pub zone: ZoneId,
    /// Its pool, also after it has left.
    pub(super) pool: u32,
    /// Its position there, [`GONE`] while it is not registered.
    position: u32,
    eligibility: Eligibility,
    hosted: Hosted,
    /// When it registered, in seconds since 1970-01-01T00:00:00Z.
    pub registered_at: i64,
    rest: Option<Box<Rest>>,
}

const _: () = assert!(size_of::<Slot>() == 128, "two cache lines");

/// The position of an instance that is not registered.
const GONE: u32 = u32::MAX;

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
            mask: 0,
            pool: 0,
            position: GONE,
            hosted: Hosted::NONE,
            rest: None,
        }
    }

    /// In place of an instance that never registered.
    pub(super) fn vacant() -> Self {
        Self {
            instance: InstanceId(u32::MAX),
            zone: ZoneId(0),
            free_cpu: Cpu::ZERO,
            free_memory: Mib::ZERO,
            free_gpus: 0,
            free_network_interfaces: 0,
            tasks: 0,
            tie_rank: 0,
            registered_at: 0,
            eligibility: Eligibility::Draining,
            mask: 0,
            pool: u32::MAX,
            position: GONE,
            hosted: Hosted::NONE,
            rest: None,
        }
    }

    /// Its position in its pool while it is registered.
    #[inline]
    pub(super) fn position(&self) -> Option<usize> {
        (self.position != GONE).then_some(self.position as usize)
    }

    /// Puts it into a pool, at a position.
    pub(super) fn enter(&mut self, pool: usize, position: usize) {
        (self.pool, self.position) = (pool as u32, position as u32);
    }

    /// It has left its pool, and forgets its tasks.
    pub(super) fn leave(&mut self) {
        self.position = GONE;
        (self.hosted, self.rest) = (Hosted::NONE, None);
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
        let tasks = self.hosted.tasks_of(group.0);
        let Some(rest) = &self.rest else { return tasks };
        let more = rest.hosted.iter().find(|(it, _)| *it == group.0);
        tasks + more.map_or(0, |(_, tasks)| *tasks)
    }

    /// The groups with tasks here, in no particular order, with their number of tasks. A group of
    /// more than 65 535 tasks comes in parts.
    #[inline]
    pub fn hosted(&self) -> impl Iterator<Item = (TaskGroupId, u32)> {
        let more = self.rest.iter().flat_map(|rest| &rest.hosted);
        self.hosted.iter().chain(more.map(|(group, tasks)| (TaskGroupId(*group), *tasks)))
    }

    /// Static host ports that tasks hold, sorted.
    pub fn ports(&self) -> &[(u16, Protocol)] {
        self.rest.as_ref().map_or(&[], |rest| &rest.ports)
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
            let ports = &mut self.rest.get_or_insert_default().ports;
            match ports.binary_search(port) {
                Ok(_) => unreachable!("placement checked the ports of {}", self.instance),
                Err(at) => ports.insert(at, *port),
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
            let Some(rest) = &mut self.rest else { break };
            if let Ok(at) = rest.ports.binary_search(port) {
                rest.ports.remove(at);
            }
        }
        self.tasks -= 1;
    }

    #[inline]
    pub(super) fn count(&mut self, group: TaskGroupId) {
        if !self.hosted.count(group.0) {
            let more = &mut self.rest.get_or_insert_default().hosted;
            match more.iter_mut().find(|(it, _)| *it == group.0) {
                Some((_, tasks)) => *tasks += 1,
                None => more.push((group.0, 1)),
            }
        }
    }

    #[inline]
    pub(super) fn uncount(&mut self, group: TaskGroupId) {
        if self.hosted.uncount(group.0) {
            return;
        }
        let Some(rest) = &mut self.rest else { return };
        if let Some(at) = rest.hosted.iter().position(|(it, _)| *it == group.0) {
            rest.hosted[at].1 -= 1;
            if rest.hosted[at].1 == 0 {
                rest.hosted.swap_remove(at);
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::engine::StreamKey;
    use crate::scenario::{Architecture, OperatingSystem};

    #[test]
    fn tasks_are_counted_by_group_however_many_groups_and_tasks_there_are() {
        let shape = InstanceShape {
            instance_type: "test".into(),
            cpu: Cpu::ZERO,
            memory: Mib::ZERO,
            gpus: 0,
            task_network_interfaces: 0,
            architecture: Architecture::X86_64,
            operating_system: OperatingSystem::Linux,
        };
        let mut slot = Slot::new(InstanceId(0), ZoneId(0), &shape, 0);
        let mut expected: BTreeMap<u32, u32> = BTreeMap::new();
        // Beyond one place.
        for _ in 0..70_000 {
            slot.count(TaskGroupId(0));
            *expected.entry(0).or_default() += 1;
        }
        let key = StreamKey::new(1, 0, "slot", 0);
        for step in 0..4000 {
            let bits = key.at(step);
            let group = (bits % 14) as u32;
            let count = expected.entry(group).or_default();
            // First mostly more, then mostly fewer.
            if bits >> 32 & 3 < if step < 2000 { 3 } else { 1 } {
                slot.count(TaskGroupId(group));
                *count += 1;
            } else if *count > 0 {
                slot.uncount(TaskGroupId(group));
                *count -= 1;
            }
            for group in 0..14 {
                let expected = expected.get(&group).copied().unwrap_or(0);
                assert_eq!(slot.tasks_of(TaskGroupId(group)), expected);
            }
            let mut hosted: BTreeMap<u32, u32> = BTreeMap::new();
            for (group, tasks) in slot.hosted() {
                assert_ne!(tasks, 0, "only groups with tasks are listed");
                *hosted.entry(group.0).or_default() += tasks;
            }
            expected.retain(|_, tasks| *tasks > 0);
            assert_eq!(hosted, expected);
        }
    }
}

//! What is free on each container instance, and how much of each task group runs where.

use std::collections::BTreeMap;

use crate::scenario::{Architecture, InstanceShape, OperatingSystem, Protocol, TaskDefinition};
use crate::units::{AsgId, Cpu, InstanceId, Mib, ZoneId};

/// What one task reserves on a container instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand<'a> {
    /// CPU.
    pub cpu: Cpu,
    /// Memory.
    pub memory: Mib,
    /// Whole GPUs.
    pub gpus: u32,
    /// Network interfaces (one in `awsvpc` mode).
    pub network_interfaces: u32,
    /// Static host ports, sorted.
    pub ports: &'a [(u16, Protocol)],
    /// Architecture of the images.
    pub architecture: Architecture,
    /// Operating system.
    pub operating_system: OperatingSystem,
}

impl<'a> Demand<'a> {
    /// The demand of a task of `definition`.
    pub fn of(definition: &'a TaskDefinition) -> Self {
        Self {
            cpu: definition.cpu,
            memory: definition.memory,
            gpus: definition.gpus,
            network_interfaces: definition.network_interfaces(),
            ports: &definition.host_ports,
            architecture: definition.architecture,
            operating_system: definition.operating_system,
        }
    }
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
    /// Architecture.
    pub architecture: Architecture,
    /// Operating system.
    pub operating_system: OperatingSystem,
    /// Static host ports in use, sorted.
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
            architecture: shape.architecture,
            operating_system: shape.operating_system,
            ports: Vec::new(),
        }
    }

    /// Whether one of `ports` is taken.
    pub(super) fn port_conflict(&self, ports: &[(u16, Protocol)]) -> bool {
        ports.iter().any(|port| self.ports.binary_search(port).is_ok())
    }

    fn reserve(&mut self, demand: &Demand<'_>) {
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

    fn release(&mut self, demand: &Demand<'_>) {
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
}

/// The registered container instances of a cluster, in one pool per Auto Scaling group.
#[derive(Clone, Debug, Default)]
pub struct Fleet {
    pools: Vec<Vec<Slot>>,
    /// Pool and position of each registered instance, by instance index.
    places: Vec<Option<(u32, u32)>>,
}

impl Fleet {
    /// A fleet with `groups` empty pools.
    pub fn new(groups: usize) -> Self {
        Self { pools: vec![Vec::new(); groups], places: Vec::new() }
    }

    /// Adds a registered instance to the pool of `group`.
    pub fn register(&mut self, group: AsgId, slot: Slot) {
        let index = slot.instance.0 as usize;
        if self.places.len() <= index {
            self.places.resize(index + 1, None);
        }
        let pool = &mut self.pools[group.0 as usize];
        self.places[index] = Some((group.0, pool.len() as u32));
        pool.push(slot);
    }

    /// Takes an instance out; nothing happens if it is not registered.
    pub fn deregister(&mut self, instance: InstanceId) {
        let Some(place) = self.places.get_mut(instance.0 as usize) else {
            return;
        };
        let Some((pool_index, position)) = place.take() else {
            return;
        };
        let pool = &mut self.pools[pool_index as usize];
        pool.swap_remove(position as usize);
        if let Some(moved) = pool.get(position as usize) {
            self.places[moved.instance.0 as usize] = Some((pool_index, position));
        }
    }

    /// The state of a registered instance.
    pub fn slot(&self, instance: InstanceId) -> Option<&Slot> {
        let (pool, position) = (*self.places.get(instance.0 as usize)?)?;
        self.pools[pool as usize].get(position as usize)
    }

    fn slot_mut(&mut self, instance: InstanceId) -> Option<&mut Slot> {
        let (pool, position) = (*self.places.get(instance.0 as usize)?)?;
        self.pools[pool as usize].get_mut(position as usize)
    }

    /// Registered instances of one group, or of all with `None`, in no particular order.
    pub fn slots(&self, group: Option<AsgId>) -> impl Iterator<Item = &Slot> + Clone {
        let pools = match group {
            Some(group) => &self.pools[group.0 as usize..=group.0 as usize],
            None => &self.pools[..],
        };
        pools.iter().flatten()
    }

    /// Reserves `demand` on `instance`.
    ///
    /// # Panics
    /// If the instance is not registered or the demand does not fit: a bug in the caller, which
    /// asks [`choose`](super::choose) first.
    pub fn reserve(&mut self, instance: InstanceId, demand: &Demand<'_>) {
        let slot = self.slot_mut(instance).expect("tasks are placed on registered instances only");
        slot.reserve(demand);
    }

    /// Gives back what a task reserved; nothing happens if the instance is gone.
    pub fn release(&mut self, instance: InstanceId, demand: &Demand<'_>) {
        if let Some(slot) = self.slot_mut(instance) {
            slot.release(demand);
        }
    }
}

/// Where the tasks of one group (a service, or a family of standalone tasks) are: those whose
/// desired status is RUNNING, in any state before stopping.
#[derive(Clone, Debug, Default)]
pub struct GroupTasks {
    by_instance: BTreeMap<InstanceId, u32>,
    by_zone: Vec<u32>,
}

impl GroupTasks {
    /// A group without tasks in a cluster of `zones` zones.
    pub fn new(zones: usize) -> Self {
        Self { by_instance: BTreeMap::new(), by_zone: vec![0; zones] }
    }

    /// Counts a task; `instance` is `None` on Fargate.
    pub fn add(&mut self, zone: ZoneId, instance: Option<InstanceId>) {
        self.by_zone[zone.0 as usize] += 1;
        if let Some(instance) = instance {
            *self.by_instance.entry(instance).or_insert(0) += 1;
        }
    }

    /// Stops counting a task.
    pub fn remove(&mut self, zone: ZoneId, instance: Option<InstanceId>) {
        self.by_zone[zone.0 as usize] -= 1;
        if let Some(instance) = instance
            && let Some(count) = self.by_instance.get_mut(&instance)
        {
            *count -= 1;
            if *count == 0 {
                self.by_instance.remove(&instance);
            }
        }
    }

    /// Tasks of the group in `zone`.
    pub fn in_zone(&self, zone: ZoneId) -> u32 {
        self.by_zone[zone.0 as usize]
    }

    /// Tasks of the group on `instance`.
    pub fn on_instance(&self, instance: InstanceId) -> u32 {
        self.by_instance.get(&instance).copied().unwrap_or(0)
    }
}

//! How many container instances a capacity provider's tasks need: the M of its metric.
//!
//! Source: the ECS guide on managed scaling and AWS's description of the algorithm. M is a lower bound:
//! groups of identical tasks are packed one by one, and the largest group counts, not the sum.

use super::managed_scaling::ManagedScaling;
use crate::scenario::{InstanceShape, SeveralTypes, TaskDefinition, TaskGroupsMet};
use crate::units::{Cpu, Mib};

/// What one task takes from a container instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaskDemand {
    /// CPU.
    pub cpu: Cpu,
    /// Memory.
    pub memory: Mib,
    /// Network interfaces.
    pub network_interfaces: u32,
    /// GPUs.
    pub gpus: u32,
    /// Whether it takes a static host port, so that no two of its kind share an instance.
    pub has_host_port: bool,
}

impl TaskDemand {
    /// Demand of a task of this definition.
    pub fn of(definition: &TaskDefinition) -> Self {
        Self {
            cpu: definition.cpu,
            memory: definition.memory,
            network_interfaces: definition.network_interfaces(),
            gpus: definition.gpus,
            has_host_port: !definition.host_ports.is_empty(),
        }
    }
}

/// What one empty container instance offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstanceSize {
    /// CPU.
    pub cpu: Cpu,
    /// Memory.
    pub memory: Mib,
    /// Network interfaces for tasks.
    pub network_interfaces: u32,
    /// GPUs.
    pub gpus: u32,
}

impl InstanceSize {
    /// Size of an instance of this shape.
    pub fn of(shape: &InstanceShape) -> Self {
        Self {
            cpu: shape.cpu,
            memory: shape.memory,
            network_interfaces: shape.task_network_interfaces,
            gpus: shape.gpus,
        }
    }

    /// What is left beside `count` tasks, which must fit.
    #[must_use]
    pub fn less(&self, demand: &TaskDemand, count: u32) -> Self {
        let cpu = demand.cpu.as_raw().saturating_mul(u64::from(count));
        let memory = demand.memory.as_mib().saturating_mul(u64::from(count));
        Self {
            cpu: self.cpu.saturating_sub(Cpu::from_raw(cpu)),
            memory: self.memory.saturating_sub(Mib::new(memory)),
            network_interfaces: self
                .network_interfaces
                .saturating_sub(demand.network_interfaces.saturating_mul(count)),
            gpus: self.gpus.saturating_sub(demand.gpus.saturating_mul(count)),
        }
    }

    /// How many identical tasks fit; zero if not even one does.
    pub fn capacity_for(&self, demand: &TaskDemand) -> u32 {
        let quotient = |have: u64, need: u64| have.checked_div(need).unwrap_or(u64::MAX);
        let fit = quotient(self.cpu.as_raw(), demand.cpu.as_raw())
            .min(quotient(self.memory.as_mib(), demand.memory.as_mib()))
            .min(quotient(self.network_interfaces.into(), demand.network_interfaces.into()))
            .min(quotient(self.gpus.into(), demand.gpus.into()))
            .min(if demand.has_host_port { 1 } else { u64::MAX });
        u32::try_from(fit).unwrap_or(u32::MAX)
    }
}

/// Bounds over the instance types of a group: each attribute on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstanceSizes {
    /// Least of every attribute.
    pub smallest: InstanceSize,
    /// Most of every attribute.
    pub largest: InstanceSize,
}

impl InstanceSizes {
    /// Sizes of a group of one instance type.
    pub fn uniform(size: InstanceSize) -> Self {
        Self { smallest: size, largest: size }
    }

    /// Sizes of a group that also has instances of `size`.
    #[must_use]
    pub fn with(self, size: InstanceSize) -> Self {
        let Self { smallest, largest } = self;
        Self {
            smallest: InstanceSize {
                cpu: smallest.cpu.min(size.cpu),
                memory: smallest.memory.min(size.memory),
                network_interfaces: smallest.network_interfaces.min(size.network_interfaces),
                gpus: smallest.gpus.min(size.gpus),
            },
            largest: InstanceSize {
                cpu: largest.cpu.max(size.cpu),
                memory: largest.memory.max(size.memory),
                network_interfaces: largest.network_interfaces.max(size.network_interfaces),
                gpus: largest.gpus.max(size.gpus),
            },
        }
    }
}

/// PROVISIONING tasks with identical requirements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PendingGroup {
    /// What each of them takes.
    pub demand: TaskDemand,
    /// Whether the constraint `distinctInstance` holds for them.
    pub distinct_instance: bool,
    /// How many.
    pub count: u32,
}

/// The PROVISIONING tasks of a capacity provider, grouped. Kept and cleared, it does not allocate.
#[derive(Clone, Debug, Default)]
pub struct PendingGroups {
    /// Sorted by demand and constraint.
    groups: Vec<PendingGroup>,
}

impl PendingGroups {
    /// No tasks.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets all tasks.
    pub fn clear(&mut self) {
        self.groups.clear();
    }

    /// Adds `count` tasks of one kind, merging them with those of identical requirements.
    pub fn add(&mut self, demand: TaskDemand, distinct_instance: bool, count: u32) {
        if count == 0 {
            return;
        }
        let key = |group: &PendingGroup| (group.demand, group.distinct_instance);
        match self.groups.binary_search_by_key(&(demand, distinct_instance), key) {
            Ok(index) => {
                let group = &mut self.groups[index];
                group.count = group.count.saturating_add(count);
            }
            Err(index) => {
                self.groups.insert(index, PendingGroup { demand, distinct_instance, count });
            }
        }
    }

    /// The groups, sorted by demand.
    pub fn as_slice(&self) -> &[PendingGroup] {
        &self.groups
    }
}

/// How the groups of waiting tasks become a number of instances.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DemandRule {
    /// How many of the groups are met.
    pub task_groups: TaskGroupsMet,
    /// What holds for a group of several types or zones.
    pub several_types: SeveralTypes,
    /// Whether the Auto Scaling group has several types or zones.
    pub has_several: bool,
}

/// The number of instances needed, M, for a group of `n` instances in service of which `empty` run no
/// task. `None` if tasks wait and none of them fits the smallest instance type: then the metric stays
/// at its target and nothing is launched for them.
pub fn instances_needed(
    n: u32,
    empty: u32,
    pending: &[PendingGroup],
    sizes: &InstanceSizes,
    settings: &ManagedScaling,
    rule: DemandRule,
) -> Option<u32> {
    if pending.iter().all(|group| group.count == 0) {
        return Some(n.saturating_sub(empty));
    }
    let mut groups = pending
        .iter()
        .filter(|group| group.count > 0)
        .filter_map(|group| instances_for(group, sizes))
        .peekable();
    groups.peek()?;
    let additional = match rule.task_groups {
        TaskGroupsMet::Largest => groups.max()?,
        TaskGroupsMet::Sum => groups.fold(0, u32::saturating_add),
    };
    let least = settings.minimum_scaling_step_size;
    let additional = if rule.has_several && rule.several_types == SeveralTypes::MinimumStep {
        least
    } else {
        additional.max(least).min(settings.maximum_scaling_step_size)
    };
    Some(n.saturating_add(additional))
}

/// Instances of the largest type that pack one group; `None` if it does not fit the smallest type.
fn instances_for(group: &PendingGroup, sizes: &InstanceSizes) -> Option<u32> {
    if sizes.smallest.capacity_for(&group.demand) == 0 {
        return None;
    }
    let per_instance = sizes.largest.capacity_for(&group.demand);
    Some(if group.distinct_instance { group.count } else { group.count.div_ceil(per_instance) })
}

/// `CapacityProviderReservation` in percent: `100·M/N`; 100 with neither instances nor tasks, 200 with
/// tasks but no instances; the target itself if `needed` is `None`.
pub fn reservation_percent(needed: Option<u32>, n: u32, target_capacity: u32) -> f64 {
    match (needed, n) {
        (None, _) => f64::from(target_capacity),
        (Some(0), 0) => 100.0,
        (Some(_), 0) => 200.0,
        (Some(needed), n) => 100.0 * f64::from(needed) / f64::from(n),
    }
}

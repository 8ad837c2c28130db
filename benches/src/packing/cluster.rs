//! Instances that tasks are placed on one by one.

use std::fmt;

use plimsoll_core::engine::StreamKey;
use plimsoll_core::placement::{
    Attributes, Choice, Demand, Fleet, NewInstance, PlacementRequest, PlacementStrategy,
    Recurrence, RuleId, Slot, StrategyRegistry,
};
use plimsoll_core::scenario::{Architecture, InstanceShape, OperatingSystem};
use plimsoll_core::units::{AsgId, Cpu, InstanceId, Mib, TaskGroupId, ZoneId};

/// A rule of placement. Ties go to the instance that was added first, except for `random`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The instance that was added first; not of ECS.
    FirstFit,
    /// Most free memory; not of ECS.
    MostFree,
    /// `binpack` on `memory`.
    BinpackMemory,
    /// `binpack` on `cpu`.
    BinpackCpu,
    /// `spread` on `instanceId`.
    SpreadInstance,
    /// `random`.
    Random,
    /// Largest dot product of demand and free resources; not of ECS.
    DotProduct,
    /// Least squared distance between them; not of ECS.
    L2BestFit,
}

impl Rule {
    /// All rules, in the order of the tables.
    pub const ALL: [Self; 8] = [
        Self::FirstFit,
        Self::BinpackMemory,
        Self::BinpackCpu,
        Self::MostFree,
        Self::SpreadInstance,
        Self::Random,
        Self::DotProduct,
        Self::L2BestFit,
    ];

    /// Its name in the tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FirstFit => "first-fit",
            Self::MostFree => "most-free",
            Self::BinpackMemory => "binpack:memory",
            Self::BinpackCpu => "binpack:cpu",
            Self::SpreadInstance => "spread:instanceId",
            Self::Random => "random",
            Self::DotProduct => "dot-product",
            Self::L2BestFit => "l2-best-fit",
        }
    }

    /// The strategy by which plimsoll's placement follows the rule.
    fn strategy(self) -> PlacementStrategy {
        let custom = |name: &str| {
            StrategyRegistry::default().get(name).cloned().expect("it comes with plimsoll")
        };
        match self {
            Self::FirstFit => custom("first-fit"),
            Self::MostFree => custom("worst-fit"),
            Self::BinpackMemory => PlacementStrategy::BinpackMemory,
            Self::BinpackCpu => PlacementStrategy::BinpackCpu,
            Self::SpreadInstance => PlacementStrategy::SpreadInstance,
            Self::Random => PlacementStrategy::Random,
            Self::DotProduct => custom("dot-product"),
            Self::L2BestFit => custom("l2-best-fit"),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a task or an instance has of CPU, memory and GPUs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size {
    /// CPU.
    pub cpu: Cpu,
    /// Memory.
    pub memory: Mib,
    /// Whole GPUs.
    pub gpus: u32,
}

impl Size {
    /// Whether `task` fits into this.
    pub fn holds(&self, task: &Self) -> bool {
        task.cpu <= self.cpu && task.memory <= self.memory && task.gpus <= self.gpus
    }

    fn demand(self) -> Demand<'static> {
        Demand {
            cpu: self.cpu,
            memory: self.memory,
            gpus: self.gpus,
            network_interfaces: 0,
            ports: &[],
            architecture: Architecture::X86_64,
            operating_system: OperatingSystem::Linux,
        }
    }
}

const ZONE: ZoneId = ZoneId(0);

/// A cluster in one zone, with one pool of instances per size.
#[derive(Clone, Debug)]
pub struct Cluster {
    fleet: Fleet,
    sizes: Vec<Size>,
    group: TaskGroupId,
    rule: RuleId,
    instances: u32,
    key: StreamKey,
    decisions: u64,
}

impl Cluster {
    /// A cluster without instances; `sizes` are those that they may have.
    pub fn new(rule: Rule, mut sizes: Vec<Size>) -> Self {
        sizes.sort_unstable();
        sizes.dedup();
        let mut fleet = Fleet::new(sizes.len(), 1);
        let group = fleet.add_group("tasks");
        let rule = fleet.rule(&[rule.strategy()], &[], group);
        Self {
            fleet,
            sizes,
            group,
            rule,
            instances: 0,
            key: StreamKey::new(42, 0, "packing-study", 0),
            decisions: 0,
        }
    }

    /// Adds an empty instance; `None` if its size was not announced.
    pub fn add(&mut self, size: Size) -> Option<InstanceId> {
        let pool = self.sizes.binary_search(&size).ok()?;
        let instance = InstanceId(self.instances);
        self.instances += 1;
        let shape = InstanceShape {
            instance_type: String::new(),
            cpu: size.cpu,
            memory: size.memory,
            gpus: size.gpus,
            task_network_interfaces: 0,
            architecture: Architecture::X86_64,
            operating_system: OperatingSystem::Linux,
        };
        self.fleet.register(NewInstance {
            group: AsgId(pool as u32),
            shape: &shape,
            attributes: &Attributes::default(),
            // Rank zero for all: the first instance wins a tie.
            slot: Slot::new(instance, ZONE, &shape, 0),
        });
        Some(instance)
    }

    /// Places a task where the rule says; `None` if it fits nowhere.
    pub fn place(&mut self, task: Size) -> Option<InstanceId> {
        self.decisions += 1;
        let request = PlacementRequest {
            demand: task.demand(),
            recurrence: Recurrence::OwnSize,
            rule: self.rule,
            group: None,
            random_bits: self.key.at(self.decisions),
        };
        let Choice::Instance(instance) = self.fleet.choose(&request) else { return None };
        self.fleet.place(instance, &request.demand, self.group);
        Some(instance)
    }

    /// Ends a task that was placed on `instance`.
    pub fn release(&mut self, instance: InstanceId, task: Size) {
        self.fleet.remove(instance, &task.demand(), self.group);
    }

    /// Instances added so far.
    pub fn instances(&self) -> u32 {
        self.instances
    }

    /// What is free on an instance.
    pub fn free(&self, instance: InstanceId) -> Size {
        self.fleet.slot(instance).map_or_else(Size::default, Self::free_of)
    }

    fn free_of(slot: &Slot) -> Size {
        Size { cpu: slot.free_cpu, memory: slot.free_memory, gpus: slot.free_gpus }
    }
}

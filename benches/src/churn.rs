//! A fleet that stays full while its tasks come and go.

use std::hint::black_box;

use plimsoll_core::engine::StreamKey;
use plimsoll_core::placement::{
    AVAILABILITY_ZONE, Attributes, Choice, Demand, Fleet, INSTANCE_TYPE, NewInstance,
    PlacementConstraint, PlacementRequest, PlacementStrategy, Recurrence, RuleId, Slot,
};
use plimsoll_core::scenario::{Architecture, InstanceShape, OperatingSystem};
use plimsoll_core::units::{AsgId, Cpu, InstanceId, Mib, TaskGroupId, ZoneId};

/// Sizes of ten task definitions: CPU units and MiB.
const SIZES: [(u32, u32); 10] = [
    (256, 512),
    (256, 1024),
    (512, 1024),
    (512, 2048),
    (512, 4096),
    (1024, 2048),
    (1024, 4096),
    (1024, 8192),
    (2048, 4096),
    (2048, 8192),
];
const ZONES: [&str; 3] = ["eu-west-1a", "eu-west-1b", "eu-west-1c"];
/// CPU units and MiB that an instance registers.
const INSTANCE: (u32, u64) = (8192, 31_948);
/// Percentage of the CPU that is reserved.
const FILL: u64 = 85;

/// Where task sizes come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sizes {
    /// Ten services, each with its own task definition.
    Definitions,
    /// Jobs of one queue, each with a size of its own.
    Arbitrary,
}

fn shape() -> InstanceShape {
    InstanceShape {
        instance_type: "m6i.2xlarge".into(),
        cpu: Cpu::from_ecs_units(INSTANCE.0),
        memory: Mib::new(INSTANCE.1),
        gpus: 0,
        task_network_interfaces: 3,
        architecture: Architecture::X86_64,
        operating_system: OperatingSystem::Linux,
    }
}

fn demand((cpu_units, memory): (u32, u32)) -> Demand<'static> {
    Demand {
        cpu: Cpu::from_ecs_units(cpu_units),
        memory: Mib::new(memory.into()),
        gpus: 0,
        network_interfaces: 0,
        ports: &[],
        architecture: Architecture::X86_64,
        operating_system: OperatingSystem::Linux,
    }
}

/// A task that runs; small, so that picking one at random costs little beside what is measured.
#[derive(Clone, Copy)]
struct Task {
    instance: InstanceId,
    owner: u32,
    cpu_units: u32,
    memory: u32,
}

/// A fleet with its tasks, and an endless stream of new ones.
pub struct Churn {
    fleet: Fleet,
    sizes: Sizes,
    owners: Vec<(TaskGroupId, RuleId)>,
    tasks: Vec<Task>,
    key: StreamKey,
    /// Random draws so far.
    pub draws: u64,
    /// Tasks that found no room.
    pub nowhere: u64,
}

impl Churn {
    /// A fleet of `instances` in three zones, filled by the chain.
    pub fn new(
        instances: u32,
        sizes: Sizes,
        strategy: &[PlacementStrategy],
        constraints: &[PlacementConstraint],
    ) -> Self {
        let key = StreamKey::new(42, 0, "placement-bench", 0);
        let shape = shape();
        let mut fleet = Fleet::new(1, ZONES.len());
        let owners = if sizes == Sizes::Definitions { SIZES.len() } else { 1 };
        let owners = (0..owners)
            .map(|index| {
                let group = fleet.add_group(&format!("service:{index}"));
                (group, fleet.rule(strategy, constraints, group))
            })
            .collect();
        let kinds = ZONES.map(|zone| {
            let mut attributes = Attributes::default();
            attributes.set(AVAILABILITY_ZONE, zone);
            attributes.set(INSTANCE_TYPE, &shape.instance_type);
            attributes
        });
        for index in 0..instances {
            let zone = index as usize % ZONES.len();
            let rank = key.at(u64::from(index));
            let slot = Slot::new(InstanceId(index), ZoneId(zone as u32), &shape, rank);
            let group = AsgId(0);
            let attributes = &kinds[zone];
            fleet.register(NewInstance { group, shape: &shape, attributes, slot });
        }
        let (tasks, draws) = (Vec::new(), u64::from(instances));
        let mut churn = Self { fleet, sizes, owners, tasks, key, draws, nowhere: 0 };
        churn.fill(instances, strategy == [PlacementStrategy::Random]);
        churn
    }

    fn draw(&mut self) -> u64 {
        self.draws += 1;
        self.key.at(self.draws)
    }

    fn size(&self, bits: u64) -> (usize, (u32, u32)) {
        match self.sizes {
            Sizes::Definitions => {
                let size = (bits % SIZES.len() as u64) as usize;
                (size, SIZES[size])
            }
            Sizes::Arbitrary => {
                let memory = 128 + (bits >> 16 & 0xffff) as u32 % 8065;
                (0, (64 + (bits & 0xffff) as u32 % 1985, memory))
            }
        }
    }

    /// Fills the fleet by the chain itself, or at random where that is what the chain does.
    fn fill(&mut self, instances: u32, random: bool) {
        let target = u64::from(instances) * u64::from(INSTANCE.0) * FILL / 100;
        let mut used = 0;
        while used < target {
            let before = self.tasks.len();
            if random {
                let bits = self.draw();
                let (owner, size) = self.size(bits);
                let demand = demand(size);
                let instance = InstanceId((bits >> 32) as u32 % instances);
                let fits = self.fleet.slot(instance).is_some_and(|slot| {
                    demand.cpu <= slot.free_cpu && demand.memory <= slot.free_memory
                });
                if fits {
                    let group = self.owners[owner].0;
                    self.fleet.place(instance, &demand, group);
                    self.tasks.push(Task {
                        instance,
                        owner: owner as u32,
                        cpu_units: size.0,
                        memory: size.1,
                    });
                }
            } else {
                self.start();
            }
            used += self.tasks[before..].iter().map(|task| u64::from(task.cpu_units)).sum::<u64>();
        }
    }

    /// Places a new task.
    pub fn start(&mut self) {
        let bits = self.draw();
        let (owner, size) = self.size(bits);
        let demand = demand(size);
        let (group, rule) = self.owners[owner];
        let recurrence = match self.sizes {
            Sizes::Definitions => Recurrence::Definition,
            Sizes::Arbitrary => Recurrence::OwnSize,
        };
        let request = PlacementRequest { demand, recurrence, rule, group: None, random_bits: bits };
        match black_box(self.fleet.choose(&request)) {
            Choice::Instance(instance) => {
                self.fleet.place(instance, &demand, group);
                self.tasks.push(Task {
                    instance,
                    owner: owner as u32,
                    cpu_units: size.0,
                    memory: size.1,
                });
            }
            Choice::Nowhere => self.nowhere += 1,
        }
    }

    /// Stops one of the tasks, each with equal probability.
    pub fn stop(&mut self) {
        let bits = self.draw();
        let at = (u128::from(bits) * self.tasks.len() as u128) >> 64;
        if self.tasks.is_empty() {
            return;
        }
        let task = self.tasks.swap_remove(at as usize);
        let demand = demand((task.cpu_units, task.memory));
        self.fleet.remove(task.instance, &demand, self.owners[task.owner as usize].0);
    }
}

/// The tasks and draws of [`Churn`] without decisions: instances are taken at random, and two numbers
/// are kept of each. What this costs more in a large fleet is the memory of the tasks themselves.
pub struct Floor {
    free: Vec<(u32, u32)>,
    tasks: Vec<Task>,
    key: StreamKey,
    draws: u64,
}

impl Floor {
    /// As many tasks on `instances` as a [`Churn`] has.
    pub fn new(instances: u32) -> Self {
        let mean: u32 = SIZES.iter().map(|(cpu, _)| cpu).sum::<u32>() / SIZES.len() as u32;
        let tasks = u64::from(instances) * u64::from(INSTANCE.0) * FILL / 100 / u64::from(mean);
        let free = vec![(INSTANCE.0, INSTANCE.1 as u32); instances as usize];
        let key = StreamKey::new(42, 0, "placement-bench", 0);
        let mut floor = Self { free, tasks: Vec::new(), key, draws: 0 };
        for _ in 0..tasks {
            floor.start();
        }
        floor
    }

    fn draw(&mut self) -> u64 {
        self.draws += 1;
        self.key.at(self.draws)
    }

    /// Puts a new task anywhere.
    pub fn start(&mut self) {
        let bits = self.draw();
        let owner = (bits % SIZES.len() as u64) as usize;
        let (cpu_units, memory) = SIZES[owner];
        let at = (u128::from(bits) * self.free.len() as u128) >> 64;
        let free = &mut self.free[at as usize];
        *free = (free.0.wrapping_sub(cpu_units), free.1.wrapping_sub(memory));
        let instance = InstanceId(at as u32);
        self.tasks.push(black_box(Task { instance, owner: owner as u32, cpu_units, memory }));
    }

    /// Stops one of the tasks, each with equal probability.
    pub fn stop(&mut self) {
        let bits = self.draw();
        let at = (u128::from(bits) * self.tasks.len() as u128) >> 64;
        let task = self.tasks.swap_remove(at as usize);
        let free = &mut self.free[task.instance.0 as usize];
        *free = (free.0.wrapping_add(task.cpu_units), free.1.wrapping_add(task.memory));
    }
}

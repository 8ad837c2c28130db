//! Tests of decisions: the numbered vectors, small cases, and random histories.

mod cases;
mod failures;
mod histories;
mod naive;
mod vectors;

use super::*;
use crate::scenario::{Architecture, InstanceShape, OperatingSystem};
use crate::units::{AsgId, Cpu, InstanceId, Mib, TaskGroupId, ZoneId};

const A1: InstanceId = InstanceId(0);
const A2: InstanceId = InstanceId(1);
const B1: InstanceId = InstanceId(2);
const C1: InstanceId = InstanceId(3);

const DEMAND: Demand<'_> = Demand {
    cpu: Cpu::from_ecs_units(512),
    memory: Mib::new(1024),
    gpus: 0,
    network_interfaces: 0,
    ports: &[],
    architecture: Architecture::X86_64,
    operating_system: OperatingSystem::Linux,
};

fn shape(cpu_units: u32, memory: u64) -> InstanceShape {
    InstanceShape {
        instance_type: String::from("test.large"),
        cpu: Cpu::from_ecs_units(cpu_units),
        memory: Mib::new(memory),
        gpus: 0,
        task_network_interfaces: 1,
        architecture: Architecture::X86_64,
        operating_system: OperatingSystem::Linux,
    }
}

/// A fleet of one Auto Scaling group and three zones with one task group.
struct Cluster {
    fleet: Fleet,
    group: TaskGroupId,
}

impl Cluster {
    fn new() -> Self {
        let mut fleet = Fleet::new(1, 3);
        let group = fleet.add_group("service:web");
        Self { fleet, group }
    }

    fn add(&mut self, instance: InstanceId, zone: u32, cpu_units: u32, memory: u64) {
        self.add_ranked(instance, zone, cpu_units, memory, 0);
    }

    fn add_ranked(&mut self, id: InstanceId, zone: u32, cpu_units: u32, memory: u64, rank: u64) {
        let shape = shape(cpu_units, memory);
        let mut attributes = Attributes::default();
        attributes.set(AVAILABILITY_ZONE, ["az-a", "az-b", "az-c"][zone as usize]);
        let slot = Slot::new(id, ZoneId(zone), &shape, rank);
        let group = AsgId(0);
        self.fleet.register(NewInstance { group, shape: &shape, attributes: &attributes, slot });
    }

    /// Counts tasks that reserve nothing.
    fn count(&mut self, instance: InstanceId, tasks: u32) {
        let nothing = Demand { cpu: Cpu::ZERO, memory: Mib::ZERO, ..DEMAND };
        for _ in 0..tasks {
            self.fleet.place(instance, &nothing, self.group);
        }
    }

    fn request<'a>(
        &mut self,
        demand: Demand<'a>,
        strategy: &[PlacementStrategy],
        constraints: &[PlacementConstraint],
        random_bits: u64,
    ) -> PlacementRequest<'a> {
        let rule = self.fleet.rule(strategy, constraints, self.group);
        let recurrence = Recurrence::Definition;
        PlacementRequest { demand, recurrence, rule, group: None, random_bits }
    }

    fn ask(
        &mut self,
        strategy: &[PlacementStrategy],
        constraints: &[PlacementConstraint],
        random_bits: u64,
    ) -> Choice {
        let request = self.request(DEMAND, strategy, constraints, random_bits);
        let sized = PlacementRequest { recurrence: Recurrence::OwnSize, ..request };
        let choice = self.fleet.choose(&request);
        let other = self.fleet.choose(&sized);
        if strategy.contains(&PlacementStrategy::Random) {
            let explanation = self.fleet.explain(&sized);
            let tied = explanation.candidates.iter().take(explanation.tied());
            let among = |choice| match choice {
                Choice::Instance(instance) => tied.clone().any(|it| it.instance == instance),
                Choice::Nowhere => tied.len() == 0,
            };
            assert!(among(choice) && among(other), "{choice:?}, {other:?}: {explanation:?}");
        } else {
            assert_eq!(other, choice, "how the demand is found does not matter");
        }
        self.fleet.check();
        choice
    }
}

/// The cluster of the worked example: remaining resources and tasks of the service.
fn cluster() -> Cluster {
    let mut cluster = Cluster::new();
    cluster.add(A1, 0, 1024, 2000);
    cluster.add(A2, 0, 512, 3000);
    cluster.add(B1, 1, 2048, 7000);
    cluster.add(C1, 2, 256, 900);
    for (instance, tasks) in [(A1, 2), (B1, 1), (C1, 1)] {
        cluster.count(instance, tasks);
    }
    cluster
}

fn member_of(text: &str) -> PlacementConstraint {
    let expression = Expression::parse(text).expect("the expression of a test is right");
    PlacementConstraint::MemberOf(std::sync::Arc::new(expression))
}

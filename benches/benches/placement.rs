//! Placement algorithms: one decision, its reservation and its release on a fleet that is 80 % full.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use plimsoll_core::engine::StreamKey;
use plimsoll_core::placement::{
    Choice, Demand, Fleet, GroupTasks, PlacementRequest, PlacementStrategy, SERVICE_DEFAULT, Slot,
    choose,
};
use plimsoll_core::scenario::{Architecture, InstanceShape, OperatingSystem};
use plimsoll_core::units::{AsgId, Cpu, InstanceId, Mib, ZoneId};

/// Sizes of ten task definitions: CPU units and MiB.
const SIZES: [(u32, u64); 10] = [
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
const ZONES: u32 = 3;

fn shape() -> InstanceShape {
    InstanceShape {
        instance_type: "m6i.2xlarge".into(),
        cpu: Cpu::from_ecs_units(8192),
        memory: Mib::new(31_948),
        gpus: 0,
        task_network_interfaces: 3,
        architecture: Architecture::X86_64,
        operating_system: OperatingSystem::Linux,
    }
}

fn demand(bits: u64) -> Demand<'static> {
    let (cpu, memory) = SIZES[(bits % SIZES.len() as u64) as usize];
    Demand {
        cpu: Cpu::from_ecs_units(cpu),
        memory: Mib::new(memory),
        gpus: 0,
        network_interfaces: 0,
        ports: &[],
        architecture: Architecture::X86_64,
        operating_system: OperatingSystem::Linux,
    }
}

/// A fleet filled at random to 80 % of its CPU, and where the tasks of the group are.
fn filled(instances: u32, key: StreamKey) -> (Fleet, GroupTasks) {
    let shape = shape();
    let mut fleet = Fleet::new(1);
    let mut group = GroupTasks::new(ZONES as usize);
    let mut draw = 0;
    for index in 0..instances {
        let instance = InstanceId(index);
        let slot = Slot::new(instance, ZoneId(index % ZONES), &shape, key.at(u64::from(index)));
        fleet.register(AsgId(0), slot);
        let mut used = 0;
        while used < 8 * 1024 * 8 / 10 {
            draw += 1;
            let demand = demand(key.at(1_000_000 + draw));
            let fits = fleet.slot(instance).is_some_and(|slot| {
                demand.cpu <= slot.free_cpu && demand.memory <= slot.free_memory
            });
            if !fits {
                break;
            }
            fleet.reserve(instance, &demand);
            group.add(ZoneId(index % ZONES), Some(instance));
            used += demand.cpu.as_ecs_units();
        }
    }
    (fleet, group)
}

fn place(criterion: &mut Criterion) {
    let chains: [(&str, &[PlacementStrategy]); 6] = [
        ("binpack-cpu", &[PlacementStrategy::BinpackCpu]),
        ("binpack-memory", &[PlacementStrategy::BinpackMemory]),
        ("spread-zone", &[PlacementStrategy::SpreadZone]),
        (
            "spread-zone-binpack-memory",
            &[PlacementStrategy::SpreadZone, PlacementStrategy::BinpackMemory],
        ),
        ("service-default", &SERVICE_DEFAULT),
        ("random", &[PlacementStrategy::Random]),
    ];
    let key = StreamKey::new(42, 0, "placement-bench", 0);
    for (name, strategy) in chains {
        let mut bench = criterion.benchmark_group(format!("placement/{name}"));
        bench.throughput(Throughput::Elements(1));
        for instances in [10, 1_000, 10_000] {
            let (mut fleet, group) = filled(instances, key);
            let mut ties = Vec::new();
            let mut decision = 0;
            bench.bench_function(BenchmarkId::from_parameter(instances), |bencher| {
                bencher.iter(|| {
                    decision += 1;
                    let bits = key.at(decision);
                    let demand = demand(bits);
                    let request = PlacementRequest {
                        demand,
                        strategy,
                        constraints: &[],
                        group: &group,
                        random_bits: bits,
                    };
                    let choice = choose(fleet.slots(None), &request, &mut ties);
                    if let Choice::Instance(instance) = choice {
                        fleet.reserve(instance, &demand);
                        fleet.release(instance, &demand);
                    }
                    black_box(choice)
                });
            });
        }
        bench.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(std::time::Duration::from_millis(300))
        .measurement_time(std::time::Duration::from_secs(1));
    targets = place
}
criterion_main!(benches);

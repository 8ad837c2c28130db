//! A placement strategy of one's own: best fit by dot product, beside three others on one cluster.
//!
//! ```text
//! cargo run -p plimsoll-core --example best_fit_dot_product
//! ```
//!
//! The strategy prefers the instance whose free resources point in the direction of the task's demand,
//! and among instances of one direction the fullest. It is a link of a chain like those of ECS: what
//! fits is decided before, ties go to the next link. In a scenario, `type: custom` with its name puts
//! it to use; `scenarios/examples/custom_strategy.rs` does that.
#![allow(clippy::print_stdout)]

use std::process::ExitCode;

use plimsoll_core::engine::StreamKey;
use plimsoll_core::placement::{
    Attributes, Choice, Demand, Fleet, InstanceView, NewInstance, PlacementRequest, PlacementScore,
    PlacementStrategy, Recurrence, Slot, StrategyRegistry, share,
};
use plimsoll_core::scenario::{Architecture, InstanceShape, OperatingSystem};
use plimsoll_core::units::{AsgId, Cpu, InstanceId, Mib, ZoneId};

/// Largest dot product of demand and free resources relative to the free resources' length squared:
/// the closer to the direction of the demand and the less is free, the better.
struct BestFitDotProduct;

impl PlacementScore for BestFitDotProduct {
    fn score(&self, instance: &InstanceView<'_>, demand: &Demand<'_>) -> i64 {
        let (slot, shape) = (instance.slot, instance.shape);
        // Shares of the instance, in 1/2^20, make CPU and memory comparable.
        let free = [
            share(slot.free_cpu.as_raw(), shape.cpu.as_raw()),
            share(slot.free_memory.as_mib(), shape.memory.as_mib()),
        ];
        let need = [
            share(demand.cpu.as_raw(), shape.cpu.as_raw()),
            share(demand.memory.as_mib(), shape.memory.as_mib()),
        ];
        let dot: i64 = free.iter().zip(&need).map(|(free, need)| free * need).sum();
        let length: i64 = free.iter().map(|free| free * free).sum();
        // Lower is better. Integers, so that every machine decides alike.
        -((i128::from(dot) << 20) / i128::from(length.max(1))) as i64
    }
}

const INSTANCES: u32 = 12;
const TASKS: u64 = 600;

fn main() -> ExitCode {
    let mut registry = StrategyRegistry::default();
    registry.register("best-fit-dot-product", BestFitDotProduct);
    println!(
        "{TASKS} tasks on {INSTANCES} instances, the oldest task leaves when one finds no room"
    );
    for name in ["first-fit", "worst-fit", "dot-product", "best-fit-dot-product"] {
        let Some(strategy) = registry.get(name) else {
            eprintln!("no strategy is called {name}");
            return ExitCode::FAILURE;
        };
        let (turned_away, reserved) = run(strategy.clone());
        println!("{name:22} {turned_away:4} found no room at first, {reserved} % of CPU reserved");
    }
    ExitCode::SUCCESS
}

/// Places one task after the other. Returns how many found no room at first, and how much of the CPU
/// is reserved at the end, in percent.
fn run(strategy: PlacementStrategy) -> (u32, u64) {
    let shape = InstanceShape {
        instance_type: "m7i.2xlarge".into(),
        cpu: Cpu::from_ecs_units(8192),
        memory: Mib::new(31_948),
        gpus: 0,
        task_network_interfaces: 3,
        architecture: Architecture::X86_64,
        operating_system: OperatingSystem::Linux,
    };
    let mut fleet = Fleet::new(1, 1);
    let group = fleet.add_group("family:job");
    let attributes = Attributes::default();
    for index in 0..INSTANCES {
        let slot = Slot::new(InstanceId(index), ZoneId(0), &shape, 0);
        let group = AsgId(0);
        fleet.register(NewInstance { group, shape: &shape, attributes: &attributes, slot });
    }
    let rule = fleet.rule(&[strategy], &[], group);
    let key = StreamKey::new(7, 0, "example", 0);
    let mut running = std::collections::VecDeque::new();
    let mut turned_away = 0;
    for number in 0..TASKS {
        // Half of the tasks want CPU, the other half memory.
        let bits = key.at(number);
        let (cpu, memory) = if bits.is_multiple_of(2) { (1536, 1024) } else { (256, 6144) };
        let extra = bits >> 32;
        let demand = Demand {
            cpu: Cpu::from_ecs_units(cpu + (extra % 512) as u32),
            memory: Mib::new(memory + (extra >> 16) % 1024),
            gpus: 0,
            network_interfaces: 0,
            ports: &[],
            architecture: Architecture::X86_64,
            operating_system: OperatingSystem::Linux,
        };
        let recurrence = Recurrence::OwnSize;
        let request = PlacementRequest { demand, recurrence, rule, group: None, random_bits: 0 };
        let mut first = true;
        loop {
            if let Choice::Instance(instance) = fleet.choose(&request) {
                fleet.place(instance, &demand, group);
                running.push_back((instance, demand));
                break;
            }
            turned_away += u32::from(first);
            first = false;
            let Some((instance, demand)) = running.pop_front() else { break };
            fleet.remove(instance, &demand, group);
        }
    }
    let free: u64 = fleet.slots(None).map(|slot| slot.free_cpu.as_raw()).sum();
    let all = shape.cpu.as_raw() * u64::from(INSTANCES);
    (turned_away, (all - free) * 100 / all)
}

//! Runs a scenario whose jobs are placed by a strategy of one's own, by name.
//!
//! ```text
//! cargo run -p plimsoll --example custom_strategy
//! ```
#![allow(clippy::print_stdout)]

use std::path::Path;

use anyhow::Context as _;
use plimsoll::language::{LoadOptions, load_with};
use plimsoll_core::placement::{Demand, InstanceView, PlacementScore, StrategyRegistry};
use plimsoll_core::simulation;

/// Most CPU left per GiB of memory left.
struct CpuForMemory;

impl PlacementScore for CpuForMemory {
    fn score(&self, instance: &InstanceView<'_>, demand: &Demand<'_>) -> i64 {
        let slot = instance.slot;
        let cpu = slot.free_cpu.saturating_sub(demand.cpu).as_ecs_units();
        let memory = slot.free_memory.saturating_sub(demand.memory).as_mib();
        // Lower is better.
        -((cpu << 20) as i64 / (memory as i64 + 1))
    }
}

fn main() -> anyhow::Result<()> {
    let mut strategies = StrategyRegistry::default();
    strategies.register("cpu-for-memory", CpuForMemory);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/custom_strategy.yaml");
    let loaded = load_with(&file, &LoadOptions::default(), strategies)?;
    let results = simulation::run(&loaded.scenario, &mut |_| ())?;
    let batch = results.batches.first().context("the scenario has one batch")?;
    println!("{}: {} jobs arrived, {} completed", batch.name, batch.arrived, batch.completed);
    Ok(())
}

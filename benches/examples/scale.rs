//! Whole runs at scale, life cycle and metrics on: wall time, tasks and events per second, and the
//! peak memory of the process.
//!
//! `cargo run --release -p plimsoll-benches --example scale` runs each case in a process of its own,
//! so that one's memory does not count for the next; with the name of a case it runs that one here.

use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use plimsoll::language::{LoadOptions, load};
use plimsoll_core::engine::{DurationDistribution, StreamKey};
use plimsoll_core::scenario::{BatchJob, BatchJobs, Scenario};
use plimsoll_core::simulation;
use plimsoll_core::units::{Cpu, Mib, SimDuration, SimTime};

/// A cluster and its jobs.
struct Case {
    name: &'static str,
    instances: u32,
    tasks: u64,
    mean_duration: SimDuration,
    /// Whether each task has a size of its own.
    own_sizes: bool,
}

const DAY: u64 = 24 * 3600;

const CASES: [Case; 3] = [
    Case {
        name: "thousand-nodes",
        instances: 1000,
        tasks: 100_000,
        mean_duration: SimDuration::from_secs(600),
        own_sizes: false,
    },
    Case {
        name: "million-tasks",
        instances: 10_000,
        tasks: 1_000_000,
        mean_duration: SimDuration::from_secs(3 * 3600),
        own_sizes: false,
    },
    // More than the cluster can run: most placements fail.
    Case {
        name: "overload",
        instances: 5000,
        tasks: 150_000,
        mean_duration: SimDuration::from_secs(8 * 3600),
        own_sizes: true,
    },
];

fn document(case: &Case) -> String {
    let instances = case.instances;
    format!(
        "\
name: {name}
description: How fast is a run of this size?
region: eu-west-1
duration: 1d
controlPlane: {{ instancesPerCluster: 100000 }}
autoScalingGroups:
  - autoScalingGroupName: nodes
    instanceType: c6i.4xlarge
    availabilityZones: [eu-west-1a, eu-west-1b, eu-west-1c]
    minSize: {instances}
    maxSize: {instances}
    desiredCapacity: {instances}
taskDefinitions:
  - family: job
    networkMode: bridge
    containerDefinitions: [{{ name: main, image: job, cpu: 256, memory: 512 }}]
runTask:
  - name: jobs
    taskDefinition: job
    launchType: EC2
    placementStrategy: [{{ type: binpack, field: memory }}]
    queue: firstFit
    generated: {{ interarrival: 1s, duration: 1s, count: 1 }}
",
        name = case.name
    )
}

/// Jobs at uniform instants of the day, exponential in length, of four CPU and three memory sizes or
/// each of its own.
fn jobs(case: &Case) -> Arc<[BatchJob]> {
    let key = StreamKey::new(42, 0, "scale", 0);
    let length = DurationDistribution::Exponential { mean: case.mean_duration };
    let mut jobs: Vec<BatchJob> = (0..case.tasks)
        .map(|task| {
            let bits = |draw: u64| key.at(task * 4 + draw);
            let nanos = (u128::from(bits(0)) * u128::from(DAY) * 1_000_000_000) >> 64;
            let (cpu, memory) = if case.own_sizes {
                (64 + bits(2) % 1985, 128 + bits(3) % 8065)
            } else {
                let cpu = [256, 512, 1024, 2048][(bits(2) % 4) as usize];
                (cpu, [512, 1024, 2048][(bits(3) % 3) as usize])
            };
            BatchJob {
                arrival: SimTime::from_nanos(nanos as u64),
                duration: length.sample(bits(1)),
                cpu: Cpu::from_ecs_units(cpu as u32),
                memory: Mib::new(memory),
            }
        })
        .collect();
    jobs.sort_by_key(|job| job.arrival);
    jobs.into()
}

fn scenario(case: &Case) -> Scenario {
    let file = std::env::temp_dir().join(format!("plimsoll-scale-{}.yaml", std::process::id()));
    std::fs::write(&file, document(case)).unwrap_or_else(|error| panic!("{error}"));
    let loaded = load(&file, &LoadOptions::default());
    std::fs::remove_file(&file).unwrap_or_else(|error| panic!("{error}"));
    let mut scenario =
        loaded.unwrap_or_else(|problems| panic!("the scenario is right: {problems}")).scenario;
    scenario.batches[0].jobs = BatchJobs::Trace(jobs(case));
    scenario
}

/// Largest resident set of this process in MB, where the system tells.
fn peak_memory_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024.0 / 1e6)
}

#[allow(clippy::print_stdout)]
fn run(case: &Case) {
    let scenario = scenario(case);
    let before = peak_memory_mb();
    let start = Instant::now();
    let results = match simulation::run(&scenario, &mut |_| {}) {
        Ok(results) => results,
        Err(error) => panic!("the run ends: {error}"),
    };
    let wall = start.elapsed().as_secs_f64();
    let tasks = results.tasks;
    println!(
        "{:<15} {:>6} instances {:>8} tasks {:>9} events {wall:>7.3} s {:>9.0} tasks/s {:>10.0} events/s \
         {:>5.0} MB peak, {:.0} MB of it the input; {} ended, {} failed placements, fingerprint {:016x}",
        case.name,
        case.instances,
        tasks.created,
        results.events,
        tasks.created as f64 / wall,
        results.events as f64 / wall,
        peak_memory_mb().unwrap_or(f64::NAN),
        before.unwrap_or(f64::NAN),
        tasks.stopped,
        tasks.placement_failures,
        results.trajectory_fingerprint,
    );
}

fn main() {
    let named = std::env::args().nth(1);
    if let Some(case) = named.and_then(|name| CASES.iter().find(|case| case.name == name)) {
        run(case);
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    for case in &CASES {
        let status = Command::new(&program).arg(case.name).status();
        assert!(status.is_ok_and(|status| status.success()), "{} did not end", case.name);
    }
}

//! Single requests per second: one service of 1 to 1000 one-core tasks at utilization 0.8, by balancing
//! algorithm and discipline. Criterion's `elem/s` are requests, each an arrival and a departure.

use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use plimsoll_core::engine::StreamKey;
use plimsoll_core::scenario::{
    BalancingAlgorithm, Discipline, Fidelity, RequestSettings, ServiceLoad,
};
use plimsoll_core::traffic::{RequestEngine, RequestRate};
use plimsoll_core::units::{Cpu, Mib, SimDuration, SimTime, TaskId};

/// Requests in one iteration.
const REQUESTS: u64 = 1_000_000;

/// Requests of 10 ms for `tasks` one-core tasks at utilization 0.8.
fn load(tasks: u32, algorithm: BalancingAlgorithm, settings: RequestSettings) -> ServiceLoad {
    let rate = RequestRate::constant(80.0 * f64::from(tasks)).expect("a positive rate");
    ServiceLoad {
        fidelity: Fidelity::Requests(Box::new(settings)),
        rate: Arc::new(rate),
        cpu_per_request: SimDuration::from_millis(10),
        other_latency: SimDuration::ZERO,
        algorithm,
        timeout: SimDuration::from_secs(60),
        parallelism: None,
        idle_cpu: Cpu::ZERO,
        idle_memory: Mib::ZERO,
        memory_per_request_kib: 0,
    }
}

/// An engine with its tasks, and the instant by which about [`REQUESTS`] have arrived.
fn prepared(tasks: u32, load: &ServiceLoad) -> (RequestEngine, SimTime) {
    let settings = load.fidelity.requests().expect("single requests");
    let key = |purpose: &str| StreamKey::new(42, 0, purpose, 0);
    let mut engine = RequestEngine::new(load, settings, None, key);
    for task in 0..tasks {
        engine.add(TaskId(task), Cpu::from_ecs_units(1024), SimTime::ZERO);
    }
    let nanos = REQUESTS * 1_000_000_000 / (80 * u64::from(tasks));
    (engine, SimTime::from_nanos(nanos))
}

fn requests(criterion: &mut Criterion) {
    let algorithms = [
        ("round_robin", BalancingAlgorithm::RoundRobin),
        ("least_outstanding_requests", BalancingAlgorithm::LeastOutstandingRequests),
        ("weighted_random", BalancingAlgorithm::WeightedRandom),
    ];
    let disciplines =
        [("processor_sharing", Discipline::ProcessorSharing), ("fifo", Discipline::Fifo)];
    for (discipline_name, discipline) in disciplines {
        let mut group = criterion.benchmark_group(format!("requests/{discipline_name}"));
        group.throughput(Throughput::Elements(REQUESTS));
        group.sample_size(10).measurement_time(Duration::from_secs(4));
        for (name, algorithm) in algorithms {
            for tasks in [1_u32, 10, 100, 1000] {
                let settings = RequestSettings { discipline, ..RequestSettings::default() };
                let load = load(tasks, algorithm, settings);
                let (engine, until) = prepared(tasks, &load);
                group.bench_with_input(BenchmarkId::new(name, tasks), &tasks, |bencher, _| {
                    bencher.iter_batched(
                        || engine.clone(),
                        |mut engine| {
                            engine.advance(until);
                            engine.counts()
                        },
                        criterion::BatchSize::PerIteration,
                    );
                });
            }
        }
        group.finish();
    }
}

criterion_group!(benches, requests);
criterion_main!(benches);

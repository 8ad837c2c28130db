//! The request level set up as a queue, and its estimates.

use std::sync::Arc;

use plimsoll_core::engine::{StreamKey, UnitLaw};
use plimsoll_core::scenario::{
    Arrivals, BalancingAlgorithm, Discipline, Fidelity, RequestSettings, ServiceLoad,
};
use plimsoll_core::statistics::mean_interval;
use plimsoll_core::traffic::{RequestEngine, RequestRate};
use plimsoll_core::units::{Cpu, Mib, SimDuration, SimTime, TaskId};

/// Mean service time: 100 ms stand for the tables' unit of time.
const UNIT_MS: u64 = 100;
const REPLICATIONS: u64 = 20;
const LEVEL: f64 = 0.999;

/// A queue in the terms of the tables: `tasks` tasks of `cores` cores at utilization `rho`.
#[derive(Clone, Debug)]
pub(crate) struct Queue {
    pub(crate) tasks: u32,
    pub(crate) cores: u32,
    pub(crate) rho: f64,
    pub(crate) service: UnitLaw,
    pub(crate) discipline: Discipline,
    pub(crate) algorithm: BalancingAlgorithm,
    /// Most requests at a task.
    pub(crate) most_present: Option<u32>,
    /// Requests in each replication, after as many again divided by five to warm up.
    pub(crate) requests: f64,
}

impl Queue {
    /// M/M/c, first come first served.
    pub(crate) fn mmc(cores: u32, rho: f64) -> Self {
        Self {
            tasks: 1,
            cores,
            rho,
            service: UnitLaw::Exponential,
            discipline: Discipline::Fifo,
            algorithm: BalancingAlgorithm::RoundRobin,
            most_present: None,
            requests: if rho < 0.6 { 15_000.0 } else { 40_000.0 },
        }
    }

    pub(crate) fn shared(self) -> Self {
        Self { discipline: Discipline::ProcessorSharing, ..self }
    }

    pub(crate) fn of(self, service: UnitLaw) -> Self {
        Self { service, ..self }
    }

    fn engine(&self, replication: u64) -> (RequestEngine, f64) {
        let per_second = f64::from(self.tasks * self.cores) * self.rho * 1000.0 / UNIT_MS as f64;
        let settings = RequestSettings {
            arrivals: Arrivals::Renewal(UnitLaw::Exponential),
            demand: self.service,
            discipline: self.discipline,
            queue_length: self.most_present.map(|most| most - self.cores),
            ..RequestSettings::default()
        };
        let load = ServiceLoad {
            fidelity: Fidelity::default(),
            rate: Arc::new(RequestRate::constant(per_second).unwrap()),
            cpu_per_request: SimDuration::from_millis(UNIT_MS),
            other_latency: SimDuration::ZERO,
            algorithm: self.algorithm,
            timeout: SimDuration::from_secs(1_000_000),
            parallelism: None,
            idle_cpu: Cpu::ZERO,
            idle_memory: Mib::ZERO,
            memory_per_request_kib: 0,
        };
        let key = |purpose: &str| StreamKey::new(20_261_121, replication, purpose, 0);
        let mut engine = RequestEngine::new(&load, &settings, None, key);
        for task in 0..self.tasks {
            engine.add(TaskId(task), Cpu::from_ecs_units(1024 * self.cores), SimTime::ZERO);
        }
        (engine, per_second)
    }

    /// Replications from a warm start.
    pub(crate) fn run(&self) -> Estimates {
        let mut found = Estimates::default();
        for replication in 0..REPLICATIONS {
            let (mut engine, per_second) = self.engine(replication);
            let length = self.requests / per_second;
            let instant = |seconds: f64| SimTime::ZERO + SimDuration::from_secs_f64(seconds);
            let (warm, end) = (instant(0.2 * length), instant(1.2 * length));
            engine.advance(warm);
            let (sum, count) = sum_and_count(&engine);
            let (before, present) = (engine.counts(), engine.present_time(warm));
            let busy = engine.busy_cpu(warm);
            engine.clear_interval();
            engine.advance(end);
            let (all, counted) = sum_and_count(&engine);
            let unit = UNIT_MS as f64;
            let nanos = (end.as_nanos() - warm.as_nanos()) as f64;
            let after = engine.counts();
            found.mean.push((all - sum) / (counted - count) / unit);
            found.p99.push(engine.interval_quantile_ms(0.99).unwrap() / unit);
            found.present.push((engine.present_time(end) - present) as f64 / nanos);
            let offered = (after.offered - before.offered) as f64;
            found.blocked.push((after.rejected - before.rejected) as f64 / offered);
            let cores = f64::from(self.tasks * self.cores) * 128_000.0;
            found.busy.push((engine.busy_cpu(end) - busy) as f64 / nanos / cores);
        }
        found
    }
}

fn sum_and_count(engine: &RequestEngine) -> (f64, f64) {
    let times = engine.response_times();
    times.map_or((0.0, 0.0), |it| (it.mean * it.count as f64, it.count as f64))
}

/// One value per replication, in units of the mean service time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Estimates {
    pub(crate) mean: Vec<f64>,
    pub(crate) p99: Vec<f64>,
    pub(crate) present: Vec<f64>,
    pub(crate) blocked: Vec<f64>,
    pub(crate) busy: Vec<f64>,
}

/// The estimate's interval holds the theory, and is narrow enough to mean something.
#[track_caller]
pub(crate) fn inside(values: &[f64], theory: f64, widest: f64, what: &str) {
    let interval = mean_interval(values, LEVEL).unwrap();
    assert!(
        interval.contains(theory),
        "{what}: {theory} is not in {} ± {}",
        interval.mean,
        interval.half_width
    );
    let relative = interval.half_width / theory;
    assert!(relative < widest, "{what}: {} ± {} says little", interval.mean, interval.half_width);
}

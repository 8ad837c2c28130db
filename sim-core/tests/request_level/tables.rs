//! The tables: M/M/1, M/M/c, M/G/1, M/D/1, processor sharing, balancing, finite queues.

use plimsoll_core::engine::UnitLaw;
use plimsoll_core::scenario::{BalancingAlgorithm, Discipline, Variability};
use plimsoll_core::traffic::{ResponseTime, ServingCapacity};
use plimsoll_core::units::{Cpu, SimDuration};

use super::queue::{Queue, inside};
use super::reference::{first_come, first_come_p99, sharing_p99};

const LOADS: [f64; 3] = [0.5, 0.8, 0.95];

/// Mean and 99th percentile inside their intervals.
#[track_caller]
fn check(queue: &Queue, mean: f64, p99: Option<f64>, widest: f64) {
    let found = queue.run();
    inside(&found.mean, mean, widest, &format!("mean of {queue:?}"));
    if let Some(p99) = p99 {
        inside(&found.p99, p99, 1.5 * widest, &format!("p99 of {queue:?}"));
    }
}

fn width(rho: f64) -> f64 {
    match rho {
        ..0.6 => 0.08,
        ..0.9 => 0.1,
        _ => 0.25,
    }
}

#[test]
fn tv_6_5_mm1() {
    for (rho, l, w, p99) in
        [(0.5, 1.0, 2.0, 9.21034), (0.8, 4.0, 5.0, 23.0259), (0.95, 19.0, 20.0, 92.1034)]
    {
        let queue = Queue::mmc(1, rho);
        check(&queue, w, Some(p99), width(rho));
        let found = queue.run();
        inside(&found.present, l, width(rho), "requests present");
        inside(&found.busy, rho, 0.03, "utilization");
    }
}

#[test]
fn tv_6_5_mmc() {
    for (cores, rho, w, p99) in [
        (2, 0.5, 1.333_333, 5.66596),
        (2, 0.8, 2.777_778, 11.93737),
        (4, 0.5, 1.086_957, 4.76425),
        (4, 0.8, 1.745_541, 6.89320),
        (10, 0.8, 1.204_590, 4.94611),
        (100, 0.95, 1.101_291, 4.72439),
    ] {
        check(&Queue::mmc(cores, rho), w, Some(p99), 0.1);
    }
}

/// The same at every load, from the closed form that the table is made of.
#[test]
fn mmc_at_every_load() {
    for cores in [2, 4, 10, 100] {
        for rho in LOADS {
            let (mean, p99) = first_come(cores, rho);
            check(&Queue::mmc(cores, rho), mean, Some(p99), width(rho));
        }
    }
}

/// Mean waits by squared coefficient of variation of the service time.
#[test]
fn tv_6_5_mg1_first_come_first_served() {
    for (rho, waits) in [
        (0.5, [0.625, 0.75, 1.5, 2.5]),
        (0.8, [2.5, 3.0, 6.0, 10.0]),
        (0.95, [11.875, 14.25, 28.5, 47.5]),
    ] {
        for (squared, wait) in [0.25, 0.5, 2.0, 4.0].into_iter().zip(waits) {
            let law = UnitLaw::of_squared_cv(squared).unwrap();
            // Near saturation a percentile of a short run is too low: its requests are hardly independent.
            let requests = if rho < 0.9 { 60_000.0 } else { 500_000.0 };
            let queue = Queue { requests, ..Queue::mmc(1, rho) }.of(law);
            // The gamma law of 1/4 is Erlang's of order four, for which there is no such formula.
            let p99 = (squared > 0.25).then(|| first_come_p99(squared, rho));
            check(&queue, 1.0 + wait, p99, if rho < 0.9 { 0.15 } else { 0.4 });
        }
        // The mean depends on the law by its squared coefficient of variation alone.
        let lognormal = Queue::mmc(1, rho).of(UnitLaw::lognormal(0.5).unwrap());
        check(&lognormal, 1.0 + waits[1], None, width(rho));
    }
}

/// Waiting times of M/D/1: mean and 99th percentile, which at 0.95 comes from the same formula as the
/// others (Erlang 1909), evaluated with 60 digits.
#[test]
fn tv_6_5_md1() {
    for (rho, mean, p99) in [(0.5, 0.5, 3.33626), (0.8, 2.0, 10.35589), (0.95, 9.5, MD1_P99_AT_95)]
    {
        let queue = Queue::mmc(1, rho).of(UnitLaw::Deterministic);
        check(&queue, 1.0 + mean, Some(1.0 + p99), width(rho));
    }
}

const MD1_P99_AT_95: f64 = 44.937_766;

/// M/G/1-PS: the mean does not depend on the law; the percentile of exponential service is that of a
/// tagged request.
#[test]
fn tv_6_5_mg1_processor_sharing() {
    for rho in LOADS {
        let mean = 1.0 / (1.0 - rho);
        let queue = Queue::mmc(1, rho).shared();
        check(&queue, mean, Some(sharing_p99(1, rho)), width(rho));
        for law in [UnitLaw::Deterministic, UnitLaw::of_squared_cv(4.0).unwrap()] {
            check(&queue.clone().of(law), mean, None, 2.0 * width(rho));
        }
    }
}

/// M/G/4-PS with one core per request at most has the mean of M/M/4.
#[test]
fn tv_6_2_mgc_processor_sharing_has_the_mean_of_mmc() {
    let queue = Queue::mmc(4, 0.8).shared();
    check(&queue, 1.745_541, Some(sharing_p99(4, 0.8)), 0.05);
    for law in [UnitLaw::Deterministic, UnitLaw::of_squared_cv(4.0).unwrap()] {
        check(&queue.clone().of(law), 1.745_541, None, 0.05);
    }
}

fn balanced(tasks: u32, rho: f64, algorithm: BalancingAlgorithm) -> Queue {
    let requests = if rho < 0.9 { 40_000.0 } else { 150_000.0 };
    Queue { tasks, algorithm, requests, ..Queue::mmc(1, rho) }
}

/// Round robin over n one-core tasks is E_n/M/1, whose response time is exponential.
#[test]
fn tv_6_5_round_robin() {
    for (tasks, rho, w) in [
        (2, 0.5, 1.61803),
        (2, 0.8, 3.84398),
        (4, 0.5, 1.43252),
        (4, 0.8, 3.26738),
        (10, 0.5, 1.32464),
        (10, 0.8, 2.92227),
        (10, 0.95, 11.15495),
    ] {
        let queue = balanced(tasks, rho, BalancingAlgorithm::RoundRobin);
        check(&queue, w, Some(w * libm::log(100.0)), width(rho));
    }
}

/// Random choice makes n copies of M/M/1.
#[test]
fn tv_6_5_random() {
    for (rho, w) in [(0.5, 2.0), (0.8, 5.0), (0.95, 20.0)] {
        let queue = balanced(10, rho, BalancingAlgorithm::WeightedRandom);
        check(&queue, w, Some(w * libm::log(100.0)), width(rho));
        check(&queue.shared(), w, Some(sharing_p99(1, rho)), width(rho));
    }
}

/// The closed form that a fluid has for tasks that share their CPU, against the chain of a tagged request.
#[test]
fn the_fluid_knows_the_tail_of_sharing() {
    for cores in [1_u32, 2, 4] {
        for rho in [0.3, 0.5, 0.8, 0.9, 0.95] {
            let capacity = ServingCapacity {
                healthy_tasks: 1,
                balanced_tasks: 1,
                cpu_per_task: Cpu::from_ecs_units(1024 * cores),
                cpu_per_request: SimDuration::from_secs(1),
                other_latency: SimDuration::ZERO,
                algorithm: BalancingAlgorithm::WeightedRandom,
                variability: Variability { sharing: true, ..Variability::default() },
                timeout: SimDuration::from_secs(1_000_000),
            };
            let response = ResponseTime::stationary(&capacity, rho);
            let exact = sharing_p99(cores as usize, rho);
            let error = response.quantile(0.99).as_secs_f64() / exact - 1.0;
            assert!(error.abs() < 0.11, "{cores} cores at {rho}: {error}, of {exact}");
        }
    }
}

/// Least outstanding requests lies between one central queue and round robin.
#[test]
fn least_outstanding_lies_between_the_central_queue_and_round_robin() {
    for (rho, central, turns) in
        [(0.5, 1.00722, 1.32464), (0.8, 1.20459, 2.92227), (0.95, 2.65117, 11.15495)]
    {
        for discipline in [Discipline::Fifo, Discipline::ProcessorSharing] {
            let algorithm = BalancingAlgorithm::LeastOutstandingRequests;
            let queue = Queue { discipline, ..balanced(10, rho, algorithm) };
            let found = queue.run();
            let mean = found.mean.iter().sum::<f64>() / found.mean.len() as f64;
            assert!(central < mean && mean < turns, "{rho} {mean}");
            // Joining the shortest queue is much closer to the central queue.
            assert!(mean - central < 0.35 * (turns - central), "{rho} {discipline:?} {mean}");
        }
    }
}

/// M/M/c/K: blocking, requests present and response time of those accepted.
#[test]
fn tv_6_5_mmck() {
    for (lambda, cores, most, blocked, l, w) in [
        (0.8, 1, 10, 0.023_493, 2.966_314, 3.797_098),
        (1.2, 1, 10, 0.192_586, 6.710_709, 6.926_138),
        (9.0, 10, 20, 0.029_510, 11.039_661, 1.263_928),
        (12.0, 10, 20, 0.179_666, 16.104_498, 1.635_969),
        (8.0, 10, 15, 0.030_038_034, 8.391_550, 1.081_428),
        (8.0, 10, 10, 0.121_661_064, 7.026_711, 1.0),
    ] {
        let rho = lambda / f64::from(cores);
        let queue = Queue { rho, most_present: Some(most), ..Queue::mmc(cores, 0.5) };
        let found = queue.run();
        inside(&found.blocked, blocked, 0.2, "blocking");
        inside(&found.present, l, 0.05, "requests present");
        inside(&found.mean, w, 0.05, "response time");
    }
}

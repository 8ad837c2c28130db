//! The golden run: an M/M/1 queue whose customers are pinned to the last digit.

use plimsoll_core::engine::{Limits, RunStatistics, Scheduler, Stream, StreamKey, fold, variates};
use plimsoll_core::units::{SimDuration, SimTime};

use crate::station::{Service, Station};

const ROOT: u64 = 42;

fn draw(stream: &mut Stream, mean_ns: f64) -> u64 {
    SimDuration::from_nanos_f64(variates::exponential(stream.next_u64(), mean_ns)).as_nanos()
}

/// Sum of waits and fold of (arrival, wait) by Lindley's recursion, without the engine.
fn lindley(customers: u64) -> (u128, u64) {
    let mut arrivals = StreamKey::new(ROOT, 0, "arrivals", 0).rng();
    let mut services = StreamKey::new(ROOT, 0, "service-time", 0).rng();
    let (mut arrival, mut free_at, mut sum, mut hash) = (0_u64, 0_u64, 0_u128, 0);
    for _ in 0..customers {
        arrival += draw(&mut arrivals, 1.25e9);
        let wait = free_at.saturating_sub(arrival);
        free_at = arrival + wait + draw(&mut services, 1e9);
        sum += u128::from(wait);
        hash = fold(fold(hash, arrival), wait);
    }
    (sum, hash)
}

/// The same from a run of the engine.
fn simulated(customers: u64) -> (u128, u64) {
    let mut station = Station::new(ROOT, 0, 0.8, Service::Exponential { mean: 1.0 }, 1);
    station.customers = customers;
    station.keep_customers = true;
    let station = station.run_to_the_end();
    let sum = station.waits.iter().map(|&wait| u128::from(wait)).sum();
    let pairs = station.arrivals.iter().zip(&station.waits);
    (sum, pairs.fold(0, |hash, (&arrival, &wait)| fold(fold(hash, arrival), wait)))
}

#[test]
fn tv_19_first_customers() {
    let mut arrivals = StreamKey::new(ROOT, 0, "arrivals", 0).rng();
    let mut services = StreamKey::new(ROOT, 0, "service-time", 0).rng();
    for (arrival, service) in [
        (3_518_310_429, 46_064_106),
        (3_897_389_291, 737_342_903),
        (4_027_546_431, 1_852_648_663),
        (3_689_823_549, 568_801_496),
        (1_483_019_835, 378_410_875),
    ] {
        assert_eq!(draw(&mut arrivals, 1.25e9), arrival);
        assert_eq!(draw(&mut services, 1e9), service);
    }
}

#[track_caller]
fn check(customers: u64, sum: u128, hash: u64) {
    assert_eq!(lindley(customers), (sum, hash), "by Lindley's recursion");
    assert_eq!(simulated(customers), (sum, hash), "by simulation");
}

#[test]
fn tv_19_golden_run_of_5_customers() {
    check(5, 0, 0x823a_0ff4_c34d_b766);
}

#[test]
fn tv_19_golden_run_of_1_000_customers() {
    check(1_000, 1_930_956_340_356, 0x31d9_60b2_08ba_c6f0);
}

#[test]
fn tv_19_golden_run_of_100_000_customers() {
    check(100_000, 385_656_361_565_838, 0x2481_118c_73bf_cfb4);
}

#[test]
fn tv_19_golden_run_of_1_000_000_customers() {
    let (sum, hash) = lindley(1_000_000);
    assert_eq!(sum, 3_965_039_803_043_995);
    assert_eq!(simulated(1_000_000), (sum, hash));
}

fn trajectory(root: u64, replication: u64) -> RunStatistics {
    let mut station = Station::new(root, replication, 0.8, Service::Exponential { mean: 1.0 }, 1);
    station.run_until(&mut Scheduler::new(Limits::default()), SimTime::from_secs(100_000))
}

/// Fingerprint of the same events by Lindley's recursion and a sort, without the engine.
fn trajectory_without_engine(root: u64, horizon: u64) -> (u64, u64) {
    let mut arrivals = StreamKey::new(root, 0, "arrivals", 0).rng();
    let mut services = StreamKey::new(root, 0, "service-time", 0).rng();
    let (mut events, mut arrival, mut free_at) = (Vec::new(), 0, 0_u64);
    while arrival <= horizon {
        arrival += draw(&mut arrivals, 1.25e9);
        free_at = free_at.max(arrival) + draw(&mut services, 1e9);
        // (time, phase, kind): arrivals are of phase 4 and kind 1, departures of phase 0 and kind 2.
        events.extend([[arrival, 4, 1], [free_at, 0, 2]]);
    }
    events.retain(|event| event[0] <= horizon);
    events.sort_unstable();
    let words = events.iter().flat_map(|&[time, phase, kind]| [time, phase, kind, 0, 0]);
    (events.len() as u64, words.fold(0, fold))
}

/// A change of this fingerprint is a change of every simulated result: it goes into the changelog.
#[test]
fn the_trajectory_is_pinned() {
    let statistics = trajectory(ROOT, 0);
    let summary = (statistics.events, statistics.fingerprint);
    assert_eq!(summary, trajectory_without_engine(ROOT, SimTime::from_secs(100_000).as_nanos()));
    assert_eq!(summary, (159_507, 0x2d7c_c24f_6167_593c), "{:016x}", statistics.fingerprint);
}

#[test]
fn seed_and_replication_decide_the_trajectory() {
    let first = trajectory(ROOT, 0);
    assert_eq!(trajectory(ROOT, 0), first);
    assert_ne!(trajectory(ROOT, 1).fingerprint, first.fingerprint);
    assert_ne!(trajectory(ROOT + 1, 0).fingerprint, first.fingerprint);
}

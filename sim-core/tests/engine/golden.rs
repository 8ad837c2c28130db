//! The golden run: an M/M/1 queue whose customers are pinned to the last digit.

use plimsoll_core::engine::{Stream, StreamKey, fold, variates};
use plimsoll_core::units::SimDuration;

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

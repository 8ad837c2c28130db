//! The engine against queueing theory.
//!
//! Each model runs 20 independent replications from an empty station, observed after a warm-up. An
//! estimate must lie within four standard errors of the closed form. The truncation bias is the memory
//! of the empty start, which fades at least like exp(−t·(1 − √ρ)²) for these models with mean service
//! time 1; the warm-ups are so long that it is below 1e-9 of every measure here (for the more variable
//! service times the rate is lower by at most their squared coefficient of variation plus one; for the
//! lognormal the tail of the residual service time decides, which is below 1e-8 at 4 000 s). Seeds are
//! fixed, so that the tests cannot flake.

use plimsoll_core::engine::{Limits, Scheduler, StreamKey, variates};
use plimsoll_core::statistics::{Moments, mean_interval};
use plimsoll_core::units::{SimDuration, SimTime};

use crate::station::{Service, Station};

const REPLICATIONS: u64 = 20;

/// A model with what theory says of it.
struct Case {
    name: &'static str,
    rate: f64,
    service: Service,
    servers: u64,
    room: u64,
    warm_up_seconds: u64,
    seconds: u64,
}

impl Case {
    fn new(name: &'static str, rate: f64, service: Service, servers: u64) -> Self {
        // As many customers in each model: about 60 000 per replication.
        let seconds = (60_000.0 / rate) as u64;
        Self { name, rate, service, servers, room: u64::MAX, warm_up_seconds: 4_000, seconds }
    }

    fn horizon(&self) -> SimTime {
        SimTime::from_secs(self.warm_up_seconds + self.seconds)
    }

    fn run(&self, root: u64) -> Vec<Station> {
        let one = |replication| {
            let mut station =
                Station::new(root, replication, self.rate, self.service, self.servers);
            station.room = self.room;
            station.warm_up = SimTime::from_secs(self.warm_up_seconds);
            // In two slices, so that the integrals start where the observation starts.
            let mut scheduler = Scheduler::new(Limits::default());
            station.run_until(&mut scheduler, station.warm_up);
            for quantity in [&mut station.present, &mut station.queued, &mut station.busy] {
                quantity.restart(SimTime::from_secs(self.warm_up_seconds));
            }
            plimsoll_core::engine::run(&mut station, &mut scheduler, self.horizon())
                .expect("no limit");
            station
        };
        (0..REPLICATIONS).map(one).collect()
    }

    /// Compares the mean over replications of a measure with its exact value.
    #[track_caller]
    fn check(
        &self,
        stations: &[Station],
        measure: &str,
        expected: f64,
        value: impl Fn(&Station) -> f64,
    ) {
        let values: Vec<f64> = stations.iter().map(value).collect();
        let moments = Moments::of(&values);
        let se = moments.standard_deviation().unwrap() / libm::sqrt(values.len() as f64);
        let error = moments.mean() - expected;
        assert!(
            error.abs() <= 4.0 * se + 1e-9 * expected,
            "{}: {measure} {} instead of {expected}, {:.1} standard errors off",
            self.name,
            moments.mean(),
            error / se
        );
        // A large error of the estimate would let anything pass.
        assert!(se < 0.05 * expected, "{}: {measure} has a standard error of {se}", self.name);
    }

    /// The four measures that follow from the mean wait and the probability to wait.
    #[track_caller]
    fn check_means(&self, stations: &[Station], mean_wait: f64, to_wait: f64, mean_service: f64) {
        let horizon = self.horizon();
        let offered = self.rate * mean_service;
        self.check(stations, "Wq", mean_wait, |it| mean_seconds(&it.waits));
        self.check(stations, "W", mean_wait + mean_service, |it| mean_seconds(&it.sojourns));
        self.check(stations, "P(wait)", to_wait, |it| share_above(&it.waits, 0.0));
        self.check(stations, "Lq", self.rate * mean_wait, |it| it.queued.mean(horizon).unwrap());
        self.check(stations, "L", self.rate * mean_wait + offered, |it| {
            it.present.mean(horizon).unwrap()
        });
        let servers = self.servers as f64;
        self.check(stations, "utilization", offered / servers, |it| {
            it.busy.mean(horizon).unwrap() / servers
        });
    }
}

fn mean_seconds(lengths: &[u64]) -> f64 {
    let sum: u128 = lengths.iter().map(|&length| u128::from(length)).sum();
    sum as f64 / 1e9 / lengths.len() as f64
}

fn share_above(lengths: &[u64], seconds: f64) -> f64 {
    let limit = SimDuration::from_secs_f64(seconds).as_nanos();
    lengths.iter().filter(|&&length| length > limit).count() as f64 / lengths.len() as f64
}

fn quantile(lengths: &[u64], p: f64) -> f64 {
    let mut sorted = lengths.to_vec();
    let rank = (libm::ceil(p * sorted.len() as f64) as usize).max(1);
    let (_, value, _) = sorted.select_nth_unstable(rank - 1);
    *value as f64 / 1e9
}

fn erlang_b(offered: f64, servers: u64) -> f64 {
    (1..=servers).fold(1.0, |blocking, k| offered * blocking / (k as f64 + offered * blocking))
}

fn erlang_c(offered: f64, servers: u64) -> f64 {
    let (c, blocking) = (servers as f64, erlang_b(offered, servers));
    c * blocking / (c - offered * (1.0 - blocking))
}

const EXPONENTIAL: Service = Service::Exponential { mean: 1.0 };

#[track_caller]
fn close(actual: f64, expected: f64, tolerance: f64) {
    assert!((actual - expected).abs() <= tolerance, "{actual} instead of {expected}");
}

#[test]
fn tv_42_erlang_formulas() {
    for (a, c, expected) in [
        (8.0, 10, 0.121_661_064),
        (9.0, 10, 0.167_963_226),
        (45.0, 50, 0.054_104_472),
        (90.0, 100, 0.026_957_380),
        (950.0, 1000, 0.003_649_294),
    ] {
        close(erlang_b(a, c), expected, 5.1e-10);
    }
    for (a, c, expected) in [
        (0.8, 1, 0.8),
        (1.6, 2, 0.711_111),
        (8.0, 10, 0.409_180_151),
        (9.0, 10, 0.668_731_524),
        (90.0, 100, 0.216_940_481),
        (950.0, 1000, 0.068_253_415),
    ] {
        close(erlang_c(a, c), expected, 5.1e-7);
    }
}

#[test]
fn tv_42_mm1_at_80_percent() {
    let case = Case::new("M/M/1 0.8", 0.8, EXPONENTIAL, 1);
    let stations = case.run(1);
    case.check_means(&stations, 4.0, 0.8, 1.0);
    case.check(&stations, "p95 of the wait", 13.862_944, |it| quantile(&it.waits, 0.95));
    case.check(&stations, "p99 of the wait", 21.910_133, |it| quantile(&it.waits, 0.99));
    case.check(&stations, "p50 of the sojourn", 3.465_74, |it| quantile(&it.sojourns, 0.5));
    case.check(&stations, "p95 of the sojourn", 14.978_661, |it| quantile(&it.sojourns, 0.95));
    case.check(&stations, "p99 of the sojourn", 23.025_851, |it| quantile(&it.sojourns, 0.99));
}

#[test]
fn tv_65_mm1_at_50_percent() {
    let case = Case::new("M/M/1 0.5", 0.5, EXPONENTIAL, 1);
    let stations = case.run(2);
    case.check_means(&stations, 1.0, 0.5, 1.0);
    case.check(&stations, "p95 of the sojourn", 5.991_46, |it| quantile(&it.sojourns, 0.95));
    case.check(&stations, "p99 of the sojourn", 9.210_34, |it| quantile(&it.sojourns, 0.99));
}

#[test]
fn tv_42_mmc_with_10_servers() {
    let case = Case::new("M/M/10 0.8", 8.0, EXPONENTIAL, 10);
    let stations = case.run(3);
    case.check_means(&stations, 0.204_590_075, 0.409_180_151, 1.0);
    for (seconds, expected) in [(0.2, 0.274_281_658), (0.5, 0.150_528_965), (1.0, 0.055_376_512)] {
        case.check(&stations, "P(wait > t)", expected, |it| share_above(&it.waits, seconds));
    }
    case.check(&stations, "p95 of the sojourn", 3.328_27, |it| quantile(&it.sojourns, 0.95));
}

#[test]
fn tv_65_mmc_with_2_servers() {
    let case = Case::new("M/M/2 0.8", 1.6, EXPONENTIAL, 2);
    case.check_means(&case.run(4), 1.777_777_778, 0.711_111_111, 1.0);
}

#[test]
fn tv_42_mmc_with_100_servers() {
    let mut case = Case::new("M/M/100 0.9", 90.0, EXPONENTIAL, 100);
    // (1 − √ρ)²·cμ is the rate here: a shorter warm-up forgets as much.
    (case.warm_up_seconds, case.seconds) = (200, 2_000);
    case.check_means(&case.run(5), 0.021_694_048, 0.216_940_481, 1.0);
}

#[test]
fn tv_42_mmck_turns_customers_away() {
    let mut case = Case::new("M/M/10/15", 8.0, EXPONENTIAL, 10);
    case.room = 15;
    let stations = case.run(6);
    let horizon = case.horizon();
    case.check(&stations, "P(block)", 0.030_038_034, |it| {
        it.turned_away as f64 / it.observed_arrivals as f64
    });
    case.check(&stations, "L", 8.391_550_462, |it| it.present.mean(horizon).unwrap());
    case.check(&stations, "Lq", 0.631_854_731, |it| it.queued.mean(horizon).unwrap());
    case.check(&stations, "Wq", 0.081_427_772, |it| mean_seconds(&it.waits));
    case.check(&stations, "utilization", 0.775_969_573, |it| it.busy.mean(horizon).unwrap() / 10.0);
}

#[test]
fn tv_42_loss_does_not_depend_on_the_distribution_of_service() {
    let (mu, sigma) = variates::lognormal_from_mean_cv(1.0, 2.0);
    for service in [EXPONENTIAL, Service::Constant { mean: 1.0 }, Service::LogNormal { mu, sigma }]
    {
        let mut case = Case::new("M/G/10/10", 8.0, service, 10);
        (case.room, case.seconds) = (10, 4_000);
        let stations = case.run(7);
        let horizon = case.horizon();
        case.check(&stations, "loss", 0.121_661_064, |it| {
            it.turned_away as f64 / it.observed_arrivals as f64
        });
        case.check(&stations, "L", 7.026_711_485, |it| it.present.mean(horizon).unwrap());
    }
}

#[test]
fn tv_42_md1_waits_half_as_long() {
    let case = Case::new("M/D/1 0.8", 0.8, Service::Constant { mean: 1.0 }, 1);
    let stations = case.run(8);
    case.check_means(&stations, 2.0, 0.8, 1.0);
    for (seconds, below) in [(1.0, 0.445_108), (2.0, 0.634_520), (5.0, 0.899_503)] {
        case.check(&stations, "P(wait > t)", 1.0 - below, |it| share_above(&it.waits, seconds));
    }
}

#[test]
fn tv_42_mg1_with_a_hyperexponential_of_squared_variation_4() {
    let distribution = variates::HyperExponential::new(1.0, 4.0).unwrap();
    let mut case = Case::new("M/H2/1 0.8", 0.8, Service::HyperExponential(distribution), 1);
    case.warm_up_seconds = 12_000;
    case.check_means(&case.run(9), 10.0, 0.8, 1.0);
}

#[test]
fn tv_42_mg1_with_a_lognormal() {
    for (rate, cv, mean_wait) in [(0.8, 0.5, 2.5), (0.7, 1.0, 2.333_333_333)] {
        let (mu, sigma) = variates::lognormal_from_mean_cv(1.0, cv);
        let case = Case::new("M/LN/1", rate, Service::LogNormal { mu, sigma }, 1);
        case.check_means(&case.run(10), mean_wait, rate, 1.0);
    }
}

#[test]
fn tv_42_mg_infinity_fills_from_empty() {
    // 20·P(residual service ≤ t): the mean number present at three instants, over 2 000 runs.
    for (seconds, exponential, constant) in
        [(0.5, 7.869_387, 10.0), (1.0, 12.642_411, 20.0), (3.0, 19.004_259, 20.0)]
    {
        for (service, expected) in
            [(EXPONENTIAL, exponential), (Service::Constant { mean: 1.0 }, constant)]
        {
            let present = |replication| {
                let station = Station::new(11, replication, 20.0, service, u64::MAX);
                station.run_to(SimTime::ZERO + SimDuration::from_secs_f64(seconds)).present.value()
                    as f64
            };
            let counts: Vec<f64> = (0..2_000).map(present).collect();
            let moments = Moments::of(&counts);
            // The number is Poisson: its variance is its mean, exactly.
            let se = libm::sqrt(expected / counts.len() as f64);
            close(moments.mean(), expected, 4.0 * se);
            close(
                moments.variance().unwrap() / expected,
                1.0,
                4.0 * libm::sqrt(2.0 / counts.len() as f64),
            );
        }
    }
}

#[test]
fn little_holds_on_the_path_to_the_nanosecond() {
    for (servers, rate) in [(1, 0.95), (3, 2.9), (10, 8.0)] {
        let horizon = SimTime::from_secs(5_000);
        let mut station = Station::new(12, 0, rate, EXPONENTIAL, servers);
        station.keep_customers = true;
        let station = station.run_to(horizon);
        let end = horizon.as_nanos();
        let age = |&(arrival, departure): &(u64, Option<u64>)| {
            u128::from(departure.unwrap_or(end) - arrival)
        };
        assert_eq!(station.present.total_at(horizon), station.lives.iter().map(age).sum::<u128>());
        let there = station.lives.iter().filter(|(_, departure)| departure.is_none()).count();
        assert_eq!(station.present.value(), there as u64);
        assert!(station.lives.len() > 4_000);
    }
}

#[test]
fn little_holds_from_empty_to_empty() {
    let mut station = Station::new(13, 0, 0.9, EXPONENTIAL, 1);
    (station.customers, station.keep_customers) = (20_000, true);
    let station = station.run_to_the_end();
    let sojourns: u128 = station.sojourns.iter().map(|&length| u128::from(length)).sum();
    assert_eq!(station.present.total_at(SimTime::MAX), sojourns);
    assert_eq!((station.present.value(), station.sojourns.len()), (0, 20_000));
}

/// The band that the number of hits of `n` intervals with coverage 95 % leaves with probability 1e-4.
fn band(n: u32) -> (u32, u32) {
    let probability = |k: u32| {
        let (n, k) = (f64::from(n), f64::from(k));
        let ways = libm::lgamma(n + 1.0) - libm::lgamma(k + 1.0) - libm::lgamma(n - k + 1.0);
        libm::exp(ways + k * libm::log(0.95) + (n - k) * libm::log(0.05))
    };
    // The least k whose tail, summed from one end, exceeds half of the error.
    let end = |order: Vec<u32>| {
        let mut sum = 0.0;
        order.into_iter().find(|&k| {
            sum += probability(k);
            sum > 0.5e-4
        })
    };
    (end((0..=n).collect()).unwrap(), end((0..=n).rev().collect()).unwrap())
}

#[track_caller]
fn check_coverage(n: u32, covers: impl Fn(u64) -> bool) {
    let hits = (0..n).filter(|&index| covers(u64::from(index))).count() as u32;
    let (low, high) = band(n);
    assert!((low..=high).contains(&hits), "{hits} of {n}, expected {low} to {high}");
}

#[test]
fn intervals_of_normal_values_cover_in_95_of_100_cases() {
    check_coverage(4_000, |index| {
        let key = StreamKey::new(14, 0, "coverage", index);
        let values: Vec<f64> =
            (0..5).map(|item| 3.0 + 2.0 * variates::standard_normal(key.at(item))).collect();
        mean_interval(&values, 0.95).unwrap().contains(3.0)
    });
}

#[test]
fn intervals_of_simulated_waits_cover_in_95_of_100_cases() {
    // The station starts in its stationary state (geometric), so that every customer's expected wait
    // is exactly ρ/(μ − λ) and the truth is known for a run of any length.
    const RATE: f64 = 0.5;
    check_coverage(400, |index| {
        let mean_wait = |replication: u64| {
            let replication = index * 10 + replication;
            let mut station = Station::new(15, replication, RATE, EXPONENTIAL, 1);
            let bits = StreamKey::new(15, replication, "start", 0).at(0);
            let start = libm::floor(variates::standard_exponential(bits) / -libm::log(RATE)) as u64;
            let mut scheduler = Scheduler::new(Limits::default());
            // What is there at the start is not observed; the observation starts right after it.
            station.warm_up = SimTime::from_nanos(1);
            station.customers = 500;
            station.fill(start, &mut scheduler);
            station.run_until(&mut scheduler, SimTime::MAX);
            mean_seconds(&station.waits)
        };
        let values: Vec<f64> = (0..10).map(mean_wait).collect();
        mean_interval(&values, 0.95).unwrap().contains(RATE / (1.0 - RATE))
    });
}

#[test]
fn an_interval_that_is_too_narrow_would_be_found() {
    let (low, high) = band(400);
    // 90 % coverage expects 360 hits.
    assert!(low > 360 && high < 397, "{low} {high}");
}

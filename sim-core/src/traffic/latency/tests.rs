use super::super::fluid::ServingCapacity;
use super::*;
use crate::units::Cpu;
use proptest::prelude::*;

/// Tasks of `cores` vCPU and requests of one second, so that S = 1 as in the tables.
fn capacity(tasks: u32, cores: u32, algorithm: BalancingAlgorithm) -> ServingCapacity {
    ServingCapacity {
        healthy_tasks: tasks,
        balanced_tasks: tasks,
        cpu_per_task: Cpu::from_ecs_units(1024 * cores),
        cpu_per_request: SimDuration::from_secs(1),
        other_latency: SimDuration::ZERO,
        algorithm,
        variability: Variability::default(),
        timeout: SimDuration::from_secs(1000),
    }
}

/// A time-out that nothing reaches.
const NEVER: SimDuration = SimDuration::from_secs(10_000_000_000);

fn one_task(cores: u32, rho: f64) -> ResponseTime {
    ResponseTime::stationary(&capacity(1, cores, BalancingAlgorithm::WeightedRandom), rho)
}

#[track_caller]
fn close(actual: f64, expected: f64, relative: f64) {
    assert!((actual / expected - 1.0).abs() <= relative, "{actual} is not {expected}");
}

#[test]
fn mm1_table() {
    for (rho, w, p50, p95, p99) in [
        (0.3, 1.428_57, 0.990_21, 4.279_62, 6.578_81),
        (0.5, 2.0, 1.386_29, 5.991_46, 9.210_34),
        (0.7, 3.333_33, 2.310_49, 9.985_77, 15.350_6),
        (0.8, 5.0, 3.465_74, 14.978_7, 23.025_9),
        (0.9, 10.0, 6.931_47, 29.957_3, 46.051_7),
        (0.95, 20.0, 13.862_9, 59.914_6, 92.103_4),
    ] {
        let response = one_task(1, rho);
        close(response.mean_seconds(), w, 4e-6);
        close(response.quantile(0.5).as_secs_f64(), p50, 4e-6);
        close(response.quantile(0.95).as_secs_f64(), p95, 4e-6);
        close(response.quantile(0.99).as_secs_f64(), p99, 4e-6);
    }
}

const MMC: [(u32, f64, f64, f64, f64); 15] = [
    (2, 0.5, 1.333_333, 3.816_46, 5.665_96),
    (2, 0.8, 2.777_778, 7.910_68, 11.937_37),
    (2, 0.9, 5.263_158, 15.297_24, 23.344_43),
    (4, 0.5, 1.086_957, 3.149_70, 4.764_25),
    (4, 0.8, 1.745_541, 4.738_02, 6.893_20),
    (4, 0.9, 2.969_383, 8.165_52, 12.193_17),
    (8, 0.8, 1.286_028, 3.508_44, 5.152_18),
    (8, 0.9, 1.876_916, 4.925_15, 7.087_35),
    (10, 0.7, 1.073_910, 3.100_67, 4.710_30),
    (10, 0.8, 1.204_590, 3.328_27, 4.946_11),
    (10, 0.9, 1.668_732, 4.360_87, 6.249_88),
    (20, 0.9, 1.275_385, 3.422_83, 5.041_62),
    (50, 0.9, 1.072_773, 3.082_80, 4.692_23),
    (100, 0.9, 1.021_694, 3.019_55, 4.628_99),
    (100, 0.95, 1.101_291, 3.114_95, 4.724_39),
];

#[test]
fn mmc_table() {
    for (c, rho, w, p95, p99) in MMC {
        let response = one_task(c, rho);
        close(response.mean_seconds(), w, 2e-5);
        close(response.quantile(0.95).as_secs_f64(), p95, 2e-5);
        close(response.quantile(0.99).as_secs_f64(), p99, 2e-5);
    }
}

#[test]
fn least_outstanding_pools_the_tasks() {
    for (c, rho, w, p95, _) in MMC {
        let pooled = capacity(c, 1, BalancingAlgorithm::LeastOutstandingRequests);
        let response = ResponseTime::stationary(&pooled, rho);
        close(response.mean_seconds(), w, 2e-5);
        close(response.quantile(0.95).as_secs_f64(), p95, 2e-5);
    }
}

#[test]
fn waiting_tail_of_mmc() {
    // λ=8, c=10: the wait exceeds t with C·e^(−2t); response minus an own service time.
    let response = one_task(10, 0.8);
    let s = response.pieces[0].stationary;
    close(s.theta, 2.0, 1e-12);
    close(s.mean, 1.204_590_075, 1e-9);
    let delay = s.b * (s.mu - s.theta) / s.mu;
    for (t, p) in [(0.2, 0.274_281_658), (0.5, 0.150_528_965), (1.0, 0.055_376_512)] {
        close(delay * libm::exp(-s.theta * t), p, 1e-8);
    }
}

#[test]
fn weighted_random_leaves_each_task_its_own_queue() {
    for (rho, w) in [(0.5, 2.0), (0.7, 3.333_33), (0.8, 5.0), (0.9, 10.0), (0.95, 20.0)] {
        let random = capacity(10, 1, BalancingAlgorithm::WeightedRandom);
        close(ResponseTime::stationary(&random, rho).mean_seconds(), w, 2e-6);
    }
}

/// Mean of E_n/M/1 at S = 1.
const ROUND_ROBIN: [(u32, f64, f64); 11] = [
    (10, 0.5, 1.324_64),
    (10, 0.7, 2.019_80),
    (10, 0.8, 2.922_27),
    (10, 0.9, 5.660_28),
    (10, 0.95, 11.154_95),
    (2, 0.5, 1.618_03),
    (2, 0.8, 3.843_98),
    (2, 0.9, 7.588_28),
    (4, 0.5, 1.432_52),
    (4, 0.8, 3.267_38),
    (4, 0.9, 6.383_05),
];

#[test]
fn round_robin_table() {
    for (n, rho, w) in ROUND_ROBIN {
        let round_robin = capacity(n, 1, BalancingAlgorithm::RoundRobin);
        let response = ResponseTime::stationary(&round_robin, rho);
        close(response.mean_seconds(), w, 5e-6);
        // The response of GI/M/1 is exponential.
        close(response.quantile(0.99).as_secs_f64(), w * libm::log(100.0), 5e-6);
    }
}

#[test]
fn round_robin_over_many_tasks_tends_to_regular_arrivals() {
    // D/M/1.
    for (rho, w) in
        [(0.5, 1.255_00), (0.7, 1.876_16), (0.8, 2.692_73), (0.9, 5.178_66), (0.95, 10.172_43)]
    {
        let round_robin = capacity(4_000_000, 1, BalancingAlgorithm::RoundRobin);
        close(ResponseTime::stationary(&round_robin, rho).mean_seconds(), w, 5e-6);
    }
}

#[test]
fn round_robin_over_larger_tasks_agrees_with_allen_cunneen() {
    // Mean wait of G/G/c near M/M/c × (1/n + 1)/2, which is sharp in heavy traffic only.
    for (n, c, rho) in [(4, 2, 0.95), (10, 2, 0.95), (10, 4, 0.98), (2, 8, 0.95)] {
        let round_robin = capacity(n, c, BalancingAlgorithm::RoundRobin);
        let wait = ResponseTime::stationary(&round_robin, rho).mean_seconds() - 1.0;
        let poisson = one_task(c, rho).mean_seconds() - 1.0;
        close(wait, poisson * (1.0 / f64::from(n) + 1.0) / 2.0, 0.05);
    }
}

#[test]
fn round_robin_over_one_task_is_mmc() {
    for (c, rho, w, _, p99) in MMC {
        let one = ResponseTime::stationary(&capacity(1, c, BalancingAlgorithm::RoundRobin), rho);
        close(one.mean_seconds(), w, 2e-5);
        close(one.quantile(0.99).as_secs_f64(), p99, 2e-5);
    }
}

#[test]
fn a_quarter_vcpu_is_one_slow_server() {
    let mut quarter = capacity(1, 1, BalancingAlgorithm::WeightedRandom);
    quarter.cpu_per_task = Cpu::from_ecs_units(256);
    // S = 1/0.25 = 4 s, M/M/1 at 0.5: W = 8 s.
    close(ResponseTime::stationary(&quarter, 0.5).mean_seconds(), 8.0, 1e-12);
}

#[test]
fn other_latency_shifts_everything() {
    let mut shifted = capacity(1, 2, BalancingAlgorithm::WeightedRandom);
    shifted.other_latency = SimDuration::from_secs(3);
    let plain = one_task(2, 0.8);
    let response = ResponseTime::stationary(&shifted, 0.8);
    close(response.mean_seconds(), plain.mean_seconds() + 3.0, 1e-12);
    close(response.quantile(0.95).as_secs_f64(), plain.quantile(0.95).as_secs_f64() + 3.0, 1e-8);
    close(response.tail(SimDuration::from_millis(2_999)), 1.0, 1e-15);
}

fn quantile_of(parts: &[(u128, ResponseTime)], p: f64, guess: Option<f64>) -> Option<SimDuration> {
    ResponseMixture::new(parts).map(|mixture| mixture.quantile(p, guess))
}

/// The largest relative difference that a guess makes.
fn tail_quantile_from_everywhere(calm: ResponseTime, busy: ResponseTime) -> f64 {
    let parts = [(300, calm), (100, busy)];
    let of = |guess| quantile_of(&parts, 0.95, guess).unwrap().as_secs_f64();
    let right = of(None);
    let guesses = [1e-9, 0.1 * right, 0.9 * right, 1.1 * right, 10.0 * right, 1e6];
    let differences = guesses.map(|guess| (of(Some(guess)) / right - 1.0).abs());
    differences.into_iter().fold(0.0, f64::max)
}

#[test]
fn quantiles_over_several_segments_weigh_by_requests() {
    let (calm, busy) = (one_task(1, 0.5), one_task(1, 0.9));
    let tail = |t: SimDuration| 0.75 * calm.tail(t) + 0.25 * busy.tail(t);
    for p in [0.5, 0.95, 0.99] {
        let t = quantile_of(&[(300, calm), (100, busy), (0, calm)], p, None).unwrap();
        assert!((tail(t) - (1.0 - p)).abs() < 1e-6);
    }
    let near = tail_quantile_from_everywhere(calm, busy);
    assert!(near < 1e-6, "{near}");
    let alone = quantile_of(&[(7, busy)], 0.95, None).unwrap();
    close(alone.as_secs_f64(), busy.quantile(0.95).as_secs_f64(), 1e-6);
    assert_eq!(quantile_of(&[(0, calm)], 0.5, None), None);
}

#[test]
fn a_ramp_of_waits_is_averaged_exactly() {
    // Wait uniform on [2, 5], response exponential with mean 2: by numerical integration.
    let stationary = one_task(1, 0.5).pieces[0].stationary;
    let piece = Piece { weight: 1.0, wait_low: 2.0, wait_high: 5.0, stationary };
    let response = ResponseTime::new([piece, Piece::NONE], SimDuration::ZERO, NEVER);
    close(response.mean_seconds(), 5.5, 1e-12);
    for t in [2.5_f64, 4.0, 5.0, 7.0, 30.0] {
        let n = 30_000;
        let tail_at = |i: i32| {
            let wait = 2.0 + 3.0 * (f64::from(i) + 0.5) / f64::from(n);
            if t < wait { 1.0 } else { libm::exp(-(t - wait) / 2.0) }
        };
        let expected = (0..n).map(tail_at).sum::<f64>() / f64::from(n);
        close(response.tail(SimDuration::from_secs_f64(t)), expected, 2e-5);
    }
    close(response.tail(SimDuration::from_secs(2)), 1.0, 1e-12);
}

#[test]
fn nothing_takes_longer_than_the_time_out() {
    // M/M/1 with mean 2: E[min(T, 3)] = 2 (1 − e^−1.5).
    let mut capacity = capacity(1, 1, BalancingAlgorithm::WeightedRandom);
    capacity.timeout = SimDuration::from_secs(3);
    let response = ResponseTime::stationary(&capacity, 0.5);
    close(response.mean_seconds(), 2.0 * (1.0 - libm::exp(-1.5)), 1e-12);
    close(response.tail(SimDuration::from_millis(2_999)), libm::exp(-2.999 / 2.0), 1e-12);
    assert!(response.tail(SimDuration::from_secs(3)) <= 0.0);
    close(response.quantile(0.5).as_secs_f64(), 2.0 * libm::log(2.0), 1e-9);
    assert_eq!(response.quantile(0.9), SimDuration::from_secs(3));
    let parts = [(10, response), (30, response)];
    assert_eq!(quantile_of(&parts, 0.9, None), Some(SimDuration::from_secs(3)));
}

proptest! {
    /// The mean is the area under the tail, also where the time-out cuts it.
    #[test]
    fn the_mean_is_the_area_under_the_tail(
        cores in 1_u32..5,
        rho in 0.0..1.0_f64,
        weight in 0.0..1.0_f64,
        low in 0.0..20.0_f64,
        width in prop_oneof![0.0..20.0_f64, Just(0.0)],
        longest in 1_u64..40,
    ) {
        let stationary = one_task(cores, rho).pieces[0].stationary;
        let crowded = Piece { weight, wait_low: low, wait_high: low + width, stationary };
        let calm = Piece { weight: 1.0 - weight, wait_low: 0.0, wait_high: 0.0, stationary };
        let timeout = SimDuration::from_secs(longest);
        let response =
            ResponseTime::new([crowded, calm], SimDuration::from_millis(500), timeout);
        let steps = 4000;
        let step = longest as f64 / f64::from(steps);
        let area: f64 = (0..steps)
            .map(|k| response.tail(SimDuration::from_secs_f64((f64::from(k) + 0.5) * step)) * step)
            .sum();
        let mean = response.mean_seconds();
        prop_assert!((area - mean).abs() < 3.0 * step, "{} {}", area, mean);
    }

    /// Tails fall, lie in [0, 1], and quantiles invert them, for any load and any mixture.
    #[test]
    fn quantiles_invert_the_tail(
        tasks in 1_u32..3000,
        units in 1_u32..20_000,
        cpu_ms in 1_u64..100_000,
        algorithm in prop::sample::select(vec![
            BalancingAlgorithm::RoundRobin,
            BalancingAlgorithm::LeastOutstandingRequests,
            BalancingAlgorithm::WeightedRandom,
        ]),
        rho in 0.0..1.2_f64,
        weight in 0.0..1.0_f64,
        low in 0.0..100.0_f64,
        width in 0.0..100.0_f64,
        p in 0.0..0.9999_f64,
    ) {
        let mut capacity = capacity(tasks, 1, algorithm);
        capacity.cpu_per_task = Cpu::from_ecs_units(units);
        capacity.cpu_per_request = SimDuration::from_millis(cpu_ms);
        let stationary = ResponseTime::stationary(&capacity, rho).pieces[0].stationary;
        let crowded = Piece { weight, wait_low: low, wait_high: low + width, stationary };
        let calm = Piece { weight: 1.0 - weight, wait_low: 0.0, wait_high: 0.0, stationary };
        let response = ResponseTime::new([crowded, calm], SimDuration::from_millis(7), NEVER);
        let mut before = 1.0;
        for k in 0..60 {
            let tail = response.tail(SimDuration::from_secs_f64(f64::from(k * k) / 20.0));
            prop_assert!((0.0..=1.0).contains(&tail));
            prop_assert!(tail <= before + 1e-9);
            before = tail;
        }
        let t = response.quantile(p).as_nanos();
        let at = response.tail(SimDuration::from_nanos(t + t / 100_000_000 + 2));
        prop_assert!(at <= 1.0 - p + 1e-7, "{} {}", at, 1.0 - p);
        if 7_000_000 < t {
            let below = response.tail(SimDuration::from_nanos(t - t / 100_000_000 - 2));
            prop_assert!(1.0 - p - 1e-7 <= below, "{} {}", below, 1.0 - p);
        }
    }

    /// Busier is slower.
    #[test]
    fn utilization_never_shortens_the_mean(
        tasks in 1_u32..400,
        rho in 0.0..0.98_f64,
        more in 0.0..0.02_f64,
        round_robin: bool,
    ) {
        let algorithm = if round_robin {
            BalancingAlgorithm::RoundRobin
        } else {
            BalancingAlgorithm::LeastOutstandingRequests
        };
        let capacity = capacity(tasks, 1, algorithm);
        let calm = ResponseTime::stationary(&capacity, rho).mean_seconds();
        let busy = ResponseTime::stationary(&capacity, rho + more).mean_seconds();
        prop_assert!(calm <= busy * (1.0 + 1e-7));
    }
}

/// Allen and Cunneen: the mean wait at one core is that of M/M/1 times `(a² + s²)/2`, which for Poisson
/// arrivals is exact (Pollaczek and Khinchine).
#[test]
fn waits_stretch_with_the_variability() {
    let servers = |algorithm, arrivals, service, tasks| Servers {
        tasks,
        balanced_tasks: tasks,
        vcpu: 1.0,
        cpu_seconds: 1.0,
        algorithm,
        variability: Variability { arrivals, service, sharing: false },
    };
    let wait = |algorithm, arrivals, service, tasks| {
        Stationary::new(servers(algorithm, arrivals, service, tasks), 0.8).mean - 1.0
    };
    let [in_turn, least, random] = [
        BalancingAlgorithm::RoundRobin,
        BalancingAlgorithm::LeastOutstandingRequests,
        BalancingAlgorithm::WeightedRandom,
    ];
    for (service, expected) in [(0.0, 2.0), (0.5, 3.0), (1.0, 4.0), (4.0, 10.0)] {
        for algorithm in [least, in_turn, random] {
            assert!((wait(algorithm, 1.0, service, 1) - expected).abs() < 1e-9);
        }
    }
    assert!((wait(least, 4.0, 1.0, 1) - 10.0).abs() < 1e-9);
    // Random choice among four: (1 + 3/4 + 1)/2 of the wait.
    assert!((wait(random, 4.0, 1.0, 4) - 5.5).abs() < 1e-9);
    // In turn, gaps of gamma law with squared coefficient 4/4 are exponential again.
    assert!((wait(in_turn, 4.0, 1.0, 4) - 4.0).abs() < 1e-9);
    // Nothing varies: nobody waits.
    assert!(wait(least, 0.0, 0.0, 1) < 1e-5);
    assert!(wait(in_turn, 0.0, 0.0, 1) < 1e-5);
}

/// One-core tasks that share their CPU, with requests of one second.
fn sharing(arrivals: f64) -> Servers {
    let variability = Variability { arrivals, service: 1.0, sharing: true };
    Servers {
        tasks: 1,
        balanced_tasks: 1,
        vcpu: 1.0,
        cpu_seconds: 1.0,
        algorithm: BalancingAlgorithm::WeightedRandom,
        variability,
    }
}

#[test]
fn sharing_has_the_mean_and_variance_of_coffman_muntz_and_trotter() {
    for rho in [0.1, 0.5, 0.8, 0.9, 0.95] {
        let (law, lost) = Stationary::shared(sharing(1.0), rho, 1e7);
        assert!(lost < 1e-9);
        close(law.mean, 1.0 / (1.0 - rho), 1e-6);
        // E[T²] = 2 ∫ t P(T>t) dt of exponentials.
        let square = 2.0 * (law.a / (law.mu * law.mu) + law.b / (law.theta * law.theta));
        close(square / (law.mean * law.mean) - 1.0, (2.0 + rho) / (2.0 - rho), 1e-4);
    }
}

#[test]
fn above_a_load_of_one_those_who_stay_are_as_many_as_can_be_served() {
    // Gromoll, Robert and Zwart: n = dμ/−ln(1 − 1/ρ) requests at a core, of which those with less than d/n of CPU time end.
    for load in [1.1, 1.2, 1.5, 2.0] {
        let (law, lost) = Stationary::shared(sharing(1.0), load, 2_000.0);
        assert!((lost - (1.0 - 1.0 / load)).abs() < 0.01, "{load}: {lost}");
        let a = -libm::log1p(-1.0 / load);
        let stretch = 2_000.0 / a;
        let mean = stretch * (1.0 - a * libm::exp(-a) / (1.0 - libm::exp(-a)));
        assert!((law.mean / mean - 1.0).abs() < 0.02, "{load}: {} {mean}", law.mean);
        // Nobody who is answered takes longer than the time-out.
        let (tail, _) = law.tail_and_density(2_000.0);
        assert!(tail.abs() < 1e-9, "{tail}");
    }
}

#[test]
fn the_mean_of_shared_responses_is_the_area_under_their_tail() {
    for (load, timeout) in [(0.5, 3.0), (0.9, 20.0), (1.0, 200.0), (1.3, 50.0), (0.97, 0.5)] {
        let (law, lost) = Stationary::shared(sharing(4.0), load, timeout);
        assert!((0.0..1.0).contains(&lost));
        let n = 20_000;
        let step = timeout / f64::from(n);
        let area: f64 =
            (0..n).map(|i| law.tail_and_density((f64::from(i) + 0.5) * step).0 * step).sum();
        assert!((law.mean / area - 1.0).abs() < 1e-4, "{load}: {} {area}", law.mean);
    }
}

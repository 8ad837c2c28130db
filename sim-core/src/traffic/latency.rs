//! Response time of the requests of one segment.
//!
//! # Model
//!
//! A request's response time is its wait in the fluid backlog, plus the stationary response time of a
//! queue with Poisson arrivals and exponential service, plus the constant part that is not CPU.
//!
//! A task with `v` vCPU and `D` CPU time per request is `c = ceil(v)` servers with mean service time
//! `S = D·c/v`, so that its capacity is `v/D` and one request never runs on more than one core. The
//! balancer decides which queue that makes:
//!
//! * `weighted_random`: each task is M/M/c on its own;
//! * `least_outstanding_requests`: one shared queue, M/M/(n·c) (a lower bound which the algorithm
//!   approaches);
//! * `round_robin`: each task sees every n-th arrival, hence Erlang interarrival times, E_n/M/c. The
//!   wait exceeds `t` with probability `C·e^{−cμ(1−σ)t}`, `σ` the root below 1 of
//!   `σ = (1 + (1−σ)/(nρ))^{−n}`. For one core `C = σ` and everything is exact (tested against
//!   E_n/M/1). For more cores the decay is exact and `C` is approximated by that of M/M/c times
//!   `σ/ρ`, which is exact for one core and for one task.
//!
//! With first-come first-served service, `P(T>t) = (1−C)e^{−μt} + C(θe^{−μt} − μe^{−θt})/(θ−μ)`, where
//! `C` is the probability of waiting and `θ` the decay of the wait. Processor sharing has the same
//! mean, whatever the distribution of service.
//!
//! The stationary part takes its utilization as at most 0.99, also while a backlog exists: what goes
//! beyond it is in the backlog.

use super::erlang::erlang_c;
use crate::scenario::BalancingAlgorithm;
use crate::units::SimDuration;

/// Utilization above which the stationary part of a response time no longer grows.
pub const MAX_STATIONARY_UTILIZATION: f64 = 0.99;

/// Stationary response time in seconds: `P(T>t) = a·e^{−mu·t} + b·e^{−theta·t}` for `t ≥ 0`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stationary {
    mu: f64,
    theta: f64,
    a: f64,
    b: f64,
    /// Zero if a response takes no time at all; the other fields are not used then.
    mean: f64,
}

/// Number and speed of the queues that a service's tasks form.
#[derive(Clone, Copy, Debug)]
pub(super) struct Servers {
    pub(super) tasks: u32,
    /// vCPU of a task, above zero.
    pub(super) vcpu: f64,
    /// CPU seconds of a request, above zero.
    pub(super) cpu_seconds: f64,
    pub(super) algorithm: BalancingAlgorithm,
}

impl Stationary {
    /// No time at all.
    pub(super) const INSTANT: Self = Self {
        mu: 1.0,
        theta: 1.0,
        a: 0.0,
        b: 0.0,
        mean: 0.0,
    };

    /// At utilization `rho` of the given servers.
    pub(super) fn new(servers: Servers, rho: f64) -> Self {
        let rho = rho.clamp(0.0, MAX_STATIONARY_UTILIZATION);
        let cores = libm::ceil(servers.vcpu).max(1.0);
        let mu = servers.vcpu / (servers.cpu_seconds * cores);
        let tasks = f64::from(servers.tasks.max(1));
        // GI/M/c: the wait exceeds t with probability delay·e^(−theta·t), theta = c·mu·(1−sigma).
        let (count, sigma) = match servers.algorithm {
            BalancingAlgorithm::WeightedRandom => (cores, rho),
            BalancingAlgorithm::LeastOutstandingRequests => (cores * tasks, rho),
            BalancingAlgorithm::RoundRobin => (cores, erlang_arrivals_root(tasks, rho)),
        };
        let poisson_delay = erlang_c(count as u64, rho * count);
        let delay = if 0.0 < rho {
            poisson_delay * (sigma / rho)
        } else {
            0.0
        };
        Self::from_rates(mu, count * mu * (1.0 - sigma), delay)
    }

    fn from_rates(mu: f64, theta: f64, delay: f64) -> Self {
        // The two exponentials cancel where the rates meet. Moving one by a hundred thousandth costs
        // less than that in any quantile and keeps ten digits of the tail.
        let theta = if (theta - mu).abs() < 1e-5 * mu {
            mu * (1.0 - 1e-5)
        } else {
            theta
        };
        let b = -delay * mu / (theta - mu);
        let a = 1.0 - b;
        Self {
            mu,
            theta,
            a,
            b,
            mean: 1.0 / mu + delay / theta,
        }
    }

    /// `(P(T>t), density at t)`.
    fn tail_and_density(&self, t: f64) -> (f64, f64) {
        if t < 0.0 {
            return (1.0, 0.0);
        }
        if self.mean <= 0.0 {
            return (0.0, 0.0);
        }
        let x = self.a * libm::exp(-self.mu * t);
        let y = self.b * libm::exp(-self.theta * t);
        (x + y, x * self.mu + y * self.theta)
    }

    /// `(E[(T−t)+], P(T>t))`.
    fn excess_and_tail(&self, t: f64) -> (f64, f64) {
        if t < 0.0 {
            return (self.mean - t, 1.0);
        }
        if self.mean <= 0.0 {
            return (0.0, 0.0);
        }
        let x = self.a * libm::exp(-self.mu * t);
        let y = self.b * libm::exp(-self.theta * t);
        (x / self.mu + y / self.theta, x + y)
    }
}

/// The root below 1 of `σ = (1 + (1−σ)/(nρ))^{−n}`, for `ρ < 1`.
fn erlang_arrivals_root(n: f64, rho: f64) -> f64 {
    if rho <= 0.0 {
        return 0.0;
    }
    let mut sigma = 0.0;
    // The right side is convex and above σ at 0, so that Newton's method climbs to the smaller root
    // without passing it; it takes about eight steps at ρ = 0.99.
    for _ in 0..50 {
        let x = (1.0 - sigma) / (n * rho);
        let value = libm::exp(-n * libm::log1p(x));
        let slope = value / (rho * (1.0 + x));
        let step = (value - sigma) / (1.0 - slope);
        sigma += step;
        if step <= 1e-14 {
            break;
        }
    }
    sigma.clamp(0.0, rho)
}

/// Requests whose wait in the backlog is uniform between two values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Piece {
    /// Share of the segment's served requests.
    pub(super) weight: f64,
    /// Shortest wait in seconds.
    pub(super) wait_low: f64,
    /// Longest wait in seconds.
    pub(super) wait_high: f64,
    pub(super) stationary: Stationary,
}

impl Piece {
    pub(super) const NONE: Self = Self {
        weight: 0.0,
        wait_low: 0.0,
        wait_high: 0.0,
        stationary: Stationary::INSTANT,
    };

    fn mean(&self) -> f64 {
        f64::midpoint(self.wait_low, self.wait_high) + self.stationary.mean
    }

    fn tail_and_density(&self, t: f64) -> (f64, f64) {
        let width = self.wait_high - self.wait_low;
        // A narrow range is a point: the difference quotient below would lose its digits.
        if width <= 1e-6 * self.mean() {
            return self
                .stationary
                .tail_and_density(t - f64::midpoint(self.wait_low, self.wait_high));
        }
        let (late, late_tail) = self.stationary.excess_and_tail(t - self.wait_high);
        let (early, early_tail) = self.stationary.excess_and_tail(t - self.wait_low);
        ((late - early) / width, (late_tail - early_tail) / width)
    }
}

/// Distribution of the response time of the requests that one segment served.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ResponseTime {
    /// At most two pieces; the weights add up to 1.
    pieces: [Piece; 2],
    /// Constant part in seconds.
    other: f64,
}

impl ResponseTime {
    pub(super) fn new(pieces: [Piece; 2], other_latency: SimDuration) -> Self {
        Self {
            pieces,
            other: other_latency.as_secs_f64(),
        }
    }

    /// Without backlog, at utilization `rho` of `tasks` healthy tasks.
    ///
    /// For questions outside a run, such as a table of latency over utilization. A request without
    /// CPU time, or a task without CPU, yields the constant part alone.
    pub fn stationary(capacity: &super::fluid::ServingCapacity, rho: f64) -> Self {
        let stationary = capacity
            .servers()
            .map_or(Stationary::INSTANT, |servers| Stationary::new(servers, rho));
        let piece = Piece {
            weight: 1.0,
            wait_low: 0.0,
            wait_high: 0.0,
            stationary,
        };
        Self::new([piece, Piece::NONE], capacity.other_latency)
    }

    /// Probability that a request takes longer than `bound`.
    pub fn tail(&self, bound: SimDuration) -> f64 {
        self.tail_and_density(bound.as_secs_f64()).0.clamp(0.0, 1.0)
    }

    /// Mean in seconds.
    pub fn mean_seconds(&self) -> f64 {
        self.other
            + self
                .pieces
                .iter()
                .map(|piece| piece.weight * piece.mean())
                .sum::<f64>()
    }

    /// The `p`-quantile, to a relative error of 1e-9 beyond that of the tail; `p` is taken as within
    /// `[0, 1 − 1e-9]`.
    pub fn quantile(&self, p: f64) -> SimDuration {
        let above = (1.0 - p).clamp(1e-9, 1.0);
        SimDuration::from_secs_f64(self.solve(above, self.shortest(), self.mean_seconds(), 1e-10))
    }

    /// Shortest possible response in seconds.
    pub(super) fn shortest(&self) -> f64 {
        let used = self.pieces.iter().filter(|piece| 0.0 < piece.weight);
        self.other
            + used
                .map(|piece| piece.wait_low)
                .fold(f64::INFINITY, f64::min)
                .min(1e300)
    }

    /// Smallest `t ≥ low` with `P(T>t) ≤ above`, to a relative `tolerance`, by Newton's method on the
    /// logarithm of the tail (one step for an exponential), kept inside a bracket by bisection.
    pub(super) fn solve(&self, above: f64, low: f64, guess: f64, tolerance: f64) -> f64 {
        let mean = self.mean_seconds();
        let mut low = low;
        let mut high = f64::INFINITY;
        let mut t = guess.max(low);
        // Doubling, then halving, ends long before this.
        for _ in 0..200 {
            let (tail, density) = self.tail_and_density(t);
            if above < tail {
                low = t;
            } else {
                high = t;
            }
            let newton = t + libm::log(tail / above) * tail / density;
            // On a plateau of the tail, between two pieces, the step would be boundless.
            let next = if high.is_finite() {
                if low < newton && newton < high {
                    newton
                } else {
                    f64::midpoint(low, high)
                }
            } else if low < newton && newton < 2.0 * t + mean {
                newton
            } else {
                2.0 * t + mean
            };
            if (next - t).abs() <= tolerance * next || high - low <= tolerance * low {
                return next;
            }
            t = next;
        }
        t
    }

    fn tail_and_density(&self, t: f64) -> (f64, f64) {
        let mut tail = 0.0;
        let mut density = 0.0;
        for piece in &self.pieces {
            if 0.0 < piece.weight {
                let (p, d) = piece.tail_and_density(t - self.other);
                tail += piece.weight * p;
                density += piece.weight * d;
            }
        }
        (tail, density)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fluid::ServingCapacity;
    use super::*;
    use crate::units::Cpu;
    use proptest::prelude::*;

    /// Tasks of `cores` vCPU and requests of one second, so that S = 1 as in the tables.
    fn capacity(tasks: u32, cores: u32, algorithm: BalancingAlgorithm) -> ServingCapacity {
        ServingCapacity {
            healthy_tasks: tasks,
            cpu_per_task: Cpu::from_ecs_units(1024 * cores),
            cpu_per_request: SimDuration::from_secs(1),
            other_latency: SimDuration::ZERO,
            algorithm,
            timeout: SimDuration::from_secs(1000),
        }
    }

    fn one_task(cores: u32, rho: f64) -> ResponseTime {
        ResponseTime::stationary(&capacity(1, cores, BalancingAlgorithm::WeightedRandom), rho)
    }

    #[track_caller]
    fn close(actual: f64, expected: f64, relative: f64) {
        assert!(
            (actual / expected - 1.0).abs() <= relative,
            "{actual} is not {expected}"
        );
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
        for (t, p) in [
            (0.2, 0.274_281_658),
            (0.5, 0.150_528_965),
            (1.0, 0.055_376_512),
        ] {
            close(delay * libm::exp(-s.theta * t), p, 1e-8);
        }
    }

    #[test]
    fn weighted_random_leaves_each_task_its_own_queue() {
        for (rho, w) in [
            (0.5, 2.0),
            (0.7, 3.333_33),
            (0.8, 5.0),
            (0.9, 10.0),
            (0.95, 20.0),
        ] {
            let random = capacity(10, 1, BalancingAlgorithm::WeightedRandom);
            close(
                ResponseTime::stationary(&random, rho).mean_seconds(),
                w,
                2e-6,
            );
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
            close(
                response.quantile(0.99).as_secs_f64(),
                w * libm::log(100.0),
                5e-6,
            );
        }
    }

    #[test]
    fn round_robin_over_many_tasks_tends_to_regular_arrivals() {
        // D/M/1.
        for (rho, w) in [
            (0.5, 1.255_00),
            (0.7, 1.876_16),
            (0.8, 2.692_73),
            (0.9, 5.178_66),
            (0.95, 10.172_43),
        ] {
            let round_robin = capacity(4_000_000, 1, BalancingAlgorithm::RoundRobin);
            close(
                ResponseTime::stationary(&round_robin, rho).mean_seconds(),
                w,
                5e-6,
            );
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
            let one =
                ResponseTime::stationary(&capacity(1, c, BalancingAlgorithm::RoundRobin), rho);
            close(one.mean_seconds(), w, 2e-5);
            close(one.quantile(0.99).as_secs_f64(), p99, 2e-5);
        }
    }

    #[test]
    fn a_quarter_vcpu_is_one_slow_server() {
        let mut quarter = capacity(1, 1, BalancingAlgorithm::WeightedRandom);
        quarter.cpu_per_task = Cpu::from_ecs_units(256);
        // S = 1/0.25 = 4 s, M/M/1 at 0.5: W = 8 s.
        close(
            ResponseTime::stationary(&quarter, 0.5).mean_seconds(),
            8.0,
            1e-12,
        );
    }

    #[test]
    fn other_latency_shifts_everything() {
        let mut shifted = capacity(1, 2, BalancingAlgorithm::WeightedRandom);
        shifted.other_latency = SimDuration::from_secs(3);
        let plain = one_task(2, 0.8);
        let response = ResponseTime::stationary(&shifted, 0.8);
        close(response.mean_seconds(), plain.mean_seconds() + 3.0, 1e-12);
        close(
            response.quantile(0.95).as_secs_f64(),
            plain.quantile(0.95).as_secs_f64() + 3.0,
            1e-8,
        );
        close(response.tail(SimDuration::from_millis(2_999)), 1.0, 1e-15);
    }

    #[test]
    fn a_ramp_of_waits_is_averaged_exactly() {
        // Wait uniform on [2, 5], response exponential with mean 2: by numerical integration.
        let stationary = one_task(1, 0.5).pieces[0].stationary;
        let piece = Piece {
            weight: 1.0,
            wait_low: 2.0,
            wait_high: 5.0,
            stationary,
        };
        let response = ResponseTime::new([piece, Piece::NONE], SimDuration::ZERO);
        close(response.mean_seconds(), 5.5, 1e-12);
        for t in [2.5_f64, 4.0, 5.0, 7.0, 30.0] {
            let n = 30_000;
            let tail_at = |i: i32| {
                let wait = 2.0 + 3.0 * (f64::from(i) + 0.5) / f64::from(n);
                if t < wait {
                    1.0
                } else {
                    libm::exp(-(t - wait) / 2.0)
                }
            };
            let expected = (0..n).map(tail_at).sum::<f64>() / f64::from(n);
            close(response.tail(SimDuration::from_secs_f64(t)), expected, 2e-5);
        }
        close(response.tail(SimDuration::from_secs(2)), 1.0, 1e-12);
    }

    proptest! {
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
            let response = ResponseTime::new([crowded, calm], SimDuration::from_millis(7));
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
}

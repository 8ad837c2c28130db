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
//! Where gaps or CPU times do not vary like exponentials, waits are stretched as by Allen and Cunneen:
//! with squared coefficients of variation `a²` of the gaps at one queue and `s²` of the CPU times, by
//! `(a² + s²)/2`. A shared queue sees the gaps of the service. Random choice among n tasks leaves each
//! task `1 + (a² − 1)/n`. In turn, each task sees the sum of n gaps, `a²/n`, taken as a gamma law, for
//! which `σ` is exact as above with `n/a²` for `n` (above 1, a hyperexponential law and its `σ`); the rest of the stretch is `(a²/n + s²)/(a²/n + 1)`.
//!
//! With first-come first-served service, `P(T>t) = (1−C)e^{−μt} + C(θe^{−μt} − μe^{−θt})/(θ−μ)`, where
//! `C` is the probability of waiting and `θ` the decay of the wait. Processor sharing has the same
//! mean, whatever the distribution of service, and another law (see `sharing`).
//!
//! No answer takes longer than the time-out: what would is given up by its client, at the latest then,
//! and counts with the time-out. That leaves everything below it as it is. Where tasks share their CPU, those
//! requests fail.
//!
//! The stationary part takes its utilization as at most 0.99, also while a backlog exists: what goes
//! beyond it is in the backlog.

mod mixture;
mod sharing;

use super::erlang::erlang_c;
use crate::engine::variates::HyperExponential;
use crate::scenario::{BalancingAlgorithm, Variability};
use crate::units::SimDuration;

pub use mixture::ResponseMixture;

/// Utilization above which the stationary part of a response time no longer grows.
pub const MAX_STATIONARY_UTILIZATION: f64 = 0.99;

/// Decays after which nothing is left that a number with 53 bits could show.
const FAR: f64 = 80.0;

/// Squared coefficients of variation below it are taken as this.
const LEAST_VARIABILITY: f64 = 1e-6;

/// Stationary response time in seconds: `P(T>t) = a·e^{−mu·t} + b·e^{−theta·t}` for `t ≥ 0`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stationary {
    mu: f64,
    theta: f64,
    a: f64,
    b: f64,
    /// Zero if a response takes no time at all; the other fields are not used then.
    mean: f64,
    /// Where tasks share their CPU, what is taken off the tail: only requests that end before their clients give up
    /// count, and `mean` is theirs.
    shared: Option<f64>,
}

/// Number and speed of the queues that a service's tasks form.
#[derive(Clone, Copy, Debug)]
pub(super) struct Servers {
    pub(super) tasks: u32,
    /// Tasks that take turns in round robin.
    pub(super) balanced_tasks: u32,
    /// vCPU of a task, above zero.
    pub(super) vcpu: f64,
    /// CPU seconds of a request, above zero.
    pub(super) cpu_seconds: f64,
    pub(super) algorithm: BalancingAlgorithm,
    pub(super) variability: Variability,
}

impl Servers {
    fn cores(&self) -> f64 {
        libm::ceil(self.vcpu).max(1.0)
    }

    /// Requests per second of one core.
    fn rate(&self) -> f64 {
        self.vcpu / (self.cpu_seconds * self.cores())
    }

    /// Cores of one of the queues, and the squared coefficient of variation of the gaps between arrivals at it.
    fn queue(&self) -> (f64, f64) {
        let arrivals = self.variability.arrivals;
        let turns = f64::from(self.balanced_tasks.max(1));
        match self.algorithm {
            BalancingAlgorithm::WeightedRandom => (self.cores(), 1.0 + (arrivals - 1.0) / turns),
            BalancingAlgorithm::LeastOutstandingRequests => {
                (self.cores() * f64::from(self.tasks.max(1)), arrivals)
            }
            BalancingAlgorithm::RoundRobin => (self.cores(), arrivals / turns),
        }
    }
}

impl Stationary {
    /// No time at all.
    pub(super) const INSTANT: Self =
        Self { mu: 1.0, theta: 1.0, a: 0.0, b: 0.0, mean: 0.0, shared: None };

    /// At utilization `rho` of the given servers.
    pub(super) fn new(servers: Servers, rho: f64) -> Self {
        let rho = rho.clamp(0.0, MAX_STATIONARY_UTILIZATION);
        let cores = servers.cores();
        let mu = servers.rate();
        let tasks = f64::from(servers.tasks.max(1));
        // GI/M/c: the wait exceeds t with probability delay·e^(−theta·t), theta = c·mu·(1−sigma).
        let Variability { arrivals, service, .. } = servers.variability;
        let turns = f64::from(servers.balanced_tasks.max(1));
        let (count, sigma, stretch) = match servers.algorithm {
            BalancingAlgorithm::WeightedRandom => {
                let split = 1.0 + (arrivals - 1.0) / turns;
                (cores, rho, f64::midpoint(split, service))
            }
            BalancingAlgorithm::LeastOutstandingRequests => {
                (cores * tasks, rho, f64::midpoint(arrivals, service))
            }
            BalancingAlgorithm::RoundRobin => {
                let own = arrivals / turns;
                let shape = turns / arrivals.max(turns * LEAST_VARIABILITY);
                (cores, arrivals_root(shape, rho), (own + service) / (own + 1.0))
            }
        };
        let poisson_delay = erlang_c(count as u64, rho * count);
        let delay = if 0.0 < rho { (poisson_delay * (sigma / rho)).min(1.0) } else { 0.0 };
        // Nothing varies: nobody waits.
        let stretch = stretch.max(LEAST_VARIABILITY);
        Self::from_rates(mu, count * mu * (1.0 - sigma) / stretch, delay)
    }

    fn from_rates(mu: f64, theta: f64, delay: f64) -> Self {
        // The two exponentials cancel where the rates meet. Moving one by a hundred thousandth costs
        // less than that in any quantile and keeps ten digits of the tail.
        let theta = if (theta - mu).abs() < 1e-5 * mu { mu * (1.0 - 1e-5) } else { theta };
        let b = -delay * mu / (theta - mu);
        let a = 1.0 - b;
        Self { mu, theta, a, b, mean: 1.0 / mu + delay / theta, shared: None }
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
        (x + y - self.shared.unwrap_or(0.0), x * self.mu + y * self.theta)
    }

    /// `(E[(T−t)+], P(T>t))`.
    fn excess_and_tail(&self, t: f64) -> (f64, f64) {
        if t < 0.0 {
            return (self.mean - t, 1.0);
        }
        // Where tasks share, no answer comes beyond the time-out, for which alone this is asked. Mostly that is so far
        // out that no digit of a mean would show what is beyond it.
        if self.mean <= 0.0 || self.shared.is_some() || FAR < t * self.mu.min(self.theta) {
            return (0.0, 0.0);
        }
        let x = self.a * libm::exp(-self.mu * t);
        let y = self.b * libm::exp(-self.theta * t);
        (x / self.mu + y / self.theta, x + y)
    }
}

impl Stationary {
    /// `∫ E[(T−u)+] du` from `t` on.
    fn excess_beyond(&self, t: f64) -> f64 {
        if self.mean <= 0.0 {
            return if t < 0.0 { 0.5 * t * t } else { 0.0 };
        }
        let x = self.a / (self.mu * self.mu);
        let y = self.b / (self.theta * self.theta);
        if t < 0.0 {
            return x + y - t * (self.mean - 0.5 * t);
        }
        x * libm::exp(-self.mu * t) + y * libm::exp(-self.theta * t)
    }
}

/// The shape of a gamma law that is a sum of so many exponential stages: Poisson arrivals in turn at so many
/// tasks. A power of them is cheaper than an exponential of a logarithm.
fn whole_stages(shape: f64) -> Option<u32> {
    let whole = (1.0..=4096.0).contains(&shape) && libm::floor(shape) >= shape;
    whole.then_some(shape as u32)
}

/// `base` to the power of `exponent`.
fn power(mut base: f64, mut exponent: u32) -> f64 {
    let mut result = 1.0;
    while 0 < exponent {
        if exponent & 1 == 1 {
            result *= base;
        }
        base *= base;
        exponent >>= 1;
    }
    result
}

/// The root below 1 of `σ = A*((1−σ)/ρ)` for `ρ < 1`, `A*` the transform of gaps with mean 1 and squared
/// coefficient of variation `1/shape`: of the gamma law up to 1, above it of the hyperexponential law
/// with balanced means, those by which single requests arrive.
fn arrivals_root(shape: f64, rho: f64) -> f64 {
    if rho <= 0.0 {
        return 0.0;
    }
    let bursty = if shape < 1.0 { HyperExponential::new(1.0, 1.0 / shape) } else { None };
    let stages = whole_stages(shape);
    // From the root of a diffusion, Halley's method takes at most three steps for gamma laws. The transform is
    // convex in σ and above it at 0: where that method would go astray, Newton's leads to the left of the
    // smaller root and climbs from there.
    let mut sigma = libm::exp(-2.0 * (1.0 - rho) / (rho * (1.0 + 1.0 / shape)));
    for _ in 0..50 {
        let (value, slope, curvature) = match &bursty {
            None => {
                let x = (1.0 - sigma) / (shape * rho);
                let value = match stages {
                    Some(stages) => power(1.0 / (1.0 + x), stages),
                    None => libm::exp(-shape * libm::log1p(x)),
                };
                let scale = 1.0 / (rho * (1.0 + x));
                (value, value * scale, value * scale * scale * (1.0 + 1.0 / shape))
            }
            Some(HyperExponential { p, rates: [fast, slow] }) => {
                let argument = (1.0 - sigma) / rho;
                let (first, second) = (fast / (fast + argument), slow / (slow + argument));
                let (one, other) = (p * first * first / fast, (1.0 - p) * second * second / slow);
                let curvature = 2.0 * (one * first / fast + other * second / slow);
                (p * first + (1.0 - p) * second, (one + other) / rho, curvature / (rho * rho))
            }
        };
        if 1.0 <= slope {
            // Nearer to the root at 1 than to this one.
            sigma *= 0.5;
            continue;
        }
        let newton = (value - sigma) / (1.0 - slope);
        let bend = 1.0 - newton * curvature / (2.0 * (1.0 - slope));
        let step = if 0.5 < bend { newton / bend } else { newton };
        sigma += step;
        // The error is about the third power of the last step.
        if step.abs() <= 1e-6 {
            break;
        }
    }
    sigma.clamp(0.0, if bursty.is_some() { 1.0 - 1e-9 } else { rho })
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
    pub(super) const NONE: Self =
        Self { weight: 0.0, wait_low: 0.0, wait_high: 0.0, stationary: Stationary::INSTANT };

    /// Requests that meet no backlog.
    pub(super) const fn alone(weight: f64, stationary: Stationary) -> Self {
        Self { weight, wait_low: 0.0, wait_high: 0.0, stationary }
    }

    fn mean(&self) -> f64 {
        f64::midpoint(self.wait_low, self.wait_high) + self.stationary.mean
    }

    /// Expected time beyond `t`.
    fn excess(&self, t: f64) -> f64 {
        let width = self.wait_high - self.wait_low;
        if self.is_point() {
            let middle = f64::midpoint(self.wait_low, self.wait_high);
            return self.stationary.excess_and_tail(t - middle).0;
        }
        let (late, early) = (t - self.wait_high, t - self.wait_low);
        (self.stationary.excess_beyond(late) - self.stationary.excess_beyond(early)) / width
    }

    /// Whether the range of waits is so narrow that a difference quotient would lose its digits.
    fn is_point(&self) -> bool {
        self.wait_high - self.wait_low <= 1e-6 * self.mean()
    }

    fn tail_and_density(&self, t: f64) -> (f64, f64) {
        let width = self.wait_high - self.wait_low;
        if self.is_point() {
            return self
                .stationary
                .tail_and_density(t - f64::midpoint(self.wait_low, self.wait_high));
        }
        let (late, late_tail) = self.stationary.excess_and_tail(t - self.wait_high);
        let (early, early_tail) = self.stationary.excess_and_tail(t - self.wait_low);
        ((late - early) / width, (late_tail - early_tail) / width)
    }
}

/// What stationary response times of one kind of task share, as the bits of numbers above zero: the rate
/// of service, the constant part and the longest possible response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ServiceKey {
    mu: u64,
    other: u64,
    longest: u64,
}

/// The wait of stationary requests: it exceeds `t` with `probability·e^(−decay·t)`.
#[derive(Clone, Copy, Debug)]
pub(super) struct StationaryWait {
    pub(super) probability: f64,
    pub(super) decay: f64,
    /// The logarithm of the decay over the rate of service, in hundredths, rounded down.
    pub(super) step: i32,
}

/// Distribution of the response time of the requests that one segment served.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ResponseTime {
    /// At most two pieces; the weights add up to 1.
    pieces: [Piece; 2],
    /// Constant part in seconds.
    other: f64,
    /// Longest possible response in seconds.
    longest: f64,
}

impl ResponseTime {
    /// Of requests that take `other_latency` besides, and none longer than `timeout`.
    pub(super) fn new(
        pieces: [Piece; 2],
        other_latency: SimDuration,
        timeout: SimDuration,
    ) -> Self {
        let longest = timeout.max(other_latency).as_secs_f64();
        Self { pieces, other: other_latency.as_secs_f64(), longest }
    }

    /// Without backlog, at utilization `rho` of `tasks` healthy tasks.
    ///
    /// For questions outside a run, such as a table of latency over utilization. A request without
    /// CPU time, or a task without CPU, yields the constant part alone.
    pub fn stationary(capacity: &super::fluid::ServingCapacity, rho: f64) -> Self {
        let stationary = capacity.servers().map_or(Stationary::INSTANT, |servers| {
            if servers.variability.sharing {
                Stationary::shared(servers, rho, capacity.patience()).0
            } else {
                Stationary::new(servers, rho)
            }
        });
        Self::new(
            [Piece::alone(1.0, stationary), Piece::NONE],
            capacity.other_latency,
            capacity.timeout,
        )
    }

    /// The service and the wait of requests that meet no backlog and take any time; `None` for others.
    pub(super) fn stationary_parts(&self) -> Option<(ServiceKey, StationaryWait)> {
        let stationary = self.calm()?;
        let Stationary { mu, theta, b, .. } = stationary;
        let bits = f64::to_bits;
        let key = ServiceKey { mu: bits(mu), other: bits(self.other), longest: bits(self.longest) };
        let step = libm::floor(libm::log(theta / mu) * 100.0) as i32;
        let probability = -b * (theta - mu) / mu;
        Some((key, StationaryWait { probability, decay: theta, step }))
    }

    /// That of requests that meet no backlog and take any time; `None` for others.
    fn calm(&self) -> Option<Stationary> {
        let [Piece { wait_low, wait_high, stationary, .. }, second] = self.pieces;
        // Not the sign of a wait matters here, but whether there is any.
        let no_backlog = wait_low.to_bits() | wait_high.to_bits() == 0;
        let alone = no_backlog && second.weight <= 0.0 && stationary.shared.is_none();
        (alone && 0.0 < stationary.mean).then_some(stationary)
    }

    /// The inverse of [`stationary_parts`](Self::stationary_parts).
    pub(super) fn of_parts(key: ServiceKey, decay: f64, probability: f64) -> Self {
        let value = f64::from_bits;
        let stationary = Stationary::from_rates(value(key.mu), decay, probability);
        let piece = Piece::alone(1.0, stationary);
        let (other, longest) = (value(key.other), value(key.longest));
        Self { pieces: [piece, Piece::NONE], other, longest }
    }

    /// Probability that a request takes longer than `bound`.
    pub fn tail(&self, bound: SimDuration) -> f64 {
        let bound = bound.as_secs_f64();
        if self.longest <= bound {
            return 0.0;
        }
        self.tail_and_density(bound).0.clamp(0.0, 1.0)
    }

    /// Mean in seconds.
    pub fn mean_seconds(&self) -> f64 {
        let used = self.pieces.iter().filter(|piece| 0.0 < piece.weight);
        let most = self.longest - self.other;
        let beyond = used.map(|piece| piece.weight * piece.excess(most));
        (self.unbounded_mean() - beyond.sum::<f64>()).min(self.longest)
    }

    /// Longest possible response in seconds.
    pub(super) fn longest(&self) -> f64 {
        self.longest
    }

    /// Mean in seconds if no time-out cut it off: a time of the distribution's size.
    fn unbounded_mean(&self) -> f64 {
        self.other + self.pieces.iter().map(|piece| piece.weight * piece.mean()).sum::<f64>()
    }

    /// The `p`-quantile, to a relative error of 1e-9 beyond that of the tail; `p` is taken as within
    /// `[0, 1 − 1e-9]`.
    pub fn quantile(&self, p: f64) -> SimDuration {
        let above = (1.0 - p).clamp(1e-9, 1.0);
        let guess = self.unbounded_mean();
        SimDuration::from_secs_f64(self.solve(above, self.shortest(), guess, 1e-10))
    }

    /// Shortest possible response in seconds.
    pub(super) fn shortest(&self) -> f64 {
        let used = self.pieces.iter().filter(|piece| 0.0 < piece.weight);
        self.other + used.map(|piece| piece.wait_low).fold(f64::INFINITY, f64::min).min(1e300)
    }

    /// Smallest `t ≥ low` with `P(T>t) ≤ above`, to a relative `tolerance`; see [`solve`].
    pub(super) fn solve(&self, above: f64, low: f64, guess: f64, tolerance: f64) -> f64 {
        if self.longest <= low {
            return self.longest;
        }
        let scale = self.unbounded_mean();
        solve(|t| self.tail_and_density(t), scale, above, low, guess, tolerance).min(self.longest)
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

/// Smallest `t ≥ low` at which a falling tail is at most `above`, to a relative `tolerance`, by
/// Newton's method on the logarithm of the tail (one step for an exponential), kept inside a bracket
/// by bisection. `scale` is a time of the distribution's size.
fn solve(
    tail_and_density: impl Fn(f64) -> (f64, f64),
    scale: f64,
    above: f64,
    low: f64,
    guess: f64,
    tolerance: f64,
) -> f64 {
    let mut low = low;
    let mut high = f64::INFINITY;
    let mut t = guess.max(low);
    // A step of Newton's method squares the error of the one before.
    let last_newton_step = libm::sqrt(tolerance);
    // Doubling, then halving, ends long before this.
    for _ in 0..200 {
        let (tail, density) = tail_and_density(t);
        if above < tail {
            low = t;
        } else {
            high = t;
        }
        let newton = t + libm::log(tail / above) * tail / density;
        let (limit, otherwise) = if high.is_finite() {
            (high, f64::midpoint(low, high))
        } else {
            // On a plateau of the tail, between two pieces, the step would be boundless.
            let farthest = 2.0 * t + scale;
            (farthest, farthest)
        };
        let (next, last_step) = if low < newton && newton < limit {
            (newton, last_newton_step)
        } else {
            (otherwise, tolerance)
        };
        if (next - t).abs() <= last_step * next || high - low <= tolerance * low {
            return next;
        }
        t = next;
    }
    t
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

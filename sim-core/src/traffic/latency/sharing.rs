//! Response times where tasks share their CPU among all requests.
//!
//! # Model
//!
//! Let a response take `S` times its CPU time in the mean. It takes `X·S·Z`: `X` its CPU time, exponential, and
//! `Z` how much more or less than the mean it is stretched, with mean 1. For
//! M/M/1 the variance of the response time is known (Coffman, Muntz and Trotter 1970):
//! `Var T/E[T]² = (2 + ρ)/(2 − ρ)`, hence `Var Z = (S − 1)/(S + 1)` as `S = 1/(1 − ρ)`. The same is taken of any
//! other queue with that stretch. `Z` is gamma distributed, and two points with its first three moments stand for
//! it, so that the tail is a sum of two exponentials. As load goes to 1, `T` becomes the product of two
//! exponential variables, as in heavy traffic.
//!
//! Clients that give up leave room for others. With `n` requests at a core for a while, those with more than
//! `d/n` of CPU time do not end within the time-out `d`: the share `e^(−dμ/n)` of an exponential law. As many
//! leave as come if load is taken as `ρ(1 − e^(−dμ/n))`, and the number at a core rises or falls like that of a
//! queue with this load (Gromoll, Robert and Zwart 2008 have the limit, `n = dμ/−ln(1 − 1/ρ)`, above a load of
//! 1). Its mean and variance take the place of those without time-out.

use super::{MAX_STATIONARY_UTILIZATION, Servers, Stationary};

/// Load below which clients that give up do not matter to others.
const LIGHT: f64 = 0.6;

/// Steps in which the number of requests at a core is integrated.
const STEPS: usize = 64;

/// Multiples of its mean up to which it is.
const FOLDS: f64 = 24.0;

/// Mean and squared coefficient of variation of how much a core's requests are stretched.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    mean: f64,
    variation: f64,
}

/// The load at which requests leave when `stretch` of them share a core and give up after `patience` mean CPU
/// times.
fn effective_load(load: f64, stretch: f64, patience: f64) -> f64 {
    load * (1.0 - libm::exp(-patience / stretch))
}

impl Stretch {
    /// Of the requests beyond the one, at `load` and with clients that wait for `patience` mean CPU times. In a
    /// queue `requests` make a unit of stretch; `gaps` is the squared coefficient of variation of those between
    /// arrivals there.
    fn of_others(load: f64, patience: f64, requests: f64, gaps: f64) -> Self {
        let most = if load < 1.0 {
            (FOLDS / slope(load, requests, gaps)).min(2.0 * patience)
        } else {
            2.0 * patience.max(equilibrium(load, patience))
        };
        let width = most / STEPS as f64;
        // The logarithm of the probability, taken as linear in each step.
        let mut logarithms = [0.0; STEPS + 1];
        let mut largest = 0.0_f64;
        for index in 0..STEPS {
            let middle = (index as f64 + 0.5) * width;
            let left = effective_load(load, middle, patience);
            logarithms[index + 1] = logarithms[index] - slope(left, requests, gaps) * width;
            largest = largest.max(logarithms[index + 1]);
        }
        let (mut weight, mut first, mut second) = (0.0, 0.0, 0.0);
        for (index, pair) in logarithms.windows(2).enumerate() {
            let start = index as f64 * width;
            let change = pair[1] - pair[0];
            // From the larger end, so that nothing overflows.
            let (mass, near, near_square) = step_moments(-change.abs(), width);
            let (mean, square) = if 0.0 < change {
                (width - near, width * (width - 2.0 * near) + near_square)
            } else {
                (near, near_square)
            };
            let mass = mass * libm::exp(pair[0].max(pair[1]) - largest);
            weight += mass;
            first += mass * (start + mean);
            second += mass * (start * start + 2.0 * start * mean + square);
        }
        let mean = first / weight;
        Self { mean, variation: (second / weight - mean * mean) / (mean * mean) }
    }
}

/// How fast the logarithm of the probability of one more falls, per unit of stretch.
fn slope(load: f64, requests: f64, gaps: f64) -> f64 {
    2.0 * requests * (1.0 - load) / (load * (1.0 + gaps))
}

/// Integral, mean and mean square of `e^(change·u/width)` for `u` from 0 to `width`.
fn step_moments(change: f64, width: f64) -> (f64, f64, f64) {
    if change.abs() < 1e-4 {
        return (width, 0.5 * width, width * width / 3.0);
    }
    let rate = change / width;
    let grown = libm::exp(change);
    let mass = libm::expm1(change) / rate;
    let first = (width * grown - mass) / rate;
    let second = (width * width * grown - 2.0 * first) / rate;
    (mass, first / mass, second / mass)
}

/// Requests at a core in the limit of many, above a load of 1.
fn equilibrium(load: f64, patience: f64) -> f64 {
    patience / -libm::log1p(-1.0 / load.max(1.0 + 1e-9))
}

impl Stationary {
    /// At any load of `servers` whose tasks share their CPU, with clients that give up after `timeout` seconds:
    /// the response time of those who do not, and the share of those who do.
    pub(in crate::traffic) fn shared(servers: Servers, load: f64, timeout: f64) -> (Self, f64) {
        let calm = Self::new(servers, load);
        let mu = calm.mu;
        let patience = (timeout * mu).max(1e-6);
        let mut stretch = Stretch { mean: (calm.mean * mu).max(1.0), variation: 1.0 };
        if LIGHT < load {
            let (requests, gaps) = servers.queue();
            let others = Stretch::of_others(load, patience, requests, gaps);
            stretch.variation = others.variation;
            stretch.mean = if load < MAX_STATIONARY_UTILIZATION {
                1.0 + (stretch.mean - 1.0) * (others.mean * slope(load, requests, gaps)).min(1.0)
            } else {
                1.0 + others.mean
            };
        }
        Self::stretched(mu, stretch, timeout)
    }

    /// Of requests that share a core with as many as make them take `wait` seconds longer in the mean.
    pub(in crate::traffic) fn crowded(servers: Servers, wait: f64, timeout: f64) -> Self {
        let mu = servers.rate();
        let stretch = Stretch { mean: 1.0 + wait * mu, variation: 0.0 };
        Self::stretched(mu, stretch, timeout).0
    }

    fn stretched(mu: f64, stretch: Stretch, timeout: f64) -> (Self, f64) {
        let Stretch { mean, variation } = stretch;
        let variance = variation * (mean - 1.0) / (mean + 1.0);
        // Two points with the first three moments of the gamma law with mean 1 and this variance.
        let second = 1.0 + variance;
        let spread = libm::sqrt(second * (second - 1.0)).max(1e-9);
        let (low, high) = ((second - spread).max(1e-9), second + spread);
        let weight = ((1.0 - low) / (high - low)).clamp(0.0, 1.0);
        let (slow, fast) = (mu / (mean * high), mu / (mean * low));
        let tail = |t: f64| weight * libm::exp(-slow * t) + (1.0 - weight) * libm::exp(-fast * t);
        let lost = tail(timeout).min(1.0 - 1e-9);
        let kept = 1.0 - lost;
        // E[T; T ≤ d] for each exponential.
        let within = |rate: f64| {
            let left = libm::exp(-rate * timeout);
            (1.0 - left) / rate - timeout * left
        };
        let mean = (weight * within(slow) + (1.0 - weight) * within(fast)) / kept;
        let law = Self {
            mu: fast,
            theta: slow,
            a: (1.0 - weight) / kept,
            b: weight / kept,
            mean,
            shared: Some(lost / kept),
        };
        (law, lost)
    }
}

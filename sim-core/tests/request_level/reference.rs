//! Response times of processor sharing by another way: the chain of a tagged request.
//!
//! A request that arrives at M/M/c-PS with c cores and n others there leaves at rate
//! `mu·min(1, c/(n+1))`; meanwhile others arrive at rate lambda and leave at n times that rate. The
//! number found at arrival is that of M/M/c. Uniformization gives `P(T > t)` to the truncation of n.

/// `P(T > t)` for service rate 1, `cores` cores and utilization `rho`.
fn tail(cores: usize, rho: f64, t: f64) -> f64 {
    let lambda = rho * cores as f64;
    let most = (40.0 / -libm::log(rho)) as usize + 10 * cores;
    let share = |n: usize| (cores as f64 / (n + 1) as f64).min(1.0);
    // Stationary M/M/c by detailed balance.
    let mut found = vec![1.0];
    for n in 1..=most {
        found.push(found[n - 1] * lambda / n.min(cores) as f64);
    }
    let all: f64 = found.iter().sum();
    let mut state: Vec<f64> = found.iter().map(|p| p / all).collect();
    let rate = lambda + cores as f64 + 1.0;
    let mut result = 0.0;
    // In 64 equal stretches, so that the first weight does not vanish.
    let step = rate * t / 64.0;
    for _ in 0..64 {
        let mut now = state.clone();
        let mut sum = vec![0.0; now.len()];
        let mut term = libm::exp(-step);
        for k in 0..=(step + 12.0 * libm::sqrt(step) + 30.0) as usize {
            for (total, p) in sum.iter_mut().zip(&now) {
                *total += term * p;
            }
            term *= step / (k + 1) as f64;
            let mut next = vec![0.0; now.len()];
            for n in 0..=most {
                let up = if n < most { lambda } else { 0.0 };
                let down = n as f64 * share(n);
                let gone = share(n);
                let p = now[n] / rate;
                next[n] += p * (rate - up - down - gone);
                if n < most {
                    next[n + 1] += p * up;
                }
                if 0 < n {
                    next[n - 1] += p * down;
                }
            }
            now = next;
        }
        state = sum;
        result = state.iter().sum();
    }
    result
}

/// The 99th percentile of the response time of M/M/c-PS in mean service times.
pub(crate) fn sharing_p99(cores: usize, rho: f64) -> f64 {
    let (mut low, mut high) = (0.0, 20.0 / (1.0 - rho));
    for _ in 0..16 {
        let middle = f64::midpoint(low, high);
        if tail(cores, rho, middle) < 0.01 {
            high = middle;
        } else {
            low = middle;
        }
    }
    f64::midpoint(low, high)
}

/// Of M/M/1-PS the mean is `1/(1−ρ)`, and at low load sharing is hardly ever.
#[test]
fn the_tagged_chain_agrees_with_what_is_known() {
    assert!((tail(1, 0.001, 2.0) - libm::exp(-2.0)).abs() < 2e-3);
    for (cores, rho, mean) in [(1, 0.5, 2.0), (4, 0.8, 1.745_541)] {
        // Trapezoids over the tail, with the tail beyond taken as exponential.
        let width = 0.1;
        let points: Vec<f64> = (0..400).map(|k| tail(cores, rho, width * f64::from(k))).collect();
        let sum: f64 = points.windows(2).map(|w| f64::midpoint(w[0], w[1]) * width).sum();
        assert!((sum - mean).abs() < 3e-3, "{cores} {rho} {sum}");
    }
}

/// Where a falling tail is at one hundredth.
fn p99(tail: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (0.0, 10_000.0);
    for _ in 0..80 {
        let middle = f64::midpoint(low, high);
        if tail(middle) < 0.01 {
            high = middle;
        } else {
            low = middle;
        }
    }
    low
}

/// Mean and 99th percentile of the response time of M/M/c, first come first served, in mean service
/// times.
pub(crate) fn first_come(cores: u32, rho: f64) -> (f64, f64) {
    let c = f64::from(cores);
    let blocking = (1..=cores).fold(1.0, |b, k| rho * c * b / (f64::from(k) + rho * c * b));
    let waits = blocking / (1.0 - rho * (1.0 - blocking));
    let theta = c * (1.0 - rho);
    let tail = |t: f64| {
        let (served, waited) = (libm::exp(-t), libm::exp(-theta * t));
        if (theta - 1.0).abs() < 1e-9 {
            return served * (1.0 + waits * t);
        }
        (1.0 - waits) * served + waits * (theta * served - waited) / (theta - 1.0)
    };
    (1.0 + waits / theta, p99(tail))
}

/// The 99th percentile of the response time of M/G/1, first come first served, when the service is
/// hyperexponential with balanced means (`squared` above 1) or Erlang of order two (1/2). By the formula of
/// Pollaczek and Khinchine the transform of the response time is then a fraction with a quadratic
/// denominator, and the response time a sum of two exponentials.
pub(crate) fn first_come_p99(squared: f64, rho: f64) -> f64 {
    // Denominator s² + linear·s + constant; numerator (1 − rho)·(slope·s + level).
    let (linear, constant, slope, level) = if squared > 1.0 {
        let p = 0.5 * (1.0 + libm::sqrt((squared - 1.0) / (squared + 1.0)));
        let (fast, slow) = (2.0 * p, 2.0 * (1.0 - p));
        let mean_rate = p * fast + (1.0 - p) * slow;
        let linear = fast + slow - rho;
        (linear, fast * slow - rho * (fast + slow) + rho * mean_rate, mean_rate, fast * slow)
    } else {
        (4.0 - rho, 4.0 - 4.0 * rho, 0.0, 4.0)
    };
    let root = libm::sqrt(linear * linear - 4.0 * constant);
    let (one, other) = (0.5 * (linear - root), 0.5 * (linear + root));
    let weight = |at: f64, distance: f64| (1.0 - rho) * (level - slope * at) / distance / at;
    let (first, second) = (weight(one, other - one), weight(other, one - other));
    assert!((first + second - 1.0).abs() < 1e-9, "a distribution: {first} + {second}");
    p99(|t| first * libm::exp(-one * t) + second * libm::exp(-other * t))
}

#[test]
fn the_closed_forms_are_those_of_the_tables() {
    let close = |found: f64, expected: f64| {
        assert!((found / expected - 1.0).abs() < 5e-6, "{found} {expected}");
    };
    for (cores, rho, mean, p99) in [
        (1, 0.8, 5.0, 23.0259),
        (2, 0.5, 1.333_333, 5.66596),
        (2, 0.8, 2.777_778, 11.93737),
        (10, 0.9, 1.668_732, 6.24988),
        (100, 0.95, 1.101_291, 4.72439),
    ] {
        let found = first_come(cores, rho);
        close(found.0, mean);
        close(found.1, p99);
    }
    // Nearly exponential service, for which the percentile is ln(100)/(1 − rho).
    close(first_come_p99(1.000_000_1, 0.8), libm::log(100.0) / 0.2);
}

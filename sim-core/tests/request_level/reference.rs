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

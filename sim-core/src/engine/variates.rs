//! From uniform bits to variates: inverse transforms over the pinned `libm`.
//!
//! One uniform per variate wherever possible. That keeps two runs in step draw by draw, and makes
//! every variate monotone in its parameters. All functions are total: parameters are the caller's to
//! check ([`DurationDistribution`](super::DurationDistribution) does).

use super::normal::normal_quantile;

/// Uniform on `[0, 1)` with 53 bits.
#[inline]
pub fn uniform(bits: u64) -> f64 {
    (bits >> 11) as f64 / 9_007_199_254_740_992.0
}

/// Uniform on `(0, 1)` with 52 bits, never 0 and never 1. (With 53 bits, adding one half would round
/// the largest value to 1.)
#[inline]
pub fn uniform_open(bits: u64) -> f64 {
    ((bits >> 12) as f64 + 0.5) / 4_503_599_627_370_496.0
}

/// Uniform integer below `n`; 0 if `n` is 0. Bias at most n/2⁶⁴.
#[inline]
pub fn below(bits: u64, n: u64) -> u64 {
    ((u128::from(bits) * u128::from(n)) >> 64) as u64
}

/// Exponential with mean 1.
#[inline]
pub fn standard_exponential(bits: u64) -> f64 {
    -libm::log1p(-uniform(bits))
}

/// Exponential with the given mean.
#[inline]
pub fn exponential(bits: u64, mean: f64) -> f64 {
    mean * standard_exponential(bits)
}

/// Weibull.
pub fn weibull(bits: u64, scale: f64, shape: f64) -> f64 {
    scale * libm::pow(standard_exponential(bits), 1.0 / shape)
}

/// Pareto: at least `scale`, with tail index `shape`.
pub fn pareto(bits: u64, scale: f64, shape: f64) -> f64 {
    scale * libm::exp(standard_exponential(bits) / shape)
}

/// Standard normal.
pub fn standard_normal(bits: u64) -> f64 {
    normal_quantile(uniform_open(bits))
}

/// Lognormal with mean `mu` and standard deviation `sigma` of the logarithm.
pub fn lognormal(bits: u64, mu: f64, sigma: f64) -> f64 {
    libm::exp(mu + sigma * standard_normal(bits))
}

/// `(mu, sigma)` of the lognormal with the given mean and coefficient of variation.
pub fn lognormal_from_mean_cv(mean: f64, cv: f64) -> (f64, f64) {
    let variance = libm::log1p(cv * cv);
    (libm::log(mean) - variance / 2.0, libm::sqrt(variance))
}

/// `(mu, sigma)` of the lognormal with the given median and 95th percentile.
pub fn lognormal_from_median_p95(median: f64, p95: f64) -> (f64, f64) {
    (libm::log(median), libm::log(p95 / median) / normal_quantile(0.95))
}

/// Hyperexponential with balanced means: an exponential of one of two rates, so that each branch
/// contributes half of the mean and the squared coefficient of variation is `cv_squared` ≥ 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HyperExponential {
    /// Probability of the first branch.
    pub p: f64,
    /// Rates of the two branches.
    pub rates: [f64; 2],
}

impl HyperExponential {
    /// The balanced-means hyperexponential; `None` unless `mean` is positive and `cv_squared` ≥ 1.
    pub fn new(mean: f64, cv_squared: f64) -> Option<Self> {
        if !(mean.is_finite() && mean > 0.0 && cv_squared.is_finite() && cv_squared >= 1.0) {
            return None;
        }
        let p = 0.5 * (1.0 + libm::sqrt((cv_squared - 1.0) / (cv_squared + 1.0)));
        Some(Self { p, rates: [2.0 * p / mean, 2.0 * (1.0 - p) / mean] })
    }

    /// One variate from two draws: the first chooses the branch.
    pub fn sample(&self, branch_bits: u64, bits: u64) -> f64 {
        let branch = usize::from(uniform(branch_bits) >= self.p);
        standard_exponential(bits) / self.rates[branch]
    }
}

/// Choice among items by integer weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiscreteWeights {
    cumulative: Vec<u64>,
}

impl DiscreteWeights {
    /// `None` if the sum of the weights is zero or does not fit.
    pub fn new(weights: &[u64]) -> Option<Self> {
        let mut total = 0_u64;
        let mut cumulative = Vec::with_capacity(weights.len());
        for &weight in weights {
            total = total.checked_add(weight)?;
            cumulative.push(total);
        }
        (total > 0).then_some(Self { cumulative })
    }

    /// Index of the chosen item; items of weight zero are never chosen.
    pub fn sample(&self, bits: u64) -> usize {
        let total = self.cumulative.last().copied().unwrap_or(0);
        let ticket = below(bits, total);
        self.cumulative.partition_point(|&end| end <= ticket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::StreamKey;

    #[track_caller]
    fn close(actual: f64, expected: f64) {
        assert!((actual - expected).abs() < 5.1e-10, "{actual} instead of {expected}");
    }

    #[test]
    fn tv_144_open_uniforms_never_reach_the_ends() {
        assert!(uniform_open(0) > 0.0 && uniform_open(u64::MAX) < 1.0);
        assert!(uniform(0) >= 0.0 && uniform(u64::MAX) < 1.0);
        // Why 52 bits: with 53, the largest value plus one half rounds to 1.
        assert!(((u64::MAX >> 11) as f64 + 0.5) / 9_007_199_254_740_992.0 >= 1.0);
    }

    #[test]
    fn tv_144_integers_below_10() {
        let mut stream = StreamKey::new(42, 0, "placement", 0).rng();
        let drawn: Vec<u64> = (0..8).map(|_| below(stream.next_u64(), 10)).collect();
        assert_eq!(drawn, [3, 8, 1, 0, 5, 9, 2, 8]);
        assert_eq!(below(u64::MAX, 0), 0);
    }

    #[test]
    fn tv_144_lognormal_parameters() {
        let (mu, sigma) = lognormal_from_mean_cv(1.0, 2.0);
        close(mu, -0.804_718_956);
        close(sigma, 1.268_636_241);
        let (mu, sigma) = lognormal_from_mean_cv(30.0, 0.5);
        close(mu, 3.289_625_606);
        close(sigma, 0.472_380_727);
    }

    #[test]
    fn tv_144_hyperexponential_parameters() {
        let distribution = HyperExponential::new(1.0, 9.0).unwrap();
        close(distribution.p, 0.947_213_595);
        close(distribution.rates[0], 1.894_427_191);
        close(distribution.rates[1], 0.105_572_809);
        assert_eq!(HyperExponential::new(1.0, 0.9), None);
        assert_eq!(HyperExponential::new(f64::NAN, 2.0), None);
    }

    #[test]
    fn the_extreme_draws_are_finite() {
        for bits in [0, u64::MAX] {
            for value in [
                exponential(bits, 1.0),
                weibull(bits, 1.0, 0.5),
                pareto(bits, 1.0, 1.0),
                standard_normal(bits),
                lognormal(bits, 0.0, 2.0),
            ] {
                assert!(value.is_finite(), "{bits}: {value}");
            }
        }
    }

    #[test]
    fn weights_must_have_a_sum() {
        assert_eq!(DiscreteWeights::new(&[]), None);
        assert_eq!(DiscreteWeights::new(&[0, 0]), None);
        assert_eq!(DiscreteWeights::new(&[u64::MAX, 1]), None);
        let weights = DiscreteWeights::new(&[0, 2, 0, 2]).unwrap();
        let drawn = [0, u64::MAX / 2, u64::MAX / 2 + 1, u64::MAX].map(|bits| weights.sample(bits));
        assert_eq!(drawn, [1, 1, 3, 3]);
    }
}

//! Lengths of time drawn from a distribution, one uniform per draw wherever possible.

use std::sync::Arc;

use super::variates;
use crate::units::{NANOS_PER_SECOND, SimDuration};

/// A distribution of lengths of time. All parameters are checked when it is built.
#[derive(Clone, Debug, PartialEq)]
pub enum DurationDistribution {
    /// Always the same.
    Constant(SimDuration),
    /// Uniform on `[low, high)`.
    Uniform {
        /// Smallest value.
        low: SimDuration,
        /// Upper end.
        high: SimDuration,
    },
    /// Exponential.
    Exponential {
        /// Mean.
        mean: SimDuration,
    },
    /// Lognormal with the parameters of the underlying normal, in log-seconds.
    LogNormal {
        /// Mean of the logarithm.
        mu: f64,
        /// Standard deviation of the logarithm.
        sigma: f64,
    },
    /// Weibull.
    Weibull {
        /// Scale.
        scale: SimDuration,
        /// Shape.
        shape: f64,
    },
    /// Pareto.
    Pareto {
        /// Smallest value.
        scale: SimDuration,
        /// Tail index.
        shape: f64,
    },
    /// One of the given values, equally likely, sorted.
    Empirical(Arc<[SimDuration]>),
}

impl Eq for DurationDistribution {}

impl DurationDistribution {
    /// Always zero.
    pub const ZERO: Self = Self::Constant(SimDuration::ZERO);

    /// Uniform on `[low, high)`.
    pub fn uniform(low: SimDuration, high: SimDuration) -> Result<Self, &'static str> {
        if low > high {
            return Err("the upper end is below the lower end");
        }
        Ok(Self::Uniform { low, high })
    }

    /// Exponential with the given mean.
    pub fn exponential(mean: SimDuration) -> Result<Self, &'static str> {
        positive_length(mean, "the mean is zero")?;
        Ok(Self::Exponential { mean })
    }

    /// Lognormal with the given mean and coefficient of variation (standard deviation / mean).
    pub fn lognormal_mean_cv(mean: SimDuration, cv: f64) -> Result<Self, &'static str> {
        positive_length(mean, "the mean is zero")?;
        positive(cv, "the coefficient of variation is not a positive number")?;
        let (mu, sigma) = variates::lognormal_from_mean_cv(mean.as_secs_f64(), cv);
        Ok(Self::LogNormal { mu, sigma })
    }

    /// Lognormal with the given median and 95th percentile.
    pub fn lognormal_median_p95(
        median: SimDuration,
        p95: SimDuration,
    ) -> Result<Self, &'static str> {
        positive_length(median, "the median is zero")?;
        if p95 <= median {
            return Err("the 95th percentile is not above the median");
        }
        let (mu, sigma) =
            variates::lognormal_from_median_p95(median.as_secs_f64(), p95.as_secs_f64());
        Ok(Self::LogNormal { mu, sigma })
    }

    /// Weibull; shape 1 is the exponential, smaller shapes have heavier tails.
    pub fn weibull(scale: SimDuration, shape: f64) -> Result<Self, &'static str> {
        positive_length(scale, "the scale is zero")?;
        positive(shape, "the shape is not a positive number")?;
        Ok(Self::Weibull { scale, shape })
    }

    /// Pareto. The mean is infinite for a shape of 1 or less.
    pub fn pareto(scale: SimDuration, shape: f64) -> Result<Self, &'static str> {
        positive_length(scale, "the scale is zero")?;
        positive(shape, "the shape is not a positive number")?;
        Ok(Self::Pareto { scale, shape })
    }

    /// One of the given values, each equally likely.
    pub fn empirical(mut values: Vec<SimDuration>) -> Result<Self, &'static str> {
        if values.is_empty() {
            return Err("there are no values");
        }
        // Sorted, so that the draw is monotone in its uniform and does not depend on file order.
        values.sort_unstable();
        Ok(Self::Empirical(values.into()))
    }

    /// The length that 64 uniform bits stand for, to the nearest nanosecond.
    pub fn sample(&self, bits: u64) -> SimDuration {
        match self {
            Self::Constant(length) => *length,
            Self::Uniform { low, high } => {
                let width = high.as_nanos().saturating_sub(low.as_nanos());
                *low + SimDuration::from_nanos(variates::below(bits, width))
            }
            Self::Exponential { mean } => {
                SimDuration::from_nanos_f64(variates::exponential(bits, mean.as_nanos() as f64))
            }
            Self::LogNormal { mu, sigma } => {
                SimDuration::from_secs_f64(variates::lognormal(bits, *mu, *sigma))
            }
            Self::Weibull { scale, shape } => SimDuration::from_nanos_f64(variates::weibull(
                bits,
                scale.as_nanos() as f64,
                *shape,
            )),
            Self::Pareto { scale, shape } => {
                SimDuration::from_nanos_f64(variates::pareto(bits, scale.as_nanos() as f64, *shape))
            }
            Self::Empirical(values) => {
                let index = variates::below(bits, values.len() as u64) as usize;
                values.get(index).copied().unwrap_or(SimDuration::ZERO)
            }
        }
    }

    /// The mean in seconds; infinite for a Pareto distribution with a shape of 1 or less.
    pub fn mean_seconds(&self) -> f64 {
        match self {
            Self::Constant(length) => length.as_secs_f64(),
            Self::Uniform { low, high } => f64::midpoint(low.as_secs_f64(), high.as_secs_f64()),
            Self::Exponential { mean } => mean.as_secs_f64(),
            Self::LogNormal { mu, sigma } => libm::exp(mu + sigma * sigma / 2.0),
            Self::Weibull { scale, shape } => scale.as_secs_f64() * libm::tgamma(1.0 + 1.0 / shape),
            Self::Pareto { shape, .. } if *shape <= 1.0 => f64::INFINITY,
            Self::Pareto { scale, shape } => scale.as_secs_f64() * shape / (shape - 1.0),
            Self::Empirical(values) => {
                let total: u128 = values.iter().map(|value| u128::from(value.as_nanos())).sum();
                total as f64 / (values.len().max(1) as f64 * NANOS_PER_SECOND as f64)
            }
        }
    }
}

fn positive_length(length: SimDuration, reason: &'static str) -> Result<(), &'static str> {
    if length.is_zero() { Err(reason) } else { Ok(()) }
}

fn positive(value: f64, reason: &'static str) -> Result<(), &'static str> {
    if value.is_finite() && value > 0.0 { Ok(()) } else { Err(reason) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::StreamKey;

    const fn secs(seconds: u64) -> SimDuration {
        SimDuration::from_secs(seconds)
    }

    #[test]
    fn constructors_refuse_what_has_no_meaning() {
        let bad = [
            DurationDistribution::uniform(secs(2), secs(1)),
            DurationDistribution::exponential(SimDuration::ZERO),
            DurationDistribution::lognormal_mean_cv(secs(1), 0.0),
            DurationDistribution::lognormal_mean_cv(secs(1), f64::NAN),
            DurationDistribution::lognormal_median_p95(secs(75), secs(75)),
            DurationDistribution::weibull(secs(1), f64::INFINITY),
            DurationDistribution::pareto(secs(1), -1.0),
            DurationDistribution::empirical(Vec::new()),
        ];
        for distribution in bad {
            assert!(distribution.is_err(), "{distribution:?}");
        }
    }

    #[test]
    fn median_and_p95_are_hit_by_the_draws_that_stand_for_them() {
        let distribution = DurationDistribution::lognormal_median_p95(secs(75), secs(120)).unwrap();
        let draw =
            |p: f64| distribution.sample((p * 18_446_744_073_709_551_616.0) as u64).as_secs_f64();
        assert!((draw(0.5) - 75.0).abs() < 1e-6);
        assert!((draw(0.95) - 120.0).abs() < 1e-6);
    }

    #[test]
    fn means_agree_with_the_draws() {
        let distributions = [
            DurationDistribution::Constant(secs(7)),
            DurationDistribution::uniform(secs(10), secs(30)).unwrap(),
            DurationDistribution::exponential(secs(90)).unwrap(),
            DurationDistribution::lognormal_mean_cv(secs(30), 0.5).unwrap(),
            DurationDistribution::lognormal_median_p95(secs(75), secs(120)).unwrap(),
            DurationDistribution::weibull(secs(40), 2.5).unwrap(),
            DurationDistribution::pareto(secs(2), 4.0).unwrap(),
            DurationDistribution::empirical(vec![secs(9), secs(1), secs(2)]).unwrap(),
        ];
        for (entity, distribution) in (0..).zip(distributions) {
            let key = StreamKey::new(3, 0, "means", entity);
            let mut moments = crate::statistics::Moments::default();
            for index in 0..100_000 {
                moments.add(distribution.sample(key.at(index)).as_secs_f64());
            }
            let se = moments.standard_deviation().unwrap() / libm::sqrt(100_000.0);
            let error = moments.mean() - distribution.mean_seconds();
            assert!(error.abs() <= 5.0 * se + 1e-9, "{distribution:?}: {error} {se}");
        }
    }

    #[test]
    fn a_heavy_pareto_has_no_mean() {
        assert!(DurationDistribution::pareto(secs(2), 1.0).unwrap().mean_seconds().is_infinite());
    }

    #[test]
    fn lengths_are_monotone_in_the_draw() {
        let distributions = [
            DurationDistribution::uniform(secs(10), secs(30)).unwrap(),
            DurationDistribution::exponential(secs(90)).unwrap(),
            DurationDistribution::lognormal_mean_cv(secs(30), 0.5).unwrap(),
            DurationDistribution::weibull(secs(40), 0.5).unwrap(),
            DurationDistribution::pareto(secs(2), 1.5).unwrap(),
            DurationDistribution::empirical(vec![secs(9), secs(1), secs(2)]).unwrap(),
        ];
        for distribution in distributions {
            let lengths: Vec<SimDuration> =
                (0..1_000).map(|step| distribution.sample(step * (u64::MAX / 1_000))).collect();
            assert!(lengths.is_sorted(), "{distribution:?}");
        }
    }
}

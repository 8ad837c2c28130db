//! Lengths of time drawn from a distribution, one uniform per draw wherever possible.

use std::sync::Arc;

use crate::units::SimDuration;

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
}

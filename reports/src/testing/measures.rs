//! Measures of the runs.

use plimsoll_core::statistics::Elasticity;

/// A service that follows its load with some lag.
pub(super) fn elasticity() -> Elasticity {
    Elasticity {
        under_accuracy: 0.041,
        over_accuracy: 0.187,
        under_time: 0.214,
        over_time: 0.603,
        instability: 0.118,
        under_mean: 0.61,
        over_mean: 1.92,
        demand_mean: 9.4,
        demand_peak: 42,
        shortages: 57,
        lag_mean_seconds: Some(187.5),
        lag_longest_seconds: Some(1260.0),
    }
}

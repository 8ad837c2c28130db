//! Estimators and intervals for the output of replicated runs.
//!
//! What is one observation? One *replication* of a terminating study. Values inside a run are
//! correlated, so no interval here is ever computed from the individual latencies of one run;
//! [`batch_means`] and [`mser5`] serve the long stationary runs that verify the engine.
//!
//! Every sum is taken in index order over `libm` functions, so that results do not depend on the
//! platform. Functions return `None` instead of a NaN when there is not enough data or an input is
//! not a finite number.

mod batch;
mod elasticity;
mod intervals;
mod moments;
mod paired;
mod quantiles;
mod student;
mod time_weighted;

pub use batch::{BatchMeans, WarmUp, batch_means, mser5, von_neumann};
pub use elasticity::{Elasticity, ElasticityRecorder, elastic_speed_up};
pub use intervals::{
    Bounds, Interval, RatioInterval, jackknife_ratio_interval, mean_interval, ratio_interval,
    wilson_interval,
};
pub use moments::Moments;
pub use paired::{PairedInterval, WelchInterval, paired_interval, welch_interval};
pub use quantiles::{OrderStatistics, observations_for_upper_bound, quantile_interval};
pub use student::{student_t_quantile, student_t_tail};
pub use time_weighted::TimeWeighted;

#[cfg(test)]
mod tests {
    //! The vectors that several modules share.

    pub(super) const X: [f64; 10] =
        [102.3, 98.7, 105.1, 101.4, 97.9, 103.6, 100.2, 104.8, 99.5, 101.9];
    pub(super) const Y: [f64; 10] = [99.8, 97.1, 101.9, 99.7, 96.4, 100.8, 98.9, 101.7, 97.6, 99.4];

    #[track_caller]
    pub(super) fn close(actual: f64, expected: f64, tolerance: f64) {
        assert!((actual - expected).abs() <= tolerance, "{actual} instead of {expected}");
    }
}

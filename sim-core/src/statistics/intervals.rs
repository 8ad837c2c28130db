//! Intervals for a mean, a ratio and a probability.

use super::moments::{Moments, covariance};
use super::student::student_t_quantile;
use crate::engine::normal_quantile;

/// A mean over replications with its confidence interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Mean.
    pub mean: f64,
    /// Half of the width of the interval.
    pub half_width: f64,
    /// Number of replications.
    pub n: usize,
    /// Sample standard deviation of the replications.
    pub standard_deviation: f64,
}

impl Interval {
    /// Lower end.
    pub fn lower(&self) -> f64 {
        self.mean - self.half_width
    }

    /// Upper end.
    pub fn upper(&self) -> f64 {
        self.mean + self.half_width
    }

    /// Half-width as a fraction of the mean; `None` for a mean of zero.
    pub fn relative_half_width(&self) -> Option<f64> {
        let ratio = self.half_width / libm::fabs(self.mean);
        ratio.is_finite().then_some(ratio)
    }

    /// Whether `value` lies in the interval.
    pub fn contains(&self, value: f64) -> bool {
        self.lower() <= value && value <= self.upper()
    }
}

/// The two ends of an interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// Lower end.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
}

/// A ratio of two means over replications.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RatioInterval {
    /// The estimate.
    pub ratio: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// Half of the width of the interval.
    pub half_width: f64,
}

pub(super) fn all_finite(values: &[f64]) -> bool {
    values.iter().all(|value| value.is_finite())
}

/// The factor of a two-sided interval at confidence `level` (0.95 for 95 %).
pub(super) fn two_sided(level: f64, degrees: f64) -> Option<f64> {
    student_t_quantile(f64::midpoint(1.0, level), degrees).filter(|_| level > 0.0)
}

/// Student-t interval for the mean of independent replications, at confidence `level` (0.95 for
/// 95 %). `None` for fewer than two replications: one run has no interval, and the caller says so.
pub fn mean_interval(values: &[f64], level: f64) -> Option<Interval> {
    if !all_finite(values) {
        return None;
    }
    let moments = Moments::of(values);
    let standard_deviation = moments.standard_deviation()?;
    let n = values.len() as f64;
    let half_width = two_sided(level, n - 1.0)? * standard_deviation / libm::sqrt(n);
    Some(Interval { mean: moments.mean(), half_width, n: values.len(), standard_deviation })
}

/// Interval for `Σ numerators / Σ denominators` (utilization, cost per task): the ratio of means,
/// not the mean of ratios. `None` for fewer than two replications or a zero denominator.
pub fn ratio_interval(
    numerators: &[f64],
    denominators: &[f64],
    level: f64,
) -> Option<RatioInterval> {
    if !all_finite(numerators) || !all_finite(denominators) {
        return None;
    }
    let covariance = covariance(numerators, denominators)?;
    let (y, x) = (Moments::of(numerators), Moments::of(denominators));
    let ratio = numerators.iter().sum::<f64>() / denominators.iter().sum::<f64>();
    let n = numerators.len() as f64;
    let variance = y.variance()? - 2.0 * ratio * covariance + ratio * ratio * x.variance()?;
    // Rounding can leave a tiny negative number when the two are proportional.
    let standard_error = libm::sqrt(variance.max(0.0) / n) / libm::fabs(x.mean());
    finite_ratio(ratio, standard_error, two_sided(level, n - 1.0)?)
}

/// Like [`ratio_interval`], by the jackknife, which also corrects the bias of order 1/n.
pub fn jackknife_ratio_interval(
    numerators: &[f64],
    denominators: &[f64],
    level: f64,
) -> Option<RatioInterval> {
    if numerators.len() != denominators.len()
        || !all_finite(numerators)
        || !all_finite(denominators)
    {
        return None;
    }
    let n = numerators.len() as f64;
    let (sum_y, sum_x) = (numerators.iter().sum::<f64>(), denominators.iter().sum::<f64>());
    let pseudo =
        |(y, x): (&f64, &f64)| n * (sum_y / sum_x) - (n - 1.0) * ((sum_y - y) / (sum_x - x));
    let pseudo_values: Vec<f64> = numerators.iter().zip(denominators).map(pseudo).collect();
    let interval = mean_interval(&pseudo_values, level)?;
    let standard_error = interval.standard_deviation / libm::sqrt(n);
    Some(RatioInterval { ratio: interval.mean, standard_error, half_width: interval.half_width })
}

fn finite_ratio(ratio: f64, standard_error: f64, factor: f64) -> Option<RatioInterval> {
    let half_width = factor * standard_error;
    (ratio.is_finite() && half_width.is_finite()).then_some(RatioInterval {
        ratio,
        standard_error,
        half_width,
    })
}

/// Wilson interval for a probability after `successes` in `n` independent replications; `None` for
/// no replications or more successes than those.
pub fn wilson_interval(successes: u64, n: u64, level: f64) -> Option<Bounds> {
    if n == 0 || successes > n || !(level > 0.0 && level < 1.0) {
        return None;
    }
    let z = normal_quantile(f64::midpoint(1.0, level));
    let (n, p) = (n as f64, successes as f64 / n as f64);
    let centre = p + z * z / (2.0 * n);
    let spread = z * libm::sqrt(p * (1.0 - p) / n + z * z / (4.0 * n * n));
    let scale = 1.0 + z * z / n;
    Some(Bounds {
        lower: ((centre - spread) / scale).max(0.0),
        upper: ((centre + spread) / scale).min(1.0),
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{X, Y, close};
    use super::*;

    const NUMERATORS: [f64; 6] = [103.2, 98.5, 110.1, 95.7, 104.4, 99.9];
    const DENOMINATORS: [f64; 6] = [50.1, 47.9, 53.6, 46.2, 50.9, 48.4];

    #[test]
    fn tv_22_mean_interval() {
        close(mean_interval(&X, 0.95).unwrap().half_width, 1.777_133_671, 5e-10);
        close(mean_interval(&Y, 0.95).unwrap().half_width, 1.337_906_547, 5e-10);
    }

    #[test]
    fn tv_22_ratio() {
        let interval = ratio_interval(&NUMERATORS, &DENOMINATORS, 0.95).unwrap();
        close(interval.ratio, 2.059_239_313, 5e-10);
        close(interval.standard_error, 0.002_948_543, 5.1e-10);
        close(interval.half_width, 0.007_579_471, 5.1e-10);
    }

    #[test]
    fn tv_22_ratio_by_jackknife() {
        let interval = jackknife_ratio_interval(&NUMERATORS, &DENOMINATORS, 0.95).unwrap();
        close(interval.ratio, 2.059_190_609, 5.1e-10);
        close(interval.half_width, 0.007_552_257, 5.1e-10);
    }

    #[test]
    fn tv_22_wilson() {
        let none = wilson_interval(0, 20, 0.95).unwrap();
        close(none.lower, 0.0, 1e-15);
        close(none.upper, 0.161_125, 5.1e-7);
        let few = wilson_interval(3, 50, 0.95).unwrap();
        close(few.lower, 0.020_615, 5.1e-7);
        close(few.upper, 0.162_171, 5.1e-7);
    }

    #[test]
    fn tv_26_relative_half_widths_of_the_first_replications() {
        let expected = [0.035_564, 0.028_809, 0.023_649, 0.022_156, 0.019_929, 0.017_502];
        for (n, expected) in (5..=10).zip(expected) {
            let interval = mean_interval(&X[..n], 0.95).unwrap();
            close(interval.relative_half_width().unwrap(), expected, 5.1e-7);
        }
    }

    #[test]
    fn too_little_or_broken_data_has_no_interval() {
        assert_eq!(mean_interval(&[1.0], 0.95), None);
        assert_eq!(mean_interval(&[1.0, f64::NAN], 0.95), None);
        assert_eq!(mean_interval(&X, 1.0), None);
        assert_eq!(ratio_interval(&[1.0, 2.0], &[0.0, 0.0], 0.95), None);
        assert_eq!(jackknife_ratio_interval(&[1.0, 2.0], &[0.0, 0.0], 0.95), None);
        assert_eq!(wilson_interval(2, 1, 0.95), None);
    }

    #[test]
    fn equal_replications_have_an_interval_of_no_width() {
        let interval = mean_interval(&[2.5; 4], 0.95).unwrap();
        assert!(interval.contains(2.5) && interval.half_width == 0.0 && interval.n == 4);
        assert_eq!(mean_interval(&[0.0; 4], 0.95).unwrap().relative_half_width(), None);
    }
}

//! Comparison of two systems.

use super::intervals::{all_finite, two_sided};
use super::moments::{Moments, covariance};
use super::student::student_t_tail;

/// The mean difference of two systems that were run on the same random streams.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairedInterval {
    /// Mean of x − y.
    pub mean: f64,
    /// Half of the width of the interval.
    pub half_width: f64,
    /// Number of pairs.
    pub n: usize,
    /// Sample standard deviation of the differences.
    pub standard_deviation: f64,
    /// The t statistic; infinite if all differences are equal and not zero.
    pub t: f64,
    /// Two-sided p-value of "no difference".
    pub p_value: f64,
    /// Correlation of x and y; `None` if one of them does not vary.
    pub correlation: Option<f64>,
    /// Variance of the differences ÷ (variance of x + variance of y): below 1, pairing helped.
    /// `None` if neither varies.
    pub variance_ratio: Option<f64>,
}

impl PairedInterval {
    /// Lower end.
    pub fn lower(&self) -> f64 {
        self.mean - self.half_width
    }

    /// Upper end.
    pub fn upper(&self) -> f64 {
        self.mean + self.half_width
    }

    /// Whether zero lies outside the interval.
    pub fn excludes_zero(&self) -> bool {
        libm::fabs(self.mean) > self.half_width
    }
}

/// The mean difference of two systems that were run on independent streams.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WelchInterval {
    /// Mean of x − mean of y.
    pub mean: f64,
    /// Half of the width of the interval.
    pub half_width: f64,
    /// Degrees of freedom (Welch–Satterthwaite).
    pub degrees: f64,
    /// Two-sided p-value of "no difference".
    pub p_value: f64,
}

/// Interval for the mean of `x[j] − y[j]`, replication by replication. `None` for fewer than two
/// pairs, unequal lengths or a value that is not finite.
pub fn paired_interval(x: &[f64], y: &[f64], level: f64) -> Option<PairedInterval> {
    if !all_finite(x) || !all_finite(y) {
        return None;
    }
    let covariance = covariance(x, y)?;
    let differences: Vec<f64> = x.iter().zip(y).map(|(x, y)| x - y).collect();
    let moments = Moments::of(&differences);
    let standard_deviation = moments.standard_deviation()?;
    let n = x.len() as f64;
    let standard_error = standard_deviation / libm::sqrt(n);
    let t = t_statistic(moments.mean(), standard_error);
    let (variance_x, variance_y) = (Moments::of(x).variance()?, Moments::of(y).variance()?);
    let correlation = covariance / libm::sqrt(variance_x * variance_y);
    let variance_ratio = moments.variance()? / (variance_x + variance_y);
    Some(PairedInterval {
        mean: moments.mean(),
        half_width: two_sided(level, n - 1.0)? * standard_error,
        n: x.len(),
        standard_deviation,
        t,
        p_value: student_t_tail(t, n - 1.0),
        correlation: correlation.is_finite().then(|| correlation.clamp(-1.0, 1.0)),
        variance_ratio: variance_ratio.is_finite().then_some(variance_ratio),
    })
}

/// Interval for the difference of two means of independent samples with unequal variances. `None`
/// for fewer than two observations in a sample, or if neither sample varies.
pub fn welch_interval(x: &[f64], y: &[f64], level: f64) -> Option<WelchInterval> {
    if !all_finite(x) || !all_finite(y) {
        return None;
    }
    let (moments_x, moments_y) = (Moments::of(x), Moments::of(y));
    let (n_x, n_y) = (x.len() as f64, y.len() as f64);
    let (part_x, part_y) = (moments_x.variance()? / n_x, moments_y.variance()? / n_y);
    let sum = part_x + part_y;
    let degrees = sum * sum / (part_x * part_x / (n_x - 1.0) + part_y * part_y / (n_y - 1.0));
    if !degrees.is_finite() {
        return None;
    }
    let mean = moments_x.mean() - moments_y.mean();
    let standard_error = libm::sqrt(sum);
    let p_value = student_t_tail(t_statistic(mean, standard_error), degrees);
    Some(WelchInterval {
        mean,
        half_width: two_sided(level, degrees)? * standard_error,
        degrees,
        p_value,
    })
}

/// Mean in standard errors; a difference that never varies is either none or beyond doubt.
fn t_statistic(mean: f64, standard_error: f64) -> f64 {
    let t = mean / standard_error;
    if t.is_nan() { 0.0 } else { t }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{X, Y, close};
    use super::*;

    #[test]
    fn tv_23_paired_difference() {
        let interval = paired_interval(&X, &Y, 0.95).unwrap();
        close(interval.mean, 2.21, 1e-12);
        close(interval.standard_deviation, 0.695_141_872, 5e-10);
        close(interval.half_width, 0.497_274_539, 5e-10);
        close(interval.t, 10.053_536, 5.1e-7);
        close(interval.p_value, 3.42e-6, 5.1e-9);
        close(interval.correlation.unwrap(), 0.988_57, 5.1e-6);
        assert!(interval.excludes_zero());
        // var D / (var X + var Y), from the standard deviations of the vectors.
        let expected = 0.695_141_872_f64 * 0.695_141_872
            / (2.484_261_571 * 2.484_261_571 + 1.870_264_390 * 1.870_264_390);
        close(interval.variance_ratio.unwrap(), expected, 1e-9);
    }

    #[test]
    fn tv_23_welch() {
        let interval = welch_interval(&X, &Y, 0.95).unwrap();
        close(interval.mean, 2.21, 1e-12);
        close(interval.half_width, 2.077_286_915, 5.1e-10);
        close(interval.degrees, 16.72, 5.1e-3);
        close(interval.p_value, 0.0384, 5.1e-5);
    }

    #[test]
    fn a_constant_difference_is_beyond_doubt_and_none_is_none() {
        let same = paired_interval(&X, &X, 0.95).unwrap();
        close(same.p_value, 1.0, 1e-15);
        assert!(!same.excludes_zero());
        let flat = paired_interval(&[1.0, 1.0], &[3.0, 3.0], 0.95).unwrap();
        close(flat.p_value, 0.0, 1e-15);
        assert!(flat.excludes_zero());
        assert_eq!((flat.correlation, flat.variance_ratio), (None, None));
    }

    #[test]
    fn unequal_lengths_have_no_pairs() {
        assert_eq!(paired_interval(&X, &Y[..9], 0.95), None);
        assert_eq!(welch_interval(&[1.0, 1.0], &[1.0, 1.0], 0.95), None);
    }
}

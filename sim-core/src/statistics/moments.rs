//! Mean and variance in one pass.

/// Running mean and variance (Welford), which loses no digits to a large mean.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moments {
    n: u64,
    mean: f64,
    squares: f64,
}

impl Moments {
    /// Moments of `values`, taken in order.
    pub fn of(values: &[f64]) -> Self {
        let mut moments = Self::default();
        for &value in values {
            moments.add(value);
        }
        moments
    }

    /// Adds one observation.
    pub fn add(&mut self, value: f64) {
        self.n += 1;
        let deviation = value - self.mean;
        self.mean += deviation / self.n as f64;
        self.squares += deviation * (value - self.mean);
    }

    /// Number of observations.
    pub const fn n(&self) -> u64 {
        self.n
    }

    /// Mean; zero without observations.
    pub const fn mean(&self) -> f64 {
        self.mean
    }

    /// Sum of squared deviations from the mean.
    pub const fn sum_of_squares(&self) -> f64 {
        self.squares
    }

    /// Sample variance, with n − 1 in the denominator; `None` for fewer than two observations.
    pub fn variance(&self) -> Option<f64> {
        (self.n >= 2).then(|| self.squares / (self.n - 1) as f64)
    }

    /// Sample standard deviation; `None` for fewer than two observations.
    pub fn standard_deviation(&self) -> Option<f64> {
        self.variance().map(libm::sqrt)
    }
}

/// Sample covariance in index order; `None` for fewer than two pairs or unequal lengths.
pub(super) fn covariance(x: &[f64], y: &[f64]) -> Option<f64> {
    if x.len() != y.len() || x.len() < 2 {
        return None;
    }
    let (mean_x, mean_y) = (Moments::of(x).mean(), Moments::of(y).mean());
    let sum: f64 = x.iter().zip(y).map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    Some(sum / (x.len() - 1) as f64)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{X, Y, close};
    use super::*;

    #[test]
    fn tv_22_mean_and_standard_deviation() {
        for (values, mean, deviation) in [(X, 101.54, 2.484_261_571), (Y, 99.33, 1.870_264_390)] {
            let moments = Moments::of(&values);
            close(moments.mean(), mean, 1e-12);
            close(moments.standard_deviation().unwrap(), deviation, 5e-10);
        }
    }

    #[test]
    fn a_large_mean_costs_no_digits() {
        let moments = Moments::of(&[1e9 + 4.0, 1e9 + 7.0, 1e9 + 13.0, 1e9 + 16.0]);
        close(moments.variance().unwrap(), 30.0, 1e-9);
    }

    #[test]
    fn one_observation_has_no_variance() {
        assert_eq!(Moments::of(&[3.0]).variance(), None);
        assert_eq!(Moments::of(&[]).n(), 0);
    }
}

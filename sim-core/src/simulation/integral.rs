//! Exact integrals of integer quantities over time.

use crate::units::SimTime;

/// `∫ value dt` in value·ns, and the largest value seen.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Integral {
    value: u64,
    since: SimTime,
    total: u128,
    peak: u64,
}

impl Integral {
    /// The current value.
    pub(super) fn value(&self) -> u64 {
        self.value
    }

    /// The largest value so far.
    pub(super) fn peak(&self) -> u64 {
        self.peak
    }

    /// Changes the value at `now`.
    pub(super) fn set(&mut self, now: SimTime, value: u64) {
        self.total = self.total_at(now);
        self.since = now;
        self.value = value;
        self.peak = self.peak.max(value);
    }

    /// Raises the value at `now`.
    pub(super) fn add(&mut self, now: SimTime, delta: u64) {
        self.set(now, self.value + delta);
    }

    /// Lowers the value at `now`.
    pub(super) fn subtract(&mut self, now: SimTime, delta: u64) {
        debug_assert!(delta <= self.value, "an integrated quantity went negative");
        self.set(now, self.value.saturating_sub(delta));
    }

    /// The integral from the start of the run to `now`.
    pub(super) fn total_at(&self, now: SimTime) -> u128 {
        self.total
            + u128::from(self.value) * u128::from(now.saturating_since(self.since).as_nanos())
    }

    /// Mean over `[0, now)`; zero for an empty interval.
    pub(super) fn mean_at(&self, now: SimTime) -> f64 {
        ratio(self.total_at(now), u128::from(now.as_nanos())).unwrap_or(0.0)
    }
}

/// `part / whole`, `None` if the whole is zero.
pub(super) fn ratio(part: u128, whole: u128) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worked_example_of_a_time_weighted_mean() {
        let mut integral = Integral::default();
        for (at, value) in [(0, 0), (2, 3), (5, 1), (9, 4), (10, 0)] {
            integral.set(SimTime::from_nanos(at), value);
        }
        let end = SimTime::from_nanos(12);
        assert_eq!(integral.total_at(end), 17);
        assert!((integral.mean_at(end) - 1.416_667).abs() < 1e-6);
        assert_eq!(integral.peak(), 4);
    }

    #[test]
    fn an_empty_interval_has_mean_zero() {
        assert!(Integral::default().mean_at(SimTime::ZERO).abs() < f64::EPSILON);
    }
}

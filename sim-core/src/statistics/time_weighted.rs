//! Averages over time of a quantity that changes in steps.

use crate::units::SimTime;

/// The integral over time of an integer quantity, exact, and the largest value it had.
///
/// The default starts at time zero with the value zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeWeighted {
    start: SimTime,
    since: SimTime,
    value: u64,
    peak: u64,
    total: u128,
}

impl TimeWeighted {
    /// Starts to integrate at `start`, where the quantity is `value`.
    pub const fn new(start: SimTime, value: u64) -> Self {
        Self { start, since: start, value, peak: value, total: 0 }
    }

    /// The quantity becomes `value` at `now`, which is not before the last change.
    pub fn set(&mut self, now: SimTime, value: u64) {
        self.total = self.total_at(now);
        self.since = self.since.max(now);
        self.value = value;
        self.peak = self.peak.max(value);
    }

    /// Raises the quantity at `now`.
    pub fn add(&mut self, now: SimTime, delta: u64) {
        self.set(now, self.value + delta);
    }

    /// Lowers the quantity at `now`; never below zero.
    pub fn subtract(&mut self, now: SimTime, delta: u64) {
        debug_assert!(delta <= self.value, "an integrated quantity went negative");
        self.set(now, self.value.saturating_sub(delta));
    }

    /// The quantity since its last change.
    pub const fn value(&self) -> u64 {
        self.value
    }

    /// The largest value so far.
    pub const fn peak(&self) -> u64 {
        self.peak
    }

    /// Forgets the past, at the end of a warm-up: integrates from `now` on.
    pub fn restart(&mut self, now: SimTime) {
        *self = Self::new(now, self.value);
    }

    /// Quantity × nanoseconds up to `now`.
    pub fn total_at(&self, now: SimTime) -> u128 {
        let length = now.saturating_since(self.since).as_nanos();
        self.total + u128::from(self.value) * u128::from(length)
    }

    /// Average up to `now`; `None` if no time has passed.
    pub fn mean(&self, now: SimTime) -> Option<f64> {
        let length = now.saturating_since(self.start).as_nanos();
        (length > 0).then(|| self.total_at(now) as f64 / length as f64)
    }

    /// Average up to `now`; zero if no time has passed.
    pub fn mean_at(&self, now: SimTime) -> f64 {
        self.mean(now).unwrap_or(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::close;
    use super::*;

    #[test]
    fn tv_212_time_weighted_average() {
        let at = SimTime::from_nanos;
        let mut quantity = TimeWeighted::new(at(0), 0);
        for (time, value) in [(2, 3), (5, 1), (9, 4), (10, 0)] {
            quantity.set(at(time), value);
        }
        assert_eq!(quantity.total_at(at(12)), 17);
        close(quantity.mean(at(12)).unwrap(), 1.416_667, 5.1e-7);
        assert_eq!(quantity.peak(), 4);
    }

    #[test]
    fn a_restart_keeps_the_value_and_forgets_the_integral() {
        let at = SimTime::from_nanos;
        let mut quantity = TimeWeighted::new(at(0), 7);
        quantity.restart(at(10));
        assert_eq!(
            (quantity.value(), quantity.total_at(at(10)), quantity.mean(at(10))),
            (7, 0, None)
        );
        close(quantity.mean(at(12)).unwrap(), 7.0, 1e-15);
        close(quantity.mean_at(at(10)), 0.0, 0.0);
    }
}

//! Averages over time of a quantity that changes in steps.

use crate::units::SimTime;

/// The integral over time of an integer quantity, exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeWeighted {
    start: SimTime,
    since: SimTime,
    value: u64,
    integral: u128,
}

impl TimeWeighted {
    /// Starts to integrate at `start`, where the quantity is `value`.
    pub const fn new(start: SimTime, value: u64) -> Self {
        Self { start, since: start, value, integral: 0 }
    }

    /// The quantity becomes `value` at `now`, which is not before the last change.
    pub fn set(&mut self, now: SimTime, value: u64) {
        self.integral = self.integral(now);
        self.since = self.since.max(now);
        self.value = value;
    }

    /// The quantity since its last change.
    pub const fn value(&self) -> u64 {
        self.value
    }

    /// Forgets the past, at the end of a warm-up: integrates from `now` on.
    pub fn restart(&mut self, now: SimTime) {
        *self = Self::new(now, self.value);
    }

    /// Quantity × nanoseconds up to `now`.
    pub fn integral(&self, now: SimTime) -> u128 {
        let length = now.saturating_since(self.since).as_nanos();
        self.integral + u128::from(self.value) * u128::from(length)
    }

    /// Average up to `now`; `None` if no time has passed.
    pub fn mean(&self, now: SimTime) -> Option<f64> {
        let length = now.saturating_since(self.start).as_nanos();
        (length > 0).then(|| self.integral(now) as f64 / length as f64)
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
        assert_eq!(quantity.integral(at(12)), 17);
        close(quantity.mean(at(12)).unwrap(), 1.416_667, 5.1e-7);
    }

    #[test]
    fn a_restart_keeps_the_value_and_forgets_the_integral() {
        let at = SimTime::from_nanos;
        let mut quantity = TimeWeighted::new(at(0), 7);
        quantity.restart(at(10));
        assert_eq!(
            (quantity.value(), quantity.integral(at(10)), quantity.mean(at(10))),
            (7, 0, None)
        );
        close(quantity.mean(at(12)).unwrap(), 7.0, 1e-15);
    }
}

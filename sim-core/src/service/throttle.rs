//! The pause of a service whose tasks keep stopping before they run.
//!
//! Source: developer guide, *Service throttle logic*: the time between attempts grows up to a dated
//! maximum, and a new task definition starts afresh. The law of growth is not published; here it
//! doubles from a first pause after a number of failures in a row.

use crate::units::SimDuration;

/// The law of the pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThrottleLaw {
    /// Failures in a row after which the first pause comes.
    pub failures: u32,
    /// The first pause; each further failure doubles it.
    pub first_pause: SimDuration,
    /// Longest pause.
    pub maximum: SimDuration,
}

impl ThrottleLaw {
    /// Pause before the next launch after `failures` in a row.
    pub fn pause(&self, failures: u32) -> SimDuration {
        if failures < self.failures.max(1) {
            return SimDuration::ZERO;
        }
        let doublings = failures - self.failures.max(1);
        let nanos = u128::from(self.first_pause.as_nanos()) << doublings.min(63);
        let longest = u128::from(self.maximum.as_nanos());
        SimDuration::from_nanos(u64::try_from(nanos.min(longest)).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_from_the_third_failure_to_27_minutes() {
        let law = ThrottleLaw {
            failures: 3,
            first_pause: SimDuration::from_secs(10),
            maximum: SimDuration::from_secs(27 * 60),
        };
        let pauses: Vec<u64> = (0..13).map(|n| law.pause(n).as_secs_ceil()).collect();
        assert_eq!(pauses, [0, 0, 0, 10, 20, 40, 80, 160, 320, 640, 1280, 1620, 1620]);
        assert_eq!(law.pause(u32::MAX), law.maximum);
    }

    #[test]
    fn the_maximum_was_15_minutes() {
        let law = ThrottleLaw {
            failures: 3,
            first_pause: SimDuration::from_secs(10),
            maximum: SimDuration::from_secs(15 * 60),
        };
        assert_eq!(law.pause(30), SimDuration::from_secs(900));
    }
}

//! When a launch that found no capacity is tried again.
//!
//! AWS says that one should wait "a few minutes" and nothing about how an Auto Scaling group spaces its
//! own attempts. Here: exponentially, per pool, with a limit and some jitter.

use crate::engine::variates::uniform;
use crate::units::SimDuration;

/// The spacing of attempts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BackOff {
    /// After the first failure.
    pub first: SimDuration,
    /// At most.
    pub maximum: SimDuration,
    /// Share by which a pause may be longer or shorter, 0 to 1.
    pub jitter: f64,
}

impl Eq for BackOff {}

impl Default for BackOff {
    fn default() -> Self {
        Self {
            first: SimDuration::from_secs(15),
            maximum: SimDuration::from_secs(180),
            jitter: 0.2,
        }
    }
}

impl BackOff {
    /// The pause after `failures` failures in a row, at least one; `bits` decide the jitter.
    pub fn pause(&self, failures: u32, bits: u64) -> SimDuration {
        let doublings = failures.saturating_sub(1).min(63);
        let nanos = self.first.as_nanos().saturating_mul(1_u64 << doublings);
        let nanos = nanos.min(self.maximum.as_nanos());
        let factor = 1.0 + self.jitter * (2.0 * uniform(bits) - 1.0);
        SimDuration::from_nanos_f64(nanos as f64 * factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_limit() {
        let law = BackOff { jitter: 0.0, ..BackOff::default() };
        let seconds = |failures| law.pause(failures, 0).as_secs_f64();
        let found: Vec<f64> = (1..=7).map(seconds).collect();
        assert_eq!(found, [15.0, 30.0, 60.0, 120.0, 180.0, 180.0, 180.0]);
        assert!((seconds(u32::MAX) - 180.0).abs() < 1e-9);
    }

    #[test]
    fn jitter_stays_within_a_fifth() {
        let law = BackOff::default();
        let mut seen = (f64::MAX, f64::MIN);
        for bits in (0..64).map(|it| it << 58) {
            let pause = law.pause(1, bits).as_secs_f64();
            assert!((12.0..=18.0).contains(&pause), "{pause}");
            seen = (seen.0.min(pause), seen.1.max(pause));
        }
        assert!(seen.0 < 12.5 && 17.5 < seen.1, "{seen:?}");
    }
}

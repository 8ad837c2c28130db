//! Launch-rate quotas as token buckets.

use crate::units::{NANOS_PER_SECOND, SimTime};

/// A bucket of launch tokens that refills at a constant rate. Tokens are counted in nano-tokens so
/// that the level is exact at every nanosecond.
///
/// ECS documents "tasks per minute" without the limiter's shape; a bucket that holds a minute's
/// quota is this model's default.
#[derive(Clone, Copy, Debug)]
pub(super) struct TokenBucket {
    capacity: u128,
    /// Nano-tokens per second, that is tokens per nanosecond times 1e18.
    refill_per_second: u128,
    level: u128,
    updated: SimTime,
}

const NANO: u128 = 1_000_000_000;

impl TokenBucket {
    /// A full bucket of `burst` tokens refilled with `per_minute` tokens a minute.
    pub(super) fn new(burst: u32, per_minute: u32) -> Self {
        let capacity = u128::from(burst) * NANO;
        Self {
            capacity,
            refill_per_second: u128::from(per_minute) * NANO / 60,
            level: capacity,
            updated: SimTime::ZERO,
        }
    }

    /// Whether there is a token.
    pub(super) fn has_token(&mut self, now: SimTime) -> bool {
        let elapsed = u128::from(now.saturating_since(self.updated).as_nanos());
        let refill = elapsed * self.refill_per_second / u128::from(NANOS_PER_SECOND);
        self.level = (self.level + refill).min(self.capacity);
        self.updated = now;
        NANO <= self.level
    }

    /// Takes a token if there is one.
    pub(super) fn take(&mut self, now: SimTime) -> bool {
        let token = self.has_token(now);
        if token {
            self.level -= NANO;
        }
        token
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds until `n` launches are admitted when tried every second.
    fn seconds_to_admit(mut bucket: TokenBucket, n: u32) -> u64 {
        let mut admitted = 0;
        for second in 0.. {
            while admitted < n && bucket.take(SimTime::from_secs(second)) {
                admitted += 1;
            }
            if admitted == n {
                return second;
            }
        }
        unreachable!("the bucket refills")
    }

    #[test]
    fn the_fargate_bucket_admits_at_the_documented_rate() {
        for (n, seconds) in [(100, 0), (500, 20), (1000, 45), (3500, 170)] {
            assert_eq!(seconds_to_admit(TokenBucket::new(100, 1200), n), seconds, "{n} tasks");
        }
    }

    #[test]
    fn a_service_launches_500_at_once_then_500_a_minute() {
        let bucket = TokenBucket::new(500, 500);
        assert_eq!(seconds_to_admit(bucket, 500), 0);
        assert!((359..=361).contains(&seconds_to_admit(bucket, 3500)));
    }
}

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
    /// Whether the whole quota comes anew with each minute, instead of bit by bit.
    windows: bool,
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
            windows: false,
        }
    }

    /// `per_minute` tokens in each minute since the start.
    pub(super) fn windows(per_minute: u32) -> Self {
        Self { windows: true, ..Self::new(per_minute, per_minute) }
    }

    /// Whether there is a token.
    pub(super) fn has_token(&mut self, now: SimTime) -> bool {
        let refill = if self.windows {
            let minute = |at: SimTime| at.as_nanos() / (60 * NANOS_PER_SECOND);
            if minute(self.updated) < minute(now) { self.capacity } else { 0 }
        } else {
            let elapsed = u128::from(now.saturating_since(self.updated).as_nanos());
            elapsed * self.refill_per_second / u128::from(NANOS_PER_SECOND)
        };
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
    fn tv_80_the_fargate_bucket_admits_at_the_documented_rate() {
        for (n, seconds) in [(100, 0), (500, 20), (1000, 45), (3500, 170), (5000, 245)] {
            assert_eq!(seconds_to_admit(TokenBucket::new(100, 1200), n), seconds, "{n} tasks");
        }
        for (n, seconds) in [(500, 95), (3500, 695)] {
            assert_eq!(seconds_to_admit(TokenBucket::new(25, 300), n), seconds, "{n} tasks");
        }
    }

    #[test]
    fn tv_81_a_fargate_service_launches_3500_tasks_in_six_minutes() {
        assert!((359..=361).contains(&seconds_to_admit(TokenBucket::new(500, 500), 3500)));
        assert_eq!(seconds_to_admit(TokenBucket::windows(500), 3500), 360);
        // Paced at 8.33 a second from the start it takes a minute more.
        assert!((419..=421).contains(&seconds_to_admit(TokenBucket::new(10, 500), 3500)));
        // Seven services of 500 each are bound by the account's bucket.
        assert_eq!(seconds_to_admit(TokenBucket::new(100, 1200), 7 * 500), 170);
    }

    #[test]
    fn tv_82_ten_calls_of_ten_tasks_start_a_hundred_in_a_second() {
        assert_eq!(seconds_to_admit(TokenBucket::new(100, 1200), 10 * 10), 0);
    }

    #[test]
    fn a_service_launches_500_at_once_then_500_a_minute() {
        let bucket = TokenBucket::new(500, 500);
        assert_eq!(seconds_to_admit(bucket, 500), 0);
        assert!((359..=361).contains(&seconds_to_admit(bucket, 3500)));
    }
}

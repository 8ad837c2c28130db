//! Launch-rate quotas as token buckets.

use crate::units::{NANOS_PER_SECOND, SimTime};

/// A bucket of tokens that refills at a constant rate. The level is counted in the share of a token
/// that a rate of one per minute adds in a nanosecond, so that it is exact at every instant.
///
/// ECS documents "tasks per minute" without the limiter's shape; a bucket that holds a minute's
/// quota is this model's default.
#[derive(Clone, Copy, Debug)]
pub(super) struct TokenBucket {
    capacity: u128,
    per_minute: u128,
    level: u128,
    updated: SimTime,
    /// Whether the whole quota comes anew with each minute of the run, instead of bit by bit.
    windows: bool,
    /// What is left of rate and size, in thousandths.
    permille: u16,
}

/// One token.
const TOKEN: u128 = 60 * NANOS_PER_SECOND as u128;

/// All of it, in thousandths.
pub(super) const WHOLE: u16 = 1000;

/// `permille` thousandths of `amount`.
fn share(amount: u128, permille: u16) -> u128 {
    match permille {
        WHOLE => amount,
        _ => amount * u128::from(permille) / u128::from(WHOLE),
    }
}

impl TokenBucket {
    /// A full bucket of `burst` tokens refilled with `per_minute` tokens a minute.
    pub(super) fn new(burst: u32, per_minute: u32) -> Self {
        let capacity = u128::from(burst) * TOKEN;
        Self {
            capacity,
            per_minute: u128::from(per_minute),
            level: capacity,
            updated: SimTime::ZERO,
            windows: false,
            permille: WHOLE,
        }
    }

    /// `per_minute` tokens in each minute of the run.
    pub(super) fn windows(per_minute: u32) -> Self {
        Self { windows: true, ..Self::new(per_minute, per_minute) }
    }

    /// What fits now.
    fn size(&self) -> u128 {
        let least = if self.permille == 0 { 0 } else { TOKEN.min(self.capacity) };
        share(self.capacity, self.permille).max(least)
    }

    /// Whether there is a token.
    pub(super) fn has_token(&mut self, now: SimTime) -> bool {
        let capacity = self.size();
        let refill = if self.windows {
            let minute = |at: SimTime| u128::from(at.as_nanos()) / TOKEN;
            if minute(self.updated) < minute(now) { capacity } else { 0 }
        } else {
            let refill =
                u128::from(now.saturating_since(self.updated).as_nanos()) * self.per_minute;
            share(refill, self.permille)
        };
        self.level = (self.level + refill).min(capacity);
        self.updated = now;
        TOKEN <= self.level
    }

    /// Cuts rate and size to a share from `now` on; at least one token fits as long as any is left.
    pub(super) fn throttle(&mut self, now: SimTime, permille: u16) {
        self.has_token(now);
        self.permille = permille;
        self.level = self.level.min(self.size());
    }

    /// Takes a token if there is one.
    pub(super) fn take(&mut self, now: SimTime) -> bool {
        let token = self.has_token(now);
        if token {
            self.level -= TOKEN;
        }
        token
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules;

    /// Seconds until `n` tokens are taken from all of `buckets` at once when tried every second.
    fn seconds_to_admit(buckets: &mut [&mut TokenBucket], n: u32) -> u64 {
        let mut admitted = 0;
        for second in 0.. {
            let now = SimTime::from_secs(second);
            while admitted < n && buckets.iter_mut().all(|bucket| bucket.has_token(now)) {
                for bucket in &mut *buckets {
                    assert!(bucket.take(now));
                }
                admitted += 1;
            }
            if admitted == n {
                return second;
            }
        }
        unreachable!("the bucket refills")
    }

    fn account(region: &str) -> TokenBucket {
        let quota = rules::newest().fargate_launch_bucket.in_region(region);
        TokenBucket::new(quota.burst, quota.refill_per_second * 60)
    }

    fn service(region: &str) -> TokenBucket {
        let rate = rules::newest().fargate_launches_per_service_minute.in_region(region);
        TokenBucket::new(rate, rate)
    }

    #[test]
    fn tv_80_fargate_launches_of_an_account() {
        for (n, seconds) in [(100, 0), (500, 20), (1000, 45), (3500, 170), (5000, 245)] {
            let mut bucket = account("us-east-1");
            assert_eq!(seconds_to_admit(&mut [&mut bucket], n), seconds, "{n} tasks");
        }
        for (n, seconds) in [(25, 0), (500, 95), (3500, 695)] {
            let mut bucket = account("eu-south-1");
            assert_eq!(seconds_to_admit(&mut [&mut bucket], n), seconds, "{n} tasks elsewhere");
        }
    }

    #[test]
    fn tv_81_fargate_launches_of_a_service() {
        // One service of 3500 tasks is bound by its own quota: 6 minutes.
        let (mut account_bucket, mut own) = (account("us-east-1"), service("us-east-1"));
        assert_eq!(seconds_to_admit(&mut [&mut account_bucket, &mut own], 3500), 360);
        // Paced without a burst, one launch each 0.12 s, it takes a minute more.
        let mut paced = TokenBucket::new(1, 500);
        let mut now = SimTime::ZERO;
        for _ in 0..3500 {
            assert!(paced.take(now));
            assert!(!paced.take(SimTime::from_nanos(now.as_nanos() + 119_999_999)));
            now = SimTime::from_nanos(now.as_nanos() + 120_000_000);
        }
        assert_eq!(now, SimTime::from_secs(420));
        // Seven services of 500 are bound by the account's bucket.
        let mut shared = account("us-east-1");
        let mut services = [(); 7].map(|()| service("us-east-1"));
        let mut second = 0;
        let mut left = [500_u32; 7];
        while left != [0; 7] {
            let now = SimTime::from_secs(second);
            for (own, left) in services.iter_mut().zip(&mut left) {
                while 0 < *left && own.has_token(now) && shared.take(now) {
                    assert!(own.take(now));
                    *left -= 1;
                }
            }
            second += 1;
        }
        assert_eq!(second - 1, 170);
    }

    #[test]
    fn tv_82_ten_calls_of_ten_tasks_in_a_second() {
        let rules = rules::newest();
        let quota = rules.cluster_modify_bucket;
        let mut bucket = TokenBucket::new(quota.burst, quota.refill_per_second * 60);
        let calls = 100_u32.div_ceil(rules.tasks_per_run_task);
        assert_eq!(calls, 10);
        assert_eq!(seconds_to_admit(&mut [&mut bucket], calls), 0);
        // 100 calls at once, then 40 a second: 1000 tasks, then 400 a second.
        let mut bucket = TokenBucket::new(quota.burst, quota.refill_per_second * 60);
        assert_eq!(seconds_to_admit(&mut [&mut bucket], 100), 0);
        assert_eq!(seconds_to_admit(&mut [&mut bucket], 40), 1);
    }

    #[test]
    fn a_rate_that_divides_no_second_is_exact() {
        let mut bucket = TokenBucket::new(1, 7);
        assert!(bucket.take(SimTime::ZERO));
        let seventh = SimTime::from_nanos(NANOS_PER_SECOND * 60 / 7);
        assert!(!bucket.take(seventh), "60/7 s is not a whole number of nanoseconds");
        assert!(bucket.take(SimTime::from_nanos(seventh.as_nanos() + 1)));
    }

    #[test]
    fn a_window_gives_the_whole_quota_in_each_minute() {
        let mut windows = TokenBucket::windows(500);
        assert_eq!(seconds_to_admit(&mut [&mut windows], 3500), 360);
        let mut windows = TokenBucket::windows(500);
        assert_eq!(seconds_to_admit(&mut [&mut windows], 501), 60);
    }
}

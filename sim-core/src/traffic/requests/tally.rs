//! What became of the requests.

use hdrhistogram::Histogram;

use crate::results::Distribution;

/// Smallest and largest value the histogram tells apart: 1 µs and 2^42 ns (73 minutes).
const LOWEST_NANOS: u64 = 1_000;
const HIGHEST_NANOS: u64 = 1 << 42;

/// Counts of requests since the start of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestCounts {
    /// Requests that arrived.
    pub offered: u64,
    /// Answered.
    pub served: u64,
    /// Failed for good.
    pub failed: u64,
    /// Answered later than the bound of the objective.
    pub slow: u64,
    /// Attempts, retries included.
    pub attempts: u64,
    /// Attempts that took longer than the time-out.
    pub timed_out: u64,
    /// Attempts that a full task, or a service without targets, turned away.
    pub rejected: u64,
    /// Attempts that ended with their task.
    pub broken_off: u64,
}

/// Response times of answered requests, each recorded to three digits.
#[derive(Clone, Debug)]
pub(super) struct ResponseTimes {
    /// Since the last call of [`clear_interval`](Self::clear_interval).
    interval: Histogram<u64>,
    before: Histogram<u64>,
    sum: u128,
    largest: u64,
    interval_largest: u64,
}

impl ResponseTimes {
    pub(super) fn new() -> Self {
        let histogram = || {
            Histogram::new_with_bounds(LOWEST_NANOS, HIGHEST_NANOS, 3)
                .expect("the bounds are constants that the histogram accepts")
        };
        Self { interval: histogram(), before: histogram(), sum: 0, largest: 0, interval_largest: 0 }
    }

    #[inline]
    pub(super) fn record(&mut self, nanos: u64) {
        self.sum += u128::from(nanos);
        self.interval_largest = self.interval_largest.max(nanos);
        // Cannot fail: the value is within the bounds.
        self.interval.saturating_record(nanos.min(HIGHEST_NANOS));
    }

    pub(super) fn clear_interval(&mut self) {
        if !self.interval.is_empty() {
            self.before.add(&self.interval).expect("both have the same bounds");
            self.interval.reset();
        }
        self.largest = self.largest.max(self.interval_largest);
        self.interval_largest = 0;
    }

    /// Quantile since the last [`clear_interval`](Self::clear_interval), in milliseconds.
    pub(super) fn interval_quantile_ms(&self, p: f64) -> Option<f64> {
        let nanos = self.interval.value_at_quantile(p).min(self.interval_largest);
        (!self.interval.is_empty()).then_some(nanos as f64 / 1e6)
    }

    pub(super) fn summary(&self) -> Option<Distribution> {
        let mut whole = self.clone();
        whole.clear_interval();
        let count = whole.before.len();
        // The histogram answers with the upper end of a bucket.
        let quantile = |p| whole.before.value_at_quantile(p).min(whole.largest) as f64 / 1e6;
        (0 < count).then(|| Distribution {
            mean: whole.sum as f64 / count as f64 / 1e6,
            p50: quantile(0.5),
            p95: quantile(0.95),
            p99: quantile(0.99),
            max: whole.largest as f64 / 1e6,
            count,
        })
    }
}

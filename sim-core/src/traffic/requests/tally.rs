//! What became of the requests.

use hdrhistogram::Histogram;

use crate::results::Distribution;
use crate::units::NANOS_PER_SECOND;

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

/// Response times of a minute, in seconds.
#[derive(Clone, Debug, PartialEq)]
pub struct TakenTimes {
    /// How many.
    pub count: f64,
    /// Their mean.
    pub mean: f64,
    /// The quantiles that were asked for.
    pub quantiles: Vec<f64>,
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
    /// Since the last call of [`take_minute`](Self::take_minute), where somebody asks.
    minute: Option<Box<Minute>>,
}

/// Response times since somebody last took them.
#[derive(Clone, Debug)]
struct Minute {
    histogram: Histogram<u64>,
    sum: u128,
    largest: u64,
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(LOWEST_NANOS, HIGHEST_NANOS, 3)
        .expect("the bounds are constants that the histogram accepts")
}

impl ResponseTimes {
    pub(super) fn new() -> Self {
        Self {
            interval: histogram(),
            before: histogram(),
            sum: 0,
            largest: 0,
            interval_largest: 0,
            minute: None,
        }
    }

    /// Keeps response times for [`take_minute`](Self::take_minute) from now on.
    pub(super) fn keep_minutes(&mut self) {
        self.minute = Some(Box::new(Minute { histogram: histogram(), sum: 0, largest: 0 }));
    }

    /// Number, mean and quantiles, in seconds, since the last call; `None` if there were none.
    pub(super) fn take_minute(&mut self, quantiles: &[f64]) -> Option<TakenTimes> {
        let minute = self.minute.as_mut()?;
        let count = minute.histogram.len();
        let seconds = |nanos: f64| nanos / NANOS_PER_SECOND as f64;
        let taken = (0 < count).then(|| TakenTimes {
            count: count as f64,
            mean: seconds(minute.sum as f64 / count as f64),
            // The histogram answers with the upper end of a bucket.
            quantiles: quantiles
                .iter()
                .map(|p| minute.histogram.value_at_quantile(*p).min(minute.largest))
                .map(|nanos| seconds(nanos as f64))
                .collect(),
        });
        minute.histogram.reset();
        (minute.sum, minute.largest) = (0, 0);
        taken
    }

    #[inline]
    pub(super) fn record(&mut self, nanos: u64) {
        self.sum += u128::from(nanos);
        self.interval_largest = self.interval_largest.max(nanos);
        // Cannot fail: the value is within the bounds.
        self.interval.saturating_record(nanos.min(HIGHEST_NANOS));
        if let Some(minute) = &mut self.minute {
            minute.sum += u128::from(nanos);
            minute.largest = minute.largest.max(nanos);
            minute.histogram.saturating_record(nanos.min(HIGHEST_NANOS));
        }
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

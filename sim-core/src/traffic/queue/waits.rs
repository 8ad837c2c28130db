//! How long messages wait and stay, over a run.

use hdrhistogram::Histogram;

use crate::results::Distribution;
use crate::units::SimDuration;

/// Smallest and largest value that the histograms tell apart: 1 µs and 2^51 ns (26 days; a message is
/// kept for 14 days at most).
const LOWEST_NANOS: u64 = 1_000;
const HIGHEST_NANOS: u64 = 1 << 51;

/// One quantity of messages: quantiles within a thousandth, mean and largest value exact.
#[derive(Clone, Debug)]
struct Sample {
    histogram: Histogram<u64>,
    sum: u128,
    largest: u64,
}

impl Sample {
    fn new() -> Self {
        let histogram = Histogram::new_with_bounds(LOWEST_NANOS, HIGHEST_NANOS, 3)
            .expect("the bounds are constants that the histogram accepts");
        Self { histogram, sum: 0, largest: 0 }
    }

    fn add(&mut self, length: SimDuration) {
        let nanos = length.as_nanos();
        self.sum += u128::from(nanos);
        self.largest = self.largest.max(nanos);
        self.histogram.saturating_record(nanos.min(HIGHEST_NANOS));
    }

    fn summary(&self) -> Option<Distribution> {
        let count = self.histogram.len();
        // The histogram answers with the upper end of a bucket; that of no wait begins at zero.
        let quantile = |p: f64| {
            let upper = self.histogram.value_at_quantile(p);
            self.histogram.lowest_equivalent(upper) as f64 / 1e9
        };
        (0 < count).then(|| Distribution {
            mean: self.sum as f64 / count as f64 / 1e9,
            p50: quantile(0.50),
            p95: quantile(0.95),
            p99: quantile(0.99),
            max: self.largest as f64 / 1e9,
            count,
        })
    }
}

/// Waits of the messages of a queue.
#[derive(Clone, Debug)]
pub struct Waits {
    begun: Sample,
    deleted: Sample,
}

impl Waits {
    pub(super) fn new() -> Self {
        Self { begun: Sample::new(), deleted: Sample::new() }
    }

    /// The first attempt at a message began so long after it was sent.
    pub(super) fn begun(&mut self, wait: SimDuration) {
        self.begun.add(wait);
    }

    /// A message was deleted so long after it was sent.
    pub(super) fn deleted(&mut self, stay: SimDuration) {
        self.deleted.add(stay);
    }

    /// Seconds from the sending of a message until the first attempt at it begins.
    pub fn wait_seconds(&self) -> Option<Distribution> {
        self.begun.summary()
    }

    /// Sum of those waits in nanoseconds, and their number.
    pub fn wait_total(&self) -> (u128, u64) {
        (self.begun.sum, self.begun.histogram.len())
    }

    /// Seconds from the sending of a message until it is deleted.
    pub fn stay_seconds(&self) -> Option<Distribution> {
        self.deleted.summary()
    }

    /// Sum of those in nanoseconds.
    pub fn stay_total(&self) -> u128 {
        self.deleted.sum
    }
}

//! Response times over a run.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use super::fluid::Segment;
use super::latency::{ResponseTime, ServiceKey, StationaryWait};
use super::objective::to_requests;
use crate::results::Distribution;
use crate::units::{to_f64, whole_part};

/// Hazards `−ln(1−p)` at which a segment's distribution is inverted; between them the quantile is
/// taken as linear in the hazard, which is exact for an exponential tail.
const HAZARDS: [f64; 24] = [
    0.0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9, 1.2, 1.5, 1.9, 2.3, 2.7, 3.1, 3.6, 4.1, 4.6,
    5.2, 5.9, 6.6, 7.4, 8.4, 10.0,
];

/// Largest ratio of the hazards at the two ends of a recorded slice, except near zero.
const SLICE_RATIO: f64 = 1.016;

/// Slices are not made narrower than this.
const SLICE_LEAST: f64 = 0.01;

/// Shares of a slice are counted in units of 2^-32.
const SHARE_BITS: u32 = 32;

/// The histogram counts in units of 2^10 micro-requests, so that 1.8e16 requests fit.
const COUNT_BITS: u32 = 10;

/// Half a count in the unit of [`Slice::rest`]; slices start with it, so that they round to nearest.
const HALF_COUNT: u64 = 1 << (SHARE_BITS + COUNT_BITS - 1);

/// Smallest and largest value the histogram tells apart: 1 µs and 2^42 ns (73 minutes).
const LOWEST_NANOS: u64 = 1_000;
const HIGHEST_NANOS: u64 = 1 << 42;

/// A part of a segment's distribution that is recorded as one value.
#[derive(Clone, Copy, Debug)]
struct Slice {
    /// Interval of [`HAZARDS`] it lies in: from this index to the next.
    cell: usize,
    /// Where its middle lies between the two, in [0, 1].
    position: f64,
    /// Its share of the requests, in units of 2^-32; over all slices exactly 2^32.
    share: u64,
    /// Requests of this share not yet in the histogram, below one count.
    rest: u64,
}

/// Bins kept before they are written into the sketch. A steady service needs a few hundred.
const MOST_BINS: usize = 4096;

/// Response times of served requests over a run, every request of a segment weighted alike.
///
/// Segments without backlog that have almost the same distribution are added up first (see `Bin`).
/// Each distribution is then cut into slices of at most 1.6 % in value and recorded into a histogram of
/// three digits over integer nanoseconds. Reported percentiles of an unchanging M/M/c are within 1 % of
/// the exact ones (tested at p50, p95, p99 and p99.9); the mean is exact. The largest value is the
/// highest slice recorded, the mean of about the slowest 1 in 20 000 of a segment. Small flows are
/// carried over from segment to segment, not rounded away.
#[derive(Clone, Debug, Default)]
pub struct LatencyRecorder {
    sketch: Sketch,
    bins: BTreeMap<BinKey, Bin>,
    /// The last response time with its parts, and the requests that it is for and no bin has yet: one
    /// segment mostly answers as the one before.
    last: Option<(ResponseTime, Option<(ServiceKey, StationaryWait)>)>,
    unbinned: u128,
    served: u128,
    /// Sum over requests of response time, in micro-requests × nanoseconds.
    sum: u128,
}

/// Requests of stationary segments with the same service and almost the same decay of the wait.
///
/// The tail `(1−C)e^{−μt} + C(θe^{−μt} − μe^{−θt})/(θ−μ)` is linear in `C`, so that adding up segments
/// of one `θ` is exact. Those of a bin differ in `θ` by less than a hundredth; they count with the one
/// `θ` that keeps their mean wait, which leaves an error of the order of the square of a hundredth.
#[derive(Clone, Copy, Debug, Default)]
struct Bin {
    /// Micro-requests.
    served: u128,
    /// Of them, those that wait.
    delayed: f64,
    /// Sum of their mean waits, in seconds.
    wait: f64,
}

/// Which requests a [`Bin`] holds.
type BinKey = (i32, ServiceKey);

impl LatencyRecorder {
    /// Nothing recorded yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the requests that a segment served.
    pub fn record(&mut self, segment: &Segment) {
        let Some(response) = segment.response_time else {
            return;
        };
        self.add_mean(segment.served, segment.mean_response);
        if self.last.is_none_or(|(last, _)| last != response) {
            self.fill_bin();
            self.last = Some((response, response.stationary_parts()));
        }
        match self.last {
            Some((_, Some(_))) => self.unbinned += segment.served,
            _ => self.sketch.record(&response, segment.served),
        }
    }

    /// Adds `served` micro-requests that were answered as those of the last segment, `mean` seconds in the mean.
    pub fn record_more(&mut self, served: u128, mean: f64) {
        self.add_mean(served, mean);
        match self.last {
            Some((response, None)) => self.sketch.record(&response, served),
            _ => self.unbinned += served,
        }
    }

    fn add_mean(&mut self, served: u128, mean: f64) {
        self.served += served;
        let mean_nanos = whole_part(mean * 1e9 + 0.5);
        self.sum = self.sum.saturating_add(served.saturating_mul(mean_nanos));
    }

    /// Puts the requests of the last response time into its bin.
    fn fill_bin(&mut self) {
        let served = std::mem::take(&mut self.unbinned);
        let Some((_, Some((key, wait)))) = self.last.filter(|_| 0 < served) else { return };
        if self.bins.len() == MOST_BINS {
            for (key, bin) in std::mem::take(&mut self.bins) {
                self.sketch.record_bin(key.1, &bin);
            }
        }
        let bin = self.bins.entry((wait.step, key)).or_default();
        bin.served += served;
        bin.delayed += to_f64(served) * wait.probability;
        bin.wait += to_f64(served) * wait.probability / wait.decay;
    }

    /// Everything recorded so far in one sketch.
    fn settled(&self) -> Sketch {
        let mut all = self.clone();
        all.fill_bin();
        for (key, bin) in &all.bins {
            all.sketch.record_bin(key.1, bin);
        }
        all.sketch
    }

    /// Requests recorded, in micro-requests.
    pub const fn served(&self) -> u128 {
        self.served
    }

    /// Summary in milliseconds; `None` if less than about one request was recorded.
    pub fn summary(&self) -> Option<Distribution> {
        let sketch = self.settled();
        Some(Distribution {
            mean: self.sum as f64 / self.served as f64 / 1e6,
            p50: sketch.quantile_ms(0.5)?,
            p95: sketch.quantile_ms(0.95)?,
            p99: sketch.quantile_ms(0.99)?,
            max: sketch.largest_nanos as f64 / 1e6,
            count: (to_requests(self.served) + 0.5) as u64,
        })
    }
}

/// Slices of distributions in a histogram.
#[derive(Clone, Debug)]
struct Sketch {
    histogram: Histogram<u64>,
    slices: Vec<Slice>,
    /// Micro-requests in slices beyond the histogram's range (73 minutes), recorded at its end.
    overflow: u128,
    largest_nanos: u64,
    /// The last distribution and its slices' values, which an unchanging load uses again.
    last: Option<ResponseTime>,
    values: Vec<u64>,
}

impl Default for Sketch {
    fn default() -> Self {
        let histogram = Histogram::new_with_bounds(LOWEST_NANOS, HIGHEST_NANOS, 3)
            .expect("the bounds are constants that the histogram accepts");
        let slices = slices();
        let values = vec![0; slices.len()];
        Self { histogram, slices, overflow: 0, largest_nanos: 0, last: None, values }
    }
}

impl Sketch {
    fn record_bin(&mut self, key: ServiceKey, bin: &Bin) {
        let decay = if 0.0 < bin.wait { bin.delayed / bin.wait } else { 1.0 };
        let probability = bin.delayed / (bin.served.max(1)) as f64;
        self.record(&ResponseTime::of_parts(key, decay, probability), bin.served);
    }

    fn record(&mut self, response: &ResponseTime, served: u128) {
        if self.last != Some(*response) {
            self.invert(response);
            self.last = Some(*response);
        }
        // More micro-requests than 2^90 are beyond anything that is offered.
        let served = served.min(1 << 90);
        for (slice, &nanos) in self.slices.iter_mut().zip(&self.values) {
            let share = served * u128::from(slice.share) + u128::from(slice.rest);
            let count = u64::try_from(share >> (SHARE_BITS + COUNT_BITS)).unwrap_or(u64::MAX);
            slice.rest = (share & ((1 << (SHARE_BITS + COUNT_BITS)) - 1)) as u64;
            if 0 < count {
                if HIGHEST_NANOS < nanos {
                    self.overflow += u128::from(count) << COUNT_BITS;
                }
                self.largest_nanos = self.largest_nanos.max(nanos);
                self.histogram.saturating_record_n(nanos.min(HIGHEST_NANOS), count);
            }
        }
    }

    /// Values of all slices under `response`.
    fn invert(&mut self, response: &ResponseTime) {
        let mut edges = [0.0; HAZARDS.len()];
        let mut low = response.shortest();
        let mut slope = response.mean_seconds();
        edges[0] = low;
        for i in 1..HAZARDS.len() {
            let width = HAZARDS[i] - HAZARDS[i - 1];
            let t = response.solve(libm::exp(-HAZARDS[i]), low, low + slope * width, 1e-3);
            slope = (t - low) / width;
            edges[i] = t;
            low = t;
        }
        for (slice, value) in self.slices.iter().zip(&mut self.values) {
            let from = edges[slice.cell];
            let until = edges.get(slice.cell + 1).copied().unwrap_or(from + slope);
            let seconds = (from + (until - from) * slice.position).min(response.longest());
            *value = libm::floor(seconds * 1e9 + 0.5) as u64;
        }
    }

    /// The `p`-quantile in milliseconds; `None` if less than about one request was recorded.
    fn quantile_ms(&self, p: f64) -> Option<f64> {
        // The histogram answers with the upper end of a bucket.
        let nanos = self.histogram.value_at_quantile(p).min(self.largest_nanos);
        (!self.histogram.is_empty()).then_some(nanos as f64 / 1e6)
    }
}

/// The slices between the hazards, and one for what lies beyond the last.
fn slices() -> Vec<Slice> {
    let mut slices = Vec::new();
    let mut before = 0_u64;
    let mut add = |cell: usize, position: f64, until: f64| {
        // Differences of rounded cumulative shares: together they are exactly one.
        let upto = libm::floor((1.0 - until) * (1_u64 << SHARE_BITS) as f64 + 0.5) as u64;
        slices.push(Slice { cell, position, share: upto - before, rest: HALF_COUNT });
        before = upto;
    };
    for (cell, pair) in HAZARDS.windows(2).enumerate() {
        let width = pair[1] - pair[0];
        let widest = (pair[0] * (SLICE_RATIO - 1.0)).max(SLICE_LEAST);
        let parts = libm::ceil(width / widest).max(1.0);
        let mut part = 0.0;
        while part < parts {
            let until = pair[0] + width * ((part + 1.0) / parts);
            add(cell, (part + 0.5) / parts, libm::exp(-until));
            part += 1.0;
        }
    }
    // Beyond the last hazard the tail is taken as exponential, whose mean excess is one slope.
    add(HAZARDS.len() - 1, 1.0, 0.0);
    slices
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::fluid::{FluidService, ServingCapacity};
    use super::*;
    use crate::scenario::{BalancingAlgorithm, Variability};
    use crate::units::{Cpu, SimDuration};

    /// One task of `cores` vCPU and requests of 50 ms.
    fn capacity(cores: u32) -> ServingCapacity {
        ServingCapacity {
            healthy_tasks: 1,
            balanced_tasks: 1,
            cpu_per_task: Cpu::from_ecs_units(1024 * cores),
            cpu_per_request: SimDuration::from_millis(50),
            other_latency: SimDuration::ZERO,
            algorithm: BalancingAlgorithm::WeightedRandom,
            variability: Variability::default(),
            timeout: SimDuration::from_secs(600),
        }
    }

    fn minute(service: &mut FluidService, per_second: f64, capacity: &ServingCapacity) -> Segment {
        let offered = (per_second * 60.0 * 1e6) as u128;
        service.advance(offered, SimDuration::from_secs(60), capacity)
    }

    #[test]
    fn percentiles_are_within_one_percent_of_mmc() {
        let mut worst = 0.0_f64;
        for cores in [1, 2, 4, 10, 16] {
            for rho in [0.05, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95] {
                let capacity = capacity(cores);
                let mut recorder = LatencyRecorder::new();
                let load = rho * f64::from(cores) * 20.0;
                let segment = minute(&mut FluidService::new(), load, &capacity);
                // Enough requests that p99.9 is not a matter of one.
                for _ in 0..200 {
                    recorder.record(&segment);
                }
                let response = segment.response_time.unwrap();
                for p in [0.5, 0.95, 0.99, 0.999] {
                    let exact = response.quantile(p).as_nanos() as f64 / 1e6;
                    let error = recorder.settled().quantile_ms(p).unwrap() / exact - 1.0;
                    worst = worst.max(error.abs());
                    assert!(error.abs() < 0.01, "{cores} {rho} {p} {error}");
                }
                let mean = recorder.summary().unwrap().mean / 1e3 / response.mean_seconds();
                assert!((mean - 1.0).abs() < 1e-7);
            }
        }
        assert!(0.001 < worst, "the statement may be tightened: {worst}");
    }

    /// The mixture of very different minutes has the percentiles of the exact mixture.
    #[test]
    fn minutes_mix_by_their_requests() {
        let capacity = capacity(2);
        let mut service = FluidService::new();
        let mut recorder = LatencyRecorder::new();
        let mut minutes = Vec::new();
        for k in 0..600 {
            // Crosses the capacity of 40 per second and drains again.
            let load = 25.0 + 17.0 * libm::cos(f64::from(k) / 40.0);
            let segment = minute(&mut service, load, &capacity);
            recorder.record(&segment);
            minutes.push(segment);
        }
        let served: u128 = minutes.iter().map(|m| m.served).sum();
        assert!(minutes.iter().any(|m| 0 < m.backlog_after));
        let tail = |seconds: f64| {
            let bound = SimDuration::from_secs_f64(seconds);
            let slow = minutes
                .iter()
                .map(|m| m.served as f64 * m.response_time.unwrap().tail(bound))
                .sum::<f64>();
            slow / served as f64
        };
        for p in [0.5, 0.9, 0.95, 0.99, 0.999] {
            let (mut low, mut high) = (0.0, 10_000.0);
            for _ in 0..60 {
                let middle = f64::midpoint(low, high);
                if 1.0 - p < tail(middle) {
                    low = middle;
                } else {
                    high = middle;
                }
            }
            let error = recorder.settled().quantile_ms(p).unwrap() / 1e3 / low - 1.0;
            assert!(error.abs() < 0.01, "{p} {error}");
        }
        assert_eq!(recorder.served(), served);
        assert_eq!(recorder.settled().overflow, 0);
    }

    #[test]
    fn small_flows_are_not_rounded_away() {
        // 1 request in 1000 s for a week: 605 requests, 0.06 per minute.
        let capacity = capacity(1);
        let mut recorder = LatencyRecorder::new();
        let mut service = FluidService::new();
        for _ in 0..10_080 {
            recorder.record(&minute(&mut service, 0.001, &capacity));
        }
        let summary = recorder.summary().unwrap();
        assert_eq!(summary.count, 605);
        assert!((recorder.settled().histogram.len() as f64 * 1024e-6 / 604.8 - 1.0).abs() < 0.001);
        let p99 = 50.0 * libm::log(100.0) / (1.0 - 0.000_05);
        assert!((summary.p99 / p99 - 1.0).abs() < 0.01);
        // Hazard 11 of an exponential with mean 50 ms.
        assert!((summary.max / 550.0 - 1.0).abs() < 0.001);
    }

    #[test]
    fn counts_what_is_beyond_the_histogram() {
        let mut slow = capacity(1);
        slow.other_latency = SimDuration::from_secs(5_000);
        slow.timeout = SimDuration::from_secs(6_000);
        let mut recorder = LatencyRecorder::new();
        recorder.record(&minute(&mut FluidService::new(), 1.0, &slow));
        assert!((recorder.settled().overflow as f64 / 60e6 - 1.0).abs() < 0.01);
        assert!(5e6 < recorder.summary().unwrap().max);
        assert!((recorder.summary().unwrap().p50 / 4.398e6 - 1.0).abs() < 0.001);
    }

    #[test]
    fn nothing_served_is_no_distribution() {
        let mut recorder = LatencyRecorder::new();
        assert_eq!(recorder.summary(), None);
        recorder.record(&minute(&mut FluidService::new(), 0.0, &capacity(1)));
        assert_eq!(recorder.summary(), None);
    }

    #[test]
    fn slices_share_everything_and_stay_narrow() {
        let slices = slices();
        assert_eq!(slices.iter().map(|slice| slice.share).sum::<u64>(), 1 << SHARE_BITS);
        assert!(slices.iter().all(|slice| 0 < slice.share));
        assert!(slices.len() < 270, "{}", slices.len());
    }
}

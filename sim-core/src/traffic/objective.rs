//! Latency objectives, minute by minute.

use super::fluid::Segment;
use super::latency::ResponseTime;
use super::rate::MICRO_PER_REQUEST;
use crate::results::ObjectiveResults;
use crate::scenario::ServiceLevelObjective;
use crate::units::{NANOS_PER_SECOND, SimDuration, SimTime, to_f64, whole_part};

const MINUTE: u64 = 60 * NANOS_PER_SECOND;

/// Counts requests above the bound of an objective, failed ones included, over the run and per
/// minute. Segments are recorded in time order.
#[derive(Clone, Debug)]
pub struct ObjectiveRecorder {
    objective: ServiceLevelObjective,
    total: u128,
    bad: u128,
    minute: u64,
    minute_total: u128,
    minute_bad: u128,
    minutes: u64,
    minutes_violated: u64,
    /// First and last of each stretch of violated minutes.
    violations: Vec<(u64, u64)>,
    /// The last response time and its share above the bound: one mostly is like the one before.
    last: Option<(ResponseTime, f64)>,
}

impl ObjectiveRecorder {
    /// Nothing recorded yet.
    pub const fn new(objective: ServiceLevelObjective) -> Self {
        Self {
            objective,
            total: 0,
            bad: 0,
            minute: 0,
            minute_total: 0,
            minute_bad: 0,
            minutes: 0,
            minutes_violated: 0,
            violations: Vec::new(),
            last: None,
        }
    }

    /// Adds a segment that started at `start`. One that spans several minutes counts in each with its
    /// share of the length.
    pub fn record(&mut self, start: SimTime, length: SimDuration, segment: &Segment) {
        if segment.served + segment.failed == 0 {
            return;
        }
        let slow = segment.response_time.map_or(0.0, |response| match self.last {
            Some((last, slow)) if last == response => slow,
            _ => {
                let slow = response.tail(self.objective.below);
                self.last = Some((response, slow));
                slow
            }
        });
        self.count(start, length, segment.served, segment.failed, slow);
    }

    /// Adds `served` micro-requests that were answered as those of the last segment; see
    /// [`record`](Self::record).
    pub fn record_more(&mut self, start: SimTime, length: SimDuration, served: u128) {
        let slow = self.last.map_or(0.0, |(_, slow)| slow);
        self.count(start, length, served, 0, slow);
    }

    fn count(
        &mut self,
        start: SimTime,
        length: SimDuration,
        served: u128,
        failed: u128,
        slow: f64,
    ) {
        let total = served + failed;
        let bad = failed + whole_part(to_f64(served) * slow + 0.5);
        let bad = bad.min(total);
        self.total += total;
        self.bad += bad;
        let (first, nanos) = (start.as_nanos(), length.as_nanos());
        let last = first.saturating_add(nanos.saturating_sub(1)) / MINUTE;
        if self.minute == last && first / MINUTE == last {
            self.minute_total += total;
            self.minute_bad += bad;
            return;
        }
        let (mut done_total, mut done_bad) = (0, 0);
        for minute in first / MINUTE..=last {
            if minute != self.minute {
                self.close_minute();
                self.minute = minute;
            }
            // Shares of the running sum, so that they add up exactly.
            let (upto_total, upto_bad) = if minute == last {
                (total, bad)
            } else {
                let share = ((minute + 1) * MINUTE - first) as f64 / nanos as f64;
                ((total as f64 * share) as u128, (bad as f64 * share) as u128)
            };
            self.minute_total += upto_total - done_total;
            self.minute_bad += upto_bad - done_bad;
            (done_total, done_bad) = (upto_total, upto_bad);
        }
    }

    /// Adds `total` micro-requests that were over in the minute of `start`, `bad` of them bad.
    pub fn record_counts(&mut self, start: SimTime, total: u128, bad: u128) {
        if total == 0 {
            return;
        }
        let minute = start.as_nanos() / MINUTE;
        if minute != self.minute {
            self.close_minute();
            self.minute = minute;
        }
        self.total += total;
        self.bad += bad;
        self.minute_total += total;
        self.minute_bad += bad;
    }

    /// Fraction of the open minute's requests that were bad so far; `None` without load.
    pub fn minute_bad_fraction(&self) -> Option<f64> {
        (0 < self.minute_total).then(|| self.minute_bad as f64 / self.minute_total as f64)
    }

    /// First and last of each stretch of violated minutes, the open minute included.
    pub fn violations(&self) -> Vec<(u64, u64)> {
        let mut closed = self.clone();
        closed.close_minute();
        closed.violations
    }

    /// How the objective fared, the open minute included.
    pub fn results(&self) -> ObjectiveResults {
        let mut closed = self.clone();
        closed.close_minute();
        let fraction = |part: f64, whole: f64| if 0.0 < whole { part / whole } else { 0.0 };
        ObjectiveResults {
            quantile: self.objective.quantile,
            below_ms: self.objective.below.as_nanos() as f64 / 1e6,
            bad_request_fraction: fraction(self.bad as f64, self.total as f64),
            violated_minute_fraction: fraction(
                closed.minutes_violated as f64,
                closed.minutes as f64,
            ),
            violated_minutes: closed.minutes_violated,
            met: !self.violates(self.bad, self.total),
        }
    }

    fn close_minute(&mut self) {
        if 0 < self.minute_total {
            self.minutes += 1;
            if self.violates(self.minute_bad, self.minute_total) {
                self.minutes_violated += 1;
                match self.violations.last_mut() {
                    Some((_, last)) if *last + 1 == self.minute => *last = self.minute,
                    _ => self.violations.push((self.minute, self.minute)),
                }
            }
        }
        self.minute_total = 0;
        self.minute_bad = 0;
    }

    /// Whether more than `1 − quantile` of the requests were bad. Half a micro-request of slack, since
    /// `1 − quantile` is seldom a double.
    fn violates(&self, bad: u128, total: u128) -> bool {
        let total = to_f64(total);
        let allowed = (1.0 - self.objective.quantile) * total;
        allowed + 0.5 + total * 1e-12 < to_f64(bad)
    }
}

/// Requests as a float, for statistics.
pub(super) fn to_requests(micro: u128) -> f64 {
    micro as f64 / MICRO_PER_REQUEST as f64
}

#[cfg(test)]
mod tests {
    use super::super::fluid::{FluidService, ServingCapacity};
    use super::*;
    use crate::scenario::{BalancingAlgorithm, Variability};
    use crate::units::Cpu;

    const SECOND: SimDuration = SimDuration::from_secs(1);

    /// One-core tasks of one request per second.
    fn capacity(healthy_tasks: u32) -> ServingCapacity {
        ServingCapacity {
            healthy_tasks,
            balanced_tasks: healthy_tasks,
            cpu_per_task: Cpu::from_ecs_units(1024),
            cpu_per_request: SECOND,
            other_latency: SimDuration::ZERO,
            algorithm: BalancingAlgorithm::WeightedRandom,
            variability: Variability::default(),
            timeout: SimDuration::from_secs(10),
        }
    }

    /// A second of load 0.5 per task.
    fn segment(healthy_tasks: u32) -> Segment {
        let offered = u128::from(healthy_tasks.max(1)) * 500_000;
        FluidService::new().advance(offered, SECOND, &capacity(healthy_tasks))
    }

    fn objective(quantile: f64, millis: u64) -> ServiceLevelObjective {
        ServiceLevelObjective { quantile, below: SimDuration::from_millis(millis) }
    }

    #[test]
    fn counts_the_exact_tail() {
        // M/M/1 at 0.5: P(T > 6 s) = e^-3.
        let mut recorder = ObjectiveRecorder::new(objective(0.95, 6_000));
        recorder.record(SimTime::ZERO, SECOND, &segment(1000));
        let results = recorder.results();
        assert!((results.bad_request_fraction - libm::exp(-3.0)).abs() < 1e-8);
        assert!(results.met);
        assert!(results.violated_minute_fraction.abs() < 1e-12);
        // The 95th percentile is 5.99146 s: a bound just below it is violated.
        let mut recorder = ObjectiveRecorder::new(objective(0.95, 5_991));
        recorder.record(SimTime::ZERO, SECOND, &segment(1000));
        assert!(!recorder.results().met);
        assert!((recorder.results().violated_minute_fraction - 1.0).abs() < 1e-12);
    }

    #[test]
    fn failed_requests_are_bad_and_minutes_are_judged_alone() {
        let mut recorder = ObjectiveRecorder::new(objective(0.9, 1_000_000));
        // Minute 0: good. Minute 1: good and failed, in equal parts. Minute 2: no load. Minute 3: good.
        recorder.record(SimTime::from_secs(0), SECOND, &segment(1));
        recorder.record(SimTime::from_secs(60), SECOND, &segment(1));
        recorder.record(SimTime::from_secs(61), SECOND, &segment(0));
        assert_eq!(recorder.minute_bad_fraction(), Some(0.5));
        recorder.record(SimTime::from_secs(180), SECOND, &segment(1));
        let results = recorder.results();
        assert!((results.bad_request_fraction - 0.25).abs() < 1e-12);
        assert!((results.violated_minute_fraction - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(results.violated_minutes, 1);
        assert_eq!(recorder.violations(), [(1, 1)]);
        assert!(!results.met);
    }

    #[test]
    fn a_long_segment_counts_in_each_of_its_minutes() {
        let mut recorder = ObjectiveRecorder::new(objective(0.9, 1));
        let length = SimDuration::from_secs(150);
        let long = FluidService::new().advance(75_000_001, length, &capacity(1));
        recorder.record(SimTime::from_secs(30), length, &long);
        assert_eq!(recorder.minutes, 2);
        // The open minute holds 60 of the 150 s.
        assert!((recorder.minute_total as f64 / 30_000_000.0 - 1.0).abs() < 1e-6);
        let closed = recorder.results();
        assert!((closed.violated_minute_fraction - 1.0).abs() < 1e-12);
        assert_eq!(recorder.total, 75_000_001);
    }

    #[test]
    fn no_load_violates_nothing() {
        let results = ObjectiveRecorder::new(objective(0.99, 1)).results();
        assert!(results.met);
        assert!(results.bad_request_fraction.abs() < 1e-12);
        assert!(results.violated_minute_fraction.abs() < 1e-12);
    }
}

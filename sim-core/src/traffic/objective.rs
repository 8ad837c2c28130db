//! Latency objectives, minute by minute.

use super::fluid::Segment;
use super::rate::MICRO_PER_REQUEST;
use crate::results::ObjectiveResults;
use crate::scenario::ServiceLevelObjective;
use crate::units::{NANOS_PER_SECOND, SimDuration, SimTime};

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
        }
    }

    /// Adds a segment that started at `start`. One that spans several minutes counts in each with its
    /// share of the length.
    pub fn record(&mut self, start: SimTime, length: SimDuration, segment: &Segment) {
        let total = segment.served + segment.failed;
        if total == 0 {
            return;
        }
        let slow = segment
            .response_time
            .map_or(0.0, |r| r.tail(self.objective.below));
        let bad = segment.failed + (segment.served as f64 * slow + 0.5) as u128;
        let bad = bad.min(total);
        self.total += total;
        self.bad += bad;
        let (first, nanos) = (start.as_nanos(), length.as_nanos());
        let last = first.saturating_add(nanos.saturating_sub(1)) / MINUTE;
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

    /// Fraction of the open minute's requests that were bad so far; `None` without load.
    pub fn minute_bad_fraction(&self) -> Option<f64> {
        (0 < self.minute_total).then(|| self.minute_bad as f64 / self.minute_total as f64)
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
            met: !self.violates(self.bad, self.total),
        }
    }

    fn close_minute(&mut self) {
        if 0 < self.minute_total {
            self.minutes += 1;
            self.minutes_violated += u64::from(self.violates(self.minute_bad, self.minute_total));
        }
        self.minute_total = 0;
        self.minute_bad = 0;
    }

    /// Whether more than `1 − quantile` of the requests were bad. Half a micro-request of slack, since
    /// `1 − quantile` is seldom a double.
    fn violates(&self, bad: u128, total: u128) -> bool {
        let allowed = (1.0 - self.objective.quantile) * total as f64;
        allowed + 0.5 + total as f64 * 1e-12 < bad as f64
    }
}

/// Requests as a float, for statistics.
pub(super) fn to_requests(micro: u128) -> f64 {
    micro as f64 / MICRO_PER_REQUEST as f64
}

//! When requests arrive.

use std::sync::Arc;

use super::tournament::NONE;
use crate::engine::{StreamKey, UnitLaw};
use crate::scenario::Arrivals;
use crate::traffic::RequestRate;
use crate::units::{NANOS_PER_SECOND, SimTime};

/// Longest stretch over which the rate is integrated at once; keeps small sums small.
const LONGEST_STRETCH: u64 = 3_600 * NANOS_PER_SECOND;

/// The arrival instants of a service, one after the other.
#[derive(Clone, Debug)]
pub(super) enum ArrivalStream {
    Renewal { law: UnitLaw, key: StreamKey, drawn: u64, clock: RateClock },
    Times { times: Arc<[SimTime]>, next: usize },
}

impl ArrivalStream {
    pub(super) fn new(arrivals: &Arrivals, rate: &Arc<RequestRate>, key: StreamKey) -> Self {
        match arrivals {
            Arrivals::Renewal(law) => {
                Self::Renewal { law: *law, key, drawn: 0, clock: RateClock::new(rate) }
            }
            Arrivals::Times(times) => Self::Times { times: Arc::clone(times), next: 0 },
        }
    }

    /// The next arrival in nanoseconds; [`NONE`] if there is none.
    #[inline]
    pub(super) fn next(&mut self) -> u64 {
        match self {
            Self::Renewal { law, key, drawn, clock } => {
                let gap = law.sample(*key, *drawn);
                *drawn += 1;
                clock.after(gap)
            }
            Self::Times { times, next } => {
                let at = times.get(*next).map_or(NONE, |at| at.as_nanos());
                *next += 1;
                at
            }
        }
    }
}

/// Operational time: requests expected so far, inverted.
///
/// Inverting the integral of the rate uses one variate for each arrival, where thinning a faster
/// process uses a varying number: a service with a higher rate then sees the same arrivals earlier,
/// not different ones.
#[derive(Clone, Debug)]
pub(super) struct RateClock {
    rate: Arc<RequestRate>,
    /// The stretch of constant rate it is in.
    start: u64,
    end: u64,
    nanos_per_request: f64,
    /// Requests expected from `start` to here, and from here to `end`.
    used: f64,
    left: f64,
}

impl RateClock {
    fn new(rate: &Arc<RequestRate>) -> Self {
        let mut clock = Self {
            rate: Arc::clone(rate),
            start: 0,
            end: 0,
            nanos_per_request: 0.0,
            used: 0.0,
            left: 0.0,
        };
        clock.enter(0);
        clock
    }

    fn enter(&mut self, start: u64) {
        let at = SimTime::from_nanos(start);
        let change = self.rate.next_change(at).as_nanos();
        let per_second = self.rate.rate_at(at);
        self.start = start;
        self.used = 0.0;
        if per_second <= 0.0 {
            self.end = change;
            self.left = 0.0;
            return;
        }
        self.end = change.min(start.saturating_add(LONGEST_STRETCH));
        self.nanos_per_request = NANOS_PER_SECOND as f64 / per_second;
        self.left = (self.end - start) as f64 / self.nanos_per_request;
    }

    /// The instant at which `gap` more requests are expected.
    #[inline]
    fn after(&mut self, mut gap: f64) -> u64 {
        while self.left < gap {
            gap -= self.left;
            if self.end == SimTime::MAX.as_nanos() {
                return NONE;
            }
            self.enter(self.end);
        }
        self.left -= gap;
        self.used += gap;
        self.start + (self.used * self.nanos_per_request) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::AfterEnd;
    use crate::units::SimDuration;

    fn stream(rate: RequestRate, law: UnitLaw) -> ArrivalStream {
        let key = StreamKey::new(1, 0, "arrivals", 0);
        ArrivalStream::new(&Arrivals::Renewal(law), &Arc::new(rate), key)
    }

    /// With gaps of 1 the k-th arrival is where the running sum of the trace reaches k.
    #[test]
    fn regular_arrivals_invert_the_running_sum() {
        let minute = SimDuration::from_secs(60);
        let rate = RequestRate::from_trace(minute, &[6, 0, 0, 3, 12], AfterEnd::Zero).unwrap();
        let mut arrivals = stream(rate.clone(), UnitLaw::Deterministic);
        for k in 1..=21_u128 {
            let at = arrivals.next();
            let sum = rate.cumulative(SimTime::from_nanos(at));
            assert!(sum.abs_diff(k * 1_000_000) <= 1, "{k}: {sum} at {at}");
        }
        assert_eq!(arrivals.next(), NONE);
        assert_eq!(arrivals.next(), NONE);
    }

    #[test]
    fn counts_per_minute_are_poisson_with_the_rate_of_the_minute() {
        let minute = SimDuration::from_secs(60);
        let counts = [400_u64, 0, 1600, 100];
        let rate = RequestRate::from_trace(minute, &counts, AfterEnd::Repeat).unwrap();
        let mut arrivals = stream(rate, UnitLaw::Exponential);
        let mut seen = [0_u64; 4];
        let mut squares = [0.0; 4];
        let mut minute_now = 0;
        let mut count = 0_u64;
        while minute_now < 4000 {
            let at = arrivals.next() / minute.as_nanos();
            while minute_now < at.min(4000) {
                let kind = (minute_now % 4) as usize;
                seen[kind] += count;
                let off = count as f64 - counts[kind] as f64;
                squares[kind] += off * off;
                count = 0;
                minute_now += 1;
            }
            count += 1;
        }
        assert_eq!(seen[1], 0);
        for kind in [0, 2, 3] {
            let mean = seen[kind] as f64 / 1000.0;
            let expected = counts[kind] as f64;
            assert!((mean - expected).abs() < 4.0 * libm::sqrt(expected / 1000.0), "{mean}");
            let variance = squares[kind] / 1000.0;
            assert!((variance / expected - 1.0).abs() < 0.2, "{variance} {expected}");
        }
    }
}

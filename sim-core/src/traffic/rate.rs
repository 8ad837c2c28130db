//! Offered requests as an exact function of time.

use std::fmt;

use crate::units::{SimDuration, SimTime};

/// Micro-requests in one request. Load is counted in these, so that fractions add up exactly.
pub const MICRO_PER_REQUEST: u64 = 1_000_000;

/// Most steps a [`RequestRate`] may hold; a year of minutes is 525 600.
pub const MAX_STEPS: u64 = 50_000_000;

/// Steps between two stored running sums.
const BLOCK: usize = 16;

/// Steps that a search for the next change looks at.
const SIGHT: u64 = 64;

/// What is offered after the last step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterEnd {
    /// Nothing.
    Zero,
    /// The same again from the first step.
    Repeat,
}

/// Why a request rate cannot be built.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RateError {
    /// No value at all.
    Empty,
    /// The interval or step has no length.
    ZeroStep,
    /// More than [`MAX_STEPS`] steps.
    TooManySteps {
        /// Steps asked for.
        steps: u64,
    },
    /// A value is negative, not a number, or too large to count in micro-requests.
    BadValue {
        /// Index of the interval or step, from zero.
        step: u64,
    },
    /// A setting of a profile is outside its range.
    BadSetting {
        /// Which setting, with its range.
        setting: &'static str,
    },
}

impl fmt::Display for RateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the request rate has no values"),
            Self::ZeroStep => f.write_str("the interval of the request rate is zero"),
            Self::TooManySteps { steps } => write!(
                f,
                "the request rate has {steps} steps, more than {MAX_STEPS}; use a longer step"
            ),
            Self::BadValue { step } => {
                write!(f, "value {step} of the request rate is negative, not a number or too large")
            }
            Self::BadSetting { setting } => write!(f, "{setting}"),
        }
    }
}

impl std::error::Error for RateError {}

/// Offered requests over time: constant within each step of a fixed length.
///
/// The amount of each step is an integer number of micro-requests, and a part of a step gets the
/// floor of its share of the running sum, so that amounts over adjacent stretches always add up and
/// the total of each step is met exactly, whatever the split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestRate {
    step: SimDuration,
    /// Micro-requests of each step, at least one.
    micro: Vec<u64>,
    /// Sum of the steps before every `BLOCK`-th one.
    sums: Vec<u128>,
    total: u128,
    after_end: AfterEnd,
}

impl RequestRate {
    /// A constant rate in requests per second, forever. Resolution 1/3600 micro-request per second.
    pub fn constant(requests_per_second: f64) -> Result<Self, RateError> {
        Self::from_rates(SimDuration::from_secs(3600), &[requests_per_second], AfterEnd::Repeat)
    }

    /// Whole requests in each interval, the first from time zero.
    pub fn from_trace(
        interval: SimDuration,
        counts: &[u64],
        after_end: AfterEnd,
    ) -> Result<Self, RateError> {
        let micro = (0..).zip(counts).map(|(step, count)| {
            count.checked_mul(MICRO_PER_REQUEST).ok_or(RateError::BadValue { step })
        });
        Self::from_micro(interval, micro, counts.len() as u64, after_end)
    }

    /// Requests in each interval, rounded to the nearest micro-request.
    pub fn from_totals(
        interval: SimDuration,
        totals: &[f64],
        after_end: AfterEnd,
    ) -> Result<Self, RateError> {
        let micro = (0..).zip(totals).map(|(step, &total)| to_micro(total, step));
        Self::from_micro(interval, micro, totals.len() as u64, after_end)
    }

    /// Requests per second in each interval, rounded to the nearest micro-request per interval.
    pub fn from_rates(
        interval: SimDuration,
        rates: &[f64],
        after_end: AfterEnd,
    ) -> Result<Self, RateError> {
        let seconds = interval.as_secs_f64();
        let micro = (0..).zip(rates).map(|(step, &rate)| to_micro(rate * seconds, step));
        Self::from_micro(interval, micro, rates.len() as u64, after_end)
    }

    /// From micro-requests per step. The number of steps is checked before the first is computed.
    pub(super) fn from_micro(
        step: SimDuration,
        micro: impl Iterator<Item = Result<u64, RateError>>,
        steps: u64,
        after_end: AfterEnd,
    ) -> Result<Self, RateError> {
        if step.is_zero() {
            return Err(RateError::ZeroStep);
        }
        if steps == 0 {
            return Err(RateError::Empty);
        }
        if MAX_STEPS < steps {
            return Err(RateError::TooManySteps { steps });
        }
        let micro = micro.collect::<Result<Vec<u64>, RateError>>()?;
        let mut sums = Vec::with_capacity(micro.len() / BLOCK + 1);
        let mut total = 0_u128;
        for block in micro.chunks(BLOCK) {
            sums.push(total);
            total += block.iter().map(|&amount| u128::from(amount)).sum::<u128>();
        }
        Ok(Self { step, micro, sums, total, after_end })
    }

    /// Length of a step.
    pub const fn step(&self) -> SimDuration {
        self.step
    }

    /// Number of steps before the rate ends or repeats.
    pub fn steps(&self) -> usize {
        self.micro.len()
    }

    /// What is offered after the last step.
    pub const fn after_end(&self) -> AfterEnd {
        self.after_end
    }

    /// Micro-requests offered in `[0, t)`. Never falls.
    pub fn cumulative(&self, t: SimTime) -> u128 {
        let step = self.step.as_nanos();
        let steps = self.micro.len() as u64;
        let at = t.as_nanos() / step;
        if steps <= at && self.after_end == AfterEnd::Zero {
            return self.total;
        }
        let index = (at % steps) as usize;
        let block = index / BLOCK;
        let before: u128 =
            self.micro[block * BLOCK..index].iter().map(|&amount| u128::from(amount)).sum();
        let elapsed = u128::from(t.as_nanos() % step);
        let within = u128::from(self.micro[index]) * elapsed / u128::from(step);
        let cycles = u128::from(at / steps);
        cycles.saturating_mul(self.total).saturating_add(self.sums[block] + before + within)
    }

    /// Micro-requests offered in `[from, until)`; zero if `until` is not after `from`.
    pub fn offered(&self, from: SimTime, until: SimTime) -> u128 {
        self.cumulative(until).saturating_sub(self.cumulative(from))
    }

    /// Requests per second at `t`, for statistics and forecasts.
    pub fn rate_at(&self, t: SimTime) -> f64 {
        self.to_rate(self.amount(t.as_nanos() / self.step.as_nanos()))
    }

    /// Largest rate of any step, in requests per second.
    pub fn peak_rate(&self) -> f64 {
        self.to_rate(self.micro.iter().copied().max().unwrap_or(0))
    }

    /// An instant after `t` up to which the rate is that at `t`: the next boundary where it differs,
    /// or one 64 steps ahead if it stays the same for that long; [`SimTime::MAX`] if it never
    /// changes again.
    pub fn next_change(&self, t: SimTime) -> SimTime {
        let step = self.step.as_nanos();
        let at = t.as_nanos() / step;
        let steps = self.micro.len() as u64;
        let forever = match self.after_end {
            AfterEnd::Zero => steps <= at,
            AfterEnd::Repeat => steps == 1,
        };
        if forever {
            return SimTime::MAX;
        }
        let amount = self.amount(at);
        // Bounded, so that a caller that stops early for other reasons does not pay for a long scan.
        let mut next = at + 1;
        while next < at + SIGHT && self.amount(next) == amount {
            if self.after_end == AfterEnd::Zero && steps <= next {
                return SimTime::MAX;
            }
            next += 1;
        }
        SimTime::from_nanos(next.saturating_mul(step))
    }

    /// Micro-requests of a step counted from time zero, past the end too.
    pub(super) fn amount(&self, at: u64) -> u64 {
        let steps = self.micro.len() as u64;
        match self.after_end {
            AfterEnd::Zero if steps <= at => 0,
            AfterEnd::Zero | AfterEnd::Repeat => self.micro[(at % steps) as usize],
        }
    }

    fn to_rate(&self, amount: u64) -> f64 {
        amount as f64 / MICRO_PER_REQUEST as f64 / self.step.as_secs_f64()
    }
}

/// Requests to the nearest micro-request.
pub(super) fn to_micro(requests: f64, step: u64) -> Result<u64, RateError> {
    let micro = libm::floor(requests * MICRO_PER_REQUEST as f64 + 0.5);
    // Half the range, so that sums of two never wrap; also refuses NaN.
    if (0.0..9.2e18).contains(&micro) {
        Ok(micro as u64)
    } else {
        Err(RateError::BadValue { step })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn minutes(counts: &[u64], after_end: AfterEnd) -> RequestRate {
        RequestRate::from_trace(SimDuration::from_secs(60), counts, after_end).unwrap()
    }

    #[test]
    fn meets_the_total_of_every_minute() {
        let counts: Vec<u64> = (0..200).map(|k| (k * 7919) % 613).collect();
        let rate = minutes(&counts, AfterEnd::Zero);
        for (k, count) in (0..).zip(&counts) {
            let offered = rate.offered(SimTime::from_secs(60 * k), SimTime::from_secs(60 * k + 60));
            assert_eq!(offered, u128::from(count * MICRO_PER_REQUEST));
        }
        let all: u64 = counts.iter().sum();
        assert_eq!(rate.cumulative(SimTime::MAX), u128::from(all * MICRO_PER_REQUEST));
    }

    #[test]
    fn ends_or_repeats() {
        let zero = minutes(&[60, 120], AfterEnd::Zero);
        let repeat = minutes(&[60, 120], AfterEnd::Repeat);
        let at = SimTime::from_secs(150);
        assert_eq!(zero.cumulative(at), 180_000_000);
        assert_eq!(repeat.cumulative(at), 210_000_000);
        assert!(zero.rate_at(at).abs() < 1e-12);
        assert!((repeat.rate_at(at) - 1.0).abs() < 1e-12);
        assert!((repeat.peak_rate() - 2.0).abs() < 1e-12);
        assert_eq!(repeat.cumulative(SimTime::from_secs(120 * 1000)), 180_000_000 * 1000);
    }

    #[test]
    fn names_the_next_change() {
        let rate = minutes(&[5, 5, 7, 0], AfterEnd::Zero);
        assert_eq!(rate.next_change(SimTime::ZERO), SimTime::from_secs(120));
        assert_eq!(rate.next_change(SimTime::from_secs(119)), SimTime::from_secs(120));
        assert_eq!(rate.next_change(SimTime::from_secs(120)), SimTime::from_secs(180));
        assert_eq!(rate.next_change(SimTime::from_secs(180)), SimTime::MAX);
        assert_eq!(rate.next_change(SimTime::from_secs(9999)), SimTime::MAX);
        let constant = RequestRate::constant(2.5).unwrap();
        assert_eq!(constant.next_change(SimTime::from_secs(7)), SimTime::MAX);
        assert_eq!(constant.cumulative(SimTime::from_secs(7200)), 18_000_000_000);
    }

    #[test]
    fn refuses_what_it_cannot_count() {
        let minute = SimDuration::from_secs(60);
        let build = |values: &[f64]| RequestRate::from_totals(minute, values, AfterEnd::Zero);
        assert_eq!(build(&[]), Err(RateError::Empty));
        assert_eq!(build(&[1.0, -1.0]), Err(RateError::BadValue { step: 1 }));
        assert_eq!(build(&[f64::NAN]), Err(RateError::BadValue { step: 0 }));
        assert_eq!(build(&[1e18]), Err(RateError::BadValue { step: 0 }));
        assert_eq!(
            RequestRate::from_trace(SimDuration::ZERO, &[1], AfterEnd::Zero),
            Err(RateError::ZeroStep)
        );
        let none = std::iter::empty();
        assert_eq!(
            RequestRate::from_micro(minute, none, MAX_STEPS + 1, AfterEnd::Zero),
            Err(RateError::TooManySteps { steps: MAX_STEPS + 1 })
        );
    }

    proptest! {
        /// Splitting a stretch anywhere neither loses nor adds a micro-request.
        #[test]
        fn splits_add_up(
            counts in prop::collection::vec(0_u64..100_000, 1..200),
            mut cuts in prop::collection::vec(0_u64..20_000_000_000_000, 1..30),
            repeat: bool,
        ) {
            let after_end = if repeat { AfterEnd::Repeat } else { AfterEnd::Zero };
            let rate = minutes(&counts, after_end);
            cuts.sort_unstable();
            let parts: u128 = cuts
                .windows(2)
                .map(|w| rate.offered(SimTime::from_nanos(w[0]), SimTime::from_nanos(w[1])))
                .sum();
            let first = SimTime::from_nanos(cuts[0]);
            let last = SimTime::from_nanos(cuts[cuts.len() - 1]);
            prop_assert_eq!(parts, rate.offered(first, last));
        }

        /// The rate is the same everywhere before the announced change, and the change moves on.
        #[test]
        fn is_constant_until_the_announced_change(
            counts in prop::collection::vec(0_u64..3, 1..150),
            at in 0_u64..20_000,
            repeat: bool,
        ) {
            let after_end = if repeat { AfterEnd::Repeat } else { AfterEnd::Zero };
            let rate = minutes(&counts, after_end);
            let t = SimTime::from_secs(at);
            let change = rate.next_change(t);
            prop_assert!(t < change);
            let mut probe = at;
            while SimTime::from_secs(probe) < change && probe < at + 10_000 {
                let here = rate.rate_at(SimTime::from_secs(probe));
                prop_assert_eq!(here.to_bits(), rate.rate_at(t).to_bits());
                probe += 20;
            }
        }
    }
}

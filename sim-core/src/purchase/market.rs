//! Prices of Spot, and how often EC2 takes instances back.
//!
//! The Spot Instance Advisor gives the share of instances that were interrupted in a month, in buckets.
//! It is a share of capacity and not a probability of one instance: good for calibration only.

use crate::catalog::HourlyRate;
use crate::engine::{StreamKey, variates};
use crate::units::{NANOS_PER_SECOND, SimDuration, SimTime};

/// Hours of a month, as the Advisor's figures are read.
pub const MONTH_HOURS: f64 = 730.0;

/// Prices are quoted in steps of 0.0001 USD.
const QUOTE: u64 = 1_000_000;

const DAY: SimDuration = SimDuration::from_secs(86_400);

/// "Frequency of interruption" of the Spot Instance Advisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdvisorBucket {
    /// Below 5 %.
    Below5,
    /// 5 % to 10 %.
    From5To10,
    /// 10 % to 15 %.
    From10To15,
    /// 15 % to 20 %.
    From15To20,
    /// Above 20 %.
    Above20,
}

impl AdvisorBucket {
    /// The share in the middle of the bucket; 25 % for the open one.
    pub const fn share(self) -> f64 {
        match self {
            Self::Below5 => 0.025,
            Self::From5To10 => 0.075,
            Self::From10To15 => 0.125,
            Self::From15To20 => 0.175,
            Self::Above20 => 0.25,
        }
    }

    /// Interruptions per hour of one instance, λ = −ln(1 − p) / 730 h.
    pub fn hazard_per_hour(self) -> f64 {
        -libm::log1p(-self.share()) / MONTH_HOURS
    }

    /// Mean time to interruption, 1/λ.
    pub fn mean_time(self) -> SimDuration {
        SimDuration::from_secs_f64(3600.0 / self.hazard_per_hour())
    }
}

/// The scale of a Weibull distribution with this mean: mean / Γ(1 + 1/k).
pub fn weibull_scale(mean: SimDuration, shape: f64) -> SimDuration {
    SimDuration::from_secs_f64(mean.as_secs_f64() / libm::tgamma(1.0 + 1.0 / shape))
}

/// How deep a pool is, from 0 to 1, as far as its interruptions tell: the mean time to one against a
/// month more. `None` stands for never.
pub fn depth_of(mean_time: Option<SimDuration>) -> f64 {
    mean_time.map_or(1.0, |mean| {
        let hours = mean.as_secs_f64() / 3600.0;
        hours / (hours + MONTH_HOURS)
    })
}

/// A daily step of the logarithm of the price: x ← (1 − reversion)·x + volatility·N(0, 1).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DailyStep {
    /// Standard deviation of a step.
    pub volatility: f64,
    /// Share of the distance to the base price that a day takes back, 0 to 1.
    pub reversion: f64,
}

impl Eq for DailyStep {}

/// The price of a pool from instant to instant, sorted, the first at zero.
///
/// `base` is sorted and begins at zero, too. Steps come at multiples of 24 h from the start.
pub fn price_path(
    base: &[(SimTime, HourlyRate)],
    step: Option<DailyStep>,
    key: StreamKey,
    until: SimTime,
) -> Vec<(SimTime, HourlyRate)> {
    let Some(step) = step else { return base.to_vec() };
    let days = until.as_nanos() / DAY.as_nanos();
    let mut path: Vec<(SimTime, HourlyRate)> = Vec::new();
    let mut changes = base.iter().peekable();
    let (mut current, mut log) = (HourlyRate::from_ten_billionths(0), 0.0);
    for day in 0..=days {
        if 0 < day {
            log = (1.0 - step.reversion) * log
                + step.volatility * variates::standard_normal(key.at(day));
        }
        let begin = SimTime::from_nanos(day * DAY.as_nanos());
        let end = SimTime::from_nanos(begin.as_nanos().saturating_add(DAY.as_nanos()));
        let factor = libm::exp(log);
        let mut at = begin;
        loop {
            while let Some((_, rate)) = changes.next_if(|(change, _)| *change <= at) {
                current = *rate;
            }
            let price = quote(current, factor);
            if path.last().is_none_or(|(_, last)| *last != price) {
                path.push((at, price));
            }
            match changes.peek() {
                Some((change, _)) if *change < end => at = *change,
                _ => break,
            }
        }
    }
    path
}

/// A price in steps of the quote, at least one.
fn quote(base: HourlyRate, factor: f64) -> HourlyRate {
    let steps = libm::round(base.as_ten_billionths() as f64 * factor / QUOTE as f64);
    // Saturating by definition of the cast.
    HourlyRate::from_ten_billionths((steps.max(1.0) as u64).saturating_mul(QUOTE))
}

/// The price of `path` at an instant.
pub fn price_at(path: &[(SimTime, HourlyRate)], at: SimTime) -> Option<HourlyRate> {
    let after = path.partition_point(|(change, _)| *change <= at);
    path[..after].last().map(|(_, rate)| *rate)
}

/// Splits `seconds` billed seconds from `from` at the changes of the price: start, seconds and price of
/// each part. A second belongs to the price at which it begins.
pub fn at_prices(
    path: &[(SimTime, HourlyRate)],
    from: SimTime,
    seconds: u64,
) -> Vec<(SimTime, u64, HourlyRate)> {
    let mut parts: Vec<(SimTime, u64, HourlyRate)> = Vec::new();
    let mut done = 0;
    while done < seconds {
        let at = from + SimDuration::from_secs(done);
        let Some(rate) = price_at(path, at) else { break };
        let after = path.partition_point(|(change, _)| *change <= at);
        let left = match path.get(after) {
            Some((change, _)) => {
                let nanos = change.saturating_since(at).as_nanos();
                nanos.div_ceil(NANOS_PER_SECOND).min(seconds - done)
            }
            None => seconds - done,
        };
        parts.push((at, left, rate));
        done += left;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUCKETS: [AdvisorBucket; 5] = [
        AdvisorBucket::Below5,
        AdvisorBucket::From5To10,
        AdvisorBucket::From10To15,
        AdvisorBucket::From15To20,
        AdvisorBucket::Above20,
    ];

    fn usd(ten_thousandths: u64) -> HourlyRate {
        HourlyRate::from_ten_billionths(ten_thousandths * QUOTE)
    }

    fn at(seconds: u64) -> SimTime {
        SimTime::from_secs(seconds)
    }

    #[test]
    fn hazards_of_the_advisors_buckets_are_those_of_table_4_3() {
        let expected = [3.468e-5, 1.068e-4, 1.829e-4, 2.635e-4, 3.941e-4];
        for (bucket, expected) in BUCKETS.iter().zip(expected) {
            let found = bucket.hazard_per_hour();
            assert!((found / expected - 1.0).abs() < 2e-4, "{bucket:?}: {found}");
        }
    }

    #[test]
    fn mean_times_to_interruption_are_those_of_table_4_3() {
        for (bucket, days) in BUCKETS.iter().zip([1201.0, 390.0, 228.0, 158.0, 106.0]) {
            let found = bucket.mean_time().as_secs_f64() / 86_400.0;
            assert!((found - days).abs() < 0.55, "{bucket:?}: {found} days");
        }
    }

    #[test]
    fn weibull_scales_of_section_4_3() {
        let hour = SimDuration::from_secs(3600);
        for (shape, gamma) in [(0.6, 1.5046), (0.7, 1.2658)] {
            let found = 3600.0 / weibull_scale(hour, shape).as_secs_f64();
            assert!((found - gamma).abs() < 5e-5, "{shape}: {found}");
        }
        assert_eq!(weibull_scale(hour, 1.0), hour);
    }

    #[test]
    fn a_pool_that_is_interrupted_less_is_deeper() {
        let depths: Vec<f64> =
            BUCKETS.iter().map(|bucket| depth_of(Some(bucket.mean_time()))).collect();
        assert!(depths.is_sorted_by(|a, b| b < a), "{depths:?}");
        assert!((depth_of(None) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_price_without_steps_is_the_base() {
        let base = [(at(0), usd(400)), (at(100), usd(500))];
        assert_eq!(price_path(&base, None, StreamKey::new(1, 0, "p", 0), at(1000)), base);
        assert_eq!(price_at(&base, at(99)), Some(usd(400)));
        assert_eq!(price_at(&base, at(100)), Some(usd(500)));
        assert_eq!(price_at(&[], at(0)), None);
    }

    #[test]
    fn daily_steps_stay_around_the_base_and_keep_its_changes() {
        let base = [(at(0), usd(4000)), (at(10 * 86_400 + 7), usd(8000))];
        let step = DailyStep { volatility: 0.02, reversion: 0.3 };
        let key = StreamKey::new(3, 0, "spot-price", 1);
        let path = price_path(&base, Some(step), key, at(20 * 86_400));
        assert_eq!(path, price_path(&base, Some(step), key, at(20 * 86_400)));
        assert_eq!(path[0], (at(0), usd(4000)));
        assert!(path.is_sorted_by(|a, b| a.0 < b.0 && a.1 != b.1), "{path:?}");
        assert!(path.iter().any(|it| it.0 == at(10 * 86_400 + 7)), "{path:?}");
        assert!(path.len() > 15, "{path:?}");
        for (instant, rate) in &path {
            let base = price_at(&base, *instant).expect("it begins at zero");
            let ratio = rate.as_ten_billionths() as f64 / base.as_ten_billionths() as f64;
            // Stationary deviation 0.02 / sqrt(1 - 0.49) = 0.028.
            assert!((0.85..1.15).contains(&ratio), "{ratio}");
        }
    }

    #[test]
    fn billed_seconds_are_split_at_changes_of_the_price() {
        let path = [(at(0), usd(400)), (at(100), usd(500)), (at(160), usd(300))];
        let parts = at_prices(&path, at(90), 100);
        assert_eq!(
            parts,
            [(at(90), 10, usd(400)), (at(100), 60, usd(500)), (at(160), 30, usd(300))]
        );
        // Half a second before the change: that second is charged at the old price.
        let half = SimTime::from_nanos(99_500_000_000);
        let parts = at_prices(&path, half, 2);
        assert_eq!((parts[0].1, parts[1].1), (1, 1));
    }
}

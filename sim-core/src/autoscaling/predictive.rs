//! Predictive scaling: an hourly forecast of the load becomes a floor under the capacity.
//!
//! Source: Auto Scaling user guide, *Predictive scaling*; ECS developer guide, *Predictive auto scaling*.
//! The load metric is summed by the hour; over the target of the scaling metric, once a minute, it gives
//! the capacity. A forecast needs 24 hours of history, uses at most 14 days of it, reaches 48 hours ahead
//! and is made anew every 6 hours. At the beginning of each hour, less the buffer, the capacity is raised
//! to the forecast; it never scales in, and dynamic policies go above it.
//!
//! AWS does not publish how it forecasts. [`Forecaster`] has what can stand in for it. Nor does it say
//! whether dynamic policies may scale in below the forecast of the hour: here they do not, since the
//! greatest of what all policies want counts.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::rounding::ceil_e;
use crate::engine::variates::standard_normal;
use crate::engine::{StreamKey, fold};
use crate::metrics::{MetricStore, Span, Statistic};
use crate::traffic::{MICRO_PER_REQUEST, RequestRate};
use crate::units::{MetricId, SimDuration, SimTime};

const HOUR: i64 = 3600;
const DAY: i64 = 24;
const WEEK: i64 = 7 * DAY;
const MINUTE: SimDuration = SimDuration::from_secs(60);
/// EC2 publishes metrics at most every five minutes.
const LONGEST_PERIOD: SimDuration = SimDuration::from_secs(300);

/// Hours of history without which there is no forecast.
const LEAST_HISTORY: i64 = DAY;
/// Hours of history that are used.
pub const MOST_HISTORY: i64 = 14 * DAY;
/// Hours that a forecast reaches ahead.
const AHEAD: i64 = 2 * DAY;
/// From one forecast to the next.
const REFRESH: SimDuration = SimDuration::from_secs(6 * 3600);
/// Data points of the scaling metric in an hour.
const POINTS_PER_HOUR: f64 = 60.0;

/// A predictive scaling policy.
#[derive(Clone, Debug, PartialEq)]
pub struct PredictiveScalingPolicy {
    /// `PolicyName`.
    pub name: String,
    /// The load metric; its hourly sums are forecast, as if it was measured each minute.
    pub load: MetricId,
    /// `TargetValue` of the scaling metric: percent, or requests per target and minute.
    pub target_value: f64,
    /// Whether `Mode` is `ForecastAndScale`; otherwise it forecasts only.
    pub scales: bool,
    /// `SchedulingBufferTime`, below one hour.
    pub scheduling_buffer_time: SimDuration,
    /// `MaxCapacityBuffer` in percent, if `MaxCapacityBreachBehavior` is `IncreaseMaxCapacity`.
    pub max_capacity_buffer: Option<u32>,
    /// Who forecasts.
    pub forecaster: Forecaster,
}

/// What stands in for AWS's forecast.
#[derive(Clone, Debug, PartialEq)]
pub enum Forecaster {
    /// The mean of the same hour of the week over the history, of the same hour of the day until there
    /// are seven days of it.
    SeasonalNaive {
        /// Sums of the load metric in the clock hours before the start, the oldest first.
        history: Vec<f64>,
    },
    /// The load that will be offered.
    Oracle {
        /// It, and what it asks of a task.
        demand: OracleDemand,
        /// Standard deviation of the logarithm of a random factor with mean 1.
        error: f64,
        /// For how long the load is known before the start of the run.
        known_for: SimDuration,
    },
}

/// The offered load and what it does to the scaling metric.
#[derive(Clone, Debug)]
pub struct OracleDemand {
    /// Requests.
    pub rate: Arc<RequestRate>,
    /// Percent of one task, or requests per minute, that one request per second takes.
    pub per_request_rate: f64,
    /// Percent that a task shows without requests.
    pub idle: f64,
}

impl PartialEq for OracleDemand {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.rate, &other.rate)
            && self.per_request_rate.to_bits() == other.per_request_rate.to_bits()
            && self.idle.to_bits() == other.idle.to_bits()
    }
}

impl OracleDemand {
    /// The hourly sum of the load metric at the capacity that `rate` requests per second need to stay at
    /// the target. What tasks use without requests grows with their number: it counts against the target.
    fn hourly_load(&self, rate: f64, target_value: f64) -> f64 {
        let room = target_value - self.idle;
        let capacity = if room > 0.0 { rate * self.per_request_rate / room } else { f64::INFINITY };
        if rate > 0.0 { capacity * target_value * POINTS_PER_HOUR } else { 0.0 }
    }
}

/// Capacity that an hour with `load`, the sum of the load metric, needs at the target.
pub fn required_capacity(load: f64, target_value: f64) -> u32 {
    ceil_e(load / (target_value * POINTS_PER_HOUR))
}

/// Most capacity that an hour with a forecast of `predicted` may have. With a buffer in percent the
/// maximum is raised to the forecast and as much more, and stays so.
pub fn effective_maximum(max: u32, predicted: u32, max_capacity_buffer: Option<u32>) -> u32 {
    let Some(buffer) = max_capacity_buffer else { return max };
    let raised = (u64::from(predicted) * (100 + u64::from(buffer))).div_ceil(100);
    max.max(u32::try_from(raised).unwrap_or(u32::MAX))
}

/// The desired capacity with a forecast of `predicted` and of `dynamic` by other policies: the greater.
pub fn with_floor(dynamic: u32, predicted: u32) -> u32 {
    dynamic.max(predicted)
}

/// What came of a new forecast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewForecast {
    /// Hours with a forecast.
    pub hours: u32,
    /// Least and greatest capacity among them.
    pub range: (u32, u32),
}

/// A predictive scaling policy at work.
#[derive(Clone, Debug)]
pub struct Predictor {
    policy: PredictiveScalingPolicy,
    start_unix_seconds: i64,
    key: StreamKey,
    /// Sums of the load metric by clock hour since 1970.
    history: BTreeMap<i64, f64>,
    /// Slots of the load metric that are in the history.
    absorbed: u64,
    /// Capacity by clock hour.
    forecast: BTreeMap<i64, u32>,
    next_refresh: SimTime,
    refreshes: u64,
}

impl Predictor {
    /// A policy of a run that starts at `start_unix_seconds`; `key` is for its random draws.
    pub fn new(policy: &PredictiveScalingPolicy, start_unix_seconds: i64, key: StreamKey) -> Self {
        let mut history = BTreeMap::new();
        if let Forecaster::SeasonalNaive { history: given } = &policy.forecaster {
            let first = start_unix_seconds.div_euclid(HOUR) - given.len() as i64;
            history.extend((first..).zip(given.iter().copied()));
        }
        Self {
            policy: policy.clone(),
            start_unix_seconds,
            key,
            history,
            absorbed: 0,
            forecast: BTreeMap::new(),
            next_refresh: SimTime::ZERO,
            refreshes: 0,
        }
    }

    /// Its settings.
    pub fn policy(&self) -> &PredictiveScalingPolicy {
        &self.policy
    }

    /// Makes room in `store` for what is read each hour. To be called before the first sample.
    pub fn retain(&self, store: &mut MetricStore) {
        let length = SimDuration::from_secs(2 * 3600) + LONGEST_PERIOD;
        store.retain_metric(self.policy.load, length);
    }

    /// The clock hour in which `at` lies.
    fn hour(&self, at: SimTime) -> i64 {
        let second = i64::try_from(at.as_nanos() / 1_000_000_000).unwrap_or(i64::MAX);
        self.start_unix_seconds.saturating_add(second).div_euclid(HOUR)
    }

    /// When a clock hour begins; `None` before the run.
    fn beginning(&self, hour: i64) -> Option<SimTime> {
        let second = hour.saturating_mul(HOUR).saturating_sub(self.start_unix_seconds);
        u64::try_from(second).ok().map(SimTime::from_secs)
    }

    /// When the policy is looked at next after `now`: at the beginning of a clock hour, or its buffer
    /// before that.
    pub fn next_look(&self, now: SimTime) -> SimTime {
        let hour = self.hour(now);
        let buffer = self.policy.scheduling_buffer_time.as_nanos();
        let looks = (hour + 1..=hour + 2)
            .filter_map(|hour| self.beginning(hour))
            .flat_map(|at| [SimTime::from_nanos(at.as_nanos().saturating_sub(buffer)), at]);
        looks.filter(|at| now < *at).min().unwrap_or(SimTime::MAX)
    }

    /// Adds what has been published to the history, and makes the forecast anew if it is time to.
    pub fn look(&mut self, now: SimTime, store: &MetricStore) -> Option<NewForecast> {
        let whole_until = self.absorb(now, store);
        if now < self.next_refresh || !self.knows_enough(now) {
            return None;
        }
        self.next_refresh = now + REFRESH;
        let first = self.hour(now);
        self.forecast.clear();
        for hour in first..first + AHEAD {
            if let Some(load) = self.expected_load(hour, whole_until) {
                self.forecast.insert(hour, required_capacity(load, self.policy.target_value));
            }
        }
        self.refreshes += 1;
        let least = self.forecast.values().min().copied()?;
        let greatest = self.forecast.values().max().copied()?;
        Some(NewForecast { hours: self.forecast.len() as u32, range: (least, greatest) })
    }

    /// Adds what has been published to the history; the hour before which it is whole.
    fn absorb(&mut self, now: SimTime, store: &MetricStore) -> i64 {
        let series = store.series(self.policy.load);
        let published = series.published(now);
        let range = published.saturating_sub(self.absorbed);
        let period = series.period();
        let minutes = period.as_nanos() as f64 / MINUTE.as_nanos() as f64;
        let range = usize::try_from(range).unwrap_or(usize::MAX);
        let span = Span { grid: period, ..Span::new(period, range) };
        for point in series.read(now, Statistic::Sum, span).flatten() {
            *self.history.entry(self.hour(point.start)).or_insert(0.0) += point.value * minutes;
        }
        self.absorbed = published;
        let until = SimTime::from_nanos(published.saturating_mul(period.as_nanos()));
        let whole = self.hour(until);
        let oldest = whole.saturating_sub(MOST_HISTORY);
        while self.history.first_key_value().is_some_and(|(hour, _)| *hour < oldest) {
            self.history.pop_first();
        }
        whole
    }

    /// Whether there is a day of history.
    fn knows_enough(&self, now: SimTime) -> bool {
        match &self.policy.forecaster {
            Forecaster::SeasonalNaive { .. } => {
                let whole = self.hour(now);
                let first = self.history.keys().find(|hour| self.is_whole(**hour));
                first.is_some_and(|first| LEAST_HISTORY <= whole - first)
            }
            Forecaster::Oracle { known_for, .. } => {
                let least = SimDuration::from_secs((LEAST_HISTORY * HOUR) as u64);
                least <= *known_for + now.saturating_since(SimTime::ZERO)
            }
        }
    }

    /// Whether a clock hour did not begin before the run and end in it.
    fn is_whole(&self, hour: i64) -> bool {
        let start = self.start_unix_seconds;
        hour != start.div_euclid(HOUR) || start.rem_euclid(HOUR) == 0
    }

    /// The sum of the load metric that is expected of a clock hour; `None` if nothing is known of it.
    fn expected_load(&self, hour: i64, whole_until: i64) -> Option<f64> {
        match &self.policy.forecaster {
            Forecaster::SeasonalNaive { .. } => {
                let known = || {
                    let hours = self.history.range(..whole_until);
                    hours.filter(|(hour, _)| self.is_whole(**hour))
                };
                let mean_of = |season: i64| {
                    let same = known().filter(|(it, _)| (hour - **it).rem_euclid(season) == 0);
                    let (sum, count) =
                        same.fold((0.0, 0.0), |(sum, count), (_, load)| (sum + load, count + 1.0));
                    (count > 0.0).then(|| sum / count)
                };
                let first = known().next().map_or(hour, |(hour, _)| *hour);
                let weekly = (WEEK <= whole_until - first).then(|| mean_of(WEEK)).flatten();
                weekly.or_else(|| mean_of(DAY))
            }
            Forecaster::Oracle { demand, error, .. } => {
                let from = self.beginning(hour).unwrap_or(SimTime::ZERO);
                let until = self.beginning(hour + 1)?;
                let seconds = until.saturating_since(from).as_secs_f64();
                let offered = demand.rate.offered(from, until) as f64 / MICRO_PER_REQUEST as f64;
                let rate = if seconds > 0.0 { offered / seconds } else { 0.0 };
                let factor = if *error > 0.0 {
                    let bits = self.key.at(fold(self.refreshes, hour as u64));
                    libm::exp(error * standard_normal(bits) - error * error / 2.0)
                } else {
                    1.0
                };
                Some(factor * demand.hourly_load(rate, self.policy.target_value))
            }
        }
    }

    /// The forecast of the clock hour in which `at` lies.
    pub fn predicted(&self, at: SimTime) -> Option<u32> {
        self.forecast.get(&self.hour(at)).copied()
    }

    /// The least capacity that the policy wants from `now` on: what is forecast of the hour, and of the
    /// next one from its buffer before that on.
    pub fn floor(&self, now: SimTime) -> Option<u32> {
        let soon = now + self.policy.scheduling_buffer_time;
        self.predicted(now).max(self.predicted(soon))
    }
}

#[cfg(test)]
mod tests;

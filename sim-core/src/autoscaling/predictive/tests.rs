use super::*;
use crate::engine::label_hash;
use crate::metrics::{Metric, MetricSource, MetricTrace, StatisticSet};
use crate::units::IdVec;

/// A Monday at 00:00 UTC.
const MONDAY: i64 = 1_772_409_600;
const LOAD: MetricId = MetricId(0);

fn key() -> StreamKey {
    StreamKey::new(7, 0, "forecast", label_hash("web"))
}

fn policy(forecaster: Forecaster) -> PredictiveScalingPolicy {
    PredictiveScalingPolicy {
        name: "forecast".into(),
        load: LOAD,
        target_value: 50.0,
        scales: true,
        scheduling_buffer_time: SimDuration::from_secs(300),
        max_capacity_buffer: None,
        forecaster,
    }
}

fn store(delay: u64) -> MetricStore {
    store_of(MINUTE, delay)
}

fn store_of(period: SimDuration, delay: u64) -> MetricStore {
    let trace = MetricTrace { values: Vec::new(), repeats: false };
    let mut metrics = IdVec::new();
    metrics.push(Metric {
        source: MetricSource::Trace(Arc::new(trace)),
        period,
        delay: SimDuration::from_secs(delay),
    });
    MetricStore::new(&metrics)
}

fn hours(n: u64) -> SimTime {
    SimTime::from_secs(n * 3600)
}

/// Hourly loads with which `capacities` are needed at the target of 50.
fn loads(capacities: impl IntoIterator<Item = u32>) -> Vec<f64> {
    capacities.into_iter().map(|it| f64::from(it) * 50.0 * 60.0).collect()
}

fn naive(history: Vec<f64>) -> Predictor {
    let policy = policy(Forecaster::SeasonalNaive { history });
    Predictor::new(&policy, MONDAY, key())
}

#[test]
fn tv_pred_1_effective_maximum() {
    assert_eq!(effective_maximum(40, 50, Some(10)), 55);
    assert_eq!(effective_maximum(40, 50, Some(0)), 50);
    assert_eq!(effective_maximum(40, 50, None), 40);
    assert_eq!(effective_maximum(40, 30, Some(10)), 40);
}

#[test]
fn tv_pred_2_the_greater_of_what_policies_want() {
    assert_eq!(with_floor(10, 8), 10);
    assert_eq!(with_floor(6, 8), 8);
}

#[test]
fn the_hourly_sum_over_the_target_gives_the_capacity() {
    // Ten tasks at 30 percent for an hour: five at 60.
    assert_eq!(required_capacity(10.0 * 30.0 * 60.0, 60.0), 5);
    assert_eq!(required_capacity(10.0 * 30.1 * 60.0, 60.0), 6);
    // 1 000 requests per target and minute: 100 requests per second need six.
    assert_eq!(required_capacity(100.0 * 3600.0, 1000.0), 6);
    assert_eq!(required_capacity(0.0, 50.0), 0);
}

#[test]
fn there_is_no_forecast_before_a_day_of_history() {
    let mut short = naive(loads(0..23));
    assert_eq!(short.look(SimTime::ZERO, &store(0)), None);
    let mut day = naive(loads(0..24));
    let forecast = day.look(SimTime::ZERO, &store(0)).expect("there is enough");
    assert_eq!((forecast.hours, forecast.range), (48, (0, 23)));
    // The same hour of the day before.
    assert_eq!(day.predicted(hours(0)), Some(0));
    assert_eq!(day.predicted(hours(30)), Some(6));
    assert_eq!(day.predicted(hours(48)), None);
}

#[test]
fn with_a_week_of_history_the_hour_of_the_week_counts() {
    // Fourteen days that need one task on weekdays and nine on Saturday and Sunday; then less.
    let week = |weekend| (0..7 * 24).map(move |hour| if hour < 5 * 24 { 1 } else { weekend });
    let mut two = naive(loads(week(9).chain(week(5))));
    two.look(SimTime::ZERO, &store(0)).expect("there is enough");
    assert_eq!(two.predicted(hours(3)), Some(1));
    let saturday = MONDAY + 5 * 86_400;
    let policy = two.policy().clone();
    let mut later = Predictor::new(&policy, saturday, key());
    // Seen from a Saturday the same history is another one: its first day is a Saturday.
    later.look(SimTime::ZERO, &store(0)).expect("there is enough");
    assert_eq!(later.predicted(hours(0)), Some(1));
    // Six days: only the hour of the day is known.
    let mut six = naive(loads((0..6 * 24).map(|hour| if hour % 24 < 12 { 2 } else { 4 })));
    six.look(SimTime::ZERO, &store(0)).expect("there is enough");
    assert_eq!((six.predicted(hours(11)), six.predicted(hours(12))), (Some(2), Some(4)));
}

#[test]
fn the_mean_of_two_weeks_is_the_forecast() {
    let week = |capacity| std::iter::repeat_n(capacity, 7 * 24);
    let mut two = naive(loads(week(2).chain(week(5))));
    two.look(SimTime::ZERO, &store(0)).expect("there is enough");
    assert_eq!(two.predicted(hours(0)), Some(4), "3.5, rounded up");
}

#[test]
fn only_published_points_enter_the_history() {
    // One task at 50 percent in the first hour, two in the second, and so on; published 10 minutes late.
    let mut store = store(600);
    let mut predictor = naive(Vec::new());
    predictor.retain(&mut store);
    let mut made = Vec::new();
    for minute in 0..26 * 60_u64 {
        let value = 50.0 * (minute / 60 + 1) as f64;
        let start = SimTime::from_secs(minute * 60);
        store.record(LOAD, start, StatisticSet::of(value));
        let now = SimTime::from_secs((minute + 1) * 60);
        if predictor.next_look(SimTime::from_secs(minute * 60)) <= now {
            made.extend(predictor.look(now, &store).map(|forecast| (minute + 1, forecast)));
        }
    }
    // At 24:00 the last hour is not published: 23 hours are known, the hour at midnight among them.
    let (minute, forecast) = made[0];
    assert_eq!((minute, forecast.hours, forecast.range), (24 * 60, 46, (1, 23)));
    assert_eq!(predictor.predicted(hours(24)), Some(1));
    assert_eq!(predictor.predicted(hours(47)), None, "of that hour nothing was known");
    assert_eq!(made.len(), 1, "the next one comes after six hours");
}

#[test]
fn looks_are_at_the_hour_and_the_buffer_before() {
    let predictor = naive(Vec::new());
    let second = |at: u64| predictor.next_look(SimTime::from_secs(at)).as_nanos() / 1_000_000_000;
    assert_eq!([0, 3299, 3300, 3599, 3600].map(second), [3300, 3300, 3600, 3600, 6900]);
    // A run that begins at a quarter to the hour.
    let policy = predictor.policy().clone();
    let late = Predictor::new(&policy, MONDAY + 2700, key());
    assert_eq!(late.next_look(SimTime::ZERO), SimTime::from_secs(600));
    assert_eq!(late.next_look(SimTime::from_secs(600)), SimTime::from_secs(900));
}

#[test]
fn the_floor_holds_for_the_hour_and_rises_before_the_next() {
    let mut predictor = naive(loads((0..24).map(|hour| [5, 2, 7][hour % 3])));
    predictor.look(SimTime::ZERO, &store(0)).expect("there is enough");
    let floor = |second| predictor.floor(SimTime::from_secs(second));
    assert_eq!([0, 3300, 3600, 6899, 6900, 7200].map(floor), [5, 5, 2, 2, 7, 7].map(Some));
}

fn oracle(error: f64, known_for: u64) -> Predictor {
    // 100 requests per second in the first hour, 300 in the second, and again.
    let hour = SimDuration::from_secs(3600);
    let rate = RequestRate::from_rates(hour, &[100.0, 300.0], crate::traffic::AfterEnd::Repeat);
    let demand = OracleDemand {
        rate: Arc::new(rate.expect("a rate")),
        // 10 ms on one vCPU: a percent of it for each request per second.
        per_request_rate: 1.0,
        idle: 10.0,
    };
    let known_for = SimDuration::from_secs(known_for);
    let policy = policy(Forecaster::Oracle { demand, error, known_for });
    Predictor::new(&policy, MONDAY, key())
}

#[test]
fn an_oracle_knows_the_load_once_there_is_a_day_of_history() {
    let mut known = oracle(0.0, 86_400);
    known.look(SimTime::ZERO, &store(0)).expect("there is enough");
    // 100 percent over a room of 40; 300 percent.
    assert_eq!((known.predicted(hours(0)), known.predicted(hours(1))), (Some(3), Some(8)));
    let mut unknown = oracle(0.0, 0);
    let store = store(0);
    assert_eq!(unknown.look(hours(23), &store), None);
    assert!(unknown.look(hours(24), &store).is_some());
}

#[test]
fn the_error_of_a_forecast_has_mean_one_and_is_drawn_anew() {
    let mut predictor = oracle(0.3, 86_400);
    let store = store(0);
    let (mut sum, mut count, mut changed) = (0.0, 0.0, 0);
    let mut before = None;
    for refresh in 0..200 {
        predictor.look(hours(6 * refresh), &store).expect("six hours have passed");
        for hour in 0..48 {
            let predicted = predictor.predicted(hours(6 * refresh + 2 * (hour / 2) + 1));
            sum += f64::from(predicted.unwrap_or(0));
            count += 1.0;
        }
        let next = predictor.predicted(hours(6 * refresh + 7));
        changed += u32::from(before.replace(next) != Some(next));
    }
    // 7.5 tasks on average, rounded up: half a task more.
    let mean = sum / count;
    assert!((7.8..8.2).contains(&mean), "{mean}");
    assert!(100 < changed, "{changed}");
}

#[test]
fn a_target_below_the_idle_use_cannot_be_met() {
    let mut predictor = oracle(0.0, 86_400);
    if let Forecaster::Oracle { demand, .. } = &mut predictor.policy.forecaster {
        demand.idle = 50.0;
    }
    predictor.look(SimTime::ZERO, &store(0)).expect("there is enough");
    assert_eq!(predictor.predicted(hours(0)), Some(u32::MAX));
}

#[test]
fn a_metric_of_five_minutes_counts_as_if_it_was_measured_each_minute() {
    // Three instances at 50 percent for a day: at the target.
    let five_minutes = SimDuration::from_secs(300);
    let mut store = store_of(five_minutes, 60);
    let mut predictor = naive(Vec::new());
    predictor.retain(&mut store);
    let mut now = SimTime::ZERO;
    let mut forecast = None;
    for slot in 0..25 * 12_u64 {
        let start = SimTime::from_secs(slot * 300);
        store.record(LOAD, start, StatisticSet::weighted(50.0, 3.0));
        now = start + five_minutes;
        forecast = forecast.or(predictor.look(now, &store));
    }
    assert_eq!(forecast.map(|it| it.range), Some((3, 3)));
    assert_eq!(predictor.predicted(now), Some(3));
}

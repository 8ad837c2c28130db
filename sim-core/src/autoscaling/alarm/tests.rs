use proptest::prelude::*;

use super::*;
use crate::metrics::{MetricSeries, Statistic};
use crate::units::MetricId;
use AlarmState::{Alarm as InAlarm, InsufficientData, Ok as InOk};
use TreatMissingData::{Breaching, Ignore, Missing, NotBreaching};

fn above(threshold: f64, n: u32, m: u32, treat: TreatMissingData) -> AlarmCondition {
    AlarmCondition {
        comparison_operator: ComparisonOperator::GreaterThan,
        threshold,
        evaluation_periods: n,
        datapoints_to_alarm: m,
        treat_missing_data: treat,
        period: MINUTE,
        rules: AlarmRules::default(),
    }
}

/// `picture` has the oldest slot left: `X` breaches, `0` does not, `-` is missing. `None` expects the
/// current state, whatever it is.
#[track_caller]
fn check(m: u32, picture: &str, treat: TreatMissingData, expected: Option<AlarmState>) {
    let slots: Vec<Option<f64>> = picture
        .split_whitespace()
        .rev()
        .map(|slot| match slot {
            "X" => Some(9.0),
            "0" => Some(1.0),
            _ => None,
        })
        .collect();
    assert_eq!(slots.len(), 5);
    for current in [InOk, InAlarm, InsufficientData] {
        let state = above(5.0, 3, m, treat).evaluate(slots.iter().copied(), current);
        assert_eq!(state, expected.unwrap_or(current), "{picture} {treat:?} from {current:?}");
    }
}

type Row = (&'static str, [Option<AlarmState>; 4]);

#[track_caller]
fn check_table(m: u32, rows: &[Row]) {
    for (picture, expected) in rows {
        for (treat, expected) in
            [Missing, Ignore, Breaching, NotBreaching].into_iter().zip(expected)
        {
            check(m, picture, treat, *expected);
        }
    }
}

const OK: Option<AlarmState> = Some(InOk);
const ALARM: Option<AlarmState> = Some(InAlarm);
const KEEP: Option<AlarmState> = None;

#[test]
fn tv_alm_1_three_out_of_three() {
    check_table(
        3,
        &[
            ("0 - X - X", [OK, OK, OK, OK]),
            ("0 - - - -", [OK, OK, OK, OK]),
            ("- - - - -", [Some(InsufficientData), KEEP, ALARM, OK]),
            ("0 X X - X", [ALARM, ALARM, ALARM, ALARM]),
            ("- - X - -", [ALARM, KEEP, ALARM, OK]),
        ],
    );
}

#[test]
fn tv_alm_2_two_out_of_three() {
    check_table(
        2,
        &[
            ("0 - X - X", [ALARM, ALARM, ALARM, ALARM]),
            ("0 0 X 0 X", [ALARM, ALARM, ALARM, ALARM]),
            ("0 - X - -", [OK, OK, ALARM, OK]),
            ("- - - - 0", [OK, OK, ALARM, OK]),
            ("- - - X -", [ALARM, KEEP, ALARM, OK]),
        ],
    );
}

#[test]
fn tv_alm_3_few_real_points() {
    for (m, picture, missing, ignore) in [
        (3, "- - - - X", KEEP, KEEP),
        (3, "- - - X -", KEEP, KEEP),
        (3, "X X - - -", ALARM, KEEP),
        (3, "- - - X X", KEEP, KEEP),
        (2, "- - - X X", ALARM, ALARM),
        (2, "- - - - X", KEEP, KEEP),
    ] {
        check(m, picture, Missing, missing);
        check(m, picture, Ignore, ignore);
    }
}

#[test]
fn the_range_is_two_more_than_the_periods_and_at_least_five() {
    for (n, range) in [(1, 5), (3, 5), (4, 6), (15, 17)] {
        assert_eq!(above(1.0, n, n, Missing).evaluation_range(), range);
    }
}

const MINUTE: SimDuration = SimDuration::from_secs(60);

#[test]
fn tv_alm_4_state_over_nine_periods() {
    let mut series = MetricSeries::new(MINUTE, SimDuration::ZERO, 5);
    let mut alarm = Alarm::new("a".to_owned(), above(3.0, 3, 3, Missing));
    let values = [1.0, 2.0, 4.0, 5.0, 4.0, 3.0, 2.0, 1.0, 4.0];
    let states: Vec<AlarmState> = (0..)
        .zip(values)
        .map(|(period, value)| {
            series.push(SimTime::from_secs(60 * period), Some(value));
            alarm.evaluate(SimTime::from_secs(60 * (period + 1)), Some(&series));
            alarm.state()
        })
        .collect();
    assert_eq!(states, [InOk, InOk, InOk, InOk, InAlarm, InOk, InOk, InOk, InOk]);
}

#[test]
fn the_action_runs_on_entry_and_once_per_minute_in_alarm() {
    let mut series = MetricSeries::new(MINUTE, SimDuration::ZERO, 5);
    let mut alarm = Alarm::new("a".to_owned(), above(3.0, 1, 1, Missing));
    series.push(SimTime::ZERO, Some(9.0));
    let mut acts_at = Vec::new();
    for seconds in (60..=200).step_by(10) {
        if seconds == 120 {
            series.push(SimTime::from_secs(60), Some(9.0));
        }
        if alarm.evaluate(SimTime::from_secs(seconds), Some(&series)).acts {
            acts_at.push(seconds);
        }
    }
    // The last real point is judged again while the newest slots are gaps.
    assert_eq!(acts_at, [60, 120, 180]);
}

#[test]
fn a_late_point_is_not_missing() {
    let mut series = MetricSeries::new(MINUTE, SimDuration::from_secs(120), 5);
    let mut alarm = Alarm::new("a".to_owned(), above(3.0, 1, 1, Breaching));
    for minute in 0..4 {
        series.push(SimTime::from_secs(60 * minute), Some(1.0));
    }
    alarm.evaluate(SimTime::from_secs(240), Some(&series));
    assert_eq!(alarm.state(), InOk);
}

#[test]
fn an_alarm_without_a_metric_has_insufficient_data() {
    let mut alarm = Alarm::new("a".to_owned(), above(3.0, 3, 3, Missing));
    let outcome = alarm.evaluate(SimTime::from_secs(60), None::<&MetricSeries>);
    assert_eq!(outcome, AlarmOutcome { changed_from: None, acts: false });
    assert_eq!(alarm.state(), InsufficientData);
}

/// What an alarm writes when the last of `values`, one a minute, takes it to a new state.
fn reason(condition: AlarmCondition, values: &[Option<f64>]) -> String {
    let mut series = MetricSeries::new(MINUTE, SimDuration::ZERO, 60);
    let mut alarm = Alarm::new("alarm".to_owned(), condition);
    let mut last = String::new();
    for (minute, value) in (0..).zip(values) {
        series.push(SimTime::from_secs(60 * minute), *value);
        let now = SimTime::from_secs(60 * minute + 60);
        if let Some(from) = alarm.evaluate(now, Some(&series)).changed_from {
            let change = alarm.change(from, now, Some(&series));
            assert_eq!((change.from, change.to), (from, alarm.state()));
            last = change.reason;
        }
    }
    last
}

#[test]
fn a_change_states_points_and_threshold() {
    let all = above(50.0, 2, 2, Missing);
    assert_eq!(
        reason(all, &[Some(75.5), Some(100.0)]),
        "Threshold Crossed: 2 datapoints [100.0 (60 s), 75.5 (0 s)] were greater than the threshold (50.0)."
    );
    assert_eq!(
        reason(all, &[Some(75.5), Some(100.0), Some(50.0)]),
        "Threshold Crossed: 1 datapoint [50.0 (120 s)] was not greater than the threshold (50.0)."
    );
    // With 2 of 3 it takes two calm points to leave the alarm.
    let some = above(50.0, 3, 2, Missing);
    assert_eq!(
        reason(some, &[Some(60.0), Some(10.0), Some(70.0)]),
        "Threshold Crossed: 2 out of the last 3 datapoints [70.0 (120 s), 60.0 (0 s)] were greater \
         than the threshold (50.0) (minimum 2 datapoints for OK -> ALARM transition)."
    );
    assert_eq!(
        reason(some, &[Some(60.0), Some(70.0), Some(10.0), Some(20.0)]),
        "Threshold Crossed: 2 out of the last 3 datapoints [20.0 (180 s), 10.0 (120 s)] were not \
         greater than the threshold (50.0) (minimum 2 datapoints for ALARM -> OK transition)."
    );
}

#[test]
fn a_change_lists_the_five_newest_points() {
    let values: Vec<Option<f64>> = (0..15_u32).map(|minute| Some(f64::from(60 + minute))).collect();
    assert_eq!(
        reason(above(50.0, 15, 15, Missing), &values),
        "Threshold Crossed: 15 datapoints were greater than the threshold (50.0). The most recent \
         datapoints which crossed the threshold: [74.0 (840 s), 73.0 (780 s), 72.0 (720 s), 71.0 (660 s), \
         70.0 (600 s)]."
    );
    assert_eq!(
        reason(above(50.0, 15, 14, Missing), &values),
        "Threshold Crossed: 14 out of the last 14 datapoints were greater than the threshold (50.0). The \
         most recent datapoints which crossed the threshold: [73.0 (780 s), 72.0 (720 s), 71.0 (660 s), \
         70.0 (600 s), 69.0 (540 s)] (minimum 14 datapoints for OK -> ALARM transition)."
    );
}

#[test]
fn a_change_states_how_missing_points_are_taken() {
    assert_eq!(
        reason(above(50.0, 3, 3, Breaching), &[None, None, None]),
        "Threshold Crossed: no datapoints were received for 3 periods and 3 missing datapoints were treated \
         as [Breaching]."
    );
    assert_eq!(
        reason(above(50.0, 2, 2, NotBreaching), &[Some(60.0), Some(70.0), None, None, None, None]),
        "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated \
         as [NonBreaching]."
    );
    assert_eq!(
        reason(above(50.0, 3, 1, Missing), &[Some(60.0), None, None, None, None, None]),
        "Insufficient Data: 3 datapoints were unknown."
    );
}

#[test]
fn settings_out_of_range_are_named() {
    let settings = AlarmSettings {
        name: "a".to_owned(),
        query: MetricQuery::per_minute(MetricId(0), Statistic::Average),
        comparison_operator: ComparisonOperator::GreaterThan,
        threshold: f64::NAN,
        evaluation_periods: 2000,
        datapoints_to_alarm: 2001,
        treat_missing_data: Missing,
    };
    assert_eq!(settings.problems().len(), 3);
    let good =
        AlarmSettings { threshold: 1.0, evaluation_periods: 3, datapoints_to_alarm: 2, ..settings };
    assert_eq!(good.problems(), Vec::<String>::new());
}

fn condition(period: u64, n: u32) -> AlarmCondition {
    AlarmCondition { period: SimDuration::from_secs(period), ..above(3.0, n, n, Missing) }
}

#[test]
fn evaluation_is_every_ten_seconds_every_minute_or_every_hour() {
    for (period, n, cadence) in [
        (10, 3, 10),
        (20, 3, 10),
        (30, 1, 10),
        (60, 1, 60),
        (300, 3, 60),
        (60, 1440, 60),
        (3600, 24, 60),
        (3600, 25, 3600),
        (86_400, 7, 3600),
    ] {
        let found = condition(period, n).cadence();
        assert_eq!(found, SimDuration::from_secs(cadence), "{n} of {period} s");
    }
}

#[test]
fn an_hourly_alarm_judges_full_hours_once_an_hour() {
    let mut series = MetricSeries::new(MINUTE, SimDuration::ZERO, 1);
    let condition = condition(3600, 25);
    series.retain(condition.memory());
    let mut alarm = Alarm::new("a".to_owned(), condition);
    let mut alarmed = None;
    for minute in 1..=60 * 40_u64 {
        // Breaching from 12:30 of the first day on.
        let value = if minute > 750 { 9.0 } else { 1.0 };
        series.push(SimTime::from_secs(60 * (minute - 1)), Some(value));
        let now = SimTime::from_secs(60 * minute);
        if alarm.is_due(now) {
            alarm.evaluate(now, Some(&series));
            if alarm.state() == InAlarm {
                alarmed = alarmed.or(Some(minute));
            }
        }
    }
    // The hour from 12 to 13 averages 5, so 25 hours breach at 13:00 of the next day.
    assert_eq!(alarmed, Some(60 * 37));
}

#[test]
fn gap_02_the_phase_is_zero_or_a_hash_of_the_name() {
    let aligned = Alarm::new("a".to_owned(), condition(60, 3));
    assert_eq!(aligned.next_due(SimTime::ZERO), SimTime::from_secs(60));
    assert_eq!(aligned.next_due(SimTime::from_secs(60)), SimTime::from_secs(120));
    assert!(aligned.keeps_minutes());
    let rules = AlarmRules { phase: AlarmPhase::Hashed, ..AlarmRules::default() };
    let phases: std::collections::BTreeSet<u64> = (0..100)
        .map(|number| {
            let hashed = AlarmCondition { rules, ..condition(60, 3) };
            let alarm = Alarm::new(format!("alarm-{number}"), hashed);
            let due = alarm.next_due(SimTime::from_secs(600));
            assert!(alarm.is_due(due) && !alarm.is_due(due + SimDuration::from_secs(1)));
            assert_eq!(alarm.next_due(due), due + MINUTE);
            due.as_nanos() / 1_000_000_000 - 600
        })
        .collect();
    assert!(phases.len() > 40 && phases.iter().all(|phase| (1..=60).contains(phase)), "{phases:?}");
}

#[test]
fn gap_03_late_points_are_missing_only_if_asked() {
    let mut series = MetricSeries::new(MINUTE, SimDuration::from_secs(120), 9);
    for minute in 0..10 {
        series.push(SimTime::from_secs(60 * minute), Some(1.0));
    }
    let late = AlarmRules {
        late_is_missing: true,
        range_beyond: 0,
        range_minimum: 1,
        ..AlarmRules::default()
    };
    let mut alarm =
        Alarm::new("a".to_owned(), AlarmCondition { rules: late, ..above(3.0, 3, 1, Breaching) });
    alarm.evaluate(SimTime::from_secs(600), Some(&series));
    assert_eq!(alarm.state(), InAlarm, "two of three slots are late, and missing breaches");
}

#[test]
fn gap_04_the_range_is_a_setting() {
    let rules = AlarmRules { range_minimum: 3, range_beyond: 1, ..AlarmRules::default() };
    let range = |n| AlarmCondition { rules, ..condition(60, n) }.evaluation_range();
    assert_eq!([1, 2, 3, 15].map(range), [3, 3, 4, 16]);
}

#[test]
fn gap_05_the_state_after_a_lone_breach_is_a_setting() {
    let lone = [Some(9.0), None, None, None, None];
    for (lone_breach, expected) in [
        (LoneBreach::Keep, InAlarm),
        (LoneBreach::Ok, InOk),
        (LoneBreach::InsufficientData, InsufficientData),
    ] {
        let rules = AlarmRules { lone_breach, ..AlarmRules::default() };
        let alarm = AlarmCondition { rules, ..above(5.0, 3, 3, Missing) };
        assert_eq!(alarm.evaluate(lone, InAlarm), expected);
    }
}

#[test]
fn every_operator_compares_the_metric_with_the_threshold() {
    use ComparisonOperator::{GreaterThan, GreaterThanOrEqual, LessThan, LessThanOrEqual};
    for (operator, holds) in [
        (GreaterThan, [false, false, true]),
        (GreaterThanOrEqual, [false, true, true]),
        (LessThan, [true, false, false]),
        (LessThanOrEqual, [true, true, false]),
    ] {
        assert_eq!([1.0, 2.0, 3.0].map(|value| operator.holds(value, 2.0)), holds, "{operator:?}");
    }
}

#[test]
fn periods_and_their_number_have_the_limits_of_cloudwatch() {
    let problems = |period: u64, n: u32| {
        let query = MetricQuery::per_minute(MetricId(0), Statistic::Average)
            .with_period(SimDuration::from_secs(period));
        let settings = AlarmSettings {
            name: "a".to_owned(),
            query,
            comparison_operator: ComparisonOperator::GreaterThan,
            threshold: 1.0,
            evaluation_periods: n,
            datapoints_to_alarm: 1,
            treat_missing_data: Missing,
        };
        settings.problems().len()
    };
    for (period, n) in
        [(10, 8640), (20, 3), (30, 1), (60, 1440), (300, 288), (3600, 168), (86_400, 7)]
    {
        assert_eq!(problems(period, n), 0, "{n} of {period} s");
    }
    for (period, n) in [(10, 8641), (60, 1441), (3600, 169), (86_400, 8), (15, 1), (90, 1), (60, 0)]
    {
        assert_eq!(problems(period, n), 1, "{n} of {period} s");
    }
}

/// A random alarm on a random series: one that is evaluated whenever it is due, one that is only when
/// [`Alarm::next_needed`] says so, and the state without any memory are the same.
/// `usual` are the values of most points and of a few.
fn compare(condition: AlarmCondition, own_period: u64, points: &[(u8, u64)], usual: (f64, f64)) {
    let seconds = SimDuration::from_secs;
    let mut series = MetricSeries::new(seconds(own_period), seconds(30), 1);
    series.retain(condition.memory());
    let mut always = Alarm::new("alarm".to_owned(), condition);
    let mut seldom = always.clone();
    let mut state = InsufficientData;
    let mut next = seldom.next_due(SimTime::ZERO);
    let mut slots = points.iter();
    for second in 1..own_period * points.len() as u64 + 300 {
        let now = SimTime::from_secs(second);
        if second % own_period == 0
            && let Some((kind, late)) = slots.next()
        {
            let value = match kind {
                0 => None,
                1 => Some(usual.1),
                _ => Some(usual.0),
            };
            series.push(SimTime::from_secs(second - own_period), value);
            if *late < 4 {
                series.delay_newest(seconds(late * 25));
            }
        }
        if always.is_due(now) {
            let values = series.points(now, condition.span()).map(|it| it.map(|it| it.value));
            state = condition.evaluate(values, state);
            always.evaluate(now, Some(&series));
            if now == next {
                seldom.evaluate(now, Some(&series));
            }
        }
        // Others who are due may ask at any time.
        if now == next || second % 7 == 0 {
            next = seldom.next_needed(now, &series);
            assert!(now < next && seldom.is_due(next));
        }
        assert_eq!((always.state(), seldom.state()), (state, state), "at {now:?}");
        assert_eq!(always.acted_at(now), seldom.acted_at(now), "at {now:?}");
    }
}

proptest! {
    #[test]
    fn what_an_alarm_remembers_changes_nothing(
        points in prop::collection::vec((0..12_u8, 0..400_u64), 1..60),
        all_on_time in any::<bool>(),
        (n, m) in (1..6_u32, 1..6_u32),
        own_period in prop::sample::select(vec![10_u64, 20, 60]),
        period in prop::sample::select(vec![20_u64, 60, 120]),
        treat in prop::sample::select(vec![Missing, Ignore, Breaching, NotBreaching]),
        late_is_missing in any::<bool>(),
        hashed in any::<bool>(),
        breaching in any::<bool>(),
    ) {
        let period = SimDuration::from_secs(period);
        let mut condition = AlarmCondition { period, ..above(5.0, n, m.min(n), treat) };
        condition.rules.late_is_missing = late_is_missing;
        if hashed {
            condition.rules.phase = AlarmPhase::Hashed;
        }
        let mut points = points;
        if all_on_time {
            for point in &mut points {
                point.1 = 400;
            }
        }
        compare(condition, own_period, &points, if breaching { (9.0, 1.0) } else { (1.0, 9.0) });
    }
}

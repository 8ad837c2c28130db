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

#[test]
fn a_change_states_points_and_threshold() {
    let mut series = MetricSeries::new(MINUTE, SimDuration::ZERO, 5);
    let mut alarm = Alarm::new("high".to_owned(), above(50.0, 2, 2, Missing));
    series.push(SimTime::ZERO, Some(75.5));
    series.push(SimTime::from_secs(60), Some(100.0));
    let now = SimTime::from_secs(120);
    let from = alarm.evaluate(now, Some(&series)).changed_from.expect("changed");
    let change = alarm.change(from, now, Some(&series));
    assert_eq!((change.from, change.to), (InsufficientData, InAlarm));
    assert_eq!(
        change.reason,
        "Threshold Crossed: 2 out of the last 2 datapoints [100 (60 s), 75.5 (0 s)] were greater \
         than the threshold (50)."
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

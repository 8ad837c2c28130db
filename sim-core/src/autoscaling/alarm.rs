//! CloudWatch alarms: state from data points, and when an alarm's action runs.
//!
//! Source: the CloudWatch guide on alarm evaluation and missing data. AWS publishes the evaluation
//! range only for three evaluation periods (five points); `max(5, N + 2)` is our extension. A lone
//! fresh breach under `missing` keeps the current state, where AWS only says that it does not alarm.

use std::fmt::Write as _;

use super::metric::ServiceMetric;
use crate::metrics::{DataPoint, MetricSeries};
use crate::units::{SimDuration, SimTime};

/// Auto Scaling actions are repeated this often while the alarm stays in its state.
const ACTION_INTERVAL: SimDuration = SimDuration::from_secs(60);

/// `EvaluationPeriods` of an alarm of period 60 s may cover at most one day.
const EVALUATION_PERIODS_MAX: u32 = 1440;

/// Comparison operator of an alarm, metric on the left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ComparisonOperator {
    /// `GreaterThanOrEqualToThreshold`.
    GreaterThanOrEqual,
    /// `GreaterThanThreshold`.
    GreaterThan,
    /// `LessThanThreshold`.
    LessThan,
    /// `LessThanOrEqualToThreshold`.
    LessThanOrEqual,
}

impl ComparisonOperator {
    /// Whether `value` is on the alarm's side of `threshold`.
    pub fn holds(self, value: f64, threshold: f64) -> bool {
        match self {
            Self::GreaterThanOrEqual => value >= threshold,
            Self::GreaterThan => value > threshold,
            Self::LessThan => value < threshold,
            Self::LessThanOrEqual => value <= threshold,
        }
    }

    /// CloudWatch's words for it in a state reason.
    const fn words(self) -> &'static str {
        match self {
            Self::GreaterThanOrEqual => "greater than or equal to",
            Self::GreaterThan => "greater than",
            Self::LessThan => "less than",
            Self::LessThanOrEqual => "less than or equal to",
        }
    }
}

/// `TreatMissingData`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TreatMissingData {
    /// `missing`.
    #[default]
    Missing,
    /// `ignore`.
    Ignore,
    /// `breaching`.
    Breaching,
    /// `notBreaching`.
    NotBreaching,
}

/// An alarm on a metric of a service, period 60 s.
#[derive(Clone, Debug, PartialEq)]
pub struct AlarmSettings {
    /// `AlarmName`.
    pub name: String,
    /// Watched metric.
    pub metric: ServiceMetric,
    /// Operator.
    pub comparison_operator: ComparisonOperator,
    /// Threshold.
    pub threshold: f64,
    /// `EvaluationPeriods`.
    pub evaluation_periods: u32,
    /// `DatapointsToAlarm`, at most `evaluation_periods`.
    pub datapoints_to_alarm: u32,
    /// Missing data.
    pub treat_missing_data: TreatMissingData,
}

impl AlarmSettings {
    /// When the alarm is in ALARM.
    pub fn condition(&self) -> AlarmCondition {
        AlarmCondition {
            comparison_operator: self.comparison_operator,
            threshold: self.threshold,
            evaluation_periods: self.evaluation_periods,
            datapoints_to_alarm: self.datapoints_to_alarm,
            treat_missing_data: self.treat_missing_data,
        }
    }

    /// What CloudWatch would refuse, in plain words; empty if nothing.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if !self.threshold.is_finite() {
            problems.push("the threshold must be a finite number".to_owned());
        }
        if !(1..=EVALUATION_PERIODS_MAX).contains(&self.evaluation_periods) {
            problems.push(format!(
                "evaluation periods must be between 1 and {EVALUATION_PERIODS_MAX} (one day), not {}",
                self.evaluation_periods
            ));
        }
        if !(1..=self.evaluation_periods.max(1)).contains(&self.datapoints_to_alarm) {
            problems.push(format!(
                "datapoints to alarm must be between 1 and the {} evaluation periods, not {}",
                self.evaluation_periods, self.datapoints_to_alarm
            ));
        }
        problems
    }
}

/// State of an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlarmState {
    /// `OK`.
    Ok,
    /// `ALARM`.
    Alarm,
    /// `INSUFFICIENT_DATA`, the state of a new alarm.
    InsufficientData,
}

impl AlarmState {
    /// CloudWatch's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Alarm => "ALARM",
            Self::InsufficientData => "INSUFFICIENT_DATA",
        }
    }
}

/// The part of an alarm's settings that decides its state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AlarmCondition {
    /// Operator.
    pub comparison_operator: ComparisonOperator,
    /// Threshold.
    pub threshold: f64,
    /// `EvaluationPeriods`, N.
    pub evaluation_periods: u32,
    /// `DatapointsToAlarm`, M.
    pub datapoints_to_alarm: u32,
    /// Missing data.
    pub treat_missing_data: TreatMissingData,
}

impl AlarmCondition {
    /// Number of slots CloudWatch looks at, R: more than N, so that gaps can be bridged.
    pub fn evaluation_range(&self) -> usize {
        (self.evaluation_periods as usize).saturating_add(2).max(5)
    }

    /// Whether a value breaches.
    pub fn breaches(&self, value: f64) -> bool {
        self.comparison_operator.holds(value, self.threshold)
    }

    /// The state after judging `points`: the slots of the evaluation range, newest first, gaps as
    /// `None`. `current` is kept where CloudWatch keeps it.
    pub fn evaluate(
        &self,
        points: impl IntoIterator<Item = Option<f64>>,
        current: AlarmState,
    ) -> AlarmState {
        let wanted = self.evaluation_periods.max(1);
        let to_alarm = self.datapoints_to_alarm.clamp(1, wanted);
        let (mut real, mut breaching, mut newest_breaching, mut age_of_oldest) = (0, 0, 0, 0);
        for (age, point) in (1_u32..).zip(points) {
            let Some(value) = point else { continue };
            real += 1;
            age_of_oldest = age;
            if self.breaches(value) {
                breaching += 1;
                newest_breaching += u32::from(real <= wanted);
            }
        }
        let alarm_if = |alarm| if alarm { AlarmState::Alarm } else { AlarmState::Ok };
        if real >= wanted {
            return alarm_if(newest_breaching >= to_alarm);
        }
        match self.treat_missing_data {
            TreatMissingData::Breaching => alarm_if(breaching + (wanted - real) >= to_alarm),
            TreatMissingData::NotBreaching => alarm_if(breaching >= to_alarm),
            TreatMissingData::Missing if real == 0 => AlarmState::InsufficientData,
            TreatMissingData::Ignore if real == 0 => current,
            _ if breaching >= to_alarm => AlarmState::Alarm,
            _ if breaching < real => AlarmState::Ok,
            // All real points breach, but they are too few: only old ones raise the alarm.
            TreatMissingData::Missing if age_of_oldest >= to_alarm => AlarmState::Alarm,
            TreatMissingData::Missing | TreatMissingData::Ignore => current,
        }
    }
}

/// A change of an alarm's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmChange {
    /// `AlarmName`.
    pub name: String,
    /// State before.
    pub from: AlarmState,
    /// State after.
    pub to: AlarmState,
    /// The reason, in CloudWatch's form.
    pub reason: String,
}

/// Outcome of one evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlarmOutcome {
    /// State before, if it changed.
    pub changed_from: Option<AlarmState>,
    /// Whether the alarm's action runs: on entry to ALARM and once per minute in it.
    pub acts: bool,
}

/// An alarm at work.
#[derive(Clone, Debug)]
pub struct Alarm {
    name: String,
    condition: AlarmCondition,
    state: AlarmState,
    last_action: Option<SimTime>,
}

impl Alarm {
    /// A new alarm, in INSUFFICIENT_DATA.
    pub fn new(name: String, condition: AlarmCondition) -> Self {
        Self { name, condition, state: AlarmState::InsufficientData, last_action: None }
    }

    /// `AlarmName`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When it is in ALARM.
    pub fn condition(&self) -> &AlarmCondition {
        &self.condition
    }

    /// Current state.
    pub fn state(&self) -> AlarmState {
        self.state
    }

    /// Whether the evaluation at `now` ran the action.
    pub fn acted_at(&self, now: SimTime) -> bool {
        self.last_action == Some(now)
    }

    /// Judges what is visible at `now`; a metric that does not exist has no points.
    pub fn evaluate(&mut self, now: SimTime, series: Option<&MetricSeries>) -> AlarmOutcome {
        let range = self.condition.evaluation_range();
        let before = self.state;
        self.state = match series {
            Some(series) => {
                let values = series.window(now, range).map(|point| point.map(|point| point.value));
                self.condition.evaluate(values, before)
            }
            None => self.condition.evaluate(std::iter::repeat_n(None, range), before),
        };
        let entered = self.state == AlarmState::Alarm && before != AlarmState::Alarm;
        let due = self.last_action.is_none_or(|last| last + ACTION_INTERVAL <= now);
        let acts = self.state == AlarmState::Alarm && (entered || due);
        if acts {
            self.last_action = Some(now);
        }
        AlarmOutcome { changed_from: (self.state != before).then_some(before), acts }
    }

    /// The real points that decide the state, newest first: at most `EvaluationPeriods` of them.
    pub fn judged<'a>(
        &self,
        now: SimTime,
        series: &'a MetricSeries,
    ) -> impl Iterator<Item = DataPoint> + use<'a> {
        let range = self.condition.evaluation_range();
        series.window(now, range).flatten().take(self.condition.evaluation_periods.max(1) as usize)
    }

    /// The change from `from` to the current state, with its reason.
    pub fn change(
        &self,
        from: AlarmState,
        now: SimTime,
        series: Option<&MetricSeries>,
    ) -> AlarmChange {
        let reason = self.reason(now, series);
        AlarmChange { name: self.name.clone(), from, to: self.state, reason }
    }

    /// Instants in a reason are seconds since the start of the run.
    fn reason(&self, now: SimTime, series: Option<&MetricSeries>) -> String {
        let condition = &self.condition;
        let judged = || series.into_iter().flat_map(|series| self.judged(now, series)).enumerate();
        let n_judged = judged().count();
        if self.state == AlarmState::InsufficientData || n_judged == 0 {
            let n_missing = condition.evaluation_periods;
            let plural = if n_missing == 1 { " was" } else { "s were" };
            return format!("Insufficient Data: {n_missing} datapoint{plural} unknown.");
        }
        let n_breaching = judged().filter(|(_, point)| condition.breaches(point.value)).count();
        let alarm = self.state == AlarmState::Alarm;
        let n_crossed = if alarm { n_breaching } else { n_judged - n_breaching };
        let mut reason =
            format!("Threshold Crossed: {n_crossed} out of the last {n_judged} datapoints [");
        for (index, point) in judged() {
            let separator = if index == 0 { "" } else { ", " };
            let start = point.start.as_secs_f64();
            // Writing to a String cannot fail.
            let _ = write!(reason, "{separator}{} ({start} s)", point.value);
        }
        let verb = if n_crossed == 1 { "was" } else { "were" };
        let not = if alarm { "" } else { " not" };
        let words = condition.comparison_operator.words();
        let _ = write!(reason, "] {verb}{not} {words} the threshold ({}).", condition.threshold);
        reason
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use AlarmState::{Alarm as InAlarm, InsufficientData, Ok as InOk};
    use TreatMissingData::{Breaching, Ignore, Missing, NotBreaching};

    fn above(threshold: f64, n: u32, m: u32, treat: TreatMissingData) -> AlarmCondition {
        AlarmCondition {
            comparison_operator: ComparisonOperator::GreaterThan,
            threshold,
            evaluation_periods: n,
            datapoints_to_alarm: m,
            treat_missing_data: treat,
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
        let outcome = alarm.evaluate(SimTime::from_secs(60), None);
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
            metric: ServiceMetric::CpuUtilization,
            comparison_operator: ComparisonOperator::GreaterThan,
            threshold: f64::NAN,
            evaluation_periods: 2000,
            datapoints_to_alarm: 2001,
            treat_missing_data: Missing,
        };
        assert_eq!(settings.problems().len(), 3);
        let good = AlarmSettings {
            threshold: 1.0,
            evaluation_periods: 3,
            datapoints_to_alarm: 2,
            ..settings
        };
        assert_eq!(good.problems(), Vec::<String>::new());
    }
}

//! CloudWatch alarms: state from data points, and when an alarm's action runs.
//!
//! Source: the CloudWatch guide on alarm evaluation and missing data. What it leaves open is in
//! [`AlarmRules`].

use std::fmt::Write as _;

use crate::engine::label_hash;
use crate::metrics::{DataPoint, MetricQuery, Points};
use crate::units::{NANOS_PER_SECOND, SimDuration, SimTime};

mod condition;
mod rules;

pub use condition::AlarmCondition;
pub use rules::{AlarmPhase, AlarmRules, LoneBreach};

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

/// An alarm of the user's.
#[derive(Clone, Debug, PartialEq)]
pub struct AlarmSettings {
    /// `AlarmName`.
    pub name: String,
    /// What it watches; its period is the alarm's.
    pub query: MetricQuery,
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
    pub fn condition(&self, rules: AlarmRules) -> AlarmCondition {
        AlarmCondition {
            comparison_operator: self.comparison_operator,
            threshold: self.threshold,
            period: self.query.period,
            evaluation_periods: self.evaluation_periods,
            datapoints_to_alarm: self.datapoints_to_alarm,
            treat_missing_data: self.treat_missing_data,
            rules,
        }
    }

    /// What CloudWatch would refuse, in plain words; empty if nothing.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if !self.threshold.is_finite() {
            problems.push("the threshold must be a finite number".to_owned());
        }
        let seconds = self.query.period.as_nanos() / NANOS_PER_SECOND;
        let whole = self.query.period.as_nanos().is_multiple_of(NANOS_PER_SECOND);
        let valid = matches!(seconds, 10 | 20 | 30) || (0 < seconds && seconds.is_multiple_of(60));
        if !(whole && valid) {
            problems.push("the period must be 10, 20, 30 or a multiple of 60 seconds".to_owned());
        }
        let (most, words) =
            if seconds < 3600 { (86_400, "one day") } else { (604_800, "seven days") };
        let looks_back = seconds.saturating_mul(self.evaluation_periods.into());
        if self.evaluation_periods == 0 {
            problems.push("evaluation periods must be at least 1".to_owned());
        } else if most < looks_back {
            problems.push(format!(
                "{} evaluation periods of {seconds} s are longer than {words}",
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
    phase: SimDuration,
    state: AlarmState,
    /// Published periods at the last judgement: without a new one, nothing changes.
    judged: Option<u64>,
    last_action: Option<SimTime>,
}

impl Alarm {
    /// A new alarm, in INSUFFICIENT_DATA.
    pub fn new(name: String, condition: AlarmCondition) -> Self {
        let seconds = condition.cadence().as_nanos() / NANOS_PER_SECOND;
        let phase = match condition.rules.phase {
            AlarmPhase::Aligned => SimDuration::ZERO,
            AlarmPhase::Hashed => SimDuration::from_secs(label_hash(&name) % seconds),
        };
        let state = AlarmState::InsufficientData;
        Self { name, condition, phase, state, judged: None, last_action: None }
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

    /// Whether the alarm is evaluated at `now`.
    pub fn is_due(&self, now: SimTime) -> bool {
        let since = now.since(SimTime::ZERO + self.phase);
        since.is_some_and(|since| {
            since.as_nanos().is_multiple_of(self.condition.cadence().as_nanos())
        })
    }

    /// Whether it is evaluated at full minutes only.
    pub fn keeps_minutes(&self) -> bool {
        let cadence = self.condition.cadence().as_nanos();
        self.phase.is_zero() && cadence.is_multiple_of(60 * NANOS_PER_SECOND)
    }

    /// Its first evaluation after `now`.
    pub fn next_due(&self, now: SimTime) -> SimTime {
        let cadence = self.condition.cadence();
        let first = SimTime::ZERO + self.phase;
        match now.since(first) {
            Some(since) => {
                let done = since.as_nanos() - since.as_nanos() % cadence.as_nanos();
                first + SimDuration::from_nanos(done) + cadence
            }
            // An alarm is not evaluated before there can be anything to see.
            None if first == SimTime::ZERO => first + cadence,
            None => first,
        }
    }

    /// Judges what is visible at `now`; a metric that does not exist has no points.
    pub fn evaluate(&mut self, now: SimTime, points: Option<&impl Points>) -> AlarmOutcome {
        let before = self.state;
        let published = points.map(|points| points.published(now));
        // Late points that count as gaps, and windows of full hours, change with the clock as well.
        let steady = !self.condition.rules.late_is_missing && published.is_some();
        if !(steady && published == self.judged) {
            let span = self.condition.span();
            self.state = match points {
                Some(points) if points.has_too_few_samples(now, span) => before,
                Some(points) => {
                    let values = points.points(now, span).map(|point| point.map(|it| it.value));
                    self.condition.evaluate(values, before)
                }
                None => self.condition.evaluate(std::iter::repeat_n(None, span.range), before),
            };
            self.judged = published;
        }
        let entered = self.state == AlarmState::Alarm && before != AlarmState::Alarm;
        let interval = self.condition.rules.action_interval;
        let due = self.last_action.is_none_or(|last| last + interval <= now);
        let acts = self.state == AlarmState::Alarm && (entered || due);
        if acts {
            self.last_action = Some(now);
        }
        AlarmOutcome { changed_from: (self.state != before).then_some(before), acts }
    }

    /// The real points that decide the state, newest first: at most `EvaluationPeriods` of them.
    pub fn judged(&self, now: SimTime, points: &impl Points) -> impl Iterator<Item = DataPoint> {
        let real = points.points(now, self.condition.span()).flatten();
        real.take(self.condition.evaluation_periods.max(1) as usize)
    }

    /// The change from `from` to the current state, with its reason.
    pub fn change(
        &self,
        from: AlarmState,
        now: SimTime,
        points: Option<&impl Points>,
    ) -> AlarmChange {
        let reason = self.reason(now, points);
        AlarmChange { name: self.name.clone(), from, to: self.state, reason }
    }

    /// Instants in a reason are seconds since the start of the run.
    fn reason(&self, now: SimTime, points: Option<&impl Points>) -> String {
        let condition = &self.condition;
        let judged: Vec<DataPoint> =
            points.into_iter().flat_map(|points| self.judged(now, points)).collect();
        let n_judged = judged.len();
        if self.state == AlarmState::InsufficientData || n_judged == 0 {
            let n_missing = condition.evaluation_periods;
            let plural = if n_missing == 1 { " was" } else { "s were" };
            return format!("Insufficient Data: {n_missing} datapoint{plural} unknown.");
        }
        let n_breaching = judged.iter().filter(|point| condition.breaches(point.value)).count();
        let alarm = self.state == AlarmState::Alarm;
        let n_crossed = if alarm { n_breaching } else { n_judged - n_breaching };
        let mut reason =
            format!("Threshold Crossed: {n_crossed} out of the last {n_judged} datapoints [");
        for (index, point) in judged.iter().enumerate() {
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
mod tests;

//! CloudWatch alarms: state from data points, and when an alarm's action runs.
//!
//! Source: the CloudWatch guide on alarm evaluation and missing data. What it leaves open is in
//! [`AlarmRules`].

use std::fmt::Write as _;

use crate::engine::label_hash;
use crate::metrics::{DataPoint, MetricQuery, Points, Span};
use crate::units::{NANOS_PER_SECOND, SimDuration, SimTime};

mod condition;
mod rules;

pub use condition::AlarmCondition;
pub use rules::{AlarmPhase, AlarmRules, LoneBreach};

/// Data points that a state reason lists at most.
const MOST_LISTED: usize = 5;

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
    /// The condition's.
    span: Span,
    follows_runs: bool,
    cadence: SimDuration,
    phase: SimDuration,
    state: AlarmState,
    /// The state stays while [`Points::changes`] is below this.
    settled_below: u64,
    /// See [`AlarmCondition::follow_run`].
    unbroken: Option<SimTime>,
    last_action: Option<SimTime>,
}

impl Alarm {
    /// A new alarm, in INSUFFICIENT_DATA.
    pub fn new(name: String, condition: AlarmCondition) -> Self {
        let (span, cadence) = (condition.span(), condition.cadence());
        let seconds = cadence.as_nanos() / NANOS_PER_SECOND;
        let phase = match condition.rules.phase {
            AlarmPhase::Aligned => SimDuration::ZERO,
            AlarmPhase::Hashed => SimDuration::from_secs(label_hash(&name) % seconds),
        };
        let state = AlarmState::InsufficientData;
        Self {
            name,
            follows_runs: condition.follows_runs(),
            condition,
            span,
            cadence,
            phase,
            state,
            settled_below: 0,
            unbroken: None,
            last_action: None,
        }
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
        since.is_some_and(|since| since.as_nanos().is_multiple_of(self.cadence.as_nanos()))
    }

    /// Whether it is evaluated at full minutes only.
    pub fn keeps_minutes(&self) -> bool {
        let cadence = self.cadence.as_nanos();
        self.phase.is_zero() && cadence.is_multiple_of(60 * NANOS_PER_SECOND)
    }

    /// Its first evaluation after `now`.
    pub fn next_due(&self, now: SimTime) -> SimTime {
        // Never at time zero, when there is nothing to see.
        self.due_from(now + SimDuration::from_nanos(1))
    }

    /// Its first evaluation at or after `from`.
    fn due_from(&self, from: SimTime) -> SimTime {
        let first = SimTime::ZERO + self.phase;
        let Some(since) = from.since(first) else { return first };
        let rounds = since.as_nanos().div_ceil(self.cadence.as_nanos());
        first + SimDuration::from_nanos(rounds.saturating_mul(self.cadence.as_nanos()))
    }

    /// Its first evaluation after `now` that may lead to anything, if what it reads stays as it is known to
    /// be: those in between find the same points and have nothing to act on.
    pub fn next_needed(&self, now: SimTime, points: &impl Points) -> SimTime {
        let (changes, next) = points.outlook(now, self.span, self.settled_below);
        let settled = changes < self.settled_below;
        let Some(change) = next.filter(|_| settled) else { return self.next_due(now) };
        let acts = self.last_action.filter(|_| self.state == AlarmState::Alarm);
        let acts = acts.map(|last| last + self.condition.rules.action_interval);
        let from = acts.map_or(change, |acts| acts.min(change));
        if now < from { self.due_from(from) } else { self.next_due(now) }
    }

    /// Judges what is visible at `now`; a metric that does not exist has no points.
    pub fn evaluate(&mut self, now: SimTime, points: Option<&impl Points>) -> AlarmOutcome {
        let before = self.state;
        let span = self.span;
        match points {
            None => {
                let nothing = std::iter::repeat_n(None, span.range);
                self.state = self.condition.evaluate(nothing, before);
            }
            Some(points) => {
                let changes = points.changes(now, span);
                // Where late points count as gaps, the clock moves the window.
                if span.late_is_missing || self.settled_below <= changes {
                    let (state, rest) = if points.has_too_few_samples(now, span) {
                        (before, 1)
                    } else {
                        self.judge(now, span, points)
                    };
                    self.state = state;
                    self.settled_below = changes + u64::from(rest);
                }
            }
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

    /// The state, and how many changes of the points it outlasts at least, that to the next one counted.
    fn judge(&mut self, now: SimTime, span: Span, points: &impl Points) -> (AlarmState, u32) {
        let Self { condition, unbroken, .. } = self;
        let run = self.follows_runs && points.are_final(span);
        let known = run.then(|| condition.follow_run(points.points(now, span), unbroken)).flatten();
        known.unwrap_or_else(|| {
            let values = points.points(now, span).map(|point| point.map(|it| it.value));
            (condition.evaluate(values, self.state), 1)
        })
    }

    /// The real points that decide the state, newest first: at most `EvaluationPeriods` of them.
    pub fn judged(&self, now: SimTime, points: &impl Points) -> impl Iterator<Item = DataPoint> {
        let real = points.points(now, self.span).flatten();
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

    /// What CloudWatch writes: the points on the side of the new state, newest first, and of five or more
    /// the five newest. Instants are seconds since the start of the run.
    fn reason(&self, now: SimTime, points: Option<&impl Points>) -> String {
        let condition = &self.condition;
        let wanted = condition.evaluation_periods;
        let mut judged: Vec<DataPoint> = Vec::with_capacity(wanted.min(64) as usize);
        judged.extend(points.into_iter().flat_map(|points| self.judged(now, points)));
        let n_judged = judged.len();
        let count = |count: u32, what: &str| {
            format!("{count} {what}{}", if count == 1 { " was" } else { "s were" })
        };
        let treated_as = match condition.treat_missing_data {
            TreatMissingData::Breaching => Some("Breaching"),
            TreatMissingData::NotBreaching => Some("NonBreaching"),
            TreatMissingData::Missing | TreatMissingData::Ignore => None,
        };
        let unknown = n_judged == 0 && treated_as.is_none();
        if self.state == AlarmState::InsufficientData || unknown {
            return format!("Insufficient Data: {} unknown.", count(wanted, "datapoint"));
        }
        let alarm = self.state == AlarmState::Alarm;
        let crossed: Vec<&DataPoint> =
            judged.iter().filter(|point| condition.breaches(point.value) == alarm).collect();
        let n_crossed = crossed.len() as u32;
        let plural = |count: u32| if count == 1 { "" } else { "s" };
        let n_missing = wanted.saturating_sub(n_judged as u32);
        let treatment = treated_as.filter(|_| 0 < n_missing).map(|treated_as| {
            format!(" and {} treated as [{treated_as}]", count(n_missing, "missing datapoint"))
        });
        let treatment = treatment.unwrap_or_default();
        if crossed.is_empty() {
            let periods = plural(n_missing);
            return format!(
                "Threshold Crossed: no datapoints were received for {n_missing} period{periods}{treatment}."
            );
        }
        // Where fewer points than all raise the alarm, it says of how many, and how many are needed.
        let (from, needed) = if condition.datapoints_to_alarm < wanted {
            let (least, change) = if alarm {
                (condition.datapoints_to_alarm, "OK -> ALARM")
            } else {
                (wanted - condition.datapoints_to_alarm + 1, "ALARM -> OK")
            };
            let plural = plural(least);
            let needed = format!(" (minimum {least} datapoint{plural} for {change} transition)");
            (format!(" out of the last {n_judged} datapoints"), needed)
        } else {
            (format!(" datapoint{}", plural(n_crossed)), String::new())
        };
        let verb = if n_crossed == 1 { "was" } else { "were" };
        let not = if alarm { "" } else { " not" };
        let words = condition.comparison_operator.words();
        let threshold = condition.threshold;
        let comparison = format!("{verb}{not} {words} the threshold ({threshold:?}){treatment}");
        // Room for all of it, since growing costs more than writing, which cannot fail.
        let mut reason = String::with_capacity(256 + 40 * crossed.len().min(MOST_LISTED));
        let few = crossed.len() < MOST_LISTED;
        let _ = write!(reason, "Threshold Crossed: {n_crossed}{from} ");
        if !few {
            let most_recent = ". The most recent datapoints which crossed the threshold: ";
            reason.extend([comparison.as_str(), most_recent]);
        }
        list(&crossed, &mut reason);
        if few {
            reason.extend([" ", &comparison]);
        }
        reason.extend([needed.as_str(), "."]);
        reason
    }
}

/// The newest of some points with the instants at which their periods begin.
fn list(points: &[&DataPoint], text: &mut String) {
    let mut separator = "[";
    for point in points.iter().take(MOST_LISTED) {
        let nanos = point.start.as_nanos();
        // Writing to a String cannot fail; whole numbers are cheaper.
        let _ = if nanos.is_multiple_of(NANOS_PER_SECOND) {
            write!(text, "{separator}{:?} ({} s)", point.value, nanos / NANOS_PER_SECOND)
        } else {
            write!(text, "{separator}{:?} ({} s)", point.value, point.start.as_secs_f64())
        };
        separator = ", ";
    }
    text.push(']');
}

#[cfg(test)]
mod tests;

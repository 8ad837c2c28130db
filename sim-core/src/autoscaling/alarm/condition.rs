//! The state that a window of data points leads to.

use super::rules::{AlarmRules, LoneBreach};
use super::{AlarmState, ComparisonOperator, TreatMissingData};
use crate::metrics::{DataPoint, Span};
use crate::units::{SimDuration, SimTime};

/// Alarms that look back further than this are evaluated once an hour.
const DAY: u128 = 86_400_000_000_000;
const HOUR: SimDuration = SimDuration::from_secs(3600);
const MINUTE: SimDuration = SimDuration::from_secs(60);
const TEN_SECONDS: SimDuration = SimDuration::from_secs(10);

/// The part of an alarm's settings that decides its state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AlarmCondition {
    /// Operator.
    pub comparison_operator: ComparisonOperator,
    /// Threshold.
    pub threshold: f64,
    /// `Period`, P.
    pub period: SimDuration,
    /// `EvaluationPeriods`, N.
    pub evaluation_periods: u32,
    /// `DatapointsToAlarm`, M.
    pub datapoints_to_alarm: u32,
    /// Missing data.
    pub treat_missing_data: TreatMissingData,
    /// What AWS leaves open.
    pub rules: AlarmRules,
}

impl AlarmCondition {
    /// An alarm all of whose `periods` points must breach; missing points lead to no action.
    pub const fn all_of(
        comparison_operator: ComparisonOperator,
        threshold: f64,
        period: SimDuration,
        periods: u32,
        rules: AlarmRules,
    ) -> Self {
        Self {
            comparison_operator,
            threshold,
            period,
            evaluation_periods: periods,
            datapoints_to_alarm: periods,
            treat_missing_data: TreatMissingData::Missing,
            rules,
        }
    }

    /// Number of slots CloudWatch looks at, R: more than N, so that gaps can be bridged.
    pub fn evaluation_range(&self) -> usize {
        let beyond = self.evaluation_periods.saturating_add(self.rules.range_beyond);
        beyond.max(self.rules.range_minimum) as usize
    }

    /// What the alarm looks at.
    pub fn span(&self) -> Span {
        let mut span = Span::new(self.period, self.evaluation_range());
        span.late_is_missing = self.rules.late_is_missing;
        if self.is_hourly() {
            span.grid = HOUR;
        }
        span
    }

    /// How far the alarm looks back.
    pub fn memory(&self) -> SimDuration {
        let span = self.span();
        let slots = span.period.as_nanos().saturating_mul(span.range as u64);
        SimDuration::from_nanos(slots.saturating_add(span.grid.as_nanos()))
    }

    fn is_hourly(&self) -> bool {
        u128::from(self.period.as_nanos()) * u128::from(self.evaluation_periods) > DAY
    }

    /// From one evaluation to the next: 10 s for periods below a minute, an hour for alarms that look
    /// back over more than a day, a minute for all others.
    pub fn cadence(&self) -> SimDuration {
        if self.is_hourly() {
            HOUR
        } else if self.period < MINUTE {
            TEN_SECONDS
        } else {
            MINUTE
        }
    }

    /// Whether a value breaches.
    pub fn breaches(&self, value: f64) -> bool {
        self.comparison_operator.holds(value, self.threshold)
    }

    /// The same as [`evaluate`](Self::evaluate), in constant time while all points breach and none is
    /// missing; `None` if a gap calls for the whole rule. `unbroken` is the start of the newest point when the
    /// points that decide last were such a run, and is kept up to date. With the state, how many slots the
    /// window must move before another one is possible.
    pub(super) fn follow_run(
        &self,
        points: impl IntoIterator<Item = Option<DataPoint>>,
        unbroken: &mut Option<SimTime>,
    ) -> Option<(AlarmState, u32)> {
        let before = unbroken.take();
        let mut newest = None;
        for (age, point) in (1_u32..).zip(points) {
            let point = point?;
            if !self.breaches(point.value) {
                // While this point is among those that decide, gaps or not, they do not all breach.
                return Some((AlarmState::Ok, self.evaluation_periods.saturating_sub(age - 1)));
            }
            newest = newest.or(Some(point.start));
            if age >= self.evaluation_periods || Some(point.start) == before {
                *unbroken = newest;
                return Some((AlarmState::Alarm, 1));
            }
        }
        None
    }

    /// Whether [`follow_run`](Self::follow_run) speaks for the alarm: one point that does not breach ends
    /// it, and windows move by whole slots.
    pub(super) fn follows_runs(&self) -> bool {
        let span = self.span();
        self.evaluation_periods <= self.datapoints_to_alarm && span.grid == span.period
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
        let alarm_if = |alarm| if alarm { AlarmState::Alarm } else { AlarmState::Ok };
        let (mut real, mut breaching, mut age_of_oldest) = (0, 0, 0);
        for (age, point) in (1_u32..).zip(points) {
            let Some(value) = point else { continue };
            real += 1;
            age_of_oldest = age;
            breaching += u32::from(self.breaches(value));
            if real == wanted {
                // Enough real points: older ones and the treatment of missing data do not matter.
                return alarm_if(breaching >= to_alarm);
            }
            if wanted - to_alarm < real - breaching {
                // Whatever older points are, and gaps taken as: too few can breach. Reading on would cost
                // most of the time of a run.
                return AlarmState::Ok;
            }
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
            TreatMissingData::Missing => match self.rules.lone_breach {
                LoneBreach::Keep => current,
                LoneBreach::Ok => AlarmState::Ok,
                LoneBreach::InsufficientData => AlarmState::InsufficientData,
            },
            TreatMissingData::Ignore => current,
        }
    }
}

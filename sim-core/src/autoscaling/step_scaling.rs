//! Step scaling: a user's alarm, and steps relative to its threshold.
//!
//! Source: the Application Auto Scaling guide on step scaling, including its rounding of percentages;
//! the guide of EC2 Auto Scaling has the same steps and rounding for groups.
//! AWS does not say how many points it aggregates; here it is the alarm's evaluation periods.

use super::activity::ScalingDirection;
use super::alarm::{AlarmSettings, ComparisonOperator};
use crate::units::SimDuration;

/// Most steps of one policy (quota of Application Auto Scaling).
const STEPS_MAX: usize = 20;

/// Slack when an offset is compared with a bound: `16.4 − 6.4` counts as 10.
const GUARD: f64 = 1e-9;

/// `AdjustmentType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdjustmentType {
    /// `ChangeInCapacity`.
    ChangeInCapacity,
    /// `ExactCapacity`.
    ExactCapacity,
    /// `PercentChangeInCapacity`.
    PercentChangeInCapacity,
}

/// `MetricAggregationType` of a step scaling policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MetricAggregation {
    /// `Average`.
    #[default]
    Average,
    /// `Minimum`.
    Minimum,
    /// `Maximum`.
    Maximum,
}

impl MetricAggregation {
    /// One value for the newest points; `None` without points.
    pub fn aggregate(self, values: impl Iterator<Item = f64>) -> Option<f64> {
        let (mut count, mut sum) = (0_u32, 0.0);
        let (mut smallest, mut largest) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values {
            count += 1;
            sum += value;
            smallest = smallest.min(value);
            largest = largest.max(value);
        }
        (count > 0).then(|| match self {
            Self::Average => sum / f64::from(count),
            Self::Minimum => smallest,
            Self::Maximum => largest,
        })
    }
}

/// One step; bounds are relative to the alarm's threshold, `None` is infinite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepAdjustment {
    /// `MetricIntervalLowerBound`.
    pub lower: Option<f64>,
    /// `MetricIntervalUpperBound`.
    pub upper: Option<f64>,
    /// `ScalingAdjustment`.
    pub adjustment: i32,
}

/// A step scaling policy with the alarm that drives it.
#[derive(Clone, Debug, PartialEq)]
pub struct StepScalingPolicy {
    /// `PolicyName`.
    pub name: String,
    /// Alarm.
    pub alarm: AlarmSettings,
    /// Adjustment type.
    pub adjustment_type: AdjustmentType,
    /// Steps in ascending order, without gaps or overlaps.
    pub steps: Vec<StepAdjustment>,
    /// `MinAdjustmentMagnitude`, for percentages.
    pub min_adjustment_magnitude: Option<u32>,
    /// Aggregation over the newest points.
    pub aggregation: MetricAggregation,
    /// `Cooldown`.
    pub cooldown: SimDuration,
}

impl StepScalingPolicy {
    /// The adjustment for an aggregated metric value, `None` if no step covers it.
    pub fn adjustment_for(&self, value: f64) -> Option<i32> {
        step_for(&self.alarm, &self.steps, value)
    }

    /// The capacity that `adjustment` asks for at `capacity`, before bounds.
    pub fn adjusted(&self, capacity: u32, adjustment: i32) -> u32 {
        self.adjustment_type.adjusted(capacity, adjustment, self.min_adjustment_magnitude)
    }

    /// Which way `adjustment` goes for a service with `running` tasks; `None` if it asks for no change.
    pub fn direction(&self, adjustment: i32, running: u32) -> Option<ScalingDirection> {
        self.adjustment_type.direction(adjustment, running)
    }

    /// What Application Auto Scaling or CloudWatch would refuse, in plain words; empty if nothing.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = self.alarm.problems();
        problems.extend(step_problems(self.adjustment_type, &self.steps));
        problems.extend(self.adjustment_type.magnitude_problem(self.min_adjustment_magnitude));
        problems
    }
}

impl AdjustmentType {
    /// The capacity that `adjustment` asks for at `capacity`, before bounds.
    ///
    /// Percentages beyond one unit are cut toward zero, those below become one unit, and
    /// `min_magnitude` (`MinAdjustmentMagnitude`) widens them.
    pub fn adjusted(self, capacity: u32, adjustment: i32, min_magnitude: Option<u32>) -> u32 {
        let change = match self {
            Self::ExactCapacity => return adjustment.max(0).unsigned_abs(),
            Self::ChangeInCapacity => i64::from(adjustment),
            Self::PercentChangeInCapacity => percent_of(capacity, adjustment, min_magnitude),
        };
        let changed = (i64::from(capacity) + change).clamp(0, i64::from(u32::MAX));
        u32::try_from(changed).unwrap_or(u32::MAX)
    }

    /// Which way `adjustment` goes at `capacity`; `None` if it asks for no change.
    pub fn direction(self, adjustment: i32, capacity: u32) -> Option<ScalingDirection> {
        let change = match self {
            Self::ExactCapacity => i64::from(adjustment) - i64::from(capacity),
            Self::ChangeInCapacity | Self::PercentChangeInCapacity => i64::from(adjustment),
        };
        match change.signum() {
            1 => Some(ScalingDirection::Out),
            -1 => Some(ScalingDirection::In),
            _ => None,
        }
    }

    /// What AWS would refuse about a `MinAdjustmentMagnitude`.
    pub(super) fn magnitude_problem(self, min_magnitude: Option<u32>) -> Option<String> {
        let refused = min_magnitude.is_some() && self != Self::PercentChangeInCapacity;
        refused.then(|| "a minimum adjustment magnitude applies to percentages only".to_owned())
    }
}

fn percent_of(capacity: u32, percent: i32, min_magnitude: Option<u32>) -> i64 {
    // Hundredths of a unit, so that nothing is lost before the rounding.
    let hundredths = i64::from(capacity) * i64::from(percent);
    let rounded =
        if (1..100).contains(&hundredths.abs()) { hundredths.signum() } else { hundredths / 100 };
    let at_least = i64::from(min_magnitude.unwrap_or(0));
    if rounded.abs() < at_least { i64::from(percent.signum()) * at_least } else { rounded }
}

/// The adjustment of the step that covers an aggregated metric value; `None` if none does.
///
/// On the upper side of the threshold a step includes its lower bound, on the lower side its upper
/// one. The threshold itself belongs to the side on which the alarm breaches.
pub(super) fn step_for(alarm: &AlarmSettings, steps: &[StepAdjustment], value: f64) -> Option<i32> {
    let offset = value - alarm.threshold;
    let above = match alarm.comparison_operator {
        ComparisonOperator::GreaterThan | ComparisonOperator::GreaterThanOrEqual => {
            offset >= -GUARD
        }
        ComparisonOperator::LessThan | ComparisonOperator::LessThanOrEqual => offset > GUARD,
    };
    // The shift decides on which side a value at the bound falls.
    let shifted = if above { offset + GUARD } else { offset - GUARD };
    let covers = |step: &&StepAdjustment| {
        let over = step.lower.is_none_or(|lower| shifted > lower);
        over && step.upper.is_none_or(|upper| shifted < upper)
    };
    steps.iter().find(covers).map(|step| step.adjustment)
}

/// What AWS would refuse about the steps of a policy, in plain words; empty if nothing.
pub(super) fn step_problems(kind: AdjustmentType, steps: &[StepAdjustment]) -> Vec<String> {
    let mut problems = Vec::new();
    if steps.is_empty() || steps.len() > STEPS_MAX {
        problems.push(format!("a policy has 1 to {STEPS_MAX} steps, not {}", steps.len()));
    }
    for (number, step) in (1..).zip(steps) {
        problems.extend(step.problem().map(|problem| format!("step {number} {problem}")));
        if kind == AdjustmentType::ExactCapacity && step.adjustment < 0 {
            problems.push(format!("step {number} sets a negative capacity"));
        }
    }
    for (number, pair) in (1..).zip(steps.windows(2)) {
        problems.extend(seam_problem(number, pair[0].upper, pair[1].lower));
    }
    if let [first, .., last] | [first @ last] = steps {
        // Inner nulls are seams; here only the two outer ends are left.
        if first.lower.is_some_and(|lower| lower < 0.0) {
            problems.push(
                "with a negative lower bound the lowest step needs a null lower bound".to_owned(),
            );
        }
        if last.upper.is_some_and(|upper| upper > 0.0) {
            problems.push(
                "with a positive upper bound the highest step needs a null upper bound".to_owned(),
            );
        }
    }
    problems
}

impl StepAdjustment {
    fn problem(&self) -> Option<&'static str> {
        match (self.lower, self.upper) {
            (None, None) => Some("has no bound at all"),
            (Some(bound), None) | (None, Some(bound)) if !bound.is_finite() => {
                Some("has a bound that is not a number")
            }
            (Some(lower), Some(upper)) if !lower.is_finite() || !upper.is_finite() => {
                Some("has a bound that is not a number")
            }
            (Some(lower), Some(upper)) if lower >= upper => {
                Some("has a lower bound that is not below its upper bound")
            }
            _ => None,
        }
    }
}

/// The seam between step `number` and the next one must be one and the same bound.
fn seam_problem(number: u32, upper: Option<f64>, lower: Option<f64>) -> Option<String> {
    let next = number + 1;
    match (upper, lower) {
        (Some(upper), Some(lower)) if lower > upper => {
            Some(format!("there is a gap between steps {number} and {next}: {upper} to {lower}"))
        }
        (Some(upper), Some(lower)) if lower < upper => {
            Some(format!("steps {number} and {next} overlap between {lower} and {upper}"))
        }
        (None, _) => Some(format!("step {number} has a null upper bound but is not the highest")),
        (_, None) => Some(format!("step {next} has a null lower bound but is not the lowest")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autoscaling::alarm::TreatMissingData;
    use crate::metrics::{MetricQuery, Statistic};
    use crate::units::MetricId;

    fn policy(
        adjustment_type: AdjustmentType,
        operator: ComparisonOperator,
        threshold: f64,
        steps: &[(Option<f64>, Option<f64>, i32)],
    ) -> StepScalingPolicy {
        StepScalingPolicy {
            name: "step".to_owned(),
            alarm: AlarmSettings {
                name: "alarm".to_owned(),
                query: MetricQuery::per_minute(MetricId(0), Statistic::Average),
                comparison_operator: operator,
                threshold,
                evaluation_periods: 1,
                datapoints_to_alarm: 1,
                treat_missing_data: TreatMissingData::Missing,
            },
            adjustment_type,
            steps: steps
                .iter()
                .map(|&(lower, upper, adjustment)| StepAdjustment { lower, upper, adjustment })
                .collect(),
            min_adjustment_magnitude: None,
            aggregation: MetricAggregation::Average,
            cooldown: SimDuration::from_secs(300),
        }
    }

    const PERCENT: AdjustmentType = AdjustmentType::PercentChangeInCapacity;

    fn percent_out() -> StepScalingPolicy {
        let steps =
            [(Some(0.0), Some(10.0), 0), (Some(10.0), Some(20.0), 10), (Some(20.0), None, 30)];
        policy(PERCENT, ComparisonOperator::GreaterThanOrEqual, 50.0, &steps)
    }

    fn percent_in() -> StepScalingPolicy {
        let steps = [
            (None, Some(-20.0), -30),
            (Some(-20.0), Some(-10.0), -10),
            (Some(-10.0), Some(0.0), 0),
        ];
        policy(PERCENT, ComparisonOperator::LessThanOrEqual, 50.0, &steps)
    }

    #[test]
    fn tv_step_1_percentages_round_as_documented() {
        // Capacity and percentage whose product is the documented fraction.
        for (capacity, percent, change) in [(127, 10, 12), (67, 1, 1), (58, -1, -1), (667, -1, -6)]
        {
            let changed = percent_out().adjusted(capacity, percent);
            assert_eq!(
                i64::from(changed) - i64::from(capacity),
                change,
                "{percent} % of {capacity}"
            );
        }
        assert_eq!(percent_out().adjusted(10, 10), 11);
        assert_eq!(percent_out().adjusted(0, 10), 0);
    }

    #[test]
    fn tv_step_2_steps_around_a_threshold_of_50() {
        let apply = |policy: &StepScalingPolicy, capacity, value| {
            policy.adjusted(capacity, policy.adjustment_for(value).expect("a step"))
        };
        let mut capacity = 10;
        let mut path = Vec::new();
        for (policy, value) in [
            (percent_out(), 60.0),
            (percent_out(), 70.0),
            (percent_in(), 40.0),
            (percent_in(), 30.0),
        ] {
            capacity = apply(&policy, capacity, value);
            path.push(capacity);
        }
        assert_eq!(path, [11, 14, 13, 10]);
        for (value, percent) in [(50.0, 0), (59.99, 0), (60.0, 10), (69.99, 10), (70.0, 30)] {
            assert_eq!(percent_out().adjustment_for(value), Some(percent), "{value}");
        }
        for (value, percent) in [(50.0, 0), (40.01, 0), (40.0, -10), (30.01, -10), (30.0, -30)] {
            assert_eq!(percent_in().adjustment_for(value), Some(percent), "{value}");
        }
        assert_eq!(percent_out().problems(), Vec::<String>::new());
        assert_eq!(percent_in().problems(), Vec::<String>::new());
    }

    #[test]
    fn tv_step_3_minimum_adjustment_magnitude() {
        let policy = StepScalingPolicy { min_adjustment_magnitude: Some(2), ..percent_out() };
        assert_eq!(policy.adjusted(4, 25), 6);
        assert_eq!(policy.adjusted(4, -25), 2);
        assert_eq!(policy.adjusted(0, 25), 2);
        assert_eq!(policy.adjusted(4, 0), 4);
    }

    #[test]
    fn tv_step_4_adjustment_types() {
        let of =
            |kind| policy(kind, ComparisonOperator::GreaterThan, 50.0, &[(Some(0.0), None, 1)]);
        assert_eq!(of(AdjustmentType::ChangeInCapacity).adjusted(3, 5), 8);
        assert_eq!(of(AdjustmentType::ExactCapacity).adjusted(3, 5), 5);
        assert_eq!(of(PERCENT).adjusted(10, 10), 11);
        assert_eq!(of(AdjustmentType::ChangeInCapacity).adjusted(3, -5), 0);
    }

    #[test]
    fn tv_step_6_three_steps_above_60() {
        let steps =
            [(Some(0.0), Some(15.0), 10), (Some(15.0), Some(25.0), 20), (Some(25.0), None, 30)];
        let policy = policy(PERCENT, ComparisonOperator::GreaterThan, 60.0, &steps);
        for (value, percent) in [(74.9, 10), (75.0, 20), (84.9, 20), (85.0, 30)] {
            assert_eq!(policy.adjustment_for(value), Some(percent), "{value}");
        }
        assert_eq!(policy.adjustment_for(59.0), None);
    }

    #[test]
    fn a_bound_is_hit_despite_the_last_bits() {
        let steps = [(Some(0.0), Some(10.0), 1), (Some(10.0), None, 2)];
        let policy = policy(PERCENT, ComparisonOperator::GreaterThan, 6.4, &steps);
        // 16.4 − 6.4 falls short of 10 in binary.
        assert_eq!(policy.adjustment_for(16.4), Some(2));
    }

    #[test]
    fn malformed_steps_are_named() {
        let problems = |steps: &[(Option<f64>, Option<f64>, i32)]| {
            policy(PERCENT, ComparisonOperator::GreaterThan, 50.0, steps).problems().join("; ")
        };
        for (steps, expected) in [
            (vec![], "1 to 20 steps"),
            (vec![(None, None, 1)], "no bound at all"),
            (
                vec![(Some(0.0), Some(5.0), 1), (Some(6.0), None, 2)],
                "gap between steps 1 and 2: 5 to 6",
            ),
            (vec![(Some(0.0), Some(5.0), 1), (Some(4.0), None, 2)], "overlap between 4 and 5"),
            (vec![(Some(0.0), None, 1), (Some(4.0), None, 2)], "step 1 has a null upper bound"),
            (vec![(None, Some(0.0), 1), (None, Some(4.0), 2)], "step 2 has a null lower bound"),
            (vec![(Some(-5.0), Some(0.0), 1)], "lowest step needs a null lower bound"),
            (vec![(Some(0.0), Some(5.0), 1)], "highest step needs a null upper bound"),
            (vec![(Some(5.0), Some(5.0), 1)], "not below its upper bound"),
            (vec![(Some(f64::NAN), None, 1)], "not a number"),
        ] {
            let found = problems(&steps);
            assert!(found.contains(expected), "{steps:?}: {found}");
        }
        let mut negative = policy(
            AdjustmentType::ExactCapacity,
            ComparisonOperator::GreaterThan,
            50.0,
            &[(Some(0.0), None, -1)],
        );
        negative.min_adjustment_magnitude = Some(1);
        let found = negative.problems().join("; ");
        assert!(found.contains("negative capacity"), "{found}");
        assert!(found.contains("percentages only"), "{found}");
    }

    #[test]
    fn aggregation_follows_its_name() {
        let values = || [10.0, 40.0, 25.0].into_iter();
        assert_eq!(MetricAggregation::Average.aggregate(values()), Some(25.0));
        assert_eq!(MetricAggregation::Minimum.aggregate(values()), Some(10.0));
        assert_eq!(MetricAggregation::Maximum.aggregate(values()), Some(40.0));
        assert_eq!(MetricAggregation::Average.aggregate(std::iter::empty()), None);
    }
}

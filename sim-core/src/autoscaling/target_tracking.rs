//! Target tracking: the managed pair of alarms and the proportional law.
//!
//! Source: the Application Auto Scaling guide on target tracking. The alarm pair (3 of 3 above the
//! target, 15 of 15 below 90 % of it) is what accounts show, not what AWS promises; the law is the
//! one that every published example and rounding rule fits.

use super::alarm::{AlarmCondition, ComparisonOperator};
use super::rounding::ceil_e;
use super::rules::ScalingRules;
use crate::metrics::MetricQuery;
use crate::units::SimDuration;

/// Evaluation periods of the high alarm, all of which must breach.
pub(super) const HIGH_ALARM_PERIODS: u32 = 3;
/// Evaluation periods of the low alarm, all of which must breach.
pub(super) const LOW_ALARM_PERIODS: u32 = 15;

/// A target tracking policy.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetTrackingPolicy {
    /// `PolicyName`.
    pub name: String,
    /// Watched metric; its period is that of the high alarm.
    pub query: MetricQuery,
    /// `TargetValue`.
    pub target_value: f64,
    /// `ScaleOutCooldown`.
    pub scale_out_cooldown: SimDuration,
    /// `ScaleInCooldown`.
    pub scale_in_cooldown: SimDuration,
    /// `DisableScaleIn`.
    pub disable_scale_in: bool,
}

impl TargetTrackingPolicy {
    /// The managed alarm that asks for more: above the target in 3 of 3 periods.
    pub fn high_alarm(&self, rules: &ScalingRules) -> AlarmCondition {
        let (operator, period) = (ComparisonOperator::GreaterThan, self.query.period);
        AlarmCondition::all_of(
            operator,
            self.target_value,
            period,
            HIGH_ALARM_PERIODS,
            rules.alarms,
        )
    }

    /// The managed alarm that asks for less: below a share of the target in 15 of 15 periods.
    pub fn low_alarm(&self, rules: &ScalingRules) -> AlarmCondition {
        let threshold = self.target_value * rules.low_alarm_share;
        let period = self.query.period.max(rules.low_alarm_period);
        let operator = ComparisonOperator::LessThan;
        AlarmCondition::all_of(operator, threshold, period, LOW_ALARM_PERIODS, rules.alarms)
    }

    /// What Application Auto Scaling would refuse, in plain words; empty if nothing.
    pub fn problems(&self) -> Vec<String> {
        if self.target_value.is_finite() && self.target_value > 0.0 {
            Vec::new()
        } else {
            vec![format!("the target value must be a positive number, not {}", self.target_value)]
        }
    }
}

/// Capacity at which a metric of `value` at `capacity` would be at `target`, rounded up: `ceil(n·m/T)`.
/// Rounding up in both directions adds a little more and removes a little less than the quotient, and
/// never removes so much that the metric would cross the target.
pub fn proportional_capacity(capacity: u32, value: f64, target: f64) -> u32 {
    ceil_e(f64::from(capacity) * value / target)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Statistic;
    use crate::units::MetricId;

    #[test]
    fn tv_tt_1_proportional_law() {
        for (n, m, target, want) in [
            (10, 150.0, 100.0, 15),
            (2, 87.5, 50.0, 4),
            (4, 31.25, 50.0, 3),
            (5, 45.0, 50.0, 5),
            (4, 100.0, 50.0, 8),
            (3, 100.0, 75.0, 4),
            (10, 44.0, 50.0, 9),
            (20, 10.0, 50.0, 4),
            (100, 100.0, 90.0, 112),
            (10, 30.0, 60.0, 5),
        ] {
            assert_eq!(proportional_capacity(n, m, target), want, "n {n} m {m} T {target}");
        }
    }

    #[test]
    fn no_scale_in_that_would_push_the_metric_above_the_target() {
        for n in 2..=50_u32 {
            for m in 1..=60_u32 {
                let target = 60.0;
                let after_removal = f64::from(n * m) / f64::from(n - 1);
                let holds = proportional_capacity(n, f64::from(m), target) >= n;
                assert_eq!(holds, after_removal > target, "n {n} m {m}");
            }
        }
    }

    #[test]
    fn saturation_limits_one_step_to_a_factor() {
        // Steps needed to double and to quadruple under full saturation, for each target.
        for (target, double, quadruple) in
            [(50.0, 1, 2), (60.0, 2, 3), (70.0, 2, 4), (75.0, 3, 5), (80.0, 4, 7), (90.0, 7, 14)]
        {
            // A large base, so that rounding up does not help.
            let base = 1_000_000;
            let steps_to = |goal: u32| {
                let mut n = base;
                (1..100).find(|_| {
                    n = proportional_capacity(n, 100.0, target);
                    n >= goal
                })
            };
            assert_eq!(steps_to(2 * base), Some(double), "double at {target}");
            assert_eq!(steps_to(4 * base), Some(quadruple), "quadruple at {target}");
        }
    }

    #[test]
    fn managed_alarms_have_the_observed_thresholds() {
        for (target, low) in [(30.0, 27.0), (50.0, 45.0), (70.0, 63.0), (75.0, 67.5)] {
            let policy = TargetTrackingPolicy {
                name: "cpu".to_owned(),
                query: MetricQuery::per_minute(MetricId(0), Statistic::Average),
                target_value: target,
                scale_out_cooldown: SimDuration::from_secs(300),
                scale_in_cooldown: SimDuration::from_secs(300),
                disable_scale_in: false,
            };
            let rules = ScalingRules::default();
            let (high_alarm, low_alarm) = (policy.high_alarm(&rules), policy.low_alarm(&rules));
            assert!((low_alarm.threshold - low).abs() < 1e-9, "{}", low_alarm.threshold);
            assert!(!high_alarm.breaches(target));
            assert!(high_alarm.breaches(target + 0.1));
            let counts =
                |alarm: AlarmCondition| (alarm.datapoints_to_alarm, alarm.evaluation_periods);
            assert_eq!((counts(high_alarm), counts(low_alarm)), ((3, 3), (15, 15)));
        }
    }

    #[test]
    fn a_target_that_is_not_positive_is_refused() {
        for target_value in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let policy = TargetTrackingPolicy {
                name: "cpu".to_owned(),
                query: MetricQuery::per_minute(MetricId(0), Statistic::Average),
                target_value,
                scale_out_cooldown: SimDuration::ZERO,
                scale_in_cooldown: SimDuration::ZERO,
                disable_scale_in: false,
            };
            assert_eq!(policy.problems().len(), 1, "{target_value}");
        }
    }
}

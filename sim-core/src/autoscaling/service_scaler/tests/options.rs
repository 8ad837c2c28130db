use super::*;
use crate::autoscaling::{CooldownStart, JudgedValue};

/// What a scale-out from four tasks to eight, three minutes at 100 %, is followed by.
fn after_scale_out(rules: ScalingRules) -> Bench {
    let mut bench = Bench::with(&tracker(1, 100, 50.0), rules);
    assert!(bench.minutes_of(3, 100.0, 0.0, still(4, 4)).is_some());
    bench
}

#[test]
fn gap_06_the_low_threshold_is_a_share_of_the_target() {
    let minutes = |low_alarm_share, value| {
        let rules = ScalingRules { low_alarm_share, ..ScalingRules::default() };
        let mut bench = Bench::with(&tracker(1, 100, 50.0), rules);
        bench.minutes_of(30, value, 0.0, still(20, 20)).map(|it| it.new_desired)
    };
    assert_eq!(minutes(0.9, 40.0), Some(16));
    assert_eq!(minutes(0.7, 40.0), None);
    assert_eq!(minutes(0.7, 34.0), Some(14));
}

#[test]
fn gap_09_the_value_of_the_law_is_a_setting() {
    let down = |scale_in_value| {
        let rules = ScalingRules { scale_in_value, ..ScalingRules::default() };
        let mut bench = Bench::with(&tracker(1, 100, 50.0), rules);
        bench.minutes_of(5, 40.0, 0.0, still(20, 20));
        bench.minutes_of(10, 10.0, 0.0, still(20, 20)).map(|it| it.new_desired)
    };
    // Five minutes at 40 %, ten at 10 %: at most 40, now 10, 20 on average.
    assert_eq!(down(JudgedValue::Maximum), Some(16));
    assert_eq!(down(JudgedValue::Newest), Some(4));
    assert_eq!(down(JudgedValue::Average), Some(8));
    let up = |scale_out_value| {
        let rules = ScalingRules { scale_out_value, ..ScalingRules::default() };
        let mut bench = Bench::with(&tracker(1, 100, 50.0), rules);
        bench.minutes_of(2, 100.0, 0.0, still(4, 4));
        bench.minute_of(70.0, 0.0, still(4, 4)).decision.map(|it| it.new_desired)
    };
    assert_eq!(up(JudgedValue::Newest), Some(6));
    assert_eq!(up(JudgedValue::Maximum), Some(8));
    assert_eq!(up(JudgedValue::Average), Some(8));
}

#[test]
fn gap_10_a_scale_in_may_be_limited_to_a_share() {
    let rules = |share| ScalingRules { max_scale_in_fraction: share, ..ScalingRules::default() };
    let down = |share, running| {
        let mut bench = Bench::with(&tracker(1, 100, 50.0), rules(share));
        let decision = bench.minutes_of(15, 10.0, 0.0, still(running, running));
        decision.map(|decision| decision.new_desired)
    };
    assert_eq!(down(None, 20), Some(4));
    assert_eq!(down(Some(0.1), 20), Some(18));
    // Of fewer than ten tasks a tenth is less than one: one goes.
    assert_eq!(down(Some(0.1), 5), Some(4));
}

#[test]
fn gap_11_the_base_may_be_what_runs() {
    let next = |frozen_base| {
        let mut bench = after_scale_out(ScalingRules { frozen_base, ..ScalingRules::default() });
        bench.scaler.observe_running(at(220), 8);
        // Half of eight tasks more than needed: from four that is no more than eight.
        bench.minute_of(75.0, 0.0, still(8, 8)).decision.map(|it| it.new_desired)
    };
    assert_eq!(next(true), None);
    assert_eq!(next(false), Some(12));
}

#[test]
fn gap_12_a_cooldown_begins_with_the_tasks_or_with_the_decision() {
    // Decided at 180 s, running at 420 s, again above the target: the frozen base ends with the cooldown.
    let next = |cooldown_start| {
        let mut bench = after_scale_out(ScalingRules { cooldown_start, ..ScalingRules::default() });
        bench.minutes_of(4, 75.0, 0.0, still(4, 8));
        bench.scaler.observe_running(at(430), 8);
        bench.minutes_of(20, 75.0, 0.0, still(8, 8)).map(|_| bench.minute)
    };
    // 430 s + 300 s, or 180 s + 300 s.
    assert_eq!(next(CooldownStart::Fulfilled), Some(13));
    assert_eq!(next(CooldownStart::Decision), Some(8));
}

#[test]
fn gap_12_an_unfulfilled_activity_ends_without_a_cooldown() {
    let rules = ScalingRules { activity_timeout: MINUTE, ..ScalingRules::default() };
    let mut bench = after_scale_out(rules);
    let ended = bench.minute_of(45.0, 0.0, still(4, 8)).ended.expect("it ends");
    assert_eq!(ended.status, ActivityStatus::Unfulfilled);
    assert!(!bench.scaler.has_activity());
}

#[test]
fn gap_13_the_scale_out_cooldown_may_block_scale_in() {
    let minutes = |out_cooldown_blocks_in| {
        let rules = ScalingRules { out_cooldown_blocks_in, ..ScalingRules::default() };
        let mut settings = tracker(1, 100, 50.0);
        settings.target_tracking[0].scale_out_cooldown = SimDuration::from_secs(3600);
        let mut bench = Bench::with(&settings, rules);
        bench.minutes_of(3, 100.0, 0.0, still(4, 4));
        bench.scaler.observe_running(at(200), 8);
        bench.minutes_of(100, 10.0, 0.0, still(8, 8)).map(|_| bench.minute)
    };
    assert_eq!(minutes(false), Some(18));
    // Fulfilled at 200 s, so until 3800 s.
    assert_eq!(minutes(true), Some(64));
}

#[test]
fn gap_15_actions_are_repeated_once_per_interval() {
    let acts = |interval| {
        let mut rules = ScalingRules::default();
        rules.alarms.action_interval = SimDuration::from_secs(interval);
        let mut bench = Bench::with(&tracker(1, 6, 50.0), rules);
        let acted =
            (0..9).filter(|_| bench.minute_of(100.0, 0.0, still(6, 6)).not_scaled.is_some());
        acted.count()
    };
    assert_eq!(acts(60), 7);
    assert_eq!(acts(180), 3);
}

#[test]
fn gap_16_step_scaling_aggregates_the_alarms_points_or_a_given_number() {
    let above = ComparisonOperator::GreaterThan;
    let table = [(Some(0.0), Some(20.0), 1), (Some(20.0), None, 5)];
    let mut policy = steps("out", above, AdjustmentType::ChangeInCapacity, &table);
    policy.alarm.evaluation_periods = 3;
    policy.alarm.datapoints_to_alarm = 3;
    let settings = ScalableTarget { step_scaling: vec![policy], ..target(1, 100) };
    let added = |step_points| {
        let rules = ScalingRules { step_points, ..ScalingRules::default() };
        let mut bench = Bench::with(&settings, rules);
        bench.minutes_of(2, 55.0, 0.0, still(10, 10));
        bench.minute_of(85.0, 0.0, still(10, 10)).decision.map(|it| it.new_desired)
    };
    // 55, 55 and 85 average 65, which is 15 above the threshold; the newest alone is 35 above.
    assert_eq!(added(None), Some(11));
    assert_eq!(added(Some(1)), Some(15));
}

#[test]
fn step_scaling_takes_the_minimum_or_the_maximum_of_its_points() {
    let above = ComparisonOperator::GreaterThan;
    let table = [(Some(0.0), Some(10.0), 1), (Some(10.0), Some(30.0), 3), (Some(30.0), None, 5)];
    let added = |aggregation| {
        let mut policy = steps("out", above, AdjustmentType::ChangeInCapacity, &table);
        policy.alarm.evaluation_periods = 3;
        policy.alarm.datapoints_to_alarm = 3;
        policy.aggregation = aggregation;
        let settings = ScalableTarget { step_scaling: vec![policy], ..target(1, 100) };
        let mut bench = Bench::new(&settings);
        bench.minutes_of(2, 55.0, 0.0, still(10, 10));
        bench.minute_of(85.0, 0.0, still(10, 10)).decision.map(|it| it.new_desired)
    };
    assert_eq!(added(MetricAggregation::Minimum), Some(11));
    assert_eq!(added(MetricAggregation::Average), Some(13));
    assert_eq!(added(MetricAggregation::Maximum), Some(15));
}

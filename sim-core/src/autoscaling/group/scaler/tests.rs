use super::*;
use crate::autoscaling::group::GroupPolicy;
use crate::autoscaling::{
    AdjustmentType, AlarmSettings, ComparisonOperator, MetricAggregation, StepAdjustment,
    TreatMissingData,
};
use crate::metrics::{Metric, MetricSource, ServiceMeasure, Statistic, StatisticSet};
use crate::units::{IdVec, MetricId, ServiceId};

const MINUTE: SimDuration = SimDuration::from_secs(60);
const PERCENT: AdjustmentType = AdjustmentType::PercentChangeInCapacity;
const CHANGE: AdjustmentType = AdjustmentType::ChangeInCapacity;
const ABOVE: ComparisonOperator = ComparisonOperator::GreaterThanOrEqual;
const BELOW: ComparisonOperator = ComparisonOperator::LessThanOrEqual;

fn query(metric: u32) -> MetricQuery {
    MetricQuery::per_minute(MetricId(metric), Statistic::Average)
}

fn alarm(name: &str, operator: ComparisonOperator) -> AlarmSettings {
    AlarmSettings {
        name: format!("{name}-alarm"),
        query: query(0),
        comparison_operator: operator,
        threshold: 50.0,
        evaluation_periods: 1,
        datapoints_to_alarm: 1,
        treat_missing_data: TreatMissingData::Missing,
    }
}

fn step(
    name: &str,
    operator: ComparisonOperator,
    adjustment_type: AdjustmentType,
    steps: &[(Option<f64>, Option<f64>, i32)],
) -> GroupPolicy {
    let policy = GroupStepPolicy {
        alarm: alarm(name, operator),
        adjustment_type,
        steps: steps
            .iter()
            .map(|&(lower, upper, adjustment)| StepAdjustment { lower, upper, adjustment })
            .collect(),
        min_adjustment_magnitude: None,
        aggregation: MetricAggregation::Average,
        instance_warmup: None,
    };
    assert_eq!(policy.problems(), Vec::<String>::new());
    GroupPolicy { name: name.to_owned(), kind: GroupPolicyKind::Step(policy) }
}

/// The steps out of TV-STEP-2.
fn percent_out() -> GroupPolicy {
    let steps = [(Some(0.0), Some(10.0), 0), (Some(10.0), Some(20.0), 10), (Some(20.0), None, 30)];
    step("out", ABOVE, PERCENT, &steps)
}

fn simple(
    name: &str,
    operator: ComparisonOperator,
    (adjustment_type, adjustment): (AdjustmentType, i32),
    cooldown: Option<u64>,
) -> GroupPolicy {
    let policy = SimplePolicy {
        alarm: alarm(name, operator),
        adjustment_type,
        adjustment,
        min_adjustment_magnitude: None,
        cooldown: cooldown.map(SimDuration::from_secs),
    };
    assert_eq!(policy.problems(), Vec::<String>::new());
    GroupPolicy { name: name.to_owned(), kind: GroupPolicyKind::Simple(policy) }
}

fn tracking(metric: u32, disable_scale_in: bool) -> GroupPolicy {
    let policy = GroupTracking {
        query: query(metric),
        target_value: 50.0,
        disable_scale_in,
        instance_warmup: None,
    };
    GroupPolicy { name: format!("track-{metric}"), kind: GroupPolicyKind::TargetTracking(policy) }
}

/// A group that has what it wants.
fn still(desired: u32) -> GroupSize {
    GroupSize {
        desired,
        min_size: 1,
        max_size: 100,
        in_service: desired,
        pending: 0,
        terminating: 0,
        reconciling: false,
    }
}

/// Policies with two metrics, fed by hand: one call per minute.
struct Bench {
    scaler: GroupScaler,
    store: MetricStore,
    minute: u64,
}

impl Bench {
    fn new(policies: &[GroupPolicy]) -> Self {
        Self::with(policies, ScalingRules::default())
    }

    fn with(policies: &[GroupPolicy], rules: ScalingRules) -> Self {
        let settings = GroupScaling { policies: policies.to_vec(), ..GroupScaling::default() };
        let scaler = GroupScaler::new("asg", &settings, rules);
        let metric = |measure| Metric {
            source: MetricSource::Service(ServiceId(0), measure),
            period: MINUTE,
            delay: SimDuration::ZERO,
        };
        let measures = [ServiceMeasure::CpuUtilization, ServiceMeasure::MemoryUtilization];
        let metrics: IdVec<MetricId, Metric> = measures.map(metric).into_iter().collect();
        let mut store = MetricStore::new(&metrics);
        scaler.retain(&mut store);
        Self { scaler, store, minute: 0 }
    }

    fn now(&self) -> SimTime {
        SimTime::from_secs(60 * self.minute)
    }

    /// A minute passes in which the metrics have these values.
    fn minute_of(&mut self, values: [f64; 2], size: &GroupSize, warming: u32) -> GroupEvaluation {
        for (metric, value) in (0..).zip(values) {
            self.store.record(MetricId(metric), self.now(), StatisticSet::of(value));
        }
        self.minute += 1;
        self.scaler.evaluate(self.now(), size, |_| warming, false, &self.store)
    }

    /// The new desired capacity after such a minute.
    fn after(&mut self, value: f64, size: &GroupSize, warming: u32) -> Option<u32> {
        self.minute_of([value; 2], size, warming).decision.map(|it| it.new_desired)
    }

    /// Minutes until something is decided, at most `n`.
    fn minutes_of(&mut self, n: u32, values: [f64; 2], size: &GroupSize) -> Option<(u32, u32)> {
        (1..=n).find_map(|minute| {
            let decision = self.minute_of(values, size, 0).decision;
            decision.map(|it| (minute, it.new_desired))
        })
    }
}

#[test]
fn tv_asg_1_instances_that_warm_up_are_no_base_but_count_as_desired() {
    let mut bench = Bench::new(&[percent_out()]);
    assert_eq!(bench.after(60.0, &still(10), 0), Some(11));
    // Whether the new instance still launches or warms up.
    for (size, warming) in
        [(still(11), 1), (GroupSize { in_service: 10, pending: 1, ..still(11) }, 0)]
    {
        assert_eq!(bench.after(62.0, &size, warming), None, "10 % of ten is the eleventh");
        assert_eq!(bench.after(70.0, &size, warming), Some(13), "30 % of ten are two more");
    }
    assert_eq!(bench.after(70.0, &still(11), 0), Some(14), "30 % of eleven, once it is warm");
}

#[test]
fn a_breach_that_goes_on_in_one_step_acts_once() {
    for base in 1..60_u32 {
        for percent in [1, 10, 33, 100, 250] {
            let policy = step("out", ABOVE, PERCENT, &[(Some(0.0), None, percent)]);
            let mut bench = Bench::new(&[policy]);
            let size = GroupSize { max_size: 1000, ..still(base) };
            let to = bench.after(80.0, &size, 0).expect("at least one more");
            let size = GroupSize { max_size: 1000, ..still(to) };
            for _ in 0..3 {
                assert_eq!(bench.after(80.0, &size, to - base), None, "{percent} % of {base}");
            }
        }
    }
}

#[test]
fn nothing_scales_in_while_instances_launch_or_warm_up() {
    let policies = [step("in", BELOW, CHANGE, &[(None, Some(0.0), -2)]), tracking(1, false)];
    for policy in policies {
        let mut bench = Bench::new(&[policy]);
        let pending = GroupSize { in_service: 9, pending: 1, ..still(10) };
        let mut said = Vec::new();
        for _ in 0..20 {
            for (size, warming) in [(&still(10), 1), (&pending, 0)] {
                let evaluation = bench.minute_of([20.0; 2], size, warming);
                assert_eq!(evaluation.decision, None);
                said.extend(evaluation.not_scaled);
            }
        }
        assert_eq!(said, [GroupNotScaled::WarmingUp], "said once");
        assert_eq!(bench.after(20.0, &still(10), 0).map(|to| to < 10), Some(true));
    }
}

#[test]
fn terminating_instances_count_when_a_scale_in_is_computed() {
    let mut bench = Bench::new(&[step("in", BELOW, CHANGE, &[(None, Some(0.0), -2)])]);
    assert_eq!(bench.after(20.0, &still(10), 0), Some(8));
    let leaving = GroupSize { terminating: 2, ..still(8) };
    assert_eq!(bench.after(20.0, &leaving, 0), None, "two of ten are on their way out");
    let gone = GroupSize { terminating: 1, ..still(8) };
    assert_eq!(bench.after(20.0, &gone, 0), Some(7));
}

#[test]
fn a_simple_policy_waits_for_its_activity_and_then_for_its_cooldown() {
    // The group settles 30 s into a minute: the cooldown ends 30 s into another, and the evaluation after
    // it is that of the next full minute.
    for (own, minutes) in [(None, 6), (Some(120), 3), (Some(0), 1)] {
        let mut bench = Bench::new(&[simple("out", ABOVE, (CHANGE, 2), own)]);
        assert_eq!(bench.after(80.0, &still(4), 0), Some(6));
        let launching = GroupSize { in_service: 4, pending: 2, ..still(6) };
        assert_eq!(bench.minutes_of(5, [80.0; 2], &launching), None);
        assert!(bench.scaler.awaits_end());
        bench.scaler.settled(bench.now() + SimDuration::from_secs(30));
        assert_eq!(bench.minutes_of(30, [80.0; 2], &still(6)), Some((minutes, 8)), "{own:?}");
    }
}

#[test]
fn a_simple_policy_says_what_it_waits_for() {
    let mut bench = Bench::new(&[simple("out", ABOVE, (CHANGE, 1), None)]);
    bench.after(80.0, &still(1), 0);
    let busy = [
        GroupSize { reconciling: true, in_service: 1, ..still(2) },
        GroupSize { in_service: 1, ..still(2) },
        GroupSize { in_service: 1, pending: 1, ..still(2) },
        GroupSize { terminating: 1, ..still(2) },
    ];
    for size in busy {
        bench.scaler.not_scaled = None;
        let evaluation = bench.minute_of([80.0; 2], &size, 0);
        assert_eq!(evaluation.not_scaled, Some(GroupNotScaled::ActivityInProgress), "{size:?}");
    }
    bench.scaler.settled(bench.now());
    let evaluation = bench.minute_of([80.0; 2], &still(2), 0);
    assert_eq!(evaluation.not_scaled, Some(GroupNotScaled::Cooldown));
}

#[test]
fn cooldowns_hold_no_other_policies_back() {
    let mut bench = Bench::new(&[
        simple("simple", ABOVE, (CHANGE, 1), None),
        step("step", ABOVE, CHANGE, &[(Some(0.0), Some(20.0), 0), (Some(20.0), None, 5)]),
    ]);
    assert_eq!(bench.after(60.0, &still(10), 0), Some(11), "the simple policy");
    bench.scaler.settled(bench.now());
    assert_eq!(bench.after(60.0, &still(11), 1), None);
    assert_eq!(bench.after(70.0, &still(11), 1), Some(15), "the step policy, in the cooldown");
}

#[test]
fn tv_step_rounding_holds_for_groups() {
    for (capacity, percent, magnitude, to) in
        [(127, 10, None, 139), (67, 1, None, 68), (4, 25, Some(2), 6), (1, 200, None, 3)]
    {
        let mut policy = simple("out", ABOVE, (PERCENT, percent), None);
        if let GroupPolicyKind::Simple(policy) = &mut policy.kind {
            policy.min_adjustment_magnitude = magnitude;
        }
        let size = GroupSize { max_size: 1000, ..still(capacity) };
        assert_eq!(
            Bench::new(&[policy]).after(80.0, &size, 0),
            Some(to),
            "{percent} % of {capacity}"
        );
    }
    for (capacity, percent, to) in [(58, -1, 57), (667, -1, 661)] {
        let policy = simple("in", BELOW, (PERCENT, percent), None);
        let size = GroupSize { max_size: 1000, ..still(capacity) };
        assert_eq!(
            Bench::new(&[policy]).after(20.0, &size, 0),
            Some(to),
            "{percent} % of {capacity}"
        );
    }
    let exact = simple("exact", ABOVE, (AdjustmentType::ExactCapacity, 5), None);
    assert_eq!(Bench::new(std::slice::from_ref(&exact)).after(80.0, &still(3), 0), Some(5));
    assert_eq!(Bench::new(&[exact]).after(80.0, &still(8), 0), Some(5), "in as well as out");
}

#[test]
fn tv_tt_2_the_largest_capacity_wins_in_groups_too() {
    let policies = [
        step("a", ABOVE, CHANGE, &[(Some(0.0), None, 3)]),
        simple("b", ABOVE, (PERCENT, 200), None),
    ];
    assert_eq!(Bench::new(&policies).after(80.0, &still(10), 0), Some(30));
    let policies = [
        step("a", BELOW, CHANGE, &[(None, Some(0.0), -3)]),
        step("b", BELOW, PERCENT, &[(None, Some(0.0), -50)]),
    ];
    assert_eq!(Bench::new(&policies).after(20.0, &still(10), 0), Some(7));
}

#[test]
fn target_tracking_needs_three_minutes_out_and_fifteen_far_below_in() {
    let mut bench = Bench::new(&[tracking(0, false)]);
    assert_eq!(bench.minutes_of(10, [80.0; 2], &still(4)), Some((3, 7)), "ceil(4 · 80/50)");
    // 0.7 of the target is 35: the alarm is silent above, and acts below.
    assert_eq!(bench.minutes_of(40, [36.0; 2], &still(7)), None);
    assert_eq!(bench.minutes_of(40, [30.0; 2], &still(7)), Some((15, 5)), "ceil(7 · 30/50)");
}

#[test]
fn the_managed_alarms_of_groups_are_settings() {
    let groups = super::super::GroupRules {
        low_alarm_share: 0.9,
        high_alarm_periods: 1,
        low_alarm_periods: 4,
    };
    let rules = ScalingRules { groups, ..ScalingRules::default() };
    let mut bench = Bench::with(&[tracking(0, false)], rules);
    assert_eq!(bench.minutes_of(10, [80.0; 2], &still(4)), Some((1, 7)));
    assert_eq!(bench.minutes_of(10, [44.0; 2], &still(9)), Some((4, 8)));
}

#[test]
fn target_tracking_scales_out_from_what_is_warm() {
    let mut bench = Bench::new(&[tracking(0, false)]);
    assert_eq!(bench.minutes_of(3, [100.0; 2], &still(4)), Some((3, 8)));
    // The four new ones warm up and are not in the metric.
    assert_eq!(bench.after(100.0, &still(8), 4), None);
    assert_eq!(bench.after(100.0, &GroupSize { in_service: 6, pending: 2, ..still(8) }, 2), None);
    assert_eq!(bench.after(100.0, &still(8), 3), Some(10), "five are warm");
    // Nothing is warm: there is nothing to be proportional to.
    assert_eq!(
        bench.after(100.0, &GroupSize { in_service: 0, min_size: 0, ..still(0) }, 0),
        Some(1)
    );
}

#[test]
fn target_tracking_scales_in_when_all_policies_are_ready() {
    let mut bench = Bench::new(&[tracking(0, false), tracking(1, false)]);
    assert_eq!(bench.minutes_of(20, [25.0, 40.0], &still(8)), None, "one is not");
    assert_eq!(bench.minutes_of(20, [25.0, 33.0], &still(8)), Some((15, 6)), "the larger");
    let mut bench = Bench::new(&[tracking(0, false), tracking(1, true)]);
    assert_eq!(bench.minutes_of(20, [25.0, 40.0], &still(8)), Some((15, 4)), "one never does");
}

#[test]
fn an_acting_scale_out_alarm_holds_capacity() {
    let policies = [step("in", BELOW, CHANGE, &[(None, Some(0.0), -1)]), tracking(1, false)];
    let mut bench = Bench::new(&policies);
    let full = GroupSize { max_size: 10, ..still(10) };
    for minute in 1..=6 {
        let evaluation = bench.minute_of([20.0, 90.0], &full, 0);
        let to = evaluation.decision.map(|it| it.new_desired);
        assert_eq!(to, (minute < 3).then_some(9), "until the high alarm acts");
    }
    assert_eq!(bench.scaler.not_scaled, Some(GroupNotScaled::AtMaximum));
}

#[test]
fn suspended_notifications_decide_nothing_and_alarms_act_once_they_are_resumed() {
    let mut bench = Bench::new(&[percent_out()]);
    bench.store.record(MetricId(0), SimTime::ZERO, StatisticSet::of(90.0));
    let size = still(10);
    let suspended = bench.scaler.evaluate(SimTime::ZERO + MINUTE, &size, |_| 0, true, &bench.store);
    assert_eq!(suspended.decision, None);
    assert_eq!(suspended.alarm_changes.len(), 1, "the alarm goes on");
    bench.minute = 1;
    assert_eq!(bench.after(90.0, &size, 0), Some(13));
}

#[test]
fn no_policy_scales_in_below_a_floor() {
    let mut bench = Bench::new(&[simple("in", BELOW, (CHANGE, -5), Some(0))]);
    bench.scaler.set_floor(8);
    assert_eq!(bench.after(20.0, &still(10), 0), Some(8));
    bench.scaler.settled(bench.now());
    let evaluation = bench.minute_of([20.0; 2], &still(8), 0);
    assert_eq!(evaluation.not_scaled, Some(GroupNotScaled::AtMinimum));
    bench.scaler.set_floor(0);
    assert_eq!(bench.after(20.0, &still(8), 0), Some(3));
    bench.scaler.settled(bench.now());
    assert_eq!(bench.after(20.0, &still(3), 0), Some(1), "the minimum size");
}

#[test]
fn a_decision_carries_the_cause_in_the_words_of_auto_scaling() {
    let mut bench = Bench::new(&[percent_out()]);
    let decision = bench.minute_of([60.0; 2], &still(10), 0).decision.expect("one more");
    assert_eq!(
        decision.cause,
        "a monitor alarm out-alarm in state ALARM triggered policy out changing the desired capacity from \
         10 to 11."
    );
    let mut bench = Bench::new(&[tracking(0, false)]);
    for _ in 0..14 {
        bench.after(10.0, &still(10), 0);
    }
    let decision = bench.minute_of([10.0; 2], &still(10), 0).decision.expect("fewer");
    assert!(
        decision.cause.starts_with(
            "a monitor alarm TargetTracking-asg-AlarmLow-track-0 in state ALARM triggered policy track-0"
        ),
        "{}",
        decision.cause
    );
}

#[test]
fn warm_up_is_the_policys_else_the_groups_else_the_default_cooldown() {
    let (own, group) = (SimDuration::from_secs(10), SimDuration::from_secs(20));
    let settings = GroupScaling::default();
    assert_eq!(settings.warm_up(None), SimDuration::from_secs(300));
    let settings = GroupScaling { default_instance_warmup: Some(group), ..settings };
    assert_eq!(settings.warm_up(None), group);
    assert_eq!(settings.warm_up(Some(own)), own);
}

#[test]
fn what_the_api_would_refuse_is_named() {
    let mut policy = simple("exact", ABOVE, (AdjustmentType::ExactCapacity, 5), None);
    let GroupPolicyKind::Simple(simple) = &mut policy.kind else { unreachable!("made above") };
    simple.adjustment = -1;
    simple.min_adjustment_magnitude = Some(1);
    let found = simple.problems().join("; ");
    assert!(found.contains("negative capacity") && found.contains("percentages only"), "{found}");
}

use super::*;
use crate::autoscaling::{
    AdjustmentType, AlarmSettings, AlarmState, ComparisonOperator, MetricAggregation,
    StepAdjustment, TreatMissingData,
};
use crate::metrics::{Metric, MetricSource, ServiceMeasure, Statistic, StatisticSet};
use crate::units::{IdVec, MetricId, ServiceId};

mod options;

const MINUTE: SimDuration = SimDuration::from_secs(60);
const CPU: MetricId = MetricId(0);
const MEMORY: MetricId = MetricId(1);

fn at(seconds: u64) -> SimTime {
    SimTime::from_secs(seconds)
}

/// CPU and memory of one service.
fn store(delay: u64, scaler: &ServiceScaler) -> MetricStore {
    let metric = |measure| Metric {
        source: MetricSource::Service(ServiceId(0), measure),
        period: MINUTE,
        delay: SimDuration::from_secs(delay),
    };
    let measures = [ServiceMeasure::CpuUtilization, ServiceMeasure::MemoryUtilization];
    let metrics: IdVec<MetricId, Metric> = measures.map(metric).into_iter().collect();
    let mut store = MetricStore::new(&metrics);
    scaler.retain(&mut store);
    store
}

fn tracking(metric: MetricId, target_value: f64) -> TargetTrackingPolicy {
    TargetTrackingPolicy {
        name: format!("policy-{}", metric.0),
        query: MetricQuery::per_minute(metric, Statistic::Average),
        target_value,
        scale_out_cooldown: SimDuration::from_secs(300),
        scale_in_cooldown: SimDuration::from_secs(300),
        disable_scale_in: false,
    }
}

fn target(min: u32, max: u32) -> ScalableTarget {
    ScalableTarget {
        min_capacity: min,
        max_capacity: max,
        target_tracking: Vec::new(),
        step_scaling: Vec::new(),
        scheduled: Vec::new(),
        ..ScalableTarget::default()
    }
}

fn tracker(min: u32, max: u32, target_value: f64) -> ScalableTarget {
    let target_tracking = vec![tracking(CPU, target_value)];
    ScalableTarget { target_tracking, ..target(min, max) }
}

/// A policy of one or more steps whose alarm needs a single point beyond 50 %.
fn steps(
    name: &str,
    operator: ComparisonOperator,
    adjustment_type: AdjustmentType,
    steps: &[(Option<f64>, Option<f64>, i32)],
) -> StepScalingPolicy {
    StepScalingPolicy {
        name: name.to_owned(),
        alarm: AlarmSettings {
            name: format!("{name}-alarm"),
            query: MetricQuery::per_minute(CPU, Statistic::Average),
            comparison_operator: operator,
            threshold: 50.0,
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

fn still(running: u32, desired: u32) -> ServiceCapacity {
    ServiceCapacity { running, desired, deployment_in_progress: false }
}

/// A scaler with its metrics, fed by hand: one call per minute.
struct Bench {
    scaler: ServiceScaler,
    store: MetricStore,
    minute: u64,
}

impl Bench {
    fn new(target: &ScalableTarget) -> Self {
        Self::with(target, ScalingRules::default())
    }

    fn with(target: &ScalableTarget, rules: ScalingRules) -> Self {
        let scaler = ServiceScaler::new("service/default/web", target, rules);
        let store = store(0, &scaler);
        Self { scaler, store, minute: 0 }
    }

    fn now(&self) -> SimTime {
        at(60 * self.minute)
    }

    /// A minute with these values passes.
    fn minute_of(&mut self, cpu: f64, memory: f64, capacity: ServiceCapacity) -> Evaluation {
        self.store.record(CPU, self.now(), StatisticSet::of(cpu));
        self.store.record(MEMORY, self.now(), StatisticSet::of(memory));
        self.minute += 1;
        let now = self.now();
        self.scaler.evaluate(now, capacity, &self.store)
    }

    /// Minutes until something is decided, at most `n`.
    fn minutes_of(
        &mut self,
        n: u32,
        cpu: f64,
        memory: f64,
        capacity: ServiceCapacity,
    ) -> Option<ScalingDecision> {
        (0..n).find_map(|_| self.minute_of(cpu, memory, capacity).decision)
    }
}

/// What a service under load did: instants and new desired counts, and the alarm's changes.
#[derive(Debug, PartialEq)]
struct Timeline {
    desired: Vec<(u64, u32)>,
    high_alarm: Vec<(u64, AlarmState)>,
}

/// Load in percent-tasks over time, spread over the running tasks, each capped at 100 %. Started tasks
/// run after 40 s, stopped ones are gone at once. Each minute's point is the ratio of the sums.
fn drive(settings: &ScalableTarget, delay: u64, until: u64, load: impl Fn(u64) -> f64) -> Timeline {
    const START_UP: u64 = 40;
    let mut scaler = ServiceScaler::new("service/default/web", settings, ScalingRules::default());
    let mut store = store(delay, &scaler);
    let (mut running, mut desired) = (4, 4);
    let mut starts: Option<(u64, u32)> = None;
    let mut timeline = Timeline { desired: Vec::new(), high_alarm: Vec::new() };
    let (mut used, mut offered) = (0.0, 0.0);
    for second in 0..until {
        if let Some((_, count)) = starts.take_if(|(start, _)| *start == second) {
            running = count;
            scaler.observe_running(at(second), running);
        }
        let capacity = f64::from(100 * running);
        used += load(second).min(capacity);
        offered += capacity;
        let end = second + 1;
        if !end.is_multiple_of(60) {
            continue;
        }
        store.record(CPU, at(end - 60), StatisticSet::of(100.0 * used / offered));
        (used, offered) = (0.0, 0.0);
        let evaluation = scaler.evaluate(at(end), still(running, desired), &store);
        for change in evaluation.alarm_changes {
            if change.name.contains("AlarmHigh") {
                timeline.high_alarm.push((end, change.to));
            }
        }
        if let Some(decision) = evaluation.decision {
            timeline.desired.push((end, decision.new_desired));
            desired = decision.new_desired;
            match decision.direction {
                ScalingDirection::Out => starts = Some((end + START_UP, desired)),
                ScalingDirection::In => {
                    running = desired;
                    scaler.observe_running(at(end), running);
                }
            }
        }
    }
    timeline
}

#[test]
fn tv_tt_3_load_step_up_and_down() {
    let load = |second| if (600..3600).contains(&second) { 400.0 } else { 160.0 };
    let timeline = drive(&tracker(1, 100, 50.0), 0, 9000, load);
    assert_eq!(timeline.desired, [(780, 8), (4500, 4)]);
    let states = [(60, AlarmState::Ok), (780, AlarmState::Alarm), (900, AlarmState::Ok)];
    assert_eq!(timeline.high_alarm, states);
    assert_eq!(drive(&tracker(1, 100, 50.0), 120, 9000, load).desired, [(900, 8), (4620, 4)]);
}

#[test]
fn tv_tt_4_saturation_limits_each_step() {
    let load = |second| if second < 600 { 160.0 } else { 1000.0 };
    let slow = tracker(1, 100, 75.0);
    assert_eq!(drive(&slow, 0, 5000, load).desired, [(780, 6), (1140, 8), (1500, 11), (1860, 14)]);
    let mut quick = slow.clone();
    quick.target_tracking[0].scale_out_cooldown = SimDuration::from_secs(60);
    assert_eq!(drive(&quick, 0, 5000, load).desired, [(780, 6), (900, 8), (1020, 11), (1140, 14)]);
    let low_target = tracker(1, 100, 50.0);
    assert_eq!(drive(&low_target, 0, 5000, load).desired, [(780, 8), (1140, 16), (1500, 20)]);
}

#[test]
fn tv_tt_2_the_largest_result_wins() {
    let above = ComparisonOperator::GreaterThan;
    let small = steps("a", above, AdjustmentType::ChangeInCapacity, &[(Some(0.0), None, 3)]);
    let large =
        steps("b", above, AdjustmentType::PercentChangeInCapacity, &[(Some(0.0), None, 200)]);
    for step_scaling in [vec![small.clone(), large.clone()], vec![large, small]] {
        let settings = ScalableTarget { step_scaling, ..target(1, 100) };
        let decision = Bench::new(&settings).minute_of(60.0, 0.0, still(10, 10)).decision;
        let decision = decision.expect("scales out");
        assert_eq!((decision.from, decision.new_desired, &*decision.policy), (10, 30, "b"));
        assert_eq!(decision.cause, "monitor alarm b-alarm in state ALARM triggered policy b");
        assert_eq!(decision.description(), "Setting desired count to 30.");
    }
}

/// CPU at 25 % of 50 % wants 4 of 8; memory is as given.
fn two_policies(memory: f64, disable_memory_scale_in: bool) -> Option<u32> {
    let mut memory_policy = tracking(MEMORY, 50.0);
    memory_policy.disable_scale_in = disable_memory_scale_in;
    let target_tracking = vec![tracking(CPU, 50.0), memory_policy];
    let settings = ScalableTarget { target_tracking, ..target(1, 100) };
    let decision = Bench::new(&settings).minutes_of(30, 25.0, memory, still(8, 8));
    decision.map(|decision| decision.new_desired)
}

#[test]
fn tv_tt_5_scale_in_needs_all_policies_and_takes_the_largest() {
    assert_eq!(two_policies(37.5, false), Some(6));
    assert_eq!(two_policies(48.0, false), None);
    assert_eq!(two_policies(48.0, true), Some(4));
}

#[test]
fn a_policy_that_is_not_ready_blocks_scale_in_even_if_its_law_would_allow_it() {
    let target_tracking = vec![tracking(CPU, 50.0), tracking(MEMORY, 50.0)];
    let mut bench = Bench::new(&ScalableTarget { target_tracking, ..target(1, 100) });
    // Memory at 46 % of 50 % asks for 19 of 20, but its low alarm needs less than 45 %.
    assert_eq!(bench.minutes_of(20, 10.0, 46.0, still(20, 20)), None);
    let reason = bench.minute_of(10.0, 46.0, still(20, 20)).not_scaled.map(|it| it.reason);
    assert_eq!(reason, Some(NotScaledReason::OtherPoliciesNotReady));
}

#[test]
fn tv_tt_6_counts_outside_the_bounds() {
    let run = |min, max, value, desired| {
        let mut bench = Bench::new(&tracker(min, max, 50.0));
        let decision = bench.minutes_of(20, value, 0.0, still(desired, desired));
        decision.map(|decision| decision.new_desired)
    };
    assert_eq!(run(3, 10, 100.0, 1), Some(3));
    // First to the minimum, even if the law asks for more already.
    assert_eq!(run(3, 10, 400.0, 1), Some(3));
    assert_eq!(run(3, 10, 10.0, 1), None);
    assert_eq!(run(3, 10, 10.0, 14), Some(10));
    assert_eq!(run(3, 10, 100.0, 14), None);
}

#[test]
fn tv_step_5_a_larger_step_in_the_cooldown_adds_the_difference() {
    let above = ComparisonOperator::GreaterThan;
    let table = [(Some(0.0), Some(20.0), 2), (Some(20.0), None, 3)];
    let policy = steps("out", above, AdjustmentType::ChangeInCapacity, &table);
    let settings = ScalableTarget { step_scaling: vec![policy], ..target(1, 100) };
    let mut bench = Bench::new(&settings);
    let mut decide = |value, capacity| {
        let decision = bench.minute_of(value, 0.0, capacity).decision;
        decision.map(|decision| decision.new_desired)
    };
    assert_eq!(decide(60.0, still(10, 10)), Some(12));
    // Fulfilled, so the cooldown runs: the same step adds nothing, the larger one its surplus.
    assert_eq!(decide(60.0, still(12, 12)), None);
    assert_eq!(decide(80.0, still(12, 12)), Some(13));
    // Fulfilled again at 240 s: the new cooldown of 300 s ends at 540 s.
    for _ in 0..5 {
        assert_eq!(decide(80.0, still(13, 13)), None);
    }
    assert_eq!(decide(80.0, still(13, 13)), Some(16));
}

#[test]
fn tv_sch_1_scheduled_bounds_move_the_count_only_into_them() {
    let change = |min_capacity, max_capacity| ScheduledChange {
        at: SimTime::ZERO,
        name: "night".to_owned(),
        min_capacity,
        max_capacity,
    };
    for (min, max, expected) in [
        (Some(8), None, 8),
        (None, Some(4), 4),
        (Some(1), None, 5),
        (Some(3), Some(10), 5),
        (Some(0), Some(0), 0),
    ] {
        let mut scaler =
            ServiceScaler::new("service/default/web", &target(2, 20), ScalingRules::default());
        let outcome = scaler
            .apply_scheduled(SimTime::ZERO, &change(min, max), still(5, 5))
            .expect("the bounds are in order");
        assert_eq!(outcome.decision.map_or(5, |decision| decision.new_desired), expected);
        assert_eq!(scaler.bounds(), (min.unwrap_or(2), max.unwrap_or(20)));
    }
    let mut scaler =
        ServiceScaler::new("service/default/web", &target(2, 20), ScalingRules::default());
    let rejected = scaler.apply_scheduled(SimTime::ZERO, &change(Some(21), None), still(5, 5));
    assert_eq!(rejected, Err(RejectedChange { min_capacity: 21, max_capacity: 20 }));
    assert_eq!(scaler.bounds(), (2, 20));
    let cause = scaler
        .apply_scheduled(SimTime::ZERO, &change(Some(9), None), still(5, 5))
        .ok()
        .and_then(|outcome| outcome.decision)
        .map(|decision| decision.cause);
    assert_eq!(cause.as_deref(), Some("minimum capacity was set to 9"));
}

#[test]
fn registration_pulls_the_count_into_the_bounds() {
    let scaler = ServiceScaler::new("service/default/web", &target(2, 20), ScalingRules::default());
    assert_eq!([1, 5, 50].map(|desired| scaler.registered_capacity(desired)), [2, 5, 20]);
}

#[test]
fn fulfilment_ends_the_activity_and_starts_the_cooldown() {
    let mut bench = Bench::new(&tracker(1, 100, 50.0));
    let decision = bench.minutes_of(3, 100.0, 0.0, still(4, 4)).expect("scales out");
    assert_eq!((bench.now(), decision.new_desired), (at(180), 8));
    assert!(bench.scaler.has_activity());
    assert_eq!(bench.scaler.observe_running(at(200), 7), None);
    let end = bench.scaler.observe_running(at(220), 8).expect("fulfilled");
    assert_eq!(
        end,
        ActivityEnd { from: 4, to: 8, started: at(180), status: ActivityStatus::Successful }
    );
    assert_eq!(
        end.message(),
        "Successfully set desired count to 8. Change successfully fulfilled by ecs."
    );
    // Cooldown until 520 s, from the base of 4: 100 % still asks for 8.
    for _ in 0..5 {
        let evaluation = bench.minute_of(100.0, 0.0, still(8, 8));
        assert_eq!(evaluation.decision, None, "{:?}", bench.now());
        let reason = evaluation.not_scaled.map(|not_scaled| not_scaled.reason);
        assert_eq!(reason, Some(NotScaledReason::AlreadyAtDesiredCapacity));
    }
    let next = bench.minute_of(100.0, 0.0, still(8, 8)).decision.expect("after the cooldown");
    assert_eq!((bench.now(), next.new_desired), (at(540), 16));
}

#[test]
fn an_unplaceable_scale_out_ends_unfulfilled_and_does_not_run_away() {
    let mut bench = Bench::new(&tracker(1, 100, 50.0));
    assert_eq!(
        bench.minutes_of(3, 100.0, 0.0, still(4, 4)).map(|decision| decision.new_desired),
        Some(8)
    );
    let mut ended = None;
    while ended.is_none() {
        // Four tasks never find a place: the law keeps asking for what is desired already.
        let evaluation = bench.minute_of(100.0, 0.0, still(4, 8));
        assert_eq!(evaluation.decision, None);
        ended = evaluation.ended;
    }
    assert_eq!(ended.map(|end| end.status), Some(ActivityStatus::Unfulfilled));
    assert_eq!(bench.now(), at(780));
}

#[test]
fn a_scale_out_cancels_the_scale_in_cooldown_and_a_scale_in_waits_for_it() {
    let mut bench = Bench::new(&tracker(1, 100, 50.0));
    let decision = bench.minutes_of(15, 25.0, 0.0, still(8, 8)).expect("scales in");
    assert_eq!((bench.now(), decision.new_desired), (at(900), 4));
    bench.scaler.observe_running(at(910), 4);
    let blocked = bench.minute_of(10.0, 0.0, still(4, 4));
    let reason = blocked.not_scaled.map(|not_scaled| not_scaled.reason);
    assert_eq!(reason, Some(NotScaledReason::ScaleInCooldown));
    let decision = bench.minutes_of(3, 100.0, 0.0, still(4, 4)).expect("scales out at once");
    assert_eq!((bench.now(), decision.new_desired), (at(1140), 8));
    assert_eq!(decision.direction, ScalingDirection::Out);
}

#[test]
fn scale_in_waits_for_deployments_but_scale_out_does_not() {
    let deploying = ServiceCapacity { running: 8, desired: 8, deployment_in_progress: true };
    let mut bench = Bench::new(&tracker(1, 100, 50.0));
    assert_eq!(bench.minutes_of(14, 25.0, 0.0, deploying), None);
    let reason = bench.minute_of(25.0, 0.0, deploying).not_scaled.map(|it| it.reason);
    assert_eq!(reason, Some(NotScaledReason::DeploymentInProgress));
    assert_eq!(
        bench.minutes_of(3, 100.0, 0.0, deploying).map(|decision| decision.new_desired),
        Some(16)
    );
}

#[test]
fn scale_in_takes_the_highest_judged_point() {
    let mut bench = Bench::new(&tracker(1, 100, 50.0));
    bench.minute_of(40.0, 0.0, still(10, 10));
    let decision = bench.minutes_of(14, 10.0, 0.0, still(10, 10)).expect("scales in");
    assert_eq!(decision.new_desired, 8);
}

#[test]
fn anticipated_flapping_is_named() {
    let mut bench = Bench::new(&tracker(1, 100, 50.0));
    // 44 % is below the low alarm's 45 %, but 5 tasks instead of 6 would be at 52.8 %.
    assert_eq!(bench.minutes_of(14, 44.0, 0.0, still(6, 6)), None);
    let reason = bench.minute_of(44.0, 0.0, still(6, 6)).not_scaled.map(|it| it.reason);
    assert_eq!(reason, Some(NotScaledReason::AnticipatedFlapping));
}

#[test]
fn step_scale_in_does_not_wait_for_target_tracking() {
    let below = ComparisonOperator::LessThan;
    let policy = steps("in", below, AdjustmentType::ChangeInCapacity, &[(None, Some(0.0), -1)]);
    let settings = ScalableTarget { step_scaling: vec![policy], ..tracker(1, 100, 50.0) };
    let decision = Bench::new(&settings).minute_of(49.0, 0.0, still(8, 8)).decision;
    let decision = decision.expect("the step policy acts on its own");
    assert_eq!((decision.new_desired, &*decision.policy), (7, "in"));
}

#[test]
fn from_zero_one_data_point_starts_the_minimum() {
    let mut bench = Bench::new(&tracker(0, 100, 50.0));
    let decision = bench.minute_of(400.0, 0.0, still(0, 0)).decision.expect("starts");
    assert_eq!(decision.new_desired, 1);
    assert_eq!(bench.scaler.observe_running(at(90), 1).map(|end| end.to), Some(1));
    // In the cooldown, the law continues from the one running task.
    let next = bench.minutes_of(3, 400.0, 0.0, still(1, 1)).expect("continues");
    assert_eq!(next.new_desired, 8);
}

#[test]
fn insufficient_data_decides_nothing() {
    let settings = tracker(1, 100, 50.0);
    let mut scaler = ServiceScaler::new("service/default/web", &settings, ScalingRules::default());
    let store = store(0, &scaler);
    for minute in 1..100 {
        let evaluation = scaler.evaluate(at(60 * minute), still(8, 8), &store);
        assert_eq!(evaluation, Evaluation::default());
    }
}

#[test]
fn a_quiet_minute_does_not_allocate() {
    let mut bench = Bench::new(&tracker(1, 100, 50.0));
    bench.minutes_of(20, 48.0, 0.0, still(8, 8));
    let evaluation = bench.minute_of(48.0, 0.0, still(8, 8));
    assert_eq!(evaluation, Evaluation::default());
    assert_eq!(evaluation.alarm_changes.capacity(), 0);
}

#[test]
fn a_scheduled_action_overrides_an_activity_and_ignores_cooldowns() {
    let mut bench = Bench::new(&tracker(1, 100, 50.0));
    assert!(bench.minutes_of(3, 100.0, 0.0, still(4, 4)).is_some());
    let change = ScheduledChange {
        at: at(200),
        name: "morning".to_owned(),
        min_capacity: Some(20),
        max_capacity: None,
    };
    let outcome = bench.scaler.apply_scheduled(at(200), &change, still(4, 8)).expect("applies");
    assert_eq!(outcome.ended.map(|end| end.status), Some(ActivityStatus::Overridden));
    let decision = outcome.decision.expect("lifts");
    assert_eq!((decision.from, decision.new_desired), (8, 20));
    assert_eq!(bench.scaler.bounds(), (20, 100));
}

#[test]
fn a_scale_in_cooldown_that_was_cancelled_does_not_come_back() {
    let mut settings = tracker(1, 100, 50.0);
    settings.target_tracking[0].scale_in_cooldown = SimDuration::from_secs(86_400);
    let mut bench = Bench::new(&settings);
    assert!(bench.minutes_of(15, 25.0, 0.0, still(8, 8)).is_some());
    assert!(bench.minutes_of(3, 100.0, 0.0, still(4, 4)).is_some());
    let decision = bench.minutes_of(15, 25.0, 0.0, still(8, 8)).expect("scales in again");
    assert_eq!(decision.new_desired, 4);
}

#[test]
fn tasks_that_are_still_stopping_are_not_removed_twice() {
    let mut bench = Bench::new(&tracker(1, 100, 50.0));
    let decision = bench.minutes_of(15, 20.0, 0.0, still(8, 8)).expect("scales in");
    assert_eq!(decision.new_desired, 4);
    // Seven still run, and the points are those of eight: the law alone would ask for three.
    let blocked = bench.minute_of(20.0, 0.0, still(7, 4));
    assert_eq!(blocked.decision, None);
    let reason = blocked.not_scaled.map(|it| it.reason);
    assert_eq!(reason, Some(NotScaledReason::ActivityInProgress));
}

#[test]
fn a_decision_on_its_way_is_not_repeated() {
    let mut bench = Bench::new(&tracker(1, 100, 50.0));
    assert!(bench.minutes_of(3, 100.0, 0.0, still(4, 4)).is_some());
    assert_eq!(bench.minute_of(100.0, 0.0, still(4, 4)).decision, None);
}

#[test]
fn scale_in_lowers_both_the_desired_and_the_running_count() {
    // Four of eight found no place: the law keeps the four, and the eight stay desired.
    let mut unplaced = Bench::new(&tracker(1, 100, 50.0));
    assert_eq!(unplaced.minutes_of(20, 44.0, 0.0, still(4, 8)), None);
    // More run than desired: the law's five must not raise the desired four.
    let mut stopping = Bench::new(&tracker(1, 100, 50.0));
    assert_eq!(stopping.minutes_of(20, 25.0, 0.0, still(10, 4)), None);
}

#[test]
fn the_bounds_are_named_when_they_hold_capacity() {
    let reason = |minutes, value, desired| {
        let mut bench = Bench::new(&tracker(2, 6, 50.0));
        bench.minutes_of(minutes, value, 0.0, still(desired, desired));
        let evaluation = bench.minute_of(value, 0.0, still(desired, desired));
        assert_eq!(evaluation.decision, None);
        evaluation.not_scaled.map(|it| it.reason)
    };
    assert_eq!(reason(3, 100.0, 6), Some(NotScaledReason::AlreadyAtMaxCapacity));
    assert_eq!(reason(20, 10.0, 2), Some(NotScaledReason::AlreadyAtMinCapacity));
}

proptest::proptest! {
    /// Whatever the metric does, a decision goes the way it says and stays within the bounds.
    #[test]
    fn decisions_stay_within_the_bounds(
        values in proptest::collection::vec((0.0..200.0_f64, 0_u32..3), 1..120),
        initial in 0_u32..30,
    ) {
        let below = ComparisonOperator::LessThan;
        let above = ComparisonOperator::GreaterThan;
        let kind = AdjustmentType::PercentChangeInCapacity;
        let step_scaling = vec![
            steps("in", below, kind, &[(None, Some(-30.0), -50), (Some(-30.0), Some(0.0), -10)]),
            steps("out", above, kind, &[(Some(0.0), Some(80.0), 10), (Some(80.0), None, 60)]),
        ];
        let settings = ScalableTarget { step_scaling, ..tracker(2, 20, 50.0) };
        let mut bench = Bench::new(&settings);
        let (mut desired, mut running) = (initial, initial);
        for (value, arrivals) in values {
            // Tasks come and go one by one, so that activities take time.
            for _ in 0..arrivals {
                running = if running < desired { running + 1 } else { running.min(desired + 1) };
            }
            let evaluation = bench.minute_of(value, 0.0, still(running, desired));
            if let Some(decision) = evaluation.decision {
                proptest::prop_assert_eq!(decision.from, desired);
                proptest::prop_assert!((2..=20).contains(&decision.new_desired));
                let out = decision.new_desired > desired;
                proptest::prop_assert_eq!(out, decision.direction == ScalingDirection::Out);
                proptest::prop_assert_ne!(decision.new_desired, desired);
                desired = decision.new_desired;
            }
        }
    }
}

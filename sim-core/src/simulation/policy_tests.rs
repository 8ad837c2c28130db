//! Policies in whole runs: timelines of the documents, metrics of every kind, suspension.

use std::sync::Arc;

use super::testing::{definition, empty, run, seconds, service, watch};
use crate::autoscaling::{
    AdjustmentType, AlarmPhase, AlarmSettings, ComparisonOperator, MetricAggregation,
    StepAdjustment, StepScalingPolicy, SuspendedState, TargetTrackingPolicy, TreatMissingData,
};
use crate::engine::DurationDistribution;
use crate::metrics::{
    MathBuilder, MathQuery, Metric, MetricQuery, MetricSource, MetricTrace, QueryKind,
    ServiceMeasure, Statistic,
};
use crate::results::{EventCategory, RunResults};
use crate::scenario::*;
use crate::traffic::{AfterEnd, RequestRate};
use crate::units::{Cpu, MetricId, Mib, ServiceId, SimDuration, SimTime, TaskDefinitionId};

/// Four tasks of one vCPU that start within 40 s, under a load in percent-tasks per minute.
fn loaded(percent: impl Fn(u64) -> u64, minutes: u64) -> Scenario {
    let mut scenario = empty();
    scenario.duration = seconds(60 * minutes);
    scenario.task_definitions.push(definition(1024, 2048));
    scenario
        .capacity_providers
        .push(CapacityProvider { name: "fargate".into(), kind: CapacityProviderKind::Fargate });
    scenario.control_plane.fargate_provisioning = DurationDistribution::Constant(seconds(40));
    // A request takes 100 ms of CPU: ten per second are one task's 100 %.
    let counts: Vec<u64> = (0..minutes).map(|minute| percent(60 * minute) * 6).collect();
    let rate = RequestRate::from_trace(seconds(60), &counts, AfterEnd::Repeat).expect("a trace");
    let mut web = service("web", 4, LaunchTarget::Fargate);
    web.starts_ready = true;
    web.load = Some(ServiceLoad {
        rate: Arc::new(rate),
        cpu_per_request: SimDuration::from_millis(100),
        other_latency: SimDuration::ZERO,
        algorithm: BalancingAlgorithm::LeastOutstandingRequests,
        timeout: seconds(60),
        fidelity: crate::scenario::Fidelity::default(),
        parallelism: None,
        idle_cpu: Cpu::ZERO,
        idle_memory: Mib::new(100),
        memory_per_request_kib: 0,
    });
    scenario.services.push(web);
    scenario
}

fn track(scenario: &mut Scenario, query: MetricQuery, target_value: f64) {
    let policy = TargetTrackingPolicy {
        name: "track".into(),
        query,
        target_value,
        scale_out_cooldown: seconds(300),
        scale_in_cooldown: seconds(300),
        disable_scale_in: false,
    };
    let target = scenario.services[0].scaling.get_or_insert_with(|| ScalableTarget {
        min_capacity: 1,
        max_capacity: 100,
        ..ScalableTarget::default()
    });
    target.target_tracking.push(policy);
}

fn cpu(scenario: &mut Scenario, delay: u64) -> MetricQuery {
    watch(scenario, 0, ServiceMeasure::CpuUtilization, seconds(delay))
}

/// Instants in seconds and new desired counts.
fn changes(results: &RunResults) -> Vec<(u64, u32)> {
    let events = results.event_records.iter();
    let scaling = events.filter(|event| event.category == EventCategory::ServiceScaling);
    let seconds = |at: SimTime| at.as_nanos() / 1_000_000_000;
    scaling.filter_map(|event| event.change.map(|(_, to)| (seconds(event.at), to))).collect()
}

fn says(results: &RunResults, words: &str) -> Vec<u64> {
    let events = results.event_records.iter().filter(|event| event.message.contains(words));
    events.map(|event| event.at.as_nanos() / 1_000_000_000).collect()
}

fn step_load(second: u64) -> u64 {
    if (600..3600).contains(&second) { 400 } else { 160 }
}

#[test]
fn tv_tt_3_runs_end_to_end() {
    for (delay, expected) in [(0, [(780, 8), (4500, 4)]), (120, [(900, 8), (4620, 4)])] {
        let mut scenario = loaded(step_load, 150);
        let query = cpu(&mut scenario, delay);
        track(&mut scenario, query, 50.0);
        assert_eq!(changes(&run(&scenario)), expected, "delay {delay} s");
    }
}

#[test]
fn tv_tt_4_runs_end_to_end() {
    for (target, cooldown, expected) in [
        (75.0, 300, &[(780, 6), (1140, 8), (1500, 11), (1860, 14)][..]),
        (75.0, 60, &[(780, 6), (900, 8), (1020, 11), (1140, 14)]),
        (50.0, 300, &[(780, 8), (1140, 16), (1500, 20)]),
    ] {
        let mut scenario = loaded(|second| if second < 600 { 160 } else { 1000 }, 80);
        // Requests that wait would keep tasks busy beyond the load of the vector.
        if let Some(load) = &mut scenario.services[0].load {
            load.timeout = SimDuration::from_millis(200);
        }
        let query = cpu(&mut scenario, 0);
        track(&mut scenario, query, target);
        let policies = scenario.services[0].scaling.as_mut().expect("it scales");
        policies.target_tracking[0].scale_out_cooldown = seconds(cooldown);
        assert_eq!(changes(&run(&scenario)), expected, "target {target}, cooldown {cooldown} s");
    }
}

/// The same service with CPU every 20 s.
fn high_resolution(delay: u64) -> Scenario {
    let mut scenario = loaded(step_load, 150);
    let metric = MetricId(0);
    scenario.metrics.push(Metric {
        source: MetricSource::Service(ServiceId(0), ServiceMeasure::CpuUtilization),
        period: seconds(20),
        delay: seconds(delay),
    });
    let kind = QueryKind::Metric(metric, Statistic::Average);
    track(&mut scenario, MetricQuery { kind, period: seconds(20) }, 50.0);
    scenario
}

#[test]
fn gap_08_metrics_of_20_s_act_after_a_minute_and_scale_in_as_slowly_as_others() {
    // Three points of 20 s end at 660 s; fifteen minutes below 45 % end at 4500 s.
    assert_eq!(changes(&run(&high_resolution(0))), [(660, 8), (4500, 4)]);
    // The low alarm has a period of 60 s and is evaluated each minute.
    assert_eq!(changes(&run(&high_resolution(10))), [(670, 8), (4560, 4)]);
    let mut scenario = high_resolution(0);
    scenario.control_plane.scaling.low_alarm_period = seconds(20);
    // Fifteen points of 20 s: TV-TT-3 would scale in at 3900 s.
    assert_eq!(changes(&run(&scenario)), [(660, 8), (3900, 4)]);
}

#[test]
fn gap_02_hashed_alarms_act_at_their_own_second() {
    let mut scenario = loaded(step_load, 150);
    let query = cpu(&mut scenario, 0);
    track(&mut scenario, query, 50.0);
    scenario.control_plane.scaling.alarms.phase = AlarmPhase::Hashed;
    let found = changes(&run(&scenario));
    let [(out, 8), (back, 4)] = found[..] else { panic!("{found:?}") };
    assert!((780..840).contains(&out) && (4500..4560).contains(&back), "{found:?}");
    assert!(!out.is_multiple_of(60) && !back.is_multiple_of(60), "the hash of this name is not 0");
    assert_ne!(out % 60, back % 60, "each alarm has its own phase");
}

#[test]
fn gap_14_scheduled_actions_take_their_own_delay() {
    let mut scenario = loaded(|_| 160, 20);
    scenario.control_plane.scheduled_action_delay = seconds(3);
    scenario.services[0].scaling = Some(ScalableTarget {
        min_capacity: 1,
        max_capacity: 20,
        scheduled: vec![ScheduledChange {
            at: SimTime::from_secs(300),
            name: "more".into(),
            min_capacity: Some(6),
            max_capacity: None,
        }],
        ..ScalableTarget::default()
    });
    let results = run(&scenario);
    assert_eq!(changes(&results), [(300, 6)]);
    // 3 s to ECS, 40 s to run.
    assert_eq!(says(&results, "Successful: Successfully set desired count to 6."), [343]);
}

#[test]
fn activities_say_how_they_end_and_why_nothing_was_done() {
    let mut scenario = loaded(step_load, 150);
    let query = cpu(&mut scenario, 0);
    track(&mut scenario, query, 50.0);
    scenario.services[0].scaling.as_mut().expect("it scales").max_capacity = 6;
    let results = run(&scenario);
    assert_eq!(changes(&results), [(780, 6), (4500, 4)]);
    assert_eq!(says(&results, "Change successfully fulfilled by ecs."), [820, 4500]);
    // At 67 % of 50 % the alarm goes on asking; it is said once.
    assert_eq!(says(&results, "Not scaled out: AlreadyAtMaxCapacity"), [840]);
}

#[test]
fn what_is_suspended_does_nothing_and_what_is_resumed_acts_on_alarms_in_breach() {
    let mut scenario = loaded(step_load, 150);
    let query = cpu(&mut scenario, 0);
    track(&mut scenario, query, 50.0);
    let none = SuspendedState::default();
    let target = scenario.services[0].scaling.as_mut().expect("it scales");
    target.suspended = SuspendedState { dynamic_scaling_out: true, ..none };
    target.suspensions = vec![
        (SimTime::from_secs(1210), none),
        (SimTime::from_secs(4000), SuspendedState { dynamic_scaling_in: true, ..none }),
        (SimTime::from_secs(5000), none),
    ];
    // In breach since 780 s; the action after the resumption is that of the next minute.
    assert_eq!(changes(&run(&scenario)), [(1260, 8), (5040, 4)]);
}

#[test]
fn scheduled_actions_that_fall_into_a_suspension_are_lost() {
    let mut scenario = loaded(|_| 160, 20);
    let change = |at, min| ScheduledChange {
        at: SimTime::from_secs(at),
        name: format!("at-{at}"),
        min_capacity: Some(min),
        max_capacity: None,
    };
    scenario.services[0].scaling = Some(ScalableTarget {
        min_capacity: 1,
        max_capacity: 20,
        scheduled: vec![change(300, 6), change(600, 5)],
        suspended: SuspendedState { scheduled_scaling: true, ..SuspendedState::default() },
        suspensions: vec![(SimTime::from_secs(400), SuspendedState::default())],
        ..ScalableTarget::default()
    });
    let results = run(&scenario);
    assert_eq!(changes(&results), [(600, 5)]);
    assert_eq!(says(&results, "at-300 is lost"), [300]);
}

/// An alarm above `threshold` in one minute that adds `adjustment` tasks.
fn step_on(query: MetricQuery, threshold: f64, adjustment: i32) -> StepScalingPolicy {
    StepScalingPolicy {
        name: "step".into(),
        alarm: AlarmSettings {
            name: "alarm".into(),
            query,
            comparison_operator: ComparisonOperator::GreaterThan,
            threshold,
            evaluation_periods: 1,
            datapoints_to_alarm: 1,
            treat_missing_data: TreatMissingData::Missing,
        },
        adjustment_type: AdjustmentType::ChangeInCapacity,
        steps: vec![StepAdjustment { lower: Some(0.0), upper: None, adjustment }],
        min_adjustment_magnitude: None,
        aggregation: MetricAggregation::Average,
        cooldown: seconds(3600),
    }
}

fn steps(scenario: &mut Scenario, policy: StepScalingPolicy) {
    scenario.services[0].scaling = Some(ScalableTarget {
        min_capacity: 1,
        max_capacity: 100,
        step_scaling: vec![policy],
        ..ScalableTarget::default()
    });
}

#[test]
fn a_trace_is_a_metric_with_its_own_period_and_delay() {
    let mut scenario = loaded(|_| 160, 30);
    let values = vec![Some(1.0), None, Some(9.0), Some(1.0)];
    let trace = MetricTrace { values, repeats: false };
    let metric = scenario.metrics.push(Metric {
        source: MetricSource::Trace(Arc::new(trace)),
        period: seconds(300),
        delay: seconds(5),
    });
    let kind = QueryKind::Metric(metric, Statistic::Maximum);
    steps(&mut scenario, step_on(MetricQuery { kind, period: seconds(300) }, 5.0, 3));
    // The third value ends at 900 s, is published at 905 s and judged at 960 s.
    assert_eq!(changes(&run(&scenario)), [(960, 7)]);
}

/// `text` over the CPU (m1) and the running tasks (m2) of the service, by the minute.
fn formula(scenario: &mut Scenario, text: &str, delays: [u64; 2]) -> MathQuery {
    let measures = [ServiceMeasure::CpuUtilization, ServiceMeasure::RunningTaskCount];
    let mut builder = MathBuilder::new();
    let mut operands = Vec::new();
    for ((measure, delay), name) in measures.into_iter().zip(delays).zip(["m1", "m2"]) {
        let query = watch(scenario, 0, measure, seconds(delay));
        let metric = query.metrics().next().expect("one metric");
        operands.push((metric, Statistic::Average));
        builder.metric(name);
    }
    builder.expression("e", text).expect("it is well-formed");
    MathQuery { expression: builder.finish("e").expect("a series"), operands }
}

#[test]
fn metric_math_waits_for_its_latest_operand() {
    // 160 percent-tasks on four tasks, then 400: above 300 from the minute of 600 s on.
    for (delays, at) in [([0, 0], 660), ([120, 0], 780), ([0, 60], 720)] {
        let mut scenario = loaded(step_load, 30);
        let math = formula(&mut scenario, "m1 * m2", delays);
        let query = MetricQuery { kind: QueryKind::Math(Arc::new(math)), period: seconds(60) };
        steps(&mut scenario, step_on(query, 300.0, 2));
        assert_eq!(changes(&run(&scenario)), [(at, 6)], "{delays:?}");
    }
}

#[test]
fn a_published_formula_is_measured_at_once_and_seen_after_its_own_delay() {
    let mut scenario = loaded(step_load, 30);
    // The operands' own delays do not matter to whoever publishes the formula.
    let math = formula(&mut scenario, "m1 * m2", [3000, 3000]);
    let metric = scenario.metrics.push(Metric {
        source: MetricSource::Formula(Arc::new(math)),
        period: seconds(60),
        delay: seconds(5),
    });
    steps(&mut scenario, step_on(MetricQuery::per_minute(metric, Statistic::Average), 300.0, 2));
    assert_eq!(changes(&run(&scenario)), [(720, 6)]);
}

#[test]
fn a_service_without_load_can_scale_on_anothers_metric() {
    let mut scenario = loaded(step_load, 30);
    let query = cpu(&mut scenario, 0);
    let mut follower = service("follower", 2, LaunchTarget::Fargate);
    follower.task_definition = TaskDefinitionId(0);
    follower.scaling = Some(ScalableTarget {
        min_capacity: 1,
        max_capacity: 10,
        step_scaling: vec![step_on(query, 90.0, 1)],
        ..ScalableTarget::default()
    });
    scenario.services.push(follower);
    let results = run(&scenario);
    assert_eq!(changes(&results), [(660, 3)]);
}

/// A forced deployment at 500 s that watches an alarm on a trace of minutes.
fn alarmed(values: [u8; 40]) -> Scenario {
    let mut scenario = loaded(|_| 160, 40);
    let values = values.iter().map(|value| Some(f64::from(*value))).collect();
    let metric = scenario.metrics.push(Metric {
        source: MetricSource::Trace(Arc::new(MetricTrace { values, repeats: false })),
        period: seconds(60),
        delay: SimDuration::ZERO,
    });
    let mut policy = step_on(MetricQuery::per_minute(metric, Statistic::Maximum), 5.0, 1);
    // The alarm is what matters here: nothing scales.
    policy.steps = Vec::new();
    steps(&mut scenario, policy);
    let scheduling = &mut scenario.services[0].scheduling;
    scheduling.deployment.alarms = Some(DeploymentAlarms {
        names: vec!["alarm".into()],
        rollback: true,
        bake_time: seconds(300),
    });
    scheduling.updates = vec![ServiceUpdate {
        at: SimTime::from_secs(500),
        task_definition: None,
        launch: None,
        force_new_deployment: true,
        desired_count: None,
    }];
    scenario
}

#[test]
fn gap_25_a_deployment_is_watched_for_the_bake_time_after_the_old_tasks_are_gone() {
    let results = run(&alarmed([0; 40]));
    // 40 s to start, at once healthy; then five minutes.
    assert_eq!(says(&results, "deployment completed"), [840]);
    assert!(says(&results, "deployment failed").is_empty());
}

#[test]
fn an_alarm_ends_a_deployment_which_is_rolled_back_without_it() {
    let mut values = [0; 40];
    // Above the threshold from the minute of 600 s to that of 1140 s.
    values[10..20].fill(9);
    let results = run(&alarmed(values));
    assert_eq!(says(&results, "deployment failed: alarm detected"), [660]);
    // The alarm is on when the rollback begins, which is why it is not watched, nor is there a bake time:
    // new tasks after 40 s.
    assert_eq!(says(&results, "rolling back"), [660]);
    assert_eq!(says(&results, "deployment completed"), [700]);
}

#[test]
fn an_alarm_that_is_on_when_a_deployment_begins_is_not_watched() {
    let mut values = [0; 40];
    values[5..9].fill(9);
    // Off and on again while the deployment goes on.
    values[10..12].fill(9);
    let results = run(&alarmed(values));
    assert!(says(&results, "deployment failed").is_empty());
    assert_eq!(says(&results, "deployment completed"), [540]);
}

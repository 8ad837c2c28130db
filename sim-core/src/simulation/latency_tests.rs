//! Policies on the response time of the targets of a load balancer, at both levels of fidelity.

use std::f64::consts::{LN_2, LN_10};
use std::sync::Arc;

use super::testing::{definition, empty, service, watch};
use crate::autoscaling::{
    AdjustmentType, AlarmSettings, ComparisonOperator, MetricAggregation, StepAdjustment,
    StepScalingPolicy, TargetTrackingPolicy, TreatMissingData,
};
use crate::metrics::{
    LowSampleCount, MetricQuery, Percentile, QueryKind, ServiceMeasure, Statistic,
};
use crate::results::{EventCategory, RunResults};
use crate::scenario::*;
use crate::traffic::RequestRate;
use crate::units::{Cpu, Mib, SimDuration, SimTime};

fn seconds(n: u64) -> SimDuration {
    SimDuration::from_secs(n)
}

fn run(scenario: &Scenario) -> RunResults {
    super::run(scenario, &mut |_| {}).expect("the run ends")
}

/// One task of a core with five requests of 100 ms a second, for half an hour: M/M/1 at a load of 0.5.
fn half_loaded(fidelity: Fidelity) -> Scenario {
    let mut scenario = empty();
    scenario.duration = seconds(1800);
    scenario.task_definitions.push(definition(1024, 2048));
    scenario
        .capacity_providers
        .push(CapacityProvider { name: "fargate".into(), kind: CapacityProviderKind::Fargate });
    let mut web = service("web", 1, LaunchTarget::Fargate);
    web.starts_ready = true;
    web.load = Some(ServiceLoad {
        fidelity,
        rate: Arc::new(RequestRate::constant(5.0).expect("a rate")),
        cpu_per_request: SimDuration::from_millis(100),
        other_latency: SimDuration::ZERO,
        algorithm: BalancingAlgorithm::WeightedRandom,
        timeout: seconds(60),
        parallelism: None,
        idle_cpu: Cpu::ZERO,
        idle_memory: Mib::new(100),
        memory_per_request_kib: 0,
    });
    scenario.services.push(web);
    scenario
}

/// First come, first served, which has the tail of the fluid.
fn single_requests() -> Fidelity {
    let settings = RequestSettings { discipline: Discipline::Fifo, ..RequestSettings::default() };
    Fidelity::Requests(Box::new(settings))
}

/// The response time of the targets, visible at once.
fn times(scenario: &mut Scenario, statistic: Statistic) -> MetricQuery {
    let query = watch(scenario, 0, ServiceMeasure::TargetResponseTime, SimDuration::ZERO);
    let metric = query.metrics().next().expect("one metric");
    MetricQuery { kind: QueryKind::Metric(metric, statistic), ..query }
}

fn percentile(text: &str, low_samples: LowSampleCount) -> Statistic {
    let percentile = Percentile::parse(text).expect("a percentile");
    Statistic::Percentile(Percentile { low_samples, ..percentile })
}

/// Adds one task, once, when the alarm of one minute is above `threshold`.
fn step_above(scenario: &mut Scenario, query: MetricQuery, threshold: f64) {
    scenario.services[0].scaling = Some(ScalableTarget {
        min_capacity: 1,
        max_capacity: 10,
        step_scaling: vec![StepScalingPolicy {
            name: "slow".into(),
            alarm: AlarmSettings {
                name: "slow-alarm".into(),
                query,
                comparison_operator: ComparisonOperator::GreaterThan,
                threshold,
                evaluation_periods: 1,
                datapoints_to_alarm: 1,
                treat_missing_data: TreatMissingData::Missing,
            },
            adjustment_type: AdjustmentType::ChangeInCapacity,
            steps: vec![StepAdjustment { lower: Some(0.0), upper: None, adjustment: 1 }],
            min_adjustment_magnitude: None,
            aggregation: MetricAggregation::Average,
            cooldown: seconds(3600),
        }],
        ..ScalableTarget::default()
    });
}

/// When the desired count changed, in seconds.
fn changes(results: &RunResults) -> Vec<u64> {
    let events = results.event_records.iter();
    let scaled = events.filter(|it| {
        it.category == EventCategory::ServiceScaling && it.change.is_some_and(|(a, b)| a != b)
    });
    scaled
        .map(|it| it.at.since(SimTime::ZERO).unwrap_or_default().as_nanos() / 1_000_000_000)
        .collect()
}

/// The value that an alarm saw when it first changed, from its reason.
fn judged(results: &RunResults) -> f64 {
    let message = &results
        .event_records
        .iter()
        .find(|it| it.message.contains("Threshold Crossed"))
        .expect("the alarm changed")
        .message;
    let value = message.split('[').nth(1).and_then(|it| it.split(' ').next());
    value.and_then(|it| it.parse().ok()).expect("a value")
}

#[test]
fn percentiles_of_the_response_time_are_those_of_mm1() {
    // −ln(1 − q)·S / (1 − ρ), and S / (1 − ρ) on average.
    let second = SimDuration::from_millis(200).as_secs_f64();
    for (statistic, expected) in [
        (percentile("p50", LowSampleCount::Evaluate), second * LN_2),
        (percentile("p90", LowSampleCount::Evaluate), second * LN_10),
        (percentile("p99", LowSampleCount::Evaluate), second * 2.0 * LN_10),
        (percentile("p99.9", LowSampleCount::Evaluate), second * 3.0 * LN_10),
        (Statistic::Average, second),
    ] {
        let mut fluid = half_loaded(Fidelity::default());
        let query = times(&mut fluid, statistic);
        step_above(&mut fluid, query, expected * 0.99);
        let results = run(&fluid);
        let found = judged(&results);
        assert!((found / expected - 1.0).abs() < 1e-6, "{statistic:?}: {found} {expected}");
        assert_eq!(changes(&results), [60], "{statistic:?}");
        // Just above it nothing happens.
        let query = times(&mut fluid, statistic);
        step_above(&mut fluid, query, expected * 1.01);
        assert_eq!(changes(&run(&fluid)), [], "{statistic:?}");
    }
}

#[test]
fn single_requests_have_the_percentiles_of_the_fluid() {
    // Of 300 requests a minute: within a third of the law, and on the same side of a far threshold.
    for (text, of_law) in [("p50", LN_2), ("p90", LN_10), ("p99", 2.0 * LN_10)] {
        let mut scenario = half_loaded(single_requests());
        let query = times(&mut scenario, percentile(text, LowSampleCount::Evaluate));
        step_above(&mut scenario, query, 0.01);
        let found = judged(&run(&scenario));
        let expected = 0.2 * of_law;
        assert!((found / expected - 1.0).abs() < 0.4, "{text}: {found} {expected}");
    }
}

#[test]
fn an_alarm_that_ignores_low_sample_counts_waits_for_ten_beyond_the_percentile() {
    // 300 requests a minute: enough for p90, which needs 100, not for p99, which needs 1000.
    for fidelity in [Fidelity::default(), single_requests()] {
        for (text, low_samples, scales) in [
            ("p90", LowSampleCount::Ignore, true),
            ("p99", LowSampleCount::Ignore, false),
            ("p99", LowSampleCount::Evaluate, true),
        ] {
            let mut scenario = half_loaded(fidelity.clone());
            let query = times(&mut scenario, percentile(text, low_samples));
            step_above(&mut scenario, query, 0.01);
            let expected: &[u64] = if scales { &[60] } else { &[] };
            assert_eq!(changes(&run(&scenario)), expected, "{text} {low_samples:?}");
        }
    }
}

#[test]
fn target_tracking_holds_a_percentile() {
    let mut scenario = half_loaded(Fidelity::default());
    let query = times(&mut scenario, percentile("p99", LowSampleCount::Evaluate));
    scenario.services[0].scaling = Some(ScalableTarget {
        min_capacity: 1,
        max_capacity: 10,
        target_tracking: vec![TargetTrackingPolicy {
            name: "p99".into(),
            query,
            target_value: 0.7,
            scale_out_cooldown: seconds(300),
            scale_in_cooldown: seconds(300),
            disable_scale_in: true,
        }],
        ..ScalableTarget::default()
    });
    let results = run(&scenario);
    // 0.92 s is above 0.7 s for three minutes; with two tasks it is 0.61 s.
    assert_eq!(changes(&results), [180]);
    assert_eq!(results.services[0].running_peak, 2);
}

#[test]
fn a_minute_without_a_response_has_no_point() {
    let mut scenario = half_loaded(Fidelity::default());
    scenario.services[0].load.as_mut().expect("loaded").rate =
        Arc::new(RequestRate::constant(0.0).expect("a rate"));
    let query = times(&mut scenario, percentile("p99", LowSampleCount::Evaluate));
    step_above(&mut scenario, query, 0.01);
    let results = run(&scenario);
    assert_eq!(changes(&results), []);
    assert!(results.event_records.iter().all(|it| !it.message.contains("Threshold Crossed")));
}

#[test]
fn asking_for_percentiles_changes_no_request() {
    let scenario = half_loaded(single_requests());
    let mut asked = scenario.clone();
    let query = times(&mut asked, percentile("p99", LowSampleCount::Evaluate));
    step_above(&mut asked, query, 1e6);
    let (without, with) = (run(&scenario), run(&asked));
    let times = |results: &RunResults| {
        let load = results.services[0].load.as_ref().expect("loaded");
        (load.served_micro, load.failed_micro, load.latency_ms)
    };
    assert_eq!(times(&without), times(&with));
}

/// Within one step of the rate the second task comes: from then on each has half of the requests.
#[test]
fn response_times_follow_the_tasks_within_a_step_of_the_rate() {
    let mut scenario = half_loaded(Fidelity::default());
    scenario.services[0].scaling = Some(ScalableTarget {
        min_capacity: 1,
        max_capacity: 2,
        scheduled: vec![ScheduledChange {
            name: "two".into(),
            at: SimTime::from_secs(630),
            min_capacity: Some(2),
            max_capacity: None,
        }],
        ..ScalableTarget::default()
    });
    // Nothing but the second task ends the stretch in which all goes on as before.
    scenario.record_interval = scenario.duration;
    let results = run(&scenario);
    let came = results.event_records.iter().find(|it| it.message.starts_with("Successful"));
    let share = came.expect("the second task runs").at.as_secs_f64() / 1800.0;
    let mean = |rho: f64| 100.0 / (1.0 - rho);
    let expected = share * mean(0.5) + (1.0 - share) * mean(0.25);
    let found = results.services[0].load.as_ref().and_then(|load| load.latency_ms);
    let found = found.expect("requests are answered").mean;
    assert!((found / expected - 1.0).abs() < 1e-5, "{found}, not {expected}");
}

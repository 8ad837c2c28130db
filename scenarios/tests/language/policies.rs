//! Policies, alarms and metrics as AWS prints them, and their open choices.

use std::path::{Path, PathBuf};

use plimsoll::language::{LoadOptions, Loaded, load};
use plimsoll_core::autoscaling::{
    AlarmPhase, ComparisonOperator, CooldownStart, JudgedValue, LoneBreach, MetricAggregation,
    SuspendedState, TreatMissingData,
};
use plimsoll_core::metrics::{MetricSource, QueryKind, ServiceMeasure, Statistic};
use plimsoll_core::scenario::ScalableTarget;
use plimsoll_core::units::{ServiceId, SimDuration, SimTime};

fn loaded() -> Loaded {
    let path: PathBuf =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/language/good/policies.yaml");
    load(&path, &LoadOptions::default()).unwrap_or_else(|problems| panic!("{problems}"))
}

fn target(loaded: &Loaded) -> &ScalableTarget {
    loaded.scenario.services[0].scaling.as_ref().unwrap()
}

#[test]
fn printed_policies_find_their_metrics_and_alarms() {
    let loaded = loaded();
    let scaling = target(&loaded);
    let names: Vec<&str> = scaling.target_tracking.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["ECSServiceAverageCPUUtilizationHighResolution", "backlog", "plain"]);
    let [fine, backlog, plain] = &scaling.target_tracking[..] else { panic!("three policies") };
    let metrics = &loaded.scenario.metrics;
    let QueryKind::Metric(metric, Statistic::Average) = fine.query.kind else { panic!("{fine:?}") };
    let cpu = MetricSource::Service(ServiceId(0), ServiceMeasure::CpuUtilization);
    assert_eq!(metrics[metric].source, cpu);
    assert_eq!(metrics[metric].period, SimDuration::from_secs(20));
    assert_eq!(metrics[metric].delay, SimDuration::from_secs(8));
    let QueryKind::Math(math) = &backlog.query.kind else { panic!("{backlog:?}") };
    let operands: Vec<_> = math
        .operands
        .iter()
        .map(|(metric, statistic)| (&metrics[*metric].source, *statistic))
        .collect();
    let running = MetricSource::Service(ServiceId(0), ServiceMeasure::RunningTaskCount);
    assert!(matches!(operands[0], (MetricSource::Trace(_), Statistic::Sum)), "{operands:?}");
    assert_eq!(operands[1], (&running, Statistic::Average));
    let values = [Some(1500.0), Some(10.0)];
    let result = math.expression.evaluate(60.0, 1, |operand, _| values[operand]);
    assert_eq!(result, [Some(150.0)]);
    assert_eq!((backlog.scale_out_cooldown, backlog.scale_in_cooldown), (secs(60), secs(120)));
    let QueryKind::Metric(metric, Statistic::Maximum) = plain.query.kind else {
        panic!("{plain:?}")
    };
    assert!(matches!(metrics[metric].source, MetricSource::Formula(_)));
    assert_eq!(metrics[metric].delay, secs(30));
    let [burst] = &scaling.step_scaling[..] else { panic!("one policy") };
    assert_eq!(
        (burst.aggregation, burst.min_adjustment_magnitude),
        (MetricAggregation::Maximum, Some(2))
    );
    let alarm = &burst.alarm;
    assert_eq!(
        (alarm.name.as_str(), alarm.evaluation_periods, alarm.datapoints_to_alarm),
        ("burst", 6, 4)
    );
    assert_eq!(alarm.query, fine.query, "a period of 20 s watches the metric of 20 s");
    assert_eq!(alarm.comparison_operator, ComparisonOperator::GreaterThanOrEqual);
    assert_eq!(alarm.treat_missing_data, TreatMissingData::NotBreaching);
}

fn secs(n: u64) -> SimDuration {
    SimDuration::from_secs(n)
}

#[test]
fn a_metric_trace_keeps_its_gaps_and_begins_anew() {
    let loaded = loaded();
    let trace = loaded.scenario.metrics.iter().find_map(|metric| match &metric.source {
        MetricSource::Trace(trace) => Some((metric, trace)),
        _ => None,
    });
    let (metric, trace) = trace.unwrap();
    assert_eq!((metric.period, metric.delay), (secs(60), secs(5)));
    let values: Vec<_> = (0..5).map(|index| trace.value(index)).collect();
    assert_eq!(values, [Some(400.0), None, Some(500.0), Some(400.0), None]);
}

#[test]
fn the_suspended_state_changes_with_time() {
    let loaded = loaded();
    let scaling = target(&loaded);
    let none = SuspendedState::default();
    assert_eq!(scaling.suspended, SuspendedState { dynamic_scaling_in: true, ..none });
    assert_eq!(scaling.suspensions, [(SimTime::from_secs(3600), none)]);
}

#[test]
fn every_open_choice_is_a_setting() {
    let loaded = loaded();
    let control_plane = &loaded.scenario.control_plane;
    assert_eq!(control_plane.scheduled_action_delay, secs(4));
    let rules = control_plane.scaling;
    let alarms = rules.alarms;
    assert_eq!(alarms.phase, AlarmPhase::Hashed);
    assert!(alarms.late_is_missing);
    assert_eq!((alarms.range_minimum, alarms.range_beyond), (4, 1));
    assert_eq!(alarms.lone_breach, LoneBreach::InsufficientData);
    assert_eq!(alarms.action_interval, secs(120));
    assert!((rules.low_alarm_share - 0.8).abs() < 1e-12);
    assert_eq!(rules.low_alarm_period, secs(20));
    assert_eq!(rules.scale_out_value, JudgedValue::Average);
    assert_eq!(rules.scale_in_value, JudgedValue::Newest);
    assert_eq!(rules.max_scale_in_fraction, Some(0.1));
    assert!(!rules.frozen_base && rules.out_cooldown_blocks_in);
    assert_eq!(rules.cooldown_start, CooldownStart::Decision);
    assert_eq!(rules.step_points, Some(2));
    // Without the extra run at the start time: at half past each hour only.
    let firings: Vec<SimTime> = target(&loaded).scheduled.iter().map(|it| it.at).collect();
    assert_eq!(firings, [SimTime::from_secs(1800), SimTime::from_secs(5400)]);
}

#[test]
fn gap_35_a_start_time_is_a_firing_of_its_own() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/language/good/policies.yaml");
    let key = "controlPlane.scalingPolicies.runAtStartTime";
    let set = vec![(key.to_owned(), "true".to_owned())];
    let loaded = load(&path, &LoadOptions { set, seed: None }).unwrap();
    let firings: Vec<SimTime> = target(&loaded).scheduled.iter().map(|it| it.at).collect();
    assert_eq!(firings, [600, 1800, 5400].map(SimTime::from_secs));
}

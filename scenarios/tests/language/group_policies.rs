//! Scaling policies and scheduled actions of Auto Scaling groups, from the document to what a run does.

use std::path::Path;

use plimsoll::language::{LoadOptions, Loaded, load};
use plimsoll_core::autoscaling::group::{GroupPolicyKind, GroupRules};
use plimsoll_core::autoscaling::{AdjustmentType, MetricAggregation};
use plimsoll_core::invariants::violations;
use plimsoll_core::metrics::{
    ClusterMeasure, GroupMeasure, MetricQuery, MetricSource, QueryKind, ServiceMeasure, Statistic,
};
use plimsoll_core::results::{EventCategory, RunResults};
use plimsoll_core::scenario::{GroupUpdate, Scenario};
use plimsoll_core::simulation;
use plimsoll_core::units::{AsgId, ServiceId, SimDuration, SimTime};

fn printed() -> Loaded {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/language/good/group_policies.yaml");
    load(&path, &LoadOptions::default()).unwrap_or_else(|problems| panic!("{problems}"))
}

fn secs(n: u64) -> SimDuration {
    SimDuration::from_secs(n)
}

/// What a query reads, of one metric.
#[track_caller]
fn read<'s>(
    scenario: &'s Scenario,
    query: &MetricQuery,
) -> (&'s MetricSource, Statistic, SimDuration) {
    let QueryKind::Metric(metric, statistic) = query.kind else { panic!("{query:?}") };
    (&scenario.metrics[metric].source, statistic, scenario.metrics[metric].period)
}

#[test]
fn printed_group_policies_find_their_metrics_and_alarms() {
    let loaded = printed();
    let scenario = &loaded.scenario;
    let scaling = &scenario.auto_scaling_groups[AsgId(0)].operation.scaling;
    assert_eq!(scaling.default_cooldown, secs(240));
    assert_eq!(scaling.default_instance_warmup, Some(secs(90)));
    let names: Vec<&str> = scaling.policies.iter().map(|it| it.name.as_str()).collect();
    // Those that are not in force, or not simulated, are left out.
    assert_eq!(names, ["requests", "reserve", "backlog", "cpu", "pulse", "backlog-per-instance"]);
    let kinds: Vec<&GroupPolicyKind> = scaling.policies.iter().map(|it| &it.kind).collect();
    let [
        GroupPolicyKind::TargetTracking(requests),
        GroupPolicyKind::Step(reserve),
        GroupPolicyKind::Simple(backlog),
        GroupPolicyKind::TargetTracking(cpu),
        GroupPolicyKind::TargetTracking(pulse),
        GroupPolicyKind::TargetTracking(per_instance),
    ] = kinds[..]
    else {
        panic!("{kinds:?}")
    };
    let per_target = MetricSource::Service(ServiceId(0), ServiceMeasure::RequestCountPerTarget);
    assert_eq!(read(scenario, &requests.query), (&per_target, Statistic::Sum, secs(60)));
    assert!(!requests.disable_scale_in && (requests.target_value - 1000.0).abs() < 1e-9);

    let reservation = MetricSource::Cluster(ClusterMeasure::CpuReservation);
    assert_eq!(read(scenario, &reserve.alarm.query), (&reservation, Statistic::Average, secs(60)));
    assert_eq!((reserve.alarm.name.as_str(), reserve.alarm.evaluation_periods), ("reservation", 2));
    assert_eq!(
        (reserve.adjustment_type, reserve.min_adjustment_magnitude, reserve.aggregation),
        (AdjustmentType::PercentChangeInCapacity, Some(1), MetricAggregation::Maximum)
    );
    assert_eq!(reserve.steps.iter().map(|it| it.adjustment).collect::<Vec<_>>(), [20, 50]);
    assert_eq!(scaling.warm_up(reserve.instance_warmup), secs(30));
    assert_eq!(scaling.warm_up(cpu.instance_warmup), secs(90));

    assert_eq!((backlog.adjustment, backlog.cooldown), (2, Some(secs(180))));
    assert_eq!(
        (backlog.alarm.name.as_str(), backlog.alarm.query.period),
        ("backlog-high", secs(300))
    );

    let of_group = MetricSource::Group(AsgId(0), GroupMeasure::CpuUtilization);
    assert_eq!(read(scenario, &cpu.query), (&of_group, Statistic::Average, secs(60)));
    assert!(cpu.disable_scale_in);

    let (source, statistic, period) = read(scenario, &pulse.query);
    assert!(matches!(source, MetricSource::Trace(_)), "{source:?}");
    assert_eq!((statistic, period, pulse.query.period), (Statistic::Maximum, secs(10), secs(10)));

    let QueryKind::Math(math) = &per_instance.query.kind else { panic!("{per_instance:?}") };
    let in_service = MetricSource::Group(AsgId(0), GroupMeasure::InServiceInstances);
    assert_eq!(scenario.metrics[math.operands[1].0].source, in_service);

    let groups = GroupRules { low_alarm_share: 0.9, high_alarm_periods: 2, low_alarm_periods: 10 };
    assert_eq!(scenario.control_plane.scaling.groups, groups);
}

#[test]
fn basic_monitoring_and_what_is_not_simulated_are_noted() {
    let loaded = printed();
    let plain = &loaded.scenario.auto_scaling_groups[AsgId(1)].operation.scaling;
    let GroupPolicyKind::TargetTracking(cpu) = &plain.policies[0].kind else { panic!("{plain:?}") };
    let of_group = MetricSource::Group(AsgId(1), GroupMeasure::CpuUtilization);
    assert_eq!(read(&loaded.scenario, &cpu.query), (&of_group, Statistic::Average, secs(300)));
    let notes: Vec<&str> = loaded.notes.iter().map(|note| note.message.as_str()).collect();
    for part in ["every five minutes", "predictive scaling of groups is not simulated"] {
        assert!(notes.iter().any(|note| note.contains(part)), "{part}: {notes:#?}");
    }
}

#[test]
fn scheduled_actions_come_after_their_delay() {
    let loaded = printed();
    let operation = &loaded.scenario.auto_scaling_groups[AsgId(0)].operation;
    let changes: Vec<(SimTime, &str)> = operation
        .changes
        .iter()
        .map(|change| match &change.update {
            GroupUpdate::Capacity(it) => (change.at, it.scheduled_action.as_deref().unwrap()),
            other => panic!("{other:?}"),
        })
        .collect();
    let at = |second: u64| SimTime::from_secs(second + 3);
    let half = "every-half-hour";
    assert_eq!(
        changes,
        [(at(0), half), (at(1800), half), (at(3000), "once"), (at(3600), half), (at(5400), half)]
    );
}

/// A cluster of one group of `desired` instances with these settings beside.
fn run(head: &str, desired: u32, group: &str) -> RunResults {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scenario.yaml");
    let text = format!(
        "name: groups
{head}
controlPlane: {{scheduledActionDelay: 0s}}
autoScalingGroups:
  - autoScalingGroupName: web
    instanceType: m7i.large
    minSize: 0
    maxSize: 20
    desiredCapacity: {desired}
    launchTime: 25s
    reconcileLag: 5s
{group}
taskDefinitions: [{{family: api, containerDefinitions: [{{name: api, cpu: 256, memory: 512}}]}}]
services: [{{serviceName: api, taskDefinition: api, desiredCount: 0, launchType: EC2}}]
"
    );
    std::fs::write(&path, text).unwrap();
    let loaded =
        load(&path, &LoadOptions::default()).unwrap_or_else(|problems| panic!("{problems}"));
    let results = simulation::run(&loaded.scenario, &mut |_| {}).unwrap();
    assert_eq!(violations(&loaded.scenario, &results), Vec::<String>::new());
    results
}

/// Hours since the start, and new desired capacities.
fn changes(results: &RunResults) -> Vec<(f64, u32)> {
    let activities =
        results.event_records.iter().filter(|it| it.category == EventCategory::GroupActivity);
    activities
        .filter_map(|it| it.change.map(|(_, to)| (it.at.as_secs_f64() / 3600.0, to)))
        .collect()
}

#[test]
fn a_recurrence_holds_its_local_time_across_the_change_of_clocks() {
    // On 14 March 2027 clocks in New York go forward: 08:00 is 13:00 UTC before and 12:00 UTC after.
    let actions = "    scheduledUpdateGroupActions:
      - {scheduledActionName: morning, recurrence: 0 8 * * *, desiredCapacity: 6}
      - {scheduledActionName: evening, recurrence: 0 20 * * *, timeZone: America/New_York, desiredCapacity: 2}
      - {scheduledActionName: night, recurrence: 30 2 * * *, desiredCapacity: 1}";
    let head = "start: 2027-03-13T00:00:00Z\nduration: 3d\ntimeZone: America/New_York";
    let results = run(head, 2, actions);
    // Half past two does not exist on the 14th.
    assert_eq!(
        changes(&results),
        [(1.0, 2), (7.5, 1), (13.0, 6), (25.0, 2), (36.0, 6), (48.0, 2), (54.5, 1), (60.0, 6)][1..]
    );
    let said = "a scheduled action morning update of AutoScalingGroup constraints to min: 0, max: 20, \
                desired: 6 changing the desired capacity from 1 to 6.";
    assert!(results.event_records.iter().any(|it| it.message.contains(said)));
}

#[test]
fn tv_sch_2_a_recurring_desired_capacity_is_set_exactly() {
    let action = "    scheduledUpdateGroupActions:
      - {scheduledActionName: nine, recurrence: 0 9 * * *, desiredCapacity: 3}
    updates: [{at: 12h, desiredCapacity: 5}]";
    let head = "start: 2026-03-02T00:00:00Z\nduration: 2d";
    assert_eq!(changes(&run(head, 2, action)), [(9.0, 3), (12.0, 5), (33.0, 3)]);
}

#[test]
fn start_and_end_bound_a_recurrence_and_the_start_is_a_firing() {
    let action = "    scheduledUpdateGroupActions:
      - scheduledActionName: more
        recurrence: 0 */2 * * *
        startTime: 2026-03-02T03:30:00Z
        endTime: 2026-03-02T06:00:00Z
        desiredCapacity: 4
    updates:
      - {at: 3h45m, desiredCapacity: 3}
      - {at: 5h, desiredCapacity: 3}
      - {at: 7h, desiredCapacity: 3}";
    let head = "start: 2026-03-02T00:00:00Z\nduration: 1d";
    let expected = [(3.5, 4), (3.75, 3), (4.0, 4), (5.0, 3), (6.0, 4), (7.0, 3)];
    assert_eq!(changes(&run(head, 2, action)), expected);
}

#[test]
fn policies_beside_managed_scaling_are_noted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scenario.yaml");
    let text = "name: both
duration: 1h
autoScalingGroups:
  - autoScalingGroupName: web
    instanceType: m7i.large
    minSize: 1
    maxSize: 5
    scalingPolicies:
      - policyName: more
        adjustmentType: ChangeInCapacity
        scalingAdjustment: 1
        alarm: {metricName: CPUUtilization, comparisonOperator: GreaterThanThreshold, threshold: 80, evaluationPeriods: 1}
capacityProviders:
  - {name: web, autoScalingGroupProvider: {autoScalingGroup: web, managedScaling: {}}}
taskDefinitions: [{family: api, containerDefinitions: [{name: api, cpu: 256, memory: 512}]}]
services:
  - {serviceName: api, taskDefinition: api, desiredCount: 1, capacityProviderStrategy: [{capacityProvider: web, weight: 1}]}
";
    std::fs::write(&path, text).unwrap();
    let loaded =
        load(&path, &LoadOptions::default()).unwrap_or_else(|problems| panic!("{problems}"));
    let notes: Vec<&str> = loaded.notes.iter().map(|note| note.message.as_str()).collect();
    assert!(notes.iter().any(|note| note.contains("AWS advises against")), "{notes:?}");
    let scaling = &loaded.scenario.auto_scaling_groups[AsgId(0)].operation.scaling;
    let GroupPolicyKind::Simple(policy) = &scaling.policies[0].kind else { panic!("{scaling:?}") };
    let own = MetricSource::Group(AsgId(0), GroupMeasure::CpuUtilization);
    assert_eq!(read(&loaded.scenario, &policy.alarm.query).0, &own, "the group's, not a service's");
    assert_eq!(policy.alarm.name, "more-alarm");
}

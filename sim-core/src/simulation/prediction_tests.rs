//! Predictive scaling in whole runs, small enough to follow by hand: 100 requests per second ask for one
//! task of one vCPU at 100 percent, and decisions reach ECS at once.

use std::sync::Arc;

use super::testing::{definition, empty, group, managed_provider, service, watch};
use super::watched::{broken_laws, run_watched};
use crate::autoscaling::{Forecaster, OracleDemand, PredictiveScalingPolicy, TargetTrackingPolicy};
use crate::metrics::{Metric, MetricQuery, MetricSource, MetricTrace, ServiceMeasure};
use crate::results::{EventCategory, RunResults};
use crate::scenario::*;
use crate::traffic::{AfterEnd, RequestRate};
use crate::units::{AsgId, Cpu, MetricId, Mib, SimDuration, SimTime};

fn seconds(n: u64) -> SimDuration {
    SimDuration::from_secs(n)
}

/// By turns an hour of 100 requests per second and one of 300.
fn rate() -> Arc<RequestRate> {
    let rate = RequestRate::from_rates(seconds(3600), &[100.0, 300.0], AfterEnd::Repeat);
    Arc::new(rate.expect("a rate"))
}

fn oracle() -> Forecaster {
    let demand = OracleDemand { rate: rate(), per_request_rate: 1.0, idle: 0.0 };
    Forecaster::Oracle { demand, error: 0.0, known_for: seconds(86_400) }
}

/// `tasks` on Fargate, and a policy with a target of 50 percent.
fn of(tasks: u32, forecaster: Forecaster) -> Scenario {
    let mut scenario = empty();
    scenario.duration = seconds(3 * 3600);
    scenario.task_definitions.push(definition(1024, 2048));
    let mut web = service("web", tasks, LaunchTarget::Fargate);
    web.starts_ready = true;
    web.load = Some(ServiceLoad {
        fidelity: Fidelity::Fluid(Variability::default()),
        rate: rate(),
        cpu_per_request: SimDuration::from_millis(10),
        other_latency: SimDuration::ZERO,
        algorithm: BalancingAlgorithm::RoundRobin,
        timeout: seconds(30),
        parallelism: None,
        idle_cpu: Cpu::ZERO,
        idle_memory: Mib::new(100),
        memory_per_request_kib: 0,
    });
    scenario.services.push(web);
    let query = watch(&mut scenario, 0, ServiceMeasure::CpuUtilization, seconds(120));
    let load = query.metrics().next().expect("it reads one");
    scenario.services[0].scaling = Some(ScalableTarget {
        min_capacity: 1,
        max_capacity: 20,
        predictive: vec![PredictiveScalingPolicy {
            name: "forecast".into(),
            load,
            target_value: 50.0,
            scales: true,
            scheduling_buffer_time: seconds(300),
            max_capacity_buffer: None,
            forecaster,
        }],
        ..ScalableTarget::default()
    });
    scenario
}

fn scaling(scenario: &mut Scenario) -> &mut ScalableTarget {
    scenario.services[0].scaling.as_mut().expect("it scales")
}

/// Target tracking of CPU at a target.
fn track(scenario: &mut Scenario, target_value: f64) {
    let metric = scaling(scenario).predictive[0].load;
    scaling(scenario).target_tracking = vec![TargetTrackingPolicy {
        name: "track".into(),
        query: MetricQuery::per_minute(metric, crate::metrics::Statistic::Average),
        target_value,
        scale_out_cooldown: seconds(300),
        scale_in_cooldown: seconds(300),
        disable_scale_in: false,
    }];
}

fn run(scenario: &Scenario) -> RunResults {
    let results = run_watched(scenario, &mut |_, _| {});
    let found = broken_laws(scenario, &results);
    assert!(found.is_empty(), "{found:#?}");
    results
}

/// When the desired count changed, and to what.
fn changes(results: &RunResults) -> Vec<(u64, u32)> {
    let scaling = results.event_records.iter();
    let scaling = scaling.filter(|it| it.category == EventCategory::ServiceScaling);
    let second = |at: SimTime| at.as_nanos() / 1_000_000_000;
    scaling.filter_map(|it| Some((second(it.at), it.change?.1))).collect()
}

fn says(results: &RunResults, words: &str) -> usize {
    results.event_records.iter().filter(|it| it.message.contains(words)).count()
}

#[test]
fn the_count_rises_before_the_hour_and_never_falls() {
    let results = run(&of(1, oracle()));
    assert_eq!(changes(&results), [(0, 2), (3300, 6)]);
    assert_eq!(says(&results, "policy forecast forecast a capacity of 6"), 1);
    let forecast = "Policy forecast made a forecast of 48 hours: a capacity of 2 to 6";
    assert_eq!(says(&results, forecast), 1);
}

#[test]
fn without_a_buffer_the_count_rises_at_the_hour() {
    let mut scenario = of(1, oracle());
    scaling(&mut scenario).predictive[0].scheduling_buffer_time = SimDuration::ZERO;
    assert_eq!(changes(&run(&scenario)), [(0, 2), (3600, 6)]);
}

#[test]
fn a_policy_that_forecasts_only_changes_nothing() {
    let mut scenario = of(1, oracle());
    scaling(&mut scenario).predictive[0].scales = false;
    let results = run(&scenario);
    assert_eq!(changes(&results), []);
    assert_eq!(says(&results, "made a forecast"), 1);
}

#[test]
fn dynamic_policies_scale_in_down_to_the_forecast_and_no_further() {
    // Target tracking wants two tasks in the first hour, and the forecast four.
    let mut scenario = of(8, oracle());
    scenario.duration = seconds(3000);
    track(&mut scenario, 50.0);
    scaling(&mut scenario).predictive[0].target_value = 25.0;
    let results = run(&scenario);
    assert_eq!(changes(&results).iter().map(|it| it.1).collect::<Vec<_>>(), [4]);
    assert!(0 < says(&results, "AlreadyAtPredictedCapacity"));
    scaling(&mut scenario).predictive[0].scales = false;
    assert_eq!(changes(&run(&scenario)).iter().map(|it| it.1).collect::<Vec<_>>(), [2]);
}

#[test]
fn dynamic_policies_go_above_the_forecast() {
    // The forecast is for 100 percent: one task, then three. Target tracking wants two, then six.
    let mut scenario = of(1, oracle());
    scenario.duration = seconds(2 * 3600);
    track(&mut scenario, 50.0);
    scaling(&mut scenario).predictive[0].target_value = 100.0;
    let results = run(&scenario);
    let counts: Vec<u32> = changes(&results).iter().map(|it| it.1).collect();
    assert_eq!((counts.first(), counts.last()), (Some(&2), Some(&6)), "{counts:?}");
    assert!(changes(&results).contains(&(3300, 3)), "{:?}", changes(&results));
}

#[test]
fn the_maximum_holds_unless_the_policy_may_raise_it_for_good() {
    for (buffer, count) in [(None, 4), (Some(0), 6), (Some(50), 6)] {
        let mut scenario = of(1, oracle());
        scaling(&mut scenario).max_capacity = 4;
        scaling(&mut scenario).predictive[0].max_capacity_buffer = buffer;
        assert_eq!(changes(&run(&scenario)), [(0, 2), (3300, count)], "{buffer:?}");
    }
    // With half as much again target tracking may go up to nine; it wants more at 20 percent.
    let mut scenario = of(1, oracle());
    track(&mut scenario, 20.0);
    scaling(&mut scenario).max_capacity = 4;
    scaling(&mut scenario).predictive[0].max_capacity_buffer = Some(50);
    let greatest = changes(&run(&scenario)).iter().map(|it| it.1).max();
    assert_eq!(greatest, Some(9));
}

#[test]
fn a_scheduled_minimum_above_the_forecast_overrides_it() {
    let mut scenario = of(1, oracle());
    scaling(&mut scenario).scheduled = vec![ScheduledChange {
        at: SimTime::from_secs(1800),
        name: "morning".into(),
        min_capacity: Some(8),
        max_capacity: None,
    }];
    assert_eq!(changes(&run(&scenario)), [(0, 2), (1800, 8)]);
}

#[test]
fn a_service_learns_from_a_day_of_its_own_metric() {
    // Four tasks bear the load at 25 and 75 percent. After a day the forecast for hours of 300 requests
    // per second is six.
    let mut scenario = of(4, Forecaster::SeasonalNaive { history: Vec::new() });
    scenario.duration = seconds(26 * 3600);
    let results = run(&scenario);
    assert_eq!(changes(&results), [(24 * 3600 + 3300, 6)]);
}

/// A group of `desired` out of 4 instances; by its history, hours by turns want `capacities`.
fn group_of(desired: u32, capacities: [u32; 2]) -> Scenario {
    let mut scenario = empty();
    scenario.duration = seconds(2 * 3600);
    let trace = MetricTrace { values: Vec::new(), repeats: false };
    scenario.metrics.push(Metric {
        source: MetricSource::Trace(Arc::new(trace)),
        period: seconds(60),
        delay: seconds(60),
    });
    let history = (0..24).map(|hour| f64::from(capacities[hour % 2]) * 50.0 * 60.0).collect();
    let mut group = group(0, desired, 4);
    group.operation.predictive = vec![PredictiveScalingPolicy {
        name: "forecast".into(),
        load: MetricId(0),
        target_value: 50.0,
        scales: true,
        scheduling_buffer_time: seconds(300),
        max_capacity_buffer: None,
        forecaster: Forecaster::SeasonalNaive { history },
    }];
    scenario.auto_scaling_groups.push(group);
    scenario
}

/// When the desired capacity of the group changed, and to what.
fn capacities(results: &RunResults) -> Vec<(u64, u32)> {
    let activities = results.event_records.iter();
    let activities = activities.filter(|it| it.category == EventCategory::GroupActivity);
    let second = |at: SimTime| at.as_nanos() / 1_000_000_000;
    activities.filter_map(|it| Some((second(it.at), it.change?.1))).collect()
}

#[test]
fn a_group_is_raised_to_its_forecast_before_the_hour() {
    let results = run(&group_of(1, [1, 3]));
    assert_eq!(capacities(&results), [(3300, 3)]);
    let cause =
        "policy forecast forecast a capacity of 3 changing the desired capacity from 1 to 3.";
    assert!(0 < says(&results, cause));
    assert_eq!(results.capacity[0].peak, 3);
}

#[test]
fn the_maximum_of_a_group_holds_unless_the_policy_may_raise_it() {
    for (buffer, capacity) in [(None, 4), (Some(0), 6)] {
        let mut scenario = group_of(1, [1, 6]);
        let policies = &mut scenario.auto_scaling_groups[AsgId(0)].operation.predictive;
        policies[0].max_capacity_buffer = buffer;
        assert_eq!(capacities(&run(&scenario)), [(3300, capacity)], "{buffer:?}");
    }
}

#[test]
fn managed_scaling_does_not_scale_in_below_the_forecast() {
    let least = |scales: bool| {
        // Nothing runs on the four instances.
        let mut scenario = group_of(4, [2, 2]);
        scenario.auto_scaling_groups[AsgId(0)].operation.predictive[0].scales = scales;
        scenario.capacity_providers.push(managed_provider(100));
        capacities(&run(&scenario)).last().map(|it| it.1)
    };
    assert_eq!((least(true), least(false)), (Some(2), Some(0)));
}

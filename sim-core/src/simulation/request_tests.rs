//! Whole runs in which each request is followed.

use std::sync::Arc;

use super::random::random_scenario;
use super::testing::{definition, empty, service, watch};
use crate::autoscaling::TargetTrackingPolicy;
use crate::engine::{DurationDistribution, UnitLaw};
use crate::invariants::violations;
use crate::metrics::ServiceMeasure;
use crate::results::{LoadResults, RunResults};
use crate::scenario::*;
use crate::traffic::{AfterEnd, RequestRate};
use crate::units::{Cpu, Mib, SimDuration, SimTime, TaskDefinitionId};

/// Runs, and checks the laws of every run but that all has a price: these small clusters have no
/// price book.
#[track_caller]
fn run(scenario: &Scenario) -> RunResults {
    let results = super::run(scenario, &mut |_| {}).expect("the run ends");
    let mut found = violations(scenario, &results);
    found.retain(|it| !it.starts_with("law 6:"));
    assert_eq!(found, Vec::<String>::new());
    results
}

fn load_of(results: &RunResults) -> &LoadResults {
    results.services[0].load.as_ref().expect("loaded")
}

const fn seconds(n: u64) -> SimDuration {
    SimDuration::from_secs(n)
}

fn bounds(min_capacity: u32, max_capacity: u32) -> ScalableTarget {
    ScalableTarget {
        predictive: Vec::new(),
        min_capacity,
        max_capacity,
        target_tracking: Vec::new(),
        step_scaling: Vec::new(),
        scheduled: Vec::new(),
        suspended: crate::autoscaling::SuspendedState::default(),
        suspensions: Vec::new(),
    }
}

/// Tasks of one core on Fargate with `per_second` requests of `cpu_millis`, for half an hour.
fn cluster(desired: u32, per_second: f64, cpu_millis: u64, settings: RequestSettings) -> Scenario {
    let mut scenario = empty();
    scenario.duration = seconds(1800);
    scenario.task_definitions.push(definition(1024, 2048));
    scenario
        .capacity_providers
        .push(CapacityProvider { name: "fargate".into(), kind: CapacityProviderKind::Fargate });
    let mut web = service("web", desired, LaunchTarget::Fargate);
    web.starts_ready = true;
    web.load = Some(ServiceLoad {
        fidelity: Fidelity::Requests(Box::new(settings)),
        rate: Arc::new(RequestRate::constant(per_second).expect("a rate")),
        cpu_per_request: SimDuration::from_millis(cpu_millis),
        other_latency: SimDuration::ZERO,
        algorithm: BalancingAlgorithm::RoundRobin,
        timeout: seconds(60),
        parallelism: None,
        idle_cpu: Cpu::ZERO,
        idle_memory: Mib::new(100),
        memory_per_request_kib: 1024,
    });
    scenario.services.push(web);
    scenario
}

#[test]
fn both_levels_see_the_same_service() {
    let single = cluster(4, 28.0, 100, RequestSettings::default());
    let mut fluid = single.clone();
    fluid.services[0].load.as_mut().expect("loaded").fidelity = Fidelity::default();
    let (single, fluid) = (run(&single), run(&fluid));
    let mean = |results: &RunResults, metric: &str| {
        let series = results.series.iter().find(|it| it.metric == metric).expect("recorded");
        let values: Vec<f64> = series.values.iter().flatten().copied().collect();
        values.iter().sum::<f64>() / values.len() as f64
    };
    for metric in ["CPUUtilization", "MemoryUtilization", "RequestCount", "HealthyHostCount"] {
        let (one, other) = (mean(&single, metric), mean(&fluid, metric));
        assert!((one / other - 1.0).abs() < 0.03, "{metric}: {one} {other}");
    }
    let times = |results: &RunResults| load_of(results).latency_ms.expect("served").mean;
    assert!((times(&single) / times(&fluid) - 1.0).abs() < 0.15);
    // Whole requests, and each accounted for.
    assert_eq!(load_of(&single).offered_micro % 1_000_000, 0);
    assert_eq!(load_of(&single).failed_micro, 0);
}

/// How often the world looks at a service changes nothing of what happens to its requests.
#[test]
fn more_records_change_no_request() {
    let mut often = cluster(3, 24.0, 100, RequestSettings::default());
    let seldom = run(&often);
    often.record_interval = seconds(7);
    let often = run(&often);
    assert_eq!(load_of(&often).offered_micro, load_of(&seldom).offered_micro);
    assert_eq!(load_of(&often).served_micro, load_of(&seldom).served_micro);
    assert_eq!(load_of(&often).latency_ms, load_of(&seldom).latency_ms);
}

/// A service that no one else shares anything with sees its own requests only.
#[test]
fn another_service_changes_no_request() {
    let alone = cluster(3, 24.0, 100, RequestSettings::default());
    let mut two = alone.clone();
    two.services.push(Service { name: "other".into(), ..two.services[0].clone() });
    let (alone, two) = (run(&alone), run(&two));
    assert_eq!(load_of(&alone).latency_ms, load_of(&two).latency_ms);
    let other = two.services[1].load.as_ref().expect("loaded");
    assert_ne!(other.latency_ms, load_of(&two).latency_ms);
}

#[test]
fn target_tracking_follows_the_requests() {
    let mut scenario = cluster(2, 1.0, 100, RequestSettings::default());
    let counts: Vec<u64> = (0..30).map(|n| if n < 5 { 600 } else { 3000 }).collect();
    let rate = RequestRate::from_trace(seconds(60), &counts, AfterEnd::Zero).expect("a trace");
    scenario.services[0].load.as_mut().expect("loaded").rate = Arc::new(rate);
    let query = watch(&mut scenario, 0, ServiceMeasure::CpuUtilization, SimDuration::ZERO);
    let mut scaling = bounds(2, 20);
    scaling.target_tracking.push(TargetTrackingPolicy {
        name: "cpu50".into(),
        query,
        target_value: 50.0,
        scale_out_cooldown: seconds(60),
        scale_in_cooldown: seconds(300),
        disable_scale_in: true,
    });
    scenario.services[0].scaling = Some(scaling);
    let results = run(&scenario);
    // 50 requests a second of 100 ms at half of the CPU are ten tasks, a few more for the randomness.
    let peak = results.services[0].running_peak;
    assert!((10..=14).contains(&peak), "{peak}");
}

/// Two tasks work on requests of 20 s; one is stopped.
fn scaled_in(stop: u64, deregistration: Option<u64>) -> LoadResults {
    let settings = RequestSettings { demand: UnitLaw::Deterministic, ..RequestSettings::default() };
    let mut scenario = cluster(2, 0.05, 20_000, settings);
    scenario.task_definitions[TaskDefinitionId(0)].stop_time =
        DurationDistribution::Constant(seconds(stop));
    scenario.services[0].target_group = deregistration.map(|delay| TargetGroup {
        protocol: TargetProtocol::Http,
        load_balancer: "lb".into(),
        registration_time: DurationDistribution::ZERO,
        health_check_interval: seconds(30),
        healthy_threshold: 5,
        unhealthy_threshold: 2,
        deregistration_delay: seconds(delay),
        bytes_per_request: 1000,
        requests_per_connection: 1,
        rules_processed: 1,
    });
    let times: Vec<SimTime> = (0..40).map(|k| SimTime::from_secs(590 + k)).collect();
    let load = scenario.services[0].load.as_mut().expect("loaded");
    if let Fidelity::Requests(settings) = &mut load.fidelity {
        // Two requests in progress at 600 s, one at each task.
        settings.arrivals = Arrivals::Times(times[..2].into());
    }
    scenario.services[0].scaling = Some(bounds(1, 2));
    let scaling = scenario.services[0].scaling.as_mut().expect("given");
    scaling.scheduled.push(ScheduledChange {
        at: SimTime::from_secs(600),
        name: "in".into(),
        min_capacity: None,
        max_capacity: Some(1),
    });
    load_of(&run(&scenario)).clone()
}

#[test]
fn a_draining_target_finishes_its_requests_and_a_killed_task_does_not() {
    // Until 611 s both are in progress. Deregistration of 30 s lets both end.
    let drained = scaled_in(0, Some(30));
    assert_eq!((drained.served_micro, drained.failed_micro), (2_000_000, 0));
    // So does a stop that takes 30 s, without a load balancer.
    let stopped = scaled_in(30, None);
    assert_eq!((stopped.served_micro, stopped.failed_micro), (2_000_000, 0));
    // With a delay of 5 s one request breaks off.
    let broken = scaled_in(0, Some(5));
    assert_eq!((broken.served_micro, broken.failed_micro), (1_000_000, 1_000_000));
    let killed = scaled_in(0, None);
    assert_eq!((killed.served_micro, killed.failed_micro), (1_000_000, 1_000_000));
}

/// The same laws as for the fluid, whatever else happens; and the same bytes twice.
#[test]
fn every_law_holds_on_random_scenarios_of_single_requests() {
    let (mut failed, mut served) = (0, 0);
    for seed in 0..24 {
        let mut scenario = random_scenario(seed);
        scenario.duration = scenario.duration.min(seconds(3600));
        let retries = RetrySettings {
            max_attempts: 3,
            base_delay: SimDuration::from_millis(100),
            max_delay: seconds(20),
            budget_micro: (seed % 2 == 0).then_some(100_000),
        };
        let settings = RequestSettings {
            discipline: if seed % 3 == 0 { Discipline::Fifo } else { Discipline::ProcessorSharing },
            max_concurrency: (seed % 4 == 0).then_some(10),
            queue_length: (seed % 8 == 0).then_some(20),
            cancel_abandoned: seed % 5 != 0,
            slow_start: seconds(if seed % 2 == 0 { 0 } else { 60 }),
            retries: (seed % 3 == 1).then_some(retries),
            ..RequestSettings::default()
        };
        for service in &mut scenario.services {
            if let Some(load) = &mut service.load {
                load.fidelity = Fidelity::Requests(Box::new(settings.clone()));
            }
        }
        let results = run(&scenario);
        for load in results.services.iter().filter_map(|it| it.load.as_ref()) {
            failed += load.failed_micro;
            served += load.served_micro;
        }
        if seed < 6 {
            assert_eq!(results.outcome_fingerprint, run(&scenario).outcome_fingerprint);
        }
    }
    assert!(1_000_000_000 < served && 100_000_000 < failed, "{served} {failed}");
}

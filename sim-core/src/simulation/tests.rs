//! Behaviour of whole runs, small enough to check by hand.

use std::sync::Arc;

use super::testing::{
    batch, control_plane, definition, empty, group, job, managed_provider, on_provider, run,
    seconds, service, watch,
};
use crate::agent::Window;
use crate::autoscaling::TargetTrackingPolicy;
use crate::engine::{DurationDistribution, RunError};
use crate::metrics::ServiceMeasure;
use crate::placement::PlacementConstraint;
use crate::results::{EventCategory, StopCode};
use crate::scenario::{
    BalancingAlgorithm, BatchJob, CapacityProvider, CapacityProviderKind, Disruption,
    DisruptionKind, Fidelity, LaunchTarget, MetricScope, QueueDiscipline, ScalableTarget, Scenario,
    ServiceLoad, TargetGroup, TargetProtocol,
};
use crate::traffic::RequestRate;
use crate::units::{CapacityProviderId, Cpu, Mib, ServiceId, SimDuration, SimTime};

/// Tasks 1 to 3 need a whole instance, the fourth half of one.
fn four_jobs() -> Vec<BatchJob> {
    vec![job(0, 100, 2048), job(10, 100, 2048), job(20, 50, 2048), job(30, 10, 1024)]
}

fn one_instance(jobs: Vec<BatchJob>) -> Scenario {
    let mut scenario = empty();
    scenario.task_definitions.push(definition(1024, 1024));
    scenario.auto_scaling_groups.push(group(1, 1, 1));
    scenario.batches.push(batch("jobs", jobs, LaunchTarget::Ec2));
    scenario
}

#[test]
fn jobs_wait_in_order_of_arrival() {
    let results = run(&one_instance(four_jobs()));
    let starts: Vec<u64> = results
        .task_records
        .iter()
        .map(|task| task.started.expect("all run").as_nanos() / 1_000_000_000)
        .collect();
    assert_eq!(starts, [0, 100, 200, 250]);
    let batch = &results.batches[0];
    assert_eq!(batch.last_end, Some(SimTime::from_secs(260)));
    assert_eq!(batch.total_wait, 1_000_000_000 * (90 + 180 + 220));
    assert_eq!((batch.arrived, batch.completed), (4, 4));
}

#[test]
fn a_job_that_fits_may_overtake_if_the_queue_allows_it() {
    let mut jobs = four_jobs();
    jobs[0].cpu = Cpu::from_ecs_units(1024);
    let mut scenario = one_instance(jobs);
    let starts = |scenario: &Scenario| -> Vec<u64> {
        let results = run(scenario);
        let tasks = results.task_records.iter();
        tasks.map(|task| task.started.expect("runs").as_nanos() / 1_000_000_000).collect()
    };
    assert_eq!(starts(&scenario), [0, 100, 200, 250]);
    scenario.batches[0].queue = QueueDiscipline::FirstFit;
    // The tasks are numbered in the order in which they are created.
    assert_eq!(starts(&scenario), [0, 30, 100, 200]);
}

#[test]
fn a_long_queue_of_jobs_that_may_overtake_is_not_walked_to_its_end() {
    // 60 000 jobs for an instance that runs one a second: walked to the end each time, the queue
    // would be looked at 1.8 billion times.
    let mut jobs: Vec<BatchJob> = (0..60_000).map(|_| job(0, 1, 2048)).collect();
    jobs.push(job(60_000, 1, 1024));
    let mut scenario = one_instance(jobs);
    scenario.batches[0].queue = QueueDiscipline::FirstFit;
    scenario.duration = seconds(60_002);
    let results = run(&scenario);
    assert_eq!(results.batches[0].completed, 60_001);
    assert_eq!(results.batches[0].last_end, Some(SimTime::from_secs(60_001)));
}

#[test]
fn a_smaller_job_overtakes_wherever_it_stands_in_the_queue() {
    let mut jobs = vec![job(0, 100, 1536)];
    jobs.extend((0..50).map(|_| job(1, 10, 1024)));
    jobs.push(job(1, 10, 512));
    let mut scenario = one_instance(jobs);
    scenario.batches[0].queue = QueueDiscipline::FirstFit;
    let results = run(&scenario);
    let overtook = &results.task_records[1];
    assert_eq!(
        (overtook.cpu, overtook.started),
        (Cpu::from_ecs_units(512), Some(SimTime::from_secs(1)))
    );
}

#[test]
fn jobs_that_wait_count_against_the_limit_of_tasks() {
    let mut scenario = one_instance((0..20).map(|n| job(n, 10_000, 2048)).collect());
    scenario.limits.tasks = 10;
    let ended = super::run(&scenario, &mut |_| {});
    assert!(
        matches!(ended, Err(RunError::LimitReached { setting: "limits.tasks", limit: 10, .. })),
        "{:?}",
        ended.map(|results| results.tasks)
    );
}

#[test]
fn a_job_of_no_length_ends_when_it_starts() {
    let jobs = vec![job(0, 0, 2048), job(10, 0, 2048), job(10, 5, 2048)];
    let results = run(&one_instance(jobs));
    assert_eq!((results.batches[0].arrived, results.batches[0].completed), (3, 3));
    assert_eq!((results.tasks.started, results.tasks.stopped), (3, 3));
    assert_eq!((results.tasks.peak_running, results.tasks.running_at_end), (1, 0));
    assert_eq!(results.batches[0].last_end, Some(SimTime::from_secs(15)));
    for task in &results.task_records {
        assert_eq!(task.stop_code, Some(StopCode::EssentialContainerExited), "{task:?}");
        assert!(task.stopping.is_some(), "{task:?}");
    }
}

#[test]
fn a_service_spreads_over_zones_by_default() {
    let mut scenario = empty();
    scenario.task_definitions.push(definition(256, 512));
    scenario.auto_scaling_groups.push(group(3, 6, 6));
    scenario.services.push(service("web", 6, LaunchTarget::Ec2));
    let results = run(&scenario);
    let mut zones: Vec<&str> = results.task_records.iter().map(|task| &task.zone[..]).collect();
    zones.sort_unstable();
    let expected = ["us-east-1a", "us-east-1b", "us-east-1c"].map(|zone| [zone; 2]).concat();
    assert_eq!(zones, expected);
    let mut instances: Vec<_> = results.task_records.iter().map(|task| task.instance).collect();
    instances.sort_unstable();
    instances.dedup();
    assert_eq!(instances.len(), 6, "and over instances inside a zone");
}

#[test]
fn managed_scaling_launches_what_provisioning_tasks_need() {
    let mut scenario = empty();
    // Four tasks per instance, so that nine tasks need three instances.
    scenario.task_definitions.push(definition(512, 1024));
    scenario.auto_scaling_groups.push(group(0, 0, 20));
    scenario.capacity_providers.push(managed_provider(100));
    scenario.services.push(service("web", 9, on_provider()));
    let results = run(&scenario);
    assert_eq!(results.tasks.running_at_end, 9);
    // From zero exactly two are launched, then what is missing.
    let launched: Vec<_> = results
        .event_records
        .iter()
        .filter(|event| event.category == EventCategory::GroupActivity)
        .filter_map(|event| event.change)
        .collect();
    assert_eq!(launched.first(), Some(&(0, 2)), "{:?}", results.event_records);
    assert_eq!(results.capacity[0].peak, 3, "{launched:?}");
    // Metric at 60 s, group acts at 65 s, running at 90 s, registered at 105 s.
    assert_eq!(results.task_records[0].started, Some(SimTime::from_secs(105)));
}

#[test]
fn waiting_tasks_count_as_need_for_instances() {
    let mut scenario = empty();
    // Four tasks per instance; the group may have one.
    scenario.task_definitions.push(definition(512, 1024));
    scenario.auto_scaling_groups.push(group(1, 1, 1));
    scenario.capacity_providers.push(managed_provider(100));
    scenario.services.push(service("web", 12, on_provider()));
    scenario.control_plane.provisioning_timeout = DurationDistribution::Constant(seconds(3600));
    scenario.duration = seconds(600);
    let results = run(&scenario);
    let needed = results.series.iter().find(|series| series.metric == "NeededInstanceCount");
    let values = &needed.expect("recorded").values;
    assert_eq!(values.first(), Some(&Some(3.0)), "{values:?}");
    // The group may not grow, and eight of the twelve tasks wait from the start.
    let waiting = results.capacity[0].waiting_at_maximum_time;
    assert!((waiting - 1.0).abs() < 1e-9, "{waiting}");
    let packing = results.packing.expect("there is a group");
    // The packing of the instances is judged by the tasks that had a place.
    assert!((packing.lower_bound_instance_hours - 600.0 / 3600.0).abs() < 1e-12, "{packing:?}");
}

#[test]
fn managed_termination_protection_spares_busy_instances() {
    let mut scenario = empty();
    scenario.duration = seconds(3 * 3600);
    scenario.task_definitions.push(definition(2048, 1024));
    scenario.auto_scaling_groups.push(group(0, 3, 3));
    scenario.capacity_providers.push(managed_provider(100));
    // Two instances become empty, the third runs a job to the end.
    let jobs = vec![job(0, 600, 2048), job(0, 10_000, 2048), job(0, 600, 2048)];
    scenario.batches.push(batch("jobs", jobs, on_provider()));
    let results = run(&scenario);
    assert_eq!(results.batches[0].completed, 3, "no job is killed");
    assert_eq!(results.tasks.created, 3, "no job is run twice");
    let terminated = results.instance_records.iter().filter(|i| i.terminated.is_some()).count();
    assert_eq!(terminated, 2);
    let first = results.instance_records.iter().filter_map(|i| i.terminated).min();
    // Empty from 600 s; the low alarm wants 15 minutes of data below the target.
    assert!(first > Some(SimTime::from_secs(600 + 14 * 60)), "{first:?}");
}

#[test]
fn distinct_instance_limits_a_service_to_one_task_per_instance() {
    let mut scenario = empty();
    scenario.task_definitions.push(definition(256, 256));
    scenario.auto_scaling_groups.push(group(2, 2, 2));
    let mut web = service("web", 3, LaunchTarget::Ec2);
    web.placement_constraints.push(PlacementConstraint::DistinctInstance);
    scenario.services.push(web);
    let results = run(&scenario);
    assert_eq!(results.tasks.created, 2);
    // Tried at 0 s and every 10 s for 50 s, then every 300 s.
    let retries = (0..50).step_by(10).count() + (50..3600).step_by(300).count();
    assert_eq!(results.tasks.placement_failures as usize, retries);
    let unable = results.event_records.iter().filter(|e| e.message.contains("was unable to place"));
    assert_eq!(unable.count(), 1, "the event is not repeated within six hours");
}

fn loaded(cpu_units: u32, requests_per_second: f64) -> Scenario {
    let mut scenario = empty();
    scenario.task_definitions.push(definition(cpu_units, 1024));
    scenario
        .capacity_providers
        .push(CapacityProvider { name: "FARGATE".into(), kind: CapacityProviderKind::Fargate });
    let mut web = service("web", 4, on_provider());
    web.starts_ready = true;
    web.load = Some(ServiceLoad {
        fidelity: Fidelity::default(),
        rate: Arc::new(RequestRate::constant(requests_per_second).expect("a rate")),
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

#[test]
fn latency_is_that_of_the_queue_the_service_is() {
    // 20 requests/s of 100 ms on four tasks of one vCPU: M/M/1 at load 0.5, mean 200 ms.
    let results = run(&loaded(1024, 20.0));
    let load = results.services[0].load.as_ref().expect("loaded");
    let latency = load.latency_ms.expect("served");
    assert!((latency.mean - 200.0).abs() < 1.0, "{latency:?}");
    assert!((latency.p95 - 599.1).abs() < 6.0, "{latency:?}");
    assert_eq!(load.offered_micro, 20 * 3600 * 1_000_000);
    assert_eq!(load.offered_micro, load.served_micro + load.failed_micro + load.queued_micro);
}

#[test]
fn target_tracking_scales_to_the_proportional_count() {
    // 36 requests/s of 100 ms use 3.6 vCPU: 90 % of four tasks, 45 % of eight.
    let mut scenario = loaded(1024, 36.0);
    let query = watch(&mut scenario, 0, ServiceMeasure::CpuUtilization, SimDuration::ZERO);
    scenario.services[0].scaling = Some(ScalableTarget {
        min_capacity: 2,
        max_capacity: 20,
        target_tracking: vec![TargetTrackingPolicy {
            name: "cpu50".into(),
            query,
            target_value: 50.0,
            scale_out_cooldown: seconds(300),
            scale_in_cooldown: seconds(300),
            disable_scale_in: false,
        }],
        step_scaling: Vec::new(),
        scheduled: Vec::new(),
        ..ScalableTarget::default()
    });
    let results = run(&scenario);
    let changes: Vec<_> = results
        .event_records
        .iter()
        .filter(|event| event.category == EventCategory::ServiceScaling && event.change.is_some())
        .map(|event| (event.at, event.change))
        .collect();
    // Three minutes above the target, then once: 8 tasks sit at 45 %, not below 0.9 × 50.
    assert_eq!(changes, [(SimTime::from_secs(180), Some((4, 8)))]);
    assert_eq!(results.services[0].running_peak, 8);
}

/// Four tasks at 90 % whose policy wants 50 %, with metrics that are visible at once.
fn busy_and_scaled() -> Scenario {
    let mut scenario = loaded(1024, 36.0);
    let query = watch(&mut scenario, 0, ServiceMeasure::CpuUtilization, SimDuration::ZERO);
    scenario.services[0].scaling = Some(ScalableTarget {
        predictive: Vec::new(),
        min_capacity: 2,
        max_capacity: 20,
        target_tracking: vec![TargetTrackingPolicy {
            name: "cpu50".into(),
            query,
            target_value: 50.0,
            scale_out_cooldown: seconds(300),
            scale_in_cooldown: seconds(300),
            disable_scale_in: false,
        }],
        step_scaling: Vec::new(),
        scheduled: Vec::new(),
        suspended: crate::autoscaling::SuspendedState::default(),
        suspensions: Vec::new(),
    });
    scenario
}

fn first_change(scenario: &Scenario) -> Option<SimTime> {
    let results = run(scenario);
    let events = results.event_records.iter();
    events.filter(|it| it.category == EventCategory::ServiceScaling).map(|it| it.at).min()
}

fn of_metrics(kind: DisruptionKind, until: u64) -> Disruption {
    Disruption {
        name: "metrics".into(),
        windows: vec![Window { from: SimTime::ZERO, until: SimTime::from_secs(until) }],
        random: None,
        recovered_after: seconds(300),
        kind,
    }
}

fn scope(service: Option<u32>, names: Option<&[&str]>) -> MetricScope {
    MetricScope {
        service: service.map(ServiceId),
        names: names.map(|names| names.iter().map(|it| (*it).to_owned()).collect()),
        own: Vec::new(),
    }
}

#[test]
fn missing_metrics_hold_up_a_scale_out() {
    let mut scenario = busy_and_scaled();
    let missing = |scope| of_metrics(DisruptionKind::MissingMetrics(scope), 600);
    assert_eq!(first_change(&scenario), Some(SimTime::from_secs(180)));
    let cpu: &[&str] = &["CPUUtilization"];
    for scope in [scope(None, None), scope(Some(0), None), scope(None, Some(cpu))] {
        scenario.disruptions = vec![missing(scope)];
        let at = first_change(&scenario);
        // The first point is that of the minute that ends at 600 s.
        let points = SimTime::from_secs(600)..=SimTime::from_secs(720);
        assert!(at.is_some_and(|at| points.contains(&at)), "{at:?}");
    }
    let memory: &[&str] = &["MemoryUtilization"];
    for other in [scope(Some(1), None), scope(None, Some(memory)), scope(Some(1), Some(cpu))] {
        scenario.disruptions = vec![missing(other.clone())];
        assert_eq!(first_change(&scenario), Some(SimTime::from_secs(180)), "{other:?}");
    }
}

#[test]
fn late_metrics_hold_up_a_scale_out_until_the_alarm_sees_three_or_an_old_one() {
    let mut scenario = busy_and_scaled();
    for (delay, expected) in [
        // Three minutes are over: of a breaching point that old the alarm needs no further ones.
        (60, Some(180)),
        (120, Some(180)),
        // The first point comes at 240 s, and is four minutes old.
        (180, Some(240)),
        (240, Some(300)),
        // It comes when it is no longer among the five that the alarm looks at. Points are in time again
        // from that of 1200 s on: three of them at 1320 s.
        (300, Some(1320)),
        (900, Some(1320)),
    ] {
        let kind = DisruptionKind::LateMetrics { scope: scope(None, None), delay: seconds(delay) };
        scenario.disruptions = vec![of_metrics(kind, 1200)];
        assert_eq!(first_change(&scenario), expected.map(SimTime::from_secs), "{delay}");
    }
    let (scope, delay) = (scope(None, Some(&["MemoryUtilization"])), seconds(900));
    scenario.disruptions = vec![of_metrics(DisruptionKind::LateMetrics { scope, delay }, 1200)];
    assert_eq!(first_change(&scenario), Some(SimTime::from_secs(180)), "another metric");
}

#[test]
fn a_load_balanced_task_drains_before_it_stops() {
    let mut scenario = loaded(1024, 1.0);
    scenario.services[0].target_group = Some(TargetGroup {
        protocol: TargetProtocol::Http,
        load_balancer: "lb".into(),
        registration_time: DurationDistribution::ZERO,
        health_check_interval: seconds(30),
        healthy_threshold: 5,
        unhealthy_threshold: 2,
        deregistration_delay: seconds(300),
        bytes_per_request: 1000,
        requests_per_connection: 1,
        rules_processed: 1,
    });
    scenario.services[0].scaling = Some(ScalableTarget {
        min_capacity: 1,
        max_capacity: 4,
        target_tracking: Vec::new(),
        step_scaling: Vec::new(),
        scheduled: vec![crate::scenario::ScheduledChange {
            at: SimTime::from_secs(1000),
            name: "night".into(),
            min_capacity: None,
            max_capacity: Some(1),
        }],
        ..ScalableTarget::default()
    });
    let results = run(&scenario);
    let stopped: Vec<_> = results.task_records.iter().filter_map(|task| task.stopped).collect();
    assert_eq!(stopped, [SimTime::from_secs(1300); 3]);
    assert_eq!(results.tasks.running_at_end, 1);
}

#[test]
fn fargate_spot_tasks_are_interrupted_and_replaced() {
    let mut scenario = loaded(1024, 1.0);
    let provider = CapacityProviderId(0);
    scenario.capacity_providers[provider].kind =
        CapacityProviderKind::FargateSpot { mean_time_to_interruption: Some(seconds(600)) };
    let results = run(&scenario);
    assert!(results.tasks.interrupted > 10, "{:?}", results.tasks);
    assert_eq!(results.tasks.running_at_end, 4, "each is replaced at once");
    assert_eq!(results.tasks.created, 4 + results.tasks.interrupted);
}

#[test]
fn the_same_scenario_gives_the_same_results_and_another_seed_does_not() {
    let mut scenario = loaded(1024, 36.0);
    scenario.control_plane.fargate_provisioning =
        DurationDistribution::Uniform { low: seconds(10), high: seconds(60) };
    scenario.services[0].starts_ready = false;
    let first = run(&scenario);
    let again = run(&scenario);
    assert_eq!(first.trajectory_fingerprint, again.trajectory_fingerprint);
    assert_eq!(format!("{first:?}"), format!("{again:?}"));
    scenario.seed = 43;
    assert_ne!(first.trajectory_fingerprint, run(&scenario).trajectory_fingerprint);
}

#[test]
fn the_task_limit_ends_a_runaway_run() {
    let mut scenario = one_instance((0..100).map(|n| job(n, 1, 1024)).collect());
    scenario.limits.tasks = 10;
    let ended = super::run(&scenario, &mut |_| {});
    assert!(
        matches!(ended, Err(RunError::LimitReached { setting: "limits.tasks", limit: 10, .. })),
        "{:?}",
        ended.map(|results| results.tasks)
    );
}

#[test]
fn an_idle_service_moves_nothing_else() {
    let mut scenario = loaded(1024, 36.0);
    scenario.control_plane.fargate_provisioning =
        DurationDistribution::Exponential { mean: seconds(30) };
    scenario.services[0].starts_ready = false;
    let alone = run(&scenario);
    scenario.services.push(service("idle", 0, on_provider()));
    let together = run(&scenario);
    assert_eq!(alone.task_records, together.task_records);
    assert_eq!(control_plane(), empty().control_plane);
}

#[test]
fn instances_of_the_initial_state_do_not_warm_up() {
    let mut scenario = empty();
    // Four tasks per instance: two instances short at the start.
    scenario.task_definitions.push(definition(512, 1024));
    scenario.auto_scaling_groups.push(group(1, 1, 10));
    scenario.capacity_providers.push(managed_provider(100));
    let provider = CapacityProviderId(0);
    if let CapacityProviderKind::AutoScalingGroup { managed_scaling: Some(settings), .. } =
        &mut scenario.capacity_providers[provider].kind
    {
        settings.instance_warmup_period = seconds(600);
    }
    scenario.services.push(service("web", 12, on_provider()));
    let results = run(&scenario);
    let first = results
        .event_records
        .iter()
        .find(|event| event.category == EventCategory::GroupActivity && event.change.is_some());
    let first = first.expect("the group scales out");
    assert_eq!((first.at, first.change), (SimTime::from_secs(60), Some((1, 3))));
}

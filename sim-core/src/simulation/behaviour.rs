//! Behaviour of whole runs where something is short: Spot, quotas, protection, room, time.

use std::sync::Arc;

use super::testing::{
    at, batch, constant, definition, empty, group, job, managed_provider, on_provider, run,
    seconds, service, split, watch,
};
use crate::autoscaling::TargetTrackingPolicy;
use crate::metrics::ServiceMeasure;
use crate::results::{EventCategory, RunResults, StopCode, TaskRecord};
use crate::rules::TokenBucket;
use crate::scenario::{
    BalancingAlgorithm, BatchJob, CapacityProvider, CapacityProviderKind, Fidelity, LaunchLimiter,
    LaunchTarget, ScalableTarget, Scenario, ScheduledChange, ServiceLoad, TargetGroup,
    TargetProtocol,
};
use crate::traffic::{AfterEnd, RequestRate};
use crate::units::{AsgId, CapacityProviderId, Cpu, Mib, SimDuration, SimTime, TaskDefinitionId};

fn scheduled(at: u64, min: Option<u32>, max: Option<u32>) -> ScheduledChange {
    ScheduledChange {
        at: SimTime::from_secs(at),
        name: "change".into(),
        min_capacity: min,
        max_capacity: max,
    }
}

fn bounds(min: u32, max: u32, scheduled: Vec<ScheduledChange>) -> ScalableTarget {
    ScalableTarget {
        min_capacity: min,
        max_capacity: max,
        target_tracking: Vec::new(),
        step_scaling: Vec::new(),
        scheduled,
        ..ScalableTarget::default()
    }
}

/// A service of `desired` small tasks on Fargate or Fargate Spot.
fn on_fargate(desired: u32, spot: Option<u64>) -> Scenario {
    let mut scenario = empty();
    scenario.task_definitions.push(definition(256, 512));
    let kind = match spot {
        None => CapacityProviderKind::Fargate,
        Some(mean) => {
            CapacityProviderKind::FargateSpot { mean_time_to_interruption: Some(seconds(mean)) }
        }
    };
    scenario.capacity_providers.push(CapacityProvider { name: "fargate".into(), kind });
    scenario.services.push(service("web", desired, on_provider()));
    scenario
}

fn count(results: &RunResults, holds: impl Fn(&&TaskRecord) -> bool) -> usize {
    results.task_records.iter().filter(holds).count()
}

/// Changes of desired counts, and scheduled actions that were refused.
fn changes(results: &RunResults) -> Vec<(SimTime, Option<(u32, u32)>)> {
    let scaling = results.event_records.iter();
    let scaling = scaling.filter(|event| event.category == EventCategory::ServiceScaling);
    let scaling = scaling
        .filter(|event| event.change.is_some() || event.message.starts_with("Scheduled action"));
    scaling.map(|event| (event.at, event.change)).collect()
}

#[test]
fn a_spot_task_is_replaced_at_its_warning_and_billed_to_its_end() {
    let mut scenario = on_fargate(1, Some(1000));
    let task = &mut scenario.task_definitions[TaskDefinitionId(0)];
    task.stop_time = constant(300);
    task.stop_timeout = Some(seconds(300));
    let results = run(&scenario);
    let tasks = &results.task_records;
    assert!(tasks.len() > 1, "interrupted at least once");
    for pair in tasks.windows(2) {
        assert_eq!(pair[0].stop_code, Some(StopCode::SpotInterruption));
        assert_eq!(Some(pair[1].created), pair[0].stopping, "replaced at the warning");
    }
    let first = &tasks[0];
    let (Some(from), Some(warned), Some(gone)) =
        (first.pull_started, first.stopping, first.stopped)
    else {
        unreachable!("the first task was interrupted within the hour");
    };
    assert_eq!(gone, warned + seconds(120), "killed two minutes after SIGTERM");
    let lived = gone.saturating_since(from).as_nanos();
    assert_eq!(first.billed_seconds, lived.div_ceil(1_000_000_000));
}

#[test]
fn a_job_on_spot_ends_in_some_attempt() {
    let mut scenario = empty();
    scenario.duration = seconds(24 * 3600);
    scenario.task_definitions.push(definition(1024, 2048));
    scenario.capacity_providers.push(CapacityProvider {
        name: "FARGATE_SPOT".into(),
        kind: CapacityProviderKind::FargateSpot { mean_time_to_interruption: Some(seconds(600)) },
    });
    let jobs = (0..40).map(|n| job(n, 600, 1024)).collect();
    scenario.batches.push(batch("jobs", jobs, on_provider()));
    let results = run(&scenario);
    assert!(results.tasks.interrupted > 10, "{:?}", results.tasks);
    let batch = &results.batches[0];
    assert_eq!(batch.completed, 40, "every job is interrupted anew in each attempt");
    assert_eq!(batch.wait_seconds.map(|waits| waits.count), Some(40), "one wait per job");
    assert_eq!(batch.total_wait, 0);
}

#[test]
fn a_job_that_takes_no_time_ends() {
    let mut scenario = empty();
    scenario.task_definitions.push(definition(1024, 1024));
    scenario.auto_scaling_groups.push(group(1, 1, 1));
    let jobs = vec![job(0, 0, 1024), job(5, 0, 1024), job(5, 10, 2048)];
    scenario.batches.push(batch("jobs", jobs, LaunchTarget::Ec2));
    let results = run(&scenario);
    assert_eq!((results.batches[0].completed, results.tasks.created), (3, 3));
    assert_eq!(results.task_records[0].stop_code, Some(StopCode::EssentialContainerExited));
    assert_eq!(results.batches[0].last_end, Some(at(15)));
}

#[test]
fn provisioning_ends_in_vain_and_the_service_tries_again() {
    let mut scenario = empty();
    scenario.task_definitions.push(definition(2048, 1024));
    scenario.auto_scaling_groups.push(group(0, 0, 1));
    scenario.capacity_providers.push(managed_provider(100));
    scenario.services.push(service("web", 2, on_provider()));
    let results = run(&scenario);
    let failed: Vec<_> = results
        .task_records
        .iter()
        .filter(|task| task.stop_code == Some(StopCode::TaskFailedToStart))
        .map(|task| (task.created, task.stopped))
        .collect();
    let zero = SimTime::ZERO;
    assert_eq!(failed[0], (zero, Some(at(1200))));
    assert_eq!(failed[1], (SimTime::from_secs(1200), Some(at(2400))), "made again at once");
    assert_eq!(results.tasks.running_at_end, 1);
}

#[test]
fn base_and_weight_hold_in_a_running_service_and_on_scale_in() {
    let mut scenario = on_fargate(10, None);
    scenario.capacity_providers.push(CapacityProvider {
        name: "spot".into(),
        kind: CapacityProviderKind::FargateSpot { mean_time_to_interruption: None },
    });
    scenario.services[0].launch = split(&[(1, 1), (0, 4)]);
    scenario.services[0].scaling =
        Some(bounds(1, 10, vec![scheduled(600, None, Some(6)), scheduled(1200, None, Some(1))]));
    let results = run(&scenario);
    let left = |second: u64, name: &str| {
        let after = SimTime::from_secs(second);
        let alive = |task: &&TaskRecord| task.stopped.is_none_or(|stopped| after < stopped);
        count(&results, |task| *task.capacity == *name && alive(task))
    };
    assert_eq!((left(599, "fargate"), left(599, "spot")), (3, 7));
    assert_eq!((left(601, "fargate"), left(601, "spot")), (2, 4));
    assert_eq!((left(1201, "fargate"), left(1201, "spot")), (1, 0), "the base goes last");
}

#[test]
fn quotas_delay_a_big_service() {
    // 100 at once, then 20 a second: 600 tasks need (600 - 100) / 20 = 25 s; the service's own
    // quota of 500 a minute lets 500 pass by then and 8.33 a second more.
    let results = run(&on_fargate(600, None));
    let started = |second: u64| count(&results, |task| task.started <= Some(at(second)));
    assert_eq!((started(0), started(1), started(10)), (100, 120, 300));
    assert_eq!(started(25), 600);
    let mut free = on_fargate(600, None);
    free.control_plane.launch_rate_quotas = false;
    assert_eq!(count(&run(&free), |task| task.started == Some(at(0))), 600);
}

#[test]
fn a_service_has_no_more_tasks_than_its_quota() {
    let mut scenario = on_fargate(2001, None);
    scenario.rules = crate::rules::rule_set("2020-01").expect("a rule set");
    scenario.control_plane.launch_rate_quotas = false;
    let results = run(&scenario);
    assert_eq!(results.services[0].running_peak, 2000);
    assert!(
        results.warnings.iter().any(|it| it.contains("was held to 2000 tasks")),
        "{:?}",
        results.warnings
    );
}

#[test]
fn launch_quotas_are_settings() {
    let started = |scenario: &Scenario, second: u64| {
        count(&run(scenario), |task| task.started <= Some(at(second)))
    };
    let bucket = |burst, refill_per_second| Some(TokenBucket { burst, refill_per_second });
    let mut scenario = on_fargate(60, None);
    scenario.control_plane.fargate_launches = bucket(10, 2);
    scenario.control_plane.fargate_spot_launches = bucket(1, 1);
    assert_eq!([0, 1, 24, 25].map(|at| started(&scenario, at)), [10, 12, 58, 60]);
    // Fargate Spot has a bucket of its own.
    let mut spot = on_fargate(60, Some(1_000_000_000));
    spot.control_plane.fargate_launches = bucket(1, 1);
    spot.control_plane.fargate_spot_launches = bucket(20, 1);
    assert_eq!([0, 39, 40].map(|at| started(&spot, at)), [20, 59, 60]);
    let mut of_service = on_fargate(60, None);
    of_service.control_plane.service_scheduler.launches_per_minute = Some(30);
    of_service.control_plane.service_scheduler.launch_limiter = LaunchLimiter::Window;
    assert_eq!([0, 59, 60].map(|at| started(&of_service, at)), [30, 30, 60]);
}

#[test]
fn a_failed_placement_costs_no_launch_token() {
    // Room for one task; every retry fails. At 1800 s a second service stops and makes room for
    // 7, all within the quota of a minute, which no failure has touched.
    let mut scenario = empty();
    scenario.rules = crate::rules::rule_set("2022-04").expect("a rule set");
    scenario.task_definitions.push(definition(2, 6));
    scenario.auto_scaling_groups.push(group(1, 1, 1));
    scenario.control_plane.placement_retry.quick_interval = SimDuration::from_millis(50);
    scenario.control_plane.placement_retry.quick_phase = seconds(60);
    let mut first = service("first", 1000, LaunchTarget::Ec2);
    first.starts_ready = true;
    first.scaling = Some(bounds(0, 1000, vec![scheduled(59, None, Some(700))]));
    scenario.services.push(first);
    let mut second = service("second", 250, LaunchTarget::Ec2);
    second.scaling = Some(bounds(0, 250, Vec::new()));
    scenario.services.push(second);
    let results = run(&scenario);
    // 1024 tasks of 2 units fit: 24 of the second service at once, the others when room appears.
    let of_second = |second: u64| {
        count(&results, |task| *task.group == *"second" && task.started <= Some(at(second)))
    };
    assert_eq!(of_second(58), 24);
    assert_eq!(of_second(60), 250, "226 tokens are left after 1160 failures");
}

#[test]
fn launches_go_to_all_zones_and_scale_in_keeps_them_even() {
    let mut scenario = empty();
    scenario.task_definitions.push(definition(2048, 1024));
    let mut asg = group(0, 7, 7);
    asg.starts_ready = false;
    scenario.auto_scaling_groups.push(asg);
    scenario.capacity_providers.push(managed_provider(100));
    scenario.duration = seconds(3 * 3600);
    let mut web = service("web", 7, on_provider());
    web.scaling = Some(bounds(0, 7, vec![scheduled(3600, None, Some(4))]));
    scenario.services.push(web);
    let results = run(&scenario);
    let zones: Vec<&str> = results.instance_records.iter().map(|it| &it.zone[9..]).collect();
    assert_eq!(zones, ["a", "b", "c", "a", "b", "c", "a"]);
    assert!(results.instance_records.iter().all(|it| it.registered == Some(at(40))));
    let mut left = [0; 3];
    for task in results.task_records.iter().filter(|task| task.stopped.is_none()) {
        let zone = task.zone.as_bytes()[9] - b'a';
        left[usize::from(zone)] += 1;
    }
    left.sort_unstable();
    assert_eq!(left, [1, 1, 2], "tasks are stopped in the fullest zones");
    let gone = results.instance_records.iter().filter(|it| it.terminated.is_some()).count();
    assert_eq!(gone, 3, "and their instances follow");
}

/// Three instances with a job each; two end, and the group shrinks without regard for tasks.
fn unprotected() -> Scenario {
    let mut scenario = empty();
    scenario.duration = seconds(4 * 3600);
    scenario.task_definitions.push(definition(2048, 1024));
    scenario.auto_scaling_groups.push(group(0, 3, 3));
    let mut provider = managed_provider(100);
    if let CapacityProviderKind::AutoScalingGroup { managed_termination_protection, .. } =
        &mut provider.kind
    {
        *managed_termination_protection = false;
    }
    scenario.capacity_providers.push(provider);
    scenario
}

#[test]
fn without_protection_busy_instances_die_and_jobs_run_again() {
    let mut scenario = unprotected();
    // Random placement decides which job the oldest instance has; one of ten seeds suffices.
    let jobs = vec![job(0, 300, 2048), job(0, 300, 2048), job(0, 9000, 2048)];
    scenario.batches.push(batch("jobs", jobs, on_provider()));
    let mut killed = 0;
    for seed in 0..10 {
        scenario.seed = seed;
        let results = run(&scenario);
        assert_eq!(results.batches[0].completed, 3, "seed {seed}");
        assert_eq!(results.batches[0].wait_seconds.map(|it| it.count), Some(3), "seed {seed}");
        for task in results
            .task_records
            .iter()
            .filter(|it| it.stop_code == Some(StopCode::TerminationNotice))
        {
            killed += 1;
            let instance = &results.instance_records[task.instance.expect("placed") as usize];
            assert_eq!(task.stopped, instance.terminated);
        }
    }
    assert!(killed > 0);
}

#[test]
fn without_protection_a_service_replaces_what_scale_in_killed() {
    let mut scenario = unprotected();
    let mut web = service("web", 3, on_provider());
    web.scaling = Some(bounds(0, 3, vec![scheduled(600, None, Some(1))]));
    scenario.services.push(web);
    let mut killed = 0;
    for seed in 0..10 {
        scenario.seed = seed;
        let results = run(&scenario);
        assert_eq!(results.tasks.running_at_end, 1, "seed {seed}");
        let dead: Vec<_> = results
            .task_records
            .iter()
            .filter(|task| task.stop_code == Some(StopCode::TerminationNotice))
            .collect();
        assert_eq!(results.tasks.created as usize, 3 + dead.len(), "seed {seed}");
        killed += dead.len();
    }
    assert!(killed > 0);
}

#[test]
fn a_group_is_not_touched_without_a_reason() {
    let mut scenario = unprotected();
    let kind = &mut scenario.capacity_providers[CapacityProviderId(0)].kind;
    *kind = CapacityProviderKind::AutoScalingGroup {
        group: AsgId(0),
        managed_scaling: None,
        managed_termination_protection: false,
        managed_draining: false,
    };
    scenario.services.push(service("web", 1, on_provider()));
    let results = run(&scenario);
    assert_eq!((results.instances.launched, results.instances.terminated), (3, 0));
    assert_eq!(results.capacity[0].scale_in + results.capacity[0].scale_out, 0);
}

fn loaded(rate: RequestRate) -> Scenario {
    let mut scenario = on_fargate(4, None);
    scenario.task_definitions[TaskDefinitionId(0)] = definition(1024, 2048);
    let web = &mut scenario.services[0];
    web.starts_ready = true;
    web.load = Some(ServiceLoad {
        fidelity: Fidelity::default(),
        rate: Arc::new(rate),
        cpu_per_request: SimDuration::from_millis(100),
        other_latency: SimDuration::ZERO,
        algorithm: BalancingAlgorithm::LeastOutstandingRequests,
        timeout: seconds(60),
        parallelism: None,
        idle_cpu: Cpu::ZERO,
        idle_memory: Mib::new(100),
        memory_per_request_kib: 0,
    });
    scenario
}

#[test]
fn law_7_no_decision_comes_before_the_publication_of_its_points() {
    // 16 requests/s use 40 % of four tasks, 40 from 600 s on use all of them.
    let counts: Vec<u64> = (0..60).map(|n| if n < 10 { 960 } else { 2400 }).collect();
    for (delay, first) in [(0, 780), (45, 840), (60, 840), (120, 900)] {
        let rate = RequestRate::from_trace(seconds(60), &counts, AfterEnd::Repeat);
        let mut scenario = loaded(rate.expect("a trace"));
        let query = watch(&mut scenario, 0, ServiceMeasure::CpuUtilization, seconds(delay));
        let mut scaling = bounds(1, 20, Vec::new());
        scaling.target_tracking.push(TargetTrackingPolicy {
            name: "cpu50".into(),
            query,
            target_value: 50.0,
            scale_out_cooldown: seconds(300),
            scale_in_cooldown: seconds(300),
            disable_scale_in: false,
        });
        scenario.services[0].scaling = Some(scaling);
        let changes = changes(&run(&scenario));
        assert_eq!(changes.first(), Some(&(SimTime::from_secs(first), Some((4, 8)))), "{delay} s");
    }
}

#[test]
fn registration_and_first_probe_delay_health() {
    let mut scenario = loaded(RequestRate::constant(1.0).expect("a rate"));
    let web = &mut scenario.services[0];
    web.desired_count = 1;
    web.starts_ready = false;
    web.target_group = Some(TargetGroup {
        protocol: TargetProtocol::Http,
        load_balancer: "lb".into(),
        registration_time: constant(100),
        health_check_interval: seconds(30),
        healthy_threshold: 5,
        unhealthy_threshold: 2,
        deregistration_delay: seconds(300),
        bytes_per_request: 1000,
        requests_per_connection: 1,
        rules_processed: 1,
    });
    let results = run(&scenario);
    assert_eq!(results.task_records[0].started, Some(at(0)));
    let steady = results.event_records.iter().find(|it| it.message.contains("steady state"));
    let healthy = steady.expect("it gets there").at;
    assert!(SimTime::from_secs(100) <= healthy && healthy < SimTime::from_secs(130), "{healthy:?}");
    // One request a second: until then nothing serves them.
    let load = results.services[0].load.as_ref().expect("loaded");
    assert!(load.failed_micro > 30_000_000, "{load:?}");
}

#[test]
fn what_starts_ready_runs_at_zero_and_the_rest_is_launched() {
    let mut scenario = empty();
    scenario.task_definitions.push(definition(1024, 1024));
    scenario.task_definitions[TaskDefinitionId(0)].pull_time = constant(20);
    scenario.auto_scaling_groups.push(group(2, 2, 2));
    let mut web = service("web", 3, LaunchTarget::Ec2);
    web.starts_ready = true;
    scenario.services.push(web);
    let group = AsgId(0);
    let started = |scenario: &Scenario| {
        run(scenario).task_records.iter().map(|task| task.started).collect::<Vec<_>>()
    };
    assert_eq!(started(&scenario), [Some(at(0)); 3]);
    scenario.services[0].starts_ready = false;
    assert_eq!(started(&scenario), [Some(at(20)); 3]);
    // Instances that are launched at zero register at 40 s; the service's retries find them then.
    scenario.services[0].starts_ready = true;
    scenario.auto_scaling_groups[group].starts_ready = false;
    assert_eq!(started(&scenario), [Some(at(40 + 20)); 3]);
}

#[test]
fn a_scheduled_action_moves_bounds_and_with_them_the_count() {
    let mut scenario = on_fargate(5, None);
    let actions = vec![
        scheduled(600, Some(8), None),
        scheduled(1200, Some(1), None),
        scheduled(1800, None, Some(3)),
        scheduled(2400, Some(4), None),
    ];
    scenario.services[0].scaling = Some(bounds(2, 20, actions));
    let results = run(&scenario);
    let expected = [(600, Some((5, 8))), (1800, Some((8, 3))), (2400, None)];
    assert_eq!(changes(&results), expected.map(|(at, change)| (SimTime::from_secs(at), change)));
    assert_eq!(results.tasks.running_at_end, 3, "a minimum above the maximum is refused");
}

#[test]
fn registration_pulls_the_first_count_into_the_bounds() {
    let mut scenario = on_fargate(9, None);
    scenario.services[0].scaling = Some(bounds(1, 4, Vec::new()));
    assert_eq!(run(&scenario).tasks.created, 4);
    scenario.services[0].scaling = Some(bounds(12, 20, Vec::new()));
    assert_eq!(run(&scenario).tasks.created, 12);
}

#[test]
fn waits_under_managed_scaling_end_with_the_place() {
    let mut scenario = empty();
    scenario.task_definitions.push(definition(2048, 1024));
    scenario.auto_scaling_groups.push(group(0, 0, 2));
    scenario.capacity_providers.push(managed_provider(100));
    let jobs = vec![job(10, 100, 2048), job(20, 100, 2048), job(30, 100, 2048)];
    scenario.batches.push(batch("jobs", jobs, on_provider()));
    let results = run(&scenario);
    // Metric at 60 s, two instances registered at 105 s, the third job follows one of the others.
    let batch = &results.batches[0];
    assert_eq!(batch.total_wait, 1_000_000_000 * (95 + 85 + 175));
    assert_eq!(batch.last_end, Some(at(305)));
    let pending = results.series.iter().find(|it| it.metric == "PendingTaskCount");
    let pending = &pending.expect("recorded").values;
    // 120 job-seconds of the first minute, then 3 until 105 s and one for the rest of it.
    assert_eq!(pending[..2], [Some(2.0), Some((3.0 * 45.0 + 15.0) / 60.0)]);
}

#[test]
fn the_horizon_closes_what_still_runs() {
    let mut scenario = on_fargate(2, None);
    scenario.duration = SimDuration::from_millis(90_500);
    scenario.task_definitions[TaskDefinitionId(0)].pull_time = constant(20);
    let results = run(&scenario);
    assert_eq!(results.tasks.running_at_end, 2);
    let ends: Vec<_> =
        results.task_records.iter().map(|task| (task.stopped, task.billed_seconds)).collect();
    assert_eq!(ends, [(None, 91); 2], "from the start of the pull to the end of the run");
    assert!((results.services[0].running_mean - 2.0 * 70.5 / 90.5).abs() < 1e-9);
    assert_eq!(results.series[0].values.len(), 2, "the cut minute is recorded");
}

#[test]
fn a_throttled_source_does_not_hold_up_another() {
    let mut scenario = empty();
    scenario.task_definitions.push(definition(256, 512));
    scenario.auto_scaling_groups.push(group(1, 1, 1));
    let flood = (0..400).map(|_| job(10, 60, 256)).collect();
    scenario.batches.push(batch("fargate", flood, LaunchTarget::Fargate));
    let single = BatchJob { arrival: SimTime::from_nanos(10_500_000_000), ..job(0, 60, 256) };
    scenario.batches.push(batch("ec2", vec![single], LaunchTarget::Ec2));
    let results = run(&scenario);
    assert_eq!(results.batches[1].total_wait, 0);
    assert!(results.batches[0].total_wait > 0);
}

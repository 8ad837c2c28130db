//! Behaviour of whole runs in the life of a task: the agent, images, containers, targets, faults.

use super::testing::{at, batch, constant, definition, empty, group, seconds, service};
use crate::agent::{
    Condition, Dependency, HealthCheck, Image, PullBehavior, RestartPolicy, Window,
};
use crate::engine::DurationDistribution;
use crate::invariants::violations;
use crate::results::{RunResults, StopCode, TaskRecord};
use crate::scenario::{
    BatchJob, Container, Fault, FaultKind, FaultOwner, LaunchTarget, NetworkMode, ScalableTarget,
    Scenario, ScheduledChange, TargetGroup, TargetProtocol, TaskDefinition,
};
use crate::units::{
    AsgId, BatchId, Cpu, ImageId, LayerId, Mib, ServiceId, SimDuration, SimTime, TaskDefinitionId,
};

pub(super) fn run(scenario: &Scenario) -> RunResults {
    let results = super::run(scenario, &mut |_| {}).expect("the run ends");
    let mut found = violations(scenario, &results);
    found.retain(|it| !it.contains("no price"));
    assert!(found.is_empty(), "{found:#?}");
    results
}

fn task(scenario: &mut Scenario) -> &mut TaskDefinition {
    &mut scenario.task_definitions[TaskDefinitionId(0)]
}

/// `instances` of 2 vCPU and a service of `desired` tasks on them.
fn on_instances(instances: u32, desired: u32, cpu_units: u32) -> Scenario {
    let mut scenario = empty();
    scenario.task_definitions.push(definition(cpu_units, 512));
    scenario.auto_scaling_groups.push(group(instances, instances, instances));
    scenario.services.push(service("web", desired, LaunchTarget::Ec2));
    scenario
}

fn on_fargate(desired: u32) -> Scenario {
    let mut scenario = empty();
    scenario.task_definitions.push(definition(256, 512));
    scenario.services.push(service("web", desired, LaunchTarget::Fargate));
    scenario
}

fn job(arrival: u64, duration: u64, cpu_units: u32) -> BatchJob {
    BatchJob {
        arrival: at(arrival),
        duration: seconds(duration),
        cpu: Cpu::from_ecs_units(cpu_units),
        memory: Mib::new(64),
    }
}

fn target_group() -> TargetGroup {
    TargetGroup {
        protocol: TargetProtocol::Http,
        load_balancer: "web".into(),
        registration_time: constant(2),
        health_check_interval: seconds(30),
        healthy_threshold: 5,
        unhealthy_threshold: 2,
        deregistration_delay: seconds(300),
        bytes_per_request: 10_000,
        requests_per_connection: 10,
        rules_processed: 0,
    }
}

/// Lets the desired count of the first service drop to `count` at a second.
fn scale_to(scenario: &mut Scenario, second: u64, count: u32) {
    let change = ScheduledChange {
        at: at(second),
        name: "change".into(),
        min_capacity: Some(count),
        max_capacity: Some(count),
    };
    scenario.services[0].scaling = Some(ScalableTarget {
        min_capacity: 0,
        max_capacity: 100,
        target_tracking: Vec::new(),
        step_scaling: Vec::new(),
        scheduled: vec![change],
        ..ScalableTarget::default()
    });
}

pub(super) fn add_image(scenario: &mut Scenario, layers: &[(u32, u64)]) -> ImageId {
    let layers = layers.iter().map(|(layer, bytes)| (LayerId(*layer), *bytes)).collect();
    scenario.images.push(Image { name: "registry/web:1".into(), layers, soci_index: false })
}

pub(super) fn container(name: &str) -> Container {
    Container {
        name: name.into(),
        essential: true,
        depends_on: Vec::new(),
        start_time: None,
        run_time: None,
        exit_code: 0,
        start_timeout: None,
        stop_timeout: None,
        health_check: None,
        restart_policy: None,
    }
}

pub(super) const HEALTH_CHECK: HealthCheck = HealthCheck {
    interval: SimDuration::from_secs(30),
    timeout: SimDuration::from_secs(5),
    retries: 3,
    start_period: SimDuration::ZERO,
};

pub(super) fn fault(kind: FaultKind, from: u64, until: u64) -> Fault {
    Fault {
        name: "fault".into(),
        owner: None,
        task_definition: None,
        share: 1.0,
        windows: vec![Window { from: at(from), until: at(until) }],
        random: None,
        recovered_after: SimDuration::from_secs(300),
        kind,
    }
}

pub(super) fn exit_at(second: u64, exit_code: u8) -> Fault {
    let kind = FaultKind::ContainerExit {
        container: None,
        after: DurationDistribution::ZERO,
        exit_code,
        out_of_memory: false,
    };
    fault(kind, second, second + 1)
}

fn ended(task: &TaskRecord) -> (&str, &str) {
    (task.stop_code.map_or("", StopCode::name), &task.stopped_reason)
}

// ---- the agent ----

#[test]
fn a_new_task_waits_behind_one_that_stops_slowly() {
    // Two jobs fill the instance; the service's task stops at 100 s and takes 20 s to exit. Placement
    // takes its room at once, the agent does not.
    let mut scenario = on_instances(1, 1, 2048);
    task(&mut scenario).stop_time = constant(20);
    scale_to(&mut scenario, 100, 0);
    let jobs = vec![job(50, 60, 1024), job(60, 60, 512), job(110, 60, 512)];
    scenario.batches.push(batch("jobs", jobs, LaunchTarget::Ec2));
    let results = run(&scenario);
    let tasks = &results.task_records;
    assert_eq!((tasks[0].stopping, tasks[0].execution_stopped), (Some(at(100)), Some(at(120))));
    for task in &tasks[1..3] {
        assert_eq!((task.placed, task.started), (Some(at(100)), Some(at(120))));
    }
    assert_eq!((tasks[3].placed, tasks[3].started), (Some(at(110)), Some(at(120))));
}

#[test]
fn head_of_line_blocking_shows() {
    // 1024 of 2048 units stop slowly at 100 s. A job of 1536 waits for them at the agent, and the small
    // job behind it waits too, although 1024 units are free.
    let mut scenario = on_instances(1, 1, 1024);
    task(&mut scenario).stop_time = constant(20);
    scale_to(&mut scenario, 100, 0);
    let jobs = vec![job(101, 60, 1536), job(102, 60, 256)];
    scenario.batches.push(batch("jobs", jobs, LaunchTarget::Ec2));
    let results = run(&scenario);
    let tasks = &results.task_records;
    assert_eq!((tasks[1].placed, tasks[1].pull_started), (Some(at(101)), Some(at(120))));
    assert_eq!((tasks[2].placed, tasks[2].pull_started), (Some(at(102)), Some(at(120))));
}

#[test]
fn a_long_queue_of_jobs_that_take_no_time_is_worked_off() {
    let mut scenario = on_instances(1, 1, 2048);
    task(&mut scenario).stop_time = constant(20);
    scale_to(&mut scenario, 100, 0);
    let tiny = BatchJob { memory: Mib::new(1), ..job(102, 0, 0) };
    let mut jobs = vec![job(101, 60, 2048)];
    jobs.extend(vec![tiny; 6000]);
    scenario.batches.push(batch("jobs", jobs, LaunchTarget::Ec2));
    let results = run(&scenario);
    assert_eq!(results.batches[0].completed, 6001);
    assert_eq!(results.batches[0].last_end, Some(at(180)));
    assert_eq!(results.task_records[6001].started, Some(at(120)), "right behind the first job");
}

#[test]
fn the_image_cache_makes_the_second_pull_cheap() {
    for (behavior, second_pull) in [
        (PullBehavior::Default, SimDuration::from_secs(1)),
        (PullBehavior::PreferCached, SimDuration::from_millis(100)),
    ] {
        let mut scenario = on_instances(1, 0, 256);
        let image = add_image(&mut scenario, &[(0, 650_000_000)]);
        task(&mut scenario).images = vec![image];
        scenario.auto_scaling_groups[AsgId(0)].agent.pull_behavior = behavior;
        let jobs = vec![job(0, 60, 256), job(4, 60, 256), job(1000, 60, 256)];
        scenario.batches.push(batch("jobs", jobs, LaunchTarget::Ec2));
        let results = run(&scenario);
        let pull = |index: usize| {
            let task: &TaskRecord = &results.task_records[index];
            task.started.and_then(|started| started.since(task.pull_started?))
        };
        assert_eq!(pull(0), Some(seconds(10)));
        assert_eq!(pull(1), Some(seconds(6)), "the rest of the first one's pull");
        assert_eq!(pull(2), Some(second_pull));
    }
}

#[test]
fn fargate_pays_each_pull() {
    let mut scenario = on_fargate(3);
    let image = add_image(&mut scenario, &[(0, 650_000_000)]);
    task(&mut scenario).images = vec![image];
    let results = run(&scenario);
    for task in &results.task_records {
        assert_eq!(task.started.map(|it| it.as_secs_f64() as u64), Some(10));
    }
    scenario.images[image].soci_index = true;
    let results = run(&scenario);
    for task in &results.task_records {
        assert_eq!(task.started, Some(SimTime::ZERO + SimDuration::from_millis(2800)));
    }
}

#[test]
fn a_slow_instance_pulls_slowly() {
    let mut scenario = on_instances(1, 1, 256);
    let image = add_image(&mut scenario, &[(0, 650_000_000)]);
    task(&mut scenario).images = vec![image];
    scenario.auto_scaling_groups[AsgId(0)].agent.pull_bandwidth = 6_500_000;
    assert_eq!(run(&scenario).task_records[0].started, Some(at(100)));
}

#[test]
fn gap_29_the_first_task_holds_the_others_until_its_manifest_is_resolved() {
    let mut scenario = on_instances(3, 3, 256);
    task(&mut scenario).pull_time = constant(5);
    let started = |scenario: &Scenario| -> Vec<Option<SimTime>> {
        run(scenario).task_records.iter().map(|task| task.started).collect()
    };
    assert_eq!(started(&scenario), vec![Some(at(5)); 3], "off by default");
    scenario.control_plane.images.first_task_hold = seconds(2);
    assert_eq!(started(&scenario), vec![Some(at(5)), Some(at(7)), Some(at(7))]);
}

// ---- containers ----

#[test]
fn containers_start_in_order_and_stop_in_reverse() {
    let mut scenario = on_instances(1, 1, 256);
    let task = task(&mut scenario);
    task.start_time = constant(2);
    task.stop_time = constant(10);
    let on = |container, condition| Dependency { container, condition };
    task.containers = vec![
        Container {
            depends_on: vec![on(1, Condition::Success), on(2, Condition::Healthy)],
            ..container("app")
        },
        Container { essential: false, run_time: Some(constant(20)), ..container("migrate") },
        Container {
            health_check: Some(HEALTH_CHECK),
            stop_timeout: Some(seconds(4)),
            ..container("proxy")
        },
    ];
    scale_to(&mut scenario, 600, 0);
    let task = &run(&scenario).task_records[0];
    // The proxy is healthy 30 s after its start at 2 s; the app follows and takes 2 s.
    assert_eq!(task.started, Some(at(34)));
    // The app takes its 10 s, then the proxy is killed after 4 s.
    assert_eq!(task.execution_stopped, Some(at(614)));
}

#[test]
fn a_failed_dependency_stops_the_task_before_it_runs() {
    let mut scenario = on_instances(1, 1, 256);
    let task = task(&mut scenario);
    let condition = Condition::Success;
    task.containers = vec![
        Container { depends_on: vec![Dependency { container: 1, condition }], ..container("app") },
        Container {
            essential: false,
            run_time: Some(constant(20)),
            exit_code: 3,
            ..container("migrate")
        },
    ];
    let results = run(&scenario);
    // The third attempt in a row that fails begins the pauses of the service.
    let created: Vec<SimTime> = results.task_records.iter().map(|it| it.created).collect();
    assert_eq!(created[..4], [at(0), at(20), at(40), at(70)]);
    assert!(created.len() < 20, "{}", created.len());
    let task = &results.task_records[0];
    assert_eq!((task.started, task.stopping), (None, Some(at(20))));
    let reason = "Task failed to start: container migrate did not exit successfully";
    assert_eq!(ended(task), ("TaskFailedToStart", reason));
}

#[test]
fn a_start_that_takes_too_long_is_given_up() {
    let mut scenario = on_instances(1, 1, 256);
    task(&mut scenario).start_time = constant(200);
    let results = run(&scenario);
    let task = &results.task_records[0];
    assert_eq!((task.started, task.stopping), (None, Some(at(180))));
    let reason =
        "DockerTimeoutError: Could not transition to started; timed out after waiting 3m0s";
    assert_eq!(ended(task), ("TaskFailedToStart", reason));
}

#[test]
fn a_container_is_restarted_in_place_once_it_ran_its_period() {
    let policy = RestartPolicy { ignored_exit_codes: vec![42], attempt_period: seconds(300) };
    let with = |second: u64, code: u8| {
        let mut scenario = on_instances(1, 1, 256);
        let restarting = Container { restart_policy: Some(policy.clone()), ..container("app") };
        task(&mut scenario).containers = vec![restarting];
        scenario.faults = vec![exit_at(second, code)];
        run(&scenario)
    };
    let kept = with(400, 1);
    assert_eq!((kept.task_records.len(), kept.task_records[0].restarts), (1, 1));
    for results in [with(200, 1), with(400, 42)] {
        assert_eq!(results.task_records.len(), 2, "the service starts another one");
        let task = &results.task_records[0];
        assert_eq!(ended(task), ("EssentialContainerExited", "Essential container in task exited"));
        assert!(task.exit_code == Some(1) || task.exit_code == Some(42));
    }
}

#[test]
fn failed_container_health_checks_stop_service_tasks_only() {
    let mut scenario = on_instances(1, 1, 256);
    let checked = Container { health_check: Some(HEALTH_CHECK), ..container("app") };
    task(&mut scenario).containers = vec![checked];
    scenario.batches.push(batch("jobs", vec![job(0, 3000, 256)], LaunchTarget::Ec2));
    let kind = FaultKind::ContainerUnhealthy { container: None };
    scenario.faults = vec![fault(kind, 95, 1000)];
    let results = run(&scenario);
    let of = |group: &str| -> Vec<&TaskRecord> {
        results.task_records.iter().filter(|task| *task.group == *group).collect()
    };
    assert_eq!(of("jobs").len(), 1, "a standalone task runs on");
    // The service's replacements are unhealthy too, 105 s after their start, until the fault ends.
    let web = of("web");
    assert_eq!(ended(web[0]), ("ServiceSchedulerInitiated", "Task failed container health checks"));
    assert_eq!(web[1].created, at(120 + 2 * 35 + 5));
    // The replacement is no better: one of the two is too many.
    assert_eq!(web.iter().filter_map(|task| task.stopping).min(), Some(at(195 + 105)));
    assert_eq!(web.last().and_then(|task| task.stopped), None);
}

// ---- the load balancer ----

#[test]
fn tv_95_a_task_leaves_after_its_deregistration_delay_and_stop_time_out() {
    let removal = |delay: u64, timeout: Option<u64>| {
        let mut scenario = on_instances(1, 1, 256);
        scenario.services[0].target_group =
            Some(TargetGroup { deregistration_delay: seconds(delay), ..target_group() });
        let task = task(&mut scenario);
        task.stop_time = constant(1000);
        task.stop_timeout = timeout.map(seconds);
        scale_to(&mut scenario, 600, 0);
        let results = run(&scenario);
        let task = &results.task_records[0];
        task.stopped.and_then(|stopped| stopped.since(task.stopping?))
    };
    assert_eq!(removal(300, None), Some(seconds(330)), "300 s and up to 30 s by default");
    assert_eq!(removal(5, Some(2)), Some(seconds(7)));
}

#[test]
fn a_target_that_fails_its_probes_is_replaced() {
    let mut scenario = on_instances(1, 1, 256);
    scenario.services[0].target_group = Some(target_group());
    scenario.faults = vec![fault(FaultKind::TargetUnhealthy, 1000, 1100)];
    let results = run(&scenario);
    let tasks = &results.task_records;
    let reason = "Task failed ELB health checks in (target-group web)";
    assert_eq!(ended(&tasks[0]), ("ServiceSchedulerInitiated", reason));
    let Some(stopping) = tasks[0].stopping else { unreachable!("it was stopped") };
    // Two probes in a row fail, the first one within 30 s.
    let replaced = tasks[1].created;
    assert!(at(1030) <= replaced && replaced < at(1060), "{replaced:?}");
    assert!(replaced < stopping, "its replacement comes first");
    assert_eq!(results.tasks.running_at_end, 1);
}

#[test]
fn a_target_that_is_never_healthy_is_replaced_again_and_again() {
    let mut scenario = on_instances(1, 1, 256);
    scenario.services[0].target_group =
        Some(TargetGroup { deregistration_delay: seconds(10), ..target_group() });
    let broken = Fault {
        task_definition: Some(TaskDefinitionId(0)),
        owner: Some(FaultOwner::Service(ServiceId(0))),
        ..fault(FaultKind::TargetUnhealthy, 0, 3600)
    };
    scenario.faults = vec![broken];
    let results = run(&scenario);
    assert!(results.task_records.len() > 30, "{}", results.task_records.len());
    for task in results.task_records.iter().filter(|task| task.stopping.is_some()) {
        let lived = task.stopping.and_then(|it| it.since(task.started?));
        assert!(Some(seconds(32)) <= lived, "{lived:?}");
    }
}

// ---- faults ----

#[test]
fn faults_end_tasks_in_the_words_of_ecs() {
    let exit = |out_of_memory| FaultKind::ContainerExit {
        container: None,
        after: DurationDistribution::ZERO,
        exit_code: 137,
        out_of_memory,
    };
    let crash = FaultKind::FailsToStart { container: None, exit_code: 1 };
    let pull = "CannotPullContainerError: failed to pull image task: failed to resolve reference: \
                i/o timeout";
    let memory = "OutOfMemoryError: Container killed due to memory usage";
    let exited = "Essential container in task exited";
    let cases = [
        (exit(false), 100, "EssentialContainerExited", exited, Some(137), true),
        (exit(true), 100, "EssentialContainerExited", memory, Some(137), true),
        (crash, 0, "EssentialContainerExited", exited, Some(1), false),
        (FaultKind::CannotPull, 0, "TaskFailedToStart", pull, None, false),
    ];
    for (kind, from, code, reason, exit_code, ran) in cases {
        let mut scenario = on_instances(1, 1, 256);
        task(&mut scenario).start_time = constant(2);
        scenario.faults = vec![fault(kind.clone(), from, from + 10)];
        let results = run(&scenario);
        let first = &results.task_records[0];
        assert_eq!(ended(first), (code, reason), "{kind:?}");
        assert_eq!((first.exit_code, first.started.is_some()), (exit_code, ran), "{kind:?}");
        assert_eq!(results.tasks.running_at_end, 1, "the fault passes: {kind:?}");
    }
}

#[test]
fn a_share_of_the_tasks_is_hit_and_always_the_same() {
    let mut scenario = on_instances(10, 60, 256);
    scenario.faults = vec![Fault { share: 0.3, ..exit_at(1000, 1) }];
    let hit = |scenario: &Scenario| -> Vec<usize> {
        let results = run(scenario);
        let tasks = results.task_records.iter().enumerate();
        tasks.filter(|(_, task)| task.exit_code.is_some()).map(|(index, _)| index).collect()
    };
    let first = hit(&scenario);
    assert!((8..=28).contains(&first.len()), "{}", first.len());
    task(&mut scenario).stop_time = constant(5);
    assert_eq!(hit(&scenario), first, "other settings do not move the draw");
}

#[test]
fn tasks_crash_at_random_and_are_replaced() {
    let kind = FaultKind::ContainerExit {
        container: None,
        after: DurationDistribution::Exponential { mean: seconds(600) },
        exit_code: 1,
        out_of_memory: false,
    };
    let mut scenario = on_instances(10, 60, 256);
    scenario.faults = vec![fault(kind, 600, 3000)];
    let results = run(&scenario);
    let stopped = results.task_records.iter().filter_map(|task| task.stopping);
    let within = stopped.filter(|it| at(600) <= *it && *it < at(3000)).count();
    assert_eq!(within as u64, results.tasks.stopped, "none outside the window");
    // 60 tasks for 2400 s at one exit in 600 s: 240 expected, with a deviation of 15.
    assert!((180..=300).contains(&within), "{within}");
}

#[test]
fn a_job_that_fails_is_submitted_again() {
    let mut scenario = on_instances(1, 0, 256);
    scenario.batches.push(batch("jobs", vec![job(0, 600, 256)], LaunchTarget::Ec2));
    scenario.faults = vec![Fault { owner: Some(FaultOwner::Batch(BatchId(0))), ..exit_at(100, 1) }];
    let results = run(&scenario);
    assert_eq!((results.tasks.created, results.batches[0].completed), (2, 1));
    assert_eq!(results.batches[0].last_end, Some(at(700)));
}

#[test]
fn an_interface_is_detached_after_the_containers_are_gone() {
    let mut scenario = on_instances(1, 1, 256);
    scenario.control_plane.network_interface_attach = constant(5);
    scenario.control_plane.network_interface_detach = seconds(7);
    let task = task(&mut scenario);
    task.network_mode = NetworkMode::Awsvpc;
    task.pull_time = constant(3);
    task.start_time = constant(2);
    task.stop_time = constant(4);
    scale_to(&mut scenario, 600, 0);
    let task = &run(&scenario).task_records[0];
    let life = [task.placed, task.pull_started, task.started, task.stopping];
    assert_eq!(life, [Some(at(0)), Some(at(5)), Some(at(10)), Some(at(600))]);
    assert_eq!((task.execution_stopped, task.stopped), (Some(at(604)), Some(at(611))));
}

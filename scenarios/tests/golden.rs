//! Histories of tiny scenarios, small enough to be checked by reading them.
//!
//! A base file and a few overrides make a scenario; its snapshot is the life of every instance and task
//! and every line of the event log, in time order. `cargo insta review`, or `INSTA_UPDATE=always`, accepts
//! a changed history; the reason belongs under *Value changes* in the changelog.

use std::fmt::Write as _;
use std::path::Path;

use plimsoll::language::{LoadOptions, load};
use plimsoll_core::billing::format_usd;
use plimsoll_core::invariants::violations;
use plimsoll_core::results::{RunResults, StopCode};
use plimsoll_core::simulation;
use plimsoll_core::units::SimTime;

/// `1234.5` seconds as `20:34.5`.
fn clock(at: SimTime) -> String {
    let seconds = at.as_secs_f64();
    let minutes = (seconds / 60.0).floor();
    let rest = seconds - minutes * 60.0;
    if rest.fract() < 5e-4 {
        format!("{minutes:02.0}:{rest:02.0}")
    } else {
        format!("{minutes:02.0}:{rest:06.3}")
    }
}

fn history(results: &RunResults) -> String {
    let mut lines: Vec<(SimTime, usize, String)> = Vec::new();
    let mut add = |at: Option<SimTime>, order: usize, text: String| {
        if let Some(at) = at {
            lines.push((at, order, text));
        }
    };
    for (index, instance) in results.instance_records.iter().enumerate() {
        let name = format!("instance {index}");
        add(Some(instance.requested), 1, format!("{name} requested in {}", instance.zone));
        add(instance.running, 1, format!("{name} running"));
        add(instance.registered, 1, format!("{name} registered"));
        add(instance.terminated, 1, format!("{name} terminated"));
    }
    for (index, task) in results.task_records.iter().enumerate() {
        let name = format!("task {index} of {}", task.group);
        let place = match task.instance {
            Some(instance) => format!("on instance {instance}"),
            None => format!("on {} in {}", task.capacity, task.zone),
        };
        add(Some(task.created), 2, format!("{name} created"));
        add(task.placed, 2, format!("{name} placed {place}"));
        add(task.pull_started, 2, format!("{name} pulls"));
        add(task.started, 2, format!("{name} RUNNING"));
        add(
            task.stopping,
            2,
            format!("{name} stopping: {}", task.stop_code.map_or("", StopCode::name)),
        );
        add(task.stopped, 2, format!("{name} STOPPED: {}", task.stopped_reason));
    }
    for event in &results.event_records {
        let change = event.change.map_or(String::new(), |(from, to)| format!(" {from} -> {to}"));
        add(
            Some(event.at),
            3,
            format!("{}{change}: {}: {}", event.category.name(), event.entity, event.message),
        );
    }
    // Stable: what happens at one instant to one kind of thing keeps its order.
    lines.sort_by_key(|(at, order, _)| (*at, *order));
    let mut text = String::new();
    for (at, _, line) in lines {
        writeln!(text, "{} {line}", clock(at)).expect("a string takes it");
    }
    let total = format_usd(results.invoice.total);
    writeln!(text, "bill {total} USD, fingerprint {:016x}", results.trajectory_fingerprint)
        .expect("a string takes it");
    text
}

#[track_caller]
fn check(name: &str, base: &str, set: &[(&str, &str)]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(base);
    let set = set.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect();
    let loaded = load(&path, &LoadOptions { set, seed: None })
        .unwrap_or_else(|problems| panic!("{name} loads: {problems}"));
    let results = simulation::run(&loaded.scenario, &mut |_| {}).expect("no limit is reached");
    let broken = violations(&loaded.scenario, &results);
    assert!(broken.is_empty(), "{name}: {broken:#?}");
    insta::with_settings!({ snapshot_path => "golden", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, history(&results));
    });
}

macro_rules! histories {
    ($($name:ident, $base:literal, [$($path:literal = $value:literal),* $(,)?];)*) => {$(
        #[test]
        fn $name() {
            check(stringify!($name), $base, &[$(($path, $value)),*]);
        }
    )*};
}

histories! {
    ec2_service_spreads_by_default, "ec2.yaml", [];
    ec2_binpack_cpu, "ec2.yaml", ["services.app.placementStrategy" = "[{type: binpack, field: cpu}]"];
    ec2_binpack_memory, "ec2.yaml", ["services.app.placementStrategy" = "[{type: binpack, field: memory}]"];
    ec2_spread_zone, "ec2.yaml", ["services.app.placementStrategy" = "[{type: spread, field: 'attribute:ecs.availability-zone'}]"];
    ec2_spread_host, "ec2.yaml", ["services.app.placementStrategy" = "[{type: spread, field: host}]"];
    ec2_random, "ec2.yaml", ["services.app.placementStrategy" = "[{type: random}]"];
    ec2_distinct_instance, "ec2.yaml", ["services.app.placementConstraints" = "[{type: distinctInstance}]"];
    ec2_starts_ready, "ec2.yaml", ["services.app.startsReady" = "true"];
    ec2_awsvpc_runs_out_of_interfaces, "ec2.yaml", ["taskDefinitions.app.networkMode" = "awsvpc", "services.app.desiredCount" = "5"];
    ec2_cold_fleet, "ec2.yaml", ["autoScalingGroups.fleet.startsReady" = "false"];
    ec2_no_instances, "ec2.yaml", ["autoScalingGroups.fleet.desiredCapacity" = "0"];
    ec2_static_host_port, "ec2.yaml", ["taskDefinitions.app.containerDefinitions.0.portMappings" = "[{containerPort: 80, hostPort: 80}]"];
    ec2_launch_type, "ec2.yaml", ["services.app.capacityProviderStrategy" = "[]", "services.app.launchType" = "EC2"];
    ec2_managed_scaling_from_zero, "ec2.yaml", [
        "autoScalingGroups.fleet.desiredCapacity" = "0",
        "capacityProviders.fleet.autoScalingGroupProvider.managedScaling" = "{status: ENABLED, instanceWarmupPeriod: 60}",
    ];
    ec2_managed_scaling_at_its_maximum, "ec2.yaml", [
        "autoScalingGroups.fleet.maxSize" = "2",
        "services.app.desiredCount" = "10",
        "capacityProviders.fleet.autoScalingGroupProvider.managedScaling" = "{status: ENABLED}",
    ];
    ec2_managed_scaling_in_without_protection, "ec2.yaml", [
        "duration" = "25m",
        "autoScalingGroups.fleet.desiredCapacity" = "4",
        "services.app.placementStrategy" = "[{type: binpack, field: cpu}]",
        "capacityProviders.fleet.autoScalingGroupProvider.managedScaling" = "{status: ENABLED}",
    ];
    ec2_managed_scaling_in_with_protection, "ec2.yaml", [
        "duration" = "25m",
        "autoScalingGroups.fleet.desiredCapacity" = "4",
        "services.app.placementStrategy" = "[{type: binpack, field: cpu}]",
        "capacityProviders.fleet.autoScalingGroupProvider" = "{autoScalingGroup: fleet, managedScaling: {status: ENABLED}, managedTerminationProtection: ENABLED}",
    ];
    ec2_images_are_cached, "ec2.yaml", [
        "autoScalingGroups.fleet.desiredCapacity" = "1",
        "taskDefinitions.app.pullTime" = "null",
        "taskDefinitions.app.imageSize" = "650MB",
        "faults" = "[{type: containerExit, at: [3m]}]",
    ];
    ec2_containers_depend_on_each_other, "ec2.yaml", [
        "taskDefinitions.app.containerDefinitions" = "[{name: app, dependsOn: [{containerName: init, condition: SUCCESS}, {containerName: proxy, condition: HEALTHY}]}, {name: init, essential: false, runTime: 20s}, {name: proxy, healthCheck: {interval: 10}}]",
        "faults" = "[{type: containerUnhealthy, container: proxy, from: 3m, until: 4m}]",
    ];
    ec2_a_container_is_restarted, "ec2.yaml", [
        "taskDefinitions.app.containerDefinitions.0.restartPolicy" = "{enabled: true, restartAttemptPeriod: 60}",
        "faults" = "[{type: outOfMemory, at: [3m, 3m30s]}]",
    ];
    ec2_an_image_cannot_be_pulled, "ec2.yaml", ["faults" = "[{type: cannotPullImage, until: 20s}]"];
    ec2_containers_fail_to_start, "ec2.yaml", ["faults" = "[{type: failsToStart, until: 20s, exitCode: 3}]"];
    ec2_a_target_fails_its_probes, "ec2.yaml", [
        "services.app.desiredCount" = "1",
        "services.app.targetGroup" = "{deregistrationDelay: 30}",
        "faults" = "[{type: targetUnhealthy, from: 3m, until: 4m}]",
    ];
    fargate_service, "fargate.yaml", [];
    fargate_two_providers, "fargate.yaml", [
        "services.app.launchType" = "null",
        "services.app.desiredCount" = "5",
        "services.app.capacityProviderStrategy" = "[{capacityProvider: FARGATE, base: 1, weight: 1}, {capacityProvider: FARGATE_SPOT, weight: 3}]",
    ];
    fargate_spot_interruptions, "fargate.yaml", [
        "services.app.launchType" = "null",
        "services.app.capacityProviderStrategy" = "[{capacityProvider: FARGATE_SPOT, weight: 1}]",
        "fargateSpot" = "{meanTimeToInterruption: 5m}",
    ];
    fargate_minimum_of_a_minute, "fargate.yaml", ["duration" = "55s"];
    jobs_wait_in_order, "jobs.yaml", [];
    jobs_first_fit, "jobs.yaml", ["runTask.job.queue" = "firstFit"];
    jobs_launch_instances, "jobs.yaml", [
        "runTask.job.launchType" = "null",
        "runTask.job.capacityProviderStrategy" = "[{capacityProvider: fleet, weight: 1}]",
        "capacityProviders.fleet.autoScalingGroupProvider.managedScaling" = "{status: ENABLED, instanceWarmupPeriod: 60}",
    ];
    jobs_on_fargate, "jobs.yaml", ["runTask.job.launchType" = "FARGATE"];
    scaling_target_tracking, "scaling.yaml", [];
    scaling_delayed_metrics, "scaling.yaml", ["controlPlane.serviceMetricDelay" = "120s"];
    scaling_in, "scaling.yaml", ["services.app.desiredCount" = "6"];
    scaling_in_disabled, "scaling.yaml", ["services.app.desiredCount" = "6", "services.app.scaling.targetTracking.cpu50.disableScaleIn" = "true"];
    scaling_at_its_maximum, "scaling.yaml", ["services.app.scaling.maxCapacity" = "2"];
    scaling_on_requests, "scaling.yaml", ["services.app.scaling.targetTracking" = "[{predefinedMetricType: ALBRequestCountPerTarget, targetValue: 200}]"];
    scaling_in_steps, "scaling.yaml", [
        "services.app.scaling.targetTracking" = "[]",
        "services.app.scaling.stepScaling" = "[{policyName: up, adjustmentType: ChangeInCapacity, cooldown: 120, stepAdjustments: [{metricIntervalLowerBound: 0, scalingAdjustment: 1}], alarm: {alarmName: high, metricName: CPUUtilization, comparisonOperator: GreaterThanThreshold, threshold: 50, evaluationPeriods: 2}}]",
    ];
    scaling_by_schedule, "scaling.yaml", [
        "services.app.scaling.targetTracking" = "[]",
        "services.app.scaling.scheduledActions" = "[{scheduledActionName: up, schedule: 'at(2026-01-05T00:10:00)', scalableTargetAction: {minCapacity: 4}}, {scheduledActionName: down, schedule: 'at(2026-01-05T00:20:00)', scalableTargetAction: {minCapacity: 1, maxCapacity: 2}}]",
    ];
    scaling_under_overload, "scaling.yaml", ["services.app.load.requests.constant" = "60/s"];
}

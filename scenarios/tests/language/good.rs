use std::path::{Path, PathBuf};

use plimsoll::language::{LoadOptions, Loaded, NoteSummary, load};
use plimsoll_core::engine::DurationDistribution;
use plimsoll_core::placement::PlacementConstraint;
use plimsoll_core::scenario::{
    AppliedTo, BatchJobs, CountedInstances, FargateZones, FromZero, LaunchTarget,
    ManagedScalingChoices, NamedInstance, QueueDiscipline, ScaleInStep, SeveralTypes, SpotStrategy,
    StrategyOrder, TaskGroupsMet, WeightZeroBase,
};
use plimsoll_core::units::{AsgId, Cpu, Mib, SimDuration, SimTime};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/language/good").join(name)
}

#[track_caller]
fn loaded(name: &str, set: &[(&str, &str)]) -> Loaded {
    let set = set.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect();
    match load(&file(name), &LoadOptions { set, seed: None }) {
        Ok(loaded) => loaded,
        Err(diagnostics) => panic!("{diagnostics}"),
    }
}

#[test]
fn a_minimal_scenario_has_documented_defaults() {
    let scenario = loaded("minimal.yaml", &[]).scenario;
    let group = &scenario.auto_scaling_groups.as_slice()[0];
    assert_eq!(group.types[0].shape.cpu, Cpu::from_ecs_units(2048));
    // 8192 MiB less 2.5 %.
    assert_eq!(group.types[0].shape.memory, Mib::new(7987));
    assert_eq!((group.desired_capacity, group.zones.len()), (1, 3));
    assert!((group.launch_time.mean_seconds() - 43.33).abs() < 0.01, "median 40 s, sigma 0.4");
    let task = &scenario.task_definitions.as_slice()[0];
    assert_eq!((task.cpu, task.memory), (Cpu::from_ecs_units(512), Mib::new(1024)));
    assert_eq!(task.images.len(), 1);
    assert_eq!(scenario.images[task.images[0]].bytes(), 200_000_000);
    assert_eq!(group.agent.pull_bandwidth, 65_000_000);
    assert!(task.containers.is_empty(), "a single container with nothing to follow");
    let service = &scenario.services[0];
    assert!(matches!(&service.launch, LaunchTarget::Strategy(items) if items.len() == 1));
    assert!((service.load.as_ref().unwrap().rate.rate_at(SimTime::ZERO) - 20.0).abs() < 1e-9);
    assert_eq!(scenario.seed, 1);
}

#[test]
fn providers_pasted_with_those_of_fargate_load() {
    let loaded = loaded("pasted_providers.yaml", &[]);
    let scenario = &loaded.scenario;
    let names: Vec<&str> = scenario.capacity_providers.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["web", "FARGATE_SPOT", "FARGATE"], "in the order in which they are used");
    assert_eq!(scenario.services[2].launch, scenario.services[0].launch, "the cluster's default");
    let update = &scenario.services[1].scheduling.updates[0];
    let Some(LaunchTarget::Strategy(items)) = &update.launch else {
        panic!("{update:?}");
    };
    let shares: Vec<_> = items.iter().map(|it| (it.capacity_provider.0, it.base)).collect();
    assert_eq!(shares, [(2, 1), (1, 0)]);
    let choices = scenario.control_plane.providers;
    assert_eq!(
        choices.scaling,
        ManagedScalingChoices {
            counted: CountedInstances::Registered,
            task_groups: TaskGroupsMet::Sum,
            several_types: SeveralTypes::MinimumStep,
            scale_in_step: ScaleInStep::One,
            from_zero: FromZero::Formula,
            applied_to: AppliedTo::CurrentSize,
            alarm_phase: SimDuration::from_secs(20),
        }
    );
    assert_eq!(choices.strategy.order, StrategyOrder::Rounds);
    assert_eq!(choices.strategy.weight_zero_base, WeightZeroBase::Ignored);
    assert_eq!(choices.fargate_zones, FargateZones::Random);
}

#[test]
fn everything_at_once_loads() {
    let loaded = loaded("everything.yaml", &[]);
    let scenario = &loaded.scenario;
    assert_eq!(scenario.zones.as_slice(), ["eu-west-1a", "eu-west-1b"]);
    let group = &scenario.auto_scaling_groups.as_slice()[0];
    assert_eq!(group.zones.iter().map(|zone| zone.0).collect::<Vec<_>>(), [1, 0], "listed order");
    let names: Vec<&str> = scenario.capacity_providers.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["batch-ec2", "FARGATE", "FARGATE_SPOT"]);
    let families: Vec<&str> =
        scenario.task_definitions.iter().map(|task| task.family.as_str()).collect();
    assert_eq!(families, ["api", "worker", "nightly", "drawn"]);
    let api = &scenario.task_definitions.as_slice()[0];
    assert_eq!((api.cpu, api.memory), (Cpu::from_ecs_units(512), Mib::new(1024)));
    assert!(api.fits_fargate && api.host_ports.is_empty());
    let worker = &scenario.task_definitions.as_slice()[1];
    assert_eq!(worker.memory, Mib::new(1024 + 64 + 64), "reservations, not limits");
    assert_eq!((worker.containers.len(), worker.images.len()), (3, 3));
    assert_eq!(
        worker.containers[1].run_time.as_ref().map(DurationDistribution::mean_seconds),
        Some(5.0)
    );
    assert_eq!(group.agent.stop_timeout, SimDuration::from_secs(45));
    assert_eq!(scenario.faults.len(), 6);
    assert_eq!(scenario.faults[0].windows.len(), 2);
    assert_eq!(worker.host_ports.len(), 1);
    let scaling = scenario.services[0].scaling.as_ref().unwrap();
    // 08:00 in Berlin is 07:00 UTC in March.
    assert_eq!(scaling.scheduled[0].at, SimTime::from_secs(7 * 3600));
    let lower: Vec<_> = scaling.step_scaling[0].steps.iter().map(|step| step.lower).collect();
    assert_eq!(lower, [Some(0.0), Some(15.0)], "sorted");
    let BatchJobs::Trace(jobs) = &scenario.batches[0].jobs else { panic!("a trace") };
    assert_eq!(jobs[1].arrival, SimTime::from_secs(20));
    assert_eq!(jobs[1].duration, SimDuration::from_millis(30_500));
    assert_eq!((jobs[1].cpu, jobs[1].memory), (Cpu::from_ecs_units(512), Mib::new(1024)));
    let sweep = loaded.sweep.as_ref().unwrap();
    let shape: Vec<(&str, Vec<&str>)> = sweep
        .parameters
        .iter()
        .map(|it| (it.name.as_str(), it.alternatives.iter().map(|it| it.label.as_str()).collect()))
        .collect();
    let expected = [("placement", vec!["binpack", "spread"]), ("target", vec!["50", "60", "70"])];
    assert_eq!(shape, expected);
}

#[test]
fn what_has_no_effect_is_reported() {
    let loaded = loaded("everything.yaml", &[]);
    let summary = NoteSummary::of(&loaded.notes);
    let findings = summary
        .findings
        .iter()
        .map(|(note, more)| format!("{}: {} (and {more})", note.path, note.message));
    let notes: Vec<String> = findings.chain(summary.plumbing_line()).collect();
    insta::assert_snapshot!(notes.join("\n"));
}

/// What the AWS CLI prints is pasted, and only what matters is said about it.
#[test]
fn pasted_documents_load_with_few_notes() {
    let loaded = loaded("pasted.yaml", &[]);
    let summary = NoteSummary::of(&loaded.notes);
    let notes: Vec<String> = summary
        .findings
        .iter()
        .map(|(note, _)| format!("{}: {}", note.path, note.message))
        .chain(summary.plumbing_line())
        .collect();
    insta::assert_snapshot!(notes.join("\n"));
}

#[test]
fn the_trace_becomes_the_offered_load() {
    let scenario = loaded("everything.yaml", &[]).scenario;
    let rate = &scenario.services[0].load.as_ref().unwrap().rate;
    let offered = rate.offered(SimTime::ZERO, SimTime::from_secs(180));
    // (600 + 1200 + 900) × scale 2, in micro-requests.
    assert_eq!(offered, 5400 * 1_000_000);
    assert_eq!(rate.offered(SimTime::from_secs(180), SimTime::from_secs(240)), 1200 * 1_000_000);
}

#[test]
fn replications_and_seeds_change_the_noise_and_nothing_else() {
    let loaded = loaded("everything.yaml", &[]);
    let load = |seed, replication| {
        let scenario = loaded.document.resolve(&[], seed, replication).unwrap().scenario;
        scenario.services[1].load.as_ref().unwrap().rate.clone()
    };
    assert_eq!(load(None, 3), load(None, 3));
    assert_ne!(load(None, 3), load(None, 4));
    assert_ne!(load(Some(1), 3), load(Some(2), 3));
    let first = load(None, 0).rate_at(SimTime::ZERO);
    assert_ne!(first.to_bits(), load(None, 1).rate_at(SimTime::ZERO).to_bits());
}

#[test]
fn set_reaches_elements_by_name_and_files_of_task_definitions() {
    let set = [
        ("services.worker.desiredCount", "7"),
        ("taskDefinitions.api.cpu", "1024"),
        ("taskDefinitions.api.memory", "2 GB"),
        ("services.api.scaling.targetTracking.requests.targetValue", "700"),
        ("controlPlane.schedulerReaction", "{constant: 1s}"),
    ];
    let scenario = loaded("everything.yaml", &set).scenario;
    assert_eq!(scenario.services[1].desired_count, 7);
    assert_eq!(scenario.task_definitions.as_slice()[0].cpu, Cpu::from_ecs_units(1024));
    let policies = &scenario.services[0].scaling.as_ref().unwrap().target_tracking;
    assert!((policies[1].target_value - 700.0).abs() < 1e-9);
}

/// The hard limit of CPU of the task definition `api` with these keys.
fn cpu_limit_with(set: &[(&str, &str)]) -> Option<Cpu> {
    loaded("minimal.yaml", set).scenario.task_definitions.as_slice()[0].cpu_limit
}

#[test]
fn a_limit_of_cpu_is_that_of_the_task_on_linux_and_of_containers_on_windows() {
    assert_eq!(cpu_limit_with(&[]), None, "512 units at container level");
    assert_eq!(
        cpu_limit_with(&[("taskDefinitions.api.cpu", "1024")]),
        Some(Cpu::from_ecs_units(1024))
    );
    let windows = [
        ("taskDefinitions.api.runtimePlatform.operatingSystemFamily", "WINDOWS_SERVER_2022_CORE"),
        ("autoScalingGroups.web.operatingSystem", "WINDOWS"),
        ("taskDefinitions.api.runtimePlatform.cpuArchitecture", "X86_64"),
        ("autoScalingGroups.web.instanceType", "m7i.large"),
        ("taskDefinitions.api.cpu", "1024"),
    ];
    assert_eq!(cpu_limit_with(&windows), Some(Cpu::from_ecs_units(512)));
}

#[test]
fn host_ports_follow_the_network_mode() {
    let with = |mode: &str, mappings: &str| {
        let containers =
            format!("[{{name: api, cpu: 256, memory: 512, portMappings: [{mappings}]}}]");
        let set = [
            ("taskDefinitions.api.networkMode", mode),
            ("taskDefinitions.api.containerDefinitions", containers.as_str()),
        ];
        let definitions = loaded("minimal.yaml", &set).scenario.task_definitions;
        definitions.as_slice()[0].host_ports.iter().map(|it| it.0).collect::<Vec<u16>>()
    };
    let (any, fixed) = ("{containerPort: 8080}", "{containerPort: 8080, hostPort: 80}");
    assert_eq!([with("bridge", any), with("bridge", fixed)], [vec![], vec![80]]);
    assert_eq!(with("host", any), [8080], "the container's port is that of the instance");
    let own = "{containerPort: 8080, hostPort: 8080}";
    assert_eq!(with("awsvpc", own), [0_u16; 0], "a task has its own ports");
}

#[test]
fn a_task_that_reserves_no_cpu_may_have_load() {
    let none = [("taskDefinitions.api.containerDefinitions", "[{name: api, memory: 512}]")];
    let scenario = loaded("minimal.yaml", &none).scenario;
    let task = &scenario.task_definitions.as_slice()[0];
    assert_eq!((task.cpu, task.cpu_limit), (Cpu::ZERO, None));
    assert!(scenario.services[0].load.is_some());
}

#[test]
fn equal_scenarios_are_equal_however_they_are_written() {
    let written = loaded("minimal.yaml", &[]).canonical;
    let spelt_out =
        loaded("minimal.yaml", &[("duration", "60m"), ("recordInterval", "1m")]).canonical;
    assert_eq!(written, spelt_out);
    let other = loaded("minimal.yaml", &[("duration", "61m")]).canonical;
    assert_ne!(written, other);
}

#[test]
fn a_baseline_is_an_alternative_or_a_whole_point() {
    for baseline in ["spread", "binpack", "placement=spread target=60"] {
        let sweep = loaded("everything.yaml", &[("sweep.baseline", baseline)]).sweep.unwrap();
        assert_eq!(sweep.baseline.as_deref(), Some(baseline));
    }
    let set = vec![("sweep.baseline".to_owned(), "placement=spread target=61".to_owned())];
    let error = load(&file("everything.yaml"), &LoadOptions { set, seed: None }).unwrap_err();
    assert!(error.to_string().contains("there is no alternative"), "{error}");
}

#[test]
fn points_of_a_sweep_differ_where_they_should() {
    let loaded = loaded("everything.yaml", &[]);
    let target = |choice: &[usize]| {
        let scenario = loaded.point(choice, 0).unwrap().scenario;
        scenario.services[0].scaling.as_ref().unwrap().target_tracking[0].target_value
    };
    assert!((target(&[0, 0]) - 50.0).abs() < 1e-9);
    assert!((target(&[1, 2]) - 70.0).abs() < 1e-9);
    let spread = loaded.point(&[1, 0], 0).unwrap().scenario;
    assert_ne!(
        spread.services[1].placement_strategy,
        loaded.point(&[0, 0], 0).unwrap().scenario.services[1].placement_strategy
    );
}

#[test]
fn the_minimal_scenario_runs() {
    let scenario = loaded("minimal.yaml", &[]).scenario;
    let results = plimsoll_core::simulation::run(&scenario, &mut |_| {}).unwrap();
    assert!(0 < results.events);
}

#[test]
fn every_scenario_of_the_library_loads() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("library");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            if let Err(diagnostics) = load(&path, &LoadOptions::default()) {
                panic!("{diagnostics}");
            }
            count += 1;
        }
    }
    assert!(0 < count);
}

#[test]
fn gap_32_a_target_of_a_network_load_balancer_takes_60_s_to_register() {
    let registration = |group: &str| {
        let scenario = loaded("minimal.yaml", &[("services.api.targetGroup", group)]).scenario;
        scenario.services[0].target_group.as_ref().unwrap().registration_time.mean_seconds()
    };
    for (group, seconds) in [
        ("{}", 2.0),
        ("{protocol: HTTPS}", 2.0),
        ("{protocol: TCP}", 60.0),
        ("{protocol: TCP, registrationTime: 90s}", 90.0),
    ] {
        assert!((registration(group) - seconds).abs() < 1e-9, "{group}");
    }
}

#[test]
fn images_share_layers_by_name_and_definitions_share_images() {
    let images = "[{image: api, layers: [{name: base, size: 80MB}, {name: app, size: 5MB}]}, \
                  {image: log, layers: [{name: base, size: 80MB}]}]";
    let containers =
        "[{name: api, image: api, memory: 512, cpu: 256}, {name: log, image: log, memory: 64}]";
    let set = [("images", images), ("taskDefinitions.api.containerDefinitions", containers)];
    let scenario = loaded("minimal.yaml", &set).scenario;
    let task = &scenario.task_definitions.as_slice()[0];
    let layers: Vec<u32> = task
        .images
        .iter()
        .flat_map(|image| scenario.images[*image].layers.iter().map(|(layer, _)| layer.0))
        .collect();
    assert_eq!(layers, [0, 1, 0]);
    assert_eq!(scenario.images.len(), 2, "nothing is left for `imageSize`");
}

#[test]
fn a_container_whose_end_is_awaited_ends() {
    let containers = "[{name: api, memory: 512, cpu: 256, dependsOn: [{containerName: init, condition: SUCCESS}]}, \
                      {name: init, essential: false, memory: 64}]";
    let set = [("taskDefinitions.api.containerDefinitions", containers)];
    let scenario = loaded("minimal.yaml", &set).scenario;
    let init = &scenario.task_definitions.as_slice()[0].containers[1];
    assert_eq!(init.run_time.as_ref().map(DurationDistribution::mean_seconds), Some(1.0));
}

#[test]
fn what_can_be_said_about_placement() {
    let loaded = loaded("placement.yaml", &[]);
    let scenario = &loaded.scenario;
    let group = &scenario.auto_scaling_groups.as_slice()[0];
    let of_zone =
        |zone: usize, name: &str| group.types[0].attributes[zone].get(name).unwrap_or_default();
    let expected = [
        ("ecs.ami-id", "ami-0123456789abcdef0"),
        ("ecs.availability-zone", "eu-west-1b"),
        ("ecs.cpu-architecture", "x86_64"),
        ("ecs.instance-type", "m7i.large"),
        ("ecs.os-family", "LINUX"),
        ("ecs.os-type", "linux"),
        ("ecs.subnet-id", "subnet-b"),
        ("ecs.vpc-id", "vpc-1"),
        ("rack", "r 1"),
        ("stack", "prod"),
    ];
    assert_eq!(group.types[0].attributes[0].iter().collect::<Vec<_>>(), expected);
    assert_eq!(
        (of_zone(1, "ecs.availability-zone"), of_zone(1, "ecs.subnet-id")),
        ("eu-west-1a", "subnet-a")
    );
    assert_eq!(group.types[0].attributes[1].agent_version(), "1.99.1");
    // What is not given is made up: one subnet per zone, one VPC, an image per processor.
    let made_up = &scenario.auto_scaling_groups.as_slice()[1].types[0].attributes;
    let ids =
        |name: &str| made_up.iter().map(|it| it.get(name).unwrap().to_owned()).collect::<Vec<_>>();
    let subnets = ids("ecs.subnet-id");
    assert_eq!((subnets.len(), subnets[0].len()), (3, "subnet-".len() + 17));
    assert!(subnets[0] != subnets[1] && ids("ecs.vpc-id")[0] == ids("ecs.vpc-id")[1]);

    let api = &scenario.services[0];
    assert_eq!(api.placement_constraints[0], PlacementConstraint::DistinctInstance);
    let expression = api.placement_constraints[1].expression().unwrap().as_str();
    assert_eq!(expression, "attribute:stack == prod and not(task:group == nightly)");
    assert_eq!(scenario.task_definitions.as_slice()[0].placement_constraints.len(), 1);

    let names: Vec<_> =
        scenario.batches.iter().map(|it| (it.name.as_str(), it.task_group.as_str())).collect();
    assert_eq!(names, [("jobs", "nightly"), ("report", "family:api"), ("probe", "probes")]);
    let jobs = |index: usize| match &scenario.batches[index].jobs {
        BatchJobs::Trace(jobs) => {
            jobs.iter().map(|job| job.arrival.as_secs_f64()).collect::<Vec<_>>()
        }
        BatchJobs::Generated { .. } => unreachable!("their times are known"),
    };
    assert_eq!(jobs(1), [1820.0, 1820.0, 1820.0]);
    assert_eq!(jobs(2), [0.0, 600.0]);
    assert_eq!(scenario.batches[1].queue, QueueDiscipline::NoRetry);
    assert_eq!(
        scenario.batches[2].start_on,
        [NamedInstance { group: AsgId(0), launched_before: 1 }]
    );
    let calls = scenario.control_plane.run_task_calls;
    assert_eq!(
        (calls.burst, calls.refill_per_second, scenario.control_plane.tasks_per_call),
        (5, 1, 2)
    );

    let notes = loaded.notes.iter().map(|note| note.message.as_str());
    let notes: Vec<&str> = notes.filter(|message| message.contains("constraint")).collect();
    let unsatisfied = "no instance of the scenario that has room for the task satisfies the placement \
                       constraint `attribute:stack == test`: its tasks will wait";
    assert_eq!(notes, [unsatisfied]);
}

#[test]
fn a_spread_over_an_attribute_of_no_instance_is_remarked_on() {
    let notes = |attribute: &str| {
        let strategy = format!("[{{type: spread, field: attribute:{attribute}}}]");
        let changes = [("services.api.placementStrategy", strategy.as_str())];
        let notes = loaded("placement.yaml", &changes).notes.into_iter();
        notes.map(|note| note.message).filter(|it| it.contains("spread")).collect::<Vec<_>>()
    };
    let absent =
        "no instance of the scenario has the attribute `shelf`: the spread over it changes nothing";
    assert_eq!(notes("shelf"), [absent]);
    assert!(notes("rack").is_empty() && notes("ecs.availability-zone").is_empty());
}

#[test]
fn a_scheduled_task_starts_within_the_minute() {
    let loaded = loaded(
        "placement.yaml",
        &[("controlPlane.scheduleDelay", "{uniform: {min: 0s, max: 60s}}")],
    );
    let BatchJobs::Trace(jobs) = &loaded.scenario.batches[1].jobs else { unreachable!("as above") };
    let at = jobs[0].arrival.as_secs_f64();
    assert!((1800.0..1860.0).contains(&at) && at.fract() != 0.0, "{at}");
    assert!(jobs.iter().all(|job| job.arrival == jobs[0].arrival), "one call");
}

#[test]
fn a_group_with_a_mixed_instances_policy_loads_as_aws_prints_it() {
    let scenario = loaded("mixed.yaml", &[]).scenario;
    let group = &scenario.auto_scaling_groups.as_slice()[0];
    let types: Vec<_> =
        group.types.iter().map(|it| (it.shape.instance_type.as_str(), it.weight)).collect();
    assert_eq!(types, [("m7i.large", 1), ("m7i.xlarge", 2)]);
    let distribution = &group.distribution;
    assert_eq!((distribution.on_demand_base, distribution.on_demand_percentage), (2, 25));
    assert_eq!(distribution.spot_strategy, SpotStrategy::PriceCapacityOptimized);
    assert_eq!(distribution.spot_max_price.map(|it| it.to_string()), Some("0.08".to_owned()));
    assert!(group.capacity_rebalance);
    // Two types in two zones, at half of 0.1008 and 0.2016, with one process for all.
    let markets = &scenario.purchasing.markets;
    let prices: Vec<String> = markets.iter().map(|it| it.prices[0].1.to_string()).collect();
    assert_eq!(prices, ["0.0504", "0.0504", "0.1008", "0.1008"]);
    assert_eq!(scenario.purchasing.shortages.len(), 1);
    let results = plimsoll_core::simulation::run(&scenario, &mut |_| {}).expect("it runs");
    let broken = plimsoll_core::invariants::violations(&scenario, &results);
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_record_interval_is_what_cloudwatch_keeps_for_the_length_of_the_run() {
    let interval =
        |set: &[(&str, &str)]| loaded("minimal.yaml", set).scenario.record_interval.as_secs_ceil();
    let of = |duration| interval(&[("duration", duration)]);
    assert_eq!(["15d", "361h", "63d", "64d"].map(of), [60, 300, 300, 3600]);
    assert_eq!(interval(&[("duration", "64d"), ("recordInterval", "1m")]), 60);
}

#[test]
fn a_network_load_balancer_has_its_own_capacity_units() {
    let items = |set: &[(&str, &str)]| -> Vec<String> {
        let entries = loaded("minimal.yaml", set).scenario.prices.entries();
        let units = entries.into_iter().filter(|it| it.unit == "LCU-Hours");
        units.map(|it| format!("{} {}", it.item, it.rate)).collect()
    };
    let group = |protocol: &str| format!("{{loadBalancer: public, protocol: {protocol}}}");
    for (protocol, expected) in [
        ("HTTP", "load balancer capacity units 0.008"),
        ("HTTPS", "load balancer capacity units 0.008"),
        ("TCP", "network load balancer capacity units 0.006"),
        ("UDP", "network load balancer capacity units 0.006"),
    ] {
        assert_eq!(items(&[("services.api.targetGroup", &group(protocol))]), [expected]);
    }
    let given = [
        ("services.api.targetGroup", group("TLS")),
        ("pricing", "{networkLoadBalancerUnitHour: 0.0042}".to_owned()),
    ];
    let given = given.each_ref().map(|(key, value)| (*key, value.as_str()));
    assert_eq!(items(&given), ["network load balancer capacity units 0.0042"]);
}

//! Behaviour of whole runs where tasks on an instance share its CPU.

use std::sync::Arc;

use super::testing::{batch, definition, empty, group, service, watch};
use crate::autoscaling::TargetTrackingPolicy;
use crate::billing::{PriceBook, PriceNeeds};
use crate::engine::DurationDistribution;
use crate::invariants::violations;
use crate::metrics::ServiceMeasure;
use crate::placement::PlacementStrategy;
use crate::results::{LoadResults, RunResults};
use crate::scenario::{
    Architecture, BalancingAlgorithm, BatchJob, CapacityProvider, CapacityProviderKind, Fidelity,
    LaunchTarget, OperatingSystem, ScalableTarget, Scenario, Service, ServiceLoad, TaskDefinition,
};
use crate::traffic::{AfterEnd, RequestRate};
use crate::units::{AsgId, Cpu, Mib, SimDuration, SimTime, TaskDefinitionId};

const MINUTE: SimDuration = SimDuration::from_secs(60);

/// Runs, and checks the laws of every run.
#[track_caller]
fn run(scenario: &Scenario) -> RunResults {
    let results = super::run(scenario, &mut |_| {}).expect("the run ends");
    assert_eq!(violations(scenario, &results), Vec::<String>::new());
    results
}

/// A task definition with `cpu` at container level only.
fn burstable(family: &str, cpu_units: u32, memory: u64) -> TaskDefinition {
    TaskDefinition {
        family: family.into(),
        cpu_limit: None,
        start_time: DurationDistribution::ZERO,
        ..definition(cpu_units, memory)
    }
}

/// Requests of 10 ms, so that 100 per second need one vCPU.
fn load(requests_per_second: f64) -> ServiceLoad {
    ServiceLoad {
        fidelity: Fidelity::default(),
        rate: Arc::new(RequestRate::constant(requests_per_second).expect("a rate")),
        cpu_per_request: SimDuration::from_millis(10),
        other_latency: SimDuration::ZERO,
        algorithm: BalancingAlgorithm::RoundRobin,
        timeout: SimDuration::from_secs(10),
        parallelism: None,
        idle_cpu: Cpu::ZERO,
        idle_memory: Mib::ZERO,
        memory_per_request_kib: 0,
    }
}

fn prices() -> PriceBook {
    let needs = PriceNeeds {
        instances: vec![("m5.large", OperatingSystem::Linux)],
        fargate: vec![(OperatingSystem::Linux, Architecture::X86_64, false)],
        volumes: true,
        ..PriceNeeds::default()
    };
    PriceBook::for_region("us-east-1", &needs).expect("all prices are known")
}

/// `instances` of 2 vCPU and no service yet.
fn cluster(instances: u32) -> Scenario {
    let mut scenario = empty();
    scenario.auto_scaling_groups.push(group(instances, instances, instances));
    scenario.prices = prices();
    scenario
}

/// Adds a service of `desired` tasks, one per instance as far as possible.
fn add(scenario: &mut Scenario, task: TaskDefinition, desired: u32, load: ServiceLoad) {
    let mut added = Service {
        task_definition: TaskDefinitionId(scenario.task_definitions.len() as u32),
        load: Some(load),
        starts_ready: true,
        ..service(&task.family, desired, LaunchTarget::Ec2)
    };
    added.placement_strategy.push(PlacementStrategy::SpreadInstance);
    scenario.task_definitions.push(task);
    scenario.services.push(added);
}

fn values<'r>(results: &'r RunResults, metric: &str, entity: &str) -> &'r [Option<f64>] {
    let found = results.series.iter().find(|it| it.metric == metric && it.entity == entity);
    &found.expect("the series exists").values
}

/// Every minute's value of a metric is `expected`.
#[track_caller]
fn check(results: &RunResults, metric: &str, entity: &str, expected: f64) {
    for value in values(results, metric, entity) {
        let value = value.expect("tasks run");
        assert!((value - expected).abs() < 0.01, "{metric} of {entity}: {value}");
    }
}

fn load_of<'r>(results: &'r RunResults, name: &str) -> &'r LoadResults {
    let found = results.services.iter().find(|it| it.name == name);
    found.and_then(|it| it.load.as_ref()).expect("a service with load")
}

fn served_per_second(results: &RunResults, name: &str) -> f64 {
    load_of(results, name).served_micro as f64 / 1e6 / results.simulated.as_secs_f64()
}

/// One task of 512 units and 1024 MiB on a c4.large.
fn c4_large(requests_per_second: f64, used_mib: u64) -> RunResults {
    let mut scenario = cluster(1);
    scenario.auto_scaling_groups[AsgId(0)].types[0].shape.memory = Mib::new(3768);
    let load = ServiceLoad { idle_memory: Mib::new(used_mib), ..load(requests_per_second) };
    add(&mut scenario, burstable("web", 512, 1024), 1, load);
    run(&scenario)
}

#[test]
fn tv_met_1_metrics_are_percent_of_what_is_reserved() {
    for (rate, mib, cpu, memory) in [(200.0, 512, 400.0, 50.0), (12.5, 128, 25.0, 12.5)] {
        let results = c4_large(rate, mib);
        check(&results, "CPUUtilization", "web", cpu);
        check(&results, "MemoryUtilization", "web", memory);
    }
}

#[test]
fn tv_91_a_task_that_uses_four_times_what_it_reserves() {
    let results = c4_large(200.0, 512);
    check(&results, "CPUUtilization", "web", 400.0);
    check(&results, "MemoryUtilization", "web", 50.0);
    check(&results, "CPUUtilization", "test", 100.0);
    assert_eq!(load_of(&results, "web").failed_micro, 0);
}

#[test]
fn tv_92_the_same_task_using_a_quarter() {
    let results = c4_large(12.5, 128);
    check(&results, "CPUUtilization", "web", 25.0);
    check(&results, "MemoryUtilization", "web", 12.5);
}

#[test]
fn tv_90_the_reservation_of_a_cluster_of_two_sizes() {
    let mut scenario = cluster(1);
    let mut large = group(1, 1, 1);
    large.types[0].shape.cpu = Cpu::from_ecs_units(16_384);
    large.types[0].shape.memory = Mib::new(30_158);
    scenario.auto_scaling_groups[AsgId(0)].types[0].shape.memory = Mib::new(3768);
    large.name = "large".into();
    scenario.auto_scaling_groups.push(large);
    // 9 on the large instance and 1 on the small one.
    add(&mut scenario, definition(1024, 2048), 10, load(1.0));
    let results = run(&scenario);
    check(&results, "CPUReservation", "test", 100.0 * 10_240.0 / 18_432.0);
    check(&results, "MemoryReservation", "test", 100.0 * 20_480.0 / 33_926.0);
}

#[test]
fn a_full_instance_is_shared_by_weight() {
    let mut scenario = cluster(1);
    add(&mut scenario, burstable("big", 1024, 512), 1, load(300.0));
    add(&mut scenario, burstable("small", 512, 512), 1, load(300.0));
    let results = run(&scenario);
    // Two vCPU as 2 : 1; both are at 4/3 of what they reserve.
    check(&results, "CPUUtilization", "big", 400.0 / 3.0);
    check(&results, "CPUUtilization", "small", 400.0 / 3.0);
    check(&results, "CPUUtilization", "test", 100.0);
    assert!((served_per_second(&results, "big") - 400.0 / 3.0).abs() < 0.01);
}

#[test]
fn a_calm_neighbour_leaves_its_cpu_to_the_busy_one() {
    let mut scenario = cluster(1);
    add(&mut scenario, burstable("calm", 1024, 512), 1, load(20.0));
    add(&mut scenario, burstable("busy", 512, 512), 1, load(300.0));
    let results = run(&scenario);
    check(&results, "CPUUtilization", "calm", 20.0);
    check(&results, "CPUUtilization", "busy", 360.0);
    assert_eq!(load_of(&results, "calm").failed_micro, 0, "neighbours never take its share");
    // Busy, it would have 4/3 vCPU: two servers of 15 ms each, and little queueing.
    let calm = load_of(&results, "calm").latency_ms.expect("served");
    assert!((calm.mean - 15.3).abs() < 0.1, "{calm:?}");
}

#[test]
fn a_limit_at_task_level_holds_on_an_idle_instance() {
    let mut scenario = cluster(1);
    add(&mut scenario, definition(512, 512), 1, load(200.0));
    add(&mut scenario, burstable("open", 512, 512), 1, load(300.0));
    let results = run(&scenario);
    check(&results, "CPUUtilization", "task", 100.0);
    check(&results, "CPUUtilization", "open", 300.0);
}

#[test]
fn a_limit_above_the_reservation_is_where_the_burst_ends() {
    let mut scenario = cluster(1);
    let limit = Some(Cpu::from_ecs_units(768));
    add(
        &mut scenario,
        TaskDefinition { cpu_limit: limit, ..burstable("web", 512, 512) },
        1,
        load(200.0),
    );
    check(&run(&scenario), "CPUUtilization", "web", 150.0);
}

#[test]
fn one_thread_is_one_core() {
    let mut scenario = cluster(1);
    let load = ServiceLoad { parallelism: Some(1), ..load(200.0) };
    add(&mut scenario, burstable("node", 256, 512), 1, load);
    check(&run(&scenario), "CPUUtilization", "node", 400.0);
}

#[test]
fn no_reservation_is_two_shares() {
    let mut scenario = cluster(1);
    add(&mut scenario, burstable("none", 0, 512), 1, load(150.0));
    add(&mut scenario, burstable("web", 1022, 512), 1, load(100.0));
    let results = run(&scenario);
    // Beside a task that uses one vCPU it has the other, whatever its weight.
    assert!((served_per_second(&results, "none") - 100.0).abs() < 0.01);
    assert!((served_per_second(&results, "web") - 100.0).abs() < 0.01);
    assert!(values(&results, "CPUUtilization", "none").iter().all(Option::is_none));
}

#[test]
fn fargate_never_bursts() {
    let mut scenario = Scenario { prices: prices(), ..empty() };
    let kind = CapacityProviderKind::Fargate;
    scenario.capacity_providers.push(CapacityProvider { name: "FARGATE".into(), kind });
    add(&mut scenario, burstable("web", 512, 1024), 1, load(200.0));
    scenario.services[0].launch = LaunchTarget::Fargate;
    check(&run(&scenario), "CPUUtilization", "web", 100.0);
}

#[test]
fn a_job_takes_its_reservation_from_the_burst_while_it_runs() {
    let mut scenario = cluster(1);
    add(&mut scenario, burstable("web", 512, 512), 1, load(300.0));
    scenario.task_definitions.push(definition(1024, 512));
    let job = BatchJob {
        arrival: SimTime::from_secs(600),
        duration: SimDuration::from_secs(630),
        cpu: Cpu::from_ecs_units(1024),
        memory: Mib::new(512),
    };
    let mut jobs = batch("jobs", vec![job], LaunchTarget::Ec2);
    jobs.task_definition = TaskDefinitionId(1);
    scenario.batches.push(jobs);
    let results = run(&scenario);
    let cpu = values(&results, "CPUUtilization", "web");
    for (minute, value) in cpu.iter().enumerate() {
        let expected = match minute {
            10..20 => 200.0,
            20 => 300.0,
            _ => 400.0,
        };
        let value = value.expect("it runs");
        assert!((value - expected).abs() < 0.01, "{value} in minute {minute}");
    }
}

/// Two tasks of `web`, one of them beside a busy neighbour: a quarter of an instance and a whole one.
fn beside_and_alone(algorithm: BalancingAlgorithm, rate: f64) -> RunResults {
    let mut scenario = cluster(2);
    add(&mut scenario, burstable("neighbour", 1536, 512), 1, load(400.0));
    add(&mut scenario, burstable("web", 512, 512), 2, ServiceLoad { algorithm, ..load(rate) });
    run(&scenario)
}

#[test]
fn tasks_of_one_service_may_have_different_speeds() {
    // In turn, each gets 60 per second; 50 is what 512 units serve.
    let turns = beside_and_alone(BalancingAlgorithm::RoundRobin, 120.0);
    assert!((served_per_second(&turns, "web") - 110.0).abs() < 0.2, "the slow one is behind");
    let fewest = beside_and_alone(BalancingAlgorithm::LeastOutstandingRequests, 120.0);
    assert!((served_per_second(&fewest, "web") - 120.0).abs() < 0.01, "the fast one helps");
    let p95 = |results: &RunResults| load_of(results, "web").latency_ms.expect("served").p95;
    assert!(p95(&fewest) < 100.0, "{}", p95(&fewest));
    assert!(5000.0 < p95(&turns), "{}", p95(&turns));
}

#[test]
fn scaling_reacts_to_more_than_all_of_a_reservation() {
    let mut scenario = cluster(3);
    add(&mut scenario, burstable("web", 256, 512), 1, load(100.0));
    let query = watch(&mut scenario, 0, ServiceMeasure::CpuUtilization, SimDuration::ZERO);
    scenario.services[0].scaling = Some(ScalableTarget {
        min_capacity: 1,
        max_capacity: 20,
        target_tracking: vec![TargetTrackingPolicy {
            name: "cpu150".into(),
            query,
            target_value: 150.0,
            scale_out_cooldown: SimDuration::from_secs(300),
            scale_in_cooldown: SimDuration::from_secs(300),
            disable_scale_in: true,
        }],
        step_scaling: Vec::new(),
        scheduled: Vec::new(),
        ..ScalableTarget::default()
    });
    let results = run(&scenario);
    // One vCPU on 256 units is 400 %: ceil(400 / 150) tasks have 133 % each.
    assert_eq!(results.services[0].running_peak, 3);
    let cpu: Vec<f64> =
        values(&results, "CPUUtilization", "web").iter().flatten().copied().collect();
    assert!((cpu[0] - 400.0).abs() < 0.01);
    assert!((cpu[59] - 400.0 / 3.0).abs() < 0.01);
}

/// Services that come and go side by side never use more than the instances have.
#[test]
fn neighbours_never_use_more_than_there_is() {
    for seed in 0_u64..24 {
        let mut scenario = cluster(3);
        scenario.seed = seed;
        for index in 0..4_u64 {
            let mix = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(index * 7919);
            let counts: Vec<u64> =
                (0..60).map(|minute| (mix >> (minute % 40)) % 97 * 60 * (1 + index)).collect();
            let rate = RequestRate::from_trace(MINUTE, &counts, AfterEnd::Repeat).expect("a trace");
            let algorithm = match (seed + index) % 3 {
                0 => BalancingAlgorithm::RoundRobin,
                1 => BalancingAlgorithm::LeastOutstandingRequests,
                _ => BalancingAlgorithm::WeightedRandom,
            };
            let load = ServiceLoad {
                fidelity: Fidelity::default(),
                rate: Arc::new(rate),
                algorithm,
                idle_cpu: Cpu::from_ecs_units(16),
                ..load(1.0)
            };
            let cpu = 128 + 64 * ((mix >> 20) % 4) as u32;
            add(&mut scenario, burstable(&format!("s{index}"), cpu, 256), 2, load);
        }
        let results = run(&scenario);
        for value in values(&results, "CPUUtilization", "test").iter().flatten() {
            assert!(*value < 100.001, "{value} % in seed {seed}");
        }
        let most = values(&results, "CPUUtilization", "s3").iter().flatten().copied();
        assert!(100.0 < most.fold(0.0, f64::max), "nobody burst");
    }
}

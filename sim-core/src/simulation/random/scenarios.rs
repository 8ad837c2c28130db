//! Random scenarios that are valid.

use std::sync::Arc;

use crate::autoscaling::{ManagedScaling, TargetTrackingPolicy};
use crate::billing::{PriceBook, PriceNeeds};
use crate::engine::{DurationDistribution, Stream};
use crate::metrics::{MetricQuery, ServiceMeasure, Statistic};
use crate::placement::{Expression, PlacementConstraint, PlacementStrategy};
use crate::scenario::*;
use crate::service::circuit_breaker::{CircuitBreaker, Threshold};
use crate::service::traffic_shift::{Stage, TrafficShift};
use crate::simulation::testing::{control_plane, definition, empty, group, watch};
use crate::traffic::{AfterEnd, RequestRate};
use crate::units::{
    AsgId, CapacityProviderId, Cpu, MetricId, Mib, SimDuration, SimTime, TaskDefinitionId,
};

/// What policies of a random service watch.
pub(super) const MEASURES: [ServiceMeasure; 3] = [
    ServiceMeasure::CpuUtilization,
    ServiceMeasure::MemoryUtilization,
    ServiceMeasure::RequestCountPerTarget,
];

/// Draws of a random scenario.
pub(in crate::simulation) struct Dice(pub(in crate::simulation) Stream);

impl Dice {
    pub(in crate::simulation) fn below(&mut self, n: u64) -> u64 {
        crate::engine::variates::below(self.0.next_u64(), n)
    }

    pub(in crate::simulation) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    pub(in crate::simulation) fn coin(&mut self) -> bool {
        self.below(2) == 0
    }

    pub(in crate::simulation) fn pick<T: Clone>(&mut self, items: &[T]) -> T {
        items[self.below(items.len() as u64) as usize].clone()
    }

    pub(in crate::simulation) fn delay(&mut self, mean_seconds: u64) -> DurationDistribution {
        let mean = SimDuration::from_secs(mean_seconds);
        match self.below(4) {
            0 => DurationDistribution::ZERO,
            1 => DurationDistribution::Constant(mean),
            2 => DurationDistribution::Exponential { mean },
            _ => DurationDistribution::Uniform { low: SimDuration::ZERO, high: mean + mean },
        }
    }
}

const INSTANCE_TYPES: [(&str, u32, u64, u32); 3] =
    [("m5.large", 2048, 7985, 2), ("c5.xlarge", 4096, 7987, 3), ("r5.2xlarge", 8192, 63_897, 3)];
const FARGATE_SIZES: [(u32, u64); 4] = [(256, 512), (512, 1024), (1024, 4096), (2048, 8192)];

/// A random cluster: up to two groups with providers, Fargate, up to three services and two sources
/// of jobs.
pub(in crate::simulation) fn random_scenario(seed: u64) -> Scenario {
    let mut dice = Dice(Stream::from_seed(seed));
    let mut scenario = empty();
    scenario.seed = seed;
    scenario.duration = SimDuration::from_secs(dice.between(1800, 4 * 3600));
    scenario.start_unix_seconds += dice.below(7200) as i64;
    scenario.control_plane = random_control_plane(&mut dice);
    let metric_delay = SimDuration::from_secs(dice.pick(&[0, 60, 120]));
    for _ in 0..3 {
        let (cpu, memory) = dice.pick(&FARGATE_SIZES);
        let mut task = definition(cpu, memory);
        if seed.is_multiple_of(2) {
            task.cpu_limit = None;
        }
        task.network_mode = dice.pick(&[NetworkMode::Bridge, NetworkMode::Awsvpc]);
        if dice.below(5) == 0 && task.network_mode == NetworkMode::Bridge {
            task.host_ports = vec![(8080, Protocol::Tcp)];
        }
        task.ephemeral_storage_gib = dice.pick(&[20, 50]);
        task.pull_time = dice.delay(20);
        task.start_time = dice.delay(5);
        task.stop_time = dice.delay(10);
        scenario.task_definitions.push(task);
    }
    let groups = dice.below(3);
    for index in 0..groups {
        let (name, cpu, memory, interfaces) = dice.pick(&INSTANCE_TYPES);
        let min = dice.below(3) as u32;
        let max = min + dice.between(1, 12) as u32;
        let mut asg = group(min, dice.between(min.into(), max.into()) as u32, max);
        asg.name = format!("group-{index}");
        asg.types[0].shape.instance_type = name.into();
        asg.types[0].shape.cpu = Cpu::from_ecs_units(cpu);
        asg.types[0].shape.memory = Mib::new(memory);
        asg.types[0].shape.task_network_interfaces = interfaces;
        asg.starts_ready = dice.coin();
        asg.launch_time = dice.delay(40);
        asg.registration_time = dice.delay(15);
        asg.reconcile_lag = dice.delay(10);
        asg.zones.truncate(dice.between(1, 3) as usize);
        scenario.auto_scaling_groups.push(asg);
        let managed = ManagedScaling {
            target_capacity: dice.pick(&[60, 90, 100]),
            minimum_scaling_step_size: dice.between(1, 2) as u32,
            maximum_scaling_step_size: dice.pick(&[3, 10_000]),
            instance_warmup_period: SimDuration::from_secs(dice.pick(&[0, 120, 300])),
        };
        scenario.capacity_providers.push(CapacityProvider {
            name: format!("provider-{index}"),
            kind: CapacityProviderKind::AutoScalingGroup {
                group: AsgId(index as u32),
                managed_scaling: (dice.below(4) > 0).then_some(managed),
                managed_termination_protection: dice.coin(),
                managed_draining: dice.coin(),
            },
        });
    }
    let fargate = CapacityProvider { name: "FARGATE".into(), kind: CapacityProviderKind::Fargate };
    scenario.capacity_providers.push(fargate);
    let interruption = dice.coin().then(|| SimDuration::from_secs(3600));
    scenario.capacity_providers.push(CapacityProvider {
        name: "FARGATE_SPOT".into(),
        kind: CapacityProviderKind::FargateSpot { mean_time_to_interruption: interruption },
    });
    for index in 0..dice.between(1, 3) {
        let service = random_service(&mut dice, index, groups as u32);
        scenario.services.push(service);
        for measure in MEASURES {
            watch(&mut scenario, index as u32, measure, metric_delay);
        }
    }
    for index in 0..dice.below(3) {
        let batch = random_batch(&mut dice, index, groups as u32);
        scenario.batches.push(batch);
    }
    add_daemon_and_draining(&mut dice, &mut scenario, groups as u32);
    super::queues::add_queues(&mut dice, &mut scenario);
    let needs = PriceNeeds {
        instances: INSTANCE_TYPES.map(|it| (it.0, OperatingSystem::Linux)).to_vec(),
        fargate: [false, true]
            .map(|spot| (OperatingSystem::Linux, Architecture::X86_64, spot))
            .to_vec(),
        ephemeral_storage: true,
        volumes: true,
        load_balancers: true,
        network_load_balancers: true,
        ..PriceNeeds::default()
    };
    scenario.prices = PriceBook::for_region("us-east-1", &needs).expect("all prices are known");
    scenario
}

fn random_control_plane(dice: &mut Dice) -> ControlPlane {
    ControlPlane {
        scheduler_reaction: dice.delay(3),
        network_interface_attach: dice.delay(5),
        network_interface_detach: SimDuration::from_secs(dice.below(6)),
        fargate_provisioning: dice.delay(15),
        provisioning_timeout: DurationDistribution::Uniform {
            low: SimDuration::from_secs(300),
            high: SimDuration::from_secs(1800),
        },
        scaling_action_delay: SimDuration::from_secs(dice.below(3)),
        tie_break: dice.pick(&[TieBreak::SeededRank, TieBreak::OldestFirst]),
        launch_rate_quotas: dice.coin(),
        instances_per_cluster: 5000,
        registration_retry: RegistrationRetry::default(),
        fargate_launches: None,
        fargate_spot_launches: None,
        service_scheduler: ServiceScheduler {
            healthy_after: SimDuration::from_secs(dice.pick(&[0, 40])),
            maximum_counts_stopping: dice.below(4) == 0,
            batch: dice.pick(&[None, Some(2)]),
            launch_limiter: dice.pick(&[LaunchLimiter::Bucket, LaunchLimiter::Window]),
            rebalancing_batch: dice.between(1, 3) as u32,
            ..control_plane().service_scheduler
        },
        ..control_plane()
    }
}

fn random_launch(dice: &mut Dice, groups: u32) -> LaunchTarget {
    let item = |provider, base, weight| StrategyItem {
        capacity_provider: CapacityProviderId(provider),
        base,
        weight,
    };
    match dice.below(4) {
        0 if groups > 0 => LaunchTarget::Ec2,
        1 => LaunchTarget::Fargate,
        2 if groups > 0 => LaunchTarget::Strategy(
            (0..groups).map(|group| item(group, 0, dice.between(1, 3) as u32)).collect(),
        ),
        _ => LaunchTarget::Strategy(vec![
            item(groups, dice.below(3) as u32, 1),
            item(groups + 1, 0, dice.between(1, 4) as u32),
        ]),
    }
}

fn random_chain(dice: &mut Dice) -> Vec<PlacementStrategy> {
    let links = [
        PlacementStrategy::BinpackCpu,
        PlacementStrategy::BinpackMemory,
        PlacementStrategy::SpreadZone,
        PlacementStrategy::SpreadInstance,
        PlacementStrategy::Random,
    ];
    (0..dice.below(3)).map(|_| dice.pick(&links)).collect()
}

fn random_constraints(dice: &mut Dice) -> Vec<PlacementConstraint> {
    let expressions = [
        "attribute:ecs.availability-zone in [us-east-1a, us-east-1b]",
        "not(task:group == service:service-0)",
        "task:group != nightly or runningTasksCount < 3",
        "registeredAt > 2018-06-18 and attribute:ecs.instance-type =~ m5.*",
    ];
    match dice.below(8) {
        0 | 1 => vec![PlacementConstraint::DistinctInstance],
        2 => {
            let expression = Expression::parse(dice.pick(&expressions)).expect("it is well-formed");
            vec![PlacementConstraint::MemberOf(Arc::new(expression))]
        }
        _ => Vec::new(),
    }
}

fn random_service(dice: &mut Dice, index: u64, groups: u32) -> Service {
    let counts: Vec<u64> = (0..240).map(|_| dice.below(3000)).collect();
    let minute = SimDuration::from_secs(60);
    let rate = RequestRate::from_trace(minute, &counts, AfterEnd::Repeat).expect("a trace");
    let load = ServiceLoad {
        fidelity: Fidelity::default(),
        rate: Arc::new(rate),
        cpu_per_request: SimDuration::from_millis(dice.between(5, 100)),
        other_latency: SimDuration::from_millis(dice.below(50)),
        algorithm: dice.pick(&[
            BalancingAlgorithm::RoundRobin,
            BalancingAlgorithm::LeastOutstandingRequests,
            BalancingAlgorithm::WeightedRandom,
        ]),
        timeout: SimDuration::from_secs(dice.pick(&[1, 60])),
        parallelism: None,
        idle_cpu: Cpu::from_ecs_units(dice.pick(&[0, 16])),
        idle_memory: Mib::new(100),
        memory_per_request_kib: dice.below(2048),
    };
    let policy = TargetTrackingPolicy {
        name: "track".into(),
        query: {
            let metric = dice.pick(&[0, 1, 2]) + 3 * index as u32;
            MetricQuery::per_minute(MetricId(metric), Statistic::Average)
        },
        target_value: 50.0,
        scale_out_cooldown: SimDuration::from_secs(dice.pick(&[0, 60, 300])),
        scale_in_cooldown: SimDuration::from_secs(dice.pick(&[0, 60, 300])),
        disable_scale_in: dice.below(4) == 0,
    };
    let loaded = dice.below(5) > 0;
    let scaling = dice.coin().then(|| ScalableTarget {
        min_capacity: 1,
        max_capacity: dice.between(2, 20) as u32,
        target_tracking: vec![policy],
        step_scaling: Vec::new(),
        scheduled: vec![ScheduledChange {
            at: SimTime::from_secs(dice.between(60, 3600)),
            name: "midday".into(),
            min_capacity: Some(2),
            max_capacity: None,
        }],
        ..ScalableTarget::default()
    });
    Service {
        name: format!("service-{index}"),
        task_definition: TaskDefinitionId(dice.below(3) as u32),
        desired_count: dice.between(1, 8) as u32,
        launch: random_launch(dice, groups),
        placement_strategy: random_chain(dice),
        placement_constraints: random_constraints(dice),
        scheduling: random_scheduling(dice),
        target_group: dice.coin().then(|| TargetGroup {
            protocol: [TargetProtocol::Http, TargetProtocol::Tcp][(index % 2) as usize],
            load_balancer: format!("{}-{}", ["alb", "nlb"][(index % 2) as usize], dice.below(2)),
            registration_time: DurationDistribution::Constant(SimDuration::from_secs(2)),
            health_check_interval: SimDuration::from_secs(30),
            healthy_threshold: 5,
            unhealthy_threshold: 2,
            deregistration_delay: SimDuration::from_secs(dice.pick(&[0, 30, 300])),
            bytes_per_request: 20_000,
            requests_per_connection: 5,
            rules_processed: 12,
        }),
        load: loaded.then_some(load),
        worker: None,
        scaling,
        slo: loaded.then_some(ServiceLevelObjective {
            quantile: 0.99,
            below: SimDuration::from_millis(400),
        }),
        starts_ready: dice.coin(),
    }
}

/// Updates, deployments of every kind, protection, rebalancing.
fn random_scheduling(dice: &mut Dice) -> ServiceScheduling {
    let mut scheduling = ServiceScheduling::default();
    let deployment = &mut scheduling.deployment;
    deployment.minimum_healthy_percent = dice.between(0, 100) as u32;
    deployment.maximum_percent = dice.between(100, 250) as u32;
    let minutes = |dice: &mut Dice| SimDuration::from_secs(60 * dice.below(10));
    if dice.below(3) == 0 {
        let bake_time = minutes(dice);
        let permille = dice.between(30, 1000) as u32;
        let shift = dice.pick(&[
            TrafficShift::AllAtOnce,
            TrafficShift::Canary { permille, bake_time },
            TrafficShift::Linear { permille, bake_time },
        ]);
        deployment.strategy = DeploymentStrategy::Shifting(ShiftingDeployment {
            shift,
            bake_time: minutes(dice),
            hooks: vec![(Stage::PreScaleUp, minutes(dice))],
        });
    } else if dice.coin() {
        deployment.circuit_breaker = Some(CircuitBreaker {
            rollback: dice.coin(),
            threshold: Threshold::Count(dice.between(1, 5) as u32),
            reset_on_healthy_task: dice.coin(),
        });
    }
    let mut at = 0;
    for _ in 0..dice.below(4) {
        at += dice.between(1, 2400);
        scheduling.updates.push(ServiceUpdate {
            at: SimTime::from_secs(at),
            task_definition: dice.coin().then(|| TaskDefinitionId(dice.below(3) as u32)),
            launch: None,
            force_new_deployment: dice.coin(),
            desired_count: dice.coin().then(|| dice.below(9) as u32),
        });
    }
    scheduling.zone_rebalancing = dice.coin();
    if dice.below(3) == 0 {
        let length = SimDuration::from_secs(60 * dice.between(1, 60));
        scheduling.task_protection = Some(TaskProtection { share: 0.3, length });
    }
    scheduling
}

/// A DAEMON service on the groups, and instances that drain.
fn add_daemon_and_draining(dice: &mut Dice, scenario: &mut Scenario, groups: u32) {
    if groups == 0 {
        return;
    }
    if dice.coin() {
        let mut daemon = crate::simulation::testing::service("daemon", 0, LaunchTarget::Ec2);
        daemon.scheduling.strategy = SchedulingStrategy::Daemon;
        daemon.scheduling.deployment.minimum_healthy_percent = dice.pick(&[0, 50]);
        daemon.scheduling.deployment.maximum_percent = 100;
        daemon.scheduling.updates.push(ServiceUpdate {
            at: SimTime::from_secs(dice.between(1, 2400)),
            task_definition: Some(TaskDefinitionId(1)),
            launch: None,
            force_new_deployment: true,
            desired_count: None,
        });
        scenario.services.push(daemon);
    }
    for _ in 0..dice.below(3) {
        scenario.draining.push(DrainingRequest {
            at: SimTime::from_secs(dice.between(1, 3600)),
            group: AsgId(dice.below(groups.into()) as u32),
            zone: None,
            count: Some(dice.between(1, 3) as u32),
            replace: dice.coin(),
        });
    }
}

fn random_batch(dice: &mut Dice, index: u64, groups: u32) -> BatchSource {
    let mut arrival = 0;
    let jobs: Vec<BatchJob> = (0..dice.between(1, 300))
        .map(|_| {
            arrival += dice.below(60);
            let (cpu, memory) = dice.pick(&FARGATE_SIZES);
            BatchJob {
                arrival: SimTime::from_secs(arrival),
                duration: SimDuration::from_millis(dice.below(900_000)),
                cpu: Cpu::from_ecs_units(cpu),
                memory: Mib::new(memory),
            }
        })
        .collect();
    BatchSource {
        name: format!("batch-{index}"),
        task_group: dice.pick(&["nightly", "family:task-0"]).into(),
        jobs: BatchJobs::Trace(Arc::from(jobs)),
        task_definition: TaskDefinitionId(dice.below(3) as u32),
        launch: random_launch(dice, groups),
        placement_strategy: random_chain(dice),
        placement_constraints: random_constraints(dice),
        queue: dice.pick(&[
            QueueDiscipline::FirstComeFirstServed,
            QueueDiscipline::FirstFit,
            QueueDiscipline::NoRetry,
        ]),
        start_on: Vec::new(),
    }
}

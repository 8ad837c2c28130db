//! Small scenarios for the tests of this module.

use std::sync::Arc;

use crate::autoscaling::{ManagedScaling, ScalingRules};
use crate::billing::PriceBook;
use crate::engine::{DurationDistribution, Limits};
use crate::metrics::{Metric, MetricQuery, MetricSource, ServiceMeasure, Statistic};
use crate::placement::{AVAILABILITY_ZONE, Attributes, INSTANCE_TYPE};
use crate::results::RunResults;
use crate::rules;
use crate::scenario::*;
use crate::service::throttle::ThrottleLaw;
use crate::units::{
    AsgId, CapacityProviderId, Cpu, IdVec, MetricId, Mib, ServiceId, SimDuration, SimTime,
    TaskDefinitionId, ZoneId,
};

pub(super) fn control_plane() -> ControlPlane {
    ControlPlane {
        scheduler_reaction: DurationDistribution::ZERO,
        network_interface_attach: DurationDistribution::ZERO,
        network_interface_detach: SimDuration::ZERO,
        fargate_provisioning: DurationDistribution::ZERO,
        provisioning_timeout: DurationDistribution::Constant(SimDuration::from_secs(1200)),
        placement_retry: PlacementRetry {
            quick_interval: SimDuration::from_secs(10),
            quick_phase: SimDuration::from_secs(50),
            slow_interval: SimDuration::from_secs(300),
        },
        capacity_provider_metric_delay: SimDuration::ZERO,
        queue_activation_lag: DurationDistribution::ZERO,
        scaling_action_delay: SimDuration::ZERO,
        scheduled_action_delay: SimDuration::ZERO,
        scaling: ScalingRules::default(),
        tie_break: TieBreak::SeededRank,
        images: ImageDelays::default(),
        run_task_calls: rules::newest().cluster_modify_bucket,
        tasks_per_call: rules::newest().tasks_per_run_task,
        launch_rate_quotas: true,
        instances_per_cluster: 5000,
        registration_retry: RegistrationRetry::default(),
        fargate_launches: None,
        fargate_spot_launches: None,
        service_scheduler: ServiceScheduler {
            healthy_after: SimDuration::ZERO,
            healthy_after_when_draining: SimDuration::ZERO,
            maximum_counts_stopping: false,
            tick: SimDuration::from_secs(1),
            batch: None,
            throttle: ThrottleLaw {
                failures: 3,
                first_pause: SimDuration::from_secs(10),
                maximum: SimDuration::from_secs(27 * 60),
            },
            launch_limiter: LaunchLimiter::Bucket,
            launches_per_minute: None,
            rebalancing_interval: SimDuration::from_secs(60),
            rebalancing_batch: 1,
            unhealthy_order: UnhealthyOrder::Random,
            below_protected: BelowProtected::Keep,
        },
        providers: ProviderChoices::default(),
    }
}

pub(super) fn definition(cpu_units: u32, memory: u64) -> TaskDefinition {
    TaskDefinition {
        family: "task".into(),
        cpu: Cpu::from_ecs_units(cpu_units),
        cpu_limit: Some(Cpu::from_ecs_units(cpu_units)),
        memory: Mib::new(memory),
        memory_for_utilization: Mib::new(memory),
        network_mode: NetworkMode::Bridge,
        host_ports: Vec::new(),
        gpus: 0,
        architecture: Architecture::X86_64,
        operating_system: OperatingSystem::Linux,
        ephemeral_storage_gib: 20,
        fits_fargate: true,
        images: Vec::new(),
        placement_constraints: Vec::new(),
        pull_time: DurationDistribution::ZERO,
        start_time: DurationDistribution::ZERO,
        stop_time: DurationDistribution::ZERO,
        stop_timeout: None,
        containers: Vec::new(),
    }
}

pub(super) fn group(min: u32, desired: u32, max: u32) -> AutoScalingGroup {
    AutoScalingGroup {
        name: "group".into(),
        types: vec![LaunchType {
            shape: InstanceShape {
                instance_type: "m5.large".into(),
                cpu: Cpu::from_ecs_units(2048),
                memory: Mib::new(7985),
                gpus: 0,
                task_network_interfaces: 2,
                architecture: Architecture::X86_64,
                operating_system: OperatingSystem::Linux,
            },
            weight: 1,
            attributes: ["us-east-1a", "us-east-1b", "us-east-1c"].map(attributes).to_vec(),
        }],
        distribution: InstancesDistribution::default(),
        capacity_rebalance: false,
        zones: vec![ZoneId(0), ZoneId(1), ZoneId(2)],
        min_size: min,
        max_size: max,
        desired_capacity: desired,
        starts_ready: true,
        launch_time: DurationDistribution::Constant(SimDuration::from_secs(25)),
        registration_time: DurationDistribution::Constant(SimDuration::from_secs(15)),
        reconcile_lag: DurationDistribution::Constant(SimDuration::from_secs(5)),
        root_volume_gib: 30,
        agent: AgentSettings::default_for(OperatingSystem::Linux),
        operation: GroupOperation::default(),
    }
}

/// The attributes of the instances in `zone`.
pub(super) fn attributes(zone: &str) -> Attributes {
    let mut attributes = Attributes::default();
    attributes.set(AVAILABILITY_ZONE, zone);
    attributes.set(INSTANCE_TYPE, "m5.large");
    attributes
}

/// A run of an hour in three zones with nothing in it.
pub(super) fn empty() -> Scenario {
    Scenario {
        name: "test".into(),
        description: String::new(),
        region: "us-east-1".into(),
        start_unix_seconds: 1_772_409_600,
        duration: SimDuration::from_secs(3600),
        seed: 42,
        replication: 0,
        rules: rules::newest(),
        zones: ["us-east-1a", "us-east-1b", "us-east-1c"].map(String::from).into_iter().collect(),
        images: IdVec::new(),
        task_definitions: IdVec::new(),
        auto_scaling_groups: IdVec::new(),
        capacity_providers: IdVec::new(),
        metrics: IdVec::new(),
        services: Vec::new(),
        draining: Vec::new(),
        batches: Vec::new(),
        queues: IdVec::new(),
        faults: Vec::new(),
        disruptions: Vec::new(),
        purchasing: Purchasing::default(),
        prices: PriceBook::default(),
        control_plane: control_plane(),
        record_interval: SimDuration::from_secs(60),
        limits: Limits::default(),
    }
}

pub(super) fn service(name: &str, desired: u32, launch: LaunchTarget) -> Service {
    Service {
        name: name.into(),
        task_definition: TaskDefinitionId(0),
        desired_count: desired,
        launch,
        placement_strategy: Vec::new(),
        placement_constraints: Vec::new(),
        scheduling: ServiceScheduling::default(),
        target_group: None,
        load: None,
        worker: None,
        scaling: None,
        slo: None,
        starts_ready: false,
    }
}

/// A measure of a service each minute, visible after `delay`, as the scenario's next metric.
pub(super) fn watch(
    scenario: &mut Scenario,
    service: u32,
    measure: ServiceMeasure,
    delay: SimDuration,
) -> MetricQuery {
    let period = SimDuration::from_secs(60);
    let source = MetricSource::Service(ServiceId(service), measure);
    let metric = MetricId(scenario.metrics.len() as u32);
    scenario.metrics.push(Metric { source, period, delay });
    MetricQuery::per_minute(metric, Statistic::Average)
}

pub(super) fn managed_provider(target_capacity: u32) -> CapacityProvider {
    CapacityProvider {
        name: "provider".into(),
        kind: CapacityProviderKind::AutoScalingGroup {
            group: AsgId(0),
            managed_scaling: Some(ManagedScaling {
                target_capacity,
                minimum_scaling_step_size: 1,
                maximum_scaling_step_size: 10_000,
                instance_warmup_period: SimDuration::from_secs(60),
            }),
            managed_termination_protection: true,
            managed_draining: false,
        },
    }
}

pub(super) fn batch(name: &str, jobs: Vec<BatchJob>, launch: LaunchTarget) -> BatchSource {
    BatchSource {
        name: name.into(),
        task_group: format!("family:{name}"),
        jobs: BatchJobs::Trace(Arc::from(jobs)),
        task_definition: TaskDefinitionId(0),
        launch,
        placement_strategy: Vec::new(),
        placement_constraints: Vec::new(),
        queue: QueueDiscipline::FirstComeFirstServed,
        start_on: Vec::new(),
    }
}

/// Runs a scenario to its end.
pub(super) fn run(scenario: &Scenario) -> RunResults {
    super::run(scenario, &mut |_| {}).expect("no limit is reached")
}

pub(super) fn seconds(n: u64) -> SimDuration {
    SimDuration::from_secs(n)
}

/// `n` seconds after the start.
pub(super) fn at(n: u64) -> SimTime {
    SimTime::from_secs(n)
}

/// Always `n` seconds.
pub(super) fn constant(n: u64) -> DurationDistribution {
    DurationDistribution::Constant(seconds(n))
}

/// A job of 1 GiB, in seconds and CPU units.
pub(super) fn job(arrival: u64, duration: u64, cpu_units: u32) -> BatchJob {
    BatchJob {
        arrival: at(arrival),
        duration: seconds(duration),
        cpu: Cpu::from_ecs_units(cpu_units),
        memory: Mib::new(1024),
    }
}

/// The first capacity provider alone.
pub(super) fn on_provider() -> LaunchTarget {
    split(&[(0, 1)])
}

/// A strategy over the providers in their order, with base and weight.
pub(super) fn split(base_and_weight: &[(u32, u32)]) -> LaunchTarget {
    let items = (0..).zip(base_and_weight).map(|(id, &(base, weight))| StrategyItem {
        capacity_provider: CapacityProviderId(id),
        base,
        weight,
    });
    LaunchTarget::Strategy(items.collect())
}

//! The input of a run: plain values, resolved and checked by whoever built them.
//!
//! `plimsoll` (the crate in `scenarios/`) builds a [`Scenario`] from YAML. Nothing here is optional
//! "for later": a field that the simulation would not read does not exist.

use std::sync::Arc;

use crate::autoscaling::{ManagedScaling, StepScalingPolicy, TargetTrackingPolicy};
use crate::billing::PriceBook;
use crate::engine::{DurationDistribution, Limits};
use crate::placement::{PlacementConstraint, PlacementStrategy};
use crate::rules::RuleSet;
use crate::traffic::RequestRate;
use crate::units::{
    AsgId, CapacityProviderId, Cpu, IdVec, Mib, SimDuration, SimTime, TaskDefinitionId, ZoneId,
};

/// Everything that a run depends on. Same scenario, same bytes out.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Name, used for the output folder and titles.
    pub name: String,
    /// The question the scenario answers, in the author's words.
    pub description: String,
    /// AWS region, for example `eu-west-1`.
    pub region: String,
    /// Start of the run in seconds since 1970-01-01T00:00:00Z.
    pub start_unix_seconds: i64,
    /// Simulated length.
    pub duration: SimDuration,
    /// Root of all random streams.
    pub seed: u64,
    /// Replication number, part of every stream key.
    pub replication: u64,
    /// Dated constants of AWS.
    pub rules: &'static RuleSet,
    /// Names of the availability zones that anything in the scenario uses, sorted.
    pub zones: IdVec<ZoneId, String>,
    /// Task definitions, in canonical order.
    pub task_definitions: IdVec<TaskDefinitionId, TaskDefinition>,
    /// Auto Scaling groups.
    pub auto_scaling_groups: IdVec<AsgId, AutoScalingGroup>,
    /// Capacity providers, FARGATE and FARGATE_SPOT among them if anything uses them.
    pub capacity_providers: IdVec<CapacityProviderId, CapacityProvider>,
    /// Services.
    pub services: Vec<Service>,
    /// Sources of standalone tasks (RunTask).
    pub batches: Vec<BatchSource>,
    /// Prices of everything the scenario can use.
    pub prices: PriceBook,
    /// Delays and other behaviour of the control plane that AWS leaves open.
    pub control_plane: ControlPlane,
    /// Interval of the recorded time series.
    pub record_interval: SimDuration,
    /// Limits that end a runaway run.
    pub limits: Limits,
}

/// Processor architecture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Architecture {
    /// `X86_64`.
    #[default]
    X86_64,
    /// `ARM64` (Graviton).
    Arm64,
}

/// Operating system of a task or an instance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OperatingSystem {
    /// Linux.
    #[default]
    Linux,
    /// Any Windows Server edition.
    Windows,
}

/// `networkMode` of a task definition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NetworkMode {
    /// Docker bridge: static host ports are exclusive, dynamic ones are not.
    #[default]
    Bridge,
    /// The host's own network: every port is exclusive.
    Host,
    /// An elastic network interface per task.
    Awsvpc,
    /// No network.
    None,
}

/// Transport protocol of a port mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// What a task reserves and how it starts. Demands follow the ECS agent's arithmetic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskDefinition {
    /// Family, the name by which services refer to it.
    pub family: String,
    /// Reserved CPU: the task's, or the sum over containers.
    pub cpu: Cpu,
    /// Reserved memory: the task's, or the sum of reservation-else-limit over containers.
    pub memory: Mib,
    /// Denominator of the memory utilization metric.
    pub memory_for_utilization: Mib,
    /// Network mode; `awsvpc` takes one network interface.
    pub network_mode: NetworkMode,
    /// Static host ports taken on the instance, sorted.
    pub host_ports: Vec<(u16, Protocol)>,
    /// Whole GPUs reserved.
    pub gpus: u32,
    /// Architecture the images are built for.
    pub architecture: Architecture,
    /// Operating system family.
    pub operating_system: OperatingSystem,
    /// Ephemeral storage on Fargate in GiB (20 is included in the price).
    pub ephemeral_storage_gib: u32,
    /// Whether the sizes are ones that Fargate offers.
    pub fits_fargate: bool,
    /// Time to pull and unpack the images.
    pub pull_time: DurationDistribution,
    /// Time from images present to essential containers running.
    pub start_time: DurationDistribution,
    /// Time from SIGTERM to exit; at most the stop time-out.
    pub stop_time: DurationDistribution,
}

impl TaskDefinition {
    /// Network interfaces a task takes on a container instance.
    pub fn network_interfaces(&self) -> u32 {
        u32::from(self.network_mode == NetworkMode::Awsvpc)
    }
}

/// The hardware of an instance type as the cluster sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceShape {
    /// Name, for example `m7g.large`.
    pub instance_type: String,
    /// Logical CPUs × 1024 units.
    pub cpu: Cpu,
    /// Memory registered with ECS, after the loss to kernel and platform.
    pub memory: Mib,
    /// GPUs.
    pub gpus: u32,
    /// Network interfaces available to `awsvpc` tasks.
    pub task_network_interfaces: u32,
    /// Architecture.
    pub architecture: Architecture,
    /// Operating system of the AMI.
    pub operating_system: OperatingSystem,
}

/// An Auto Scaling group of identical container instances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AutoScalingGroup {
    /// `AutoScalingGroupName`.
    pub name: String,
    /// What is launched.
    pub shape: InstanceShape,
    /// Zones in listed order.
    pub zones: Vec<ZoneId>,
    /// `MinSize`.
    pub min_size: u32,
    /// `MaxSize`.
    pub max_size: u32,
    /// `DesiredCapacity` at the start.
    pub desired_capacity: u32,
    /// Whether the instances of `desired_capacity` are registered at time zero, or launched then.
    pub starts_ready: bool,
    /// From the launch decision to `running` (billing starts).
    pub launch_time: DurationDistribution,
    /// From `running` to registered with the cluster.
    pub registration_time: DurationDistribution,
    /// From a changed desired capacity to the group's action.
    pub reconcile_lag: DurationDistribution,
    /// Root volume (gp3) in GiB; zero for none.
    pub root_volume_gib: u32,
}

/// A capacity provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapacityProvider {
    /// Name.
    pub name: String,
    /// Kind and settings.
    pub kind: CapacityProviderKind,
}

/// The three kinds of capacity that a strategy can name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CapacityProviderKind {
    /// Container instances of an Auto Scaling group.
    AutoScalingGroup {
        /// The group.
        group: AsgId,
        /// Managed scaling, if enabled.
        managed_scaling: Option<ManagedScaling>,
        /// Managed termination protection.
        managed_termination_protection: bool,
    },
    /// `FARGATE`.
    Fargate,
    /// `FARGATE_SPOT`, with the mean time between interruptions of one task, if any.
    FargateSpot {
        /// Mean running time after which a task is interrupted; `None` for never.
        mean_time_to_interruption: Option<SimDuration>,
    },
}

impl CapacityProviderKind {
    /// Whether tasks run on Fargate.
    pub fn is_fargate(&self) -> bool {
        matches!(self, Self::Fargate | Self::FargateSpot { .. })
    }
}

/// One entry of a capacity provider strategy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StrategyItem {
    /// Provider.
    pub capacity_provider: CapacityProviderId,
    /// Tasks placed here before weights count.
    pub base: u32,
    /// Share of the tasks beyond base.
    pub weight: u32,
}

/// Where tasks run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LaunchTarget {
    /// `launchType: EC2`: any container instance; invisible to managed scaling.
    Ec2,
    /// `launchType: FARGATE`.
    Fargate,
    /// A capacity provider strategy, at least one entry.
    Strategy(Vec<StrategyItem>),
}

/// A REPLICA service.
#[derive(Clone, Debug)]
pub struct Service {
    /// `serviceName`, also the label of its random streams.
    pub name: String,
    /// What it runs.
    pub task_definition: TaskDefinitionId,
    /// `desiredCount` at the start.
    pub desired_count: u32,
    /// Where it runs.
    pub launch: LaunchTarget,
    /// Placement strategy chain; empty for the service default.
    pub placement_strategy: Vec<PlacementStrategy>,
    /// Placement constraints.
    pub placement_constraints: Vec<PlacementConstraint>,
    /// The load balancer's target group, if any.
    pub target_group: Option<TargetGroup>,
    /// Request load, if any.
    pub load: Option<ServiceLoad>,
    /// Application Auto Scaling, if registered.
    pub scaling: Option<ScalableTarget>,
    /// What the owner wants to hold.
    pub slo: Option<ServiceLevelObjective>,
    /// Whether the tasks of `desired_count` run at time zero, or are started then.
    pub starts_ready: bool,
}

impl Service {
    /// Whether its tasks run on container instances; a strategy never mixes them with Fargate.
    pub fn launch_is_ec2(&self, scenario: &Scenario) -> bool {
        match &self.launch {
            LaunchTarget::Ec2 => true,
            LaunchTarget::Fargate => false,
            LaunchTarget::Strategy(items) => items
                .iter()
                .all(|item| !scenario.capacity_providers[item.capacity_provider].kind.is_fargate()),
        }
    }
}

/// An Application Load Balancer's target group in front of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetGroup {
    /// Name of the load balancer; services may share one.
    pub load_balancer: String,
    /// From RUNNING to registered.
    pub registration_time: DurationDistribution,
    /// `HealthCheckIntervalSeconds`; the first probe comes at a uniform point of the first interval.
    pub health_check_interval: SimDuration,
    /// `deregistration_delay.timeout_seconds`, always waited in full.
    pub deregistration_delay: SimDuration,
    /// Bytes processed per request (both directions), for capacity units.
    pub bytes_per_request: u64,
    /// Requests sent over one connection, for capacity units.
    pub requests_per_connection: u64,
    /// Rules processed per request.
    pub rules_processed: u32,
}

/// How the load balancer spreads requests over tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BalancingAlgorithm {
    /// `round_robin`.
    #[default]
    RoundRobin,
    /// `least_outstanding_requests`: tends to one shared queue.
    LeastOutstandingRequests,
    /// `weighted_random`: each task its own queue.
    WeightedRandom,
}

/// Request load of a service and what a request costs it.
#[derive(Clone, Debug)]
pub struct ServiceLoad {
    /// Offered requests over time.
    pub rate: Arc<RequestRate>,
    /// Mean CPU time of one request on one vCPU.
    pub cpu_per_request: SimDuration,
    /// Time of a request that is not CPU (waiting on others), added to its latency.
    pub other_latency: SimDuration,
    /// Balancing.
    pub algorithm: BalancingAlgorithm,
    /// A request that waits longer than this fails.
    pub timeout: SimDuration,
    /// CPU that a task uses without requests.
    pub idle_cpu: Cpu,
    /// Memory that a task uses without requests.
    pub idle_memory: Mib,
    /// Additional memory per request in flight, in KiB.
    pub memory_per_request_kib: u64,
}

/// A scalable target of Application Auto Scaling with its policies.
#[derive(Clone, Debug)]
pub struct ScalableTarget {
    /// `MinCapacity`.
    pub min_capacity: u32,
    /// `MaxCapacity`.
    pub max_capacity: u32,
    /// Target tracking policies.
    pub target_tracking: Vec<TargetTrackingPolicy>,
    /// Step scaling policies, each with its alarm.
    pub step_scaling: Vec<StepScalingPolicy>,
    /// Scheduled actions expanded to instants, in time order.
    pub scheduled: Vec<ScheduledChange>,
}

/// One firing of a scheduled action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduledChange {
    /// When.
    pub at: SimTime,
    /// `ScheduledActionName`.
    pub name: String,
    /// New `MinCapacity`, if given.
    pub min_capacity: Option<u32>,
    /// New `MaxCapacity`, if given.
    pub max_capacity: Option<u32>,
}

/// A latency objective: at least `quantile` of the requests of each minute below `below`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ServiceLevelObjective {
    /// In (0, 1), for example 0.99.
    pub quantile: f64,
    /// Bound on the latency.
    pub below: SimDuration,
}

/// A source of standalone tasks.
#[derive(Clone, Debug)]
pub struct BatchSource {
    /// Name, also the label of its random streams and the default task group.
    pub name: String,
    /// What arrives.
    pub jobs: BatchJobs,
    /// What a job runs; cpu and memory of a job override it.
    pub task_definition: TaskDefinitionId,
    /// Where it runs.
    pub launch: LaunchTarget,
    /// Placement strategy chain; empty means random, the default for standalone tasks.
    pub placement_strategy: Vec<PlacementStrategy>,
    /// Placement constraints.
    pub placement_constraints: Vec<PlacementConstraint>,
    /// What happens to later jobs while the first one does not fit.
    pub queue: QueueDiscipline,
}

/// Order in which waiting standalone tasks are tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QueueDiscipline {
    /// Strict arrival order: nobody overtakes.
    #[default]
    FirstComeFirstServed,
    /// Arrival order, but a job that fits may overtake one that does not.
    FirstFit,
}

/// Jobs of a batch source.
#[derive(Clone, Debug)]
pub enum BatchJobs {
    /// A trace, sorted by arrival.
    Trace(Arc<[BatchJob]>),
    /// Independent draws.
    Generated {
        /// Time between arrivals.
        interarrival: DurationDistribution,
        /// Running time.
        duration: DurationDistribution,
        /// No arrivals at or after this instant.
        until: SimTime,
        /// At most this many jobs.
        count: u64,
    },
}

/// One standalone task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchJob {
    /// RunTask call.
    pub arrival: SimTime,
    /// From RUNNING to exit.
    pub duration: SimDuration,
    /// Reserved CPU.
    pub cpu: Cpu,
    /// Reserved memory.
    pub memory: Mib,
}

/// Delays and open choices of the control plane; each is a scenario setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlPlane {
    /// From a change of desired count to the scheduler's reaction.
    pub scheduler_reaction: DurationDistribution,
    /// Network interface attachment for `awsvpc` tasks on EC2.
    pub network_interface_attach: DurationDistribution,
    /// Network interface detachment.
    pub network_interface_detach: SimDuration,
    /// From the RunTask or scheduler decision to the start of the image pull on Fargate.
    pub fargate_provisioning: DurationDistribution,
    /// How long a PROVISIONING task waits for capacity before it is stopped.
    pub provisioning_timeout: DurationDistribution,
    /// Retry schedule of a launch-type service that found no room: quick retries, then slow ones.
    pub placement_retry: PlacementRetry,
    /// Delay from the end of a period to its data point for the ECS service metrics.
    pub service_metric_delay: SimDuration,
    /// Delay for the load balancer's metrics.
    pub load_balancer_metric_delay: SimDuration,
    /// Delay for the capacity provider's metric.
    pub capacity_provider_metric_delay: SimDuration,
    /// From an alarm's action to the changed desired count.
    pub scaling_action_delay: SimDuration,
    /// An unfulfilled scaling activity ends after this.
    pub scaling_activity_timeout: SimDuration,
    /// What decides among equal candidates.
    pub tie_break: TieBreak,
    /// Whether launch-rate quotas of the service and the account apply.
    pub launch_rate_quotas: bool,
}

/// Retry cadence of ECS services on the EC2 launch type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlacementRetry {
    /// Interval of the first retries.
    pub quick_interval: SimDuration,
    /// Length of the quick phase.
    pub quick_phase: SimDuration,
    /// Interval afterwards.
    pub slow_interval: SimDuration,
}

/// Final tie-break of a placement decision, which AWS does not document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TieBreak {
    /// A rank drawn for each instance at launch; sticky, uniform over tied instances.
    #[default]
    SeededRank,
    /// The instance that was launched first.
    OldestFirst,
}

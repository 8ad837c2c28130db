//! Services: what they run, their load, their scaling.

use std::sync::Arc;

use super::{Fidelity, LaunchTarget, Scenario, ServiceScheduling, Worker};
use crate::autoscaling::{
    PredictiveScalingPolicy, StepScalingPolicy, SuspendedState, TargetTrackingPolicy,
};
use crate::engine::DurationDistribution;
use crate::placement::{PlacementConstraint, PlacementStrategy};
use crate::traffic::RequestRate;
use crate::units::{Cpu, Mib, SimDuration, SimTime, TaskDefinitionId};

/// A service.
#[derive(Clone, Debug)]
pub struct Service {
    /// `serviceName`, also the label of its random streams.
    pub name: String,
    /// What it runs.
    pub task_definition: TaskDefinitionId,
    /// `desiredCount` at the start; zero for a DAEMON service, which has none.
    pub desired_count: u32,
    /// Where it runs.
    pub launch: LaunchTarget,
    /// Placement strategy chain; empty for the service default.
    pub placement_strategy: Vec<PlacementStrategy>,
    /// Placement constraints.
    pub placement_constraints: Vec<PlacementConstraint>,
    /// Strategy, deployments, health and protection.
    pub scheduling: ServiceScheduling,
    /// The load balancer's target group, if any.
    pub target_group: Option<TargetGroup>,
    /// Request load, if any.
    pub load: Option<ServiceLoad>,
    /// How its tasks work on a queue, if they do; then there is no request load.
    pub worker: Option<Worker>,
    /// Application Auto Scaling, if registered.
    pub scaling: Option<ScalableTarget>,
    /// What the owner wants to hold.
    pub slo: Option<ServiceLevelObjective>,
    /// Whether the tasks of `desired_count` run at time zero, or are started then.
    pub starts_ready: bool,
}

impl Service {
    /// Every task definition that it runs, with every place in which it may run it, updates included.
    pub fn uses(&self) -> Vec<(TaskDefinitionId, &LaunchTarget)> {
        let updates = &self.scheduling.updates;
        let later = updates.iter().filter_map(|update| update.task_definition);
        let definitions: Vec<_> = std::iter::once(self.task_definition).chain(later).collect();
        let moved = updates.iter().filter_map(|update| update.launch.as_ref());
        let pair = |launch| definitions.iter().map(move |definition| (*definition, launch));
        std::iter::once(&self.launch).chain(moved).flat_map(pair).collect()
    }

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

/// Protocol of a target group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TargetProtocol {
    /// HTTP, of an Application Load Balancer.
    #[default]
    Http,
    /// HTTPS, of an Application Load Balancer.
    Https,
    /// TCP, of a Network Load Balancer.
    Tcp,
    /// TLS, of a Network Load Balancer.
    Tls,
    /// UDP, of a Network Load Balancer.
    Udp,
    /// TCP and UDP, of a Network Load Balancer.
    TcpUdp,
}

impl TargetProtocol {
    /// Whether it is one of a Network Load Balancer.
    pub const fn is_network(self) -> bool {
        !matches!(self, Self::Http | Self::Https)
    }
}

/// A load balancer's target group in front of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetGroup {
    /// Protocol, and with it the kind of the load balancer.
    pub protocol: TargetProtocol,
    /// Name of the load balancer; services may share one.
    pub load_balancer: String,
    /// From RUNNING to registered.
    pub registration_time: DurationDistribution,
    /// `HealthCheckIntervalSeconds`; the first probe comes at a uniform point of the first interval.
    pub health_check_interval: SimDuration,
    /// `HealthyThresholdCount`: passes in a row that heal an unhealthy target.
    pub healthy_threshold: u32,
    /// `UnhealthyThresholdCount`: failures in a row that make a target unhealthy.
    pub unhealthy_threshold: u32,
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
    /// How closely requests are followed.
    pub fidelity: Fidelity,
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
    /// vCPU that a task can use at once, such as 1 if it has one thread; `None` for any number.
    pub parallelism: Option<u32>,
    /// CPU that a task uses without requests.
    pub idle_cpu: Cpu,
    /// Memory that a task uses without requests.
    pub idle_memory: Mib,
    /// Additional memory per request in flight, in KiB.
    pub memory_per_request_kib: u64,
}

impl ServiceLoad {
    /// Bound on the time from a request's arrival to its answer, retries included.
    pub fn longest_response(&self) -> SimDuration {
        let once = self.timeout.max(self.other_latency).as_nanos();
        let retries = self.fidelity.requests().and_then(|it| it.retries);
        let (attempts, delay) =
            retries.map_or((1, 0), |it| (it.max_attempts.max(1), it.max_delay.as_nanos()));
        let whole = once.saturating_mul(attempts.into());
        SimDuration::from_nanos(whole.saturating_add(delay.saturating_mul((attempts - 1).into())))
    }

    /// `cpu`, or what the parallelism lets a task use of it.
    pub fn usable_cpu(&self, cpu: Cpu) -> Cpu {
        let vcpu = Cpu::from_ecs_units(1024).as_raw();
        let most = self.parallelism.map(|n| Cpu::from_raw(vcpu.saturating_mul(n.into())));
        most.map_or(cpu, |most| cpu.min(most))
    }
}

/// A scalable target of Application Auto Scaling with its policies.
#[derive(Clone, Debug, Default)]
pub struct ScalableTarget {
    /// `MinCapacity`.
    pub min_capacity: u32,
    /// `MaxCapacity`.
    pub max_capacity: u32,
    /// Target tracking policies.
    pub target_tracking: Vec<TargetTrackingPolicy>,
    /// Step scaling policies, each with its alarm.
    pub step_scaling: Vec<StepScalingPolicy>,
    /// Predictive scaling policies, of which at most one scales.
    pub predictive: Vec<PredictiveScalingPolicy>,
    /// Scheduled actions expanded to instants, in time order.
    pub scheduled: Vec<ScheduledChange>,
    /// What is suspended at the start.
    pub suspended: SuspendedState,
    /// What is suspended from later instants on, in time order.
    pub suspensions: Vec<(SimTime, SuspendedState)>,
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

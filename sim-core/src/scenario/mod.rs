//! The input of a run: plain values, resolved and checked by whoever built them.
//!
//! `plimsoll` (the crate in `scenarios/`) builds a [`Scenario`] from YAML. Nothing here is optional
//! "for later": a field that the simulation would not read does not exist.

mod batch;
mod capacity;
mod containers;
mod control_plane;
mod disruption;
mod fault;
mod group;
mod provider_choices;
mod purchase;
mod queue;
mod requests;
mod scheduling;
mod service;
mod task_definition;

pub use batch::{BatchJob, BatchJobs, BatchSource, NamedInstance, QueueDiscipline};
pub use capacity::{
    AutoScalingGroup, CapacityProvider, CapacityProviderKind, InstanceShape, LaunchTarget,
    ManagedInstances, StrategyItem,
};
pub use containers::{AgentSettings, Container, ImageDelays};
pub use control_plane::{
    BelowProtected, ControlPlane, LaunchLimiter, PlacementRetry, RegistrationRetry,
    ServiceScheduler, TieBreak, UnhealthyOrder,
};
pub use disruption::{Disruption, DisruptionKind, InstanceScope, MetricScope, SlowLaunches};
pub use fault::{Fault, FaultKind, FaultOwner, RandomTimes};
pub use group::{CapacityChange, GroupChange, GroupOperation, GroupUpdate, HealthChecks, Process};
pub use provider_choices::{
    AppliedTo, CountedInstances, FargateZones, FromZero, ManagedScalingChoices, ProviderChoices,
    ScaleInStep, SeveralTypes, StrategyChoices, StrategyOrder, TaskGroupsMet, WeightZeroBase,
};
pub use purchase::{
    InstancesDistribution, LaunchType, OnDemandStrategy, PurchaseOption, Purchasing,
    Recommendation, Shortage, ShortageLaw, ShortageScope, Sold, SpotMarket, SpotStrategy,
};
pub use queue::{
    MessageArrivals, MessageBatch, MessageSource, OnStop, Queue, RedrivePolicy, Worker,
};
pub use requests::{
    Arrivals, Connections, Discipline, Fidelity, RequestSettings, RetrySettings, Variability,
};
pub use scheduling::{
    DeploymentAlarms, DeploymentConfiguration, DeploymentStrategy, DrainingRequest,
    SchedulingStrategy, ServiceScheduling, ServiceUpdate, ShiftingDeployment, TaskProtection,
};
pub use service::{
    BalancingAlgorithm, ScalableTarget, ScheduledChange, Service, ServiceLevelObjective,
    ServiceLoad, TargetGroup, TargetProtocol,
};
pub use task_definition::{Architecture, NetworkMode, OperatingSystem, Protocol, TaskDefinition};

use crate::agent::Image;
use crate::billing::PriceBook;
use crate::engine::Limits;
use crate::metrics::Metric;
use crate::rules::RuleSet;
use crate::units::{
    AsgId, CapacityProviderId, IdVec, ImageId, MetricId, QueueId, SimDuration, TaskDefinitionId,
    ZoneId,
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
    /// Container images whose layers an instance keeps.
    pub images: IdVec<ImageId, Image>,
    /// Task definitions, in canonical order.
    pub task_definitions: IdVec<TaskDefinitionId, TaskDefinition>,
    /// Auto Scaling groups.
    pub auto_scaling_groups: IdVec<AsgId, AutoScalingGroup>,
    /// Capacity providers, FARGATE and FARGATE_SPOT among them if anything uses them.
    pub capacity_providers: IdVec<CapacityProviderId, CapacityProvider>,
    /// CloudWatch metrics that something watches.
    pub metrics: IdVec<MetricId, Metric>,
    /// Services.
    pub services: Vec<Service>,
    /// Container instances that are set to DRAINING, in time order.
    pub draining: Vec<DrainingRequest>,
    /// Sources of standalone tasks (RunTask).
    pub batches: Vec<BatchSource>,
    /// Message queues.
    pub queues: IdVec<QueueId, Queue>,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// What goes wrong with zones, instances and the control plane.
    pub disruptions: Vec<Disruption>,
    /// Spot markets and the lack of capacity.
    pub purchasing: Purchasing,
    /// Prices of everything the scenario can use.
    pub prices: PriceBook,
    /// Delays and other behaviour of the control plane that AWS leaves open.
    pub control_plane: ControlPlane,
    /// Interval of the recorded time series.
    pub record_interval: SimDuration,
    /// Limits that end a runaway run.
    pub limits: Limits,
}

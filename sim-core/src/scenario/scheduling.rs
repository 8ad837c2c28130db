//! How the scheduler treats a service: strategy, deployments, health, protection.

use super::LaunchTarget;
use crate::service::circuit_breaker::CircuitBreaker;
use crate::service::completion::EarlySuccess;
use crate::service::traffic_shift::{Stage, TrafficShift};
use crate::units::{AsgId, SimDuration, SimTime, TaskDefinitionId, ZoneId};

/// `schedulingStrategy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SchedulingStrategy {
    /// The desired count.
    #[default]
    Replica,
    /// One task on each container instance.
    Daemon,
}

/// What the scheduler is told about a service beside its tasks, place and load.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceScheduling {
    /// `schedulingStrategy`.
    pub strategy: SchedulingStrategy,
    /// `deploymentConfiguration`.
    pub deployment: DeploymentConfiguration,
    /// Calls of UpdateService, in time order.
    pub updates: Vec<ServiceUpdate>,
    /// `healthCheckGracePeriodSeconds`.
    pub health_check_grace_period: SimDuration,
    /// `availabilityZoneRebalancing`, for a service that is eligible.
    pub zone_rebalancing: bool,
    /// Scale-in protection that tasks ask for when they run.
    pub task_protection: Option<TaskProtection>,
}

impl Default for ServiceScheduling {
    fn default() -> Self {
        Self {
            strategy: SchedulingStrategy::Replica,
            deployment: DeploymentConfiguration::default(),
            updates: Vec::new(),
            health_check_grace_period: SimDuration::ZERO,
            zone_rebalancing: false,
            task_protection: None,
        }
    }
}

/// `deploymentConfiguration`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeploymentConfiguration {
    /// `minimumHealthyPercent`.
    pub minimum_healthy_percent: u32,
    /// `maximumPercent`.
    pub maximum_percent: u32,
    /// `deploymentCircuitBreaker`, if enabled.
    pub circuit_breaker: Option<CircuitBreaker>,
    /// `earlySuccessCriteria`, if enabled.
    pub early_success: Option<EarlySuccess>,
    /// `alarms`, if enabled.
    pub alarms: Option<DeploymentAlarms>,
    /// `strategy` with what belongs to it.
    pub strategy: DeploymentStrategy,
}

impl Default for DeploymentConfiguration {
    fn default() -> Self {
        Self {
            minimum_healthy_percent: 100,
            maximum_percent: 200,
            circuit_breaker: None,
            early_success: None,
            alarms: None,
            strategy: DeploymentStrategy::Rolling,
        }
    }
}

/// `alarms` of a deployment configuration: a deployment fails if one of them goes to ALARM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeploymentAlarms {
    /// Names of alarms of the service's own scaling policies.
    pub names: Vec<String>,
    /// Whether a failed deployment is rolled back.
    pub rollback: bool,
    /// How long the alarms are watched after the old tasks are gone.
    pub bake_time: SimDuration,
}

/// How a deployment replaces tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeploymentStrategy {
    /// `ROLLING`.
    Rolling,
    /// `BLUE_GREEN`, `CANARY` or `LINEAR`.
    Shifting(ShiftingDeployment),
}

/// A deployment that runs both revisions and shifts traffic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShiftingDeployment {
    /// How traffic moves.
    pub shift: TrafficShift,
    /// `bakeTimeInMinutes`.
    pub bake_time: SimDuration,
    /// Stages that take time because of their `lifecycleHooks`; a stage may occur more than once.
    pub hooks: Vec<(Stage, SimDuration)>,
}

/// A call of UpdateService.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceUpdate {
    /// When.
    pub at: SimTime,
    /// New task definition, if given.
    pub task_definition: Option<TaskDefinitionId>,
    /// New `capacityProviderStrategy`, if given: of the same kind, Fargate or container instances, as the
    /// service's own.
    pub launch: Option<LaunchTarget>,
    /// `forceNewDeployment`.
    pub force_new_deployment: bool,
    /// New desired count, if given.
    pub desired_count: Option<u32>,
}

/// Task scale-in protection that tasks ask for as they start to run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TaskProtection {
    /// Share of the tasks that ask, between 0 and 1.
    pub share: f64,
    /// `expiresInMinutes`.
    pub length: SimDuration,
}

/// Container instances that are set to DRAINING.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrainingRequest {
    /// When.
    pub at: SimTime,
    /// Group of the instances.
    pub group: AsgId,
    /// Only instances of this zone.
    pub zone: Option<ZoneId>,
    /// How many, oldest first; `None` for all.
    pub count: Option<u32>,
    /// Whether the group replaces them: each one is terminated once it is empty.
    pub replace: bool,
}

//! Delays and open choices of the control plane.

use super::{ImageDelays, ProviderChoices};
use crate::autoscaling::ScalingRules;
use crate::engine::DurationDistribution;
use crate::rules::TokenBucket;
use crate::service::throttle::ThrottleLaw;
use crate::units::SimDuration;

/// Delays and open choices of the control plane; each is a scenario setting.
#[derive(Clone, Debug, PartialEq)]
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
    /// Delay for the capacity provider's metric.
    pub capacity_provider_metric_delay: SimDuration,
    /// Delay of the metrics of an inactive queue that becomes active.
    pub queue_activation_lag: DurationDistribution,
    /// From an alarm's action to the changed desired count.
    pub scaling_action_delay: SimDuration,
    /// From a scheduled action to the changed desired count.
    pub scheduled_action_delay: SimDuration,
    /// Open choices of Application Auto Scaling.
    pub scaling: ScalingRules,
    /// What decides among equal candidates.
    pub tie_break: TieBreak,
    /// Images.
    pub images: ImageDelays,
    /// Calls of RunTask and StartTask that the account may make.
    pub run_task_calls: TokenBucket,
    /// Tasks of one such call.
    pub tasks_per_call: u32,
    /// Whether launch-rate quotas of the service and the account apply, and the rate of those calls.
    pub launch_rate_quotas: bool,
    /// Tasks that the account may launch on Fargate; `None` for the quota of the rules in the region.
    pub fargate_launches: Option<TokenBucket>,
    /// The same on Fargate Spot.
    pub fargate_spot_launches: Option<TokenBucket>,
    /// Container instances that the cluster takes; the agents of further ones try again and again.
    pub instances_per_cluster: u32,
    /// Their attempts.
    pub registration_retry: RegistrationRetry,
    /// Open choices of the service scheduler.
    pub service_scheduler: ServiceScheduler,
    /// Open choices of capacity providers.
    pub providers: ProviderChoices,
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

/// Further attempts to register an instance that the cluster refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegistrationRetry {
    /// From the first attempt to the second. The distance then doubles.
    pub first_interval: SimDuration,
    /// The longest distance; not zero.
    pub longest_interval: SimDuration,
}

impl Default for RegistrationRetry {
    /// Those of ecs-init (`ecs-init/engine/engine.go`), without its jitter of a tenth.
    fn default() -> Self {
        Self {
            first_interval: SimDuration::from_millis(500),
            longest_interval: SimDuration::from_secs(15),
        }
    }
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

/// Open choices of the service scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceScheduler {
    /// A RUNNING task without load balancer and container health check counts as healthy after this,
    /// in deployments and for the steady state.
    pub healthy_after: SimDuration,
    /// The same where an instance is drained.
    pub healthy_after_when_draining: SimDuration,
    /// Whether stopping tasks count against `maximumPercent`.
    pub maximum_counts_stopping: bool,
    /// A pass that waits for something no event announces is repeated after this.
    pub tick: SimDuration,
    /// Tasks started, and tasks stopped, in one pass at most; `None` for all that is allowed.
    pub batch: Option<u32>,
    /// The pause of a service whose tasks do not start.
    pub throttle: ThrottleLaw,
    /// Shape of the launch rate quota of a service.
    pub launch_limiter: LaunchLimiter,
    /// Tasks that a service launches in a minute; `None` for the quota of the rules.
    pub launches_per_minute: Option<u32>,
    /// From an imbalance in steady state to the move that mends it.
    pub rebalancing_interval: SimDuration,
    /// Tasks moved at once.
    pub rebalancing_batch: u32,
    /// Which unhealthy task goes first.
    pub unhealthy_order: UnhealthyOrder,
    /// What happens to protected tasks that are more than the desired count.
    pub below_protected: BelowProtected,
}

/// Shape of the launch rate quota of a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LaunchLimiter {
    /// A bucket that holds a minute's quota and refills continuously.
    #[default]
    Bucket,
    /// The whole quota anew in each minute since the start.
    Window,
}

/// Which of several unhealthy tasks is stopped first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnhealthyOrder {
    /// Any, by the seed.
    #[default]
    Random,
    /// The one that was created first.
    OldestFirst,
}

/// What happens when the desired count falls below the number of protected tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BelowProtected {
    /// They stay until their protection ends: more tasks run than desired.
    #[default]
    Keep,
    /// They are stopped like any other.
    Stop,
}

//! What AWS leaves open about its control plane, and the limits of a run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::containers::ImagePull;
use super::distribution::Distribution;
use super::kinds::{Length, Whole};
use super::provider_choices::{FargateZones, ManagedScalingChoices, StrategyChoices};
pub use super::scaling_policies::*;

/// Delays and open choices of the control plane. AWS documents none of the defaults exactly.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ControlPlane {
    /// From a change of the desired count to the scheduler's reaction. Default: uniform up to 5 s.
    pub scheduler_reaction: Distribution,
    /// Attachment of a network interface for an `awsvpc` task on EC2. Default: lognormal, median 5 s,
    /// 95 % within 12 s.
    pub network_interface_attach: Distribution,
    /// Detachment of a network interface. Default: 5 s.
    pub network_interface_detach: Length,
    /// From the decision to the start of the image pull on Fargate. Default: lognormal, median 25 s,
    /// 95 % within 35 s; with a small image and the start of its container about 30 s in all.
    pub fargate_provisioning: Distribution,
    /// How long a task waits for capacity in PROVISIONING. Default: uniform between 10 and 30 minutes.
    pub provisioning_timeout: Distribution,
    /// Retries of a service of launch type EC2 that found no room.
    pub placement_retry: PlacementRetry,
    /// Publication delay of the service's CPU and memory metrics. Default: 120 s.
    pub service_metric_delay: Length,
    /// The same for metrics of 20 s resolution. Default: 10 s.
    pub high_resolution_metric_delay: Length,
    /// Publication delay of the load balancer's metrics. Default: 120 s.
    pub load_balancer_metric_delay: Length,
    /// Publication delay of the task counts of Container Insights. Default: 120 s.
    pub container_insights_delay: Length,
    /// Publication delay of the metrics of Auto Scaling groups. Default: 60 s.
    pub group_metric_delay: Length,
    /// Publication delay of `CapacityProviderReservation`. Default: 10 s.
    pub capacity_provider_metric_delay: Length,
    /// Publication delay of the metrics of queues. Default: 60 s.
    pub queue_metric_delay: Length,
    /// Delay of the metrics of a queue that was inactive and becomes active. Default: uniform up to 15
    /// minutes.
    pub queue_activation_lag: Distribution,
    /// From an alarm's action to the changed desired count. Default: 2 s.
    pub scaling_action_delay: Length,
    /// From a scheduled action to the changed desired count. Default: 3 s.
    pub scheduled_action_delay: Length,
    /// Open choices of alarms and of Application Auto Scaling.
    pub scaling_policies: ScalingPolicies,
    /// An unfulfilled scaling activity ends after this. Default: 600 s.
    pub scaling_activity_timeout: Length,
    /// Images: speed of the pull, checks, lazy loading.
    pub image_pull: ImagePull,
    /// What decides between equal instances.
    pub tie_break: TieBreak,
    /// Calls of RunTask and StartTask that the account may make. Default: that of `awsRules`.
    pub run_task_calls: Option<CallRate>,
    /// Tasks that one call of RunTask starts at most. Default: that of `awsRules`.
    #[schemars(range(min = 1, max = 10_000))]
    pub tasks_per_call: Option<u32>,
    /// From the instant of a schedule to its call of RunTask. Default: uniform up to 60 s.
    pub schedule_delay: Distribution,
    /// Whether the launch rate quotas of service and account apply, and the rate of calls. Default: they
    /// do.
    pub launch_rate_quotas: bool,
    /// Tasks that the account may launch on Fargate. Default: the quota of `awsRules` in the region.
    pub fargate_launches: Option<CallRate>,
    /// The same on Fargate Spot, which has a quota of its own.
    pub fargate_spot_launches: Option<CallRate>,
    /// Container instances that the cluster takes; the agents of further ones try again and again.
    /// Default: the quota of the AWS rules, which AWS does not raise.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub instances_per_cluster: Option<u32>,
    /// Further attempts to register an instance that the cluster refused.
    pub registration_retry: RegistrationRetry,
    /// Open choices of the service scheduler.
    pub service_scheduler: ServiceScheduler,
    /// Open choices of Auto Scaling groups that buy instances.
    pub purchasing: super::purchase::Purchasing,
    /// Open choices of managed scaling.
    pub managed_scaling: ManagedScalingChoices,
    /// Open choices of capacity provider strategies.
    pub provider_strategy: StrategyChoices,
    /// The zone of a task on Fargate. Default: the one with fewest tasks of its service.
    pub fargate_zones: FargateZones,
}

/// A rate with a burst.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CallRate {
    /// Calls or launches that can be made at once.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub burst: u32,
    /// Calls or launches per second after that.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub refill_per_second: u32,
}

impl Default for ControlPlane {
    fn default() -> Self {
        Self {
            scheduler_reaction: Distribution::uniform(0, 5),
            network_interface_attach: Distribution::median_p95(5, 12),
            network_interface_detach: Length::from_secs(5),
            fargate_provisioning: Distribution::median_p95(25, 35),
            provisioning_timeout: Distribution::uniform(600, 1800),
            placement_retry: PlacementRetry::default(),
            service_metric_delay: Length::from_secs(120),
            high_resolution_metric_delay: Length::from_secs(10),
            load_balancer_metric_delay: Length::from_secs(120),
            container_insights_delay: Length::from_secs(120),
            group_metric_delay: Length::from_secs(60),
            capacity_provider_metric_delay: Length::from_secs(10),
            queue_metric_delay: Length::from_secs(60),
            queue_activation_lag: Distribution::uniform(0, 900),
            scaling_action_delay: Length::from_secs(2),
            scheduled_action_delay: Length::from_secs(3),
            scaling_policies: ScalingPolicies::default(),
            scaling_activity_timeout: Length::from_secs(600),
            image_pull: ImagePull::default(),
            tie_break: TieBreak::default(),
            run_task_calls: None,
            tasks_per_call: None,
            schedule_delay: Distribution::uniform(0, 60),
            launch_rate_quotas: true,
            fargate_launches: None,
            fargate_spot_launches: None,
            instances_per_cluster: None,
            registration_retry: RegistrationRetry::default(),
            service_scheduler: ServiceScheduler::default(),
            purchasing: super::purchase::Purchasing::default(),
            managed_scaling: ManagedScalingChoices::default(),
            provider_strategy: StrategyChoices::default(),
            fargate_zones: FargateZones::default(),
        }
    }
}

/// Retry cadence of services of launch type EC2.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PlacementRetry {
    /// Interval of the first retries. Default: 10 s.
    #[schemars(extend("x-plimsoll-min" = "1s"))]
    pub quick_interval: Length,
    /// Length of the quick phase. Default: 50 s.
    pub quick_phase: Length,
    /// Interval afterwards. Default: 300 s.
    #[schemars(extend("x-plimsoll-min" = "1s"))]
    pub slow_interval: Length,
}

impl Default for PlacementRetry {
    fn default() -> Self {
        Self {
            quick_interval: Length::from_secs(10),
            quick_phase: Length::from_secs(50),
            slow_interval: Length::from_secs(300),
        }
    }
}

/// Further attempts to register an instance: the agent is started anew.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RegistrationRetry {
    /// From the first attempt to the second; the distance then doubles. Default: 500 ms.
    #[schemars(extend("x-plimsoll-min" = "1ms"))]
    pub first_interval: Length,
    /// The longest distance, not below the first. Default: 15 s.
    #[schemars(extend("x-plimsoll-min" = "1ms"))]
    pub longest_interval: Length,
}

impl Default for RegistrationRetry {
    fn default() -> Self {
        let intervals = plimsoll_core::scenario::RegistrationRetry::default();
        Self {
            first_interval: Length(intervals.first_interval.as_nanos()),
            longest_interval: Length(intervals.longest_interval.as_nanos()),
        }
    }
}

/// What AWS leaves open about the service scheduler.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ServiceScheduler {
    /// A running task without load balancer and container health check counts as healthy after this, in
    /// deployments and for the steady state. Default: 40 s.
    pub healthy_after: Length,
    /// The same where a container instance drains. Default: 0.
    pub healthy_after_when_draining: Length,
    /// Whether stopping tasks count against `maximumPercent`. Default: they do not.
    pub maximum_percent_counts_stopping: bool,
    /// A pass that waits for something no event announces, such as a launch quota, is repeated after
    /// this. Default: 1 s.
    #[schemars(extend("x-plimsoll-min" = "1ms"))]
    pub tick: Length,
    /// Tasks started, and tasks stopped, in one pass at most. Default: all that is allowed.
    #[schemars(range(min = 1, max = 100_000))]
    pub batch_size: Option<u32>,
    /// The pause of a service whose tasks do not start.
    pub throttle: Throttle,
    /// Shape of the launch rate quota of a service.
    pub launch_rate_limiter: LaunchRateLimiter,
    /// Tasks that a service launches in a minute at most. Default: the quota of `awsRules`, which AWS does
    /// not raise.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub launches_per_minute: Option<u32>,
    /// Moves of tasks between zones.
    pub zone_rebalancing: ZoneRebalancing,
    /// Which of several unhealthy tasks is stopped first.
    pub unhealthy_task_order: UnhealthyTaskOrder,
    /// What happens to protected tasks when the desired count falls below their number.
    pub below_protected: BelowProtected,
    /// How long the alarms of a deployment are watched after the old tasks are gone. Default: the sum of
    /// the alarms' evaluation windows.
    pub alarm_bake_time: Option<Length>,
}

impl Default for ServiceScheduler {
    fn default() -> Self {
        Self {
            healthy_after: Length::from_secs(40),
            healthy_after_when_draining: Length::from_secs(0),
            maximum_percent_counts_stopping: false,
            tick: Length::from_secs(1),
            batch_size: None,
            throttle: Throttle::default(),
            launch_rate_limiter: LaunchRateLimiter::default(),
            launches_per_minute: None,
            zone_rebalancing: ZoneRebalancing::default(),
            unhealthy_task_order: UnhealthyTaskOrder::default(),
            below_protected: BelowProtected::default(),
            alarm_bake_time: None,
        }
    }
}

/// The pause of a service whose tasks stop before they run, which doubles with each failure.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Throttle {
    /// Failures in a row before the first pause. Default: 3.
    #[schemars(range(min = 1, max = 1000))]
    pub failures: u32,
    /// The first pause. Default: 10 s.
    pub first_pause: Length,
    /// The longest pause. Default: by the AWS rules, 27 minutes since 2026.
    pub maximum_pause: Option<Length>,
}

impl Default for Throttle {
    fn default() -> Self {
        Self { failures: 3, first_pause: Length::from_secs(10), maximum_pause: None }
    }
}

/// Shape of a quota per minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum LaunchRateLimiter {
    /// A bucket that holds a minute's quota and refills continuously.
    #[default]
    Bucket,
    /// The whole quota anew in each minute of the run.
    Window,
}

/// Moves of tasks between zones.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ZoneRebalancing {
    /// From an imbalance in steady state to the next move. Default: 60 s.
    #[schemars(extend("x-plimsoll-min" = "1s"))]
    pub interval: Length,
    /// Tasks moved at once. Default: 1.
    #[schemars(range(min = 1, max = 10_000))]
    pub batch_size: u32,
}

impl Default for ZoneRebalancing {
    fn default() -> Self {
        Self { interval: Length::from_secs(60), batch_size: 1 }
    }
}

/// Order among unhealthy tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum UnhealthyTaskOrder {
    /// Any, by the seed.
    #[default]
    Random,
    /// The oldest.
    OldestFirst,
}

/// Protected tasks that are too many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum BelowProtected {
    /// They stay until their protection ends.
    #[default]
    Keep,
    /// They are stopped.
    Stop,
}

/// Final tie-break of a placement decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum TieBreak {
    /// A rank drawn for each instance at its launch.
    #[default]
    SeededRank,
    /// The instance that was launched first.
    OldestFirst,
}

/// Limits that end a runaway run.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Limits {
    /// Events in the whole run.
    pub events: Whole,
    /// Events at one instant.
    pub events_at_one_instant: Whole,
    /// Events pending at once, which bounds memory.
    pub pending_events: Whole,
    /// Tasks created in the whole run, which bounds memory.
    pub tasks: Whole,
    /// Requests that are followed one by one, retries included; checked before the run begins.
    pub requests: Whole,
}

impl Default for Limits {
    fn default() -> Self {
        let limits = plimsoll_core::engine::Limits::default();
        Self {
            events: Whole(limits.events),
            events_at_one_instant: Whole(limits.events_at_one_instant),
            pending_events: Whole(limits.pending_events),
            tasks: Whole(limits.tasks),
            requests: Whole(limits.requests),
        }
    }
}

//! The language as types: what a scenario file may say. The JSON Schema is generated from these types
//! and the validator reads that schema, so that there is one description of the language.
//!
//! Names and nesting are those of the AWS APIs. A struct lists under `x-plimsoll-ignored` the fields of
//! the AWS document that have no effect on the model; they are accepted and reported.

pub mod batch;
pub mod cluster;
pub mod containers;
pub mod control;
pub mod deployment;
pub mod distribution;
pub mod fault;
pub mod group;
pub mod group_scaling;
pub mod kinds;
pub mod load;
pub mod managed;
pub mod metric;
pub mod predictive;
pub mod pricing;
pub mod provider_choices;
pub mod purchase;
pub mod queue;
pub mod requests;
pub mod requirements;
pub mod scaling;
pub mod scaling_policies;
pub mod scheduled_task;
pub mod service;
pub mod sweep;
pub mod task_definition;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::kinds::{Instant, Length, Whole};

/// A plimsoll scenario: a cluster, what runs on it, the load, and for how long.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "plimsoll scenario")]
pub struct ScenarioDocument {
    /// Name of the scenario, also of its output folder: letters, digits, `-`, `_` and `.`, starting
    /// with a letter or digit.
    #[schemars(length(min = 1, max = 100), regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"))]
    pub name: String,
    /// The question that the scenario answers.
    #[serde(default)]
    pub description: String,
    /// AWS region; decides prices and zones.
    #[serde(default = "default_region")]
    pub region: String,
    /// Start of the run. Decides weekdays, schedules and months; the default is a Monday.
    #[serde(default = "default_start")]
    pub start: Instant,
    /// IANA zone of daily and weekly load patterns, and of schedules that name none.
    #[serde(default = "default_time_zone")]
    pub time_zone: String,
    /// Simulated length, at most ten years.
    pub duration: Length,
    /// Root of all random streams.
    #[serde(default = "default_seed")]
    pub seed: Whole,
    /// Dated set of AWS's constants, for example `2026-06`; the newest by default.
    #[serde(default)]
    pub aws_rules: Option<String>,
    /// Interval of the recorded time series. Default: `1m` in a run of up to 15 days, `5m` up to 63 days, `1h`
    /// in longer ones.
    #[serde(default)]
    pub record_interval: Option<Length>,
    /// Auto Scaling groups of container instances.
    #[serde(default)]
    #[schemars(length(max = 500))]
    pub auto_scaling_groups: Vec<cluster::AutoScalingGroup>,
    /// Capacity providers. `FARGATE` and `FARGATE_SPOT` exist without being listed.
    #[serde(default)]
    #[schemars(length(max = 500))]
    pub capacity_providers: Vec<cluster::CapacityProvider>,
    /// Strategy of services and tasks that name neither a launch type nor a strategy.
    #[serde(default)]
    #[schemars(length(max = 20))]
    pub default_capacity_provider_strategy: Vec<service::StrategyItem>,
    /// Behaviour of Fargate Spot.
    #[serde(default)]
    pub fargate_spot: cluster::FargateSpot,
    /// Spot markets of EC2: prices and interruptions. Groups that buy Spot Instances need them.
    #[serde(default)]
    #[schemars(length(max = 1000))]
    pub spot_markets: Vec<purchase::SpotMarket>,
    /// Images with their sizes. Images that are not listed have `imageSize` of their task definition.
    #[serde(default)]
    #[schemars(length(max = 10_000))]
    pub images: Vec<containers::Image>,
    /// Task definitions, inline or from files.
    #[serde(default)]
    #[schemars(length(max = 1000))]
    pub task_definitions: Vec<task_definition::TaskDefinition>,
    /// CloudWatch metrics of your own, for policies and alarms.
    #[serde(default)]
    #[schemars(length(max = 1000))]
    pub metrics: Vec<metric::UserMetric>,
    /// Services.
    #[serde(default)]
    #[schemars(length(max = 5000))]
    pub services: Vec<service::Service>,
    /// Container instances that are set to DRAINING.
    #[serde(default)]
    #[schemars(length(max = 1000))]
    pub draining: Vec<deployment::Draining>,
    /// Message queues.
    #[serde(default)]
    #[schemars(length(max = 1000))]
    pub queues: Vec<queue::Queue>,
    /// Sources of standalone tasks.
    #[serde(default)]
    #[schemars(length(max = 1000))]
    pub run_task: Vec<batch::RunTask>,
    /// What goes wrong.
    #[serde(default)]
    #[schemars(length(max = 1000))]
    pub faults: Vec<fault::Fault>,
    /// Standalone tasks that a schedule starts.
    #[serde(default)]
    #[schemars(length(max = 1000))]
    pub scheduled_tasks: Vec<scheduled_task::ScheduledTask>,
    /// Standalone tasks that are started on named instances.
    #[serde(default)]
    #[schemars(length(max = 1000))]
    pub start_task: Vec<scheduled_task::StartTask>,
    /// Delays and open choices of the control plane.
    #[serde(default)]
    pub control_plane: control::ControlPlane,
    /// Changes to the built-in prices.
    #[serde(default)]
    pub pricing: pricing::Pricing,
    /// Limits that end a runaway run.
    #[serde(default)]
    pub limits: control::Limits,
    /// Variants to compare.
    #[serde(default, skip_serializing)]
    pub sweep: Option<sweep::Sweep>,
}

impl ScenarioDocument {
    /// The interval of the time series: by default the finest that CloudWatch still has at the end of a run
    /// of this length.
    pub fn record_interval(&self) -> Length {
        const DAY: u64 = 86_400;
        let default = match self.duration.duration().as_secs_ceil() {
            seconds if seconds <= 15 * DAY => 60,
            seconds if seconds <= 63 * DAY => 300,
            _ => 3600,
        };
        self.record_interval.unwrap_or(Length::from_secs(default))
    }
}

fn default_region() -> String {
    "us-east-1".to_owned()
}

fn default_start() -> Instant {
    // Monday 2026-01-05T00:00:00Z.
    Instant(1_767_571_200)
}

fn default_time_zone() -> String {
    "UTC".to_owned()
}

fn default_seed() -> Whole {
    Whole(1)
}

/// `serde(default)` for switches that are on by default.
pub(crate) fn yes() -> bool {
    true
}

//! Tasks that a schedule or a custom scheduler starts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::distribution::Distribution;
use super::kinds::Length;
use super::service::{LaunchType, PlacementConstraint, PlacementStrategy, StrategyItem};

/// A scheduled task: an EventBridge schedule that calls RunTask. A task that finds no room is not tried
/// again.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScheduledTask {
    /// Name, also the label of the random streams.
    #[schemars(length(min = 1, max = 255), regex(pattern = r"^[A-Za-z0-9_-]+$"))]
    pub name: String,
    /// `cron(minute hour day-of-month month day-of-week year)`, `rate(value unit)` or
    /// `at(yyyy-mm-ddThh:mm:ss)`. The call comes within `controlPlane.scheduleDelay` after that.
    pub schedule_expression: String,
    /// IANA zone of the schedule. Default: the scenario's.
    #[serde(default)]
    pub schedule_expression_timezone: Option<String>,
    /// Family of the task definition.
    pub task_definition: String,
    /// Tasks that each call starts.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 10))]
    pub task_count: u32,
    /// Running time of a task.
    pub duration: Distribution,
    /// Task group. Default: `family:` and the family of the task definition.
    #[serde(default)]
    #[schemars(length(min = 1, max = 255))]
    pub group: Option<String>,
    /// Where tasks run, if not by capacity provider strategy.
    #[serde(default)]
    pub launch_type: Option<LaunchType>,
    /// Capacity providers with base and weight, if not by launch type.
    #[serde(default)]
    #[schemars(length(max = 20))]
    pub capacity_provider_strategy: Vec<StrategyItem>,
    /// Placement strategies. Default: random.
    #[serde(default)]
    #[schemars(length(max = 5))]
    pub placement_strategy: Vec<PlacementStrategy>,
    /// Placement constraints.
    #[serde(default)]
    #[schemars(length(max = 10))]
    pub placement_constraints: Vec<PlacementConstraint>,
}

fn one() -> u32 {
    1
}

/// Calls of StartTask, as a custom scheduler makes them: one task on each instance that is named,
/// without placement. A task that does not fit its instance is not tried again.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StartTask {
    /// Name, also the label of the random streams.
    #[schemars(length(min = 1, max = 255), regex(pattern = r"^[A-Za-z0-9_-]+$"))]
    pub name: String,
    /// Family of the task definition.
    pub task_definition: String,
    /// Times of the calls, from the start of the run.
    #[schemars(length(min = 1, max = 10_000))]
    pub at: Vec<Length>,
    /// Instances on which each call starts a task.
    #[schemars(length(min = 1, max = 10))]
    pub container_instances: Vec<ContainerInstance>,
    /// Running time of a task.
    pub duration: Distribution,
    /// Task group. Default: `family:` and the family of the task definition.
    #[serde(default)]
    #[schemars(length(min = 1, max = 255))]
    pub group: Option<String>,
}

/// A container instance by the order in which its group launched it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ContainerInstance {
    /// Name of the Auto Scaling group.
    pub auto_scaling_group: String,
    /// 1 for the first instance that the group launched, those of the start included.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub number: u32,
}

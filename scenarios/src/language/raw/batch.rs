//! Sources of standalone tasks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::distribution::Distribution;
use super::kinds::{CpuUnits, Length, Mebibytes, Whole};
use super::load::TimeUnit;
use super::service::{LaunchType, PlacementConstraint, PlacementStrategy, StrategyItem};

/// Standalone tasks that start over time, from a trace or drawn at random.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RunTask {
    /// Name, also the label of the random streams.
    #[schemars(length(min = 1, max = 255), regex(pattern = r"^[A-Za-z0-9_-]+$"))]
    pub name: String,
    /// Family of the task definition. Without it, a task is one container of `cpu` and `memory` that
    /// needs no image pull.
    #[serde(default)]
    pub task_definition: Option<String>,
    /// CPU of a task without task definition.
    #[serde(default)]
    pub cpu: Option<CpuUnits>,
    /// Memory of a task without task definition.
    #[serde(default)]
    pub memory: Option<Mebibytes>,
    /// Task group: what `spread` and `distinctInstance` count, and what placement constraints call
    /// `task:group`. Sources may share one. Default: `family:` and the family of the task definition.
    #[serde(default)]
    #[schemars(length(min = 1, max = 255))]
    pub group: Option<String>,
    /// Jobs from a CSV file.
    #[serde(default)]
    pub trace: Option<JobTrace>,
    /// Jobs drawn at random.
    #[serde(default)]
    pub generated: Option<GeneratedJobs>,
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
    /// What happens to jobs that find no room.
    #[serde(default)]
    pub queue: Queue,
}

/// Order in which waiting jobs are tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Queue {
    /// Nobody overtakes.
    #[default]
    FirstComeFirstServed,
    /// A job that fits may overtake one that does not.
    FirstFit,
    /// Nothing waits: a job that finds no room, or is stopped before its end, is not submitted again.
    NoRetry,
}

/// A CSV file of jobs, plain or gzip, sorted by arrival.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JobTrace {
    /// Path, relative to the scenario.
    pub file: String,
    /// Column of the arrival. Default: `arrival`.
    #[serde(default = "arrival")]
    pub arrival: String,
    /// Column of the running time, or a duration for all. Default: column `duration`.
    #[serde(default = "duration")]
    pub duration: String,
    /// Column of the CPU, or a value for all such as `"2 vCPU"`. Default: the task definition's.
    #[serde(default)]
    pub cpu: Option<String>,
    /// Column of the memory, or a size for all such as `4GiB`. Default: the task definition's.
    #[serde(default)]
    pub memory: Option<String>,
    /// Unit of numeric arrivals and durations.
    #[serde(default)]
    pub time_unit: TimeUnit,
    /// Unit of the CPU column.
    #[serde(default)]
    pub cpu_unit: CpuUnit,
    /// Unit of the memory column.
    #[serde(default)]
    pub memory_unit: MemoryUnit,
    /// Arrival that is the start of the run. Default: the first arrival.
    #[serde(default)]
    pub origin: Option<Origin>,
    /// Most jobs taken. Default: all.
    #[serde(default)]
    pub count: Option<Whole>,
}

fn arrival() -> String {
    "arrival".to_owned()
}

fn duration() -> String {
    "duration".to_owned()
}

/// Which instant of a trace is the start of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Origin {
    /// The first arrival.
    First,
    /// Zero of the arrival column.
    Zero,
}

/// Unit of a CPU column.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum CpuUnit {
    /// ECS CPU units, 1024 per vCPU.
    #[default]
    CpuUnits,
    /// vCPUs.
    Vcpu,
    /// Thousandths of a vCPU.
    Millicores,
}

/// Unit of a memory column.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum MemoryUnit {
    /// 2^20 bytes.
    #[default]
    MiB,
    /// 2^30 bytes.
    GiB,
    /// 2^10 bytes.
    KiB,
    /// Bytes.
    B,
}

/// Jobs drawn at random; at least one of `until`, `count` or the end of the run bounds them.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GeneratedJobs {
    /// Time between arrivals.
    pub interarrival: Distribution,
    /// Running time.
    pub duration: Distribution,
    /// No arrivals from here on. Default: the end of the run.
    #[serde(default)]
    pub until: Option<Length>,
    /// Most jobs. Default: as many as arrive.
    #[serde(default)]
    pub count: Option<Whole>,
}

//! What AWS leaves open about capacity providers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::kinds::Length;

/// What AWS leaves open about managed scaling.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ManagedScalingChoices {
    /// Which instances of the group count as its size in `CapacityProviderReservation`. Default: those in
    /// service.
    pub counted_instances: CountedInstances,
    /// How many groups of identical waiting tasks one data point meets. Default: the largest.
    pub waiting_tasks: WaitingTasks,
    /// How far a group of several instance types or zones scales out. Default: by what the tasks need.
    pub several_types: SeveralTypes,
    /// How many instances a minute of scale-in removes. Default: less than half, at least one.
    pub scale_in_step: ScaleInStep,
    /// How a group leaves zero. Default: with two instances at every target.
    pub from_zero: FromZero,
    /// The size of the group to which a data point is applied. Default: the one it was measured at.
    pub applied_to: AppliedTo,
    /// When in each minute the alarms of capacity providers are evaluated. Default: at its start.
    #[schemars(extend("x-plimsoll-max" = "59s"))]
    pub alarm_phase: Length,
}

impl Default for ManagedScalingChoices {
    fn default() -> Self {
        Self {
            counted_instances: CountedInstances::default(),
            waiting_tasks: WaitingTasks::default(),
            several_types: SeveralTypes::default(),
            scale_in_step: ScaleInStep::default(),
            from_zero: FromZero::default(),
            applied_to: AppliedTo::default(),
            alarm_phase: Length::from_secs(0),
        }
    }
}

/// Which instances of a group count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum CountedInstances {
    /// Those in service in the group, registered with the cluster or not.
    #[default]
    InService,
    /// Those that have registered with the cluster.
    Registered,
    /// Those that are being launched too.
    Launched,
}

/// How many groups of identical waiting tasks count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum WaitingTasks {
    /// The group that needs most instances.
    #[default]
    LargestGroup,
    /// All groups, each on instances of its own.
    AllGroups,
}

/// Scale-out of a group with several instance types or zones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum SeveralTypes {
    /// By what the waiting tasks need.
    #[default]
    ByDemand,
    /// By exactly `minimumScalingStepSize`, as the API reference said between 2022-10 and 2025-08.
    MinimumStep,
}

/// Instances that a minute of scale-in removes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ScaleInStep {
    /// Less than half, at least one.
    #[default]
    LessThanHalf,
    /// One.
    One,
}

/// How a group leaves zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum FromZero {
    /// With two instances, as the guide says.
    #[default]
    Two,
    /// By the formula of target tracking, as if there were one.
    Formula,
}

/// The size to which a data point is applied, which is judged later than it was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum AppliedTo {
    /// The size that it was measured at.
    #[default]
    MeasuredSize,
    /// The instances in service when it is judged.
    CurrentSize,
}

/// What AWS leaves open about capacity provider strategies.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct StrategyChoices {
    /// The order in which the entries take tasks. Default: where most is missing.
    pub order: StrategyOrder,
    /// What the base of an entry of weight zero means. Default: it is honoured.
    pub weight_zero_base: WeightZeroBase,
}

/// The order in which the entries of a strategy take tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum StrategyOrder {
    /// Each task goes where most is missing from the exact share.
    #[default]
    LargestDeficit,
    /// Round after round in listed order, for each entry as many tasks as its weight.
    Rounds,
}

/// What the base of an entry of weight zero means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum WeightZeroBase {
    /// Its tasks are placed there.
    #[default]
    Honoured,
    /// The entry takes no task.
    Ignored,
}

/// The zone of a task on Fargate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum FargateZones {
    /// The one with fewest tasks of the service or task group.
    #[default]
    FewestTasks,
    /// Any, by the seed.
    Random,
}

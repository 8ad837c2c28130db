//! What AWS leaves open about capacity providers; each is a scenario setting.

use crate::units::SimDuration;

/// What AWS leaves open about capacity providers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProviderChoices {
    /// Managed scaling.
    pub scaling: ManagedScalingChoices,
    /// Capacity provider strategies.
    pub strategy: StrategyChoices,
    /// Zones of tasks on Fargate.
    pub fargate_zones: FargateZones,
}

/// What AWS leaves open about managed scaling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ManagedScalingChoices {
    /// Which instances N counts.
    pub counted: CountedInstances,
    /// How many groups of waiting tasks are met at once.
    pub task_groups: TaskGroupsMet,
    /// How far a group of several types or zones scales out.
    pub several_types: SeveralTypes,
    /// How many instances a minute of scale-in removes.
    pub scale_in_step: ScaleInStep,
    /// How a group leaves zero.
    pub from_zero: FromZero,
    /// The size to which a data point is applied.
    pub applied_to: AppliedTo,
    /// When in the minute the alarms are evaluated, less than a minute.
    pub alarm_phase: SimDuration,
}

/// Which instances of a group the N of `CapacityProviderReservation` counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CountedInstances {
    /// Those in service in the group, registered with the cluster or not.
    #[default]
    InService,
    /// Those that have registered.
    Registered,
    /// Those that are launching too.
    Launched,
}

/// How many groups of identical waiting tasks one data point meets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TaskGroupsMet {
    /// The one that needs most instances: a lower bound, as AWS describes it.
    #[default]
    Largest,
    /// All of them, each on instances of its own.
    Sum,
}

/// How far a group with several instance types or zones scales out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SeveralTypes {
    /// By what the waiting tasks need, as any other.
    #[default]
    ByDemand,
    /// By exactly `minimumScalingStepSize`, as the API reference said between 2022-10 and 2025-08.
    MinimumStep,
}

/// How many instances a minute of scale-in removes: "more than one, but less than 50 %".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ScaleInStep {
    /// Less than half, and at least one.
    #[default]
    LessThanHalf,
    /// One.
    One,
}

/// The size of the group to which a data point of `CapacityProviderReservation` is applied. They differ
/// while instances come and go, since a point is judged later than it was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AppliedTo {
    /// The size that it was measured at, so that the product is the number of instances needed.
    #[default]
    MeasuredSize,
    /// The instances in service when it is judged, as target tracking is described in general.
    CurrentSize,
}

/// How a group leaves zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FromZero {
    /// With two instances at every target, as the guide says.
    #[default]
    Two,
    /// By the formula, as if there were one: three at a target of 90.
    Formula,
}

/// What AWS leaves open about capacity provider strategies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StrategyChoices {
    /// The order in which weights are served.
    pub order: StrategyOrder,
    /// What the base of an entry of weight zero means.
    pub weight_zero_base: WeightZeroBase,
}

/// The order in which the entries of a strategy take tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StrategyOrder {
    /// Each task goes where most is missing from the exact share.
    #[default]
    LargestDeficit,
    /// Round after round, in listed order, as many tasks for each entry as its weight says.
    Rounds,
}

/// What the base of an entry of weight zero means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WeightZeroBase {
    /// Its tasks are placed there.
    #[default]
    Honoured,
    /// The entry takes no task at all.
    Ignored,
}

/// The zone of a task on Fargate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FargateZones {
    /// The one with fewest tasks of the group, in listed order.
    #[default]
    FewestTasks,
    /// Any, by the seed.
    Random,
}

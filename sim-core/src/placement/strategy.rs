//! Placement strategies.

use std::sync::Arc;

use super::custom::CustomStrategy;

/// Strategies per chain that ECS accepts.
pub const MAX_STRATEGIES: usize = 5;

/// One link of a placement strategy chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlacementStrategy {
    /// `binpack` on `cpu`: least remaining CPU first.
    BinpackCpu,
    /// `binpack` on `memory`: least remaining memory first.
    BinpackMemory,
    /// `spread` on `attribute:ecs.availability-zone`.
    SpreadZone,
    /// `spread` on `attribute:NAME`: fewest tasks of the group on all instances with the same value.
    /// Instances without the attribute count as a value of their own (a choice of this model).
    SpreadAttribute(Arc<str>),
    /// `spread` on `instanceId` (or `host`).
    SpreadInstance,
    /// `random`.
    Random,
    /// Not of ECS: the instance that was launched first.
    FirstFit,
    /// Not of ECS: most remaining memory first.
    WorstFit,
    /// Not of ECS: a score of one's own, lowest first.
    Custom(CustomStrategy),
}

impl PlacementStrategy {
    /// Whether ECS knows the strategy.
    pub fn is_of_ecs(&self) -> bool {
        !matches!(self, Self::FirstFit | Self::WorstFit | Self::Custom(_))
    }
}

/// What a service without a strategy gets: fewest of its tasks in the zone, then on the instance
/// (API reference, `UpdateService`).
pub const SERVICE_DEFAULT: [PlacementStrategy; 2] =
    [PlacementStrategy::SpreadZone, PlacementStrategy::SpreadInstance];

/// What a standalone task without a strategy gets. AWS states none; uniform choice is the default
/// of this model.
pub const STANDALONE_DEFAULT: [PlacementStrategy; 1] = [PlacementStrategy::Random];

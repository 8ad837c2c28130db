//! Which instance does a task go to, which task stops.

/// One link of a placement strategy chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlacementStrategy {
    /// `binpack` on `cpu`: least remaining CPU first.
    BinpackCpu,
    /// `binpack` on `memory`: least remaining memory first.
    BinpackMemory,
    /// `spread` on `attribute:ecs.availability-zone`.
    SpreadZone,
    /// `spread` on `instanceId` (or `host`).
    SpreadInstance,
    /// `random`.
    Random,
}

/// A placement constraint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlacementConstraint {
    /// `distinctInstance`: no other task of the group on the instance.
    DistinctInstance,
}

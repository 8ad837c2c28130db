//! Which instance does a task go to, which task stops.
//!
//! ECS decides in four steps: instances with enough resources, those that satisfy the constraints,
//! the strategies in the order given, one of what remains (developer guide, *Task placement
//! strategies*). Each strategy keeps the instances with the best score and the next one breaks ties
//! inside that set, so a chain is a lexicographic minimum; [`choose`] computes exactly that in one
//! pass. Reservations decide, never live utilization.
//!
//! What AWS leaves open: the final tie ([`TieBreak`](crate::scenario::TieBreak)), and what a spread
//! counts (tasks whose desired status is RUNNING, in any state before stopping).
//!
//! * [`Fleet`]: what is free on each instance, and how much of each task group runs where;
//! * [`choose`]: the instance for one task;
//! * [`Expression`]: the cluster query language of `memberOf`, over [`Attributes`] and more;
//! * [`choose_stop`]: the task that a scale-in stops.

mod attributes;
mod choose;
mod constraint;
mod fleet;
mod query;
mod stop;

pub use attributes::{
    AMI_ID, AVAILABILITY_ZONE, AttributeError, Attributes, BUILT_IN, CPU_ARCHITECTURE,
    INSTANCE_TYPE, MAX_ATTRIBUTE_LENGTH, OS_FAMILY, OS_TYPE, SUBNET_ID, VPC_ID,
    check_attribute_name, check_attribute_value, check_custom_name,
};
pub use choose::{Choice, MAX_STRATEGIES, PlacementRequest, Rejections, choose, choose_where};
pub use constraint::{MAX_CONSTRAINTS, PlacementConstraint};
pub use fleet::{Demand, Fleet, GroupTasks, Slot};
pub use query::{
    Expression, InstanceFacts, MAX_EXPRESSION_DEPTH, MAX_EXPRESSION_LENGTH, QueryError,
};
pub use stop::{StopCandidate, choose_stop};

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

/// What a service without a strategy gets: fewest of its tasks in the zone, then on the instance
/// (API reference, `UpdateService`).
pub const SERVICE_DEFAULT: [PlacementStrategy; 2] =
    [PlacementStrategy::SpreadZone, PlacementStrategy::SpreadInstance];

/// What a standalone task without a strategy gets. AWS states none; uniform choice is the default
/// of this model.
pub const STANDALONE_DEFAULT: [PlacementStrategy; 1] = [PlacementStrategy::Random];

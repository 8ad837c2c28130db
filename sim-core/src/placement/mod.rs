//! Which instance does a task go to, which task stops.
//!
//! ECS decides in four steps: instances with enough resources, those that satisfy the constraints,
//! the strategies in the order given, one of what remains (developer guide, *Task placement
//! strategies*). Each strategy keeps the instances with the best score and the next one breaks ties
//! inside that set, so a chain is a lexicographic minimum; [`Fleet::choose`] finds exactly that,
//! without looking at each instance. Reservations decide, never live utilization.
//!
//! What AWS leaves open: the final tie ([`TieBreak`](crate::scenario::TieBreak)), and what a spread
//! counts (tasks whose desired status is RUNNING, in any state before stopping).
//!
//! * [`Fleet`]: what is free on each instance ([`Slot`]), how much of each task group runs where,
//!   the instance for one task, and why;
//! * [`Expression`]: the cluster query language of `memberOf`, over [`Attributes`] and more;
//! * [`PlacementScore`], [`StrategyRegistry`]: strategies that are not of ECS;
//! * [`choose_stop`]: the task that a scale-in stops.
//!
//! # How a decision is made without a scan
//!
//! Instances of one Auto Scaling group and zone form a *pool*: what they are, and so what a static
//! constraint or a spread over an attribute says about them, is the same. Pools are visited in the
//! order of the scores that their instances share. Inside a pool an *order* for each chain in use
//! holds the instances sorted by the other scores. Demands of task definitions are *registered*, each
//! with one bit; every instance has a mask of the demands that fit, every part of an order the union
//! of its masks, and the first instance whose mask has the bit is the answer. Other demands use the
//! bit of their kind (GPUs, interfaces, ports) and bounds of the free CPU and memory in each part;
//! `random` draws instances for them until one has room, and lists all with room if that takes long.
//! A change of an instance costs a few comparisons, and a move in those orders that its new state
//! concerns.

mod attributes;
mod choose;
mod constraint;
mod custom;
mod demand;
mod facts;
mod failures;
mod fleet;
mod groups;
mod index;
mod pool;
mod query;
mod reasons;
mod rule;
mod slot;
mod stop;
mod strategy;
#[cfg(test)]
mod tests;

pub use attributes::{
    AMI_ID, AVAILABILITY_ZONE, AttributeError, Attributes, BUILT_IN, CPU_ARCHITECTURE,
    INSTANCE_TYPE, MAX_ATTRIBUTE_LENGTH, OS_FAMILY, OS_TYPE, SUBNET_ID, VPC_ID,
    check_attribute_name, check_attribute_value, check_custom_name,
};
pub use choose::{Choice, PlacementRequest};
pub use constraint::{MAX_CONSTRAINTS, PlacementConstraint};
pub use custom::{
    CustomStrategy, DotProduct, InstanceView, L2BestFit, PlacementScore, StrategyRegistry, share,
};
pub use demand::Demand;
pub use fleet::{Fleet, NewInstance};
pub use query::{
    Expression, InstanceFacts, MAX_EXPRESSION_DEPTH, MAX_EXPRESSION_LENGTH, QueryError,
};
pub use reasons::{Candidate, Explanation, Rejection, Rejections};
pub use rule::{Recurrence, RuleId};
pub use slot::{AGENT_PORTS, Eligibility, MAX_HOST_PORTS, Slot};
pub use stop::{StopCandidate, choose_stop, stop_attribute};
pub use strategy::{MAX_STRATEGIES, PlacementStrategy, SERVICE_DEFAULT, STANDALONE_DEFAULT};

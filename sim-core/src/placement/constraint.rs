//! Placement constraints.

use std::sync::Arc;

use super::query::Expression;

/// Constraints that ECS accepts for one task: those of the service or of the call together with
/// those of the task definition (service quotas).
pub const MAX_CONSTRAINTS: usize = 10;

/// A placement constraint. Constraints bind, unlike strategies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlacementConstraint {
    /// `distinctInstance`: no other task of the group on the instance.
    DistinctInstance,
    /// `memberOf`: the instance satisfies an expression of the cluster query language.
    MemberOf(Arc<Expression>),
}

impl PlacementConstraint {
    /// Whether one of `constraints` is `distinctInstance`.
    pub fn any_distinct_instance(constraints: &[Self]) -> bool {
        constraints.contains(&Self::DistinctInstance)
    }

    /// The expression of a `memberOf`.
    pub fn expression(&self) -> Option<&Expression> {
        match self {
            Self::DistinctInstance => None,
            Self::MemberOf(expression) => Some(expression),
        }
    }
}

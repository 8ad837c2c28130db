//! A second look at the decisions of one task.
//!
//! A run keeps no rankings: a million of them would cost more than the run. Since a run can be
//! repeated exactly, the one ranking that somebody asks for is taken in a run of its own.

use super::launch::NewTask;
use super::task::Owner;
use super::world::World;
use crate::placement::{Choice, Explanation};
use crate::units::{InstanceId, SimTime};

/// A placement decision and all that it was based on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacementDecision {
    /// When.
    pub at: SimTime,
    /// The instance; `None` if there was none.
    pub chosen: Option<InstanceId>,
    /// Failed attempts since the decision before this one, which are left out.
    pub left_out: u64,
    /// Every instance with its scores, or the reason why it could not take the task.
    pub explanation: Explanation,
}

/// What names a task in every run of a scenario before it exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TaskIdentity {
    pub(super) owner: Owner,
    pub(super) ordinal: u64,
    pub(super) attempt: u32,
}

/// The task to look at, and its decisions: the first failure, the last one before a success or the
/// end, and the success.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) task: TaskIdentity,
    pub(super) decisions: Vec<PlacementDecision>,
}

impl World<'_, '_> {
    /// Takes down a decision, if it is about the task that is looked at.
    pub(super) fn note_decision(&mut self, new: &NewTask, choice: Choice, now: SimTime) {
        let NewTask { owner, ordinal, attempt, .. } = *new;
        if self.watch.as_ref().is_none_or(|it| it.task != TaskIdentity { owner, ordinal, attempt })
        {
            return;
        }
        let request = self.placement_request(new);
        let explanation = self.fleet.explain(&request);
        let Some(watch) = &mut self.watch else { return };
        let chosen = match choice {
            Choice::Instance(instance) => Some(instance),
            Choice::Nowhere => None,
        };
        let mut left_out = 0;
        if let [_, .., last] = &watch.decisions[..]
            && chosen.is_none()
            && last.chosen.is_none()
        {
            left_out = last.left_out + 1;
            watch.decisions.pop();
        }
        watch.decisions.push(PlacementDecision { at: now, chosen, left_out, explanation });
    }
}

//! Auto Scaling groups at work: the states of their instances, how many there are, and which one goes.
//!
//! | file | concept |
//! | --- | --- |
//! | `capacity` | desired against actual capacity: launches and scale-in |
//! | `lifecycle` | hooks, entry into service, withdrawal |
//! | `health` | health checks, instances lost or impaired from outside |
//! | `replacement` | instances that others replace; lifetime and refresh |
//! | `zones` | balance of zones |
//! | `policies` | scaling policies |
//! | `changes` | what the scenario changes during the run |
//!
//! Source: Auto Scaling user guide.

mod capacity;
mod changes;
mod health;
mod lifecycle;
mod policies;
#[cfg(test)]
mod policy_laws;
#[cfg(test)]
mod policy_tests;
mod replacement;
#[cfg(test)]
mod tests;
mod zones;

use std::collections::{BTreeMap, BTreeSet};

use super::state::stream_key;
use super::world::World;
use crate::autoscaling::group::{Instant, LaunchSource, TerminationCause};
use crate::engine::StreamKey;
use crate::scenario::{AutoScalingGroup, Process, Scenario};
use crate::units::{InstanceId, NANOS_PER_SECOND, SimTime};

pub(super) use policies::Policies;
use replacement::Refresh;

/// Where an instance is in the lifecycle of its group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Stage {
    /// `Pending`: not running yet.
    #[default]
    Pending,
    /// `Pending:Wait`: held by launch hooks.
    PendingWait,
    /// `InService`.
    InService,
    /// `Terminating`, `Terminating:Wait`: no longer counted as the group's.
    Leaving,
}

/// What its group knows of an instance.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Membership {
    pub(super) stage: Stage,
    /// Whether termination hooks hold it.
    held_by_hooks: bool,
    /// Whether managed draining has held it as long as it may.
    pub(super) drained_long_enough: bool,
    /// Since when it is in service.
    in_service: Option<SimTime>,
    /// Since when its status checks fail.
    impaired: Option<SimTime>,
    /// Why it leaves.
    cause: Option<TerminationCause>,
}

/// The state of a group apart from its instances and its desired capacity.
pub(super) struct Operation {
    pub(super) min_size: u32,
    pub(super) max_size: u32,
    /// What is launched from now on.
    pub(super) source: LaunchSource,
    pub(super) suspended: BTreeSet<Process>,
    next_change: usize,
    /// Instances to be replaced, and why.
    marked: BTreeMap<InstanceId, TerminationCause>,
    /// How many of them count as healthy no more.
    marked_unhealthy: u32,
    /// By how much the group is larger than desired until those are gone.
    ahead: u32,
    /// By how much the group is larger than desired while it evens out its zones.
    rebalancing: u32,
    /// Whether the zones may have become uneven.
    rebalance_due: bool,
    /// Instances whose health a check has to judge.
    suspects: BTreeSet<InstanceId>,
    next_check: Option<SimTime>,
    /// Unhealthy instances that left and have no successor yet.
    to_replace: u32,
    /// Launches that failed in a row.
    failures: u32,
    retry_at: Option<SimTime>,
    retries: u64,
    refresh: Option<Refresh>,
    hook_key: StreamKey,
    retry_key: StreamKey,
}

impl Operation {
    pub(super) fn new(scenario: &Scenario, settings: &AutoScalingGroup) -> Self {
        let operation = &settings.operation;
        Self {
            min_size: settings.min_size,
            max_size: settings.max_size,
            source: operation.launch_source,
            suspended: operation.suspended.clone(),
            next_change: 0,
            marked: BTreeMap::new(),
            marked_unhealthy: 0,
            ahead: 0,
            rebalancing: 0,
            rebalance_due: false,
            suspects: BTreeSet::new(),
            next_check: None,
            to_replace: 0,
            failures: 0,
            retry_at: None,
            retries: 0,
            refresh: None,
            hook_key: stream_key(scenario, "lifecycle-hook", &settings.name),
            retry_key: stream_key(scenario, "launch-pause", &settings.name),
        }
    }

    pub(super) fn is_suspended(&self, process: Process) -> bool {
        self.suspended.contains(&process)
    }

    /// Notes that an instance is to be replaced.
    fn mark(&mut self, id: InstanceId, cause: TerminationCause) {
        let before = self.marked.insert(id, cause);
        self.marked_unhealthy += u32::from(is_unhealthy(cause));
        self.marked_unhealthy -= u32::from(before.is_some_and(is_unhealthy));
    }

    fn unmark(&mut self, id: InstanceId) -> Option<TerminationCause> {
        let cause = self.marked.remove(&id)?;
        self.marked_unhealthy -= u32::from(is_unhealthy(cause));
        Some(cause)
    }
}

/// Whether an instance that leaves for this reason does not count as healthy until then.
fn is_unhealthy(cause: TerminationCause) -> bool {
    matches!(cause, TerminationCause::StatusCheck | TerminationCause::LoadBalancer)
}

impl World<'_, '_> {
    /// An instant as Auto Scaling prints it.
    pub(super) fn printed(&self, now: SimTime) -> Instant {
        let since_start = (now.as_nanos() / NANOS_PER_SECOND) as i64;
        Instant(self.scenario.start_unix_seconds.saturating_add(since_start))
    }
}

//! When a deployment is done, and what a failed one falls back to.

/// `rolloutState` of a deployment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RolloutState {
    /// Tasks are replaced.
    #[default]
    InProgress,
    /// The service reached a steady state.
    Completed,
    /// The deployment failed, or a newer one took its place.
    Failed,
    /// A newer deployment took its place before it was done.
    Superseded,
}

impl RolloutState {
    /// Name in the outputs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InProgress => "IN_PROGRESS",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
            Self::Superseded => "SUPERSEDED",
        }
    }
}

/// Whether old tasks must be gone before a deployment counts as successful early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceCleanup {
    /// `BLOCKING`: it waits until they are STOPPED.
    Blocking,
    /// `DEFERRED`: they are removed afterwards.
    Deferred,
}

/// `earlySuccessCriteria` of a rolling deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EarlySuccess {
    /// Healthy share of the desired count that is enough, in percent.
    pub healthy_percent: u32,
    /// What happens to the old tasks.
    pub cleanup: SourceCleanup,
}

/// How far a deployment is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Desired count.
    pub desired: u32,
    /// Active tasks of the new revision.
    pub active: u32,
    /// Those that count as healthy.
    pub healthy: u32,
    /// Tasks of other revisions that are not STOPPED.
    pub old_left: u32,
}

/// Whether a deployment is done: all new tasks healthy and no old one left, or what the early success
/// criteria ask for.
///
/// Source: developer guide, *Complete rolling deployments early*: an old task holds the deployment open
/// until it is STOPPED.
pub fn is_complete(progress: &Progress, early: Option<EarlySuccess>) -> bool {
    let Some(early) = early else {
        return progress.active == progress.desired
            && progress.healthy == progress.desired
            && progress.old_left == 0;
    };
    let wanted = u64::from(progress.desired) * u64::from(early.healthy_percent);
    let clean = early.cleanup == SourceCleanup::Deferred || progress.old_left == 0;
    wanted.div_ceil(100) <= u64::from(progress.healthy) && clean
}

/// The revision that a failed deployment is rolled back to: that of the newest deployment that
/// completed. `history` is (state, revision), oldest first, without the failed one.
pub fn rollback_target(history: &[(RolloutState, u32)]) -> Option<u32> {
    let mut newest_first = history.iter().rev();
    newest_first.find(|(state, _)| *state == RolloutState::Completed).map(|(_, revision)| *revision)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complete_is_all_new_healthy_and_no_old_left() {
        let done = Progress { desired: 4, active: 4, healthy: 4, old_left: 0 };
        assert!(is_complete(&done, None));
        assert!(!is_complete(&Progress { healthy: 3, ..done }, None));
        assert!(!is_complete(&Progress { old_left: 1, ..done }, None));
        assert!(!is_complete(&Progress { active: 5, healthy: 4, ..done }, None));
        assert!(is_complete(&Progress::default(), None));
    }

    #[test]
    fn early_success_takes_fewer_and_may_leave_old_tasks() {
        let early = |cleanup| Some(EarlySuccess { healthy_percent: 60, cleanup });
        let progress = Progress { desired: 4, active: 4, healthy: 3, old_left: 2 };
        assert!(is_complete(&progress, early(SourceCleanup::Deferred)));
        assert!(!is_complete(&progress, early(SourceCleanup::Blocking)));
        // 60 % of 4 rounds up to 3.
        let two = Progress { healthy: 2, ..progress };
        assert!(!is_complete(&two, early(SourceCleanup::Deferred)));
    }

    #[test]
    fn rollback_goes_to_the_newest_completed_deployment() {
        use RolloutState::{Completed, Failed, Superseded};
        assert_eq!(rollback_target(&[(Completed, 0), (Completed, 1), (Failed, 2)]), Some(1));
        assert_eq!(rollback_target(&[(Superseded, 0), (Failed, 1)]), None);
    }
}

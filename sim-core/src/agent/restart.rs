//! `restartPolicy`: a container that exits may be started again inside its task.

use crate::units::SimDuration;

/// An enabled `restartPolicy`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestartPolicy {
    /// `ignoredExitCodes`: exits with these codes are final. At most 50.
    pub ignored_exit_codes: Vec<i32>,
    /// `restartAttemptPeriod`: the container must have run this long, 60 s to 1800 s.
    pub attempt_period: SimDuration,
}

impl RestartPolicy {
    /// Whether a container that exits with `exit_code` after running for `ran` is started again.
    ///
    /// The condition on `ran` is also what limits restarts to one per period.
    pub fn restarts(&self, exit_code: i32, ran: SimDuration) -> bool {
        self.attempt_period <= ran && !self.ignored_exit_codes.contains(&exit_code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_restarts_once_it_ran_its_period() {
        let seconds = SimDuration::from_secs;
        let policy =
            RestartPolicy { ignored_exit_codes: vec![0, 42], attempt_period: seconds(300) };
        assert!(policy.restarts(1, seconds(300)));
        assert!(!policy.restarts(1, seconds(299)));
        assert!(!policy.restarts(0, seconds(4000)));
        assert!(!policy.restarts(42, seconds(4000)));
    }
}

//! When the metrics of a queue are published.
//!
//! Source: developer guide, *Monitoring Amazon SQS queues using CloudWatch*: each minute for an active
//! queue; a queue is active for up to six hours after it held a message or was called; when an inactive
//! one becomes active, its metrics come with a delay of up to 15 minutes.

use crate::units::{SimDuration, SimTime};

/// How long a queue counts as active after its last use.
pub const ACTIVE_FOR: SimDuration = SimDuration::from_secs(6 * 3600);

/// Whether a queue's metrics are published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publication {
    active: bool,
    /// No points before this instant.
    resumes: SimTime,
    activations: u64,
}

impl Default for Publication {
    fn default() -> Self {
        Self::new()
    }
}

impl Publication {
    /// Of a queue that was in use before the run.
    pub fn new() -> Self {
        Self { active: true, resumes: SimTime::ZERO, activations: 0 }
    }

    /// Whether the minute that ends `now` gets a point, for a queue last used at `used`. `lag` gives
    /// the delay of the n-th activation. To be called once a minute.
    pub fn publishes(
        &mut self,
        now: SimTime,
        used: SimTime,
        lag: impl FnOnce(u64) -> SimDuration,
    ) -> bool {
        let active = now.saturating_since(used) <= ACTIVE_FOR;
        if active && !self.active {
            self.resumes = now + lag(self.activations);
            self.activations += 1;
        }
        self.active = active;
        active && self.resumes <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Minutes, of `minutes`, at whose end a point is published.
    fn published(minutes: std::ops::Range<u64>, used: impl Fn(u64) -> u64) -> Vec<u64> {
        let mut publication = Publication::new();
        let lag = SimDuration::from_secs(15 * 60);
        let at = |minute| SimTime::from_secs(60 * minute);
        minutes.filter(|&m| publication.publishes(at(m), at(used(m)), |_| lag)).collect()
    }

    #[test]
    fn a_queue_is_silent_six_hours_after_its_last_use_and_late_when_it_is_used_again() {
        // Used until minute 10, again from minute 500 on.
        let found = published(1..600, |minute| if minute < 500 { minute.min(10) } else { minute });
        let expected: Vec<u64> = (1..=370).chain(515..600).collect();
        assert_eq!(found, expected);
    }
}

//! Limits that end a runaway run.

use std::fmt;

/// Bounds on a run; crossing one ends it with a [`RunError`] that names the setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Events in the whole run (`limits.events`).
    pub events: u64,
    /// Events at one instant (`limits.eventsAtOneInstant`).
    pub events_at_one_instant: u64,
    /// Events pending at once, which bounds memory (`limits.pendingEvents`).
    pub pending_events: u64,
    /// Tasks created in the whole run, which bounds memory: about 600 bytes each (`limits.tasks`).
    pub tasks: u64,
    /// Requests followed one by one (`limits.requests`), which whoever makes a scenario checks
    /// beforehand.
    pub requests: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            events: 2_000_000_000,
            events_at_one_instant: 1_000_000,
            pending_events: 50_000_000,
            tasks: 5_000_000,
            requests: 1_000_000_000,
        }
    }
}

/// Why a run could not finish.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunError {
    /// A limit was reached.
    LimitReached {
        /// Name of the setting that governs it.
        setting: &'static str,
        /// Its value.
        limit: u64,
        /// Simulated seconds at that point.
        at_seconds: u64,
        /// Kinds of the last events, oldest first.
        last_events: Vec<&'static str>,
    },
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LimitReached { setting, limit, at_seconds, last_events } => write!(
                f,
                "the run reached `{setting}` ({limit}) at simulated second {at_seconds}; last events: {}",
                last_events.join(", ")
            ),
        }
    }
}

impl std::error::Error for RunError {}

//! The event queue.

/// Order of events at one instant; see the table in the documentation of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Phase {
    /// Capacity is released: task stopped, instance terminated.
    Release = 0,
    /// Capacity appears: instance ready.
    Appear = 1,
    /// Metric sample taken.
    Sample = 2,
    /// Alarm evaluated, scaling activity decided.
    Decide = 3,
    /// Scheduler pass, task arrival, placement attempt.
    Schedule = 4,
    /// Recorder snapshot, invariant check.
    Observe = 5,
    /// End of the horizon.
    End = 6,
}

/// A scheduled event that can be cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventHandle {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

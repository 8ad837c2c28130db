//! The discrete-event engine: clock, event queue, random streams, variates, fingerprint, limits.
//!
//! Generic over the model, so that the queueing models that verify it run on the very same code as
//! the cluster.

mod distribution;
mod limits;
mod queue;

pub use distribution::DurationDistribution;
pub use limits::{Limits, RunError};
pub use queue::{EventHandle, Phase};

//! The discrete-event engine: clock, event queue, random streams, variates, fingerprint, limits.
//!
//! Generic over the model, so that the queueing models that verify it run on the very same code as
//! the cluster.

mod distribution;
mod entry;
mod limits;
mod normal;
mod queue;
mod scheduler;
mod streams;
pub mod variates;
mod wheel;

pub use distribution::DurationDistribution;
pub use limits::{Limits, RunError};
pub use normal::normal_quantile;
pub use queue::{EventHandle, EventQueue, Phase};
pub use scheduler::{Checkpoint, Digest, Model, RunStatistics, Scheduler, run};
pub use streams::{Stream, StreamKey, fnv1a64, fold, label_hash, mix64, splitmix64};

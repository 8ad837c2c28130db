//! Standard queues of Amazon SQS and the tasks that work on them, message by message.
//!
//! Source: Amazon SQS developer guide and API reference, as of November 2026. [`Queues`] holds all
//! queues of a run and is moved on whenever the cluster changes or somebody looks: between two such
//! instants nothing outside depends on it. An event costs the logarithm of the number of busy threads.
//! Time-outs and delays are of fixed length in a queue and hence due in order, without a heap.
//!
//! # Model
//!
//! * Messages are received in the order in which they became visible first. SQS promises an order of
//!   best effort only. A message that comes back after its visibility time-out has its old turn; after
//!   three receives it goes behind all others.
//! * A thread with long polling that waits gets a message at once; among several the one that waits the
//!   longest. Calls take no time.
//! * A message takes the same time whenever it is received, so that one that takes longer than the
//!   visibility time-out is received again each time. Only the newest receipt deletes it.
//! * With a redrive policy, a message is moved in place of the receive that would be one too many. Its
//!   retention goes on from when it was sent, its age in the dead-letter queue begins anew.
//! * At most 120 000 messages are in flight in a queue.
//!
//! Left out: FIFO queues and message groups, `ChangeMessageVisibility`, and that short polling asks
//! only some of the servers behind a queue.

mod arrivals;
mod messages;
mod publication;
mod system;
#[cfg(test)]
mod tests;
mod waits;
mod workers;

pub use messages::QueueCounts;
pub use publication::{ACTIVE_FOR, Publication};
pub use system::{IN_FLIGHT_QUOTA, Queues};
pub use waits::Waits;
pub use workers::{WorkerId, WorkerTask};

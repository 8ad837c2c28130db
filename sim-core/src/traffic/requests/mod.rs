//! A service's requests, each on its own.
//!
//! [`RequestEngine`] is a loop of its own beside the event queue of the world: arrivals, ends of CPU
//! work, answers, time-outs and retries of one service, in time order, moved on up to the present
//! whenever the world looks at the service or changes what serves it. Ends of CPU work are kept per
//! task (see `server`) and the next one over all tasks by a tournament, so that an event takes time
//! logarithmic in the number of tasks and of requests at one task.
//!
//! # Model
//!
//! * Requests arrive at the instants of [`Arrivals`](crate::scenario::Arrivals). Each goes to a task
//!   that the load balancer chooses. It takes a random CPU time with the service's mean, then the
//!   constant time that is not CPU, and is answered.
//! * A task divides its CPU equally among the requests in service, at most one core each, or works
//!   first come, first served on as many as it has cores. It works on at most `max_concurrency` at
//!   once, those between CPU and answer included; `queue_length` more wait, and what comes on top is
//!   rejected.
//! * An attempt that is not answered within the time-out fails. The task then stops working on it, or,
//!   without `cancel_abandoned`, goes on in vain.
//! * A failed attempt is made again after a back-off, as far as [`RetrySettings`] allow. The response
//!   time of a request runs from its first attempt.
//! * A task that is deregistered finishes what it has; what is left when it ends fails.
//!
//! At one instant, ends of CPU work come first, then answers, time-outs, retries and arrivals. Nothing
//! depends on how often [`RequestEngine::advance`] is called in between: state changes only at events,
//! sums over time are integers, and draws are read by index.
//!
//! [`RetrySettings`]: crate::scenario::RetrySettings

mod arrivals;
mod balancer;
mod engine;
mod retries;
mod server;
mod tally;
#[cfg(test)]
mod tests;
mod tournament;

pub use engine::{MAX_PRESENT, RequestEngine};
pub use tally::{RequestCounts, TakenTimes};

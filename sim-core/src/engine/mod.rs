//! The discrete-event engine: clock, event queue, random streams, variates, fingerprint, limits.
//!
//! Generic over the model, so that the queueing models that verify it run on the very same code as
//! the cluster. `tests/engine` holds that verification: the queue against a sorted map, the closed
//! forms of M/M/c, M/G/1 and loss systems, Little's law to the nanosecond, the distribution of every
//! variate, the bits of the mathematics underneath.
//!
//! # Order of events
//!
//! Events are dispatched by (time, phase, insertion). What happens first at one instant decides, for
//! example, whether a task that ends at 12:00:00 makes room for one that arrives at 12:00:00; so the
//! phases are few, and fixed:
//!
//! | phase | events at this instant | why here |
//! | --- | --- | --- |
//! | [`Phase::Release`] | task stopped, instance terminated | capacity is released first |
//! | [`Phase::Appear`] | instance became ready, drained, impaired | capacity appears |
//! | [`Phase::Sample`] | metric sample taken | sees the state after those |
//! | [`Phase::Decide`] | alarm evaluated, scaling activity decided | sees the sample |
//! | [`Phase::Schedule`] | scheduler pass, task arrival, placement attempt | sees the decision |
//! | [`Phase::Observe`] | recorder snapshot, invariant check | sees all |
//! | [`Phase::End`] | end of the horizon | last |
//!
//! An event scheduled for the current instant is raised to the current phase: what has happened does
//! not happen again, and keys never go back.
//!
//! # Fingerprint
//!
//! [`run`] folds time, phase, kind, entity and payload of every event into 64 bits. Equal fingerprints
//! mean equal trajectories; the [`Checkpoint`]s of two runs that differ lead to the first event where
//! they part. Floats, names and insertion numbers are not folded.
//!
//! # Example
//!
//! A process that happens every ten seconds until it is stopped:
//!
//! ```
//! use plimsoll_core::engine::{Digest, Limits, Model, Phase, Scheduler, run};
//! use plimsoll_core::units::{SimDuration, SimTime};
//!
//! struct Ticker {
//!     ticks: u32,
//! }
//!
//! impl Model for Ticker {
//!     type Event = ();
//!
//!     fn handle(&mut self, (): (), scheduler: &mut Scheduler<()>) {
//!         self.ticks += 1;
//!         scheduler.schedule_in(SimDuration::from_secs(10), Phase::Sample, ());
//!     }
//!
//!     fn digest((): &()) -> Digest {
//!         Digest { kind: 1, entity: 0, payload: 0 }
//!     }
//!
//!     fn kind_name(_kind: u16) -> &'static str {
//!         "tick"
//!     }
//! }
//!
//! let mut ticker = Ticker { ticks: 0 };
//! let mut scheduler = Scheduler::new(Limits::default());
//! scheduler.schedule_at(SimTime::ZERO, Phase::Sample, ());
//! let statistics = run(&mut ticker, &mut scheduler, SimTime::from_secs(60))?;
//! assert_eq!(ticker.ticks, 7); // the tick at the horizon itself included
//! assert_eq!(statistics.end, SimTime::from_secs(60));
//! # Ok::<(), plimsoll_core::engine::RunError>(())
//! ```

mod distribution;
mod entry;
mod limits;
mod normal;
mod queue;
mod scheduler;
mod streams;
mod unit_law;
pub mod variates;
mod wheel;

pub use distribution::DurationDistribution;
pub use limits::{Limits, RunError};
pub use normal::normal_quantile;
pub use queue::{EventHandle, EventQueue, Phase};
pub use scheduler::{Checkpoint, Digest, Model, RunStatistics, Scheduler, run};
pub use streams::{Stream, StreamKey, fnv1a64, fold, label_hash, mix64, splitmix64};
pub use unit_law::UnitLaw;

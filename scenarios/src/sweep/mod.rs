//! Sweeps: the alternatives of a scenario, each run several times, compared with a baseline.
//!
//! * [`grid`]: which points there are;
//! * [`execute`]: runs every (point, replication) on all cores, results in order;
//! * [`mod@unit`]: one run, a pure function;
//! * [`metrics`]: what is kept of a run;
//! * [`speed_up`]: elastic speed-up over the baseline;
//! * [`compare`]: paired differences against the baseline;
//! * [`identity`]: tells points that are the same scenario.
//!
//! *Why are the points comparable?* Random streams are derived from the seed, the replication, the
//! entity and the purpose, never from the point. Replication 7 of every point meets the same arrivals.

pub mod compare;
pub mod execute;
pub mod grid;
pub mod identity;
pub mod metrics;
pub mod speed_up;
pub mod unit;

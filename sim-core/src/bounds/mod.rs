//! How few instances could have held the tasks: bounds that no scheduler can beat.
//!
//! A run's instance-hours mean little alone. Against a lower bound they become a gap: this schedule is
//! at most so much above the best one, whatever the best one is.
//!
//! * [`l1`], [`l2`], [`conflicts`]: one resource, identical instances;
//! * [`shadow_prices`], [`aggregate_bound`]: several resources and instance types;
//! * [`PackingBound`]: all of them at once, kept while tasks come and go, and integrated over time;
//!   [`over_time`] does that for given intervals; [`span`], [`utilization_bound`] are weaker and
//!   simpler; [`gap`] compares, and [`duration_ratio`] says how hard the problem is.
//!
//! # What the best schedule is allowed
//!
//! The bound assumes a scheduler that knows the future, moves running tasks for free at any instant,
//! starts instances without boot time and pays for them by the instant. Real schedulers may do none of
//! that: a gap of zero is out of reach, and a gap says how much is left *at most*.
//!
//! # Which tasks
//!
//! With the intervals in which the simulated tasks held resources, the gap judges placement and
//! scale-in (*packing gap*, never negative). With the intervals that were asked for, it judges waiting
//! too (*total gap*): a schedule that delays or drops work may come out below it, so it is only read
//! next to how long the tasks waited.
//!
//! First-fit costs at most μ + 3 times the best schedule, where μ is the ratio of the longest to the
//! shortest duration (Ren, Tang, Li and Cai, *Competitiveness of dynamic bin packing for online cloud
//! server allocation*, 2017); for best-fit there is no such limit. Both hold for one resource and
//! instances that end when they are empty.

mod instance_types;
mod one_resource;
mod over_time;
mod packing;

pub use instance_types::{InstanceType, ShadowPrices, aggregate_bound, shadow_prices};
pub use one_resource::{conflicts, l1, l2};
pub use over_time::{
    Interval, duration_ratio, gap, over_time, span, sweep, utilization_bound, with_boot,
};
pub use packing::{Bound, BoundTotals, Need, PackingBound, RESOURCES, Resource};

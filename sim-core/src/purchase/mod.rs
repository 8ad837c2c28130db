//! What an Auto Scaling group buys, and what EC2 takes back: pure functions.
//!
//! * [`split`]: On-Demand against Spot; [`allocation`]: which instance type; both as the guide on
//!   mixed instances groups has them;
//! * [`market`]: prices of Spot, and how often instances are interrupted;
//! * [`replay`]: recorded traces of Spot capacity;
//! * [`requirements`]: which types attribute-based selection finds;
//! * [`back_off`]: when a launch that found no capacity is tried again.

pub mod allocation;
pub mod back_off;
pub mod market;
pub mod replay;
pub mod requirements;
pub mod split;

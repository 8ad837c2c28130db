//! Request load over time, and what it does to a service.
//!
//! [`RequestRate`] is the offered load, exact in millionths of a request. [`FluidService`] turns load
//! and healthy tasks into served, failed and waiting requests and CPU use; each stretch of constant
//! load and capacity is a [`Segment`] with the [`ResponseTime`] distribution of its requests.
//! [`next_target_change`] follows the health of a target behind a load balancer.
//! [`RequestEngine`] follows single requests instead.
//! [`TaskDemandModel`] says how many tasks a load needs.
//! [`LatencyRecorder`] and [`ObjectiveRecorder`] sum segments up over a run.
//!
//! # What the fluid model leaves out
//!
//! Requests are a fluid: only their mean rate moves the backlog, so that a service below its capacity
//! never queues in the fluid. The queueing that randomness causes below capacity is in the latency
//! alone, as the stationary response time of an M/M/c queue or an approximation of it (see
//! [`ResponseTime`]). Load is assumed to spread evenly over identical healthy tasks.

mod cpu_share;
mod demand;
mod erlang;
mod fluid;
mod lanes;
mod latency;
mod objective;
mod profile;
pub mod queue;
mod rate;
mod recorder;
mod requests;
mod target_health;

pub use cpu_share::{CpuClaim, CpuShares, LEAST_WEIGHT};
pub use demand::TaskDemandModel;
pub use erlang::{erlang_b, erlang_c};
pub use fluid::{FluidService, Segment, ServingCapacity};
pub use lanes::Lanes;
pub use latency::{MAX_STATIONARY_UTILIZATION, ResponseMixture, ResponseTime};
pub use objective::ObjectiveRecorder;
pub use profile::{Diurnal, Growth, Noise, OnOff, Profile, Ramp, Spike};
pub use rate::{AfterEnd, MAX_STEPS, MICRO_PER_REQUEST, RateError, RequestRate};
pub use recorder::LatencyRecorder;
pub use requests::{MAX_PRESENT, RequestCounts, RequestEngine, TakenTimes};
pub use target_health::{TargetHealthCheck, TargetState, next_target_change};

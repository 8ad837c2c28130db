//! The simulator of plimsoll: a deterministic discrete-event model of container clusters on AWS.
//!
//! The crate opens no file, reads no clock, environment or random device, starts no thread, and knows
//! neither YAML nor serde. It takes a [`scenario::Scenario`] (plain values, already checked) and
//! returns [`results::RunResults`].
//!
//! # Where things are
//!
//! Each floor imports only floors below it.
//!
//! | floor | module | what lives there |
//! | --- | --- | --- |
//! | 5 | [`simulation`] | the world: owns all state and the event enum, asks the policies, applies their decisions |
//! | 5 | [`invariants`] | laws that hold for every run, checked from its results |
//! | 4 | [`traffic`] | request load and the fluid model of a service under it |
//! | 3 | [`placement`], [`agent`], [`service`], [`autoscaling`], [`billing`], [`metrics`], [`bounds`] | decisions and their small state, as pure functions; what no scheduler can beat |
//! | 2 | [`catalog`], [`rules`], [`scenario`], [`results`] | facts, dated constants, the input and the output of a run |
//! | 1 | [`engine`], [`statistics`], [`units`] | event queue, clock, random streams, fingerprint; estimators; quantities with units |
//!
//! [`coverage`] lists what ECS documents about scheduling, and where it is.
//!
//! # Where a change belongs
//!
//! * a placement strategy: a variant in [`placement`] and its score;
//! * a scaling rule: a pure function in [`autoscaling`], called from `simulation::scaling`;
//! * an AWS constant that changed: a new dated entry in [`rules`];
//! * a price: regenerate the tables of [`catalog`]; a billing rule: [`billing`];
//! * something that happens in time: an event in [`simulation`];
//! * an output: a field of [`results`], then its writer in `plimsoll-reports`.

pub mod agent;
pub mod autoscaling;
pub mod billing;
pub mod bounds;
pub mod catalog;
pub mod coverage;
pub mod engine;
pub mod invariants;
pub mod metrics;
pub mod placement;
pub mod purchase;
pub mod results;
pub mod rules;
pub mod scenario;
pub mod service;
pub mod simulation;
pub mod statistics;
pub mod traffic;
pub mod units;

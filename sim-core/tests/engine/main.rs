//! Verification of the engine: its queue against a reference, its numbers against pinned vectors,
//! its variates against their distributions, its clock against queueing theory.

// The helpers of tests may stop a test, like the tests themselves.
#![allow(clippy::unwrap_used)]

mod event_queue;
mod golden;
mod goodness_of_fit;
mod numerics;
mod queueing;
mod station;

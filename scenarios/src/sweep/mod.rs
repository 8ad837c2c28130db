//! Sweeps.
pub mod compare;
pub mod metrics;

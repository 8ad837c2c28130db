//! Benchmarks live in `benches/`; this crate only holds what they share.

pub mod churn;

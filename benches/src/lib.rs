//! Benchmarks live in `benches/`; this crate only holds what they share, and the studies of how well
//! plimsoll's placement packs real data.

pub mod churn;
pub mod packing;

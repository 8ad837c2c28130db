//! Benchmarks live in `benches/`; this crate only holds what they share, and the studies: how well
//! plimsoll's placement packs real data, and how far its fluid is from single requests.

pub mod churn;
pub mod fidelity;
pub mod packing;

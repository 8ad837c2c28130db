//! The world of a run.

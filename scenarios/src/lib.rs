//! The scenario language, sweeps and the `plimsoll` command.

pub mod language;
pub mod output;
pub mod schedule;
pub mod sweep;

//! The scenario language, sweeps and the `plimsoll` command.

mod command;
pub mod language;
pub mod output;
pub mod schedule;
pub mod sweep;

pub use command::main as command;

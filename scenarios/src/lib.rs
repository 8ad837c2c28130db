//! The scenario language, sweeps and the `plimsoll` command.

pub mod output;

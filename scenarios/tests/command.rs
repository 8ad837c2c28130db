//! The command as people and scripts use it: the binary, its exit codes, what it prints and writes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "bad/mod.rs"]
mod bad;

mod command {
    pub(crate) mod bad_input;
    pub(crate) mod catalog;
    pub(crate) mod explain;
    pub(crate) mod folder;
    pub(crate) mod home;
    pub(crate) mod run;
    pub(crate) mod sweep;
    pub(crate) mod usage;
}

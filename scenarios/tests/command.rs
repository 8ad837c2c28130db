//! The command as people and scripts use it: the binary, its exit codes, what it prints and writes.

mod command {
    pub(crate) mod bad_input;
    pub(crate) mod catalog;
    pub(crate) mod folder;
    pub(crate) mod home;
    pub(crate) mod run;
    pub(crate) mod sweep;
    pub(crate) mod usage;
}

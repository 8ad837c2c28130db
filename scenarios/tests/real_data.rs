//! Runs and readings of real traces, task definitions and published results, which are not part of the
//! project.
//!
//! The folder is found through `PLIMSOLL_REAL_DATA`, else beside the repository as `../shared/data`.
//! Without it each of these tests says that it was skipped; with `PLIMSOLL_REQUIRE_REAL_DATA` set, as
//! in CI, its absence is a failure.
// The tests' helpers stand outside of `#[test]`, where `allow-unwrap-in-tests` does not reach.
#![allow(clippy::unwrap_used)]

use plimsoll::language::{LoadOptions, load};
use plimsoll_core::invariants::violations;
use plimsoll_core::results::RunResults;
use plimsoll_core::simulation;

#[path = "real_data/folder.rs"]
mod folder;
#[path = "real_data/g4dn_spot.rs"]
mod g4dn_spot;
#[path = "real_data/oracle.rs"]
mod oracle;
#[path = "real_data/surf_week.rs"]
mod surf_week;
#[path = "real_data/task_definitions.rs"]
mod task_definitions;
#[path = "real_data/traces.rs"]
mod traces;
#[path = "real_data/world_cup.rs"]
mod world_cup;

use folder::real_data;

/// Runs a scenario given as text, and checks the laws that hold for every run.
fn run(yaml: &str) -> RunResults {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("scenario.yaml");
    std::fs::write(&path, yaml).expect("the scenario is written");
    let loaded = load(&path, &LoadOptions::default())
        .unwrap_or_else(|problems| panic!("the scenario loads: {problems}"));
    let results = simulation::run(&loaded.scenario, &mut |_| {}).expect("no limit is reached");
    let broken = violations(&loaded.scenario, &results);
    assert!(broken.is_empty(), "{broken:#?}");
    results
}

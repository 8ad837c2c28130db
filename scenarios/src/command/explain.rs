//! `plimsoll explain`: why something happened in a stored run.
//!
//! A run is deterministic, so nothing needs to be stored for this: the scenario runs again, and its
//! history must be the stored one.

use std::path::Path;

use plimsoll_core::results::RunResults;
use plimsoll_core::scenario::Scenario;
use plimsoll_core::simulation;
use plimsoll_core::units::TaskId;
use plimsoll_reports::explain::{decisions_text, find_task, task_text, unplaced_text};
use plimsoll_reports::{ReadError, RunFolder, read_run_facts};

use super::Failure;
use super::arguments::{ExplainCommand, ExplainOptions, ScenarioOptions};
use super::console;
use super::run::{load, simulate};
use crate::sweep::identity::scenario_hash;

pub(super) fn explain(options: &ExplainOptions) -> Result<(), Failure> {
    let (scenario, results) = run_again(options)?;
    let text = match &options.command {
        ExplainCommand::Task { name } => {
            let index = find_task(&results, name)
                .map_err(|message| Failure::BadInput(format!("error: {message}")))?;
            let task = TaskId(u32::try_from(index).unwrap_or(u32::MAX));
            let decisions = simulation::explain_task(&scenario, task, &mut |_| {})
                .map_err(|error| Failure::Unfinished(format!("error: {error}")))?;
            task_text(&results, index) + &decisions_text(&results, &decisions)
        }
        ExplainCommand::Unplaced => unplaced_text(&results),
    };
    console::print(&text)
}

/// Runs the scenario of the folder again and checks that it is the same run.
fn run_again(options: &ExplainOptions) -> Result<(Scenario, RunResults), Failure> {
    let folder = &options.folder;
    let stored = RunFolder::read(folder).map_err(|error| not_a_run(folder, &error))?.summary;
    let facts = read_run_facts(folder).map_err(|error| not_a_run(folder, &error))?;
    let Some(source) = facts.scenario else {
        let message = format!("error: `{}` does not say which scenario it ran", folder.display());
        return Err(Failure::BadInput(message));
    };
    let scenario = options.scenario.clone().unwrap_or(source.file);
    let loaded = load(&ScenarioOptions { scenario, seed: source.seed, set: source.set })?;
    let changed = |what: &str| {
        let folder = folder.display();
        let message =
            format!("error: {what} since `{folder}` was written\nhint: run it again first");
        Err(Failure::BadInput(message))
    };
    if stored.version != env!("CARGO_PKG_VERSION") {
        return changed(&format!("plimsoll has changed from version {}", stored.version));
    }
    if stored.scenario_hash != scenario_hash(&loaded.scenario) {
        return changed("the scenario, or a file that it names, has changed");
    }
    let results = simulate(&loaded.scenario, options.quiet)?;
    if stored.fingerprint != format!("{:016x}", results.trajectory_fingerprint) {
        return changed("plimsoll has changed");
    }
    Ok((loaded.scenario, results))
}

fn not_a_run(folder: &Path, error: &ReadError) -> Failure {
    Failure::BadInput(format!("error: `{}` is not a stored run: {error}", folder.display()))
}

//! `plimsoll run`: one run of a scenario.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use plimsoll_core::results::RunResults;
use plimsoll_core::scenario::Scenario;
use plimsoll_core::simulation;
use plimsoll_reports::bill::Bill;
use plimsoll_reports::{RunFacts, RunMeta, ScenarioSource, Summary};

use super::Failure;
use super::arguments::{Format, ResultOptions, RunOptions, ScenarioOptions};
use super::console::{self, Progress};
use super::host::Stopwatch;
use crate::language::{self, LoadOptions, Loaded, NoteSummary};
use crate::output::{OutputFolder, folder_name};
use crate::sweep::identity::scenario_hash;

pub(super) fn run(options: &RunOptions, arguments: &[OsString]) -> Result<(), Failure> {
    let stopwatch = Stopwatch::start();
    let loaded = load(&options.scenario)?;
    mention_notes(&loaded, &options.scenario, options.results.quiet);
    let scenario = &loaded.scenario;
    let folder = output_folder(&options.results, &scenario.name)?;
    let results = simulate(scenario, options.results.quiet)?;
    let meta = meta(scenario);
    plimsoll_reports::write_run(&results, &meta, folder.path())
        .map_err(|error| cannot_write(&folder, &error))?;
    let facts =
        RunFacts { scenario: Some(source(&options.scenario)), ..stopwatch.facts(arguments, 1) };
    write_run_facts(&folder, &facts)?;
    let summary_json = fs::read_to_string(folder.path().join("summary.json"))
        .map_err(|error| cannot_write(&folder, &error))?;
    let target = folder.publish()?;
    match options.results.format {
        Format::Json => console::print(&summary_json),
        Format::Text if options.results.quiet => Ok(()),
        Format::Text => {
            let summary = Summary::new(&results, &Bill::new(&results), &meta);
            let (width, colour) = console::look();
            let mut text = plimsoll_reports::summary_text(&summary, width, colour);
            text.push_str(&report_line(&target));
            console::print(&text)
        }
    }
}

/// What it takes to load the scenario again.
fn source(options: &ScenarioOptions) -> ScenarioSource {
    let file = options.scenario.canonicalize().unwrap_or_else(|_| options.scenario.clone());
    ScenarioSource { file, seed: options.seed, set: options.set.clone() }
}

/// Loads a scenario with the changes of the command line.
pub(super) fn load(options: &ScenarioOptions) -> Result<Loaded, Failure> {
    let changes = options.set.iter().map(|change| {
        let (path, value) = change.split_once('=').ok_or_else(|| {
            let hint = "hint: for example `--set services.api.desiredCount=8`";
            Failure::BadInput(format!("error: `--set {change}` has no `=`\n{hint}"))
        })?;
        Ok((path.to_owned(), value.to_owned()))
    });
    let set = changes.collect::<Result<Vec<_>, Failure>>()?;
    Ok(language::load(&options.scenario, &LoadOptions { set, seed: options.seed })?)
}

/// Says that there are notes on the scenario: settings without effect, derived prices. `check` lists
/// them, and also the fields without bearing on capacity, which are not worth a warning.
pub(super) fn mention_notes(loaded: &Loaded, options: &ScenarioOptions, quiet: bool) {
    let count = NoteSummary::of(&loaded.notes).findings.len();
    if count == 0 || quiet {
        return;
    }
    let notes = if count == 1 { "1 note".to_owned() } else { format!("{count} notes") };
    let path = options.scenario.display();
    console::complain(&format!("{notes} on the scenario; `plimsoll check {path}` lists them"));
}

/// The output folder that was asked for, or the default one.
pub(super) fn output_folder(
    options: &ResultOptions,
    scenario: &str,
) -> Result<OutputFolder, Failure> {
    let target = match &options.out {
        Some(out) => out.clone(),
        None => PathBuf::from("plimsoll-out").join(folder_name(scenario)),
    };
    Ok(OutputFolder::prepare(&target)?)
}

/// What identifies the run in its deterministic files.
pub(super) fn meta(scenario: &Scenario) -> RunMeta {
    RunMeta {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        scenario_hash: scenario_hash(scenario),
    }
}

pub(super) fn write_run_facts(folder: &OutputFolder, facts: &RunFacts) -> Result<(), Failure> {
    plimsoll_reports::write_run_facts(facts, folder.path())
        .map_err(|error| cannot_write(folder, &error))?;
    Ok(())
}

pub(super) fn cannot_write(folder: &OutputFolder, error: &dyn std::fmt::Display) -> Failure {
    let target = folder.target().display();
    Failure::Unfinished(format!("error: cannot write the results for `{target}`: {error}"))
}

/// The last line of every summary.
pub(super) fn report_line(folder: &Path) -> String {
    format!("report: {}\n", shown(&folder.join("report.html")).display())
}

/// The path as a person in the current folder would type it.
pub(super) fn shown(path: &Path) -> PathBuf {
    let relative = std::env::current_dir()
        .and_then(|current| current.canonicalize())
        .ok()
        .and_then(|current| path.strip_prefix(current).ok().map(Path::to_owned));
    relative.unwrap_or_else(|| path.to_owned())
}

pub(super) fn simulate(scenario: &Scenario, quiet: bool) -> Result<RunResults, Failure> {
    let mut bar = Progress::new(
        scenario.duration.as_nanos(),
        "simulating {wide_bar} {percent}%  {msg}, {eta} left",
        quiet,
    );
    let mut progress = |progress: simulation::Progress| {
        bar.set(progress.now.as_nanos(), || format!("{} events", progress.events));
    };
    simulation::run(scenario, &mut progress)
        .map_err(|error| Failure::Unfinished(format!("error: {error}")))
}

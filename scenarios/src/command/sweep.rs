//! `plimsoll sweep`: the alternatives of a scenario, replicated, compared.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::sync::{Mutex, PoisonError};

use plimsoll_core::engine::RunError;
use plimsoll_core::scenario::Scenario;
use plimsoll_reports::{ComparisonRow, SweepReport, SweepRow};

use super::arguments::{Format, SweepOptions};
use super::comparison::{Shown, comparison_text};
use super::console::{self, Progress};
use super::host::Stopwatch;
use super::{Failure, run};
use crate::language::{Loaded, Override};
use crate::sweep::compare::{Comparison, Verdict, compare};
use crate::sweep::execute::{Error, Plan, execute, map_in_order};
use crate::sweep::grid::{Parameter, Point, grid};
use crate::sweep::identity::scenario_hash;
use crate::sweep::metrics::{UnitMetrics, all_metrics};
use crate::sweep::speed_up::add_speed_ups;
use crate::sweep::unit::run_unit;

/// Most points of a sweep unless more are asked for.
pub(super) const DEFAULT_MAX_POINTS: usize = 1_000;

/// A sweep whose every point is known to be valid and different from the others.
pub(super) struct Resolved {
    /// Names of parameters and alternatives.
    pub(super) parameters: Vec<Parameter>,
    /// Combinations.
    pub(super) points: Vec<Point>,
    /// Index of the baseline.
    pub(super) baseline: usize,
    /// Replications of each point.
    pub(super) replications: u32,
}

pub(super) fn sweep(options: &SweepOptions, arguments: &[OsString]) -> Result<(), Failure> {
    let stopwatch = Stopwatch::start();
    let loaded = run::load(&options.scenario)?;
    run::mention_notes(&loaded, &options.scenario, options.results.quiet);
    let jobs = options.jobs.map(usize::from);
    let mut resolved = resolve(&loaded, options.max_points, jobs)?;
    if let Some(replications) = options.replications {
        resolved.replications = replications;
    }
    let folder = run::output_folder(&options.results, &loaded.scenario.name)?;
    let mut units = run_units(&loaded, &resolved, jobs, options.results.quiet)?;
    add_speed_ups(&mut units, resolved.baseline);
    let mut metrics = all_metrics(&units);
    // Stable: the files and plots begin with what most people ask first.
    metrics.sort_by_key(|metric| !metric.is_headline());
    let comparisons = compare(&units, resolved.points.len(), resolved.baseline, &metrics);
    let report = report(&loaded.scenario, &resolved, &units, &comparisons);
    plimsoll_reports::write_sweep(&report, folder.path())
        .map_err(|error| run::cannot_write(&folder, &error))?;
    let threads =
        jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    run::write_run_facts(&folder, &stopwatch.facts(arguments, threads))?;
    let stored = fs::read_to_string(folder.path().join("sweep-data.json"))
        .map_err(|error| run::cannot_write(&folder, &error))?;
    let target = folder.publish()?;
    match options.results.format {
        Format::Json => console::print(&stored),
        Format::Text if options.results.quiet => Ok(()),
        Format::Text => {
            let shown = Shown {
                points: &resolved.points,
                baseline: resolved.baseline,
                replications: resolved.replications,
                units: &units,
                metrics: &metrics,
                comparisons: &comparisons,
            };
            let mut text = heading(&loaded.scenario, &resolved);
            text.push_str(&comparison_text(&shown));
            text.push_str(&run::report_line(&target));
            console::print(&text)
        }
    }
}

/// The sweep as the reports know it.
fn report(
    scenario: &Scenario,
    resolved: &Resolved,
    units: &[UnitMetrics],
    comparisons: &[Comparison],
) -> SweepReport {
    let parameters = |point: &Point| {
        let chosen = resolved.parameters.iter().zip(&point.choices);
        chosen
            .map(|(parameter, choice)| {
                (parameter.name.clone(), parameter.alternatives[*choice].clone())
            })
            .collect()
    };
    let rows = units.iter().map(|unit| {
        let point = &resolved.points[unit.point];
        SweepRow {
            point: point.name.clone(),
            parameters: parameters(point),
            replication: u64::from(unit.replication),
            fingerprint: unit.fingerprint.clone(),
            metrics: unit.values.iter().map(|(metric, value)| (metric.path(), *value)).collect(),
        }
    });
    let comparison = comparisons.iter().map(|comparison| ComparisonRow {
        point: resolved.points[comparison.point].name.clone(),
        metric: comparison.metric.path(),
        replications: comparison.pairs as u64,
        baseline_mean: comparison.baseline_mean,
        mean: comparison.mean,
        difference: comparison.difference,
        half_width: comparison.half_width,
        p_value: comparison.p_value,
        correlation: comparison.correlation,
        significant: matches!(comparison.verdict, Verdict::Less | Verdict::More),
    });
    let mut warnings = Vec::new();
    if resolved.replications < 2 {
        warnings.push(
            "Each point was run once: there are no intervals, and a difference may be noise."
                .to_owned(),
        );
    }
    SweepReport {
        scenario: scenario.name.clone(),
        description: scenario.description.clone(),
        scenario_hash: scenario_hash(scenario),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        seed: scenario.seed,
        replications: u64::from(resolved.replications),
        aws_rules: scenario.rules.name.to_owned(),
        price_date: scenario.prices.date(),
        baseline: resolved.points[resolved.baseline].name.clone(),
        rows: rows.collect(),
        comparison: comparison.collect(),
        warnings,
    }
}

fn heading(scenario: &Scenario, resolved: &Resolved) -> String {
    format!(
        "{}: {} points × {} replications, seed {}\n\n",
        scenario.name,
        resolved.points.len(),
        resolved.replications,
        scenario.seed
    )
}

/// Lists the points of a scenario's sweep and checks each of them.
pub(super) fn resolve(
    loaded: &Loaded,
    max_points: usize,
    jobs: Option<usize>,
) -> Result<Resolved, Failure> {
    let bad = |message: String| Failure::BadInput(format!("error: {message}"));
    let name = &loaded.scenario.name;
    let Some(sweep) = &loaded.sweep else {
        return Err(bad(format!("scenario `{name}` has no `sweep` block")));
    };
    let parameters: Vec<Parameter> = sweep
        .parameters
        .iter()
        .map(|parameter| Parameter {
            name: parameter.name.clone(),
            alternatives: parameter.alternatives.iter().map(|it| it.label.clone()).collect(),
        })
        .collect();
    let points = grid(&parameters, max_points).map_err(|error| bad(error.to_string()))?;
    let baseline = baseline(sweep.baseline.as_deref(), &parameters, &points).map_err(bad)?;
    let hash = |point: usize| Ok(scenario_hash(&scenario_of(loaded, &points[point])?));
    let hashes = map_in_order(points.len(), jobs, hash).map_err(failure)?;
    distinct(&points, &hashes).map_err(bad)?;
    Ok(Resolved { parameters, baseline, replications: sweep.replications, points })
}

/// The scenario of a point.
fn scenario_of(loaded: &Loaded, point: &Point) -> Result<Scenario, Failure> {
    let parameters = loaded.sweep.iter().flat_map(|sweep| &sweep.parameters);
    let changes: Vec<Override> = parameters
        .zip(&point.choices)
        .flat_map(|(parameter, choice)| parameter.alternatives[*choice].overrides.clone())
        .collect();
    let resolved = loaded.document.resolve(&changes, None, 0).map_err(|diagnostics| {
        Failure::BadInput(format!("at point `{}` of the sweep:\n{diagnostics}", point.name))
    })?;
    Ok(resolved.scenario)
}

fn failure(error: Error<Failure>) -> Failure {
    match error {
        Error::Unit(failure) => failure,
        Error::Threads(error) => {
            Failure::Unfinished(format!("error: cannot start the threads: {error}"))
        }
    }
}

/// Index of the baseline. It may be named as a whole point, or by one alternative, which then stands for
/// the first point that has it.
fn baseline(
    name: Option<&str>,
    parameters: &[Parameter],
    points: &[Point],
) -> Result<usize, String> {
    let Some(name) = name else { return Ok(0) };
    let has = |point: &Point| {
        let mut chosen = parameters.iter().zip(&point.choices);
        point.name == name
            || chosen.any(|(parameter, choice)| parameter.alternatives[*choice] == name)
    };
    points.iter().position(has).ok_or_else(|| {
        format!("there is no alternative `{name}`, which is to be the baseline of the sweep")
    })
}

/// Two points with the same hash are the same scenario: comparing them would say nothing.
fn distinct(points: &[Point], hashes: &[String]) -> Result<(), String> {
    let mut seen: BTreeMap<&str, &Point> = BTreeMap::new();
    for (point, hash) in points.iter().zip(hashes) {
        if let Some(first) = seen.insert(hash, point) {
            return Err(format!(
                "the points `{}` and `{}` are the same scenario\nhint: an alternative changes nothing, \
                 or another parameter overrides it",
                first.name, point.name
            ));
        }
    }
    Ok(())
}

fn run_units(
    loaded: &Loaded,
    resolved: &Resolved,
    jobs: Option<usize>,
    quiet: bool,
) -> Result<Vec<UnitMetrics>, Failure> {
    let plan = Plan { points: resolved.points.len(), replications: resolved.replications, jobs };
    let total = plan.points as u64 * u64::from(plan.replications);
    let template = "sweeping {wide_bar} {pos}/{len} runs  {msg} {eta} left";
    let progress = Mutex::new(Progress::new(total, template, quiet));
    let unit = |scenario: &Scenario, point: usize, replication: u32| {
        run_unit(scenario, point, replication).map_err(|error: RunError| {
            let name = &resolved.points[point].name;
            let at = format!("replication {replication} of point `{name}`");
            Failure::Unfinished(format!("error: {at}: {error}"))
        })
    };
    let finished = |done: usize| {
        let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.set(done as u64, String::new);
    };
    execute(plan, |point| scenario_of(loaded, &resolved.points[point]), unit, finished)
        .map_err(failure)
}

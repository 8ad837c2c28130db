//! Every scenario of the library: it loads, keeps the laws of every run, and has the history it had when
//! its fingerprint was committed. A changed fingerprint needs a line under *Value changes* in the
//! changelog.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use plimsoll::language::{LoadOptions, load};
use plimsoll_core::invariants::violations;
use plimsoll_core::simulation;

fn library() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("library");
    let entries = std::fs::read_dir(folder).expect("the library is there");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    paths.sort();
    assert!(paths.len() >= 6, "{paths:?}");
    paths
}

/// Fingerprints of the history and of the outcome, as this test binary computes them.
fn fingerprints(path: &Path) -> (String, String) {
    let loaded = load(path, &LoadOptions::default())
        .unwrap_or_else(|problems| panic!("{} loads: {problems}", path.display()));
    let results = simulation::run(&loaded.scenario, &mut |_| {}).expect("no limit is reached");
    let broken = violations(&loaded.scenario, &results);
    assert!(broken.is_empty(), "{}: {broken:#?}", path.display());
    let hex = |word: u64| format!("{word:016x}");
    (hex(results.trajectory_fingerprint), hex(results.outcome_fingerprint))
}

#[test]
fn the_library_has_the_history_it_had() {
    let mut table = String::new();
    for path in library() {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let (trajectory, outcome) = fingerprints(&path);
        writeln!(table, "{name:24} {trajectory} {outcome}").expect("a string takes it");
    }
    insta::assert_snapshot!("fingerprints", table);
}

/// The same build, but another binary: guards against features that only tests switch on.
#[test]
fn the_command_computes_what_the_tests_compute() {
    for path in library() {
        let out = tempfile::tempdir().expect("a temporary folder");
        let mut command = Command::cargo_bin("plimsoll").expect("the command is built");
        let output = command
            .args(["run", "--quiet", "--format", "json", "--out"])
            .arg(out.path().join("results"))
            .arg(&path)
            .output()
            .expect("the command runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let summary: serde_json::Value =
            serde_json::from_slice(&output.stdout).expect("the summary is JSON");
        let (trajectory, outcome) = fingerprints(&path);
        assert_eq!(summary["fingerprint"], trajectory, "{}", path.display());
        assert_eq!(summary["outcomeFingerprint"], outcome, "{}", path.display());
    }
}

#[test]
fn each_scenario_states_the_question_it_answers() {
    for path in library() {
        let text = std::fs::read_to_string(&path).expect("readable");
        assert!(text.starts_with("# Question: "), "{}", path.display());
    }
}

/// Seconds from the load step to the scale-out and to the running tasks, averaged over the place of the
/// step in the minute and over alarms, whose second depends on the name of the policy.
fn times_to_scale(metric_type: &str) -> (f64, f64) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("library/high-resolution-metrics.yaml");
    let (mut trigger, mut provisioned) = (0.0, 0.0);
    let runs = 60_u32;
    for run in 0..runs {
        // Every fifth second, five policies each.
        let (start, policy) = (600 + 5 * (run % 12), run / 12);
        let set = [
            ("services.web.scaling.targetTracking.0.predefinedMetricType", metric_type.to_owned()),
            ("services.web.scaling.targetTracking.0.policyName", format!("cpu70-{policy}")),
            ("services.web.load.requests.profile.spikes.0.start", format!("{start}s")),
        ];
        let set = set.map(|(key, value)| (key.to_owned(), value)).to_vec();
        let loaded = load(&path, &LoadOptions { set, seed: Some(u64::from(run)) })
            .unwrap_or_else(|problems| panic!("it loads: {problems}"));
        let results = simulation::run(&loaded.scenario, &mut |_| {}).expect("no limit is reached");
        let scaled = results
            .event_records
            .iter()
            .find(|event| event.change.is_some_and(|(from, to)| from < to));
        let scaled = scaled.expect("it scales out");
        let fulfilled = results
            .event_records
            .iter()
            .find(|event| event.message.starts_with("Successful") && scaled.at < event.at);
        let since = |at: plimsoll_core::units::SimTime| at.as_secs_f64() - f64::from(start);
        trigger += since(scaled.at) / f64::from(runs);
        provisioned += since(fulfilled.expect("the tasks run").at) / f64::from(runs);
    }
    (trigger, provisioned)
}

/// The publication delays of both metrics were chosen on the very pair 363 s and 86 s, so that this test
/// holds the alarms and their repetition against it, and only the time from the trigger to the tasks is
/// independent.
#[allow(clippy::print_stdout)] // the table is what a reader wants to see
#[test]
fn aws_363_s_and_86_s_to_trigger_simulated_beside_published() {
    let mut table =
        String::from("metrics  published  simulated  published  simulated (provisioned)\n");
    for (name, metric_type, published) in [
        ("60 s", "ECSServiceAverageCPUUtilization", (363.0, 386.0)),
        ("20 s", "ECSServiceAverageCPUUtilizationHighResolution", (86.0, 109.0)),
    ] {
        let (trigger, provisioned) = times_to_scale(metric_type);
        writeln!(
            table,
            "{name:7}  {:9.0}  {trigger:9.1}  {:9.0}  {provisioned:9.1}",
            published.0, published.1
        )
        .expect("a string takes it");
        assert!((trigger / published.0 - 1.0_f64).abs() < 0.1, "{table}");
        assert!((provisioned / published.1 - 1.0_f64).abs() < 0.15, "{table}");
    }
    println!("{table}");
}

/// The measures of the stability study with some of its keys changed.
fn stability(changes: &[(&str, &str)]) -> plimsoll_core::statistics::Elasticity {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("library/stability.yaml");
    let set = changes.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let options = LoadOptions { set, ..LoadOptions::default() };
    let loaded = load(&path, &options).unwrap_or_else(|problems| panic!("{problems}"));
    let results = simulation::run(&loaded.scenario, &mut |_| {}).expect("no limit is reached");
    results.services[0].elasticity.expect("there is load")
}

#[test]
fn target_tracking_oscillates_without_cool_downs_and_overshoots_with_a_slow_start() {
    const POLICY: &str = "services.web.scaling.targetTracking.0";
    let (out, back) = (format!("{POLICY}.scaleOutCooldown"), format!("{POLICY}.scaleInCooldown"));
    let none = [(out.as_str(), "0"), (back.as_str(), "0")];
    let slow = [("controlPlane.fargateProvisioning", "10m")];
    let day = "{trace: ../data/synthetic-day.csv, column: requests, timeColumn: minute, timeUnit: minutes}";
    let loads = [
        None,
        Some("{profile: {base: 180/s, diurnal: {peakToTrough: 5, peakAt: \"12:00\"}}}"),
        Some(day),
    ];
    for load in loads {
        let with = |more: &[(&str, &str)]| {
            let load = load.map(|load| ("services.web.load.requests", load));
            let changes: Vec<(&str, &str)> = load.into_iter().chain(more.iter().copied()).collect();
            stability(&changes)
        };
        let (calm, swings, late) = (with(&[]), with(&none), with(&slow));
        assert!(calm.instability < 0.1, "{load:?} {calm:?}");
        assert!(0.25 < swings.instability, "{load:?} {swings:?}");
        assert!(5.0 * calm.under_accuracy < swings.under_accuracy, "{load:?} {swings:?}");
        assert!(calm.under_accuracy <= late.under_accuracy, "{load:?} {late:?}");
        assert!(load.is_some() || calm.over_accuracy < late.over_accuracy, "{late:?}");
        assert!(calm.instability <= late.instability, "{load:?} {late:?}");
    }
}

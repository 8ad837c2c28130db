//! `plimsoll run` and `plimsoll check`.

use serde_json::Value;

use super::home::Home;

#[test]
fn the_same_run_gives_the_same_bytes() {
    let home = Home::with_web();
    let one = home.run(&["run", "web.yaml", "--out", "one"], 0);
    let two = home.run(&["run", "web.yaml", "--out", "two"], 0);
    assert!(home.deterministic_files("one") == home.deterministic_files("two"));
    assert_eq!(one.stdout.replace("one/", "two/"), two.stdout);
}

#[test]
fn another_seed_gives_another_history() {
    let home = Home::with_web();
    let fingerprint = |arguments: &[&str]| {
        let arguments = [&["run", "web.yaml", "--format", "json"], arguments].concat();
        let summary: Value = serde_json::from_str(&home.run(&arguments, 0).stdout).unwrap();
        summary["fingerprint"].as_str().unwrap().to_owned()
    };
    let default = fingerprint(&[]);
    assert_eq!(default, fingerprint(&["--seed", "42"]));
    assert_ne!(default, fingerprint(&["--seed", "43"]));
}

#[test]
fn json_is_alone_on_standard_output_and_is_the_file() {
    let home = Home::with_web();
    let said = home.run(&["run", "web.yaml", "--format", "json", "--out", "out"], 0);
    let summary: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(summary["scenario"], "web");
    assert_eq!(summary["seed"], 42);
    assert_eq!(said.stdout.as_bytes(), home.files("out")["summary.json"]);
}

#[test]
fn quiet_says_nothing_and_writes_everything() {
    let home = Home::with_web();
    let loud = home.run(&["run", "web.yaml"], 0);
    assert!(loud.stderr.starts_with("1 note on the scenario"), "{}", loud.stderr);
    let said = home.run(&["run", "web.yaml", "--quiet", "--out", "out"], 0);
    assert_eq!((said.stdout.as_str(), said.stderr.as_str()), ("", ""));
    assert!(home.files("out").contains_key("report.html"));
}

#[test]
fn set_changes_the_scenario() {
    let home = Home::with_web();
    let hash = |arguments: &[&str]| {
        let arguments = [&["run", "web.yaml", "--format", "json"], arguments].concat();
        let summary: Value = serde_json::from_str(&home.run(&arguments, 0).stdout).unwrap();
        (summary["scenarioHash"].clone(), summary["simulatedSeconds"].clone())
    };
    let (plain, _) = hash(&[]);
    let (same, _) = hash(&["--set", "duration=3h"]);
    let (shorter, seconds) = hash(&["--set", "duration=1h"]);
    assert_eq!(plain, same);
    assert_ne!(plain, shorter);
    assert_eq!(seconds.as_f64(), Some(3600.0));
}

#[test]
fn what_differs_between_machines_is_in_run_json_only() {
    let home = Home::with_web();
    home.run(&["run", "web.yaml", "--out", "out"], 0);
    let run: Value = serde_json::from_slice(&home.files("out")["run.json"]).unwrap();
    assert_eq!(run["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(run["commandLine"][1], "run");
    assert!(0.0 < run["wallSeconds"].as_f64().unwrap());
    assert!(run["startedAt"].as_str().unwrap().ends_with('Z'));
    let host = run["host"].as_str().unwrap();
    for (name, content) in home.deterministic_files("out") {
        let text = String::from_utf8_lossy(&content);
        assert!(!text.contains(home.path().to_str().unwrap()), "{name}");
        assert!(host.len() < 4 || !text.contains(host), "{name}");
    }
}

#[test]
fn wrong_changes_are_diagnostics() {
    let home = Home::with_web();
    for change in ["nonsense", "services.api.desiredCont=3", "duration=yesterday", "services.api="]
    {
        let said = home.run(&["run", "web.yaml", "--set", change], 2);
        assert!(said.stderr.contains("--set"), "{change}: {}", said.stderr);
        assert_eq!(home.entries(), ["web.yaml"]);
    }
}

#[test]
fn check_says_what_a_scenario_contains() {
    let home = Home::with_web();
    let said = home.run(&["check", "web.yaml"], 0);
    insta::assert_snapshot!(said.stdout, @r"
    web.yaml: valid
      web: eu-west-1, 3 h from 2026-03-02T00:00:00Z, seed 42
      service api: 2 tasks of api (512 CPU units, 1024 MiB) on nodes; scales from 2 to 12; has load; 99 % of requests within 400 ms
      jobs nightly: generated jobs on nodes
      Auto Scaling group nodes: 1 × m7i.large, from 1 to 10
      sweep: 4 points × 3 replications, baseline target=tight desired=2
      notes:
        web.yaml:5:9: region: the price of `m7i.large` with Linux in `eu-west-1` is derived from the us-east-1 price, to about 1 %
        1 field that does not matter for capacity: user
    ");
    assert_eq!(said.stderr, "");
    assert_eq!(home.run(&["check", "--quiet", "web.yaml"], 0).stdout, "");
    assert_eq!(home.entries(), ["web.yaml"]);
}

#[test]
fn check_looks_at_every_file() {
    let home = Home::with_web();
    home.write("bad.yaml", "name: bad\n");
    let said = home.run(&["check", "bad.yaml", "web.yaml", "missing.yaml"], 2);
    assert!(said.stdout.starts_with("web.yaml: valid"), "{}", said.stdout);
    assert!(said.stderr.contains("bad.yaml"), "{}", said.stderr);
    assert!(said.stderr.contains("missing.yaml"), "{}", said.stderr);
    assert!(said.stderr.ends_with("2 of 3 files not valid\n"), "{}", said.stderr);
}

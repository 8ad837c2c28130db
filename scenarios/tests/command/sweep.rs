//! `plimsoll sweep`.

use serde_json::Value;

use super::home::Home;

#[test]
fn the_number_of_threads_changes_no_byte() {
    let home = Home::with_web();
    let one = home.run(&["sweep", "web.yaml", "--jobs", "1", "--out", "out"], 0);
    let files = home.deterministic_files("out");
    let two = home.run(&["sweep", "web.yaml", "--jobs", "2", "--out", "out"], 0);
    assert!(files == home.deterministic_files("out"));
    assert_eq!(one.stdout, two.stdout);
}

#[test]
fn rows_are_sorted_by_point_and_replication() {
    let home = Home::with_web();
    home.run(&["sweep", "web.yaml", "--out", "out"], 0);
    let files = home.files("out");
    let mut reader = csv::Reader::from_reader(files["sweep.csv"].as_slice());
    let header = reader.headers().unwrap().clone();
    assert_eq!(header.iter().take(2).collect::<Vec<_>>(), ["point", "replication"]);
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let keys: Vec<(&str, &str)> = rows.iter().map(|row| (&row[0], &row[1])).collect();
    assert_eq!(keys.len(), 12);
    for (index, key) in keys.iter().enumerate() {
        assert_eq!(key.1, (index % 3).to_string());
        assert_eq!(key.0, keys[index / 3 * 3].0);
    }
    for path in ["report.html", "comparison.csv", "run.json"] {
        assert!(files.contains_key(path), "{path}");
    }
}

#[test]
fn replications_and_seed_can_be_given() {
    let home = Home::with_web();
    let rows = |arguments: &[&str]| {
        let arguments = [&["sweep", "web.yaml", "--quiet", "--out", "out"], arguments].concat();
        home.run(&arguments, 0);
        String::from_utf8(home.files("out")["sweep.csv"].clone()).unwrap()
    };
    let two = rows(&["--replications", "2"]);
    assert_eq!(two.lines().count(), 1 + 4 * 2);
    let other = rows(&["--replications", "2", "--seed", "7"]);
    assert_ne!(two, other);
    // Replication 0 is the same whether others follow or not.
    let one = rows(&["--replications", "1"]);
    assert_eq!(one.lines().nth(1), two.lines().nth(1));
}

#[test]
fn replication_0_of_a_point_is_its_run() {
    let home = Home::with_web();
    home.run(&["sweep", "web.yaml", "--out", "out", "--replications", "1"], 0);
    let files = home.files("out");
    let mut reader = csv::Reader::from_reader(files["sweep.csv"].as_slice());
    let row: csv::StringRecord = reader.records().next().unwrap().unwrap();
    let set = "services.api.scaling.targetTracking.0.targetValue";
    let target = if row[0].contains("tight") { "70" } else { "40" };
    let set = format!("{set}={target}");
    let arguments = [
        "run",
        "web.yaml",
        "--format",
        "json",
        "--set",
        &set,
        "--set",
        "services.api.desiredCount=2",
    ];
    let summary: Value = serde_json::from_str(&home.run(&arguments, 0).stdout).unwrap();
    let fingerprint = summary["fingerprint"].as_str().unwrap();
    assert!(row.iter().any(|field| field == fingerprint), "{row:?}\n{fingerprint}");
}

#[test]
fn one_replication_says_that_it_proves_nothing() {
    let home = Home::with_web();
    let said = home.run(&["sweep", "web.yaml", "--replications", "1"], 0);
    assert!(said.stdout.contains("may be noise"), "{}", said.stdout);
    let last = said.stdout.lines().last().unwrap();
    assert_eq!(last, "report: plimsoll-out/web/report.html");
}

#[test]
fn json_is_alone_on_standard_output() {
    let home = Home::with_web();
    let said = home.run(&["sweep", "web.yaml", "--format", "json", "--out", "out"], 0);
    let shown: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(shown["rows"].as_array().unwrap().len(), 12);
    assert_eq!(said.stdout.as_bytes(), home.files("out")["sweep-data.json"]);
}

#[test]
fn two_points_that_are_the_same_scenario_are_an_error_naming_both() {
    let home = Home::with_web();
    let text = super::home::WEB.replace("targetValue: 40", "targetValue: 70.0");
    home.write("web.yaml", &text);
    let said = home.run(&["sweep", "web.yaml"], 2);
    assert!(said.stderr.contains("target=roomy"), "{}", said.stderr);
    assert!(said.stderr.contains("target=tight"), "{}", said.stderr);
    assert_eq!(home.entries(), ["web.yaml"]);
}

#[test]
fn points_are_limited() {
    let home = Home::with_web();
    let said = home.run(&["sweep", "web.yaml", "--max-points", "3"], 2);
    assert!(said.stderr.contains("4 points"), "{}", said.stderr);
    assert_eq!(home.entries(), ["web.yaml"]);
}

#[test]
fn a_scenario_without_alternatives_has_nothing_to_sweep() {
    let home = Home::with_web();
    let text = super::home::WEB.split("\nsweep:").next().unwrap();
    home.write("web.yaml", text);
    let said = home.run(&["sweep", "web.yaml"], 2);
    assert!(said.stderr.contains("no `sweep` block"), "{}", said.stderr);
}

#[test]
fn an_alternative_that_is_not_valid_is_found_before_anything_runs() {
    let home = Home::with_web();
    let text = super::home::WEB.replace("targetValue: 40", "targetValue: -40");
    home.write("web.yaml", &text);
    let said = home.run(&["sweep", "web.yaml"], 2);
    assert!(said.stderr.contains("targetValue"), "{}", said.stderr);
    assert_eq!(home.entries(), ["web.yaml"]);
    home.run(&["check", "web.yaml"], 2);
}

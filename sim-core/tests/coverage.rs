//! The coverage tables against the tree: no cell is empty, and what they name exists.

#![allow(
    clippy::disallowed_methods,
    reason = "the test reads the tree; the simulator reads no file"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// All tables, one file after the other in order of their names.
fn tables() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("coverage");
    let entries = fs::read_dir(folder).expect("the folder is readable");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let texts = paths.iter().map(|path| fs::read_to_string(path).expect("tables are text"));
    texts.collect::<Vec<_>>().join("\n")
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Rows of all tables whose first heading is `first`, as cells.
fn rows<'t>(tables: &'t str, first: &str) -> Vec<Vec<&'t str>> {
    let mut rows = Vec::new();
    let mut inside = false;
    for line in tables.lines() {
        let Some(row) = line.strip_prefix("| ").and_then(|row| row.strip_suffix(" |")) else {
            inside = false;
            continue;
        };
        let cells: Vec<&str> = row.split(" | ").map(str::trim).collect();
        if cells.first() == Some(&first) {
            inside = true;
        } else if inside && !cells.iter().all(|cell| cell.chars().all(|c| c == '-')) {
            rows.push(cells);
        }
    }
    rows
}

/// What stands between backticks.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).expect("the folder is readable");
    for path in entries.map(|entry| entry.expect("an entry").path()) {
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Names of all test functions of the workspace.
fn tests() -> BTreeSet<String> {
    let mut files = Vec::new();
    for part in [
        "sim-core/src",
        "sim-core/tests",
        "scenarios/src",
        "scenarios/tests",
        "reports/src",
        "benches/tests",
    ] {
        collect(&workspace().join(part), &mut files);
    }
    let mut names = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("sources are text");
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            if line == "#[test]" {
                is_test = true;
            } else if let Some(rest) = line.strip_prefix("fn ").filter(|_| is_test) {
                names.extend(rest.split(['(', '<']).next().map(str::to_owned));
                is_test = false;
            }
        }
    }
    names
}

/// Whether `path` names a source file, for example `placement::query` of this crate or
/// `scenarios/src/language/lower/batch.rs`.
fn is_module(path: &str) -> bool {
    if path.contains('/') {
        return workspace().join(path).is_file();
    }
    let file = workspace().join("sim-core/src").join(path.replace("::", "/"));
    file.with_extension("rs").is_file() || file.join("mod.rs").is_file()
}

#[test]
fn every_behaviour_has_a_module_and_a_test_or_a_reason() {
    let tests = tests();
    let tables = tables();
    let rows = rows(&tables, "behaviour");
    assert!(rows.len() > 50, "{} rows", rows.len());
    let mut wrong = Vec::new();
    for row in &rows {
        let [behaviour, module, proof] = row[..] else {
            wrong.push(format!("{row:?} does not have three cells"));
            continue;
        };
        if behaviour.is_empty() || module.is_empty() || proof.is_empty() {
            wrong.push(format!("a cell of `{behaviour}` is empty"));
        } else if module == "left out" {
            if proof.split_whitespace().count() < 4 {
                wrong.push(format!("`{behaviour}` is left out without a reason"));
            }
        } else {
            let modules = quoted(module);
            let proofs = quoted(proof);
            if modules.is_empty() || proofs.is_empty() {
                wrong.push(format!("`{behaviour}` names no module or no test"));
            }
            for name in modules.into_iter().filter(|name| !is_module(name)) {
                wrong.push(format!("`{behaviour}`: there is no module `{name}`"));
            }
            for name in proofs.into_iter().filter(|name| !tests.contains(*name)) {
                wrong.push(format!("`{behaviour}`: there is no test `{name}`"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is wrong with rows of number, gap, setting and default.
fn wrong_gaps(rows: &[Vec<&str>]) -> Vec<String> {
    let schema = fs::read_to_string(workspace().join("scenarios/schema/plimsoll.schema.json"))
        .expect("the schema is committed");
    let mut wrong = Vec::new();
    for row in rows {
        let [number, _, setting, default] = row[..] else {
            wrong.push(format!("{row:?} does not have four cells"));
            continue;
        };
        if setting.is_empty() || default.is_empty() {
            wrong.push(format!("a cell of gap {number} is empty"));
        }
        for name in quoted(setting) {
            if name.contains("::") || name.contains('/') {
                if !is_module(name) {
                    wrong.push(format!("gap {number}: there is no module `{name}`"));
                }
                continue;
            }
            let key = name.rsplit('.').next().unwrap_or(name);
            if !schema.contains(&format!("\"{key}\"")) {
                wrong.push(format!("gap {number}: the language has no `{name}`"));
            }
        }
    }
    wrong
}

#[test]
fn every_gap_of_scheduling_has_a_setting_or_a_place_that_states_the_choice() {
    let tables = tables();
    let rows = rows(&tables, "gap");
    let numbers: Vec<String> = rows.iter().map(|row| row[0].to_owned()).collect();
    let expected: Vec<String> = (1..=37).map(|number: u32| number.to_string()).collect();
    assert_eq!(numbers, expected, "the gaps in order");
    let wrong = wrong_gaps(&rows);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// G-01 to G-35 are what AWS leaves open about scaling.
#[test]
fn no_gap_of_scaling_is_forgotten() {
    let tables = tables();
    let rows = rows(&tables, "open");
    let numbers: BTreeSet<&str> = rows.iter().map(|row| row[0]).collect();
    let missing: Vec<String> = (1..=35)
        .map(|number: u32| format!("G-{number:02}"))
        .filter(|number| !numbers.contains(number.as_str()))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
    let beyond = numbers.iter().filter(|it| it.starts_with("G-")).count();
    assert_eq!(beyond, 35, "{numbers:?}");
}

#[test]
fn every_gap_of_scaling_has_a_setting_or_a_place_that_states_the_choice() {
    let tables = tables();
    let wrong = wrong_gaps(&rows(&tables, "open"));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

//! The output folder: whole or not at all, and never somebody else's.

use std::fs;

use super::home::Home;

#[test]
fn the_default_folder_is_named_after_the_scenario() {
    let home = Home::with_web();
    let said = home.run(&["run", "web.yaml"], 0);
    assert_eq!(home.entries(), ["plimsoll-out", "web.yaml"]);
    let last = said.stdout.lines().last().unwrap();
    assert_eq!(last, "report: plimsoll-out/web/report.html");
    for name in [
        "summary.json",
        "run.json",
        "timeseries.csv",
        "tasks.csv",
        "instances.csv",
        "events.csv",
        "bill.csv",
        "report.html",
        ".plimsoll",
    ] {
        assert!(home.path().join("plimsoll-out/web").join(name).is_file(), "{name}");
    }
    // Nothing hidden is left beside it.
    assert_eq!(fs::read_dir(home.path().join("plimsoll-out")).unwrap().count(), 1);
}

#[test]
fn our_own_folder_is_replaced() {
    let home = Home::with_web();
    home.run(&["run", "web.yaml", "--out", "out", "--seed", "1"], 0);
    let one = home.deterministic_files("out");
    home.run(&["run", "web.yaml", "--out", "out", "--seed", "2"], 0);
    let two = home.deterministic_files("out");
    assert_ne!(one["summary.json"], two["summary.json"]);
    assert_eq!(home.entries(), ["out", "web.yaml"]);
}

#[test]
fn somebody_elses_folder_is_refused_before_anything_runs() {
    let home = Home::with_web();
    home.write("thesis/chapter.tex", "text");
    for command in ["run", "sweep"] {
        let said = home.run(&[command, "web.yaml", "--out", "thesis"], 2);
        assert!(said.stderr.contains("was not made by plimsoll"), "{}", said.stderr);
        assert_eq!(said.stdout, "");
        assert_eq!(home.entries(), ["thesis", "web.yaml"]);
        assert_eq!(home.files("thesis").len(), 1);
    }
}

#[test]
fn a_note_in_our_folder_is_not_lost() {
    let home = Home::with_web();
    home.run(&["run", "web.yaml", "--out", "out"], 0);
    home.write("out/notes.md", "mine");
    let said = home.run(&["run", "web.yaml", "--out", "out"], 2);
    assert!(said.stderr.contains("`notes.md`"), "{}", said.stderr);
    assert_eq!(home.files("out")["notes.md"], b"mine");
}

#[test]
fn a_file_in_the_way_is_refused() {
    let home = Home::with_web();
    home.write("out", "text");
    let said = home.run(&["run", "web.yaml", "--out", "out"], 2);
    assert!(said.stderr.contains("in the way"), "{}", said.stderr);
    assert_eq!(fs::read_to_string(home.path().join("out")).unwrap(), "text");
    assert_eq!(home.entries(), ["out", "web.yaml"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_place_where_nothing_can_be_written_is_exit_code_1() {
    let home = Home::with_web();
    let said = home.run(&["run", "web.yaml", "--out", "/proc/plimsoll/out"], 1);
    assert!(said.stderr.contains("cannot make the folder `/proc/plimsoll`"), "{}", said.stderr);
    assert_eq!(home.entries(), ["web.yaml"]);
}

#[test]
fn a_run_that_reaches_a_limit_is_exit_code_1_and_leaves_nothing() {
    let home = Home::with_web();
    let said = home.run(&["run", "web.yaml", "--set", "limits.events=100", "--out", "a/b"], 1);
    assert!(said.stderr.contains("`limits.events` (100)"), "{}", said.stderr);
    assert_eq!(said.stdout, "");
    assert_eq!(home.entries(), ["web.yaml"]);
    let said = home.run(&["sweep", "web.yaml", "--set", "limits.events=100", "--out", "a/b"], 1);
    assert!(said.stderr.contains("`limits.events` (100)"), "{}", said.stderr);
    assert_eq!(home.entries(), ["web.yaml"]);
}

#[test]
fn the_report_is_drawn_again_to_the_same_bytes() {
    let home = Home::with_web();
    for (command, folder) in [("run", "a"), ("sweep", "b")] {
        home.run(&[command, "web.yaml", "--out", folder], 0);
        let before = home.files(folder);
        fs::remove_file(home.path().join(folder).join("report.html")).unwrap();
        let said = home.run(&["report", folder], 0);
        assert_eq!(said.stdout, format!("report: {folder}/report.html\n"));
        assert!(before == home.files(folder), "{command}");
        home.run(&[command, "web.yaml", "--out", folder], 0);
    }
}

#[test]
fn a_folder_that_is_not_ours_has_no_report() {
    let home = Home::new();
    home.write("thesis/chapter.tex", "text");
    home.run(&["report", "thesis"], 2);
    home.run(&["report", "nowhere"], 2);
    assert_eq!(home.files("thesis").len(), 1);
}

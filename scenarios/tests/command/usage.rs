//! Arguments, help, schema, completions, and readers that have seen enough.

use std::io::Read as _;
use std::process::Stdio;

use super::home::Home;

#[test]
fn wrong_usage_is_exit_code_2_and_goes_to_standard_error() {
    let home = Home::with_web();
    for arguments in [
        &[][..],
        &["frobnicate"],
        &["run"],
        &["run", "web.yaml", "--sed", "1"],
        &["run", "web.yaml", "--seed", "minus one"],
        &["run", "web.yaml", "--format", "xml"],
        &["sweep", "web.yaml", "--jobs", "0"],
        &["sweep", "web.yaml", "--replications", "0"],
        &["check"],
        &["catalog", "show"],
        &["completions", "klingon"],
    ] {
        let said = home.run(arguments, 2);
        assert_eq!(said.stdout, "", "{arguments:?}");
        assert!(!said.stderr.is_empty(), "{arguments:?}");
        assert_eq!(home.entries(), ["web.yaml"], "{arguments:?}");
    }
}

#[test]
fn help_and_version_are_results() {
    let home = Home::new();
    let help = home.run(&["--help"], 0);
    for word in
        ["run", "check", "sweep", "report", "schema", "catalog", "completions", "Exit codes"]
    {
        assert!(help.stdout.contains(word), "{word}");
    }
    let version = home.run(&["--version"], 0).stdout;
    assert_eq!(version, format!("plimsoll {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn the_schema_is_json_and_the_committed_one() {
    let said = Home::new().run(&["schema"], 0);
    let schema: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(schema["title"], "plimsoll scenario");
    assert_eq!(said.stdout, include_str!("../../schema/plimsoll.schema.json"));
}

#[test]
fn completions_name_the_subcommands() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let said = home.run(&["completions", shell], 0);
        assert!(said.stdout.contains("catalog"), "{shell}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let home = Home::with_web();
    for arguments in [
        &["schema"][..],
        &["--help"],
        &["catalog", "list"],
        &["check", "web.yaml"],
        &["run", "web.yaml", "--quiet", "--format", "json"],
    ] {
        let mut child =
            home.plimsoll(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Closed before the command has written anything.
        drop(child.stdout.take());
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{arguments:?}: {stderr}");
        assert_eq!(stderr, "", "{arguments:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_behind_standard_output_is_exit_code_1() {
    let home = Home::new();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = home.plimsoll(&["schema"]).stdout(full).output().unwrap();
    let said = super::home::Said::of(&output, 1);
    assert!(said.stderr.contains("cannot write to standard output"), "{}", said.stderr);
}

//! `plimsoll explain`: lives of tasks, rankings, and what found no room.

use std::fs;

use super::home::Home;

const REASONS: &str = include_str!("reasons.yaml");

fn ran() -> Home {
    let home = Home::new();
    home.write("reasons.yaml", REASONS);
    home.run(&["run", "reasons.yaml", "--quiet", "--out", "out"], 0);
    home
}

#[test]
fn each_reason_for_no_place_is_told_in_the_words_of_the_console() {
    let home = ran();
    let said = home.run(&["explain", "out", "unplaced"], 0).stdout;
    let spells: Vec<&str> = said.split("\n\n").collect();
    for (service, words) in [
        ("cpu", "2  has insufficient CPU units available"),
        ("memory", "2  has insufficient memory available"),
        ("port", "2  is already using a port required by your task"),
        ("interface", "2  encountered error \"RESOURCE:ENI\""),
        ("distinct", "2  encountered error \"DistinctInstance placement constraint unsatisfied.\""),
        ("member", "2  encountered error \"MemberOf placement constraint unsatisfied.\""),
        ("gpu", "1  has insufficient GPU resource available"),
        ("attribute", "1  is missing an attribute required by your task"),
        ("agent", "1  encountered error \"AGENT\""),
        ("nobody", "No Container Instances were found in your cluster."),
    ] {
        let spell = spells.iter().find(|spell| spell.starts_with(&format!("{service}: ")));
        assert!(spell.is_some_and(|spell| spell.contains(words)), "{service}: {said}");
    }
}

#[test]
fn a_placement_is_told_with_its_ranking() {
    let home = ran();
    let said = home.run(&["explain", "out", "task", "distinct/1"], 0).stdout;
    for part in [
        "distinct/1: 10 CPU units and 16 MiB, on hosts",
        "placed on instance ",
        "placement at 2026-01-05T00:00:00Z, 2 container instances",
        "1  encountered error \"DistinctInstance placement constraint unsatisfied.\"",
        "1  could take it",
        "tasks in zone  tasks on instance",
        "* chosen by spread(attribute:ecs.availability-zone), then spread(instanceId)",
    ] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
}

#[test]
fn what_cannot_be_explained_is_refused() {
    let home = ran();
    for (arguments, part) in [
        (&["explain", "nowhere", "unplaced"][..], "is not a stored run"),
        (&["explain", "out", "task", "cpu/99"], "there is no task `cpu/99`"),
        (&["explain", "out", "task", "cup/0"], "no service or batch source is called `cup`"),
        (&["explain", "out", "why"], "unexpected argument 'why'"),
    ] {
        let said = home.run(arguments, 2);
        assert_eq!(said.stdout, "", "{arguments:?}");
        assert!(said.stderr.contains(part), "{}", said.stderr);
    }
}

#[test]
fn a_changed_scenario_is_not_explained() {
    let home = ran();
    home.write("reasons.yaml", &REASONS.replace("duration: 10m", "duration: 11m"));
    let said = home.run(&["explain", "out", "unplaced"], 2);
    assert!(said.stderr.contains("has changed since `out` was written"), "{}", said.stderr);
    // The scenario may have moved, though.
    home.write("moved.yaml", REASONS);
    fs::remove_file(home.path().join("reasons.yaml")).unwrap();
    let said = home.run(&["explain", "out", "--scenario", "moved.yaml", "task", "port/0"], 0);
    assert!(said.stdout.contains("RUNNING"), "{}", said.stdout);
}

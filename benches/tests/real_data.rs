//! Placement on real data, against counts that were computed without plimsoll. No difference is
//! allowed.
//!
//! The folder is found through `PLIMSOLL_REAL_DATA`, else beside the repository as `../shared/data`.
//! Without it each of these tests says that it was skipped; with `PLIMSOLL_REQUIRE_REAL_DATA` set, as
//! in CI, its absence is a failure.

// The tests' helpers stand outside of `#[test]`, where `allow-unwrap-in-tests` does not reach.
#![allow(clippy::unwrap_used)]

#[path = "../../scenarios/tests/real_data/folder.rs"]
mod folder;

use folder::real_data;
use plimsoll_benches::packing::cluster::{Rule, Size};
use plimsoll_benches::packing::{bins, openb, report};

#[test]
fn the_57_bin_packing_instances_are_packed_as_computed_elsewhere() {
    let Some(folder) = real_data() else { return };
    let instances = bins::read(&folder).unwrap();
    assert_eq!(instances.len(), 57);
    for it in &instances {
        let counts = it.counts();
        assert_eq!(counts, it.checked, "{}", it.name);
        let (l1, l2) = it.bounds();
        assert_eq!(l1, it.lower_bound, "{}", it.name);
        assert!(l1 <= l2, "{}", it.name);
        assert!(counts.all().iter().all(|count| l2 <= *count), "{}", it.name);
        assert!(it.best_known.is_none_or(|best| l2 <= best), "{}", it.name);
    }
}

fn openb_lists() -> Option<(Vec<Size>, [Vec<openb::Task>; 2])> {
    let folder = real_data()?;
    let machines = openb::machines(&folder).unwrap();
    assert_eq!(machines.len(), 1523);
    let lists = ["default", "cpu050"].map(|list| openb::tasks(&folder, list).unwrap());
    assert_eq!(lists.each_ref().map(Vec::len), [8152, 7439]);
    Some((machines, lists))
}

#[test]
fn the_openb_lists_leave_13_tasks_to_most_free_and_none_to_the_others() {
    let Some((machines, lists)) = openb_lists() else { return };
    for (rule, expected) in [(Rule::FirstFit, 0), (Rule::BinpackMemory, 0), (Rule::MostFree, 13)] {
        let unplaced = lists.each_ref().map(|tasks| openb::unplaced(rule, &machines, tasks));
        assert_eq!(unplaced, [expected, expected], "{rule}");
    }
}

#[test]
fn no_replay_of_openb_is_below_its_bound() {
    let Some((machines, lists)) = openb_lists() else { return };
    let small: Vec<Size> = machines.iter().copied().step_by(64).collect();
    for rule in Rule::ALL {
        let [default, cpu050] = lists.each_ref().map(|tasks| openb::replay(rule, &small, tasks));
        for it in [&default, &cpu050] {
            assert!(0.0 < it.bound_hours && it.bound_hours <= it.hours, "{rule} {it:?}");
            assert!(it.peak <= it.used && it.used <= small.len(), "{rule} {it:?}");
            assert!((0.0..=1.0).contains(&it.fragmented), "{rule} {it:?}");
        }
    }
}

#[test]
fn the_committed_report_is_current() {
    let Some(folder) = real_data() else { return };
    let committed = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/PACKING.md"));
    assert!(
        committed.unwrap() == report::markdown(&folder).unwrap(),
        "run `cargo run --release -p plimsoll-benches --example packing -- DATA_DIR`"
    );
}

//! Published launch measurements, replayed: the tolerance that the replay of 2020 must keep, and the
//! committed tables and plots.

// The example prints what the tests compare; some of it only one of the two uses.
#[allow(dead_code, missing_docs)]
#[path = "../examples/launch_study/study.rs"]
mod study;

use std::sync::LazyLock;

use study::{PUBLISHED_2020, PUBLISHED_2022, Study, difference_percent, folder};

/// All runs, once for all tests.
static STUDY: LazyLock<Study> = LazyLock::new(|| Study::run().expect("the scenarios run"));

#[test]
fn fargate_in_2020_is_within_ten_percent_from_minute_five_on() {
    let study = &*STUDY;
    let mut checked = 0;
    for (minute, published) in PUBLISHED_2020 {
        if minute < 5 {
            continue;
        }
        let simulated = study.fargate_2020.running(minute * 60);
        let difference = difference_percent(published, simulated);
        assert!(difference.abs() <= 10.0, "minute {minute}: {simulated} for {published}");
        checked += 1;
    }
    assert_eq!(checked, 9);
}

#[test]
fn fargate_in_2022_rises_as_published_and_ends_where_it_did() {
    let study = &*STUDY;
    let late = PUBLISHED_2022.iter().filter(|(second, _)| 100 <= *second);
    for (second, published) in late {
        let simulated = study.fargate_2022.running(*second);
        let difference = difference_percent(*published, simulated);
        assert!(difference.abs() <= 15.0, "second {second}: {simulated} for {published}");
    }
    assert_eq!(study.fargate_2022.running(600), 3500);
}

#[test]
fn the_committed_study_is_current() {
    let study = &*STUDY;
    let again = "write it again: cargo run --release -p plimsoll --example launch_study";
    let committed = |name: &str| {
        std::fs::read_to_string(folder().join(name)).unwrap_or_else(|_| panic!("{name}: {again}"))
    };
    assert!(committed("LAUNCH.md") == study.markdown(), "LAUNCH.md: {again}");
    for chart in study.charts() {
        let name = format!("{}.svg", chart.id);
        let drawn = chart.to_svg().expect("a string takes it");
        assert!(committed(&name) == drawn, "{name}: {again}");
    }
}

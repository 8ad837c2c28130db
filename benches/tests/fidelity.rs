//! The bounds on the error of the fluid: on every row of `FIDELITY.md` as it is committed, and anew on some of them.

// The tests' helpers stand outside of `#[test]`, where `allow-unwrap-in-tests` does not reach.
#![allow(clippy::unwrap_used)]

use plimsoll_benches::fidelity::{Bounds, Case, Errors, SCALED_COST, fixed_cases, scaled_cases};

/// Fewer hours than in the table where there are several tasks: fewer requests, and as many minutes of start. One
/// task needs all of them, or chance moves its 99th percentile more than the bounds allow.
fn shortened(case: &Case) -> Case {
    Case { hours: if case.tasks == 1 { case.hours } else { 3 }, ..*case }
}

#[test]
fn the_fluid_is_within_the_stated_bounds_of_single_requests() {
    let mut checked = 0;
    for case in fixed_cases() {
        let chosen = [0.3, 0.7, 0.95, 1.2].iter().any(|load| (load - case.load).abs() < 1e-9);
        let Some(bounds) = Bounds::of(&case).filter(|_| chosen && case.tasks < 100) else {
            continue;
        };
        let both = shortened(&case).compare().unwrap();
        let broken = bounds.broken(&both.errors());
        assert_eq!(broken, Vec::<&str>::new(), "{case:?} {both:?}");
        checked += 1;
    }
    assert_eq!(checked, 32);
}

#[test]
fn every_row_of_the_committed_table_is_within_the_stated_bounds() {
    let table = include_str!("../FIDELITY.md");
    let rows: Vec<Vec<&str>> = table
        .lines()
        .map(|line| line.split('|').map(str::trim).collect::<Vec<_>>())
        .filter(|row| row.len() == 15 && matches!(row[1], "fifo" | "processorSharing"))
        .collect();
    let cases = fixed_cases();
    assert_eq!(rows.len(), cases.len());
    for (row, case) in rows.iter().zip(&cases) {
        let number = |column: usize| -> f64 { row[column].trim_end_matches(" %").parse().unwrap() };
        let head = [case.burstiness.to_string(), case.tasks.to_string(), case.load.to_string()];
        assert_eq!(
            (row[1], &row[2..5]),
            (case.discipline, &head.each_ref().map(String::as_str)[..])
        );
        let errors = Errors {
            utilization: number(6),
            mean: number(8) / 100.0,
            p99: number(10) / 100.0,
            failed: number(12),
            cost: number(13) / 100.0,
        };
        let bounds = Bounds::of(case).unwrap();
        assert_eq!(bounds.broken(&errors), Vec::<&str>::new(), "{row:?}");
    }
}

#[test]
fn target_tracking_costs_the_same_at_both_levels() {
    for case in scaled_cases() {
        if case.tasks == 10 && [0.3, 0.8].iter().any(|load| (load - case.load).abs() < 1e-9) {
            let both = Case { hours: 3, ..case }.compare().unwrap();
            assert!(both.errors().cost.abs() < SCALED_COST, "{case:?} {both:?}");
        }
    }
}

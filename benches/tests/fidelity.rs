//! The bounds on the error of the fluid, on some of the cases of `FIDELITY.md`.

// The tests' helpers stand outside of `#[test]`, where `allow-unwrap-in-tests` does not reach.
#![allow(clippy::unwrap_used)]

use plimsoll_benches::fidelity::{Bounds, Case, SCALED_COST, fixed_cases, scaled_cases};

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
fn target_tracking_costs_the_same_at_both_levels() {
    for case in scaled_cases() {
        if case.tasks == 10 && [0.3, 0.8].iter().any(|load| (load - case.load).abs() < 1e-9) {
            let both = Case { hours: 3, ..case }.compare().unwrap();
            assert!(both.errors().cost.abs() < SCALED_COST, "{case:?} {both:?}");
        }
    }
}

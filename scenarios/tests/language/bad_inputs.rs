use std::fmt::Write as _;
use std::time::{Duration, Instant};

use plimsoll::language::{LoadOptions, load};

#[path = "../bad/mod.rs"]
mod bad;

/// No bad input may keep its author waiting.
const LONGEST: Duration = Duration::from_secs(1);

/// The messages of all bad inputs, one after the other: read the difference after every change.
#[test]
fn every_bad_input_is_refused_with_its_message() {
    let folder = tempfile::tempdir().unwrap();
    let cases = bad::cases(folder.path());
    assert!(40 <= cases.len(), "{}", cases.len());
    let mut all = String::new();
    for case in cases {
        let options = LoadOptions { set: case.set, seed: None };
        let mut taken = Duration::MAX;
        let mut text = String::new();
        // Other tests share the processor: the fastest of three attempts counts.
        for _ in 0..3 {
            let started = Instant::now();
            text = match load(&case.path, &options) {
                Err(diagnostics) => diagnostics.to_string(),
                Ok(_) => panic!("{} is accepted", case.name),
            };
            taken = taken.min(started.elapsed());
            if taken < LONGEST {
                break;
            }
        }
        assert!(taken < LONGEST, "{} took {taken:?}", case.name);
        let text = text.replace(&folder.path().display().to_string(), "<folder>");
        writeln!(all, "=== {}\n{text}", case.name).unwrap();
    }
    insta::assert_snapshot!(all);
}

#[test]
fn messages_are_lower_case_without_a_full_stop() {
    let folder = tempfile::tempdir().unwrap();
    for case in bad::cases(folder.path()) {
        let options = LoadOptions { set: case.set, seed: None };
        let Err(diagnostics) = load(&case.path, &options) else { continue };
        assert!(!diagnostics.is_empty(), "{}", case.name);
        for diagnostic in diagnostics.as_slice() {
            let message = &diagnostic.message;
            assert!(!message.ends_with('.'), "{message}");
            assert!(!message.contains('\n'), "{message}");
            let first = message.chars().next().unwrap();
            // Names of AWS may start a sentence.
            let name = message.starts_with("Fargate") || message.starts_with("FARGATE");
            assert!(!first.is_uppercase() || name, "{message}");
        }
    }
}

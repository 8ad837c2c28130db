//! Damaged documents: whatever is typed, the answer is a scenario or a message, never a panic.

use std::path::Path;

use plimsoll::language::{LoadOptions, load};
use proptest::prelude::*;

/// One slip of the hand.
#[derive(Clone, Debug)]
enum Slip {
    /// A line is lost.
    DropLine(usize),
    /// A line appears twice.
    RepeatLine(usize),
    /// A line moves in or out.
    Indent(usize, usize),
    /// A character is replaced.
    Replace(usize, char),
    /// A word is replaced by an odd value.
    Odd(usize, usize),
}

const ODD: [&str; 16] = [
    "null",
    "-1",
    "1e308",
    ".nan",
    "[]",
    "{}",
    "''",
    "99999999999999999999",
    "0",
    "0s",
    "-5m",
    "*x",
    "!!str 5",
    "true",
    "[[[]]]",
    "\"\\uD800\"",
];

fn slip() -> impl Strategy<Value = Slip> {
    let at = any::<usize>();
    prop_oneof![
        at.prop_map(Slip::DropLine),
        at.prop_map(Slip::RepeatLine),
        (at, 0..9_usize).prop_map(|(line, by)| Slip::Indent(line, by)),
        (at, prop::char::any()).prop_map(|(position, with)| Slip::Replace(position, with)),
        (at, 0..ODD.len()).prop_map(|(word, odd)| Slip::Odd(word, odd)),
    ]
}

fn apply(text: &str, slip: &Slip) -> String {
    let mut lines: Vec<String> = text.lines().map(ToOwned::to_owned).collect();
    let count = lines.len();
    match *slip {
        Slip::DropLine(line) => {
            lines.remove(line % count);
        }
        Slip::RepeatLine(line) => lines.insert(line % count, lines[line % count].clone()),
        Slip::Indent(line, by) => {
            let line = &mut lines[line % count];
            *line = format!("{}{}", " ".repeat(by), line.trim_start());
        }
        Slip::Replace(position, with) => {
            let mut characters: Vec<char> = text.chars().collect();
            let position = position % characters.len();
            characters[position] = with;
            return characters.into_iter().collect();
        }
        Slip::Odd(word, odd) => {
            let line = &mut lines[word % count];
            if let Some((key, _)) = line.split_once(": ") {
                *line = format!("{key}: {}", ODD[odd]);
            }
        }
    }
    lines.join("\n")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    #[test]
    fn damaged_documents_never_panic(slips in prop::collection::vec(slip(), 1..6)) {
        let good = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/language/good");
        let folder = tempfile::tempdir().unwrap();
        for name in ["api.taskdef.json", "requests.csv", "jobs.csv"] {
            std::fs::copy(good.join(name), folder.path().join(name)).unwrap();
        }
        let text = std::fs::read_to_string(good.join("everything.yaml")).unwrap();
        let damaged = slips.iter().fold(text, |text, slip| apply(&text, slip));
        let path = folder.path().join("damaged.yaml");
        std::fs::write(&path, &damaged).unwrap();
        if let Err(diagnostics) = load(&path, &LoadOptions::default()) {
            prop_assert!(!diagnostics.is_empty());
            // An error of serde would mean that schema and types say different things.
            for diagnostic in diagnostics.as_slice() {
                prop_assert!(!diagnostic.message.contains(" at line "), "{}", diagnostic.message);
                prop_assert!(!diagnostic.message.starts_with("invalid "), "{}", diagnostic.message);
                prop_assert!(!diagnostic.message.starts_with("missing field"), "{}", diagnostic.message);
            }
        }
    }
}

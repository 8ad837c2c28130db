//! Inputs that must be refused: the files in this folder, and some that are made on the spot because
//! they are large, unreadable or not text. For every test that needs bad input.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

/// An input that must be refused.
pub(crate) struct Case {
    /// Name of the case.
    pub(crate) name: String,
    /// The scenario, relative to the package where it is a committed file.
    pub(crate) path: PathBuf,
    /// Changes by `--set`.
    pub(crate) set: Vec<(String, String)>,
}

/// All cases, sorted by name. Those that are made on the spot are put into `folder`.
pub(crate) fn cases(folder: &Path) -> Vec<Case> {
    let mut cases = committed();
    cases.extend(made(folder));
    cases.extend(changes());
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    cases
}

fn committed() -> Vec<Case> {
    let folder = Path::new("tests/bad");
    let entries = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap();
    entries
        .map(|entry| PathBuf::from(entry.unwrap().file_name()))
        .filter(|name| name.extension().is_some_and(|extension| extension == "yaml"))
        .map(|name| Case {
            name: name.file_stem().unwrap().to_str().unwrap().to_owned(),
            path: folder.join(name),
            set: Vec::new(),
        })
        .collect()
}

fn made(folder: &Path) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |name: &str, bytes: &[u8]| {
        let path = folder.join(format!("{name}.yaml"));
        fs::write(&path, bytes).unwrap();
        cases.push(Case { name: name.to_owned(), path, set: Vec::new() });
    };
    add("made_not_utf_8", b"name: bad\nduration: \xff\xfe\n");
    add("made_nul_bytes", &[0; 1000]);
    add("made_deep_flow", "[".repeat(100_000).as_bytes());
    add("made_deep_blocks", deep_blocks(2_000).as_bytes());
    add("made_long_line", format!("name: {}\n", "x".repeat(1_000_000)).as_bytes());
    add("made_long_key", format!("{}: 1\n", "x".repeat(100_000)).as_bytes());
    add("made_many_values", many_values().as_bytes());
    // 100 MB that take no space: only the size is looked at.
    let huge = folder.join("made_100_megabytes.yaml");
    fs::File::create(&huge).unwrap().set_len(100 * 1000 * 1000).unwrap();
    cases.push(Case { name: "made_100_megabytes".to_owned(), path: huge, set: Vec::new() });
    let nowhere = folder.join("made_missing.yaml");
    cases.push(Case { name: "made_missing".to_owned(), path: nowhere, set: Vec::new() });
    let directory = folder.join("made_folder.yaml");
    fs::create_dir(&directory).unwrap();
    cases.push(Case { name: "made_folder".to_owned(), path: directory, set: Vec::new() });
    let below_a_file = folder.join("made_nul_bytes.yaml/x.yaml");
    cases.push(Case { name: "made_below_a_file".to_owned(), path: below_a_file, set: Vec::new() });
    cases
}

fn deep_blocks(depth: usize) -> String {
    (0..depth).map(|level| " ".repeat(level) + "a:\n").collect()
}

fn many_values() -> String {
    format!("name: bad\nduration: 1h\nservices: [{}0]\n", "0,".repeat(2_100_000))
}

/// Changes to a scenario that is good without them.
fn changes() -> Vec<Case> {
    let cases = [
        ("set_unknown_key", "services.api.desiredCuont", "3"),
        ("set_unknown_element", "services.apy.desiredCount", "3"),
        ("set_no_such_position", "services.3.desiredCount", "3"),
        ("set_below_a_number", "services.api.desiredCount.x", "3"),
        ("set_wrong_type", "services.api.desiredCount", "many"),
        (
            "set_wrong_inside",
            "services.api.load",
            "{requests: {constant: 5/s}, cpuPerRequest: soon}",
        ),
        ("set_broken_value", "services.api.desiredCount", "[1"),
        ("set_empty_path", "", "3"),
        ("set_nothing", "services.api.desiredCount", ""),
    ];
    cases
        .into_iter()
        .map(|(name, path, value)| Case {
            name: name.to_owned(),
            path: PathBuf::from("tests/language/good/minimal.yaml"),
            set: vec![(path.to_owned(), value.to_owned())],
        })
        .collect()
}

//! Every bad document of the language's own tests: exit code 2, nothing written, in bounded time and
//! memory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::home::Home;

/// Address space that reading a document may take.
const MEMORY_KIB: u64 = 1 << 20;
/// Time that reading a document may take, with room for a busy machine.
const TIME: Duration = Duration::from_secs(20);

fn documents(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Runs the command under a limit of address space, where the shell has one.
fn limited(home: &Home, arguments: &[&str]) -> Command {
    let script = format!("ulimit -v {MEMORY_KIB} 2>/dev/null; exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_plimsoll")]).args(arguments);
    command.current_dir(home.path()).stdin(Stdio::null());
    command
}

#[track_caller]
fn check(home: &Home, document: &str) {
    let before = home.entries();
    for command in ["run", "check", "sweep"] {
        let started = Instant::now();
        let output = limited(home, &[command, document]).output().unwrap();
        let took = started.elapsed();
        let said = super::home::Said::of(&output, 2);
        assert_eq!(said.stdout, "", "{command} {document}");
        assert!(!said.stderr.is_empty(), "{command} {document}");
        assert!(took < TIME, "{command} {document} took {took:?}");
        assert_eq!(home.entries(), before, "{command} {document}");
    }
}

#[test]
fn bad_documents_are_refused_within_bounds() {
    let documents = documents(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad"));
    assert!(20 < documents.len(), "{} documents", documents.len());
    let home = Home::new();
    for document in documents {
        check(&home, document.to_str().unwrap());
    }
}

#[test]
fn what_is_no_document_is_refused() {
    let home = Home::new();
    fs::create_dir(home.path().join("folder.yaml")).unwrap();
    fs::write(home.path().join("binary.yaml"), [0xff, 0xfe, 0x00, 0x01, 0x80]).unwrap();
    home.write("empty.yaml", "");
    home.write("deep.yaml", &"[".repeat(200_000));
    let many = "- a\n".repeat(2_000_000);
    home.write("long.yaml", &format!("services:\n{many}"));
    for name in
        ["folder.yaml", "binary.yaml", "empty.yaml", "deep.yaml", "long.yaml", "missing.yaml"]
    {
        check(&home, name);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_without_end_is_refused() {
    check(&Home::new(), "/dev/zero");
}

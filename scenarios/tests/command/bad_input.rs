//! Every bad input of the language's own tests: exit code 2, nothing written, in bounded time and
//! memory.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::home::Home;
use crate::bad;

/// Address space that reading a document may take.
const MEMORY_KIB: u64 = 1 << 20;
/// Time that reading a document may take, with room for a busy machine.
const TIME: Duration = Duration::from_secs(20);

/// Runs the command under a limit of address space, where the shell has one.
fn limited(home: &Home, arguments: &[&str]) -> Command {
    let script = format!("ulimit -v {MEMORY_KIB} 2>/dev/null; exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_plimsoll")]).args(arguments);
    command.current_dir(home.path()).stdin(Stdio::null());
    command
}

/// Runs `arguments` and checks that they are refused as they should be.
#[track_caller]
fn check(home: &Home, arguments: &[&str]) {
    let before = home.entries();
    let started = Instant::now();
    let output = limited(home, arguments).output().unwrap();
    let took = started.elapsed();
    let said = super::home::Said::of(&output, 2);
    assert_eq!(said.stdout, "", "{arguments:?}");
    assert!(!said.stderr.is_empty(), "{arguments:?}");
    assert!(took < TIME, "{arguments:?} took {took:?}");
    assert_eq!(home.entries(), before, "{arguments:?}");
}

#[test]
fn bad_inputs_are_refused_within_bounds() {
    let made = tempfile::tempdir().unwrap();
    let cases = bad::cases(made.path());
    assert!(50 < cases.len(), "{} cases", cases.len());
    let home = Home::new();
    for case in cases {
        // Made cases have absolute paths, which stay as they are.
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(case.path);
        let path = path.to_str().unwrap();
        if case.set.is_empty() {
            check(&home, &["check", path]);
        }
        let set = case.set.iter().map(|(path, value)| format!("--set={path}={value}"));
        let set: Vec<String> = set.collect();
        for command in ["run", "sweep"] {
            let mut arguments = vec![command, path];
            arguments.extend(set.iter().map(String::as_str));
            check(&home, &arguments);
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_without_end_is_refused() {
    check(&Home::new(), &["run", "/dev/zero"]);
}

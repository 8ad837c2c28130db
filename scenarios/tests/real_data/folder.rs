//! Where the real data is. Both crates with tests on it include this file; each lies one folder below the
//! workspace, beside which the data is looked for.

use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The folder of real data, or `None` on a machine without it. Called once by each test.
pub(crate) fn real_data() -> Option<PathBuf> {
    let named = std::env::var_os("PLIMSOLL_REAL_DATA").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let folder = named.unwrap_or(beside);
    if folder.join("README.md").is_file() {
        return Some(folder);
    }
    let required = std::env::var_os("PLIMSOLL_REQUIRE_REAL_DATA").is_some();
    assert!(!required, "the real data is required and `{}` is not it", folder.display());
    // Not `eprintln!`: the test runner would keep that to itself, since the test passes.
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    let place = folder.display();
    let _ = writeln!(
        std::io::stderr(),
        "skipped: {test}: no real data at `{place}` (set PLIMSOLL_REAL_DATA)"
    );
    None
}

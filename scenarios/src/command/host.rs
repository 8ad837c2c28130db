//! What is not deterministic about a run, for `run.json`. The clock is read here and nowhere else.

use std::ffi::OsString;
use std::fs;
use std::time::Instant;

use jiff::Timestamp;
use plimsoll_reports::RunFacts;

/// A run's wall clock.
pub(super) struct Stopwatch {
    started_at: Timestamp,
    started: Instant,
}

impl Stopwatch {
    /// Starts now.
    pub(super) fn start() -> Self {
        Self { started_at: Timestamp::now(), started: Instant::now() }
    }

    /// What `run.json` says of a run on `threads` threads that ends now.
    pub(super) fn facts(&self, arguments: &[OsString], threads: usize) -> RunFacts {
        RunFacts {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: self.started_at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            wall_seconds: self.started.elapsed().as_secs_f64(),
            host: host(),
            command_line: arguments.iter().map(|it| it.to_string_lossy().into_owned()).collect(),
            threads,
            scenario: None,
        }
    }
}

/// Name and kind of this machine; the name is known on Linux only.
fn host() -> String {
    let kind = format!("{} {}", std::env::consts::OS, std::env::consts::ARCH);
    match fs::read_to_string("/proc/sys/kernel/hostname") {
        Ok(name) => format!("{} ({kind})", name.trim()),
        Err(_) => kind,
    }
}

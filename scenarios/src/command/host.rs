//! What is not deterministic about a run, for `run.json`. The clock is read here and nowhere else.

use std::ffi::OsString;
use std::fs;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};

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

    /// Time since the start.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// The content of `run.json`.
    pub(super) fn record(&self, arguments: &[OsString]) -> Value {
        let command: Vec<String> =
            arguments.iter().map(|argument| argument.to_string_lossy().into_owned()).collect();
        json!({
            "tool": "plimsoll",
            "version": env!("CARGO_PKG_VERSION"),
            "commandLine": command,
            "startedAt": self.started_at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "wallSeconds": self.elapsed().as_secs_f64(),
            "peakMemoryMiB": peak_memory_mib(),
            "host": {
                "name": host_name(),
                "os": std::env::consts::OS,
                "arch": std::env::consts::ARCH,
                "cores": std::thread::available_parallelism().map(usize::from).ok(),
            },
        })
    }
}

/// Largest resident size of this process; only Linux says it without foreign code.
fn peak_memory_mib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib.div_ceil(1024))
}

fn host_name() -> Option<String> {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_owned())
}

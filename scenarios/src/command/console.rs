//! The only way out: results to standard output, everything else to standard error.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Failure;

/// Columns of the summary where the shell does not say how many there are.
const WIDTH: usize = 100;
/// Work shorter than this shows no progress.
const PROGRESS_AFTER: Duration = Duration::from_millis(500);

/// Writes `text` to standard output. A reader that has seen enough (`| head`) is not an error.
///
/// # Errors
/// [`Failure::Unfinished`] if the output cannot be written for another reason, such as a full disk.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::Unfinished(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Width of the summary, and whether it may be coloured: only for a terminal, and only if the user does
/// not mind (<https://no-color.org>).
pub(super) fn look() -> (usize, bool) {
    let width = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let mind = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    (width.unwrap_or(WIDTH), io::stdout().is_terminal() && !mind)
}

/// Writes a line to standard error. With nobody to read it, there is nobody to tell either.
pub(super) fn complain(text: &str) {
    let mut err = io::stderr().lock();
    let _ = writeln!(err, "{}", text.trim_end());
}

/// A progress bar on standard error that appears only when the work turns out to be long, and only
/// if a person is watching.
pub(super) struct Progress {
    started: Instant,
    bar: Option<ProgressBar>,
    total: u64,
    template: &'static str,
    hidden: bool,
}

impl Progress {
    /// Progress towards `total`; never shown if `quiet` or if standard error is not a terminal.
    pub(super) fn new(total: u64, template: &'static str, quiet: bool) -> Self {
        let hidden = quiet || !io::stderr().is_terminal();
        Self { started: Instant::now(), bar: None, total, template, hidden }
    }

    /// Reports that `done` of the total is done; `message` is only built if it is shown.
    pub(super) fn set(&mut self, done: u64, message: impl FnOnce() -> String) {
        if self.hidden {
            return;
        }
        if self.bar.is_none() && PROGRESS_AFTER <= self.started.elapsed() {
            let bar = ProgressBar::with_draw_target(Some(self.total), ProgressDrawTarget::stderr());
            // The templates are constants of this crate; a wrong one falls back to the plain bar. They
            // name no colour, so `NO_COLOR` has nothing to take away.
            if let Ok(style) = ProgressStyle::with_template(self.template) {
                bar.set_style(style.progress_chars("=> "));
            }
            self.bar = Some(bar);
        }
        if let Some(bar) = &self.bar {
            // Reports of parallel work may come out of order.
            bar.set_position(done.max(bar.position()));
            bar.set_message(message());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

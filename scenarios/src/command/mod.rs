//! The `plimsoll` command: arguments in, exit code out.
//!
//! Results go to standard output, errors and progress to standard error. Exit codes: 0 done; 1 the
//! run could not finish (a limit, a full disk); 2 bad input or usage, and then nothing was written.

mod arguments;
mod catalog;
mod check;
mod comparison;
mod console;
mod explain;
mod host;
mod report;
mod run;
mod sweep;
mod table;

use std::ffi::OsString;
use std::fmt;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use crate::language::{self, Diagnostics};
use crate::output::OutputError;
use arguments::{Cli, Command};

/// Why a command did not do what was asked.
#[derive(Debug)]
enum Failure {
    /// Exit code 1: the input was fine, but the work could not be finished.
    Unfinished(String),
    /// Exit code 2: bad input or usage; nothing was written.
    BadInput(String),
}

impl Failure {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Unfinished(_) => ExitCode::from(1),
            Self::BadInput(_) => ExitCode::from(2),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unfinished(message) | Self::BadInput(message) => f.write_str(message.trim_end()),
        }
    }
}

impl From<Diagnostics> for Failure {
    fn from(diagnostics: Diagnostics) -> Self {
        Self::BadInput(diagnostics.to_string())
    }
}

impl From<OutputError> for Failure {
    fn from(error: OutputError) -> Self {
        match error {
            OutputError::Refused { .. } => Self::BadInput(format!("error: {error}")),
            OutputError::Io { .. } => Self::Unfinished(format!("error: {error}")),
        }
    }
}

/// Runs the command with `arguments`, the program's name first, and returns its exit code.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are results, the rest is a complaint; clap knows which is which and
            // what colour is welcome there. Nobody listening is not an error.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match dispatch(&cli, &arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            console::complain(&failure.to_string());
            failure.exit_code()
        }
    }
}

fn dispatch(cli: &Cli, arguments: &[OsString]) -> Result<(), Failure> {
    match &cli.command {
        Command::Run(options) => run::run(options, arguments),
        Command::Check(options) => check::check(options),
        Command::Sweep(options) => sweep::sweep(options, arguments),
        Command::Report(options) => report::report(options),
        Command::Explain(options) => explain::explain(options),
        Command::Catalog(options) => catalog::catalog(options),
        Command::Schema => console::print(&format!("{:#}\n", language::json_schema())),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "plimsoll", &mut script);
            console::print(&String::from_utf8_lossy(&script))
        }
    }
}

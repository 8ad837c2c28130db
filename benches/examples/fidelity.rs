//! Writes `benches/FIDELITY.md`: `cargo run --release -p plimsoll-benches --example fidelity`.

use std::process::ExitCode;

use plimsoll_benches::fidelity::markdown;

fn main() -> ExitCode {
    let written = markdown().and_then(|text| {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/FIDELITY.md");
        std::fs::write(path, text).map_err(|error| format!("{path}: {error}"))
    });
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

//! Writes `benches/PACKING.md` from a folder of real data:
//! `cargo run --release -p plimsoll-benches --example packing -- DATA_DIR`.

use std::path::Path;
use std::process::ExitCode;

use plimsoll_benches::packing::report;

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1) else {
        eprintln!("usage: packing DATA_DIR");
        return ExitCode::from(2);
    };
    let written =
        report::markdown(Path::new(&folder)).map_err(|error| error.to_string()).and_then(|text| {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/PACKING.md");
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

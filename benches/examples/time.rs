//! How long the simulation of scenario files takes, without reading the files and writing the results:
//! `cargo run --release -p plimsoll-benches --example time -- FILE.yaml...`
//!
//! Each is run five times; the shortest counts, since everything else on the machine only adds.

use std::path::Path;
use std::time::Instant;

use plimsoll::language::{LoadOptions, load};
use plimsoll_core::simulation;

const REPETITIONS: usize = 5;

#[allow(clippy::print_stdout)]
fn time(file: &Path) {
    let loaded = match load(file, &LoadOptions::default()) {
        Ok(loaded) => loaded,
        Err(problems) => panic!("{problems}"),
    };
    let scenario = loaded.scenario;
    let mut shortest = f64::INFINITY;
    let mut events = 0;
    for _ in 0..REPETITIONS {
        let start = Instant::now();
        match simulation::run(&scenario, &mut |_| {}) {
            Ok(results) => events = results.events,
            Err(error) => panic!("the run ends: {error}"),
        }
        shortest = shortest.min(start.elapsed().as_secs_f64());
    }
    println!(
        "{:<28} {:>6.1} days {:>9} events {:>8.1} ms {:>10.0} events/s",
        scenario.name,
        scenario.duration.as_secs_f64() / 86_400.0,
        events,
        shortest * 1e3,
        events as f64 / shortest,
    );
}

fn main() {
    for file in std::env::args().skip(1) {
        time(Path::new(&file));
    }
}

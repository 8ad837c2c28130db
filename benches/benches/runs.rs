//! Whole runs: the week of the web service, read from its file and simulated to the end.

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use plimsoll::language::{LoadOptions, load};
use plimsoll_core::simulation;

fn library(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/library").join(name)
}

fn whole_runs(criterion: &mut Criterion) {
    for name in ["web-on-ec2", "web-on-fargate", "mixed-cluster"] {
        let path = library(&format!("{name}.yaml"));
        let loaded = load(&path, &LoadOptions::default())
            .unwrap_or_else(|problems| panic!("the library loads: {problems}"));
        let scenario = loaded.scenario;
        let events = simulation::run(&scenario, &mut |_| {}).map_or(0, |results| results.events);
        let mut bench = criterion.benchmark_group(format!("run/{name}"));
        bench.throughput(Throughput::Elements(events));
        bench.bench_function("simulate", |bencher| {
            bencher.iter(|| black_box(simulation::run(&scenario, &mut |_| {}).is_ok()));
        });
        bench.bench_function("load", |bencher| {
            bencher.iter(|| black_box(load(&path, &LoadOptions::default()).is_ok()));
        });
        bench.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(std::time::Duration::from_millis(300))
        .measurement_time(std::time::Duration::from_secs(2));
    targets = whole_runs
}
criterion_main!(benches);

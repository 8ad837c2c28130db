//! Placement: one decision with its reservation, and the stop of a random older task, on a fleet that
//! stays 85 % full.
//!
//! `cargo bench -p plimsoll-benches --bench placement -- 'binpack-memory/definitions'` runs a part.

use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use plimsoll_benches::churn::{Churn, Floor, Sizes};
use plimsoll_core::placement::{
    Expression, PlacementConstraint, PlacementStrategy, SERVICE_DEFAULT,
};

/// Sizes of fleets: checked in CI, where small ones do; measured with all.
fn fleets() -> &'static [u32] {
    let checked_only = std::env::args().any(|argument| argument == "--test");
    if checked_only { &[100, 1000] } else { &[100, 1000, 10_000, 100_000] }
}

/// What the tasks cost without placement.
fn floor(criterion: &mut Criterion) {
    let mut bench = criterion.benchmark_group("floor/definitions");
    bench.throughput(Throughput::Elements(1));
    for instances in fleets() {
        let mut floor = None;
        bench.bench_function(BenchmarkId::from_parameter(instances), |bencher| {
            let floor = floor.get_or_insert_with(|| Floor::new(*instances));
            bencher.iter(|| {
                floor.stop();
                floor.start();
            });
        });
    }
}

fn place(criterion: &mut Criterion) {
    let instances = fleets();
    let chains: [(&str, &[PlacementStrategy]); 7] = [
        ("binpack-memory", &[PlacementStrategy::BinpackMemory]),
        ("binpack-cpu", &[PlacementStrategy::BinpackCpu]),
        ("spread-zone", &[PlacementStrategy::SpreadZone]),
        (
            "spread-zone-binpack-memory",
            &[PlacementStrategy::SpreadZone, PlacementStrategy::BinpackMemory],
        ),
        ("spread-instance", &[PlacementStrategy::SpreadInstance]),
        ("service-default", &SERVICE_DEFAULT),
        ("random", &[PlacementStrategy::Random]),
    ];
    let expression = Expression::parse(
        "attribute:ecs.instance-type =~ m6i.* and attribute:ecs.availability-zone != eu-west-1d",
    );
    let member_of = expression.map(|it| PlacementConstraint::MemberOf(Arc::new(it)));
    let member_of = [member_of.expect("the expression is right")];
    for (name, strategy) in chains {
        for (kind, sizes) in [("definitions", Sizes::Definitions), ("arbitrary", Sizes::Arbitrary)]
        {
            for (with, constraints) in [("", &[][..]), ("-member-of", &member_of[..])] {
                let mut bench = criterion.benchmark_group(format!("{name}/{kind}{with}"));
                bench.throughput(Throughput::Elements(1));
                for instances in instances {
                    // Filled only if the benchmark runs.
                    let mut churn = None;
                    bench.bench_function(BenchmarkId::from_parameter(instances), |bencher| {
                        let churn = churn.get_or_insert_with(|| {
                            Churn::new(*instances, sizes, strategy, constraints)
                        });
                        bencher.iter(|| {
                            churn.stop();
                            churn.start();
                        });
                    });
                    if let Some(churn) = churn.filter(|churn| 0 < churn.nowhere) {
                        eprintln!("({} of {} tasks found no room)", churn.nowhere, churn.draws / 2);
                    }
                }
                bench.finish();
            }
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(std::time::Duration::from_millis(400))
        .measurement_time(std::time::Duration::from_millis(800))
        .without_plots();
    targets = floor, place
}
criterion_main!(benches);

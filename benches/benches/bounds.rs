//! Lower bounds: one change of the bound that every run keeps, the sweep over a million tasks, and L2.

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use plimsoll_core::bounds::{Interval, Need, PackingBound, l2, over_time};
use plimsoll_core::engine::StreamKey;
use plimsoll_core::units::{Cpu, Mib, SimDuration, SimTime};

const TASKS: u64 = 1_000_000;

fn key() -> StreamKey {
    StreamKey::new(42, 0, "bounds-bench", 0)
}

/// One of ten sizes, or any size up to half an instance.
fn need(bits: u64, arbitrary: bool) -> Need<'static> {
    let (cpu, memory) = if arbitrary {
        (1 + bits % 4096, 1 + (bits >> 20) % 16_384)
    } else {
        (256 << (bits % 4), 512 << ((bits >> 8) % 5))
    };
    Need::new(Cpu::from_ecs_units(cpu as u32), Mib::new(memory), 0, 0, &[])
}

/// Tasks of ten minutes that start all day.
fn day(arbitrary: bool) -> Vec<Interval<'static>> {
    let key = key();
    let task = |number: u64| {
        let from = SimTime::from_nanos(number * (86_400_000_000_000 / TASKS));
        let length = SimDuration::from_millis(key.at(2 * number) % 1_200_000);
        Interval { from, until: from + length, need: need(key.at(2 * number + 1), arbitrary) }
    };
    (0..TASKS).map(task).collect()
}

fn bounds(criterion: &mut Criterion) {
    let shape = Need::new(Cpu::from_ecs_units(8192), Mib::new(31_948), 0, 3, &[]);
    let mut bench = criterion.benchmark_group("bounds");
    for (name, arbitrary) in [("ten-sizes", false), ("arbitrary", true)] {
        let tasks = day(arbitrary);
        let mut bound = PackingBound::new(&[shape.priced(1)], tasks.iter().map(|it| it.need));
        let (mut at, mut number) = (0, 0);
        bench.throughput(Throughput::Elements(2));
        bench.bench_function(BenchmarkId::new("add-remove", name), |bencher| {
            bencher.iter(|| {
                let need = &tasks[number % tasks.len()].need;
                bound.add(SimTime::from_nanos(at), need);
                bound.remove(SimTime::from_nanos(at + 1), need);
                at += 2;
                number += 1;
            });
        });
        bench.throughput(Throughput::Elements(TASKS));
        bench.bench_function(BenchmarkId::new("over-time", name), |bencher| {
            bencher.iter(|| black_box(over_time(&[shape.priced(1)], &tasks)));
        });
    }
    for tasks in [1_000u64, 100_000] {
        let key = key();
        let sizes: Vec<u64> = (0..tasks).map(|number| 1 + key.at(number) % 31_948).collect();
        bench.throughput(Throughput::Elements(tasks));
        bench.bench_function(BenchmarkId::new("l2", tasks), |bencher| {
            bencher.iter_batched(
                || &sizes,
                |sizes| black_box(l2(sizes, 31_948)),
                BatchSize::SmallInput,
            );
        });
    }
    bench.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(std::time::Duration::from_millis(300))
        .measurement_time(std::time::Duration::from_secs(1));
    targets = bounds
}
criterion_main!(benches);

//! The event queue and the whole engine under the hold model: take the first event, add one later.
//!
//! Two mixes of increments: exponential, and that of a cluster (70 % around 5 ms, 20 % exactly a
//! minute, 10 % around an hour). Figures are time per event; `queue` compares structures, `engine`
//! adds the clock, the limits, the fingerprint and the dispatch to a model.

#[path = "engine/queues.rs"]
mod queues;

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use plimsoll_core::engine::{
    Digest, EventHandle, EventQueue, Limits, Model, Phase, Scheduler, Stream, StreamKey, run,
    variates,
};
use plimsoll_core::units::{SimDuration, SimTime};
use queues::{QuaternaryHeap, Queue, RadixHeap, StandardHeap};

/// Increments are drawn before the clock starts: the benchmark measures queues, not logarithms.
const N_INCREMENTS: usize = 1 << 16;
/// Events in one measured iteration.
const BATCH: u64 = 1_000;
const SIZES: [usize; 3] = [100, 10_000, 1_000_000];

fn exponential(stream: &mut Stream) -> f64 {
    variates::exponential(stream.next_u64(), 1e9)
}

fn cluster(stream: &mut Stream) -> f64 {
    match variates::below(stream.next_u64(), 10) {
        0..7 => variates::exponential(stream.next_u64(), 5e6),
        7..9 => 60e9,
        _ => variates::exponential(stream.next_u64(), 3_600e9),
    }
}

/// A sequence of increments that repeats, long enough for no queue to notice.
#[derive(Clone)]
struct Increments {
    lengths: Vec<u64>,
    position: usize,
}

impl Increments {
    fn new(draw: Draw) -> Self {
        let mut stream = StreamKey::new(1, 0, "increments", 0).rng();
        Self { lengths: (0..N_INCREMENTS).map(|_| draw(&mut stream) as u64).collect(), position: 0 }
    }

    #[inline]
    fn next(&mut self) -> u64 {
        self.position = (self.position + 1) % N_INCREMENTS;
        self.lengths[self.position]
    }
}

/// Draws an increment in nanoseconds.
type Draw = fn(&mut Stream) -> f64;

const MIXES: [(&str, Draw); 2] = [("exponential", exponential), ("cluster", cluster)];

impl Queue for EventQueue<u32> {
    fn push(&mut self, time: u64, event: u32) {
        self.push(SimTime::from_nanos(time), Phase::Schedule, event);
    }

    fn pop(&mut self) -> (u64, u32) {
        let (time, _, event) =
            self.pop_before(SimTime::MAX, Phase::End).expect("the population is constant");
        (time.as_nanos(), event)
    }
}

fn hold<Q: Queue>(queue: &mut Q, increments: &mut Increments, events: u64) {
    for _ in 0..events {
        let (time, event) = queue.pop();
        queue.push(time + increments.next(), event);
    }
}

fn bench_queue<Q: Queue>(criterion: &mut Criterion, name: &str) {
    for (mix, draw) in MIXES {
        let mut group = criterion.benchmark_group(format!("queue/{mix}"));
        group.throughput(Throughput::Elements(BATCH));
        for n in SIZES {
            let mut state = None;
            group.bench_function(format!("{n}/{name}"), |bencher| {
                // Filled on first use, so that a filter does not pay for what it leaves out.
                let (queue, increments) = state.get_or_insert_with(|| {
                    let (mut queue, mut increments) = (Q::default(), Increments::new(draw));
                    for event in 0..n {
                        queue.push(increments.next() + event as u64 % 1_000, event as u32);
                    }
                    hold(&mut queue, &mut increments, 2 * n as u64);
                    (queue, increments)
                });
                bencher.iter(|| hold(queue, increments, BATCH));
            });
        }
        group.finish();
    }
}

/// Each event schedules its successor.
struct Hold(Increments);

impl Model for Hold {
    type Event = u32;

    fn handle(&mut self, event: u32, scheduler: &mut Scheduler<u32>) {
        scheduler.schedule_in(SimDuration::from_nanos(self.0.next()), Phase::Schedule, event);
    }

    fn digest(event: &u32) -> Digest {
        Digest { kind: 1, entity: u64::from(*event), payload: 0 }
    }

    fn kind_name(_: u16) -> &'static str {
        "hold"
    }
}

/// Each event also guards itself with a far time-out, and cancels that of the event before.
struct Guarded {
    increments: Increments,
    guard: Option<EventHandle>,
}

impl Model for Guarded {
    type Event = u32;

    fn handle(&mut self, event: u32, scheduler: &mut Scheduler<u32>) {
        if let Some(guard) = self.guard.take() {
            scheduler.cancel(guard);
        }
        let timeout = SimDuration::from_secs(7_200);
        self.guard = Some(scheduler.schedule_cancellable_in(timeout, Phase::Decide, event));
        scheduler.schedule_in(
            SimDuration::from_nanos(self.increments.next()),
            Phase::Schedule,
            event,
        );
    }

    fn digest(event: &u32) -> Digest {
        Digest { kind: 1, entity: u64::from(*event), payload: 0 }
    }

    fn kind_name(_: u16) -> &'static str {
        "guarded"
    }
}

/// Time per event of a run of the model, measured over many events from a filled scheduler.
fn bench_model<M: Model<Event = u32>>(
    criterion: &mut Criterion,
    name: &str,
    model: fn(Increments) -> M,
) {
    for (mix, draw) in MIXES {
        let mut group = criterion.benchmark_group(format!("{name}/{mix}"));
        group.throughput(Throughput::Elements(BATCH));
        for n in SIZES {
            let mut state = None;
            group.bench_function(n.to_string(), |bencher| {
                let (model, scheduler, slice) = state.get_or_insert_with(|| {
                    let mut increments = Increments::new(draw);
                    let mut scheduler =
                        Scheduler::new(Limits { events: u64::MAX, ..Limits::default() });
                    for event in 0..n {
                        let at = SimTime::from_nanos(increments.next() + event as u64 % 1_000);
                        scheduler.schedule_at(at, Phase::Schedule, event as u32);
                    }
                    // On average `BATCH` events happen in such a slice of time.
                    let mean = increments.lengths.iter().sum::<u64>() / N_INCREMENTS as u64;
                    let slice = (mean as f64 * BATCH as f64 / n as f64) as u64;
                    let mut model = model(increments);
                    run(&mut model, &mut scheduler, SimTime::from_nanos(2 * mean))
                        .expect("no limit");
                    (model, scheduler, slice)
                });
                bencher.iter_custom(|iterations| {
                    let events_before = scheduler.events();
                    let horizon = scheduler.now() + SimDuration::from_nanos(*slice * iterations);
                    let start = std::time::Instant::now();
                    let statistics = run(model, scheduler, horizon).expect("no limit");
                    let elapsed = start.elapsed();
                    // The number of events in a slice varies: report the time of exactly a batch each.
                    let events = black_box(statistics.events) - events_before;
                    elapsed.mul_f64((iterations * BATCH) as f64 / events.max(1) as f64)
                });
            });
        }
        group.finish();
    }
}

fn queues(criterion: &mut Criterion) {
    bench_queue::<EventQueue<u32>>(criterion, "plimsoll");
    bench_queue::<StandardHeap>(criterion, "std-binary-heap");
    bench_queue::<QuaternaryHeap>(criterion, "4-ary-heap");
    bench_queue::<RadixHeap>(criterion, "radix-heap");
}

fn engine(criterion: &mut Criterion) {
    bench_model(criterion, "engine", Hold);
    bench_model(criterion, "engine-with-timeouts", |increments| Guarded {
        increments,
        guard: None,
    });
}

fn short() -> Criterion {
    Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(600))
}

criterion_group! { name = benches; config = short(); targets = queues, engine }
criterion_main!(benches);

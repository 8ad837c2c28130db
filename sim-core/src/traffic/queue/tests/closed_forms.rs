//! Waiting times against queueing theory, and the vectors of the specification.

use super::*;
use crate::autoscaling::proportional_capacity;
use crate::statistics::Moments;

/// Mean waits of 20 independent runs after a warm-up, in seconds: mean over the runs and its standard
/// error. And the shares of messages that waited no longer than each of `bounds`, likewise.
fn waits(rate: f64, servers: u32, service: &DurationDistribution, hours: u64) -> (f64, f64) {
    let queues = [queue("jobs", vec![at_rate(rate, MessageArrivals::Poisson)])];
    let processing_time = service.clone();
    let workers = [Worker { concurrency: servers, processing_time, ..worker() }];
    let mut means = Moments::default();
    for replication in 0..20 {
        let mut system =
            Queues::new(queues.iter(), workers.iter(), Limits::default(), key(replication));
        system.add_worker(0, at(0));
        system.advance(at(500));
        let (before, skipped) = system.waits(QUEUE).wait_total();
        system.advance(at(500 + 3600 * hours));
        let (all, messages) = system.waits(QUEUE).wait_total();
        means.add((all - before) as f64 / 1e9 / (messages - skipped) as f64);
    }
    let se = means.standard_deviation().expect("twenty runs") / libm::sqrt(20.0);
    (means.mean(), se)
}

fn check(rate: f64, servers: u32, service: &DurationDistribution, hours: u64, expected: f64) {
    let (mean, se) = waits(rate, servers, service, hours);
    assert!((mean - expected).abs() <= 4.0 * se, "{mean} ± {se}, expected {expected}");
    assert!(se < 0.1 * expected, "{se} is too wide to say anything about {expected}");
}

fn second() -> SimDuration {
    secs(1)
}

#[test]
fn tv_42_messages_wait_as_in_mm1() {
    let exponential = DurationDistribution::exponential(second()).unwrap();
    check(0.8, 1, &exponential, 4, 4.0);
}

#[test]
fn tv_42_messages_wait_as_in_mmc_with_10_servers() {
    let exponential = DurationDistribution::exponential(second()).unwrap();
    check(8.0, 10, &exponential, 1, 0.204_590_075);
    check(9.0, 10, &exponential, 2, 0.668_732);
}

#[test]
fn tv_42_messages_wait_half_as_long_in_md1() {
    check(0.8, 1, &DurationDistribution::Constant(second()), 3, 2.0);
    check(0.5, 1, &DurationDistribution::Constant(second()), 2, 0.5);
}

#[test]
fn tv_65_quantiles_of_md1_waits() {
    let queues = [queue("jobs", vec![at_rate(0.8, MessageArrivals::Poisson)])];
    let workers =
        [Worker { processing_time: DurationDistribution::Constant(second()), ..worker() }];
    let mut system = start(&queues, &workers);
    system.add_worker(0, at(0));
    system.advance(at(400_000));
    let found = system.waits(QUEUE).wait_seconds().expect("messages waited");
    for (found, expected) in [(found.p50, 1.27594), (found.p95, 6.62032), (found.p99, 10.35589)] {
        assert!((found / expected - 1.0).abs() < 0.05, "{found} {expected}");
    }
}

/// Threads of ten tasks are as good as one task with ten threads.
#[test]
fn it_does_not_matter_to_messages_whose_thread_takes_them() {
    let run = |tasks: u32| {
        let queues = [queue("jobs", vec![at_rate(9.0, MessageArrivals::Poisson)])];
        let processing_time = DurationDistribution::exponential(second()).unwrap();
        let workers = [Worker { concurrency: 20 / tasks, processing_time, ..worker() }];
        let mut system = start(&queues, &workers);
        for _ in 0..tasks {
            system.add_worker(0, at(0));
        }
        system.advance(at(5000));
        system.waits(QUEUE).wait_total()
    };
    assert_eq!(run(1), run(20));
    assert_eq!(run(4), run(20));
}

#[test]
fn little_holds_on_the_path_to_the_nanosecond() {
    let profile = RequestRate::from_rates(secs(100), &[3.0, 12.0], crate::traffic::AfterEnd::Zero);
    let source = MessageSource::Rate {
        rate: Arc::new(profile.unwrap()),
        at_once: 4,
        arrivals: MessageArrivals::Poisson,
    };
    let queues = [Queue { delay: secs(3), ..queue("jobs", vec![source]) }];
    let processing_time = DurationDistribution::exponential(second()).unwrap();
    let workers =
        [Worker { concurrency: 10, failure_probability: 0.05, processing_time, ..worker() }];
    let mut system = start(&queues, &workers);
    system.add_worker(0, at(0));
    let end = at(3000);
    system.advance(end);
    assert_eq!(held(&system, QUEUE), [0, 0, 0]);
    assert!(system.counts(QUEUE).failed > 10);
    let present: u128 = system.levels(QUEUE).iter().map(|level| level.total_at(end)).sum();
    assert_eq!(present, system.waits(QUEUE).stay_total());
    check_conservation(&system, QUEUE);
}

#[test]
fn tv_sqs_1_a_backlog_of_150_per_task_asks_for_half_as_many_tasks_again() {
    // Ten seconds are acceptable, a message takes a tenth of a second.
    let acceptable = 10.0 / 0.1;
    assert!((acceptable - 100.0_f64).abs() < 1e-9);
    let queues = [queue("jobs", vec![batches(&[(0, 1510)])])];
    let workers = [Worker { ..worker() }];
    let mut system = start(&queues, &workers);
    for _ in 0..10 {
        system.add_worker(0, at(1));
    }
    let [visible, in_flight, _] = held(&system, QUEUE);
    assert_eq!((visible, in_flight), (1500, 10), "visible are those not in flight");
    let per_task = visible as f64 / 10.0;
    assert_eq!(proportional_capacity(10, per_task, acceptable), 15);
}

#[test]
fn tv_sqs_2_a_backlog_of_1500_drains_in_30_seconds() {
    // Fifteen are taken at once; 1500 are visible.
    let sources = vec![batches(&[(0, 1515)]), at_rate(100.0, MessageArrivals::Regular)];
    let queues = [queue("jobs", sources)];
    let processing_time = DurationDistribution::Constant(SimDuration::from_millis(100));
    let workers = [Worker { processing_time, ..worker() }];
    let mut system = start(&queues, &workers);
    for _ in 0..15 {
        system.add_worker(0, at(0));
    }
    let mut tenth = 0;
    while 0 < held(&system, QUEUE)[0] || tenth == 0 {
        tenth += 1;
        system.advance(SimTime::from_nanos(tenth * 100_000_000));
    }
    assert!((299..=301).contains(&tenth), "drained after {tenth} tenths of a second");
}

//! Services that work on queues, in clusters small enough to follow by hand.

use std::sync::Arc;

use super::run;
use super::testing::{definition, empty, service};
use crate::engine::DurationDistribution;
use crate::invariants::violations;
use crate::results::{QueueResults, RunResults};
use crate::scenario::*;
use crate::units::{CapacityProviderId, Cpu, Mib, QueueId, SimDuration, SimTime, TaskDefinitionId};

const fn secs(seconds: u64) -> SimDuration {
    SimDuration::from_secs(seconds)
}

fn messages(list: &[(u64, u32)]) -> MessageSource {
    let batch = |&(second, messages)| MessageBatch { at: SimTime::from_secs(second), messages };
    MessageSource::Batches(list.iter().map(batch).collect())
}

fn queue(sources: Vec<MessageSource>) -> Queue {
    Queue {
        name: "jobs".into(),
        visibility_timeout: secs(30),
        message_retention_period: secs(4 * 86_400),
        delay: SimDuration::ZERO,
        redrive: None,
        sources,
    }
}

fn worker(processing: u64) -> Worker {
    Worker {
        queue: QueueId(0),
        concurrency: 1,
        max_number_of_messages: 1,
        receive_wait: secs(20),
        processing_time: DurationDistribution::Constant(secs(processing)),
        failure_probability: 0.0,
        poison_probability: 0.0,
        poll_interval: secs(1),
        on_stop: OnStop::Finish,
        protection: None,
        cpu_per_message: Cpu::from_ecs_units(256),
        memory_per_message_kib: 100 * 1024,
        idle_cpu: Cpu::from_ecs_units(64),
        idle_memory: Mib::new(128),
    }
}

/// A Fargate service of `desired` tasks that work on `jobs`.
fn scenario(queue: Queue, worker: Worker, desired: u32) -> Scenario {
    let mut definition = definition(512, 1024);
    definition.network_mode = NetworkMode::Awsvpc;
    Scenario {
        task_definitions: [definition].into_iter().collect(),
        queues: [queue].into_iter().collect(),
        services: vec![Service {
            worker: Some(worker),
            starts_ready: true,
            ..service("worker", desired, LaunchTarget::Fargate)
        }],
        ..empty()
    }
}

fn results(scenario: &Scenario) -> RunResults {
    let results = run(scenario, &mut |_| {}).expect("the limits are far away");
    let found = violations(scenario, &results);
    // The tests have no prices.
    let found: Vec<_> = found.iter().filter(|it| !it.starts_with("law 6: no price")).collect();
    assert!(found.is_empty(), "{found:?}");
    results
}

fn only(results: &RunResults) -> &QueueResults {
    &results.queues[0]
}

fn series<'r>(results: &'r RunResults, metric: &str, entity: &str) -> &'r [Option<f64>] {
    let of = |it: &&crate::results::Series| it.metric == metric && it.entity == entity;
    &results.series.iter().find(of).expect("it is recorded").values
}

#[test]
fn tasks_take_messages_from_running_on() {
    // Two tasks, ten seconds a message: twelve messages a minute.
    let list = [(0, 30), (600, 1)];
    let run = results(&scenario(queue(vec![messages(&list)]), worker(10), 2));
    let jobs = only(&run);
    assert_eq!((jobs.counts.sent, jobs.counts.deleted, jobs.visible_at_end), (31, 31, 0));
    // Waits 0 0 10 10 … 140 140, and 0 for the last one.
    let wait = jobs.wait_seconds.expect("messages waited");
    assert!(
        (wait.mean - 2.0 * (0..15).map(|k| 10.0 * f64::from(k)).sum::<f64>() / 31.0).abs() < 1e-9
    );
    assert!((wait.max - 140.0).abs() < 1e-9);
    let deleted = series(&run, "NumberOfMessagesDeleted", "jobs");
    assert_eq!(deleted[..4], [Some(12.0), Some(12.0), Some(6.0), Some(0.0)]);
    let visible = series(&run, "ApproximateNumberOfMessagesVisible", "jobs");
    // 28, 26, …, 18 for ten seconds each.
    assert!((visible[0].expect("a mean") - 23.0).abs() < 1e-9, "{visible:?}");
}

#[test]
fn busy_threads_show_in_the_metrics_of_the_service() {
    let run = results(&scenario(queue(vec![messages(&[(0, 9)])]), worker(20), 2));
    // Of 512 units 64 are used always and 256 while a message is processed. In the second minute one
    // task is busy for forty seconds and the other for twenty, of sixty each.
    let cpu = series(&run, "CPUUtilization", "worker");
    let percent = |busy: f64| 100.0 * (64.0 + 256.0 * busy) / 512.0;
    let close =
        |value: Option<f64>, expected: f64| (value.expect("tasks run") - expected).abs() < 1e-9;
    assert!(close(cpu[0], percent(1.0)), "{cpu:?}");
    assert!(close(cpu[1], percent(60.0 / 120.0)), "{cpu:?}");
    assert!(close(cpu[2], percent(0.0)), "{cpu:?}");
    let memory = series(&run, "MemoryUtilization", "worker");
    assert!(close(memory[1], 100.0 * (128.0 + 50.0) / 1024.0), "{memory:?}");
}

/// The service may have `tasks` tasks from `at` on.
fn limit_to(at: u64, from: u32, tasks: u32) -> ScalableTarget {
    ScalableTarget {
        min_capacity: 1,
        max_capacity: from,
        target_tracking: Vec::new(),
        step_scaling: Vec::new(),
        scheduled: vec![ScheduledChange {
            at: SimTime::from_secs(at),
            name: "less".into(),
            min_capacity: None,
            max_capacity: Some(tasks),
        }],
        ..ScalableTarget::default()
    }
}

/// Four messages of fifty seconds, two tasks, one of which is scaled in at second 60.
fn scaled_in(stop_timeout: u64, change: impl FnOnce(&mut Scenario)) -> RunResults {
    let jobs = Queue { visibility_timeout: secs(120), ..queue(vec![messages(&[(0, 4)])]) };
    let mut scenario = scenario(jobs, worker(50), 2);
    scenario.task_definitions[TaskDefinitionId(0)].stop_timeout = Some(secs(stop_timeout));
    scenario.services[0].scaling = Some(limit_to(60, 2, 1));
    change(&mut scenario);
    results(&scenario)
}

/// When the tasks of a run stopped that did.
fn stops(run: &RunResults) -> Vec<SimTime> {
    run.task_records.iter().filter_map(|task| task.stopped).collect()
}

#[test]
fn a_task_that_stops_finishes_its_message_within_the_stop_timeout() {
    let run = scaled_in(60, |_| {});
    assert_eq!(stops(&run), [SimTime::from_secs(100)], "it exits when it is done");
    let counts = only(&run).counts;
    assert_eq!((counts.abandoned, counts.received, counts.deleted), (0, 4, 4));
}

#[test]
fn a_message_that_outlives_the_stop_timeout_comes_back() {
    let run = scaled_in(30, |_| {});
    assert_eq!(stops(&run), [SimTime::from_secs(90)]);
    let counts = only(&run).counts;
    assert_eq!((counts.abandoned, counts.received, counts.deleted), (1, 5, 4));
    // Received at 50, back at 170, done at 220.
    assert!((only(&run).stay_seconds.expect("four").max - 220.0).abs() < 1e-9);
}

#[test]
fn a_protected_task_is_scaled_in_when_its_message_is_done() {
    let protected = |scenario: &mut Scenario| {
        if let Some(worker) = &mut scenario.services[0].worker {
            worker.protection = Some(secs(7200));
        }
    };
    // Both are busy until 100. Then one is not protected again, since one is all that is wanted; there
    // is nothing left to do, and it exits at once.
    let run = scaled_in(30, protected);
    assert_eq!(stops(&run), [SimTime::from_secs(100)]);
    let counts = only(&run).counts;
    assert_eq!((counts.abandoned, counts.received, counts.deleted), (0, 4, 4));
}

#[test]
fn an_interrupted_spot_task_has_two_minutes_for_its_message() {
    for (processing, done) in [(100, true), (200, false)] {
        let spot = CapacityProvider {
            name: "FARGATE_SPOT".into(),
            kind: CapacityProviderKind::FargateSpot {
                // Surely within the first message, and not at once.
                mean_time_to_interruption: Some(secs(20)),
            },
        };
        let item = StrategyItem { capacity_provider: CapacityProviderId(0), base: 0, weight: 1 };
        let jobs = Queue { visibility_timeout: secs(600), ..queue(vec![messages(&[(0, 1)])]) };
        let mut scenario = scenario(jobs, worker(processing), 1);
        scenario.task_definitions[TaskDefinitionId(0)].stop_timeout = Some(secs(120));
        scenario.capacity_providers = [spot].into_iter().collect();
        scenario.services[0].launch = LaunchTarget::Strategy(vec![item]);
        let run = results(&scenario);
        let first = &run.task_records[0];
        let stopping = first.stopping.expect("it was interrupted");
        assert!(stopping < SimTime::from_secs(80), "{stopping:?}");
        let end = if done { SimTime::from_secs(processing) } else { stopping + secs(120) };
        assert_eq!(first.stopped, Some(end));
        let counts = only(&run).counts;
        if done {
            assert_eq!((counts.abandoned, counts.deleted), (0, 1));
        } else {
            // Hardly a task lives for 200 s: nobody gets it done.
            let ended = counts.received - only(&run).held_at_end;
            assert_eq!((counts.abandoned, counts.deleted), (ended, 0));
        }
    }
}

#[test]
fn a_service_may_work_on_the_dead_letters_of_another() {
    let redrive = Some(RedrivePolicy { max_receive_count: 2, dead_letter_queue: QueueId(1) });
    let jobs = Queue { redrive, ..queue(vec![messages(&[(0, 3)])]) };
    let bad = Worker { poison_probability: 1.0, ..worker(10) };
    let mut scenario = scenario(jobs, bad, 3);
    scenario.queues.push(Queue { name: "dead".into(), ..queue(Vec::new()) });
    let of_dead = Worker { queue: QueueId(1), ..worker(10) };
    scenario.services.push(Service {
        worker: Some(of_dead),
        starts_ready: true,
        ..service("undertaker", 1, LaunchTarget::Fargate)
    });
    let run = results(&scenario);
    assert_eq!((run.queues[0].counts.dead_lettered, run.queues[0].counts.failed), (3, 6));
    assert_eq!((run.queues[1].counts.moved_in, run.queues[1].counts.deleted), (3, 3));
    // Received at 0 and 30, moved at 60, done at 70, 80 and 90.
    assert!((run.queues[1].stay_seconds.expect("three").mean - 80.0).abs() < 1e-9);
}

#[test]
fn a_queue_that_nobody_works_on_only_fills() {
    let rate = Arc::new(crate::traffic::RequestRate::constant(0.1).expect("a rate"));
    let source = MessageSource::Rate { rate, at_once: 1, arrivals: MessageArrivals::Regular };
    let jobs = Queue { message_retention_period: secs(600), ..queue(vec![source]) };
    let mut scenario = scenario(jobs, worker(1), 0);
    scenario.services[0].desired_count = 0;
    let run = results(&scenario);
    let jobs = only(&run);
    // One in ten seconds for an hour, each kept for ten minutes. The last one is sent at the end.
    assert_eq!((jobs.counts.sent, jobs.counts.expired, jobs.visible_at_end), (360, 300, 60));
    assert_eq!(jobs.visible_peak, 60);
    assert!(jobs.wait_seconds.is_none());
    assert!((jobs.oldest_seconds - 600.0).abs() < 10.1, "{}", jobs.oldest_seconds);
}

#[test]
fn messages_without_end_end_the_run() {
    let mut scenario = scenario(queue(vec![messages(&[(3590, 4_000_000)])]), worker(1), 1);
    scenario.limits.pending_events = 100_000;
    let error = run(&scenario, &mut |_| {}).expect_err("too many messages");
    assert!(error.to_string().contains("limits.pendingEvents"), "{error}");
}

/// Other services see nothing of a queue, and a queue nothing of the recording.
#[test]
fn reading_changes_nothing() {
    let rate = Arc::new(crate::traffic::RequestRate::constant(0.3).expect("a rate"));
    let source = MessageSource::Rate { rate, at_once: 1, arrivals: MessageArrivals::Poisson };
    let often = scenario(queue(vec![source]), worker(9), 3);
    let rarely = Scenario { record_interval: secs(1700), ..often.clone() };
    let (often, rarely) = (results(&often), results(&rarely));
    assert_eq!(only(&often).counts, only(&rarely).counts);
    assert_eq!(only(&often).total_stay, only(&rarely).total_stay);
    assert_eq!(often.outcome_fingerprint, rarely.outcome_fingerprint);
}

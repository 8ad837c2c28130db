//! Single requests whose times can be worked out by hand, and a naive simulation.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::engine::{StreamKey, UnitLaw};
use crate::scenario::{
    Arrivals, BalancingAlgorithm, Connections, Discipline, Fidelity, RequestSettings,
    RetrySettings, ServiceLoad,
};
use crate::traffic::RequestRate;
use crate::units::{Cpu, Mib, SimDuration, SimTime, TaskId};

const CORE: Cpu = Cpu::from_ecs_units(1024);

const fn at(millis: u64) -> SimTime {
    SimTime::from_nanos(millis * 1_000_000)
}

/// Requests of exactly one second of CPU that arrive at `millis`.
fn settings(millis: &[u64]) -> RequestSettings {
    RequestSettings {
        arrivals: Arrivals::Times(millis.iter().map(|&it| at(it)).collect()),
        demand: UnitLaw::Deterministic,
        ..RequestSettings::default()
    }
}

fn load(timeout_millis: u64) -> ServiceLoad {
    ServiceLoad {
        fidelity: Fidelity::default(),
        rate: Arc::new(RequestRate::constant(100.0).unwrap()),
        cpu_per_request: SimDuration::from_secs(1),
        other_latency: SimDuration::ZERO,
        algorithm: BalancingAlgorithm::RoundRobin,
        timeout: SimDuration::from_millis(timeout_millis),
        parallelism: None,
        idle_cpu: Cpu::ZERO,
        idle_memory: Mib::ZERO,
        memory_per_request_kib: 0,
    }
}

fn engine(load: &ServiceLoad, settings: &RequestSettings, tasks: u32, cpu: Cpu) -> RequestEngine {
    let bound = Some(SimDuration::from_millis(1200));
    let mut engine =
        RequestEngine::new(load, settings, bound, |purpose| StreamKey::new(7, 0, purpose, 0));
    for task in 0..tasks {
        engine.add(TaskId(task), cpu, SimTime::ZERO);
    }
    engine
}

/// Sum of the response times so far, in milliseconds.
fn sum_ms(engine: &RequestEngine) -> f64 {
    engine.response_times().map_or(0.0, |times| times.mean * times.count as f64)
}

#[track_caller]
fn close(actual: f64, expected: f64) {
    assert!((actual - expected).abs() < 1e-4, "{actual} instead of {expected}");
}

#[test]
fn sharing_a_core_slows_both_and_serving_in_turn_only_the_second() {
    let arrivals = [0, 500];
    // Shared: the first has half of its work done at 0.5 s, the rest takes 1 s; both take 1.5 s.
    let mut shared = engine(&load(60_000), &settings(&arrivals), 1, CORE);
    shared.advance(at(1500));
    assert_eq!(shared.counts().served, 0, "1.5 s is not before 1.5 s");
    shared.advance(at(1501));
    assert_eq!((shared.counts().served, shared.counts().slow), (1, 1));
    close(sum_ms(&shared), 1500.0);
    shared.advance(at(5000));
    close(sum_ms(&shared), 3000.0);
    // In turn: 1 s, then 0.5 s of waiting and 1 s.
    let fifo = RequestSettings { discipline: Discipline::Fifo, ..settings(&arrivals) };
    let mut fifo = engine(&load(60_000), &fifo, 1, CORE);
    fifo.advance(at(5000));
    close(sum_ms(&fifo), 2500.0);
    assert_eq!(fifo.counts().slow, 1);
    // The same work in both, and nobody waits any more.
    for engine in [shared, fifo] {
        assert_eq!(engine.busy_cpu(at(5000)), 2 * 1_000_000_000 * u128::from(CORE.as_raw()));
        assert_eq!(engine.pending(), 0);
    }
}

#[test]
fn a_request_uses_one_core_at_most_and_a_quarter_core_is_slow() {
    let mut two = engine(&load(60_000), &settings(&[0]), 1, Cpu::from_ecs_units(2048));
    two.advance(at(60_000));
    close(sum_ms(&two), 1000.0);
    let mut quarter = engine(&load(60_000), &settings(&[0]), 1, Cpu::from_ecs_units(256));
    quarter.advance(at(60_000));
    close(sum_ms(&quarter), 4000.0);
    // Three requests on 2.5 vCPU: in service first-come first-served, each on 2.5/3 of a core.
    let fifo = RequestSettings { discipline: Discipline::Fifo, ..settings(&[0, 0, 0, 0]) };
    let mut engine = engine(&load(60_000), &fifo, 1, Cpu::from_ecs_units(2560));
    engine.advance(at(60_000));
    close(sum_ms(&engine), 3.0 * 1200.0 + 2200.0);
}

#[test]
fn more_cpu_in_between_speeds_up_what_is_left() {
    let mut engine = engine(&load(60_000), &settings(&[0]), 1, Cpu::from_ecs_units(512));
    engine.advance(at(1000));
    // Half is done; a tenth of a core for 2 s, then a whole one for the last 0.3 s.
    engine.set_cpu(TaskId(0), Cpu::from_raw(CORE.as_raw() / 10), at(1000));
    engine.advance(at(3000));
    engine.set_cpu(TaskId(0), CORE, at(3000));
    engine.advance(at(9000));
    close(sum_ms(&engine), 3300.0);
}

#[test]
fn the_constant_part_holds_a_place_but_no_cpu() {
    let arrivals = [0, 0];
    let mut load = load(60_000);
    load.other_latency = SimDuration::from_secs(2);
    let one = RequestSettings { max_concurrency: Some(1), ..settings(&arrivals) };
    let mut one = engine(&load, &one, 1, CORE);
    one.advance(at(9000));
    // The second begins when the first is answered after 3 s.
    close(sum_ms(&one), 3000.0 + 6000.0);
    assert_eq!(one.present_time(at(9000)), 9_000_000_000);
    let mut two = engine(&load, &settings(&arrivals), 1, CORE);
    two.advance(at(9000));
    close(sum_ms(&two), 2.0 * 4000.0);
}

#[test]
fn what_exceeds_concurrency_and_queue_is_rejected() {
    let limited = RequestSettings {
        max_concurrency: Some(2),
        queue_length: Some(1),
        ..settings(&[0, 0, 0, 0, 1999])
    };
    let mut engine = engine(&load(60_000), &limited, 1, CORE);
    engine.advance(at(60_000));
    // Two share the core until 2 s, one waits for that; two are turned away.
    let counts = engine.counts();
    assert_eq!((counts.offered, counts.served, counts.rejected, counts.failed), (5, 3, 2, 2));
    close(sum_ms(&engine), 2000.0 + 2000.0 + 3000.0);
}

#[test]
fn without_targets_everything_fails() {
    let mut engine = engine(&load(60_000), &settings(&[0, 10]), 0, CORE);
    engine.advance(at(60_000));
    let counts = engine.counts();
    assert_eq!((counts.offered, counts.rejected, counts.failed), (2, 2, 2));
}

#[test]
fn work_is_stopped_after_a_time_out_or_done_in_vain() {
    let fifo = RequestSettings { discipline: Discipline::Fifo, ..settings(&[0, 100, 1250]) };
    let mut cancels = engine(&load(1200), &fifo, 1, CORE);
    cancels.advance(at(60_000));
    // The second gives up at 1.3 s, having begun at 1 s; the third runs from 1.3 s to 2.3 s.
    let counts = cancels.counts();
    assert_eq!((counts.served, counts.timed_out, counts.failed), (2, 1, 1));
    close(sum_ms(&cancels), 1000.0 + 1050.0);
    let finishes = RequestSettings { cancel_abandoned: false, ..fifo };
    let mut finishes = engine(&load(1200), &finishes, 1, CORE);
    finishes.advance(at(60_000));
    // The second runs on until 2 s, so that the third is too late as well.
    let counts = finishes.counts();
    assert_eq!((counts.served, counts.timed_out, counts.failed), (1, 2, 2));
    assert_eq!(finishes.busy_cpu(at(60_000)), 3 * 1_000_000_000 * u128::from(CORE.as_raw()));
    assert_eq!(finishes.pending(), 0);
}

#[test]
fn failed_attempts_are_made_again_within_attempts_and_budget() {
    let retries = RetrySettings {
        max_attempts: 3,
        base_delay: SimDuration::from_millis(10),
        max_delay: SimDuration::from_secs(20),
        budget_micro: None,
    };
    let full = RequestSettings {
        max_concurrency: Some(1),
        queue_length: Some(0),
        retries: Some(retries),
        ..settings(&[0, 1])
    };
    let mut engine = engine(&load(60_000), &full, 1, CORE);
    engine.advance(at(60_000));
    // The second is turned away at once, within 10 ms and within 20 ms more.
    let counts = engine.counts();
    assert_eq!((counts.served, counts.rejected, counts.failed), (1, 3, 1));
    assert_eq!((counts.offered, counts.attempts), (2, 4));
}

#[test]
fn a_budget_bounds_the_retries() {
    let retries = RetrySettings {
        max_attempts: 2,
        base_delay: SimDuration::from_millis(1),
        max_delay: SimDuration::from_millis(1),
        budget_micro: Some(100_000),
    };
    let millis: Vec<u64> = (0..10_000).map(|k| 10 * k).collect();
    let failing = RequestSettings { retries: Some(retries), ..settings(&millis) };
    let mut engine = engine(&load(60_000), &failing, 0, CORE);
    engine.advance(at(1_000_000));
    // A tenth of a retry for each request, and the hundred saved up at the start, which it is full of.
    let counts = engine.counts();
    assert_eq!(counts.attempts - counts.offered, 100 + 1_000 - 1);
    assert_eq!(counts.failed, 10_000);
}

#[test]
fn retries_back_off_exponentially_with_full_jitter() {
    let retries = RetrySettings {
        max_attempts: 4,
        base_delay: SimDuration::from_millis(100),
        max_delay: SimDuration::from_millis(250),
        budget_micro: None,
    };
    let key = StreamKey::new(3, 0, "request-retries", 0);
    let mut queue = retries::Retries::new(Some(retries), key);
    let mut longest = [0; 4];
    for number in 0..2000 {
        for attempt in 1..=4 {
            let planned = queue.plan(1_000_000_000, number, 0, attempt);
            assert_eq!(planned, attempt < 4);
            if let Some(retry) = queue.pop() {
                assert_eq!(retry.attempt, attempt + 1);
                let delay = (retry.at - 1_000_000_000) as f64 / 1e6;
                let longest = &mut longest[attempt as usize];
                *longest = (delay as u64).max(*longest);
            }
        }
    }
    // 100, 200 and 250 ms at most, and the draws come close to it.
    assert!((99..=100).contains(&longest[1]), "{longest:?}");
    assert!((198..=200).contains(&longest[2]), "{longest:?}");
    assert!((248..=250).contains(&longest[3]), "{longest:?}");
}

#[test]
fn a_deregistered_task_finishes_what_it_has() {
    let mut engine = engine(&load(60_000), &settings(&[0, 0, 500]), 2, CORE);
    engine.advance(at(400));
    engine.remove(TaskId(0), at(400));
    engine.advance(at(1001));
    // The request that task 0 had is answered; the third goes to task 1, not to task 0.
    assert_eq!(engine.counts().served, 1);
    engine.advance(at(60_000));
    close(sum_ms(&engine), 1000.0 + 1500.0 + 1500.0);
    // CPU counts while a task receives: 0.4 s of task 0, 2 s of task 1.
    let core = u128::from(CORE.as_raw());
    assert_eq!(engine.busy_cpu(at(60_000)), (400 + 2000) * 1_000_000 * core);
}

#[test]
fn what_is_left_when_a_task_ends_fails() {
    let fifo = RequestSettings { discipline: Discipline::Fifo, ..settings(&[0, 0, 0]) };
    let mut engine = engine(&load(60_000), &fifo, 1, CORE);
    engine.advance(at(1500));
    engine.remove(TaskId(0), at(1500));
    engine.end(TaskId(0), at(1500));
    let counts = engine.counts();
    assert_eq!((counts.served, counts.broken_off, counts.failed), (1, 2, 2));
    // The slot of the task is used again, and nothing of the old one is left.
    engine.add(TaskId(5), CORE, at(1500));
    engine.advance(at(60_000));
    assert_eq!(engine.counts().served, 1);
    assert_eq!(engine.pending(), 0);
}

/// Requests that each of `tasks` tasks got, from what is left when they end one by one.
fn got(mut engine: RequestEngine, tasks: u32, now: SimTime) -> Vec<u64> {
    let mut before = engine.counts().broken_off;
    let mut all = Vec::new();
    for task in 0..tasks {
        engine.end(TaskId(task), now);
        let after = engine.counts().broken_off;
        all.push(after - before);
        before = after;
    }
    all
}

#[test]
fn a_new_target_starts_slowly_beside_warm_ones() {
    // 10 per second for 200 s; requests stay, so that they can be counted at the end.
    let millis: Vec<u64> = (0..2000).map(|k| 100 * k + 50).collect();
    for algorithm in [BalancingAlgorithm::RoundRobin, BalancingAlgorithm::WeightedRandom] {
        let mut load = load(10_000_000);
        load.algorithm = algorithm;
        load.cpu_per_request = SimDuration::from_secs(100_000);
        let slow = RequestSettings { slow_start: SimDuration::from_secs(100), ..settings(&millis) };
        let mut engine = engine(&load, &slow, 2, CORE);
        engine.advance(at(100_000));
        engine.add(TaskId(2), CORE, at(100_000));
        engine.advance(at(200_000));
        let got = got(engine, 3, at(200_000));
        // The first two began together in an empty group, without slow start. With weight w the third
        // gets w/(2 + w) of the requests: 1 − 2·ln(3/2) of 1000 in the mean over w from 0 to 1.
        let third = 1000.0 * (1.0 - 2.0 * libm::log(1.5));
        let tolerance = if algorithm == BalancingAlgorithm::RoundRobin { 2.0 } else { 50.0 };
        assert!((got[2] as f64 - third).abs() < tolerance, "{algorithm:?} {got:?} {third}");
        assert_eq!(got.iter().sum::<u64>(), 2000);
        assert!(got[0].abs_diff(got[1]) <= tolerance as u64 * 4, "{got:?}");
    }
}

#[test]
fn round_robin_takes_turns_and_least_outstanding_fills_up() {
    let millis: Vec<u64> = (0..9).collect();
    let mut load = load(10_000_000);
    load.cpu_per_request = SimDuration::from_secs(1000);
    let mut turns = engine(&load, &settings(&millis), 3, CORE);
    turns.advance(at(100));
    assert_eq!(got(turns, 3, at(100)), [3, 3, 3]);
    load.algorithm = BalancingAlgorithm::LeastOutstandingRequests;
    let mut least = engine(&load, &settings(&millis), 2, CORE);
    least.advance(at(4));
    least.add(TaskId(2), CORE, at(4));
    least.advance(at(7));
    // 2 and 2; the new target gets the next two, and then it is the turn of the first.
    assert_eq!(got(least, 3, at(7)), [3, 2, 2]);
}

#[test]
fn every_load_balancer_knows_no_more_than_the_present_targets() {
    let mut load = load(10_000_000);
    load.cpu_per_request = SimDuration::from_secs(1000);
    let mut turns = engine(&load, &settings(&[0, 1, 2, 3, 4, 5]), 3, CORE);
    turns.advance(at(2));
    turns.remove(TaskId(0), at(2));
    turns.advance(at(4));
    turns.add(TaskId(0), CORE, at(4));
    turns.advance(at(10));
    // 0 1 | 2 1 | 2 0: the turn goes on where it was.
    assert_eq!(got(turns, 3, at(10)), [2, 2, 2]);
}

/// One task by small steps of time: each request in service attains an equal share per step.
fn naive(arrivals: &[u64], work_ms: u64, vcpu: u64, fifo: bool, most: Option<u32>) -> Vec<u64> {
    const PARTS: u64 = 2520;
    let mut left: Vec<u64> = vec![work_ms * PARTS; arrivals.len()];
    let mut done = vec![None; arrivals.len()];
    let mut now = 0;
    while done.iter().any(Option::is_none) {
        let mut limit = if fifo { vcpu as usize } else { usize::MAX };
        limit = limit.min(most.map_or(usize::MAX, |it| it as usize));
        let present: Vec<usize> = (0..arrivals.len())
            .filter(|&k| arrivals[k] <= now && done[k].is_none())
            .take(limit)
            .collect();
        for &k in &present {
            left[k] -= (PARTS * vcpu / present.len() as u64).min(PARTS).min(left[k]);
        }
        now += 1;
        for &k in &present {
            if left[k] == 0 {
                done[k] = Some(now - arrivals[k]);
            }
        }
    }
    done.into_iter().flatten().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Against the naive simulation, up to its step of time for each change of the sharing.
    #[test]
    #[test]
    fn agrees_with_a_naive_simulation(
        mut arrivals in prop::collection::vec(0_u64..400, 1..9),
        work_ms in 10_u64..120,
        vcpu in 1_u64..4,
        fifo: bool,
        most in prop::option::of(1_u32..4),
    ) {
        arrivals.sort_unstable();
        let expected = naive(&arrivals, work_ms, vcpu, fifo, most);
        let discipline = if fifo { Discipline::Fifo } else { Discipline::ProcessorSharing };
        let settings = RequestSettings { discipline, max_concurrency: most, ..settings(&arrivals) };
        let mut load = load(60_000);
        load.cpu_per_request = SimDuration::from_millis(work_ms);
        let mut engine = engine(&load, &settings, 1, Cpu::from_ecs_units(1024 * vcpu as u32));
        engine.advance(at(60_000));
        let times = engine.response_times().expect("all are answered");
        prop_assert_eq!(times.count, arrivals.len() as u64);
        let slack = arrivals.len() as f64;
        let mean = expected.iter().sum::<u64>() as f64 / slack;
        prop_assert!((times.mean - mean).abs() <= slack, "{} {}", times.mean, mean);
        let longest = expected.iter().copied().max().unwrap_or(0) as f64;
        prop_assert!((times.max - longest).abs() <= slack, "{} {}", times.max, longest);
    }

    /// How often the present is asked for changes nothing, whatever happens to the tasks.
    #[test]
    #[test]
    fn the_number_of_looks_changes_nothing(
        changes in prop::collection::vec((0_u64..200, 0_u32..6, 0_u32..4, 1_u32..3000), 1..25),
        looks in prop::collection::vec(0_u64..6000, 0..80),
        algorithm in 0..3,
        fifo: bool,
        cancel_abandoned: bool,
        most in prop::option::of(1_u32..6),
    ) {
        let mut load = load(700);
        load.rate = Arc::new(RequestRate::constant(60.0).unwrap());
        load.cpu_per_request = SimDuration::from_millis(40);
        load.other_latency = SimDuration::from_millis(15);
        load.algorithm = match algorithm {
            0 => BalancingAlgorithm::RoundRobin,
            1 => BalancingAlgorithm::LeastOutstandingRequests,
            _ => BalancingAlgorithm::WeightedRandom,
        };
        let settings = RequestSettings {
            discipline: if fifo { Discipline::Fifo } else { Discipline::ProcessorSharing },
            demand: UnitLaw::of_squared_cv(3.0).unwrap(),
            max_concurrency: most,
            queue_length: most.map(|it| 2 * it),
            cancel_abandoned,
            slow_start: SimDuration::from_secs(1),
            retries: Some(RetrySettings {
                max_attempts: 3,
                base_delay: SimDuration::from_millis(50),
                max_delay: SimDuration::from_secs(1),
                budget_micro: Some(300_000),
            }),
            ..RequestSettings::default()
        };
        let mut seldom = engine(&load, &settings, 2, CORE);
        let mut often = seldom.clone();
        let mut now = 0;
        let mut looks = looks;
        looks.sort_unstable();
        let mut look = looks.into_iter().peekable();
        for (wait, task, kind, cpu) in changes {
            now += wait;
            while let Some(early) = look.next_if(|&early| early < now) {
                often.advance(at(early));
            }
            let (task, cpu) = (TaskId(task), Cpu::from_ecs_units(cpu));
            for engine in [&mut seldom, &mut often] {
                engine.advance(at(now));
                match kind {
                    0 => engine.add(task, cpu, at(now)),
                    1 => engine.remove(task, at(now)),
                    2 => engine.set_cpu(task, cpu, at(now)),
                    _ => engine.end(task, at(now)),
                }
            }
        }
        for early in look {
            often.advance(at(early.max(now)));
        }
        let end = at(now.max(6000) + 20_000);
        seldom.advance(end);
        often.advance(end);
        prop_assert_eq!(seldom.counts(), often.counts());
        prop_assert_eq!(seldom.busy_cpu(end), often.busy_cpu(end));
        prop_assert_eq!(seldom.present_time(end), often.present_time(end));
        prop_assert_eq!(seldom.response_times(), often.response_times());
        let counts = seldom.counts();
        prop_assert_eq!(counts.offered, counts.served + counts.failed + seldom.pending());
        let ends = counts.served + counts.rejected + counts.timed_out + counts.broken_off;
        prop_assert!(ends <= counts.attempts);
        prop_assert!(counts.failed <= counts.rejected + counts.timed_out + counts.broken_off);
    }
}

/// Requests of a second of CPU each, all at once, over connections to `tasks` tasks that serve in turn.
fn over_connections(requests: usize, open: u32, requests_each: u64, tasks: u32) -> RequestEngine {
    let settings = RequestSettings {
        discipline: Discipline::Fifo,
        connections: Some(Connections { open, requests_each }),
        ..settings(&vec![0; requests])
    };
    engine(&load(600_000), &settings, tasks, CORE)
}

#[test]
fn a_connection_stays_with_its_target() {
    // Three requests over one connection wait for each other, though three tasks have nothing to do.
    let mut one = over_connections(3, 1, 1000, 4);
    one.advance(at(10_000));
    close(sum_ms(&one), 1000.0 + 2000.0 + 3000.0);
    // In turn they would not.
    let settings = RequestSettings { discipline: Discipline::Fifo, ..settings(&[0; 3]) };
    let mut in_turn = engine(&load(600_000), &settings, 4, CORE);
    in_turn.advance(at(10_000));
    close(sum_ms(&in_turn), 3000.0);
}

#[test]
fn a_new_target_gets_new_connections_only() {
    let run = |requests_each| {
        let millis: Vec<u64> = (0..40).map(|n| n * 500).collect();
        let settings = RequestSettings {
            discipline: Discipline::Fifo,
            connections: Some(Connections { open: 5, requests_each }),
            ..settings(&millis)
        };
        let mut engine = engine(&load(600_000), &settings, 1, CORE);
        engine.advance(at(10_000));
        engine.add(TaskId(1), CORE, at(10_000));
        engine.advance(at(60_000));
        assert_eq!(engine.counts().served, 40);
        sum_ms(&engine)
    };
    // All at one task, which falls behind by half a second with each: 1, 1.5, 2 … 20.5 s.
    let alone = (0..40).map(|n| 1000.0 + 500.0 * f64::from(n)).sum::<f64>();
    close(run(1000), alone);
    assert!(run(1) < 0.9 * alone);
}

#[test]
fn connections_of_a_target_that_goes_are_opened_to_others() {
    let millis: Vec<u64> = (0..20).map(|n| n * 2000).collect();
    let settings = RequestSettings {
        connections: Some(Connections { open: 3, requests_each: 1000 }),
        ..settings(&millis)
    };
    let mut engine = engine(&load(600_000), &settings, 1, CORE);
    engine.advance(at(20_000));
    engine.add(TaskId(1), CORE, at(20_000));
    engine.end(TaskId(0), at(20_000));
    // Its place is taken by another task, which is not the one that the connections had.
    engine.add(TaskId(2), CORE, at(20_000));
    engine.advance(at(60_000));
    assert_eq!((engine.counts().served, engine.counts().failed), (20, 0));
}

#[test]
fn many_connections_spread_as_a_uniform_hash() {
    // 400 requests of a second over connections of one request each: 100 for each of 4 tasks, give or take
    // three times 8.7. All tasks have work for 70 s, and none has for more than 130 s.
    let served = |second: u64| {
        let mut engine = over_connections(400, 100, 1, 4);
        engine.advance(at(1000 * second + 1));
        engine.counts().served
    };
    assert_eq!((served(70), served(130)), (4 * 70, 400));
    assert!(served(100) < 400, "it is no turn");
}

use super::*;

/// What a toy event makes the toy model do.
#[derive(Clone, Copy)]
enum Action {
    Nothing,
    /// Schedule an event of the given kind now, in the given phase.
    Now(u16, Phase),
    /// Schedule the same again after some nanoseconds.
    Repeat(u64),
    /// Schedule two of the same after a nanosecond.
    Double,
    Fail,
    Stop,
}

#[derive(Clone, Copy)]
struct Toy {
    kind: u16,
    action: Action,
}

#[derive(Default)]
struct Log(Vec<(u64, Phase, u16)>);

impl Model for Log {
    type Event = Toy;

    fn handle(&mut self, event: Toy, scheduler: &mut Scheduler<Toy>) {
        self.0.push((scheduler.now().as_nanos(), scheduler.phase, event.kind));
        match event.action {
            Action::Nothing => {}
            Action::Now(kind, phase) => scheduler.schedule_at(scheduler.now(), phase, plain(kind)),
            Action::Repeat(nanos) => {
                scheduler.schedule_in(SimDuration::from_nanos(nanos), Phase::Schedule, event);
            }
            Action::Double => {
                for _ in 0..2 {
                    scheduler.schedule_in(SimDuration::from_nanos(1), Phase::Schedule, event);
                }
            }
            Action::Fail => {
                scheduler.fail("limits.tasks", 5);
                scheduler.fail("limits.other", 6);
            }
            Action::Stop => scheduler.stop(),
        }
    }

    fn digest(event: &Toy) -> Digest {
        Digest { kind: event.kind, entity: 7, payload: 9 }
    }

    fn kind_name(kind: u16) -> &'static str {
        ["zero", "one", "two", "three", "four", "five", "six"]
            .get(kind as usize)
            .copied()
            .unwrap_or("other")
    }
}

fn plain(kind: u16) -> Toy {
    Toy { kind, action: Action::Nothing }
}

fn at(nanos: u64) -> SimTime {
    SimTime::from_nanos(nanos)
}

fn scheduler(events: &[(u64, Phase, Toy)]) -> Scheduler<Toy> {
    scheduler_with(Limits::default(), events)
}

fn scheduler_with(limits: Limits, events: &[(u64, Phase, Toy)]) -> Scheduler<Toy> {
    let mut scheduler = Scheduler::new(limits);
    for &(time, phase, event) in events {
        scheduler.schedule_at(at(time), phase, event);
    }
    scheduler
}

#[test]
fn dispatches_by_time_then_phase_then_insertion() {
    let mut scheduler = scheduler(&[
        (5, Phase::Schedule, plain(1)),
        (5, Phase::Release, plain(2)),
        (3, Phase::End, plain(3)),
        (5, Phase::Schedule, plain(4)),
    ]);
    let mut log = Log::default();
    let statistics = run(&mut log, &mut scheduler, SimTime::MAX).unwrap();
    let kinds: Vec<u16> = log.0.iter().map(|entry| entry.2).collect();
    assert_eq!(kinds, [3, 2, 1, 4]);
    assert_eq!((statistics.events, statistics.end), (4, at(5)));
}

#[test]
fn an_event_for_now_is_raised_to_the_current_phase() {
    let trigger = Toy { kind: 1, action: Action::Now(2, Phase::Release) };
    let mut scheduler = scheduler(&[(5, Phase::Decide, trigger), (5, Phase::Schedule, plain(3))]);
    let mut log = Log::default();
    run(&mut log, &mut scheduler, SimTime::MAX).unwrap();
    assert_eq!(log.0, [(5, Phase::Decide, 1), (5, Phase::Decide, 2), (5, Phase::Schedule, 3)]);
}

#[test]
fn an_event_for_now_can_wait_for_a_later_phase() {
    let trigger = Toy { kind: 1, action: Action::Now(2, Phase::Observe) };
    let mut scheduler = scheduler(&[(5, Phase::Decide, trigger), (5, Phase::Schedule, plain(3))]);
    let mut log = Log::default();
    run(&mut log, &mut scheduler, SimTime::MAX).unwrap();
    assert_eq!(log.0, [(5, Phase::Decide, 1), (5, Phase::Schedule, 3), (5, Phase::Observe, 2)]);
}

#[test]
fn the_horizon_includes_what_is_observed_at_it() {
    let mut scheduler = scheduler(&[
        (9, Phase::End, plain(1)),
        (10, Phase::Release, plain(2)),
        (10, Phase::Observe, plain(3)),
        (10, Phase::End, plain(4)),
        (11, Phase::Release, plain(5)),
    ]);
    let mut log = Log::default();
    let statistics = run(&mut log, &mut scheduler, at(10)).unwrap();
    let kinds: Vec<u16> = log.0.iter().map(|entry| entry.2).collect();
    assert_eq!(kinds, [1, 2, 3]);
    assert_eq!((statistics.end, scheduler.pending()), (at(10), 2));
}

#[test]
fn a_run_that_dries_up_still_ends_at_the_horizon() {
    let mut scheduler = scheduler(&[(3, Phase::Release, plain(1))]);
    assert_eq!(run(&mut Log::default(), &mut scheduler, at(10)).unwrap().end, at(10));
    assert_eq!(scheduler.now(), at(10));
}

#[test]
fn slices_add_up_to_the_whole_run() {
    let start = [(0, Phase::Schedule, Toy { kind: 1, action: Action::Repeat(3) })];
    let mut whole = scheduler(&start);
    let expected = run(&mut Log::default(), &mut whole, at(1_000_000)).unwrap();
    let mut sliced = scheduler(&start);
    let mut log = Log::default();
    for end in [10, 11, 12, 500_000] {
        run(&mut log, &mut sliced, at(end)).unwrap();
    }
    let statistics = run(&mut log, &mut sliced, at(1_000_000)).unwrap();
    assert_eq!(statistics, expected);
    assert_eq!(statistics.events, 333_334);
}

#[test]
fn the_fingerprint_is_the_fold_of_the_ingredients() {
    let start = [(5, Phase::Decide, plain(3)), (8, Phase::Release, plain(4))];
    let statistics = run(&mut Log::default(), &mut scheduler(&start), SimTime::MAX).unwrap();
    let words = [5, 3, 3, 7, 9, 8, 0, 4, 7, 9];
    assert_eq!(statistics.fingerprint, words.into_iter().fold(0, fold));
    let reordered = [start[1], start[0]];
    let other = run(&mut Log::default(), &mut scheduler(&reordered), SimTime::MAX).unwrap();
    assert_eq!(other.fingerprint, statistics.fingerprint, "insertion alone is no ingredient");
    let changed = [(5, Phase::Decide, plain(3)), (8, Phase::Appear, plain(4))];
    let other = run(&mut Log::default(), &mut scheduler(&changed), SimTime::MAX).unwrap();
    assert_ne!(other.fingerprint, statistics.fingerprint);
}

#[test]
fn checkpoints_are_fingerprints_on_the_way() {
    let start = [(0, Phase::Schedule, Toy { kind: 1, action: Action::Repeat(1) })];
    let long = run(&mut Log::default(), &mut scheduler(&start), at(200_000)).unwrap();
    let events: Vec<u64> = long.checkpoints.iter().map(|checkpoint| checkpoint.events).collect();
    assert_eq!(events, [65_536, 131_072, 196_608]);
    // The first event is at 0, so that event number 65 536 is at 65 535.
    let short = run(&mut Log::default(), &mut scheduler(&start), at(65_535)).unwrap();
    assert_eq!(short.fingerprint, long.checkpoints[0].fingerprint);
}

#[track_caller]
fn limit_reached(limits: Limits, events: &[(u64, Phase, Toy)]) -> (RunError, Log) {
    let mut log = Log::default();
    let error = run(&mut log, &mut scheduler_with(limits, events), SimTime::MAX).unwrap_err();
    (error, log)
}

#[test]
fn a_livelock_ends_with_the_kinds_of_the_last_events() {
    let limits = Limits { events_at_one_instant: 1_000, ..Limits::default() };
    let start = [
        (0, Phase::Schedule, plain(2)),
        (3_000_000_000, Phase::Schedule, plain(1)),
        (3_000_000_000, Phase::Schedule, Toy { kind: 5, action: Action::Repeat(0) }),
    ];
    let (error, log) = limit_reached(limits, &start);
    assert_eq!(
        error,
        RunError::LimitReached {
            setting: "limits.eventsAtOneInstant",
            limit: 1_000,
            at_seconds: 3,
            last_events: vec!["five"; 16],
        }
    );
    assert_eq!(log.0.len(), 1_001, "the event beyond the limit is not handled");
    assert!(
        error.to_string().starts_with(
            "the run reached `limits.eventsAtOneInstant` (1000) at simulated second 3;"
        )
    );
}

#[test]
fn a_run_may_have_as_many_events_as_the_limit_says() {
    let limits = Limits { events: 100, ..Limits::default() };
    let start = [(0, Phase::Schedule, Toy { kind: 1, action: Action::Repeat(1) })];
    assert!(run(&mut Log::default(), &mut scheduler_with(limits, &start), at(99)).is_ok());
    let (error, log) = limit_reached(limits, &start);
    assert!(matches!(error, RunError::LimitReached { setting: "limits.events", limit: 100, .. }));
    assert_eq!(log.0.len(), 100);
}

#[test]
fn too_many_pending_events_end_the_run() {
    let limits = Limits { pending_events: 50, ..Limits::default() };
    let (error, _) =
        limit_reached(limits, &[(0, Phase::Schedule, Toy { kind: 1, action: Action::Double })]);
    assert!(matches!(
        error,
        RunError::LimitReached { setting: "limits.pendingEvents", limit: 50, .. }
    ));
}

#[test]
fn a_model_can_end_the_run_at_a_limit_of_its_own() {
    let start = [
        (1, Phase::Schedule, plain(3)),
        (2, Phase::Schedule, Toy { kind: 4, action: Action::Fail }),
        (3, Phase::Schedule, plain(5)),
    ];
    let (error, log) = limit_reached(Limits::default(), &start);
    let RunError::LimitReached { setting, limit, last_events, .. } = error;
    assert_eq!((setting, limit), ("limits.tasks", 5));
    assert_eq!(last_events, ["three", "four"]);
    assert_eq!(log.0.len(), 2);
}

#[test]
fn a_model_can_stop_the_run() {
    let start = [
        (2, Phase::Schedule, Toy { kind: 4, action: Action::Stop }),
        (3, Phase::Schedule, plain(5)),
    ];
    let statistics = run(&mut Log::default(), &mut scheduler(&start), at(10)).unwrap();
    assert_eq!((statistics.events, statistics.end), (1, at(2)));
}

#[test]
fn a_cancelled_event_does_not_fire_and_counts_no_more() {
    let mut scheduler = scheduler(&[(1, Phase::Schedule, plain(1))]);
    let handle = scheduler.schedule_cancellable_at(at(2), Phase::Schedule, plain(2));
    let later =
        scheduler.schedule_cancellable_in(SimDuration::from_nanos(3), Phase::Schedule, plain(3));
    assert!(scheduler.cancel(handle));
    assert!(!scheduler.cancel(handle), "it is cancelled already");
    assert_eq!(scheduler.pending(), 2);
    let mut log = Log::default();
    run(&mut log, &mut scheduler, SimTime::MAX).unwrap();
    let kinds: Vec<u16> = log.0.iter().map(|entry| entry.2).collect();
    assert_eq!(kinds, [1, 3]);
    assert!(!scheduler.cancel(later), "it has fired");
}

#[test]
fn the_peak_of_pending_events_is_kept() {
    let start = [(0, Phase::Schedule, Toy { kind: 1, action: Action::Double })];
    let statistics = run(&mut Log::default(), &mut scheduler(&start), at(3)).unwrap();
    assert_eq!(statistics.peak_pending, 16);
}

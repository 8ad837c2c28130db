//! What SQS documents, one case at a time.

use super::*;

#[test]
fn a_message_that_is_not_deleted_in_time_is_received_and_processed_again() {
    let queues = [Queue { visibility_timeout: secs(5), ..queue("jobs", vec![batches(&[(0, 1)])]) }];
    let workers = [worker()];
    let mut system = start(&queues, &workers);
    system.add_worker(0, at(0));
    system.add_worker(0, at(0));
    system.advance(at(4));
    assert_eq!(held(&system, QUEUE), [0, 1, 0]);
    // Received again at second 5 by the second task. The first is done at 10, with an old receipt, and
    // at 10 the message has come back a second time: the first task takes it, and so on.
    system.advance(at(9));
    assert_eq!(system.counts(QUEUE).received, 2);
    system.advance(at(12));
    let counts = system.counts(QUEUE);
    assert_eq!((counts.deleted, counts.wasted, counts.received), (0, 1, 3));
    check_conservation(&system, QUEUE);
}

#[test]
fn the_newest_receipt_deletes_a_message_that_is_visible_again() {
    let queues = [Queue { visibility_timeout: secs(5), ..queue("jobs", vec![batches(&[(0, 1)])]) }];
    let workers = [worker()];
    let mut system = start(&queues, &workers);
    system.add_worker(0, at(0));
    system.advance(at(7));
    assert_eq!(held(&system, QUEUE), [1, 0, 0]);
    system.advance(at(10));
    assert_eq!(held(&system, QUEUE), [0, 0, 0]);
    assert_eq!((system.counts(QUEUE).deleted, system.counts(QUEUE).received), (1, 1));
}

#[test]
fn a_message_moves_to_the_dead_letter_queue_in_place_of_one_receive_too_many() {
    let redrive = Some(RedrivePolicy { max_receive_count: 3, dead_letter_queue: DEAD });
    let main = Queue { redrive, ..queue("jobs", vec![batches(&[(0, 1)])]) };
    let queues = [main, queue("dead", Vec::new())];
    let workers = [Worker { poison_probability: 1.0, ..worker() }];
    let mut system = start(&queues, &workers);
    system.add_worker(0, at(0));
    // Received at 0, 30 and 60; the receive at 90 moves it.
    system.advance(at(89));
    assert_eq!(held(&system, QUEUE), [0, 1, 0]);
    system.advance(at(90));
    assert_eq!((held(&system, QUEUE), held(&system, DEAD)), ([0, 0, 0], [1, 0, 0]));
    let counts = system.counts(QUEUE);
    assert_eq!((counts.received, counts.failed, counts.dead_lettered), (3, 3, 1));
    assert_eq!((system.counts(DEAD).sent, system.counts(DEAD).moved_in), (0, 1));
    assert_eq!(system.oldest(DEAD), Some(at(90)), "its age begins anew");
}

#[test]
fn retention_goes_on_in_the_dead_letter_queue() {
    // AWS's example: a day in the source queue, and a dead-letter queue that keeps for four.
    let day = 86_400;
    let redrive = Some(RedrivePolicy { max_receive_count: 1, dead_letter_queue: DEAD });
    let main = Queue {
        redrive,
        visibility_timeout: secs(12 * 3600),
        message_retention_period: secs(14 * day),
        ..queue("jobs", vec![batches(&[(0, 1)])])
    };
    let queues = [main, queue("dead", Vec::new())];
    let workers = [Worker { poison_probability: 1.0, ..worker() }];
    let mut system = start(&queues, &workers);
    let first = system.add_worker(0, at(0));
    system.remove_worker(first, at(100));
    system.add_worker(0, at(day));
    assert_eq!(held(&system, DEAD), [1, 0, 0]);
    system.advance(at(4 * day - 1));
    assert_eq!(held(&system, DEAD), [1, 0, 0]);
    assert_eq!(system.oldest(DEAD), Some(at(day)));
    system.advance(at(4 * day));
    assert_eq!((held(&system, DEAD), system.counts(DEAD).expired), ([0, 0, 0], 1));
}

#[test]
fn messages_expire_wherever_they_are() {
    let short = Queue {
        message_retention_period: secs(60),
        ..queue("jobs", vec![batches(&[(0, 2), (30, 1)])])
    };
    let slow = DurationDistribution::Constant(secs(1000));
    let queues = [short];
    let workers = [Worker { processing_time: slow, ..worker() }];
    let mut system = start(&queues, &workers);
    system.add_worker(0, at(10));
    system.advance(at(59));
    // The first one came back at 40 and waits: its worker is still busy.
    assert_eq!(held(&system, QUEUE), [3, 0, 0]);
    system.advance(at(60));
    assert_eq!((held(&system, QUEUE), system.counts(QUEUE).expired), ([1, 0, 0], 2));
    system.advance(at(90));
    assert_eq!(system.counts(QUEUE).expired, 3);
    system.advance(at(2000));
    let counts = system.counts(QUEUE);
    assert_eq!((counts.deleted, counts.wasted), (0, 1), "it was gone when the worker was done");
}

#[test]
fn a_delayed_message_is_hidden_at_first() {
    let queues = [Queue { delay: secs(15), ..queue("jobs", vec![batches(&[(5, 1)])]) }];
    let workers = [worker()];
    let mut system = start(&queues, &workers);
    system.add_worker(0, at(0));
    system.advance(at(19));
    assert_eq!(held(&system, QUEUE), [0, 0, 1]);
    system.advance(at(20));
    assert_eq!(held(&system, QUEUE), [0, 1, 0]);
    system.advance(at(30));
    let wait = system.waits(QUEUE).wait_seconds().expect("one message");
    assert!((wait.mean - 15.0).abs() < 1e-9);
}

#[test]
fn a_worn_message_goes_behind_the_others_and_no_longer_counts_as_the_oldest() {
    // The first message fails three times; then a fresh one is first in line.
    let list: Vec<(u64, u32)> = vec![(0, 1), (95, 1)];
    let queues = [queue("jobs", vec![batches(&list)])];
    let workers = [Worker { poison_probability: 1.0, ..worker() }];
    let mut system = start(&queues, &workers);
    let first = system.add_worker(0, at(0));
    system.advance(at(70));
    assert_eq!(system.counts(QUEUE).received, 3);
    system.remove_worker(first, at(80));
    system.advance(at(89));
    assert_eq!(system.oldest(QUEUE), Some(at(0)));
    system.advance(at(100));
    assert_eq!(held(&system, QUEUE), [2, 0, 0]);
    assert_eq!(system.oldest(QUEUE), Some(at(95)));
    check_conservation(&system, QUEUE);
}

#[test]
fn a_call_returns_up_to_its_maximum_and_the_rest_waits_in_the_hands_of_the_worker() {
    let queues = [queue("jobs", vec![batches(&[(0, 12)])])];
    let workers = [Worker { max_number_of_messages: 10, ..worker() }];
    let mut system = start(&queues, &workers);
    system.add_worker(0, at(1));
    assert_eq!(held(&system, QUEUE), [2, 10, 0]);
    // One is done at 11 and one at 21. At 31 the eight left in its hands become visible again.
    system.advance(at(30));
    assert_eq!(held(&system, QUEUE), [2, 8, 0]);
    system.advance(at(32));
    assert_eq!(system.counts(QUEUE).deleted, 3, "the newest receipt still holds");
    system.advance(at(500));
    let counts = system.counts(QUEUE);
    assert_eq!((counts.deleted, counts.wasted, counts.received), (12, 0, 12));
}

#[test]
fn a_task_that_is_told_to_stop_finishes_its_message_and_takes_no_other() {
    let queues = [queue("jobs", vec![batches(&[(0, 5)])])];
    let workers = [Worker { concurrency: 2, ..worker() }];
    let mut system = start(&queues, &workers);
    let id = system.add_worker(0, at(1));
    system.stop_worker(id, at(5));
    assert_eq!(system.worker(id).busy_until(), Some(at(11)));
    system.advance(at(11));
    assert_eq!(system.worker(id).busy_until(), None);
    system.remove_worker(id, at(11));
    system.advance(at(100));
    assert_eq!((held(&system, QUEUE), system.counts(QUEUE).deleted), ([3, 0, 0], 2));
    assert_eq!(system.counts(QUEUE).abandoned, 0);
}

#[test]
fn what_a_killed_or_careless_task_held_comes_back_after_the_time_out() {
    for on_stop in [OnStop::Finish, OnStop::Abandon] {
        let queues = [queue("jobs", vec![batches(&[(0, 3)])])];
        let workers = [Worker { max_number_of_messages: 2, on_stop, ..worker() }];
        let mut system = start(&queues, &workers);
        let id = system.add_worker(0, at(1));
        system.stop_worker(id, at(4));
        let busy = system.worker(id).busy_until();
        assert_eq!(busy, (on_stop == OnStop::Finish).then_some(at(11)));
        system.remove_worker(id, at(6));
        assert_eq!(system.counts(QUEUE).abandoned, 2);
        system.advance(at(30));
        assert_eq!(held(&system, QUEUE), [1, 2, 0]);
        system.advance(at(31));
        assert_eq!(held(&system, QUEUE), [3, 0, 0]);
        // They are first in line again.
        system.add_worker(0, at(40));
        system.advance(at(100));
        let counts = system.counts(QUEUE);
        assert_eq!((counts.deleted, counts.received_again), (3, 2));
    }
}

#[test]
fn long_and_short_polling_call_as_often_as_they_should() {
    let long = queue("long", vec![batches(&[(50, 1)])]);
    let short = queue("short", vec![batches(&[(50, 1)])]);
    let queues = [long, short];
    let (receive_wait, poll_interval) = (SimDuration::ZERO, secs(4));
    let of_short = Worker { queue: DEAD, receive_wait, poll_interval, ..worker() };
    let workers = [worker(), of_short];
    let mut system = start(&queues, &workers);
    system.add_worker(0, at(0));
    system.add_worker(1, at(1));
    system.advance(at(55));
    // Long: empty at 20 and 40, the call from 40 on is answered at 50.
    assert_eq!(system.counts(QUEUE).empty_receives, 2);
    assert_eq!(system.waits(QUEUE).wait_total(), (0, 1));
    let wait = system.waits(QUEUE).wait_seconds().expect("one message");
    assert!(wait.p99 < 1e-12, "no wait is none: {wait:?}");
    // Short: calls at 1, 5, …, 49 are empty; the one at 53 is not.
    assert_eq!(system.counts(DEAD).empty_receives, 13);
    assert_eq!(system.waits(DEAD).wait_total(), (3_000_000_000, 1));
    system.close(at(100));
    // Long: busy until 60, then empty at 80 and 100.
    assert_eq!(system.counts(QUEUE).empty_receives, 4);
}

#[test]
fn no_more_than_the_quota_is_in_flight() {
    let queues = [queue("jobs", vec![batches(&[(0, 130_000)])])];
    let workers = [Worker { concurrency: 1000, ..worker() }];
    let mut system = start(&queues, &workers);
    for _ in 0..125 {
        system.add_worker(0, at(1));
    }
    assert_eq!(held(&system, QUEUE), [10_000, 120_000, 0]);
    system.advance(at(11));
    assert_eq!(held(&system, QUEUE), [0, 10_000, 0]);
    assert_eq!(system.counts(QUEUE).deleted, 120_000);
}

#[test]
fn no_more_tasks_are_protected_than_the_service_wants() {
    let queues = [queue("jobs", vec![batches(&[(0, 100)])])];
    let protection = Some(secs(7200));
    let workers = [Worker { protection, ..worker() }];
    let mut system = start(&queues, &workers);
    let ids: Vec<WorkerId> = (0..3).map(|second| system.add_worker(0, at(second))).collect();
    let ends = |system: &Queues<'_>, now| -> Vec<Option<SimTime>> {
        ids.iter().map(|id| system.worker(*id).protected_until(now)).collect()
    };
    system.advance(at(5));
    assert_eq!(ends(&system, at(5)), [Some(at(10)), Some(at(11)), Some(at(12))]);
    system.set_desired(0, 2, at(6));
    assert_eq!(ends(&system, at(6)), [Some(at(10)), Some(at(11)), Some(at(12))]);
    // The first to ask again is refused: two others are protected.
    system.advance(at(10));
    assert_eq!(ends(&system, at(10)), [None, Some(at(11)), Some(at(12))]);
    // The others hold the two places, whoever asks first.
    system.advance(at(13));
    assert_eq!(ends(&system, at(13)), [None, Some(at(21)), Some(at(22))]);
}

#[test]
fn protection_expires_during_a_long_message() {
    let queues = [queue("jobs", vec![batches(&[(0, 1)])])];
    let slow = DurationDistribution::Constant(secs(600));
    let workers = [Worker { protection: Some(secs(60)), processing_time: slow, ..worker() }];
    let mut system = start(&queues, &workers);
    let id = system.add_worker(0, at(0));
    assert_eq!(system.worker(id).protected_until(at(59)), Some(at(60)));
    assert_eq!(system.worker(id).protected_until(at(60)), None);
}

#[test]
fn limits_end_a_runaway_queue() {
    let limits = Limits { pending_events: 1000, ..Limits::default() };
    let queues = [queue("jobs", vec![batches(&[(7, 4_000_000_000)])])];
    let mut system = Queues::new(queues.iter(), [].iter(), limits, key(1));
    system.advance(at(100));
    assert_eq!(system.exceeded(), Some(("limits.pendingEvents", 1000)));

    let limits = Limits { events: 50_000, events_at_one_instant: 2000, ..Limits::default() };
    let nothing = DurationDistribution::ZERO;
    let workers = [Worker { processing_time: nothing, poison_probability: 1.0, ..worker() }];
    let again =
        Queue { visibility_timeout: SimDuration::ZERO, ..queue("jobs", vec![batches(&[(1, 1)])]) };
    let queues = [again];
    let mut system = Queues::new(queues.iter(), workers.iter(), limits, key(1));
    system.add_worker(0, at(0));
    system.advance(at(100));
    assert_eq!(system.exceeded(), Some(("limits.eventsAtOneInstant", 2000)));
}

//! The event queue against a `BTreeMap`, on random interleavings of everything that it can do.

use std::collections::BTreeMap;

use plimsoll_core::engine::{EventHandle, EventQueue, Phase, StreamKey};
use plimsoll_core::units::SimTime;
use proptest::prelude::*;

const PHASES: [Phase; 7] = [
    Phase::Release,
    Phase::Appear,
    Phase::Sample,
    Phase::Decide,
    Phase::Schedule,
    Phase::Observe,
    Phase::End,
];

#[derive(Clone, Copy, Debug)]
enum Operation {
    /// Add an event so much later than the last one taken.
    Push { later: u64, phase: usize, cancellable: bool },
    /// Take the first event.
    Pop,
    /// Take the first event if it is before an instant so much later than the last one taken.
    PopBefore { later: u64, phase: usize },
    /// Cancel one of all handles ever given, whatever became of it.
    Cancel { handle: usize },
}

/// Lengths of all magnitudes, with many duplicates and zeros.
fn length() -> impl Strategy<Value = u64> {
    prop_oneof![
        3 => Just(0),
        4 => 0_u64..4,
        4 => 0_u64..1_000,
        2 => Just(60_000_000_000),
        4 => (0_u32..64, 0_u64..64).prop_map(|(shift, value)| value.checked_shl(shift).unwrap_or(0)),
        1 => Just(u64::MAX),
    ]
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        8 => (length(), 0_usize..6, any::<bool>())
            .prop_map(|(later, phase, cancellable)| Operation::Push { later, phase, cancellable }),
        4 => Just(Operation::Pop),
        1 => (length(), 0_usize..7).prop_map(|(later, phase)| Operation::PopBefore { later, phase }),
        3 => any::<usize>().prop_map(|handle| Operation::Cancel { handle }),
    ]
}

type Key = (u64, Phase, u64);

/// The queue and its reference, stepped together.
#[derive(Default)]
struct Pair {
    queue: EventQueue<u64>,
    reference: BTreeMap<Key, u64>,
    handles: Vec<(EventHandle, Key)>,
    pushed: u64,
    last: Option<(u64, Phase)>,
}

impl Pair {
    fn now(&self) -> u64 {
        self.last.map_or(0, |(time, _)| time)
    }

    fn push(&mut self, time: u64, phase: Phase, cancellable: bool) {
        // The latest instants are the same.
        let at = SimTime::from_nanos(time);
        let key = (at.as_nanos(), phase, self.pushed);
        if cancellable {
            self.handles.push((self.queue.push_cancellable(at, phase, self.pushed), key));
        } else {
            self.queue.push(at, phase, self.pushed);
        }
        self.reference.insert(key, self.pushed);
        self.pushed += 1;
    }

    fn pop_before(&mut self, time: u64, phase: Phase) -> bool {
        let until = SimTime::from_nanos(time);
        let time = until.as_nanos();
        let first = self.reference.first_key_value().map(|(&key, _)| key);
        let expected = first.filter(|&(at, class, _)| (at, class) < (time, phase));
        let popped = self.queue.pop_before(until, phase);
        let popped = popped.map(|(at, phase, event)| (at.as_nanos(), phase, event));
        assert_eq!(popped, expected);
        if let Some(key) = expected {
            self.reference.remove(&key);
            self.last = Some((key.0, key.1));
        }
        expected.is_some()
    }

    fn cancel(&mut self, handle: usize) {
        if self.handles.is_empty() {
            return;
        }
        let (handle, key) = self.handles[handle % self.handles.len()];
        let expected = self.reference.remove(&key).is_some();
        assert_eq!(
            self.queue.cancel(handle),
            expected,
            "pending events, and only those, can be cancelled"
        );
    }

    /// `monotone` applies the rule of the scheduler: no key before the last one taken.
    fn step(&mut self, operation: Operation, monotone: bool) {
        match operation {
            Operation::Push { later, phase, cancellable } => {
                let time = if monotone { self.now().saturating_add(later) } else { later };
                let phase = match self.last {
                    Some((now, current)) if monotone && time == now => PHASES[phase].max(current),
                    _ => PHASES[phase],
                };
                self.push(time, phase, cancellable);
            }
            Operation::Pop => {
                self.pop_before(u64::MAX, Phase::End);
            }
            Operation::PopBefore { later, phase } => {
                self.pop_before(self.now().saturating_add(later), PHASES[phase]);
            }
            Operation::Cancel { handle } => self.cancel(handle),
        }
        assert_eq!(self.queue.len(), self.reference.len());
        assert_eq!(self.queue.is_empty(), self.reference.is_empty());
    }

    fn drain(&mut self) {
        while self.pop_before(u64::MAX, Phase::End) {}
        assert!(self.queue.is_empty());
    }
}

fn compare(operations: &[Operation], monotone: bool) {
    let mut pair = Pair::default();
    for &operation in operations {
        pair.step(operation, monotone);
    }
    pair.drain();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pops_what_a_sorted_map_pops(operations in prop::collection::vec(operation(), 0..120)) {
        compare(&operations, true);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_is_exact_even_if_keys_go_back(operations in prop::collection::vec(operation(), 0..400)) {
        compare(&operations, false);
    }
}

/// Holds a population of the given size for many turnovers: windows are sorted, shortened and spread
/// again, far more often than in the short random cases.
fn hold(n: u64, turns: u64, length: impl Fn(u64) -> u64) {
    let key = StreamKey::new(1, 0, "hold", n);
    let mut pair = Pair::default();
    for turn in 0..n + turns {
        if turn >= n {
            assert!(pair.pop_before(u64::MAX, Phase::End));
        }
        let bits = key.at(turn);
        let time = pair.now() + length(bits);
        let phase = PHASES[(bits % 6) as usize];
        let phase = if time == pair.now() {
            phase.max(pair.last.map_or(phase, |last| last.1))
        } else {
            phase
        };
        pair.push(time, phase, bits.is_multiple_of(3));
        if bits.is_multiple_of(16) {
            pair.cancel(key.at(turn + n + turns) as usize);
            pair.push(time + 1, phase, false);
        }
    }
    pair.drain();
}

#[test]
fn holds_a_population_with_lengths_of_one_magnitude() {
    hold(3_000, 60_000, |bits| bits >> 34);
}

#[test]
fn holds_a_population_on_a_grid_with_short_and_long_lengths() {
    hold(3_000, 60_000, |bits| match bits % 10 {
        0..7 => bits >> 42,
        7..9 => 60_000_000_000,
        _ => bits >> 22,
    });
}

#[test]
fn holds_a_population_that_never_leaves_a_few_instants() {
    hold(2_000, 40_000, |bits| bits % 2);
}

#[test]
fn a_long_window_that_fills_up_is_shortened() {
    // One event far away opens a window of hours; then everything happens within it.
    let mut pair = Pair::default();
    pair.push(1 << 45, Phase::Schedule, false);
    pair.push((1 << 45) + (1 << 40), Phase::Schedule, false);
    assert!(pair.pop_before(u64::MAX, Phase::End));
    let key = StreamKey::new(2, 0, "window", 0);
    for index in 0..20_000 {
        pair.push(pair.now() + (key.at(index) >> 26), Phase::Schedule, false);
        if index % 3 == 0 {
            pair.pop_before(u64::MAX, Phase::End);
        }
    }
    pair.drain();
}

#[test]
fn many_keys_before_the_last_one_taken_come_in_order() {
    let key = StreamKey::new(3, 0, "back", 0);
    let mut pair = Pair::default();
    for index in 0..2_000 {
        pair.push(key.at(index) >> 24, Phase::Schedule, false);
    }
    for _ in 0..1_000 {
        pair.pop_before(u64::MAX, Phase::End);
    }
    // About half of these are earlier than what was taken last.
    for index in 2_000..4_000 {
        pair.push(key.at(index) >> 24, Phase::Schedule, false);
    }
    pair.drain();
}

#[test]
fn cancelled_events_are_swept_out_when_they_prevail() {
    let mut pair = Pair::default();
    for index in 0..10_000_u64 {
        pair.push(index * 1_000_003 % 65_536, Phase::Schedule, true);
    }
    for index in 0..9_900 {
        pair.cancel(index);
        assert_eq!(pair.queue.len(), pair.reference.len());
    }
    // Slots of swept events serve new ones; the old handles stay dead.
    for index in 0..9_900_u64 {
        pair.push(70_000 + index, Phase::Schedule, true);
    }
    for index in 0..9_900 {
        pair.cancel(index);
    }
    assert_eq!(pair.queue.len(), 10_000);
    pair.drain();
}

//! What could not be placed, and why: one record per spell of failing attempts.
//!
//! Each failed attempt counts; the reasons are counted over all instances at the first one, and again
//! at most once a minute, since that looks at every instance. A new main reason begins a new record.

use std::collections::BTreeMap;

use super::task::{Capacity, Owner};
use super::world::{MINUTE, World};
use crate::placement::Rejections;
use crate::results::PlacementFailure;
use crate::units::{Cpu, Mib, SimTime};

/// Records kept; later spells are only counted.
const MOST_RECORDS: usize = 100_000;

/// Who fails: attempts of one owner for the same room on the same capacity are one spell.
pub(super) type Wish = (Owner, Capacity, Cpu, Mib);

/// A spell of failing attempts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spell {
    wish: Wish,
    since: SimTime,
    last: SimTime,
    counted: SimTime,
    attempts: u64,
    ended: Option<SimTime>,
    rejections: Rejections,
}

/// All spells of a run.
#[derive(Debug, Default)]
pub(super) struct Unplaced {
    /// Position of the spell that has not ended, by wish.
    open: BTreeMap<Wish, usize>,
    spells: Vec<Spell>,
    /// Spells beyond [`MOST_RECORDS`].
    pub(super) not_recorded: u64,
}

impl Unplaced {
    /// Notes a failed attempt; `rejections` is asked for only if the reasons are due to be counted.
    pub(super) fn failed(
        &mut self,
        wish: Wish,
        now: SimTime,
        rejections: impl FnOnce() -> Rejections,
    ) {
        if let Some(spell) = self.open.get(&wish).and_then(|open| self.spells.get_mut(*open)) {
            spell.last = now;
            spell.attempts += 1;
            if now.saturating_since(spell.counted) < MINUTE {
                return;
            }
            spell.counted = now;
            let reasons = rejections();
            if reasons.main_reason() == spell.rejections.main_reason() {
                return;
            }
            // The attempt belongs to the new reason.
            spell.attempts -= 1;
            self.begin(wish, now, reasons);
        } else if self.spells.len() < MOST_RECORDS {
            self.begin(wish, now, rejections());
        } else {
            // Counting reasons that no record takes would cost more than all else.
            self.not_recorded += 1;
        }
    }

    fn begin(&mut self, wish: Wish, now: SimTime, rejections: Rejections) {
        if self.spells.len() >= MOST_RECORDS {
            self.not_recorded += 1;
            return;
        }
        self.open.insert(wish, self.spells.len());
        let attempts = 1;
        self.spells.push(Spell {
            wish,
            since: now,
            last: now,
            counted: now,
            attempts,
            ended: None,
            rejections,
        });
    }

    /// Notes that a wish was granted.
    pub(super) fn placed(&mut self, wish: Wish, now: SimTime) {
        if self.open.is_empty() {
            return;
        }
        if let Some(spell) = self.open.remove(&wish).and_then(|open| self.spells.get_mut(open)) {
            spell.ended = Some(now);
        }
    }
}

impl World<'_, '_> {
    /// The records for the results.
    pub(super) fn placement_failures(&self) -> Vec<PlacementFailure> {
        let spells = self.unplaced.spells.iter();
        spells
            .map(|spell| {
                let (owner, capacity, cpu, memory) = spell.wish;
                PlacementFailure {
                    group: self.owner_name(owner).to_owned(),
                    capacity: self.capacity_name(capacity).to_owned(),
                    cpu,
                    memory,
                    since: spell.since,
                    last: spell.last,
                    attempts: spell.attempts,
                    placed: spell.ended,
                    rejections: spell.rejections,
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::ServiceId;

    fn wish(memory: u64) -> Wish {
        (Owner::Service(ServiceId(0)), Capacity::AnyInstance, Cpu::ZERO, Mib::new(memory))
    }

    fn seconds(seconds: u64) -> SimTime {
        SimTime::from_secs(seconds)
    }

    fn memory(instances: u32) -> Rejections {
        Rejections { memory: instances, ..Rejections::default() }
    }

    #[test]
    fn attempts_for_the_same_room_are_one_spell_until_one_succeeds() {
        let mut unplaced = Unplaced::default();
        for at in [0, 10, 20] {
            unplaced.failed(wish(1), seconds(at), || memory(3));
        }
        unplaced.failed(wish(2), seconds(20), || memory(3));
        unplaced.placed(wish(1), seconds(30));
        unplaced.failed(wish(1), seconds(40), || memory(3));
        let spells: Vec<_> =
            unplaced.spells.iter().map(|it| (it.wish.3.as_mib(), it.attempts, it.ended)).collect();
        assert_eq!(spells, [(1, 3, Some(seconds(30))), (2, 1, None), (1, 1, None)]);
    }

    #[test]
    fn reasons_are_counted_once_a_minute_and_a_new_one_begins_a_record() {
        let mut unplaced = Unplaced::default();
        let none = Rejections::default;
        unplaced.failed(wish(1), seconds(0), none);
        unplaced.failed(wish(1), seconds(59), || unreachable!("not due"));
        unplaced.failed(wish(1), seconds(60), || memory(3));
        unplaced.failed(wish(1), seconds(120), || memory(4));
        let spells: Vec<_> = unplaced
            .spells
            .iter()
            .map(|it| (it.since, it.last, it.attempts, it.rejections.memory))
            .collect();
        let expected = [(seconds(0), seconds(60), 2, 0), (seconds(60), seconds(120), 2, 3)];
        assert_eq!(spells, expected);
    }

    #[test]
    fn spells_beyond_the_last_record_are_counted_without_their_reasons() {
        let mut unplaced = Unplaced::default();
        for memory in 0..MOST_RECORDS as u64 {
            unplaced.failed(wish(memory), seconds(0), || self::memory(1));
        }
        for at in [0, 120] {
            unplaced.failed(wish(MOST_RECORDS as u64), seconds(at), || unreachable!("no record"));
        }
        unplaced.failed(wish(5), seconds(30), || unreachable!("not due"));
        assert_eq!((unplaced.spells.len(), unplaced.not_recorded), (MOST_RECORDS, 2));
        assert_eq!(unplaced.spells[5].attempts, 2);
    }
}

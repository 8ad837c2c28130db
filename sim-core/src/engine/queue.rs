//! The event queue.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::units::SimTime;

/// Order of events at one instant; see the table in the documentation of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Phase {
    /// Capacity is released: task stopped, instance terminated.
    Release = 0,
    /// Capacity appears: instance ready.
    Appear = 1,
    /// Metric sample taken.
    Sample = 2,
    /// Alarm evaluated, scaling activity decided.
    Decide = 3,
    /// Scheduler pass, task arrival, placement attempt.
    Schedule = 4,
    /// Recorder snapshot, invariant check.
    Observe = 5,
    /// End of the horizon.
    End = 6,
}

impl Phase {
    const fn from_bits(bits: u64) -> Self {
        match bits {
            0 => Self::Release,
            1 => Self::Appear,
            2 => Self::Sample,
            3 => Self::Decide,
            4 => Self::Schedule,
            5 => Self::Observe,
            _ => Self::End,
        }
    }
}

/// A scheduled event that can be cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventHandle {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

/// Bits of the order word below the phase: the insertion number.
const SEQUENCE_BITS: u32 = 56;
/// Slot of an event that cannot be cancelled.
const NO_SLOT: u32 = u32::MAX;

/// An event with its key. The order word is the phase above the insertion number.
#[derive(Clone, Copy)]
struct Entry<E> {
    time: u64,
    order: u64,
    slot: u32,
    event: E,
}

impl<E> Entry<E> {
    fn key(&self) -> u128 {
        (u128::from(self.time) << 64) | u128::from(self.order)
    }
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<E> Eq for Entry<E> {}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Entry<E> {
    /// Reversed, since the standard heap gives the greatest first.
    fn cmp(&self, other: &Self) -> Ordering {
        other.key().cmp(&self.key())
    }
}

/// State of a slot that a handle points to.
#[derive(Clone, Copy)]
struct Slot {
    generation: u32,
    cancelled: bool,
}

/// Pending events in the order (time, phase, insertion).
pub struct EventQueue<E> {
    heap: BinaryHeap<Entry<E>>,
    slots: Vec<Slot>,
    free_slots: Vec<u32>,
    sequence: u64,
    stale: usize,
}

impl<E: Copy> Default for EventQueue<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E: Copy> EventQueue<E> {
    /// An empty queue.
    pub fn new() -> Self {
        Self {
            heap: BinaryHeap::new(),
            slots: Vec::new(),
            free_slots: Vec::new(),
            sequence: 0,
            stale: 0,
        }
    }

    /// Number of pending events, cancelled ones not counted.
    pub fn len(&self) -> usize {
        self.heap.len() - self.stale
    }

    /// Whether nothing is pending.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds an event.
    pub fn push(&mut self, time: SimTime, phase: Phase, event: E) {
        self.insert(time, phase, NO_SLOT, event);
    }

    /// Adds an event that can be cancelled.
    pub fn push_cancellable(&mut self, time: SimTime, phase: Phase, event: E) -> EventHandle {
        let slot = self.free_slots.pop().unwrap_or_else(|| {
            self.slots.push(Slot {
                generation: 0,
                cancelled: false,
            });
            (self.slots.len() - 1) as u32
        });
        self.insert(time, phase, slot, event);
        EventHandle {
            slot,
            generation: self.slots[slot as usize].generation,
        }
    }

    /// Cancels a pending event. `false` if it has fired or was cancelled before.
    pub fn cancel(&mut self, handle: EventHandle) -> bool {
        let slot = &mut self.slots[handle.slot as usize];
        if slot.generation != handle.generation || slot.cancelled {
            return false;
        }
        slot.cancelled = true;
        self.stale += 1;
        true
    }

    /// Removes and returns the first event if its (time, phase) is before the given one.
    pub fn pop_before(&mut self, time: SimTime, phase: Phase) -> Option<(SimTime, Phase, E)> {
        let limit =
            (u128::from(time.as_nanos()) << 64) | (u128::from(phase as u8) << SEQUENCE_BITS);
        loop {
            if self.heap.peek()?.key() >= limit {
                return None;
            }
            let entry = self.heap.pop()?;
            if entry.slot != NO_SLOT {
                let slot = &mut self.slots[entry.slot as usize];
                let cancelled = slot.cancelled;
                *slot = Slot {
                    generation: slot.generation.wrapping_add(1),
                    cancelled: false,
                };
                self.free_slots.push(entry.slot);
                if cancelled {
                    self.stale -= 1;
                    continue;
                }
            }
            let phase = Phase::from_bits(entry.order >> SEQUENCE_BITS);
            return Some((SimTime::from_nanos(entry.time), phase, entry.event));
        }
    }

    fn insert(&mut self, time: SimTime, phase: Phase, slot: u32, event: E) {
        let order = ((phase as u64) << SEQUENCE_BITS) | self.sequence;
        self.sequence += 1;
        self.heap.push(Entry {
            time: time.as_nanos(),
            order,
            slot,
            event,
        });
    }
}

//! The event queue.
//!
//! Keys are (time, phase, insertion number), all distinct, and the queue gives them in exactly that
//! order. Three parts hold the events:
//!
//! * a *run*: the events of a window that starts now, sorted, so that the next one is at the end;
//! * a heap of *fresh* events, which were added to that window after it was sorted;
//! * a wheel of buckets for everything after the window.
//!
//! While some sixty events or fewer are pending, the window has no end and the heap does the work.
//!
//! Q: Why not one heap at every size? From a hundred events on this queue is faster, and at a million,
//! where every step of a heap waits for memory, by an order of magnitude (`benches/benches/engine.rs`).
//! Q: Why not a calendar queue? It guesses one width for its buckets, and a mix of milliseconds,
//! one-minute grids and hours has no such width. Here the buckets have all widths at once.
//! Q: How is an event cancelled? It stays where it is, marked in a slot of its own, and is dropped
//! when its turn comes, or when marked events outnumber the others. Events that nobody wants to
//! cancel have no slot and pay nothing.

use std::collections::BinaryHeap;

use super::entry::Entry;
use super::wheel::Wheel;
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
/// Fresh events beyond this many, and beyond the length of the run, close the window earlier.
const N_FRESH: usize = 64;
/// Cancelled events up to this number are never worth a sweep.
const N_STALE: usize = 64;

/// State of a slot that a handle points to.
#[derive(Clone, Copy)]
struct Slot {
    generation: u32,
    cancelled: bool,
}

/// Pending events in the order (time, phase, insertion).
///
/// Fast if keys never go back: nothing is added before the event that was taken last. The order is
/// exact in any case.
pub struct EventQueue<E> {
    /// Sorted, first event last.
    run: Vec<Entry<E>>,
    fresh: BinaryHeap<Entry<E>>,
    /// Every event at or before this instant is in `run` or `fresh`, every later one in `wheel`.
    window_end: u64,
    wheel: Wheel<E>,
    /// Room for what [`drop_stale`](Self::drop_stale) goes through; empty otherwise.
    swept: Vec<Entry<E>>,
    sequence: u64,
    /// Events held, cancelled ones among them.
    held: usize,
    stale: usize,
    slots: Vec<Slot>,
    free_slots: Vec<u32>,
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
            run: Vec::new(),
            fresh: BinaryHeap::new(),
            window_end: u64::MAX,
            wheel: Wheel::new(),
            swept: Vec::new(),
            sequence: 0,
            held: 0,
            stale: 0,
            slots: Vec::new(),
            free_slots: Vec::new(),
        }
    }

    /// Number of pending events, cancelled ones not counted.
    #[inline]
    pub fn len(&self) -> usize {
        self.held - self.stale
    }

    /// Whether nothing is pending.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds an event.
    #[inline]
    pub fn push(&mut self, time: SimTime, phase: Phase, event: E) {
        self.insert(time, phase, NO_SLOT, event);
    }

    /// Adds an event that can be cancelled.
    pub fn push_cancellable(&mut self, time: SimTime, phase: Phase, event: E) -> EventHandle {
        let slot = self.free_slots.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, cancelled: false });
            (self.slots.len() - 1) as u32
        });
        self.insert(time, phase, slot, event);
        EventHandle { slot, generation: self.slots[slot as usize].generation }
    }

    /// Cancels a pending event. `false` if it has fired or was cancelled before.
    pub fn cancel(&mut self, handle: EventHandle) -> bool {
        let Some(slot) = self.slots.get_mut(handle.slot as usize) else {
            return false;
        };
        if slot.generation != handle.generation || slot.cancelled {
            return false;
        }
        slot.cancelled = true;
        self.stale += 1;
        if self.stale > N_STALE && self.stale > self.len() {
            self.drop_stale();
        }
        true
    }

    /// Removes and returns the first event if its (time, phase) is before the given one.
    #[inline]
    pub fn pop_before(&mut self, time: SimTime, phase: Phase) -> Option<(SimTime, Phase, E)> {
        let limit =
            (u128::from(time.as_nanos()) << 64) | (u128::from(phase as u8) << SEQUENCE_BITS);
        loop {
            let entry = match (self.run.last(), self.fresh.peek()) {
                (Some(first), Some(fresh)) if fresh.key() < first.key() => {
                    self.take_fresh(limit)?
                }
                (Some(first), _) => {
                    if first.key() >= limit {
                        return None;
                    }
                    self.run.pop()?
                }
                (None, Some(_)) => self.take_fresh(limit)?,
                (None, None) => {
                    self.open_window()?;
                    continue;
                }
            };
            self.held -= 1;
            if entry.slot != NO_SLOT && release(&mut self.slots, &mut self.free_slots, entry.slot) {
                self.stale -= 1;
                continue;
            }
            let phase = Phase::from_bits(entry.order >> SEQUENCE_BITS);
            return Some((SimTime::from_nanos(entry.time), phase, entry.event));
        }
    }

    #[inline]
    fn take_fresh(&mut self, limit: u128) -> Option<Entry<E>> {
        if self.fresh.peek()?.key() >= limit { None } else { self.fresh.pop() }
    }

    #[inline]
    fn insert(&mut self, time: SimTime, phase: Phase, slot: u32, event: E) {
        let order = ((phase as u64) << SEQUENCE_BITS) | self.sequence;
        self.sequence += 1;
        self.held += 1;
        let entry = Entry { time: time.as_nanos(), order, slot, event };
        if entry.time > self.window_end {
            self.wheel.push(entry);
        } else {
            self.fresh.push(entry);
            if self.fresh.len() > N_FRESH && self.fresh.len() > self.run.len() {
                self.shrink_window();
            }
        }
    }

    /// Fills the run from the wheel; `None` if that is empty.
    fn open_window(&mut self) -> Option<()> {
        self.window_end = self.wheel.take_first(&mut self.run)?;
        if self.wheel.is_empty() {
            // A handful of events needs no wheel: the heap takes all that comes until it is large.
            self.window_end = u64::MAX;
        }
        self.run.sort_unstable();
        Some(())
    }

    /// Puts a window that turned out to be too long back into the wheel, and opens a shorter one.
    /// Each event that moves here pays for one that was added, so this costs O(1) per event.
    fn shrink_window(&mut self) {
        let entries = self.run.iter().chain(&self.fresh);
        let earliest = entries.map(|entry| entry.time).min().unwrap_or(0);
        if earliest < self.wheel.base() {
            // Keys went back: the heap alone can order them.
            return;
        }
        for entry in self.run.drain(..).chain(self.fresh.drain()) {
            self.wheel.push(entry);
        }
        self.open_window();
    }

    /// Drops all cancelled events.
    fn drop_stale(&mut self) {
        let (slots, free_slots) = (&mut self.slots, &mut self.free_slots);
        let mut keep = |entry: &Entry<E>| {
            let stale = entry.slot != NO_SLOT && slots[entry.slot as usize].cancelled;
            if stale {
                release(slots, free_slots, entry.slot);
            }
            !stale
        };
        self.run.retain(&mut keep);
        self.fresh.retain(&mut keep);
        self.wheel.take_all(&mut self.swept);
        for entry in self.swept.drain(..) {
            if keep(&entry) {
                self.wheel.push(entry);
            }
        }
        self.held -= self.stale;
        self.stale = 0;
    }
}

/// Frees the slot of an event that leaves the queue; whether it was cancelled. Handles to it are
/// stale from here on.
fn release(slots: &mut [Slot], free_slots: &mut Vec<u32>, slot: u32) -> bool {
    let state = &mut slots[slot as usize];
    let cancelled = state.cancelled;
    *state = Slot { generation: state.generation.wrapping_add(1), cancelled: false };
    free_slots.push(slot);
    cancelled
}

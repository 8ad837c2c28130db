//! Buckets for events that are not near: the coarse half of the event queue.
//!
//! An instant is read as digits of six bits. Relative to a base instant that nothing pending precedes,
//! the bucket of an event is named by the highest digit in which its instant differs from the base,
//! and by that digit: a wide bucket for the far future, ever narrower ones nearby. Adding is O(1).
//! A bucket whose turn comes is either handed out whole, if it is small, or spread over narrower
//! buckets under a new base. An event moves down at most once per digit; in practice two or three
//! times, and always from memory that is read in order.

use super::entry::Entry;

/// Bits of a digit.
const DIGIT_BITS: u32 = 6;
/// Buckets of one level.
const DIGITS: usize = 1 << DIGIT_BITS;
/// Digits of an instant.
const LEVELS: usize = 64_usize.div_ceil(DIGIT_BITS as usize);
/// A bucket of at most this many events is handed out whole.
const SMALL: u32 = 48;
/// Entries of a chunk.
const CHUNK: u32 = 32;
/// The end of a chain of chunks.
const NONE: u32 = u32::MAX;

/// A chain of chunks; all but the first are full.
#[derive(Clone, Copy)]
struct Bucket {
    first: u32,
    len: u32,
    /// Earliest instant in the bucket.
    earliest: u64,
}

const EMPTY: Bucket = Bucket { first: NONE, len: 0, earliest: u64::MAX };

pub(super) struct Wheel<E> {
    buckets: Vec<Bucket>,
    /// Per level, a bit for each bucket that is not empty.
    occupied: [u64; LEVELS],
    /// A bit for each level that is not empty.
    levels: u32,
    base: u64,
    /// Chunks of all buckets: one pool, so that memory follows the number of events and not the
    /// sum of the largest sizes that buckets ever had.
    pool: Vec<Entry<E>>,
    /// For each chunk the next of its chain, or of the chain of free chunks.
    next: Vec<u32>,
    free: u32,
}

impl<E: Copy> Wheel<E> {
    pub(super) fn new() -> Self {
        Self {
            buckets: vec![EMPTY; LEVELS * DIGITS],
            occupied: [0; LEVELS],
            levels: 0,
            base: 0,
            pool: Vec::new(),
            next: Vec::new(),
            free: NONE,
        }
    }

    /// Nothing pending is earlier than this.
    pub(super) fn base(&self) -> u64 {
        self.base
    }

    pub(super) fn is_empty(&self) -> bool {
        self.levels == 0
    }

    /// Adds an event that is not before the base.
    #[inline]
    pub(super) fn push(&mut self, entry: Entry<E>) {
        let level = ((entry.time ^ self.base) | 1).ilog2() / DIGIT_BITS;
        let digit = (entry.time >> (level * DIGIT_BITS)) as usize % DIGITS;
        let level = level as usize;
        self.occupied[level] |= 1 << digit;
        self.levels |= 1 << level;
        let bucket = &mut self.buckets[level * DIGITS + digit];
        let position = bucket.len % CHUNK;
        if position == 0 {
            let chunk = if self.free == NONE {
                self.pool.resize(self.pool.len() + CHUNK as usize, entry);
                self.next.push(NONE);
                (self.next.len() - 1) as u32
            } else {
                self.free
            };
            self.free = self.next[chunk as usize];
            self.next[chunk as usize] = bucket.first;
            bucket.first = chunk;
        }
        self.pool[bucket.first as usize * CHUNK as usize + position as usize] = entry;
        bucket.len += 1;
        bucket.earliest = bucket.earliest.min(entry.time);
    }

    /// Moves the first events to `run`, in no order, and returns the last instant that they cover:
    /// whatever is left in the wheel is later. `None` if the wheel is empty.
    pub(super) fn take_first(&mut self, run: &mut Vec<Entry<E>>) -> Option<u64> {
        loop {
            if self.levels == 0 {
                return None;
            }
            let level = self.levels.trailing_zeros();
            let digit = self.occupied[level as usize].trailing_zeros();
            let bucket = self.remove(level as usize, digit as usize);
            if bucket.len <= SMALL || level == 0 {
                self.each(bucket, |_, entry| run.push(entry));
                let width_mask = (1_u64 << (level * DIGIT_BITS)) - 1;
                return Some(bucket.earliest | width_mask);
            }
            self.base = bucket.earliest;
            self.each(bucket, Self::push);
        }
    }

    /// Moves everything to `all`, in no order.
    pub(super) fn take_all(&mut self, all: &mut Vec<Entry<E>>) {
        while self.levels != 0 {
            let level = self.levels.trailing_zeros() as usize;
            let digit = self.occupied[level].trailing_zeros() as usize;
            let bucket = self.remove(level, digit);
            self.each(bucket, |_, entry| all.push(entry));
        }
    }

    fn remove(&mut self, level: usize, digit: usize) -> Bucket {
        self.occupied[level] &= !(1 << digit);
        if self.occupied[level] == 0 {
            self.levels &= !(1 << level);
        }
        std::mem::replace(&mut self.buckets[level * DIGITS + digit], EMPTY)
    }

    /// Visits the entries of a bucket that was removed, and frees its chunks.
    #[inline]
    fn each(&mut self, bucket: Bucket, mut visit: impl FnMut(&mut Self, Entry<E>)) {
        let mut chunk = bucket.first;
        let mut length = (bucket.len + CHUNK - 1) % CHUNK + 1;
        while chunk != NONE {
            let start = chunk as usize * CHUNK as usize;
            for index in start..start + length as usize {
                let entry = self.pool[index];
                visit(self, entry);
            }
            let following = self.next[chunk as usize];
            self.next[chunk as usize] = self.free;
            self.free = chunk;
            chunk = following;
            length = CHUNK;
        }
    }
}

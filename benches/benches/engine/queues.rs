//! Other event queues, for comparison. All order by (time, insertion).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What the hold model needs of a queue.
pub(crate) trait Queue: Default {
    fn push(&mut self, time: u64, event: u32);
    fn pop(&mut self) -> (u64, u32);
}

type Entry = (u64, u64, u32);

/// The standard library's heap.
#[derive(Default)]
pub(crate) struct StandardHeap {
    heap: BinaryHeap<Reverse<Entry>>,
    sequence: u64,
}

impl Queue for StandardHeap {
    fn push(&mut self, time: u64, event: u32) {
        self.sequence += 1;
        self.heap.push(Reverse((time, self.sequence, event)));
    }

    fn pop(&mut self) -> (u64, u32) {
        let Reverse((time, _, event)) = self.heap.pop().expect("the population is constant");
        (time, event)
    }
}

/// An implicit heap with four children per node.
#[derive(Default)]
pub(crate) struct QuaternaryHeap {
    entries: Vec<Entry>,
    sequence: u64,
}

fn key(entry: &Entry) -> u128 {
    (u128::from(entry.0) << 64) | u128::from(entry.1)
}

impl Queue for QuaternaryHeap {
    fn push(&mut self, time: u64, event: u32) {
        self.sequence += 1;
        let entry = (time, self.sequence, event);
        let mut hole = self.entries.len();
        self.entries.push(entry);
        while hole > 0 {
            let parent = (hole - 1) / 4;
            if key(&self.entries[parent]) <= key(&entry) {
                break;
            }
            self.entries[hole] = self.entries[parent];
            hole = parent;
        }
        self.entries[hole] = entry;
    }

    fn pop(&mut self) -> (u64, u32) {
        let first = self.entries[0];
        let last = self.entries.pop().expect("the population is constant");
        let length = self.entries.len();
        if length > 0 {
            let mut hole = 0;
            loop {
                let children = 4 * hole + 1..length.min(4 * hole + 5);
                let Some(least) = children.min_by_key(|&child| key(&self.entries[child])) else {
                    break;
                };
                if key(&last) <= key(&self.entries[least]) {
                    break;
                }
                self.entries[hole] = self.entries[least];
                hole = least;
            }
            self.entries[hole] = last;
        }
        (first.0, first.2)
    }
}

/// The textbook radix heap: buckets by the highest bit in which a key differs from the last one taken.
pub(crate) struct RadixHeap {
    buckets: Vec<Vec<Entry>>,
    last: u128,
    sequence: u64,
}

impl Default for RadixHeap {
    fn default() -> Self {
        Self { buckets: vec![Vec::new(); 129], last: 0, sequence: 0 }
    }
}

impl RadixHeap {
    fn add(&mut self, entry: Entry) {
        let bucket = 128 - (key(&entry) ^ self.last).leading_zeros();
        self.buckets[bucket as usize].push(entry);
    }
}

impl Queue for RadixHeap {
    fn push(&mut self, time: u64, event: u32) {
        self.sequence += 1;
        self.add((time, self.sequence, event));
    }

    fn pop(&mut self) -> (u64, u32) {
        if self.buckets[0].is_empty() {
            let first = self.buckets.iter().position(|bucket| !bucket.is_empty());
            let first = first.expect("the population is constant");
            let mut bucket = std::mem::take(&mut self.buckets[first]);
            self.last = bucket.iter().map(key).min().expect("the bucket is not empty");
            for entry in bucket.drain(..) {
                self.add(entry);
            }
            self.buckets[first] = bucket;
        }
        let (time, _, event) = self.buckets[0].pop().expect("it has the least key");
        (time, event)
    }
}

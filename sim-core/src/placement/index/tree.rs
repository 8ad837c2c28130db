//! An ordered set of instances that finds the first one with room.
//!
//! Three levels: entries in sorted blocks, the list of blocks, groups of blocks. Each block and each
//! group knows the union of its entries' masks (which registered demands fit somewhere inside) and, in
//! a sized tree, the most free CPU and memory inside, so that a search passes over what cannot hold an
//! answer. A search costs O(n / 2048 + 96), a change the binary search for its block and a move inside
//! it; a split or a merge of blocks, which few changes cause, O(n / 64).

use super::bounds::{Bounds, Size, Steps};
use super::key::Key;
use crate::units::InstanceId;

/// Entries per block.
const BLOCK: usize = 64;
/// Blocks per group.
const GROUP: usize = 32;

/// What a search asks of an instance: one bit of its mask, and at least this much CPU and memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::placement) struct Want {
    pub(in crate::placement) bit: u64,
    /// `None` if the bit says it all.
    pub(in crate::placement) size: Option<Size>,
}

/// An ordered set of instances with a mask, and in a sized tree a free size, for each.
#[derive(Clone, Debug)]
pub(in crate::placement) struct Tree<K> {
    /// By position of a block: a lower bound of its keys, above all keys before it.
    heads: Vec<K>,
    /// By position: where the block is kept.
    blocks: Vec<u32>,
    /// By position: union of the masks.
    masks: Vec<u64>,
    /// By position, in sized trees.
    bounds: Vec<Bounds>,
    group_masks: Vec<u64>,
    group_bounds: Vec<Bounds>,
    /// By block: number of entries.
    lens: Vec<u32>,
    /// By block × [`BLOCK`] + position inside.
    keys: Vec<K>,
    entry_masks: Vec<u64>,
    entry_sizes: Vec<Size>,
    unused: Vec<u32>,
    len: usize,
    /// How sizes are bounded; `None` in a tree without sizes.
    steps: Option<Steps>,
}

impl<K: Key> Tree<K> {
    /// The tree of `entries`, which are sorted by key.
    pub(in crate::placement) fn of(entries: &[(K, u64, Size)], steps: Option<Steps>) -> Self {
        let mut tree = Self {
            heads: Vec::new(),
            blocks: Vec::new(),
            masks: Vec::new(),
            bounds: Vec::new(),
            group_masks: Vec::new(),
            group_bounds: Vec::new(),
            lens: Vec::new(),
            keys: Vec::new(),
            entry_masks: Vec::new(),
            entry_sizes: Vec::new(),
            unused: Vec::new(),
            len: entries.len(),
            steps,
        };
        // Three quarters full: the first changes split nothing.
        for chunk in entries.chunks(BLOCK * 3 / 4) {
            let position = tree.heads.len();
            tree.add_block(position, chunk[0].0);
            let at = tree.start(position);
            for (index, (key, mask, size)) in chunk.iter().enumerate() {
                tree.keys[at + index] = *key;
                tree.entry_masks[at + index] = *mask;
                if tree.steps.is_some() {
                    tree.entry_sizes[at + index] = *size;
                }
            }
            tree.lens[tree.blocks[position] as usize] = chunk.len() as u32;
            tree.sum_block(position);
        }
        tree.sum_groups(0);
        tree
    }

    /// Puts an empty block at `position`; the caller fills it and sums the groups.
    fn add_block(&mut self, position: usize, head: K) {
        let block = self.unused.pop().unwrap_or_else(|| {
            let block = self.lens.len();
            self.lens.push(0);
            let entries = (block + 1) * BLOCK;
            self.keys.resize(entries, head);
            self.entry_masks.resize(entries, 0);
            if self.steps.is_some() {
                self.entry_sizes.resize(entries, Size::default());
            }
            block as u32
        });
        self.heads.insert(position, head);
        self.blocks.insert(position, block);
        self.masks.insert(position, 0);
        if self.steps.is_some() {
            self.bounds.insert(position, Bounds::default());
        }
    }

    fn drop_block(&mut self, position: usize) {
        let block = self.blocks.remove(position);
        self.heads.remove(position);
        self.masks.remove(position);
        if self.steps.is_some() {
            self.bounds.remove(position);
        }
        self.lens[block as usize] = 0;
        self.unused.push(block);
    }

    fn start(&self, position: usize) -> usize {
        self.blocks[position] as usize * BLOCK
    }

    fn len_at(&self, position: usize) -> usize {
        self.lens[self.blocks[position] as usize] as usize
    }

    /// Position of the block that holds `key` or would.
    fn locate(&self, key: K) -> usize {
        self.heads.partition_point(|head| *head <= key).saturating_sub(1)
    }

    /// Position of the entry of `key`, in its block at `start` with `len` entries.
    fn find(&self, key: K, start: usize, len: usize) -> usize {
        let at = start + self.keys[start..start + len].partition_point(|it| *it < key);
        debug_assert!(at < start + len && self.keys[at] == key, "the entry is in the tree");
        at
    }

    /// Adds an entry, whose key is new.
    pub(in crate::placement) fn insert(&mut self, key: K, mask: u64, size: Size) {
        if self.heads.is_empty() {
            self.add_block(0, key);
            self.sum_groups(0);
        }
        let mut position = self.locate(key);
        if self.len_at(position) == BLOCK {
            self.split(position);
            position = self.locate(key);
        }
        let (start, len) = (self.start(position), self.len_at(position));
        let at = start + self.keys[start..start + len].partition_point(|it| *it < key);
        self.keys.copy_within(at..start + len, at + 1);
        self.entry_masks.copy_within(at..start + len, at + 1);
        self.keys[at] = key;
        self.entry_masks[at] = mask;
        self.masks[position] |= mask;
        self.group_masks[position / GROUP] |= mask;
        if let Some(steps) = &self.steps {
            self.entry_sizes.copy_within(at..start + len, at + 1);
            self.entry_sizes[at] = size;
            self.bounds[position].include(size, steps);
            self.group_bounds[position / GROUP].include(size, steps);
        }
        self.lens[self.blocks[position] as usize] += 1;
        self.len += 1;
    }

    /// Takes out the entry of `key`, which is there.
    pub(in crate::placement) fn remove(&mut self, key: K) {
        let position = self.locate(key);
        let (start, len) = (self.start(position), self.len_at(position));
        let at = self.find(key, start, len);
        let (mask, end) = (self.entry_masks[at], start + len);
        self.keys.copy_within(at + 1..end, at);
        self.entry_masks.copy_within(at + 1..end, at);
        let mut decisive = false;
        if let Some(steps) = &self.steps {
            let size = self.entry_sizes[at];
            self.entry_sizes.copy_within(at + 1..end, at);
            decisive = self.bounds[position].depend_on(size, steps);
        }
        self.lens[self.blocks[position] as usize] -= 1;
        self.len -= 1;
        let left = len - 1;
        if left < BLOCK / 4 && self.merge(position, left) {
            return;
        }
        if mask != 0 || decisive {
            self.sum(position, mask, decisive);
        }
    }

    /// Replaces mask and size of the entry of `key`, which is there.
    pub(in crate::placement) fn set(&mut self, key: K, mask: u64, size: Size) {
        let position = self.locate(key);
        let (start, len) = (self.start(position), self.len_at(position));
        let at = self.find(key, start, len);
        let lost = self.entry_masks[at] & !mask;
        self.entry_masks[at] = mask;
        self.masks[position] |= mask;
        self.group_masks[position / GROUP] |= mask;
        let mut decisive = false;
        if let Some(steps) = &self.steps {
            decisive = self.bounds[position].depend_on(self.entry_sizes[at], steps);
            self.entry_sizes[at] = size;
            self.bounds[position].include(size, steps);
            self.group_bounds[position / GROUP].include(size, steps);
        }
        if lost != 0 || decisive {
            self.sum(position, lost, decisive);
        }
    }

    /// Sums up a block that lost the bits `lost` in an entry, or an entry on which its bounds depend.
    fn sum(&mut self, position: usize, lost: u64, sizes: bool) {
        let before = self.masks[position];
        if sizes {
            self.sum_block(position);
            self.sum_group(position / GROUP);
            return;
        }
        let (start, len) = (self.start(position), self.len_at(position));
        let mask = self.entry_masks[start..start + len].iter().fold(0, |all, mask| all | mask);
        self.masks[position] = mask;
        if before & lost & !mask != 0 {
            let group = position / GROUP;
            let blocks = group * GROUP..self.masks.len().min((group + 1) * GROUP);
            self.group_masks[group] = self.masks[blocks].iter().fold(0, |all, mask| all | mask);
        }
    }

    fn sum_block(&mut self, position: usize) {
        let (start, len) = (self.start(position), self.len_at(position));
        let entries = start..start + len;
        self.masks[position] =
            self.entry_masks[entries.clone()].iter().fold(0, |all, mask| all | mask);
        if let Some(steps) = &self.steps {
            self.bounds[position] = Bounds::of(&self.entry_sizes[entries], steps);
        }
    }

    fn sum_group(&mut self, group: usize) {
        let blocks = group * GROUP..self.masks.len().min((group + 1) * GROUP);
        self.group_masks[group] = self.masks[blocks.clone()].iter().fold(0, |all, mask| all | mask);
        if self.steps.is_some() {
            let mut bounds = Bounds::default();
            for block in &self.bounds[blocks] {
                bounds.unite(block);
            }
            self.group_bounds[group] = bounds;
        }
    }

    /// Sums up the groups from that of the block at `position` on: blocks moved.
    fn sum_groups(&mut self, position: usize) {
        let groups = self.heads.len().div_ceil(GROUP);
        self.group_masks.resize(groups, 0);
        if self.steps.is_some() {
            self.group_bounds.resize(groups, Bounds::default());
        }
        for group in position / GROUP..groups {
            self.sum_group(group);
        }
    }

    /// Moves the upper half of a full block to a new one after it.
    fn split(&mut self, position: usize) {
        let start = self.start(position);
        let half = BLOCK / 2;
        let head = self.keys[start + half];
        self.add_block(position + 1, head);
        let (start, new) = (self.start(position), self.start(position + 1));
        let upper = start + half..start + BLOCK;
        self.keys.copy_within(upper.clone(), new);
        self.entry_masks.copy_within(upper.clone(), new);
        if self.steps.is_some() {
            self.entry_sizes.copy_within(upper, new);
        }
        self.lens[self.blocks[position] as usize] = half as u32;
        self.lens[self.blocks[position + 1] as usize] = half as u32;
        self.sum_block(position);
        self.sum_block(position + 1);
        self.sum_groups(position);
    }

    /// Moves the `left` entries of a small block into a neighbour with room, or drops an empty block;
    /// `false` if nothing changed.
    fn merge(&mut self, position: usize, left: usize) -> bool {
        let room = |tree: &Self, position: usize| tree.len_at(position) + left <= BLOCK * 3 / 4;
        if left == 0 {
            self.drop_block(position);
            self.sum_groups(position);
            return true;
        }
        // Into the block before: its keys are all smaller. Else the next block moves in here.
        let into = if position > 0 && room(self, position - 1) {
            position - 1
        } else if position + 1 < self.heads.len() && room(self, position + 1) {
            position
        } else {
            return false;
        };
        let (to, from) = (self.start(into), self.start(into + 1));
        let (kept, moved) = (self.len_at(into), self.len_at(into + 1));
        self.keys.copy_within(from..from + moved, to + kept);
        self.entry_masks.copy_within(from..from + moved, to + kept);
        if self.steps.is_some() {
            self.entry_sizes.copy_within(from..from + moved, to + kept);
        }
        self.lens[self.blocks[into] as usize] = (kept + moved) as u32;
        self.drop_block(into + 1);
        self.sum_block(into);
        self.sum_groups(into);
        true
    }

    /// Calls `visit` with the key of each entry that has what `want` asks, in order, until it
    /// returns `false`.
    #[inline]
    pub(in crate::placement) fn visit(&self, want: Want, mut visit: impl FnMut(K) -> bool) {
        let bounded =
            want.size.zip(self.steps.as_ref()).map(|(size, steps)| (size, steps.step(size.cpu)));
        for (group, mask) in self.group_masks.iter().enumerate() {
            if mask & want.bit == 0
                || bounded
                    .is_some_and(|(size, step)| !self.group_bounds[group].may_hold(size, step))
            {
                continue;
            }
            let first = group * GROUP;
            for position in first..self.masks.len().min(first + GROUP) {
                if self.masks[position] & want.bit == 0
                    || bounded
                        .is_some_and(|(size, step)| !self.bounds[position].may_hold(size, step))
                {
                    continue;
                }
                let (start, len) = (self.start(position), self.len_at(position));
                let masks = &self.entry_masks[start..start + len];
                for (index, mask) in masks.iter().enumerate() {
                    if mask & want.bit != 0
                        && bounded
                            .is_none_or(|(size, _)| size.fits_in(self.entry_sizes[start + index]))
                        && !visit(self.keys[start + index])
                    {
                        return;
                    }
                }
            }
        }
    }

    /// Keys, masks and sizes in order, for checks.
    pub(in crate::placement) fn entries(&self) -> impl Iterator<Item = (K, u64, Option<Size>)> {
        (0..self.heads.len()).flat_map(move |position| {
            let (start, len) = (self.start(position), self.len_at(position));
            (start..start + len).map(move |at| {
                (self.keys[at], self.entry_masks[at], self.entry_sizes.get(at).copied())
            })
        })
    }

    /// Panics unless all sums are those of the entries and all keys are in order.
    pub(in crate::placement) fn check(&self) {
        let entries: Vec<_> = self.entries().collect();
        assert_eq!(entries.len(), self.len, "number of entries");
        assert!(entries.is_sorted_by(|a, b| a.0 < b.0), "keys ascend");
        for position in 0..self.heads.len() {
            let (start, len) = (self.start(position), self.len_at(position));
            assert_ne!(len, 0, "no block is empty");
            assert!(position == 0 || self.heads[position] <= self.keys[start], "heads are bounds");
            let mask = self.entry_masks[start..start + len].iter().fold(0, |all, it| all | it);
            assert_eq!(self.masks[position], mask, "mask of a block");
            if let Some(steps) = &self.steps {
                let sizes = &self.entry_sizes[start..start + len];
                assert_eq!(self.bounds[position], Bounds::of(sizes, steps), "bounds of a block");
            }
        }
        for (group, blocks) in self.masks.chunks(GROUP).enumerate() {
            let mask = blocks.iter().fold(0, |all, it| all | it);
            assert_eq!(self.group_masks[group], mask, "mask of a group");
        }
        for (group, blocks) in self.bounds.chunks(GROUP).enumerate() {
            let mut bounds = Bounds::default();
            for block in blocks {
                bounds.unite(block);
            }
            assert_eq!(self.group_bounds[group], bounds, "bounds of a group");
        }
        assert_eq!(self.group_masks.len(), self.masks.len().div_ceil(GROUP), "number of groups");
    }

    /// The first entry that has what `want` asks and passes `accept`.
    #[inline]
    pub(in crate::placement) fn first(
        &self,
        want: Want,
        mut accept: impl FnMut(InstanceId) -> bool,
    ) -> Option<K> {
        let mut found = None;
        self.visit(want, |key| {
            if !accept(key.instance()) {
                return true;
            }
            found = Some(key);
            false
        });
        found
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::placement::index::key::ShortKey;

    fn size(bits: u64) -> Size {
        Size { cpu: (bits % 41) as u32 * 100, memory: (bits / 41 % 37) as u32 * 10 }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// Random changes against a map that is searched entry by entry.
        #[test]
        fn a_tree_is_a_sorted_map(
            start in 0..300_u32,
            changes in prop::collection::vec((0..4_u8, 0..400_u32, any::<u64>()), 0..600),
            sized in any::<bool>(),
        ) {
            let steps = sized.then(|| Steps::new(4000));
            let key = |id: u32| ShortKey::new([id % 7, 0, 0], u64::from(id % 3), InstanceId(id));
            let mut model: BTreeMap<ShortKey, (u64, Size)> =
                (0..start).map(|id| (key(id), (u64::from(id % 16), size(u64::from(id))))).collect();
            let entries: Vec<_> = model.iter().map(|(key, (mask, size))| (*key, *mask, *size)).collect();
            let mut tree = Tree::of(&entries, steps);
            for (kind, id, bits) in changes {
                let key = key(id);
                let (mask, size) = (bits >> 60, size(bits));
                let known = model.contains_key(&key);
                match kind {
                    0 if known => {
                        tree.remove(key);
                        model.remove(&key);
                    }
                    1 if known => {
                        tree.set(key, mask, size);
                        model.insert(key, (mask, size));
                    }
                    2 | 3 if !known => {
                        tree.insert(key, mask, size);
                        model.insert(key, (mask, size));
                    }
                    _ => {}
                }
                let want = Want { bit: 1 << (bits % 4), size: sized.then_some(size) };
                let odd = |instance: InstanceId| !instance.0.is_multiple_of(5);
                let expected = model.iter().find(|(key, (mask, free))| {
                    mask & want.bit != 0
                        && want.size.is_none_or(|size| size.fits_in(*free))
                        && odd(key.instance())
                });
                prop_assert!(tree.first(want, odd) == expected.map(|(key, _)| *key));
            }
            tree.check();
            prop_assert_eq!(tree.len, model.len());
        }
    }

    /// Thousands of entries: several groups, splits and merges in all of them.
    #[test]
    fn large_trees_stay_consistent() {
        let key = |id: u32| {
            ShortKey::new([id.wrapping_mul(2_654_435_761) >> 16, 0, 0], 0, InstanceId(id))
        };
        let mut tree = Tree::of(&[], Some(Steps::new(4000)));
        for id in 0..20_000_u32 {
            tree.insert(key(id), u64::from(id % 16), size(u64::from(id)));
        }
        tree.check();
        for id in (0..20_000).filter(|id| id % 16 != 3) {
            tree.remove(key(id));
        }
        tree.check();
        assert_eq!(tree.len, 1250);
        for id in (0..20_000).filter(|id| id % 16 == 3) {
            tree.remove(key(id));
        }
        assert_eq!(tree.first(Want { bit: !0, size: None }, |_| true).map(Key::instance), None);
    }
}

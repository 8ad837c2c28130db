//! Sets of instance ids that answer "which is the j-th of their union".

use crate::units::InstanceId;

/// Words per block.
const BLOCK: usize = 8;
/// Blocks per group.
const GROUP: usize = 32;

/// A set of instance ids with counts of its parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::placement) struct SelectSet {
    words: Vec<u64>,
    blocks: Vec<u32>,
    groups: Vec<u32>,
    len: u32,
}

impl SelectSet {
    pub(in crate::placement) fn len(&self) -> u32 {
        self.len
    }

    /// Adds an id that is not in the set.
    pub(in crate::placement) fn insert(&mut self, instance: InstanceId) {
        let word = instance.0 as usize / 64;
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
            self.blocks.resize(word / BLOCK + 1, 0);
            self.groups.resize(word / (BLOCK * GROUP) + 1, 0);
        }
        debug_assert_eq!(self.words[word] & 1 << (instance.0 % 64), 0, "the id is new");
        self.words[word] |= 1 << (instance.0 % 64);
        self.blocks[word / BLOCK] += 1;
        self.groups[word / (BLOCK * GROUP)] += 1;
        self.len += 1;
    }

    /// Takes out an id that is in the set.
    pub(in crate::placement) fn remove(&mut self, instance: InstanceId) {
        let word = instance.0 as usize / 64;
        debug_assert_ne!(self.words[word] & 1 << (instance.0 % 64), 0, "the id is there");
        self.words[word] &= !(1 << (instance.0 % 64));
        self.blocks[word / BLOCK] -= 1;
        self.groups[word / (BLOCK * GROUP)] -= 1;
        self.len -= 1;
    }

    /// Ids in ascending order.
    pub(in crate::placement) fn iter(&self) -> impl Iterator<Item = InstanceId> {
        self.words.iter().enumerate().flat_map(|(index, word)| {
            (0..64)
                .filter(move |bit| word >> bit & 1 == 1)
                .map(move |bit| InstanceId(index as u32 * 64 + bit))
        })
    }
}

/// The `nth` id, counted from zero, of the union of the disjoint sets that `sets` yields; `None` if
/// the union is smaller. Costs a step per 16 384 ids and set, and at most 40 more per set.
pub(in crate::placement) fn select<'s, I>(sets: impl Fn() -> I, nth: u32) -> Option<InstanceId>
where
    I: Iterator<Item = &'s SelectSet>,
{
    let mut left = nth;
    // Counts of all sets together, some at a time: these loops have no branch in them.
    let sums = |from: usize, counts: &dyn Fn(&'s SelectSet) -> &'s [u32]| {
        let mut sums = [0_u32; GROUP];
        for set in sets() {
            let counts = counts(set).get(from..).unwrap_or_default();
            for (sum, count) in sums.iter_mut().zip(counts) {
                *sum += *count;
            }
        }
        sums
    };
    let descend = |left: &mut u32, sums: &[u32; GROUP]| {
        sums.iter().position(|here| {
            let found = *left < *here;
            *left -= if found { 0 } else { *here };
            found
        })
    };
    let groups = sets().map(|set| set.groups.len()).max()?;
    let group = (0..groups).step_by(GROUP).find_map(|from| {
        descend(&mut left, &sums(from, &|set| &set.groups)).map(|index| from + index)
    })?;
    let first = group * GROUP;
    let block = first + descend(&mut left, &sums(first, &|set| &set.blocks))?;
    for index in block * BLOCK..(block + 1) * BLOCK {
        let word =
            sets().map(|set| set.words.get(index).copied().unwrap_or(0)).fold(0, |a, b| a | b);
        if left < word.count_ones() {
            let mut word = word;
            for _ in 0..left {
                word &= word - 1;
            }
            return Some(InstanceId(index as u32 * 64 + word.trailing_zeros()));
        }
        left -= word.count_ones();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nth_of_a_union_is_that_of_the_sorted_ids() {
        let mut sets = [SelectSet::default(), SelectSet::default(), SelectSet::default()];
        let mut ids: Vec<u32> =
            (0..3000_u32).map(|n| n.wrapping_mul(2_654_435_761) >> 14).collect();
        ids.sort_unstable();
        ids.dedup();
        for (index, id) in ids.iter().enumerate() {
            sets[index % 3].insert(InstanceId(*id));
        }
        assert_eq!(sets.iter().map(SelectSet::len).sum::<u32>(), ids.len() as u32);
        for (nth, id) in ids.iter().enumerate() {
            assert_eq!(select(|| sets.iter(), nth as u32), Some(InstanceId(*id)));
        }
        assert_eq!(select(|| sets.iter(), ids.len() as u32), None);
        let gone: Vec<InstanceId> = sets[1].iter().collect();
        for id in gone {
            sets[1].remove(id);
        }
        assert_eq!((sets[1].len(), sets[1].iter().next()), (0, None));
        assert_eq!(select(|| [&sets[1]].into_iter(), 0), None);
        assert_eq!(select(|| sets.iter(), 0), sets[0].iter().next().min(sets[2].iter().next()));
    }
}

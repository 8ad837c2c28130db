//! The least of many keys, in a tree of winners.

/// The key of a leaf that takes no part.
pub(super) const NONE: u64 = u64::MAX;

/// Keys of numbered leaves. Setting one takes time logarithmic in their number, reading the least
/// none. Of equal keys the leaf with the lower number wins.
#[derive(Clone, Debug)]
pub(super) struct Tournament {
    /// Node `i` holds the lesser of nodes `2i` and `2i + 1`; the leaves are the second half.
    keys: Vec<u64>,
    leaves: usize,
}

impl Tournament {
    pub(super) fn new() -> Self {
        Self { keys: vec![NONE; 2], leaves: 1 }
    }

    /// Makes room for leaf `leaf`.
    pub(super) fn reserve(&mut self, leaf: usize) {
        if leaf < self.leaves {
            return;
        }
        let leaves = (leaf + 1).next_power_of_two();
        let mut keys = vec![NONE; 2 * leaves];
        keys[leaves..leaves + self.leaves].copy_from_slice(&self.keys[self.leaves..]);
        for node in (1..leaves).rev() {
            keys[node] = keys[2 * node].min(keys[2 * node + 1]);
        }
        (self.keys, self.leaves) = (keys, leaves);
    }

    #[inline]
    pub(super) fn set(&mut self, leaf: usize, key: u64) {
        let mut node = self.leaves + leaf;
        self.keys[node] = key;
        while 1 < node {
            node /= 2;
            let winner = self.keys[2 * node].min(self.keys[2 * node + 1]);
            if self.keys[node] == winner {
                return;
            }
            self.keys[node] = winner;
        }
    }

    /// The least key; [`NONE`] without any.
    #[inline]
    pub(super) fn least(&self) -> u64 {
        self.keys[1]
    }

    /// The leaf of the least key.
    #[inline]
    pub(super) fn winner(&self) -> usize {
        let mut node = 1;
        while node < self.leaves {
            node = 2 * node + usize::from(self.keys[2 * node + 1] < self.keys[2 * node]);
        }
        node - self.leaves
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agrees_with_a_scan(changes in prop::collection::vec((0_usize..37, 0_u64..50), 1..200)) {
            let mut tree = Tournament::new();
            let mut keys = Vec::new();
            for (leaf, key) in changes {
                if keys.len() <= leaf {
                    keys.resize(leaf + 1, NONE);
                }
                let key = if key == 0 { NONE } else { key };
                keys[leaf] = key;
                tree.reserve(leaf);
                tree.set(leaf, key);
                let least = keys.iter().copied().min();
                prop_assert_eq!(Some(tree.least()), least);
                if tree.least() != NONE {
                    prop_assert_eq!(Some(tree.winner()), keys.iter().position(|k| Some(*k) == least));
                }
            }
        }
    }
}

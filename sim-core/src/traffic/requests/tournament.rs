//! The least of many keys, in a tree of winners.

/// The key of a leaf that takes no part.
pub(super) const NONE: u64 = u64::MAX;

/// Keys of numbered leaves. Setting one takes time logarithmic in their number, reading the least
/// none. Of equal keys the leaf with the lower number wins.
#[derive(Clone, Debug)]
pub(super) struct Tournament {
    /// Node `i` is the winner of nodes `2i` and `2i + 1`; the leaves are the second half.
    nodes: Vec<Node>,
    leaves: usize,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    key: u64,
    leaf: u32,
}

impl Tournament {
    pub(super) fn new() -> Self {
        Self { nodes: vec![Node { key: NONE, leaf: 0 }; 2], leaves: 1 }
    }

    /// Makes room for leaf `leaf`.
    pub(super) fn reserve(&mut self, leaf: usize) {
        if leaf < self.leaves {
            return;
        }
        let leaves = (leaf + 1).next_power_of_two();
        let mut nodes = vec![Node { key: NONE, leaf: 0 }; 2 * leaves];
        for (leaf, node) in (0..).zip(&mut nodes[leaves..]) {
            node.leaf = leaf;
        }
        nodes[leaves..leaves + self.leaves].copy_from_slice(&self.nodes[self.leaves..]);
        for node in (1..leaves).rev() {
            let (left, right) = (nodes[2 * node], nodes[2 * node + 1]);
            nodes[node] = if right.key < left.key { right } else { left };
        }
        (self.nodes, self.leaves) = (nodes, leaves);
    }

    #[inline]
    pub(super) fn set(&mut self, leaf: usize, key: u64) {
        let mut node = self.leaves + leaf;
        let mut best = Node { key, leaf: leaf as u32 };
        self.nodes[node] = best;
        // To the root in any case, and without branches: whether the winner changes on the way cannot
        // be predicted, and a wrong guess costs more than the rest of the way.
        while 1 < node {
            let other = self.nodes[node ^ 1];
            let is_right = node & 1 == 1;
            let loses = (other.key < best.key) | (is_right & (other.key == best.key));
            best.key = best.key.min(other.key);
            best.leaf = if loses { other.leaf } else { best.leaf };
            node >>= 1;
            self.nodes[node] = best;
        }
    }

    /// The least key; [`NONE`] without any.
    #[inline]
    pub(super) fn least(&self) -> u64 {
        self.nodes[1].key
    }

    /// The leaf of the least key.
    #[inline]
    pub(super) fn winner(&self) -> usize {
        self.nodes[1].leaf as usize
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

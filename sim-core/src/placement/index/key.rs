//! The sort keys of ordered instances.

use crate::units::InstanceId;

/// Scores of the links of a chain that differ between the instances of a pool, in chain order.
pub(in crate::placement) type Links = [u32; 3];

/// A total order of the instances of a pool: scores, then tie rank, then id.
pub(in crate::placement) trait Key: Copy + Ord {
    fn new(links: Links, rank: u64, instance: InstanceId) -> Self;
    fn links(self) -> Links;
    fn rank(self) -> u64;
    fn instance(self) -> InstanceId;
}

/// The key of at most one score: 32 bits of score, 64 of rank, 32 of id, so that one comparison of
/// integers decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::placement) struct ShortKey(u128);

impl Key for ShortKey {
    fn new([first, ..]: Links, rank: u64, instance: InstanceId) -> Self {
        Self(u128::from(first) << 96 | u128::from(rank) << 32 | u128::from(instance.0))
    }

    fn links(self) -> Links {
        [(self.0 >> 96) as u32, 0, 0]
    }

    fn rank(self) -> u64 {
        (self.0 >> 32) as u64
    }

    fn instance(self) -> InstanceId {
        InstanceId(self.0 as u32)
    }
}

/// The key of two or three scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::placement) struct LongKey {
    first: u64,
    third: u32,
    rank: u64,
    instance: u32,
}

impl Key for LongKey {
    fn new([first, second, third]: Links, rank: u64, instance: InstanceId) -> Self {
        let first = u64::from(first) << 32 | u64::from(second);
        Self { first, third, rank, instance: instance.0 }
    }

    fn links(self) -> Links {
        [(self.first >> 32) as u32, self.first as u32, self.third]
    }

    fn rank(self) -> u64 {
        self.rank
    }

    fn instance(self) -> InstanceId {
        InstanceId(self.instance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys<K: Key>(parts: &[(Links, u64, u32)]) -> Vec<K> {
        parts.iter().map(|(links, rank, id)| K::new(*links, *rank, InstanceId(*id))).collect()
    }

    fn check<K: Key>(parts: &[(Links, u64, u32)]) {
        let keys = keys::<K>(parts);
        assert!(keys.is_sorted());
        for (key, (links, rank, id)) in keys.iter().zip(parts) {
            assert_eq!((key.links(), key.rank(), key.instance().0), (*links, *rank, *id));
        }
    }

    #[test]
    fn keys_give_back_their_parts_and_sort_by_them_in_order() {
        let parts = [
            ([0, 0, 0], 0, 0),
            ([0, 0, 0], 0, u32::MAX),
            ([0, 0, 0], u64::MAX, 0),
            ([1, 0, 0], 0, 7),
            ([u32::MAX, 0, 0], 3, 7),
        ];
        let long = [([2, 0, 9], 1, 1), ([2, 1, 0], 0, 0), ([2, 1, 1], 0, 0), ([2, 1, 1], 0, 2)];
        check::<ShortKey>(&parts);
        check::<LongKey>(&parts);
        check::<LongKey>(&long);
    }
}

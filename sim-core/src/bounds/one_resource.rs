//! How many identical instances tasks need at least, looking at one resource.
//!
//! Source: Martello and Toth, *Lower bounds and reduction procedures for the bin packing problem*,
//! Discrete Applied Mathematics 28 (1990).

/// The sum bound `⌈Σw / C⌉`. Zero if `capacity` is zero.
pub fn l1(sizes: &[u64], capacity: u64) -> u64 {
    let sum: u128 = sizes.iter().map(|size| u128::from(*size)).sum();
    instances(sum, capacity)
}

/// `⌈sum / capacity⌉`; zero if `capacity` is zero, saturating.
pub(super) fn instances(sum: u128, capacity: u64) -> u64 {
    if capacity == 0 {
        return 0;
    }
    u64::try_from(sum.div_ceil(u128::from(capacity))).unwrap_or(u64::MAX)
}

/// The bound L2 of Martello and Toth, never below [`l1`]: the best threshold of all sizes
/// up to half an instance. O(n log n) for the sort; then each threshold is a constant number of
/// binary searches in prefix sums.
pub fn l2(sizes: &[u64], capacity: u64) -> u64 {
    let mut sorted = sizes.to_vec();
    sorted.sort_unstable();
    let mut below = Vec::with_capacity(sorted.len() + 1);
    let mut sum: u128 = 0;
    below.push(sum);
    for size in &sorted {
        sum += u128::from(*size);
        below.push(sum);
    }
    let rounded_sum = |rounding: Rounding| {
        let from = sorted.partition_point(|size| *size < rounding.from);
        let large = sorted.partition_point(|size| *size <= rounding.to).max(from);
        let whole = (sorted.len() - large) as u128 * u128::from(capacity);
        whole + below[large] - below[from]
    };
    let small = sorted.iter().copied().take_while(|size| *size <= capacity / 2);
    let roundings = small.map(|size| Rounding::at(size, capacity));
    let best = roundings.map(rounded_sum).max().unwrap_or(0);
    let ends = [Rounding::NONE, Rounding::half(capacity)];
    let best = ends.into_iter().map(rounded_sum).fold(best, u128::max);
    instances(best, capacity)
}

/// How many tasks need more than half an instance: no two of them share one.
pub fn conflicts(sizes: &[u64], capacity: u64) -> u64 {
    sizes.iter().filter(|size| **size > capacity / 2).count() as u64
}

/// A dual feasible function of L2: it counts a size above `to` as a whole instance, one below `from`
/// as nothing and leaves the others. What fits in one instance still fits after rounding, because
/// next to a size above `C − a` there is only room for sizes below `a`. The rounded sizes may
/// therefore be summed in place of the true ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rounding {
    pub(super) from: u64,
    pub(super) to: u64,
}

impl Rounding {
    /// Leaves every size as it is: the sum bound.
    pub(super) const NONE: Self = Self { from: 0, to: u64::MAX };

    /// The function of threshold `a`, at most half of `capacity`.
    pub(super) fn at(a: u64, capacity: u64) -> Self {
        debug_assert!(a <= capacity / 2, "thresholds are at most half an instance");
        Self { from: a, to: capacity - a }
    }

    /// Counts what is larger than half an instance, and exact halves as halves.
    pub(super) fn half(capacity: u64) -> Self {
        let half = capacity / 2;
        Self { from: if capacity.is_multiple_of(2) { half } else { half + 1 }, to: half }
    }

    /// The size to sum.
    #[inline]
    pub(super) fn rounded(self, size: u64, capacity: u64) -> u64 {
        if size > self.to {
            capacity
        } else if size >= self.from {
            size
        } else {
            0
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The fewest instances, by trying every distinct place for each size, largest first.
    fn optimum(sizes: &[u64], capacity: u64) -> u64 {
        fn place(sizes: &[u64], free: &mut Vec<u64>, capacity: u64, best: &mut usize) {
            let Some((size, rest)) = sizes.split_first() else {
                *best = (*best).min(free.len());
                return;
            };
            for index in 0..free.len() {
                if free[index] >= *size && !free[..index].contains(&free[index]) {
                    free[index] -= size;
                    place(rest, free, capacity, best);
                    free[index] += size;
                }
            }
            if free.len() + 1 < *best {
                free.push(capacity - size);
                place(rest, free, capacity, best);
                free.pop();
            }
        }
        let mut sorted = sizes.to_vec();
        sorted.sort_unstable_by(|a, b| b.cmp(a));
        let mut best = sorted.len();
        place(&sorted, &mut Vec::new(), capacity, &mut best);
        best as u64
    }

    /// Where a size goes among the free amounts of the open instances.
    type Fit = fn(&[u64], u64) -> Option<usize>;

    fn first_fit(free: &[u64], size: u64) -> Option<usize> {
        free.iter().position(|room| *room >= size)
    }

    fn best_fit(free: &[u64], size: u64) -> Option<usize> {
        let fitting = free.iter().enumerate().filter(|(_, room)| **room >= size);
        fitting.min_by_key(|(_, room)| **room).map(|(index, _)| index)
    }

    fn pack(sizes: &[u64], capacity: u64, fit: Fit) -> u64 {
        let mut free = Vec::new();
        for size in sizes {
            match fit(&free, *size) {
                Some(index) => free[index] -= size,
                None => free.push(capacity - size),
            }
        }
        free.len() as u64
    }

    struct Row<'a> {
        sizes: &'a [u64],
        capacity: u64,
        l1: u64,
        l2: u64,
        optimum: u64,
        first_fit: Option<u64>,
        best_fit: Option<u64>,
        first_fit_decreasing: u64,
    }

    #[track_caller]
    fn check(row: &Row<'_>) {
        let Row { sizes, capacity, .. } = *row;
        let found = (l1(sizes, capacity), l2(sizes, capacity), optimum(sizes, capacity));
        assert_eq!(found, (row.l1, row.l2, row.optimum), "L1, L2, optimum");
        if let Some(expected) = row.first_fit {
            assert_eq!(pack(sizes, capacity, first_fit), expected, "first-fit");
        }
        if let Some(expected) = row.best_fit {
            assert_eq!(pack(sizes, capacity, best_fit), expected, "best-fit");
        }
        let mut sorted = sizes.to_vec();
        sorted.sort_unstable_by(|a, b| b.cmp(a));
        let decreasing = pack(&sorted, capacity, first_fit);
        assert_eq!(decreasing, row.first_fit_decreasing, "first-fit, largest first");
    }

    #[test]
    fn static_bound_four_sevens_in_ten() {
        check(&Row {
            sizes: &[7, 7, 7, 7],
            capacity: 10,
            l1: 3,
            l2: 4,
            optimum: 4,
            first_fit: Some(4),
            best_fit: Some(4),
            first_fit_decreasing: 4,
        });
    }

    #[test]
    fn static_bound_sixes_fours_and_threes_in_ten() {
        check(&Row {
            sizes: &[6, 6, 6, 4, 4, 3, 3],
            capacity: 10,
            l1: 4,
            l2: 4,
            optimum: 4,
            first_fit: Some(4),
            best_fit: Some(4),
            first_fit_decreasing: 4,
        });
    }

    #[test]
    fn static_bound_where_every_greedy_rule_needs_one_more() {
        check(&Row {
            sizes: &[51, 27, 23, 11, 26, 26, 26],
            capacity: 100,
            l1: 2,
            l2: 2,
            optimum: 2,
            first_fit: Some(3),
            best_fit: Some(3),
            first_fit_decreasing: 3,
        });
    }

    #[test]
    fn static_bound_eleven_sizes_in_fifty() {
        check(&Row {
            sizes: &[45, 36, 28, 25, 20, 18, 15, 12, 10, 6, 3],
            capacity: 50,
            l1: 5,
            l2: 5,
            optimum: 5,
            first_fit: Some(5),
            best_fit: Some(5),
            first_fit_decreasing: 5,
        });
    }

    #[test]
    fn static_bound_not_tight_for_five_sizes_in_32() {
        check(&Row {
            sizes: &[24, 18, 10, 6, 6],
            capacity: 32,
            l1: 2,
            l2: 2,
            optimum: 3,
            first_fit: Some(3),
            best_fit: None,
            first_fit_decreasing: 3,
        });
    }

    #[test]
    fn static_bound_not_tight_for_fours_and_a_five_in_11() {
        check(&Row {
            sizes: &[11, 5, 4, 4, 4, 4],
            capacity: 11,
            l1: 3,
            l2: 3,
            optimum: 4,
            first_fit: None,
            best_fit: None,
            first_fit_decreasing: 4,
        });
    }

    #[test]
    fn without_sizes_or_capacity_nothing_is_needed() {
        assert_eq!((l1(&[], 10), l2(&[], 10)), (0, 0));
        assert_eq!((l1(&[3], 0), l2(&[3], 0)), (0, 0));
        assert_eq!(l2(&[u64::MAX; 3], u64::MAX), 3);
    }

    #[test]
    fn tasks_above_half_an_instance_do_not_share_one() {
        assert_eq!(conflicts(&[5, 6, 6, 4], 10), 2);
        assert_eq!(conflicts(&[5, 6, 4], 11), 1);
    }

    /// The definition, threshold by threshold, without prefix sums.
    fn l2_by_definition(sizes: &[u64], capacity: u64) -> u64 {
        let small = sizes.iter().copied().filter(|size| 2 * size <= capacity);
        let bound = |a: u64| {
            let n1 = sizes.iter().filter(|w| **w > capacity - a).count() as i64;
            let n2: Vec<u64> =
                sizes.iter().copied().filter(|w| *w <= capacity - a && 2 * w > capacity).collect();
            let n3: u64 = sizes.iter().filter(|w| 2 * **w <= capacity && **w >= a).sum();
            let room = n2.len() as u64 * capacity - n2.iter().sum::<u64>();
            let rest = n3.saturating_sub(room).div_ceil(capacity);
            n1 as u64 + n2.len() as u64 + rest
        };
        small.chain([0]).map(bound).max().unwrap_or(0)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]
        #[test]
        fn l1_is_at_most_l2_is_at_most_the_optimum(
            capacity in 5u64..40,
            shares in prop::collection::vec(1u64..=1000, 0..10),
        ) {
            let sizes: Vec<u64> =
                shares.iter().map(|share| (share * capacity).div_ceil(1000)).collect();
            let (low, high) = (l1(&sizes, capacity), l2(&sizes, capacity));
            prop_assert!(low <= high);
            prop_assert!(high <= optimum(&sizes, capacity));
            prop_assert!(conflicts(&sizes, capacity) <= high);
            prop_assert_eq!(high, l2_by_definition(&sizes, capacity));
        }
    }
}

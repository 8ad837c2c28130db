//! The split of a group's capacity into On-Demand and Spot.
//!
//! Source: Auto Scaling user guide, *Auto Scaling groups with multiple instance types and purchase
//! options*. Base capacity is On-Demand and comes first; the percentage holds for what is above it, and
//! is rounded in favour of On-Demand.

use crate::scenario::PurchaseOption;

/// Units of capacity by purchase option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// On-Demand, as `OnDemandBaseCapacity`.
    pub base: u32,
    /// On-Demand, as a percentage of what is above the base.
    pub on_demand_above: u32,
    /// Spot.
    pub spot: u32,
}

impl Split {
    /// All On-Demand units.
    pub fn on_demand(&self) -> u32 {
        self.base + self.on_demand_above
    }
}

/// Splits `total` units; `percentage` is that of On-Demand above the base, at most 100.
pub fn split(total: u32, base: u32, percentage: u32) -> Split {
    let base = base.min(total);
    let above = total - base;
    let share = (u64::from(above) * u64::from(percentage.min(100))).div_ceil(100);
    let on_demand_above = share as u32;
    Split { base, on_demand_above, spot: above - on_demand_above }
}

/// The purchase option that a scale-in to `wanted` takes from, so that the split is kept: the one with
/// more than its part, Spot if both have. `None` if neither has.
pub fn surplus(on_demand: u32, spot: u32, wanted: &Split) -> Option<PurchaseOption> {
    let more_on_demand = on_demand.saturating_sub(wanted.on_demand());
    let more_spot = spot.saturating_sub(wanted.spot);
    match (more_on_demand, more_spot) {
        (0, 0) => None,
        (on_demand, spot) if spot < on_demand => Some(PurchaseOption::OnDemand),
        _ => Some(PurchaseOption::Spot),
    }
}

/// Whether an instance of `weight` may be terminated for a scale-in: the group keeps what is desired. A
/// scale-in smaller than the overshoot does nothing.
pub fn may_terminate(capacity: u32, desired: u32, weight: u32) -> bool {
    desired <= capacity.saturating_sub(weight) && weight <= capacity
}

/// How far weighted capacity may be above the group's size: two AWS documents differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WeightedCap {
    /// `MaxSize` and the largest weight (API reference).
    #[default]
    Max,
    /// The desired capacity and the largest weight (user guide).
    Desired,
}

impl WeightedCap {
    /// The most units that a group may have with the next instance.
    pub fn most(self, desired: u32, max_size: u32, largest_weight: u32) -> u32 {
        let size = match self {
            Self::Max => max_size,
            Self::Desired => desired,
        };
        size.saturating_add(largest_weight)
    }
}

/// Instances above `MaxSize` that Capacity Rebalancing may add for a while: a tenth of the desired
/// capacity, rounded down, and at least one.
pub fn rebalancing_margin(desired: u32) -> u32 {
    (desired / 10).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(total: u32, base: u32, percentage: u32) -> (u32, u32, u32) {
        let Split { base, on_demand_above, spot } = split(total, base, percentage);
        (base, on_demand_above, spot)
    }

    #[test]
    fn tv_mix_1_the_table_of_the_user_guide() {
        for (base, percentage, expected) in [
            (10, 50, [(10, 0, 0), (10, 5, 5), (10, 10, 10), (10, 15, 15)]),
            (0, 60, [(0, 6, 4), (0, 12, 8), (0, 18, 12), (0, 24, 16)]),
            (12, 0, [(10, 0, 0), (12, 0, 8), (12, 0, 18), (12, 0, 28)]),
        ] {
            let found = [10, 20, 30, 40].map(|total| parts(total, base, percentage));
            assert_eq!(found, expected, "base {base}, {percentage} %");
        }
    }

    #[test]
    fn tv_mix_2_rounding_favours_on_demand() {
        assert_eq!(parts(7, 0, 25), (0, 2, 5));
        assert_eq!(parts(11, 2, 33), (2, 3, 6));
    }

    #[test]
    fn the_parts_add_up_and_the_percentage_is_the_least_that_is_whole() {
        for total in 0..60 {
            for base in [0, 1, 5, 70] {
                for percentage in 0..=100 {
                    let it = split(total, base, percentage);
                    assert_eq!(it.on_demand() + it.spot, total);
                    let above = total - it.base;
                    assert!(it.on_demand_above * 100 >= above * percentage);
                    let less = it.on_demand_above.checked_sub(1);
                    assert!(less.is_none_or(|less| less * 100 < above * percentage));
                }
            }
        }
    }

    #[test]
    fn a_scale_in_takes_from_the_option_that_has_too_many() {
        let wanted = split(10, 0, 50);
        assert_eq!(surplus(6, 5, &wanted), Some(PurchaseOption::OnDemand));
        assert_eq!(surplus(5, 6, &wanted), Some(PurchaseOption::Spot));
        assert_eq!(surplus(6, 6, &wanted), Some(PurchaseOption::Spot));
        assert_eq!(surplus(5, 5, &wanted), None);
        // From 12 down to 0, one by one: the split of every size on the way.
        let (mut on_demand, mut spot) = (6, 6);
        for total in (0..12).rev() {
            let wanted = split(total, 0, 50);
            match surplus(on_demand, spot, &wanted) {
                Some(PurchaseOption::OnDemand) => on_demand -= 1,
                Some(PurchaseOption::Spot) => spot -= 1,
                None => unreachable!("one is always too many"),
            }
            assert_eq!((on_demand, spot), (wanted.on_demand(), wanted.spot));
        }
    }

    #[test]
    fn a_scale_in_smaller_than_the_overshoot_does_nothing() {
        // Desired 30, current 32, one less: the smallest instance has weight 4.
        assert!(!may_terminate(32, 29, 4));
        assert!(may_terminate(32, 28, 4));
        assert!(!may_terminate(3, 0, 4));
    }

    #[test]
    fn the_cap_of_weighted_capacity_follows_either_document() {
        assert_eq!(WeightedCap::Max.most(30, 40, 24), 64);
        assert_eq!(WeightedCap::Desired.most(30, 40, 24), 54);
    }

    #[test]
    fn rebalancing_may_add_a_tenth_and_at_least_one() {
        assert_eq!([0, 3, 10, 25, 100].map(rebalancing_margin), [1, 1, 1, 2, 10]);
    }
}

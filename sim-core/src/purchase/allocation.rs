//! Which instance type a group launches in a zone: the allocation strategies.
//!
//! Source: Auto Scaling user guide, *Allocation strategies*. The zone is chosen before. A pool is an
//! instance type in a zone; AWS publishes neither how it rates the capacity of a pool nor the formula
//! that weighs price against it, so both are inputs here.

use std::cmp::Ordering;

use crate::scenario::{OnDemandStrategy, SpotStrategy};

/// What is known of the pool of one instance type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pool {
    /// Position in the group's list of types: its priority.
    pub position: usize,
    /// Price of an instance in 1e-10 USD per hour.
    pub price: u64,
    /// Units of capacity of an instance, at least 1.
    pub weight: u32,
    /// How much spare capacity it has, from 0 to 1.
    pub depth: f64,
    /// Instances of the group that it holds.
    pub instances: u32,
}

impl Pool {
    /// Compares the price per unit of capacity, exactly.
    fn by_unit_price(&self, other: &Self) -> Ordering {
        let own = u128::from(self.price) * u128::from(other.weight);
        let others = u128::from(other.price) * u128::from(self.weight);
        own.cmp(&others)
    }

    fn unit_price(&self) -> f64 {
        self.price as f64 / f64::from(self.weight.max(1))
    }
}

/// The order in which types are tried for an On-Demand Instance.
pub fn order_on_demand(strategy: OnDemandStrategy, pools: &mut [Pool]) {
    match strategy {
        OnDemandStrategy::Prioritized => pools.sort_by_key(|pool| pool.position),
        OnDemandStrategy::LowestPrice => {
            pools.sort_by(|a, b| a.by_unit_price(b).then(a.position.cmp(&b.position)));
        }
    }
}

/// The order in which types are tried for a Spot Instance. `price_weight` is the weight of capacity
/// against price of `price-capacity-optimized`.
pub fn order_spot(strategy: SpotStrategy, price_weight: f64, pools: &mut [Pool]) {
    match strategy {
        SpotStrategy::LowestPrice { pools: number } => {
            pools.sort_by(|a, b| a.by_unit_price(b).then(a.position.cmp(&b.position)));
            // Spread over the cheapest; the others follow when those have no capacity.
            let number = (number as usize).min(pools.len());
            // Stable: the cheaper one among equals.
            pools[..number].sort_by_key(|pool| pool.instances);
        }
        // Without priorities the cheaper of two equally deep pools.
        SpotStrategy::CapacityOptimized => pools.sort_by(|a, b| {
            b.depth.total_cmp(&a.depth).then(a.by_unit_price(b)).then(a.position.cmp(&b.position))
        }),
        SpotStrategy::CapacityOptimizedPrioritized => {
            pools.sort_by(|a, b| b.depth.total_cmp(&a.depth).then(a.position.cmp(&b.position)));
        }
        SpotStrategy::PriceCapacityOptimized => {
            let highest = pools.iter().map(Pool::unit_price).fold(0.0, f64::max);
            let score = |pool: &Pool| {
                let price = if highest > 0.0 { pool.unit_price() / highest } else { 0.0 };
                price + price_weight * (1.0 - pool.depth)
            };
            pools.sort_by(|a, b| score(a).total_cmp(&score(b)).then(a.position.cmp(&b.position)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CENT: u64 = 100_000_000;

    fn pool(position: usize, price: u64, weight: u32, depth: f64) -> Pool {
        Pool { position, price, weight, depth, instances: 0 }
    }

    fn spot(strategy: SpotStrategy, mut pools: Vec<Pool>) -> Vec<usize> {
        order_spot(strategy, 1.0, &mut pools);
        pools.iter().map(|pool| pool.position).collect()
    }

    #[test]
    fn tv_mix_3_the_price_per_unit_decides_and_a_large_weight_overshoots() {
        // In units of 0.001 USD: the table of the user guide.
        let rows = [(180, 2), (341, 4), (779, 12), (1207, 18), (1555, 24)];
        let pools: Vec<Pool> = rows
            .iter()
            .enumerate()
            .map(|(position, (price, weight))| pool(position, price * CENT / 10, *weight, 1.0))
            .collect();
        let per_unit: Vec<f64> = pools.iter().map(|it| it.unit_price() / 1e10).collect();
        for (found, expected) in per_unit.iter().zip([0.09, 0.08525, 0.06492, 0.06706, 0.06479]) {
            assert!((found - expected).abs() < 5e-6, "{found} {expected}");
        }
        let one = SpotStrategy::LowestPrice { pools: 1 };
        assert_eq!(spot(one, pools.clone()), [4, 2, 3, 1, 0]);
        let mut on_demand = pools;
        order_on_demand(OnDemandStrategy::LowestPrice, &mut on_demand);
        assert_eq!(on_demand[0].position, 4);
        // Five units are missing and only the type of weight 12 can be launched: 7 too many.
        let (missing, weight) = (5_u32, 12_u32);
        assert_eq!(missing.div_ceil(weight) * weight - missing, 7);
    }

    #[test]
    fn lowest_price_spreads_over_the_cheapest_pools_and_spills_to_the_next() {
        let two = SpotStrategy::LowestPrice { pools: 2 };
        let mut pools =
            vec![pool(0, 4, 1, 1.0), pool(1, 2, 1, 1.0), pool(2, 3, 1, 1.0), pool(3, 9, 1, 1.0)];
        assert_eq!(spot(two, pools.clone()), [1, 2, 0, 3]);
        pools[1].instances = 1;
        assert_eq!(spot(two, pools.clone()), [2, 1, 0, 3]);
        pools[2].instances = 2;
        assert_eq!(spot(two, pools.clone()), [1, 2, 0, 3]);
        // A pool without capacity is left out: the next cheapest joins.
        pools.remove(1);
        assert_eq!(spot(two, pools), [0, 2, 3]);
    }

    #[test]
    fn capacity_comes_before_price_and_before_priority() {
        let pools = vec![pool(0, 2, 1, 0.5), pool(1, 9, 1, 0.9), pool(2, 5, 1, 0.9)];
        assert_eq!(spot(SpotStrategy::CapacityOptimized, pools.clone()), [2, 1, 0]);
        assert_eq!(spot(SpotStrategy::CapacityOptimizedPrioritized, pools), [1, 2, 0]);
    }

    #[test]
    fn price_capacity_optimized_weighs_both() {
        // Scores 1 + 0.1, 0.5 + 0.2, 0.4 + 0.7.
        let pools = vec![pool(0, 10, 1, 0.9), pool(1, 5, 1, 0.8), pool(2, 4, 1, 0.3)];
        assert_eq!(spot(SpotStrategy::PriceCapacityOptimized, pools.clone()), [1, 0, 2]);
        let mut by_price = pools;
        order_spot(SpotStrategy::PriceCapacityOptimized, 0.0, &mut by_price);
        assert_eq!(by_price[0].position, 2, "without a weight on capacity the price decides");
    }

    #[test]
    fn on_demand_is_by_priority_unless_asked_for_the_lowest_price() {
        let mut pools = vec![pool(1, 3, 1, 1.0), pool(0, 4, 1, 1.0)];
        order_on_demand(OnDemandStrategy::Prioritized, &mut pools);
        assert_eq!(pools[0].position, 0);
        order_on_demand(OnDemandStrategy::LowestPrice, &mut pools);
        assert_eq!(pools[0].position, 1);
    }
}

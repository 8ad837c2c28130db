//! What tasks cost at least when several instance types may hold them.
//!
//! The aggregate linear program buys fractions of instances, `min Σ p_t x_t` with
//! `Σ_t C_td x_t ≥ S_d` for every resource d. Its dual has one unknown per resource,
//! `max Σ λ_d S_d` with `Σ_d λ_d C_td ≤ p_t` and `λ ≥ 0`, so that its corners can be enumerated. Any λ
//! inside those limits prices each instance at no more than it costs, and with it everything the
//! instance holds: the demand, priced by λ, is a lower bound on every packing.
//!
//! The corners are solved in exact integers and rounded down to a fixed point; each is then checked
//! against every type in integers. The bound is therefore never above the optimum, whatever the
//! solver did.

/// An instance type: how much of each resource it has, and what one costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InstanceType<const D: usize> {
    /// What it has of each resource.
    pub capacity: [u64; D],
    /// Price of one; one for a bound on the number of instances.
    pub price: u64,
}

/// Prices of the resources under which no instance type is worth more than it costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShadowPrices<const D: usize> {
    /// In 2^-64 of the unit of price, rounded down.
    scaled: [u128; D],
}

/// Types kept apart when the corners are enumerated; beyond it similar ones are merged.
const MAX_TYPES: usize = 12;

impl<const D: usize> ShadowPrices<D> {
    /// What `demand` costs at least, rounded up: prices are whole numbers, and so is every cost.
    pub fn bound(&self, demand: &[u64; D]) -> u64 {
        let (whole, fraction) = self.value(demand);
        whole.saturating_add(u64::from(fraction))
    }

    /// Whole part of the demand's value, and whether something is left; zero if it overflows.
    fn value(&self, demand: &[u64; D]) -> (u64, bool) {
        let mut sum: u128 = 0;
        for (price, amount) in self.scaled.iter().zip(demand) {
            let term = price.checked_mul(u128::from(*amount));
            let Some(next) = term.and_then(|term| sum.checked_add(term)) else { return (0, false) };
            sum = next;
        }
        ((sum >> 64) as u64, sum as u64 != 0)
    }

    /// Price per unit of each resource, for display.
    pub fn per_unit(&self) -> [f64; D] {
        self.scaled.map(|scaled| scaled as f64 / 18_446_744_073_709_551_616.0)
    }

    /// Whether every type is worth at most its price.
    fn is_feasible(&self, types: &[InstanceType<D>]) -> bool {
        types.iter().all(|it| {
            let mut worth: u128 = 0;
            for (price, amount) in self.scaled.iter().zip(it.capacity) {
                let term = price.checked_mul(u128::from(amount));
                let Some(next) = term.and_then(|term| worth.checked_add(term)) else {
                    return false;
                };
                worth = next;
            }
            worth <= u128::from(it.price) << 64
        })
    }
}

/// The corners of the dual of the aggregate program over `types`. The largest
/// [`ShadowPrices::bound`] of them is the program's value for any demand, rounded up. Empty without
/// types.
///
/// More than a dozen types of which none makes another pointless are reduced to a dozen by merging
/// some into one that is as good as each: the bound stays valid, and may be weaker.
pub fn shadow_prices<const D: usize>(types: &[InstanceType<D>]) -> Vec<ShadowPrices<D>> {
    let kept = worthwhile(types);
    if kept.is_empty() {
        return Vec::new();
    }
    let mut corners: Vec<ShadowPrices<D>> = Vec::new();
    let mut chosen = Vec::with_capacity(D);
    for_each_subset(kept.len() + D, &mut chosen, 0, &mut |subset: &[usize; D]| {
        let Some(scaled) = corner(&kept, subset) else { return };
        let prices = ShadowPrices { scaled };
        if prices.is_feasible(types) && !corners.contains(&prices) {
            corners.push(prices);
        }
    });
    let dominated = |a: &ShadowPrices<D>, b: &ShadowPrices<D>| {
        a != b && a.scaled.iter().zip(&b.scaled).all(|(a, b)| a <= b)
    };
    let all = corners.clone();
    corners.retain(|corner| !all.iter().any(|other| dominated(corner, other)));
    corners
}

/// What `demand` costs at least on a mix of `types`, with the prices that prove it; `None` without
/// types.
pub fn aggregate_bound<const D: usize>(
    types: &[InstanceType<D>],
    demand: &[u64; D],
) -> Option<(u64, ShadowPrices<D>)> {
    let corners = shadow_prices(types).into_iter();
    corners.map(|prices| (prices.bound(demand), prices)).max_by_key(|(bound, _)| *bound)
}

/// The types that no other makes pointless, at most [`MAX_TYPES`].
fn worthwhile<const D: usize>(types: &[InstanceType<D>]) -> Vec<InstanceType<D>> {
    let mut kept: Vec<InstanceType<D>> = types.to_vec();
    kept.sort_unstable();
    kept.dedup();
    let all = kept.clone();
    let covers = |a: &InstanceType<D>, b: &InstanceType<D>| {
        a != b && a.price <= b.price && a.capacity.iter().zip(&b.capacity).all(|(a, b)| a >= b)
    };
    kept.retain(|it| !all.iter().any(|other| covers(other, it)));
    while kept.len() > MAX_TYPES {
        // Neighbours in the order of the first resource are alike.
        let Some(last) = kept.pop() else { break };
        let Some(before) = kept.last_mut() else { break };
        before.price = before.price.min(last.price);
        for (own, other) in before.capacity.iter_mut().zip(last.capacity) {
            *own = (*own).max(other);
        }
    }
    kept
}

/// Calls `visit` with every set of `D` numbers below `n`, ascending.
fn for_each_subset<const D: usize>(
    n: usize,
    chosen: &mut Vec<usize>,
    from: usize,
    visit: &mut impl FnMut(&[usize; D]),
) {
    if let Ok(subset) = <&[usize; D]>::try_from(chosen.as_slice()) {
        visit(subset);
        return;
    }
    for next in from..n {
        chosen.push(next);
        for_each_subset(n, chosen, next + 1, visit);
        chosen.pop();
    }
}

/// The point where the chosen limits hold with equality: the first `D` limits are `λ_d = 0`, the
/// others those of the types. `None` if they do not meet in one point with `λ ≥ 0`, or an exact
/// number is too large.
fn corner<const D: usize>(types: &[InstanceType<D>], subset: &[usize; D]) -> Option<[u128; D]> {
    let mut rows = [[0i128; D]; D];
    let mut right = [0i128; D];
    for ((row, right), limit) in rows.iter_mut().zip(&mut right).zip(subset) {
        if *limit < D {
            row[*limit] = 1;
        } else {
            let it = &types[limit - D];
            for (cell, amount) in row.iter_mut().zip(it.capacity) {
                *cell = i128::from(amount);
            }
            *right = i128::from(it.price);
        }
    }
    let (numerators, denominator) = solve(rows, right)?;
    let mut scaled = [0; D];
    for (scaled, numerator) in scaled.iter_mut().zip(numerators) {
        // Signs agree for a price that is not negative.
        if numerator != 0 && (numerator < 0) != (denominator < 0) {
            return None;
        }
        *scaled = fixed_point(numerator.unsigned_abs(), denominator.unsigned_abs())?;
    }
    Some(scaled)
}

/// Solves a linear system in integers (Bareiss): the unknowns are `numerators[i] / denominator`.
/// `None` if it is singular or a product overflows.
fn solve<const D: usize>(
    mut rows: [[i128; D]; D],
    mut right: [i128; D],
) -> Option<([i128; D], i128)> {
    let mut previous = 1i128;
    for step in 0..D {
        let pivot_row = (step..D).find(|row| rows[*row][step] != 0)?;
        rows.swap(step, pivot_row);
        right.swap(step, pivot_row);
        let pivot = rows[step][step];
        let (pivot_cells, pivot_right) = (rows[step], right[step]);
        // Rows above the pivot are cleared too, which keeps every division exact and ends in a
        // diagonal whose entries all equal the determinant.
        for row in (0..D).filter(|row| *row != step) {
            let factor = rows[row][step];
            let combine = |own: i128, other: i128| {
                let difference = pivot.checked_mul(own)?.checked_sub(factor.checked_mul(other)?)?;
                Some(difference / previous)
            };
            for column in 0..D {
                rows[row][column] = combine(rows[row][column], pivot_cells[column])?;
            }
            right[row] = combine(right[row], pivot_right)?;
        }
        previous = pivot;
    }
    Some((right, previous))
}

/// `⌊numerator × 2^64 / denominator⌋`, possibly a little less; `None` if it is too large.
fn fixed_point(numerator: u128, denominator: u128) -> Option<u128> {
    let whole = numerator / denominator;
    let mut rest = numerator % denominator;
    let mut divisor = denominator;
    if divisor >> 64 != 0 {
        // Only the leading 64 bits are kept, rounded so that the quotient shrinks.
        let shift = 64 - (divisor >> 64).leading_zeros().saturating_sub(64);
        rest >>= shift;
        divisor = (divisor >> shift) + 1;
    }
    let fraction = (rest << 64) / divisor;
    (whole >> 63 == 0).then(|| (whole << 64).saturating_add(fraction))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TYPES: [InstanceType<2>; 3] = [
        InstanceType { capacity: [2000, 8192], price: 96_000 },
        InstanceType { capacity: [2000, 4096], price: 85_000 },
        InstanceType { capacity: [2000, 16_384], price: 126_000 },
    ];
    /// Ten, six and two tasks of these sizes.
    const KINDS: [[u64; 2]; 3] = [[512, 1024], [256, 2048], [1024, 8192]];
    const COUNTS: [u64; 3] = [10, 6, 2];

    fn demand(counts: [u64; 3]) -> [u64; 2] {
        let total = |d: usize| counts.iter().zip(KINDS).map(|(n, kind)| n * kind[d]).sum();
        [total(0), total(1)]
    }

    /// The cheapest packing: for every number of tasks left, the best first instance.
    fn optimum(types: &[InstanceType<2>], counts: [u64; 3]) -> u64 {
        let size = counts.map(|count| count as usize + 1);
        let index = |a: usize, b: usize, c: usize| (a * size[1] + b) * size[2] + c;
        let mut cost = vec![u64::MAX; size[0] * size[1] * size[2]];
        cost[0] = 0;
        for a in 0..size[0] {
            for b in 0..size[1] {
                for c in 0..size[2] {
                    for x in 0..=a {
                        for y in 0..=b {
                            for z in usize::from(x + y == 0)..=c {
                                let held = demand([x as u64, y as u64, z as u64]);
                                let fits = |it: &&InstanceType<2>| {
                                    held.iter().zip(it.capacity).all(|(held, room)| *held <= room)
                                };
                                let cheapest = types.iter().filter(fits).map(|it| it.price).min();
                                let before = cost[index(a - x, b - y, c - z)];
                                if let Some(price) = cheapest
                                    && before < u64::MAX
                                {
                                    let own = &mut cost[index(a, b, c)];
                                    *own = (*own).min(before + price);
                                }
                            }
                        }
                    }
                }
            }
        }
        cost[index(size[0] - 1, size[1] - 1, size[2] - 1)]
    }

    #[test]
    fn aggregate_program_of_three_types_costs_429_732() {
        let demand = demand(COUNTS);
        assert_eq!(demand, [8704, 38_912]);
        let (bound, prices) = aggregate_bound(&TYPES, &demand).expect("there are types");
        assert_eq!(bound, 429_732);
        let [cpu, memory] = prices.per_unit();
        assert!((cpu - 33.0).abs() < 1e-9, "{cpu}");
        assert!((memory - 3.662_109_38).abs() < 1e-8, "{memory}");
        // The same value from the primal side, at x = (3.954, 0, 0.398).
        let x3: f64 = (38_912.0 - 8704.0 / 2000.0 * 8192.0) / 8192.0;
        let x1: f64 = 8704.0 / 2000.0 - x3;
        assert!((x1 - 3.954).abs() < 1e-3, "{x1}");
        assert!((x3 - 0.398).abs() < 1e-12, "{x3}");
        assert!((96_000.0 * x1 + 126_000.0 * x3 - 429_732.0).abs() < 1e-6);
    }

    #[test]
    fn aggregate_program_in_whole_instances_costs_480_000() {
        let demand = demand(COUNTS);
        let mut best = u64::MAX;
        for a in 0..=6u64 {
            for b in 0..=10u64 {
                for c in 0..=5u64 {
                    let bought = |d: usize| {
                        a * TYPES[0].capacity[d]
                            + b * TYPES[1].capacity[d]
                            + c * TYPES[2].capacity[d]
                    };
                    if bought(0) >= demand[0] && bought(1) >= demand[1] {
                        best = best.min(a * 96_000 + b * 85_000 + c * 126_000);
                    }
                }
            }
        }
        assert_eq!(best, 480_000);
    }

    #[test]
    fn the_true_optimum_of_three_types_is_529_000() {
        assert_eq!(optimum(&TYPES, COUNTS), 529_000);
    }

    #[test]
    fn single_type_bounds_are_5_10_and_5_instances() {
        let demand = demand(COUNTS);
        let found = TYPES.map(|it| {
            let one = InstanceType { price: 1, ..it };
            let whole = (0..2).map(|d| demand[d].div_ceil(it.capacity[d])).max().unwrap_or(0);
            let fractional = aggregate_bound(&[one], &demand).expect("a type").0;
            assert_eq!(whole, fractional, "one type: the program is the largest ratio");
            (whole, whole * it.price)
        });
        assert_eq!(found, [(5, 480_000), (10, 850_000), (5, 630_000)]);
    }

    #[test]
    fn a_resource_that_no_type_has_is_left_out() {
        let types = [InstanceType { capacity: [10, 0, 4], price: 1 }];
        assert_eq!(aggregate_bound(&types, &[25, 0, 3]).map(|(bound, _)| bound), Some(3));
        assert_eq!(aggregate_bound::<2>(&[], &[1, 1]), None);
    }

    #[test]
    fn many_types_are_merged_without_losing_validity() {
        // None makes another pointless: more of one resource is less of the other.
        let types: Vec<InstanceType<2>> =
            (1..=30).map(|i| InstanceType { capacity: [i, 31 - i], price: 1 }).collect();
        let all = aggregate_bound(&types, &[100, 100]).expect("types").0;
        assert!((1..=7).contains(&all), "every type holds 31 in total: {all}");
        assert_eq!(worthwhile(&types).len(), MAX_TYPES);
    }

    #[test]
    fn fixed_points_round_down() {
        assert_eq!(fixed_point(1, 3), Some(u128::from(u64::MAX / 3)));
        assert_eq!(fixed_point(7, 1), Some(7 << 64));
        assert_eq!(fixed_point(1 << 100, 1), None);
        let tiny = fixed_point(3 << 80, 1 << 90).expect("below one");
        assert!(tiny <= (3u128 << 64) >> 10 && tiny > (2u128 << 64) >> 10, "{tiny}");
        assert!(fixed_point(u128::MAX - 1, u128::MAX).expect("below one") < 1 << 64);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn the_aggregate_bound_is_never_above_the_optimum(
            cpus in prop::array::uniform3(1024u64..4096),
            memories in prop::array::uniform3(8192u64..16_384),
            prices in prop::array::uniform3(1u64..200_000),
            counts in (0u64..7, 0u64..5, 0u64..3),
        ) {
            let types = [0, 1, 2].map(|t| InstanceType {
                capacity: [cpus[t], memories[t]],
                price: prices[t],
            });
            let counts = [counts.0, counts.1, counts.2];
            let (bound, _) = aggregate_bound(&types, &demand(counts)).expect("there are types");
            prop_assert!(bound <= optimum(&types, counts));
        }

        /// The dual's value is reached by a primal solution of two types: fractions of instances that
        /// hold the demand for that price.
        #[test]
        fn the_corners_reach_the_value_of_the_program(
            cpus in prop::array::uniform3(1u64..5000),
            memories in prop::array::uniform3(1u64..50_000),
            prices in prop::array::uniform3(1u64..200_000),
            demand in prop::array::uniform2(0u64..1_000_000),
        ) {
            let types = [0, 1, 2].map(|t| InstanceType {
                capacity: [cpus[t], memories[t]],
                price: prices[t],
            });
            let (bound, _) = aggregate_bound(&types, &demand).expect("there are types");
            let mut best = f64::INFINITY;
            let amount = demand.map(|amount| amount as f64);
            for a in types {
                let ratio = |d: usize| amount[d] / a.capacity[d] as f64;
                best = best.min(a.price as f64 * ratio(0).max(ratio(1)));
                for b in types {
                    let [a0, a1] = a.capacity.map(|c| c as f64);
                    let [b0, b1] = b.capacity.map(|c| c as f64);
                    let det = a0 * b1 - b0 * a1;
                    if det.abs() < 0.5 {
                        continue;
                    }
                    let x = (amount[0] * b1 - b0 * amount[1]) / det;
                    let y = (a0 * amount[1] - amount[0] * a1) / det;
                    if x >= 0.0 && y >= 0.0 {
                        best = best.min(a.price as f64 * x + b.price as f64 * y);
                    }
                }
            }
            let slack = 1.0 + best * 1e-9;
            prop_assert!((bound as f64) < best + slack, "{bound} {best}");
            prop_assert!((bound as f64) > best - slack, "{bound} {best}");
        }
    }
}

//! How Linux divides the CPU of an instance among the tasks on it.
//!
//! Source: developer guide, *Task definition parameters* (`cpu`), and the agent's cgroups. On Linux a
//! container's `cpu` is a weight: it bounds nothing while CPU is idle, and divides the CPU in its
//! proportion where all is wanted. A task's own `cpu` is a quota besides, which nothing exceeds. This
//! is water-filling: everyone's level, CPU per weight, rises alike until a task has what it wants or
//! may have, and what that task leaves goes to the others.
//!
//! A weight below 2 shares counts as 2: what the agent passes on for a `cpu` that is null or 0.
//!
//! All amounts are exact integers in raw units. A task that is cut gets the proportional amount
//! rounded down, so that equal claims get equal amounts in any order; of an instance less than one raw
//! unit (1/128 000 vCPU) per task stays unused.

use crate::units::Cpu;

/// Smallest weight, 2 shares.
pub const LEAST_WEIGHT: Cpu = Cpu::from_ecs_units(2);

/// What a number of like tasks on one instance want.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CpuClaim {
    /// Tasks that are alike; the other fields are those of one.
    pub tasks: u32,
    /// CPU it would use if it were alone; [`Cpu::MAX`] if it has more to do than it can.
    pub demand: Cpu,
    /// CPU shares as the CPU that they stand for (1024 shares as one vCPU).
    pub weight: Cpu,
    /// Hard limit, if any.
    pub limit: Option<Cpu>,
}

impl CpuClaim {
    /// The most that one task takes.
    fn want(&self) -> u64 {
        self.demand.min(self.most()).as_raw()
    }

    fn most(&self) -> Cpu {
        self.limit.unwrap_or(Cpu::MAX)
    }

    fn weight(&self) -> u64 {
        self.weight.max(LEAST_WEIGHT).as_raw()
    }

    /// `tasks × amount`, saturating: above any capacity it is all the same.
    fn of_all(&self, amount: u64) -> u128 {
        u128::from(self.tasks).saturating_mul(u128::from(amount))
    }
}

/// The claims on one instance, in the order in which rising water satisfies them.
///
/// Building takes O(n log n) for n claims, each question O(log n).
#[derive(Clone, Debug)]
pub struct CpuShares {
    capacity: u128,
    claims: Vec<CpuClaim>,
    /// Claims by want per weight.
    order: Vec<u32>,
    /// Position of each claim in `order`.
    position: Vec<u32>,
    /// `wanted[p]`: all that the first p claims in order want.
    wanted: Vec<u128>,
    /// `weights[p]`: the weights of all claims from the p-th in order on.
    weights: Vec<u128>,
}

impl CpuShares {
    /// The division of `capacity` among `claims`.
    pub fn new(capacity: Cpu, claims: Vec<CpuClaim>) -> Self {
        let mut order: Vec<u32> = (0..).zip(&claims).map(|(index, _)| index).collect();
        // Equal ratios are cut or satisfied together, so that their order does not matter; the sort is
        // stable.
        order.sort_by(|&a, &b| {
            let (a, b) = (&claims[a as usize], &claims[b as usize]);
            let left = u128::from(a.want()) * u128::from(b.weight());
            left.cmp(&(u128::from(b.want()) * u128::from(a.weight())))
        });
        let mut position = vec![0; claims.len()];
        let mut wanted = vec![0_u128; claims.len() + 1];
        for (p, &index) in order.iter().enumerate() {
            let claim = &claims[index as usize];
            position[index as usize] = p as u32;
            wanted[p + 1] = wanted[p].saturating_add(claim.of_all(claim.want()));
        }
        let mut weights = vec![0_u128; claims.len() + 1];
        for (p, &index) in order.iter().enumerate().rev() {
            let claim = &claims[index as usize];
            weights[p] = weights[p + 1] + claim.of_all(claim.weight());
        }
        Self { capacity: capacity.as_raw().into(), claims, order, position, wanted, weights }
    }

    /// What one task of a claim gets.
    pub fn allocation(&self, claim: usize) -> Cpu {
        let claim = self.claims[claim];
        let cut = self.first_cut(None, 0);
        self.amount(&claim, claim.want(), self.rest(cut, None), self.weights[cut])
    }

    /// What one task of a claim would get if all tasks of the claim took as much as they can, and the
    /// others what they want: the most that it can serve requests with.
    pub fn headroom(&self, claim: usize) -> Cpu {
        let greedy = self.claims[claim];
        let all_weight = greedy.of_all(greedy.weight());
        let cut = self.first_cut(Some(claim), all_weight);
        let own_weight = if self.is_before(claim, cut) { 0 } else { all_weight };
        let weights = self.weights[cut] - own_weight + all_weight;
        // Below its limit the greedy claim is cut with those from the cut on. If its share is above the
        // limit, it leaves the rest to others, and the limit is what it gets.
        self.amount(&greedy, greedy.most().as_raw(), self.rest(cut, Some(claim)), weights)
    }

    /// Position of the first claim in order, other than `without`, that does not get all it wants when
    /// `extra` weight takes all it can get.
    fn first_cut(&self, without: Option<usize>, extra: u128) -> usize {
        let (mut low, mut high) = (0, self.order.len());
        // Once a claim is cut, so are all after it: each has a higher ratio, and taking one of above
        // average away lowers the level of the rest.
        while low < high {
            let middle = low.midpoint(high);
            let index = self.order[middle] as usize;
            let cut = if Some(index) == without {
                // Same answer as for the next one.
                None
            } else {
                Some(self.is_cut(middle, without, extra))
            };
            let cut = match cut {
                Some(cut) => cut,
                None if middle + 1 < self.order.len() => self.is_cut(middle + 1, without, extra),
                None => true,
            };
            if cut {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        low
    }

    fn is_cut(&self, p: usize, without: Option<usize>, extra: u128) -> bool {
        let claim = &self.claims[self.order[p] as usize];
        let own = without.map_or(0, |index| {
            let own = &self.claims[index];
            if self.is_before(index, p) { 0 } else { own.of_all(own.weight()) }
        });
        let Some(rest) = self.rest(p, without) else { return true };
        let weights = self.weights[p] - own + extra;
        rest * u128::from(claim.weight()) < u128::from(claim.want()).saturating_mul(weights)
    }

    fn is_before(&self, claim: usize, p: usize) -> bool {
        (self.position[claim] as usize) < p
    }

    /// What the claims before the p-th in order leave, other than `without`; `None` if they want more
    /// than there is.
    fn rest(&self, p: usize, without: Option<usize>) -> Option<u128> {
        let own = without.map_or(0, |index| {
            let own = &self.claims[index];
            if self.is_before(index, p) { own.of_all(own.want()) } else { 0 }
        });
        self.capacity.checked_sub(self.wanted[p] - own)
    }

    /// `most`, or the share of `rest` by weight if that is less.
    fn amount(&self, claim: &CpuClaim, most: u64, rest: Option<u128>, weights: u128) -> Cpu {
        let share = match (rest, weights) {
            (Some(_), 0) => self.capacity,
            (Some(rest), _) => rest * u128::from(claim.weight()) / weights,
            (None, _) => 0,
        };
        Cpu::from_raw(u64::try_from(share).unwrap_or(u64::MAX).min(most))
    }
}

#[cfg(test)]
mod tests;

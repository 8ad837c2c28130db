//! The instance for one task.

use super::demand::Demand;
use super::facts::Facts;
use super::fleet::Fleet;
use super::index::{ANY, Brief, First, Link, SelectSet, Size, Want, select};
use super::pool::Pool;
use super::rule::{Lookup, Plan, Recurrence, Rule, RuleId, Score, Verdict};
use super::slot::Slot;
use super::strategy::MAX_STRATEGIES;
use crate::engine::splitmix64;
use crate::units::{AsgId, InstanceId};

/// Instances that `random` draws for a task of a size of its own before it lists all that fit.
const DRAWS: usize = 64;

/// Instances among which all that fit are found one by one in good time.
const FEW: usize = 1024;

/// A question to [`Fleet::choose`].
#[derive(Clone, Copy, Debug)]
pub struct PlacementRequest<'a> {
    /// What the task reserves.
    pub demand: Demand<'a>,
    /// Whether this size comes again and again. It changes the cost, and which of the equally likely
    /// instances `random` takes; nothing else.
    pub recurrence: Recurrence,
    /// Strategies, constraints and task group.
    pub rule: RuleId,
    /// The Auto Scaling group whose instances are candidates; `None` for all.
    pub group: Option<AsgId>,
    /// 64 uniform bits, used only by `random`.
    pub random_bits: u64,
}

/// The answer of [`Fleet::choose`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Place the task here.
    Instance(InstanceId),
    /// No instance passes; [`Fleet::rejections`] says why.
    Nowhere,
}

/// Scores of a chain, in its order.
pub(super) type Scores = [u64; MAX_STRATEGIES];

/// Space that decisions use again.
#[derive(Clone, Debug, Default)]
pub(super) struct Scratch {
    /// Pools with the scores that their instances share.
    tiers: Vec<(Scores, u32)>,
    /// Tied instances.
    ties: Vec<InstanceId>,
    /// Whether draws from many instances found none with room.
    missed: bool,
}

impl Fleet {
    /// Chooses an instance for one task: the lexicographic minimum of the chain's scores over the
    /// instances that fit and satisfy the constraints, then the lowest (tie rank, instance).
    ///
    /// `random` in a chain ends it: one of the instances tied so far is taken, each with equal
    /// probability. They are counted in order of instance id; for a size of its own and a chain that
    /// spreads over zones and attributes only, instances of the tied pools are first drawn, up to 64
    /// times, until one can take the task.
    ///
    /// Instances are not looked at one by one, except for scores of one's own and for `memberOf` that
    /// asks for more than attributes.
    ///
    /// # Panics
    /// If the rule is not of this fleet.
    pub fn choose(&mut self, request: &PlacementRequest<'_>) -> Choice {
        let lookup = self.look_up(request);
        let size = || {
            let short = |amount: u64| u32::try_from(amount).unwrap_or(u32::MAX);
            let demand = &request.demand;
            Size { cpu: short(demand.cpu.as_raw()), memory: short(demand.memory.as_mib()) }
        };
        let (want, exact) = match lookup {
            Lookup::Whole(bit) => (Want { bit, size: None }, false),
            Lookup::Kind(bit) => (Want { bit, size: Some(size()) }, false),
            Lookup::None => (Want { bit: ANY, size: Some(size()) }, true),
        };
        if want.size.is_some() && self.still_nowhere(request) {
            self.failures.note(request, &self.changes);
            return Choice::Nowhere;
        }
        self.prepare(request, want);
        let mut scratch = std::mem::take(&mut self.scratch);
        let rule = &self.rules[request.rule.0 as usize];
        let search = Search { fleet: self, rule, request, want, exact };
        let found = search.run(&mut scratch);
        self.scratch = scratch;
        if self.scratch.missed {
            self.rules[request.rule.0 as usize].list_what_fits();
        }
        if found.is_none() && want.size.is_some() {
            self.failures.note(request, &self.changes);
            let Self { pools, all, by_group, .. } = self;
            let scope = request.group.map_or(&*all, |group| &by_group[group.0 as usize]);
            for pool in scope {
                pools[*pool as usize].keep_ranks();
            }
        }
        found.map_or(Choice::Nowhere, Choice::Instance)
    }

    /// Whether a demand that found no room finds none in what changed since.
    pub(super) fn still_nowhere(&self, request: &PlacementRequest<'_>) -> bool {
        let Some(mut candidates) = self.failures.candidates(request, &self.changes) else {
            return false;
        };
        let scope = self.scope(request.group);
        candidates.all(|instance| {
            let slot = self.slot(instance);
            slot.is_none_or(|slot| !scope.contains(&slot.pool))
                || self.rejection_on(request, instance).is_some()
        })
    }

    #[inline]
    fn look_up(&mut self, request: &PlacementRequest<'_>) -> Lookup {
        let Self { rules, fits, pools, slots, .. } = self;
        let rule = &mut rules[request.rule.0 as usize];
        rule.lookup(&request.demand, request.recurrence, &mut |need| {
            let registered = need.and_then(|need| fits.register(need));
            if let Some((_, true)) = registered {
                for pool in &mut *pools {
                    pool.learn(slots, fits);
                }
            }
            (registered.map(|(bit, _)| bit), fits.len())
        })
    }

    /// Makes the pools in question ready for a search.
    #[inline]
    fn prepare(&mut self, request: &PlacementRequest<'_>, want: Want) {
        let scope = self.scope(request.group);
        let plans = &self.rules[request.rule.0 as usize].plans;
        let ready = |pool: &u32| {
            plans.get(*pool as usize).is_some_and(|plan| {
                let ready = if want.size.is_some() { plan.ready_sized } else { plan.ready };
                ready & want.bit != 0
            })
        };
        if !scope.iter().all(ready) {
            let scope = scope.to_vec();
            for pool in scope {
                self.prepare_pool(request.rule, pool as usize, want);
            }
        }
    }

    #[cold]
    fn prepare_pool(&mut self, rule: RuleId, pool_index: usize, want: Want) {
        let rule = &mut self.rules[rule.0 as usize];
        if rule.plans.len() < self.pools.len() {
            rule.plans.resize(self.pools.len(), Plan::default());
        }
        let pool = &mut self.pools[pool_index];
        let mut plan = rule.plans[pool_index];
        if plan.ready | plan.ready_sized == 0 {
            plan.verdict = verdict(rule, pool);
        }
        let links = rule.chain.links.as_deref().filter(|_| pool.is_indexed());
        let by_hand = match links {
            _ if plan.verdict == Verdict::Never => true,
            None => true,
            Some([]) if rule.chain.random => {
                if want.size.is_some() && rule.lists_what_fits {
                    plan.order = pool.order(&[Link::Memory], want, &self.slots);
                } else if plan.verdict == Verdict::Always && want.size.is_none() {
                    pool.keep_pick(want.bit);
                }
                false
            }
            Some(links) => {
                plan.order = pool.order(links, want, &self.slots);
                plan.order.is_none()
            }
        };
        if by_hand {
            (plan.ready, plan.ready_sized) = (u64::MAX, u64::MAX);
        } else if want.size.is_some() {
            plan.ready_sized |= want.bit;
        } else {
            plan.ready |= want.bit;
        }
        rule.plans[pool_index] = plan;
    }

    /// The scores of a chain for an instance.
    pub(super) fn scores(
        &self,
        rule: &Rule,
        demand: &Demand<'_>,
        pool_index: usize,
        slot: &Slot,
    ) -> Scores {
        let mut scores = Scores::default();
        for (value, score) in scores.iter_mut().zip(&rule.chain.scores) {
            *value = match score {
                Score::Link(link) => link.score(slot),
                Score::Custom(custom) => {
                    custom.score(&self.view(rule.group, pool_index, slot), demand)
                }
                Score::Zone | Score::Attribute(_) => self.pool_score(rule, score, pool_index),
            };
        }
        scores
    }

    /// A score that all instances of a pool share; zero for another.
    #[inline]
    fn pool_score(&self, rule: &Rule, score: &Score, pool: usize) -> u64 {
        u64::from(match score {
            Score::Zone => self.groups.in_zone(rule.group, self.pools[pool].zone),
            Score::Attribute(column) => self.tasks_by_attribute(rule.group, *column, pool),
            Score::Link(_) | Score::Custom(_) => 0,
        })
    }
}

/// What the static part of the constraints says about a pool.
pub(super) fn verdict(rule: &Rule, pool: &Pool) -> Verdict {
    let mut verdict = Verdict::Always;
    for expression in rule.expressions() {
        match expression.evaluate_static(&pool.attributes) {
            Some(true) => {}
            Some(false) => return Verdict::Never,
            None => verdict = Verdict::Depends,
        }
    }
    verdict
}

/// One decision.
struct Search<'a> {
    fleet: &'a Fleet,
    rule: &'a Rule,
    request: &'a PlacementRequest<'a>,
    want: Want,
    /// Whether the mask does not speak for the demand.
    exact: bool,
}

impl Search<'_> {
    fn run(&self, scratch: &mut Scratch) -> Option<InstanceId> {
        let Scratch { tiers, ties, missed } = scratch;
        tiers.clear();
        *missed = false;
        let leading = self.rule.chain.leading;
        for pool in self.fleet.scope(self.request.group) {
            if self.plan(*pool).verdict == Verdict::Never {
                continue;
            }
            let mut shared = Scores::default();
            for (value, score) in shared.iter_mut().zip(&self.rule.chain.scores[..leading]) {
                *value = self.fleet.pool_score(self.rule, score, *pool as usize);
            }
            tiers.push((shared, *pool));
        }
        if leading > 0 {
            tiers.sort_unstable();
        }
        let mut rest = &tiers[..];
        while let Some((shared, _)) = rest.first() {
            let tied = rest.iter().take_while(|(scores, _)| scores == shared).count();
            let (tier, after) = rest.split_at(tied);
            let found = if self.rule.chain.random {
                self.random(tier, ties, missed)
            } else {
                self.best(tier)
            };
            if found.is_some() {
                return found;
            }
            rest = after;
        }
        None
    }

    fn plan(&self, pool: u32) -> &Plan {
        &self.rule.plans[pool as usize]
    }

    fn pool(&self, pool: u32) -> &Pool {
        &self.fleet.pools[pool as usize]
    }

    /// The best instance of pools that share their leading scores.
    #[inline]
    fn best(&self, tier: &[(Scores, u32)]) -> Option<InstanceId> {
        if let [(_, pool)] = tier {
            return match self.first(*pool) {
                Some(first) => first.map(|first| first.instance),
                None => self.best_by_scan(*pool).map(|(_, _, instance)| instance),
            };
        }
        let bests = tier.iter().filter_map(|(_, pool)| self.best_of_pool(*pool));
        bests.min().map(|(_, _, instance)| instance)
    }

    fn scores(&self, pool: u32, slot: &Slot) -> Scores {
        self.fleet.scores(self.rule, &self.request.demand, pool as usize, slot)
    }

    /// The first candidate in the order of a pool; `None` if it has no order.
    #[allow(clippy::option_option)] // "no order", "nobody", "this one"
    #[inline]
    fn first(&self, pool: u32) -> Option<Option<First>> {
        let plan = self.plan(pool);
        let order = self.pool(pool).orders.get(plan.order?);
        if plan.verdict == Verdict::Always && !self.exact {
            return Some(order.first(self.want, |_| true));
        }
        Some(order.first(self.want, |instance| self.accepts_id(pool, instance)))
    }

    /// The best candidate of a pool, with what it is compared by.
    #[inline]
    fn best_of_pool(&self, pool: u32) -> Option<(Scores, u64, InstanceId)> {
        let Some(first) = self.first(pool) else { return self.best_by_scan(pool) };
        let first = first?;
        // The key has all that differs inside the pool: the instance itself is in other memory.
        let chain = &self.rule.chain;
        let mut links = first.scores(chain.links.as_deref().unwrap_or_default());
        let mut scores = Scores::default();
        for (value, score) in scores.iter_mut().zip(&chain.scores) {
            *value = if score.is_of_pool() {
                self.fleet.pool_score(self.rule, score, pool as usize)
            } else {
                links.next().unwrap_or(0)
            };
        }
        Some((scores, first.tie_rank, first.instance))
    }

    fn best_by_scan(&self, pool: u32) -> Option<(Scores, u64, InstanceId)> {
        let mut best: Option<(Scores, u64, InstanceId)> = None;
        self.scan(pool, |instance| {
            let slot = &self.fleet.slots[instance.0 as usize];
            let key = (self.scores(pool, slot), slot.tie_rank, instance);
            if best.as_ref().is_none_or(|best| key < *best) {
                best = Some(key);
            }
        });
        best
    }

    fn accepts_id(&self, pool: u32, instance: InstanceId) -> bool {
        self.fleet.slot(instance).is_some_and(|slot| self.accepts(pool, slot))
    }

    /// Whether an instance that the index found passes what the index does not know.
    fn accepts(&self, pool: u32, slot: &Slot) -> bool {
        if self.exact && self.fleet.shortage(self.rule, &self.request.demand, slot).is_some() {
            return false;
        }
        self.plan(pool).verdict == Verdict::Always || {
            let facts = Facts { fleet: self.fleet, pool: self.pool(pool), slot };
            self.rule.expressions().all(|expression| expression.matches(&facts))
        }
    }

    /// Whether the index knows all that makes an instance of a pool a candidate.
    fn is_plain(&self, pool: u32) -> bool {
        !self.exact
            && self.plan(pool).verdict == Verdict::Always
            && (self.pool(pool).is_indexed() || self.want.size.is_none())
    }

    /// Whether an instance of a pool, which is [plain](Self::is_plain) or not, is a candidate.
    #[inline]
    fn passes(&self, pool: u32, plain: bool, brief: &Brief) -> bool {
        let size = self.want.size.unwrap_or_default();
        if brief.mask & self.want.bit == 0 || !size.fits_in(brief.size) {
            return false;
        }
        plain || {
            let slot = &self.fleet.slots[brief.instance.0 as usize];
            let demand = &self.request.demand;
            let fits = demand.cpu <= slot.free_cpu && demand.memory <= slot.free_memory;
            fits && self.accepts(pool, slot)
        }
    }

    /// Calls `visit` with the id of all candidates of a pool, one by one.
    fn scan(&self, pool: u32, mut visit: impl FnMut(InstanceId)) {
        let plain = self.is_plain(pool);
        for brief in &self.pool(pool).briefs {
            if self.passes(pool, plain, brief) {
                visit(brief.instance);
            }
        }
    }

    /// Calls `visit` with the id of all candidates of a pool, by an order of it if there is one.
    fn list(&self, pool: u32, mut visit: impl FnMut(InstanceId)) {
        let order = self.plan(pool).order.filter(|_| self.want.size.is_some());
        let Some(order) = order else { return self.scan(pool, visit) };
        let plain = self.is_plain(pool);
        self.pool(pool).orders.get(order).each(self.want, |instance| {
            if plain || self.accepts_id(pool, instance) {
                visit(instance);
            }
        });
    }

    /// The first candidate among a few instances drawn from pools, in which all candidates are equally
    /// good: each of them is as likely as any other.
    fn draw(&self, pools: &[(Scores, u32)]) -> Option<InstanceId> {
        let all: usize = pools.iter().map(|(_, pool)| self.pool(*pool).briefs.len()).sum();
        let mut state = self.request.random_bits;
        (0..DRAWS).find_map(|_| {
            let bits = splitmix64(&mut state);
            let mut nth = ((u128::from(bits) * all as u128) >> 64) as usize;
            for (_, pool) in pools {
                let briefs = &self.pool(*pool).briefs;
                if let Some(brief) = briefs.get(nth) {
                    let passes = self.passes(*pool, self.is_plain(*pool), brief);
                    return passes.then_some(brief.instance);
                }
                nth -= briefs.len();
            }
            None
        })
    }

    /// One of the tied instances of pools that share their leading scores.
    fn random(
        &self,
        tier: &[(Scores, u32)],
        ties: &mut Vec<InstanceId>,
        missed: &mut bool,
    ) -> Option<InstanceId> {
        let nth = |n: usize| ((u128::from(self.request.random_bits) * n as u128) >> 64) as usize;
        let alike = self.rule.chain.links.as_ref().is_some_and(Vec::is_empty);
        if alike && self.request.recurrence == Recurrence::OwnSize {
            let drawn = self.draw(tier);
            if drawn.is_some() {
                return drawn;
            }
            let all: usize = tier.iter().map(|(_, pool)| self.pool(*pool).briefs.len()).sum();
            *missed |= FEW < all;
        }
        if alike && let Some(total) = self.picks(tier) {
            let sets = || tier.iter().filter_map(|(_, pool)| self.pick(*pool));
            return select(sets, nth(total as usize) as u32);
        }
        ties.clear();
        let mut best: Option<Scores> = None;
        for (_, pool) in tier {
            if alike {
                self.list(*pool, |instance| ties.push(instance));
                continue;
            }
            let Some((scores, ..)) = self.best_of_pool(*pool) else { continue };
            if best.is_some_and(|best| best < scores) {
                continue;
            }
            if best != Some(scores) {
                best = Some(scores);
                ties.clear();
            }
            match self.plan(*pool).order {
                Some(order) => self.pool(*pool).orders.get(order).ties(
                    self.want,
                    |instance| self.accepts_id(*pool, instance),
                    |instance| ties.push(instance),
                ),
                None => self.scan(*pool, |instance| {
                    let slot = &self.fleet.slots[instance.0 as usize];
                    if self.scores(*pool, slot) == scores {
                        ties.push(instance);
                    }
                }),
            }
        }
        if ties.is_empty() {
            return None;
        }
        let nth = nth(ties.len());
        let (_, chosen, _) = ties.select_nth_unstable(nth);
        Some(*chosen)
    }

    fn pick(&self, pool: u32) -> Option<&SelectSet> {
        let usable = self.want.size.is_none() && self.plan(pool).verdict == Verdict::Always;
        self.pool(pool).pick(self.want.bit).filter(|_| usable)
    }

    /// How many instances the sets of all pools hold; `None` if one has no set.
    fn picks(&self, tier: &[(Scores, u32)]) -> Option<u32> {
        tier.iter().map(|(_, pool)| self.pick(*pool).map(SelectSet::len)).sum()
    }
}

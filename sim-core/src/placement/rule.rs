//! Placement rules: a chain of strategies and constraints for one task group, made ready once.

use std::sync::Arc;

use super::attributes::AVAILABILITY_ZONE;
use super::constraint::PlacementConstraint;
use super::custom::CustomStrategy;
use super::demand::Demand;
use super::index::{ANY, Link, Need};
use super::query::Expression;
use super::strategy::{MAX_STRATEGIES, PlacementStrategy};
use crate::units::TaskGroupId;

/// A chain with constraints for one task group; see [`Fleet::rule`](super::Fleet::rule).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleId(pub(super) u32);

/// A score of a chain; lower is better.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Score {
    /// Tasks of the group in the zone.
    Zone,
    /// Tasks of the group on instances with the same value of an attribute, by its column.
    Attribute(usize),
    /// A score that orders can be kept by.
    Link(Link),
    Custom(CustomStrategy),
}

impl Score {
    /// Whether all instances of a pool share the score.
    pub(super) fn is_of_pool(&self) -> bool {
        matches!(self, Self::Zone | Self::Attribute(_))
    }
}

/// A chain of strategies.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    /// At most [`MAX_STRATEGIES`].
    pub(super) scores: Vec<Score>,
    /// The strategies that the scores belong to.
    pub(super) strategies: Vec<PlacementStrategy>,
    /// Whether one of the tied is taken at random.
    pub(super) random: bool,
    /// How many of the first scores are of the pool.
    pub(super) leading: usize,
    /// The scores in which instances of a pool differ; `None` if no order can be kept by them.
    pub(super) links: Option<Vec<Link>>,
}

impl Chain {
    /// A chain as `strategy` has it. What follows `random` has no effect; nor does what follows the
    /// age, which no two instances share, or repeats an earlier link.
    pub(super) fn new(
        strategy: &[PlacementStrategy],
        group: TaskGroupId,
        mut column: impl FnMut(&Arc<str>) -> usize,
    ) -> Self {
        let mut scores: Vec<Score> = Vec::new();
        let mut strategies = Vec::new();
        let mut random = false;
        for link in strategy.iter().take(MAX_STRATEGIES) {
            let score = match link {
                PlacementStrategy::Random => {
                    random = true;
                    break;
                }
                PlacementStrategy::BinpackCpu => Score::Link(Link::Cpu),
                PlacementStrategy::BinpackMemory => Score::Link(Link::Memory),
                PlacementStrategy::SpreadZone => Score::Zone,
                PlacementStrategy::SpreadAttribute(name) if **name == *AVAILABILITY_ZONE => {
                    Score::Zone
                }
                PlacementStrategy::SpreadAttribute(name) => Score::Attribute(column(name)),
                PlacementStrategy::SpreadInstance => Score::Link(Link::Tasks(group)),
                PlacementStrategy::FirstFit => Score::Link(Link::Oldest),
                PlacementStrategy::WorstFit => Score::Link(Link::MostMemory),
                PlacementStrategy::Custom(custom) => Score::Custom(custom.clone()),
            };
            if !scores.contains(&score) {
                let last = score == Score::Link(Link::Oldest);
                scores.push(score);
                strategies.push(link.clone());
                if last {
                    break;
                }
            }
        }
        let mut links = Some(Vec::new());
        for score in scores.iter().filter(|score| !score.is_of_pool()) {
            match (score, &mut links) {
                (Score::Link(link), Some(links)) if links.len() < 3 => links.push(*link),
                _ => links = None,
            }
        }
        let leading = scores.iter().take_while(|score| score.is_of_pool()).count();
        Self { scores, strategies, random, leading, links }
    }
}

/// Whether the static part of the constraints lets a pool's instances pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Never,
    Always,
    /// Each instance has its own answer.
    Depends,
}

/// How a rule is carried out in one pool.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) verdict: Verdict,
    /// The order to search; `None` to look at each instance.
    pub(super) order: Option<usize>,
    /// The needs for which the pool is ready.
    pub(super) ready: u64,
    /// Those of them for which any size can be asked for.
    pub(super) ready_sized: u64,
}

impl Default for Plan {
    fn default() -> Self {
        Self { verdict: Verdict::Always, order: None, ready: 0, ready_sized: 0 }
    }
}

/// Whether a demand is one of a few that come again and again, or has a size of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recurrence {
    /// The size of a task definition, or one of a few that all jobs of a source have.
    Definition,
    /// Perhaps a size that no other task has. It is found like the other kind once it has come
    /// often. Decisions are the same for both, except which of the equally likely instances `random`
    /// takes.
    OwnSize,
}

/// How often a size of its own must come to be registered.
const OFTEN: u8 = 8;
/// Needs that such sizes leave for task definitions.
const NEEDS_FOR_DEFINITIONS: usize = 24;
/// Sizes that a rule remembers.
const KNOWN: usize = 64;

/// A demand that a rule has seen.
#[derive(Clone, Debug, PartialEq)]
struct Known {
    need: Need,
    /// Its bit; zero if it has none.
    bit: u64,
    seen: u8,
}

impl Known {
    #[inline]
    fn is(&self, demand: &Demand<'_>) -> bool {
        let need = &self.need;
        need.cpu == demand.cpu.as_raw()
            && need.memory == demand.memory.as_mib()
            && is_kind(need, demand)
    }
}

/// Whether `need` is `demand` in all but its size.
#[inline]
fn is_kind(need: &Need, demand: &Demand<'_>) -> bool {
    need.gpus == demand.gpus
        && need.network_interfaces == demand.network_interfaces
        && need.architecture == demand.architecture
        && need.operating_system == demand.operating_system
        && need.ports == demand.ports
}

/// Gives a need its bit, if one is left, and says how many needs there are.
pub(super) type Register<'a> = dyn FnMut(Option<&Need>) -> (Option<u64>, usize) + 'a;

/// What to look for in the index for a demand.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lookup {
    /// The bit of the demand itself.
    Whole(u64),
    /// The bit of its kind without a size.
    Kind(u64),
    /// No bit is left: each candidate must be looked at.
    None,
}

/// A chain with constraints for one task group.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) strategy: Vec<PlacementStrategy>,
    pub(super) constraints: Vec<PlacementConstraint>,
    pub(super) group: TaskGroupId,
    pub(super) chain: Chain,
    pub(super) distinct: bool,
    /// Whether pools keep an order to list the instances that fit a size of its own, for `random`.
    pub(super) lists_what_fits: bool,
    /// By pool.
    pub(super) plans: Vec<Plan>,
    /// By hash of the size.
    known: Vec<Option<Known>>,
    /// Kinds of demands with sizes of their own, and their bits.
    kinds: Vec<(Need, u64)>,
}

impl Rule {
    pub(super) fn new(
        strategy: &[PlacementStrategy],
        constraints: &[PlacementConstraint],
        group: TaskGroupId,
        column: impl FnMut(&Arc<str>) -> usize,
    ) -> Self {
        Self {
            strategy: strategy.to_vec(),
            constraints: constraints.to_vec(),
            group,
            chain: Chain::new(strategy, group, column),
            distinct: constraints.contains(&PlacementConstraint::DistinctInstance),
            lists_what_fits: false,
            plans: Vec::new(),
            known: Vec::new(),
            kinds: Vec::new(),
        }
    }

    /// From the next decision on, pools keep an order to list the instances that fit.
    pub(super) fn list_what_fits(&mut self) {
        if !self.lists_what_fits {
            self.lists_what_fits = true;
            self.plans.fill(Plan::default());
        }
    }

    /// The expressions of `memberOf`.
    pub(super) fn expressions(&self) -> impl Iterator<Item = &Expression> {
        self.constraints.iter().filter_map(PlacementConstraint::expression)
    }

    fn need(&self, demand: &Demand<'_>) -> Need {
        Need {
            cpu: demand.cpu.as_raw(),
            memory: demand.memory.as_mib(),
            gpus: demand.gpus,
            network_interfaces: demand.network_interfaces,
            ports: demand.ports.to_vec(),
            architecture: demand.architecture,
            operating_system: demand.operating_system,
            distinct: self.distinct.then_some(self.group),
        }
    }

    /// What to look for; `register` gives a need its bit and says how many needs there are.
    #[inline]
    pub(super) fn lookup(
        &mut self,
        demand: &Demand<'_>,
        recurrence: Recurrence,
        register: &mut Register<'_>,
    ) -> Lookup {
        let size = demand.cpu.as_raw() ^ demand.memory.as_mib().rotate_left(32);
        let slot = (size.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58) as usize % KNOWN;
        // Two sizes may fall on one slot: then one of them is kept in its neighbour.
        for slot in [slot, slot ^ 1] {
            if let Some(Some(known)) = self.known.get(slot)
                && known.bit != 0
                && known.is(demand)
            {
                return Lookup::Whole(known.bit);
            }
        }
        self.lookup_unregistered(demand, recurrence, slot, register)
    }

    #[cold]
    fn register_whole(
        &mut self,
        demand: &Demand<'_>,
        slot: usize,
        register: &mut Register<'_>,
    ) -> Option<u64> {
        let need = self.need(demand);
        let bit = register(Some(&need)).0?;
        let taken = self.known[slot].as_ref().is_some_and(|known| known.bit != 0);
        let slot = if taken { slot ^ 1 } else { slot };
        self.known[slot] = Some(Known { need, bit, seen: OFTEN });
        Some(bit)
    }

    fn lookup_unregistered(
        &mut self,
        demand: &Demand<'_>,
        recurrence: Recurrence,
        slot: usize,
        register: &mut Register<'_>,
    ) -> Lookup {
        if self.known.is_empty() {
            self.known.resize(KNOWN, None);
        }
        let due = match recurrence {
            Recurrence::Definition => true,
            Recurrence::OwnSize => {
                let known = self.known[slot].take().filter(|known| known.is(demand));
                let mut known =
                    known.unwrap_or_else(|| Known { need: self.need(demand), bit: 0, seen: 0 });
                known.seen = known.seen.saturating_add(1);
                let often = OFTEN <= known.seen;
                self.known[slot] = Some(known);
                often && register(None).1 + NEEDS_FOR_DEFINITIONS < ANY.trailing_zeros() as usize
            }
        };
        if due && let Some(bit) = self.register_whole(demand, slot, register) {
            return Lookup::Whole(bit);
        }
        if let Some((_, bit)) = self.kinds.iter().find(|(need, _)| is_kind(need, demand)) {
            return Lookup::Kind(*bit);
        }
        let kind = Need { cpu: 0, memory: 0, ..self.need(demand) };
        match register(Some(&kind)).0 {
            Some(bit) => {
                self.kinds.push((kind, bit));
                Lookup::Kind(bit)
            }
            None => Lookup::None,
        }
    }
}

//! Placement strategies that are not of ECS.
//!
//! Custom schedulers (StartTask with an instance of one's own choice) may prefer instances in any way.
//! Here a way to prefer is a score, which becomes a link of a chain like those of ECS: candidates are
//! filtered as ever, and ties go on to the next link.

use std::fmt;
use std::sync::Arc;

use super::attributes::Attributes;
use super::demand::Demand;
use super::slot::Slot;
use crate::scenario::InstanceShape;

/// A container instance as a custom strategy sees it. The task fits on it.
#[derive(Clone, Copy, Debug)]
pub struct InstanceView<'a> {
    /// What is free, its zone, and the tasks it hosts.
    pub slot: &'a Slot,
    /// What it registered.
    pub shape: &'a InstanceShape,
    /// Its static attributes.
    pub attributes: &'a Attributes,
    /// Tasks of the group on it.
    pub group_tasks: u32,
    /// Tasks of the group in its zone.
    pub group_tasks_in_zone: u32,
}

/// A way to prefer instances.
pub trait PlacementScore: Send + Sync {
    /// The score of an instance for a task; the lowest wins, ties go to the next link of the chain.
    ///
    /// It must depend on nothing but its arguments: runs are repeated, and asked why. Scores are
    /// integers so that they are the same on every machine; [`share`] makes some of ratios.
    fn score(&self, instance: &InstanceView<'_>, demand: &Demand<'_>) -> i64;
}

/// A [`PlacementScore`] with its name.
#[derive(Clone)]
pub struct CustomStrategy {
    name: Arc<str>,
    score: Arc<dyn PlacementScore>,
}

impl CustomStrategy {
    /// A strategy by the name that reports show.
    pub fn new(name: &str, score: impl PlacementScore + 'static) -> Self {
        Self { name: name.into(), score: Arc::new(score) }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The score of an instance, in the order of unsigned numbers.
    pub(super) fn score(&self, instance: &InstanceView<'_>, demand: &Demand<'_>) -> u64 {
        self.score.score(instance, demand) as u64 ^ 1 << 63
    }
}

impl fmt::Debug for CustomStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CustomStrategy").field(&self.name).finish()
    }
}

impl PartialEq for CustomStrategy {
    /// Equal strategies share name and code.
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && Arc::ptr_eq(&self.score, &other.score)
    }
}

impl Eq for CustomStrategy {}

/// `part / whole` in units of 2⁻²⁰, rounded down; zero of a `whole` of zero.
pub fn share(part: u64, whole: u64) -> i64 {
    if whole == 0 {
        return 0;
    }
    let share = (u128::from(part) << 20) / u128::from(whole);
    // Shares up to 2^20, so that the sum of products of two stays far below 2^63.
    share.min(1 << 40) as i64
}

/// Free parts and demanded parts of CPU, memory and GPUs, as shares of what the instance registered.
fn shares(instance: &InstanceView<'_>, demand: &Demand<'_>) -> [(i64, i64); 3] {
    let (slot, shape) = (instance.slot, instance.shape);
    let pair = |free, need, whole| (share(free, whole), share(need, whole));
    [
        pair(slot.free_cpu.as_raw(), demand.cpu.as_raw(), shape.cpu.as_raw()),
        pair(slot.free_memory.as_mib(), demand.memory.as_mib(), shape.memory.as_mib()),
        pair(slot.free_gpus.into(), demand.gpus.into(), shape.gpus.into()),
    ]
}

/// Largest dot product of demand and free resources, as shares of the instance: tasks go where what
/// they need most is there in plenty (Panigrahy et al., *Heuristics for vector bin packing*, 2011).
#[derive(Clone, Copy, Debug, Default)]
pub struct DotProduct;

impl PlacementScore for DotProduct {
    fn score(&self, instance: &InstanceView<'_>, demand: &Demand<'_>) -> i64 {
        -shares(instance, demand).iter().map(|(free, need)| free * need).sum::<i64>()
    }
}

/// Least squared distance between demand and free resources, as shares of the instance: what is left
/// is small in every resource (the norm-based greedy of the same paper with equal weights).
#[derive(Clone, Copy, Debug, Default)]
pub struct L2BestFit;

impl PlacementScore for L2BestFit {
    fn score(&self, instance: &InstanceView<'_>, demand: &Demand<'_>) -> i64 {
        shares(instance, demand).iter().map(|(free, need)| (free - need) * (free - need)).sum()
    }
}

/// Strategies by the names that scenarios use.
#[derive(Clone, Debug)]
pub struct StrategyRegistry {
    strategies: Vec<(String, super::PlacementStrategy)>,
}

impl Default for StrategyRegistry {
    /// The strategies that come with plimsoll: `dot-product`, `first-fit`, `l2-best-fit`,
    /// `worst-fit`.
    fn default() -> Self {
        use super::PlacementStrategy::{Custom, FirstFit, WorstFit};
        let mut registry = Self { strategies: Vec::new() };
        registry.insert("first-fit", FirstFit);
        registry.insert("worst-fit", WorstFit);
        registry.insert("dot-product", Custom(CustomStrategy::new("dot-product", DotProduct)));
        registry.insert("l2-best-fit", Custom(CustomStrategy::new("l2-best-fit", L2BestFit)));
        registry
    }
}

impl StrategyRegistry {
    /// Adds a strategy of one's own, which replaces one of the same name.
    pub fn register(&mut self, name: &str, score: impl PlacementScore + 'static) {
        let strategy = CustomStrategy::new(name, score);
        self.insert(name, super::PlacementStrategy::Custom(strategy));
    }

    fn insert(&mut self, name: &str, strategy: super::PlacementStrategy) {
        match self.strategies.binary_search_by(|(known, _)| known.as_str().cmp(name)) {
            Ok(at) => self.strategies[at].1 = strategy,
            Err(at) => self.strategies.insert(at, (name.to_owned(), strategy)),
        }
    }

    /// The strategy of a name.
    pub fn get(&self, name: &str) -> Option<&super::PlacementStrategy> {
        let at = self.strategies.binary_search_by(|(known, _)| known.as_str().cmp(name)).ok()?;
        Some(&self.strategies[at].1)
    }

    /// All names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.strategies.iter().map(|(name, _)| name.as_str())
    }
}

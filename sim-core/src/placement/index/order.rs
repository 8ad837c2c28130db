//! The orders that a pool keeps of its instances, one for each chain that is in use.

use super::bounds::{Size, Steps};
use super::fits::ANY;
use super::key::{Key, Links, LongKey, ShortKey};
use super::tree::{Tree, Want};
use crate::placement::slot::Slot;
use crate::units::{InstanceId, TaskGroupId};

/// A score in which the instances of a pool differ; lower is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::placement) enum Link {
    /// Free CPU.
    Cpu,
    /// Free memory.
    Memory,
    /// Free memory, most first.
    MostMemory,
    /// Instance id.
    Oldest,
    /// Tasks of a group on the instance.
    Tasks(TaskGroupId),
}

impl Link {
    /// The score of an instance.
    pub(in crate::placement) fn score(self, slot: &Slot) -> u64 {
        match self {
            Self::Cpu => slot.free_cpu.as_raw(),
            Self::Memory => slot.free_memory.as_mib(),
            Self::MostMemory => u64::MAX - slot.free_memory.as_mib(),
            Self::Oldest => u64::from(slot.instance.0),
            Self::Tasks(group) => u64::from(slot.tasks_of(group)),
        }
    }
}

/// What an order knows of an instance at one moment.
#[derive(Clone, Copy, Debug)]
pub(in crate::placement) struct Moment {
    pub(in crate::placement) size: Size,
    /// Zero if it takes no tasks.
    pub(in crate::placement) mask: u64,
    /// Tasks of the group that changes.
    pub(in crate::placement) tasks: u32,
}

/// A change of one instance.
#[derive(Clone, Copy, Debug)]
pub(in crate::placement) struct Change<'a> {
    /// The instance after the change.
    pub(in crate::placement) slot: &'a Slot,
    pub(in crate::placement) before: Moment,
    pub(in crate::placement) after: Moment,
    /// The group whose tasks change.
    pub(in crate::placement) group: Option<TaskGroupId>,
}

impl Change<'_> {
    fn links(&self, links: &[Link], moment: &Moment) -> Links {
        links_of(links, moment.size, self.slot.instance, |group| {
            if self.group == Some(group) { moment.tasks } else { self.slot.tasks_of(group) }
        })
    }
}

#[inline]
fn links_of(
    links: &[Link],
    size: Size,
    instance: InstanceId,
    tasks: impl Fn(TaskGroupId) -> u32,
) -> Links {
    let mut scores = [0; 3];
    for (score, link) in scores.iter_mut().zip(links) {
        *score = match link {
            Link::Cpu => size.cpu,
            Link::Memory => size.memory,
            Link::MostMemory => u32::MAX - size.memory,
            Link::Oldest => instance.0,
            Link::Tasks(group) => tasks(*group),
        };
    }
    scores
}

#[derive(Clone, Debug)]
enum AnyTree {
    Short(Tree<ShortKey>),
    Long(Tree<LongKey>),
}

/// The first of an order, with what its key says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::placement) struct First {
    /// By number of the link.
    links: Links,
    pub(in crate::placement) tie_rank: u64,
    pub(in crate::placement) instance: InstanceId,
}

impl First {
    fn of<K: Key>(key: K) -> Self {
        Self { links: key.links(), tie_rank: key.rank(), instance: key.instance() }
    }

    /// Its scores, as [`Link::score`] has them.
    pub(in crate::placement) fn scores(&self, links: &[Link]) -> impl Iterator<Item = u64> {
        links.iter().zip(self.links).map(|(link, score)| match link {
            Link::MostMemory => u64::MAX - u64::from(u32::MAX - score),
            _ => u64::from(score),
        })
    }
}

/// The instances of a pool in the order of a chain, as far as they fit what the chain was asked for.
#[derive(Clone, Debug)]
pub(in crate::placement) struct Order {
    /// At most three.
    links: Vec<Link>,
    /// Registered needs that were asked for in this order.
    relevant: u64,
    /// Whether it holds all instances that take tasks, with their size, for any demand.
    sized: bool,
    by_cpu: bool,
    by_memory: bool,
    by_tasks: Option<TaskGroupId>,
    tree: AnyTree,
}

impl Order {
    fn new(links: &[Link]) -> Self {
        let group = links.iter().find_map(|link| match link {
            Link::Tasks(group) => Some(*group),
            _ => None,
        });
        Self {
            links: links.to_vec(),
            relevant: 0,
            sized: false,
            by_cpu: links.contains(&Link::Cpu),
            by_memory: links.contains(&Link::Memory) || links.contains(&Link::MostMemory),
            by_tasks: group,
            tree: if links.len() <= 1 {
                AnyTree::Short(Tree::of(&[], None))
            } else {
                AnyTree::Long(Tree::of(&[], None))
            },
        }
    }

    /// Builds the order of `slots`.
    fn build(&mut self, pool: &PoolView<'_>) {
        let steps = self.sized.then_some(pool.steps);
        match &mut self.tree {
            AnyTree::Short(tree) => *tree = build(&self.links, self.relevant, pool, steps),
            AnyTree::Long(tree) => *tree = build(&self.links, self.relevant, pool, steps),
        }
    }

    #[inline]
    fn update(&mut self, change: &Change<'_>) {
        let (before, after) = (&change.before, &change.after);
        let (old, new) = (before.mask & self.relevant, after.mask & self.relevant);
        if old | new == 0 {
            return;
        }
        let moves = (self.by_cpu && before.size.cpu != after.size.cpu)
            || (self.by_memory && before.size.memory != after.size.memory)
            || (self.by_tasks.is_some()
                && self.by_tasks == change.group
                && before.tasks != after.tasks);
        if !moves && old == new && !(self.sized && before.size != after.size) {
            return;
        }
        let old_links = change.links(&self.links, before);
        let new_links = if moves { change.links(&self.links, after) } else { old_links };
        let size = after.size;
        match &mut self.tree {
            AnyTree::Short(tree) => {
                apply(tree, change.slot, (old, old_links), (new, new_links), size, moves);
            }
            AnyTree::Long(tree) => {
                apply(tree, change.slot, (old, old_links), (new, new_links), size, moves);
            }
        }
    }

    /// The first instance that has what `want` asks and passes `accept`.
    #[inline]
    pub(in crate::placement) fn first(
        &self,
        want: Want,
        accept: impl FnMut(InstanceId) -> bool,
    ) -> Option<First> {
        match &self.tree {
            AnyTree::Short(tree) => tree.first(want, accept).map(First::of),
            AnyTree::Long(tree) => tree.first(want, accept).map(First::of),
        }
    }

    /// Calls `visit` with all instances that have what `want` asks.
    pub(in crate::placement) fn each(&self, want: Want, mut visit: impl FnMut(InstanceId)) {
        match &self.tree {
            AnyTree::Short(tree) => tree.visit(want, |key| {
                visit(key.instance());
                true
            }),
            AnyTree::Long(tree) => tree.visit(want, |key| {
                visit(key.instance());
                true
            }),
        }
    }

    /// Calls `visit` with all instances that share the best scores, have what `want` asks and pass
    /// `accept`.
    pub(in crate::placement) fn ties(
        &self,
        want: Want,
        accept: impl FnMut(InstanceId) -> bool,
        visit: impl FnMut(InstanceId),
    ) {
        match &self.tree {
            AnyTree::Short(tree) => ties(tree, want, accept, visit),
            AnyTree::Long(tree) => ties(tree, want, accept, visit),
        }
    }

    /// Panics unless the order is that of the pool.
    fn check(&self, pool: &PoolView<'_>) {
        let mut copy = self.clone();
        copy.build(pool);
        match (&self.tree, &copy.tree) {
            (AnyTree::Short(tree), AnyTree::Short(built)) => same(tree, built),
            (AnyTree::Long(tree), AnyTree::Long(built)) => same(tree, built),
            _ => unreachable!("a copy has the same kind of key"),
        }
    }
}

fn same<K: Key>(tree: &Tree<K>, built: &Tree<K>) {
    tree.check();
    assert!(tree.entries().eq(built.entries()), "an order equals a recount");
}

fn build<K: Key>(
    links: &[Link],
    relevant: u64,
    pool: &PoolView<'_>,
    steps: Option<Steps>,
) -> Tree<K> {
    let mut entries: Vec<(K, u64, Size)> = Vec::new();
    for Brief { instance, mask, size } in pool.briefs {
        let mask = mask & relevant;
        if mask != 0 {
            let slot = &pool.slots[instance.0 as usize];
            let links = links_of(links, *size, slot.instance, |group| slot.tasks_of(group));
            entries.push((K::new(links, slot.tie_rank, slot.instance), mask, *size));
        }
    }
    entries.sort_unstable_by_key(|entry| entry.0);
    Tree::of(&entries, steps)
}

#[inline]
fn apply<K: Key>(
    tree: &mut Tree<K>,
    slot: &Slot,
    (old, old_links): (u64, Links),
    (new, new_links): (u64, Links),
    size: Size,
    moves: bool,
) {
    let key = |links| K::new(links, slot.tie_rank, slot.instance);
    if !moves && old != 0 && new != 0 {
        tree.set(key(old_links), new, size);
        return;
    }
    if old != 0 {
        tree.remove(key(old_links));
    }
    if new != 0 {
        tree.insert(key(new_links), new, size);
    }
}

fn ties<K: Key>(
    tree: &Tree<K>,
    want: Want,
    mut accept: impl FnMut(InstanceId) -> bool,
    mut visit: impl FnMut(InstanceId),
) {
    let mut best = None;
    tree.visit(want, |key| {
        if best.is_some_and(|best| best != key.links()) {
            return false;
        }
        if accept(key.instance()) {
            best = Some(key.links());
            visit(key.instance());
        }
        true
    });
}

/// An instance in the words of the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::placement) struct Brief {
    pub(in crate::placement) instance: InstanceId,
    /// The registered needs that fit now.
    pub(in crate::placement) mask: u64,
    /// What is free.
    pub(in crate::placement) size: Size,
}

/// What orders are built from.
#[derive(Clone, Copy, Debug)]
pub(in crate::placement) struct PoolView<'a> {
    /// By instance, those of other pools among them.
    pub(in crate::placement) slots: &'a [Slot],
    pub(in crate::placement) briefs: &'a [Brief],
    pub(in crate::placement) steps: Steps,
}

/// Orders that one pool keeps at most. Each costs time at every change; chains beyond scan.
const MAX_ORDERS: usize = 128;

/// The orders of a pool.
#[derive(Clone, Debug, Default)]
pub(in crate::placement) struct Orders(Vec<Order>);

impl Orders {
    pub(in crate::placement) fn get(&self, order: usize) -> &Order {
        &self.0[order]
    }

    /// The order of `links`, made ready for `want`; `None` if there are too many orders.
    pub(in crate::placement) fn prepare(
        &mut self,
        links: &[Link],
        want: Want,
        pool: &PoolView<'_>,
    ) -> Option<usize> {
        let index = match self.0.iter().position(|order| order.links == links) {
            Some(index) => index,
            None if self.0.len() == MAX_ORDERS => return None,
            None => {
                self.0.push(Order::new(links));
                self.0.len() - 1
            }
        };
        let order = &mut self.0[index];
        let sized = order.sized || want.size.is_some();
        let relevant = order.relevant | want.bit | if sized { ANY } else { 0 };
        if (sized, relevant) != (order.sized, order.relevant) {
            (order.sized, order.relevant) = (sized, relevant);
            order.build(pool);
        }
        Some(index)
    }

    #[inline]
    pub(in crate::placement) fn update(&mut self, change: &Change<'_>) {
        for order in &mut self.0 {
            order.update(change);
        }
    }

    /// Panics unless every order is that of the pool.
    pub(in crate::placement) fn check(&self, pool: &PoolView<'_>) {
        for order in &self.0 {
            order.check(pool);
        }
    }
}

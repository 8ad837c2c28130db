//! Managed Instances: which instances ECS launches for waiting tasks, and which it gives up.
//!
//! Source: ECS developer guide, *Amazon ECS Managed Instances*: auto scaling and task placement, infrastructure
//! optimization. Documented: tasks of a service are spread over zones first and packed on instances within a zone, the
//! type is the most cost-optimized one that fits, idle instances go after a delay, underutilized ones are drained so
//! that their tasks move to fewer or better instances, and an instance drains at 14 days of age. AWS calls the rest a
//! heuristic. Here the type is the cheapest one that takes all the tasks that wait for a zone; if none does, the one
//! that packs most for its price.

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;

use super::instance_demand::{InstanceSize, TaskDemand};
use crate::scenario::Architecture;
use crate::units::{SimDuration, TaskGroupId};

/// Age at which an instance begins to drain.
pub const DRAIN_AFTER: SimDuration = SimDuration::from_secs(14 * 86_400);
/// Longest time that it drains: the maximum lifetime is 21 days.
pub const DRAIN_LIMIT: SimDuration = SimDuration::from_secs(7 * 86_400);

/// Tasks of one kind that wait for an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// What each of them takes.
    pub demand: TaskDemand,
    /// What they are built for.
    pub architecture: Architecture,
    /// Their service or family, which is spread over zones.
    pub group: TaskGroupId,
    /// Whether no two of their group share an instance.
    pub distinct: bool,
    /// How many.
    pub count: u32,
}

impl Waiting {
    /// What a task weighs against others: nine for a vCPU, one for a GiB.
    fn weight(&self) -> u128 {
        9 * u128::from(self.demand.cpu.as_raw()) + 125 * u128::from(self.demand.memory.as_mib())
    }
}

/// What is free on an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// Free resources.
    pub size: InstanceSize,
    /// Its architecture.
    pub architecture: Architecture,
    /// Kinds of which it takes no second task.
    once: Vec<(TaskGroupId, TaskDemand)>,
}

impl Room {
    /// `size` on an instance of `architecture` that holds nothing that excludes others.
    pub fn new(size: InstanceSize, architecture: Architecture) -> Self {
        Self { size, architecture, once: Vec::new() }
    }

    /// Takes up to `most` tasks of a kind; how many it took.
    fn take(&mut self, waiting: &Waiting, most: u32) -> u32 {
        if waiting.architecture != self.architecture {
            return 0;
        }
        let demand = &waiting.demand;
        let alone = waiting.distinct || demand.has_host_port;
        let excluded = |it: &(TaskGroupId, TaskDemand)| {
            it.0 == waiting.group && (waiting.distinct || it.1 == *demand)
        };
        if alone && self.once.iter().any(excluded) {
            return 0;
        }
        let fit = self.size.capacity_for(demand).min(most);
        let taken = if alone { fit.min(1) } else { fit };
        if alone && 0 < taken {
            self.once.push((waiting.group, *demand));
        }
        self.size = self.size.less(demand, taken);
        taken
    }
}

/// An instance type in a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Position of the type.
    pub of_type: usize,
    /// What an empty instance offers.
    pub size: InstanceSize,
    /// Its architecture.
    pub architecture: Architecture,
    /// Price per hour in 1e-10 USD.
    pub price: u64,
}

/// A zone in which instances can be launched.
#[derive(Clone, Debug)]
pub struct ZoneOffers {
    /// Position of the zone.
    pub zone: usize,
    /// Tasks that it has already, by task group.
    pub tasks: BTreeMap<TaskGroupId, u32>,
    /// What can be launched in it.
    pub offers: Vec<Offer>,
}

/// An instance to be launched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Launch {
    /// Position of the zone.
    pub zone: usize,
    /// Position of the type.
    pub of_type: usize,
}

/// What is launched for tasks that wait.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The instances.
    pub launches: Vec<Launch>,
    /// Tasks that nothing takes.
    pub left: u32,
}

/// The instances to be launched for tasks that wait. `coming` are those that are on their way, with their zones:
/// they take what they can first. Zones are in order of preference among equals.
pub fn plan(waiting: &[Waiting], coming: &mut [(usize, Room)], zones: &[ZoneOffers]) -> Plan {
    let mut tasks: Vec<BTreeMap<TaskGroupId, u32>> =
        zones.iter().map(|zone| zone.tasks.clone()).collect();
    let count = |tasks: &[BTreeMap<TaskGroupId, u32>], index: usize, group| {
        tasks[index].get(&group).copied().unwrap_or(0)
    };
    let mut sorted = waiting.to_vec();
    sorted.sort_by_key(|it| Reverse((it.demand.gpus, it.weight())));
    let mut by_zone: Vec<Vec<Waiting>> = vec![Vec::new(); zones.len()];
    let mut left = 0;
    for kind in &sorted {
        for _ in 0..kind.count {
            // Equal rooms are filled one after the other.
            let place = |(zone, _): &(usize, Room)| zones.iter().position(|it| it.zone == *zone);
            let mut rooms: Vec<usize> = (0..coming.len()).collect();
            rooms.sort_by_key(|room| {
                place(&coming[*room]).map_or(u32::MAX, |zone| count(&tasks, zone, kind.group))
            });
            let taken = rooms.into_iter().find(|room| coming[*room].1.take(kind, 1) == 1);
            let zone = if let Some(room) = taken {
                place(&coming[room])
            } else {
                let least = (0..zones.len())
                    .filter(|zone| zones[*zone].offers.iter().any(|it| fits(it, kind)))
                    .min_by_key(|zone| count(&tasks, *zone, kind.group));
                match least {
                    Some(zone) => add(&mut by_zone[zone], kind),
                    None => left += 1,
                }
                least
            };
            if let Some(zone) = zone {
                *tasks[zone].entry(kind.group).or_default() += 1;
            }
        }
    }
    let mut launches = Vec::new();
    for (zone, kinds) in zones.iter().zip(by_zone) {
        let types = pack(kinds, &zone.offers);
        launches.extend(types.into_iter().map(|of_type| Launch { zone: zone.zone, of_type }));
    }
    Plan { launches, left }
}

fn add(kinds: &mut Vec<Waiting>, kind: &Waiting) {
    let same = |it: &&mut Waiting| Waiting { count: 0, ..**it } == Waiting { count: 0, ..*kind };
    match kinds.iter_mut().find(same) {
        Some(known) => known.count += 1,
        None => kinds.push(Waiting { count: 1, ..*kind }),
    }
}

/// Whether an empty instance of a type takes a task.
pub fn fits(offer: &Offer, kind: &Waiting) -> bool {
    offer.architecture == kind.architecture && 0 < offer.size.capacity_for(&kind.demand)
}

/// What a type would take of the tasks that are left.
#[derive(Clone, Copy, Debug)]
struct Packed {
    offer: Offer,
    all: bool,
    weight: u128,
}

impl Packed {
    /// Whether it is the better choice: all at the lowest price, else most for its price.
    fn compare(&self, other: &Self) -> Ordering {
        let value = || {
            let own = self.weight * u128::from(other.offer.price);
            own.cmp(&(other.weight * u128::from(self.offer.price)))
        };
        // Of equal value the larger one: tasks are packed.
        let rest = || value().then(self.weight.cmp(&other.weight));
        let by_value = if self.all { Ordering::Equal } else { rest() };
        (self.all.cmp(&other.all))
            .then(by_value)
            .then(other.offer.price.cmp(&self.offer.price))
            .then(other.offer.of_type.cmp(&self.offer.of_type))
    }
}

/// The types that take all tasks of a zone, the most demanding first.
fn pack(mut kinds: Vec<Waiting>, offers: &[Offer]) -> Vec<usize> {
    let mut types = Vec::new();
    while let Some(first) = kinds.iter().find(|it| 0 < it.count).copied() {
        let packed = offers.iter().filter(|offer| fits(offer, &first)).map(|offer| {
            let (weight, all) = fill(offer, &kinds, |_, _| {});
            Packed { offer: *offer, all, weight }
        });
        let Some(best) = packed.max_by(Packed::compare) else {
            kinds.retain(|it| it.demand != first.demand || it.group != first.group);
            continue;
        };
        types.push(best.offer.of_type);
        let mut taken = vec![0; kinds.len()];
        fill(&best.offer, &kinds, |kind, number| taken[kind] = number);
        for (kind, taken) in kinds.iter_mut().zip(taken) {
            kind.count -= taken;
        }
    }
    types
}

/// Fills an empty instance; the weight that it takes, and whether that is all of its architecture.
fn fill(offer: &Offer, kinds: &[Waiting], mut took: impl FnMut(usize, u32)) -> (u128, bool) {
    let mut room = Room::new(offer.size, offer.architecture);
    let (mut weight, mut all) = (0, true);
    for (index, kind) in kinds.iter().enumerate() {
        if kind.architecture != offer.architecture {
            continue;
        }
        let taken = room.take(kind, kind.count);
        took(index, taken);
        weight += u128::from(taken) * kind.weight();
        all &= taken == kind.count;
    }
    (weight, all)
}

/// What ECS does to save instances that are not well used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Consolidation {
    /// An instance is drained if its tasks fit on others, or on a cheaper one.
    #[default]
    FewerOrCheaper,
    /// An instance is drained if its tasks fit on others.
    Fewer,
    /// Only idle instances go.
    Off,
}

/// Whether all tasks of an instance in `zone` can move to the `others`, which stand with their zones, without making
/// the zones of a service less even. `tasks` are those of each zone by task group.
pub fn fits_elsewhere(
    own: &[Waiting],
    zone: usize,
    others: &mut [(usize, Room)],
    tasks: &mut [BTreeMap<TaskGroupId, u32>],
) -> bool {
    own.iter().all(|kind| {
        // What is on the others already is not known well enough to tell.
        let alone = kind.distinct || kind.demand.has_host_port;
        !alone
            && (0..kind.count).all(|_| {
                let count = |zone: usize| tasks[zone].get(&kind.group).copied().unwrap_or(0);
                let (here, counts) = (count(zone), (0..tasks.len()).map(count).collect::<Vec<_>>());
                let room = others.iter_mut().find_map(|(other, room)| {
                    let even = *other == zone || counts[*other] < here;
                    (even && room.take(kind, 1) == 1).then_some(*other)
                });
                if let Some(other) = room {
                    let mut change = |zone: usize, by: i32| {
                        let count = tasks[zone].entry(kind.group).or_default();
                        *count = count.saturating_add_signed(by);
                    };
                    change(zone, -1);
                    change(other, 1);
                }
                room.is_some()
            })
    })
}

/// Whether one instance of a type that is cheaper than `price` takes all of these tasks.
pub fn fits_cheaper(own: &[Waiting], offers: &[Offer], price: u64) -> bool {
    let mut cheaper = offers.iter().filter(|offer| offer.price < price);
    cheaper.any(|offer| {
        own.iter().all(|it| it.architecture == offer.architecture) && fill(offer, own, |_, _| {}).1
    })
}

#[cfg(test)]
mod tests;

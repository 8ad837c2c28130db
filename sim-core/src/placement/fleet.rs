//! The container instances of a cluster, and the tasks of each group on them.

use std::fmt::Write as _;
use std::sync::Arc;

use super::attributes::Attributes;
use super::choose::Scratch;
use super::constraint::PlacementConstraint;
use super::demand::Demand;
use super::groups::TaskGroups;
use super::index::Fits;
use super::pool::Pool;
use super::rule::{Rule, RuleId};
use super::slot::{Eligibility, Slot};
use super::strategy::PlacementStrategy;
use crate::scenario::InstanceShape;
use crate::units::{AsgId, InstanceId, TaskGroupId, ZoneId};

/// Changes between two checks of the index in debug builds.
const CHECK_EVERY: u32 = 4096;

/// Where an instance is kept.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// Its pool, also after it has left.
    pool: u32,
    /// Its position there, [`GONE`] while it is not registered.
    position: u32,
}

/// The position of an instance that has left.
const GONE: u32 = u32::MAX;

impl Place {
    fn position(self) -> Option<usize> {
        (self.position != GONE).then_some(self.position as usize)
    }
}

/// A container instance that registers.
#[derive(Clone, Debug)]
pub struct NewInstance<'a> {
    /// Its Auto Scaling group.
    pub group: AsgId,
    /// What it registers.
    pub shape: &'a InstanceShape,
    /// Static attributes and agent version, those of ECS among them; the same for all of its group and zone.
    pub attributes: &'a Attributes,
    /// The instance, empty.
    pub slot: Slot,
}

/// The values of one attribute that a spread looks at.
#[derive(Clone, Debug)]
struct Column {
    name: Arc<str>,
    /// By pool; pools of equal numbers have equal values, or all none.
    values: Vec<u32>,
}

/// The registered container instances of a cluster, with what is free on them and the tasks of each
/// group.
#[derive(Clone, Debug)]
pub struct Fleet {
    zones: usize,
    pub(super) pools: Vec<Pool>,
    /// All pools, and those of each Auto Scaling group.
    all: Vec<u32>,
    by_group: Vec<Vec<u32>>,
    /// By instance.
    places: Vec<Option<Place>>,
    pub(super) groups: TaskGroups,
    columns: Vec<Column>,
    pub(super) rules: Vec<Rule>,
    pub(super) fits: Fits,
    pub(super) scratch: Scratch,
    changes: u32,
}

impl Fleet {
    /// A fleet without instances, for a cluster of `groups` Auto Scaling groups and `zones` zones.
    pub fn new(groups: usize, zones: usize) -> Self {
        Self {
            zones,
            pools: Vec::new(),
            all: Vec::new(),
            by_group: vec![Vec::new(); groups],
            places: Vec::new(),
            groups: TaskGroups::default(),
            columns: Vec::new(),
            rules: Vec::new(),
            fits: Fits::default(),
            scratch: Scratch::default(),
            changes: 0,
        }
    }

    /// Adds a task group: a service, or a family of standalone tasks. `task:group` in placement
    /// expressions refers to it by `name`.
    pub fn add_group(&mut self, name: &str) -> TaskGroupId {
        self.groups.add(name, self.zones)
    }

    /// The rule by which tasks of `group` are placed: a chain in which defaults are filled in, and
    /// all constraints together. Asked twice, it gives the same id.
    pub fn rule(
        &mut self,
        strategy: &[PlacementStrategy],
        constraints: &[PlacementConstraint],
        group: TaskGroupId,
    ) -> RuleId {
        let known = self.rules.iter().position(|rule| {
            rule.group == group && rule.strategy == strategy && rule.constraints == constraints
        });
        let index = known.unwrap_or_else(|| {
            let (columns, pools) = (&mut self.columns, &self.pools);
            let rule = Rule::new(strategy, constraints, group, |name| column(columns, pools, name));
            self.rules.push(rule);
            self.rules.len() - 1
        });
        RuleId(index as u32)
    }

    /// Adds an instance.
    ///
    /// # Panics
    /// If it is registered already, which is a bug in the caller.
    pub fn register(&mut self, instance: NewInstance<'_>) {
        let index = instance.slot.instance.0 as usize;
        if self.places.len() <= index {
            self.places.resize(index + 1, None);
        }
        let twice = self.places[index].is_some_and(|place| place.position != GONE);
        assert!(!twice, "instance {} registers once", instance.slot.instance);
        let pool = self.pool_for(&instance);
        let slot = instance.slot;
        let position = self.pools[pool].add(slot, &self.fits);
        self.places[index] = Some(Place { pool: pool as u32, position: position as u32 });
        self.changed();
    }

    fn pool_for(&mut self, instance: &NewInstance<'_>) -> usize {
        let NewInstance { group, shape, attributes, slot } = instance;
        let of_group = &self.by_group[group.0 as usize];
        let known = of_group.iter().map(|pool| *pool as usize).find(|pool| {
            let pool = &self.pools[*pool];
            pool.zone == slot.zone && pool.shape == **shape && pool.attributes == **attributes
        });
        known.unwrap_or_else(|| {
            let index = self.pools.len();
            let attributes = (*attributes).clone();
            let pool = Pool::new(slot.zone, shape, attributes, &self.fits);
            self.pools.push(pool);
            self.all.push(index as u32);
            self.by_group[group.0 as usize].push(index as u32);
            for column in &mut self.columns {
                column.values.push(value(&column.name, &column.values, &self.pools));
            }
            index
        })
    }

    /// Takes an instance out; nothing happens if it is not registered. Its tasks count in their
    /// groups until they are [uncounted](Self::uncount).
    pub fn deregister(&mut self, instance: InstanceId) {
        let Some((pool, position)) = self.find(instance) else { return };
        let slots = &mut self.pools[pool];
        slots.remove(position, &self.fits);
        if let Some(moved) = slots.slots.get(position) {
            let place = Place { pool: pool as u32, position: position as u32 };
            self.places[moved.instance.0 as usize] = Some(place);
        }
        self.places[instance.0 as usize] = Some(Place { pool: pool as u32, position: GONE });
        self.changed();
    }

    /// Lets an instance take tasks, or not; nothing happens if it is not registered.
    pub fn set_eligible(&mut self, instance: InstanceId, eligibility: Eligibility) {
        let Some((pool, position)) = self.find(instance) else { return };
        self.pools[pool].change(position, None, &self.fits, |slot| {
            slot.set_eligibility(eligibility);
        });
        self.changed();
    }

    /// Pool and position of a registered instance.
    #[inline]
    pub(super) fn find(&self, instance: InstanceId) -> Option<(usize, usize)> {
        let place = (*self.places.get(instance.0 as usize)?)?;
        Some((place.pool as usize, place.position()?))
    }

    /// The state of a registered instance.
    pub fn slot(&self, instance: InstanceId) -> Option<&Slot> {
        let (pool, position) = self.find(instance)?;
        self.pools[pool].slots.get(position)
    }

    /// Registered instances of one group, or of all with `None`, in no particular order.
    pub fn slots(&self, group: Option<AsgId>) -> impl Iterator<Item = &Slot> + Clone {
        self.scope(group).iter().flat_map(|pool| &self.pools[*pool as usize].slots)
    }

    /// The shape that a registered instance registered, and its static attributes.
    pub fn kind(&self, instance: InstanceId) -> Option<(&InstanceShape, &Attributes)> {
        let (pool, _) = self.find(instance)?;
        Some((&self.pools[pool].shape, &self.pools[pool].attributes))
    }

    /// The pools of one Auto Scaling group, or all.
    pub(super) fn scope(&self, group: Option<AsgId>) -> &[u32] {
        group.map_or(&self.all, |group| &self.by_group[group.0 as usize])
    }

    /// Puts a task on an instance: reserves `demand` and counts the task in `group`.
    ///
    /// # Panics
    /// If the instance is not registered or the demand does not fit: a bug in the caller, which
    /// asks [`choose`](Self::choose) first.
    pub fn place(&mut self, instance: InstanceId, demand: &Demand<'_>, group: TaskGroupId) {
        let place = self.find(instance).expect("tasks are placed on registered instances only");
        let (pool, position) = place;
        self.pools[pool].change(position, Some(group), &self.fits, |slot| {
            slot.reserve(demand);
            slot.count(group);
        });
        self.groups.count(group, self.pools[pool].zone, Some(pool));
        self.changed();
    }

    /// Takes a task off an instance, reservation and count at once.
    pub fn remove(&mut self, instance: InstanceId, demand: &Demand<'_>, group: TaskGroupId) {
        if let Some((pool, position)) = self.find(instance) {
            self.pools[pool].change(position, Some(group), &self.fits, |slot| {
                slot.release(demand);
                slot.uncount(group);
            });
            self.changed();
        }
        if let Some(Some(place)) = self.places.get(instance.0 as usize) {
            let pool = place.pool as usize;
            self.groups.uncount(group, self.pools[pool].zone, Some(pool));
        }
    }

    /// Gives back what a task reserved; nothing happens if the instance is gone. Its count stays.
    pub fn release(&mut self, instance: InstanceId, demand: &Demand<'_>) {
        if let Some((pool, position)) = self.find(instance) {
            self.pools[pool].change(position, None, &self.fits, |slot| slot.release(demand));
            self.changed();
        }
    }

    /// Stops counting a task of `group` in `zone`, on a container instance or with `None` on Fargate.
    /// Its reservation stays.
    pub fn uncount(&mut self, group: TaskGroupId, zone: ZoneId, instance: Option<InstanceId>) {
        let Some(instance) = instance else {
            self.groups.uncount(group, zone, None);
            return;
        };
        if let Some((pool, position)) = self.find(instance) {
            self.pools[pool].change(position, Some(group), &self.fits, |slot| slot.uncount(group));
            self.changed();
        }
        if let Some(Some(place)) = self.places.get(instance.0 as usize) {
            self.groups.uncount(group, zone, Some(place.pool as usize));
        }
    }

    /// Counts a task of `group` that runs on Fargate.
    pub fn count_on_fargate(&mut self, group: TaskGroupId, zone: ZoneId) {
        self.groups.count(group, zone, None);
    }

    /// Tasks of a group in a zone, those on Fargate among them.
    pub fn tasks_in_zone(&self, group: TaskGroupId, zone: ZoneId) -> u32 {
        self.groups.in_zone(group, zone)
    }

    /// Tasks of a group on an instance.
    pub fn tasks_on_instance(&self, group: TaskGroupId, instance: InstanceId) -> u32 {
        self.slot(instance).map_or(0, |slot| slot.tasks_of(group))
    }

    /// Tasks of a group on all instances that share a pool's value of an attribute.
    pub(super) fn tasks_by_attribute(&self, group: TaskGroupId, column: usize, pool: usize) -> u32 {
        let values = &self.columns[column].values;
        let same = values.iter().enumerate().filter(|(_, value)| **value == values[pool]);
        same.map(|(pool, _)| self.groups.in_pool(group, pool)).sum()
    }

    fn changed(&mut self) {
        self.changes = self.changes.wrapping_add(1);
        if cfg!(debug_assertions) && self.changes.is_multiple_of(CHECK_EVERY) {
            self.check();
        }
    }

    /// Panics unless index and counters equal a recount. Takes time in proportion to the fleet.
    pub fn check(&self) {
        let mut registered = 0;
        for (index, pool) in self.pools.iter().enumerate() {
            pool.check(&self.fits);
            registered += pool.slots.len();
            for (position, slot) in pool.slots.iter().enumerate() {
                let found = self.find(slot.instance);
                assert_eq!(found, Some((index, position)), "place of {}", slot.instance);
                for (group, tasks) in slot.hosted() {
                    assert_ne!(tasks, 0, "only groups with tasks are listed");
                    let in_pool = self.groups.in_pool(group, index);
                    assert!(tasks <= in_pool, "tasks of {} on {}", group, slot.instance);
                }
            }
        }
        let placed = self.places.iter().flatten().filter(|place| place.position != GONE);
        assert_eq!(placed.count(), registered, "every registered instance is in one pool");
    }

    /// What a placement expression calls an instance.
    pub(super) fn ec2_instance_id(instance: InstanceId) -> String {
        let mut name = String::with_capacity(19);
        // Writing to a string cannot fail.
        let _ = write!(name, "i-{:017x}", instance.0);
        name
    }
}

/// The column of an attribute, added if it is new.
fn column(columns: &mut Vec<Column>, pools: &[Pool], name: &Arc<str>) -> usize {
    if let Some(known) = columns.iter().position(|column| column.name == *name) {
        return known;
    }
    let mut values = Vec::new();
    for index in 0..pools.len() {
        values.push(value(name, &values, &pools[..=index]));
    }
    columns.push(Column { name: name.clone(), values });
    columns.len() - 1
}

/// The number of the last pool's value: that of the first pool with the same value.
fn value(name: &str, values: &[u32], pools: &[Pool]) -> u32 {
    let Some((last, before)) = pools.split_last() else { return 0 };
    let same = |pool: &Pool| pool.attributes.get(name) == last.attributes.get(name);
    let known = before.iter().zip(values).find(|(pool, _)| same(pool)).map(|(_, value)| *value);
    known.unwrap_or(before.len() as u32)
}

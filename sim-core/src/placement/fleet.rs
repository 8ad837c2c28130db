//! The container instances of a cluster, and the tasks of each group on them.

use std::fmt::Write as _;
use std::sync::Arc;

use super::attributes::Attributes;
use super::choose::Scratch;
use super::constraint::PlacementConstraint;
use super::demand::Demand;
use super::failures::{Changes, Failures};
use super::groups::TaskGroups;
use super::index::Fits;
use super::pool::Pool;
use super::rule::{Rule, RuleId};
use super::slot::{Eligibility, Slot};
use super::strategy::PlacementStrategy;
use crate::scenario::InstanceShape;
use crate::units::{AsgId, InstanceId, TaskGroupId, ZoneId};

/// Changes between two checks of the index in debug builds.
const CHECK_EVERY: u64 = 4096;

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
    pub(super) all: Vec<u32>,
    pub(super) by_group: Vec<Vec<u32>>,
    /// By instance; some of them have left, some never came.
    pub(super) slots: Vec<Slot>,
    pub(super) groups: TaskGroups,
    columns: Vec<Column>,
    pub(super) rules: Vec<Rule>,
    pub(super) fits: Fits,
    pub(super) scratch: Scratch,
    pub(super) changes: Changes,
    pub(super) failures: Failures,
}

impl Fleet {
    /// A fleet without instances, for a cluster of `groups` Auto Scaling groups and `zones` zones.
    pub fn new(groups: usize, zones: usize) -> Self {
        Self {
            zones,
            pools: Vec::new(),
            all: Vec::new(),
            by_group: vec![Vec::new(); groups],
            slots: Vec::new(),
            groups: TaskGroups::default(),
            columns: Vec::new(),
            rules: Vec::new(),
            fits: Fits::default(),
            scratch: Scratch::default(),
            changes: Changes::default(),
            failures: Failures::default(),
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
        if self.slots.len() <= index {
            self.slots.resize(index + 1, Slot::vacant());
        }
        let twice = self.slots[index].position().is_some();
        assert!(!twice, "instance {} registers once", instance.slot.instance);
        let pool = self.pool_for(&instance);
        let slot = &mut self.slots[index];
        *slot = instance.slot;
        slot.pool = pool as u32;
        self.pools[pool].add(slot, &self.fits);
        self.changed(InstanceId(index as u32));
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
        let Some(slot) = registered(&mut self.slots, instance) else { return };
        let moved = self.pools[slot.pool as usize].remove(slot, &self.fits);
        if let Some((moved, position)) = moved {
            let slot = &mut self.slots[moved.0 as usize];
            slot.enter(slot.pool as usize, position);
        }
        self.changed(instance);
    }

    /// Lets an instance take tasks, or not; nothing happens if it is not registered.
    pub fn set_eligible(&mut self, instance: InstanceId, eligibility: Eligibility) {
        let change = |slot: &mut Slot| slot.set_eligibility(eligibility);
        self.change(instance, None, change);
        self.changed(instance);
    }

    /// Changes a registered instance, and the tasks of `group` on it if one is named; `false` if it is
    /// not registered. The caller notes the change once its counts are right, too.
    #[inline]
    fn change(
        &mut self,
        instance: InstanceId,
        group: Option<TaskGroupId>,
        apply: impl FnOnce(&mut Slot),
    ) -> bool {
        let Some(slot) = registered(&mut self.slots, instance) else { return false };
        self.pools[slot.pool as usize].change(slot, group, &self.fits, apply);
        true
    }

    /// The state of a registered instance.
    #[inline]
    pub fn slot(&self, instance: InstanceId) -> Option<&Slot> {
        self.slots.get(instance.0 as usize).filter(|slot| slot.position().is_some())
    }

    /// The pool of an instance that is or was registered.
    #[inline]
    fn pool_of(&self, instance: InstanceId) -> Option<usize> {
        let slot = self.slots.get(instance.0 as usize)?;
        Some(slot.pool as usize).filter(|pool| *pool < self.pools.len())
    }

    /// Registered instances of one group, or of all with `None`, in no particular order.
    pub fn slots(&self, group: Option<AsgId>) -> impl Iterator<Item = &Slot> + Clone {
        let pools = self.scope(group).iter().map(|pool| &self.pools[*pool as usize]);
        pools.flat_map(|pool| pool.slots(&self.slots))
    }

    /// The shape that a registered instance registered, and its static attributes.
    pub fn kind(&self, instance: InstanceId) -> Option<(&InstanceShape, &Attributes)> {
        let pool = &self.pools[self.slot(instance)?.pool as usize];
        Some((&pool.shape, &pool.attributes))
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
        let placed = self.change(instance, Some(group), |slot| {
            slot.reserve(demand);
            slot.count(group);
        });
        assert!(placed, "tasks are placed on registered instances only");
        let pool = self.slots[instance.0 as usize].pool as usize;
        self.groups.count(group, self.pools[pool].zone, Some(pool));
        self.changed(instance);
    }

    /// Takes a task off an instance, reservation and count at once.
    pub fn remove(&mut self, instance: InstanceId, demand: &Demand<'_>, group: TaskGroupId) {
        self.change(instance, Some(group), |slot| {
            slot.release(demand);
            slot.uncount(group);
        });
        if let Some(pool) = self.pool_of(instance) {
            self.groups.uncount(group, self.pools[pool].zone, Some(pool));
        }
        self.changed(instance);
    }

    /// Gives back what a task reserved; nothing happens if the instance is gone. Its count stays.
    pub fn release(&mut self, instance: InstanceId, demand: &Demand<'_>) {
        self.change(instance, None, |slot| slot.release(demand));
        self.changed(instance);
    }

    /// Stops counting a task of `group` in `zone`, on a container instance or with `None` on Fargate.
    /// Its reservation stays.
    pub fn uncount(&mut self, group: TaskGroupId, zone: ZoneId, instance: Option<InstanceId>) {
        let Some(instance) = instance else {
            self.groups.uncount(group, zone, None);
            return;
        };
        self.change(instance, Some(group), |slot| slot.uncount(group));
        if let Some(pool) = self.pool_of(instance) {
            self.groups.uncount(group, zone, Some(pool));
        }
        self.changed(instance);
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

    /// Tasks of a group on all instances, registered now or earlier, that share an instance's value
    /// of an attribute; those without the attribute share that.
    pub fn tasks_by_value(&self, group: TaskGroupId, attribute: &str, instance: InstanceId) -> u32 {
        let Some(pool) = self.pool_of(instance) else { return 0 };
        let value = self.pools[pool].attributes.get(attribute);
        let pools = self.pools.iter().enumerate();
        let same = pools.filter(|(_, pool)| pool.attributes.get(attribute) == value);
        same.map(|(pool, _)| self.groups.in_pool(group, pool)).sum()
    }

    fn changed(&mut self, instance: InstanceId) {
        self.changes.note(instance);
        if cfg!(debug_assertions) && self.changes.number.is_multiple_of(CHECK_EVERY) {
            self.check();
        }
    }

    /// Panics unless index and counters equal a recount. Takes time in proportion to the fleet.
    pub fn check(&self) {
        let mut listed = 0;
        for (index, pool) in self.pools.iter().enumerate() {
            pool.check(&self.slots, &self.fits);
            for slot in pool.slots(&self.slots) {
                listed += 1;
                assert_eq!(slot.pool as usize, index, "pool of {}", slot.instance);
                for (group, tasks) in slot.hosted() {
                    assert_ne!(tasks, 0, "only groups with tasks are listed");
                    let in_pool = self.groups.in_pool(group, index);
                    assert!(tasks <= in_pool, "tasks of {} on {}", group, slot.instance);
                }
            }
        }
        let registered = self.slots.iter().filter(|slot| slot.position().is_some());
        assert_eq!(registered.count(), listed, "every registered instance is in one pool");
    }

    /// What a placement expression calls an instance.
    pub(super) fn ec2_instance_id(instance: InstanceId) -> String {
        let mut name = String::with_capacity(19);
        // Writing to a string cannot fail.
        let _ = write!(name, "i-{:017x}", instance.0);
        name
    }
}

/// A registered instance.
#[inline]
fn registered(slots: &mut [Slot], instance: InstanceId) -> Option<&mut Slot> {
    slots.get_mut(instance.0 as usize).filter(|slot| slot.position().is_some())
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

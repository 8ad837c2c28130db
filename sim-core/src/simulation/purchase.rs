//! What a group buys: the type and the purchase option of each instance.
//!
//! Source: Auto Scaling user guide, *Auto Scaling groups with multiple instance types and purchase
//! options* and *Allocation strategies*. The split comes first, then the zone, then the type.

use std::collections::{BTreeMap, BTreeSet};

use super::event::Event;
use super::integral::Integral;
use super::market::{Denial, PoolIndex};
use super::state::stream_key;
use super::world::World;
use crate::engine::{Phase, Scheduler, StreamKey};
use crate::purchase::allocation::{Pool, order_on_demand, order_spot};
use crate::purchase::back_off::BackOff;
use crate::purchase::split::{may_terminate, split, surplus};
use crate::results::EventCategory;
use crate::scenario::{AutoScalingGroup, InstanceShape, PurchaseOption, Scenario};
use crate::units::{AsgId, Cpu, InstanceId, Mib, SimTime};

/// Types of a group that are all named in results; those of attribute-based selection can be hundreds.
const MOST_NAMES: usize = 40;

/// What an instance was bought as.
#[derive(Clone, Copy, Debug)]
pub(super) struct Purchased {
    /// Position in the group's list of types.
    pub(super) of_type: usize,
    pub(super) option: PurchaseOption,
    pub(super) pool: PoolIndex,
    /// Units that it counts in the sizes of its group.
    pub(super) weight: u32,
    /// Whether it counts there: until its group gives it up.
    pub(super) counts: bool,
    /// The lease of a replayed trace that it holds.
    pub(super) lease: Option<u32>,
    /// When EC2 announced that it takes the instance back.
    pub(super) notice: Option<SimTime>,
    /// Whether EC2 recommended to replace it.
    pub(super) recommended: bool,
    /// Whether EC2 took it back.
    pub(super) interrupted: bool,
}

impl Purchased {
    /// A type bought under an option from a pool just now.
    pub(super) fn new(
        (of_type, option): (usize, PurchaseOption),
        pool: PoolIndex,
        weight: u32,
        lease: Option<u32>,
    ) -> Self {
        Self {
            of_type,
            option,
            pool,
            weight,
            counts: true,
            lease,
            notice: None,
            recommended: false,
            interrupted: false,
        }
    }
}

/// Launches of a pool that failed in a row.
#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    until: SimTime,
}

/// What a group has bought.
pub(super) struct GroupPurchases {
    /// Instances that run, by type.
    running: Vec<Integral>,
    /// Spot Instances that run.
    pub(super) spot_running: Integral,
    /// The most that any of its types has.
    largest: (Cpu, Mib),
    /// Units of capacity that count, by purchase option.
    on_demand: u32,
    spot: u32,
    /// Instances that count, by pool; only where there is a choice.
    members: BTreeMap<PoolIndex, BTreeSet<InstanceId>>,
    /// Whether there is a choice of types or purchase options.
    pub(super) mixed: bool,
    failures: BTreeMap<PoolIndex, Failures>,
    /// Launches that failed, ever.
    pub(super) failed: u64,
    /// When a launch is tried again; other such events are stale.
    pub(super) retry_at: Option<SimTime>,
    /// Spot Instances that Capacity Rebalancing replaces: they run beside their replacements.
    pub(super) at_risk: BTreeSet<InstanceId>,
    /// Spot Instances that EC2 took back.
    pub(super) interrupted: u32,
    jitter_key: StreamKey,
}

impl GroupPurchases {
    pub(super) fn new(scenario: &Scenario, settings: &AutoScalingGroup) -> Self {
        let shapes = || settings.types.iter().map(|it| &it.shape);
        let cpu = shapes().map(|it| it.cpu).max();
        let memory = shapes().map(|it| it.memory).max();
        Self {
            running: vec![Integral::default(); settings.types.len()],
            spot_running: Integral::default(),
            largest: (cpu.unwrap_or(Cpu::ZERO), memory.unwrap_or(Mib::ZERO)),
            on_demand: 0,
            spot: 0,
            members: BTreeMap::new(),
            mixed: settings.may_buy_spot()
                || 1 < settings.types.len()
                || settings.types.iter().any(|it| it.weight != 1),
            failures: BTreeMap::new(),
            failed: 0,
            retry_at: None,
            at_risk: BTreeSet::new(),
            interrupted: 0,
            jitter_key: stream_key(scenario, "launch-back-off", &settings.name),
        }
    }

    /// The largest CPU and the largest memory among the types, which need not be one type's.
    pub(super) fn largest(&self) -> (Cpu, Mib) {
        self.largest
    }

    /// Units of capacity, launching instances included.
    pub(super) fn units(&self) -> u32 {
        self.on_demand + self.spot
    }

    /// An instance began to run.
    pub(super) fn started(&mut self, bought: &Purchased, now: SimTime) {
        self.running[bought.of_type].add(now, 1);
        if bought.option == PurchaseOption::Spot {
            self.spot_running.add(now, 1);
        }
    }

    /// An instance ran until now.
    pub(super) fn ended(&mut self, bought: &Purchased, now: SimTime) {
        self.running[bought.of_type].subtract(now, 1);
        if bought.option == PurchaseOption::Spot {
            self.spot_running.subtract(now, 1);
        }
    }

    /// Counts an instance, or stops counting it.
    fn count(&mut self, id: InstanceId, bought: &Purchased, counts: bool) {
        let units = match bought.option {
            PurchaseOption::OnDemand => &mut self.on_demand,
            PurchaseOption::Spot => &mut self.spot,
        };
        if counts {
            *units += bought.weight;
        } else {
            *units -= bought.weight;
        }
        if self.mixed {
            let members = self.members.entry(bought.pool).or_default();
            if counts {
                members.insert(id);
            } else {
                members.remove(&id);
            }
        }
    }

    /// Instances that count, by pool; all of them in a group with a choice.
    pub(super) fn counted(&self) -> impl Iterator<Item = InstanceId> {
        self.members.values().flatten().copied()
    }

    /// Whether a pool is left alone after a launch that found no capacity.
    fn waits(&self, pool: PoolIndex, now: SimTime) -> bool {
        self.failures.get(&pool).is_some_and(|failures| now < failures.until)
    }

    /// Notes an attempt that found no capacity at all, the `count`th in a row; when it is made again.
    pub(super) fn found_nothing(&mut self, count: u32, law: BackOff, now: SimTime) -> SimTime {
        let bits = self.jitter_key.at(self.failed);
        self.failed += 1;
        let next = now + law.pause(count, bits);
        self.retry_at = Some(next);
        next
    }

    /// Each type with its running instances.
    pub(super) fn by_type<'a>(
        &'a self,
        settings: &'a AutoScalingGroup,
    ) -> impl Iterator<Item = (&'a InstanceShape, &'a Integral)> {
        settings.types.iter().map(|it| &it.shape).zip(&self.running)
    }

    /// The types that the group can launch, in order of priority; of many only those that it has launched.
    pub(super) fn type_names(&self, settings: &AutoScalingGroup) -> String {
        let few = settings.types.len() <= MOST_NAMES;
        let named = self.by_type(settings).filter(|(_, running)| few || 0 < running.peak());
        let names: Vec<&str> = named.map(|(shape, _)| shape.instance_type.as_str()).collect();
        match names.len() {
            0 => format!("{} types", settings.types.len()),
            _ => names.join(", "),
        }
    }
}

impl<'s> World<'s, '_> {
    /// The hardware of an instance.
    pub(super) fn shape_of(&self, id: InstanceId) -> &'s InstanceShape {
        let instance = &self.instances[id];
        &self.groups[instance.group].settings.types[instance.purchase.of_type].shape
    }

    /// Units of capacity that a group misses.
    pub(super) fn missing_units(&self, id: AsgId) -> u32 {
        self.target_size(id).saturating_sub(self.groups[id].purchase.units())
    }

    /// Zone (a position in the group's list) and kind of the next instance that a group launches; `None`
    /// if it has what it wants or finds no capacity. What it finds is taken.
    pub(super) fn buy(
        &mut self,
        id: AsgId,
        scheduler: &mut Scheduler<Event>,
    ) -> Option<(usize, Purchased)> {
        let settings = self.groups[id].settings;
        let distribution = &settings.distribution;
        let bought = &self.groups[id].purchase;
        let desired = self.target_size(id);
        if desired <= bought.units() {
            return None;
        }
        let wanted = split(desired, distribution.on_demand_base, distribution.on_demand_percentage);
        let options = [
            (PurchaseOption::OnDemand, bought.on_demand < wanted.on_demand()),
            (PurchaseOption::Spot, bought.spot < wanted.spot),
        ];
        let zones = self.launch_zones(id);
        let options = options.into_iter().filter(|(_, wanted)| *wanted);
        self.find_capacity(id, options.map(|(option, _)| option), &zones, scheduler)
    }

    /// The first zone out of `zones` and kind of instance with capacity, under the first purchase option
    /// that has any. What is found is taken.
    pub(super) fn find_capacity(
        &mut self,
        id: AsgId,
        options: impl Iterator<Item = PurchaseOption>,
        zones: &[usize],
        scheduler: &mut Scheduler<Event>,
    ) -> Option<(usize, Purchased)> {
        let settings = self.groups[id].settings;
        for option in options {
            for zone in self.without_risk_first(id, option, zones, scheduler.now()) {
                for of_type in self.launch_order(id, zone, option, scheduler.now()) {
                    let weight = settings.types[of_type].weight;
                    let pool = self.market.pool(id, of_type, zone, option);
                    match self.take_capacity(id, pool, weight, scheduler.now()) {
                        Ok(lease) => {
                            self.groups[id].purchase.failures.remove(&pool);
                            let purchase = Purchased::new((of_type, option), pool, weight, lease);
                            return Some((zone, purchase));
                        }
                        Err(denial) => self.pool_failed(id, pool, &denial, scheduler.now()),
                    }
                }
            }
        }
        self.retry_later(id, scheduler);
        None
    }

    /// Zones in which every pool is at risk come last, where Capacity Rebalancing is on: a replacement
    /// there would be replaced in turn.
    fn without_risk_first(
        &self,
        id: AsgId,
        option: PurchaseOption,
        zones: &[usize],
        now: SimTime,
    ) -> Vec<usize> {
        let mut zones = zones.to_vec();
        let settings = self.groups[id].settings;
        if settings.capacity_rebalance && option == PurchaseOption::Spot {
            zones.sort_by_key(|zone| {
                let types = settings.types.iter().enumerate();
                types.filter(|(_, it)| it.sold.has(option)).all(|(of_type, _)| {
                    self.market.at_risk(self.market.pool(id, of_type, *zone, option), now)
                })
            });
        }
        zones
    }

    /// The types that are tried in a zone, in order, without those that failed a short time ago.
    fn launch_order(
        &self,
        id: AsgId,
        zone: usize,
        option: PurchaseOption,
        now: SimTime,
    ) -> Vec<usize> {
        let group = &self.groups[id];
        let waits = |pool: PoolIndex| group.purchase.waits(pool, now);
        let types = &group.settings.types;
        let sold = (0..types.len()).filter(|it| types[*it].sold.has(option));
        let pools = sold.filter_map(|of_type| {
            let pool = self.market.pool(id, of_type, zone, option);
            (!waits(pool)).then(|| self.pool_of_type(id, of_type, pool, now))
        });
        let mut pools: Vec<Pool> = pools.collect();
        self.sort_pools(id, option, &mut pools);
        if group.settings.capacity_rebalance && option == PurchaseOption::Spot {
            // A replacement in a pool at risk would be replaced in turn.
            let risk = |pool: &Pool| {
                self.market.at_risk(self.market.pool(id, pool.position, zone, option), now)
            };
            pools.sort_by_key(risk);
        }
        pools.into_iter().map(|pool| pool.position).collect()
    }

    fn pool_of_type(&self, id: AsgId, of_type: usize, pool: PoolIndex, now: SimTime) -> Pool {
        let group = &self.groups[id];
        Pool {
            position: of_type,
            price: self.market.price(pool, now),
            weight: group.settings.types[of_type].weight,
            depth: self.market.depth(pool),
            instances: group.purchase.members.get(&pool).map_or(0, |it| it.len() as u32),
        }
    }

    fn sort_pools(&self, id: AsgId, option: PurchaseOption, pools: &mut [Pool]) {
        let distribution = &self.groups[id].settings.distribution;
        match option {
            PurchaseOption::OnDemand => order_on_demand(distribution.on_demand_strategy, pools),
            PurchaseOption::Spot => {
                let weight = self.scenario.purchasing.price_capacity_weight;
                order_spot(distribution.spot_strategy, weight, pools);
            }
        }
    }

    /// Notes a launch that found no capacity: the pool is left alone for a while.
    fn pool_failed(&mut self, id: AsgId, pool: PoolIndex, denial: &Denial, now: SimTime) {
        let law = self.scenario.purchasing.back_off;
        let group = &mut self.groups[id].purchase;
        let bits = group.jitter_key.at(group.failed);
        group.failed += 1;
        let failures = group.failures.entry(pool).or_insert(Failures { count: 0, until: now });
        failures.count = failures.count.saturating_add(1);
        failures.until = now + law.pause(failures.count, bits);
        let message = self.market.status_message(pool, denial, &self.scenario.zones);
        let name = &self.groups[id].settings.name;
        let message = format!("Launching a new EC2 instance.  Status Reason: {message}");
        self.log(now, EventCategory::GroupActivity, name, None, message);
    }

    /// Tries again when the first pool may be asked again.
    fn retry_later(&mut self, id: AsgId, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        let group = &mut self.groups[id].purchase;
        let next = group.failures.values().map(|it| it.until).filter(|until| now < *until).min();
        let Some(next) = next else { return };
        if group.retry_at.is_some_and(|at| now < at && at <= next) {
            return;
        }
        group.retry_at = Some(next);
        scheduler.schedule_at(next, Phase::Decide, Event::LaunchRetry(id));
    }

    /// A pool has room again: it is asked at once.
    pub(super) fn forget_failures(&mut self, id: AsgId, pool: PoolIndex) {
        self.groups[id].purchase.failures.remove(&pool);
    }

    /// Counts a new instance in its group and among those that EC2 can take back.
    pub(super) fn bought(&mut self, id: InstanceId, scheduler: &mut Scheduler<Event>) {
        let instance = &self.instances[id];
        let bought = instance.purchase;
        self.groups[instance.group].purchase.count(id, &bought, true);
        self.market.joins(id, &bought);
        self.watch_interruptions(id, scheduler);
    }

    /// An instance no longer counts in its group: it is terminated, or another one takes its place.
    pub(super) fn leaves_group(&mut self, id: InstanceId) {
        let instance = &mut self.instances[id];
        let group = &mut self.groups[instance.group];
        group.alive.left(instance.zone_position, id);
        if instance.purchase.counts {
            instance.purchase.counts = false;
            let bought = instance.purchase;
            group.purchase.count(id, &bought, false);
        }
    }

    /// An instance of a group with several types or purchase options that a scale-in terminates: of the
    /// purchase option that the group has too much of, in the zone with most instances among those that
    /// have one, of the type that the allocation strategy wants least; the oldest. `None` if all are
    /// protected or the group would have less than it wants.
    pub(super) fn mixed_victim(&self, id: AsgId, now: SimTime) -> Option<InstanceId> {
        let group = &self.groups[id];
        let distribution = &group.settings.distribution;
        let wanted =
            split(group.desired, distribution.on_demand_base, distribution.on_demand_percentage);
        let bought = &group.purchase;
        let first = surplus(bought.on_demand, bought.spot, &wanted)?;
        let second = match first {
            PurchaseOption::OnDemand => PurchaseOption::Spot,
            PurchaseOption::Spot => PurchaseOption::OnDemand,
        };
        let zones = group.alive.fullest_zones();
        [first, second].into_iter().find_map(|option| {
            zones.iter().find_map(|zone| self.victim_in_zone(id, *zone, option, now))
        })
    }

    fn victim_in_zone(
        &self,
        id: AsgId,
        zone: usize,
        option: PurchaseOption,
        now: SimTime,
    ) -> Option<InstanceId> {
        let group = &self.groups[id];
        let pool = |of_type: usize| self.market.pool(id, of_type, zone, option);
        let mut pools: Vec<Pool> = (0..group.settings.types.len())
            .map(|of_type| self.pool_of_type(id, of_type, pool(of_type), now))
            .filter(|it| 0 < it.instances)
            .collect();
        self.sort_pools(id, option, &mut pools);
        let may_go = |instance: &&InstanceId, weight: u32| {
            group.alive.may_go(**instance)
                && may_terminate(group.purchase.units(), group.desired, weight)
        };
        pools.iter().rev().find_map(|it| {
            let members = group.purchase.members.get(&pool(it.position))?;
            members.iter().find(|instance| may_go(instance, it.weight)).copied()
        })
    }
}

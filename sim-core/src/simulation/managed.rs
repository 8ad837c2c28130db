//! Managed Instances: container instances that ECS launches for waiting tasks and gives up by itself.
//!
//! The instances of a provider are a group without sizes: its desired capacity is what it has. Decisions are in
//! [`managed_instances`](crate::autoscaling::managed_instances).

use std::collections::BTreeMap;

use super::disruptions::slowed;
use super::draining::Draining;
use super::event::Event;
use super::fleet::InstanceDraw;
use super::group::Stage;
use super::ledger::bound_instances;
use super::market::{Denial, PoolIndex};
use super::purchase::Purchased;
use super::state::InstanceState;
use super::task::Owner;
use super::world::World;
use crate::autoscaling::group::TerminationCause;
use crate::autoscaling::managed_instances::{
    Consolidation, Launch, Offer, Plan, Room, Waiting, ZoneOffers, fits, fits_cheaper,
    fits_elsewhere, plan,
};
use crate::autoscaling::{InstanceSize, TaskDemand};
use crate::engine::{Phase, Scheduler};
use crate::placement::PlacementConstraint;
use crate::results::EventCategory;
use crate::scenario::{CapacityProviderKind, ManagedInstances, PurchaseOption};
use crate::units::{
    AsgId, CapacityProviderId, InstanceId, SimDuration, SimTime, TaskGroupId, TaskId,
};

/// When an instance is judged.
#[derive(Clone, Copy, Debug)]
struct Check {
    due: SimTime,
    /// Whether an event for it is pending.
    awaited: bool,
}

/// What ECS keeps about a provider's instances.
#[derive(Clone, Debug)]
pub(super) struct Managed {
    settings: ManagedInstances,
    next_pass: Option<SimTime>,
    /// Passes in a row for which there was no capacity.
    denied: u32,
    checks: BTreeMap<InstanceId, Check>,
}

impl Managed {
    pub(super) fn new(settings: ManagedInstances) -> Self {
        Self { settings, next_pass: None, denied: 0, checks: BTreeMap::new() }
    }
}

impl World<'_, '_> {
    /// Tasks wait for a provider: if it is one of Managed Instances, it looks at them after its delay.
    pub(super) fn want_managed(
        &mut self,
        provider: CapacityProviderId,
        scheduler: &mut Scheduler<Event>,
    ) {
        let CapacityProviderKind::ManagedInstances { group, settings } =
            self.providers[provider].settings.kind
        else {
            return;
        };
        let now = scheduler.now();
        let ready = self.stands_ready_for(provider, now);
        let delay = if ready { SimDuration::ZERO } else { settings.provisioning_delay };
        let at = now + delay;
        let Some(managed) = &mut self.groups[group].managed else { return };
        if managed.next_pass.is_none_or(|due| at < due) {
            managed.next_pass = Some(at);
            scheduler.schedule_at(at, Phase::Schedule, Event::ManagedPass(group));
        }
    }

    /// Whether tasks of the initial state wait for a provider: their instances stand ready, too.
    fn stands_ready_for(&self, provider: CapacityProviderId, now: SimTime) -> bool {
        now == SimTime::ZERO
            && self.providers[provider].queue.iter().any(|task| match self.tasks[*task].owner {
                Owner::Service(service) => self.services[service].settings.starts_ready,
                Owner::Batch(_) => false,
            })
    }

    /// What a provider has changed by something else than its own launches.
    pub(super) fn managed_changed(&mut self, id: AsgId, scheduler: &mut Scheduler<Event>) {
        self.count_managed(id, scheduler.now());
        if let Some(provider) = self.groups[id].provider
            && !self.providers[provider].queue.is_empty()
        {
            self.want_managed(provider, scheduler);
        }
    }

    /// The desired capacity of a provider is what it has.
    fn count_managed(&mut self, id: AsgId, now: SimTime) {
        let group = &mut self.groups[id];
        let units = group.purchase.units();
        match units.cmp(&group.desired) {
            std::cmp::Ordering::Greater => group.scale_out += 1,
            std::cmp::Ordering::Less => group.scale_in += 1,
            std::cmp::Ordering::Equal => return,
        }
        group.desired = units;
        group.desired_integral.set(now, u64::from(units));
        bound_instances(group, now);
    }

    /// Launches instances for the tasks that wait for a provider.
    pub(super) fn managed_pass(&mut self, id: AsgId, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        let Some(managed) = &mut self.groups[id].managed else { return };
        if managed.next_pass != Some(now) {
            return;
        }
        managed.next_pass = None;
        let option = managed.settings.option;
        let Some(provider) = self.groups[id].provider else { return };
        let ready = self.stands_ready_for(provider, now);
        let mut launched: Vec<usize> = Vec::new();
        let denial = loop {
            let (plan, denial) = self.plan_managed(id, provider, option, now);
            let mut refused = false;
            for launch in plan.launches {
                if !self.launch_managed(id, launch, option, ready, scheduler) {
                    // Replayed capacity that the launch before took: what is left is planned anew.
                    refused = true;
                    break;
                }
                launched.push(launch.of_type);
            }
            if !refused {
                break denial.filter(|_| 0 < plan.left);
            }
        };
        self.count_managed(id, now);
        self.note_denial(id, denial, scheduler);
        if !launched.is_empty() {
            self.log_launches(id, &launched, now);
        }
        if ready {
            self.request_placement(scheduler);
        }
    }

    /// Tasks are left for which no pool had capacity: they are tried again after a pause.
    fn note_denial(
        &mut self,
        id: AsgId,
        denial: Option<PoolIndex>,
        scheduler: &mut Scheduler<Event>,
    ) {
        let now = scheduler.now();
        let law = self.scenario.purchasing.back_off;
        let group = &mut self.groups[id];
        let Some(managed) = &mut group.managed else { return };
        let Some(pool) = denial else {
            managed.denied = 0;
            return;
        };
        managed.denied = managed.denied.saturating_add(1);
        let next = group.purchase.found_nothing(managed.denied, law, now);
        scheduler.schedule_at(next, Phase::Decide, Event::LaunchRetry(id));
        let message = self.market.status_message(pool, &Denial::NoCapacity, &self.scenario.zones);
        let name = &self.groups[id].settings.name;
        self.log(now, EventCategory::GroupActivity, name, None, message);
    }

    fn log_launches(&mut self, id: AsgId, launched: &[usize], now: SimTime) {
        let settings = self.groups[id].settings;
        let mut counts: BTreeMap<usize, u32> = BTreeMap::new();
        for of_type in launched {
            *counts.entry(*of_type).or_default() += 1;
        }
        let types: Vec<String> = counts
            .into_iter()
            .map(|(of_type, count)| {
                format!("{count} × {}", settings.types[of_type].shape.instance_type)
            })
            .collect();
        let message = format!("Amazon ECS Managed Instances launched {}.", types.join(", "));
        self.log(now, EventCategory::GroupActivity, &settings.name, None, message);
    }

    /// What is to be launched for the tasks that wait, apart from what is on its way, and a pool without capacity that
    /// would do.
    fn plan_managed(
        &self,
        id: AsgId,
        provider: CapacityProviderId,
        option: PurchaseOption,
        now: SimTime,
    ) -> (Plan, Option<PoolIndex>) {
        let queue = &self.providers[provider].queue;
        if queue.is_empty() {
            return (Plan::default(), None);
        }
        let waiting = self.kinds(queue.iter().copied());
        let group = &self.groups[id];
        let mut coming: Vec<(usize, Room)> = group
            .alive
            .ids()
            .filter(|it| {
                let state = self.instances[*it].state;
                matches!(state, InstanceState::Launching | InstanceState::Booting)
                    && self.instances[*it].purchase.notice.is_none()
                    && !self.disruptions.is_cut_off(*it)
            })
            .map(|it| {
                let shape = self.shape_of(it);
                let room = Room::new(InstanceSize::of(shape), shape.architecture);
                (self.instances[it].zone_position, room)
            })
            .collect();
        let groups: Vec<TaskGroupId> = waiting.iter().map(|it| it.group).collect();
        let mut denial = None;
        let mut zones: Vec<ZoneOffers> = Vec::new();
        for zone in self.launch_zones(id) {
            let mut offers = self.offers(id, zone, option, now);
            offers.retain(|(offer, pool)| {
                let open = self.take_capacity(id, *pool, 1, now).is_ok();
                if !open && denial.is_none() && waiting.iter().any(|kind| fits(offer, kind)) {
                    denial = Some(*pool);
                }
                open
            });
            let offers = offers.into_iter().map(|it| it.0).collect();
            zones.push(ZoneOffers { zone, tasks: self.tasks_by_group(id, zone, &groups), offers });
        }
        let mut found = plan(&waiting, &mut coming, &zones);
        let most = group.operation.max_size.saturating_sub(group.purchase.units());
        found.launches.truncate(most as usize);
        (found, denial)
    }

    /// Tasks by what they need.
    fn kinds(&self, tasks: impl Iterator<Item = TaskId>) -> Vec<Waiting> {
        let mut kinds: BTreeMap<(TaskGroupId, TaskDemand, bool, bool), Waiting> = BTreeMap::new();
        for id in tasks {
            let task = &self.tasks[id];
            let definition = self.definition(task.definition);
            let demand =
                TaskDemand { cpu: task.cpu, memory: task.memory, ..TaskDemand::of(definition) };
            let constraints = self.placement_constraints(task.owner);
            let distinct = constraints.contains(&PlacementConstraint::DistinctInstance);
            let group = self.task_group(task.owner);
            let architecture = definition.architecture;
            let arm = architecture == crate::scenario::Architecture::Arm64;
            let kind = Waiting { demand, architecture, group, distinct, count: 0 };
            kinds.entry((group, demand, distinct, arm)).or_insert(kind).count += 1;
        }
        kinds.into_values().collect()
    }

    fn tasks_by_group(
        &self,
        id: AsgId,
        zone: usize,
        groups: &[TaskGroupId],
    ) -> BTreeMap<TaskGroupId, u32> {
        let zone = self.groups[id].settings.zones[zone];
        groups.iter().map(|it| (*it, self.fleet.tasks_in_zone(*it, zone))).collect()
    }

    /// What is sold in a zone, with or without capacity, and its pool.
    fn offers(
        &self,
        id: AsgId,
        zone: usize,
        option: PurchaseOption,
        now: SimTime,
    ) -> Vec<(Offer, PoolIndex)> {
        let group = &self.groups[id];
        let types = group.settings.types.iter().enumerate();
        let sold = types.filter(|(_, it)| it.sold.has(option));
        sold.map(|(of_type, it)| {
            let pool = self.market.pool(id, of_type, zone, option);
            let offer = Offer {
                of_type,
                size: InstanceSize::of(&it.shape),
                architecture: it.shape.architecture,
                price: self.market.price(pool, now),
            };
            (offer, pool)
        })
        .collect()
    }

    /// Launches one instance; `false` if its pool has no capacity.
    fn launch_managed(
        &mut self,
        id: AsgId,
        launch: Launch,
        option: PurchaseOption,
        ready: bool,
        scheduler: &mut Scheduler<Event>,
    ) -> bool {
        let now = scheduler.now();
        let pool = self.market.pool(id, launch.of_type, launch.zone, option);
        let Ok(lease) = self.take_capacity(id, pool, 1, now) else { return false };
        let ordinal = self.groups[id].launched;
        let purchase = Purchased::new((launch.of_type, option), pool, 1, lease);
        let instance = self.create_bought(id, launch.zone, purchase, scheduler);
        if ready {
            self.stands_ready(instance, scheduler);
            self.touch_managed(instance, scheduler);
            return true;
        }
        let group = &self.groups[id];
        let settings = group.settings;
        let length = settings.launch_time.sample(group.draw(ordinal, InstanceDraw::Launch));
        let length = slowed(length, self.disruptions.launch_factor(Some(id)));
        let bits = group.draw(ordinal, InstanceDraw::Registration);
        self.instances[instance].registration_delay = settings.registration_time.sample(bits);
        scheduler.schedule_in(length, Phase::Appear, Event::InstanceRunning(instance));
        true
    }

    /// A task started or stopped on an instance, or it registered: it is judged if that is all for a while.
    pub(super) fn touch_managed(&mut self, id: InstanceId, scheduler: &mut Scheduler<Event>) {
        let instance = &self.instances[id];
        if instance.state != InstanceState::Registered {
            return;
        }
        let Some(managed) = &mut self.groups[instance.group].managed else { return };
        let Some(after) = managed.settings.scale_in_after else { return };
        let due = scheduler.now() + after;
        let check = managed.checks.entry(id).or_insert(Check { due, awaited: false });
        check.due = due;
        if !check.awaited {
            check.awaited = true;
            // After what else happens now has found its place.
            scheduler.schedule_at(due, Phase::Schedule, Event::ManagedCheck(id));
        }
    }

    /// Looks whether an instance is idle or underutilized.
    pub(super) fn managed_check(&mut self, id: InstanceId, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        let instance = &self.instances[id];
        let group_id = instance.group;
        let gone = instance.state != InstanceState::Registered
            || instance.membership.stage == Stage::Leaving
            || instance.draining.is_some();
        let idle = instance.tasks.is_empty();
        let Some(managed) = &mut self.groups[group_id].managed else { return };
        let Some(check) = managed.checks.get_mut(&id) else { return };
        if gone {
            managed.checks.remove(&id);
            return;
        }
        if now < check.due {
            let due = check.due;
            scheduler.schedule_at(due, Phase::Schedule, Event::ManagedCheck(id));
            return;
        }
        check.awaited = false;
        if idle {
            self.withdraw_as(id, TerminationCause::Idle, false, scheduler);
            self.managed_changed(group_id, scheduler);
            return;
        }
        match self.is_underutilized(id, now) {
            Verdict::Keep => {}
            // Another instance goes first.
            Verdict::Later => self.touch_managed(id, scheduler),
            Verdict::Drain => {
                self.withdraw_as(id, TerminationCause::Underutilized, true, scheduler);
                self.managed_changed(group_id, scheduler);
            }
        }
    }

    /// Whether the tasks of an instance are to move to others.
    fn is_underutilized(&self, id: InstanceId, now: SimTime) -> Verdict {
        let instance = &self.instances[id];
        let group_id = instance.group;
        let group = &self.groups[group_id];
        let Some(managed) = &group.managed else { return Verdict::Keep };
        let ManagedInstances { option, consolidation, .. } = managed.settings;
        let movable = |task: &TaskId| matches!(self.tasks[*task].owner, Owner::Service(_));
        if consolidation == Consolidation::Off
            || option == PurchaseOption::Spot
            || !instance.tasks.iter().all(movable)
        {
            return Verdict::Keep;
        }
        let waits = group.provider.is_some_and(|it| !self.providers[it].queue.is_empty());
        let drains = |it: &InstanceId| self.instances[*it].draining.is_some();
        let leaving = |draining| draining == Some(Draining::BeforeTermination);
        let others = self.fleet.slots(Some(group_id)).map(|slot| slot.instance);
        let under_way = others.clone().any(|it| leaving(self.instances[it].draining));
        if waits || under_way {
            return Verdict::Later;
        }
        let own = self.kinds(instance.tasks.iter().copied());
        let groups: Vec<TaskGroupId> = own.iter().map(|it| it.group).collect();
        let mut tasks: Vec<BTreeMap<TaskGroupId, u32>> = (0..group.settings.zones.len())
            .map(|zone| self.tasks_by_group(group_id, zone, &groups))
            .collect();
        let mut others: Vec<InstanceId> = others.filter(|it| *it != id && !drains(it)).collect();
        others.sort_unstable();
        let mut rooms: Vec<(usize, Room)> = others
            .iter()
            .filter_map(|it| {
                let slot = self.fleet.slot(*it).filter(|it| it.is_eligible())?;
                let size = InstanceSize {
                    cpu: slot.free_cpu,
                    memory: slot.free_memory,
                    network_interfaces: slot.free_network_interfaces,
                    gpus: slot.free_gpus,
                };
                let room = Room::new(size, self.shape_of(*it).architecture);
                Some((self.instances[*it].zone_position, room))
            })
            .collect();
        let zone = instance.zone_position;
        if fits_elsewhere(&own, zone, &mut rooms, &mut tasks) {
            return Verdict::Drain;
        }
        if consolidation != Consolidation::FewerOrCheaper {
            return Verdict::Keep;
        }
        let price = self.market.price(instance.purchase.pool, now);
        // What cannot be launched is no reason to give up what there is.
        let offers: Vec<Offer> = self
            .offers(group_id, zone, option, now)
            .into_iter()
            .filter(|(offer, pool)| {
                offer.price < price && self.take_capacity(group_id, *pool, 1, now).is_ok()
            })
            .map(|it| it.0)
            .collect();
        let cheaper = fits_cheaper(&own, &offers, price);
        if cheaper { Verdict::Drain } else { Verdict::Keep }
    }
}

/// What becomes of an instance that runs tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Keep,
    Later,
    Drain,
}

//! Spot Instances that EC2 takes back, and what makes pools short.
//!
//! Source: EC2 user guide, *Spot Instance interruptions* and *EC2 instance rebalance recommendations*;
//! Auto Scaling user guide, *Capacity Rebalancing*; ECS developer guide, *Container instance draining*.
//! AWS says neither when it interrupts nor how long before the notice it recommends to replace an
//! instance: the laws are the scenario's.

use super::draining::Draining;
use super::event::Event;
use super::fleet::instance_name;
use super::market::{PoolIndex, draw_of};
use super::state::InstanceState;
use super::task::Capacity;
use super::world::World;
use crate::autoscaling::group::TerminationCause;
use crate::engine::variates::{self, uniform};
use crate::engine::{DurationDistribution, Phase, Scheduler};
use crate::purchase::split::rebalancing_margin;
use crate::results::EventCategory;
use crate::scenario::{PurchaseOption, Recommendation, ShortageLaw, ShortageScope};
use crate::units::{AsgId, InstanceId, SimDuration, SimTime};

/// From the interruption notice to the end.
pub(super) const NOTICE: SimDuration = SimDuration::from_secs(120);

/// What is drawn for an interruption.
#[derive(Clone, Copy, Debug)]
enum InterruptionDraw {
    /// Whether a shortage hits the instance.
    Hit = 1,
    /// When its notice comes after the shortage began.
    Offset = 2,
    /// Time to an interruption of this instance alone.
    Alone = 3,
    /// Whether a recommendation comes before the notice.
    Early = 4,
    /// How long before.
    Lead = 5,
}

/// Draws of one turn of a shortage, apart from those of the next.
const DRAWS_PER_TURN: u64 = 8;

impl World<'_, '_> {
    /// Schedules what the pools do by themselves.
    pub(super) fn start_market(&mut self, scheduler: &mut Scheduler<Event>) {
        for number in 0..self.market.shortages.len() {
            self.schedule_turn(number, scheduler);
            // Short from the start on, before anything is launched.
            if self.market.shortages[number].until == SimTime::ZERO {
                self.shortage_turns(number as u32, scheduler);
            }
        }
        for pool in self.pool_ids() {
            if let Some(next) = self.market.open_leases(pool, SimTime::ZERO) {
                scheduler.schedule_at(next, Phase::Appear, Event::CapacityAppears(pool.0));
            }
            self.schedule_price(pool, SimTime::ZERO, scheduler);
        }
    }

    /// Sets when a shortage turns next.
    fn schedule_turn(&mut self, number: usize, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        let horizon = SimTime::ZERO + self.scenario.duration;
        let state = &mut self.market.shortages[number];
        let next = match &state.settings.law {
            ShortageLaw::Windows(windows) => {
                let window = windows.get((state.turns / 2) as usize);
                window.map(|it| if state.short { it.until } else { it.from })
            }
            ShortageLaw::OnOff { on, off } => {
                let law = if state.short { off } else { on };
                // Turns of no length would never end.
                let least = SimDuration::from_secs(1);
                Some(now + law.sample(state.key.at(state.turns * DRAWS_PER_TURN)).max(least))
            }
        };
        state.until = next.unwrap_or(SimTime::MAX);
        let (until, fraction, short) = (state.until, state.settings.fraction, state.short);
        if until == SimTime::ZERO || horizon <= until {
            return;
        }
        scheduler.schedule_at(until, Phase::Release, Event::ShortageTurns(number as u32));
        if !short && 0.0 < fraction {
            let from = until.as_nanos().saturating_sub(Recommendation::HORIZON.as_nanos());
            let at = SimTime::from_nanos(from).max(now);
            scheduler.schedule_at(at, Phase::Release, Event::ShortageNears(number as u32));
        }
    }

    /// A shortage begins or ends.
    pub(super) fn shortage_turns(&mut self, number: u32, scheduler: &mut Scheduler<Event>) {
        let number = number as usize;
        let now = scheduler.now();
        let state = &mut self.market.shortages[number];
        state.short = !state.short;
        let short = state.short;
        let settings = state.settings;
        if short {
            self.take_back(number, scheduler);
        }
        let state = &mut self.market.shortages[number];
        state.turns += 1;
        self.schedule_turn(number, scheduler);
        let message =
            if short { "Capacity is insufficient." } else { "Capacity is available again." };
        self.log(now, EventCategory::Fault, &settings.name, None, message.to_owned());
        if !short && settings.scope == ShortageScope::FargateSpot {
            self.request_placement(scheduler);
        }
    }

    /// Notices for a fraction of the Spot Instances in the pools of a shortage that begins.
    fn take_back(&self, number: usize, scheduler: &mut Scheduler<Event>) {
        for pool in &self.market.shortages[number].pools {
            for id in &self.market.state(*pool).members {
                if let Some(offset) = self.shock_offset(number, *id) {
                    let event = Event::InterruptionNotice(*id);
                    scheduler.schedule_in(offset, Phase::Release, event);
                }
            }
        }
    }

    /// From the beginning of the next turn of a shortage to the notice of an instance; `None` if it is
    /// spared.
    fn shock_offset(&self, number: usize, id: InstanceId) -> Option<SimDuration> {
        let state = &self.market.shortages[number];
        let draw = |what: InterruptionDraw| {
            draw_of(state.key, id, state.turns * DRAWS_PER_TURN + what as u64)
        };
        let fraction = state.settings.fraction;
        let hit = 1.0 <= fraction || uniform(draw(InterruptionDraw::Hit)) < fraction;
        hit.then(|| {
            let spread = state.settings.spread.as_nanos();
            SimDuration::from_nanos(variates::below(draw(InterruptionDraw::Offset), spread))
        })
    }

    /// A shortage comes soon: EC2 knows, and recommends to replace some of the instances it will hit.
    pub(super) fn shortage_nears(&mut self, number: u32, scheduler: &mut Scheduler<Event>) {
        let number = number as usize;
        let pools = self.market.shortages[number].pools.clone();
        for pool in pools {
            let members: Vec<InstanceId> =
                self.market.state(pool).members.iter().copied().collect();
            for id in members {
                self.foresee(number, id, scheduler);
            }
        }
    }

    /// Schedules the recommendation for an instance that the next turn of a shortage hits.
    fn foresee(&self, number: usize, id: InstanceId, scheduler: &mut Scheduler<Event>) {
        if let Some(offset) = self.shock_offset(number, id) {
            let notice = self.market.shortages[number].until + offset;
            self.schedule_recommendation(id, notice, scheduler);
        }
    }

    /// Schedules the recommendation for an instance whose notice comes at `notice`, if it comes early.
    fn schedule_recommendation(
        &self,
        id: InstanceId,
        notice: SimTime,
        scheduler: &mut Scheduler<Event>,
    ) {
        let now = scheduler.now();
        let law = &self.scenario.purchasing.recommendation;
        let key = self.market.state(self.instances[id].purchase.pool).key;
        let early = uniform(draw_of(key, id, InterruptionDraw::Early as u64));
        if law.early_share <= early {
            return;
        }
        let lead = law.lead.sample(draw_of(key, id, InterruptionDraw::Lead as u64));
        let at = SimTime::from_nanos(notice.as_nanos().saturating_sub(lead.as_nanos()));
        let event = Event::RebalanceRecommendation(id);
        scheduler.schedule_at(at.max(now), Phase::Release, event);
    }

    /// Schedules what is known of the end of a Spot Instance when it is launched.
    pub(super) fn watch_interruptions(&mut self, id: InstanceId, scheduler: &mut Scheduler<Event>) {
        let bought = self.instances[id].purchase;
        if bought.option != PurchaseOption::Spot {
            return;
        }
        let now = scheduler.now();
        let horizon = SimTime::ZERO + self.scenario.duration;
        let state = self.market.state(bought.pool);
        let Some(market) = state.market else { return };
        let alone = market.mean_time_to_interruption.map(|mean| {
            let law = DurationDistribution::Exponential { mean };
            now + law.sample(draw_of(state.key, id, InterruptionDraw::Alone as u64))
        });
        let lease = bought.lease.and_then(|lease| market.leases.as_ref()?.get(lease as usize));
        let ends = lease.and_then(|lease| lease.until);
        let notice = ends.map(|end| {
            SimTime::from_nanos(end.as_nanos().saturating_sub(NOTICE.as_nanos())).max(now)
        });
        for at in [alone, notice].into_iter().flatten().filter(|at| *at < horizon) {
            scheduler.schedule_at(at, Phase::Release, Event::InterruptionNotice(id));
            self.schedule_recommendation(id, at, scheduler);
        }
        for number in 0..self.market.shortages.len() {
            let shortage = &self.market.shortages[number];
            let soon = shortage.until.saturating_since(now) < Recommendation::HORIZON;
            let hits = !shortage.short
                && soon
                && 0.0 < shortage.settings.fraction
                && shortage.pools.binary_search(&bought.pool).is_ok();
            if hits {
                self.foresee(number, id, scheduler);
            }
        }
    }

    /// EC2 recommends to replace a Spot Instance.
    pub(super) fn rebalance_recommended(
        &mut self,
        id: InstanceId,
        scheduler: &mut Scheduler<Event>,
    ) {
        let now = scheduler.now();
        let instance = &mut self.instances[id];
        if instance.state == InstanceState::Terminated || instance.purchase.recommended {
            return;
        }
        instance.purchase.recommended = true;
        let (group, pool) = (instance.group, instance.purchase.pool);
        self.market.recommended(pool, now + Recommendation::HORIZON);
        let name = &self.groups[group].settings.name;
        let message = format!("EC2 Instance Rebalance Recommendation: {}", instance_name(id));
        self.log(now, EventCategory::Fault, name, None, message);
        if self.groups[group].settings.capacity_rebalance {
            self.rebalance(group, scheduler);
        }
    }

    /// Capacity Rebalancing: launches replacements of instances at risk beside them, within the margin
    /// above the group's size. Only if another pool is at least as available.
    fn rebalance(&mut self, id: AsgId, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        let group = &self.groups[id];
        let most = group.settings.max_size.max(group.desired);
        let most = most.saturating_add(rebalancing_margin(group.desired));
        let cap = &self.scenario.purchasing.weighted_cap;
        let largest = group.settings.types.iter().map(|it| it.weight).max().unwrap_or(1);
        let most = if largest == 1 {
            most
        } else {
            most.min(cap.most(group.desired, group.settings.max_size, largest))
        };
        // Those that are replaced run on beside what counts.
        let mut beside: u32 =
            group.purchase.at_risk.iter().map(|it| self.instances[*it].purchase.weight).sum();
        let candidates: Vec<InstanceId> = group
            .purchase
            .counted()
            .filter(|it| self.instances[*it].purchase.recommended)
            .filter(|it| self.instances[*it].draining.is_none())
            .collect();
        for instance in candidates {
            let weight = self.instances[instance].purchase.weight;
            if most < self.groups[id].desired + beside + weight || !self.has_better_pool(id, now) {
                break;
            }
            beside += weight;
            self.replace_at_risk(instance);
        }
        self.replace_instances(id, scheduler);
    }

    /// Whether some pool of a group has room and is not at risk.
    fn has_better_pool(&self, id: AsgId, now: SimTime) -> bool {
        let settings = self.groups[id].settings;
        let sold = settings.types.iter().enumerate();
        let mut sold = sold.filter(|(_, it)| it.sold.has(PurchaseOption::Spot));
        sold.any(|(of_type, launch_type)| {
            (0..settings.zones.len()).any(|zone| {
                let pool = self.market.pool(id, of_type, zone, PurchaseOption::Spot);
                !self.market.at_risk(pool, now)
                    && self.take_capacity(id, pool, launch_type.weight, now).is_ok()
            })
        })
    }

    /// Stops counting an instance, so that its group launches another one; it goes when that is in
    /// service.
    fn replace_at_risk(&mut self, id: InstanceId) {
        let group = self.instances[id].group;
        self.leaves_group(id);
        self.groups[group].purchase.at_risk.insert(id);
    }

    /// Terminates instances at risk as soon as the group has what it wants without them.
    pub(super) fn retire_at_risk(&mut self, id: AsgId, scheduler: &mut Scheduler<Event>) {
        while let Some(&instance) = self.groups[id].purchase.at_risk.first() {
            let group = &self.groups[id];
            let members = group.purchase.counted();
            let ready = |it: &InstanceId| self.instances[*it].state == InstanceState::Registered;
            let in_service: u32 =
                members.filter(ready).map(|it| self.instances[it].purchase.weight).sum();
            if in_service < group.desired {
                return;
            }
            self.groups[id].purchase.at_risk.remove(&instance);
            if self.instances[instance].purchase.notice.is_some() {
                // It drains already, and EC2 ends it.
                continue;
            }
            self.withdraw(instance, TerminationCause::RebalanceRecommendation, scheduler);
            // There is room above the group's size for the next one.
            self.rebalance(id, scheduler);
        }
    }

    /// EC2 announces that it takes a Spot Instance back.
    pub(super) fn interruption_notice(&mut self, id: InstanceId, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        let instance = &self.instances[id];
        if instance.state == InstanceState::Terminated || instance.purchase.notice.is_some() {
            return;
        }
        let group = instance.group;
        let settings = self.groups[group].settings;
        // A recommendation that did not come earlier comes with the notice.
        self.instances[id].purchase.recommended = true;
        let bought = self.instances[id].purchase;
        let lease = bought.lease.and_then(|lease| {
            self.market.state(bought.pool).market?.leases.as_ref()?.get(lease as usize)
        });
        let end = lease.and_then(|lease| lease.until).unwrap_or(SimTime::MAX).min(now + NOTICE);
        self.market.recommended(bought.pool, end);
        self.instances[id].purchase.notice = Some(now);
        scheduler.schedule_at(end, Phase::Release, Event::Interruption(id));
        let message = format!("EC2 Spot Instance Interruption Warning: {}", instance_name(id));
        self.log(now, EventCategory::Fault, &settings.name, None, message);
        let drains = settings.agent.spot_instance_draining || self.groups[group].drains;
        let instance = &self.instances[id];
        if drains && instance.state == InstanceState::Registered && instance.draining.is_none() {
            self.start_draining(id, Draining::Interrupted, scheduler);
        }
        if settings.capacity_rebalance && !self.groups[group].purchase.at_risk.contains(&id) {
            // Whatever the risk elsewhere: this instance is lost.
            self.replace_at_risk(id);
            self.replace_instances(group, scheduler);
        }
    }

    /// EC2 takes a Spot Instance back.
    pub(super) fn interruption(&mut self, id: InstanceId, scheduler: &mut Scheduler<Event>) {
        if self.instances[id].state == InstanceState::Terminated {
            return;
        }
        self.instances[id].purchase.interrupted = true;
        let group = self.instances[id].group;
        self.groups[group].purchase.interrupted += 1;
        self.terminate(id, TerminationCause::NotRunning, scheduler);
        self.replace_instances(group, scheduler);
    }

    /// Whether tasks cannot start on `capacity` because Fargate Spot has none. There is no fallback: each
    /// capacity provider stands for itself.
    pub(super) fn lacks_fargate_spot(&self, capacity: Capacity) -> bool {
        self.is_spot(capacity) && self.market.fargate_spot_is_short()
    }

    /// Leases of a replayed trace begin: groups that miss instances take them at once, since the trace
    /// says when the instances came.
    pub(super) fn capacity_appears(&mut self, pool: u32, scheduler: &mut Scheduler<Event>) {
        let pool = PoolIndex(pool);
        let now = scheduler.now();
        if let Some(next) = self.market.open_leases(pool, now) {
            scheduler.schedule_at(next, Phase::Appear, Event::CapacityAppears(pool.0));
        }
        for group in self.market.state(pool).groups.clone() {
            self.forget_failures(group, pool);
            if self.groups[group].managed.is_some() {
                self.managed_changed(group, scheduler);
            }
            if 0 < self.missing_units(group) {
                self.launch_missing(group, scheduler);
            }
        }
    }

    /// Sets when the price of a Spot pool with instances changes next.
    fn schedule_price(&self, pool: PoolIndex, now: SimTime, scheduler: &mut Scheduler<Event>) {
        let prices = &self.market.state(pool).prices;
        let next = prices.partition_point(|(change, _)| *change <= now);
        if let Some((at, _)) = prices.get(next)
            && *at < SimTime::ZERO + self.scenario.duration
        {
            scheduler.schedule_at(*at, Phase::Release, Event::SpotPrice(pool.0));
        }
    }

    /// The price of a Spot pool changes: whoever pays less at most is interrupted.
    pub(super) fn spot_price(&mut self, pool: u32, scheduler: &mut Scheduler<Event>) {
        let (pool, now) = (PoolIndex(pool), scheduler.now());
        self.schedule_price(pool, now, scheduler);
        let price = self.market.price(pool, now);
        let outbid: Vec<InstanceId> = self
            .market
            .state(pool)
            .members
            .iter()
            .copied()
            .filter(|it| {
                let instance = &self.instances[*it];
                let limit = self.spot_limit(instance.group, pool, instance.purchase.weight);
                limit.as_ten_billionths() < price
            })
            .collect();
        for id in outbid {
            self.interruption_notice(id, scheduler);
        }
    }

    /// A launch that found no capacity is tried again.
    pub(super) fn launch_retry(&mut self, id: AsgId, scheduler: &mut Scheduler<Event>) {
        if self.groups[id].purchase.retry_at != Some(scheduler.now()) {
            return;
        }
        self.groups[id].purchase.retry_at = None;
        self.group_pass(id, scheduler);
    }
}

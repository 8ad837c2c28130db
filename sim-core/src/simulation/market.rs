//! The pools from which groups buy: prices, room, and what makes them short.

use std::collections::{BTreeMap, BTreeSet};

use super::purchase::Purchased;
use super::state::stream_key;
use super::world::World;
use crate::catalog::HourlyRate;
use crate::engine::StreamKey;
use crate::purchase::market::{price_at, price_path};
use crate::scenario::{
    OperatingSystem, PurchaseOption, Scenario, Shortage, ShortageScope, SpotMarket,
};
use crate::units::{AsgId, Id, IdVec, InstanceId, SimTime, ZoneId};

/// A pool: an instance type in a zone under a purchase option.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PoolIndex(pub(super) u32);

pub(super) struct PoolState<'s> {
    instance_type: &'s str,
    zone: ZoneId,
    option: PurchaseOption,
    /// On-Demand price per hour.
    listed: HourlyRate,
    pub(super) market: Option<&'s SpotMarket>,
    /// Price per instance and hour, from instant to instant.
    pub(super) prices: Vec<(SimTime, HourlyRate)>,
    /// What can make it short.
    shortages: Vec<usize>,
    /// Spot Instances in it.
    pub(super) members: BTreeSet<InstanceId>,
    /// Leases of a replayed trace that have begun and that nobody holds.
    open: BTreeSet<u32>,
    /// The first lease that has not begun.
    pub(super) next_lease: u32,
    /// Until when EC2 has recommended to leave it.
    risk_until: SimTime,
    /// Groups that can buy from it.
    pub(super) groups: Vec<AsgId>,
    pub(super) key: StreamKey,
}

/// Something that makes pools short, and whether it does.
pub(super) struct ShortageState<'s> {
    pub(super) settings: &'s Shortage,
    pub(super) short: bool,
    /// Turns so far.
    pub(super) turns: u64,
    /// When it turns next.
    pub(super) until: SimTime,
    pub(super) pools: Vec<PoolIndex>,
    pub(super) key: StreamKey,
}

/// Why a pool sells nothing.
pub(super) enum Denial {
    /// It has no capacity.
    NoCapacity,
    /// The price is above what the group pays at most, both per instance and hour.
    TooLow { offered: HourlyRate, price: HourlyRate },
}

/// All pools of a scenario.
pub(super) struct Market<'s> {
    pub(super) pools: Vec<PoolState<'s>>,
    pub(super) shortages: Vec<ShortageState<'s>>,
    /// By group: types × zones × purchase options.
    table: IdVec<AsgId, (usize, Vec<PoolIndex>)>,
}

type PoolKey<'s> = (&'s str, OperatingSystem, ZoneId, PurchaseOption);

impl<'s> Market<'s> {
    pub(super) fn new(scenario: &'s Scenario) -> Self {
        let mut known: BTreeMap<PoolKey<'s>, PoolIndex> = BTreeMap::new();
        let mut pools: Vec<PoolState<'s>> = Vec::new();
        let mut table = IdVec::new();
        for (id, group) in scenario.auto_scaling_groups.enumerate() {
            let mut indices = Vec::with_capacity(group.types.len() * group.zones.len() * 2);
            for launch_type in &group.types {
                let shape = &launch_type.shape;
                for &zone in &group.zones {
                    for option in [PurchaseOption::OnDemand, PurchaseOption::Spot] {
                        let name = shape.instance_type.as_str();
                        let key = (name, shape.operating_system, zone, option);
                        let index = *known.entry(key).or_insert_with(|| {
                            pools.push(PoolState::new(scenario, key));
                            PoolIndex(pools.len() as u32 - 1)
                        });
                        indices.push(index);
                        let groups = &mut pools[index.0 as usize].groups;
                        if groups.last() != Some(&id) {
                            groups.push(id);
                        }
                    }
                }
            }
            table.push((group.zones.len(), indices));
        }
        let shortages = scenario.purchasing.shortages.iter().enumerate();
        let shortages = shortages
            .map(|(number, settings)| {
                let mut hit = Vec::new();
                for (index, pool) in (0..).zip(&mut pools) {
                    if pool.is_hit_by(settings) {
                        pool.shortages.push(number);
                        hit.push(PoolIndex(index));
                    }
                }
                ShortageState {
                    settings,
                    short: false,
                    turns: 0,
                    until: SimTime::MAX,
                    pools: hit,
                    key: stream_key(scenario, "shortage", &settings.name),
                }
            })
            .collect();
        Self { pools, shortages, table }
    }

    /// The pool of a type in a zone, both as positions in the group's lists.
    pub(super) fn pool(
        &self,
        group: AsgId,
        of_type: usize,
        zone: usize,
        option: PurchaseOption,
    ) -> PoolIndex {
        let (zones, indices) = &self.table[group];
        indices[(of_type * zones + zone) * 2 + usize::from(option == PurchaseOption::Spot)]
    }

    pub(super) fn state(&self, pool: PoolIndex) -> &PoolState<'s> {
        &self.pools[pool.0 as usize]
    }

    pub(super) fn state_mut(&mut self, pool: PoolIndex) -> &mut PoolState<'s> {
        &mut self.pools[pool.0 as usize]
    }

    /// Price per instance and hour in 1e-10 USD.
    pub(super) fn price(&self, pool: PoolIndex, now: SimTime) -> u64 {
        price_at(&self.state(pool).prices, now).map_or(0, HourlyRate::as_ten_billionths)
    }

    pub(super) fn depth(&self, pool: PoolIndex) -> f64 {
        self.state(pool).market.map_or(1.0, |market| market.depth)
    }

    /// Whether EC2 has recommended to replace instances in the pool, and has not taken them yet.
    pub(super) fn at_risk(&self, pool: PoolIndex, now: SimTime) -> bool {
        now < self.state(pool).risk_until
    }

    pub(super) fn recommended(&mut self, pool: PoolIndex, until: SimTime) {
        let risk = &mut self.state_mut(pool).risk_until;
        *risk = (*risk).max(until);
    }

    /// Whether anything makes the pool short now.
    pub(super) fn is_short(&self, pool: PoolIndex) -> bool {
        self.state(pool).shortages.iter().any(|number| self.shortages[*number].short)
    }

    /// Whether Fargate Spot has no capacity now.
    pub(super) fn fargate_spot_is_short(&self) -> bool {
        self.shortages.iter().any(|it| it.short && it.settings.scope == ShortageScope::FargateSpot)
    }

    /// A free lease of a replayed trace, the one that began first.
    fn free_lease(&self, pool: PoolIndex, now: SimTime) -> Option<u32> {
        let state = self.state(pool);
        let leases = state.market?.leases.as_ref()?;
        let holds = |index: &&u32| leases[**index as usize].until.is_none_or(|until| now < until);
        state.open.iter().find(holds).copied()
    }

    /// Opens the leases that have begun; when the next one does.
    pub(super) fn open_leases(&mut self, pool: PoolIndex, now: SimTime) -> Option<SimTime> {
        let state = self.state_mut(pool);
        let leases = state.market?.leases.as_ref()?;
        while let Some(lease) = leases.get(state.next_lease as usize) {
            if now < lease.from {
                return Some(lease.from);
            }
            state.open.insert(state.next_lease);
            state.next_lease += 1;
        }
        None
    }

    pub(super) fn joins(&mut self, id: InstanceId, bought: &Purchased) {
        if bought.option != PurchaseOption::Spot {
            return;
        }
        let state = self.state_mut(bought.pool);
        state.members.insert(id);
        if let Some(lease) = bought.lease {
            state.open.remove(&lease);
        }
    }

    pub(super) fn leaves(&mut self, id: InstanceId, bought: &Purchased) {
        if bought.option != PurchaseOption::Spot {
            return;
        }
        let state = self.state_mut(bought.pool);
        state.members.remove(&id);
        if let Some(lease) = bought.lease {
            // One that EC2 took back is over.
            if !bought.interrupted {
                state.open.insert(lease);
            }
        }
    }

    /// The status message of a failed launch, as scaling activities print it.
    pub(super) fn status_message(
        &self,
        pool: PoolIndex,
        denial: &Denial,
        zones: &IdVec<ZoneId, String>,
    ) -> String {
        let state = self.state(pool);
        let (name, zone) = (state.instance_type, &zones[state.zone]);
        match (denial, state.option) {
            (Denial::TooLow { offered, price }, _) => format!(
                "Could not launch Spot Instances. SpotMaxPriceTooLow - Your Spot request price of \
                 {offered} is lower than the minimum required Spot request fulfillment price of \
                 {price}. Launching EC2 instance failed."
            ),
            (Denial::NoCapacity, PurchaseOption::OnDemand) => format!(
                "We currently do not have sufficient {name} capacity in the Availability Zone you \
                 requested ({zone}). Our system will be working on provisioning additional capacity. \
                 Launching EC2 instance failed."
            ),
            (Denial::NoCapacity, PurchaseOption::Spot) => format!(
                "Could not launch Spot Instances. InsufficientInstanceCapacity - There is no Spot \
                 capacity available that matches your request ({name} in {zone}). Launching EC2 \
                 instance failed."
            ),
        }
    }
}

impl<'s> PoolState<'s> {
    fn new(scenario: &'s Scenario, (name, operating_system, zone, option): PoolKey<'s>) -> Self {
        let listed = scenario.prices.instance_rate(name, operating_system);
        let market = (option == PurchaseOption::Spot)
            .then(|| {
                scenario.purchasing.markets.iter().find(|it| {
                    it.instance_type == name
                        && it.operating_system == operating_system
                        && it.zone == zone
                })
            })
            .flatten();
        let key = stream_key(scenario, "spot-pool", &format!("{name} {}", scenario.zones[zone]));
        let horizon = SimTime::ZERO + scenario.duration;
        Self {
            instance_type: name,
            zone,
            option,
            listed: listed.unwrap_or(HourlyRate::from_ten_billionths(u64::MAX)),
            market,
            prices: market.map_or_else(
                || listed.map(|rate| (SimTime::ZERO, rate)).into_iter().collect(),
                |it| price_path(&it.prices, it.step, key, horizon),
            ),
            shortages: Vec::new(),
            members: BTreeSet::new(),
            open: BTreeSet::new(),
            next_lease: 0,
            risk_until: SimTime::ZERO,
            groups: Vec::new(),
            key,
        }
    }

    fn is_hit_by(&self, shortage: &Shortage) -> bool {
        match &shortage.scope {
            ShortageScope::FargateSpot => false,
            ShortageScope::Spot(pools) => {
                self.option == PurchaseOption::Spot
                    && pools
                        .iter()
                        .any(|(name, zone)| *name == self.instance_type && *zone == self.zone)
            }
            ShortageScope::Pools { instance_types, zones, option } => {
                let named = |types: &Vec<String>| types.iter().any(|it| it == self.instance_type);
                option.is_none_or(|option| option == self.option)
                    && zones.as_ref().is_none_or(|zones| zones.contains(&self.zone))
                    && instance_types.as_ref().is_none_or(named)
            }
        }
    }
}

impl World<'_, '_> {
    /// Takes room for an instance in a pool: the lease that it holds, if there are leases.
    pub(super) fn take_capacity(
        &self,
        id: AsgId,
        pool: PoolIndex,
        weight: u32,
        now: SimTime,
    ) -> Result<Option<u32>, Denial> {
        let state = self.market.state(pool);
        if self.market.is_short(pool) {
            return Err(Denial::NoCapacity);
        }
        if state.option == PurchaseOption::OnDemand {
            return Ok(None);
        }
        let price = HourlyRate::from_ten_billionths(self.market.price(pool, now));
        let offered = self.spot_limit(id, pool, weight);
        if offered < price {
            return Err(Denial::TooLow { offered, price });
        }
        if state.market.is_some_and(|market| market.leases.is_some()) {
            let lease = self.market.free_lease(pool, now);
            return lease.map(Some).ok_or(Denial::NoCapacity);
        }
        Ok(None)
    }

    /// What a group pays at most for a Spot Instance per hour: `SpotMaxPrice` per unit, or the On-Demand
    /// price.
    pub(super) fn spot_limit(&self, id: AsgId, pool: PoolIndex, weight: u32) -> HourlyRate {
        let settings = self.groups[id].settings;
        if let Some(limit) = settings.distribution.spot_max_price {
            return limit.times(weight);
        }
        self.market.state(pool).listed
    }

    /// Pools with their number.
    pub(super) fn pool_ids(&self) -> impl Iterator<Item = PoolIndex> + use<> {
        (0..self.market.pools.len() as u32).map(PoolIndex)
    }

    /// The group of an instance as a number, for draws.
    pub(super) fn draw_of(&self, key: StreamKey, id: InstanceId, purpose: u64) -> u64 {
        key.at(crate::engine::fold(id.index() as u64, purpose))
    }
}

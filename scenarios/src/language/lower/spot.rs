//! Spot markets, lack of capacity, and what AWS leaves open about launches.

use plimsoll_core::agent::Window;
use plimsoll_core::billing::PriceBook;
use plimsoll_core::catalog::{self, HourlyRate};
use plimsoll_core::engine::DurationDistribution;
use plimsoll_core::purchase::back_off::BackOff;
use plimsoll_core::purchase::market::{AdvisorBucket, DailyStep, depth_of, weibull_scale};
use plimsoll_core::purchase::split::WeightedCap;
use plimsoll_core::scenario::{
    AutoScalingGroup, OperatingSystem, PurchaseOption, Purchasing, Recommendation, Shortage,
    ShortageLaw, ShortageScope, SpotMarket,
};
use plimsoll_core::units::{Id, SimDuration, SimTime, ZoneId};

use super::{Context, distribution};
use crate::language::raw::ScenarioDocument;
use crate::language::raw::fault::{self as raw_fault, FaultType};
use crate::language::raw::kinds::Length;
use crate::language::raw::purchase as raw;
use crate::language::spot_trace::{Content, SpotTrace, SpotTraceOptions};
use crate::language::tree::Path;

/// Shapes of the lengths with and without capacity, as measured on recorded traces.
const ON_SHAPE: f64 = 0.6;
const OFF_SHAPE: f64 = 0.7;
const MEAN_OUTAGE: SimDuration = SimDuration::from_secs(3600);
const SPREAD: SimDuration = SimDuration::from_secs(180);

/// What lowering needs beside the document.
pub(super) struct Parts<'a> {
    pub(super) groups: &'a [Option<AutoScalingGroup>],
    /// Names of zones, sorted.
    pub(super) zones: &'a [String],
    pub(super) prices: &'a PriceBook,
}

/// A pool that a group can buy Spot Instances from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Pool<'a> {
    instance_type: &'a str,
    operating_system: OperatingSystem,
    zone: ZoneId,
}

/// Markets and shortages; reports Spot pools without a market.
pub(super) fn lower(
    context: &Context<'_>,
    document: &ScenarioDocument,
    parts: &Parts<'_>,
) -> Option<Purchasing> {
    let mut purchasing = settings(context, &document.control_plane.purchasing)?;
    let mut good = markets(context, document, parts, &mut purchasing);
    for (index, group) in document.auto_scaling_groups.iter().enumerate() {
        let lowered = parts.groups.get(index).and_then(Option::as_ref);
        if group.capacity_rebalance && lowered.is_some_and(|it| !it.may_buy_spot()) {
            let path = Path::root().key("autoScalingGroups").index(index);
            let message = "the group buys no Spot Instances: no effect";
            context.note(&path.key("capacityRebalance"), message);
        }
    }
    for (index, fault) in document.faults.iter().enumerate() {
        if fault.kind != FaultType::InsufficientCapacity {
            continue;
        }
        match shortage(context, index, fault, parts.zones) {
            Some(shortage) => purchasing.shortages.push(shortage),
            None => good = false,
        }
    }
    if let Some(capacity) = &document.fargate_spot.capacity {
        let path = Path::root().key("fargateSpot").key("capacity");
        purchasing.shortages.push(Shortage {
            name: "FARGATE_SPOT".to_owned(),
            law: on_off(context, &path, capacity)?,
            scope: ShortageScope::FargateSpot,
            fraction: 0.0,
            spread: SimDuration::ZERO,
        });
    }
    good.then_some(purchasing)
}

fn settings(context: &Context<'_>, raw: &raw::Purchasing) -> Option<Purchasing> {
    let path = Path::root().key("controlPlane").key("purchasing");
    let lead = path.key("rebalanceRecommendation").key("lead");
    Some(Purchasing {
        recommendation: Recommendation {
            early_share: raw.rebalance_recommendation.early_share,
            lead: distribution::lower(context, &lead, &raw.rebalance_recommendation.lead)?,
        },
        price_capacity_weight: raw.price_capacity_weight,
        back_off: BackOff {
            first: raw.launch_back_off.first.duration(),
            maximum: raw.launch_back_off.maximum.duration(),
            jitter: raw.launch_back_off.jitter,
        },
        weighted_cap: match raw.weighted_capacity_limit {
            raw::WeightedCapacityLimit::MaxSize => WeightedCap::Max,
            raw::WeightedCapacityLimit::DesiredCapacity => WeightedCap::Desired,
        },
        ..Purchasing::default()
    })
}

/// Builds the market of every pool that a group can buy from.
fn markets(
    context: &Context<'_>,
    document: &ScenarioDocument,
    parts: &Parts<'_>,
    purchasing: &mut Purchasing,
) -> bool {
    let path = Path::root().key("spotMarkets");
    let mut covered: Vec<Vec<Pool<'_>>> = vec![Vec::new(); document.spot_markets.len()];
    let mut seen: Vec<Pool<'_>> = Vec::new();
    let mut good = true;
    for (index, group) in parts.groups.iter().enumerate() {
        let Some(group) = group.as_ref().filter(|it| it.may_buy_spot()) else { continue };
        for it in &group.types {
            for &zone in &group.zones {
                let pool = Pool {
                    instance_type: &it.shape.instance_type,
                    operating_system: it.shape.operating_system,
                    zone,
                };
                if seen.contains(&pool) {
                    continue;
                }
                seen.push(pool);
                let zone = parts.zones.get(zone.index()).map_or("", String::as_str);
                let found = document.spot_markets.iter().position(|market| {
                    covers(market.instance_types.as_deref(), pool.instance_type)
                        && market
                            .availability_zones
                            .as_ref()
                            .is_none_or(|zones| zones.iter().any(|it| it == zone))
                });
                if let Some(entry) = found {
                    covered[entry].push(pool);
                } else {
                    let path = Path::root().key("autoScalingGroups").index(index);
                    let message = format!(
                        "no entry of `spotMarkets` has a price of `{}` in `{zone}`",
                        pool.instance_type
                    );
                    let hint = "the group buys Spot Instances: list their market, for example \
                                `spotMarkets: [{saving: 0.6}]`";
                    context.error_hint(&path.key("mixedInstancesPolicy"), message, hint);
                    return false;
                }
            }
        }
    }
    for (index, (market, pools)) in document.spot_markets.iter().zip(&covered).enumerate() {
        let path = path.index(index);
        check_names(context, &path, market, parts.zones);
        if pools.is_empty() {
            context.note(&path, "no group buys Spot Instances of this market");
        }
        let lowering = Market { context, path: &path, raw: market, index };
        good &= lowering.lower(pools, parts, purchasing).is_some();
    }
    good
}

/// Whether a list of names, of which some end in `*`, has `name`; all have without a list.
fn covers(names: Option<&[String]>, name: &str) -> bool {
    names.is_none_or(|names| {
        names.iter().any(|it| match it.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => it == name,
        })
    })
}

/// Reports names of instance types that the catalogue does not know.
fn check_types(context: &Context<'_>, path: &Path, names: Option<&[String]>) -> bool {
    let mut good = true;
    for (index, name) in names.unwrap_or_default().iter().enumerate() {
        let all = catalog::instance_types();
        if !all.iter().any(|it| covers(Some(std::slice::from_ref(name)), it.name)) {
            let known: Vec<&str> = all.iter().map(|it| it.name).collect();
            context.dangling(&path.index(index), "instance type", name, known);
            good = false;
        }
    }
    good
}

fn check_zones(
    context: &Context<'_>,
    path: &Path,
    names: Option<&[String]>,
    zones: &[String],
) -> bool {
    let mut good = true;
    for (index, name) in names.unwrap_or_default().iter().enumerate() {
        if !zones.contains(name) {
            let known: Vec<&str> = zones.iter().map(String::as_str).collect();
            context.dangling(&path.index(index), "zone", name, known);
            good = false;
        }
    }
    good
}

fn check_names(
    context: &Context<'_>,
    path: &Path,
    raw: &raw::SpotMarket,
    zones: &[String],
) -> bool {
    let types = check_types(context, &path.key("instanceTypes"), raw.instance_types.as_deref());
    let named = raw.availability_zones.as_deref();
    check_zones(context, &path.key("availabilityZones"), named, zones) && types
}

/// An entry of the list that is being lowered.
struct Market<'a> {
    context: &'a Context<'a>,
    path: &'a Path,
    raw: &'a raw::SpotMarket,
    index: usize,
}

/// What an entry says of interruptions.
#[derive(Default)]
struct Interruptions {
    alone: Option<SimDuration>,
    leases: Option<std::sync::Arc<[plimsoll_core::purchase::replay::Lease]>>,
    law: Option<ShortageLaw>,
    /// Mean time to an interruption, as far as it is known.
    mean: Option<SimDuration>,
}

impl Market<'_> {
    fn lower(
        &self,
        pools: &[Pool<'_>],
        parts: &Parts<'_>,
        purchasing: &mut Purchasing,
    ) -> Option<()> {
        let base = self.base_price();
        let interruptions = self.interruptions(pools.len());
        let (base, interruptions) = (base?, interruptions?);
        let step = self
            .raw
            .daily_price_step
            .map(|step| DailyStep { volatility: step.volatility, reversion: step.reversion });
        for pool in pools {
            let listed = parts.prices.instance_rate(pool.instance_type, pool.operating_system)?;
            purchasing.markets.push(SpotMarket {
                instance_type: pool.instance_type.to_owned(),
                operating_system: pool.operating_system,
                zone: pool.zone,
                prices: base.of(listed),
                step,
                depth: self.raw.depth.unwrap_or_else(|| depth_of(interruptions.mean)),
                mean_time_to_interruption: interruptions.alone,
                leases: interruptions.leases.clone(),
            });
        }
        if let Some(law) = interruptions.law {
            self.shortages(pools, parts, &law, purchasing);
        }
        Some(())
    }

    fn shortages(
        &self,
        pools: &[Pool<'_>],
        parts: &Parts<'_>,
        law: &ShortageLaw,
        purchasing: &mut Purchasing,
    ) {
        let Some(raw) = &self.raw.interruption else { return };
        let together = raw.pools == Some(raw::Correlation::Together);
        let size = if together { pools.len().max(1) } else { 1 };
        for pools in pools.chunks(size) {
            let Some(first) = pools.first() else { continue };
            let name = if together {
                format!("spotMarkets[{}]", self.index)
            } else {
                let zone = parts.zones.get(first.zone.index()).map_or("", String::as_str);
                format!("Spot {} in {zone}", first.instance_type)
            };
            let listed = pools.iter().map(|it| (it.instance_type.to_owned(), it.zone)).collect();
            purchasing.shortages.push(Shortage {
                name,
                law: law.clone(),
                scope: ShortageScope::Spot(listed),
                fraction: raw.fraction.unwrap_or(1.0),
                spread: raw.spread.map_or(SPREAD, Length::duration),
            });
        }
    }

    fn base_price(&self) -> Option<BasePrice> {
        let raw = self.raw;
        let given = [raw.price.is_some(), raw.saving.is_some(), raw.price_trace.is_some()];
        match given.iter().filter(|it| **it).count() {
            1 => {}
            0 => {
                let hint = "give `price`, `saving` or `priceTrace`";
                self.context.error_hint(self.path, "the market has no price", hint);
                return None;
            }
            _ => {
                let message = "`price`, `saving` and `priceTrace` exclude each other";
                self.context.error(self.path, message);
                return None;
            }
        }
        if let Some(price) = raw.price {
            if price.0 == 0 {
                self.context.error(&self.path.key("price"), "must be above zero");
                return None;
            }
            return Some(BasePrice::Given(vec![(
                SimTime::ZERO,
                HourlyRate::from_ten_billionths(price.0),
            )]));
        }
        if let Some(saving) = raw.saving {
            return Some(BasePrice::Saving(saving));
        }
        let trace = raw.price_trace.as_ref()?;
        let options = SpotTraceOptions {
            path: self.context.traces.resolve(&trace.file),
            time: trace.time_column.clone().unwrap_or_else(|| "time".to_owned()),
            time_unit: trace.time_unit.unwrap_or_default(),
            content: Content::Prices(trace.column.clone().unwrap_or_else(|| "price".to_owned())),
        };
        match self.read(&self.path.key("priceTrace"), &trace.file, &options)? {
            SpotTrace::Prices(prices) => Some(BasePrice::Given(prices)),
            SpotTrace::Leases(_) | SpotTrace::Off(_) => None,
        }
    }

    fn read(&self, path: &Path, file: &str, options: &SpotTraceOptions) -> Option<SpotTrace> {
        match self.context.traces.spot(options) {
            Ok(trace) => Some(SpotTrace::clone(&trace)),
            Err(error) => {
                self.context.trace_error(&path.key("file"), file, &error);
                None
            }
        }
    }

    fn interruptions(&self, pools: usize) -> Option<Interruptions> {
        let Some(raw) = &self.raw.interruption else { return Some(Interruptions::default()) };
        let path = self.path.key("interruption");
        let given = [
            raw.frequency.is_some(),
            raw.mean_time.is_some(),
            raw.capacity.is_some(),
            raw.trace.is_some(),
        ];
        if given.iter().filter(|it| **it).count() != 1 {
            let message = "takes one of `frequency`, `meanTime`, `capacity` and `trace`";
            self.context.error(&path, message);
            return None;
        }
        let rated = given[0] || given[1];
        let independent = raw.model == Some(raw::InterruptionModel::Independent);
        let leases =
            raw.trace.as_ref().is_some_and(|it| it.format != raw::SpotTraceFormat::Availability);
        let shocks = !independent && !leases;
        let mut good = true;
        for (key, given, applies) in [
            ("model", raw.model.is_some(), rated),
            ("meanOutage", raw.mean_outage.is_some(), rated && !independent),
            ("fraction", raw.fraction.is_some(), shocks),
            ("spread", raw.spread.is_some(), shocks),
            ("pools", raw.pools.is_some(), shocks),
        ] {
            if given && !applies {
                self.context.error(&path.key(key), "has no meaning with what else is given");
                good = false;
            }
        }
        if !good {
            return None;
        }
        if let Some(trace) = &raw.trace {
            return self.recorded(&path.key("trace"), trace, pools);
        }
        if let Some(capacity) = &raw.capacity {
            let law = on_off(self.context, &path.key("capacity"), capacity)?;
            let ShortageLaw::OnOff { on, .. } = &law else { return None };
            let mean = SimDuration::from_secs_f64(on.mean_seconds());
            return Some(Interruptions {
                law: Some(law),
                mean: Some(mean),
                ..Interruptions::default()
            });
        }
        let mean = match (raw.frequency, raw.mean_time) {
            (Some(frequency), _) => bucket(frequency).mean_time(),
            (None, Some(mean)) => {
                self.context.positive(&path.key("meanTime"), mean).then(|| mean.duration())?
            }
            (None, None) => return None,
        };
        if independent {
            let (alone, mean) = (Some(mean), Some(mean));
            return Some(Interruptions { alone, mean, ..Interruptions::default() });
        }
        let outage = match raw.mean_outage {
            None => MEAN_OUTAGE,
            Some(given) => {
                self.context.positive(&path.key("meanOutage"), given).then(|| given.duration())?
            }
        };
        let law = |mean, shape| {
            DurationDistribution::weibull(weibull_scale(mean, shape), shape).map_err(|message| {
                self.context.error(&path, message);
            })
        };
        let (on, off) = (law(mean, ON_SHAPE).ok()?, law(outage, OFF_SHAPE).ok()?);
        let law = Some(ShortageLaw::OnOff { on, off });
        Some(Interruptions { law, mean: Some(mean), ..Interruptions::default() })
    }

    fn recorded(&self, path: &Path, raw: &raw::SpotTrace, pools: usize) -> Option<Interruptions> {
        let column = |default: &str| raw.column.clone().unwrap_or_else(|| default.to_owned());
        let content = match raw.format {
            raw::SpotTraceFormat::Events => Content::Events {
                event: column("event"),
                node: raw.node_column.clone().unwrap_or_else(|| "node".to_owned()),
            },
            raw::SpotTraceFormat::Counts => Content::Counts(column("instances")),
            raw::SpotTraceFormat::Availability => Content::Availability(column("available")),
        };
        if raw.node_column.is_some() && raw.format != raw::SpotTraceFormat::Events {
            self.context.error(&path.key("nodeColumn"), "only `events` name nodes");
            return None;
        }
        let one_pool = raw.format != raw::SpotTraceFormat::Availability;
        if one_pool && 1 < pools {
            let message =
                format!("a trace of instances is that of one pool, and the entry covers {pools}");
            let hint = "give `instanceTypes` and `availabilityZones` with one name each";
            self.context.error_hint(path, message, hint);
            return None;
        }
        let options = SpotTraceOptions {
            path: self.context.traces.resolve(&raw.file),
            time: raw.time_column.clone().unwrap_or_else(|| "time".to_owned()),
            time_unit: raw.time_unit.unwrap_or_default(),
            content,
        };
        match self.read(path, &raw.file, &options)? {
            SpotTrace::Leases(leases) => {
                Some(Interruptions { leases: Some(leases), ..Interruptions::default() })
            }
            SpotTrace::Off(windows) => Some(Interruptions {
                law: Some(ShortageLaw::Windows(windows)),
                ..Interruptions::default()
            }),
            SpotTrace::Prices(_) => None,
        }
    }
}

/// A price before the On-Demand price of the pool is known.
enum BasePrice {
    Given(Vec<(SimTime, HourlyRate)>),
    /// A share below the On-Demand price.
    Saving(f64),
}

impl BasePrice {
    fn of(&self, listed: HourlyRate) -> Vec<(SimTime, HourlyRate)> {
        match self {
            Self::Given(prices) => prices.clone(),
            Self::Saving(saving) => {
                let price = listed.as_ten_billionths() as f64 * (1.0 - saving);
                vec![(SimTime::ZERO, HourlyRate::from_ten_billionths((price + 0.5) as u64))]
            }
        }
    }
}

fn bucket(frequency: raw::Frequency) -> AdvisorBucket {
    match frequency {
        raw::Frequency::Below5 => AdvisorBucket::Below5,
        raw::Frequency::From5To10 => AdvisorBucket::From5To10,
        raw::Frequency::From10To15 => AdvisorBucket::From10To15,
        raw::Frequency::From15To20 => AdvisorBucket::From15To20,
        raw::Frequency::Above20 => AdvisorBucket::Above20,
    }
}

fn on_off(context: &Context<'_>, path: &Path, raw: &raw::OnOff) -> Option<ShortageLaw> {
    let on = distribution::lower(context, &path.key("on"), &raw.on);
    let off = distribution::lower(context, &path.key("off"), &raw.off);
    Some(ShortageLaw::OnOff { on: on?, off: off? })
}

/// A fault of insufficient capacity.
fn shortage(
    context: &Context<'_>,
    index: usize,
    raw: &raw_fault::Fault,
    zones: &[String],
) -> Option<Shortage> {
    let path = Path::root().key("faults").index(index);
    let mut good = true;
    for (key, given) in [
        ("service", raw.service.is_some()),
        ("runTask", raw.run_task.is_some()),
        ("taskDefinition", raw.task_definition.is_some()),
        ("container", raw.container.is_some()),
        ("at", !raw.at.is_empty()),
        ("after", raw.after.is_some()),
        ("exitCode", raw.exit_code.is_some()),
        ("share", raw.share.is_some()),
        ("availabilityZone", raw.availability_zone.is_some()),
        ("autoScalingGroupName", raw.auto_scaling_group_name.is_some()),
        ("launchType", raw.launch_type.is_some()),
        ("count", raw.count.is_some()),
        ("ratePerInstanceHour", raw.rate_per_instance_hour.is_some()),
        ("factor", raw.factor.is_some()),
        ("remaining", raw.remaining.is_some()),
        ("metricNames", raw.metric_names.is_some()),
        ("delay", raw.delay.is_some()),
        ("every", raw.every.is_some()),
        ("lasts", raw.lasts.is_some()),
        ("recoveredAfter", raw.recovered_after.is_some()),
    ] {
        if given {
            let message = "has no meaning for `insufficientCapacity`, which hits launches";
            context.error(&path.key(key), message);
            good = false;
        }
    }
    good &= check_types(context, &path.key("instanceTypes"), raw.instance_types.as_deref());
    let named = raw.availability_zones.as_deref();
    good &= check_zones(context, &path.key("availabilityZones"), named, zones);
    let on_demand = raw.purchase_option == Some(raw_fault::PurchaseOption::OnDemand);
    if raw.interrupts.is_some() && on_demand {
        let message = "only Spot Instances are interrupted";
        context.error(&path.key("interrupts"), message);
        good = false;
    }
    let law = match &raw.capacity {
        Some(_) if raw.from.is_some() || raw.until.is_some() => {
            context.error(&path.key("capacity"), "excludes `from` and `until`");
            return None;
        }
        Some(capacity) => on_off(context, &path.key("capacity"), capacity)?,
        None => {
            let from = raw.from.map_or(SimTime::ZERO, |from| SimTime::ZERO + from.duration());
            let until = raw.until.map_or(SimTime::MAX, |until| SimTime::ZERO + until.duration());
            if until <= from {
                context.error(&path.key("until"), "must come after `from`");
                return None;
            }
            ShortageLaw::Windows(vec![Window { from, until }])
        }
    };
    let types = raw.instance_types.as_deref().map(|names| {
        let all = catalog::instance_types().iter().map(|it| it.name);
        all.filter(|name| covers(Some(names), name)).map(str::to_owned).collect()
    });
    let zone_ids = raw.availability_zones.as_ref().map(|names| {
        let found = names.iter().filter_map(|name| zones.binary_search(name).ok());
        found.map(ZoneId::from_index).collect()
    });
    let name = raw.name.clone().unwrap_or_else(|| format!("{:?}-{}", raw.kind, index + 1));
    good.then_some(Shortage {
        name,
        law,
        scope: ShortageScope::Pools {
            instance_types: types,
            zones: zone_ids,
            option: raw.purchase_option.map(|option| match option {
                raw_fault::PurchaseOption::OnDemand => PurchaseOption::OnDemand,
                raw_fault::PurchaseOption::Spot => PurchaseOption::Spot,
            }),
        },
        fraction: raw.interrupts.unwrap_or(0.0),
        spread: SPREAD,
    })
}

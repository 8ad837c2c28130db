//! Attribute-based instance type selection: which instance types meet requirements, and which of them price
//! protection leaves.
//!
//! Source: API `InstanceRequirements` and `InstancesDistribution` of Auto Scaling, user guide *Create a mixed
//! instances group using attribute-based instance type selection*. What the catalogue does not know (bandwidth,
//! hibernation, sizes of disks and of accelerators) cannot be asked for. How strong the price protection of
//! Spot is that AWS applies by itself ("optimal") is not published: it comes from outside.

use crate::catalog::{
    AcceleratorManufacturer, AcceleratorType, CpuManufacturer, Generation, HourlyRate,
    InstanceType, matches_pattern,
};
use crate::scenario::Architecture;

/// A range of values; an end that is `None` does not bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Range<T> {
    /// Least value.
    pub min: Option<T>,
    /// Greatest value.
    pub max: Option<T>,
}

impl<T: PartialOrd + Copy> Range<T> {
    /// Whether `value` lies in it, ends included.
    pub fn has(&self, value: T) -> bool {
        self.min.is_none_or(|min| min <= value) && self.max.is_none_or(|max| value <= max)
    }
}

/// `included`, `excluded` or `required`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Presence {
    /// With or without.
    #[default]
    Included,
    /// Only without.
    Excluded,
    /// Only with.
    Required,
}

impl Presence {
    fn admits(self, has: bool) -> bool {
        match self {
            Self::Included => true,
            Self::Excluded => !has,
            Self::Required => has,
        }
    }
}

/// `InstanceRequirements`, without prices. An empty list asks for nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct InstanceRequirements {
    /// `VCpuCount`.
    pub vcpus: Range<u32>,
    /// `MemoryMiB`.
    pub memory_mib: Range<u64>,
    /// `MemoryGiBPerVCpu`.
    pub memory_gib_per_vcpu: Range<f64>,
    /// `CpuManufacturers`.
    pub cpu_manufacturers: Vec<CpuManufacturer>,
    /// Architecture of the image.
    pub architecture: Option<Architecture>,
    /// `AllowedInstanceTypes`, patterns; `None` for all.
    pub allowed: Option<Vec<String>>,
    /// `ExcludedInstanceTypes`, patterns.
    pub excluded: Vec<String>,
    /// `InstanceGenerations`.
    pub generations: Vec<Generation>,
    /// `BareMetal`.
    pub bare_metal: Presence,
    /// `BurstablePerformance`.
    pub burstable: Presence,
    /// `LocalStorage`.
    pub local_storage: Presence,
    /// Whether `LocalStorageTypes` has `ssd`, which all local storage of the catalogue is.
    pub local_ssd: bool,
    /// `NetworkInterfaceCount`.
    pub network_interfaces: Range<u32>,
    /// `AcceleratorCount`; types without accelerators have zero.
    pub accelerator_count: Range<u32>,
    /// `AcceleratorTypes`.
    pub accelerator_types: Vec<AcceleratorType>,
    /// `AcceleratorManufacturers`.
    pub accelerator_manufacturers: Vec<AcceleratorManufacturer>,
    /// `AcceleratorNames`.
    pub accelerator_names: Vec<String>,
}

impl Default for InstanceRequirements {
    /// The defaults of the API: neither bare metal nor burstable types, both generations.
    fn default() -> Self {
        Self {
            vcpus: Range::default(),
            memory_mib: Range::default(),
            memory_gib_per_vcpu: Range::default(),
            cpu_manufacturers: Vec::new(),
            architecture: None,
            allowed: None,
            excluded: Vec::new(),
            generations: Vec::new(),
            bare_metal: Presence::Excluded,
            burstable: Presence::Excluded,
            local_storage: Presence::Included,
            local_ssd: true,
            network_interfaces: Range::default(),
            accelerator_count: Range::default(),
            accelerator_types: Vec::new(),
            accelerator_manufacturers: Vec::new(),
            accelerator_names: Vec::new(),
        }
    }
}

impl InstanceRequirements {
    /// Whether an instance type meets all of them.
    pub fn admit(&self, it: &InstanceType) -> bool {
        let named =
            |patterns: &[String]| patterns.iter().any(|pattern| matches_pattern(pattern, it.name));
        let memory = it.memory.as_mib();
        let local = it.has_local_storage();
        self.vcpus.has(it.vcpu)
            && self.memory_mib.has(memory)
            && self.memory_gib_per_vcpu.has(memory as f64 / 1024.0 / f64::from(it.vcpu))
            && among(&self.cpu_manufacturers, &it.cpu_manufacturer())
            && self.architecture.is_none_or(|architecture| architecture == it.architecture)
            && self.allowed.as_deref().is_none_or(named)
            && !named(&self.excluded)
            && among(&self.generations, &it.generation())
            && self.bare_metal.admits(it.is_bare_metal())
            && self.burstable.admits(it.is_burstable())
            && self.local_storage.admits(local)
            && (self.local_ssd || !local)
            && self.network_interfaces.has(it.eni_max)
            && self.admits_accelerators(it)
    }

    fn admits_accelerators(&self, it: &InstanceType) -> bool {
        let Some(found) = it.accelerators() else {
            return self.accelerator_count.has(0)
                && self.accelerator_types.is_empty()
                && self.accelerator_manufacturers.is_empty()
                && self.accelerator_names.is_empty();
        };
        self.accelerator_count.has(found.count)
            && among(&self.accelerator_types, &found.kind)
            && among(&self.accelerator_manufacturers, &found.manufacturer)
            && (self.accelerator_names.is_empty()
                || self.accelerator_names.iter().any(|name| name == found.name))
    }
}

fn among<T: PartialEq>(wanted: &[T], value: &T) -> bool {
    wanted.is_empty() || wanted.contains(value)
}

/// `DesiredCapacityType`: what the sizes of a group count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CapacityUnit {
    /// `units`: instances.
    #[default]
    Units,
    /// `vcpu`.
    Vcpu,
    /// `memory-mib`.
    MemoryMib,
}

impl CapacityUnit {
    /// Units that an instance of a type counts, at least 1.
    pub fn weight_of(self, it: &InstanceType) -> u32 {
        match self {
            Self::Units => 1,
            Self::Vcpu => it.vcpu.max(1),
            Self::MemoryMib => u32::try_from(it.memory.as_mib()).unwrap_or(u32::MAX).max(1),
        }
    }
}

/// Price protection of Spot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpotProtection {
    /// `SpotMaxPricePercentageOverLowestPrice`: above the lowest Spot price.
    OverLowest(u32),
    /// `MaxSpotPriceAsPercentageOfOptimalOnDemandPrice`: of the lowest On-Demand price.
    OfOnDemand(u32),
}

/// Price protection: types above a threshold are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceProtection {
    /// `OnDemandMaxPricePercentageOverLowestPrice`.
    pub on_demand_over_lowest: u32,
    /// That of Spot.
    pub spot: SpotProtection,
    /// What prices are compared per.
    pub unit: CapacityUnit,
}

/// An instance type that can be bought.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'c> {
    /// The type.
    pub instance_type: &'c InstanceType,
    /// On-Demand price per hour.
    pub on_demand: HourlyRate,
    /// Spot price per hour, if there is a market.
    pub spot: Option<HourlyRate>,
}

/// An instance type that was selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selected<'c> {
    /// The type.
    pub instance_type: &'c InstanceType,
    /// Units that an instance of it counts.
    pub weight: u32,
    /// Whether it is cheap enough On-Demand.
    pub on_demand: bool,
    /// Whether it is cheap enough as Spot. Without a market it is not.
    pub spot: bool,
}

/// The types of `offers` that meet the requirements and are cheap enough under a purchase option, in order of
/// their On-Demand price per unit, then of their names.
pub fn select<'c>(
    offers: &[Offer<'c>],
    requirements: &InstanceRequirements,
    protection: PriceProtection,
) -> Vec<Selected<'c>> {
    let matching: Vec<Offer<'c>> =
        offers.iter().filter(|it| requirements.admit(it.instance_type)).copied().collect();
    let unit = protection.unit;
    let on_demand = |offer: &Offer<'_>| Some(Price::of(offer.on_demand, offer.instance_type, unit));
    let spot = |offer: &Offer<'_>| Some(Price::of(offer.spot?, offer.instance_type, unit));
    let on_demand_base = baseline(&matching, on_demand);
    let spot_base = match protection.spot {
        SpotProtection::OverLowest(percent) => {
            baseline(&matching, spot).map(|base| (base, percent.saturating_add(100)))
        }
        SpotProtection::OfOnDemand(percent) => on_demand_base.map(|base| (base, percent)),
    };
    let on_demand_base =
        on_demand_base.map(|base| (base, protection.on_demand_over_lowest.saturating_add(100)));
    let within = |price: Option<Price>, limit: Option<(Price, u32)>| match (price, limit) {
        (Some(price), Some((base, percent))) => price.at_most(base, percent),
        _ => false,
    };
    let mut selected: Vec<(Price, Selected<'c>)> = matching
        .iter()
        .map(|offer| {
            let it = offer.instance_type;
            let chosen = Selected {
                instance_type: it,
                weight: unit.weight_of(it),
                on_demand: within(on_demand(offer), on_demand_base),
                spot: within(spot(offer), spot_base),
            };
            (Price::of(offer.on_demand, it, unit), chosen)
        })
        .filter(|(_, it)| it.on_demand || it.spot)
        .collect();
    selected.sort_by(|(price, a), (other, b)| {
        price.compare(*other).then_with(|| a.instance_type.name.cmp(b.instance_type.name))
    });
    selected.into_iter().map(|(_, it)| it).collect()
}

/// A price per so many units.
#[derive(Clone, Copy, Debug)]
struct Price {
    rate: u64,
    units: u32,
}

impl Price {
    fn of(rate: HourlyRate, it: &InstanceType, unit: CapacityUnit) -> Self {
        Self { rate: rate.as_ten_billionths(), units: unit.weight_of(it) }
    }

    /// Compares prices per unit, exactly.
    fn compare(self, other: Self) -> std::cmp::Ordering {
        let own = u128::from(self.rate) * u128::from(other.units);
        own.cmp(&(u128::from(other.rate) * u128::from(self.units)))
    }

    /// Whether it is at most `percent` % of `base`.
    fn at_most(self, base: Self, percent: u32) -> bool {
        let own = u128::from(self.rate) * u128::from(base.units) * 100;
        own <= u128::from(base.rate) * u128::from(self.units) * u128::from(percent)
    }
}

/// The price that protection starts from: the lowest of a current C, M or R type; without one the lowest of any
/// current type, and failing that of a previous one.
fn baseline(matching: &[Offer<'_>], price: impl Fn(&Offer<'_>) -> Option<Price>) -> Option<Price> {
    let current = |it: &InstanceType| it.generation() == Generation::Current;
    let lowest = |wanted: &dyn Fn(&InstanceType) -> bool| {
        let offers = matching.iter().filter(|offer| wanted(offer.instance_type));
        offers.filter_map(&price).min_by(|a, b| a.compare(*b))
    };
    lowest(&|it| current(it) && it.is_common())
        .or_else(|| lowest(&current))
        .or_else(|| lowest(&|_| true))
}

#[cfg(test)]
mod tests;

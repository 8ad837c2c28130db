//! The instance types of a group and how it divides its capacity among them.

use plimsoll_core::catalog::HourlyRate;
use plimsoll_core::purchase::requirements::CapacityUnit;
use plimsoll_core::scenario::{
    InstancesDistribution, LaunchType, OnDemandStrategy, Sold, SpotStrategy,
};

use super::requirements::{Asking, ImageArchitecture};
use super::{Context, attributes, cluster, requirements};
use crate::language::raw::ScenarioDocument;
use crate::language::raw::cluster as raw;
use crate::language::raw::purchase::{
    InstanceOverride, MixedInstancesPolicy, OnDemandAllocationStrategy, SpotAllocationStrategy,
};
use crate::language::raw::requirements::DesiredCapacityType;
use crate::language::tree::Path;

/// Pools over which `lowest-price` spreads by default.
const SPOT_POOLS: u32 = 2;
const LARGEST_WEIGHT: u64 = 999;
/// Sets of requirements of a group.
const MOST_REQUIREMENTS: usize = 4;

/// An instance type that a group can launch.
struct Named<'r> {
    name: &'r str,
    weight: u32,
    sold: Sold,
    path: Path,
}

/// The types that a group can launch; `None` if any is refused.
pub(super) fn types(
    context: &Context<'_>,
    path: &Path,
    document: &ScenarioDocument,
    raw: &raw::AutoScalingGroup,
    zones: &[String],
) -> Option<Vec<LaunchType>> {
    let named = named(context, path, document, raw, zones)?;
    let mut types: Vec<LaunchType> = Vec::with_capacity(named.len());
    let mut good = true;
    for it in &named {
        let Some(shape) = cluster::shape(context, path, &it.path, it.name, raw) else {
            good = false;
            continue;
        };
        let attributes = match types.first() {
            None => attributes::lower(context, path, raw, &shape, zones),
            Some(first) => attributes::of_type(context, raw, &first.attributes, &shape),
        };
        if let Some(first) = types.first()
            && first.shape.architecture != shape.architecture
        {
            let message = format!(
                "`{}` and `{}` need different images: each needs a launch template of its own",
                first.shape.instance_type, it.name
            );
            context.note(&it.path, message);
        }
        types.push(LaunchType { shape, weight: it.weight, attributes, sold: it.sold });
    }
    good.then_some(types)
}

fn named<'r>(
    context: &Context<'_>,
    path: &Path,
    document: &ScenarioDocument,
    raw: &'r raw::AutoScalingGroup,
    zones: &[String],
) -> Option<Vec<Named<'r>>> {
    let overrides = overrides(raw);
    let by_attributes = overrides.iter().filter(|it| it.instance_requirements.is_some()).count();
    if by_attributes == 0 && raw.desired_capacity_type != DesiredCapacityType::Units {
        let message = "only a group with `instanceRequirements` counts vCPUs or memory";
        context.error(&path.key("desiredCapacityType"), message);
        return None;
    }
    if overrides.is_empty() {
        let Some(name) = &raw.instance_type else {
            let message = "it is not said what instances the group launches";
            let hint = "give `instanceType`, or `overrides` in a `mixedInstancesPolicy`";
            context.error_hint(path, message, hint);
            return None;
        };
        let path = path.key("instanceType");
        return Some(vec![Named { name, weight: 1, sold: Sold::ALWAYS, path }]);
    }
    if raw.instance_type.is_some() {
        let message = "the overrides of `mixedInstancesPolicy` take the place of this type";
        context.note(&path.key("instanceType"), message);
    }
    let path = path.key("mixedInstancesPolicy").key("launchTemplate").key("overrides");
    if 0 < by_attributes {
        return named_by_attributes(context, &path, document, raw, zones);
    }
    let weighted = overrides.iter().filter(|it| it.weighted_capacity.is_some()).count();
    if 0 < weighted && weighted < overrides.len() {
        let message = "`weightedCapacity` is given for some of the types: all need one, or none";
        context.error(&path, message);
        return None;
    }
    let mut named: Vec<Named<'r>> = Vec::with_capacity(overrides.len());
    let mut good = true;
    for (index, it) in overrides.iter().enumerate() {
        let path = path.index(index);
        let Some(name) = &it.instance_type else {
            context.error(&path, "needs one of `instanceType`, `instanceRequirements`");
            good = false;
            continue;
        };
        if it.cpu_architecture.is_some() {
            let message = "goes with `instanceRequirements`: an instance type has its own";
            context.error(&path.key("cpuArchitecture"), message);
            good = false;
        }
        if named.iter().any(|other| other.name == name) {
            context.duplicate(&path.key("instanceType"), "overrides", name);
            good = false;
        }
        let Some(weight) = weight(context, &path, it) else {
            good = false;
            continue;
        };
        named.push(Named { name, weight, sold: Sold::ALWAYS, path: path.key("instanceType") });
    }
    good.then_some(named)
}

fn overrides(raw: &raw::AutoScalingGroup) -> &[InstanceOverride] {
    let policy = raw.mixed_instances_policy.as_ref();
    policy.map_or(&[], |it| it.launch_template.overrides.as_slice())
}

/// The types that meet the requirements of any override, those of the first one first.
fn named_by_attributes<'r>(
    context: &Context<'_>,
    path: &Path,
    document: &ScenarioDocument,
    raw: &'r raw::AutoScalingGroup,
    zones: &[String],
) -> Option<Vec<Named<'r>>> {
    let overrides = overrides(raw);
    if MOST_REQUIREMENTS < overrides.len() {
        let message =
            format!("at most {MOST_REQUIREMENTS} sets of `instanceRequirements` are allowed");
        context.error(path, message);
        return None;
    }
    let policy = raw.mixed_instances_policy.as_ref()?;
    let split = &policy.instances_distribution;
    let percentage = split.on_demand_percentage_above_base_capacity;
    let sold = Sold {
        on_demand: 0 < percentage || 0 < split.on_demand_base_capacity,
        spot: percentage < 100,
    };
    let mut named: Vec<Named<'r>> = Vec::new();
    let mut good = true;
    for (index, it) in overrides.iter().enumerate() {
        let path = path.index(index);
        let Some(requirements) = &it.instance_requirements else {
            let message = "types by name and types by attributes cannot be mixed";
            context.error(&path.key("instanceType"), message);
            good = false;
            continue;
        };
        for (key, given) in [
            ("instanceType", it.instance_type.is_some()),
            ("weightedCapacity", it.weighted_capacity.is_some()),
        ] {
            if given {
                context.error(&path.key(key), "excludes `instanceRequirements`");
                good = false;
            }
        }
        let asking = Asking {
            document,
            zones,
            operating_system: cluster::operating_system(raw),
            architecture: ImageArchitecture::Given(it.cpu_architecture),
            unit: capacity_unit(raw),
            protected: true,
            sold,
        };
        let path = path.key("instanceRequirements");
        let Some(selected) = requirements::choose(context, &path, requirements, &asking) else {
            good = false;
            continue;
        };
        for it in selected {
            let name = it.instance_type.name;
            let sold = Sold { on_demand: it.on_demand, spot: it.spot };
            if !named.iter().any(|other| other.name == name) {
                named.push(Named { name, weight: it.weight, sold, path: path.clone() });
            }
        }
    }
    good.then_some(named)
}

/// What the sizes of a group count.
fn capacity_unit(raw: &raw::AutoScalingGroup) -> CapacityUnit {
    match raw.desired_capacity_type {
        DesiredCapacityType::Units => CapacityUnit::Units,
        DesiredCapacityType::Vcpu => CapacityUnit::Vcpu,
        DesiredCapacityType::MemoryMib => CapacityUnit::MemoryMib,
    }
}

/// Reports sizes that are too large for what they count.
pub(super) fn check_sizes(context: &Context<'_>, path: &Path, raw: &raw::AutoScalingGroup) {
    let most = match raw.desired_capacity_type {
        DesiredCapacityType::Units => 10_000,
        DesiredCapacityType::Vcpu => 100_000,
        DesiredCapacityType::MemoryMib => 100_000_000,
    };
    let check = |path: Path, size: Option<u32>| {
        if let Some(size) = size.filter(|size| most < *size) {
            context.error(&path, format!("must lie between 0 and {most}, found `{size}`"));
        }
    };
    check(path.key("minSize"), Some(raw.min_size));
    check(path.key("maxSize"), Some(raw.max_size));
    check(path.key("desiredCapacity"), raw.desired_capacity);
    for (index, update) in raw.updates.iter().enumerate() {
        let path = path.key("updates").index(index);
        check(path.key("minSize"), update.min_size);
        check(path.key("maxSize"), update.max_size);
        check(path.key("desiredCapacity"), update.desired_capacity);
    }
    for (index, action) in raw.scheduled_update_group_actions.iter().enumerate() {
        let path = path.key("scheduledUpdateGroupActions").index(index);
        check(path.key("minSize"), action.min_size);
        check(path.key("maxSize"), action.max_size);
        check(path.key("desiredCapacity"), action.desired_capacity);
    }
}

fn weight(context: &Context<'_>, path: &Path, raw: &InstanceOverride) -> Option<u32> {
    let Some(weight) = raw.weighted_capacity else { return Some(1) };
    if !(1..=LARGEST_WEIGHT).contains(&weight.0) {
        context.error(&path.key("weightedCapacity"), "must lie between 1 and 999");
        return None;
    }
    u32::try_from(weight.0).ok()
}

/// What keeps a group's sizes from counting instances, if anything does.
pub(super) fn weighted_by(raw: &raw::AutoScalingGroup) -> Option<&'static str> {
    if raw.desired_capacity_type != DesiredCapacityType::Units {
        return Some("desiredCapacityType");
    }
    let weighted = overrides(raw).iter().any(|it| it.weighted_capacity.is_some());
    weighted.then_some("weightedCapacity")
}

/// `InstancesDistribution`; all On-Demand without a policy.
pub(super) fn distribution(
    context: &Context<'_>,
    path: &Path,
    policy: Option<&MixedInstancesPolicy>,
) -> InstancesDistribution {
    let Some(policy) = policy else { return InstancesDistribution::default() };
    let raw = &policy.instances_distribution;
    let path = path.key("mixedInstancesPolicy").key("instancesDistribution");
    let mut overrides = policy.launch_template.overrides.iter();
    let by_attributes = overrides.any(|it| it.instance_requirements.is_some());
    let prioritized = Some(OnDemandAllocationStrategy::Prioritized);
    for (key, ordered) in [
        ("onDemandAllocationStrategy", raw.on_demand_allocation_strategy == prioritized),
        (
            "spotAllocationStrategy",
            raw.spot_allocation_strategy == SpotAllocationStrategy::CapacityOptimizedPrioritized,
        ),
    ] {
        if by_attributes && ordered {
            let message =
                "needs an order of the instance types, which `instanceRequirements` do not give";
            context.error(&path.key(key), message);
        }
    }
    let lowest = raw.spot_allocation_strategy == SpotAllocationStrategy::LowestPrice;
    if raw.spot_instance_pools.is_some() && !lowest {
        let message = "only the strategy `lowest-price` spreads over a number of pools";
        context.note(&path.key("spotInstancePools"), message);
    }
    if raw.spot_max_price.is_some_and(|price| price.0 == 0) {
        context.error(&path.key("spotMaxPrice"), "must be above zero");
    }
    InstancesDistribution {
        on_demand_base: raw.on_demand_base_capacity,
        on_demand_percentage: raw.on_demand_percentage_above_base_capacity,
        on_demand_strategy: match raw.on_demand_allocation_strategy {
            Some(OnDemandAllocationStrategy::Prioritized) => OnDemandStrategy::Prioritized,
            None if !by_attributes => OnDemandStrategy::Prioritized,
            Some(OnDemandAllocationStrategy::LowestPrice) | None => OnDemandStrategy::LowestPrice,
        },
        spot_strategy: match raw.spot_allocation_strategy {
            SpotAllocationStrategy::LowestPrice => {
                SpotStrategy::LowestPrice { pools: raw.spot_instance_pools.unwrap_or(SPOT_POOLS) }
            }
            SpotAllocationStrategy::CapacityOptimized => SpotStrategy::CapacityOptimized,
            SpotAllocationStrategy::CapacityOptimizedPrioritized => {
                SpotStrategy::CapacityOptimizedPrioritized
            }
            SpotAllocationStrategy::PriceCapacityOptimized => SpotStrategy::PriceCapacityOptimized,
        },
        spot_max_price: raw.spot_max_price.map(|it| HourlyRate::from_ten_billionths(it.0)),
    }
}

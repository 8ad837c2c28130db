//! The instance types of a group and how it divides its capacity among them.

use plimsoll_core::catalog::HourlyRate;
use plimsoll_core::scenario::{InstancesDistribution, LaunchType, OnDemandStrategy, SpotStrategy};

use super::{Context, attributes, cluster};
use crate::language::raw::cluster as raw;
use crate::language::raw::purchase::{
    InstanceOverride, MixedInstancesPolicy, OnDemandAllocationStrategy, SpotAllocationStrategy,
};
use crate::language::tree::Path;

/// Pools over which `lowest-price` spreads by default.
const SPOT_POOLS: u32 = 2;
const LARGEST_WEIGHT: u64 = 999;

/// An instance type as it is written.
struct Named<'r> {
    name: &'r str,
    weight: u32,
    path: Path,
}

/// The types that a group can launch; `None` if any is refused.
pub(super) fn types(
    context: &Context<'_>,
    path: &Path,
    raw: &raw::AutoScalingGroup,
    zones: &[String],
) -> Option<Vec<LaunchType>> {
    let named = named(context, path, raw)?;
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
        types.push(LaunchType { shape, weight: it.weight, attributes });
    }
    good.then_some(types)
}

fn named<'r>(
    context: &Context<'_>,
    path: &Path,
    raw: &'r raw::AutoScalingGroup,
) -> Option<Vec<Named<'r>>> {
    let overrides = raw.mixed_instances_policy.as_ref().map(|it| &it.launch_template.overrides);
    let overrides = overrides.filter(|it| !it.is_empty());
    let Some(overrides) = overrides else {
        let Some(name) = &raw.instance_type else {
            let message = "it is not said what instances the group launches";
            let hint = "give `instanceType`, or `overrides` in a `mixedInstancesPolicy`";
            context.error_hint(path, message, hint);
            return None;
        };
        return Some(vec![Named { name, weight: 1, path: path.key("instanceType") }]);
    };
    if raw.instance_type.is_some() {
        let message = "the overrides of `mixedInstancesPolicy` take the place of this type";
        context.note(&path.key("instanceType"), message);
    }
    let path = path.key("mixedInstancesPolicy").key("launchTemplate").key("overrides");
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
        if named.iter().any(|other| other.name == it.instance_type) {
            context.duplicate(&path.key("instanceType"), "overrides", &it.instance_type);
            good = false;
        }
        let Some(weight) = weight(context, &path, it) else {
            good = false;
            continue;
        };
        named.push(Named { name: &it.instance_type, weight, path: path.key("instanceType") });
    }
    good.then_some(named)
}

fn weight(context: &Context<'_>, path: &Path, raw: &InstanceOverride) -> Option<u32> {
    let Some(weight) = raw.weighted_capacity else { return Some(1) };
    if !(1..=LARGEST_WEIGHT).contains(&weight.0) {
        context.error(&path.key("weightedCapacity"), "must lie between 1 and 999");
        return None;
    }
    u32::try_from(weight.0).ok()
}

/// Whether any type of a group has a weight.
pub(super) fn is_weighted(raw: &raw::AutoScalingGroup) -> bool {
    let policy = raw.mixed_instances_policy.as_ref();
    policy.is_some_and(|it| {
        it.launch_template.overrides.iter().any(|it| it.weighted_capacity.is_some())
    })
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
            OnDemandAllocationStrategy::Prioritized => OnDemandStrategy::Prioritized,
            OnDemandAllocationStrategy::LowestPrice => OnDemandStrategy::LowestPrice,
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

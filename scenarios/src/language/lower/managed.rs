//! Managed Instances: the group that ECS runs for a capacity provider.

use plimsoll_core::autoscaling::managed_instances::{Consolidation, DRAIN_AFTER};
use plimsoll_core::engine::DurationDistribution;
use plimsoll_core::purchase::requirements::CapacityUnit;
use plimsoll_core::scenario::{
    AutoScalingGroup, CapacityProviderKind, InstancesDistribution, LaunchType, ManagedInstances,
    OnDemandStrategy, OperatingSystem, PurchaseOption, Sold,
};
use plimsoll_core::units::{AsgId, Id, SimDuration, ZoneId};
use serde_json::json;

use super::requirements::{Asking, ImageArchitecture};
use super::{Context, attributes, cluster, distribution, group, requirements};
use crate::language::raw::ScenarioDocument;
use crate::language::raw::cluster as raw_cluster;
use crate::language::raw::managed as raw;
use crate::language::raw::requirements::InstanceRequirements;
use crate::language::tree::Path;

/// The kind of a provider, and its group, which gets the id `id`.
pub(super) fn lower(
    context: &Context<'_>,
    path: &Path,
    document: &ScenarioDocument,
    (name, raw): (&str, &raw::ManagedInstancesProvider),
    (id, zones): (AsgId, &[String]),
) -> Option<(CapacityProviderKind, AutoScalingGroup)> {
    let choices = &document.control_plane.managed_instances;
    let template = &raw.instance_launch_template;
    let template_path = path.key("instanceLaunchTemplate");
    let option = match template.capacity_option_type {
        raw::CapacityOptionType::OnDemand => PurchaseOption::OnDemand,
        raw::CapacityOptionType::Spot => PurchaseOption::Spot,
        raw::CapacityOptionType::Reserved => {
            let message = "capacity reservations are not simulated";
            context.error(&template_path.key("capacityOptionType"), message);
            return None;
        }
    };
    let open = Path::root().key("controlPlane").key("managedInstances");
    let launch_time = distribution::lower(context, &open.key("launchTime"), &choices.launch_time);
    let registration_time =
        distribution::lower(context, &open.key("registrationTime"), &choices.registration_time);
    let default_zones = plimsoll_core::catalog::default_zones(context.region);
    let named = raw.availability_zones.as_deref().unwrap_or(&default_zones);
    let base = base(name, raw, named)?;
    let types = types(context, &template_path, document, raw, (&base, option, named))?;
    let spot = option == PurchaseOption::Spot;
    let group = AutoScalingGroup {
        name: name.to_owned(),
        types,
        distribution: InstancesDistribution {
            on_demand_percentage: if spot { 0 } else { 100 },
            on_demand_strategy: OnDemandStrategy::LowestPrice,
            ..InstancesDistribution::default()
        },
        capacity_rebalance: false,
        zones: named
            .iter()
            .filter_map(|zone| zones.binary_search(zone).ok().map(ZoneId::from_index))
            .collect(),
        min_size: 0,
        max_size: super::instances_per_cluster(context, &document.control_plane),
        desired_capacity: 0,
        starts_ready: false,
        launch_time: launch_time?,
        registration_time: registration_time?,
        reconcile_lag: DurationDistribution::ZERO,
        root_volume_gib: template.storage_configuration.storage_size_gi_b,
        agent: cluster::agent(&base),
        operation: plimsoll_core::scenario::GroupOperation {
            max_instance_lifetime: Some(DRAIN_AFTER),
            ..group::operation(context, path, &base, named)
        },
    };
    let scale_in_after = match raw.infrastructure_optimization.scale_in_after {
        None => Some(choices.default_scale_in_after.duration()),
        // Negative: never.
        Some(seconds) => u64::try_from(seconds).ok().map(SimDuration::from_secs),
    };
    let settings = ManagedInstances {
        option,
        scale_in_after,
        consolidation: match choices.consolidation {
            raw::Consolidation::FewerOrCheaper => Consolidation::FewerOrCheaper,
            raw::Consolidation::Fewer => Consolidation::Fewer,
            raw::Consolidation::Off => Consolidation::Off,
        },
        provisioning_delay: choices.provisioning_delay.duration(),
    };
    Some((CapacityProviderKind::ManagedInstances { group: id, settings }, group))
}

/// What an Auto Scaling group would say of the same instances, apart from their types.
fn base(
    name: &str,
    raw: &raw::ManagedInstancesProvider,
    zones: &[String],
) -> Option<raw_cluster::AutoScalingGroup> {
    let group = json!({
        "autoScalingGroupName": name,
        "availabilityZones": zones,
        "minSize": 0,
        "maxSize": 0,
        "awsvpcTrunking": raw.awsvpc_trunking,
    });
    serde_json::from_value(group).ok()
}

fn types(
    context: &Context<'_>,
    path: &Path,
    document: &ScenarioDocument,
    raw: &raw::ManagedInstancesProvider,
    (base, option, zones): (&raw_cluster::AutoScalingGroup, PurchaseOption, &[String]),
) -> Option<Vec<LaunchType>> {
    let choices = &document.control_plane.managed_instances;
    let default: InstanceRequirements;
    let given = raw.instance_launch_template.instance_requirements.as_ref();
    let requirements = if let Some(given) = given {
        given
    } else {
        default = serde_json::from_value(json!({
            "vCpuCount": {},
            "memoryMiB": {},
            "allowedInstanceTypes": choices.default_instance_types,
            "instanceGenerations": ["current"],
        }))
        .ok()?;
        &default
    };
    let asking = Asking {
        document,
        zones,
        operating_system: OperatingSystem::Linux,
        architecture: ImageArchitecture::Any,
        unit: CapacityUnit::Vcpu,
        protected: false,
        sold: Sold {
            on_demand: option == PurchaseOption::OnDemand,
            spot: option == PurchaseOption::Spot,
        },
    };
    let path = path.key("instanceRequirements");
    let selected = requirements::choose(context, &path, requirements, &asking)?;
    let mut types: Vec<LaunchType> = Vec::with_capacity(selected.len());
    for it in selected {
        let shape = cluster::shape(context, &path, &path, it.instance_type.name, base)?;
        let attributes = match types.first() {
            None => attributes::lower(context, &path, base, &shape, zones),
            Some(first) => attributes::of_type(context, base, &first.attributes, &shape),
        };
        let sold = Sold { on_demand: it.on_demand, spot: it.spot };
        types.push(LaunchType { shape, weight: 1, attributes, sold });
    }
    Some(types)
}

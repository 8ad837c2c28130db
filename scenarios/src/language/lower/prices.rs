//! Prices of everything that a scenario can use.

use plimsoll_core::billing::{FargateRates, PriceBook, PriceNeeds};
use plimsoll_core::catalog::{HourlyRate, INCLUDED_EPHEMERAL_GIB, MonthlyRate};
use plimsoll_core::scenario::{
    Architecture, AutoScalingGroup, BatchSource, CapacityProviderKind, LaunchTarget, LaunchType,
    OperatingSystem, Service, TaskDefinition,
};
use plimsoll_core::units::{Id, TaskDefinitionId};

use super::Context;
use super::cluster::Cluster;
use super::task_definition::Definition;
use crate::language::raw::kinds::Usd;
use crate::language::raw::pricing::{FargatePrice, Pricing};
use crate::language::tree::Path;

/// Remarks on prices that are made: with attribute-based selection there may be hundreds.
const MOST_WARNINGS: usize = 12;

/// The price book; reports what neither the catalogue nor the scenario prices.
pub(super) fn lower(
    context: &Context<'_>,
    raw: &Pricing,
    cluster: &Cluster,
    definitions: &[Definition],
    services: &[Service],
    batches: &[BatchSource],
) -> Option<PriceBook> {
    let needs = needs(context, cluster, definitions, services, batches);
    let mut book = PriceBook::from_catalogue(context.region, &needs);
    override_instances(context, raw, &needs, &mut book);
    for &(operating_system, architecture, spot) in &needs.fargate {
        let given = if spot { &raw.fargate_spot } else { &raw.fargate };
        if let Some(given) = given {
            let rates = fargate_rates(&book, given, (operating_system, architecture, spot));
            book.set_fargate_rates(operating_system, architecture, spot, rates);
        }
    }
    if let Some(rate) = raw.ephemeral_storage_gb_hour {
        book.set_ephemeral_storage_rate(hourly(rate));
    }
    if let Some(rate) = raw.volume_gb_month {
        book.set_volume_rate(MonthlyRate::from_ten_billionths(rate.0));
    }
    if let Some(rate) = raw.load_balancer_hour {
        book.set_load_balancer_rate(hourly(rate));
    }
    if let Some(rate) = raw.load_balancer_unit_hour {
        book.set_load_balancer_unit_rate(hourly(rate));
    }
    if let Some(rate) = raw.network_load_balancer_unit_hour {
        book.set_network_unit_rate(hourly(rate));
    }
    if let Some(percent) = raw.managed_instances_fee {
        book.set_managed_fee((percent * 10.0).round() as u32);
        if !cluster.has_managed() {
            let path = Path::root().key("pricing").key("managedInstancesFee");
            context.note(&path, "nothing in the scenario is charged at this price");
        }
    }
    report_unused(context, raw, &needs);
    let missing = book.missing(&needs);
    for price in &missing {
        let at = place(cluster, &price.item);
        let message = format!("there is no price of {} in region `{}`", price.item, price.region);
        let hint = if price.known_in.is_empty() {
            "give one under `pricing`".to_owned()
        } else {
            format!("give one under `pricing`, or use one of {}", price.known_in.join(", "))
        };
        context.error_hint(&at, message, hint);
    }
    let warnings = book.warnings();
    let more = warnings.len().saturating_sub(MOST_WARNINGS);
    for warning in warnings.into_iter().take(MOST_WARNINGS) {
        context.note(&Path::root().key("region"), warning);
    }
    if 0 < more {
        context.note(&Path::root().key("region"), format!("the same holds for {more} more prices"));
    }
    missing.is_empty().then_some(book)
}

/// Where something without a price is asked for: the group whose instance type it is, or the region.
fn place(cluster: &Cluster, item: &str) -> Path {
    let named = |it: &LaunchType| item.contains(&format!("`{}`", it.shape.instance_type));
    let named = |group: &AutoScalingGroup| group.types.iter().any(named);
    match cluster.groups.iter().position(|group| group.as_ref().is_some_and(named)) {
        Some(index) if index < cluster.group_names.len() => {
            Path::root().key("autoScalingGroups").index(index).key("instanceType")
        }
        Some(_) => Path::root().key("capacityProviders"),
        None => Path::root().key("region"),
    }
}

fn hourly(rate: Usd) -> HourlyRate {
    HourlyRate::from_ten_billionths(rate.0)
}

/// Remarks on given prices that nothing is charged at.
fn report_unused(context: &Context<'_>, raw: &Pricing, needs: &PriceNeeds<'_>) {
    let on_fargate = |spot: bool| needs.fargate.iter().any(|kind| kind.2 == spot);
    let (balancers, network) = (needs.load_balancers, needs.network_load_balancers);
    for (key, given, used) in [
        ("fargate", raw.fargate.is_some(), on_fargate(false)),
        ("fargateSpot", raw.fargate_spot.is_some(), on_fargate(true)),
        (
            "ephemeralStorageGbHour",
            raw.ephemeral_storage_gb_hour.is_some(),
            needs.ephemeral_storage,
        ),
        ("volumeGbMonth", raw.volume_gb_month.is_some(), needs.volumes),
        ("loadBalancerHour", raw.load_balancer_hour.is_some(), balancers || network),
        ("loadBalancerUnitHour", raw.load_balancer_unit_hour.is_some(), balancers),
        ("networkLoadBalancerUnitHour", raw.network_load_balancer_unit_hour.is_some(), network),
    ] {
        if given && !used {
            let path = Path::root().key("pricing").key(key);
            context.note(&path, "nothing in the scenario is charged at this price");
        }
    }
}

fn override_instances(
    context: &Context<'_>,
    raw: &Pricing,
    needs: &PriceNeeds<'_>,
    book: &mut PriceBook,
) {
    let path = Path::root().key("pricing").key("instanceHour");
    for (name, rate) in &raw.instance_hour {
        if plimsoll_core::catalog::instance_type(name).is_none() {
            let known: Vec<&str> = needs.instances.iter().map(|it| it.0).collect();
            context.dangling(&path.key(name), "instance type", name, known);
        } else if !needs.instances.iter().any(|it| it.0 == name) {
            context.note(&path.key(name), format!("no group uses `{name}`: no effect"));
        }
        for &(used, operating_system) in needs.instances.iter().filter(|it| it.0 == name) {
            book.set_instance_rate(used, operating_system, hourly(*rate));
        }
    }
}

/// Given prices do not say what a licence costs: that part stays.
fn fargate_rates(
    book: &PriceBook,
    given: &FargatePrice,
    kind: (OperatingSystem, Architecture, bool),
) -> FargateRates {
    let (operating_system, architecture, spot) = kind;
    let built_in = book.fargate_rates(operating_system, architecture, spot);
    FargateRates {
        vcpu_hour: hourly(given.vcpu_hour),
        gb_hour: hourly(given.gb_hour),
        os_license_vcpu_hour: built_in.and_then(|rates| rates.os_license_vcpu_hour),
    }
}

fn needs<'c>(
    context: &Context<'_>,
    cluster: &'c Cluster,
    definitions: &[Definition],
    services: &[Service],
    batches: &[BatchSource],
) -> PriceNeeds<'c> {
    let groups = || cluster.groups.iter().flatten();
    let has_balancers = |network: bool| {
        let mut groups = services.iter().filter_map(|service| service.target_group.as_ref());
        groups.any(|group| group.protocol.is_network() == network)
    };
    let mut needs = PriceNeeds {
        instances: groups()
            .flat_map(|group| &group.types)
            .map(|it| (it.shape.instance_type.as_str(), it.shape.operating_system))
            .collect(),
        volumes: groups().any(|group| 0 < group.root_volume_gib),
        load_balancers: has_balancers(false),
        network_load_balancers: has_balancers(true),
        windows_fargate_price: context.rules.windows_fargate_price,
        ..PriceNeeds::default()
    };
    let uses = services
        .iter()
        .flat_map(Service::uses)
        .chain(batches.iter().map(|batch| (batch.task_definition, &batch.launch)));
    for (definition, launch) in uses {
        let task = task(definitions, definition);
        for spot in fargate_kinds(launch, cluster) {
            needs.fargate.push((task.operating_system, task.architecture, spot));
            needs.ephemeral_storage |= INCLUDED_EPHEMERAL_GIB < task.ephemeral_storage_gib;
        }
    }
    needs.instances.sort_unstable();
    needs.instances.dedup();
    needs.fargate.sort_unstable();
    needs.fargate.dedup();
    needs
}

fn task(definitions: &[Definition], id: TaskDefinitionId) -> &TaskDefinition {
    &definitions[id.index()].task
}

/// For each use of Fargate whether it is Spot.
fn fargate_kinds(launch: &LaunchTarget, cluster: &Cluster) -> Vec<bool> {
    match launch {
        LaunchTarget::Ec2 => Vec::new(),
        LaunchTarget::Fargate => vec![false],
        LaunchTarget::Strategy(items) => items
            .iter()
            .filter_map(|item| match cluster.provider_kind(item.capacity_provider)? {
                CapacityProviderKind::Fargate => Some(false),
                CapacityProviderKind::FargateSpot { .. } => Some(true),
                CapacityProviderKind::AutoScalingGroup { .. }
                | CapacityProviderKind::ManagedInstances { .. } => None,
            })
            .collect(),
    }
}

//! Launch targets, placement strategies and constraints, and whether a task can ever be placed.

use plimsoll_core::placement::{PlacementConstraint, PlacementStrategy, check_attribute_name};
use plimsoll_core::scenario::{
    AutoScalingGroup, CapacityProviderKind, InstanceShape, LaunchTarget, NetworkMode,
    OperatingSystem, StrategyItem, TaskDefinition,
};
use plimsoll_core::units::{AsgId, CapacityProviderId, Id};

use super::cluster::Cluster;
use super::task_definition::Definition;
use super::{Context, constraint};
use crate::language::raw::service::{self as raw, LaunchType, PlacementStrategyType};
use crate::language::tree::{Path, shorten};

/// Where something runs, as the document has it.
pub(super) struct Placement<'r> {
    pub(super) path: &'r Path,
    pub(super) launch_type: Option<LaunchType>,
    pub(super) strategy: &'r [raw::StrategyItem],
    pub(super) default_strategy: &'r [raw::StrategyItem],
    pub(super) rules: &'r [raw::PlacementStrategy],
    pub(super) constraints: &'r [raw::PlacementConstraint],
}

/// Where something runs, as the simulator takes it.
pub(super) struct Placed {
    /// `None` if it was refused.
    pub(super) launch: Option<LaunchTarget>,
    pub(super) strategies: Vec<PlacementStrategy>,
    pub(super) constraints: Vec<PlacementConstraint>,
}

/// Launch target and placement rules; reports those that AWS refuses.
pub(super) fn lower(
    context: &Context<'_>,
    placement: &Placement<'_>,
    cluster: &mut Cluster,
) -> Placed {
    let launch = launch_target(context, placement, cluster);
    if launch == Some(LaunchTarget::Ec2) && cluster.has_managed() {
        let message = "tasks of launch type EC2 beside Managed Instances are not simulated";
        let hint = "give a `capacityProviderStrategy`";
        context.error_hint(placement.path, message, hint);
    }
    let on_fargate = launch.as_ref().is_some_and(|launch| runs_on_fargate(launch, cluster));
    let (strategies, constraints) = rules(context, placement, on_fargate);
    let on_managed = launch.as_ref().is_some_and(|launch| runs_on_managed(launch, cluster));
    if on_managed && constraints.iter().any(|it| it.expression().is_some()) {
        let path = placement.path.key("placementConstraints");
        context.error(&path, MEMBER_OF_MANAGED);
    }
    Placed { launch, strategies, constraints }
}

/// ECS chooses instance types for the tasks: an expression about instances would have to take part in that.
const MEMBER_OF_MANAGED: &str = "expressions about Managed Instances are not simulated";

/// Whether tasks of a launch target run on Managed Instances.
pub(super) fn runs_on_managed(launch: &LaunchTarget, cluster: &Cluster) -> bool {
    let LaunchTarget::Strategy(items) = launch else { return false };
    items.iter().any(|item| cluster.is_managed(item.capacity_provider))
}

/// Whether all tasks of a launch target run on Fargate.
pub(super) fn runs_on_fargate(launch: &LaunchTarget, cluster: &Cluster) -> bool {
    match launch {
        LaunchTarget::Ec2 => false,
        LaunchTarget::Fargate => true,
        LaunchTarget::Strategy(items) => {
            items.iter().all(|item| cluster.is_fargate(item.capacity_provider))
        }
    }
}

/// The launch target; reports references to nothing and strategies that AWS refuses.
fn launch_target(
    context: &Context<'_>,
    placement: &Placement<'_>,
    cluster: &mut Cluster,
) -> Option<LaunchTarget> {
    match placement.launch_type {
        Some(_) if !placement.strategy.is_empty() => {
            context.error(
                &placement.path.key("launchType"),
                "a launch type and a capacity provider strategy exclude each other",
            );
            None
        }
        Some(LaunchType::Fargate) => {
            cluster.fargate();
            Some(LaunchTarget::Fargate)
        }
        None if !placement.strategy.is_empty() => {
            let path = placement.path.key("capacityProviderStrategy");
            strategy(context, &path, placement.strategy, cluster)
        }
        None if !placement.default_strategy.is_empty() => {
            let path = Path::root().key("defaultCapacityProviderStrategy");
            strategy(context, &path, placement.default_strategy, cluster)
        }
        // The API's default is EC2.
        Some(LaunchType::Ec2) | None => Some(LaunchTarget::Ec2),
    }
}

pub(super) fn strategy(
    context: &Context<'_>,
    path: &Path,
    raw: &[raw::StrategyItem],
    cluster: &mut Cluster,
) -> Option<LaunchTarget> {
    let mut items: Vec<StrategyItem> = Vec::with_capacity(raw.len());
    let mut complete = true;
    for (index, item) in raw.iter().enumerate() {
        let name = path.index(index).key("capacityProvider");
        let Some(provider) = cluster.provider(&item.capacity_provider) else {
            complete = false;
            let known = cluster.provider_names();
            context.dangling(&name, "capacity provider", &item.capacity_provider, known);
            continue;
        };
        if items.iter().any(|other| other.capacity_provider == provider) {
            let message = format!("`{}` appears twice in the strategy", item.capacity_provider);
            context.error(&name, message);
            complete = false;
        }
        items.push(StrategyItem {
            capacity_provider: provider,
            base: item.base,
            weight: item.weight,
        });
    }
    let most = context.rules.capacity_providers_per_strategy as usize;
    if most < raw.len() {
        let name = context.rules.name;
        let message = format!("a strategy has at most {most} entries in the AWS rules of {name}");
        context.error(path, message);
        complete = false;
    }
    if raw.iter().filter(|item| 0 < item.base).count() > 1 {
        context.error(path, "only one entry of a strategy may have a base");
        complete = false;
    }
    if raw.iter().all(|item| item.weight == 0) {
        context.error(path, "all weights are zero: at least one entry needs a weight");
        complete = false;
    }
    let fargate = |item: &StrategyItem| cluster.is_fargate(item.capacity_provider);
    if items.iter().any(fargate) && !items.iter().all(fargate) {
        context.error(
            path,
            "a strategy cannot mix Fargate with capacity providers of Auto Scaling groups",
        );
        complete = false;
    }
    let managed = |item: &StrategyItem| cluster.is_managed(item.capacity_provider);
    if !items.iter().any(fargate) && items.iter().any(managed) && !items.iter().all(managed) {
        let message = "a strategy cannot mix Managed Instances with other capacity providers";
        context.error(path, message);
        complete = false;
    }
    complete.then_some(LaunchTarget::Strategy(items))
}

/// Placement strategies and constraints.
fn rules(
    context: &Context<'_>,
    placement: &Placement<'_>,
    on_fargate: bool,
) -> (Vec<PlacementStrategy>, Vec<PlacementConstraint>) {
    let Placement { path, rules: strategies, constraints, .. } = placement;
    if on_fargate {
        for (key, given) in [
            ("placementStrategy", !strategies.is_empty()),
            ("placementConstraints", !constraints.is_empty()),
        ] {
            if given {
                context.error(&path.key(key), "tasks on Fargate take no placement rules");
            }
        }
    }
    let strategy_path = path.key("placementStrategy");
    let strategies = strategies
        .iter()
        .enumerate()
        .filter_map(|(index, raw)| one_strategy(context, &strategy_path.index(index), raw))
        .collect();
    let constraints = constraint::lower(context, &path.key("placementConstraints"), constraints);
    (strategies, constraints)
}

fn one_strategy(
    context: &Context<'_>,
    path: &Path,
    raw: &raw::PlacementStrategy,
) -> Option<PlacementStrategy> {
    let field = raw.field.as_deref().unwrap_or("");
    if raw.kind == PlacementStrategyType::Custom {
        return custom_strategy(context, &path.key("field"), field);
    }
    // The API takes `cpu` and `CPU` alike.
    let known = match (raw.kind, field.to_lowercase().as_str()) {
        (PlacementStrategyType::Binpack, "cpu") => Some(PlacementStrategy::BinpackCpu),
        (PlacementStrategyType::Binpack, "memory") => Some(PlacementStrategy::BinpackMemory),
        (PlacementStrategyType::Spread, "attribute:ecs.availability-zone") => {
            Some(PlacementStrategy::SpreadZone)
        }
        (PlacementStrategyType::Spread, "instanceid" | "host") => {
            Some(PlacementStrategy::SpreadInstance)
        }
        (PlacementStrategyType::Random, "") => Some(PlacementStrategy::Random),
        _ => None,
    };
    if known.is_some() {
        return known;
    }
    let field_path = path.key("field");
    if raw.kind == PlacementStrategyType::Spread
        && let Some(name) = field.strip_prefix("attribute:")
    {
        // Names of attributes are case-sensitive.
        return match check_attribute_name(name) {
            Ok(()) => Some(PlacementStrategy::SpreadAttribute(name.into())),
            Err(error) => {
                context.error(&field_path, error.to_string());
                None
            }
        };
    }
    let supported = match raw.kind {
        PlacementStrategyType::Binpack => "`cpu`, `memory`",
        PlacementStrategyType::Spread => "`attribute:NAME`, `instanceId`, `host`",
        PlacementStrategyType::Random | PlacementStrategyType::Custom => "no field",
    };
    let message = match field {
        "" => "the field is missing".to_owned(),
        _ => format!("the field `{}` is not supported here", shorten(field)),
    };
    context.error_hint(&field_path, message, format!("supported: {supported}"));
    None
}

/// A strategy that is not of ECS.
fn custom_strategy(context: &Context<'_>, path: &Path, name: &str) -> Option<PlacementStrategy> {
    let known = context.strategies.get(name);
    if known.is_none() {
        let message = match name {
            "" => "the field is missing".to_owned(),
            _ => format!("there is no placement strategy `{}`", shorten(name)),
        };
        let names: Vec<String> =
            context.strategies.names().map(|name| format!("`{name}`")).collect();
        context.error_hint(path, message, format!("known: {}", names.join(", ")));
    }
    known.cloned()
}

/// Reports tasks that no instance or Fargate size could ever run.
pub(super) fn check_fit(
    context: &Context<'_>,
    path: &Path,
    launch: &LaunchTarget,
    definition: &Definition,
    cluster: &Cluster,
) {
    let task = &definition.task;
    match launch {
        LaunchTarget::Ec2 => check_any_group(context, path, task, cluster),
        LaunchTarget::Fargate => check_fargate(context, path, definition, false),
        LaunchTarget::Strategy(items) => {
            for item in items {
                match cluster.provider_kind(item.capacity_provider) {
                    Some(CapacityProviderKind::AutoScalingGroup { group, .. }) => {
                        check_group(context, path, task, cluster, *group, item.capacity_provider);
                    }
                    Some(CapacityProviderKind::ManagedInstances { group, .. }) => {
                        check_managed(context, path, task);
                        check_group(context, path, task, cluster, *group, item.capacity_provider);
                    }
                    Some(CapacityProviderKind::Fargate) => {
                        check_fargate(context, path, definition, false);
                    }
                    Some(CapacityProviderKind::FargateSpot { .. }) => {
                        check_fargate(context, path, definition, true);
                    }
                    None => {}
                }
            }
        }
    }
}

fn check_any_group(context: &Context<'_>, path: &Path, task: &TaskDefinition, cluster: &Cluster) {
    if cluster.groups.is_empty() {
        context.error_hint(
            path,
            "this runs on EC2, but the scenario has no container instances",
            "list `autoScalingGroups`, or give a `launchType` or `capacityProviderStrategy`",
        );
        return;
    }
    let groups: Vec<_> = cluster.groups.iter().flatten().collect();
    // A group that was refused has its own message.
    if groups.len() < cluster.groups.len() {
        return;
    }
    let obstacles: Vec<String> =
        groups.iter().filter_map(|group| obstacle_on(task, group)).collect();
    if let (Some(first), true) = (obstacles.first(), obstacles.len() == groups.len()) {
        let message =
            format!("no instance can ever run task definition `{}`: {first}", task.family);
        context.error(&path.key("taskDefinition"), message);
    }
}

/// Reports what Managed Instances do not run.
fn check_managed(context: &Context<'_>, path: &Path, task: &TaskDefinition) {
    let path = path.key("taskDefinition");
    if !matches!(task.network_mode, NetworkMode::Awsvpc | NetworkMode::Host) {
        let message = format!(
            "task definition `{}` does not fit Managed Instances: they need `networkMode: awsvpc` or `host`",
            task.family
        );
        context.error(&path, message);
    }
    if task.placement_constraints.iter().any(|it| it.expression().is_some()) {
        context.error(&path, MEMBER_OF_MANAGED);
    }
}

fn check_group(
    context: &Context<'_>,
    path: &Path,
    task: &TaskDefinition,
    cluster: &Cluster,
    group: AsgId,
    provider: CapacityProviderId,
) {
    let Some(Some(group)) = cluster.groups.get(group.index()) else { return };
    if let Some(obstacle) = obstacle_on(task, group) {
        let provider = cluster.provider_name(provider);
        let message = format!(
            "capacity provider `{provider}` can never run task definition `{}`: {obstacle}",
            task.family
        );
        context.error(&path.key("taskDefinition"), message);
    }
}

/// Why no instance of `group` can ever take `task`: what keeps it off the first of its types.
pub(super) fn obstacle_on(task: &TaskDefinition, group: &AutoScalingGroup) -> Option<String> {
    let mut first = None;
    for it in &group.types {
        let found = obstacle(task, &it.shape)?;
        first.get_or_insert(found);
    }
    first
}

/// Why an empty instance of `shape` cannot take `task`.
pub(super) fn obstacle(task: &TaskDefinition, shape: &InstanceShape) -> Option<String> {
    let name = &shape.instance_type;
    let short = |what: &str, needed: u64, unit: &str, has: u64| {
        Some(format!("it needs {needed}{unit} of {what}, `{name}` registers {has}{unit}"))
    };
    if task.architecture != shape.architecture {
        let word = |architecture| match architecture {
            plimsoll_core::scenario::Architecture::X86_64 => "X86_64",
            plimsoll_core::scenario::Architecture::Arm64 => "ARM64",
        };
        return Some(format!(
            "it is built for {}, `{name}` is {}",
            word(task.architecture),
            word(shape.architecture)
        ));
    }
    if task.operating_system != shape.operating_system {
        return Some(format!("its operating system is not that of `{name}`"));
    }
    if shape.cpu < task.cpu {
        return short("CPU", task.cpu.as_ecs_units(), " units", shape.cpu.as_ecs_units());
    }
    if shape.memory < task.memory {
        return short("memory", task.memory.as_mib(), " MiB", shape.memory.as_mib());
    }
    if shape.gpus < task.gpus {
        return short("GPUs", u64::from(task.gpus), "", u64::from(shape.gpus));
    }
    if shape.task_network_interfaces < task.network_interfaces() {
        return Some(format!("it needs a network interface, `{name}` has none to spare"));
    }
    None
}

fn check_fargate(context: &Context<'_>, path: &Path, definition: &Definition, spot: bool) {
    let path = path.key("taskDefinition");
    let task = &definition.task;
    for reason in &definition.not_on_fargate {
        let family = &task.family;
        let message = format!("task definition `{family}` does not fit Fargate: {reason}");
        context.error(&path, message);
    }
    if spot && task.operating_system == OperatingSystem::Windows {
        context.error(&path, "FARGATE_SPOT does not run Windows");
    }
}

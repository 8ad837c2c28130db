//! Faults.

use plimsoll_core::engine::DurationDistribution;
use plimsoll_core::scenario::{BatchSource, Disruption, Fault, FaultKind, FaultOwner, Service};
use plimsoll_core::units::{Id, TaskDefinitionId};

use super::cluster::Cluster;
use super::task_definition::{self, Definition};
use super::{Context, distribution};
use crate::language::raw;
use crate::language::raw::ScenarioDocument;
use crate::language::raw::fault::FaultType;
use crate::language::tree::Path;
use times::Times;

mod disruption;
mod times;

/// Exit code of a process that the kernel killed.
const KILLED: u8 = 137;

/// All faults of tasks and all disruptions; `None` if one was refused.
pub(super) fn lower(
    context: &Context<'_>,
    document: &ScenarioDocument,
    definitions: &[Definition],
    cluster: &Cluster,
    services: &[Service],
    batches: &[BatchSource],
) -> Option<(Vec<Fault>, Vec<Disruption>)> {
    let root = Path::root().key("faults");
    let raws = &document.task_definitions;
    let world = World { definitions, raws, cluster, services, batches };
    let mut names: Vec<String> = Vec::new();
    let (mut faults, mut disruptions) = (Vec::new(), Vec::new());
    let mut good = true;
    for (index, raw) in document.faults.iter().enumerate() {
        let path = root.index(index);
        let name = raw.name.clone().unwrap_or_else(|| format!("{:?}-{}", raw.kind, index + 1));
        if names.contains(&name) {
            context.duplicate(&path.key("name"), "faults", &name);
        }
        names.push(name.clone());
        if raw.kind == FaultType::InsufficientCapacity {
            // It hits launches of instances: see `spot`.
            continue;
        }
        let applies = keys_apply(context, &path, raw);
        let times = times::lower(context, &path, raw);
        let (Some(times), true) = (times, applies) else {
            good = false;
            continue;
        };
        if raw.kind.is_of_tasks() {
            let fault = one(context, &path, name, raw, times, &world);
            good &= fault.is_some();
            faults.extend(fault);
        } else {
            let quotas = document.control_plane.launch_rate_quotas;
            let lowered = disruption::lower(context, &path, raw, &world, quotas);
            let disruption = lowered.map(|kind| Disruption {
                name,
                windows: times.windows,
                random: times.random,
                recovered_after: times.recovered_after,
                kind,
            });
            good &= disruption.is_some();
            disruptions.extend(disruption);
        }
    }
    good.then_some((faults, disruptions))
}

/// Whether every key that is given means something for this type of fault.
fn keys_apply(context: &Context<'_>, path: &Path, raw: &raw::fault::Fault) -> bool {
    let kind = raw.kind;
    let exits = matches!(kind, FaultType::ContainerExit | FaultType::OutOfMemory);
    let starts = kind == FaultType::FailsToStart;
    let of_container = exits || starts || kind == FaultType::ContainerUnhealthy;
    let of_tasks = kind.is_of_tasks();
    let fails = kind == FaultType::InstanceFailure;
    let of_instances = fails || kind == FaultType::AgentDisconnected;
    let slow = kind == FaultType::SlowLaunches;
    let stops = fails || kind == FaultType::ZoneOutage;
    let mut good = true;
    let mut only = |key: &str, given: bool, applies: bool, kinds: &str| {
        if given && !applies {
            context.error(&path.key(key), format!("only {kinds} have `{key}`"));
            good = false;
        }
    };
    only("after", raw.after.is_some(), exits, "`containerExit` and `outOfMemory`");
    let coded = starts || kind == FaultType::ContainerExit;
    only("exitCode", raw.exit_code.is_some(), coded, "`containerExit` and `failsToStart`");
    only("container", raw.container.is_some(), of_container, "faults of containers");
    let metrics = matches!(kind, FaultType::MissingMetrics | FaultType::MetricDelay);
    only("service", raw.service.is_some(), of_tasks || metrics, "faults of tasks or metrics");
    let names = raw.metric_names.is_some();
    only("metricNames", names, metrics, "`missingMetrics` and `metricDelay`");
    only("delay", raw.delay.is_some(), kind == FaultType::MetricDelay, "`metricDelay`");
    only("runTask", raw.run_task.is_some(), of_tasks, "faults of tasks");
    only("taskDefinition", raw.task_definition.is_some(), of_tasks, "faults of tasks");
    let shared = of_tasks || kind == FaultType::AgentDisconnected;
    only("share", raw.share.is_some(), shared, "faults of tasks and `agentDisconnected`");
    only(
        "availabilityZone",
        raw.availability_zone.is_some(),
        of_instances || stops,
        "`zoneOutage`, `instanceFailure` and `agentDisconnected`",
    );
    only(
        "autoScalingGroupName",
        raw.auto_scaling_group_name.is_some(),
        of_instances || slow,
        "`instanceFailure`, `agentDisconnected` and `slowLaunches`",
    );
    only("launchType", raw.launch_type.is_some(), slow, "`slowLaunches`");
    only("count", raw.count.is_some(), fails, "`instanceFailure`");
    only("ratePerInstanceHour", raw.rate_per_instance_hour.is_some(), fails, "`instanceFailure`");
    let slower = slow || kind == FaultType::SlowImagePulls;
    only("factor", raw.factor.is_some(), slower, "`slowImagePulls` and `slowLaunches`");
    let throttles = kind == FaultType::ControlPlaneThrottling;
    only("remaining", raw.remaining.is_some(), throttles, "`controlPlaneThrottling`");
    let launches = "faults of type `insufficientCapacity`";
    only("instanceTypes", raw.instance_types.is_some(), false, launches);
    only("availabilityZones", raw.availability_zones.is_some(), false, launches);
    only("purchaseOption", raw.purchase_option.is_some(), false, launches);
    only("capacity", raw.capacity.is_some(), false, launches);
    only("interrupts", raw.interrupts.is_some(), false, launches);
    good
}

/// What a fault can hit.
pub(super) struct World<'w> {
    definitions: &'w [Definition],
    /// The same as they are written; standalone tasks without a definition come after them.
    raws: &'w [raw::task_definition::TaskDefinition],
    cluster: &'w Cluster,
    services: &'w [Service],
    batches: &'w [BatchSource],
}

impl World<'_> {
    /// Definitions of the tasks that a fault can hit.
    fn hit(
        &self,
        owner: Option<FaultOwner>,
        definition: Option<TaskDefinitionId>,
    ) -> Vec<TaskDefinitionId> {
        let of_services = self.services.iter().enumerate().filter(|(index, _)| match owner {
            None => true,
            Some(FaultOwner::Service(service)) => service.index() == *index,
            Some(FaultOwner::Batch(_)) => false,
        });
        let of_batches = self.batches.iter().enumerate().filter(|(index, _)| match owner {
            None => true,
            Some(FaultOwner::Service(_)) => false,
            Some(FaultOwner::Batch(batch)) => batch.index() == *index,
        });
        let mut ids: Vec<TaskDefinitionId> = of_services
            .map(|(_, service)| service.task_definition)
            .chain(of_batches.map(|(_, batch)| batch.task_definition))
            .collect();
        // A named definition may come to run only with a deployment.
        if let Some(definition) = definition {
            ids = vec![definition];
        }
        ids
    }

    fn has_container(&self, id: TaskDefinitionId, name: &str) -> bool {
        let containers = self.raws.get(id.index()).map(|raw| &raw.container_definitions);
        containers.is_some_and(|all| all.iter().any(|own| own.name.as_deref() == Some(name)))
    }
}

fn one(
    context: &Context<'_>,
    path: &Path,
    name: String,
    raw: &raw::fault::Fault,
    times: Times,
    world: &World<'_>,
) -> Option<Fault> {
    let owner = owner(context, path, raw, world);
    let definition = match &raw.task_definition {
        None => Some(None),
        Some(name) => {
            let path = path.key("taskDefinition");
            task_definition::find(world.definitions, context, &path, name).map(|it| Some(it.0))
        }
    };
    let kind = kind(context, path, raw);
    let (owner, definition) = (owner?, definition?);
    let hit = world.hit(owner, definition);
    let mut good = true;
    let mut refuse = |key: &str, message: String| {
        context.error(&path.key(key), message);
        good = false;
    };
    if let Some(name) = &raw.container
        && !hit.iter().any(|it| world.has_container(*it, name))
    {
        let name = crate::language::tree::shorten(name);
        refuse("container", format!("no task that it could hit has a container `{name}`"));
    }
    let checked = |id: &TaskDefinitionId| {
        let task = &world.definitions[id.index()].task;
        let own = match &raw.container {
            Some(name) => task.containers.iter().find(|own| own.name == *name),
            None => task.containers.iter().find(|own| own.essential),
        };
        own.is_some_and(|own| own.health_check.is_some())
    };
    if raw.kind == FaultType::ContainerUnhealthy && !hit.iter().any(checked) {
        refuse("type", "no container that it could hit has a `healthCheck`".to_owned());
    }
    let balanced = |index: usize, service: &Service| {
        service.target_group.is_some()
            && match owner {
                None => true,
                Some(FaultOwner::Service(id)) => id.index() == index,
                Some(FaultOwner::Batch(_)) => false,
            }
    };
    let any_target = world.services.iter().enumerate().any(|(index, it)| balanced(index, it));
    if raw.kind == FaultType::TargetUnhealthy && !any_target {
        refuse("type", "no service that it could hit has a load balancer".to_owned());
    }
    let kind = kind?;
    good.then_some(Fault {
        name,
        owner,
        task_definition: definition,
        share: raw.share.unwrap_or(1.0),
        windows: times.windows,
        random: times.random,
        recovered_after: times.recovered_after,
        kind,
    })
}

#[allow(clippy::option_option)] // "refused", "anybody's", "this one's"
fn owner(
    context: &Context<'_>,
    path: &Path,
    raw: &raw::fault::Fault,
    world: &World<'_>,
) -> Option<Option<FaultOwner>> {
    match (&raw.service, &raw.run_task) {
        (None, None) => Some(None),
        (Some(_), Some(_)) => {
            context.error(&path.key("runTask"), "`service` and `runTask` exclude each other");
            None
        }
        (Some(name), None) => {
            let names: Vec<&str> = world.services.iter().map(|it| it.name.as_str()).collect();
            let found = names.iter().position(|it| it == name);
            if found.is_none() {
                context.dangling(&path.key("service"), "service", name, names);
            }
            found.map(|index| Some(FaultOwner::Service(Id::from_index(index))))
        }
        (None, Some(name)) => {
            let names: Vec<&str> = world.batches.iter().map(|it| it.name.as_str()).collect();
            let found = names.iter().position(|it| it == name);
            if found.is_none() {
                context.dangling(&path.key("runTask"), "entry of `runTask`", name, names);
            }
            found.map(|index| Some(FaultOwner::Batch(Id::from_index(index))))
        }
    }
}

fn kind(context: &Context<'_>, path: &Path, raw: &raw::fault::Fault) -> Option<FaultKind> {
    let exit_code = match raw.exit_code.map(|code| u8::try_from(code.0)) {
        None => Some(if raw.kind == FaultType::OutOfMemory { KILLED } else { 1 }),
        Some(Ok(code)) => Some(code),
        Some(Err(_)) => {
            context.error(&path.key("exitCode"), "must lie between 0 and 255");
            None
        }
    };
    let after = match &raw.after {
        None => Some(DurationDistribution::ZERO),
        Some(after) => distribution::lower(context, &path.key("after"), after),
    };
    let container = raw.container.clone();
    let (exit_code, after) = (exit_code?, after?);
    let kind = match raw.kind {
        FaultType::ContainerExit | FaultType::OutOfMemory => FaultKind::ContainerExit {
            container,
            after,
            exit_code,
            out_of_memory: raw.kind == FaultType::OutOfMemory,
        },
        FaultType::FailsToStart => FaultKind::FailsToStart { container, exit_code },
        FaultType::CannotPullImage => FaultKind::CannotPull,
        FaultType::ContainerUnhealthy => FaultKind::ContainerUnhealthy { container },
        FaultType::TargetUnhealthy => FaultKind::TargetUnhealthy,
        FaultType::SlowImagePulls => FaultKind::SlowPull { factor: factor(context, path, raw)? },
        FaultType::SlowLaunches
        | FaultType::ZoneOutage
        | FaultType::InstanceFailure
        | FaultType::AgentDisconnected
        | FaultType::ControlPlaneThrottling
        | FaultType::MissingMetrics
        | FaultType::MetricDelay
        | FaultType::InsufficientCapacity => return None,
    };
    Some(kind)
}

/// The factor of what is slow.
pub(super) fn factor(context: &Context<'_>, path: &Path, raw: &raw::fault::Fault) -> Option<f64> {
    let Some(factor) = raw.factor else {
        context.error(path, "it is not said how slow it is: `factor` is missing");
        return None;
    };
    if (factor - 1.0).abs() < f64::EPSILON {
        context.error(&path.key("factor"), "a factor of 1 changes nothing");
        return None;
    }
    Some(factor)
}

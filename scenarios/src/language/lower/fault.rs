//! Faults.

use plimsoll_core::agent::{Window, merge_windows};
use plimsoll_core::engine::DurationDistribution;
use plimsoll_core::scenario::{BatchSource, Fault, FaultKind, FaultOwner, Service};
use plimsoll_core::units::{Id, SimDuration, SimTime, TaskDefinitionId};

use super::task_definition::{self, Definition};
use super::{Context, distribution};
use crate::language::raw;
use crate::language::raw::ScenarioDocument;
use crate::language::raw::containers::FaultType;
use crate::language::tree::Path;

/// Exit code of a process that the kernel killed.
const KILLED: u8 = 137;

/// All faults; `None` if one was refused.
pub(super) fn lower(
    context: &Context<'_>,
    document: &ScenarioDocument,
    definitions: &[Definition],
    services: &[Service],
    batches: &[BatchSource],
) -> Option<Vec<Fault>> {
    let path = Path::root().key("faults");
    let world = World { definitions, raws: &document.task_definitions, services, batches };
    let mut names: Vec<String> = Vec::new();
    let mut faults = Vec::new();
    for (index, raw) in document.faults.iter().enumerate() {
        let path = path.index(index);
        if raw.kind == FaultType::InsufficientCapacity {
            // It hits launches of instances, not tasks: see `spot`.
            continue;
        }
        let fault = one(context, &path, index, raw, &world);
        if let Some(fault) = &fault {
            if names.contains(&fault.name) {
                context.duplicate(&path.key("name"), "faults", &fault.name);
            }
            names.push(fault.name.clone());
        }
        faults.push(fault);
    }
    faults.into_iter().collect()
}

/// What a fault can hit.
struct World<'w> {
    definitions: &'w [Definition],
    /// The same as they are written; standalone tasks without a definition come after them.
    raws: &'w [raw::task_definition::TaskDefinition],
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
    index: usize,
    raw: &raw::containers::Fault,
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
    let windows = windows(context, path, raw);
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
    let (windows, kind) = (windows?, kind?);
    if windows.iter().all(|window| context.duration <= window.from.saturating_since(SimTime::ZERO))
    {
        context.note(path, "the fault begins after the end of the run");
    }
    let name = raw.name.clone().unwrap_or_else(|| format!("{:?}-{}", raw.kind, index + 1));
    good.then_some(Fault {
        name,
        owner,
        task_definition: definition,
        share: raw.share,
        windows,
        kind,
    })
}

#[allow(clippy::option_option)] // "refused", "anybody's", "this one's"
fn owner(
    context: &Context<'_>,
    path: &Path,
    raw: &raw::containers::Fault,
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

fn windows(
    context: &Context<'_>,
    path: &Path,
    raw: &raw::containers::Fault,
) -> Option<Vec<Window>> {
    let exits = matches!(raw.kind, FaultType::ContainerExit | FaultType::OutOfMemory);
    if !raw.at.is_empty() {
        if !exits {
            context.error_hint(
                &path.key("at"),
                "only exits happen at an instant",
                "give `from` and `until`",
            );
            return None;
        }
        if raw.from.is_some() || raw.until.is_some() || raw.after.is_some() {
            context.error(&path.key("at"), "`at` excludes `from`, `until` and `after`");
            return None;
        }
        let instant = SimDuration::from_nanos(1);
        let windows = raw.at.iter().map(|at| {
            let from = SimTime::ZERO + at.duration();
            Window { from, until: from + instant }
        });
        return Some(merge_windows(windows.collect()));
    }
    if exits && raw.after.is_none() {
        context.error_hint(path, "it is not said when containers exit", "give `at` or `after`");
        return None;
    }
    let from = raw.from.map_or(SimTime::ZERO, |from| SimTime::ZERO + from.duration());
    let until = raw.until.map_or(SimTime::MAX, |until| SimTime::ZERO + until.duration());
    if until <= from {
        context.error(&path.key("until"), "must come after `from`");
        return None;
    }
    Some(vec![Window { from, until }])
}

fn kind(context: &Context<'_>, path: &Path, raw: &raw::containers::Fault) -> Option<FaultKind> {
    let exits = matches!(raw.kind, FaultType::ContainerExit | FaultType::OutOfMemory);
    let mut good = true;
    let mut only = |key: &str, given: bool, applies: bool, kinds: &str| {
        if given && !applies {
            context.error(&path.key(key), format!("only {kinds} have `{key}`"));
            good = false;
        }
    };
    let launches = "faults of type `insufficientCapacity`";
    only("instanceTypes", raw.instance_types.is_some(), false, launches);
    only("availabilityZones", raw.availability_zones.is_some(), false, launches);
    only("purchaseOption", raw.purchase_option.is_some(), false, launches);
    only("capacity", raw.capacity.is_some(), false, launches);
    only("interrupts", raw.interrupts.is_some(), false, launches);
    let starts = raw.kind == FaultType::FailsToStart;
    let of_container = exits || starts || raw.kind == FaultType::ContainerUnhealthy;
    only("after", raw.after.is_some(), exits, "`containerExit` and `outOfMemory`");
    let coded = starts || raw.kind == FaultType::ContainerExit;
    only("exitCode", raw.exit_code.is_some(), coded, "`containerExit` and `failsToStart`");
    only("container", raw.container.is_some(), of_container, "faults of containers");
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
        FaultType::InsufficientCapacity => return None,
    };
    good.then_some(kind)
}

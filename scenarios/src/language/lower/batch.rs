//! Sources of standalone tasks.

use plimsoll_core::engine::DurationDistribution;
use plimsoll_core::scenario::{
    Architecture, BatchJob, BatchJobs, BatchSource, LaunchTarget, NetworkMode, OperatingSystem,
    QueueDiscipline, TaskDefinition,
};
use plimsoll_core::units::{Cpu, Id, Mib, SimDuration, SimTime, TaskDefinitionId};

use super::cluster::Cluster;
use super::placement::{self, Placement, runs_on_fargate, runs_on_managed};
use super::task_definition::{self, Definition};
use super::{Context, constraint, distribution};
use crate::language::job_trace::JobTraceOptions;
use crate::language::raw::ScenarioDocument;
use crate::language::raw::batch as raw;
use crate::language::tree::Path;

/// All sources; `None` if one was refused.
pub(super) fn lower(
    context: &Context<'_>,
    document: &ScenarioDocument,
    definitions: &mut Vec<Definition>,
    cluster: &mut Cluster,
) -> Option<Vec<BatchSource>> {
    let path = Path::root().key("runTask");
    let mut names: Vec<&str> = Vec::new();
    let mut sources = Vec::new();
    for (index, raw) in document.run_task.iter().enumerate() {
        let path = path.index(index);
        if names.contains(&raw.name.as_str()) {
            context.duplicate(&path.key("name"), "sources of tasks", &raw.name);
        }
        names.push(&raw.name);
        sources.push(one(context, &path, raw, document, definitions, cluster));
    }
    sources.into_iter().collect()
}

fn one(
    context: &Context<'_>,
    path: &Path,
    raw: &raw::RunTask,
    document: &ScenarioDocument,
    definitions: &mut Vec<Definition>,
    cluster: &mut Cluster,
) -> Option<BatchSource> {
    let wanted = Placement {
        path,
        launch_type: raw.launch_type,
        strategy: &raw.capacity_provider_strategy,
        default_strategy: &document.default_capacity_provider_strategy,
        rules: &raw.placement_strategy,
        constraints: &raw.placement_constraints,
    };
    let placed = placement::lower(context, &wanted, cluster);
    let platform = match &placed.launch {
        Some(launch) => platform(launch, cluster),
        None => Platform::default(),
    };
    let (task_definition, jobs) = jobs(context, path, raw, definitions, platform)?;
    let launch = placed.launch?;
    let definition = &definitions[task_definition.index()];
    check_jobs(context, path, &launch, &jobs, definition, cluster);
    constraint::check(context, path, &launch, &placed.constraints, definition, cluster);
    constraint::check_spreads(context, path, &launch, &placed.strategies, cluster);
    Some(BatchSource {
        name: raw.name.clone(),
        task_group: task_group(context, path, raw.group.as_ref(), &definition.task.family),
        jobs,
        task_definition,
        launch,
        placement_strategy: placed.strategies,
        placement_constraints: placed.constraints,
        queue: match raw.queue {
            raw::Queue::FirstComeFirstServed => QueueDiscipline::FirstComeFirstServed,
            raw::Queue::FirstFit => QueueDiscipline::FirstFit,
            raw::Queue::NoRetry => QueueDiscipline::NoRetry,
        },
        start_on: Vec::new(),
    })
}

/// The task group that is written, else that of the family.
pub(super) fn task_group(
    context: &Context<'_>,
    path: &Path,
    group: Option<&String>,
    family: &str,
) -> String {
    let Some(group) = group else { return format!("family:{family}") };
    if let Some((prefix, _)) = group.split_once(':').filter(|(prefix, _)| *prefix != "family") {
        let message = format!("a task group of standalone tasks does not begin with `{prefix}:`");
        let hint = "tasks of services are in the group `service:` and the service's name";
        context.error_hint(&path.key("group"), message, hint);
    }
    group.clone()
}

/// What a task without definition is built for: whatever there is.
#[derive(Clone, Copy, Default)]
struct Platform {
    on_fargate: bool,
    on_managed: bool,
    architecture: Architecture,
    operating_system: OperatingSystem,
}

fn platform(launch: &LaunchTarget, cluster: &Cluster) -> Platform {
    let on_fargate = runs_on_fargate(launch, cluster);
    let group = match launch {
        LaunchTarget::Fargate => None,
        LaunchTarget::Ec2 => cluster.groups.iter().flatten().next(),
        LaunchTarget::Strategy(items) => items.iter().find_map(|item| {
            let group = cluster.provider_kind(item.capacity_provider)?.group()?;
            cluster.groups.get(group.index())?.as_ref()
        }),
    };
    let shape = group.and_then(|it| it.types.first()).map(|it| &it.shape);
    Platform {
        on_fargate,
        on_managed: runs_on_managed(launch, cluster),
        architecture: shape.map_or(Architecture::default(), |it| it.architecture),
        operating_system: shape.map_or(OperatingSystem::default(), |it| it.operating_system),
    }
}

/// The jobs and the definition they run, which is made up if none is named.
fn jobs(
    context: &Context<'_>,
    path: &Path,
    raw: &raw::RunTask,
    definitions: &mut Vec<Definition>,
    platform: Platform,
) -> Option<(TaskDefinitionId, BatchJobs)> {
    let named = match &raw.task_definition {
        Some(reference) => {
            let at = path.key("taskDefinition");
            let (id, task) = task_definition::find(definitions, context, &at, reference)?;
            for (key, given) in [("cpu", raw.cpu.is_some()), ("memory", raw.memory.is_some())] {
                if given {
                    context.error(&path.key(key), "the task definition gives the size");
                }
            }
            Some((id, task.task.cpu, task.task.memory))
        }
        None => None,
    };
    let cpu = named.map_or(raw.cpu.map(|cpu| Cpu::from_ecs_units(cpu.0)), |it| Some(it.1));
    let memory = named.map_or(raw.memory.map(|memory| Mib::new(memory.0)), |it| Some(it.2));
    let jobs = match (&raw.trace, &raw.generated) {
        (Some(trace), None) => from_trace(context, &path.key("trace"), trace, cpu, memory)?,
        (None, Some(generated)) => {
            if cpu.is_none() || memory.is_none() {
                let message = "drawn jobs need a `taskDefinition`, or `cpu` and `memory`";
                context.error(path, message);
                return None;
            }
            drawn(context, &path.key("generated"), generated)?
        }
        _ => {
            context.error(path, "needs exactly one of `trace`, `generated`");
            return None;
        }
    };
    if let Some((id, ..)) = named {
        return Some((id, jobs));
    }
    // The definition's own size is the largest job: no job takes more than its definition says.
    let largest = largest(&jobs);
    let cpu = largest.map_or(cpu, |it| Some(it.0))?;
    let memory = largest.map_or(memory, |it| Some(it.1))?;
    let id = TaskDefinitionId::from_index(definitions.len());
    definitions.push(made_up(context, &raw.name, cpu, memory, platform));
    Some((id, jobs))
}

fn largest(jobs: &BatchJobs) -> Option<(Cpu, Mib)> {
    let BatchJobs::Trace(jobs) = jobs else { return None };
    let cpu = jobs.iter().map(|job| job.cpu).max()?;
    Some((cpu, jobs.iter().map(|job| job.memory).max()?))
}

/// One container without image pull that stops at once.
fn made_up(
    context: &Context<'_>,
    name: &str,
    cpu: Cpu,
    memory: Mib,
    platform: Platform,
) -> Definition {
    let Platform { on_fargate, on_managed, architecture, operating_system } = platform;
    let size = plimsoll_core::catalog::validate_fargate_size(
        context.rules,
        cpu.as_ecs_units(),
        memory.as_mib(),
        operating_system,
    );
    let definition = TaskDefinition {
        family: name.to_owned(),
        cpu,
        cpu_limit: Some(cpu),
        memory,
        memory_for_utilization: memory,
        network_mode: match (on_fargate, on_managed) {
            (true, _) => NetworkMode::Awsvpc,
            (false, true) => NetworkMode::Host,
            (false, false) => NetworkMode::Bridge,
        },
        host_ports: Vec::new(),
        gpus: 0,
        architecture,
        operating_system,
        ephemeral_storage_gib: 20,
        fits_fargate: on_fargate && size.is_ok(),
        images: Vec::new(),
        placement_constraints: Vec::new(),
        pull_time: DurationDistribution::ZERO,
        start_time: DurationDistribution::ZERO,
        stop_time: DurationDistribution::ZERO,
        stop_timeout: None,
        containers: Vec::new(),
    };
    let not_on_fargate = size.err().iter().map(ToString::to_string).collect();
    Definition { task: definition, refused: false, not_on_fargate }
}

fn from_trace(
    context: &Context<'_>,
    path: &Path,
    raw: &raw::JobTrace,
    cpu: Option<Cpu>,
    memory: Option<Mib>,
) -> Option<BatchJobs> {
    let options = JobTraceOptions {
        path: context.traces.resolve(&raw.file),
        arrival: raw.arrival.clone(),
        duration: raw.duration.clone(),
        cpu: raw.cpu.clone(),
        memory: raw.memory.clone(),
        default_cpu: cpu.map(|cpu| cpu.as_ecs_units() as u32),
        default_memory: memory.map(Mib::as_mib),
        time_unit: raw.time_unit,
        cpu_unit: raw.cpu_unit,
        memory_unit: raw.memory_unit,
        from_zero: JobTraceOptions::from_zero(raw.origin),
        count: raw.count.map(|count| count.0),
    };
    match context.traces.jobs(&options) {
        Ok(jobs) => {
            let late = jobs.iter().rev().take_while(|job| is_late(context, job)).count();
            if 0 < late {
                let message =
                    format!("{late} of {} jobs arrive after the end of the run", jobs.len());
                context.note(path, message);
            }
            Some(BatchJobs::Trace(jobs))
        }
        Err(error) => {
            context.trace_error(&path.key("file"), &raw.file, &error);
            None
        }
    }
}

fn is_late(context: &Context<'_>, job: &BatchJob) -> bool {
    context.duration.as_nanos() <= job.arrival.as_nanos()
}

fn drawn(context: &Context<'_>, path: &Path, raw: &raw::GeneratedJobs) -> Option<BatchJobs> {
    let at = path.key("interarrival");
    let interarrival = distribution::lower(context, &at, &raw.interarrival)?;
    let duration = distribution::lower(context, &path.key("duration"), &raw.duration)?;
    if interarrival.mean_seconds() <= 0.0 && raw.count.is_none() {
        context.error(&at, "without time between arrivals the jobs need a `count`");
        return None;
    }
    let end = context.duration.as_nanos();
    let until = raw.until.map_or(end, |until| until.0);
    if until == 0 {
        context.error(&path.key("until"), "must be longer than zero");
        return None;
    }
    Some(BatchJobs::Generated {
        interarrival,
        duration,
        until: SimTime::from_nanos(until.min(end)),
        count: raw.count.map_or(u64::MAX, |count| count.0),
    })
}

/// Reports jobs that could never run: the largest one and, on Fargate, sizes it does not offer.
fn check_jobs(
    context: &Context<'_>,
    path: &Path,
    launch: &LaunchTarget,
    jobs: &BatchJobs,
    definition: &Definition,
    cluster: &Cluster,
) {
    let mut definition = definition.clone();
    if let Some((cpu, memory)) = largest(jobs) {
        (definition.task.cpu, definition.task.memory) = (cpu, memory);
    }
    if let (BatchJobs::Trace(jobs), true) = (jobs, runs_on_fargate(launch, cluster)) {
        let odd = jobs.iter().find(|job| {
            plimsoll_core::catalog::validate_fargate_size(
                context.rules,
                job.cpu.as_ecs_units(),
                job.memory.as_mib(),
                definition.task.operating_system,
            )
            .is_err()
        });
        if let Some(job) = odd {
            let message = format!(
                "a job of {} CPU units and {} MiB is not a size that Fargate offers",
                job.cpu.as_ecs_units(),
                job.memory.as_mib()
            );
            return context.error(&path.key("trace"), message);
        }
    }
    placement::check_fit(context, path, launch, &definition, cluster);
    if let BatchJobs::Trace(jobs) = jobs
        && jobs.iter().all(|job| job.duration == SimDuration::ZERO)
    {
        context.error(&path.key("trace"), "all jobs have a running time of zero");
    }
}

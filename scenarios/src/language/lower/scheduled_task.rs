//! Scheduled tasks and StartTask: sources of standalone tasks whose calls are known beforehand.

use plimsoll_core::engine::{DurationDistribution, StreamKey, label_hash};
use plimsoll_core::scenario::{
    BatchJob, BatchJobs, BatchSource, LaunchTarget, NamedInstance, QueueDiscipline,
};
use plimsoll_core::units::{AsgId, Id, SimTime, TaskDefinitionId};

use super::batch::task_group;
use super::cluster::Cluster;
use super::placement::{self, Placement};
use super::task_definition::{self, Definition};
use super::{Context, constraint, distribution};
use crate::language::raw::ScenarioDocument;
use crate::language::raw::distribution::Distribution;
use crate::language::raw::scheduled_task as raw;
use crate::language::tree::Path;
use crate::schedule;

/// All scheduled tasks, then all sources of StartTask calls; `None` if one was refused.
pub(super) fn lower(
    context: &Context<'_>,
    document: &ScenarioDocument,
    definitions: &[Definition],
    cluster: &mut Cluster,
) -> Option<Vec<BatchSource>> {
    let mut names: Vec<&str> = document.run_task.iter().map(|it| it.name.as_str()).collect();
    let mut check_name = |path: &Path, name| {
        if names.contains(&name) {
            context.duplicate(&path.key("name"), "sources of tasks", name);
        }
        names.push(name);
    };
    let delay_path = Path::root().key("controlPlane").key("scheduleDelay");
    let delay = distribution::lower(context, &delay_path, &document.control_plane.schedule_delay);
    let mut sources = Vec::new();
    for (index, raw) in document.scheduled_tasks.iter().enumerate() {
        let path = Path::root().key("scheduledTasks").index(index);
        check_name(&path, &raw.name);
        let source = scheduled(context, &path, raw, document, definitions, cluster, delay.as_ref());
        sources.push(source);
    }
    for (index, raw) in document.start_task.iter().enumerate() {
        let path = Path::root().key("startTask").index(index);
        check_name(&path, &raw.name);
        sources.push(started(context, &path, raw, definitions, cluster));
    }
    sources.into_iter().collect()
}

fn scheduled(
    context: &Context<'_>,
    path: &Path,
    raw: &raw::ScheduledTask,
    document: &ScenarioDocument,
    definitions: &[Definition],
    cluster: &mut Cluster,
    delay: Option<&DurationDistribution>,
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
    let firings = firings(context, path, raw, &document.time_zone);
    let common = Common::lower(
        context,
        path,
        &raw.name,
        &raw.task_definition,
        raw.group.as_ref(),
        &raw.duration,
        definitions,
    );
    let (placed_at, common) = (placed.launch?, common?);
    placement::check_fit(context, path, &placed_at, common.definition, cluster);
    constraint::check(context, path, &placed_at, &placed.constraints, common.definition, cluster);
    constraint::check_spreads(context, path, &placed_at, &placed.strategies, cluster);
    let delays =
        StreamKey::new(context.seed, context.replication, "schedule-delay", label_hash(&raw.name));
    let delay = delay?;
    let calls = (0..).zip(firings?).map(|(call, at)| at + delay.sample(delays.at(call)));
    Some(BatchSource {
        launch: placed_at,
        placement_strategy: placed.strategies,
        placement_constraints: placed.constraints,
        ..common.source(context, calls, raw.task_count)
    })
}

/// Instants of the schedule during the run.
fn firings(
    context: &Context<'_>,
    path: &Path,
    raw: &raw::ScheduledTask,
    time_zone: &str,
) -> Option<Vec<SimTime>> {
    let zone = raw.schedule_expression_timezone.as_deref().unwrap_or(time_zone);
    if raw.schedule_expression_timezone.is_some() {
        super::time_zone(context, &path.key("scheduleExpressionTimezone"), zone)?;
    }
    let at = path.key("scheduleExpression");
    let text = raw.schedule_expression.as_str();
    let start = context.start;
    let end = start.saturating_add(context.duration.as_secs_ceil() as i64);
    let found = match schedule::parse(text, zone) {
        Ok(schedule) => schedule.firings(start, end, schedule::MAX_FIRINGS),
        Err(error) => {
            let before = text.get(..error.offset).unwrap_or_default().chars().count();
            context.error_inside(&at, (text, before), error.to_string(), None);
            return None;
        }
    };
    let found = match found {
        Ok(found) => found,
        Err(error) => {
            context.error(&at, error.to_string());
            return None;
        }
    };
    if found.is_empty() {
        context.note(&at, "the task is not started during the run");
    }
    let seconds = found.into_iter().filter_map(|second| u64::try_from(second - start).ok());
    Some(seconds.map(SimTime::from_secs).collect())
}

fn started(
    context: &Context<'_>,
    path: &Path,
    raw: &raw::StartTask,
    definitions: &[Definition],
    cluster: &Cluster,
) -> Option<BatchSource> {
    let common = Common::lower(
        context,
        path,
        &raw.name,
        &raw.task_definition,
        raw.group.as_ref(),
        &raw.duration,
        definitions,
    );
    let start_on: Option<Vec<NamedInstance>> = raw
        .container_instances
        .iter()
        .enumerate()
        .map(|(index, instance)| {
            let path = path.key("containerInstances").index(index);
            let group = cluster.group(context, &path.key("autoScalingGroup"), instance)?;
            Some(NamedInstance { group, launched_before: instance.number.saturating_sub(1) })
        })
        .collect();
    let mut calls: Vec<SimTime> = raw.at.iter().map(|at| SimTime::from_nanos(at.0)).collect();
    let end = context.duration.as_nanos();
    if let Some(index) = calls.iter().position(|at| end <= at.as_nanos()) {
        context.note(&path.key("at").index(index), "the call comes after the end of the run");
    }
    calls.sort_unstable();
    let (common, start_on) = (common?, start_on?);
    for (index, named) in start_on.iter().enumerate() {
        let Some(Some(group)) = cluster.groups.get(named.group.index()) else { continue };
        if let Some(obstacle) = placement::obstacle_on(&common.definition.task, group) {
            let family = &common.definition.task.family;
            let message =
                format!("the instance can never run task definition `{family}`: {obstacle}");
            context.error(&path.key("containerInstances").index(index), message);
        }
    }
    let tasks = start_on.len() as u32;
    Some(BatchSource { start_on, ..common.source(context, calls.into_iter(), tasks) })
}

/// What both kinds of sources share.
struct Common<'d> {
    name: String,
    task_definition: TaskDefinitionId,
    definition: &'d Definition,
    task_group: String,
    duration: DurationDistribution,
}

impl<'d> Common<'d> {
    fn lower(
        context: &Context<'_>,
        path: &Path,
        name: &str,
        reference: &str,
        group: Option<&String>,
        duration: &Distribution,
        definitions: &'d [Definition],
    ) -> Option<Self> {
        let duration = distribution::lower(context, &path.key("duration"), duration);
        let found =
            task_definition::find(definitions, context, &path.key("taskDefinition"), reference);
        let (task_definition, definition) = found?;
        let task_group = task_group(context, path, group, &definition.task.family);
        let duration = duration?;
        Some(Self { name: name.to_owned(), task_definition, definition, task_group, duration })
    }

    /// A source of `tasks` tasks at each of `calls`, on any container instance.
    fn source(
        self,
        context: &Context<'_>,
        calls: impl Iterator<Item = SimTime>,
        tasks: u32,
    ) -> BatchSource {
        let (seed, replication) = (context.seed, context.replication);
        let durations = StreamKey::new(seed, replication, "task-duration", label_hash(&self.name));
        let mut arrivals: Vec<SimTime> =
            calls.flat_map(|at| std::iter::repeat_n(at, tasks as usize)).collect();
        // A long delay can let a later call come first.
        arrivals.sort_unstable();
        let jobs = (0..).zip(arrivals).map(|(ordinal, arrival)| BatchJob {
            arrival,
            duration: self.duration.sample(durations.at(ordinal)),
            cpu: self.definition.task.cpu,
            memory: self.definition.task.memory,
        });
        BatchSource {
            name: self.name,
            task_group: self.task_group,
            jobs: BatchJobs::Trace(jobs.collect()),
            task_definition: self.task_definition,
            launch: LaunchTarget::Ec2,
            placement_strategy: Vec::new(),
            placement_constraints: Vec::new(),
            queue: QueueDiscipline::NoRetry,
            start_on: Vec::new(),
        }
    }
}

impl Cluster {
    /// The group that an instance belongs to; reports one that does not exist.
    fn group(
        &self,
        context: &Context<'_>,
        path: &Path,
        instance: &raw::ContainerInstance,
    ) -> Option<AsgId> {
        let name = &instance.auto_scaling_group;
        let found = self.group_names.iter().position(|known| known == name);
        if found.is_none() {
            let known: Vec<&str> = self.group_names.iter().map(String::as_str).collect();
            context.dangling(path, "Auto Scaling group", name, known);
        }
        found.map(AsgId::from_index)
    }
}

//! The containers of a task: their start, their ends, their health.
//!
//! A task with one container that waits for nobody, has no health check and that no fault can hit
//! passes through here without an allocation and without an event of its own. For others, one entry in a
//! table per task holds what is due next.

use std::borrow::Cow;

use super::event::Event;
use super::health::FailedCheck;
use super::launch::StartUp;
use super::task::{Fate, TaskDraw};
use super::world::World;
use crate::agent::{
    ContainerTimes, EndCause, HealthProgress, Status, shutdown_time, start_order, task_health,
    timeline,
};
use crate::engine::{Phase, Scheduler, fold};
use crate::results::{EventCategory, StopCode};
use crate::scenario::{AgentSettings, Container, OperatingSystem, TaskDefinition};
use crate::units::{SimDuration, SimTime, TaskId};

/// Fargate kills what still runs two minutes after SIGTERM.
const FARGATE_STOP_LIMIT: SimDuration = SimDuration::from_secs(120);

/// Draws of one container, folded into the task's.
#[derive(Clone, Copy, Debug)]
enum ContainerDraw {
    Start = 0,
    Run = 1,
    RestartedRun = 2,
}

/// The order in which the containers of a definition start.
pub(super) fn order_of(definition: &TaskDefinition) -> Vec<usize> {
    let containers = &definition.containers;
    // The definition was checked: there is no cycle.
    start_order(containers.len(), |it| &containers[it].depends_on[..]).unwrap_or_default()
}

/// Ends of containers of one RUNNING task.
#[derive(Debug, Default)]
pub(super) struct Exits {
    /// The next one.
    due: Option<(SimTime, Fate)>,
    /// The one that needs no fault.
    natural: Option<(SimTime, Fate)>,
    /// How many there were.
    count: u32,
    /// Containers that were restarted, or are gone (`None`).
    since: Vec<(usize, Option<SimTime>)>,
}

/// A container health check that is followed.
#[derive(Debug)]
struct Check {
    container: usize,
    /// Verdict of now.
    shown: Status,
    /// The checks up to the next change of the verdict, and when it comes.
    progress: HealthProgress,
    next: Option<SimTime>,
}

/// Health checks of one task.
#[derive(Debug, Default)]
pub(super) struct Checks {
    checks: Vec<Check>,
    due: Option<SimTime>,
}

impl<'s> World<'s, '_> {
    /// Time-outs of the agent that runs a task.
    fn agent_settings(&self, id: TaskId) -> (SimDuration, SimDuration) {
        if let Some(instance) = self.tasks[id].instance {
            let settings = &self.groups[self.instances[instance].group].settings.agent;
            return (settings.start_timeout, settings.stop_timeout);
        }
        let start = match self.definition_of(id).operating_system {
            OperatingSystem::Linux => SimDuration::from_secs(180),
            OperatingSystem::Windows => SimDuration::from_secs(480),
        };
        (start, AgentSettings::STOP_TIMEOUT)
    }

    fn container_draw(&self, id: TaskId, container: usize, draw: ContainerDraw) -> u64 {
        let task = &self.tasks[id];
        let bits = self.task_bits(task.owner, task.ordinal, task.attempt, TaskDraw::Containers);
        fold(bits, (container as u64) << 8 | draw as u64)
    }

    /// Begins the start of a task's containers: how long until it is RUNNING or fails, and how it fails;
    /// `None` if neither ever happens.
    pub(super) fn begin_start(
        &mut self,
        id: TaskId,
        start_up: StartUp,
        now: SimTime,
    ) -> Option<(SimDuration, Fate)> {
        let definition = self.definition_of(id);
        let start = self.draw(&self.tasks[id], TaskDraw::Start, &definition.start_time);
        let (start_timeout, _) = self.agent_settings(id);
        let ready = start_up == StartUp::Ready;
        if definition.containers.is_empty() {
            if ready {
                return Some((SimDuration::ZERO, Fate::None));
            }
            if start_timeout < start {
                return Some((start_timeout, Fate::StartTimeout(0)));
            }
            let fate = match self.fails_to_start(id, 0, now) {
                Some(code) => Fate::exit(0, code, false),
                None => Fate::None,
            };
            return Some((start, fate));
        }
        let order = &self.start_orders[self.definition_id_of(id)];
        let times = |container: usize| {
            let own: &'s Container = &definition.containers[container];
            let failure = if ready { None } else { self.fails_to_start(id, container, now) };
            let bits = |draw| self.container_draw(id, container, draw);
            let run = || own.run_time.as_ref().map(|it| it.sample(bits(ContainerDraw::Run)));
            ContainerTimes {
                essential: own.essential,
                depends_on: &own.depends_on,
                start: match &own.start_time {
                    Some(start) => start.sample(bits(ContainerDraw::Start)),
                    None => start,
                },
                run: failure.map_or_else(run, |_| Some(SimDuration::ZERO)),
                exit_code: i32::from(failure.unwrap_or(own.exit_code)),
                start_timeout: own.start_timeout,
            }
        };
        let healthy = |container: usize, started: SimDuration| {
            let check = definition.containers[container].health_check?;
            let started = now + started;
            let mut progress = HealthProgress::new(&check, started);
            let windows = self.unhealthy_windows(id, container);
            loop {
                let at = progress.advance(&check, &windows)?;
                if progress.status == Status::Healthy {
                    return Some(at.saturating_since(started));
                }
            }
        };
        let found = timeline(order, times, healthy, start_timeout);
        let mut checks = Vec::new();
        for (container, own) in definition.containers.iter().enumerate() {
            let (Some(check), true) = (own.health_check, own.essential) else { continue };
            let Some(started) = found.started.get(container).copied().flatten() else { continue };
            let (shown, mut progress) = if ready {
                (Status::Healthy, HealthProgress::settled(&check, now))
            } else {
                (Status::Unknown, HealthProgress::new(&check, now + started))
            };
            let next = progress.advance(&check, &self.unhealthy_windows(id, container));
            checks.push(Check { container, shown, progress, next });
        }
        let fate = found.end.map_or(Fate::None, |end| {
            let code = definition.containers[end.container].exit_code;
            let code = self.fails_to_start(id, end.container, now).unwrap_or(code);
            match end.cause {
                EndCause::EssentialExit => Fate::exit(end.container, code, false),
                EndCause::StartTimeout => Fate::StartTimeout(end.container as u8),
                EndCause::DependencyTimeout => Fate::DependencyTimeout(end.container as u8),
                EndCause::DependencyFailed => Fate::DependencyFailed(end.container as u8),
            }
        });
        if !checks.is_empty() {
            self.checks.insert(id, Checks { checks, due: None });
        }
        match (found.running, found.end) {
            (Some(running), end) => {
                if let Some(end) = end {
                    // What runs from the beginning has run through its start already.
                    let at = if ready {
                        now + (now + end.at).saturating_since(now + running)
                    } else {
                        now + end.at
                    };
                    let exits = Exits { natural: Some((at, fate)), ..Exits::default() };
                    self.exits.insert(id, exits);
                }
                Some((running, Fate::None))
            }
            (None, _) if ready => Some((SimDuration::ZERO, Fate::None)),
            (None, Some(end)) => Some((end.at, fate)),
            (None, None) => None,
        }
    }

    /// A task is RUNNING: its containers may exit or change their health from now on.
    pub(super) fn watch_containers(&mut self, id: TaskId, scheduler: &mut Scheduler<Event>) {
        if self.has_faults() || self.exits.contains_key(&id) {
            self.schedule_exit(id, scheduler);
        }
        if self.checks.contains_key(&id) {
            self.follow_health(id, scheduler);
        }
    }

    /// A task's containers are of no interest any more.
    pub(super) fn forget_containers(&mut self, id: TaskId) {
        if !self.exits.is_empty() {
            self.exits.remove(&id);
        }
        if !self.checks.is_empty() {
            self.checks.remove(&id);
        }
    }

    /// Schedules the next exit of a container of a task, if there is one.
    fn schedule_exit(&mut self, id: TaskId, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        let exits = self.exits.get(&id);
        let started = self.tasks[id].started.unwrap_or(now);
        let runs_since = |container: usize| {
            let known = exits.and_then(|exits| {
                exits.since.iter().find(|(it, _)| *it == container).map(|(_, since)| *since)
            });
            known.unwrap_or(Some(started))
        };
        let count = exits.map_or(0, |exits| exits.count);
        let natural = exits.and_then(|exits| exits.natural);
        let fault = self.next_fault_exit(id, now, count, runs_since);
        let due = [natural, fault].into_iter().flatten().min_by_key(|(at, _)| *at);
        let Some((at, _)) = due else { return };
        self.exits.entry(id).or_default().due = due;
        scheduler.schedule_at(at.max(now), Phase::Release, Event::ContainerExit { task: id });
    }

    /// A container of a task exits.
    pub(super) fn container_exit(&mut self, id: TaskId, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        let task = &self.tasks[id];
        let Some(exits) = self.exits.get_mut(&id) else { return };
        let Some((_, fate)) = exits.due.filter(|(at, _)| *at <= now) else { return };
        if !task.state.is_running() {
            return;
        }
        exits.due = None;
        exits.count += 1;
        let count = exits.count;
        if exits.natural.is_some_and(|(at, _)| at <= now) {
            exits.natural = None;
        }
        let Fate::Exit { container, code, out_of_memory } = fate else {
            self.meet_fate(id, fate, scheduler);
            return;
        };
        let position = usize::from(container);
        let known = exits.since.iter().find(|(it, _)| *it == position).and_then(|(_, at)| *at);
        let since = known.or(task.started).unwrap_or(now);
        let definition = self.definition_of(id);
        let own = definition.containers.get(position);
        let policy = own.and_then(|own| own.restart_policy.as_ref());
        let restarts = policy
            .is_some_and(|policy| policy.restarts(i32::from(code), now.saturating_since(since)));
        let name = own.map_or("", |own| own.name.as_str());
        let what = if out_of_memory { "ran out of memory" } else { "exited" };
        let then = if restarts { "is restarted in place" } else { "is gone" };
        if !restarts && own.is_none_or(|own| own.essential) {
            self.meet_fate(id, fate, scheduler);
            return;
        }
        let message = format!(
            "Container {name} of task {} {what} with code {code} and {then}.",
            super::outcome::task_name(id)
        );
        let owner = self.owner_name(self.tasks[id].owner);
        self.log(now, EventCategory::Fault, owner, None, message);
        let back = own.filter(|_| restarts).map(|own| {
            let start = own.start_time.as_ref().unwrap_or(&definition.start_time);
            let again =
                fold(self.container_draw(id, position, ContainerDraw::Start), u64::from(count));
            now + start.sample(again)
        });
        let run = own.and_then(|own| own.run_time.as_ref()).map(|run| {
            let bits = self.container_draw(id, position, ContainerDraw::RestartedRun);
            run.sample(fold(bits, u64::from(count)))
        });
        if restarts {
            self.tasks[id].restarts = self.tasks[id].restarts.saturating_add(1);
        }
        if let Some(exits) = self.exits.get_mut(&id) {
            exits.since.retain(|(it, _)| *it != position);
            exits.since.push((position, back));
            if let (Some(back), Some(run)) = (back, run) {
                let exit = Fate::exit(position, own.map_or(0, |own| own.exit_code), false);
                exits.natural = Some((back + run, exit));
            }
        }
        if let Some(back) = back {
            self.restart_health(id, position, back, scheduler);
        }
        self.schedule_exit(id, scheduler);
    }

    /// What was bound to happen to a task happens: it ends.
    pub(super) fn meet_fate(&mut self, id: TaskId, fate: Fate, scheduler: &mut Scheduler<Event>) {
        const FAILED: StopCode = StopCode::TaskFailedToStart;
        let definition = self.definition_of(id);
        let container = |position: u8| {
            let own = definition.containers.get(usize::from(position));
            own.map_or(definition.family.as_str(), |own| own.name.as_str())
        };
        let (code, reason): (StopCode, Cow<'static, str>) = match fate {
            Fate::None => return,
            Fate::CannotPull => {
                let images = &definition.images;
                let name = images.first().map_or(definition.family.as_str(), |image| {
                    self.scenario.images[*image].name.as_str()
                });
                let reason = format!(
                    "CannotPullContainerError: failed to pull image {name}: failed to resolve \
                     reference: i/o timeout"
                );
                (FAILED, reason.into())
            }
            Fate::Exit { code, out_of_memory, .. } => {
                self.tasks[id].exit_code = Some(code);
                let reason = if out_of_memory {
                    "OutOfMemoryError: Container killed due to memory usage"
                } else {
                    "Essential container in task exited"
                };
                (StopCode::EssentialContainerExited, reason.into())
            }
            Fate::StartTimeout(_) => {
                let (timeout, _) = self.agent_settings(id);
                let seconds = timeout.as_secs_ceil();
                let reason = format!(
                    "DockerTimeoutError: Could not transition to started; timed out after waiting \
                     {}m{}s",
                    seconds / 60,
                    seconds % 60
                );
                (FAILED, reason.into())
            }
            Fate::DependencyTimeout(position) => {
                let reason = format!(
                    "Task failed to start: container {} did not reach the status that others wait \
                     for within its startTimeout",
                    container(position)
                );
                (FAILED, reason.into())
            }
            Fate::DependencyFailed(position) => {
                let reason = format!(
                    "Task failed to start: container {} did not exit successfully",
                    container(position)
                );
                (FAILED, reason.into())
            }
            Fate::TargetUnhealthy => return self.target_unhealthy(id, scheduler),
        };
        self.tasks[id].fate = fate;
        self.stop_task(id, code, reason, scheduler);
    }

    /// How long the containers of a task take to exit once it stops.
    pub(super) fn stop_length(&self, id: TaskId) -> SimDuration {
        let task = &self.tasks[id];
        if task.started.is_none() {
            return SimDuration::ZERO;
        }
        let definition = self.definition_of(id);
        let (_, default) = self.agent_settings(id);
        let limit = if self.is_fargate(task.capacity) {
            FARGATE_STOP_LIMIT
        } else {
            SimDuration::from_nanos(u64::MAX)
        };
        let gone = match task.fate {
            Fate::Exit { container, .. } if task.exit_code.is_some() => {
                Some(usize::from(container))
            }
            _ => None,
        };
        // A worker exits when it has finished its messages, at the earliest.
        let finishes = self.worker_finishes(id);
        let stop = || self.draw(task, TaskDraw::Stop, &definition.stop_time).max(finishes);
        let containers = &definition.containers;
        if containers.is_empty() {
            if gone.is_some() {
                return SimDuration::ZERO;
            }
            return stop().min(definition.stop_timeout.unwrap_or(default)).min(limit);
        }
        let stop = stop();
        let order = &self.start_orders[self.definition_id_of(id)];
        shutdown_time(
            order,
            |it| &containers[it].depends_on[..],
            |it| {
                let own = &containers[it];
                // Those that end by themselves, and are not essential, have.
                if gone == Some(it) || own.run_time.is_some() && !own.essential {
                    SimDuration::ZERO
                } else {
                    stop.min(own.stop_timeout.unwrap_or(default)).min(limit)
                }
            },
        )
    }

    /// Health checks of a restarted container begin anew.
    fn restart_health(
        &mut self,
        id: TaskId,
        container: usize,
        started: SimTime,
        scheduler: &mut Scheduler<Event>,
    ) {
        let Some(check) =
            self.definition_of(id).containers.get(container).and_then(|own| own.health_check)
        else {
            return;
        };
        let windows = self.unhealthy_windows(id, container);
        let Some(checks) = self.checks.get_mut(&id) else { return };
        let Some(entry) = checks.checks.iter_mut().find(|it| it.container == container) else {
            return;
        };
        let mut progress = HealthProgress::new(&check, started);
        let next = progress.advance(&check, &windows);
        *entry = Check { container, shown: Status::Unknown, progress, next };
        self.follow_health(id, scheduler);
    }

    /// The verdict on a container may change now.
    pub(super) fn container_health(&mut self, id: TaskId, scheduler: &mut Scheduler<Event>) {
        let due = self.checks.get(&id).and_then(|checks| checks.due);
        if due == Some(scheduler.now()) && self.tasks[id].state.is_running() {
            self.follow_health(id, scheduler);
        }
    }

    /// Brings the verdicts on a RUNNING task's containers up to now.
    fn follow_health(&mut self, id: TaskId, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        let Some(mut checks) = self.checks.remove(&id) else { return };
        let definition = self.definition_of(id);
        for check in &mut checks.checks {
            let Some(settings) = definition.containers[check.container].health_check else {
                continue;
            };
            while check.next.is_some_and(|at| at <= now) {
                check.shown = check.progress.status;
                let windows = self.unhealthy_windows(id, check.container);
                check.next = check.progress.advance(&settings, &windows);
            }
        }
        let health = task_health(checks.checks.iter().map(|check| Some(check.shown)));
        checks.due = checks.checks.iter().filter_map(|check| check.next).min();
        if let Some(due) = checks.due {
            scheduler.schedule_at(due, Phase::Release, Event::ContainerHealth { task: id });
        }
        self.checks.insert(id, checks);
        let task = &mut self.tasks[id];
        if task.health == health {
            return;
        }
        task.health = health;
        match health {
            Status::Unhealthy => self.task_unhealthy(id, FailedCheck::Container, scheduler),
            Status::Healthy => self.containers_healthy(id, scheduler),
            Status::Unknown => {}
        }
    }
}

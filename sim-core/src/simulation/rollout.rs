//! Revisions and deployments of a service, and when a deployment begins, ends, fails or is rolled back.

use std::collections::{BTreeMap, BTreeSet};

use super::event::Event;
use super::state::all_constraints;
use super::task::Owner;
use super::world::World;
use crate::engine::{Phase, Scheduler};
use crate::placement::{RuleId, SERVICE_DEFAULT};
use crate::results::{DeploymentTrigger, EventCategory};
use crate::scenario::{
    DeploymentAlarms, DeploymentStrategy, LaunchTarget, SchedulingStrategy, Service,
};
use crate::service::circuit_breaker::FailureCount;
use crate::service::completion::{Progress, RolloutState, is_complete, rollback_target};
use crate::service::traffic_shift::Stage;
use crate::units::{Cpu, ServiceId, SimTime, TaskDefinitionId, TaskId};

/// A service revision: a task definition and what runs of it.
#[derive(Clone, Debug)]
pub(super) struct Revision {
    pub(super) definition: TaskDefinitionId,
    /// The update of the service whose strategy it has; `None` for the service's own.
    pub(super) launch_from: Option<usize>,
    /// Placement of its tasks.
    pub(super) rule: RuleId,
    /// Tasks whose desired status is RUNNING.
    pub(super) active: u32,
    /// Tasks that requests may go to.
    pub(super) ready: u32,
    /// Tasks that count as healthy.
    pub(super) counted: u32,
    /// Tasks that are not STOPPED.
    pub(super) left: u32,
    /// Tasks to keep of a revision that is being replaced: those that the deployment did not stop.
    pub(super) target: u32,
    /// Active tasks per entry of the capacity provider strategy.
    pub(super) per_item: Vec<u32>,
}

/// Where a deployment that shifts traffic is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shift {
    /// Revision that is replaced.
    pub(super) blue: u32,
    pub(super) stage: Stage,
    pub(super) since: SimTime,
    /// Steps of the production traffic shift taken so far.
    pub(super) steps: u32,
}

/// A deployment.
#[derive(Clone, Debug)]
pub(super) struct Deployment {
    pub(super) revision: u32,
    pub(super) trigger: DeploymentTrigger,
    pub(super) created: SimTime,
    pub(super) finished: Option<SimTime>,
    pub(super) state: RolloutState,
    pub(super) reason: &'static str,
    pub(super) failures: FailureCount,
    pub(super) failed_tasks: u32,
    pub(super) started_tasks: u32,
    pub(super) shift: Option<Shift>,
    /// When the alarms' bake time began.
    pub(super) baking_since: Option<SimTime>,
    /// Whether the configured alarms count: not if one was in ALARM when the deployment began.
    pub(super) monitors_alarms: bool,
}

/// All revisions and deployments of a service.
#[derive(Clone, Debug)]
pub(super) struct Rollout {
    pub(super) revisions: Vec<Revision>,
    /// Oldest first; the last one is the primary deployment.
    pub(super) deployments: Vec<Deployment>,
    /// Active tasks that failed a check or sit on a draining instance.
    pub(super) leaving: BTreeSet<TaskId>,
    /// Replacements of a zone rebalancing that are not healthy yet.
    pub(super) moving: BTreeSet<TaskId>,
    /// Protected tasks by the end of their protection.
    pub(super) protected: BTreeMap<TaskId, SimTime>,
    /// Failed launches in a row.
    pub(super) launch_failures: u32,
    pub(super) last_launch_failure: Option<SimTime>,
    pub(super) throttled_until: Option<SimTime>,
    /// Last event of each kind, for the limit on repetitions.
    pub(super) stuck_event: Option<SimTime>,
    pub(super) throttle_event: Option<SimTime>,
    pub(super) rebalancing_announced: bool,
    /// When the zones are looked at next.
    pub(super) zone_check: Option<SimTime>,
    /// Whether a move is due.
    pub(super) zone_due: bool,
    pub(super) next_update: usize,
    /// Alarms of the service in ALARM.
    pub(super) firing: BTreeSet<String>,
}

impl Rollout {
    pub(super) fn new(service: &Service, rule: RuleId) -> Self {
        let mut rollout = Self {
            revisions: Vec::new(),
            deployments: Vec::new(),
            leaving: BTreeSet::new(),
            moving: BTreeSet::new(),
            protected: BTreeMap::new(),
            launch_failures: 0,
            last_launch_failure: None,
            throttled_until: None,
            stuck_event: None,
            throttle_event: None,
            rebalancing_announced: false,
            zone_check: None,
            zone_due: false,
            next_update: 0,
            firing: BTreeSet::new(),
        };
        let items = entries(&service.launch);
        rollout.add_revision((service.task_definition, None), items, rule);
        rollout.add_deployment(0, DeploymentTrigger::ServiceCreated, SimTime::ZERO);
        rollout
    }

    fn add_revision(
        &mut self,
        (definition, launch_from): (TaskDefinitionId, Option<usize>),
        items: usize,
        rule: RuleId,
    ) -> u32 {
        self.revisions.push(Revision {
            definition,
            launch_from,
            rule,
            active: 0,
            ready: 0,
            counted: 0,
            left: 0,
            target: 0,
            per_item: vec![0; items],
        });
        self.revisions.len() as u32 - 1
    }

    fn add_deployment(&mut self, revision: u32, trigger: DeploymentTrigger, now: SimTime) {
        self.deployments.push(Deployment {
            revision,
            trigger,
            created: now,
            finished: None,
            state: RolloutState::InProgress,
            reason: "",
            failures: FailureCount::default(),
            failed_tasks: 0,
            started_tasks: 0,
            shift: None,
            baking_since: None,
            monitors_alarms: trigger != DeploymentTrigger::ServiceCreated,
        });
    }

    /// The primary deployment.
    pub(super) fn current(&self) -> &Deployment {
        self.deployments.last().expect("a service has a deployment from the start")
    }

    pub(super) fn current_mut(&mut self) -> &mut Deployment {
        self.deployments.last_mut().expect("a service has a deployment from the start")
    }

    /// Revision of the primary deployment.
    pub(super) fn primary(&self) -> u32 {
        self.current().revision
    }

    pub(super) fn revision(&self, revision: u32) -> &Revision {
        &self.revisions[revision as usize]
    }

    pub(super) fn revision_mut(&mut self, revision: u32) -> &mut Revision {
        &mut self.revisions[revision as usize]
    }

    /// A task stops: nothing of what is kept about it matters any more.
    pub(super) fn forget(&mut self, task: TaskId) {
        self.leaving.remove(&task);
        self.moving.remove(&task);
        self.protected.remove(&task);
    }

    /// Whether one of the alarms that deployments watch is in ALARM.
    fn is_alarmed(&self, alarms: &DeploymentAlarms) -> bool {
        alarms.names.iter().any(|name| self.firing.contains(name))
    }

    pub(super) fn in_progress(&self) -> bool {
        self.current().state == RolloutState::InProgress
    }

    /// Whether the primary deployment failed and nothing took its place: no new task is started.
    pub(super) fn stalled(&self) -> bool {
        self.current().state == RolloutState::Failed
    }

    /// Tasks of other revisions than the primary that are not STOPPED.
    pub(super) fn old_left(&self) -> u32 {
        let primary = self.primary();
        let revisions = (0..).zip(&self.revisions);
        revisions.filter(|(index, _)| *index != primary).map(|(_, it)| it.left).sum()
    }

    /// Whether the service runs one revision and nothing leaves: then only the number counts.
    pub(super) fn is_settled(&self, active: usize) -> bool {
        self.leaving.is_empty()
            && self.revision(self.primary()).active as usize == active
            && self.current().shift.is_none()
            && !self.stalled()
            && !self.zone_due
    }
}

/// Entries of the strategy of a launch target.
fn entries(launch: &LaunchTarget) -> usize {
    match launch {
        LaunchTarget::Strategy(items) => items.len(),
        LaunchTarget::Ec2 | LaunchTarget::Fargate => 0,
    }
}

/// Name of the `index`-th deployment of a service.
pub(super) fn deployment_name(service: &str, index: usize) -> String {
    match index {
        0 => format!("ecs-svc/{service}"),
        _ => format!("ecs-svc/{service}/{}", index + 1),
    }
}

impl World<'_, '_> {
    /// Name of the primary deployment.
    pub(super) fn deployment_id(&self, id: ServiceId) -> String {
        let state = &self.services[id];
        deployment_name(&state.settings.name, state.rollout.deployments.len() - 1)
    }

    /// Schedules the updates of a service.
    pub(super) fn schedule_next_update(&mut self, id: ServiceId, scheduler: &mut Scheduler<Event>) {
        let state = &self.services[id];
        let updates = &state.settings.scheduling.updates;
        if let Some(update) = updates.get(state.rollout.next_update) {
            scheduler.schedule_at(update.at, Phase::Decide, Event::ServiceUpdate(id));
        }
    }

    /// A call of UpdateService.
    pub(super) fn service_update(&mut self, id: ServiceId, scheduler: &mut Scheduler<Event>) {
        let state = &mut self.services[id];
        let settings = state.settings;
        let Some(update) = settings.scheduling.updates.get(state.rollout.next_update) else {
            return;
        };
        let number = state.rollout.next_update;
        state.rollout.next_update += 1;
        if let Some(desired) = update.desired_count {
            self.set_desired_count(id, desired, scheduler);
        }
        let rollout = &self.services[id].rollout;
        let primary = rollout.revision(rollout.primary());
        let (running, launch_from) = (primary.definition, primary.launch_from);
        let definition = update.task_definition.unwrap_or(running);
        let launch = self.launch_of(id, rollout.primary());
        let moves = update.launch.as_ref().is_some_and(|wanted| wanted != launch);
        let trigger = if definition != running {
            Some(DeploymentTrigger::TaskDefinition)
        } else if moves {
            Some(DeploymentTrigger::CapacityProviders)
        } else if update.force_new_deployment {
            Some(DeploymentTrigger::Forced)
        } else {
            None
        };
        let launch_from = if moves { Some(number) } else { launch_from };
        if let Some(trigger) = trigger {
            self.start_deployment(id, (definition, launch_from), trigger, scheduler);
        }
        self.schedule_next_update(id, scheduler);
    }

    fn start_deployment(
        &mut self,
        id: ServiceId,
        (definition, launch_from): (TaskDefinitionId, Option<usize>),
        trigger: DeploymentTrigger,
        scheduler: &mut Scheduler<Event>,
    ) {
        let now = scheduler.now();
        let state = &mut self.services[id];
        let settings = state.settings;
        let updates = &settings.scheduling.updates;
        let moved = launch_from.and_then(|it| updates.get(it)?.launch.as_ref());
        let items = entries(moved.unwrap_or(&settings.launch));
        let rollout = &mut state.rollout;
        let history = history(rollout);
        let blue = rollback_target(&history);
        let current = rollout.current_mut();
        if current.state == RolloutState::InProgress {
            current.state = RolloutState::Superseded;
            current.reason = "a newer deployment took its place";
            current.finished = Some(now);
        }
        let chain = match &settings.placement_strategy[..] {
            [] => &SERVICE_DEFAULT[..],
            chain => chain,
        };
        let constraints =
            all_constraints(self.scenario, &settings.placement_constraints, definition);
        let rule = self.fleet.rule(chain, &constraints, state.group);
        let revision = rollout.add_revision((definition, launch_from), items, rule);
        rollout.add_deployment(revision, trigger, now);
        if let (DeploymentStrategy::Shifting(_), Some(blue)) =
            (&settings.scheduling.deployment.strategy, blue)
        {
            let stage = Stage::ReconcileService;
            rollout.current_mut().shift = Some(Shift { blue, stage, since: now, steps: 0 });
        }
        self.daemons_by_tasks = self.daemons_by_tasks();
        self.begin_rollout(id, scheduler);
    }

    /// What every change of the primary deployment brings with it.
    fn begin_rollout(&mut self, id: ServiceId, scheduler: &mut Scheduler<Event>) {
        self.steer(id, scheduler.now());
        let state = &mut self.services[id];
        let rollout = &mut state.rollout;
        let alarms = state.settings.scheduling.deployment.alarms.as_ref();
        if alarms.is_some_and(|alarms| rollout.is_alarmed(alarms)) {
            rollout.current_mut().monitors_alarms = false;
        }
        let primary = rollout.primary();
        for (index, revision) in (0..).zip(&mut rollout.revisions) {
            revision.target = if index == primary { 0 } else { revision.active };
        }
        // Throttling and the retries of failed placements start afresh with a new deployment.
        rollout.launch_failures = 0;
        rollout.throttled_until = None;
        rollout.stuck_event = None;
        rollout.moving.clear();
        rollout.zone_due = false;
        state.failing_since = None;
        state.steady = false;
        self.request_pass_after_reaction(id, scheduler);
    }

    /// The primary deployment failed: it is rolled back, or stalls.
    pub(super) fn fail_deployment(
        &mut self,
        id: ServiceId,
        reason: &'static str,
        rollback: bool,
        scheduler: &mut Scheduler<Event>,
    ) {
        let now = scheduler.now();
        let failed = self.deployment_id(id);
        let state = &mut self.services[id];
        let name = &state.settings.name;
        let rollout = &mut state.rollout;
        let broken = rollout.primary();
        let current = rollout.current_mut();
        current.state = RolloutState::Failed;
        current.reason = reason;
        current.finished = Some(now);
        current.shift = None;
        let target = rollback_target(&history(rollout)).filter(|_| rollback);
        if let Some(revision) = target {
            rollout.add_deployment(revision, DeploymentTrigger::Rollback, now);
        }
        let message =
            format!("(service {name}) (deployment {failed}) deployment failed: {reason}.");
        self.log(now, EventCategory::ServiceEvent, name, None, message);
        if target.is_some() {
            let message = format!(
                "(service {name}) rolling back to (deployment {}).",
                self.deployment_id(id)
            );
            self.log(now, EventCategory::ServiceEvent, name, None, message);
            self.begin_rollout(id, scheduler);
            // What failed is not replaced.
            self.services[id].rollout.revision_mut(broken).target = 0;
        } else {
            self.steer(id, now);
            self.request_pass_after_reaction(id, scheduler);
        }
    }

    /// A task of the primary deployment failed; its circuit breaker may end the deployment.
    pub(super) fn count_deployment_failure(
        &mut self,
        id: ServiceId,
        revision: u32,
        scheduler: &mut Scheduler<Event>,
    ) {
        let state = &mut self.services[id];
        let rollout = &mut state.rollout;
        if rollout.primary() != revision || !rollout.in_progress() {
            return;
        }
        let current = rollout.current_mut();
        current.failed_tasks += 1;
        let configuration = &state.settings.scheduling.deployment;
        let rolling = configuration.strategy == DeploymentStrategy::Rolling;
        let Some(breaker) = configuration.circuit_breaker.filter(|_| rolling) else { return };
        // Before the breaker existed there was no minimum either; scenarios cannot ask for one then.
        let minimum = self.scenario.rules.circuit_breaker_minimum.unwrap_or(0);
        if current.failures.fail(&breaker, state.desired, minimum) {
            self.fail_deployment(id, "tasks failed to start", breaker.rollback, scheduler);
        }
    }

    /// Ends the primary deployment if it is done.
    pub(super) fn check_completion(&mut self, id: ServiceId, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        let state = &self.services[id];
        let rollout = &state.rollout;
        if !rollout.in_progress() || rollout.current().shift.is_some() {
            return;
        }
        let configuration = &state.settings.scheduling.deployment;
        let revision = rollout.revision(rollout.primary());
        let progress = Progress {
            desired: state.desired,
            active: revision.active,
            healthy: revision.counted,
            old_left: rollout.old_left(),
        };
        if !is_complete(&progress, configuration.early_success) {
            self.services[id].rollout.current_mut().baking_since = None;
            return;
        }
        if let Some(alarms) = &configuration.alarms
            && rollout.current().monitors_alarms
        {
            let since = rollout.current().baking_since.unwrap_or(now);
            self.services[id].rollout.current_mut().baking_since = Some(since);
            let until = since + alarms.bake_time;
            if now < until {
                self.request_pass(id, until, scheduler);
                return;
            }
        }
        self.complete_deployment(id, now);
    }

    /// The primary deployment is done.
    pub(super) fn complete_deployment(&mut self, id: ServiceId, now: SimTime) {
        let deployment = self.deployment_id(id);
        let state = &mut self.services[id];
        let name = &state.settings.name;
        let current = state.rollout.current_mut();
        current.state = RolloutState::Completed;
        current.finished = Some(now);
        let shifted = current.shift.take().is_some();
        // What stood ready at time zero was deployed before the run.
        let before = current.trigger == DeploymentTrigger::ServiceCreated && now == SimTime::ZERO;
        if !before {
            let message =
                format!("(service {name}) (deployment {deployment}) deployment completed.");
            self.log(now, EventCategory::ServiceEvent, name, None, message);
        }
        if shifted {
            self.steer(id, now);
        }
    }

    /// An alarm of a service changed: a deployment that watches it fails.
    pub(super) fn watch_alarms(&mut self, id: ServiceId, scheduler: &mut Scheduler<Event>) {
        let state = &self.services[id];
        let Some(alarms) = &state.settings.scheduling.deployment.alarms else { return };
        let rollout = &state.rollout;
        let watched = rollout.current().monitors_alarms && rollout.in_progress();
        if watched && rollout.is_alarmed(alarms) {
            self.fail_deployment(id, "alarm detected", alarms.rollback, scheduler);
        }
    }

    /// Mean CPU that a task of the service reserves, over those that requests may go to.
    pub(super) fn mean_cpu(&self, id: ServiceId) -> Cpu {
        let rollout = &self.services[id].rollout;
        let definitions = &self.scenario.task_definitions;
        let (mut tasks, mut cpu) = (0_u64, 0_u64);
        for revision in &rollout.revisions {
            tasks += u64::from(revision.ready);
            cpu += u64::from(revision.ready) * definitions[revision.definition].cpu.as_raw();
        }
        let primary = rollout.revision(rollout.primary()).definition;
        cpu.checked_div(tasks).map_or(definitions[primary].cpu, Cpu::from_raw)
    }

    /// Share of production traffic on green after `steps` steps, in thousandths.
    pub(super) fn green_permille(&self, id: ServiceId, steps: u32) -> u32 {
        let configuration = &self.services[id].settings.scheduling.deployment;
        let DeploymentStrategy::Shifting(shifting) = &configuration.strategy else { return 1000 };
        let last = steps.checked_sub(1).and_then(|last| shifting.shift.step(last));
        last.map_or(0, |step| step.green_permille)
    }

    pub(super) fn is_daemon(&self, owner: Owner) -> bool {
        let Owner::Service(service) = owner else { return false };
        self.services[service].settings.scheduling.strategy == SchedulingStrategy::Daemon
    }
}

/// States and revisions of all deployments.
fn history(rollout: &Rollout) -> Vec<(RolloutState, u32)> {
    rollout.deployments.iter().map(|it| (it.state, it.revision)).collect()
}

//! Deployments that run both revisions and shift traffic: blue/green, canary and linear.

use super::cpu_sharing::CpuUse;
use super::event::Event;
use super::task::{Owner, TaskState};
use super::world::World;
use crate::engine::Scheduler;
use crate::scenario::{DeploymentStrategy, ShiftingDeployment};
use crate::service::traffic_shift::{DEPLOYMENT_LIMIT, STAGE_LIMIT, Stage, receiving_tasks};
use crate::units::{ServiceId, SimDuration, SimTime, TaskId};

/// What a stage waits for.
enum Wait {
    /// Nothing: the next stage begins.
    Done,
    /// An instant.
    Until(SimTime),
    /// Tasks, at most until the stage's limit.
    ForTasks(SimTime),
}

impl World<'_, '_> {
    /// Moves a deployment that shifts traffic through every stage that is over.
    pub(super) fn advance_shift(&mut self, id: ServiceId, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        while let Some(shift) = self.services[id].rollout.current().shift {
            let ends = match shift.stage {
                Stage::CleanUp => SimTime::MAX,
                _ => self.services[id].rollout.current().created + DEPLOYMENT_LIMIT,
            };
            if ends <= now {
                let reason = "the deployment took longer than 30 days";
                return self.fail_deployment(id, reason, true, scheduler);
            }
            let configuration = &self.services[id].settings.scheduling.deployment;
            let DeploymentStrategy::Shifting(shifting) = &configuration.strategy else { return };
            match self.stage_wait(id, shifting, now) {
                Wait::Until(at) => return self.request_pass(id, at.min(ends), scheduler),
                Wait::ForTasks(limit) if limit <= now => {
                    return self.fail_deployment(
                        id,
                        "a stage took longer than a day",
                        true,
                        scheduler,
                    );
                }
                Wait::ForTasks(limit) => {
                    return self.request_pass(id, limit.min(ends), scheduler);
                }
                Wait::Done => {}
            }
            if shift.stage == Stage::ProductionTrafficShift
                && shifting.shift.step(shift.steps).is_some()
            {
                if let Some(shift) = &mut self.services[id].rollout.current_mut().shift {
                    shift.steps += 1;
                    shift.since = now;
                }
                self.steer(id, now);
                continue;
            }
            let Some(next) = shift.stage.next() else { return self.complete_deployment(id, now) };
            if let Some(shift) = &mut self.services[id].rollout.current_mut().shift {
                shift.stage = next;
                shift.since = now;
            }
            if matches!(next, Stage::ScaleUp | Stage::CleanUp) {
                // Tasks start or stop: the scheduler looks again at once.
                self.request_pass(id, now, scheduler);
                return;
            }
        }
    }

    fn stage_wait(&self, id: ServiceId, shifting: &ShiftingDeployment, now: SimTime) -> Wait {
        let state = &self.services[id];
        let Some(shift) = state.rollout.current().shift else { return Wait::Done };
        let limit = shift.since + STAGE_LIMIT;
        let wait = |length: SimDuration| {
            let until = shift.since + length;
            if now < until { Wait::Until(until) } else { Wait::Done }
        };
        match shift.stage {
            Stage::ScaleUp => {
                let green = state.rollout.revision(state.rollout.primary());
                if state.desired <= green.counted { Wait::Done } else { Wait::ForTasks(limit) }
            }
            // A step that was taken is held; before the first one the stage's hooks run.
            Stage::ProductionTrafficShift if 0 < shift.steps => {
                let hold =
                    shifting.shift.step(shift.steps - 1).map_or(SimDuration::ZERO, |it| it.hold);
                wait(hold)
            }
            Stage::BakeTime => wait(shifting.bake_time),
            Stage::CleanUp => {
                if state.rollout.old_left() == 0 {
                    Wait::Done
                } else {
                    Wait::ForTasks(SimTime::MAX)
                }
            }
            Stage::ReconcileService
            | Stage::PreScaleUp
            | Stage::PostScaleUp
            | Stage::TestTrafficShift
            | Stage::PostTestTrafficShift
            | Stage::PreProductionTrafficShift
            | Stage::ProductionTrafficShift
            | Stage::PostProductionTrafficShift => {
                let hooks = shifting.hooks.iter().filter(|(stage, _)| *stage == shift.stage);
                wait(hooks.fold(SimDuration::ZERO, |sum, (_, length)| sum + *length))
            }
        }
    }

    /// Sends requests to the tasks that should get them: to all that are ready, or, while traffic shifts,
    /// to as many of either revision as have the wanted share of it when all get the same.
    pub(super) fn steer(&mut self, id: ServiceId, now: SimTime) {
        let rollout = &self.services[id].rollout;
        let primary = rollout.primary();
        let green = rollout.revision(primary).ready;
        let ready: u32 = rollout.revisions.iter().map(|revision| revision.ready).sum();
        let (mut to_blue, mut to_green) = match rollout.current().shift {
            None => (ready - green, green),
            Some(shift) => {
                receiving_tasks(ready - green, green, self.green_permille(id, shift.steps))
            }
        };
        let tasks: Vec<TaskId> = self.services[id].active.iter().copied().collect();
        for task in tasks {
            if !self.tasks[task].ready {
                continue;
            }
            let is_green = self.tasks[task].revision == primary;
            let left = if is_green { &mut to_green } else { &mut to_blue };
            let receives = 0 < *left;
            *left = left.saturating_sub(1);
            self.set_serving(task, receives, now);
        }
    }

    /// Sends requests to a task from now on, or no more.
    pub(super) fn set_serving(&mut self, id: TaskId, serving: bool, now: SimTime) {
        let task = &mut self.tasks[id];
        let Owner::Service(service) = task.owner else { return };
        if task.serving == serving {
            return;
        }
        task.serving = serving;
        self.sync_load(service, now);
        self.count_serving(id, service, serving);
        if serving {
            self.change_cpu_use(id, CpuUse::Idle, CpuUse::Serving, now);
        } else {
            self.change_cpu_use(id, CpuUse::Serving, CpuUse::Idle, now);
        }
        self.note_strength(service, now);
        if self.tasks[id].state != TaskState::TargetUnhealthy {
            self.fail_open(service, now);
        }
    }
}

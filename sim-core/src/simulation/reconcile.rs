//! A pass of the scheduler over a service in which tasks are replaced: by a deployment, because they are
//! unhealthy, because their instance drains, or because the zones are uneven.
//!
//! The pass counts what there is, asks the decisions of [`service`](crate::service), and applies them in
//! this order: draining, unhealthy tasks, the deployment, the surplus; what stops first makes no room
//! for what starts in the same pass.

use super::event::Event;
use super::task::TaskState;
use super::world::World;
use crate::engine::Scheduler;
use crate::results::EventCategory;
use crate::scenario::UnhealthyOrder;
use crate::service::bounds::Bounds;
use crate::service::completion::RolloutState;
use crate::service::draining::{DrainingCounts, drain_step};
use crate::service::health::HealthSources;
use crate::service::replacement::{ReplacementCounts, replace_unhealthy};
use crate::service::rolling::{RollingCounts, is_stuck, rolling_step};
use crate::service::traffic_shift::Stage;
use crate::units::{ServiceId, SimTime, TaskId};

/// What a pass did.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Changes {
    pub(super) started: u32,
    pub(super) stopped: u32,
}

/// The active tasks of a service by what the scheduler may do with them. Lists are in order of creation,
/// without protected tasks; counts include those.
#[derive(Debug, Default)]
struct Census {
    /// Count as healthy.
    healthy: u32,
    /// Are healthy for the purposes of draining.
    healthy_now: u32,
    /// When the next task becomes so.
    next_healthy_now: Option<SimTime>,
    /// On draining instances, before RUNNING; all revisions.
    draining_starting: Vec<TaskId>,
    /// On draining instances, RUNNING; all revisions.
    draining_running: Vec<TaskId>,
    /// Of the primary revision: failed a check.
    new_unhealthy: Vec<TaskId>,
    /// Of the primary revision: neither failed nor draining.
    new_staying: u32,
    /// Those of them that count as healthy.
    new_healthy: u32,
    /// Those of them that may be stopped.
    new_stoppable: Vec<TaskId>,
    old_starting: Vec<TaskId>,
    old_unhealthy: Vec<TaskId>,
    old_healthy: Vec<TaskId>,
    /// Tasks of each revision that neither failed nor drain.
    staying: Vec<u32>,
    /// Whether a task will become healthy by itself.
    under_way: bool,
    /// When the next protection ends.
    protection_ends: Option<SimTime>,
}

impl World<'_, '_> {
    fn census(&self, id: ServiceId, now: SimTime) -> Census {
        let state = &self.services[id];
        let rollout = &state.rollout;
        let primary = rollout.primary();
        let delay = self.scenario.control_plane.service_scheduler.healthy_after_when_draining;
        let mut census = Census { staying: vec![0; rollout.revisions.len()], ..Census::default() };
        for &task_id in &state.active {
            let task = &self.tasks[task_id];
            let draining = task.instance.is_some_and(|it| self.instances[it].draining.is_some());
            let running = task.state.is_running();
            let protection = self.protection_end(id, task_id, now);
            census.healthy += u32::from(task.counted);
            census.under_way |= !task.unhealthy && !task.counted;
            if task.state == TaskState::Running && !task.unhealthy {
                let from = task.started.map_or(now, |started| started + delay);
                let checked = self.health_sources(task_id) != HealthSources::default();
                if task.counted || (!checked && from <= now) {
                    census.healthy_now += 1;
                } else if !checked {
                    let next = census.next_healthy_now.get_or_insert(from);
                    *next = from.min(*next);
                }
            }
            let staying = !draining && !task.unhealthy;
            if staying {
                census.staying[task.revision as usize] += 1;
            }
            if task.revision == primary && staying {
                census.new_staying += 1;
                census.new_healthy += u32::from(task.counted);
            }
            if let Some(ends) = protection.filter(|_| !task.unhealthy) {
                let first = census.protection_ends.get_or_insert(ends);
                *first = ends.min(*first);
                continue;
            }
            let list = if draining && !running {
                &mut census.draining_starting
            } else if draining && !task.unhealthy {
                &mut census.draining_running
            } else if task.revision == primary {
                if task.unhealthy { &mut census.new_unhealthy } else { &mut census.new_stoppable }
            } else if !running {
                &mut census.old_starting
            } else if task.counted {
                &mut census.old_healthy
            } else {
                &mut census.old_unhealthy
            };
            list.push(task_id);
        }
        census
    }

    /// One pass over a service that does not only need more or fewer tasks.
    pub(super) fn reconcile(&mut self, id: ServiceId, scheduler: &mut Scheduler<Event>) -> Changes {
        let now = scheduler.now();
        let census = self.census(id, now);
        let state = &self.services[id];
        let configuration = &state.settings.scheduling.deployment;
        let rollout = &state.rollout;
        let desired = state.desired;
        let bounds = Bounds::of(
            desired,
            configuration.minimum_healthy_percent,
            configuration.maximum_percent,
        );
        let left: u32 = rollout.revisions.iter().map(|revision| revision.left).sum();
        let stopping = left - state.active.len() as u32;
        let counts_stopping = self.scenario.control_plane.service_scheduler.maximum_counts_stopping;
        let counted_stopping = if counts_stopping { stopping } else { 0 };
        let active = state.active.len() as u32 + counted_stopping;
        let shift = rollout.current().shift;
        let (primary, stalled) = (rollout.primary(), rollout.stalled());
        let moving = rollout.moving.len() as u32;
        let protection_ends = census.protection_ends;
        let mut changes = Changes::default();

        let drain = drain_step(
            &DrainingCounts {
                desired,
                active,
                healthy: census.healthy_now,
                staying: census.staying.iter().sum(),
                starting: census.draining_starting.len() as u32,
                running: census.draining_running.len() as u32,
            },
            bounds,
        );
        let drained =
            self.stop_by_strategy(id, &census.draining_starting, drain.stop_starting, scheduler)
                + self.stop_by_strategy(
                    id,
                    &census.draining_running,
                    drain.stop_running,
                    scheduler,
                );
        changes.stopped += drained;
        if !census.draining_running.is_empty()
            && let Some(at) = census.next_healthy_now
        {
            self.request_pass(id, at, scheduler);
        }

        let replacement = replace_unhealthy(
            &ReplacementCounts {
                desired,
                active,
                good: census.new_staying,
                healthy: census.new_healthy,
                unhealthy: census.new_unhealthy.len() as u32,
            },
            bounds,
        );
        changes.stopped +=
            self.stop_unhealthy_tasks(id, &census.new_unhealthy, replacement.stop, scheduler);

        let mut counts = RollingCounts {
            desired,
            active,
            healthy: self.services[id].rollout.revisions.iter().map(|it| it.counted).sum(),
            new_active: census.new_staying - moving,
            old_starting: census.old_starting.len() as u32,
            old_unhealthy: census.old_unhealthy.len() as u32,
            old_healthy: census.old_healthy.len() as u32,
        };
        let clean_up = |stage: Stage| stage == Stage::CleanUp;
        if let Some(shift) = shift {
            if !clean_up(shift.stage) {
                // Blue stays whole until all of the traffic has baked on green.
                counts.old_starting = 0;
                counts.old_unhealthy = 0;
                counts.old_healthy = 0;
            }
            if shift.stage < Stage::ScaleUp {
                counts.new_active = counts.desired;
            }
        } else if stalled {
            counts = RollingCounts { desired: 0, ..RollingCounts::default() };
        }
        // Green is scaled up beside the whole of blue.
        let room = if shift.is_some() { Bounds { upper: u32::MAX, ..bounds } } else { bounds };
        let step = rolling_step(&counts, room);
        let primary_only = shift.is_none();
        let stops = [
            (&census.old_starting, step.stop_starting),
            (&census.old_unhealthy, step.stop_unhealthy),
            (&census.old_healthy, step.stop_healthy),
        ];
        let mut replaced = 0;
        for (tasks, number) in stops {
            let before: Vec<u32> = self.active_by_revision(id);
            replaced += self.stop_by_strategy(id, tasks, number, scheduler);
            // A revision that is replaced does not get back what the deployment took from it.
            let after = self.active_by_revision(id);
            let revisions = &mut self.services[id].rollout.revisions;
            for (revision, (before, after)) in revisions.iter_mut().zip(before.iter().zip(after)) {
                revision.target = revision.target.saturating_sub(before - after);
            }
        }
        changes.stopped += replaced;

        let started = self.start_replacements(id, &census, step.start, primary, room, scheduler);
        changes.started += started;
        if primary_only || shift.is_some_and(|it| clean_up(it.stage)) || stalled {
            let surplus = if stalled {
                (active - counted_stopping).saturating_sub(desired.max(census.new_staying))
            } else {
                (census.new_staying - moving).saturating_sub(desired)
            };
            changes.stopped += self.stop_by_strategy(id, &census.new_stoppable, surplus, scheduler);
        }
        if shift.is_none() && !stalled && changes.started + changes.stopped == 0 {
            let in_flight = census.under_way || 0 < stopping || protection_ends.is_some();
            self.report_stuck(id, &counts, bounds, in_flight, now);
        }
        if let Some(at) = protection_ends {
            self.request_pass_after_protection(id, at, scheduler);
        }
        if 0 < changes.stopped {
            // What stopped may have made room for what could not start yet.
            let tick = self.scenario.control_plane.service_scheduler.tick;
            self.request_pass(id, now + tick, scheduler);
        }
        changes
    }

    fn active_by_revision(&self, id: ServiceId) -> Vec<u32> {
        self.services[id].rollout.revisions.iter().map(|revision| revision.active).collect()
    }

    /// Starts tasks of the primary revision, and those that an older one lost while it is replaced.
    fn start_replacements(
        &mut self,
        id: ServiceId,
        census: &Census,
        start: u32,
        primary: u32,
        bounds: Bounds,
        scheduler: &mut Scheduler<Event>,
    ) -> u32 {
        let rollout = &self.services[id].rollout;
        let superseded = rollout.current().state == RolloutState::Completed;
        let mut lost = Vec::new();
        for (index, revision) in (0..).zip(&rollout.revisions) {
            if index != primary && !superseded {
                let staying = census.staying[index as usize].min(revision.active);
                let target = match rollout.current().shift {
                    Some(shift) if shift.blue == index && shift.stage < Stage::CleanUp => {
                        self.services[id].desired
                    }
                    Some(_) => 0,
                    None => revision.target,
                };
                lost.push((index, target.saturating_sub(staying)));
            }
        }
        let mut started = 0;
        for (revision, missing) in lost {
            let active = self.services[id].active.len() as u32;
            let number = missing.min(bounds.can_start(active));
            started += self.launch_tasks(id, revision, number, scheduler);
        }
        let active = self.services[id].active.len() as u32;
        let number = start.min(if started == 0 { start } else { bounds.can_start(active) });
        started + self.launch_tasks(id, primary, number, scheduler)
    }

    fn stop_unhealthy_tasks(
        &mut self,
        id: ServiceId,
        tasks: &[TaskId],
        number: u32,
        scheduler: &mut Scheduler<Event>,
    ) -> u32 {
        let mut left = tasks.to_vec();
        let mut stopped = 0;
        while stopped < number && !left.is_empty() {
            let state = &mut self.services[id];
            let bits = state.stop_key.at(state.stops);
            state.stops += 1;
            let nth = match self.scenario.control_plane.service_scheduler.unhealthy_order {
                UnhealthyOrder::Random => ((u128::from(bits) * left.len() as u128) >> 64) as usize,
                UnhealthyOrder::OldestFirst => 0,
            };
            let task = left.remove(nth);
            self.stop_unhealthy(task, scheduler);
            stopped += 1;
        }
        stopped
    }

    /// Says that the deployment cannot go on, at most once in six hours.
    fn report_stuck(
        &mut self,
        id: ServiceId,
        counts: &RollingCounts,
        bounds: Bounds,
        in_flight: bool,
        now: SimTime,
    ) {
        if !is_stuck(counts, bounds, in_flight) {
            return;
        }
        let state = &mut self.services[id];
        let last = state.rollout.stuck_event;
        if last.is_some_and(|at| now.saturating_since(at) < super::service::EVENT_REPEAT) {
            return;
        }
        state.rollout.stuck_event = Some(now);
        let name = &state.settings.name;
        let message = format!(
            "(service {name}) was unable to stop or start tasks during a deployment because of the \
             service deployment configuration. Update the minimumHealthyPercent or maximumPercent \
             value and try again."
        );
        self.log(now, EventCategory::ServiceEvent, name, None, message);
    }
}

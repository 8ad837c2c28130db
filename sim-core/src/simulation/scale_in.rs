//! Which tasks of a service stop, and their stop.

use std::borrow::Cow;

use super::event::Event;
use super::world::World;
use crate::autoscaling::choose_for_stop;
use crate::engine::Scheduler;
use crate::placement::{StopCandidate, choose_stop, stop_attribute};
use crate::results::{EventCategory, StopCode};
use crate::scenario::{BelowProtected, LaunchTarget};
use crate::units::{InstanceId, ServiceId, SimTime, TaskId};

impl World<'_, '_> {
    /// Stops what a service of one revision runs beyond its desired count; how many it stopped.
    ///
    /// Protected tasks stay, and the service looks again when the next protection ends.
    pub(super) fn stop_surplus(&mut self, id: ServiceId, scheduler: &mut Scheduler<Event>) -> u32 {
        let now = scheduler.now();
        let state = &self.services[id];
        let wanted = state.desired as usize + state.rollout.moving.len();
        let Some(surplus) = state.active.len().checked_sub(wanted).filter(|it| *it != 0) else {
            return 0;
        };
        let keep = self.scenario.control_plane.service_scheduler.below_protected;
        let mut tasks: Vec<TaskId> = Vec::with_capacity(state.active.len());
        let mut next_end = None;
        for &task in &state.active {
            match self.protection_end(id, task, now) {
                None => tasks.push(task),
                Some(end) => next_end = Some(next_end.map_or(end, |next: SimTime| next.min(end))),
            }
        }
        let free = tasks.len();
        let mut stopped = self.stop_by_strategy(id, &tasks, surplus as u32, scheduler);
        if free < surplus {
            match keep {
                BelowProtected::Keep => {
                    if let Some(end) = next_end {
                        self.request_pass_after_protection(id, end, scheduler);
                    }
                }
                BelowProtected::Stop => {
                    let rest: Vec<TaskId> = self.services[id].active.iter().copied().collect();
                    let more = (surplus - free) as u32;
                    stopped += self.stop_by_strategy(id, &rest, more, scheduler);
                }
            }
        }
        stopped
    }

    /// Asks for a look when a protection ends. Workers end theirs with each message, and are looked at
    /// no more often than the scheduler ticks.
    pub(super) fn request_pass_after_protection(
        &mut self,
        id: ServiceId,
        end: SimTime,
        scheduler: &mut Scheduler<Event>,
    ) {
        let tick = self.scenario.control_plane.service_scheduler.tick;
        let works = self.services[id].settings.worker.is_some();
        let at = if works { end.max(scheduler.now() + tick) } else { end };
        self.request_pass(id, at, scheduler);
    }

    /// Stops `number` of `tasks` (in order of their ids): at each step first the capacity provider with
    /// the largest surplus, then the task by the placement strategy. Returns how many.
    ///
    /// The candidates are collected once. A stop changes the counts of its zone and its instance only.
    pub(super) fn stop_by_strategy(
        &mut self,
        id: ServiceId,
        tasks: &[TaskId],
        number: u32,
        scheduler: &mut Scheduler<Event>,
    ) -> u32 {
        let batch = self.scenario.control_plane.service_scheduler.batch.unwrap_or(u32::MAX);
        let number = number.min(batch);
        if number == 0 || tasks.is_empty() {
            return 0;
        }
        let settings = self.services[id].settings;
        let mut items: Vec<Option<usize>> = Vec::with_capacity(tasks.len());
        let mut candidates: Vec<StopCandidate> = Vec::with_capacity(tasks.len());
        let mut draining = 0;
        // One revision at a time knows its share of each capacity provider.
        let revision = self.tasks[tasks[0]].revision;
        let one = tasks.iter().all(|task| self.tasks[*task].revision == revision);
        for task in tasks {
            let own = &self.tasks[*task];
            items.push(self.strategy_item(id, own.revision, own.capacity));
            candidates.push(self.stop_candidate(id, *task));
        }
        let reason =
            format!("Scaling activity initiated by (deployment {})", self.deployment_id(id));
        let mut stopped = 0;
        let launch = self.launch_of(id, revision);
        while stopped < number {
            let state = &mut self.services[id];
            let item = match launch {
                LaunchTarget::Strategy(items) if one => {
                    choose_for_stop(items, &state.rollout.revision(revision).per_item)
                }
                LaunchTarget::Strategy(_) | LaunchTarget::Ec2 | LaunchTarget::Fargate => None,
            };
            // Protected tasks may leave a provider without a candidate.
            let item = item.filter(|item| items.contains(&Some(*item)));
            let bits = state.stop_key.at(state.stops);
            state.stops += 1;
            let of_item = items.iter().zip(&candidates);
            let of_item = of_item.filter(|(own, _)| item.is_none() || **own == item);
            let chosen = of_item.map(|(_, candidate)| candidate);
            let Some(task) = choose_stop(chosen, &settings.placement_strategy, bits) else { break };
            let reason = Cow::Owned(reason.clone());
            let running = self.tasks[task].state.is_running();
            self.stop_task(task, StopCode::ServiceSchedulerInitiated, reason, scheduler);
            draining += u32::from(settings.target_group.is_some() && running);
            stopped += 1;
            if let Ok(position) = candidates.binary_search_by_key(&task, |it| it.task) {
                items.remove(position);
                candidates.remove(position);
            }
            let (zone, instance) = (self.tasks[task].zone, self.tasks[task].instance);
            let zone_tasks =
                zone.map_or(0, |zone| self.fleet.tasks_in_zone(self.services[id].group, zone));
            for candidate in &mut candidates {
                if candidate.zone == zone {
                    candidate.zone_tasks = zone_tasks;
                }
                if instance.is_some() && candidate.instance == instance {
                    *candidate = self.stop_candidate(id, candidate.task);
                }
                candidate.value_tasks = self.value_tasks(id, candidate.instance);
            }
        }
        if 0 < draining {
            let name = &settings.name;
            let message =
                format!("(service {name}) has begun draining connections on {draining} tasks.");
            self.log(scheduler.now(), EventCategory::ServiceEvent, name, None, message);
        }
        stopped
    }

    fn stop_candidate(&self, id: ServiceId, task_id: TaskId) -> StopCandidate {
        let state = &self.services[id];
        let task = &self.tasks[task_id];
        let slot = task.instance.and_then(|instance| self.fleet.slot(instance));
        StopCandidate {
            task: task_id,
            // Unhealthy tasks may go first, like those that do not run yet.
            running: task.state.is_running() && task.failed_check.is_none(),
            zone: task.zone,
            instance: task.instance,
            zone_tasks: task.zone.map_or(0, |zone| self.fleet.tasks_in_zone(state.group, zone)),
            instance_tasks: slot.map_or(0, |slot| slot.tasks_of(state.group)),
            value_tasks: self.value_tasks(id, task.instance),
            free_cpu_after: slot.map_or(task.cpu, |slot| slot.free_cpu + task.cpu),
            free_memory_after: slot.map_or(task.memory, |slot| slot.free_memory + task.memory),
        }
    }

    /// Tasks of a service where the attribute that it is spread over has the value of an instance.
    fn value_tasks(&self, id: ServiceId, instance: Option<InstanceId>) -> u32 {
        let (attribute, group) = (
            stop_attribute(&self.services[id].settings.placement_strategy),
            self.services[id].group,
        );
        attribute.zip(instance).map_or(0, |(attribute, instance)| {
            self.fleet.tasks_by_value(group, attribute, instance)
        })
    }
}

//! The service scheduler: keeps `desiredCount` copies of a service.
//!
//! Source: developer guide, *Amazon ECS services*, and the API's `Service`. AWS does not document
//! the scheduler's cadence: here a pass follows each cause after a drawn reaction time, and everything
//! the quotas allow happens in one pass.

use std::borrow::Cow;

use super::event::Event;
use super::launch::{NewTask, StartUp};
use super::ledger::Change;
use super::quota::TokenBucket;
use super::task::{Capacity, Owner, TaskDraw, TaskState};
use super::world::World;
use crate::autoscaling::{choose_for_launch, choose_for_stop};
use crate::engine::{Phase, Scheduler};
use crate::placement::{Choice, StopCandidate, choose_stop};
use crate::results::EventCategory;
use crate::scenario::{CapacityProviderKind, LaunchTarget};
use crate::units::{ServiceId, SimDuration, SimTime, TaskId};

/// The same service event is repeated at most this often.
const EVENT_REPEAT: SimDuration = SimDuration::from_secs(6 * 3600);
/// A pass that ran out of launch tokens is repeated after this.
const QUOTA_RETRY: SimDuration = SimDuration::from_secs(1);
/// A pass that met the limit of PROVISIONING tasks is repeated after this.
const PROVISIONING_RETRY: SimDuration = SimDuration::from_secs(10);

/// What became of an attempt to launch one more task.
enum Launch {
    Launched,
    /// Try again after this.
    Retry(SimDuration),
    /// No container instance can take it.
    Unplaceable(NewTask),
    /// The run is ending.
    Abandoned,
}

impl World<'_, '_> {
    pub(super) fn start_service(&mut self, id: ServiceId, scheduler: &mut Scheduler<Event>) {
        let quota = self.scenario.rules.tasks_per_service;
        let state = &mut self.services[id];
        if let Some(scaler) = &state.scaler {
            // Registration of a scalable target pulls the count into its bounds at once.
            state.desired = scaler.registered_capacity(state.desired);
        }
        state.quota_bound = quota < state.desired;
        state.desired = state.desired.min(quota);
        state.desired_integral.set(SimTime::ZERO, u64::from(state.desired));
        if let Some(scaling) = &state.settings.scaling
            && let Some(first) = scaling.scheduled.first()
        {
            scheduler.schedule_at(first.at, Phase::Decide, Event::Scheduled(id));
        }
        self.request_pass(id, SimTime::ZERO, scheduler);
    }

    /// Asks for a scheduler pass at `at`, unless an earlier one is due anyway.
    fn request_pass(&mut self, id: ServiceId, at: SimTime, scheduler: &mut Scheduler<Event>) {
        let state = &mut self.services[id];
        if state.next_pass.is_none_or(|due| at < due) {
            state.next_pass = Some(at);
            scheduler.schedule_at(at, Phase::Schedule, Event::ServicePass(id));
        }
    }

    /// Asks for a pass after the scheduler's reaction time.
    pub(super) fn request_pass_after_reaction(
        &mut self,
        id: ServiceId,
        scheduler: &mut Scheduler<Event>,
    ) {
        let state = &mut self.services[id];
        let bits = state.reaction_key.at(state.passes);
        let reaction = self.scenario.control_plane.scheduler_reaction.sample(bits);
        self.request_pass(id, scheduler.now() + reaction, scheduler);
    }

    /// A new desired count takes effect.
    pub(super) fn set_desired_count(
        &mut self,
        id: ServiceId,
        desired: u32,
        scheduler: &mut Scheduler<Event>,
    ) {
        let now = scheduler.now();
        let quota = self.scenario.rules.tasks_per_service;
        let state = &mut self.services[id];
        state.quota_bound |= quota < desired;
        let desired = desired.min(quota);
        if state.desired == desired {
            return;
        }
        state.desired = desired;
        state.desired_integral.set(now, u64::from(desired));
        // An update of the service starts the retries of failed placements afresh.
        state.failing_since = None;
        state.steady = false;
        self.request_pass_after_reaction(id, scheduler);
    }

    pub(super) fn service_pass(&mut self, id: ServiceId, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        let state = &mut self.services[id];
        if state.next_pass != Some(now) {
            return;
        }
        state.next_pass = None;
        state.passes += 1;
        let mut started = 0;
        while self.services[id].active.len() < self.services[id].desired as usize {
            match self.launch_service_task(id, scheduler) {
                Launch::Launched => started += 1,
                Launch::Retry(after) => {
                    self.request_pass(id, now + after, scheduler);
                    break;
                }
                Launch::Unplaceable(new) => {
                    self.unable_to_place(id, &new, scheduler);
                    break;
                }
                Launch::Abandoned => return,
            }
        }
        let stopped = self.stop_surplus(id, scheduler);
        let name = &self.services[id].settings.name;
        if started > 0 {
            let message = format!("(service {name}) has started {started} tasks.");
            self.log(now, EventCategory::ServiceEvent, name, None, message);
        }
        if stopped > 0 {
            let message = format!("(service {name}) has stopped {stopped} running tasks.");
            self.log(now, EventCategory::ServiceEvent, name, None, message);
        }
        self.announce_steady_state(id, now);
    }

    /// Capacity of the next task, and its entry in the strategy.
    fn next_capacity(&self, id: ServiceId) -> (Capacity, Option<usize>) {
        let state = &self.services[id];
        match &state.settings.launch {
            LaunchTarget::Ec2 => (Capacity::AnyInstance, None),
            LaunchTarget::Fargate => (Capacity::Fargate, None),
            LaunchTarget::Strategy(items) => {
                let item = choose_for_launch(items, &state.per_item).unwrap_or(0);
                (Capacity::Provider(items[item].capacity_provider), Some(item))
            }
        }
    }

    /// Entry of the service's strategy that stands for `capacity`.
    pub(super) fn strategy_item(&self, id: ServiceId, capacity: Capacity) -> Option<usize> {
        let Capacity::Provider(provider) = capacity else { return None };
        let LaunchTarget::Strategy(items) = &self.services[id].settings.launch else { return None };
        items.iter().position(|item| item.capacity_provider == provider)
    }

    /// Whether tasks on `capacity` wait in PROVISIONING for instances to be launched for them.
    pub(super) fn has_managed_scaling(&self, capacity: Capacity) -> bool {
        let Capacity::Provider(provider) = capacity else { return false };
        matches!(
            self.providers[provider].settings.kind,
            CapacityProviderKind::AutoScalingGroup { managed_scaling: Some(_), .. }
        )
    }

    fn launch_service_task(&mut self, id: ServiceId, scheduler: &mut Scheduler<Event>) -> Launch {
        let now = scheduler.now();
        let (capacity, item) = self.next_capacity(id);
        let definition = self.definition(Owner::Service(id));
        let state = &self.services[id];
        let new = NewTask {
            owner: Owner::Service(id),
            ordinal: state.created,
            attempt: 0,
            placed_before: false,
            capacity,
            cpu: definition.cpu,
            memory: definition.memory,
            duration: None,
            arrival: now,
        };
        let initial = now == SimTime::ZERO && state.settings.starts_ready;
        let start_up = if initial { StartUp::Ready } else { StartUp::Delayed };
        if !initial && !self.has_launch_tokens(id, capacity, now) {
            return Launch::Retry(QUOTA_RETRY);
        }
        let fargate = self.is_fargate(capacity);
        let instance = if fargate {
            None
        } else {
            match self.find_instance(&new, now) {
                Choice::Instance(instance) => Some(instance),
                Choice::Nowhere if !self.has_managed_scaling(capacity) => {
                    return Launch::Unplaceable(new);
                }
                Choice::Nowhere => {
                    if self.provisioning >= self.scenario.rules.provisioning_tasks_per_cluster {
                        return Launch::Retry(PROVISIONING_RETRY);
                    }
                    None
                }
            }
        };
        let Some(task) = self.create_task(new, scheduler) else { return Launch::Abandoned };
        if !initial {
            self.take_launch_tokens(id, capacity, now);
        }
        let state = &mut self.services[id];
        state.created += 1;
        state.active.insert(task);
        state.failing_since = None;
        if let Some(item) = item {
            state.per_item[item] += 1;
        }
        match instance {
            Some(instance) => self.assign(task, instance, start_up, scheduler),
            None if fargate => self.start_on_fargate(task, start_up, scheduler),
            None => self.wait_for_capacity(task, capacity, scheduler),
        }
        Launch::Launched
    }

    /// Whether the launch quotas have a token each for one task now.
    fn has_launch_tokens(&mut self, id: ServiceId, capacity: Capacity, now: SimTime) -> bool {
        let quotas = self.scenario.control_plane.launch_rate_quotas;
        let own = self.services[id].bucket.as_mut().filter(|_| quotas);
        own.is_none_or(|bucket| bucket.has_token(now))
            && self.fargate_quota(capacity).is_none_or(|bucket| bucket.has_token(now))
    }

    /// Takes the tokens for a task that is launched.
    fn take_launch_tokens(&mut self, id: ServiceId, capacity: Capacity, now: SimTime) {
        let quotas = self.scenario.control_plane.launch_rate_quotas;
        if let Some(bucket) = self.services[id].bucket.as_mut().filter(|_| quotas) {
            bucket.take(now);
        }
        self.take_fargate_token(capacity, now);
    }

    /// Takes a token of the account's Fargate launch quota, if `capacity` is Fargate; `false` if
    /// there is none.
    pub(super) fn take_fargate_token(&mut self, capacity: Capacity, now: SimTime) -> bool {
        self.fargate_quota(capacity).is_none_or(|bucket| bucket.take(now))
    }

    /// The account's launch quota that holds for `capacity`.
    fn fargate_quota(&mut self, capacity: Capacity) -> Option<&mut TokenBucket> {
        if !self.scenario.control_plane.launch_rate_quotas {
            return None;
        }
        let spot = match capacity {
            Capacity::AnyInstance => return None,
            Capacity::Fargate => false,
            Capacity::Provider(provider) => match self.providers[provider].settings.kind {
                CapacityProviderKind::AutoScalingGroup { .. } => return None,
                CapacityProviderKind::Fargate => false,
                CapacityProviderKind::FargateSpot { .. } => true,
            },
        };
        Some(if spot { &mut self.fargate_spot_bucket } else { &mut self.fargate_bucket })
    }

    /// Leaves a task in PROVISIONING until an instance can take it or its patience ends.
    pub(super) fn wait_for_capacity(
        &mut self,
        id: TaskId,
        capacity: Capacity,
        scheduler: &mut Scheduler<Event>,
    ) {
        let Capacity::Provider(provider) = capacity else { return };
        self.providers[provider].queue.push_back(id);
        self.provisioning += 1;
        self.change_waiting(id, Change::Add, scheduler.now());
        let task = &self.tasks[id];
        let timeout = &self.scenario.control_plane.provisioning_timeout;
        let patience = self.draw(task, TaskDraw::ProvisioningTimeout, timeout);
        let event = Event::ProvisioningTimeout { task: id, epoch: task.epoch };
        scheduler.schedule_in(patience, Phase::Release, event);
    }

    /// Takes a stopped task out of its provider's queue.
    pub(super) fn leave_queue(&mut self, id: TaskId, capacity: Capacity, now: SimTime) {
        let Capacity::Provider(provider) = capacity else { return };
        let queue = &mut self.providers[provider].queue;
        if let Some(position) = queue.iter().position(|queued| *queued == id) {
            queue.remove(position);
            self.provisioning -= 1;
            self.change_waiting(id, Change::Remove, now);
        }
    }

    /// A placement failed for lack of room: the event, and the next attempt.
    fn unable_to_place(&mut self, id: ServiceId, new: &NewTask, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        let retry = self.scenario.control_plane.placement_retry;
        let state = &mut self.services[id];
        let since = *state.failing_since.get_or_insert(now);
        let quick = now.saturating_since(since) < retry.quick_phase;
        let due = state.unable_event.is_none_or(|at| now.saturating_since(at) >= EVENT_REPEAT);
        if due {
            state.unable_event = Some(now);
            let name = &state.settings.name;
            let message = match self.rejections(new).main_reason() {
                None => format!(
                    "(service {name}) was unable to place a task because no container instance met \
                     all of its requirements. Reason: No Container Instances were found in your \
                     cluster."
                ),
                Some(reason) => format!(
                    "(service {name}) was unable to place a task because no container instance met \
                     all of its requirements. The closest matching container instance {reason}."
                ),
            };
            self.log(now, EventCategory::ServiceEvent, name, None, message);
        }
        let after = if quick { retry.quick_interval } else { retry.slow_interval };
        self.request_pass(id, now + after, scheduler);
    }

    /// Stops what the service runs beyond its desired count: at each step first the capacity provider
    /// with the largest surplus, then the task by the placement strategy. Returns how many.
    ///
    /// The candidates are collected once. A stop changes the counts of its zone and its instance only.
    fn stop_surplus(&mut self, id: ServiceId, scheduler: &mut Scheduler<Event>) -> u32 {
        let state = &self.services[id];
        let desired = state.desired as usize;
        if state.active.len() <= desired {
            return 0;
        }
        let settings = state.settings;
        let mut items: Vec<Option<usize>> = Vec::with_capacity(state.active.len());
        let mut candidates: Vec<StopCandidate> = Vec::with_capacity(state.active.len());
        for task in &state.active {
            items.push(self.strategy_item(id, self.tasks[*task].capacity));
            candidates.push(self.stop_candidate(id, *task));
        }
        let mut stopped = 0;
        while desired < self.services[id].active.len() {
            let state = &mut self.services[id];
            let item = match &settings.launch {
                LaunchTarget::Strategy(items) => choose_for_stop(items, &state.per_item),
                LaunchTarget::Ec2 | LaunchTarget::Fargate => None,
            };
            let bits = state.stop_key.at(state.stops);
            state.stops += 1;
            let of_item = items.iter().zip(&candidates);
            let of_item = of_item.filter(|(own, _)| item.is_none() || **own == item);
            let chosen = of_item.map(|(_, candidate)| candidate);
            let Some(task) = choose_stop(chosen, &settings.placement_strategy, bits) else { break };
            let reason =
                format!("Scaling activity initiated by (deployment ecs-svc/{})", settings.name);
            self.stop_task(task, "ServiceSchedulerInitiated", Cow::Owned(reason), scheduler);
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
            }
        }
        stopped
    }

    fn stop_candidate(&self, id: ServiceId, task_id: TaskId) -> StopCandidate {
        let state = &self.services[id];
        let task = &self.tasks[task_id];
        let slot = task.instance.and_then(|instance| self.fleet.slot(instance));
        StopCandidate {
            task: task_id,
            running: task.state.is_running(),
            zone: task.zone,
            instance: task.instance,
            zone_tasks: task.zone.map_or(0, |zone| self.fleet.tasks_in_zone(state.group, zone)),
            instance_tasks: slot.map_or(0, |slot| slot.tasks_of(state.group)),
            free_cpu_after: slot.map_or(task.cpu, |slot| slot.free_cpu + task.cpu),
            free_memory_after: slot.map_or(task.memory, |slot| slot.free_memory + task.memory),
        }
    }

    /// Logs "steady state" once the service runs what it should and all of it is healthy.
    pub(super) fn announce_steady_state(&mut self, id: ServiceId, now: SimTime) {
        let state = &mut self.services[id];
        let complete =
            state.healthy == state.desired && state.active.len() == state.desired as usize;
        if !complete || state.steady {
            return;
        }
        state.steady = true;
        let name = &state.settings.name;
        let message = format!("(service {name}) has reached a steady state.");
        self.log(now, EventCategory::ServiceEvent, name, None, message);
    }

    /// Whether a task of the queue still waits.
    pub(super) fn is_waiting(&self, id: TaskId) -> bool {
        self.tasks[id].state == TaskState::WaitingForCapacity
    }
}

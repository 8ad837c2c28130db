//! The service scheduler: keeps `desiredCount` copies of a service.
//!
//! Source: developer guide, *Amazon ECS services*, and the API's `Service`. AWS does not document
//! the scheduler's cadence: here a pass follows each cause after a drawn reaction time, and everything
//! the quotas allow happens in one pass.

use super::event::Event;
use super::launch::{NewTask, StartUp};
use super::ledger::Change;
use super::reconcile::Changes;
use super::task::{Capacity, Owner, TaskDraw, TaskState};
use super::world::World;
use crate::autoscaling::choose_for_launch;
use crate::engine::{Phase, Scheduler};
use crate::placement::Choice;
use crate::results::EventCategory;
use crate::scenario::{CapacityProviderKind, LaunchTarget};
use crate::service::completion::RolloutState;
use crate::units::{InstanceId, ServiceId, SimDuration, SimTime, TaskId};

/// The reason of a placement on Fargate that fails for lack of capacity.
pub(super) const NO_FARGATE_CAPACITY: &str = "Capacity is unavailable at this time. Please try again \
                                              later or in a different availability zone";

/// The same service event is repeated at most this often.
pub(super) const EVENT_REPEAT: SimDuration = SimDuration::from_secs(6 * 3600);
/// A pass that met the limit of PROVISIONING tasks is repeated after this.
const PROVISIONING_RETRY: SimDuration = SimDuration::from_secs(10);

/// What became of an attempt to launch one more task.
pub(super) enum Launch {
    Launched(TaskId),
    /// Try again after this.
    Retry(SimDuration),
    /// No container instance can take it.
    Unplaceable(NewTask),
    /// Fargate Spot, this entry of the strategy, has no capacity for it.
    NoSpot(usize, NewTask),
    /// The run is ending.
    Abandoned,
}

/// Tasks that Fargate Spot had no capacity for in one pass, by entry of the strategy. They keep their share: no other
/// entry takes their place.
#[derive(Debug, Default)]
struct Refused {
    by_item: Vec<u32>,
    total: u32,
    last: Option<NewTask>,
}

impl Refused {
    fn add(&mut self, item: usize, new: NewTask) {
        if self.by_item.len() <= item {
            self.by_item.resize(item + 1, 0);
        }
        self.by_item[item] += 1;
        self.total += 1;
        self.last = Some(new);
    }

    /// `counts` with these tasks.
    fn with(&self, counts: &[u32]) -> Vec<u32> {
        let own = |item: usize| self.by_item.get(item).copied().unwrap_or(0);
        counts.iter().enumerate().map(|(item, count)| count + own(item)).collect()
    }
}

impl<'s> World<'s, '_> {
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
        let settings = state.settings;
        self.worker_count_wanted(id, SimTime::ZERO);
        self.note_strength(id, SimTime::ZERO);
        if let Some(scaling) = &settings.scaling
            && let Some(first) = scaling.scheduled.first()
        {
            scheduler.schedule_at(first.at, Phase::Decide, Event::Scheduled(id));
        }
        if let Some((first, _)) =
            settings.scaling.as_ref().and_then(|scaling| scaling.suspensions.first())
        {
            scheduler.schedule_at(*first, Phase::Decide, Event::Suspension(id));
        }
        self.schedule_next_update(id, scheduler);
        self.request_pass(id, SimTime::ZERO, scheduler);
    }

    /// Asks for a scheduler pass at `at`, unless an earlier one is due anyway.
    pub(super) fn request_pass(
        &mut self,
        id: ServiceId,
        at: SimTime,
        scheduler: &mut Scheduler<Event>,
    ) {
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
        self.worker_count_wanted(id, now);
        self.note_strength(id, now);
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
        state.in_pass = true;
        let logged = self.log.len();
        self.sync_queues(now);
        let Changes { started, stopped } = if self.is_daemon(Owner::Service(id)) {
            self.daemon_pass(id, scheduler)
        } else if self.services[id].rollout.is_settled(self.services[id].active.len()) {
            self.settled_pass(id, scheduler)
        } else {
            self.reconcile(id, scheduler)
        };
        let name = &self.services[id].settings.name;
        if started > 0 {
            let message = format!("(service {name}) has started {started} tasks.");
            self.log(now, EventCategory::ServiceEvent, name, None, message);
            // Before what the pass said of those that it could not start.
            self.log[logged..].rotate_right(1);
        }
        if stopped > 0 {
            let message = format!("(service {name}) has stopped {stopped} running tasks.");
            self.log(now, EventCategory::ServiceEvent, name, None, message);
        }
        self.services[id].in_pass = false;
        self.settle(id, scheduler);
    }

    /// A pass over a service of which only the number of tasks can be wrong.
    fn settled_pass(&mut self, id: ServiceId, scheduler: &mut Scheduler<Event>) -> Changes {
        let state = &self.services[id];
        let wanted = u64::from(state.desired) + state.rollout.moving.len() as u64;
        let missing = wanted.saturating_sub(state.active.len() as u64) as u32;
        let primary = state.rollout.primary();
        let started = self.launch_tasks(id, primary, missing, scheduler);
        let stopped = self.stop_surplus(id, scheduler);
        Changes { started, stopped }
    }

    /// Launches up to `number` tasks of a revision; how many it launched. What holds it back brings
    /// another pass.
    pub(super) fn launch_tasks(
        &mut self,
        id: ServiceId,
        revision: u32,
        number: u32,
        scheduler: &mut Scheduler<Event>,
    ) -> u32 {
        let now = scheduler.now();
        let settings = self.scenario.control_plane.service_scheduler;
        if 0 < number
            && let Some(until) = self.services[id].rollout.throttled_until.filter(|it| now < *it)
        {
            self.request_pass(id, until, scheduler);
            return 0;
        }
        let initial = self.start_up_now(id, now) == StartUp::Ready;
        let batch = settings.batch.filter(|_| !initial).map_or(number, |batch| number.min(batch));
        let mut started = 0;
        let mut refused = Refused::default();
        while started < batch && started + refused.total < number {
            match self.launch_service_task(id, revision, &refused, scheduler) {
                Launch::Launched(_) => started += 1,
                Launch::Retry(after) => {
                    self.request_pass(id, now + after, scheduler);
                    break;
                }
                Launch::Unplaceable(new) => {
                    self.unable_to_place(id, &new, scheduler);
                    return started;
                }
                // The tasks of the other entries are launched all the same.
                Launch::NoSpot(item, new) => refused.add(item, new),
                Launch::Abandoned => return started,
            }
        }
        if let Some(new) = &refused.last {
            self.unable_to_place(id, new, scheduler);
        }
        if batch < number {
            self.request_pass(id, now + settings.tick, scheduler);
        }
        started
    }

    /// Looks at what the last change has brought: the end of a deployment or of one of its stages, a
    /// steady state, uneven zones. ECS announces them in this order.
    pub(super) fn settle(&mut self, id: ServiceId, scheduler: &mut Scheduler<Event>) {
        if self.services[id].in_pass {
            // The pass looks once it has said what it did.
            return;
        }
        self.advance_shift(id, scheduler);
        self.check_completion(id, scheduler);
        self.announce_steady_state(id, scheduler.now());
        self.watch_zones(id, scheduler);
    }

    /// Capacity of the next task, and its entry in the strategy.
    fn next_capacity(
        &self,
        id: ServiceId,
        revision: u32,
        refused: &Refused,
    ) -> (Capacity, Option<usize>) {
        let state = &self.services[id];
        match self.launch_of(id, revision) {
            LaunchTarget::Ec2 => (Capacity::AnyInstance, None),
            LaunchTarget::Fargate => (Capacity::Fargate, None),
            LaunchTarget::Strategy(items) => {
                let counts = &state.rollout.revision(revision).per_item;
                let choices = self.scenario.control_plane.providers.strategy;
                let item = match refused.total {
                    0 => choose_for_launch(items, counts, choices),
                    _ => choose_for_launch(items, &refused.with(counts), choices),
                };
                let item = item.unwrap_or(0);
                (Capacity::Provider(items[item].capacity_provider), Some(item))
            }
        }
    }

    /// Where tasks of a revision run.
    pub(super) fn launch_of(&self, id: ServiceId, revision: u32) -> &'s LaunchTarget {
        let state = &self.services[id];
        let updates = &state.settings.scheduling.updates;
        let update = state.rollout.revision(revision).launch_from.and_then(|it| updates.get(it));
        update.and_then(|it| it.launch.as_ref()).unwrap_or(&state.settings.launch)
    }

    /// Entry of a revision's strategy that stands for `capacity`.
    pub(super) fn strategy_item(
        &self,
        id: ServiceId,
        revision: u32,
        capacity: Capacity,
    ) -> Option<usize> {
        let Capacity::Provider(provider) = capacity else { return None };
        let LaunchTarget::Strategy(items) = self.launch_of(id, revision) else { return None };
        items.iter().position(|item| item.capacity_provider == provider)
    }

    /// Whether tasks on `capacity` wait in PROVISIONING for instances to be launched for them.
    pub(super) fn has_managed_scaling(&self, capacity: Capacity) -> bool {
        let Capacity::Provider(provider) = capacity else { return false };
        matches!(
            self.providers[provider].settings.kind,
            CapacityProviderKind::AutoScalingGroup { managed_scaling: Some(_), .. }
                | CapacityProviderKind::ManagedInstances { .. }
        )
    }

    /// What the next task of a service would be.
    pub(super) fn new_service_task(
        &self,
        id: ServiceId,
        revision: u32,
        capacity: Capacity,
        now: SimTime,
    ) -> NewTask {
        let state = &self.services[id];
        let task_definition = state.rollout.revision(revision).definition;
        let definition = self.definition(task_definition);
        NewTask {
            owner: Owner::Service(id),
            ordinal: state.created,
            attempt: 0,
            placed_before: false,
            definition: task_definition,
            revision,
            capacity,
            cpu: definition.cpu,
            memory: definition.memory,
            duration: None,
            arrival: now,
        }
    }

    fn launch_service_task(
        &mut self,
        id: ServiceId,
        revision: u32,
        refused: &Refused,
        scheduler: &mut Scheduler<Event>,
    ) -> Launch {
        let now = scheduler.now();
        let (capacity, item) = self.next_capacity(id, revision, refused);
        let new = self.new_service_task(id, revision, capacity, now);
        let initial = self.start_up_now(id, now) == StartUp::Ready;
        if !initial && !self.has_launch_tokens(id, capacity, now) {
            return Launch::Retry(self.scenario.control_plane.service_scheduler.tick);
        }
        let fargate = self.is_fargate(capacity);
        if self.lacks_fargate_spot(capacity) {
            return item.map_or(Launch::Unplaceable(new), |item| Launch::NoSpot(item, new));
        }
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
        self.launch_found(id, new, instance, scheduler)
    }

    /// Launches a task on one instance, for a daemon service.
    pub(super) fn launch_daemon(
        &mut self,
        id: ServiceId,
        instance: InstanceId,
        scheduler: &mut Scheduler<Event>,
    ) -> Launch {
        let now = scheduler.now();
        let new = self.new_daemon(id, now);
        if let Some(until) = self.services[id].rollout.throttled_until.filter(|it| now < *it) {
            return Launch::Retry(until.saturating_since(now));
        }
        let initial = self.start_up_now(id, now) == StartUp::Ready;
        if !initial && !self.has_launch_tokens(id, Capacity::AnyInstance, now) {
            return Launch::Retry(self.scenario.control_plane.service_scheduler.tick);
        }
        match self.fleet.rejection_on(&self.placement_request(&new), instance) {
            None => self.launch_found(id, new, Some(instance), scheduler),
            Some(_) => Launch::Unplaceable(new),
        }
    }

    /// Launches the replacement of a move between zones, if it finds a place in a zone with fewer than
    /// `below` tasks of the service.
    pub(super) fn launch_move(
        &mut self,
        id: ServiceId,
        revision: u32,
        below: u32,
        scheduler: &mut Scheduler<Event>,
    ) -> Option<TaskId> {
        let now = scheduler.now();
        let (capacity, _) = self.next_capacity(id, revision, &Refused::default());
        let throttled = self.services[id].rollout.throttled_until.is_some_and(|it| now < it);
        let full = self.lacks_fargate_spot(capacity);
        if throttled || full || !self.has_launch_tokens(id, capacity, now) {
            return None;
        }
        let new = self.new_service_task(id, revision, capacity, now);
        let group = self.services[id].group;
        let (instance, zone) = if self.is_fargate(capacity) {
            (None, self.fargate_zone(&new, group)?)
        } else {
            let Choice::Instance(instance) = self.find_instance(&new, now) else { return None };
            (Some(instance), self.instances[instance].zone)
        };
        if self.fleet.tasks_in_zone(group, zone) >= below {
            return None;
        }
        match self.launch_found(id, new, instance, scheduler) {
            Launch::Launched(task) => Some(task),
            Launch::Retry(_) | Launch::Unplaceable(_) | Launch::NoSpot(..) | Launch::Abandoned => {
                None
            }
        }
    }

    /// Launches a task that has a place, starts on Fargate or waits for capacity.
    fn launch_found(
        &mut self,
        id: ServiceId,
        new: NewTask,
        instance: Option<InstanceId>,
        scheduler: &mut Scheduler<Event>,
    ) -> Launch {
        let now = scheduler.now();
        let (capacity, revision) = (new.capacity, new.revision);
        let start_up = self.start_up_now(id, now);
        let Some(task) = self.create_task(new, scheduler) else { return Launch::Abandoned };
        if start_up == StartUp::Delayed {
            self.take_launch_tokens(id, capacity, now);
        }
        let item = self.strategy_item(id, revision, capacity);
        let state = &mut self.services[id];
        state.created += 1;
        state.active.insert(task);
        state.failing_since = None;
        let rollout = &mut state.rollout;
        let of_revision = rollout.revision_mut(revision);
        of_revision.active += 1;
        of_revision.left += 1;
        if let Some(item) = item {
            of_revision.per_item[item] += 1;
        }
        if rollout.primary() == revision {
            rollout.current_mut().started_tasks += 1;
        }
        match instance {
            Some(instance) => self.assign(task, instance, start_up, scheduler),
            None if self.is_fargate(capacity) => self.start_on_fargate(task, start_up, scheduler),
            None => self.wait_for_capacity(task, capacity, scheduler),
        }
        Launch::Launched(task)
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
        self.want_managed(provider, scheduler);
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
    pub(super) fn unable_to_place(
        &mut self,
        id: ServiceId,
        new: &NewTask,
        scheduler: &mut Scheduler<Event>,
    ) {
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
                _ if self.lacks_fargate_spot(new.capacity) => format!(
                    "(service {name}) was unable to place a task. Reason: {NO_FARGATE_CAPACITY}"
                ),
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

    /// Logs "steady state" once the last deployment is complete and the service runs what it should, all
    /// of it healthy.
    pub(super) fn announce_steady_state(&mut self, id: ServiceId, now: SimTime) {
        let state = &mut self.services[id];
        let primary = state.rollout.revision(state.rollout.primary());
        let complete = state.rollout.current().state == RolloutState::Completed
            && primary.counted == state.desired
            && state.active.len() == state.desired as usize
            && state.rollout.leaving.is_empty();
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

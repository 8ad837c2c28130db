//! What the agent of a container instance does: admits tasks in order, pulls images, keeps them.

use super::disruptions::slowed;
use super::event::Event;
use super::launch::StartUp;
use super::task::{Fate, Owner, TaskState};
use super::world::World;
use crate::agent::{Admission, Host, HostDemand, ImageCache, PullCosts, fargate_pull_time};
use crate::engine::Scheduler;
use crate::scenario::{AutoScalingGroup, InstanceShape};
use crate::units::{InstanceId, SimDuration, SimTime, TaskId};

/// The agent of a registered instance.
#[derive(Debug)]
pub(super) struct InstanceAgent {
    pub(super) host: Host<TaskId>,
    images: ImageCache,
    /// Whether its queue is being worked off: what that leads to must not begin it again.
    admitting: bool,
}

impl InstanceAgent {
    /// The agent of a new instance of `group`.
    pub(super) fn new(group: &AutoScalingGroup, shape: &InstanceShape, now: SimTime) -> Self {
        let settings = &group.agent;
        Self {
            host: Host::new(shape.cpu, shape.memory, shape.gpus),
            images: ImageCache::new(settings.pull_behavior, settings.cleanup, now),
            admitting: false,
        }
    }

    /// The same after a stop of its instance, which has lost its tasks: the images stay on the volume.
    pub(super) fn restarted(self, shape: &InstanceShape) -> Self {
        Self { host: Host::new(shape.cpu, shape.memory, shape.gpus), ..self }
    }
}

impl<'s> World<'s, '_> {
    /// What the agent accounts for a task.
    pub(super) fn host_demand(&self, id: TaskId) -> HostDemand<'s> {
        let task = &self.tasks[id];
        let definition = self.definition_of(id);
        HostDemand {
            cpu: task.cpu,
            memory: task.memory,
            gpus: definition.gpus,
            ports: &definition.host_ports,
        }
    }

    /// A task reaches its agent; `false` if it has to wait there.
    pub(super) fn reach_agent(&mut self, id: TaskId) -> bool {
        let Some(instance) = self.tasks[id].instance else { return true };
        let demand = self.host_demand(id);
        let Some(agent) = &mut self.instances[instance].agent else { return true };
        agent.host.arrive(id, &demand) == Admission::Admitted
    }

    /// Starts the tasks at the head of an agent's queue for which there is room now.
    fn admit_queued(&mut self, instance: InstanceId, scheduler: &mut Scheduler<Event>) {
        loop {
            // The demands are looked up while the queue is borrowed.
            let Some(mut agent) = self.instances[instance].agent.take() else { return };
            let nested = agent.admitting;
            let admitted =
                if nested { None } else { agent.host.admit_head(|task| self.host_demand(task)) };
            agent.admitting = nested || admitted.is_some();
            self.instances[instance].agent = Some(agent);
            let Some(task) = admitted else { return };
            self.enter(task, TaskState::Pulling, StartUp::Delayed, scheduler);
            if let Some(agent) = &mut self.instances[instance].agent {
                agent.admitting = false;
            }
        }
    }

    /// A task that waits for its agent is to stop: it leaves the queue, and those behind it move up.
    pub(super) fn leave_agent_queue(&mut self, id: TaskId, scheduler: &mut Scheduler<Event>) {
        let Some(instance) = self.tasks[id].instance else { return };
        let Some(agent) = &mut self.instances[instance].agent else { return };
        if agent.host.withdraw(id) && 0 < agent.host.queued() {
            self.admit_queued(instance, scheduler);
        }
    }

    /// The containers of a task are gone: the agent gives back what it held for them.
    pub(super) fn containers_gone(&mut self, id: TaskId, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        self.end_requests(id, now);
        let task = &mut self.tasks[id];
        if task.pull_started.is_none() || task.exited.is_some() {
            return;
        }
        task.exited = Some(now);
        let (instance, fate) = (task.instance, task.fate);
        self.worker_gone(id, now);
        self.forget_containers(id);
        let Some(instance) = instance else { return };
        let demand = self.host_demand(id);
        let images = &self.definition_of(id).images[..];
        let Some(agent) = &mut self.instances[instance].agent else { return };
        agent.host.release(&demand);
        if !images.is_empty() && fate != Fate::CannotPull {
            agent.images.release(&self.scenario.images, images, now);
        }
        if 0 < agent.host.queued() {
            self.admit_queued(instance, scheduler);
        }
    }

    /// Begins the pull of a task's images: how long it takes, and whether it fails.
    pub(super) fn begin_pull(
        &mut self,
        id: TaskId,
        start_up: StartUp,
        now: SimTime,
    ) -> (SimDuration, Fate) {
        let delays = &self.scenario.control_plane.images;
        let images = &self.definition_of(id).images[..];
        let instance = self.tasks[id].instance;
        let delayed = start_up == StartUp::Delayed;
        if delayed && self.registry_fails(id, now) {
            let catalog = &self.scenario.images;
            let agent = instance.and_then(|it| self.instances[it].agent.as_mut());
            let cached = !images.is_empty()
                && agent
                    .is_some_and(|it| it.images.survives_registry_failure(catalog, images, now));
            if !cached {
                return (delays.manifest_check, Fate::CannotPull);
            }
        }
        let length = if images.is_empty() {
            self.draw_pull(id)
        } else if let Some(instance) = instance {
            let settings = &self.groups[self.instances[instance].group].settings.agent;
            let costs = PullCosts {
                // What runs from the beginning has its images already.
                bandwidth: if delayed { settings.pull_bandwidth } else { u64::MAX },
                manifest_check: if delayed { delays.manifest_check } else { SimDuration::ZERO },
                cache_check: delays.cache_check,
                lazy_load: delays.lazy_load,
            };
            let catalog = &self.scenario.images;
            match &mut self.instances[instance].agent {
                Some(agent) => agent.images.pull(catalog, images, &costs, now),
                None => SimDuration::ZERO,
            }
        } else {
            let costs = PullCosts {
                bandwidth: delays.fargate_bandwidth,
                manifest_check: delays.manifest_check,
                cache_check: delays.cache_check,
                lazy_load: delays.lazy_load,
            };
            fargate_pull_time(&self.scenario.images, images, &costs)
        };
        let length = if delayed { slowed(length, self.pull_factor(id, now)) } else { length };
        (length + self.wait_for_resolution(id, start_up, now), Fate::None)
    }

    /// How long a task of a service waits until the first one of its revision has resolved the image
    /// tags to digests. The first to pull is the first one.
    fn wait_for_resolution(&mut self, id: TaskId, start_up: StartUp, now: SimTime) -> SimDuration {
        let hold = self.scenario.control_plane.images.first_task_hold;
        if hold.is_zero() {
            return SimDuration::ZERO;
        }
        let owner = self.tasks[id].owner;
        if let Owner::Batch(_) = owner {
            return SimDuration::ZERO;
        }
        let key = (owner, self.definition_id_of(id));
        if let Some(resolved) = self.images_resolved.get(&key) {
            return resolved.saturating_since(now);
        }
        // The first one resolves them as a part of its own pull.
        let length = if start_up == StartUp::Delayed { hold } else { SimDuration::ZERO };
        self.images_resolved.insert(key, now + length);
        SimDuration::ZERO
    }
}

//! Calls of RunTask and StartTask: how many tasks one call starts, how many calls an account may make,
//! and what a call that fails says.
//!
//! Source: API reference, `RunTask` and `StartTask`; developer guide, *API failure reasons* and the
//! service quotas. Tasks of one source and size that start at one instant share calls. A caller whose
//! tasks found no room is taken to know when there is some: attempts that fail use no quota.

use super::batch::Attempt;
use super::event::Event;
use super::launch::{NewTask, StartUp};
use super::service::NO_FARGATE_CAPACITY;
use super::state::InstanceState;
use super::world::{MINUTE, World};
use crate::autoscaling::{base_entry, choose_by_weight};
use crate::engine::Scheduler;
use crate::placement::Rejection;
use crate::results::EventCategory;
use crate::scenario::{NamedInstance, StrategyItem};
use crate::units::{BatchId, Cpu, InstanceId, Mib, SimDuration, SimTime};

/// The same failure of a source is not logged again before this.
const SAME_FAILURE: SimDuration = SimDuration::from_secs(3600);

/// A call to which tasks can be added: those of the same size at the same instant.
#[derive(Clone, Copy, Debug)]
pub(super) struct OpenCall {
    at: SimTime,
    size: (Cpu, Mib),
    /// Tasks that it can still take.
    room: u32,
    /// Tasks of it that went to the entry of the strategy that has a base.
    in_base: u32,
}

/// Why an entry of a strategy takes a task of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Share {
    /// Its base, which counts per call.
    Base(usize),
    /// Its weight, which counts over all tasks of the source.
    Weight(usize),
}

impl Share {
    /// The entry.
    pub(super) fn item(self) -> usize {
        match self {
            Self::Base(item) | Self::Weight(item) => item,
        }
    }
}

impl World<'_, '_> {
    /// Whether the source can ask for one more task now: its last call can take it, or the account
    /// can make another one.
    pub(super) fn can_call(&mut self, id: BatchId, new: &NewTask, now: SimTime) -> bool {
        !self.disruptions.refuses_launches()
            && (!self.scenario.control_plane.launch_rate_quotas
                || self.joins_call(id, (new.cpu, new.memory), now)
                || self.call_bucket.has_token(now))
    }

    /// Asks for one more task, which [`Self::can_call`] allowed.
    pub(super) fn call(&mut self, id: BatchId, new: &NewTask, now: SimTime) {
        let size = (new.cpu, new.memory);
        if !self.joins_call(id, size, now) {
            if self.scenario.control_plane.launch_rate_quotas {
                self.call_bucket.take(now);
            }
            let room = self.scenario.control_plane.tasks_per_call;
            self.batches[id].call = Some(OpenCall { at: now, size, room, in_base: 0 });
        }
        if let Some(call) = &mut self.batches[id].call {
            call.room = call.room.saturating_sub(1);
        }
    }

    fn joins_call(&self, id: BatchId, size: (Cpu, Mib), now: SimTime) -> bool {
        let call = self.batches[id].call;
        call.is_some_and(|it| it.at == now && it.size == size && 0 < it.room)
    }

    /// The entry of its strategy that takes the next task of a source: the base is filled in each call,
    /// the weights hold over all calls.
    pub(super) fn share_of_call(
        &self,
        id: BatchId,
        items: &[StrategyItem],
        size: (Cpu, Mib),
        now: SimTime,
    ) -> Share {
        let choices = self.scenario.control_plane.providers.strategy;
        let call = self.batches[id].call.filter(|_| self.joins_call(id, size, now));
        let in_base = call.map_or(0, |call| call.in_base);
        match base_entry(items, choices) {
            Some(item) if in_base < items[item].base => Share::Base(item),
            _ => Share::Weight(
                choose_by_weight(items, &self.batches[id].per_item, choices).unwrap_or(0),
            ),
        }
    }

    /// Counts a task that [`Self::call`] has taken into its call.
    pub(super) fn count_share(&mut self, id: BatchId, share: Share) {
        let state = &mut self.batches[id];
        match share {
            Share::Weight(item) => state.per_item[item] = state.per_item[item].saturating_add(1),
            Share::Base(_) => {
                if let Some(call) = &mut state.call {
                    call.in_base += 1;
                }
            }
        }
    }

    /// Jobs of a source are not submitted again.
    pub(super) fn give_up(&mut self, id: BatchId, jobs: u64, now: SimTime) {
        let state = &mut self.batches[id];
        state.given_up += jobs;
        state.pending.subtract(now, jobs);
    }

    /// Starts a task on the instance that its call names, if that has room.
    pub(super) fn start_on_named(
        &mut self,
        id: BatchId,
        new: NewTask,
        scheduler: &mut Scheduler<Event>,
    ) -> Attempt {
        let now = scheduler.now();
        if !self.can_call(id, &new, now) {
            return Attempt::Throttled;
        }
        self.call(id, &new, now);
        let names = &self.batches[id].settings.start_on;
        let named = names[(new.ordinal % names.len() as u64) as usize];
        let demand = self.demand(new.definition, new.cpu, new.memory);
        let (instance, failure) = match self.named_instance(named) {
            None => (None, "MISSING"),
            Some(instance) => match self.instances[instance].state {
                InstanceState::Launching | InstanceState::Booting | InstanceState::Warmed => {
                    (None, "MISSING")
                }
                InstanceState::Terminated => (None, "INACTIVE"),
                InstanceState::Registered => match self.fleet.obstacle(instance, &demand) {
                    None => (Some(instance), ""),
                    Some(rejection) => (None, reason(rejection)),
                },
            },
        };
        let Some(instance) = instance else {
            let group = &self.groups[named.group].settings.name;
            let number = u64::from(named.launched_before) + 1;
            let message = format!("StartTask failed on instance {number} of {group}: {failure}");
            self.log_failure(id, message, now);
            return Attempt::GivenUp;
        };
        let Some(task) = self.create_task(new, scheduler) else { return Attempt::GivenUp };
        self.batches[id].waits.push(now.saturating_since(new.arrival).as_nanos());
        self.assign(task, instance, StartUp::Delayed, scheduler);
        Attempt::Started
    }

    /// The instance of a group with so many launched before it; `None` before it is launched.
    fn named_instance(&self, named: NamedInstance) -> Option<InstanceId> {
        let of_group = self.instances.enumerate().filter(|(_, it)| it.group == named.group);
        of_group.map(|(id, _)| id).nth(named.launched_before as usize)
    }

    /// Logs that RunTask found no room, in the words of its response.
    pub(super) fn run_task_failed(&mut self, id: BatchId, new: &NewTask, now: SimTime) {
        // Counting the reasons looks at every instance: not for a line that is not logged.
        if self.batches[id]
            .failure_event
            .as_ref()
            .is_some_and(|(at, _)| now.saturating_since(*at) < MINUTE)
        {
            return;
        }
        let reasons = self.run_task_reasons(new);
        let message = if self.lacks_fargate_spot(new.capacity) {
            format!("RunTask failed: {NO_FARGATE_CAPACITY}.")
        } else if reasons.is_empty() {
            "RunTask failed: No Container Instances were found in your cluster.".to_owned()
        } else {
            format!("RunTask failed: {}", reasons.join(", "))
        };
        self.log_failure(id, message, now);
    }

    /// The reasons of a failed call in the words of the API, without counts, which change from call
    /// to call.
    fn run_task_reasons(&self, new: &NewTask) -> Vec<&'static str> {
        let rejections = self.rejections(new);
        let counted = [
            (rejections.cpu, "RESOURCE:CPU"),
            (rejections.memory, "RESOURCE:MEMORY"),
            (rejections.gpu, "RESOURCE:GPU"),
            (rejections.port, "RESOURCE:PORTS"),
            (rejections.network_interface, "RESOURCE:ENI"),
            (rejections.attribute, "ATTRIBUTE"),
            (rejections.agent, "AGENT"),
            (rejections.distinct_instance, reason(Rejection::DistinctInstance)),
            (rejections.member_of, reason(Rejection::MemberOf(0))),
        ];
        counted.into_iter().filter(|(count, _)| 0 < *count).map(|(_, reason)| reason).collect()
    }

    /// Logs a failure unless the source had the same one within the hour, or any within the minute: a
    /// caller that tries again and again would fill the log.
    fn log_failure(&mut self, id: BatchId, message: String, now: SimTime) {
        let state = &mut self.batches[id];
        if let Some((at, last)) = &state.failure_event {
            let pause = if *last == message { SAME_FAILURE } else { MINUTE };
            if now.saturating_since(*at) < pause {
                return;
            }
        }
        state.failure_event = Some((now, message.clone()));
        let name = &state.settings.name;
        self.log(now, EventCategory::RunTask, name, None, message);
    }
}

/// What the API says of an instance that cannot take a task.
fn reason(rejection: Rejection) -> &'static str {
    match rejection {
        Rejection::Cpu => "RESOURCE:CPU",
        Rejection::Memory => "RESOURCE:MEMORY",
        Rejection::Gpu => "RESOURCE:GPU",
        Rejection::Port => "RESOURCE:PORTS",
        Rejection::NetworkInterface => "RESOURCE:ENI",
        Rejection::Attribute => "ATTRIBUTE",
        Rejection::Draining | Rejection::Agent => "AGENT",
        Rejection::DistinctInstance => "DistinctInstance placement constraint unsatisfied.",
        Rejection::MemberOf(_) => "MemberOf placement constraint unsatisfied.",
    }
}

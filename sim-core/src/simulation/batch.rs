//! Standalone tasks: arrivals, the queue of jobs that wait for room, and what waits in PROVISIONING.

use super::event::Event;
use super::launch::{NewTask, StartUp};
use super::ledger::Change;
use super::state::WaitingJob;
use super::task::{Capacity, DRAWS_PER_TASK, Owner, TaskDraw};
use super::world::World;
use crate::engine::{Phase, Scheduler};
use crate::placement::Choice;
use crate::results::StopCode;
use crate::scenario::{BatchJob, BatchJobs, LaunchTarget, QueueDiscipline};
use crate::units::{BatchId, CapacityProviderId, Cpu, Mib, SimDuration, SimTime, TaskId};

/// Jobs that met a launch quota are tried again after this.
const QUOTA_RETRY: SimDuration = SimDuration::from_secs(1);

/// What became of an attempt to start a waiting job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    Started,
    /// No instance of this capacity has room.
    NoRoom(Capacity),
    /// A quota holds it back: try again after [`QUOTA_RETRY`].
    Throttled,
    /// It found no room and is not tried again.
    GivenUp,
}

/// Demands that found no room in this round. What is free only shrinks within a round, so a demand
/// of the same owner for as much or more need not be tried.
#[derive(Debug, Default)]
struct Failed {
    demands: Vec<(Owner, Capacity, Cpu, Mib)>,
    /// How often a failure was noted.
    noted: u64,
}

impl Failed {
    fn covers(&self, (owner, capacity, cpu, memory): (Owner, Capacity, Cpu, Mib)) -> bool {
        let same = |it: &&(Owner, Capacity, Cpu, Mib)| (it.0, it.1) == (owner, capacity);
        self.demands.iter().filter(same).any(|it| it.2 <= cpu && it.3 <= memory)
    }

    /// Notes a failure, and forgets those that it covers: what is left is short.
    fn push(&mut self, demand: (Owner, Capacity, Cpu, Mib)) {
        let (owner, capacity, cpu, memory) = demand;
        self.demands.retain(|it| (it.0, it.1) != (owner, capacity) || it.2 < cpu || it.3 < memory);
        self.demands.push(demand);
        self.noted += 1;
    }
}

impl World<'_, '_> {
    /// Schedules the next arrival of a source, which is its only pending event.
    pub(super) fn schedule_next_arrival(&mut self, id: BatchId, scheduler: &mut Scheduler<Event>) {
        let state = &self.batches[id];
        let at = match &state.settings.jobs {
            BatchJobs::Trace(jobs) => {
                let Some(job) = jobs.get(state.arrived as usize) else { return };
                job.arrival
            }
            BatchJobs::Generated { interarrival, until, count, .. } => {
                if state.arrived >= *count {
                    return;
                }
                let bits = state
                    .task_key
                    .at(state.arrived.wrapping_mul(DRAWS_PER_TASK) + TaskDraw::Interarrival as u64);
                let at = scheduler.now() + interarrival.sample(bits);
                if at >= *until {
                    return;
                }
                at
            }
        };
        scheduler.schedule_at(at, Phase::Schedule, Event::BatchArrival(id));
    }

    pub(super) fn batch_arrival(&mut self, id: BatchId, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        let definition = self.definition(self.batches[id].settings.task_definition);
        let state = &mut self.batches[id];
        let ordinal = state.arrived;
        let job = match &state.settings.jobs {
            BatchJobs::Trace(jobs) => jobs[ordinal as usize],
            BatchJobs::Generated { duration, .. } => {
                let draw = ordinal.wrapping_mul(DRAWS_PER_TASK) + TaskDraw::Duration as u64;
                BatchJob {
                    arrival: now,
                    duration: duration.sample(state.task_key.at(draw)),
                    cpu: definition.cpu,
                    memory: definition.memory,
                }
            }
        };
        state.arrived += 1;
        let waiting = WaitingJob { ordinal, job, attempt: 0, placed_before: false };
        self.wait_for_room(id, waiting, now);
        // A waiting job takes memory as a task does.
        let limit = scheduler.limits().tasks;
        if self.batches.iter().map(|batch| batch.waiting.len() as u64).sum::<u64>() > limit {
            scheduler.fail("limits.tasks", limit);
            return;
        }
        self.request_placement(scheduler);
        self.schedule_next_arrival(id, scheduler);
    }

    /// Puts a job at the end of its queue.
    fn wait_for_room(&mut self, id: BatchId, waiting: WaitingJob, now: SimTime) {
        let state = &mut self.batches[id];
        *state.waiting_sizes.entry((waiting.job.cpu, waiting.job.memory)).or_default() += 1;
        state.waiting.push_back(waiting);
        state.pending.add(now, 1);
    }

    /// Takes the job at `position` off its queue.
    fn stop_waiting(&mut self, id: BatchId, position: usize) {
        let state = &mut self.batches[id];
        let Some(left) = state.waiting.remove(position) else { return };
        let size = (left.job.cpu, left.job.memory);
        if let Some(number) = state.waiting_sizes.get_mut(&size) {
            *number -= 1;
            if *number == 0 {
                state.waiting_sizes.remove(&size);
            }
        }
    }

    /// Asks for another look at everything that waits, once, after what else happens now.
    pub(super) fn request_placement(&mut self, scheduler: &mut Scheduler<Event>) {
        let waiting = self.provisioning > 0 || self.batches.iter().any(|b| !b.waiting.is_empty());
        if waiting {
            self.request_placement_at(scheduler.now(), scheduler);
        }
    }

    /// Asks for a look at `at`, unless an earlier one is due anyway.
    fn request_placement_at(&mut self, at: SimTime, scheduler: &mut Scheduler<Event>) {
        if self.next_placement.is_none_or(|due| at < due) {
            self.next_placement = Some(at);
            scheduler.schedule_at(at, Phase::Schedule, Event::PlaceWaiting);
        }
    }

    /// Tries everything that waits: PROVISIONING tasks in order of creation, then jobs in order of
    /// arrival.
    pub(super) fn place_waiting(&mut self, scheduler: &mut Scheduler<Event>) {
        if self.next_placement != Some(scheduler.now()) {
            return;
        }
        self.next_placement = None;
        for provider in self.providers.ids() {
            if !self.providers[provider].queue.is_empty() {
                self.place_provisioning(provider, scheduler);
            }
        }
        let mut throttled = false;
        for batch in self.batches.ids() {
            throttled |= self.place_jobs(batch, scheduler);
        }
        if throttled {
            self.request_placement_at(scheduler.now() + QUOTA_RETRY, scheduler);
        }
    }

    fn place_provisioning(&mut self, id: CapacityProviderId, scheduler: &mut Scheduler<Event>) {
        let mut failed = Failed::default();
        let queue = std::mem::take(&mut self.providers[id].queue);
        let mut kept = std::collections::VecDeque::with_capacity(queue.len());
        for task_id in queue {
            debug_assert!(self.is_waiting(task_id), "stopped tasks leave the queue");
            let task = &self.tasks[task_id];
            let demand = (task.owner, task.capacity, task.cpu, task.memory);
            if failed.covers(demand) {
                kept.push_back(task_id);
                continue;
            }
            let new = self.as_new(task_id);
            match self.find_instance(&new, scheduler.now()) {
                Choice::Instance(instance) => {
                    self.provisioning -= 1;
                    self.change_waiting(task_id, Change::Remove, scheduler.now());
                    self.job_placed(task_id, scheduler);
                    let start_up = match new.owner {
                        Owner::Service(service) => self.start_up_now(service, scheduler.now()),
                        Owner::Batch(_) => StartUp::Delayed,
                    };
                    self.assign(task_id, instance, start_up, scheduler);
                }
                Choice::Nowhere => {
                    failed.push(demand);
                    kept.push_back(task_id);
                }
            }
        }
        self.providers[id].queue = kept;
        if !self.providers[id].queue.is_empty() {
            self.want_managed(id, scheduler);
        }
    }

    /// Starts waiting jobs; `true` if a quota stopped it.
    fn place_jobs(&mut self, id: BatchId, scheduler: &mut Scheduler<Event>) -> bool {
        let mut failed = Failed::default();
        let mut position = 0;
        // What the rest of the queue was last judged by; the answer is the same until that changes.
        let mut judged = None;
        while let Some(&waiting) = self.batches[id].waiting.get(position) {
            match self.start_job(id, waiting, &mut failed, scheduler) {
                Attempt::Started => {
                    self.stop_waiting(id, position);
                    judged = None;
                }
                Attempt::GivenUp => {
                    self.stop_waiting(id, position);
                    self.give_up(id, 1, scheduler.now());
                }
                Attempt::NoRoom(capacity) => match self.batches[id].settings.queue {
                    QueueDiscipline::FirstComeFirstServed => return false,
                    QueueDiscipline::FirstFit => {
                        let known = (capacity, failed.noted);
                        if judged != Some(known) && self.nothing_fits(id, capacity, &failed) {
                            return false;
                        }
                        judged = Some(known);
                        position += 1;
                    }
                    QueueDiscipline::NoRetry => {
                        self.stop_waiting(id, position);
                        self.give_up(id, 1, scheduler.now());
                    }
                },
                Attempt::Throttled => return true,
            }
        }
        false
    }

    /// Whether every size that still waits is known to find no room in this round: then a long queue
    /// need not be walked to its end.
    fn nothing_fits(&self, id: BatchId, capacity: Capacity, failed: &Failed) -> bool {
        let mut sizes = self.batches[id].waiting_sizes.keys();
        sizes.all(|(cpu, memory)| failed.covers((Owner::Batch(id), capacity, *cpu, *memory)))
    }

    fn start_job(
        &mut self,
        id: BatchId,
        waiting: WaitingJob,
        failed: &mut Failed,
        scheduler: &mut Scheduler<Event>,
    ) -> Attempt {
        let now = scheduler.now();
        let state = &self.batches[id];
        let (capacity, share) = match &state.settings.launch {
            LaunchTarget::Ec2 => (Capacity::AnyInstance, None),
            LaunchTarget::Fargate => (Capacity::Fargate, None),
            LaunchTarget::Strategy(items) => {
                let share =
                    self.share_of_call(id, items, (waiting.job.cpu, waiting.job.memory), now);
                (Capacity::Provider(items[share.item()].capacity_provider), Some(share))
            }
        };
        let job = waiting.job;
        let new = NewTask {
            owner: Owner::Batch(id),
            ordinal: waiting.ordinal,
            attempt: waiting.attempt,
            placed_before: waiting.placed_before,
            definition: state.settings.task_definition,
            revision: 0,
            capacity,
            cpu: job.cpu,
            memory: job.memory,
            duration: Some(job.duration),
            arrival: job.arrival,
        };
        let demand = (new.owner, capacity, new.cpu, new.memory);
        if !self.batches[id].settings.start_on.is_empty() {
            return self.start_on_named(id, new, scheduler);
        }
        if failed.covers(demand) {
            return Attempt::NoRoom(capacity);
        }
        if !self.can_call(id, &new, now) {
            return Attempt::Throttled;
        }
        let fargate = self.is_fargate(capacity);
        let mut instance = None;
        if self.lacks_fargate_spot(capacity) {
            failed.push(demand);
            self.run_task_failed(id, &new, now);
            return Attempt::NoRoom(capacity);
        }
        if fargate {
            if !self.take_fargate_token(capacity, now) {
                return Attempt::Throttled;
            }
        } else {
            match self.find_instance(&new, now) {
                Choice::Instance(found) => instance = Some(found),
                Choice::Nowhere => {
                    // Without managed scaling RunTask fails and its caller tries again; with it the
                    // task waits in PROVISIONING, up to the cluster's limit.
                    let limit = self.scenario.rules.provisioning_tasks_per_cluster;
                    if !self.has_managed_scaling(capacity) || self.provisioning >= limit {
                        failed.push(demand);
                        self.run_task_failed(id, &new, now);
                        return Attempt::NoRoom(capacity);
                    }
                }
            }
        }
        self.call(id, &new, now);
        let Some(task) = self.create_task(new, scheduler) else {
            return Attempt::NoRoom(capacity);
        };
        if let Some(share) = share {
            self.count_share(id, share);
        }
        let placed = fargate || instance.is_some();
        if placed && !waiting.placed_before {
            let wait = now.saturating_since(job.arrival).as_nanos();
            self.batches[id].waits.push(wait);
        }
        match instance {
            Some(instance) => self.assign(task, instance, StartUp::Delayed, scheduler),
            None if fargate => self.start_on_fargate(task, StartUp::Delayed, scheduler),
            None => self.wait_for_capacity(task, capacity, scheduler),
        }
        Attempt::Started
    }

    /// Records the wait of a job that leaves PROVISIONING, unless an earlier attempt was placed.
    fn job_placed(&mut self, id: TaskId, scheduler: &Scheduler<Event>) {
        let task = &self.tasks[id];
        if let Owner::Batch(batch) = task.owner
            && !task.placed_before
        {
            let wait = scheduler.now().saturating_since(task.arrival).as_nanos();
            self.batches[batch].waits.push(wait);
        }
    }

    /// A job's task stopped: it is done, or its caller submits it again.
    pub(super) fn job_stopped(
        &mut self,
        id: BatchId,
        task: TaskId,
        scheduler: &mut Scheduler<Event>,
    ) {
        let now = scheduler.now();
        let task = &self.tasks[task];
        let state = &mut self.batches[id];
        if task.stop_code == Some(StopCode::EssentialContainerExited) && task.exit_code == Some(0) {
            state.completed += 1;
            state.last_end = Some(now);
            return;
        }
        if state.settings.queue == QueueDiscipline::NoRetry {
            state.given_up += 1;
            return;
        }
        let job = BatchJob {
            arrival: task.arrival,
            duration: task.duration.unwrap_or(SimDuration::ZERO),
            cpu: task.cpu,
            memory: task.memory,
        };
        let waiting = WaitingJob {
            ordinal: task.ordinal,
            job,
            attempt: task.attempt.saturating_add(1),
            // The wait of a job ends where it is placed first.
            placed_before: task.placed_before || task.placed.is_some(),
        };
        self.wait_for_room(id, waiting, now);
        self.request_placement(scheduler);
    }
}

//! Message queues in the world: which tasks work on them, and what is read of them.
//!
//! The queues themselves are [`Queues`], moved on before anything that touches them. Between two such
//! instants nothing in the cluster depends on them, so that a message costs no event of the engine.

use std::collections::BTreeMap;

use super::event::Event;
use super::load::{LoadReading, Reading};
use super::state::stream_key;
use super::task::Owner;
use super::world::World;
use crate::engine::{Phase, Scheduler, StreamKey};
use crate::metrics::{QueueMeasure, StatisticSet};
use crate::results::QueueResults;
use crate::scenario::{Scenario, Worker};
use crate::statistics::TimeWeighted;
use crate::traffic::queue::{Publication, QueueCounts, Queues, WorkerId};
use crate::units::{Cpu, Id, IdVec, QueueId, ServiceId, SimDuration, SimTime, TaskId, to_f64};

/// What CloudWatch shows of a queue for a minute.
#[derive(Clone, Copy, Debug)]
struct QueueSample {
    visible: u64,
    not_visible: u64,
    delayed: u64,
    /// Seconds.
    age_of_oldest: f64,
    sent: u64,
    received: u64,
    deleted: u64,
    empty_receives: u64,
}

/// What the tasks of a worker service did since the last reading.
#[derive(Clone, Copy, Debug)]
pub(super) struct WorkerReading {
    /// Use of CPU and memory; no requests.
    pub(super) load: LoadReading,
    /// Mean number of threads that processed a message.
    pub(super) busy: f64,
}

/// Integrals where a reader last read them.
#[derive(Clone, Copy, Debug, Default)]
struct Reader {
    busy: u128,
    running: u128,
    running_cpu: u128,
    running_memory: u128,
    at: SimTime,
}

/// What is kept for CloudWatch and the recorder of one queue.
#[derive(Debug)]
struct QueueReaders {
    publication: Publication,
    lag_key: StreamKey,
    minute: QueueCounts,
    interval: QueueCounts,
    /// The minute that ended last, if it was published.
    sample: Option<QueueSample>,
    /// Age of the oldest message at any reading, at most.
    oldest: SimDuration,
}

/// A service whose tasks work on a queue.
#[derive(Clone, Copy, Debug)]
struct PoolReaders {
    pool: usize,
    minute: Reader,
    high_resolution: Reader,
    interval: Reader,
}

/// All queues and who works on them.
pub(super) struct QueueState<'s> {
    system: Queues<'s>,
    pools: Vec<Option<PoolReaders>>,
    workers: BTreeMap<TaskId, WorkerId>,
    readers: IdVec<QueueId, QueueReaders>,
}

impl<'s> QueueState<'s> {
    pub(super) fn new(scenario: &'s Scenario) -> Self {
        let mut next = 0;
        let pools = scenario.services.iter().map(|service| {
            let pool = next;
            service.worker.as_ref().map(|_| {
                next += 1;
                let none = Reader::default();
                PoolReaders { pool, minute: none, high_resolution: none, interval: none }
            })
        });
        let readers = scenario.queues.iter().map(|queue| QueueReaders {
            publication: Publication::new(),
            lag_key: stream_key(scenario, "queue-activation", &queue.name),
            minute: QueueCounts::default(),
            interval: QueueCounts::default(),
            sample: None,
            oldest: SimDuration::ZERO,
        });
        let workers = scenario.services.iter().filter_map(|service| service.worker.as_ref());
        let key = |purpose: &str, name: &str| stream_key(scenario, purpose, name);
        Self {
            system: Queues::new(scenario.queues.iter(), workers, scenario.limits, key),
            pools: pools.collect(),
            workers: BTreeMap::new(),
            readers: readers.collect(),
        }
    }

    fn pool(&self, service: ServiceId) -> Option<usize> {
        self.pools[service.index()].map(|it| it.pool)
    }

    /// Messages of a queue that are visible, in flight and delayed, as message·ns up to `now`.
    pub(super) fn message_time(&self, id: QueueId, now: SimTime) -> [u128; 3] {
        self.system.levels(id).map(|level| level.total_at(now))
    }

    /// Threads of a service that processed messages, as thread·ns up to `now`.
    pub(super) fn busy_time(&self, service: ServiceId, now: SimTime) -> u128 {
        self.pool(service).map_or(0, |pool| self.system.busy(pool).total_at(now))
    }

    /// What was published of a queue for the minute that ended last.
    pub(super) fn samples(&self, id: QueueId, measure: QueueMeasure) -> Option<StatisticSet> {
        let sample = self.readers[id].sample?;
        let count = |count: u64| StatisticSet::of(count as f64);
        match measure {
            QueueMeasure::Visible => count(sample.visible),
            QueueMeasure::NotVisible => count(sample.not_visible),
            QueueMeasure::Delayed => count(sample.delayed),
            QueueMeasure::AgeOfOldest => StatisticSet::of(sample.age_of_oldest),
            QueueMeasure::Sent => count(sample.sent),
            QueueMeasure::Received => count(sample.received),
            QueueMeasure::Deleted => count(sample.deleted),
            QueueMeasure::EmptyReceives => count(sample.empty_receives),
        }
    }
}

impl World<'_, '_> {
    pub(super) fn start_queues(&mut self, scheduler: &mut Scheduler<Event>) {
        if !self.scenario.queues.is_empty() {
            let horizon = SimTime::ZERO + self.scenario.duration;
            scheduler.schedule_at(horizon, Phase::Observe, Event::QueuesEnd);
        }
    }

    /// Lets everything happen in the queues up to `now`.
    pub(super) fn sync_queues(&mut self, now: SimTime) {
        self.queues.system.advance(now);
    }

    fn check_queue_limits(&self, scheduler: &mut Scheduler<Event>) {
        if let Some((setting, limit)) = self.queues.system.exceeded() {
            scheduler.fail(setting, limit);
        }
    }

    pub(super) fn queues_end(&mut self, scheduler: &mut Scheduler<Event>) {
        self.sync_queues(scheduler.now());
        self.check_queue_limits(scheduler);
    }

    fn worker_of(&self, id: TaskId) -> Option<&Worker> {
        let Owner::Service(service) = self.tasks[id].owner else { return None };
        self.services[service].settings.worker.as_ref()
    }

    /// A task is RUNNING: it begins to poll if its service works on a queue.
    pub(super) fn worker_starts(&mut self, id: TaskId, now: SimTime) {
        let Owner::Service(service) = self.tasks[id].owner else { return };
        let Some(pool) = self.queues.pool(service) else { return };
        let worker = self.queues.system.add_worker(pool, now);
        self.queues.workers.insert(id, worker);
    }

    /// A task gets SIGTERM.
    pub(super) fn worker_stops(&mut self, id: TaskId, now: SimTime) {
        if let Some(worker) = self.queues.workers.get(&id) {
            self.queues.system.stop_worker(*worker, now);
        }
    }

    /// The containers of a task are gone.
    pub(super) fn worker_gone(&mut self, id: TaskId, now: SimTime) {
        if let Some(worker) = self.queues.workers.remove(&id) {
            self.queues.system.remove_worker(worker, now);
        }
    }

    /// How long a task that was told to stop now still works on its messages.
    pub(super) fn worker_finishes(&self, id: TaskId) -> SimDuration {
        let Some(stopping) = self.tasks[id].stopping else { return SimDuration::ZERO };
        let worker = self.queues.workers.get(&id);
        let until = worker.and_then(|worker| self.queues.system.worker(*worker).busy_until());
        until.map_or(SimDuration::ZERO, |until| {
            until.saturating_since(stopping.max(self.queues.system.now()))
        })
    }

    /// When the protection that a task asked for ends that works on messages.
    pub(super) fn worker_protected_until(&self, id: TaskId, now: SimTime) -> Option<SimTime> {
        self.worker_of(id)?.protection?;
        let worker = self.queues.workers.get(&id)?;
        self.queues.system.worker(*worker).protected_until(now)
    }

    /// The desired count of a service is set.
    pub(super) fn worker_count_wanted(&mut self, id: ServiceId, now: SimTime) {
        if let Some(pool) = self.queues.pool(id) {
            self.queues.system.set_desired(pool, self.services[id].desired, now);
        }
    }

    /// The minute that ends now, of every queue.
    pub(super) fn sample_queues(&mut self, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        self.sync_queues(now);
        self.check_queue_limits(scheduler);
        let lag = &self.scenario.control_plane.queue_activation_lag;
        for id in self.queues.readers.ids() {
            let system = &mut self.queues.system;
            let age = system.oldest(id).map_or(SimDuration::ZERO, |at| now.saturating_since(at));
            let counts = system.counts(id);
            let used = system.active_at(id, now);
            let [visible, in_flight, delayed] = system.levels(id).map(TimeWeighted::value);
            let readers = &mut self.queues.readers[id];
            readers.oldest = readers.oldest.max(age);
            let before = std::mem::replace(&mut readers.minute, counts);
            let key = readers.lag_key;
            let published = readers.publication.publishes(now, used, |n| lag.sample(key.at(n)));
            readers.sample = published.then(|| QueueSample {
                visible,
                not_visible: in_flight,
                delayed,
                age_of_oldest: age.as_secs_f64(),
                sent: counts.sent - before.sent,
                received: counts.received - before.received,
                deleted: counts.deleted - before.deleted,
                empty_receives: counts.empty_receives - before.empty_receives,
            });
        }
    }

    /// Use of CPU and memory by a service that works on a queue, since the last reading of this kind.
    pub(super) fn read_worker(
        &mut self,
        id: ServiceId,
        now: SimTime,
        kind: Reading,
    ) -> Option<WorkerReading> {
        self.sync_queues(now);
        let settings = self.services[id].settings.worker.as_ref()?;
        let state = &self.services[id];
        let reading = Reader {
            busy: self.queues.busy_time(id, now),
            running: state.running.total_at(now),
            running_cpu: state.running_cpu.total_at(now),
            running_memory: state.running_memory.total_at(now),
            at: now,
        };
        let readers = self.queues.pools[id.index()].as_mut()?;
        let reader = match kind {
            Reading::Minute => &mut readers.minute,
            Reading::HighResolution => &mut readers.high_resolution,
            Reading::Interval => &mut readers.interval,
        };
        let before = std::mem::replace(reader, reading);
        let length = now.saturating_since(before.at).as_nanos().max(1) as f64;
        let busy = reading.busy - before.busy;
        let running = reading.running - before.running;
        let (cpu, memory) = used(settings, busy, running);
        let reserved_memory = reading.running_memory - before.running_memory;
        let load = LoadReading {
            length: now.saturating_since(before.at),
            cpu: (cpu, reading.running_cpu - before.running_cpu),
            memory: (to_f64(memory), to_f64(reserved_memory)),
            running,
            targets: 0,
            sent: 0,
            in_flight: 0.0,
        };
        Some(WorkerReading { load, busy: busy as f64 / length })
    }

    /// Use of CPU and memory by a service with load or messages since the last reading of this kind;
    /// `None` if it has neither.
    pub(super) fn read_use(
        &mut self,
        id: ServiceId,
        now: SimTime,
        kind: Reading,
    ) -> Option<LoadReading> {
        match self.read_load(id, now, kind) {
            Some(reading) => Some(reading),
            None => self.read_worker(id, now, kind).map(|reading| reading.load),
        }
    }

    /// CPU and memory that the tasks of worker services on container instances used so far, in raw
    /// CPU·ns and MiB·ns.
    pub(super) fn used_by_workers_on_instances(&self, now: SimTime) -> (u128, u128) {
        let (mut all_cpu, mut all_memory) = (0, 0);
        for (id, state) in self.services.enumerate() {
            let on_instances = state.settings.launch_is_ec2(self.scenario);
            let Some(worker) = state.settings.worker.as_ref().filter(|_| on_instances) else {
                continue;
            };
            let busy = self.queues.busy_time(id, now);
            let (cpu, memory) = used(worker, busy, state.running.total_at(now));
            all_cpu += cpu;
            all_memory += memory;
        }
        (all_cpu, all_memory)
    }

    /// CPU that the tasks of a worker service used so far, raw·ns; `None` if it is none.
    pub(super) fn worker_cpu(&self, id: ServiceId, now: SimTime) -> Option<u128> {
        let state = &self.services[id];
        let worker = state.settings.worker.as_ref()?;
        Some(used(worker, self.queues.busy_time(id, now), state.running.total_at(now)).0)
    }

    /// Counts of a queue since the last call, and the age of its oldest message.
    pub(super) fn read_queue(
        &mut self,
        id: QueueId,
        now: SimTime,
    ) -> (QueueCounts, QueueCounts, f64) {
        self.sync_queues(now);
        let oldest = self.queues.system.oldest(id);
        let age = oldest.map_or(SimDuration::ZERO, |at| now.saturating_since(at));
        let counts = self.queues.system.counts(id);
        let readers = &mut self.queues.readers[id];
        readers.oldest = readers.oldest.max(age);
        (counts, std::mem::replace(&mut readers.interval, counts), age.as_secs_f64())
    }

    pub(super) fn queue_results(&mut self, horizon: SimTime) -> Vec<QueueResults> {
        self.queues.system.close(horizon);
        let ids: Vec<QueueId> = self.queues.readers.ids().collect();
        let system = &self.queues.system;
        let length = horizon.as_nanos().max(1) as f64;
        let of = |id: QueueId| {
            let [visible, in_flight, delayed] = system.levels(id);
            let waits = system.waits(id);
            QueueResults {
                name: self.scenario.queues[id].name.clone(),
                workers: self
                    .scenario
                    .services
                    .iter()
                    .filter(|it| it.worker.as_ref().is_some_and(|worker| worker.queue == id))
                    .map(|it| it.name.clone())
                    .collect(),
                counts: system.counts(id),
                visible_at_end: visible.value(),
                in_flight_at_end: in_flight.value(),
                held_at_end: system.held(id),
                delayed_at_end: delayed.value(),
                visible_mean: visible.total_at(horizon) as f64 / length,
                visible_peak: visible.peak(),
                oldest_seconds: self.queues.readers[id].oldest.as_secs_f64(),
                wait_seconds: waits.wait_seconds(),
                stay_seconds: waits.stay_seconds(),
                total_wait: waits.wait_total().0,
                total_stay: waits.stay_total(),
            }
        };
        ids.into_iter().map(of).collect()
    }
}

/// CPU in raw CPU·ns and memory in MiB·ns of so much thread·ns of work and task·ns of running.
fn used(worker: &Worker, busy: u128, running: u128) -> (u128, u128) {
    let raw = |cpu: Cpu| u128::from(cpu.as_raw());
    let cpu = raw(worker.cpu_per_message) * busy + raw(worker.idle_cpu) * running;
    let kib = u128::from(worker.memory_per_message_kib) * busy;
    (cpu, kib / 1024 + u128::from(worker.idle_memory.as_mib()) * running)
}

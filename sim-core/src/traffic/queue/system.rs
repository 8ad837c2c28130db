//! All queues of a run and those who work on them, moved on from event to event.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::arrivals::Arrivals;
use super::messages::{MessageQueue, MessageRef, QueueCounts, Store};
use super::waits::Waits;
use super::workers::{Pool, Receipt, WorkerId, WorkerTask};
use crate::engine::{Limits, StreamKey, fold, variates};
use crate::scenario::{OnStop, Queue, Worker};
use crate::statistics::TimeWeighted;
use crate::units::{IdVec, QueueId, SimDuration, SimTime};

/// Messages that may be in flight in one standard queue (developer guide, *Amazon SQS message
/// quotas*): no more are received until one is deleted or comes back.
pub const IN_FLIGHT_QUOTA: u64 = 120_000;

/// Messages of one call that sends.
const MESSAGES_PER_SEND: u64 = 10;

/// Draws of a message.
#[derive(Clone, Copy, Debug)]
enum MessageDraw {
    Processing = 0,
    Poison = 1,
    Failure = 2,
}

/// Draws reserved per message.
const DRAWS_PER_MESSAGE: u64 = 4;

/// What happens next; at one instant in this order, then as it was scheduled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// A queue changes by itself.
    Queue(u32),
    /// A source sends.
    Arrival { queue: u32, source: u32 },
    /// A thread is done with its message.
    Done { worker: WorkerId, thread: u32 },
    /// A thread with short polling calls again.
    Poll { worker: WorkerId, thread: u32 },
}

impl Due {
    const fn rank(self) -> u8 {
        match self {
            Self::Queue(_) => 0,
            Self::Arrival { .. } => 1,
            Self::Done { .. } => 2,
            Self::Poll { .. } => 3,
        }
    }
}

/// The state of one queue beside its messages.
#[derive(Debug)]
struct Station<'s> {
    queue: MessageQueue<'s>,
    key: StreamKey,
    sources: Vec<Arrivals>,
    /// Threads that wait for a message, the longest first. Entries of tasks that stopped are void.
    idle: VecDeque<(WorkerId, u32)>,
    /// Entries of `idle` that are not void.
    idle_threads: usize,
    /// Tasks that receive from it.
    pollers: u32,
    /// When the queue itself is due; other such entries of the agenda are void.
    due: Option<SimTime>,
    waits: Waits,
}

/// All queues and workers.
#[derive(Debug)]
pub struct Queues<'s> {
    stations: IdVec<QueueId, Station<'s>>,
    pools: Vec<Pool<'s>>,
    workers: Vec<WorkerTask>,
    store: Store,
    agenda: BinaryHeap<Reverse<(SimTime, u8, u64, Due)>>,
    scheduled: u64,
    now: SimTime,
    limits: Limits,
    events: u64,
    events_at_this_instant: u64,
    exceeded: Option<(&'static str, u64)>,
}

impl<'s> Queues<'s> {
    /// The queues at time zero, empty. `key` gives the stream of a purpose and a queue's name; each of
    /// `pools` is the worker of a service.
    pub fn new(
        queues: impl Iterator<Item = &'s Queue>,
        pools: impl Iterator<Item = &'s Worker>,
        limits: Limits,
        key: impl Fn(&str, &str) -> StreamKey,
    ) -> Self {
        let station = |(index, settings): (usize, &'s Queue)| {
            let arrivals = key("message-arrivals", &settings.name);
            let source = |(source, it): (usize, _)| {
                // Each source has a range of draws of its own.
                let own = StreamKey::new(arrivals.at(source as u64), 0, "source", source as u64);
                Arrivals::new(it, own)
            };
            Station {
                queue: MessageQueue::new(settings, index as u32),
                key: key("messages", &settings.name),
                sources: settings.sources.iter().enumerate().map(source).collect(),
                idle: VecDeque::new(),
                idle_threads: 0,
                pollers: 0,
                due: None,
                waits: Waits::new(),
            }
        };
        let mut system = Self {
            stations: queues.enumerate().map(station).collect(),
            pools: pools.map(Pool::new).collect(),
            workers: Vec::new(),
            store: Store::default(),
            agenda: BinaryHeap::new(),
            scheduled: 0,
            now: SimTime::ZERO,
            limits,
            events: 0,
            events_at_this_instant: 0,
            exceeded: None,
        };
        for id in system.stations.ids() {
            for source in 0..system.stations[id].sources.len() {
                system.schedule_arrival(id.0, source as u32);
            }
        }
        system
    }

    /// The instant up to which everything has happened.
    pub fn now(&self) -> SimTime {
        self.now
    }

    /// The limit that was reached, by its setting, with its value: nothing moves on from there.
    pub fn exceeded(&self) -> Option<(&'static str, u64)> {
        self.exceeded
    }

    /// Lets everything happen up to and at `now`.
    pub fn advance(&mut self, now: SimTime) {
        while let Some(&Reverse((at, _, _, due))) = self.agenda.peek() {
            if now < at || self.exceeded.is_some() {
                break;
            }
            self.agenda.pop();
            if self.now < at {
                self.events_at_this_instant = 0;
            }
            self.now = at;
            self.happen(due);
        }
        self.now = self.now.max(now);
    }

    /// Counts what happened against the limits of a run.
    fn count(&mut self, events: u64) {
        self.events += events;
        self.events_at_this_instant += events;
        let held = self.store.len() as u64;
        let limits = &self.limits;
        let reached = [
            (limits.events < self.events, "limits.events", limits.events),
            (
                limits.events_at_one_instant < self.events_at_this_instant,
                "limits.eventsAtOneInstant",
                limits.events_at_one_instant,
            ),
            (limits.pending_events < held, "limits.pendingEvents", limits.pending_events),
        ];
        let first = reached.into_iter().find(|(reached, _, _)| *reached);
        self.exceeded = first.map(|(_, setting, limit)| (setting, limit));
    }

    fn schedule(&mut self, at: SimTime, due: Due) {
        self.scheduled += 1;
        self.agenda.push(Reverse((at, due.rank(), self.scheduled, due)));
    }

    fn schedule_arrival(&mut self, queue: u32, source: u32) {
        let arrivals = &self.stations[QueueId(queue)].sources[source as usize];
        if let Some(next) = arrivals.next() {
            self.schedule(next.at, Due::Arrival { queue, source });
        }
    }

    fn happen(&mut self, due: Due) {
        self.count(1);
        match due {
            Due::Queue(queue) => {
                let id = QueueId(queue);
                if self.stations[id].due == Some(self.now) {
                    self.stations[id].due = None;
                    let changes = self.stations[id].queue.let_time_pass(&mut self.store, self.now);
                    self.count(changes);
                    self.serve(id);
                }
            }
            Due::Arrival { queue, source } => self.arrival(QueueId(queue), source),
            Due::Done { worker, thread } => self.done(worker, thread),
            Due::Poll { worker, thread } => self.receive(worker, thread),
        }
    }

    fn arrival(&mut self, id: QueueId, source: u32) {
        let station = &mut self.stations[id];
        let Some(batch) = station.sources[source as usize].take() else { return };
        let messages = u64::from(batch.messages);
        let room = self.limits.pending_events.saturating_sub(self.store.len() as u64);
        for _ in 0..messages.min(room.saturating_add(1)) {
            station.queue.send(&mut self.store, self.now);
        }
        station.queue.counts.send_calls += messages.div_ceil(MESSAGES_PER_SEND);
        // A batch is one event, however large.
        self.count(0);
        self.schedule_arrival(id.0, source);
        self.serve(id);
    }

    /// Gives visible messages to the threads that wait for them, and asks to be called when the queue
    /// next changes by itself.
    fn serve(&mut self, id: QueueId) {
        loop {
            if self.stations[id].idle_threads == 0 || self.next_message(id).is_none() {
                break;
            }
            let station = &mut self.stations[id];
            let Some((worker, thread)) = station.idle.pop_front() else { break };
            let state = &mut self.workers[worker as usize];
            if !state.receives() {
                continue;
            }
            station.idle_threads -= 1;
            let since = state.threads[thread as usize].idle_since;
            let wait = self.pools[state.pool].settings.receive_wait;
            station.queue.counts.empty_receives += empty_calls(wait, since, self.now);
            self.receive(worker, thread);
        }
        self.watch(id);
    }

    /// Schedules the queue's next own change.
    fn watch(&mut self, id: QueueId) {
        let station = &mut self.stations[id];
        let Some(next) = station.queue.next_change(&self.store) else { return };
        if station.due.is_none_or(|due| next < due) {
            station.due = Some(next);
            self.schedule(next, Due::Queue(id.0));
        }
    }

    /// A thread calls ReceiveMessage, and waits if there is nothing.
    fn receive(&mut self, worker: WorkerId, thread: u32) {
        let state = &self.workers[worker as usize];
        if !state.receives() {
            return;
        }
        let pool = state.pool;
        let settings = self.pools[pool].settings;
        let id = settings.queue;
        let own = &mut self.workers[worker as usize].threads[thread as usize];
        let mut messages = std::mem::take(&mut own.messages);
        while messages.len() < settings.max_number_of_messages as usize {
            let Some(at) = self.next_message(id) else { break };
            let receives = self.stations[id].queue.receive(&mut self.store, at, self.now);
            let Some(&message) = self.store.get(at) else { break };
            let (origin, number) = (message.origin, message.number);
            messages.push(Receipt { message: at, receives, origin, number });
        }
        // The first received is processed first.
        messages.reverse();
        let empty = messages.is_empty();
        let now = self.now;
        let own = &mut self.workers[worker as usize].threads[thread as usize];
        own.messages = messages;
        let station = &mut self.stations[id];
        if empty {
            own.idle_since = now;
            if settings.receive_wait.is_zero() {
                station.queue.counts.empty_receives += 1;
                station.queue.touched = now;
                self.schedule(now + settings.poll_interval, Due::Poll { worker, thread });
            } else {
                station.wait(worker, thread, &self.workers);
            }
        } else {
            station.queue.counts.receive_calls += 1;
            self.begin(worker, thread);
            self.watch(id);
        }
    }

    /// The message that a call would return first. Those that were received too often for that move to
    /// the dead-letter queue.
    fn next_message(&mut self, id: QueueId) -> Option<MessageRef> {
        loop {
            let queue = &mut self.stations[id].queue;
            if IN_FLIGHT_QUOTA <= queue.in_flight.value() {
                return None;
            }
            let at = queue.front(&self.store)?;
            let receives = self.store.get(at)?.receives;
            let Some(redrive) =
                queue.settings.redrive.filter(|policy| policy.max_receive_count <= receives)
            else {
                return Some(at);
            };
            let message = queue.move_out(&mut self.store, at, self.now)?;
            let target = redrive.dead_letter_queue;
            self.stations[target].queue.move_in(&mut self.store, message, self.now);
            self.count(1);
            // Its threads get the message after what happens now.
            self.stations[target].due = Some(self.now);
            self.schedule(self.now, Due::Queue(target.0));
        }
    }

    /// A thread begins the next message in its hands, or asks for more.
    fn begin(&mut self, worker: WorkerId, thread: u32) {
        let state = &mut self.workers[worker as usize];
        let pool = state.pool;
        let settings = self.pools[pool].settings;
        let Some(receipt) = state.threads[thread as usize].messages.pop() else {
            self.receive(worker, thread);
            return;
        };
        // A message whose time-out ended in the worker's hands is processed all the same: the worker
        // does not know.
        if let Some(message) = self.store.get_mut(receipt.message)
            && !message.begun
        {
            message.begun = true;
            let wait = self.now.saturating_since(message.sent);
            self.stations[settings.queue].waits.begun(wait);
        }
        let until = self.now + self.length_of(pool, &receipt);
        let protection = settings.protection.map(|length| self.now + length);
        let pool = &mut self.pools[pool];
        self.workers[worker as usize].begin(thread, receipt, until, protection, pool);
        pool.busy.add(self.now, 1);
        self.schedule(until, Due::Done { worker, thread });
    }

    fn draw(&self, receipt: &Receipt, draw: MessageDraw) -> u64 {
        let key = self.stations[QueueId(receipt.origin)].key;
        key.at(receipt.number.wrapping_mul(DRAWS_PER_MESSAGE).wrapping_add(draw as u64))
    }

    fn length_of(&self, pool: usize, receipt: &Receipt) -> SimDuration {
        let bits = self.draw(receipt, MessageDraw::Processing);
        self.pools[pool].settings.processing_time.sample(bits)
    }

    /// Whether the attempt at a message fails.
    fn fails(&self, pool: usize, receipt: &Receipt) -> bool {
        let settings = self.pools[pool].settings;
        let below = |bits, probability: f64| variates::uniform(bits) < probability;
        let poison = self.draw(receipt, MessageDraw::Poison);
        let attempt = fold(self.draw(receipt, MessageDraw::Failure), receipt.receives.into());
        below(poison, settings.poison_probability) || below(attempt, settings.failure_probability)
    }

    /// A thread is done with its message: it deletes it, unless it failed.
    fn done(&mut self, worker: WorkerId, thread: u32) {
        let state = &mut self.workers[worker as usize];
        let pool = state.pool;
        let Some(receipt) = state.finish(thread, &mut self.pools[pool]) else { return };
        self.pools[pool].busy.subtract(self.now, 1);
        let id = self.pools[pool].settings.queue;
        if self.fails(pool, &receipt) {
            self.stations[id].queue.counts.failed += 1;
        } else {
            let (at, receives) = (receipt.message, receipt.receives);
            let sent = self.store.get(at).map(|message| message.sent);
            let station = &mut self.stations[id];
            if station.queue.delete(&mut self.store, at, receives, self.now) {
                if let Some(sent) = sent {
                    station.waits.deleted(self.now.saturating_since(sent));
                }
            } else {
                station.queue.counts.wasted += 1;
            }
        }
        self.begin(worker, thread);
        if 0 < self.stations[id].idle_threads {
            // There may be room in flight again.
            self.serve(id);
        }
    }

    /// A task of the service behind `pool` is RUNNING: its threads begin to poll.
    pub fn add_worker(&mut self, pool: usize, now: SimTime) -> WorkerId {
        self.advance(now);
        let settings = self.pools[pool].settings;
        let worker = self.workers.len() as WorkerId;
        self.workers.push(WorkerTask::new(pool, settings.concurrency));
        self.stations[settings.queue].pollers += 1;
        for thread in 0..settings.concurrency {
            self.receive(worker, thread);
        }
        worker
    }

    /// A task is told to stop: it receives nothing more, and drops what it has not begun. By its
    /// [`OnStop`] it finishes the messages that it is processing.
    pub fn stop_worker(&mut self, worker: WorkerId, now: SimTime) {
        self.advance(now);
        let state = &mut self.workers[worker as usize];
        if !state.receives() {
            return;
        }
        let pool = &mut self.pools[state.pool];
        let station = &mut self.stations[pool.settings.queue];
        station.pollers -= 1;
        station.queue.touched = now;
        let wait = pool.settings.receive_wait;
        for thread in state.threads.iter().filter(|it| it.is_idle() && !wait.is_zero()) {
            station.queue.counts.empty_receives += empty_calls(wait, thread.idle_since, now);
            station.idle_threads -= 1;
        }
        station.queue.counts.abandoned += state.stop();
        if pool.settings.on_stop == OnStop::Abandon {
            self.drop_current(worker, now);
        }
    }

    /// A task is gone: whatever it had in its hands comes back after the visibility time-out.
    pub fn remove_worker(&mut self, worker: WorkerId, now: SimTime) {
        self.stop_worker(worker, now);
        self.drop_current(worker, now);
        self.workers[worker as usize].threads = Vec::new();
    }

    fn drop_current(&mut self, worker: WorkerId, now: SimTime) {
        let state = &mut self.workers[worker as usize];
        let pool = &mut self.pools[state.pool];
        let dropped = state.drop_current(pool);
        pool.busy.subtract(now, dropped);
        self.stations[pool.settings.queue].queue.counts.abandoned += dropped;
    }

    /// The service behind `pool` wants so many tasks, and lets no more be protected.
    pub fn set_desired(&mut self, pool: usize, desired: u32, now: SimTime) {
        self.advance(now);
        self.pools[pool].desired = desired;
    }

    /// How a worker stands; see [`WorkerTask`].
    pub fn worker(&self, worker: WorkerId) -> &WorkerTask {
        &self.workers[worker as usize]
    }

    /// Threads of a service that process a message.
    pub fn busy(&self, pool: usize) -> &TimeWeighted {
        &self.pools[pool].busy
    }

    /// Counts of a queue.
    pub fn counts(&self, id: QueueId) -> QueueCounts {
        self.stations[id].queue.counts
    }

    /// Messages of a queue: visible, in flight and delayed.
    pub fn levels(&self, id: QueueId) -> [&TimeWeighted; 3] {
        let queue = &self.stations[id].queue;
        [&queue.visible, &queue.in_flight, &queue.delayed]
    }

    /// Receives of a queue's messages that workers have in their hands, begun or not.
    pub fn held(&self, id: QueueId) -> u64 {
        let of = |it: &&WorkerTask| self.pools[it.pool].settings.queue == id;
        self.workers.iter().filter(of).map(WorkerTask::held).sum()
    }

    /// When the oldest message that counts entered a queue.
    pub fn oldest(&mut self, id: QueueId) -> Option<SimTime> {
        self.stations[id].queue.oldest(&self.store)
    }

    /// The last instant up to `now` at which a queue held a message or anybody called it.
    pub fn active_at(&self, id: QueueId, now: SimTime) -> SimTime {
        let station = &self.stations[id];
        if 0 < station.pollers || 0 < station.queue.len() { now } else { station.queue.touched }
    }

    /// Waits of a queue's messages.
    pub fn waits(&self, id: QueueId) -> &Waits {
        &self.stations[id].waits
    }

    /// Calls without an answer of the threads that wait at the end of a run.
    pub fn close(&mut self, now: SimTime) {
        self.advance(now);
        for id in self.stations.ids() {
            let idle = std::mem::take(&mut self.stations[id].idle);
            for (worker, thread) in idle {
                let state = &self.workers[worker as usize];
                if state.receives() {
                    let since = state.threads[thread as usize].idle_since;
                    let calls =
                        empty_calls(self.pools[state.pool].settings.receive_wait, since, now);
                    self.stations[id].queue.counts.empty_receives += calls;
                }
            }
        }
    }
}

/// Empty answers to a thread that waited from `since` until `now` with calls of `wait` each.
fn empty_calls(wait: SimDuration, since: SimTime, now: SimTime) -> u64 {
    now.saturating_since(since).as_nanos().checked_div(wait.as_nanos()).unwrap_or(0)
}

impl Station<'_> {
    fn wait(&mut self, worker: WorkerId, thread: u32, workers: &[WorkerTask]) {
        // Void entries are cleared away before they are more than the others.
        if 2 * self.idle_threads + 64 < self.idle.len() {
            self.idle.retain(|(worker, _)| workers[*worker as usize].receives());
        }
        self.idle.push_back((worker, thread));
        self.idle_threads += 1;
    }
}

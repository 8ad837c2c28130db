//! The loop over the events of one service.

use std::collections::{BTreeMap, VecDeque};

use super::arrivals::ArrivalStream;
use super::balancer::Balancer;
use super::retries::{Retries, Retry};
use super::server::{Server, ServerLimits, Ticket};
use super::tally::{RequestCounts, ResponseTimes, TakenTimes};
use super::tournament::{NONE, Tournament};
use crate::engine::{StreamKey, UnitLaw};
use crate::results::Distribution;
use crate::scenario::{Discipline, RequestSettings, ServiceLoad};
use crate::units::{Cpu, SimDuration, SimTime, TaskId};

/// Most requests of a service that are at tasks at once, which bounds memory; more are rejected.
pub const MAX_PRESENT: usize = 1 << 22;

/// Where a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nowhere: the slot is free.
    Free,
    /// At a task, before its CPU time.
    Waiting,
    /// On the CPU.
    Running,
    /// Waiting for others before it is answered.
    Answering,
}

/// An attempt at a task.
#[derive(Clone, Copy, Debug)]
struct Request {
    /// When the request arrived.
    first: u64,
    /// Which one it is, from 0.
    number: u64,
    /// Which attempt it is, from 1.
    attempt: u32,
    server: u32,
    generation: u32,
    phase: Phase,
    /// Whether the client has given up.
    abandoned: bool,
}

/// Requests of one service at work.
#[derive(Clone, Debug)]
pub struct RequestEngine {
    /// CPU nanoseconds of a request on one vCPU, on average.
    mean_work: f64,
    demand: UnitLaw,
    demand_key: StreamKey,
    other_latency: u64,
    timeout: u64,
    /// Response times above it are slow.
    bound: u64,
    idle_cpu: Cpu,
    slow_start: u64,
    cancel_abandoned: bool,
    limits: ServerLimits,

    arrivals: ArrivalStream,
    next_arrival: u64,
    servers: Vec<Server>,
    free_servers: Vec<u32>,
    by_task: BTreeMap<TaskId, u32>,
    /// The next end of CPU work of each server.
    ends: Tournament,
    balancer: Balancer,
    requests: Vec<Request>,
    free: Vec<u32>,
    /// Answers and time-outs, both after a constant time and hence in order.
    answers: VecDeque<(u64, Ticket)>,
    deadlines: VecDeque<(u64, Ticket)>,
    retries: Retries,

    counts: RequestCounts,
    times: ResponseTimes,
    /// Raw CPU in use by receiving servers, and its integral up to `busy_since`.
    busy: u64,
    busy_sum: u128,
    busy_since: u64,
    /// Requests at tasks, and their integral up to `present_since`.
    present: u64,
    present_sum: u128,
    present_since: u64,
}

impl RequestEngine {
    /// Without tasks. Response times above `bound` count as slow; `key` makes the key of a purpose.
    pub fn new(
        load: &ServiceLoad,
        settings: &RequestSettings,
        bound: Option<SimDuration>,
        key: impl Fn(&str) -> StreamKey,
    ) -> Self {
        let mut arrivals =
            ArrivalStream::new(&settings.arrivals, &load.rate, key("request-arrivals"));
        let next_arrival = arrivals.next();
        Self {
            mean_work: load.cpu_per_request.as_nanos() as f64,
            demand: settings.demand,
            demand_key: key("request-demand"),
            other_latency: load.other_latency.as_nanos(),
            timeout: load.timeout.as_nanos(),
            bound: bound.map_or(NONE, SimDuration::as_nanos),
            idle_cpu: load.idle_cpu,
            slow_start: settings.slow_start.as_nanos(),
            cancel_abandoned: settings.cancel_abandoned,
            limits: ServerLimits {
                fifo: settings.discipline == Discipline::Fifo,
                max_concurrency: settings.max_concurrency,
                queue_length: settings.queue_length,
            },
            arrivals,
            next_arrival,
            servers: Vec::new(),
            free_servers: Vec::new(),
            by_task: BTreeMap::new(),
            ends: Tournament::new(),
            balancer: Balancer::new(load.algorithm, key("request-balancing")),
            requests: Vec::new(),
            free: Vec::new(),
            answers: VecDeque::new(),
            deadlines: VecDeque::new(),
            retries: Retries::new(settings.retries, key("request-retries")),
            counts: RequestCounts::default(),
            times: ResponseTimes::new(),
            busy: 0,
            busy_sum: 0,
            busy_since: 0,
            present: 0,
            present_sum: 0,
            present_since: 0,
        }
    }

    /// Lets everything happen that happens before `until`.
    pub fn advance(&mut self, until: SimTime) {
        let until = until.as_nanos();
        loop {
            let end = self.ends.least();
            let answer = self.answers.front().map_or(NONE, |(at, _)| *at);
            let deadline = self.deadlines.front().map_or(NONE, |(at, _)| *at);
            let timer = answer.min(deadline).min(self.retries.next());
            let now = end.min(timer).min(self.next_arrival);
            if until <= now {
                return;
            }
            if end == now {
                self.end_of_work(now);
            } else if timer == now {
                self.fire(answer == now, deadline == now, now);
            } else {
                self.arrive(now);
            }
        }
    }

    /// The first of an answer, a time-out and a retry that is due.
    fn fire(&mut self, answer: bool, deadline: bool, now: u64) {
        if answer {
            if let Some((_, ticket)) = self.answers.pop_front() {
                self.answer(ticket, now);
            }
        } else if deadline {
            if let Some((_, ticket)) = self.deadlines.pop_front() {
                self.time_out(ticket, now);
            }
        } else if let Some(retry) = self.retries.pop() {
            self.attempt(retry, now);
        }
    }

    #[inline]
    fn arrive(&mut self, now: u64) {
        let number = self.counts.offered;
        self.counts.offered += 1;
        self.retries.earn();
        self.next_arrival = self.arrivals.next();
        self.attempt(Retry { at: now, number, first: now, attempt: 1 }, now);
    }

    #[inline]
    fn attempt(&mut self, what: Retry, now: u64) {
        self.counts.attempts += 1;
        let target = self.balancer.choose(&mut self.servers, now);
        let full = |index: u32| {
            self.servers[index as usize].is_full() || MAX_PRESENT <= self.present as usize
        };
        let Some(index) = target.filter(|&index| !full(index)) else {
            self.counts.rejected += 1;
            self.attempt_failed(what.number, what.first, what.attempt, now);
            return;
        };
        let work = self.mean_work * self.demand.sample(self.demand_key, what.number);
        let ticket = self.take_slot(&what, index);
        self.count_present(now);
        self.present += 1;
        let server = &mut self.servers[index as usize];
        server.catch_up(now);
        server.outstanding += 1;
        self.balancer.count(index, server.outstanding);
        let before = server.busy();
        if server.admit(ticket, work) {
            self.requests[ticket.slot as usize].phase = Phase::Running;
            self.reschedule(index, before, now);
        }
        self.deadlines.push_back((now.saturating_add(self.timeout), ticket));
    }

    #[inline]
    fn take_slot(&mut self, what: &Retry, server: u32) -> Ticket {
        let request = Request {
            first: what.first,
            number: what.number,
            attempt: what.attempt,
            server,
            generation: 0,
            phase: Phase::Waiting,
            abandoned: false,
        };
        if let Some(slot) = self.free.pop() {
            let old = &mut self.requests[slot as usize];
            let generation = old.generation.wrapping_add(1);
            *old = Request { generation, ..request };
            return Ticket { slot, generation };
        }
        self.requests.push(request);
        Ticket { slot: (self.requests.len() - 1) as u32, generation: 0 }
    }

    #[inline]
    fn end_of_work(&mut self, now: u64) {
        let index = self.ends.winner() as u32;
        let server = &mut self.servers[index as usize];
        server.catch_up(now);
        let before = server.busy();
        if let Some(ticket) = server.finish() {
            if self.other_latency == 0 {
                self.leave(ticket, index, now);
            } else {
                server.answering += 1;
                self.requests[ticket.slot as usize].phase = Phase::Answering;
                self.answers.push_back((now.saturating_add(self.other_latency), ticket));
            }
        }
        self.reschedule(index, before, now);
    }

    fn answer(&mut self, ticket: Ticket, now: u64) {
        if !is_wanted(&self.requests, ticket) {
            return;
        }
        let index = self.requests[ticket.slot as usize].server;
        let server = &mut self.servers[index as usize];
        server.catch_up(now);
        let before = server.busy();
        server.answering -= 1;
        self.leave(ticket, index, now);
        self.reschedule(index, before, now);
    }

    /// A request is answered, or would be if its client still waited.
    #[inline]
    fn leave(&mut self, ticket: Ticket, index: u32, now: u64) {
        let request = self.free_slot(ticket, now);
        if !request.abandoned {
            let nanos = now - request.first;
            self.times.record(nanos);
            self.counts.served += 1;
            self.counts.slow += u64::from(self.bound < nanos);
            self.no_longer_outstanding(index);
        }
        // Time-outs of those that are gone, so that the queue does not grow.
        while let Some(&(_, first)) = self.deadlines.front()
            && !is_wanted(&self.requests, first)
        {
            self.deadlines.pop_front();
        }
    }

    #[inline]
    fn free_slot(&mut self, ticket: Ticket, now: u64) -> Request {
        self.count_present(now);
        self.present -= 1;
        self.free.push(ticket.slot);
        let slot = &mut self.requests[ticket.slot as usize];
        let request = *slot;
        slot.phase = Phase::Free;
        request
    }

    #[inline]
    fn no_longer_outstanding(&mut self, index: u32) {
        let server = &mut self.servers[index as usize];
        server.outstanding -= 1;
        if server.receiving {
            self.balancer.count(index, server.outstanding);
        }
    }

    fn time_out(&mut self, ticket: Ticket, now: u64) {
        if !is_wanted(&self.requests, ticket) {
            return;
        }
        self.counts.timed_out += 1;
        let request = self.requests[ticket.slot as usize];
        let index = request.server;
        self.no_longer_outstanding(index);
        if self.cancel_abandoned {
            self.free_slot(ticket, now);
            let requests = &self.requests;
            let wanted = |it| is_wanted(requests, it);
            let server = &mut self.servers[index as usize];
            server.catch_up(now);
            let before = server.busy();
            match request.phase {
                Phase::Running => server.cancel_running(wanted),
                Phase::Answering => server.answering -= 1,
                Phase::Waiting | Phase::Free => server.cancel_waiting(wanted),
            }
            self.reschedule(index, before, now);
        } else {
            self.requests[ticket.slot as usize].abandoned = true;
        }
        self.attempt_failed(request.number, request.first, request.attempt, now);
    }

    fn attempt_failed(&mut self, number: u64, first: u64, attempt: u32, now: u64) {
        if !self.retries.plan(now, number, first, attempt) {
            self.counts.failed += 1;
        }
    }

    /// After a server changed: lets waiting requests begin, and notes its next end of work and its
    /// use of CPU, which was `before`. The server's clock is at the present.
    #[inline]
    fn reschedule(&mut self, index: u32, before: u64, now: u64) {
        let requests = &mut self.requests;
        let server = &mut self.servers[index as usize];
        while let Some(begun) = server.begin_next(|it| is_wanted(requests, it)) {
            requests[begun.slot as usize].phase = Phase::Running;
        }
        let next = server.next_over(|it| is_wanted(requests, it));
        self.ends.set(index as usize, next);
        let after = server.busy();
        if before != after && server.receiving {
            self.count_busy(now);
            self.busy = self.busy + after - before;
        }
    }

    #[inline]
    fn count_busy(&mut self, now: u64) {
        self.busy_sum += u128::from(self.busy) * u128::from(now - self.busy_since);
        self.busy_since = now;
    }

    #[inline]
    fn count_present(&mut self, now: u64) {
        self.present_sum += u128::from(self.present) * u128::from(now - self.present_since);
        self.present_since = now;
    }

    /// A task that may use `cpu`, idle use included, gets requests from now on. Everything before has
    /// happened, as with all that changes tasks.
    pub fn add(&mut self, task: TaskId, cpu: Cpu, now: SimTime) {
        let at = now.as_nanos();
        let index = match self.by_task.get(&task) {
            Some(&index) => index,
            None => self.new_server(task, at),
        };
        self.set_cpu(task, cpu, now);
        let server = &mut self.servers[index as usize];
        if server.receiving {
            return;
        }
        server.receiving = true;
        let busy = server.busy();
        self.count_busy(at);
        self.busy += busy;
        self.balancer.add(index, &mut self.servers, self.slow_start, at);
    }

    fn new_server(&mut self, task: TaskId, now: u64) -> u32 {
        let index = self.free_servers.pop().unwrap_or(self.servers.len() as u32);
        if index as usize == self.servers.len() {
            self.servers.push(Server::new(now));
            self.ends.reserve(index as usize);
        } else {
            self.servers[index as usize] = Server::new(now);
        }
        self.by_task.insert(task, index);
        index
    }

    /// A task gets no more requests; it finishes those it has. Its use of CPU no longer counts.
    pub fn remove(&mut self, task: TaskId, now: SimTime) {
        let Some(&index) = self.by_task.get(&task) else { return };
        let server = &mut self.servers[index as usize];
        if !std::mem::take(&mut server.receiving) {
            return;
        }
        let busy = server.busy();
        self.count_busy(now.as_nanos());
        self.busy -= busy;
        self.balancer.remove(index);
    }

    /// A task may use `cpu` from now on.
    pub fn set_cpu(&mut self, task: TaskId, cpu: Cpu, now: SimTime) {
        let Some(&index) = self.by_task.get(&task) else { return };
        let at = now.as_nanos();
        let server = &mut self.servers[index as usize];
        let before = server.busy();
        server.set_cpu(cpu.saturating_sub(self.idle_cpu), &self.limits, at);
        self.reschedule(index, before, at);
    }

    /// A task ends, and with it the requests it still has.
    pub fn end(&mut self, task: TaskId, now: SimTime) {
        self.remove(task, now);
        let Some(index) = self.by_task.remove(&task) else { return };
        let at = now.as_nanos();
        if 0 < self.servers[index as usize].present() {
            for slot in 0..self.requests.len() as u32 {
                let request = self.requests[slot as usize];
                if request.phase == Phase::Free || request.server != index {
                    continue;
                }
                self.free_slot(Ticket { slot, generation: request.generation }, at);
                if !request.abandoned {
                    self.counts.broken_off += 1;
                    self.attempt_failed(request.number, request.first, request.attempt, at);
                }
            }
        }
        self.servers[index as usize].clear();
        self.ends.set(index as usize, NONE);
        self.free_servers.push(index);
    }

    /// What became of the requests so far.
    pub const fn counts(&self) -> RequestCounts {
        self.counts
    }

    /// Requests neither answered nor failed: at tasks, or between two attempts.
    pub const fn pending(&self) -> u64 {
        self.counts.offered - self.counts.served - self.counts.failed
    }

    /// CPU that receiving tasks used for requests up to `now`, in raw CPU·ns.
    pub fn busy_cpu(&self, now: SimTime) -> u128 {
        let since = now.as_nanos().saturating_sub(self.busy_since);
        self.busy_sum + u128::from(self.busy) * u128::from(since)
    }

    /// Requests at tasks up to `now`, in request·ns.
    pub fn present_time(&self, now: SimTime) -> u128 {
        let since = now.as_nanos().saturating_sub(self.present_since);
        self.present_sum + u128::from(self.present) * u128::from(since)
    }

    /// Whether the receiving tasks have more requests that want CPU than they have cores.
    pub fn is_behind(&self) -> bool {
        let targets = self.balancer.targets();
        let servers = targets.iter().map(|&index| &self.servers[index as usize]);
        let (mut wanting, mut cpu) = (0, 0);
        for server in servers {
            wanting += server.wanting_cpu();
            cpu += server.raw_cpu();
        }
        let vcpu = Cpu::from_ecs_units(1024).as_raw();
        0 < wanting && cpu < wanting.saturating_mul(vcpu)
    }

    /// Response times in milliseconds; `None` if nothing was answered. Percentiles to three digits,
    /// the mean exact.
    pub fn response_times(&self) -> Option<Distribution> {
        self.times.summary()
    }

    /// Quantile of the response times since the last [`clear_interval`](Self::clear_interval), in
    /// milliseconds.
    pub fn interval_quantile_ms(&self, p: f64) -> Option<f64> {
        self.times.interval_quantile_ms(p)
    }

    /// Keeps response times for [`take_minute`](Self::take_minute) from now on.
    pub fn keep_minutes(&mut self) {
        self.times.keep_minutes();
    }

    /// Response times of what was answered since the last call; `None` if nothing was.
    pub fn take_minute(&mut self, quantiles: &[f64]) -> Option<TakenTimes> {
        self.times.take_minute(quantiles)
    }

    /// Begins a new interval.
    pub fn clear_interval(&mut self) {
        self.times.clear_interval();
    }
}

/// Whether a ticket's request is still where it was.
#[inline]
fn is_wanted(requests: &[Request], ticket: Ticket) -> bool {
    let request = &requests[ticket.slot as usize];
    request.generation == ticket.generation && request.phase != Phase::Free
}

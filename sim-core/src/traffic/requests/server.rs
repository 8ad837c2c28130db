//! One task and the requests it works on.
//!
//! All requests in service get the same share of the task's CPU, so that each attains service at the
//! same rate. The server keeps one clock of attained service; a request is over when the clock reaches
//! the value at which it began plus its CPU time. A heap by that value gives the next one, and arrivals
//! and departures change nothing but the clock's rate. With at most as many requests in service as
//! there are cores, this is first come, first served.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::tournament::NONE;
use crate::units::Cpu;

/// Raw CPU of one vCPU.
const RAW_PER_VCPU: u64 = Cpu::from_ecs_units(1024).as_raw();

/// Inverses of small numbers, since a division costs as much as the rest of an event's arithmetic.
const RECIPROCALS: [f64; 64] = {
    let mut all = [1.0; 64];
    let mut n = 1;
    while n < 64 {
        all[n] = 1.0 / n as f64;
        n += 1;
    }
    all
};

/// A request's place in the table of requests, and which of its users it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket {
    pub(super) slot: u32,
    pub(super) generation: u32,
}

#[derive(Clone, Debug)]
pub(super) struct Server {
    /// Requests in service by the attained service at which they are over: its bits, then the ticket.
    jobs: BinaryHeap<Reverse<u128>>,
    /// Requests that wait, with their CPU time in nanoseconds.
    waiting: VecDeque<(Ticket, f64)>,
    /// Attained service in nanoseconds since the server was last empty, as of `updated`.
    attained: f64,
    updated: u64,
    /// Attained service per nanosecond, and its inverse.
    rate: f64,
    inverse: f64,
    vcpu: f64,
    per_vcpu: f64,
    raw: u64,
    /// Requests in service, and those over on the CPU but not answered.
    running: u32,
    pub(super) answering: u32,
    /// Requests that wait and are still wanted.
    pub(super) queued: u32,
    /// Entries of `jobs` and `waiting` that are not wanted any more.
    stale_jobs: u32,
    stale_waiting: u32,
    most_running: u32,
    most_concurrent: u32,
    most_present: u64,
    pub(super) receiving: bool,
    /// Requests that the balancer counts as outstanding here.
    pub(super) outstanding: u32,
    /// Slow start: from when to when, and the turns saved up; `until` zero for none.
    pub(super) slow_from: u64,
    pub(super) slow_until: u64,
    pub(super) credit: f64,
}

/// Limits of a server that come from settings.
#[derive(Clone, Copy, Debug)]
pub(super) struct ServerLimits {
    pub(super) fifo: bool,
    pub(super) max_concurrency: Option<u32>,
    pub(super) queue_length: Option<u32>,
}

impl Server {
    pub(super) fn new(now: u64) -> Self {
        Self {
            jobs: BinaryHeap::new(),
            waiting: VecDeque::new(),
            attained: 0.0,
            updated: now,
            rate: 0.0,
            inverse: 0.0,
            vcpu: 0.0,
            per_vcpu: 0.0,
            raw: 0,
            running: 0,
            answering: 0,
            queued: 0,
            stale_jobs: 0,
            stale_waiting: 0,
            most_running: u32::MAX,
            most_concurrent: u32::MAX,
            most_present: u64::MAX,
            receiving: false,
            outstanding: 0,
            slow_from: 0,
            slow_until: 0,
            credit: 0.0,
        }
    }

    /// CPU for requests from now on.
    pub(super) fn set_cpu(&mut self, cpu: Cpu, limits: &ServerLimits, now: u64) {
        self.catch_up(now);
        self.vcpu = cpu.as_vcpu_f64();
        self.per_vcpu = 1.0 / self.vcpu;
        self.raw = cpu.as_raw();
        let cores = cpu.as_raw().div_ceil(RAW_PER_VCPU).max(1);
        self.most_running =
            if limits.fifo { u32::try_from(cores).unwrap_or(u32::MAX) } else { u32::MAX };
        self.most_concurrent = limits.max_concurrency.unwrap_or(u32::MAX);
        self.most_present = match (limits.queue_length, limits.max_concurrency) {
            (Some(queue), most) => {
                u64::from(most.unwrap_or(self.most_running)).saturating_add(queue.into())
            }
            (None, _) => u64::MAX,
        };
        self.pace();
    }

    /// The rate of the clock for the present number in service.
    #[inline]
    fn pace(&mut self) {
        let running = f64::from(self.running);
        if running <= self.vcpu {
            (self.rate, self.inverse) = (1.0, 1.0);
        } else {
            let part = RECIPROCALS.get(self.running as usize).copied();
            self.rate = self.vcpu * part.unwrap_or_else(|| 1.0 / running);
            self.inverse = running * self.per_vcpu;
        }
    }

    /// Moves the clock on to `now`.
    #[inline]
    pub(super) fn catch_up(&mut self, now: u64) {
        if 0 < self.running {
            self.attained += (now - self.updated) as f64 * self.rate;
        }
        self.updated = now;
    }

    /// Raw CPU in use.
    #[inline]
    pub(super) fn busy(&self) -> u64 {
        (u64::from(self.running) * RAW_PER_VCPU).min(self.raw)
    }

    /// Raw CPU for requests.
    pub(super) fn raw_cpu(&self) -> u64 {
        self.raw
    }

    /// Requests that it holds and that are still wanted or worked on.
    pub(super) fn present(&self) -> u64 {
        u64::from(self.running) + u64::from(self.answering) + u64::from(self.queued)
    }

    /// Requests on the CPU or waiting for it.
    pub(super) fn wanting_cpu(&self) -> u64 {
        u64::from(self.running) + u64::from(self.queued)
    }

    /// Whether one more would be rejected.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.most_present <= self.present()
    }

    /// Whether a waiting request may begin.
    #[inline]
    fn has_room(&self) -> bool {
        self.running < self.most_running
            && u64::from(self.running) + u64::from(self.answering) < u64::from(self.most_concurrent)
    }

    /// Takes a request with `work` nanoseconds of CPU; `true` if it begins at once. The clock must be
    /// at the present.
    #[inline]
    pub(super) fn admit(&mut self, ticket: Ticket, work: f64) -> bool {
        if self.has_room() && self.queued == 0 {
            self.begin(ticket, work);
            true
        } else {
            self.waiting.push_back((ticket, work));
            self.queued += 1;
            false
        }
    }

    #[inline]
    fn begin(&mut self, ticket: Ticket, work: f64) {
        // Bits of non-negative floats are ordered as the floats.
        let over = (self.attained + work).to_bits();
        let key =
            u128::from(over) << 64 | u128::from(ticket.slot) << 32 | u128::from(ticket.generation);
        self.jobs.push(Reverse(key));
        self.running += 1;
        self.pace();
    }

    /// Lets the first waiting request begin if there is room; `wanted` tells entries that are stale.
    pub(super) fn begin_next(&mut self, wanted: impl Fn(Ticket) -> bool) -> Option<Ticket> {
        if self.queued == 0 || !self.has_room() {
            return None;
        }
        while let Some((ticket, work)) = self.waiting.pop_front() {
            if 0 < self.stale_waiting && !wanted(ticket) {
                self.stale_waiting -= 1;
                continue;
            }
            self.queued -= 1;
            self.begin(ticket, work);
            return Some(ticket);
        }
        None
    }

    /// The instant at which the next request is over on the CPU, rounded up to the nanosecond.
    #[inline]
    pub(super) fn next_over(&mut self, wanted: impl Fn(Ticket) -> bool) -> u64 {
        if self.running == 0 {
            // Empty: the clock starts again, which keeps its digits.
            self.attained = 0.0;
            if 0 < self.stale_jobs {
                self.jobs.clear();
                self.stale_jobs = 0;
            }
            return NONE;
        }
        if self.raw == 0 {
            return NONE;
        }
        while 0 < self.stale_jobs
            && let Some(&Reverse(key)) = self.jobs.peek()
            && !wanted(ticket_of(key))
        {
            self.jobs.pop();
            self.stale_jobs -= 1;
        }
        let Some(&Reverse(key)) = self.jobs.peek() else { return NONE };
        let over = f64::from_bits((key >> 64) as u64);
        let nanos = (over - self.attained) * self.inverse;
        let whole = nanos as u64;
        self.updated.saturating_add(whole + u64::from((whole as f64) < nanos))
    }

    /// Takes out the request that is over. The clock must be at the present.
    #[inline]
    pub(super) fn finish(&mut self) -> Option<Ticket> {
        let Reverse(key) = self.jobs.pop()?;
        self.running -= 1;
        self.pace();
        Some(ticket_of(key))
    }

    /// Gives up a request in service. The clock must be at the present.
    pub(super) fn cancel_running(&mut self, wanted: impl Fn(Ticket) -> bool) {
        self.running -= 1;
        self.stale_jobs += 1;
        self.pace();
        // At most half of the heap is stale, so that cancelling costs no more than serving.
        if 64 < self.stale_jobs && self.running < self.stale_jobs {
            self.jobs.retain(|&Reverse(key)| wanted(ticket_of(key)));
            self.stale_jobs = 0;
        }
    }

    /// Gives up a request that waits.
    pub(super) fn cancel_waiting(&mut self, wanted: impl Fn(Ticket) -> bool) {
        self.queued -= 1;
        self.stale_waiting += 1;
        if 64 < self.stale_waiting && self.queued < self.stale_waiting {
            self.waiting.retain(|(ticket, _)| wanted(*ticket));
            self.stale_waiting = 0;
        }
    }

    /// Forgets all requests.
    pub(super) fn clear(&mut self) {
        self.jobs.clear();
        self.waiting.clear();
        (self.running, self.answering, self.queued, self.outstanding) = (0, 0, 0, 0);
        (self.stale_jobs, self.stale_waiting) = (0, 0);
    }

    /// Share of the turns that a target in slow start takes.
    pub(super) fn weight(&self, now: u64) -> f64 {
        if self.slow_until <= now {
            return 1.0;
        }
        (now - self.slow_from) as f64 / (self.slow_until - self.slow_from) as f64
    }
}

fn ticket_of(key: u128) -> Ticket {
    Ticket { slot: (key >> 32) as u32, generation: key as u32 }
}

//! A service under load as a fluid queue.

use super::latency::{MAX_STATIONARY_UTILIZATION, Piece, ResponseTime, Servers, Stationary};
use super::rate::MICRO_PER_REQUEST;
use crate::scenario::{BalancingAlgorithm, ServiceLoad};
use crate::units::{Cpu, SimDuration};

/// What serves the requests during a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServingCapacity {
    /// Tasks that the load balancer sends requests to.
    pub healthy_tasks: u32,
    /// CPU that one task has for requests, what it uses without requests already taken off.
    pub cpu_per_task: Cpu,
    /// Mean CPU time of one request on one vCPU.
    pub cpu_per_request: SimDuration,
    /// Constant part of the latency.
    pub other_latency: SimDuration,
    /// Balancing.
    pub algorithm: BalancingAlgorithm,
    /// Longest wait; requests that would wait longer fail.
    pub timeout: SimDuration,
}

impl ServingCapacity {
    /// `healthy_tasks` tasks of a service under `load`, each with `cpu_per_task` in all, from which
    /// the load's idle CPU is taken off.
    pub fn new(load: &ServiceLoad, healthy_tasks: u32, cpu_per_task: Cpu) -> Self {
        Self {
            healthy_tasks,
            cpu_per_task: cpu_per_task.saturating_sub(load.idle_cpu),
            cpu_per_request: load.cpu_per_request,
            other_latency: load.other_latency,
            algorithm: load.algorithm,
            timeout: load.timeout,
        }
    }

    /// Micro-requests that can be served in `length`, rounded down; `u128::MAX` if requests need no
    /// CPU.
    pub fn micro_requests_in(&self, length: SimDuration) -> u128 {
        if self.healthy_tasks == 0 {
            return 0;
        }
        if self.cpu_per_request.is_zero() {
            return u128::MAX;
        }
        // n·raw/128000 vCPU × length / cpu_per_request × 1e6; 1e6/128000 = 125/16. Tasks, CPU and
        // length multiply to below 2^121 for anything up to 2^57 ns (4 years) × 2^32 tasks × 250 vCPU.
        u128::from(self.healthy_tasks)
            .saturating_mul(u128::from(self.cpu_per_task.as_raw()))
            .saturating_mul(u128::from(length.as_nanos()))
            .saturating_mul(125)
            / (u128::from(self.cpu_per_request.as_nanos()) * 16)
    }

    /// Requests per second that can be served; infinite if requests need no CPU.
    pub fn requests_per_second(&self) -> f64 {
        if self.healthy_tasks == 0 || self.cpu_per_task == Cpu::ZERO {
            return 0.0;
        }
        let vcpus = f64::from(self.healthy_tasks) * self.cpu_per_task.as_vcpu_f64();
        vcpus / self.cpu_per_request.as_secs_f64()
    }

    /// The queues that the tasks form; `None` if a request takes no CPU or nothing serves.
    pub(super) fn servers(&self) -> Option<Servers> {
        if self.healthy_tasks == 0
            || self.cpu_per_task == Cpu::ZERO
            || self.cpu_per_request.is_zero()
        {
            return None;
        }
        Some(Servers {
            tasks: self.healthy_tasks,
            vcpu: self.cpu_per_task.as_vcpu_f64(),
            cpu_seconds: self.cpu_per_request.as_secs_f64(),
            algorithm: self.algorithm,
        })
    }
}

/// What happened in a stretch of constant load and capacity. Amounts are micro-requests, and
/// `backlog_before + offered = served + failed + backlog_after`, exactly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Segment {
    /// Arrived.
    pub offered: u128,
    /// Answered.
    pub served: u128,
    /// Not answered: no healthy task, or longer in the backlog than the time-out.
    pub failed: u128,
    /// Waiting at the start.
    pub backlog_before: u128,
    /// Waiting at the end.
    pub backlog_after: u128,
    /// CPU used for requests in vCPU·ns, rounded down; never above the capacity.
    pub busy_cpu_nanos: u128,
    /// Mean number of requests in the system, by Little's law over the requests served.
    pub concurrency: f64,
    /// Longest wait in the backlog.
    pub longest_wait: SimDuration,
    /// Response time of the requests served; `None` if there were none.
    pub response_time: Option<ResponseTime>,
}

/// A service whose requests are a fluid: state is the backlog.
///
/// The backlog is first-come first-served, grows at load minus capacity and drains at capacity minus
/// load. A request's wait is the backlog it meets over the capacity of that segment; a later change
/// of capacity does not correct the wait of those already there. What would wait longer than the
/// time-out fails on arrival, or when capacity falls, and uses no CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FluidService {
    backlog: u128,
}

impl FluidService {
    /// Without backlog.
    pub const fn new() -> Self {
        Self { backlog: 0 }
    }

    /// Micro-requests waiting.
    pub const fn backlog(&self) -> u128 {
        self.backlog
    }

    /// Moves on by `length`, in which `offered` micro-requests arrive at a constant rate.
    ///
    /// A segment of no length serves nothing; what it offers waits or fails.
    pub fn advance(
        &mut self,
        offered: u128,
        length: SimDuration,
        capacity: &ServingCapacity,
    ) -> Segment {
        let before = self.backlog;
        let most = capacity.micro_requests_in(length);
        let room = capacity.micro_requests_in(capacity.timeout);
        // Those who would wait too long at the present capacity give up.
        let waiting = before.min(room);
        let present = waiting.saturating_add(offered);
        let served = present.min(most);
        let after = (present - served).min(room);
        let failed = (before - waiting) + (present - served - after);
        self.backlog = after;

        let pieces = pieces(waiting, offered, most, room, capacity);
        let response_time = (0 < served).then(|| ResponseTime::new(pieces, capacity.other_latency));
        let seconds = length.as_secs_f64();
        let concurrency = match response_time {
            Some(response) if 0.0 < seconds => {
                served as f64 / MICRO_PER_REQUEST as f64 / seconds * response.mean_seconds()
            }
            _ => 0.0,
        };
        let longest = pieces
            .iter()
            .map(|piece| piece.wait_high.max(piece.wait_low));
        Segment {
            offered,
            served,
            failed,
            backlog_before: before,
            backlog_after: after,
            busy_cpu_nanos: served.saturating_mul(capacity.cpu_per_request.as_nanos().into())
                / u128::from(MICRO_PER_REQUEST),
            concurrency,
            longest_wait: SimDuration::from_secs_f64(longest.fold(0.0, f64::max)),
            response_time,
        }
    }
}

/// The stretches of a segment in which the backlog moves along one line, as shares of what is served.
fn pieces(
    waiting: u128,
    offered: u128,
    most: u128,
    room: u128,
    capacity: &ServingCapacity,
) -> [Piece; 2] {
    let Some(servers) = capacity.servers() else {
        // Requests without CPU are answered at once; without tasks nothing is served.
        return [
            Piece {
                weight: 1.0,
                ..Piece::NONE
            },
            Piece::NONE,
        ];
    };
    let rate = capacity.requests_per_second() * MICRO_PER_REQUEST as f64;
    let wait = |backlog: u128| backlog as f64 / rate;
    let crowded = |weight, from: u128, to: u128| {
        let (low, high) = (wait(from.min(to)), wait(from.max(to)));
        let stationary = Stationary::new(servers, MAX_STATIONARY_UTILIZATION);
        Piece {
            weight,
            wait_low: low,
            wait_high: high,
            stationary,
        }
    };
    let calm = |weight| {
        let stationary = Stationary::new(servers, offered as f64 / most.max(1) as f64);
        Piece {
            weight,
            wait_low: 0.0,
            wait_high: 0.0,
            stationary,
        }
    };
    let present = waiting.saturating_add(offered);
    if present <= most {
        if waiting == 0 {
            return [calm(1.0), Piece::NONE];
        }
        // Empty after waiting/(most − offered) of the segment; until then it serves at capacity.
        let drain = waiting as f64 / (most - offered) as f64;
        let share = (drain * most as f64 / present as f64).min(1.0);
        return [crowded(share, waiting, 0), calm(1.0 - share)];
    }
    let unlimited = present - most;
    if unlimited <= room {
        return [crowded(1.0, waiting, unlimited), Piece::NONE];
    }
    // Here offered > most, since waiting ≤ room: the backlog reaches its limit and stays there.
    let share = (room - waiting) as f64 / (offered - most) as f64;
    [
        crowded(share, waiting, room),
        crowded(1.0 - share, room, room),
    ]
}

/// Tasks that keep CPU utilization at `target` (a fraction, for example 0.6) at `requests_per_second`,
/// as a fraction of a task too; `None` if idle use alone exceeds the target.
///
/// From `target = (X·D/n + idle)/v`.
pub fn tasks_needed(
    requests_per_second: f64,
    cpu_per_request: SimDuration,
    cpu_per_task: Cpu,
    idle_cpu: Cpu,
    target: f64,
) -> Option<f64> {
    let room = cpu_per_task.as_vcpu_f64() * target - idle_cpu.as_vcpu_f64();
    (0.0 < room).then(|| (requests_per_second * cpu_per_request.as_secs_f64() / room).max(0.0))
}

//! A service under load as a fluid queue.

use super::latency::{MAX_STATIONARY_UTILIZATION, Piece, ResponseTime, Servers, Stationary};
use super::rate::MICRO_PER_REQUEST;
use crate::scenario::{BalancingAlgorithm, ServiceLoad, Variability};
use crate::units::{Cpu, SimDuration, to_f64, whole_part};

/// What serves the requests during a segment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ServingCapacity {
    /// Tasks that the load balancer sends requests to.
    pub healthy_tasks: u32,
    /// Tasks that take turns in round robin, these among them.
    pub balanced_tasks: u32,
    /// CPU that one task has for requests, what it uses without requests already taken off.
    pub cpu_per_task: Cpu,
    /// Mean CPU time of one request on one vCPU.
    pub cpu_per_request: SimDuration,
    /// Constant part of the latency.
    pub other_latency: SimDuration,
    /// Balancing.
    pub algorithm: BalancingAlgorithm,
    /// How irregular the requests are.
    pub variability: Variability,
    /// Longest wait; requests that would wait longer fail.
    pub timeout: SimDuration,
}

impl ServingCapacity {
    /// `healthy_tasks` tasks of a service under `load`, each with `cpu_per_task` in all, from which
    /// the load's idle CPU is taken off.
    pub fn new(load: &ServiceLoad, healthy_tasks: u32, cpu_per_task: Cpu) -> Self {
        Self {
            healthy_tasks,
            balanced_tasks: healthy_tasks,
            cpu_per_task: cpu_per_task.saturating_sub(load.idle_cpu),
            cpu_per_request: load.cpu_per_request,
            other_latency: load.other_latency,
            algorithm: load.algorithm,
            variability: load.fidelity.variability(),
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

    /// Seconds that clients wait for what a task does.
    pub(super) fn patience(&self) -> f64 {
        (self.timeout.as_secs_f64() - self.other_latency.as_secs_f64()).max(0.0)
    }

    /// The share of the longest backlog at which as many give up as are too many, when tasks share their CPU and get
    /// `load` times what they can serve: requests with much work leave long before the last one.
    fn shared_room(&self, load: f64) -> f64 {
        if !self.variability.sharing || load <= 1.0 {
            return 1.0;
        }
        (1.0 / -libm::log1p(-1.0 / load)).clamp(LEAST_ROOM, 1.0)
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
            balanced_tasks: self.balanced_tasks,
            vcpu: self.cpu_per_task.as_vcpu_f64(),
            cpu_seconds: self.cpu_per_request.as_secs_f64(),
            algorithm: self.algorithm,
            variability: self.variability,
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
    /// Its mean in seconds; zero if there were none.
    pub mean_response: f64,
}

impl Segment {
    /// Whether some requests were answered and none waited in a backlog or failed.
    pub fn is_calm(&self) -> bool {
        let amiss = self.failed | self.backlog_before | self.backlog_after;
        self.response_time.is_some() && amiss == 0
    }
}

/// See [`ServingCapacity::shared_room`]: just above a load of 1 chance decides how many share a task.
const LEAST_ROOM: f64 = 1.0 / 6.0;

/// Relative difference of utilizations that count as one. Load is constant in whole micro-requests, of
/// which stretches of one length may get one more or less.
const SAME_UTILIZATION: f64 = 1e-9;

/// The response time at the last utilization without a backlog: load and capacity mostly stay as they
/// were from one stretch to the next, and the response time then need not be found again.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct LastCalm(Option<Calm>);

#[derive(Clone, Copy, Debug, PartialEq)]
struct Calm {
    capacity: ServingCapacity,
    utilization: f64,
    response: ResponseTime,
    mean: f64,
    /// Share of the requests whose clients give up.
    lost: f64,
}

impl LastCalm {
    pub(super) fn utilization(&self) -> Option<f64> {
        self.0.as_ref().map(|calm| calm.utilization)
    }

    fn at(&mut self, capacity: &ServingCapacity, servers: Servers, utilization: f64) -> &Calm {
        let same = |it: &Calm| {
            (it.utilization - utilization).abs() <= SAME_UTILIZATION * utilization
                && it.capacity == *capacity
        };
        if !self.0.as_ref().is_some_and(same) {
            self.0 = None;
        }
        self.0.get_or_insert_with(|| {
            let (stationary, lost) = if capacity.variability.sharing {
                Stationary::shared(servers, utilization, capacity.patience())
            } else {
                (Stationary::new(servers, utilization), 0.0)
            };
            let pieces = [Piece::alone(1.0, stationary), Piece::NONE];
            let response = ResponseTime::new(pieces, capacity.other_latency, capacity.timeout);
            let mean = response.mean_seconds();
            Calm { capacity: *capacity, utilization, response, mean, lost }
        })
    }
}

/// A service whose requests are a fluid: state is the backlog.
///
/// The backlog is first-come first-served, grows at load minus capacity and drains at capacity minus
/// load. A request's wait is the backlog it meets over the capacity of that segment; a later change
/// of capacity does not correct the wait of those already there. What would wait longer than the
/// time-out fails on arrival, or when capacity falls, and uses no CPU.
///
/// Where tasks share their CPU ([`Variability::sharing`]), what is beyond capacity shares it too, so that the backlog
/// stretches every response; requests that would take longer than the time-out fail, also below capacity, and
/// the backlog stays where as many of them come as are too many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FluidService {
    backlog: u128,
}

impl FluidService {
    /// Without backlog.
    pub const fn new() -> Self {
        Self { backlog: 0 }
    }

    /// With `backlog` micro-requests waiting.
    pub(super) const fn with_backlog(backlog: u128) -> Self {
        Self { backlog }
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
        self.advance_from(offered, length, capacity, &mut LastCalm::default())
    }

    /// The same, for one who keeps what was found last.
    pub(super) fn advance_from(
        &mut self,
        offered: u128,
        length: SimDuration,
        capacity: &ServingCapacity,
        last: &mut LastCalm,
    ) -> Segment {
        let before = self.backlog;
        let most = capacity.micro_requests_in(length);
        // Mostly nobody waits, and then the time-out does not matter.
        let calm = before == 0 && offered <= most;
        let load = to_f64(offered) / to_f64(most);
        let room = if calm {
            0
        } else {
            share_of(capacity.micro_requests_in(capacity.timeout), capacity.shared_room(load))
        };
        // Those who would wait too long at the present capacity give up.
        let waiting = before.min(room);
        let present = waiting.saturating_add(offered);
        let mut served = present.min(most);
        let after = (present - served).min(room);
        let mut failed = (before - waiting) + (present - served - after);
        self.backlog = after;

        let mut longest_wait = 0.0;
        let response = match capacity.servers().filter(|_| waiting == 0 && offered <= most) {
            _ if served == 0 => None,
            Some(servers) => {
                let calm = last.at(capacity, servers, load);
                let lost = share_of(served, calm.lost);
                served -= lost;
                failed += lost;
                Some((calm.response, calm.mean))
            }
            None => {
                longest_wait = longest_backlog(waiting, after, capacity);
                let pieces = pieces(waiting, offered, most, room, capacity);
                let response = ResponseTime::new(pieces, capacity.other_latency, capacity.timeout);
                Some((response, response.mean_seconds()))
            }
        };
        let (response_time, mean_response) =
            response.map_or((None, 0.0), |(response, mean)| (Some(response), mean));
        let seconds = length.as_secs_f64();
        // Where tasks share, those who give up were there until then; without tasks they never were.
        let shared = capacity.variability.sharing && 0 < served;
        let gone = if shared { to_f64(failed) * capacity.patience() } else { 0.0 };
        let concurrency = if 0.0 < seconds {
            (to_f64(served) * mean_response + gone) / MICRO_PER_REQUEST as f64 / seconds
        } else {
            0.0
        };
        Segment {
            offered,
            served,
            failed,
            backlog_before: before,
            backlog_after: after,
            busy_cpu_nanos: served.saturating_mul(capacity.cpu_per_request.as_nanos().into())
                / u128::from(MICRO_PER_REQUEST),
            concurrency,
            longest_wait: if calm {
                SimDuration::ZERO
            } else {
                SimDuration::from_secs_f64(longest_wait)
            },
            response_time,
            mean_response,
        }
    }
}

/// A share of an amount, rounded down; the amount itself for all of it.
fn share_of(amount: u128, share: f64) -> u128 {
    if 1.0 <= share { amount } else { whole_part(to_f64(amount) * share).min(amount) }
}

/// The longest wait in seconds in a backlog that moves between two amounts.
fn longest_backlog(from: u128, to: u128, capacity: &ServingCapacity) -> f64 {
    let rate = capacity.requests_per_second() * MICRO_PER_REQUEST as f64;
    let longest = to_f64(from.max(to)) / rate;
    if longest.is_finite() { longest } else { 0.0 }
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
        return [Piece { weight: 1.0, ..Piece::NONE }, Piece::NONE];
    };
    let rate = capacity.requests_per_second() * MICRO_PER_REQUEST as f64;
    let wait = |backlog: u128| backlog as f64 / rate;
    let crowded = |weight, from: u128, to: u128| {
        let (low, high) = (wait(from.min(to)), wait(from.max(to)));
        if capacity.variability.sharing {
            let wait = f64::midpoint(low, high);
            return Piece::alone(weight, Stationary::crowded(servers, wait, capacity.patience()));
        }
        let stationary = Stationary::new(servers, MAX_STATIONARY_UTILIZATION);
        Piece { weight, wait_low: low, wait_high: high, stationary }
    };
    let calm = |weight| {
        let load = offered as f64 / most.max(1) as f64;
        Piece::alone(
            weight,
            if capacity.variability.sharing {
                Stationary::shared(servers, load, capacity.patience()).0
            } else {
                Stationary::new(servers, load)
            },
        )
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
    let full = if capacity.variability.sharing {
        calm(1.0 - share)
    } else {
        crowded(1.0 - share, room, room)
    };
    [crowded(share, waiting, room), full]
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

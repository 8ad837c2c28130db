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
        // Where tasks share, those who give up were there until then.
        let gone =
            if capacity.variability.sharing { to_f64(failed) * capacity.patience() } else { 0.0 };
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
mod tests {
    use std::sync::Arc;

    use super::super::rate::RequestRate;
    use super::*;
    use crate::scenario::Fidelity;
    use crate::units::Mib;
    use proptest::prelude::*;

    /// One-core tasks of 100 requests per second each.
    fn capacity(healthy_tasks: u32, timeout_seconds: u64) -> ServingCapacity {
        ServingCapacity {
            healthy_tasks,
            balanced_tasks: healthy_tasks,
            cpu_per_task: Cpu::from_ecs_units(1024),
            cpu_per_request: SimDuration::from_millis(10),
            other_latency: SimDuration::ZERO,
            algorithm: BalancingAlgorithm::WeightedRandom,
            variability: Variability::default(),
            timeout: SimDuration::from_secs(timeout_seconds),
        }
    }

    const fn requests(n: u128) -> u128 {
        n * MICRO_PER_REQUEST as u128
    }

    #[test]
    fn tv_fluid_1() {
        let mut service = FluidService::new();
        let mut longest = SimDuration::ZERO;
        for _ in 0..5 {
            let segment =
                service.advance(requests(9_000), SimDuration::from_secs(60), &capacity(1, 1000));
            longest = longest.max(segment.longest_wait);
            assert_eq!(segment.served, requests(6_000));
        }
        assert_eq!(service.backlog(), requests(15_000));
        assert_eq!(longest, SimDuration::from_secs(150));
        let mut drained_after = 0;
        while 0 < service.backlog() {
            service.advance(requests(150), SimDuration::from_secs(1), &capacity(2, 1000));
            drained_after += 1;
        }
        assert_eq!(drained_after, 300);
    }

    #[test]
    fn a_backlog_may_empty_within_a_segment() {
        let mut service = FluidService { backlog: requests(3_000) };
        // Drains at 100 − 50 per second: empty after 60 of 100 s, having served 6 000 of 8 000.
        let segment =
            service.advance(requests(5_000), SimDuration::from_secs(100), &capacity(1, 1000));
        assert_eq!(segment.served, requests(8_000));
        assert_eq!(segment.backlog_after, 0);
        assert_eq!(segment.longest_wait, SimDuration::from_secs(30));
        // 3/4 waited 15 s on average at 0.99 utilization (1 s in M/M/1), 1/4 met M/M/1 at 0.5.
        let mean = segment.response_time.unwrap().mean_seconds();
        assert!((mean - (0.75 * (15.0 + 1.0) + 0.25 * 0.02)).abs() < 1e-9);
        assert!((segment.concurrency - 80.0 * mean).abs() < 1e-6);
        assert_eq!(segment.busy_cpu_nanos, 80_000_000_000);
    }

    #[test]
    fn requests_that_would_wait_too_long_fail() {
        let mut service = FluidService::new();
        // Backlog limit 100/s × 30 s = 3 000, reached after 60 s of +50/s.
        let segment =
            service.advance(requests(15_000), SimDuration::from_secs(100), &capacity(1, 30));
        assert_eq!(segment.served, requests(10_000));
        assert_eq!(segment.backlog_after, requests(3_000));
        assert_eq!(segment.failed, requests(2_000));
        assert_eq!(segment.longest_wait, SimDuration::from_secs(30));
        // 60 % waited 0 to 30 s and then 1 s on average, cut at 30 s, which takes
        // 1/30 ∫ e^−(30−w) dw = 1/30 off; 40 % took the full 30 s.
        let response = segment.response_time.unwrap();
        let expected = 0.6 * (16.0 - 1.0 / 30.0) + 0.4 * 30.0;
        assert!((response.mean_seconds() - expected).abs() < 1e-6, "{}", response.mean_seconds());
        assert_eq!(response.quantile(0.99), SimDuration::from_secs(30));
        assert!(response.tail(SimDuration::from_secs(30)) <= 0.0);
        assert!(0.4 < response.tail(SimDuration::from_millis(29_999)));
    }

    #[test]
    fn idle_use_is_not_there_for_requests() {
        let load = ServiceLoad {
            fidelity: Fidelity::default(),
            rate: Arc::new(RequestRate::constant(1.0).unwrap()),
            cpu_per_request: SimDuration::from_millis(10),
            other_latency: SimDuration::from_millis(3),
            algorithm: BalancingAlgorithm::RoundRobin,
            timeout: SimDuration::from_secs(30),
            parallelism: None,
            idle_cpu: Cpu::from_ecs_units(256),
            idle_memory: Mib::ZERO,
            memory_per_request_kib: 0,
        };
        let capacity = ServingCapacity::new(&load, 4, Cpu::from_ecs_units(1024));
        assert_eq!(capacity.micro_requests_in(SimDuration::from_secs(1)), requests(300));
        assert!((capacity.requests_per_second() - 300.0).abs() < 1e-9);
        let none = ServingCapacity::new(&load, 4, Cpu::from_ecs_units(128));
        assert_eq!(none.micro_requests_in(SimDuration::from_secs(1)), 0);
        let segment = FluidService::new().advance(9, SimDuration::from_secs(1), &none);
        assert_eq!(segment.failed, 9);
    }

    #[test]
    fn without_healthy_tasks_everything_fails() {
        let mut service = FluidService { backlog: 7 };
        let segment = service.advance(requests(10), SimDuration::from_secs(60), &capacity(0, 30));
        assert_eq!(segment.failed, requests(10) + 7);
        assert_eq!(segment.served, 0);
        assert_eq!(segment.backlog_after, 0);
        assert_eq!(segment.response_time, None);
        assert_eq!(segment.longest_wait, SimDuration::ZERO);
    }

    #[test]
    fn requests_without_cpu_take_the_constant_time() {
        let mut free = capacity(1, 30);
        free.cpu_per_request = SimDuration::ZERO;
        free.other_latency = SimDuration::from_millis(80);
        let segment = FluidService::new().advance(requests(600), SimDuration::from_secs(60), &free);
        assert_eq!(segment.served, requests(600));
        assert_eq!(segment.busy_cpu_nanos, 0);
        let response = segment.response_time.unwrap();
        assert_eq!(response.quantile(0.999), SimDuration::from_millis(80));
        assert!((response.mean_seconds() - 0.08).abs() < 1e-12);
        assert!((segment.concurrency - 0.8).abs() < 1e-12);
    }

    prop_compose! {
        fn any_segment()(
            offered in 0_u128..20_000_000_000_000,
            nanos in 0_u64..200_000_000_000,
            tasks in 0_u32..200,
            units in 1_u32..16_384,
            cpu_nanos in 0_u64..3_000_000_000,
            timeout_ms in 0_u64..100_000,
            algorithm in 0..3,
            sharing in any::<bool>(),
        ) -> (u128, SimDuration, ServingCapacity) {
            (offered, SimDuration::from_nanos(nanos), ServingCapacity {
                healthy_tasks: tasks,
                balanced_tasks: tasks,
                cpu_per_task: Cpu::from_ecs_units(units),
                cpu_per_request: SimDuration::from_nanos(cpu_nanos),
                other_latency: SimDuration::from_millis(5),
                algorithm: match algorithm {
                    0 => BalancingAlgorithm::RoundRobin,
                    1 => BalancingAlgorithm::LeastOutstandingRequests,
                    _ => BalancingAlgorithm::WeightedRandom,
                },
                variability: Variability { sharing, ..Variability::default() },
                timeout: SimDuration::from_millis(timeout_ms),
            })
        }
    }

    proptest! {
        /// No micro-request is lost or made, CPU stays within capacity, and nothing is ever NaN.
        #[test]
        fn conserves_requests(segments in prop::collection::vec(any_segment(), 1..40)) {
            let mut service = FluidService::new();
            let mut again = FluidService::new();
            for (offered, length, capacity) in segments {
                let before = service.backlog();
                let s = service.advance(offered, length, &capacity);
                prop_assert_eq!(before, s.backlog_before);
                prop_assert_eq!(before + offered, s.served + s.failed + s.backlog_after);
                prop_assert_eq!(service.backlog(), s.backlog_after);
                prop_assert!(s.served <= capacity.micro_requests_in(length));
                prop_assert!(s.backlog_after <= capacity.micro_requests_in(capacity.timeout));
                let most = u128::from(capacity.healthy_tasks)
                    * u128::from(capacity.cpu_per_task.as_raw())
                    * u128::from(length.as_nanos()) / 128_000;
                prop_assert!(s.busy_cpu_nanos <= most);
                prop_assert!(s.concurrency.is_finite() && 0.0 <= s.concurrency);
                prop_assert!(s.longest_wait <= capacity.timeout + SimDuration::from_nanos(1000));
                prop_assert_eq!(s.response_time.is_some(), 0 < s.served);
                if let Some(response) = s.response_time {
                    prop_assert!(response.mean_seconds().is_finite());
                    let longest = capacity.timeout.max(capacity.other_latency);
                    prop_assert!(response.mean_seconds() <= longest.as_secs_f64());
                    prop_assert!(response.quantile(0.999_999) <= longest);
                    prop_assert!(response.quantile(0.5) <= response.quantile(0.99));
                    prop_assert!((0.0..=1.0).contains(&response.tail(SimDuration::from_secs(1))));
                }
                prop_assert_eq!(s, again.advance(offered, length, &capacity));
            }
        }

        /// With the same load, a task more never means more requests waiting.
        #[test]
        fn more_tasks_never_mean_more_backlog(
            loads in prop::collection::vec((0_u128..40_000_000_000, 1_u32..5, 0_u32..3), 1..60),
        ) {
            let (mut few, mut many) = (FluidService::new(), FluidService::new());
            for (offered, tasks, extra) in loads {
                let minute = SimDuration::from_secs(60);
                few.advance(offered, minute, &capacity(tasks, 1_000_000));
                many.advance(offered, minute, &capacity(tasks + extra, 1_000_000));
                prop_assert!(many.backlog() <= few.backlog());
            }
        }

        /// Where the time-out binds, a constant task more never fails more, nor waits longer.
        #[test]
        fn more_tasks_never_fail_more(
            loads in prop::collection::vec(0_u128..60_000_000_000, 1..60),
            tasks in 1_u32..5,
        ) {
            let (mut few, mut many) = (FluidService::new(), FluidService::new());
            let (mut failed_few, mut failed_many) = (0, 0);
            for offered in loads {
                let minute = SimDuration::from_secs(60);
                let a = few.advance(offered, minute, &capacity(tasks, 30));
                let b = many.advance(offered, minute, &capacity(tasks + 1, 30));
                failed_few += a.failed;
                failed_many += b.failed;
                prop_assert!(failed_many <= failed_few);
                prop_assert!(
                    b.backlog_after * u128::from(tasks) <= a.backlog_after * u128::from(tasks + 1)
                );
            }
        }

        /// Cutting a segment in two changes nothing but the last micro-request.
        #[test]
        fn segments_may_be_cut(
            backlog in 0_u128..3_000_000_000,
            rate in 0_u128..300,
            cut in 1_u64..99,
        ) {
            let (mut whole, mut parts) = (FluidService { backlog }, FluidService { backlog });
            let seconds = SimDuration::from_secs;
            let one = whole.advance(requests(rate) * 100, seconds(100), &capacity(1, 20));
            let first = parts.advance(
                requests(rate) * u128::from(cut), seconds(cut), &capacity(1, 20));
            let second = parts.advance(
                requests(rate) * u128::from(100 - cut), seconds(100 - cut), &capacity(1, 20));
            prop_assert_eq!(one.served, first.served + second.served);
            prop_assert_eq!(one.failed, first.failed + second.failed);
            prop_assert_eq!(whole, parts);
            let both = (first.concurrency * cut as f64
                + second.concurrency * (100 - cut) as f64) / 100.0;
            // The stationary part ends with the backlog in both, so that the means agree too.
            prop_assert!((one.concurrency - both).abs() < 1e-3 * (1.0 + both));
        }
    }
}

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
    let segment = service.advance(requests(5_000), SimDuration::from_secs(100), &capacity(1, 1000));
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
    let segment = service.advance(requests(15_000), SimDuration::from_secs(100), &capacity(1, 30));
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
    let mut none = capacity(0, 30);
    none.variability.sharing = true;
    let segment = service.advance(requests(10), SimDuration::from_secs(60), &none);
    assert!(segment.concurrency <= 0.0);
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

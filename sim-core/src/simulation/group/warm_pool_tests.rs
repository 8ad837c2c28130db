//! Warm pools in whole runs, small enough to follow by hand: a launch takes 25 s, a start out of the pool
//! 10 s, a stop 20 s, a registration 15 s, and a group acts 5 s after its desired capacity changed.

use super::super::random::random_scenario;
use super::super::testing::{batch, definition, empty, group, managed_provider, service};
use super::super::watched::{broken_laws, run_watched};
use crate::autoscaling::group::{ActionResult, LifecycleHook, PoolState, Transition, WarmPool};
use crate::billing::{PriceBook, PriceNeeds};
use crate::engine::DurationDistribution;
use crate::results::{InstanceRecord, RunResults, StopCode};
use crate::scenario::*;
use crate::units::{AsgId, CapacityProviderId, Cpu, Mib, SimDuration, SimTime, ZoneId};

const GROUP: AsgId = AsgId(0);

fn seconds(n: u64) -> SimDuration {
    SimDuration::from_secs(n)
}

fn at(n: u64) -> SimTime {
    SimTime::from_secs(n)
}

fn constant(n: u64) -> DurationDistribution {
    DurationDistribution::Constant(seconds(n))
}

fn pool(state: PoolState) -> WarmPool {
    WarmPool {
        min_size: 0,
        max_group_prepared_capacity: None,
        state,
        reuse_on_scale_in: false,
        start_time: constant(10),
        stop_time: constant(20),
        registration_time: constant(15),
    }
}

/// A group of `desired` instances with a pool, both ready at the start.
fn of(desired: u32, max: u32, pool: WarmPool) -> Scenario {
    let mut scenario = empty();
    let mut group = group(0, desired, max);
    group.operation.warm_pool = Some(pool);
    scenario.auto_scaling_groups.push(group);
    scenario
}

fn settings(scenario: &mut Scenario) -> &mut AutoScalingGroup {
    &mut scenario.auto_scaling_groups[GROUP]
}

/// Lets the desired capacity change at a second.
fn desire(scenario: &mut Scenario, second: u64, desired: u32) {
    let update = GroupUpdate::Capacity(CapacityChange {
        scheduled_action: None,
        min_size: None,
        max_size: None,
        desired_capacity: Some(desired),
    });
    settings(scenario).operation.changes.push(GroupChange { at: at(second), update });
}

fn hook(transition: Transition, completed_after: u64, abandoned_share: f64) -> LifecycleHook {
    LifecycleHook {
        name: "hook".into(),
        transition,
        heartbeat_timeout: seconds(3600),
        default_result: ActionResult::Abandon,
        completion: Some(constant(completed_after)),
        abandoned_share,
        heartbeats: false,
    }
}

fn run(scenario: &Scenario) -> RunResults {
    let results = run_watched(scenario, &mut |_, _| {});
    let found = broken_laws(scenario, &results);
    assert!(found.is_empty(), "{found:#?}");
    results
}

fn second(at: Option<SimTime>) -> Option<u64> {
    at.map(|at| at.as_nanos() / 1_000_000_000)
}

/// Seconds that so many instances on average live in an hour.
fn lived(mean: f64) -> u64 {
    (mean * 3600.0).round() as u64
}

fn all(results: &RunResults, of: impl Fn(&InstanceRecord) -> Option<SimTime>) -> Vec<u64> {
    results.instance_records.iter().filter_map(|it| second(of(it))).collect()
}

/// Warm starts, cold starts, and instances returned.
fn starts(results: &RunResults) -> (u32, u32, u32) {
    let pool = results.capacity[0].warm_pool.expect("the group has a pool");
    (pool.warm_starts, pool.cold_starts, pool.returned)
}

#[test]
fn a_stopped_instance_enters_the_group_faster_than_a_new_one_and_costs_from_then_on() {
    let mut scenario = of(2, 4, pool(PoolState::Stopped));
    desire(&mut scenario, 100, 3);
    let results = run(&scenario);
    // Two are warm from the start; of three desired one stays so, and none is launched.
    assert_eq!(all(&results, |it| Some(it.requested)), [0, 0, 0, 0]);
    assert_eq!(all(&results, |it| it.registered), [0, 0, 130]);
    assert_eq!(all(&results, |it| it.running), [0, 0, 115]);
    let billed: Vec<u64> = results.instance_records.iter().map(|it| it.billed_seconds).collect();
    assert_eq!(billed, [3600, 3600, 3600 - 115, 0]);
    assert_eq!(starts(&results), (1, 0, 0));
    let held = results.capacity[0].warm_pool.map(|it| lived(it.mean));
    assert_eq!(held, Some(3600 + 105));
    // What is warm is no capacity of the group.
    assert_eq!(lived(results.capacity[0].mean), 7200 + 3485);
    assert_eq!(results.capacity[0].peak, 3);
}

#[test]
fn a_pool_is_filled_again_when_the_group_shrinks_and_each_run_has_its_minimum() {
    let mut scenario = of(2, 3, pool(PoolState::Stopped));
    desire(&mut scenario, 100, 3);
    desire(&mut scenario, 200, 2);
    desire(&mut scenario, 400, 3);
    let results = run(&scenario);
    // Taken at 105 s; one goes at 205 s, and another one is launched into the pool, where it is stopped as
    // soon as it runs, at 230 s. It is taken at 405 s.
    assert_eq!(all(&results, |it| Some(it.requested)), [0, 0, 0, 205]);
    assert_eq!(all(&results, |it| it.terminated), [205]);
    let newest = &results.instance_records[3];
    assert_eq!(newest.stopped, [(at(230), Some(at(415)))]);
    assert_eq!(second(newest.registered), Some(430));
    assert_eq!(newest.billed_seconds, 60 + (3600 - 415));
    assert_eq!(starts(&results), (2, 0, 0));
}

#[test]
fn launch_hooks_hold_an_instance_on_its_way_into_the_pool_and_out_of_it() {
    let mut scenario = of(1, 2, pool(PoolState::Stopped));
    settings(&mut scenario).starts_ready = false;
    settings(&mut scenario).operation.lifecycle_hooks = vec![hook(Transition::Launching, 30, 0.0)];
    desire(&mut scenario, 200, 2);
    let mut in_service = Vec::new();
    let results = run_watched(&scenario, &mut |world, scheduler| {
        let now = scheduler.now().as_nanos() / 1_000_000_000;
        in_service.push((now, world.groups[GROUP].alive.in_service()));
    });
    // Runs at 25 s, initialized at 55 s, stopped; taken at 205 s, runs at 215 s, in service at 245 s.
    assert_eq!(results.instance_records[1].stopped, [(at(55), Some(at(215)))]);
    assert_eq!(results.instance_records[1].billed_seconds, 60 + 3600 - 215);
    assert!(in_service.contains(&(230, 1)), "{in_service:?}");
    assert!(in_service.contains(&(245, 2)), "{in_service:?}");
}

#[test]
fn an_abandoned_launch_into_the_pool_is_repeated_after_a_pause() {
    let mut scenario = of(0, 1, pool(PoolState::Stopped));
    scenario.duration = seconds(200);
    settings(&mut scenario).starts_ready = false;
    settings(&mut scenario).operation.lifecycle_hooks = vec![hook(Transition::Launching, 10, 1.0)];
    scenario.purchasing.back_off.jitter = 0.0;
    let results = run(&scenario);
    // Abandoned 35 s after each launch; then 15 and 30 s.
    assert_eq!(all(&results, |it| Some(it.requested)), [0, 50, 115]);
    assert_eq!(all(&results, |it| it.terminated), [35, 85, 150]);
}

#[test]
fn a_running_pool_is_billed_and_takes_no_task_until_it_is_in_the_group() {
    let mut scenario = of(1, 2, pool(PoolState::Running));
    scenario.task_definitions.push(definition(512, 512));
    let mut daemon = service("agent", 0, LaunchTarget::Ec2);
    daemon.scheduling.strategy = SchedulingStrategy::Daemon;
    scenario.services.push(daemon);
    desire(&mut scenario, 100, 2);
    let results = run(&scenario);
    let warm = &results.instance_records[1];
    assert_eq!((second(warm.running), second(warm.registered)), (Some(0), Some(130)));
    assert_eq!(warm.billed_seconds, 3600);
    let started: Vec<_> = results.task_records.iter().map(|it| second(it.started)).collect();
    assert_eq!(started, [Some(0), Some(130)]);
    assert_eq!(lived(results.capacity[0].mean), 3600 + 3485);
    assert_eq!(lived(results.instances.mean), 7200, "both run");
}

#[test]
fn hibernation_is_billed_until_it_is_done_and_stopping_is_not() {
    for (state, run) in [(PoolState::Stopped, 70), (PoolState::Hibernated, 90)] {
        let mut scenario = of(0, 1, pool(state));
        settings(&mut scenario).starts_ready = false;
        settings(&mut scenario).operation.lifecycle_hooks =
            vec![hook(Transition::Launching, 70, 0.0)];
        let results = self::run(&scenario);
        assert_eq!(results.instance_records[0].billed_seconds, run, "{state:?}");
        assert_eq!(results.instance_records[0].stopped, [(at(25 + run), None)]);
    }
}

#[test]
fn only_volumes_are_billed_in_a_stopped_pool() {
    let linux = OperatingSystem::Linux;
    let needs =
        PriceNeeds { instances: vec![("m5.large", linux)], volumes: true, ..PriceNeeds::default() };
    let cost = |pool: Option<WarmPool>, volume: u32| {
        let mut scenario = of(1, 3, self::pool(PoolState::Stopped));
        settings(&mut scenario).operation.warm_pool = pool;
        settings(&mut scenario).root_volume_gib = volume;
        scenario.prices = PriceBook::for_region("us-east-1", &needs).expect("a known price");
        run(&scenario).invoice.total
    };
    let stopped = Some(pool(PoolState::Stopped));
    let (instance, with_volume) = (cost(None, 0), cost(None, 30));
    let volume = with_volume - instance;
    assert!(0 < volume && volume < instance / 10, "{volume} of {instance}");
    // Two stopped instances: two more volumes. Amounts are in 1e-10 USD.
    let close = |amount: i128, expected: i128| (amount - expected).abs() <= 3;
    assert!(close(cost(stopped, 30), instance + 3 * volume));
    assert!(close(cost(Some(pool(PoolState::Running)), 30), 3 * (instance + volume)));
}

#[test]
fn a_pool_that_is_used_up_gives_way_to_cold_starts_and_keeps_its_minimum() {
    for (min_size, launched) in [(0, 2), (1, 3)] {
        let prepared = Some(2);
        let mut scenario = of(
            1,
            5,
            WarmPool {
                min_size,
                max_group_prepared_capacity: prepared,
                ..pool(PoolState::Stopped)
            },
        );
        desire(&mut scenario, 100, 4);
        let results = run(&scenario);
        assert_eq!(starts(&results), (1, 2, 0));
        let requested = all(&results, |it| Some(it.requested));
        assert_eq!(requested[..2], [0, 0]);
        assert_eq!(requested[2..], vec![105; launched]);
        let mut registered = all(&results, |it| it.registered);
        registered.sort_unstable();
        assert_eq!(registered, [0, 130, 145, 145]);
    }
}

#[test]
fn instances_that_are_not_initialized_are_not_taken_and_go_if_the_pool_is_too_large() {
    let mut scenario = of(1, 3, pool(PoolState::Stopped));
    settings(&mut scenario).starts_ready = false;
    desire(&mut scenario, 10, 3);
    let results = run(&scenario);
    assert_eq!(all(&results, |it| Some(it.requested)), [0, 0, 0, 15, 15]);
    assert_eq!(all(&results, |it| it.terminated), [15, 15]);
    assert_eq!(starts(&results), (0, 3, 0));
    let reason = &results.instance_records[1].termination_reason;
    assert!(reason.ends_with("in response to a smaller size of the warm pool"), "{reason}");
}

#[test]
fn a_pool_follows_the_maximum_size_of_its_group() {
    let mut scenario = of(1, 2, pool(PoolState::Stopped));
    for (second, max_size) in [(100, 4), (200, 1)] {
        let update = GroupUpdate::Capacity(CapacityChange {
            scheduled_action: None,
            min_size: None,
            max_size: Some(max_size),
            desired_capacity: None,
        });
        settings(&mut scenario).operation.changes.push(GroupChange { at: at(second), update });
    }
    let results = run(&scenario);
    assert_eq!(all(&results, |it| Some(it.requested)), [0, 0, 105, 105]);
    assert_eq!(all(&results, |it| it.terminated), [205, 205, 205]);
    assert_eq!(results.capacity[0].warm_pool.map(|it| it.peak), Some(3));
}

#[test]
fn reuse_returns_an_instance_to_the_pool_and_the_group_takes_it_again() {
    let reuse = WarmPool {
        max_group_prepared_capacity: Some(2),
        reuse_on_scale_in: true,
        ..pool(PoolState::Stopped)
    };
    let mut scenario = of(2, 4, reuse);
    scenario.task_definitions.push(definition(512, 512));
    let mut daemon = service("agent", 0, LaunchTarget::Ec2);
    daemon.scheduling.strategy = SchedulingStrategy::Daemon;
    scenario.services.push(daemon);
    desire(&mut scenario, 100, 1);
    desire(&mut scenario, 200, 2);
    let results = run(&scenario);
    // Out of the cluster at 105 s, taken again at 205 s, running at 215 s, registered at 230 s.
    assert_eq!(results.instance_records.len(), 2);
    assert_eq!(all(&results, |it| it.terminated), []);
    assert_eq!(starts(&results), (1, 0, 1));
    let returned = results.instance_records.iter().find(|it| !it.stopped.is_empty());
    let returned = returned.expect("one returned");
    assert_eq!(returned.stopped, [(at(105), Some(at(215)))]);
    assert_eq!(returned.billed_seconds, 105 + (3600 - 215));
    assert_eq!(returned.tasks_run, 2);
    // A quarter of its CPU all the time that it was registered.
    assert_eq!(returned.cpu_reserved_micro, 250_000);
    let stopped = results.task_records.iter().find(|it| it.stopped.is_some());
    let stopped = stopped.expect("its task stopped");
    assert_eq!(
        (second(stopped.stopped), stopped.stop_code),
        (Some(105), Some(StopCode::TerminationNotice))
    );
}

#[test]
fn termination_hooks_come_before_the_return_to_the_pool() {
    let reuse = WarmPool { reuse_on_scale_in: true, ..pool(PoolState::Running) };
    let mut scenario = of(1, 2, reuse);
    settings(&mut scenario).operation.lifecycle_hooks =
        vec![hook(Transition::Terminating, 40, 0.0)];
    desire(&mut scenario, 100, 0);
    let mut registered = Vec::new();
    let results = run_watched(&scenario, &mut |world, scheduler| {
        let now = scheduler.now().as_nanos() / 1_000_000_000;
        registered.push((now, world.groups[GROUP].registered.value()));
    });
    assert!(registered.contains(&(105, 1)) && registered.contains(&(145, 0)), "{registered:?}");
    assert_eq!(starts(&results), (0, 0, 1));
    assert_eq!(results.instances.terminated, 0);
}

#[test]
fn stopped_instances_survive_an_outage_of_their_zone_but_cannot_start_there() {
    let mut scenario = of(0, 1, pool(PoolState::Stopped));
    scenario.disruptions.push(Disruption {
        name: "outage".into(),
        windows: vec![crate::agent::Window { from: at(50), until: at(150) }],
        random: None,
        recovered_after: seconds(300),
        kind: DisruptionKind::ZoneOutage { zone: ZoneId(0) },
    });
    desire(&mut scenario, 100, 1);
    desire(&mut scenario, 1000, 0);
    desire(&mut scenario, 2000, 1);
    let results = run(&scenario);
    let zones: Vec<&str> = results.instance_records.iter().map(|it| &it.zone[9..]).collect();
    assert_eq!(zones[..2], ["a", "b"], "a cold start in another zone");
    assert_eq!(starts(&results).1, 1);
    // Of one desired none is to be warm: the first one goes when the group is next looked at.
    assert_eq!(all(&results, |it| it.terminated)[0], 105);
}

#[test]
fn managed_scaling_does_not_see_what_is_warm() {
    let first_start = |warm: bool| {
        let mut scenario = of(0, 4, pool(PoolState::Stopped));
        if !warm {
            settings(&mut scenario).operation.warm_pool = None;
        }
        scenario.task_definitions.push(definition(2048, 1024));
        scenario.capacity_providers.push(managed_provider(100));
        let item = StrategyItem { capacity_provider: CapacityProviderId(0), base: 0, weight: 1 };
        let job = |arrival| BatchJob {
            arrival: at(arrival),
            duration: seconds(600),
            cpu: Cpu::from_ecs_units(2048),
            memory: Mib::new(1024),
        };
        let launch = LaunchTarget::Strategy(vec![item]);
        scenario.batches.push(batch("jobs", vec![job(0), job(1)], launch));
        let results = run(&scenario);
        let started = results.task_records.iter().map(|it| second(it.started)).collect::<Vec<_>>();
        (started, results.capacity[0].scale_out)
    };
    // From zero two instances are asked for at 60 s, with a pool or without.
    let cold = 60 + 5 + 25 + 15;
    assert_eq!(first_start(false), (vec![Some(cold); 2], 1));
    assert_eq!(first_start(true), (vec![Some(cold - 15); 2], 1));
}

#[test]
fn every_law_holds_on_random_scenarios_with_warm_pools() {
    let (mut warm, mut cold, mut returned) = (0, 0, 0);
    for seed in 0..60 {
        let mut scenario = random_scenario(seed);
        let providers: Vec<AsgId> = scenario
            .capacity_providers
            .iter()
            .filter_map(|it| match it.kind {
                CapacityProviderKind::AutoScalingGroup {
                    group, managed_draining: true, ..
                } => Some(group),
                _ => None,
            })
            .collect();
        let ids: Vec<AsgId> = scenario.auto_scaling_groups.ids().collect();
        for id in ids {
            let group = &mut scenario.auto_scaling_groups[id];
            if group.may_buy_spot() || group.types.iter().any(|it| it.weight != 1) {
                continue;
            }
            let state = [PoolState::Stopped, PoolState::Running, PoolState::Hibernated];
            group.operation.warm_pool = Some(WarmPool {
                min_size: seed as u32 % 3,
                reuse_on_scale_in: !providers.contains(&id),
                ..pool(state[seed as usize % 3])
            });
            for (at, desired) in [(600, group.min_size), (900, group.max_size), (1500, 0)] {
                let desired = desired.max(group.min_size);
                let update = GroupUpdate::Capacity(CapacityChange {
                    scheduled_action: None,
                    min_size: None,
                    max_size: None,
                    desired_capacity: Some(desired),
                });
                let change = GroupChange { at: SimTime::from_secs(at), update };
                group.operation.changes.push(change);
            }
            group.operation.changes.sort_by_key(|it| it.at);
        }
        let results = super::super::run(&scenario, &mut |_| {}).expect("the run ends");
        let found = broken_laws(&scenario, &results);
        assert!(found.is_empty(), "seed {seed}: {found:#?}");
        for pool in results.capacity.iter().filter_map(|it| it.warm_pool) {
            warm += pool.warm_starts;
            cold += pool.cold_starts;
            returned += pool.returned;
        }
    }
    assert!(20 < warm && 20 < cold && 5 < returned, "{warm} {cold} {returned}");
}

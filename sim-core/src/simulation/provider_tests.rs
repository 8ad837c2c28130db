//! Capacity providers in whole runs: what protection and draining do together, the base of a call, a
//! strategy that changes, and the choices that AWS leaves open.

use super::testing::{batch, constant, definition, empty, group, managed_provider, service};
use crate::autoscaling::{AlarmPhase, ManagedScaling};
use crate::engine::{DurationDistribution, label_hash};
use crate::invariants::violations;
use crate::results::{DeploymentTrigger, EventCategory, RunResults, StopCode};
use crate::rules;
use crate::scenario::{
    BatchJob, CapacityProvider, CapacityProviderKind, CountedInstances, FargateZones, LaunchTarget,
    NetworkMode, Scenario, ServiceUpdate, StrategyItem,
};
use crate::service::completion::RolloutState;
use crate::units::{CapacityProviderId, Cpu, Mib, SimDuration, SimTime, TaskDefinitionId};

fn run(scenario: &Scenario) -> RunResults {
    let results = super::run(scenario, &mut |_| {}).expect("the run ends");
    let mut broken = violations(scenario, &results);
    broken.retain(|law| !law.starts_with("law 6: no price"));
    assert!(broken.is_empty(), "{broken:#?}");
    results
}

fn strategy(base_and_weight: &[(u32, u32)]) -> LaunchTarget {
    let items = (0..).zip(base_and_weight).map(|(id, &(base, weight))| StrategyItem {
        capacity_provider: CapacityProviderId(id),
        base,
        weight,
    });
    LaunchTarget::Strategy(items.collect())
}

/// Four tasks on four instances, of which one task is left after 300 s, under managed scaling.
fn shrinking(protection: bool, draining: bool) -> RunResults {
    let mut scenario = empty();
    scenario.task_definitions.push(definition(512, 1024));
    scenario.auto_scaling_groups.push(group(0, 4, 20));
    let mut provider = managed_provider(100);
    let CapacityProviderKind::AutoScalingGroup {
        managed_termination_protection,
        managed_draining,
        ..
    } = &mut provider.kind
    else {
        unreachable!("the provider has a group")
    };
    *managed_termination_protection = protection;
    *managed_draining = draining;
    scenario.capacity_providers.push(provider);
    let mut web = service("web", 4, strategy(&[(0, 1)]));
    web.starts_ready = true;
    web.scheduling.updates = vec![ServiceUpdate {
        at: SimTime::from_secs(300),
        task_definition: None,
        launch: None,
        force_new_deployment: false,
        desired_count: Some(1),
    }];
    scenario.services.push(web);
    scenario.duration = SimDuration::from_secs(4 * 3600);
    run(&scenario)
}

/// Tasks that were killed with their instance, tasks that were created, and the tasks that run at the end.
fn fate_of_tasks(results: &RunResults) -> (usize, usize, u64) {
    assert!(0 < results.instances.terminated);
    let codes = results.task_records.iter().map(|task| task.stop_code);
    let killed = codes.filter(|code| *code == Some(StopCode::TerminationNotice)).count();
    (killed, results.task_records.len(), results.tasks.running_at_end)
}

#[test]
fn with_protection_and_draining_no_busy_instance_is_chosen() {
    assert_eq!(fate_of_tasks(&shrinking(true, true)), (0, 4, 1));
}

#[test]
fn with_draining_alone_a_busy_instance_may_be_chosen_but_its_task_moves_first() {
    let (killed, created, left) = fate_of_tasks(&shrinking(false, true));
    assert_eq!((killed, left), (0, 1));
    assert!(4 < created, "the task was replaced before its instance went: {created}");
}

#[test]
fn with_protection_alone_no_busy_instance_is_chosen() {
    assert_eq!(fate_of_tasks(&shrinking(true, false)), (0, 4, 1));
}

#[test]
fn with_neither_a_busy_instance_is_killed_and_the_service_starts_its_task_again() {
    let (killed, created, left) = fate_of_tasks(&shrinking(false, false));
    assert!(0 < killed);
    assert_eq!((created, left), (4 + killed, 1));
}

fn jobs(number: usize, at: u64) -> Vec<BatchJob> {
    let job = BatchJob {
        arrival: SimTime::from_secs(at),
        duration: SimDuration::from_secs(600),
        cpu: Cpu::from_ecs_units(512),
        memory: Mib::new(1024),
    };
    vec![job; number]
}

fn fargate_and_spot() -> Scenario {
    let mut scenario = empty();
    scenario.task_definitions.push(definition(512, 1024));
    let spot = CapacityProviderKind::FargateSpot { mean_time_to_interruption: None };
    for (name, kind) in [("FARGATE", CapacityProviderKind::Fargate), ("FARGATE_SPOT", spot)] {
        scenario.capacity_providers.push(CapacityProvider { name: name.into(), kind });
    }
    scenario
}

fn on(results: &RunResults, provider: &str) -> usize {
    results.task_records.iter().filter(|task| *task.capacity == *provider).count()
}

#[test]
fn the_base_of_a_strategy_counts_in_each_call_of_run_task() {
    let mut scenario = fargate_and_spot();
    let both = [jobs(4, 10), jobs(4, 20)].concat();
    scenario.batches.push(batch("jobs", both, strategy(&[(2, 1), (0, 1)])));
    // Each call puts two into the base; the other two go one to each.
    let results = run(&scenario);
    assert_eq!((on(&results, "FARGATE"), on(&results, "FARGATE_SPOT")), (6, 2));
    // Calls of two tasks are nothing but base.
    scenario.control_plane.tasks_per_call = 2;
    let results = run(&scenario);
    assert_eq!((on(&results, "FARGATE"), on(&results, "FARGATE_SPOT")), (8, 0));
    // It is the call that counts, whether its rate is limited or not.
    scenario.control_plane.launch_rate_quotas = false;
    let results = run(&scenario);
    assert_eq!((on(&results, "FARGATE"), on(&results, "FARGATE_SPOT")), (8, 0));
}

#[test]
fn the_weights_of_a_strategy_hold_over_all_calls_of_run_task() {
    let mut scenario = fargate_and_spot();
    let one_by_one: Vec<BatchJob> = (0..10).flat_map(|at| jobs(1, 10 + at)).collect();
    scenario.batches.push(batch("jobs", one_by_one, strategy(&[(0, 1), (0, 4)])));
    let results = run(&scenario);
    assert_eq!((on(&results, "FARGATE"), on(&results, "FARGATE_SPOT")), (2, 8));
}

#[test]
fn another_strategy_is_a_deployment_and_the_same_one_is_none() {
    let mut scenario = fargate_and_spot();
    scenario.services.push(service("web", 4, strategy(&[(0, 1)])));
    let spot = LaunchTarget::Strategy(vec![StrategyItem {
        capacity_provider: CapacityProviderId(1),
        base: 0,
        weight: 1,
    }]);
    let update = |at, launch| ServiceUpdate {
        at: SimTime::from_secs(at),
        task_definition: None,
        launch: Some(launch),
        force_new_deployment: false,
        desired_count: None,
    };
    scenario.services[0].scheduling.updates =
        vec![update(300, strategy(&[(0, 1)])), update(600, spot.clone()), update(900, spot)];
    let results = run(&scenario);
    let deployments: Vec<_> =
        results.services[0].deployments.iter().map(|it| (it.trigger, it.state)).collect();
    assert_eq!(
        deployments,
        [
            (DeploymentTrigger::ServiceCreated, RolloutState::Completed),
            (DeploymentTrigger::CapacityProviders, RolloutState::Completed)
        ]
    );
    let created = |from: u64, provider: &str| {
        let since = SimTime::from_secs(from);
        let tasks = results.task_records.iter();
        tasks.filter(|it| since <= it.created && *it.capacity == *provider).count()
    };
    assert_eq!((created(0, "FARGATE"), created(600, "FARGATE")), (4, 0));
    assert_eq!((created(0, "FARGATE_SPOT"), results.tasks.running_at_end), (4, 4));
}

#[test]
fn services_hold_back_at_the_limit_of_provisioning_tasks() {
    let mut scenario = empty();
    scenario.rules = rules::rule_set("2020-01").expect("a rule set");
    scenario.task_definitions.push(definition(512, 1024));
    scenario.auto_scaling_groups.push(group(0, 0, 0));
    scenario.capacity_providers.push(managed_provider(100));
    scenario.services.push(service("one", 80, strategy(&[(0, 1)])));
    scenario.services.push(service("two", 80, strategy(&[(0, 1)])));
    scenario.duration = SimDuration::from_secs(600);
    let results = run(&scenario);
    assert_eq!(results.task_records.len(), 100, "of the cluster, not of each service");
}

/// Two tasks more than the one instance holds, one per instance, and the group's desired capacities.
fn desired_capacities(change: impl Fn(&mut Scenario)) -> Vec<(u64, u32)> {
    let mut scenario = empty();
    scenario.task_definitions.push(definition(2048, 1024));
    scenario.auto_scaling_groups.push(group(1, 1, 9));
    scenario.capacity_providers.push(managed_provider(100));
    scenario.services.push(service("web", 3, strategy(&[(0, 1)])));
    scenario.duration = SimDuration::from_secs(230);
    change(&mut scenario);
    let results = run(&scenario);
    let changes =
        results.event_records.iter().filter(|it| it.category == EventCategory::GroupActivity);
    changes.filter_map(|it| Some((it.at.as_nanos() / 1_000_000_000, it.change?.1))).collect()
}

#[test]
fn what_n_counts_decides_whether_booting_instances_are_launched_again() {
    let slow = |launch, registration, counted| {
        desired_capacities(move |scenario| {
            let group = &mut scenario.auto_scaling_groups[crate::units::AsgId(0)];
            group.launch_time = constant(launch);
            group.registration_time = constant(registration);
            scenario.control_plane.providers.scaling.counted = counted;
        })
    };
    // While they are launched they count with neither of the two usual meanings.
    assert_eq!(slow(300, 0, CountedInstances::InService), [(60, 3)]);
    assert_eq!(slow(300, 0, CountedInstances::Registered), [(60, 3)]);
    assert_eq!(slow(300, 0, CountedInstances::Launched), [(60, 3), (120, 5), (180, 7)]);
    // Between running and registered they do with one: then only the warm-up of 60 s holds back.
    assert_eq!(slow(10, 300, CountedInstances::InService), [(60, 3), (180, 5)]);
    assert_eq!(slow(10, 300, CountedInstances::Registered), [(60, 3)]);
}

#[test]
fn the_warm_up_and_the_steps_of_a_provider_hold_in_a_run() {
    let with = |settings: fn(&mut ManagedScaling)| {
        desired_capacities(move |scenario| {
            let group = &mut scenario.auto_scaling_groups[crate::units::AsgId(0)];
            group.launch_time = constant(10);
            group.registration_time = constant(300);
            let kind = &mut scenario.capacity_providers[CapacityProviderId(0)].kind;
            let CapacityProviderKind::AutoScalingGroup { managed_scaling: Some(it), .. } = kind
            else {
                unreachable!("the provider is managed")
            };
            settings(it);
        })
    };
    let warm = |it: &mut ManagedScaling| it.instance_warmup_period = SimDuration::from_secs(300);
    assert_eq!(with(warm), [(60, 3)]);
    let cold = |it: &mut ManagedScaling| it.instance_warmup_period = SimDuration::ZERO;
    assert_eq!(with(cold), [(60, 3), (120, 5), (180, 7)]);
    assert_eq!(with(|it| it.maximum_scaling_step_size = 1)[0], (60, 2));
    assert_eq!(with(|it| it.minimum_scaling_step_size = 5)[0], (60, 6));
    // One of three is what a target of 50 holds besides the two in use.
    assert_eq!(with(|it| it.target_capacity = 50)[0], (60, 6));
}

#[test]
fn alarms_of_providers_can_be_looked_at_within_the_minute() {
    let first = |delay: u64, phase: u64| {
        desired_capacities(move |scenario| {
            let control = &mut scenario.control_plane;
            control.capacity_provider_metric_delay = SimDuration::from_secs(delay);
            control.providers.scaling.alarm_phase = SimDuration::from_secs(phase);
        })[0]
    };
    assert_eq!(first(10, 0), (120, 3), "the point is not visible at 60 s");
    assert_eq!(first(10, 20), (80, 3));
    assert_eq!(first(30, 20), (140, 3));
}

#[test]
fn alarms_of_providers_have_a_second_of_their_own_where_all_have() {
    let first = |phase: u64| {
        desired_capacities(move |scenario| {
            let control = &mut scenario.control_plane;
            control.scaling.alarms.phase = AlarmPhase::Hashed;
            control.providers.scaling.alarm_phase = SimDuration::from_secs(phase);
        })[0]
    };
    let own = label_hash("TargetTracking-group-AlarmHigh") % 60;
    assert!(0 < own, "the test needs a name with a second of its own");
    assert_eq!(first(0), (60 + own, 3));
    assert_eq!(first(20), (80, 3), "the provider's own setting comes first");
}

#[test]
fn tv_68_a_cold_start_on_instances_takes_52_to_178_seconds() {
    let first_container = |arrival: u64, phase: u64, (launch, attach, pull): (u64, u64, u64)| {
        let mut scenario = empty();
        let mut task = definition(512, 1024);
        task.network_mode = NetworkMode::Awsvpc;
        task.pull_time = constant(pull);
        scenario.task_definitions.push(task);
        let mut cold = group(0, 0, 4);
        cold.launch_time = constant(launch);
        cold.registration_time = constant(15);
        cold.reconcile_lag = DurationDistribution::ZERO;
        scenario.auto_scaling_groups.push(cold);
        scenario.capacity_providers.push(managed_provider(100));
        let control = &mut scenario.control_plane;
        control.network_interface_attach = constant(attach);
        control.capacity_provider_metric_delay = SimDuration::from_secs(10);
        control.providers.scaling.alarm_phase = SimDuration::from_secs(phase);
        scenario.batches.push(batch("job", jobs(1, arrival), strategy(&[(0, 1)])));
        let started = run(&scenario).task_records[0].started.expect("it starts");
        started.as_nanos() / 1_000_000_000 - arrival
    };
    // Asked for just before the sample, judged as soon as the point is visible, or the opposite.
    assert_eq!(first_container(59, 10, (23, 3, 1)), 1 + 10 + 23 + 15 + 3 + 1);
    assert_eq!(first_container(61, 0, (26, 12, 5)), 59 + 60 + 26 + 15 + 12 + 5);
    for arrival in [61, 80, 100, 119] {
        for phase in [0, 10, 35, 59] {
            let seconds = first_container(arrival, phase, (25, 5, 3));
            assert!((52..=178).contains(&seconds), "{arrival} s, {phase} s: {seconds} s");
        }
    }
}

#[test]
fn zones_on_fargate_are_even_or_drawn() {
    let zones = |choice| {
        let mut scenario = fargate_and_spot();
        scenario.services.push(service("web", 30, strategy(&[(0, 1)])));
        scenario.services[0].scheduling.zone_rebalancing = false;
        scenario.control_plane.providers.fargate_zones = choice;
        let results = run(&scenario);
        let in_zone = |zone: &str| {
            let tasks = results.task_records.iter();
            tasks.filter(|task| *task.zone == *zone).count()
        };
        ["us-east-1a", "us-east-1b", "us-east-1c"].map(in_zone)
    };
    assert_eq!(zones(FargateZones::FewestTasks), [10, 10, 10]);
    let drawn = zones(FargateZones::Random);
    assert_eq!(drawn.iter().sum::<usize>(), 30);
    assert_ne!(drawn, [10, 10, 10]);
    assert!(drawn.iter().all(|number| 2 < *number), "{drawn:?}");
}

#[test]
fn a_revision_keeps_its_definition_when_its_strategy_changes() {
    let mut scenario = fargate_and_spot();
    scenario.task_definitions.push(definition(1024, 2048));
    scenario.services.push(service("web", 2, strategy(&[(0, 1)])));
    let update = |at, task_definition, launch| ServiceUpdate {
        at: SimTime::from_secs(at),
        task_definition,
        launch,
        force_new_deployment: false,
        desired_count: None,
    };
    let both = strategy(&[(0, 1), (0, 1)]);
    scenario.services[0].scheduling.updates =
        vec![update(300, None, Some(both)), update(900, Some(TaskDefinitionId(1)), None)];
    let results = run(&scenario);
    // The second update replaces both tasks, still on both providers.
    let late = results.task_records.iter().filter(|it| SimTime::from_secs(900) <= it.created);
    let late: Vec<_> = late.map(|it| (it.capacity.to_string(), it.cpu)).collect();
    let cpu = Cpu::from_ecs_units(1024);
    assert_eq!(late, [("FARGATE".to_owned(), cpu), ("FARGATE_SPOT".to_owned(), cpu)]);
}

/// A service of four tasks on one full instance wants twelve from second 600 on: the group needs three.
#[test]
fn the_elasticity_of_a_group_is_that_of_its_instances() {
    let mut scenario = empty();
    scenario.task_definitions.push(definition(512, 1024));
    scenario.auto_scaling_groups.push(group(0, 1, 20));
    scenario.capacity_providers.push(managed_provider(100));
    let mut web = service("web", 4, strategy(&[(0, 1)]));
    web.starts_ready = true;
    web.scheduling.updates = vec![ServiceUpdate {
        at: SimTime::from_secs(600),
        task_definition: None,
        launch: None,
        force_new_deployment: false,
        desired_count: Some(12),
    }];
    scenario.services.push(web);
    let results = run(&scenario);
    // The alarm sees it at 660 s, the group acts 5 s later, instances run after 25 s and register after 15 s.
    let (lag, hour) = (60.0 + 5.0 + 25.0 + 15.0, 3600.0);
    let found = results.capacity[0].elasticity.as_ref().expect("measured");
    let near = |found: f64, expected: f64| (found - expected).abs() < 1e-9;
    assert!(near(found.under_accuracy, 2.0 / 3.0 * lag / hour), "{found:?}");
    assert!(near(found.under_time, lag / hour), "{found:?}");
    assert!(near(found.over_accuracy, 0.0) && near(found.over_time, 0.0), "{found:?}");
    // Of 59 minutes demand rose alone in one, and supply in another.
    assert!(near(found.instability, 2.0 / 59.0), "{found:?}");
    assert_eq!((found.demand_peak, found.shortages), (3, 1));
    assert_eq!((found.lag_mean_seconds, found.lag_longest_seconds), (Some(lag), Some(lag)));
}

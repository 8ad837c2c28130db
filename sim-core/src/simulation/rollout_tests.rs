//! Deployments in whole runs: bounds, breaker, rollback, traffic shifts.

use std::borrow::Cow;

use super::event::Event;
use super::health::FailedCheck;
use super::task::TaskState;
use super::testing::{at, constant, definition, empty, group, seconds, service};
use super::watched::{broken_laws, run_watched};
use super::world::World;
use crate::engine::{DurationDistribution, Scheduler};
use crate::results::{DeploymentTrigger, EventCategory, RunResults, StopCode};
use crate::scenario::*;
use crate::service::circuit_breaker::{CircuitBreaker, Threshold};
use crate::service::completion::{EarlySuccess, RolloutState, SourceCleanup};
use crate::service::traffic_shift::{Stage, TrafficShift};
use crate::units::{ServiceId, SimDuration, TaskDefinitionId, TaskId};

const NEW: TaskDefinitionId = TaskDefinitionId(1);
const WEB: ServiceId = ServiceId(0);

fn update(second: u64, task_definition: TaskDefinitionId) -> ServiceUpdate {
    ServiceUpdate {
        at: at(second),
        task_definition: Some(task_definition),
        launch: None,
        force_new_deployment: false,
        desired_count: None,
    }
}

/// A service of `desired` tasks on Fargate that run from the start and take 30 s to start, updated
/// after 100 s.
fn deploying(desired: u32, minimum: u32, maximum: u32) -> Scenario {
    let mut scenario = empty();
    for family in ["old", "new"] {
        let mut task = definition(256, 512);
        task.family = family.into();
        task.pull_time = constant(20);
        task.start_time = constant(10);
        scenario.task_definitions.push(task);
    }
    let mut web = service("web", desired, LaunchTarget::Fargate);
    web.starts_ready = true;
    web.scheduling.deployment.minimum_healthy_percent = minimum;
    web.scheduling.deployment.maximum_percent = maximum;
    web.scheduling.updates = vec![update(100, NEW)];
    scenario.services.push(web);
    scenario
}

fn target_group() -> TargetGroup {
    TargetGroup {
        protocol: TargetProtocol::Http,
        load_balancer: "web".into(),
        registration_time: DurationDistribution::ZERO,
        health_check_interval: seconds(30),
        healthy_threshold: 5,
        unhealthy_threshold: 2,
        deregistration_delay: seconds(300),
        bytes_per_request: 0,
        requests_per_connection: 1,
        rules_processed: 0,
    }
}

/// Runs, and checks the bounds of a rolling deployment after each event.
fn run_within_bounds(scenario: &Scenario, lower: u32, upper: u32) -> RunResults {
    let mut seen = (u32::MAX, 0);
    let results = run_watched(scenario, &mut |world, _| {
        let state = &world.services[WEB];
        let healthy = state.rollout.revisions.iter().map(|revision| revision.counted).sum();
        seen = (seen.0.min(healthy), seen.1.max(state.active.len() as u32));
    });
    assert!(lower <= seen.0 && seen.1 <= upper, "{seen:?}");
    let found = broken_laws(scenario, &results);
    assert!(found.is_empty(), "{found:#?}");
    results
}

fn states(results: &RunResults) -> Vec<(DeploymentTrigger, RolloutState)> {
    results.services[0].deployments.iter().map(|it| (it.trigger, it.state)).collect()
}

fn events(results: &RunResults) -> Vec<(u64, String)> {
    let of_service = |it: &&crate::results::EventRecord| it.category == EventCategory::ServiceEvent;
    let records = results.event_records.iter().filter(of_service);
    records.map(|it| (it.at.as_nanos() / 1_000_000_000, it.message.clone())).collect()
}

fn said(results: &RunResults, words: &str) -> Vec<u64> {
    let found = events(results).into_iter().filter(|(_, message)| message.contains(words));
    found.map(|(second, _)| second).collect()
}

/// Ends every task of the new definition before it runs.
fn break_new(world: &mut World<'_, '_>, scheduler: &mut Scheduler<Event>) {
    break_tasks(world, scheduler, |_| true);
}

fn break_tasks(
    world: &mut World<'_, '_>,
    scheduler: &mut Scheduler<Event>,
    broken: impl Fn(u64) -> bool,
) {
    let active: Vec<TaskId> = world.services[WEB].active.iter().copied().collect();
    for id in active {
        let task = &world.tasks[id];
        let is_new = task.definition == NEW && task.state == TaskState::Starting;
        if is_new && broken(task.ordinal) && task.stopping.is_none() {
            let reason = Cow::Borrowed("CannotPullContainerError");
            world.stop_task(id, StopCode::TaskFailedToStart, reason, scheduler);
        }
    }
}

#[test]
fn a_deployment_replaces_every_task_and_is_completed() {
    let results = run_within_bounds(&deploying(4, 100, 200), 4, 8);
    let completed = RolloutState::Completed;
    let expected = [DeploymentTrigger::ServiceCreated, DeploymentTrigger::TaskDefinition];
    assert_eq!(states(&results), expected.map(|trigger| (trigger, completed)));
    let new = &results.services[0].deployments[1];
    assert_eq!((new.started_tasks, new.failed_tasks, new.running), (4, 0, 4));
    assert_eq!((new.created, new.finished), (at(100), Some(at(130))));
    assert_eq!(new.task_definition, "new");
    assert_eq!(said(&results, "deployment completed"), [130]);
}

#[test]
fn a_steady_state_follows_the_end_of_the_deployment() {
    // The old tasks are told to stop at 130 s and killed after the 30 s of the stop time-out: until then
    // nothing is steady.
    let mut scenario = deploying(4, 100, 200);
    scenario.task_definitions[TaskDefinitionId(0)].stop_time = constant(60);
    let results = run_within_bounds(&scenario, 4, 8);
    let deployed: Vec<(u64, String)> =
        events(&results).into_iter().filter(|(second, _)| 100 <= *second).collect();
    let expected = [
        (100, "(service web) has started 4 tasks."),
        (130, "(service web) has stopped 4 running tasks."),
        (160, "(service web) (deployment ecs-svc/web/2) deployment completed."),
        (160, "(service web) has reached a steady state."),
    ];
    assert_eq!(deployed, expected.map(|(second, words)| (second, words.to_owned())));
}

#[test]
fn tv_33_fifty_to_hundred_replaces_ten_tasks_in_two_batches() {
    let results = run_within_bounds(&deploying(10, 50, 100), 5, 10);
    assert_eq!(said(&results, "has stopped 5 running tasks"), [100, 130]);
    assert_eq!(said(&results, "has started 5 tasks"), [100, 130]);
    assert_eq!(said(&results, "deployment completed"), [160]);
}

#[test]
fn tv_34_hundred_to_hundred_fifty_replaces_ten_tasks_in_two_batches() {
    let results = run_within_bounds(&deploying(10, 100, 150), 10, 15);
    assert_eq!(said(&results, "has started 5 tasks"), [100, 130]);
    assert_eq!(said(&results, "has stopped 5 running tasks"), [130, 160]);
}

#[test]
fn tv_35_tv_39_a_deadlock_says_so_and_nothing_changes() {
    for (desired, minimum, maximum) in [(3, 100, 125), (5, 90, 110), (4, 100, 100)] {
        let results = run_within_bounds(&deploying(desired, minimum, maximum), desired, desired);
        assert_eq!(said(&results, "was unable to stop or start tasks"), [100]);
        assert_eq!(states(&results)[1].1, RolloutState::InProgress);
        assert_eq!(results.tasks.created, u64::from(desired));
    }
}

#[test]
fn tv_37_one_task_at_zero_to_hundred_stops_before_the_next_starts() {
    let results = run_within_bounds(&deploying(1, 0, 100), 0, 1);
    let tasks = &results.task_records;
    assert_eq!((tasks[0].stopping, tasks[1].started), (Some(at(100)), Some(at(130))));
}

#[test]
fn tv_40_new_capacity_after_start_and_check_old_tasks_gone_after_drain_and_stop() {
    let mut scenario = deploying(4, 100, 200);
    for task in [TaskDefinitionId(0), NEW] {
        scenario.task_definitions[task].network_mode = NetworkMode::Awsvpc;
        scenario.task_definitions[task].stop_time = constant(30);
    }
    scenario.control_plane.network_interface_detach = seconds(5);
    let mut asg = group(8, 8, 8);
    asg.types[0].shape.task_network_interfaces = 4;
    scenario.auto_scaling_groups.push(asg);
    let web = &mut scenario.services[0];
    web.launch = LaunchTarget::Ec2;
    web.target_group = Some(target_group());
    let mut new_capacity = None;
    let results = run_watched(&scenario, &mut |world, scheduler| {
        let rollout = &world.services[WEB].rollout;
        if rollout.revisions.len() == 2 && rollout.revision(1).ready == 4 {
            new_capacity.get_or_insert(scheduler.now());
        }
    });
    let x = new_capacity.expect("green came up").saturating_since(at(130));
    assert!(SimDuration::ZERO < x && x <= seconds(30), "{x:?}");
    let old = results.task_records.iter().take(4).filter_map(|task| task.stopped).max();
    let gone = old.expect("old tasks are gone");
    assert!(at(130 + 300 + 30 + 5) <= gone && gone <= at(130 + 300 + 30 + 5) + x, "{gone:?}");
    assert_eq!(results.services[0].deployments[1].finished, Some(gone));
}

#[test]
fn forty_seconds_after_running_count_in_deployments() {
    let mut scenario = deploying(4, 100, 150);
    scenario.control_plane.service_scheduler.healthy_after = seconds(40);
    let results = run_within_bounds(&scenario, 4, 6);
    // Two start at once, two more when the first are healthy.
    assert_eq!(said(&results, "has started 2 tasks"), [100, 170]);
    assert_eq!(said(&results, "deployment completed"), [240]);
}

#[test]
fn stopping_tasks_may_count_against_the_maximum() {
    let mut scenario = deploying(4, 50, 100);
    scenario.task_definitions[TaskDefinitionId(0)].stop_time = constant(20);
    let free = run_within_bounds(&scenario, 2, 4);
    assert_eq!(said(&free, "has started 2 tasks")[0], 101);
    scenario.control_plane.service_scheduler.maximum_counts_stopping = true;
    let counted = run_within_bounds(&scenario, 2, 4);
    assert_eq!(said(&counted, "has started 2 tasks")[0], 120);
}

#[test]
fn a_batch_bounds_what_one_pass_does() {
    let mut scenario = deploying(4, 100, 200);
    scenario.control_plane.service_scheduler.batch = Some(1);
    let results = run_within_bounds(&scenario, 4, 8);
    assert_eq!(said(&results, "has started 1 tasks"), [100, 101, 102, 103]);
}

#[test]
fn a_forced_deployment_replaces_tasks_by_the_same() {
    let mut scenario = deploying(2, 100, 200);
    scenario.services[0].scheduling.updates = vec![ServiceUpdate {
        launch: None,
        force_new_deployment: true,
        task_definition: None,
        ..update(100, NEW)
    }];
    let results = run_within_bounds(&scenario, 2, 4);
    assert_eq!(states(&results)[1], (DeploymentTrigger::Forced, RolloutState::Completed));
    assert_eq!((results.tasks.created, results.tasks.stopped), (4, 2));
}

#[test]
fn an_update_to_what_runs_already_deploys_nothing() {
    let mut scenario = deploying(2, 100, 200);
    scenario.services[0].scheduling.updates =
        vec![ServiceUpdate { desired_count: Some(3), ..update(100, TaskDefinitionId(0)) }];
    let results = run_within_bounds(&scenario, 2, 3);
    assert_eq!(states(&results).len(), 1);
    assert_eq!(results.tasks.running_at_end, 3);
}

#[test]
fn a_newer_deployment_takes_the_place_of_one_in_progress() {
    let mut scenario = deploying(4, 100, 150);
    scenario.services[0].scheduling.updates.push(update(110, TaskDefinitionId(0)));
    let results = run_within_bounds(&scenario, 4, 6);
    let of = states(&results);
    assert_eq!(of[1].1, RolloutState::Superseded);
    assert_eq!(of[2], (DeploymentTrigger::TaskDefinition, RolloutState::Completed));
    // The two tasks of the superseded revision did not run yet.
    let unborn = results.task_records.iter().filter(|task| task.task_definition == NEW);
    assert!(unborn.clone().count() == 2 && unborn.clone().all(|task| task.started.is_none()));
}

fn with_breaker(desired: u32, rollback: bool) -> Scenario {
    let mut scenario = deploying(desired, 100, 200);
    scenario.services[0].scheduling.deployment.circuit_breaker = Some(CircuitBreaker {
        rollback,
        threshold: Threshold::default(),
        reset_on_healthy_task: true,
    });
    scenario
}

#[test]
fn tv_42_a_broken_revision_trips_the_breaker_at_exactly_the_threshold_and_rolls_back() {
    let scenario = with_breaker(7, true);
    let results = run_watched(&scenario, &mut break_new);
    let deployments = &results.services[0].deployments;
    assert_eq!(deployments[1].failed_tasks, 4, "the threshold of seven tasks");
    assert_eq!(
        (deployments[1].state, deployments[1].reason),
        (RolloutState::Failed, "tasks failed to start")
    );
    assert_eq!(
        (deployments[2].trigger, deployments[2].state),
        (DeploymentTrigger::Rollback, RolloutState::Completed)
    );
    assert_eq!((deployments[2].task_definition.as_str(), deployments[2].running), ("old", 7));
    assert_eq!(said(&results, "rolling back to (deployment ecs-svc/web/3)"), [120]);
    let old = results.task_records.iter().filter(|task| task.task_definition != NEW);
    assert!(old.clone().all(|task| task.stopping.is_none()), "the old tasks were never touched");
}

#[test]
fn tv_44_the_minimum_of_the_rule_set_holds() {
    let mut scenario = with_breaker(1, true);
    scenario.rules = crate::rules::rule_set("2023-06").expect("a rule set");
    let results = run_watched(&scenario, &mut break_new);
    assert_eq!(results.services[0].deployments[1].failed_tasks, 10);
}

#[test]
fn without_rollback_a_failed_deployment_stalls() {
    let scenario = with_breaker(4, false);
    let results = run_watched(&scenario, &mut break_new);
    assert_eq!(states(&results).len(), 2);
    assert_eq!(results.services[0].deployments[1].state, RolloutState::Failed);
    assert_eq!(results.services[0].deployments[0].running, 4);
    assert_eq!(results.tasks.created, 8, "no task is started after the failure");
}

#[test]
fn a_first_deployment_that_fails_has_nothing_to_go_back_to() {
    let mut scenario = with_breaker(4, true);
    scenario.services[0].task_definition = NEW;
    scenario.services[0].starts_ready = false;
    scenario.services[0].scheduling.updates.clear();
    let results = run_watched(&scenario, &mut break_new);
    assert_eq!(states(&results), [(DeploymentTrigger::ServiceCreated, RolloutState::Failed)]);
    assert_eq!(results.tasks.running_at_end, 0);
}

#[test]
fn a_healthy_task_resets_the_breaker() {
    // The third of three new tasks fails every time, 20 s after its launch; the others are healthy 10 s
    // after its first failure.
    let scenario = with_breaker(3, true);
    let flaky = |ordinal: u64| ordinal >= 5;
    let results =
        run_watched(&scenario, &mut |world, scheduler| break_tasks(world, scheduler, flaky));
    let failed = &results.services[0].deployments[1];
    assert_eq!(failed.state, RolloutState::Failed);
    assert_eq!(failed.failed_tasks, 4, "the first failure is forgotten");
    let mut keeps = scenario.clone();
    if let Some(breaker) = &mut keeps.services[0].scheduling.deployment.circuit_breaker {
        breaker.reset_on_healthy_task = false;
    }
    let kept = run_watched(&keeps, &mut |world, scheduler| break_tasks(world, scheduler, flaky));
    assert_eq!(kept.services[0].deployments[1].failed_tasks, 3);
}

#[test]
fn failed_health_checks_count_and_the_grace_period_hides_them() {
    let mut scenario = with_breaker(2, true);
    scenario.services[0].scheduling.health_check_grace_period = seconds(60);
    scenario.services[0].target_group = Some(target_group());
    let mut watch = |world: &mut World<'_, '_>, scheduler: &mut Scheduler<Event>| {
        let active: Vec<TaskId> = world.services[WEB].active.iter().copied().collect();
        for id in active {
            if world.tasks[id].definition == NEW && world.tasks[id].failed_check.is_none() {
                world.task_unhealthy(id, FailedCheck::Container, scheduler);
            }
        }
    };
    let results = run_watched(&scenario, &mut watch);
    let failed = &results.services[0].deployments[1];
    assert_eq!((failed.state, failed.failed_tasks), (RolloutState::Failed, 3));
    // 30 s to start, 60 s of grace.
    assert_eq!(said(&results, "failed container health checks")[0], 190);
    let reasons = results.task_records.iter().filter(|it| it.task_definition == NEW);
    assert!(reasons.clone().any(|it| it.stopped_reason == "Task failed container health checks"));
}

#[test]
fn early_success_completes_before_the_last_task() {
    let mut scenario = deploying(4, 50, 100);
    scenario.task_definitions[TaskDefinitionId(0)].stop_time = constant(60);
    scenario.services[0].scheduling.deployment.early_success =
        Some(EarlySuccess { healthy_percent: 50, cleanup: SourceCleanup::Deferred });
    let results = run_within_bounds(&scenario, 2, 4);
    assert_eq!(said(&results, "deployment completed"), [131]);
    assert_eq!(results.services[0].deployments[1].running, 4, "it goes on to all tasks");
}

fn shifting(shift: TrafficShift, bake_minutes: u64) -> Scenario {
    let mut scenario = deploying(4, 100, 200);
    scenario.services[0].scheduling.deployment.strategy =
        DeploymentStrategy::Shifting(ShiftingDeployment {
            shift,
            bake_time: seconds(60 * bake_minutes),
            hooks: vec![(Stage::PostTestTrafficShift, seconds(20))],
        });
    scenario
}

#[test]
fn blue_green_doubles_the_capacity_and_returns() {
    let scenario = shifting(TrafficShift::AllAtOnce, 10);
    let mut serving = Vec::new();
    let results = run_watched(&scenario, &mut |world, scheduler| {
        let state = &world.services[WEB];
        let now = scheduler.now().as_nanos() / 1_000_000_000;
        let Some(shift) = state.rollout.current().shift else { return };
        let green = world.green_permille(WEB, shift.steps);
        if serving.last().is_none_or(|(_, last)| *last != green) {
            serving.push((now, green));
        }
    });
    assert_eq!(results.services[0].running_peak, 8);
    // Green is up after 30 s, the hook takes 20 s, the bake time 600 s.
    assert_eq!(serving, [(100, 0), (150, 1000)]);
    assert_eq!(said(&results, "has stopped 4 running tasks"), [750]);
    assert_eq!(said(&results, "deployment completed"), [750]);
    assert_eq!(results.tasks.running_at_end, 4);
    let found = broken_laws(&scenario, &results);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn tv_45_linear_shifts_in_ten_steps_of_six_minutes() {
    let shift = TrafficShift::Linear { permille: 100, bake_time: seconds(360) };
    let mut scenario = shifting(shift, 5);
    scenario.duration = seconds(2 * 3600);
    let results = run_watched(&scenario, &mut |_, _| {});
    // 150 + 54 minutes + 5 minutes of bake time.
    assert_eq!(said(&results, "deployment completed"), [150 + 54 * 60 + 300]);
}

#[test]
fn tv_46_canary_shifts_a_part_and_then_the_rest() {
    let shift = TrafficShift::Canary { permille: 50, bake_time: seconds(600) };
    let mut scenario = shifting(shift, 5);
    scenario.duration = seconds(2 * 3600);
    let results = run_watched(&scenario, &mut |_, _| {});
    assert_eq!(said(&results, "deployment completed"), [150 + 600 + 300]);
}

#[test]
fn green_that_never_comes_up_fails_after_a_day_and_blue_goes_on() {
    let mut scenario = shifting(TrafficShift::AllAtOnce, 5);
    scenario.duration = seconds(26 * 3600);
    let results = run_watched(&scenario, &mut break_new);
    let deployments = &results.services[0].deployments;
    assert_eq!(
        (deployments[1].state, deployments[1].reason),
        (RolloutState::Failed, "a stage took longer than a day")
    );
    assert_eq!(deployments[1].finished, Some(at(100 + 24 * 3600)));
    assert_eq!((deployments[2].running, deployments[2].state), (4, RolloutState::Completed));
}

#[test]
fn a_shifting_deployment_fails_after_thirty_days() {
    // 34 steps of a day each at the production listener.
    let day = seconds(24 * 3600);
    let mut scenario = shifting(TrafficShift::Linear { permille: 30, bake_time: day }, 5);
    scenario.duration = seconds(31 * 24 * 3600);
    let results = run_watched(&scenario, &mut |_, _| {});
    let deployments = &results.services[0].deployments;
    assert_eq!(
        (deployments[1].state, deployments[1].reason, deployments[1].finished),
        (
            RolloutState::Failed,
            "the deployment took longer than 30 days",
            Some(at(100 + 30 * 24 * 3600))
        )
    );
    assert_eq!((deployments[2].running, deployments[2].state), (4, RolloutState::Completed));
}

#[test]
fn an_older_revision_gets_back_what_it_lost_while_it_is_replaced() {
    // At 90 % of ten, one old task at a time gives way to a new one. An old one that fails meanwhile is
    // replaced by one of the old revision.
    let mut scenario = deploying(10, 90, 100);
    let mut failed = false;
    let mut watch = |world: &mut World<'_, '_>, scheduler: &mut Scheduler<Event>| {
        if at(150) <= scheduler.now() && !failed {
            failed = true;
            let old = world.services[WEB].active.iter().copied().filter(|id| {
                world.tasks[*id].definition != NEW && world.tasks[*id].state.is_running()
            });
            let victim = old.max().expect("old tasks still run");
            let reason = std::borrow::Cow::Borrowed("Essential container in task exited");
            world.stop_task(victim, StopCode::EssentialContainerExited, reason, scheduler);
        }
    };
    let results = run_watched(&scenario, &mut watch);
    let reborn =
        results.task_records.iter().filter(|it| it.task_definition != NEW && at(150) <= it.created);
    assert_eq!(reborn.count(), 1, "one of the old revision starts in its place");
    assert_eq!(states(&results)[1].1, RolloutState::Completed);
    scenario.services[0].scheduling.updates.clear();
    assert_eq!(super::run(&scenario, &mut |_| {}).map(|it| it.tasks.created), Ok(10));
}

//! Laws of every run, tested on random scenarios.

mod queues;
mod scenarios;

pub(super) use scenarios::{Dice, random_scenario};

use scenarios::MEASURES;

use super::testing::{group, run, watch};
use crate::autoscaling::{
    AdjustmentType, AlarmSettings, ComparisonOperator, MetricAggregation, StepAdjustment,
    StepScalingPolicy, TreatMissingData,
};
use crate::engine::Stream;
use crate::invariants::violations;
use crate::scenario::*;
use crate::service::bounds::Bounds;
use crate::units::{IdVec, ServiceId, SimDuration, SimTime, TaskDefinitionId, ZoneId};

#[test]
fn every_law_holds_on_200_random_scenarios() {
    // What must have happened somewhere among them, so that the laws are not true of nothing.
    let (mut on_instances, mut on_fargate, mut interrupted, mut failed, mut terminated, mut queued) =
        (0, 0, 0, 0, 0, 0);
    for seed in 0..200 {
        let scenario = random_scenario(seed);
        let results = run(&scenario);
        let found = violations(&scenario, &results);
        assert!(found.is_empty(), "seed {seed}: {found:#?}");
        on_instances += results.task_records.iter().filter(|it| it.instance.is_some()).count();
        on_fargate += results.task_records.iter().filter(|it| it.billed_seconds > 0).count();
        interrupted += results.tasks.interrupted;
        failed += results.tasks.placement_failures;
        terminated += results.instances.terminated;
        queued += results
            .services
            .iter()
            .filter_map(|it| it.load.as_ref())
            .filter(|load| load.failed_micro > 0)
            .count();
    }
    let seen = [on_instances as u64, on_fargate as u64, interrupted, failed, terminated.into()];
    assert!(seen.iter().all(|count| *count > 100), "{seen:?}");
    assert!(queued > 10, "{queued}");
}

#[test]
fn doubled_prices_double_the_exact_cost_and_move_nothing() {
    for seed in 0..20 {
        let mut scenario = random_scenario(seed);
        let before = run(&scenario);
        scenario.prices = scenario.prices.scaled(2);
        let after = run(&scenario);
        assert_eq!(before.trajectory_fingerprint, after.trajectory_fingerprint, "seed {seed}");
        assert_eq!(before.task_records, after.task_records, "seed {seed}");
        let doubled = before.invoice.exact + before.invoice.exact;
        assert_eq!(doubled, after.invoice.exact, "seed {seed}");
    }
}

#[test]
fn a_policy_that_never_triggers_leaves_the_trajectory_as_it_was() {
    for seed in 0..20 {
        let mut scenario = random_scenario(seed);
        for service in &mut scenario.services {
            service.scaling = None;
            // An update may leave the bounds of the policy, which then has something to do.
            for update in &mut service.scheduling.updates {
                update.desired_count = None;
            }
        }
        let before = run(&scenario);
        let cpu = watch(&mut scenario, 0, MEASURES[0], SimDuration::ZERO);
        for service in &mut scenario.services {
            service.scaling = Some(ScalableTarget {
                min_capacity: service.desired_count,
                max_capacity: service.desired_count + 10,
                target_tracking: Vec::new(),
                step_scaling: vec![StepScalingPolicy {
                    name: "never".into(),
                    alarm: AlarmSettings {
                        name: "never".into(),
                        query: cpu.clone(),
                        comparison_operator: ComparisonOperator::GreaterThan,
                        threshold: 1e9,
                        evaluation_periods: 1,
                        datapoints_to_alarm: 1,
                        treat_missing_data: TreatMissingData::NotBreaching,
                    },
                    adjustment_type: AdjustmentType::ChangeInCapacity,
                    steps: vec![StepAdjustment { lower: Some(0.0), upper: None, adjustment: 5 }],
                    min_adjustment_magnitude: None,
                    aggregation: MetricAggregation::Average,
                    cooldown: SimDuration::from_secs(300),
                }],
                scheduled: Vec::new(),
                ..ScalableTarget::default()
            });
        }
        let after = run(&scenario);
        assert_eq!(before.trajectory_fingerprint, after.trajectory_fingerprint, "seed {seed}");
        assert_eq!(before.invoice, after.invoice, "seed {seed}");
    }
}

#[test]
fn a_shift_by_whole_hours_shifts_the_outputs_only() {
    for seed in 0..20 {
        let mut scenario = random_scenario(seed);
        let before = run(&scenario);
        scenario.start_unix_seconds += 86_400;
        let after = run(&scenario);
        assert_eq!(before.trajectory_fingerprint, after.trajectory_fingerprint, "seed {seed}");
        assert_eq!(before.outcome_fingerprint, after.outcome_fingerprint, "seed {seed}");
        for (before, after) in before.invoice.lines.iter().zip(&after.invoice.lines) {
            assert_eq!(before.period_start + 86_400, after.period_start);
            assert_eq!(before.amount, after.amount);
        }
    }
}

#[test]
fn an_instance_type_that_hosts_nothing_changes_nothing() {
    for seed in 0..20 {
        let mut scenario = random_scenario(seed);
        for service in &mut scenario.services {
            // The zones of a group count whether it has instances or not.
            service.scheduling.zone_rebalancing = false;
        }
        let before = run(&scenario);
        let mut idle = group(0, 0, 5);
        idle.name = "idle".into();
        idle.zones = vec![ZoneId(0)];
        scenario.auto_scaling_groups.push(idle);
        let after = run(&scenario);
        assert_eq!(before.trajectory_fingerprint, after.trajectory_fingerprint, "seed {seed}");
    }
}

/// A service that only deploys: rolling, with three updates in two hours, on Fargate.
fn random_rollout(seed: u64) -> Scenario {
    let mut dice = Dice(Stream::from_seed(seed));
    let mut scenario = random_scenario(seed);
    scenario.duration = SimDuration::from_secs(2 * 3600);
    scenario.batches.clear();
    scenario.draining.clear();
    scenario.services.truncate(1);
    scenario.metrics = IdVec::new();
    let service = &mut scenario.services[0];
    service.launch = LaunchTarget::Fargate;
    service.placement_constraints.clear();
    service.placement_strategy.clear();
    service.scaling = None;
    service.starts_ready = true;
    service.desired_count = dice.between(1, 20) as u32;
    service.scheduling.deployment = DeploymentConfiguration {
        minimum_healthy_percent: dice.between(0, 100) as u32,
        maximum_percent: dice.between(100, 250) as u32,
        ..DeploymentConfiguration::default()
    };
    let update = |at: u64, definition: u32| ServiceUpdate {
        at: SimTime::from_secs(at),
        task_definition: Some(TaskDefinitionId(definition)),
        launch: None,
        force_new_deployment: true,
        desired_count: None,
    };
    service.scheduling.updates =
        (0..3).map(|n| update(n * 1800 + dice.between(1, 1800), dice.below(3) as u32)).collect();
    scenario
}

#[test]
fn rolling_deployments_keep_their_bounds_on_200_random_services() {
    let (mut completed, mut superseded, mut stuck) = (0, 0, 0);
    for seed in 0..200 {
        let scenario = random_rollout(seed);
        let service = &scenario.services[0];
        let configuration = &service.scheduling.deployment;
        let bounds = Bounds::of(
            service.desired_count,
            configuration.minimum_healthy_percent,
            configuration.maximum_percent,
        );
        let results = super::watched::run_watched(&scenario, &mut |world, scheduler| {
            let state = &world.services[ServiceId(0)];
            let healthy: u32 = state.rollout.revisions.iter().map(|it| it.counted).sum();
            let active = state.active.len() as u32;
            let now = scheduler.now();
            assert!(
                bounds.lower <= healthy || now == SimTime::ZERO,
                "seed {seed}: {healthy} at {now:?}"
            );
            assert!(active <= bounds.upper, "seed {seed}: {active} at {now:?}");
        });
        let says = |words: &str| results.event_records.iter().any(|it| it.message.contains(words));
        stuck += u32::from(says("was unable to stop or start tasks"));
        for deployment in &results.services[0].deployments[1..] {
            completed += u32::from(deployment.state.name() == "COMPLETED");
            superseded += u32::from(deployment.state.name() == "SUPERSEDED");
        }
    }
    assert!(200 < completed && 10 < superseded && 3 < stuck, "{completed} {superseded} {stuck}");
}

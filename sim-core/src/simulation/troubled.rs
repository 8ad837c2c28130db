//! Laws of random whole runs with images, containers and faults.

use super::lives::{HEALTH_CHECK, add_image, container, exit_at, fault, run};
use super::random::{Dice, random_scenario};
use super::testing::{constant, seconds};
use crate::agent::{Condition, Dependency, PullBehavior, RestartPolicy};
use crate::engine::Stream;
use crate::invariants::violations;
use crate::scenario::{Container, Fault, FaultKind, Scenario};
use crate::units::{ImageId, TaskDefinitionId};

/// A random scenario with images, containers and faults.
fn troubled(seed: u64) -> Scenario {
    let mut scenario = random_scenario(seed);
    let mut dice = Dice(Stream::from_seed(seed ^ 0xfa17));
    // Without any delay a crash loop would spin at one instant.
    scenario.control_plane.scheduler_reaction = constant(1);
    scenario.control_plane.images.first_task_hold = seconds(dice.below(3));
    for layer in 0..4 {
        let bytes = dice.below(2_000_000_000);
        add_image(&mut scenario, &[(0, 100_000_000), (layer + 1, bytes)]);
    }
    for id in [TaskDefinitionId(0), TaskDefinitionId(1), TaskDefinitionId(2)] {
        let images = (0..dice.below(3)).map(|_| ImageId(dice.below(4) as u32)).collect();
        let task = &mut scenario.task_definitions[id];
        task.images = images;
        task.stop_time = dice.delay(20);
        task.stop_timeout = dice.coin().then(|| seconds(5));
        if dice.coin() {
            task.containers = random_containers(&mut dice);
        }
    }
    for group in scenario.auto_scaling_groups.ids().collect::<Vec<_>>() {
        let agent = &mut scenario.auto_scaling_groups[group].agent;
        agent.pull_behavior = dice.pick(&[
            PullBehavior::Default,
            PullBehavior::Always,
            PullBehavior::Once,
            PullBehavior::PreferCached,
        ]);
    }
    let horizon = scenario.duration.as_secs_ceil();
    for index in 0..dice.between(1, 4) {
        let from = dice.below(horizon);
        let container = dice.coin().then(|| "proxy".to_owned());
        let kind = match dice.below(5) {
            0 => FaultKind::CannotPull,
            1 => FaultKind::FailsToStart { container, exit_code: 1 },
            2 => FaultKind::ContainerExit {
                container,
                after: dice.delay(300),
                exit_code: dice.below(3) as u8,
                out_of_memory: dice.coin(),
            },
            3 => FaultKind::ContainerUnhealthy { container },
            _ => FaultKind::TargetUnhealthy,
        };
        scenario.faults.push(Fault {
            name: format!("fault-{index}"),
            share: dice.pick(&[0.2, 0.7, 1.0]),
            task_definition: dice.coin().then(|| TaskDefinitionId(dice.below(3) as u32)),
            ..fault(kind, from, from + dice.between(1, 900))
        });
    }
    scenario
}

fn random_containers(dice: &mut Dice) -> Vec<Container> {
    let checked = dice.coin();
    let policy = RestartPolicy { ignored_exit_codes: vec![2], attempt_period: seconds(60) };
    let condition = if checked && dice.coin() { Condition::Healthy } else { Condition::Start };
    vec![
        Container {
            depends_on: vec![
                Dependency { container: 1, condition },
                Dependency {
                    container: 2,
                    condition: dice.pick(&[Condition::Complete, Condition::Success]),
                },
            ],
            restart_policy: dice.coin().then(|| policy.clone()),
            ..container("app")
        },
        Container {
            essential: dice.coin(),
            health_check: checked.then_some(HEALTH_CHECK),
            start_timeout: dice.coin().then(|| seconds(40)),
            restart_policy: dice.coin().then(|| policy.clone()),
            ..container("proxy")
        },
        Container {
            essential: false,
            run_time: Some(dice.delay(10)),
            start_time: Some(dice.delay(3)),
            exit_code: u8::from(dice.below(10) == 0),
            stop_timeout: Some(seconds(2)),
            ..container("init")
        },
    ]
}

#[test]
fn every_law_holds_on_150_troubled_scenarios() {
    let mut reasons = std::collections::BTreeMap::<String, u32>::new();
    let (mut restarts, mut queued) = (0, 0);
    for seed in 0..150 {
        let scenario = troubled(seed);
        let results = super::run(&scenario, &mut |_| {}).expect("no limit is reached");
        let found = violations(&scenario, &results);
        assert!(found.is_empty(), "seed {seed}: {found:#?}");
        for task in &results.task_records {
            let words = task.stopped_reason.split([':', '(']).next().unwrap_or_default();
            *reasons.entry(words.trim().to_owned()).or_default() += 1;
            restarts += u32::from(task.restarts);
            let waited = task.pull_started > task.placed;
            queued += u32::from(task.instance.is_some() && waited);
        }
    }
    for reason in [
        "CannotPullContainerError",
        "Essential container in task exited",
        "OutOfMemoryError",
        "Task failed ELB health checks in",
        "Task failed container health checks",
        "Task failed to start",
    ] {
        let count = reasons.get(reason).copied().unwrap_or(0);
        assert!(count > 10, "{reason}: {reasons:#?}");
    }
    assert!(restarts > 10, "{restarts}");
    assert!(queued > 100, "{queued}");
}

#[test]
fn a_run_with_faults_repeats_itself() {
    for seed in 0..10 {
        let scenario = troubled(seed);
        let (first, second) = (run(&scenario), run(&scenario));
        assert_eq!(first.trajectory_fingerprint, second.trajectory_fingerprint);
        assert_eq!(first.task_records, second.task_records);
    }
}

#[test]
fn a_fault_that_hits_nobody_changes_nothing() {
    for seed in 0..10 {
        let mut scenario = random_scenario(seed);
        let before = run(&scenario);
        scenario.faults = vec![Fault { share: 0.0, ..exit_at(100, 1) }];
        let after = run(&scenario);
        assert_eq!(before.trajectory_fingerprint, after.trajectory_fingerprint, "seed {seed}");
    }
}

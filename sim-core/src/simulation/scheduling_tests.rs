//! Daemons, draining, protection, throttling, rebalancing and replacement in whole runs.

use std::borrow::Cow;

use super::health::FailedCheck;
use super::task::TaskState;
use super::testing::{at, batch, definition, empty, group, managed_provider, seconds, service};
use super::watched::{broken_laws, run_watched};
use crate::engine::DurationDistribution;
use crate::placement::{Expression, PlacementConstraint, PlacementStrategy};
use crate::results::{RunResults, StopCode, TaskRecord};
use crate::scenario::*;
use crate::units::{AsgId, ServiceId, SimTime, TaskDefinitionId, TaskId, ZoneId};

const WEB: ServiceId = ServiceId(0);

fn said(results: &RunResults, words: &str) -> Vec<u64> {
    let found = results.event_records.iter().filter(|it| it.message.contains(words));
    found.map(|it| it.at.as_nanos() / 1_000_000_000).collect()
}

fn run(scenario: &Scenario) -> RunResults {
    let results = run_watched(scenario, &mut |_, _| {});
    let found = broken_laws(scenario, &results);
    assert!(found.is_empty(), "{found:#?}");
    results
}

/// `desired` tasks of half a vCPU on `instances` instances of two, ready at the start.
fn on_instances(desired: u32, instances: u32) -> Scenario {
    let mut scenario = empty();
    let mut task = definition(512, 1024);
    task.pull_time = DurationDistribution::Constant(seconds(20));
    scenario.task_definitions.push(task);
    scenario.auto_scaling_groups.push(group(0, instances, 20));
    let mut web = service("web", desired, LaunchTarget::Ec2);
    web.starts_ready = true;
    scenario.services.push(web);
    scenario
}

fn daemon(scenario: &mut Scenario) {
    let mut agent = definition(256, 256);
    agent.family = "agent".into();
    scenario.task_definitions.push(agent);
    let mut daemon = service("agent", 0, LaunchTarget::Ec2);
    daemon.task_definition = TaskDefinitionId(scenario.task_definitions.len() as u32 - 1);
    daemon.starts_ready = true;
    daemon.scheduling.strategy = SchedulingStrategy::Daemon;
    daemon.scheduling.deployment.minimum_healthy_percent = 0;
    daemon.scheduling.deployment.maximum_percent = 100;
    scenario.services.push(daemon);
}

fn of<'r>(results: &'r RunResults, group: &str) -> Vec<&'r TaskRecord> {
    results.task_records.iter().filter(|task| *task.group == *group).collect()
}

fn desired_at(second: u64, desired: u32) -> ServiceUpdate {
    ServiceUpdate {
        at: at(second),
        task_definition: None,
        launch: None,
        force_new_deployment: false,
        desired_count: Some(desired),
    }
}

#[test]
fn a_daemon_runs_on_every_instance_as_they_come_and_go() {
    let mut scenario = on_instances(2, 2);
    daemon(&mut scenario);
    scenario.capacity_providers.push(managed_provider(100));
    scenario.services[0].launch = LaunchTarget::Strategy(vec![StrategyItem {
        capacity_provider: crate::units::CapacityProviderId(0),
        base: 0,
        weight: 1,
    }]);
    // Four tasks fit on an instance without the daemon, three with it.
    scenario.services[0].scheduling.updates = vec![desired_at(300, 12), desired_at(1500, 1)];
    scenario.duration = seconds(4 * 3600);
    let results = run(&scenario);
    let daemons = of(&results, "agent");
    assert_eq!(daemons.len(), results.instance_records.len(), "one for each instance");
    assert!(4 <= daemons.len());
    for daemon in &daemons {
        let instance = &results.instance_records[daemon.instance.expect("on an instance") as usize];
        assert_eq!(daemon.placed, instance.registered);
        assert_eq!(daemon.stopped, instance.terminated, "it does not keep its instance alive");
    }
    assert!(results.instances.terminated >= 2, "empty instances go although a daemon runs there");
    let most = results
        .task_records
        .iter()
        .filter(|task| *task.group == *"web" && task.instance == Some(0));
    assert!(most.count() <= 3 + 2, "the daemon's room is its own");
}

#[test]
fn a_daemon_deployment_goes_through_the_instances_within_its_lower_bound() {
    let mut scenario = on_instances(0, 4);
    daemon(&mut scenario);
    let mut next = definition(256, 256);
    next.family = "next".into();
    next.pull_time = DurationDistribution::Constant(seconds(20));
    scenario.task_definitions.push(next);
    let scheduling = &mut scenario.services[1].scheduling;
    scheduling.deployment.minimum_healthy_percent = 50;
    scheduling.updates = vec![ServiceUpdate {
        task_definition: Some(TaskDefinitionId(2)),
        desired_count: None,
        ..desired_at(100, 0)
    }];
    let mut fewest = u32::MAX;
    let results = run_watched(&scenario, &mut |world, _| {
        let state = &world.services[ServiceId(1)];
        fewest = fewest.min(state.rollout.revisions.iter().map(|it| it.counted).sum());
    });
    assert_eq!(fewest, 2);
    let deployment = &results.services[1].deployments[1];
    assert_eq!((deployment.running, deployment.started_tasks), (4, 4));
    assert_eq!(deployment.state.name(), "COMPLETED");
}

#[test]
fn draining_keeps_the_minimum_healthy_percent() {
    let mut scenario = on_instances(6, 3);
    scenario.draining.push(DrainingRequest {
        at: at(600),
        group: AsgId(0),
        zone: None,
        count: Some(1),
        replace: false,
    });
    let fewest = |scenario: &Scenario| {
        let mut fewest = u64::MAX;
        let results = run_watched(scenario, &mut |world, _| {
            fewest = fewest.min(world.services[WEB].running.value());
        });
        let left = of(&results, "web")
            .iter()
            .filter(|it| it.instance == Some(0) && it.stopped.is_none())
            .count();
        (fewest, left, said(&results, "has stopped 2 running tasks"))
    };
    assert_eq!(fewest(&scenario), (6, 0, vec![620]), "replacements run first");
    scenario.services[0].scheduling.deployment.minimum_healthy_percent = 50;
    scenario.services[0].scheduling.deployment.maximum_percent = 100;
    assert_eq!(fewest(&scenario), (4, 0, vec![600]), "room is made first");
    scenario.services[0].scheduling.deployment.minimum_healthy_percent = 100;
    assert_eq!(fewest(&scenario), (6, 2, vec![]), "100 to 100 cannot drain");
}

#[test]
fn draining_leaves_standalone_tasks_alone() {
    let mut scenario = on_instances(3, 3);
    let job = BatchJob {
        arrival: at(60),
        duration: seconds(1800),
        cpu: crate::units::Cpu::from_ecs_units(512),
        memory: crate::units::Mib::new(1024),
    };
    scenario.batches.push(batch("jobs", vec![job; 3], LaunchTarget::Ec2));
    scenario.batches[0].placement_constraints = vec![PlacementConstraint::DistinctInstance];
    scenario.draining.push(DrainingRequest {
        at: at(600),
        group: AsgId(0),
        zone: None,
        count: Some(1),
        replace: false,
    });
    let results = run(&scenario);
    let moved = of(&results, "web").into_iter().filter(|it| it.stopping.is_some());
    assert_eq!(moved.map(|it| it.instance).collect::<Vec<_>>(), [Some(0)]);
    let jobs = of(&results, "jobs");
    assert_eq!(jobs.iter().filter(|it| it.instance == Some(0)).count(), 1);
    let ends: Vec<_> = jobs.iter().map(|it| it.started.map(|at| at + seconds(1800))).collect();
    assert_eq!(ends, jobs.iter().map(|it| it.stopping).collect::<Vec<_>>(), "each ran to its end");
}

#[test]
fn tasks_that_ran_before_they_failed_start_again_without_a_pause() {
    // Twenty seconds of pull, ten of life, over and over.
    let scenario = on_instances(1, 1);
    let results = run_watched(&scenario, &mut |world, scheduler| {
        let active: Vec<TaskId> = world.services[WEB].active.iter().copied().collect();
        for id in active {
            let since = world.tasks[id].started;
            if since.is_some_and(|since| since + seconds(10) <= scheduler.now()) {
                let reason = Cow::Borrowed("Essential container in task exited");
                world.stop_task(id, StopCode::EssentialContainerExited, reason, scheduler);
            }
        }
    });
    assert!(said(&results, "unable to consistently start tasks").is_empty());
    let created: Vec<SimTime> = results.task_records.iter().map(|it| it.created).collect();
    assert!(30 < created.len(), "{created:?}");
    let ended: Vec<SimTime> = results.task_records.iter().filter_map(|it| it.stopping).collect();
    assert_eq!(created[1..], ended[..], "each starts when the one before it ends");
}

#[test]
fn an_instance_that_is_to_be_replaced_goes_when_it_is_empty() {
    let mut scenario = on_instances(8, 4);
    daemon(&mut scenario);
    scenario.draining.push(DrainingRequest {
        at: at(600),
        group: AsgId(0),
        zone: Some(ZoneId(0)),
        count: None,
        replace: true,
    });
    let results = run(&scenario);
    let gone: Vec<_> =
        results.instance_records.iter().filter(|it| it.terminated.is_some()).collect();
    assert_eq!(gone.len(), 2, "two of the four were in the zone");
    assert!(gone.iter().all(|it| Some(at(620)) <= it.terminated && it.terminated <= Some(at(700))));
    assert_eq!(results.instance_records.len(), 6, "the group replaces them");
    assert!(of(&results, "web").iter().all(|it| it.stop_code != Some(StopCode::TerminationNotice)));
}

#[test]
fn managed_draining_spares_tasks_that_a_scale_in_would_kill() {
    let killed = |managed_draining: bool| {
        let mut scenario = on_instances(4, 4);
        scenario.capacity_providers.push(managed_provider(100));
        let CapacityProviderKind::AutoScalingGroup {
            managed_draining: draining,
            managed_termination_protection: protection,
            ..
        } = &mut scenario.capacity_providers[crate::units::CapacityProviderId(0)].kind
        else {
            unreachable!("the provider has a group")
        };
        *draining = managed_draining;
        *protection = false;
        scenario.services[0].launch = LaunchTarget::Strategy(vec![StrategyItem {
            capacity_provider: crate::units::CapacityProviderId(0),
            base: 0,
            weight: 1,
        }]);
        // After the scale-in the one task left sits on an instance that the group may choose.
        scenario.services[0].scheduling.updates = vec![desired_at(300, 1)];
        scenario.duration = seconds(4 * 3600);
        let results = run(&scenario);
        assert!(0 < results.instances.terminated);
        let codes = results.task_records.iter().map(|it| it.stop_code);
        codes.filter(|code| *code == Some(StopCode::TerminationNotice)).count()
    };
    assert!(0 < killed(false));
    assert_eq!(killed(true), 0);
}

#[test]
fn protected_tasks_survive_scale_in_until_their_protection_ends() {
    let mut scenario = on_instances(8, 4);
    scenario.services[0].scheduling.task_protection =
        Some(TaskProtection { share: 1.0, length: seconds(1800) });
    scenario.services[0].scheduling.updates = vec![desired_at(600, 2)];
    let results = run(&scenario);
    let mut stops: Vec<_> = of(&results, "web").iter().filter_map(|it| it.stopping).collect();
    stops.sort_unstable();
    assert_eq!(stops, vec![at(1800); 6], "not at 600 s");
    scenario.control_plane.service_scheduler.below_protected = BelowProtected::Stop;
    let stopped = run(&scenario);
    assert_eq!(said(&stopped, "has stopped 6 running tasks"), [600]);
}

#[test]
fn a_deployment_waits_for_protected_tasks() {
    let mut scenario = on_instances(4, 4);
    scenario.services[0].scheduling.task_protection =
        Some(TaskProtection { share: 1.0, length: seconds(1800) });
    scenario.services[0].scheduling.updates = vec![ServiceUpdate {
        launch: None,
        force_new_deployment: true,
        desired_count: None,
        ..desired_at(600, 0)
    }];
    let results = run(&scenario);
    assert_eq!(said(&results, "deployment completed"), [1800]);
    assert_eq!(results.services[0].running_peak, 8);
}

#[test]
fn launches_that_fail_are_tried_at_growing_intervals() {
    let mut scenario = on_instances(1, 1);
    scenario.services[0].starts_ready = false;
    scenario.duration = seconds(3 * 3600);
    let results = run_watched(&scenario, &mut |world, scheduler| {
        let active: Vec<TaskId> = world.services[WEB].active.iter().copied().collect();
        for id in active {
            if world.tasks[id].state == TaskState::Pulling {
                let reason = Cow::Borrowed("CannotPullContainerError");
                world.stop_task(id, StopCode::TaskFailedToStart, reason, scheduler);
            }
        }
    });
    let created: Vec<u64> =
        results.task_records.iter().map(|it| it.created.as_nanos() / 1_000_000_000).collect();
    let pauses: Vec<u64> = created.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(pauses[..10], [0, 0, 10, 20, 40, 80, 160, 320, 640, 1280]);
    assert!(12 < pauses.len() && pauses[10..].iter().all(|pause| *pause == 27 * 60));
    assert_eq!(said(&results, "unable to consistently start tasks").len(), 1);
}

#[test]
fn an_unhealthy_task_is_replaced_before_it_stops() {
    let mut scenario = on_instances(4, 4);
    let mut failed = None;
    let mut watch =
        |world: &mut super::world::World<'_, '_>,
         scheduler: &mut crate::engine::Scheduler<super::event::Event>| {
            if failed.is_none() && at(300) <= scheduler.now() {
                let first = world.services[WEB].active.first().copied();
                failed = first;
                if let Some(task) = first {
                    world.task_unhealthy(task, FailedCheck::Container, scheduler);
                }
            }
        };
    let results = run_watched(&scenario, &mut watch);
    let bad = &results.task_records[0];
    assert_eq!(
        (bad.stopping, &*bad.stopped_reason),
        (Some(at(320)), "Task failed container health checks")
    );
    assert_eq!(results.task_records[4].created, at(300));
    // Without room above it stops first.
    scenario.services[0].scheduling.deployment.maximum_percent = 100;
    failed = None;
    let mut watch =
        |world: &mut super::world::World<'_, '_>,
         scheduler: &mut crate::engine::Scheduler<super::event::Event>| {
            if failed.is_none() && at(300) <= scheduler.now() {
                failed = world.services[WEB].active.first().copied();
                if let Some(task) = failed {
                    world.task_unhealthy(task, FailedCheck::Container, scheduler);
                }
            }
        };
    let results = run_watched(&scenario, &mut watch);
    assert_eq!(results.task_records[0].stopping, Some(at(300)));
    assert_eq!(results.task_records[4].created, at(300));
}

#[test]
fn a_task_that_recovers_stays() {
    let scenario = on_instances(4, 4);
    let mut step = 0;
    let results = run_watched(&scenario, &mut |world, scheduler| {
        let now = scheduler.now();
        let task = TaskId(0);
        if step == 0 && at(300) <= now {
            step = 1;
            world.task_unhealthy(task, FailedCheck::Container, scheduler);
            world.task_recovered(task, scheduler);
        }
    });
    assert_eq!(results.task_records[0].stopping, None);
    assert_eq!(results.tasks.created, 4);
    assert_eq!(results.services[0].deployments[0].running, 4);
}

#[test]
fn zones_are_evened_out_one_task_at_a_time() {
    // All six tasks find room in the first zone only; then instances appear in the others.
    let mut scenario = on_instances(6, 2);
    scenario.auto_scaling_groups[AsgId(0)].zones = vec![ZoneId(0)];
    let mut late = group(0, 2, 20);
    late.name = "late".into();
    late.starts_ready = false;
    late.zones = vec![ZoneId(1), ZoneId(2)];
    scenario.auto_scaling_groups.push(late);
    let zones = |results: &RunResults| {
        let mut counts = [0; 3];
        for task in of(results, "web").iter().filter(|it| it.stopping.is_none()) {
            counts[usize::from(task.zone.as_bytes()[task.zone.len() - 1] - b'a')] += 1;
        }
        counts
    };
    assert_eq!(zones(&run(&scenario)), [6, 0, 0]);
    scenario.services[0].scheduling.zone_rebalancing = true;
    let mut most = 0;
    let results = run_watched(&scenario, &mut |world, _| {
        most = most.max(world.services[WEB].active.len());
    });
    assert_eq!((zones(&results), most), ([2, 2, 2], 7));
    // A look after 60 s, and another one 60 s after each move of 20 s.
    assert_eq!(said(&results, "is not AZ balanced").len(), 1);
    assert_eq!(said(&results, "has stopped 1 running tasks"), [80, 160, 240, 320]);
    assert_eq!(said(&results, "is AZ balanced"), [320]);
}

#[test]
fn scale_in_keeps_the_balance_over_the_attribute_of_a_leading_spread() {
    // Rack r1 is one instance of the first zone, r2 one in each of two zones: by zone alone, most tasks
    // would go from the first one, whichever rack they are on.
    let mut scenario = on_instances(8, 1);
    let mut second = group(0, 2, 20);
    second.name = "second".into();
    scenario.auto_scaling_groups.push(second);
    for (id, rack, zones) in [(AsgId(0), "r1", 1), (AsgId(1), "r2", 2)] {
        let group = &mut scenario.auto_scaling_groups[id];
        group.zones = (0..zones).map(ZoneId).collect();
        for attributes in &mut group.types[0].attributes {
            attributes.set("rack", rack);
        }
    }
    scenario.services[0].placement_strategy =
        vec![PlacementStrategy::SpreadAttribute("rack".into()), PlacementStrategy::SpreadZone];
    scenario.services[0].scheduling.updates = vec![desired_at(600, 4), desired_at(1200, 2)];
    for seed in 0..12 {
        scenario.seed = seed;
        let results = run(&scenario);
        let left = |second: u64| {
            let there = results.task_records.iter().filter(|task| {
                task.created <= at(second) && task.stopping.is_none_or(|it| at(second) < it)
            });
            let mut racks = [0, 0];
            for task in there {
                let instance = task.instance.expect("all of them are on instances") as usize;
                racks[usize::from(results.instance_records[instance].group == "second")] += 1;
            }
            racks
        };
        assert_eq!([left(500), left(1100), left(1700)], [[4, 4], [2, 2], [1, 1]], "seed {seed}");
    }
}

#[test]
fn a_daemon_follows_the_tasks_that_its_constraint_asks_for() {
    // Two tasks of half a vCPU on four instances, one in each of two; later four, later one.
    let mut scenario = on_instances(2, 4);
    scenario.services[0].placement_strategy = vec![PlacementStrategy::SpreadInstance];
    scenario.services[0].scheduling.updates = vec![desired_at(600, 4), desired_at(1200, 1)];
    daemon(&mut scenario);
    let beside = Expression::parse("task:group == service:web").expect("an expression");
    scenario.services[1].placement_constraints =
        vec![PlacementConstraint::MemberOf(std::sync::Arc::new(beside))];
    let results = run(&scenario);
    let hosts = |group: &str, second: u64| {
        let there = of(&results, group).into_iter().filter(|task| {
            task.placed.is_some_and(|it| it <= at(second))
                && task.stopping.is_none_or(|it| at(second) < it)
        });
        let mut hosts: Vec<Option<u32>> = there.map(|task| task.instance).collect();
        hosts.sort_unstable();
        hosts
    };
    for (second, number) in [(300, 2), (900, 4), (1500, 1)] {
        assert_eq!(hosts("web", second).len(), number);
        assert_eq!(hosts("agent", second), hosts("web", second), "at {second} s");
    }
}

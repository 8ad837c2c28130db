//! Groups in whole runs, small enough to follow by hand: instances run 25 s after their launch, and a
//! group acts 5 s after its desired capacity changed.

use std::collections::BTreeSet;

use super::super::testing::{definition, empty, group, service};
use super::super::watched::{broken_laws, run_watched};
use crate::autoscaling::group::{
    ActionResult, CapacityDistribution, InstanceRefresh, LaunchSource, LifecycleHook,
    MaintenancePolicy, TerminationPolicy, Transition,
};
use crate::engine::DurationDistribution;
use crate::results::{InstanceRecord, RunResults};
use crate::scenario::*;
use crate::units::{AsgId, InstanceId, SimDuration, SimTime, ZoneId};

const GROUP: AsgId = AsgId(0);

fn seconds(n: u64) -> SimDuration {
    SimDuration::from_secs(n)
}

fn at(n: u64) -> SimTime {
    SimTime::from_secs(n)
}

/// A group of `desired` instances, ready at the start.
fn of(desired: u32, max: u32) -> Scenario {
    let mut scenario = empty();
    scenario.auto_scaling_groups.push(group(0, desired, max));
    scenario
}

fn operation(scenario: &mut Scenario) -> &mut GroupOperation {
    &mut scenario.auto_scaling_groups[GROUP].operation
}

fn change(scenario: &mut Scenario, second: u64, update: GroupUpdate) {
    operation(scenario).changes.push(GroupChange { at: at(second), update });
}

fn desired(desired: u32) -> GroupUpdate {
    GroupUpdate::Capacity(CapacityChange {
        scheduled_action: None,
        min_size: None,
        max_size: None,
        desired_capacity: Some(desired),
    })
}

fn run(scenario: &Scenario) -> RunResults {
    run_with(scenario, &mut |_, _, _| {})
}

type Act<'a> = &'a mut dyn FnMut(
    &mut super::World<'_, '_>,
    u64,
    &mut crate::engine::Scheduler<super::super::event::Event>,
);

/// Runs a scenario; `act` sees the world after each event, with the second it is.
fn run_with(scenario: &Scenario, act: Act<'_>) -> RunResults {
    let results = run_watched(scenario, &mut |world, scheduler| {
        let second = scheduler.now().as_nanos() / 1_000_000_000;
        act(world, second, scheduler);
    });
    let found = broken_laws(scenario, &results);
    assert!(found.is_empty(), "{found:#?}");
    results
}

fn second(at: Option<SimTime>) -> Option<u64> {
    at.map(|at| at.as_nanos() / 1_000_000_000)
}

fn requested(results: &RunResults) -> Vec<u64> {
    results.instance_records.iter().filter_map(|it| second(Some(it.requested))).collect()
}

fn terminated(results: &RunResults) -> Vec<u64> {
    let mut ends: Vec<u64> =
        results.instance_records.iter().filter_map(|it| second(it.terminated)).collect();
    ends.sort_unstable();
    ends
}

fn said(results: &RunResults, words: &str) -> Vec<u64> {
    let found = results.event_records.iter().filter(|it| it.message.contains(words));
    found.filter_map(|it| second(Some(it.at))).collect()
}

fn alive_in_zones(results: &RunResults) -> [usize; 3] {
    let count = |zone: &str| {
        let here = |it: &&InstanceRecord| it.terminated.is_none() && it.zone.ends_with(zone);
        results.instance_records.iter().filter(here).count()
    };
    ["a", "b", "c"].map(count)
}

fn hook(transition: Transition, completed_after: u64, abandoned_share: f64) -> LifecycleHook {
    LifecycleHook {
        name: "hook".into(),
        transition,
        heartbeat_timeout: seconds(3600),
        default_result: ActionResult::Abandon,
        completion: Some(DurationDistribution::Constant(seconds(completed_after))),
        abandoned_share,
        heartbeats: false,
    }
}

#[test]
fn a_lost_instance_is_noticed_at_the_next_check_and_replaced_in_its_zone() {
    let mut lost = false;
    let results = run_with(&of(3, 5), &mut |world, now, scheduler| {
        if 100 <= now && !lost {
            lost = true;
            world.lose_instance(InstanceId(1), scheduler);
        }
    });
    // The first event after second 100 is the record of the second minute.
    assert_eq!(terminated(&results), [120]);
    assert_eq!(requested(&results), [0, 0, 0, 180]);
    assert_eq!(alive_in_zones(&results), [1, 1, 1]);
    let ends: Vec<&InstanceRecord> =
        results.instance_records.iter().filter(|it| it.terminated.is_some()).collect();
    assert!(ends[0].termination_reason.contains("terminated or stopped"), "{ends:?}");
    assert_eq!(said(&results, "unhealthy instance needing to be replaced"), [180]);
    assert_eq!(
        said(&results, "At 2026-03-02T00:03:00Z an instance was taken out of service"),
        [180]
    );
}

#[test]
fn a_lost_instance_stays_lost_while_its_replacement_is_suspended() {
    let mut scenario = of(3, 5);
    operation(&mut scenario).suspended = BTreeSet::from([Process::ReplaceUnhealthy]);
    let resumed = GroupUpdate::Resume(BTreeSet::from([Process::ReplaceUnhealthy]));
    change(&mut scenario, 610, resumed);
    let mut lost = false;
    let results = run_with(&scenario, &mut |world, now, scheduler| {
        if 100 <= now && !lost {
            lost = true;
            world.lose_instance(InstanceId(1), scheduler);
        }
    });
    assert_eq!(requested(&results), [0, 0, 0, 660]);
}

#[test]
fn an_impaired_instance_goes_after_two_minutes_unless_it_recovers() {
    let impair = |recovers: u64| {
        let mut begun = false;
        run_with(&of(3, 5), &mut |world, now, scheduler| {
            if 120 <= now && !begun {
                begun = true;
                world.set_impaired(InstanceId(0), true, scheduler);
            }
            if recovers <= now {
                world.set_impaired(InstanceId(0), false, scheduler);
            }
        })
    };
    let results = impair(u64::MAX);
    assert_eq!(terminated(&results), [240]);
    assert_eq!(requested(&results), [0, 0, 0, 240]);
    assert!(terminated(&impair(180)).is_empty());
}

#[test]
fn the_grace_period_shields_an_impaired_instance_but_not_a_lost_one() {
    let mut scenario = of(3, 5);
    operation(&mut scenario).health_checks.grace_period = seconds(900);
    let mut begun = false;
    let results = run_with(&scenario, &mut |world, now, scheduler| {
        if 120 <= now && !begun {
            begun = true;
            world.set_impaired(InstanceId(0), true, scheduler);
            world.lose_instance(InstanceId(1), scheduler);
        }
    });
    assert_eq!(terminated(&results), [120, 900]);
    assert_eq!(requested(&results), [0, 0, 0, 180, 900]);
}

#[test]
fn a_maintenance_policy_launches_before_it_terminates() {
    let mut scenario = of(4, 5);
    operation(&mut scenario).maintenance =
        Some(MaintenancePolicy { min_healthy_percentage: 100, max_healthy_percentage: 125 });
    let mut begun = false;
    let results = run_with(&scenario, &mut |world, now, scheduler| {
        if 120 <= now && !begun {
            begun = true;
            world.set_impaired(InstanceId(0), true, scheduler);
            world.set_impaired(InstanceId(1), true, scheduler);
        }
    });
    // One more at a time.
    assert_eq!(requested(&results), [0, 0, 0, 0, 240, 265]);
    assert_eq!(terminated(&results), [265, 290]);
}

#[test]
fn a_launch_hook_delays_service_but_not_the_bill() {
    let mut scenario = of(2, 5);
    scenario.auto_scaling_groups[GROUP].starts_ready = false;
    operation(&mut scenario).lifecycle_hooks = vec![hook(Transition::Launching, 30, 0.0)];
    let mut in_service = Vec::new();
    let results = run_with(&scenario, &mut |world, now, _| {
        in_service.push((now, world.groups[GROUP].alive.in_service()));
    });
    assert!(in_service.contains(&(40, 0)), "{in_service:?}");
    assert!(in_service.contains(&(55, 2)), "{in_service:?}");
    assert_eq!(results.instance_records[0].billed_seconds, 3600 - 25);
}

#[test]
fn abandoned_launches_are_repeated_after_pauses_that_double() {
    let mut scenario = of(1, 1);
    scenario.duration = seconds(500);
    scenario.auto_scaling_groups[GROUP].starts_ready = false;
    operation(&mut scenario).lifecycle_hooks = vec![hook(Transition::Launching, 10, 1.0)];
    scenario.purchasing.back_off.jitter = 0.0;
    let results = run(&scenario);
    // Abandoned 35 s after each launch; then 15, 30, 60 and 120 s.
    assert_eq!(requested(&results), [0, 50, 115, 210, 365]);
    assert_eq!(terminated(&results), [35, 85, 150, 245, 400]);
    assert!(results.instance_records[0].termination_reason.contains("abandoned"));
}

#[test]
fn a_termination_hook_keeps_an_instance_and_its_bill() {
    let mut scenario = of(3, 5);
    operation(&mut scenario).lifecycle_hooks = vec![hook(Transition::Terminating, 40, 0.0)];
    change(&mut scenario, 100, desired(2));
    let results = run(&scenario);
    assert_eq!(terminated(&results), [145]);
    assert_eq!(said(&results, "shrinking the capacity from 3 to 2"), [105]);
    assert_eq!(
        said(&results, "a user request update of AutoScalingGroup constraints to min: 0"),
        [100]
    );
    let gone = results.instance_records.iter().find(|it| it.terminated.is_some());
    assert_eq!(gone.map(|it| it.billed_seconds), Some(145));
}

#[test]
fn tasks_stay_on_an_instance_that_its_termination_hook_holds() {
    let mut scenario = of(1, 5);
    scenario.task_definitions.push(definition(512, 512));
    scenario.services.push(service("web", 1, LaunchTarget::Ec2));
    operation(&mut scenario).lifecycle_hooks = vec![hook(Transition::Terminating, 60, 0.0)];
    change(&mut scenario, 100, desired(0));
    let results = run(&scenario);
    assert_eq!(terminated(&results), [165]);
    assert_eq!(second(results.task_records[0].stopped), Some(165));
}

#[test]
fn suspended_processes_do_nothing_until_they_are_resumed() {
    let mut scenario = of(3, 5);
    let both = BTreeSet::from([Process::Launch, Process::Terminate]);
    change(&mut scenario, 50, GroupUpdate::Suspend(both.clone()));
    change(&mut scenario, 100, desired(2));
    change(&mut scenario, 300, GroupUpdate::Resume(both.clone()));
    change(&mut scenario, 400, GroupUpdate::Suspend(both.clone()));
    change(&mut scenario, 500, desired(3));
    change(&mut scenario, 700, GroupUpdate::Resume(both));
    let results = run(&scenario);
    assert_eq!(terminated(&results), [305]);
    assert_eq!(requested(&results), [0, 0, 0, 705]);
}

#[test]
fn protected_instances_stay_though_fewer_are_desired() {
    let mut scenario = of(3, 5);
    operation(&mut scenario).new_instances_protected = true;
    change(&mut scenario, 100, desired(1));
    let results = run(&scenario);
    assert!(terminated(&results).is_empty());
    assert_eq!(results.capacity[0].scale_in, 1);
}

#[test]
fn the_termination_policy_and_the_current_version_decide_who_goes() {
    let version = |version| LaunchSource::Template { template: 0, version };
    let victims = |policies: Vec<TerminationPolicy>| {
        let mut scenario = of(2, 9);
        scenario.auto_scaling_groups[GROUP].zones = vec![ZoneId(0)];
        operation(&mut scenario).termination_policies = policies;
        change(&mut scenario, 10, GroupUpdate::LaunchSource(version(2)));
        change(&mut scenario, 600, desired(3));
        change(&mut scenario, 700, GroupUpdate::LaunchSource(version(1)));
        change(&mut scenario, 1200, desired(4));
        change(&mut scenario, 1300, GroupUpdate::LaunchSource(version(2)));
        change(&mut scenario, 1800, desired(3));
        change(&mut scenario, 1900, desired(2));
        let results = run(&scenario);
        let records = results.instance_records.iter().enumerate();
        let mut gone: Vec<(Option<u64>, usize)> = records
            .filter(|(_, it)| it.terminated.is_some())
            .map(|(index, it)| (second(it.terminated), index))
            .collect();
        gone.sort_unstable();
        gone.into_iter().map(|it| it.1).collect::<Vec<_>>()
    };
    // 0 and 1 at second 0 and 3 at 1205 come from version 1, 2 at 605 from version 2.
    assert_eq!(victims(vec![TerminationPolicy::NewestInstance]), [3, 2]);
    let oldest = victims(vec![TerminationPolicy::OldestInstance]);
    assert!(oldest == [0, 1] || oldest == [1, 0], "{oldest:?}");
    let template =
        victims(vec![TerminationPolicy::OldestLaunchTemplate, TerminationPolicy::NewestInstance]);
    assert_eq!(template[0], 3);
    assert!(template[1] < 2, "{template:?}");
    // Of version 1, those of second 0 are nearest to the end of their hour.
    assert_eq!(victims(vec![TerminationPolicy::Default]), oldest);
}

#[test]
fn instances_move_out_of_a_zone_that_the_group_left() {
    let mut scenario = of(6, 6);
    change(&mut scenario, 100, GroupUpdate::Zones(vec![true, true, false]));
    let mut most = 0;
    let results = run_with(&scenario, &mut |world, _, _| {
        most = most.max(world.groups[GROUP].alive.len());
    });
    // One above the maximum at a time, launched before another one goes.
    assert_eq!(requested(&results)[6..], [105, 130]);
    assert_eq!(terminated(&results), [130, 155]);
    assert_eq!(alive_in_zones(&results), [3, 3, 0]);
    assert_eq!(most, 7);
    assert_eq!(said(&results, "launched to aid in balancing the group's zones").len(), 2);
}

#[test]
fn a_suspended_rebalancing_leaves_the_zones_as_they_are() {
    let mut scenario = of(6, 6);
    operation(&mut scenario).suspended = BTreeSet::from([Process::AZRebalance]);
    change(&mut scenario, 100, GroupUpdate::Zones(vec![true, true, false]));
    assert_eq!(alive_in_zones(&run(&scenario)), [2, 2, 2]);
}

#[test]
fn a_zone_without_room_is_made_up_for_and_evened_out_when_it_recovers() {
    for (distribution, during, after) in [
        (CapacityDistribution::BalancedBestEffort, [2, 2, 0], [2, 1, 1]),
        (CapacityDistribution::BalancedOnly, [1, 1, 0], [2, 1, 1]),
    ] {
        let mut scenario = of(0, 9);
        operation(&mut scenario).distribution = distribution;
        change(&mut scenario, 100, desired(4));
        let (mut lost, mut back) = (false, false);
        let mut seen = [0; 3];
        let results = run_with(&scenario, &mut |world, now, scheduler| {
            if !lost {
                lost = true;
                world.set_zone_available(ZoneId(2), false, scheduler);
            }
            if 1000 <= now && !back {
                back = true;
                for (zone, seen) in world.groups[GROUP].alive.zones().iter().zip(&mut seen) {
                    *seen = zone.instances;
                }
                world.set_zone_available(ZoneId(2), true, scheduler);
            }
        });
        assert_eq!(seen, during, "{distribution:?}");
        let mut zones = alive_in_zones(&results);
        zones.sort_unstable_by(|a, b| b.cmp(a));
        assert_eq!(zones, after, "{distribution:?}");
    }
}

#[test]
fn instances_past_their_lifetime_are_replaced_one_at_a_time() {
    let mut scenario = of(4, 8);
    scenario.duration = seconds(1000);
    operation(&mut scenario).max_instance_lifetime = Some(seconds(600));
    let results = run(&scenario);
    assert_eq!(terminated(&results), [600, 625, 650, 675]);
    assert_eq!(requested(&results), [0, 0, 0, 0, 600, 625, 650, 675]);
}

fn refresh(min: u32, max: u32) -> InstanceRefresh {
    InstanceRefresh {
        bounds: MaintenancePolicy { min_healthy_percentage: min, max_healthy_percentage: max },
        instance_warmup: seconds(60),
        checkpoint_percentages: Vec::new(),
        checkpoint_delay: seconds(300),
        skip_matching: false,
    }
}

fn refreshed(refresh: InstanceRefresh) -> RunResults {
    let mut scenario = of(4, 8);
    change(&mut scenario, 100, GroupUpdate::Refresh(0));
    operation(&mut scenario).refreshes = vec![refresh];
    run(&scenario)
}

#[test]
fn a_refresh_replaces_all_instances_within_its_bounds() {
    // 90 and 100 percent: one of four at a time, each 25 s to launch and 60 s to warm up.
    let results = refreshed(refresh(90, 100));
    assert_eq!(terminated(&results), [100, 185, 270, 355]);
    assert_eq!(said(&results, "Instance refresh ended. Status: Successful"), [440]);
    // Both at 100: the new one is there and warm before the old one goes.
    let results = refreshed(refresh(100, 100));
    assert_eq!(requested(&results)[4..], [100, 185, 270, 355]);
    assert_eq!(terminated(&results), [185, 270, 355, 440]);
    // Twice the size: all at once.
    let results = refreshed(refresh(100, 200));
    assert_eq!(terminated(&results), [185, 185, 185, 185]);
}

#[test]
fn a_refresh_pauses_at_its_checkpoints_and_may_spare_matching_instances() {
    let mut paused = refresh(90, 100);
    paused.checkpoint_percentages = vec![50, 100];
    let results = refreshed(paused);
    // After two of four, at 185 + 85 s, five minutes.
    assert_eq!(said(&results, "checkpoint of 50%"), [270]);
    assert_eq!(terminated(&results), [100, 185, 570, 655]);
    let mut spared = refresh(90, 100);
    spared.skip_matching = true;
    let results = refreshed(spared);
    assert!(terminated(&results).is_empty());
    assert_eq!(said(&results, "Status: Successful"), [100]);
}

#[test]
fn tv_sch_2_a_scheduled_desired_capacity_scales_in_and_out() {
    for before in [2, 5] {
        let mut scenario = of(before, 9);
        change(
            &mut scenario,
            300,
            GroupUpdate::Capacity(CapacityChange {
                scheduled_action: Some("nine".into()),
                min_size: None,
                max_size: None,
                desired_capacity: Some(3),
            }),
        );
        let results = run(&scenario);
        let alive = results.instance_records.iter().filter(|it| it.terminated.is_none());
        assert_eq!(alive.count(), 3);
        let said = said(&results, "a scheduled action nine update of AutoScalingGroup");
        assert_eq!(said.first(), Some(&300));
    }
}

#[test]
fn a_scheduled_capacity_outside_the_bounds_is_refused() {
    let mut scenario = of(2, 4);
    change(
        &mut scenario,
        300,
        GroupUpdate::Capacity(CapacityChange {
            scheduled_action: Some("nine".into()),
            min_size: None,
            max_size: None,
            desired_capacity: Some(5),
        }),
    );
    let results = run(&scenario);
    assert_eq!(requested(&results).len(), 2);
    assert_eq!(said(&results, "desired capacity 5 does not lie between 0 and 4"), [300]);
}

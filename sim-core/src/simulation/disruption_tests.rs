//! Behaviour of whole runs in which zones, instances or the control plane fail, and how services recover.

use super::random::{Dice, random_scenario};
use super::testing::{at, definition, empty, group, managed_provider, run, seconds, service};
use crate::agent::Window;
use crate::engine::{DurationDistribution, Stream};
use crate::invariants::violations;
use crate::results::{Recovered, RunResults};
use crate::scenario::*;
use crate::units::{AsgId, SimDuration, SimTime, ZoneId};

/// A disruption from one second to another.
fn during(kind: DisruptionKind, from: u64, until: u64) -> Disruption {
    Disruption {
        name: "fault".into(),
        windows: vec![Window { from: at(from), until: at(until) }],
        random: None,
        recovered_after: seconds(300),
        kind,
    }
}

fn outage(zone: u32, from: u64, until: u64) -> Disruption {
    during(DisruptionKind::ZoneOutage { zone: ZoneId(zone) }, from, until)
}

fn failure(count: u32, second: u64) -> Disruption {
    let scope = InstanceScope::default();
    let kind = DisruptionKind::InstanceFailure { scope, count };
    let window = Window { from: at(second), until: at(second) + SimDuration::from_nanos(1) };
    Disruption { windows: vec![window], ..during(kind, 0, 1) }
}

/// Instances with room for four tasks each, one in each zone first; all of it is used.
fn full_instances(instances: u32) -> Scenario {
    let mut scenario = empty();
    scenario.task_definitions.push(definition(512, 512));
    scenario.auto_scaling_groups.push(group(instances, instances, instances));
    scenario.services.push(service("web", 4 * instances, LaunchTarget::Ec2));
    scenario.services[0].starts_ready = true;
    // The service looks for room every five seconds.
    let retry = &mut scenario.control_plane.placement_retry;
    (retry.quick_interval, retry.quick_phase) = (seconds(5), seconds(3600));
    scenario
}

fn on_fargate(desired: u32) -> Scenario {
    let mut scenario = empty();
    scenario.task_definitions.push(definition(256, 512));
    scenario.services.push(service("web", desired, LaunchTarget::Fargate));
    scenario.services[0].starts_ready = true;
    scenario
}

/// Raises the desired count at a second.
fn scale_to(scenario: &mut Scenario, second: u64, count: u32) {
    let update = ServiceUpdate {
        at: at(second),
        task_definition: None,
        launch: None,
        force_new_deployment: false,
        desired_count: Some(count),
    };
    scenario.services[0].scheduling.updates = vec![update];
}

#[track_caller]
fn recovered_after(results: &RunResults, expected: u64) {
    let records = &results.fault_records;
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!(records[0].services[0].desired_count, Recovered::After(seconds(expected)));
}

#[test]
fn a_group_replaces_the_instances_of_a_zone_in_the_others() {
    let mut scenario = full_instances(3);
    // Otherwise an instance moves back to the zone when it recovers.
    let group = &mut scenario.auto_scaling_groups[AsgId(0)];
    group.operation.suspended.insert(crate::scenario::Process::AZRebalance);
    scenario.disruptions = vec![outage(0, 600, 1200)];
    let results = run(&scenario);
    // Unhealthy after two minutes of failed status checks, 25 s to launch, 15 s to register.
    recovered_after(&results, 120 + 25 + 15);
    let record = &results.fault_records[0];
    assert_eq!((record.kind, record.instances_lost, record.tasks_lost), ("zoneOutage", 1, 4));
    assert_eq!(record.until, Some(at(1200)));
    let instances = &results.instance_records;
    assert_eq!(instances.len(), 4);
    assert_eq!(instances[0].terminated, Some(at(720)));
    assert!(instances[0].termination_reason.contains("status checks"), "{:?}", instances[0]);
    assert_ne!(instances[3].zone, instances[0].zone);
    let stopped: Vec<_> = results.task_records.iter().filter(|it| it.stopped.is_some()).collect();
    assert_eq!(stopped.len(), 4);
    for task in stopped {
        assert_eq!((&*task.zone, task.stopped), ("us-east-1a", Some(at(600))));
        assert!(task.stopped_reason.starts_with("Host EC2 (instance i-"), "{task:?}");
    }
    assert_eq!(results.tasks.running_at_end, 12);
}

#[test]
fn a_group_of_one_zone_waits_for_its_end() {
    let mut scenario = full_instances(2);
    scenario.auto_scaling_groups[AsgId(0)].zones = vec![ZoneId(1)];
    scenario.disruptions = vec![outage(1, 600, 1200)];
    let results = run(&scenario);
    // The group tries again after pauses of up to 180 s, and a fifth longer.
    let Recovered::After(length) = results.fault_records[0].services[0].desired_count else {
        panic!("{:?}", results.fault_records);
    };
    let least = seconds(600 + 25 + 15);
    assert!(least <= length && length <= least + seconds(5 + 216), "{length:?}");
    let mut never = scenario.clone();
    never.disruptions = vec![outage(1, 600, 3600)];
    let results = run(&never);
    assert_eq!(results.fault_records[0].services[0].desired_count, Recovered::Never);
    assert_eq!(results.fault_records[0].until, None);
    assert_eq!(results.tasks.running_at_end, 0);
}

#[test]
fn fargate_leaves_a_zone_and_comes_back_by_rebalancing() {
    let mut scenario = on_fargate(9);
    scenario.services[0].scheduling.zone_rebalancing = true;
    scenario.control_plane.fargate_provisioning = DurationDistribution::Constant(seconds(30));
    scenario.disruptions = vec![outage(0, 600, 1200)];
    let results = run(&scenario);
    recovered_after(&results, 30);
    assert_eq!(results.fault_records[0].tasks_lost, 3);
    let in_zone = |task: &&crate::results::TaskRecord| &*task.zone == "us-east-1a";
    let created: Vec<SimTime> =
        results.task_records.iter().filter(in_zone).map(|task| task.created).collect();
    assert!(created.iter().all(|it| *it < at(600) || at(1200) <= *it), "{created:?}");
    let alive = results.task_records.iter().filter(|task| task.stopping.is_none());
    assert_eq!(alive.filter(in_zone).count(), 3, "three of nine are back in each zone");
}

#[test]
fn without_any_zone_nothing_starts() {
    let mut scenario = on_fargate(6);
    scenario.disruptions = (0..3)
        .map(|zone| Disruption { name: format!("{zone}"), ..outage(zone, 600, 1200) })
        .collect();
    let results = run(&scenario);
    let later: Vec<SimTime> =
        results.task_records.iter().map(|it| it.created).filter(|it| at(600) <= *it).collect();
    assert_eq!(later.len(), 6);
    assert!(later.iter().all(|it| (at(1200)..=at(1201)).contains(it)), "{later:?}");
}

#[test]
fn a_failed_instance_is_found_and_replaced() {
    let mut scenario = full_instances(3);
    scenario.disruptions = vec![failure(1, 600)];
    let results = run(&scenario);
    // The next health check comes after 60 s, and launches at once.
    recovered_after(&results, 60 + 25 + 15);
    assert_eq!(results.instances.terminated, 1);
    // It is billed until it stops.
    let failed = results.instance_records.iter().find(|it| it.terminated.is_some());
    let failed = failed.expect("an instance stopped");
    assert_eq!((failed.terminated, failed.billed_seconds), (Some(at(600)), 600));
    assert!(failed.termination_reason.contains("terminated or stopped"), "{failed:?}");
    // Slow launches make it worse: 3 × 25 s.
    let factor = 3.0;
    for (of, launch) in [
        (SlowLaunches::Everything, 75),
        (SlowLaunches::Group(AsgId(0)), 75),
        (SlowLaunches::Instances, 75),
        (SlowLaunches::Fargate, 25),
    ] {
        let slow = during(DisruptionKind::SlowLaunches { factor, of }, 500, 1000);
        scenario.disruptions = vec![failure(1, 600), Disruption { name: "slow".into(), ..slow }];
        let results = run(&scenario);
        let record = results.fault_records.iter().find(|it| it.kind == "instanceFailure");
        let recovered = record.map(|it| it.services[0].desired_count);
        let expected = Recovered::After(seconds(60 + launch + 15));
        assert_eq!(recovered, Some(expected), "{of:?}");
    }
}

#[test]
fn the_period_of_the_health_checks_and_the_patience_with_status_checks_are_the_groups() {
    let checks = |scenario: &mut Scenario, period, impaired_after, grace| {
        let checks = &mut scenario.auto_scaling_groups[AsgId(0)].operation.health_checks;
        checks.period = seconds(period);
        checks.impaired_after = seconds(impaired_after);
        checks.grace_period = seconds(grace);
    };
    let mut failed = full_instances(3);
    failed.disruptions = vec![failure(1, 601)];
    let mut out = full_instances(3);
    out.auto_scaling_groups[AsgId(0)].operation.suspended =
        [crate::scenario::Process::AZRebalance].into();
    out.disruptions = vec![outage(0, 601, 3000)];
    for (period, impaired_after, grace, found, unhealthy) in [
        // The checks of 660 s, and of 780 s as the first one after 721 s.
        (60, 120, 0, 660, 780),
        (10, 120, 0, 610, 730),
        (60, 300, 0, 660, 960),
        // The grace period shields what runs, not what does not.
        (60, 120, 1000, 660, 1020),
    ] {
        checks(&mut failed, period, impaired_after, grace);
        checks(&mut out, period, impaired_after, grace);
        let launched = |scenario: &Scenario| {
            run(scenario).instance_records.iter().map(|it| it.requested).max()
        };
        let case = format!("{period} {impaired_after} {grace}");
        assert_eq!(launched(&failed), Some(at(found)), "{case}");
        assert_eq!(launched(&out), Some(at(unhealthy)), "{case}");
    }
}

#[test]
fn an_instance_whose_zone_is_back_in_time_starts_anew() {
    let mut scenario = full_instances(3);
    scenario.disruptions = vec![outage(0, 600, 690)];
    let results = run(&scenario);
    assert_eq!(results.instance_records.len(), 3);
    assert_eq!(results.instances.terminated, 0);
    recovered_after(&results, 90);
    let lost = results.task_records.iter().filter(|it| it.stopped == Some(at(600))).count();
    assert_eq!((lost, results.tasks.running_at_end), (4, 12));
}

#[test]
fn a_launch_into_a_zone_that_goes_down_is_repeated_elsewhere() {
    let mut scenario = full_instances(3);
    scenario.auto_scaling_groups[AsgId(0)].starts_ready = false;
    scenario.services[0].starts_ready = false;
    scenario.disruptions = vec![outage(0, 10, 3600)];
    let results = run(&scenario);
    let instances = &results.instance_records;
    assert_eq!(instances.len(), 4);
    let lost = instances.iter().find(|it| it.terminated.is_some()).expect("one is lost");
    assert_eq!((lost.running, lost.terminated, lost.billed_seconds), (None, Some(at(10)), 0));
    assert_eq!(instances[3].requested, at(60));
    assert_ne!(instances[3].zone, "us-east-1a");
}

#[test]
fn nobody_replaces_an_instance_while_health_checks_are_suspended() {
    for process in [crate::scenario::Process::HealthCheck, Process::ReplaceUnhealthy] {
        let mut scenario = full_instances(3);
        scenario.auto_scaling_groups[AsgId(0)].operation.suspended = [process].into();
        scenario.disruptions = vec![failure(1, 600)];
        let results = run(&scenario);
        assert_eq!(results.instance_records.len(), 3, "{process:?}");
        assert_eq!(results.fault_records[0].services[0].desired_count, Recovered::Never);
    }
}

#[test]
fn zones_are_evened_out_with_what_is_not_protected_only() {
    // All instances run tasks, which managed termination protection keeps.
    let mut scenario = full_instances(6);
    scenario.capacity_providers.push(managed_provider(100));
    let items = vec![StrategyItem {
        capacity_provider: crate::units::CapacityProviderId(0),
        base: 0,
        weight: 1,
    }];
    scenario.services[0].launch = LaunchTarget::Strategy(items);
    scenario.disruptions = vec![outage(0, 600, 1200)];
    let results = run(&scenario);
    // The two of the zone are replaced; nothing is launched in vain when it is back.
    assert_eq!(results.instance_records.len(), 6 + 2);
    assert_eq!(results.tasks.running_at_end, 24);
}

#[test]
fn instances_fail_at_their_rate() {
    let mut scenario = full_instances(60);
    let mean = seconds(3600);
    let scope = InstanceScope::default();
    let rate = DisruptionKind::InstanceFailureRate { scope, mean };
    scenario.disruptions = vec![during(rate.clone(), 0, 3600)];
    let results = run(&scenario);
    // About 60 × (1 hour / 1 hour) less the time that replacements take: 57 ± 7.5.
    let failed = results.fault_records.len();
    assert!((34..=80).contains(&failed), "{failed}");
    assert!(results.fault_records.iter().all(|it| it.instances_lost == 1));
    // Inside a window of ten minutes only: about 10.
    scenario.disruptions = vec![during(rate, 1200, 1800)];
    let records = run(&scenario).fault_records;
    assert!((2..=24).contains(&records.len()), "{}", records.len());
    assert!(records.iter().all(|it| at(1200) <= it.from && it.from < at(1800)));
}

#[test]
fn an_instance_without_its_agent_takes_no_task_and_keeps_what_it_has() {
    let mut scenario = full_instances(2);
    scenario.services[0].desired_count = 2;
    scale_to(&mut scenario, 700, 4);
    let scope = InstanceScope::default();
    let kind = DisruptionKind::AgentDisconnected { scope, share: 1.0 };
    scenario.disruptions = vec![during(kind, 600, 900)];
    let results = run(&scenario);
    assert!(results.task_records.iter().all(|it| it.stopped.is_none()));
    let created: Vec<SimTime> = results.task_records.iter().map(|it| it.created).collect();
    assert_eq!(created.len(), 4);
    assert!(created[2..].iter().all(|it| at(900) <= *it && *it < at(910)), "{created:?}");
    let failure = &results.placement_failures[0];
    assert_eq!((failure.rejections.agent, failure.rejections.total()), (2, 2));
    assert_eq!(failure.rejections.main_reason(), Some("encountered error \"AGENT\""));
    // A share of none and a group that is another one's: nothing happens.
    let kind = DisruptionKind::AgentDisconnected { scope, share: 0.0 };
    scenario.disruptions = vec![during(kind, 600, 900)];
    assert_eq!(run(&scenario).placement_failures, []);
}

#[test]
fn a_control_plane_that_refuses_launches_holds_up_a_scale_out() {
    let mut scenario = on_fargate(1);
    scale_to(&mut scenario, 600, 51);
    let throttled = |remaining_permille| {
        let kind = DisruptionKind::ControlPlaneThrottling { remaining_permille };
        vec![during(kind, 500, 900)]
    };
    let last = |scenario: &Scenario| {
        let results = run(scenario);
        assert_eq!(results.task_records.len(), 51);
        results.task_records.iter().map(|it| it.created).max()
    };
    assert_eq!(last(&scenario), Some(at(600)), "the bucket holds 100 launches");
    scenario.disruptions = throttled(0);
    // The service's own bucket is empty then and gets 500 tokens a minute.
    assert_eq!(last(&scenario), Some(at(906)));
    // 10 at once, then 2 a second.
    scenario.disruptions = throttled(100);
    assert_eq!(last(&scenario), Some(at(620)));
    let results = run(&scenario);
    assert_eq!(results.fault_records[0].services[0].desired_count, Recovered::After(seconds(120)));
}

#[test]
fn random_times_repeat_and_stay_inside() {
    let mut scenario = full_instances(3);
    let constant = |length| DurationDistribution::Constant(seconds(length));
    scenario.disruptions = vec![Disruption {
        random: Some(RandomTimes { every: constant(600), lasts: constant(60) }),
        ..outage(2, 100, 2100)
    }];
    let records = run(&scenario).fault_records;
    let times: Vec<_> = records.iter().map(|it| (it.from, it.until)).collect();
    let expected = [(700, 760), (1360, 1420), (2020, 2080)];
    assert_eq!(times, expected.map(|(from, until)| (at(from), Some(at(until)))));
    // Without any pause there is an end to it, too.
    scenario.disruptions[0].random =
        Some(RandomTimes { every: DurationDistribution::ZERO, lasts: DurationDistribution::ZERO });
    assert_eq!(run(&scenario).fault_records.len(), 1, "what touches is one");
}

#[test]
fn pulls_take_longer_while_the_registry_is_slow() {
    let mut scenario = on_fargate(1);
    scenario.task_definitions[crate::units::TaskDefinitionId(0)].pull_time =
        DurationDistribution::Constant(seconds(10));
    scale_to(&mut scenario, 600, 2);
    scenario.faults = vec![Fault {
        name: "registry".into(),
        owner: None,
        task_definition: None,
        share: 1.0,
        windows: vec![Window { from: at(500), until: at(605) }],
        random: None,
        recovered_after: seconds(300),
        kind: FaultKind::SlowPull { factor: 2.5 },
    }];
    let results = run(&scenario);
    let task = &results.task_records[1];
    assert_eq!((task.pull_started, task.started), (Some(at(600)), Some(at(625))));
}

/// A random scenario in which up to four things fail.
fn disrupted(seed: u64) -> Scenario {
    let mut scenario = random_scenario(seed);
    let mut dice = Dice(Stream::from_seed(seed ^ 0xd15));
    for index in 0..=dice.below(4) {
        let from = dice.below(3600);
        let scope = InstanceScope {
            group: (dice.coin() && !scenario.auto_scaling_groups.is_empty()).then_some(AsgId(0)),
            zone: dice.coin().then(|| ZoneId(dice.below(3) as u32)),
        };
        let kind = match dice.below(8) {
            0 => {
                let zone = ZoneId(dice.below(3) as u32);
                DisruptionKind::ZoneOutage { zone }
            }
            1 => {
                let count = dice.between(1, 4) as u32;
                DisruptionKind::InstanceFailure { scope, count }
            }
            2 => {
                let mean = seconds(dice.between(300, 7200));
                DisruptionKind::InstanceFailureRate { scope, mean }
            }
            3 => DisruptionKind::AgentDisconnected { scope, share: dice.pick(&[0.3, 1.0]) },
            4 => {
                let of = dice.pick(&[SlowLaunches::Everything, SlowLaunches::Fargate]);
                DisruptionKind::SlowLaunches { factor: 4.0, of }
            }
            5 => {
                let remaining_permille = dice.pick(&[0, 50, 500]);
                DisruptionKind::ControlPlaneThrottling { remaining_permille }
            }
            6 => DisruptionKind::MissingMetrics(MetricScope::default()),
            _ => {
                let (scope, delay) = (MetricScope::default(), seconds(dice.between(1, 1200)));
                DisruptionKind::LateMetrics { scope, delay }
            }
        };
        let random =
            dice.coin().then(|| RandomTimes { every: dice.delay(900), lasts: dice.delay(300) });
        scenario.disruptions.push(Disruption {
            name: format!("disruption-{index}"),
            random,
            ..during(kind, from, from + dice.between(1, 3600))
        });
    }
    scenario
}

#[test]
fn every_law_holds_on_random_scenarios_in_which_things_fail() {
    let (mut instances, mut tasks, mut recovered, mut never) = (0, 0, 0, 0);
    for seed in 0..150 {
        let scenario = disrupted(seed);
        let results = run(&scenario);
        let found = violations(&scenario, &results);
        assert!(found.is_empty(), "seed {seed}: {found:#?}");
        for record in &results.fault_records {
            instances += record.instances_lost;
            tasks += record.tasks_lost;
            for service in &record.services {
                match service.desired_count {
                    Recovered::After(length) => {
                        recovered += 1;
                        assert!(record.from + length <= SimTime::ZERO + scenario.duration);
                    }
                    Recovered::Never => never += 1,
                    Recovered::Undisturbed => {}
                }
            }
        }
    }
    assert!(100 < instances && 100 < tasks, "{instances} {tasks}");
    assert!(50 < recovered && 10 < never, "{recovered} {never}");
}

#[test]
fn a_disrupted_run_repeats_itself() {
    for seed in 0..15 {
        let scenario = disrupted(seed);
        let (first, second) = (run(&scenario), run(&scenario));
        assert_eq!(first.trajectory_fingerprint, second.trajectory_fingerprint, "seed {seed}");
        assert_eq!(first.outcome_fingerprint, second.outcome_fingerprint, "seed {seed}");
        assert_eq!(first.fault_records, second.fault_records, "seed {seed}");
        assert_eq!(first.task_records, second.task_records, "seed {seed}");
    }
}

#[test]
fn what_fails_after_the_end_changes_nothing() {
    for seed in 0..15 {
        let mut scenario = disrupted(seed);
        for disruption in &mut scenario.disruptions {
            let from = SimTime::ZERO + scenario.duration + seconds(1);
            disruption.windows = vec![Window { from, until: SimTime::MAX }];
        }
        let later = run(&scenario);
        scenario.disruptions.clear();
        let never = run(&scenario);
        assert_eq!(later.trajectory_fingerprint, never.trajectory_fingerprint, "seed {seed}");
        assert_eq!(later.fault_records, []);
    }
}

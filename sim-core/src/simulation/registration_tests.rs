//! Whole runs in which a cluster refuses instances.

use super::testing::{definition, empty, group, run, service};
use crate::agent::Window;
use crate::results::{EventCategory, RunResults};
use crate::scenario::{
    Disruption, DisruptionKind, InstanceScope, LaunchTarget, RegistrationRetry, Scenario,
};
use crate::units::{AsgId, SimDuration, SimTime};

/// A cluster that takes three instances, with a group of three and one of two more. An instance of the
/// first group fails at 610 s, which takes it from the cluster; its group finds out, and mends, at 660 s.
fn crowded() -> Scenario {
    let mut scenario = empty();
    scenario.control_plane.instances_per_cluster = 3;
    scenario.auto_scaling_groups.push(group(3, 3, 3));
    let mut late = group(2, 2, 2);
    late.name = "late".into();
    scenario.auto_scaling_groups.push(late);
    let from = SimTime::from_secs(610);
    scenario.disruptions = vec![Disruption {
        name: "failure".into(),
        windows: vec![Window { from, until: from + SimDuration::from_nanos(1) }],
        random: None,
        recovered_after: SimDuration::from_secs(300),
        kind: DisruptionKind::InstanceFailure {
            scope: InstanceScope { group: Some(AsgId(0)), ..InstanceScope::default() },
            count: 1,
        },
    }];
    scenario
}

/// When the instances registered, in milliseconds, in order of their launch.
fn registered(results: &RunResults) -> Vec<Option<u64>> {
    let millis = |at: SimTime| at.as_nanos() / 1_000_000;
    results.instance_records.iter().map(|it| it.registered.map(millis)).collect()
}

#[test]
fn a_refused_instance_registers_at_its_next_attempt_once_another_has_left() {
    // Attempts half a second after time zero, then 1, 2, 4, 8 and 15 s later, then every 15 s: the first
    // one after 610 s is at 30.5 s + 39 × 15 s. The replacement comes too late and is refused, too.
    let results = run(&crowded());
    assert_eq!(
        registered(&results),
        [Some(0), Some(0), Some(0), Some(615_500), None, None],
        "three at once, then the older of the two that wait"
    );
    assert_eq!(
        results.warnings,
        [
            "3 instances were refused by the cluster, which takes 3; 2 of them still tried to register \
             at the end"
        ]
    );
}

#[test]
fn the_distance_of_attempts_is_a_setting() {
    let mut scenario = crowded();
    let interval = SimDuration::from_secs(90);
    scenario.control_plane.registration_retry =
        RegistrationRetry { first_interval: interval, longest_interval: interval };
    // The replacement registers after 660 + 25 + 15 s; those that wait try again at 630 s.
    assert_eq!(registered(&run(&scenario))[3..], [Some(630_000), None, None]);
    // With attempts every 353 s, the next at 706 s, it is first.
    let interval = SimDuration::from_secs(353);
    scenario.control_plane.registration_retry =
        RegistrationRetry { first_interval: interval, longest_interval: interval };
    assert_eq!(registered(&run(&scenario))[3..], [None, None, Some(700_000)]);
}

#[test]
fn tasks_that_wait_are_placed_on_an_instance_that_registers_late() {
    let mut scenario = crowded();
    scenario.task_definitions.push(definition(2048, 1024));
    scenario.services.push(service("web", 3, LaunchTarget::Ec2));
    scenario.services[0].starts_ready = true;
    // The service looks for room every five seconds.
    let retry = &mut scenario.control_plane.placement_retry;
    retry.quick_interval = SimDuration::from_secs(5);
    retry.quick_phase = SimDuration::from_secs(3600);
    let results = run(&scenario);
    let late = results.task_records.iter().filter(|it| SimTime::ZERO < it.created).map(|it| {
        let instance = &results.instance_records[it.instance.expect("placed") as usize];
        (instance.group.as_str(), it.placed.map(|at| at.as_nanos() / 1_000_000))
    });
    assert_eq!(late.collect::<Vec<_>>(), [("late", Some(620_000))]);
    let events = results.event_records.iter();
    let of_service = events.filter(|it| it.category == EventCategory::ServiceEvent);
    let first: Vec<&str> = of_service.map(|it| it.message.as_str()).take(2).collect();
    assert_eq!(
        first,
        ["(service web) has started 3 tasks.", "(service web) has reached a steady state."],
        "in the order of ECS"
    );
}

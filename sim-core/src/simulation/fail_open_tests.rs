//! Whole runs in which the targets of a service fail their probes.

use std::sync::Arc;

use super::task::{Task, TaskState};
use super::testing::{definition, empty, service};
use super::watched::run_watched;
use crate::agent::Window;
use crate::engine::DurationDistribution;
use crate::invariants::violations;
use crate::results::{LoadResults, RunResults};
use crate::scenario::*;
use crate::traffic::RequestRate;
use crate::units::{Cpu, Mib, ServiceId, SimDuration, SimTime};

const fn seconds(n: u64) -> SimDuration {
    SimDuration::from_secs(n)
}

#[track_caller]
fn run(scenario: &Scenario) -> RunResults {
    let results = super::run(scenario, &mut |_| {}).expect("the run ends");
    let mut found = violations(scenario, &results);
    found.retain(|it| !it.starts_with("law 6:"));
    assert_eq!(found, Vec::<String>::new());
    results
}

/// Four tasks of one core on Fargate behind a load balancer, with ten requests of 20 ms a second, whose
/// probes (one in 10 s, two to fail) fail for a `share` of the tasks from second 600 to 900.
fn failing(share: f64, fidelity: Fidelity) -> Scenario {
    let mut scenario = empty();
    scenario.duration = seconds(1800);
    scenario.task_definitions.push(definition(1024, 2048));
    let mut web = service("web", 4, LaunchTarget::Fargate);
    web.starts_ready = true;
    // ECS leaves the tasks alone all the while.
    web.scheduling.health_check_grace_period = seconds(3600);
    web.target_group = Some(TargetGroup {
        protocol: TargetProtocol::Http,
        load_balancer: "web".into(),
        registration_time: DurationDistribution::ZERO,
        health_check_interval: seconds(10),
        healthy_threshold: 2,
        unhealthy_threshold: 2,
        deregistration_delay: seconds(10),
        bytes_per_request: 1000,
        requests_per_connection: 1,
        rules_processed: 1,
    });
    web.load = Some(ServiceLoad {
        fidelity,
        rate: Arc::new(RequestRate::constant(10.0).expect("a rate")),
        cpu_per_request: SimDuration::from_millis(20),
        other_latency: SimDuration::ZERO,
        algorithm: BalancingAlgorithm::RoundRobin,
        timeout: seconds(10),
        parallelism: None,
        idle_cpu: Cpu::ZERO,
        idle_memory: Mib::new(100),
        memory_per_request_kib: 0,
    });
    scenario.services.push(web);
    scenario.faults = vec![Fault {
        name: "probes".into(),
        owner: Some(FaultOwner::Service(ServiceId(0))),
        task_definition: None,
        share,
        windows: vec![Window { from: SimTime::from_secs(600), until: SimTime::from_secs(900) }],
        random: None,
        recovered_after: seconds(300),
        kind: FaultKind::TargetUnhealthy,
    }];
    scenario
}

fn levels() -> [Fidelity; 2] {
    [Fidelity::default(), Fidelity::Requests(Box::default())]
}

fn load_of(results: &RunResults) -> &LoadResults {
    results.services[0].load.as_ref().expect("loaded")
}

/// Values of a series in the minutes from one to another.
fn minutes(results: &RunResults, metric: &str, from: usize, until: usize) -> Vec<Option<f64>> {
    let series = results.series.iter().find(|it| it.metric == metric).expect("recorded");
    series.values[from..until].to_vec()
}

#[test]
fn a_balancer_without_a_healthy_target_sends_requests_to_all() {
    for fidelity in levels() {
        let results = run(&failing(1.0, fidelity));
        let load = load_of(&results);
        assert_eq!(load.failed_micro, 0);
        assert!(load.queued_micro < 2_000_000, "{load:?}");
        // The unhealthy are unhealthy all the same: none is healthy from minute 11 to 14.
        assert_eq!(minutes(&results, "HealthyHostCount", 11, 15), [Some(0.0); 4]);
        assert_eq!(minutes(&results, "HealthyHostCount", 16, 20), [Some(4.0); 4]);
        // They do the work of ten requests of 20 ms on four cores.
        for cpu in minutes(&results, "CPUUtilization", 11, 15) {
            assert!(cpu.is_some_and(|cpu| (4.0..6.0).contains(&cpu)), "{cpu:?}");
        }
        // Whether the desired count serves is a matter of healthy tasks.
        assert!(matches!(
            results.fault_records[0].services[0].desired_count,
            crate::results::Recovered::After(_)
        ));
    }
}

/// After each event: unhealthy targets get requests exactly if their service has no healthy one. Returns how
/// often either was so.
fn watch(scenario: &Scenario) -> (u64, u64) {
    let (mut open, mut shut) = (0, 0);
    run_watched(scenario, &mut |world, _| {
        for state in &world.services {
            if state.settings.target_group.is_none() || state.rollout.current().shift.is_some() {
                continue;
            }
            let tasks = || state.active.iter().map(|id| &world.tasks[*id]);
            let healthy = |task: &&Task| task.serving && task.state == TaskState::Running;
            let healthy = tasks().filter(healthy).count();
            for task in tasks().filter(|it| it.state == TaskState::TargetUnhealthy) {
                assert_eq!(task.serving, healthy == 0);
                *(if healthy == 0 { &mut open } else { &mut shut }) += 1;
            }
        }
    });
    (open, shut)
}

#[test]
fn an_unhealthy_target_beside_healthy_ones_gets_nothing() {
    for fidelity in levels() {
        let scenario = failing(0.5, fidelity.clone());
        let (open, shut) = watch(&scenario);
        assert!(open == 0 && 0 < shut, "{open} {shut}");
        assert_eq!(load_of(&run(&scenario)).failed_micro, 0);
        let (open, shut) = watch(&failing(1.0, fidelity));
        assert!(0 < open && 0 < shut, "{open} {shut}");
    }
}

#[test]
fn targets_of_tasks_that_are_replaced_meanwhile_serve_until_they_drain() {
    for fidelity in levels() {
        let mut scenario = failing(1.0, fidelity);
        scenario.services[0].scheduling.health_check_grace_period = SimDuration::ZERO;
        scenario.control_plane.fargate_provisioning = DurationDistribution::Constant(seconds(30));
        let results = run(&scenario);
        let load = load_of(&results);
        // New tasks are unhealthy at once, and open to requests as those that they replace.
        let share = load.failed_micro as f64 / load.offered_micro as f64;
        assert!(share < 0.01, "{share}");
        assert!(8 <= results.task_records.len(), "{}", results.task_records.len());
    }
}

#[test]
fn without_any_target_requests_fail_as_before() {
    let mut scenario = failing(1.0, Fidelity::default());
    scenario.services[0].desired_count = 0;
    let results = run(&scenario);
    assert_eq!(load_of(&results).failed_micro, load_of(&results).offered_micro);
}

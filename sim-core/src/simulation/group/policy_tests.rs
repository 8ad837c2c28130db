//! Scaling policies of groups in whole runs: instances run 25 s after their launch, and a group acts 5 s
//! after its desired capacity changed.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::testing::{definition, empty, group, service};
use super::super::watched::{broken_laws, run_watched};
use crate::autoscaling::group::{
    ActionResult, GroupPolicy, GroupPolicyKind, GroupStepPolicy, GroupTracking, LifecycleHook,
    SimplePolicy, TerminationPolicy, Transition,
};
use crate::autoscaling::{
    AdjustmentType, AlarmPhase, AlarmSettings, ComparisonOperator, MetricAggregation,
    StepAdjustment, TreatMissingData,
};
use crate::engine::DurationDistribution;
use crate::metrics::{
    ClusterMeasure, GroupMeasure, Metric, MetricQuery, MetricSource, MetricTrace, QueryKind,
    ServiceMeasure, Statistic,
};
use crate::results::{EventCategory, RunResults};
use crate::scenario::*;
use crate::traffic::{AfterEnd, RequestRate};
use crate::units::{AsgId, Cpu, MetricId, Mib, QueueId, ServiceId, SimDuration, SimTime};

const GROUP: AsgId = AsgId(0);
const MINUTE: SimDuration = SimDuration::from_secs(60);

fn seconds(n: u64) -> SimDuration {
    SimDuration::from_secs(n)
}

/// A group of `desired` instances with two vCPU each, ready at the start, that may have 1 to 20.
fn of(desired: u32) -> Scenario {
    let mut scenario = empty();
    scenario.auto_scaling_groups.push(group(1, desired, 20));
    scenario
}

fn operation(scenario: &mut Scenario) -> &mut GroupOperation {
    &mut scenario.auto_scaling_groups[GROUP].operation
}

fn add(scenario: &mut Scenario, name: &str, kind: GroupPolicyKind) {
    let name = name.to_owned();
    operation(scenario).scaling.policies.push(GroupPolicy { name, kind });
}

/// A metric, visible `delay` after each of its periods.
fn watch(scenario: &mut Scenario, source: MetricSource, period: u64, delay: u64) -> MetricQuery {
    let metric = Metric { source, period: seconds(period), delay: seconds(delay) };
    let id = MetricId(scenario.metrics.len() as u32);
    scenario.metrics.push(metric);
    MetricQuery { kind: QueryKind::Metric(id, Statistic::Average), period: MINUTE }
}

/// A metric that is 50 but for these minutes, the last of which goes on.
fn trace(scenario: &mut Scenario, from_minute: usize, values: &[f64]) -> MetricQuery {
    let mut all = vec![Some(50.0); from_minute];
    all.extend(values.iter().copied().map(Some));
    all.resize(600, values.last().copied());
    let trace = MetricTrace { values: all, repeats: false };
    watch(scenario, MetricSource::Trace(Arc::new(trace)), 60, 0)
}

/// An alarm on one data point beyond a threshold of 50, or at another threshold.
fn alarm(
    name: &str,
    query: MetricQuery,
    operator: ComparisonOperator,
    threshold: f64,
) -> AlarmSettings {
    AlarmSettings {
        name: name.to_owned(),
        query,
        comparison_operator: operator,
        threshold,
        evaluation_periods: 1,
        datapoints_to_alarm: 1,
        treat_missing_data: TreatMissingData::Missing,
    }
}

fn above(name: &str, query: MetricQuery, threshold: f64) -> AlarmSettings {
    alarm(name, query, ComparisonOperator::GreaterThan, threshold)
}

fn steps(
    alarm: AlarmSettings,
    steps: &[(Option<f64>, Option<f64>, i32)],
    percent: bool,
) -> GroupPolicyKind {
    let step = |&(lower, upper, adjustment): &_| StepAdjustment { lower, upper, adjustment };
    GroupPolicyKind::Step(GroupStepPolicy {
        alarm,
        adjustment_type: if percent {
            AdjustmentType::PercentChangeInCapacity
        } else {
            AdjustmentType::ChangeInCapacity
        },
        steps: steps.iter().map(step).collect(),
        min_adjustment_magnitude: None,
        aggregation: MetricAggregation::Average,
        instance_warmup: None,
    })
}

fn simple(alarm: AlarmSettings, adjustment: i32) -> GroupPolicyKind {
    GroupPolicyKind::Simple(SimplePolicy {
        alarm,
        adjustment_type: AdjustmentType::ChangeInCapacity,
        adjustment,
        min_adjustment_magnitude: None,
        cooldown: None,
    })
}

fn hook(transition: Transition, completed_after: u64) -> LifecycleHook {
    LifecycleHook {
        name: "hook".into(),
        transition,
        heartbeat_timeout: seconds(3600),
        default_result: ActionResult::Continue,
        completion: Some(DurationDistribution::Constant(seconds(completed_after))),
        abandoned_share: 0.0,
        heartbeats: false,
    }
}

fn run(scenario: &Scenario) -> RunResults {
    let results = run_watched(scenario, &mut |_, _| {});
    let found = broken_laws(scenario, &results);
    assert!(found.is_empty(), "{found:#?}");
    results
}

fn second(at: SimTime) -> u64 {
    at.as_nanos() / 1_000_000_000
}

/// Instants in seconds and new desired capacities.
fn changes(results: &RunResults) -> Vec<(u64, u32)> {
    let events = results.event_records.iter();
    let activities = events.filter(|event| event.category == EventCategory::GroupActivity);
    activities.filter_map(|it| it.change.map(|(_, to)| (second(it.at), to))).collect()
}

fn says(results: &RunResults, words: &str) -> Vec<u64> {
    let events = results.event_records.iter().filter(|event| event.message.contains(words));
    events.map(|event| second(event.at)).collect()
}

#[test]
fn tv_asg_1_runs_end_to_end() {
    let mut scenario = of(10);
    let metric = trace(&mut scenario, 10, &[60.0, 62.0, 70.0, 50.0]);
    let bounds = [(Some(0.0), Some(10.0), 0), (Some(10.0), Some(20.0), 10), (Some(20.0), None, 30)];
    add(&mut scenario, "out", steps(above("busy", metric, 50.0), &bounds, true));
    let results = run(&scenario);
    // The minute from 600 s on is over at 660 s. The eleventh instance serves from 690 s on and warms up
    // for 300 s: 62 asks for 11 out of ten, and 70 for 13.
    assert_eq!(changes(&results), [(660, 11), (780, 13)]);
    let launched = "At 2026-03-02T00:11:00Z a monitor alarm busy in state ALARM triggered policy out changing \
                    the desired capacity from 10 to 11. At 2026-03-02T00:11:05Z an instance was started in \
                    response to a difference between desired and actual capacity, increasing the capacity \
                    from 10 to 11.";
    assert_eq!(says(&results, launched), [665]);
}

#[test]
fn a_step_policy_follows_the_reservation_of_the_cluster() {
    for (delay, at, calm) in [(0, 660, 720), (120, 780, 960)] {
        let mut scenario = of(2);
        scenario.task_definitions.push(definition(512, 512));
        let mut web = service("web", 4, LaunchTarget::Ec2);
        web.starts_ready = true;
        // From 4 · 512 of 4096 units, 50 %, to 7 · 512, 87.5 %; with a third instance 58.3 %.
        web.scheduling.updates.push(ServiceUpdate {
            at: SimTime::from_secs(601),
            task_definition: None,
            launch: None,
            force_new_deployment: false,
            desired_count: Some(7),
        });
        scenario.services.push(web);
        let reservation = MetricSource::Cluster(ClusterMeasure::CpuReservation);
        let metric = watch(&mut scenario, reservation, 60, delay);
        let policy = steps(above("full", metric, 75.0), &[(Some(0.0), None, 1)], false);
        add(&mut scenario, "room", policy);
        let results = run(&scenario);
        assert_eq!(changes(&results), [(at, 3)], "delay {delay} s");
        // In service 30 s later, registered 15 s after that: the sample of the next minute sees it. What
        // the alarm asks for until then is desired already.
        assert_eq!(says(&results, "from ALARM to OK"), [calm]);
    }
}

#[test]
fn the_memory_reservation_and_no_instances_at_all() {
    let mut scenario = of(1);
    scenario.auto_scaling_groups[GROUP].min_size = 0;
    scenario.task_definitions.push(definition(128, 7985));
    let mut web = service("web", 1, LaunchTarget::Ec2);
    web.starts_ready = true;
    scenario.services.push(web);
    for measure in [ClusterMeasure::MemoryReservation, ClusterMeasure::CpuReservation] {
        watch(&mut scenario, MetricSource::Cluster(measure), 60, 0);
    }
    operation(&mut scenario).changes.push(GroupChange {
        at: SimTime::from_secs(600),
        update: GroupUpdate::Capacity(CapacityChange {
            scheduled_action: None,
            min_size: None,
            max_size: None,
            desired_capacity: Some(0),
        }),
    });
    let mut seen = Vec::new();
    run_watched(&scenario, &mut |world, scheduler| {
        let now = second(scheduler.now());
        if [300, 900].contains(&now) {
            let value = |metric| {
                let series = world.metrics.store.series(MetricId(metric));
                series.window(scheduler.now(), 1).next().flatten().map(|point| point.value)
            };
            let both = (now, value(0), value(1));
            if seen.last() != Some(&both) {
                seen.push(both);
            }
        }
    });
    assert_eq!(seen.last(), Some(&(900, None, None)), "a share of nothing is not published");
    assert!(seen.contains(&(300, Some(100.0), Some(6.25))), "{seen:?}");
}

/// Four tasks of one vCPU on two instances: 3.2 vCPU until 1200 s, 80 % of both, then 0.8 vCPU.
fn busy() -> Scenario {
    let mut scenario = of(2);
    scenario.auto_scaling_groups[GROUP].min_size = 2;
    operation(&mut scenario).termination_policies = vec![TerminationPolicy::NewestInstance];
    scenario.task_definitions.push(definition(1024, 2048));
    let counts: Vec<u64> =
        (0..60).map(|minute| if minute < 20 { 32 * 60 } else { 8 * 60 }).collect();
    let rate = RequestRate::from_trace(MINUTE, &counts, AfterEnd::Repeat).expect("a trace");
    let mut web = service("web", 4, LaunchTarget::Ec2);
    web.starts_ready = true;
    web.load = Some(ServiceLoad {
        rate: Arc::new(rate),
        cpu_per_request: SimDuration::from_millis(100),
        other_latency: SimDuration::ZERO,
        algorithm: BalancingAlgorithm::RoundRobin,
        timeout: seconds(60),
        fidelity: Fidelity::default(),
        parallelism: None,
        idle_cpu: Cpu::ZERO,
        idle_memory: Mib::new(100),
        memory_per_request_kib: 0,
    });
    scenario.services.push(web);
    scenario
}

fn track_cpu(scenario: &mut Scenario, period: u64) {
    let source = MetricSource::Group(GROUP, GroupMeasure::CpuUtilization);
    let query = watch(scenario, source, period, 0);
    let policy =
        GroupTracking { query, target_value: 50.0, disable_scale_in: false, instance_warmup: None };
    add(scenario, "cpu50", GroupPolicyKind::TargetTracking(policy));
}

#[test]
fn target_tracking_of_the_cpu_leaves_out_what_warms_up() {
    // Three minutes of 80 %: ceil(2 · 80/50) = 4, in service at 210 s. Idle instances halve the mean as soon
    // as they are in it: at once, or 120 s later. Fifteen minutes of 10 % end at 2100 s.
    for (warm_up, calm) in [(None, 240), (Some(120), 360)] {
        let mut scenario = busy();
        operation(&mut scenario).scaling.default_instance_warmup = warm_up.map(seconds);
        track_cpu(&mut scenario, 60);
        let results = run(&scenario);
        assert_eq!(changes(&results), [(180, 4), (2100, 2)], "{warm_up:?}");
        assert_eq!(says(&results, "from ALARM to OK").first(), Some(&calm), "{warm_up:?}");
        let high = "At 2026-03-02T00:03:00Z a monitor alarm TargetTracking-group-AlarmHigh-cpu50 in state \
                    ALARM triggered policy cpu50 changing the desired capacity from 2 to 4. ";
        assert_eq!(says(&results, high), [185]);
    }
}

#[test]
fn basic_monitoring_publishes_every_five_minutes() {
    let mut scenario = busy();
    track_cpu(&mut scenario, 300);
    // One point per five minutes is all there is in the range of the high alarm, and it is old enough.
    // The low alarm judges those of 1500, 1800 and 2100 s, the oldest of which is 15 minutes old.
    assert_eq!(changes(&run(&scenario)), [(300, 4), (2100, 2)]);
}

#[test]
fn a_simple_policy_waits_for_the_last_instance_and_its_cooldown() {
    // In service 30 s after the decision, 90 s with the hook; 300 s later the next full minute.
    for (hooked, expected) in
        [(false, [(660, 3), (1020, 4), (1380, 5)]), (true, [(660, 3), (1080, 4), (1500, 5)])]
    {
        let mut scenario = of(2);
        scenario.duration = seconds(1700);
        if hooked {
            operation(&mut scenario).lifecycle_hooks = vec![hook(Transition::Launching, 60)];
        }
        let metric = trace(&mut scenario, 10, &[80.0]);
        add(&mut scenario, "more", simple(above("busy", metric, 50.0), 1));
        let results = run(&scenario);
        assert_eq!(changes(&results), expected);
        assert_eq!(
            says(&results, "a scaling activity is in progress").first(),
            Some(&720).filter(|_| hooked)
        );
        assert!(!says(&results, "the cooldown is not over").is_empty());
    }
    // A scale-in ends when its termination hook does, 105 s after the decision.
    let mut scenario = of(4);
    scenario.duration = seconds(1400);
    operation(&mut scenario).lifecycle_hooks = vec![hook(Transition::Terminating, 100)];
    let metric = trace(&mut scenario, 10, &[20.0]);
    let idle = alarm("idle", metric, ComparisonOperator::LessThan, 50.0);
    add(&mut scenario, "less", simple(idle, -1));
    assert_eq!(changes(&run(&scenario)), [(660, 3), (1080, 2)]);
}

#[test]
fn a_cooldown_begins_though_protection_keeps_the_instances() {
    let mut scenario = of(4);
    scenario.duration = seconds(1400);
    operation(&mut scenario).new_instances_protected = true;
    let metric = trace(&mut scenario, 10, &[20.0]);
    let idle = alarm("idle", metric, ComparisonOperator::LessThan, 50.0);
    add(&mut scenario, "less", simple(idle, -1));
    // The pass at 665 s finds nobody who may go.
    let results = run(&scenario);
    assert_eq!(changes(&results), [(660, 3), (1020, 2), (1380, 1)]);
    assert!(results.instance_records.iter().all(|it| it.terminated.is_none()));
}

#[test]
fn suspended_notifications_keep_policies_from_acting() {
    let mut scenario = of(2);
    let operation = operation(&mut scenario);
    operation.suspended = BTreeSet::from([Process::AlarmNotification]);
    operation.changes.push(GroupChange {
        at: SimTime::from_secs(890),
        update: GroupUpdate::Resume(BTreeSet::from([Process::AlarmNotification])),
    });
    scenario.duration = seconds(1000);
    let metric = trace(&mut scenario, 10, &[80.0]);
    add(&mut scenario, "more", steps(above("busy", metric, 50.0), &[(Some(0.0), None, 2)], false));
    let results = run(&scenario);
    assert_eq!(says(&results, "to ALARM"), [660], "the alarm does not wait");
    assert_eq!(changes(&results), [(900, 4)], "its next action after the process was resumed");
}

#[test]
fn alarms_of_ten_seconds_and_of_their_own_second_have_their_own_clock() {
    let mut scenario = of(2);
    scenario.duration = seconds(1000);
    let values: Vec<Option<f64>> =
        (0..200).map(|it| Some(if it < 61 { 50.0 } else { 80.0 })).collect();
    let trace = Arc::new(MetricTrace { values, repeats: false });
    let mut query = watch(&mut scenario, MetricSource::Trace(trace), 10, 0);
    query.period = seconds(10);
    let mut quick = above("quick", query, 50.0);
    (quick.evaluation_periods, quick.datapoints_to_alarm) = (3, 3);
    add(&mut scenario, "more", steps(quick, &[(Some(0.0), None, 1)], false));
    // Three points from 610 s on, and an action each minute: the first one after the instance has warmed
    // up, from 670 s to 970 s, asks for more.
    assert_eq!(changes(&run(&scenario)), [(640, 3), (1000, 4)]);

    let mut scenario = of(2);
    scenario.duration = seconds(1000);
    scenario.control_plane.scaling.alarms.phase = AlarmPhase::Hashed;
    let metric = self::trace(&mut scenario, 10, &[80.0]);
    add(&mut scenario, "more", steps(above("busy", metric, 50.0), &[(Some(0.0), None, 1)], false));
    let [(at, 3)] = changes(&run(&scenario))[..] else { panic!("one scale-out") };
    assert!((660..720).contains(&at) && at != 660, "{at}");
}

#[test]
fn group_metrics_count_by_lifecycle_state() {
    let measures = [
        GroupMeasure::DesiredCapacity,
        GroupMeasure::InServiceInstances,
        GroupMeasure::PendingInstances,
        GroupMeasure::TerminatingInstances,
        GroupMeasure::TotalInstances,
        GroupMeasure::MinSize,
        GroupMeasure::MaxSize,
    ];
    let mut scenario = of(3);
    operation(&mut scenario).lifecycle_hooks =
        vec![hook(Transition::Launching, 120), hook(Transition::Terminating, 120)];
    for measure in measures {
        watch(&mut scenario, MetricSource::Group(GROUP, measure), 60, 0);
    }
    for (at, desired) in [(605, 5), (1205, 2)] {
        operation(&mut scenario).changes.push(GroupChange {
            at: SimTime::from_secs(at),
            update: GroupUpdate::Capacity(CapacityChange {
                scheduled_action: None,
                min_size: None,
                max_size: None,
                desired_capacity: Some(desired),
            }),
        });
    }
    let mut seen = std::collections::BTreeMap::new();
    run_watched(&scenario, &mut |world, scheduler| {
        let values = measures.iter().enumerate().map(|(metric, _)| {
            let series = world.metrics.store.series(MetricId(metric as u32));
            series.window(scheduler.now(), 1).next().flatten().map_or(0.0, |point| point.value)
        });
        seen.insert(second(scheduler.now()), values.collect::<Vec<f64>>());
    });
    // Launched at 610 s, running at 635 s, in service at 755 s; leaving from 1210 s to 1330 s.
    assert_eq!(seen[&660], [5.0, 3.0, 2.0, 0.0, 5.0, 1.0, 20.0]);
    assert_eq!(seen[&780], [5.0, 5.0, 0.0, 0.0, 5.0, 1.0, 20.0]);
    assert_eq!(seen[&1260], [2.0, 2.0, 0.0, 3.0, 5.0, 1.0, 20.0]);
    assert_eq!(seen[&1380], [2.0, 2.0, 0.0, 0.0, 2.0, 1.0, 20.0]);
}

#[test]
fn the_cpu_of_instances_counts_standalone_tasks_and_the_part_of_a_minute() {
    let mut scenario = of(2);
    scenario.task_definitions.push(definition(1024, 512));
    let job = BatchJob {
        arrival: SimTime::from_secs(90),
        duration: seconds(60),
        cpu: Cpu::from_ecs_units(1024),
        memory: Mib::new(512),
    };
    let jobs = super::super::testing::batch("jobs", vec![job], LaunchTarget::Ec2);
    scenario.batches.push(jobs);
    watch(&mut scenario, MetricSource::Group(GROUP, GroupMeasure::CpuUtilization), 60, 0);
    let mut seen = std::collections::BTreeMap::new();
    run_watched(&scenario, &mut |world, scheduler| {
        let series = world.metrics.store.series(MetricId(0));
        let read = |statistic| {
            let span = crate::metrics::Span::new(MINUTE, 1);
            series.read(scheduler.now(), statistic, span).next().flatten().map(|it| it.value)
        };
        let values =
            (read(Statistic::Average), read(Statistic::Maximum), read(Statistic::SampleCount));
        seen.insert(second(scheduler.now()), values);
    });
    // One vCPU of two for half a minute on one instance of two: 25 % there, 12.5 % on average.
    let half = (Some(12.5), Some(25.0), Some(2.0));
    assert_eq!((seen[&60], seen[&120]), ((Some(0.0), Some(0.0), Some(2.0)), half));
    assert_eq!((seen[&180], seen[&240]), (half, (Some(0.0), Some(0.0), Some(2.0))));
}

/// A service whose tasks reserve a whole instance each, three of which there are.
fn on_whole_instances(change: impl FnOnce(&mut Scenario, &mut Service)) -> Scenario {
    let mut scenario = of(3);
    scenario.task_definitions.push(definition(2048, 2048));
    let mut work = service("work", 3, LaunchTarget::Ec2);
    work.starts_ready = true;
    // From the middle of a minute on, one instance is idle.
    work.scheduling.updates.push(ServiceUpdate {
        at: SimTime::from_secs(630),
        task_definition: None,
        launch: None,
        force_new_deployment: false,
        desired_count: Some(2),
    });
    change(&mut scenario, &mut work);
    scenario.services.push(work);
    scenario
}

fn with_requests(_: &mut Scenario, work: &mut Service) {
    work.load = busy().services[0].load.clone();
    if let Some(load) = &mut work.load {
        load.idle_cpu = Cpu::from_ecs_units(128);
    }
}

fn with_messages(scenario: &mut Scenario, work: &mut Service) {
    let messages = |minute: u64| MessageBatch { at: SimTime::from_secs(60 * minute), messages: 5 };
    scenario.queues.push(Queue {
        name: "jobs".into(),
        visibility_timeout: seconds(600),
        message_retention_period: seconds(86_400),
        delay: SimDuration::ZERO,
        redrive: None,
        sources: vec![MessageSource::Batches((1..50).map(messages).collect())],
    });
    work.worker = Some(Worker {
        queue: QueueId(0),
        concurrency: 1,
        max_number_of_messages: 1,
        receive_wait: seconds(20),
        processing_time: DurationDistribution::Constant(seconds(15)),
        failure_probability: 0.0,
        poison_probability: 0.0,
        poll_interval: seconds(1),
        on_stop: OnStop::Finish,
        protection: None,
        cpu_per_message: Cpu::from_ecs_units(1024),
        memory_per_message_kib: 1024,
        idle_cpu: Cpu::from_ecs_units(64),
        idle_memory: Mib::new(128),
    });
}

#[test]
fn instances_use_what_the_metric_of_their_service_says() {
    for scenario in [on_whole_instances(with_requests), on_whole_instances(with_messages)] {
        let mut scenario = scenario;
        let of_service = MetricSource::Service(ServiceId(0), ServiceMeasure::CpuUtilization);
        watch(&mut scenario, of_service, 60, 0);
        watch(&mut scenario, MetricSource::Group(GROUP, GroupMeasure::CpuUtilization), 60, 0);
        let mut seen = std::collections::BTreeMap::new();
        run_watched(&scenario, &mut |world, scheduler| {
            let value = |metric| {
                let series = world.metrics.store.series(MetricId(metric));
                series.window(scheduler.now(), 1).next().flatten().map(|point| point.value)
            };
            seen.insert(second(scheduler.now()), (value(0), value(1)));
        });
        let at = |second: u64| {
            let (service, group) = seen[&second];
            (service.expect("tasks run"), group.expect("instances run"))
        };
        for minute in 1..=10 {
            let (service, group) = at(60 * minute);
            assert!(service > 3.0 && (service - group).abs() < 1e-9, "{minute}: {service} {group}");
        }
        // In the minute of the change one task ran for half of it: 2.5 of three instances were busy.
        let (service, group) = at(660);
        assert!((service * 2.5 / 3.0 - group).abs() < 1e-6, "{service} {group}");
        for minute in 12..=15 {
            let (service, group) = at(60 * minute);
            assert!((service * 2.0 / 3.0 - group).abs() < 1e-9, "{minute}: {service} {group}");
        }
    }
}

//! Synthetic results for the tests: a week of a web service on instances and Fargate, and a batch run.

use plimsoll_core::billing::{BillLine, Category, Cost, Invoice, Quantity, Unit};
use plimsoll_core::placement::Rejections;
use plimsoll_core::results::{
    BatchResults, CapacityResults, DeploymentResults, DeploymentTrigger, Distribution,
    EventCategory, EventRecord, InstanceRecord, InstanceTotals, LoadResults, ObjectiveResults,
    Packing, PlacementFailure, RequestedPacking, ResourceHours, RunResults, ScalingResults, Series,
    ServiceResults, StopCode, TaskRecord, TaskTotals, Utilization,
};
use plimsoll_core::scenario::{PurchaseOption, QueueDiscipline};
use plimsoll_core::service::completion::RolloutState;
use plimsoll_core::units::{Cpu, Mib, SimDuration, SimTime, TaskDefinitionId};

use crate::bill::Bill;
use crate::summary::RunMeta;

mod measures;
mod sweeps;

pub(crate) use sweeps::sweep;

/// 2026-03-02T00:00:00Z, a Monday.
pub(crate) const START: i64 = 1_772_409_600;

pub(crate) fn meta() -> RunMeta {
    RunMeta { version: "0.1.0".to_owned(), scenario_hash: "3f9a61c0d2b7e845".to_owned() }
}

/// Noise between 0 and 1 that needs no generator: the low bits of a multiplicative hash.
fn noise(index: u64) -> f64 {
    let mixed = (index + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    ((mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 40) as f64 / 16_777_216.0
}

/// A day's curve between 0 and 1: low at night, high in the afternoon.
fn daily(hour: f64) -> f64 {
    let distance = ((hour - 15.0).abs()).min((hour - 39.0).abs()).min((hour + 9.0).abs()) / 12.0;
    let x = 1.0 - distance;
    x * x * (3.0 - 2.0 * x)
}

fn series(
    (namespace, metric, unit): (&'static str, &'static str, &'static str),
    (dimension, entity): (&'static str, &str),
    values: Vec<f64>,
) -> Series {
    let values = values.into_iter().map(Some).collect();
    Series { namespace, metric, dimension, entity: entity.to_owned(), unit, values }
}

fn distribution(p50: f64, p95: f64, p99: f64, count: u64) -> Distribution {
    Distribution { mean: p50 * 1.15, p50, p95, p99, max: p99 * 3.0, count }
}

/// A week of a service with requests on an Auto Scaling group, and a worker on Fargate Spot.
pub(crate) fn web_run() -> (RunResults, Bill) {
    web_run_of(7, 300)
}

/// The same over `days` days, recorded every `interval` seconds.
pub(crate) fn web_run_of(days: u64, interval: u64) -> (RunResults, Bill) {
    let n = days * 86_400 / interval;
    let mut rate = Vec::new();
    let mut needed: Vec<f64> = Vec::new();
    let mut desired: Vec<f64> = Vec::new();
    let mut running: Vec<f64> = Vec::new();
    let mut events = Vec::new();
    for i in 0..n {
        let hour = (i * interval) as f64 / 3_600.0;
        let weekday = (hour / 24.0) as u64 % 7 < 5;
        let spike = if (i * interval / 300) % 2_016 == 800 { 260.0 } else { 0.0 };
        let base = if weekday { 520.0 } else { 290.0 };
        let rps = 40.0 + base * daily(hour % 24.0) + 30.0 * noise(i) + spike;
        rate.push(rps);
        needed.push((rps * 0.035 / 0.6).ceil().max(4.0));
        let before = desired.last().copied().unwrap_or(6.0);
        let wanted = needed[needed.len().saturating_sub(4)];
        // Out at once, in only when the need has clearly fallen; never more than 32.
        let after =
            if wanted > before || wanted < before * 0.8 { wanted.clamp(6.0, 32.0) } else { before };
        if (after - before).abs() > 0.5 {
            let up = after > before;
            events.push(EventRecord {
                at: SimTime::from_secs(i * interval),
                category: EventCategory::ServiceScaling,
                entity: "api".to_owned(),
                change: Some((before as u32, after as u32)),
                message: format!(
                    "Successfully set desired count to {after}. Change successfully fulfilled by ecs. Cause: monitor \
                     alarm TargetTracking-api-Alarm{} in state ALARM triggered policy cpu60",
                    if up { "High" } else { "Low" }
                ),
            });
        }
        desired.push(after);
        running.push(desired[desired.len().saturating_sub(3)]);
    }
    events.push(EventRecord {
        at: SimTime::from_secs(5 * 3_600 + 17),
        category: EventCategory::ServiceEvent,
        entity: "api".to_owned(),
        change: None,
        message:
            "(service api) was unable to place a task because no container instance met all of its \
                  requirements. Reason: <MEMORY> & CPU."
                .to_owned(),
    });
    events.push(EventRecord {
        at: SimTime::from_secs(30 * 3_600),
        category: EventCategory::Fault,
        entity: "web".to_owned(),
        change: None,
        message: "Spot interruption of instance 3 in eu-west-1b: two-minute notice".to_owned(),
    });
    events.sort_by_key(|event| event.at);
    let latency = |factor: f64| -> Vec<f64> {
        let load = needed.iter().zip(&running).enumerate();
        load.map(|(i, (need, run))| {
            let pressure = need / run;
            factor * (38.0 + 30.0 * pressure * pressure * pressure + 8.0 * noise(i as u64 + 77))
        })
        .collect()
    };
    let instances: Vec<f64> = running.iter().map(|r| (r / 4.0).ceil() + 1.0).collect();
    let instances_needed: Vec<f64> = running.iter().map(|r| (r / 4.6).ceil()).collect();
    let reserved: Vec<f64> =
        running.iter().zip(&instances).map(|(r, i)| r / (i * 4.0) * 100.0).collect();
    let api = ("ServiceName", "api");
    let web = ("AutoScalingGroupName", "web");
    let cluster = ("ClusterName", "default");
    let mut all = vec![
        series(
            ("AWS/ApplicationELB", "RequestCount", "Count"),
            api,
            rate.iter().map(|r| r * interval as f64).collect(),
        ),
        series(("Plimsoll", "NeededTaskCount", "Count"), api, needed.clone()),
        series(("ECS/ContainerInsights", "DesiredTaskCount", "Count"), api, desired.clone()),
        series(("ECS/ContainerInsights", "RunningTaskCount", "Count"), api, running.clone()),
        series(("Plimsoll", "LatencyP50", "Milliseconds"), api, latency(1.0)),
        series(("Plimsoll", "LatencyP95", "Milliseconds"), api, latency(2.6)),
        series(("Plimsoll", "LatencyP99", "Milliseconds"), api, latency(4.1)),
        series(
            ("ECS/ContainerInsights", "DesiredTaskCount", "Count"),
            ("ServiceName", "worker"),
            vec![4.0; n as usize],
        ),
        series(
            ("ECS/ContainerInsights", "RunningTaskCount", "Count"),
            ("ServiceName", "worker"),
            vec![4.0; n as usize],
        ),
        series(("AWS/AutoScaling", "GroupInServiceInstances", "Count"), web, instances.clone()),
        series(("AWS/AutoScaling", "GroupDesiredCapacity", "Count"), web, instances.clone()),
        series(("Plimsoll", "NeededInstanceCount", "Count"), web, instances_needed),
        series(
            ("AWS/ECS", "CPUReservation", "Percent"),
            cluster,
            reserved.iter().map(|r| r * 0.52).collect(),
        ),
        series(("AWS/ECS", "MemoryReservation", "Percent"), cluster, reserved.clone()),
        series(
            ("AWS/ECS", "CPUUtilization", "Percent"),
            cluster,
            reserved.iter().map(|r| r * 0.3).collect(),
        ),
    ];
    // A gap, as before the first datapoint of a metric.
    for s in &mut all {
        if s.metric.starts_with("Latency") {
            s.values[0] = None;
        }
    }
    let invoice = web_invoice(days, interval, &instances);
    let total = invoice.total;
    let served = (rate.iter().sum::<f64>() * interval as f64) as u128;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let results = RunResults {
        scenario: "web-on-ec2".to_owned(),
        description: "Does binpack or spread cost less for this traffic at the same latency?"
            .to_owned(),
        region: "eu-west-1".to_owned(),
        start_unix_seconds: START,
        seed: 42,
        replication: 0,
        trajectory_fingerprint: 0x00c0_ffee_1234_5678,
        outcome_fingerprint: 0x9abc_def0_1357_2468,
        events: 812_345,
        simulated: SimDuration::from_secs(days * 86_400),
        aws_rules: "2026-06".to_owned(),
        price_date: "2026-10-01".to_owned(),
        invoice,
        idle_ec2_cost: total / 7,
        utilization: Some(Utilization {
            cpu_reserved: 0.482,
            memory_reserved: 0.913,
            cpu_used: Some(0.279),
        }),
        instances: InstanceTotals {
            mean: mean(&instances),
            peak: 9,
            launched: 41,
            terminated: 36,
            interrupted: 3,
            lived: SimDuration::from_secs(days * 86_400 * 5),
            billed_seconds: days * 86_400 * 5 + 120,
        },
        tasks: TaskTotals {
            created: 640,
            started: 631,
            stopped: 621,
            running_at_end: 10,
            pending_at_end: 9,
            interrupted: 2,
            peak_running: 36,
            placement_failures: 57,
            pending_seconds: Some(distribution(21.5, 148.0, 190.5, 631)),
            fargate_billed_seconds: days * 86_400 * 4,
        },
        services: vec![
            ServiceResults {
                name: "api".to_owned(),
                desired_mean: mean(&desired),
                running_mean: mean(&running),
                running_peak: 32,
                deployments: deployments(),
                cost: total / 5 * 4,
                load: Some(LoadResults {
                    offered_micro: served * 1_000_000 + 500_000,
                    served_micro: served * 998_700,
                    failed_micro: served * 1_300,
                    queued_micro: 500_000,
                    single_requests: None,
                    latency_ms: Some(distribution(71.0, 186.0, 322.0, served as u64)),
                    objective: Some(ObjectiveResults {
                        quantile: 0.99,
                        below_ms: 400.0,
                        bad_request_fraction: 0.0162,
                        violated_minute_fraction: 0.031,
                        violated_minutes: 312,
                        met: false,
                    }),
                }),
                elasticity: Some(measures::elasticity()),
                scaling: Some(ScalingResults { scale_out: 74, scale_in: 61 }),
            },
            ServiceResults {
                name: "worker".to_owned(),
                desired_mean: 4.0,
                running_mean: 3.99,
                running_peak: 4,
                deployments: Vec::new(),
                cost: total / 5,
                load: None,
                elasticity: None,
                scaling: None,
            },
        ],
        batches: Vec::new(),
        queues: Vec::new(),
        capacity: vec![CapacityResults {
            group: "web".to_owned(),
            capacity_provider: Some("web-ec2".to_owned()),
            instance_type: "m7g.large".to_owned(),
            mean: mean(&instances),
            peak: 9,
            scale_out: 38,
            scale_in: 31,
            max_size: 40,
            spot_mean: 0.0,
            interrupted: 0,
            failed_launches: 0,
            waiting_at_maximum_time: 0.0,
            elasticity: None,
            warm_pool: None,
            cost: total / 2,
        }],
        packing: Some(Packing {
            lower_bound_instance_hours: 712.4,
            by_resource: ResourceHours { cpu: 401.5, memory: 709.0, ..ResourceHours::default() },
            instance_hours: 840.0,
            efficiency: 0.848,
            gap: Some(0.179_113),
            duration_ratio: Some(31.5),
            requested: Some(RequestedPacking {
                lower_bound_instance_hours: 884.2,
                gap: Some(-0.049_989),
                mean_wait_seconds: 42.5,
                unfinished: 3,
            }),
        }),
        series: all,
        record_interval: SimDuration::from_secs(interval),
        placement_failures: placement_failures(),
        task_records: tasks(),
        instance_records: instance_records(),
        fault_records: Vec::new(),
        event_records: events,
        warnings: vec!["the price of m7g.large in eu-west-1 was derived from us-east-1".to_owned()],
    };
    let bill = Bill::new(&results);
    (results, bill)
}

fn web_invoice(days: u64, interval: u64, instances: &[f64]) -> Invoice {
    let mut lines = Vec::new();
    for hour in 0..days * 24 {
        let at = (hour * 3_600 / interval) as usize;
        let n = instances[at.min(instances.len() - 1)] as u128;
        let start = START + hour as i64 * 3_600;
        let mut push = |category, owner: &str, usage: &str, count: u128, unit, price: u64| {
            let quantity = Quantity { count, unit };
            lines.push(BillLine {
                period_start: start,
                period_end: start + 3_600,
                category,
                owner: owner.into(),
                resource_group: if owner == "worker" {
                    "FARGATE_SPOT".into()
                } else {
                    owner.into()
                },
                usage_type: usage.into(),
                quantity,
                unit_price: price,
                amount: Cost::of(price, quantity).to_ten_billionths(),
            });
        };
        let spot = 4 * 1_024 * 3_600;
        let per_cpu = "SpotUsage-Fargate-vCPU-Hours:perCPU";
        push(
            Category::Ec2Compute,
            "web",
            "BoxUsage:m7g.large",
            n * 3_600,
            Unit::Hours,
            911_000_000,
        );
        push(Category::FargateSpot, "worker", per_cpu, spot, Unit::VcpuHours, 122_123_457);
        push(
            Category::EbsVolume,
            "web",
            "EBS:VolumeUsage.gp3",
            n * 108_000,
            Unit::GbMonths,
            880_000_000,
        );
        push(Category::LoadBalancer, "api", "LoadBalancerUsage", 3_600, Unit::Hours, 252_000_000);
    }
    let total = lines.iter().map(|line| line.amount).sum();
    Invoice { lines, total, ..Invoice::default() }
}

/// A service that was updated to a broken revision and rolled back.
fn deployments() -> Vec<DeploymentResults> {
    use DeploymentTrigger::{Rollback, ServiceCreated, TaskDefinition};
    let hours = |hour: u64| SimTime::from_secs(3600 * hour);
    let story = [
        (ServiceCreated, "api", RolloutState::Completed, "", 0, 0, (10, 0), (0, 32)),
        (
            TaskDefinition,
            "api-2",
            RolloutState::Failed,
            "tasks failed to start",
            30,
            31,
            (18, 13),
            (0, 0),
        ),
        (Rollback, "api", RolloutState::Completed, "", 31, 32, (2, 0), (10, 0)),
    ];
    let deployments = story.into_iter();
    deployments
        .map(|(trigger, family, state, reason, from, to, (started, failed), (running, pending))| {
            DeploymentResults {
                id: format!("ecs-svc/api/{from}"),
                task_definition: family.to_owned(),
                trigger,
                state,
                reason,
                created: hours(from),
                finished: Some(hours(to)),
                started_tasks: started,
                failed_tasks: failed,
                running,
                pending,
            }
        })
        .collect()
}

fn tasks() -> Vec<TaskRecord> {
    (0..12_u64)
        .map(|i| TaskRecord {
            group: if i % 3 == 0 { "worker" } else { "api" }.into(),
            task_definition: TaskDefinitionId(u32::from(i % 3 == 0)),
            capacity: if i % 3 == 0 { "FARGATE_SPOT" } else { "web-ec2" }.into(),
            instance: (i % 3 != 0).then_some(i as u32 % 4),
            zone: format!("eu-west-1{}", ['a', 'b', 'c'][(i % 3) as usize]).into(),
            cpu: Cpu::from_ecs_units(512),
            memory: Mib::new(1_900),
            created: SimTime::from_secs(i * 10),
            placed: Some(SimTime::from_secs(i * 10 + 2)),
            pull_started: Some(SimTime::from_nanos((i * 10 + 3) * 1_000_000_000 + 250_000_000)),
            started: (i != 11).then(|| SimTime::from_secs(i * 10 + 21)),
            stopping: (i == 2).then(|| SimTime::from_secs(90_000)),
            stopped: (i == 2).then(|| SimTime::from_secs(90_031)),
            execution_stopped: (i == 2).then(|| SimTime::from_secs(90_030)),
            exit_code: (i == 5).then_some(137),
            restarts: u16::from(i == 7),
            stop_code: (i == 2).then_some(StopCode::ServiceSchedulerInitiated),
            stopped_reason: if i == 2 {
                "Scaling activity initiated by deployment, \"api\""
            } else {
                ""
            }
            .into(),
            billed_seconds: if i % 3 == 0 { 604_800 } else { 0 },
        })
        .collect()
}

fn placement_failures() -> Vec<PlacementFailure> {
    vec![PlacementFailure {
        group: "worker".to_owned(),
        capacity: "web-ec2".to_owned(),
        cpu: Cpu::from_ecs_units(512),
        memory: Mib::new(1_900),
        since: SimTime::from_secs(3_600),
        last: SimTime::from_secs(3_650),
        attempts: 6,
        placed: Some(SimTime::from_secs(3_700)),
        rejections: Rejections { memory: 3, cpu: 1, ..Rejections::default() },
    }]
}

fn instance_records() -> Vec<InstanceRecord> {
    (0..5_u64)
        .map(|i| InstanceRecord {
            group: "web".to_owned(),
            instance_type: "m7g.large".to_owned(),
            purchase_option: if i == 3 { PurchaseOption::Spot } else { PurchaseOption::OnDemand },
            stopped: Vec::new(),
            interruption_notice: (i == 3).then(|| SimTime::from_secs(108_000)),
            interrupted: i == 3,
            zone: format!("eu-west-1{}", ['a', 'b', 'c'][(i % 3) as usize]),
            requested: SimTime::from_secs(i * 40),
            running: Some(SimTime::from_secs(i * 40 + 31)),
            registered: Some(SimTime::from_secs(i * 40 + 75)),
            terminated: (i == 3).then(|| SimTime::from_secs(108_120)),
            termination_reason: if i == 3 { "Spot interruption" } else { "" }.to_owned(),
            tasks_run: 9,
            cpu_reserved_micro: 482_000,
            memory_reserved_micro: 913_000,
            billed_seconds: 600_000,
        })
        .collect()
}

/// A day of a batch queue on a group, without any service.
pub(crate) fn batch_run() -> (RunResults, Bill) {
    let (mut results, _) = web_run_of(1, 300);
    let n = 288_usize;
    let waiting: Vec<f64> =
        (0..n).map(|i| (90.0 * daily(i as f64 / 12.0) - 40.0).max(0.0).floor()).collect();
    let running: Vec<f64> =
        (0..n).map(|i| (60.0 * daily(i as f64 / 12.0)).min(32.0).floor()).collect();
    results.scenario = "nightly-batch".to_owned();
    results.description = "How long do jobs wait on 8 instances?".to_owned();
    results.services.clear();
    results.warnings.clear();
    results.event_records.retain(|event| event.entity == "web");
    results.batches = vec![BatchResults {
        name: "etl".to_owned(),
        queue: QueueDiscipline::FirstFit,
        arrived: 4_200,
        completed: 4_187,
        given_up: 0,
        wait_seconds: Some(distribution(12.0, 1_840.0, 3_110.0, 4_195)),
        total_wait: 1_200_000_000_000_000,
        last_end: Some(SimTime::from_secs(86_012)),
        cost: 123_456_789_012,
    }];
    results.series.retain(|s| s.entity != "api" && s.entity != "worker");
    results.series.push(series(
        ("ECS/ContainerInsights", "PendingTaskCount", "Count"),
        ("TaskGroup", "etl"),
        waiting,
    ));
    results.series.push(series(
        ("ECS/ContainerInsights", "RunningTaskCount", "Count"),
        ("TaskGroup", "etl"),
        running,
    ));
    results.invoice = web_invoice(1, 300, &[8.0]);
    results.invoice.lines.retain(|line| line.category != Category::LoadBalancer);
    results.invoice.total = results.invoice.lines.iter().map(|line| line.amount).sum();
    results.idle_ec2_cost = results.invoice.total / 7;
    let bill = Bill::new(&results);
    (results, bill)
}

/// A run in which nothing happened.
pub(crate) fn empty_run() -> (RunResults, Bill) {
    let (mut results, _) = web_run_of(1, 300);
    results.scenario = "empty".to_owned();
    results.services.clear();
    results.batches.clear();
    results.capacity.clear();
    results.series.clear();
    results.event_records.clear();
    results.task_records.clear();
    results.instance_records.clear();
    results.warnings.clear();
    results.utilization = None;
    results.packing = None;
    results.instances = InstanceTotals::default();
    results.tasks = TaskTotals::default();
    results.simulated = SimDuration::ZERO;
    results.idle_ec2_cost = 0;
    results.invoice = Invoice::default();
    (results, Bill::default())
}

/// What `write` writes, as text.
pub(crate) fn text(write: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>) -> String {
    let mut out = Vec::new();
    write(&mut out).expect("memory takes all");
    String::from_utf8(out).expect("UTF-8")
}

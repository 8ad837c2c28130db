//! The summary of a run, field by field.

use std::collections::BTreeMap;

use plimsoll_core::results::{
    Distribution, ObjectiveResults, Packing, PlacementFailure, QueueResults, RunResults,
    ServiceResults,
};

use super::{
    AttemptsSummary, BatchSummary, CapacitySummary, CostSummary, DeploymentSummary,
    ElasticitySummary, InstancesSummary, ObjectiveSummary, PackingSummary, Quantiles, QueueSummary,
    RecoverySummary, RequestedPackingSummary, RequestsSummary, RunMeta, ScalingTotals,
    ServiceScaling, ServiceSummary, Summary, TasksSummary, UtilizationSummary,
};
use plimsoll_core::statistics::Elasticity;

use crate::bill::Bill;
use crate::number::{decimal, finite, rfc3339, rfc3339_seconds};
use crate::series;

impl Summary {
    /// The summary of `results`, with the cost of `bill`.
    pub fn new(results: &RunResults, bill: &Bill, meta: &RunMeta) -> Self {
        let (out, back) = results
            .services
            .iter()
            .filter_map(|service| service.scaling)
            .fold((0, 0), |(out, back), s| (out + s.scale_out, back + s.scale_in));
        let sum = |pick: fn(&Elasticity) -> f64| {
            let measured = results.services.iter().filter_map(|it| it.elasticity.as_ref());
            measured.map(pick).filter_map(finite).reduce(|a, b| a + b)
        };
        Self {
            scenario: results.scenario.clone(),
            description: results.description.clone(),
            scenario_hash: meta.scenario_hash.clone(),
            version: meta.version.clone(),
            region: results.region.clone(),
            start: rfc3339_seconds(results.start_unix_seconds),
            seed: results.seed,
            replication: results.replication,
            fingerprint: format!("{:016x}", results.trajectory_fingerprint),
            outcome_fingerprint: format!("{:016x}", results.outcome_fingerprint),
            aws_rules: results.aws_rules.clone(),
            price_date: results.price_date.clone(),
            simulated_seconds: results.simulated.as_secs_f64(),
            events: results.events,
            cost: CostSummary {
                total_usd: decimal(bill.total),
                idle_ec2_usd: decimal(results.idle_ec2_cost),
                by_service: bill.by(|row| row.service_name.clone()),
                by_category: bill.by(|row| row.kind.clone()),
            },
            utilization: results.utilization.map(|u| UtilizationSummary {
                cpu_reserved: finite(u.cpu_reserved),
                memory_reserved: finite(u.memory_reserved),
                cpu_used: u.cpu_used.and_then(finite),
            }),
            instances: InstancesSummary {
                mean: or_zero(results.instances.mean),
                peak: results.instances.peak,
                launched: results.instances.launched,
                terminated: results.instances.terminated,
                interrupted: results.instances.interrupted,
                hours: results.instances.lived.as_secs_f64() / 3_600.0,
                billed_seconds: results.instances.billed_seconds,
            },
            tasks: TasksSummary {
                created: results.tasks.created,
                started: results.tasks.started,
                stopped: results.tasks.stopped,
                running_at_end: results.tasks.running_at_end,
                pending_at_end: results.tasks.pending_at_end,
                interrupted: results.tasks.interrupted,
                peak_running: results.tasks.peak_running,
                placement_failures: results.tasks.placement_failures,
                placement_failure_reason: placement_failure_reason(&results.placement_failures),
                pending_seconds: quantiles(results.tasks.pending_seconds.as_ref()),
                fargate_billed_seconds: results.tasks.fargate_billed_seconds,
            },
            services: results
                .services
                .iter()
                .enumerate()
                .map(|(index, s)| (s.name.clone(), service(results, index, s)))
                .collect(),
            batches: results.batches.iter().map(|b| (b.name.clone(), batch(b))).collect(),
            queues: results.queues.iter().map(|q| (q.name.clone(), queue(q))).collect(),
            capacity: results
                .capacity
                .iter()
                .map(|group| {
                    let summary = CapacitySummary {
                        capacity_provider: group.capacity_provider.clone(),
                        instance_type: group.instance_type.clone(),
                        mean: or_zero(group.mean),
                        peak: group.peak,
                        scale_out: group.scale_out,
                        scale_in: group.scale_in,
                        max_size: group.max_size,
                        spot_mean: or_zero(group.spot_mean),
                        interrupted: group.interrupted.into(),
                        failed_launches: group.failed_launches,
                        waiting_at_maximum_time: group.waiting_at_maximum_time,
                        elasticity: group.elasticity.as_ref().and_then(ElasticitySummary::new),
                        cost_usd: decimal(group.cost),
                    };
                    (group.group.clone(), summary)
                })
                .collect(),
            scaling: ScalingTotals {
                service_scale_out: out,
                service_scale_in: back,
                group_scale_out: results.capacity.iter().map(|group| group.scale_out).sum(),
                group_scale_in: results.capacity.iter().map(|group| group.scale_in).sum(),
                under_provisioned_mean: sum(|it| it.under_mean),
                over_provisioned_mean: sum(|it| it.over_mean),
            },
            packing: results.packing.as_ref().map(packing),
            warnings: results.warnings.clone(),
        }
    }
}

fn packing(packing: &Packing) -> PackingSummary {
    let of = &packing.by_resource;
    let by_resource = [
        ("cpu", of.cpu),
        ("memory", of.memory),
        ("gpus", of.gpus),
        ("networkInterfaces", of.network_interfaces),
        ("hostPorts", of.host_ports),
    ];
    PackingSummary {
        lower_bound_instance_hours: or_zero(packing.lower_bound_instance_hours),
        by_resource: by_resource
            .into_iter()
            .filter(|(_, hours)| *hours > 0.0)
            .map(|(name, hours)| (name.to_owned(), or_zero(hours)))
            .collect(),
        instance_hours: or_zero(packing.instance_hours),
        efficiency: finite(packing.efficiency),
        gap: packing.gap.and_then(finite),
        duration_ratio: packing.duration_ratio.and_then(finite),
        requested: packing.requested.as_ref().map(|requested| RequestedPackingSummary {
            lower_bound_instance_hours: or_zero(requested.lower_bound_instance_hours),
            gap: requested.gap.and_then(finite),
            mean_wait_seconds: or_zero(requested.mean_wait_seconds),
            unfinished: requested.unfinished,
        }),
    }
}

fn or_zero(value: f64) -> f64 {
    finite(value).unwrap_or(0.0)
}

fn quantiles(distribution: Option<&Distribution>) -> Option<Quantiles> {
    let d = distribution?;
    Some(Quantiles {
        mean: finite(d.mean)?,
        p50: finite(d.p50)?,
        p95: finite(d.p95)?,
        p99: finite(d.p99)?,
        max: finite(d.max)?,
        count: d.count,
    })
}

/// Millionths of a request as requests.
fn requests(micro: u128) -> f64 {
    micro as f64 / 1e6
}

fn service(results: &RunResults, index: usize, service: &ServiceResults) -> ServiceSummary {
    let load = service.load.as_ref();
    let objective: Option<ObjectiveResults> = load.and_then(|load| load.objective);
    ServiceSummary {
        desired: or_zero(service.desired_mean),
        running: or_zero(service.running_mean),
        running_peak: service.running_peak,
        cost_usd: decimal(service.cost),
        requests: load.map(|load| RequestsSummary {
            offered: requests(load.offered_micro),
            served: requests(load.served_micro),
            failed: requests(load.failed_micro),
            queued: requests(load.queued_micro),
            attempts: load.single_requests.map(|counts| AttemptsSummary {
                all: counts.attempts,
                timed_out: counts.timed_out,
                rejected: counts.rejected,
                broken_off: counts.broken_off,
            }),
        }),
        latency_ms: load.and_then(|load| quantiles(load.latency_ms.as_ref())),
        slo_violation_fraction: objective.and_then(|o| finite(o.bad_request_fraction)),
        objective: objective.map(|o| ObjectiveSummary {
            quantile: or_zero(o.quantile),
            below_ms: or_zero(o.below_ms),
            met: o.met,
            violated_minute_fraction: or_zero(o.violated_minute_fraction),
            violated_minutes: o.violated_minutes,
        }),
        elasticity: service.elasticity.as_ref().and_then(ElasticitySummary::new),
        recovery: RecoverySummary::new(results, index),
        scaling: service.scaling.map(|scaling| {
            let desired =
                series::find(&results.series, series::DESIRED, series::SERVICE, &service.name);
            let needed =
                series::find(&results.series, series::NEEDED, series::SERVICE, &service.name);
            ServiceScaling {
                scale_out: scaling.scale_out,
                scale_in: scaling.scale_in,
                short_at_peak_time: desired
                    .zip(needed)
                    .and_then(|(desired, needed)| short_at_peak(&desired.values, &needed.values)),
                desired_peak: desired.and_then(|s| series::peak(&s.values)),
            }
        }),
        deployments: deployments(results, service),
    }
}

/// The deployments of a service, unless all there is to say is that it was created.
fn deployments(results: &RunResults, service: &ServiceResults) -> Vec<DeploymentSummary> {
    use plimsoll_core::service::completion::RolloutState;
    if let [only] = &service.deployments[..]
        && only.state == RolloutState::Completed
    {
        return Vec::new();
    }
    let start = results.start_unix_seconds;
    let all = service.deployments.iter();
    all.map(|deployment| DeploymentSummary {
        id: deployment.id.clone(),
        task_definition: deployment.task_definition.clone(),
        trigger: deployment.trigger.name().to_owned(),
        rollout_state: deployment.state.name().to_owned(),
        rollout_state_reason: deployment.reason.to_owned(),
        created_at: rfc3339(start, deployment.created),
        finished_at: deployment.finished.map(|at| rfc3339(start, at)),
        started_tasks: deployment.started_tasks,
        failed_tasks: deployment.failed_tasks,
        running_count: deployment.running,
        pending_count: deployment.pending,
    })
    .collect()
}

/// Share of the intervals in which `desired` stands at its own largest value while `needed` is larger.
fn short_at_peak(desired: &[Option<f64>], needed: &[Option<f64>]) -> Option<f64> {
    let peak = series::peak(desired)?;
    let pairs = || desired.iter().zip(needed).filter_map(|(d, n)| d.zip(*n));
    let all = pairs().count();
    // A mean over an interval in which the count changed is not "at the peak".
    let short = pairs().filter(|(d, n)| *d >= peak && *n > *d + 1e-9).count();
    (all > 0).then(|| short as f64 / all as f64)
}

fn batch(batch: &plimsoll_core::results::BatchResults) -> BatchSummary {
    use plimsoll_core::scenario::QueueDiscipline;
    BatchSummary {
        queue: match batch.queue {
            QueueDiscipline::FirstComeFirstServed => "firstComeFirstServed",
            QueueDiscipline::FirstFit => "firstFit",
            QueueDiscipline::NoRetry => "noRetry",
        }
        .to_owned(),
        arrived: batch.arrived,
        completed: batch.completed,
        given_up: batch.given_up,
        wait_seconds: quantiles(batch.wait_seconds.as_ref()),
        total_wait_seconds: batch.total_wait as f64 / 1e9,
        last_end_seconds: batch.last_end.map(plimsoll_core::units::SimTime::as_secs_f64),
        cost_usd: decimal(batch.cost),
    }
}

fn queue(queue: &QueueResults) -> QueueSummary {
    let counts = &queue.counts;
    QueueSummary {
        workers: queue.workers.clone(),
        sent: counts.sent,
        moved_in: counts.moved_in,
        received: counts.received,
        received_again: counts.received_again,
        deleted: counts.deleted,
        dead_lettered: counts.dead_lettered,
        expired: counts.expired,
        failed: counts.failed,
        wasted: counts.wasted,
        abandoned: counts.abandoned,
        empty_receives: counts.empty_receives,
        calls: counts.calls(),
        visible: or_zero(queue.visible_mean),
        visible_peak: queue.visible_peak,
        visible_at_end: queue.visible_at_end,
        in_flight_at_end: queue.in_flight_at_end,
        delayed_at_end: queue.delayed_at_end,
        oldest_seconds: or_zero(queue.oldest_seconds),
        wait_seconds: quantiles(queue.wait_seconds.as_ref()),
        stay_seconds: quantiles(queue.stay_seconds.as_ref()),
    }
}

/// The reason of most failed attempts, of those that have one: in a cluster without instances there is
/// none.
fn placement_failure_reason(failures: &[PlacementFailure]) -> Option<String> {
    let mut attempts: BTreeMap<&str, u64> = BTreeMap::new();
    for failure in failures {
        if let Some(reason) = failure.rejections.main_reason() {
            *attempts.entry(reason).or_default() += failure.attempts;
        }
    }
    let most = attempts.values().max()?;
    attempts.iter().find(|(_, number)| *number == most).map(|(reason, _)| (*reason).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_short_at_its_peak_only_while_more_is_needed() {
        let values = |v: &[f64]| v.iter().map(|x| Some(*x)).collect::<Vec<_>>();
        let desired = values(&[2.0, 4.0, 4.0, 3.0]);
        let needed = values(&[3.0, 5.0, 4.0, 9.0]);
        assert_eq!(short_at_peak(&desired, &needed), Some(0.25));
        assert_eq!(short_at_peak(&[None], &[None]), None);
    }
}

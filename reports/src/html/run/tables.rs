//! The figures of a run and its bill as tables.

use crate::charts::quantile_name;
use crate::data::ReportData;
use crate::html::elements::{Cell, table, terms};
use crate::number::{
    count, duration, millis, parse_decimal, percent, significant, usd_exact, usd_f64,
};
use crate::summary::{Quantiles, Summary};
use crate::words::{bought, packing_sentence, requested_sentence, utilization_sentence};

fn quantile_cells(quantiles: Option<&Quantiles>, form: fn(f64) -> String) -> [Cell; 3] {
    match quantiles {
        Some(q) => [q.p50, q.p95, q.p99].map(|value| Cell::number(form(value))),
        None => [(); 3].map(|()| Cell::number("–")),
    }
}

pub(super) fn services_table(summary: &Summary) -> String {
    let rows: Vec<Vec<Cell>> = summary
        .services
        .iter()
        .map(|(name, service)| {
            let mut row = vec![
                Cell::Head(name.clone()),
                Cell::number(significant(service.desired, 3)),
                Cell::number(significant(service.running, 3)),
                Cell::number(service.running_peak.to_string()),
            ];
            let requests = service.requests.as_ref();
            row.push(Cell::number(requests.map_or("–".to_owned(), |r| count(r.offered))));
            let failed = requests.filter(|r| r.offered > 0.0).map(|r| r.failed / r.offered);
            row.push(Cell::number(failed.map_or("–".to_owned(), percent)));
            row.extend(quantile_cells(service.latency_ms.as_ref(), millis));
            row.push(match &service.objective {
                Some(o) => {
                    let text = format!("{} < {}", quantile_name(o.quantile), millis(o.below_ms));
                    Cell::Verdict(
                        format!("{text}: {}", if o.met { "met" } else { "missed" }),
                        o.met,
                    )
                }
                None => Cell::text("–"),
            });
            row.push(Cell::number(money(&service.cost_usd)));
            row
        })
        .collect();
    table(
        "Services",
        "Tasks are means over time. The cost of a service is its Fargate tasks and load balancer and its share of the instances.",
        &[
            "service",
            "#desired",
            "#running",
            "#peak",
            "#requests",
            "#failed",
            "#p50",
            "#p95",
            "#p99",
            "objective",
            "#cost",
        ],
        &rows,
    )
}

pub(super) fn scaling_table(summary: &Summary) -> String {
    let tasks =
        |value: Option<f64>| Cell::number(value.map_or("–".to_owned(), |v| significant(v, 3)));
    let rows: Vec<Vec<Cell>> = summary
        .services
        .iter()
        .filter_map(|(name, service)| {
            let scaling = service.scaling.as_ref()?;
            Some(vec![
                Cell::Head(name.clone()),
                Cell::number(scaling.scale_out.to_string()),
                Cell::number(scaling.scale_in.to_string()),
                tasks(scaling.desired_peak),
                tasks(service.elasticity.as_ref().map(|it| it.needed_peak as f64)),
            ])
        })
        .collect();
    table(
        "Scaling of services",
        "Need is the least number of tasks whose latency meets the objective, or that can serve all requests.",
        &["service", "#scale-outs", "#scale-ins", "#desired peak", "#needed peak"],
        &rows,
    )
}

/// The story of each deployment, if there is more than the first ones.
pub(super) fn deployments_table(summary: &Summary) -> String {
    let time = |text: &str| {
        let text = text.trim_end_matches('Z').replace('T', " ");
        Cell::Time(text.get(..19).unwrap_or(&text).to_owned())
    };
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    for (name, service) in &summary.services {
        for deployment in &service.deployments {
            let state = match deployment.rollout_state_reason.as_str() {
                "" => deployment.rollout_state.clone(),
                reason => format!("{}: {reason}", deployment.rollout_state),
            };
            rows.push(vec![
                Cell::Head(name.clone()),
                Cell::text(deployment.task_definition.clone()),
                Cell::text(deployment.trigger.clone()),
                time(&deployment.created_at),
                deployment.finished_at.as_deref().map_or(Cell::text("–".to_owned()), time),
                Cell::text(state),
                Cell::number(deployment.started_tasks.to_string()),
                Cell::number(deployment.failed_tasks.to_string()),
                Cell::number(deployment.running_count.to_string()),
                Cell::number(deployment.pending_count.to_string()),
            ]);
        }
    }
    table(
        "Deployments",
        "Running and pending tasks are those at the end of the run.",
        &[
            "service",
            "task definition",
            "trigger",
            "began (UTC)",
            "ended",
            "state",
            "#started",
            "#failed",
            "#running",
            "#pending",
        ],
        &rows,
    )
}

pub(super) fn capacity_table(summary: &Summary) -> String {
    let rows: Vec<Vec<Cell>> = summary
        .capacity
        .iter()
        .map(|(name, group)| {
            vec![
                Cell::Head(name.clone()),
                Cell::text(group.capacity_provider.clone().unwrap_or_else(|| "–".to_owned())),
                Cell::text(bought(group)),
                Cell::number(significant(group.mean, 3)),
                Cell::number(group.peak.to_string()),
                Cell::number(group.scale_out.to_string()),
                Cell::number(group.scale_in.to_string()),
                Cell::number(money(&group.cost_usd)),
            ]
        })
        .collect();
    table(
        "Capacity",
        "Groups of container instances; the cost is that of instances and volumes.",
        &[
            "group",
            "capacity provider",
            "type",
            "#mean",
            "#peak",
            "#scale-outs",
            "#scale-ins",
            "#cost",
        ],
        &rows,
    )
}

pub(super) fn queue_table(summary: &Summary) -> String {
    let number = |value: u64| Cell::number(count(value as f64));
    let rows: Vec<Vec<Cell>> = summary
        .queues
        .iter()
        .map(|(name, queue)| {
            let mut row = vec![
                Cell::Head(name.clone()),
                number(queue.sent + queue.moved_in),
                number(queue.deleted),
                number(queue.visible_at_end + queue.in_flight_at_end + queue.delayed_at_end),
                number(queue.received_again),
                number(queue.wasted),
                number(queue.dead_lettered + queue.expired),
                number(queue.visible_peak),
            ];
            row.extend(quantile_cells(queue.wait_seconds.as_ref(), duration));
            row.push(Cell::number(duration(queue.oldest_seconds)));
            row
        })
        .collect();
    table(
        "Queues",
        "Waits are from sending to the first attempt. Lost are messages that went to a dead-letter queue or expired; \
         wasted are attempts whose message somebody else had received in the meantime.",
        &[
            "queue",
            "#messages",
            "#done",
            "#left",
            "#received again",
            "#wasted",
            "#lost",
            "#peak backlog",
            "#wait p50",
            "#wait p95",
            "#wait p99",
            "#oldest",
        ],
        &rows,
    )
}

pub(super) fn batch_table(summary: &Summary) -> String {
    let rows: Vec<Vec<Cell>> = summary
        .batches
        .iter()
        .map(|(name, batch)| {
            let mut row = vec![
                Cell::Head(name.clone()),
                Cell::text(match batch.queue.as_str() {
                    "firstFit" => "first fit",
                    "noRetry" => "no retry",
                    _ => "first come, first served",
                }),
                Cell::number(count(batch.arrived as f64)),
                Cell::number(count(batch.completed as f64)),
            ];
            row.extend(quantile_cells(batch.wait_seconds.as_ref(), duration));
            row.push(Cell::number(batch.last_end_seconds.map_or("–".to_owned(), duration)));
            row.push(Cell::number(money(&batch.cost_usd)));
            row
        })
        .collect();
    table(
        "Batch work",
        "Waits are from arrival to placement; the last end counts from the start of the run.",
        &[
            "source",
            "queue",
            "#arrived",
            "#finished",
            "#wait p50",
            "#wait p95",
            "#wait p99",
            "#last end",
            "#cost",
        ],
        &rows,
    )
}

pub(super) fn totals(summary: &Summary) -> String {
    let (instances, tasks) = (&summary.instances, &summary.tasks);
    let mut pairs = Vec::new();
    if instances.launched > 0 {
        pairs.push((
            "Instances",
            format!(
                "{} on average, {} at most; {} launched, {} terminated, {} interrupted; {} instance-hours",
                significant(instances.mean, 3),
                instances.peak,
                instances.launched,
                instances.terminated,
                instances.interrupted,
                count(instances.hours)
            ),
        ));
    }
    pairs.push((
        "Tasks",
        format!(
            "{} created, {} started, {} stopped; {} running at most; {} failed placement attempts",
            count(tasks.created as f64),
            count(tasks.started as f64),
            count(tasks.stopped as f64),
            count(f64::from(tasks.peak_running)),
            count(tasks.placement_failures as f64)
        ),
    ));
    if let Some(pending) = &tasks.pending_seconds {
        pairs.push((
            "Creation to RUNNING",
            format!(
                "{} on average, p50 {}, p95 {}, p99 {}",
                duration(pending.mean),
                duration(pending.p50),
                duration(pending.p95),
                duration(pending.p99)
            ),
        ));
    }
    if let Some(text) = utilization_sentence(summary) {
        pairs.push(("Share of registered capacity", text));
    }
    if let Some(packing) = &summary.packing
        && let Some(text) = packing_sentence(packing)
    {
        let most = packing.by_resource.iter().max_by(|a, b| a.1.total_cmp(b.1));
        let scarcest = most.map_or(String::new(), |(name, hours)| {
            format!(", {} for {} alone", count(*hours), resource_words(name))
        });
        pairs.push(("Packing", format!("{text}{scarcest}")));
        if let Some(text) = requested_sentence(packing) {
            pairs.push(("Without waiting", text));
        }
    }
    terms(&pairs)
}

/// A resource of `packing.byResource` in words.
fn resource_words(name: &str) -> &str {
    match name {
        "cpu" => "CPU",
        "gpus" => "GPUs",
        "networkInterfaces" => "network interfaces",
        "hostPorts" => "host ports",
        other => other,
    }
}

fn money(decimal: &str) -> String {
    parse_decimal(decimal).map_or_else(|| "–".to_owned(), usd_exact)
}

pub(super) fn bill_table(data: &ReportData, summary: &Summary) -> String {
    let total = summary.total_usd();
    let share = |amount: f64| if total > 0.0 { amount / total } else { 0.0 };
    let by_kind: Vec<Vec<Cell>> = {
        let mut kinds: Vec<(&String, i128)> = summary
            .cost
            .by_category
            .iter()
            .filter_map(|(kind, usd)| Some((kind, parse_decimal(usd)?)))
            .collect();
        kinds.sort_by_key(|(_, amount)| std::cmp::Reverse(*amount));
        kinds
            .into_iter()
            .map(|(kind, amount)| {
                let part = share(usd_f64(amount));
                vec![
                    Cell::Head(kind.clone()),
                    Cell::number(usd_exact(amount)),
                    Cell::number(percent(part)),
                    Cell::Share(part),
                ]
            })
            .collect()
    };
    let by_owner: Vec<Vec<Cell>> = data
        .bill
        .iter()
        .map(|group| {
            vec![
                Cell::Head(group.owner.clone()),
                Cell::text(group.kind.clone()),
                Cell::text(group.service.clone()),
                Cell::number(money(&group.usd)),
                Cell::number(format!("${}", group.usd)),
            ]
        })
        .collect();
    table(
        "By kind",
        &format!("Total ${}", summary.cost.total_usd),
        &["kind", "#cost", "#share", "of the total"],
        &by_kind,
    ) + &table(
        "By owner",
        "Who causes what, exact in the last column; hour by hour in bill.csv.",
        &["owner", "kind", "AWS service", "#cost", "#exact"],
        &by_owner,
    )
}

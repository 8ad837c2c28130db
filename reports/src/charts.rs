//! Which charts a run has, from its recorded series and its bill.

use std::collections::BTreeMap;

use plimsoll_core::results::{EventCategory, QueueResults, RunResults, Series};

use crate::bands::bands;
use crate::bill::Bill;
use crate::chart::{
    AxisUnit, Band, Bound, Chart, Form, Hue, Line, MAX_POINTS, Mark, Panel, short, thin,
};
use crate::number::{millis, usd_f64};
use crate::series::{self, GROUP, Name, QUEUE, SERVICE, TASK_GROUP, find, find_cluster};

/// Most services, groups, batch sources and queues that are drawn; the rest is in `timeseries.csv`.
pub(crate) const MAX_DRAWN: usize = 8;

/// The charts of a run in the order of the report, and what was left out, in words.
pub(crate) fn charts(results: &RunResults, bill: &Bill) -> (Vec<Chart>, Option<String>) {
    let interval = results.record_interval.as_secs_f64();
    let context = Context { results, interval, bands: bands(results) };
    let mut charts = Vec::new();
    let mut services: Vec<_> = results.services.iter().collect();
    // The dearest first, in scenario order among equals (the sort is stable).
    services.sort_by_key(|service| std::cmp::Reverse(service.cost));
    let drawn: Vec<&str> =
        services.iter().take(MAX_DRAWN).map(|service| service.name.as_str()).collect();
    charts.extend(drawn.iter().map(|name| context.demand(name)));
    charts.extend(drawn.iter().map(|name| context.latency(name)));
    charts.extend(
        results.capacity.iter().take(MAX_DRAWN).map(|group| context.instances(&group.group)),
    );
    charts.push(context.reservation());
    charts.extend(results.batches.iter().take(MAX_DRAWN).map(|batch| context.batch(&batch.name)));
    charts.extend(results.queues.iter().take(MAX_DRAWN).map(|queue| context.queue(queue)));
    charts.push(context.cost(bill));
    charts.retain(Chart::has_data);
    let mut ids: Vec<String> = Vec::new();
    for chart in &mut charts {
        // Names that differ only in signs that no file name may hold get a number.
        let mut id = chart.id.clone();
        let mut number = 2;
        while ids.contains(&id) {
            id = format!("{}-{number}", chart.id);
            number += 1;
        }
        ids.push(id.clone());
        chart.id = id;
    }
    let left_out = services.len().saturating_sub(MAX_DRAWN)
        + results.capacity.len().saturating_sub(MAX_DRAWN)
        + results.batches.len().saturating_sub(MAX_DRAWN)
        + results.queues.len().saturating_sub(MAX_DRAWN);
    let note = (left_out > 0).then(|| {
        format!(
            "At most {MAX_DRAWN} services, groups, batch sources and queues are drawn, the dearest services first; \
             {left_out} more are in timeseries.csv."
        )
    });
    (charts, note)
}

struct Context<'a> {
    results: &'a RunResults,
    interval: f64,
    /// When faults held.
    bands: Vec<Band>,
}

impl Context<'_> {
    fn chart(&self, id: &str, title: String, caption: String) -> Chart {
        Chart {
            id: file_stem(id),
            title,
            caption,
            start: self.results.start_unix_seconds,
            length: self.results.simulated.as_secs_f64(),
            panels: Vec::new(),
            marks: Vec::new(),
            bands: self.bands.clone(),
        }
    }

    fn line(&self, name: &str, hue: Hue, form: Form, series: Option<&Series>) -> Option<Line> {
        let points = thin(&series?.values, self.interval);
        let line = Line { name: name.to_owned(), hue, form, points };
        line.points.iter().any(|point| point.1.is_some()).then_some(line)
    }

    fn of(
        &self,
        dimension: &str,
        entity: &str,
        look: (&str, Hue, Form),
        name: Name,
    ) -> Option<Line> {
        let series = find(&self.results.series, name, dimension, entity);
        self.line(look.0, look.1, look.2, series)
    }

    /// Counts per interval as a line of rates per second. The last interval may be cut by the horizon.
    fn rate(&self, name: &str, hue: Hue, counts: &Series) -> Option<Line> {
        let rest = self.results.simulated.as_secs_f64();
        let rates = counts.values.iter().enumerate().map(|(index, value)| {
            let length = (rest - index as f64 * self.interval).clamp(1e-9, self.interval.max(1e-9));
            value.map(|count| count / length)
        });
        let series = Series { values: rates.collect(), ..counts.clone() };
        self.line(name, hue, Form::Line, Some(&series))
    }

    fn marks(&self, entity: &str, category: EventCategory) -> Vec<Mark> {
        let events = self.results.event_records.iter();
        let mut marks: Vec<Mark> = events
            .filter(|event| event.category == category && event.entity == entity)
            .filter_map(|event| {
                let (from, to) = event.change?;
                (from != to).then(|| Mark { at: event.at.as_secs_f64(), out: to > from })
            })
            .collect();
        // A mark is a few pixels wide: of those within a thousandth of the axis one is enough.
        let width = self.results.simulated.as_secs_f64() / 1_000.0;
        let mut last = [f64::NEG_INFINITY; 2];
        marks.retain(|mark| {
            let last = &mut last[usize::from(mark.out)];
            let keep = mark.at - *last >= width;
            if keep {
                *last = mark.at;
            }
            keep
        });
        marks
    }

    fn demand(&self, service: &str) -> Chart {
        let mut chart = self.chart(
            &format!("demand-{service}"),
            format!("{service}: tasks against demand"),
            "Where the shaded need rises above the running tasks, requests queue; where it stays below, capacity is \
             paid for and idle."
                .to_owned(),
        );
        let tasks = [
            self.of(SERVICE, service, ("needed (demand)", Hue::Sky, Form::Area), series::NEEDED),
            self.of(SERVICE, service, ("desired", Hue::Orange, Form::Broad), series::DESIRED),
            self.of(SERVICE, service, ("running", Hue::Blue, Form::Step), series::RUNNING),
        ];
        let with_need = tasks[0].is_some();
        push(&mut chart, "tasks", AxisUnit::Number, tasks);
        let rate = find(&self.results.series, series::REQUESTS, SERVICE, service)
            .and_then(|requests| self.rate("offered requests", Hue::Purple, requests));
        push(&mut chart, "requests per second", AxisUnit::Number, [rate]);
        chart.marks = self.marks(service, EventCategory::ServiceScaling);
        if !with_need {
            chart.title = format!("{service}: desired and running tasks");
            chart.caption =
                "Where running falls below desired, tasks wait for capacity or start up.".into();
        }
        chart
    }

    fn latency(&self, service: &str) -> Chart {
        let mut chart = self.chart(
            &format!("latency-{service}"),
            format!("{service}: latency"),
            "Latency of the requests served in each interval.".to_owned(),
        );
        let quantile = |text, hue, name| self.of(SERVICE, service, (text, hue, Form::Line), name);
        let lines = [
            quantile("p99", Hue::Vermillion, series::LATENCY_P99),
            quantile("p95", Hue::Blue, series::LATENCY_P95),
            quantile("p50", Hue::Green, series::LATENCY_P50),
        ];
        push(&mut chart, "latency", AxisUnit::Millis, lines);
        let load =
            self.results.services.iter().find(|s| s.name == service).and_then(|s| s.load.as_ref());
        if let Some(objective) = load.and_then(|load| load.objective)
            && let Some(panel) = chart.panels.first_mut()
        {
            let name = quantile_name(objective.quantile);
            chart.caption = format!(
                "Where {name} crosses the dashed line, the service misses its objective of {}.",
                millis(objective.below_ms)
            );
            panel.bound =
                Some(Bound { name: format!("objective for {name}"), value: objective.below_ms });
        }
        chart
    }

    fn instances(&self, group: &str) -> Chart {
        let mut chart = self.chart(
            &format!("instances-{group}"),
            format!("{group}: instances"),
            "Instances in service against what the placed and waiting tasks would need.".to_owned(),
        );
        let lines = [
            self.of(
                GROUP,
                group,
                ("needed by the tasks", Hue::Sky, Form::Area),
                series::GROUP_NEEDED,
            ),
            self.of(
                GROUP,
                group,
                ("desired capacity", Hue::Orange, Form::Broad),
                series::GROUP_DESIRED,
            ),
            self.of(GROUP, group, ("in service", Hue::Blue, Form::Step), series::IN_SERVICE),
        ];
        if lines[0].is_none() {
            chart.caption = "Desired capacity of the group and instances in service.".into();
        }
        push(&mut chart, "instances", AxisUnit::Number, lines);
        chart.marks = self.marks(group, EventCategory::GroupActivity);
        chart
    }

    fn reservation(&self) -> Chart {
        let mut chart = self.chart(
            "reservation",
            "Cluster: reserved and used capacity".to_owned(),
            "The resource that is nearest to 100\u{a0}% decides how many instances are needed; the gap between reserved \
             and used is what smaller task sizes could save."
                .to_owned(),
        );
        let series = &self.results.series;
        let line = |text, hue, name| self.line(text, hue, Form::Line, find_cluster(series, name));
        let lines = [
            line("memory reserved", Hue::Vermillion, series::MEMORY_RESERVED),
            line("memory used", Hue::Orange, series::MEMORY_USED),
            line("CPU reserved", Hue::Blue, series::CPU_RESERVED),
            line("CPU used", Hue::Sky, series::CPU_USED),
        ];
        push(&mut chart, "share of registered capacity", AxisUnit::Percent, lines);
        chart
    }

    fn batch(&self, batch: &str) -> Chart {
        let mut chart = self.chart(
            &format!("batch-{batch}"),
            format!("{batch}: waiting and running jobs"),
            "A queue that does not empty between bursts means that the cluster is too small for the work.".to_owned(),
        );
        let lines = [
            self.of(TASK_GROUP, batch, ("waiting", Hue::Orange, Form::Area), series::PENDING),
            self.of(TASK_GROUP, batch, ("running", Hue::Blue, Form::Step), series::RUNNING),
        ];
        push(&mut chart, "jobs", AxisUnit::Number, lines);
        chart
    }

    fn queue(&self, queue: &QueueResults) -> Chart {
        let mut chart = self.chart(
            &format!("queue-{}", queue.name),
            format!("{}: backlog and workers", queue.name),
            "The backlog falls while the workers take more messages than arrive; scaling on it comes minutes after \
             it began to grow."
                .to_owned(),
        );
        let name = queue.name.as_str();
        let lines = [
            self.of(QUEUE, name, ("visible", Hue::Orange, Form::Area), series::VISIBLE),
            self.of(QUEUE, name, ("in flight", Hue::Purple, Form::Line), series::NOT_VISIBLE),
        ];
        push(&mut chart, "messages", AxisUnit::Number, lines);
        // Of several services the first, so that the lines keep their meaning.
        let of_workers = |look, name| {
            queue.workers.first().and_then(|service| self.of(SERVICE, service, look, name))
        };
        let tasks = [
            of_workers(("desired", Hue::Orange, Form::Broad), series::DESIRED),
            of_workers(("running", Hue::Blue, Form::Step), series::RUNNING),
        ];
        push(&mut chart, "tasks", AxisUnit::Number, tasks);
        let age = self.of(QUEUE, name, ("age", Hue::Vermillion, Form::Line), series::OLDEST);
        push(&mut chart, "age of the oldest message, seconds", AxisUnit::Number, [age]);
        if let [service] = &queue.workers[..] {
            chart.marks = self.marks(service, EventCategory::ServiceScaling);
        }
        chart
    }

    fn cost(&self, bill: &Bill) -> Chart {
        let start = self.results.start_unix_seconds;
        let mut kinds: BTreeMap<&str, (i128, BTreeMap<i64, i128>)> = BTreeMap::new();
        let hour_of = |at: i64| (at - start).div_euclid(3_600);
        let last =
            bill.rows.iter().map(|row| hour_of(row.charge_end - 1)).max().unwrap_or(0).max(0);
        let group = (last as usize + 1).div_ceil(MAX_POINTS).max(1) as i64;
        for row in &bill.rows {
            let (total, hours) = kinds.entry(&row.kind).or_default();
            *total += row.billed_cost;
            *hours.entry(hour_of(row.charge_start).max(0) / group).or_default() += row.billed_cost;
        }
        let mut kinds: Vec<_> = kinds.into_iter().collect();
        kinds.sort_by_key(|(_, (total, _))| std::cmp::Reverse(*total));
        let all = kinds.len();
        let mut lines: Vec<Line> = Vec::new();
        for (index, (kind, (_, hours))) in kinds.into_iter().enumerate() {
            let points = (0..=last / group).map(|slot| {
                let cost = hours.get(&slot).copied().unwrap_or(0);
                ((slot * group * 3_600) as f64, usd_f64(cost) / group as f64)
            });
            // More kinds than hues: the smallest share the last one.
            if index >= Hue::ALL.len() - 1 && all > Hue::ALL.len() {
                if let Some(rest) = lines.get_mut(Hue::ALL.len() - 1) {
                    for (point, (_, cost)) in rest.points.iter_mut().zip(points) {
                        point.1 = Some(short(point.1.unwrap_or(0.0) + cost));
                    }
                    continue;
                }
                let points = points.map(|(at, cost)| (at, Some(short(cost)))).collect();
                lines.push(Line {
                    name: "other".to_owned(),
                    hue: Hue::Grey,
                    form: Form::Step,
                    points,
                });
                continue;
            }
            let hue = Hue::ALL.get(index).copied().unwrap_or(Hue::Grey);
            let points = points.map(|(at, cost)| (at, Some(short(cost)))).collect();
            lines.push(Line { name: kind.to_owned(), hue, form: Form::Step, points });
        }
        let mut chart = self.chart(
            "cost",
            "Cost per hour".to_owned(),
            "What each hour costs, by kind of charge.".to_owned(),
        );
        let label = if group > 1 {
            format!("USD per hour, mean of {group} h")
        } else {
            "USD per hour".to_owned()
        };
        if !lines.is_empty() {
            chart.panels.push(Panel {
                label,
                unit: AxisUnit::Usd,
                lines,
                stacked: true,
                bound: None,
            });
        }
        chart
    }
}

fn push<const N: usize>(chart: &mut Chart, label: &str, unit: AxisUnit, lines: [Option<Line>; N]) {
    let lines: Vec<Line> = lines.into_iter().flatten().collect();
    if !lines.is_empty() {
        chart.panels.push(Panel {
            label: label.to_owned(),
            unit,
            lines,
            stacked: false,
            bound: None,
        });
    }
}

/// `p99` for 0.99, `p99.9` for 0.999.
pub(crate) fn quantile_name(quantile: f64) -> String {
    format!("p{}", short(quantile * 100.0))
}

/// `name` as part of a file name: letters, digits, dots, dashes and underscores.
pub(crate) fn file_stem(name: &str) -> String {
    let safe = |c: char| {
        if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' }
    };
    name.chars().take(100).map(safe).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn ids(results: &RunResults, bill: &Bill) -> Vec<String> {
        charts(results, bill).0.into_iter().map(|chart| chart.id).collect()
    }

    #[test]
    fn a_chart_without_data_is_left_out() {
        let (web, bill) = testing::web_run();
        let expected =
            ["demand-api", "demand-worker", "latency-api", "instances-web", "reservation", "cost"];
        assert_eq!(ids(&web, &bill), expected);
        let (empty, none) = testing::empty_run();
        assert!(ids(&empty, &none).is_empty());
        let (batch, bill) = testing::batch_run();
        assert!(ids(&batch, &bill).contains(&"batch-etl".to_owned()));
    }

    #[test]
    fn scaling_actions_point_the_right_way() {
        let (web, bill) = testing::web_run();
        let (charts, _) = charts(&web, &bill);
        let first = web.event_records.iter().find(|event| event.change.is_some()).expect("scales");
        let mark = charts[0].marks[0];
        assert_eq!(mark.at.to_bits(), first.at.as_secs_f64().to_bits());
        let (from, to) = first.change.expect("a change");
        assert_eq!(mark.out, to > from);
    }

    #[test]
    fn the_stack_of_costs_adds_up_to_the_bill() {
        let (web, bill) = testing::web_run();
        let (charts, _) = charts(&web, &bill);
        let cost = charts.iter().find(|chart| chart.id == "cost").expect("drawn");
        let sum: f64 =
            cost.panels[0].lines.iter().flat_map(|line| &line.points).filter_map(|p| p.1).sum();
        assert!((sum - usd_f64(bill.total)).abs() < 1e-3 * sum);
    }

    #[test]
    fn names_become_file_names() {
        assert_eq!(file_stem("demand-../a b/ü"), "demand-..-a-b--");
        assert_eq!(quantile_name(0.99), "p99");
        assert_eq!(quantile_name(0.999), "p99.9");
    }

    #[test]
    fn names_that_collide_as_files_get_a_number() {
        let (mut web, bill) = testing::web_run();
        for series in &mut web.series {
            match series.entity.as_str() {
                "api" => series.entity = "a b".to_owned(),
                "worker" => series.entity = "a/b".to_owned(),
                _ => {}
            }
        }
        web.services[0].name = "a b".to_owned();
        web.services[1].name = "a/b".to_owned();
        let ids = ids(&web, &bill);
        assert!(ids.contains(&"demand-a-b".to_owned()));
        assert!(ids.contains(&"demand-a-b-2".to_owned()));
    }
}

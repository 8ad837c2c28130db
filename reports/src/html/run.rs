//! The page of a run: the answer first, then plots, tables, and where it all comes from.

use std::fmt::Write as _;
use std::io;

use super::elements::{Cell, card, document, escape, figure, list, table, terms};
use crate::charts::quantile_name;
use crate::data::{EventRow, ReportData};
use crate::limits::limits;
use crate::number::{
    count, duration, millis, parse_decimal, percent, significant, usd, usd_exact, usd_f64,
};
use crate::summary::{Quantiles, ServiceSummary, Summary};

/// Findings on the first screen; the rest follows behind a fold.
const FIRST_FINDINGS: usize = 3;
/// Events that are shown without unfolding.
const FIRST_EVENTS: usize = 12;

/// The page of a run.
pub(crate) fn run_page(summary: &Summary, data: &ReportData) -> io::Result<String> {
    let mut body = header(summary, data);
    body.push_str("<main>\n<div class=\"cards\">\n");
    body.push_str(&cost_card(summary));
    body.push_str(&objective_card(summary));
    body.push_str(&limits_card(summary));
    body.push_str("</div>\n");
    if !summary.warnings.is_empty() {
        let items: Vec<String> = summary.warnings.iter().map(|warning| escape(warning)).collect();
        let _ = write!(
            body,
            "<h2>Before you rely on this</h2>\n<div class=\"sheet warn\" role=\"note\">{}</div>\n",
            list(&items)
        );
    }
    if !data.charts.is_empty() {
        body.push_str("<h2 id=\"plots\">What happened</h2>\n");
        for chart in &data.charts {
            body.push_str(&figure(chart, &chart.caption)?);
        }
        if let Some(note) = &data.charts_note {
            let _ = writeln!(body, "<p class=\"small\">{}</p>", escape(note));
        }
    }
    body.push_str("<h2 id=\"figures\">Figures</h2>\n");
    body.push_str(&services_table(summary));
    body.push_str(&scaling_table(summary));
    body.push_str(&capacity_table(summary));
    body.push_str(&batch_table(summary));
    body.push_str(&totals(summary));
    let bill = bill_table(data, summary);
    if !bill.is_empty() {
        body.push_str("<h2 id=\"bill\">Bill</h2>\n");
        body.push_str(&bill);
    }
    if !data.events.is_empty() {
        body.push_str("<h2 id=\"events\">Events</h2>\n");
        body.push_str(&events(data));
    }
    body.push_str("<h2 id=\"provenance\">Where this comes from</h2>\n");
    body.push_str(&provenance(summary));
    body.push_str("</main>\n<footer>Simulated with plimsoll. Every figure is in the files beside this page.</footer>\n");
    Ok(document(&format!("{} – plimsoll", summary.scenario), &body))
}

fn header(summary: &Summary, data: &ReportData) -> String {
    let day = summary.start.get(..10).unwrap_or(&summary.start);
    let mut facts = vec![duration(summary.simulated_seconds), format!("from {day}")];
    if !summary.region.is_empty() {
        facts.insert(0, summary.region.clone());
    }
    facts.push(format!("seed {}", summary.seed));
    if summary.replication > 0 {
        facts.push(format!("replication {}", summary.replication));
    }
    let mut links = String::new();
    let sections = [
        ("plots", "What happened", !data.charts.is_empty()),
        ("figures", "Figures", true),
        ("bill", "Bill", !data.bill.is_empty()),
        ("events", "Events", !data.events.is_empty()),
        ("provenance", "Where this comes from", true),
    ];
    for (id, name, _) in sections.iter().filter(|section| section.2) {
        let _ = write!(links, "<a href=\"#{id}\">{name}</a>");
    }
    let mut html = format!(
        "<header>\n<p class=\"over\">plimsoll run</p>\n<h1>{}</h1>\n",
        escape(&summary.scenario)
    );
    if !summary.description.is_empty() {
        let _ = writeln!(html, "<p class=\"lead\">{}</p>", escape(&summary.description));
    }
    let _ = write!(
        html,
        "<p class=\"facts\">{}</p>\n<nav aria-label=\"Sections\">{links}</nav>\n</header>\n",
        escape(&facts.join(" · "))
    );
    html
}

fn cost_card(summary: &Summary) -> String {
    let mut items = Vec::new();
    if let Some(monthly) = summary.monthly_usd() {
        items.push(format!("<b>{}</b> a month at this rate (730\u{a0}h)", usd(monthly)));
    }
    if let Some(text) = cost_per_unit(summary) {
        items.push(format!("<b>{}</b> {}", text.0, text.1));
    }
    let idle = parse_decimal(&summary.cost.idle_ec2_usd).unwrap_or(0);
    if idle > 0 && summary.total() > 0 {
        let share = usd_f64(idle) / summary.total_usd();
        items.push(format!(
            "<b>{}</b> of it ({}) paid for EC2 capacity that no task reserved",
            usd_exact(idle),
            percent(share)
        ));
    }
    let title = format!("Cost of {}", duration(summary.simulated_seconds));
    card(&title, &usd(summary.total_usd()), "", &list(&items))
}

/// Cost per thousand or million requests, or per job: amount and what for.
pub(crate) fn cost_per_unit(summary: &Summary) -> Option<(String, &'static str)> {
    let total = summary.total_usd();
    if let Some(served) = summary.served_requests().filter(|served| *served > 0.0) {
        let per_request = total / served;
        // Whichever reads as a price rather than a row of zeros.
        return Some(if per_request * 1e3 >= 0.1 {
            (usd(per_request * 1e3), "per 1,000 requests")
        } else {
            (usd(per_request * 1e6), "per million requests")
        });
    }
    let jobs: u64 = summary.batches.values().map(|batch| batch.completed).sum();
    (jobs > 0).then(|| {
        let per_job = total / jobs as f64;
        if per_job < 0.01 {
            (usd(per_job * 1e3), "per 1,000 finished jobs")
        } else {
            (usd(per_job), "per finished job")
        }
    })
}

/// How a service fared against its objective, in one sentence; `None` without an objective.
pub(crate) fn objective_sentence(service: &ServiceSummary) -> Option<String> {
    let objective = service.objective.as_ref()?;
    let name = quantile_name(objective.quantile);
    let bad = service.slo_violation_fraction.unwrap_or(0.0);
    let allowed = 1.0 - objective.quantile;
    let mut sentence = format!(
        "{} of requests failed or took longer than {} ({} may)",
        percent(bad),
        millis(objective.below_ms),
        percent(crate::chart::short(allowed)),
    );
    let latency = service.latency_ms.as_ref();
    if let Some(value) = latency.and_then(|latency| measured(latency, objective.quantile)) {
        let _ = write!(sentence, "; {name} of the run {}", millis(value));
    }
    if objective.violated_minute_fraction > 0.0 {
        let share = percent(objective.violated_minute_fraction);
        let _ = write!(sentence, "; {name} above the bound in {share} of minutes");
    }
    Some(sentence)
}

/// The recorded quantile, if it is one of those in the summary.
fn measured(latency: &Quantiles, quantile: f64) -> Option<f64> {
    [(0.5, latency.p50), (0.95, latency.p95), (0.99, latency.p99)]
        .into_iter()
        .find(|(known, _)| (known - quantile).abs() < 1e-9)
        .map(|(_, value)| value)
}

fn objective_card(summary: &Summary) -> String {
    let mut items = Vec::new();
    let mut met = 0;
    for (name, service) in &summary.services {
        let Some(sentence) = objective_sentence(service) else { continue };
        let kept = service.objective.as_ref().is_some_and(|objective| objective.met);
        met += usize::from(kept);
        let sign = if kept { "<b class=\"good\">✓" } else { "<b class=\"bad\">✗" };
        items.push(format!("{sign} {}</b>: {}", escape(name), escape(&sentence)));
    }
    let (headline, tone) = match (items.len(), met) {
        (0, _) => ("None stated".to_owned(), ""),
        (all, met) if all == met => ("Met".to_owned(), "good"),
        (1, _) => ("Missed".to_owned(), "bad"),
        (all, met) => (format!("{} of {all} missed", all - met), "bad"),
    };
    let mut body = list(&items);
    if items.is_empty() {
        let text = match batch_wait(summary) {
            Some(waits) => format!("{waits}."),
            None => {
                "State an objective for a service (<code>slo</code>) and the run is judged by it."
                    .to_owned()
            }
        };
        body = format!("<p class=\"small\">{text}</p>");
    }
    card(if items.len() > 1 { "Objectives" } else { "Objective" }, &headline, tone, &body)
}

fn batch_wait(summary: &Summary) -> Option<String> {
    let waits: Vec<String> = summary
        .batches
        .iter()
        .filter_map(|(name, batch)| {
            let waits = batch.wait_seconds.as_ref()?;
            Some(format!("jobs of {} waited {} at p95", escape(name), duration(waits.p95)))
        })
        .collect();
    (!waits.is_empty()).then(|| format!("No service states an objective; {}", waits.join("; ")))
}

fn limits_card(summary: &Summary) -> String {
    let findings = limits(summary);
    let Some(first) = findings.first() else {
        let body = "<p class=\"small\">No failed requests, no waits, no scarce resource and no idle instances stood out.</p>";
        return card("What limits it", "Nothing in sight", "good", body);
    };
    let item = |finding: &crate::limits::Finding| escape(&finding.sentence);
    let items: Vec<String> = findings.iter().take(FIRST_FINDINGS).map(item).collect();
    let mut body = list(&items);
    let rest: Vec<String> = findings.iter().skip(FIRST_FINDINGS).map(item).collect();
    if !rest.is_empty() {
        let _ = write!(
            body,
            "<details><summary>{} more</summary>{}</details>",
            rest.len(),
            list(&rest)
        );
    }
    card("What limits it", &first.headline, "", &body)
}

fn quantile_cells(quantiles: Option<&Quantiles>, form: fn(f64) -> String) -> [Cell; 3] {
    match quantiles {
        Some(q) => [q.p50, q.p95, q.p99].map(|value| Cell::number(form(value))),
        None => [(); 3].map(|()| Cell::number("–")),
    }
}

fn services_table(summary: &Summary) -> String {
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

fn scaling_table(summary: &Summary) -> String {
    let tasks =
        |value: Option<f64>| Cell::number(value.map_or("–".to_owned(), |v| significant(v, 3)));
    let share = |value: Option<f64>| Cell::number(value.map_or("–".to_owned(), percent));
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
                tasks(scaling.needed_peak),
                tasks(scaling.under_provisioned_mean),
                tasks(scaling.over_provisioned_mean),
                share(scaling.under_provisioned_time),
            ])
        })
        .collect();
    table(
        "Scaling of services",
        "Need is the number of tasks that keeps the target at the offered load.",
        &[
            "service",
            "#scale-outs",
            "#scale-ins",
            "#desired peak",
            "#needed peak",
            "#tasks short, mean",
            "#tasks over, mean",
            "#time short",
        ],
        &rows,
    )
}

fn capacity_table(summary: &Summary) -> String {
    let rows: Vec<Vec<Cell>> = summary
        .capacity
        .iter()
        .map(|(name, group)| {
            vec![
                Cell::Head(name.clone()),
                Cell::text(group.capacity_provider.clone().unwrap_or_else(|| "–".to_owned())),
                Cell::text(group.instance_type.clone()),
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

fn batch_table(summary: &Summary) -> String {
    let rows: Vec<Vec<Cell>> = summary
        .batches
        .iter()
        .map(|(name, batch)| {
            let mut row = vec![
                Cell::Head(name.clone()),
                Cell::text(if batch.queue == "firstFit" {
                    "first fit"
                } else {
                    "first come, first served"
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

fn totals(summary: &Summary) -> String {
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
    if let Some(packing) = &summary.packing {
        let efficiency =
            packing.efficiency.map_or(String::new(), |e| format!(", {} of what ran", percent(e)));
        pairs.push((
            "Packing",
            format!(
                "{} of {} instance-hours would have held the tasks{efficiency}",
                count(packing.lower_bound_instance_hours),
                count(packing.instance_hours)
            ),
        ));
    }
    terms(&pairs)
}

/// Reserved and used shares in words.
pub(crate) fn utilization_sentence(summary: &Summary) -> Option<String> {
    let utilization = summary.utilization.as_ref()?;
    let parts = [
        ("CPU reserved", utilization.cpu_reserved),
        ("memory reserved", utilization.memory_reserved),
        ("CPU used", utilization.cpu_used),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter_map(|(name, share)| Some(format!("{name} {}", percent((*share)?))))
        .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn money(decimal: &str) -> String {
    parse_decimal(decimal).map_or_else(|| "–".to_owned(), usd_exact)
}

fn bill_table(data: &ReportData, summary: &Summary) -> String {
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

fn event_rows<'a>(events: impl Iterator<Item = &'a EventRow>) -> Vec<Vec<Cell>> {
    events
        .map(|event| {
            let change = event.change.map_or(String::new(), |(from, to)| format!("{from} → {to}"));
            let time = event.at.trim_end_matches('Z').replace('T', " ");
            vec![
                Cell::Time(time.get(..19).unwrap_or(&time).to_owned()),
                Cell::text(event.category.replace('-', " ")),
                Cell::text(event.entity.clone()),
                Cell::number(change),
                Cell::Message(event.message.clone()),
            ]
        })
        .collect()
}

fn events(data: &ReportData) -> String {
    let counts: Vec<String> = data
        .event_counts
        .iter()
        .map(|(category, number)| {
            format!("{} {}", count(*number as f64), category.replace('-', " "))
        })
        .collect();
    let columns = ["time (UTC)", "what", "where", "#change", "message"];
    // Faults and service events say more than the hundredth scaling activity.
    let telling = |event: &&EventRow| matches!(event.category.as_str(), "fault" | "service-event");
    let mut html = table(
        "Faults and service events",
        "",
        &columns,
        &event_rows(data.events.iter().filter(telling).take(FIRST_EVENTS)),
    );
    let scaling = || data.events.iter().filter(|event| !telling(event));
    html.push_str(&table(
        "First scaling activities and alarms",
        &format!("In all: {}.", counts.join(", ")),
        &columns,
        &event_rows(scaling().take(FIRST_EVENTS)),
    ));
    let rest: Vec<&EventRow> = data
        .events
        .iter()
        .filter(telling)
        .skip(FIRST_EVENTS)
        .chain(scaling().skip(FIRST_EVENTS))
        .collect();
    if !rest.is_empty() {
        let _ = write!(
            html,
            "<details><summary>{} more events</summary>\n{}</details>\n",
            rest.len(),
            table("More events", "", &columns, &event_rows(rest.into_iter()))
        );
    }
    let all: u64 = data.event_counts.values().sum();
    if all > data.events.len() as u64 {
        let _ = writeln!(
            html,
            "<p class=\"small\">The first of each kind; all {} are in events.csv.</p>",
            count(all as f64)
        );
    }
    html
}

fn provenance(summary: &Summary) -> String {
    terms(&[
        ("plimsoll", summary.version.clone()),
        ("Scenario hash", summary.scenario_hash.clone()),
        ("Seed, replication", format!("{}, {}", summary.seed, summary.replication)),
        ("Fingerprint", summary.fingerprint.clone()),
        ("Outcome fingerprint", summary.outcome_fingerprint.clone()),
        ("AWS rules", summary.aws_rules.clone()),
        ("Prices", summary.price_date.clone()),
        ("Events simulated", count(summary.events as f64)),
        (
            "Meaning of the files",
            "The same scenario, seed and version give the same bytes, run.json excepted."
                .to_owned(),
        ),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn page(results: &plimsoll_core::results::RunResults, bill: &crate::bill::Bill) -> String {
        let summary = Summary::new(results, bill, &testing::meta());
        run_page(&summary, &ReportData::new(results, bill)).expect("draws")
    }

    #[test]
    fn the_answer_comes_first() {
        let (results, bill) = testing::web_run();
        let page = page(&results, &bill);
        let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text} is missing"));
        assert!(at("Cost of 7\u{a0}days") < at("Missed"));
        assert!(at("Missed") < at("What limits it"));
        assert!(at("What limits it") < at("<figure"));
        assert!(page.contains("a month at this rate (730\u{a0}h)"));
        assert!(page.contains("per million requests"));
    }

    #[test]
    fn the_page_asks_the_network_for_nothing() {
        for (results, bill) in [testing::web_run(), testing::batch_run(), testing::empty_run()] {
            let page = page(&results, &bill);
            for word in ["<script", "src=", "url(", "@import", "https:", "href=\"/"] {
                assert!(!page.contains(word), "{word}");
            }
            // The only address is the name space of the figures.
            assert_eq!(
                page.matches("http:").count(),
                page.matches("xmlns=\"http://www.w3.org/2000/svg\"").count()
            );
            assert!(!page.contains("NaN"));
        }
    }

    #[test]
    fn names_from_the_scenario_cannot_write_html() {
        let (mut results, bill) = testing::web_run();
        let evil = "<img src=x onerror=alert(1)>\"'&";
        results.scenario = evil.to_owned();
        results.description = evil.to_owned();
        results.region = evil.to_owned();
        results.services[0].name = evil.to_owned();
        results.capacity[0].group = evil.to_owned();
        results.capacity[0].capacity_provider = Some(evil.to_owned());
        results.warnings = vec![evil.to_owned()];
        for series in &mut results.series {
            series.entity = evil.to_owned();
        }
        for event in &mut results.event_records {
            event.entity = evil.to_owned();
            event.message = evil.to_owned();
        }
        let page = page(&results, &bill);
        assert!(!page.contains("<img"));
        assert!(page.contains("&lt;img"));
    }

    #[test]
    fn an_objective_is_told_with_its_figures() {
        let (results, bill) = testing::web_run();
        let summary = Summary::new(&results, &bill, &testing::meta());
        let sentence = objective_sentence(&summary.services["api"]).expect("has one");
        assert_eq!(
            sentence.replace(crate::number::GLUE, " "),
            "1.62 % of requests failed or took longer than 400 ms (1 % may); p99 of the run 322 ms; \
             p99 above the bound in 3.1 % of minutes"
        );
        assert_eq!(objective_sentence(&summary.services["worker"]), None);
    }

    #[test]
    fn the_page_keeps_its_words() {
        let (results, bill) = testing::web_run();
        let page = page(&results, &bill);
        // Figures and styles have tests of their own.
        let start = page.find("<header>").expect("header");
        let mut words = String::new();
        let mut rest = &page[start..];
        while let Some(from) = rest.find("<svg") {
            words.push_str(&rest[..from]);
            rest = rest[from..].split_once("</svg>").map_or("", |parts| parts.1);
        }
        words.push_str(rest.split_once("<h2 id=\"events\">").map_or(rest, |parts| parts.0));
        insta::assert_snapshot!(words);
    }
}

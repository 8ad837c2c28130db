//! The page of a run: the answer first, then plots, tables, and where it all comes from.

use std::fmt::Write as _;
use std::io;

use super::elements::{Cell, caveats, document, escape, figure, table, terms};
use crate::data::{EventRow, ReportData};
use crate::number::{count, duration};
use crate::summary::Summary;
use cards::{cost_card, limits_card, objective_card};
use elasticity::elasticity_table;
use recovery::recovery_table;
use tables::{
    batch_table, bill_table, capacity_table, deployments_table, queue_table, scaling_table,
    services_table, totals,
};

mod cards;
mod elasticity;
mod recovery;
mod tables;

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
    body.push_str(&caveats(&summary.warnings));
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
    body.push_str(&elasticity_table(summary));
    body.push_str(&recovery_table(summary, data));
    body.push_str(&deployments_table(summary));
    body.push_str(&capacity_table(summary));
    body.push_str(&batch_table(summary));
    body.push_str(&queue_table(summary));
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

//! The first screen: what the run costs, whether it holds its objectives, and what limits it.

use crate::html::elements::{card, escape, folded_list, list};
use crate::limits::limits;
use crate::number::{duration, parse_decimal, percent, usd, usd_exact, usd_f64};
use crate::summary::Summary;
use crate::words::{cost_per_unit, objective_sentence};

/// Findings on the first screen; the rest follows behind a fold.
const FIRST_FINDINGS: usize = 3;
pub(super) fn cost_card(summary: &Summary) -> String {
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

pub(super) fn objective_card(summary: &Summary) -> String {
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

pub(super) fn limits_card(summary: &Summary) -> String {
    let findings = limits(summary);
    let Some(first) = findings.first() else {
        let body = "<p class=\"small\">No failed requests, no waits, no scarce resource and no idle instances stood out.</p>";
        return card("What limits it", "Nothing in sight", "good", body);
    };
    let items: Vec<String> = findings.iter().map(|finding| escape(&finding.sentence)).collect();
    let body = folded_list(&items, FIRST_FINDINGS);
    card("What limits it", &first.headline, "", &body)
}

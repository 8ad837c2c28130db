//! The page of a sweep: which point is cheapest, which differences are noise, then plots and tables.

use std::fmt::Write as _;
use std::io;

use super::elements::{
    Cell, card, caveats, document, escape, figure, folded_list, list, table, terms,
};
use crate::number::{percent, significant, usd};
use crate::sweep::{ComparisonRow, MetricLook, SweepReport};

/// Most sentences about differences on the first screen.
const FIRST: usize = 4;

/// The page of a sweep.
pub(crate) fn sweep_page(report: &SweepReport) -> io::Result<String> {
    let points = report.points();
    let mut body = format!(
        "<header>\n<p class=\"over\">plimsoll sweep</p>\n<h1>{}</h1>\n",
        escape(&report.scenario)
    );
    if !report.description.is_empty() {
        let _ = writeln!(body, "<p class=\"lead\">{}</p>", escape(&report.description));
    }
    let facts = format!(
        "{} points · {} replications each · baseline {} · seed {}",
        points.len(),
        report.replications,
        report.baseline,
        report.seed
    );
    let _ = write!(
        body,
        "<p class=\"facts\">{}</p>\n<nav aria-label=\"Sections\"><a href=\"#plots\">Plots</a>\
         <a href=\"#points\">Points</a><a href=\"#comparison\">Comparison</a>\
         <a href=\"#provenance\">Where this comes from</a></nav>\n</header>\n<main>\n<div class=\"cards\">\n",
        escape(&facts)
    );
    body.push_str(&cheapest_card(report));
    body.push_str(&differences_card(report));
    body.push_str(&noise_card(report));
    body.push_str("</div>\n");
    body.push_str(&caveats(&report.warnings));
    body.push_str("<h2 id=\"plots\">Plots</h2>\n");
    if let Some(chart) = report.scatter_chart() {
        // A high reservation is good, a high latency is not.
        let better = if chart.id.contains("cpuReserved") { "Up" } else { "Down" };
        let caption = format!(
            "{better} and to the left is better. Bars are the 95\u{a0}% intervals of the differences from the baseline."
        );
        body.push_str(&figure(&chart, &caption)?);
    }
    for chart in report.interval_charts() {
        let caption = if report.replications < 2 {
            "Differences of a single pair: without replications there is no interval."
        } else {
            "Mean of the paired differences with its 95\u{a0}% interval; grey ones may be noise."
        };
        body.push_str(&figure(&chart, caption)?);
    }
    body.push_str("<h2 id=\"points\">Points</h2>\n");
    body.push_str(&points_table(report));
    body.push_str("<h2 id=\"comparison\">Comparison</h2>\n");
    body.push_str(&comparison_table(report));
    body.push_str("<h2 id=\"provenance\">Where this comes from</h2>\n");
    body.push_str(&terms(&[
        ("plimsoll", report.version.clone()),
        ("Scenario hash", report.scenario_hash.clone()),
        ("Seed", report.seed.to_string()),
        ("AWS rules", report.aws_rules.clone()),
        ("Prices", report.price_date.clone()),
        (
            "Method",
            "Replication r of every point meets the same arrivals, durations and faults; differences are taken within \
             replications, and called significant only where their interval, adjusted for the number of points, \
             excludes zero."
                .to_owned(),
        ),
    ]));
    body.push_str(
        "</main>\n<footer>Simulated with plimsoll. Every run is a row of sweep.csv.</footer>\n",
    );
    Ok(document(&format!("{} – plimsoll sweep", report.scenario), &body))
}

fn cheapest_card(report: &SweepReport) -> String {
    let answer = report.answer();
    let Some((point, cost)) = &answer.cheapest else {
        return card("Cheapest", "Unknown", "", "<p class=\"small\">No point has a cost.</p>");
    };
    let mut items = vec![format!("<b>{}</b> on average", usd(*cost))];
    let row = report.compared(point, "cost.totalUsd");
    match (answer.baseline_cost, row) {
        (Some(baseline), Some(row)) if baseline > 0.0 => {
            let less = (baseline - cost) / baseline;
            let noise = if row.significant { "" } else { ", which may be noise" };
            items.push(format!(
                "{} less than the baseline ({}){noise}",
                percent(less),
                usd(baseline)
            ));
        }
        (Some(_), None) => items.push("it is the baseline".to_owned()),
        _ => {}
    }
    if let Some(parameters) = report.parameters(point).filter(|parameters| !parameters.is_empty()) {
        let text: Vec<String> =
            parameters.iter().map(|(name, value)| format!("{name} {value}")).collect();
        items.push(escape(&text.join(", ")));
    }
    card("Cheapest", point, "good", &list(&items))
}

/// One sentence for a significant difference.
fn sentence(row: &ComparisonRow) -> String {
    let look = MetricLook::of(&row.metric);
    let relative = if row.baseline_mean.abs() > 0.0 && look.unit != crate::chart::AxisUnit::Percent
    {
        let change = row.difference / row.baseline_mean.abs();
        format!(" ({}{})", if change < 0.0 { "−" } else { "+" }, percent(change.abs()))
    } else {
        String::new()
    };
    format!(
        "<b>{}</b>: {} {}{relative}",
        escape(&row.point),
        escape(&look.name),
        escape(&look.difference(row.difference))
    )
}

fn differences_card(report: &SweepReport) -> String {
    let significant = || report.comparison.iter().filter(|row| row.significant);
    let all = significant().count();
    if all == 0 {
        let body = "<p class=\"small\">No difference to the baseline is larger than the noise between replications.</p>";
        return card("What differs", "Nothing for certain", "", body);
    }
    let items: Vec<String> = significant().map(sentence).collect();
    let body = folded_list(&items, FIRST);
    let headline = format!("{all} of {} differences", report.comparison.len());
    card("What differs from the baseline", &headline, "", &body)
}

fn noise_card(report: &SweepReport) -> String {
    let mut items = Vec::new();
    if report.replications < 2 {
        items.push(
            "With one replication nobody can tell a difference from noise: use more.".to_owned(),
        );
    }
    for metric in report.metrics() {
        let rows = || report.comparison.iter().filter(|row| row.metric == metric);
        let alike: Vec<&str> =
            rows().filter(|row| !row.significant).map(|row| row.point.as_str()).collect();
        if alike.is_empty() {
            continue;
        }
        let name = escape(&MetricLook::of(metric).name);
        items.push(if alike.len() == rows().count() {
            format!("<b>{name}</b>: all points")
        } else {
            let shown: Vec<&str> = alike.iter().take(6).copied().collect();
            let more = if alike.len() > 6 {
                format!(" and {} more", alike.len() - 6)
            } else {
                String::new()
            };
            format!("<b>{name}</b>: {}{more}", escape(&shown.join("; ")))
        });
    }
    if items.is_empty() {
        let body = "<p class=\"small\">Every difference to the baseline is larger than the noise between replications.</p>";
        return card("What may be noise", "Nothing", "good", body);
    }
    let number = report.comparison.iter().filter(|row| !row.significant).count();
    let body = folded_list(&items, FIRST);
    card(
        "What may be noise",
        &format!("{number} of {} differences", report.comparison.len()),
        "",
        &body,
    )
}

fn points_table(report: &SweepReport) -> String {
    let metrics: Vec<&str> = report.metrics().into_iter().take(8).collect();
    let looks: Vec<MetricLook> = metrics.iter().map(|metric| MetricLook::of(metric)).collect();
    let mut columns = vec!["point".to_owned()];
    columns.extend(looks.iter().map(|look| format!("#{}", look.name)));
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let rows: Vec<Vec<Cell>> = report
        .points()
        .into_iter()
        .map(|point| {
            let mark = if point == report.baseline { " (baseline)" } else { "" };
            let mut row = vec![Cell::Head(format!("{point}{mark}"))];
            row.extend(metrics.iter().zip(&looks).map(|(metric, look)| {
                let value = report.mean(point, metric);
                Cell::number(value.map_or("–".to_owned(), |value| look.value(value)))
            }));
            row
        })
        .collect();
    table("Means over the replications", "", &columns, &rows)
}

fn comparison_table(report: &SweepReport) -> String {
    let rows: Vec<Vec<Cell>> = report
        .comparison
        .iter()
        .map(|row| {
            let look = MetricLook::of(&row.metric);
            let half = row.half_width.map(|half| look.difference(half).replace(['+', '−'], "±"));
            let number = |value: Option<f64>| {
                Cell::number(value.map_or("–".to_owned(), |v| significant(v, 2)))
            };
            vec![
                Cell::Head(row.point.clone()),
                Cell::text(look.name.clone()),
                Cell::number(look.value(row.baseline_mean)),
                Cell::number(look.value(row.mean)),
                Cell::number(look.difference(row.difference)),
                Cell::number(half.unwrap_or_else(|| "–".to_owned())),
                number(row.p_value),
                number(row.correlation),
                Cell::text(if row.significant { "differs" } else { "may be noise" }),
            ]
        })
        .collect();
    table(
        &format!("Against {}", report.baseline),
        "Paired by replication; ± is half the 95\u{a0}% interval of the difference.",
        &[
            "point",
            "metric",
            "#baseline",
            "#mean",
            "#difference",
            "#±",
            "#p",
            "#correlation",
            "verdict",
        ],
        &rows,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn the_answer_comes_first() {
        let page = sweep_page(&testing::sweep()).expect("draws");
        let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text} is missing"));
        assert!(at("binpack, 70</p>") < at("<figure"));
        assert!(at("What may be noise") < at("<figure"));
        assert!(page.contains("<b>cost</b>: spread, 60"));
    }

    #[test]
    fn one_replication_is_called_too_few() {
        let mut report = testing::sweep();
        report.replications = 1;
        for row in &mut report.comparison {
            row.significant = false;
        }
        let page = sweep_page(&report).expect("draws");
        assert!(page.contains("nobody can tell a difference from noise"));
        assert!(page.contains("Nothing for certain"));
    }

    #[test]
    fn names_cannot_write_html() {
        let mut report = testing::sweep();
        for row in &mut report.rows {
            row.point = row.point.replace("binpack", "<script>");
            row.parameters.insert("<b".to_owned(), "\"x\"".to_owned());
        }
        for row in &mut report.comparison {
            row.point = row.point.replace("binpack", "<script>");
            row.metric = row.metric.replace("api", "<script>");
        }
        report.baseline = "<script>".to_owned();
        let page = sweep_page(&report).expect("draws");
        assert!(!page.contains("<script"));
        assert!(page.contains("&lt;script&gt;"));
    }
}

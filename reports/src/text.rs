//! The summary of a run for a terminal.

use std::fmt::Write as _;

use crate::limits::limits;
use crate::number::{
    GLUE, count, duration, millis, parse_decimal, percent, significant, usd, usd_exact, usd_f64,
};
use crate::summary::Summary;
use crate::words::{
    bought, cost_per_unit, objective_sentence, packing_sentence, utilization_sentence,
};

/// Width of the column of labels.
const LABEL: usize = 12;
/// Findings that are shown.
const FINDINGS: usize = 4;

/// Colours of the terminal; colour never carries the meaning alone.
#[derive(Clone, Copy)]
struct Paint(bool);

impl Paint {
    fn wrap(self, code: &str, text: &str) -> String {
        if self.0 { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }

    fn dim(self, text: &str) -> String {
        self.wrap("2", text)
    }
}

/// The summary in lines of at most `width` columns (names longer than that excepted), with ANSI colours
/// if `colour` is set. Control characters of the scenario's texts are left out.
pub fn summary_text(summary: &Summary, width: usize, colour: bool) -> String {
    let mut text = Lines { out: String::new(), width: width.clamp(40, 160), paint: Paint(colour) };
    text.heading(summary);
    text.cost(summary);
    text.objectives(summary);
    text.recoveries(summary);
    text.findings(summary);
    text.services(summary);
    text.capacity(summary);
    text.batches(summary);
    text.queues(summary);
    text.totals(summary);
    for warning in &summary.warnings {
        text.block("Warning", "1;33", warning);
    }
    text.block("Fingerprint", "1", &summary.fingerprint);
    text.out.replace(GLUE, " ")
}

/// How a column of a table is aligned.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

struct Lines {
    out: String,
    width: usize,
    paint: Paint,
}

impl Lines {
    fn heading(&mut self, summary: &Summary) {
        let mut facts = vec![duration(summary.simulated_seconds)];
        if !summary.region.is_empty() {
            facts.insert(0, clean(&summary.region));
        }
        facts.push(format!("from {}", summary.start.get(..10).unwrap_or("")));
        facts.push(format!("seed {}", summary.seed));
        let name = self.paint.bold(&clean(&summary.scenario));
        let _ = writeln!(self.out, "{name}");
        for line in wrap(&facts.join(" · "), self.width) {
            let line = self.paint.dim(&line);
            let _ = writeln!(self.out, "{line}");
        }
        for line in wrap(&clean(&summary.description), self.width) {
            let _ = writeln!(self.out, "{line}");
        }
        self.out.push('\n');
    }

    /// A label and a wrapped text beside it.
    fn block(&mut self, label: &str, code: &str, text: &str) {
        let mut first = format!("{label:<LABEL$}");
        for line in wrap(&clean(text), self.width.saturating_sub(LABEL)) {
            let shown =
                if first.trim().is_empty() { first.clone() } else { self.paint.wrap(code, &first) };
            let _ = writeln!(self.out, "{shown}{line}");
            first = " ".repeat(LABEL);
        }
    }

    fn cost(&mut self, summary: &Summary) {
        let mut parts = vec![usd(summary.total_usd())];
        parts.extend(summary.monthly_usd().map(|monthly| format!("{} a month", usd(monthly))));
        parts.extend(cost_per_unit(summary).map(|(amount, what)| format!("{amount} {what}")));
        self.block("Cost", "1", &parts.join("  ·  "));
        let total = summary.total_usd();
        let mut kinds: Vec<(&String, i128)> = summary
            .cost
            .by_category
            .iter()
            .filter_map(|(k, v)| Some((k, parse_decimal(v)?)))
            .collect();
        kinds.sort_by_key(|(_, amount)| std::cmp::Reverse(*amount));
        let rows: Vec<Vec<String>> = kinds
            .iter()
            .map(|(kind, amount)| {
                let share =
                    if total > 0.0 { percent(usd_f64(*amount) / total) } else { String::new() };
                vec![clean(kind), usd_exact(*amount), share]
            })
            .collect();
        self.rows(&[Side::Left, Side::Right, Side::Right], &rows);
        let idle = parse_decimal(&summary.cost.idle_ec2_usd).unwrap_or(0);
        if idle > 0 && total > 0.0 {
            let share = percent(usd_f64(idle) / total);
            self.block(
                "",
                "0",
                &format!(
                    "{} ({share}) paid for EC2 capacity that no task reserved",
                    usd_exact(idle)
                ),
            );
        }
    }

    fn objectives(&mut self, summary: &Summary) {
        for (name, service) in &summary.services {
            let (Some(sentence), Some(objective)) =
                (objective_sentence(service), &service.objective)
            else {
                continue;
            };
            let (word, code) = if objective.met { ("met", "1;32") } else { ("MISSED", "1;31") };
            self.block("Objective", code, &format!("{name}: {word}. {sentence}."));
        }
    }

    /// How services came through faults, if one disturbed them.
    fn recoveries(&mut self, summary: &Summary) {
        for (name, service) in &summary.services {
            let Some(recovery) = &service.recovery else { continue };
            let count = &recovery.desired_count;
            let mut parts = Vec::new();
            if count.disturbed > 0 {
                let (disturbed, faults) = (count.disturbed, recovery.faults);
                parts.push(format!("below its desired count after {disturbed} of {faults} faults"));
            }
            if let Some(longest) = count.longest_seconds {
                parts.push(format!("there again after at most {}", duration(longest)));
            }
            if count.never_recovered > 0 {
                parts.push(format!("never again after {}", count.never_recovered));
            }
            if let Some(objective) = &recovery.objective {
                if let Some(longest) = objective.longest_seconds {
                    parts.push(format!("objective kept again after at most {}", duration(longest)));
                }
                if objective.never_recovered > 0 {
                    parts.push(format!("never again after {}", objective.never_recovered));
                }
            }
            if !parts.is_empty() {
                self.block("Recovery", "1", &format!("{name}: {}.", parts.join("; ")));
            }
        }
    }

    fn findings(&mut self, summary: &Summary) {
        let mut label = "Limited by";
        for finding in limits(summary).iter().take(FINDINGS) {
            self.block(label, "1", &finding.sentence);
            label = "";
        }
        if label.is_empty()
            || !summary.services.is_empty()
            || !summary.capacity.is_empty()
            || !summary.batches.is_empty()
        {
            self.out.push('\n');
        }
    }

    fn services(&mut self, summary: &Summary) {
        let mut rows = Vec::new();
        for (name, service) in &summary.services {
            let requests = service.requests.as_ref().map_or("–".to_owned(), |r| count(r.offered));
            let latency = service.latency_ms.as_ref();
            let quantile = |pick: fn(&crate::summary::Quantiles) -> f64| {
                latency.map_or("–".to_owned(), |l| millis(pick(l)))
            };
            rows.push(vec![
                clean(name),
                significant(service.running, 3),
                service.running_peak.to_string(),
                requests,
                quantile(|l| l.p50),
                quantile(|l| l.p99),
                parse_decimal(&service.cost_usd).map_or(String::new(), usd_exact),
            ]);
        }
        self.table("Services", &["", "running", "peak", "requests", "p50", "p99", "cost"], rows);
    }

    fn capacity(&mut self, summary: &Summary) {
        let mut rows = Vec::new();
        for (name, group) in &summary.capacity {
            rows.push(vec![
                clean(name),
                clean(&bought(group)),
                significant(group.mean, 3),
                group.peak.to_string(),
                group.scale_out.to_string(),
                group.scale_in.to_string(),
                parse_decimal(&group.cost_usd).map_or(String::new(), usd_exact),
            ]);
        }
        self.table("Groups", &["", "type", "mean", "peak", "out", "in", "cost"], rows);
    }

    fn batches(&mut self, summary: &Summary) {
        let mut rows = Vec::new();
        for (name, batch) in &summary.batches {
            let wait = |pick: fn(&crate::summary::Quantiles) -> f64| {
                batch.wait_seconds.as_ref().map_or("–".to_owned(), |w| duration(pick(w)))
            };
            rows.push(vec![
                clean(name),
                count(batch.arrived as f64),
                count(batch.completed as f64),
                wait(|w| w.p50),
                wait(|w| w.p95),
                parse_decimal(&batch.cost_usd).map_or(String::new(), usd_exact),
            ]);
        }
        self.table(
            "Batch work",
            &["", "arrived", "finished", "wait p50", "wait p95", "cost"],
            rows,
        );
    }

    fn queues(&mut self, summary: &Summary) {
        let mut rows = Vec::new();
        for (name, queue) in &summary.queues {
            let wait = |pick: fn(&crate::summary::Quantiles) -> f64| {
                queue.wait_seconds.as_ref().map_or("–".to_owned(), |w| duration(pick(w)))
            };
            rows.push(vec![
                clean(name),
                count((queue.sent + queue.moved_in) as f64),
                count(queue.deleted as f64),
                count(queue.visible_peak as f64),
                wait(|w| w.p50),
                wait(|w| w.p95),
                wait(|w| w.max),
            ]);
        }
        self.table(
            "Queues",
            &["", "messages", "done", "peak", "wait p50", "wait p95", "longest"],
            rows,
        );
    }

    fn totals(&mut self, summary: &Summary) {
        let (instances, tasks) = (&summary.instances, &summary.tasks);
        if instances.launched > 0 {
            let mut line = format!(
                "{} on average, {} at most, {} launched, {} terminated",
                significant(instances.mean, 3),
                instances.peak,
                instances.launched,
                instances.terminated
            );
            if instances.interrupted > 0 {
                let _ = write!(line, ", {} interrupted", instances.interrupted);
            }
            self.block("Instances", "1", &line);
        }
        let mut line = format!(
            "{} started, {} stopped, {} running at most",
            count(tasks.started as f64),
            count(tasks.stopped as f64),
            count(f64::from(tasks.peak_running))
        );
        if let Some(pending) = &tasks.pending_seconds {
            let _ = write!(
                line,
                "; {} to RUNNING at p50, {} at p95",
                duration(pending.p50),
                duration(pending.p95)
            );
        }
        self.block("Tasks", "1", &line);
        if let Some(text) = utilization_sentence(summary) {
            self.block("Capacity", "1", &text);
        }
        if let Some(text) = summary.packing.as_ref().and_then(packing_sentence) {
            self.block("Packing", "1", &text);
        }
    }

    /// Rows beside an empty label.
    fn rows(&mut self, sides: &[Side], rows: &[Vec<String>]) {
        let mut widths = widths(rows, sides.len());
        // A narrow terminal loses the last columns first.
        while widths.len() > 1
            && LABEL + widths.iter().map(|w| w + 2).sum::<usize>() - 2 > self.width
        {
            widths.pop();
        }
        for row in rows {
            let line = aligned(row, &widths, sides);
            let _ = writeln!(self.out, "{:LABEL$}{line}", "");
        }
    }

    /// A table with a heading; its first column and a type are texts, the others numbers.
    fn table(&mut self, title: &str, columns: &[&str], mut rows: Vec<Vec<String>>) {
        if rows.is_empty() {
            return;
        }
        let mut head: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
        title.clone_into(&mut head[0]);
        rows.insert(0, head);
        let sides: Vec<Side> = columns
            .iter()
            .map(|name| if name.is_empty() || *name == "type" { Side::Left } else { Side::Right })
            .collect();
        let mut widths = widths(&rows, columns.len());
        widths[0] = widths[0].max(LABEL - 2);
        // A narrow terminal loses the middle columns first: names, the first figures and the cost stay.
        let mut hidden = vec![false; columns.len()];
        for drop in (2..columns.len() - 1).rev() {
            let total: usize = widths
                .iter()
                .zip(&hidden)
                .filter(|(_, hidden)| !**hidden)
                .map(|(w, _)| w + 2)
                .sum();
            if total <= self.width + 2 {
                break;
            }
            hidden[drop] = true;
        }
        let keep = |index: &usize| !hidden[*index];
        let pick = |values: &[usize]| {
            (0..columns.len()).filter(keep).map(|i| values[i]).collect::<Vec<_>>()
        };
        let widths = pick(&widths);
        let sides: Vec<Side> = (0..columns.len()).filter(keep).map(|i| sides[i]).collect();
        for (index, row) in rows.iter().enumerate() {
            let row: Vec<String> =
                (0..columns.len()).filter(keep).map(|i| row[i].clone()).collect();
            let line = aligned(&row, &widths, &sides);
            let line = if index == 0 { self.paint.bold(&line) } else { line };
            let _ = writeln!(self.out, "{line}");
        }
        self.out.push('\n');
    }
}

fn columns_of(text: &str) -> usize {
    text.chars().count()
}

fn widths(rows: &[Vec<String>], columns: usize) -> Vec<usize> {
    (0..columns)
        .map(|column| {
            rows.iter()
                .filter_map(|row| row.get(column))
                .map(|cell| columns_of(cell))
                .max()
                .unwrap_or(0)
        })
        .collect()
}

fn aligned(row: &[String], widths: &[usize], sides: &[Side]) -> String {
    let cells: Vec<String> = row
        .iter()
        .zip(widths)
        .zip(sides)
        .map(|((cell, width), side)| {
            let pad = " ".repeat(width.saturating_sub(columns_of(cell)));
            if *side == Side::Left { format!("{cell}{pad}") } else { format!("{pad}{cell}") }
        })
        .collect();
    cells.join("  ").trim_end().to_owned()
}

/// `text` without control characters, which could move the cursor or change colours.
fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    // Not at a glued space: a number stays with its unit.
    for word in text.split([' ', '\t']).filter(|word| !word.is_empty()) {
        match lines.last_mut() {
            Some(line) if columns_of(line) + 1 + columns_of(word) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn summary(run: &(plimsoll_core::results::RunResults, crate::bill::Bill)) -> Summary {
        Summary::new(&run.0, &run.1, &testing::meta())
    }

    #[test]
    fn reads_well_at_80_columns() {
        insta::assert_snapshot!("web_80", summary_text(&summary(&testing::web_run()), 80, false));
        insta::assert_snapshot!(
            "batch_80",
            summary_text(&summary(&testing::batch_run()), 80, false)
        );
        insta::assert_snapshot!(
            "empty_80",
            summary_text(&summary(&testing::empty_run()), 80, false)
        );
    }

    #[test]
    fn keeps_to_the_width() {
        for width in [40, 60, 80, 120] {
            for run in [testing::web_run(), testing::batch_run(), testing::empty_run()] {
                let text = summary_text(&summary(&run), width, false);
                for line in text.lines() {
                    assert!(columns_of(line) <= width, "{width}: {line}");
                }
            }
        }
    }

    #[test]
    fn colour_adds_nothing_but_colour() {
        let summary = summary(&testing::web_run());
        let coloured = summary_text(&summary, 80, true);
        let mut plain = String::new();
        let mut rest = coloured.as_str();
        while let Some((before, after)) = rest.split_once('\u{1b}') {
            plain.push_str(before);
            rest = after.split_once('m').map_or("", |parts| parts.1);
        }
        plain.push_str(rest);
        assert_eq!(plain, summary_text(&summary, 80, false));
        assert_ne!(plain, coloured);
    }

    #[test]
    fn a_name_cannot_steer_the_terminal() {
        let mut summary = summary(&testing::web_run());
        summary.scenario = "a\u{1b}[2Jb\r".to_owned();
        let text = summary_text(&summary, 80, false);
        assert!(!text.contains('\u{1b}'));
        assert!(text.starts_with("a[2Jb\n"));
    }
}

//! The comparison of a sweep's points in plain words.

use std::fmt::Write as _;

use plimsoll_reports::number::significant;

use super::table::{Align, Table};
use crate::sweep::compare::{Comparison, Verdict, point_mean};
use crate::sweep::grid::Point;
use crate::sweep::metrics::{Metric, UnitMetrics};

/// Points shown for each metric; the files have them all.
const MOST_POINTS: usize = 40;
/// Significant digits of the figures.
const DIGITS: usize = 4;

/// What the text is made from.
pub(super) struct Shown<'a> {
    /// Points of the sweep.
    pub(super) points: &'a [Point],
    /// Index of the baseline.
    pub(super) baseline: usize,
    /// Replications of each point.
    pub(super) replications: u32,
    /// Results, sorted.
    pub(super) units: &'a [UnitMetrics],
    /// All metrics in order.
    pub(super) metrics: &'a [Metric],
    /// Differences against the baseline.
    pub(super) comparisons: &'a [Comparison],
}

/// One table for each headline metric, and a note on how to read them.
pub(super) fn comparison_text(shown: &Shown<'_>) -> String {
    let mut text = String::new();
    for metric in shown.metrics.iter().filter(|metric| metric.is_headline()) {
        if let Some(table) = metric_text(shown, metric) {
            text.push_str(&table);
        } else {
            let mean = point_mean(shown.units, shown.baseline, metric);
            let value = mean.map(|(mean, _)| significant(mean, DIGITS)).unwrap_or_default();
            let _ = writeln!(text, "{}: mean {value} at every point", metric.path());
        }
        text.push('\n');
    }
    text.push_str(&note(shown));
    text
}

/// The table of one metric; `None` if all points have the same values.
fn metric_text(shown: &Shown<'_>, metric: &Metric) -> Option<String> {
    let of =
        |point: usize| shown.comparisons.iter().find(|c| c.point == point && c.metric == *metric);
    let differs = |point: usize| match of(point) {
        Some(comparison) => comparison.verdict != Verdict::Same,
        None => point != shown.baseline,
    };
    if !(0..shown.points.len()).any(differs) && 1 < shown.points.len() {
        return None;
    }
    let mut table = Table::new([
        (metric.path(), Align::Left),
        ("mean".to_owned(), Align::Right),
        (String::new(), Align::Left),
        ("difference".to_owned(), Align::Right),
        (String::new(), Align::Left),
        (String::new(), Align::Right),
        (String::new(), Align::Left),
    ]);
    for (index, point) in shown.points.iter().enumerate().take(MOST_POINTS) {
        let (mean, spread) = match point_mean(shown.units, index, metric) {
            Some((mean, half_width)) => (significant(mean, DIGITS), plus_minus(half_width)),
            None => ("none".to_owned(), String::new()),
        };
        let mut row = vec![format!("  {}", point.name), mean, spread];
        match of(index) {
            _ if index == shown.baseline => {
                row.extend([String::new(), String::new(), String::new(), "baseline".to_owned()]);
            }
            None => {}
            Some(comparison) => row.extend([
                signed(comparison.difference),
                plus_minus(comparison.half_width),
                relative(comparison),
                words(comparison).to_owned(),
            ]),
        }
        table.row(row);
    }
    let mut text = table.render();
    if MOST_POINTS < shown.points.len() {
        let more = shown.points.len() - MOST_POINTS;
        let _ = writeln!(text, "  … and {more} more points in comparison.csv");
    }
    Some(text)
}

/// The difference in words.
pub(super) fn words(comparison: &Comparison) -> &'static str {
    let (less, more) = comparison.metric.words();
    match comparison.verdict {
        Verdict::Less => less,
        Verdict::More => more,
        Verdict::Same => "the same",
        Verdict::NotShown => "no difference shown",
        Verdict::OneReplication => "one replication: may be noise",
    }
}

fn plus_minus(half_width: Option<f64>) -> String {
    half_width.map(|half_width| format!("± {}", significant(half_width, 2))).unwrap_or_default()
}

fn signed(value: f64) -> String {
    let sign = if 0.0 < value { "+" } else { "" };
    format!("{sign}{}", significant(value, DIGITS))
}

/// The difference as a part of the baseline, where the baseline is not zero.
fn relative(comparison: &Comparison) -> String {
    let percent = comparison.difference / comparison.baseline_mean.abs() * 100.0;
    if !percent.is_finite() {
        return String::new();
    }
    let text = format!("({percent:+.1} %)").replace('-', "−");
    // A sign in front of nothing but zeros says nothing.
    if text.contains("−0.0 ") || text.contains("+0.0 ") { "(0.0 %)".to_owned() } else { text }
}

fn note(shown: &Shown<'_>) -> String {
    if shown.replications < 2 {
        return "One replication of each point: there are no intervals, and a difference may be noise. \
                Use --replications.\n"
            .to_owned();
    }
    let others = shown.points.len().saturating_sub(1);
    let mut text = format!(
        "± is a 95 % interval over {} replications; differences are paired, replication by replication.\n",
        shown.replications
    );
    if 1 < others {
        let _ = writeln!(
            text,
            "A difference is called one only if it is more than noise for all {others} comparisons of a \
             metric together (Bonferroni)."
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::compare::compare;
    use crate::sweep::metrics::MetricKind;

    fn text(points: &[(&str, &[f64])]) -> String {
        let metric = Metric { kind: MetricKind::CostTotal, entity: String::new() };
        let mut units = Vec::new();
        for (point, (_, values)) in points.iter().enumerate() {
            for (replication, value) in (0..).zip(*values) {
                units.push(UnitMetrics {
                    point,
                    replication,
                    fingerprint: String::new(),
                    values: vec![(metric.clone(), *value)],
                });
            }
        }
        let names = points.iter();
        let grid: Vec<Point> = names
            .map(|(name, _)| Point { name: (*name).to_owned(), choices: Vec::new() })
            .collect();
        let comparisons = compare(&units, points.len(), 0, std::slice::from_ref(&metric));
        comparison_text(&Shown {
            points: &grid,
            baseline: 0,
            replications: points[0].1.len() as u32,
            units: &units,
            metrics: &[metric],
            comparisons: &comparisons,
        })
    }

    #[test]
    fn says_cheaper_dearer_or_neither() {
        insta::assert_snapshot!(text(&[
            ("target=50", &[100.0, 104.0, 98.0]),
            ("target=60", &[90.1, 94.0, 88.0]),
            ("target=40", &[120.0, 124.2, 118.1]),
            ("target=51", &[100.5, 103.0, 98.9]),
        ]), @r"
        cost.totalUsd   mean         difference
          target=50    100.7  ± 7.6                                 baseline
          target=60     90.7  ± 7.6      −9.967  ± 0.14   (−9.9 %)  cheaper
          target=40    120.8  ± 7.8       +20.1  ± 0.25  (+20.0 %)  dearer
          target=51    100.8  ± 5.1     +0.1333  ± 2.5    (+0.1 %)  no difference shown

        ± is a 95 % interval over 3 replications; differences are paired, replication by replication.
        A difference is called one only if it is more than noise for all 3 comparisons of a metric together (Bonferroni).
        ");
    }

    #[test]
    fn one_replication_is_not_evidence() {
        insta::assert_snapshot!(text(&[("a", &[100.0]), ("b", &[90.0])]), @r"
        cost.totalUsd  mean    difference
          a             100                             baseline
          b              90           −10    (−10.0 %)  one replication: may be noise

        One replication of each point: there are no intervals, and a difference may be noise. Use --replications.
        ");
    }

    #[test]
    fn equal_points_take_one_line() {
        insta::assert_snapshot!(text(&[("a", &[1.5, 2.5]), ("b", &[1.5, 2.5])]), @r"
        cost.totalUsd: mean 2 at every point

        ± is a 95 % interval over 2 replications; differences are paired, replication by replication.
        ");
    }
}

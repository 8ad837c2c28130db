//! The output folder of a sweep: `sweep.csv`, `comparison.csv`, plots and a page.
//!
//! The statistics are computed by the caller; here they become rows, figures and sentences.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::chart::AxisUnit;
use crate::columns::{COMPARISON, SWEEP, writer};
use crate::folder::Files;
use crate::html;
use crate::number::{finite, float};
use crate::plot::{IntervalChart, IntervalRow, ScatterChart, ScatterPoint};

mod metric_look;

pub(crate) use metric_look::MetricLook;

/// Name of the file from which a sweep's page is rendered again.
pub(crate) const DATA_FILE: &str = "sweep-data.json";
/// Most metrics that get a plot of their own.
const MAX_PLOTS: usize = 8;
/// Most points that a plot holds; more would be unreadable, and all are in the table.
const MAX_POINTS: usize = 40;

/// A sweep with its statistics.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SweepReport {
    /// Name of the scenario.
    pub scenario: String,
    /// Its question.
    pub description: String,
    /// Hash of the scenario without its sweep.
    pub scenario_hash: String,
    /// Version of plimsoll.
    pub version: String,
    /// Root seed.
    pub seed: u64,
    /// Replications of each point.
    pub replications: u64,
    /// Dated rule set.
    pub aws_rules: String,
    /// Date of the prices.
    pub price_date: String,
    /// Name of the point that the others are compared with.
    pub baseline: String,
    /// A row for each point and replication.
    pub rows: Vec<SweepRow>,
    /// Paired differences; the order of the metrics is that of the page.
    pub comparison: Vec<ComparisonRow>,
    /// What the reader should know.
    pub warnings: Vec<String>,
}

/// One run of a sweep.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SweepRow {
    /// Name of the point.
    pub point: String,
    /// Its parameters, as written.
    pub parameters: BTreeMap<String, String>,
    /// Replication.
    pub replication: u64,
    /// Fingerprint of the run.
    pub fingerprint: String,
    /// Numbers by their path in `summary.json`.
    pub metrics: BTreeMap<String, f64>,
}

/// A metric of a point against the baseline.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ComparisonRow {
    /// Name of the point.
    pub point: String,
    /// Path of the metric.
    pub metric: String,
    /// Paired replications.
    pub replications: u64,
    /// Mean of the baseline.
    pub baseline_mean: f64,
    /// Mean of the point.
    pub mean: f64,
    /// Mean of the paired differences.
    pub difference: f64,
    /// Half width of its 95 % interval; `None` with a single replication.
    pub half_width: Option<f64>,
    /// Two-sided p-value.
    pub p_value: Option<f64>,
    /// Correlation of the pairs.
    pub correlation: Option<f64>,
    /// Whether the difference is more than noise.
    pub significant: bool,
}

/// Writes the files of a sweep into the folder `dir`, which is made if it is missing. Returns what was
/// written.
pub fn write_sweep(report: &SweepReport, dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Files::new(dir)?;
    files.write("sweep.csv", |out| write_rows(out, &report.rows))?;
    files.write("comparison.csv", |out| write_comparison(out, &report.comparison))?;
    files.json(DATA_FILE, &report.without_odd_numbers())?;
    let mut written = files.written;
    written.extend(render(report, dir)?);
    Ok(written)
}

/// Writes plots and page.
pub(crate) fn render(report: &SweepReport, dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Files::new(dir)?;
    for chart in report.interval_charts() {
        files.figure(&chart)?;
    }
    if let Some(chart) = report.scatter_chart() {
        files.figure(&chart)?;
    }
    files.text("report.html", &html::sweep_page(report)?)?;
    Ok(files.written)
}

/// Writes `sweep.csv`: parameters and metrics are columns in alphabetical order.
pub fn write_rows(out: impl Write, rows: &[SweepRow]) -> io::Result<()> {
    let parameters: BTreeSet<&String> = rows.iter().flat_map(|row| row.parameters.keys()).collect();
    let metrics: BTreeSet<&String> = rows.iter().flat_map(|row| row.metrics.keys()).collect();
    let mut csv = csv::Writer::from_writer(out);
    let fixed = SWEEP.iter().take(3).map(|column| column.name.to_owned());
    let header = fixed
        .chain(parameters.iter().map(|name| format!("parameter:{name}")))
        .chain(metrics.iter().map(|name| (*name).clone()));
    csv.write_record(header)?;
    for row in rows {
        let mut record =
            vec![row.point.clone(), row.replication.to_string(), row.fingerprint.clone()];
        record.extend(
            parameters.iter().map(|name| row.parameters.get(*name).cloned().unwrap_or_default()),
        );
        record.extend(metrics.iter().map(|name| optional(row.metrics.get(*name).copied())));
        csv.write_record(record)?;
    }
    csv.flush()
}

/// Writes `comparison.csv`.
pub fn write_comparison(out: impl Write, rows: &[ComparisonRow]) -> io::Result<()> {
    let mut csv = writer(out, COMPARISON)?;
    for row in rows {
        csv.write_record([
            row.point.as_str(),
            &row.metric,
            &row.replications.to_string(),
            &optional(Some(row.baseline_mean)),
            &optional(Some(row.mean)),
            &optional(Some(row.difference)),
            &optional(row.half_width),
            &optional(row.p_value),
            &optional(row.correlation),
            if row.significant { "true" } else { "false" },
        ])?;
    }
    csv.flush()
}

fn optional(value: Option<f64>) -> String {
    value.and_then(float).unwrap_or_default()
}

/// The cost of a run, the first question of most sweeps.
const COST: &str = "cost.totalUsd";

impl SweepReport {
    /// A copy that JSON can hold: it has no NaN and no infinity.
    fn without_odd_numbers(&self) -> Self {
        let mut copy = self.clone();
        for row in &mut copy.rows {
            row.metrics.retain(|_, value| value.is_finite());
        }
        copy.comparison.retain(|row| {
            row.baseline_mean.is_finite() && row.mean.is_finite() && row.difference.is_finite()
        });
        for row in &mut copy.comparison {
            row.half_width = row.half_width.and_then(finite);
            row.p_value = row.p_value.and_then(finite);
            row.correlation = row.correlation.and_then(finite);
        }
        copy
    }

    /// Names of the points in the order of the rows.
    pub(crate) fn points(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for row in &self.rows {
            if !names.contains(&row.point.as_str()) {
                names.push(&row.point);
            }
        }
        names
    }

    /// Parameters of a point.
    pub(crate) fn parameters(&self, point: &str) -> Option<&BTreeMap<String, String>> {
        self.rows.iter().find(|row| row.point == point).map(|row| &row.parameters)
    }

    /// Compared metrics in the order of the comparison.
    pub(crate) fn metrics(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for row in &self.comparison {
            if !names.contains(&row.metric.as_str()) {
                names.push(&row.metric);
            }
        }
        names
    }

    /// Mean of a metric over the replications of a point.
    pub(crate) fn mean(&self, point: &str, metric: &str) -> Option<f64> {
        if let Some(row) = self.compared(point, metric) {
            return finite(row.mean);
        }
        let rows = self.rows.iter().filter(|row| row.point == point);
        let values: Vec<f64> = rows.filter_map(|row| row.metrics.get(metric).copied()).collect();
        finite(values.iter().sum::<f64>() / values.len() as f64)
    }

    /// The comparison of a point, if it is not the baseline.
    pub(crate) fn compared(&self, point: &str, metric: &str) -> Option<&ComparisonRow> {
        self.comparison.iter().find(|row| row.point == point && row.metric == metric)
    }

    /// What the sweep answers.
    pub(crate) fn answer(&self) -> SweepAnswer {
        let points = self.points();
        let costs: Vec<(&str, f64)> =
            points.iter().filter_map(|point| Some((*point, self.mean(point, COST)?))).collect();
        let cheapest = costs.iter().copied().min_by(|a, b| a.1.total_cmp(&b.1));
        let others = || self.comparison.iter().filter(|row| row.metric == COST);
        let alike = |row: &&ComparisonRow| !row.significant;
        SweepAnswer {
            cheapest: cheapest.map(|(point, cost)| (point.to_owned(), cost)),
            baseline_cost: self.mean(&self.baseline, COST),
            noise: others().filter(alike).map(|row| row.point.clone()).collect(),
            different: others().filter(|row| row.significant).count(),
        }
    }

    pub(crate) fn interval_charts(&self) -> Vec<IntervalChart> {
        let metrics = self.metrics();
        let mut charts: Vec<IntervalChart> = Vec::new();
        for metric in metrics {
            if charts.len() == MAX_PLOTS {
                break;
            }
            let look = MetricLook::of(metric);
            let rows: Vec<IntervalRow> = self
                .comparison
                .iter()
                .filter(|row| row.metric == metric && row.difference.is_finite())
                .take(MAX_POINTS)
                .map(|row| IntervalRow {
                    name: row.point.clone(),
                    value: row.difference * look.factor,
                    half_width: row.half_width.and_then(finite).unwrap_or(0.0) * look.factor,
                    significant: row.significant,
                })
                .collect();
            // Where all points agree to the last digit, a plot would show an empty axis.
            if rows.iter().all(|row| row.value.abs() + row.half_width < 1e-12) {
                continue;
            }
            let share = look.unit == AxisUnit::Percent;
            charts.push(IntervalChart {
                id: format!("comparison-{metric}"),
                title: format!("{}: difference from {}", look.name, self.baseline),
                label: format!(
                    "{}{}",
                    look.quantity(),
                    if share { ", percentage points" } else { "" }
                ),
                unit: look.unit,
                baseline: self.baseline.clone(),
                rows,
            });
        }
        charts
    }

    /// Cost against the first latency, wait or share that is compared.
    pub(crate) fn scatter_chart(&self) -> Option<ScatterChart> {
        let metrics = self.metrics();
        let wanted = [
            "latencyMs.p99",
            "latencyMs.p95",
            "waitSeconds",
            "pendingSeconds.p95",
            "sloViolationFraction",
            "cpuReserved",
        ];
        let other =
            wanted.iter().find_map(|part| metrics.iter().find(|metric| metric.contains(part)))?;
        if !metrics.contains(&COST) {
            return None;
        }
        let (across, up) = (MetricLook::of(COST), MetricLook::of(other));
        let value = |point: &str, metric: &str, factor: f64| {
            let half = self.compared(point, metric).and_then(|row| row.half_width).and_then(finite);
            Some((self.mean(point, metric)? * factor, half.unwrap_or(0.0) * factor))
        };
        let points: Vec<ScatterPoint> = self
            .points()
            .into_iter()
            .take(MAX_POINTS)
            .filter_map(|point| {
                Some(ScatterPoint {
                    name: point.to_owned(),
                    x: value(point, COST, across.factor)?,
                    y: value(point, other, up.factor)?,
                    baseline: point == self.baseline,
                })
            })
            .collect();
        (points.len() > 1).then(|| ScatterChart {
            id: format!("cost-against-{other}"),
            title: format!("{} against {}", across.name, up.name),
            x: (across.quantity(), across.unit),
            y: (up.quantity(), up.unit),
            points,
        })
    }
}

/// What a sweep answers about cost.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SweepAnswer {
    /// The point with the least mean cost, and that cost.
    pub(crate) cheapest: Option<(String, f64)>,
    /// Mean cost of the baseline.
    pub(crate) baseline_cost: Option<f64>,
    /// Points whose cost does not differ from the baseline's by more than noise.
    pub(crate) noise: Vec<String>,
    /// How many points differ.
    pub(crate) different: usize,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn files_have_the_documented_columns() {
        let report = testing::sweep();
        let rows = testing::text(|out| write_rows(out, &report.rows[..3]));
        assert!(rows.starts_with(
            "point,replication,fingerprint,parameter:placement,parameter:target,cost.totalUsd,"
        ));
        let comparison = testing::text(|out| write_comparison(out, &report.comparison));
        let names: Vec<_> = COMPARISON.iter().map(|column| column.name).collect();
        assert_eq!(comparison.lines().next(), Some(names.join(",").as_str()));
        insta::assert_snapshot!("sweep", rows);
        insta::assert_snapshot!("comparison", comparison);
    }

    #[test]
    fn names_the_cheapest_point_and_the_noise() {
        let answer = testing::sweep().answer();
        assert_eq!(answer.cheapest.as_ref().map(|c| c.0.as_str()), Some("binpack, 70"));
        assert_eq!(answer.noise, ["spread, 60"]);
        assert_eq!(answer.different, 2);
    }

    #[test]
    fn a_stored_sweep_renders_to_the_same_bytes() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let written = write_sweep(&testing::sweep(), folder.path()).expect("writes");
        let contents =
            || written.iter().map(|path| std::fs::read(path).expect("there")).collect::<Vec<_>>();
        let first = contents();
        let again = crate::folder::render_report(folder.path()).expect("renders");
        assert!(again.iter().any(|path| path.ends_with("report.html")));
        assert!(contents() == first);
        std::fs::write(folder.path().join(DATA_FILE), "{\"rows\":").expect("writable");
        let error = crate::folder::render_report(folder.path()).expect_err("damaged");
        assert!(error.to_string().contains("is damaged"));
    }

    #[test]
    fn sweeps_without_pairs_or_points_still_write() {
        let mut report = testing::sweep();
        for row in &mut report.comparison {
            (row.half_width, row.p_value, row.correlation) = (None, None, None);
            row.significant = false;
        }
        report.comparison[0].difference = f64::NAN;
        let folder = tempfile::tempdir().expect("temporary folder");
        write_sweep(&report, folder.path()).expect("writes");
        let stored = std::fs::read_to_string(folder.path().join(DATA_FILE)).expect("there");
        assert!(!stored.contains("NaN"));
        write_sweep(&SweepReport::default(), folder.path()).expect("writes");
    }
}

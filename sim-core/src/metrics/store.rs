//! All metrics of a run.

use super::query::{MathQuery, MetricQuery, QueryView};
use super::series::MetricSeries;
use super::source::Metric;
use super::statistic::StatisticSet;
use crate::units::{IdVec, MetricId, SimDuration, SimTime};

/// The series of every metric that a scenario watches.
#[derive(Clone, Debug)]
pub struct MetricStore {
    series: IdVec<MetricId, MetricSeries>,
}

impl MetricStore {
    /// Empty series.
    pub fn new(metrics: &IdVec<MetricId, Metric>) -> Self {
        let series = metrics.iter().map(|metric| MetricSeries::new(metric.period, metric.delay, 1));
        Self { series: series.collect() }
    }

    /// Makes room for a reader of `query` that looks back over `length`. To be called for every reader
    /// before the first sample.
    pub fn retain(&mut self, query: &MetricQuery, length: SimDuration) {
        for metric in query.metrics() {
            self.series[metric].retain(length);
        }
    }

    /// Makes room for a reader of `metric` that looks back over `length`. To be called before the first
    /// sample.
    pub fn retain_metric(&mut self, metric: MetricId, length: SimDuration) {
        self.series[metric].retain(length);
    }

    /// One series.
    pub fn series(&self, metric: MetricId) -> &MetricSeries {
        &self.series[metric]
    }

    /// Records the samples of the period of `metric` that begins at `start`; `None` is a gap.
    pub fn record(&mut self, metric: MetricId, start: SimTime, samples: Option<StatisticSet>) {
        self.series[metric].record(start, samples);
    }

    /// The value of a formula for the period that begins at `start`, from what is recorded of it.
    pub fn measure(
        &self,
        formula: &MathQuery,
        start: SimTime,
        period: SimDuration,
    ) -> Option<StatisticSet> {
        formula.measured(self, start, period).and_then(StatisticSet::of)
    }

    /// What a reader of `query` sees.
    pub fn view<'a>(&'a self, query: &'a MetricQuery) -> QueryView<'a> {
        QueryView::new(query, self)
    }
}

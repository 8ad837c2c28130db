//! All metrics of a run.

use super::query::{MathQuery, MetricQuery, QueryView};
use super::series::MetricSeries;
use super::source::{Metric, MetricSource};
use super::statistic::{Statistic, StatisticSet};
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
        let mut store = Self { series: series.collect() };
        for metric in metrics.iter() {
            if let MetricSource::Formula(formula) = &metric.source {
                store.watch_percentiles(formula.operands.iter().copied());
            }
        }
        store
    }

    /// Makes room for a reader of `query` that looks back over `length`. To be called for every reader
    /// before the first sample.
    pub fn retain(&mut self, query: &MetricQuery, length: SimDuration) {
        for (metric, _) in query.reads() {
            self.series[metric].retain(length);
        }
        self.watch_percentiles(query.reads());
    }

    fn watch_percentiles(&mut self, reads: impl Iterator<Item = (MetricId, Statistic)>) {
        for (metric, statistic) in reads {
            if let Statistic::Percentile(percentile) = statistic {
                self.series[metric].watch_percentile(percentile.rank);
            }
        }
    }

    /// One series.
    pub fn series(&self, metric: MetricId) -> &MetricSeries {
        &self.series[metric]
    }

    /// Records the samples of the period of `metric` that begins at `start`; `None` is a gap.
    pub fn record(&mut self, metric: MetricId, start: SimTime, samples: Option<StatisticSet>) {
        self.series[metric].record(start, samples);
    }

    /// Percentiles of the newest point of `metric`, in the order of the ranks of its series.
    pub fn set_percentiles(&mut self, metric: MetricId, values: Vec<Option<f64>>) {
        self.series[metric].set_percentiles(values);
    }

    /// The newest point of `metric` is published `by` later than usual.
    pub fn delay_newest(&mut self, metric: MetricId, by: SimDuration) {
        self.series[metric].delay_newest(by);
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

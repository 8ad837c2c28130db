//! What an alarm or a policy watches.

use super::store::MetricStore;
use super::window::{DataPoint, Points, Span, Window};
use super::{MetricSeries, Statistic};
use crate::units::{MetricId, SimDuration, SimTime};

/// A metric, its period and its statistic.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricQuery {
    /// The metric.
    pub metric: MetricId,
    /// Length of a data point.
    pub period: SimDuration,
    /// What is asked of the samples of a period.
    pub statistic: Statistic,
}

impl MetricQuery {
    /// A statistic of a metric over minutes.
    pub const fn per_minute(metric: MetricId, statistic: Statistic) -> Self {
        Self { metric, period: SimDuration::from_secs(60), statistic }
    }

    /// The same over another period.
    #[must_use]
    pub fn with_period(&self, period: SimDuration) -> Self {
        Self { period, ..self.clone() }
    }

    /// The metrics it reads.
    pub fn metrics(&self) -> impl Iterator<Item = MetricId> {
        std::iter::once(self.metric)
    }
}

/// A query with the series it reads.
#[derive(Clone, Copy, Debug)]
pub struct QueryView<'a> {
    query: &'a MetricQuery,
    series: &'a MetricSeries,
}

impl<'a> QueryView<'a> {
    pub(super) fn new(query: &'a MetricQuery, store: &'a MetricStore) -> Self {
        Self { query, series: store.series(query.metric) }
    }

    /// The newest slot visible at `now`, if it has a point.
    pub fn newest(&self, now: SimTime) -> Option<DataPoint> {
        self.points(now, Span::new(self.query.period, 1)).next().flatten()
    }
}

/// Slots of a query, newest first.
#[derive(Clone, Debug)]
pub struct QueryWindow<'a>(Window<'a>);

impl Iterator for QueryWindow<'_> {
    type Item = Option<DataPoint>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }
}

impl Points for QueryView<'_> {
    fn points(&self, now: SimTime, span: Span) -> impl Iterator<Item = Option<DataPoint>> {
        QueryWindow(self.series.read(now, self.query.statistic, span))
    }

    fn published(&self, now: SimTime) -> u64 {
        self.series.published(now)
    }
}

//! What an alarm or a policy watches.

use std::sync::Arc;

use super::math::MathExpression;
use super::store::MetricStore;
use super::window::{DataPoint, Points, Span, Window};
use super::{LowSampleCount, MetricSeries, Statistic};
use crate::units::{MetricId, NANOS_PER_SECOND, SimDuration, SimTime};

/// A metric with its statistic, or an expression over some, and the period.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricQuery {
    /// What is read.
    pub kind: QueryKind,
    /// Length of a data point.
    pub period: SimDuration,
}

/// What a query reads.
#[derive(Clone, Debug, PartialEq)]
pub enum QueryKind {
    /// A statistic of a metric.
    Metric(MetricId, Statistic),
    /// An expression over statistics of metrics.
    Math(Arc<MathQuery>),
}

/// An expression and its operands.
#[derive(Clone, Debug, PartialEq)]
pub struct MathQuery {
    /// The expression.
    pub expression: MathExpression,
    /// What its metrics are, in the order of their numbers; at least one.
    pub operands: Vec<(MetricId, Statistic)>,
}

impl MetricQuery {
    /// A statistic of a metric over minutes.
    pub const fn per_minute(metric: MetricId, statistic: Statistic) -> Self {
        let period = SimDuration::from_secs(60);
        Self { kind: QueryKind::Metric(metric, statistic), period }
    }

    /// The same over another period.
    #[must_use]
    pub fn with_period(&self, period: SimDuration) -> Self {
        Self { period, ..self.clone() }
    }

    /// The metrics it reads.
    pub fn metrics(&self) -> impl Iterator<Item = MetricId> {
        self.reads().map(|(metric, _)| metric)
    }

    /// The metrics it reads, with their statistics.
    pub fn reads(&self) -> impl Iterator<Item = (MetricId, Statistic)> {
        let (one, several) = match &self.kind {
            QueryKind::Metric(metric, statistic) => (Some((*metric, *statistic)), &[][..]),
            QueryKind::Math(math) => (None, &math.operands[..]),
        };
        one.into_iter().chain(several.iter().copied())
    }
}

/// A query with the series it reads.
#[derive(Clone, Copy, Debug)]
pub struct QueryView<'a> {
    query: &'a MetricQuery,
    store: &'a MetricStore,
}

impl<'a> QueryView<'a> {
    pub(super) fn new(query: &'a MetricQuery, store: &'a MetricStore) -> Self {
        Self { query, store }
    }

    /// The newest slot visible at `now`, if it has a point.
    pub fn newest(&self, now: SimTime) -> Option<DataPoint> {
        self.points(now, Span::new(self.query.period, 1)).next().flatten()
    }
}

/// Slots of a query, newest first.
#[derive(Clone, Debug)]
pub enum QueryWindow<'a> {
    /// Of one metric.
    Metric(Window<'a>),
    /// Of an expression, computed.
    Math(std::vec::IntoIter<Option<DataPoint>>),
}

impl Iterator for QueryWindow<'_> {
    type Item = Option<DataPoint>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Metric(window) => window.next(),
            Self::Math(points) => points.next(),
        }
    }
}

impl Points for QueryView<'_> {
    fn points(&self, now: SimTime, span: Span) -> impl Iterator<Item = Option<DataPoint>> {
        match &self.query.kind {
            QueryKind::Metric(metric, statistic) => {
                QueryWindow::Metric(self.store.series(*metric).read(now, *statistic, span))
            }
            QueryKind::Math(math) => {
                QueryWindow::Math(math.points(self.store, now, span).into_iter())
            }
        }
    }

    fn outlook(&self, now: SimTime, span: Span, level: u64) -> (u64, Option<SimTime>) {
        if let QueryKind::Metric(metric, _) = self.query.kind {
            return self.store.series(metric).outlook(now, span, level);
        }
        // A sum changes whenever one of its parts does, since none ever falls.
        self.query.metrics().fold((0, Some(SimTime::MAX)), |(sum, first), metric| {
            let (changes, next) = self.store.series(metric).outlook(now, span, 0);
            (sum + changes, first.zip(next).map(|(first, next)| first.min(next)))
        })
    }

    fn changes(&self, now: SimTime, span: Span) -> u64 {
        self.query.metrics().map(|metric| self.store.series(metric).changes(now, span)).sum()
    }

    fn are_final(&self, span: Span) -> bool {
        match &self.query.kind {
            QueryKind::Metric(metric, _) => self.store.series(*metric).are_final(span),
            // A late operand may change what its filling stood for.
            QueryKind::Math(_) => false,
        }
    }

    fn has_too_few_samples(&self, now: SimTime, span: Span) -> bool {
        let QueryKind::Metric(metric, Statistic::Percentile(percentile)) = self.query.kind else {
            return false;
        };
        if percentile.low_samples == LowSampleCount::Evaluate {
            return false;
        }
        let counts = self.store.series(metric).read(now, Statistic::SampleCount, span);
        counts.flatten().next().is_some_and(|point| percentile.passes_over(point.value))
    }
}

impl MathQuery {
    fn points(&self, store: &MetricStore, now: SimTime, span: Span) -> Vec<Option<DataPoint>> {
        let windows = || {
            self.operands.iter().map(|(metric, statistic)| {
                let series: &MetricSeries = store.series(*metric);
                series.read(now, *statistic, span)
            })
        };
        // The window ends where the operand that is published last does.
        let end = windows().map(|window| window.end()).min().unwrap_or(0);
        let columns: Vec<Vec<Option<DataPoint>>> =
            windows().map(|window| window.ending(end).collect()).collect();
        let seconds = span.period.as_nanos() as f64 / NANOS_PER_SECOND as f64;
        let values = self.expression.evaluate(seconds, span.range, |operand, slot| {
            columns[operand][slot].map(|point| point.value)
        });
        let period = span.period.as_nanos();
        let point = |(slot, value): (usize, Option<f64>)| {
            let value = value?;
            let real = columns.iter().filter_map(|column| column[slot]);
            // A point made of fillings only is there as soon as its slot is over.
            let visible_at = real.map(|point| point.visible_at).max();
            let start = end.saturating_sub(period.saturating_mul(slot as u64 + 1));
            let start = SimTime::from_nanos(start);
            Some(DataPoint { start, visible_at: visible_at.unwrap_or(start + span.period), value })
        };
        values.into_iter().enumerate().map(point).collect()
    }

    /// The value of the period that begins at `start`, from what is recorded so far: for whoever
    /// measures, not for readers.
    pub(super) fn measured(
        &self,
        store: &MetricStore,
        start: SimTime,
        period: SimDuration,
    ) -> Option<f64> {
        let value = |operand: usize| {
            let (metric, statistic) = self.operands[operand];
            store.series(metric).recorded(start, period, statistic)
        };
        let seconds = period.as_nanos() as f64 / NANOS_PER_SECOND as f64;
        self.expression.evaluate(seconds, 1, |operand, _| value(operand)).pop().flatten()
    }
}

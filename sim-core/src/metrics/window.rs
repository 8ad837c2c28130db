//! What a reader sees of a series: slots of the period it asks for, newest first.

use super::series::MetricSeries;
use super::statistic::Statistic;
use crate::units::{SimDuration, SimTime};

/// A window of a reader never moves by less than this, however long its slots are.
const STEP: SimDuration = SimDuration::from_secs(60);

/// A published data point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DataPoint {
    /// Start of its period, as CloudWatch stamps it.
    pub start: SimTime,
    /// First instant at which a reader sees it.
    pub visible_at: SimTime,
    /// Finite value.
    pub value: f64,
}

/// The slots that a reader wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Length of a slot.
    pub period: SimDuration,
    /// Number of slots.
    pub range: usize,
    /// The newest slot ends at a multiple of this.
    pub grid: SimDuration,
    /// Whether a slot whose points are still to be published is a gap; otherwise the window ends
    /// before it.
    pub late_is_missing: bool,
}

impl Span {
    /// `range` slots of `period`: a window that slides by a minute, or by a shorter period.
    pub fn new(period: SimDuration, range: usize) -> Self {
        Self { period, range, grid: period.min(STEP), late_is_missing: false }
    }

    /// Whether its slots are just the periods of a series.
    pub(super) fn has_slots_of(&self, own: SimDuration) -> bool {
        self.period == own && self.grid == own
    }
}

/// Something whose data points can be read.
pub trait Points {
    /// The newest slots of `span` at `now`, newest first, gaps as `None`; always `span.range` entries.
    fn points(&self, now: SimTime, span: Span) -> impl Iterator<Item = Option<DataPoint>>;

    /// Counts what has changed in what is read of `span` up to `now`: windows that moved, points that came
    /// late. It never falls, and while it stays, so do the points. With it, an instant after `now` before
    /// which it neither rises nor reaches `level`; `None` if it may rise at any time.
    fn outlook(&self, now: SimTime, span: Span, level: u64) -> (u64, Option<SimTime>);

    /// The count of [`outlook`](Self::outlook).
    fn changes(&self, now: SimTime, span: Span) -> u64 {
        self.outlook(now, span, 0).0
    }

    /// Whether a point of `span` that was read never changes.
    fn are_final(&self, span: Span) -> bool;

    /// Whether the newest point is a percentile of too few samples for whoever asks.
    fn has_too_few_samples(&self, _now: SimTime, _span: Span) -> bool {
        false
    }
}

/// Slots of a series, newest first. Made by [`MetricSeries::read`].
#[derive(Clone, Debug)]
pub struct Window<'a> {
    series: &'a MetricSeries,
    now: SimTime,
    statistic: Statistic,
    period: u64,
    /// End of the next slot, in nanoseconds.
    end: u64,
    /// Number of the series' own period that begins there, and how many make a slot, if they go into one.
    aligned: Option<(u64, u64)>,
    /// Periods of the series that are published.
    published: u64,
    left: usize,
}

/// See [`Window::aligned`]: divisions are most of the cost of a slot.
fn aligned(end: u64, period: u64, own: u64) -> Option<(u64, u64)> {
    let whole = end.is_multiple_of(own) && period.is_multiple_of(own);
    whole.then(|| (end / own, period / own))
}

impl<'a> Window<'a> {
    /// Where the newest slot ends, in nanoseconds.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// The same window with its newest slot ending earlier.
    pub(super) fn ending(self, end: u64) -> Self {
        let aligned = aligned(end, self.period, self.series.period().as_nanos());
        Self { end, aligned, ..self }
    }

    #[inline]
    pub(super) fn new(
        series: &'a MetricSeries,
        now: SimTime,
        statistic: Statistic,
        span: Span,
    ) -> Self {
        let published = series.published_at(now);
        let newest = if span.late_is_missing {
            now.as_nanos()
        } else {
            published.saturating_mul(series.period().as_nanos())
        };
        let period = span.period.as_nanos().max(1);
        let (end, aligned) = if !span.late_is_missing && span.has_slots_of(series.period()) {
            (newest, Some((published, 1)))
        } else {
            let end = newest - newest % span.grid.as_nanos().max(1);
            (end, aligned(end, period, series.period().as_nanos()))
        };
        Self { series, now, statistic, period, end, aligned, published, left: span.range }
    }
}

impl Iterator for Window<'_> {
    type Item = Option<DataPoint>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let Some(start) = self.end.checked_sub(self.period) else {
            // Before the start of the run.
            self.end = 0;
            return Some(None);
        };
        // A slot holds the points whose time stamp, the start of their period, is inside it.
        let (from, until) = if let Some((next, length)) = &mut self.aligned {
            let until = *next;
            *next -= *length;
            (*next, until)
        } else {
            let own = self.series.period().as_nanos();
            (start.div_ceil(own), self.end.div_ceil(own))
        };
        let until = until.min(self.published);
        self.end = start;
        let slot = self.series.over(from..until, self.now, self.statistic);
        Some(slot.map(|(value, visible_at)| {
            debug_assert!(visible_at <= self.now, "law 7: a point is read before its publication");
            DataPoint { start: SimTime::from_nanos(start), visible_at, value }
        }))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Window<'_> {}

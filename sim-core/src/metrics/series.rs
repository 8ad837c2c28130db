//! One metric: a ring of the newest data points.

use std::collections::VecDeque;
use std::ops::Range;

use super::statistic::{Statistic, StatisticSet};
use super::window::{DataPoint, Points, Span, Window};
use crate::units::{SimDuration, SimTime};

/// The newest data points of one metric.
///
/// Time is cut into slots of one period, counted from the start of the run. The point of slot
/// `[start, start + period)` is visible from `start + period + delay` on. AWS does not publish that
/// delay; 120 s for the ECS service metrics reproduces AWS's own benchmark (363 s from load step to
/// trigger), other values are settings. A point that is not visible yet is not missing: the window
/// of a reader ends before it. A slot that is visible and has no value is a gap. So is one whose point is
/// later than that delay, until the point comes ([`delay_newest`](Self::delay_newest)).
///
/// A writer pushes the point of a slot no later than it becomes visible. At one instant writing
/// comes before reading, so that a delay of zero works.
#[derive(Clone, Debug)]
pub struct MetricSeries {
    period: SimDuration,
    delay: SimDuration,
    /// Newest last; one entry per slot up to `next_slot`, without holes.
    values: VecDeque<Option<StatisticSet>>,
    /// Number of the slot after the newest entry.
    next_slot: u64,
    retained: usize,
    /// Slots whose point is published later than usual, and by how much, oldest first.
    late: VecDeque<(u64, SimDuration)>,
    /// Late slots that are no longer among them.
    forgotten: u64,
    /// Ranks of the percentiles that readers ask for, ascending.
    ranks: Vec<u32>,
    /// Their values, slot by slot as in `values`.
    percentiles: VecDeque<Option<f64>>,
}

impl MetricSeries {
    /// An empty series whose readers look at up to `range` slots at a time. Memory stays bounded: the
    /// series keeps those slots and the ones that wait for publication.
    ///
    /// `period` must not be zero.
    pub fn new(period: SimDuration, delay: SimDuration, range: usize) -> Self {
        assert!(!period.is_zero(), "a metric has a period");
        let waiting = delay.as_nanos().div_ceil(period.as_nanos()) as usize;
        let retained = range.max(1).saturating_add(waiting).saturating_add(1);
        Self {
            period,
            delay,
            values: VecDeque::new(),
            next_slot: 0,
            retained,
            late: VecDeque::new(),
            forgotten: 0,
            ranks: Vec::new(),
            percentiles: VecDeque::new(),
        }
    }

    /// Makes room for a reader that looks back over `length`. To be called before the first push.
    pub fn retain(&mut self, length: SimDuration) {
        let range = length.as_nanos().div_ceil(self.period.as_nanos()) as usize;
        let needed = Self::new(self.period, self.delay, range.saturating_add(1)).retained;
        self.retained = self.retained.max(needed);
    }

    /// Length of a period.
    pub fn period(&self) -> SimDuration {
        self.period
    }

    /// From the end of a period to its visibility.
    pub fn delay(&self) -> SimDuration {
        self.delay
    }

    /// Records the period that begins at `start`, of one sample. `None` is a gap; so is a value that is
    /// not finite.
    ///
    /// # Panics
    /// As [`record`](Self::record).
    pub fn push(&mut self, start: SimTime, value: Option<f64>) {
        self.record(start, value.and_then(StatisticSet::of));
    }

    /// Records the samples of the period that begins at `start`; `None` is a gap. Periods skipped since
    /// the last one are gaps.
    ///
    /// # Panics
    /// If `start` is not on the period's grid, or not after the last push: a bug of the writer.
    pub fn record(&mut self, start: SimTime, samples: Option<StatisticSet>) {
        let period = self.period.as_nanos();
        assert!(start.as_nanos().is_multiple_of(period), "{start:?} is not the start of a period");
        let slot = start.as_nanos() / period;
        assert!(slot >= self.next_slot, "the period at {start:?} has been recorded already");
        // Gaps that would fall out of the ring at once need not be written.
        let gaps = (slot - self.next_slot).min(self.retained as u64);
        for _ in 0..gaps {
            self.append(None);
        }
        self.append(samples);
        self.next_slot = slot + 1;
    }

    /// The point of the newest slot is published `by` later than usual.
    pub fn delay_newest(&mut self, by: SimDuration) {
        let Some(newest) = self.next_slot.checked_sub(1).filter(|_| !by.is_zero()) else { return };
        let kept = self.next_slot.saturating_sub(self.retained as u64);
        while self.late.pop_front_if(|(slot, _)| *slot < kept).is_some() {
            self.forgotten += 1;
        }
        self.late.push_back((newest, by));
    }

    #[inline]
    fn append(&mut self, samples: Option<StatisticSet>) {
        if self.values.len() == self.retained {
            self.values.pop_front();
            if !self.ranks.is_empty() {
                self.percentiles.drain(..self.ranks.len());
            }
        }
        self.values.push_back(samples);
        if !self.ranks.is_empty() {
            self.percentiles.extend(self.ranks.iter().map(|_| None));
        }
    }

    /// A reader asks for the percentile of this rank. To be called before the first push.
    pub fn watch_percentile(&mut self, rank: u32) {
        if let Err(index) = self.ranks.binary_search(&rank) {
            self.ranks.insert(index, rank);
        }
    }

    /// Ranks of the percentiles that readers ask for.
    pub fn ranks(&self) -> &[u32] {
        &self.ranks
    }

    /// Percentiles of the newest slot, in the order of [`ranks`](Self::ranks).
    pub fn set_percentiles(&mut self, values: impl IntoIterator<Item = Option<f64>>) {
        let start = self.percentiles.len().saturating_sub(self.ranks.len());
        for (kept, value) in self.percentiles.iter_mut().skip(start).zip(values) {
            *kept = value.filter(|value| value.is_finite());
        }
    }

    /// A statistic of one slot, of which `set` holds the samples.
    #[inline]
    fn statistic(&self, slot: u64, set: &StatisticSet, statistic: Statistic) -> Option<f64> {
        let Statistic::Percentile(percentile) = statistic else { return set.get(statistic) };
        let known = self.ranks.binary_search(&percentile.rank).ok().and_then(|index| {
            let age = self.next_slot.checked_sub(slot)? as usize;
            let back = age.checked_mul(self.ranks.len())?;
            let start = self.percentiles.len().checked_sub(back)?;
            self.percentiles.get(start + index).copied().flatten()
        });
        known.or_else(|| set.get(statistic))
    }

    /// The newest data point visible at `now`, gaps passed over, among the retained ones.
    pub fn newest_visible(&self, now: SimTime) -> Option<DataPoint> {
        self.window(now, self.retained).flatten().next()
    }

    /// The newest `range` slots visible at `now`, newest first, gaps as `None`. Slots before the start
    /// of the run are gaps, so the window always has `range` entries.
    pub fn window(&self, now: SimTime, range: usize) -> Window<'_> {
        let span = Span { grid: self.period, ..Span::new(self.period, range) };
        self.read(now, Statistic::Average, span)
    }

    /// The slots of `span` visible at `now`.
    pub fn read(&self, now: SimTime, statistic: Statistic, span: Span) -> Window<'_> {
        Window::new(self, now, statistic, span)
    }

    /// How many periods are published at `now`, and how many points came late: what is read changes only
    /// with it.
    pub fn published(&self, now: SimTime) -> u64 {
        self.published_at(now) + self.come_late(now)
    }

    /// Whether a slot of `span` may get points after a reader passed it.
    fn has_late_points(&self, span: Span) -> bool {
        span.late_is_missing || !self.late.is_empty() || 0 < self.forgotten
    }

    fn come_late(&self, now: SimTime) -> u64 {
        let come = self.late.iter().filter(|(slot, _)| self.visible_at(*slot) <= now).count();
        self.forgotten + come as u64
    }

    /// Steps of the grid of `span` that are over when so many periods are published.
    fn moved(&self, published: u64, span: Span) -> u64 {
        let (own, grid) = (self.period.as_nanos(), span.grid.as_nanos().max(1));
        if own == grid { published } else { published.saturating_mul(own) / grid }
    }

    /// Number of slots whose point is visible at `now` unless it is late.
    pub(super) fn published_at(&self, now: SimTime) -> u64 {
        now.saturating_since(SimTime::ZERO + self.delay).as_nanos() / self.period.as_nanos()
    }

    /// A statistic of what is recorded of the points in `[start, start + length)`, visible or not.
    pub(super) fn recorded(
        &self,
        start: SimTime,
        length: SimDuration,
        statistic: Statistic,
    ) -> Option<f64> {
        let own = self.period.as_nanos();
        let from = start.as_nanos().div_ceil(own);
        let until = (start + length).as_nanos().div_ceil(own).min(self.next_slot);
        let mut real = self.kept(from..until);
        let (slot, set) = real.next()?;
        let mut merged = Merged::of(set, slot);
        real.for_each(|(_, set)| merged.add(set));
        merged.get(self, statistic)
    }

    /// A statistic over some slots, as far as their points are published by `now`, and when the last of these was.
    /// All are but late ones.
    #[inline]
    pub(super) fn over(
        &self,
        slots: Range<u64>,
        now: SimTime,
        statistic: Statistic,
    ) -> Option<(f64, SimTime)> {
        if slots.end == slots.start + 1 && self.late.is_empty() {
            // Most readers want the metric's own period.
            let slot = slots.start;
            let age = self.next_slot.checked_sub(slot)? as usize;
            let set = self.values.get(self.values.len().checked_sub(age)?)?.as_ref()?;
            return Some((self.statistic(slot, set, statistic)?, self.visible_at(slot)));
        }
        let (merged, visible_at) = self.merged(slots, now)?;
        Some((merged.get(self, statistic)?, visible_at))
    }

    fn merged(&self, slots: Range<u64>, now: SimTime) -> Option<(Merged, SimTime)> {
        if !self.late.is_empty() {
            return self.merged_with_late(slots, now);
        }
        let mut real = self.kept(slots);
        // Of points on time the newest was published last.
        let (newest, set) = real.next()?;
        let mut merged = Merged::of(set, newest);
        real.for_each(|(_, set)| merged.add(set));
        Some((merged, self.visible_at(newest)))
    }

    #[cold]
    fn merged_with_late(&self, slots: Range<u64>, now: SimTime) -> Option<(Merged, SimTime)> {
        let mut all: Option<(Merged, SimTime)> = None;
        for (slot, set) in self.kept(slots) {
            let visible_at = self.visible_at(slot);
            if now < visible_at {
                continue;
            }
            match &mut all {
                None => all = Some((Merged::of(set, slot), visible_at)),
                Some((merged, latest)) => {
                    merged.add(set);
                    *latest = visible_at.max(*latest);
                }
            }
        }
        all
    }

    /// What is kept of some slots, newest first.
    #[inline]
    fn kept(&self, slots: Range<u64>) -> impl Iterator<Item = (u64, &StatisticSet)> {
        let oldest = self.next_slot - self.values.len() as u64;
        let kept = slots.start.max(oldest)..slots.end.min(self.next_slot);
        kept.rev().filter_map(move |slot| {
            let set = self.values.get((slot - oldest) as usize)?.as_ref()?;
            Some((slot, set))
        })
    }

    #[inline]
    fn visible_at(&self, slot: u64) -> SimTime {
        let start = SimTime::from_nanos(slot.saturating_mul(self.period.as_nanos()));
        let usual = start + self.period + self.delay;
        if self.late.is_empty() { usual } else { usual + self.lateness(slot) }
    }

    #[cold]
    fn lateness(&self, slot: u64) -> SimDuration {
        let late = self.late.binary_search_by_key(&slot, |(slot, _)| *slot);
        late.map_or(SimDuration::ZERO, |index| self.late[index].1)
    }
}

/// The samples of some slots.
#[derive(Clone, Copy, Debug)]
struct Merged {
    set: StatisticSet,
    /// The slot, if there is only one.
    alone: Option<u64>,
}

impl Merged {
    fn of(set: &StatisticSet, slot: u64) -> Self {
        Self { set: *set, alone: Some(slot) }
    }

    /// Adds those of another slot.
    fn add(&mut self, set: &StatisticSet) {
        self.set = self.set.merged(*set);
        self.alone = None;
    }

    fn get(&self, series: &MetricSeries, statistic: Statistic) -> Option<f64> {
        match self.alone {
            Some(slot) => series.statistic(slot, &self.set, statistic),
            None => self.set.get(statistic),
        }
    }
}

impl Points for MetricSeries {
    fn points(&self, now: SimTime, span: Span) -> impl Iterator<Item = Option<DataPoint>> {
        self.read(now, Statistic::Average, span)
    }

    fn outlook(&self, now: SimTime, span: Span, level: u64) -> (u64, Option<SimTime>) {
        let (own, grid) = (self.period.as_nanos(), span.grid.as_nanos().max(1));
        let moved = self.moved(self.published_at(now), span);
        if self.has_late_points(span) {
            return (moved + self.come_late(now), None);
        }
        // The window moves when all of the next step of the grid is published.
        let next = level.max(moved + 1).saturating_mul(grid);
        let next = if own == grid { next } else { next.div_ceil(own).saturating_mul(own) };
        (moved, Some(SimTime::from_nanos(next) + self.delay))
    }

    fn changes(&self, now: SimTime, span: Span) -> u64 {
        let moved = self.moved(self.published_at(now), span);
        if self.has_late_points(span) { moved + self.come_late(now) } else { moved }
    }

    fn are_final(&self, span: Span) -> bool {
        // A late point may join others in a longer slot.
        span.period == self.period || !self.has_late_points(span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: SimDuration = SimDuration::from_secs(60);

    fn series(delay_seconds: u64) -> MetricSeries {
        MetricSeries::new(MINUTE, SimDuration::from_secs(delay_seconds), 5)
    }

    fn at(seconds: u64) -> SimTime {
        SimTime::from_secs(seconds)
    }

    fn values(series: &MetricSeries, now: u64, range: usize) -> Vec<Option<f64>> {
        series.window(at(now), range).map(|point| point.map(|point| point.value)).collect()
    }

    #[test]
    fn a_point_is_visible_from_the_end_of_its_period_plus_the_delay() {
        let mut series = series(120);
        series.push(at(600), Some(40.0));
        assert_eq!(series.newest_visible(at(779)), None);
        let point = series.newest_visible(at(780)).expect("visible");
        assert_eq!(point, DataPoint { start: at(600), visible_at: at(780), value: 40.0 });
    }

    #[test]
    fn the_window_ends_at_the_newest_visible_slot_not_at_a_late_one() {
        let mut series = series(60);
        for minute in 0..4_u32 {
            series.push(at(60 * u64::from(minute)), Some(f64::from(minute)));
        }
        assert_eq!(values(&series, 240, 3), [Some(2.0), Some(1.0), Some(0.0)]);
        assert_eq!(values(&series, 300, 3), [Some(3.0), Some(2.0), Some(1.0)]);
    }

    #[test]
    fn skipped_pushed_and_prehistoric_slots_are_gaps() {
        let mut series = series(0);
        series.push(at(0), Some(1.0));
        series.push(at(120), None);
        series.push(at(180), Some(4.0));
        assert_eq!(values(&series, 240, 6), [Some(4.0), None, None, Some(1.0), None, None]);
        // Two minutes later nothing has been pushed: those slots are gaps too.
        assert_eq!(values(&series, 360, 3), [None, None, Some(4.0)]);
        assert_eq!(series.newest_visible(at(360)).map(|point| point.start), Some(at(180)));
    }

    #[test]
    fn what_is_not_a_number_never_enters() {
        let mut series = series(0);
        for (minute, value) in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY].into_iter().enumerate()
        {
            series.push(at(60 * minute as u64), Some(value));
        }
        assert_eq!(values(&series, 180, 3), [None, None, None]);
        assert_eq!(series.newest_visible(at(180)), None);
    }

    #[test]
    fn retention_is_bounded_and_covers_range_and_delay() {
        let mut series = series(120);
        for minute in 0..10_000_u32 {
            series.push(at(60 * u64::from(minute)), Some(f64::from(minute)));
        }
        assert_eq!(series.values.len(), 8);
        // The last point ends at 600 000 s; two points are not visible yet at that instant.
        let expected = [9997.0, 9996.0, 9995.0, 9994.0, 9993.0].map(Some);
        assert_eq!(values(&series, 600_000, 5), expected);
    }

    #[test]
    fn a_long_silence_costs_no_more_than_the_ring() {
        let mut series = series(0);
        series.push(at(0), Some(1.0));
        series.push(at(6_000_000_000), Some(2.0));
        assert_eq!(values(&series, 6_000_000_060, 3), [Some(2.0), None, None]);
    }

    fn read(series: &MetricSeries, now: u64, statistic: Statistic, span: Span) -> Vec<Option<f64>> {
        series.read(at(now), statistic, span).map(|point| point.map(|point| point.value)).collect()
    }

    /// A series of `period` seconds whose values are the numbers of the slots, ten of them.
    fn counting(period: u64, delay: u64) -> MetricSeries {
        let seconds = SimDuration::from_secs;
        let mut series = MetricSeries::new(seconds(period), seconds(delay), 1);
        series.retain(seconds(10 * period));
        for slot in 0..10_u32 {
            series.push(at(period * u64::from(slot)), Some(f64::from(slot)));
        }
        series
    }

    #[test]
    fn a_longer_period_slides_by_a_minute() {
        let series = counting(60, 0);
        let five_minutes = Span::new(SimDuration::from_secs(300), 1);
        // At minute 5 the minutes 1 to 5, at minute 6 the minutes 2 to 6.
        assert_eq!(read(&series, 300, Statistic::Average, five_minutes), [Some(2.0)]);
        assert_eq!(read(&series, 360, Statistic::Average, five_minutes), [Some(3.0)]);
        assert_eq!(read(&series, 360, Statistic::Sum, five_minutes), [Some(15.0)]);
        assert_eq!(read(&series, 360, Statistic::Maximum, five_minutes), [Some(5.0)]);
        assert_eq!(read(&series, 360, Statistic::SampleCount, five_minutes), [Some(5.0)]);
    }

    #[test]
    fn minutes_of_a_high_resolution_metric_are_clock_minutes() {
        let series = counting(20, 10);
        let minutes = Span::new(MINUTE, 2);
        let average = |now| read(&series, now, Statistic::Average, minutes);
        assert_eq!(average(129), [Some(1.0), None]);
        assert_eq!(average(130), [Some(4.0), Some(1.0)]);
        assert_eq!(average(180), [Some(4.0), Some(1.0)]);
        assert_eq!(average(190), [Some(7.0), Some(4.0)]);
    }

    #[test]
    fn a_shorter_period_than_the_metrics_leaves_gaps() {
        let series = counting(60, 0);
        let span = Span::new(SimDuration::from_secs(20), 6);
        let expected = [None, None, Some(1.0), None, None, Some(0.0)];
        assert_eq!(read(&series, 120, Statistic::Average, span), expected);
        // Of points at 0, 20, 40 and 60 s, a slot of 30 s holds two or one.
        let thirty = Span::new(SimDuration::from_secs(30), 3);
        // At 90 s the point of 80 s is still to come.
        let high_resolution = counting(20, 0);
        let average = |now| read(&high_resolution, now, Statistic::Average, thirty);
        assert_eq!(average(90), [Some(2.0), Some(0.5), None]);
        assert_eq!(average(100), [Some(3.5), Some(2.0), Some(0.5)]);
    }

    #[test]
    fn late_points_are_gaps_only_if_asked() {
        let series = counting(60, 120);
        let span = Span { late_is_missing: true, ..Span::new(MINUTE, 4) };
        assert_eq!(
            read(&series, 300, Statistic::Average, span),
            [None, None, Some(2.0), Some(1.0)]
        );
        let patient = Span::new(MINUTE, 2);
        assert_eq!(read(&series, 300, Statistic::Average, patient), [Some(2.0), Some(1.0)]);
    }

    #[test]
    fn an_hourly_window_ends_with_the_last_full_hour() {
        let mut series = MetricSeries::new(MINUTE, SimDuration::ZERO, 200);
        for minute in 0..130_u32 {
            series.push(at(60 * u64::from(minute)), Some(f64::from(minute)));
        }
        let hour = SimDuration::from_secs(3600);
        let span = Span { grid: hour, ..Span::new(hour, 1) };
        assert_eq!(read(&series, 7800, Statistic::Maximum, span), [Some(119.0)]);
    }

    #[test]
    fn a_late_point_is_a_gap_until_it_comes() {
        let mut series = series(60);
        for minute in 0..5_u32 {
            series.push(at(60 * u64::from(minute)), Some(f64::from(minute)));
            if minute == 2 || minute == 3 {
                series.delay_newest(SimDuration::from_secs(120));
            }
        }
        // The third minute would be visible at 240 s and comes at 360 s, after the fifth.
        assert_eq!(values(&series, 240, 3), [None, Some(1.0), Some(0.0)]);
        assert_eq!(values(&series, 300, 3), [None, None, Some(1.0)]);
        assert_eq!(values(&series, 359, 3), [None, None, Some(1.0)]);
        assert_eq!(values(&series, 360, 4), [Some(4.0), None, Some(2.0), Some(1.0)]);
        assert_eq!(values(&series, 420, 4), [None, Some(4.0), Some(3.0), Some(2.0)]);
        let point = series.window(at(420), 3).nth(2).flatten().map(|point| point.visible_at);
        assert_eq!(point, Some(at(420)));
        // Whoever looks again only when something was published sees each of them come.
        let published = [240, 300, 359, 360, 420].map(|now| series.published(at(now)));
        assert_eq!(published, [3, 4, 4, 6, 8]);
    }

    #[test]
    fn percentiles_stay_with_their_slots() {
        let percentile = |text| {
            let percentile = super::super::statistic::Percentile::parse(text);
            Statistic::Percentile(percentile.expect("a percentile"))
        };
        let mut series = series(0);
        for text in ["p99", "p50"] {
            let Statistic::Percentile(it) = percentile(text) else { continue };
            series.watch_percentile(it.rank);
        }
        assert_eq!(series.ranks(), [50_000, 99_000]);
        for minute in 0..100_u32 {
            let value = f64::from(minute);
            let samples = StatisticSet::weighted(value, 10.0);
            let start = at(60 * u64::from(minute));
            series.record(
                start,
                samples.filter(|_| minute != 97).map(|set| {
                    // Two samples that differ.
                    set.merged(StatisticSet::of(value + 1.0).unwrap_or(set))
                }),
            );
            series.set_percentiles([Some(value + 0.5), Some(value + 0.99)]);
        }
        let read = |text, range| {
            let span = Span::new(MINUTE, range);
            read(&series, 6000, percentile(text), span)
        };
        assert_eq!(read("p99", 4), [Some(99.99), Some(98.99), None, Some(96.99)]);
        assert_eq!(read("p50", 2), [Some(99.5), Some(98.5)]);
        // Nobody asked for it before the first push; and of several slots it cannot be had.
        assert_eq!(read("p90", 1), [None]);
        let two = Span::new(SimDuration::from_secs(120), 1);
        assert_eq!(self::read(&series, 6000, percentile("p99"), two), [None]);
    }

    #[test]
    fn late_points_that_nobody_can_read_are_forgotten() {
        let mut series = series(0);
        for minute in 0..1000 {
            series.push(at(60 * minute), Some(1.0));
            series.delay_newest(SimDuration::from_secs(3600));
        }
        assert!(series.late.len() <= series.retained + 1, "{}", series.late.len());
        assert_eq!(series.published(at(200_000)), 200_000 / 60 + 1000);
    }

    #[test]
    fn other_periods_have_their_own_grid() {
        let mut series =
            MetricSeries::new(SimDuration::from_secs(20), SimDuration::from_secs(10), 3);
        for slot in 0..4_u32 {
            series.push(at(20 * u64::from(slot)), Some(f64::from(slot)));
        }
        assert_eq!(values(&series, 89, 2), [Some(2.0), Some(1.0)]);
        assert_eq!(values(&series, 90, 2), [Some(3.0), Some(2.0)]);
    }
}

//! Ticks: round values on value axes, round times in UTC on time axes.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::chart::AxisUnit;
use crate::number::{grouped, significant};

/// A value axis from its lower to its upper end.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ValueAxis {
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) ticks: Vec<f64>,
    pub(crate) logarithmic: bool,
}

impl ValueAxis {
    /// A linear axis that holds `low` to `high` with about `wanted` ticks.
    pub(crate) fn linear(low: f64, high: f64, wanted: usize) -> Self {
        let high = if high > low { high } else { low + low.abs().max(1.0) };
        let step = round_step((high - low) / wanted.max(1) as f64);
        let first = (low / step + 1e-9).floor();
        let last = (high / step - 1e-9).ceil();
        let count = (last - first).clamp(1.0, 100.0) as u32;
        let ticks: Vec<f64> = (0..=count).map(|k| (first + f64::from(k)) * step).collect();
        Self { low: first * step, high: last * step, ticks, logarithmic: false }
    }

    /// A logarithmic axis over whole decades; `low` must be positive.
    pub(crate) fn logarithmic(low: f64, high: f64) -> Self {
        let (mut bottom, mut top) = (1.0, 1.0);
        while bottom > low && bottom > 1e-9 {
            bottom /= 10.0;
        }
        while bottom * 10.0 <= low {
            bottom *= 10.0;
        }
        while top < high && top < 1e15 {
            top *= 10.0;
        }
        if top <= bottom {
            top = bottom * 10.0;
        }
        let mut ticks = vec![bottom];
        let mut tick = bottom;
        while tick * 1.001 < top {
            tick *= 10.0;
            ticks.push(tick);
        }
        Self { low: bottom, high: top, ticks, logarithmic: true }
    }

    /// Where `value` lies: 0 at the lower end, 1 at the upper.
    pub(crate) fn place(&self, value: f64) -> f64 {
        let place = if self.logarithmic {
            let log = |v: f64| libm::log10(v.max(self.low));
            (log(value) - log(self.low)) / (log(self.high) - log(self.low))
        } else {
            (value - self.low) / (self.high - self.low)
        };
        if place.is_finite() { place.clamp(0.0, 1.0) } else { 0.0 }
    }

    /// The text of a tick.
    pub(crate) fn label(&self, tick: f64, unit: AxisUnit) -> String {
        let largest = self.high.abs().max(self.low.abs());
        match unit {
            AxisUnit::Percent => format!("{} %", significant(tick, 6)),
            AxisUnit::Usd => {
                let step = self.ticks.get(1).map_or(1.0, |second| second - self.low);
                let places = if step >= 1.0 {
                    0
                } else if step >= 0.01 {
                    2
                } else {
                    5
                };
                let sign = if tick < 0.0 { "−" } else { "" };
                format!("{sign}${}", grouped(&format!("{:.places$}", tick.abs())))
            }
            AxisUnit::Millis if largest >= 20_000.0 && tick.abs() >= 1_000.0 => {
                format!("{} s", significant(tick / 1e3, 6))
            }
            AxisUnit::Millis => format!("{} ms", significant(tick, 6)),
            // Zero is zero in every unit.
            AxisUnit::Number if tick == 0.0 => "0".to_owned(),
            AxisUnit::Number if largest >= 5e9 => format!("{}G", significant(tick / 1e9, 6)),
            AxisUnit::Number if largest >= 5e6 => format!("{}M", significant(tick / 1e6, 6)),
            AxisUnit::Number if largest >= 2e4 => format!("{}k", significant(tick / 1e3, 6)),
            AxisUnit::Number => significant(tick, 6),
        }
    }
}

/// The smallest of 1, 2, 5 times a power of ten that is not below `step`.
fn round_step(step: f64) -> f64 {
    if !step.is_finite() || step <= 0.0 {
        return 1.0;
    }
    let mut power = 1.0;
    while power > step && power > 1e-12 {
        power /= 10.0;
    }
    while power * 10.0 <= step {
        power *= 10.0;
    }
    let fits = |factor: &&f64| **factor * power >= step * (1.0 - 1e-9);
    [1.0, 2.0, 5.0].iter().find(fits).copied().unwrap_or(10.0) * power
}

/// A tick of a time axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TimeTick {
    /// Seconds since 1970.
    pub(crate) at: i64,
    /// Its text.
    pub(crate) label: String,
}

/// Steps of a time axis in seconds, up to a week.
const STEPS: [i64; 17] = [
    1, 5, 15, 30, 60, 300, 900, 1_800, 3_600, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800,
    1_209_600, 2_419_200,
];

/// Seconds in a day.
const DAY: i64 = 86_400;

/// Ticks at round times in UTC within `length` seconds after `start`, at most `most` of them.
pub(crate) fn time_ticks(start: i64, length: f64, most: usize) -> Vec<TimeTick> {
    let most = most.max(2) as i64;
    let seconds = length.clamp(0.0, 1e11) as i64;
    let end = start.saturating_add(seconds);
    let step = STEPS.iter().copied().find(|step| seconds / step < most);
    let Some(step) = step else {
        return month_ticks(start, end, most);
    };
    // Weeks begin on Monday; 1970-01-01 was a Thursday.
    let origin = if step >= 604_800 { 4 * DAY } else { 0 };
    let mut at = origin + (start - origin).div_euclid(step) * step;
    if at < start {
        at += step;
    }
    let mut ticks = Vec::new();
    while at <= end {
        ticks.push(TimeTick { at, label: tick_label(at, step, ticks.is_empty()) });
        at += step;
    }
    ticks
}

fn tick_label(at: i64, step: i64, first: bool) -> String {
    let Ok(time) = Timestamp::from_second(at) else {
        return String::new();
    };
    let time = time.to_zoned(TimeZone::UTC);
    let midnight = at.rem_euclid(DAY) == 0;
    // A date where the day begins and at the first tick; a clock time in between.
    let form = if step >= DAY || (midnight && !first) {
        "%-d %b"
    } else if first && step >= 60 {
        "%-d %b %H:%M"
    } else if step >= 60 {
        "%H:%M"
    } else {
        "%H:%M:%S"
    };
    time.strftime(form).to_string()
}

fn month_ticks(start: i64, end: i64, most: i64) -> Vec<TimeTick> {
    let date = |seconds: i64| {
        Timestamp::from_second(seconds).map_or(Date::ZERO, |t| t.to_zoned(TimeZone::UTC).date())
    };
    let (first, last) = (date(start), date(end));
    let months = |d: Date| i64::from(d.year()) * 12 + i64::from(d.month()) - 1;
    let (from, to) = (months(first), months(last));
    let step =
        [1, 3, 6, 12, 24, 60, 120].into_iter().find(|s| (to - from) / s < most).unwrap_or(1_200);
    let mut ticks = Vec::new();
    let mut month = from.div_euclid(step) * step;
    while month <= to {
        let (year, number) = (month.div_euclid(12), month.rem_euclid(12) + 1);
        if let Ok(day) = Date::new(year as i16, number as i8, 1)
            && let Ok(at) = day.to_zoned(TimeZone::UTC)
            && at.timestamp().as_second() >= start
        {
            ticks.push(TimeTick {
                at: at.timestamp().as_second(),
                label: day.strftime("%b %Y").to_string(),
            });
        }
        month += step;
    }
    ticks
}

/// The days that a time axis covers, for its caption: `2–9 March 2026, UTC`.
pub(crate) fn time_caption(start: i64, length: f64) -> String {
    let end = start.saturating_add(length.clamp(0.0, 1e11) as i64);
    let (Ok(start), Ok(end)) = (Timestamp::from_second(start), Timestamp::from_second(end)) else {
        return "time (UTC)".to_owned();
    };
    let (from, to) = (start.to_zoned(TimeZone::UTC).date(), end.to_zoned(TimeZone::UTC).date());
    let span = if from == to {
        from.strftime("%-d %B %Y").to_string()
    } else if (from.year(), from.month()) == (to.year(), to.month()) {
        format!("{}–{}", from.day(), to.strftime("%-d %B %Y"))
    } else if from.year() == to.year() {
        format!("{} – {}", from.strftime("%-d %B"), to.strftime("%-d %B %Y"))
    } else {
        format!("{} – {}", from.strftime("%-d %B %Y"), to.strftime("%-d %B %Y"))
    };
    format!("time in UTC, {span}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MONDAY: i64 = 1_772_409_600;

    fn labels(start: i64, length: f64, most: usize) -> String {
        let ticks = time_ticks(start, length, most);
        ticks.into_iter().map(|tick| tick.label).collect::<Vec<_>>().join(" | ")
    }

    #[test]
    fn ticks_are_round_in_utc() {
        let day = 86_400.0;
        assert_eq!(
            labels(MONDAY, 7.0 * day, 8),
            "2 Mar | 3 Mar | 4 Mar | 5 Mar | 6 Mar | 7 Mar | 8 Mar | 9 Mar"
        );
        assert_eq!(labels(MONDAY, day, 6), "2 Mar 00:00 | 06:00 | 12:00 | 18:00 | 3 Mar");
        assert_eq!(labels(MONDAY + 90, 600.0, 6), "2 Mar 00:05 | 00:10");
        assert_eq!(
            labels(MONDAY, 46.0 * day, 8),
            "2 Mar | 9 Mar | 16 Mar | 23 Mar | 30 Mar | 6 Apr | 13 Apr"
        );
        assert_eq!(
            labels(MONDAY, 400.0 * day, 6),
            "Apr 2026 | Jul 2026 | Oct 2026 | Jan 2027 | Apr 2027"
        );
        assert_eq!(labels(MONDAY, 0.0, 6), "00:00:00");
    }

    #[test]
    fn value_ticks_are_round_and_cover_the_data() {
        let axis = ValueAxis::linear(0.0, 37.0, 5);
        assert_eq!(axis.ticks, [0.0, 10.0, 20.0, 30.0, 40.0]);
        let flat = ValueAxis::linear(3.0, 3.0, 5);
        assert!(flat.low <= 3.0);
        assert!(flat.high > 3.0);
        let log = ValueAxis::logarithmic(30.0, 61_000.0);
        assert_eq!(log.ticks.len(), 5);
        assert!((log.place(10.0)).abs() < 1e-9);
        assert!((log.place(1e5) - 1.0).abs() < 1e-9);
        assert!((log.place(1e3) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn labels_carry_their_unit() {
        let axis = ValueAxis::linear(0.0, 1.0, 5);
        assert_eq!(axis.label(0.2, AxisUnit::Usd), "$0.20");
        assert_eq!(axis.label(-0.2, AxisUnit::Usd), "−$0.20");
        assert_eq!(axis.label(40.0, AxisUnit::Percent), "40 %");
        assert_eq!(ValueAxis::linear(0.0, 60_000.0, 5).label(20_000.0, AxisUnit::Number), "20k");
        assert_eq!(ValueAxis::linear(0.0, 60_000.0, 5).label(20_000.0, AxisUnit::Millis), "20 s");
        assert_eq!(ValueAxis::linear(0.0, 60_000.0, 5).label(0.0, AxisUnit::Number), "0");
    }

    #[test]
    fn the_caption_names_the_days_once() {
        assert_eq!(time_caption(MONDAY, 7.0 * 86_400.0), "time in UTC, 2–9 March 2026");
        assert_eq!(time_caption(MONDAY, 60.0), "time in UTC, 2 March 2026");
        assert_eq!(time_caption(MONDAY, 46.0 * 86_400.0), "time in UTC, 2 March – 17 April 2026");
    }
}

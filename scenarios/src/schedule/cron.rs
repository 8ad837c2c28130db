//! The six-field cron dialect of AWS: `minute hour day-of-month month day-of-week year`.

mod crontab;

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::{ScheduleError, first_instant};

/// One field of the expression.
struct Field {
    name: &'static str,
    min: i16,
    max: i16,
    /// Names of the values from `min` on.
    names: &'static [&'static str],
    /// Whether `/` is allowed.
    steps: bool,
}

const MONTHS: &[&str] =
    &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: &[&str] = &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

const MINUTE: Field = Field { name: "minute", min: 0, max: 59, names: &[], steps: true };
const HOUR: Field = Field { name: "hour", min: 0, max: 23, names: &[], steps: true };
const DAY_OF_MONTH: Field =
    Field { name: "day-of-month", min: 1, max: 31, names: &[], steps: true };
const MONTH: Field = Field { name: "month", min: 1, max: 12, names: MONTHS, steps: true };
const DAY_OF_WEEK: Field =
    Field { name: "day-of-week", min: 1, max: 7, names: WEEKDAYS, steps: false };
const YEAR: Field = Field { name: "year", min: 1970, max: 2199, names: &[], steps: true };

/// Saturday, the meaning of a bare `L` as day of the week.
const SATURDAY: i16 = 7;
/// Sunday.
const SUNDAY: i16 = 1;

/// Before and after every instant that a year between 1970 and 2199 can contain in any zone.
const EARLIEST: i64 = -2 * 86_400;
const LATEST: i64 = 7_258_118_400 + 2 * 86_400;

/// A parsed expression.
#[derive(Clone, Debug)]
pub(super) struct Cron {
    minutes: BTreeSet<i16>,
    hours: BTreeSet<i16>,
    days: Days,
    months: BTreeSet<i16>,
    years: BTreeSet<i16>,
}

/// Which days match; the other of the two fields is `?`.
#[derive(Clone, Debug)]
enum Days {
    OfMonth {
        days: BTreeSet<i16>,
        /// `L`.
        last: bool,
        /// `nW`.
        nearest_weekday: BTreeSet<i16>,
    },
    OfWeek {
        /// 1 = Sunday.
        days: BTreeSet<i16>,
        /// `dL`.
        last: BTreeSet<i16>,
        /// `d#k`.
        nth: Option<(i16, i16)>,
    },
    /// In the five-field dialect, where no field is `?`.
    Crontab {
        of_month: BTreeSet<i16>,
        /// 1 = Sunday.
        of_week: BTreeSet<i16>,
        /// Whether one of the two is enough.
        either: bool,
    },
}

impl Cron {
    /// Reads the text between the parentheses, which begins at `offset` of the expression.
    pub(super) fn parse(text: &str, offset: usize) -> Result<Self, ScheduleError> {
        let fields: Vec<(&str, usize)> = words(text, offset).collect();
        let &[minute, hour, day_of_month, month, day_of_week, year] = fields.as_slice() else {
            let message = format!(
                "a cron expression has six fields (minute hour day-of-month month day-of-week year), \
                 not {}",
                fields.len()
            );
            return Err(ScheduleError::new(offset, message));
        };
        let days = match (day_of_month.0, day_of_week.0) {
            ("?", "?") => {
                let message = "day-of-month and day-of-week must not both be `?`";
                return Err(ScheduleError::new(day_of_week.1, message));
            }
            (_, "?") => days_of_month(day_of_month)?,
            ("?", _) => days_of_week(day_of_week)?,
            _ => {
                let message = "either day-of-month or day-of-week must be `?`";
                return Err(ScheduleError::new(day_of_week.1, message));
            }
        };
        Ok(Self {
            minutes: MINUTE.values(minute)?,
            hours: HOUR.values(hour)?,
            days,
            months: MONTH.values(month)?,
            years: YEAR.values(year)?,
        })
    }

    /// Calls `fire` for each instant in `[from, until)`, ascending.
    pub(super) fn expand<E>(
        &self,
        zone: &TimeZone,
        from: i64,
        until: i64,
        fire: &mut impl FnMut(i64) -> Result<(), E>,
    ) -> Result<(), E> {
        let local_date = |instant: i64| {
            let instant = Timestamp::from_second(instant.clamp(EARLIEST, LATEST)).ok()?;
            Some(instant.to_zoned(zone.clone()).date())
        };
        let (Some(first), Some(last)) = (local_date(from), local_date(until)) else {
            return Ok(());
        };
        // A day of margin: where clocks go back over midnight, a date is left and entered again.
        let mut date = first.yesterday().unwrap_or(first);
        let last = last.tomorrow().unwrap_or(last);
        while date <= last {
            if self.matches(date) {
                for &hour in &self.hours {
                    for &minute in &self.minutes {
                        // Both fit: the fields are at most 59.
                        let local = date.at(hour as i8, minute as i8, 0, 0);
                        let instant = first_instant(local, zone);
                        if let Some(instant) = instant.filter(|it| (from..until).contains(it)) {
                            fire(instant)?;
                        }
                    }
                }
            }
            let Ok(next) = date.tomorrow() else { break };
            date = next;
        }
        Ok(())
    }

    fn matches(&self, date: Date) -> bool {
        self.years.contains(&date.year())
            && self.months.contains(&i16::from(date.month()))
            && self.days.matches(date)
    }
}

impl Days {
    fn matches(&self, date: Date) -> bool {
        let day = i16::from(date.day());
        let length = i16::from(date.days_in_month());
        let weekday = i16::from(date.weekday().to_sunday_one_offset());
        match self {
            Self::OfMonth { days, last, nearest_weekday } => {
                days.contains(&day)
                    || (*last && day == length)
                    || nearest_weekday
                        .iter()
                        .any(|&near| weekday_nearest(date, near, length) == Some(day))
            }
            Self::OfWeek { days, last, nth } => {
                days.contains(&weekday)
                    || (last.contains(&weekday) && day + 7 > length)
                    || *nth == Some((weekday, (day - 1) / 7 + 1))
            }
            Self::Crontab { of_month, of_week, either } => {
                let matches = (of_month.contains(&day), of_week.contains(&weekday));
                if *either { matches.0 || matches.1 } else { matches.0 && matches.1 }
            }
        }
    }
}

/// The weekday (Monday to Friday) nearest to day `near` of the month of `date`, which has `length` days,
/// without leaving the month; `None` if the month has no such day.
fn weekday_nearest(date: Date, near: i16, length: i16) -> Option<i16> {
    if near > length {
        return None;
    }
    let first = i16::from(date.first_of_month().weekday().to_sunday_one_offset());
    let weekday = (first - 1 + near - 1) % 7 + 1;
    Some(match weekday {
        SATURDAY if near > 1 => near - 1,
        SATURDAY => near + 2,
        SUNDAY if near < length => near + 1,
        SUNDAY => near - 2,
        _ => near,
    })
}

fn days_of_month((text, offset): (&str, usize)) -> Result<Days, ScheduleError> {
    let field = DAY_OF_MONTH;
    let (mut days, mut nearest_weekday, mut last) = (BTreeSet::new(), BTreeSet::new(), false);
    for (term, offset) in terms(text, offset) {
        if term == "L" {
            last = true;
        } else if let Some(day) = term.strip_suffix('W') {
            nearest_weekday.insert(field.value(day, offset)?);
        } else {
            field.add_term(term, offset, &mut days)?;
        }
    }
    Ok(Days::OfMonth { days, last, nearest_weekday })
}

fn days_of_week((text, offset): (&str, usize)) -> Result<Days, ScheduleError> {
    let field = DAY_OF_WEEK;
    let (mut days, mut last, mut nth) = (BTreeSet::new(), BTreeSet::new(), None);
    for (term, offset) in terms(text, offset) {
        if term == "L" {
            days.insert(SATURDAY);
        } else if let Some(day) = term.strip_suffix('L') {
            last.insert(field.value(day, offset)?);
        } else if let Some((day, which)) = term.split_once('#') {
            if nth.is_some() {
                return Err(ScheduleError::new(offset, "only one `#` term is allowed"));
            }
            let week =
                Field { name: "week of the month", min: 1, max: 5, names: &[], steps: false };
            let which = week.value(which, offset + day.len() + 1)?;
            nth = Some((field.value(day, offset)?, which));
        } else {
            field.add_term(term, offset, &mut days)?;
        }
    }
    Ok(Days::OfWeek { days, last, nth })
}

impl Field {
    fn values(&self, (text, offset): (&str, usize)) -> Result<BTreeSet<i16>, ScheduleError> {
        let mut values = BTreeSet::new();
        for (term, offset) in terms(text, offset) {
            self.add_term(term, offset, &mut values)?;
        }
        Ok(values)
    }

    /// Adds the values of `*`, `a`, `a-b`, or one of them with `/step`.
    fn add_term(
        &self,
        term: &str,
        offset: usize,
        values: &mut BTreeSet<i16>,
    ) -> Result<(), ScheduleError> {
        let (base, step) = match term.split_once('/') {
            Some((base, step)) if self.steps => {
                (base, Some(self.step(step, offset + base.len() + 1)?))
            }
            _ => (term, None),
        };
        let (first, last) = if base == "*" {
            (self.min, self.max)
        } else if let Some((first, last)) = base.split_once('-') {
            let at_last = offset + first.len() + 1;
            let (first, last) = (self.value(first, offset)?, self.value(last, at_last)?);
            if first > last {
                let message = format!("`{base}` in {} ends before it begins", self.name);
                return Err(ScheduleError::new(offset, message));
            }
            (first, last)
        } else {
            let first = self.value(base, offset)?;
            // `a/s` runs from a to the end of the field.
            (first, if step.is_some() { self.max } else { first })
        };
        values.extend((first..=last).step_by(step.unwrap_or(1)));
        Ok(())
    }

    fn step(&self, text: &str, offset: usize) -> Result<usize, ScheduleError> {
        number(text)
            .filter(|step| (1..=self.max).contains(step))
            .map(i16::cast_unsigned)
            .map_or_else(
                || {
                    let message =
                        format!("`{text}` is not a step for {} (1 to {})", self.name, self.max);
                    Err(ScheduleError::new(offset, message))
                },
                |step| Ok(usize::from(step)),
            )
    }

    fn value(&self, text: &str, offset: usize) -> Result<i16, ScheduleError> {
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let value = match named {
            Some(index) => i16::try_from(index).ok().map(|index| self.min + index),
            None => number(text).filter(|value| (self.min..=self.max).contains(value)),
        };
        value.ok_or_else(|| {
            let names = match (self.names.first(), self.names.last()) {
                (Some(first), Some(last)) => format!(" or {first} to {last}"),
                _ => String::new(),
            };
            let message = format!(
                "`{text}` is not a value for {} ({} to {}{names})",
                self.name, self.min, self.max
            );
            ScheduleError::new(offset, message)
        })
    }
}

/// Decimal digits only, without a sign.
fn number(text: &str) -> Option<i16> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Words and their offsets.
fn words(text: &str, offset: usize) -> impl Iterator<Item = (&str, usize)> {
    pieces(text, offset, ' ').filter(|(word, _)| !word.is_empty())
}

/// Comma-separated terms and their offsets.
fn terms(text: &str, offset: usize) -> impl Iterator<Item = (&str, usize)> {
    pieces(text, offset, ',')
}

fn pieces(text: &str, offset: usize, separator: char) -> impl Iterator<Item = (&str, usize)> {
    text.split(separator).scan(offset, |next, piece| {
        let begin = *next;
        *next += piece.len() + 1;
        Some((piece, begin))
    })
}

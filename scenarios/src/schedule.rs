//! AWS schedule expressions: `at(...)`, `rate(...)` and six-field `cron(...)`, and the five-field
//! recurrences of Auto Scaling groups, expanded to instants.
//!
//! Source: the Application Auto Scaling and EventBridge Scheduler guides. Application Auto Scaling
//! says little about daylight saving time; EventBridge Scheduler, whose dialect is the same, says that
//! a local time that does not exist is skipped, that a repeated one fires once, on its first
//! occurrence, and that a rate is a fixed length. These rules hold here.
//!
//! Time zones come from the database that is compiled in, so that a scenario means the same on every
//! machine. The evaluator is our own: the AWS dialect (1 = Sunday, mandatory `?`, `L`, `W`, `#`, years)
//! together with these rules is not what general cron libraries compute.

mod cron;
#[cfg(test)]
mod tests;

use std::fmt;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};

use cron::Cron;

/// Most firings of one schedule in one run.
pub const MAX_FIRINGS: usize = 100_000;

/// A schedule expression that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleError {
    /// What is wrong, in lower case and without a full stop.
    pub message: String,
    /// Byte offset of the offending part within the expression (or within the name of the zone).
    pub offset: usize,
}

impl ScheduleError {
    fn new(offset: usize, message: impl Into<String>) -> Self {
        Self { message: message.into(), offset }
    }
}

impl fmt::Display for ScheduleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ScheduleError {}

/// A schedule that fires more often than the limit allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyFirings {
    /// The limit.
    pub limit: usize,
}

impl fmt::Display for TooManyFirings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the schedule fires more than {} times during the run", self.limit)
    }
}

impl std::error::Error for TooManyFirings {}

/// A schedule expression together with its time zone.
#[derive(Clone, Debug)]
pub struct Schedule {
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    /// `at`: one instant, in seconds since 1970.
    Once(i64),
    /// `rate`: a fixed number of seconds.
    Every(i64),
    /// `cron`, in local time.
    Cron(Box<Cron>, TimeZone),
}

/// The time zone of an IANA name, for example `Europe/Berlin`.
///
/// # Errors
/// If the database has no zone of that name.
pub fn time_zone(name: &str) -> Result<TimeZone, ScheduleError> {
    TimeZoneDatabase::bundled()
        .get(name)
        .map_err(|_| ScheduleError::new(0, format!("unknown time zone `{name}`")))
}

/// Reads a schedule expression. `zone` is an IANA name and applies to `at` and `cron`.
///
/// # Errors
/// If the expression is not one that AWS accepts, if the zone is unknown, or if the local time of an
/// `at` does not exist in its zone.
pub fn parse(expression: &str, zone: &str) -> Result<Schedule, ScheduleError> {
    let zone = time_zone(zone)?;
    let (name, arguments) = call(expression)?;
    let offset = name.len() + 1;
    let kind = match name {
        "at" => Kind::Once(at(arguments, offset, &zone)?),
        "rate" => Kind::Every(rate(arguments, offset)?),
        "cron" => Kind::Cron(Box::new(Cron::parse(arguments, offset)?), zone),
        _ => {
            let message = format!("`{name}` is not a kind of schedule; use `at`, `rate` or `cron`");
            return Err(ScheduleError::new(0, message));
        }
    };
    Ok(Schedule { kind })
}

/// Reads a recurrence of a scheduled action of an Auto Scaling group: five fields as in crontab(5). `zone`
/// is an IANA name.
///
/// # Errors
/// If it is no such expression, or if the zone is unknown.
pub fn parse_recurrence(expression: &str, zone: &str) -> Result<Schedule, ScheduleError> {
    let cron = Cron::parse_crontab(expression)?;
    Ok(Schedule { kind: Kind::Cron(Box::new(cron), time_zone(zone)?) })
}

impl Schedule {
    /// The schedule of one instant, in seconds since 1970.
    pub fn once(instant: i64) -> Self {
        Self { kind: Kind::Once(instant) }
    }

    /// The instants in `[from_unix, until_unix)` at which the schedule fires, ascending, in seconds
    /// since 1970. A rate counts from `from_unix`, where it fires first.
    ///
    /// # Errors
    /// If there are more than `limit`, or more than [`MAX_FIRINGS`].
    pub fn firings(
        &self,
        from_unix: i64,
        until_unix: i64,
        limit: usize,
    ) -> Result<Vec<i64>, TooManyFirings> {
        let limit = limit.min(MAX_FIRINGS);
        let mut firings = Vec::new();
        let mut fire = |instant: i64| {
            if firings.len() == limit {
                return Err(TooManyFirings { limit });
            }
            firings.push(instant);
            Ok(())
        };
        match &self.kind {
            Kind::Once(instant) => {
                if (from_unix..until_unix).contains(instant) {
                    fire(*instant)?;
                }
            }
            Kind::Every(seconds) => {
                let mut instant = from_unix;
                while instant < until_unix {
                    fire(instant)?;
                    instant = instant.saturating_add(*seconds);
                }
            }
            Kind::Cron(cron, zone) => cron.expand(zone, from_unix, until_unix, &mut fire)?,
        }
        Ok(firings)
    }

    /// Like [`firings`](Self::firings) for an action with a `StartTime` at `start_unix`: AWS runs it then
    /// and afterwards by its recurrence. A recurrence that falls on the start runs once.
    ///
    /// # Errors
    /// As [`firings`](Self::firings).
    pub fn firings_from_start_time(
        &self,
        start_unix: i64,
        until_unix: i64,
        limit: usize,
    ) -> Result<Vec<i64>, TooManyFirings> {
        let limit = limit.min(MAX_FIRINGS);
        let mut firings = self.firings(start_unix, until_unix, limit)?;
        let recurs = !matches!(self.kind, Kind::Once(_));
        if recurs && start_unix < until_unix && firings.first() != Some(&start_unix) {
            if firings.len() == limit {
                return Err(TooManyFirings { limit });
            }
            firings.insert(0, start_unix);
        }
        Ok(firings)
    }
}

/// Splits `name(arguments)`.
fn call(expression: &str) -> Result<(&str, &str), ScheduleError> {
    let malformed = |offset| {
        ScheduleError::new(offset, "a schedule has the form `at(...)`, `rate(...)` or `cron(...)`")
    };
    let (name, rest) = expression.split_once('(').ok_or_else(|| malformed(0))?;
    let arguments = rest.strip_suffix(')').ok_or_else(|| malformed(expression.len()))?;
    Ok((name, arguments))
}

/// `yyyy-mm-ddThh:mm:ss` in the zone's local time, as seconds since 1970.
fn at(text: &str, offset: usize, zone: &TimeZone) -> Result<i64, ScheduleError> {
    const FORM: &str = "%Y-%m-%dT%H:%M:%S";
    let local =
        DateTime::strptime(FORM, text).ok().filter(|_| text.len() == 19).ok_or_else(|| {
            ScheduleError::new(
                offset,
                format!("`{text}` is not a time of the form `yyyy-mm-ddThh:mm:ss`"),
            )
        })?;
    first_instant(local, zone).ok_or_else(|| {
        ScheduleError::new(
            offset,
            format!("the local time `{text}` does not exist in its time zone"),
        )
    })
}

/// `value unit`, as seconds.
fn rate(text: &str, offset: usize) -> Result<i64, ScheduleError> {
    let malformed = || {
        let message = format!("`{text}` is not a rate such as `5 minutes`, `1 hour` or `2 days`");
        ScheduleError::new(offset, message)
    };
    let (value, unit) = text.split_once(' ').ok_or_else(malformed)?;
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let count: u32 = value.parse().ok().filter(|_| is_number).ok_or_else(malformed)?;
    let (singular, seconds) = match unit {
        "minute" | "minutes" => ("minute", 60),
        "hour" | "hours" => ("hour", 3600),
        "day" | "days" => ("day", 86_400),
        _ => return Err(malformed()),
    };
    if count == 0 {
        return Err(ScheduleError::new(offset, "the value of a rate must be positive"));
    }
    if (unit == singular) != (count == 1) {
        let plural = if count == 1 { "" } else { "s" };
        let message = format!("a rate of {count} takes the unit `{singular}{plural}`");
        return Err(ScheduleError::new(offset + value.len() + 1, message));
    }
    Ok(i64::from(count) * seconds)
}

/// The instant of a local time: the first one if it is repeated, `None` if it does not exist.
fn first_instant(local: DateTime, zone: &TimeZone) -> Option<i64> {
    let offset = match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset,
        AmbiguousOffset::Gap { .. } => return None,
        AmbiguousOffset::Fold { before, .. } => before,
    };
    offset.to_timestamp(local).ok().map(Timestamp::as_second)
}

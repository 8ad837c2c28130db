//! The five-field cron of Unix, in which Auto Scaling groups write recurrences: `minute hour
//! day-of-month month day-of-week`.
//!
//! Source: EC2 Auto Scaling user guide, *Scheduled scaling*, which points to crontab(5). Sunday is 0 and 7, so
//! that 2 is Tuesday here and Monday in the six-field dialect. If both kinds of days are restricted, a
//! day matches that either of them names; a field that begins with `*` restricts nothing.

use std::collections::BTreeSet;

use super::{Cron, DAY_OF_MONTH, Days, Field, HOUR, MINUTE, MONTH, ScheduleError, WEEKDAYS, terms};
use super::{YEAR, words};

/// Sunday is 0 and 7.
const DAY_OF_WEEK: Field =
    Field { name: "day-of-week", min: 0, max: 7, names: WEEKDAYS, steps: true };

impl Cron {
    /// Reads a recurrence.
    pub(in crate::schedule) fn parse_crontab(text: &str) -> Result<Self, ScheduleError> {
        let fields: Vec<(&str, usize)> = words(text, 0).collect();
        let &[minute, hour, day_of_month, month, day_of_week] = fields.as_slice() else {
            let message = format!(
                "a recurrence has five fields (minute hour day-of-month month day-of-week), not {}",
                fields.len()
            );
            return Err(ScheduleError::new(0, message));
        };
        let of_month = values(&DAY_OF_MONTH, day_of_month)?;
        let of_week = values(&DAY_OF_WEEK, day_of_week)?;
        let restricted = |field: &str| !field.starts_with('*');
        Ok(Self {
            minutes: values(&MINUTE, minute)?,
            hours: values(&HOUR, hour)?,
            days: Days::Crontab {
                of_month,
                // 1 = Sunday, as in the other dialect.
                of_week: of_week.into_iter().map(|day| day % 7 + 1).collect(),
                either: restricted(day_of_month.0) && restricted(day_of_week.0),
            },
            months: values(&MONTH, month)?,
            years: (YEAR.min..=YEAR.max).collect(),
        })
    }
}

/// The values of a field: `*`, `a`, `a-b`, lists of them, and steps of `*` and of ranges.
fn values(field: &Field, (text, offset): (&str, usize)) -> Result<BTreeSet<i16>, ScheduleError> {
    let mut values = BTreeSet::new();
    for (term, offset) in terms(text, offset) {
        if let Some((base, _)) = term.split_once('/')
            && base != "*"
            && !base.contains('-')
        {
            let message = format!("in a recurrence a step follows `*` or a range, not `{base}`");
            return Err(ScheduleError::new(offset, message));
        }
        field.add_term(term, offset, &mut values)?;
    }
    Ok(values)
}

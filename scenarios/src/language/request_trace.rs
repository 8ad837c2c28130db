//! Request traces: requests per interval, in time order.

use std::path::PathBuf;

use super::raw::load::{Gaps, TimeUnit};
use super::trace::{MAX_ROWS, Table, TraceError};

/// How a request trace is to be read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RequestTraceOptions {
    /// File.
    pub path: PathBuf,
    /// Column with the values; the only or last column if absent.
    pub column: Option<String>,
    /// Column with the start of each interval.
    pub time_column: Option<String>,
    /// Unit of numeric times.
    pub time_unit: TimeUnit,
    /// Length of an interval in nanoseconds, if given.
    pub interval: Option<u64>,
    /// What a missing interval means.
    pub gaps: Gaps,
}

/// A request trace in memory.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RequestTrace {
    /// Length of an interval in nanoseconds.
    pub interval: u64,
    /// Value of each interval from the first on.
    pub values: Vec<f64>,
}

/// Interval of a trace that does not say.
const DEFAULT_INTERVAL: u64 = 60_000_000_000;

/// Reads a request trace.
///
/// # Errors
/// The first row that is not as promised.
pub(crate) fn read(options: &RequestTraceOptions) -> Result<RequestTrace, TraceError> {
    let mut table = Table::open(&options.path)?;
    let time = options.time_column.as_deref().map(|name| table.column(name)).transpose()?;
    let value = match &options.column {
        Some(name) => table.column(name)?,
        None => table.only_value_column(time)?,
    };
    let mut interval = options.interval;
    let mut values: Vec<f64> = Vec::new();
    let mut first: Option<i128> = None;
    while table.next()? {
        let amount = table.amount(value)?;
        if let Some(time) = time {
            let at = table.instant(time, options.time_unit)?;
            match first {
                None => first = Some(at),
                Some(start) => {
                    let interval = learn_interval(&mut interval, at - start, table.line())?;
                    fill(&mut values, at - start, interval, options.gaps, table.line())?;
                }
            }
        }
        values.push(amount);
    }
    if values.is_empty() {
        return Err(TraceError::file("the trace is empty: it has no rows"));
    }
    let interval = interval.unwrap_or(DEFAULT_INTERVAL);
    Ok(RequestTrace { interval, values })
}

/// The interval, from the distance of the first two times if it is not given.
fn learn_interval(
    interval: &mut Option<u64>,
    since_start: i128,
    line: u64,
) -> Result<u64, TraceError> {
    if let Some(known) = *interval {
        return Ok(known);
    }
    let learnt = u64::try_from(since_start).ok().filter(|nanos| *nanos != 0);
    *interval = learnt;
    learnt.ok_or_else(|| TraceError::row(line, "the times do not increase"))
}

/// Checks that a row at `since_start` is the next one; fills missing intervals if that is wanted.
fn fill(
    values: &mut Vec<f64>,
    since_start: i128,
    interval: u64,
    gaps: Gaps,
    line: u64,
) -> Result<(), TraceError> {
    let interval = i128::from(interval);
    let expected = values.len() as i128 * interval;
    if since_start < expected {
        return Err(TraceError::row(
            line,
            "the times do not increase, or by less than the interval",
        ));
    }
    if since_start == expected {
        return Ok(());
    }
    let missing = (since_start - expected) / interval;
    match gaps {
        Gaps::Error => Err(TraceError::row(
            line,
            "an interval is missing before this row; `gaps: zero` counts it as no requests",
        )),
        Gaps::Zero if since_start % interval != 0 => {
            Err(TraceError::row(line, "the time is not a multiple of the interval after the first"))
        }
        Gaps::Zero if MAX_ROWS as i128 <= values.len() as i128 + missing => Err(TraceError::row(
            line,
            format!("the gap makes the trace longer than {MAX_ROWS} rows"),
        )),
        Gaps::Zero => {
            values.resize(values.len() + missing as usize, 0.0);
            Ok(())
        }
    }
}

impl Table {
    /// The value column of a trace that names none: the only one beside the time.
    fn only_value_column(&self, time: Option<usize>) -> Result<usize, TraceError> {
        let columns = self.columns();
        let others: Vec<usize> =
            (0..columns.len()).filter(|column| Some(*column) != time).collect();
        match others.as_slice() {
            [one] => Ok(*one),
            _ => Err(TraceError {
                line: 1,
                message: "the trace has more than one column; say which with `column`".to_owned(),
                known: columns.to_vec(),
            }),
        }
    }
}

//! Traces of single requests: one arrival instant per row, in time order.

use std::path::PathBuf;
use std::sync::Arc;

use plimsoll_core::units::SimTime;

use super::raw::load::TimeUnit;
use super::trace::{Table, TraceError};

/// How a trace of arrival instants is to be read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ArrivalTimesOptions {
    /// File.
    pub path: PathBuf,
    /// Column with the instants; the only one if absent.
    pub column: Option<String>,
    /// Unit of numeric instants, which count from the start of the run.
    pub unit: TimeUnit,
    /// Start of the run in seconds since 1970, from which dated instants are taken off.
    pub start: i64,
}

/// Reads a trace of arrival instants.
///
/// # Errors
/// The first row that is not as promised.
pub(crate) fn read(options: &ArrivalTimesOptions) -> Result<Arc<[SimTime]>, TraceError> {
    let mut table = Table::open(&options.path)?;
    let column = match (&options.column, table.columns()) {
        (Some(name), _) => table.column(name)?,
        (None, [_]) => 0,
        (None, columns) => {
            return Err(TraceError {
                line: 1,
                message: "the trace has more than one column; say which with `timeColumn`".into(),
                known: columns.to_vec(),
            });
        }
    };
    let start = i128::from(options.start) * 1_000_000_000;
    let mut times: Vec<SimTime> = Vec::new();
    while table.next()? {
        let dated = table.is_dated(column);
        let at = table.instant(column, options.unit)? - if dated { start } else { 0 };
        let at = u64::try_from(at).map_err(|_| {
            TraceError::row(table.line(), "the request arrives before the start of the run")
        })?;
        let at = SimTime::from_nanos(at);
        if times.last().is_some_and(|last| at < *last) {
            return Err(TraceError::row(table.line(), "the times are not in order"));
        }
        times.push(at);
    }
    if times.is_empty() {
        return Err(TraceError::file("the trace is empty: it has no rows"));
    }
    Ok(times.into())
}

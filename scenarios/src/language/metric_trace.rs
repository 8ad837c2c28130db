//! Traces of metrics: one value per period.

use std::path::PathBuf;

use plimsoll_core::metrics::MetricTrace;

use super::trace::{MAX_ROWS, Table, TraceError};
use super::tree::shorten;

/// How a metric trace is to be read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MetricTraceOptions {
    /// File.
    pub path: PathBuf,
    /// Column of the values.
    pub column: String,
    /// Whether the values begin anew after their end.
    pub repeats: bool,
}

/// Reads the values.
///
/// # Errors
/// The first row that has no number.
pub(crate) fn read(options: &MetricTraceOptions) -> Result<MetricTrace, TraceError> {
    let mut table = Table::open(&options.path)?;
    let column = table.column(&options.column)?;
    let mut values = Vec::new();
    while table.next()? {
        let empty = table.empty_rows() as usize;
        if MAX_ROWS < values.len().saturating_add(empty) {
            return Err(TraceError::file(format!("the trace has more than {MAX_ROWS} rows")));
        }
        values.resize(values.len() + empty, None);
        let text = table.text(column);
        if text.is_empty() {
            values.push(None);
            continue;
        }
        let value = text.parse().ok().filter(|value: &f64| value.is_finite());
        let Some(value) = value else {
            let name = shorten(&options.column);
            let message = format!("column `{name}`: `{}` is not a number", shorten(text));
            return Err(TraceError::row(table.line(), message));
        };
        values.push(Some(value));
    }
    if values.is_empty() {
        return Err(TraceError::file("the trace has no rows"));
    }
    Ok(MetricTrace { values, repeats: options.repeats })
}

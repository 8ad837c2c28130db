//! Traces in CSV, plain or gzip, read within limits and refused with file and line.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use super::raw::load::TimeUnit;
use super::source::describe_io;
use super::tree::shorten;

/// Bytes of a trace at most, after decompression.
pub(crate) const MAX_BYTES: u64 = 1 << 30;
/// Rows of a trace at most.
pub(crate) const MAX_ROWS: usize = 20_000_000;
/// Bytes of one row at most: a file without line ends is not a trace.
const MAX_ROW_BYTES: usize = 1 << 20;

/// What is wrong with a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TraceError {
    /// 1-based line, 0 for the file as a whole.
    pub line: u64,
    /// What is wrong, for a message.
    pub message: String,
    /// Names that could have been meant.
    pub known: Vec<String>,
}

impl TraceError {
    pub(super) fn file(message: impl Into<String>) -> Self {
        Self { line: 0, message: message.into(), known: Vec::new() }
    }

    pub(super) fn row(line: u64, message: impl Into<String>) -> Self {
        Self { line, message: message.into(), known: Vec::new() }
    }
}

/// A trace that is being read.
pub(super) struct Table {
    reader: csv::Reader<Box<dyn Read>>,
    headers: Vec<String>,
    record: csv::StringRecord,
    rows: usize,
}

/// Ends the stream after a number of bytes, with an error rather than quietly.
struct Bounded<R> {
    inner: R,
    left: u64,
    since_line_end: usize,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(count as u64).ok_or_else(|| {
            std::io::Error::other(format!("the trace is longer than {} MiB", MAX_BYTES >> 20))
        })?;
        let bytes = &buffer[..count];
        self.since_line_end = match bytes.iter().rposition(|byte| *byte == b'\n') {
            Some(last) => count - last,
            None => self.since_line_end + count,
        };
        if MAX_ROW_BYTES < self.since_line_end {
            return Err(std::io::Error::other("a line is longer than 1 MiB"));
        }
        Ok(count)
    }
}

impl Table {
    /// Opens a file and reads its first line as the names of the columns.
    pub(super) fn open(path: &Path) -> Result<Self, TraceError> {
        let describe = |error: std::io::Error| TraceError::file(describe_io(&error));
        let metadata = std::fs::metadata(path).map_err(describe)?;
        if metadata.is_dir() {
            return Err(TraceError::file("this is a folder, not a file"));
        }
        if MAX_BYTES < metadata.len() {
            let message = format!("the trace is longer than {} MiB", MAX_BYTES >> 20);
            return Err(TraceError::file(message));
        }
        let file = BufReader::new(File::open(path).map_err(describe)?);
        let gzip = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
        let stream: Box<dyn Read> =
            if gzip { Box::new(flate2::read::MultiGzDecoder::new(file)) } else { Box::new(file) };
        let bounded = Bounded { inner: stream, left: MAX_BYTES, since_line_end: 0 };
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            // A last line without an end would be hard to tell from one after an empty line.
            .from_reader(Box::new(bounded.chain(&b"\n"[..])) as Box<dyn Read>);
        let headers: Vec<String> = reader
            .headers()
            .map_err(|error| csv_error(&error))?
            .iter()
            .map(|name| name.trim_start_matches('\u{feff}').to_owned())
            .collect();
        if headers.iter().all(String::is_empty) {
            return Err(TraceError::file("the trace is empty"));
        }
        Ok(Self { reader, headers, record: csv::StringRecord::new(), rows: 0 })
    }

    /// Position of the column called `name`.
    pub(super) fn column(&self, name: &str) -> Result<usize, TraceError> {
        self.find(name).ok_or_else(|| TraceError {
            line: 1,
            message: format!("the trace has no column `{}`", shorten(name)),
            known: self.headers.clone(),
        })
    }

    /// Position of the column called `name`, if there is one.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.headers.iter().position(|header| header == name)
    }

    /// Names of the columns.
    pub(super) fn columns(&self) -> &[String] {
        &self.headers
    }

    /// Reads the next row; false at the end.
    pub(super) fn next(&mut self) -> Result<bool, TraceError> {
        let more = self.reader.read_record(&mut self.record).map_err(|error| csv_error(&error))?;
        self.rows += usize::from(more);
        if MAX_ROWS < self.rows {
            return Err(TraceError::file(format!("the trace has more than {MAX_ROWS} rows")));
        }
        Ok(more)
    }

    /// Line of the current row.
    pub(super) fn line(&self) -> u64 {
        self.record.position().map_or(0, csv::Position::line)
    }

    /// Empty lines before the current row, which are rows with an empty value if there is one column.
    pub(super) fn empty_rows(&self) -> u64 {
        let start = self.record.position().map_or(0, csv::Position::line);
        let lines = self.reader.position().line().saturating_sub(start);
        if self.headers.len() == 1 { lines.saturating_sub(1) } else { 0 }
    }

    /// Text of a column of the current row.
    pub(super) fn text(&self, column: usize) -> &str {
        self.record.get(column).unwrap_or("")
    }

    /// A finite number that is not negative.
    pub(super) fn amount(&self, column: usize) -> Result<f64, TraceError> {
        let text = self.text(column);
        let name = &self.headers[column];
        let value: f64 = text.parse().map_err(|_| {
            let message = match text {
                "" => format!("column `{name}` is empty"),
                _ => format!("column `{name}`: `{}` is not a number", shorten(text)),
            };
            TraceError::row(self.line(), message)
        })?;
        if !value.is_finite() {
            let message = format!("column `{name}`: `{text}` is not a finite number");
            return Err(TraceError::row(self.line(), message));
        }
        if value < 0.0 {
            let message = format!("column `{name}`: `{text}` is negative");
            return Err(TraceError::row(self.line(), message));
        }
        Ok(value)
    }

    /// Whether a column of the current row holds a date with time, not a number.
    pub(super) fn is_dated(&self, column: usize) -> bool {
        timestamp(self.text(column)).is_some()
    }

    /// An instant in nanoseconds: a number in `unit`, or a date with time.
    pub(super) fn instant(&self, column: usize, unit: TimeUnit) -> Result<i128, TraceError> {
        let text = self.text(column);
        if let Some(instant) = timestamp(text) {
            return Ok(instant);
        }
        let nanos = self.amount(column)? * unit_nanos(unit) as f64;
        // 10^28 nanoseconds are far beyond any run; sums cannot overflow.
        if 1e28 < nanos {
            let message = format!("column `{}`: `{text}` is too large", self.headers[column]);
            return Err(TraceError::row(self.line(), message));
        }
        Ok((nanos + 0.5) as i128)
    }
}

/// Nanoseconds of a unit of time.
pub(super) fn unit_nanos(unit: TimeUnit) -> u64 {
    match unit {
        TimeUnit::Milliseconds => 1_000_000,
        TimeUnit::Seconds => 1_000_000_000,
        TimeUnit::Minutes => 60_000_000_000,
        TimeUnit::Hours => 3_600_000_000_000,
    }
}

/// Nanoseconds since 1970 of an RFC 3339 time, or of a civil time, which is taken as UTC.
fn timestamp(text: &str) -> Option<i128> {
    // Numbers are by far the most frequent: decide by the separator of the date.
    if text.len() < 16 || text.as_bytes()[4] != b'-' {
        return None;
    }
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        return Some(instant.as_nanosecond());
    }
    let civil: jiff::civil::DateTime = text.parse().ok()?;
    Some(civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_nanosecond())
}

fn csv_error(error: &csv::Error) -> TraceError {
    let line = error.position().map_or(0, csv::Position::line);
    match error.kind() {
        csv::ErrorKind::Io(error) => TraceError::file(describe_io(error)),
        csv::ErrorKind::Utf8 { .. } => TraceError::row(line, "the row is not UTF-8 text"),
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => TraceError::row(
            line,
            format!("the row has {len} columns, the first line has {expected_len}"),
        ),
        _ => TraceError::row(line, "the row is not valid CSV"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_as_dates_with_and_without_zone() {
        assert_eq!(timestamp("1970-01-01T00:01:00Z"), Some(60_000_000_000));
        assert_eq!(timestamp("1970-01-01T00:01"), Some(60_000_000_000));
        assert_eq!(timestamp("1970-01-01 00:01:00"), Some(60_000_000_000));
        assert_eq!(timestamp("12345.5"), None);
    }
}

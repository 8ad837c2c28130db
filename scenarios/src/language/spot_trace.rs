//! Traces of Spot: recorded capacity of a pool, and prices.

use std::path::PathBuf;
use std::sync::Arc;

use plimsoll_core::agent::{Window, merge_windows};
use plimsoll_core::catalog::HourlyRate;
use plimsoll_core::purchase::replay::{Change, Lease, leases_of_counts, leases_of_nodes};
use plimsoll_core::units::SimTime;

use super::raw::load::TimeUnit;
use super::trace::{Table, TraceError};
use super::tree::shorten;

/// Instances that a trace of counts may have at once.
const MOST_INSTANCES: f64 = 100_000.0;

/// How a trace is to be read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SpotTraceOptions {
    /// File.
    pub path: PathBuf,
    /// Column of the instant.
    pub time: String,
    /// Unit of a numeric instant.
    pub time_unit: TimeUnit,
    /// What to read.
    pub content: Content,
}

/// What a trace holds, by its columns.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Content {
    /// Nodes that come and go.
    Events {
        /// `add` or `remove`.
        event: String,
        /// Name.
        node: String,
    },
    /// Number of instances.
    Counts(String),
    /// 0 or 1.
    Availability(String),
    /// Price in USD.
    Prices(String),
}

/// What a trace gave.
#[derive(Clone, Debug)]
pub(crate) enum SpotTrace {
    /// When instances could be had.
    Leases(Arc<[Lease]>),
    /// When none could be had.
    Off(Vec<Window>),
    /// Prices, the first at zero.
    Prices(Vec<(SimTime, HourlyRate)>),
}

/// Reads a trace.
///
/// # Errors
/// The first row that is not as promised.
pub(crate) fn read(options: &SpotTraceOptions) -> Result<SpotTrace, TraceError> {
    let mut table = Table::open(&options.path)?;
    let time = table.column(&options.time)?;
    let value = match &options.content {
        Content::Events { event, .. } => table.column(event)?,
        Content::Counts(column) | Content::Availability(column) | Content::Prices(column) => {
            table.column(column)?
        }
    };
    let node = match &options.content {
        Content::Events { node, .. } => Some(table.column(node)?),
        _ => None,
    };
    let mut rows: Vec<Row> = Vec::new();
    while table.next()? {
        let at = instant(&table, time, options.time_unit)?;
        if rows.last().is_some_and(|row| at < row.at) {
            let message = "the rows are not sorted: this one is earlier than the one before";
            return Err(TraceError::row(table.line(), message));
        }
        rows.push(Row {
            at,
            line: table.line(),
            value: reading(&table, value, &options.content)?,
            node: node.map(|column| table.text(column).to_owned()).unwrap_or_default(),
        });
    }
    if rows.is_empty() {
        return Err(TraceError::file("the trace is empty: it has no rows"));
    }
    assemble(&rows, &options.content)
}

struct Row {
    at: SimTime,
    line: u64,
    value: f64,
    node: String,
}

fn instant(table: &Table, column: usize, unit: TimeUnit) -> Result<SimTime, TraceError> {
    let nanos = table.instant(column, unit)?;
    u64::try_from(nanos).map(SimTime::from_nanos).map_err(|_| {
        TraceError::row(table.line(), "the instant is before the start of the run, or too late")
    })
}

/// An event is 1 for `add` and 0 for `remove`.
fn reading(table: &Table, column: usize, content: &Content) -> Result<f64, TraceError> {
    let refuse = |message: String| TraceError::row(table.line(), message);
    match content {
        Content::Events { .. } => match table.text(column) {
            "add" => Ok(1.0),
            "remove" => Ok(0.0),
            other => Err(refuse(format!("expected `add` or `remove`, found `{}`", shorten(other)))),
        },
        Content::Counts(_) => {
            let count = table.amount(column)?;
            if count.fract() != 0.0 || MOST_INSTANCES < count {
                let message = "is not a whole number of instances, at most 100 000";
                return Err(refuse(format!("`{}` {message}", shorten(table.text(column)))));
            }
            Ok(count)
        }
        Content::Availability(_) => match table.text(column) {
            "1" | "true" => Ok(1.0),
            "0" | "false" => Ok(0.0),
            other => Err(refuse(format!("expected `0` or `1`, found `{}`", shorten(other)))),
        },
        Content::Prices(_) => table.amount(column),
    }
}

fn assemble(rows: &[Row], content: &Content) -> Result<SpotTrace, TraceError> {
    match content {
        Content::Events { .. } => {
            let changes = rows.iter().map(|row| {
                let change = if row.value > 0.0 { Change::Add } else { Change::Remove };
                (row.at, change, row.node.as_str())
            });
            let leases = leases_of_nodes(changes).map_err(|(row, message)| {
                TraceError::row(rows.get(row).map_or(0, |row| row.line), message)
            })?;
            Ok(SpotTrace::Leases(leases.into()))
        }
        Content::Counts(_) => {
            let points = rows.iter().map(|row| (row.at, row.value as u32));
            Ok(SpotTrace::Leases(leases_of_counts(points).into()))
        }
        Content::Availability(_) => {
            let ends = rows.iter().skip(1).map(|row| row.at).chain([SimTime::MAX]);
            let off = rows.iter().zip(ends).filter(|(row, _)| row.value <= 0.0);
            let windows = off.map(|(row, until)| Window { from: row.at, until }).collect();
            Ok(SpotTrace::Off(merge_windows(windows)))
        }
        Content::Prices(_) => {
            let mut prices: Vec<(SimTime, HourlyRate)> = Vec::new();
            for row in rows {
                // A price has ten decimals at most; the cast saturates.
                let rate = HourlyRate::from_ten_billionths((row.value * 1e10 + 0.5) as u64);
                let at = if prices.is_empty() { SimTime::ZERO } else { row.at };
                match prices.last_mut() {
                    Some(last) if last.0 == at => last.1 = rate,
                    Some(last) if last.1 == rate => {}
                    _ => prices.push((at, rate)),
                }
            }
            Ok(SpotTrace::Prices(prices))
        }
    }
}

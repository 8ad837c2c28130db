//! Job traces: standalone tasks with arrival, running time, CPU and memory.

use std::path::PathBuf;
use std::sync::Arc;

use plimsoll_core::scenario::BatchJob;
use plimsoll_core::units::{Cpu, Mib, SimDuration, SimTime};

use super::raw::batch::{CpuUnit, MemoryUnit, Origin};
use super::raw::kinds::{self, Scalar};
use super::raw::load::TimeUnit;
use super::trace::{Table, TraceError, unit_nanos};

/// How a job trace is to be read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct JobTraceOptions {
    /// File.
    pub path: PathBuf,
    /// Column of the arrival.
    pub arrival: String,
    /// Column of the running time, or a duration.
    pub duration: String,
    /// Column of the CPU, or a value.
    pub cpu: Option<String>,
    /// Column of the memory, or a value.
    pub memory: Option<String>,
    /// CPU of jobs if there is no column: raw count.
    pub default_cpu: Option<u32>,
    /// Memory in MiB of jobs if there is no column.
    pub default_memory: Option<u64>,
    /// Unit of numeric times.
    pub time_unit: TimeUnit,
    /// Unit of the CPU column.
    pub cpu_unit: CpuUnit,
    /// Unit of the memory column.
    pub memory_unit: MemoryUnit,
    /// Whether zero of the arrival column is the start of the run.
    pub from_zero: bool,
    /// Most jobs.
    pub count: Option<u64>,
}

impl JobTraceOptions {
    /// Whether the origin asks for zero of the arrival column.
    pub(crate) fn from_zero(origin: Option<Origin>) -> bool {
        origin == Some(Origin::Zero)
    }
}

/// A column of the file, or one value for all rows.
enum Field<T> {
    Column(usize),
    Fixed(T),
}

/// Reads the jobs.
///
/// # Errors
/// The first row that is not as promised.
pub(crate) fn read(options: &JobTraceOptions) -> Result<Arc<[BatchJob]>, TraceError> {
    let mut table = Table::open(&options.path)?;
    let arrival = table.column(&options.arrival)?;
    let duration = field(&table, &options.duration, |text| {
        kinds::nanos(Scalar::Text(text)).map(SimDuration::from_nanos)
    })?;
    let cpu = match (&options.cpu, options.default_cpu) {
        (Some(text), _) => field(&table, text, |text| {
            kinds::cpu_units(Scalar::Text(text)).map(Cpu::from_ecs_units)
        })?,
        (None, Some(units)) => Field::Fixed(Cpu::from_ecs_units(units)),
        (None, None) => return Err(TraceError::file("the CPU of the jobs is not given")),
    };
    let memory = match (&options.memory, options.default_memory) {
        (Some(text), _) => {
            field(&table, text, |text| kinds::mebibytes(Scalar::Text(text)).map(Mib::new))?
        }
        (None, Some(mib)) => Field::Fixed(Mib::new(mib)),
        (None, None) => return Err(TraceError::file("the memory of the jobs is not given")),
    };
    let mut jobs = Vec::new();
    let mut origin = options.from_zero.then_some(0_i128);
    let mut previous = 0_i128;
    while options.count.is_none_or(|most| (jobs.len() as u64) < most) && table.next()? {
        let at = table.instant(arrival, options.time_unit)?;
        let start = *origin.get_or_insert(at);
        let since = at - start;
        if since < previous {
            let message = "the arrivals are not sorted: this one is earlier than the one before";
            return Err(TraceError::row(table.line(), message));
        }
        previous = since;
        let Ok(nanos) = u64::try_from(since) else {
            return Err(TraceError::row(table.line(), "the arrival is too far from the start"));
        };
        jobs.push(BatchJob {
            arrival: SimTime::from_nanos(nanos),
            duration: match &duration {
                Field::Fixed(value) => *value,
                Field::Column(column) => length(&table, *column, options.time_unit)?,
            },
            cpu: match &cpu {
                Field::Fixed(value) => *value,
                Field::Column(column) => cpu_of(&table, *column, options.cpu_unit)?,
            },
            memory: match &memory {
                Field::Fixed(value) => *value,
                Field::Column(column) => memory_of(&table, *column, options.memory_unit)?,
            },
        });
    }
    if jobs.is_empty() {
        return Err(TraceError::file("the trace is empty: it has no rows"));
    }
    Ok(jobs.into())
}

fn field<T>(
    table: &Table,
    text: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Field<T>, TraceError> {
    if let Some(column) = table.find(text) {
        return Ok(Field::Column(column));
    }
    match parse(text) {
        Ok(value) => Ok(Field::Fixed(value)),
        Err(_) => table.column(text).map(Field::Column),
    }
}

fn length(table: &Table, column: usize, unit: TimeUnit) -> Result<SimDuration, TraceError> {
    let nanos = table.amount(column)? * unit_nanos(unit) as f64;
    if kinds::MAX_NANOS as f64 <= nanos {
        return Err(TraceError::row(table.line(), "the running time is longer than ten years"));
    }
    Ok(SimDuration::from_nanos_f64(nanos))
}

/// A reservation is never less than what the row asks for: fractions count as a whole unit.
fn cpu_of(table: &Table, column: usize, unit: CpuUnit) -> Result<Cpu, TraceError> {
    let value = table.amount(column)?;
    let (per_one, exact): (f64, fn(u32) -> Cpu) = match unit {
        CpuUnit::CpuUnits => (1.0, Cpu::from_ecs_units),
        CpuUnit::Vcpu => (1024.0, Cpu::from_ecs_units),
        CpuUnit::Millicores => (1.0, Cpu::from_millicores),
    };
    let whole = (value * per_one).ceil();
    if f64::from(u32::MAX) < whole {
        return Err(TraceError::row(table.line(), "the CPU is too large"));
    }
    Ok(exact(whole as u32))
}

fn memory_of(table: &Table, column: usize, unit: MemoryUnit) -> Result<Mib, TraceError> {
    let value = table.amount(column)?;
    let mib = match unit {
        MemoryUnit::MiB => value,
        MemoryUnit::GiB => value * 1024.0,
        MemoryUnit::KiB => value / 1024.0,
        MemoryUnit::B => value / 1_048_576.0,
    }
    .ceil();
    if 1e12 < mib {
        return Err(TraceError::row(table.line(), "the memory is too large"));
    }
    Ok(Mib::new(mib as u64))
}

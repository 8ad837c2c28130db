//! Every file, column and field in words, in one table: headers and the reference come from it.

use std::fmt::Write as _;
use std::io;

mod measures;
mod summary;

pub use measures::{ELASTICITY, RECOVERY};
pub use summary::SUMMARY;

/// A column or field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Header, or dotted path of a field.
    pub name: &'static str,
    /// Unit or form of the value.
    pub unit: &'static str,
    /// What it is.
    pub meaning: &'static str,
}

/// A file of the output folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputFile {
    /// Name in the folder.
    pub name: &'static str,
    /// What it holds.
    pub purpose: &'static str,
    /// Its columns or fields.
    pub columns: &'static [Column],
}

const fn c(name: &'static str, unit: &'static str, meaning: &'static str) -> Column {
    Column { name, unit, meaning }
}

/// Columns of `timeseries.csv`.
pub const TIMESERIES: &[Column] = &[
    c("timestamp", "RFC 3339, UTC", "Start of the interval"),
    c("namespace", "text", "CloudWatch namespace, or `Plimsoll` for our own series"),
    c("metric", "text", "Metric name"),
    c("dimension", "text", "Dimension name, for example `ServiceName`; empty for the whole run"),
    c("entity", "text", "Dimension value"),
    c("unit", "text", "CloudWatch unit of the value"),
    c("value", "number", "Value of the interval; intervals without data have no row"),
];

/// Columns of `tasks.csv`.
pub const TASKS: &[Column] = &[
    c("task", "number", "Task, counted from 0 in order of creation"),
    c("group", "text", "Service or batch source"),
    c("capacity", "text", "Capacity provider or launch type"),
    c("instance", "number", "Row of its instance in `instances.csv`; empty on Fargate"),
    c("zone", "text", "Availability Zone; empty before placement"),
    c("cpu", "CPU units", "Reserved CPU; 1024 are one vCPU"),
    c("memory", "MiB", "Reserved memory"),
    c("createdAt", "RFC 3339, UTC", "Creation"),
    c("placedAt", "RFC 3339, UTC", "Placement"),
    c("pullStartedAt", "RFC 3339, UTC", "Start of the image pull"),
    c("startedAt", "RFC 3339, UTC", "State RUNNING"),
    c("stoppingAt", "RFC 3339, UTC", "Decision to stop"),
    c("executionStoppedAt", "RFC 3339, UTC", "Containers gone; empty if none ever started"),
    c("stoppedAt", "RFC 3339, UTC", "State STOPPED"),
    c("stopCode", "text", "ECS stop code; empty while the task lives"),
    c("stoppedReason", "text", "Reason in the words of ECS"),
    c("exitCode", "number", "Exit code of the essential container that ended the task"),
    c("restarts", "count", "Restarts of containers inside the task"),
    c("pendingSeconds", "seconds", "From creation to RUNNING; empty if it never ran"),
    c("billedSeconds", "seconds", "Billed on Fargate; 0 on EC2"),
];

/// Columns of `unplaced.csv`.
pub const UNPLACED: &[Column] = &[
    c("group", "text", "Service or batch source"),
    c("capacity", "text", "Capacity provider or launch type"),
    c("cpu", "CPU units", "CPU asked for"),
    c("memory", "MiB", "Memory asked for"),
    c("since", "RFC 3339, UTC", "First failed attempt"),
    c("until", "RFC 3339, UTC", "Last failed attempt"),
    c(
        "placedAt",
        "RFC 3339, UTC",
        "Next placement of a task of this kind; empty if there was none, or if the main reason changed",
    ),
    c("attempts", "count", "Failed attempts"),
    c("instances", "count", "Instances looked at in the first attempt; 0 if none was registered"),
    c("insufficientCpu", "count", "Of these, with insufficient CPU units available"),
    c("insufficientMemory", "count", "With insufficient memory available"),
    c("portInUse", "count", "That already use a port the task requires"),
    c("insufficientNetworkInterfaces", "count", "Without a network interface for the task"),
    c("insufficientGpus", "count", "With insufficient GPUs available"),
    c("missingAttribute", "count", "That miss an attribute the task requires"),
    c("distinctInstance", "count", "With a task of the group, against `distinctInstance`"),
    c("memberOf", "count", "Outside a `memberOf` constraint"),
    c("agentDisconnected", "count", "Without a connected agent"),
    c("reason", "text", "The reason that dropped most, in the words of ECS"),
];

/// Columns of `instances.csv`.
pub const INSTANCES: &[Column] = &[
    c("instance", "number", "Instance, counted from 0 in order of launch"),
    c("group", "text", "Auto Scaling group"),
    c("instanceType", "text", "Instance type"),
    c("purchaseOption", "text", "`On-Demand` or `Spot`"),
    c("zone", "text", "Availability Zone"),
    c("requestedAt", "RFC 3339, UTC", "Decision to launch"),
    c("runningAt", "RFC 3339, UTC", "EC2 state running; billing starts"),
    c("registeredAt", "RFC 3339, UTC", "Registered with the cluster"),
    c("terminatedAt", "RFC 3339, UTC", "Terminated; empty while it lives"),
    c("terminationReason", "text", "Reason in the words of the scaling activity"),
    c("tasksRun", "count", "Tasks it ran"),
    c("cpuReserved", "fraction", "Mean reserved share of its CPU while registered"),
    c("memoryReserved", "fraction", "Mean reserved share of its memory while registered"),
    c("billedSeconds", "seconds", "Billed seconds"),
];

/// Columns of `events.csv`.
pub const EVENTS: &[Column] = &[
    c("timestamp", "RFC 3339, UTC", "When it happened"),
    c(
        "category",
        "text",
        "`service-event`, `service-scaling`, `group-activity`, `run-task`, `alarm` or `fault`",
    ),
    c("entity", "text", "Service, group or alarm it concerns"),
    c("from", "count", "Value before, for scaling activities"),
    c("to", "count", "Value after"),
    c("message", "text", "The sentence of the console"),
];

/// Columns of `bill.csv`, in the order of FOCUS.
pub const BILL: &[Column] = &[
    c("BilledCost", "USD", "Cost of the line; the column adds up to the total exactly"),
    c("BillingAccountId", "text", "Always `simulated`"),
    c("BillingCurrency", "text", "Always `USD`"),
    c("BillingPeriodEnd", "RFC 3339, UTC", "End of the calendar month, exclusive"),
    c("BillingPeriodStart", "RFC 3339, UTC", "Start of the calendar month"),
    c("ChargeCategory", "text", "Always `Usage`"),
    c("ChargeDescription", "text", "The line in words"),
    c("ChargeFrequency", "text", "Always `Usage-Based`"),
    c("ChargePeriodEnd", "RFC 3339, UTC", "End of the charged period, exclusive"),
    c("ChargePeriodStart", "RFC 3339, UTC", "Start of the charged period"),
    c(
        "ConsumedQuantity",
        "ConsumedUnit",
        "Quantity used, exact: in seconds where time is paid for",
    ),
    c("ConsumedUnit", "text", "Unit of the quantity used"),
    c("ContractedCost", "USD", "Cost at the price paid"),
    c("ContractedUnitPrice", "USD per PricingUnit", "Price paid"),
    c("EffectiveCost", "USD", "Cost after commitments; equal to BilledCost"),
    c("InvoiceIssuerName", "text", "Always `Amazon Web Services`"),
    c("ListCost", "USD", "Cost at the list price"),
    c("ListUnitPrice", "USD per PricingUnit", "List price; Spot has its own"),
    c("PricingCategory", "text", "`Standard`, or `Dynamic` for Spot"),
    c(
        "PricingQuantity",
        "PricingUnit",
        "The same in the unit of the price, rounded to twelve places",
    ),
    c("PricingUnit", "text", "Unit of the price"),
    c("ProviderName", "text", "Always `AWS`"),
    c("PublisherName", "text", "Always `AWS`"),
    c("RegionId", "text", "Region"),
    c("ResourceId", "text", "Auto Scaling group, load balancer, `FARGATE` or `FARGATE_SPOT`"),
    c("ResourceType", "text", "Kind of resource"),
    c("ServiceCategory", "text", "FOCUS service category"),
    c("ServiceName", "text", "AWS service"),
    c("SkuId", "text", "Usage type, for example `BoxUsage:m5.large`"),
    c("SubAccountId", "text", "Service, batch source or group that caused the charge"),
    c("SubAccountName", "text", "The same, for tools that show names"),
    c("Tags", "JSON", "`owner`: the same, as a tag"),
];

/// Columns of `sweep.csv` that every sweep has; parameters and metrics follow.
pub const SWEEP: &[Column] = &[
    c("point", "text", "Name of the point"),
    c("replication", "number", "Replication; equal numbers share their random streams"),
    c("fingerprint", "text", "Fingerprint of the run"),
    c("parameter:NAME", "text", "Value of the parameter NAME, a column for each"),
    c(
        "METRIC",
        "as in `summary.json`",
        "Number under this path of the run's summary, a column for each",
    ),
];

/// Columns of `comparison.csv`.
pub const COMPARISON: &[Column] = &[
    c("point", "text", "Name of the point"),
    c("metric", "text", "Path of the number in `summary.json`"),
    c("replications", "count", "Paired replications"),
    c("baselineMean", "as the metric", "Mean of the baseline"),
    c("mean", "as the metric", "Mean of the point"),
    c("difference", "as the metric", "Mean of the paired differences, point minus baseline"),
    c("halfWidth", "as the metric", "Half width of the 95 % interval of the difference"),
    c("pValue", "probability", "Two-sided p-value of the paired t test"),
    c("correlation", "−1 to 1", "Correlation of the pairs: near 1 if common random numbers worked"),
    c(
        "significant",
        "true or false",
        "Whether the difference is more than noise, adjusted for the number of comparisons",
    ),
];

/// Fields of `run.json`.
pub const RUN: &[Column] = &[
    c("version", "text", "Version of plimsoll"),
    c("startedAt", "RFC 3339", "When the run began, by the host's clock"),
    c("wallSeconds", "seconds", "How long it took"),
    c("host", "text", "Where it ran"),
    c("commandLine", "list of text", "How it was called"),
    c("threads", "count", "Threads used"),
    c("scenario.file", "path", "The scenario that ran"),
    c("scenario.seed", "number", "Seed given on the command line"),
    c("scenario.set", "list of text", "Changes made on the command line"),
];

/// All files, in the order of the reference.
pub const FILES: &[OutputFile] = &[
    OutputFile {
        name: "summary.json",
        purpose: "The figures of a run. Same scenario, seed and version give the same bytes.",
        columns: SUMMARY,
    },
    OutputFile {
        name: "run.json",
        purpose: "What is not deterministic about a run.",
        columns: RUN,
    },
    OutputFile {
        name: "timeseries.csv",
        purpose: "A row for each interval and series that has data.",
        columns: TIMESERIES,
    },
    OutputFile { name: "tasks.csv", purpose: "The life of every task.", columns: TASKS },
    OutputFile {
        name: "elasticity.csv",
        purpose: "How well supply followed demand: services with load, and groups of instances.",
        columns: ELASTICITY,
    },
    OutputFile {
        name: "recovery.csv",
        purpose: "Each time at which a fault came, and how each service came through it.",
        columns: RECOVERY,
    },
    OutputFile {
        name: "unplaced.csv",
        purpose: "The spells in which no container instance could take a task, with the instances dropped \
                  by each reason. An instance counts for the first reason that applies, in the order of \
                  the columns.",
        columns: UNPLACED,
    },
    OutputFile {
        name: "instances.csv",
        purpose: "The life of every container instance.",
        columns: INSTANCES,
    },
    OutputFile {
        name: "events.csv",
        purpose: "Service events, scaling activities, alarms and faults, in time order.",
        columns: EVENTS,
    },
    OutputFile {
        name: "bill.csv",
        purpose: "The bill, hour by hour, in the columns of FOCUS 1.2 that a simulation can fill.",
        columns: BILL,
    },
    OutputFile {
        name: "report-data.json",
        purpose: "What the report draws, thinned out to what a plot can show. Its form is private: read \
                  the other files instead.",
        columns: &[],
    },
    OutputFile {
        name: "report.html",
        purpose: "The report, one file that needs nothing else.",
        columns: &[],
    },
    OutputFile {
        name: "plots/*.svg, plots/*.png",
        purpose: "The plots of the report, each on its own.",
        columns: &[],
    },
    OutputFile {
        name: "sweep.csv",
        purpose: "A row for each point and replication of a sweep.",
        columns: SWEEP,
    },
    OutputFile {
        name: "sweep-data.json",
        purpose: "What the report of a sweep draws. Its form is private: read the other files instead.",
        columns: &[],
    },
    OutputFile {
        name: "comparison.csv",
        purpose: "Paired differences of each point against the baseline of a sweep.",
        columns: COMPARISON,
    },
];

/// A CSV writer that has written the header of `columns`.
pub(crate) fn writer<W: io::Write>(out: W, columns: &[Column]) -> io::Result<csv::Writer<W>> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(columns.iter().map(|column| column.name))?;
    Ok(csv)
}

/// The reference of all files as Markdown.
pub fn reference_markdown() -> String {
    let mut text = String::from(
        "# Output files\n\n\
         Written by the code (`reports/src/columns.rs`); do not edit by hand.\n\n\
         Times are RFC 3339 in UTC. Money is USD with a decimal point and at most ten places, exact. Other \
         numbers are the shortest decimals that read back to the same value. A field or cell is absent or \
         empty where it does not apply; no file holds NaN or an infinity. CSV is comma-separated with a \
         header, in UTF-8. In paths, `NAME` stands for a name from the scenario, and `{a,b}` for one of \
         several keys.\n",
    );
    for file in FILES {
        let _ = write!(text, "\n## `{}`\n\n{}\n", file.name, file.purpose);
        if file.columns.is_empty() {
            continue;
        }
        let what = if file.name.contains(".json") { "field" } else { "column" };
        let _ = write!(text, "\n| {what} | unit or form | meaning |\n| --- | --- | --- |\n");
        for column in file.columns {
            let _ = writeln!(text, "| `{}` | {} | {} |", column.name, column.unit, column.meaning);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_reference_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/OUTPUTS.md");
        let current = reference_markdown();
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(committed == current, "run `cargo run -p plimsoll-reports --example outputs`");
    }

    #[test]
    fn no_column_is_listed_twice() {
        for file in FILES {
            let mut names: Vec<_> = file.columns.iter().map(|column| column.name).collect();
            names.sort_unstable();
            let total = names.len();
            names.dedup();
            assert_eq!(names.len(), total, "{}", file.name);
        }
    }
}

//! `timeseries.csv`, `tasks.csv`, `instances.csv` and `events.csv`: lives and series as rows.

use std::io::{self, Write};

use plimsoll_core::results::{
    EventRecord, InstanceRecord, PlacementFailure, Series, StopCode, TaskRecord,
};
use plimsoll_core::units::{SimDuration, SimTime};

use crate::columns::{self, EVENTS, INSTANCES, TASKS, TIMESERIES, UNPLACED};
use crate::number::{float, rfc3339};

/// What ECS says of a cluster without instances.
pub(crate) const NO_INSTANCES: &str = "No Container Instances were found in your cluster.";

/// The instants of a run as text.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Start of the run in seconds since 1970.
    pub start_unix_seconds: i64,
}

impl Clock {
    fn text(self, at: SimTime) -> String {
        rfc3339(self.start_unix_seconds, at)
    }

    fn optional(self, at: Option<SimTime>) -> String {
        at.map(|at| self.text(at)).unwrap_or_default()
    }
}

/// Writes `timeseries.csv`: intervals in time order, series within an interval in the order given.
pub fn write_timeseries(
    out: impl Write,
    clock: Clock,
    interval: SimDuration,
    series: &[Series],
) -> io::Result<()> {
    let mut csv = columns::writer(out, TIMESERIES)?;
    let length = series.iter().map(|s| s.values.len()).max().unwrap_or(0);
    for index in 0..length {
        let at = SimTime::from_nanos(interval.as_nanos().saturating_mul(index as u64));
        let timestamp = clock.text(at);
        for s in series {
            let value = s.values.get(index).copied().flatten().and_then(float);
            if let Some(value) = value {
                csv.write_record([
                    &timestamp,
                    s.namespace,
                    s.metric,
                    s.dimension,
                    &s.entity,
                    s.unit,
                    &value,
                ])?;
            }
        }
    }
    csv.flush()
}

/// Writes `tasks.csv`.
pub fn write_tasks(out: impl Write, clock: Clock, tasks: &[TaskRecord]) -> io::Result<()> {
    let mut csv = columns::writer(out, TASKS)?;
    for (index, task) in tasks.iter().enumerate() {
        let pending = task.started.and_then(|started| started.since(task.created));
        csv.write_record([
            index.to_string().as_str(),
            &task.group,
            &task.capacity,
            &task.instance.map(|instance| instance.to_string()).unwrap_or_default(),
            &task.zone,
            &task.cpu.as_ecs_units().to_string(),
            &task.memory.as_mib().to_string(),
            &clock.text(task.created),
            &clock.optional(task.placed),
            &clock.optional(task.pull_started),
            &clock.optional(task.started),
            &clock.optional(task.stopping),
            &clock.optional(task.execution_stopped),
            &clock.optional(task.stopped),
            task.stop_code.map_or("", StopCode::name),
            &task.stopped_reason,
            &task.exit_code.map(|code| code.to_string()).unwrap_or_default(),
            &task.restarts.to_string(),
            &pending.and_then(|p| float(p.as_secs_f64())).unwrap_or_default(),
            &task.billed_seconds.to_string(),
        ])?;
    }
    csv.flush()
}

/// Writes `unplaced.csv`.
pub fn write_unplaced(
    out: impl Write,
    clock: Clock,
    failures: &[PlacementFailure],
) -> io::Result<()> {
    let mut csv = columns::writer(out, UNPLACED)?;
    for failure in failures {
        let rejections = &failure.rejections;
        csv.write_record([
            failure.group.as_str(),
            &failure.capacity,
            &failure.cpu.as_ecs_units().to_string(),
            &failure.memory.as_mib().to_string(),
            &clock.text(failure.since),
            &clock.text(failure.last),
            &clock.optional(failure.placed),
            &failure.attempts.to_string(),
            &rejections.total().to_string(),
            &rejections.cpu.to_string(),
            &rejections.memory.to_string(),
            &rejections.port.to_string(),
            &rejections.network_interface.to_string(),
            &rejections.gpu.to_string(),
            &rejections.attribute.to_string(),
            &rejections.distinct_instance.to_string(),
            &rejections.member_of.to_string(),
            &rejections.agent.to_string(),
            rejections.main_reason().unwrap_or(NO_INSTANCES),
        ])?;
    }
    csv.flush()
}

/// Writes `instances.csv`.
pub fn write_instances(
    out: impl Write,
    clock: Clock,
    instances: &[InstanceRecord],
) -> io::Result<()> {
    let mut csv = columns::writer(out, INSTANCES)?;
    for (index, instance) in instances.iter().enumerate() {
        let share = |micro: u64| float(micro as f64 / 1e6).unwrap_or_default();
        csv.write_record([
            index.to_string().as_str(),
            &instance.group,
            &instance.instance_type,
            instance.purchase_option.name(),
            &instance.zone,
            &clock.text(instance.requested),
            &clock.optional(instance.running),
            &clock.optional(instance.registered),
            &clock.optional(instance.terminated),
            &instance.termination_reason,
            &instance.tasks_run.to_string(),
            &share(instance.cpu_reserved_micro),
            &share(instance.memory_reserved_micro),
            &instance.billed_seconds.to_string(),
        ])?;
    }
    csv.flush()
}

/// Writes `events.csv`.
pub fn write_events(out: impl Write, clock: Clock, events: &[EventRecord]) -> io::Result<()> {
    let mut csv = columns::writer(out, EVENTS)?;
    for event in events {
        let (from, to) = match event.change {
            Some((from, to)) => (from.to_string(), to.to_string()),
            None => (String::new(), String::new()),
        };
        csv.write_record([
            &clock.text(event.at),
            event.category.name(),
            &event.entity,
            &from,
            &to,
            &event.message,
        ])?;
    }
    csv.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn head(text: &str, lines: usize) -> String {
        text.lines().take(lines).collect::<Vec<_>>().join("\n")
    }

    fn check_header(text: &str, columns: &[columns::Column]) {
        let names: Vec<_> = columns.iter().map(|column| column.name).collect();
        assert_eq!(text.lines().next(), Some(names.join(",").as_str()));
    }

    #[test]
    fn files_have_the_documented_columns() {
        let (results, bill) = testing::web_run();
        let clock = Clock { start_unix_seconds: results.start_unix_seconds };
        let series = testing::text(|out| {
            write_timeseries(out, clock, results.record_interval, &results.series)
        });
        let tasks = testing::text(|out| write_tasks(out, clock, &results.task_records));
        let instances = testing::text(|out| write_instances(out, clock, &results.instance_records));
        let events = testing::text(|out| write_events(out, clock, &results.event_records));
        let bill = testing::text(|out| bill.write_csv(out));
        check_header(&series, TIMESERIES);
        check_header(&tasks, TASKS);
        check_header(&instances, INSTANCES);
        check_header(&events, EVENTS);
        check_header(&bill, columns::BILL);
        insta::assert_snapshot!("timeseries", head(&series, 14));
        insta::assert_snapshot!("tasks", head(&tasks, 6));
        insta::assert_snapshot!("instances", head(&instances, 5));
        insta::assert_snapshot!("events", head(&events, 8));
        insta::assert_snapshot!("bill", head(&bill, 4));
    }

    #[test]
    fn intervals_without_data_have_no_row() {
        let series = Series {
            namespace: "AWS/ECS",
            metric: "CPUUtilization",
            dimension: "ServiceName",
            entity: "a,\"b\"".to_owned(),
            unit: "Percent",
            values: vec![Some(-0.0), None, Some(f64::NAN), Some(1.5)],
        };
        let clock = Clock { start_unix_seconds: 0 };
        let text = testing::text(|out| {
            write_timeseries(out, clock, SimDuration::from_secs(60), &[series])
        });
        let rows: Vec<_> = text.lines().skip(1).collect();
        assert_eq!(
            rows,
            [
                "1970-01-01T00:00:00Z,AWS/ECS,CPUUtilization,ServiceName,\"a,\"\"b\"\"\",Percent,0",
                "1970-01-01T00:03:00Z,AWS/ECS,CPUUtilization,ServiceName,\"a,\"\"b\"\"\",Percent,1.5",
            ]
        );
    }
}

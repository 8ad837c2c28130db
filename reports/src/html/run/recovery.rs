//! How services came through the faults.

use super::super::elements::{Cell, table};
use crate::data::ReportData;
use crate::number::duration;
use crate::recovery::{Outcome, RecoveryRow};
use crate::summary::Summary;

/// One row per time of a fault and service that it disturbed.
pub(super) fn recovery_table(summary: &Summary, data: &ReportData) -> String {
    let faults = summary.services.values().filter_map(|it| it.recovery.as_ref());
    let faults = faults.map(|it| it.faults).max().unwrap_or(0);
    let rows: Vec<Vec<Cell>> = data.recoveries.iter().map(row).collect();
    table(
        "Recovery from faults",
        &format!(
            "From the beginning of the fault until the desired count of tasks serves again, and until the objective holds \
             again. Faults came {faults} times; what disturbed no service is left out here, and all is in recovery.csv."
        ),
        &[
            "fault",
            "type",
            "began (UTC)",
            "#lasted",
            "#instances lost",
            "#tasks lost",
            "service",
            "desired count",
            "objective",
        ],
        &rows,
    )
}

fn row(row: &RecoveryRow) -> Vec<Cell> {
    let from = row.from.trim_end_matches('Z').replace('T', " ");
    let outcome = |outcome: Option<Outcome>| match outcome {
        None => Cell::text("–"),
        Some(Outcome::Undisturbed) => Cell::Verdict("undisturbed".to_owned(), true),
        Some(Outcome::Recovered(seconds)) => {
            Cell::text(format!("again after {}", duration(seconds)))
        }
        Some(Outcome::NeverRecovered) => Cell::Verdict("never recovered".to_owned(), false),
    };
    // An instant lasts a nanosecond.
    let lasted = match row.lasted {
        None => "to the end".to_owned(),
        Some(seconds) if seconds < 1e-6 => "–".to_owned(),
        Some(seconds) => duration(seconds),
    };
    vec![
        Cell::Head(row.fault.clone()),
        Cell::text(row.kind.clone()),
        Cell::Time(from.get(..19).unwrap_or(&from).to_owned()),
        Cell::number(lasted),
        Cell::number(row.instances_lost.to_string()),
        Cell::number(row.tasks_lost.to_string()),
        Cell::text(row.service.clone()),
        outcome(Some(row.desired_count)),
        outcome(row.objective),
    ]
}

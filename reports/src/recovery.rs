//! `recovery.csv`: each time of a fault, and how each service came through it.

use std::io::{self, Write};

use plimsoll_core::results::{FaultRecord, Recovered, RunResults, ServiceRecovery};
use serde::{Deserialize, Serialize};

use crate::columns::{self, RECOVERY};
use crate::number::{float, rfc3339};

/// Most rows that the report shows; disturbed services only.
const SHOWN: usize = 40;

/// A row of the report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecoveryRow {
    /// Name of the fault.
    pub fault: String,
    /// Its type.
    pub kind: String,
    /// When it began, RFC 3339.
    pub from: String,
    /// How long it lasted in seconds; none to the end of the run.
    pub lasted: Option<f64>,
    /// Container instances that stopped.
    pub instances_lost: u32,
    /// Tasks that stopped with them.
    pub tasks_lost: u32,
    /// The service.
    pub service: String,
    /// Whether, and after how many seconds, its desired count served again.
    pub desired_count: Outcome,
    /// Whether, and after how many seconds, its objective held again.
    pub objective: Option<Outcome>,
}

/// Whether something was disturbed and recovered.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// Nothing was wrong.
    Undisturbed,
    /// Recovered after so many seconds.
    Recovered(f64),
    /// Not before the end of the run.
    NeverRecovered,
}

impl From<Recovered> for Outcome {
    fn from(recovered: Recovered) -> Self {
        match recovered {
            Recovered::Undisturbed => Self::Undisturbed,
            Recovered::After(length) => Self::Recovered(length.as_secs_f64()),
            Recovered::Never => Self::NeverRecovered,
        }
    }
}

impl Outcome {
    const fn name(self) -> &'static str {
        match self {
            Self::Undisturbed => "undisturbed",
            Self::Recovered(_) => "recovered",
            Self::NeverRecovered => "neverRecovered",
        }
    }

    fn seconds(self) -> String {
        match self {
            Self::Recovered(seconds) => float(seconds).unwrap_or_default(),
            Self::Undisturbed | Self::NeverRecovered => String::new(),
        }
    }
}

fn row(results: &RunResults, record: &FaultRecord, of: ServiceRecovery) -> RecoveryRow {
    let service = results.services.get(of.service.0 as usize);
    RecoveryRow {
        fault: record.name.clone(),
        kind: record.kind.to_owned(),
        from: rfc3339(results.start_unix_seconds, record.from),
        lasted: record.until.map(|until| until.saturating_since(record.from).as_secs_f64()),
        instances_lost: record.instances_lost,
        tasks_lost: record.tasks_lost,
        service: service.map_or(String::new(), |it| it.name.clone()),
        desired_count: of.desired_count.into(),
        objective: of.objective.map(Outcome::from),
    }
}

/// The first rows in which something was disturbed.
pub(crate) fn shown(results: &RunResults) -> Vec<RecoveryRow> {
    let disturbed = |of: &ServiceRecovery| {
        of.desired_count != Recovered::Undisturbed
            || of.objective.is_some_and(|it| it != Recovered::Undisturbed)
    };
    let all = results.fault_records.iter().flat_map(|record| {
        record.services.iter().filter(|of| disturbed(of)).map(move |of| (record, *of))
    });
    all.take(SHOWN).map(|(record, of)| row(results, record, of)).collect()
}

/// Writes `recovery.csv`.
pub fn write_recovery(out: impl Write, results: &RunResults) -> io::Result<()> {
    let mut csv = columns::writer(out, RECOVERY)?;
    for record in &results.fault_records {
        for of in &record.services {
            let row = row(results, record, *of);
            let until = record.until.map(|at| rfc3339(results.start_unix_seconds, at));
            csv.write_record([
                row.fault.as_str(),
                &row.kind,
                &row.from,
                &until.unwrap_or_default(),
                &row.instances_lost.to_string(),
                &row.tasks_lost.to_string(),
                &row.service,
                row.desired_count.name(),
                &row.desired_count.seconds(),
                row.objective.map_or("", Outcome::name),
                &row.objective.map(Outcome::seconds).unwrap_or_default(),
            ])?;
        }
    }
    csv.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use plimsoll_core::units::{ServiceId, SimDuration, SimTime};

    #[test]
    fn a_service_that_never_recovers_is_told() {
        let (mut results, _) = testing::web_run();
        results.fault_records = vec![FaultRecord {
            name: "a".to_owned(),
            kind: "zoneOutage",
            from: SimTime::from_secs(60),
            until: Some(SimTime::from_secs(120)),
            instances_lost: 3,
            tasks_lost: 7,
            services: vec![
                ServiceRecovery {
                    service: ServiceId(0),
                    desired_count: Recovered::After(SimDuration::from_secs(90)),
                    objective: Some(Recovered::Never),
                },
                ServiceRecovery {
                    service: ServiceId(1),
                    desired_count: Recovered::Undisturbed,
                    objective: None,
                },
            ],
        }];
        let text = testing::text(|out| write_recovery(out, &results));
        let rows: Vec<&str> = text.lines().skip(1).collect();
        assert!(rows[0].starts_with("a,zoneOutage,"), "{}", rows[0]);
        assert!(rows[0].ends_with(",3,7,api,recovered,90,neverRecovered,"), "{}", rows[0]);
        assert!(rows[1].ends_with(",3,7,worker,undisturbed,,,"), "{}", rows[1]);
        let shown = shown(&results);
        assert_eq!(shown.len(), 1);
        assert_eq!(
            (shown[0].lasted, shown[0].objective),
            (Some(60.0), Some(Outcome::NeverRecovered))
        );
    }
}

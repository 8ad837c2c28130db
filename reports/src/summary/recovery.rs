//! How services came through faults, in `summary.json`.

use plimsoll_core::results::{Recovered, RunResults, ServiceRecovery};
use serde::{Deserialize, Serialize};

/// How a service came through all faults of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecoverySummary {
    /// Times that a fault came.
    pub faults: u64,
    /// Until its desired count of tasks served again.
    pub desired_count: Recoveries,
    /// Until its objective held again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objective: Option<Recoveries>,
}

/// How often something was disturbed, and how long it took to recover.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Recoveries {
    /// Times that a fault disturbed it.
    pub disturbed: u64,
    /// Times that it did not recover before the end of the run.
    pub never_recovered: u64,
    /// Mean time to recover, where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_seconds: Option<f64>,
    /// Longest time to recover, where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longest_seconds: Option<f64>,
}

impl Recoveries {
    fn of(all: impl Iterator<Item = Recovered>) -> Self {
        let mut found = Self::default();
        let (mut sum, mut recovered) = (0.0, 0.0);
        for one in all {
            match one {
                Recovered::Undisturbed => continue,
                Recovered::Never => found.never_recovered += 1,
                Recovered::After(length) => {
                    let seconds = length.as_secs_f64();
                    sum += seconds;
                    recovered += 1.0;
                    let longest = found.longest_seconds.unwrap_or(0.0);
                    found.longest_seconds = Some(seconds.max(longest));
                }
            }
            found.disturbed += 1;
        }
        found.mean_seconds = (recovered > 0.0).then(|| sum / recovered);
        found
    }
}

impl RecoverySummary {
    /// Of the service at a position; `None` in a run without faults.
    pub(super) fn new(results: &RunResults, service: usize) -> Option<Self> {
        let of = |record: &plimsoll_core::results::FaultRecord| -> Option<ServiceRecovery> {
            record.services.get(service).copied()
        };
        let all: Vec<ServiceRecovery> = results.fault_records.iter().filter_map(of).collect();
        let first = all.first()?;
        Some(Self {
            faults: all.len() as u64,
            desired_count: Recoveries::of(all.iter().map(|it| it.desired_count)),
            objective: first
                .objective
                .map(|_| Recoveries::of(all.iter().filter_map(|it| it.objective))),
        })
    }
}

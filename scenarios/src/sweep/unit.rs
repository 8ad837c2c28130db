//! One work unit: a point and a replication in, a few dozen numbers out.

use plimsoll_core::engine::RunError;
use plimsoll_core::scenario::Scenario;
use plimsoll_core::simulation;
use plimsoll_reports::bill::Bill;
use plimsoll_reports::summary::{RunMeta, Summary};

use super::metrics::UnitMetrics;

/// Runs replication `replication` of `scenario`, which is point `point`. A pure function: the same
/// values give the same numbers, whatever else runs at the same time.
///
/// # Errors
/// [`RunError`] if the run reaches one of its limits.
pub fn run_unit(
    scenario: &Scenario,
    point: usize,
    replication: u32,
) -> Result<UnitMetrics, RunError> {
    // Cheap: what is large in a scenario is shared.
    let mut scenario = scenario.clone();
    scenario.replication = u64::from(replication);
    let results = simulation::run(&scenario, &mut |_| ())?;
    let bill = Bill::new(&results);
    let summary = Summary::new(&results, &bill, &RunMeta::default());
    Ok(UnitMetrics::new(point, replication, &summary))
}

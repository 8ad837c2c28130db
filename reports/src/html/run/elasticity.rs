//! How well supply followed demand.

use super::super::elements::{Cell, table};
use crate::number::{duration, percent, significant};
use crate::summary::{ElasticitySummary, Summary};

/// One row per service with load and per group of instances.
pub(super) fn elasticity_table(summary: &Summary) -> String {
    let services = summary.services.iter().map(|(name, it)| (name, it.elasticity.as_ref()));
    let groups = summary.capacity.iter().map(|(name, it)| (name, it.elasticity.as_ref()));
    let rows: Vec<Vec<Cell>> =
        services.chain(groups).filter_map(|(name, measures)| Some(row(name, measures?))).collect();
    table(
        "Supply against demand",
        "Of a service, tasks that serve against the least number whose latency meets the objective (without one: that can \
         serve all requests). Of a group, registered instances against a bound on those that its tasks need. Missing and \
         surplus are means over demand; unstable are minutes in which demand and supply did not move the same way; the lag \
         is the time from demand rising above supply until supply covers it.",
        &[
            "service or group",
            "#demand, mean",
            "#demand, peak",
            "#missing (θU)",
            "#surplus (θO)",
            "#time short (τU)",
            "#time over (τO)",
            "#unstable",
            "#shortages",
            "#lag, mean",
            "#lag, longest",
        ],
        &rows,
    )
}

fn row(name: &str, measures: &ElasticitySummary) -> Vec<Cell> {
    let share = |value: f64| Cell::number(percent(value));
    let time = |value: Option<f64>| Cell::number(value.map_or("–".to_owned(), duration));
    vec![
        Cell::Head(name.to_owned()),
        Cell::number(significant(measures.needed_mean, 3)),
        Cell::number(measures.needed_peak.to_string()),
        share(measures.under_provisioning_accuracy),
        share(measures.over_provisioning_accuracy),
        share(measures.under_provisioned_time),
        share(measures.over_provisioned_time),
        share(measures.instability),
        Cell::number(measures.shortages.to_string()),
        time(measures.scaling_lag_seconds),
        time(measures.longest_scaling_lag_seconds),
    ]
}

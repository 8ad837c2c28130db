//! How well supply follows demand, in `summary.json`.

use plimsoll_core::statistics::Elasticity;
use serde::{Deserialize, Serialize};

use crate::number::finite;

/// Measures of elasticity; shares are fractions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ElasticitySummary {
    /// θU: mean of what was missing over what was needed.
    pub under_provisioning_accuracy: f64,
    /// θO: mean of what was too much over what was needed.
    pub over_provisioning_accuracy: f64,
    /// τU: share of the time with too little.
    pub under_provisioned_time: f64,
    /// τO: share of the time with too much.
    pub over_provisioned_time: f64,
    /// υ: share of minutes in which need and supply did not move the same way.
    pub instability: f64,
    /// Mean number missing.
    pub under_provisioned_mean: f64,
    /// Mean number too many.
    pub over_provisioned_mean: f64,
    /// Mean need.
    pub needed_mean: f64,
    /// Largest need.
    pub needed_peak: u64,
    /// Times that the need rose above supply.
    pub shortages: u64,
    /// Mean time until supply covered it again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scaling_lag_seconds: Option<f64>,
    /// Longest such time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longest_scaling_lag_seconds: Option<f64>,
}

impl ElasticitySummary {
    /// The measures of a run, unless one is no number.
    pub(super) fn new(of: &Elasticity) -> Option<Self> {
        Some(Self {
            under_provisioning_accuracy: finite(of.under_accuracy)?,
            over_provisioning_accuracy: finite(of.over_accuracy)?,
            under_provisioned_time: finite(of.under_time)?,
            over_provisioned_time: finite(of.over_time)?,
            instability: finite(of.instability)?,
            under_provisioned_mean: finite(of.under_mean)?,
            over_provisioned_mean: finite(of.over_mean)?,
            needed_mean: finite(of.demand_mean)?,
            needed_peak: of.demand_peak,
            shortages: of.shortages,
            scaling_lag_seconds: of.lag_mean_seconds.and_then(finite),
            longest_scaling_lag_seconds: of.lag_longest_seconds.and_then(finite),
        })
    }
}

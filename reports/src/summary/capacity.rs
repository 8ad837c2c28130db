//! Groups of container instances, and how well the tasks are packed on them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ElasticitySummary, is_nothing, is_zero};

/// A group of container instances.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CapacitySummary {
    /// Its capacity provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity_provider: Option<String>,
    /// Instance types that it can launch, joined by commas.
    pub instance_type: String,
    /// Time-weighted mean of running instances.
    pub mean: f64,
    /// Largest number running.
    pub peak: u32,
    /// Activities that raised the desired capacity.
    pub scale_out: u32,
    /// Activities that lowered it.
    pub scale_in: u32,
    /// `MaxSize`.
    pub max_size: u32,
    /// Time-weighted mean of running Spot Instances; absent without any.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub spot_mean: f64,
    /// Spot Instances that EC2 took back; absent without any.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub interrupted: u64,
    /// Launches that found no capacity; absent without any.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failed_launches: u64,
    /// Fraction of the run in which tasks waited for a group that was as large as it may be.
    pub waiting_at_maximum_time: f64,
    /// How well its registered instances follow what the tasks need.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elasticity: Option<ElasticitySummary>,
    /// Instances and volumes, USD.
    pub cost_usd: String,
}

/// Scaling activities of the whole run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScalingTotals {
    /// Activities that raised a service's desired count.
    pub service_scale_out: u32,
    /// Activities that lowered one.
    pub service_scale_in: u32,
    /// Activities that raised a group's desired capacity.
    pub group_scale_out: u32,
    /// Activities that lowered one.
    pub group_scale_in: u32,
    /// Tasks missing against need, summed over services.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub under_provisioned_mean: Option<f64>,
    /// Tasks beyond need, summed over services.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub over_provisioned_mean: Option<f64>,
}

/// Distance to the lower bound.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PackingSummary {
    /// The bound.
    pub lower_bound_instance_hours: f64,
    /// The bound of each resource alone, those that the tasks do not need left out.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub by_resource: BTreeMap<String, f64>,
    /// What ran.
    pub instance_hours: f64,
    /// Bound over actual.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub efficiency: Option<f64>,
    /// How far what ran is above the bound.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub gap: Option<f64>,
    /// Longest over shortest time that a task held resources.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub duration_ratio: Option<f64>,
    /// The bound if no job had waited.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub requested: Option<RequestedPackingSummary>,
}

/// Distance to the lower bound of what was asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestedPackingSummary {
    /// The bound.
    pub lower_bound_instance_hours: f64,
    /// How far what ran is above it; negative where jobs waited or were left undone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gap: Option<f64>,
    /// Mean wait of a job from arrival to placement.
    pub mean_wait_seconds: f64,
    /// Jobs that arrived and did not end.
    pub unfinished: u64,
}

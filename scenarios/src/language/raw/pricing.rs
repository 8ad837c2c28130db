//! Changes to the built-in prices.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::kinds::Usd;

/// Prices in USD that replace the built-in ones of the scenario's region: for what has no built-in
/// price there, or for negotiated ones.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pricing {
    /// USD per hour of an instance by its type, licence included.
    #[serde(default)]
    pub instance_hour: BTreeMap<String, Usd>,
    /// On-Demand tasks on Fargate.
    #[serde(default)]
    pub fargate: Option<FargatePrice>,
    /// Tasks on Fargate Spot.
    #[serde(default)]
    pub fargate_spot: Option<FargatePrice>,
    /// USD per GB and hour of ephemeral storage beyond 20 GiB.
    #[serde(default)]
    pub ephemeral_storage_gb_hour: Option<Usd>,
    /// USD per GB and month of gp3 volumes.
    #[serde(default)]
    pub volume_gb_month: Option<Usd>,
    /// Fee of Managed Instances in percent of the On-Demand price, in steps of 0.1. Default: 12, for the G series 7.8,
    /// for the P series 4.8.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 1000.0))]
    pub managed_instances_fee: Option<f64>,
    /// USD per hour of a load balancer.
    #[serde(default)]
    pub load_balancer_hour: Option<Usd>,
    /// USD per capacity unit of an Application Load Balancer and hour.
    #[serde(default)]
    pub load_balancer_unit_hour: Option<Usd>,
    /// USD per capacity unit of a Network Load Balancer and hour.
    #[serde(default)]
    pub network_load_balancer_unit_hour: Option<Usd>,
}

/// Prices of Fargate.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FargatePrice {
    /// USD per vCPU and hour.
    pub vcpu_hour: Usd,
    /// USD per GB of memory and hour.
    pub gb_hour: Usd,
}

//! Changes to the built-in prices.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Prices in USD that replace the built-in ones of the scenario's region.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pricing {
    /// USD per hour of an instance by its type, for types or regions without a built-in price, or for
    /// negotiated ones.
    #[serde(default)]
    pub instance_hour: BTreeMap<String, f64>,
}

//! Variants of a scenario to compare.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Variants to compare: each combination of the parameters' alternatives, replicated.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sweep {
    /// Runs of each combination, with different random numbers. Default: 10.
    #[serde(default = "default_replications")]
    #[schemars(range(min = 1, max = 100_000))]
    pub replications: u32,
    /// What the others are compared with: a whole combination (`placement=binpack target=60`), or one
    /// alternative, which stands for the first combination that has it. Default: the first combination.
    #[serde(default)]
    pub baseline: Option<String>,
    /// Parameters by name. Either alternatives by name, each a mapping from paths to values
    /// (`binpack: {services.api.placementStrategy: [...]}`), or one path with the list of its values
    /// (`services.api.desiredCount: [2, 4, 8]`).
    pub parameters: BTreeMap<String, BTreeMap<String, serde_json::Value>>,
}

fn default_replications() -> u32 {
    10
}

//! Random lengths of time.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::kinds::Length;

/// A length of time: fixed, or drawn from a distribution.
#[derive(Clone, Debug, PartialEq)]
pub enum Distribution {
    /// Always the same.
    Fixed(Length),
    /// Drawn.
    Drawn(Box<DistributionParts>),
}

/// A distribution of lengths of time; exactly one key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub struct DistributionParts {
    /// Always the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub constant: Option<Length>,
    /// Uniform from `min` to `max`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uniform: Option<Uniform>,
    /// Exponential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exponential: Option<Exponential>,
    /// Lognormal: `median` with `p95` or `sigma`, or `mean` with `cv`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lognormal: Option<Lognormal>,
    /// Weibull.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weibull: Option<ScaleAndShape>,
    /// Pareto.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pareto: Option<ScaleAndShape>,
    /// One of the given values, each equally likely.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub empirical: Option<Vec<Length>>,
}

/// Ends of a uniform distribution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Uniform {
    /// Smallest value.
    pub min: Length,
    /// Upper end, not below `min`.
    pub max: Length,
}

/// Mean of an exponential distribution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Exponential {
    /// Mean, above zero.
    pub mean: Length,
}

/// Two numbers that fix a lognormal distribution.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Lognormal {
    /// Median.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub median: Option<Length>,
    /// 95th percentile, above the median.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95: Option<Length>,
    /// Standard deviation of the logarithm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sigma: Option<f64>,
    /// Mean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<Length>,
    /// Coefficient of variation: standard deviation over mean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cv: Option<f64>,
}

/// Scale and shape of a Weibull or Pareto distribution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScaleAndShape {
    /// Scale (Pareto: the smallest value).
    pub scale: Length,
    /// Shape, above zero.
    pub shape: f64,
}

impl Distribution {
    /// Always `seconds` seconds.
    pub fn seconds(seconds: u64) -> Self {
        Self::Fixed(Length::from_secs(seconds))
    }

    /// Uniform between two numbers of seconds.
    pub fn uniform(min: u64, max: u64) -> Self {
        let uniform = Uniform { min: Length::from_secs(min), max: Length::from_secs(max) };
        Self::Drawn(Box::new(DistributionParts { uniform: Some(uniform), ..Default::default() }))
    }

    /// Lognormal from its median and 95th percentile in seconds.
    pub fn median_p95(median: u64, p95: u64) -> Self {
        let lognormal = Lognormal {
            median: Some(Length::from_secs(median)),
            p95: Some(Length::from_secs(p95)),
            ..Default::default()
        };
        Self::Drawn(Box::new(DistributionParts {
            lognormal: Some(lognormal),
            ..Default::default()
        }))
    }

    /// Lognormal from its median in seconds and the standard deviation of its logarithm.
    pub fn median_sigma(median: u64, sigma: f64) -> Self {
        let lognormal = Lognormal {
            median: Some(Length::from_secs(median)),
            sigma: Some(sigma),
            ..Default::default()
        };
        Self::Drawn(Box::new(DistributionParts {
            lognormal: Some(lognormal),
            ..Default::default()
        }))
    }
}

impl<'de> Deserialize<'de> for Distribution {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        let result = if value.is_object() {
            serde_json::from_value(value).map(|parts| Self::Drawn(Box::new(parts)))
        } else {
            serde_json::from_value(value).map(Self::Fixed)
        };
        result.map_err(serde::de::Error::custom)
    }
}

impl Serialize for Distribution {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Fixed(length) => length.serialize(serializer),
            Self::Drawn(parts) => parts.serialize(serializer),
        }
    }
}

impl JsonSchema for Distribution {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Distribution".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let length = generator.subschema_for::<Length>();
        let parts = generator.subschema_for::<DistributionParts>();
        json_schema!({ "anyOf": [length, parts] })
    }
}

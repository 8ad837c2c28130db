//! CloudWatch metrics as AWS's documents name them, and metrics of the user's own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::kinds::{Length, Seconds};

/// A dimension of a metric.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Dimension {
    /// Name, for example `ServiceName`.
    pub name: String,
    /// Value.
    pub value: String,
}

/// What becomes of the samples of a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Statistic {
    /// Their number.
    SampleCount,
    /// Their mean.
    Average,
    /// Their sum.
    Sum,
    /// The least.
    Minimum,
    /// The greatest.
    Maximum,
}

/// The identity of a metric.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metric {
    /// Namespace, for example `AWS/ECS`. Default: the one that has the metric.
    #[serde(default)]
    pub namespace: Option<String>,
    /// Name, for example `CPUUtilization`.
    pub metric_name: String,
    /// Dimensions. Default: those of the service that is scaled.
    #[serde(default)]
    #[schemars(length(max = 30))]
    pub dimensions: Vec<Dimension>,
}

/// A metric with its statistic.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-plimsoll-ignored" = ["unit"]))]
pub struct MetricStat {
    /// The metric.
    pub metric: Metric,
    /// Length of a data point. Default: that of the alarm's other metrics, or 60 s.
    #[serde(default)]
    pub period: Option<Seconds>,
    /// Statistic, or a percentile such as `p99`.
    #[schemars(regex(
        pattern = r"^(SampleCount|Average|Sum|Minimum|Maximum|p([0-9]{1,2}(\.[0-9]{1,3})?|100))$"
    ))]
    pub stat: String,
}

/// One line of metric math: a metric or an expression.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-plimsoll-ignored" = ["accountId", "label"]))]
pub struct MetricDataQuery {
    /// The name that expressions use.
    #[schemars(length(min = 1, max = 255), regex(pattern = r"^[a-z][a-zA-Z0-9_]*$"))]
    pub id: String,
    /// A metric.
    #[serde(default)]
    pub metric_stat: Option<MetricStat>,
    /// An expression over other lines.
    #[serde(default)]
    pub expression: Option<String>,
    /// Length of a data point of an expression.
    #[serde(default)]
    pub period: Option<Seconds>,
    /// Whether this line is the result. Default: yes; exactly one line must be.
    #[serde(default = "super::yes")]
    pub return_data: bool,
}

/// A metric that somebody publishes: values from a file, or a formula over other metrics.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UserMetric {
    /// Namespace. Default: `Custom`.
    #[serde(default = "custom")]
    #[schemars(length(min = 1, max = 255))]
    pub namespace: String,
    /// Name.
    #[schemars(length(min = 1, max = 255))]
    pub metric_name: String,
    /// Dimensions.
    #[serde(default)]
    #[schemars(length(max = 30))]
    pub dimensions: Vec<Dimension>,
    /// Values from a file.
    #[serde(default)]
    pub trace: Option<MetricTrace>,
    /// Lines of metric math, computed each minute from what is measured then.
    #[serde(default)]
    #[schemars(length(max = 20))]
    pub metrics: Vec<MetricDataQuery>,
    /// From the end of a period to the published data point. Default: 5 s.
    #[serde(default = "five_seconds")]
    pub delay: Length,
}

fn custom() -> String {
    "Custom".to_owned()
}

fn five_seconds() -> Length {
    Length::from_secs(5)
}

/// Values of a metric: one row of a CSV file per period, from the start of the run on. An empty value is a
/// missing data point.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MetricTrace {
    /// File.
    pub file: String,
    /// Column of the values. Default: `value`.
    #[serde(default = "value")]
    pub column: String,
    /// Length of a period: 1, 5, 10, 20, 30 or a multiple of 60 seconds. Default: 60 s.
    #[serde(default = "minute")]
    pub period: Seconds,
    /// Whether the values begin anew after their end. Default: the metric ends.
    #[serde(default)]
    pub repeat: bool,
}

fn value() -> String {
    "value".to_owned()
}

fn minute() -> Seconds {
    Seconds::from_secs(60)
}

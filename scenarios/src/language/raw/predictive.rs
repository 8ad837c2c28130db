//! Predictive scaling.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::kinds::{Length, Seconds};

/// `PredictiveScalingPolicyConfiguration`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PredictiveScalingConfiguration {
    /// The pair of metrics and the target.
    #[schemars(length(min = 1, max = 1))]
    pub metric_specifications: Vec<PredictiveMetricSpecification>,
    /// Whether the forecast scales. Default: it does not.
    #[serde(default)]
    pub mode: PredictiveMode,
    /// How long before the hour its capacity is there. Default: 300 s.
    #[serde(default = "default_buffer")]
    #[schemars(extend("x-plimsoll-max" = "3600s"))]
    pub scheduling_buffer_time: Seconds,
    /// Whether a forecast above the largest size raises it, for good.
    #[serde(default)]
    pub max_capacity_breach_behavior: MaxCapacityBreachBehavior,
    /// By how much more than the forecast it is raised, in percent; only with `IncreaseMaxCapacity`.
    #[serde(default)]
    #[schemars(range(min = 0, max = 100))]
    pub max_capacity_buffer: Option<u32>,
}

fn default_buffer() -> Seconds {
    Seconds::from_secs(300)
}

/// The pair of metrics of predictive scaling and their target.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-plimsoll-not-simulated" = {
    "customizedCapacityMetricSpecification": { "means": "predictive scaling on other metrics is" },
    "customizedLoadMetricSpecification": { "means": "predictive scaling on other metrics is" },
    "customizedScalingMetricSpecification": { "means": "predictive scaling on other metrics is" }
}))]
pub struct PredictiveMetricSpecification {
    /// Target: percent, or requests per target and minute.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub target_value: f64,
    /// Load metric and scaling metric in one.
    #[serde(default)]
    pub predefined_metric_pair_specification: Option<PredictiveMetric>,
    /// The load metric, whose hourly sums are forecast.
    #[serde(default)]
    pub predefined_load_metric_specification: Option<PredictiveMetric>,
    /// The scaling metric, which is to stay at the target.
    #[serde(default)]
    pub predefined_scaling_metric_specification: Option<PredictiveMetric>,
}

/// A metric of predictive scaling, or a pair of them.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-plimsoll-ignored" = ["resourceLabel"]))]
pub struct PredictiveMetric {
    /// Which.
    pub predefined_metric_type: PredictiveMetricType,
}

/// Predefined metrics of predictive scaling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PredictiveMetricType {
    /// CPU of the tasks: the pair.
    ECSServiceCPUUtilization,
    /// Its sum.
    ECSServiceTotalCPUUtilization,
    /// Its mean.
    ECSServiceAverageCPUUtilization,
    /// Memory of the tasks: the pair.
    ECSServiceMemoryUtilization,
    /// Its sum.
    ECSServiceTotalMemoryUtilization,
    /// Its mean.
    ECSServiceAverageMemoryUtilization,
    /// Requests of the load balancer: the pair.
    ALBRequestCount,
    /// Their number.
    TotalALBRequestCount,
    /// Their number per target and minute.
    ALBRequestCountPerTarget,
    /// CPU of the instances of a group: the pair.
    ASGCPUUtilization,
    /// Its sum.
    ASGTotalCPUUtilization,
    /// Its mean.
    ASGAverageCPUUtilization,
}

/// Whether a forecast scales.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PredictiveMode {
    /// It does not.
    #[default]
    ForecastOnly,
    /// It does.
    ForecastAndScale,
}

/// What a forecast above the largest size does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MaxCapacityBreachBehavior {
    /// The largest size holds.
    #[default]
    HonorMaxCapacity,
    /// It is raised.
    IncreaseMaxCapacity,
}

/// What stands in for the forecast of AWS, which is not published.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Forecast {
    /// Method. Default: `seasonalNaive`.
    pub method: ForecastMethod,
    /// Hourly sums of the load metric before the start of the run, the oldest first; for `seasonalNaive`.
    /// Default: none, so that the first forecast comes after a day.
    #[schemars(length(max = 336), inner(range(min = 0.0)))]
    pub history: Vec<f64>,
    /// For how long there are metrics before the start of the run; for `oracle`. Without a day of them the
    /// first forecast comes later. Default: `0s`.
    pub known_for: Option<Length>,
    /// Standard deviation of the logarithm of a random factor with mean 1, for `oracle`. Default: 0.
    #[schemars(range(min = 0.0, max = 3.0))]
    pub error: f64,
}

/// How the load is forecast.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ForecastMethod {
    /// By the mean of the same hour of the week, or of the day until there is a week of metrics.
    #[default]
    SeasonalNaive,
    /// By the load that will be offered.
    Oracle,
}

//! Single requests of a service: what the level `requests` reads beyond the mean load.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::kinds::Length;

/// How closely the requests of a service are followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Fidelity {
    /// As a fluid: closed forms for what randomness adds. A month costs milliseconds.
    #[default]
    Fluid,
    /// Each request on its own, some millions per second of computing.
    Requests,
}

/// Single requests at the level `requests`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PerRequest {
    /// Gaps between arrivals over their mean, which follows the load. Default: exponential, so that
    /// arrivals are a Poisson process.
    #[serde(default)]
    pub arrivals: Option<Variability>,
    /// CPU time of a request over `cpuPerRequest`. Default: exponential.
    #[serde(default)]
    pub cpu_time: Option<Variability>,
    /// In which order a task works on its requests. Without `perRequest`, a fluid takes response times as in order.
    #[serde(default)]
    pub discipline: Discipline,
    /// Most requests that a task works on at once. Default: any number.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_concurrency: Option<u32>,
    /// Most requests that wait at a task beyond `maxConcurrency`, or beyond its cores with
    /// `discipline: fifo`; more are rejected. Default: any number.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub queue_length: Option<u32>,
    /// What a task does about a request whose client has given up after `timeout`.
    #[serde(default)]
    pub after_timeout: AfterTimeout,
    /// Behind a Network Load Balancer: connections that clients hold open; a request takes any of them. Each
    /// stays with its target for `requestsPerConnection` requests of the target group. Default: 100.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub connections: Option<u32>,
    /// What clients do about attempts that failed. Default: nothing.
    #[serde(default)]
    pub retries: Option<Retries>,
}

/// A law of random values by its squared coefficient of variation (variance over squared mean).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Variability {
    /// Kind of the law.
    pub distribution: Law,
    /// Squared coefficient of variation: needed for `gamma`, `lognormal` and `hyperexponential` (at
    /// least 1), fixed for the others.
    #[serde(default)]
    #[schemars(range(min = 0.0001, max = 10000.0))]
    pub squared_cv: Option<f64>,
}

/// Kind of a law.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Law {
    /// No variability.
    Deterministic,
    /// Squared coefficient of variation 1.
    Exponential,
    /// Gamma, or Erlang if the inverse of the squared coefficient of variation is whole.
    Gamma,
    /// Lognormal.
    Lognormal,
    /// Two exponentials with balanced means.
    Hyperexponential,
}

/// In which order a task works on its requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Discipline {
    /// All at once, in equal parts, none on more than one core.
    #[default]
    ProcessorSharing,
    /// First come, first served: as many at once as the task has cores.
    Fifo,
}

/// What becomes of work whose client has given up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum AfterTimeout {
    /// The task stops working on it.
    #[default]
    Cancel,
    /// The task finishes it in vain.
    Finish,
}

/// Retries by clients: exponential back-off with full jitter, as in the AWS SDKs.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Retries {
    /// Attempts at most, the first included. Default: 3, as in the AWS SDKs.
    #[serde(default = "default_attempts")]
    #[schemars(range(min = 2, max = 20))]
    pub max_attempts: u32,
    /// Longest delay before the first retry; it doubles with each further one. Default: 100 ms.
    #[serde(default = "default_base")]
    pub base_delay: Length,
    /// Longest delay before any retry. Default: 20 s, as in the AWS SDKs.
    #[serde(default = "default_most")]
    #[schemars(extend("x-plimsoll-max" = "1h"))]
    pub max_delay: Length,
    /// Retries that clients allow themselves for each request, for example 0.1. Default: any number.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 20.0))]
    pub budget: Option<f64>,
}

fn default_attempts() -> u32 {
    3
}

fn default_base() -> Length {
    Length(100_000_000)
}

fn default_most() -> Length {
    Length::from_secs(20)
}

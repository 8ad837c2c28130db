//! Request load of a service.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::kinds::{Bytes, CpuUnits, Length, Mebibytes, Rate};
use super::requests::{Fidelity, PerRequest};

/// Requests to a service and what a request costs it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Load {
    /// Requests over time.
    pub requests: Requests,
    /// How closely requests are followed.
    #[serde(default)]
    pub fidelity: Fidelity,
    /// Single requests. The level `fluid` knows of `arrivals`, `cpuTime` and `discipline` only.
    #[serde(default)]
    pub per_request: Option<PerRequest>,
    /// Mean CPU time of one request on one vCPU.
    pub cpu_per_request: Length,
    /// Time of a request that is not CPU, such as waiting for others.
    #[serde(default = "zero")]
    pub other_latency: Length,
    /// A request that waits longer fails. Default: 60 s, the load balancer's idle time-out.
    #[serde(default = "default_timeout")]
    pub timeout: Length,
    /// vCPUs that one task can use at once, for example 1 if it has a single thread. Default: as many
    /// as it gets.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1024))]
    pub parallelism: Option<u32>,
    /// How the load balancer chooses a task.
    #[serde(default)]
    pub algorithm: Algorithm,
    /// CPU that a task uses without requests. Default: 0.
    #[serde(default)]
    pub idle_cpu: Option<CpuUnits>,
    /// Memory that a task uses without requests. Default: 0.
    #[serde(default)]
    pub idle_memory: Option<Mebibytes>,
    /// Memory for each request in flight. Default: 0.
    #[serde(default)]
    pub memory_per_request: Option<Bytes>,
}

fn zero() -> Length {
    Length(0)
}

fn default_timeout() -> Length {
    Length::from_secs(60)
}

/// Balancing algorithm of a target group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// In turn.
    #[default]
    RoundRobin,
    /// To the task with the fewest requests in flight.
    LeastOutstandingRequests,
    /// At random.
    WeightedRandom,
}

/// Requests over time: one of `constant`, `trace`, `arrivalTimes` and `profile`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Requests {
    /// A constant rate.
    #[serde(default)]
    pub constant: Option<Rate>,
    /// A CSV file, plain or gzip, relative to the scenario: one row per interval, in time order.
    #[serde(default)]
    pub trace: Option<String>,
    /// A CSV file, plain or gzip, relative to the scenario: one row per request with the time at which
    /// it arrives, in time order. `fidelity: fluid` takes the number of each minute.
    #[serde(default)]
    pub arrival_times: Option<String>,
    /// Trace: column with the number of requests of the interval.
    #[serde(default)]
    pub column: Option<String>,
    /// Trace: column with the start of the interval: seconds, or a time such as
    /// `2026-03-02T00:00:00Z`. Without it each row is the next interval. Arrival times: their column;
    /// numbers count from the start of the run.
    #[serde(default)]
    pub time_column: Option<String>,
    /// Trace: unit of a numeric time column. Default: `seconds`.
    #[serde(default)]
    pub time_unit: Option<TimeUnit>,
    /// Trace: length of an interval. Default: the distance of the first two times, else 60 s.
    #[serde(default)]
    pub interval: Option<Length>,
    /// Trace: whether the column holds totals of the interval or requests per second. Default:
    /// `total`.
    #[serde(default)]
    pub unit: Option<TraceUnit>,
    /// Trace: what a missing interval means. Default: `error`.
    #[serde(default)]
    pub gaps: Option<Gaps>,
    /// Trace: part of the trace to leave out at its start.
    #[serde(default)]
    pub skip: Option<Length>,
    /// Trace: what follows its end. Default: `zero`.
    #[serde(default)]
    pub after_end: Option<AfterEnd>,
    /// Factor on all values of a trace. Default: 1.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub scale: Option<f64>,
    /// Synthetic load.
    #[serde(default)]
    pub profile: Option<Profile>,
}

/// Unit of the time column of a trace.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum TimeUnit {
    /// Milliseconds.
    Milliseconds,
    /// Seconds.
    #[default]
    Seconds,
    /// Minutes.
    Minutes,
    /// Hours.
    Hours,
}

/// What the values of a trace count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum TraceUnit {
    /// Requests in the interval.
    #[default]
    Total,
    /// Requests per second.
    PerSecond,
}

/// What a missing interval of a trace means.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Gaps {
    /// The trace is refused.
    #[default]
    Error,
    /// No requests.
    Zero,
}

/// What follows the end of a trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum AfterEnd {
    /// No requests.
    #[default]
    Zero,
    /// The trace again from its start.
    Repeat,
}

/// Synthetic load: the level times all the other parts.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Profile {
    /// Level before any ramp.
    pub base: Rate,
    /// Length over which the rate is constant. Default: 60 s.
    #[serde(default = "default_step")]
    #[schemars(extend("x-plimsoll-min" = "1s"))]
    pub step: Length,
    /// Daily wave with mean 1, in the scenario's time zone.
    #[serde(default)]
    pub diurnal: Option<Diurnal>,
    /// Factors of the seven days, Monday first.
    #[serde(default)]
    #[schemars(length(min = 7, max = 7))]
    pub weekdays: Option<Vec<f64>>,
    /// Changes of the level, in time order.
    #[serde(default)]
    pub ramps: Vec<Ramp>,
    /// Growth from day to day.
    #[serde(default)]
    pub growth: Option<Growth>,
    /// Flash crowds; overlapping ones multiply.
    #[serde(default)]
    pub spikes: Vec<Spike>,
    /// Load that comes and goes.
    #[serde(default)]
    pub on_off: Option<OnOff>,
    /// Multiplicative noise with mean 1.
    #[serde(default)]
    pub noise: Option<Noise>,
}

fn default_step() -> Length {
    Length::from_secs(60)
}

/// A cosine over the day.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Diurnal {
    /// Highest over lowest rate of the day, at least 1.
    #[schemars(range(min = 1.0))]
    pub peak_to_trough: f64,
    /// Local time of the peak, `HH:MM`. Default: `14:00`.
    #[serde(default = "default_peak")]
    #[schemars(regex(pattern = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub peak_at: String,
}

fn default_peak() -> String {
    "14:00".to_owned()
}

/// A linear change of the level.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ramp {
    /// Start, after the start of the run.
    pub from: Length,
    /// End, not before `from`; the same for a step.
    pub until: Length,
    /// Level at the end, which then stays.
    pub to_rate: Rate,
    /// Level at the start. Default: the level before.
    #[serde(default)]
    pub from_rate: Option<Rate>,
}

/// Growth per day; one of the two.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub struct Growth {
    /// Fraction of the initial load added per day.
    #[serde(default)]
    pub linear_per_day: Option<f64>,
    /// Fraction by which each day exceeds the one before.
    #[serde(default)]
    pub exponential_per_day: Option<f64>,
}

/// A flash crowd.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Spike {
    /// Start, after the start of the run.
    pub start: Length,
    /// Length of the rise. Default: 0.
    #[serde(default = "zero")]
    pub rise: Length,
    /// Time at the top. Default: 0.
    #[serde(default = "zero")]
    pub hold: Length,
    /// Length of the decay. Default: 0.
    #[serde(default = "zero")]
    pub decay: Length,
    /// Factor at the top.
    #[schemars(range(min = 0.0))]
    pub multiplier: f64,
}

/// A cycle of load and (nearly) none.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OnOff {
    /// First start. Default: 0.
    #[serde(default = "zero")]
    pub start: Length,
    /// Time on in each cycle.
    pub on: Length,
    /// Time off in each cycle.
    pub off: Length,
    /// Factor while off. Default: 0.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub off_factor: f64,
}

/// Lognormal noise on each step.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Noise {
    /// Coefficient of variation of the factor.
    #[schemars(range(min = 0.0))]
    pub cv: f64,
    /// Correlation of the logarithm with that of the step before. Default: 0.
    #[serde(default)]
    #[schemars(extend("exclusiveMinimum" = -1, "exclusiveMaximum" = 1))]
    pub autocorrelation: f64,
}

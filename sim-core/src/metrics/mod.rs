//! CloudWatch: metrics with a period and a publication delay, and what alarms and policies read of them.
//!
//! A [`MetricSeries`] is written by whoever measures and read by alarms. A reader names the instant
//! at which it looks, and sees only what is published by then; there is no way to ask for more.
//!
//! * `source`: what a metric measures; a scenario lists the metrics that something watches, and only
//!   those are sampled;
//! * `statistic`: sets of statistics, and the statistic that a reader asks for;
//! * `series`: the data points of one metric; `window`: what a reader sees of them;
//! * `math`: expressions over metrics;
//! * `query`: what an alarm or a policy watches, by the id of the metric; `store`: all series of a run.

mod math;
mod query;
mod series;
mod source;
mod statistic;
mod store;
mod window;

pub use math::{
    MAX_MATH_LENGTH, MAX_MATH_METRICS, MAX_MATH_OPERATIONS, MathBuilder, MathError, MathExpression,
};
pub use query::{MathQuery, MetricQuery, QueryKind, QueryView, QueryWindow};
pub use series::MetricSeries;
pub use source::{
    CAPACITY_PROVIDER_RESERVATION, ClusterMeasure, GroupMeasure, Metric, MetricSource, MetricTrace,
    QueueMeasure, ServiceMeasure,
};
pub use statistic::{LowSampleCount, Percentile, Statistic, StatisticSet, fraction_of};
pub use store::MetricStore;
pub use window::{DataPoint, Points, Span, Window};

//! CloudWatch-like series: data points with a period and a publication delay.
//!
//! A [`MetricSeries`] is written by whoever measures and read by alarms. A reader names the instant
//! at which it looks, and sees only what is published by then; there is no way to ask for more.

mod series;

pub use series::{DataPoint, MetricSeries, Window};

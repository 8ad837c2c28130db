//! CloudWatch-like series: data points with a period and a publication delay.

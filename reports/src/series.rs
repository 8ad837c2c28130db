//! Which recorded series mean what to the plots.
//!
//! The simulator records series under the names of CloudWatch; a plot looks for the first of several
//! names, so that a series is found whether it is an AWS metric or one of our own.

use plimsoll_core::results::Series;

/// Names of a quantity: `(namespace, metric)`, in order of preference. An empty namespace fits any.
pub type Names = &'static [(&'static str, &'static str)];

/// Tasks that would keep the target at the offered load.
pub const NEEDED: Names = &[
    ("Plimsoll", "NeededTaskCount"),
    ("Plimsoll", "TasksNeeded"),
    ("", "NeededTaskCount"),
];
/// Desired tasks of a service.
pub const DESIRED: Names = &[
    ("ECS/ContainerInsights", "DesiredTaskCount"),
    ("", "DesiredTaskCount"),
];
/// Running tasks of a service or batch source.
pub const RUNNING: Names = &[
    ("ECS/ContainerInsights", "RunningTaskCount"),
    ("", "RunningTaskCount"),
];
/// Tasks or jobs that wait.
pub const PENDING: Names = &[
    ("ECS/ContainerInsights", "PendingTaskCount"),
    ("", "PendingTaskCount"),
];
/// Offered requests in an interval.
pub const REQUESTS: Names = &[
    ("AWS/ApplicationELB", "RequestCount"),
    ("", "RequestCount"),
    ("", "OfferedRequestCount"),
];
/// Median latency.
pub const LATENCY_P50: Names = &[
    ("Plimsoll", "LatencyP50"),
    ("", "LatencyP50"),
    ("", "TargetResponseTime.p50"),
];
/// 95th percentile of latency.
pub const LATENCY_P95: Names = &[
    ("Plimsoll", "LatencyP95"),
    ("", "LatencyP95"),
    ("", "TargetResponseTime.p95"),
];
/// 99th percentile of latency.
pub const LATENCY_P99: Names = &[
    ("Plimsoll", "LatencyP99"),
    ("", "LatencyP99"),
    ("", "TargetResponseTime.p99"),
];
/// Running instances of a group.
pub const IN_SERVICE: Names = &[
    ("AWS/AutoScaling", "GroupInServiceInstances"),
    ("", "GroupInServiceInstances"),
    ("", "RunningInstanceCount"),
];
/// Desired instances of a group.
pub const GROUP_DESIRED: Names = &[
    ("AWS/AutoScaling", "GroupDesiredCapacity"),
    ("", "GroupDesiredCapacity"),
];
/// Instances that the tasks need.
pub const GROUP_NEEDED: Names = &[
    ("Plimsoll", "NeededInstanceCount"),
    ("", "NeededInstanceCount"),
];
/// Reserved share of the cluster's CPU in percent.
pub const CPU_RESERVED: Names = &[("AWS/ECS", "CPUReservation"), ("", "CPUReservation")];
/// Reserved share of the cluster's memory in percent.
pub const MEMORY_RESERVED: Names = &[("AWS/ECS", "MemoryReservation"), ("", "MemoryReservation")];
/// Used share of CPU in percent.
pub const CPU_USED: Names = &[("AWS/ECS", "CPUUtilization"), ("", "CPUUtilization")];
/// Used share of memory in percent.
pub const MEMORY_USED: Names = &[("AWS/ECS", "MemoryUtilization"), ("", "MemoryUtilization")];

/// The series of `entity` under the first of `names` that exists.
pub fn find<'a>(series: &'a [Series], names: Names, entity: &str) -> Option<&'a Series> {
    names
        .iter()
        .find_map(|name| series.iter().find(|s| fits(s, *name) && s.entity == entity))
}

/// The series of the whole cluster under the first of `names`: without dimension, or by `ClusterName`.
pub fn find_cluster<'a>(series: &'a [Series], names: Names) -> Option<&'a Series> {
    let whole = |s: &&Series| s.dimension.is_empty() || s.dimension == "ClusterName";
    names
        .iter()
        .find_map(|name| series.iter().find(|s| fits(s, *name) && whole(s)))
}

fn fits(series: &Series, (namespace, metric): (&str, &str)) -> bool {
    series.metric == metric && (namespace.is_empty() || series.namespace == namespace)
}

/// Largest finite value.
pub fn peak(values: &[Option<f64>]) -> Option<f64> {
    values
        .iter()
        .flatten()
        .copied()
        .filter(|v| v.is_finite())
        .reduce(f64::max)
}

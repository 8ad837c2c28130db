//! Which recorded series mean what to the plots.
//!
//! The simulator records series under the names of CloudWatch, and under the name space `Plimsoll`
//! what CloudWatch does not have.

use plimsoll_core::results::Series;

/// Namespace and metric of a series.
pub type Name = (&'static str, &'static str);

/// Dimension of a service's series.
pub const SERVICE: &str = "ServiceName";
/// Dimension of a batch source's series.
pub const TASK_GROUP: &str = "TaskGroup";
/// Dimension of the series of an Auto Scaling group.
pub const GROUP: &str = "AutoScalingGroupName";
/// Dimension of the cluster's series.
pub const CLUSTER: &str = "ClusterName";

/// Least number of tasks that the offered load needs.
pub const NEEDED: Name = ("Plimsoll", "NeededTaskCount");
/// Desired tasks of a service.
pub const DESIRED: Name = ("ECS/ContainerInsights", "DesiredTaskCount");
/// Running tasks of a service or batch source.
pub const RUNNING: Name = ("ECS/ContainerInsights", "RunningTaskCount");
/// Tasks or jobs that wait.
pub const PENDING: Name = ("ECS/ContainerInsights", "PendingTaskCount");
/// Offered requests in an interval.
pub const REQUESTS: Name = ("AWS/ApplicationELB", "RequestCount");
/// Median latency in milliseconds.
pub const LATENCY_P50: Name = ("Plimsoll", "LatencyP50");
/// 95th percentile of latency.
pub const LATENCY_P95: Name = ("Plimsoll", "LatencyP95");
/// 99th percentile of latency.
pub const LATENCY_P99: Name = ("Plimsoll", "LatencyP99");
/// Running instances of a group.
pub const IN_SERVICE: Name = ("AWS/AutoScaling", "GroupInServiceInstances");
/// Desired instances of a group.
pub const GROUP_DESIRED: Name = ("AWS/AutoScaling", "GroupDesiredCapacity");
/// Instances that the tasks need.
pub const GROUP_NEEDED: Name = ("Plimsoll", "NeededInstanceCount");
/// Reserved share of the cluster's CPU in percent.
pub const CPU_RESERVED: Name = ("AWS/ECS", "CPUReservation");
/// Reserved share of the cluster's memory in percent.
pub const MEMORY_RESERVED: Name = ("AWS/ECS", "MemoryReservation");
/// Used share of the cluster's CPU in percent.
pub const CPU_USED: Name = ("AWS/ECS", "CPUUtilization");
/// Used share of the cluster's memory in percent.
pub const MEMORY_USED: Name = ("AWS/ECS", "MemoryUtilization");

/// Dimension of a queue's series.
pub const QUEUE: &str = "QueueName";
/// Visible messages of a queue.
pub const VISIBLE: Name = ("AWS/SQS", "ApproximateNumberOfMessagesVisible");
/// Messages of a queue in flight.
pub const NOT_VISIBLE: Name = ("AWS/SQS", "ApproximateNumberOfMessagesNotVisible");
/// Age of the oldest message of a queue.
pub const OLDEST: Name = ("AWS/SQS", "ApproximateAgeOfOldestMessage");

/// The series `name` of `entity` in `dimension`.
pub fn find<'a>(
    series: &'a [Series],
    name: Name,
    dimension: &str,
    entity: &str,
) -> Option<&'a Series> {
    series
        .iter()
        .find(|s| (s.namespace, s.metric) == name && s.dimension == dimension && s.entity == entity)
}

/// The series `name` of the cluster.
pub fn find_cluster(series: &[Series], name: Name) -> Option<&Series> {
    series.iter().find(|s| (s.namespace, s.metric) == name && s.dimension == CLUSTER)
}

/// Largest finite value.
pub fn peak(values: &[Option<f64>]) -> Option<f64> {
    values.iter().flatten().copied().filter(|v| v.is_finite()).reduce(f64::max)
}

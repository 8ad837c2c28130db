//! What a metric measures.

use std::sync::Arc;

use super::query::MathQuery;
use crate::units::{AsgId, CapacityProviderId, QueueId, ServiceId, SimDuration};

/// CloudWatch's name of what capacity providers with managed scaling publish.
pub const CAPACITY_PROVIDER_RESERVATION: &str = "CapacityProviderReservation";

/// A metric that something in the scenario watches.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// What it measures.
    pub source: MetricSource,
    /// Length of its periods: the resolution with which it is stored.
    pub period: SimDuration,
    /// From the end of a period to the data point's visibility.
    pub delay: SimDuration,
}

/// What a metric measures.
#[derive(Clone, Debug, PartialEq)]
pub enum MetricSource {
    /// Something about a service.
    Service(ServiceId, ServiceMeasure),
    /// Something about an Auto Scaling group.
    Group(AsgId, GroupMeasure),
    /// `CapacityProviderReservation`, percent.
    CapacityProvider(CapacityProviderId),
    /// Something about the container instances of the cluster.
    Cluster(ClusterMeasure),
    /// Something about a message queue.
    Queue(QueueId, QueueMeasure),
    /// Given values.
    Trace(Arc<MetricTrace>),
    /// Computed each minute from metrics that come before it in the scenario and are sampled each minute,
    /// as whoever publishes it measures them.
    Formula(Arc<MathQuery>),
}

impl MetricSource {
    /// CloudWatch's name of the metric; `None` for the user's own.
    pub const fn metric_name(&self) -> Option<&'static str> {
        match self {
            Self::Service(_, measure) => Some(measure.metric_name()),
            Self::Group(_, measure) => Some(measure.metric_name()),
            Self::CapacityProvider(_) => Some(CAPACITY_PROVIDER_RESERVATION),
            Self::Cluster(measure) => Some(measure.metric_name()),
            Self::Queue(_, measure) => Some(measure.metric_name()),
            Self::Trace(_) | Self::Formula(_) => None,
        }
    }
}

/// Values of a metric by period, from the start of the run on; `None` is a gap.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricTrace {
    /// The values.
    pub values: Vec<Option<f64>>,
    /// Whether they begin anew after their end; otherwise the metric ends.
    pub repeats: bool,
}

impl MetricTrace {
    /// The value of a period by its number.
    pub fn value(&self, index: u64) -> Option<f64> {
        let length = self.values.len() as u64;
        let index = if self.repeats && length > 0 { index % length } else { index };
        usize::try_from(index).ok().and_then(|index| self.values.get(index).copied().flatten())
    }
}

/// What is measured of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServiceMeasure {
    /// `CPUUtilization` of `AWS/ECS`, percent.
    CpuUtilization,
    /// `MemoryUtilization` of `AWS/ECS`, percent.
    MemoryUtilization,
    /// `RequestCountPerTarget` of `AWS/ApplicationELB`, requests per target in the period.
    RequestCountPerTarget,
    /// `TargetResponseTime` of `AWS/ApplicationELB`, seconds.
    TargetResponseTime,
    /// `RunningTaskCount` of `ECS/ContainerInsights`.
    RunningTaskCount,
    /// `DesiredTaskCount` of `ECS/ContainerInsights`.
    DesiredTaskCount,
    /// `PendingTaskCount` of `ECS/ContainerInsights`.
    PendingTaskCount,
}

impl ServiceMeasure {
    /// CloudWatch's name of the metric.
    pub const fn metric_name(self) -> &'static str {
        match self {
            Self::CpuUtilization => "CPUUtilization",
            Self::MemoryUtilization => "MemoryUtilization",
            Self::RequestCountPerTarget => "RequestCountPerTarget",
            Self::TargetResponseTime => "TargetResponseTime",
            Self::RunningTaskCount => "RunningTaskCount",
            Self::DesiredTaskCount => "DesiredTaskCount",
            Self::PendingTaskCount => "PendingTaskCount",
        }
    }

    /// Whether it is computed from the load of the service.
    pub const fn needs_load(self) -> bool {
        matches!(
            self,
            Self::CpuUtilization
                | Self::MemoryUtilization
                | Self::RequestCountPerTarget
                | Self::TargetResponseTime
        )
    }
}

/// What is measured of an Auto Scaling group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroupMeasure {
    /// `GroupDesiredCapacity` of `AWS/AutoScaling`.
    DesiredCapacity,
    /// `GroupInServiceInstances` of `AWS/AutoScaling`.
    InServiceInstances,
    /// `GroupPendingInstances` of `AWS/AutoScaling`.
    PendingInstances,
    /// `GroupTerminatingInstances` of `AWS/AutoScaling`.
    TerminatingInstances,
    /// `GroupTotalInstances` of `AWS/AutoScaling`: in service, pending and terminating.
    TotalInstances,
    /// `GroupMinSize` of `AWS/AutoScaling`.
    MinSize,
    /// `GroupMaxSize` of `AWS/AutoScaling`.
    MaxSize,
    /// `CPUUtilization` of `AWS/EC2` over the group's instances, percent: each instance in service that has
    /// warmed up is a sample.
    CpuUtilization,
}

impl GroupMeasure {
    /// CloudWatch's name of the metric.
    pub const fn metric_name(self) -> &'static str {
        match self {
            Self::DesiredCapacity => "GroupDesiredCapacity",
            Self::InServiceInstances => "GroupInServiceInstances",
            Self::PendingInstances => "GroupPendingInstances",
            Self::TerminatingInstances => "GroupTerminatingInstances",
            Self::TotalInstances => "GroupTotalInstances",
            Self::MinSize => "GroupMinSize",
            Self::MaxSize => "GroupMaxSize",
            Self::CpuUtilization => "CPUUtilization",
        }
    }
}

/// What is measured of the container instances of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClusterMeasure {
    /// `CPUReservation` of `AWS/ECS`: CPU that tasks reserve in percent of what is registered.
    CpuReservation,
    /// `MemoryReservation` of `AWS/ECS`.
    MemoryReservation,
}

impl ClusterMeasure {
    /// CloudWatch's name of the metric.
    pub const fn metric_name(self) -> &'static str {
        match self {
            Self::CpuReservation => "CPUReservation",
            Self::MemoryReservation => "MemoryReservation",
        }
    }
}

/// What is measured of a message queue, each minute while the queue is active.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QueueMeasure {
    /// `ApproximateNumberOfMessagesVisible` of `AWS/SQS`.
    Visible,
    /// `ApproximateNumberOfMessagesNotVisible`.
    NotVisible,
    /// `ApproximateNumberOfMessagesDelayed`.
    Delayed,
    /// `ApproximateAgeOfOldestMessage`, seconds.
    AgeOfOldest,
    /// `NumberOfMessagesSent`.
    Sent,
    /// `NumberOfMessagesReceived`.
    Received,
    /// `NumberOfMessagesDeleted`.
    Deleted,
    /// `NumberOfEmptyReceives`.
    EmptyReceives,
}

impl QueueMeasure {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Visible,
        Self::NotVisible,
        Self::Delayed,
        Self::AgeOfOldest,
        Self::Sent,
        Self::Received,
        Self::Deleted,
        Self::EmptyReceives,
    ];

    /// CloudWatch's name of the metric.
    pub const fn metric_name(self) -> &'static str {
        match self {
            Self::Visible => "ApproximateNumberOfMessagesVisible",
            Self::NotVisible => "ApproximateNumberOfMessagesNotVisible",
            Self::Delayed => "ApproximateNumberOfMessagesDelayed",
            Self::AgeOfOldest => "ApproximateAgeOfOldestMessage",
            Self::Sent => "NumberOfMessagesSent",
            Self::Received => "NumberOfMessagesReceived",
            Self::Deleted => "NumberOfMessagesDeleted",
            Self::EmptyReceives => "NumberOfEmptyReceives",
        }
    }
}

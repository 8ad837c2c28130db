//! What a metric measures.

use crate::units::{AsgId, CapacityProviderId, ServiceId, SimDuration};

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
            Self::RunningTaskCount => "RunningTaskCount",
            Self::DesiredTaskCount => "DesiredTaskCount",
            Self::PendingTaskCount => "PendingTaskCount",
        }
    }

    /// Whether it is computed from the load of the service.
    pub const fn needs_load(self) -> bool {
        matches!(self, Self::CpuUtilization | Self::MemoryUtilization | Self::RequestCountPerTarget)
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
    /// `GroupTotalInstances` of `AWS/AutoScaling`.
    TotalInstances,
}

impl GroupMeasure {
    /// CloudWatch's name of the metric.
    pub const fn metric_name(self) -> &'static str {
        match self {
            Self::DesiredCapacity => "GroupDesiredCapacity",
            Self::InServiceInstances => "GroupInServiceInstances",
            Self::PendingInstances => "GroupPendingInstances",
            Self::TotalInstances => "GroupTotalInstances",
        }
    }
}

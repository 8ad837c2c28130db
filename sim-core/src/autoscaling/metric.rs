//! The service metrics that policies watch.

/// What a policy of a service watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServiceMetric {
    /// `ECSServiceAverageCPUUtilization`, percent.
    CpuUtilization,
    /// `ECSServiceAverageMemoryUtilization`, percent.
    MemoryUtilization,
    /// `ALBRequestCountPerTarget`, requests per target and minute.
    RequestCountPerTarget,
}

impl ServiceMetric {
    /// `PredefinedMetricType` of Application Auto Scaling.
    pub const fn predefined_type(self) -> &'static str {
        match self {
            Self::CpuUtilization => "ECSServiceAverageCPUUtilization",
            Self::MemoryUtilization => "ECSServiceAverageMemoryUtilization",
            Self::RequestCountPerTarget => "ALBRequestCountPerTarget",
        }
    }
}

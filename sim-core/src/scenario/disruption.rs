//! Faults of what tasks run on: zones, instances, the control plane.

use super::fault::RandomTimes;
use crate::agent::Window;
use crate::metrics::{CAPACITY_PROVIDER_RESERVATION, MetricSource};
use crate::units::{AsgId, MetricId, ServiceId, SimDuration, ZoneId};

/// Something that goes wrong with the cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Disruption {
    /// Name, also the label of its random draws.
    pub name: String,
    /// When, sorted and disjoint; with `random`, the stretches of time inside which it comes.
    pub windows: Vec<Window>,
    /// How often it comes and how long it lasts, if that is random.
    pub random: Option<RandomTimes>,
    /// How long a service has to be well again to count as recovered.
    pub recovered_after: SimDuration,
    /// What.
    pub kind: DisruptionKind,
}

/// Which container instances.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InstanceScope {
    /// Of this group only.
    pub group: Option<AsgId>,
    /// In this zone only.
    pub zone: Option<ZoneId>,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum DisruptionKind {
    /// A zone is gone: status checks of its instances fail, they and Fargate lose their tasks there, and nothing
    /// launches.
    ZoneOutage {
        /// Which.
        zone: ZoneId,
    },
    /// When a window begins, some instances stop.
    InstanceFailure {
        /// Which can.
        scope: InstanceScope,
        /// How many do, chosen at random.
        count: u32,
    },
    /// Inside the windows each instance stops after a random time of running, exponentially distributed.
    InstanceFailureRate {
        /// Which can.
        scope: InstanceScope,
        /// Mean of that time.
        mean: SimDuration,
    },
    /// The agents of instances that are registered when a window begins do not answer during it: they take
    /// no task, and what they run stays.
    AgentDisconnected {
        /// Which can.
        scope: InstanceScope,
        /// Share of them, drawn once per instance and window.
        share: f64,
    },
    /// What starts to launch inside a window takes `factor` times as long.
    SlowLaunches {
        /// How much longer.
        factor: f64,
        /// What.
        of: SlowLaunches,
    },
    /// Launch quotas and the rate of calls are cut to a share.
    ControlPlaneThrottling {
        /// What is left of them, in thousandths; with 0 no task can be launched at all.
        remaining_permille: u16,
    },
    /// CloudWatch gets no data: periods that end inside a window have no data point.
    MissingMetrics(MetricScope),
    /// CloudWatch gets data late: the points of periods that end inside a window are published later.
    LateMetrics {
        /// Which.
        scope: MetricScope,
        /// By how much later than usual.
        delay: SimDuration,
    },
}

/// Which metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetricScope {
    /// Of this service only; of everything otherwise.
    pub service: Option<ServiceId>,
    /// Those of these names only, as CloudWatch names them.
    pub names: Option<Vec<String>>,
    /// Metrics of the user's own that have one of the names.
    pub own: Vec<MetricId>,
}

impl MetricScope {
    /// Whether a metric is among them.
    pub fn has(&self, metric: MetricId, source: &MetricSource) -> bool {
        let of_service = self
            .service
            .is_none_or(|service| matches!(source, MetricSource::Service(of, _) if *of == service));
        let named = self.names.as_ref().is_none_or(|names| {
            let name = source.metric_name();
            self.own.contains(&metric) || name.is_some_and(|name| names.iter().any(|it| it == name))
        });
        of_service && named
    }

    /// Whether the reservation of capacity providers is among them.
    pub fn has_reservation(&self) -> bool {
        let names = self.names.as_ref();
        self.service.is_none()
            && names.is_none_or(|all| all.iter().any(|it| it == CAPACITY_PROVIDER_RESERVATION))
    }
}

/// What launches slowly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlowLaunches {
    /// Instances and Fargate tasks.
    Everything,
    /// Instances of all groups.
    Instances,
    /// Instances of one group.
    Group(AsgId),
    /// Tasks on Fargate.
    Fargate,
}

impl DisruptionKind {
    /// Name in the scenario language.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::ZoneOutage { .. } => "zoneOutage",
            Self::InstanceFailure { .. } | Self::InstanceFailureRate { .. } => "instanceFailure",
            Self::AgentDisconnected { .. } => "agentDisconnected",
            Self::SlowLaunches { .. } => "slowLaunches",
            Self::ControlPlaneThrottling { .. } => "controlPlaneThrottling",
            Self::MissingMetrics(_) => "missingMetrics",
            Self::LateMetrics { .. } => "metricDelay",
        }
    }
}

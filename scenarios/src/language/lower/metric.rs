//! The metrics that alarms and policies watch, each registered once.

mod math;
mod resolve;
mod user;

use std::cell::RefCell;
use std::collections::BTreeMap;

use plimsoll_core::metrics::{
    GroupMeasure, Metric, MetricSource, Percentile, ServiceMeasure, Statistic,
};
use plimsoll_core::units::{AsgId, Id, IdVec, MetricId, ServiceId, SimDuration};

pub(super) use math::math;
pub(super) use resolve::{Reference, resolve};
pub(super) use user::define;

use crate::language::raw::ScenarioDocument;
use crate::language::raw::metric as raw;

/// Period of standard metrics.
pub(super) const MINUTE: SimDuration = SimDuration::from_secs(60);
/// Period of the service metrics of high resolution.
pub(super) const TWENTY_SECONDS: SimDuration = SimDuration::from_secs(20);

/// Period of the instance metrics of EC2 without detailed monitoring.
const FIVE_MINUTES: SimDuration = SimDuration::from_secs(300);

/// Whose policy names a metric: dimensions that it does not give are those of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// Nobody's.
    Nobody,
    /// A service's.
    Service(ServiceId),
    /// An Auto Scaling group's.
    Group(AsgId),
}

/// Publication delays.
#[derive(Clone, Copy, Debug)]
struct Delays {
    service: SimDuration,
    high_resolution: SimDuration,
    load_balancer: SimDuration,
    container_insights: SimDuration,
    group: SimDuration,
    capacity_provider: SimDuration,
    queue: SimDuration,
}

/// Names of what has metrics, in the order of their ids.
#[derive(Debug)]
struct Names {
    services: Vec<String>,
    /// Whether a service's metrics have 20 s resolution.
    high_resolution: Vec<bool>,
    /// Whether requests go to a service.
    loaded: Vec<bool>,
    groups: Vec<String>,
    /// Whether a group's instances have detailed monitoring.
    detailed: Vec<bool>,
    providers: Vec<String>,
    queues: Vec<String>,
}

/// A metric of the user's own.
#[derive(Debug)]
struct Own {
    namespace: String,
    name: String,
    dimensions: Vec<(String, String)>,
    metric: MetricId,
}

/// The metrics that something watches.
#[derive(Debug)]
pub(in crate::language) struct Metrics {
    delays: Delays,
    names: Names,
    own: RefCell<Vec<Own>>,
    known: RefCell<BTreeMap<String, MetricId>>,
    #[allow(clippy::struct_field_names)] // they are the metrics
    metrics: RefCell<IdVec<MetricId, Metric>>,
}

impl Metrics {
    pub(super) fn new(document: &ScenarioDocument) -> Self {
        let raw = &document.control_plane;
        let resolutions = document.services.iter().map(|service| {
            let monitoring = service.monitoring.iter();
            let mut configured = monitoring.flat_map(|it| &it.metric_configurations);
            configured.any(|it| it.resolution_seconds == 20)
        });
        Self {
            delays: Delays {
                service: raw.service_metric_delay.duration(),
                high_resolution: raw.high_resolution_metric_delay.duration(),
                load_balancer: raw.load_balancer_metric_delay.duration(),
                container_insights: raw.container_insights_delay.duration(),
                group: raw.group_metric_delay.duration(),
                capacity_provider: raw.capacity_provider_metric_delay.duration(),
                queue: raw.queue_metric_delay.duration(),
            },
            names: Names {
                services: document.services.iter().map(|it| it.service_name.clone()).collect(),
                high_resolution: resolutions.collect(),
                loaded: document.services.iter().map(|it| it.load.is_some()).collect(),
                detailed: document
                    .auto_scaling_groups
                    .iter()
                    .map(|it| it.instance_monitoring.enabled)
                    .collect(),
                groups: document
                    .auto_scaling_groups
                    .iter()
                    .map(|it| it.auto_scaling_group_name.clone())
                    .collect(),
                providers: document.capacity_providers.iter().map(|it| it.name.clone()).collect(),
                queues: document.queues.iter().map(|it| it.queue_name.clone()).collect(),
            },
            own: RefCell::default(),
            known: RefCell::default(),
            metrics: RefCell::default(),
        }
    }

    /// Whether a service publishes its CPU and memory every 20 s.
    pub(super) fn has_high_resolution(&self, service: ServiceId) -> bool {
        self.names.high_resolution.get(service.index()).copied().unwrap_or(false)
    }

    /// The metric that measures `source` each minute.
    pub(super) fn per_minute(&self, source: MetricSource) -> MetricId {
        let delay = self.delay(&source);
        self.register(Metric { source, period: MINUTE, delay })
    }

    /// The metric that measures a service every 20 s.
    pub(super) fn high_resolution(&self, service: ServiceId, measure: ServiceMeasure) -> MetricId {
        let source = MetricSource::Service(service, measure);
        let delay = self.delays.high_resolution;
        self.register(Metric { source, period: TWENTY_SECONDS, delay })
    }

    /// Whether EC2 publishes metrics of a group's instances every minute.
    pub(super) fn has_detailed_monitoring(&self, group: AsgId) -> bool {
        self.names.detailed.get(group.index()).copied().unwrap_or(false)
    }

    /// The metric that measures the CPU of a group's instances, as often as EC2 publishes it.
    pub(super) fn group_cpu(&self, group: AsgId) -> MetricId {
        let period = if self.has_detailed_monitoring(group) { MINUTE } else { FIVE_MINUTES };
        let source = MetricSource::Group(group, GroupMeasure::CpuUtilization);
        let delay = self.delays.group;
        self.register(Metric { source, period, delay })
    }

    /// The service behind the target group called `name`: the one of this name, or the only one with
    /// load.
    pub(super) fn behind_target_group(&self, name: Option<&str>) -> Option<ServiceId> {
        let named = self.names.services.iter().position(|known| Some(known.as_str()) == name);
        let mut loaded = (0..).zip(&self.names.loaded).filter(|(_, loaded)| **loaded);
        let only = match (loaded.next(), loaded.next()) {
            (Some((only, _)), None) => Some(only),
            _ => None,
        };
        named.or(only).map(ServiceId::from_index)
    }

    /// Names of the services.
    pub(super) fn service_names(&self) -> Vec<&str> {
        self.names.services.iter().map(String::as_str).collect()
    }

    fn register(&self, metric: Metric) -> MetricId {
        let key = format!("{:?} {:?}", metric.source, metric.period);
        let mut known = self.known.borrow_mut();
        *known.entry(key).or_insert_with(|| self.metrics.borrow_mut().push(metric))
    }

    /// A metric that nothing else can be the same as.
    fn add(&self, metric: Metric) -> MetricId {
        self.metrics.borrow_mut().push(metric)
    }

    fn delay(&self, source: &MetricSource) -> SimDuration {
        match source {
            MetricSource::Service(_, measure) => match measure {
                ServiceMeasure::CpuUtilization | ServiceMeasure::MemoryUtilization => {
                    self.delays.service
                }
                ServiceMeasure::RequestCountPerTarget | ServiceMeasure::TargetResponseTime => {
                    self.delays.load_balancer
                }
                ServiceMeasure::RunningTaskCount
                | ServiceMeasure::DesiredTaskCount
                | ServiceMeasure::PendingTaskCount => self.delays.container_insights,
            },
            MetricSource::Group(..) => self.delays.group,
            MetricSource::CapacityProvider(_) => self.delays.capacity_provider,
            MetricSource::Cluster(_) => self.delays.service,
            MetricSource::Queue(..) => self.delays.queue,
            MetricSource::Trace(_) | MetricSource::Formula(_) => SimDuration::ZERO,
        }
    }

    /// What `metric` measures.
    pub(super) fn source(&self, metric: MetricId) -> MetricSource {
        self.metrics.borrow()[metric].source.clone()
    }

    /// Length of the periods of `metric`.
    pub(super) fn period(&self, metric: MetricId) -> SimDuration {
        self.metrics.borrow()[metric].period
    }

    pub(super) fn into_metrics(self) -> IdVec<MetricId, Metric> {
        self.metrics.into_inner()
    }
}

/// What `SampleCount` or `p99` means.
pub(super) fn stat(text: &str) -> Option<Statistic> {
    Some(match text {
        "SampleCount" => Statistic::SampleCount,
        "Average" => Statistic::Average,
        "Sum" => Statistic::Sum,
        "Minimum" => Statistic::Minimum,
        "Maximum" => Statistic::Maximum,
        _ => Statistic::Percentile(Percentile::parse(text)?),
    })
}

/// A statistic of the language.
pub(super) fn statistic(raw: raw::Statistic) -> Statistic {
    match raw {
        raw::Statistic::SampleCount => Statistic::SampleCount,
        raw::Statistic::Average => Statistic::Average,
        raw::Statistic::Sum => Statistic::Sum,
        raw::Statistic::Minimum => Statistic::Minimum,
        raw::Statistic::Maximum => Statistic::Maximum,
    }
}

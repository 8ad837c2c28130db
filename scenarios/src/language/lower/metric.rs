//! The metrics that alarms and policies watch, each registered once.

use std::cell::RefCell;
use std::collections::BTreeMap;

use plimsoll_core::metrics::{Metric, MetricSource, ServiceMeasure};
use plimsoll_core::units::{IdVec, MetricId, SimDuration};

use crate::language::raw::control::ControlPlane;

/// Period of standard metrics.
pub(super) const MINUTE: SimDuration = SimDuration::from_secs(60);

/// Publication delays.
#[derive(Clone, Copy, Debug)]
struct Delays {
    service: SimDuration,
    load_balancer: SimDuration,
    container_insights: SimDuration,
    group: SimDuration,
    capacity_provider: SimDuration,
}

/// The metrics that something watches.
#[derive(Debug)]
pub(in crate::language) struct Metrics {
    delays: Delays,
    known: RefCell<BTreeMap<String, MetricId>>,
    metrics: RefCell<IdVec<MetricId, Metric>>,
}

impl Metrics {
    pub(super) fn new(raw: &ControlPlane) -> Self {
        Self {
            delays: Delays {
                service: raw.service_metric_delay.duration(),
                load_balancer: raw.load_balancer_metric_delay.duration(),
                container_insights: raw.container_insights_delay.duration(),
                group: raw.group_metric_delay.duration(),
                capacity_provider: raw.capacity_provider_metric_delay.duration(),
            },
            known: RefCell::default(),
            metrics: RefCell::default(),
        }
    }

    /// The metric that measures `source` each minute.
    pub(super) fn per_minute(&self, source: MetricSource) -> MetricId {
        let delay = self.delay(&source);
        self.register(Metric { source, period: MINUTE, delay })
    }

    fn register(&self, metric: Metric) -> MetricId {
        let key = format!("{:?} {:?}", metric.source, metric.period);
        *self.known.borrow_mut().entry(key).or_insert_with(|| {
            let mut metrics = self.metrics.borrow_mut();
            metrics.push(metric)
        })
    }

    fn delay(&self, source: &MetricSource) -> SimDuration {
        match source {
            MetricSource::Service(_, measure) => match measure {
                ServiceMeasure::CpuUtilization | ServiceMeasure::MemoryUtilization => {
                    self.delays.service
                }
                ServiceMeasure::RequestCountPerTarget => self.delays.load_balancer,
                ServiceMeasure::RunningTaskCount
                | ServiceMeasure::DesiredTaskCount
                | ServiceMeasure::PendingTaskCount => self.delays.container_insights,
            },
            MetricSource::Group(..) => self.delays.group,
            MetricSource::CapacityProvider(_) => self.delays.capacity_provider,
        }
    }

    /// What `metric` measures.
    pub(super) fn source(&self, metric: MetricId) -> MetricSource {
        self.metrics.borrow()[metric].source.clone()
    }

    pub(super) fn into_metrics(self) -> IdVec<MetricId, Metric> {
        self.metrics.into_inner()
    }
}

//! From the names of CloudWatch to what is measured.

use plimsoll_core::metrics::{
    ClusterMeasure, GroupMeasure, MetricSource, QueueMeasure, ServiceMeasure, Statistic,
};
use plimsoll_core::units::{
    AsgId, CapacityProviderId, Id, MetricId, QueueId, ServiceId, SimDuration,
};

use super::{FIVE_MINUTES, MINUTE, Metrics, Subject, statistic};
use crate::language::lower::Context;
use crate::language::raw::metric as raw;
use crate::language::tree::Path;

const ECS: &str = "AWS/ECS";
const LOAD_BALANCER: &str = "AWS/ApplicationELB";
const INSIGHTS: &str = "ECS/ContainerInsights";
const GROUPS: &str = "AWS/AutoScaling";
const EC2: &str = "AWS/EC2";
const QUEUES: &str = "AWS/SQS";
const MANAGED_SCALING: &str = "AWS/ECS/ManagedScaling";

const SERVICE_METRICS: [(&str, ServiceMeasure); 7] = [
    (ECS, ServiceMeasure::CpuUtilization),
    (ECS, ServiceMeasure::MemoryUtilization),
    (LOAD_BALANCER, ServiceMeasure::RequestCountPerTarget),
    (LOAD_BALANCER, ServiceMeasure::RequestCount),
    (INSIGHTS, ServiceMeasure::RunningTaskCount),
    (INSIGHTS, ServiceMeasure::DesiredTaskCount),
    (INSIGHTS, ServiceMeasure::PendingTaskCount),
];

const GROUP_METRICS: [GroupMeasure; 7] = [
    GroupMeasure::DesiredCapacity,
    GroupMeasure::InServiceInstances,
    GroupMeasure::PendingInstances,
    GroupMeasure::TerminatingInstances,
    GroupMeasure::TotalInstances,
    GroupMeasure::MinSize,
    GroupMeasure::MaxSize,
];

const CLUSTER_METRICS: [ClusterMeasure; 2] =
    [ClusterMeasure::CpuReservation, ClusterMeasure::MemoryReservation];

const GROUP_DIMENSION: &str = "AutoScalingGroupName";

const RESERVATION: &str = "CapacityProviderReservation";

/// How a document names a metric.
#[derive(Clone, Copy, Debug)]
pub(in crate::language::lower) struct Reference<'r> {
    pub(in crate::language::lower) namespace: Option<&'r str>,
    pub(in crate::language::lower) name: &'r str,
    pub(in crate::language::lower) dimensions: &'r [raw::Dimension],
    pub(in crate::language::lower) statistic: Option<raw::Statistic>,
    /// Length of the data points.
    pub(in crate::language::lower) period: SimDuration,
}

impl Reference<'_> {
    fn dimension(&self, name: &str) -> Option<(usize, &str)> {
        let found = self.dimensions.iter().position(|it| it.name == name)?;
        Some((found, &self.dimensions[found].value))
    }

    fn is_in(&self, namespace: &str) -> bool {
        self.namespace.is_none_or(|given| given == namespace)
    }
}

/// The metric that `reference` at `path` names, in a policy of `own`.
pub(in crate::language::lower) fn resolve(
    context: &Context<'_>,
    path: &Path,
    own: Subject,
    reference: &Reference<'_>,
) -> Option<(MetricId, Statistic)> {
    let metrics = &context.metrics;
    if let Some(metric) = metrics.own(reference) {
        let statistic = reference.statistic.map_or(Statistic::Average, statistic);
        return Some((metric, statistic));
    }
    let name = reference.name;
    if means_instance_cpu(own, reference) {
        let group = group_of(context, path, own, reference)?;
        return group_cpu(context, path, reference, group);
    }
    let service = SERVICE_METRICS
        .into_iter()
        .find(|(namespace, it)| reference.is_in(namespace) && it.metric_name() == name);
    if let Some((_, measure)) = service {
        return of_service(context, path, own, reference, measure);
    }
    let group = GROUP_METRICS.into_iter().find(|it| it.metric_name() == name);
    if let Some(measure) = group.filter(|_| reference.is_in(GROUPS)) {
        let source = MetricSource::Group(group_of(context, path, own, reference)?, measure);
        return gauge(context, path, reference, source);
    }
    let cluster = CLUSTER_METRICS.into_iter().find(|it| it.metric_name() == name);
    if let Some(measure) = cluster.filter(|_| reference.is_in(ECS)) {
        return gauge(context, path, reference, MetricSource::Cluster(measure));
    }
    if name == RESERVATION && reference.is_in(MANAGED_SCALING) {
        let key = ("CapacityProviderName", &metrics.names.providers[..]);
        let id = named(context, path, reference, key)?;
        let source = MetricSource::CapacityProvider(CapacityProviderId::from_index(id));
        return gauge(context, path, reference, source);
    }
    let queue = QueueMeasure::ALL.into_iter().find(|it| it.metric_name() == name);
    if let Some(measure) = queue.filter(|_| reference.is_in(QUEUES)) {
        let id = named(context, path, reference, ("QueueName", &metrics.names.queues))?;
        return gauge(
            context,
            path,
            reference,
            MetricSource::Queue(QueueId::from_index(id), measure),
        );
    }
    unknown(context, path, reference);
    None
}

fn of_service(
    context: &Context<'_>,
    path: &Path,
    own: Subject,
    reference: &Reference<'_>,
    measure: ServiceMeasure,
) -> Option<(MetricId, Statistic)> {
    let metrics = &context.metrics;
    let id = match (reference.dimension("ServiceName"), own) {
        (None, Subject::Service(own)) => own,
        (Some((index, name)), _) => {
            let Some(found) = metrics.names.services.iter().position(|known| known == name) else {
                let at = path.key("dimensions").index(index).key("value");
                let known = metrics.names.services.iter().map(String::as_str);
                context.dangling(&at, "service", name, known.collect::<Vec<_>>());
                return None;
            };
            ServiceId::from_index(found)
        }
        (None, Subject::Nobody | Subject::Group(_)) => {
            context.error(path, "needs the dimension `ServiceName`");
            return None;
        }
    };
    let (usual, allowed): (Statistic, &[Statistic]) = match measure {
        ServiceMeasure::CpuUtilization | ServiceMeasure::MemoryUtilization => {
            (Statistic::Average, &[Statistic::Average, Statistic::SampleCount])
        }
        ServiceMeasure::RequestCountPerTarget | ServiceMeasure::RequestCount => {
            (Statistic::Sum, &[Statistic::Sum])
        }
        _ => return gauge(context, path, reference, MetricSource::Service(id, measure)),
    };
    let wanted = reference.statistic.map_or(usual, statistic);
    if !allowed.contains(&wanted) {
        let names: Vec<&str> = allowed.iter().map(|it| it.name()).collect();
        let message =
            format!("of `{}` only {} is simulated", measure.metric_name(), names.join(" and "));
        context.error(path, message);
        return None;
    }
    let fine = reference.period < MINUTE;
    let of_balancer =
        matches!(measure, ServiceMeasure::RequestCountPerTarget | ServiceMeasure::RequestCount);
    let metric = if fine && !of_balancer {
        if metrics.has_high_resolution(id) {
            metrics.high_resolution(id, measure)
        } else {
            let message = "the metric has one data point per minute, the others of this period will be \
                           missing; `monitoring` of the service sets 20 s";
            context.note(path, message);
            metrics.per_minute(MetricSource::Service(id, measure))
        }
    } else {
        metrics.per_minute(MetricSource::Service(id, measure))
    };
    Some((metric, wanted))
}

/// Whether the `CPUUtilization` of a group's instances is meant; services have one too.
fn means_instance_cpu(own: Subject, reference: &Reference<'_>) -> bool {
    let of_own = matches!(own, Subject::Group(_)) && reference.dimension("ServiceName").is_none();
    reference.name == GroupMeasure::CpuUtilization.metric_name()
        && reference.is_in(EC2)
        && (of_own
            || reference.namespace == Some(EC2)
            || reference.dimension(GROUP_DIMENSION).is_some())
}

/// The group that a dimension names, or the one whose policy it is.
fn group_of(
    context: &Context<'_>,
    path: &Path,
    own: Subject,
    reference: &Reference<'_>,
) -> Option<AsgId> {
    match own {
        Subject::Group(own) if reference.dimension(GROUP_DIMENSION).is_none() => Some(own),
        _ => {
            let key = (GROUP_DIMENSION, &context.metrics.names.groups[..]);
            named(context, path, reference, key).map(AsgId::from_index)
        }
    }
}

/// The CPU of a group's instances.
#[allow(clippy::unnecessary_wraps)] // one of several resolvers with one type
fn group_cpu(
    context: &Context<'_>,
    path: &Path,
    reference: &Reference<'_>,
    group: AsgId,
) -> Option<(MetricId, Statistic)> {
    let metrics = &context.metrics;
    if !metrics.has_detailed_monitoring(group) && reference.period < FIVE_MINUTES {
        let message = "EC2 publishes the metric every five minutes; `instanceMonitoring: {enabled: true}` of \
                       the group makes it every minute";
        context.note(path, message);
    } else if reference.period < MINUTE {
        context.note(path, "the metric has one data point per minute");
    }
    let wanted = reference.statistic.map_or(Statistic::Average, statistic);
    Some((metrics.group_cpu(group), wanted))
}

/// A metric with one sample per minute, of which every statistic can be had.
#[allow(clippy::unnecessary_wraps)] // one of several resolvers with one type
fn gauge(
    context: &Context<'_>,
    path: &Path,
    reference: &Reference<'_>,
    source: MetricSource,
) -> Option<(MetricId, Statistic)> {
    if reference.period < MINUTE {
        context.note(path, "the metric has one data point per minute");
    }
    let wanted = reference.statistic.map_or(Statistic::Average, statistic);
    Some((context.metrics.per_minute(source), wanted))
}

/// Position of the thing that a dimension names.
fn named(
    context: &Context<'_>,
    path: &Path,
    reference: &Reference<'_>,
    (dimension, known): (&str, &[String]),
) -> Option<usize> {
    let Some((index, value)) = reference.dimension(dimension) else {
        context.error(path, format!("`{}` needs the dimension `{dimension}`", reference.name));
        return None;
    };
    let found = known.iter().position(|name| name == value);
    if found.is_none() {
        let at = path.key("dimensions").index(index).key("value");
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        context.dangling(&at, dimension, value, known);
    }
    found
}

fn unknown(context: &Context<'_>, path: &Path, reference: &Reference<'_>) {
    let mut known: Vec<String> =
        SERVICE_METRICS.iter().map(|(_, it)| it.metric_name().to_owned()).collect();
    known.extend(GROUP_METRICS.iter().map(|it| it.metric_name().to_owned()));
    known.push(RESERVATION.to_owned());
    known.extend(CLUSTER_METRICS.iter().map(|it| it.metric_name().to_owned()));
    known.extend(QueueMeasure::ALL.iter().map(|it| it.metric_name().to_owned()));
    known.extend(context.metrics.own.borrow().iter().map(|it| it.name.clone()));
    let names: Vec<&str> = known.iter().map(String::as_str).collect();
    let what = match reference.namespace {
        Some(namespace) if known.iter().any(|it| it == reference.name) => {
            format!("metric of this name and these dimensions in `{namespace}`:")
        }
        _ => "metric".to_owned(),
    };
    context.dangling(&path.key("metricName"), &what, reference.name, names);
}

impl Metrics {
    /// The user's own metric that `reference` names.
    fn own(&self, reference: &Reference<'_>) -> Option<MetricId> {
        let own = self.own.borrow();
        let mut dimensions: Vec<(&str, &str)> =
            reference.dimensions.iter().map(|it| (&*it.name, &*it.value)).collect();
        dimensions.sort_unstable();
        let found = own.iter().find(|it| {
            let same = it.dimensions.iter().map(|(name, value)| (&**name, &**value));
            it.name == reference.name
                && reference.is_in(&it.namespace)
                && same.eq(dimensions.iter().copied())
        });
        found.map(|it| it.metric)
    }
}

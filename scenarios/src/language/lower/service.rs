//! Services.

use std::collections::BTreeMap;

use plimsoll_core::metrics::{MetricQuery, MetricSource, ServiceMeasure};
use plimsoll_core::scenario::{
    ScalableTarget, Service, ServiceLevelObjective, TargetGroup, TargetProtocol, TaskDefinition,
};
use plimsoll_core::units::{Cpu, Id, ServiceId, SimDuration};

use super::cluster::Cluster;
use super::placement::{self, Placement};
use super::requests::SlowStart;
use super::scaling::Offered;
use super::task_definition::TaskDefinitions;
use super::{Context, constraint, deployment, distribution, load, queue, scaling};
use crate::language::raw::ScenarioDocument;
use crate::language::raw::distribution::Distribution;
use crate::language::raw::service as raw;
use crate::language::tree::Path;

/// All services; `None` if one was refused.
pub(super) fn lower(
    context: &Context<'_>,
    document: &ScenarioDocument,
    definitions: &TaskDefinitions,
    cluster: &mut Cluster,
) -> Option<Vec<Service>> {
    let path = Path::root().key("services");
    let mut names: Vec<&str> = Vec::new();
    let mut services = Vec::new();
    for (index, raw) in document.services.iter().enumerate() {
        let path = path.index(index);
        if names.contains(&raw.service_name.as_str()) {
            context.duplicate(&path.key("serviceName"), "services", &raw.service_name);
        }
        names.push(&raw.service_name);
        let id = ServiceId::from_index(index);
        let service = one(context, &path, (id, raw), document, definitions, cluster);
        services.push((path, service));
    }
    check_balancers(context, &services);
    services.into_iter().map(|(_, service)| service).collect()
}

fn one(
    context: &Context<'_>,
    path: &Path,
    (id, raw): (ServiceId, &raw::Service),
    document: &ScenarioDocument,
    definitions: &TaskDefinitions,
    cluster: &mut Cluster,
) -> Option<Service> {
    let reference = path.key("taskDefinition");
    let definition = definitions.find(context, &reference, &raw.task_definition);
    let wanted = Placement {
        path,
        launch_type: raw.launch_type,
        strategy: &raw.capacity_provider_strategy,
        // A DAEMON service does not look at capacity providers.
        default_strategy: if raw.scheduling_strategy == raw::SchedulingStrategy::Daemon {
            &[]
        } else {
            &document.default_capacity_provider_strategy
        },
        rules: &raw.placement_strategy,
        constraints: &raw.placement_constraints,
    };
    let placed = placement::lower(context, &wanted, cluster);
    if let (Some(launch), Some((_, task))) = (&placed.launch, definition) {
        placement::check_fit(context, path, launch, task, cluster);
        constraint::check(context, path, launch, &placed.constraints, task, cluster);
        constraint::check_spreads(context, path, launch, &placed.strategies, cluster);
    }
    let daemon = raw.scheduling_strategy == raw::SchedulingStrategy::Daemon;
    if raw.desired_count.is_none() && !daemon {
        context.error(path, "`desiredCount` is missing");
    }
    let target_group = target_group(context, path, raw);
    let name = &raw.service_name;
    let slow_start = SlowStart {
        path: path.key("targetGroup").key("slowStart"),
        length: raw.target_group.as_ref().and_then(|group| group.slow_start),
        network: raw
            .target_group
            .as_ref()
            .filter(|group| protocol(group).is_network())
            .map(|group| group.requests_per_connection.unwrap_or(REQUESTS_PER_CONNECTION)),
    };
    let offered = raw
        .load
        .as_ref()
        .and_then(|raw| load::lower(context, &path.key("load"), name, raw, &slow_start));
    let task = definition.map(|it| &it.1.task);
    let worker = raw
        .worker
        .as_ref()
        .map(|raw| queue::worker(context, &path.key("worker"), raw, document, task));
    if raw.worker.is_some() && raw.load.is_some() {
        let message = "a service has a `load` or works on a queue, not both";
        context.error_hint(&path.key("worker"), message, "make two services of it");
    }
    let known = Offered { load: offered.as_ref(), task };
    let scaling = raw.scaling.as_ref().and_then(|raw| {
        scaling::lower(context, &path.key("scaling"), id, raw, &document.time_zone, known)
    });
    if let Some(scaling) = &scaling {
        for (measure, what) in [
            (ServiceMeasure::RequestCountPerTarget, "requests per target need"),
            (ServiceMeasure::RequestCount, "requests of targets need"),
            (ServiceMeasure::TargetResponseTime, "response times of targets need"),
        ] {
            let watched = watches(context, id, scaling, measure);
            let at = path.key("scaling");
            if watched && !has_target_group(raw) {
                let message = format!("{what} a load balancer");
                context.error_hint(&at, message, "add `targetGroup: {}`");
            }
            if watched && raw.load.is_none() {
                context.error(&at, format!("{what} a `load`"));
            }
        }
        check_cpu_metric(context, path, (id, scaling), definition.map(|it| &it.1.task));
    }
    let slo = objective(context, path, raw);
    let scheduling =
        deployment::lower(context, path, raw, definitions, &placed, scaling.as_ref(), cluster);
    let (task_definition, _) = definition?;
    Some(Service {
        name: raw.service_name.clone(),
        task_definition,
        desired_count: raw.desired_count.filter(|_| !daemon).unwrap_or(0),
        starts_ready: raw.starts_ready,
        launch: placed.launch?,
        placement_strategy: placed.strategies,
        placement_constraints: placed.constraints,
        scheduling: scheduling?,
        target_group: if has_target_group(raw) { Some(target_group?) } else { None },
        load: if raw.load.is_some() { Some(offered?) } else { None },
        worker: match worker {
            Some(worker) => Some(worker?),
            None => None,
        },
        scaling: if raw.scaling.is_some() { Some(scaling?) } else { None },
        slo,
    })
}

/// CPU utilization is in percent of what the task definition reserves.
fn check_cpu_metric(
    context: &Context<'_>,
    path: &Path,
    (id, scaling): (ServiceId, &ScalableTarget),
    task: Option<&TaskDefinition>,
) {
    if task.is_some_and(|task| task.cpu == Cpu::ZERO)
        && watches(context, id, scaling, ServiceMeasure::CpuUtilization)
    {
        context.error_hint(
            &path.key("scaling"),
            "the task definition reserves no CPU, so the service has no CPU utilization",
            "give the task definition or its containers a `cpu`",
        );
    }
}

/// Whether a policy of a service watches one of its own measures.
fn watches(
    context: &Context<'_>,
    id: ServiceId,
    scaling: &ScalableTarget,
    wanted: ServiceMeasure,
) -> bool {
    let is_wanted = |query: &MetricQuery| {
        query
            .metrics()
            .any(|metric| context.metrics.source(metric) == MetricSource::Service(id, wanted))
    };
    scaling.target_tracking.iter().any(|policy| is_wanted(&policy.query))
        || scaling.step_scaling.iter().any(|policy| is_wanted(&policy.alarm.query))
        || scaling
            .predictive
            .iter()
            .any(|policy| context.metrics.source(policy.load) == MetricSource::Service(id, wanted))
}

fn has_target_group(raw: &raw::Service) -> bool {
    raw.target_group.is_some() || !raw.load_balancers.is_empty()
}

/// Requests sent over one connection, if that is not said.
const REQUESTS_PER_CONNECTION: u64 = 10;

/// Reports load balancers that would have to be of two kinds.
fn check_balancers(context: &Context<'_>, services: &[(Path, Option<Service>)]) {
    let mut kinds: BTreeMap<&str, (bool, &str)> = BTreeMap::new();
    for (path, service) in services {
        let Some(service) = service else { continue };
        let Some(group) = &service.target_group else { continue };
        let network = group.protocol.is_network();
        let first = kinds.entry(&group.load_balancer).or_insert((network, &service.name));
        if first.0 != network {
            let word = |network| if network { "a Network" } else { "an Application" };
            let message = format!(
                "the load balancer `{}` is {} Load Balancer for `{}` and {} Load Balancer here",
                group.load_balancer,
                word(first.0),
                first.1,
                word(network)
            );
            context.error(&path.key("targetGroup"), message);
        }
    }
}

fn protocol(group: &raw::TargetGroup) -> TargetProtocol {
    match group.protocol {
        raw::TargetProtocol::Http => TargetProtocol::Http,
        raw::TargetProtocol::Https => TargetProtocol::Https,
        raw::TargetProtocol::Tcp => TargetProtocol::Tcp,
        raw::TargetProtocol::Tls => TargetProtocol::Tls,
        raw::TargetProtocol::Udp => TargetProtocol::Udp,
        raw::TargetProtocol::TcpUdp => TargetProtocol::TcpUdp,
    }
}

fn target_group(context: &Context<'_>, path: &Path, raw: &raw::Service) -> Option<TargetGroup> {
    let default = raw::TargetGroup::default();
    let path = path.key("targetGroup");
    let group = raw.target_group.as_ref().unwrap_or(&default);
    let named = raw.load_balancers.iter().find_map(|it| it.load_balancer_name.clone());
    let load_balancer =
        group.load_balancer.clone().or(named).unwrap_or_else(|| raw.service_name.clone());
    let protocol = protocol(group);
    let network = protocol.is_network();
    if network {
        let message = "the metrics of a Network Load Balancer are named like those of an Application Load \
                       Balancer; its nodes in all zones send requests to all zones";
        context.note(&path.key("protocol"), message);
    }
    let registration = group
        .registration_time
        .clone()
        .unwrap_or_else(|| Distribution::seconds(if network { 60 } else { 2 }));
    let seconds = |given: Option<crate::language::raw::kinds::Seconds>, default| {
        given.map_or(SimDuration::from_secs(default), super::super::raw::kinds::Seconds::duration)
    };
    Some(TargetGroup {
        protocol,
        load_balancer,
        registration_time: distribution::lower(
            context,
            &path.key("registrationTime"),
            &registration,
        )?,
        health_check_interval: seconds(group.health_check_interval_seconds, 30),
        healthy_threshold: group.healthy_threshold_count.unwrap_or(5),
        unhealthy_threshold: group.unhealthy_threshold_count.unwrap_or(2),
        deregistration_delay: seconds(group.deregistration_delay, 300),
        bytes_per_request: group.bytes_per_request.map_or(10_000, |bytes| bytes.0),
        requests_per_connection: group.requests_per_connection.unwrap_or(REQUESTS_PER_CONNECTION),
        rules_processed: group.rules_processed.unwrap_or(0),
    })
}

fn objective(
    context: &Context<'_>,
    path: &Path,
    raw: &raw::Service,
) -> Option<ServiceLevelObjective> {
    let objective = &raw.slo.as_ref()?.latency;
    let path = path.key("slo");
    if raw.load.is_none() {
        context.error(&path, "a latency objective needs a `load`");
        return None;
    }
    context.positive(&path.key("latency").key("below"), objective.below);
    Some(ServiceLevelObjective { quantile: objective.quantile, below: objective.below.duration() })
}

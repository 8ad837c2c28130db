//! Faults of what tasks run on.

use plimsoll_core::scenario::{DisruptionKind, InstanceScope, MetricScope, SlowLaunches};
use plimsoll_core::units::{AsgId, Id, ServiceId, SimDuration, ZoneId};

use super::super::Context;
use super::{World, factor};
use crate::language::raw::fault::{Fault, FaultLaunchType, FaultType};
use crate::language::tree::Path;

/// What a fault does to the cluster; reports what it cannot.
pub(super) fn lower(
    context: &Context<'_>,
    path: &Path,
    raw: &Fault,
    world: &World<'_>,
    quotas: bool,
) -> Option<DisruptionKind> {
    let zone = zone(context, path, raw, world);
    let group = group(context, path, raw, world);
    let service = service(context, path, raw, world);
    let (zone, group, service) = (zone?, group?, service?);
    let scope = InstanceScope { group, zone };
    let kind = match raw.kind {
        FaultType::ZoneOutage => {
            let Some(zone) = zone else {
                context.error(path, "it is not said which zone: `availabilityZone` is missing");
                return None;
            };
            DisruptionKind::ZoneOutage { zone }
        }
        FaultType::InstanceFailure => {
            has_instances(context, path, world)?;
            if let Some(rate) = raw.rate_per_instance_hour {
                let mean = SimDuration::from_secs_f64(3600.0 / rate);
                DisruptionKind::InstanceFailureRate { scope, mean }
            } else {
                DisruptionKind::InstanceFailure { scope, count: raw.count.unwrap_or(1) }
            }
        }
        FaultType::AgentDisconnected => {
            has_instances(context, path, world)?;
            DisruptionKind::AgentDisconnected { scope, share: raw.share.unwrap_or(1.0) }
        }
        FaultType::SlowLaunches => {
            let of = match (group, raw.launch_type) {
                (Some(_), Some(FaultLaunchType::Fargate)) => {
                    let message = "a group launches no tasks on Fargate";
                    context.error(&path.key("launchType"), message);
                    return None;
                }
                (Some(group), _) => SlowLaunches::Group(group),
                (None, Some(FaultLaunchType::Ec2)) => SlowLaunches::Instances,
                (None, Some(FaultLaunchType::Fargate)) => SlowLaunches::Fargate,
                (None, None) => SlowLaunches::Everything,
            };
            DisruptionKind::SlowLaunches { factor: factor(context, path, raw)?, of }
        }
        FaultType::ControlPlaneThrottling => {
            let remaining = raw.remaining.unwrap_or(0.0);
            if 1.0 <= remaining {
                context.error(&path.key("remaining"), "a remaining share of 1 changes nothing");
                return None;
            }
            if 0.0 < remaining && !quotas {
                let message = "there are no quotas to cut: `controlPlane.launchRateQuotas` is off";
                context.error(&path.key("remaining"), message);
                return None;
            }
            let permille = remaining * 1000.0 + 0.5;
            let least = u16::from(0.0 < remaining);
            DisruptionKind::ControlPlaneThrottling {
                remaining_permille: (permille as u16).clamp(least, 999),
            }
        }
        FaultType::MissingMetrics => {
            DisruptionKind::MissingMetrics(metric_scope(context, path, raw, service)?)
        }
        FaultType::MetricDelay => {
            let Some(delay) = raw.delay else {
                context.error(path, "it is not said how late data points are: `delay` is missing");
                return None;
            };
            let scope = metric_scope(context, path, raw, service)?;
            DisruptionKind::LateMetrics { scope, delay: delay.duration() }
        }
        FaultType::ContainerExit
        | FaultType::OutOfMemory
        | FaultType::FailsToStart
        | FaultType::CannotPullImage
        | FaultType::ContainerUnhealthy
        | FaultType::TargetUnhealthy
        | FaultType::SlowImagePulls
        | FaultType::InsufficientCapacity => return None,
    };
    Some(kind)
}

/// The metrics that a fault hits.
fn metric_scope(
    context: &Context<'_>,
    path: &Path,
    raw: &Fault,
    service: Option<ServiceId>,
) -> Option<MetricScope> {
    let mut scope = MetricScope { service, names: raw.metric_names.clone(), own: Vec::new() };
    let mut good = true;
    for (index, name) in raw.metric_names.iter().flatten().enumerate() {
        let at = path.key("metricNames").index(index);
        match context.metrics.named(name) {
            Ok(own) => scope.own.extend(own),
            Err(known) => {
                let known: Vec<&str> = known.iter().map(String::as_str).collect();
                context.dangling(&at, "metric", name, known);
                good = false;
            }
        }
    }
    good.then_some(scope)
}

fn has_instances(context: &Context<'_>, path: &Path, world: &World<'_>) -> Option<()> {
    if world.cluster.groups.is_empty() {
        context.error(&path.key("type"), "there are no Auto Scaling groups that it could hit");
        return None;
    }
    Some(())
}

#[allow(clippy::option_option)] // "refused", "any", "this one"
fn zone(
    context: &Context<'_>,
    path: &Path,
    raw: &Fault,
    world: &World<'_>,
) -> Option<Option<ZoneId>> {
    let Some(name) = &raw.availability_zone else { return Some(None) };
    let zones = &world.cluster.zones;
    let found = zones.iter().position(|zone| zone == name);
    if found.is_none() {
        let known: Vec<&str> = zones.iter().map(String::as_str).collect();
        context.dangling(&path.key("availabilityZone"), "zone", name, known);
    }
    found.map(|index| Some(ZoneId::from_index(index)))
}

#[allow(clippy::option_option)] // "refused", "any", "this one"
fn group(
    context: &Context<'_>,
    path: &Path,
    raw: &Fault,
    world: &World<'_>,
) -> Option<Option<AsgId>> {
    let Some(name) = &raw.auto_scaling_group_name else { return Some(None) };
    let groups = world.cluster.groups.iter().flatten();
    let known: Vec<&str> = groups.map(|group| group.name.as_str()).collect();
    let found = known.iter().position(|group| group == name);
    if found.is_none() {
        context.dangling(&path.key("autoScalingGroupName"), "Auto Scaling group", name, known);
    }
    found.map(|index| Some(AsgId::from_index(index)))
}

#[allow(clippy::option_option)] // "refused", "any", "this one"
fn service(
    context: &Context<'_>,
    path: &Path,
    raw: &Fault,
    world: &World<'_>,
) -> Option<Option<ServiceId>> {
    let Some(name) = &raw.service else { return Some(None) };
    let known: Vec<&str> = world.services.iter().map(|it| it.name.as_str()).collect();
    let found = known.iter().position(|service| service == name);
    if found.is_none() {
        context.dangling(&path.key("service"), "service", name, known);
    }
    found.map(|index| Some(ServiceId::from_index(index)))
}

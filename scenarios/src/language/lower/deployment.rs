//! Deployments, health, protection and draining.

use plimsoll_core::rules::{AzRebalancing, TrafficShifts};
use plimsoll_core::scenario::{
    DeploymentAlarms, DeploymentConfiguration, DeploymentStrategy, DrainingRequest, LaunchTarget,
    ScalableTarget, SchedulingStrategy, ServiceScheduling, ServiceUpdate, ShiftingDeployment,
    TaskProtection,
};
use plimsoll_core::service::bounds::Bounds;
use plimsoll_core::service::circuit_breaker::{CircuitBreaker, Threshold};
use plimsoll_core::service::completion::{EarlySuccess, SourceCleanup};
use plimsoll_core::service::rebalancing;
use plimsoll_core::service::traffic_shift::{Stage, TrafficShift};
use plimsoll_core::units::{AsgId, Id, SimDuration, SimTime, ZoneId};

use super::cluster::Cluster;
use super::placement::Placed;
use super::task_definition::TaskDefinitions;
use super::{Context, placement};
use crate::language::raw::ScenarioDocument;
use crate::language::raw::cluster::Status;
use crate::language::raw::deployment as raw;
use crate::language::raw::service;
use crate::language::tree::Path;

fn minutes(minutes: u32) -> SimDuration {
    SimDuration::from_secs(60 * u64::from(minutes))
}

/// What the scheduler is told about a service.
pub(super) fn lower(
    context: &Context<'_>,
    path: &Path,
    raw: &service::Service,
    definitions: &TaskDefinitions,
    placed: &Placed,
    scaling: Option<&ScalableTarget>,
    cluster: &mut Cluster,
) -> Option<ServiceScheduling> {
    let daemon = raw.scheduling_strategy == service::SchedulingStrategy::Daemon;
    if daemon {
        check_daemon(context, path, raw);
    }
    let deployment = configuration(context, path, raw, scaling, daemon);
    let updates = updates(context, path, raw, definitions, placed, cluster);
    let zone_rebalancing =
        zone_rebalancing(context, path, raw, placed, daemon, deployment.maximum_percent);
    let task_protection = raw
        .task_protection
        .as_ref()
        .map(|it| TaskProtection { share: it.share, length: minutes(it.expires_in_minutes) });
    if daemon && raw.task_protection.is_some() {
        let path = path.key("taskProtection");
        context.error(&path, "a DAEMON service has no scale-in to be protected from");
    }
    Some(ServiceScheduling {
        strategy: if daemon { SchedulingStrategy::Daemon } else { SchedulingStrategy::Replica },
        deployment,
        updates: updates?,
        health_check_grace_period: raw
            .health_check_grace_period_seconds
            .map_or(SimDuration::ZERO, super::super::raw::kinds::Seconds::duration),
        zone_rebalancing,
        task_protection,
    })
}

/// What a DAEMON service does not take.
fn check_daemon(context: &Context<'_>, path: &Path, raw: &service::Service) {
    for (key, given) in [
        ("capacityProviderStrategy", !raw.capacity_provider_strategy.is_empty()),
        ("placementStrategy", !raw.placement_strategy.is_empty()),
        ("scaling", raw.scaling.is_some()),
    ] {
        if given {
            context.error(&path.key(key), "a DAEMON service runs one task on each instance");
        }
    }
    if raw.launch_type == Some(service::LaunchType::Fargate) {
        context.error(&path.key("launchType"), "a DAEMON service needs container instances");
    }
    if raw.desired_count.is_some() {
        let path = path.key("desiredCount");
        context.note(&path, "a DAEMON service has as many tasks as there are instances");
    }
}

fn configuration(
    context: &Context<'_>,
    path: &Path,
    service: &service::Service,
    scaling: Option<&ScalableTarget>,
    daemon: bool,
) -> DeploymentConfiguration {
    let path = path.key("deploymentConfiguration");
    let default = raw::DeploymentConfiguration::default();
    let raw = service.deployment_configuration.as_ref().unwrap_or(&default);
    let (lowest, highest) = if daemon { (0, 100) } else { (100, 200) };
    let minimum = raw.minimum_healthy_percent.unwrap_or(lowest);
    let maximum = raw.maximum_percent.unwrap_or(highest);
    if daemon && maximum != 100 {
        context.error(&path.key("maximumPercent"), "must be 100 for a DAEMON service");
    } else if maximum < minimum {
        let message =
            format!("`maximumPercent` {maximum} is below `minimumHealthyPercent` {minimum}");
        context.error(&path.key("maximumPercent"), message);
    }
    if !daemon && raw.strategy == raw::DeploymentStrategy::Rolling {
        let desired = service.desired_count.unwrap_or(0);
        let bounds = Bounds::of(desired, minimum, maximum);
        if 0 < desired && bounds.can_start(desired) == 0 && bounds.can_stop(desired) == 0 {
            let message = format!(
                "with {desired} tasks no deployment can start or stop any: {minimum} % are at least \
                 {}, {maximum} % at most {}",
                bounds.lower, bounds.upper
            );
            context.note(&path, message);
        }
    }
    let strategy = strategy(context, &path, raw);
    if daemon && strategy != DeploymentStrategy::Rolling {
        context.error(&path.key("strategy"), "must be `ROLLING` for a DAEMON service");
    }
    DeploymentConfiguration {
        minimum_healthy_percent: minimum,
        maximum_percent: maximum,
        circuit_breaker: circuit_breaker(context, &path, raw),
        early_success: early_success(context, &path, raw, minimum),
        alarms: alarms(context, &path, raw, scaling),
        strategy,
    }
}

fn circuit_breaker(
    context: &Context<'_>,
    path: &Path,
    raw: &raw::DeploymentConfiguration,
) -> Option<CircuitBreaker> {
    let breaker = raw.deployment_circuit_breaker.as_ref().filter(|it| it.enable)?;
    let path = path.key("deploymentCircuitBreaker");
    let rules = context.rules;
    if raw.strategy != raw::DeploymentStrategy::Rolling {
        context.error(&path, "the circuit breaker works with strategy `ROLLING` only");
    }
    if rules.circuit_breaker_minimum.is_none() {
        let message = format!("there was no circuit breaker in the AWS rules of {}", rules.name);
        context.error(&path.key("enable"), message);
    }
    for (key, given) in [
        ("resetOnHealthyTask", breaker.reset_on_healthy_task.is_some()),
        ("thresholdConfiguration", breaker.threshold_configuration.is_some()),
    ] {
        if given && !rules.circuit_breaker_configurable {
            let message = format!("could not be configured in the AWS rules of {}", rules.name);
            context.error(&path.key(key), message);
        }
    }
    let threshold = breaker.threshold_configuration.as_ref().map(|it| {
        if it.kind != raw::ThresholdType::Count && 100 < it.value {
            let path = path.key("thresholdConfiguration").key("value");
            context.error(&path, "must be at most 100 percent");
        }
        match it.kind {
            raw::ThresholdType::Count => Threshold::Count(it.value),
            raw::ThresholdType::BoundedPercent => Threshold::BoundedPercent(it.value),
            raw::ThresholdType::UnboundedPercent => Threshold::UnboundedPercent(it.value),
        }
    });
    Some(CircuitBreaker {
        rollback: breaker.rollback,
        threshold: threshold.unwrap_or_default(),
        reset_on_healthy_task: breaker.reset_on_healthy_task.unwrap_or(true),
    })
}

fn early_success(
    context: &Context<'_>,
    path: &Path,
    raw: &raw::DeploymentConfiguration,
    minimum: u32,
) -> Option<EarlySuccess> {
    let early = raw.early_success_criteria.as_ref().filter(|it| it.enable)?;
    let path = path.key("earlySuccessCriteria");
    if raw.strategy != raw::DeploymentStrategy::Rolling {
        context.error(&path, "early success works with strategy `ROLLING` only");
    }
    let (Some(healthy_percent), Some(cleanup)) =
        (early.healthy_percent, early.source_service_revision_cleanup)
    else {
        context.error(&path, "needs `healthyPercent` and `sourceServiceRevisionCleanup`");
        return None;
    };
    if healthy_percent < minimum {
        let message = format!("must be at least `minimumHealthyPercent`, which is {minimum}");
        context.error(&path.key("healthyPercent"), message);
    }
    let cleanup = match cleanup {
        raw::SourceServiceRevisionCleanup::Blocking => SourceCleanup::Blocking,
        raw::SourceServiceRevisionCleanup::Deferred => SourceCleanup::Deferred,
    };
    Some(EarlySuccess { healthy_percent, cleanup })
}

fn alarms(
    context: &Context<'_>,
    path: &Path,
    raw: &raw::DeploymentConfiguration,
    scaling: Option<&ScalableTarget>,
) -> Option<DeploymentAlarms> {
    let alarms = raw.alarms.as_ref().filter(|it| it.enable)?;
    let path = path.key("alarms");
    if alarms.alarm_names.is_empty() {
        context.error(&path.key("alarmNames"), "needs at least one alarm");
    }
    let known: Vec<&plimsoll_core::autoscaling::AlarmSettings> =
        scaling.iter().flat_map(|it| &it.step_scaling).map(|policy| &policy.alarm).collect();
    let mut windows = 0_u128;
    for (index, name) in alarms.alarm_names.iter().enumerate() {
        if let Some(alarm) = known.iter().find(|alarm| alarm.name == *name) {
            let length = alarm.query.period.as_nanos();
            windows += u128::from(length) * u128::from(alarm.evaluation_periods);
        } else {
            let names: Vec<&str> = known.iter().map(|alarm| alarm.name.as_str()).collect();
            let path = path.key("alarmNames").index(index);
            context.dangling(&path, "step scaling alarm of this service", name, names);
        }
    }
    let given = context.alarm_bake_time;
    let computed = SimDuration::from_nanos(u64::try_from(windows).unwrap_or(u64::MAX));
    Some(DeploymentAlarms {
        names: alarms.alarm_names.clone(),
        rollback: alarms.rollback,
        bake_time: given.unwrap_or(computed),
    })
}

fn strategy(
    context: &Context<'_>,
    path: &Path,
    raw: &raw::DeploymentConfiguration,
) -> DeploymentStrategy {
    use raw::DeploymentStrategy::{BlueGreen, Canary, Linear, Rolling};
    for (key, given, owner) in [
        ("canaryConfiguration", raw.canary_configuration.is_some(), Canary),
        ("linearConfiguration", raw.linear_configuration.is_some(), Linear),
    ] {
        if given && raw.strategy != owner {
            let name = if owner == Canary { "CANARY" } else { "LINEAR" };
            context.error(&path.key(key), format!("is a setting of strategy `{name}`"));
        }
    }
    let (name, since) = match raw.strategy {
        Rolling => ("ROLLING", TrafficShifts::Absent),
        BlueGreen => ("BLUE_GREEN", TrafficShifts::AllAtOnce),
        Canary => ("CANARY", TrafficShifts::Gradual),
        Linear => ("LINEAR", TrafficShifts::Gradual),
    };
    if context.rules.traffic_shifts < since {
        let rules = context.rules.name;
        let message = format!("there was no strategy `{name}` in the AWS rules of {rules}");
        context.error(&path.key("strategy"), message);
    }
    let shift = match raw.strategy {
        Rolling => {
            if raw.bake_time_in_minutes.is_some_and(|minutes| 0 < minutes) {
                let path = path.key("bakeTimeInMinutes");
                context.note(&path, "a rolling deployment has no bake time of its own");
            }
            if !raw.lifecycle_hooks.is_empty() {
                context.error(&path.key("lifecycleHooks"), "strategy `ROLLING` has no stages");
            }
            return DeploymentStrategy::Rolling;
        }
        BlueGreen => {
            if raw.bake_time_in_minutes.is_none() {
                context.error(path, "strategy `BLUE_GREEN` needs `bakeTimeInMinutes`");
            }
            TrafficShift::AllAtOnce
        }
        Canary => {
            let given = raw.canary_configuration.clone().unwrap_or_default();
            let path = path.key("canaryConfiguration").key("canaryPercent");
            TrafficShift::Canary {
                permille: permille(context, &path, given.canary_percent.unwrap_or(5.0)),
                bake_time: minutes(given.canary_bake_time_in_minutes.unwrap_or(10)),
            }
        }
        Linear => {
            let given = raw.linear_configuration.clone().unwrap_or_default();
            let path = path.key("linearConfiguration").key("stepPercent");
            TrafficShift::Linear {
                permille: permille(context, &path, given.step_percent.unwrap_or(10.0)),
                bake_time: minutes(given.step_bake_time_in_minutes.unwrap_or(6)),
            }
        }
    };
    let hooks = raw.lifecycle_hooks.iter();
    let hooks = hooks
        .flat_map(|hook| {
            hook.lifecycle_stages.iter().map(|it| (stage(*it), hook.duration.duration()))
        })
        .collect();
    let bake_time = minutes(raw.bake_time_in_minutes.unwrap_or(0));
    DeploymentStrategy::Shifting(ShiftingDeployment { shift, bake_time, hooks })
}

/// A share of the traffic, which comes in tenths of a percent, in thousandths.
fn permille(context: &Context<'_>, path: &Path, percent: f64) -> u32 {
    let exact = percent * 10.0;
    let nearest = (exact + 0.5) as u32;
    if 1e-6 < (exact - f64::from(nearest)).abs() {
        context.error(path, "must be a multiple of 0.1");
    }
    nearest
}

fn stage(raw: raw::LifecycleStage) -> Stage {
    match raw {
        raw::LifecycleStage::ReconcileService => Stage::ReconcileService,
        raw::LifecycleStage::PreScaleUp => Stage::PreScaleUp,
        raw::LifecycleStage::PostScaleUp => Stage::PostScaleUp,
        raw::LifecycleStage::TestTrafficShift => Stage::TestTrafficShift,
        raw::LifecycleStage::PostTestTrafficShift => Stage::PostTestTrafficShift,
        raw::LifecycleStage::PreProductionTrafficShift => Stage::PreProductionTrafficShift,
        raw::LifecycleStage::ProductionTrafficShift => Stage::ProductionTrafficShift,
        raw::LifecycleStage::PostProductionTrafficShift => Stage::PostProductionTrafficShift,
    }
}

/// Calls of UpdateService, in time order.
fn updates(
    context: &Context<'_>,
    path: &Path,
    raw: &service::Service,
    definitions: &TaskDefinitions,
    placed: &Placed,
    cluster: &mut Cluster,
) -> Option<Vec<ServiceUpdate>> {
    let list = path.key("deployments");
    let reference = path.key("taskDefinition");
    let daemon = raw.scheduling_strategy == service::SchedulingStrategy::Daemon;
    let mut updates = Vec::new();
    let mut complete = true;
    for (index, update) in raw.deployments.iter().enumerate() {
        let path = list.index(index);
        let Some(at) = update.at else {
            if update.force_new_deployment {
                context.error(&path, "needs `at`");
            } else {
                context.note(&path, "an entry without `at` is not an update, and has no effect");
            }
            continue;
        };
        let task_definition = match &update.task_definition {
            None => None,
            Some(name) => {
                let found = definitions.find(context, &path.key("taskDefinition"), name);
                complete &= found.is_some();
                if let (Some(launch), Some((_, task))) = (&placed.launch, found) {
                    placement::check_fit(context, &path, launch, task, cluster);
                }
                found.map(|(id, _)| id)
            }
        };
        let launch = new_strategy(context, &path, update, raw, placed, cluster);
        complete &= launch.is_some() || update.capacity_provider_strategy.is_empty();
        if let Some(launch) = &launch
            && let Some((_, task)) = definitions.find(context, &reference, &raw.task_definition)
        {
            placement::check_fit(context, &path, launch, task, cluster);
        }
        if update.task_definition.is_none()
            && !update.force_new_deployment
            && update.desired_count.is_none()
            && update.capacity_provider_strategy.is_empty()
        {
            let message = "needs `taskDefinition`, `forceNewDeployment`, `desiredCount` or \
                           `capacityProviderStrategy`";
            context.error(&path, message);
        }
        if daemon && update.desired_count.is_some() {
            context.error(&path.key("desiredCount"), "a DAEMON service has no desired count");
        }
        if context.duration < at.duration() {
            context.note(&path.key("at"), "is after the end of the run");
        }
        updates.push(ServiceUpdate {
            at: SimTime::ZERO + at.duration(),
            task_definition,
            launch,
            force_new_deployment: update.force_new_deployment,
            desired_count: update.desired_count,
        });
    }
    updates.sort_by_key(|update| update.at);
    complete.then_some(updates)
}

/// The strategy that an update gives its service.
fn new_strategy(
    context: &Context<'_>,
    path: &Path,
    update: &raw::Deployment,
    service: &service::Service,
    placed: &Placed,
    cluster: &mut Cluster,
) -> Option<LaunchTarget> {
    if update.capacity_provider_strategy.is_empty() {
        return None;
    }
    let path = path.key("capacityProviderStrategy");
    let launch = placement::strategy(context, &path, &update.capacity_provider_strategy, cluster)?;
    let rules = context.rules;
    if service.scheduling_strategy == service::SchedulingStrategy::Daemon {
        context.error(&path, "a DAEMON service does not look at capacity providers");
    } else if !rules.strategy_updates {
        let message = format!(
            "the strategy of a running service could not be changed in the AWS rules of {}",
            rules.name
        );
        context.error_hint(&path, message, "it can since 2025-06");
    } else if let Some(before) = &placed.launch
        && placement::runs_on_fargate(before, cluster)
            != placement::runs_on_fargate(&launch, cluster)
    {
        let message = "plimsoll does not move a service between Fargate and container instances";
        context.error_hint(&path, message, "describe the new place as another service");
    } else {
        return Some(launch);
    }
    None
}

/// Whether the zones of a service are rebalanced: as it says, or by the default of the rules.
fn zone_rebalancing(
    context: &Context<'_>,
    path: &Path,
    raw: &service::Service,
    placed: &Placed,
    daemon: bool,
    maximum_percent: u32,
) -> bool {
    let candidate = rebalancing::Candidate {
        daemon,
        strategy: &placed.strategies,
        maximum_percent,
        constrains_zone: constrains_zone(raw),
    };
    let eligible = rebalancing::eligible(&candidate);
    let path = path.key("availabilityZoneRebalancing");
    match (raw.availability_zone_rebalancing, context.rules.az_rebalancing) {
        (Some(Status::Enabled), AzRebalancing::Absent) => {
            let message =
                format!("there was no zone rebalancing in the AWS rules of {}", context.rules.name);
            context.error(&path, message);
            false
        }
        (Some(Status::Enabled), _) => {
            if let Err(reason) = eligible {
                context.error(&path, format!("zone rebalancing needs {}", reason.needs()));
            }
            true
        }
        (None, AzRebalancing::OnByDefault) => eligible.is_ok(),
        (Some(Status::Disabled) | None, _) => false,
    }
}

/// Whether a placement constraint looks at the zone.
fn constrains_zone(raw: &service::Service) -> bool {
    let mut expressions =
        raw.placement_constraints.iter().filter_map(|it| it.expression.as_deref());
    expressions.any(|expression| expression.contains("ecs.availability-zone"))
}

/// Draining that the scenario asks for, in time order.
pub(super) fn draining(
    context: &Context<'_>,
    document: &ScenarioDocument,
    zones: &[String],
) -> Vec<DrainingRequest> {
    let list = Path::root().key("draining");
    let mut requests = Vec::new();
    for (index, raw) in document.draining.iter().enumerate() {
        let path = list.index(index);
        let groups = &document.auto_scaling_groups;
        let names = || groups.iter().map(|it| it.auto_scaling_group_name.as_str());
        let Some(group) = names().position(|name| name == raw.auto_scaling_group) else {
            let known: Vec<&str> = names().collect();
            let path = path.key("autoScalingGroup");
            context.dangling(&path, "Auto Scaling group", &raw.auto_scaling_group, known);
            continue;
        };
        let zone = raw.availability_zone.as_ref().map(|name| {
            let found = zones.binary_search(name);
            if found.is_err() {
                let known: Vec<&str> = zones.iter().map(String::as_str).collect();
                context.dangling(&path.key("availabilityZone"), "zone", name, known);
            }
            ZoneId::from_index(found.unwrap_or(0))
        });
        if context.duration < raw.at.duration() {
            context.note(&path.key("at"), "is after the end of the run");
        }
        requests.push(DrainingRequest {
            at: SimTime::ZERO + raw.at.duration(),
            group: AsgId::from_index(group),
            zone,
            count: raw.count,
            replace: raw.replace,
        });
    }
    requests.sort_by_key(|request| request.at);
    requests
}

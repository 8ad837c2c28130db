//! How an Auto Scaling group runs its instances.

use std::collections::BTreeSet;

use plimsoll_core::autoscaling::group::{
    ActionResult, CapacityDistribution, GroupScaling, InstanceRefresh, LaunchSource, LifecycleHook,
    MaintenancePolicy, TerminationPolicy, Transition, ZoneOrder,
};
use plimsoll_core::scenario::{
    CapacityChange, GroupChange, GroupOperation, GroupUpdate, HealthChecks, Process,
};
use plimsoll_core::units::{SimDuration, SimTime};

use super::{Context, distribution};
use crate::language::raw::cluster::AutoScalingGroup;
use crate::language::raw::group as raw;
use crate::language::raw::kinds::Seconds;
use crate::language::tree::Path;

/// Least maximum lifetime of an instance.
const LIFETIME_MIN: SimDuration = SimDuration::from_secs(86_400);

/// The operation of a group; `zones` are the names of its zones.
pub(super) fn operation(
    context: &Context<'_>,
    path: &Path,
    raw: &AutoScalingGroup,
    zones: &[String],
) -> GroupOperation {
    let unset = |it: &raw::MaintenancePolicy| {
        it.min_healthy_percentage == -1 && it.max_healthy_percentage == -1
    };
    let maintenance = raw.instance_maintenance_policy.filter(|it| !unset(it));
    let maintenance = maintenance
        .and_then(|it| maintenance_policy(context, &path.key("instanceMaintenancePolicy"), it));
    let default_first = raw.termination_policies.iter().rev().skip(1);
    if default_first.clone().any(|it| *it == raw::TerminationPolicy::Default) {
        let message = "`Default` must be the last termination policy";
        context.error(&path.key("terminationPolicies"), message);
    }
    let mut policies: Vec<TerminationPolicy> =
        raw.termination_policies.iter().copied().map(termination_policy).collect();
    if policies.is_empty() {
        policies.push(TerminationPolicy::Default);
    }
    let lifetime = raw.max_instance_lifetime.map(Seconds::duration).filter(|it| !it.is_zero());
    if lifetime.is_some_and(|it| it < LIFETIME_MIN) {
        let message = "a maximum lifetime is at least one day (86400), or 0 for none";
        context.error(&path.key("maxInstanceLifetime"), message);
    }
    let health_checks = HealthChecks {
        load_balancer: load_balancer_checks(context, path, raw),
        grace_period: raw.health_check_grace_period.duration(),
        period: raw.health_check_interval.duration(),
        impaired_after: raw.impaired_after.duration(),
    };
    let mut operation = GroupOperation {
        launch_source: version(raw.launch_template_version),
        lifecycle_hooks: hooks(context, path, raw),
        health_checks,
        maintenance,
        termination_policies: policies,
        new_instances_protected: raw.new_instances_protected_from_scale_in,
        distribution: match raw.availability_zone_distribution.capacity_distribution_strategy {
            raw::CapacityDistributionStrategy::BalancedBestEffort => {
                CapacityDistribution::BalancedBestEffort
            }
            raw::CapacityDistributionStrategy::BalancedOnly => CapacityDistribution::BalancedOnly,
        },
        zone_order: match raw.zone_order {
            raw::ZoneOrder::Rotated => ZoneOrder::Rotated,
            raw::ZoneOrder::Listed => ZoneOrder::Listed,
        },
        suspended: raw
            .suspended_processes
            .iter()
            .filter_map(|it| process(it.process_name))
            .collect(),
        max_instance_lifetime: lifetime,
        refreshes: Vec::new(),
        // Known when all metrics are, with the scheduled actions.
        scaling: GroupScaling::default(),
        changes: Vec::new(),
    };
    for (index, update) in raw.updates.iter().enumerate() {
        let path = path.key("updates").index(index);
        changes(context, &path, update, zones, (raw, &mut operation));
    }
    operation.changes.sort_by_key(|change| change.at);
    operation
}

fn version(version: u32) -> LaunchSource {
    LaunchSource::Template { template: 0, version }
}

fn load_balancer_checks(context: &Context<'_>, path: &Path, raw: &AutoScalingGroup) -> bool {
    let mut load_balancer = false;
    for kind in raw.health_check_type.as_deref().unwrap_or("EC2").split(',') {
        match kind.trim() {
            "EC2" => {}
            "ELB" => load_balancer = true,
            other => {
                let path = path.key("healthCheckType");
                context.dangling(&path, "health check", other, ["EC2", "ELB"]);
            }
        }
    }
    load_balancer
}

fn maintenance_policy(
    context: &Context<'_>,
    path: &Path,
    raw: raw::MaintenancePolicy,
) -> Option<MaintenancePolicy> {
    let (min, max) = (raw.min_healthy_percentage, raw.max_healthy_percentage);
    let (Ok(min_healthy_percentage), Ok(max_healthy_percentage)) =
        (u32::try_from(min), u32::try_from(max))
    else {
        context.error(path, "both percentages are -1, for no policy, or none is");
        return None;
    };
    let policy = MaintenancePolicy { min_healthy_percentage, max_healthy_percentage };
    for problem in policy.problems() {
        context.error(path, problem);
    }
    Some(policy)
}

fn termination_policy(raw: raw::TerminationPolicy) -> TerminationPolicy {
    match raw {
        raw::TerminationPolicy::Default => TerminationPolicy::Default,
        raw::TerminationPolicy::AllocationStrategy => TerminationPolicy::AllocationStrategy,
        raw::TerminationPolicy::OldestLaunchTemplate => TerminationPolicy::OldestLaunchTemplate,
        raw::TerminationPolicy::OldestLaunchConfiguration => {
            TerminationPolicy::OldestLaunchConfiguration
        }
        raw::TerminationPolicy::ClosestToNextInstanceHour => {
            TerminationPolicy::ClosestToNextInstanceHour
        }
        raw::TerminationPolicy::NewestInstance => TerminationPolicy::NewestInstance,
        raw::TerminationPolicy::OldestInstance => TerminationPolicy::OldestInstance,
    }
}

/// `None` for the process that has no bearing on tasks.
fn process(raw: raw::Process) -> Option<Process> {
    Some(match raw {
        raw::Process::Launch => Process::Launch,
        raw::Process::Terminate => Process::Terminate,
        raw::Process::HealthCheck => Process::HealthCheck,
        raw::Process::ReplaceUnhealthy => Process::ReplaceUnhealthy,
        raw::Process::AZRebalance => Process::AZRebalance,
        raw::Process::AlarmNotification => Process::AlarmNotification,
        raw::Process::ScheduledActions => Process::ScheduledActions,
        raw::Process::InstanceRefresh => Process::InstanceRefresh,
        raw::Process::AddToLoadBalancer => return None,
    })
}

fn hooks(context: &Context<'_>, path: &Path, raw: &AutoScalingGroup) -> Vec<LifecycleHook> {
    let mut hooks: Vec<LifecycleHook> = Vec::new();
    for (index, hook) in raw.lifecycle_hooks.iter().enumerate() {
        let path = path.key("lifecycleHooks").index(index);
        if hooks.iter().any(|it| it.name == hook.lifecycle_hook_name) {
            let at = path.key("lifecycleHookName");
            context.duplicate(&at, "lifecycle hooks of the group", &hook.lifecycle_hook_name);
        }
        let after = hook.completed_after.as_ref();
        let path = path.key("completedAfter");
        hooks.push(LifecycleHook {
            name: hook.lifecycle_hook_name.clone(),
            transition: match hook.lifecycle_transition {
                raw::LifecycleTransition::Launching => Transition::Launching,
                raw::LifecycleTransition::Terminating => Transition::Terminating,
            },
            heartbeat_timeout: hook.heartbeat_timeout.duration(),
            default_result: match hook.default_result {
                raw::ActionResult::Continue => ActionResult::Continue,
                raw::ActionResult::Abandon => ActionResult::Abandon,
            },
            completion: after.and_then(|it| distribution::lower(context, &path, it)),
            abandoned_share: hook.abandoned_share,
            heartbeats: hook.records_heartbeats,
        });
    }
    hooks
}

/// Adds what one update changes; changes of one instant happen in the order of the fields.
fn changes(
    context: &Context<'_>,
    path: &Path,
    raw: &raw::GroupUpdate,
    zones: &[String],
    (group, operation): (&AutoScalingGroup, &mut GroupOperation),
) {
    if context.duration < raw.at.duration() {
        context.note(&path.key("at"), "is after the end of the run");
    }
    let at = SimTime::ZERO + raw.at.duration();
    let mut add = |update| operation.changes.push(GroupChange { at, update });
    let set = |processes: &[raw::Process]| -> BTreeSet<Process> {
        processes.iter().copied().filter_map(process).collect()
    };
    if !raw.suspend_processes.is_empty() {
        add(GroupUpdate::Suspend(set(&raw.suspend_processes)));
    }
    if !raw.resume_processes.is_empty() {
        add(GroupUpdate::Resume(set(&raw.resume_processes)));
    }
    if let Some(named) = &raw.availability_zones {
        for (index, zone) in named.iter().enumerate() {
            if !zones.contains(zone) {
                let path = path.key("availabilityZones").index(index);
                let known: Vec<&str> = zones.iter().map(String::as_str).collect();
                context.dangling(&path, "zone of the group", zone, known);
            }
        }
        add(GroupUpdate::Zones(zones.iter().map(|zone| named.contains(zone)).collect()));
    }
    if let Some(number) = raw.launch_template_version {
        add(GroupUpdate::LaunchSource(version(number)));
    }
    if raw.min_size.is_some() || raw.max_size.is_some() || raw.desired_capacity.is_some() {
        if let (Some(least), Some(most)) = (raw.min_size, raw.max_size)
            && most < least
        {
            let message = format!("`minSize` {least} is above `maxSize` {most}");
            context.error(&path.key("minSize"), message);
        }
        add(GroupUpdate::Capacity(CapacityChange {
            scheduled_action: raw.scheduled_action_name.clone(),
            min_size: raw.min_size,
            max_size: raw.max_size,
            desired_capacity: raw.desired_capacity,
        }));
    } else if raw.scheduled_action_name.is_some() {
        let message = "a scheduled action needs `minSize`, `maxSize` or `desiredCapacity`";
        context.error(&path.key("scheduledActionName"), message);
    }
    if let Some(preferences) = &raw.instance_refresh {
        let path = path.key("instanceRefresh");
        if !preferences.checkpoint_percentages.is_sorted_by(|a, b| a < b) {
            let message = "checkpoints must rise";
            context.error(&path.key("checkpointPercentages"), message);
        }
        let policy = operation.maintenance;
        let bounds = MaintenancePolicy {
            min_healthy_percentage: preferences
                .min_healthy_percentage
                .unwrap_or(policy.map_or(90, |it| it.min_healthy_percentage)),
            max_healthy_percentage: preferences
                .max_healthy_percentage
                .unwrap_or(policy.map_or(100, |it| it.max_healthy_percentage)),
        };
        for problem in bounds.problems() {
            context.error(&path, problem);
        }
        let warm_up = preferences.instance_warmup.or(group.default_instance_warmup);
        let warm_up = warm_up.map(Seconds::duration);
        let delay = preferences.checkpoint_delay.map(Seconds::duration);
        let refresh = InstanceRefresh {
            bounds,
            instance_warmup: warm_up.unwrap_or(operation.health_checks.grace_period),
            checkpoint_percentages: preferences.checkpoint_percentages.clone(),
            checkpoint_delay: delay.unwrap_or(SimDuration::from_secs(3600)),
            skip_matching: preferences.skip_matching,
        };
        let index = operation.refreshes.len();
        operation.changes.push(GroupChange { at, update: GroupUpdate::Refresh(index) });
        operation.refreshes.push(refresh);
    }
}

//! Scaling policies and scheduled actions of Auto Scaling groups.

use plimsoll_core::autoscaling::AlarmSettings;
use plimsoll_core::autoscaling::group::{
    GroupPolicy, GroupPolicyKind, GroupScaling, GroupStepPolicy, GroupTracking, SimplePolicy,
};
use plimsoll_core::metrics::{MetricQuery, MetricSource, QueryKind, ServiceMeasure, Statistic};
use plimsoll_core::scenario::{CapacityChange, GroupChange, GroupUpdate};
use plimsoll_core::units::{AsgId, Id, SimDuration, SimTime};

use super::Context;
use super::cluster::Cluster;
use super::metric::{MINUTE, Reference, Subject, math, resolve, statistic};
use super::scaling::{adjustment_type, aggregation, alarm, instants, own_alarm, steps};
use crate::language::raw::ScenarioDocument;
use crate::language::raw::cluster::AutoScalingGroup;
use crate::language::raw::group_scaling as raw;
use crate::language::raw::kinds::Seconds;
use crate::language::raw::scaling::Alarm;
use crate::language::tree::Path;
use crate::schedule::{self, Schedule};

/// Gives each group its policies and its scheduled actions. To be called once the user's metrics are
/// known.
pub(super) fn lower(context: &Context<'_>, document: &ScenarioDocument, cluster: &mut Cluster) {
    let managed = cluster.managed_groups();
    let delay = document.control_plane.scheduled_action_delay.duration();
    for (index, group) in document.auto_scaling_groups.iter().enumerate() {
        let path = Path::root().key("autoScalingGroups").index(index);
        let id = AsgId::from_index(index);
        let scaling = scaling(context, &path, id, group);
        if !scaling.policies.is_empty() && managed.contains(&id) {
            let message = "the capacity provider of this group has managed scaling: AWS advises against \
                           further policies, since both set the desired capacity";
            context.note(&path.key("scalingPolicies"), message);
        }
        let actions = scheduled(context, &path, group, &document.time_zone, delay);
        if let Some(Some(lowered)) = cluster.groups.get_mut(index) {
            lowered.operation.scaling = scaling;
            lowered.operation.changes.extend(actions);
            // Stable: what comes first at one instant is done first.
            lowered.operation.changes.sort_by_key(|change| change.at);
        }
    }
}

fn scaling(
    context: &Context<'_>,
    path: &Path,
    id: AsgId,
    group: &AutoScalingGroup,
) -> GroupScaling {
    let list = path.key("scalingPolicies");
    let mut names: Vec<&str> = Vec::new();
    let mut policies = Vec::new();
    for (index, raw) in group.scaling_policies.iter().enumerate() {
        let path = list.index(index);
        if names.contains(&raw.policy_name.as_str()) {
            let at = path.key("policyName");
            context.duplicate(&at, "scaling policies of the group", &raw.policy_name);
        }
        names.push(&raw.policy_name);
        let policy = Policy { context, path: &path, id, raw, group };
        policies.extend(
            policy
                .kind(&list)
                .filter(|_| raw.enabled)
                .map(|kind| GroupPolicy { name: raw.policy_name.clone(), kind }),
        );
    }
    GroupScaling {
        default_cooldown: group.default_cooldown.duration(),
        default_instance_warmup: group.default_instance_warmup.map(Seconds::duration),
        policies,
    }
}

/// An entry of `scalingPolicies`.
struct Policy<'a, 'c> {
    context: &'a Context<'c>,
    path: &'a Path,
    id: AsgId,
    raw: &'a raw::GroupScalingPolicy,
    group: &'a AutoScalingGroup,
}

impl Policy<'_, '_> {
    /// `None` if it was refused or is not simulated.
    fn kind(&self, list: &Path) -> Option<GroupPolicyKind> {
        match self.raw.policy_type {
            raw::GroupPolicyType::SimpleScaling => self.simple(list).map(GroupPolicyKind::Simple),
            raw::GroupPolicyType::StepScaling => self.step(list).map(GroupPolicyKind::Step),
            raw::GroupPolicyType::TargetTrackingScaling => {
                self.tracking().map(GroupPolicyKind::TargetTracking)
            }
            raw::GroupPolicyType::PredictiveScaling => {
                let message =
                    "predictive scaling of groups is not simulated: the policy has no effect";
                self.context.note(&self.path.key("policyType"), message);
                None
            }
        }
    }

    /// Reports settings that this kind of policy does not have.
    fn refuse(&self, kind: &str, given: &[(&str, bool)]) {
        for (key, _) in given.iter().filter(|(_, given)| *given) {
            let message = format!("a policy of type `{kind}` has no such setting");
            self.context.error(&self.path.key(key), message);
        }
    }

    /// The alarm that drives a simple or step policy.
    fn alarm(&self, list: &Path) -> Option<AlarmSettings> {
        let (context, raw) = (self.context, self.raw);
        let alarms_path = list.parent().key("metricAlarms");
        let (path, found): (Path, &Alarm) = if let Some(alarm) = &raw.alarm {
            (self.path.key("alarm"), alarm)
        } else {
            let named = (raw.policy_name.as_str(), raw.policy_arn.as_ref(), &raw.alarms[..]);
            let (index, alarm) = own_alarm(context, self.path, named, &self.group.metric_alarms)?;
            (alarms_path.index(index), alarm)
        };
        let name = found.alarm_name.clone();
        let name = name.unwrap_or_else(|| format!("{}-alarm", raw.policy_name));
        let alarm = alarm(context, &path, (Subject::Group(self.id), found), name)?;
        for problem in alarm.problems() {
            context.error(&path, problem);
        }
        Some(alarm)
    }

    /// Reports what is wrong with a policy, apart from its alarm.
    fn report(&self, problems: Vec<String>, alarm: &AlarmSettings) {
        let of_alarm = alarm.problems();
        for problem in problems.into_iter().filter(|it| !of_alarm.contains(it)) {
            self.context.error(self.path, problem);
        }
    }

    fn simple(&self, list: &Path) -> Option<SimplePolicy> {
        let raw = self.raw;
        self.refuse(
            "SimpleScaling",
            &[
                ("stepAdjustments", !raw.step_adjustments.is_empty()),
                ("metricAggregationType", raw.metric_aggregation_type.is_some()),
                ("estimatedInstanceWarmup", raw.estimated_instance_warmup.is_some()),
                ("targetTrackingConfiguration", raw.target_tracking_configuration.is_some()),
            ],
        );
        let (Some(kind), Some(adjustment)) = (raw.adjustment_type, raw.scaling_adjustment) else {
            let message = "needs `adjustmentType` and `scalingAdjustment`";
            self.context.error_hint(
                self.path,
                message,
                "`policyType` is `SimpleScaling` by default",
            );
            return None;
        };
        let policy = SimplePolicy {
            alarm: self.alarm(list)?,
            adjustment_type: adjustment_type(kind),
            adjustment,
            min_adjustment_magnitude: raw.min_adjustment_magnitude,
            cooldown: raw.cooldown.map(Seconds::duration),
        };
        self.report(policy.problems(), &policy.alarm);
        Some(policy)
    }

    fn step(&self, list: &Path) -> Option<GroupStepPolicy> {
        let raw = self.raw;
        self.refuse(
            "StepScaling",
            &[
                ("scalingAdjustment", raw.scaling_adjustment.is_some()),
                ("cooldown", raw.cooldown.is_some()),
                ("targetTrackingConfiguration", raw.target_tracking_configuration.is_some()),
            ],
        );
        let Some(kind) = raw.adjustment_type.filter(|_| !raw.step_adjustments.is_empty()) else {
            self.context.error(self.path, "needs `adjustmentType` and `stepAdjustments`");
            return None;
        };
        let policy = GroupStepPolicy {
            alarm: self.alarm(list)?,
            adjustment_type: adjustment_type(kind),
            steps: steps(&raw.step_adjustments),
            min_adjustment_magnitude: raw.min_adjustment_magnitude,
            aggregation: aggregation(raw.metric_aggregation_type.unwrap_or_default()),
            instance_warmup: raw.estimated_instance_warmup.map(Seconds::duration),
        };
        self.report(policy.problems(), &policy.alarm);
        Some(policy)
    }

    fn tracking(&self) -> Option<GroupTracking> {
        let raw = self.raw;
        self.refuse(
            "TargetTrackingScaling",
            &[
                ("adjustmentType", raw.adjustment_type.is_some()),
                ("scalingAdjustment", raw.scaling_adjustment.is_some()),
                ("minAdjustmentMagnitude", raw.min_adjustment_magnitude.is_some()),
                ("cooldown", raw.cooldown.is_some()),
                ("stepAdjustments", !raw.step_adjustments.is_empty()),
                ("metricAggregationType", raw.metric_aggregation_type.is_some()),
                ("alarm", raw.alarm.is_some()),
            ],
        );
        let Some(settings) = &raw.target_tracking_configuration else {
            self.context.error(self.path, "the key `targetTrackingConfiguration` is missing");
            return None;
        };
        let path = self.path.key("targetTrackingConfiguration");
        let query = match (
            &settings.predefined_metric_specification,
            &settings.customized_metric_specification,
        ) {
            (Some(metric), None) => {
                self.predefined(&path.key("predefinedMetricSpecification"), metric)
            }
            (None, Some(metric)) => {
                self.customized(&path.key("customizedMetricSpecification"), metric)
            }
            _ => {
                let message = "needs exactly one of `predefinedMetricSpecification`, \
                               `customizedMetricSpecification`";
                self.context.error(&path, message);
                None
            }
        };
        Some(GroupTracking {
            query: query?,
            target_value: settings.target_value,
            disable_scale_in: settings.disable_scale_in,
            instance_warmup: raw.estimated_instance_warmup.map(Seconds::duration),
        })
    }

    fn predefined(&self, path: &Path, raw: &raw::GroupPredefinedMetric) -> Option<MetricQuery> {
        use raw::GroupPredefinedMetricType as Type;
        let context = self.context;
        match raw.predefined_metric_type {
            Type::ASGAverageCPUUtilization => {
                let reference = Reference {
                    namespace: Some("AWS/EC2"),
                    name: "CPUUtilization",
                    dimensions: &[],
                    statistic: None,
                    period: MINUTE,
                };
                let own = Subject::Group(self.id);
                let (metric, wanted) = resolve(context, path, own, &reference)?;
                Some(MetricQuery::per_minute(metric, wanted))
            }
            Type::ASGAverageNetworkIn | Type::ASGAverageNetworkOut => {
                context.error_hint(
                    &path.key("predefinedMetricType"),
                    "the network traffic of instances is not simulated",
                    "a metric of your own may stand for it: `metrics`, with a trace or a formula",
                );
                None
            }
            Type::ALBRequestCountPerTarget => {
                let label = raw.resource_label.as_deref();
                let name = label.and_then(|it| it.split("targetgroup/").nth(1));
                let name = name.and_then(|it| it.split('/').next());
                let Some(service) = context.metrics.behind_target_group(name) else {
                    let at = path.key("resourceLabel");
                    let known = context.metrics.service_names();
                    context.dangling(&at, "service for target group", name.unwrap_or(""), known);
                    return None;
                };
                let measure = ServiceMeasure::RequestCountPerTarget;
                let metric = context.metrics.per_minute(MetricSource::Service(service, measure));
                Some(MetricQuery::per_minute(metric, Statistic::Sum))
            }
        }
    }

    fn customized(&self, path: &Path, raw: &raw::GroupCustomizedMetric) -> Option<MetricQuery> {
        let (context, own) = (self.context, Subject::Group(self.id));
        let (query, at) = match (&raw.metric_name, raw.metrics.is_empty()) {
            (Some(name), true) => {
                let period = raw.period.map_or(MINUTE, Seconds::duration);
                let reference = Reference {
                    namespace: raw.namespace.as_deref(),
                    name,
                    dimensions: &raw.dimensions,
                    statistic: raw.statistic.map(statistic),
                    period,
                };
                let (metric, wanted) = resolve(context, path, own, &reference)?;
                let kind = QueryKind::Metric(metric, wanted);
                (MetricQuery { kind, period }, path.key("period"))
            }
            (None, false) => {
                if raw.period.is_some() {
                    let message = "is given by each line of `metrics`";
                    context.error(&path.key("period"), message);
                }
                let at = path.key("metrics");
                (math(context, &at, own, &raw.metrics)?, at)
            }
            _ => {
                context.error(path, "needs exactly one of `metricName`, `metrics`");
                return None;
            }
        };
        if ![10, 30, 60].map(SimDuration::from_secs).contains(&query.period) {
            let message = "target tracking of groups looks at periods of 10, 30 or 60 seconds";
            context.error(&at, message);
            return None;
        }
        Some(query)
    }
}

/// Scheduled actions expanded to instants, in listed order.
fn scheduled(
    context: &Context<'_>,
    path: &Path,
    group: &AutoScalingGroup,
    time_zone: &str,
    delay: SimDuration,
) -> Vec<GroupChange> {
    let list = path.key("scheduledUpdateGroupActions");
    let mut names: Vec<&str> = Vec::new();
    let mut changes = Vec::new();
    for (index, raw) in group.scheduled_update_group_actions.iter().enumerate() {
        let path = list.index(index);
        let name = raw.scheduled_action_name.as_str();
        if names.contains(&name) {
            let at = path.key("scheduledActionName");
            context.duplicate(&at, "scheduled actions of the group", name);
        }
        names.push(name);
        if raw.min_size.is_none() && raw.max_size.is_none() && raw.desired_capacity.is_none() {
            let message = "needs `minSize`, `maxSize` or `desiredCapacity`";
            context.error(&path, message);
        }
        if let (Some(least), Some(most)) = (raw.min_size, raw.max_size)
            && most < least
        {
            let message = format!("`minSize` {least} is above `maxSize` {most}");
            context.error(&path.key("minSize"), message);
        }
        let limit = schedule::MAX_FIRINGS.saturating_sub(changes.len());
        let found = firings(context, &path, raw, time_zone, limit).unwrap_or_default();
        changes.extend(found.into_iter().map(|at| GroupChange {
            at: at + delay,
            update: GroupUpdate::Capacity(CapacityChange {
                scheduled_action: Some(name.to_owned()),
                min_size: raw.min_size,
                max_size: raw.max_size,
                desired_capacity: raw.desired_capacity,
            }),
        }));
    }
    changes
}

/// At most `limit` instants of one action during the run.
fn firings(
    context: &Context<'_>,
    path: &Path,
    raw: &raw::GroupScheduledAction,
    time_zone: &str,
    limit: usize,
) -> Option<Vec<SimTime>> {
    let zone = raw.time_zone.as_deref().unwrap_or(time_zone);
    if raw.time_zone.is_some() {
        super::time_zone(context, &path.key("timeZone"), zone)?;
    }
    let Some(text) = raw.recurrence.as_deref() else {
        let Some(once) = raw.start_time else {
            context.error(path, "needs `recurrence` or `startTime`");
            return None;
        };
        let schedule = Schedule::once(once.0);
        let at = path.key("startTime");
        return instants(context, &at, (&schedule, false), (None, raw.end_time), limit);
    };
    let at = path.key("recurrence");
    match schedule::parse_recurrence(text, zone) {
        Ok(schedule) => {
            instants(context, &at, (&schedule, false), (raw.start_time, raw.end_time), limit)
        }
        Err(error) => {
            let before = text.get(..error.offset).unwrap_or_default().chars().count();
            context.error_inside(&at, (text, before), error.to_string(), None);
            None
        }
    }
}

//! Application Auto Scaling.

mod alarm;
mod rules;
mod schedule;

use plimsoll_core::autoscaling::{
    AdjustmentType, MetricAggregation, StepAdjustment, StepScalingPolicy, SuspendedState,
    TargetTrackingPolicy,
};
use plimsoll_core::metrics::{MetricQuery, MetricSource, QueryKind, ServiceMeasure, Statistic};
use plimsoll_core::scenario::ScalableTarget;
use plimsoll_core::units::{ServiceId, SimTime};

pub(super) use alarm::alarm;
pub(super) use rules::rules;
pub(super) use schedule::instants;

use super::Context;
use super::metric::{MINUTE, Reference, Subject, TWENTY_SECONDS, math, resolve, statistic};
use crate::language::raw::kinds::Seconds;
use crate::language::raw::scaling as raw;
use crate::language::tree::Path;

/// Pause after an action, where none is given.
const COOLDOWN: Seconds = Seconds(300_000_000_000);

/// A scalable target of the service `id`.
pub(super) fn lower(
    context: &Context<'_>,
    path: &Path,
    id: ServiceId,
    raw: &raw::Scaling,
    time_zone: &str,
) -> Option<ScalableTarget> {
    if raw.max_capacity < raw.min_capacity {
        let message = format!(
            "`minCapacity` {} is above `maxCapacity` {}",
            raw.min_capacity, raw.max_capacity
        );
        context.error(&path.key("minCapacity"), message);
    }
    let mut target = Target { context, id, names: Vec::new() };
    let list = path.key("targetTracking");
    let mut target_tracking: Vec<Option<TargetTrackingPolicy>> = Vec::new();
    for (index, policy) in raw.target_tracking.iter().enumerate() {
        target_tracking.push(target.tracking_entry(&list.index(index), policy));
    }
    let list = path.key("stepScaling");
    let mut step_scaling: Vec<Option<StepScalingPolicy>> = Vec::new();
    for (index, policy) in raw.step_scaling.iter().enumerate() {
        step_scaling.push(target.step_entry(&list.index(index), policy));
    }
    let alarms = path.key("metricAlarms");
    let list = path.key("scalingPolicies");
    for (index, policy) in raw.scaling_policies.iter().enumerate() {
        let path = list.index(index);
        match target.printed(&path, policy, (&alarms, &raw.metric_alarms)) {
            Some(Policy::Tracking(policy)) => target_tracking.push(Some(policy)),
            Some(Policy::Step(policy)) => step_scaling.push(Some(policy)),
            None => target_tracking.push(None),
        }
    }
    let scheduled = schedule::scheduled(context, &path.key("scheduledActions"), raw, time_zone);
    let mut suspensions: Vec<(SimTime, SuspendedState)> = raw
        .suspensions
        .iter()
        .map(|it| (SimTime::ZERO + it.at.duration(), suspended(it.suspended_state)))
        .collect();
    suspensions.sort_by_key(|(at, _)| *at);
    Some(ScalableTarget {
        min_capacity: raw.min_capacity,
        max_capacity: raw.max_capacity,
        target_tracking: target_tracking.into_iter().collect::<Option<_>>()?,
        step_scaling: step_scaling.into_iter().collect::<Option<_>>()?,
        scheduled: scheduled?,
        suspended: suspended(raw.suspended_state),
        suspensions,
    })
}

fn suspended(raw: raw::SuspendedState) -> SuspendedState {
    SuspendedState {
        dynamic_scaling_in: raw.dynamic_scaling_in_suspended,
        dynamic_scaling_out: raw.dynamic_scaling_out_suspended,
        scheduled_scaling: raw.scheduled_scaling_suspended,
    }
}

pub(super) fn adjustment_type(raw: raw::AdjustmentType) -> AdjustmentType {
    match raw {
        raw::AdjustmentType::ChangeInCapacity => AdjustmentType::ChangeInCapacity,
        raw::AdjustmentType::ExactCapacity => AdjustmentType::ExactCapacity,
        raw::AdjustmentType::PercentChangeInCapacity => AdjustmentType::PercentChangeInCapacity,
    }
}

pub(super) fn aggregation(raw: raw::MetricAggregationType) -> MetricAggregation {
    match raw {
        raw::MetricAggregationType::Average => MetricAggregation::Average,
        raw::MetricAggregationType::Minimum => MetricAggregation::Minimum,
        raw::MetricAggregationType::Maximum => MetricAggregation::Maximum,
    }
}

/// Steps in ascending order.
pub(super) fn steps(raw: &[raw::StepAdjustment]) -> Vec<StepAdjustment> {
    let step = |step: &raw::StepAdjustment| StepAdjustment {
        lower: step.metric_interval_lower_bound,
        upper: step.metric_interval_upper_bound,
        adjustment: step.scaling_adjustment,
    };
    let mut steps: Vec<StepAdjustment> = raw.iter().map(step).collect();
    let low = |step: &StepAdjustment| step.lower.unwrap_or(f64::NEG_INFINITY);
    steps.sort_by(|a, b| low(a).total_cmp(&low(b)));
    steps
}

/// The one alarm out of `alarms` whose action is the policy at `path`, of this name and ARN, which may
/// name alarms itself.
pub(super) fn own_alarm<'r>(
    context: &Context<'_>,
    path: &Path,
    (name, arn, named): (&str, Option<&String>, &[raw::AlarmReference]),
    alarms: &'r [raw::Alarm],
) -> Option<(usize, &'r raw::Alarm)> {
    let ending = format!("policyName/{name}");
    let is_own = |alarm: &raw::Alarm| {
        named.iter().any(|it| Some(&it.alarm_name) == alarm.alarm_name.as_ref())
            || alarm.alarm_actions.iter().any(|it| Some(it) == arn || it.ends_with(&ending))
    };
    let mut own = alarms.iter().enumerate().filter(|(_, alarm)| is_own(alarm));
    let (Some(found), None) = (own.next(), own.next()) else {
        context.error_hint(
            path,
            "needs exactly one alarm of `metricAlarms`",
            "the alarm names the policy in `alarmActions`, or the policy the alarm in `alarms`",
        );
        return None;
    };
    Some(found)
}

/// A policy of either kind.
enum Policy {
    Tracking(TargetTrackingPolicy),
    Step(StepScalingPolicy),
}

/// The policies of one scalable target.
struct Target<'c, 'a> {
    context: &'c Context<'a>,
    id: ServiceId,
    names: Vec<String>,
}

impl Target<'_, '_> {
    fn register(&mut self, path: &Path, name: &str) {
        if self.names.iter().any(|known| known == name) {
            let what = "policies of the service";
            self.context.duplicate(&path.key("policyName"), what, name);
        }
        self.names.push(name.to_owned());
    }

    /// An entry of `targetTracking`.
    fn tracking_entry(
        &mut self,
        path: &Path,
        raw: &raw::TargetTracking,
    ) -> Option<TargetTrackingPolicy> {
        let name = raw.policy_name.as_deref();
        let flat = raw.target_value.is_some()
            || raw.predefined_metric_type.is_some()
            || raw.predefined_metric_specification.is_some()
            || raw.customized_metric_specification.is_some()
            || raw.scale_out_cooldown.is_some()
            || raw.scale_in_cooldown.is_some()
            || raw.disable_scale_in.is_some();
        if let Some(nested) = &raw.target_tracking_scaling_policy_configuration {
            if flat {
                self.both(path, "targetTrackingScalingPolicyConfiguration");
                return None;
            }
            let at = path.key("targetTrackingScalingPolicyConfiguration");
            return self.tracking(path, &at, name, nested);
        }
        let Some(target_value) = raw.target_value else {
            self.context.error(path, "`targetValue` is missing");
            return None;
        };
        let nested = &raw.predefined_metric_specification;
        let predefined = match (raw.predefined_metric_type, nested) {
            (Some(_), Some(_)) => {
                let message =
                    "needs exactly one of `predefinedMetricType`, `predefinedMetricSpecification`";
                self.context.error(path, message);
                return None;
            }
            (Some(predefined_metric_type), None) => {
                Some(raw::PredefinedMetricSpecification { predefined_metric_type })
            }
            (None, nested) => nested.clone(),
        };
        let configuration = raw::TargetTrackingConfiguration {
            predefined_metric_specification: predefined,
            customized_metric_specification: raw.customized_metric_specification.clone(),
            target_value,
            scale_out_cooldown: raw.scale_out_cooldown.unwrap_or(COOLDOWN),
            scale_in_cooldown: raw.scale_in_cooldown.unwrap_or(COOLDOWN),
            disable_scale_in: raw.disable_scale_in.unwrap_or(false),
        };
        self.tracking(path, path, name, &configuration)
    }

    fn both(&self, path: &Path, key: &str) {
        let message = format!("`{key}` holds all settings of the policy: none may stand beside it");
        self.context.error(&path.key(key), message);
    }

    /// A target tracking policy at `path` with its configuration at `at`.
    fn tracking(
        &mut self,
        path: &Path,
        at: &Path,
        name: Option<&str>,
        raw: &raw::TargetTrackingConfiguration,
    ) -> Option<TargetTrackingPolicy> {
        let (query, default_name) = match (
            &raw.predefined_metric_specification,
            &raw.customized_metric_specification,
        ) {
            (Some(predefined), None) => self.predefined(at, predefined.predefined_metric_type)?,
            (None, Some(custom)) => {
                self.customized(&at.key("customizedMetricSpecification"), custom)?
            }
            _ => {
                let message = "needs exactly one of `predefinedMetricType`, \
                                   `predefinedMetricSpecification`, `customizedMetricSpecification`";
                self.context.error(at, message);
                return None;
            }
        };
        let name = name.map_or(default_name, str::to_owned);
        self.register(path, &name);
        Some(TargetTrackingPolicy {
            name,
            query,
            target_value: raw.target_value,
            scale_out_cooldown: raw.scale_out_cooldown.duration(),
            scale_in_cooldown: raw.scale_in_cooldown.duration(),
            disable_scale_in: raw.disable_scale_in,
        })
    }

    /// The query of a predefined metric, and its type.
    fn predefined(
        &self,
        path: &Path,
        metric: raw::PredefinedMetricType,
    ) -> Option<(MetricQuery, String)> {
        use raw::PredefinedMetricType as Type;
        let metrics = &self.context.metrics;
        let (measure, statistic, name) = match metric {
            Type::ECSServiceAverageCPUUtilization => (
                ServiceMeasure::CpuUtilization,
                Statistic::Average,
                "ECSServiceAverageCPUUtilization",
            ),
            Type::ECSServiceAverageMemoryUtilization => (
                ServiceMeasure::MemoryUtilization,
                Statistic::Average,
                "ECSServiceAverageMemoryUtilization",
            ),
            Type::ALBRequestCountPerTarget => {
                (ServiceMeasure::RequestCountPerTarget, Statistic::Sum, "ALBRequestCountPerTarget")
            }
            Type::ECSServiceAverageCPUUtilizationHighResolution => (
                ServiceMeasure::CpuUtilization,
                Statistic::Average,
                "ECSServiceAverageCPUUtilizationHighResolution",
            ),
            Type::ECSServiceAverageMemoryUtilizationHighResolution => (
                ServiceMeasure::MemoryUtilization,
                Statistic::Average,
                "ECSServiceAverageMemoryUtilizationHighResolution",
            ),
        };
        if !name.ends_with("HighResolution") {
            let metric = metrics.per_minute(MetricSource::Service(self.id, measure));
            return Some((MetricQuery::per_minute(metric, statistic), name.to_owned()));
        }
        if !metrics.has_high_resolution(self.id) {
            self.context.error_hint(
                path,
                format!("`{name}` needs metrics of 20 s resolution"),
                "give the service `monitoring: {metricConfigurations: [{resolutionSeconds: 20}]}`",
            );
            return None;
        }
        let metric = metrics.high_resolution(self.id, measure);
        let kind = QueryKind::Metric(metric, statistic);
        Some((MetricQuery { kind, period: TWENTY_SECONDS }, name.to_owned()))
    }

    /// The query of a customized metric, and its name.
    fn customized(
        &self,
        path: &Path,
        raw: &raw::CustomizedMetricSpecification,
    ) -> Option<(MetricQuery, String)> {
        let own = Subject::Service(self.id);
        match (&raw.metric_name, raw.metrics.is_empty()) {
            (Some(name), true) => {
                let reference = Reference {
                    namespace: raw.namespace.as_deref(),
                    name,
                    dimensions: &raw.dimensions,
                    statistic: raw.statistic.map(statistic),
                    period: MINUTE,
                };
                let (metric, wanted) = resolve(self.context, path, own, &reference)?;
                Some((MetricQuery::per_minute(metric, wanted), name.clone()))
            }
            (None, false) => {
                let path = path.key("metrics");
                let query = math(self.context, &path, own, &raw.metrics)?;
                if query.period != MINUTE {
                    let message = "target tracking looks at periods of 60 s";
                    self.context.error(&path, message);
                    return None;
                }
                Some((query, "metric-math".to_owned()))
            }
            _ => {
                self.context.error(path, "needs exactly one of `metricName`, `metrics`");
                None
            }
        }
    }

    /// An entry of `stepScaling`.
    fn step_entry(&mut self, path: &Path, raw: &raw::StepScaling) -> Option<StepScalingPolicy> {
        let flat = raw.adjustment_type.is_some()
            || raw.step_adjustments.is_some()
            || raw.min_adjustment_magnitude.is_some()
            || raw.metric_aggregation_type.is_some()
            || raw.cooldown.is_some();
        let alarm_name = raw.alarm.alarm_name.clone();
        let fallback = format!("step-scaling-{}", self.names.len());
        let name = raw.policy_name.clone().or_else(|| alarm_name.clone()).unwrap_or(fallback);
        let alarm_name = alarm_name.unwrap_or_else(|| format!("{name}-alarm"));
        let alarm = (&path.key("alarm"), &raw.alarm, alarm_name);
        if let Some(nested) = &raw.step_scaling_policy_configuration {
            if flat {
                self.both(path, "stepScalingPolicyConfiguration");
                return None;
            }
            return self.steps(path, name, nested, alarm);
        }
        let (Some(adjustment_type), Some(steps)) = (raw.adjustment_type, &raw.step_adjustments)
        else {
            let message = "needs `adjustmentType` and `stepAdjustments`";
            self.context.error(path, message);
            return None;
        };
        let configuration = raw::StepScalingConfiguration {
            adjustment_type,
            step_adjustments: steps.clone(),
            min_adjustment_magnitude: raw.min_adjustment_magnitude,
            metric_aggregation_type: raw.metric_aggregation_type.unwrap_or_default(),
            cooldown: raw.cooldown.unwrap_or(COOLDOWN),
        };
        self.steps(path, name, &configuration, alarm)
    }

    /// A step scaling policy at `path`.
    fn steps(
        &mut self,
        path: &Path,
        name: String,
        raw: &raw::StepScalingConfiguration,
        (alarm_path, raw_alarm, alarm_name): (&Path, &raw::Alarm, String),
    ) -> Option<StepScalingPolicy> {
        let context = self.context;
        self.register(path, &name);
        let own = Subject::Service(self.id);
        let alarm = alarm(context, alarm_path, (own, raw_alarm), alarm_name)?;
        let policy = StepScalingPolicy {
            name,
            alarm,
            adjustment_type: adjustment_type(raw.adjustment_type),
            steps: steps(&raw.step_adjustments),
            min_adjustment_magnitude: raw.min_adjustment_magnitude,
            aggregation: aggregation(raw.metric_aggregation_type),
            cooldown: raw.cooldown.duration(),
        };
        let alarm_problems = policy.alarm.problems();
        for problem in policy.problems() {
            let at = if alarm_problems.contains(&problem) { alarm_path } else { path };
            context.error(at, problem);
        }
        Some(policy)
    }

    /// An entry of `scalingPolicies`, whose alarms stand in a list of their own.
    fn printed(
        &mut self,
        path: &Path,
        raw: &raw::ScalingPolicy,
        (alarms_path, alarms): (&Path, &[raw::Alarm]),
    ) -> Option<Policy> {
        let tracking = &raw.target_tracking_scaling_policy_configuration;
        let step = &raw.step_scaling_policy_configuration;
        let kind = match (tracking, step) {
            (Some(_), None) => raw::PolicyType::TargetTrackingScaling,
            (None, Some(_)) => raw::PolicyType::StepScaling,
            _ => {
                let message = "needs exactly one of `targetTrackingScalingPolicyConfiguration`, \
                               `stepScalingPolicyConfiguration`";
                self.context.error(path, message);
                return None;
            }
        };
        if raw.policy_type.is_some_and(|given| given != kind) {
            let message = "is not the kind of the configuration";
            self.context.error(&path.key("policyType"), message);
            return None;
        }
        if let Some(tracking) = tracking {
            let at = path.key("targetTrackingScalingPolicyConfiguration");
            let policy = self.tracking(path, &at, Some(&raw.policy_name), tracking)?;
            return Some(Policy::Tracking(policy));
        }
        let arn = raw.policy_arn.as_ref();
        let (index, alarm) =
            own_alarm(self.context, path, (&raw.policy_name, arn, &raw.alarms), alarms)?;
        let name = raw.policy_name.clone();
        let alarm_name = alarm.alarm_name.clone().unwrap_or_else(|| format!("{name}-alarm"));
        let alarm = (&alarms_path.index(index), alarm, alarm_name);
        self.steps(path, name, step.as_ref()?, alarm).map(Policy::Step)
    }
}

//! Application Auto Scaling.

use plimsoll_core::autoscaling::{
    AdjustmentType, AlarmSettings, ComparisonOperator, MetricAggregation, StepAdjustment,
    StepScalingPolicy, TargetTrackingPolicy, TreatMissingData,
};
use plimsoll_core::metrics::{MetricQuery, MetricSource, ServiceMeasure, Statistic};
use plimsoll_core::scenario::{ScalableTarget, ScheduledChange};
use plimsoll_core::units::{ServiceId, SimTime};

use super::Context;
use crate::language::raw::scaling as raw;
use crate::language::tree::Path;
use crate::schedule;

/// A scalable target.
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
    let mut names: Vec<String> = Vec::new();
    let tracking_path = path.key("targetTracking");
    let target_tracking: Option<Vec<_>> = raw
        .target_tracking
        .iter()
        .enumerate()
        .map(|(index, policy)| {
            tracking(context, &tracking_path.index(index), (id, policy), &mut names)
        })
        .collect();
    let step_path = path.key("stepScaling");
    let step_scaling: Option<Vec<_>> = raw
        .step_scaling
        .iter()
        .enumerate()
        .map(|(index, policy)| steps(context, &step_path.index(index), (id, policy), &mut names))
        .collect();
    let scheduled = scheduled(context, &path.key("scheduledActions"), raw, time_zone);
    Some(ScalableTarget {
        min_capacity: raw.min_capacity,
        max_capacity: raw.max_capacity,
        target_tracking: target_tracking?,
        step_scaling: step_scaling?,
        scheduled: scheduled?,
    })
}

fn register(context: &Context<'_>, path: &Path, names: &mut Vec<String>, name: &str) {
    if names.iter().any(|known| known == name) {
        context.duplicate(&path.key("policyName"), "policies of the service", name);
    }
    names.push(name.to_owned());
}

fn tracking(
    context: &Context<'_>,
    path: &Path,
    (id, raw): (ServiceId, &raw::TargetTracking),
    names: &mut Vec<String>,
) -> Option<TargetTrackingPolicy> {
    let nested = raw.predefined_metric_specification.as_ref().map(|it| it.predefined_metric_type);
    let ((Some(metric), None) | (None, Some(metric))) = (raw.predefined_metric_type, nested) else {
        context.error(
            path,
            "needs exactly one of `predefinedMetricType`, `predefinedMetricSpecification`",
        );
        return None;
    };
    let (measure, statistic, metric_type) = match metric {
        raw::PredefinedMetricType::ECSServiceAverageCPUUtilization => {
            (ServiceMeasure::CpuUtilization, Statistic::Average, "ECSServiceAverageCPUUtilization")
        }
        raw::PredefinedMetricType::ECSServiceAverageMemoryUtilization => (
            ServiceMeasure::MemoryUtilization,
            Statistic::Average,
            "ECSServiceAverageMemoryUtilization",
        ),
        raw::PredefinedMetricType::ALBRequestCountPerTarget => {
            (ServiceMeasure::RequestCountPerTarget, Statistic::Sum, "ALBRequestCountPerTarget")
        }
    };
    let name = raw.policy_name.clone().unwrap_or_else(|| metric_type.to_owned());
    let metric = context.metrics.per_minute(MetricSource::Service(id, measure));
    register(context, path, names, &name);
    Some(TargetTrackingPolicy {
        name,
        query: MetricQuery::per_minute(metric, statistic),
        target_value: raw.target_value,
        scale_out_cooldown: raw.scale_out_cooldown.duration(),
        scale_in_cooldown: raw.scale_in_cooldown.duration(),
        disable_scale_in: raw.disable_scale_in,
    })
}

fn steps(
    context: &Context<'_>,
    path: &Path,
    (id, raw): (ServiceId, &raw::StepScaling),
    names: &mut Vec<String>,
) -> Option<StepScalingPolicy> {
    let alarm_path = path.key("alarm");
    let fallback = format!("step-scaling-{}", names.len());
    let alarm_name = raw.alarm.alarm_name.clone();
    let name = raw.policy_name.clone().or_else(|| alarm_name.clone()).unwrap_or(fallback);
    let alarm_name = alarm_name.unwrap_or_else(|| format!("{name}-alarm"));
    register(context, path, names, &name);
    let alarm = alarm(context, &alarm_path, (id, &raw.alarm), alarm_name)?;
    let adjustment_type = match raw.adjustment_type {
        raw::AdjustmentType::ChangeInCapacity => AdjustmentType::ChangeInCapacity,
        raw::AdjustmentType::ExactCapacity => AdjustmentType::ExactCapacity,
        raw::AdjustmentType::PercentChangeInCapacity => AdjustmentType::PercentChangeInCapacity,
    };
    let mut steps: Vec<StepAdjustment> = raw
        .step_adjustments
        .iter()
        .map(|step| StepAdjustment {
            lower: step.metric_interval_lower_bound,
            upper: step.metric_interval_upper_bound,
            adjustment: step.scaling_adjustment,
        })
        .collect();
    let low = |step: &StepAdjustment| step.lower.unwrap_or(f64::NEG_INFINITY);
    steps.sort_by(|a, b| low(a).total_cmp(&low(b)));
    let policy = StepScalingPolicy {
        name,
        alarm,
        adjustment_type,
        steps,
        min_adjustment_magnitude: raw.min_adjustment_magnitude,
        aggregation: match raw.metric_aggregation_type {
            raw::MetricAggregationType::Average => MetricAggregation::Average,
            raw::MetricAggregationType::Minimum => MetricAggregation::Minimum,
            raw::MetricAggregationType::Maximum => MetricAggregation::Maximum,
        },
        cooldown: raw.cooldown.duration(),
    };
    let alarm_problems = policy.alarm.problems();
    for problem in policy.problems() {
        let at = if alarm_problems.contains(&problem) { &alarm_path } else { path };
        context.error(at, problem);
    }
    Some(policy)
}

fn alarm(
    context: &Context<'_>,
    path: &Path,
    (id, raw): (ServiceId, &raw::Alarm),
    name: String,
) -> Option<AlarmSettings> {
    if raw.period.0 != 60_000_000_000 {
        context.error_hint(
            &path.key("period"),
            "only alarms with a period of 60 s are supported",
            "the service metrics have one point per minute",
        );
        return None;
    }
    let datapoints = raw.datapoints_to_alarm.unwrap_or(raw.evaluation_periods);
    if raw.evaluation_periods < datapoints {
        let message = format!(
            "`datapointsToAlarm` {datapoints} is above `evaluationPeriods` {}",
            raw.evaluation_periods
        );
        context.error(&path.key("datapointsToAlarm"), message);
        return None;
    }
    let (measure, statistic) = match raw.metric_name {
        raw::MetricName::CPUUtilization => (ServiceMeasure::CpuUtilization, Statistic::Average),
        raw::MetricName::MemoryUtilization => {
            (ServiceMeasure::MemoryUtilization, Statistic::Average)
        }
        raw::MetricName::RequestCountPerTarget => {
            (ServiceMeasure::RequestCountPerTarget, Statistic::Sum)
        }
    };
    let metric = context.metrics.per_minute(MetricSource::Service(id, measure));
    Some(AlarmSettings {
        name,
        query: MetricQuery::per_minute(metric, statistic),
        comparison_operator: match raw.comparison_operator {
            raw::ComparisonOperator::GreaterThanOrEqualToThreshold => {
                ComparisonOperator::GreaterThanOrEqual
            }
            raw::ComparisonOperator::GreaterThanThreshold => ComparisonOperator::GreaterThan,
            raw::ComparisonOperator::LessThanThreshold => ComparisonOperator::LessThan,
            raw::ComparisonOperator::LessThanOrEqualToThreshold => {
                ComparisonOperator::LessThanOrEqual
            }
        },
        threshold: raw.threshold,
        evaluation_periods: raw.evaluation_periods,
        datapoints_to_alarm: datapoints,
        treat_missing_data: match raw.treat_missing_data {
            raw::TreatMissingData::Missing => TreatMissingData::Missing,
            raw::TreatMissingData::Ignore => TreatMissingData::Ignore,
            raw::TreatMissingData::Breaching => TreatMissingData::Breaching,
            raw::TreatMissingData::NotBreaching => TreatMissingData::NotBreaching,
        },
    })
}

/// Scheduled actions expanded to instants, in time order; actions of one instant in listed order.
fn scheduled(
    context: &Context<'_>,
    path: &Path,
    raw: &raw::Scaling,
    time_zone: &str,
) -> Option<Vec<ScheduledChange>> {
    let mut changes = Vec::new();
    let mut names: Vec<String> = Vec::new();
    let mut complete = true;
    for (index, action) in raw.scheduled_actions.iter().enumerate() {
        let path = path.index(index);
        let fallback = || format!("action-{}", index + 1);
        let name = action.scheduled_action_name.clone().unwrap_or_else(fallback);
        if names.contains(&name) {
            let at = path.key("scheduledActionName");
            context.duplicate(&at, "scheduled actions of the service", &name);
        }
        let target = &action.scalable_target_action;
        if let (Some(least), Some(most)) = (target.min_capacity, target.max_capacity)
            && most < least
        {
            let message = format!("`minCapacity` {least} is above `maxCapacity` {most}");
            context.error(&path.key("scalableTargetAction").key("minCapacity"), message);
        }
        match firings(context, &path, action, time_zone) {
            Some(instants) => changes.extend(instants.into_iter().map(|at| ScheduledChange {
                at,
                name: name.clone(),
                min_capacity: target.min_capacity,
                max_capacity: target.max_capacity,
            })),
            None => complete = false,
        }
        names.push(name);
    }
    // Stable: AWS keeps the order of actions within one target.
    changes.sort_by_key(|change| change.at);
    complete.then_some(changes)
}

/// Instants of one action during the run.
fn firings(
    context: &Context<'_>,
    path: &Path,
    action: &raw::ScheduledAction,
    time_zone: &str,
) -> Option<Vec<SimTime>> {
    let zone = action.timezone.as_deref().unwrap_or(time_zone);
    if action.timezone.is_some() {
        super::time_zone(context, &path.key("timezone"), zone)?;
    }
    let schedule = match schedule::parse(&action.schedule, zone) {
        Ok(schedule) => schedule,
        Err(error) => {
            context.error(&path.key("schedule"), error.to_string());
            return None;
        }
    };
    let start = context.start;
    let end = start.saturating_add(context.duration.as_secs_ceil() as i64);
    let until = action.end_time.map_or(end, |last| end.min(last.0.saturating_add(1)));
    let limit = schedule::MAX_FIRINGS;
    let found = match action.start_time {
        // A rate counts from its start, even if that lies before the run.
        Some(first) if start < first.0 || action.schedule.starts_with("rate") => {
            schedule.firings_from_start_time(first.0, until, limit)
        }
        _ => schedule.firings(start, until, limit),
    };
    let found = match found {
        Ok(found) => found,
        Err(error) => {
            context.error(&path.key("schedule"), error.to_string());
            return None;
        }
    };
    let instants: Vec<SimTime> = found
        .into_iter()
        .filter_map(|second| u64::try_from(second - start).ok())
        .map(SimTime::from_secs)
        .collect();
    if instants.is_empty() {
        context.note(&path.key("schedule"), "the action does not happen during the run");
    }
    Some(instants)
}

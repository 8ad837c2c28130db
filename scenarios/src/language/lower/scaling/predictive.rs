//! Predictive scaling of a service.

use plimsoll_core::autoscaling::{Forecaster, OracleDemand, PredictiveScalingPolicy};
use plimsoll_core::metrics::{MetricSource, ServiceMeasure};
use plimsoll_core::scenario::{ServiceLoad, TaskDefinition};
use plimsoll_core::units::{Cpu, SimDuration};

use super::Target;
use crate::language::lower::Context;
use crate::language::raw::kinds::Length;
use crate::language::raw::predictive as raw;
use crate::language::raw::scaling::ScalingPolicy;
use crate::language::tree::Path;

/// What is known of the load of the service, if it was not refused.
#[derive(Clone, Copy)]
pub(in crate::language::lower) struct Offered<'a> {
    /// Its load.
    pub(in crate::language::lower) load: Option<&'a ServiceLoad>,
    /// What it runs.
    pub(in crate::language::lower) task: Option<&'a TaskDefinition>,
}

/// What a pair of metrics measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::language::lower) enum Measure {
    /// Something about a service.
    Service(ServiceMeasure),
    /// CPU of the instances of a group.
    GroupCpu,
}

fn measure(metric: raw::PredictiveMetricType) -> Measure {
    use raw::PredictiveMetricType as Type;
    match metric {
        Type::ECSServiceCPUUtilization
        | Type::ECSServiceTotalCPUUtilization
        | Type::ECSServiceAverageCPUUtilization => Measure::Service(ServiceMeasure::CpuUtilization),
        Type::ECSServiceMemoryUtilization
        | Type::ECSServiceTotalMemoryUtilization
        | Type::ECSServiceAverageMemoryUtilization => {
            Measure::Service(ServiceMeasure::MemoryUtilization)
        }
        Type::ASGCPUUtilization | Type::ASGTotalCPUUtilization | Type::ASGAverageCPUUtilization => {
            Measure::GroupCpu
        }
        Type::ALBRequestCount | Type::TotalALBRequestCount | Type::ALBRequestCountPerTarget => {
            Measure::Service(ServiceMeasure::RequestCount)
        }
    }
}

fn is_pair(metric: raw::PredictiveMetricType) -> bool {
    use raw::PredictiveMetricType as Type;
    matches!(
        metric,
        Type::ECSServiceCPUUtilization
            | Type::ECSServiceMemoryUtilization
            | Type::ALBRequestCount
            | Type::ASGCPUUtilization
    )
}

fn is_load(metric: raw::PredictiveMetricType) -> bool {
    use raw::PredictiveMetricType as Type;
    matches!(
        metric,
        Type::ECSServiceTotalCPUUtilization
            | Type::ECSServiceTotalMemoryUtilization
            | Type::TotalALBRequestCount
            | Type::ASGTotalCPUUtilization
    )
}

/// What a metric specification measures, and its target.
pub(in crate::language::lower) fn specification(
    context: &Context<'_>,
    path: &Path,
    raw: &raw::PredictiveScalingConfiguration,
) -> Option<(Measure, f64)> {
    let path = path.key("metricSpecifications").index(0);
    let one = raw.metric_specifications.first()?;
    let kind = |metric: &Option<raw::PredictiveMetric>| {
        metric.as_ref().map(|it| it.predefined_metric_type)
    };
    let pair = kind(&one.predefined_metric_pair_specification);
    let load = kind(&one.predefined_load_metric_specification);
    let scaling = kind(&one.predefined_scaling_metric_specification);
    let wrong = |key: &str, what: &str| {
        let path = path.key(key).key("predefinedMetricType");
        context.error(&path, format!("is no {what}"));
    };
    let measure = match (pair, load, scaling) {
        (Some(pair), None, None) => {
            if !is_pair(pair) {
                wrong("predefinedMetricPairSpecification", "pair of metrics");
            }
            measure(pair)
        }
        (None, Some(load), Some(scaling)) => {
            if !is_load(load) {
                wrong("predefinedLoadMetricSpecification", "load metric");
            }
            if is_load(scaling) || is_pair(scaling) {
                wrong("predefinedScalingMetricSpecification", "scaling metric");
            }
            if measure(load) != measure(scaling) {
                let message = "the load metric and the scaling metric do not belong together";
                context.error(&path, message);
            }
            measure(load)
        }
        _ => {
            let message = "needs `predefinedMetricPairSpecification`, or both \
                           `predefinedLoadMetricSpecification` and \
                           `predefinedScalingMetricSpecification`";
            context.error(&path, message);
            return None;
        }
    };
    Some((measure, one.target_value))
}

/// `MaxCapacityBuffer`, which belongs to `IncreaseMaxCapacity`.
pub(in crate::language::lower) fn capacity_buffer(
    context: &Context<'_>,
    path: &Path,
    raw: &raw::PredictiveScalingConfiguration,
) -> Option<u32> {
    let increases =
        raw.max_capacity_breach_behavior == raw::MaxCapacityBreachBehavior::IncreaseMaxCapacity;
    if increases != raw.max_capacity_buffer.is_some() {
        let message = if increases {
            "`IncreaseMaxCapacity` needs it"
        } else {
            "belongs to `maxCapacityBreachBehavior: IncreaseMaxCapacity`"
        };
        context.error(&path.key("maxCapacityBuffer"), message);
    }
    raw.max_capacity_buffer.filter(|_| increases)
}

/// At most one policy of a target scales by its forecast.
pub(in crate::language::lower) fn check_modes<'p>(
    context: &Context<'_>,
    list: &Path,
    key: &str,
    policies: impl Iterator<Item = Option<&'p raw::PredictiveScalingConfiguration>>,
) {
    let scales =
        |it: &raw::PredictiveScalingConfiguration| it.mode == raw::PredictiveMode::ForecastAndScale;
    let scaling = policies.enumerate().filter(|(_, policy)| policy.is_some_and(scales));
    for (index, _) in scaling.skip(1) {
        let path = list.index(index).key(key).key("mode");
        context.error(&path, "only one policy can scale by its forecast");
    }
}

/// Reports what does not belong together in the `forecast` of the policy at `path`; for how long there are
/// metrics before the run.
pub(in crate::language::lower) fn check_forecast(
    context: &Context<'_>,
    path: &Path,
    raw: &raw::Forecast,
) -> SimDuration {
    let path = path.key("forecast");
    let known = raw.history.len() as u64 * 3600;
    let naive = raw.method == raw::ForecastMethod::SeasonalNaive;
    let foreign = [
        ("history", !naive && known > 0, "seasonalNaive"),
        ("knownFor", naive && raw.known_for.is_some(), "oracle"),
        ("error", naive && raw.error > 0.0, "oracle"),
    ];
    for (key, _, method) in foreign.into_iter().filter(|it| it.1) {
        context.error(&path.key(key), format!("belongs to `method: {method}`"));
    }
    let known_for = raw.known_for.map_or(SimDuration::ZERO, Length::duration);
    let known = if naive { SimDuration::from_secs(known) } else { known_for };
    let least = SimDuration::from_secs(86_400);
    if known < least && known + context.duration <= least {
        let message = "the run ends before there is a day of metrics: nothing is forecast";
        context.note(&path, message);
    }
    known_for
}

impl Target<'_, '_> {
    /// A predictive scaling policy, an entry of `scalingPolicies` at `path`.
    pub(super) fn predictive(
        &self,
        path: &Path,
        policy: &ScalingPolicy,
        raw: &raw::PredictiveScalingConfiguration,
    ) -> Option<PredictiveScalingPolicy> {
        let context = self.context;
        let at = path.key("predictiveScalingPolicyConfiguration");
        let max_capacity_buffer = capacity_buffer(context, &at, raw);
        let (measure, target_value) = specification(context, &at, raw)?;
        let Measure::Service(measure) = measure else {
            let message = "a service is scaled by the metrics of services and load balancers";
            context.error(&at.key("metricSpecifications"), message);
            return None;
        };
        if self.offered.load.is_none() {
            context.error(&at, "the metrics of predictive scaling need a `load`");
            return None;
        }
        let forecaster = self.forecaster(path, policy.forecast.as_ref(), measure)?;
        let load = context.metrics.per_minute(MetricSource::Service(self.id, measure));
        Some(PredictiveScalingPolicy {
            name: policy.policy_name.clone(),
            load,
            target_value,
            scales: raw.mode == raw::PredictiveMode::ForecastAndScale,
            scheduling_buffer_time: raw.scheduling_buffer_time.duration(),
            max_capacity_buffer,
            forecaster,
        })
    }

    fn forecaster(
        &self,
        path: &Path,
        raw: Option<&raw::Forecast>,
        measure: ServiceMeasure,
    ) -> Option<Forecaster> {
        let default = raw::Forecast::default();
        let raw = raw.unwrap_or(&default);
        let known_for = check_forecast(self.context, path, raw);
        if raw.method == raw::ForecastMethod::SeasonalNaive {
            return Some(Forecaster::SeasonalNaive { history: raw.history.clone() });
        }
        let demand = self.demand(measure)?;
        Some(Forecaster::Oracle { demand, error: raw.error, known_for })
    }

    /// What the load of the service does to a measure.
    fn demand(&self, measure: ServiceMeasure) -> Option<OracleDemand> {
        let (load, task) = (self.offered.load?, self.offered.task?);
        let cpu_seconds = load.cpu_per_request.as_secs_f64();
        let (per_request_rate, idle) = match measure {
            ServiceMeasure::MemoryUtilization => {
                // By Little's law a request is in memory for as long as it takes without a queue.
                let in_flight = cpu_seconds + load.other_latency.as_secs_f64();
                let each = load.memory_per_request_kib as f64 / 1024.0;
                let whole = task.memory_for_utilization.as_mib() as f64;
                let idle = load.idle_memory.as_mib() as f64;
                (100.0 * each * in_flight / whole, 100.0 * idle / whole)
            }
            ServiceMeasure::CpuUtilization => {
                let raw = |cpu: Cpu| cpu.as_raw() as f64;
                let vcpu = raw(task.cpu) / raw(Cpu::from_ecs_units(1024));
                (100.0 * cpu_seconds / vcpu, 100.0 * raw(load.idle_cpu) / raw(task.cpu))
            }
            _ => (60.0, 0.0),
        };
        Some(OracleDemand { rate: load.rate.clone(), per_request_rate, idle })
    }
}

//! Alarms.

use plimsoll_core::autoscaling::{AlarmSettings, ComparisonOperator, TreatMissingData};
use plimsoll_core::metrics::{MetricQuery, QueryKind};

use crate::language::lower::Context;
use crate::language::lower::metric::{MINUTE, Reference, Subject, math, resolve};
use crate::language::raw::kinds::Seconds;
use crate::language::raw::scaling as raw;
use crate::language::tree::Path;

/// An alarm for a policy of `own`; a problem of its numbers is left to whoever checks the policy.
pub(in crate::language::lower) fn alarm(
    context: &Context<'_>,
    path: &Path,
    (own, raw): (Subject, &raw::Alarm),
    name: String,
) -> Option<AlarmSettings> {
    let datapoints = raw.datapoints_to_alarm.unwrap_or(raw.evaluation_periods);
    if raw.evaluation_periods < datapoints {
        let message = format!(
            "`datapointsToAlarm` {datapoints} is above `evaluationPeriods` {}",
            raw.evaluation_periods
        );
        context.error(&path.key("datapointsToAlarm"), message);
        return None;
    }
    Some(AlarmSettings {
        name,
        query: query(context, path, own, raw)?,
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

fn query(
    context: &Context<'_>,
    path: &Path,
    own: Subject,
    raw: &raw::Alarm,
) -> Option<MetricQuery> {
    let Some(name) = &raw.metric_name else {
        if raw.metrics.is_empty() {
            context.error(path, "needs exactly one of `metricName`, `metrics`");
            return None;
        }
        for (key, given) in
            [("period", raw.period.is_some()), ("statistic", raw.statistic.is_some())]
        {
            if given {
                context.error(&path.key(key), "is given by each line of `metrics`");
            }
        }
        return math(context, &path.key("metrics"), own, &raw.metrics);
    };
    if !raw.metrics.is_empty() {
        context.error(path, "needs exactly one of `metricName`, `metrics`");
        return None;
    }
    let period = raw.period.map_or(MINUTE, Seconds::duration);
    let reference = Reference {
        namespace: raw.namespace.as_deref(),
        name,
        dimensions: &raw.dimensions,
        statistic: raw.statistic,
        period,
    };
    let (metric, statistic) = resolve(context, path, own, &reference)?;
    Some(MetricQuery { kind: QueryKind::Metric(metric, statistic), period })
}

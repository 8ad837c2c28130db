//! Alarms.

use plimsoll_core::autoscaling::{AlarmSettings, ComparisonOperator, TreatMissingData};
use plimsoll_core::metrics::{LowSampleCount, MetricQuery, Percentile, QueryKind, Statistic};

use crate::language::lower::Context;
use crate::language::lower::metric::{MINUTE, Reference, Subject, math, resolve, statistic};
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

/// The statistic that an alarm names; "refused", "the usual one", "this one".
#[allow(clippy::option_option)]
fn wanted_statistic(
    context: &Context<'_>,
    path: &Path,
    raw: &raw::Alarm,
) -> Option<Option<Statistic>> {
    let low_samples = match raw.evaluate_low_sample_count_percentile {
        None | Some(raw::LowSampleCount::Evaluate) => LowSampleCount::Evaluate,
        Some(raw::LowSampleCount::Ignore) => LowSampleCount::Ignore,
    };
    let percentile = raw.extended_statistic.as_deref().and_then(Percentile::parse);
    match (percentile, raw.statistic) {
        (Some(_), Some(_)) => {
            let message = "needs one of `statistic`, `extendedStatistic`, not both";
            context.error(&path.key("extendedStatistic"), message);
            None
        }
        (Some(percentile), None) => {
            Some(Some(Statistic::Percentile(Percentile { low_samples, ..percentile })))
        }
        (None, given) => {
            if raw.evaluate_low_sample_count_percentile.is_some() {
                let at = path.key("evaluateLowSampleCountPercentile");
                context.note(&at, "has no effect on an alarm that is not on a percentile");
            }
            Some(given.map(statistic))
        }
    }
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
        for (key, given) in [
            ("period", raw.period.is_some()),
            ("statistic", raw.statistic.is_some()),
            ("extendedStatistic", raw.extended_statistic.is_some()),
        ] {
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
        statistic: wanted_statistic(context, path, raw)?,
        period,
    };
    let (metric, wanted) = resolve(context, path, own, &reference)?;
    Some(MetricQuery { kind: QueryKind::Metric(metric, wanted), period })
}

//! Metrics of the user's own.

use std::sync::Arc;

use plimsoll_core::metrics::{MathQuery, Metric, MetricSource, QueryKind};
use plimsoll_core::units::SimDuration;

use super::{MINUTE, Own, Subject, math};
use crate::language::lower::Context;
use crate::language::metric_trace::MetricTraceOptions;
use crate::language::raw::ScenarioDocument;
use crate::language::raw::metric as raw;
use crate::language::tree::Path;

/// Defines the user's metrics, so that policies find them.
pub(in crate::language::lower) fn define(context: &Context<'_>, document: &ScenarioDocument) {
    let path = Path::root().key("metrics");
    for (index, raw) in document.metrics.iter().enumerate() {
        let path = path.index(index);
        let mut dimensions: Vec<(String, String)> =
            raw.dimensions.iter().map(|it| (it.name.clone(), it.value.clone())).collect();
        dimensions.sort_unstable();
        let twin = context.metrics.own.borrow().iter().any(|own| {
            (&own.namespace, &own.name, &own.dimensions)
                == (&raw.namespace, &raw.metric_name, &dimensions)
        });
        if twin {
            context.duplicate(&path.key("metricName"), "metrics", &raw.metric_name);
            continue;
        }
        if raw.namespace.starts_with("AWS/") {
            context.error(&path.key("namespace"), "namespaces that begin with `AWS/` are reserved");
            continue;
        }
        let Some((source, period)) = source(context, &path, raw) else { continue };
        let delay = raw.delay.duration();
        let metric = context.metrics.add(Metric { source, period, delay });
        context.metrics.own.borrow_mut().push(Own {
            namespace: raw.namespace.clone(),
            name: raw.metric_name.clone(),
            dimensions,
            metric,
        });
    }
}

fn source(
    context: &Context<'_>,
    path: &Path,
    raw: &raw::UserMetric,
) -> Option<(MetricSource, SimDuration)> {
    match (&raw.trace, raw.metrics.is_empty()) {
        (Some(trace), true) => of_trace(context, &path.key("trace"), trace),
        (None, false) => {
            let path = path.key("metrics");
            let query = math(context, &path, Subject::Nobody, &raw.metrics)?;
            let QueryKind::Math(formula) = query.kind else { return None };
            of_formula(context, &path, formula, query.period)
        }
        _ => {
            context.error(path, "needs exactly one of `trace`, `metrics`");
            None
        }
    }
}

fn of_formula(
    context: &Context<'_>,
    path: &Path,
    formula: Arc<MathQuery>,
    period: SimDuration,
) -> Option<(MetricSource, SimDuration)> {
    let metrics = formula.operands.iter().map(|(metric, _)| context.metrics.period(*metric));
    if period != MINUTE || metrics.into_iter().any(|it| it != MINUTE) {
        let message =
            "a formula is computed each minute from metrics with one data point per minute";
        context.error(path, message);
        return None;
    }
    Some((MetricSource::Formula(formula), MINUTE))
}

fn of_trace(
    context: &Context<'_>,
    path: &Path,
    raw: &raw::MetricTrace,
) -> Option<(MetricSource, SimDuration)> {
    let period = raw.period.duration();
    let seconds = period.as_nanos() / 1_000_000_000;
    let whole = period == SimDuration::from_secs(seconds);
    let valid =
        matches!(seconds, 1 | 5 | 10 | 20 | 30) || (seconds > 0 && seconds.is_multiple_of(60));
    if !(whole && valid) {
        let message = "a metric has a period of 1, 5, 10, 20, 30 or a multiple of 60 seconds";
        context.error(&path.key("period"), message);
        return None;
    }
    let options = MetricTraceOptions {
        path: context.traces.resolve(&raw.file),
        column: raw.column.clone(),
        repeats: raw.repeat,
    };
    match context.traces.metrics(&options) {
        Ok(trace) => Some((MetricSource::Trace(trace), period)),
        Err(error) => {
            context.trace_error(&path.key("file"), &raw.file, &error);
            None
        }
    }
}

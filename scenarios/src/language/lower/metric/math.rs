//! Lines of metric math.

use std::sync::Arc;

use plimsoll_core::metrics::{
    MAX_MATH_METRICS, MathBuilder, MathError, MathQuery, MetricQuery, QueryKind,
};
use plimsoll_core::units::SimDuration;

use super::{MINUTE, Reference, Subject, resolve, stat as parse};
use crate::language::lower::Context;
use crate::language::raw::metric as raw;
use crate::language::tree::Path;

/// The query that lines at `path` describe.
pub(in crate::language::lower) fn math(
    context: &Context<'_>,
    path: &Path,
    own: Subject,
    lines: &[raw::MetricDataQuery],
) -> Option<MetricQuery> {
    let period = period(context, path, lines)?;
    let mut builder = MathBuilder::new();
    let mut operands = Vec::new();
    let mut names: Vec<&str> = Vec::new();
    // Metrics first: an expression may stand before what it names.
    for (index, line) in lines.iter().enumerate() {
        let path = path.index(index);
        if names.contains(&line.id.as_str()) {
            context.duplicate(&path.key("id"), "lines", &line.id);
        }
        names.push(&line.id);
        match (&line.metric_stat, &line.expression) {
            (Some(stat), None) => {
                let reference = Reference {
                    namespace: stat.metric.namespace.as_deref(),
                    name: &stat.metric.metric_name,
                    dimensions: &stat.metric.dimensions,
                    statistic: parse(&stat.stat),
                    period,
                };
                let at = path.key("metricStat").key("metric");
                operands.push(resolve(context, &at, own, &reference)?);
                builder.metric(&line.id);
            }
            (None, Some(_)) => {}
            _ => {
                context.error(&path, "needs exactly one of `metricStat`, `expression`");
                return None;
            }
        }
    }
    if operands.is_empty() || MAX_MATH_METRICS < operands.len() {
        let message = format!("needs 1 to {MAX_MATH_METRICS} metrics, not {}", operands.len());
        context.error(path, message);
        return None;
    }
    let result = result(context, path, lines)?;
    expressions(context, path, lines, &mut builder)?;
    match builder.finish(&lines[result].id) {
        Ok(expression) => {
            let math = Arc::new(MathQuery { expression, operands });
            Some(MetricQuery { kind: QueryKind::Math(math), period })
        }
        Err(error) => {
            context.error(&path.index(result), error.message());
            None
        }
    }
}

/// Compiles the expressions, each after those it names.
fn expressions(
    context: &Context<'_>,
    path: &Path,
    lines: &[raw::MetricDataQuery],
    builder: &mut MathBuilder,
) -> Option<()> {
    let mut left: Vec<(usize, &raw::MetricDataQuery, &str)> = lines
        .iter()
        .enumerate()
        .filter_map(|(index, line)| Some((index, line, line.expression.as_deref()?)))
        .collect();
    while !left.is_empty() {
        let before = left.len();
        let mut failures: Vec<(usize, &str, MathError)> = Vec::new();
        left.retain(|(index, line, text)| match builder.expression(&line.id, text) {
            Ok(()) => false,
            Err(error) => {
                failures.push((*index, *text, error));
                true
            }
        });
        if left.len() == before {
            for (index, text, error) in failures {
                let at = path.index(index).key("expression");
                let start = text.get(..error.span().start).unwrap_or_default().chars().count();
                let hint = error.suggestion().map(|it| format!("did you mean `{it}`?"));
                context.error_inside(&at, (text, start), error.message(), hint);
            }
            return None;
        }
    }
    Some(())
}

/// The one line that returns data.
fn result(context: &Context<'_>, path: &Path, lines: &[raw::MetricDataQuery]) -> Option<usize> {
    let mut returned = (0..).zip(lines).filter(|(_, line)| line.return_data).map(|(at, _)| at);
    match (returned.next(), returned.next()) {
        (Some(only), None) => Some(only),
        (None, _) => {
            context.error(path, "no line has `returnData: true`");
            None
        }
        (Some(_), Some(second)) => {
            context.error_hint(
                &path.index(second),
                "two lines return data",
                "give the others `returnData: false`",
            );
            None
        }
    }
}

/// The one period of all lines.
fn period(
    context: &Context<'_>,
    path: &Path,
    lines: &[raw::MetricDataQuery],
) -> Option<SimDuration> {
    let mut found: Option<SimDuration> = None;
    for (index, line) in lines.iter().enumerate() {
        let stat = line.metric_stat.as_ref().and_then(|stat| stat.period);
        for period in [stat, line.period].into_iter().flatten() {
            let period = period.duration();
            if found.is_some_and(|found| found != period) {
                context.error(&path.index(index), "all lines must have the same period");
                return None;
            }
            found = Some(period);
        }
    }
    Some(found.unwrap_or(MINUTE))
}

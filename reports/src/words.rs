//! Answers in words that the page and the terminal share.

use std::fmt::Write as _;

use crate::charts::quantile_name;
use crate::number::{millis, percent, usd};
use crate::summary::{Quantiles, ServiceSummary, Summary};

/// Cost per thousand or million requests, or per job: amount and what for.
pub(crate) fn cost_per_unit(summary: &Summary) -> Option<(String, &'static str)> {
    let total = summary.total_usd();
    if let Some(served) = summary.served_requests().filter(|served| *served > 0.0) {
        let per_request = total / served;
        // Whichever reads as a price rather than a row of zeros.
        return Some(if per_request * 1e3 >= 0.1 {
            (usd(per_request * 1e3), "per 1,000 requests")
        } else {
            (usd(per_request * 1e6), "per million requests")
        });
    }
    let jobs: u64 = summary.batches.values().map(|batch| batch.completed).sum();
    (jobs > 0).then(|| {
        let per_job = total / jobs as f64;
        if per_job < 0.01 {
            (usd(per_job * 1e3), "per 1,000 finished jobs")
        } else {
            (usd(per_job), "per finished job")
        }
    })
}

/// How a service fared against its objective, in one sentence; `None` without an objective.
pub(crate) fn objective_sentence(service: &ServiceSummary) -> Option<String> {
    let objective = service.objective.as_ref()?;
    let name = quantile_name(objective.quantile);
    let bad = service.slo_violation_fraction.unwrap_or(0.0);
    let allowed = 1.0 - objective.quantile;
    let mut sentence = format!(
        "{} of requests failed or took longer than {} ({} may)",
        percent(bad),
        millis(objective.below_ms),
        percent(crate::chart::short(allowed)),
    );
    let latency = service.latency_ms.as_ref();
    if let Some(value) = latency.and_then(|latency| measured(latency, objective.quantile)) {
        let _ = write!(sentence, "; {name} of the run {}", millis(value));
    }
    if objective.violated_minute_fraction > 0.0 {
        let share = percent(objective.violated_minute_fraction);
        let _ = write!(sentence, "; {name} above the bound in {share} of minutes");
    }
    Some(sentence)
}

/// The recorded quantile, if it is one of those in the summary.
fn measured(latency: &Quantiles, quantile: f64) -> Option<f64> {
    [(0.5, latency.p50), (0.95, latency.p95), (0.99, latency.p99)]
        .into_iter()
        .find(|(known, _)| (known - quantile).abs() < 1e-9)
        .map(|(_, value)| value)
}

/// Reserved and used shares in words.
pub(crate) fn utilization_sentence(summary: &Summary) -> Option<String> {
    let utilization = summary.utilization.as_ref()?;
    let parts = [
        ("CPU reserved", utilization.cpu_reserved),
        ("memory reserved", utilization.memory_reserved),
        ("CPU used", utilization.cpu_used),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter_map(|(name, share)| Some(format!("{name} {}", percent((*share)?))))
        .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn an_objective_is_told_with_its_figures() {
        let (results, bill) = testing::web_run();
        let summary = Summary::new(&results, &bill, &testing::meta());
        let sentence = objective_sentence(&summary.services["api"]).expect("has one");
        assert_eq!(
            sentence.replace(crate::number::GLUE, " "),
            "1.62 % of requests failed or took longer than 400 ms (1 % may); p99 of the run 322 ms; \
             p99 above the bound in 3.1 % of minutes"
        );
        assert_eq!(objective_sentence(&summary.services["worker"]), None);
    }
}

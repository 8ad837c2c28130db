//! Answers in words that the page and the terminal share.

use std::fmt::Write as _;

use crate::charts::quantile_name;
use crate::number::{GLUE, count, duration, millis, percent, usd};
use crate::summary::{PackingSummary, Quantiles, ServiceSummary, Summary};

/// What a group buys: its types, and how many of its instances are Spot on average.
pub(crate) fn bought(group: &crate::summary::CapacitySummary) -> String {
    let beside = if let Some(pool) = &group.warm_pool {
        let held = crate::number::significant(pool.mean, 3);
        format!(" ({held} more warm; {} of {} starts warm)", pool.warm_starts, pool.starts())
    } else if group.spot_mean > 0.0 {
        let spot = crate::number::significant(group.spot_mean, 3);
        format!(" ({spot} on Spot)")
    } else {
        String::new()
    };
    format!("{}{beside}", group.instance_type)
}

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

/// How far a run is above the fewest instance-hours, in words; `None` if no task needed any.
pub(crate) fn packing_sentence(packing: &PackingSummary) -> Option<String> {
    let gap = packing.gap.filter(|gap| *gap >= 0.0)?;
    Some(format!(
        "at most {} above any schedule of the same tasks: {} of {} instance-hours needed",
        no_less_percent(gap),
        count(packing.lower_bound_instance_hours),
        count(packing.instance_hours)
    ))
}

/// The same against what was asked for, with the waits without which it means nothing.
pub(crate) fn requested_sentence(packing: &PackingSummary) -> Option<String> {
    let requested = packing.requested.as_ref()?;
    let gap = requested.gap?;
    let distance = if gap < 0.0 {
        format!("{} below", percent(-gap))
    } else {
        format!("at most {} above", no_less_percent(gap))
    };
    let mut sentence = format!(
        "{distance} any schedule that starts every job on arrival ({} instance-hours); jobs waited {} on \
         average",
        count(requested.lower_bound_instance_hours),
        duration(requested.mean_wait_seconds)
    );
    if requested.unfinished > 0 {
        let _ = write!(sentence, ", {} did not end", count(requested.unfinished as f64));
    }
    Some(sentence)
}

/// A percentage that is never rounded down: what follows "at most" must hold.
fn no_less_percent(fraction: f64) -> String {
    let value = fraction.max(0.0) * 100.0;
    let tenths = if value < 10.0 { 10.0 } else { 1.0 };
    // What is left beyond nine digits is rounding of the division, not distance.
    let up = (value * tenths - 1e-9).ceil() / tenths;
    // The sum drops the sign of a negative zero.
    format!("{}{GLUE}%", up + 0.0)
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

    #[test]
    fn what_follows_at_most_is_never_rounded_down() {
        let text = |gap| no_less_percent(gap).replace(crate::number::GLUE, " ");
        assert_eq!(text(0.0), "0 %");
        assert_eq!(text(0.072_1), "7.3 %");
        assert_eq!(text(0.073), "7.3 %");
        assert_eq!(text(0.100_001), "11 %");
        assert_eq!(text(10.0 / 210.0), "4.8 %");
    }

    #[test]
    fn a_packing_is_told_with_its_bound_and_its_waits() {
        let (results, bill) = testing::web_run();
        let packing = Summary::new(&results, &bill, &testing::meta()).packing.expect("has one");
        assert_eq!(
            packing_sentence(&packing).expect("tasks ran").replace(crate::number::GLUE, " "),
            "at most 18 % above any schedule of the same tasks: 712 of 840 instance-hours needed"
        );
        assert_eq!(
            requested_sentence(&packing).expect("jobs ran").replace(crate::number::GLUE, " "),
            "4.99 % below any schedule that starts every job on arrival (884 instance-hours); jobs waited \
             42.5 s on average, 3 did not end"
        );
        let idle = PackingSummary { gap: None, requested: None, ..packing };
        assert_eq!((packing_sentence(&idle), requested_sentence(&idle)), (None, None));
    }
}

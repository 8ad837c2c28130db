//! Paired differences of each point against the baseline.
//!
//! Replication `r` of every point meets the same arrivals, durations and faults, so the differences
//! are taken replication by replication: what the points share cancels out. A difference is called
//! one only if it survives a Bonferroni correction for the number of points compared.

use plimsoll_core::statistics::{mean_interval, paired_interval};

use super::metrics::{Metric, UnitMetrics};

/// Confidence level of the intervals shown.
pub const LEVEL: f64 = 0.95;

/// Values closer than this part of their size are the same: sums of floats in another order.
const SAME: f64 = 1e-12;

/// What can be said about a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Less than the baseline, beyond noise.
    Less,
    /// More than the baseline, beyond noise.
    More,
    /// The same in every replication.
    Same,
    /// The interval, adjusted for the number of comparisons, includes zero.
    NotShown,
    /// One replication: the difference may or may not be noise.
    OneReplication,
}

/// One metric of one point against the baseline's.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Index of the point.
    pub point: usize,
    /// What is compared.
    pub metric: Metric,
    /// Replications in which both have a value.
    pub pairs: usize,
    /// Mean of the baseline over those replications.
    pub baseline_mean: f64,
    /// Mean of the point over those replications.
    pub mean: f64,
    /// Mean of point − baseline.
    pub difference: f64,
    /// Half width of its 95 % interval; `None` with one replication.
    pub half_width: Option<f64>,
    /// Two-sided p-value of the paired t test, not adjusted.
    pub p_value: Option<f64>,
    /// Correlation of the pairs, if both vary.
    pub correlation: Option<f64>,
    /// What can be said.
    pub verdict: Verdict,
}

/// Compares every other point with point `baseline`, metric by metric. `units` are sorted by point,
/// then replication; a metric that one of the two never has is left out.
pub fn compare(
    units: &[UnitMetrics],
    points: usize,
    baseline: usize,
    metrics: &[Metric],
) -> Vec<Comparison> {
    let of = |point: usize| -> &[UnitMetrics] {
        let from = units.partition_point(|unit| unit.point < point);
        let to = units.partition_point(|unit| unit.point <= point);
        &units[from..to]
    };
    let others = points.saturating_sub(1);
    let mut comparisons = Vec::new();
    for point in (0..points).filter(|point| *point != baseline) {
        for metric in metrics {
            let pairs = pairs(of(point), of(baseline), metric);
            if !pairs.is_empty() {
                comparisons.push(compare_one(point, metric, &pairs, others));
            }
        }
    }
    comparisons
}

/// Values of the point and of the baseline, replication by replication.
fn pairs(point: &[UnitMetrics], baseline: &[UnitMetrics], metric: &Metric) -> Vec<(f64, f64)> {
    let values = point.iter().zip(baseline).filter_map(|(unit, base)| {
        debug_assert_eq!(unit.replication, base.replication);
        Some((unit.get(metric)?, base.get(metric)?))
    });
    values
        .map(|(x, y)| {
            let size = x.abs().max(y.abs());
            if (x - y).abs() <= SAME * size { (y, y) } else { (x, y) }
        })
        .collect()
}

fn compare_one(point: usize, metric: &Metric, pairs: &[(f64, f64)], others: usize) -> Comparison {
    let (xs, ys): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    let interval = paired_interval(&xs, &ys, LEVEL);
    let (mean, baseline_mean) = (mean(&xs), mean(&ys));
    // The mean of the differences and not the difference of the means: zero if all of them are.
    let difference = interval.map_or(mean - baseline_mean, |interval| interval.mean);
    let verdict = match interval {
        _ if pairs.iter().all(|(x, y)| x.total_cmp(y).is_eq()) => Verdict::Same,
        None => Verdict::OneReplication,
        // Bonferroni: each of the comparisons of this metric gets its share of the error allowed.
        Some(interval) if (1.0 - LEVEL) / (others as f64) <= interval.p_value => Verdict::NotShown,
        Some(_) if difference < 0.0 => Verdict::Less,
        Some(_) => Verdict::More,
    };
    Comparison {
        point,
        metric: metric.clone(),
        pairs: pairs.len(),
        baseline_mean,
        mean,
        difference,
        half_width: interval.map(|interval| interval.half_width),
        p_value: interval.map(|interval| interval.p_value),
        correlation: interval.and_then(|interval| interval.correlation),
        verdict,
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Mean of a metric over the replications of a point, with the half width of its interval if there
/// are at least two; `None` if no replication has the metric.
pub fn point_mean(
    units: &[UnitMetrics],
    point: usize,
    metric: &Metric,
) -> Option<(f64, Option<f64>)> {
    let of_point = units.iter().filter(|unit| unit.point == point);
    let values: Vec<f64> = of_point.filter_map(|unit| unit.get(metric)).collect();
    if values.is_empty() {
        return None;
    }
    let half_width = mean_interval(&values, LEVEL).map(|interval| interval.half_width);
    Some((mean(&values), half_width))
}

#[cfg(test)]
mod tests {
    use super::super::metrics::MetricKind;
    use super::*;

    fn cost() -> Metric {
        Metric { kind: MetricKind::CostTotal, entity: String::new() }
    }

    fn units(points: &[&[f64]]) -> Vec<UnitMetrics> {
        let mut units = Vec::new();
        for (point, values) in points.iter().enumerate() {
            for (replication, value) in (0..).zip(*values) {
                units.push(UnitMetrics {
                    point,
                    replication,
                    fingerprint: String::new(),
                    values: vec![(cost(), *value)],
                });
            }
        }
        units
    }

    #[track_caller]
    fn check(points: &[&[f64]], expected: &[Verdict]) -> Vec<Comparison> {
        let comparisons = compare(&units(points), points.len(), 0, &[cost()]);
        let verdicts: Vec<Verdict> = comparisons.iter().map(|c| c.verdict).collect();
        assert_eq!(verdicts, expected);
        for comparison in &comparisons {
            assert!(comparison.difference.is_finite());
            assert!(comparison.half_width.is_none_or(f64::is_finite));
            assert!(comparison.p_value.is_none_or(f64::is_finite));
        }
        comparisons
    }

    /// Vectors of the paired comparison: the difference is 2.21 ± 0.497274539.
    const X: [f64; 10] = [102.3, 98.7, 105.1, 101.4, 97.9, 103.6, 100.2, 104.8, 99.5, 101.9];
    const Y: [f64; 10] = [99.8, 97.1, 101.9, 99.7, 96.4, 100.8, 98.9, 101.7, 97.6, 99.4];

    #[test]
    fn tv_23_pairs_show_a_difference_that_means_would_not() {
        let comparisons = check(&[&X, &Y], &[Verdict::Less]);
        assert!((comparisons[0].difference + 2.21).abs() < 1e-12);
        assert!((comparisons[0].half_width.unwrap() - 0.497_274_539).abs() < 5e-10);
    }

    #[test]
    fn noise_is_called_noise() {
        check(&[&[1.0, 2.0, 3.0, 4.0], &[1.2, 1.9, 3.1, 3.9]], &[Verdict::NotShown]);
    }

    #[test]
    fn the_same_values_are_the_same_without_a_division_by_zero() {
        let comparisons = check(&[&X, &X], &[Verdict::Same]);
        assert!(comparisons[0].difference.abs() < f64::MIN_POSITIVE);
    }

    #[test]
    fn rounding_noise_is_not_a_difference() {
        check(&[&[0.1 + 0.2, 0.3], &[0.3, 0.1 + 0.2]], &[Verdict::Same]);
    }

    #[test]
    fn a_constant_difference_has_no_variance_and_is_one() {
        let comparisons = check(&[&[10.0, 11.0], &[12.0, 13.0]], &[Verdict::More]);
        assert_eq!(comparisons[0].half_width, Some(0.0));
    }

    #[test]
    fn one_replication_has_no_interval() {
        let comparisons = check(&[&[10.0], &[12.0]], &[Verdict::OneReplication]);
        assert_eq!(comparisons[0].half_width, None);
        check(&[&[10.0], &[10.0]], &[Verdict::Same]);
    }

    #[test]
    fn more_comparisons_ask_for_more_evidence() {
        // p ≈ 0.0257 in each pair: shown alone, but not as one of two.
        let base = [10.0, 10.0, 10.0, 10.0];
        let other = [11.0, 12.0, 10.5, 11.5];
        let alone = check(&[&base, &other], &[Verdict::More]);
        let p = alone[0].p_value.unwrap();
        assert!((0.025..0.05).contains(&p), "{p}");
        check(&[&base, &other, &other], &[Verdict::NotShown, Verdict::NotShown]);
    }

    #[test]
    fn a_metric_missing_in_a_replication_leaves_the_pair_out() {
        let mut units = units(&[&[1.0, 2.0, 3.0], &[2.0, 3.0, 5.0]]);
        units[4].values.clear();
        let comparisons = compare(&units, 2, 0, &[cost()]);
        assert_eq!(comparisons[0].pairs, 2);
        assert!((comparisons[0].difference - 1.5).abs() < 1e-12);
    }

    #[test]
    fn the_baseline_may_be_any_point() {
        let comparisons = compare(&units(&[&[1.0, 1.0], &[3.0, 3.0]]), 2, 1, &[cost()]);
        assert_eq!(comparisons.len(), 1);
        assert_eq!((comparisons[0].point, comparisons[0].verdict), (0, Verdict::Less));
    }
}

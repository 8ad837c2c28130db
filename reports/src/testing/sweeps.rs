//! A sweep.

use super::noise;
use crate::sweep::{ComparisonRow, SweepReport, SweepRow};

/// A sweep of four points with five replications.
pub(crate) fn sweep() -> SweepReport {
    let points = [
        ("binpack, 60", "binpack", "60", 106.7, 322.0, 0.82),
        ("binpack, 70", "binpack", "70", 97.2, 371.0, 0.86),
        ("spread, 60", "spread", "60", 107.1, 321.0, 0.79),
        ("spread, 70", "spread", "70", 101.9, 369.0, 0.83),
    ];
    let mut rows = Vec::new();
    for (index, (name, placement, target, cost, latency, reserved)) in
        points.into_iter().enumerate()
    {
        for replication in 0..5_u64 {
            let wobble = 1.0 + 0.01 * (noise(replication) - 0.5);
            rows.push(SweepRow {
                point: name.to_owned(),
                parameters: [("placement", placement), ("target", target)]
                    .map(|(key, value)| (key.to_owned(), value.to_owned()))
                    .into(),
                replication,
                fingerprint: format!("{:016x}", index as u64 * 100 + replication),
                metrics: [
                    ("cost.totalUsd", cost * wobble),
                    ("services.api.latencyMs.p99", latency * wobble),
                    ("utilization.memoryReserved", reserved),
                ]
                .map(|(key, value)| (key.to_owned(), value))
                .into(),
            });
        }
    }
    let mut comparison = Vec::new();
    let measures: [(&str, usize); 3] = [
        ("cost.totalUsd", 0),
        ("services.api.latencyMs.p99", 1),
        ("utilization.memoryReserved", 2),
    ];
    for (name, _, _, cost, latency, reserved) in points.into_iter().skip(1) {
        for (metric, which) in measures {
            let baseline = [106.7, 322.0, 0.82][which];
            let mean = [cost, latency, reserved][which];
            let half = [0.9, 6.0, 0.004][which];
            let difference: f64 = mean - baseline;
            comparison.push(ComparisonRow {
                point: name.to_owned(),
                metric: metric.to_owned(),
                replications: 5,
                baseline_mean: baseline,
                mean,
                difference,
                half_width: Some(half),
                p_value: Some(if difference.abs() > half { 0.0004 } else { 0.31 }),
                correlation: Some(0.97),
                significant: difference.abs() > half,
            });
        }
    }
    SweepReport {
        scenario: "web-on-ec2".to_owned(),
        description: "Does binpack or spread cost less for this traffic at the same latency?"
            .to_owned(),
        scenario_hash: "3f9a61c0d2b7e845".to_owned(),
        version: "0.1.0".to_owned(),
        seed: 42,
        replications: 5,
        aws_rules: "2026-06".to_owned(),
        price_date: "2026-10-01".to_owned(),
        baseline: "binpack, 60".to_owned(),
        rows,
        comparison,
        warnings: Vec::new(),
    }
}

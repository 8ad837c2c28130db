//! Elastic speed-up of each run over the baseline's run with the same randomness.

use plimsoll_core::statistics::elastic_speed_up;

use super::metrics::{ElasticityMeasure, Metric, MetricKind, UnitMetrics};

/// The shares that the speed-up compares.
const SHARES: [ElasticityMeasure; 4] = [
    ElasticityMeasure::UnderProvisioning,
    ElasticityMeasure::OverProvisioning,
    ElasticityMeasure::UnderProvisionedTime,
    ElasticityMeasure::OverProvisionedTime,
];

/// Adds to each unit the elastic speed-up of its services and groups over the same replication of point
/// `baseline`; 1 for the baseline itself. It is left out where it is not defined: if one of the two has no
/// such service or group, or if a share is zero that is not zero in the baseline.
pub fn add_speed_ups(units: &mut [UnitMetrics], baseline: usize) {
    let base: Vec<UnitMetrics> =
        units.iter().filter(|unit| unit.point == baseline).cloned().collect();
    for unit in units {
        let found = base.binary_search_by_key(&unit.replication, |it| it.replication);
        let Some(base) = found.ok().and_then(|index| base.get(index)) else { continue };
        for kind in [MetricKind::Elasticity, MetricKind::GroupElasticity] {
            for entity in entities(base, kind) {
                let own = shares(unit, kind, &entity);
                let theirs = shares(base, kind, &entity);
                let speed_up =
                    own.zip(theirs).and_then(|(own, theirs)| elastic_speed_up(own, theirs));
                if let Some(speed_up) = speed_up.filter(|it| it.is_finite()) {
                    let kind = kind(ElasticityMeasure::SpeedUp);
                    unit.add(Metric { kind, entity }, speed_up);
                }
            }
        }
    }
}

type Kind = fn(ElasticityMeasure) -> MetricKind;

/// The services, or the groups, that have measures.
fn entities(unit: &UnitMetrics, kind: Kind) -> Vec<String> {
    let first = kind(SHARES[0]);
    let has = unit.values.iter().filter(|(metric, _)| metric.kind == first);
    has.map(|(metric, _)| metric.entity.clone()).collect()
}

fn shares(unit: &UnitMetrics, kind: Kind, entity: &str) -> Option<[f64; 4]> {
    let mut shares = [0.0; 4];
    for (share, measure) in shares.iter_mut().zip(SHARES) {
        *share = unit.get(&Metric { kind: kind(measure), entity: entity.to_owned() })?;
    }
    Some(shares)
}

#[cfg(test)]
mod tests {
    use plimsoll_reports::summary::{CapacitySummary, ElasticitySummary, ServiceSummary, Summary};

    use super::super::compare::compare;
    use super::super::metrics::all_metrics;
    use super::*;

    /// A run with the same θU, θO, τU and τO of a service and of a group.
    fn unit(point: usize, replication: u32, shares: [f64; 4]) -> UnitMetrics {
        let elasticity = Some(ElasticitySummary {
            under_provisioning_accuracy: shares[0],
            over_provisioning_accuracy: shares[1],
            under_provisioned_time: shares[2],
            over_provisioned_time: shares[3],
            ..ElasticitySummary::default()
        });
        let service =
            ServiceSummary { elasticity: elasticity.clone(), ..ServiceSummary::default() };
        let group = CapacitySummary { elasticity, ..CapacitySummary::default() };
        let summary = Summary {
            services: [("api".to_owned(), service)].into(),
            capacity: [("web".to_owned(), group)].into(),
            ..Summary::default()
        };
        UnitMetrics::new(point, replication, &summary)
    }

    fn speed_up(unit: &UnitMetrics, path: &str) -> Option<f64> {
        let found = unit.values.iter().find(|(metric, _)| metric.path() == path);
        found.map(|(_, value)| *value)
    }

    const SERVICE: &str = "services.api.elasticity.speedUp";
    const GROUP: &str = "capacity.web.elasticity.speedUp";

    // V1 and V2: supply that follows two steps late, and constant supply.
    const FOLLOWS: [f64; 4] = [7.0 / 120.0, 0.88 / 3.0, 0.2, 0.3];
    const CONSTANT: [f64; 4] = [11.0 / 120.0, 0.95 / 3.0, 0.3, 0.6];

    #[test]
    fn elasticity_v1_is_1_5_times_as_elastic_as_v2_in_a_sweep() {
        let mut units = vec![
            unit(0, 0, CONSTANT),
            unit(0, 1, FOLLOWS),
            unit(1, 0, FOLLOWS),
            unit(1, 1, FOLLOWS),
        ];
        add_speed_ups(&mut units, 0);
        for path in [SERVICE, GROUP] {
            let found: Vec<Option<f64>> = units.iter().map(|unit| speed_up(unit, path)).collect();
            assert_eq!((found[0], found[1], found[3]), (Some(1.0), Some(1.0), Some(1.0)), "{path}");
            let gained = found[2].expect("defined");
            assert!((gained - 1.501_98).abs() < 5e-6, "{path}: {gained}");
        }
        // It is compared as any other metric.
        let metrics = all_metrics(&units);
        assert!(metrics.iter().any(|it| it.path() == SERVICE && it.is_headline()));
        let comparisons = compare(&units, 2, 0, &metrics);
        let row = comparisons.iter().find(|it| it.metric.path() == SERVICE).expect("compared");
        assert!((row.difference - 0.250_99).abs() < 5e-6, "{row:?}");
    }

    #[test]
    fn a_speed_up_that_is_not_defined_is_absent() {
        // Nothing is ever missing here, but something is in the baseline.
        let mut units = vec![unit(0, 0, CONSTANT), unit(1, 0, [0.0, 0.5, 0.0, 0.5])];
        add_speed_ups(&mut units, 0);
        assert_eq!(speed_up(&units[1], SERVICE), None);
        // Without measures there is nothing to compare.
        let mut units = vec![UnitMetrics::new(0, 0, &Summary::default()), unit(1, 0, FOLLOWS)];
        add_speed_ups(&mut units, 0);
        assert_eq!(speed_up(&units[1], GROUP), None);
    }
}

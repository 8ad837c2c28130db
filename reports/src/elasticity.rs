//! `elasticity.csv`: how well supply followed demand.

use std::io::{self, Write};

use crate::columns::{self, ELASTICITY};
use crate::number::float;
use crate::summary::{ElasticitySummary, Summary};

/// Writes `elasticity.csv`: services in order of their names, then groups.
pub fn write_elasticity(out: impl Write, summary: &Summary) -> io::Result<()> {
    let mut csv = columns::writer(out, ELASTICITY)?;
    let services = summary.services.iter().map(|(name, it)| ("service", name, &it.elasticity));
    let groups = summary.capacity.iter().map(|(name, it)| ("group", name, &it.elasticity));
    for (kind, name, measures) in services.chain(groups) {
        let Some(measures) = measures else { continue };
        csv.write_record(row(kind, name, measures))?;
    }
    csv.flush()
}

fn row(kind: &str, name: &str, of: &ElasticitySummary) -> [String; ELASTICITY.len()] {
    let number = |value: f64| float(value).unwrap_or_default();
    let seconds = |value: Option<f64>| value.and_then(float).unwrap_or_default();
    [
        kind.to_owned(),
        name.to_owned(),
        number(of.under_provisioning_accuracy),
        number(of.over_provisioning_accuracy),
        number(of.under_provisioned_time),
        number(of.over_provisioned_time),
        number(of.instability),
        number(of.under_provisioned_mean),
        number(of.over_provisioned_mean),
        number(of.needed_mean),
        of.needed_peak.to_string(),
        of.shortages.to_string(),
        seconds(of.scaling_lag_seconds),
        seconds(of.longest_scaling_lag_seconds),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bill::Bill;
    use crate::summary::RunMeta;
    use crate::testing;

    #[test]
    fn every_column_is_a_field_of_the_summary() {
        let (results, _) = testing::web_run();
        let summary = Summary::new(&results, &Bill::new(&results), &RunMeta::default());
        let text = testing::text(|out| write_elasticity(out, &summary));
        let mut lines = text.lines();
        let header: Vec<&str> = lines.next().expect("a header").split(',').collect();
        let cells: Vec<&str> = lines.next().expect("a row").split(',').collect();
        let (name, service) = summary.services.iter().next().expect("a service");
        assert_eq!(cells[..2], ["service", name]);
        let fields = serde_json::to_value(&service.elasticity).expect("a value");
        let fields = fields.as_object().expect("an object");
        assert_eq!(fields.len(), header.len() - 2);
        for (column, cell) in header.iter().zip(&cells).skip(2) {
            let value: f64 = cell.parse().expect("a number");
            let field = fields.get(*column).and_then(serde_json::Value::as_f64);
            assert_eq!(field, Some(value), "{column}");
        }
    }
}

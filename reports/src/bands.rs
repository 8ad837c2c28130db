//! When faults held, for the charts.

use plimsoll_core::results::{FaultRecord, RunResults};
use plimsoll_core::units::SimTime;

use crate::chart::{Band, BandKind};

/// Most names of faults that a legend lists.
const MOST_NAMES: usize = 2;
/// Bands nearer to each other than this part of the axis are drawn as one.
const NEAR: f64 = 1.0 / 1_000.0;

fn kind(record: &FaultRecord) -> BandKind {
    if record.kind == "zoneOutage" { BandKind::ZoneOutage } else { BandKind::Other }
}

/// The times of all faults of a run, by kind and then in time order. What touches is one.
pub(crate) fn bands(results: &RunResults) -> Vec<Band> {
    let end = results.simulated.as_secs_f64();
    let mut bands: Vec<Band> = Vec::new();
    for wanted in [BandKind::ZoneOutage, BandKind::Other] {
        let records = || results.fault_records.iter().filter(|it| kind(it) == wanted);
        let name = name(wanted, records());
        let mut last: Option<Band> = None;
        // Records are in order of their beginning.
        for record in records() {
            let from = record.from.as_secs_f64();
            let until = record.until.map_or(end, SimTime::as_secs_f64).min(end);
            match &mut last {
                Some(band) if from - band.until <= end * NEAR => {
                    band.until = band.until.max(until);
                }
                _ => {
                    let next = Band { from, until, kind: wanted, name: name.clone() };
                    bands.extend(last.replace(next));
                }
            }
        }
        bands.extend(last);
    }
    bands
}

/// The names of the faults if they are few, else what they are.
fn name<'a>(kind: BandKind, records: impl Iterator<Item = &'a FaultRecord>) -> String {
    let mut names: Vec<&str> = Vec::new();
    for record in records {
        if !names.contains(&record.name.as_str()) {
            names.push(&record.name);
        }
        if MOST_NAMES < names.len() {
            break;
        }
    }
    let what = match kind {
        BandKind::ZoneOutage => "zone outage",
        BandKind::Other => "fault",
    };
    if names.len() <= MOST_NAMES {
        format!("{what}: {}", names.join(", "))
    } else {
        format!("{what}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use plimsoll_core::units::SimDuration;

    fn record(name: &str, kind: &'static str, from: u64, until: Option<u64>) -> FaultRecord {
        FaultRecord {
            name: name.to_owned(),
            kind,
            from: SimTime::from_secs(from),
            until: until.map(SimTime::from_secs),
            instances_lost: 0,
            tasks_lost: 0,
            services: Vec::new(),
        }
    }

    fn found(records: Vec<FaultRecord>) -> Vec<(u64, u64, BandKind, String)> {
        let (mut results, _) = testing::web_run();
        results.simulated = SimDuration::from_secs(10_000);
        results.fault_records = records;
        let whole = |seconds: f64| seconds as u64;
        let bands = bands(&results).into_iter();
        bands.map(|it| (whole(it.from), whole(it.until), it.kind, it.name)).collect()
    }

    #[test]
    fn a_band_is_as_long_as_its_fault_and_ends_with_the_run() {
        let bands = found(vec![
            record("slow", "slowLaunches", 100, Some(400)),
            record("a", "zoneOutage", 200, None),
            record("slow", "slowLaunches", 1000, Some(90_000)),
        ]);
        let slow = |from, until| (from, until, BandKind::Other, "fault: slow".to_owned());
        let outage = (200, 10_000, BandKind::ZoneOutage, "zone outage: a".to_owned());
        assert_eq!(bands, [outage, slow(100, 400), slow(1000, 10_000)]);
        assert!(found(Vec::new()).is_empty());
    }

    #[test]
    fn what_touches_is_one_band_and_many_names_are_none() {
        // 10 s are a thousandth of the axis.
        let bands = found(vec![
            record("a", "metricDelay", 100, Some(500)),
            record("b", "slowLaunches", 200, Some(300)),
            record("c", "slowLaunches", 510, Some(600)),
            record("c", "slowLaunches", 611, Some(700)),
        ]);
        let plain = |from, until| (from, until, BandKind::Other, "faults".to_owned());
        assert_eq!(bands, [plain(100, 600), plain(611, 700)]);
        // However many there are, there are no more of them than can be seen.
        let many = (0..9000).map(|at| record("x", "instanceFailure", at, Some(at)));
        assert_eq!(found(many.collect()).len(), 1);
    }
}

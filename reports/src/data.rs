//! `report-data.json`: what the report draws, small enough to keep beside the full files.
//!
//! Why not read the CSV files back? A series of a month has tens of thousands of rows of which a plot
//! shows a thousand; the thinned points are a hundredth of the size, and a report rendered from them
//! again is the same bytes by construction, because the first one was rendered from them, too.

use std::collections::BTreeMap;

use plimsoll_core::results::RunResults;
use serde::{Deserialize, Serialize};

use crate::bill::Bill;
use crate::chart::Chart;
use crate::charts::charts;
use crate::number::{decimal, rfc3339};
use crate::recovery::{self, RecoveryRow};

/// Version of the file's form.
pub(crate) const FORMAT: u32 = 1;
/// Most events of each category that the report lists.
const MAX_EVENTS: usize = 60;

/// Contents of `report-data.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ReportData {
    pub(crate) format: u32,
    pub(crate) charts: Vec<Chart>,
    pub(crate) charts_note: Option<String>,
    pub(crate) bill: Vec<BillGroup>,
    /// Events by category, all of them.
    pub(crate) event_counts: BTreeMap<String, u64>,
    /// Events that the report lists, in time order.
    pub(crate) events: Vec<EventRow>,
    /// Faults that disturbed a service.
    #[serde(default)]
    pub(crate) recoveries: Vec<RecoveryRow>,
}

/// Lines of the bill with the same service, kind and owner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct BillGroup {
    pub(crate) service: String,
    pub(crate) kind: String,
    pub(crate) owner: String,
    pub(crate) usd: String,
}

/// An event of the report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct EventRow {
    pub(crate) at: String,
    pub(crate) category: String,
    pub(crate) entity: String,
    pub(crate) change: Option<(u32, u32)>,
    pub(crate) message: String,
}

impl ReportData {
    pub(crate) fn new(results: &RunResults, bill: &Bill) -> Self {
        let (charts, charts_note) = charts(results, bill);
        let mut groups: BTreeMap<(&str, &str, &str), i128> = BTreeMap::new();
        for row in &bill.rows {
            *groups.entry((&row.service_name, &row.kind, &row.owner)).or_default() +=
                row.billed_cost;
        }
        let mut groups: Vec<_> = groups.into_iter().collect();
        groups.sort_by_key(|(_, sum)| std::cmp::Reverse(*sum));
        let mut event_counts: BTreeMap<String, u64> = BTreeMap::new();
        let mut events = Vec::new();
        for event in &results.event_records {
            let seen = event_counts.entry(event.category.name().to_owned()).or_default();
            *seen += 1;
            if *seen <= MAX_EVENTS as u64 {
                events.push(EventRow {
                    at: rfc3339(results.start_unix_seconds, event.at),
                    category: event.category.name().to_owned(),
                    entity: event.entity.clone(),
                    change: event.change,
                    message: event.message.clone(),
                });
            }
        }
        Self {
            format: FORMAT,
            charts,
            charts_note,
            bill: groups
                .into_iter()
                .map(|((service, kind, owner), sum)| BillGroup {
                    service: service.to_owned(),
                    kind: kind.to_owned(),
                    owner: owner.to_owned(),
                    usd: decimal(sum),
                })
                .collect(),
            event_counts,
            events,
            recoveries: recovery::shown(results),
        }
    }
}

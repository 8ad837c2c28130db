//! Prices of Spot pools.

use plimsoll_core::catalog::HourlyRate;
use plimsoll_core::units::SimTime;

use super::Context;
use crate::language::raw::ScenarioDocument;
use crate::language::raw::purchase as raw;
use crate::language::spot_trace::{Content, SpotTrace, SpotTraceOptions};

/// The first entry that covers an instance type in a zone.
pub(super) fn market_of(
    document: &ScenarioDocument,
    instance_type: &str,
    zone: &str,
) -> Option<usize> {
    document.spot_markets.iter().position(|market| {
        covers(market.instance_types.as_deref(), instance_type)
            && market
                .availability_zones
                .as_ref()
                .is_none_or(|zones| zones.iter().any(|it| it == zone))
    })
}

/// The Spot price of an instance type in a zone at the start; `None` without a market, or if that is wrong, which is
/// said elsewhere.
pub(super) fn first_price(
    context: &Context<'_>,
    document: &ScenarioDocument,
    instance_type: &str,
    zone: &str,
    listed: HourlyRate,
) -> Option<HourlyRate> {
    let raw = document.spot_markets.get(market_of(document, instance_type, zone)?)?;
    if let Some(price) = raw.price {
        return Some(HourlyRate::from_ten_billionths(price.0));
    }
    if let Some(saving) = raw.saving {
        return BasePrice::Saving(saving).of(listed).first().map(|it| it.1);
    }
    let trace = raw.price_trace.as_ref()?;
    match context.traces.spot(&price_trace(context, trace)).ok()?.as_ref() {
        SpotTrace::Prices(prices) => prices.first().map(|it| it.1),
        SpotTrace::Leases(_) | SpotTrace::Off(_) => None,
    }
}

/// How a trace of prices is read.
pub(super) fn price_trace(context: &Context<'_>, trace: &raw::PriceTrace) -> SpotTraceOptions {
    SpotTraceOptions {
        path: context.traces.resolve(&trace.file),
        time: trace.time_column.clone().unwrap_or_else(|| "time".to_owned()),
        time_unit: trace.time_unit.unwrap_or_default(),
        content: Content::Prices(trace.column.clone().unwrap_or_else(|| "price".to_owned())),
    }
}

/// Whether a list of names, of which some end in `*`, has `name`; all have without a list.
pub(super) fn covers(names: Option<&[String]>, name: &str) -> bool {
    names.is_none_or(|names| {
        names.iter().any(|it| match it.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => it == name,
        })
    })
}

/// A price before the On-Demand price of the pool is known.
pub(super) enum BasePrice {
    Given(Vec<(SimTime, HourlyRate)>),
    /// A share below the On-Demand price.
    Saving(f64),
}

impl BasePrice {
    /// The price from instant to instant, given the On-Demand price.
    pub(super) fn of(&self, listed: HourlyRate) -> Vec<(SimTime, HourlyRate)> {
        match self {
            Self::Given(prices) => prices.clone(),
            Self::Saving(saving) => {
                let price = listed.as_ten_billionths() as f64 * (1.0 - saving);
                vec![(SimTime::ZERO, HourlyRate::from_ten_billionths((price + 0.5) as u64))]
            }
        }
    }
}

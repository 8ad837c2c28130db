//! Prices, meters and the invoice. Money is exact: integers all the way, one rounding on output.

/// Prices of everything a scenario can use, in one region at one date.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriceBook {}

/// A bill: lines whose printed amounts add up to the total to the last digit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Invoice {}

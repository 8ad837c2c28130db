//! Prices, meters and the invoice. Money is exact: integers all the way, one rounding on output.
//!
//! | file | what |
//! | --- | --- |
//! | `cost` | [`Cost`], [`Quantity`]: exact products of a price and what was used |
//! | `billed_time` | minimums and granularity: from lived to billed time |
//! | `capacity_units` | load balancer capacity units |
//! | `price_book` | [`PriceBook`]: which rate applies, and where it comes from |
//! | `price_source` | where a book's rates come from |
//! | `meter` | [`Meter`]: adds usage up per clock hour |
//! | `invoice` | [`Invoice`]: lines whose amounts add up to the total |
//!
//! *Why split at clock hours?* AWS settles commitments per clock hour and cost tools read hourly
//! lines. Usage is added up per (clock hour, payer, usage type); there is never a line per task.
//!
//! *Why are the amounts of lines not simply rounded?* Then their sum would differ from the total. Each
//! line gets the difference of two rounded running totals instead: the lines add up exactly, and each
//! is within 1e-10 USD of its exact value.

mod billed_time;
mod capacity_units;
mod cost;
mod invoice;
mod meter;
mod price_book;
mod price_source;
#[cfg(test)]
mod tests;

pub use crate::catalog::{HourlyRate, MonthlyRate, RateError};
pub use billed_time::{
    FARGATE_LINUX_MINIMUM_SECONDS, FARGATE_WINDOWS_MINIMUM_SECONDS, INSTANCE_MINIMUM_SECONDS,
    InstanceGranularity, fargate_billed_seconds, instance_billed_seconds,
    interrupted_spot_billed_seconds, load_balancer_billed_hours, volume_billed_seconds,
};
pub use capacity_units::{CapacityUnit, HourlyTraffic};
pub use cost::{Cost, Quantity, Unit, format_usd};
pub use invoice::{BillLine, Category, HourlyCost, Invoice};
pub use meter::{FargateUsage, InstanceUsage, LoadBalancerHour, Meter, VolumeUsage};
pub use price_book::{MissingPrice, PriceBook, PriceEntry, PriceNeeds};
pub use price_source::FargateRates;

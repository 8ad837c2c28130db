//! `bill.csv`: the invoice in the columns of FOCUS, the FinOps cost and usage specification.
//!
//! Amounts are copied from the invoice's lines digit by digit, so that the column `BilledCost` adds up
//! to the total exactly.

use std::collections::BTreeMap;
use std::io::{self, Write};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use plimsoll_core::billing::{BillLine, Category};
use plimsoll_core::results::RunResults;

use crate::columns::{self, BILL};
use crate::number::{decimal, rfc3339_seconds};

/// A bill as rows, ready to be written or grouped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bill {
    /// Lines in the invoice's order.
    pub rows: Vec<BillRow>,
    /// The invoice's total in 1e-10 USD; equal to the sum of the rows.
    pub total: i128,
}

/// A line of the bill.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BillRow {
    /// Start of the charged hour, seconds since 1970.
    pub charge_start: i64,
    /// End of the charged hour, exclusive.
    pub charge_end: i64,
    /// AWS service.
    pub service_name: String,
    /// FOCUS service category.
    pub service_category: String,
    /// Category of the invoice, for example `EC2`.
    pub kind: String,
    /// `Standard`, or `Dynamic` for Spot.
    pub pricing_category: String,
    /// The line in words.
    pub description: String,
    /// What was used: a group, a load balancer, `FARGATE` or `FARGATE_SPOT`.
    pub resource_id: String,
    /// Kind of resource.
    pub resource_type: String,
    /// Region.
    pub region: String,
    /// Usage type, for example `BoxUsage:m5.large`.
    pub sku_id: String,
    /// Quantity in the unit of the price, a decimal.
    pub quantity: String,
    /// Unit of the price.
    pub unit: String,
    /// Quantity in seconds, exact, a decimal.
    pub consumed: String,
    /// Its unit.
    pub consumed_unit: String,
    /// Price per unit, a decimal in USD.
    pub unit_price: String,
    /// Cost in 1e-10 USD.
    pub billed_cost: i128,
    /// Service, batch source or group that caused the charge.
    pub owner: String,
}

/// AWS service, FOCUS service category, pricing category and kind of resource of a category.
const fn names(category: Category) -> (&'static str, &'static str, &'static str, &'static str) {
    match category {
        Category::Ec2Compute => {
            ("Amazon Elastic Compute Cloud", "Compute", "Standard", "Auto Scaling group")
        }
        Category::Ec2Spot => {
            ("Amazon Elastic Compute Cloud", "Compute", "Dynamic", "Auto Scaling group")
        }
        Category::FargateCompute => {
            ("Amazon Elastic Container Service", "Compute", "Standard", "Fargate task")
        }
        Category::FargateSpot => {
            ("Amazon Elastic Container Service", "Compute", "Dynamic", "Fargate task")
        }
        Category::EbsVolume => ("Amazon Elastic Block Store", "Storage", "Standard", "Volume"),
        Category::LoadBalancer => {
            ("Elastic Load Balancing", "Networking", "Standard", "Load balancer")
        }
        Category::ManagedInstances => {
            ("Amazon Elastic Container Service", "Compute", "Standard", "Managed instance")
        }
    }
}

impl BillRow {
    fn new(line: &BillLine, region: &str) -> Self {
        let (service, service_category, pricing, resource_type) = names(line.category);
        let (consumed, consumed_unit) = line.quantity.consumed();
        let unit = line.quantity.unit.name();
        Self {
            charge_start: line.period_start,
            charge_end: line.period_end,
            service_name: service.to_owned(),
            service_category: service_category.to_owned(),
            kind: line.category.name().to_owned(),
            pricing_category: pricing.to_owned(),
            description: format!(
                "{} {unit} of {} at ${} for {}",
                line.quantity.decimal(),
                line.usage_type,
                line.unit_price_decimal(),
                line.owner
            ),
            resource_id: line.resource_group.to_string(),
            resource_type: resource_type.to_owned(),
            region: region.to_owned(),
            sku_id: line.usage_type.to_string(),
            quantity: line.quantity.decimal(),
            unit: unit.to_owned(),
            consumed,
            consumed_unit: consumed_unit.to_owned(),
            unit_price: line.unit_price_decimal(),
            billed_cost: line.amount,
            owner: line.owner.to_string(),
        }
    }
}

impl Bill {
    /// The invoice of `results` as rows.
    pub fn new(results: &RunResults) -> Self {
        let lines = results.invoice.lines.iter();
        let rows = lines.map(|line| BillRow::new(line, &results.region)).collect();
        Self { rows, total: results.invoice.total }
    }

    /// Sums of the rows that share a key, as decimal strings.
    pub fn by(&self, key: impl Fn(&BillRow) -> String) -> BTreeMap<String, String> {
        let mut sums: BTreeMap<String, i128> = BTreeMap::new();
        for row in &self.rows {
            *sums.entry(key(row)).or_default() += row.billed_cost;
        }
        sums.into_iter().map(|(key, sum)| (key, decimal(sum))).collect()
    }

    /// Writes `bill.csv`.
    pub fn write_csv(&self, out: impl Write) -> io::Result<()> {
        let mut csv = columns::writer(out, BILL)?;
        for row in &self.rows {
            let (month_start, month_end) = month(row.charge_start);
            let tags = format!("{{\"owner\":{}}}", serde_json::Value::from(row.owner.as_str()));
            let cost = decimal(row.billed_cost);
            csv.write_record([
                cost.as_str(),
                "simulated",
                "USD",
                &rfc3339_seconds(month_end),
                &rfc3339_seconds(month_start),
                "Usage",
                &row.description,
                "Usage-Based",
                &rfc3339_seconds(row.charge_end),
                &rfc3339_seconds(row.charge_start),
                &row.consumed,
                &row.consumed_unit,
                &cost,
                &row.unit_price,
                &cost,
                "Amazon Web Services",
                &cost,
                &row.unit_price,
                &row.pricing_category,
                &row.quantity,
                &row.unit,
                "AWS",
                "AWS",
                &row.region,
                &row.resource_id,
                &row.resource_type,
                &row.service_category,
                &row.service_name,
                &row.sku_id,
                &row.owner,
                &row.owner,
                &tags,
            ])?;
        }
        csv.flush()
    }
}

/// First instant of the calendar month (UTC) of `unix_seconds`, and of the month after.
fn month(unix_seconds: i64) -> (i64, i64) {
    let date = Timestamp::from_second(unix_seconds)
        .map_or(Date::ZERO, |at| at.to_zoned(TimeZone::UTC).date());
    let first = date.first_of_month();
    let next = date.last_of_month().tomorrow().unwrap_or(first);
    let seconds = |date: Date| {
        date.to_zoned(TimeZone::UTC).map_or(unix_seconds, |at| at.timestamp().as_second())
    };
    (seconds(first), seconds(next))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::parse_decimal;
    use crate::testing;

    #[test]
    fn billed_cost_adds_up_to_the_last_digit() {
        let (_, bill) = testing::web_run();
        let mut text = Vec::new();
        bill.write_csv(&mut text).expect("writes");
        let mut csv = csv::Reader::from_reader(text.as_slice());
        let column =
            csv.headers().expect("header").iter().position(|h| h == "BilledCost").expect("column");
        let sum: i128 = csv
            .records()
            .map(|row| parse_decimal(&row.expect("row")[column]).expect("decimal"))
            .sum();
        assert!(sum > 0);
        assert_eq!(sum, bill.total);
    }

    #[test]
    fn a_charge_belongs_to_its_calendar_month() {
        let february = 1_771_000_000; // 2026-02-13
        let (start, end) = month(february);
        assert_eq!(rfc3339_seconds(start), "2026-02-01T00:00:00Z");
        assert_eq!(rfc3339_seconds(end), "2026-03-01T00:00:00Z");
        let december = 1_798_761_599; // 2026-12-31T23:59:59Z
        assert_eq!(rfc3339_seconds(month(december).1), "2027-01-01T00:00:00Z");
    }
}

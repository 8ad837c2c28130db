//! `bill.csv`: the invoice in the columns of FOCUS, the FinOps cost and usage specification.
//!
//! Amounts are copied from the invoice's lines digit by digit, so that the column `BilledCost` adds up
//! to the total exactly.

use std::collections::BTreeMap;
use std::io::{self, Write};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

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
    /// AWS service, for example `AWS Fargate`.
    pub service_name: String,
    /// FOCUS service category, for example `Compute`.
    pub service_category: String,
    /// What is charged for, in a few words, for example `instance hours`.
    pub kind: String,
    /// `Usage`, `Purchase`, `Tax`, `Credit` or `Adjustment`.
    pub charge_category: String,
    /// `Standard`, `Dynamic` (Spot), `Committed` or `Other`.
    pub pricing_category: String,
    /// The sentence of the line.
    pub description: String,
    /// Resource charged.
    pub resource_id: String,
    /// Its type, for example the instance type.
    pub resource_type: String,
    /// Region.
    pub region: String,
    /// Zone, if the charge belongs to one.
    pub zone: String,
    /// Article in the price list.
    pub sku_id: String,
    /// Quantity priced, a decimal.
    pub quantity: String,
    /// Its unit.
    pub unit: String,
    /// Price per unit without discount, a decimal in USD.
    pub list_unit_price: String,
    /// Price per unit paid, a decimal in USD.
    pub contracted_unit_price: String,
    /// Cost without discount in 1e-10 USD.
    pub list_cost: i128,
    /// Cost in 1e-10 USD.
    pub billed_cost: i128,
    /// Service, batch source or group that caused the charge.
    pub owner: String,
}

impl Bill {
    /// Sums of the rows that share a key, as decimal strings.
    pub fn by(&self, key: impl Fn(&BillRow) -> String) -> BTreeMap<String, String> {
        let mut sums: BTreeMap<String, i128> = BTreeMap::new();
        for row in &self.rows {
            *sums.entry(key(row)).or_default() += row.billed_cost;
        }
        sums.into_iter()
            .map(|(key, sum)| (key, decimal(sum)))
            .collect()
    }

    /// Writes `bill.csv`.
    pub fn write_csv(&self, out: impl Write) -> io::Result<()> {
        let mut csv = columns::writer(out, BILL)?;
        for row in &self.rows {
            let (month_start, month_end) = month(row.charge_start);
            let tags = format!(
                "{{\"owner\":{}}}",
                serde_json::Value::from(row.owner.as_str())
            );
            csv.write_record([
                row.zone.as_str(),
                &decimal(row.billed_cost),
                "simulated",
                "USD",
                &rfc3339_seconds(month_end),
                &rfc3339_seconds(month_start),
                &row.charge_category,
                &row.description,
                "Usage-Based",
                &rfc3339_seconds(row.charge_end),
                &rfc3339_seconds(row.charge_start),
                &row.quantity,
                &row.unit,
                &decimal(row.billed_cost),
                &row.contracted_unit_price,
                &decimal(row.billed_cost),
                "Amazon Web Services",
                &decimal(row.list_cost),
                &row.list_unit_price,
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
        .map(|at| at.to_zoned(TimeZone::UTC).date())
        .unwrap_or(Date::ZERO);
    let first = date.first_of_month();
    let next = date.last_of_month().tomorrow().unwrap_or(first);
    let seconds = |date: Date| {
        date.to_zoned(TimeZone::UTC)
            .map(|at| at.timestamp().as_second())
            .unwrap_or(unix_seconds)
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
        let column = csv
            .headers()
            .expect("header")
            .iter()
            .position(|h| h == "BilledCost")
            .expect("column");
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

//! Prices of Fargate per vCPU, GB and hour.

use std::sync::OnceLock;

use crate::rules::WindowsFargatePrice;
use crate::scenario::{Architecture, OperatingSystem};

use super::instance_types::architecture;
use super::rate::HourlyRate;
use super::table::{Fields, lines};

const DATA: &str = include_str!("data/fargate_prices.txt");

/// Prices of Fargate in one region for one operating system and architecture.
///
/// ARM prices are never derived from x86 ones: the ratio is 0.80 in most regions but not in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FargatePrice {
    /// Per vCPU and hour.
    pub vcpu_hour: HourlyRate,
    /// Per GB (1024 MiB) of memory and hour.
    pub gb_hour: HourlyRate,
    /// Fargate Spot, per vCPU and hour, at the date of the source; it moves daily.
    pub spot_vcpu_hour: Option<HourlyRate>,
    /// Fargate Spot, per GB and hour.
    pub spot_gb_hour: Option<HourlyRate>,
    /// Ephemeral storage beyond the included 20 GiB, per GB and hour.
    pub ephemeral_gb_hour: Option<HourlyRate>,
    /// Operating system licence per vCPU and hour, on top of `vcpu_hour`.
    pub os_license_vcpu_hour: Option<HourlyRate>,
    /// Date of the source, `YYYY-MM-DD` or `undated`.
    pub as_of: &'static str,
    /// Source code, explained in the [module docs](super).
    pub source: &'static str,
}

pub(super) struct Row {
    pub(super) region: &'static str,
    operating_system: OperatingSystem,
    architecture: Architecture,
    price: FargatePrice,
}

pub(super) fn all() -> &'static [Row] {
    static ROWS: OnceLock<Vec<Row>> = OnceLock::new();
    ROWS.get_or_init(|| parse(DATA).expect("the embedded table is parsed by a test"))
}

/// The newest known price of Fargate, if the catalogue has one.
pub fn fargate_price(
    region: &str,
    operating_system: OperatingSystem,
    architecture: Architecture,
) -> Option<FargatePrice> {
    let key = |row: &&Row| {
        row.region == region
            && row.operating_system == operating_system
            && row.architecture == architecture
    };
    all().iter().find(key).map(|row| row.price)
}

/// The price of Fargate under a rule set's entry for Windows; Linux prices have not moved.
///
/// The price of Windows tasks fell between the offer of 2022-11-21 and the first sight of the new one
/// on 2026-05-11; both are kept. The old one is known for us-east-1 only.
pub fn dated_fargate_price(
    region: &str,
    operating_system: OperatingSystem,
    architecture: Architecture,
    windows: WindowsFargatePrice,
) -> Option<FargatePrice> {
    let newest = fargate_price(region, operating_system, architecture)?;
    match (operating_system, windows) {
        (OperatingSystem::Linux, _) | (_, WindowsFargatePrice::Offer2026) => Some(newest),
        (OperatingSystem::Windows, WindowsFargatePrice::Offer2022) => (region == "us-east-1")
            .then_some(FargatePrice {
                vcpu_hour: HourlyRate::from_ten_billionths(914_800_000),
                gb_hour: HourlyRate::from_ten_billionths(100_500_000),
                os_license_vcpu_hour: Some(HourlyRate::from_ten_billionths(460_000_000)),
                as_of: "2022-11-21",
                source: "N13",
                ..newest
            }),
    }
}

fn parse(text: &'static str) -> Result<Vec<Row>, String> {
    lines(text).map(parse_line).collect()
}

fn parse_line(line: &'static str) -> Result<Row, String> {
    let mut fields = Fields::of(line);
    let region = fields.text("region")?;
    let operating_system = match fields.text("os")? {
        "linux" => OperatingSystem::Linux,
        "windows" => OperatingSystem::Windows,
        other => return Err(fields.bad("os", other)),
    };
    let architecture = architecture(&mut fields)?;
    let required = |rate: Option<HourlyRate>| rate.ok_or_else(|| format!("`{line}`: no price"));
    let price = FargatePrice {
        vcpu_hour: required(fields.optional_rate("vcpu_hour")?)?,
        gb_hour: required(fields.optional_rate("gb_hour")?)?,
        spot_vcpu_hour: fields.optional_rate("spot_vcpu_hour")?,
        spot_gb_hour: fields.optional_rate("spot_gb_hour")?,
        ephemeral_gb_hour: fields.optional_rate("ephemeral_gb_hour")?,
        os_license_vcpu_hour: fields.optional_rate("os_license_vcpu_hour")?,
        as_of: fields.text("as_of")?,
        source: fields.text("source")?,
    };
    fields.end()?;
    Ok(Row { region, operating_system, architecture, price })
}

#[cfg(test)]
mod tests {
    use super::*;
    use Architecture::{Arm64, X86_64};
    use OperatingSystem::{Linux, Windows};

    #[test]
    fn the_embedded_table_parses() {
        let rows = parse(DATA).expect("every line parses");
        assert_eq!(rows.len(), 36);
        for row in &rows {
            let price = row.price;
            assert!(price.vcpu_hour > price.gb_hour, "{}", row.region);
            assert_eq!(price.spot_vcpu_hour.is_some(), price.spot_gb_hour.is_some());
            if let Some(spot) = price.spot_vcpu_hour {
                assert!(spot < price.vcpu_hour, "{}", row.region);
            }
            let windows = row.operating_system == Windows;
            assert_eq!(price.os_license_vcpu_hour.is_some(), windows, "{}", row.region);
        }
    }

    #[test]
    fn finds_prices_with_their_date() {
        let price = fargate_price("us-east-1", Linux, X86_64).expect("in the table");
        assert_eq!(price.vcpu_hour.to_string(), "0.04048");
        assert_eq!(price.gb_hour.to_string(), "0.004445");
        assert_eq!(
            price.spot_vcpu_hour.map(|rate| rate.to_string()).as_deref(),
            Some("0.01288561")
        );
        assert_eq!((price.as_of, price.source), ("2026-09-29", "FGC+N1"));
        let mumbai = fargate_price("ap-south-1", Linux, Arm64).expect("in the table");
        assert_eq!(mumbai.vcpu_hour.to_string(), "0.02383", "0.56 of the x86 price");
        assert_eq!(fargate_price("us-west-2", Linux, Arm64), None, "never verified");
        assert_eq!(fargate_price("us-east-1", Windows, Arm64), None);
    }

    #[test]
    fn windows_prices_follow_the_date() {
        let price = |entry| dated_fargate_price("us-east-1", Windows, X86_64, entry);
        let all_in = |entry| {
            let price = price(entry).expect("in the table");
            let licence = price.os_license_vcpu_hour.expect("Windows has one");
            price.vcpu_hour.plus(licence).to_string()
        };
        assert_eq!(all_in(WindowsFargatePrice::Offer2026), "0.092552");
        assert_eq!(all_in(WindowsFargatePrice::Offer2022), "0.13748");
        let ohio = |entry| dated_fargate_price("us-east-2", Windows, X86_64, entry);
        assert!(ohio(WindowsFargatePrice::Offer2026).is_some());
        assert_eq!(ohio(WindowsFargatePrice::Offer2022), None, "only us-east-1 is documented");
        let linux = |entry| dated_fargate_price("us-east-1", Linux, X86_64, entry);
        assert_eq!(linux(WindowsFargatePrice::Offer2022), linux(WindowsFargatePrice::Offer2026));
    }
}

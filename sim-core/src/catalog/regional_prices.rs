//! Regional prices that are few enough to be written out: load balancers and volumes.
//!
//! The hour of an Application Load Balancer equals that of a Network Load Balancer wherever both were
//! seen, so the table of the latter serves for both. Prices read in 2022-09 that were seen again later
//! carry the later date.

use super::rate::{HourlyRate, MonthlyRate};

/// A rate with its date and source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatedRate<Rate> {
    /// The rate.
    pub rate: Rate,
    /// Date of the source, `YYYY-MM-DD` or `undated`.
    pub as_of: &'static str,
    /// Source code: `C` as in the [module docs](super), `ELB` for the quoted Elastic Load Balancing
    /// price page, `N…` for a note that quotes the Price List.
    pub source: &'static str,
}

/// Region, load balancer hour, gp3 GB-month (0 where unknown), in 1e-10 USD; read 2022-09-03.
const REGIONS: [(&str, u64, u64); 11] = [
    ("ap-northeast-1", 243_000_000, 960_000_000),
    ("ap-northeast-2", 225_000_000, 0),
    ("ap-southeast-1", 252_000_000, 960_000_000),
    ("ap-southeast-2", 252_000_000, 960_000_000),
    ("eu-central-1", 270_000_000, 952_000_000),
    ("eu-west-1", 252_000_000, 880_000_000),
    ("eu-west-2", 264_600_000, 0),
    ("us-east-1", 225_000_000, 800_000_000),
    ("us-east-2", 225_000_000, 800_000_000),
    ("us-west-1", 252_000_000, 0),
    ("us-west-2", 225_000_000, 800_000_000),
];

const TABLE_DATE: &str = "2022-09-03";

fn row(region: &str) -> Option<&'static (&'static str, u64, u64)> {
    REGIONS.iter().find(|(name, _, _)| *name == region)
}

/// Price of a load balancer per hour or part of one.
pub fn load_balancer_price(region: &str) -> Option<DatedRate<HourlyRate>> {
    let (_, hour, _) = row(region)?;
    let (as_of, source) = match region {
        "us-east-1" => ("2026-09-20", "ELB"),
        "eu-west-2" => ("2026-07-02", "N7"),
        _ => (TABLE_DATE, "C"),
    };
    Some(DatedRate { rate: HourlyRate::from_ten_billionths(*hour), as_of, source })
}

/// Price of a load balancer capacity unit (LCU) per hour, for Application Load Balancers.
pub fn load_balancer_unit_price(region: &str) -> Option<DatedRate<HourlyRate>> {
    let (count, as_of, source) = match region {
        "us-east-1" => (80_000_000, "2026-09-20", "ELB"),
        "us-west-1" | "ap-northeast-1" => (80_000_000, "undated", "N19"),
        "eu-west-2" => (84_000_000, "2026-07-02", "N7"),
        _ => return None,
    };
    Some(DatedRate { rate: HourlyRate::from_ten_billionths(count), as_of, source })
}

/// Price of a capacity unit (NLCU) of a Network Load Balancer per hour.
pub fn network_unit_price(region: &str) -> Option<DatedRate<HourlyRate>> {
    let rate = HourlyRate::from_ten_billionths(60_000_000);
    (region == "us-east-1").then_some(DatedRate { rate, as_of: "2026-09-20", source: "ELB" })
}

/// Price of a gp3 volume per GB (GiB) and month of 730 hours, with the included 3 000 IOPS and
/// 125 MiB/s.
pub fn gp3_price(region: &str) -> Option<DatedRate<MonthlyRate>> {
    let (_, _, gb_month) = row(region)?;
    let (as_of, source) = match region {
        "us-east-1" => ("2026-09-20", "N17"),
        _ => (TABLE_DATE, "C"),
    };
    let rate = MonthlyRate::from_ten_billionths(*gb_month);
    (*gb_month > 0).then_some(DatedRate { rate, as_of, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_match_the_regional_table() {
        let hour = |region| load_balancer_price(region).map(|it| it.rate.to_string());
        let gp3 = |region| gp3_price(region).map(|it| it.rate.to_string());
        let lcu = |region| load_balancer_unit_price(region).map(|it| it.rate.to_string());
        assert_eq!(hour("us-east-1").as_deref(), Some("0.0225"));
        assert_eq!(hour("eu-west-1").as_deref(), Some("0.0252"));
        assert_eq!(hour("eu-west-2").as_deref(), Some("0.02646"));
        assert_eq!(hour("eu-central-1").as_deref(), Some("0.027"));
        assert_eq!(hour("sa-east-1"), None);
        assert_eq!(gp3("us-west-2").as_deref(), Some("0.08"));
        assert_eq!(gp3("eu-central-1").as_deref(), Some("0.0952"));
        assert_eq!(gp3("us-west-1"), None);
        assert_eq!(lcu("us-east-1").as_deref(), Some("0.008"));
        assert_eq!(lcu("eu-west-2").as_deref(), Some("0.0084"));
        assert_eq!(lcu("eu-west-1"), None);
    }
}

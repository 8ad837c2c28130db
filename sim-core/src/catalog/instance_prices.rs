//! On-Demand prices of instances and the Windows licence on top.

use std::sync::OnceLock;

use crate::scenario::Architecture;

use super::instance_types::{InstanceType, instance_types, position};
use super::rate::HourlyRate;
use super::table::{Fields, lines};

const DATA: &str = include_str!("data/instance_prices.txt");

/// The On-Demand price of an instance type: Linux, shared tenancy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstancePrice {
    /// Price per instance and hour.
    pub rate: HourlyRate,
    /// Whether the price was derived from the us-east-1 price and the family's regional ratio.
    pub derived: bool,
    /// Source code, explained in the [module docs](super).
    pub source: &'static str,
    /// Date of the source, `YYYY-MM-DD`.
    pub as_of: &'static str,
}

struct Prices {
    /// Sorted.
    regions: Vec<&'static str>,
    /// In the order of [`instance_types`], then of `regions`.
    by_type: Vec<Vec<Option<InstancePrice>>>,
}

fn prices() -> &'static Prices {
    static PRICES: OnceLock<Prices> = OnceLock::new();
    PRICES.get_or_init(|| parse(DATA).expect("the embedded table is parsed by a test"))
}

pub(super) fn regions() -> &'static [&'static str] {
    &prices().regions
}

/// The On-Demand price of `instance_type` in `region`, if the catalogue has one.
pub fn on_demand_price(instance_type: &str, region: &str) -> Option<InstancePrice> {
    let prices = prices();
    let column = prices.regions.binary_search(&region).ok()?;
    prices.by_type[position(instance_type)?][column]
}

/// What a Windows Server licence adds per instance and hour; `None` where it is not known or the
/// type cannot run Windows.
///
/// A fixed amount per vCPU, the same for all sizes of the current families that are not burstable;
/// instance amounts for `t3` and `t3a`. Read for us-east-1 in 2023-08 (LeanerCloud table).
pub fn windows_licence(instance_type: &InstanceType) -> Option<HourlyRate> {
    if instance_type.architecture != Architecture::X86_64 {
        return None;
    }
    let per_vcpu = |ten_billionths: u64| ten_billionths * u64::from(instance_type.vcpu);
    let count = match instance_type.family {
        "t3" | "t3a" => match instance_type.name.split_once('.')?.1 {
            "nano" => 46_000_000,
            "micro" => 92_000_000,
            "small" | "medium" => 184_000_000,
            "large" => 276_000_000,
            "xlarge" => 736_000_000,
            "2xlarge" => 1_472_000_000,
            _ => return None,
        },
        "t2" | "t8i" => return None,
        "m7i-flex" => per_vcpu(437_000_000),
        _ => per_vcpu(460_000_000),
    };
    Some(HourlyRate::from_ten_billionths(count))
}

fn parse(text: &'static str) -> Result<Prices, String> {
    let mut lines = lines(text);
    let mut header = |name: &str| {
        let line = lines.next().and_then(|line| line.strip_prefix(name));
        line.ok_or_else(|| format!("no line `{name}`"))
    };
    let sources: Vec<(&str, &str)> = header("sources ")?
        .split(' ')
        .map(|entry| entry.split_once('=').ok_or_else(|| format!("no date in `{entry}`")))
        .collect::<Result<_, _>>()?;
    let regions: Vec<&str> = header("regions ")?.split(' ').collect();

    let mut by_type = Vec::with_capacity(instance_types().len());
    for instance_type in instance_types() {
        let line = lines.next().ok_or_else(|| format!("no line of {}", instance_type.name))?;
        let mut fields = Fields::of(line);
        let name = fields.text("name")?;
        if name != instance_type.name {
            return Err(fields.bad("name", name));
        }
        let row = regions.iter().map(|region| parse_price(&mut fields, region, &sources));
        by_type.push(row.collect::<Result<_, _>>()?);
        fields.end()?;
    }
    match lines.next() {
        None => Ok(Prices { regions, by_type }),
        Some(line) => Err(format!("`{line}`: not an instance type")),
    }
}

fn parse_price(
    fields: &mut Fields<'static>,
    region: &str,
    sources: &[(&'static str, &'static str)],
) -> Result<Option<InstancePrice>, String> {
    fields.optional(region, |text| {
        let (price, code) = text.split_once(':')?;
        let (source, as_of) = *sources.iter().find(|(source, _)| *source == code)?;
        let rate = HourlyRate::parse(price).ok()?;
        Some(InstancePrice { rate, derived: source == "D", source, as_of })
    })
}

#[cfg(test)]
mod tests {
    use super::super::instance_types::instance_type;
    use super::*;

    fn rate(instance_type: &str, region: &str) -> String {
        on_demand_price(instance_type, region).expect(instance_type).rate.to_string()
    }

    #[test]
    fn the_embedded_table_parses() {
        let prices = parse(DATA).expect("every line parses");
        let all: Vec<InstancePrice> =
            prices.by_type.iter().flatten().filter_map(|price| *price).collect();
        let count = |source: &str| all.iter().filter(|price| price.source == source).count();
        assert_eq!(["K", "C+L", "C", "L", "D"].map(count), [658, 1155, 479, 1065, 600]);
        assert!(all.iter().all(|price| price.rate > HourlyRate::default()));
        assert!(all.iter().all(|price| price.as_of.len() == "2026-07-20".len()));
        assert!(prices.regions.is_sorted());
    }

    #[test]
    fn prices_match_the_spot_checks() {
        for (name, price) in [
            ("m5.large", "0.096"),
            ("c5.large", "0.085"),
            ("r5.large", "0.126"),
            ("t3.medium", "0.0416"),
            ("m6g.large", "0.077"),
            ("m7g.large", "0.0816"),
            ("c7g.large", "0.0725"),
            ("m6i.large", "0.096"),
            ("m7i.large", "0.1008"),
            ("g4dn.xlarge", "0.526"),
        ] {
            assert_eq!(rate(name, "us-east-1"), price, "{name}");
        }
        for (name, region, price) in [
            ("m7i.large", "ap-northeast-1", "0.1302"),
            ("m7i.xlarge", "ap-northeast-1", "0.2604"),
            ("m6a.xlarge", "eu-west-1", "0.1926"),
        ] {
            assert_eq!(rate(name, region), price, "{name} {region}");
        }
    }

    #[test]
    fn derived_and_unknown_prices_are_told_apart() {
        let stated = on_demand_price("m5.large", "us-east-1").expect("stated");
        assert_eq!((stated.derived, stated.source, stated.as_of), (false, "K", "2026-07-20"));
        let derived = prices().by_type.iter().flatten().flatten().find(|price| price.derived);
        assert_eq!(derived.map(|price| price.source), Some("D"));
        assert_eq!(on_demand_price("r9g.large", "us-east-1"), None, "offered, price unknown");
        assert_eq!(on_demand_price("m5.large", "mars-north-1"), None);
        assert_eq!(on_demand_price("m5.larg", "us-east-1"), None);
    }

    #[test]
    fn windows_licence_reproduces_the_checks() {
        let windows = |name: &str| {
            let it = instance_type(name).expect(name);
            let linux = on_demand_price(name, "us-east-1").expect(name).rate;
            windows_licence(it).map(|licence| linux.plus(licence).to_string())
        };
        assert_eq!(windows("m5.large").as_deref(), Some("0.188"));
        assert_eq!(windows("m6a.xlarge").as_deref(), Some("0.3568"));
        assert_eq!(windows("t3.medium").as_deref(), Some("0.06"));
        assert_eq!(windows("m7g.large"), None, "no Windows on Graviton");
        assert_eq!(windows("t2.micro"), None, "unknown");
        let flex = instance_type("m7i-flex.large").and_then(windows_licence);
        assert_eq!(flex.map(|rate| rate.to_string()).as_deref(), Some("0.0874"));
    }
}

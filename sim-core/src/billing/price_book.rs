//! Which rate applies to what, and where the rate comes from.

use std::collections::BTreeMap;
use std::fmt;

use crate::catalog::{
    self, DatedRate, HourlyRate, MonthlyRate, dated_fargate_price, gp3_price, load_balancer_price,
    load_balancer_unit_price, on_demand_price, windows_licence,
};
use crate::rules::{self, WindowsFargatePrice};
use crate::scenario::{Architecture, OperatingSystem};

/// Region whose price is used for the small items that have none in the scenario's region.
const FALLBACK_REGION: &str = "us-east-1";

/// Date and code of the table of Windows licences.
const WINDOWS_LICENCE_DATE: &str = "2023-08-30";

/// What a scenario can use and must therefore have a price.
#[derive(Clone, Debug)]
pub struct PriceNeeds<'a> {
    /// Instance types with their operating systems.
    pub instances: Vec<(&'a str, OperatingSystem)>,
    /// Kinds of Fargate tasks; the last part says whether they run on Fargate Spot.
    pub fargate: Vec<(OperatingSystem, Architecture, bool)>,
    /// Whether a Fargate task has more than the included ephemeral storage.
    pub ephemeral_storage: bool,
    /// Whether instances have volumes.
    pub volumes: bool,
    /// Whether there are load balancers.
    pub load_balancers: bool,
    /// Price entry of Windows tasks, from the rule set.
    pub windows_fargate_price: WindowsFargatePrice,
}

impl Default for PriceNeeds<'_> {
    /// Nothing, under the newest rules.
    fn default() -> Self {
        Self {
            instances: Vec::new(),
            fargate: Vec::new(),
            ephemeral_storage: false,
            volumes: false,
            load_balancers: false,
            windows_fargate_price: rules::newest().windows_fargate_price,
        }
    }
}

/// Rates of a kind of Fargate task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FargateRates {
    /// Per vCPU and hour.
    pub vcpu_hour: HourlyRate,
    /// Per GB of memory and hour.
    pub gb_hour: HourlyRate,
    /// Licence per vCPU and hour, on top.
    pub os_license_vcpu_hour: Option<HourlyRate>,
}

/// Where a rate comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Origin {
    /// The catalogue has it for the region.
    Stated {
        as_of: &'static str,
        source: &'static str,
    },
    /// Derived from the us-east-1 price.
    Derived {
        as_of: &'static str,
        source: &'static str,
    },
    /// The price of us-east-1 stands in for the region's, wholly or in part.
    OtherRegion {
        as_of: &'static str,
        source: &'static str,
    },
    /// Given by the scenario.
    Given,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Priced<Rate> {
    rate: Rate,
    origin: Origin,
}

/// Prices of everything a scenario can use, in one region at one date.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriceBook {
    region: String,
    instances: BTreeMap<(String, OperatingSystem), Priced<HourlyRate>>,
    fargate: BTreeMap<(OperatingSystem, Architecture, bool), Priced<FargateRates>>,
    ephemeral_storage: Option<Priced<HourlyRate>>,
    volume: Option<Priced<MonthlyRate>>,
    load_balancer: Option<Priced<HourlyRate>>,
    load_balancer_unit: Option<Priced<HourlyRate>>,
}

/// A price that neither the catalogue nor the scenario has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MissingPrice {
    /// What has no price, for example `` `m9g.large` with Linux ``.
    pub item: String,
    /// The region.
    pub region: String,
    /// Regions for which the catalogue has the price.
    pub known_in: Vec<&'static str>,
}

impl fmt::Display for MissingPrice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no price of {} in `{}`", self.item, self.region)?;
        if self.known_in.is_empty() {
            return f.write_str("; give one in the scenario");
        }
        write!(
            f,
            "; known in {}; or give one in the scenario",
            self.known_in.join(", ")
        )
    }
}

impl std::error::Error for MissingPrice {}

/// A rate of the book in words, for reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceEntry {
    /// What is priced.
    pub item: String,
    /// Decimal in USD.
    pub rate: String,
    /// What the rate is per, for example `vCPU-Hours`.
    pub unit: &'static str,
    /// Source code as in [`catalog`], or `scenario`.
    pub source: &'static str,
    /// Date of the source; empty for a rate of the scenario.
    pub as_of: &'static str,
}

impl PriceBook {
    /// The prices of `needs` in `region`, from the catalogue.
    ///
    /// # Errors
    /// All prices that are missing. Use [`from_catalogue`](Self::from_catalogue), the `set_` methods
    /// and [`missing`](Self::missing) if the scenario brings prices of its own.
    pub fn for_region(region: &str, needs: &PriceNeeds<'_>) -> Result<Self, Vec<MissingPrice>> {
        let book = Self::from_catalogue(region, needs);
        let missing = book.missing(needs);
        if missing.is_empty() {
            Ok(book)
        } else {
            Err(missing)
        }
    }

    /// Those prices of `needs` in `region` that the catalogue has.
    ///
    /// Load balancers, volumes and ephemeral storage take the price of us-east-1 where the region's is
    /// not known; [`warnings`](Self::warnings) says so.
    pub fn from_catalogue(region: &str, needs: &PriceNeeds<'_>) -> Self {
        let mut book = Self {
            region: region.to_owned(),
            ..Self::default()
        };
        for &(name, operating_system) in &needs.instances {
            if let Some(priced) = instance_rate(name, operating_system, region) {
                book.instances
                    .insert((name.to_owned(), operating_system), priced);
            }
        }
        for &(operating_system, architecture, spot) in &needs.fargate {
            let entry = needs.windows_fargate_price;
            let priced = fargate_rates(region, operating_system, architecture, spot, entry);
            if let Some(priced) = priced {
                book.fargate
                    .insert((operating_system, architecture, spot), priced);
            }
        }
        if needs.ephemeral_storage {
            book.ephemeral_storage = or_fallback(region, ephemeral_price);
        }
        if needs.volumes {
            book.volume = or_fallback(region, gp3_price);
        }
        if needs.load_balancers {
            book.load_balancer = or_fallback(region, load_balancer_price);
            book.load_balancer_unit = or_fallback(region, load_balancer_unit_price);
        }
        book
    }

    /// Prices of `needs` that the book does not have, in the order of `needs`.
    pub fn missing(&self, needs: &PriceNeeds<'_>) -> Vec<MissingPrice> {
        let mut missing: Vec<MissingPrice> = Vec::new();
        for &(name, operating_system) in &needs.instances {
            if self.instance_rate(name, operating_system).is_none() {
                missing.push(self.missing_instance(name, operating_system));
            }
        }
        for &(operating_system, architecture, spot) in &needs.fargate {
            if self
                .fargate_rates(operating_system, architecture, spot)
                .is_none()
            {
                missing.push(self.missing_fargate(operating_system, architecture, spot));
            }
        }
        let others = [
            (
                needs.ephemeral_storage,
                self.ephemeral_storage.is_some(),
                EPHEMERAL_STORAGE,
            ),
            (needs.volumes, self.volume.is_some(), VOLUME),
            (
                needs.load_balancers,
                self.load_balancer.is_some(),
                LOAD_BALANCER,
            ),
            (
                needs.load_balancers,
                self.load_balancer_unit.is_some(),
                LOAD_BALANCER_UNIT,
            ),
        ];
        for (needed, present, item) in others {
            if needed && !present {
                missing.push(self.missing_item(item));
            }
        }
        missing
    }

    /// The region.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Dates of the catalogue's prices in the book: one date, `first to last`, or empty if there are
    /// none. Undated prices do not count; [`warnings`](Self::warnings) names them.
    pub fn date(&self) -> String {
        let entries = self.entries();
        let dates = || {
            entries
                .iter()
                .map(|it| it.as_of)
                .filter(|it| it.starts_with("20"))
        };
        match (dates().min(), dates().max()) {
            (Some(first), Some(last)) if first < last => format!("{first} to {last}"),
            (Some(only), _) => only.to_owned(),
            (None, _) => String::new(),
        }
    }

    /// What the user should know about the prices, in a stable order.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let region = &self.region;
        self.visit(|item, origin, _| {
            let (as_of, remark) = match origin {
                Origin::Given => return,
                Origin::Stated { as_of, .. } => (as_of, None),
                Origin::Derived { as_of, .. } => (
                    as_of,
                    Some("is derived from the us-east-1 price, to about 1 %".to_owned()),
                ),
                Origin::OtherRegion { as_of, .. } => (
                    as_of,
                    Some(format!("is not known; that of `{FALLBACK_REGION}` is used")),
                ),
            };
            if let Some(remark) = remark {
                warnings.push(format!("the price of {item} in `{region}` {remark}"));
            }
            if *as_of == "undated" {
                warnings.push(format!(
                    "the price of {item} in `{region}` comes without a date"
                ));
            }
        });
        warnings
    }

    /// Every rate of the book in a stable order.
    pub fn entries(&self) -> Vec<PriceEntry> {
        let mut entries = Vec::new();
        self.visit(|item, origin, rates| {
            let (source, as_of) = match origin {
                Origin::Given => ("scenario", ""),
                Origin::Stated { as_of, source }
                | Origin::Derived { as_of, source }
                | Origin::OtherRegion { as_of, source } => (*source, *as_of),
            };
            for (rate, unit) in rates {
                let (rate, unit) = (rate.clone(), *unit);
                entries.push(PriceEntry {
                    item: item.to_owned(),
                    rate,
                    unit,
                    source,
                    as_of,
                });
            }
        });
        entries
    }

    /// Rate of an instance with its licence, per hour.
    pub fn instance_rate(
        &self,
        instance_type: &str,
        operating_system: OperatingSystem,
    ) -> Option<HourlyRate> {
        let key = (instance_type.to_owned(), operating_system);
        self.instances.get(&key).map(|priced| priced.rate)
    }

    /// Rates of a kind of Fargate task.
    pub fn fargate_rates(
        &self,
        operating_system: OperatingSystem,
        architecture: Architecture,
        spot: bool,
    ) -> Option<FargateRates> {
        let key = (operating_system, architecture, spot);
        self.fargate.get(&key).map(|priced| priced.rate)
    }

    /// Rate of ephemeral storage beyond the included 20 GiB, per GB and hour.
    pub fn ephemeral_storage_rate(&self) -> Option<HourlyRate> {
        self.ephemeral_storage.as_ref().map(|priced| priced.rate)
    }

    /// Rate of gp3 volumes per GB and month.
    pub fn volume_rate(&self) -> Option<MonthlyRate> {
        self.volume.as_ref().map(|priced| priced.rate)
    }

    /// Rate of a load balancer per hour.
    pub fn load_balancer_rate(&self) -> Option<HourlyRate> {
        self.load_balancer.as_ref().map(|priced| priced.rate)
    }

    /// Rate of a load balancer capacity unit per hour.
    pub fn load_balancer_unit_rate(&self) -> Option<HourlyRate> {
        self.load_balancer_unit.as_ref().map(|priced| priced.rate)
    }

    /// Replaces the rate of an instance type, licence included.
    pub fn set_instance_rate(
        &mut self,
        instance_type: &str,
        operating_system: OperatingSystem,
        rate: HourlyRate,
    ) {
        self.instances
            .insert((instance_type.to_owned(), operating_system), given(rate));
    }

    /// Replaces the rates of a kind of Fargate task.
    pub fn set_fargate_rates(
        &mut self,
        operating_system: OperatingSystem,
        architecture: Architecture,
        spot: bool,
        rates: FargateRates,
    ) {
        self.fargate
            .insert((operating_system, architecture, spot), given(rates));
    }

    /// Replaces the rate of ephemeral storage.
    pub fn set_ephemeral_storage_rate(&mut self, rate: HourlyRate) {
        self.ephemeral_storage = Some(given(rate));
    }

    /// Replaces the rate of volumes.
    pub fn set_volume_rate(&mut self, rate: MonthlyRate) {
        self.volume = Some(given(rate));
    }

    /// Replaces the hourly rate of load balancers.
    pub fn set_load_balancer_rate(&mut self, rate: HourlyRate) {
        self.load_balancer = Some(given(rate));
    }

    /// Replaces the rate of load balancer capacity units.
    pub fn set_load_balancer_unit_rate(&mut self, rate: HourlyRate) {
        self.load_balancer_unit = Some(given(rate));
    }

    /// The book with every rate multiplied by `factor`; origins and warnings stay.
    #[must_use]
    pub fn scaled(&self, factor: u32) -> Self {
        let mut book = self.clone();
        for priced in book.instances.values_mut() {
            priced.rate = priced.rate.times(factor);
        }
        for priced in book.fargate.values_mut() {
            priced.rate = FargateRates {
                vcpu_hour: priced.rate.vcpu_hour.times(factor),
                gb_hour: priced.rate.gb_hour.times(factor),
                os_license_vcpu_hour: priced.rate.os_license_vcpu_hour.map(|it| it.times(factor)),
            };
        }
        let hourly = [
            &mut book.ephemeral_storage,
            &mut book.load_balancer,
            &mut book.load_balancer_unit,
        ];
        for priced in hourly.into_iter().flatten() {
            priced.rate = priced.rate.times(factor);
        }
        if let Some(priced) = &mut book.volume {
            priced.rate = priced.rate.times(factor);
        }
        book
    }

    pub(super) fn missing_instance(
        &self,
        name: &str,
        operating_system: OperatingSystem,
    ) -> MissingPrice {
        let known = |region: &&&str| instance_rate(name, operating_system, region).is_some();
        MissingPrice {
            item: instance_item(name, operating_system),
            region: self.region.clone(),
            known_in: catalog::instance_price_regions()
                .iter()
                .filter(known)
                .copied()
                .collect(),
        }
    }

    pub(super) fn missing_fargate(
        &self,
        operating_system: OperatingSystem,
        architecture: Architecture,
        spot: bool,
    ) -> MissingPrice {
        let entry = WindowsFargatePrice::Offer2026;
        let known = |region: &&&str| {
            fargate_rates(region, operating_system, architecture, spot, entry).is_some()
        };
        MissingPrice {
            item: fargate_item(operating_system, architecture, spot),
            region: self.region.clone(),
            known_in: catalog::regions().iter().filter(known).copied().collect(),
        }
    }

    pub(super) fn missing_item(&self, item: &str) -> MissingPrice {
        MissingPrice {
            item: item.to_owned(),
            region: self.region.clone(),
            known_in: Vec::new(),
        }
    }

    /// Calls `each` with item, origin and rates (decimal, unit) of every entry.
    fn visit(&self, mut each: impl FnMut(&str, &Origin, &[(String, &'static str)])) {
        for ((name, operating_system), priced) in &self.instances {
            let item = instance_item(name, *operating_system);
            each(&item, &priced.origin, &[(priced.rate.to_string(), "Hours")]);
        }
        for ((operating_system, architecture, spot), priced) in &self.fargate {
            let item = fargate_item(*operating_system, *architecture, *spot);
            let mut rates = vec![
                (priced.rate.vcpu_hour.to_string(), "vCPU-Hours"),
                (priced.rate.gb_hour.to_string(), "GB-Hours"),
            ];
            if let Some(licence) = priced.rate.os_license_vcpu_hour {
                rates.push((licence.to_string(), "licence vCPU-Hours"));
            }
            each(&item, &priced.origin, &rates);
        }
        for (item, priced, unit) in [
            (EPHEMERAL_STORAGE, &self.ephemeral_storage, "GB-Hours"),
            (LOAD_BALANCER, &self.load_balancer, "Hours"),
            (LOAD_BALANCER_UNIT, &self.load_balancer_unit, "LCU-Hours"),
        ] {
            if let Some(priced) = priced {
                each(item, &priced.origin, &[(priced.rate.to_string(), unit)]);
            }
        }
        if let Some(priced) = &self.volume {
            each(
                VOLUME,
                &priced.origin,
                &[(priced.rate.to_string(), "GB-Months")],
            );
        }
    }
}

pub(super) const EPHEMERAL_STORAGE: &str = "Fargate ephemeral storage";
pub(super) const VOLUME: &str = "gp3 volumes";
pub(super) const LOAD_BALANCER: &str = "load balancer hours";
pub(super) const LOAD_BALANCER_UNIT: &str = "load balancer capacity units";

fn given<Rate>(rate: Rate) -> Priced<Rate> {
    Priced {
        rate,
        origin: Origin::Given,
    }
}

fn os_name(operating_system: OperatingSystem) -> &'static str {
    match operating_system {
        OperatingSystem::Linux => "Linux",
        OperatingSystem::Windows => "Windows",
    }
}

fn instance_item(name: &str, operating_system: OperatingSystem) -> String {
    format!("`{name}` with {}", os_name(operating_system))
}

fn fargate_item(
    operating_system: OperatingSystem,
    architecture: Architecture,
    spot: bool,
) -> String {
    let market = if spot { "Fargate Spot" } else { "Fargate" };
    let architecture = match architecture {
        Architecture::X86_64 => "X86_64",
        Architecture::Arm64 => "ARM64",
    };
    format!(
        "{market} with {} on {architecture}",
        os_name(operating_system)
    )
}

fn instance_rate(
    name: &str,
    operating_system: OperatingSystem,
    region: &str,
) -> Option<Priced<HourlyRate>> {
    let price = on_demand_price(name, region)?;
    let (as_of, source) = (price.as_of, price.source);
    match operating_system {
        OperatingSystem::Linux if price.derived => Some(Priced {
            rate: price.rate,
            origin: Origin::Derived { as_of, source },
        }),
        OperatingSystem::Linux => Some(Priced {
            rate: price.rate,
            origin: Origin::Stated { as_of, source },
        }),
        OperatingSystem::Windows => {
            let licence = windows_licence(catalog::instance_type(name)?)?;
            let as_of = WINDOWS_LICENCE_DATE.min(as_of);
            let origin = if price.derived {
                Origin::Derived { as_of, source }
            } else if region == FALLBACK_REGION {
                Origin::Stated { as_of, source }
            } else {
                // The licence was read for us-east-1 only.
                Origin::OtherRegion { as_of, source }
            };
            Some(Priced {
                rate: price.rate.plus(licence),
                origin,
            })
        }
    }
}

fn fargate_rates(
    region: &str,
    operating_system: OperatingSystem,
    architecture: Architecture,
    spot: bool,
    entry: WindowsFargatePrice,
) -> Option<Priced<FargateRates>> {
    let price = dated_fargate_price(region, operating_system, architecture, entry)?;
    let rate = if spot {
        FargateRates {
            vcpu_hour: price.spot_vcpu_hour?,
            gb_hour: price.spot_gb_hour?,
            os_license_vcpu_hour: price.os_license_vcpu_hour,
        }
    } else {
        FargateRates {
            vcpu_hour: price.vcpu_hour,
            gb_hour: price.gb_hour,
            os_license_vcpu_hour: price.os_license_vcpu_hour,
        }
    };
    let origin = Origin::Stated {
        as_of: price.as_of,
        source: price.source,
    };
    Some(Priced { rate, origin })
}

fn ephemeral_price(region: &str) -> Option<DatedRate<HourlyRate>> {
    // The price does not depend on the architecture, and x86 rows are the more complete ones.
    let price = catalog::fargate_price(region, OperatingSystem::Linux, Architecture::X86_64)?;
    let rate = price.ephemeral_gb_hour?;
    Some(DatedRate {
        rate,
        as_of: price.as_of,
        source: price.source,
    })
}

fn or_fallback<Rate>(
    region: &str,
    price: impl Fn(&str) -> Option<DatedRate<Rate>>,
) -> Option<Priced<Rate>> {
    if let Some(DatedRate {
        rate,
        as_of,
        source,
    }) = price(region)
    {
        return Some(Priced {
            rate,
            origin: Origin::Stated { as_of, source },
        });
    }
    let DatedRate {
        rate,
        as_of,
        source,
    } = price(FALLBACK_REGION)?;
    Some(Priced {
        rate,
        origin: Origin::OtherRegion { as_of, source },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use Architecture::{Arm64, X86_64};
    use OperatingSystem::{Linux, Windows};

    fn needs() -> PriceNeeds<'static> {
        PriceNeeds {
            instances: vec![("m5.large", Linux), ("m5.large", Windows)],
            fargate: vec![(Linux, X86_64, false), (Linux, X86_64, true)],
            ephemeral_storage: true,
            volumes: true,
            load_balancers: true,
            ..PriceNeeds::default()
        }
    }

    fn usd(text: &str) -> HourlyRate {
        HourlyRate::parse(text).expect(text)
    }

    #[test]
    fn us_east_1_has_everything_without_warnings() {
        let book = PriceBook::for_region("us-east-1", &needs()).expect("all prices known");
        assert_eq!(book.warnings(), Vec::<String>::new());
        assert_eq!(book.instance_rate("m5.large", Linux), Some(usd("0.096")));
        assert_eq!(book.instance_rate("m5.large", Windows), Some(usd("0.188")));
        let spot = book.fargate_rates(Linux, X86_64, true).expect("known");
        assert_eq!(
            (spot.vcpu_hour, spot.gb_hour),
            (usd("0.01288561"), usd("0.00141493"))
        );
        assert_eq!(
            book.volume_rate().map(MonthlyRate::as_ten_billionths),
            Some(800_000_000)
        );
        assert_eq!(book.load_balancer_rate(), Some(usd("0.0225")));
        assert_eq!(book.load_balancer_unit_rate(), Some(usd("0.008")));
        assert_eq!(book.ephemeral_storage_rate(), Some(usd("0.000111")));
        assert_eq!(book.date(), "2023-08-30 to 2026-09-29");
        assert_eq!(book.entries().len(), 2 + 4 + 4);
    }

    #[test]
    fn prices_of_another_region_come_with_a_warning() {
        let needs = PriceNeeds {
            instances: vec![("m5.large", Linux)],
            ..needs()
        };
        let book = PriceBook::for_region("eu-west-1", &needs).expect("all prices known");
        assert_eq!(book.instance_rate("m5.large", Linux), Some(usd("0.107")));
        assert_eq!(book.load_balancer_rate(), Some(usd("0.0252")));
        assert_eq!(
            book.warnings(),
            [
                "the price of Fargate ephemeral storage in `eu-west-1` is not known; \
                 that of `us-east-1` is used",
                "the price of load balancer capacity units in `eu-west-1` is not known; \
                 that of `us-east-1` is used",
            ]
        );
    }

    #[test]
    fn derived_and_undated_prices_are_named() {
        let derived = catalog::instance_types()
            .iter()
            .find(|it| on_demand_price(it.name, "eu-west-1").is_some_and(|price| price.derived))
            .expect("the catalogue derives some");
        let needs = PriceNeeds {
            instances: vec![(derived.name, Linux)],
            fargate: vec![(Linux, Arm64, false)],
            ..PriceNeeds::default()
        };
        let warnings = PriceBook::from_catalogue("eu-west-1", &needs).warnings();
        assert_eq!(warnings.len(), 1);
        assert!(warnings[0].contains(derived.name) && warnings[0].contains("derived"));
        let warnings = PriceBook::from_catalogue("eu-central-1", &needs).warnings();
        assert!(
            warnings
                .last()
                .expect("one")
                .ends_with("comes without a date"),
            "{warnings:?}"
        );
    }

    #[test]
    fn missing_prices_are_listed_together() {
        let needs = PriceNeeds {
            instances: vec![
                ("m5.larg", Linux),
                ("m9g.large", Linux),
                ("m5.large", Linux),
            ],
            fargate: vec![(Windows, X86_64, true), (Linux, Arm64, false)],
            ..PriceNeeds::default()
        };
        let missing = PriceBook::for_region("us-west-2", &needs).expect_err("four are missing");
        let texts: Vec<String> = missing.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts[0],
            "no price of `m5.larg` with Linux in `us-west-2`; give one in the scenario"
        );
        assert_eq!(
            texts[1],
            "no price of `m9g.large` with Linux in `us-west-2`; known in us-east-1; \
             or give one in the scenario"
        );
        assert!(texts[2].starts_with("no price of Fargate Spot with Windows on X86_64"));
        assert!(
            texts[3].contains("ap-northeast-1, ap-northeast-2"),
            "{}",
            texts[3]
        );
        assert_eq!(texts.len(), 4);
    }

    #[test]
    fn the_scenario_can_bring_every_price() {
        let needs = PriceNeeds {
            instances: vec![("x99.large", Linux)],
            fargate: vec![(Linux, Arm64, true)],
            ..needs()
        };
        let mut book = PriceBook::from_catalogue("mars-north-1", &needs);
        assert_eq!(book.missing(&needs).len(), 2);
        book.set_instance_rate("x99.large", Linux, usd("1.5"));
        let rates = FargateRates {
            vcpu_hour: usd("2"),
            gb_hour: usd("3"),
            os_license_vcpu_hour: None,
        };
        book.set_fargate_rates(Linux, Arm64, true, rates);
        book.set_ephemeral_storage_rate(usd("4"));
        book.set_volume_rate(MonthlyRate::parse("5").expect("a price"));
        book.set_load_balancer_rate(usd("6"));
        book.set_load_balancer_unit_rate(usd("7"));
        assert_eq!(book.missing(&needs), []);
        assert_eq!(book.warnings(), Vec::<String>::new());
        assert_eq!(book.date(), "");
        assert_eq!(book.instance_rate("x99.large", Linux), Some(usd("1.5")));
        let all: Vec<String> = book.entries().into_iter().map(|entry| entry.rate).collect();
        assert_eq!(all, ["1.5", "2", "3", "4", "6", "7", "5"]);
        let doubled: Vec<String> = book
            .scaled(2)
            .entries()
            .into_iter()
            .map(|entry| entry.rate)
            .collect();
        assert_eq!(doubled, ["3", "4", "6", "8", "12", "14", "10"]);
    }
}

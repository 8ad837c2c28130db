//! Which rate applies to what, and where the rate comes from.

use std::collections::BTreeMap;
use std::fmt;

use crate::catalog::{
    self, HourlyRate, MonthlyRate, gp3_price, load_balancer_price, load_balancer_unit_price,
    network_unit_price,
};
use crate::rules::{self, WindowsFargatePrice};
use crate::scenario::{Architecture, OperatingSystem};

use super::price_source::{
    EPHEMERAL_STORAGE, FALLBACK_REGION, FargateRates, LOAD_BALANCER, LOAD_BALANCER_UNIT,
    NETWORK_UNIT, Origin, Priced, VOLUME, ephemeral_price, fargate_item, fargate_rates, given,
    instance_item, instance_rate, or_fallback,
};

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
    /// Whether there are Application Load Balancers.
    pub load_balancers: bool,
    /// Whether there are Network Load Balancers.
    pub network_load_balancers: bool,
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
            network_load_balancers: false,
            windows_fargate_price: rules::newest().windows_fargate_price,
        }
    }
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
    network_unit: Option<Priced<HourlyRate>>,
    /// Fee of Managed Instances in thousandths of the On-Demand price, if the scenario gives one.
    managed_fee_permille: Option<u32>,
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
        write!(f, "; known in {}; or give one in the scenario", self.known_in.join(", "))
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
        if missing.is_empty() { Ok(book) } else { Err(missing) }
    }

    /// Those prices of `needs` in `region` that the catalogue has.
    ///
    /// Load balancers, volumes and ephemeral storage take the price of us-east-1 where the region's is
    /// not known; [`warnings`](Self::warnings) says so.
    pub fn from_catalogue(region: &str, needs: &PriceNeeds<'_>) -> Self {
        let mut book = Self { region: region.to_owned(), ..Self::default() };
        for &(name, operating_system) in &needs.instances {
            if let Some(priced) = instance_rate(name, operating_system, region) {
                book.instances.insert((name.to_owned(), operating_system), priced);
            }
        }
        for &(operating_system, architecture, spot) in &needs.fargate {
            let entry = needs.windows_fargate_price;
            let priced = fargate_rates(region, operating_system, architecture, spot, entry);
            if let Some(priced) = priced {
                book.fargate.insert((operating_system, architecture, spot), priced);
            }
        }
        if needs.ephemeral_storage {
            book.ephemeral_storage = or_fallback(region, ephemeral_price);
        }
        if needs.volumes {
            book.volume = or_fallback(region, gp3_price);
        }
        if needs.load_balancers || needs.network_load_balancers {
            book.load_balancer = or_fallback(region, load_balancer_price);
        }
        if needs.load_balancers {
            book.load_balancer_unit = or_fallback(region, load_balancer_unit_price);
        }
        if needs.network_load_balancers {
            book.network_unit = or_fallback(region, network_unit_price);
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
            if self.fargate_rates(operating_system, architecture, spot).is_none() {
                missing.push(self.missing_fargate(operating_system, architecture, spot));
            }
        }
        let others = [
            (needs.ephemeral_storage, self.ephemeral_storage.is_some(), EPHEMERAL_STORAGE),
            (needs.volumes, self.volume.is_some(), VOLUME),
            (
                needs.load_balancers || needs.network_load_balancers,
                self.load_balancer.is_some(),
                LOAD_BALANCER,
            ),
            (needs.load_balancers, self.load_balancer_unit.is_some(), LOAD_BALANCER_UNIT),
            (needs.network_load_balancers, self.network_unit.is_some(), NETWORK_UNIT),
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
        let dates = || entries.iter().map(|it| it.as_of).filter(|it| it.starts_with("20"));
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
                Origin::Derived { as_of, .. } => {
                    (as_of, Some("is derived from the us-east-1 price, to about 1 %".to_owned()))
                }
                Origin::OtherRegion { as_of, .. } => {
                    (as_of, Some(format!("is not known; that of `{FALLBACK_REGION}` is used")))
                }
            };
            if let Some(remark) = remark {
                warnings.push(format!("the price of {item} in `{region}` {remark}"));
            }
            if *as_of == "undated" {
                warnings.push(format!("the price of {item} in `{region}` comes without a date"));
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
                entries.push(PriceEntry { item: item.to_owned(), rate, unit, source, as_of });
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

    /// Fee of a managed instance per hour: a share of its On-Demand price, however it was bought.
    ///
    /// 12 %, inferred from the one published rate (`c6a.2xlarge`, 0.037); cut by 35 % for the G series and by 60 %
    /// for the P series and Trainium from 2026-07-01 on.
    pub fn managed_instance_fee(
        &self,
        instance_type: &str,
        operating_system: OperatingSystem,
    ) -> Option<HourlyRate> {
        let rate = self.instance_rate(instance_type, operating_system)?;
        let series = catalog::TypeName::parse(instance_type).map_or("", |it| it.series);
        let permille = self.managed_fee_permille.unwrap_or(match series {
            "g" | "gr" => 78,
            "p" | "trn" => 48,
            _ => 120,
        });
        let fee = u128::from(rate.as_ten_billionths()) * u128::from(permille);
        let rounded = (fee + 500) / 1000;
        Some(HourlyRate::from_ten_billionths(u64::try_from(rounded).unwrap_or(u64::MAX)))
    }

    /// Replaces the fee of Managed Instances by thousandths of the On-Demand price.
    pub fn set_managed_fee(&mut self, permille: u32) {
        self.managed_fee_permille = Some(permille);
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

    /// Rate of a capacity unit of Network Load Balancers per hour.
    pub fn network_unit_rate(&self) -> Option<HourlyRate> {
        self.network_unit.as_ref().map(|priced| priced.rate)
    }

    /// Replaces the rate of an instance type, licence included.
    pub fn set_instance_rate(
        &mut self,
        instance_type: &str,
        operating_system: OperatingSystem,
        rate: HourlyRate,
    ) {
        self.instances.insert((instance_type.to_owned(), operating_system), given(rate));
    }

    /// Replaces the rates of a kind of Fargate task.
    pub fn set_fargate_rates(
        &mut self,
        operating_system: OperatingSystem,
        architecture: Architecture,
        spot: bool,
        rates: FargateRates,
    ) {
        self.fargate.insert((operating_system, architecture, spot), given(rates));
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

    /// Replaces the rate of capacity units of Network Load Balancers.
    pub fn set_network_unit_rate(&mut self, rate: HourlyRate) {
        self.network_unit = Some(given(rate));
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
            &mut book.network_unit,
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
            known_in: catalog::instance_price_regions().iter().filter(known).copied().collect(),
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
        MissingPrice { item: item.to_owned(), region: self.region.clone(), known_in: Vec::new() }
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
            (NETWORK_UNIT, &self.network_unit, "LCU-Hours"),
        ] {
            if let Some(priced) = priced {
                each(item, &priced.origin, &[(priced.rate.to_string(), unit)]);
            }
        }
        if let Some(priced) = &self.volume {
            each(VOLUME, &priced.origin, &[(priced.rate.to_string(), "GB-Months")]);
        }
    }
}

//! Where the rates of a price book come from: the catalogue, another region, or the scenario.

use crate::catalog::{
    self, DatedRate, HourlyRate, dated_fargate_price, on_demand_price, windows_licence,
};
use crate::rules::WindowsFargatePrice;
use crate::scenario::{Architecture, OperatingSystem};

/// Region whose price is used for the small items that have none in the scenario's region.
pub(super) const FALLBACK_REGION: &str = "us-east-1";

/// Date and code of the table of Windows licences.
const WINDOWS_LICENCE_DATE: &str = "2023-08-30";

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
pub(super) enum Origin {
    /// The catalogue has it for the region.
    Stated { as_of: &'static str, source: &'static str },
    /// Derived from the us-east-1 price.
    Derived { as_of: &'static str, source: &'static str },
    /// The price of us-east-1 stands in for the region's, wholly or in part.
    OtherRegion { as_of: &'static str, source: &'static str },
    /// Given by the scenario.
    Given,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Priced<Rate> {
    pub(super) rate: Rate,
    pub(super) origin: Origin,
}

pub(super) const EPHEMERAL_STORAGE: &str = "Fargate ephemeral storage";
pub(super) const VOLUME: &str = "gp3 volumes";
pub(super) const LOAD_BALANCER: &str = "load balancer hours";
pub(super) const LOAD_BALANCER_UNIT: &str = "load balancer capacity units";
pub(super) const NETWORK_UNIT: &str = "network load balancer capacity units";

pub(super) fn given<Rate>(rate: Rate) -> Priced<Rate> {
    Priced { rate, origin: Origin::Given }
}

fn os_name(operating_system: OperatingSystem) -> &'static str {
    match operating_system {
        OperatingSystem::Linux => "Linux",
        OperatingSystem::Windows => "Windows",
    }
}

pub(super) fn instance_item(name: &str, operating_system: OperatingSystem) -> String {
    format!("`{name}` with {}", os_name(operating_system))
}

pub(super) fn fargate_item(
    operating_system: OperatingSystem,
    architecture: Architecture,
    spot: bool,
) -> String {
    let market = if spot { "Fargate Spot" } else { "Fargate" };
    let architecture = match architecture {
        Architecture::X86_64 => "X86_64",
        Architecture::Arm64 => "ARM64",
    };
    format!("{market} with {} on {architecture}", os_name(operating_system))
}

pub(super) fn instance_rate(
    name: &str,
    operating_system: OperatingSystem,
    region: &str,
) -> Option<Priced<HourlyRate>> {
    let price = on_demand_price(name, region)?;
    let (as_of, source) = (price.as_of, price.source);
    match operating_system {
        OperatingSystem::Linux if price.derived => {
            Some(Priced { rate: price.rate, origin: Origin::Derived { as_of, source } })
        }
        OperatingSystem::Linux => {
            Some(Priced { rate: price.rate, origin: Origin::Stated { as_of, source } })
        }
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
            Some(Priced { rate: price.rate.plus(licence), origin })
        }
    }
}

pub(super) fn fargate_rates(
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
    let origin = Origin::Stated { as_of: price.as_of, source: price.source };
    Some(Priced { rate, origin })
}

pub(super) fn ephemeral_price(region: &str) -> Option<DatedRate<HourlyRate>> {
    // The price does not depend on the architecture, and x86 rows are the more complete ones.
    let price = catalog::fargate_price(region, OperatingSystem::Linux, Architecture::X86_64)?;
    let rate = price.ephemeral_gb_hour?;
    Some(DatedRate { rate, as_of: price.as_of, source: price.source })
}

pub(super) fn or_fallback<Rate>(
    region: &str,
    price: impl Fn(&str) -> Option<DatedRate<Rate>>,
) -> Option<Priced<Rate>> {
    if let Some(DatedRate { rate, as_of, source }) = price(region) {
        return Some(Priced { rate, origin: Origin::Stated { as_of, source } });
    }
    let DatedRate { rate, as_of, source } = price(FALLBACK_REGION)?;
    Some(Priced { rate, origin: Origin::OtherRegion { as_of, source } })
}

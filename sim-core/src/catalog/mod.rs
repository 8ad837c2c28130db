//! Facts: instance types, network limits, prices, Fargate sizes.
//!
//! The tables under `data/` are written by `cargo run --example refresh_catalog` and embedded in the
//! crate; they are parsed once, on first use. Every price names its source and the source's date:
//!
//! | code | what was read | date |
//! | --- | --- | --- |
//! | `K` | generated price table of the Karpenter AWS provider (us-east-1 only) | 2026-07-20 |
//! | `C` | generated resource table of cortexlabs/cortex, shared tenancy, 23 regions | 2022-09-03 |
//! | `L` | EC2 prices of apache-libcloud 3.9.1, after a consensus filter | 2025-03-02 |
//! | `C+L` | `C` and `L` state the same price | 2025-03-02 |
//! | `D` | derived: us-east-1 price × the family's ratio in that region | 2026-07-20 |
//! | `FGC` | theuves/fgcalc: AmazonECS offer of 2026-09-11 and the Fargate Spot feed | in the row |
//! | `N1`–`N13` | public notes that quote the Price List with a date | in the row |
//!
//! Attributes of instance types come from a dump of `DescribeInstanceTypes` of 2026-10-27, limits of
//! network interfaces also from the VPC resource controller's table of 2026-08-06.
//!
//! *Why are derived prices used at all?* A family and region without a stated price would otherwise
//! stop a scenario that is off by less than 1 % (2 492 of 2 699 predictions were exact to five
//! decimals). They are marked, and a price book that uses one carries a warning.
//!
//! # Example
//!
//! ```
//! use plimsoll_core::catalog;
//!
//! let m5 = catalog::instance_type("m5.large").expect("a type of the catalogue");
//! assert_eq!((m5.vcpu, m5.memory.as_mib()), (2, 8192));
//! let price = catalog::on_demand_price("m5.large", "eu-west-1").expect("a stated price");
//! assert_eq!(price.rate.to_string(), "0.107");
//! ```

mod fargate_prices;
mod fargate_sizes;
mod instance_prices;
mod instance_types;
mod naming;
mod rate;
mod regional_prices;
mod registration;
mod table;

use std::sync::OnceLock;

pub use fargate_prices::{FargatePrice, dated_fargate_price, fargate_price};
pub use fargate_sizes::{
    FargateSize, FargateSizeError, INCLUDED_EPHEMERAL_GIB, MAX_EPHEMERAL_GIB, fargate_sizes,
    validate_fargate_size,
};
pub use instance_prices::{InstancePrice, on_demand_price, windows_licence};
pub use instance_types::{Hypervisor, InstanceType, instance_type, instance_types};
pub use naming::{
    AcceleratorManufacturer, AcceleratorType, Accelerators, CpuManufacturer, Generation, TypeName,
    matches_pattern,
};
pub use rate::{HourlyRate, MonthlyRate, PRICE_DECIMALS, RateError};
pub use regional_prices::{
    DatedRate, gp3_price, load_balancer_price, load_balancer_unit_price, network_unit_price,
};
pub use registration::{awsvpc_task_limit, registered_memory, registered_memory_of_host};

/// Regions for which the catalogue has any price, sorted.
pub fn regions() -> &'static [&'static str] {
    static REGIONS: OnceLock<Vec<&'static str>> = OnceLock::new();
    REGIONS.get_or_init(|| {
        let mut regions: Vec<&'static str> = instance_price_regions().to_vec();
        regions.extend(fargate_prices::all().iter().map(|row| row.region));
        regions.sort_unstable();
        regions.dedup();
        regions
    })
}

/// Regions for which the catalogue has prices of instances, sorted.
pub fn instance_price_regions() -> &'static [&'static str] {
    instance_prices::regions()
}

/// Three names of availability zones: the region's name followed by `a`, `b` and `c`.
///
/// A convention, not a fact: which letters an account sees differs between accounts and regions.
pub fn default_zones(region: &str) -> [String; 3] {
    ["a", "b", "c"].map(|letter| format!("{region}{letter}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_sorted_and_contain_both_tables() {
        let regions = regions();
        assert!(regions.is_sorted());
        assert_eq!(regions.len(), 22, "all regions with instance prices have Fargate prices");
        assert_eq!(instance_price_regions().len(), 8);
        for region in instance_price_regions() {
            assert!(regions.contains(region), "{region}");
        }
    }

    #[test]
    fn default_zones_append_letters() {
        assert_eq!(default_zones("eu-west-1"), ["eu-west-1a", "eu-west-1b", "eu-west-1c"]);
    }
}

//! Worked vectors of the pricing specification, and laws that hold for every bill.

mod laws;
mod meter;
mod price_book;
mod vectors;

use super::*;
use crate::scenario::Architecture::{Arm64, X86_64};
use crate::scenario::OperatingSystem::{Linux, Windows};
use crate::scenario::TargetProtocol;
use crate::units::{SimDuration, SimTime};

/// Everything the vectors use.
fn needs() -> PriceNeeds<'static> {
    PriceNeeds {
        instances: vec![("m5.large", Linux), ("m5.large", Windows), ("c5.large", Linux)],
        fargate: vec![
            (Linux, X86_64, false),
            (Linux, X86_64, true),
            (Linux, Arm64, false),
            (Windows, X86_64, false),
        ],
        ephemeral_storage: true,
        volumes: true,
        load_balancers: true,
        network_load_balancers: true,
        ..PriceNeeds::default()
    }
}

fn virginia() -> PriceBook {
    PriceBook::for_region("us-east-1", &needs()).expect("all prices are known")
}

/// A task of `cpu` units and `memory` MiB that lives `millis` ms from the start of the run.
fn task(cpu: u64, memory: u64, millis: u64) -> FargateUsage<'static> {
    FargateUsage {
        owner: "api",
        operating_system: Linux,
        architecture: X86_64,
        spot: false,
        cpu_units: cpu,
        memory_mib: memory,
        ephemeral_gib: 20,
        from: SimTime::ZERO,
        until: SimTime::ZERO + SimDuration::from_millis(millis),
        complete: true,
    }
}

/// What holds for every invoice.
#[track_caller]
fn check_laws(invoice: &Invoice) {
    let sum: i128 = invoice.lines.iter().map(|line| line.amount).sum();
    assert_eq!(sum, invoice.total, "the lines add up");
    assert_eq!(invoice.lines.iter().map(BillLine::exact).sum::<Cost>(), invoice.exact);
    for line in &invoice.lines {
        // |amount − price × count / denominator| ≤ 1, in integers.
        let denominator = line.quantity.unit.denominator() as i128;
        let exact = i128::from(line.unit_price) * line.quantity.count as i128;
        assert!((line.amount * denominator - exact).abs() <= denominator, "{line:?}");
        assert!(line.amount >= 0);
        assert!(line.quantity.count > 0);
        assert_eq!(line.period_start % 3600, 0);
        assert_eq!(line.period_end, line.period_start + 3600);
    }
    let by_category: i128 = invoice.total_by_category().iter().map(|(_, sum)| sum).sum();
    let by_owner: i128 = invoice.total_by_owner().iter().map(|(_, sum)| sum).sum();
    let by_hour: i128 = invoice.hourly_by_category().iter().flat_map(|hour| hour.by_category).sum();
    assert_eq!([by_category, by_owner, by_hour], [invoice.total; 3]);
}

fn balancer_hour(hour: u64) -> LoadBalancerHour<'static> {
    LoadBalancerHour {
        load_balancer: "public",
        owner: "api",
        protocol: TargetProtocol::Http,
        hour,
        new_connections: 0,
        active_connection_seconds: 0,
        bytes: 0,
        requests: 0,
        rules_processed: 0,
    }
}

const GIB: u64 = 1 << 30;

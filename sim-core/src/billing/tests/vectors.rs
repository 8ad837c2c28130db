//! Worked vectors of the pricing specification, named as there.

use super::*;
use crate::scenario::OperatingSystem;

/// Bills one task and compares with billed seconds, exact USD and the decimal of the specification.
#[track_caller]
fn check_task(
    prices: &PriceBook,
    usage: &FargateUsage<'_>,
    billed: u64,
    (numerator, denominator): (u64, u64),
    decimal: &str,
) {
    let mut meter = Meter::new(0);
    assert_eq!(meter.fargate_task(usage), billed);
    check_invoice(&meter.finish(prices), (numerator, denominator), decimal);
}

#[track_caller]
fn check_invoice(invoice: &Invoice, (numerator, denominator): (u64, u64), decimal: &str) {
    assert_eq!(invoice.unpriced, []);
    assert!(invoice.exact.is_exactly(numerator, denominator), "{:?}", invoice.exact);
    // The specification prints twelve decimals, the bill ten.
    let printed: f64 = format_usd(invoice.total).parse().expect("a decimal");
    let expected: f64 = decimal.parse().expect("a decimal");
    assert!((printed - expected).abs() <= 0.51e-10 + expected * 1e-15, "{printed} {expected}");
    check_laws(invoice);
}

#[test]
fn f1_half_vcpu_for_ten_minutes() {
    check_task(&virginia(), &task(512, 1024, 600_000), 600, (4937, 1_200_000), "0.004114166667");
}

#[test]
fn f2_less_than_a_minute_counts_as_one() {
    check_task(&virginia(), &task(256, 512, 45_000), 60, (4937, 24_000_000), "0.000205708333");
}

#[test]
fn f3_a_millisecond_more_is_a_second_more() {
    let usd = (301_157, 1_440_000_000);
    check_task(&virginia(), &task(256, 512, 60_001), 61, usd, "0.000209136806");
}

#[test]
fn f4_storage_beyond_20_gib_is_billed() {
    let usage = FargateUsage { ephemeral_gib: 50, ..task(1024, 2048, 3_600_000) };
    check_task(&virginia(), &usage, 3600, (527, 10_000), "0.0527");
}

#[test]
fn f5_20_gib_are_included() {
    check_task(&virginia(), &task(1024, 2048, 3_600_000), 3600, (4937, 100_000), "0.04937");
}

#[test]
fn f6_arm() {
    let usage = FargateUsage { architecture: Arm64, ..task(512, 1024, 600_000) };
    check_task(&virginia(), &usage, 600, (79, 24_000), "0.003291666667");
}

#[test]
fn f7_windows_has_a_longer_minimum_and_a_licence() {
    let usage = FargateUsage { operating_system: Windows, ..task(1024, 2048, 120_000) };
    check_task(&virginia(), &usage, 300, (68_517, 8_000_000), "0.008564625");
}

#[test]
fn f8_spot() {
    let usage = FargateUsage { spot: true, ..task(2048, 4096, 1_800_000) };
    check_task(&virginia(), &usage, 1800, (1_571_547, 100_000_000), "0.01571547");
}

#[test]
fn f9_four_vcpu() {
    check_task(&virginia(), &task(4096, 8192, 3_600_000), 3600, (4937, 25_000), "0.19748");
}

#[test]
fn f10_the_largest_task_of_the_api_model_for_a_day() {
    let usage = FargateUsage { ephemeral_gib: 200, ..task(16_384, 122_880, 86_400_000) };
    check_task(&virginia(), &usage, 86_400, (180_159, 6250), "28.82544");
}

#[test]
fn f11_a_month_of_730_hours() {
    let usage = task(1024, 2048, 2_628_000_000);
    check_task(&virginia(), &usage, 2_628_000, (360_401, 10_000), "36.0401");
}

#[test]
fn f12_four_arm_vcpu() {
    let usage = FargateUsage { architecture: Arm64, ..task(4096, 8192, 3_600_000) };
    check_task(&virginia(), &usage, 3600, (79, 500), "0.158");
}

#[test]
fn f13_frankfurt() {
    let needs = PriceNeeds { fargate: vec![(Linux, X86_64, false)], ..PriceNeeds::default() };
    let prices = PriceBook::for_region("eu-central-1", &needs).expect("known");
    check_task(&prices, &task(512, 1024, 600_000), 600, (2839, 600_000), "0.004731666667");
}

/// Starts an instance once for each of `lives` (in seconds), an hour apart.
#[track_caller]
fn check_instance(
    operating_system: OperatingSystem,
    lives: &[u64],
    billed: u64,
    usd: (u64, u64),
    decimal: &str,
) {
    let mut meter = Meter::new(0);
    let starts = (0..).map(|hour| SimTime::from_secs(hour * 3600));
    let seconds: u64 = starts
        .zip(lives)
        .map(|(from, life)| {
            meter.instance(&InstanceUsage {
                group: "web",
                instance_type: "m5.large",
                operating_system,
                from,
                until: from + SimDuration::from_secs(*life),
                complete: true,
            })
        })
        .sum();
    assert_eq!(seconds, billed);
    check_invoice(&meter.finish(&virginia()), usd, decimal);
}

#[test]
fn e1_less_than_a_minute_counts_as_one() {
    check_instance(Linux, &[59], 60, (1, 625), "0.0016");
}

#[test]
fn e2_seconds_count_after_the_first_minute() {
    check_instance(Linux, &[61], 61, (61, 37_500), "0.001626666667");
}

#[test]
fn e3_each_start_has_its_minimum() {
    check_instance(Linux, &[30, 30], 120, (2, 625), "0.0032");
}

#[test]
fn e4_windows_with_its_licence() {
    check_instance(Windows, &[90], 90, (47, 10_000), "0.0047");
}

#[track_caller]
fn check_seconds(rate: &str, billed: u64, expected: u64, (numerator, denominator): (u64, u64)) {
    assert_eq!(billed, expected);
    let rate = HourlyRate::parse(rate).expect("a price").as_ten_billionths();
    let cost = Cost::of(rate, Quantity { count: u128::from(billed), unit: Unit::Hours });
    assert!(cost.is_exactly(numerator, denominator), "{cost:?}");
}

#[test]
fn e5_hourly_systems_pay_the_full_hour() {
    let lived = SimDuration::from_secs(61);
    let billed = instance_billed_seconds(InstanceGranularity::PerHour, lived, true);
    check_seconds("0.152", billed, 3600, (19, 125));
}

#[test]
fn e6_spot_interrupted_in_the_first_hour_is_free() {
    let lived = SimDuration::from_secs(3599);
    let billed = interrupted_spot_billed_seconds(InstanceGranularity::PerSecond, lived);
    check_seconds("0.0537", billed, 0, (0, 1));
}

#[test]
fn e7_spot_interrupted_later_pays_seconds() {
    let lived = SimDuration::from_secs(5400);
    let billed = interrupted_spot_billed_seconds(InstanceGranularity::PerSecond, lived);
    check_seconds("0.0537", billed, 5400, (1611, 20_000));
}

#[test]
fn e8_spot_terminated_by_its_user_pays_seconds() {
    let lived = SimDuration::from_secs(1800);
    let billed = instance_billed_seconds(InstanceGranularity::PerSecond, lived, true);
    check_seconds("0.0537", billed, 1800, (537, 20_000));
}

#[test]
fn e9_the_fee_of_a_managed_instance() {
    let needs = PriceNeeds {
        instances: vec![
            ("c6a.2xlarge", OperatingSystem::Linux),
            ("g5.xlarge", OperatingSystem::Linux),
            ("p4d.24xlarge", OperatingSystem::Linux),
        ],
        ..PriceNeeds::default()
    };
    let mut book = PriceBook::for_region("us-east-1", &needs).expect("known prices");
    let fee = |book: &PriceBook, name: &str| {
        book.managed_instance_fee(name, OperatingSystem::Linux).map(|it| it.to_string())
    };
    assert_eq!(fee(&book, "c6a.2xlarge").as_deref(), Some("0.03672"));
    let hour = Quantity { count: 3600, unit: Unit::Hours };
    let rate = book.managed_instance_fee("c6a.2xlarge", OperatingSystem::Linux).expect("a fee");
    assert!(Cost::of(rate.as_ten_billionths(), hour).is_exactly(459, 12_500));
    // From 2026-07 on: 7.8 % of 1.006, 4.8 % of the P series.
    assert_eq!(fee(&book, "g5.xlarge").as_deref(), Some("0.078468"));
    let p4d = book.instance_rate("p4d.24xlarge", OperatingSystem::Linux).expect("a price");
    let of_p4d = book.managed_instance_fee("p4d.24xlarge", OperatingSystem::Linux);
    let share = of_p4d.expect("a fee").as_ten_billionths() * 1000;
    assert!(share.abs_diff(p4d.as_ten_billionths() * 48) < 1000, "4.8 %");
    assert_eq!(fee(&book, "m5.large"), None, "not in the book");
    book.set_managed_fee(50);
    assert_eq!(fee(&book, "g5.xlarge").as_deref(), Some("0.0503"));

    let mut meter = Meter::new(0);
    let usage = |until: u64, complete| InstanceUsage {
        group: "managed",
        instance_type: "c6a.2xlarge",
        operating_system: OperatingSystem::Linux,
        from: SimTime::ZERO,
        until: SimTime::from_secs(until),
        complete,
    };
    // Half a minute costs a minute.
    meter.managed_instance(&usage(30, true));
    book.set_managed_fee(120);
    let invoice = meter.finish(&book);
    assert_eq!(invoice.lines.len(), 1);
    assert_eq!(invoice.lines[0].quantity.count, 60);
    assert_eq!(invoice.lines[0].category, Category::ManagedInstances);
}

/// 1.08 GB is no whole number of bytes, so 25 load balancers share the traffic of 25 hours: 27 GB.
/// Capacity units are proportional to traffic, so the bill is 25 times that of the vector.
#[test]
fn l1_the_largest_dimension_is_the_bytes() {
    let mut meter = Meter::new(0);
    let traffic = HourlyTraffic {
        new_connections: 25 * 3600,
        active_connection_seconds: 25 * 120 * 3600,
        bytes: u128::from(27 * GIB),
        rule_evaluations: 25 * 250 * 3600,
    };
    let parts = CapacityUnit::APPLICATION.unit_hour_parts(&traffic);
    assert_eq!(parts, 27 * CapacityUnit::PARTS_PER_UNIT_HOUR);
    meter.load_balancer_hour(&LoadBalancerHour {
        new_connections: 25 * 3600,
        active_connection_seconds: 25 * 120 * 3600,
        bytes: 27 * GIB,
        requests: 25 * 25 * 3600,
        rules_processed: 20,
        ..balancer_hour(0)
    });
    for hour in 1..25 {
        meter.load_balancer_hour(&balancer_hour(hour));
    }
    check_invoice(&meter.finish(&virginia()), (25 * 1557, 50_000), "0.7785");
}

#[test]
fn l2_the_largest_dimension_is_the_rules() {
    let mut meter = Meter::new(0);
    meter.load_balancer_hour(&LoadBalancerHour {
        new_connections: 100 * 3600,
        active_connection_seconds: 6000 * 3600,
        bytes: 108 * GIB / 10,
        requests: 600 * 3600,
        rules_processed: 60,
        ..balancer_hour(0)
    });
    let invoice = meter.finish(&virginia());
    assert_eq!(invoice.lines[0].quantity.decimal(), "30");
    check_invoice(&invoice, (21, 80), "0.2625");
}

/// Five hours of the vector's traffic, 18 GB, for the same reason as in L1.
#[test]
fn l3_network_load_balancer_units() {
    let traffic = HourlyTraffic {
        new_connections: 5 * 100 * 3600,
        active_connection_seconds: 5 * 10_000 * 3600,
        bytes: u128::from(18 * GIB),
        rule_evaluations: u128::MAX,
    };
    let parts = CapacityUnit::NETWORK_TCP.unit_hour_parts(&traffic);
    let units = Cost::of(60_000_000, Quantity { count: parts, unit: Unit::LcuHours });
    let hours = Cost::of(225_000_000, Quantity { count: 5 * 3600, unit: Unit::Hours });
    assert!((units + hours).is_exactly(5 * 441, 10_000), "{units:?} {hours:?}");
    let mut meter = Meter::new(0);
    meter.load_balancer_hour(&LoadBalancerHour {
        protocol: TargetProtocol::Tcp,
        new_connections: 5 * 100 * 3600,
        active_connection_seconds: 5 * 10_000 * 3600,
        bytes: 18 * GIB,
        requests: 5 * 100 * 3600,
        rules_processed: 100,
        ..balancer_hour(0)
    });
    for hour in 1..5 {
        meter.load_balancer_hour(&balancer_hour(hour));
    }
    check_invoice(&meter.finish(&virginia()), (5 * 441, 10_000), "0.2205");
}

#[test]
fn l4_a_part_of_an_hour_is_billed_in_full() {
    let hours = load_balancer_billed_hours(SimDuration::from_secs(90 * 60));
    assert_eq!(hours, 2);
    let mut meter = Meter::new(0);
    for hour in 0..hours {
        meter.load_balancer_hour(&balancer_hour(hour));
    }
    check_invoice(&meter.finish(&virginia()), (9, 200), "0.045");
}

#[test]
fn x5_a_volume_for_ten_minutes() {
    let mut meter = Meter::new(0);
    let until = SimTime::from_secs(600);
    meter.volume(&VolumeUsage { group: "web", gib: 30, from: SimTime::ZERO, until });
    let invoice = meter.finish(&virginia());
    assert_eq!(invoice.lines[0].quantity.consumed(), ("18000".to_owned(), "GB-Seconds"));
    check_invoice(&invoice, (1, 1825), "0.000547945205");
}

//! Worked vectors of the pricing specification, and laws that hold for every bill.

use proptest::prelude::*;

use super::*;
use crate::scenario::Architecture::{self, Arm64, X86_64};
use crate::scenario::OperatingSystem::{self, Linux, Windows};
use crate::units::{SimDuration, SimTime};

/// Everything the vectors use.
fn needs() -> PriceNeeds<'static> {
    PriceNeeds {
        instances: vec![
            ("m5.large", Linux),
            ("m5.large", Windows),
            ("c5.large", Linux),
        ],
        fargate: vec![
            (Linux, X86_64, false),
            (Linux, X86_64, true),
            (Linux, Arm64, false),
            (Windows, X86_64, false),
        ],
        ephemeral_storage: true,
        volumes: true,
        load_balancers: true,
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
    assert!(
        invoice.exact.is_exactly(numerator, denominator),
        "{:?}",
        invoice.exact
    );
    // The specification prints twelve decimals, the bill ten.
    let printed: f64 = format_usd(invoice.total).parse().expect("a decimal");
    let expected: f64 = decimal.parse().expect("a decimal");
    assert!(
        (printed - expected).abs() <= 0.51e-10 + expected * 1e-15,
        "{printed} {expected}"
    );
    check_laws(invoice);
}

/// What holds for every invoice.
#[track_caller]
fn check_laws(invoice: &Invoice) {
    let sum: i128 = invoice.lines.iter().map(|line| line.amount).sum();
    assert_eq!(sum, invoice.total, "the lines add up");
    assert_eq!(
        invoice.lines.iter().map(BillLine::exact).sum::<Cost>(),
        invoice.exact
    );
    for line in &invoice.lines {
        // |amount − price × count / denominator| ≤ 1, in integers.
        let denominator = line.quantity.unit.denominator() as i128;
        let exact = i128::from(line.unit_price) * line.quantity.count as i128;
        assert!(
            (line.amount * denominator - exact).abs() <= denominator,
            "{line:?}"
        );
        assert!(line.amount >= 0);
        assert!(line.quantity.count > 0);
        assert_eq!(line.period_start % 3600, 0);
        assert_eq!(line.period_end, line.period_start + 3600);
    }
    let by_category: i128 = invoice.total_by_category().iter().map(|(_, sum)| sum).sum();
    let by_owner: i128 = invoice.total_by_owner().iter().map(|(_, sum)| sum).sum();
    let by_hour: i128 = invoice
        .hourly_by_category()
        .iter()
        .flat_map(|hour| hour.by_category)
        .sum();
    assert_eq!([by_category, by_owner, by_hour], [invoice.total; 3]);
}

#[test]
fn f1_half_vcpu_for_ten_minutes() {
    check_task(
        &virginia(),
        &task(512, 1024, 600_000),
        600,
        (4937, 1_200_000),
        "0.004114166667",
    );
}

#[test]
fn f2_less_than_a_minute_counts_as_one() {
    check_task(
        &virginia(),
        &task(256, 512, 45_000),
        60,
        (4937, 24_000_000),
        "0.000205708333",
    );
}

#[test]
fn f3_a_millisecond_more_is_a_second_more() {
    let usd = (301_157, 1_440_000_000);
    check_task(
        &virginia(),
        &task(256, 512, 60_001),
        61,
        usd,
        "0.000209136806",
    );
}

#[test]
fn f4_storage_beyond_20_gib_is_billed() {
    let usage = FargateUsage {
        ephemeral_gib: 50,
        ..task(1024, 2048, 3_600_000)
    };
    check_task(&virginia(), &usage, 3600, (527, 10_000), "0.0527");
}

#[test]
fn f5_20_gib_are_included() {
    check_task(
        &virginia(),
        &task(1024, 2048, 3_600_000),
        3600,
        (4937, 100_000),
        "0.04937",
    );
}

#[test]
fn f6_arm() {
    let usage = FargateUsage {
        architecture: Arm64,
        ..task(512, 1024, 600_000)
    };
    check_task(&virginia(), &usage, 600, (79, 24_000), "0.003291666667");
}

#[test]
fn f7_windows_has_a_longer_minimum_and_a_licence() {
    let usage = FargateUsage {
        operating_system: Windows,
        ..task(1024, 2048, 120_000)
    };
    check_task(&virginia(), &usage, 300, (68_517, 8_000_000), "0.008564625");
}

#[test]
fn f8_spot() {
    let usage = FargateUsage {
        spot: true,
        ..task(2048, 4096, 1_800_000)
    };
    check_task(
        &virginia(),
        &usage,
        1800,
        (1_571_547, 100_000_000),
        "0.01571547",
    );
}

#[test]
fn f9_four_vcpu() {
    check_task(
        &virginia(),
        &task(4096, 8192, 3_600_000),
        3600,
        (4937, 25_000),
        "0.19748",
    );
}

#[test]
fn f10_the_largest_task_of_the_api_model_for_a_day() {
    let usage = FargateUsage {
        ephemeral_gib: 200,
        ..task(16_384, 122_880, 86_400_000)
    };
    check_task(&virginia(), &usage, 86_400, (180_159, 6250), "28.82544");
}

#[test]
fn f11_a_month_of_730_hours() {
    let usage = task(1024, 2048, 2_628_000_000);
    check_task(&virginia(), &usage, 2_628_000, (360_401, 10_000), "36.0401");
}

#[test]
fn f12_four_arm_vcpu() {
    let usage = FargateUsage {
        architecture: Arm64,
        ..task(4096, 8192, 3_600_000)
    };
    check_task(&virginia(), &usage, 3600, (79, 500), "0.158");
}

#[test]
fn f13_frankfurt() {
    let needs = PriceNeeds {
        fargate: vec![(Linux, X86_64, false)],
        ..PriceNeeds::default()
    };
    let prices = PriceBook::for_region("eu-central-1", &needs).expect("known");
    check_task(
        &prices,
        &task(512, 1024, 600_000),
        600,
        (2839, 600_000),
        "0.004731666667",
    );
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
    let rate = HourlyRate::parse(rate)
        .expect("a price")
        .as_ten_billionths();
    let cost = Cost::of(
        rate,
        Quantity {
            count: u128::from(billed),
            unit: Unit::Hours,
        },
    );
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

fn balancer_hour(hour: u64) -> LoadBalancerHour<'static> {
    LoadBalancerHour {
        load_balancer: "public",
        owner: "api",
        hour,
        new_connections: 0,
        active_connection_seconds: 0,
        bytes: 0,
        requests: 0,
        rules_processed: 0,
    }
}

const GIB: u64 = 1 << 30;

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
    let units = Cost::of(
        60_000_000,
        Quantity {
            count: parts,
            unit: Unit::LcuHours,
        },
    );
    let hours = Cost::of(
        225_000_000,
        Quantity {
            count: 5 * 3600,
            unit: Unit::Hours,
        },
    );
    assert!(
        (units + hours).is_exactly(5 * 441, 10_000),
        "{units:?} {hours:?}"
    );
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
    meter.volume(&VolumeUsage {
        group: "web",
        gib: 30,
        from: SimTime::ZERO,
        until,
    });
    let invoice = meter.finish(&virginia());
    assert_eq!(
        invoice.lines[0].quantity.consumed(),
        ("18000".to_owned(), "GB-Seconds")
    );
    check_invoice(&invoice, (1, 1825), "0.000547945205");
}

#[test]
fn s3_usage_is_split_at_clock_hours() {
    // 10:30 to 11:30 on some day.
    let start = 1_767_225_600 + 10 * 3600 + 1800;
    let mut meter = Meter::new(start);
    meter.fargate_task(&task(4096, 8192, 3_600_000));
    let invoice = meter.finish(&virginia());
    let vcpu: Vec<(i64, String)> = invoice
        .lines
        .iter()
        .filter(|line| &*line.usage_type == "Fargate-vCPU-Hours:perCPU")
        .map(|line| (line.period_start, line.quantity.consumed().0))
        .collect();
    let ten = start - 1800;
    assert_eq!(
        vcpu,
        [(ten, "7200".to_owned()), (ten + 3600, "7200".to_owned())]
    );
    check_laws(&invoice);
}

#[test]
fn many_tasks_of_one_payer_are_few_lines() {
    let mut meter = Meter::new(0);
    for second in 0..1000 {
        let from = SimTime::from_secs(second);
        let until = SimTime::from_secs(second + 120);
        meter.fargate_task(&FargateUsage {
            from,
            until,
            ..task(256, 512, 0)
        });
    }
    let invoice = meter.finish(&virginia());
    let usage: Vec<&str> = invoice.lines.iter().map(|line| &*line.usage_type).collect();
    assert_eq!(usage, ["Fargate-GB-Hours", "Fargate-vCPU-Hours:perCPU"]);
    assert_eq!(
        invoice.lines[1].quantity.consumed().0,
        "30000",
        "1000 × 120 s × 0.25 vCPU"
    );
    check_laws(&invoice);
}

#[test]
fn what_still_runs_is_billed_without_its_minimum() {
    let mut meter = Meter::new(0);
    assert_eq!(
        meter.fargate_task(&FargateUsage {
            complete: false,
            ..task(256, 512, 7)
        }),
        1
    );
    assert_eq!(
        meter.fargate_task(&FargateUsage {
            complete: false,
            ..task(256, 512, 0)
        }),
        0
    );
}

#[test]
fn a_minimum_may_reach_into_the_next_hour() {
    let mut meter = Meter::new(0);
    let from = SimTime::from_secs(3590);
    let until = SimTime::from_secs(3595);
    meter.instance(&InstanceUsage {
        group: "web",
        instance_type: "m5.large",
        operating_system: Linux,
        from,
        until,
        complete: true,
    });
    let seconds: Vec<u128> = meter
        .finish(&virginia())
        .lines
        .iter()
        .map(|line| line.quantity.count)
        .collect();
    assert_eq!(seconds, [10, 50]);
}

#[test]
fn records_of_one_load_balancer_hour_share_the_hour() {
    let mut meter = Meter::new(0);
    // Each target group alone has 0.5 units, by different dimensions: together 0.5, not 1.
    let half = LoadBalancerHour {
        bytes: GIB / 2,
        ..balancer_hour(3)
    };
    meter.load_balancer_hour(&half);
    meter.load_balancer_hour(&LoadBalancerHour {
        owner: "web",
        new_connections: 25 * 1800,
        ..balancer_hour(3)
    });
    let invoice = meter.finish(&virginia());
    let lines: Vec<(&str, &str, String)> = invoice
        .lines
        .iter()
        .map(|line| (&*line.owner, &*line.usage_type, line.quantity.decimal()))
        .collect();
    assert_eq!(
        lines,
        [
            ("api", "LCUUsage", "0.5".to_owned()),
            ("api", "LoadBalancerUsage", "1".to_owned())
        ]
    );
    assert_eq!(invoice.lines[0].period_start, 3 * 3600);
}

#[test]
fn usage_without_a_price_is_reported_not_forgotten() {
    let mut meter = Meter::new(0);
    meter.fargate_task(&FargateUsage {
        ephemeral_gib: 21,
        ..task(256, 512, 1000)
    });
    meter.volume(&VolumeUsage {
        group: "web",
        gib: 1,
        from: SimTime::ZERO,
        until: SimTime::from_secs(1),
    });
    meter.load_balancer_hour(&balancer_hour(0));
    let invoice = meter.finish(&PriceBook::default());
    assert_eq!((invoice.lines.len(), invoice.total), (0, 0));
    let items: Vec<&str> = invoice
        .unpriced
        .iter()
        .map(|missing| &*missing.item)
        .collect();
    assert_eq!(
        items,
        [
            "Fargate ephemeral storage",
            "Fargate with Linux on X86_64",
            "gp3 volumes",
            "load balancer capacity units",
            "load balancer hours",
        ]
    );
}

/// Some use of anything, as plain numbers.
#[derive(Clone, Debug)]
enum Usage {
    Fargate {
        owner: usize,
        kind: usize,
        cpu: u64,
        memory: u64,
        storage: u32,
    },
    Instance {
        group: usize,
        kind: usize,
    },
    Volume {
        group: usize,
        gib: u32,
    },
    LoadBalancer {
        balancer: usize,
        connections: u64,
        bytes: u64,
        requests: u64,
        rules: u32,
    },
}

const NAMES: [&str; 3] = ["api", "batch", "web"];

fn usages() -> impl Strategy<Value = Vec<(Usage, u64, u64, bool)>> {
    let usage = prop_oneof![
        (
            0..3_usize,
            0..4_usize,
            1..16_384_u64,
            1..122_880_u64,
            0..200_u32
        )
            .prop_map(|(owner, kind, cpu, memory, storage)| Usage::Fargate {
                owner,
                kind,
                cpu,
                memory,
                storage
            }),
        (0..3_usize, 0..3_usize).prop_map(|(group, kind)| Usage::Instance { group, kind }),
        (0..3_usize, 1..1000_u32).prop_map(|(group, gib)| Usage::Volume { group, gib }),
        (
            0..3_usize,
            0..1_000_000_u64,
            0..1_u64 << 40,
            0..1_000_000_u64,
            0..100_u32
        )
            .prop_map(|(balancer, connections, bytes, requests, rules)| {
                Usage::LoadBalancer {
                    balancer,
                    connections,
                    bytes,
                    requests,
                    rules,
                }
            }),
    ];
    // Start within two days, length up to eight hours, in nanoseconds.
    let day = 86_400_000_000_000_u64;
    proptest::collection::vec((usage, 0..2 * day, 0..day / 3, any::<bool>()), 0..40)
}

/// Meters `usages`, checking each billed time against the lived one, and returns the sum of those.
fn meter_all(meter: &mut Meter, usages: &[(Usage, u64, u64, bool)]) -> Result<u64, TestCaseError> {
    let mut billed_seconds = 0;
    for (usage, start, length, complete) in usages {
        let from = SimTime::from_nanos(*start);
        let until = SimTime::from_nanos(start + length);
        let complete = *complete;
        let billed = match *usage {
            Usage::Fargate {
                owner,
                kind,
                cpu,
                memory,
                storage,
            } => {
                let (operating_system, architecture, spot): (_, Architecture, _) =
                    needs().fargate[kind];
                meter.fargate_task(&FargateUsage {
                    owner: NAMES[owner],
                    operating_system,
                    architecture,
                    spot,
                    cpu_units: cpu,
                    memory_mib: memory,
                    ephemeral_gib: storage,
                    from,
                    until,
                    complete,
                })
            }
            Usage::Instance { group, kind } => {
                let (instance_type, operating_system) = needs().instances[kind];
                let group = NAMES[group];
                meter.instance(&InstanceUsage {
                    group,
                    instance_type,
                    operating_system,
                    from,
                    until,
                    complete,
                })
            }
            Usage::Volume { group, gib } => {
                meter.volume(&VolumeUsage {
                    group: NAMES[group],
                    gib,
                    from,
                    until,
                });
                continue;
            }
            Usage::LoadBalancer {
                balancer,
                connections,
                bytes,
                requests,
                rules,
            } => {
                meter.load_balancer_hour(&LoadBalancerHour {
                    load_balancer: NAMES[balancer],
                    owner: NAMES[balancer],
                    hour: meter.clock_hour(from),
                    new_connections: connections,
                    active_connection_seconds: connections * 60,
                    bytes,
                    requests,
                    rules_processed: rules,
                });
                continue;
            }
        };
        prop_assert!(u128::from(billed) * 1_000_000_000 >= u128::from(*length));
        prop_assert!(billed <= (length / 1_000_000_000 + 1).max(300));
        billed_seconds += billed;
    }
    Ok(billed_seconds)
}

proptest! {
    #![proptest_config(ProptestConfig {
        rng_seed: proptest::test_runner::RngSeed::Fixed(20_261_120),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_bill_keeps_the_laws(usages in usages(), start in -5_000_000_000_i64..5_000_000_000) {
        let prices = virginia();
        let mut meter = Meter::new(start);
        meter_all(&mut meter, &usages)?;
        let invoice = meter.finish(&prices);
        check_laws(&invoice);
        prop_assert_eq!(&invoice.unpriced, &[]);

        let doubled = meter.finish(&prices.scaled(2));
        prop_assert_eq!(doubled.exact, invoice.exact + invoice.exact);
        prop_assert!((doubled.total - 2 * invoice.total).abs() <= 1);
        prop_assert_eq!(doubled.lines.len(), invoice.lines.len());
    }

    #[test]
    fn the_order_of_usage_does_not_matter(usages in usages()) {
        let (mut forward, mut backward) = (Meter::new(1800), Meter::new(1800));
        meter_all(&mut forward, &usages)?;
        let reversed: Vec<_> = usages.into_iter().rev().collect();
        meter_all(&mut backward, &reversed)?;
        prop_assert_eq!(forward.finish(&virginia()), backward.finish(&virginia()));
    }

    #[test]
    fn billed_instance_seconds_are_all_on_the_bill(usages in usages()) {
        let only_instances: Vec<_> = usages
            .into_iter()
            .filter(|(usage, ..)| matches!(usage, Usage::Instance { .. }))
            .collect();
        let mut meter = Meter::new(1234);
        let billed = meter_all(&mut meter, &only_instances)?;
        let invoice = meter.finish(&virginia());
        let on_bill: u128 = invoice.lines.iter().map(|line| line.quantity.count).sum();
        prop_assert_eq!(on_bill, u128::from(billed));
    }
}

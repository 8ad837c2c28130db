//! Laws that hold for every bill, on random usage.

use proptest::prelude::*;

use super::*;
use crate::scenario::Architecture;

/// Some use of anything, as plain numbers.
#[derive(Clone, Debug)]
enum Usage {
    Fargate { owner: usize, kind: usize, cpu: u64, memory: u64, storage: u32 },
    Instance { group: usize, kind: usize },
    Volume { group: usize, gib: u32 },
    LoadBalancer { balancer: usize, connections: u64, bytes: u64, requests: u64, rules: u32 },
}

const NAMES: [&str; 3] = ["api", "batch", "web"];

fn usages() -> impl Strategy<Value = Vec<(Usage, u64, u64, bool)>> {
    let usage = prop_oneof![
        (0..3_usize, 0..4_usize, 1..16_384_u64, 1..122_880_u64, 0..200_u32).prop_map(
            |(owner, kind, cpu, memory, storage)| Usage::Fargate {
                owner,
                kind,
                cpu,
                memory,
                storage
            }
        ),
        (0..3_usize, 0..3_usize).prop_map(|(group, kind)| Usage::Instance { group, kind }),
        (0..3_usize, 1..1000_u32).prop_map(|(group, gib)| Usage::Volume { group, gib }),
        (0..3_usize, 0..1_000_000_u64, 0..1_u64 << 40, 0..1_000_000_u64, 0..100_u32).prop_map(
            |(balancer, connections, bytes, requests, rules)| {
                Usage::LoadBalancer { balancer, connections, bytes, requests, rules }
            }
        ),
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
            Usage::Fargate { owner, kind, cpu, memory, storage } => {
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
                meter.volume(&VolumeUsage { group: NAMES[group], gib, from, until });
                continue;
            }
            Usage::LoadBalancer { balancer, connections, bytes, requests, rules } => {
                meter.load_balancer_hour(&LoadBalancerHour {
                    load_balancer: NAMES[balancer],
                    owner: NAMES[balancer],
                    protocol: [TargetProtocol::Http, TargetProtocol::Tls][balancer % 2],
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

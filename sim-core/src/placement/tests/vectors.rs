//! The numbered vectors of placement (TV-18 and TV-19 are with the stops).

use super::*;

#[track_caller]
fn check(strategy: &[PlacementStrategy], expected: InstanceId) {
    assert_eq!(cluster().ask(strategy, &[], 0), Choice::Instance(expected));
}

#[test]
fn tv_10_binpack_memory() {
    check(&[PlacementStrategy::BinpackMemory], A1);
}

#[test]
fn tv_11_binpack_cpu() {
    check(&[PlacementStrategy::BinpackCpu], A2);
}

#[test]
fn tv_12_spread_zone_then_binpack_memory() {
    check(&[PlacementStrategy::SpreadZone, PlacementStrategy::BinpackMemory], B1);
}

#[test]
fn tv_13_spread_instance() {
    check(&[PlacementStrategy::SpreadInstance], A2);
}

#[test]
fn tv_14_service_default() {
    check(&SERVICE_DEFAULT, B1);
}

#[test]
fn tv_15_distinct_instance() {
    let constraints = [PlacementConstraint::DistinctInstance];
    for strategy in [PlacementStrategy::BinpackMemory, PlacementStrategy::Random] {
        assert_eq!(cluster().ask(&[strategy], &constraints, 0), Choice::Instance(A2));
    }
}

#[test]
fn tv_16_member_of_zone_c() {
    let mut cluster = cluster();
    let constraints = [member_of("attribute:ecs.availability-zone == az-c")];
    let chain = [PlacementStrategy::BinpackMemory];
    assert_eq!(cluster.ask(&chain, &constraints, 0), Choice::Nowhere);
    let request = cluster.request(DEMAND, &chain, &constraints, 0);
    let expected = Rejections { cpu: 1, member_of: 3, ..Rejections::default() };
    assert_eq!(cluster.fleet.rejections(&request), expected);
}

#[test]
fn tv_17_service_default_avoids_the_zone_that_has_a_task() {
    let mut cluster = Cluster::new();
    for (zone, instance) in [A1, B1, C1].into_iter().enumerate() {
        cluster.add(instance, zone as u32, 4096, 8000);
    }
    cluster.count(A1, 1);
    let choice = cluster.ask(&SERVICE_DEFAULT, &[], 0);
    assert!(choice == Choice::Instance(B1) || choice == Choice::Instance(C1));
}

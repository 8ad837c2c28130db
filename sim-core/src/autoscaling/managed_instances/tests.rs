//! Plans that can be checked by hand: sizes in vCPU and GiB, prices in cents.

use super::*;
use crate::units::{Cpu, Mib};

const CENT: u64 = 100_000_000;

fn size(vcpu: u32, gib: u64) -> InstanceSize {
    InstanceSize {
        cpu: Cpu::from_ecs_units(vcpu * 1024),
        memory: Mib::new(gib * 1024),
        network_interfaces: 4,
        gpus: 0,
    }
}

fn offer(of_type: usize, vcpu: u32, gib: u64, cents: u64) -> Offer {
    let architecture = Architecture::X86_64;
    Offer { of_type, size: size(vcpu, gib), architecture, price: cents * CENT }
}

/// Types of 1, 2 and 4 vCPU with 2 GiB each at 4, 8 and 16 cents.
fn offers() -> Vec<Offer> {
    vec![offer(0, 1, 2, 4), offer(1, 2, 4, 8), offer(2, 4, 8, 16)]
}

fn tasks(group: u32, vcpu: u32, gib: u64, count: u32) -> Waiting {
    Waiting {
        demand: TaskDemand {
            cpu: Cpu::from_ecs_units(vcpu * 1024),
            memory: Mib::new(gib * 1024),
            network_interfaces: 1,
            gpus: 0,
            has_host_port: false,
        },
        architecture: Architecture::X86_64,
        group: TaskGroupId(group),
        distinct: false,
        count,
    }
}

fn zones(number: usize) -> Vec<ZoneOffers> {
    (0..number).map(|zone| ZoneOffers { zone, tasks: BTreeMap::new(), offers: offers() }).collect()
}

/// Launches as (zone, type).
fn planned(waiting: &[Waiting], number: usize) -> Vec<(usize, usize)> {
    let plan = plan(waiting, &mut [], &zones(number));
    plan.launches.iter().map(|it| (it.zone, it.of_type)).collect()
}

#[test]
fn one_zone_gets_the_cheapest_type_that_takes_all() {
    assert_eq!(planned(&[tasks(0, 1, 1, 1)], 1), [(0, 0)]);
    assert_eq!(planned(&[tasks(0, 1, 1, 2)], 1), [(0, 1)]);
    assert_eq!(planned(&[tasks(0, 1, 1, 3)], 1), [(0, 2)]);
    // Memory decides: six GiB need the largest.
    assert_eq!(planned(&[tasks(0, 1, 3, 2)], 1), [(0, 2)]);
    assert_eq!(planned(&[], 1), []);
}

#[test]
fn tasks_of_a_service_are_spread_over_zones_before_they_are_packed() {
    assert_eq!(planned(&[tasks(0, 1, 1, 3)], 3), [(0, 0), (1, 0), (2, 0)]);
    assert_eq!(planned(&[tasks(0, 1, 1, 4)], 3), [(0, 1), (1, 0), (2, 0)]);
    // Two services with a task each share the first zone's instance.
    assert_eq!(planned(&[tasks(0, 1, 1, 1), tasks(1, 1, 1, 1)], 3), [(0, 1)]);
}

#[test]
fn zones_that_have_tasks_of_the_service_come_last() {
    let mut zones = zones(3);
    zones[0].tasks.insert(TaskGroupId(0), 2);
    zones[1].tasks.insert(TaskGroupId(0), 1);
    let launches = plan(&[tasks(0, 1, 1, 3)], &mut [], &zones).launches;
    let placed: Vec<_> = launches.iter().map(|it| (it.zone, it.of_type)).collect();
    assert_eq!(placed, [(1, 0), (2, 1)], "two for the empty zone, one for the next");
}

#[test]
fn more_than_the_largest_type_takes_goes_to_several() {
    // Nine vCPUs: two of the largest and one that fits the rest.
    assert_eq!(planned(&[tasks(0, 1, 1, 9)], 1), [(0, 2), (0, 2), (0, 0)]);
}

#[test]
fn what_fits_no_type_is_left_out() {
    assert_eq!(planned(&[tasks(0, 5, 1, 3)], 2), []);
    assert_eq!(plan(&[tasks(0, 5, 1, 3)], &mut [], &zones(2)).left, 3);
    assert_eq!(planned(&[tasks(0, 5, 1, 3), tasks(1, 1, 1, 1)], 1), [(0, 0)]);
    let arm = Waiting { architecture: Architecture::Arm64, ..tasks(0, 1, 1, 1) };
    assert_eq!(planned(&[arm], 1), []);
}

#[test]
fn instances_on_their_way_take_what_they_can_first() {
    let mut coming = vec![(0, Room::new(size(2, 4), Architecture::X86_64))];
    let found = plan(&[tasks(0, 1, 1, 3)], &mut coming, &zones(1));
    assert_eq!(found.launches, [Launch { zone: 0, of_type: 0 }]);
    let more = plan(&[tasks(0, 1, 1, 1)], &mut coming, &zones(1));
    assert_eq!(more.launches.len(), 1, "it is full");
    let mut coming = vec![(0, Room::new(size(4, 8), Architecture::X86_64))];
    assert_eq!(plan(&[tasks(0, 1, 1, 4)], &mut coming, &zones(3)), Plan::default());
}

#[test]
fn distinct_tasks_and_those_with_a_host_port_have_an_instance_each() {
    let distinct = Waiting { distinct: true, ..tasks(0, 1, 1, 3) };
    assert_eq!(planned(&[distinct], 1), [(0, 0), (0, 0), (0, 0)]);
    let mut port = tasks(0, 1, 1, 2);
    port.demand.has_host_port = true;
    assert_eq!(planned(&[port], 1), [(0, 0), (0, 0)]);
    // Others share their instance.
    assert_eq!(planned(&[Waiting { count: 1, ..distinct }, tasks(1, 1, 1, 1)], 1), [(0, 1)]);
}

#[test]
fn network_interfaces_and_gpus_limit_an_instance() {
    // Four interfaces on the largest type: five small tasks need two instances.
    let mut small = tasks(0, 0, 0, 5);
    small.demand.cpu = Cpu::from_ecs_units(128);
    small.demand.memory = Mib::new(128);
    assert_eq!(planned(&[small], 1).len(), 2);
    let mut gpu = tasks(0, 1, 1, 1);
    gpu.demand.gpus = 1;
    let mut zone = zones(1);
    assert_eq!(plan(&[gpu], &mut [], &zone), Plan { launches: Vec::new(), left: 1 });
    let mut with_gpu = offer(7, 4, 8, 50);
    with_gpu.size.gpus = 1;
    zone[0].offers.push(with_gpu);
    assert_eq!(plan(&[gpu], &mut [], &zone).launches, [Launch { zone: 0, of_type: 7 }]);
}

#[test]
fn without_one_type_for_all_the_best_value_is_launched() {
    // Six vCPUs: 6 for 20 cents is better value than 4 for 16, and takes all of them.
    let mut zone = zones(1);
    let mut six = offer(3, 6, 12, 20);
    six.size.network_interfaces = 6;
    zone[0].offers.push(six);
    let six = plan(&[tasks(0, 1, 1, 6)], &mut [], &zone).launches;
    assert_eq!(six, [Launch { zone: 0, of_type: 3 }]);
    // Eight: one of these, and then the cheapest for two.
    let launches = plan(&[tasks(0, 1, 1, 8)], &mut [], &zone).launches;
    assert_eq!(launches.iter().map(|it| it.of_type).collect::<Vec<_>>(), [3, 1]);
}

#[test]
fn tasks_move_to_others_only_if_zones_stay_as_even() {
    let map = |counts: &[u32]| -> Vec<BTreeMap<TaskGroupId, u32>> {
        counts.iter().map(|count| BTreeMap::from([(TaskGroupId(0), *count)])).collect()
    };
    let room = |zone| (zone, Room::new(size(2, 4), Architecture::X86_64));
    let own = [tasks(0, 1, 1, 1)];
    assert!(fits_elsewhere(&own, 0, &mut [room(0)], &mut map(&[2, 1])), "the same zone");
    assert!(
        fits_elsewhere(&own, 0, &mut [room(1)], &mut map(&[2, 1])),
        "two and one become one and two"
    );
    assert!(!fits_elsewhere(&own, 0, &mut [room(1)], &mut map(&[1, 1])), "the zone would be empty");
    assert!(!fits_elsewhere(&[tasks(0, 1, 1, 3)], 0, &mut [room(0)], &mut map(&[3, 0])), "no room");
    let distinct = [Waiting { distinct: true, ..own[0] }];
    assert!(!fits_elsewhere(&distinct, 0, &mut [room(0)], &mut map(&[2, 0])));
}

#[test]
fn a_cheaper_type_takes_all_tasks_or_none() {
    let price = 16 * CENT;
    assert!(fits_cheaper(&[tasks(0, 1, 1, 2)], &offers(), price));
    assert!(!fits_cheaper(&[tasks(0, 1, 1, 3)], &offers(), price));
    assert!(!fits_cheaper(&[tasks(0, 1, 1, 1)], &offers(), 4 * CENT), "no cheaper one");
}

/// Whatever waits: all that fits a type finds room on what is planned, and a plan is not bought twice.
#[test]
fn plans_hold_all_tasks_and_are_planned_once() {
    let mut state = 1_u64;
    let mut next = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) % below
    };
    for _ in 0..300 {
        let number = 1 + next(3) as usize;
        let waiting: Vec<Waiting> = (0..=next(4) as u32)
            .map(|group| {
                let mut kind = tasks(group, 0, 1 + next(4), 1 + next(9) as u32);
                kind.demand.cpu = Cpu::from_ecs_units(128 * (1 + next(32) as u32));
                kind.distinct = next(5) == 0;
                kind
            })
            .collect();
        let zones = zones(number);
        let launches = plan(&waiting, &mut [], &zones).launches;
        let mut coming: Vec<(usize, Room)> = launches
            .iter()
            .map(|it| (it.zone, Room::new(offers()[it.of_type].size, Architecture::X86_64)))
            .collect();
        let again = plan(&waiting, &mut coming, &zones).launches;
        let tasks: u32 = waiting.iter().map(|it| it.count).sum();
        assert!(launches.len() <= tasks as usize);
        // Spread over rooms one by one, tasks may fragment what was packed for one zone: rarely, and by little.
        assert!(again.len() * 4 <= launches.len() + 4, "{waiting:?}: {launches:?}, then {again:?}");
    }
}

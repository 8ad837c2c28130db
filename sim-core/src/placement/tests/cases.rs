//! Small cases of single rules.

use super::*;
use crate::scenario::Protocol;

#[test]
fn random_is_uniform_over_what_fits() {
    // Ranks of evenly spread bits are nearly equal in number; draws scatter, by 26 for each instance.
    let kinds = [(Recurrence::Definition, 50), (Recurrence::OwnSize, 90)];
    for (recurrence, scatter) in kinds {
        let mut cluster = cluster();
        let mut counts = [0_u32; 4];
        for step in 0..3000u64 {
            let bits = step.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let request = cluster.request(DEMAND, &[PlacementStrategy::Random], &[], bits);
            match cluster.fleet.choose(&PlacementRequest { recurrence, ..request }) {
                Choice::Instance(InstanceId(id)) => counts[id as usize] += 1,
                Choice::Nowhere => unreachable!("three instances fit"),
            }
        }
        assert_eq!(counts[3], 0, "C1 does not fit");
        assert!(counts[..3].iter().all(|count| count.abs_diff(1000) < scatter), "{counts:?}");
    }
}

/// With room on one instance in a thousand, draws mostly miss: what fits is listed, first by looking
/// at all, then by an order that is kept.
#[test]
fn random_finds_the_few_instances_with_room_and_is_uniform_over_them() {
    let mut cluster = Cluster::new();
    for id in 0..3000 {
        let memory = if id % 1000 == 7 { 4096 } else { 512 };
        cluster.add(InstanceId(id), id % 3, 1024, memory);
    }
    let mut counts = [0; 3];
    for step in 0..900u64 {
        let bits = step.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        // Sizes that seldom come again.
        let demand = Demand { memory: Mib::new(1024 + step % 300), ..DEMAND };
        let request = cluster.request(demand, &[PlacementStrategy::Random], &[], bits);
        let request = PlacementRequest { recurrence: Recurrence::OwnSize, ..request };
        match cluster.fleet.choose(&request) {
            Choice::Instance(InstanceId(id)) if id % 1000 == 7 => counts[id as usize / 1000] += 1,
            other => panic!("{other:?} for {demand:?}"),
        }
    }
    assert!(counts.iter().all(|count| (250..350).contains(count)), "{counts:?}");
    cluster.fleet.check();
    let demand = Demand { memory: Mib::new(4097), ..DEMAND };
    let request = cluster.request(demand, &[PlacementStrategy::Random], &[], 0);
    let request = PlacementRequest { recurrence: Recurrence::OwnSize, ..request };
    assert_eq!(cluster.fleet.choose(&request), Choice::Nowhere);
}

#[test]
fn random_after_a_spread_stays_inside_the_best_zone() {
    let mut cluster = cluster();
    cluster.count(B1, 2);
    let chain = [PlacementStrategy::SpreadZone, PlacementStrategy::Random];
    let low = cluster.ask(&chain, &[], 0);
    let high = cluster.ask(&chain, &[], u64::MAX);
    assert_eq!((low, high), (Choice::Instance(A1), Choice::Instance(A2)));
}

#[test]
fn the_lowest_rank_breaks_a_tie() {
    let chain = [PlacementStrategy::BinpackCpu];
    for (rank, expected) in [(0, A1), (7, A2)] {
        let mut cluster = Cluster::new();
        cluster.add_ranked(A1, 0, 1024, 2048, rank);
        cluster.add(A2, 0, 1024, 2048);
        assert_eq!(cluster.ask(&chain, &[], 0), Choice::Instance(expected));
    }
}

#[test]
fn a_static_port_is_exclusive_per_protocol() {
    let chain = [PlacementStrategy::BinpackCpu];
    let (tcp, udp) = ([(80, Protocol::Tcp)], [(80, Protocol::Udp)]);
    let mut cluster = Cluster::new();
    cluster.add(A1, 0, 4096, 8192);
    let demand = Demand { ports: &tcp, ..DEMAND };
    cluster.fleet.place(A1, &demand, cluster.group);
    let request = cluster.request(demand, &chain, &[], 0);
    assert_eq!(cluster.fleet.choose(&request), Choice::Nowhere);
    let taken = Rejections { port: 1, ..Rejections::default() };
    assert_eq!(cluster.fleet.rejections(&request), taken);
    assert_eq!(taken.main_reason(), Some("is already using a port required by your task"));
    let request = cluster.request(Demand { ports: &udp, ..DEMAND }, &chain, &[], 0);
    assert_eq!(cluster.fleet.choose(&request), Choice::Instance(A1));
}

#[test]
fn ports_of_the_agent_and_the_hundred_and_first_are_refused() {
    let mut cluster = Cluster::new();
    cluster.add(A1, 0, 4096, 8192);
    let mut fits = |ports: &[(u16, Protocol)]| {
        let request = cluster.request(Demand { ports, ..DEMAND }, &[], &[], 0);
        cluster.fleet.choose(&request) == Choice::Instance(A1)
    };
    for port in AGENT_PORTS {
        assert!(!fits(&[(port, Protocol::Tcp)]), "{port} is the agent's");
        assert!(fits(&[(port, Protocol::Udp)]), "{port} is free in UDP");
    }
    let many: Vec<_> = (1000..1095).map(|port| (port, Protocol::Tcp)).collect();
    assert!(fits(&many[..94]), "with the agent's six they are a hundred");
    assert!(!fits(&many));
}

#[test]
fn awsvpc_tasks_are_limited_by_network_interfaces() {
    let mut cluster = Cluster::new();
    cluster.add(A1, 0, 4096, 8192);
    let demand = Demand { network_interfaces: 1, ..DEMAND };
    let request = cluster.request(demand, &[PlacementStrategy::BinpackCpu], &[], 0);
    assert_eq!(cluster.fleet.choose(&request), Choice::Instance(A1));
    cluster.fleet.place(A1, &demand, cluster.group);
    assert_eq!(cluster.fleet.choose(&request), Choice::Nowhere);
    let full = Rejections { network_interface: 1, ..Rejections::default() };
    assert_eq!(cluster.fleet.rejections(&request), full);
    cluster.fleet.remove(A1, &demand, cluster.group);
    assert_eq!(cluster.fleet.choose(&request), Choice::Instance(A1));
}

#[test]
fn instances_without_an_attribute_spread_as_one_value() {
    let mut cluster = Cluster::new();
    let shape = shape(4096, 8192);
    for (id, rack) in [(A1, None), (A2, None), (B1, Some("r1")), (C1, Some("r2"))] {
        let mut attributes = Attributes::default();
        if let Some(rack) = rack {
            attributes.set("rack", rack);
        }
        // Two zones: the value decides, not the pool.
        let slot = Slot::new(id, ZoneId(id.0 % 2), &shape, 0);
        let group = AsgId(0);
        cluster.fleet.register(NewInstance { group, shape: &shape, attributes: &attributes, slot });
    }
    let chain = [PlacementStrategy::SpreadAttribute("rack".into()), PlacementStrategy::FirstFit];
    let mut order = Vec::new();
    for _ in 0..6 {
        let request = cluster.request(DEMAND, &chain, &[], 0);
        let Choice::Instance(instance) = cluster.fleet.choose(&request) else {
            unreachable!("there is room")
        };
        cluster.fleet.place(instance, &DEMAND, cluster.group);
        order.push(instance);
    }
    assert_eq!(order, [A1, B1, C1, A1, B1, C1]);
}

#[test]
fn an_instance_that_drains_keeps_its_tasks_and_gets_no_more() {
    let mut cluster = cluster();
    let chain = [PlacementStrategy::BinpackMemory];
    cluster.fleet.set_eligible(A1, Eligibility::Draining);
    assert_eq!(cluster.ask(&chain, &[], 0), Choice::Instance(A2));
    assert_eq!(cluster.fleet.tasks_on_instance(cluster.group, A1), 2);
    cluster.fleet.set_eligible(A2, Eligibility::AgentDisconnected);
    cluster.fleet.set_eligible(B1, Eligibility::AgentDisconnected);
    assert_eq!(cluster.ask(&chain, &[], 0), Choice::Nowhere);
    let request = cluster.request(DEMAND, &chain, &[], 0);
    let rejections = cluster.fleet.rejections(&request);
    assert_eq!(rejections, Rejections { agent: 2, cpu: 1, ..Rejections::default() });
    assert_eq!(rejections.main_reason(), Some("encountered error \"AGENT\""));
    cluster.fleet.set_eligible(A1, Eligibility::Active);
    assert_eq!(cluster.ask(&chain, &[], 0), Choice::Instance(A1));
}

#[test]
fn an_explanation_ranks_the_candidates_and_names_what_the_others_lack() {
    let mut cluster = cluster();
    let chain = [
        PlacementStrategy::SpreadZone,
        PlacementStrategy::BinpackMemory,
        PlacementStrategy::SpreadZone,
        PlacementStrategy::Random,
        PlacementStrategy::BinpackCpu,
    ];
    let request = cluster.request(
        DEMAND,
        &chain,
        &[member_of("not(ec2InstanceId == i-00000000000000001)")],
        0,
    );
    let explanation = cluster.fleet.explain(&request);
    assert_eq!(explanation.strategy, chain[..2]);
    assert!(explanation.random);
    let ranking: Vec<_> =
        explanation.candidates.iter().map(|it| (it.instance, it.scores.clone())).collect();
    assert_eq!(ranking, [(B1, vec![1, 7000]), (A1, vec![2, 2000])]);
    assert_eq!(explanation.tied(), 1);
    assert_eq!(explanation.rejected, [(A2, Rejection::MemberOf(0)), (C1, Rejection::Cpu)]);
    assert_eq!(cluster.fleet.choose(&request), Choice::Instance(B1));
}

#[test]
fn shipped_strategies_prefer_what_their_names_say() {
    let registry = StrategyRegistry::default();
    let names: Vec<&str> = registry.names().collect();
    assert_eq!(names, ["dot-product", "first-fit", "l2-best-fit", "worst-fit"]);
    // Much CPU, much memory, a little of both.
    let mut cluster = Cluster::new();
    cluster.add(A1, 0, 2048, 8192);
    cluster.add(A2, 0, 2048, 8192);
    cluster.add(B1, 0, 2048, 8192);
    let used =
        |cpu, memory| Demand { cpu: Cpu::from_ecs_units(cpu), memory: Mib::new(memory), ..DEMAND };
    cluster.fleet.place(A1, &used(0, 6144), cluster.group);
    cluster.fleet.place(A2, &used(1024, 0), cluster.group);
    cluster.fleet.place(B1, &used(1024, 6144), cluster.group);
    let mut ask = |name: &str, cpu, memory| {
        let chain = [registry.get(name).expect("it is shipped").clone()];
        assert!(!chain[0].is_of_ecs());
        let request = cluster.request(used(cpu, memory), &chain, &[], 0);
        cluster.fleet.choose(&request)
    };
    assert_eq!(ask("first-fit", 512, 512), Choice::Instance(A1));
    assert_eq!(ask("first-fit", 512, 4096), Choice::Instance(A2));
    assert_eq!(ask("worst-fit", 512, 512), Choice::Instance(A2));
    assert_eq!(ask("dot-product", 1024, 64), Choice::Instance(A1), "CPU is in plenty there");
    assert_eq!(ask("dot-product", 64, 2048), Choice::Instance(A2), "memory is in plenty there");
    assert_eq!(ask("l2-best-fit", 512, 1024), Choice::Instance(B1), "least is left over");
    assert_eq!(ask("l2-best-fit", 2048, 1024), Choice::Instance(A1));
}

#[test]
fn shapes_beyond_32_bits_are_scanned() {
    let mut cluster = Cluster::new();
    cluster.add(A1, 0, u32::MAX, u64::MAX / 2);
    cluster.add(A2, 0, u32::MAX, u64::MAX / 2 - 1);
    cluster.add(B1, 1, 2048, 7000);
    let all_but_one = Demand { memory: Mib::new(u64::MAX / 2), ..DEMAND };
    let request = cluster.request(all_but_one, &[PlacementStrategy::BinpackMemory], &[], 0);
    for recurrence in [Recurrence::OwnSize, Recurrence::Definition] {
        let request = PlacementRequest { recurrence, ..request };
        assert_eq!(cluster.fleet.choose(&request), Choice::Instance(A1));
    }
    assert_eq!(cluster.ask(&[PlacementStrategy::WorstFit], &[], 0), Choice::Instance(A1));
    assert_eq!(cluster.ask(&[PlacementStrategy::BinpackMemory], &[], 0), Choice::Instance(B1));
}

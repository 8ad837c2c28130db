//! A demand that found no room is asked for again: the short way decides as a full look.

use super::*;
use crate::engine::StreamKey;

/// Task groups of the cluster.
const GROUPS: u64 = 3;

/// Full instances change one by one while many sizes wait, under rules that look at room only, at the
/// tasks beside, at the number of tasks, and at one Auto Scaling group.
#[test]
fn a_failure_is_remembered_until_an_instance_that_changed_has_room() {
    let (mut nowhere, mut short) = (0, 0);
    for history in 0..60 {
        let key = StreamKey::new(history, 0, "failures", 0);
        let mut fleet = Fleet::new(2, 3);
        let groups: Vec<_> = (0..GROUPS).map(|it| fleet.add_group(&format!("g:{it}"))).collect();
        let constraints = [
            vec![],
            vec![PlacementConstraint::DistinctInstance],
            vec![member_of("task:group == g:1")],
            vec![member_of("runningTasksCount > 2")],
        ];
        let mut running: Vec<(InstanceId, Demand<'_>, TaskGroupId)> = Vec::new();
        let mut next = 0;
        let mut draws = 0;
        let mut draw = |below: u64| {
            draws += 1;
            key.at(draws) % below
        };
        for step in 0..500 {
            match draw(12) {
                0 if next < 24 => {
                    let zone = draw(3);
                    let shape = shape(2048, 4096);
                    let mut attributes = Attributes::default();
                    attributes.set(AVAILABILITY_ZONE, ["az-a", "az-b", "az-c"][zone as usize]);
                    let slot = Slot::new(InstanceId(next), ZoneId(zone as u32), &shape, 0);
                    next += 1;
                    let (group, attributes) = (AsgId(draw(2) as u32), &attributes);
                    fleet.register(NewInstance { group, shape: &shape, attributes, slot });
                }
                1 if next > 0 => {
                    let states = [
                        Eligibility::Active,
                        Eligibility::Active,
                        Eligibility::Draining,
                        Eligibility::AgentDisconnected,
                    ];
                    let instance = InstanceId(draw(next.into()) as u32);
                    fleet.set_eligible(instance, states[draw(4) as usize]);
                }
                2 if next > 12 && draw(6) == 0 => {
                    let gone = InstanceId(draw(next.into()) as u32);
                    fleet.deregister(gone);
                }
                3 | 4 if !running.is_empty() => {
                    let at = draw(running.len() as u64) as usize;
                    let (instance, demand, group) = running.swap_remove(at);
                    fleet.remove(instance, &demand, group);
                }
                _ => {}
            }
            for _ in 0..4 {
                let demand = Demand {
                    cpu: Cpu::from_ecs_units(200 + 40 * draw(10) as u32),
                    memory: Mib::new(300 + 70 * draw(10)),
                    ..DEMAND
                };
                let group = groups[draw(GROUPS) as usize];
                let constraints = &constraints[draw(4) as usize];
                let rule = fleet.rule(&[PlacementStrategy::BinpackMemory], constraints, group);
                let request = PlacementRequest {
                    demand,
                    recurrence: Recurrence::OwnSize,
                    rule,
                    group: [None, None, Some(AsgId(1))][draw(3) as usize],
                    random_bits: 0,
                };
                let known = fleet.still_nowhere(&request);
                let expected = fleet.explain(&request).candidates.first().map(|it| it.instance);
                let rejections = fleet.rejections(&request);
                let choice = fleet.choose(&request);
                assert_eq!(
                    choice,
                    expected.map_or(Choice::Nowhere, Choice::Instance),
                    "step {step} of history {history}"
                );
                let refused: Vec<_> = fleet.explain(&request).rejected;
                let mut recounted = Rejections::default();
                for (_, reason) in refused {
                    recounted.add(reason);
                }
                assert_eq!(rejections, recounted);
                // Counted another way now.
                assert_eq!(fleet.rejections(&request), recounted);
                short += u32::from(known);
                match choice {
                    Choice::Instance(instance) => {
                        fleet.place(instance, &demand, group);
                        running.push((instance, demand, group));
                    }
                    Choice::Nowhere => nowhere += 1,
                }
            }
        }
        fleet.check();
    }
    assert!(nowhere > 10_000 && short > 1000, "{nowhere} failures, {short} of them known before");
}

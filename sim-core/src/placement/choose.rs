//! The instance for one task.

use super::fleet::{Demand, GroupTasks, Slot};
use super::{PlacementConstraint, PlacementStrategy};
use crate::units::InstanceId;

/// Strategies per chain that ECS accepts.
pub const MAX_STRATEGIES: usize = 5;

/// A question to [`choose`].
#[derive(Clone, Copy, Debug)]
pub struct PlacementRequest<'a> {
    /// What the task reserves.
    pub demand: Demand<'a>,
    /// Strategy chain, at most [`MAX_STRATEGIES`] links; the default must be filled in.
    pub strategy: &'a [PlacementStrategy],
    /// Constraints.
    pub constraints: &'a [PlacementConstraint],
    /// Tasks of the same group.
    pub group: &'a GroupTasks,
    /// 64 uniform bits, used only by `random`.
    pub random_bits: u64,
}

/// How many instances were dropped for which reason. An instance counts once, for the first reason
/// that applies in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rejections {
    /// Not enough CPU.
    pub cpu: u32,
    /// Not enough memory.
    pub memory: u32,
    /// Other architecture or operating system.
    pub attribute: u32,
    /// Not enough GPUs.
    pub gpu: u32,
    /// No network interface left.
    pub network_interface: u32,
    /// A static host port is in use.
    pub port: u32,
    /// A placement constraint does not hold.
    pub constraint: u32,
}

impl Rejections {
    /// Instances looked at and dropped.
    pub fn total(&self) -> u32 {
        self.attribute
            + self.cpu
            + self.memory
            + self.gpu
            + self.network_interface
            + self.port
            + self.constraint
    }

    /// Counts by reason, in the words of ECS's service events.
    pub fn reasons(&self) -> [(u32, &'static str); 7] {
        [
            (self.memory, "has insufficient memory available"),
            (self.cpu, "has insufficient CPU units available"),
            (self.port, "is already using a port required by your task"),
            (self.network_interface, "encountered error \"RESOURCE:ENI\""),
            (self.gpu, "has insufficient GPU resource available"),
            (self.constraint, "does not satisfy a placement constraint"),
            (self.attribute, "is missing an attribute required by your task"),
        ]
    }

    /// The reason that dropped most instances, in the words of ECS's service events; `None` if
    /// there was no instance at all.
    pub fn main_reason(&self) -> Option<&'static str> {
        let reasons = self.reasons();
        // The first of equals wins, so that the message does not depend on iteration details.
        let mut best = (0, None);
        for (count, words) in reasons {
            if count > best.0 {
                best = (count, Some(words));
            }
        }
        best.1
    }
}

/// The answer of [`choose`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Place the task here.
    Instance(InstanceId),
    /// No instance passes; the counts say why.
    Nowhere(Rejections),
}

type Key = [u64; MAX_STRATEGIES];

/// Chooses an instance for one task: the lexicographic minimum of the chain's scores over the
/// instances that fit, then the lowest (tie rank, instance).
///
/// `random` in a chain ends it: one of the instances tied so far is taken, each with equal
/// probability, counted in order of instance id so that the answer does not depend on the order of
/// `slots`. Cost: one pass over `slots`. `ties` is scratch space that is only used by `random`.
pub fn choose<'s>(
    slots: impl Iterator<Item = &'s Slot>,
    request: &PlacementRequest<'_>,
    ties: &mut Vec<InstanceId>,
) -> Choice {
    let random_at = request.strategy.iter().position(|link| *link == PlacementStrategy::Random);
    let scored =
        &request.strategy[..random_at.unwrap_or(request.strategy.len()).min(MAX_STRATEGIES)];
    let distinct = request.constraints.contains(&PlacementConstraint::DistinctInstance);
    let mut rejections = Rejections::default();
    let mut best: Option<(Key, u64, InstanceId)> = None;
    ties.clear();
    for slot in slots {
        if let Some(count) = rejection(slot, request, distinct, &mut rejections) {
            *count += 1;
            continue;
        }
        let key = score(slot, scored, request.group);
        if random_at.is_some() {
            match &best {
                Some((best_key, ..)) if key > *best_key => continue,
                Some((best_key, ..)) if key == *best_key => {}
                _ => {
                    best = Some((key, 0, slot.instance));
                    ties.clear();
                }
            }
            ties.push(slot.instance);
        } else {
            let candidate = (key, slot.tie_rank, slot.instance);
            if best.as_ref().is_none_or(|best| candidate < *best) {
                best = Some(candidate);
            }
        }
    }
    if random_at.is_some() && !ties.is_empty() {
        let nth = (u128::from(request.random_bits) * ties.len() as u128) >> 64;
        let (_, chosen, _) = ties.select_nth_unstable(nth as usize);
        return Choice::Instance(*chosen);
    }
    match best {
        Some((_, _, instance)) => Choice::Instance(instance),
        None => Choice::Nowhere(rejections),
    }
}

/// The counter of the reason why `slot` cannot take the task, `None` if it can.
#[inline]
fn rejection<'r>(
    slot: &Slot,
    request: &PlacementRequest<'_>,
    distinct: bool,
    counts: &'r mut Rejections,
) -> Option<&'r mut u32> {
    let demand = &request.demand;
    if slot.free_cpu < demand.cpu {
        Some(&mut counts.cpu)
    } else if slot.free_memory < demand.memory {
        Some(&mut counts.memory)
    } else if slot.architecture != demand.architecture
        || slot.operating_system != demand.operating_system
    {
        Some(&mut counts.attribute)
    } else if slot.free_gpus < demand.gpus {
        Some(&mut counts.gpu)
    } else if slot.free_network_interfaces < demand.network_interfaces {
        Some(&mut counts.network_interface)
    } else if slot.port_conflict(demand.ports) {
        Some(&mut counts.port)
    } else if distinct && request.group.on_instance(slot.instance) > 0 {
        Some(&mut counts.constraint)
    } else {
        None
    }
}

#[inline]
fn score(slot: &Slot, links: &[PlacementStrategy], group: &GroupTasks) -> Key {
    let mut key = [0; MAX_STRATEGIES];
    for (score, link) in key.iter_mut().zip(links) {
        *score = match link {
            PlacementStrategy::BinpackCpu => slot.free_cpu.as_raw(),
            PlacementStrategy::BinpackMemory => slot.free_memory.as_mib(),
            PlacementStrategy::SpreadZone => u64::from(group.in_zone(slot.zone)),
            PlacementStrategy::SpreadInstance => u64::from(group.on_instance(slot.instance)),
            PlacementStrategy::Random => 0,
        };
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::placement::SERVICE_DEFAULT;
    use crate::scenario::{Architecture, InstanceShape, OperatingSystem, Protocol};
    use crate::units::{Cpu, Mib, ZoneId};

    const A1: InstanceId = InstanceId(0);
    const A2: InstanceId = InstanceId(1);
    const B1: InstanceId = InstanceId(2);
    const C1: InstanceId = InstanceId(3);

    fn slot(id: InstanceId, zone: u32, cpu_units: u32, memory: u64) -> Slot {
        let shape = InstanceShape {
            instance_type: String::new(),
            cpu: Cpu::from_ecs_units(cpu_units),
            memory: Mib::new(memory),
            gpus: 0,
            task_network_interfaces: 1,
            architecture: Architecture::X86_64,
            operating_system: OperatingSystem::Linux,
        };
        Slot::new(id, ZoneId(zone), &shape, 0)
    }

    /// The cluster of the worked example: remaining resources and tasks of the service.
    fn cluster() -> (Vec<Slot>, GroupTasks) {
        let slots = vec![
            slot(A1, 0, 1024, 2000),
            slot(A2, 0, 512, 3000),
            slot(B1, 1, 2048, 7000),
            slot(C1, 2, 256, 900),
        ];
        let mut group = GroupTasks::new(3);
        for (zone, instance, tasks) in [(0, A1, 2), (1, B1, 1), (2, C1, 1)] {
            for _ in 0..tasks {
                group.add(ZoneId(zone), Some(instance));
            }
        }
        (slots, group)
    }

    const DEMAND: Demand<'_> = Demand {
        cpu: Cpu::from_ecs_units(512),
        memory: Mib::new(1024),
        gpus: 0,
        network_interfaces: 0,
        ports: &[],
        architecture: Architecture::X86_64,
        operating_system: OperatingSystem::Linux,
    };

    fn ask(
        slots: &[Slot],
        group: &GroupTasks,
        strategy: &[PlacementStrategy],
        constraints: &[PlacementConstraint],
        random_bits: u64,
    ) -> Choice {
        let request =
            PlacementRequest { demand: DEMAND, strategy, constraints, group, random_bits };
        choose(slots.iter(), &request, &mut Vec::new())
    }

    #[track_caller]
    fn check(strategy: &[PlacementStrategy], expected: InstanceId) {
        let (mut slots, group) = cluster();
        assert_eq!(ask(&slots, &group, strategy, &[], 0), Choice::Instance(expected));
        slots.reverse();
        assert_eq!(
            ask(&slots, &group, strategy, &[], 0),
            Choice::Instance(expected),
            "the order of the slots must not matter"
        );
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
        let (slots, group) = cluster();
        let constraints = [PlacementConstraint::DistinctInstance];
        for strategy in [PlacementStrategy::BinpackMemory, PlacementStrategy::Random] {
            assert_eq!(ask(&slots, &group, &[strategy], &constraints, 0), Choice::Instance(A2));
        }
    }

    /// The zone of `memberOf(attribute:ecs.availability-zone == az-c)` holds only C1, which is too
    /// small: the candidates that the expression leaves are handed over as the slots.
    #[test]
    fn tv_16_only_zone_c_is_allowed() {
        let (slots, group) = cluster();
        let zone_c: Vec<Slot> = slots.into_iter().filter(|slot| slot.zone == ZoneId(2)).collect();
        let choice = ask(&zone_c, &group, &[PlacementStrategy::BinpackMemory], &[], 0);
        assert_eq!(choice, Choice::Nowhere(Rejections { cpu: 1, ..Rejections::default() }));
    }

    #[test]
    fn tv_17_service_default_avoids_the_zone_that_has_a_task() {
        let slots = [slot(A1, 0, 4096, 8000), slot(B1, 1, 4096, 8000), slot(C1, 2, 4096, 8000)];
        let mut group = GroupTasks::new(3);
        group.add(ZoneId(0), Some(A1));
        let choice = ask(&slots, &group, &SERVICE_DEFAULT, &[], 0);
        assert!(choice == Choice::Instance(B1) || choice == Choice::Instance(C1));
    }

    #[test]
    fn random_is_uniform_over_what_fits() {
        let (slots, group) = cluster();
        let mut counts = [0; 4];
        for step in 0..3000u64 {
            let bits = step.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            match ask(&slots, &group, &[PlacementStrategy::Random], &[], bits) {
                Choice::Instance(InstanceId(id)) => counts[id as usize] += 1,
                Choice::Nowhere(_) => unreachable!("three instances fit"),
            }
        }
        assert_eq!(counts[3], 0, "C1 does not fit");
        assert!(counts[..3].iter().all(|count| (950..1050).contains(count)), "{counts:?}");
    }

    #[test]
    fn random_after_a_spread_stays_inside_the_best_zone() {
        let (slots, mut group) = cluster();
        group.add(ZoneId(1), Some(B1));
        group.add(ZoneId(1), Some(B1));
        let chain = [PlacementStrategy::SpreadZone, PlacementStrategy::Random];
        let low = ask(&slots, &group, &chain, &[], 0);
        let high = ask(&slots, &group, &chain, &[], u64::MAX);
        assert_eq!((low, high), (Choice::Instance(A1), Choice::Instance(A2)));
    }

    #[test]
    fn the_lowest_rank_breaks_a_tie() {
        let mut slots = [slot(A1, 0, 1024, 2048), slot(A2, 0, 1024, 2048)];
        let group = GroupTasks::new(1);
        let strategy = [PlacementStrategy::BinpackCpu];
        assert_eq!(ask(&slots, &group, &strategy, &[], 0), Choice::Instance(A1));
        slots[0].tie_rank = 7;
        assert_eq!(ask(&slots, &group, &strategy, &[], 0), Choice::Instance(A2));
    }

    #[test]
    fn a_static_port_is_exclusive_per_protocol() {
        let ports = [(80, Protocol::Tcp)];
        let udp = [(80, Protocol::Udp)];
        let group = GroupTasks::new(1);
        let mut fleet = crate::placement::Fleet::new(1);
        fleet.register(crate::units::AsgId(0), slot(A1, 0, 4096, 8192));
        let demand = Demand { ports: &ports, ..DEMAND };
        fleet.reserve(A1, &demand);
        let ask = |demand| {
            let request = PlacementRequest {
                demand,
                strategy: &[PlacementStrategy::BinpackCpu],
                constraints: &[],
                group: &group,
                random_bits: 0,
            };
            choose(fleet.slots(None), &request, &mut Vec::new())
        };
        let taken = Rejections { port: 1, ..Rejections::default() };
        assert_eq!(ask(demand), Choice::Nowhere(taken));
        assert_eq!(ask(Demand { ports: &udp, ..DEMAND }), Choice::Instance(A1));
        assert_eq!(taken.main_reason(), Some("is already using a port required by your task"));
    }

    #[test]
    fn awsvpc_tasks_are_limited_by_network_interfaces() {
        let group = GroupTasks::new(1);
        let mut fleet = crate::placement::Fleet::new(1);
        fleet.register(crate::units::AsgId(0), slot(A1, 0, 4096, 8192));
        let demand = Demand { network_interfaces: 1, ..DEMAND };
        fleet.reserve(A1, &demand);
        let request = PlacementRequest {
            demand,
            strategy: &[PlacementStrategy::BinpackCpu],
            constraints: &[],
            group: &group,
            random_bits: 0,
        };
        let choice = choose(fleet.slots(None), &request, &mut Vec::new());
        let full = Rejections { network_interface: 1, ..Rejections::default() };
        assert_eq!(choice, Choice::Nowhere(full));
        fleet.release(A1, &demand);
        let choice = choose(fleet.slots(None), &request, &mut Vec::new());
        assert_eq!(choice, Choice::Instance(A1));
    }
}

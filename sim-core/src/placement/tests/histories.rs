//! Random histories of clusters: the index decides as the reference does, ties included.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseResult};

use super::naive::{Instance, Naive, Task, Wish};
use super::*;
use crate::scenario::Protocol;

/// Histories per test; there are four such tests.
const HISTORIES: u32 = 26_000;

const WEB: [(u16, Protocol); 1] = [(80, Protocol::Tcp)];
const TWO: [(u16, Protocol); 2] = [(80, Protocol::Udp), (81, Protocol::Tcp)];

fn demand(kind: u8, size: u8) -> (Demand<'static>, Recurrence) {
    let of =
        |cpu, memory| Demand { cpu: Cpu::from_ecs_units(cpu), memory: Mib::new(memory), ..DEMAND };
    let demand = match kind % 10 {
        0 => of(256, 512),
        1 => of(512, 256),
        2 => Demand { ports: &WEB, ..of(256, 256) },
        3 => Demand { ports: &TWO, ..of(128, 512) },
        4 => Demand { network_interfaces: 1, ..of(256, 256) },
        5 => Demand { gpus: 1, ..of(128, 128) },
        6 => Demand { architecture: Architecture::Arm64, ..of(256, 512) },
        7 => of(0, 0),
        // Sizes of their own, a few of which come again often.
        8 => {
            return (
                of(64 * (u32::from(size) % 12), 100 * (u64::from(size) % 9)),
                Recurrence::OwnSize,
            );
        }
        _ => {
            let demand = Demand { network_interfaces: u32::from(size % 2), ..of(256, 512) };
            return (demand, Recurrence::OwnSize);
        }
    };
    (demand, Recurrence::Definition)
}

fn kind_of_instance(kind: u8) -> (InstanceShape, Attributes) {
    let mut attributes = Attributes::default();
    let shape = match kind % 4 {
        0 => shape(1024, 2048),
        1 => {
            attributes.set("rack", "r1");
            InstanceShape { gpus: 2, task_network_interfaces: 3, ..shape(768, 1024) }
        }
        2 => {
            attributes.set("rack", "r2");
            shape(1024, 2048)
        }
        _ => InstanceShape { architecture: Architecture::Arm64, ..shape(512, 4096) },
    };
    (shape, attributes)
}

/// Fewest free GPUs, then CPU of odd vCPUs: scores with many ties, some negative.
struct Odd;

impl PlacementScore for Odd {
    fn score(&self, instance: &InstanceView<'_>, demand: &Demand<'_>) -> i64 {
        let left = instance.slot.free_cpu.as_ecs_units() - demand.cpu.as_ecs_units();
        i64::from(instance.group_tasks_in_zone % 2) - (left / 256 % 3) as i64
    }
}

fn link(kind: u8, odd: &CustomStrategy) -> PlacementStrategy {
    match kind % 10 {
        0 => PlacementStrategy::BinpackCpu,
        1 => PlacementStrategy::BinpackMemory,
        2 | 3 => PlacementStrategy::SpreadZone,
        4 => PlacementStrategy::SpreadAttribute("rack".into()),
        5 | 6 => PlacementStrategy::SpreadInstance,
        7 => PlacementStrategy::Random,
        8 => PlacementStrategy::WorstFit,
        _ if kind.is_multiple_of(3) => PlacementStrategy::FirstFit,
        _ => PlacementStrategy::Custom(odd.clone()),
    }
}

const EXPRESSIONS: [&str; 6] = [
    "attribute:ecs.availability-zone in [az-a, az-c]",
    "attribute:rack exists",
    "runningTasksCount < 2",
    "not(task:group == service:b)",
    "task:group == service:a or attribute:rack == r1",
    "ec2InstanceId != i-00000000000000002 and agentVersion > 1.9",
];

fn constraints(kind: u8) -> Vec<PlacementConstraint> {
    let expression = |at: u8| member_of(EXPRESSIONS[usize::from(at) % EXPRESSIONS.len()]);
    match kind % 16 {
        0..=8 => Vec::new(),
        9 | 10 => vec![PlacementConstraint::DistinctInstance],
        11 => vec![PlacementConstraint::DistinctInstance, expression(kind / 16)],
        12 => vec![expression(kind / 16), expression(kind / 16 + 1)],
        _ => vec![expression(kind / 16)],
    }
}

/// One step: what, and three numbers that say which.
type Step = (u8, u8, u8, u8);

#[derive(Clone, Debug)]
struct History {
    /// Whether ranks or ids break ties.
    ranked: bool,
    /// Chain and constraints of three rules.
    rules: Vec<(Vec<u8>, u8)>,
    instances: u8,
    steps: Vec<Step>,
}

fn history(
    instances: std::ops::Range<u8>,
    steps: std::ops::Range<usize>,
) -> impl Strategy<Value = History> {
    let rule = (prop::collection::vec(any::<u8>(), 0..6), any::<u8>());
    let step = (0..16_u8, any::<u8>(), any::<u8>(), any::<u8>());
    (
        any::<bool>(),
        prop::collection::vec(rule, 1..4),
        instances,
        prop::collection::vec(step, steps),
    )
        .prop_map(|(ranked, rules, instances, steps)| History {
            ranked,
            rules,
            instances,
            steps,
        })
}

struct Player<'h> {
    history: &'h History,
    naive: Naive,
    fleet: Fleet,
    rules: Vec<(Vec<PlacementStrategy>, Vec<PlacementConstraint>)>,
    groups: [TaskGroupId; 2],
    next: u32,
}

impl<'h> Player<'h> {
    fn new(history: &'h History, odd: &CustomStrategy) -> Self {
        let mut fleet = Fleet::new(2, 3);
        let names = ["service:a", "service:b"];
        let groups = names.map(|name| fleet.add_group(name));
        let naive = Naive { groups: names.map(String::from).to_vec(), ..Naive::default() };
        let rule = |(chain, kind): &(Vec<u8>, u8)| {
            (chain.iter().map(|kind| link(*kind, odd)).collect(), constraints(*kind))
        };
        let rules = history.rules.iter().map(rule).collect();
        let mut player = Self { history, naive, fleet, rules, groups, next: 0 };
        for index in 0..history.instances {
            player.register(index.wrapping_mul(5), index / 2);
        }
        player
    }

    fn register(&mut self, kind: u8, zone: u8) {
        let (shape, mut attributes) = kind_of_instance(kind);
        let (asg, zone) = (AsgId(u32::from(kind / 4 % 2)), ZoneId(u32::from(zone % 3)));
        attributes.set(AVAILABILITY_ZONE, ["az-a", "az-b", "az-c"][zone.0 as usize]);
        let id = InstanceId(self.next);
        self.next += 1;
        let tie_rank = if self.history.ranked { u64::from(kind % 8) << 40 } else { 0 };
        let slot = Slot::new(id, zone, &shape, tie_rank);
        self.fleet.register(NewInstance {
            group: asg,
            shape: &shape,
            attributes: &attributes,
            slot,
        });
        let eligibility = Eligibility::Active;
        let instance =
            Instance { asg, zone, shape, attributes, tie_rank, eligibility, registered: true };
        self.naive.register(id, instance);
    }

    fn pick(&self, at: u8) -> Option<InstanceId> {
        let ids: Vec<_> = self.naive.instances.keys().collect();
        ids.get(usize::from(at) % ids.len().max(1)).map(|id| **id)
    }

    fn place(&mut self, which: u8, kind: u8, bits: u8) -> TestCaseResult {
        let (demand, recurrence) = demand(kind, bits);
        let (strategy, constraints) = self.rules[usize::from(which) % self.rules.len()].clone();
        let group = self.groups[usize::from(which / 8 % 2)];
        let asg = [None, None, Some(AsgId(0)), Some(AsgId(1))][usize::from(which / 16 % 4)];
        let random_bits = u64::from(bits).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let rule = self.fleet.rule(&strategy, &constraints, group);
        let request = PlacementRequest { demand, recurrence, rule, group: asg, random_bits };
        let (strategy, constraints) = (&strategy[..], &constraints[..]);
        let wish = Wish { demand, recurrence, strategy, constraints, group, asg, random_bits };
        let (expected, rejections) = self.naive.choose(&wish, &self.fleet);
        let choice = self.fleet.choose(&request);
        prop_assert_eq!(choice, expected, "{:?} {:?} {:?}", strategy, constraints, demand);
        match choice {
            Choice::Nowhere => prop_assert_eq!(self.fleet.rejections(&request), rejections),
            Choice::Instance(instance) => {
                if bits.is_multiple_of(4) {
                    let explanation = self.fleet.explain(&request);
                    let place =
                        explanation.candidates.iter().position(|it| it.instance == instance);
                    let last = if explanation.random { explanation.tied() } else { 1 };
                    prop_assert!(place.is_some_and(|place| place < last), "{:?}", explanation);
                }
                self.fleet.place(instance, &demand, group);
                let task = Task { instance, group, demand, reserved: true, counted: true };
                self.naive.tasks.push(task);
            }
        }
        Ok(())
    }

    fn stop(&mut self, which: u8, how: u8) {
        if self.naive.tasks.is_empty() {
            return;
        }
        let at = usize::from(which) % self.naive.tasks.len();
        let task = &mut self.naive.tasks[at];
        let zone = self.naive.instances[&task.instance].zone;
        match (how % 4, task.counted, task.reserved) {
            (0 | 1, true, true) => {
                self.fleet.remove(task.instance, &task.demand, task.group);
                (task.counted, task.reserved) = (false, false);
            }
            (0..=2, true, _) => {
                self.fleet.uncount(task.group, zone, Some(task.instance));
                task.counted = false;
            }
            _ if task.reserved => {
                self.fleet.release(task.instance, &task.demand);
                task.reserved = false;
            }
            _ => {}
        }
        self.naive.tasks.retain(|task| task.counted || task.reserved);
    }

    fn step(&mut self, (what, a, b, c): Step) -> TestCaseResult {
        match what {
            0 => self.register(a, b),
            1 => {
                if let Some(id) = self.pick(a) {
                    self.fleet.deregister(id);
                    // What the tasks reserved goes with it; their counts stay until they stop.
                    for task in self.naive.tasks.iter_mut().filter(|task| task.instance == id) {
                        task.reserved = false;
                    }
                    self.naive.tasks.retain(|task| task.counted || task.reserved);
                    self.naive.deregister(id);
                }
            }
            2 => {
                if let Some(id) = self.pick(a)
                    && let Some(instance) = self.naive.instances.get_mut(&id)
                    && instance.registered
                {
                    instance.eligibility = match b % 3 {
                        0 => Eligibility::Draining,
                        1 => Eligibility::AgentDisconnected,
                        _ => Eligibility::Active,
                    };
                    self.fleet.set_eligible(id, instance.eligibility);
                }
            }
            3..=6 => self.stop(a, b),
            _ => self.place(a, b, c)?,
        }
        Ok(())
    }

    fn check(&self) {
        self.fleet.check();
        for (id, instance) in &self.naive.instances {
            let Some(slot) = self.fleet.slot(*id) else {
                assert!(!instance.registered, "{id} is known");
                continue;
            };
            let free = [
                slot.free_cpu.as_raw(),
                slot.free_memory.as_mib(),
                slot.free_gpus.into(),
                slot.free_network_interfaces.into(),
            ];
            assert_eq!(free, self.naive.free(*id), "what is free on {id}");
        }
    }
}

fn play(history: &History) -> TestCaseResult {
    let odd = CustomStrategy::new("odd", Odd);
    let mut player = Player::new(history, &odd);
    for step in &history.steps {
        player.step(*step)?;
    }
    player.check();
    Ok(())
}

fn config(cases: u32) -> Config {
    Config { cases, max_shrink_iters: 20_000, failure_persistence: None, ..Config::default() }
}

proptest! {
    #![proptest_config(config(HISTORIES))]

    #[test]
    fn short_histories_of_small_clusters(history in history(1..6, 1..10)) {
        play(&history)?;
    }

    #[test]
    fn short_histories_of_some_instances(history in history(4..10, 1..10)) {
        play(&history)?;
    }

    #[test]
    fn histories_of_small_clusters(history in history(1..5, 6..20)) {
        play(&history)?;
    }

    #[test]
    fn histories_that_begin_empty(history in history(0..1, 1..16)) {
        play(&history)?;
    }
}

proptest! {
    #![proptest_config(config(48))]

    /// Orders of several blocks.
    #[test]
    fn long_histories_of_large_clusters(history in history(200..255, 300..600)) {
        play(&history)?;
    }
}

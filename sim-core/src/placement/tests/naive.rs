//! Placement as its definition has it: one pass over all instances, everything counted anew. The
//! reference for the index.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::*;
use crate::engine::splitmix64;
use crate::scenario::Protocol;

/// An instance of the reference.
#[derive(Clone, Debug)]
pub(super) struct Instance {
    pub(super) asg: AsgId,
    pub(super) zone: ZoneId,
    pub(super) shape: InstanceShape,
    pub(super) attributes: Attributes,
    pub(super) tie_rank: u64,
    pub(super) eligibility: Eligibility,
    pub(super) registered: bool,
}

/// Instances of one Auto Scaling group that are alike in zone, shape and attributes, in the order in
/// which draws count them: that of registration, the last one in the place of one that left.
#[derive(Clone, Debug)]
pub(super) struct Alike {
    pub(super) first: Instance,
    pub(super) members: Vec<InstanceId>,
}

impl Alike {
    fn has(&self, it: &Instance) -> bool {
        let first = &self.first;
        (first.asg, first.zone) == (it.asg, it.zone)
            && first.shape == it.shape
            && first.attributes == it.attributes
    }
}

/// A task of the reference.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) instance: InstanceId,
    pub(super) group: TaskGroupId,
    pub(super) demand: Demand<'static>,
    pub(super) reserved: bool,
    pub(super) counted: bool,
}

/// The reference: lists, and nothing derived from them.
#[derive(Clone, Debug, Default)]
pub(super) struct Naive {
    pub(super) instances: BTreeMap<InstanceId, Instance>,
    pub(super) alike: Vec<Alike>,
    pub(super) tasks: Vec<Task>,
    pub(super) groups: Vec<String>,
}

/// What to place, without any id of the index.
pub(super) struct Wish<'a> {
    pub(super) demand: Demand<'static>,
    pub(super) recurrence: Recurrence,
    pub(super) strategy: &'a [PlacementStrategy],
    pub(super) constraints: &'a [PlacementConstraint],
    pub(super) group: TaskGroupId,
    pub(super) asg: Option<AsgId>,
    pub(super) random_bits: u64,
}

struct NaiveFacts<'a> {
    naive: &'a Naive,
    id: InstanceId,
    instance: &'a Instance,
}

impl InstanceFacts for NaiveFacts<'_> {
    fn attribute(&self, name: &str) -> Option<&str> {
        self.instance.attributes.get(name)
    }
    fn agent_connected(&self) -> bool {
        self.instance.eligibility != Eligibility::AgentDisconnected
    }
    fn agent_version(&self) -> &str {
        self.instance.attributes.agent_version()
    }
    fn ec2_instance_id(&self) -> Cow<'_, str> {
        format!("i-{:017x}", self.id.0).into()
    }
    fn registered_at(&self) -> i64 {
        0
    }
    fn running_tasks_count(&self) -> u32 {
        self.naive.on(self.id).filter(|task| task.reserved).count() as u32
    }
    fn hosts_group(&self, group: &str) -> bool {
        let named = |task: &Task| self.naive.groups[task.group.0 as usize] == group;
        self.naive.on(self.id).any(|task| task.counted && named(task))
    }
}

impl Naive {
    pub(super) fn register(&mut self, id: InstanceId, instance: Instance) {
        match self.alike.iter_mut().find(|alike| alike.has(&instance)) {
            Some(alike) => alike.members.push(id),
            None => self.alike.push(Alike { first: instance.clone(), members: vec![id] }),
        }
        self.instances.insert(id, instance);
    }

    pub(super) fn deregister(&mut self, id: InstanceId) {
        for alike in &mut self.alike {
            if let Some(at) = alike.members.iter().position(|member| *member == id) {
                alike.members.swap_remove(at);
            }
        }
        if let Some(instance) = self.instances.get_mut(&id) {
            instance.registered = false;
        }
    }

    fn on(&self, id: InstanceId) -> impl Iterator<Item = &Task> {
        self.tasks.iter().filter(move |task| task.instance == id)
    }

    /// Free CPU, memory, GPUs, interfaces.
    pub(super) fn free(&self, id: InstanceId) -> [u64; 4] {
        let shape = &self.instances[&id].shape;
        let mut free = [
            shape.cpu.as_raw(),
            shape.memory.as_mib(),
            shape.gpus.into(),
            shape.task_network_interfaces.into(),
        ];
        for task in self.on(id).filter(|task| task.reserved) {
            for (free, used) in free.iter_mut().zip(amounts(&task.demand)) {
                *free -= used;
            }
        }
        free
    }

    fn counted(&self, group: TaskGroupId, here: impl Fn(&Instance, InstanceId) -> bool) -> u64 {
        let counts = |task: &&Task| {
            task.counted
                && task.group == group
                && here(&self.instances[&task.instance], task.instance)
        };
        self.tasks.iter().filter(counts).count() as u64
    }

    fn rejection(&self, id: InstanceId, wish: &Wish<'_>) -> Option<Rejection> {
        let instance = &self.instances[&id];
        let demand = &wish.demand;
        match instance.eligibility {
            Eligibility::Draining => return Some(Rejection::Draining),
            Eligibility::AgentDisconnected => return Some(Rejection::Agent),
            Eligibility::Active => {}
        }
        let [cpu, memory, gpus, interfaces] =
            std::array::from_fn(|at| amounts(demand)[at] <= self.free(id)[at]);
        let taken: Vec<(u16, Protocol)> = self
            .on(id)
            .filter(|task| task.reserved)
            .flat_map(|task| task.demand.ports.iter().copied())
            .chain(AGENT_PORTS.map(|port| (port, Protocol::Tcp)))
            .collect();
        let ports = demand.ports.is_empty()
            || (demand.ports.iter().all(|port| !taken.contains(port))
                && taken.len() + demand.ports.len() <= 100);
        let hosts = self.counted(wish.group, |_, it| it == id) > 0;
        let distinct = !wish.constraints.contains(&PlacementConstraint::DistinctInstance) || !hosts;
        let platform = (instance.shape.architecture, instance.shape.operating_system)
            == (demand.architecture, demand.operating_system);
        let facts = NaiveFacts { naive: self, id, instance };
        let expressions = wish.constraints.iter().filter_map(PlacementConstraint::expression);
        let fails = expressions.map(|it| it.matches(&facts)).position(|holds| !holds);
        [
            (cpu, Rejection::Cpu),
            (memory, Rejection::Memory),
            (platform, Rejection::Attribute),
            (gpus, Rejection::Gpu),
            (interfaces, Rejection::NetworkInterface),
            (ports, Rejection::Port),
            (distinct, Rejection::DistinctInstance),
            (fails.is_none(), Rejection::MemberOf(fails.unwrap_or(0))),
        ]
        .into_iter()
        .find(|(met, _)| !met)
        .map(|(_, rejection)| rejection)
    }

    fn score(
        &self,
        id: InstanceId,
        link: &PlacementStrategy,
        wish: &Wish<'_>,
        fleet: &Fleet,
    ) -> u64 {
        let instance = &self.instances[&id];
        let group = wish.group;
        match link {
            PlacementStrategy::BinpackCpu => self.free(id)[0],
            PlacementStrategy::BinpackMemory => self.free(id)[1],
            PlacementStrategy::WorstFit => u64::MAX - self.free(id)[1],
            PlacementStrategy::SpreadZone => self.counted(group, |it, _| it.zone == instance.zone),
            PlacementStrategy::SpreadAttribute(name) => self
                .counted(group, |it, _| it.attributes.get(name) == instance.attributes.get(name)),
            PlacementStrategy::SpreadInstance => self.counted(group, |_, it| it == id),
            PlacementStrategy::FirstFit => id.0.into(),
            PlacementStrategy::Custom(custom) => {
                let slot = fleet.slot(id).expect("a candidate is registered");
                let view = InstanceView {
                    slot,
                    shape: &instance.shape,
                    attributes: &instance.attributes,
                    group_tasks: self.counted(group, |_, it| it == id) as u32,
                    group_tasks_in_zone: self.counted(group, |it, _| it.zone == instance.zone)
                        as u32,
                };
                custom.score(&view, &wish.demand)
            }
            PlacementStrategy::Random => unreachable!("the chain ends before"),
        }
    }

    /// The decision, and the counts of what was dropped.
    pub(super) fn choose(&self, wish: &Wish<'_>, fleet: &Fleet) -> (Choice, Rejections) {
        let chain = &wish.strategy[..wish.strategy.len().min(5)];
        let random = chain.iter().position(|link| *link == PlacementStrategy::Random);
        let mut rejections = Rejections::default();
        let mut candidates: Vec<(Vec<u64>, u64, InstanceId)> = Vec::new();
        for (id, instance) in &self.instances {
            if !instance.registered || wish.asg.is_some_and(|asg| asg != instance.asg) {
                continue;
            }
            if let Some(rejection) = self.rejection(*id, wish) {
                rejections.add(rejection);
                continue;
            }
            let links = chain[..random.unwrap_or(chain.len())].iter();
            let scores = links.map(|link| self.score(*id, link, wish, fleet)).collect();
            candidates.push((scores, instance.tie_rank, *id));
        }
        let Some(best) = candidates.iter().min().cloned() else {
            return (Choice::Nowhere, rejections);
        };
        if random.is_none() {
            return (Choice::Instance(best.2), rejections);
        }
        let mut tied: Vec<InstanceId> =
            candidates.iter().filter(|it| it.0 == best.0).map(|it| it.2).collect();
        tied.sort_unstable();
        let links = &chain[..random.unwrap_or(chain.len())];
        if let Some(drawn) = self.draw(links, &best.0, &tied, wish, fleet) {
            return (Choice::Instance(drawn), rejections);
        }
        let nth = (u128::from(wish.random_bits) * tied.len() as u128) >> 64;
        (Choice::Instance(tied[nth as usize]), rejections)
    }

    /// For a size of its own and a chain that spreads over zones and attributes: the first of 64
    /// draws that is tied, from the instances of all kinds that share the best scores and that the
    /// constraints do not rule out for good.
    fn draw(
        &self,
        links: &[PlacementStrategy],
        best: &[u64],
        tied: &[InstanceId],
        wish: &Wish<'_>,
        fleet: &Fleet,
    ) -> Option<InstanceId> {
        let by_pool = |link: &PlacementStrategy| {
            matches!(link, PlacementStrategy::SpreadZone | PlacementStrategy::SpreadAttribute(_))
        };
        if wish.recurrence == Recurrence::Definition || !links.iter().all(by_pool) {
            return None;
        }
        let expressions = wish.constraints.iter().filter_map(PlacementConstraint::expression);
        let mut all = Vec::new();
        for Alike { first, members } in &self.alike {
            let Some(member) = members.first() else { continue };
            let scores = links.iter().map(|link| self.score(*member, link, wish, fleet));
            let ruled_out =
                expressions.clone().any(|it| it.evaluate_static(&first.attributes) == Some(false));
            if wish.asg.is_none_or(|asg| asg == first.asg)
                && scores.eq(best.iter().copied())
                && !ruled_out
            {
                all.extend(members);
            }
        }
        let mut state = wish.random_bits;
        (0..64)
            .map(|_| all[((u128::from(splitmix64(&mut state)) * all.len() as u128) >> 64) as usize])
            .find(|drawn| tied.contains(drawn))
    }
}

fn amounts(demand: &Demand<'_>) -> [u64; 4] {
    [
        demand.cpu.as_raw(),
        demand.memory.as_mib(),
        demand.gpus.into(),
        demand.network_interfaces.into(),
    ]
}

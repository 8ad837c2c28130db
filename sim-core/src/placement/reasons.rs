//! Why a task goes where it goes, or nowhere.

use super::choose::{PlacementRequest, Scores, verdict};
use super::custom::InstanceView;
use super::demand::Demand;
use super::facts::Facts;
use super::fleet::Fleet;
use super::index::ANY;
use super::query::Expression;
use super::rule::{Rule, RuleId, Verdict};
use super::slot::{Eligibility, Slot, ports_free};
use super::strategy::PlacementStrategy;
use crate::units::{InstanceId, TaskGroupId};

/// Why an instance cannot take a task: the first that applies, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rejection {
    /// `DRAINING`: not a candidate at all.
    Draining,
    /// The container agent does not answer.
    Agent,
    /// Not enough CPU.
    Cpu,
    /// Not enough memory.
    Memory,
    /// Other architecture or operating system.
    Attribute,
    /// Not enough GPUs.
    Gpu,
    /// No network interface left.
    NetworkInterface,
    /// A static host port is in use, or none may be added.
    Port,
    /// `distinctInstance`: a task of the group is here.
    DistinctInstance,
    /// A `memberOf` expression does not hold, by its number among the rule's expressions.
    MemberOf(usize),
}

impl Rejection {
    /// The reason as ECS's service events have it, after "container-instance ...".
    pub const fn words(self) -> &'static str {
        match self {
            Self::Draining => "is draining",
            Self::Agent => "encountered error \"AGENT\"",
            Self::Cpu => "has insufficient CPU units available",
            Self::Memory => "has insufficient memory available",
            Self::Attribute => "is missing an attribute required by your task",
            Self::Gpu => "has insufficient GPU resource available",
            Self::NetworkInterface => "encountered error \"RESOURCE:ENI\"",
            Self::Port => "is already using a port required by your task",
            Self::DistinctInstance => {
                "encountered error \"DistinctInstance placement constraint unsatisfied.\""
            }
            Self::MemberOf(_) => "encountered error \"MemberOf placement constraint unsatisfied.\"",
        }
    }
}

/// How many instances were dropped for which reason. An instance counts once, for the first reason
/// that applies. Instances that drain are no candidates and do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rejections {
    /// The container agent does not answer.
    pub agent: u32,
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
    /// `distinctInstance` does not hold.
    pub distinct_instance: u32,
    /// A `memberOf` expression does not hold.
    pub member_of: u32,
}

impl Rejections {
    /// Instances looked at and dropped.
    pub fn total(&self) -> u32 {
        self.agent
            + self.attribute
            + self.cpu
            + self.memory
            + self.gpu
            + self.network_interface
            + self.port
            + self.distinct_instance
            + self.member_of
    }

    /// Counts an instance.
    pub fn add(&mut self, rejection: Rejection) {
        let count = match rejection {
            Rejection::Draining => return,
            Rejection::Agent => &mut self.agent,
            Rejection::Cpu => &mut self.cpu,
            Rejection::Memory => &mut self.memory,
            Rejection::Attribute => &mut self.attribute,
            Rejection::Gpu => &mut self.gpu,
            Rejection::NetworkInterface => &mut self.network_interface,
            Rejection::Port => &mut self.port,
            Rejection::DistinctInstance => &mut self.distinct_instance,
            Rejection::MemberOf(_) => &mut self.member_of,
        };
        *count += 1;
    }

    /// Counts by reason, in the words of ECS's service events.
    pub fn reasons(&self) -> [(u32, &'static str); 9] {
        [
            (self.memory, Rejection::Memory.words()),
            (self.cpu, Rejection::Cpu.words()),
            (self.port, Rejection::Port.words()),
            (self.network_interface, Rejection::NetworkInterface.words()),
            (self.gpu, Rejection::Gpu.words()),
            (self.member_of, Rejection::MemberOf(0).words()),
            (self.distinct_instance, Rejection::DistinctInstance.words()),
            (self.attribute, Rejection::Attribute.words()),
            (self.agent, Rejection::Agent.words()),
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

/// An instance in the ranking of a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The instance.
    pub instance: InstanceId,
    /// Its scores, one for each strategy before `random` that takes part, in chain order: remaining
    /// CPU in 1/128 000 vCPU, remaining memory in MiB, tasks of the group.
    pub scores: Vec<u64>,
    /// Final tie-break.
    pub tie_rank: u64,
}

/// A decision with its reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The strategies that the scores belong to: the chain up to `random`, without repetitions.
    pub strategy: Vec<PlacementStrategy>,
    /// Whether one of those that share the best scores is taken at random.
    pub random: bool,
    /// Instances that fit and satisfy the constraints, best first.
    pub candidates: Vec<Candidate>,
    /// The others with their first reason, in order of instance id.
    pub rejected: Vec<(InstanceId, Rejection)>,
}

impl Explanation {
    /// How many candidates share the best scores.
    pub fn tied(&self) -> usize {
        let best = self.candidates.first().map(|best| &best.scores);
        self.candidates.iter().take_while(|it| Some(&it.scores) == best).count()
    }
}

impl Fleet {
    /// Why a registered instance that is named cannot take a task, `None` if it can: as StartTask
    /// asks, which looks at resources and not at constraints.
    pub fn obstacle(&self, instance: InstanceId, demand: &Demand<'_>) -> Option<Rejection> {
        let slot = self.slot(instance)?;
        match slot.eligibility() {
            Eligibility::Active => self.missing_resource(demand, slot),
            Eligibility::Draining => Some(Rejection::Draining),
            Eligibility::AgentDisconnected => Some(Rejection::Agent),
        }
    }

    /// The first resource, or `distinctInstance`, that `slot` cannot give.
    pub(super) fn shortage(
        &self,
        rule: &Rule,
        demand: &Demand<'_>,
        slot: &Slot,
    ) -> Option<Rejection> {
        self.missing_resource(demand, slot).or_else(|| {
            let taken = rule.distinct && slot.tasks_of(rule.group) > 0;
            taken.then_some(Rejection::DistinctInstance)
        })
    }

    fn missing_resource(&self, demand: &Demand<'_>, slot: &Slot) -> Option<Rejection> {
        let kind = self.kind(slot.instance).map(|(shape, _)| shape);
        if slot.free_cpu < demand.cpu {
            Some(Rejection::Cpu)
        } else if slot.free_memory < demand.memory {
            Some(Rejection::Memory)
        } else if kind.is_some_and(|shape| {
            shape.architecture != demand.architecture
                || shape.operating_system != demand.operating_system
        }) {
            Some(Rejection::Attribute)
        } else if slot.free_gpus < demand.gpus {
            Some(Rejection::Gpu)
        } else if slot.free_network_interfaces < demand.network_interfaces {
            Some(Rejection::NetworkInterface)
        } else if !ports_free(slot.ports(), demand.ports) {
            Some(Rejection::Port)
        } else {
            None
        }
    }

    fn rejection(
        &self,
        rule: &Rule,
        demand: &Demand<'_>,
        pool: usize,
        slot: &Slot,
    ) -> Option<Rejection> {
        match slot.eligibility() {
            Eligibility::Active => {}
            Eligibility::Draining => return Some(Rejection::Draining),
            Eligibility::AgentDisconnected => return Some(Rejection::Agent),
        }
        let shortage = self.shortage(rule, demand, slot);
        if shortage.is_some() {
            return shortage;
        }
        let facts = Facts { fleet: self, pool: &self.pools[pool], slot };
        let fails = rule.expressions().position(|expression| !expression.matches(&facts));
        fails.map(Rejection::MemberOf)
    }

    /// Why one instance cannot take a task; `None` if it can, and for an instance that is not registered
    /// [`Rejection::Draining`].
    ///
    /// # Panics
    /// If the rule is not of this fleet.
    pub fn rejection_on(
        &self,
        request: &PlacementRequest<'_>,
        instance: InstanceId,
    ) -> Option<Rejection> {
        let Some(slot) = self.slot(instance) else { return Some(Rejection::Draining) };
        let rule = &self.rules[request.rule.0 as usize];
        self.rejection(rule, &request.demand, slot.pool as usize, slot)
    }

    /// Whether an instance would do for a task if it had the room: it is ACTIVE, of the right
    /// architecture and operating system, and every `memberOf` holds.
    ///
    /// # Panics
    /// If the rule is not of this fleet.
    pub fn qualifies(&self, request: &PlacementRequest<'_>, instance: InstanceId) -> bool {
        let Some(slot) = self.slot(instance) else { return false };
        let shape = &self.pools[slot.pool as usize].shape;
        let demand = &request.demand;
        slot.eligibility() == Eligibility::Active
            && shape.architecture == demand.architecture
            && shape.operating_system == demand.operating_system
            && self.is_member(request.rule, instance)
    }

    /// Whether every `memberOf` of a rule holds for a registered instance.
    ///
    /// # Panics
    /// If the rule is not of this fleet.
    pub fn is_member(&self, rule: RuleId, instance: InstanceId) -> bool {
        let Some(slot) = self.slot(instance) else { return false };
        let facts = Facts { fleet: self, pool: &self.pools[slot.pool as usize], slot };
        let mut expressions = self.rules[rule.0 as usize].expressions();
        expressions.all(|expression| expression.matches(&facts))
    }

    /// Whether the answer of a rule's `memberOf` for an instance can change with the tasks on it.
    ///
    /// # Panics
    /// If the rule is not of this fleet.
    pub fn asks_for_tasks(&self, rule: RuleId) -> bool {
        self.rules[rule.0 as usize].expressions().any(Expression::asks_for_tasks)
    }

    /// What a custom strategy sees of an instance.
    pub(super) fn view<'a>(
        &'a self,
        group: TaskGroupId,
        pool: usize,
        slot: &'a Slot,
    ) -> InstanceView<'a> {
        let pool = &self.pools[pool];
        InstanceView {
            slot,
            shape: &pool.shape,
            attributes: &pool.attributes,
            group_tasks: slot.tasks_of(group),
            group_tasks_in_zone: self.groups.in_zone(group, pool.zone),
        }
    }

    /// Counts why instances cannot take a task. Looks at every instance in question, unless the task has
    /// just been refused and asks for nothing but CPU and memory.
    ///
    /// # Panics
    /// If the rule is not of this fleet.
    pub fn rejections(&self, request: &PlacementRequest<'_>) -> Rejections {
        let rule = &self.rules[request.rule.0 as usize];
        let mut rejections = Rejections::default();
        let demand = &request.demand;
        // What has CPU has no memory then.
        let plain = rule.constraints.is_empty()
            && (demand.gpus, demand.network_interfaces) == (0, 0)
            && self.failures.holds(request, &self.changes);
        for pool in self.scope(request.group) {
            let pool = *pool as usize;
            let shape = &self.pools[pool].shape;
            let platform = (shape.architecture, shape.operating_system);
            if plain
                && platform == (demand.architecture, demand.operating_system)
                && let Some(counts) = self.pools[pool].short_of_cpu(demand.cpu.as_raw())
            {
                let [agent, cpu, memory] = counts;
                rejections.agent += agent;
                rejections.cpu += cpu;
                rejections.memory += memory;
                continue;
            }
            let never = verdict(rule, &self.pools[pool]) == Verdict::Never;
            let indexed = self.pools[pool].is_indexed();
            for brief in &self.pools[pool].briefs {
                // The two most frequent reasons without a look at the instance itself.
                if indexed && brief.mask & ANY != 0 {
                    let (cpu, memory) = (u64::from(brief.size.cpu), u64::from(brief.size.memory));
                    if cpu < request.demand.cpu.as_raw() {
                        rejections.cpu += 1;
                        continue;
                    }
                    if memory < request.demand.memory.as_mib() {
                        rejections.memory += 1;
                        continue;
                    }
                }
                let slot = &self.slots[brief.instance.0 as usize];
                if let Some(rejection) = self.rejection(rule, &request.demand, pool, slot) {
                    rejections.add(rejection);
                } else {
                    debug_assert!(!never, "an expression that never holds drops each instance");
                }
            }
        }
        rejections
    }

    /// All candidates for a task in the order of preference, and why the others are none. Looks at
    /// every instance in question, and sorts.
    ///
    /// # Panics
    /// If the rule is not of this fleet.
    pub fn explain(&self, request: &PlacementRequest<'_>) -> Explanation {
        let rule = &self.rules[request.rule.0 as usize];
        let chain = &rule.chain;
        let mut candidates: Vec<(Scores, u64, InstanceId)> = Vec::new();
        let mut rejected = Vec::new();
        for pool in self.scope(request.group) {
            let pool = *pool as usize;
            for slot in self.pools[pool].slots(&self.slots) {
                if let Some(rejection) = self.rejection(rule, &request.demand, pool, slot) {
                    rejected.push((slot.instance, rejection));
                } else {
                    let scores = self.scores(rule, &request.demand, pool, slot);
                    candidates.push((scores, slot.tie_rank, slot.instance));
                }
            }
        }
        candidates.sort_unstable();
        rejected.sort_unstable_by_key(|(instance, _)| *instance);
        let candidates = candidates
            .into_iter()
            .map(|(scores, tie_rank, instance)| Candidate {
                instance,
                scores: scores[..chain.scores.len()].to_vec(),
                tie_rank,
            })
            .collect();
        Explanation {
            strategy: chain.strategies.clone(),
            random: chain.random,
            candidates,
            rejected,
        }
    }
}

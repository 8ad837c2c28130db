//! The tasks of a service by how fast they are, and the requests that wait at them.
//!
//! Tasks on different instances may have different CPU. What that does depends on the balancer:
//! `least_outstanding_requests` sends requests where they are served soonest, so that all tasks are one
//! fluid with their CPU together, each taken as having the mean; the other algorithms send every task
//! as many, so that slow tasks may be behind while fast ones idle. Tasks are then grouped into lanes of
//! like speed, each a fluid of its own.

use std::collections::BTreeMap;

use super::fluid::{FluidService, LastCalm, Segment, ServingCapacity};
use crate::scenario::{BalancingAlgorithm, ServiceLoad};
use crate::units::{Cpu, SimDuration};

/// Most lanes of a service; beyond it, tasks of neighbouring speeds share one at their mean.
const MAX_LANES: usize = 4;

#[derive(Clone, Copy, Debug)]
struct Lane {
    tasks: u32,
    /// Mean CPU of its tasks.
    cpu: Cpu,
    /// CPU of its fastest task.
    fastest: Cpu,
    fluid: FluidService,
    last: LastCalm,
}

impl Lane {
    /// Without backlog.
    fn new(tasks: u32, cpu: Cpu) -> Self {
        let (fluid, last) = (FluidService::new(), LastCalm::default());
        Self { tasks, cpu, fastest: cpu, fluid, last }
    }
}

/// A service's serving tasks in lanes.
#[derive(Clone, Debug)]
pub struct Lanes {
    algorithm: BalancingAlgorithm,
    /// Number of tasks by the CPU that each may use.
    speeds: BTreeMap<Cpu, u32>,
    tasks: u32,
    /// From slow to fast; never empty.
    by_speed: Vec<Lane>,
    stale: bool,
}

impl Lanes {
    /// Without tasks and backlog.
    pub fn new(algorithm: BalancingAlgorithm) -> Self {
        let by_speed = vec![Lane::new(0, Cpu::ZERO)];
        Self { algorithm, speeds: BTreeMap::new(), tasks: 0, by_speed, stale: false }
    }

    /// Adds `tasks` that may use `cpu` each.
    pub fn add(&mut self, cpu: Cpu, tasks: u32) {
        if 0 < tasks {
            *self.speeds.entry(cpu).or_insert(0) += tasks;
            self.tasks += tasks;
            self.stale = true;
        }
    }

    /// Takes away `tasks` that were added with `cpu` each.
    pub fn remove(&mut self, cpu: Cpu, tasks: u32) {
        let Some(count) = self.speeds.get_mut(&cpu) else {
            debug_assert!(tasks == 0, "no task has this speed");
            return;
        };
        debug_assert!(tasks <= *count, "more tasks removed than were added");
        self.tasks -= tasks.min(*count);
        *count = count.saturating_sub(tasks);
        if *count == 0 {
            self.speeds.remove(&cpu);
        }
        self.stale = true;
    }

    /// Number of tasks.
    pub fn tasks(&self) -> u32 {
        self.tasks
    }

    /// CPU that all tasks have for requests if each uses `idle` without any, in raw units.
    pub fn serving_cpu(&self, idle: Cpu) -> u128 {
        let all = self.speeds.iter();
        all.map(|(cpu, &n)| u128::from(cpu.saturating_sub(idle).as_raw()) * u128::from(n)).sum()
    }

    /// Micro-requests waiting.
    pub fn backlog(&self) -> u128 {
        self.by_speed.iter().map(|lane| lane.fluid.backlog()).sum()
    }

    /// CPU up to which tasks have requests waiting; `None` if none has.
    pub fn behind(&self) -> Option<Cpu> {
        let waiting = self.by_speed.iter().filter(|lane| 0 < lane.fluid.backlog());
        let fastest = waiting.map(|lane| lane.fastest).max()?;
        Some(if self.by_speed.len() == 1 { Cpu::MAX } else { fastest })
    }

    /// Whether tasks came or went since the last [`advance`](Self::advance).
    pub fn have_changed(&self) -> bool {
        self.stale
    }

    /// Utilization at which the tasks last served without a backlog, if all are taken as alike.
    pub fn calm_utilization(&self) -> Option<f64> {
        if let [lane] = &self.by_speed[..] { lane.last.utilization() } else { None }
    }

    /// Moves on by `length`, in which `offered` micro-requests arrive at a constant rate; `each` sees
    /// the segment of every lane.
    pub fn advance(
        &mut self,
        offered: u128,
        length: SimDuration,
        load: &ServiceLoad,
        mut each: impl FnMut(&Segment),
    ) {
        if std::mem::take(&mut self.stale) {
            self.regroup();
        }
        let all = u128::from(self.tasks.max(1));
        let (mut before, mut sent) = (0, 0);
        for lane in &mut self.by_speed {
            before += u128::from(lane.tasks);
            // Shares of the running sum, so that they add up exactly.
            let whole = self.tasks == 0 || before == all;
            let upto = if whole { offered } else { offered * before / all };
            let capacity = ServingCapacity {
                balanced_tasks: self.tasks,
                ..ServingCapacity::new(load, lane.tasks, lane.cpu)
            };
            each(&lane.fluid.advance_from(upto - sent, length, &capacity, &mut lane.last));
            sent = upto;
        }
    }

    /// Forms the lanes anew. Requests stay where they wait, by the rank of the tasks from slow to fast.
    fn regroup(&mut self) {
        let mut groups: Vec<(Cpu, u32)> = self.speeds.iter().map(|(cpu, n)| (*cpu, *n)).collect();
        if groups.is_empty() {
            groups.push((Cpu::ZERO, 0));
        }
        let lanes = match self.algorithm {
            BalancingAlgorithm::LeastOutstandingRequests => 1,
            BalancingAlgorithm::RoundRobin | BalancingAlgorithm::WeightedRandom => MAX_LANES,
        };
        let mut next: Vec<Lane> = Vec::with_capacity(lanes.min(groups.len()));
        let (mut rank, mut lane_of_last) = (0_u64, None);
        let mut sums: Vec<u128> = Vec::with_capacity(lanes);
        let alone = groups.len() <= lanes;
        for (cpu, tasks) in groups {
            // The lane that holds the middle of the group, if all lanes had as many tasks.
            let middle = 2 * rank + u64::from(tasks);
            let lane = middle * lanes as u64 / (2 * u64::from(self.tasks)).max(1);
            rank += u64::from(tasks);
            let sum = u128::from(cpu.as_raw()) * u128::from(tasks);
            match next.last_mut().zip(sums.last_mut()) {
                Some((last, total)) if !alone && lane_of_last == Some(lane) => {
                    last.tasks += tasks;
                    last.fastest = cpu;
                    *total += sum;
                    let mean = *total / u128::from(last.tasks).max(1);
                    last.cpu = Cpu::from_raw(u64::try_from(mean).unwrap_or(u64::MAX));
                }
                _ => {
                    next.push(Lane::new(tasks, cpu));
                    sums.push(sum);
                }
            }
            lane_of_last = Some(lane);
        }
        let tasks_before: u64 = self.by_speed.iter().map(|lane| u64::from(lane.tasks)).sum();
        let (mut rank, mut moved) = (0, 0);
        let last = next.len() - 1;
        for (index, lane) in next.iter_mut().enumerate() {
            rank += u128::from(lane.tasks) * u128::from(tasks_before);
            let upto = if index == last {
                self.backlog()
            } else {
                self.backlog_below(rank, u128::from(self.tasks))
            };
            lane.fluid = FluidService::with_backlog(upto - moved);
            moved = upto;
        }
        self.by_speed = next;
    }

    /// Requests that wait at the slowest tasks, as many as `rank / scale` of the lanes as they are.
    fn backlog_below(&self, rank: u128, scale: u128) -> u128 {
        let (mut start, mut sum) = (0, 0);
        for lane in &self.by_speed {
            let width = u128::from(lane.tasks) * scale;
            if rank < start + width {
                return sum + lane.fluid.backlog() * (rank - start) / width;
            }
            start += width;
            sum += lane.fluid.backlog();
        }
        sum
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use super::super::rate::{MICRO_PER_REQUEST, RequestRate};
    use super::*;
    use crate::scenario::Fidelity;
    use crate::units::Mib;
    use proptest::prelude::*;

    const CORE: Cpu = Cpu::from_ecs_units(1024);
    const SECOND: SimDuration = SimDuration::from_secs(1);

    /// Requests of 10 ms.
    fn load(algorithm: BalancingAlgorithm) -> ServiceLoad {
        ServiceLoad {
            fidelity: Fidelity::default(),
            rate: Arc::new(RequestRate::constant(1.0).unwrap()),
            cpu_per_request: SimDuration::from_millis(10),
            other_latency: SimDuration::ZERO,
            algorithm,
            timeout: SimDuration::from_secs(10),
            parallelism: None,
            idle_cpu: Cpu::ZERO,
            idle_memory: Mib::ZERO,
            memory_per_request_kib: 0,
        }
    }

    const fn requests(n: u128) -> u128 {
        n * MICRO_PER_REQUEST as u128
    }

    /// A task of one core and one of half a core for a while under `rate` requests per second.
    fn unequal(algorithm: BalancingAlgorithm, rate: u128) -> (Lanes, u128) {
        let mut lanes = Lanes::new(algorithm);
        lanes.add(CORE, 1);
        lanes.add(Cpu::from_ecs_units(512), 1);
        let mut served = 0;
        for _ in 0..20 {
            served = 0;
            lanes.advance(requests(rate), SECOND, &load(algorithm), |it| served += it.served);
        }
        (lanes, served)
    }

    #[test]
    fn round_robin_is_bound_by_the_slow_task() {
        let (lanes, served) = unequal(BalancingAlgorithm::RoundRobin, 140);
        // 70 go to each: the slow one serves 50, the fast one 70, and has no backlog.
        assert_eq!(served, requests(120));
        assert_eq!(lanes.backlog(), requests(20 * 20));
        assert_eq!(lanes.behind(), Some(Cpu::from_ecs_units(512)));
    }

    #[test]
    fn least_outstanding_requests_uses_all() {
        let (lanes, served) = unequal(BalancingAlgorithm::LeastOutstandingRequests, 140);
        assert_eq!(served, requests(140));
        assert_eq!(lanes.backlog(), 0);
        let (lanes, served) = unequal(BalancingAlgorithm::LeastOutstandingRequests, 160);
        assert_eq!(served, requests(150));
        assert_eq!(lanes.behind(), Some(Cpu::MAX));
    }

    #[test]
    fn a_backlog_follows_its_tasks() {
        let (mut lanes, _) = unequal(BalancingAlgorithm::WeightedRandom, 140);
        let robin = load(BalancingAlgorithm::WeightedRandom);
        // The fast task slows down a little: the slow one is still the one behind.
        lanes.remove(CORE, 1);
        lanes.add(Cpu::from_ecs_units(900), 1);
        let mut seen = Vec::new();
        lanes.advance(0, SECOND, &robin, |segment| seen.push(segment.backlog_before));
        assert_eq!(seen, [requests(400), 0]);
        // Alike, they share what waits.
        lanes.remove(Cpu::from_ecs_units(512), 1);
        lanes.add(Cpu::from_ecs_units(900), 1);
        seen.clear();
        lanes.advance(0, SECOND, &robin, |segment| seen.push(segment.backlog_before));
        assert_eq!(seen, [requests(350)]);
    }

    #[test]
    fn many_speeds_are_few_lanes_of_as_many_tasks() {
        let mut lanes = Lanes::new(BalancingAlgorithm::RoundRobin);
        for units in 1..=100 {
            lanes.add(Cpu::from_ecs_units(units), 1);
        }
        lanes.advance(0, SECOND, &load(BalancingAlgorithm::RoundRobin), |_| ());
        let counts: Vec<u32> = lanes.by_speed.iter().map(|lane| lane.tasks).collect();
        assert_eq!(counts, [25; 4]);
        assert_eq!(lanes.by_speed[0].cpu, Cpu::from_ecs_units(13));
        assert_eq!(lanes.by_speed[3].fastest, Cpu::from_ecs_units(100));
    }

    proptest! {
        #[test]
        fn conserves_requests(
            steps in prop::collection::vec((0_u64..9, 0_u32..4, 0_u128..900_000_000), 1..60),
            algorithm in 0..2,
        ) {
            let algorithm = if algorithm == 0 {
                BalancingAlgorithm::RoundRobin
            } else {
                BalancingAlgorithm::LeastOutstandingRequests
            };
            let mut lanes = Lanes::new(algorithm);
            let mut present: Vec<(Cpu, u32)> = Vec::new();
            for (speed, tasks, offered) in steps {
                let cpu = Cpu::from_raw(speed * 10_007);
                if speed % 3 == 2 && let Some((cpu, tasks)) = present.pop() {
                    lanes.remove(cpu, tasks);
                } else if 0 < tasks {
                    lanes.add(cpu, tasks);
                    present.push((cpu, tasks));
                }
                let before = lanes.backlog();
                let mut after = 0;
                let mut waited = 0;
                lanes.advance(offered, SECOND, &load(algorithm), |it| {
                    waited += it.backlog_before;
                    after += it.served + it.failed + it.backlog_after;
                });
                prop_assert_eq!(waited, before);
                prop_assert_eq!(after, before + offered);
                let tasks: u32 = present.iter().map(|it| it.1).sum();
                prop_assert_eq!(lanes.tasks(), tasks);
                prop_assert_eq!(lanes.by_speed.iter().map(|lane| lane.tasks).sum::<u32>(), tasks);
                prop_assert!(lanes.by_speed.len() <= MAX_LANES);
            }
        }
    }
}

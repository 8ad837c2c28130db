//! The fewest tasks that a load needs: the demand against which the supply of a service is judged.

use std::collections::BTreeMap;

use super::fluid::ServingCapacity;
use super::latency::ResponseTime;
use crate::scenario::{ServiceLevelObjective, ServiceLoad};
use crate::units::Cpu;

/// Most tasks that are asked about.
const MOST_TASKS: u32 = 1 << 20;

/// The least count of tasks whose latency meets the objective for a given rate of requests, by the
/// stationary latency of the fluid model: what a scaling policy aims at has no part in it. Without an
/// objective, the least count that can serve all requests: CPU utilization of at most 100 %.
///
/// A task counts with the CPU that it reserves, less its idle use; what it may borrow on its instance
/// depends on its neighbours.
#[derive(Clone, Debug)]
pub struct TaskDemandModel {
    objective: Option<ServiceLevelObjective>,
    cpu: Cpu,
    /// Largest rate per count that was asked for.
    limits: BTreeMap<u32, f64>,
    last: u32,
    /// The last answer is right above the first and up to the second of these rates.
    between: (f64, f64),
}

impl TaskDemandModel {
    /// Of a service with this objective.
    pub const fn new(objective: Option<ServiceLevelObjective>) -> Self {
        Self { objective, cpu: Cpu::ZERO, limits: BTreeMap::new(), last: 1, between: (0.0, 0.0) }
    }

    /// Tasks needed for `rate` requests per second when each reserves `cpu`; `None` if no number of
    /// tasks would do. The `load` is the same in every call.
    pub fn least_tasks(&mut self, load: &ServiceLoad, cpu: Cpu, rate: f64) -> Option<u32> {
        if cpu != self.cpu {
            self.cpu = cpu;
            self.limits.clear();
            self.between = (0.0, 0.0);
        }
        if self.between.0 < rate && rate <= self.between.1 {
            return Some(self.last);
        }
        if rate <= 0.0 {
            return Some(0);
        }
        if self.limit(load, 1) <= 0.0 {
            return None;
        }
        // Up or down in growing steps from the last answer, then by halves: `low` is too few, `high`
        // enough.
        let (mut low, mut high) = (self.last, self.last);
        let mut step = 1;
        if self.limit(load, self.last) < rate {
            loop {
                high = low.saturating_add(step).min(MOST_TASKS);
                if rate <= self.limit(load, high) {
                    break;
                }
                if high == MOST_TASKS {
                    return None;
                }
                low = high;
                step *= 2;
            }
        } else {
            loop {
                low = high.saturating_sub(step);
                if low == 0 || self.limit(load, low) < rate {
                    break;
                }
                high = low;
                step *= 2;
            }
        }
        while 1 < high - low {
            let middle = u32::midpoint(low, high);
            if rate <= self.limit(load, middle) {
                high = middle;
            } else {
                low = middle;
            }
        }
        self.last = high;
        let below = if low == 0 { 0.0 } else { self.limit(load, low) };
        self.between = (below, self.limit(load, high));
        Some(high)
    }

    /// Largest rate at which `tasks` tasks meet the objective, in requests per second.
    fn limit(&mut self, load: &ServiceLoad, tasks: u32) -> f64 {
        if let Some(limit) = self.limits.get(&tasks) {
            return *limit;
        }
        let limit = self.find_limit(&ServingCapacity::new(load, tasks, load.usable_cpu(self.cpu)));
        self.limits.insert(tasks, limit);
        limit
    }

    fn find_limit(&self, capacity: &ServingCapacity) -> f64 {
        let full = capacity.requests_per_second();
        let Some(objective) = self.objective else { return full };
        let meets = |rho: f64| {
            let response = ResponseTime::stationary(capacity, rho);
            response.tail(objective.below) <= 1.0 - objective.quantile
        };
        // The latency stays that of 99 % up to a full load; see `latency`.
        if meets(1.0) {
            return full;
        }
        if !full.is_finite() || !meets(0.0) {
            return 0.0;
        }
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..40 {
            let middle = f64::midpoint(low, high);
            if meets(middle) {
                low = middle;
            } else {
                high = middle;
            }
        }
        low * full
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use super::super::rate::RequestRate;
    use super::*;
    use crate::scenario::BalancingAlgorithm;
    use crate::scenario::Fidelity;
    use crate::units::{Mib, SimDuration};
    use proptest::prelude::*;

    /// Requests of 10 ms on one vCPU: tasks of one vCPU serve a hundred a second.
    fn load(algorithm: BalancingAlgorithm) -> ServiceLoad {
        ServiceLoad {
            fidelity: Fidelity::default(),
            rate: Arc::new(RequestRate::constant(1.0).unwrap()),
            cpu_per_request: SimDuration::from_millis(10),
            other_latency: SimDuration::from_millis(3),
            algorithm,
            timeout: SimDuration::from_secs(30),
            parallelism: None,
            idle_cpu: Cpu::ZERO,
            idle_memory: Mib::new(0),
            memory_per_request_kib: 0,
        }
    }

    const CORE: Cpu = Cpu::from_ecs_units(1024);

    fn objective(quantile: f64, millis: u64) -> ServiceLevelObjective {
        ServiceLevelObjective { quantile, below: SimDuration::from_millis(millis) }
    }

    #[test]
    fn without_an_objective_the_tasks_are_at_most_full() {
        let mut model = TaskDemandModel::new(None);
        let load = load(BalancingAlgorithm::WeightedRandom);
        let mut needed = |rate: f64| model.least_tasks(&load, CORE, rate);
        for (rate, tasks) in [(0.0, 0), (0.1, 1), (100.0, 1), (100.1, 2), (5200.0, 52), (250.0, 3)]
        {
            assert_eq!(needed(rate), Some(tasks), "{rate}");
        }
        assert_eq!(model.least_tasks(&load, Cpu::from_ecs_units(512), 100.0), Some(2));
        assert_eq!(model.least_tasks(&load, Cpu::ZERO, 100.0), None);
    }

    #[test]
    fn an_objective_takes_the_closed_form_of_its_queue() {
        // M/M/1: P(T > t) = e^−(μ−λ)t. p99 below 103 ms less the constant 3 ms needs
        // λ ≤ 100 − ln(100)/0.1 = 53.948 a task.
        let mut model = TaskDemandModel::new(Some(objective(0.99, 103)));
        let load = load(BalancingAlgorithm::WeightedRandom);
        let most = 100.0 - libm::log(100.0) / 0.1;
        for tasks in [1_u32, 2, 7, 100, 4000] {
            let rate = f64::from(tasks) * most;
            assert_eq!(model.least_tasks(&load, CORE, rate - 1e-6), Some(tasks));
            assert_eq!(model.least_tasks(&load, CORE, rate + 1e-6), Some(tasks + 1));
        }
    }

    #[test]
    fn no_number_of_tasks_answers_faster_than_one_request_takes() {
        let load = load(BalancingAlgorithm::RoundRobin);
        // P(T > 12 ms) of an idle task is e^−0.9.
        let mut model = TaskDemandModel::new(Some(objective(0.99, 12)));
        assert_eq!(model.least_tasks(&load, CORE, 1.0), None);
        assert_eq!(model.least_tasks(&load, CORE, 0.0), Some(0));
        let mut model = TaskDemandModel::new(Some(objective(0.5, 12)));
        assert!(model.least_tasks(&load, CORE, 1.0).is_some());
    }

    proptest! {
        #[test]
        fn agrees_with_counting_upwards(
            rates in proptest::collection::vec(0.0..3000.0_f64, 1..12),
            millis in 40_u64..400,
            algorithm in 0..3,
        ) {
            let load = load(match algorithm {
                0 => BalancingAlgorithm::RoundRobin,
                1 => BalancingAlgorithm::LeastOutstandingRequests,
                _ => BalancingAlgorithm::WeightedRandom,
            });
            let objective = objective(0.95, millis);
            let mut model = TaskDemandModel::new(Some(objective));
            for rate in rates {
                let meets = |tasks: u32| {
                    let capacity = ServingCapacity::new(&load, tasks, CORE);
                    let rho = rate / capacity.requests_per_second();
                    let tail = ResponseTime::stationary(&capacity, rho).tail(objective.below);
                    rho <= 1.0 && tail <= 0.05
                };
                let counted = (1..100_000).find(|tasks| meets(*tasks)).unwrap();
                prop_assert_eq!(model.least_tasks(&load, CORE, rate), Some(counted));
            }
        }
    }
}

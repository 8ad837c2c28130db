//! How far the instance-hours of a run are above the fewest that could have held its tasks.
//!
//! Groups whose tasks may also run on another group form one pool with it: the bound lets the best
//! schedule use both. Strategies, constraints and zones are left out of the bound, which can only lower
//! it; so is Fargate: what ran on instances stays on instances.

use std::collections::BTreeMap;

use super::integral::ratio;
use super::ledger::Change;
use super::state::WaitingJob;
use super::task::{Owner, Task};
use super::world::World;
use crate::bounds::{self, BoundTotals, Need, PackingBound, Resource};
use crate::placement::Demand;
use crate::results::{Packing, RequestedPacking, ResourceHours};
use crate::scenario::{
    BatchJobs, CapacityProviderKind, InstanceShape, LaunchTarget, Scenario, Service, TaskDefinition,
};
use crate::units::{
    AsgId, BatchId, Cpu, Id, InstanceId, Mib, NANOS_PER_SECOND, SimTime, TaskDefinitionId,
};

/// The bounds of a cluster's pools of instances.
#[derive(Clone, Debug)]
pub(super) struct Pools {
    /// The pool of each group.
    of_group: Vec<usize>,
    bounds: Vec<PackingBound>,
}

/// What a task reserves, as the bounds count it.
fn need<'a>(demand: &Demand<'a>) -> Need<'a> {
    let Demand { cpu, memory, gpus, network_interfaces, ports, .. } = *demand;
    Need::new(cpu, memory, gpus, network_interfaces, ports)
}

/// Groups on which tasks of `definition` may run when launched on `launch`.
fn allowed_groups<'a>(
    scenario: &'a Scenario,
    launch: &'a LaunchTarget,
    definition: &'a TaskDefinition,
) -> impl Iterator<Item = AsgId> + 'a {
    let named = move |id: AsgId| match launch {
        LaunchTarget::Ec2 => true,
        LaunchTarget::Fargate => false,
        LaunchTarget::Strategy(items) => items.iter().any(|item| {
            let kind = &scenario.capacity_providers[item.capacity_provider].kind;
            matches!(kind, CapacityProviderKind::AutoScalingGroup { group, .. } if *group == id)
        }),
    };
    let runs = |shape: &InstanceShape| {
        shape.architecture == definition.architecture
            && shape.operating_system == definition.operating_system
    };
    let groups = scenario.auto_scaling_groups.enumerate();
    let groups = groups
        .filter(move |(id, group)| named(*id) && group.types.iter().any(|it| runs(&it.shape)));
    groups.map(|(id, _)| id)
}

impl Pools {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let mut of_group: Vec<usize> = (0..scenario.auto_scaling_groups.len()).collect();
        let services = scenario.services.iter().flat_map(Service::uses);
        let batches = scenario.batches.iter().map(|it| (it.task_definition, &it.launch));
        for (definition, launch) in services.chain(batches) {
            let definition = &scenario.task_definitions[definition];
            let mut allowed = allowed_groups(scenario, launch, definition);
            let Some(first) = allowed.next() else { continue };
            for other in allowed {
                let (kept, merged) = (of_group[first.index()], of_group[other.index()]);
                for pool in &mut of_group {
                    if *pool == merged {
                        *pool = kept;
                    }
                }
            }
        }
        let bound_of = |pool: usize| {
            let groups = scenario.auto_scaling_groups.iter().zip(&of_group);
            let types: Vec<_> = groups
                .filter(|(_, of)| **of == pool)
                .flat_map(|(group, _)| &group.types)
                .map(|it| {
                    let InstanceShape { cpu, memory, gpus, task_network_interfaces, .. } = it.shape;
                    Need::new(cpu, memory, gpus, task_network_interfaces, &[]).priced(1)
                })
                .collect();
            if types.is_empty() {
                // Merged into another pool.
                return PackingBound::new(&[], []);
            }
            PackingBound::new(&types, sizes(scenario))
        };
        let bounds = (0..of_group.len()).map(bound_of).collect();
        Self { of_group, bounds }
    }

    /// Counts a task that reserves `demand` on an instance of `group`, or stops counting it.
    pub(super) fn change(
        &mut self,
        group: AsgId,
        demand: &Demand<'_>,
        change: Change,
        now: SimTime,
    ) {
        let bound = &mut self.bounds[self.of_group[group.index()]];
        match change {
            Change::Add => bound.add(now, &need(demand)),
            Change::Remove => bound.remove(now, &need(demand)),
        }
    }

    fn totals_at(&self, now: SimTime) -> BoundTotals {
        let mut sum = BoundTotals::default();
        for bound in &self.bounds {
            sum.merge(&bound.totals_at(now));
        }
        sum
    }
}

/// Tasks by the time at which they were asked for.
struct Asked<'a> {
    tasks: &'a [Task],
    /// Jobs that wait for their first task.
    waiting: Vec<(BatchId, &'a WaitingJob)>,
}

impl Asked<'_> {
    fn len(&self) -> usize {
        self.tasks.len() + self.waiting.len()
    }

    /// When the task of this number should have run; `None` if that is not on instances, or if it
    /// repeats another one.
    fn interval(
        &self,
        number: usize,
        pools: &[Option<usize>],
        horizon: SimTime,
    ) -> Option<(SimTime, SimTime)> {
        let Some(task) = self.tasks.get(number) else {
            let job = &self.waiting[number - self.tasks.len()].1.job;
            return Some((job.arrival, job.arrival + job.duration));
        };
        match task.owner {
            Owner::Batch(id) => {
                let asks = task.attempt == 0 && pools[id.index()].is_some();
                let length = task.duration.filter(|_| asks)?;
                Some((task.arrival, task.arrival + length))
            }
            Owner::Service(_) => {
                // From the decision to stop on, its room may be another task's.
                task.instance.and(task.placed).map(|at| (at, task.stopping.unwrap_or(horizon)))
            }
        }
    }
}

/// A pool and what a task reserves in it.
type PooledSize = (usize, TaskDefinitionId, Cpu, Mib);

/// Numbers for the sizes that occur.
#[derive(Default)]
struct Sizes {
    numbers: BTreeMap<PooledSize, u32>,
    in_order: Vec<PooledSize>,
}

impl Sizes {
    fn number(&mut self, size: PooledSize) -> u32 {
        let Self { numbers, in_order } = self;
        *numbers.entry(size).or_insert_with(|| {
            in_order.push(size);
            in_order.len() as u32 - 1
        })
    }
}

/// The sizes of tasks that a scenario names.
fn sizes(scenario: &Scenario) -> impl Iterator<Item = Need<'_>> {
    let definitions = scenario.task_definitions.iter().map(|it| need(&Demand::of(it)));
    let jobs = scenario.batches.iter().flat_map(|batch| {
        let jobs = match &batch.jobs {
            BatchJobs::Trace(jobs) => &jobs[..],
            BatchJobs::Generated { .. } => &[],
        };
        jobs.iter().map(|job| Need::new(job.cpu, job.memory, 0, 0, &[]))
    });
    definitions.chain(jobs)
}

/// Hours of an integral in instance·ns.
fn hours(integral: u128) -> f64 {
    integral as f64 / (3600.0 * NANOS_PER_SECOND as f64)
}

impl World<'_, '_> {
    /// The gap between what ran and what the tasks needed; `None` if no instance ran.
    pub(super) fn packing(&self, horizon: SimTime) -> Option<Packing> {
        let actual = self.totals.instances_running.total_at(horizon);
        let bound = self.pools.totals_at(horizon);
        let strongest = bound.strongest.integral;
        let efficiency = ratio(strongest, actual)?;
        let of = |resource: Resource| hours(bound.by_resource[resource as usize]);
        let durations = self.tasks.iter().filter(|task| task.instance.is_some());
        let durations =
            durations.filter_map(|task| Some(task.stopped?.saturating_since(task.placed?)));
        Some(Packing {
            lower_bound_instance_hours: hours(strongest),
            by_resource: ResourceHours {
                cpu: of(Resource::Cpu),
                memory: of(Resource::Memory),
                gpus: of(Resource::Gpus),
                network_interfaces: of(Resource::NetworkInterfaces),
                host_ports: of(Resource::HostPorts),
            },
            instance_hours: hours(actual),
            efficiency,
            gap: bounds::gap(actual, strongest),
            duration_ratio: bounds::duration_ratio(durations),
            requested: self.requested_packing(actual, horizon),
        })
    }

    /// The pool on which the jobs of a source run; `None` if they run on Fargate.
    fn pool_of_batch(&self, id: BatchId) -> Option<usize> {
        let settings = self.batches[id].settings;
        let definition = self.definition(settings.task_definition);
        let group = allowed_groups(self.scenario, &settings.launch, definition).next()?;
        Some(self.pools.of_group[group.index()])
    }

    /// Owner, size and place of the task of this number.
    fn asked_size(
        &self,
        asked: &Asked<'_>,
        number: usize,
    ) -> (Owner, TaskDefinitionId, Cpu, Mib, Option<InstanceId>) {
        if let Some(task) = asked.tasks.get(number) {
            return (task.owner, task.definition, task.cpu, task.memory, task.instance);
        }
        let (id, waiting) = &asked.waiting[number - asked.tasks.len()];
        let definition = self.batches[*id].settings.task_definition;
        (Owner::Batch(*id), definition, waiting.job.cpu, waiting.job.memory, None)
    }

    /// The bound with every job at the time it was asked for, and tasks of services when they ran.
    /// `None` without jobs on instances.
    fn requested_packing(&self, actual: u128, horizon: SimTime) -> Option<RequestedPacking> {
        let pools: Vec<Option<usize>> =
            self.batches.ids().map(|id| self.pool_of_batch(id)).collect();
        let (mut arrived, mut completed, mut placed, mut waited) = (0, 0, 0u64, 0u128);
        for (state, _) in self.batches.iter().zip(&pools).filter(|(_, pool)| pool.is_some()) {
            arrived += state.arrived;
            completed += state.completed;
            placed += state.waits.len() as u64;
            waited += state.waits.iter().map(|wait| u128::from(*wait)).sum::<u128>();
        }
        if arrived == 0 {
            return None;
        }
        let asked = Asked {
            tasks: self.tasks.as_slice(),
            waiting: self
                .batches
                .enumerate()
                .flat_map(|(id, state)| state.waiting.iter().map(move |job| (id, job)))
                .filter(|(id, job)| pools[id.index()].is_some() && job.attempt == 0)
                .collect(),
        };
        let mut of_pool = Pools::new(self.scenario).bounds;
        // The sweep jumps about in time: it is given numbers of the few sizes, not of the many tasks.
        let mut sizes = Sizes::default();
        let times: Vec<_> = (0..asked.len())
            .filter_map(|number| {
                let (from, until) = asked.interval(number, &pools, horizon)?;
                let (owner, definition, cpu, memory, instance) = self.asked_size(&asked, number);
                let pool = match owner {
                    Owner::Batch(id) => pools[id.index()],
                    Owner::Service(_) if self.is_daemon(owner) => None,
                    Owner::Service(_) => {
                        instance.map(|id| self.pools.of_group[self.instances[id].group.index()])
                    }
                };
                let size = sizes.number((pool?, definition, cpu, memory));
                Some(((from, until.min(horizon)), size))
            })
            .collect();
        let needs: Vec<_> = sizes
            .in_order
            .iter()
            .map(|(pool, definition, cpu, memory)| {
                (*pool, need(&self.demand(*definition, *cpu, *memory)))
            })
            .collect();
        bounds::sweep(times.into_iter(), |at, starts, size| {
            let (pool, need) = &needs[size as usize];
            if starts {
                of_pool[*pool].add(at, need);
            } else {
                of_pool[*pool].remove(at, need);
            }
        });
        let asked = Pools { of_group: Vec::new(), bounds: of_pool };
        let bound = asked.totals_at(horizon).strongest.integral;
        Some(RequestedPacking {
            lower_bound_instance_hours: hours(bound),
            gap: bounds::gap(actual, bound),
            mean_wait_seconds: waited as f64 / placed.max(1) as f64 / NANOS_PER_SECOND as f64,
            unfinished: arrived - completed,
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::DurationDistribution;
    use crate::results::{Packing, RunResults};
    use crate::scenario::{
        AutoScalingGroup, BatchJob, LaunchTarget, NetworkMode, Protocol, Scenario, StrategyItem,
    };
    use crate::simulation::testing::{batch, definition, empty, group, managed_provider, service};
    use crate::units::{CapacityProviderId, Cpu, Mib, SimDuration, SimTime};

    fn run(scenario: &Scenario) -> RunResults {
        let results = crate::simulation::run(scenario, &mut |_| {}).expect("the run ends");
        let mut broken = crate::invariants::violations(scenario, &results);
        // These scenarios state no prices.
        broken.retain(|law| !law.starts_with("law 6"));
        assert!(broken.is_empty(), "{broken:#?}");
        results
    }

    fn packing(scenario: &Scenario) -> Packing {
        run(scenario).packing.expect("an instance ran")
    }

    fn job(arrival: u64, duration: u64, cpu_units: u32) -> BatchJob {
        BatchJob {
            arrival: SimTime::from_secs(arrival),
            duration: SimDuration::from_secs(duration),
            cpu: Cpu::from_ecs_units(cpu_units),
            memory: Mib::new(1024),
        }
    }

    #[track_caller]
    fn check_seconds(hours: f64, seconds: f64) {
        assert!((hours * 3600.0 - seconds).abs() < 1e-6, "{} {seconds}", hours * 3600.0);
    }

    /// One instance for an hour; jobs of 2, 2, 2 and 1 vCPU run one after the other.
    fn queue() -> Scenario {
        let mut scenario = empty();
        scenario.task_definitions.push(definition(1024, 1024));
        scenario.auto_scaling_groups.push(group(1, 1, 1));
        let jobs =
            vec![job(0, 100, 2048), job(10, 100, 2048), job(20, 50, 2048), job(60, 10, 1024)];
        scenario.batches.push(batch("jobs", jobs, LaunchTarget::Ec2));
        scenario
    }

    #[test]
    fn realised_intervals_judge_packing_and_requested_ones_waiting() {
        let packing = packing(&queue());
        check_seconds(packing.instance_hours, 3600.0);
        // In a row: 100 + 100 + 50 + 10 seconds.
        check_seconds(packing.lower_bound_instance_hours, 260.0);
        check_seconds(packing.by_resource.cpu, 260.0);
        check_seconds(packing.by_resource.memory, 260.0);
        check_seconds(packing.by_resource.gpus, 0.0);
        assert!((packing.efficiency - 260.0 / 3600.0).abs() < 1e-12, "{packing:?}");
        let gap = packing.gap.expect("tasks ran");
        assert!((gap - (3600.0 / 260.0 - 1.0)).abs() < 1e-12, "{gap}");
        assert_eq!(packing.duration_ratio, Some(10.0));
        // As asked for: 1 from 0, 2 from 10, 3 from 20, 4 from 60, 2 from 70, 1 from 100 to 110.
        let requested = packing.requested.expect("there are jobs");
        check_seconds(
            requested.lower_bound_instance_hours,
            10.0 + 20.0 + 120.0 + 40.0 + 60.0 + 10.0,
        );
        assert!((requested.mean_wait_seconds - (90.0 + 180.0 + 190.0) / 4.0).abs() < 1e-9);
        assert_eq!(requested.unfinished, 0);
    }

    /// A run that drops work needs less than was asked for.
    #[test]
    fn the_gap_to_what_was_asked_for_may_be_negative() {
        let mut scenario = queue();
        scenario.duration = SimDuration::from_secs(90);
        let requested = packing(&scenario).requested.expect("there are jobs");
        check_seconds(requested.lower_bound_instance_hours, 230.0);
        let gap = requested.gap.expect("jobs were asked for");
        assert!((gap - (90.0 / 230.0 - 1.0)).abs() < 1e-12, "{gap}");
        assert_eq!(requested.unfinished, 4);
        assert!(requested.mean_wait_seconds.abs() < 1e-9, "the others were never placed");
    }

    #[test]
    fn a_service_has_no_requested_intervals() {
        let mut scenario = empty();
        scenario.task_definitions.push(definition(512, 1024));
        scenario.auto_scaling_groups.push(group(2, 2, 2));
        scenario.services.push(service("web", 4, LaunchTarget::Ec2));
        let packing = packing(&scenario);
        assert_eq!(packing.requested, None);
        check_seconds(packing.instance_hours, 7200.0);
        check_seconds(packing.lower_bound_instance_hours, 3600.0);
        assert_eq!(packing.duration_ratio, None, "no task stopped");
    }

    #[test]
    fn network_interfaces_and_host_ports_bound_the_instances() {
        let mut scenario = empty();
        scenario.auto_scaling_groups.push(group(4, 4, 4));
        let mut in_vpc = definition(64, 64);
        in_vpc.network_mode = NetworkMode::Awsvpc;
        let mut on_port = definition(64, 64);
        on_port.host_ports = vec![(80, Protocol::Tcp)];
        scenario.services.push(service("vpc", 5, LaunchTarget::Ec2));
        scenario.services.push(service("port", 4, LaunchTarget::Ec2));
        scenario.services[0].task_definition = scenario.task_definitions.push(in_vpc);
        scenario.services[1].task_definition = scenario.task_definitions.push(on_port);
        for service in &mut scenario.services {
            service.starts_ready = true;
        }
        let packing = packing(&scenario);
        check_seconds(packing.by_resource.cpu, 3600.0);
        check_seconds(packing.by_resource.network_interfaces, 3.0 * 3600.0);
        check_seconds(packing.by_resource.host_ports, 4.0 * 3600.0);
        check_seconds(packing.lower_bound_instance_hours, 4.0 * 3600.0);
        assert_eq!(packing.gap, Some(0.0));
    }

    fn twice_the_size() -> AutoScalingGroup {
        let mut group = group(0, 0, 1);
        group.name = "large".into();
        group.types[0].shape.cpu = Cpu::from_ecs_units(4096);
        group.types[0].shape.memory = Mib::new(2 * 7985);
        group
    }

    /// Two tasks fill two small instances; one large one, which the group may launch, holds both.
    #[test]
    fn tasks_that_may_run_on_either_group_are_judged_by_the_better() {
        let scenario = |target: LaunchTarget| {
            let mut scenario = empty();
            scenario.task_definitions.push(definition(2048, 1024));
            scenario.auto_scaling_groups.push(group(2, 2, 2));
            scenario.auto_scaling_groups.push(twice_the_size());
            scenario.capacity_providers.push(managed_provider(100));
            scenario.services.push(service("web", 2, target));
            scenario.services[0].starts_ready = true;
            scenario
        };
        let any = packing(&scenario(LaunchTarget::Ec2));
        check_seconds(any.lower_bound_instance_hours, 3600.0);
        let provider = CapacityProviderId(0);
        let item = StrategyItem { capacity_provider: provider, base: 0, weight: 1 };
        let own = packing(&scenario(LaunchTarget::Strategy(vec![item])));
        check_seconds(own.lower_bound_instance_hours, 7200.0);
    }

    #[test]
    fn start_up_time_is_packed_but_not_asked_for() {
        let mut scenario = queue();
        let pull = SimDuration::from_secs(7);
        let mut slow = definition(1024, 1024);
        slow.pull_time = DurationDistribution::Constant(pull);
        let slow = scenario.task_definitions.push(slow);
        scenario.batches[0].task_definition = slow;
        let packing = packing(&scenario);
        check_seconds(packing.lower_bound_instance_hours, 260.0 + 4.0 * 7.0);
        let requested = packing.requested.expect("there are jobs");
        check_seconds(requested.lower_bound_instance_hours, 260.0);
    }
}

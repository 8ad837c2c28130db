//! The results of a run, from the state of the world at the horizon.

use std::sync::Arc;

use super::fleet::instance_name;
use super::integral::ratio;
use super::ledger::split_weight;
use super::load::{LoadState, Reading};
use super::rollout::deployment_name;
use super::state::{InstanceState, ServiceState};
use super::task::{Capacity, Owner, TaskState};
use super::world::{MINUTE, World};
use crate::engine::{RunStatistics, fold};
use crate::results::{
    BatchResults, CapacityResults, DeploymentResults, Distribution, InstanceRecord, InstanceTotals,
    RunResults, ScalingResults, ServiceResults, TaskRecord, TaskTotals, Utilization,
};
use crate::units::{
    CapacityProviderId, Id, IdVec, NANOS_PER_SECOND, SimDuration, SimTime, TaskId, ZoneId,
};

/// A stable name of a task in the form of ECS's task ids.
pub fn task_name(id: TaskId) -> String {
    format!("{:032x}", id.0)
}

/// Summary of integer nanoseconds, in seconds. Sorts `nanos`.
fn summarize_nanos(nanos: &mut [u64]) -> Option<Distribution> {
    nanos.sort_unstable();
    let largest = *nanos.last()?;
    let n = nanos.len();
    let seconds = |nanos: u64| nanos as f64 / NANOS_PER_SECOND as f64;
    // Nearest rank: the smallest value that at least the share p of the sample does not exceed.
    let quantile = |p: f64| {
        let rank = (libm::ceil(p * n as f64) as usize).clamp(1, n);
        seconds(nanos[rank - 1])
    };
    let sum: u128 = nanos.iter().map(|value| u128::from(*value)).sum();
    Some(Distribution {
        mean: sum as f64 / n as f64 / NANOS_PER_SECOND as f64,
        p50: quantile(0.50),
        p95: quantile(0.95),
        p99: quantile(0.99),
        max: seconds(largest),
        count: n as u64,
    })
}

impl World<'_, '_> {
    pub(super) fn into_results(
        mut self,
        statistics: &RunStatistics,
        horizon: SimTime,
    ) -> RunResults {
        for service in self.services.ids() {
            // What the last sample left, if the horizon is not on a full minute.
            if let Some(reading) = self.read_load(service, horizon, Reading::Minute) {
                let start =
                    horizon.as_nanos().saturating_sub(1) / MINUTE.as_nanos() * MINUTE.as_nanos();
                self.count_traffic(service, SimTime::from_nanos(start), &reading);
            }
        }
        self.record_interval(horizon);
        let queues = self.queue_results(horizon);
        self.bill_what_still_runs(horizon);
        self.bill_load_balancers(horizon);

        let scenario = self.scenario;
        let invoice = self.meter.finish(&scenario.prices);
        let group_costs: Vec<i128> = self
            .groups
            .iter()
            .map(|group| {
                let lines = invoice.lines.iter();
                lines
                    .filter(|line| {
                        line.category.is_of_instances() && *line.owner == *group.settings.name
                    })
                    .map(|line| line.amount)
                    .sum()
            })
            .collect();
        let (shares, idle_ec2_cost) = self.split_group_costs(&group_costs, horizon);
        let direct = |name: &str| -> i128 {
            let lines = invoice.lines.iter();
            lines
                .filter(|line| !line.category.is_of_instances() && *line.owner == *name)
                .map(|line| line.amount)
                .sum()
        };

        let services: Vec<ServiceResults> = self
            .services
            .enumerate()
            .map(|(id, state)| ServiceResults {
                name: state.settings.name.clone(),
                desired_mean: state.desired_integral.mean_at(horizon),
                running_mean: state.running.mean_at(horizon),
                running_peak: state.running.peak() as u32,
                deployments: self.deployment_results(state),
                cost: direct(&state.settings.name) + shares[self.owner_index(Owner::Service(id))],
                load: state.load.as_ref().map(LoadState::results),
                elasticity: state.load.as_ref().and_then(LoadState::elasticity),
                scaling: state.scaler.as_ref().map(|_| ScalingResults {
                    scale_out: state.scale_out,
                    scale_in: state.scale_in,
                }),
            })
            .collect();
        let batch_ids: Vec<_> = self.batches.ids().collect();
        let mut batches = Vec::new();
        for id in batch_ids {
            let owner = self.owner_index(Owner::Batch(id));
            let state = &mut self.batches[id];
            batches.push(BatchResults {
                name: state.settings.name.clone(),
                queue: state.settings.queue,
                arrived: state.arrived,
                completed: state.completed,
                given_up: state.given_up,
                total_wait: state.waits.iter().map(|wait| u128::from(*wait)).sum(),
                wait_seconds: summarize_nanos(&mut state.waits),
                last_end: state.last_end,
                cost: direct(&state.settings.name) + shares[owner],
            });
        }
        let capacity = self
            .groups
            .iter()
            .zip(&group_costs)
            .map(|(group, cost)| CapacityResults {
                group: group.settings.name.clone(),
                capacity_provider: group
                    .provider
                    .map(|provider| self.providers[provider].settings.name.clone()),
                instance_type: group.purchase.type_names(group.settings),
                mean: group.running.mean_at(horizon),
                peak: group.running.peak() as u32,
                scale_out: group.scale_out,
                scale_in: group.scale_in,
                max_size: group.settings.max_size,
                spot_mean: group.purchase.spot_running.mean_at(horizon),
                interrupted: group.purchase.interrupted,
                failed_launches: group.purchase.failed,
                waiting_at_maximum_time: group.waiting_at_maximum.mean_at(horizon),
                elasticity: group.elasticity.finish(horizon),
                warm_pool: group
                    .settings
                    .operation
                    .warm_pool
                    .as_ref()
                    .map(|_| group.warm.results(horizon)),
                cost: *cost,
            })
            .collect();
        let mut results = RunResults {
            scenario: scenario.name.clone(),
            description: scenario.description.clone(),
            region: scenario.region.clone(),
            start_unix_seconds: scenario.start_unix_seconds,
            seed: scenario.seed,
            replication: scenario.replication,
            trajectory_fingerprint: statistics.fingerprint,
            outcome_fingerprint: 0,
            events: statistics.events,
            simulated: scenario.duration,
            aws_rules: scenario.rules.name.to_owned(),
            price_date: scenario.prices.date(),
            utilization: self.utilization(horizon),
            instances: self.instance_totals(horizon),
            tasks: self.task_totals(),
            services,
            batches,
            queues,
            capacity,
            packing: self.packing(horizon),
            record_interval: scenario.record_interval,
            placement_failures: self.placement_failures(),
            task_records: self.task_records(),
            instance_records: self.instance_records(horizon),
            fault_records: self.fault_records(horizon),
            invoice,
            idle_ec2_cost,
            series: Vec::new(),
            event_records: std::mem::take(&mut self.log),
            warnings: self.warnings(),
        };
        results.outcome_fingerprint = outcome_fingerprint(&results);
        results.series = self.recorder.into_series();
        results
    }

    fn deployment_results(&self, state: &ServiceState<'_>) -> Vec<DeploymentResults> {
        let rollout = &state.rollout;
        let newest_of = |revision: u32| {
            rollout.deployments.iter().rposition(|deployment| deployment.revision == revision)
        };
        let mut counts = vec![(0, 0); rollout.deployments.len()];
        for task in &state.active {
            let task = &self.tasks[*task];
            // After a rollback a revision has two deployments; its tasks belong to the newer one.
            let Some(index) = newest_of(task.revision) else { continue };
            if task.state.is_running() {
                counts[index].0 += 1;
            } else {
                counts[index].1 += 1;
            }
        }
        let deployments = rollout.deployments.iter().zip(counts).enumerate();
        deployments
            .map(|(index, (deployment, (running, pending)))| {
                let definition = rollout.revision(deployment.revision).definition;
                DeploymentResults {
                    id: deployment_name(&state.settings.name, index),
                    task_definition: self.scenario.task_definitions[definition].family.clone(),
                    trigger: deployment.trigger,
                    state: deployment.state,
                    reason: deployment.reason,
                    created: deployment.created,
                    finished: deployment.finished,
                    started_tasks: deployment.started_tasks,
                    failed_tasks: deployment.failed_tasks,
                    running,
                    pending,
                }
            })
            .collect()
    }

    fn bill_what_still_runs(&mut self, horizon: SimTime) {
        for instance in self.instances.ids() {
            if self.instances[instance].state != InstanceState::Terminated {
                self.bill_instance(instance, horizon, false);
            }
        }
        for task in self.tasks.ids() {
            if self.tasks[task].state != TaskState::Stopped {
                self.bill_fargate(task, horizon, false);
            }
        }
    }

    /// Divides each group's cost among owners by weighted reservation; the rest is idle.
    fn split_group_costs(&self, group_costs: &[i128], horizon: SimTime) -> (Vec<i128>, i128) {
        let mut shares = vec![0; self.services.len() + self.batches.len()];
        let mut idle = 0;
        for (group, cost) in self.groups.iter().zip(group_costs) {
            let capacity =
                group.purchase.by_type(group.settings).fold(0, |sum, (shape, running)| {
                    let weight = u128::from(split_weight(shape.cpu, shape.memory));
                    sum + weight * (running.total_at(horizon) >> SPLIT_SHIFT)
                });
            let mut rest = *cost;
            for (share, weight) in shares.iter_mut().zip(&group.owner_weights) {
                let weight = weight.total_at(horizon) >> SPLIT_SHIFT;
                let part = proportional(*cost, weight, capacity).min(rest);
                *share += part;
                rest -= part;
            }
            idle += rest;
        }
        (shares, idle)
    }

    fn utilization(&self, horizon: SimTime) -> Option<Utilization> {
        let totals = &self.totals;
        let cpu = totals.registered_cpu.total_at(horizon);
        let memory = totals.registered_memory.total_at(horizon);
        let on_instances = |state: &ServiceState<'_>| state.settings.launch_is_ec2(self.scenario);
        let models = |s: &ServiceState<'_>| s.load.is_some() || s.settings.worker.is_some();
        let modelled = self.services.iter().any(|s| models(s) && on_instances(s));
        let used = modelled.then(|| self.used_cpu_on_instances(horizon));
        Some(Utilization {
            cpu_reserved: ratio(totals.reserved_cpu.total_at(horizon), cpu)?,
            memory_reserved: ratio(totals.reserved_memory.total_at(horizon), memory)?,
            cpu_used: used.and_then(|used| ratio(used, cpu)),
        })
    }

    fn instance_totals(&self, horizon: SimTime) -> InstanceTotals {
        let running = &self.totals.instances_running;
        InstanceTotals {
            mean: running.mean_at(horizon),
            peak: running.peak() as u32,
            launched: self.instances.len() as u32,
            terminated: self.totals.instances_terminated,
            interrupted: self.groups.iter().map(|it| it.purchase.interrupted).sum(),
            lived: SimDuration::from_nanos(
                u64::try_from(running.total_at(horizon)).unwrap_or(u64::MAX),
            ),
            billed_seconds: self.totals.instance_billed_seconds,
        }
    }

    fn task_totals(&self) -> TaskTotals {
        let mut pending: Vec<u64> = self
            .tasks
            .iter()
            .filter_map(|task| Some(task.started?.saturating_since(task.created).as_nanos()))
            .collect();
        let created = self.tasks.len() as u64;
        let ended = self.totals.stopped;
        // Tasks that are stopping still hold resources; they count as running at the end.
        let running = self.tasks.iter().filter(|task| {
            task.stopped.is_none() && (task.started.is_some() || task.stopping.is_some())
        });
        let running_at_end = running.count() as u64;
        TaskTotals {
            created,
            started: self.totals.started,
            stopped: ended,
            running_at_end,
            pending_at_end: created - ended - running_at_end,
            interrupted: self.totals.interrupted,
            peak_running: self.totals.running.peak() as u32,
            placement_failures: self.totals.placement_failures,
            pending_seconds: summarize_nanos(&mut pending),
            fargate_billed_seconds: self.totals.fargate_billed_seconds,
        }
    }

    pub(super) fn capacity_name(&self, capacity: Capacity) -> &str {
        match capacity {
            Capacity::AnyInstance => "EC2",
            Capacity::Fargate => "FARGATE",
            Capacity::Provider(provider) => &self.providers[provider].settings.name,
        }
    }

    fn task_records(&self) -> Vec<TaskRecord> {
        let services = self.services.iter().map(|state| state.settings.name.as_str());
        let batches = self.batches.iter().map(|state| state.settings.name.as_str());
        let owners: Vec<Arc<str>> = services.chain(batches).map(Arc::from).collect();
        let zones: IdVec<ZoneId, Arc<str>> =
            self.scenario.zones.iter().map(|name| Arc::from(name.as_str())).collect();
        let providers: IdVec<CapacityProviderId, Arc<str>> =
            self.providers.iter().map(|state| Arc::from(state.settings.name.as_str())).collect();
        let (ec2, fargate, nowhere): (Arc<str>, Arc<str>, Arc<str>) =
            ("EC2".into(), "FARGATE".into(), "".into());
        self.tasks
            .iter()
            .map(|task| TaskRecord {
                group: owners[self.owner_index(task.owner)].clone(),
                task_definition: task.definition,
                capacity: match task.capacity {
                    Capacity::AnyInstance => ec2.clone(),
                    Capacity::Fargate => fargate.clone(),
                    Capacity::Provider(provider) => providers[provider].clone(),
                },
                instance: task.instance.map(|instance| instance.index() as u32),
                zone: task.zone.and_then(|zone| zones.get(zone)).unwrap_or(&nowhere).clone(),
                cpu: task.cpu,
                memory: task.memory,
                created: task.created,
                placed: task.placed,
                pull_started: task.pull_started,
                started: task.started,
                stopping: task.stopping,
                stopped: task.stopped,
                stop_code: task.stop_code,
                execution_stopped: task.exited,
                exit_code: task.exit_code,
                restarts: task.restarts,
                stopped_reason: task.stopped_reason.clone(),
                billed_seconds: task.billed_seconds,
            })
            .collect()
    }

    fn instance_records(&self, horizon: SimTime) -> Vec<InstanceRecord> {
        self.instances
            .enumerate()
            .map(|(id, instance)| {
                let group = &self.groups[instance.group];
                let shape = self.shape_of(id);
                let until = instance.terminated.unwrap_or(horizon);
                let registered = instance.registered.unwrap_or(until);
                let warm = instance.warm.as_ref();
                let away = warm.map_or(SimDuration::ZERO, |warm| warm.away(until));
                let nanos = until.saturating_since(registered).as_nanos();
                let nanos = u128::from(nanos.saturating_sub(away.as_nanos()));
                let micro = |reserved: u128, size: u64| -> u64 {
                    let whole = nanos * u128::from(size);
                    (reserved * 1_000_000).checked_div(whole).unwrap_or(0) as u64
                };
                InstanceRecord {
                    group: group.settings.name.clone(),
                    instance_type: shape.instance_type.clone(),
                    purchase_option: instance.purchase.option,
                    interruption_notice: instance.purchase.notice,
                    interrupted: instance.purchase.interrupted,
                    zone: self.scenario.zones[instance.zone].clone(),
                    requested: instance.requested,
                    running: warm.and_then(|warm| warm.first_run).or(instance.running),
                    stopped: warm.map_or_else(Vec::new, |warm| warm.stops.clone()),
                    registered: instance.registered,
                    terminated: instance.terminated,
                    termination_reason: if instance.termination_reason.is_empty() {
                        String::new()
                    } else {
                        format!("{} {}", instance_name(id), instance.termination_reason)
                    },
                    tasks_run: instance.tasks_run,
                    cpu_reserved_micro: micro(
                        instance.reserved_cpu.total_at(until),
                        shape.cpu.as_raw(),
                    ),
                    memory_reserved_micro: micro(
                        instance.reserved_memory.total_at(until),
                        shape.memory.as_mib(),
                    ),
                    billed_seconds: instance.billed_seconds,
                }
            })
            .collect()
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings: Vec<String> = self.scenario.prices.warnings();
        if self.recovery.not_recorded() > 0 {
            warnings.push(format!(
                "{} times of faults are not in `recovery.csv`, which is full",
                self.recovery.not_recorded()
            ));
        }
        if self.unplaced.not_recorded > 0 {
            warnings.push(format!(
                "{} spells of failed placements are not in `unplaced.csv`, which is full",
                self.unplaced.not_recorded
            ));
        }
        if 0 < self.registration.refused {
            warnings.push(format!(
                "{} instances were refused by the cluster, which takes {}; {} of them still tried to \
                 register at the end",
                self.registration.refused,
                self.scenario.control_plane.instances_per_cluster,
                self.registration.waiting()
            ));
        }
        for state in &self.batches {
            let waiting = state.waiting.len();
            if waiting > 0 {
                warnings.push(format!(
                    "{waiting} jobs of `{}` still waited for room at the end",
                    state.settings.name
                ));
            }
        }
        for state in &self.services {
            if state.load.as_ref().is_some_and(|load| !load.knows_demand()) {
                warnings.push(format!(
                    "no number of tasks would always meet the objective of service `{}`: its elasticity \
                     is not measured",
                    state.settings.name
                ));
            }
            if state.quota_bound {
                warnings.push(format!(
                    "service `{}` was held to {} tasks, the quota of a service",
                    state.settings.name, self.scenario.rules.tasks_per_service
                ));
            }
            if state.desired > 0 && state.running.peak() == 0 {
                warnings.push(format!("no task of service `{}` ever ran", state.settings.name));
            }
        }
        warnings
    }
}

/// Low bits dropped from time integrals before a cost is divided by them, so that the product stays
/// inside `i128`: 2^20 ns is a millisecond.
const SPLIT_SHIFT: u32 = 20;

/// `cost × weight / whole`, rounded down; zero if the whole is zero.
fn proportional(cost: i128, weight: u128, whole: u128) -> i128 {
    let (Ok(weight), Ok(whole)) = (i128::try_from(weight), i128::try_from(whole)) else {
        return 0;
    };
    if whole == 0 {
        return 0;
    }
    cost.checked_mul(weight).map_or_else(|| cost / whole * weight, |product| product / whole)
}

/// Folds the integer counters of the results, in the order of the fields.
fn outcome_fingerprint(results: &RunResults) -> u64 {
    let mut hash = 0;
    let mut add = |word: u64| hash = fold(hash, word);
    let mut add_wide = |word: u128| {
        add(word as u64);
        add((word >> 64) as u64);
    };
    add_wide(results.invoice.total as u128);
    let tasks = &results.tasks;
    for count in [
        tasks.created,
        tasks.started,
        tasks.stopped,
        tasks.interrupted,
        tasks.placement_failures,
        tasks.fargate_billed_seconds,
        u64::from(results.instances.launched),
        u64::from(results.instances.terminated),
        results.instances.lived.as_nanos(),
        results.instances.billed_seconds,
    ] {
        add_wide(u128::from(count));
    }
    for service in &results.services {
        add_wide(service.cost as u128);
        if let Some(load) = &service.load {
            for amount in
                [load.offered_micro, load.served_micro, load.failed_micro, load.queued_micro]
            {
                add_wide(amount);
            }
        }
    }
    for queue in &results.queues {
        let counts = &queue.counts;
        for count in [counts.sent, counts.received, counts.deleted, counts.dead_lettered] {
            add_wide(u128::from(count));
        }
        add_wide(queue.total_wait);
        add_wide(queue.total_stay);
    }
    for batch in &results.batches {
        add_wide(u128::from(batch.completed));
        add_wide(batch.total_wait);
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_nearest_ranks() {
        let mut nanos: Vec<u64> = (1..=100).rev().map(|second| second * NANOS_PER_SECOND).collect();
        let summary = summarize_nanos(&mut nanos).expect("not empty");
        let expected = [50.5, 50.0, 95.0, 99.0, 100.0];
        let actual = [summary.mean, summary.p50, summary.p95, summary.p99, summary.max];
        for (actual, expected) in actual.iter().zip(expected) {
            assert!((actual - expected).abs() < 1e-9, "{actual} {expected}");
        }
        assert_eq!(summarize_nanos(&mut []), None);
    }

    #[test]
    fn a_share_of_a_cost_is_exact_and_never_above_it() {
        assert_eq!(proportional(1000, 1, 3), 333);
        assert_eq!(proportional(1000, 3, 3), 1000);
        assert_eq!(proportional(1000, 3, 0), 0);
    }
}

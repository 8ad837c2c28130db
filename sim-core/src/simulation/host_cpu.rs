//! The CPU that container instances use, for `CPUUtilization` of the groups that something watches.
//!
//! Source: EC2 user guide, *CloudWatch metrics for your instances*; Auto Scaling user guide, *Default
//! instance warmup*.
//!
//! # Model
//!
//! * An instance uses what its tasks use, and nothing else: of a service's requests each serving task bears
//!   the same part over a period; a task also uses its idle CPU, a worker its part of what all workers of
//!   its service use, and a standalone task what it reserves. Never more than there is.
//! * Each instance that is in service at the end of a period is one sample: its mean use since the period
//!   began, or since it runs. If the group has a default instance warm-up, instances that are in service
//!   for less are none.
//!
//! Instances of groups whose metric nothing watches are not followed.

use std::collections::BTreeMap;

use super::cpu_sharing::CpuUse;
use super::integral::Integral;
use super::task::Owner;
use super::world::World;
use crate::metrics::{GroupMeasure, MetricSource, StatisticSet};
use crate::scenario::Scenario;
use crate::units::{AsgId, Cpu, IdVec, InstanceId, ServiceId, SimTime, TaskId};

/// Tasks of one service on one instance, since the last sample.
#[derive(Clone, Copy, Debug)]
struct Residents {
    service: ServiceId,
    running: Integral,
    serving: Integral,
}

/// Who uses the CPU of an instance, since the last sample.
#[derive(Clone, Debug, Default)]
struct Host {
    residents: Vec<Residents>,
    /// Reservations of standalone tasks.
    standalone: Integral,
}

/// What a service has used so far.
#[derive(Clone, Copy, Debug, Default)]
struct ServiceUse {
    /// CPU for requests or messages, raw·ns.
    cpu: u128,
    /// Task·ns among which it is divided.
    among: u128,
}

/// A group whose CPU is watched.
#[derive(Clone, Debug, Default)]
struct Watched {
    hosts: BTreeMap<InstanceId, Host>,
    /// At the last sample.
    services: Vec<ServiceUse>,
}

/// The groups whose CPU is watched.
#[derive(Clone, Debug)]
pub(super) struct HostCpu {
    groups: IdVec<AsgId, Option<Watched>>,
}

impl HostCpu {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let is_watched = |id| {
            let source = MetricSource::Group(id, GroupMeasure::CpuUtilization);
            scenario.metrics.iter().any(|metric| metric.source == source)
        };
        let services = vec![ServiceUse::default(); scenario.services.len()];
        let ids = scenario.auto_scaling_groups.ids();
        let watched = |id| {
            let services = services.clone();
            is_watched(id).then(|| Watched { hosts: BTreeMap::new(), services })
        };
        Self { groups: ids.map(watched).collect() }
    }
}

impl Host {
    fn residents(&mut self, service: ServiceId) -> &mut Residents {
        let known = self.residents.iter().position(|it| it.service == service);
        let index = known.unwrap_or_else(|| {
            let (running, serving) = (Integral::default(), Integral::default());
            self.residents.push(Residents { service, running, serving });
            self.residents.len() - 1
        });
        &mut self.residents[index]
    }

    /// Begins the next period; whether anything is left on the instance.
    fn restart(&mut self, now: SimTime) -> bool {
        self.standalone.restart(now);
        self.residents.retain_mut(|it| {
            it.running.restart(now);
            it.serving.restart(now);
            0 < it.running.value()
        });
        !self.residents.is_empty() || 0 < self.standalone.value()
    }
}

/// Follows something that holds from now on or no more.
fn follow(integral: &mut Integral, now: SimTime, (before, after): (bool, bool), amount: u64) {
    if after && !before {
        integral.add(now, amount);
    } else if before && !after {
        integral.subtract(now, amount);
    }
}

/// What a service used in a period, per task and nanosecond, in raw CPU.
#[derive(Clone, Copy, Debug)]
struct Rate {
    per_task: f64,
    /// Of each running task beside that.
    idle: f64,
    /// Whether all running tasks bear it, and not only those that serve.
    all: bool,
}

impl World<'_, '_> {
    /// A task begins or ceases to use CPU.
    pub(super) fn note_host_cpu(&mut self, id: TaskId, from: CpuUse, to: CpuUse, now: SimTime) {
        let task = &self.tasks[id];
        let Some(instance) = task.instance else { return };
        let group = self.instances[instance].group;
        let Some(watched) = &mut self.host_cpu.groups[group] else { return };
        let host = watched.hosts.entry(instance).or_default();
        let runs = (from != CpuUse::None, to != CpuUse::None);
        match task.owner {
            Owner::Service(service) => {
                let residents = host.residents(service);
                follow(&mut residents.running, now, runs, 1);
                let serves = (from == CpuUse::Serving, to == CpuUse::Serving);
                follow(&mut residents.serving, now, serves, 1);
            }
            Owner::Batch(_) => follow(&mut host.standalone, now, runs, task.cpu.as_raw()),
        }
    }

    /// The samples of a group's `CPUUtilization` for the period from `start` to `now`.
    pub(super) fn group_cpu_samples(
        &mut self,
        id: AsgId,
        start: SimTime,
        now: SimTime,
    ) -> Option<StatisticSet> {
        let mut watched = self.host_cpu.groups[id].take()?;
        self.sync_queues(now);
        let services: Vec<ServiceId> = self.services.ids().collect();
        let mut rates = Vec::with_capacity(services.len());
        for (service, before) in services.into_iter().zip(&mut watched.services) {
            let used = self.service_use(service, now);
            let among = used.among - before.among;
            let cpu = (used.cpu - before.cpu) as f64;
            *before = used;
            let settings = self.services[service].settings;
            let idle = settings.load.as_ref().map_or(Cpu::ZERO, |load| load.idle_cpu);
            rates.push(Rate {
                per_task: if among == 0 { 0.0 } else { cpu / among as f64 },
                idle: idle.as_raw() as f64,
                all: settings.worker.is_some(),
            });
        }
        let group = &self.groups[id];
        let warm_up = group.settings.operation.scaling.default_instance_warmup;
        let mut samples: Option<StatisticSet> = None;
        for (entered, instance) in group.alive.in_service_ones() {
            // Instances of the initial state have been there for long; they do not warm up.
            if entered > SimTime::ZERO && warm_up.is_some_and(|length| now < entered + length) {
                continue;
            }
            let host = watched.hosts.get(&instance);
            let used = host.map_or(0.0, |host| used_on(host, now, &rates));
            let from = self.instances[instance].running.map_or(start, |at| at.max(start));
            let length = now.saturating_since(from).as_nanos() as f64;
            let all = self.shape_of(instance).cpu.as_raw() as f64 * length;
            if let Some(sample) = StatisticSet::of((100.0 * used / all).min(100.0)) {
                samples = Some(samples.map_or(sample, |samples| samples.merged(sample)));
            }
        }
        watched.hosts.retain(|_, host| host.restart(now));
        self.host_cpu.groups[id] = Some(watched);
        samples
    }

    fn service_use(&mut self, id: ServiceId, now: SimTime) -> ServiceUse {
        self.sync_load(id, now);
        let state = &self.services[id];
        match (&state.load, self.worker_cpu(id, now)) {
            (Some(load), _) => ServiceUse { cpu: load.busy_cpu(), among: load.serving_time() },
            (None, Some(cpu)) => ServiceUse { cpu, among: state.running.total_at(now) },
            (None, None) => ServiceUse::default(),
        }
    }
}

/// CPU used on an instance since the last sample, raw·ns.
fn used_on(host: &Host, now: SimTime, rates: &[Rate]) -> f64 {
    let of_services = host.residents.iter().filter_map(|it| {
        let rate = rates.get(it.service.0 as usize)?;
        let running = it.running.total_at(now) as f64;
        let bearing = if rate.all { running } else { it.serving.total_at(now) as f64 };
        Some(rate.per_task * bearing + rate.idle * running)
    });
    of_services.sum::<f64>() + host.standalone.total_at(now) as f64
}

//! Time series under their CloudWatch names, one value per recording interval.
//!
//! Counts are time-weighted means over the interval, from exact integrals; requests are sums.

use super::event::Event;
use super::load::Reading;
use super::world::World;
use crate::engine::{Phase, Scheduler};
use crate::results::Series;
use crate::scenario::Scenario;
use crate::traffic::MICRO_PER_REQUEST;
#[cfg(debug_assertions)]
use crate::units::Id;
use crate::units::{SimTime, to_f64};

const ECS: &str = "AWS/ECS";
const INSIGHTS: &str = "ECS/ContainerInsights";
const BALANCER: &str = "AWS/ApplicationELB";
const SCALING: &str = "AWS/AutoScaling";
const MANAGED: &str = "AWS/ECS/ManagedScaling";
const SQS: &str = "AWS/SQS";
const OWN: &str = "Plimsoll";

/// Columns of a cluster with container instances.
const CLUSTER: [(&str, &str, &str); 4] = [
    (ECS, "CPUReservation", "Percent"),
    (ECS, "MemoryReservation", "Percent"),
    (ECS, "CPUUtilization", "Percent"),
    (ECS, "MemoryUtilization", "Percent"),
];
const SERVICE: [(&str, &str, &str); 3] = [
    (INSIGHTS, "DesiredTaskCount", "Count"),
    (INSIGHTS, "RunningTaskCount", "Count"),
    (INSIGHTS, "PendingTaskCount", "Count"),
];
/// Further columns of a service with load.
const LOAD: [(&str, &str, &str); 10] = [
    (OWN, "NeededTaskCount", "Count"),
    (ECS, "CPUUtilization", "Percent"),
    (ECS, "MemoryUtilization", "Percent"),
    (BALANCER, "RequestCount", "Count"),
    (OWN, "FailedRequestCount", "Count"),
    (OWN, "BacklogRequestCount", "Count"),
    (BALANCER, "HealthyHostCount", "Count"),
    (OWN, "LatencyP50", "Milliseconds"),
    (OWN, "LatencyP95", "Milliseconds"),
    (OWN, "LatencyP99", "Milliseconds"),
];
/// Further columns of a service that works on a queue.
const WORKER: [(&str, &str, &str); 3] = [
    (ECS, "CPUUtilization", "Percent"),
    (ECS, "MemoryUtilization", "Percent"),
    (OWN, "BusyWorkerThreads", "Count"),
];
const QUEUE: [(&str, &str, &str); 8] = [
    (SQS, "ApproximateNumberOfMessagesVisible", "Count"),
    (SQS, "ApproximateNumberOfMessagesNotVisible", "Count"),
    (SQS, "ApproximateNumberOfMessagesDelayed", "Count"),
    (SQS, "ApproximateAgeOfOldestMessage", "Seconds"),
    (SQS, "NumberOfMessagesSent", "Count"),
    (SQS, "NumberOfMessagesReceived", "Count"),
    (SQS, "NumberOfMessagesDeleted", "Count"),
    (SQS, "NumberOfEmptyReceives", "Count"),
];
const BATCH: [(&str, &str, &str); 2] =
    [(INSIGHTS, "RunningTaskCount", "Count"), (INSIGHTS, "PendingTaskCount", "Count")];
const GROUP: [(&str, &str, &str); 4] = [
    (SCALING, "GroupDesiredCapacity", "Count"),
    (SCALING, "GroupInServiceInstances", "Count"),
    (OWN, "NeededInstanceCount", "Count"),
    (MANAGED, "CapacityProviderReservation", "Percent"),
];

struct Column {
    series: Series,
    /// Integral at the last reading, for means.
    before: u128,
}

/// The series of a run, in a fixed order.
pub(super) struct Recorder {
    columns: Vec<Column>,
    cursor: usize,
    last: SimTime,
    used_before: [u128; 2],
    registered_before: [u128; 2],
    reserved_before: [u128; 2],
}

impl Recorder {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let mut columns = Vec::new();
        let mut add = |(namespace, metric, unit), dimension, entity: &str| {
            columns.push(Column {
                series: Series {
                    namespace,
                    metric,
                    dimension,
                    entity: entity.to_owned(),
                    unit,
                    values: Vec::new(),
                },
                before: 0,
            });
        };
        if !scenario.auto_scaling_groups.is_empty() {
            for names in CLUSTER {
                add(names, "ClusterName", &scenario.name);
            }
        }
        for service in &scenario.services {
            for names in SERVICE {
                add(names, "ServiceName", &service.name);
            }
            if service.load.is_some() {
                for names in LOAD {
                    add(names, "ServiceName", &service.name);
                }
            }
            if service.worker.is_some() {
                for names in WORKER {
                    add(names, "ServiceName", &service.name);
                }
            }
        }
        for queue in &scenario.queues {
            for names in QUEUE {
                add(names, "QueueName", &queue.name);
            }
        }
        for batch in &scenario.batches {
            for names in BATCH {
                add(names, "TaskGroup", &batch.name);
            }
        }
        for group in &scenario.auto_scaling_groups {
            for names in GROUP {
                add(names, "AutoScalingGroupName", &group.name);
            }
        }
        Self {
            columns,
            cursor: 0,
            last: SimTime::ZERO,
            used_before: [0; 2],
            registered_before: [0; 2],
            reserved_before: [0; 2],
        }
    }

    pub(super) fn into_series(self) -> Vec<Series> {
        self.columns.into_iter().map(|column| column.series).collect()
    }

    fn value(&mut self, value: Option<f64>) {
        let finite = value.filter(|value| value.is_finite());
        self.columns[self.cursor].series.values.push(finite);
        self.cursor += 1;
    }

    /// The mean of an integrated quantity since the last reading, `length` nanoseconds ago.
    fn mean(&mut self, total: u128, length: u64) {
        let column = &mut self.columns[self.cursor];
        let sum = total - std::mem::replace(&mut column.before, total);
        self.value(Some(to_f64(sum) / length.max(1) as f64));
    }
}

/// `100 × part / whole` of what came on top since the last reading; `None` if the whole is zero.
fn percent_since(part: (u128, u128), whole: (u128, u128)) -> Option<f64> {
    let (part, whole) = (part.1 - part.0, whole.1 - whole.0);
    (whole > 0).then(|| 100.0 * to_f64(part) / to_f64(whole))
}

impl World<'_, '_> {
    /// Records the interval that ends now, and schedules the next record.
    pub(super) fn record(&mut self, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        self.record_interval(now);
        scheduler.schedule_in(self.scenario.record_interval, Phase::Observe, Event::Record);
        #[cfg(debug_assertions)]
        self.check_invariants();
    }

    /// Records the interval from the last record to `now`.
    pub(super) fn record_interval(&mut self, now: SimTime) {
        let length = now.saturating_since(self.recorder.last).as_nanos();
        if length == 0 {
            return;
        }
        self.recorder.last = now;
        // Readings first: the cluster's use is the sum over services.
        let readings: Vec<_> =
            self.services.ids().map(|id| self.read_load(id, now, Reading::Interval)).collect();
        let working: Vec<_> =
            self.services.ids().map(|id| self.read_worker(id, now, Reading::Interval)).collect();
        self.recorder.cursor = 0;
        if !self.groups.is_empty() {
            self.record_cluster(now);
        }
        for ((id, reading), worker) in self.services.ids().zip(readings).zip(working) {
            let state = &mut self.services[id];
            let recorder = &mut self.recorder;
            recorder.mean(state.desired_integral.total_at(now), length);
            recorder.mean(state.running.total_at(now), length);
            recorder.mean(state.pending.total_at(now), length);
            if let Some(worker) = worker {
                recorder.value(worker.load.cpu_percent());
                recorder.value(worker.load.memory_percent());
                recorder.value(Some(worker.busy));
            }
            let (Some(reading), Some(load)) = (reading, &mut state.load) else { continue };
            let sums = load.take_interval();
            let requests = |micro: u128| Some(to_f64(micro) / MICRO_PER_REQUEST as f64);
            recorder.value(load.knows_demand().then(|| to_f64(sums.needed) / length as f64));
            recorder.value(reading.cpu_percent());
            recorder.value(reading.memory_percent());
            recorder.value(requests(sums.offered));
            recorder.value(requests(sums.failed));
            recorder.value(requests(load.backlog()));
            recorder.value(Some(to_f64(sums.healthy) / length as f64));
            for quantile in load.interval_quantiles_ms() {
                recorder.value(quantile);
            }
            load.clear_responses();
        }
        for id in self.scenario.queues.ids() {
            let (counts, before, age) = self.read_queue(id, now);
            for total in self.queues.message_time(id, now) {
                self.recorder.mean(total, length);
            }
            self.recorder.value(Some(age));
            for (count, before) in [
                (counts.sent, before.sent),
                (counts.received, before.received),
                (counts.deleted, before.deleted),
                (counts.empty_receives, before.empty_receives),
            ] {
                self.recorder.value(Some((count - before) as f64));
            }
        }
        for state in &self.batches {
            self.recorder.mean(state.running.total_at(now), length);
            self.recorder.mean(state.pending.total_at(now), length);
        }
        for state in &self.groups {
            self.recorder.mean(state.desired_integral.total_at(now), length);
            self.recorder.mean(state.running.total_at(now), length);
            self.recorder.mean(state.wanted.total_at(now), length);
            let reservation = state.provider.and_then(|id| self.providers[id].newest_reservation);
            self.recorder.value(reservation);
        }
        debug_assert_eq!(self.recorder.cursor, self.recorder.columns.len(), "a column was missed");
    }

    fn record_cluster(&mut self, now: SimTime) {
        let totals = &self.totals;
        let registered =
            [totals.registered_cpu.total_at(now), totals.registered_memory.total_at(now)];
        let reserved = [totals.reserved_cpu.total_at(now), totals.reserved_memory.total_at(now)];
        let used = [self.used_cpu_on_instances(now), self.used_memory_on_instances(now)];
        let recorder = &mut self.recorder;
        let registered_before = std::mem::replace(&mut recorder.registered_before, registered);
        let reserved_before = std::mem::replace(&mut recorder.reserved_before, reserved);
        let used_before = std::mem::replace(&mut recorder.used_before, used);
        let cpu = (registered_before[0], registered[0]);
        let memory = (registered_before[1], registered[1]);
        recorder.value(percent_since((reserved_before[0], reserved[0]), cpu));
        recorder.value(percent_since((reserved_before[1], reserved[1]), memory));
        recorder.value(percent_since((used_before[0], used[0]), cpu));
        recorder.value(percent_since((used_before[1], used[1]), memory));
    }

    /// CPU used on container instances so far, in raw CPU·ns: requests and idle use of services, and
    /// the whole reservation of running jobs, whose use is not modelled.
    pub(super) fn used_cpu_on_instances(&self, now: SimTime) -> u128 {
        let mut used = self.totals.batch_cpu.total_at(now);
        for id in self.services.ids() {
            let state = &self.services[id];
            let on_instances = state.settings.launch_is_ec2(self.scenario);
            if let Some(load) = state.load.as_ref().filter(|_| on_instances) {
                let idle = u128::from(load.load.idle_cpu.as_raw()) * state.running.total_at(now);
                used += load.busy_cpu() + idle;
            }
        }
        used + self.used_by_workers_on_instances(now).0
    }

    /// Memory used on container instances so far, in MiB·ns, likewise.
    fn used_memory_on_instances(&self, now: SimTime) -> u128 {
        let mut used = self.totals.batch_memory.total_at(now);
        for state in &self.services {
            let on_instances = state.settings.launch_is_ec2(self.scenario);
            if let Some(load) = state.load.as_ref().filter(|_| on_instances) {
                let idle = u128::from(load.load.idle_memory.as_mib());
                used += idle * state.running.total_at(now) + load.request_memory();
            }
        }
        used + self.used_by_workers_on_instances(now).1
    }

    /// Laws that hold at every instant; debug builds check them at each record.
    #[cfg(debug_assertions)]
    fn check_invariants(&self) {
        let mut waiting = 0;
        let (mut reserved_cpu, mut reserved_memory) = (0, 0);
        let mut admitted = vec![0; self.instances.len()];
        for task in &self.tasks {
            if task.stopping.is_none() && task.instance.is_some() {
                reserved_cpu += task.cpu.as_raw();
                reserved_memory += task.memory.as_mib();
            }
            waiting += u32::from(task.state == super::task::TaskState::WaitingForCapacity);
            let order = [Some(task.created), task.placed, task.started, task.stopped];
            if let Some(instance) = task.instance
                && task.pull_started.is_some()
                && task.exited.is_none()
            {
                admitted[instance.index()] += task.cpu.as_raw();
            }
            let reached: Vec<_> = order.into_iter().flatten().collect();
            debug_assert!(reached.is_sorted(), "a task's life goes forward");
        }
        debug_assert_eq!(reserved_cpu, self.totals.reserved_cpu.value(), "reserved CPU");
        debug_assert_eq!(reserved_memory, self.totals.reserved_memory.value(), "reserved memory");
        debug_assert_eq!(waiting, self.provisioning, "tasks waiting for capacity");
        let queued: usize = self.providers.iter().map(|provider| provider.queue.len()).sum();
        debug_assert_eq!(queued, waiting as usize, "queues hold exactly the waiting tasks");
        for (id, state) in self.services.enumerate() {
            let active = &state.active;
            let running = active.iter().filter(|task| self.tasks[**task].state.is_running());
            debug_assert_eq!(running.count() as u64, state.running.value(), "running of {id}");
            if let Some(load) = &state.load {
                let serving = state.healthy + load.unhealthy_serving;
                debug_assert_eq!(load.lanes.tasks(), serving, "serving tasks of {id}");
            }
            for task in active {
                debug_assert_eq!(self.tasks[*task].owner, super::task::Owner::Service(id));
            }
        }
        for (id, instance) in self.instances.enumerate() {
            let Some(slot) = self.fleet.slot(id) else { continue };
            let shape = self.shape_of(id);
            if let Some(agent) = &instance.agent {
                let (cpu, memory, gpus) = agent.host.consumed();
                debug_assert_eq!(cpu.as_raw(), admitted[id.index()], "agent of instance {id}");
                debug_assert!(cpu <= shape.cpu && memory <= shape.memory && gpus <= shape.gpus);
            }
            debug_assert_eq!(
                slot.free_cpu.as_raw() + instance.reserved_cpu.value(),
                shape.cpu.as_raw(),
                "CPU of instance {id}"
            );
            debug_assert_eq!(
                slot.free_memory.as_mib() + instance.reserved_memory.value(),
                shape.memory.as_mib(),
                "memory of instance {id}"
            );
        }
    }
}

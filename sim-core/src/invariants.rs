//! Laws that hold for every run, checked from its results alone.
//!
//! The numbers are stable; the list is extended, never shortened.
//!
//! | law | holds |
//! | --- | --- |
//! | 1 | tasks created = stopped + running at the end + pending at the end |
//! | 2 | on every instance, at every instant, reservations of tasks that are not told to stop ≤ what is registered: CPU, memory, GPUs, network interfaces, static ports |
//! | 3 | the life of a task and of an instance goes forward and ends by the horizon |
//! | 4 | minimum ≤ desired ≤ maximum after every scaling decision |
//! | 5 | billed seconds are the lived ones rounded up, and the minimum for what ended |
//! | 6 | the total of the bill is the sum of its lines, exactly |
//! | 12 | requests in = served + failed + waiting |
//! | 13 | the time that instances lived adds up to the integral of their number |
//! | 14 | a task runs only on an instance that is registered for as long as it holds resources there |
//! | 15 | the costs of services, jobs and idle capacity never exceed the bill |
//! | 16 | no request is answered after its time-out |
//! | 17 | no bound on the instance-hours that the tasks needed is above those that ran |
//! | 18 | on every instance, at every instant, what the agent has admitted and whose containers are not gone ≤ what is registered: CPU, memory, GPUs, static ports |
//! | 100 | messages sent or moved in = deleted + moved out + expired + visible + in flight + delayed; what one queue moves out another moves in |
//! | 101 | receives of messages = attempts that succeeded + failed + were dropped + still go on |
//!
//! Law 7 (no decision reads a metric before its publication), law 8 (same input, same bytes), law 9
//! (a policy that never triggers changes nothing), law 10 (doubled prices double the cost) and law 11
//! (shifted times shift the outputs) compare runs or look inside one; they are tests of `simulation`
//! and `metrics`. Debug builds also check law 7 at every point that is read, and laws 1 and 2 from the live
//! state at every record.

use std::collections::BTreeMap;

use crate::autoscaling::PredictiveScalingPolicy;
use crate::billing::{
    FARGATE_LINUX_MINIMUM_SECONDS, FARGATE_WINDOWS_MINIMUM_SECONDS, INSTANCE_MINIMUM_SECONDS,
};
use crate::results::{EventCategory, InstanceRecord, RunResults, TaskRecord};
use crate::scenario::{GroupUpdate, OperatingSystem, Protocol, Scenario, TaskDefinition};
use crate::units::{SimDuration, SimTime};

/// Every law that `results` breaks, in words; empty for a correct run.
pub fn violations(scenario: &Scenario, results: &RunResults) -> Vec<String> {
    let mut found = Vec::new();
    task_counts(results, &mut found);
    lives(scenario, results, &mut found);
    for book in [Book::Placement, Book::Agent] {
        over_commitment(scenario, results, book, &mut found);
    }
    desired_within_bounds(scenario, results, &mut found);
    billed_time(scenario, results, &mut found);
    money(results, &mut found);
    requests(results, &mut found);
    answers_in_time(scenario, results, &mut found);
    lower_bound(results, &mut found);
    messages(results, &mut found);
    found
}

fn lower_bound(results: &RunResults, found: &mut Vec<String>) {
    let Some(packing) = &results.packing else { return };
    let of = &packing.by_resource;
    let resources = [of.cpu, of.memory, of.gpus, of.network_interfaces, of.host_ports];
    let strongest = packing.lower_bound_instance_hours;
    // Hours are rounded once from exact integers, which keeps their order.
    let ordered = resources.iter().all(|hours| *hours <= strongest);
    if !ordered || strongest > packing.instance_hours || packing.gap.is_some_and(|gap| gap < 0.0) {
        found.push(format!("law 17: a bound is above what ran: {packing:?}"));
    }
}

fn messages(results: &RunResults, found: &mut Vec<String>) {
    let (mut moved_in, mut moved_out) = (0, 0);
    for queue in &results.queues {
        let counts = &queue.counts;
        let left = queue.visible_at_end + queue.in_flight_at_end + queue.delayed_at_end;
        let out = counts.deleted + counts.dead_lettered + counts.expired;
        if counts.sent + counts.moved_in != out + left {
            found.push(format!("law 100: messages of `{}`: {counts:?}, {left} left", queue.name));
        }
        moved_in += counts.moved_in;
        moved_out += counts.dead_lettered;
        let ended = counts.deleted + counts.wasted + counts.failed + counts.abandoned;
        if counts.received != ended + queue.held_at_end {
            found.push(format!("law 101: attempts of `{}`: {counts:?}", queue.name));
        }
    }
    if moved_in != moved_out {
        found.push(format!("law 100: {moved_out} messages moved out, {moved_in} moved in"));
    }
}

fn task_counts(results: &RunResults, found: &mut Vec<String>) {
    let tasks = &results.tasks;
    let accounted = tasks.stopped + tasks.running_at_end + tasks.pending_at_end;
    if tasks.created != accounted || tasks.created != results.task_records.len() as u64 {
        found.push(format!("law 1: {} tasks created, {accounted} accounted for", tasks.created));
    }
    for batch in &results.batches {
        if batch.completed + batch.given_up > batch.arrived {
            found.push(format!(
                "law 1: `{}` completed and gave up more jobs than arrived",
                batch.name
            ));
        }
    }
}

fn lives(scenario: &Scenario, results: &RunResults, found: &mut Vec<String>) {
    let horizon = SimTime::ZERO + scenario.duration;
    for (index, task) in results.task_records.iter().enumerate() {
        let life = [
            Some(task.created),
            task.placed,
            task.pull_started,
            task.started,
            task.execution_stopped,
            task.stopped,
        ];
        let reached: Vec<SimTime> = life.into_iter().flatten().collect();
        let stop_after_start = task.stopping.is_none_or(|at| task.created <= at);
        if !reached.is_sorted() || reached.last() > Some(&horizon) || !stop_after_start {
            found.push(format!("law 3: task {index} of `{}`: {life:?}", task.group));
        }
        let Some(instance) = task.instance else { continue };
        let Some(instance) = results.instance_records.get(instance as usize) else {
            found.push(format!("law 14: task {index} names an unknown instance"));
            continue;
        };
        let (placed, until) = (task.placed, task.stopped.unwrap_or(horizon));
        let gone = instance.terminated.unwrap_or(SimTime::MAX);
        if instance.registered.is_none() || placed < instance.registered || gone < until {
            found.push(format!("law 14: task {index} outlives its instance {instance:?}"));
        }
    }
    let mut lived = 0;
    for (index, instance) in results.instance_records.iter().enumerate() {
        let life =
            [Some(instance.requested), instance.running, instance.registered, instance.terminated];
        let reached: Vec<SimTime> = life.into_iter().flatten().collect();
        if !reached.is_sorted() || reached.last() > Some(&horizon) {
            found.push(format!("law 3: instance {index}: {life:?}"));
        }
        for (from, until) in runs(instance) {
            lived += until.unwrap_or(horizon).saturating_since(from).as_nanos();
        }
    }
    if lived != results.instances.lived.as_nanos() {
        found.push(format!(
            "law 13: instances lived {lived} ns, the integral is {} ns",
            results.instances.lived.as_nanos()
        ));
    }
}

/// Times in which EC2 ran an instance; `None` if it still does.
fn runs(instance: &InstanceRecord) -> Vec<(SimTime, Option<SimTime>)> {
    let mut runs = Vec::new();
    let mut from = instance.running;
    for (stopped, started) in &instance.stopped {
        runs.extend(from.map(|from| (from, Some(*stopped))));
        from = *started;
    }
    runs.extend(from.map(|from| (from, instance.terminated)));
    runs
}

fn definition_of<'s>(scenario: &'s Scenario, task: &TaskRecord) -> Option<&'s TaskDefinition> {
    scenario.task_definitions.get(task.task_definition)
}

/// What is reserved on an instance while its history is swept.
#[derive(Default)]
struct Reserved {
    cpu: u64,
    memory: u64,
    gpus: u32,
    interfaces: u32,
    ports: BTreeMap<(u16, Protocol), u32>,
}

/// Who counts what is reserved on an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Book {
    /// The control plane, from placement to the decision to stop: law 2.
    Placement,
    /// The agent, from admission to the end of the containers: law 18.
    Agent,
}

impl Book {
    fn law(self) -> u32 {
        match self {
            Self::Placement => 2,
            Self::Agent => 18,
        }
    }

    /// When a task was counted, and until when.
    fn stretch(self, task: &TaskRecord) -> (Option<SimTime>, Option<SimTime>) {
        match self {
            Self::Placement => (task.placed, task.stopping),
            Self::Agent => (task.pull_started, task.execution_stopped),
        }
    }
}

fn over_commitment(scenario: &Scenario, results: &RunResults, book: Book, found: &mut Vec<String>) {
    let law = book.law();
    let horizon = SimTime::ZERO + scenario.duration;
    // Changes per instance; at one instant what is released is free before the next reservation.
    let mut changes: BTreeMap<u32, Vec<(SimTime, bool, usize)>> = BTreeMap::new();
    for (index, task) in results.task_records.iter().enumerate() {
        let (from, until) = book.stretch(task);
        let (Some(instance), Some(from)) = (task.instance, from) else { continue };
        if until == Some(from) {
            // Counted and gone at one instant: it never held anything beside another task.
            continue;
        }
        let list = changes.entry(instance).or_default();
        list.push((from, true, index));
        if let Some(until) = until.filter(|at| *at <= horizon) {
            list.push((until, false, index));
        }
    }
    for (instance, mut list) in changes {
        let Some(record) = results.instance_records.get(instance as usize) else { continue };
        let group = scenario.auto_scaling_groups.iter().find(|group| group.name == record.group);
        let types = group.map_or(&[][..], |group| &group.types);
        let named = types.iter().find(|it| it.shape.instance_type == record.instance_type);
        let Some(shape) = named.map(|it| &it.shape) else {
            found.push(format!("law {law}: instance {instance} is of no type of its group"));
            continue;
        };
        list.sort_unstable();
        let mut reserved = Reserved::default();
        for (at, add, index) in list {
            let task = &results.task_records[index];
            let Some(definition) = definition_of(scenario, task) else { continue };
            let interfaces = definition.network_interfaces();
            if add {
                reserved.cpu += task.cpu.as_raw();
                reserved.memory += task.memory.as_mib();
                reserved.gpus += definition.gpus;
                reserved.interfaces += interfaces;
            } else {
                reserved.cpu -= task.cpu.as_raw();
                reserved.memory -= task.memory.as_mib();
                reserved.gpus -= definition.gpus;
                reserved.interfaces -= interfaces;
            }
            for port in &definition.host_ports {
                let count = reserved.ports.entry(*port).or_insert(0);
                if add {
                    *count += 1;
                } else {
                    *count -= 1;
                }
            }
            let over = [
                (reserved.cpu > shape.cpu.as_raw(), "CPU"),
                (reserved.memory > shape.memory.as_mib(), "memory"),
                (reserved.gpus > shape.gpus, "GPUs"),
                (
                    book == Book::Placement && reserved.interfaces > shape.task_network_interfaces,
                    "network interfaces",
                ),
                (reserved.ports.values().any(|count| *count > 1), "ports"),
            ];
            for (_, resource) in over.iter().filter(|(over, _)| *over) {
                found.push(format!("law {law}: {resource} of instance {instance} at {at:?}"));
            }
        }
    }
}

fn desired_within_bounds(scenario: &Scenario, results: &RunResults, found: &mut Vec<String>) {
    // A forecast may raise the maximum for good.
    let raises = |it: &PredictiveScalingPolicy| it.scales && it.max_capacity_buffer.is_some();
    for event in &results.event_records {
        let Some((_, desired)) = event.change else { continue };
        let bounds = match event.category {
            EventCategory::ServiceScaling => scenario
                .services
                .iter()
                .find(|service| service.name == event.entity)
                .and_then(|service| service.scaling.as_ref())
                .map(|scaling| {
                    // Scheduled actions move the bounds: take the widest they ever were.
                    let mins = scaling.scheduled.iter().filter_map(|it| it.min_capacity);
                    let maxs = scaling.scheduled.iter().filter_map(|it| it.max_capacity);
                    let min = mins.fold(scaling.min_capacity, u32::min);
                    let max = maxs.fold(scaling.max_capacity, u32::max);
                    let raised = scaling.predictive.iter().any(raises);
                    (min, if raised { u32::MAX } else { max })
                }),
            EventCategory::GroupActivity => {
                scenario.auto_scaling_groups.iter().find(|group| group.name == event.entity).map(
                    |group| {
                        let changes =
                            group.operation.changes.iter().filter_map(|it| match &it.update {
                                GroupUpdate::Capacity(change) => Some(change),
                                _ => None,
                            });
                        let mins = changes.clone().filter_map(|it| it.min_size);
                        let maxs = changes.filter_map(|it| it.max_size);
                        let raised = group.operation.predictive.iter().any(raises);
                        let max = maxs.fold(group.max_size, u32::max);
                        (mins.fold(group.min_size, u32::min), if raised { u32::MAX } else { max })
                    },
                )
            }
            EventCategory::ServiceEvent
            | EventCategory::RunTask
            | EventCategory::Alarm
            | EventCategory::Fault => None,
        };
        if let Some((min, max)) = bounds
            && !(min..=max).contains(&desired)
        {
            found.push(format!(
                "law 4: `{}` was set to {desired}, outside {min} to {max}",
                event.entity
            ));
        }
    }
}

const HOUR: SimDuration = SimDuration::from_secs(3600);

fn billed_time(scenario: &Scenario, results: &RunResults, found: &mut Vec<String>) {
    let horizon = SimTime::ZERO + scenario.duration;
    let expected = |from: SimTime, until: Option<SimTime>, minimum: u64| {
        let lived = until.unwrap_or(horizon).saturating_since(from).as_secs_ceil();
        if until.is_some() { lived.max(minimum) } else { lived }
    };
    let mut sum = 0;
    for (index, instance) in results.instance_records.iter().enumerate() {
        // Each start of an instance has its own minimum.
        let runs = runs(instance).into_iter();
        let mut expected: u64 =
            runs.map(|(from, until)| expected(from, until, INSTANCE_MINIMUM_SECONDS)).sum();
        let first_hour = |(from, until): (SimTime, SimTime)| until.saturating_since(from) < HOUR;
        if instance.interrupted && instance.running.zip(instance.terminated).is_none_or(first_hour)
        {
            // Free if EC2 takes it back in its first hour.
            expected = 0;
        } else if let (true, Some((from, until))) =
            (instance.interrupted, instance.running.zip(instance.terminated))
        {
            expected = until.saturating_since(from).as_secs_ceil();
        }
        if instance.billed_seconds != expected {
            found.push(format!(
                "law 5: instance {index} is billed {} s instead of {expected} s",
                instance.billed_seconds
            ));
        }
        sum += instance.billed_seconds;
    }
    if sum != results.instances.billed_seconds {
        found.push("law 5: billed seconds of instances do not add up".to_owned());
    }
    let mut sum = 0;
    for (index, task) in results.task_records.iter().enumerate() {
        let minimum = match definition_of(scenario, task).map(|it| it.operating_system) {
            Some(OperatingSystem::Windows) => FARGATE_WINDOWS_MINIMUM_SECONDS,
            Some(OperatingSystem::Linux) | None => FARGATE_LINUX_MINIMUM_SECONDS,
        };
        let on_fargate = task.instance.is_none() && task.placed.is_some();
        let pulled = task.pull_started.filter(|_| on_fargate);
        let expected = pulled.map_or(0, |from| expected(from, task.stopped, minimum));
        if task.billed_seconds != expected {
            found.push(format!(
                "law 5: task {index} is billed {} s instead of {expected} s",
                task.billed_seconds
            ));
        }
        sum += task.billed_seconds;
    }
    if sum != results.tasks.fargate_billed_seconds {
        found.push("law 5: billed seconds of Fargate tasks do not add up".to_owned());
    }
}

fn money(results: &RunResults, found: &mut Vec<String>) {
    let invoice = &results.invoice;
    let sum: i128 = invoice.lines.iter().map(|line| line.amount).sum();
    if sum != invoice.total {
        found.push(format!("law 6: lines add up to {sum}, the total is {}", invoice.total));
    }
    if !invoice.unpriced.is_empty() {
        found.push(format!("law 6: no price for {:?}", invoice.unpriced));
    }
    let services: i128 = results.services.iter().map(|service| service.cost).sum();
    let batches: i128 = results.batches.iter().map(|batch| batch.cost).sum();
    let attributed = services + batches + results.idle_ec2_cost;
    if attributed > invoice.total {
        found.push(format!("law 15: {attributed} attributed out of {}", invoice.total));
    }
}

fn answers_in_time(scenario: &Scenario, results: &RunResults, found: &mut Vec<String>) {
    for service in &results.services {
        let Some(latency) = service.load.as_ref().and_then(|load| load.latency_ms) else {
            continue;
        };
        let settings = scenario.services.iter().find(|it| it.name == service.name);
        let Some(load) = settings.and_then(|it| it.load.as_ref()) else { continue };
        let longest = load.longest_response().as_nanos() as f64 / 1e6;
        for value in [latency.mean, latency.p50, latency.p95, latency.p99, latency.max] {
            if longest + 1e-6 < value {
                found.push(format!("law 16: `{}` answered after {value} ms", service.name));
            }
        }
    }
}

fn requests(results: &RunResults, found: &mut Vec<String>) {
    for service in &results.services {
        let Some(load) = &service.load else { continue };
        let out = load.served_micro + load.failed_micro + load.queued_micro;
        if load.offered_micro != out {
            found.push(format!(
                "law 12: `{}` was offered {} micro-requests and accounts for {out}",
                service.name, load.offered_micro
            ));
        }
    }
}

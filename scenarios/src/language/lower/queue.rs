//! Message queues, and services that work on them.

use std::sync::Arc;

use plimsoll_core::engine::DurationDistribution;
use plimsoll_core::scenario::{
    MessageArrivals, MessageBatch, MessageSource, OnStop, Queue, RedrivePolicy, Service,
    TaskDefinition, Worker,
};
use plimsoll_core::units::{Cpu, Id, IdVec, Mib, QueueId, SimDuration, SimTime};

use super::{Context, distribution, load};
use crate::language::raw::ScenarioDocument;
use crate::language::raw::kinds::{Length, Seconds};
use crate::language::raw::queue as raw;
use crate::language::tree::Path;

/// Repetitions of a burst at most.
const MOST_BURSTS: u64 = 1_000_000;

/// The part of an ARN or URL that is the queue's name.
fn name_of(reference: &str) -> &str {
    let after = |separator| reference.rsplit(separator).next().unwrap_or(reference);
    if reference.starts_with("arn:") {
        after(':')
    } else if reference.starts_with("https://") {
        after('/')
    } else {
        reference
    }
}

/// The queue that `reference` names; reports one that is not listed.
fn find(
    context: &Context<'_>,
    path: &Path,
    document: &ScenarioDocument,
    reference: &str,
) -> Option<QueueId> {
    let name = name_of(reference);
    let names = document.queues.iter().map(|queue| queue.queue_name.as_str());
    let found = names.clone().position(|known| known == name);
    if found.is_none() {
        context.dangling(path, "queue", name, names);
    }
    found.map(QueueId::from_index)
}

fn seconds(given: Option<Seconds>, default: u64) -> SimDuration {
    given.map_or(SimDuration::from_secs(default), Seconds::duration)
}

/// All queues; `None` if one was refused.
pub(super) fn lower(
    context: &Context<'_>,
    document: &ScenarioDocument,
) -> Option<IdVec<QueueId, Queue>> {
    let path = Path::root().key("queues");
    let mut names: Vec<&str> = Vec::new();
    let mut queues = Vec::new();
    for (index, raw) in document.queues.iter().enumerate() {
        let path = path.index(index);
        if names.contains(&raw.queue_name.as_str()) {
            context.duplicate(&path.key("queueName"), "queues", &raw.queue_name);
        }
        names.push(&raw.queue_name);
        queues.push(one(context, &path, raw, document));
    }
    let queues: IdVec<QueueId, Queue> = queues.into_iter().collect::<Option<_>>()?;
    for (id, queue) in queues.enumerate() {
        let Some(redrive) = queue.redrive else { continue };
        let dead = &queues[redrive.dead_letter_queue];
        if dead.message_retention_period < queue.message_retention_period {
            let path = path.index(id.index()).key("attributes").key("redrivePolicy");
            let message = format!(
                "the dead-letter queue `{}` keeps messages for less long than `{}`, counted from when \
                 they were sent",
                dead.name, queue.name
            );
            context.note(&path, message);
        }
    }
    Some(queues)
}

fn one(
    context: &Context<'_>,
    path: &Path,
    raw: &raw::Queue,
    document: &ScenarioDocument,
) -> Option<Queue> {
    let attributes = &raw.attributes;
    let of_attributes = path.key("attributes");
    let redrive = match &attributes.redrive_policy {
        Some(policy) => {
            let path = of_attributes.key("redrivePolicy");
            Some(redrive_policy(context, &path, policy, raw, document)?)
        }
        None => None,
    };
    let of_messages = path.key("messages");
    let sources = raw.messages.iter().enumerate();
    // All of them, so that each is checked.
    let sources: Vec<Option<MessageSource>> = sources
        .map(|(index, it)| source(context, &of_messages.index(index), it, &raw.queue_name, index))
        .collect();
    Some(Queue {
        name: raw.queue_name.clone(),
        visibility_timeout: seconds(attributes.visibility_timeout, 30),
        message_retention_period: seconds(attributes.message_retention_period, 4 * 86_400),
        delay: seconds(attributes.delay_seconds, 0),
        redrive,
        sources: sources.into_iter().collect::<Option<_>>()?,
    })
}

fn redrive_policy(
    context: &Context<'_>,
    path: &Path,
    policy: &raw::RedrivePolicy,
    queue: &raw::Queue,
    document: &ScenarioDocument,
) -> Option<RedrivePolicy> {
    let parsed;
    let fields = match policy {
        raw::RedrivePolicy::Fields(fields) => fields,
        raw::RedrivePolicy::Text(text) => match serde_json::from_str(text) {
            Ok(fields) => {
                parsed = fields;
                &parsed
            }
            Err(error) => {
                let hint =
                    "such as `{\"deadLetterTargetArn\": \"jobs-dead\", \"maxReceiveCount\": 5}`";
                let message = format!("is not the JSON text of a redrive policy: {error}");
                context.error_hint(path, message, hint);
                return None;
            }
        },
    };
    if !(1..=1000).contains(&fields.max_receive_count.0) {
        let found = fields.max_receive_count.0;
        let message = format!("must lie between 1 and 1000, found `{found}`");
        context.error(&path.key("maxReceiveCount"), message);
    }
    let target = path.key("deadLetterTargetArn");
    if name_of(&fields.dead_letter_target_arn) == queue.queue_name {
        context.error(&target, "a queue is not its own dead-letter queue");
        return None;
    }
    Some(RedrivePolicy {
        max_receive_count: fields.max_receive_count.0 as u32,
        dead_letter_queue: find(context, &target, document, &fields.dead_letter_target_arn)?,
    })
}

fn source(
    context: &Context<'_>,
    path: &Path,
    raw: &raw::Messages,
    queue: &str,
    index: usize,
) -> Option<MessageSource> {
    match (&raw.rate, &raw.burst) {
        (Some(rate), None) => {
            let label = format!("{queue}/messages/{index}");
            let path = path.key("rate");
            let (rate, instants) = load::requests(context, &path, &label, rate)?;
            if instants.is_some() {
                let message = "messages come at a rate, not at listed times";
                let hint = "give their number per interval with `trace`";
                context.error_hint(&path.key("arrivalTimes"), message, hint);
                return None;
            }
            Some(MessageSource::Rate {
                rate: Arc::new(rate),
                at_once: raw.at_once.unwrap_or(1),
                arrivals: match raw.arrivals.unwrap_or_default() {
                    raw::Arrivals::Poisson => MessageArrivals::Poisson,
                    raw::Arrivals::Regular => MessageArrivals::Regular,
                },
            })
        }
        (None, Some(burst)) => {
            for (key, given) in
                [("atOnce", raw.at_once.is_some()), ("arrivals", raw.arrivals.is_some())]
            {
                if given {
                    let message = "this is a setting of `rate`, which is not given";
                    context.error(&path.key(key), message);
                }
            }
            bursts(context, &path.key("burst"), burst)
        }
        _ => {
            context.error(path, "needs exactly one of `rate`, `burst`");
            None
        }
    }
}

fn bursts(context: &Context<'_>, path: &Path, raw: &raw::Burst) -> Option<MessageSource> {
    let end = context.duration.as_nanos();
    let end = raw.until.map_or(end, |until| until.0.min(end));
    if raw.every.is_none() && raw.until.is_some() {
        context.error(&path.key("until"), "this is a setting of `every`, which is not given");
    }
    if let Some(every) = raw.every
        && (!context.positive(&path.key("every"), every)
            || MOST_BURSTS <= end.saturating_sub(raw.at.0) / every.0)
    {
        if every.0 != 0 {
            let message = format!("there would be more than {MOST_BURSTS} bursts");
            context.error(&path.key("every"), message);
        }
        return None;
    }
    let step = raw.every.map_or(u64::MAX, |every| every.0);
    let times = std::iter::successors(Some(raw.at.0), |at| at.checked_add(step));
    let batch = |at| MessageBatch { at: SimTime::from_nanos(at), messages: raw.messages };
    let batches: Vec<MessageBatch> = times.take_while(|at| *at < end).map(batch).collect();
    if batches.is_empty() {
        context.note(path, "no message is ever sent: the run ends before");
    }
    Some(MessageSource::Batches(batches.into()))
}

/// How the tasks of a service work on a queue.
pub(super) fn worker(
    context: &Context<'_>,
    path: &Path,
    raw: &raw::Worker,
    document: &ScenarioDocument,
    task: Option<&TaskDefinition>,
) -> Option<Worker> {
    let queue = find(context, &path.key("queue"), document, &raw.queue);
    let time = path.key("processingTime");
    let processing_time = distribution::lower(context, &time, &raw.processing_time);
    if processing_time.as_ref().is_some_and(|it| *it == DurationDistribution::ZERO) {
        context.error(&time, "must be longer than zero");
    }
    let (queue, processing_time, task) = (queue?, processing_time?, task?);
    let attributes = &document.queues[queue.index()].attributes;
    let receive_wait = raw.wait_time_seconds.or(attributes.receive_message_wait_time_seconds);
    let receive_wait = seconds(receive_wait, 0);
    if let Some(interval) = raw.poll_interval {
        let path = path.key("pollInterval");
        if receive_wait.is_zero() {
            context.positive(&path, interval);
        } else {
            let message = "this is a setting of short polling; here calls wait for messages";
            context.error(&path, message);
        }
    }
    let visible = seconds(attributes.visibility_timeout, 30);
    let held = f64::from(raw.max_number_of_messages) * processing_time.mean_seconds();
    if visible.as_secs_f64() < held {
        let message = format!(
            "what one call receives takes {held:.1} s on average, longer than the visibility time-out of \
             {} s: many messages will be processed twice",
            visible.as_secs_f64()
        );
        context.note(&time, message);
    }
    let concurrency = u64::from(raw.concurrency);
    let idle_cpu = raw.idle_cpu.map_or(Cpu::ZERO, |cpu| Cpu::from_ecs_units(cpu.0));
    let cpu_per_message = raw.cpu_per_message.map_or_else(
        || Cpu::from_raw(task.cpu.saturating_sub(idle_cpu).as_raw() / concurrency),
        |cpu| Cpu::from_ecs_units(cpu.0),
    );
    let most = cpu_per_message.as_raw().saturating_mul(concurrency) + idle_cpu.as_raw();
    if task.cpu_limit.is_some_and(|limit| limit.as_raw() < most) {
        let message = format!(
            "{} busy threads would use {} CPU units of the {} that a task may use",
            raw.concurrency,
            Cpu::from_raw(most).as_ecs_units(),
            task.cpu_limit.unwrap_or(task.cpu).as_ecs_units()
        );
        let hint =
            "use fewer threads, or say what they use when they share the CPU, and longer times";
        context.error_hint(&path.key("cpuPerMessage"), message, hint);
    }
    Some(Worker {
        queue,
        concurrency: raw.concurrency,
        max_number_of_messages: raw.max_number_of_messages,
        receive_wait,
        processing_time,
        failure_probability: raw.failure_probability,
        poison_probability: raw.poison_probability,
        poll_interval: raw.poll_interval.map_or(SimDuration::from_secs(1), Length::duration),
        on_stop: match raw.on_stop {
            raw::OnStop::Finish => OnStop::Finish,
            raw::OnStop::Abandon => OnStop::Abandon,
        },
        protection: raw
            .protection
            .as_ref()
            .map(|it| SimDuration::from_secs(60 * u64::from(it.expires_in_minutes))),
        cpu_per_message,
        memory_per_message_kib: raw.memory_per_message.map_or(0, |bytes| bytes.0.div_ceil(1024)),
        idle_cpu,
        idle_memory: raw.idle_memory.map_or(Mib::ZERO, |memory| Mib::new(memory.0)),
    })
}

/// Remarks on queues that only fill.
pub(super) fn report_unused(
    context: &Context<'_>,
    queues: &IdVec<QueueId, Queue>,
    services: &[Service],
) {
    for (id, queue) in queues.enumerate() {
        let worked = services.iter().any(|it| it.worker.as_ref().is_some_and(|it| it.queue == id));
        let dead = queues.iter().any(|it| it.redrive.is_some_and(|it| it.dead_letter_queue == id));
        if !worked && !dead {
            let path = Path::root().key("queues").index(id.index());
            context.note(&path, format!("no service works on the queue `{}`", queue.name));
        }
    }
}

//! Tests of queues and workers.

mod behaviour;
mod closed_forms;
mod naive;

use std::sync::Arc;

use super::{Queues, WorkerId};
use crate::engine::{DurationDistribution, Limits, StreamKey, label_hash};
use crate::scenario::{
    MessageArrivals, MessageBatch, MessageSource, OnStop, Queue, RedrivePolicy, Worker,
};
use crate::statistics::TimeWeighted;
use crate::traffic::RequestRate;
use crate::units::{Cpu, Mib, QueueId, SimDuration, SimTime};

const QUEUE: QueueId = QueueId(0);
const DEAD: QueueId = QueueId(1);

const fn secs(seconds: u64) -> SimDuration {
    SimDuration::from_secs(seconds)
}

const fn at(seconds: u64) -> SimTime {
    SimTime::from_secs(seconds)
}

/// A queue with the defaults of SQS and long polling.
fn queue(name: &str, sources: Vec<MessageSource>) -> Queue {
    Queue {
        name: name.into(),
        visibility_timeout: secs(30),
        message_retention_period: secs(4 * 86_400),
        delay: SimDuration::ZERO,
        redrive: None,
        sources,
    }
}

/// One thread that takes ten seconds for a message.
fn worker() -> Worker {
    Worker {
        queue: QUEUE,
        concurrency: 1,
        max_number_of_messages: 1,
        receive_wait: secs(20),
        processing_time: DurationDistribution::Constant(secs(10)),
        failure_probability: 0.0,
        poison_probability: 0.0,
        poll_interval: secs(1),
        on_stop: OnStop::Finish,
        protection: None,
        cpu_per_message: Cpu::from_ecs_units(256),
        memory_per_message_kib: 0,
        idle_cpu: Cpu::ZERO,
        idle_memory: Mib::new(0),
    }
}

fn batches(list: &[(u64, u32)]) -> MessageSource {
    let batch = |&(second, messages)| MessageBatch { at: at(second), messages };
    MessageSource::Batches(list.iter().map(batch).collect())
}

fn at_rate(per_second: f64, arrivals: MessageArrivals) -> MessageSource {
    let rate = Arc::new(RequestRate::constant(per_second).unwrap());
    MessageSource::Rate { rate, at_once: 1, arrivals }
}

fn key(root: u64) -> impl Fn(&str, &str) -> StreamKey {
    move |purpose, name| StreamKey::new(root, 0, purpose, label_hash(name))
}

fn start<'s>(queues: &'s [Queue], workers: &'s [Worker]) -> Queues<'s> {
    Queues::new(queues.iter(), workers.iter(), Limits::default(), key(1))
}

/// Visible, in flight and delayed.
fn held(queues: &Queues<'_>, id: QueueId) -> [u64; 3] {
    queues.levels(id).map(TimeWeighted::value)
}

/// What came in is somewhere.
fn check_conservation(queues: &Queues<'_>, id: QueueId) {
    let counts = queues.counts(id);
    let out = counts.deleted + counts.dead_lettered + counts.expired;
    let left: u64 = held(queues, id).iter().sum();
    assert_eq!(counts.sent + counts.moved_in, out + left, "{counts:?} {left}");
}

//! Message queues and the services whose tasks work on them.

use std::sync::Arc;

use crate::engine::DurationDistribution;
use crate::traffic::RequestRate;
use crate::units::{Cpu, Mib, QueueId, SimDuration, SimTime};

/// A standard queue of Amazon SQS, with those who send to it.
#[derive(Clone, Debug)]
pub struct Queue {
    /// `QueueName`, also the label of its random streams.
    pub name: String,
    /// `VisibilityTimeout`: a received message that is not deleted in time can be received again.
    pub visibility_timeout: SimDuration,
    /// `MessageRetentionPeriod`, counted from when a message was sent.
    pub message_retention_period: SimDuration,
    /// `DelaySeconds`: how long a new message is hidden.
    pub delay: SimDuration,
    /// `RedrivePolicy`, if any.
    pub redrive: Option<RedrivePolicy>,
    /// Who sends.
    pub sources: Vec<MessageSource>,
}

/// `RedrivePolicy` of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RedrivePolicy {
    /// `maxReceiveCount`: a message that was received so often is not received once more, but moved.
    pub max_receive_count: u32,
    /// `deadLetterTargetArn`.
    pub dead_letter_queue: QueueId,
}

/// Somebody who sends messages to a queue.
#[derive(Clone, Debug)]
pub enum MessageSource {
    /// At a rate.
    Rate {
        /// Messages over time.
        rate: Arc<RequestRate>,
        /// Messages that are sent at one instant; the rate is of messages, not of such batches.
        at_once: u32,
        /// When within the rate.
        arrivals: MessageArrivals,
    },
    /// At given instants, in time order.
    Batches(Arc<[MessageBatch]>),
}

/// How the instants of sending follow from a rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MessageArrivals {
    /// Independently of each other: a Poisson process with that rate.
    #[default]
    Poisson,
    /// Evenly: one whenever the rate has added up to a whole one.
    Regular,
}

/// Messages that are sent at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageBatch {
    /// When.
    pub at: SimTime,
    /// How many.
    pub messages: u32,
}

/// How each task of a service works on a queue.
///
/// A task has a number of threads. Each receives messages, processes them one after the other, deletes
/// each when it is done, and then receives again.
#[derive(Clone, Debug)]
pub struct Worker {
    /// The queue it polls.
    pub queue: QueueId,
    /// Threads of a task.
    pub concurrency: u32,
    /// `MaxNumberOfMessages` of a ReceiveMessage call.
    pub max_number_of_messages: u32,
    /// `WaitTimeSeconds` of such a call, by default the queue's `ReceiveMessageWaitTimeSeconds`: how long
    /// it waits for a message; zero is short polling.
    pub receive_wait: SimDuration,
    /// Time that a message takes, the same whenever it is received.
    pub processing_time: DurationDistribution,
    /// Probability that an attempt at a message fails, so that the message is not deleted.
    pub failure_probability: f64,
    /// Probability that every attempt at a message fails.
    pub poison_probability: f64,
    /// From an empty answer to the next call, with short polling.
    pub poll_interval: SimDuration,
    /// What a task does with the messages in its hands when it is told to stop.
    pub on_stop: OnStop,
    /// Whether a task is protected from scale-in while it processes messages: `expiresInMinutes`,
    /// counted from the newest message that it began.
    pub protection: Option<SimDuration>,
    /// CPU that a thread uses while it processes.
    pub cpu_per_message: Cpu,
    /// Memory that a thread uses while it processes, in KiB.
    pub memory_per_message_kib: u64,
    /// CPU that a task uses without messages.
    pub idle_cpu: Cpu,
    /// Memory that a task uses without messages.
    pub idle_memory: Mib,
}

/// What a worker does at SIGTERM.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnStop {
    /// Receives nothing more, finishes what it is processing, then exits, if it is not killed before.
    #[default]
    Finish,
    /// Drops what it is processing.
    Abandon,
}

//! Message queues, and services that work on them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::distribution::Distribution;
use super::kinds::{Bytes, CpuUnits, Length, Mebibytes, Seconds, Whole};
use super::load::Requests;

/// A standard queue of Amazon SQS, as CreateQueue takes it, with those who send to it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-plimsoll-ignored" = ["queueUrl", "tags"]))]
pub struct Queue {
    /// Name, also the label of the queue's random streams.
    #[schemars(length(min = 1, max = 80), regex(pattern = r"^[A-Za-z0-9_-]+$"))]
    pub queue_name: String,
    /// Attributes, as GetQueueAttributes prints them or with units.
    #[serde(default)]
    pub attributes: QueueAttributes,
    /// Who sends messages.
    #[serde(default)]
    #[schemars(length(max = 1000))]
    pub messages: Vec<Messages>,
}

/// Attributes of a queue.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-plimsoll-ignored" = [
    "approximateNumberOfMessages", "approximateNumberOfMessagesDelayed",
    "approximateNumberOfMessagesNotVisible", "contentBasedDeduplication", "createdTimestamp",
    "deduplicationScope", "fifoThroughputLimit", "kmsDataKeyReusePeriodSeconds",
    "kmsMasterKeyId", "lastModifiedTimestamp", "maximumMessageSize", "policy", "queueArn",
    "redriveAllowPolicy", "sqsManagedSseEnabled"
],
    "x-plimsoll-not-simulated" = {
        "fifoQueue": { "means": "FIFO queues and message groups are", "unless": ["false"] }
    }
))]
pub struct QueueAttributes {
    /// A message that was received and not deleted for this long can be received again. Default: 30 s.
    #[serde(default)]
    #[schemars(extend("x-plimsoll-max" = "12h"))]
    pub visibility_timeout: Option<Seconds>,
    /// How long a message is kept. Default: 4 days.
    #[serde(default)]
    #[schemars(extend("x-plimsoll-min" = "60s", "x-plimsoll-max" = "14d"))]
    pub message_retention_period: Option<Seconds>,
    /// How long a new message is hidden. Default: 0.
    #[serde(default)]
    #[schemars(extend("x-plimsoll-max" = "15m"))]
    pub delay_seconds: Option<Seconds>,
    /// How long a call of ReceiveMessage that does not say so waits for a message; 0 is short polling.
    /// Default: 0.
    #[serde(default)]
    #[schemars(extend("x-plimsoll-max" = "20s"))]
    pub receive_message_wait_time_seconds: Option<Seconds>,
    /// Where messages go that were received too often.
    #[serde(default)]
    pub redrive_policy: Option<RedrivePolicy>,
}

/// Where messages go that were received too often, as fields or as the JSON text of the API.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RedrivePolicy {
    /// As JSON text.
    Text(String),
    /// As fields.
    Fields(RedriveFields),
}

/// Fields of a redrive policy.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RedriveFields {
    /// Name or ARN of the dead-letter queue, which is listed too.
    pub dead_letter_target_arn: String,
    /// A message that was received so often is moved instead of being received once more: 1 to 1000.
    pub max_receive_count: Whole,
}

/// Somebody who sends messages: at a `rate`, or a `burst` at given times.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Messages {
    /// Messages over time: constant, from a trace, or a profile.
    #[serde(default)]
    pub rate: Option<Requests>,
    /// Rate: messages that are sent at one instant. The rate stays one of messages. Default: 1.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub at_once: Option<u32>,
    /// Rate: when messages are sent within it. Default: `poisson`.
    #[serde(default)]
    pub arrivals: Option<Arrivals>,
    /// Messages that are sent together.
    #[serde(default)]
    pub burst: Option<Burst>,
}

/// When messages are sent within a rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Arrivals {
    /// Independently of each other, as a Poisson process.
    #[default]
    Poisson,
    /// Evenly.
    Regular,
}

/// Messages that are sent together, once or again and again.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Burst {
    /// How many.
    #[schemars(range(min = 1, max = 100_000_000))]
    pub messages: u32,
    /// First time, after the start of the run.
    pub at: Length,
    /// Distance of repetitions. Default: none.
    #[serde(default)]
    pub every: Option<Length>,
    /// No repetition from here on. Default: the end of the run.
    #[serde(default)]
    pub until: Option<Length>,
}

/// How the tasks of a service work on a queue: each has threads that receive messages, process them one
/// after the other, delete each when it is done, and receive again.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Worker {
    /// Name of the queue; an ARN or URL is accepted.
    pub queue: String,
    /// Time to process a message, drawn once per message.
    pub processing_time: Distribution,
    /// Threads of a task. Default: 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1000))]
    pub concurrency: u32,
    /// Messages that a call returns at most. Default: 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 10))]
    pub max_number_of_messages: u32,
    /// How long a call waits for a message; 0 is short polling. Default: the queue's attribute.
    #[serde(default)]
    #[schemars(extend("x-plimsoll-max" = "20s"))]
    pub wait_time_seconds: Option<Seconds>,
    /// Short polling: from an empty answer to the next call. Default: 1 s.
    #[serde(default)]
    pub poll_interval: Option<Length>,
    /// Probability that an attempt at a message fails: the message is not deleted. Default: 0.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub failure_probability: f64,
    /// Probability that every attempt at a message fails. Default: 0.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub poison_probability: f64,
    /// What a task does at SIGTERM with what it processes.
    #[serde(default)]
    pub on_stop: OnStop,
    /// Protection from scale-in while a task processes messages. Default: none.
    #[serde(default)]
    pub protection: Option<WorkerProtection>,
    /// CPU that a thread uses while it processes. Default: the task's CPU, divided by its threads.
    #[serde(default)]
    pub cpu_per_message: Option<CpuUnits>,
    /// Memory that a thread uses while it processes. Default: 0.
    #[serde(default)]
    pub memory_per_message: Option<Bytes>,
    /// CPU that a task uses without messages. Default: 0.
    #[serde(default)]
    pub idle_cpu: Option<CpuUnits>,
    /// Memory that a task uses without messages. Default: 0.
    #[serde(default)]
    pub idle_memory: Option<Mebibytes>,
}

fn one() -> u32 {
    1
}

/// What a task does at SIGTERM with what it processes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OnStop {
    /// Finishes it, then exits, if it is not killed before. It receives nothing more.
    #[default]
    Finish,
    /// Drops it; the message can be received again after its visibility time-out.
    Abandon,
}

/// Scale-in protection that a task asks for with each message.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorkerProtection {
    /// How long it lasts at most. Default: 120.
    #[serde(default = "two_hours")]
    #[schemars(range(min = 1, max = 2880))]
    pub expires_in_minutes: u32,
}

fn two_hours() -> u32 {
    120
}

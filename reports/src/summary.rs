//! `summary.json`: the figures of a run, in one object that reads back to what was written.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::number::{finite, parse_decimal, usd_f64};

mod capacity;
mod elasticity;
mod of_run;
mod recovery;

pub use capacity::{CapacitySummary, PackingSummary, RequestedPackingSummary, ScalingTotals};
pub use elasticity::ElasticitySummary;
pub use recovery::{Recoveries, RecoverySummary};

/// What identifies the program and the scenario; deterministic.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunMeta {
    /// Version of plimsoll.
    pub version: String,
    /// Hash of the resolved scenario.
    pub scenario_hash: String,
}

/// The figures of a run. Money is a decimal string in USD; what does not apply is absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Name of the scenario.
    pub scenario: String,
    /// Its question.
    pub description: String,
    /// Hash of the resolved scenario.
    pub scenario_hash: String,
    /// Version of plimsoll.
    pub version: String,
    /// Region.
    pub region: String,
    /// Start, RFC 3339 in UTC.
    pub start: String,
    /// Root seed.
    pub seed: u64,
    /// Replication.
    pub replication: u64,
    /// Fingerprint of the event history, 16 hexadecimal digits.
    pub fingerprint: String,
    /// Fingerprint of the integer outcomes, 16 hexadecimal digits.
    pub outcome_fingerprint: String,
    /// Name of the rule set.
    pub aws_rules: String,
    /// Date of the prices.
    pub price_date: String,
    /// Simulated length in seconds.
    pub simulated_seconds: f64,
    /// Dispatched events.
    pub events: u64,
    /// Cost.
    pub cost: CostSummary,
    /// Shares of the registered capacity; absent without container instances.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub utilization: Option<UtilizationSummary>,
    /// Container instances.
    pub instances: InstancesSummary,
    /// Tasks.
    pub tasks: TasksSummary,
    /// Services by name.
    pub services: BTreeMap<String, ServiceSummary>,
    /// Batch sources by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub batches: BTreeMap<String, BatchSummary>,
    /// Message queues by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub queues: BTreeMap<String, QueueSummary>,
    /// Groups of container instances by name of the Auto Scaling group.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub capacity: BTreeMap<String, CapacitySummary>,
    /// Scaling over the whole run.
    pub scaling: ScalingTotals,
    /// Distance to the lower bound on instance-hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packing: Option<PackingSummary>,
    /// What the reader should know.
    pub warnings: Vec<String>,
}

/// Cost of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CostSummary {
    /// The whole bill.
    pub total_usd: String,
    /// The part that paid for EC2 capacity which no task reserved.
    pub idle_ec2_usd: String,
    /// By AWS service.
    pub by_service: BTreeMap<String, String>,
    /// By kind of charge.
    pub by_category: BTreeMap<String, String>,
}

/// Time-weighted means over running instances, as fractions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UtilizationSummary {
    /// Reserved CPU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_reserved: Option<f64>,
    /// Reserved memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_reserved: Option<f64>,
    /// Used CPU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_used: Option<f64>,
}

/// Container instances.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InstancesSummary {
    /// Time-weighted mean number running.
    pub mean: f64,
    /// Largest number running.
    pub peak: u32,
    /// Launched, those present at the start included.
    pub launched: u32,
    /// Terminated.
    pub terminated: u32,
    /// Interrupted by Spot.
    pub interrupted: u32,
    /// Instance-hours that ran.
    pub hours: f64,
    /// Billed seconds.
    pub billed_seconds: u64,
}

/// Tasks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TasksSummary {
    /// Created.
    pub created: u64,
    /// Reached RUNNING.
    pub started: u64,
    /// Reached STOPPED.
    pub stopped: u64,
    /// Running at the end.
    pub running_at_end: u64,
    /// Neither running nor stopped at the end.
    pub pending_at_end: u64,
    /// Interrupted on Fargate Spot.
    pub interrupted: u64,
    /// Largest number running.
    pub peak_running: u32,
    /// Attempts that found no instance.
    pub placement_failures: u64,
    /// Why most of them did, in the words of ECS's service events about the closest instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement_failure_reason: Option<String>,
    /// From creation to RUNNING.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending_seconds: Option<Quantiles>,
    /// Billed seconds on Fargate.
    pub fargate_billed_seconds: u64,
}

/// A sample in short.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Quantiles {
    /// Mean.
    pub mean: f64,
    /// Median.
    pub p50: f64,
    /// 95th percentile.
    pub p95: f64,
    /// 99th percentile.
    pub p99: f64,
    /// Largest.
    pub max: f64,
    /// Observations.
    pub count: u64,
}

/// A service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceSummary {
    /// Time-weighted mean of the desired count.
    pub desired: f64,
    /// Time-weighted mean of running tasks.
    pub running: f64,
    /// Largest number of running tasks.
    pub running_peak: u32,
    /// Its Fargate tasks and load balancer and its share of the instances, USD.
    pub cost_usd: String,
    /// Requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<RequestsSummary>,
    /// Latency of served requests in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<Quantiles>,
    /// Fraction of requests above the objective's bound, failed ones included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slo_violation_fraction: Option<f64>,
    /// The objective.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub objective: Option<ObjectiveSummary>,
    /// How well the tasks that serve follow what the load needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elasticity: Option<ElasticitySummary>,
    /// How it came through the faults of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<RecoverySummary>,
    /// Autoscaling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scaling: Option<ServiceScaling>,
    /// Deployments, oldest first; absent if the service was only created and that is done.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub deployments: Vec<DeploymentSummary>,
}

/// A deployment of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentSummary {
    /// Its id, as in the events.
    pub id: String,
    /// Family of the task definition.
    pub task_definition: String,
    /// Why it began.
    pub trigger: String,
    /// `rolloutState` at the end of the run.
    pub rollout_state: String,
    /// Why it failed or was superseded.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub rollout_state_reason: String,
    /// When it began, RFC 3339 in UTC.
    pub created_at: String,
    /// When it ended, however it did.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub finished_at: Option<String>,
    /// Tasks launched for it.
    pub started_tasks: u32,
    /// Tasks that did not start or failed a health check.
    pub failed_tasks: u32,
    /// Its RUNNING tasks at the end of the run.
    pub running_count: u32,
    /// Its tasks before RUNNING at the end of the run.
    pub pending_count: u32,
}

/// Requests of a service; fractions belong to the fluid model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestsSummary {
    /// Offered.
    pub offered: f64,
    /// Served.
    pub served: f64,
    /// Failed.
    pub failed: f64,
    /// Waiting at the end.
    pub queued: f64,
    /// Attempts, where single requests are followed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub attempts: Option<AttemptsSummary>,
}

/// What became of the attempts of single requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttemptsSummary {
    /// Attempts, retries included.
    pub all: u64,
    /// Longer than the time-out.
    pub timed_out: u64,
    /// Turned away by a full task or for want of targets.
    pub rejected: u64,
    /// Ended with their task.
    pub broken_off: u64,
}

/// An objective and how it fared.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectiveSummary {
    /// Quantile, for example 0.99.
    pub quantile: f64,
    /// Bound in milliseconds.
    pub below_ms: f64,
    /// Whether at least that share of requests kept the bound.
    pub met: bool,
    /// Fraction of minutes with load in which the quantile was above the bound.
    pub violated_minute_fraction: f64,
    /// Such minutes.
    #[serde(default)]
    pub violated_minutes: u64,
}

/// Scaling of one service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceScaling {
    /// Activities that raised the desired count.
    pub scale_out: u32,
    /// Activities that lowered it.
    pub scale_in: u32,
    /// Fraction of the intervals in which the desired count stood at its largest value and more was needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub short_at_peak_time: Option<f64>,
    /// Largest desired count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired_peak: Option<f64>,
}

/// Whether a count can be left out.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// A batch source.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchSummary {
    /// Queue discipline: `firstComeFirstServed`, `firstFit` or `noRetry`.
    pub queue: String,
    /// Jobs that arrived.
    pub arrived: u64,
    /// Jobs that ended.
    pub completed: u64,
    /// Jobs that found no room, or were stopped, and were not submitted again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub given_up: u64,
    /// From arrival to placement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait_seconds: Option<Quantiles>,
    /// Sum of those waits in seconds.
    pub total_wait_seconds: f64,
    /// Seconds from the start at which the last job ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_end_seconds: Option<f64>,
    /// USD.
    pub cost_usd: String,
}

/// A message queue.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueSummary {
    /// Services that work on it.
    pub workers: Vec<String>,
    /// Messages that producers sent.
    pub sent: u64,
    /// Messages that came as dead letters of other queues.
    pub moved_in: u64,
    /// Receives of a message.
    pub received: u64,
    /// Receives of a message that had been received before.
    pub received_again: u64,
    /// Messages that workers deleted.
    pub deleted: u64,
    /// Messages that went to the dead-letter queue.
    pub dead_lettered: u64,
    /// Messages that the retention period ended.
    pub expired: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Attempts that came too late to delete the message.
    pub wasted: u64,
    /// Messages that stopped workers dropped.
    pub abandoned: u64,
    /// Calls that returned no message.
    pub empty_receives: u64,
    /// Calls in all, with those that sent and deleted.
    pub calls: u64,
    /// Time-weighted mean of visible messages.
    pub visible: f64,
    /// Largest number of visible messages.
    pub visible_peak: u64,
    /// Visible messages at the end.
    pub visible_at_end: u64,
    /// Messages in flight at the end.
    pub in_flight_at_end: u64,
    /// Delayed messages at the end.
    pub delayed_at_end: u64,
    /// Largest age of the oldest message, in seconds.
    pub oldest_seconds: f64,
    /// From sending to the first attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait_seconds: Option<Quantiles>,
    /// From sending to deletion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stay_seconds: Option<Quantiles>,
}

/// Whether a mean is left out.
#[allow(clippy::trivially_copy_pass_by_ref)] // serde asks for a reference
fn is_nothing(value: &f64) -> bool {
    *value <= 0.0
}

impl Summary {
    /// The file's text: indented JSON with a final newline, keys always in the same order.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Every number of the summary under its dotted path, for example `cost.totalUsd` or
    /// `services.api.latencyMs.p99`; truth values count as 0 and 1, identifiers are left out.
    pub fn metrics(&self) -> BTreeMap<String, f64> {
        let mut metrics = BTreeMap::new();
        if let Ok(value) = serde_json::to_value(self) {
            flatten("", &value, &mut metrics);
        }
        for identifier in ["seed", "replication"] {
            metrics.remove(identifier);
        }
        metrics
    }

    /// The total in 1e-10 USD.
    pub fn total(&self) -> i128 {
        parse_decimal(&self.cost.total_usd).unwrap_or(0)
    }

    /// The total in USD, for rates and plots.
    pub fn total_usd(&self) -> f64 {
        usd_f64(self.total())
    }

    /// Cost of a month of 730 hours at this run's rate, USD; `None` for a run without length.
    pub fn monthly_usd(&self) -> Option<f64> {
        let hours = self.simulated_seconds / 3_600.0;
        (hours > 0.0).then(|| self.total_usd() / hours * 730.0).and_then(finite)
    }

    /// Requests served by all services; `None` if no service has load.
    pub fn served_requests(&self) -> Option<f64> {
        self.services
            .values()
            .filter_map(|s| s.requests.as_ref())
            .map(|r| r.served)
            .reduce(|a, b| a + b)
    }

    /// Whether every stated objective was met; `None` if none is stated.
    pub fn objectives_met(&self) -> Option<bool> {
        self.services
            .values()
            .filter_map(|s| s.objective.as_ref())
            .map(|objective| objective.met)
            .reduce(|a, b| a && b)
    }
}

fn flatten(path: &str, value: &serde_json::Value, metrics: &mut BTreeMap<String, f64>) {
    use serde_json::Value;
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                flatten(&path, value, metrics);
            }
        }
        Value::Number(number) => {
            if let Some(number) = number.as_f64().and_then(finite) {
                metrics.insert(path.to_owned(), number);
            }
        }
        Value::Bool(truth) => {
            metrics.insert(path.to_owned(), f64::from(u8::from(*truth)));
        }
        // Money is the only text that is a number: everything below `cost`, and the keys that say so.
        Value::String(text) if path.ends_with("Usd") || path.starts_with("cost.by") => {
            if let Some(amount) = parse_decimal(text) {
                metrics.insert(path.to_owned(), usd_f64(amount));
            }
        }
        Value::String(_) | Value::Array(_) | Value::Null => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn reads_back_what_it_wrote() {
        let (results, bill) = testing::web_run();
        let summary = Summary::new(&results, &bill, &testing::meta());
        let text = summary.to_json();
        let again: Summary = serde_json::from_str(&text).expect("valid");
        assert_eq!(again, summary);
        assert_eq!(again.to_json(), text);
    }

    #[test]
    fn the_file_keeps_its_shape() {
        let (results, bill) = testing::web_run();
        insta::assert_snapshot!(Summary::new(&results, &bill, &testing::meta()).to_json());
    }

    #[test]
    fn metrics_have_dotted_paths() {
        let (results, bill) = testing::web_run();
        let summary = Summary::new(&results, &bill, &testing::meta());
        let metrics = summary.metrics();
        assert_eq!(metrics.get("cost.totalUsd").copied(), Some(summary.total_usd()));
        assert!(metrics.contains_key("services.api.latencyMs.p99"));
        assert!(metrics.contains_key("services.api.costUsd"));
        assert!(!metrics.contains_key("seed"));
    }

    #[test]
    fn what_is_not_finite_is_absent() {
        let (mut results, bill) = testing::web_run();
        results.utilization = results.utilization.map(|mut u| {
            u.cpu_reserved = f64::NAN;
            u
        });
        let text = Summary::new(&results, &bill, &testing::meta()).to_json();
        assert!(!text.contains("cpuReserved"));
        assert!(!text.contains("null"));
    }
}

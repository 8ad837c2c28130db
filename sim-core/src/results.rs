//! The output of a run: plain values, complete enough that every file can be written from them.
//!
//! Floats appear here only where a quantity is a statistic; counts and money are integers.

mod records;

use crate::billing::Invoice;
use crate::scenario::QueueDiscipline;
use crate::service::completion::RolloutState;
use crate::statistics::Elasticity;
use crate::traffic::RequestCounts;
use crate::traffic::queue::QueueCounts;
use crate::units::{SimDuration, SimTime};

pub use records::{
    EventCategory, EventRecord, FaultRecord, InstanceRecord, PlacementFailure, Recovered,
    ServiceRecovery, StopCode, TaskRecord,
};

/// Everything a run produced.
#[derive(Clone, Debug)]
pub struct RunResults {
    /// Name of the scenario.
    pub scenario: String,
    /// Its question.
    pub description: String,
    /// Region.
    pub region: String,
    /// Start in seconds since 1970.
    pub start_unix_seconds: i64,
    /// Root seed.
    pub seed: u64,
    /// Replication.
    pub replication: u64,
    /// Fingerprint of the event history.
    pub trajectory_fingerprint: u64,
    /// Fingerprint of the integer outcomes.
    pub outcome_fingerprint: u64,
    /// Dispatched events.
    pub events: u64,
    /// Simulated length.
    pub simulated: SimDuration,
    /// Name of the rule set, for example `2026-06`.
    pub aws_rules: String,
    /// Date of the prices.
    pub price_date: String,
    /// Cost, line by line.
    pub invoice: Invoice,
    /// EC2 cost that no task reserved, in 1e-10 USD, out of the invoice's total.
    pub idle_ec2_cost: i128,
    /// Time-weighted means over running container instances; `None` without instances.
    pub utilization: Option<Utilization>,
    /// Container instances.
    pub instances: InstanceTotals,
    /// Tasks.
    pub tasks: TaskTotals,
    /// One entry per service, in scenario order.
    pub services: Vec<ServiceResults>,
    /// One entry per batch source.
    pub batches: Vec<BatchResults>,
    /// One entry per message queue, in scenario order.
    pub queues: Vec<QueueResults>,
    /// One entry per capacity provider that is an Auto Scaling group, then groups without one.
    pub capacity: Vec<CapacityResults>,
    /// Lower bound on instance-hours, if the cluster has instances.
    pub packing: Option<Packing>,
    /// Recorded series, all of the same interval and length.
    pub series: Vec<Series>,
    /// Interval of the series.
    pub record_interval: SimDuration,
    /// Spells in which placement found no instance, in order of their beginning.
    pub placement_failures: Vec<PlacementFailure>,
    /// Life of each task, in order of creation.
    pub task_records: Vec<TaskRecord>,
    /// Life of each instance, in order of launch.
    pub instance_records: Vec<InstanceRecord>,
    /// Each time at which a fault came, and how the services recovered from it, in time order.
    pub fault_records: Vec<FaultRecord>,
    /// Service events and scaling activities, in time order.
    pub event_records: Vec<EventRecord>,
    /// Things the user should know: derived prices, tasks never placed, and the like.
    pub warnings: Vec<String>,
}

/// Ratios of integrals over registered instances.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Utilization {
    /// Reserved CPU over registered CPU.
    pub cpu_reserved: f64,
    /// Reserved memory over registered memory.
    pub memory_reserved: f64,
    /// Used CPU over registered CPU; `None` if nothing in the scenario models use.
    pub cpu_used: Option<f64>,
}

/// Counts of container instances.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct InstanceTotals {
    /// Time-weighted mean number running.
    pub mean: f64,
    /// Largest number running.
    pub peak: u32,
    /// Launched, those present at the start included.
    pub launched: u32,
    /// Terminated during the run.
    pub terminated: u32,
    /// Interrupted by Spot.
    pub interrupted: u32,
    /// Running time, exact.
    pub lived: SimDuration,
    /// Billed seconds.
    pub billed_seconds: u64,
}

/// Counts of tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TaskTotals {
    /// Created.
    pub created: u64,
    /// That reached RUNNING.
    pub started: u64,
    /// That reached STOPPED.
    pub stopped: u64,
    /// Running at the horizon.
    pub running_at_end: u64,
    /// Created but neither running nor stopped at the horizon.
    pub pending_at_end: u64,
    /// Interrupted on Fargate Spot.
    pub interrupted: u64,
    /// Largest number running.
    pub peak_running: u32,
    /// Attempts that found no instance.
    pub placement_failures: u64,
    /// From creation to RUNNING, over the tasks that started.
    pub pending_seconds: Option<Distribution>,
    /// Billed seconds of Fargate tasks.
    pub fargate_billed_seconds: u64,
}

/// Summary of a sample, in the unit of its field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distribution {
    /// Mean.
    pub mean: f64,
    /// Median.
    pub p50: f64,
    /// 95th percentile.
    pub p95: f64,
    /// 99th percentile.
    pub p99: f64,
    /// Largest value.
    pub max: f64,
    /// Observations.
    pub count: u64,
}

/// A service over the run.
#[derive(Clone, Debug)]
pub struct ServiceResults {
    /// Name.
    pub name: String,
    /// Time-weighted mean of `desiredCount`.
    pub desired_mean: f64,
    /// Time-weighted mean of running tasks.
    pub running_mean: f64,
    /// Largest number of running tasks.
    pub running_peak: u32,
    /// Deployments, oldest first.
    pub deployments: Vec<DeploymentResults>,
    /// Cost of its Fargate tasks and load balancer, and its share of the instances, in 1e-10 USD.
    pub cost: i128,
    /// Requests and latency, if it has load.
    pub load: Option<LoadResults>,
    /// How well the tasks that requests go to follow the fewest that would meet the objective, or could
    /// serve everything without one. `None` without load, and where no number of tasks would do.
    pub elasticity: Option<Elasticity>,
    /// Scaling activity, if it scales.
    pub scaling: Option<ScalingResults>,
}

/// A message queue over the run.
#[derive(Clone, Debug)]
pub struct QueueResults {
    /// Name.
    pub name: String,
    /// Services that work on it.
    pub workers: Vec<String>,
    /// What happened to messages.
    pub counts: QueueCounts,
    /// Visible messages at the end.
    pub visible_at_end: u64,
    /// Received and not deleted ones at the end.
    pub in_flight_at_end: u64,
    /// Receives whose message a worker still has in its hands at the end, begun or not.
    pub held_at_end: u64,
    /// Delayed ones at the end.
    pub delayed_at_end: u64,
    /// Time-weighted mean of visible messages.
    pub visible_mean: f64,
    /// Largest number of visible messages.
    pub visible_peak: u64,
    /// Largest age of the oldest message at the end of any minute or recording interval.
    pub oldest_seconds: f64,
    /// From sending to the beginning of the first attempt, over the messages that were begun.
    pub wait_seconds: Option<Distribution>,
    /// From sending to deletion, over the messages that were deleted.
    pub stay_seconds: Option<Distribution>,
    /// Sum of the waits in nanoseconds, exact.
    pub total_wait: u128,
    /// Sum of the stays in nanoseconds, exact.
    pub total_stay: u128,
}

/// Why a deployment began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeploymentTrigger {
    /// The service was created.
    ServiceCreated,
    /// Another task definition.
    TaskDefinition,
    /// Another capacity provider strategy.
    CapacityProviders,
    /// `forceNewDeployment`.
    Forced,
    /// A failed deployment was rolled back.
    Rollback,
}

impl DeploymentTrigger {
    /// Name in the output files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ServiceCreated => "service created",
            Self::TaskDefinition => "task definition",
            Self::CapacityProviders => "capacity providers",
            Self::Forced => "forced",
            Self::Rollback => "rollback",
        }
    }
}

/// A deployment of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeploymentResults {
    /// Its id, as in the events.
    pub id: String,
    /// Family of the task definition.
    pub task_definition: String,
    /// Why it began.
    pub trigger: DeploymentTrigger,
    /// `rolloutState` at the end of the run.
    pub state: RolloutState,
    /// `rolloutStateReason`, empty unless it failed or was superseded.
    pub reason: &'static str,
    /// When it began.
    pub created: SimTime,
    /// When it ended, however it did.
    pub finished: Option<SimTime>,
    /// Tasks launched for it.
    pub started_tasks: u32,
    /// `failedTasks`: tasks that did not start or failed a health check, in all.
    pub failed_tasks: u32,
    /// `runningCount` at the end of the run.
    pub running: u32,
    /// `pendingCount` at the end of the run.
    pub pending: u32,
}

/// Requests are counted in millionths, so that fractions of a fluid add up exactly.
#[derive(Clone, Debug)]
pub struct LoadResults {
    /// Offered.
    pub offered_micro: u128,
    /// Served.
    pub served_micro: u128,
    /// Failed (time-out or no healthy task).
    pub failed_micro: u128,
    /// Still waiting at the horizon.
    pub queued_micro: u128,
    /// What became of single requests and their attempts; `None` for a fluid.
    pub single_requests: Option<RequestCounts>,
    /// Latency of served requests in milliseconds.
    pub latency_ms: Option<Distribution>,
    /// The objective, if the service states one.
    pub objective: Option<ObjectiveResults>,
}

/// How an objective fared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ObjectiveResults {
    /// Quantile.
    pub quantile: f64,
    /// Bound in milliseconds.
    pub below_ms: f64,
    /// Fraction of requests (failed ones included) above the bound.
    pub bad_request_fraction: f64,
    /// Fraction of minutes with load in which the quantile was above the bound.
    pub violated_minute_fraction: f64,
    /// Such minutes: SLO violation minutes.
    pub violated_minutes: u64,
    /// Whether at least `quantile` of all requests kept the bound.
    pub met: bool,
}

/// What autoscaling did to a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScalingResults {
    /// Activities that raised the desired count.
    pub scale_out: u32,
    /// Activities that lowered it.
    pub scale_in: u32,
}

/// A batch source over the run.
#[derive(Clone, Debug)]
pub struct BatchResults {
    /// Name.
    pub name: String,
    /// Queue discipline.
    pub queue: QueueDiscipline,
    /// Jobs that arrived.
    pub arrived: u64,
    /// Jobs that ended.
    pub completed: u64,
    /// Jobs that found no room, or were stopped before their end, and were not submitted again.
    pub given_up: u64,
    /// From arrival to placement over the jobs placed, in seconds.
    pub wait_seconds: Option<Distribution>,
    /// Sum of those waits, exact.
    pub total_wait: u128,
    /// Instant at which the last job ended.
    pub last_end: Option<SimTime>,
    /// Cost in 1e-10 USD.
    pub cost: i128,
}

/// A group of container instances over the run.
#[derive(Clone, Debug)]
pub struct CapacityResults {
    /// Name of the Auto Scaling group.
    pub group: String,
    /// Name of the capacity provider, if it has one.
    pub capacity_provider: Option<String>,
    /// Instance types that it can launch, in order of priority, joined by commas; of more than forty those that it
    /// launched.
    pub instance_type: String,
    /// Time-weighted mean of running instances.
    pub mean: f64,
    /// Largest number running.
    pub peak: u32,
    /// Activities that raised the desired capacity.
    pub scale_out: u32,
    /// Activities that lowered it.
    pub scale_in: u32,
    /// `MaxSize`.
    pub max_size: u32,
    /// Time-weighted mean of running Spot Instances.
    pub spot_mean: f64,
    /// Spot Instances that EC2 took back.
    pub interrupted: u32,
    /// Launches that found no capacity.
    pub failed_launches: u64,
    /// Fraction of the run in which tasks waited in PROVISIONING for a group that was as large as it
    /// may be.
    pub waiting_at_maximum_time: f64,
    /// How well the registered instances follow a bound on those that the placed and waiting tasks need.
    pub elasticity: Option<Elasticity>,
    /// Its warm pool, if it has one.
    pub warm_pool: Option<WarmPoolResults>,
    /// Cost of its instances and volumes in 1e-10 USD, those of its warm pool included.
    pub cost: i128,
}

/// A warm pool over the whole run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WarmPoolResults {
    /// Time-weighted mean of its instances, in whatever state.
    pub mean: f64,
    /// Largest number of them.
    pub peak: u32,
    /// Launches of the group that took an instance out of the pool.
    pub warm_starts: u32,
    /// Launches that did not, since none was ready or could be started.
    pub cold_starts: u32,
    /// Instances that scale-in returned to the pool.
    pub returned: u32,
}

/// How close the run came to the smallest number of instance-hours its tasks needed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Packing {
    /// Integral over time of the strongest bound of [`bounds`](crate::bounds) on the instances that
    /// the tasks needed while they held resources, in hours.
    pub lower_bound_instance_hours: f64,
    /// The same bound from the sum of one resource alone.
    pub by_resource: ResourceHours,
    /// Instance-hours that ran.
    pub instance_hours: f64,
    /// Bound over actual.
    pub efficiency: f64,
    /// How far what ran is above the bound, as a fraction of it; never negative. `None` if no task
    /// held resources.
    pub gap: Option<f64>,
    /// The longest time that a task held resources over the shortest, over the tasks that stopped:
    /// the larger, the harder it is to pack without knowing the future.
    pub duration_ratio: Option<f64>,
    /// The bound if every job had run when it was asked for; `None` without jobs on instances.
    pub requested: Option<RequestedPacking>,
}

/// Instance-hours per resource.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ResourceHours {
    /// CPU.
    pub cpu: f64,
    /// Memory.
    pub memory: f64,
    /// GPUs.
    pub gpus: f64,
    /// Network interfaces of `awsvpc` tasks.
    pub network_interfaces: f64,
    /// Static host ports.
    pub host_ports: f64,
}

/// The bound on instance-hours if no job had waited. It may be above what ran: a run that makes jobs
/// wait, or does not finish them, needs less. It means nothing without how long they waited.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RequestedPacking {
    /// The bound in hours.
    pub lower_bound_instance_hours: f64,
    /// How far what ran is above it, as a fraction of it; may be negative. `None` if the bound is zero.
    pub gap: Option<f64>,
    /// Mean wait from arrival to placement over the jobs placed.
    pub mean_wait_seconds: f64,
    /// Jobs that arrived and did not end.
    pub unfinished: u64,
}

/// A recorded series under its CloudWatch name.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Namespace, for example `AWS/ECS` or `Plimsoll`.
    pub namespace: &'static str,
    /// Metric name, for example `CPUUtilization`.
    pub metric: &'static str,
    /// Dimension name, for example `ServiceName`; empty for the whole run.
    pub dimension: &'static str,
    /// Dimension value.
    pub entity: String,
    /// Unit in CloudWatch's words, for example `Percent`, `Count`.
    pub unit: &'static str,
    /// One value per interval, stamped with its start; `None` where there is no data.
    pub values: Vec<Option<f64>>,
}

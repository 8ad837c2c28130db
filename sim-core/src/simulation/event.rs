//! Everything that can happen in a run.

use crate::engine::Digest;
use crate::units::{AsgId, BatchId, CapacityProviderId, InstanceId, ServiceId, TaskId};

/// An event of the cluster. Kinds have explicit numbers, never reused, since they enter the
/// fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A task's current step is over. Stale if the epoch is not the task's.
    TaskStep {
        /// The task.
        task: TaskId,
        /// Its epoch when the step began.
        epoch: u32,
    },
    /// A PROVISIONING task has waited long enough. Stale if the epoch is not the task's.
    ProvisioningTimeout {
        /// The task.
        task: TaskId,
        /// Its epoch when it began to wait.
        epoch: u32,
    },
    /// Fargate Spot takes a task's capacity back. Stale unless the task runs.
    SpotInterruption {
        /// The task.
        task: TaskId,
    },
    /// A container of a task exits. Stale if none is due.
    ContainerExit {
        /// The task.
        task: TaskId,
    },
    /// The verdict on a container changes. Stale if no change is due.
    ContainerHealth {
        /// The task.
        task: TaskId,
    },
    /// A healthy target has failed its probes. Stale if the epoch is not the task's.
    TargetUnhealthy {
        /// The task.
        task: TaskId,
        /// Its epoch when the target became healthy.
        epoch: u32,
    },
    /// An instance reached the EC2 state `running`.
    InstanceRunning(InstanceId),
    /// An instance registered with the cluster.
    InstanceRegistered(InstanceId),
    /// An Auto Scaling group compares desired and actual capacity.
    GroupReconcile(AsgId),
    /// The service scheduler looks at a service. Stale if not the service's next pass.
    ServicePass(ServiceId),
    /// A standalone task is requested.
    BatchArrival(BatchId),
    /// Waiting tasks are tried again, since something became free. Stale if not the next such look.
    PlaceWaiting,
    /// Metric samples are taken.
    Sample,
    /// Alarms are evaluated.
    Decide,
    /// A scaling activity reaches ECS.
    DesiredCount {
        /// The service.
        service: ServiceId,
        /// New desired count.
        desired: u32,
    },
    /// A scheduled action fires.
    Scheduled(ServiceId),
    /// Time series are recorded.
    Record,
    /// A RUNNING task has been so for long enough to count as healthy. Stale if the epoch is not the
    /// task's.
    TaskCounts {
        /// The task.
        task: TaskId,
        /// Its epoch when it began to serve.
        epoch: u32,
    },
    /// The health check grace period of a task that fails a check is over.
    GracePeriodOver(TaskId),
    /// UpdateService is called.
    ServiceUpdate(ServiceId),
    /// The zones of a service are looked at. Stale if not the service's next look.
    ZoneCheck(ServiceId),
    /// Instances are set to DRAINING: the position in the scenario's list.
    Drain(u32),
    /// A disruption begins: its position in the scenario's list.
    DisruptionBegins(u32),
    /// A disruption ends.
    DisruptionEnds(u32),
    /// An instance stops by itself. Stale if it is gone.
    InstanceFails {
        /// The instance.
        instance: InstanceId,
        /// Position of the disruption that brings it about.
        disruption: u32,
    },
    /// An instance has been held for draining as long as its termination hook allows.
    DrainingLimit(InstanceId),
    /// The end of the run, for queues: what happens in them last is held against the limits.
    QueuesEnd,
    /// The lifecycle hooks that hold an instance are over.
    HooksOver(InstanceId),
    /// A group checks the health of its instances. Stale if not the group's next check.
    GroupHealthCheck(AsgId),
    /// A change of a group that the scenario asks for.
    GroupChange(AsgId),
    /// A group launches again after a failure. Stale if not the group's next attempt.
    GroupRetry(AsgId),
    /// A group may replace further instances.
    ReplacementPass(AsgId),
    /// An instance has reached the maximum lifetime of its group.
    LifetimeOver(InstanceId),
    /// EC2 announces that it takes a Spot Instance back.
    InterruptionNotice(InstanceId),
    /// EC2 takes a Spot Instance back.
    Interruption(InstanceId),
    /// EC2 recommends to replace a Spot Instance.
    RebalanceRecommendation(InstanceId),
    /// Pools run short of capacity, or no longer: the position in the scenario's list.
    ShortageTurns(u32),
    /// Pools will run short: the position in the scenario's list.
    ShortageNears(u32),
    /// The price of a Spot pool changes: its number.
    SpotPrice(u32),
    /// A group tries again to launch what it misses. Stale if not its next such attempt.
    LaunchRetry(AsgId),
    /// Replayed capacity of a Spot pool appears: its number.
    CapacityAppears(u32),
    /// Metrics of another period than a minute are sampled: the position in the list of periods.
    SampleMetrics(u32),
    /// Alarms of a group's policies that are not only evaluated at full minutes.
    EvaluateGroupAlarms(AsgId),
    /// Alarms of a service that are not only evaluated at full minutes.
    EvaluateAlarms(ServiceId),
    /// The suspended state of a scalable target changes.
    Suspension(ServiceId),
    /// The alarms of a capacity provider are evaluated at their own point of the minute.
    JudgeReservation(CapacityProviderId),
    /// Agents that the cluster's quota of instances has refused try again. Stale if not the next such
    /// attempt.
    RegistrationRetry,
}

impl Event {
    /// Number of the kind.
    pub const fn kind(&self) -> u16 {
        match self {
            Self::TaskStep { .. } => 1,
            Self::ProvisioningTimeout { .. } => 2,
            Self::SpotInterruption { .. } => 3,
            Self::InstanceRunning(_) => 4,
            Self::InstanceRegistered(_) => 5,
            Self::GroupReconcile(_) => 6,
            Self::ServicePass(_) => 7,
            Self::BatchArrival(_) => 8,
            Self::PlaceWaiting => 9,
            Self::Sample => 10,
            Self::Decide => 11,
            Self::DesiredCount { .. } => 12,
            Self::Scheduled(_) => 13,
            Self::Record => 14,
            Self::ContainerExit { .. } => 20,
            Self::ContainerHealth { .. } => 21,
            Self::TargetUnhealthy { .. } => 22,
            Self::TaskCounts { .. } => 40,
            Self::GracePeriodOver(_) => 41,
            Self::ServiceUpdate(_) => 42,
            Self::ZoneCheck(_) => 43,
            Self::Drain(_) => 44,
            Self::DrainingLimit(_) => 45,
            Self::QueuesEnd => 100,
            Self::HooksOver(_) => 50,
            Self::GroupHealthCheck(_) => 51,
            Self::GroupChange(_) => 52,
            Self::GroupRetry(_) => 53,
            Self::ReplacementPass(_) => 54,
            Self::LifetimeOver(_) => 55,
            Self::EvaluateGroupAlarms(_) => 56,
            Self::InterruptionNotice(_) => 60,
            Self::Interruption(_) => 61,
            Self::RebalanceRecommendation(_) => 62,
            Self::ShortageTurns(_) => 63,
            Self::ShortageNears(_) => 64,
            Self::SpotPrice(_) => 65,
            Self::LaunchRetry(_) => 66,
            Self::CapacityAppears(_) => 67,
            Self::SampleMetrics(_) => 70,
            Self::EvaluateAlarms(_) => 71,
            Self::Suspension(_) => 72,
            Self::JudgeReservation(_) => 80,
            Self::DisruptionBegins(_) => 110,
            Self::DisruptionEnds(_) => 111,
            Self::InstanceFails { .. } => 112,
            Self::RegistrationRetry => 130,
        }
    }

    /// Name of a kind, for messages.
    pub const fn kind_name(kind: u16) -> &'static str {
        match kind {
            1 => "task step",
            2 => "provisioning timeout",
            3 => "spot interruption",
            4 => "instance running",
            5 => "instance registered",
            6 => "group reconcile",
            7 => "service pass",
            8 => "batch arrival",
            9 => "place waiting",
            10 => "sample",
            11 => "decide",
            12 => "desired count",
            13 => "scheduled action",
            14 => "record",
            20 => "container exit",
            21 => "container health",
            22 => "target unhealthy",
            40 => "task counts as healthy",
            41 => "grace period over",
            42 => "service update",
            43 => "zone check",
            44 => "drain",
            45 => "draining limit",
            100 => "end of queues",
            50 => "hooks over",
            51 => "group health check",
            52 => "group change",
            53 => "group retry",
            54 => "replacement pass",
            55 => "lifetime over",
            56 => "evaluate group alarms",
            60 => "interruption notice",
            61 => "interruption",
            62 => "rebalance recommendation",
            63 => "shortage turns",
            64 => "shortage nears",
            65 => "spot price",
            66 => "launch retry",
            67 => "capacity appears",
            70 => "sample metrics",
            71 => "evaluate alarms",
            72 => "suspension",
            80 => "capacity provider alarms",
            110 => "disruption begins",
            111 => "disruption ends",
            112 => "instance fails",
            130 => "registration retry",
            _ => "unknown",
        }
    }

    /// What enters the trajectory fingerprint.
    pub const fn digest(&self) -> Digest {
        let (entity, payload) = match self {
            Self::TaskStep { task, epoch }
            | Self::ProvisioningTimeout { task, epoch }
            | Self::TargetUnhealthy { task, epoch }
            | Self::TaskCounts { task, epoch } => (task.0, *epoch),
            Self::SpotInterruption { task }
            | Self::ContainerExit { task }
            | Self::ContainerHealth { task }
            | Self::GracePeriodOver(task) => (task.0, 0),
            Self::InstanceRunning(instance)
            | Self::InstanceRegistered(instance)
            | Self::DrainingLimit(instance)
            | Self::HooksOver(instance)
            | Self::LifetimeOver(instance)
            | Self::InterruptionNotice(instance)
            | Self::Interruption(instance)
            | Self::RebalanceRecommendation(instance) => (instance.0, 0),
            Self::Drain(index)
            | Self::ShortageTurns(index)
            | Self::ShortageNears(index)
            | Self::SpotPrice(index)
            | Self::CapacityAppears(index)
            | Self::SampleMetrics(index)
            | Self::DisruptionBegins(index)
            | Self::DisruptionEnds(index) => (*index, 0),
            Self::InstanceFails { instance, disruption } => (instance.0, *disruption),
            Self::GroupReconcile(group)
            | Self::LaunchRetry(group)
            | Self::GroupHealthCheck(group)
            | Self::GroupChange(group)
            | Self::GroupRetry(group)
            | Self::ReplacementPass(group)
            | Self::EvaluateGroupAlarms(group) => (group.0, 0),
            Self::JudgeReservation(provider) => (provider.0, 0),
            Self::ServicePass(service)
            | Self::Scheduled(service)
            | Self::ServiceUpdate(service)
            | Self::ZoneCheck(service)
            | Self::EvaluateAlarms(service)
            | Self::Suspension(service) => (service.0, 0),
            Self::BatchArrival(batch) => (batch.0, 0),
            Self::PlaceWaiting
            | Self::Sample
            | Self::Decide
            | Self::Record
            | Self::QueuesEnd
            | Self::RegistrationRetry => (0, 0),
            Self::DesiredCount { service, desired } => (service.0, *desired),
        };
        Digest { kind: self.kind(), entity: entity as u64, payload: payload as u64 }
    }
}

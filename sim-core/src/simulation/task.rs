//! State of a task.

use std::borrow::Cow;

use crate::units::{
    BatchId, CapacityProviderId, Cpu, InstanceId, Mib, ServiceId, SimDuration, SimTime, ZoneId,
};

/// Who asked for a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Owner {
    /// A service.
    Service(ServiceId),
    /// A source of standalone tasks.
    Batch(BatchId),
}

/// What a task runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Capacity {
    /// Any container instance (launch type EC2).
    AnyInstance,
    /// `launchType: FARGATE`.
    Fargate,
    /// A capacity provider.
    Provider(CapacityProviderId),
}

/// Where a task is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TaskState {
    /// PROVISIONING: waits for an instance of its capacity provider.
    WaitingForCapacity,
    /// PROVISIONING: its network interface is attached, or Fargate finds capacity.
    Provisioning,
    /// ACTIVATING: images are pulled.
    Pulling,
    /// ACTIVATING: containers start.
    Starting,
    /// RUNNING, not yet healthy at the load balancer.
    Registering,
    /// RUNNING and serving.
    Running,
    /// DEACTIVATING: draining at the load balancer.
    Deactivating,
    /// STOPPING: between SIGTERM and exit.
    Stopping,
    /// DEPROVISIONING: its network interface is detached.
    Deprovisioning,
    /// STOPPED.
    Stopped,
}

impl TaskState {
    /// Whether `lastStatus` is RUNNING.
    pub(super) fn is_running(self) -> bool {
        matches!(self, Self::Registering | Self::Running)
    }

    /// Whether the task has not reached RUNNING yet.
    pub(super) fn is_starting(self) -> bool {
        matches!(
            self,
            Self::WaitingForCapacity | Self::Provisioning | Self::Pulling | Self::Starting
        )
    }
}

/// Attributes that are drawn once per task. The draw depends on the task's owner and ordinal only,
/// so that the n-th task of a service is the same task under every policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TaskDraw {
    Attach = 0,
    Pull = 1,
    Start = 2,
    Stop = 3,
    Register = 4,
    Probe = 5,
    FargateProvisioning = 6,
    SpotInterruption = 7,
    ProvisioningTimeout = 8,
    Interarrival = 9,
    Duration = 10,
    Placement = 11,
}

/// Draws reserved per task ordinal, with room for more attributes.
pub(super) const DRAWS_PER_TASK: u64 = 16;

/// Distance between the draws of two attempts of one job, as a power of two: room for 2^40 tasks.
pub(super) const ATTEMPT_SHIFT: u32 = 44;

/// A task and its history.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) owner: Owner,
    /// Number within the owner.
    pub(super) ordinal: u64,
    /// Submissions of the same job before this one.
    pub(super) attempt: u32,
    /// Whether an earlier submission of the job found a place, and with it the job's wait an end.
    pub(super) placed_before: bool,
    pub(super) capacity: Capacity,
    pub(super) state: TaskState,
    /// Raised at every change of state; pending events of an older epoch are void.
    pub(super) epoch: u32,
    pub(super) instance: Option<InstanceId>,
    pub(super) zone: Option<ZoneId>,
    pub(super) cpu: Cpu,
    pub(super) memory: Mib,
    /// Running time of a job; `None` for service tasks.
    pub(super) duration: Option<SimDuration>,
    /// RunTask call of a job; creation for service tasks.
    pub(super) arrival: SimTime,
    pub(super) created: SimTime,
    pub(super) placed: Option<SimTime>,
    pub(super) pull_started: Option<SimTime>,
    pub(super) started: Option<SimTime>,
    pub(super) stopping: Option<SimTime>,
    pub(super) stopped: Option<SimTime>,
    /// Whether it served requests when the stop was decided.
    pub(super) healthy_before_stop: bool,
    pub(super) stop_code: &'static str,
    pub(super) stopped_reason: Cow<'static, str>,
    pub(super) billed_seconds: u64,
}

//! State of a task.

use std::borrow::Cow;

use super::health::FailedCheck;
use crate::agent::TaskHealth;
use crate::results::StopCode;
use crate::units::{
    BatchId, CapacityProviderId, Cpu, InstanceId, Mib, ServiceId, SimDuration, SimTime,
    TaskDefinitionId, ZoneId,
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
    /// PENDING: waits until its instance's agent has room.
    Pending,
    /// ACTIVATING: images are pulled.
    Pulling,
    /// ACTIVATING: containers start.
    Starting,
    /// RUNNING, not yet healthy at the load balancer.
    Registering,
    /// RUNNING and serving.
    Running,
    /// RUNNING, but the load balancer's probes fail.
    TargetUnhealthy,
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
        matches!(self, Self::Registering | Self::Running | Self::TargetUnhealthy)
    }

    /// Whether the task has not reached RUNNING yet.
    pub(super) fn is_starting(self) -> bool {
        matches!(
            self,
            Self::WaitingForCapacity
                | Self::Provisioning
                | Self::Pending
                | Self::Pulling
                | Self::Starting
        )
    }
}

/// What is bound to happen to a task at the end of its current step, or has happened to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nothing special.
    #[default]
    None,
    /// An image cannot be pulled.
    CannotPull,
    /// A container exits and takes the task with it.
    Exit {
        /// Which.
        container: u8,
        /// Exit code.
        code: u8,
        /// Whether the kernel killed it for want of memory.
        out_of_memory: bool,
    },
    /// A container does not start in time.
    StartTimeout(u8),
    /// A container does not become what others wait for in time.
    DependencyTimeout(u8),
    /// A container whose success others wait for failed.
    DependencyFailed(u8),
    /// The target is unhealthy from the beginning.
    TargetUnhealthy,
}

impl Fate {
    /// The exit of the container at a position; there are at most ten.
    pub(super) fn exit(container: usize, code: u8, out_of_memory: bool) -> Self {
        Self::Exit { container: u8::try_from(container).unwrap_or(u8::MAX), code, out_of_memory }
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
    Fault = 12,
    Containers = 13,
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
    /// What it runs.
    pub(super) definition: TaskDefinitionId,
    /// Service revision; zero for a job.
    pub(super) revision: u32,
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
    /// Whether requests may go to it.
    pub(super) ready: bool,
    /// Whether requests go to it.
    pub(super) serving: bool,
    /// Whether the scheduler counts it as healthy.
    pub(super) counted: bool,
    /// A health check that it fails, from the first failure on.
    pub(super) failed_check: Option<FailedCheck>,
    /// Whether that failure counts: the task is to be replaced.
    pub(super) unhealthy: bool,
    /// When its containers were gone.
    pub(super) exited: Option<SimTime>,
    pub(super) stop_code: Option<StopCode>,
    pub(super) stopped_reason: Cow<'static, str>,
    pub(super) billed_seconds: u64,
    pub(super) fate: Fate,
    /// Exit code of the essential container that ended the task.
    pub(super) exit_code: Option<u8>,
    /// `healthStatus` by container health checks.
    pub(super) health: TaskHealth,
    /// Restarts of containers in place.
    pub(super) restarts: u16,
}

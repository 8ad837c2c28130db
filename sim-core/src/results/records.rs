//! What is recorded one by one: tasks, instances, failed placements, faults, the event log.

use std::borrow::Cow;
use std::sync::Arc;

use crate::placement::Rejections;
use crate::scenario::PurchaseOption;
use crate::units::{Cpu, Mib, ServiceId, SimDuration, SimTime, TaskDefinitionId};

/// Why a task stopped, in the words of ECS's API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopCode {
    /// The task did not start.
    TaskFailedToStart,
    /// An essential container ended; with exit code 0, the job is done.
    EssentialContainerExited,
    /// The scheduler of its service stopped it.
    ServiceSchedulerInitiated,
    /// Fargate Spot took its capacity back.
    SpotInterruption,
    /// Its container instance went away.
    TerminationNotice,
}

impl StopCode {
    /// The value of `stopCode`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TaskFailedToStart => "TaskFailedToStart",
            Self::EssentialContainerExited => "EssentialContainerExited",
            Self::ServiceSchedulerInitiated => "ServiceSchedulerInitiated",
            Self::SpotInterruption => "SpotInterruption",
            Self::TerminationNotice => "TerminationNotice",
        }
    }
}

/// The life of a task. A run may have millions: names are shared. Instants are `None` for states it did not reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskRecord {
    /// Service or batch name.
    pub group: Arc<str>,
    /// What it ran.
    pub task_definition: TaskDefinitionId,
    /// Capacity provider or launch type.
    pub capacity: Arc<str>,
    /// Index of its container instance in [`RunResults::instance_records`](super::RunResults::instance_records); `None` on Fargate.
    pub instance: Option<u32>,
    /// Zone name, empty before placement.
    pub zone: Arc<str>,
    /// Reserved CPU.
    pub cpu: Cpu,
    /// Reserved memory.
    pub memory: Mib,
    /// `createdAt`.
    pub created: SimTime,
    /// Placement.
    pub placed: Option<SimTime>,
    /// `pullStartedAt`.
    pub pull_started: Option<SimTime>,
    /// `startedAt`.
    pub started: Option<SimTime>,
    /// `stoppingAt`.
    pub stopping: Option<SimTime>,
    /// `stoppedAt`.
    pub stopped: Option<SimTime>,
    /// `stopCode`; `None` until it is decided that the task stops.
    pub stop_code: Option<StopCode>,
    /// When its containers were gone.
    pub execution_stopped: Option<SimTime>,
    /// Exit code of the essential container that ended it.
    pub exit_code: Option<u8>,
    /// Restarts of containers in place.
    pub restarts: u16,
    /// `stoppedReason` in ECS's words.
    pub stopped_reason: Cow<'static, str>,
    /// Seconds billed on Fargate, zero on EC2.
    pub billed_seconds: u64,
}

/// A spell in which no container instance could take the tasks of one owner and size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacementFailure {
    /// Service or batch name.
    pub group: String,
    /// Capacity provider or launch type.
    pub capacity: String,
    /// CPU asked for.
    pub cpu: Cpu,
    /// Memory asked for.
    pub memory: Mib,
    /// First failed attempt.
    pub since: SimTime,
    /// Last failed attempt.
    pub last: SimTime,
    /// Failed attempts.
    pub attempts: u64,
    /// When a task of this kind was placed next; `None` if none was, or if the main reason changed
    /// first.
    pub placed: Option<SimTime>,
    /// Instances dropped by each reason at the first attempt.
    pub rejections: Rejections,
}

/// The life of a container instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceRecord {
    /// Auto Scaling group.
    pub group: String,
    /// Instance type.
    pub instance_type: String,
    /// How it was bought.
    pub purchase_option: PurchaseOption,
    /// When EC2 announced that it takes the instance back.
    pub interruption_notice: Option<SimTime>,
    /// Whether EC2 took it back.
    pub interrupted: bool,
    /// Zone name.
    pub zone: String,
    /// Launch decision.
    pub requested: SimTime,
    /// EC2 state `running` for the first time: billing starts.
    pub running: Option<SimTime>,
    /// Times in which it was stopped or hibernated in a warm pool after it ran; `None` if it still is.
    pub stopped: Vec<(SimTime, Option<SimTime>)>,
    /// Registered with the cluster for the first time.
    pub registered: Option<SimTime>,
    /// Terminated.
    pub terminated: Option<SimTime>,
    /// Why, in the words of the scaling activity; empty while it lives.
    pub termination_reason: String,
    /// Tasks it ran.
    pub tasks_run: u32,
    /// Mean reserved share of its CPU while registered, in millionths.
    pub cpu_reserved_micro: u64,
    /// Mean reserved share of its memory while registered, in millionths.
    pub memory_reserved_micro: u64,
    /// Billed seconds.
    pub billed_seconds: u64,
}

/// A time at which a fault came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultRecord {
    /// Name of the fault.
    pub name: String,
    /// Its type, in the words of the language.
    pub kind: &'static str,
    /// When it began.
    pub from: SimTime,
    /// When it was over; `None` if it held to the end of the run.
    pub until: Option<SimTime>,
    /// Container instances that stopped because of it.
    pub instances_lost: u32,
    /// Tasks that stopped with them, or on Fargate.
    pub tasks_lost: u32,
    /// Every service.
    pub services: Vec<ServiceRecovery>,
}

/// How a service came through a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceRecovery {
    /// Which, by its position.
    pub service: ServiceId,
    /// Until its desired count of tasks served again.
    pub desired_count: Recovered,
    /// Until its objective held again; `None` without one.
    pub objective: Option<Recovered>,
}

/// Whether and when something recovered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovered {
    /// Nothing was wrong.
    Undisturbed,
    /// So long after the beginning of the fault, for as long as the fault's `recoveredAfter` at least.
    After(SimDuration),
    /// Not before the end of the run.
    Never,
}

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventCategory {
    /// A service event, as the ECS console lists them.
    ServiceEvent,
    /// A scaling activity of Application Auto Scaling.
    ServiceScaling,
    /// An activity of an Auto Scaling group.
    GroupActivity,
    /// A call of RunTask or StartTask that failed.
    RunTask,
    /// A change of an alarm's state.
    Alarm,
    /// An interruption or another fault.
    Fault,
}

impl EventCategory {
    /// Name in the output files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ServiceEvent => "service-event",
            Self::ServiceScaling => "service-scaling",
            Self::GroupActivity => "group-activity",
            Self::RunTask => "run-task",
            Self::Alarm => "alarm",
            Self::Fault => "fault",
        }
    }
}

/// A line of the event log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRecord {
    /// When.
    pub at: SimTime,
    /// What kind.
    pub category: EventCategory,
    /// Service, group or alarm it concerns.
    pub entity: String,
    /// Value before and after, for scaling activities.
    pub change: Option<(u32, u32)>,
    /// The sentence that AWS would print.
    pub message: String,
}

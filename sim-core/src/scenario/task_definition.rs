//! What a task is.

use super::Container;
use crate::engine::DurationDistribution;
use crate::placement::PlacementConstraint;
use crate::units::{Cpu, ImageId, Mib, SimDuration};

/// Processor architecture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Architecture {
    /// `X86_64`.
    #[default]
    X86_64,
    /// `ARM64` (Graviton).
    Arm64,
}

/// Operating system of a task or an instance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OperatingSystem {
    /// Linux.
    #[default]
    Linux,
    /// Any Windows Server edition.
    Windows,
}

/// `networkMode` of a task definition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NetworkMode {
    /// Docker bridge: static host ports are exclusive, dynamic ones are not.
    #[default]
    Bridge,
    /// The host's own network: every port is exclusive.
    Host,
    /// An elastic network interface per task.
    Awsvpc,
    /// No network.
    None,
}

/// Transport protocol of a port mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// What a task reserves and how it starts. Demands follow the ECS agent's arithmetic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskDefinition {
    /// Family, the name by which services refer to it.
    pub family: String,
    /// Reserved CPU: the task's, or the sum over containers.
    pub cpu: Cpu,
    /// Hard limit of CPU on a container instance, which [`TaskDefinition::cpu`] is on Fargate; `None`
    /// if the task may use all that is idle.
    pub cpu_limit: Option<Cpu>,
    /// Reserved memory: the task's, or the sum of reservation-else-limit over containers.
    pub memory: Mib,
    /// Denominator of the memory utilization metric.
    pub memory_for_utilization: Mib,
    /// Network mode; `awsvpc` takes one network interface.
    pub network_mode: NetworkMode,
    /// Static host ports taken on the instance, sorted.
    pub host_ports: Vec<(u16, Protocol)>,
    /// Whole GPUs reserved.
    pub gpus: u32,
    /// Architecture the images are built for.
    pub architecture: Architecture,
    /// Operating system family.
    pub operating_system: OperatingSystem,
    /// Ephemeral storage on Fargate in GiB (20 is included in the price).
    pub ephemeral_storage_gib: u32,
    /// Whether the sizes are ones that Fargate offers.
    pub fits_fargate: bool,
    /// Placement constraints of the definition, `memberOf` only; those of who runs it come on top.
    pub placement_constraints: Vec<PlacementConstraint>,
    /// Images of its containers; empty if `pull_time` says what a pull takes.
    pub images: Vec<ImageId>,
    /// Time to pull and unpack the images, without a cache; not read if there are `images`.
    pub pull_time: DurationDistribution,
    /// Time from a container's turn to started; of all containers that give none of their own.
    pub start_time: DurationDistribution,
    /// Time from SIGTERM to exit, cut at the stop time-out when it is drawn.
    pub stop_time: DurationDistribution,
    /// `stopTimeout` of the only container; the agent's if `None`. Not read if there are `containers`.
    pub stop_timeout: Option<SimDuration>,
    /// The containers, at least one of them essential; empty for a single one that waits for nobody, has
    /// no health check and is not restarted.
    pub containers: Vec<Container>,
}

impl TaskDefinition {
    /// Network interfaces a task takes on a container instance.
    pub fn network_interfaces(&self) -> u32 {
        u32::from(self.network_mode == NetworkMode::Awsvpc)
    }
}

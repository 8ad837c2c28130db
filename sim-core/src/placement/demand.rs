//! What one task reserves.

use crate::scenario::{Architecture, OperatingSystem, Protocol, TaskDefinition};
use crate::units::{Cpu, Mib};

/// What one task reserves on a container instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand<'a> {
    /// CPU.
    pub cpu: Cpu,
    /// Memory.
    pub memory: Mib,
    /// Whole GPUs.
    pub gpus: u32,
    /// Network interfaces (one in `awsvpc` mode).
    pub network_interfaces: u32,
    /// Static host ports, sorted.
    pub ports: &'a [(u16, Protocol)],
    /// Architecture of the images.
    pub architecture: Architecture,
    /// Operating system.
    pub operating_system: OperatingSystem,
}

impl<'a> Demand<'a> {
    /// The demand of a task of `definition`.
    pub fn of(definition: &'a TaskDefinition) -> Self {
        Self {
            cpu: definition.cpu,
            memory: definition.memory,
            gpus: definition.gpus,
            network_interfaces: definition.network_interfaces(),
            ports: &definition.host_ports,
            architecture: definition.architecture,
            operating_system: definition.operating_system,
        }
    }
}

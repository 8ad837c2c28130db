//! Task definitions: what a task reserves, by the arithmetic of the ECS agent, and whether ECS would
//! have accepted the definition.

use plimsoll_core::catalog;
use plimsoll_core::engine::DurationDistribution;
use plimsoll_core::scenario::{
    Architecture, NetworkMode, OperatingSystem, Protocol, TaskDefinition,
};
use plimsoll_core::units::{Cpu, Id, Mib, SimDuration, TaskDefinitionId};

use super::images::Images;
use super::{Context, constraint, containers, distribution};
use crate::language::diagnostic::suggestion;
use crate::language::raw::ScenarioDocument;
use crate::language::raw::kinds::Seconds;
use crate::language::raw::task_definition as raw;
use crate::language::tree::Path;

/// Smallest memory of a container in MiB.
const LEAST_CONTAINER_MEMORY: u64 = 6;
/// CPU units that a task on EC2 may declare.
const TASK_CPU: std::ops::RangeInclusive<u32> = 128..=196_608;
/// TCP ports that the agent keeps on every instance: SSH, Docker and its own.
const AGENT_PORTS: [u16; 6] = [22, 2375, 2376, 51678, 51679, 51680];
/// Time-outs of containers that Fargate accepts.
const FARGATE_TIMEOUT: std::ops::RangeInclusive<SimDuration> =
    SimDuration::from_secs(2)..=SimDuration::from_secs(120);

/// What a task definition says about sizes, before any rule is applied to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskDefinitionFacts {
    /// Family.
    pub family: String,
    /// Network mode as written.
    pub network_mode: Option<raw::NetworkMode>,
    /// `requiresCompatibilities`.
    pub requires_compatibilities: Vec<raw::Compatibility>,
    /// Task size: CPU units.
    pub task_cpu: Option<u32>,
    /// Task size: MiB.
    pub task_memory: Option<u64>,
    /// Number of containers.
    pub n_containers: usize,
    /// Sum of the containers' CPU units.
    pub sum_container_cpu: u64,
    /// Sum of the containers' hard limits in MiB.
    pub sum_container_memory: u64,
    /// Sum of the containers' reservations in MiB.
    pub sum_memory_reservation: u64,
    /// Sum over containers of the reservation, else the limit, in MiB.
    pub sum_reservation_else_memory: u64,
    /// Host ports as written, sorted, without dynamic ones.
    pub host_ports: Vec<u16>,
}

impl TaskDefinitionFacts {
    /// Reads the facts off a definition.
    pub fn of(raw: &raw::TaskDefinition) -> Self {
        let sum = |amount: &dyn Fn(&raw::ContainerDefinition) -> u64| {
            raw.container_definitions.iter().map(amount).fold(0, u64::saturating_add)
        };
        let mut host_ports: Vec<u16> = raw
            .container_definitions
            .iter()
            .flat_map(|container| &container.port_mappings)
            .filter_map(|mapping| u16::try_from(mapping.host_port?.0).ok())
            .filter(|port| *port != 0)
            .collect();
        host_ports.sort_unstable();
        Self {
            family: raw.family.clone(),
            network_mode: raw.network_mode,
            requires_compatibilities: raw.requires_compatibilities.clone(),
            task_cpu: raw.cpu.map(|cpu| cpu.0),
            task_memory: raw.memory.map(|memory| memory.0),
            n_containers: raw.container_definitions.len(),
            sum_container_cpu: sum(&|it| it.cpu.map_or(0, |cpu| u64::from(cpu.0))),
            sum_container_memory: sum(&|it| it.memory.map_or(0, |memory| memory.0)),
            sum_memory_reservation: sum(&|it| it.memory_reservation.map_or(0, |memory| memory.0)),
            sum_reservation_else_memory: sum(&reserved),
            host_ports,
        }
    }
}

/// Memory that a container reserves: the soft limit if it is set, else the hard one.
fn reserved(container: &raw::ContainerDefinition) -> u64 {
    let soft = container.memory_reservation.map_or(0, |memory| memory.0);
    if soft == 0 { container.memory.map_or(0, |memory| memory.0) } else { soft }
}

/// A definition in the order of its id.
#[derive(Clone)]
pub(super) struct Definition {
    pub(super) task: TaskDefinition,
    /// Whether the definition was refused; others may refer to it without a second message.
    pub(super) refused: bool,
    /// All that keeps it from Fargate; empty if it fits.
    pub(super) not_on_fargate: Vec<String>,
}

/// All definitions of a scenario.
pub(super) struct TaskDefinitions(Vec<Definition>);

impl TaskDefinitions {
    pub(super) fn lower(
        context: &Context<'_>,
        raw: &ScenarioDocument,
        images: &mut Images,
    ) -> Self {
        let path = Path::root().key("taskDefinitions");
        let mut definitions: Vec<Definition> = Vec::new();
        for (index, raw) in raw.task_definitions.iter().enumerate() {
            let path = path.index(index);
            if definitions.iter().any(|other| other.task.family == raw.family) {
                context.duplicate(&path.key("family"), "task definitions", &raw.family);
            }
            definitions.push(lower(context, &path, raw, images));
        }
        Self(definitions)
    }

    /// The definition that `reference` names; reports one that does not exist.
    pub(super) fn find(
        &self,
        context: &Context<'_>,
        path: &Path,
        reference: &str,
    ) -> Option<(TaskDefinitionId, &Definition)> {
        find(&self.0, context, path, reference)
    }

    pub(super) fn into_definitions(self) -> Vec<Definition> {
        self.0
    }
}

/// The definition among `definitions` that `reference` names: a family, `family:revision`, or an ARN.
pub(super) fn find<'d>(
    definitions: &'d [Definition],
    context: &Context<'_>,
    path: &Path,
    reference: &str,
) -> Option<(TaskDefinitionId, &'d Definition)> {
    let name = reference.rsplit_once("task-definition/").map_or(reference, |it| it.1);
    let family = match name.rsplit_once(':') {
        Some((family, revision)) if revision.bytes().all(|byte| byte.is_ascii_digit()) => family,
        _ => name,
    };
    let Some(index) = definitions.iter().position(|it| it.task.family == family) else {
        let known: Vec<&str> = definitions.iter().map(|it| it.task.family.as_str()).collect();
        let message =
            format!("there is no task definition `{}`", crate::language::tree::shorten(family));
        match suggestion(family, known) {
            Some(hint) => context.error_hint(path, message, hint),
            None => context.error_hint(path, message, "list it under `taskDefinitions`"),
        }
        return None;
    };
    let found = &definitions[index];
    (!found.refused).then_some((TaskDefinitionId::from_index(index), found))
}

fn lower(
    context: &Context<'_>,
    path: &Path,
    raw: &raw::TaskDefinition,
    images: &mut Images,
) -> Definition {
    let facts = TaskDefinitionFacts::of(raw);
    let mut refused = !check_containers(context, path, raw);
    refused |= !check_sizes(context, path, raw, &facts);
    let network_mode = network_mode(raw);
    let host_ports = host_ports(context, path, raw, network_mode);
    let operating_system = match raw.runtime_platform.operating_system_family.as_str() {
        "LINUX" => OperatingSystem::Linux,
        _ => OperatingSystem::Windows,
    };
    let gpus = raw
        .container_definitions
        .iter()
        .flat_map(|container| &container.resource_requirements)
        .fold(0_u64, |sum, requirement| sum.saturating_add(requirement.value.0));
    let fargate = fargate_obstacles(context, raw, network_mode, operating_system, gpus);
    if raw.requires_compatibilities.contains(&raw::Compatibility::Fargate) {
        for (key, message) in &fargate {
            context.error(&path.key(key), message.as_str());
            refused = true;
        }
    }
    let times = times(context, path, raw);
    let images = images.of(context, path, raw);
    let containers = containers::lower(context, path, raw);
    refused |= images.is_none() || containers.is_none();
    let constraints = constraint::of_definition(
        context,
        &path.key("placementConstraints"),
        &raw.placement_constraints,
    );
    refused |= host_ports.is_none() || times.is_none() || constraints.is_none();
    let (pull_time, start_time, stop_time) =
        times.unwrap_or_else(|| [(); 3].map(|()| DurationDistribution::ZERO).into());
    let memory = Mib::new(facts.task_memory.unwrap_or(facts.sum_reservation_else_memory));
    let cpu = facts.task_cpu.map_or(facts.sum_container_cpu, u64::from);
    let definition = TaskDefinition {
        family: raw.family.clone(),
        cpu: Cpu::from_ecs_units(u32::try_from(cpu).unwrap_or(u32::MAX)),
        cpu_limit: cpu_limit(raw, operating_system),
        memory,
        // The utilization metric divides by the same figure: the task's memory, or the soft limits
        // where there are any.
        memory_for_utilization: memory,
        network_mode,
        host_ports: host_ports.unwrap_or_default(),
        gpus: u32::try_from(gpus).unwrap_or(u32::MAX),
        architecture: match raw.runtime_platform.cpu_architecture {
            raw::CpuArchitecture::X86_64 => Architecture::X86_64,
            raw::CpuArchitecture::Arm64 => Architecture::Arm64,
        },
        operating_system,
        ephemeral_storage_gib: raw.ephemeral_storage.as_ref().map_or(20, |it| it.size_in_gib),
        fits_fargate: fargate.is_empty(),
        images: images.unwrap_or_default(),
        placement_constraints: constraints.unwrap_or_default(),
        pull_time,
        start_time,
        stop_time,
        stop_timeout: raw
            .container_definitions
            .first()
            .and_then(|it| it.stop_timeout)
            .map(Seconds::duration),
        containers: containers.unwrap_or_default(),
    };
    let not_on_fargate = fargate.into_iter().map(|(_, reason)| reason).collect();
    Definition { task: definition, refused, not_on_fargate }
}

/// CPU units that Windows gives a container which asks for none: 1 % of a CPU.
const LEAST_WINDOWS_CPU: u32 = 10;

/// The hard limit of a task on a container instance. On Linux that is the task's `cpu`, and the `cpu`
/// of its containers limits nothing; on Windows it is the other way round.
fn cpu_limit(raw: &raw::TaskDefinition, operating_system: OperatingSystem) -> Option<Cpu> {
    match operating_system {
        OperatingSystem::Linux => raw.cpu.map(|cpu| Cpu::from_ecs_units(cpu.0)),
        OperatingSystem::Windows => {
            let containers = raw.container_definitions.iter();
            let cpu = containers.map(|it| match it.cpu {
                None => LEAST_WINDOWS_CPU,
                Some(cpu) if cpu.0 == 0 => LEAST_WINDOWS_CPU,
                Some(cpu) => cpu.0,
            });
            Some(Cpu::from_ecs_units(cpu.fold(0, u32::saturating_add)))
        }
    }
}

/// The mode that is written; `awsvpc` is the only one on Fargate, `bridge` the default elsewhere.
fn network_mode(raw: &raw::TaskDefinition) -> NetworkMode {
    match raw.network_mode {
        Some(raw::NetworkMode::Host) => NetworkMode::Host,
        Some(raw::NetworkMode::Awsvpc) => NetworkMode::Awsvpc,
        Some(raw::NetworkMode::None) => NetworkMode::None,
        // Neither of them has a bridge.
        None if !raw.requires_compatibilities.is_empty()
            && raw.requires_compatibilities.iter().all(|it| {
                matches!(it, raw::Compatibility::Fargate | raw::Compatibility::ManagedInstances)
            }) =>
        {
            NetworkMode::Awsvpc
        }
        Some(raw::NetworkMode::Bridge) | None => NetworkMode::Bridge,
    }
}

/// Rules for single containers; true if all hold.
fn check_containers(context: &Context<'_>, path: &Path, raw: &raw::TaskDefinition) -> bool {
    let path = path.key("containerDefinitions");
    let mut good = true;
    let mut refuse = |path: &Path, message: String| {
        context.error(path, message);
        good = false;
    };
    if !raw.container_definitions.iter().any(|container| container.essential) {
        refuse(&path, "at least one container must be essential".to_owned());
    }
    let mut names: Vec<&str> = Vec::new();
    for (index, container) in raw.container_definitions.iter().enumerate() {
        let path = path.index(index);
        if let Some(name) = container.name.as_deref() {
            if names.contains(&name) {
                refuse(&path.key("name"), format!("there are two containers called `{name}`"));
            }
            names.push(name);
        }
        let limits =
            [("memory", container.memory), ("memoryReservation", container.memory_reservation)];
        for (key, memory) in limits {
            // Zero is how some tools write "not set".
            if memory.is_some_and(|it| it.0 != 0 && it.0 < LEAST_CONTAINER_MEMORY) {
                let message = format!("must be at least {LEAST_CONTAINER_MEMORY} MiB");
                refuse(&path.key(key), message);
            }
        }
        if let (Some(hard), Some(soft)) = (container.memory, container.memory_reservation)
            && hard.0 != 0
            && hard.0 <= soft.0
        {
            let message =
                format!("`memoryReservation` {} is not below `memory` {}", soft.0, hard.0);
            refuse(&path.key("memoryReservation"), message);
        }
        if raw.memory.is_none() && reserved(container) == 0 {
            let message = "needs `memory` or `memoryReservation`, as the task gives no `memory`";
            refuse(&path, message.to_owned());
        }
    }
    good
}

/// Rules between containers and the task's size; true if all hold.
fn check_sizes(
    context: &Context<'_>,
    path: &Path,
    raw: &raw::TaskDefinition,
    facts: &TaskDefinitionFacts,
) -> bool {
    let mut good = true;
    let mut refuse = |key: &str, message: String| {
        context.error(&path.key(key), message);
        good = false;
    };
    if let Some(cpu) = facts.task_cpu {
        if !TASK_CPU.contains(&cpu) {
            let (least, most) = (TASK_CPU.start(), TASK_CPU.end());
            refuse("cpu", format!("must lie between {least} and {most} CPU units, found `{cpu}`"));
        } else if u64::from(cpu) < facts.sum_container_cpu {
            let sum = facts.sum_container_cpu;
            refuse("cpu", format!("the containers reserve {sum} CPU units, the task has {cpu}"));
        }
    } else if u64::from(u32::MAX) < facts.sum_container_cpu {
        refuse("containerDefinitions", "the containers reserve too much CPU".to_owned());
    }
    if let Some(memory) = facts.task_memory {
        let largest =
            raw.container_definitions.iter().filter_map(|it| it.memory).map(|it| it.0).max();
        if memory < LEAST_CONTAINER_MEMORY {
            refuse("memory", format!("must be at least {LEAST_CONTAINER_MEMORY} MiB"));
        } else if memory < facts.sum_memory_reservation {
            let sum = facts.sum_memory_reservation;
            refuse("memory", format!("the containers reserve {sum} MiB, the task has {memory}"));
        } else if largest.is_some_and(|largest| memory < largest) {
            refuse("memory", format!("a container's limit is above the task's {memory} MiB"));
        }
    }
    good
}

/// Ports that a task takes on its instance, sorted.
fn host_ports(
    context: &Context<'_>,
    path: &Path,
    raw: &raw::TaskDefinition,
    mode: NetworkMode,
) -> Option<Vec<(u16, Protocol)>> {
    let mut good = true;
    let mut ports: Vec<(u16, Protocol)> = Vec::new();
    for (index, container) in raw.container_definitions.iter().enumerate() {
        let path = path.key("containerDefinitions").index(index).key("portMappings");
        for (index, mapping) in container.port_mappings.iter().enumerate() {
            let path = path.index(index);
            match host_port(mapping, mode) {
                Ok(None) => {}
                Ok(Some(taken)) if ports.contains(&taken) => {
                    context.error(&path, format!("host port {} is used twice", taken.0));
                    good = false;
                }
                Ok(Some((port, Protocol::Tcp))) if AGENT_PORTS.contains(&port) => {
                    let message = format!("host port {port} is in use on every instance");
                    context.error(&path.key("hostPort"), message);
                    good = false;
                }
                Ok(Some(taken)) => ports.push(taken),
                Err((key, message)) => {
                    context.error(&path.key(key), message);
                    good = false;
                }
            }
        }
    }
    ports.sort_unstable();
    good.then_some(ports)
}

type PortProblem = (&'static str, &'static str);

fn host_port(
    mapping: &raw::PortMapping,
    mode: NetworkMode,
) -> Result<Option<(u16, Protocol)>, PortProblem> {
    const RANGE: &str = "must be a port number between 0 and 65535";
    let number = |key, port: Option<crate::language::raw::kinds::Whole>| {
        port.map(|port| u16::try_from(port.0).map_err(|_| (key, RANGE))).transpose()
    };
    let container = number("containerPort", mapping.container_port)?;
    let host = number("hostPort", mapping.host_port)?.filter(|port| *port != 0);
    if container.is_none() && mapping.container_port_range.is_none() {
        return Err(("containerPort", "the key `containerPort` is missing"));
    }
    let protocol = match mapping.protocol {
        raw::Protocol::Tcp => Protocol::Tcp,
        raw::Protocol::Udp => Protocol::Udp,
    };
    match mode {
        NetworkMode::Bridge => Ok(host.map(|port| (port, protocol))),
        NetworkMode::Host | NetworkMode::Awsvpc if host.is_some() && host != container => {
            Err(("hostPort", "must equal `containerPort` in this network mode"))
        }
        NetworkMode::Host => Ok(container.map(|port| (port, protocol))),
        // The port is taken in the task's own namespace.
        NetworkMode::Awsvpc => Ok(None),
        NetworkMode::None => Err(("containerPort", "network mode `none` has no ports")),
    }
}

/// All that keeps a definition from Fargate: keys and reasons.
fn fargate_obstacles(
    context: &Context<'_>,
    raw: &raw::TaskDefinition,
    mode: NetworkMode,
    operating_system: OperatingSystem,
    gpus: u64,
) -> Vec<(&'static str, String)> {
    let mut obstacles = Vec::new();
    if mode != NetworkMode::Awsvpc {
        obstacles.push(("networkMode", "Fargate needs `networkMode: awsvpc`".to_owned()));
    }
    if !raw.placement_constraints.is_empty() {
        let message = "tasks on Fargate take no placement constraints".to_owned();
        obstacles.push(("placementConstraints", message));
    }
    if 0 < gpus {
        obstacles.push(("containerDefinitions", "Fargate has no GPUs".to_owned()));
    }
    for container in &raw.container_definitions {
        let given =
            [("stopTimeout", container.stop_timeout), ("startTimeout", container.start_timeout)];
        for (key, timeout) in given {
            if timeout.is_some_and(|it| !FARGATE_TIMEOUT.contains(&it.duration())) {
                let message = format!("on Fargate, `{key}` must lie between 2 s and 120 s");
                obstacles.push(("containerDefinitions", message));
            }
        }
    }
    let (Some(cpu), Some(memory)) = (raw.cpu, raw.memory) else {
        let key = if raw.cpu.is_none() { "cpu" } else { "memory" };
        obstacles.push((key, format!("Fargate needs the task's `{key}`")));
        return obstacles;
    };
    let size =
        catalog::validate_fargate_size(context.rules, u64::from(cpu.0), memory.0, operating_system);
    match size {
        Ok(()) => {}
        Err(error @ catalog::FargateSizeError::Cpu { .. }) => {
            obstacles.push(("cpu", error.to_string()));
        }
        Err(error) => obstacles.push(("memory", error.to_string())),
    }
    obstacles
}

type Times = (DurationDistribution, DurationDistribution, DurationDistribution);

/// Pull, start and stop times.
fn times(context: &Context<'_>, path: &Path, raw: &raw::TaskDefinition) -> Option<Times> {
    let pull = match (&raw.pull_time, raw.image_size) {
        (Some(_), Some(_)) => {
            context.error(&path.key("imageSize"), "`imageSize` and `pullTime` exclude each other");
            None
        }
        (Some(given), None) => distribution::lower(context, &path.key("pullTime"), given),
        (None, _) => Some(DurationDistribution::ZERO),
    };
    let start = distribution::lower(context, &path.key("startTime"), &raw.start_time);
    let stop = distribution::lower(context, &path.key("stopTime"), &raw.stop_time);
    Some((pull?, start?, stop?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a definition of these containers reserves, in MiB.
    fn memory(task: Option<u64>, containers: &str) -> u64 {
        let task = task.map_or(String::new(), |memory| format!(r#""memory": {memory},"#));
        let text = format!(r#"{{"family": "t", {task} "containerDefinitions": [{containers}]}}"#);
        let raw: raw::TaskDefinition = serde_json::from_str(&text).unwrap();
        let facts = TaskDefinitionFacts::of(&raw);
        facts.task_memory.unwrap_or(facts.sum_reservation_else_memory)
    }

    #[test]
    fn tv_4_the_task_memory_counts_else_reservations_else_limits() {
        let soft = r#"{"name": "a", "memory": 1024, "memoryReservation": 512}"#;
        let hard = r#"{"name": "b", "memory": 512}"#;
        assert_eq!(memory(Some(2048), soft), 2048);
        assert_eq!(memory(None, &format!("{soft}, {hard}")), 1024);
    }
}

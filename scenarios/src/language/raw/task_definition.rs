//! Task definitions: the documents of the ECS API, plus what only a simulator needs to know.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::containers::{ContainerDependency, HealthCheck, RestartPolicy};
use super::distribution::Distribution;
use super::kinds::{Bytes, CpuUnits, Seconds, TaskMemory, Whole};
use super::service::PlacementConstraint;

/// A task definition: inline, or the JSON of the ECS API from a file with more keys beside it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend(
    "x-plimsoll-aws-document" = true,
    "x-plimsoll-ignored" = [
        "compatibilities", "deregisteredAt", "enableFaultInjection", "executionRoleArn",
        "ipcMode", "pidMode", "proxyConfiguration",
        "registeredAt", "registeredBy", "requiresAttributes", "revision", "status", "tags",
        "taskDefinitionArn", "taskRoleArn", "volumes"
    ],
    "x-plimsoll-not-simulated" = {
        "inferenceAccelerators": { "means": "inference accelerators are" }
    }
))]
pub struct TaskDefinition {
    /// Path of a task definition in JSON, relative to the scenario: what `register-task-definition`
    /// takes or `describe-task-definition` returns. Keys written beside it win.
    #[serde(default)]
    pub file: Option<String>,
    /// Family, the name by which services refer to it.
    #[schemars(length(min = 1, max = 255), regex(pattern = r"^[A-Za-z0-9_-]+$"))]
    pub family: String,
    /// Task size: CPU units. Required on Fargate; 128 to 196608 elsewhere. Default: the sum over
    /// containers.
    #[serde(default)]
    pub cpu: Option<CpuUnits>,
    /// Task size: memory in MiB. Required on Fargate. Default: the sum over containers of the
    /// reservation, else the limit.
    #[serde(default)]
    pub memory: Option<TaskMemory>,
    /// Network mode. Default: `bridge`; `awsvpc` if only Fargate is required.
    #[serde(default)]
    pub network_mode: Option<NetworkMode>,
    /// What the definition must be able to run on.
    #[serde(default)]
    pub requires_compatibilities: Vec<Compatibility>,
    /// Processor and operating system.
    #[serde(default)]
    pub runtime_platform: RuntimePlatform,
    /// Ephemeral storage on Fargate. Default: 20 GiB, which the price includes.
    #[serde(default)]
    pub ephemeral_storage: Option<EphemeralStorage>,
    /// Placement constraints, `memberOf` only; those of the service or call come on top.
    #[serde(default)]
    #[schemars(length(max = 10))]
    pub placement_constraints: Vec<PlacementConstraint>,
    /// Containers, at least one of them essential.
    #[schemars(length(min = 1, max = 10))]
    pub container_definitions: Vec<ContainerDefinition>,
    /// Compressed size of all images that are not listed under `images`, as one layer. Default: 200 MB.
    /// An instance keeps what it has pulled; Fargate does not. Only without `pullTime`.
    #[serde(default)]
    pub image_size: Option<Bytes>,
    /// Time to pull and unpack the images, the same for every task. Default: from their sizes.
    #[serde(default)]
    pub pull_time: Option<Distribution>,
    /// Time that a container takes to start. Default: 2 s.
    #[serde(default = "default_start_time")]
    pub start_time: Distribution,
    /// Time from SIGTERM to exit, cut at the `stopTimeout` of each container. Default: 1 s.
    #[serde(default = "default_stop_time")]
    pub stop_time: Distribution,
}

fn default_start_time() -> Distribution {
    Distribution::seconds(2)
}

fn default_stop_time() -> Distribution {
    Distribution::seconds(1)
}

/// Network mode of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NetworkMode {
    /// Docker bridge.
    Bridge,
    /// The host's network.
    Host,
    /// A network interface per task.
    Awsvpc,
    /// No network.
    None,
}

/// What a task definition must be able to run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Compatibility {
    /// Container instances.
    Ec2,
    /// Fargate.
    Fargate,
    /// External instances; not simulated.
    External,
    /// Managed Instances.
    ManagedInstances,
}

/// Processor and operating system of a task.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-plimsoll-aws-document" = true))]
pub struct RuntimePlatform {
    /// Processor architecture. Default: `X86_64`.
    #[serde(default)]
    pub cpu_architecture: CpuArchitecture,
    /// Operating system family: `LINUX` or one that starts with `WINDOWS_SERVER`.
    #[serde(default = "linux")]
    #[schemars(regex(pattern = r"^(LINUX|WINDOWS_SERVER_[A-Z0-9_]+)$"))]
    pub operating_system_family: String,
}

impl Default for RuntimePlatform {
    fn default() -> Self {
        Self { cpu_architecture: CpuArchitecture::default(), operating_system_family: linux() }
    }
}

fn linux() -> String {
    "LINUX".to_owned()
}

/// Processor architecture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CpuArchitecture {
    /// 64-bit x86.
    #[default]
    X86_64,
    /// 64-bit ARM (Graviton).
    #[serde(rename = "ARM64")]
    Arm64,
}

/// Ephemeral storage of a Fargate task.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-plimsoll-aws-document" = true))]
pub struct EphemeralStorage {
    /// Size in GiB, 21 to 200.
    #[schemars(range(min = 21, max = 200))]
    #[serde(rename = "sizeInGiB")]
    pub size_in_gib: u32,
}

/// A container of a task.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend(
    "x-plimsoll-aws-document" = true,
    "x-plimsoll-ignored" = [
        "command", "credentialSpecs", "disableNetworking", "dnsSearchDomains",
        "dnsServers", "dockerLabels", "dockerSecurityOptions", "entryPoint", "environment",
        "environmentFiles", "extraHosts", "firelensConfiguration", "hostname",
        "interactive", "links", "linuxParameters", "logConfiguration", "mountPoints", "privileged",
        "pseudoTerminal", "readonlyRootFilesystem", "repositoryCredentials", "secrets",
        "systemControls", "ulimits", "user", "versionConsistency",
        "volumesFrom", "workingDirectory"
    ]
))]
pub struct ContainerDefinition {
    /// Name of the container.
    #[serde(default)]
    pub name: Option<String>,
    /// Its image. A size is given under `images`, or as the task's `imageSize`.
    #[serde(default)]
    pub image: Option<String>,
    /// CPU units reserved.
    #[serde(default)]
    pub cpu: Option<CpuUnits>,
    /// Hard memory limit in MiB, at least 6.
    #[serde(default)]
    pub memory: Option<TaskMemory>,
    /// Soft memory limit in MiB, at least 6 and below `memory`.
    #[serde(default)]
    pub memory_reservation: Option<TaskMemory>,
    /// Whether the task stops when the container does.
    #[serde(default = "super::yes")]
    pub essential: bool,
    /// Ports.
    #[serde(default)]
    pub port_mappings: Vec<PortMapping>,
    /// GPUs.
    #[serde(default)]
    pub resource_requirements: Vec<ResourceRequirement>,
    /// Containers that it waits for before it starts; they stop after it.
    #[serde(default)]
    pub depends_on: Vec<ContainerDependency>,
    /// Health check.
    #[serde(default)]
    pub health_check: Option<HealthCheck>,
    /// Restarts inside the task.
    #[serde(default)]
    pub restart_policy: Option<RestartPolicy>,
    /// Those who wait for its end or its health give up after this; 2 s to 120 s on Fargate.
    #[serde(default)]
    #[schemars(extend("x-plimsoll-min" = "1s", "x-plimsoll-max" = "1h"))]
    pub start_timeout: Option<Seconds>,
    /// Longest time from SIGTERM to SIGKILL; 2 s to 120 s on Fargate. Default: the agent's, 30 s.
    #[serde(default)]
    #[schemars(extend("x-plimsoll-max" = "1h"))]
    pub stop_timeout: Option<Seconds>,
    /// Time from its turn to started. Default: the task's `startTime`.
    #[serde(default)]
    pub start_time: Option<Distribution>,
    /// Time after which it exits by itself. Default: 1 s if another container waits for its end, never
    /// otherwise.
    #[serde(default)]
    pub run_time: Option<Distribution>,
    /// Code of that exit. Default: 0.
    #[serde(default)]
    pub exit_code: Option<Whole>,
}

/// A port of a container.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend(
    "x-plimsoll-aws-document" = true,
    "x-plimsoll-ignored" = ["appProtocol", "name"]
))]
pub struct PortMapping {
    /// Port inside the container.
    #[serde(default)]
    pub container_port: Option<Whole>,
    /// Port on the instance; 0 or absent for a dynamic one.
    #[serde(default)]
    pub host_port: Option<Whole>,
    /// Range of ports inside the container; the host ports are dynamic.
    #[serde(default)]
    pub container_port_range: Option<String>,
    /// Transport protocol. Default: `tcp`.
    #[serde(default)]
    pub protocol: Protocol,
}

/// Transport protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
}

/// A special resource of a container.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-plimsoll-aws-document" = true))]
pub struct ResourceRequirement {
    /// Kind of resource.
    #[serde(rename = "type")]
    pub kind: ResourceType,
    /// How much: the number of GPUs.
    pub value: Whole,
}

/// Kind of a special resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ResourceType {
    /// Whole GPUs.
    #[serde(rename = "GPU")]
    Gpu,
}

//! How the containers of a task live: dependencies, health checks, restarts; their images; the agent.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::kinds::{Bytes, Length, Mebibytes, Seconds};

/// An entry of `dependsOn`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-plimsoll-aws-document" = true))]
pub struct ContainerDependency {
    /// Name of the container that is waited for.
    pub container_name: String,
    /// Until when.
    pub condition: ContainerCondition,
}

/// What a container waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum ContainerCondition {
    /// The other one has started.
    Start,
    /// The other one has ended. It must not be essential.
    Complete,
    /// The other one has ended with exit code 0. It must not be essential.
    Success,
    /// The other one passes its health check.
    Healthy,
}

/// Health check of a container. Checks pass unless a fault says otherwise.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-plimsoll-aws-document" = true))]
pub struct HealthCheck {
    /// The command; `NONE` alone switches the check off. It is not run.
    #[serde(default)]
    pub command: Vec<String>,
    /// Time between checks, 5 s to 300 s.
    #[serde(default = "default_interval")]
    #[schemars(extend("x-plimsoll-min" = "5s", "x-plimsoll-max" = "300s"))]
    pub interval: Seconds,
    /// Time after which a check without answer fails, 2 s to 60 s.
    #[serde(default = "default_timeout")]
    #[schemars(extend("x-plimsoll-min" = "2s", "x-plimsoll-max" = "60s"))]
    pub timeout: Seconds,
    /// Failures in a row that make the container unhealthy.
    #[serde(default = "default_retries")]
    #[schemars(range(min = 1, max = 10))]
    pub retries: u32,
    /// Time in which failures do not count until a check has passed, at most 300 s. Default: none.
    #[serde(default = "no_seconds")]
    #[schemars(extend("x-plimsoll-max" = "300s"))]
    pub start_period: Seconds,
}

fn default_interval() -> Seconds {
    Seconds::from_secs(30)
}

fn default_timeout() -> Seconds {
    Seconds::from_secs(5)
}

fn default_retries() -> u32 {
    3
}

fn no_seconds() -> Seconds {
    Seconds::from_secs(0)
}

/// Restarts of a container inside its task.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-plimsoll-aws-document" = true))]
pub struct RestartPolicy {
    /// Whether the container is restarted.
    pub enabled: bool,
    /// Exit codes after which it is not.
    #[serde(default)]
    #[schemars(length(max = 50))]
    pub ignored_exit_codes: Vec<i32>,
    /// Time that the container must have run, 60 s to 1800 s. Default: 300 s.
    #[serde(default = "default_attempt_period")]
    #[schemars(extend("x-plimsoll-min" = "60s", "x-plimsoll-max" = "1800s"))]
    pub restart_attempt_period: Seconds,
}

fn default_attempt_period() -> Seconds {
    Seconds::from_secs(300)
}

/// A container image and its compressed size, whole or by layers.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Image {
    /// The image as container definitions name it.
    #[schemars(length(min = 1, max = 255))]
    pub image: String,
    /// Compressed size, if not by layers.
    #[serde(default)]
    pub size: Option<Bytes>,
    /// Layers; an instance pulls a layer of one name once, for all images.
    #[serde(default)]
    #[schemars(length(max = 127))]
    pub layers: Vec<Layer>,
    /// Whether the image has a SOCI index, so that Fargate loads it lazily.
    #[serde(default)]
    pub soci_index: bool,
}

/// A layer of an image.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Layer {
    /// Its name or digest.
    #[schemars(length(min = 1, max = 255))]
    pub name: String,
    /// Compressed size, the same wherever the layer is named.
    pub size: Bytes,
}

/// Settings of the ECS agent on a group's instances, by the names of its environment variables.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EcsAgent {
    /// When an image is pulled. Default: `default`.
    #[serde(default, rename = "ECS_IMAGE_PULL_BEHAVIOR")]
    pub image_pull_behavior: ImagePullBehavior,
    /// Memory in MiB that is kept from tasks. The same as `reservedMemory`.
    #[serde(default, rename = "ECS_RESERVED_MEMORY")]
    pub reserved_memory: Option<Mebibytes>,
    /// `stopTimeout` of containers that give none. Default: 30 s.
    #[serde(default, rename = "ECS_CONTAINER_STOP_TIMEOUT")]
    #[schemars(extend("x-plimsoll-min" = "1s", "x-plimsoll-max" = "1d"))]
    pub container_stop_timeout: Option<Seconds>,
    /// Time after which the start of a container is given up. Default: 3 min, 8 min on Windows.
    #[serde(default, rename = "ECS_CONTAINER_START_TIMEOUT")]
    #[schemars(extend("x-plimsoll-min" = "1s", "x-plimsoll-max" = "1d"))]
    pub container_start_timeout: Option<Seconds>,
    /// Whether an instance that EC2 takes back is set to DRAINING at its two-minute notice. Managed draining
    /// of its capacity provider does the same.
    #[serde(default, rename = "ECS_ENABLE_SPOT_INSTANCE_DRAINING")]
    pub enable_spot_instance_draining: bool,
    /// Whether images are never cleaned up.
    #[serde(default, rename = "ECS_DISABLE_IMAGE_CLEANUP")]
    pub disable_image_cleanup: bool,
    /// Time between two cleanups, at least 10 min. Default: 30 min.
    #[serde(default, rename = "ECS_IMAGE_CLEANUP_INTERVAL")]
    #[schemars(extend("x-plimsoll-min" = "10m", "x-plimsoll-max" = "365d"))]
    pub image_cleanup_interval: Option<Seconds>,
    /// Age below which an image is kept. Default: 1 h.
    #[serde(default, rename = "ECS_IMAGE_MINIMUM_CLEANUP_AGE")]
    #[schemars(extend("x-plimsoll-max" = "365d"))]
    pub image_minimum_cleanup_age: Option<Seconds>,
    /// Images removed in one cleanup at most. Default: 5.
    #[serde(default, rename = "ECS_NUM_IMAGES_DELETE_PER_CYCLE")]
    #[schemars(range(min = 1))]
    pub num_images_delete_per_cycle: Option<u32>,
    /// Time that a stopped container keeps its image, at least 1 min. Default: 3 h.
    #[serde(default, rename = "ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION")]
    #[schemars(extend("x-plimsoll-min" = "1m", "x-plimsoll-max" = "365d"))]
    pub engine_task_cleanup_wait_duration: Option<Seconds>,
}

/// `ECS_IMAGE_PULL_BEHAVIOR`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ImagePullBehavior {
    /// The registry is asked each time; the cache serves if that fails.
    #[default]
    Default,
    /// The registry is asked each time; the task fails if that fails.
    Always,
    /// The registry is asked for what no task on the instance has pulled, or was cleaned up.
    Once,
    /// The registry is asked for what is absent, and nothing is cleaned up.
    PreferCached,
}

/// What AWS leaves open about images.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ImagePull {
    /// Bytes that a task on Fargate pulls and unpacks per second. Default: 65 MB.
    pub fargate_bandwidth: Bytes,
    /// Start of an image with a SOCI index on Fargate. Default: 2.8 s.
    pub lazy_load_time: Length,
    /// A look at the registry that finds nothing new. Default: 1 s.
    pub manifest_check: Length,
    /// A look at the images of the instance. Default: 100 ms.
    pub cache_check: Length,
    /// How long the first task of a service's revision holds up the others while its image tags are
    /// resolved to digests. Default: not at all.
    pub first_task_hold: Length,
}

impl Default for ImagePull {
    fn default() -> Self {
        Self {
            fargate_bandwidth: Bytes(65_000_000),
            lazy_load_time: Length(2_800_000_000),
            manifest_check: Length::from_secs(1),
            cache_check: Length(100_000_000),
            first_task_hold: Length::from_secs(0),
        }
    }
}

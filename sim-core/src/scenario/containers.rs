//! Containers of a task, images, and the agent of a container instance.

use crate::agent::{Cleanup, Dependency, HealthCheck, PullBehavior, RestartPolicy};
use crate::engine::DurationDistribution;
use crate::scenario::OperatingSystem;
use crate::units::SimDuration;

/// A container of a task, as far as its life in time goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// `name`.
    pub name: String,
    /// `essential`.
    pub essential: bool,
    /// `dependsOn`, checked: no cycles, no impossible conditions.
    pub depends_on: Vec<Dependency>,
    /// From its turn to started; the definition's start time if `None`.
    pub start_time: Option<DurationDistribution>,
    /// From started to its own exit; it runs on if `None`.
    pub run_time: Option<DurationDistribution>,
    /// Code of that exit.
    pub exit_code: u8,
    /// `startTimeout`: those who wait for its end or health give up after this.
    pub start_timeout: Option<SimDuration>,
    /// `stopTimeout`; the agent's if `None`.
    pub stop_timeout: Option<SimDuration>,
    /// `healthCheck`.
    pub health_check: Option<HealthCheck>,
    /// `restartPolicy`, if enabled.
    pub restart_policy: Option<RestartPolicy>,
}

/// What the agent of a group's instances is told (`/etc/ecs/ecs.config`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentSettings {
    /// `ECS_IMAGE_PULL_BEHAVIOR`.
    pub pull_behavior: PullBehavior,
    /// Cleanup of images; `None` with `ECS_DISABLE_IMAGE_CLEANUP`.
    pub cleanup: Option<Cleanup>,
    /// `ECS_CONTAINER_STOP_TIMEOUT`.
    pub stop_timeout: SimDuration,
    /// `ECS_CONTAINER_START_TIMEOUT`.
    pub start_timeout: SimDuration,
    /// Bytes that an instance pulls and unpacks per second.
    pub pull_bandwidth: u64,
    /// `ECS_ENABLE_SPOT_INSTANCE_DRAINING`.
    pub spot_instance_draining: bool,
}

impl AgentSettings {
    /// Bytes pulled and unpacked per second: 1.3 GB in 20 s, as measured.
    pub const PULL_BANDWIDTH: u64 = 65_000_000;
    /// `stopTimeout` of a container that gives none, where nothing else is set.
    pub const STOP_TIMEOUT: SimDuration = SimDuration::from_secs(30);

    /// The agent as it comes.
    pub fn default_for(operating_system: OperatingSystem) -> Self {
        let minutes = |n: u64| SimDuration::from_secs(n * 60);
        Self {
            pull_behavior: PullBehavior::Default,
            cleanup: Some(Cleanup {
                interval: minutes(30),
                minimum_age: minutes(60),
                images_per_cycle: 5,
                task_wait: minutes(180),
            }),
            stop_timeout: Self::STOP_TIMEOUT,
            start_timeout: match operating_system {
                OperatingSystem::Linux => minutes(3),
                OperatingSystem::Windows => minutes(8),
            },
            pull_bandwidth: Self::PULL_BANDWIDTH,
            spot_instance_draining: false,
        }
    }
}

/// What AWS leaves open about images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageDelays {
    /// Bytes that a task on Fargate pulls and unpacks per second.
    pub fargate_bandwidth: u64,
    /// Start of an image with a SOCI index on Fargate.
    pub lazy_load: SimDuration,
    /// A look at the registry that finds nothing new.
    pub manifest_check: SimDuration,
    /// A look at an instance's cache alone.
    pub cache_check: SimDuration,
    /// How long the first task of a service's revision holds up the others, while its image tags are
    /// resolved; zero for not at all.
    pub first_task_hold: SimDuration,
}

impl Default for ImageDelays {
    fn default() -> Self {
        Self {
            fargate_bandwidth: AgentSettings::PULL_BANDWIDTH,
            lazy_load: SimDuration::from_millis(2800),
            manifest_check: SimDuration::from_secs(1),
            cache_check: SimDuration::from_millis(100),
            first_task_hold: SimDuration::ZERO,
        }
    }
}

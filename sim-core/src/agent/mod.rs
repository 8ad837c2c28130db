//! What the ECS agent does on a container instance, and what happens inside a task: decisions as pure
//! functions over plain values.
//!
//! The control plane frees what a task reserved when it decides to stop it; the agent frees it when the
//! containers are gone. Between the two a newly placed task waits for the agent, in order of arrival,
//! and nobody overtakes ([`Host`]).
//!
//! * [`Host`]: what the agent has admitted, and its queue;
//! * [`ImageCache`]: which image layers an instance holds, what a pull takes, what the cleanup removes;
//! * [`start_order`], [`check_dependencies`]: `dependsOn`;
//! * [`timeline()`], [`shutdown_time`]: when the containers of a task start, end and stop;
//! * [`HealthCheck`], [`TaskHealth`]: container health checks;
//! * [`RestartPolicy`]: restarts in place.
//!
//! Sources: the ECS agent (`docker_task_engine.go`, `host_resource_manager.go`, its README for the
//! settings named `ECS_*`) and the API's `ContainerDefinition`. What neither says: the costs of a
//! manifest check and of looking into the cache ([`PullCosts`]), and that pulls on one instance do not
//! slow each other down.

mod admission;
mod dependencies;
mod health;
mod image_cache;
mod pull;
mod restart;
mod timeline;

pub use admission::{Admission, Host, HostDemand};
pub use dependencies::{Condition, Dependency, DependencyError, check_dependencies, start_order};
pub use health::{
    HealthCheck, HealthProgress, Status, TaskHealth, Window, merge_windows, task_health,
};
pub use image_cache::{Cleanup, ImageCache, PullBehavior};
pub use pull::{Image, PullCosts, fargate_pull_time, transfer_time};
pub use restart::RestartPolicy;
pub use timeline::{
    ContainerTimes, End, EndCause, MAX_CONTAINERS, Timeline, shutdown_time, timeline,
};

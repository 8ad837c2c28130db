//! Decisions of the service scheduler: plain values in, a decision out.
//!
//! Nothing here schedules an event or knows the cluster; `simulation` counts, asks, and applies the
//! answer. Sources: developer guide, *Amazon ECS services*, *Deployments*, *Deployment circuit
//! breaker*, *Availability Zone rebalancing*, *Container instance draining*, and the API's
//! `DeploymentConfiguration`. Each module says what AWS leaves open and what this model does there.
//!
//! | module | decides |
//! | --- | --- |
//! | [`bounds`] | how few healthy and how many active tasks a service may have |
//! | [`rolling`] | the next step of a rolling deployment, and whether it is stuck |
//! | [`health`] | when a task counts as healthy, when a failed check counts |
//! | [`replacement`] | how unhealthy tasks are replaced |
//! | [`completion`] | when a deployment is done, what a failed one falls back to |
//! | [`circuit_breaker`] | when a deployment has failed |
//! | [`throttle`] | the pause of a service whose tasks do not start |
//! | [`traffic_shift`] | stages, weights and waits of blue/green, canary and linear deployments |
//! | [`rebalancing`] | moves that even out the zones, and who is eligible |
//! | [`draining`] | what leaves an instance that drains |
//! | [`daemon`] | one task per container instance |
//! | [`protection`] | task scale-in protection |

pub mod bounds;
pub mod circuit_breaker;
pub mod completion;
pub mod daemon;
pub mod draining;
pub mod health;
pub mod protection;
pub mod rebalancing;
pub mod replacement;
pub mod rolling;
pub mod throttle;
pub mod traffic_shift;

//! The world of a run: owns all state and the event enum, asks the policies, applies their decisions.
//!
//! * `world`: the state and the dispatch of events; `state`: the states of its parts;
//! * `event`: everything that can happen;
//! * `launch`, `lifecycle`, `task`: the life of a task; `ledger`: what it reserves;
//! * `agent`: what the agent of an instance does; `containers`: start, exit and health of containers;
//!   `target`: a task behind its load balancer; `faults`: what the scenario lets go wrong with tasks,
//!   `disruptions` with what they run on; `recovery`: how services came through it;
//! * `service`: the service scheduler's pass; `rollout`: revisions and deployments; `reconcile`: a pass
//!   in which tasks are replaced; `shifting`: blue/green, canary and linear deployments; `scale_in`: which
//!   task stops; `health`: what is learnt about single tasks; `rebalancing`, `daemon`, `draining`;
//! * `batch`: standalone tasks and everything that waits for room;
//!   `run_task`: the calls that start them;
//! * `fleet`, `pool`: container instances and their groups; `registration`: those that are refused;
//!   `capacity`: managed scaling;
//!   `purchase`: which type a group buys, and how; `market`: the pools it buys from; `spot`: interruptions;
//! * `managed`: Managed Instances, which ECS launches and terminates by itself;
//! * `load`: request load of services; `cpu_sharing`: the CPU their tasks get; `balancer`: what its load balancer processed;
//! * `load`: request load of services; `cpu_sharing`: the CPU their tasks get, `host_cpu`: what their instances use; `balancer`: what its load balancer processed;
//!   `metrics`: samples; `scaling`: alarms and scaling activities;
//! * `queues`: message queues and the services that work on them;
//! * `unplaced`: what found no instance, and why; `watch`: the decisions of one task, in a repeated run;
//!   `packing`: the lower bound on instance-hours;
//! * `recorder`: time series; `outcome`: the results; `quota`, `integral`: small parts.
//!
//! Policies never see the queue: they take state and return a decision, which the world applies.

mod agent;
mod balancer;
mod batch;
#[cfg(test)]
mod behaviour;
#[cfg(test)]
mod bursting;
mod capacity;
mod containers;
mod cpu_sharing;
mod daemon;
#[cfg(test)]
mod disruption_tests;
mod disruptions;
mod draining;
mod event;
mod fail_open;
#[cfg(test)]
mod fail_open_tests;
mod faults;
mod fleet;
mod group;
mod health;
mod host_cpu;
mod integral;
#[cfg(test)]
mod latency_tests;
mod launch;
mod launch_quotas;
mod ledger;
mod lifecycle;
#[cfg(test)]
mod lives;
mod load;
mod managed;
#[cfg(test)]
mod managed_tests;
mod market;
mod metrics;
mod outages;
mod outcome;
mod packing;
#[cfg(test)]
mod policy_tests;
mod pool;
mod prediction;
#[cfg(test)]
mod prediction_tests;
#[cfg(test)]
mod provider_tests;
mod purchase;
#[cfg(test)]
mod purchase_tests;
mod queues;
#[cfg(test)]
mod queues_tests;
mod quota;
#[cfg(test)]
mod random;
mod rebalancing;
mod reconcile;
mod recorder;
mod recovery;
mod registration;
#[cfg(test)]
mod registration_tests;
#[cfg(test)]
mod request_tests;
mod rollout;
#[cfg(test)]
mod rollout_tests;
mod run_task;
mod scale_in;
mod scaling;
#[cfg(test)]
mod scheduling_tests;
mod service;
mod shifting;
mod spot;
#[cfg(test)]
mod standalone_tests;
mod state;
mod target;
mod task;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod troubled;
mod unplaced;
mod watch;
#[cfg(test)]
mod watched;
mod world;

pub use event::Event;
pub use outcome::task_name;
pub use watch::PlacementDecision;

use crate::engine::{self, RunError, RunStatistics, Scheduler};
use crate::results::RunResults;
use crate::scenario::Scenario;
use crate::units::{SimTime, TaskId};
use watch::{TaskIdentity, Watch};
use world::World;

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Simulated time.
    pub now: SimTime,
    /// Events so far.
    pub events: u64,
}

/// Runs a scenario to its horizon. Deterministic: the same scenario gives the same results, on any
/// machine. `progress` is called every 65 536 events and cannot change anything.
///
/// # Errors
/// A limit of [`Scenario::limits`] was reached.
pub fn run(
    scenario: &Scenario,
    progress: &mut dyn FnMut(Progress),
) -> Result<RunResults, RunError> {
    let (world, statistics) = run_world(scenario, None, progress)?;
    Ok(world.into_results(&statistics, SimTime::ZERO + scenario.duration))
}

/// The placement decisions about the task with this number, in time order: nothing for a task that
/// runs on Fargate. Runs the scenario twice, to find out who the task is, and then to watch it.
///
/// # Errors
/// As [`run`].
pub fn explain_task(
    scenario: &Scenario,
    task: TaskId,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<PlacementDecision>, RunError> {
    let (world, _) = run_world(scenario, None, progress)?;
    let Some(task) = world.tasks.get(task) else { return Ok(Vec::new()) };
    let identity = TaskIdentity { owner: task.owner, ordinal: task.ordinal, attempt: task.attempt };
    drop(world);
    let watch = Watch { task: identity, decisions: Vec::new() };
    let (world, _) = run_world(scenario, Some(watch), progress)?;
    Ok(world.watch.map(|watch| watch.decisions).unwrap_or_default())
}

fn run_world<'s, 'p>(
    scenario: &'s Scenario,
    watch: Option<Watch>,
    progress: &'p mut dyn FnMut(Progress),
) -> Result<(World<'s, 'p>, RunStatistics), RunError> {
    let mut scheduler = Scheduler::new(scenario.limits);
    let mut world = World::new(scenario, progress);
    world.watch = watch;
    world.start(&mut scheduler);
    let horizon = SimTime::ZERO + scenario.duration;
    let statistics = engine::run(&mut world, &mut scheduler, horizon)?;
    Ok((world, statistics))
}

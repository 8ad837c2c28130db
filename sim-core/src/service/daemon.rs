//! One task per container instance.
//!
//! Source: developer guide, *Daemon scheduling strategy*: a task on every ACTIVE instance that meets the
//! constraints, `maximumPercent` 100, so that a deployment stops the old task of an instance before it
//! starts the new one there.

use super::bounds::Bounds;

/// What an instance holds of a daemon service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// No task.
    Nothing,
    /// A task of the current revision.
    Current,
    /// A task of an older revision.
    Old {
        /// Whether it counts as healthy.
        healthy: bool,
    },
}

/// What a daemon service does on one instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DaemonAction {
    /// Starts a task.
    Start,
    /// Stops the old task.
    Stop,
}

/// What happens on each of the instances that should run a daemon, in their order: tasks start where
/// there is none; old ones stop, unhealthy ones first, as long as `healthy` stays above the lower bound.
pub fn plan(instances: &[Holds], healthy: u32, bounds: Bounds) -> Vec<(usize, DaemonAction)> {
    let mut actions: Vec<(usize, DaemonAction)> = Vec::new();
    let mut budget = bounds.can_stop(healthy);
    for (index, holds) in instances.iter().enumerate() {
        match holds {
            Holds::Nothing => actions.push((index, DaemonAction::Start)),
            Holds::Old { healthy: false } => actions.push((index, DaemonAction::Stop)),
            Holds::Current | Holds::Old { healthy: true } => {}
        }
    }
    for (index, holds) in instances.iter().enumerate() {
        if *holds == (Holds::Old { healthy: true }) && 0 < budget {
            budget -= 1;
            actions.push((index, DaemonAction::Stop));
        }
    }
    actions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instance_gets_one() {
        let instances = [Holds::Current, Holds::Nothing, Holds::Nothing];
        let actions = plan(&instances, 1, Bounds::of(3, 0, 100));
        assert_eq!(actions, [(1, DaemonAction::Start), (2, DaemonAction::Start)]);
    }

    #[test]
    fn a_deployment_stops_old_tasks_within_the_lower_bound() {
        let instances = [Holds::Old { healthy: true }; 4];
        let stopped = |minimum| plan(&instances, 4, Bounds::of(4, minimum, 100)).len();
        assert_eq!([stopped(0), stopped(50), stopped(100)], [4, 2, 0]);
    }

    #[test]
    fn unhealthy_old_tasks_stop_whatever_the_bound() {
        let instances = [Holds::Old { healthy: true }, Holds::Old { healthy: false }];
        let actions = plan(&instances, 1, Bounds::of(2, 50, 100));
        assert_eq!(actions, [(1, DaemonAction::Stop)]);
    }
}

//! A load balancer all of whose targets are unhealthy sends requests to all of them.
//!
//! Source: Elastic Load Balancing user guide, *Health checks for Application Load Balancer target groups*: a
//! target group that contains only unhealthy registered targets fails open. Targets whose registration is
//! not over get nothing; while a deployment shifts traffic between two target groups, neither fails open.

use super::task::TaskState;
use super::world::World;
use crate::units::{ServiceId, SimTime, TaskId};

impl World<'_, '_> {
    /// Counts a task that gets requests from now on, or no more: as healthy, or as one to which they go for
    /// want of healthy ones.
    pub(super) fn count_serving(&mut self, id: TaskId, service: ServiceId, serving: bool) {
        let unhealthy = self.tasks[id].state == TaskState::TargetUnhealthy;
        let state = &mut self.services[service];
        let count = match &mut state.load {
            Some(load) if unhealthy => &mut load.unhealthy_serving,
            _ if unhealthy => return,
            _ => &mut state.healthy,
        };
        if serving {
            *count += 1;
        } else {
            *count -= 1;
        }
    }

    /// Sends requests to the unhealthy targets of a service if it has no healthy one, and no longer if it
    /// has.
    pub(super) fn fail_open(&mut self, service: ServiceId, now: SimTime) {
        if !self.has_faults() || self.services[service].settings.target_group.is_none() {
            return;
        }
        let state = &self.services[service];
        let open = state.healthy == 0 && state.rollout.current().shift.is_none();
        let unhealthy = |id: &&TaskId| {
            let task = &self.tasks[**id];
            task.state == TaskState::TargetUnhealthy && task.serving != open
        };
        let turned: Vec<TaskId> = state.active.iter().filter(unhealthy).copied().collect();
        for task in turned {
            self.set_serving(task, open, now);
        }
    }

    /// A target is no longer unhealthy, or no target any more: it gets no requests for want of others.
    pub(super) fn close(&mut self, id: TaskId, now: SimTime) {
        if self.tasks[id].serving {
            self.set_serving(id, false, now);
        }
    }
}

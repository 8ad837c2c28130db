//! Desired against actual capacity: what a group launches, and what it gives up.

use super::super::event::Event;
use super::super::fleet::InstanceDraw;
use super::super::ledger::bound_instances;
use super::super::world::World;
use crate::autoscaling::group::{TerminationCause, launch_zone};
use crate::engine::{Phase, Scheduler};
use crate::results::EventCategory;
use crate::scenario::Process;
use crate::units::{AsgId, InstanceId};

impl World<'_, '_> {
    /// Sets a group's desired capacity within its bounds; the group acts after its reconcile lag.
    pub(in super::super) fn set_desired_capacity(
        &mut self,
        id: AsgId,
        desired: u32,
        cause: String,
        scheduler: &mut Scheduler<Event>,
    ) {
        let now = scheduler.now();
        let printed = self.printed(now);
        let group = &mut self.groups[id];
        let desired = desired.clamp(group.operation.min_size, group.operation.max_size);
        if desired == group.desired {
            return;
        }
        let change = (group.desired, desired);
        if desired > group.desired {
            group.scale_out += 1;
        } else {
            group.scale_in += 1;
        }
        group.desired = desired;
        group.desired_integral.set(now, u64::from(desired));
        bound_instances(group, now);
        group.cause = format!("At {printed} {cause} ");
        let name = &group.settings.name;
        self.log(now, EventCategory::GroupActivity, name, Some(change), cause);
        self.request_reconcile(id, scheduler);
    }

    pub(in super::super) fn request_reconcile(
        &mut self,
        id: AsgId,
        scheduler: &mut Scheduler<Event>,
    ) {
        let group = &mut self.groups[id];
        if group.reconcile_pending {
            return;
        }
        group.reconcile_pending = true;
        let lag = group.settings.reconcile_lag.sample(group.reconcile_key.at(group.reconciles));
        group.reconciles += 1;
        scheduler.schedule_in(lag, Phase::Decide, Event::GroupReconcile(id));
    }

    pub(in super::super) fn reconcile_group(
        &mut self,
        id: AsgId,
        scheduler: &mut Scheduler<Event>,
    ) {
        self.groups[id].reconcile_pending = false;
        self.group_pass(id, scheduler);
    }

    /// The pause after a failed launch is over.
    pub(in super::super) fn retry_launches(&mut self, id: AsgId, scheduler: &mut Scheduler<Event>) {
        let operation = &mut self.groups[id].operation;
        if operation.retry_at.is_some_and(|at| at <= scheduler.now()) {
            operation.retry_at = None;
            self.group_pass(id, scheduler);
        }
    }

    /// Instances that the group should have now.
    fn target_size(&self, id: AsgId) -> u32 {
        let group = &self.groups[id];
        group.desired + group.operation.ahead.max(group.operation.rebalancing)
    }

    /// Compares what there is with what there should be, and acts.
    pub(super) fn group_pass(&mut self, id: AsgId, scheduler: &mut Scheduler<Event>) {
        self.replace_marked(id, scheduler);
        self.even_out_zones(id, scheduler);
        let (alive, target) = (self.groups[id].alive.len(), self.target_size(id));
        if alive < target {
            self.launch_missing(id, target - alive, scheduler);
        } else if target < alive && !self.groups[id].operation.is_suspended(Process::Terminate) {
            self.shrink(id, alive - target, scheduler);
        }
    }

    fn shrink(&mut self, id: AsgId, surplus: u32, scheduler: &mut Scheduler<Event>) {
        for _ in 0..surplus {
            // Managed termination protection holds for every instance that runs a task: ECS lifts it when
            // the last one stops.
            let group = &self.groups[id];
            let from = group.alive.len();
            let operation = &group.operation;
            let unhealthy = operation.marked.iter().find(|(_, cause)| super::is_unhealthy(**cause));
            let Some(victim) =
                unhealthy.map(|(id, _)| *id).or_else(|| self.victim(id, scheduler.now()))
            else {
                break;
            };
            let cause = TerminationCause::Shrinking { from, to: from - 1 };
            self.withdraw(victim, cause, scheduler);
        }
    }

    /// The instance that a scale-in terminates.
    pub(super) fn victim(&self, id: AsgId, now: crate::units::SimTime) -> Option<InstanceId> {
        let group = &self.groups[id];
        let policies = &group.settings.operation.termination_policies;
        group.alive.victim(policies, group.operation.source, now)
    }

    /// Launches `missing` instances, all in one pass. What AWS writes of it names the capacities.
    pub(in super::super) fn launch_missing(
        &mut self,
        id: AsgId,
        missing: u32,
        scheduler: &mut Scheduler<Event>,
    ) {
        let now = scheduler.now();
        let operation = &self.groups[id].operation;
        if operation.is_suspended(Process::Launch) || operation.retry_at.is_some_and(|at| now < at)
        {
            return;
        }
        let before = self.groups[id].alive.len();
        for _ in 0..missing {
            let ordinal = self.groups[id].launched;
            let Some(instance) = self.create_instance(id, now) else {
                self.launch_failed(id, scheduler);
                break;
            };
            let group = &self.groups[id];
            let launch =
                group.settings.launch_time.sample(group.draw(ordinal, InstanceDraw::Launch));
            let registration = group
                .settings
                .registration_time
                .sample(group.draw(ordinal, InstanceDraw::Registration));
            self.instances[instance].registration_delay = registration;
            scheduler.schedule_in(launch, Phase::Appear, Event::InstanceRunning(instance));
        }
        let launched = self.groups[id].alive.len() - before;
        if launched == 0 {
            return;
        }
        let printed = self.printed(now);
        let group = &mut self.groups[id];
        let operation = &mut group.operation;
        let replacing = operation.to_replace.min(launched);
        operation.to_replace -= replacing;
        let ahead = operation.ahead.max(operation.rebalancing);
        let wish = group.desired.min(before + launched);
        let cause = if 0 < replacing {
            format!(
                "At {printed} an instance was launched in response to an unhealthy instance needing to be \
                 replaced."
            )
        } else if before < wish || ahead == 0 {
            let cause = &group.cause;
            format!(
                "{cause}At {printed} an instance was started in response to a difference between desired \
                 and actual capacity, increasing the capacity from {before} to {wish}."
            )
        } else if 0 < operation.rebalancing {
            format!("At {printed} an instance was launched to aid in balancing the group's zones.")
        } else {
            format!(
                "At {printed} an instance was launched in response to an instance refresh or replacement."
            )
        };
        let what = match launched {
            1 => "Launching a new EC2 instance".to_owned(),
            _ => format!("Launching {launched} new EC2 instances"),
        };
        let name = &group.settings.name;
        let message = format!("{what}: {cause}");
        self.log(now, EventCategory::GroupActivity, name, None, message);
    }

    /// Position of the zone in which the group launches next.
    pub(in super::super) fn launch_zone(&self, id: AsgId) -> Option<usize> {
        let group = &self.groups[id];
        let operation = &group.settings.operation;
        let zones = group.alive.zones();
        launch_zone(&zones, operation.distribution, operation.zone_order, group.launched)
    }

    /// A launch failed or was abandoned: the group pauses, the longer the more failed in a row.
    pub(super) fn launch_failed(&mut self, id: AsgId, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        let group = &mut self.groups[id];
        let operation = &mut group.operation;
        if operation.retry_at.is_some_and(|at| now < at) {
            return;
        }
        operation.failures = operation.failures.saturating_add(1);
        let bits = operation.retry_key.at(operation.retries);
        operation.retries += 1;
        let pause = group.settings.operation.launch_back_off.pause(operation.failures, bits);
        operation.retry_at = Some(now + pause);
        scheduler.schedule_in(pause, Phase::Decide, Event::GroupRetry(id));
    }

    /// Launches what a group misses after some of its instances were taken out of service.
    pub(in super::super) fn replace_instances(
        &mut self,
        id: AsgId,
        scheduler: &mut Scheduler<Event>,
    ) {
        if self.groups[id].alive.len() < self.groups[id].desired {
            self.request_reconcile(id, scheduler);
        }
    }

    /// An instance lost its last task: a scale-in that protection held back may go on.
    pub(in super::super) fn instance_emptied(
        &mut self,
        id: AsgId,
        scheduler: &mut Scheduler<Event>,
    ) {
        if self.groups[id].alive.len() > self.target_size(id) {
            self.request_reconcile(id, scheduler);
        }
    }
}

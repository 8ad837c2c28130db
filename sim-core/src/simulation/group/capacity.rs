//! Desired against actual capacity: what a group launches, and what it gives up.

use super::super::disruptions::slowed;
use super::super::event::Event;
use super::super::fleet::InstanceDraw;
use super::super::ledger::bound_instances;
use super::super::world::World;
use crate::autoscaling::group::{TerminationCause, launch_zones};
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

    /// Units of capacity that the group should have now.
    pub(in super::super) fn target_size(&self, id: AsgId) -> u32 {
        let group = &self.groups[id];
        group.desired + group.operation.ahead.max(group.operation.rebalancing)
    }

    /// Compares what there is with what there should be, and acts.
    pub(in super::super) fn group_pass(&mut self, id: AsgId, scheduler: &mut Scheduler<Event>) {
        self.replace_marked(id, scheduler);
        self.even_out_zones(id, scheduler);
        let (units, target) = (self.groups[id].purchase.units(), self.target_size(id));
        if units < target {
            self.launch_missing(id, scheduler);
        } else if target < units && !self.groups[id].operation.is_suspended(Process::Terminate) {
            self.shrink(id, target, scheduler);
        }
        self.group_settles(id, true, scheduler.now());
    }

    fn shrink(&mut self, id: AsgId, target: u32, scheduler: &mut Scheduler<Event>) {
        loop {
            let group = &self.groups[id];
            let from = group.purchase.units();
            if from <= target {
                break;
            }
            let mut unhealthy = group.operation.marked.iter();
            let unhealthy = unhealthy.find(|(_, cause)| super::is_unhealthy(**cause));
            // Managed termination protection holds for every instance that runs a task: ECS lifts it when
            // the last one stops.
            let victim = unhealthy.map(|it| *it.0).or_else(|| self.victim(id, scheduler.now()));
            let Some(victim) = victim else { break };
            let to = from.saturating_sub(self.instances[victim].purchase.weight);
            self.withdraw(victim, TerminationCause::Shrinking { from, to }, scheduler);
        }
    }

    /// The instance that a scale-in terminates.
    pub(super) fn victim(&self, id: AsgId, now: crate::units::SimTime) -> Option<InstanceId> {
        let group = &self.groups[id];
        if group.purchase.mixed {
            return self.mixed_victim(id, now);
        }
        let policies = &group.settings.operation.termination_policies;
        group.alive.victim(policies, group.operation.source, now)
    }

    /// Launches what the group misses, all in one pass, as far as there is capacity.
    pub(in super::super) fn launch_missing(&mut self, id: AsgId, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        let operation = &self.groups[id].operation;
        if operation.is_suspended(Process::Launch) || operation.retry_at.is_some_and(|at| now < at)
        {
            return;
        }
        let before = self.groups[id].purchase.units();
        let slow = self.disruptions.launch_factor(Some(id));
        let mut launched = 0;
        while 0 < self.missing_units(id) {
            let ordinal = self.groups[id].launched;
            let Some(instance) = self.create_instance(id, scheduler) else {
                if self.launch_zones(id).is_empty() {
                    self.pause_launches(id, scheduler);
                }
                break;
            };
            launched += 1;
            let group = &self.groups[id];
            let settings = group.settings;
            let launch = settings.launch_time.sample(group.draw(ordinal, InstanceDraw::Launch));
            let launch = slowed(launch, slow);
            let bits = group.draw(ordinal, InstanceDraw::Registration);
            self.instances[instance].registration_delay = settings.registration_time.sample(bits);
            scheduler.schedule_in(launch, Phase::Appear, Event::InstanceRunning(instance));
        }
        if launched == 0 {
            return;
        }
        let printed = self.printed(now);
        let group = &mut self.groups[id];
        let operation = &mut group.operation;
        let replacing = operation.to_replace.min(launched);
        operation.to_replace -= replacing;
        let ahead = operation.ahead.max(operation.rebalancing);
        let wish = group.desired.min(group.purchase.units());
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

    /// Positions of the zones in which the group's next launch is tried, in this order.
    pub(in super::super) fn launch_zones(&self, id: AsgId) -> Vec<usize> {
        let group = &self.groups[id];
        let operation = &group.settings.operation;
        let zones = group.alive.zones();
        launch_zones(&zones, operation.distribution, operation.zone_order, group.launched)
    }

    /// A launch failed or was abandoned: the group pauses, the longer the more failed in a row.
    pub(super) fn pause_launches(&mut self, id: AsgId, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        let group = &mut self.groups[id];
        let operation = &mut group.operation;
        if operation.retry_at.is_some_and(|at| now < at) {
            return;
        }
        operation.failures = operation.failures.saturating_add(1);
        let bits = operation.retry_key.at(operation.retries);
        operation.retries += 1;
        let pause = self.scenario.purchasing.back_off.pause(operation.failures, bits);
        operation.retry_at = Some(now + pause);
        scheduler.schedule_in(pause, Phase::Decide, Event::GroupRetry(id));
    }

    /// Launches what a group misses after some of its instances were taken out of service.
    pub(in super::super) fn replace_instances(
        &mut self,
        id: AsgId,
        scheduler: &mut Scheduler<Event>,
    ) {
        if 0 < self.missing_units(id) {
            self.request_reconcile(id, scheduler);
        }
    }

    /// An instance lost its last task: a scale-in or a rebalancing that protection held back may go on.
    pub(in super::super) fn instance_emptied(
        &mut self,
        id: AsgId,
        scheduler: &mut Scheduler<Event>,
    ) {
        let group = &self.groups[id];
        if group.purchase.units() > self.target_size(id) || group.operation.rebalance_due {
            self.request_reconcile(id, scheduler);
        }
    }
}

//! Health checks: instances that are lost or impaired, and what the group does about them.
//!
//! Source: Auto Scaling user guide, *Health checks*. An instance that is not running is replaced
//! whatever its age; failed status checks and failed checks of a load balancer count only after the
//! grace period. AWS gives no interval of the checks: it is a setting.

use std::borrow::Cow;

use super::super::event::Event;
use super::super::fleet::instance_name;
use super::super::state::InstanceState;
use super::super::task::TaskState;
use super::super::world::World;
use super::Stage;
use crate::autoscaling::group::TerminationCause;
use crate::engine::{Phase, Scheduler};
use crate::results::StopCode;
use crate::scenario::Process;
use crate::units::{AsgId, InstanceId, SimTime, TaskId, ZoneId};

impl World<'_, '_> {
    /// An instance is gone from EC2, by no doing of its group: its tasks end at once, and the group
    /// learns of it at its next health check.
    pub(in super::super) fn lose_instance(
        &mut self,
        id: InstanceId,
        scheduler: &mut Scheduler<Event>,
    ) {
        if self.instances[id].state == InstanceState::Terminated {
            return;
        }
        let cause = TerminationCause::NotRunning;
        self.end_instance(id, cause, scheduler);
        let instance = &self.instances[id];
        let (group, zone) = (instance.group, instance.zone_position);
        if instance.membership.stage == Stage::Leaving {
            return;
        }
        let group = &mut self.groups[group];
        // It counts until the check, but nothing else can end it any more.
        group.operation.unmark(id);
        group.alive.shield(zone, id);
        group.alive.left_service(id);
        self.suspect(id, scheduler.now(), scheduler);
    }

    /// The status checks of an instance begin to fail, or to pass again.
    pub(in super::super) fn set_impaired(
        &mut self,
        id: InstanceId,
        impaired: bool,
        scheduler: &mut Scheduler<Event>,
    ) {
        let now = scheduler.now();
        let membership = &mut self.instances[id].membership;
        if impaired == membership.impaired.is_some() {
            return;
        }
        membership.impaired = impaired.then_some(now);
        if impaired {
            self.suspect(id, now, scheduler);
        }
    }

    /// A load balancer's checks of a task on an instance fail.
    pub(in super::super) fn target_failed_on(
        &mut self,
        id: InstanceId,
        scheduler: &mut Scheduler<Event>,
    ) {
        let group = &self.groups[self.instances[id].group];
        if group.settings.operation.health_checks.load_balancer {
            self.suspect(id, scheduler.now(), scheduler);
        }
    }

    /// A zone has no room any more, or has again. What runs there is another matter.
    pub(in super::super) fn set_zone_available(
        &mut self,
        zone: ZoneId,
        available: bool,
        scheduler: &mut Scheduler<Event>,
    ) {
        let groups: Vec<AsgId> = self.groups.ids().collect();
        for id in groups {
            let group = &mut self.groups[id];
            let Some(position) = group.settings.zones.iter().position(|it| *it == zone) else {
                continue;
            };
            group.alive.set_available(position, available);
            if available {
                self.zones_became_uneven(id, scheduler);
            }
        }
    }

    /// Has the next health check from `earliest` on judge an instance.
    fn suspect(&mut self, id: InstanceId, earliest: SimTime, scheduler: &mut Scheduler<Event>) {
        let group = self.instances[id].group;
        self.groups[group].operation.suspects.insert(id);
        self.check_from(group, earliest, scheduler);
    }

    /// Has the group check the health of its suspects at the first tick after `earliest`.
    fn check_from(&mut self, id: AsgId, earliest: SimTime, scheduler: &mut Scheduler<Event>) {
        let group = &mut self.groups[id];
        let period = group.settings.operation.health_checks.period;
        let mut at = earliest.round_up_to(period);
        if at <= scheduler.now() {
            at = at + period;
        }
        if group.operation.next_check.is_none_or(|known| at < known) {
            group.operation.next_check = Some(at);
            scheduler.schedule_at(at, Phase::Decide, Event::GroupHealthCheck(id));
        }
    }

    /// Checks the health of a group again after the processes for it were resumed.
    pub(super) fn resume_health_checks(&mut self, id: AsgId, scheduler: &mut Scheduler<Event>) {
        if !self.groups[id].operation.suspects.is_empty() {
            self.check_from(id, scheduler.now(), scheduler);
        }
    }

    /// The tick of a group's health checks.
    pub(in super::super) fn check_health(&mut self, id: AsgId, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        let operation = &mut self.groups[id].operation;
        if operation.next_check != Some(now) {
            return;
        }
        operation.next_check = None;
        if operation.is_suspended(Process::HealthCheck)
            || operation.is_suspended(Process::ReplaceUnhealthy)
        {
            return;
        }
        let checks = self.groups[id].settings.operation.health_checks;
        let mut next = None;
        let suspects: Vec<InstanceId> =
            self.groups[id].operation.suspects.iter().copied().collect();
        for suspect in suspects {
            let instance = &self.instances[suspect];
            let membership = &instance.membership;
            if instance.state == InstanceState::Terminated {
                self.leave_group(suspect, TerminationCause::NotRunning, scheduler);
                self.groups[id].operation.rebalance_due = true;
                continue;
            }
            let impaired = membership.impaired.map(|since| since + checks.impaired_after);
            let fails = |task: &TaskId| self.tasks[*task].state == TaskState::TargetUnhealthy;
            let failed = checks.load_balancer && instance.tasks.iter().any(fails);
            let failed = failed.then_some(now);
            let (Some(ill), Some(since)) =
                (impaired.into_iter().chain(failed).min(), membership.in_service)
            else {
                // It is well again, or its grace period has not begun.
                if impaired.is_none() && failed.is_none() {
                    self.groups[id].operation.suspects.remove(&suspect);
                } else {
                    next = Some(now);
                }
                continue;
            };
            let from = ill.max(since + checks.grace_period);
            if now < from {
                next = Some(next.map_or(from, |known: SimTime| known.min(from)));
                continue;
            }
            let cause = match failed {
                Some(_) => TerminationCause::LoadBalancer,
                None => TerminationCause::StatusCheck,
            };
            let zone = instance.zone_position;
            let group = &mut self.groups[id];
            group.operation.suspects.remove(&suspect);
            group.operation.mark(suspect, cause);
            // Neither policies nor protection apply to it.
            group.alive.shield(zone, suspect);
            group.operation.rebalance_due = true;
        }
        if let Some(earliest) = next {
            self.check_from(id, earliest, scheduler);
        }
        self.group_pass(id, scheduler);
    }

    /// Ends the tasks of an instance that is gone.
    pub(in super::super) fn kill_tasks_of(
        &mut self,
        id: InstanceId,
        scheduler: &mut Scheduler<Event>,
    ) {
        let tasks: Vec<_> = self.instances[id].tasks.iter().copied().collect();
        for task in tasks {
            let reason = format!("Host EC2 (instance {}) terminated.", instance_name(id));
            self.kill_task(task, StopCode::TerminationNotice, Cow::Owned(reason), scheduler);
        }
    }
}

//! Zones that go down and instances that stop by themselves.
//!
//! Source: Auto Scaling user guide, *Health checks for instances* and *Availability Zones*. An instance that
//! no longer runs is found by its group's next health check, whatever its grace period. One in a zone that is
//! down is `running` for EC2, but its status checks fail: it counts as unhealthy after `impairedAfter` and its
//! grace period, and not if the zone is back before. Launches go to the other zones while one is down.
//! Simplifications: an instance that stops or is cut off loses its tasks at once, and ECS knows; what a zone
//! outage does to the network between the other zones is not modelled.

use std::borrow::Cow;

use super::event::Event;
use super::fleet::instance_name;
use super::group::Stage;
use super::state::InstanceState;
use super::task::TaskState;
use super::world::World;
use crate::agent::Window;
use crate::engine::{DurationDistribution, Phase, Scheduler, fold};
use crate::placement::Eligibility;
use crate::results::StopCode;
use crate::scenario::{DisruptionKind, InstanceScope};
use crate::units::{Id, InstanceId, SimDuration, SimTime, TaskId, ZoneId};

/// The instant at which `length` of the time inside `windows` has passed, counted from `now`.
fn after_inside(windows: &[Window], now: SimTime, length: SimDuration) -> Option<SimTime> {
    let mut left = length;
    for window in windows {
        let from = window.from.max(now);
        let room = window.until.saturating_since(from);
        if left < room {
            return Some(from + left);
        }
        left = SimDuration::from_nanos(left.as_nanos() - room.as_nanos());
    }
    None
}

impl World<'_, '_> {
    pub(super) fn zone_goes_down(
        &mut self,
        zone: ZoneId,
        occurrence: Option<usize>,
        number: usize,
        scheduler: &mut Scheduler<Event>,
    ) {
        let now = scheduler.now();
        self.disruptions.down[zone.index()] += 1;
        self.set_zone_available(zone, false, scheduler);
        let name = &self.scenario.zones[zone];
        self.log_fault(number, now, format!("Availability Zone {name} is unavailable."));
        let scope = InstanceScope { group: None, zone: Some(zone) };
        let instances: Vec<InstanceId> = self.instances_in(scope).collect();
        for id in instances {
            if self.instances[id].membership.stage == Stage::InService {
                self.cut_off(id, occurrence, number, scheduler);
            } else {
                // A launch does not come to an end, and what was leaving is gone.
                self.instance_stops(id, occurrence, number, scheduler);
            }
        }
        let on_fargate = self.tasks.enumerate().filter(|(_, task)| {
            task.state != TaskState::Stopped && task.instance.is_none() && task.zone == Some(zone)
        });
        let tasks: Vec<TaskId> = on_fargate.map(|(id, _)| id).collect();
        self.recovery.lost(occurrence, 0, tasks.len() as u32);
        let reason = format!("Availability Zone {name} is unavailable.");
        for task in tasks {
            self.kill_task(
                task,
                StopCode::TerminationNotice,
                Cow::Owned(reason.clone()),
                scheduler,
            );
        }
    }

    pub(super) fn zone_comes_back(
        &mut self,
        zone: ZoneId,
        number: usize,
        scheduler: &mut Scheduler<Event>,
    ) {
        let now = scheduler.now();
        let outages = &mut self.disruptions.down[zone.index()];
        *outages = outages.saturating_sub(1);
        if *outages > 0 {
            return;
        }
        let name = &self.scenario.zones[zone];
        self.log_fault(number, now, format!("Availability Zone {name} is available again."));
        self.set_zone_available(zone, true, scheduler);
        self.connect_again(zone, scheduler);
        for group in self.groups.ids() {
            self.replace_instances(group, scheduler);
        }
        self.request_placement(scheduler);
        for service in self.services.ids() {
            if self.services[service].steady {
                self.watch_zones(service, scheduler);
            }
        }
    }

    /// An instance loses what it runs, and takes nothing more.
    fn loses_its_tasks(
        &mut self,
        id: InstanceId,
        occurrence: Option<usize>,
        number: usize,
        scheduler: &mut Scheduler<Event>,
    ) {
        let instance = &self.instances[id];
        let tasks: Vec<TaskId> = instance.tasks.iter().copied().collect();
        if instance.state == InstanceState::Registered && instance.draining.is_none() {
            self.fleet.set_eligible(id, Eligibility::AgentDisconnected);
        }
        self.recovery.lost(occurrence, 1, tasks.len() as u32);
        let name = instance_name(id);
        self.log_fault(number, scheduler.now(), format!("EC2 instance {name} stopped."));
        for task in tasks {
            let reason = format!("Host EC2 (instance {name}) stopped.");
            self.kill_task(task, StopCode::TerminationNotice, Cow::Owned(reason), scheduler);
        }
    }

    /// An instance is in a zone that went down: its status checks fail, and it runs nothing.
    fn cut_off(
        &mut self,
        id: InstanceId,
        occurrence: Option<usize>,
        number: usize,
        scheduler: &mut Scheduler<Event>,
    ) {
        self.disruptions.cut_off.insert(id);
        self.loses_its_tasks(id, occurrence, number, scheduler);
        self.set_impaired(id, true, scheduler);
    }

    /// Instances of a zone that is back, and that their groups have not replaced, start anew.
    fn connect_again(&mut self, zone: ZoneId, scheduler: &mut Scheduler<Event>) {
        let here = |id: &InstanceId| self.instances[*id].zone == zone;
        let back: Vec<InstanceId> = self.disruptions.cut_off.iter().copied().filter(here).collect();
        let mut any = false;
        for id in back {
            self.disruptions.cut_off.remove(&id);
            let instance = &self.instances[id];
            match instance.state {
                InstanceState::Terminated | InstanceState::Warmed => continue,
                InstanceState::Registered => self.reconnect(id),
                InstanceState::Launching | InstanceState::Booting => {
                    let delay = instance.registration_delay;
                    scheduler.schedule_in(delay, Phase::Appear, Event::InstanceRegistered(id));
                }
            }
            self.set_impaired(id, false, scheduler);
            any = true;
        }
        if any {
            for service in self.services.ids() {
                self.request_pass_after_reaction(service, scheduler);
            }
        }
    }

    /// An instance stops by itself, with all it runs; its group notices at its next health check.
    pub(super) fn instance_stops(
        &mut self,
        id: InstanceId,
        occurrence: Option<usize>,
        number: usize,
        scheduler: &mut Scheduler<Event>,
    ) {
        if self.instances[id].state == InstanceState::Terminated {
            return;
        }
        self.loses_its_tasks(id, occurrence, number, scheduler);
        self.lose_instance(id, scheduler);
    }

    /// An instance begins to run: draws when it will fail by itself.
    pub(super) fn watch_for_failure(&mut self, id: InstanceId, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        let (group, zone) = (self.instances[id].group, self.instances[id].zone);
        for (number, state) in self.disruptions.all.iter_mut().enumerate() {
            let DisruptionKind::InstanceFailureRate { scope, mean } = state.settings.kind else {
                continue;
            };
            let started = &mut state.started[group.index()];
            let bits = state.key.at(fold(u64::from(group.0), *started));
            *started += 1;
            let hit =
                scope.group.is_none_or(|it| it == group) && scope.zone.is_none_or(|it| it == zone);
            let length = DurationDistribution::Exponential { mean }.sample(bits);
            if let Some(at) = after_inside(&state.windows, now, length).filter(|_| hit) {
                let event = Event::InstanceFails { instance: id, disruption: number as u32 };
                scheduler.schedule_at(at, Phase::Release, event);
            }
        }
    }

    /// The time of an instance has come, unless it is gone or cut off already.
    pub(super) fn instance_fails(
        &mut self,
        id: InstanceId,
        disruption: u32,
        scheduler: &mut Scheduler<Event>,
    ) {
        let number = disruption as usize;
        let gone = self.instances[id].state == InstanceState::Terminated;
        if gone || self.disruptions.is_cut_off(id) {
            return;
        }
        if self.instances[id].running.is_none() {
            // What does not run cannot fail; its next run is watched anew.
            if let Some(warm) = &mut self.instances[id].warm {
                warm.watched = false;
            }
            return;
        }
        let now = scheduler.now();
        let instant = Window { from: now, until: now + SimDuration::from_nanos(1) };
        let occurrence = self.recovery.begins(number, instant);
        self.instance_stops(id, occurrence, number, scheduler);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(from: u64, until: u64) -> Window {
        Window { from: SimTime::from_secs(from), until: SimTime::from_secs(until) }
    }

    #[test]
    fn time_counts_inside_the_windows_only() {
        let windows = [window(10, 20), window(50, 60)];
        let after = |now: u64, length: u64| {
            let at =
                after_inside(&windows, SimTime::from_secs(now), SimDuration::from_secs(length));
            at.map(|at| at.as_nanos() / 1_000_000_000)
        };
        for (now, length, expected) in [
            (0, 0, Some(10)),
            (0, 9, Some(19)),
            (0, 10, Some(50)),
            (15, 5, Some(50)),
            (15, 14, Some(59)),
            (15, 15, None),
            (60, 0, None),
        ] {
            assert_eq!(after(now, length), expected, "{now} {length}");
        }
    }
}

//! Faults of zones, instances and the control plane: when they begin and end, and whom they hit.
//!
//! Source: Auto Scaling user guide, *Health checks for instances* (an instance that does not run is found
//! at once by the next check, an impaired one after a few minutes; it is replaced whatever the cool-down
//! and scale-in protection) and *Availability Zones* (launches go to the other zones while one is down).
//! Simplifications: an instance that stops takes its tasks with it at once, and ECS knows; what a zone
//! outage does to the network between the other zones is not modelled.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::event::Event;
use super::faults::times;
use super::fleet::instance_name;
use super::quota::WHOLE;
use super::state::{InstanceState, stream_key};
use super::task::TaskState;
use super::world::World;
use crate::agent::Window;
use crate::autoscaling::group::TerminationCause;
use crate::engine::{DurationDistribution, Phase, Scheduler, StreamKey, fold};
use crate::placement::Eligibility;
use crate::results::EventCategory;
use crate::scenario::{Disruption, DisruptionKind, InstanceScope, Scenario, SlowLaunches};
use crate::units::{AsgId, Id, InstanceId, ServiceId, SimDuration, SimTime, TaskId, ZoneId};

/// A disruption of the scenario at work.
pub(super) struct DisruptionState<'s> {
    pub(super) settings: &'s Disruption,
    pub(super) windows: Vec<Window>,
    /// Windows that have begun.
    begun: usize,
    active: bool,
    key: StreamKey,
    /// Instances whose agents do not answer because of it.
    disconnected: Vec<InstanceId>,
    /// Instances of each group that have begun to run.
    started: Vec<u64>,
}

/// All disruptions and what they do at present.
pub(super) struct Disruptions<'s> {
    pub(super) all: Vec<DisruptionState<'s>>,
    /// Outages of each zone.
    down: Vec<u32>,
    /// What is left of quotas, in thousandths.
    permille: u16,
    /// Instances that have stopped and are not replaced yet.
    failed: BTreeSet<InstanceId>,
}

impl<'s> Disruptions<'s> {
    pub(super) fn new(scenario: &'s Scenario) -> Self {
        let state = |settings: &'s Disruption| DisruptionState {
            settings,
            windows: times(scenario, &settings.name, &settings.windows, settings.random.as_ref()),
            begun: 0,
            active: false,
            key: stream_key(scenario, "disruption", &settings.name),
            disconnected: Vec::new(),
            started: vec![0; scenario.auto_scaling_groups.len()],
        };
        Self {
            all: scenario.disruptions.iter().map(state).collect(),
            down: vec![0; scenario.zones.len()],
            permille: WHOLE,
            failed: BTreeSet::new(),
        }
    }

    /// Whether anything can be launched in a zone.
    pub(super) fn is_up(&self, zone: ZoneId) -> bool {
        self.down.get(zone.index()).is_none_or(|outages| *outages == 0)
    }

    /// Whether Fargate has a zone to launch in.
    pub(super) fn any_zone_up(&self) -> bool {
        self.down.is_empty() || self.down.contains(&0)
    }

    /// Whether the control plane refuses every launch.
    pub(super) fn refuses_launches(&self) -> bool {
        self.permille == 0
    }

    /// Whether an instance has stopped by itself.
    pub(super) fn has_failed(&self, instance: InstanceId) -> bool {
        self.failed.contains(&instance)
    }

    fn active(&self) -> impl Iterator<Item = &'s DisruptionKind> {
        self.all.iter().filter(|it| it.active).map(|it| &it.settings.kind)
    }

    /// How many times longer a launch takes that begins now: of an instance of `group`, or of a task on
    /// Fargate.
    pub(super) fn launch_factor(&self, group: Option<AsgId>) -> f64 {
        let slow = self.active().filter_map(|kind| match kind {
            DisruptionKind::SlowLaunches { factor, of } => {
                let hit = match of {
                    SlowLaunches::Everything => true,
                    SlowLaunches::Instances => group.is_some(),
                    SlowLaunches::Group(slow) => group == Some(*slow),
                    SlowLaunches::Fargate => group.is_none(),
                };
                hit.then_some(*factor)
            }
            _ => None,
        });
        slow.product()
    }

    /// Whether CloudWatch gets no data now: of a service, or of capacity providers.
    pub(super) fn metrics_missing(&self, of: Option<ServiceId>) -> bool {
        self.active().any(|kind| match kind {
            DisruptionKind::MissingMetrics { service } => service.is_none() || *service == of,
            _ => false,
        })
    }
}

/// `length` times `factor`.
pub(super) fn slowed(length: SimDuration, factor: f64) -> SimDuration {
    // Exact where nothing is slow.
    if (factor - 1.0).abs() < f64::EPSILON {
        return length;
    }
    SimDuration::from_nanos((length.as_nanos() as f64 * factor + 0.5) as u64)
}

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
    /// Schedules the first time of each disruption.
    pub(super) fn schedule_disruptions(&mut self, scheduler: &mut Scheduler<Event>) {
        for index in 0..self.disruptions.all.len() {
            self.schedule_next_disruption(index, scheduler);
        }
    }

    fn schedule_next_disruption(&self, index: usize, scheduler: &mut Scheduler<Event>) {
        let state = &self.disruptions.all[index];
        if let DisruptionKind::InstanceFailureRate { .. } = state.settings.kind {
            // Each instance has its own time.
            return;
        }
        if let Some(window) = state.windows.get(state.begun) {
            let event = Event::DisruptionBegins(index as u32);
            scheduler.schedule_at(window.from, Phase::Release, event);
        }
    }

    fn log_fault(&mut self, index: usize, now: SimTime, message: String) {
        let name = &self.disruptions.all[index].settings.name;
        self.log(now, EventCategory::Fault, name, None, message);
    }

    pub(super) fn disruption_begins(&mut self, index: u32, scheduler: &mut Scheduler<Event>) {
        let number = index as usize;
        let now = scheduler.now();
        let Some(state) = self.disruptions.all.get_mut(number) else { return };
        let Some(window) = state.windows.get(state.begun).copied() else { return };
        let time = state.begun as u64;
        state.begun += 1;
        let kind = &state.settings.kind;
        let lasts = !matches!(kind, DisruptionKind::InstanceFailure { .. });
        state.active = lasts;
        let occurrence = self.recovery.begins(number, window);
        match kind {
            DisruptionKind::ZoneOutage { zone, detected_after } => {
                self.zone_goes_down(*zone, *detected_after, occurrence, number, scheduler);
            }
            DisruptionKind::InstanceFailure { scope, count, detected_after } => {
                let key = self.disruptions.all[number].key;
                let mut chosen: Vec<(u64, InstanceId)> = self
                    .instances_in(*scope)
                    .map(|id| (key.at(fold(time, u64::from(id.0))), id))
                    .collect();
                chosen.sort_unstable();
                chosen.truncate(*count as usize);
                for (_, id) in chosen {
                    self.stop_instance(id, *detected_after, occurrence, number, scheduler);
                }
            }
            DisruptionKind::AgentDisconnected { scope, share } => {
                self.disconnect(number, *scope, *share, time, now);
            }
            DisruptionKind::ControlPlaneThrottling { remaining_permille } => {
                let message = if *remaining_permille == 0 {
                    "The control plane refuses to launch tasks.".to_owned()
                } else {
                    let percent = f64::from(*remaining_permille) / 10.0;
                    format!("Launch quotas are cut to {percent} %.")
                };
                self.log_fault(number, now, message);
                self.throttle_quotas(now);
            }
            DisruptionKind::SlowLaunches { factor, .. } => {
                self.log_fault(number, now, format!("Launches take {factor} times as long."));
            }
            DisruptionKind::MissingMetrics { .. } => {
                self.log_fault(number, now, "CloudWatch receives no data.".to_owned());
            }
            DisruptionKind::InstanceFailureRate { .. } => {}
        }
        if lasts && window.until < SimTime::MAX {
            let event = Event::DisruptionEnds(index);
            scheduler.schedule_at(window.until, Phase::Release, event);
        }
        self.schedule_next_disruption(number, scheduler);
    }

    pub(super) fn disruption_ends(&mut self, index: u32, scheduler: &mut Scheduler<Event>) {
        let number = index as usize;
        let now = scheduler.now();
        let Some(state) = self.disruptions.all.get_mut(number) else { return };
        state.active = false;
        match &state.settings.kind {
            DisruptionKind::ZoneOutage { zone, .. } => {
                self.zone_comes_back(*zone, number, scheduler);
                return;
            }
            DisruptionKind::AgentDisconnected { .. } => {
                for id in std::mem::take(&mut state.disconnected) {
                    self.reconnect(id);
                }
                self.request_placement(scheduler);
                for service in self.services.ids() {
                    self.request_pass_after_reaction(service, scheduler);
                }
            }
            DisruptionKind::ControlPlaneThrottling { .. } => self.throttle_quotas(now),
            DisruptionKind::SlowLaunches { .. }
            | DisruptionKind::MissingMetrics { .. }
            | DisruptionKind::InstanceFailure { .. }
            | DisruptionKind::InstanceFailureRate { .. } => {}
        }
        self.log_fault(number, now, "It is over.".to_owned());
    }

    /// Instances that run or launch and have not failed.
    fn instances_in(&self, scope: InstanceScope) -> impl Iterator<Item = InstanceId> {
        self.instances
            .enumerate()
            .filter(move |(id, it)| {
                it.state != InstanceState::Terminated
                    && !it.is_stopped()
                    && scope.group.is_none_or(|group| group == it.group)
                    && scope.zone.is_none_or(|zone| zone == it.zone)
                    && !self.disruptions.has_failed(*id)
            })
            .map(|(id, _)| id)
    }

    fn zone_goes_down(
        &mut self,
        zone: ZoneId,
        detected_after: SimDuration,
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
            self.stop_instance(id, detected_after, occurrence, number, scheduler);
        }
        let on_fargate = self.tasks.enumerate().filter(|(_, task)| {
            task.state != TaskState::Stopped && task.instance.is_none() && task.zone == Some(zone)
        });
        let tasks: Vec<TaskId> = on_fargate.map(|(id, _)| id).collect();
        self.recovery.lost(occurrence, 0, tasks.len() as u32);
        let reason = format!("Availability Zone {name} is unavailable.");
        for task in tasks {
            self.kill_task(task, "TerminationNotice", Cow::Owned(reason.clone()), scheduler);
        }
    }

    fn zone_comes_back(&mut self, zone: ZoneId, number: usize, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        let outages = &mut self.disruptions.down[zone.index()];
        *outages = outages.saturating_sub(1);
        if *outages > 0 {
            return;
        }
        let name = &self.scenario.zones[zone];
        self.log_fault(number, now, format!("Availability Zone {name} is available again."));
        self.set_zone_available(zone, true, scheduler);
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

    /// An instance stops by itself, with all it runs; its group notices later.
    fn stop_instance(
        &mut self,
        id: InstanceId,
        detected_after: SimDuration,
        occurrence: Option<usize>,
        number: usize,
        scheduler: &mut Scheduler<Event>,
    ) {
        let now = scheduler.now();
        let instance = &self.instances[id];
        if instance.state == InstanceState::Terminated || !self.disruptions.failed.insert(id) {
            return;
        }
        let tasks: Vec<TaskId> = instance.tasks.iter().copied().collect();
        if instance.draining.is_none() {
            self.fleet.set_eligible(id, Eligibility::AgentDisconnected);
        }
        self.recovery.lost(occurrence, 1, tasks.len() as u32);
        let name = instance_name(id);
        self.log_fault(number, now, format!("EC2 instance {name} stopped."));
        for task in tasks {
            let reason = format!("Host EC2 (instance {name}) stopped.");
            self.kill_task(task, "TerminationNotice", Cow::Owned(reason), scheduler);
        }
        let event = Event::InstanceFailureDetected(id);
        scheduler.schedule_in(detected_after, Phase::Release, event);
    }

    /// A group's health check finds an instance that stopped: it is replaced.
    pub(super) fn instance_failure_detected(
        &mut self,
        id: InstanceId,
        scheduler: &mut Scheduler<Event>,
    ) {
        self.disruptions.failed.remove(&id);
        let instance = &self.instances[id];
        if instance.state == InstanceState::Terminated {
            return;
        }
        let group = instance.group;
        self.terminate(id, TerminationCause::NotRunning, scheduler);
        self.replace_instances(group, scheduler);
    }

    /// An instance begins to run: draws when it will fail by itself.
    pub(super) fn watch_for_failure(&mut self, id: InstanceId, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        let (group, zone) = (self.instances[id].group, self.instances[id].zone);
        for (number, state) in self.disruptions.all.iter_mut().enumerate() {
            let DisruptionKind::InstanceFailureRate { scope, mean, .. } = state.settings.kind
            else {
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

    /// The time of an instance has come.
    pub(super) fn instance_fails(
        &mut self,
        id: InstanceId,
        disruption: u32,
        scheduler: &mut Scheduler<Event>,
    ) {
        let number = disruption as usize;
        let Some(state) = self.disruptions.all.get(number) else { return };
        let DisruptionKind::InstanceFailureRate { detected_after, .. } = state.settings.kind else {
            return;
        };
        let failed = self.disruptions.has_failed(id);
        if failed || self.instances[id].state == InstanceState::Terminated {
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
        self.stop_instance(id, detected_after, occurrence, number, scheduler);
    }

    /// The agents of some instances cease to answer.
    fn disconnect(
        &mut self,
        number: usize,
        scope: InstanceScope,
        share: f64,
        time: u64,
        now: SimTime,
    ) {
        let key = self.disruptions.all[number].key;
        let drawn = |id: &InstanceId| {
            let bits = key.at(fold(time, u64::from(id.0)));
            // 53 bits are what fits a float exactly.
            ((bits >> 11) as f64 / (1_u64 << 53) as f64) < share
        };
        let chosen: Vec<InstanceId> = self
            .instances_in(scope)
            .filter(|id| self.instances[*id].state == InstanceState::Registered)
            .filter(|id| 1.0 <= share || drawn(id))
            .collect();
        for id in &chosen {
            if self.instances[*id].draining.is_none() {
                self.fleet.set_eligible(*id, Eligibility::AgentDisconnected);
            }
        }
        let message = format!("The agents of {} container instances do not answer.", chosen.len());
        self.log_fault(number, now, message);
        self.disruptions.all[number].disconnected = chosen;
    }

    /// The agent of an instance answers again, unless another fault has it.
    fn reconnect(&mut self, id: InstanceId) {
        let instance = &self.instances[id];
        let elsewhere = self.disruptions.all.iter().any(|it| it.disconnected.contains(&id));
        if instance.state == InstanceState::Registered
            && instance.draining.is_none()
            && !elsewhere
            && !self.disruptions.has_failed(id)
        {
            self.fleet.set_eligible(id, Eligibility::Active);
        }
    }

    /// Cuts the quotas to the least that active faults leave.
    fn throttle_quotas(&mut self, now: SimTime) {
        let left = self.disruptions.active().filter_map(|kind| match kind {
            DisruptionKind::ControlPlaneThrottling { remaining_permille } => {
                Some(*remaining_permille)
            }
            _ => None,
        });
        let permille = left.min().unwrap_or(WHOLE);
        self.disruptions.permille = permille;
        let account =
            [&mut self.fargate_bucket, &mut self.fargate_spot_bucket, &mut self.call_bucket];
        for bucket in account {
            bucket.throttle(now, permille);
        }
        for id in self.services.ids() {
            if let Some(bucket) = &mut self.services[id].bucket {
                bucket.throttle(now, permille);
            }
        }
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

    #[test]
    fn a_length_is_exact_where_nothing_is_slow() {
        let length = SimDuration::from_nanos((1 << 60) + 1);
        assert_eq!(slowed(length, 1.0), length);
        assert_eq!(slowed(SimDuration::from_secs(10), 2.5), SimDuration::from_secs(25));
    }
}

//! Faults of zones, instances, metrics and the control plane: when they begin and end, and whom they hit.
//! What happens to zones and instances is in `outages`.

use std::collections::BTreeSet;

use super::event::Event;
use super::faults::times;
use super::quota::WHOLE;
use super::state::{InstanceState, stream_key};
use super::world::World;
use crate::agent::Window;
use crate::engine::{Phase, Scheduler, StreamKey, fold};
use crate::placement::Eligibility;
use crate::results::EventCategory;
use crate::scenario::{
    Disruption, DisruptionKind, InstanceScope, MetricScope, Scenario, SlowLaunches,
};
use crate::units::{AsgId, Id, InstanceId, SimDuration, SimTime, ZoneId};

/// A disruption of the scenario at work.
pub(super) struct DisruptionState<'s> {
    pub(super) settings: &'s Disruption,
    pub(super) windows: Vec<Window>,
    /// Windows that have begun.
    begun: usize,
    active: bool,
    pub(super) key: StreamKey,
    /// Instances whose agents do not answer because of it.
    disconnected: Vec<InstanceId>,
    /// Instances of each group that have begun to run.
    pub(super) started: Vec<u64>,
}

/// All disruptions and what they do at present.
pub(super) struct Disruptions<'s> {
    pub(super) all: Vec<DisruptionState<'s>>,
    /// Outages of each zone.
    pub(super) down: Vec<u32>,
    /// What is left of quotas, in thousandths.
    permille: u16,
    /// Instances in zones that are down, until their group replaces them.
    pub(super) cut_off: BTreeSet<InstanceId>,
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
            cut_off: BTreeSet::new(),
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

    /// Whether an instance is in a zone that went down under it.
    pub(super) fn is_cut_off(&self, instance: InstanceId) -> bool {
        self.cut_off.contains(&instance)
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

    /// How much later than usual CloudWatch publishes a point of what is in `scope`, of a period that ends
    /// now; `None` if it gets no data.
    pub(super) fn publication(&self, scope: impl Fn(&MetricScope) -> bool) -> Option<SimDuration> {
        let mut latest = SimDuration::ZERO;
        for kind in self.active() {
            match kind {
                DisruptionKind::MissingMetrics(of) if scope(of) => return None,
                DisruptionKind::LateMetrics { scope: of, delay } if scope(of) => {
                    latest = latest.max(*delay);
                }
                _ => {}
            }
        }
        Some(latest)
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

    pub(super) fn log_fault(&mut self, index: usize, now: SimTime, message: String) {
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
            DisruptionKind::ZoneOutage { zone } => {
                self.zone_goes_down(*zone, occurrence, number, scheduler);
            }
            DisruptionKind::InstanceFailure { scope, count } => {
                let key = self.disruptions.all[number].key;
                let mut chosen: Vec<(u64, InstanceId)> = self
                    .instances_in(*scope)
                    .map(|id| (key.at(fold(time, u64::from(id.0))), id))
                    .collect();
                chosen.sort_unstable();
                chosen.truncate(*count as usize);
                for (_, id) in chosen {
                    self.instance_stops(id, occurrence, number, scheduler);
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
            DisruptionKind::MissingMetrics(_) => {
                self.log_fault(number, now, "CloudWatch receives no data.".to_owned());
            }
            DisruptionKind::LateMetrics { delay, .. } => {
                let seconds = delay.as_secs_f64();
                let message = format!("CloudWatch receives its data {seconds} s later than usual.");
                self.log_fault(number, now, message);
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
            DisruptionKind::ZoneOutage { zone } => {
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
            | DisruptionKind::MissingMetrics(_)
            | DisruptionKind::LateMetrics { .. }
            | DisruptionKind::InstanceFailure { .. }
            | DisruptionKind::InstanceFailureRate { .. } => {}
        }
        self.log_fault(number, now, "It is over.".to_owned());
    }

    /// Instances that run or launch and are not cut off.
    pub(super) fn instances_in(&self, scope: InstanceScope) -> impl Iterator<Item = InstanceId> {
        self.instances
            .enumerate()
            .filter(move |(id, it)| {
                it.state != InstanceState::Terminated
                    && scope.group.is_none_or(|group| group == it.group)
                    && scope.zone.is_none_or(|zone| zone == it.zone)
                    && !self.disruptions.is_cut_off(*id)
            })
            .map(|(id, _)| id)
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
    pub(super) fn reconnect(&mut self, id: InstanceId) {
        let instance = &self.instances[id];
        let elsewhere = self.disruptions.all.iter().any(|it| it.disconnected.contains(&id));
        if instance.state == InstanceState::Registered
            && instance.draining.is_none()
            && !elsewhere
            && !self.disruptions.is_cut_off(id)
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

    #[test]
    fn a_length_is_exact_where_nothing_is_slow() {
        let length = SimDuration::from_nanos((1 << 60) + 1);
        assert_eq!(slowed(length, 1.0), length);
        assert_eq!(slowed(SimDuration::from_secs(10), 2.5), SimDuration::from_secs(25));
    }
}

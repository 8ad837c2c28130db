//! Zone rebalancing of services: when it looks, and the moves it makes.
//!
//! A move starts a replacement where the placement strategy puts it, and only if that evens out the
//! zones: on EC2 it cannot make an instance appear. The surplus task in the fullest zone stops once the
//! replacement is healthy.

use super::event::Event;
use super::world::World;
use crate::engine::{Phase, Scheduler};
use crate::results::EventCategory;
use crate::scenario::LaunchTarget;
use crate::service::bounds::Bounds;
use crate::service::rebalancing::{is_unbalanced, moves_needed, next_move};
use crate::units::{ServiceId, ZoneId};

impl World<'_, '_> {
    /// Zones that a service can use, in order.
    fn service_zones(&self, id: ServiceId) -> Vec<ZoneId> {
        let mut zones: Vec<ZoneId> = Vec::new();
        match self.launch_of(id, self.services[id].rollout.primary()) {
            LaunchTarget::Fargate => return self.scenario.zones.ids().collect(),
            LaunchTarget::Ec2 => {
                for group in &self.scenario.auto_scaling_groups {
                    zones.extend(&group.zones);
                }
            }
            LaunchTarget::Strategy(items) => {
                for item in items {
                    let capacity = super::task::Capacity::Provider(item.capacity_provider);
                    match self.pool(capacity) {
                        Some(group) => {
                            zones.extend(&self.scenario.auto_scaling_groups[group].zones);
                        }
                        None => return self.scenario.zones.ids().collect(),
                    }
                }
            }
        }
        zones.sort_unstable();
        zones.dedup();
        zones
    }

    fn zone_counts(&self, id: ServiceId) -> (Vec<ZoneId>, Vec<u32>) {
        let mut zones = self.service_zones(id);
        zones.retain(|zone| self.disruptions.is_up(*zone));
        let group = self.services[id].group;
        let counts = zones.iter().map(|zone| self.fleet.tasks_in_zone(group, *zone)).collect();
        (zones, counts)
    }

    fn describe_zones(&self, zones: &[ZoneId], counts: &[u32]) -> String {
        let named = zones.iter().zip(counts);
        let parts: Vec<String> = named
            .map(|(zone, count)| format!("{count} tasks in {}", self.scenario.zones[*zone]))
            .collect();
        parts.join(", ")
    }

    /// In steady state: asks for a look at the zones after a while if they are uneven.
    pub(super) fn watch_zones(&mut self, id: ServiceId, scheduler: &mut Scheduler<Event>) {
        let state = &self.services[id];
        let rollout = &state.rollout;
        if !state.settings.scheduling.zone_rebalancing || rollout.zone_check.is_some() {
            return;
        }
        if !state.steady || !rollout.moving.is_empty() {
            return;
        }
        let (zones, counts) = self.zone_counts(id);
        if is_unbalanced(&counts) {
            let interval = self.scenario.control_plane.service_scheduler.rebalancing_interval;
            let at = scheduler.now() + interval;
            self.services[id].rollout.zone_check = Some(at);
            scheduler.schedule_at(at, Phase::Schedule, Event::ZoneCheck(id));
        } else if std::mem::take(&mut self.services[id].rollout.rebalancing_announced) {
            let name = &self.services[id].settings.name;
            let message = format!(
                "(service {name}) is AZ balanced with {}.",
                self.describe_zones(&zones, &counts)
            );
            self.log(scheduler.now(), EventCategory::ServiceEvent, name, None, message);
        }
    }

    /// The look at the zones that was asked for.
    pub(super) fn zone_check(&mut self, id: ServiceId, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        let rollout = &mut self.services[id].rollout;
        if rollout.zone_check != Some(now) {
            return;
        }
        rollout.zone_check = None;
        if self.services[id].steady {
            self.start_moves(id, scheduler);
            // Still uneven, and nothing under way: there was no room. Look again later.
            self.watch_zones(id, scheduler);
        }
    }

    fn start_moves(&mut self, id: ServiceId, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        let (zones, counts) = self.zone_counts(id);
        let Some((from, _)) = next_move(&counts) else { return };
        let state = &self.services[id];
        let configuration = &state.settings.scheduling.deployment;
        let bounds = Bounds::of(
            state.desired,
            configuration.minimum_healthy_percent,
            configuration.maximum_percent,
        );
        let batch = self.scenario.control_plane.service_scheduler.rebalancing_batch;
        let room = bounds.can_start(state.active.len() as u32);
        let number = moves_needed(&counts).min(batch).min(room);
        let primary = state.rollout.primary();
        let mut started = 0;
        for _ in 0..number {
            // The new task must land where fewer are than the fullest zone keeps.
            let below = counts[from].saturating_sub(1);
            let Some(task) = self.launch_move(id, primary, below, scheduler) else { break };
            self.services[id].rollout.moving.insert(task);
            started += 1;
        }
        if started == 0 {
            return;
        }
        let state = &mut self.services[id];
        state.steady = false;
        let name = &state.settings.name;
        if !std::mem::replace(&mut state.rollout.rebalancing_announced, true) {
            let message = format!(
                "(service {name}) is not AZ balanced with {}. AZ Rebalancing in progress.",
                self.describe_zones(&zones, &counts)
            );
            self.log(now, EventCategory::ServiceEvent, name, None, message);
        }
        let message = format!("(service {name}) has started {started} tasks.");
        self.log(now, EventCategory::ServiceEvent, name, None, message);
    }
}

//! Instances that the cluster's quota keeps from registering, and their agents' further attempts.
//!
//! Source: ecs-init, which starts the agent anew whenever it exits because it could not register: after
//! half a second at first, twice as long each time up to 15 s, for ever. Attempts that cannot succeed,
//! because no instance has left since the last one, are not played.

use std::collections::BTreeMap;

use super::event::Event;
use super::state::InstanceState;
use super::world::World;
use crate::engine::{Phase, Scheduler};
use crate::scenario::RegistrationRetry;
use crate::units::{InstanceId, SimDuration, SimTime};

/// Instances that were refused.
#[derive(Debug, Default)]
pub(super) struct Registration {
    /// Those that still try, with the instant of their first attempt.
    waiting: BTreeMap<InstanceId, SimTime>,
    /// When the next attempt that can succeed is due; other events of that kind are stale.
    next: Option<SimTime>,
    /// How many were refused at their first attempt.
    pub(super) refused: u32,
}

impl Registration {
    /// How many still try.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }
}

impl RegistrationRetry {
    /// The first further attempt at `from` or later of an agent whose first one was at `first`.
    fn attempt(self, first: SimTime, from: SimTime) -> SimTime {
        let longest = self.longest_interval;
        let mut interval = self.first_interval.min(longest).max(SimDuration::from_nanos(1));
        let mut at = first + interval;
        while at < from && interval < longest {
            interval = (interval + interval).min(longest);
            at = at + interval;
        }
        // The distance no longer grows.
        let missing = from.saturating_since(at).as_nanos();
        let steps = missing.div_ceil(longest.as_nanos().max(1));
        at + SimDuration::from_nanos(steps.saturating_mul(longest.as_nanos()))
    }
}

impl World<'_, '_> {
    /// Whether the cluster takes another instance.
    fn has_room_for_instance(&self) -> bool {
        let registered: u64 = self.groups.iter().map(|group| group.registered.value()).sum();
        registered < u64::from(self.scenario.control_plane.instances_per_cluster)
    }

    /// The first attempt of an instance to register; whether it succeeds.
    pub(super) fn try_to_register(&mut self, id: InstanceId, now: SimTime) -> bool {
        let takes = self.has_room_for_instance();
        if takes {
            self.register(id, now);
        } else {
            self.registration.refused += 1;
            self.registration.waiting.insert(id, now);
        }
        takes
    }

    /// A registered instance left, or one that waits to register ended.
    pub(super) fn left_cluster(&mut self, id: InstanceId, scheduler: &mut Scheduler<Event>) {
        self.registration.waiting.remove(&id);
        self.plan_registration(scheduler.now(), scheduler);
    }

    /// Sees to it that the next attempt at `from` or later is played if it can succeed.
    fn plan_registration(&mut self, from: SimTime, scheduler: &mut Scheduler<Event>) {
        if self.registration.waiting.is_empty() || !self.has_room_for_instance() {
            return;
        }
        let retry = self.scenario.control_plane.registration_retry;
        let attempts = self.registration.waiting.values().map(|first| retry.attempt(*first, from));
        let next = attempts.min().filter(|next| self.registration.next.is_none_or(|it| *next < it));
        if let Some(next) = next {
            self.registration.next = Some(next);
            scheduler.schedule_at(next, Phase::Appear, Event::RegistrationRetry);
        }
    }

    /// Agents that were refused try again.
    pub(super) fn retry_registration(&mut self, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        if self.registration.next != Some(now) {
            return;
        }
        self.registration.next = None;
        let retry = self.scenario.control_plane.registration_retry;
        let waiting = self.registration.waiting.iter();
        let due: Vec<InstanceId> = waiting
            .filter(|(_, first)| retry.attempt(**first, now) == now)
            .map(|(id, _)| *id)
            .collect();
        for id in due {
            if !self.has_room_for_instance() {
                break;
            }
            self.registration.waiting.remove(&id);
            if self.can_register(id) {
                self.register(id, now);
                self.has_registered(id, scheduler);
            }
        }
        self.plan_registration(now + SimDuration::from_nanos(1), scheduler);
    }

    /// Whether an instance is there for its agent to register it, and not about to be taken back: then
    /// the agent sets it to DRAINING before anything runs on it.
    pub(super) fn can_register(&self, id: InstanceId) -> bool {
        !self.disruptions.is_cut_off(id)
            && self.instances[id].state != InstanceState::Terminated
            && self.instances[id].purchase.notice.is_none()
    }

    /// What follows when an instance has registered during the run.
    pub(super) fn has_registered(&mut self, id: InstanceId, scheduler: &mut Scheduler<Event>) {
        self.retire_at_risk(self.instances[id].group, scheduler);
        self.start_daemons(scheduler);
        self.request_placement(scheduler);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_double_their_distance_up_to_the_longest() {
        let millis = SimDuration::from_millis;
        let retry =
            RegistrationRetry { first_interval: millis(500), longest_interval: millis(15_000) };
        let first = SimTime::from_secs(100);
        let mut expected = Vec::new();
        let (mut at, mut interval) = (first, 500);
        for _ in 0..20 {
            at = at + millis(interval);
            expected.push(at);
            interval = (2 * interval).min(15_000);
        }
        assert_eq!(expected[5], SimTime::from_nanos(130_500_000_000), "0.5 + 1 + 2 + 4 + 8 + 15");
        let mut attempts = Vec::new();
        let mut from = first;
        for _ in 0..20 {
            let next = retry.attempt(first, from);
            assert_eq!(retry.attempt(first, next), next, "an attempt at its own instant");
            attempts.push(next);
            from = SimTime::from_nanos(next.as_nanos() + 1);
        }
        assert_eq!(attempts, expected);
        let constant = RegistrationRetry { longest_interval: millis(500), ..retry };
        assert_eq!(constant.attempt(first, SimTime::from_secs(200)), SimTime::from_secs(200));
    }
}

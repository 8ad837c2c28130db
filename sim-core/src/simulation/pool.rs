//! The instances of an Auto Scaling group that are not terminated, ordered for its decisions.
//!
//! Every answer costs at most a logarithm of the group's size, times the number of its zones and of the
//! launch sources of its instances.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::autoscaling::group::{
    Candidate, CandidateIndex, LaunchSource, TerminationPolicy, ZoneCount, choose_for_termination,
};
use crate::units::{InstanceId, SimTime};

/// Instances of one zone.
#[derive(Clone, Debug)]
struct ZonePool {
    enabled: bool,
    available: bool,
    len: u32,
    /// Those that a scale-in may terminate.
    candidates: CandidateIndex,
}

/// An instance of the group.
#[derive(Clone, Debug)]
struct Member {
    candidate: Candidate,
    /// Never terminated by a scale-in.
    shielded: bool,
    /// Whether no task holds resources on it.
    idle: bool,
    /// Since when it is in service.
    in_service: Option<SimTime>,
}

/// Instances of a group by zone, age and whether they run tasks. Zones are positions in the group's
/// list.
#[derive(Clone, Debug)]
pub(super) struct GroupInstances {
    zones: Vec<ZonePool>,
    members: BTreeMap<InstanceId, Member>,
    idle: u32,
    /// Instances that run, by the instant from which they do.
    running: BTreeSet<(SimTime, InstanceId)>,
    /// Instances in service, by the instant from which they are.
    in_service: BTreeSet<(SimTime, InstanceId)>,
    /// Whether instances with tasks are protected from scale-in.
    spares_busy: bool,
}

impl GroupInstances {
    /// A group without instances. `spares_busy` if those that run tasks are protected from scale-in.
    pub(super) fn new(zones: usize, spares_busy: bool) -> Self {
        let zone = ZonePool {
            enabled: true,
            available: true,
            len: 0,
            candidates: CandidateIndex::default(),
        };
        Self {
            zones: vec![zone; zones],
            members: BTreeMap::new(),
            idle: 0,
            running: BTreeSet::new(),
            in_service: BTreeSet::new(),
            spares_busy,
        }
    }

    /// Instances that are not terminated, launching ones included.
    pub(super) fn len(&self) -> u32 {
        self.members.len() as u32
    }

    /// Instances that run.
    pub(super) fn running(&self) -> u32 {
        self.running.len() as u32
    }

    /// Running instances without a task. Those that are still launching have none either.
    pub(super) fn empty(&self) -> u32 {
        self.idle - (self.len() - self.running())
    }

    /// Instances without a task, launching ones included.
    pub(super) fn idle(&self) -> u32 {
        self.idle
    }

    /// All running instances, the oldest first.
    pub(super) fn running_ones(&self) -> impl Iterator<Item = InstanceId> {
        self.running.iter().map(|(_, id)| *id)
    }

    /// Since when the youngest running instance runs.
    pub(super) fn youngest(&self) -> Option<SimTime> {
        self.running.last().map(|(since, _)| *since)
    }

    /// Instances in service.
    pub(super) fn in_service(&self) -> u32 {
        self.in_service.len() as u32
    }

    /// All instances in service with the instant from which they are, oldest first.
    pub(super) fn in_service_ones(&self) -> impl Iterator<Item = (SimTime, InstanceId)> {
        self.in_service.iter().copied()
    }

    /// Instances that entered service after `since`, youngest first.
    pub(super) fn entered_after(&self, since: SimTime) -> impl Iterator<Item = InstanceId> {
        let after = (since, InstanceId(u32::MAX));
        self.in_service.range(after..).rev().filter(move |it| since < it.0).map(|it| it.1)
    }

    /// All instances, oldest first.
    pub(super) fn ids(&self) -> impl Iterator<Item = InstanceId> {
        self.members.keys().copied()
    }

    /// What `id` was launched from.
    pub(super) fn source(&self, id: InstanceId) -> Option<LaunchSource> {
        self.members.get(&id).map(|it| it.candidate.source)
    }

    /// Whether the group has `id`.
    pub(super) fn contains(&self, id: InstanceId) -> bool {
        self.members.contains_key(&id)
    }

    /// The zones with their instances.
    pub(super) fn zones(&self) -> Vec<ZoneCount> {
        let count = |zone: &ZonePool| ZoneCount {
            enabled: zone.enabled,
            available: zone.available,
            instances: zone.len,
        };
        self.zones.iter().map(count).collect()
    }

    /// The zones from which a scale-in takes: those that the group has left, then most instances first,
    /// then in listed order.
    pub(super) fn fullest_zones(&self) -> Vec<usize> {
        let mut zones: Vec<usize> = (0..self.zones.len()).collect();
        zones.sort_by_key(|zone| (self.zones[*zone].enabled, Reverse(self.zones[*zone].len)));
        zones
    }

    /// Whether a scale-in may terminate `id`.
    pub(super) fn may_go(&self, id: InstanceId) -> bool {
        let may = |it: &Member| !it.shielded && (it.idle || !self.spares_busy);
        self.members.get(&id).is_some_and(may)
    }

    /// Whether a zone is the group's from now on.
    pub(super) fn enable(&mut self, zone: usize, enabled: bool) {
        self.zones[zone].enabled = enabled;
    }

    /// Whether a zone has room from now on.
    pub(super) fn set_available(&mut self, zone: usize, available: bool) {
        self.zones[zone].available = available;
    }

    /// The instance that a scale-in terminates. Zones that the group has left come first, then those
    /// with most instances; zones that tie are judged together. Zones without a candidate do not count.
    pub(super) fn victim(
        &self,
        policies: &[TerminationPolicy],
        current: LaunchSource,
        now: SimTime,
    ) -> Option<InstanceId> {
        let fullness = |zone: &ZonePool| (Reverse(zone.enabled), zone.len);
        let zones = self.zones.iter().filter(|zone| !zone.candidates.is_empty());
        let fullest = zones.clone().map(fullness).max()?;
        let zones = zones.filter(|zone| fullness(zone) == fullest).map(|zone| &zone.candidates);
        choose_for_termination(zones, policies, current, now)
    }

    pub(super) fn launched(&mut self, zone: usize, candidate: Candidate, protected: bool) {
        let pool = &mut self.zones[zone];
        pool.len += 1;
        self.idle += 1;
        if !protected {
            pool.candidates.insert(&candidate);
        }
        let member = Member { candidate, shielded: protected, idle: true, in_service: None };
        self.members.insert(candidate.id, member);
    }

    pub(super) fn started(&mut self, id: InstanceId, now: SimTime) {
        self.running.insert((now, id));
    }

    pub(super) fn entered_service(&mut self, id: InstanceId, now: SimTime) {
        if let Some(member) = self.members.get_mut(&id) {
            member.in_service = Some(now);
            self.in_service.insert((now, id));
        }
    }

    /// Notes whether tasks hold resources on an instance.
    pub(super) fn set_idle(&mut self, zone: usize, id: InstanceId, idle: bool) {
        let Some(member) = self.members.get_mut(&id).filter(|it| it.idle != idle) else { return };
        member.idle = idle;
        if idle {
            self.idle += 1;
        } else {
            self.idle -= 1;
        }
        if self.spares_busy && !member.shielded {
            let candidates = &mut self.zones[zone].candidates;
            if idle {
                candidates.insert(&member.candidate);
            } else {
                candidates.remove(&member.candidate);
            }
        }
    }

    /// Keeps a scale-in from choosing an instance: it is on its way out already.
    pub(super) fn shield(&mut self, zone: usize, id: InstanceId) {
        if let Some(member) = self.members.get_mut(&id) {
            member.shielded = true;
            self.zones[zone].candidates.remove(&member.candidate);
        }
    }

    /// An instance left service, though not the group.
    pub(super) fn left_service(&mut self, id: InstanceId) {
        if let Some(member) = self.members.get_mut(&id)
            && let Some(since) = member.in_service.take()
        {
            self.in_service.remove(&(since, id));
        }
    }

    pub(super) fn terminated(&mut self, zone: usize, id: InstanceId, running: Option<SimTime>) {
        self.left_service(id);
        let Some(member) = self.members.remove(&id) else { return };
        let pool = &mut self.zones[zone];
        pool.len -= 1;
        pool.candidates.remove(&member.candidate);
        self.idle -= u32::from(member.idle);
        if let Some(since) = running {
            self.running.remove(&(since, id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(id: u32) -> Candidate {
        Candidate {
            id: InstanceId(id),
            source: LaunchSource::default(),
            launched: SimTime::from_secs(u64::from(id)),
            rank: 0,
        }
    }

    /// Five instances over two zones: 0, 2, 4 in the first, 1 and 3 in the second, all running.
    fn five(spares_busy: bool) -> GroupInstances {
        let mut group = GroupInstances::new(2, spares_busy);
        for id in 0..5 {
            group.launched(id as usize % 2, candidate(id), false);
            group.started(InstanceId(id), SimTime::from_secs(u64::from(id)));
        }
        group
    }

    fn victim(group: &GroupInstances) -> Option<u32> {
        let policies = [TerminationPolicy::OldestInstance];
        let now = SimTime::from_secs(60);
        group.victim(&policies, LaunchSource::default(), now).map(|it| it.0)
    }

    #[test]
    fn instances_are_counted_by_zone_and_state() {
        let mut group = five(false);
        assert_eq!((group.len(), group.running(), group.empty()), (5, 5, 5));
        assert_eq!(group.zones().iter().map(|it| it.instances).collect::<Vec<_>>(), [3, 2]);
        assert_eq!(group.youngest(), Some(SimTime::from_secs(4)));
        for id in [1, 2] {
            group.entered_service(InstanceId(id), SimTime::from_secs(10 + u64::from(id)));
        }
        assert_eq!(group.in_service(), 2);
        let after = |second| group.entered_after(SimTime::from_secs(second)).collect::<Vec<_>>();
        assert_eq!(after(10), [InstanceId(2), InstanceId(1)]);
        assert_eq!(after(11), [InstanceId(2)]);
        assert_eq!(after(12), []);
        group.left_service(InstanceId(1));
        assert_eq!((group.in_service(), group.len()), (1, 5));
    }

    #[test]
    fn the_fullest_zone_gives_an_instance_up_and_equal_ones_are_judged_together() {
        let mut group = five(false);
        let mut order = Vec::new();
        while let Some(id) = victim(&group) {
            order.push(id);
            let running = Some(SimTime::from_secs(u64::from(id)));
            group.terminated(id as usize % 2, InstanceId(id), running);
        }
        assert_eq!(order, [0, 1, 2, 3, 4]);
        assert_eq!((group.len(), group.running(), group.empty()), (0, 0, 0));
    }

    #[test]
    fn a_zone_that_the_group_left_is_emptied_first() {
        let mut group = five(false);
        group.enable(1, false);
        assert_eq!(victim(&group), Some(1));
        assert!(!group.zones()[1].enabled);
    }

    #[test]
    fn protection_spares_instances_with_tasks_and_zones_full_of_them() {
        let mut group = five(true);
        for id in [0, 2, 4, 1] {
            group.set_idle(id as usize % 2, InstanceId(id), false);
        }
        assert_eq!(group.empty(), 1);
        assert_eq!(victim(&group), Some(3));
        group.set_idle(1, InstanceId(3), false);
        assert_eq!(victim(&group), None);
        group.set_idle(0, InstanceId(2), true);
        assert_eq!(victim(&group), Some(2));
    }

    #[test]
    fn a_shielded_instance_stays() {
        let mut group = GroupInstances::new(1, false);
        group.launched(0, candidate(0), true);
        assert_eq!(victim(&group), None);
        group.launched(0, candidate(1), false);
        group.shield(0, InstanceId(1));
        assert_eq!(victim(&group), None);
        group.terminated(0, InstanceId(0), None);
        group.terminated(0, InstanceId(1), None);
        assert_eq!(group.len(), 0);
    }

    #[test]
    fn launching_instances_are_not_empty_ones() {
        let mut group = GroupInstances::new(1, false);
        group.launched(0, candidate(0), false);
        assert_eq!((group.len(), group.running(), group.empty()), (1, 0, 0));
    }
}

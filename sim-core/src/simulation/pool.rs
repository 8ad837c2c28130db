//! The instances of an Auto Scaling group that are not terminated, ordered for its decisions.
//!
//! Every answer costs at most a logarithm of the group's size, times the number of its zones.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use crate::units::{InstanceId, SimTime};

/// Instances of one zone. Ids rise with the launch, so that the first is the oldest.
#[derive(Clone, Debug, Default)]
struct ZonePool {
    alive: BTreeSet<InstanceId>,
    /// Those on which no task holds resources.
    idle: BTreeSet<InstanceId>,
}

/// Instances of a group by zone, age and whether they run tasks. Zones are positions in the group's
/// list.
#[derive(Clone, Debug)]
pub(super) struct GroupInstances {
    zones: Vec<ZonePool>,
    idle: u32,
    len: u32,
    /// Instances that run, by the instant from which they do.
    running: BTreeSet<(SimTime, InstanceId)>,
}

impl GroupInstances {
    pub(super) fn new(zones: usize) -> Self {
        Self { zones: vec![ZonePool::default(); zones], idle: 0, len: 0, running: BTreeSet::new() }
    }

    /// Instances that are not terminated, launching ones included.
    pub(super) fn len(&self) -> u32 {
        self.len
    }

    /// Instances that run.
    pub(super) fn running(&self) -> u32 {
        self.running.len() as u32
    }

    /// Running instances without a task. Those that are still launching have none either.
    pub(super) fn empty(&self) -> u32 {
        self.idle - (self.len - self.running())
    }

    /// Since when the youngest running instance runs.
    pub(super) fn youngest(&self) -> Option<SimTime> {
        self.running.last().map(|(since, _)| *since)
    }

    /// The zones in which a launch is tried: fewest instances first, then in listed order.
    pub(super) fn launch_zones(&self) -> Vec<usize> {
        let mut zones: Vec<usize> = (0..self.zones.len()).collect();
        zones.sort_by_key(|zone| self.zones[*zone].alive.len());
        zones
    }

    /// The zones from which a scale-in takes: most instances first, then in listed order.
    pub(super) fn fullest_zones(&self) -> Vec<usize> {
        let mut zones: Vec<usize> = (0..self.zones.len()).collect();
        zones.sort_by_key(|zone| Reverse(self.zones[*zone].alive.len()));
        zones
    }

    /// The instance that a scale-in terminates: in the zone with most instances, in listed order, the
    /// oldest. With `protected` only instances without tasks count, and zones that have one.
    pub(super) fn victim(&self, protected: bool) -> Option<InstanceId> {
        let eligible = |zone: &ZonePool| {
            if protected { zone.idle.first().copied() } else { zone.alive.first().copied() }
        };
        let zones = self.zones.iter().enumerate().filter(|(_, zone)| eligible(zone).is_some());
        let fullest = zones.max_by_key(|(position, zone)| (zone.alive.len(), Reverse(*position)));
        fullest.and_then(|(_, zone)| eligible(zone))
    }

    pub(super) fn launched(&mut self, zone: usize, id: InstanceId) {
        self.len += 1;
        self.zones[zone].alive.insert(id);
        self.set_idle(zone, id, true);
    }

    pub(super) fn started(&mut self, id: InstanceId, now: SimTime) {
        self.running.insert((now, id));
    }

    /// Notes whether tasks hold resources on an instance.
    pub(super) fn set_idle(&mut self, zone: usize, id: InstanceId, idle: bool) {
        let pool = &mut self.zones[zone];
        if idle && pool.alive.contains(&id) {
            self.idle += u32::from(pool.idle.insert(id));
        } else {
            self.idle -= u32::from(pool.idle.remove(&id));
        }
    }

    pub(super) fn terminated(&mut self, zone: usize, id: InstanceId, running: Option<SimTime>) {
        self.set_idle(zone, id, false);
        self.len -= u32::from(self.zones[zone].alive.remove(&id));
        if let Some(since) = running {
            self.running.remove(&(since, id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Five instances over two zones: 0, 2, 4 in the first, 1 and 3 in the second, all running.
    fn five() -> GroupInstances {
        let mut group = GroupInstances::new(2);
        for id in 0..5 {
            let zone = group.launch_zones()[0];
            group.launched(zone, InstanceId(id));
            group.started(InstanceId(id), SimTime::from_secs(u64::from(id)));
        }
        group
    }

    #[test]
    fn launches_go_where_fewest_are() {
        let group = five();
        assert_eq!((group.len(), group.running(), group.empty()), (5, 5, 5));
        assert_eq!(group.launch_zones(), [1, 0]);
        assert_eq!(group.fullest_zones(), [0, 1]);
        assert_eq!(group.youngest(), Some(SimTime::from_secs(4)));
    }

    #[test]
    fn the_oldest_goes_first_in_the_fullest_zone() {
        let mut group = five();
        let mut order = Vec::new();
        while let Some(id) = group.victim(false) {
            order.push(id.0);
            group.terminated(id.0 as usize % 2, id, Some(SimTime::from_secs(u64::from(id.0))));
        }
        assert_eq!(order, [0, 2, 1, 4, 3]);
        assert_eq!((group.len(), group.running(), group.empty()), (0, 0, 0));
    }

    #[test]
    fn protection_spares_instances_with_tasks_and_zones_full_of_them() {
        let mut group = five();
        for id in [0, 2, 4, 1] {
            group.set_idle(id as usize % 2, InstanceId(id), false);
        }
        assert_eq!(group.empty(), 1);
        assert_eq!(group.victim(true), Some(InstanceId(3)));
        assert_eq!(group.victim(false), Some(InstanceId(0)));
        group.set_idle(1, InstanceId(3), false);
        assert_eq!(group.victim(true), None);
    }

    #[test]
    fn launching_instances_are_not_empty_ones() {
        let mut group = GroupInstances::new(1);
        group.launched(0, InstanceId(0));
        assert_eq!((group.len(), group.running(), group.empty()), (1, 0, 0));
    }
}

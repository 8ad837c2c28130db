//! Registered demands, and which of them fit an instance.

use crate::placement::slot::{Slot, ports_free};
use crate::scenario::{Architecture, OperatingSystem, Protocol};
use crate::units::TaskGroupId;

/// The bit of every instance that takes tasks at all.
pub(in crate::placement) const ANY: u64 = 1 << 63;

/// Registered demands: one bit each beside [`ANY`].
const MAX_NEEDS: usize = 63;

/// All that an instance must offer to a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::placement) struct Need {
    pub(in crate::placement) cpu: u64,
    pub(in crate::placement) memory: u64,
    pub(in crate::placement) gpus: u32,
    pub(in crate::placement) network_interfaces: u32,
    /// Sorted.
    pub(in crate::placement) ports: Vec<(u16, Protocol)>,
    pub(in crate::placement) architecture: Architecture,
    pub(in crate::placement) operating_system: OperatingSystem,
    /// No task of this group on the instance.
    pub(in crate::placement) distinct: Option<TaskGroupId>,
}

/// Which needs ask for how much of one resource.
#[derive(Clone, Debug)]
struct Ladder {
    /// Amounts asked for, ascending.
    rungs: Vec<u64>,
    /// By number of rungs reached: the needs that are content with as much.
    masks: Vec<u64>,
}

impl Default for Ladder {
    fn default() -> Self {
        Self { rungs: Vec::new(), masks: vec![0] }
    }
}

impl Ladder {
    fn add(&mut self, amount: u64, bit: u64) {
        let rung = self.rungs.partition_point(|rung| *rung < amount);
        if self.rungs.get(rung) != Some(&amount) {
            self.rungs.insert(rung, amount);
            self.masks.insert(rung + 1, self.masks[rung]);
        }
        for mask in &mut self.masks[rung + 1..] {
            *mask |= bit;
        }
    }

    #[inline]
    fn content_with(&self, free: u64) -> u64 {
        self.masks[self.rungs.partition_point(|rung| *rung <= free)]
    }
}

/// The registered needs, and for an instance the set of those that fit as a mask.
#[derive(Clone, Debug, Default)]
pub(in crate::placement) struct Fits {
    needs: Vec<Need>,
    cpu: Ladder,
    memory: Ladder,
    gpus: Ladder,
    network_interfaces: Ladder,
    with_ports: u64,
    /// By task group: the needs that no task of it may precede.
    distinct: Vec<u64>,
}

impl Fits {
    pub(in crate::placement) fn len(&self) -> usize {
        self.needs.len()
    }

    /// The bit of a need and whether it is new; `None` if all bits are taken.
    pub(in crate::placement) fn register(&mut self, need: &Need) -> Option<(u64, bool)> {
        if let Some(index) = self.needs.iter().position(|known| known == need) {
            return Some((1 << index, false));
        }
        if self.needs.len() == MAX_NEEDS {
            return None;
        }
        let bit = 1 << self.needs.len();
        self.cpu.add(need.cpu, bit);
        self.memory.add(need.memory, bit);
        self.gpus.add(u64::from(need.gpus), bit);
        self.network_interfaces.add(u64::from(need.network_interfaces), bit);
        if !need.ports.is_empty() {
            self.with_ports |= bit;
        }
        if let Some(group) = need.distinct {
            let group = group.0 as usize;
            if self.distinct.len() <= group {
                self.distinct.resize(group + 1, 0);
            }
            self.distinct[group] |= bit;
        }
        self.needs.push(need.clone());
        Some((bit, true))
    }

    /// The needs that instances of this kind can meet.
    pub(in crate::placement) fn allowed(
        &self,
        architecture: Architecture,
        operating_system: OperatingSystem,
    ) -> u64 {
        let meets = |need: &Need| {
            need.architecture == architecture && need.operating_system == operating_system
        };
        let bits = self.needs.iter().enumerate().filter(|(_, need)| meets(need));
        bits.fold(ANY, |mask, (index, _)| mask | 1 << index)
    }

    /// The needs among `allowed` that fit an instance now; zero if it takes no tasks.
    #[inline]
    pub(in crate::placement) fn mask(&self, slot: &Slot, allowed: u64) -> u64 {
        if !slot.is_eligible() {
            return 0;
        }
        let mut mask = allowed
            & self.cpu.content_with(slot.free_cpu.as_raw())
            & self.memory.content_with(slot.free_memory.as_mib())
            & self.gpus.content_with(u64::from(slot.free_gpus))
            & self.network_interfaces.content_with(u64::from(slot.free_network_interfaces));
        if !self.distinct.is_empty() {
            for (group, _) in slot.hosted() {
                mask &= !self.distinct.get(group.0 as usize).copied().unwrap_or(0);
            }
        }
        let mut with_ports = mask & self.with_ports;
        while with_ports != 0 {
            let index = with_ports.trailing_zeros() as usize;
            with_ports &= with_ports - 1;
            if !ports_free(slot.ports(), &self.needs[index].ports) {
                mask &= !(1 << index);
            }
        }
        mask | ANY
    }
}

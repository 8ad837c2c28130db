//! The instances of one Auto Scaling group and zone: same shape, same static attributes.

use super::attributes::Attributes;
use super::index::{
    ANY, Brief, Change, CpuRanks, Fits, Link, Moment, Orders, PoolView, SelectSet, Size, Steps,
    Want,
};
use super::slot::{Eligibility, Slot};
use crate::scenario::InstanceShape;
use crate::units::{InstanceId, TaskGroupId, ZoneId};

/// Instances that share everything but what is free on them.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    pub(super) zone: ZoneId,
    pub(super) shape: InstanceShape,
    pub(super) attributes: Attributes,
    /// Registered needs that instances of this shape can meet.
    allowed: u64,
    /// By position: its instances, with what scans read.
    pub(super) briefs: Vec<Brief>,
    steps: Steps,
    pub(super) orders: Orders,
    /// Instances that take tasks, and those whose agent does not answer.
    active: u32,
    disconnected: u32,
    /// Free CPU of those that take tasks, once a demand of a size of its own found no room.
    ranks: Option<CpuRanks>,
    /// By bit: the instances that fit, for `random`.
    picks: Vec<Option<SelectSet>>,
    /// The bits that have one.
    picked: u64,
}

impl Pool {
    pub(super) fn new(
        zone: ZoneId,
        shape: &InstanceShape,
        attributes: Attributes,
        fits: &Fits,
    ) -> Self {
        Self {
            zone,
            allowed: fits.allowed(shape.architecture, shape.operating_system),
            shape: shape.clone(),
            attributes,
            briefs: Vec::new(),
            steps: Steps::new(u32::try_from(shape.cpu.as_raw()).unwrap_or(u32::MAX)),
            orders: Orders::default(),
            active: 0,
            disconnected: 0,
            ranks: None,
            picks: Vec::new(),
            picked: 0,
        }
    }

    /// Whether the sizes of its instances are small enough for orders: 33 000 vCPU, 4 PiB.
    pub(super) fn is_indexed(&self) -> bool {
        let limit = u64::from(u32::MAX);
        self.shape.cpu.as_raw() < limit && self.shape.memory.as_mib() < limit
    }

    fn size(slot: &Slot) -> Size {
        let short = |amount: u64| u32::try_from(amount).unwrap_or(u32::MAX);
        Size { cpu: short(slot.free_cpu.as_raw()), memory: short(slot.free_memory.as_mib()) }
    }

    /// Adds a registered instance and returns its position.
    pub(super) fn add(&mut self, slot: &mut Slot, fits: &Fits) -> usize {
        self.briefs.push(Brief { instance: slot.instance, mask: 0, size: Self::size(slot) });
        let position = self.briefs.len() - 1;
        slot.enter(slot.pool as usize, position);
        self.tally(slot.eligibility(), Self::size(slot), true);
        self.change(slot, None, fits, |_| {});
        position
    }

    /// Takes an instance out; the last one, which is returned, gets its position.
    pub(super) fn remove(&mut self, slot: &mut Slot, fits: &Fits) -> Option<(InstanceId, usize)> {
        let position = slot.position()?;
        let out = Eligibility::Draining;
        self.change(slot, None, fits, |slot| slot.set_eligibility(out));
        slot.leave();
        self.briefs.swap_remove(position);
        self.briefs.get(position).map(|moved| (moved.instance, position))
    }

    /// Changes an instance, and the tasks of `group` on it if one is named.
    #[inline]
    pub(super) fn change(
        &mut self,
        slot: &mut Slot,
        group: Option<TaskGroupId>,
        fits: &Fits,
        apply: impl FnOnce(&mut Slot),
    ) {
        let tasks = |slot: &Slot| group.map_or(0, |group| slot.tasks_of(group));
        let before = Moment { size: Self::size(slot), mask: slot.mask, tasks: tasks(slot) };
        let eligibility = slot.eligibility();
        apply(slot);
        let (size, mask) = (Self::size(slot), fits.mask(slot, self.allowed));
        let after = Moment { size, mask, tasks: tasks(slot) };
        slot.mask = mask;
        if eligibility != slot.eligibility() || self.ranks.is_some() {
            self.tally(eligibility, before.size, false);
            self.tally(slot.eligibility(), size, true);
        }
        if let Some(position) = slot.position() {
            // Written but not read here: a decision does not wait for it.
            self.briefs[position] = Brief { instance: slot.instance, mask, size };
        }
        self.orders.update(&Change { slot, before, after, group });
        let mut flipped = (before.mask ^ mask) & self.picked;
        while flipped != 0 {
            let bit = flipped.trailing_zeros() as usize;
            flipped &= flipped - 1;
            if let Some(set) = &mut self.picks[bit] {
                if mask >> bit & 1 == 1 {
                    set.insert(slot.instance);
                } else {
                    set.remove(slot.instance);
                }
            }
        }
    }

    /// Counts an instance, or stops counting it.
    fn tally(&mut self, eligibility: Eligibility, size: Size, counts: bool) {
        let count = match eligibility {
            Eligibility::Active => &mut self.active,
            Eligibility::AgentDisconnected => &mut self.disconnected,
            Eligibility::Draining => return,
        };
        if counts {
            *count += 1;
        } else {
            *count -= 1;
        }
        if let Some(ranks) = self.ranks.as_mut().filter(|_| eligibility == Eligibility::Active) {
            if counts {
                ranks.add(size.cpu);
            } else {
                ranks.remove(size.cpu);
            }
        }
    }

    /// Keeps the free CPU in order, if the instances are not too large.
    pub(super) fn keep_ranks(&mut self) {
        if self.ranks.is_none() && self.is_indexed() {
            self.ranks = self.ranks_recounted();
        }
    }

    fn ranks_recounted(&self) -> Option<CpuRanks> {
        let mut ranks = CpuRanks::new(u32::try_from(self.shape.cpu.as_raw()).ok()?)?;
        for brief in self.briefs.iter().filter(|brief| brief.mask & ANY != 0) {
            ranks.add(brief.size.cpu);
        }
        Some(ranks)
    }

    /// Instances without an agent, with too little CPU, and the others that take tasks; `None` if
    /// they are not counted.
    pub(super) fn short_of_cpu(&self, cpu: u64) -> Option<[u32; 3]> {
        let short = self.ranks.as_ref()?.below(u32::try_from(cpu).ok()?)?;
        Some([self.disconnected, short, self.active - short])
    }

    /// Takes up a newly registered need.
    pub(super) fn learn(&mut self, slots: &mut [Slot], fits: &Fits) {
        self.allowed = fits.allowed(self.shape.architecture, self.shape.operating_system);
        for brief in &mut self.briefs {
            let slot = &mut slots[brief.instance.0 as usize];
            slot.mask = fits.mask(slot, self.allowed);
            brief.mask = slot.mask;
        }
    }

    /// The order of `links`, ready for `want`.
    pub(super) fn order(&mut self, links: &[Link], want: Want, slots: &[Slot]) -> Option<usize> {
        let Self { briefs, steps, orders, .. } = self;
        orders.prepare(links, want, &PoolView { slots, briefs, steps: *steps })
    }

    /// Keeps the set of the instances that fit the need of `bit`.
    pub(super) fn keep_pick(&mut self, bit: u64) {
        if self.picked & bit != 0 {
            return;
        }
        let index = bit.trailing_zeros() as usize;
        if self.picks.len() <= index {
            self.picks.resize(index + 1, None);
        }
        self.picks[index] = Some(self.pick_recounted(bit));
        self.picked |= bit;
    }

    fn pick_recounted(&self, bit: u64) -> SelectSet {
        let mut set = SelectSet::default();
        for brief in self.briefs.iter().filter(|brief| brief.mask & bit != 0) {
            set.insert(brief.instance);
        }
        set
    }

    /// The instances that fit the need of `bit`, if that set is kept.
    pub(super) fn pick(&self, bit: u64) -> Option<&SelectSet> {
        self.picks.get(bit.trailing_zeros() as usize)?.as_ref()
    }

    /// The instances, in no particular order.
    pub(super) fn slots<'s>(&self, slots: &'s [Slot]) -> impl Iterator<Item = &'s Slot> + Clone {
        self.briefs.iter().map(|brief| &slots[brief.instance.0 as usize])
    }

    /// Panics unless the index equals a recount.
    pub(super) fn check(&self, slots: &[Slot], fits: &Fits) {
        for (position, slot) in self.slots(slots).enumerate() {
            let instance = slot.instance;
            assert_eq!(slot.position(), Some(position), "position of {instance}");
            assert_eq!(slot.mask, fits.mask(slot, self.allowed), "mask of {instance}");
            let brief = Brief { instance, mask: slot.mask, size: Self::size(slot) };
            assert_eq!(self.briefs[position], brief, "summary of {instance}");
        }
        let count = |eligibility| {
            self.slots(slots).filter(|slot| slot.eligibility() == eligibility).count() as u32
        };
        let counts = [count(Eligibility::Active), count(Eligibility::AgentDisconnected)];
        assert_eq!([self.active, self.disconnected], counts, "instances by eligibility");
        if self.ranks.is_some() {
            assert_eq!(self.ranks, self.ranks_recounted(), "free CPU in order");
        }
        let Self { briefs, steps, orders, .. } = self;
        orders.check(&PoolView { slots, briefs, steps: *steps });
        for (index, set) in self.picks.iter().enumerate() {
            if let Some(set) = set {
                let recounted = self.pick_recounted(1 << index);
                assert!(set.iter().eq(recounted.iter()), "instances to pick from equal a recount");
                assert_eq!(set.len(), recounted.len(), "number of instances to pick from");
            }
        }
    }
}

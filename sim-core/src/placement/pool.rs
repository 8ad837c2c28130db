//! The instances of one Auto Scaling group and zone: same shape, same static attributes.

use super::attributes::Attributes;
use super::index::{Change, Fits, Link, Moment, Orders, PoolView, SelectSet, Size, Steps, Want};
use super::slot::Slot;
use crate::scenario::InstanceShape;
use crate::units::{TaskGroupId, ZoneId};

/// Instances that share everything but what is free on them.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    pub(super) zone: ZoneId,
    pub(super) shape: InstanceShape,
    pub(super) attributes: Attributes,
    /// Registered needs that instances of this shape can meet.
    allowed: u64,
    pub(super) slots: Vec<Slot>,
    /// By position: the registered needs that fit now.
    pub(super) masks: Vec<u64>,
    /// By position: what is free.
    pub(super) sizes: Vec<Size>,
    steps: Steps,
    pub(super) orders: Orders,
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
            slots: Vec::new(),
            masks: Vec::new(),
            sizes: Vec::new(),
            steps: Steps::new(u32::try_from(shape.cpu.as_raw()).unwrap_or(u32::MAX)),
            orders: Orders::default(),
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

    /// Adds an instance and returns its position.
    pub(super) fn add(&mut self, slot: Slot, fits: &Fits) -> usize {
        self.sizes.push(Self::size(&slot));
        self.masks.push(0);
        self.slots.push(slot);
        let position = self.slots.len() - 1;
        self.change(position, None, fits, |_| {});
        position
    }

    /// Takes an instance out; the last one gets its position.
    pub(super) fn remove(&mut self, position: usize, fits: &Fits) {
        let out = super::slot::Eligibility::Draining;
        self.change(position, None, fits, |slot| slot.set_eligibility(out));
        self.sizes.swap_remove(position);
        self.masks.swap_remove(position);
        self.slots.swap_remove(position);
    }

    /// Changes an instance, and the tasks of `group` on it if one is named.
    #[inline]
    pub(super) fn change(
        &mut self,
        position: usize,
        group: Option<TaskGroupId>,
        fits: &Fits,
        apply: impl FnOnce(&mut Slot),
    ) {
        let slot = &mut self.slots[position];
        let tasks = |slot: &Slot| group.map_or(0, |group| slot.tasks_of(group));
        let (size, mask) = (self.sizes[position], self.masks[position]);
        let before = Moment { size, mask, tasks: tasks(slot) };
        apply(slot);
        let (size, mask) = (Self::size(slot), fits.mask(slot, self.allowed));
        let after = Moment { size, mask, tasks: tasks(slot) };
        (self.sizes[position], self.masks[position]) = (size, mask);
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

    /// Takes up a newly registered need.
    pub(super) fn learn(&mut self, fits: &Fits) {
        self.allowed = fits.allowed(self.shape.architecture, self.shape.operating_system);
        for (mask, slot) in self.masks.iter_mut().zip(&self.slots) {
            *mask = fits.mask(slot, self.allowed);
        }
    }

    /// The order of `links`, ready for `want`.
    pub(super) fn order(&mut self, links: &[Link], want: Want) -> Option<usize> {
        let Self { slots, masks, sizes, steps, orders, .. } = self;
        orders.prepare(links, want, &PoolView { slots, masks, sizes, steps: *steps })
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
        for (slot, mask) in self.slots.iter().zip(&self.masks) {
            if mask & bit != 0 {
                set.insert(slot.instance);
            }
        }
        set
    }

    /// The instances that fit the need of `bit`, if that set is kept.
    pub(super) fn pick(&self, bit: u64) -> Option<&SelectSet> {
        self.picks.get(bit.trailing_zeros() as usize)?.as_ref()
    }

    /// Panics unless the index equals a recount.
    pub(super) fn check(&self, fits: &Fits) {
        for (position, slot) in self.slots.iter().enumerate() {
            let instance = slot.instance;
            assert_eq!(self.masks[position], fits.mask(slot, self.allowed), "mask of {instance}");
            assert_eq!(self.sizes[position], Self::size(slot), "size of {instance}");
        }
        let Self { slots, masks, sizes, steps, orders, .. } = self;
        orders.check(&PoolView { slots, masks, sizes, steps: *steps });
        for (index, set) in self.picks.iter().enumerate() {
            if let Some(set) = set {
                let recounted = self.pick_recounted(1 << index);
                assert!(set.iter().eq(recounted.iter()), "instances to pick from equal a recount");
                assert_eq!(set.len(), recounted.len(), "number of instances to pick from");
            }
        }
    }
}

//! Quantities with their units in the type: instants, lengths of time, CPU, memory, typed ids.

use std::fmt;
use std::marker::PhantomData;
use std::num::NonZeroU64;
use std::ops::{Add, AddAssign, Index, IndexMut};

/// Nanoseconds in one second.
pub const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// `value` as the nearest double. Nearly all amounts are below 2^64, and those are converted in one step
/// instead of some dozens.
#[inline]
pub(crate) fn to_f64(value: u128) -> f64 {
    // Out of line: the compiler would take the long way for both.
    #[cold]
    #[inline(never)]
    fn wide(value: u128) -> f64 {
        value as f64
    }
    u64::try_from(value).map_or_else(|_| wide(value), |short| short as f64)
}

/// The whole part of a number, mostly one that 64 bits hold; zero for what is negative or none.
pub(crate) fn whole_part(value: f64) -> u128 {
    #[cold]
    #[inline(never)]
    fn wide(value: f64) -> u128 {
        value as u128
    }
    const BITS_63: f64 = (1_u64 << 63) as f64;
    if value < BITS_63 { u128::from(value as u64) } else { wide(value) }
}

/// An instant: nanoseconds since the start of the simulation.
///
/// It is kept as their number plus one, so that an instant which may be missing takes no more room: the
/// records of a task are mostly such.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SimTime(NonZeroU64);

/// A length of time in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SimDuration(u64);

impl SimTime {
    /// The start of the run.
    pub const ZERO: Self = Self::from_nanos(0);
    /// Later than anything that can be scheduled.
    pub const MAX: Self = Self(NonZeroU64::MAX);

    /// The instant `nanos` nanoseconds after the start, at most [`SimTime::MAX`].
    pub const fn from_nanos(nanos: u64) -> Self {
        match NonZeroU64::new(nanos.saturating_add(1)) {
            Some(next) => Self(next),
            None => Self::MAX,
        }
    }

    /// The instant `seconds` whole seconds after the start, saturating at [`SimTime::MAX`].
    pub const fn from_secs(seconds: u64) -> Self {
        Self::from_nanos(seconds.saturating_mul(NANOS_PER_SECOND))
    }

    /// Nanoseconds since the start.
    pub const fn as_nanos(self) -> u64 {
        self.0.get() - 1
    }

    /// Seconds since the start, for statistics and output only.
    pub fn as_secs_f64(self) -> f64 {
        self.as_nanos() as f64 / NANOS_PER_SECOND as f64
    }

    /// Length of time since `earlier`; `None` if `earlier` is later than `self`.
    pub fn since(self, earlier: Self) -> Option<SimDuration> {
        self.0.get().checked_sub(earlier.0.get()).map(SimDuration)
    }

    /// Length of time since `earlier`, zero if `earlier` is later.
    pub fn saturating_since(self, earlier: Self) -> SimDuration {
        SimDuration(self.0.get().saturating_sub(earlier.0.get()))
    }

    /// The next multiple of `step` that is not before `self`; `self` if `step` is zero.
    #[must_use]
    pub fn round_up_to(self, step: SimDuration) -> Self {
        if step.0 == 0 {
            return self;
        }
        Self::from_nanos(self.as_nanos().div_ceil(step.0).saturating_mul(step.0))
    }
}

impl Default for SimTime {
    fn default() -> Self {
        Self::ZERO
    }
}

impl fmt::Debug for SimTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SimTime").field(&self.as_nanos()).finish()
    }
}

impl Add<SimDuration> for SimTime {
    type Output = Self;
    /// Saturates at [`SimTime::MAX`], which no run reaches: the horizon is checked on input.
    fn add(self, length: SimDuration) -> Self {
        Self(self.0.saturating_add(length.0))
    }
}

impl SimDuration {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// `nanos` nanoseconds.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// `millis` milliseconds, saturating.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// `seconds` whole seconds, saturating.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(NANOS_PER_SECOND))
    }

    /// Seconds to the nearest nanosecond, halves up. NaN and negative lengths become zero.
    pub fn from_secs_f64(seconds: f64) -> Self {
        Self::from_nanos_f64(seconds * NANOS_PER_SECOND as f64)
    }

    /// `floor(nanos + 0.5)`. NaN and negative lengths become zero; too large ones saturate.
    pub fn from_nanos_f64(nanos: f64) -> Self {
        // A float-to-integer cast saturates and maps NaN to zero, which is what is wanted here.
        Self(libm::floor(nanos + 0.5) as u64)
    }

    /// Length in nanoseconds.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Length in seconds, for statistics and output only.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / NANOS_PER_SECOND as f64
    }

    /// Whole seconds, partial seconds counted as full ones.
    pub const fn as_secs_ceil(self) -> u64 {
        self.0.div_ceil(NANOS_PER_SECOND)
    }

    /// Whether the length is zero.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl Add for SimDuration {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for SimDuration {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

/// CPU capacity, counted in 1/128 000 vCPU so that both ECS CPU units (1/1024 vCPU) and Kubernetes
/// millicores (1/1000 vCPU) are exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cpu(u64);

impl Cpu {
    /// No CPU.
    pub const ZERO: Self = Self(0);
    /// More than there is: the demand of a task that takes all it can get.
    pub const MAX: Self = Self(u64::MAX);

    /// `raw` units of 1/128 000 vCPU.
    pub const fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    /// `units` ECS CPU units (1024 = 1 vCPU).
    pub const fn from_ecs_units(units: u32) -> Self {
        Self(units as u64 * 125)
    }

    /// `m` Kubernetes millicores (1000 = 1 vCPU).
    pub const fn from_millicores(m: u32) -> Self {
        Self(m as u64 * 128)
    }

    /// ECS CPU units, rounded down.
    pub const fn as_ecs_units(self) -> u64 {
        self.0 / 125
    }

    /// The raw count of 1/128 000 vCPU.
    pub const fn as_raw(self) -> u64 {
        self.0
    }

    /// vCPUs, for statistics and output only.
    pub fn as_vcpu_f64(self) -> f64 {
        self.0 as f64 / 128_000.0
    }

    /// `self − other`, `None` if negative.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// `self − other`, zero if negative.
    #[must_use]
    pub fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Add for Cpu {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Cpu {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

/// Memory in MiB, the unit of ECS and of instance types.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mib(u64);

impl Mib {
    /// No memory.
    pub const ZERO: Self = Self(0);

    /// `mib` MiB.
    pub const fn new(mib: u64) -> Self {
        Self(mib)
    }

    /// Size in MiB.
    pub const fn as_mib(self) -> u64 {
        self.0
    }

    /// `self − other`, `None` if negative.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// `self − other`, zero if negative.
    #[must_use]
    pub fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Add for Mib {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Mib {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

/// A typed index into an [`IdVec`].
pub trait Id: Copy {
    /// The position this id stands for.
    fn index(self) -> usize;
    /// The id of a position.
    fn from_index(index: usize) -> Self;
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl Id for $name {
            fn index(self) -> usize {
                self.0 as usize
            }
            fn from_index(index: usize) -> Self {
                Self(u32::try_from(index).expect("fewer than 2^32 entities: limited on input"))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    )*};
}

ids! {
    /// An availability zone of the scenario's region.
    ZoneId;
    /// A task definition.
    TaskDefinitionId;
    /// An Auto Scaling group.
    AsgId;
    /// A capacity provider.
    CapacityProviderId;
    /// A service.
    ServiceId;
    /// A source of standalone tasks.
    BatchId;
    /// A message queue.
    QueueId;
    /// A CloudWatch metric that something watches.
    MetricId;
    /// A container image.
    ImageId;
    /// A layer of container images.
    LayerId;
    /// A task group: the tasks of one service, or standalone tasks that belong together.
    TaskGroupId;
    /// A container instance, in order of launch.
    InstanceId;
    /// A task, in order of creation.
    TaskId;
}

/// A vector addressed by a typed id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdVec<I, T> {
    items: Vec<T>,
    _id: PhantomData<fn(I)>,
}

impl<I, T> Default for IdVec<I, T> {
    fn default() -> Self {
        Self { items: Vec::new(), _id: PhantomData }
    }
}

impl<I: Id, T> IdVec<I, T> {
    /// An empty vector.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends `item` and returns its id.
    pub fn push(&mut self, item: T) -> I {
        let id = I::from_index(self.items.len());
        self.items.push(item);
        id
    }

    /// The id that the next [`push`](Self::push) will return.
    pub fn next_id(&self) -> I {
        I::from_index(self.items.len())
    }

    /// Number of items.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are no items.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The item of `id`, if there is one.
    pub fn get(&self, id: I) -> Option<&T> {
        self.items.get(id.index())
    }

    /// Items in id order.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.items.iter()
    }

    /// Ids and items in id order.
    pub fn enumerate(&self) -> impl Iterator<Item = (I, &T)> {
        self.items.iter().enumerate().map(|(index, item)| (I::from_index(index), item))
    }

    /// All ids in order.
    pub fn ids(&self) -> impl Iterator<Item = I> + use<I, T> {
        (0..self.items.len()).map(I::from_index)
    }

    /// The items as a slice.
    pub fn as_slice(&self) -> &[T] {
        &self.items
    }

    /// The items, without their ids.
    pub fn into_vec(self) -> Vec<T> {
        self.items
    }
}

impl<I: Id, T> FromIterator<T> for IdVec<I, T> {
    fn from_iter<It: IntoIterator<Item = T>>(items: It) -> Self {
        Self { items: items.into_iter().collect(), _id: PhantomData }
    }
}

impl<'a, I: Id, T> IntoIterator for &'a IdVec<I, T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.items.iter()
    }
}

impl<I: Id, T> Index<I> for IdVec<I, T> {
    type Output = T;
    fn index(&self, id: I) -> &T {
        &self.items[id.index()]
    }
}

impl<I: Id, T> IndexMut<I> for IdVec<I, T> {
    fn index_mut(&mut self, id: I) -> &mut T {
        &mut self.items[id.index()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ecs_units_and_millicores_are_both_exact() {
        assert_eq!(Cpu::from_ecs_units(1024), Cpu::from_millicores(1000));
        assert_eq!(Cpu::from_ecs_units(256).as_ecs_units(), 256);
    }

    #[test]
    fn an_instant_that_may_be_missing_takes_no_more_room() {
        assert_eq!(size_of::<Option<SimTime>>(), size_of::<u64>());
        assert_eq!(SimTime::from_nanos(7).as_nanos(), 7);
        assert_eq!(SimTime::from_nanos(u64::MAX), SimTime::MAX);
        assert_eq!(SimTime::MAX + SimDuration::from_nanos(1), SimTime::MAX);
        assert_eq!(format!("{:?}", SimTime::from_nanos(7)), "SimTime(7)");
        assert_eq!(SimTime::default(), SimTime::ZERO);
    }

    #[test]
    fn lengths_round_half_up_to_the_nanosecond() {
        assert_eq!(SimDuration::from_nanos_f64(1.5).as_nanos(), 2);
        assert_eq!(SimDuration::from_nanos_f64(1.49).as_nanos(), 1);
        assert_eq!(SimDuration::from_nanos_f64(f64::NAN).as_nanos(), 0);
        assert_eq!(SimDuration::from_nanos_f64(-3.0).as_nanos(), 0);
    }

    #[test]
    fn a_partial_second_is_billed_as_a_full_one() {
        assert_eq!(SimDuration::from_millis(60_001).as_secs_ceil(), 61);
        assert_eq!(SimDuration::from_secs(60).as_secs_ceil(), 60);
    }

    #[test]
    fn instants_round_up_to_a_grid() {
        let minute = SimDuration::from_secs(60);
        assert_eq!(SimTime::from_secs(61).round_up_to(minute), SimTime::from_secs(120));
        assert_eq!(SimTime::from_secs(60).round_up_to(minute), SimTime::from_secs(60));
    }
}

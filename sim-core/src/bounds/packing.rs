//! The strongest bound on a set of tasks that changes: kept up to date at every change, integrated
//! over time.

use std::collections::BTreeMap;

use super::instance_types::{InstanceType, ShadowPrices, shadow_prices};
use super::one_resource::Rounding;
use crate::scenario::Protocol;
use crate::units::{Cpu, Mib, SimTime};

/// Resources that are summed: CPU, memory, GPUs, network interfaces.
const SUMMED: usize = 4;

/// Resources that a bound looks at, the number of [`Resource`]s.
pub const RESOURCES: usize = 5;

/// Thresholds of L2 that are followed per resource.
const MAX_ROUNDINGS: usize = 16;

/// Sizes that are collected before repetitions are dropped.
const MANY_SIZES: usize = 1024;

/// A resource of a container instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// CPU.
    Cpu = 0,
    /// Memory.
    Memory = 1,
    /// GPUs.
    Gpus = 2,
    /// Network interfaces of `awsvpc` tasks.
    NetworkInterfaces = 3,
    /// Static host ports: tasks with the same one never share an instance.
    HostPorts = 4,
}

impl Resource {
    /// All resources, in the order of every table over them.
    pub const ALL: [Self; RESOURCES] =
        [Self::Cpu, Self::Memory, Self::Gpus, Self::NetworkInterfaces, Self::HostPorts];
}

/// What a task takes from an instance, or what an instance has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need<'a> {
    amounts: [u64; SUMMED],
    ports: &'a [(u16, Protocol)],
}

impl<'a> Need<'a> {
    /// Amounts of each resource, and static host ports.
    pub fn new(
        cpu: Cpu,
        memory: Mib,
        gpus: u32,
        network_interfaces: u32,
        ports: &'a [(u16, Protocol)],
    ) -> Self {
        let amounts =
            [cpu.as_raw(), memory.as_mib(), u64::from(gpus), u64::from(network_interfaces)];
        Self { amounts, ports }
    }

    /// The same amounts as an instance type of the given price. Ports do not count: each instance has
    /// all of them.
    pub fn priced(&self, price: u64) -> InstanceType<SUMMED> {
        InstanceType { capacity: self.amounts, price }
    }

    pub(super) fn amounts(&self) -> [u64; SUMMED] {
        self.amounts
    }
}

/// A bound over time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bound {
    /// Its integral, in unit of price times nanosecond; with a price of one, instance·ns.
    pub integral: u128,
    /// Its largest value.
    pub peak: u64,
}

impl Bound {
    fn hold(&mut self, level: u64, nanos: u64) {
        self.integral += u128::from(level) * u128::from(nanos);
        self.peak = self.peak.max(level);
    }
}

/// Bounds over time, from weak to strong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BoundTotals {
    /// The sum bound of each resource alone, in instance·ns.
    pub by_resource: [u128; RESOURCES],
    /// The largest of them at each instant.
    pub sums: Bound,
    /// The strongest bound: L2 and the aggregate program too.
    pub strongest: Bound,
}

/// What one resource of the tasks adds up to.
#[derive(Clone, Debug)]
struct Roundings {
    /// The most that any type has.
    capacity: u64,
    /// Dual feasible functions, the first of which changes nothing.
    functions: Vec<Rounding>,
    /// The sum of the rounded sizes under each.
    sums: Vec<u64>,
}

/// The bound on one pool of instances, while tasks come and go.
///
/// At each instant the strongest of: for each resource L2 on instances that have as much of it as the
/// largest type; the largest number of tasks that use the same static port; one instance if there is
/// any task; and, if there is more than one type, the aggregate program. L2 is exact while tasks have
/// at most fourteen sizes up to half an instance; of more, fourteen spread thresholds are followed, and
/// the bound stays valid. A change costs a few dozen additions; the bound is only evaluated when time
/// goes on.
#[derive(Clone, Debug)]
pub struct PackingBound {
    summed: [Roundings; SUMMED],
    /// Corners of the aggregate program; empty if there is one type.
    prices: Vec<ShadowPrices<SUMMED>>,
    cheapest: u64,
    ports: BTreeMap<(u16, Protocol), u64>,
    tasks: u64,
    /// The last change.
    now: SimTime,
    /// Whether a task came or went at `now`.
    changed: bool,
    /// What held just before `now`, and since when.
    levels: Levels,
    since: SimTime,
    /// Integrals up to `since`.
    totals: BoundTotals,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Levels {
    by_resource: [u64; RESOURCES],
    sums: u64,
    strongest: u64,
}

impl PackingBound {
    /// A pool without tasks at time zero. `sizes` are those that tasks will have, as far as they are
    /// known; others are counted too, with weaker rounding.
    pub fn new<'a>(
        types: &[InstanceType<SUMMED>],
        sizes: impl IntoIterator<Item = Need<'a>>,
    ) -> Self {
        let mut seen: [Vec<u64>; SUMMED] = Default::default();
        for size in sizes {
            for (seen, amount) in seen.iter_mut().zip(size.amounts) {
                if seen.last() == Some(&amount) {
                    continue;
                }
                seen.push(amount);
                // A million jobs of ten sizes are remembered as ten sizes.
                if seen.len() == seen.capacity() {
                    seen.sort_unstable();
                    seen.dedup();
                    seen.reserve(seen.len() + MANY_SIZES);
                }
            }
        }
        let mut resource = 0..SUMMED;
        let summed = seen.map(|seen| {
            let of = |it: &InstanceType<SUMMED>| it.capacity[resource.start];
            let resource_sums = Roundings::new(types.iter().map(of).max().unwrap_or(0), seen);
            resource.start += 1;
            resource_sums
        });
        let cheapest = types.iter().map(|it| it.price).min().unwrap_or(0);
        let mixed = types.iter().any(|it| *it != types[0]);
        let prices = if mixed { shadow_prices(types) } else { Vec::new() };
        Self {
            summed,
            prices,
            cheapest,
            ports: BTreeMap::new(),
            tasks: 0,
            now: SimTime::ZERO,
            changed: false,
            levels: Levels::default(),
            since: SimTime::ZERO,
            totals: BoundTotals::default(),
        }
    }

    /// Counts a task from `now` on, which is not before the last change.
    pub fn add(&mut self, now: SimTime, need: &Need<'_>) {
        self.advance(now);
        self.changed = true;
        self.tasks += 1;
        for (summed, amount) in self.summed.iter_mut().zip(need.amounts) {
            if amount > 0 {
                summed.each(amount, |sum, rounded| *sum += rounded);
            }
        }
        for port in need.ports {
            *self.ports.entry(*port).or_default() += 1;
        }
    }

    /// Stops counting a task that was added with the same need.
    pub fn remove(&mut self, now: SimTime, need: &Need<'_>) {
        self.advance(now);
        self.changed = true;
        self.tasks -= 1;
        for (summed, amount) in self.summed.iter_mut().zip(need.amounts) {
            if amount > 0 {
                summed.each(amount, |sum, rounded| *sum -= rounded);
            }
        }
        for port in need.ports {
            if let Some(count) = self.ports.get_mut(port) {
                *count -= 1;
            }
        }
    }

    /// The strongest bound on the tasks there are now, in the unit of price.
    pub fn value(&self) -> u64 {
        self.levels().strongest
    }

    /// The integrals from time zero to `now`, which is not before the last change.
    pub fn totals_at(&self, now: SimTime) -> BoundTotals {
        let mut totals = self.totals;
        totals.hold(&self.levels, self.now.saturating_since(self.since).as_nanos());
        let levels = if self.changed { self.levels() } else { self.levels };
        totals.hold(&levels, now.saturating_since(self.now).as_nanos());
        totals
    }

    /// Goes on to `now`. What happens at one instant is evaluated once, and integrated only when a
    /// level changes.
    fn advance(&mut self, now: SimTime) {
        if now <= self.now {
            return;
        }
        if self.changed {
            let levels = self.levels();
            if levels != self.levels {
                self.totals.hold(&self.levels, self.now.saturating_since(self.since).as_nanos());
                self.levels = levels;
                self.since = self.now;
            }
            self.changed = false;
        }
        self.now = now;
    }

    fn levels(&self) -> Levels {
        let mut by_resource = [0; RESOURCES];
        let any = u64::from(self.tasks > 0);
        let mut instances = any;
        for (plain, summed) in by_resource.iter_mut().zip(&self.summed) {
            if summed.capacity > 0 && summed.sums[0] > 0 {
                let (sum, largest) = summed.largest();
                *plain = sum.div_ceil(summed.capacity);
                // Rounding rarely adds an instance, and a product is cheaper than a division.
                instances = instances.max(*plain);
                if instances.checked_mul(summed.capacity).is_some_and(|room| room < largest) {
                    instances = largest.div_ceil(summed.capacity);
                }
            }
        }
        let ports = self.ports.values().copied().max().unwrap_or(0);
        by_resource[Resource::HostPorts as usize] = ports;
        let sums = by_resource.iter().copied().fold(any, u64::max).saturating_mul(self.cheapest);
        let mut strongest = instances.max(ports).saturating_mul(self.cheapest);
        if !self.prices.is_empty() {
            let demand = std::array::from_fn(|d| self.summed[d].sums[0]);
            let aggregate = self.prices.iter().map(|prices| prices.bound(&demand));
            strongest = aggregate.fold(strongest, u64::max);
        }
        Levels { by_resource, sums, strongest }
    }
}

impl BoundTotals {
    /// Adds `levels`, held for `nanos`.
    fn hold(&mut self, levels: &Levels, nanos: u64) {
        if nanos > 0 {
            self.sums.hold(levels.sums, nanos);
            self.strongest.hold(levels.strongest, nanos);
            for (total, level) in self.by_resource.iter_mut().zip(levels.by_resource) {
                *total += u128::from(level) * u128::from(nanos);
            }
        }
    }

    /// Adds the integrals of another pool. Peaks need not coincide: the larger one stays.
    pub fn merge(&mut self, other: &Self) {
        for (own, other) in [(&mut self.sums, other.sums), (&mut self.strongest, other.strongest)] {
            own.integral += other.integral;
            own.peak = own.peak.max(other.peak);
        }
        for (total, more) in self.by_resource.iter_mut().zip(other.by_resource) {
            *total += more;
        }
    }
}

impl Roundings {
    /// `sizes` in any order, with repetitions.
    fn new(capacity: u64, mut sizes: Vec<u64>) -> Self {
        sizes.sort_unstable();
        sizes.dedup();
        sizes.retain(|size| 0 < *size && *size <= capacity / 2);
        let mut functions = vec![Rounding::NONE];
        if capacity > 0 {
            let kept = sizes.len().min(MAX_ROUNDINGS - 2);
            // Evenly spread over the distinct sizes, the largest among them.
            let spread = (1..=kept).map(|nth| sizes[nth * sizes.len() / kept - 1]);
            functions.extend(spread.map(|size| Rounding::at(size, capacity)));
            functions.push(Rounding::half(capacity));
        }
        Self { capacity, sums: vec![0; functions.len()], functions }
    }

    /// Changes every sum by the rounded `amount`.
    #[inline]
    fn each(&mut self, amount: u64, change: impl Fn(&mut u64, u64)) {
        for (sum, function) in self.sums.iter_mut().zip(&self.functions) {
            change(sum, function.rounded(amount, self.capacity));
        }
    }

    /// The plain sum, and the largest rounded one.
    fn largest(&self) -> (u64, u64) {
        let plain = self.sums.first().copied().unwrap_or(0);
        (plain, self.sums.iter().copied().fold(plain, u64::max))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::bounds::{l1, l2};

    fn memory(mib: u64) -> Need<'static> {
        Need::new(Cpu::ZERO, Mib::new(mib), 0, 0, &[])
    }

    fn at(second: u64) -> SimTime {
        SimTime::from_secs(second)
    }

    #[test]
    fn what_happens_at_one_instant_has_no_weight() {
        let mut bound = PackingBound::new(&[memory(10).priced(1)], [memory(6)]);
        for _ in 0..100 {
            bound.add(at(5), &memory(6));
        }
        for _ in 0..99 {
            bound.remove(at(5), &memory(6));
        }
        let totals = bound.totals_at(at(7));
        assert_eq!(totals.strongest, Bound { integral: 2_000_000_000, peak: 1 });
    }

    #[test]
    fn tasks_with_one_static_port_never_share_an_instance() {
        let ports = [(80, Protocol::Tcp)];
        let web = Need::new(Cpu::from_ecs_units(1), Mib::new(1), 0, 0, &ports);
        let other = Need { ports: &[(80, Protocol::Udp)], ..web };
        let shape = Need::new(Cpu::from_ecs_units(1024), Mib::new(1024), 0, 0, &[]);
        let mut bound = PackingBound::new(&[shape.priced(1)], [web]);
        for _ in 0..3 {
            bound.add(at(0), &web);
        }
        bound.add(at(0), &other);
        assert_eq!(bound.value(), 3);
        assert_eq!(bound.levels().by_resource, [1, 1, 0, 0, 3]);
        bound.remove(at(1), &web);
        assert_eq!(bound.totals_at(at(2)).strongest.integral, 5_000_000_000);
    }

    #[test]
    fn network_interfaces_and_gpus_bound_too() {
        let shape = Need::new(Cpu::from_ecs_units(4096), Mib::new(8192), 4, 3, &[]);
        let task = |gpus| Need::new(Cpu::from_ecs_units(128), Mib::new(128), gpus, 1, &[]);
        let mut bound = PackingBound::new(&[shape.priced(1)], [task(0), task(3)]);
        for _ in 0..7 {
            bound.add(at(0), &task(0));
        }
        assert_eq!(bound.levels().by_resource, [1, 1, 0, 3, 0]);
        for _ in 0..4 {
            bound.add(at(0), &task(3));
        }
        // Three instances hold twelve GPUs, but no two of these tasks fit on one.
        assert_eq!(bound.levels().by_resource[Resource::Gpus as usize], 3);
        assert_eq!(bound.value(), 4);
    }

    #[test]
    fn several_types_are_bounded_by_the_aggregate_program() {
        let shape = |cpu, memory| Need::new(Cpu::from_ecs_units(cpu), Mib::new(memory), 0, 0, &[]);
        let types = [shape(4096, 8192).priced(1), shape(2048, 16_384).priced(1)];
        let task = shape(2048, 8192);
        let mut bound = PackingBound::new(&types, [task]);
        for _ in 0..4 {
            bound.add(at(0), &task);
        }
        // Each resource alone would do with two instances of its best type: 4 × 2048 / 4096.
        assert_eq!(bound.levels().by_resource[..2], [2, 2]);
        assert_eq!(bound.value(), 3, "8192/6144 + 32768/24576, rounded up");
    }

    proptest! {
        #[test]
        fn with_few_sizes_it_is_l2_of_each_resource(
            capacity in 10u64..200,
            sizes in prop::collection::vec(1u64..=200, 1..13),
            picks in prop::collection::vec(0usize..13, 0..40),
        ) {
            let sizes: Vec<u64> = sizes.iter().map(|size| size.min(&capacity)).copied().collect();
            let tasks: Vec<u64> = picks.iter().map(|pick| sizes[pick % sizes.len()]).collect();
            let needs = sizes.iter().map(|size| memory(*size));
            let mut bound = PackingBound::new(&[memory(capacity).priced(1)], needs);
            for size in &tasks {
                bound.add(at(0), &memory(*size));
            }
            prop_assert!(bound.value() >= l2(&tasks, capacity));
            // Thresholds of sizes that no task has are dual feasible functions all the same.
            prop_assert!(tasks.len() as u64 >= bound.value());
            prop_assert_eq!(bound.levels().by_resource[1], l1(&tasks, capacity));
            for size in &tasks {
                bound.remove(at(0), &memory(*size));
            }
            prop_assert_eq!(bound.value(), 0);
        }

        #[test]
        fn with_many_sizes_it_lies_between_l1_and_l2_of_all_thresholds(
            sizes in prop::collection::vec(1u64..=1000, 1..100),
        ) {
            let needs = sizes.iter().map(|size| memory(*size));
            let mut bound = PackingBound::new(&[memory(1000).priced(1)], needs);
            for size in &sizes {
                bound.add(at(0), &memory(*size));
            }
            prop_assert!(l1(&sizes, 1000) <= bound.value());
            prop_assert!(bound.value() <= l2(&sizes, 1000));
        }
    }
}

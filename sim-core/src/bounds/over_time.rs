//! Bounds on tasks that run over given intervals.

use super::InstanceType;
use super::packing::{Bound, BoundTotals, Need, PackingBound};
use crate::units::{SimDuration, SimTime};

/// A task in `[from, until)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval<'a> {
    /// Start.
    pub from: SimTime,
    /// End, exclusive; an interval that ends before it starts is empty.
    pub until: SimTime,
    /// What the task takes meanwhile.
    pub need: Need<'a>,
}

/// The time-indexed bound: at every instant the tasks there are need at least so much, whatever was
/// placed where before. The sweep over starts and ends costs O(n log n).
pub fn over_time(types: &[InstanceType<4>], intervals: &[Interval<'_>]) -> BoundTotals {
    let mut bound = PackingBound::new(types, intervals.iter().map(|it| it.need));
    let mut end = SimTime::ZERO;
    let times = intervals.iter().map(|it| (it.from, it.until));
    sweep(times.zip(0u32..), |at, starts, index| {
        let need = &intervals[index as usize].need;
        if starts {
            bound.add(at, need);
        } else {
            bound.remove(at, need);
        }
        end = at;
    });
    bound.totals_at(end)
}

/// Calls `change` at the start and the end of every interval that is not empty, in order of time, ends
/// first. Starts and ends are sorted apart: starts mostly are in order as they come.
pub fn sweep(
    intervals: impl Iterator<Item = ((SimTime, SimTime), u32)>,
    mut change: impl FnMut(SimTime, bool, u32),
) {
    let (mut starts, mut ends): (Vec<_>, Vec<_>) = intervals
        .filter(|((from, until), _)| from < until)
        .map(|((from, until), index)| ((from, index), (until, index)))
        .unzip();
    starts.sort_unstable();
    ends.sort_unstable();
    let mut ends = ends.into_iter().peekable();
    for (at, index) in starts {
        while let Some((end, ended)) = ends.next_if(|(end, _)| *end <= at) {
            change(end, false, ended);
        }
        change(at, true, index);
    }
    for (end, ended) in ends {
        change(end, false, ended);
    }
}

/// The time-indexed bound of an empty cluster whose instances are paid for `boot` before they are of
/// use: as many as are needed at once must boot at some time.
pub fn with_boot(bound: Bound, boot: SimDuration) -> u128 {
    bound.integral + u128::from(bound.peak) * u128::from(boot.as_nanos())
}

/// The span bound: how long at least one task ran, in instance·ns.
pub fn span(intervals: &[Interval<'_>]) -> u128 {
    let mut sorted: Vec<(SimTime, SimTime)> =
        intervals.iter().map(|it| (it.from, it.until)).collect();
    sorted.sort_unstable();
    let mut covered = SimTime::ZERO;
    let mut total: u128 = 0;
    for (from, until) in sorted {
        total += u128::from(until.saturating_since(from.max(covered)).as_nanos());
        covered = covered.max(until);
    }
    total
}

/// The utilization bound: for the scarcest resource, what the tasks take over time in units of what
/// one instance has, in instance·ns rounded down.
pub fn utilization_bound(instance: &Need<'_>, intervals: &[Interval<'_>]) -> u128 {
    let bound = |resource: usize| {
        let taken = intervals.iter().map(|it| {
            let length = it.until.saturating_since(it.from).as_nanos();
            u128::from(it.need.amounts()[resource]) * u128::from(length)
        });
        taken.sum::<u128>().checked_div(u128::from(instance.amounts()[resource])).unwrap_or(0)
    };
    (0..instance.amounts().len()).map(bound).max().unwrap_or(0)
}

/// μ: the longest of `durations` over the shortest, those without length left out. `None` if there are
/// none.
pub fn duration_ratio(durations: impl IntoIterator<Item = SimDuration>) -> Option<f64> {
    let mut extremes = None;
    for length in durations.into_iter().map(SimDuration::as_nanos).filter(|nanos| *nanos > 0) {
        let (short, long) = extremes.unwrap_or((length, length));
        extremes = Some((length.min(short), length.max(long)));
    }
    extremes.map(|(short, long)| long as f64 / short as f64)
}

/// How far `actual` is above `bound`, as a fraction of the bound; `None` if the bound is zero.
pub fn gap(actual: u128, bound: u128) -> Option<f64> {
    (bound > 0).then(|| {
        let excess =
            if actual >= bound { (actual - bound) as f64 } else { -((bound - actual) as f64) };
        excess / bound as f64
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::units::{Cpu, Mib, NANOS_PER_SECOND};

    const SECOND: u128 = NANOS_PER_SECOND as u128;

    /// CPU here is in ECS units, which the bound does not care about.
    fn need(cpu: u32, memory: u64) -> Need<'static> {
        Need::new(Cpu::from_ecs_units(cpu), Mib::new(memory), 0, 0, &[])
    }

    fn task(from: u64, until: u64, cpu: u32, memory: u64) -> Interval<'static> {
        Interval {
            from: SimTime::from_secs(from),
            until: SimTime::from_secs(until),
            need: need(cpu, memory),
        }
    }

    /// The worked example: tasks on instances of 2000 units and 8192 MiB.
    fn example() -> (Need<'static>, [Interval<'static>; 6]) {
        let tasks = [
            task(0, 60, 512, 1024),
            task(10, 40, 1024, 2048),
            task(10, 70, 1024, 2048),
            task(30, 90, 512, 4096),
            task(50, 100, 1536, 2048),
            task(80, 120, 256, 512),
        ];
        (need(2000, 8192), tasks)
    }

    /// Instances of online first-fit that are closed when empty: their number per task, and how long
    /// they are open in total.
    fn first_fit(instance: &Need<'_>, tasks: &[Interval<'_>]) -> (Vec<usize>, u128) {
        let mut placed: Vec<usize> = Vec::new();
        for (index, task) in tasks.iter().enumerate() {
            let used = |number: usize, at: SimTime| -> [u64; 4] {
                let there = placed.iter().zip(&tasks[..index]);
                let mut sum = [0; 4];
                for (_, other) in there.filter(|(n, it)| **n == number && at < it.until) {
                    for (sum, amount) in sum.iter_mut().zip(other.need.amounts()) {
                        *sum += amount;
                    }
                }
                sum
            };
            let opened = placed.iter().max().map_or(0, |number| number + 1);
            let fits = |number: &usize| {
                let used = used(*number, task.from);
                used.iter().any(|amount| *amount > 0)
                    && used
                        .iter()
                        .zip(task.need.amounts())
                        .zip(instance.amounts())
                        .all(|((used, more), room)| used + more <= room)
            };
            placed.push((0..opened).find(fits).unwrap_or(opened));
        }
        let open = (0..tasks.len()).map(|number| {
            let there = placed.iter().zip(tasks).filter(|(n, _)| **n == number);
            span(&there.map(|(_, task)| *task).collect::<Vec<_>>())
        });
        let total = open.sum();
        (placed, total)
    }

    #[test]
    fn time_indexed_bound_of_the_example_is_200_instance_seconds() {
        let (instance, tasks) = example();
        let totals = over_time(&[instance.priced(1)], &tasks);
        assert_eq!(totals.sums, Bound { integral: 200 * SECOND, peak: 2 });
        let micro_usd = totals.sums.integral as f64 * 96_000.0 / 3600.0 / SECOND as f64;
        assert!((micro_usd - 5333.33).abs() < 0.005, "{micro_usd}");
        // With the price as the unit the same comes out of the bound itself.
        let priced = over_time(&[instance.priced(96_000)], &tasks);
        assert_eq!(priced.sums.integral, totals.sums.integral * 96_000);
    }

    /// From second 50 to 60, 1536 leaves too little for 512, and 1024 + 512 + 512 is more than 2000.
    #[test]
    fn l2_adds_10_instance_seconds_to_the_example() {
        let (instance, tasks) = example();
        let totals = over_time(&[instance.priced(1)], &tasks);
        assert_eq!(totals.strongest, Bound { integral: 210 * SECOND, peak: 3 });
    }

    #[test]
    fn the_levels_of_the_example_are_1_2_1() {
        let (instance, tasks) = example();
        let during = |from: u64, until: u64| {
            let clip = |it: &Interval<'static>| Interval {
                from: it.from.max(SimTime::from_secs(from)),
                until: it.until.min(SimTime::from_secs(until)),
                ..*it
            };
            let clipped: Vec<_> = tasks.iter().map(clip).collect();
            over_time(&[instance.priced(1)], &clipped).sums.integral / SECOND
        };
        assert_eq!((during(0, 10), during(10, 90), during(90, 120)), (10, 160, 30));
    }

    #[test]
    fn weaker_bounds_of_the_example_are_120_32_and_120() {
        let (instance, tasks) = example();
        assert_eq!(utilization_bound(&instance, &tasks), 120_320_000_000);
        assert_eq!(span(&tasks), 120 * SECOND);
    }

    #[test]
    fn a_boot_of_60_seconds_adds_3_200_micro_dollars() {
        let (instance, tasks) = example();
        let totals = over_time(&[instance.priced(1)], &tasks);
        let added = with_boot(totals.sums, SimDuration::from_secs(60)) - totals.sums.integral;
        assert_eq!(added * 96_000 / 3600 / SECOND, 3200);
    }

    #[test]
    fn first_fit_of_the_example_is_10_percent_above_the_bound() {
        let (instance, tasks) = example();
        let (placed, open) = first_fit(&instance, &tasks);
        assert_eq!(placed, [0, 0, 1, 1, 2, 1]);
        assert_eq!(open, 220 * SECOND);
        let bound = over_time(&[instance.priced(1)], &tasks);
        let above_sums = gap(open, bound.sums.integral).expect("the bound is not zero");
        assert!((above_sums - 0.1).abs() < 1e-12, "{above_sums}");
        let above_l2 = gap(open, bound.strongest.integral).expect("the bound is not zero");
        assert!((above_l2 - 10.0 / 210.0).abs() < 1e-12, "{above_l2}");
        let lengths = tasks.iter().map(|it| it.until.saturating_since(it.from));
        assert_eq!(duration_ratio(lengths), Some(2.0));
    }

    #[test]
    fn gaps_may_be_negative_and_need_a_bound() {
        assert_eq!(gap(5, 0), None);
        assert_eq!(gap(5, 10), Some(-0.5));
        assert_eq!(duration_ratio([SimDuration::ZERO]), None);
    }

    proptest! {
        /// Bounds in order of strength, and below what an online packing needs.
        #[test]
        fn every_bound_is_below_an_actual_packing(
            tasks in prop::collection::vec((0u64..100, 1u64..50, 1u32..=2000, 1u64..=8192), 0..25),
        ) {
            let mut tasks: Vec<Interval<'_>> = tasks
                .into_iter()
                .map(|(from, length, cpu, memory)| task(from, from + length, cpu, memory))
                .collect();
            tasks.sort_by_key(|it| it.from);
            let instance = need(2000, 8192);
            let bound = over_time(&[instance.priced(1)], &tasks);
            let (_, open) = first_fit(&instance, &tasks);
            let (sums, strongest) = (bound.sums.integral, bound.strongest.integral);
            prop_assert!(strongest <= open);
            prop_assert!(sums <= strongest);
            prop_assert!(span(&tasks) <= sums);
            prop_assert!(utilization_bound(&instance, &tasks) <= sums);
            for resource in bound.by_resource {
                prop_assert!(resource <= sums);
            }
            // A larger type beside it cannot raise the bound.
            let types = [instance.priced(1), need(4000, 8192).priced(1)];
            prop_assert!(over_time(&types, &tasks).strongest.integral <= strongest);
        }
    }
}

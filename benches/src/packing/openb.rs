//! The tasks of a production GPU cluster on its machines ("openb", Alibaba, 2023).

use std::path::Path;

use plimsoll_core::bounds::{self, Interval, Need};
use plimsoll_core::units::{Cpu, InstanceId, Mib, SimTime};

use super::cluster::{Cluster, Rule, Size};
use super::{StudyError, Table};

/// A task of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Task {
    /// What it asks for. A task that asks for a part of a GPU takes a whole one, as on ECS.
    pub size: Size,
    /// Creation.
    pub from: SimTime,
    /// Deletion.
    pub until: SimTime,
}

/// Machines in file order.
///
/// # Errors
/// The file is missing or not as documented.
pub fn machines(folder: &Path) -> Result<Vec<Size>, StudyError> {
    let table = Table::read(folder, "cluster/openb/nodes.csv")?;
    let size = |row: super::Row<'_>| {
        Ok(Size {
            cpu: Cpu::from_millicores(row.number("cpu_milli")?),
            memory: Mib::new(row.number("memory_mib")?),
            gpus: row.number("gpu")?,
        })
    };
    table.rows().map(size).collect()
}

/// Tasks in file order; `list` is `default`, `cpu050` or `gpushare40`.
///
/// # Errors
/// The file is missing or not as documented.
pub fn tasks(folder: &Path, list: &str) -> Result<Vec<Task>, StudyError> {
    let table = Table::read(folder, &format!("cluster/openb/pods_{list}.csv"))?;
    let task = |row: super::Row<'_>| {
        Ok(Task {
            size: Size {
                cpu: Cpu::from_millicores(row.number("cpu_milli")?),
                memory: Mib::new(row.number("memory_mib")?),
                gpus: row.number("num_gpu")?,
            },
            from: SimTime::from_secs(row.number("creation_time")?),
            until: SimTime::from_secs(row.number("deletion_time")?),
        })
    };
    table.rows().map(task).collect()
}

/// A cluster of all `machines`, in their order.
fn cluster(rule: Rule, machines: &[Size]) -> Cluster {
    let mut cluster = Cluster::new(rule, machines.to_vec());
    for machine in machines {
        cluster.add(*machine);
    }
    cluster
}

/// How many of the tasks find no place, looking at CPU and memory only: one after the other in file
/// order, none ends.
pub fn unplaced(rule: Rule, machines: &[Size], tasks: &[Task]) -> usize {
    let mut cluster = cluster(rule, machines);
    let plain = |task: &&Task| cluster.place(Size { gpus: 0, ..task.size }).is_none();
    tasks.iter().filter(plain).count()
}

/// What became of the tasks with arrivals and departures as recorded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Replay {
    /// Tasks that found no place when they arrived, and were dropped.
    pub unplaced: usize,
    /// Machines that ran a task at some time.
    pub used: usize,
    /// Most machines that ran tasks at once.
    pub peak: usize,
    /// Machine-hours with at least one task.
    pub hours: f64,
    /// Fewest machine-hours that could have held the tasks that were placed, on machines of any of the
    /// sizes, as many as needed of each.
    pub bound_hours: f64,
    /// Bound over actual.
    pub efficiency: f64,
    /// GPUs idle when most of the GPUs were asked for, as a share of all.
    pub idle_gpus: f64,
    /// Share of them on machines where an average GPU task of the list finds no place, for lack of
    /// GPUs, CPU or memory.
    pub fragmented: f64,
}

/// Replays arrivals and departures: tasks are placed when they are created, without waiting, and hold
/// CPU, memory and whole GPUs until they are deleted.
pub fn replay(rule: Rule, machines: &[Size], tasks: &[Task]) -> Replay {
    let mut changes: Vec<(SimTime, bool, usize)> = Vec::with_capacity(2 * tasks.len());
    for (index, task) in tasks.iter().enumerate().filter(|(_, task)| task.from < task.until) {
        changes.push((task.from, true, index));
        changes.push((task.until, false, index));
    }
    // At one instant departures come first, then arrivals in file order.
    changes.sort_unstable();
    let busiest = busiest_arrival(&changes, tasks);

    let mut cluster = cluster(rule, machines);
    let mut places: Vec<Option<InstanceId>> = vec![None; tasks.len()];
    let mut running = vec![0u32; machines.len()];
    let mut ever = vec![false; machines.len()];
    let (mut busy, mut peak, mut unplaced) = (0usize, 0, 0);
    let (mut since, mut area) = (SimTime::ZERO, 0u128);
    let mut fragments = (0.0, 0.0);
    for (position, (at, arrives, index)) in changes.iter().copied().enumerate() {
        area += busy as u128 * u128::from(at.saturating_since(since).as_nanos());
        since = at;
        let task = &tasks[index];
        if arrives {
            places[index] = cluster.place(task.size);
            match places[index] {
                Some(InstanceId(machine)) => {
                    let machine = machine as usize;
                    busy += usize::from(running[machine] == 0);
                    running[machine] += 1;
                    ever[machine] = true;
                }
                None => unplaced += 1,
            }
            peak = peak.max(busy);
        } else if let Some(InstanceId(machine)) = places[index] {
            cluster.release(InstanceId(machine), task.size);
            running[machine as usize] -= 1;
            busy -= usize::from(running[machine as usize] == 0);
        }
        if Some(position) == busiest {
            fragments = fragmentation(&cluster, machines, tasks);
        }
    }
    let need = |size: &Size| Need::new(size.cpu, size.memory, size.gpus, 0, &[]);
    let placed = tasks.iter().zip(&places).filter(|(_, place)| place.is_some());
    let intervals: Vec<Interval<'_>> = placed
        .map(|(task, _)| Interval { from: task.from, until: task.until, need: need(&task.size) })
        .collect();
    let types: Vec<_> = machines.iter().map(|machine| need(machine).priced(1)).collect();
    let bound = bounds::over_time(&types, &intervals).strongest.integral;
    let hours = |integral: u128| integral as f64 / 3.6e12;
    Replay {
        unplaced,
        used: ever.iter().filter(|used| **used).count(),
        peak,
        hours: hours(area),
        bound_hours: hours(bound),
        efficiency: bound as f64 / area.max(1) as f64,
        idle_gpus: fragments.0,
        fragmented: fragments.1,
    }
}

/// Position of the arrival after which most GPUs are asked for, whatever was placed.
fn busiest_arrival(changes: &[(SimTime, bool, usize)], tasks: &[Task]) -> Option<usize> {
    let (mut asked, mut most, mut busiest) = (0u64, 0, None);
    for (position, (_, arrives, index)) in changes.iter().enumerate() {
        let gpus = u64::from(tasks[*index].size.gpus);
        if *arrives {
            asked += gpus;
        } else {
            asked -= gpus;
        }
        if most < asked {
            (most, busiest) = (asked, Some(position));
        }
    }
    busiest
}

/// The idle share of all GPUs, and the share of the idle ones that an average GPU task cannot use.
fn fragmentation(cluster: &Cluster, machines: &[Size], tasks: &[Task]) -> (f64, f64) {
    let mut kinds: Vec<Size> = tasks.iter().map(|task| task.size).collect();
    kinds.retain(|size| size.gpus > 0);
    kinds.sort_unstable();
    let total: u64 = machines.iter().map(|machine| u64::from(machine.gpus)).sum();
    let (mut idle, mut out_of_reach) = (0u64, 0u64);
    for machine in 0..cluster.instances() {
        let free = cluster.free(InstanceId(machine));
        if free.gpus == 0 {
            continue;
        }
        idle += u64::from(free.gpus);
        for kind in kinds.chunk_by(|a, b| a == b) {
            if !free.holds(&kind[0]) {
                out_of_reach += kind.len() as u64 * u64::from(free.gpus);
            }
        }
    }
    let ratio = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
    (ratio(idle, total), ratio(out_of_reach, idle * kinds.len() as u64))
}

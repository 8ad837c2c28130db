//! Tasks that need memory only, on identical instances: one-dimensional bin packing.
//!
//! The instances are Falkenauer's uniform ones and Waescher's hard ones, with the best packings known
//! and with counts of the classical heuristics that were computed without plimsoll.

use std::path::Path;

use plimsoll_core::bounds;
use plimsoll_core::units::Mib;

use super::cluster::{Cluster, Rule, Size};
use super::{StudyError, Table};

/// A set of tasks and what is known about it.
#[derive(Clone, Debug)]
pub struct Instance {
    /// Its name.
    pub name: String,
    /// The set it belongs to.
    pub set: String,
    /// Memory of an instance.
    pub capacity: u64,
    /// Sizes of the tasks in file order.
    pub tasks: Vec<u64>,
    /// The sum bound of the file.
    pub lower_bound: u64,
    /// Instances of the best packing known; `None` where the file states none.
    pub best_known: Option<u64>,
    /// Counts of the heuristics, computed elsewhere.
    pub checked: Counts,
}

/// Instances that a rule needs, for tasks in file order and largest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// First-fit.
    pub first_fit: u64,
    /// Best-fit, which is `binpack` on memory.
    pub best_fit: u64,
    /// Most-free, or worst-fit.
    pub most_free: u64,
    /// First-fit, largest first.
    pub first_fit_decreasing: u64,
    /// Best-fit, largest first.
    pub best_fit_decreasing: u64,
    /// Most-free, largest first.
    pub most_free_decreasing: u64,
}

/// The instances in `folder/binpack`.
///
/// # Errors
/// A file is missing or not as documented.
pub fn read(folder: &Path) -> Result<Vec<Instance>, StudyError> {
    let items = Table::read(folder, "binpack/items.csv")?;
    let results = Table::read(folder, "binpack/results.csv")?;
    let mut instances = Vec::new();
    for (items, row) in items.rows().zip(results.rows()) {
        let name = items.text("instance")?;
        if row.text("instance")? != name {
            return Err(row.error("instance"));
        }
        let tasks = items.text("items")?.split_whitespace();
        let tasks: Result<Vec<u64>, _> = tasks.map(str::parse).collect();
        let best_known = row.text("best_known")?;
        instances.push(Instance {
            name: name.to_owned(),
            set: row.text("set")?.to_owned(),
            capacity: items.number("capacity")?,
            tasks: tasks.map_err(|_| items.error("items"))?,
            lower_bound: row.number("lower_bound")?,
            best_known: if best_known.is_empty() { None } else { Some(row.number("best_known")?) },
            checked: Counts {
                first_fit: row.number("check_ff")?,
                best_fit: row.number("check_bf")?,
                most_free: row.number("check_wf")?,
                first_fit_decreasing: row.number("check_ffd")?,
                best_fit_decreasing: row.number("check_bfd")?,
                most_free_decreasing: row.number("check_wfd")?,
            },
        });
    }
    Ok(instances)
}

impl Instance {
    /// Instances that plimsoll's placement opens for the tasks: one is added when none fits.
    pub fn counts(&self) -> Counts {
        let mut decreasing = self.tasks.clone();
        decreasing.sort_by_key(|size| std::cmp::Reverse(*size));
        let pack = |rule, tasks: &[u64]| pack(rule, self.capacity, tasks);
        Counts {
            first_fit: pack(Rule::FirstFit, &self.tasks),
            best_fit: pack(Rule::BinpackMemory, &self.tasks),
            most_free: pack(Rule::MostFree, &self.tasks),
            first_fit_decreasing: pack(Rule::FirstFit, &decreasing),
            best_fit_decreasing: pack(Rule::BinpackMemory, &decreasing),
            most_free_decreasing: pack(Rule::MostFree, &decreasing),
        }
    }

    /// The sum bound and the bound of Martello and Toth.
    pub fn bounds(&self) -> (u64, u64) {
        (bounds::l1(&self.tasks, self.capacity), bounds::l2(&self.tasks, self.capacity))
    }
}

impl Counts {
    /// The counts in the order of the fields.
    pub fn all(&self) -> [u64; 6] {
        [
            self.first_fit,
            self.best_fit,
            self.most_free,
            self.first_fit_decreasing,
            self.best_fit_decreasing,
            self.most_free_decreasing,
        ]
    }
}

/// Instances that hold `tasks`, placed one after the other.
fn pack(rule: Rule, capacity: u64, tasks: &[u64]) -> u64 {
    let size = |memory| Size { memory: Mib::new(memory), ..Size::default() };
    let mut cluster = Cluster::new(rule, vec![size(capacity)]);
    for memory in tasks {
        if cluster.place(size(*memory)).is_none() {
            cluster.add(size(capacity));
            let placed = cluster.place(size(*memory));
            assert!(placed.is_some(), "a task of {memory} fits on an instance of {capacity}");
        }
    }
    u64::from(cluster.instances())
}

//! Where the tasks of each task group are.

use crate::units::{IdVec, TaskGroupId, ZoneId};

/// The tasks of one group: those whose desired status is RUNNING, in any state before stopping.
#[derive(Clone, Debug)]
pub(super) struct TaskGroup {
    pub(super) name: String,
    by_zone: Vec<u32>,
    by_pool: Vec<u32>,
}

/// The task groups of a cluster.
#[derive(Clone, Debug, Default)]
pub(super) struct TaskGroups {
    groups: IdVec<TaskGroupId, TaskGroup>,
}

impl TaskGroups {
    pub(super) fn add(&mut self, name: &str, zones: usize) -> TaskGroupId {
        let (by_zone, by_pool) = (vec![0; zones], Vec::new());
        self.groups.push(TaskGroup { name: name.to_owned(), by_zone, by_pool })
    }

    pub(super) fn name(&self, group: TaskGroupId) -> &str {
        &self.groups[group].name
    }

    pub(super) fn in_zone(&self, group: TaskGroupId, zone: ZoneId) -> u32 {
        self.groups[group].by_zone[zone.0 as usize]
    }

    pub(super) fn in_pool(&self, group: TaskGroupId, pool: usize) -> u32 {
        self.groups[group].by_pool.get(pool).copied().unwrap_or(0)
    }

    /// Counts a task; `pool` is `None` on Fargate.
    pub(super) fn count(&mut self, group: TaskGroupId, zone: ZoneId, pool: Option<usize>) {
        let group = &mut self.groups[group];
        group.by_zone[zone.0 as usize] += 1;
        if let Some(pool) = pool {
            if group.by_pool.len() <= pool {
                group.by_pool.resize(pool + 1, 0);
            }
            group.by_pool[pool] += 1;
        }
    }

    /// Stops counting a task.
    pub(super) fn uncount(&mut self, group: TaskGroupId, zone: ZoneId, pool: Option<usize>) {
        let group = &mut self.groups[group];
        group.by_zone[zone.0 as usize] -= 1;
        if let Some(pool) = pool {
            group.by_pool[pool] -= 1;
        }
    }
}

//! What is reserved: integrals that follow every change of a reservation.

use super::state::GroupState;
use super::task::Owner;
use super::world::World;
use crate::units::{AsgId, Cpu, InstanceId, Mib, SimTime, TaskDefinitionId, TaskId};

/// Keeps the integral of the fewest instances that could hold a group's tasks and those that wait for it.
pub(super) fn bound_instances(group: &mut GroupState<'_>, now: SimTime) {
    // With several types, the most that any of them has of each: fewer cannot do.
    let (largest_cpu, largest_memory) = group.purchase.largest();
    let instances = |cpu: u64, memory: u64| {
        let by_cpu = cpu.div_ceil(largest_cpu.as_raw().max(1));
        by_cpu.max(memory.div_ceil(largest_memory.as_mib().max(1)))
    };
    let wanted = instances(
        group.reserved_cpu + group.waiting_cpu,
        group.reserved_memory + group.waiting_memory,
    );
    let waiting = 0 < group.waiting_cpu + group.waiting_memory;
    let at_maximum = u64::from(waiting && group.desired >= group.operation.max_size);
    let integrals = [(&mut group.wanted, wanted), (&mut group.waiting_at_maximum, at_maximum)];
    for (integral, value) in integrals {
        if value != integral.value() {
            integral.set(now, value);
        }
    }
    group.elasticity.observe(now, wanted, group.registered.value());
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Add,
    Remove,
}

/// Weight of a reservation in the split of an instance's cost: 9 for a vCPU against 1 for a GiB, as
/// AWS's split cost allocation data weighs them. One vCPU counts 9 × 128 000.
pub(super) fn split_weight(cpu: Cpu, memory: Mib) -> u64 {
    9 * cpu.as_raw() + 125 * memory.as_mib()
}

impl World<'_, '_> {
    /// Stops counting a task on Fargate in the task group of its owner.
    pub(super) fn uncount_on_fargate(&mut self, id: TaskId) {
        let task = &self.tasks[id];
        if let Some(zone) = task.zone {
            let group = self.task_group(task.owner);
            self.fleet.uncount(group, zone, None);
        }
    }

    /// Keeps the integrals of reserved resources in step with the fleet.
    pub(super) fn change_reservation(
        &mut self,
        instance: InstanceId,
        group: AsgId,
        owner: Owner,
        (definition, cpu, memory): (TaskDefinitionId, Cpu, Mib),
        change: Change,
        now: SimTime,
    ) {
        // Fewer instances would have fewer daemons: the bounds do not count them.
        let bounded = !self.is_daemon(owner);
        if bounded {
            self.pools.change(group, &self.demand(definition, cpu, memory), change, now);
        }
        let owner = self.owner_index(owner);
        let weight = split_weight(cpu, memory);
        let (cpu, memory) = (cpu.as_raw(), memory.as_mib());
        let group = &mut self.groups[group];
        let instance = &mut self.instances[instance];
        let integrals = [
            (&mut self.totals.reserved_cpu, cpu),
            (&mut self.totals.reserved_memory, memory),
            (&mut instance.reserved_cpu, cpu),
            (&mut instance.reserved_memory, memory),
            (&mut group.owner_weights[owner], weight),
        ];
        for (integral, amount) in integrals {
            match change {
                Change::Add => integral.add(now, amount),
                Change::Remove => integral.subtract(now, amount),
            }
        }
        if !bounded {
            return;
        }
        match change {
            Change::Add => {
                group.reserved_cpu += cpu;
                group.reserved_memory += memory;
            }
            Change::Remove => {
                group.reserved_cpu -= cpu;
                group.reserved_memory -= memory;
            }
        }
        bound_instances(group, now);
    }

    /// Counts a task that waits in PROVISIONING for the capacity of a group, or stops counting it.
    pub(super) fn change_waiting(&mut self, id: TaskId, change: Change, now: SimTime) {
        let task = &self.tasks[id];
        let (cpu, memory) = (task.cpu.as_raw(), task.memory.as_mib());
        let Some(group) = self.pool(task.capacity) else { return };
        let group = &mut self.groups[group];
        match change {
            Change::Add => {
                group.waiting_cpu += cpu;
                group.waiting_memory += memory;
            }
            Change::Remove => {
                group.waiting_cpu -= cpu;
                group.waiting_memory -= memory;
            }
        }
        bound_instances(group, now);
    }
}

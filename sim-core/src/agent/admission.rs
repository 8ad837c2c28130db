//! Host admission: the agent starts a task when what it holds leaves room, strictly in order.

use std::collections::VecDeque;

use crate::scenario::Protocol;
use crate::units::{Cpu, Mib};

/// What the agent accounts for a task: CPU, memory, GPUs and host ports, but no network interfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostDemand<'d> {
    /// CPU.
    pub cpu: Cpu,
    /// Memory.
    pub memory: Mib,
    /// Whole GPUs.
    pub gpus: u32,
    /// Host ports, TCP and UDP apart.
    pub ports: &'d [(u16, Protocol)],
}

/// Whether a task starts at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Its resources are held from now on.
    Admitted,
    /// It waits behind those that came before it.
    Queued,
}

/// The agent's book of one container instance. `K` names a task.
///
/// The queue is strictly first in, first out: while its head does not fit, later and smaller tasks wait
/// too. Memory: nothing is allocated until a task has to wait or takes a static port.
#[derive(Clone, Debug)]
pub struct Host<K> {
    cpu: Cpu,
    memory: Mib,
    gpus: u32,
    consumed_cpu: Cpu,
    consumed_memory: Mib,
    consumed_gpus: u32,
    /// Host ports in use, sorted.
    ports: Vec<(u16, Protocol)>,
    queue: VecDeque<K>,
}

impl<K: Copy + PartialEq> Host<K> {
    /// An instance that registers these resources and runs nothing.
    pub fn new(cpu: Cpu, memory: Mib, gpus: u32) -> Self {
        Self {
            cpu,
            memory,
            gpus,
            consumed_cpu: Cpu::ZERO,
            consumed_memory: Mib::ZERO,
            consumed_gpus: 0,
            ports: Vec::new(),
            queue: VecDeque::new(),
        }
    }

    /// A task arrives.
    pub fn arrive(&mut self, task: K, demand: &HostDemand<'_>) -> Admission {
        if self.queue.is_empty() && self.fits(demand) {
            self.consume(demand);
            return Admission::Admitted;
        }
        self.queue.push_back(task);
        Admission::Queued
    }

    /// Admits the head of the queue if it fits now; `demand` gives what a task needs.
    pub fn admit_head<'d>(&mut self, demand: impl FnOnce(K) -> HostDemand<'d>) -> Option<K> {
        let head = *self.queue.front()?;
        let demand = demand(head);
        if !self.fits(&demand) {
            return None;
        }
        self.queue.pop_front();
        self.consume(&demand);
        Some(head)
    }

    /// Takes a task that is to stop out of the queue; `false` if it does not wait.
    pub fn withdraw(&mut self, task: K) -> bool {
        let Some(position) = self.queue.iter().position(|queued| *queued == task) else {
            return false;
        };
        self.queue.remove(position);
        true
    }

    /// Gives back what an admitted task held; its containers are gone.
    pub fn release(&mut self, demand: &HostDemand<'_>) {
        self.consumed_cpu = self.consumed_cpu.saturating_sub(demand.cpu);
        self.consumed_memory = self.consumed_memory.saturating_sub(demand.memory);
        self.consumed_gpus = self.consumed_gpus.saturating_sub(demand.gpus);
        for port in demand.ports {
            if let Ok(at) = self.ports.binary_search(port) {
                self.ports.remove(at);
            }
        }
    }

    /// Number of tasks that wait.
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// CPU, memory and GPUs of admitted tasks.
    pub fn consumed(&self) -> (Cpu, Mib, u32) {
        (self.consumed_cpu, self.consumed_memory, self.consumed_gpus)
    }

    fn fits(&self, demand: &HostDemand<'_>) -> bool {
        self.consumed_cpu + demand.cpu <= self.cpu
            && self.consumed_memory + demand.memory <= self.memory
            && self.consumed_gpus + demand.gpus <= self.gpus
            && demand.ports.iter().all(|port| self.ports.binary_search(port).is_err())
    }

    fn consume(&mut self, demand: &HostDemand<'_>) {
        self.consumed_cpu += demand.cpu;
        self.consumed_memory += demand.memory;
        self.consumed_gpus += demand.gpus;
        for port in demand.ports {
            if let Err(at) = self.ports.binary_search(port) {
                self.ports.insert(at, *port);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(cpu: u32) -> HostDemand<'static> {
        HostDemand { cpu: Cpu::from_ecs_units(cpu), memory: Mib::new(64), gpus: 0, ports: &[] }
    }

    fn host() -> Host<u32> {
        Host::new(Cpu::from_ecs_units(2048), Mib::new(4096), 1)
    }

    #[test]
    fn a_small_task_does_not_overtake_a_large_one() {
        let mut host = host();
        let sizes = [1536, 1024, 256];
        let demand = |task: u32| units(sizes[task as usize]);
        assert_eq!(host.arrive(0, &demand(0)), Admission::Admitted);
        assert_eq!(host.arrive(1, &demand(1)), Admission::Queued);
        assert_eq!(host.arrive(2, &demand(2)), Admission::Queued, "512 are free, but 1 is first");
        assert_eq!(host.admit_head(demand), None);
        host.release(&demand(0));
        assert_eq!(host.admit_head(demand), Some(1));
        assert_eq!(host.admit_head(demand), Some(2));
        assert_eq!(host.admit_head(demand), None);
        assert_eq!(host.consumed().0, Cpu::from_ecs_units(1280));
    }

    #[test]
    fn a_stopped_head_makes_way() {
        let mut host = host();
        let sizes = [1536, 1024, 256];
        let demand = |task: u32| units(sizes[task as usize]);
        for task in 0..3 {
            host.arrive(task, &demand(task));
        }
        assert!(host.withdraw(1));
        assert!(!host.withdraw(1), "it does not wait any more");
        assert_eq!(host.admit_head(demand), Some(2));
    }

    #[test]
    fn each_resource_can_hold_a_task_back() {
        let tcp = [(80, Protocol::Tcp)];
        let udp = [(80, Protocol::Udp)];
        let none = units(0);
        let full = HostDemand { cpu: Cpu::from_ecs_units(2048), ..none };
        let cases = [
            (full, HostDemand { cpu: Cpu::from_ecs_units(1), ..none }, Admission::Queued),
            (
                HostDemand { memory: Mib::new(4096), ..none },
                HostDemand { memory: Mib::new(1), ..none },
                Admission::Queued,
            ),
            (HostDemand { gpus: 1, ..none }, HostDemand { gpus: 1, ..none }, Admission::Queued),
            (
                HostDemand { ports: &tcp, ..none },
                HostDemand { ports: &tcp, ..none },
                Admission::Queued,
            ),
            (
                HostDemand { ports: &tcp, ..none },
                HostDemand { ports: &udp, ..none },
                Admission::Admitted,
            ),
            (
                HostDemand { ports: &udp, ..none },
                HostDemand { ports: &udp, ..none },
                Admission::Queued,
            ),
        ];
        for (first, second, expected) in cases {
            let mut host = host();
            assert_eq!(host.arrive(0, &first), Admission::Admitted);
            assert_eq!(host.arrive(1, &second), expected, "{first:?} {second:?}");
            host.release(&first);
            if expected == Admission::Queued {
                assert_eq!(host.admit_head(|_| second), Some(1), "{second:?}");
            }
        }
    }
}

//! Demands that found no room, and what changed since: an overloaded queue asks for the same again
//! and again.

use super::choose::PlacementRequest;
use super::demand::Demand;
use super::rule::RuleId;
use crate::scenario::{Architecture, OperatingSystem};
use crate::units::{AsgId, Cpu, InstanceId, Mib};

/// Demands remembered, a power of two. A later one takes the place of an earlier one.
const REMEMBERED: usize = 4096;
/// Changes remembered, a power of two. After more of them a demand is looked for as ever.
const CHANGES: usize = 64;

/// The instances that changed last. Whatever a decision asks of an instance changes only with it, so
/// where nothing fitted, only these can fit.
#[derive(Clone, Debug)]
pub(super) struct Changes {
    instances: [InstanceId; CHANGES],
    /// How many changes there were.
    pub(super) number: u64,
}

impl Default for Changes {
    fn default() -> Self {
        Self { instances: [InstanceId(0); CHANGES], number: 0 }
    }
}

impl Changes {
    #[inline]
    pub(super) fn note(&mut self, instance: InstanceId) {
        self.instances[self.number as usize % CHANGES] = instance;
        self.number += 1;
    }

    /// The instances that changed since there were `number` changes, some of them more than once;
    /// `None` if they are too many.
    fn since(&self, number: u64) -> Option<impl Iterator<Item = InstanceId>> {
        let new = self.number - number;
        let from = self.number - new.min(CHANGES as u64);
        let instances = (from..self.number).map(|at| self.instances[at as usize % CHANGES]);
        (new <= CHANGES as u64).then_some(instances)
    }
}

/// All of a demand but host ports; those with ports are not remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Asked {
    rule: RuleId,
    group: Option<AsgId>,
    cpu: Cpu,
    memory: Mib,
    gpus: u32,
    network_interfaces: u32,
    platform: (Architecture, OperatingSystem),
}

impl Asked {
    fn of(request: &PlacementRequest<'_>) -> Option<Self> {
        let PlacementRequest { demand, rule, group, .. } = *request;
        let Demand { cpu, memory, gpus, network_interfaces, ports, architecture, operating_system } =
            demand;
        let platform = (architecture, operating_system);
        let asked = Self { rule, group, cpu, memory, gpus, network_interfaces, platform };
        ports.is_empty().then_some(asked)
    }

    fn place(&self) -> usize {
        let bits =
            self.cpu.as_raw() ^ self.memory.as_mib().rotate_left(32) ^ u64::from(self.rule.0);
        (bits.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize % REMEMBERED
    }
}

/// Demands that found no room.
#[derive(Clone, Debug, Default)]
pub(super) struct Failures {
    /// By hash: a demand, and how many changes there had been when it last found nothing.
    known: Vec<Option<(Asked, u64)>>,
}

impl Failures {
    /// The instances that must be looked at to say whether there is room now; `None` if it can be
    /// anywhere.
    pub(super) fn candidates<'c>(
        &self,
        request: &PlacementRequest<'_>,
        changes: &'c Changes,
    ) -> Option<impl Iterator<Item = InstanceId> + use<'c>> {
        if self.known.is_empty() {
            return None;
        }
        let asked = Asked::of(request)?;
        let (known, number) = self.known[asked.place()]?;
        if known != asked {
            return None;
        }
        changes.since(number)
    }

    /// Whether the demand found no room and nothing changed since.
    pub(super) fn holds(&self, request: &PlacementRequest<'_>, changes: &Changes) -> bool {
        let known = |asked: Asked| {
            self.known.get(asked.place()).copied().flatten() == Some((asked, changes.number))
        };
        Asked::of(request).is_some_and(known)
    }

    /// Notes that there is no room now.
    pub(super) fn note(&mut self, request: &PlacementRequest<'_>, changes: &Changes) {
        let Some(asked) = Asked::of(request) else { return };
        if self.known.is_empty() {
            self.known.resize(REMEMBERED, None);
        }
        self.known[asked.place()] = Some((asked, changes.number));
    }
}

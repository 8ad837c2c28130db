//! Which fault hits which task, and when.

use super::state::stream_key;
use super::task::{Fate, Owner, TaskDraw};
use super::world::World;
use crate::agent::{Window, merge_windows};
use crate::engine::{DurationDistribution, StreamKey, fold};
use crate::scenario::{Fault, FaultKind, FaultOwner, RandomTimes, Scenario};
use crate::units::{SimDuration, SimTime, TaskId};

/// A fault of the scenario and its random streams.
pub(super) struct FaultState<'s> {
    pub(super) settings: &'s Fault,
    /// When.
    pub(super) windows: Vec<Window>,
    /// Who is hit.
    pub(super) share_key: StreamKey,
    /// When, within a window.
    pub(super) time_key: StreamKey,
}

impl<'s> FaultState<'s> {
    pub(super) fn new(scenario: &'s Scenario, settings: &'s Fault) -> Self {
        Self {
            settings,
            windows: times(scenario, &settings.name, &settings.windows, settings.random.as_ref()),
            share_key: stream_key(scenario, "fault-share", &settings.name),
            time_key: stream_key(scenario, "fault-time", &settings.name),
        }
    }
}

/// Most times that one fault comes in a run.
const MOST_TIMES: usize = 10_000;

/// When a fault holds: its windows, or random stretches inside them.
pub(super) fn times(
    scenario: &Scenario,
    name: &str,
    windows: &[Window],
    random: Option<&RandomTimes>,
) -> Vec<Window> {
    let Some(RandomTimes { every, lasts }) = random else { return windows.to_vec() };
    let key = stream_key(scenario, "fault-occurrence", name);
    let horizon = SimTime::ZERO + scenario.duration;
    let instant = SimDuration::from_nanos(1);
    let mut found: Vec<Window> = Vec::new();
    let mut draws = 0;
    let mut draw = |law: &DurationDistribution| {
        draws += 1;
        law.sample(key.at(draws))
    };
    for within in windows {
        let end = within.until.min(horizon);
        let mut at = within.from + draw(every);
        while at < end && found.len() < MOST_TIMES {
            let until = (at + draw(lasts).max(instant)).min(within.until);
            found.push(Window { from: at, until });
            at = until + draw(every);
        }
    }
    merge_windows(found)
}

impl World<'_, '_> {
    /// Whether any fault could hit a task; most scenarios have none.
    pub(super) fn has_faults(&self) -> bool {
        !self.faults.is_empty()
    }

    /// The faults that can hit a task.
    fn faults_of(&self, id: TaskId) -> impl Iterator<Item = &FaultState<'_>> {
        let task = &self.tasks[id];
        let definition = self.definition_id_of(id);
        let bits = self.task_bits(task.owner, task.ordinal, task.attempt, TaskDraw::Fault);
        let owner = match task.owner {
            Owner::Service(service) => FaultOwner::Service(service),
            Owner::Batch(batch) => FaultOwner::Batch(batch),
        };
        self.faults.iter().filter(move |fault| {
            let settings = fault.settings;
            let drawn = || {
                // 53 bits are what fits a float exactly.
                let uniform = (fault.share_key.at(bits) >> 11) as f64 / (1_u64 << 53) as f64;
                uniform < settings.share
            };
            settings.owner.is_none_or(|it| it == owner)
                && settings.task_definition.is_none_or(|it| it == definition)
                && (1.0 <= settings.share || drawn())
        })
    }

    /// The stretches of time in which faults of one kind hold for a task.
    pub(super) fn fault_windows(
        &self,
        id: TaskId,
        wanted: impl Fn(&FaultKind) -> bool,
    ) -> Vec<Window> {
        if !self.has_faults() {
            return Vec::new();
        }
        let windows = self.faults_of(id).filter(|fault| wanted(&fault.settings.kind));
        merge_windows(windows.flat_map(|fault| fault.windows.iter().copied()).collect())
    }

    fn is_active(&self, id: TaskId, now: SimTime, wanted: impl Fn(&FaultKind) -> bool) -> bool {
        let holds = |window: &Window| window.from <= now && now < window.until;
        self.has_faults()
            && self
                .faults_of(id)
                .any(|fault| wanted(&fault.settings.kind) && fault.windows.iter().any(holds))
    }

    /// Whether the registry fails a pull that begins now.
    pub(super) fn registry_fails(&self, id: TaskId, now: SimTime) -> bool {
        self.is_active(id, now, |kind| matches!(kind, FaultKind::CannotPull))
    }

    /// How many times longer a pull takes that begins now.
    pub(super) fn pull_factor(&self, id: TaskId, now: SimTime) -> f64 {
        if !self.has_faults() {
            return 1.0;
        }
        let holds = |window: &Window| window.from <= now && now < window.until;
        let slow = self.faults_of(id).filter_map(|fault| match fault.settings.kind {
            FaultKind::SlowPull { factor } if fault.windows.iter().any(holds) => Some(factor),
            _ => None,
        });
        slow.product()
    }

    /// Exit code of a container that a fault lets exit as it starts, if one does.
    pub(super) fn fails_to_start(&self, id: TaskId, container: usize, now: SimTime) -> Option<u8> {
        if !self.has_faults() {
            return None;
        }
        self.faults_of(id).find_map(|fault| match &fault.settings.kind {
            FaultKind::FailsToStart { container: named, exit_code }
                if self.container_of(id, named.as_deref()) == container
                    && fault
                        .windows
                        .iter()
                        .any(|window| window.from <= now && now < window.until) =>
            {
                Some(*exit_code)
            }
            _ => None,
        })
    }

    /// The next exit that faults bring to a RUNNING task at or after `now`, given how many exits of its
    /// containers came before and how long each container runs; `None` for a container that is gone.
    pub(super) fn next_fault_exit(
        &self,
        id: TaskId,
        now: SimTime,
        exits_before: u32,
        runs_since: impl Fn(usize) -> Option<SimTime>,
    ) -> Option<(SimTime, Fate)> {
        if !self.has_faults() {
            return None;
        }
        let task = &self.tasks[id];
        let bits = self.task_bits(task.owner, task.ordinal, task.attempt, TaskDraw::Fault);
        let bits = fold(bits, u64::from(exits_before));
        let mut next: Option<(SimTime, Fate)> = None;
        for fault in self.faults_of(id) {
            let FaultKind::ContainerExit { container, after, exit_code, out_of_memory } =
                &fault.settings.kind
            else {
                continue;
            };
            let container = self.container_of(id, container.as_deref());
            let Some(since) = runs_since(container) else { continue };
            let after = after.sample(fault.time_key.at(bits));
            let strikes = fault.windows.iter().filter_map(|window| {
                let at = window.from.max(since) + after;
                // A container does not exit as it starts: that would be a fault of its own kind, and
                // whoever replaces it at once would meet the same end at the same instant.
                (now <= at && since < at && at < window.until).then_some(at)
            });
            let fate = Fate::exit(container, *exit_code, *out_of_memory);
            if let Some(at) = strikes.min()
                && next.is_none_or(|(known, _)| at < known)
            {
                next = Some((at, fate));
            }
        }
        next
    }

    /// Position of the container that `name` means for a task: the first essential one without a name.
    pub(super) fn container_of(&self, id: TaskId, name: Option<&str>) -> usize {
        let containers = &self.definition_of(id).containers;
        let named = name.and_then(|name| containers.iter().position(|it| it.name == name));
        named.or_else(|| containers.iter().position(|it| it.essential)).unwrap_or(0)
    }

    /// Stretches of time in which the health checks of a container get no answer.
    pub(super) fn unhealthy_windows(&self, id: TaskId, container: usize) -> Vec<Window> {
        self.fault_windows(id, |kind| match kind {
            FaultKind::ContainerUnhealthy { container: named } => {
                self.container_of(id, named.as_deref()) == container
            }
            _ => false,
        })
    }

    /// Stretches of time in which the load balancer's probes of a task fail.
    pub(super) fn target_windows(&self, id: TaskId) -> Vec<Window> {
        self.fault_windows(id, |kind| matches!(kind, FaultKind::TargetUnhealthy))
    }
}

//! How services come through faults: when each was below its desired count, and how long that took.
//!
//! A service is well while at least its desired count of tasks serves. A stretch of time in which it is
//! not is joined with the next one if it is well for less than `recoveredAfter` in between. The time to
//! recover from a fault is from its beginning to the end of the first such stretch that begins before the
//! fault is over, or within `recoveredAfter` after it. The minutes in which a latency objective is
//! violated are judged in the same way.

use super::disruptions::Disruptions;
use super::faults::FaultState;
use super::load::LoadState;
use super::world::{MINUTE, World};
use crate::agent::Window;
use crate::results::{FaultRecord, Recovered, ServiceRecovery};
use crate::scenario::Scenario;
use crate::units::{IdVec, ServiceId, SimDuration, SimTime};

/// Most times of faults that are judged; further ones are only counted.
const MOST_RECORDS: usize = 10_000;

/// A time at which a fault came.
#[derive(Clone, Copy, Debug)]
struct Occurrence {
    /// Position among the faults of tasks, then the disruptions.
    fault: usize,
    window: Window,
    instances: u32,
    tasks: u32,
}

/// Stretches of time in which a service was not well, in time order.
#[derive(Clone, Debug, Default)]
struct Spells {
    over: Vec<Window>,
    since: Option<SimTime>,
}

/// What is noted during a run; nothing without faults.
pub(super) struct Recovery {
    enabled: bool,
    /// Number of faults of tasks, which come first.
    of_tasks: usize,
    /// Shorter times of being well need not be told apart.
    shortest: SimDuration,
    services: IdVec<ServiceId, Spells>,
    occurrences: Vec<Occurrence>,
    not_recorded: u64,
}

impl Recovery {
    pub(super) fn new(
        scenario: &Scenario,
        faults: &[FaultState<'_>],
        disruptions: &Disruptions<'_>,
    ) -> Self {
        let times = scenario.faults.iter().map(|it| it.recovered_after);
        let times = times.chain(scenario.disruptions.iter().map(|it| it.recovered_after));
        let mut recovery = Self {
            enabled: !faults.is_empty() || !disruptions.all.is_empty(),
            of_tasks: faults.len(),
            shortest: times.min().unwrap_or_default(),
            services: scenario.services.iter().map(|_| Spells::default()).collect(),
            occurrences: Vec::new(),
            not_recorded: 0,
        };
        let horizon = SimTime::ZERO + scenario.duration;
        for (fault, state) in faults.iter().enumerate() {
            for window in state.windows.iter().filter(|window| window.from < horizon) {
                recovery.record(fault, *window);
            }
        }
        recovery
    }

    fn record(&mut self, fault: usize, window: Window) -> Option<usize> {
        if self.occurrences.len() == MOST_RECORDS {
            self.not_recorded += 1;
            return None;
        }
        self.occurrences.push(Occurrence { fault, window, instances: 0, tasks: 0 });
        Some(self.occurrences.len() - 1)
    }

    /// A disruption comes; what it costs is to be told to [`lost`](Self::lost).
    pub(super) fn begins(&mut self, disruption: usize, window: Window) -> Option<usize> {
        self.record(self.of_tasks + disruption, window)
    }

    /// Instances and tasks that stop because of a fault.
    pub(super) fn lost(&mut self, occurrence: Option<usize>, instances: u32, tasks: u32) {
        if let Some(it) = occurrence.and_then(|index| self.occurrences.get_mut(index)) {
            it.instances += instances;
            it.tasks += tasks;
        }
    }

    /// Times of faults that are not judged.
    pub(super) fn not_recorded(&self) -> u64 {
        self.not_recorded
    }
}

impl Spells {
    fn note(&mut self, now: SimTime, well: bool, shortest: SimDuration) {
        match (self.since, well) {
            (None, false) => {
                let joins = |last: &Window| now.saturating_since(last.until) < shortest;
                let since = self.over.pop_if(|last| joins(last)).map_or(now, |last| last.from);
                self.since = Some(since);
            }
            (Some(from), true) => {
                self.since = None;
                if from < now {
                    self.over.push(Window { from, until: now });
                }
            }
            _ => {}
        }
    }

    /// All of them; the last one has no end if it lasts.
    fn all(&self) -> impl Iterator<Item = Window> {
        let open = self.since.map(|from| Window { from, until: SimTime::MAX });
        self.over.iter().copied().chain(open)
    }
}

/// How long the first disturbance took that a fault in `window` can have brought about. Of what lasts at the
/// `horizon` nothing is known but that it does.
fn time_to_recover(
    spells: impl Iterator<Item = Window>,
    window: Window,
    stable: SimDuration,
    horizon: SimTime,
) -> Recovered {
    let latest = window.until.min(horizon) + stable;
    let mut found: Option<Window> = None;
    for spell in spells {
        match &mut found {
            None if window.from < spell.until && spell.from <= latest => found = Some(spell),
            Some(known) if spell.from.saturating_since(known.until) < stable => {
                known.until = spell.until;
            }
            Some(_) => break,
            None => {}
        }
    }
    match found {
        None => Recovered::Undisturbed,
        Some(spell) if horizon <= spell.until => Recovered::Never,
        Some(spell) => Recovered::After(spell.until.saturating_since(window.from)),
    }
}

impl World<'_, '_> {
    /// The number of a service's tasks that serve may have changed, or that of those it should have.
    pub(super) fn note_strength(&mut self, id: ServiceId, now: SimTime) {
        if !self.recovery.enabled {
            return;
        }
        let state = &self.services[id];
        let well = state.desired <= state.healthy;
        let shortest = self.recovery.shortest;
        self.recovery.services[id].note(now, well, shortest);
    }

    /// How the services came through each fault.
    pub(super) fn fault_records(&self, horizon: SimTime) -> Vec<FaultRecord> {
        let faults = self.scenario.faults.iter();
        let faults = faults.map(|it| (it.name.as_str(), it.kind.name(), it.recovered_after));
        let disruptions = self.scenario.disruptions.iter();
        let disruptions =
            disruptions.map(|it| (it.name.as_str(), it.kind.name(), it.recovered_after));
        let all: Vec<_> = faults.chain(disruptions).collect();
        let mut occurrences = self.recovery.occurrences.clone();
        occurrences.sort_by_key(|it| (it.window, it.fault));
        let record = |it: &Occurrence| {
            let (name, kind, stable) = all[it.fault];
            FaultRecord {
                name: name.to_owned(),
                kind,
                from: it.window.from,
                until: (it.window.until < horizon).then_some(it.window.until),
                instances_lost: it.instances,
                tasks_lost: it.tasks,
                services: self.recoveries(it.window, stable, horizon),
            }
        };
        occurrences.iter().map(record).collect()
    }

    fn recoveries(
        &self,
        window: Window,
        stable: SimDuration,
        horizon: SimTime,
    ) -> Vec<ServiceRecovery> {
        let minute = MINUTE.as_nanos();
        let of = |id: ServiceId| {
            let spells = self.recovery.services[id].all();
            let objective = self.services[id].load.as_ref().and_then(LoadState::violations);
            let objective = objective.map(|minutes| {
                let spells = minutes.iter().map(|(first, last)| Window {
                    from: SimTime::from_nanos(first.saturating_mul(minute)),
                    until: SimTime::from_nanos((last + 1).saturating_mul(minute)),
                });
                time_to_recover(spells, window, stable, horizon)
            });
            ServiceRecovery {
                service: id,
                desired_count: time_to_recover(spells, window, stable, horizon),
                objective,
            }
        };
        self.services.ids().map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(from: u64, until: u64) -> Window {
        Window { from: SimTime::from_secs(from), until: SimTime::from_secs(until) }
    }

    const MINUTES: SimDuration = SimDuration::from_secs(300);

    #[track_caller]
    fn check(spells: &[(u64, u64)], fault: (u64, u64), expected: Recovered) {
        let spells = spells.iter().map(|(from, until)| window(*from, *until));
        let fault = window(fault.0, fault.1);
        let horizon = SimTime::from_secs(10_000);
        assert_eq!(time_to_recover(spells, fault, MINUTES, horizon), expected);
    }

    #[test]
    fn the_time_to_recover_is_from_the_fault_to_the_last_of_its_disturbances() {
        let after = |seconds| Recovered::After(SimDuration::from_secs(seconds));
        check(&[], (1000, 2000), Recovered::Undisturbed);
        check(&[(1000, 1090)], (1000, 2000), after(90));
        // Another one comes before five minutes are over, a third one after that.
        check(&[(1000, 1090), (1200, 1400), (1700, 1800)], (1000, 2000), after(400));
        // What was over before the fault, or began long after it, is not its doing.
        check(&[(900, 1000), (2301, 2400)], (1000, 2000), Recovered::Undisturbed);
        check(&[(2300, 2400)], (1000, 2000), after(1400));
        // It was in trouble already.
        check(&[(900, 1050)], (1000, 1000), after(50));
        check(&[(1000, 10_000)], (1000, 2000), Recovered::Never);
        check(&[(1000, 1090), (1200, 20_000)], (1000, 2000), Recovered::Never);
    }

    #[test]
    fn short_times_of_being_well_are_not_kept() {
        let mut spells = Spells::default();
        let mut note = |at: u64, well: bool| spells.note(SimTime::from_secs(at), well, MINUTES);
        for (at, well) in [
            (0, false),
            (10, true),
            (10, true),
            (100, false),
            (150, true),
            (900, false),
            (900, true),
        ] {
            note(at, well);
        }
        assert_eq!(spells.all().collect::<Vec<_>>(), [window(0, 150)]);
        spells.note(SimTime::from_secs(950), false, MINUTES);
        assert_eq!(spells.all().count(), 2);
    }
}

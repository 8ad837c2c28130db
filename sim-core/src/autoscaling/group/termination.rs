//! Which instance of a group a scale-in terminates.
//!
//! Source: Auto Scaling user guide, *Control which instances terminate during scale in*. The zone comes
//! first and is the caller's; within the zones that tie, each policy of the list narrows what the one
//! before it left, and what still ties is drawn by the rank of the instance, a random number of its own.
//!
//! Every policy costs a logarithm of the number of candidates, times the zones and the launch sources
//! among them.

use std::collections::{BTreeMap, BTreeSet};

use crate::units::{InstanceId, SimTime};

/// An hour in nanoseconds.
const HOUR: u64 = 3_600_000_000_000;

/// A termination policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TerminationPolicy {
    /// `Default`: launch source, then the next billing hour.
    Default,
    /// `AllocationStrategy`: brings nothing nearer in a group of identical instances.
    AllocationStrategy,
    /// `OldestLaunchTemplate`.
    OldestLaunchTemplate,
    /// `OldestLaunchConfiguration`.
    OldestLaunchConfiguration,
    /// `ClosestToNextInstanceHour`.
    ClosestToNextInstanceHour,
    /// `NewestInstance`.
    NewestInstance,
    /// `OldestInstance`.
    OldestInstance,
}

/// What an instance was launched from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LaunchSource {
    /// The launch configuration of this number, in order of their creation.
    Configuration(u32),
    /// A version of a launch template.
    Template {
        /// Number of the template.
        template: u32,
        /// Version.
        version: u32,
    },
}

impl Default for LaunchSource {
    fn default() -> Self {
        Self::Template { template: 0, version: 1 }
    }
}

impl LaunchSource {
    /// Order in which the default policy gives sources up: launch configurations, then other templates
    /// than the current one, then older versions.
    fn default_order(self, current: Self) -> u64 {
        match (self, current) {
            (Self::Configuration(_), _) => 0,
            (Self::Template { template, version }, Self::Template { template: now, .. })
                if template == now =>
            {
                2 + u64::from(version)
            }
            (Self::Template { .. }, _) => 1,
        }
    }

    /// The same for `OldestLaunchTemplate`, which does not judge launch configurations.
    fn template_order(self, current: Self) -> u64 {
        match self {
            Self::Configuration(_) => u64::MAX,
            Self::Template { .. } => self.default_order(current),
        }
    }

    /// The same for `OldestLaunchConfiguration`, which does not judge launch templates.
    fn configuration_order(self) -> u64 {
        match self {
            Self::Configuration(number) => u64::from(number),
            Self::Template { .. } => u64::MAX,
        }
    }
}

/// An instance that a scale-in may terminate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The instance.
    pub id: InstanceId,
    /// What it was launched from.
    pub source: LaunchSource,
    /// When it was launched.
    pub launched: SimTime,
    /// Random number that decides between equal instances.
    pub rank: u64,
}

impl Candidate {
    /// Position in the billing hour at which it was launched.
    fn phase(&self) -> u64 {
        self.launched.as_nanos() % HOUR
    }
}

/// Launch, rank and name of a candidate.
type ByAge = (SimTime, u64, InstanceId);

/// Candidates of one zone and one launch source.
#[derive(Clone, Debug, Default)]
struct Cell {
    ages: BTreeSet<ByAge>,
    phases: BTreeSet<(u64, ByAge)>,
    ranks: BTreeSet<(u64, InstanceId)>,
}

/// What the policies so far have left of each cell.
#[derive(Clone, Copy, Debug)]
enum Left {
    All,
    /// Those launched at this position in the hour.
    Phase(u64),
    /// Those launched at this instant.
    Launched(SimTime),
}

impl Cell {
    fn first(&self, left: Left) -> Option<ByAge> {
        match left {
            Left::All => self.ages.first().copied(),
            Left::Phase(phase) => {
                let from = (phase, (SimTime::ZERO, 0, InstanceId(0)));
                self.phases.range(from..).next().filter(|it| it.0 == phase).map(|it| it.1)
            }
            Left::Launched(at) => {
                let from = (at, 0, InstanceId(0));
                self.ages.range(from..).next().filter(|it| it.0 == at).copied()
            }
        }
    }

    fn last_launch(&self, left: Left) -> Option<SimTime> {
        let last = match left {
            Left::All => self.ages.last().copied(),
            Left::Phase(phase) => {
                let until = (phase, (SimTime::MAX, u64::MAX, InstanceId(u32::MAX)));
                self.phases.range(..=until).next_back().filter(|it| it.0 == phase).map(|it| it.1)
            }
            Left::Launched(_) => self.first(left),
        };
        last.map(|it| it.0)
    }

    /// The launch position that comes next after `now` in the cycle of the hour, with the time until
    /// then. An instance whose hour begins now is a whole hour away.
    fn next_phase(&self, left: Left, now: u64) -> Option<(u64, u64)> {
        let phase = match left {
            Left::All => {
                let after = (now, (SimTime::MAX, u64::MAX, InstanceId(u32::MAX)));
                self.phases.range(after..).next().or_else(|| self.phases.first())?.0
            }
            Left::Phase(phase) => self.first(left).map(|_| phase)?,
            Left::Launched(at) => self.first(left).map(|_| at.as_nanos() % HOUR)?,
        };
        let ahead = (phase + HOUR - now) % HOUR;
        Some((if ahead == 0 { HOUR } else { ahead }, phase))
    }

    /// Least rank of what is left.
    fn least_rank(&self, left: Left) -> Option<(u64, InstanceId)> {
        let of = |(_, rank, id): ByAge| (rank, id);
        match left {
            Left::Launched(_) => self.first(left).map(of),
            Left::All => self.ranks.first().copied(),
            // Instances that share a position in the hour were launched hours apart: few instants.
            Left::Phase(phase) => {
                let mut least = None;
                let mut next = self.first(left);
                while let Some(it) = next {
                    least =
                        Some(least.map_or(of(it), |known: (u64, InstanceId)| known.min(of(it))));
                    let after = (phase, (it.0, u64::MAX, InstanceId(u32::MAX)));
                    next =
                        self.phases.range(after..).next().filter(|it| it.0 == phase).map(|it| it.1);
                }
                least
            }
        }
    }
}

/// The instances of one zone that a scale-in may terminate, ordered for every policy.
#[derive(Clone, Debug, Default)]
pub struct CandidateIndex {
    cells: BTreeMap<LaunchSource, Cell>,
}

impl CandidateIndex {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Adds a candidate.
    pub fn insert(&mut self, candidate: &Candidate) {
        let cell = self.cells.entry(candidate.source).or_default();
        let key = (candidate.launched, candidate.rank, candidate.id);
        cell.ages.insert(key);
        cell.ranks.insert((candidate.rank, candidate.id));
        cell.phases.insert((candidate.phase(), key));
    }

    /// Takes a candidate away.
    pub fn remove(&mut self, candidate: &Candidate) {
        let Some(cell) = self.cells.get_mut(&candidate.source) else { return };
        let key = (candidate.launched, candidate.rank, candidate.id);
        cell.ages.remove(&key);
        cell.ranks.remove(&(candidate.rank, candidate.id));
        cell.phases.remove(&(candidate.phase(), key));
        if cell.ages.is_empty() {
            self.cells.remove(&candidate.source);
        }
    }
}

/// The instance that goes, out of all candidates of `zones`, the zones that tie for a termination.
/// `current` is what the group launches from.
pub fn choose_for_termination<'a>(
    zones: impl IntoIterator<Item = &'a CandidateIndex>,
    policies: &[TerminationPolicy],
    current: LaunchSource,
    now: SimTime,
) -> Option<InstanceId> {
    let mut cells: Vec<(LaunchSource, &Cell)> = zones
        .into_iter()
        .flat_map(|zone| zone.cells.iter().map(|(source, cell)| (*source, cell)))
        .collect();
    let mut left = Left::All;
    for policy in policies {
        match policy {
            TerminationPolicy::Default => {
                keep_least(&mut cells, |(source, _)| Some(source.default_order(current)));
                left = closest_to_the_hour(&mut cells, left, now);
            }
            TerminationPolicy::AllocationStrategy => {}
            TerminationPolicy::OldestLaunchTemplate => {
                keep_least(&mut cells, |(source, _)| Some(source.template_order(current)));
            }
            TerminationPolicy::OldestLaunchConfiguration => {
                keep_least(&mut cells, |(source, _)| Some(source.configuration_order()));
            }
            TerminationPolicy::ClosestToNextInstanceHour => {
                left = closest_to_the_hour(&mut cells, left, now);
            }
            TerminationPolicy::OldestInstance => {
                let launch = |(_, cell): &(_, &Cell)| cell.first(left).map(|it| it.0);
                if let Some(at) = keep_least(&mut cells, launch) {
                    left = Left::Launched(at);
                }
            }
            TerminationPolicy::NewestInstance => {
                let launch = |(_, cell): &(_, &Cell)| cell.last_launch(left).map(std::cmp::Reverse);
                if let Some(std::cmp::Reverse(at)) = keep_least(&mut cells, launch) {
                    left = Left::Launched(at);
                }
            }
        }
    }
    cells.iter().filter_map(|(_, cell)| cell.least_rank(left)).min().map(|(_, id)| id)
}

/// Keeps the cells of the least `key`, which it returns; cells without a key go.
fn keep_least<T: Copy, K: Ord + Copy>(
    cells: &mut Vec<T>,
    key: impl Fn(&T) -> Option<K>,
) -> Option<K> {
    let least = cells.iter().filter_map(&key).min()?;
    cells.retain(|cell| key(cell) == Some(least));
    Some(least)
}

fn closest_to_the_hour(cells: &mut Vec<(LaunchSource, &Cell)>, left: Left, now: SimTime) -> Left {
    let now = now.as_nanos() % HOUR;
    match (keep_least(cells, |(_, cell)| cell.next_phase(left, now)), left) {
        (Some((_, phase)), Left::All) => Left::Phase(phase),
        _ => left,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use TerminationPolicy::*;

    fn version(version: u32) -> LaunchSource {
        LaunchSource::Template { template: 0, version }
    }

    fn candidate(id: u32, source: LaunchSource, launched_minute: u64) -> Candidate {
        let launched = SimTime::from_secs(launched_minute * 60);
        Candidate { id: InstanceId(id), source, launched, rank: u64::from(id) }
    }

    fn index(candidates: &[Candidate]) -> CandidateIndex {
        let mut index = CandidateIndex::default();
        for candidate in candidates {
            index.insert(candidate);
        }
        index
    }

    fn at(minute: u64) -> SimTime {
        SimTime::from_secs(minute * 60)
    }

    /// At minute 60: i1 is 50 minutes old, i2 10, i3 5; the current version is 2.
    #[test]
    fn tv_term_1_the_default_policy_and_the_newest_instance() {
        let (i1, i2, i3) = (
            candidate(1, version(1), 10),
            candidate(2, version(2), 50),
            candidate(3, version(1), 55),
        );
        let choose = |zones: &[&CandidateIndex], policy| {
            choose_for_termination(zones.iter().copied(), &[policy], version(2), at(60))
        };
        let mut a = index(&[i1, i2]);
        let b = index(&[i3]);
        assert_eq!(choose(&[&a], Default), Some(InstanceId(1)));
        assert_eq!(choose(&[&a], NewestInstance), Some(InstanceId(2)));
        a.remove(&i1);
        // Protected, i1 is no candidate; without it the zones tie and i3 has the older version.
        assert_eq!(choose(&[&a], Default), Some(InstanceId(2)));
        assert_eq!(choose(&[&a, &b], Default), Some(InstanceId(3)));
    }

    #[test]
    fn the_next_billing_hour_decides_between_equal_sources() {
        // Ages at minute 130: 130, 100, 65 and 10 minutes; 50, 20, 55 and 50 minutes are left.
        let zone = index(&[
            candidate(1, version(1), 0),
            candidate(2, version(1), 30),
            candidate(3, version(1), 65),
            candidate(4, version(1), 120),
        ]);
        let choose = |policies: &[TerminationPolicy], now| {
            choose_for_termination([&zone], policies, version(1), now)
        };
        assert_eq!(choose(&[Default], at(130)), Some(InstanceId(2)));
        assert_eq!(choose(&[ClosestToNextInstanceHour], at(130)), Some(InstanceId(2)));
        // Minute 95: 25, 55, 30 and 25 are left. The rank decides between 1 and 4, or the next policy.
        assert_eq!(choose(&[ClosestToNextInstanceHour], at(95)), Some(InstanceId(1)));
        let newest = [ClosestToNextInstanceHour, NewestInstance];
        assert_eq!(choose(&newest, at(95)), Some(InstanceId(4)));
    }

    #[test]
    fn launch_configurations_go_before_templates_and_other_templates_before_old_versions() {
        let configuration = candidate(1, LaunchSource::Configuration(7), 5);
        let other = candidate(2, LaunchSource::Template { template: 1, version: 9 }, 4);
        let old = candidate(3, version(1), 3);
        let current = candidate(4, version(3), 2);
        let all = [current, old, other, configuration];
        let order = |policies: &[TerminationPolicy]| {
            let mut zone = index(&all);
            let mut order = Vec::new();
            while let Some(id) = choose_for_termination([&zone], policies, version(3), at(6)) {
                order.push(id.0);
                let gone = all.iter().find(|it| it.id == id).expect("it is one of them");
                zone.remove(gone);
            }
            order
        };
        assert_eq!(order(&[Default]), [1, 2, 3, 4]);
        assert_eq!(order(&[OldestLaunchTemplate, OldestInstance]), [2, 3, 4, 1]);
        assert_eq!(order(&[OldestLaunchConfiguration, OldestInstance]), [1, 4, 3, 2]);
        assert_eq!(order(&[NewestInstance]), [1, 2, 3, 4]);
        assert_eq!(order(&[AllocationStrategy, OldestInstance]), [4, 3, 2, 1]);
    }

    /// What the guide says, one candidate at a time.
    fn naive(
        candidates: &[Candidate],
        policies: &[TerminationPolicy],
        current: LaunchSource,
        now: SimTime,
    ) -> Option<InstanceId> {
        let hour = |it: &Candidate| {
            let age = now.as_nanos() - it.launched.as_nanos();
            HOUR - age % HOUR
        };
        let order = |policy: TerminationPolicy, it: &Candidate| -> (u64, u64) {
            match policy {
                Default => (it.source.default_order(current), hour(it)),
                AllocationStrategy => (0, 0),
                OldestLaunchTemplate => (it.source.template_order(current), 0),
                OldestLaunchConfiguration => (it.source.configuration_order(), 0),
                ClosestToNextInstanceHour => (hour(it), 0),
                NewestInstance => (u64::MAX - it.launched.as_nanos(), 0),
                OldestInstance => (it.launched.as_nanos(), 0),
            }
        };
        let key = |it: &Candidate| {
            let orders: Vec<(u64, u64)> =
                policies.iter().map(|policy| order(*policy, it)).collect();
            (orders, it.rank)
        };
        candidates.iter().min_by_key(|it| key(it)).map(|it| it.id)
    }

    #[test]
    fn the_index_agrees_with_a_search_through_all() {
        let all = [
            Default,
            AllocationStrategy,
            OldestLaunchTemplate,
            OldestLaunchConfiguration,
            ClosestToNextInstanceHour,
            NewestInstance,
            OldestInstance,
        ];
        let key = crate::engine::StreamKey::new(1, 0, "termination", 0);
        for round in 0..400 {
            let mut drawn = 0;
            let mut draw = |below: u64| {
                drawn += 1;
                key.at(round * 1000 + drawn) % below
            };
            let size = 1 + draw(12) as u32;
            let candidates: Vec<Candidate> = (0..size)
                .map(|id| Candidate {
                    id: InstanceId(id),
                    source: match draw(5) {
                        0 => LaunchSource::Configuration(draw(2) as u32),
                        1 => LaunchSource::Template { template: 1, version: draw(3) as u32 },
                        _ => version(draw(3) as u32),
                    },
                    launched: at(draw(20) * 30),
                    rank: draw(1 << 60),
                })
                .collect();
            let policies: Vec<TerminationPolicy> =
                (0..=draw(3)).map(|_| all[draw(7) as usize]).collect();
            // Cells may come from several zones.
            let cut = draw(u64::from(size)) as usize;
            let zones = [index(&candidates[..cut]), index(&candidates[cut..])];
            let now = at(600 + draw(90));
            assert_eq!(
                choose_for_termination(&zones, &policies, version(1), now),
                naive(&candidates, &policies, version(1), now),
                "{policies:?} at {now:?} of {candidates:#?}"
            );
        }
    }
}

//! Moves that even out the zones of a service.
//!
//! Source: developer guide, *Availability Zone rebalancing*. A replacement starts in the zone with
//! fewest tasks, and when it is healthy one stops in the zone with most. How long after an imbalance
//! and how many at once is not documented; both are settings.

use crate::placement::PlacementStrategy;

/// Tasks per zone if `desired` are spread evenly over `zones`, larger ones first.
pub fn balanced(desired: u32, zones: u32) -> Vec<u32> {
    if zones == 0 {
        return Vec::new();
    }
    let (each, more) = (desired / zones, desired % zones);
    (0..zones).map(|zone| each + u32::from(zone < more)).collect()
}

/// Whether a zone has more than its share rounded up, or fewer than its share rounded down.
pub fn is_unbalanced(counts: &[u32]) -> bool {
    let total: u64 = counts.iter().map(|count| u64::from(*count)).sum();
    let zones = counts.len().max(1) as u64;
    let (least, most) = (total / zones, total.div_ceil(zones));
    counts.iter().any(|count| !(least..=most).contains(&u64::from(*count)))
}

/// The move that helps most: from the zone with most tasks to the one with fewest, the first of equals.
/// `None` if the counts are balanced.
pub fn next_move(counts: &[u32]) -> Option<(usize, usize)> {
    if !is_unbalanced(counts) {
        return None;
    }
    let from = (0..counts.len()).max_by_key(|zone| (counts[*zone], std::cmp::Reverse(*zone)))?;
    let to = (0..counts.len()).min_by_key(|zone| (counts[*zone], *zone))?;
    Some((from, to))
}

/// Moves until the counts are balanced.
pub fn moves_needed(counts: &[u32]) -> u32 {
    let mut counts = counts.to_vec();
    let mut moves = 0;
    while let Some((from, to)) = next_move(&counts) {
        counts[from] -= 1;
        counts[to] += 1;
        moves += 1;
    }
    moves
}

/// Why a service cannot be rebalanced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ineligible {
    /// A DAEMON service.
    Daemon,
    /// Its first placement strategy is not a spread over zones.
    Strategy,
    /// `maximumPercent` leaves no room for a replacement.
    MaximumPercent,
    /// A placement constraint on the zone.
    ZoneConstraint,
}

impl Ineligible {
    /// In words, after "zone rebalancing needs".
    pub const fn needs(self) -> &'static str {
        match self {
            Self::Daemon => "a REPLICA service",
            Self::Strategy => {
                "no placement strategy, or one that begins with a spread over the zones"
            }
            Self::MaximumPercent => "a `maximumPercent` above 100",
            Self::ZoneConstraint => "no placement constraint on the zone",
        }
    }
}

/// What decides about eligibility.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Whether it is a DAEMON service.
    pub daemon: bool,
    /// Its placement strategies.
    pub strategy: &'a [PlacementStrategy],
    /// `maximumPercent`.
    pub maximum_percent: u32,
    /// Whether a placement constraint names `ecs.availability-zone`.
    pub constrains_zone: bool,
}

/// Whether a service can be rebalanced.
///
/// # Errors
/// What is in the way.
pub fn eligible(candidate: &Candidate<'_>) -> Result<(), Ineligible> {
    if candidate.daemon {
        return Err(Ineligible::Daemon);
    }
    if !matches!(candidate.strategy.first(), None | Some(PlacementStrategy::SpreadZone)) {
        return Err(Ineligible::Strategy);
    }
    if candidate.maximum_percent <= 100 {
        return Err(Ineligible::MaximumPercent);
    }
    if candidate.constrains_zone {
        return Err(Ineligible::ZoneConstraint);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tv_20_two_tasks_in_two_zones() {
        assert_eq!(balanced(2, 2), [1, 1]);
        assert!(is_unbalanced(&[2, 0]));
        assert_eq!(next_move(&[2, 0]), Some((0, 1)));
    }

    #[test]
    fn tv_21_three_tasks_in_two_zones() {
        assert_eq!(balanced(3, 2), [2, 1]);
        assert!(!is_unbalanced(&[2, 1]));
        assert!(!is_unbalanced(&[1, 2]));
    }

    #[test]
    fn tv_22_five_tasks_in_three_zones() {
        assert_eq!(balanced(5, 3), [2, 2, 1]);
        assert!(!is_unbalanced(&[2, 1, 2]));
        assert!(is_unbalanced(&[3, 1, 1]));
    }

    #[test]
    fn tv_23_seven_tasks_in_three_zones() {
        assert_eq!(balanced(7, 3), [3, 2, 2]);
        assert!(!is_unbalanced(&[3, 2, 2]));
        assert!(is_unbalanced(&[4, 2, 1]));
        assert!(is_unbalanced(&[3, 3, 1]));
        assert_eq!(moves_needed(&[4, 2, 1]), 1);
        assert_eq!(moves_needed(&[3, 3, 1]), 1);
        assert_eq!(moves_needed(&[7, 0, 0]), 4);
    }

    #[test]
    fn moves_end_for_every_small_spread() {
        for a in 0..9 {
            for b in 0..9 {
                for c in 0..9 {
                    assert!(moves_needed(&[a, b, c]) <= a + b + c);
                }
            }
        }
        assert_eq!(next_move(&[]), None);
    }

    #[test]
    fn eligibility_follows_the_documented_list() {
        let candidate = Candidate {
            daemon: false,
            strategy: &[],
            maximum_percent: 200,
            constrains_zone: false,
        };
        assert_eq!(eligible(&candidate), Ok(()));
        let spread = [PlacementStrategy::SpreadZone, PlacementStrategy::BinpackCpu];
        assert_eq!(eligible(&Candidate { strategy: &spread, ..candidate }), Ok(()));
        let packed = [PlacementStrategy::BinpackCpu, PlacementStrategy::SpreadZone];
        let packed = Candidate { strategy: &packed, ..candidate };
        assert_eq!(eligible(&packed), Err(Ineligible::Strategy));
        let full = Candidate { maximum_percent: 100, ..candidate };
        assert_eq!(eligible(&full), Err(Ineligible::MaximumPercent));
        let daemon = Candidate { daemon: true, ..candidate };
        assert_eq!(eligible(&daemon), Err(Ineligible::Daemon));
        let constrained = Candidate { constrains_zone: true, ..candidate };
        assert_eq!(eligible(&constrained), Err(Ineligible::ZoneConstraint));
    }
}

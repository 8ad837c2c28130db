//! The zones of a group: where it launches, and when it moves instances to even them out.
//!
//! Source: Auto Scaling user guide, *Distribute instances across Availability Zones*.

/// What a group does when the zone with fewest instances has no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CapacityDistribution {
    /// `balanced-best-effort`: it launches in another zone.
    #[default]
    BalancedBestEffort,
    /// `balanced-only`: it keeps trying in that zone.
    BalancedOnly,
}

/// What decides between zones with equally few instances; AWS leaves it open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ZoneOrder {
    /// Listed order, rotated by the number of launches so far.
    #[default]
    Rotated,
    /// Listed order.
    Listed,
}

/// A zone as a launch sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZoneCount {
    /// Whether the group is to launch there.
    pub enabled: bool,
    /// Whether the zone has room, as far as the group knows.
    pub available: bool,
    /// Instances that are not terminating.
    pub instances: u32,
}

/// Positions of the zones in which a launch is tried, in this order: fewest instances first. Only the
/// first of them where no other zone may take its place; none if that one has no room.
pub fn launch_zones(
    zones: &[ZoneCount],
    distribution: CapacityDistribution,
    order: ZoneOrder,
    launches: u64,
) -> Vec<usize> {
    let number = zones.len().max(1);
    let start = match order {
        ZoneOrder::Rotated => (launches % number as u64) as usize,
        ZoneOrder::Listed => 0,
    };
    let ahead = |position: usize| (position + number - start) % number;
    let mut positions: Vec<usize> = (0..zones.len()).filter(|it| zones[*it].enabled).collect();
    positions.sort_unstable_by_key(|it| (zones[*it].instances, ahead(*it)));
    if distribution == CapacityDistribution::BalancedOnly {
        positions.truncate(1);
    }
    positions.retain(|it| zones[*it].available);
    positions
}

/// By how many instances a group may exceed its maximum while it evens out its zones: a tenth, at least
/// one. AWS leaves the rounding open.
pub fn rebalancing_margin(max_size: u32) -> u32 {
    (max_size / 10).max(1)
}

/// Instances that have to move for the zones that are enabled and available to differ by at most one,
/// and the others to be empty.
pub fn moves_to_balance(zones: &[ZoneCount]) -> u32 {
    let open: Vec<u32> =
        zones.iter().filter(|it| it.enabled && it.available).map(|it| it.instances).collect();
    if open.is_empty() {
        return 0;
    }
    // An instance in a zone that has failed does not move: there it is the health check's.
    let strays: u32 = zones.iter().filter(|it| !it.enabled).map(|it| it.instances).sum();
    let total = open.iter().sum::<u32>() + strays;
    let (share, rest) = (total / open.len() as u32, total % open.len() as u32);
    // The fullest zones keep the remainder.
    let mut sorted = open;
    sorted.sort_unstable_by(|a, b| b.cmp(a));
    let keep = |position: usize| share + u32::from((position as u32) < rest);
    let surplus: u32 =
        sorted.iter().enumerate().map(|(nth, zone)| zone.saturating_sub(keep(nth))).sum();
    surplus + strays
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zones(instances: &[u32]) -> Vec<ZoneCount> {
        let zone =
            |instances: &u32| ZoneCount { enabled: true, available: true, instances: *instances };
        instances.iter().map(zone).collect()
    }

    const BEST: CapacityDistribution = CapacityDistribution::BalancedBestEffort;
    const ONLY: CapacityDistribution = CapacityDistribution::BalancedOnly;

    #[test]
    fn a_launch_goes_where_fewest_are_and_ties_rotate() {
        let zone = |counts: &[u32], launches| {
            launch_zones(&zones(counts), BEST, ZoneOrder::Rotated, launches).first().copied()
        };
        assert_eq!(zone(&[2, 1, 2], 0), Some(1));
        assert_eq!((0..4).map(|n| zone(&[1, 1, 1], n)).collect::<Vec<_>>(), [0, 1, 2, 0].map(Some));
        assert_eq!(zone(&[1, 0, 0], 2), Some(2));
        assert_eq!(launch_zones(&zones(&[1, 1, 1]), BEST, ZoneOrder::Listed, 2), [0, 1, 2]);
        assert_eq!(zone(&[], 0), None);
    }

    #[test]
    fn a_zone_without_room_is_passed_over_or_waited_for() {
        let mut zones = zones(&[2, 0, 1]);
        zones[1].available = false;
        assert_eq!(launch_zones(&zones, BEST, ZoneOrder::Rotated, 0), [2, 0]);
        assert_eq!(launch_zones(&zones, ONLY, ZoneOrder::Rotated, 0), []);
        zones[1].enabled = false;
        assert_eq!(launch_zones(&zones, ONLY, ZoneOrder::Rotated, 0), [2]);
    }

    #[test]
    fn rebalancing_may_exceed_the_maximum_by_a_tenth() {
        let margins = [3, 10, 25, 100].map(rebalancing_margin);
        assert_eq!(margins, [1, 1, 2, 10]);
    }

    #[test]
    fn moves_are_the_surplus_over_even_zones() {
        for (counts, moves) in [
            (&[3, 3, 3][..], 0),
            (&[4, 3, 3], 0),
            (&[5, 3, 3], 1),
            (&[6, 0, 0], 4),
            (&[4, 4, 0], 2),
            (&[1], 0),
        ] {
            assert_eq!(moves_to_balance(&zones(counts)), moves, "{counts:?}");
        }
        // A zone that the group has left is emptied.
        let mut left = zones(&[2, 2, 2]);
        left[2].enabled = false;
        assert_eq!(moves_to_balance(&left), 2);
        // One that has failed is not waited for.
        let mut failed = zones(&[3, 3, 0]);
        failed[2].available = false;
        assert_eq!(moves_to_balance(&failed), 0);
    }
}

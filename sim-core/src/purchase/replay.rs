//! Recorded Spot capacity as leases: each says from when until when one instance could be had.

use std::collections::BTreeMap;

use crate::units::SimTime;

/// The time in which a pool holds one more instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lease {
    /// From when it can be launched.
    pub from: SimTime,
    /// When EC2 takes it back; `None` if the trace does not say.
    pub until: Option<SimTime>,
}

/// What a row of a trace says of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It came.
    Add,
    /// It was taken back.
    Remove,
}

/// The leases of a trace of nodes that come and go, in order of their beginning.
///
/// # Errors
/// The position of the first row that contradicts the ones before, and why.
pub fn leases_of_nodes<'t>(
    rows: impl IntoIterator<Item = (SimTime, Change, &'t str)>,
) -> Result<Vec<Lease>, (usize, String)> {
    let mut leases: Vec<Lease> = Vec::new();
    let mut present: BTreeMap<&str, usize> = BTreeMap::new();
    for (row, (at, change, node)) in rows.into_iter().enumerate() {
        match change {
            Change::Add => {
                if present.insert(node, leases.len()).is_some() {
                    return Err((row, format!("node `{node}` is added while it is there")));
                }
                leases.push(Lease { from: at, until: None });
            }
            Change::Remove => {
                let Some(lease) = present.remove(node) else {
                    return Err((row, format!("node `{node}` is removed and was not there")));
                };
                leases[lease].until = Some(at);
            }
        }
    }
    // One that came and went at one instant was never to be had.
    leases.retain(|lease| lease.until.is_none_or(|until| lease.from < until));
    leases.sort_unstable_by_key(|lease| lease.from);
    Ok(leases)
}

/// The leases of a number of instances that changes over time: when it falls, the longest lease ends.
pub fn leases_of_counts(points: impl IntoIterator<Item = (SimTime, u32)>) -> Vec<Lease> {
    let mut leases: Vec<Lease> = Vec::new();
    // Leases before this one have ended.
    let mut ended = 0;
    for (at, count) in points {
        let open = leases.len() - ended;
        let count = count as usize;
        for lease in leases.iter_mut().skip(ended).take(open.saturating_sub(count)) {
            lease.until = Some(at);
        }
        ended += open.saturating_sub(count);
        leases.resize(ended + count, Lease { from: at, until: None });
    }
    leases.retain(|lease| lease.until.is_none_or(|until| lease.from < until));
    leases
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SimTime {
        SimTime::from_secs(seconds)
    }

    fn lease(from: u64, until: Option<u64>) -> Lease {
        Lease { from: at(from), until: until.map(at) }
    }

    #[test]
    fn nodes_that_come_and_go_are_leases() {
        let rows = [
            (at(0), Change::Add, "a"),
            (at(5), Change::Add, "b"),
            (at(10), Change::Remove, "a"),
            (at(20), Change::Add, "a"),
        ];
        let leases = leases_of_nodes(rows).expect("it is consistent");
        assert_eq!(leases, [lease(0, Some(10)), lease(5, None), lease(20, None)]);
    }

    #[test]
    fn contradictions_are_named_with_their_row() {
        let twice = [(at(0), Change::Add, "a"), (at(1), Change::Add, "a")];
        assert_eq!(leases_of_nodes(twice).expect_err("twice").0, 1);
        let unknown = [(at(0), Change::Remove, "a")];
        assert_eq!(leases_of_nodes(unknown).expect_err("unknown").0, 0);
    }

    #[test]
    fn counts_are_leases_of_which_the_longest_ends_first() {
        let leases = leases_of_counts([(at(0), 2), (at(10), 3), (at(20), 1), (at(30), 2)]);
        assert_eq!(
            leases,
            [lease(0, Some(20)), lease(0, Some(20)), lease(10, None), lease(30, None)]
        );
        assert_eq!(leases_of_counts([]), []);
    }

    /// At every instant as many leases are open as the trace says.
    #[test]
    fn leases_of_counts_give_the_counts_back() {
        let counts = [3_u32, 0, 7, 7, 2, 5, 0, 1, 9, 4];
        let points: Vec<(SimTime, u32)> =
            counts.iter().zip(0..).map(|(count, n)| (at(n * 10), *count)).collect();
        let leases = leases_of_counts(points.iter().copied());
        for (instant, count) in points {
            let open = |it: &&Lease| it.from <= instant && it.until.is_none_or(|u| instant < u);
            assert_eq!(leases.iter().filter(open).count(), count as usize, "{instant:?}");
        }
    }
}

//! Capacity provider strategies: which provider takes the next task, and which gives one up.
//!
//! AWS documents base and the ratio of the weights, not the rounding. By default each task goes where the
//! deficit against the exact share is largest, which keeps every prefix as close to the ratio as it
//! can be; see [`StrategyChoices`].

use crate::scenario::{StrategyChoices, StrategyItem, StrategyOrder, WeightZeroBase};

/// The entry that takes the next task of a service, as an index into `items`. `counts` are the tasks
/// that each entry holds now; a missing count is zero. `None` if no entry can take one: the base is
/// full and all weights are zero.
///
/// Base first, then [`choose_by_weight`] over the tasks beyond base.
pub fn choose_for_launch(
    items: &[StrategyItem],
    counts: &[u32],
    choices: StrategyChoices,
) -> Option<usize> {
    base_entry(items, choices)
        .filter(|index| count(counts, *index) < items[*index].base)
        .or_else(|| by_weight(items, |index| beyond_base(items, counts, index), choices.order))
}

/// The entry that takes the next task by its weight alone, with `counts` of the tasks that each entry took
/// by weight: `argmax(w·(T+1)/W − t)`, or in rounds; ties go to list order.
pub fn choose_by_weight(
    items: &[StrategyItem],
    counts: &[u32],
    choices: StrategyChoices,
) -> Option<usize> {
    by_weight(items, |index| count(counts, index), choices.order)
}

/// The entry whose base is to be filled, if one has a base.
pub fn base_entry(items: &[StrategyItem], choices: StrategyChoices) -> Option<usize> {
    let counts = |item: &StrategyItem| {
        0 < item.base && (0 < item.weight || choices.weight_zero_base == WeightZeroBase::Honoured)
    };
    items.iter().position(counts)
}

fn by_weight(
    items: &[StrategyItem],
    taken: impl Fn(usize) -> u32,
    order: StrategyOrder,
) -> Option<usize> {
    let weights: u64 = items.iter().map(|item| u64::from(item.weight)).sum();
    if weights == 0 {
        return None;
    }
    match order {
        StrategyOrder::LargestDeficit => {
            let weighted = |&index: &usize| items[index].weight > 0;
            let deficit =
                |index: usize| surplus(items, &taken, index, 1).map_or(i128::MIN, |over| -over);
            (0..items.len()).filter(weighted).fold(None, |best, index| match best {
                Some(best) if deficit(best) >= deficit(index) => Some(best),
                _ => Some(index),
            })
        }
        StrategyOrder::Rounds => {
            let total: u64 = (0..items.len()).map(|index| u64::from(taken(index))).sum();
            let mut position = total % weights;
            items.iter().position(|item| {
                let own = position < u64::from(item.weight);
                position = position.saturating_sub(item.weight.into());
                own
            })
        }
    }
}

/// The entry that gives up a task on scale-in: `argmax(t − w·(T−1)/W)` over the tasks beyond base, base
/// tasks last; ties go to list order. `None` if there is no task.
pub fn choose_for_stop(items: &[StrategyItem], counts: &[u32]) -> Option<usize> {
    let has_more = |&index: &usize| beyond_base(items, counts, index) > 0;
    let taken = |index: usize| beyond_base(items, counts, index);
    // Without weights there is no share to compare with: the fullest entry gives up a task.
    let score =
        |index: usize| surplus(items, taken, index, -1).unwrap_or_else(|| i128::from(taken(index)));
    let weighted = (0..items.len()).filter(has_more).fold(None, |best, index| match best {
        Some(best) if score(best) >= score(index) => Some(best),
        _ => Some(index),
    });
    weighted.or_else(|| (0..items.len()).find(|&index| count(counts, index) > 0))
}

fn count(counts: &[u32], index: usize) -> u32 {
    counts.get(index).copied().unwrap_or(0)
}

fn beyond_base(items: &[StrategyItem], counts: &[u32], index: usize) -> u32 {
    count(counts, index).saturating_sub(items[index].base)
}

/// `W·t − w·(T + change)`: how far the entry is above its share of `T + change` tasks, times `W`. Exact,
/// so that ties are ties. `None` if all weights are zero.
fn surplus(
    items: &[StrategyItem],
    taken: impl Fn(usize) -> u32,
    index: usize,
    change: i128,
) -> Option<i128> {
    let weights: i128 = items.iter().map(|item| i128::from(item.weight)).sum();
    let total: i128 = (0..items.len()).map(|index| i128::from(taken(index))).sum();
    let own = i128::from(taken(index));
    (weights > 0).then(|| weights * own - i128::from(items[index].weight) * (total + change))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::CapacityProviderId;

    fn strategy(base_and_weight: &[(u32, u32)]) -> Vec<StrategyItem> {
        (0..)
            .zip(base_and_weight)
            .map(|(id, &(base, weight))| StrategyItem {
                capacity_provider: CapacityProviderId(id),
                base,
                weight,
            })
            .collect()
    }

    /// Launches `n` tasks one by one; the order as letters, and the counts.
    fn launch(n: u32, base_and_weight: &[(u32, u32)]) -> (String, Vec<u32>) {
        let items = strategy(base_and_weight);
        let mut counts = vec![0; items.len()];
        let mut order = String::new();
        for _ in 0..n {
            let index = choose_for_launch(&items, &counts, StrategyChoices::default())
                .expect("an entry takes it");
            counts[index] += 1;
            order.push(char::from(b'A' + u8::try_from(index).expect("few entries")));
        }
        (order, counts)
    }

    #[test]
    fn tv_70_one_to_four_in_order() {
        assert_eq!(launch(10, &[(0, 1), (0, 4)]), ("BBABBBBABB".to_owned(), vec![2, 8]));
    }

    #[test]
    fn tv_71_fargate_base_one_and_spot_four() {
        assert_eq!(launch(10, &[(1, 1), (0, 4)]).1, [3, 7]);
    }

    #[test]
    fn tv_72_ten_tasks_one_to_four() {
        assert_eq!(launch(10, &[(0, 1), (0, 4)]).1, [2, 8]);
    }

    #[test]
    fn tv_73_seven_tasks_one_to_one() {
        assert_eq!(launch(7, &[(0, 1), (0, 1)]).1, [4, 3]);
    }

    #[test]
    fn tv_74_six_tasks_base_two() {
        assert_eq!(launch(6, &[(2, 1), (0, 1)]).1, [4, 2]);
    }

    #[test]
    fn tv_75_base_on_an_entry_of_weight_zero() {
        assert_eq!(launch(10, &[(3, 0), (0, 1)]).1, [3, 7]);
    }

    #[test]
    fn tv_76_eleven_tasks_one_two_three() {
        assert_eq!(launch(11, &[(0, 1), (0, 2), (0, 3)]).1, [2, 4, 5]);
    }

    #[test]
    fn all_weights_zero_fails_once_the_base_is_full() {
        let items = strategy(&[(1, 0), (0, 0)]);
        assert_eq!(choose_for_launch(&items, &[0, 0], StrategyChoices::default()), Some(0));
        assert_eq!(choose_for_launch(&items, &[1, 0], StrategyChoices::default()), None);
        assert_eq!(choose_for_stop(&items, &[1, 0]), Some(0));
        assert_eq!(choose_for_stop(&items, &[0, 0]), None);
    }

    #[test]
    fn scale_in_keeps_the_ratio_and_stops_base_tasks_last() {
        let items = strategy(&[(2, 1), (0, 4)]);
        let mut counts = vec![4, 8];
        let mut left = Vec::new();
        while let Some(index) = choose_for_stop(&items, &counts) {
            counts[index] -= 1;
            left.push((counts[0], counts[1]));
        }
        // Five weighted tasks are split 1 : 4 again; the two base tasks outlive all others.
        assert!(left.contains(&(3, 4)), "{left:?}");
        assert_eq!(left[left.len() - 3..], [(2, 0), (1, 0), (0, 0)]);
    }

    #[test]
    fn ties_go_to_list_order() {
        let items = strategy(&[(0, 1), (0, 1)]);
        assert_eq!(choose_for_launch(&items, &[1, 1], StrategyChoices::default()), Some(0));
        assert_eq!(choose_for_stop(&items, &[1, 1]), Some(0));
    }

    #[test]
    fn launching_never_strays_a_whole_task_from_the_exact_share_with_two_entries() {
        for weight in 1..=9_u32 {
            for n in 1..=60_u32 {
                let counts = launch(n, &[(0, weight), (0, 10 - weight)]).1;
                let exact = f64::from(n) * f64::from(weight) / 10.0;
                assert!((f64::from(counts[0]) - exact).abs() < 1.0, "{n} at {weight}: {counts:?}");
            }
        }
    }

    #[test]
    fn rounds_serve_the_entries_in_listed_order() {
        let rounds = StrategyChoices { order: StrategyOrder::Rounds, ..StrategyChoices::default() };
        let items = strategy(&[(0, 1), (0, 0), (0, 4)]);
        let mut counts = vec![0; 3];
        let mut order = String::new();
        for _ in 0..10 {
            let index = choose_for_launch(&items, &counts, rounds).expect("an entry takes it");
            counts[index] += 1;
            order.push(char::from(b'A' + u8::try_from(index).expect("few entries")));
        }
        assert_eq!(order, "ACCCCACCCC");
    }

    #[test]
    fn tv_75_the_base_of_an_entry_of_weight_zero_can_be_ignored() {
        let choices = StrategyChoices {
            weight_zero_base: WeightZeroBase::Ignored,
            ..StrategyChoices::default()
        };
        let items = strategy(&[(3, 0), (0, 1)]);
        assert_eq!(choose_for_launch(&items, &[0, 0], choices), Some(1));
        assert_eq!(choose_for_launch(&items, &[0, 0], StrategyChoices::default()), Some(0));
    }
}

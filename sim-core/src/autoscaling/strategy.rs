//! Capacity provider strategies: which provider takes the next task, and which gives one up.
//!
//! AWS documents base and the ratio of the weights, not the rounding. Here each task goes where the
//! deficit against the exact share is largest, which keeps every prefix as close to the ratio as it
//! can be.

use crate::scenario::StrategyItem;

/// The entry that takes the next task of a service, as an index into `items`. `counts` are the tasks
/// that each entry holds now; a missing count is zero. `None` if no entry can take one: the base is
/// full and all weights are zero.
///
/// Base first, then `argmax(w·(T+1)/W − t)` over the tasks beyond base; ties go to list order.
pub fn choose_for_launch(items: &[StrategyItem], counts: &[u32]) -> Option<usize> {
    let below_base = |&index: &usize| items[index].base > count(counts, index);
    if let Some(index) = (0..items.len()).find(below_base) {
        return Some(index);
    }
    let weighted = |&index: &usize| items[index].weight > 0;
    let deficit = |index: usize| surplus(items, counts, index, 1).map_or(i128::MIN, |over| -over);
    (0..items.len()).filter(weighted).fold(None, |best, index| match best {
        Some(best) if deficit(best) >= deficit(index) => Some(best),
        _ => Some(index),
    })
}

/// The entry that gives up a task on scale-in: `argmax(t − w·(T−1)/W)` over the tasks beyond base, base
/// tasks last; ties go to list order. `None` if there is no task.
pub fn choose_for_stop(items: &[StrategyItem], counts: &[u32]) -> Option<usize> {
    let beyond_base = |&index: &usize| beyond_base(items, counts, index) > 0;
    // Without weights there is no share to compare with: the fullest entry gives up a task.
    let score = |index: usize| {
        surplus(items, counts, index, -1)
            .unwrap_or_else(|| i128::from(self::beyond_base(items, counts, index)))
    };
    let weighted = (0..items.len()).filter(beyond_base).fold(None, |best, index| match best {
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
fn surplus(items: &[StrategyItem], counts: &[u32], index: usize, change: i128) -> Option<i128> {
    let weights: i128 = items.iter().map(|item| i128::from(item.weight)).sum();
    let total: i128 =
        (0..items.len()).map(|index| i128::from(beyond_base(items, counts, index))).sum();
    let own = i128::from(beyond_base(items, counts, index));
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
            let index = choose_for_launch(&items, &counts).expect("an entry takes it");
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
        assert_eq!(choose_for_launch(&items, &[0, 0]), Some(0));
        assert_eq!(choose_for_launch(&items, &[1, 0]), None);
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
        assert_eq!(choose_for_launch(&items, &[1, 1]), Some(0));
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
}

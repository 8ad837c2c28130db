use proptest::prelude::*;

use super::*;

const fn units(n: u32) -> Cpu {
    Cpu::from_ecs_units(n)
}

/// One task that wants `demand` and weighs `weight` CPU units.
fn burstable(demand: u32, weight: u32) -> CpuClaim {
    CpuClaim { tasks: 1, demand: units(demand), weight: units(weight), limit: None }
}

#[track_caller]
fn check(capacity: u32, claims: &[CpuClaim], expected: &[u32]) {
    let shares = CpuShares::new(units(capacity), claims.to_vec());
    let got: Vec<Cpu> = (0..claims.len()).map(|claim| shares.allocation(claim)).collect();
    let expected: Vec<Cpu> = expected.iter().map(|&amount| units(amount)).collect();
    assert_eq!(got, expected);
}

#[test]
fn a_task_alone_may_use_the_whole_instance() {
    check(2048, &[burstable(2048, 512)], &[2048]);
    check(2048, &[burstable(5000, 512)], &[2048]);
    check(2048, &[burstable(100, 512)], &[100]);
}

#[test]
fn busy_tasks_share_by_weight() {
    // The developer guide's example: two containers of 512 units on one core, then 512 against 256.
    check(1024, &[burstable(1024, 512), burstable(1024, 512)], &[512, 512]);
    check(1536, &[burstable(9000, 512), burstable(9000, 256)], &[1024, 512]);
}

#[test]
fn what_one_leaves_goes_to_the_others_by_weight() {
    check(
        2048,
        &[burstable(128, 1024), burstable(9000, 512), burstable(9000, 256)],
        &[128, 1280, 640],
    );
}

#[test]
fn a_limit_holds_while_cpu_is_idle() {
    let limited = CpuClaim { limit: Some(units(512)), ..burstable(2048, 512) };
    check(2048, &[limited], &[512]);
    check(2048, &[limited, burstable(2048, 256)], &[512, 1536]);
}

#[test]
fn no_cpu_at_all_counts_as_two_shares() {
    check(2048, &[burstable(9000, 0), burstable(9000, 1022)], &[4, 2044]);
    check(2048, &[burstable(9000, 0), burstable(100, 1022)], &[1948, 100]);
    check(2048, &[burstable(9000, 1), burstable(9000, 2)], &[1024, 1024]);
}

#[test]
fn rounds_down_alike() {
    let claims = vec![CpuClaim { demand: Cpu::MAX, ..burstable(0, 256) }; 3];
    let shares = CpuShares::new(Cpu::from_raw(100), claims);
    assert_eq!((0..3).map(|claim| shares.allocation(claim).as_raw()).collect::<Vec<_>>(), [33; 3]);
}

#[test]
fn headroom_is_the_idle_cpu_or_the_share_whichever_is_more() {
    let shares = CpuShares::new(
        units(2048),
        vec![burstable(100, 512), burstable(1500, 512), burstable(9000, 1024)],
    );
    // The first two at work: 512 + 512 of 2048 against the greedy third.
    assert_eq!(shares.headroom(0), units(512));
    // What the first leaves, 1948, by weight 512 : 1024.
    assert_eq!(shares.headroom(1), Cpu::from_raw(1948 * 125 / 3));
    let calm = CpuShares::new(units(2048), vec![burstable(100, 512), burstable(300, 512)]);
    assert_eq!(calm.headroom(0), units(1748));
    assert_eq!(calm.headroom(1), units(1948));
    // Like tasks are busy together.
    let two = CpuClaim { tasks: 2, ..burstable(10, 512) };
    assert_eq!(CpuShares::new(units(2048), vec![two]).headroom(0), units(1024));
}

/// Satisfies any claim that wants no more than its share of what is left, until none does.
fn by_elimination(capacity: Cpu, claims: &[CpuClaim]) -> Vec<Cpu> {
    let mut given: Vec<Option<u64>> = vec![None; claims.len()];
    loop {
        let mut rest = i128::from(capacity.as_raw());
        let mut weights = 0_i128;
        for (claim, given) in claims.iter().zip(&given) {
            let tasks = i128::from(claim.tasks);
            match given {
                Some(amount) => rest -= tasks * i128::from(*amount),
                None => weights += tasks * i128::from(claim.weight()),
            }
        }
        let found = (0..claims.len()).find(|&index| {
            let claim = &claims[index];
            given[index].is_none()
                && i128::from(claim.want()).saturating_mul(weights)
                    <= rest * i128::from(claim.weight())
        });
        let Some(index) = found else {
            let share = |claim: &CpuClaim| (rest * i128::from(claim.weight()) / weights) as u64;
            let amounts = claims.iter().zip(&given);
            return amounts
                .map(|(claim, given)| Cpu::from_raw(given.unwrap_or_else(|| share(claim))))
                .collect();
        };
        given[index] = Some(claims[index].want());
    }
}

prop_compose! {
    fn any_claim()(
        tasks in 1_u32..5,
        demand in prop_oneof![0_u64..600_000, Just(0), Just(u64::MAX)],
        weight in prop_oneof![0_u64..300_000, Just(0), Just(32_000)],
        limit in prop::option::of(0_u64..500_000),
    ) -> CpuClaim {
        CpuClaim {
            tasks,
            demand: Cpu::from_raw(demand),
            weight: Cpu::from_raw(weight),
            limit: limit.map(Cpu::from_raw),
        }
    }
}

fn any_claims() -> impl Strategy<Value = Vec<CpuClaim>> {
    prop::collection::vec(any_claim(), 1..12)
}

fn allocations(capacity: u64, claims: &[CpuClaim]) -> Vec<Cpu> {
    let shares = CpuShares::new(Cpu::from_raw(capacity), claims.to_vec());
    (0..claims.len()).map(|claim| shares.allocation(claim)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn is_the_slow_water_filling(capacity in 0_u64..3_000_000, claims in any_claims()) {
        let expected = by_elimination(Cpu::from_raw(capacity), &claims);
        prop_assert_eq!(allocations(capacity, &claims), expected);
    }

    #[test]
    fn headroom_is_the_allocation_of_a_greedy_claim(
        capacity in 0_u64..3_000_000, claims in any_claims(), index in 0_usize..12,
    ) {
        let index = index % claims.len();
        let shares = CpuShares::new(Cpu::from_raw(capacity), claims.clone());
        let mut greedy = claims.clone();
        greedy[index].demand = Cpu::MAX;
        let expected = by_elimination(Cpu::from_raw(capacity), &greedy)[index];
        prop_assert_eq!(shares.headroom(index), expected);
        prop_assert!(shares.allocation(index) <= shares.headroom(index));
    }

    /// Nobody gets more than he wants or may have, nor less than the smaller of that and his share by
    /// weight; nothing is given that is not there, and nothing lies idle that someone wants.
    #[test]
    fn is_fair_and_wastes_nothing(capacity in 0_u64..3_000_000, claims in any_claims()) {
        let got = allocations(capacity, &claims);
        let tasks: u128 = claims.iter().map(|claim| u128::from(claim.tasks)).sum();
        let weights: u128 = claims.iter().map(|claim| claim.of_all(claim.weight())).sum();
        let wanted: u128 = claims.iter().map(|claim| claim.of_all(claim.want())).sum();
        let given: u128 = claims.iter().zip(&got).map(|(c, got)| c.of_all(got.as_raw())).sum();
        for (claim, got) in claims.iter().zip(&got) {
            prop_assert!(*got <= claim.demand);
            prop_assert!(claim.limit.is_none_or(|limit| *got <= limit));
            let share = u128::from(capacity) * u128::from(claim.weight()) / weights;
            prop_assert!(u128::from(claim.want()).min(share) <= u128::from(got.as_raw()));
        }
        prop_assert!(given <= u128::from(capacity));
        if wanted <= u128::from(capacity) {
            prop_assert_eq!(given, wanted);
        } else {
            prop_assert!(u128::from(capacity) < given + tasks, "less than a unit per task is idle");
        }
    }

    /// More CPU, or less wanted by another, is never less for anyone.
    #[test]
    fn is_monotone(
        capacity in 0_u64..3_000_000, more in 0_u64..500_000, claims in any_claims(),
        index in 0_usize..12, less in 0_u64..600_000,
    ) {
        let index = index % claims.len();
        let got = allocations(capacity, &claims);
        for (a, b) in got.iter().zip(allocations(capacity + more, &claims)) {
            prop_assert!(*a <= b);
        }
        let mut calmer = claims.clone();
        calmer[index].demand = calmer[index].demand.min(Cpu::from_raw(less));
        for (other, (a, b)) in got.iter().zip(allocations(capacity, &calmer)).enumerate() {
            prop_assert!(other == index || *a <= b);
        }
    }

    #[test]
    fn order_and_grouping_do_not_matter(
        capacity in 0_u64..3_000_000, claims in any_claims(), turn in 0_usize..12,
    ) {
        let turn = turn % claims.len();
        let mut turned = claims.clone();
        turned.rotate_left(turn);
        let mut got = allocations(capacity, &claims);
        let mut single = Vec::new();
        for (claim, amount) in claims.iter().zip(&got) {
            for _ in 0..claim.tasks {
                single.push((CpuClaim { tasks: 1, ..*claim }, *amount));
            }
        }
        let apart: Vec<CpuClaim> = single.iter().map(|(claim, _)| *claim).collect();
        let amounts: Vec<Cpu> = single.iter().map(|(_, amount)| *amount).collect();
        prop_assert_eq!(allocations(capacity, &apart), amounts);
        got.rotate_left(turn);
        prop_assert_eq!(allocations(capacity, &turned), got);
    }
}

//! Groups that buy: small scenarios whose purchases can be followed by hand.
#![allow(clippy::unwrap_used)]

use super::testing::{at, definition, empty, group, service};
use super::watched::run_watched;
use crate::agent::Window;
use crate::catalog::HourlyRate;
use crate::engine::DurationDistribution;
use crate::purchase::back_off::BackOff;
use crate::purchase::replay::Lease;
use crate::results::{InstanceRecord, RunResults, StopCode};
use crate::scenario::{
    AutoScalingGroup, CapacityProvider, CapacityProviderKind, InstancesDistribution, LaunchTarget,
    OperatingSystem, PurchaseOption, Scenario, Shortage, ShortageLaw, ShortageScope, Sold,
    SpotMarket, SpotStrategy, StrategyItem,
};
use crate::units::{AsgId, CapacityProviderId, Cpu, SimDuration, SimTime, ZoneId};

const DAY: u64 = 86_400;

fn usd(ten_thousandths: u64) -> HourlyRate {
    HourlyRate::from_ten_billionths(ten_thousandths * 1_000_000)
}

/// A group of two types, `m5.large` and the twice as large `m5.xlarge`.
fn mixed(desired: u32, base: u32, percentage: u32) -> AutoScalingGroup {
    let mut asg = group(0, desired, desired + 10);
    let mut large = asg.types[0].clone();
    large.shape.instance_type = "m5.xlarge".into();
    large.shape.cpu = Cpu::from_ecs_units(4096);
    asg.types.push(large);
    asg.distribution = InstancesDistribution {
        on_demand_base: base,
        on_demand_percentage: percentage,
        ..InstancesDistribution::default()
    };
    asg
}

/// Two zones' worth of Spot at a price each: `m5.large` costs 4 cents, `m5.xlarge` 3.
fn market(instance_type: &str, zone: u32) -> SpotMarket {
    let price = if instance_type == "m5.large" { 400 } else { 300 };
    SpotMarket {
        instance_type: instance_type.into(),
        operating_system: OperatingSystem::Linux,
        zone: ZoneId(zone),
        prices: vec![(SimTime::ZERO, usd(price))],
        step: None,
        depth: 1.0,
        mean_time_to_interruption: None,
        leases: None,
    }
}

fn shortage(from: u64, until: u64, option: Option<PurchaseOption>, fraction: f64) -> Shortage {
    Shortage {
        name: "shortage".into(),
        law: ShortageLaw::Windows(vec![Window { from: at(from), until: at(until) }]),
        scope: ShortageScope::Pools { instance_types: None, zones: None, option },
        fraction,
        spread: SimDuration::ZERO,
    }
}

fn scenario(asg: AutoScalingGroup) -> Scenario {
    let mut scenario = empty();
    scenario.task_definitions.push(definition(256, 256));
    scenario.auto_scaling_groups.push(asg);
    scenario.services.push(service("web", 4, LaunchTarget::Ec2));
    scenario.services[0].starts_ready = true;
    for zone in 0..3 {
        for name in ["m5.large", "m5.xlarge"] {
            scenario.purchasing.markets.push(market(name, zone));
        }
    }
    scenario
}

fn run(scenario: &Scenario) -> RunResults {
    let results = super::run(scenario, &mut |_| {}).unwrap();
    let mut broken = crate::invariants::violations(scenario, &results);
    // These scenarios state no On-Demand prices.
    broken.retain(|law| !law.starts_with("law 6"));
    assert!(broken.is_empty(), "{broken:#?}");
    results
}

fn bought(results: &RunResults, option: PurchaseOption) -> Vec<&InstanceRecord> {
    results.instance_records.iter().filter(|it| it.purchase_option == option).collect()
}

fn log<'r>(results: &'r RunResults, text: &str) -> Vec<(u64, &'r str)> {
    let found = results.event_records.iter().filter(|it| it.message.contains(text));
    found.map(|it| (it.at.as_nanos() / 1_000_000_000, it.message.as_str())).collect()
}

#[test]
fn the_split_is_that_of_the_policy_and_each_instance_has_its_price() {
    let mut scenario = scenario(mixed(6, 2, 50));
    scenario.duration = SimDuration::from_secs(7200);
    let results = run(&scenario);
    // Two of base, half of the other four.
    let on_demand = bought(&results, PurchaseOption::OnDemand);
    assert_eq!(on_demand.len(), 4);
    assert!(on_demand.iter().all(|it| it.instance_type == "m5.large"), "the first override");
    let spot = bought(&results, PurchaseOption::Spot);
    // Lowest price with two pools: both types, the cheaper one first.
    let types: Vec<&str> = spot.iter().map(|it| it.instance_type.as_str()).collect();
    assert_eq!(types, ["m5.xlarge", "m5.xlarge"], "each the first of its zone");
    let lines = results.invoice.lines.iter();
    let spot_cost: i128 =
        lines.filter(|it| &*it.usage_type == "SpotUsage:m5.xlarge").map(|it| it.amount).sum();
    assert_eq!(spot_cost, 4 * 300 * 1_000_000, "two instances for two hours at 0.03");
    assert!((results.capacity[0].spot_mean - 2.0).abs() < 1e-9);
}

#[test]
fn tv_mix_3_a_weight_of_twelve_overshoots_by_seven_and_a_small_scale_in_does_nothing() {
    let mut asg = group(0, 5, 20);
    asg.types[0].weight = 12;
    let mut scenario = scenario(asg);
    let results = run(&scenario);
    assert_eq!(results.instances.launched, 1, "12 units for 5");
    // 24 units at 24; with 20 wanted no instance can go, with 12 one can.
    for (desired, left) in [(20, 2), (12, 1)] {
        scenario.auto_scaling_groups[AsgId(0)].desired_capacity = 24;
        scenario.auto_scaling_groups[AsgId(0)].max_size = 24;
        let mut done = false;
        run_watched(&scenario, &mut |world, scheduler| {
            if !done && at(600) <= scheduler.now() {
                done = true;
                world.set_desired_capacity(AsgId(0), desired, "test".into(), scheduler);
            }
            if at(1200) <= scheduler.now() {
                assert_eq!(world.groups[AsgId(0)].purchase.units(), 12 * left);
            }
        });
    }
}

#[test]
fn a_scale_in_keeps_the_split() {
    let scenario = scenario(mixed(8, 2, 50));
    let mut done = false;
    let results = run_watched(&scenario, &mut |world, scheduler| {
        if !done && at(600) <= scheduler.now() {
            done = true;
            world.set_desired_capacity(AsgId(0), 4, "test".into(), scheduler);
        }
    });
    let left =
        |option| bought(&results, option).iter().filter(|it| it.terminated.is_none()).count();
    assert_eq!((left(PurchaseOption::OnDemand), left(PurchaseOption::Spot)), (3, 1));
}

#[test]
fn an_interruption_gives_two_minutes_and_the_first_hour_is_free() {
    for draining in [true, false] {
        let mut asg = mixed(4, 0, 0);
        asg.agent.spot_instance_draining = draining;
        let mut scenario = scenario(asg);
        scenario.purchasing.shortages = vec![shortage(1000, 1300, None, 1.0)];
        scenario.purchasing.back_off = BackOff { jitter: 0.0, ..BackOff::default() };
        let results = run(&scenario);
        assert_eq!(results.instances.interrupted, 4);
        for instance in &results.instance_records[..4] {
            assert_eq!(instance.interruption_notice, Some(at(1000)));
            assert_eq!(instance.terminated, Some(at(1120)), "two minutes later");
            assert!(instance.interrupted);
            assert_eq!(instance.billed_seconds, 0, "free in the first hour");
        }
        for task in results.task_records.iter().filter(|it| it.instance < Some(4)) {
            assert_eq!(task.stopped, Some(at(1120)), "nowhere to go: killed with its instance");
        }
        let drains = log(&results, "is DRAINING");
        assert_eq!(drains.len(), if draining { 4 } else { 0 });
        // A replacement is wanted 5 s after the end, refused until 1300 with pauses 15, 30, 60 and
        // 120 s, per pool; it runs 25 s later.
        let failed = log(&results, "There is no Spot capacity available");
        assert_eq!(failed.first().map(|it| it.0), Some(1125));
        let launched = &results.instance_records[4];
        assert_eq!(launched.requested, at(1125 + 15 + 30 + 60 + 120));
        assert_eq!(results.capacity[0].failed_launches, failed.len() as u64);
    }
}

#[test]
fn tasks_on_a_draining_instance_move_before_it_ends() {
    let mut asg = mixed(4, 2, 0);
    asg.agent.spot_instance_draining = true;
    let mut scenario = scenario(asg);
    scenario.purchasing.shortages = vec![shortage(1000, 5000, Some(PurchaseOption::Spot), 1.0)];
    let results = run(&scenario);
    let moved: Vec<_> = results
        .task_records
        .iter()
        .filter(|task| {
            task.instance.is_some_and(|it| results.instance_records[it as usize].interrupted)
        })
        .collect();
    assert!(!moved.is_empty(), "a task ran on Spot");
    for task in moved {
        assert!(task.stopped.unwrap() < at(1120), "{task:?}");
        assert_eq!(task.stop_code, Some(StopCode::ServiceSchedulerInitiated));
    }
    let running = results.task_records.iter().filter(|it| it.stopped.is_none());
    assert_eq!(running.count(), 4, "all run on the On-Demand Instances");
}

#[test]
fn after_the_first_hour_an_interruption_is_charged_by_the_second() {
    let mut scenario = scenario(mixed(1, 0, 0));
    scenario.duration = SimDuration::from_secs(3 * 3600);
    scenario.services[0].desired_count = 0;
    scenario.purchasing.shortages = vec![shortage(5280, 20_000, None, 1.0)];
    for market in &mut scenario.purchasing.markets {
        market.prices = vec![(SimTime::ZERO, usd(537))];
    }
    let results = run(&scenario);
    assert_eq!(results.instance_records[0].billed_seconds, 5400);
    let lines = results.invoice.lines.iter();
    let spot: i128 =
        lines.filter(|it| it.usage_type.starts_with("SpotUsage")).map(|it| it.amount).sum();
    assert_eq!(spot, 805_500_000, "the documented 0.08055 USD");
}

#[test]
fn without_capacity_in_a_zone_another_zone_is_used() {
    let mut asg = group(0, 6, 6);
    asg.starts_ready = false;
    let mut scenario = scenario(asg);
    scenario.purchasing.shortages = vec![Shortage {
        scope: ShortageScope::Pools {
            instance_types: Some(vec!["m5.large".into()]),
            zones: Some(vec![ZoneId(1)]),
            option: Some(PurchaseOption::OnDemand),
        },
        ..shortage(0, 3600, None, 0.0)
    }];
    let results = run(&scenario);
    let zones: Vec<&str> = results.instance_records.iter().map(|it| it.zone.as_str()).collect();
    assert_eq!(zones.len(), 6);
    assert!(!zones.contains(&"us-east-1b"), "{zones:?}");
    let failed = log(&results, "Status Reason");
    assert_eq!(failed.len(), 1, "the pool is left alone while the others have capacity");
    assert_eq!(
        failed[0].1,
        "Launching a new EC2 instance.  Status Reason: We currently do not have sufficient m5.large \
         capacity in the Availability Zone you requested (us-east-1b). Our system will be working on \
         provisioning additional capacity. Launching EC2 instance failed."
    );
}

#[test]
fn attempts_are_spaced_by_the_back_off() {
    let mut asg = group(0, 1, 1);
    asg.starts_ready = false;
    asg.zones.truncate(1);
    let mut scenario = scenario(asg);
    scenario.purchasing.back_off = BackOff { jitter: 0.0, ..BackOff::default() };
    scenario.purchasing.shortages = vec![shortage(0, 700, None, 0.0)];
    let results = run(&scenario);
    let attempts: Vec<u64> = log(&results, "Status Reason").iter().map(|it| it.0).collect();
    assert_eq!(attempts, [0, 15, 45, 105, 225, 405, 585]);
    assert_eq!(results.instance_records[0].requested, at(765));
}

#[test]
fn a_type_without_capacity_gives_way_to_the_next() {
    let mut asg = mixed(2, 0, 100);
    asg.starts_ready = false;
    let mut scenario = scenario(asg);
    scenario.purchasing.shortages = vec![Shortage {
        scope: ShortageScope::Pools {
            instance_types: Some(vec!["m5.large".into()]),
            zones: None,
            option: None,
        },
        ..shortage(0, 3600, None, 0.0)
    }];
    let results = run(&scenario);
    assert!(results.instance_records.iter().all(|it| it.instance_type == "m5.xlarge"));
    assert_eq!(results.instance_records.len(), 2);
}

#[test]
fn a_price_above_the_most_that_is_paid_interrupts_and_refuses() {
    let mut scenario = scenario(mixed(1, 0, 0));
    scenario.auto_scaling_groups[AsgId(0)].distribution.spot_max_price = Some(usd(350));
    scenario.auto_scaling_groups[AsgId(0)].distribution.spot_strategy =
        SpotStrategy::LowestPrice { pools: 1 };
    for market in &mut scenario.purchasing.markets {
        market.prices = vec![(SimTime::ZERO, usd(300)), (at(900), usd(360)), (at(1800), usd(340))];
    }
    let results = run(&scenario);
    let first = &results.instance_records[0];
    assert_eq!((first.interruption_notice, first.terminated), (Some(at(900)), Some(at(1020))));
    let failed = log(&results, "SpotMaxPriceTooLow");
    assert!(failed[0].1.contains(
        "Your Spot request price of 0.035 is lower than the minimum required Spot request \
         fulfillment price of 0.036."
    ));
    let second = &results.instance_records[1];
    assert!(at(1800) <= second.requested && second.requested < at(2000), "{second:?}");
}

/// Each instance stands for one lease: from the beginning to the end of it, to the nanosecond.
#[test]
fn replayed_capacity_gives_the_instances_of_the_trace() {
    let mut asg = mixed(8, 0, 0);
    asg.types.truncate(1);
    asg.zones.truncate(1);
    asg.max_size = 8;
    asg.starts_ready = false;
    asg.launch_time = DurationDistribution::ZERO;
    asg.registration_time = DurationDistribution::ZERO;
    let mut scenario = scenario(asg);
    let lease = |from: u64, until: Option<u64>| Lease { from: at(from), until: until.map(at) };
    let leases =
        [lease(60, Some(1500)), lease(60, Some(2000)), lease(600, None), lease(1600, Some(1650))];
    scenario.purchasing.markets[0].leases = Some(leases.into());
    let results = run(&scenario);
    let found: Vec<_> =
        results.instance_records.iter().map(|it| (it.running.unwrap(), it.terminated)).collect();
    let expected: Vec<_> = leases.iter().map(|it| (it.from, it.until)).collect();
    assert_eq!(found, expected);
    let notices: Vec<_> =
        results.instance_records.iter().map(|it| it.interruption_notice).collect();
    // The last lease is shorter than the notice: it comes with the launch.
    assert_eq!(notices, [Some(at(1380)), Some(at(1880)), None, Some(at(1600))]);
}

#[test]
fn capacity_rebalancing_launches_before_it_terminates() {
    let run_with = |rebalance: bool| {
        let mut asg = mixed(4, 0, 0);
        asg.max_size = 4;
        asg.capacity_rebalance = rebalance;
        let mut scenario = scenario(asg);
        scenario.duration = SimDuration::from_secs(3 * 3600);
        scenario.purchasing.recommendation.early_share = 1.0;
        scenario.purchasing.recommendation.lead =
            DurationDistribution::Constant(SimDuration::from_secs(1200));
        // Zone a runs short after two hours; the others never do.
        scenario.purchasing.shortages = vec![Shortage {
            scope: ShortageScope::Pools {
                instance_types: None,
                zones: Some(vec![ZoneId(0)]),
                option: Some(PurchaseOption::Spot),
            },
            ..shortage(7200, 20_000, None, 1.0)
        }];
        run(&scenario)
    };
    let results = run_with(true);
    assert_eq!(results.instances.interrupted, 0, "all have gone before");
    assert_eq!(log(&results, "EC2 Instance Rebalance Recommendation").len(), 2);
    let replaced: Vec<_> =
        results.instance_records.iter().filter(|it| it.terminated.is_some()).collect();
    assert_eq!(replaced.len(), 2);
    for instance in replaced {
        assert!(instance.termination_reason.ends_with("rebalance recommendation"));
        assert!(at(6000) < instance.terminated.unwrap());
    }
    // At most one more than the maximum of four: a tenth, at least one.
    assert_eq!(results.instances.peak, 5);
    let without = run_with(false);
    assert_eq!(without.instances.interrupted, 2);
    assert_eq!(without.instances.peak, 4);
}

#[test]
fn fargate_spot_without_capacity_starts_nothing_and_does_not_fall_back() {
    let mut scenario = empty();
    scenario.task_definitions.push(definition(256, 512));
    scenario.capacity_providers.push(CapacityProvider {
        name: "FARGATE_SPOT".into(),
        kind: CapacityProviderKind::FargateSpot { mean_time_to_interruption: None },
    });
    let item = StrategyItem { capacity_provider: CapacityProviderId(0), base: 0, weight: 1 };
    scenario.services.push(service("web", 2, LaunchTarget::Strategy(vec![item])));
    scenario.purchasing.shortages =
        vec![Shortage { scope: ShortageScope::FargateSpot, ..shortage(0, 1000, None, 0.0) }];
    let results = run(&scenario);
    assert!(results.task_records.iter().all(|it| at(1000) <= it.created));
    assert_eq!(results.task_records.len(), 2);
    let refused = log(&results, "Capacity is unavailable at this time");
    assert_eq!(refused.len(), 1, "the event is not repeated for six hours");
}

#[test]
fn without_fargate_spot_the_fargate_share_of_a_strategy_is_started_all_the_same() {
    let mut scenario = empty();
    scenario.task_definitions.push(definition(256, 512));
    let spot = CapacityProviderKind::FargateSpot { mean_time_to_interruption: None };
    for (name, kind) in [("FARGATE_SPOT", spot), ("FARGATE", CapacityProviderKind::Fargate)] {
        scenario.capacity_providers.push(CapacityProvider { name: name.into(), kind });
    }
    let item =
        |id, base, weight| StrategyItem { capacity_provider: CapacityProviderId(id), base, weight };
    // TV-71 the other way round: of ten tasks seven are Spot's, three are Fargate's.
    let strategy = vec![item(0, 0, 4), item(1, 1, 1)];
    scenario.services.push(service("web", 10, LaunchTarget::Strategy(strategy)));
    scenario.purchasing.shortages =
        vec![Shortage { scope: ShortageScope::FargateSpot, ..shortage(0, 1000, None, 0.0) }];
    let results = run(&scenario);
    let created = |provider: &str| -> Vec<SimTime> {
        let of = results.task_records.iter().filter(|it| &*it.capacity == provider);
        of.map(|it| it.created).collect()
    };
    assert_eq!(created("FARGATE"), [SimTime::ZERO; 3], "no more, and at once");
    let spot = created("FARGATE_SPOT");
    assert_eq!(spot.len(), 7);
    assert!(
        spot.iter().all(|it| (at(1000)..at(1400)).contains(it)),
        "at the service's next attempt"
    );
}

#[test]
fn a_type_is_launched_only_under_the_options_that_price_protection_leaves() {
    let mut asg = mixed(6, 0, 50);
    asg.types[0].sold = Sold { on_demand: false, spot: true };
    asg.types[1].sold = Sold { on_demand: true, spot: false };
    let results = run(&scenario(asg));
    let of = |option| {
        let found = bought(&results, option);
        found.into_iter().map(|it| it.instance_type.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(of(PurchaseOption::OnDemand), ["m5.xlarge"; 3], "not the first of the list");
    assert_eq!(of(PurchaseOption::Spot), ["m5.large"; 3], "not the cheaper one");
}

/// Random shortages and interruptions: no law breaks, and the run repeats itself.
#[test]
fn every_law_holds_under_random_interruptions() {
    let mut interrupted = 0;
    for seed in 0..12 {
        let mut asg = mixed(10, 2, 25);
        asg.capacity_rebalance = seed % 2 == 0;
        asg.agent.spot_instance_draining = seed % 3 == 0;
        asg.distribution.spot_strategy = [
            SpotStrategy::LowestPrice { pools: 2 },
            SpotStrategy::CapacityOptimized,
            SpotStrategy::CapacityOptimizedPrioritized,
            SpotStrategy::PriceCapacityOptimized,
        ][seed as usize % 4];
        let mut scenario = scenario(asg);
        scenario.seed = seed;
        scenario.duration = SimDuration::from_secs(DAY);
        scenario.services[0].desired_count = 12;
        let hours = |n: u64| {
            let mean = SimDuration::from_secs(3600 * n);
            DurationDistribution::Exponential { mean }
        };
        for zone in 0..3 {
            scenario.purchasing.shortages.push(Shortage {
                name: format!("zone {zone}"),
                law: ShortageLaw::OnOff { on: hours(4), off: hours(1) },
                scope: ShortageScope::Pools {
                    instance_types: None,
                    zones: Some(vec![ZoneId(zone)]),
                    option: (seed % 2 == 1).then_some(PurchaseOption::Spot),
                },
                fraction: 0.7,
                spread: SimDuration::from_secs(180),
            });
        }
        for market in &mut scenario.purchasing.markets {
            market.mean_time_to_interruption = Some(SimDuration::from_secs(6 * 3600));
        }
        let (first, second) = (run(&scenario), run(&scenario));
        assert_eq!(first.trajectory_fingerprint, second.trajectory_fingerprint);
        for instance in first.instance_records.iter().filter(|it| it.interrupted) {
            let lived = instance.terminated.unwrap().saturating_since(
                instance.interruption_notice.expect("an interruption is announced"),
            );
            assert_eq!(lived, SimDuration::from_secs(120));
            interrupted += 1;
        }
    }
    assert!(interrupted > 100, "{interrupted}");
}

//! Selections from the catalogue of us-east-1, whose prices are written beside them.

use super::*;
use crate::catalog::{instance_type, instance_types, on_demand_price};

/// Everything with a price in us-east-1; Spot costs four tenths.
fn offers() -> Vec<Offer<'static>> {
    let priced = instance_types().iter().filter_map(|it| {
        let on_demand = on_demand_price(it.name, "us-east-1")?.rate;
        let spot = HourlyRate::from_ten_billionths(on_demand.as_ten_billionths() * 2 / 5);
        Some(Offer { instance_type: it, on_demand, spot: Some(spot) })
    });
    priced.collect()
}

const OPEN: PriceProtection = PriceProtection {
    on_demand_over_lowest: 999_999,
    spot: SpotProtection::OverLowest(999_999),
    unit: CapacityUnit::Units,
};

fn names(requirements: &InstanceRequirements, protection: PriceProtection) -> Vec<&'static str> {
    let selected = select(&offers(), requirements, protection);
    selected.iter().map(|it| it.instance_type.name).collect()
}

/// Two vCPUs and 8 GiB.
fn two_by_eight() -> InstanceRequirements {
    InstanceRequirements {
        vcpus: Range { min: Some(2), max: Some(2) },
        memory_mib: Range { min: Some(8192), max: Some(8192) },
        ..InstanceRequirements::default()
    }
}

fn allowed(patterns: &[&str]) -> InstanceRequirements {
    InstanceRequirements {
        allowed: Some(patterns.iter().map(|it| (*it).to_owned()).collect()),
        ..InstanceRequirements::default()
    }
}

#[test]
fn both_ends_of_a_range_belong_to_it() {
    let found = names(&two_by_eight(), OPEN);
    assert!(found.contains(&"m5.large") && found.contains(&"m7g.large"));
    assert!(!found.contains(&"c5.large") && !found.contains(&"r5.large"));
    for name in &found {
        let it = instance_type(name).expect("of the catalogue");
        assert_eq!((it.vcpu, it.memory.as_mib()), (2, 8192), "{name}");
    }
}

#[test]
fn burstable_types_are_excluded_by_default() {
    assert!(!names(&two_by_eight(), OPEN).contains(&"t3.large"));
    let included = InstanceRequirements { burstable: Presence::Included, ..two_by_eight() };
    assert!(names(&included, OPEN).contains(&"t3.large"));
    let required = InstanceRequirements { burstable: Presence::Required, ..two_by_eight() };
    assert!(names(&required, OPEN).iter().all(|name| name.starts_with('t')));
}

#[test]
fn manufacturers_storage_and_architecture_narrow_the_choice() {
    let base = allowed(&["m6*.large"]);
    let with = |change: fn(&mut InstanceRequirements)| {
        let mut requirements = base.clone();
        change(&mut requirements);
        let mut found = names(&requirements, OPEN);
        found.sort_unstable();
        found
    };
    let all = ["m6a.large", "m6g.large", "m6gd.large", "m6i.large", "m6id.large"];
    assert_eq!(with(|_| {}), all);
    assert_eq!(with(|it| it.cpu_manufacturers = vec![CpuManufacturer::Amd]), ["m6a.large"]);
    let arm = with(|it| it.architecture = Some(Architecture::Arm64));
    assert_eq!(arm, ["m6g.large", "m6gd.large"]);
    assert_eq!(with(|it| it.local_storage = Presence::Required), ["m6gd.large", "m6id.large"]);
    let none = ["m6a.large", "m6g.large", "m6i.large"];
    assert_eq!(with(|it| it.local_storage = Presence::Excluded), none);
    // Types without local storage have no disk of the wrong kind.
    assert_eq!(with(|it| it.local_ssd = false), none);
    assert_eq!(with(|it| it.excluded = vec!["m6g*".into()]).len(), 3);
    assert_eq!(with(|it| it.generations = vec![Generation::Previous]), [""; 0]);
    assert_eq!(with(|it| it.generations = vec![Generation::Current]), all);
    assert_eq!(with(|it| it.network_interfaces.min = Some(4)), [""; 0], "they have three");
    assert_eq!(with(|it| it.memory_gib_per_vcpu.max = Some(3.9)), [""; 0], "they have four");
    assert_eq!(with(|it| it.bare_metal = Presence::Required), [""; 0]);
}

#[test]
fn accelerators_are_asked_for_by_count_kind_maker_and_name() {
    let gpus = InstanceRequirements {
        accelerator_count: Range { min: Some(1), max: None },
        vcpus: Range { min: None, max: Some(4) },
        ..InstanceRequirements::default()
    };
    let mut found = names(&gpus, OPEN);
    found.sort_unstable();
    assert_eq!(
        found,
        ["g4dn.xlarge", "g5.xlarge", "g5g.xlarge", "g6.xlarge", "g6e.xlarge", "inf2.xlarge"]
    );
    let kind = |kind| InstanceRequirements { accelerator_types: vec![kind], ..gpus.clone() };
    assert_eq!(names(&kind(AcceleratorType::Inference), OPEN), ["inf2.xlarge"]);
    let named = InstanceRequirements { accelerator_names: vec!["l4".into()], ..gpus.clone() };
    assert_eq!(names(&named, OPEN), ["g6.xlarge"]);
    let maker = vec![AcceleratorManufacturer::AmazonWebServices];
    let made = InstanceRequirements { accelerator_manufacturers: maker, ..gpus };
    assert_eq!(names(&made, OPEN), ["inf2.xlarge"]);
    let none = InstanceRequirements {
        accelerator_count: Range { min: None, max: Some(0) },
        ..allowed(&["g5.*", "m5.large"])
    };
    assert_eq!(names(&none, OPEN), ["m5.large"]);
}

#[test]
fn on_demand_protection_is_a_percentage_over_the_cheapest_common_current_type() {
    // m6g 0.0770, m7g 0.0816, m6a 0.0864, m5 and m6i 0.0960, m7i 0.1008.
    let types = ["m6g.large", "m7g.large", "m6a.large", "m5.large", "m6i.large", "m7i.large"];
    let protected = |percent| {
        let protection = PriceProtection { on_demand_over_lowest: percent, ..OPEN };
        let selected = select(&offers(), &allowed(&types), protection);
        let cheap: Vec<_> = selected.iter().filter(|it| it.on_demand).collect();
        cheap.iter().map(|it| it.instance_type.name).collect::<Vec<_>>()
    };
    assert_eq!(protected(0), ["m6g.large"]);
    // 0.0770 × 1.20 = 0.0924.
    assert_eq!(protected(20), ["m6g.large", "m7g.large", "m6a.large"]);
    // 0.0770 × 1.24 = 0.09548 < 0.0960 ≤ 0.0770 × 1.25 = 0.09625.
    assert_eq!(protected(24).len(), 3);
    assert_eq!(protected(25), ["m6g.large", "m7g.large", "m6a.large", "m5.large", "m6i.large"]);
}

#[test]
fn the_baseline_is_a_common_type_even_if_another_one_is_cheaper() {
    // t3.medium costs 0.0416, c6g.large 0.068: 20 % above the latter is 0.0816.
    let mut requirements = allowed(&["t3.medium", "c6g.large", "m7g.large", "c5.large"]);
    requirements.burstable = Presence::Included;
    let protection = PriceProtection { on_demand_over_lowest: 20, ..OPEN };
    let selected = select(&offers(), &requirements, protection);
    let cheap = selected.iter().filter(|it| it.on_demand).map(|it| it.instance_type.name);
    assert_eq!(cheap.collect::<Vec<_>>(), ["t3.medium", "c6g.large", "m7g.large"]);
    // Without a common type the cheapest current one counts.
    let mut others = allowed(&["t3.medium", "t3.large", "g4dn.xlarge"]);
    others.burstable = Presence::Included;
    assert_eq!(select(&offers(), &others, protection).iter().filter(|it| it.on_demand).count(), 1);
}

#[test]
fn prices_are_compared_per_vcpu_or_per_mib_where_sizes_count_them() {
    // Per instance c6g.large (0.068) is half of c6g.xlarge (0.136), per vCPU they are equal.
    let types = allowed(&["c6g.large", "c6g.xlarge", "r6g.large"]);
    let at = |unit| PriceProtection { on_demand_over_lowest: 20, unit, ..OPEN };
    let cheap = |unit| {
        let selected = select(&offers(), &types, at(unit));
        let cheap = selected.into_iter().filter(|it| it.on_demand);
        cheap.map(|it| (it.instance_type.name, it.weight)).collect::<Vec<_>>()
    };
    assert_eq!(cheap(CapacityUnit::Units), [("c6g.large", 1)]);
    assert_eq!(cheap(CapacityUnit::Vcpu), [("c6g.large", 2), ("c6g.xlarge", 4)]);
    // r6g.large: 0.1008 for 16 GiB.
    assert_eq!(cheap(CapacityUnit::MemoryMib), [("r6g.large", 16_384)]);
}

#[test]
fn spot_protection_starts_from_the_lowest_spot_or_from_the_on_demand_price() {
    // Spot prices: m6g 0.0308, m7g 0.03264, m6a 0.03456, m5 0.0384, m7i 0.04032.
    let types = allowed(&["m6g.large", "m7g.large", "m6a.large", "m5.large", "m7i.large"]);
    let cheap = |spot| {
        let protection = PriceProtection { on_demand_over_lowest: 0, spot, ..OPEN };
        let selected = select(&offers(), &types, protection);
        selected.iter().filter(|it| it.spot).count()
    };
    assert_eq!(cheap(SpotProtection::OverLowest(0)), 1);
    assert_eq!(cheap(SpotProtection::OverLowest(20)), 3, "up to 0.03696");
    assert_eq!(cheap(SpotProtection::OverLowest(100)), 5);
    // Of 0.0770 On-Demand.
    assert_eq!(cheap(SpotProtection::OfOnDemand(39)), 0, "up to 0.03003");
    assert_eq!(cheap(SpotProtection::OfOnDemand(45)), 3, "up to 0.03465");
    assert_eq!(cheap(SpotProtection::OfOnDemand(100)), 5);
}

#[test]
fn a_type_without_a_spot_market_is_sold_on_demand_only() {
    let mut offers = offers();
    for offer in &mut offers {
        if offer.instance_type.name == "m6g.large" {
            offer.spot = None;
        }
    }
    let selected = select(&offers, &allowed(&["m6g.large", "m7g.large"]), OPEN);
    let sold: Vec<_> =
        selected.iter().map(|it| (it.instance_type.name, it.on_demand, it.spot)).collect();
    assert_eq!(sold, [("m6g.large", true, false), ("m7g.large", true, true)]);
}

/// A wider threshold never loses a type, and all that is selected is within it of the baseline.
#[test]
fn selections_grow_with_the_threshold() {
    let requirements = InstanceRequirements {
        vcpus: Range { min: Some(2), max: Some(16) },
        ..InstanceRequirements::default()
    };
    let mut before: Vec<&str> = Vec::new();
    for percent in [0, 5, 20, 60, 100, 400, 999_999] {
        let protection = PriceProtection {
            on_demand_over_lowest: percent,
            spot: SpotProtection::OverLowest(0),
            unit: CapacityUnit::Vcpu,
        };
        let selected = select(&offers(), &requirements, protection);
        let now: Vec<&str> =
            selected.iter().filter(|it| it.on_demand).map(|it| it.instance_type.name).collect();
        assert!(before.iter().all(|name| now.contains(name)), "{percent} %");
        assert!(before.len() <= now.len());
        before = now;
    }
    assert!(before.len() > 100);
}

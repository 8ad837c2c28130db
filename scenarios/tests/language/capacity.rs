//! Instance types by their attributes, and Managed Instances.

use std::path::Path;

use plimsoll::language::{LoadOptions, Loaded, load};
use plimsoll_core::autoscaling::managed_instances::Consolidation;
use plimsoll_core::billing::Category;
use plimsoll_core::catalog::{CpuManufacturer, instance_type};
use plimsoll_core::invariants::violations;
use plimsoll_core::results::RunResults;
use plimsoll_core::scenario::{
    AutoScalingGroup, CapacityProviderKind, ManagedInstances, OnDemandStrategy, PurchaseOption,
    Scenario,
};
use plimsoll_core::simulation;
use plimsoll_core::units::{AsgId, CapacityProviderId, SimDuration};

#[track_caller]
fn loaded(name: &str, set: &[(&str, &str)]) -> Loaded {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let set = set.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect();
    load(&path, &LoadOptions { set, seed: None }).unwrap_or_else(|problems| panic!("{problems}"))
}

fn requirements(set: &[(&str, &str)]) -> Loaded {
    loaded("tests/language/good/requirements.yaml", set)
}

fn run(scenario: &Scenario) -> RunResults {
    let results = simulation::run(scenario, &mut |_| {}).unwrap();
    let broken = violations(scenario, &results);
    assert!(broken.is_empty(), "{broken:#?}");
    results
}

fn names(group: &AutoScalingGroup, option: PurchaseOption) -> Vec<&str> {
    let sold = group.types.iter().filter(|it| it.sold.has(option));
    sold.map(|it| it.shape.instance_type.as_str()).collect()
}

#[test]
fn requirements_choose_the_types_that_price_protection_leaves() {
    let loaded = requirements(&[]);
    let group = &loaded.scenario.auto_scaling_groups[AsgId(0)];
    assert_eq!(group.distribution.on_demand_strategy, OnDemandStrategy::LowestPrice);
    // From m7i-flex.large (0.09576) up to 20 % above it (0.114912), by price.
    let cheap = [
        "m7i-flex.large",
        "m5.large",
        "m6i.large",
        "m8i-flex.large",
        "m7i.large",
        "m8i.large",
        "m5d.large",
    ];
    assert_eq!(names(group, PurchaseOption::OnDemand), cheap);
    // Twice the lowest Spot price is 0.0766: m5d.large costs 0.09 in one zone and 0.0452 in the other, which counts.
    let mut spot = names(group, PurchaseOption::Spot);
    spot.sort_unstable();
    assert!(spot.contains(&"m5d.large") && spot.contains(&"m6id.large"), "{spot:?}");
    assert_eq!(spot.len(), 9);
    let tight = requirements(&[("controlPlane.purchasing.spotPriceProtection", "5")]);
    let group = &tight.scenario.auto_scaling_groups[AsgId(0)];
    let expected = ["m7i-flex.large", "m5.large", "m6i.large"];
    assert_eq!(names(group, PurchaseOption::Spot), expected, "up to 5 % above the lowest");
}

#[test]
fn thresholds_of_the_requirements_come_before_the_defaults() {
    let at =
        "autoScalingGroups.0.MixedInstancesPolicy.LaunchTemplate.Overrides.0.InstanceRequirements";
    let over = format!("{at}.onDemandMaxPricePercentageOverLowestPrice");
    let of = format!("{at}.maxSpotPriceAsPercentageOfOptimalOnDemandPrice");
    let loaded = requirements(&[(&over, "0"), (&of, "41")]);
    let group = &loaded.scenario.auto_scaling_groups[AsgId(0)];
    assert_eq!(names(group, PurchaseOption::OnDemand), ["m7i-flex.large"]);
    // 41 % of 0.09576 is 0.03926; four tenths of 0.096 are 0.0384.
    let spot = ["m7i-flex.large", "m5.large", "m6i.large"];
    assert_eq!(names(group, PurchaseOption::Spot), spot);
    let arm = requirements(&[(&format!("{at}.cpuManufacturers"), "[amazon-web-services]")]);
    let group = &arm.scenario.auto_scaling_groups[AsgId(0)];
    assert!(names(group, PurchaseOption::OnDemand).contains(&"m7g.large"));
}

#[test]
fn sizes_in_vcpus_weigh_each_type_by_its_own() {
    let loaded = requirements(&[]);
    let group = &loaded.scenario.auto_scaling_groups[AsgId(1)];
    // c7a costs 34 % more per vCPU than c6a, which costs the same in all sizes.
    let weights: Vec<_> =
        group.types.iter().map(|it| (it.shape.instance_type.as_str(), it.weight)).collect();
    assert_eq!(weights, [("c6a.2xlarge", 8), ("c6a.large", 2), ("c6a.xlarge", 4)]);
    let results = run(&loaded.scenario);
    let of = results.instance_records.iter().filter(|it| it.group == "vcpus");
    let types: Vec<&str> = of.map(|it| it.instance_type.as_str()).collect();
    assert_eq!(types, ["c6a.2xlarge"; 3], "three times eight for twenty");
    // Half of the other group's four instances are Spot.
    assert_eq!(results.instance_records.len(), 7);
    let spot = results.instance_records.iter();
    assert_eq!(spot.filter(|it| it.purchase_option == PurchaseOption::Spot).count(), 2);
}

#[test]
fn managed_instances_choose_from_what_they_require() {
    let loaded = loaded("library/managed-instances.yaml", &[]);
    let scenario = &loaded.scenario;
    let CapacityProviderKind::ManagedInstances { group, settings } =
        scenario.capacity_providers[CapacityProviderId(0)].kind
    else {
        panic!("{:?}", scenario.capacity_providers)
    };
    let expected = ManagedInstances {
        option: PurchaseOption::OnDemand,
        scale_in_after: Some(SimDuration::from_secs(300)),
        consolidation: Consolidation::FewerOrCheaper,
        provisioning_delay: SimDuration::from_secs(1),
    };
    assert_eq!(settings, expected);
    let group = &scenario.auto_scaling_groups[group];
    assert_eq!((group.root_volume_gib, group.zones.len()), (80, 3));
    for it in &group.types {
        let kind = instance_type(&it.shape.instance_type).unwrap();
        assert!((2..=8).contains(&kind.vcpu), "{}", kind.name);
        assert_ne!(kind.cpu_manufacturer(), CpuManufacturer::AmazonWebServices, "{}", kind.name);
    }
    assert!(group.types.len() > 50, "{}", group.types.len());
    let results = run(scenario);
    let fee = results.invoice.total_of(|it| it.category == Category::ManagedInstances);
    let instances = results.invoice.total_of(|it| it.category == Category::Ec2Compute);
    // 12 %, rounded up per type and hour at most.
    assert!((fee * 100 - instances * 12).abs() < 100 * 100_000, "{fee} of {instances}");
    let given =
        self::loaded("library/managed-instances.yaml", &[("pricing.managedInstancesFee", "5.5")]);
    let fee = run(&given.scenario).invoice.total_of(|it| it.category == Category::ManagedInstances);
    assert!((fee * 1000 - instances * 55).abs() < 1000 * 100_000, "{fee} of {instances}");
}

#[test]
fn managed_instances_without_requirements_take_common_current_types() {
    let provider = "{instanceLaunchTemplate: {}, infrastructureOptimization: {scaleInAfter: -1}}";
    let set = [("capacityProviders.managed.managedInstancesProvider", provider)];
    let loaded = loaded("library/managed-instances.yaml", &set);
    let scenario = &loaded.scenario;
    let CapacityProviderKind::ManagedInstances { group, settings } =
        scenario.capacity_providers[CapacityProviderId(0)].kind
    else {
        panic!("{:?}", scenario.capacity_providers)
    };
    assert_eq!(settings.scale_in_after, None);
    let types = &scenario.auto_scaling_groups[group].types;
    let series = |letter: char| types.iter().any(|it| it.shape.instance_type.starts_with(letter));
    assert!(['c', 'm', 'r'].into_iter().all(series));
    assert!(!['g', 'i', 'p', 't'].into_iter().any(series));
}

//! What a scenario's instances are bought as, and what makes them scarce.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use plimsoll_core::engine::DurationDistribution;
use plimsoll_core::scenario::{
    AutoScalingGroup, CapacityProviderKind, ManagedInstances, PurchaseOption, Scenario, Shortage,
    ShortageLaw, ShortageScope, SpotMarket,
};
use plimsoll_core::units::{AsgId, SimTime};
use plimsoll_reports::number::duration;

/// Types of a group that stand in its line.
const FEW: usize = 4;
/// Types that are listed.
const MANY: usize = 40;
/// Shortages that are listed.
const MOST_SHORTAGES: usize = 12;

/// A line for each group and provider of instances, and lines for the types of attribute-based selection.
pub(super) fn groups(text: &mut String, scenario: &Scenario) {
    for (id, group) in scenario.auto_scaling_groups.enumerate() {
        match managed(scenario, id) {
            Some(settings) => {
                let idle = match settings.scale_in_after {
                    Some(after) => format!("idle ones go after {}", plain(after.as_secs_f64())),
                    None => "idle ones stay".to_owned(),
                };
                let option = settings.option.name();
                let types = group.types.len();
                let _ = writeln!(
                    text,
                    "  Managed Instances {}: {option}, {types} types; {idle}",
                    group.name
                );
            }
            None => {
                let _ = writeln!(
                    text,
                    "  Auto Scaling group {}: {} × {}, from {} to {}",
                    group.name,
                    group.desired_capacity,
                    in_a_word(group),
                    group.min_size,
                    group.max_size,
                );
            }
        }
        if FEW < group.types.len() {
            types(text, group);
        }
    }
}

fn managed(scenario: &Scenario, id: AsgId) -> Option<ManagedInstances> {
    scenario.capacity_providers.iter().find_map(|it| match it.kind {
        CapacityProviderKind::ManagedInstances { group, settings } if group == id => Some(settings),
        _ => None,
    })
}

fn in_a_word(group: &AutoScalingGroup) -> String {
    let names: Vec<&str> = group.types.iter().map(|it| it.shape.instance_type.as_str()).collect();
    if FEW < names.len() {
        let units = group.types.iter().any(|it| it.weight != 1);
        let unit = if units { "units of one of" } else { "one of" };
        return format!("{unit} {} types", names.len());
    }
    names.join(" or ")
}

/// The types of a group, by the purchase options under which it can launch them.
fn types(text: &mut String, group: &AutoScalingGroup) {
    let percentage = group.distribution.on_demand_percentage;
    let used = [
        (PurchaseOption::OnDemand, 0 < percentage || 0 < group.distribution.on_demand_base),
        (PurchaseOption::Spot, percentage < 100),
    ];
    for (option, _) in used.into_iter().filter(|(_, used)| *used) {
        let sold = group.types.iter().filter(|it| it.sold.has(option));
        let names: Vec<&str> = sold.map(|it| it.shape.instance_type.as_str()).collect();
        let shown = names.len().min(MANY);
        let more = match names.len() - shown {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let _ = writeln!(text, "    {}: {}{more}", option.name(), names[..shown].join(", "));
    }
}

/// Lines about Spot markets and the lack of capacity.
pub(super) fn scarcity(text: &mut String, scenario: &Scenario) {
    let purchasing = &scenario.purchasing;
    let mut models: BTreeMap<String, u32> = BTreeMap::new();
    for market in &purchasing.markets {
        *models.entry(model(market)).or_default() += 1;
    }
    for (model, pools) in models {
        let what = if pools == 1 { "pool" } else { "pools" };
        let _ = writeln!(text, "  Spot: {pools} {what}, {model}");
    }
    for shortage in purchasing.shortages.iter().take(MOST_SHORTAGES) {
        let _ = writeln!(
            text,
            "  lack of capacity {}: {}, {}",
            shortage.name,
            scope(scenario, shortage),
            law(&shortage.law)
        );
    }
    let more = purchasing.shortages.len().saturating_sub(MOST_SHORTAGES);
    if 0 < more {
        let _ = writeln!(text, "  and {more} more like these");
    }
    for provider in &scenario.capacity_providers {
        if let CapacityProviderKind::FargateSpot { mean_time_to_interruption: Some(mean) } =
            provider.kind
        {
            let mean = plain(mean.as_secs_f64());
            let _ = writeln!(text, "  Fargate Spot: tasks interrupted after {mean} on average");
        }
    }
}

fn model(market: &SpotMarket) -> String {
    if market.leases.is_some() {
        return "capacity replayed from a trace".to_owned();
    }
    match market.mean_time_to_interruption {
        Some(mean) => {
            format!("each instance interrupted after {} on average", plain(mean.as_secs_f64()))
        }
        None => "no interruptions of single instances".to_owned(),
    }
}

fn scope(scenario: &Scenario, shortage: &Shortage) -> String {
    let hit = match &shortage.scope {
        ShortageScope::FargateSpot => return "Fargate Spot".to_owned(),
        ShortageScope::Spot(pools) => match pools.len() {
            1 => "one Spot pool".to_owned(),
            number => format!("{number} Spot pools together"),
        },
        ShortageScope::Pools { instance_types, zones, option } => {
            let types = instance_types.as_ref().map_or_else(
                || "all types".to_owned(),
                |types| match types.as_slice() {
                    [one] => one.clone(),
                    many => format!("{} types", many.len()),
                },
            );
            let zones = zones.as_ref().map_or_else(String::new, |zones| {
                let names = zones.iter().map(|zone| scenario.zones[*zone].as_str());
                format!(" in {}", names.collect::<Vec<_>>().join(", "))
            });
            let option = option.map_or_else(String::new, |it| format!(", {}", it.name()));
            format!("{types}{zones}{option}")
        }
    };
    let percent = (shortage.fraction * 100.0).round();
    if 0.0 < percent { format!("{hit}, {percent} % of Spot Instances interrupted") } else { hit }
}

fn law(law: &ShortageLaw) -> String {
    match law {
        ShortageLaw::Windows(windows) => match windows.as_slice() {
            [one] => {
                let at = |at: SimTime| plain(at.as_secs_f64());
                match one.until {
                    SimTime::MAX => format!("from {} on", at(one.from)),
                    until => format!("from {} to {}", at(one.from), at(until)),
                }
            }
            many => format!("{} times", many.len()),
        },
        ShortageLaw::OnOff { on, off } => {
            format!("capacity for {} and none for {} on average", mean(on), mean(off))
        }
    }
}

fn mean(law: &DurationDistribution) -> String {
    plain(law.mean_seconds())
}

/// Without the no-break space of printed figures.
fn plain(seconds: f64) -> String {
    duration(seconds).replace('\u{a0}', " ")
}

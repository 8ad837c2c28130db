//! `plimsoll catalog`: the facts that scenarios are built from, with their sources.

use plimsoll_core::catalog::{self, Hypervisor, InstancePrice, InstanceType};
use plimsoll_core::scenario::{Architecture, OperatingSystem};
use serde_json::{Value, json};

use super::Failure;
use super::arguments::{
    Arch, CatalogCommand, CatalogFormat, CatalogListOptions, CatalogOptions, CatalogShowOptions,
};
use super::console;
use super::table::{Align, Table};
use crate::language::suggestion;

pub(super) fn catalog(options: &CatalogOptions) -> Result<(), Failure> {
    match &options.command {
        CatalogCommand::List(options) => console::print(&list(options)?),
        CatalogCommand::Show(options) => console::print(&show(options)?),
    }
}

/// A row of the list.
struct Row {
    instance_type: &'static InstanceType,
    region: &'static str,
    price: Option<InstancePrice>,
}

fn list(options: &CatalogListOptions) -> Result<String, Failure> {
    let region = known_region(&options.region)?;
    for family in &options.family {
        known("family", family, catalog::instance_types().iter().map(|it| it.family))?;
    }
    let mut rows: Vec<Row> = catalog::instance_types()
        .iter()
        .filter(|it| is_wanted(it, options))
        .map(|it| Row {
            instance_type: it,
            region,
            price: catalog::on_demand_price(it.name, region),
        })
        .collect();
    // Types without a price in the region come last; the name decides among equals.
    rows.sort_by_key(|row| {
        let price = row.price.map_or(u64::MAX, |price| price.rate.as_ten_billionths());
        (price, row.instance_type.name)
    });
    Ok(match options.format {
        CatalogFormat::Text => list_text(&rows, region),
        CatalogFormat::Csv => csv(&rows)?,
        CatalogFormat::Json => {
            let rows: Vec<Value> = rows
                .iter()
                .map(|row| {
                    let mut fields = facts(row.instance_type);
                    fields["price"] = row.price.map_or(Value::Null, price_fields);
                    fields
                })
                .collect();
            pretty(&json!({ "region": region, "instanceTypes": rows }))
        }
    })
}

fn is_wanted(it: &InstanceType, options: &CatalogListOptions) -> bool {
    let architecture = match options.arch {
        None => true,
        Some(Arch::X86_64) => it.architecture == Architecture::X86_64,
        Some(Arch::Arm64) => it.architecture == Architecture::Arm64,
    };
    architecture
        && (options.family.is_empty() || options.family.iter().any(|family| family == it.family))
        && options.min_vcpu <= it.vcpu
        && options.max_vcpu.is_none_or(|most| it.vcpu <= most)
        && options.min_memory.is_none_or(|gib| gib.saturating_mul(1024) <= it.memory.as_mib())
        && (!options.gpu || 0 < it.gpus)
}

fn list_text(rows: &[Row], region: &str) -> String {
    let mut table = Table::new([
        ("type", Align::Left),
        ("arch", Align::Left),
        ("vCPU", Align::Right),
        ("GiB", Align::Right),
        ("GPUs", Align::Right),
        ("awsvpc tasks", Align::Right),
        ("trunked", Align::Right),
        ("USD/hour", Align::Right),
        ("USD/vCPU-hour", Align::Right),
        ("price", Align::Left),
    ]);
    for row in rows {
        let it = row.instance_type;
        let per_vcpu = row
            .price
            .map(|price| price.rate.as_ten_billionths() as f64 / 1e10 / f64::from(it.vcpu.max(1)));
        table.row([
            it.name.to_owned(),
            architecture(it.architecture).to_owned(),
            it.vcpu.to_string(),
            gib(it),
            if it.gpus == 0 { String::new() } else { it.gpus.to_string() },
            catalog::awsvpc_task_limit(it, false).to_string(),
            it.trunk_task_limit.map(|limit| limit.to_string()).unwrap_or_default(),
            row.price.map(|price| price.rate.to_string()).unwrap_or_default(),
            per_vcpu.map(|price| format!("{price:.4}")).unwrap_or_default(),
            row.price.map_or_else(
                || "not known".to_owned(),
                |price| {
                    let kind = if price.derived { "derived " } else { "" };
                    format!("{kind}{}", price.as_of)
                },
            ),
        ]);
    }
    format!(
        "{}\n{} types; On-Demand, Linux, {region}; the date is that of the price's source\n",
        table.render(),
        rows.len()
    )
}

fn csv(rows: &[Row]) -> Result<String, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::Unfinished(format!("error: {error}"));
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = [
        "instanceType",
        "family",
        "architecture",
        "vcpu",
        "memoryMiB",
        "gpus",
        "awsvpcTasks",
        "awsvpcTasksTrunked",
        "region",
        "usdPerHour",
        "priceDerived",
        "priceSource",
        "priceAsOf",
    ];
    writer.write_record(header).map_err(|error| failed(&error))?;
    for row in rows {
        let it = row.instance_type;
        let price = |field: fn(InstancePrice) -> String| row.price.map(field).unwrap_or_default();
        let record = [
            it.name.to_owned(),
            it.family.to_owned(),
            architecture(it.architecture).to_owned(),
            it.vcpu.to_string(),
            it.memory.as_mib().to_string(),
            it.gpus.to_string(),
            catalog::awsvpc_task_limit(it, false).to_string(),
            it.trunk_task_limit.map(|limit| limit.to_string()).unwrap_or_default(),
            row.region.to_owned(),
            price(|price| price.rate.to_string()),
            price(|price| price.derived.to_string()),
            price(|price| price.source.to_owned()),
            price(|price| price.as_of.to_owned()),
        ];
        writer.write_record(record).map_err(|error| failed(&error))?;
    }
    let bytes = writer.into_inner().map_err(|error| failed(&error))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn show(options: &CatalogShowOptions) -> Result<String, Failure> {
    let names = catalog::instance_types().iter().map(|it| it.name);
    known("instance type", &options.instance_type, names)?;
    let Some(it) = catalog::instance_type(&options.instance_type) else {
        return Err(Failure::BadInput(format!("error: no type `{}`", options.instance_type)));
    };
    let regions = match &options.region {
        Some(region) => vec![known_region(region)?],
        None => catalog::instance_price_regions().to_vec(),
    };
    let prices: Vec<(&'static str, InstancePrice)> = regions
        .into_iter()
        .filter_map(|region| Some((region, catalog::on_demand_price(it.name, region)?)))
        .collect();
    Ok(match options.format {
        CatalogFormat::Text => show_text(it, &prices),
        CatalogFormat::Csv => {
            let row = |(region, price): &(&'static str, InstancePrice)| Row {
                instance_type: it,
                region,
                price: Some(*price),
            };
            csv(&prices.iter().map(row).collect::<Vec<_>>())?
        }
        CatalogFormat::Json => {
            let mut fields = facts(it);
            let prices: serde_json::Map<String, Value> = prices
                .iter()
                .map(|(region, price)| ((*region).to_owned(), price_fields(*price)))
                .collect();
            fields["prices"] = Value::Object(prices);
            pretty(&fields)
        }
    })
}

fn show_text(it: &InstanceType, prices: &[(&str, InstancePrice)]) -> String {
    let registered = catalog::registered_memory(it.memory, OperatingSystem::Linux, None);
    let mut table = Table::new([(it.name, Align::Left), ("", Align::Left)]);
    table.row(["architecture", architecture(it.architecture)]);
    table.row(["vCPU", &format!("{} ({} CPU units)", it.vcpu, u64::from(it.vcpu) * 1024)]);
    table.row(["memory", &format!("{} GiB ({} MiB)", gib(it), it.memory.as_mib())]);
    table.row(["registered with ECS", &format!("about {} MiB on Linux", registered.as_mib())]);
    if 0 < it.gpus {
        table.row(["GPUs", &it.gpus.to_string()]);
    }
    if let Some(permille) = it.burst_baseline_permille {
        let share = f64::from(permille) / 10.0;
        table.row(["burstable", &format!("baseline {share} % of each vCPU")]);
    }
    table.row(["network interfaces", &it.eni_max.to_string()]);
    let plain = catalog::awsvpc_task_limit(it, false);
    table.row(["tasks in awsvpc mode", &plain.to_string()]);
    if let Some(trunked) = it.trunk_task_limit {
        table.row(["  with trunking", &trunked.to_string()]);
    }
    table.row(["hypervisor", hypervisor(it.hypervisor)]);
    let mut text = table.render();
    text.push('\n');
    if prices.is_empty() {
        text.push_str("no price known\n");
        return text;
    }
    let mut table = Table::new([
        ("region", Align::Left),
        ("USD/hour", Align::Right),
        ("as of", Align::Left),
        ("source", Align::Left),
    ]);
    for (region, price) in prices {
        let source = if price.derived {
            "derived from us-east-1".to_owned()
        } else {
            price.source.to_owned()
        };
        table.row([(*region).to_owned(), price.rate.to_string(), price.as_of.to_owned(), source]);
    }
    text.push_str(&table.render());
    text
}

fn facts(it: &InstanceType) -> Value {
    json!({
        "instanceType": it.name,
        "family": it.family,
        "architecture": architecture(it.architecture),
        "vcpu": it.vcpu,
        "memoryMiB": it.memory.as_mib(),
        "registeredMemoryMiB":
            catalog::registered_memory(it.memory, OperatingSystem::Linux, None).as_mib(),
        "gpus": it.gpus,
        "networkInterfaces": it.eni_max,
        "awsvpcTasks": catalog::awsvpc_task_limit(it, false),
        "awsvpcTasksTrunked": it.trunk_task_limit,
        "burstBaselinePermille": it.burst_baseline_permille,
        "hypervisor": hypervisor(it.hypervisor),
    })
}

fn price_fields(price: InstancePrice) -> Value {
    // A decimal string: money does not pass through binary fractions.
    json!({
        "usdPerHour": price.rate.to_string(),
        "derived": price.derived,
        "source": price.source,
        "asOf": price.as_of,
    })
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

fn gib(it: &InstanceType) -> String {
    let gib = it.memory.as_mib() as f64 / 1024.0;
    format!("{gib}")
}

fn architecture(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::X86_64 => "x86_64",
        Architecture::Arm64 => "arm64",
    }
}

fn hypervisor(hypervisor: Hypervisor) -> &'static str {
    match hypervisor {
        Hypervisor::Nitro => "nitro",
        Hypervisor::Xen => "xen",
    }
}

fn known_region(region: &str) -> Result<&'static str, Failure> {
    let regions = catalog::instance_price_regions();
    known("region", region, regions.iter().copied())?;
    Ok(regions.iter().find(|known| **known == region).copied().unwrap_or_default())
}

/// Checks that `word` is one of `names`; the error suggests what may have been meant.
fn known<'a>(
    what: &str,
    word: &str,
    names: impl Iterator<Item = &'a str> + Clone,
) -> Result<(), Failure> {
    if names.clone().any(|name| name == word) {
        return Ok(());
    }
    let mut names: Vec<&str> = names.collect();
    names.dedup();
    let hint = suggestion(word, names).map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
    Err(Failure::BadInput(format!("error: unknown {what} `{word}`{hint}")))
}

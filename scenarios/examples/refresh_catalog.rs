//! Writes the embedded fact tables of `plimsoll_core::catalog` from two CSV files.
//!
//! ```text
//! cargo run --example refresh_catalog -- EC2.csv FARGATE.csv
//! ```
//!
//! The first file has one row per instance type and region, the second one row per region, operating
//! system and architecture; the columns are those named in [`Ec2Row`] and [`FargateRow`]. The tables
//! are written next to the code that reads them. A row whose source has no known date is refused: a
//! price without a date cannot be shown with one.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::Deserialize;

/// Date of each source code of the column `price_source`. A price that two sources state alike
/// carries the later date; a derived one that of the price it was derived from.
const SOURCE_DATES: [(&str, &str); 5] = [
    ("C", "2022-09-03"),
    ("C+L", "2025-03-02"),
    ("D", "2026-07-20"),
    ("K", "2026-07-20"),
    ("L", "2025-03-02"),
];

/// A row of the first file, as text: numbers are copied digit by digit.
#[derive(Deserialize)]
struct Ec2Row {
    instance_type: String,
    arch: String,
    vcpu: String,
    memory_mib: String,
    gpu: String,
    eni_max: String,
    ipv4_per_eni: String,
    trunk_eni_max: String,
    burst_baseline_pct: String,
    hypervisor: String,
    region: String,
    on_demand_usd_per_hour: String,
    price_source: String,
    derived_usd_per_hour: String,
    branch_eni: String,
}

/// A row of the second file.
#[derive(Deserialize)]
struct FargateRow {
    region: String,
    os: String,
    arch: String,
    vcpu_hour: String,
    gb_hour: String,
    spot_vcpu_hour: String,
    spot_gb_hour: String,
    ephemeral_gb_hour: String,
    os_license_vcpu_hour: String,
    as_of: String,
    source: String,
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [ec2, fargate] = arguments.as_slice() else {
        bail!("usage: refresh_catalog EC2.csv FARGATE.csv");
    };
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sim-core/src/catalog/data");

    let (types, prices) = instance_tables(&read::<Ec2Row>(ec2)?)?;
    let fargate = fargate_table(&read::<FargateRow>(fargate)?)?;
    for (name, text) in [
        ("instance_types.txt", types),
        ("instance_prices.txt", prices),
        ("fargate_prices.txt", fargate),
    ] {
        let path = data.join(name);
        fs::write(&path, &text).with_context(|| format!("cannot write `{}`", path.display()))?;
        writeln!(std::io::stdout(), "{name}: {} lines", text.lines().count())?;
    }
    Ok(())
}

fn read<Row: for<'de> Deserialize<'de>>(path: &Path) -> anyhow::Result<Vec<Row>> {
    let context = || format!("cannot read `{}`", path.display());
    let mut reader = csv::Reader::from_path(path).with_context(context)?;
    reader.deserialize().collect::<Result<_, _>>().with_context(context)
}

/// The table of instance types and the table of their prices, both sorted by name.
fn instance_tables(rows: &[Ec2Row]) -> anyhow::Result<(String, String)> {
    let mut regions: Vec<&str> = Vec::new();
    let mut types: BTreeMap<&str, String> = BTreeMap::new();
    let mut prices: BTreeMap<(&str, &str), String> = BTreeMap::new();
    for row in rows {
        if !regions.contains(&row.region.as_str()) {
            regions.push(&row.region);
        }
        let line = format!(
            "{} {} {} {} {} {} {} {} {} {} {}",
            row.instance_type,
            row.arch,
            row.vcpu,
            row.memory_mib,
            row.gpu,
            row.eni_max,
            row.ipv4_per_eni,
            or_dash(&row.trunk_eni_max),
            or_dash(&row.branch_eni),
            or_dash(&row.burst_baseline_pct),
            row.hypervisor,
        );
        let first = types.entry(&row.instance_type).or_insert_with(|| line.clone());
        if *first != line {
            bail!("{}: `{line}` contradicts `{first}`", row.instance_type);
        }
        let price = match row.price_source.as_str() {
            "" => continue,
            "D" => &row.derived_usd_per_hour,
            _ => &row.on_demand_usd_per_hour,
        };
        if !SOURCE_DATES.iter().any(|(code, _)| *code == row.price_source) {
            bail!("{}: source `{}` has no date", row.instance_type, row.price_source);
        }
        if price.is_empty() {
            bail!("{} in {}: a source but no price", row.instance_type, row.region);
        }
        prices.insert((&row.instance_type, &row.region), format!("{price}:{}", row.price_source));
    }
    regions.sort_unstable();

    let mut type_table = String::from(
        "# instance_type arch vcpu memory_mib gpus eni_max ipv4_per_eni trunk_tasks branch_eni \
         burst_baseline_pct hypervisor\n",
    );
    let mut price_table =
        String::from("# On-Demand, Linux, shared tenancy, USD per hour: price:source\n");
    price_table.push_str("sources");
    for (code, date) in SOURCE_DATES {
        write!(price_table, " {code}={date}")?;
    }
    writeln!(price_table, "\nregions {}", regions.join(" "))?;
    for (name, line) in &types {
        writeln!(type_table, "{line}")?;
        price_table.push_str(name);
        for region in &regions {
            let price = prices.get(&(*name, *region)).map_or("-", String::as_str);
            write!(price_table, " {price}")?;
        }
        price_table.push('\n');
    }
    Ok((type_table, price_table))
}

/// The table of Fargate prices, sorted by region, operating system and architecture. Rows without an
/// On-Demand price are left out.
fn fargate_table(rows: &[FargateRow]) -> anyhow::Result<String> {
    let mut lines = Vec::new();
    for row in rows.iter().filter(|row| !row.vcpu_hour.is_empty()) {
        let source = source_code(&row.source);
        if source.is_empty() || row.as_of.is_empty() {
            bail!("{} {} {}: no source or no date", row.region, row.os, row.arch);
        }
        lines.push(format!(
            "{} {} {} {} {} {} {} {} {} {} {source}",
            row.region,
            row.os,
            row.arch,
            row.vcpu_hour,
            or_dash(&row.gb_hour),
            or_dash(&row.spot_vcpu_hour),
            or_dash(&row.spot_gb_hour),
            or_dash(&row.ephemeral_gb_hour),
            or_dash(&row.os_license_vcpu_hour),
            row.as_of,
        ));
    }
    lines.sort_unstable();
    let header = "# region os arch vcpu_hour gb_hour spot_vcpu_hour spot_gb_hour \
                  ephemeral_gb_hour os_license_vcpu_hour as_of source\n";
    Ok(format!("{header}{}\n", lines.join("\n")))
}

/// The short code of a citation: `FGC` for the fgcalc repository, then the keys in brackets.
fn source_code(citation: &str) -> String {
    let mut codes = Vec::new();
    if citation.contains("fgcalc") {
        codes.push("FGC");
    }
    for part in citation.split('[').skip(1) {
        if let Some((key, _)) = part.split_once(']') {
            codes.push(key);
        }
    }
    codes.join("+")
}

fn or_dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}

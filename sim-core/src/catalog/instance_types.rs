//! Hardware and network limits of instance types.

use std::sync::OnceLock;

use crate::scenario::Architecture;
use crate::units::Mib;

use super::table::{Fields, lines};

const DATA: &str = include_str!("data/instance_types.txt");

/// What runs the instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hypervisor {
    /// Nitro.
    Nitro,
    /// Xen, the older generations.
    Xen,
}

/// An EC2 instance type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceType {
    /// Name, for example `m7g.large`.
    pub name: &'static str,
    /// Family, the part of the name before the point.
    pub family: &'static str,
    /// Processor architecture.
    pub architecture: Architecture,
    /// Logical CPUs.
    pub vcpu: u32,
    /// Nominal memory; what ECS registers is less, see
    /// [`registered_memory`](super::registered_memory).
    pub memory: Mib,
    /// GPUs.
    pub gpus: u32,
    /// Network interfaces.
    pub eni_max: u32,
    /// IPv4 addresses of each interface.
    pub ipv4_per_eni: u32,
    /// Tasks in `awsvpc` mode that ECS places with `awsvpcTrunking`; `None` without trunking.
    pub trunk_task_limit: Option<u32>,
    /// Branch interfaces behind a trunk, as the VPC resource controller counts them.
    pub branch_eni: Option<u32>,
    /// Baseline of a burstable type in thousandths of each vCPU; `None` for the others.
    pub burst_baseline_permille: Option<u32>,
    /// Hypervisor.
    pub hypervisor: Hypervisor,
}

/// All instance types, sorted by name.
pub fn instance_types() -> &'static [InstanceType] {
    static TYPES: OnceLock<Vec<InstanceType>> = OnceLock::new();
    TYPES.get_or_init(|| parse(DATA).expect("the embedded table is parsed by a test"))
}

/// The instance type called `name`.
pub fn instance_type(name: &str) -> Option<&'static InstanceType> {
    position(name).map(|position| &instance_types()[position])
}

/// Position of the type called `name` in [`instance_types`].
pub(super) fn position(name: &str) -> Option<usize> {
    instance_types().binary_search_by(|it| it.name.cmp(name)).ok()
}

fn parse(text: &'static str) -> Result<Vec<InstanceType>, String> {
    lines(text).map(parse_line).collect()
}

fn parse_line(line: &'static str) -> Result<InstanceType, String> {
    let mut fields = Fields::of(line);
    let name = fields.text("name")?;
    let (family, _) = name.split_once('.').ok_or_else(|| fields.bad("name", name))?;
    let architecture = architecture(&mut fields)?;
    let parsed = InstanceType {
        name,
        family,
        architecture,
        vcpu: fields.number("vcpu")?,
        memory: Mib::new(fields.number("memory")?),
        gpus: fields.number("gpus")?,
        eni_max: fields.number("eni_max")?,
        ipv4_per_eni: fields.number("ipv4_per_eni")?,
        trunk_task_limit: fields.optional("trunk_tasks", |text| text.parse().ok())?,
        branch_eni: fields.optional("branch_eni", |text| text.parse().ok())?,
        burst_baseline_permille: fields.optional("burst_baseline_pct", permille)?,
        hypervisor: match fields.text("hypervisor")? {
            "nitro" => Hypervisor::Nitro,
            "xen" => Hypervisor::Xen,
            other => return Err(fields.bad("hypervisor", other)),
        },
    };
    fields.end()?;
    Ok(parsed)
}

pub(super) fn architecture(fields: &mut Fields<'_>) -> Result<Architecture, String> {
    match fields.text("arch")? {
        "x86_64" => Ok(Architecture::X86_64),
        "arm64" => Ok(Architecture::Arm64),
        other => Err(fields.bad("arch", other)),
    }
}

/// A percentage with at most one decimal, in thousandths.
fn permille(percent: &str) -> Option<u32> {
    let (whole, tenths) = percent.split_once('.').unwrap_or((percent, "0"));
    let whole: u32 = whole.parse().ok()?;
    let tenths = tenths.parse().ok().filter(|digit| *digit < 10)?;
    whole.checked_mul(10)?.checked_add(tenths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_table_parses_and_is_sorted() {
        let types = parse(DATA).expect("every line parses");
        assert_eq!(types.len(), 672);
        assert!(types.is_sorted_by(|a, b| a.name < b.name), "unique names in order");
        for it in &types {
            assert!(it.vcpu > 0 && it.memory > Mib::ZERO && it.eni_max > 0, "{}", it.name);
            assert_eq!(it.burst_baseline_permille.is_some(), is_burstable(it), "{}", it.name);
        }
    }

    /// `t8i` is offered, but no baseline is known.
    fn is_burstable(it: &InstanceType) -> bool {
        ["t2", "t3", "t3a", "t4g"].contains(&it.family)
    }

    #[test]
    fn finds_types_by_name() {
        let it = instance_type("m5.large").expect("in the table");
        assert_eq!((it.family, it.vcpu, it.memory, it.gpus), ("m5", 2, Mib::new(8192), 0));
        assert_eq!((it.eni_max, it.ipv4_per_eni), (3, 10));
        assert_eq!((it.trunk_task_limit, it.branch_eni), (Some(10), Some(9)));
        assert_eq!((it.architecture, it.hypervisor), (Architecture::X86_64, Hypervisor::Nitro));
        let graviton = instance_type("m7g.large").expect("in the table");
        assert_eq!(graviton.architecture, Architecture::Arm64);
        assert_eq!(instance_type("g4dn.xlarge").map(|it| it.gpus), Some(1));
        assert_eq!(instance_type("t2.xlarge").and_then(|it| it.burst_baseline_permille), Some(225));
        assert_eq!(instance_type("m5.larg"), None);
    }

    #[test]
    fn refuses_broken_lines() {
        for line in [
            "m5large x86_64 2 8192 0 3 10 10 9 - nitro",
            "m5.large mips 2 8192 0 3 10 10 9 - nitro",
            "m5.large x86_64 2 8192 0 3 10 10 9 - kvm",
            "m5.large x86_64 2 8192 0 3 10 10 9 2.25 nitro",
            "m5.large x86_64 2 8192 0 3 10 10 9 -",
            "m5.large x86_64 2 8192 0 3 10 10 9 - nitro more",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}

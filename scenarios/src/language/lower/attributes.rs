//! Attributes of container instances.

use plimsoll_core::engine::label_hash;
use plimsoll_core::placement::{
    AMI_ID, AVAILABILITY_ZONE, Attributes, CPU_ARCHITECTURE, INSTANCE_TYPE, OS_FAMILY, OS_TYPE,
    SUBNET_ID, VPC_ID, check_attribute_value, check_custom_name,
};
use plimsoll_core::scenario::{Architecture, InstanceShape, OperatingSystem};

use super::Context;
use crate::language::pattern::is_id;
use crate::language::raw::cluster as raw;
use crate::language::tree::Path;

/// The attributes of a group's instances in each of `zones`; reports custom ones that ECS refuses.
pub(super) fn lower(
    context: &Context<'_>,
    path: &Path,
    raw: &raw::AutoScalingGroup,
    shape: &InstanceShape,
    zones: &[String],
) -> Vec<Attributes> {
    let mut common = Attributes::default();
    custom(context, path, raw, &mut common);
    let (os_type, os_family) = os_of(shape);
    let architecture = architecture_of(shape);
    let vpc = raw.vpc_id.clone().unwrap_or_else(|| made_up("vpc", context.region));
    let image = format!("{} {os_type} {architecture}", context.region);
    common.set_agent_version(&raw.agent_version);
    common.set(OS_TYPE, os_type);
    common.set(OS_FAMILY, os_family);
    common.set(CPU_ARCHITECTURE, architecture);
    common.set(INSTANCE_TYPE, &shape.instance_type);
    common.set(AMI_ID, &raw.ami_id.clone().unwrap_or_else(|| made_up("ami", &image)));
    common.set(VPC_ID, &vpc);
    let subnets = subnets(context, path, raw, zones.len());
    let of_zone = |(index, zone): (usize, &String)| {
        let mut attributes = common.clone();
        attributes.set(AVAILABILITY_ZONE, zone);
        let given = subnets.and_then(|subnets| subnets.get(index)).cloned();
        let subnet = given.unwrap_or_else(|| made_up("subnet", &format!("{vpc} {zone}")));
        attributes.set(SUBNET_ID, &subnet);
        attributes
    };
    zones.iter().enumerate().map(of_zone).collect()
}

/// The attributes of another type of the same group, given those of its first type.
pub(super) fn of_type(
    context: &Context<'_>,
    raw: &raw::AutoScalingGroup,
    first: &[Attributes],
    shape: &InstanceShape,
) -> Vec<Attributes> {
    let mut all = first.to_vec();
    for attributes in &mut all {
        attributes.set(INSTANCE_TYPE, &shape.instance_type);
        let (os_type, architecture) = (os_of(shape).0, architecture_of(shape));
        attributes.set(CPU_ARCHITECTURE, architecture);
        if raw.ami_id.is_none() {
            let image = format!("{} {os_type} {architecture}", context.region);
            attributes.set(AMI_ID, &made_up("ami", &image));
        }
    }
    all
}

/// `ecs.os-type` and `ecs.os-family`.
fn os_of(shape: &InstanceShape) -> (&'static str, &'static str) {
    match shape.operating_system {
        OperatingSystem::Linux => ("linux", "LINUX"),
        OperatingSystem::Windows => ("windows", "WINDOWS_SERVER_2022_FULL"),
    }
}

/// `ecs.cpu-architecture`.
fn architecture_of(shape: &InstanceShape) -> &'static str {
    match shape.architecture {
        Architecture::X86_64 => "x86_64",
        Architecture::Arm64 => "arm64",
    }
}

/// An id in the form of EC2's that depends on `label` alone.
fn made_up(kind: &str, label: &str) -> String {
    format!("{kind}-{:017x}", label_hash(label))
}

fn custom(
    context: &Context<'_>,
    path: &Path,
    raw: &raw::AutoScalingGroup,
    attributes: &mut Attributes,
) {
    for (index, attribute) in raw.attributes.iter().enumerate() {
        let path = path.key("attributes").index(index);
        if let Err(error) = check_custom_name(&attribute.name) {
            context.error(&path.key("name"), error.to_string());
        } else if attributes.get(&attribute.name).is_some() {
            context.duplicate(&path.key("name"), "attributes", &attribute.name);
        }
        if let Err(error) = check_attribute_value(&attribute.value) {
            context.error(&path.key("value"), error.to_string());
        }
        attributes.set(&attribute.name, &attribute.value);
    }
}

fn subnets<'r>(
    context: &Context<'_>,
    path: &Path,
    raw: &'r raw::AutoScalingGroup,
    zones: usize,
) -> Option<&'r [String]> {
    let subnets = raw.subnets.as_deref()?;
    let path = path.key("subnets");
    if subnets.len() != zones {
        let given = subnets.len();
        let message = format!("takes one subnet for each zone, {zones} in all, found {given}");
        context.error(&path, message);
    }
    for (index, subnet) in subnets.iter().enumerate() {
        if !is_id(subnet, "subnet-") {
            let message = "is not the id of a subnet such as `subnet-0123456789abcdef0`";
            context.error(&path.index(index), message);
        }
    }
    Some(subnets)
}

//! Auto Scaling groups, capacity providers, zones and prices.

use std::collections::BTreeSet;

use plimsoll_core::agent::{Cleanup, PullBehavior};
use plimsoll_core::autoscaling::ManagedScaling;
use plimsoll_core::catalog::{self, InstanceType};
use plimsoll_core::scenario::{
    AgentSettings, AutoScalingGroup, CapacityProvider, CapacityProviderKind, InstanceShape,
    OperatingSystem,
};
use plimsoll_core::units::{AsgId, CapacityProviderId, Cpu, Id, Mib, SimDuration, ZoneId};

use super::{Context, distribution, group, purchase};
use crate::language::raw::ScenarioDocument;
use crate::language::raw::cluster as raw;
use crate::language::raw::containers::ImagePullBehavior;
use crate::language::raw::kinds::Seconds;
use crate::language::tree::Path;

const FARGATE: &str = "FARGATE";
const FARGATE_SPOT: &str = "FARGATE_SPOT";

/// Container instances and capacity providers. A place is `None` if its entry was refused.
pub(super) struct Cluster {
    /// Zone names, sorted.
    pub(super) zones: Vec<String>,
    /// Groups in document order.
    pub(super) groups: Vec<Option<AutoScalingGroup>>,
    /// Providers in document order, then the Fargate ones that are used.
    pub(super) providers: Vec<Option<CapacityProvider>>,
    /// Names of the groups in document order.
    pub(super) group_names: Vec<String>,
    provider_names: Vec<String>,
    provider_places: Vec<usize>,
    used: BTreeSet<String>,
    mean_time_to_interruption: Option<SimDuration>,
}

impl Cluster {
    pub(super) fn lower(context: &Context<'_>, raw: &ScenarioDocument) -> Self {
        let zones = zones(context, raw);
        let path = Path::root().key("autoScalingGroups");
        let mut names = BTreeSet::new();
        let groups = raw
            .auto_scaling_groups
            .iter()
            .enumerate()
            .map(|(index, group)| {
                let path = path.index(index);
                if !names.insert(group.auto_scaling_group_name.as_str()) {
                    let name = path.key("autoScalingGroupName");
                    let what = "Auto Scaling groups";
                    context.duplicate(&name, what, &group.auto_scaling_group_name);
                }
                lower_group(context, &path, group, &zones)
            })
            .collect();
        let Providers { lowered: providers, names: provider_names, places } =
            lower_providers(context, raw);
        let spot = &raw.fargate_spot;
        if let Some(mean) = spot.mean_time_to_interruption {
            context.positive(&Path::root().key("fargateSpot").key("meanTimeToInterruption"), mean);
        }
        Self {
            zones,
            groups,
            providers,
            group_names: raw
                .auto_scaling_groups
                .iter()
                .map(|it| it.auto_scaling_group_name.clone())
                .collect(),
            provider_names,
            provider_places: places,
            used: BTreeSet::new(),
            mean_time_to_interruption: spot
                .mean_time_to_interruption
                .map(super::super::raw::kinds::Length::duration),
        }
    }

    /// The provider called `name`. FARGATE and FARGATE_SPOT come into being when they are named.
    pub(super) fn provider(&mut self, name: &str) -> Option<CapacityProviderId> {
        self.used.insert(name.to_owned());
        if let Some(index) = self.provider_names.iter().position(|known| known == name) {
            return Some(CapacityProviderId::from_index(index));
        }
        let kind = match name {
            FARGATE => CapacityProviderKind::Fargate,
            FARGATE_SPOT => CapacityProviderKind::FargateSpot {
                mean_time_to_interruption: self.mean_time_to_interruption,
            },
            _ => return None,
        };
        self.provider_names.push(name.to_owned());
        self.providers.push(Some(CapacityProvider { name: name.to_owned(), kind }));
        Some(CapacityProviderId::from_index(self.providers.len() - 1))
    }

    /// Makes sure that FARGATE exists.
    pub(super) fn fargate(&mut self) {
        self.provider(FARGATE);
    }

    /// Names that a strategy may use.
    pub(super) fn provider_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.provider_names.iter().map(String::as_str).collect();
        for name in [FARGATE, FARGATE_SPOT] {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    pub(super) fn provider_name(&self, id: CapacityProviderId) -> &str {
        self.provider_names.get(id.index()).map_or("", String::as_str)
    }

    pub(super) fn provider_kind(&self, id: CapacityProviderId) -> Option<&CapacityProviderKind> {
        self.providers.get(id.index())?.as_ref().map(|provider| &provider.kind)
    }

    /// Groups that ECS scales.
    pub(super) fn managed_groups(&self) -> BTreeSet<AsgId> {
        let managed = |provider: &CapacityProvider| match provider.kind {
            CapacityProviderKind::AutoScalingGroup { group, managed_scaling: Some(_), .. } => {
                Some(group)
            }
            _ => None,
        };
        self.providers.iter().flatten().filter_map(managed).collect()
    }

    pub(super) fn is_fargate(&self, id: CapacityProviderId) -> bool {
        matches!(self.provider_name(id), FARGATE | FARGATE_SPOT)
    }

    /// Remarks on settings that nothing uses.
    pub(super) fn report_unused(&self, context: &Context<'_>) {
        if self.mean_time_to_interruption.is_some() && !self.used.contains(FARGATE_SPOT) {
            let path = Path::root().key("fargateSpot");
            context.note(&path, "nothing runs on FARGATE_SPOT: the setting has no effect");
        }
        let path = Path::root().key("capacityProviders");
        for (&index, name) in self.provider_places.iter().zip(&self.provider_names) {
            if !self.used.contains(name) {
                let message = format!("no strategy names capacity provider `{name}`");
                context.note(&path.index(index).key("name"), message);
            }
        }
    }
}

/// All zones that groups name, or the region's first three if none is named.
fn zones(context: &Context<'_>, raw: &ScenarioDocument) -> Vec<String> {
    let mut zones = BTreeSet::new();
    let default = catalog::default_zones(context.region);
    if raw.auto_scaling_groups.is_empty() {
        zones.extend(default.iter().cloned());
    }
    for (index, group) in raw.auto_scaling_groups.iter().enumerate() {
        let Some(named) = &group.availability_zones else {
            zones.extend(default.iter().cloned());
            continue;
        };
        let path = Path::root().key("autoScalingGroups").index(index).key("availabilityZones");
        for (position, zone) in named.iter().enumerate() {
            let path = path.index(position);
            if !zone.starts_with(context.region) || zone == context.region {
                let message = format!(
                    "zone `{}` is not in region `{}`",
                    crate::language::tree::shorten(zone),
                    context.region
                );
                context.error_hint(
                    &path,
                    message,
                    format!("zones are called `{}` and so on", default[0]),
                );
            } else if named[..position].contains(zone) {
                context.error(&path, format!("zone `{zone}` is listed twice"));
            }
            zones.insert(zone.clone());
        }
    }
    zones.into_iter().collect()
}

fn lower_group(
    context: &Context<'_>,
    path: &Path,
    raw: &raw::AutoScalingGroup,
    zones: &[String],
) -> Option<AutoScalingGroup> {
    let desired = raw.desired_capacity.unwrap_or(raw.min_size);
    if raw.max_size < raw.min_size {
        let message = format!("`minSize` {} is above `maxSize` {}", raw.min_size, raw.max_size);
        context.error(&path.key("minSize"), message);
    } else if desired < raw.min_size || raw.max_size < desired {
        let message = format!(
            "`desiredCapacity` {desired} does not lie between `minSize` {} and `maxSize` {}",
            raw.min_size, raw.max_size
        );
        context.error(&path.key("desiredCapacity"), message);
    }
    let distribution = |key: &str, raw| distribution::lower(context, &path.key(key), raw);
    let launch_time = distribution("launchTime", &raw.launch_time);
    let registration_time = distribution("registrationTime", &raw.registration_time);
    let reconcile_lag = distribution("reconcileLag", &raw.reconcile_lag);
    super::bandwidth(context, &path.key("imagePullBandwidth"), raw.image_pull_bandwidth);
    let default = catalog::default_zones(context.region);
    let named = raw.availability_zones.as_deref().unwrap_or(&default);
    let types = purchase::types(context, path, raw, named)?;
    let policy = raw.mixed_instances_policy.as_ref();
    let zones = named
        .iter()
        .filter_map(|zone| zones.binary_search(zone).ok().map(ZoneId::from_index))
        .collect();
    Some(AutoScalingGroup {
        name: raw.auto_scaling_group_name.clone(),
        types,
        distribution: purchase::distribution(context, path, policy),
        capacity_rebalance: raw.capacity_rebalance,
        zones,
        min_size: raw.min_size,
        max_size: raw.max_size,
        desired_capacity: desired,
        starts_ready: raw.starts_ready,
        launch_time: launch_time?,
        registration_time: registration_time?,
        reconcile_lag: reconcile_lag?,
        root_volume_gib: raw.root_volume_size,
        agent: agent(raw),
        operation: group::operation(context, path, raw, named),
    })
}

/// The hardware of the type `name`, which is written at `at`, as an instance of a group registers it.
pub(super) fn shape(
    context: &Context<'_>,
    path: &Path,
    at: &Path,
    name: &str,
    raw: &raw::AutoScalingGroup,
) -> Option<InstanceShape> {
    let Some(kind) = catalog::instance_type(name) else {
        unknown_type(context, at, name);
        return None;
    };
    let operating_system = match raw.operating_system {
        raw::OperatingSystem::Linux => OperatingSystem::Linux,
        raw::OperatingSystem::Windows => OperatingSystem::Windows,
    };
    Some(InstanceShape {
        instance_type: name.to_owned(),
        cpu: Cpu::from_ecs_units(kind.vcpu.saturating_mul(1024)),
        memory: registered(context, path, raw, kind, operating_system)?,
        gpus: kind.gpus,
        task_network_interfaces: catalog::awsvpc_task_limit(kind, raw.awsvpc_trunking),
        architecture: kind.architecture,
        operating_system,
    })
}

fn agent(raw: &raw::AutoScalingGroup) -> AgentSettings {
    let settings = &raw.ecs_agent;
    let operating_system = match raw.operating_system {
        raw::OperatingSystem::Linux => OperatingSystem::Linux,
        raw::OperatingSystem::Windows => OperatingSystem::Windows,
    };
    let default = AgentSettings::default_for(operating_system);
    let or = |given: Option<Seconds>, default| given.map_or(default, Seconds::duration);
    let cleanup = default.cleanup.filter(|_| !settings.disable_image_cleanup);
    AgentSettings {
        pull_behavior: match settings.image_pull_behavior {
            ImagePullBehavior::Default => PullBehavior::Default,
            ImagePullBehavior::Always => PullBehavior::Always,
            ImagePullBehavior::Once => PullBehavior::Once,
            ImagePullBehavior::PreferCached => PullBehavior::PreferCached,
        },
        cleanup: cleanup.map(|default| Cleanup {
            interval: or(settings.image_cleanup_interval, default.interval),
            minimum_age: or(settings.image_minimum_cleanup_age, default.minimum_age),
            images_per_cycle: settings
                .num_images_delete_per_cycle
                .unwrap_or(default.images_per_cycle),
            task_wait: or(settings.engine_task_cleanup_wait_duration, default.task_wait),
        }),
        stop_timeout: or(settings.container_stop_timeout, default.stop_timeout),
        start_timeout: or(settings.container_start_timeout, default.start_timeout),
        pull_bandwidth: raw.image_pull_bandwidth.0,
        spot_instance_draining: settings.enable_spot_instance_draining,
    }
}

fn unknown_type(context: &Context<'_>, path: &Path, name: &str) {
    let family = name.split('.').next().unwrap_or(name);
    let all = catalog::instance_types();
    // Within a known family only the size can be wrong.
    let siblings: Vec<&str> =
        all.iter().filter(|it| it.family == family).map(|it| it.name).collect();
    if siblings.is_empty() {
        let names: Vec<&str> = all.iter().map(|it| it.name).collect();
        context.dangling(path, "instance type", name, names);
    } else {
        context.dangling(path, "instance type", name, siblings);
    }
}

fn registered(
    context: &Context<'_>,
    path: &Path,
    raw: &raw::AutoScalingGroup,
    kind: &InstanceType,
    operating_system: OperatingSystem,
) -> Option<Mib> {
    let memory = match (raw.registered_memory, raw.memory_loss) {
        (Some(_), Some(_)) => {
            let message = "`registeredMemory` and `memoryLoss` exclude each other";
            context.error(&path.key("memoryLoss"), message);
            return None;
        }
        (Some(given), None) => Mib::new(given.0),
        (None, loss) => {
            let permille = loss.map(|loss| (loss * 1000.0).round() as u32);
            catalog::registered_memory(kind.memory, operating_system, permille)
        }
    };
    if kind.memory < memory {
        let message = format!("`{}` has {} MiB", kind.name, kind.memory.as_mib());
        context.error(&path.key("registeredMemory"), message);
        return None;
    }
    let reserved = match raw.ecs_agent.reserved_memory {
        Some(_) if raw.reserved_memory.0 != 0 => {
            let message = "`ECS_RESERVED_MEMORY` and `reservedMemory` exclude each other";
            context.error(&path.key("reservedMemory"), message);
            return None;
        }
        Some(reserved) => reserved,
        None => raw.reserved_memory,
    };
    let left = memory.checked_sub(Mib::new(reserved.0)).filter(|left| *left != Mib::ZERO);
    if left.is_none() {
        context.error(&path.key("reservedMemory"), "no memory is left for tasks");
    }
    left
}

/// The providers that the document lists, apart from those of Fargate.
struct Providers {
    lowered: Vec<Option<CapacityProvider>>,
    names: Vec<String>,
    /// Where each one stands in the document.
    places: Vec<usize>,
}

fn lower_providers(context: &Context<'_>, raw: &ScenarioDocument) -> Providers {
    let path = Path::root().key("capacityProviders");
    let mut names: Vec<String> = Vec::new();
    let mut places = Vec::new();
    let mut taken: Vec<AsgId> = Vec::new();
    let mut providers = Vec::new();
    for (index, provider) in raw.capacity_providers.iter().enumerate() {
        let path = path.index(index);
        if names.contains(&provider.name) {
            context.duplicate(&path.key("name"), "capacity providers", &provider.name);
        }
        if matches!(provider.name.as_str(), FARGATE | FARGATE_SPOT) {
            // As describe-capacity-providers lists them: they exist anyway.
            if provider.auto_scaling_group_provider.is_some() {
                let message = format!("`{}` has no Auto Scaling group", provider.name);
                context.error(&path.key("autoScalingGroupProvider"), message);
            }
            continue;
        }
        names.push(provider.name.clone());
        places.push(index);
        let lowered = lower_provider(context, &path, raw, provider);
        if let Some(CapacityProviderKind::AutoScalingGroup { group, .. }) =
            lowered.as_ref().map(|it| &it.kind)
        {
            if taken.contains(group) {
                let path = path.key("autoScalingGroupProvider");
                context.error(&path, "two capacity providers name the same Auto Scaling group");
            }
            taken.push(*group);
        }
        providers.push(lowered);
    }
    Providers { lowered: providers, names, places }
}

fn lower_provider(
    context: &Context<'_>,
    path: &Path,
    document: &ScenarioDocument,
    raw: &raw::CapacityProvider,
) -> Option<CapacityProvider> {
    let Some(provider) = &raw.auto_scaling_group_provider else {
        context.error(path, "the key `autoScalingGroupProvider` is missing");
        return None;
    };
    let path = path.key("autoScalingGroupProvider");
    let (key, name) = match (&provider.auto_scaling_group, &provider.auto_scaling_group_arn) {
        (Some(name), None) => ("autoScalingGroup", name.as_str()),
        (None, Some(arn)) => {
            let name = arn.rsplit_once("autoScalingGroupName/").map_or(arn.as_str(), |it| it.1);
            ("autoScalingGroupArn", name)
        }
        _ => {
            context.error(&path, "needs exactly one of `autoScalingGroup`, `autoScalingGroupArn`");
            return None;
        }
    };
    let groups = &document.auto_scaling_groups;
    let group = groups.iter().position(|group| group.auto_scaling_group_name == name);
    if group.is_none() {
        let known: Vec<&str> =
            groups.iter().map(|group| group.auto_scaling_group_name.as_str()).collect();
        context.dangling(&path.key(key), "Auto Scaling group", name, known);
    }
    if let Some(group) = group.and_then(|index| groups.get(index))
        && purchase::is_weighted(group)
    {
        let message =
            format!("a capacity provider takes no weights: `{name}` has `weightedCapacity`");
        context.error(&path.key(key), message);
    }
    let managed = provider.managed_scaling.as_ref();
    let managed_scaling = managed.filter(|it| it.status == raw::Status::Enabled).map(|it| {
        if it.maximum_scaling_step_size < it.minimum_scaling_step_size {
            context.error(
                &path.key("managedScaling").key("minimumScalingStepSize"),
                "`minimumScalingStepSize` is above `maximumScalingStepSize`",
            );
        }
        ManagedScaling {
            target_capacity: it.target_capacity,
            minimum_scaling_step_size: it.minimum_scaling_step_size,
            maximum_scaling_step_size: it.maximum_scaling_step_size,
            instance_warmup_period: it.instance_warmup_period.duration(),
        }
    });
    let protected = provider.managed_termination_protection == raw::Status::Enabled;
    if protected && managed_scaling.is_none() {
        context.error(
            &path.key("managedTerminationProtection"),
            "managed termination protection needs managed scaling",
        );
    }
    if provider.managed_draining == Some(raw::Status::Enabled) && !context.rules.managed_draining {
        let message =
            format!("there was no managed draining in the AWS rules of {}", context.rules.name);
        context.error(&path.key("managedDraining"), message);
    }
    let managed_draining = provider
        .managed_draining
        .map_or(context.rules.managed_draining, |status| status == raw::Status::Enabled);
    Some(CapacityProvider {
        name: raw.name.clone(),
        kind: CapacityProviderKind::AutoScalingGroup {
            group: AsgId::from_index(group?),
            managed_scaling,
            managed_termination_protection: protected,
            managed_draining,
        },
    })
}

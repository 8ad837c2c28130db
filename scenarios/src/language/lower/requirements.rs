//! Attribute-based instance type selection: from what is required to the types of a group.

use plimsoll_core::billing::{PriceBook, PriceNeeds};
use plimsoll_core::catalog::{
    self, AcceleratorManufacturer, AcceleratorType, CpuManufacturer, Generation, HourlyRate,
    InstanceType, matches_pattern,
};
use plimsoll_core::purchase::requirements::{
    CapacityUnit, InstanceRequirements, Offer, Presence, PriceProtection, Range, Selected,
    SpotProtection, select,
};
use plimsoll_core::scenario::{Architecture, OperatingSystem, Sold};

use super::{Context, spot_prices};
use crate::language::raw::ScenarioDocument;
use crate::language::raw::requirements as raw;
use crate::language::raw::task_definition::CpuArchitecture;
use crate::language::tree::Path;

/// `OnDemandMaxPricePercentageOverLowestPrice` of Auto Scaling.
const ON_DEMAND_OVER_LOWEST: u32 = 20;
/// "Specify a high value, such as 999999" for no price protection.
const UNPROTECTED: u32 = 999_999;

/// Who asks for instance types.
pub(super) struct Asking<'a> {
    pub(super) document: &'a ScenarioDocument,
    /// Zones in which they are launched.
    pub(super) zones: &'a [String],
    pub(super) operating_system: OperatingSystem,
    /// Architecture of the image; that of the requirements if it is not said.
    pub(super) architecture: ImageArchitecture,
    pub(super) unit: CapacityUnit,
    /// Whether price protection holds that is not asked for.
    pub(super) protected: bool,
    /// Purchase options that are used at all.
    pub(super) sold: Sold,
}

/// What an image runs on.
#[derive(Clone, Copy)]
pub(super) enum ImageArchitecture {
    /// One architecture.
    Given(Option<CpuArchitecture>),
    /// Each has an image of its own.
    Any,
}

/// The types that meet the requirements at `path` at a price that protection leaves; `None` if that is none, or
/// if something is wrong with them.
pub(super) fn choose(
    context: &Context<'_>,
    path: &Path,
    raw: &raw::InstanceRequirements,
    asking: &Asking<'_>,
) -> Option<Vec<Selected<'static>>> {
    let requirements = requirements(context, path, raw, asking)?;
    let protection = protection(context, path, raw, asking)?;
    let offers = offers(context, &requirements, asking);
    let mut selected = select(&offers.priced, &requirements, protection);
    if selected.is_empty() {
        let message = "no instance type of the catalogue meets these requirements";
        match offers.without_price {
            0 => context.error(path, message),
            number => {
                let hint = format!(
                    "{number} would, but have no price in `{}`: give one under `pricing.instanceHour`",
                    context.region
                );
                context.error_hint(path, message, hint);
            }
        }
        return None;
    }
    for it in &mut selected {
        it.on_demand &= asking.sold.on_demand;
        it.spot &= asking.sold.spot;
    }
    selected.retain(|it| it.on_demand || it.spot);
    if asking.sold.spot && !selected.iter().any(|it| it.spot) {
        let message =
            "no entry of `spotMarkets` has a price of a type that meets these requirements";
        let hint = "Spot Instances are bought: list their market, for example \
                    `spotMarkets: [{saving: 0.6}]`";
        context.error_hint(path, message, hint);
        return None;
    }
    if 0 < offers.without_price {
        let number = offers.without_price;
        let message = format!(
            "{number} instance types meet the requirements but have no price in `{}`: they are left out",
            context.region
        );
        context.note(path, message);
    }
    Some(selected)
}

/// Everything of the catalogue that has a price.
struct Offers {
    priced: Vec<Offer<'static>>,
    /// Types that would be chosen from if they had one.
    without_price: usize,
}

fn offers(
    context: &Context<'_>,
    requirements: &InstanceRequirements,
    asking: &Asking<'_>,
) -> Offers {
    let matching = || catalog::instance_types().iter().filter(|it| requirements.admit(it));
    let os = asking.operating_system;
    let needs = PriceNeeds {
        instances: matching().map(|it| (it.name, os)).collect(),
        ..PriceNeeds::default()
    };
    let book = PriceBook::from_catalogue(context.region, &needs);
    let given = &asking.document.pricing.instance_hour;
    let mut offers = Offers { priced: Vec::new(), without_price: 0 };
    for it in matching() {
        let given = given.get(it.name).map(|it| HourlyRate::from_ten_billionths(it.0));
        let Some(on_demand) = given.or_else(|| book.instance_rate(it.name, os)) else {
            offers.without_price += 1;
            continue;
        };
        let spot = if asking.sold.spot {
            let in_zone =
                |zone| spot_prices::first_price(context, asking.document, it.name, zone, on_demand);
            asking.zones.iter().filter_map(|zone| in_zone(zone.as_str())).min()
        } else {
            None
        };
        offers.priced.push(Offer { instance_type: it, on_demand, spot });
    }
    offers
}

fn protection(
    context: &Context<'_>,
    path: &Path,
    raw: &raw::InstanceRequirements,
    asking: &Asking<'_>,
) -> Option<PriceProtection> {
    let over_lowest = raw.spot_max_price_percentage_over_lowest_price;
    let of_on_demand = raw.max_spot_price_as_percentage_of_optimal_on_demand_price;
    let by_itself = asking.document.control_plane.purchasing.spot_price_protection;
    let spot = match (over_lowest, of_on_demand) {
        (Some(_), Some(_)) => {
            let key = path.key("maxSpotPriceAsPercentageOfOptimalOnDemandPrice");
            let message = "excludes `spotMaxPricePercentageOverLowestPrice`";
            context.error(&key, message);
            return None;
        }
        (Some(percent), None) => SpotProtection::OverLowest(percent),
        (None, Some(percent)) => SpotProtection::OfOnDemand(percent),
        (None, None) if asking.protected => SpotProtection::OverLowest(by_itself),
        (None, None) => SpotProtection::OverLowest(UNPROTECTED),
    };
    let default = if asking.protected { ON_DEMAND_OVER_LOWEST } else { UNPROTECTED };
    Some(PriceProtection {
        on_demand_over_lowest: raw
            .on_demand_max_price_percentage_over_lowest_price
            .unwrap_or(default),
        spot,
        unit: asking.unit,
    })
}

fn requirements(
    context: &Context<'_>,
    path: &Path,
    raw: &raw::InstanceRequirements,
    asking: &Asking<'_>,
) -> Option<InstanceRequirements> {
    let whole = |key: &str, range: Option<raw::WholeRange>| {
        let range = range.unwrap_or_default();
        ends(context, &path.key(key), range.min, range.max).map(|()| range)
    };
    let vcpus = whole("vCpuCount", Some(raw.v_cpu_count));
    let memory = whole("memoryMiB", Some(raw.memory_mi_b));
    let interfaces = whole("networkInterfaceCount", raw.network_interface_count);
    let accelerators = whole("acceleratorCount", raw.accelerator_count);
    let per_vcpu = raw.memory_gi_b_per_v_cpu.unwrap_or_default();
    let per_vcpu_ends = ends(context, &path.key("memoryGiBPerVCpu"), per_vcpu.min, per_vcpu.max);
    let names = accelerator_names(context, path, &raw.accelerator_names);
    let (allowed, excluded) = (&raw.allowed_instance_types, &raw.excluded_instance_types);
    if allowed.is_some() && excluded.is_some() {
        let message = "excludes `allowedInstanceTypes`";
        context.error(&path.key("excludedInstanceTypes"), message);
        return None;
    }
    let allowed_ok = patterns(context, &path.key("allowedInstanceTypes"), allowed.as_deref());
    let excluded_ok = patterns(context, &path.key("excludedInstanceTypes"), excluded.as_deref());
    let (vcpus, memory) = (vcpus?, memory?);
    let (interfaces, accelerators) = (interfaces?, accelerators?);
    per_vcpu_ends.and(names).filter(|()| allowed_ok && excluded_ok)?;
    let range = |it: raw::WholeRange| Range { min: it.min, max: it.max };
    Some(InstanceRequirements {
        vcpus: range(vcpus),
        memory_mib: Range { min: memory.min.map(u64::from), max: memory.max.map(u64::from) },
        memory_gib_per_vcpu: Range { min: per_vcpu.min, max: per_vcpu.max },
        cpu_manufacturers: raw.cpu_manufacturers.iter().copied().map(cpu_manufacturer).collect(),
        architecture: architecture(raw, asking),
        allowed: allowed.clone(),
        excluded: excluded.clone().unwrap_or_default(),
        generations: raw.instance_generations.iter().copied().map(generation).collect(),
        bare_metal: presence(raw.bare_metal, Presence::Excluded),
        burstable: presence(raw.burstable_performance, Presence::Excluded),
        local_storage: presence(raw.local_storage, Presence::Included),
        local_ssd: raw.local_storage_types.is_empty()
            || raw.local_storage_types.contains(&raw::LocalStorageType::Ssd),
        network_interfaces: range(interfaces),
        accelerator_count: range(accelerators),
        accelerator_types: raw.accelerator_types.iter().copied().map(accelerator_type).collect(),
        accelerator_manufacturers: raw
            .accelerator_manufacturers
            .iter()
            .copied()
            .map(accelerator_manufacturer)
            .collect(),
        accelerator_names: raw.accelerator_names.clone(),
    })
}

/// What the image runs on: without a word x86_64, unless only Graviton is asked for. Windows runs on x86_64.
fn architecture(raw: &raw::InstanceRequirements, asking: &Asking<'_>) -> Option<Architecture> {
    if asking.operating_system == OperatingSystem::Windows {
        return Some(Architecture::X86_64);
    }
    let graviton = raw.cpu_manufacturers == [raw::CpuManufacturer::AmazonWebServices];
    match asking.architecture {
        ImageArchitecture::Any => None,
        ImageArchitecture::Given(Some(CpuArchitecture::Arm64)) => Some(Architecture::Arm64),
        ImageArchitecture::Given(None) if graviton => Some(Architecture::Arm64),
        ImageArchitecture::Given(_) => Some(Architecture::X86_64),
    }
}

/// Reports a range whose ends are the wrong way round.
fn ends<T: PartialOrd>(
    context: &Context<'_>,
    path: &Path,
    min: Option<T>,
    max: Option<T>,
) -> Option<()> {
    let upside_down = min.zip(max).is_some_and(|(min, max)| max < min);
    if upside_down {
        context.error(&path.key("min"), "is above `max`");
    }
    (!upside_down).then_some(())
}

/// Checks patterns of instance types: notes those that match nothing, refuses what is no pattern.
fn patterns(context: &Context<'_>, path: &Path, patterns: Option<&[String]>) -> bool {
    let mut good = true;
    for (index, pattern) in patterns.unwrap_or_default().iter().enumerate() {
        let path = path.index(index);
        let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '*');
        if pattern.is_empty() || 30 < pattern.len() || !pattern.chars().all(known) {
            let message =
                "is not a name of instance types: letters, digits, `.`, `-` and `*`, at most 30";
            context.error(&path, message);
            good = false;
        } else if !catalog::instance_types().iter().any(|it| matches_pattern(pattern, it.name)) {
            context.note(&path, format!("no instance type of the catalogue is called `{pattern}`"));
        }
    }
    good
}

/// Reports accelerators that no type has.
fn accelerator_names(context: &Context<'_>, path: &Path, names: &[String]) -> Option<()> {
    let mut good = Some(());
    for (index, name) in names.iter().enumerate() {
        let all = catalog::instance_types().iter().filter_map(InstanceType::accelerators);
        let known: Vec<&str> = all.map(|it| it.name).collect();
        if !known.contains(&name.as_str()) {
            let path = path.key("acceleratorNames").index(index);
            context.dangling(&path, "accelerator", name, known);
            good = None;
        }
    }
    good
}

fn presence(raw: Option<raw::Presence>, default: Presence) -> Presence {
    match raw {
        None => default,
        Some(raw::Presence::Included) => Presence::Included,
        Some(raw::Presence::Excluded) => Presence::Excluded,
        Some(raw::Presence::Required) => Presence::Required,
    }
}

fn cpu_manufacturer(raw: raw::CpuManufacturer) -> CpuManufacturer {
    match raw {
        raw::CpuManufacturer::Intel => CpuManufacturer::Intel,
        raw::CpuManufacturer::Amd => CpuManufacturer::Amd,
        raw::CpuManufacturer::AmazonWebServices => CpuManufacturer::AmazonWebServices,
        raw::CpuManufacturer::Apple => CpuManufacturer::Apple,
    }
}

fn generation(raw: raw::InstanceGeneration) -> Generation {
    match raw {
        raw::InstanceGeneration::Current => Generation::Current,
        raw::InstanceGeneration::Previous => Generation::Previous,
    }
}

fn accelerator_type(raw: raw::AcceleratorType) -> AcceleratorType {
    match raw {
        raw::AcceleratorType::Gpu => AcceleratorType::Gpu,
        raw::AcceleratorType::Fpga => AcceleratorType::Fpga,
        raw::AcceleratorType::Inference => AcceleratorType::Inference,
        raw::AcceleratorType::Media => AcceleratorType::Media,
    }
}

fn accelerator_manufacturer(raw: raw::AcceleratorManufacturer) -> AcceleratorManufacturer {
    match raw {
        raw::AcceleratorManufacturer::Nvidia => AcceleratorManufacturer::Nvidia,
        raw::AcceleratorManufacturer::Amd => AcceleratorManufacturer::Amd,
        raw::AcceleratorManufacturer::AmazonWebServices => {
            AcceleratorManufacturer::AmazonWebServices
        }
        raw::AcceleratorManufacturer::Xilinx => AcceleratorManufacturer::Xilinx,
        raw::AcceleratorManufacturer::Habana => AcceleratorManufacturer::Habana,
    }
}

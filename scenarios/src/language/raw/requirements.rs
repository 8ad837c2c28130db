//! Attribute-based instance type selection, as Auto Scaling and ECS write it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Attributes that instance types must have.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-plimsoll-refused" = {
    "acceleratorTotalMemoryMiB": "the catalogue does not know the memory of accelerators",
    "baselineEbsBandwidthMbps": "the catalogue does not know the EBS bandwidth of instance types",
    "baselinePerformanceFactors": "the catalogue does not know the performance of processors",
    "networkBandwidthGbps": "the catalogue does not know the network bandwidth of instance types",
    "requireHibernateSupport": "the catalogue does not know which instance types hibernate",
    "totalLocalStorageGB": "the catalogue does not know the size of local storage"
}))]
pub struct InstanceRequirements {
    /// Number of vCPUs.
    pub v_cpu_count: WholeRange,
    /// Memory in MiB.
    pub memory_mi_b: WholeRange,
    /// Memory per vCPU in GiB. Default: any.
    #[serde(default)]
    pub memory_gi_b_per_v_cpu: Option<NumberRange>,
    /// Who makes the processor. Default: anybody.
    #[serde(default)]
    pub cpu_manufacturers: Vec<CpuManufacturer>,
    /// Instance types to choose from, with `*` for any text. Excludes `excludedInstanceTypes`. Default: all.
    #[serde(default)]
    #[schemars(length(max = 400))]
    pub allowed_instance_types: Option<Vec<String>>,
    /// Instance types to leave out, with `*` for any text.
    #[serde(default)]
    #[schemars(length(max = 400))]
    pub excluded_instance_types: Option<Vec<String>>,
    /// Generations. Default: both.
    #[serde(default)]
    pub instance_generations: Vec<InstanceGeneration>,
    /// Price protection of Spot: percentage above the lowest Spot price of a matching current C, M or R type.
    /// Default: `controlPlane.purchasing.spotPriceProtection`.
    #[serde(default)]
    pub spot_max_price_percentage_over_lowest_price: Option<u32>,
    /// Price protection of Spot: percentage of the lowest On-Demand price of such a type. Excludes the one above.
    #[serde(default)]
    pub max_spot_price_as_percentage_of_optimal_on_demand_price: Option<u32>,
    /// Price protection of On-Demand: percentage above the lowest On-Demand price of such a type. Default: 20 in
    /// Auto Scaling groups, none on Managed Instances.
    #[serde(default)]
    pub on_demand_max_price_percentage_over_lowest_price: Option<u32>,
    /// Bare metal types. Default: `excluded`.
    #[serde(default)]
    pub bare_metal: Option<Presence>,
    /// Burstable types. Default: `excluded`.
    #[serde(default)]
    pub burstable_performance: Option<Presence>,
    /// Types with instance store volumes. Default: `included`.
    #[serde(default)]
    pub local_storage: Option<Presence>,
    /// Kinds of instance store volumes; those of all known types are SSDs. Default: both.
    #[serde(default)]
    pub local_storage_types: Vec<LocalStorageType>,
    /// Number of network interfaces. Default: any.
    #[serde(default)]
    pub network_interface_count: Option<WholeRange>,
    /// Number of accelerators; a maximum of 0 leaves out types that have any. Default: any.
    #[serde(default)]
    pub accelerator_count: Option<WholeRange>,
    /// Kinds of accelerators. Default: any.
    #[serde(default)]
    pub accelerator_types: Vec<AcceleratorType>,
    /// Who makes the accelerators. Default: anybody.
    #[serde(default)]
    pub accelerator_manufacturers: Vec<AcceleratorManufacturer>,
    /// Names of accelerators, for example `a10g`. Default: any.
    #[serde(default)]
    pub accelerator_names: Vec<String>,
}

/// A range of whole numbers, ends included.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WholeRange {
    /// Least. Default: no bound.
    #[serde(default)]
    pub min: Option<u32>,
    /// Most. Default: no bound.
    #[serde(default)]
    pub max: Option<u32>,
}

/// A range of numbers, ends included.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NumberRange {
    /// Least. Default: no bound.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 100_000.0))]
    pub min: Option<f64>,
    /// Most. Default: no bound.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 100_000.0))]
    pub max: Option<f64>,
}

/// Whether types with something are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Presence {
    /// With or without it.
    Included,
    /// Without it.
    Excluded,
    /// With it.
    Required,
}

/// Who makes a processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CpuManufacturer {
    /// Intel.
    Intel,
    /// AMD.
    Amd,
    /// AWS: Graviton.
    AmazonWebServices,
    /// Apple.
    Apple,
}

/// Generations of instance types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum InstanceGeneration {
    /// Recommended for use.
    Current,
    /// Previous generations.
    Previous,
}

/// Kinds of instance store volumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LocalStorageType {
    /// Hard disks.
    Hdd,
    /// Solid state drives.
    Ssd,
}

/// Kinds of accelerators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AcceleratorType {
    /// GPUs.
    Gpu,
    /// FPGAs.
    Fpga,
    /// Inference chips.
    Inference,
    /// Media accelerators.
    Media,
}

/// Who makes an accelerator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AcceleratorManufacturer {
    /// NVIDIA.
    Nvidia,
    /// AMD.
    Amd,
    /// AWS.
    AmazonWebServices,
    /// Xilinx.
    Xilinx,
    /// Habana.
    Habana,
}

/// What the sizes of a group count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DesiredCapacityType {
    /// Instances, or their weights.
    #[default]
    #[serde(rename = "units")]
    Units,
    /// vCPUs.
    #[serde(rename = "vcpu")]
    Vcpu,
    /// MiB of memory.
    #[serde(rename = "memory-mib")]
    MemoryMib,
}

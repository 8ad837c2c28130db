//! Managed Instances: container instances that ECS launches and terminates by itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::distribution::Distribution;
use super::kinds::Length;
use super::requirements::InstanceRequirements;

/// A capacity provider of Managed Instances.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend(
    "x-plimsoll-ignored" = ["infrastructureRoleArn", "propagateTags"],
    "x-plimsoll-not-simulated" = {
        "autoRepairConfiguration": { "means": "repair of managed instances is" }
    }
))]
pub struct ManagedInstancesProvider {
    /// What it launches.
    pub instance_launch_template: InstanceLaunchTemplate,
    /// What becomes of instances that are not well used.
    #[serde(default)]
    pub infrastructure_optimization: InfrastructureOptimization,
    /// Zones of its subnets, over which tasks are spread; the region's first three by default. With one zone tasks
    /// are packed.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub availability_zones: Option<Vec<String>>,
    /// Account setting `awsvpcTrunking`: more network interfaces for `awsvpc` tasks.
    #[serde(default)]
    pub awsvpc_trunking: bool,
}

/// What a provider of Managed Instances launches.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend(
    "x-plimsoll-ignored" = [
        "ec2InstanceProfileArn", "fipsEnabled", "instanceMetadataTagsPropagation", "monitoring",
        "networkConfiguration"
    ],
    "x-plimsoll-not-simulated" = {
        "localStorageConfiguration": { "means": "instance store volumes in place of the data volume are" }
    },
    "x-plimsoll-refused" = {
        "capacityReservations": "capacity reservations are not simulated"
    }
))]
pub struct InstanceLaunchTemplate {
    /// How instances are bought. Default: `ON_DEMAND`.
    #[serde(default)]
    pub capacity_option_type: CapacityOptionType,
    /// Which types are launched. Default: those of `controlPlane.managedInstances.defaultInstanceTypes`.
    #[serde(default)]
    pub instance_requirements: Option<InstanceRequirements>,
    /// The data volume.
    #[serde(default)]
    pub storage_configuration: StorageConfiguration,
}

/// How managed instances are bought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CapacityOptionType {
    /// On-Demand.
    #[default]
    OnDemand,
    /// Spot.
    Spot,
    /// From capacity reservations: refused.
    Reserved,
}

/// The data volume of managed instances.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct StorageConfiguration {
    /// Size. Default: 80 GiB.
    #[schemars(range(min = 30, max = 16384))]
    pub storage_size_gi_b: u32,
}

impl Default for StorageConfiguration {
    fn default() -> Self {
        Self { storage_size_gi_b: 80 }
    }
}

/// What becomes of managed instances that are not well used.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct InfrastructureOptimization {
    /// Seconds without a start or stop of a task after which an instance is judged; -1 for never. Default:
    /// `controlPlane.managedInstances.defaultScaleInAfter`.
    #[schemars(range(min = -1, max = 3600))]
    pub scale_in_after: Option<i32>,
}

/// What AWS leaves open about Managed Instances.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ManagedInstancesChoices {
    /// From the first task that waits to the decision what is launched. Default: 1 s.
    pub provisioning_delay: Length,
    /// From the decision to running. Default: uniform between 20 and 23 s.
    pub launch_time: Distribution,
    /// From running to registered with the cluster. Default: 18 s.
    pub registration_time: Distribution,
    /// `scaleInAfter` of providers that give none. Default: 300 s.
    #[schemars(extend("x-plimsoll-max" = "3600s"))]
    pub default_scale_in_after: Length,
    /// Which instances that run tasks ECS drains to save cost.
    pub consolidation: Consolidation,
    /// Types of providers without `instanceRequirements`, of current generations, with `*` for any text. Default:
    /// `c*`, `m*` and `r*`.
    #[schemars(length(min = 1, max = 400))]
    pub default_instance_types: Vec<String>,
}

impl Default for ManagedInstancesChoices {
    fn default() -> Self {
        Self {
            provisioning_delay: Length::from_secs(1),
            launch_time: Distribution::uniform(20, 23),
            registration_time: Distribution::seconds(18),
            default_scale_in_after: Length::from_secs(300),
            consolidation: Consolidation::default(),
            default_instance_types: ["c*", "m*", "r*"].map(str::to_owned).to_vec(),
        }
    }
}

/// Which managed instances that run tasks are drained, after the same delay as idle ones. Never Spot Instances or
/// those with standalone tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Consolidation {
    /// Those whose tasks fit on others, or on a cheaper type.
    #[default]
    FewerOrCheaper,
    /// Those whose tasks fit on others.
    Fewer,
    /// None.
    Off,
}

//! What Auto Scaling groups launch: mixed instances policies, Spot markets, lack of capacity.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::distribution::Distribution;
use super::kinds::{Length, Usd, Whole};
use super::load::TimeUnit;
use super::requirements::InstanceRequirements;
use super::task_definition::CpuArchitecture;

/// Several instance types and purchase options of one group.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-plimsoll-aws-document" = true))]
pub struct MixedInstancesPolicy {
    /// The instance types.
    pub launch_template: MixedLaunchTemplate,
    /// How capacity is divided among purchase options and types.
    #[serde(default)]
    pub instances_distribution: InstancesDistribution,
}

/// The launch template of a mixed instances policy.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-plimsoll-aws-document" = true, "x-plimsoll-ignored" = ["launchTemplateSpecification"]))]
pub struct MixedLaunchTemplate {
    /// The instance types in order of priority. Default: the group's `instanceType` alone.
    #[serde(default)]
    #[schemars(length(max = 40))]
    pub overrides: Vec<InstanceOverride>,
}

/// An instance type of a mixed instances policy, or what its types must have.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-plimsoll-aws-document" = true, "x-plimsoll-ignored" = ["launchTemplateSpecification", "imageId"]))]
pub struct InstanceOverride {
    /// EC2 instance type, for example `m7g.large`.
    #[serde(default)]
    pub instance_type: Option<String>,
    /// Attributes that instance types must have, in place of an `instanceType`; at most four such sets.
    #[serde(default)]
    pub instance_requirements: Option<InstanceRequirements>,
    /// Processor that the image is built for, with `instanceRequirements`. Default: `X86_64`, or `ARM64` if only
    /// processors of `amazon-web-services` are asked for.
    #[serde(default)]
    pub cpu_architecture: Option<CpuArchitecture>,
    /// Units that an instance counts in the sizes of the group, 1 to 999; for all types or none.
    #[serde(default)]
    pub weighted_capacity: Option<Whole>,
}

/// How a group divides its capacity among purchase options and instance types.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(extend("x-plimsoll-aws-document" = true))]
pub struct InstancesDistribution {
    /// Which type an On-Demand Instance has. Default: `prioritized`, or `lowest-price` with
    /// `instanceRequirements`, which give no order.
    pub on_demand_allocation_strategy: Option<OnDemandAllocationStrategy>,
    /// Units that are On-Demand before the percentage counts.
    #[schemars(range(max = 10000))]
    pub on_demand_base_capacity: u32,
    /// Percentage of On-Demand above the base.
    #[schemars(range(max = 100))]
    pub on_demand_percentage_above_base_capacity: u32,
    /// Which type a Spot Instance has. Default: `lowest-price`, as in the API.
    pub spot_allocation_strategy: SpotAllocationStrategy,
    /// Pools of a zone over which `lowest-price` spreads. Default: 2.
    #[schemars(range(min = 1, max = 20))]
    pub spot_instance_pools: Option<u32>,
    /// Highest Spot price per unit and hour in USD. Default: the On-Demand price.
    pub spot_max_price: Option<Usd>,
}

impl Default for InstancesDistribution {
    fn default() -> Self {
        Self {
            on_demand_allocation_strategy: None,
            on_demand_base_capacity: 0,
            on_demand_percentage_above_base_capacity: 100,
            spot_allocation_strategy: SpotAllocationStrategy::default(),
            spot_instance_pools: None,
            spot_max_price: None,
        }
    }
}

/// `OnDemandAllocationStrategy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnDemandAllocationStrategy {
    /// In the order of the overrides.
    Prioritized,
    /// The lowest price per unit.
    LowestPrice,
}

/// `SpotAllocationStrategy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SpotAllocationStrategy {
    /// The cheapest pools.
    #[default]
    LowestPrice,
    /// The pool with most spare capacity.
    CapacityOptimized,
    /// The same, in the order of the overrides where capacity is equal.
    CapacityOptimizedPrioritized,
    /// Price and spare capacity weighed against each other.
    PriceCapacityOptimized,
}

/// The Spot market of instance types in zones: price and interruptions. The first entry that covers a
/// pool holds for it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SpotMarket {
    /// Instance types; a name may end in `*`. Default: all.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub instance_types: Option<Vec<String>>,
    /// Zones. Default: all.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub availability_zones: Option<Vec<String>>,
    /// Price per instance and hour in USD.
    #[serde(default)]
    pub price: Option<Usd>,
    /// Price as a share below the On-Demand price, for example 0.6.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1))]
    pub saving: Option<f64>,
    /// Price over time, from a file.
    #[serde(default)]
    pub price_trace: Option<PriceTrace>,
    /// Random daily steps of the price. Default: none.
    #[serde(default)]
    pub daily_price_step: Option<DailyPriceStep>,
    /// Spare capacity as the allocation strategies see it, from 0 to 1. Default: by the mean time
    /// between interruptions; 1 without any.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1))]
    pub depth: Option<f64>,
    /// How EC2 takes instances back. Default: never.
    #[serde(default)]
    pub interruption: Option<Interruption>,
}

/// A price over time.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PriceTrace {
    /// CSV file, plain or gzip, relative to the scenario: one row per change, in time order. Before the
    /// first row its price holds, too.
    pub file: String,
    /// Column with the instant, from the start of the run. Default: `time`.
    #[serde(default)]
    pub time_column: Option<String>,
    /// Unit of the time column. Default: `seconds`.
    #[serde(default)]
    pub time_unit: Option<TimeUnit>,
    /// Column with the price per instance and hour in USD. Default: `price`.
    #[serde(default)]
    pub column: Option<String>,
}

/// Random daily steps of a price: its logarithm moves and is drawn back to the given price.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DailyPriceStep {
    /// Standard deviation of a step of the logarithm, for example 0.03.
    #[schemars(range(min = 0, max = 1))]
    pub volatility: f64,
    /// Share of the distance to the given price that a day takes back. Default: 0.1.
    #[serde(default = "default_reversion")]
    #[schemars(range(min = 0, max = 1))]
    pub reversion: f64,
}

fn default_reversion() -> f64 {
    0.1
}

/// How EC2 takes Spot Instances back: one of `frequency`, `meanTime`, `capacity` and `trace`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Interruption {
    /// "Frequency of interruption" of the Spot Instance Advisor, a share of a month.
    #[serde(default)]
    pub frequency: Option<Frequency>,
    /// Mean time to an interruption.
    #[serde(default)]
    pub mean_time: Option<Length>,
    /// How long a pool has capacity, and how long none.
    #[serde(default)]
    pub capacity: Option<OnOff>,
    /// Recorded capacity.
    #[serde(default)]
    pub trace: Option<SpotTrace>,
    /// With `frequency` or `meanTime`: who is hit. Default: `pool`.
    #[serde(default)]
    pub model: Option<InterruptionModel>,
    /// With `frequency` or `meanTime` and the model `pool`: mean time without capacity. Default: 1 h.
    #[serde(default)]
    pub mean_outage: Option<Length>,
    /// Share of the pool's instances that is interrupted when its capacity ends. Default: all.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1))]
    pub fraction: Option<f64>,
    /// Time over which their notices are spread. Default: 180 s.
    #[serde(default)]
    pub spread: Option<Length>,
    /// Whether each pool of the entry has its own outages, or all have them together. Default:
    /// `separate`.
    #[serde(default)]
    pub pools: Option<Correlation>,
}

/// "Frequency of interruption" of the Spot Instance Advisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Frequency {
    /// Below 5 %.
    #[serde(rename = "<5%")]
    Below5,
    /// 5 % to 10 %.
    #[serde(rename = "5-10%")]
    From5To10,
    /// 10 % to 15 %.
    #[serde(rename = "10-15%")]
    From10To15,
    /// 15 % to 20 %.
    #[serde(rename = "15-20%")]
    From15To20,
    /// Above 20 %.
    #[serde(rename = ">20%")]
    Above20,
}

/// Who is hit by an interruption.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum InterruptionModel {
    /// The pool: its capacity ends, and nothing can be launched until it returns.
    #[default]
    Pool,
    /// Each instance alone, at a constant rate.
    Independent,
}

/// Whether pools run short together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Correlation {
    /// Each for itself.
    #[default]
    Separate,
    /// All at once.
    Together,
}

/// By turns capacity and none, beginning with capacity.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OnOff {
    /// How long there is capacity.
    pub on: Distribution,
    /// How long there is none.
    pub off: Distribution,
}

/// Recorded Spot capacity of one pool.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SpotTrace {
    /// CSV file, plain or gzip, relative to the scenario, in time order.
    pub file: String,
    /// What its rows say.
    #[serde(default)]
    pub format: SpotTraceFormat,
    /// Column with the instant, from the start of the run. Default: `time`.
    #[serde(default)]
    pub time_column: Option<String>,
    /// Unit of the time column. Default: `seconds`.
    #[serde(default)]
    pub time_unit: Option<TimeUnit>,
    /// Column with the event, the count or the availability. Default: `event`, `instances` or
    /// `available`, by the format.
    #[serde(default)]
    pub column: Option<String>,
    /// Events: column with the name of the node. Default: `node`.
    #[serde(default)]
    pub node_column: Option<String>,
}

/// What the rows of a recorded Spot trace say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum SpotTraceFormat {
    /// `add` or `remove` of a named node.
    #[default]
    Events,
    /// How many instances could be had from then on.
    Counts,
    /// 1 if instances could be had from then on, else 0.
    Availability,
}

/// What AWS leaves open about launches and Spot.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Purchasing {
    /// Weight of spare capacity against price in `price-capacity-optimized`. Default: 1.
    #[schemars(range(min = 0, max = 1000))]
    pub price_capacity_weight: f64,
    /// Price protection of Spot in attribute-based selection where none is asked for: percentage above the lowest
    /// Spot price. AWS calls its own "optimal" and publishes no figure. Default: 100, as it was before.
    #[schemars(range(max = 999_999))]
    pub spot_price_protection: u32,
    /// Attempts after a launch that found no capacity.
    pub launch_back_off: LaunchBackOff,
    /// How far weighted capacity may be above the size of a group. Default: `maxSize` and the largest
    /// weight.
    pub weighted_capacity_limit: WeightedCapacityLimit,
    /// Recommendations to replace a Spot Instance.
    pub rebalance_recommendation: RebalanceRecommendation,
}

impl Default for Purchasing {
    fn default() -> Self {
        Self {
            price_capacity_weight: 1.0,
            spot_price_protection: 100,
            launch_back_off: LaunchBackOff::default(),
            weighted_capacity_limit: WeightedCapacityLimit::default(),
            rebalance_recommendation: RebalanceRecommendation::default(),
        }
    }
}

/// Pauses after launches that found no capacity, per pool: they double.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LaunchBackOff {
    /// After the first failure. Default: 15 s.
    #[schemars(extend("x-plimsoll-min" = "1s"))]
    pub first: Length,
    /// At most. Default: 180 s.
    #[schemars(extend("x-plimsoll-min" = "1s"))]
    pub maximum: Length,
    /// Share by which a pause may be longer or shorter. Default: 0.2.
    #[schemars(range(min = 0, max = 0.9))]
    pub jitter: f64,
}

impl Default for LaunchBackOff {
    fn default() -> Self {
        Self { first: Length::from_secs(15), maximum: Length::from_secs(180), jitter: 0.2 }
    }
}

/// Two AWS documents differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum WeightedCapacityLimit {
    /// `maxSize` and the largest weight.
    #[default]
    MaxSize,
    /// `desiredCapacity` and the largest weight.
    DesiredCapacity,
}

/// When EC2 recommends to replace a Spot Instance that it will interrupt.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RebalanceRecommendation {
    /// Share that comes before the two-minute notice; the others come with it. Default: 0.5.
    #[schemars(range(min = 0, max = 1))]
    pub early_share: f64,
    /// How long before it, at most 30 min where a pool runs short. Default: uniform between 2 and
    /// 30 min.
    pub lead: Distribution,
}

impl Default for RebalanceRecommendation {
    fn default() -> Self {
        Self { early_share: 0.5, lead: Distribution::uniform(120, 1800) }
    }
}

//! What an Auto Scaling group launches: instance types, purchase options, and how it chooses; the Spot
//! markets, and the lack of capacity.

use std::sync::Arc;

use super::{InstanceShape, OperatingSystem};
use crate::agent::Window;
use crate::catalog::HourlyRate;
use crate::engine::DurationDistribution;
use crate::placement::Attributes;
use crate::purchase::back_off::BackOff;
use crate::purchase::market::DailyStep;
use crate::purchase::replay::Lease;
use crate::purchase::split::WeightedCap;
use crate::units::{SimDuration, SimTime, ZoneId};

/// One of the instance types that a group can launch: an override of its launch template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaunchType {
    /// Its hardware.
    pub shape: InstanceShape,
    /// `WeightedCapacity`: units that an instance counts in the sizes of the group; 1 without weights.
    pub weight: u32,
    /// Attributes of such an instance in each of the group's zones, in the same order.
    pub attributes: Vec<Attributes>,
    /// Under which purchase options it can be launched: price protection may leave one of them.
    pub sold: Sold,
}

/// Purchase options of an instance type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sold {
    /// On-Demand.
    pub on_demand: bool,
    /// Spot.
    pub spot: bool,
}

impl Sold {
    /// Under both.
    pub const ALWAYS: Self = Self { on_demand: true, spot: true };

    /// Whether `option` is one of them.
    pub const fn has(self, option: PurchaseOption) -> bool {
        match option {
            PurchaseOption::OnDemand => self.on_demand,
            PurchaseOption::Spot => self.spot,
        }
    }
}

/// How EC2 sells an instance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum PurchaseOption {
    /// By the second at a list price.
    #[default]
    OnDemand,
    /// From spare capacity, which EC2 can take back.
    Spot,
}

impl PurchaseOption {
    /// Name in output files, as AWS writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OnDemand => "On-Demand",
            Self::Spot => "Spot",
        }
    }
}

/// `OnDemandAllocationStrategy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDemandStrategy {
    /// `prioritized`: in the order of the overrides.
    #[default]
    Prioritized,
    /// `lowest-price` per unit of capacity.
    LowestPrice,
}

/// `SpotAllocationStrategy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpotStrategy {
    /// `lowest-price`: spread over the cheapest pools of a zone.
    LowestPrice {
        /// `SpotInstancePools`.
        pools: u32,
    },
    /// `capacity-optimized`.
    CapacityOptimized,
    /// `capacity-optimized-prioritized`.
    CapacityOptimizedPrioritized,
    /// `price-capacity-optimized`.
    PriceCapacityOptimized,
}

/// `InstancesDistribution`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstancesDistribution {
    /// `OnDemandBaseCapacity` in units.
    pub on_demand_base: u32,
    /// `OnDemandPercentageAboveBaseCapacity`.
    pub on_demand_percentage: u32,
    /// `OnDemandAllocationStrategy`.
    pub on_demand_strategy: OnDemandStrategy,
    /// `SpotAllocationStrategy`.
    pub spot_strategy: SpotStrategy,
    /// `SpotMaxPrice` per unit and hour; the On-Demand price if `None`.
    pub spot_max_price: Option<HourlyRate>,
}

impl Default for InstancesDistribution {
    /// All On-Demand, as without a mixed instances policy.
    fn default() -> Self {
        Self {
            on_demand_base: 0,
            on_demand_percentage: 100,
            on_demand_strategy: OnDemandStrategy::Prioritized,
            spot_strategy: SpotStrategy::LowestPrice { pools: 2 },
            spot_max_price: None,
        }
    }
}

/// Spot markets, lack of capacity, and what AWS leaves open about them.
#[derive(Clone, Debug, PartialEq)]
pub struct Purchasing {
    /// Spot pools. A pool that is not listed has the On-Demand price and is never short.
    pub markets: Vec<SpotMarket>,
    /// What makes pools run short, referred to by position.
    pub shortages: Vec<Shortage>,
    /// Rebalance recommendations.
    pub recommendation: Recommendation,
    /// Weight of capacity against price in `price-capacity-optimized`.
    pub price_capacity_weight: f64,
    /// Attempts of a group after a launch that found no capacity.
    pub back_off: BackOff,
    /// How far weighted capacity may be above a group's size.
    pub weighted_cap: WeightedCap,
}

impl Default for Purchasing {
    fn default() -> Self {
        Self {
            markets: Vec::new(),
            shortages: Vec::new(),
            recommendation: Recommendation::default(),
            price_capacity_weight: 1.0,
            back_off: BackOff::default(),
            weighted_cap: WeightedCap::default(),
        }
    }
}

/// The pool of an instance type in a zone on the Spot market.
#[derive(Clone, Debug, PartialEq)]
pub struct SpotMarket {
    /// Instance type.
    pub instance_type: String,
    /// Operating system.
    pub operating_system: OperatingSystem,
    /// Zone.
    pub zone: ZoneId,
    /// Price per instance and hour from instant to instant, sorted, the first at zero.
    pub prices: Vec<(SimTime, HourlyRate)>,
    /// Random daily steps of the price, if any.
    pub step: Option<DailyStep>,
    /// Spare capacity, from 0 to 1, as the allocation strategies see it.
    pub depth: f64,
    /// Whether single instances are interrupted, with the mean time to that.
    pub mean_time_to_interruption: Option<SimDuration>,
    /// Recorded capacity: without a lease nothing can be launched, and each ends with an interruption.
    pub leases: Option<Arc<[Lease]>>,
}

/// Something that makes pools run short of capacity: launches fail while it lasts, and when it begins, a
/// fraction of the Spot Instances in the pools is interrupted.
#[derive(Clone, Debug, PartialEq)]
pub struct Shortage {
    /// Name, the label of its random draws.
    pub name: String,
    /// When.
    pub law: ShortageLaw,
    /// Whom it hits.
    pub scope: ShortageScope,
    /// Share of the Spot Instances that is interrupted when it begins.
    pub fraction: f64,
    /// Time over which their notices are spread.
    pub spread: SimDuration,
}

/// What a shortage hits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShortageScope {
    /// Fargate Spot.
    FargateSpot,
    /// These Spot pools: instance type and zone.
    Spot(Vec<(String, ZoneId)>),
    /// All pools of these types in these zones under this purchase option; all if `None`.
    Pools {
        /// Instance types.
        instance_types: Option<Vec<String>>,
        /// Zones.
        zones: Option<Vec<ZoneId>>,
        /// Purchase option.
        option: Option<PurchaseOption>,
    },
}

/// When capacity is short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShortageLaw {
    /// In these windows, sorted and disjoint.
    Windows(Vec<Window>),
    /// By turns, beginning with capacity.
    OnOff {
        /// How long there is capacity.
        on: DurationDistribution,
        /// How long there is none.
        off: DurationDistribution,
    },
}

/// When EC2 recommends to replace a Spot Instance that it will interrupt.
#[derive(Clone, Debug, PartialEq)]
pub struct Recommendation {
    /// Share of interruptions that are announced before the notice; the others with it.
    pub early_share: f64,
    /// How long before the notice.
    pub lead: DurationDistribution,
}

impl Recommendation {
    /// The longest lead that is looked ahead for when a pool runs short.
    pub const HORIZON: SimDuration = SimDuration::from_secs(30 * 60);
}

impl Default for Recommendation {
    fn default() -> Self {
        let minutes = |n: u64| SimDuration::from_secs(60 * n);
        Self {
            early_share: 0.5,
            lead: DurationDistribution::Uniform { low: minutes(2), high: minutes(30) },
        }
    }
}

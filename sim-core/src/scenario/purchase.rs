//! What an Auto Scaling group launches: instance types, purchase options, and how it chooses.

use super::InstanceShape;
use crate::placement::Attributes;

/// One of the instance types that a group can launch: an override of its launch template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaunchType {
    /// Its hardware.
    pub shape: InstanceShape,
    /// Attributes of such an instance in each of the group's zones, in the same order.
    pub attributes: Vec<Attributes>,
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
    /// Name in output files, as AWS writes `--lifecycle` and Cost Explorer's purchase option.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OnDemand => "On-Demand",
            Self::Spot => "Spot",
        }
    }
}

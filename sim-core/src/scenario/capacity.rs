//! What tasks run on: instances and their groups, capacity providers, launch targets.

use super::{
    AgentSettings, Architecture, GroupOperation, InstancesDistribution, LaunchType, OperatingSystem,
};
use crate::autoscaling::ManagedScaling;
use crate::engine::DurationDistribution;
use crate::units::{AsgId, CapacityProviderId, Cpu, Mib, SimDuration, ZoneId};

/// The hardware of an instance type as the cluster sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceShape {
    /// Name, for example `m7g.large`.
    pub instance_type: String,
    /// Logical CPUs × 1024 units.
    pub cpu: Cpu,
    /// Memory registered with ECS, after the loss to kernel and platform.
    pub memory: Mib,
    /// GPUs.
    pub gpus: u32,
    /// Network interfaces available to `awsvpc` tasks.
    pub task_network_interfaces: u32,
    /// Architecture.
    pub architecture: Architecture,
    /// Operating system of the AMI.
    pub operating_system: OperatingSystem,
}

/// An Auto Scaling group of container instances.
#[derive(Clone, Debug, PartialEq)]
pub struct AutoScalingGroup {
    /// `AutoScalingGroupName`.
    pub name: String,
    /// What can be launched, in order of priority; at least one type.
    pub types: Vec<LaunchType>,
    /// How it divides its capacity among purchase options and types.
    pub distribution: InstancesDistribution,
    /// `CapacityRebalance`: Spot Instances at risk are replaced before EC2 takes them.
    pub capacity_rebalance: bool,
    /// Zones in listed order.
    pub zones: Vec<ZoneId>,
    /// `MinSize`.
    pub min_size: u32,
    /// `MaxSize`.
    pub max_size: u32,
    /// `DesiredCapacity` at the start.
    pub desired_capacity: u32,
    /// Whether the instances of `desired_capacity` are registered at time zero, or launched then.
    pub starts_ready: bool,
    /// From the launch decision to `running` (billing starts).
    pub launch_time: DurationDistribution,
    /// From `running` to registered with the cluster.
    pub registration_time: DurationDistribution,
    /// From a changed desired capacity to the group's action.
    pub reconcile_lag: DurationDistribution,
    /// Root volume (gp3) in GiB; zero for none.
    pub root_volume_gib: u32,
    /// The agent of its instances.
    pub agent: AgentSettings,
    /// How it runs its instances.
    pub operation: GroupOperation,
}

impl AutoScalingGroup {
    /// Whether any of its capacity can be Spot.
    pub fn may_buy_spot(&self) -> bool {
        self.distribution.on_demand_percentage < 100
    }
}

/// A capacity provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapacityProvider {
    /// Name.
    pub name: String,
    /// Kind and settings.
    pub kind: CapacityProviderKind,
}

/// The three kinds of capacity that a strategy can name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CapacityProviderKind {
    /// Container instances of an Auto Scaling group.
    AutoScalingGroup {
        /// The group.
        group: AsgId,
        /// Managed scaling, if enabled.
        managed_scaling: Option<ManagedScaling>,
        /// Managed termination protection.
        managed_termination_protection: bool,
        /// Managed draining: an instance is drained before it is terminated.
        managed_draining: bool,
    },
    /// `FARGATE`.
    Fargate,
    /// `FARGATE_SPOT`, with the mean time between interruptions of one task, if any.
    FargateSpot {
        /// Mean running time after which a task is interrupted; `None` for never.
        mean_time_to_interruption: Option<SimDuration>,
    },
}

impl CapacityProviderKind {
    /// Whether tasks run on Fargate.
    pub fn is_fargate(&self) -> bool {
        matches!(self, Self::Fargate | Self::FargateSpot { .. })
    }
}

/// One entry of a capacity provider strategy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StrategyItem {
    /// Provider.
    pub capacity_provider: CapacityProviderId,
    /// Tasks placed here before weights count.
    pub base: u32,
    /// Share of the tasks beyond base.
    pub weight: u32,
}

/// Where tasks run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LaunchTarget {
    /// `launchType: EC2`: any container instance; invisible to managed scaling.
    Ec2,
    /// `launchType: FARGATE`.
    Fargate,
    /// A capacity provider strategy, at least one entry.
    Strategy(Vec<StrategyItem>),
}

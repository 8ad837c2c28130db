//! Warm pools: instances that are launched and initialized before a group needs them.
//!
//! Source: Auto Scaling user guide, *Warm pools*, and the API reference of `PutWarmPool`. How long a warm
//! start takes, how long EC2 needs to stop an instance, and which instance goes when a pool is too large
//! is open: the first two are settings, and the youngest goes.

use crate::engine::DurationDistribution;

/// `PoolState`: what instances do in the pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PoolState {
    /// `Stopped`: only their volumes are billed.
    #[default]
    Stopped,
    /// `Running`.
    Running,
    /// `Hibernated`: as stopped, with their memory on the volume.
    Hibernated,
}

/// A warm pool of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WarmPool {
    /// `MinSize`.
    pub min_size: u32,
    /// `MaxGroupPreparedCapacity`; the group's maximum size if `None`.
    pub max_group_prepared_capacity: Option<u32>,
    /// `PoolState`.
    pub state: PoolState,
    /// `InstanceReusePolicy.ReuseOnScaleIn`.
    pub reuse_on_scale_in: bool,
    /// From the decision to take an instance out of the pool until it runs in the group.
    pub start_time: DurationDistribution,
    /// From the end of the initialization until it is stopped or hibernated.
    pub stop_time: DurationDistribution,
    /// From running in the group to registered with the cluster.
    pub registration_time: DurationDistribution,
}

impl WarmPool {
    /// Instances that the pool is to hold beside a group with these sizes.
    pub fn size(&self, max_size: u32, desired: u32) -> u32 {
        warm_pool_size(max_size, desired, self.min_size, self.max_group_prepared_capacity)
    }

    /// Whether a scale-in to `desired` returns an instance to a pool that holds `held`, instead of
    /// terminating it.
    pub fn takes_back(&self, max_size: u32, desired: u32, held: u32) -> bool {
        self.reuse_on_scale_in && held < self.size(max_size, desired)
    }
}

/// Instances that a warm pool is to hold: what the group may still grow by, or the prepared capacity
/// less what is desired, and at least `min_size`.
pub fn warm_pool_size(
    max_size: u32,
    desired: u32,
    min_size: u32,
    max_group_prepared_capacity: Option<u32>,
) -> u32 {
    max_group_prepared_capacity.unwrap_or(max_size).saturating_sub(desired).max(min_size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tv_wp_1_size_of_a_warm_pool() {
        assert_eq!(warm_pool_size(10, 6, 0, None), 4);
        assert_eq!(warm_pool_size(10, 6, 0, Some(8)), 2);
        assert_eq!(warm_pool_size(10, 9, 0, Some(8)), 0);
        assert_eq!(warm_pool_size(10, 9, 2, Some(8)), 2);
    }

    #[test]
    fn a_scale_in_fills_the_pool_only_up_to_its_size() {
        let mut pool = WarmPool {
            min_size: 0,
            max_group_prepared_capacity: Some(8),
            state: PoolState::Stopped,
            reuse_on_scale_in: true,
            start_time: DurationDistribution::ZERO,
            stop_time: DurationDistribution::ZERO,
            registration_time: DurationDistribution::ZERO,
        };
        // Of ten desired none is to be warm; of six, two are.
        assert!(!pool.takes_back(10, 8, 0));
        assert!(pool.takes_back(10, 6, 1));
        assert!(!pool.takes_back(10, 6, 2));
        pool.reuse_on_scale_in = false;
        assert!(!pool.takes_back(10, 6, 0));
    }
}

//! What a launch takes from the quotas of its service and of the account.

use super::quota::TokenBucket;
use super::task::Capacity;
use super::world::World;
use crate::scenario::CapacityProviderKind;
use crate::units::{ServiceId, SimTime};

impl World<'_, '_> {
    /// Whether the launch quotas have a token each for one task now.
    pub(super) fn has_launch_tokens(
        &mut self,
        id: ServiceId,
        capacity: Capacity,
        now: SimTime,
    ) -> bool {
        if !self.may_launch(capacity) {
            return false;
        }
        let quotas = self.scenario.control_plane.launch_rate_quotas;
        let own = self.services[id].bucket.as_mut().filter(|_| quotas);
        own.is_none_or(|bucket| bucket.has_token(now))
            && self.fargate_quota(capacity).is_none_or(|bucket| bucket.has_token(now))
    }

    /// Takes the tokens for a task that is launched.
    pub(super) fn take_launch_tokens(&mut self, id: ServiceId, capacity: Capacity, now: SimTime) {
        let quotas = self.scenario.control_plane.launch_rate_quotas;
        if let Some(bucket) = self.services[id].bucket.as_mut().filter(|_| quotas) {
            bucket.take(now);
        }
        self.take_fargate_token(capacity, now);
    }

    /// Takes a token of the account's Fargate launch quota, if `capacity` is Fargate; `false` if
    /// there is none.
    pub(super) fn take_fargate_token(&mut self, capacity: Capacity, now: SimTime) -> bool {
        self.may_launch(capacity)
            && self.fargate_quota(capacity).is_none_or(|bucket| bucket.take(now))
    }

    /// Whether faults let a task be launched at all.
    fn may_launch(&self, capacity: Capacity) -> bool {
        !self.disruptions.refuses_launches()
            && (self.disruptions.any_zone_up() || !self.is_fargate(capacity))
    }

    /// The account's launch quota that holds for `capacity`.
    fn fargate_quota(&mut self, capacity: Capacity) -> Option<&mut TokenBucket> {
        if !self.scenario.control_plane.launch_rate_quotas {
            return None;
        }
        let spot = match capacity {
            Capacity::AnyInstance => return None,
            Capacity::Fargate => false,
            Capacity::Provider(provider) => match self.providers[provider].settings.kind {
                CapacityProviderKind::AutoScalingGroup { .. }
                | CapacityProviderKind::ManagedInstances { .. } => return None,
                CapacityProviderKind::Fargate => false,
                CapacityProviderKind::FargateSpot { .. } => true,
            },
        };
        Some(if spot { &mut self.fargate_spot_bucket } else { &mut self.fargate_bucket })
    }
}

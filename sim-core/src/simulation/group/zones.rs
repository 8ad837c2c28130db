//! Balance of zones: instances are launched where too few are, and only then terminated where too
//! many are.

use super::super::event::Event;
use super::super::world::World;
use crate::autoscaling::group::{TerminationCause, moves_to_balance, rebalancing_margin};
use crate::engine::Scheduler;
use crate::scenario::Process;
use crate::units::{AsgId, InstanceId};

impl World<'_, '_> {
    /// Something may have made the zones of a group uneven.
    pub(super) fn zones_became_uneven(&mut self, id: AsgId, scheduler: &mut Scheduler<Event>) {
        self.groups[id].operation.rebalance_due = true;
        self.request_reconcile(id, scheduler);
    }

    /// Goes on with the rebalancing of a group, and begins it if it is due.
    pub(super) fn even_out_zones(&mut self, id: AsgId, scheduler: &mut Scheduler<Event>) {
        let operation = &self.groups[id].operation;
        if !operation.rebalance_due && operation.rebalancing == 0 {
            return;
        }
        let suspended = [Process::AZRebalance, Process::Launch, Process::Terminate]
            .iter()
            .any(|process| operation.is_suspended(*process));
        if suspended {
            // What was launched too many goes with the next scale-in, once that is possible.
            self.groups[id].operation.rebalancing =
                if operation.is_suspended(Process::Terminate) { operation.rebalancing } else { 0 };
            return;
        }
        while 0 < self.groups[id].operation.rebalancing
            && self.groups[id].desired < self.groups[id].alive.in_service()
        {
            let victim =
                self.victim(id, scheduler.now()).filter(|it| self.is_in_fuller_zone(*it, 0));
            let Some(victim) = victim else {
                // What has become protected meanwhile stays, and what was launched for it goes.
                self.groups[id].operation.rebalancing = 0;
                break;
            };
            self.groups[id].operation.rebalancing -= 1;
            self.withdraw(victim, TerminationCause::Rebalancing, scheduler);
        }
        let group = &mut self.groups[id];
        let operation = &mut group.operation;
        // First the missing instances: they go where fewest are.
        if 0 < operation.rebalancing || group.purchase.units() != group.desired {
            return;
        }
        // Instances that count differently cannot be moved one for one.
        if group.settings.types.iter().any(|it| it.weight != 1) {
            operation.rebalance_due = false;
            return;
        }
        let moves = moves_to_balance(&group.alive.zones());
        let most = operation.max_size + rebalancing_margin(operation.max_size);
        let moves_now = moves.min(most.saturating_sub(group.desired));
        operation.rebalance_due = 0 < moves;
        // Where all that could go is protected, nothing is launched in its stead.
        let victim = if 0 < moves_now { self.victim(id, scheduler.now()) } else { None };
        if victim.is_some_and(|it| self.is_in_fuller_zone(it, 1)) {
            self.groups[id].operation.rebalancing = moves_now;
        }
    }

    /// Whether the zone of an instance has over `margin` more instances than another one of its group, or
    /// is one that the group has left.
    fn is_in_fuller_zone(&self, id: InstanceId, margin: u32) -> bool {
        let instance = &self.instances[id];
        let zones = self.groups[instance.group].alive.zones();
        let own = &zones[instance.zone_position];
        let open = zones.iter().filter(|zone| zone.enabled && zone.available);
        let least = open.map(|zone| zone.instances).min();
        !own.enabled || least.is_some_and(|least| least + margin < own.instances)
    }
}

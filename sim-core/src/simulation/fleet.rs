//! Container instances: their launch, registration and end.

use super::agent::InstanceAgent;
use super::event::Event;
use super::group::{Membership, Stage};
use super::integral::Integral;
use super::state::{GroupState, Instance, InstanceState};
use super::world::World;
use crate::autoscaling::group::{Candidate, TerminationCause};
use crate::billing::{InstanceUsage, VolumeUsage};
use crate::engine::{Phase, Scheduler};
use crate::placement::{NewInstance, Slot};
use crate::scenario::{PurchaseOption, TieBreak};
use crate::units::{AsgId, InstanceId, NANOS_PER_SECOND, SimDuration, SimTime};

/// Attributes drawn once per instance.
#[derive(Clone, Copy, Debug)]
pub(super) enum InstanceDraw {
    Launch = 0,
    Registration = 1,
    TieRank = 2,
}

const DRAWS_PER_INSTANCE: u64 = 8;

impl GroupState<'_> {
    /// The random bits of its instance number `ordinal` for one purpose.
    pub(super) fn draw(&self, ordinal: u64, draw: InstanceDraw) -> u64 {
        self.instance_key.at(ordinal.wrapping_mul(DRAWS_PER_INSTANCE) + draw as u64)
    }
}

impl World<'_, '_> {
    pub(super) fn start_group(&mut self, id: AsgId, scheduler: &mut Scheduler<Event>) {
        let group = &mut self.groups[id];
        group.desired_integral.set(SimTime::ZERO, u64::from(group.desired));
        if group.settings.starts_ready {
            for _ in 0..group.desired {
                let Some(instance) = self.create_instance(id, scheduler) else { break };
                self.instances[instance].running = Some(SimTime::ZERO);
                self.count_running(instance, SimTime::ZERO);
                self.watch_for_failure(instance, scheduler);
                self.count_in_service(instance, SimTime::ZERO);
                self.schedule_lifetime(instance, scheduler);
                self.try_to_register(instance, SimTime::ZERO);
            }
        } else if group.desired > 0 {
            self.launch_missing(id, scheduler);
        }
        self.schedule_change(id, scheduler);
    }

    /// Creates an instance of what the group buys next; `None` if it wants nothing or finds no capacity.
    pub(super) fn create_instance(
        &mut self,
        id: AsgId,
        scheduler: &mut Scheduler<Event>,
    ) -> Option<InstanceId> {
        let now = scheduler.now();
        let tie_break = self.scenario.control_plane.tie_break;
        let (zone_position, purchase) = self.buy(id, scheduler)?;
        let group = &mut self.groups[id];
        let rank = group.draw(group.launched, InstanceDraw::TieRank);
        let tie_rank = match tie_break {
            TieBreak::SeededRank => rank,
            TieBreak::OldestFirst => 0,
        };
        group.launched += 1;
        let instance = self.instances.push(Instance {
            group: id,
            zone: group.settings.zones[zone_position],
            zone_position,
            state: InstanceState::Launching,
            tie_rank,
            requested: now,
            running: None,
            registered: None,
            terminated: None,
            termination_reason: "",
            agent: None,
            tasks: std::collections::BTreeSet::new(),
            other_tasks: 0,
            draining: None,
            tasks_run: 0,
            reserved_cpu: Integral::default(),
            reserved_memory: Integral::default(),
            registration_delay: SimDuration::ZERO,
            billed_seconds: 0,
            purchase,
            membership: Membership::default(),
        });
        let group = &mut self.groups[id];
        let source = group.operation.source;
        let candidate = Candidate { id: instance, source, launched: now, rank };
        // Where ECS manages the protection, it lifts it for instances without tasks.
        let shielded = group.settings.operation.new_instances_protected && !group.protected;
        group.alive.launched(zone_position, candidate, shielded);
        self.bought(instance, scheduler);
        Some(instance)
    }

    pub(super) fn instance_running(&mut self, id: InstanceId, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        let instance = &mut self.instances[id];
        if instance.state == InstanceState::Terminated || self.disruptions.is_cut_off(id) {
            return;
        }
        instance.state = InstanceState::Booting;
        instance.running = Some(now);
        let delay = instance.registration_delay;
        self.count_running(id, now);
        self.watch_for_failure(id, scheduler);
        scheduler.schedule_in(delay, Phase::Appear, Event::InstanceRegistered(id));
        self.instance_started(id, scheduler);
    }

    fn count_running(&mut self, id: InstanceId, now: SimTime) {
        self.totals.instances_running.add(now, 1);
        let group = &mut self.groups[self.instances[id].group];
        group.running.add(now, 1);
        let bought = &self.instances[id].purchase;
        group.purchase.started(bought, now);
        // One that is replaced already no longer counts.
        if bought.counts {
            group.alive.started(id, now);
        }
    }

    /// The agent of an instance has started and asks ECS to register it.
    pub(super) fn instance_registered(&mut self, id: InstanceId, scheduler: &mut Scheduler<Event>) {
        if self.can_register(id) && self.try_to_register(id, scheduler.now()) {
            self.has_registered(id, scheduler);
        }
    }

    pub(super) fn register(&mut self, id: InstanceId, now: SimTime) {
        let instance = &mut self.instances[id];
        instance.state = InstanceState::Registered;
        instance.registered = Some(now);
        let group = &mut self.groups[instance.group];
        let launched = &group.settings.types[instance.purchase.of_type];
        let shape = &launched.shape;
        instance.agent = Some(InstanceAgent::new(group.settings, shape, now));
        group.registered.add(now, 1);
        group.elasticity.observe_supply(now, group.registered.value());
        self.totals.registered_cpu.add(now, shape.cpu.as_raw());
        self.totals.registered_memory.add(now, shape.memory.as_mib());
        let mut slot = Slot::new(id, instance.zone, shape, instance.tie_rank);
        let since_start = (now.as_nanos() / NANOS_PER_SECOND) as i64;
        slot.registered_at = self.scenario.start_unix_seconds.saturating_add(since_start);
        let attributes = &launched.attributes[instance.zone_position];
        let group = instance.group;
        self.fleet.register(NewInstance { group, shape, attributes, slot });
    }

    /// A group terminates one of its instances now.
    pub(super) fn terminate(
        &mut self,
        id: InstanceId,
        cause: TerminationCause,
        scheduler: &mut Scheduler<Event>,
    ) {
        self.leave_group(id, cause, scheduler);
        self.end_instance(id, cause, scheduler);
    }

    /// The end of an instance in EC2: it leaves the cluster, its tasks end, and so does its bill.
    pub(super) fn end_instance(
        &mut self,
        id: InstanceId,
        cause: TerminationCause,
        scheduler: &mut Scheduler<Event>,
    ) {
        let now = scheduler.now();
        let was = self.instances[id].state;
        if was == InstanceState::Terminated {
            return;
        }
        if was == InstanceState::Registered {
            let group = self.instances[id].group;
            let shape = self.shape_of(id);
            self.totals.registered_cpu.subtract(now, shape.cpu.as_raw());
            self.totals.registered_memory.subtract(now, shape.memory.as_mib());
            let group = &mut self.groups[group];
            group.registered.subtract(now, 1);
            group.elasticity.observe_supply(now, group.registered.value());
            self.fleet.deregister(id);
        }
        let instance = &mut self.instances[id];
        instance.state = InstanceState::Terminated;
        instance.agent = None;
        instance.terminated = Some(now);
        instance.termination_reason = cause.reason();
        let group = instance.group;
        if instance.running.is_some() {
            self.totals.instances_running.subtract(now, 1);
            self.groups[group].running.subtract(now, 1);
            self.groups[group].purchase.ended(&instance.purchase, now);
        }
        self.totals.instances_terminated += 1;
        let bought = instance.purchase;
        self.left_cluster(id, scheduler);
        self.groups[group].purchase.at_risk.remove(&id);
        self.market.leaves(id, &bought);
        self.kill_tasks_of(id, scheduler);
        self.bill_instance(id, now, true);
        if self.instances[id].membership.stage == Stage::Leaving {
            self.groups[group].policies.left(bought.weight);
            self.group_settles(group, false, now);
        }
    }

    /// Meters an instance and its root volume from `running` to `until`.
    pub(super) fn bill_instance(&mut self, id: InstanceId, until: SimTime, complete: bool) {
        let instance = &mut self.instances[id];
        let Some(from) = instance.running else { return };
        let settings = self.groups[instance.group].settings;
        let bought = &instance.purchase;
        let shape = &settings.types[bought.of_type].shape;
        let usage = InstanceUsage {
            group: &settings.name,
            instance_type: &shape.instance_type,
            operating_system: shape.operating_system,
            from,
            until,
            complete,
        };
        let billed = match bought.option {
            PurchaseOption::OnDemand => self.meter.instance(&usage),
            PurchaseOption::Spot => {
                let pool = self.market.state(bought.pool);
                self.meter.spot_instance(&usage, &pool.prices, bought.interrupted)
            }
        };
        instance.billed_seconds = billed;
        self.totals.instance_billed_seconds += billed;
        if settings.root_volume_gib > 0 {
            let gib = settings.root_volume_gib;
            self.meter.volume(&VolumeUsage { group: &settings.name, gib, from, until });
        }
    }
}

/// A stable name in the form of an EC2 instance id.
pub(super) fn instance_name(id: InstanceId) -> String {
    format!("i-{:017x}", id.0)
}

//! Container instances and their Auto Scaling groups.
//!
//! Source: Auto Scaling user guide, *Availability Zones* and *Termination policies*. The group
//! launches in the zone with fewest of its instances, in listed order, and terminates in the zone
//! with most, oldest first; the default policy's other criteria do not tell identical instances apart.

use std::borrow::Cow;

use super::agent::InstanceAgent;
use super::draining::Draining;
use super::event::Event;
use super::integral::Integral;
use super::ledger::bound_instances;
use super::purchase::Purchased;
use super::state::{Instance, InstanceState};
use super::world::World;
use crate::billing::{InstanceUsage, VolumeUsage};
use crate::engine::{Phase, Scheduler};
use crate::placement::{NewInstance, Slot};
use crate::results::EventCategory;
use crate::scenario::TieBreak;
use crate::units::{AsgId, InstanceId, NANOS_PER_SECOND, SimDuration, SimTime};

/// Attributes drawn once per instance.
#[derive(Clone, Copy, Debug)]
enum InstanceDraw {
    Launch = 0,
    Registration = 1,
    TieRank = 2,
}

const DRAWS_PER_INSTANCE: u64 = 8;

impl World<'_, '_> {
    pub(super) fn start_group(&mut self, id: AsgId, scheduler: &mut Scheduler<Event>) {
        let group = &mut self.groups[id];
        group.desired_integral.set(SimTime::ZERO, u64::from(group.desired));
        if group.settings.starts_ready {
            for _ in 0..group.desired {
                let Some(instance) = self.create_instance(id, SimTime::ZERO) else { break };
                self.instances[instance].running = Some(SimTime::ZERO);
                self.count_running(instance, SimTime::ZERO);
                if self.may_register() {
                    self.register(instance, SimTime::ZERO);
                }
            }
        } else if group.desired > 0 {
            self.launch_missing(id, scheduler);
        }
    }

    /// Sets a group's desired capacity within its bounds; the group acts after its reconcile lag.
    pub(super) fn set_desired_capacity(
        &mut self,
        id: AsgId,
        desired: u32,
        cause: String,
        scheduler: &mut Scheduler<Event>,
    ) {
        let now = scheduler.now();
        let group = &mut self.groups[id];
        let desired = desired.clamp(group.settings.min_size, group.settings.max_size);
        if desired == group.desired {
            return;
        }
        let change = (group.desired, desired);
        if desired > group.desired {
            group.scale_out += 1;
        } else {
            group.scale_in += 1;
        }
        group.desired = desired;
        group.desired_integral.set(now, u64::from(desired));
        bound_instances(group, now);
        group.cause.clone_from(&cause);
        let name = &group.settings.name;
        self.log(now, EventCategory::GroupActivity, name, Some(change), cause);
        self.request_reconcile(id, scheduler);
    }

    fn request_reconcile(&mut self, id: AsgId, scheduler: &mut Scheduler<Event>) {
        let group = &mut self.groups[id];
        if group.reconcile_pending {
            return;
        }
        group.reconcile_pending = true;
        let lag = group.settings.reconcile_lag.sample(group.reconcile_key.at(group.reconciles));
        group.reconciles += 1;
        scheduler.schedule_in(lag, Phase::Decide, Event::GroupReconcile(id));
    }

    pub(super) fn reconcile_group(&mut self, id: AsgId, scheduler: &mut Scheduler<Event>) {
        self.groups[id].reconcile_pending = false;
        let (alive, desired) = (self.groups[id].alive.len(), self.groups[id].desired);
        if alive < desired {
            self.launch_missing(id, scheduler);
        } else {
            for _ in desired..alive {
                // Managed termination protection holds for every instance that runs a task: ECS lifts
                // it when the last one stops.
                let group = &self.groups[id];
                let Some(victim) = group.alive.victim(group.protected) else { break };
                let reason = "in response to a difference between desired and actual capacity, \
                              shrinking the capacity";
                let busy = !self.instances[victim].tasks.is_empty();
                if group.drains && busy {
                    self.drain_before_termination(victim, reason, scheduler);
                } else {
                    self.terminate(victim, reason, scheduler);
                }
            }
        }
    }

    fn launch_missing(&mut self, id: AsgId, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        let missing = self.groups[id].desired.saturating_sub(self.groups[id].alive.len());
        for _ in 0..missing {
            let ordinal = self.groups[id].launched;
            let Some(instance) = self.create_instance(id, now) else { break };
            let group = &self.groups[id];
            let bits = |draw: InstanceDraw| {
                group.instance_key.at(ordinal.wrapping_mul(DRAWS_PER_INSTANCE) + draw as u64)
            };
            let launch = group.settings.launch_time.sample(bits(InstanceDraw::Launch));
            let registration =
                group.settings.registration_time.sample(bits(InstanceDraw::Registration));
            self.instances[instance].registration_delay = registration;
            scheduler.schedule_in(launch, Phase::Appear, Event::InstanceRunning(instance));
        }
        if missing > 0 {
            let group = &self.groups[id];
            let message = format!(
                "Launching {missing} new EC2 {}: {}",
                if missing == 1 { "instance" } else { "instances" },
                group.cause
            );
            let name = &group.settings.name;
            self.log(now, EventCategory::GroupActivity, name, None, message);
        }
    }

    /// Creates an instance in the zone with fewest of the group's, in listed order; `None` if the
    /// group has no zones.
    fn create_instance(&mut self, id: AsgId, now: SimTime) -> Option<InstanceId> {
        let tie_break = self.scenario.control_plane.tie_break;
        let zone_position = self.groups[id].alive.launch_zone()?;
        let group = &mut self.groups[id];
        let draw = group.launched.wrapping_mul(DRAWS_PER_INSTANCE) + InstanceDraw::TieRank as u64;
        let tie_rank = match tie_break {
            TieBreak::SeededRank => group.instance_key.at(draw),
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
            purchase: Purchased::default(),
        });
        self.groups[id].alive.launched(zone_position, instance);
        Some(instance)
    }

    pub(super) fn instance_running(&mut self, id: InstanceId, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        let instance = &mut self.instances[id];
        if instance.state == InstanceState::Terminated {
            return;
        }
        instance.state = InstanceState::Booting;
        instance.running = Some(now);
        let delay = instance.registration_delay;
        self.count_running(id, now);
        scheduler.schedule_in(delay, Phase::Appear, Event::InstanceRegistered(id));
    }

    fn count_running(&mut self, id: InstanceId, now: SimTime) {
        self.totals.instances_running.add(now, 1);
        let group = &mut self.groups[self.instances[id].group];
        group.running.add(now, 1);
        group.purchase.running(&self.instances[id].purchase).add(now, 1);
        group.alive.started(id, now);
    }

    pub(super) fn instance_registered(&mut self, id: InstanceId, scheduler: &mut Scheduler<Event>) {
        if self.instances[id].state == InstanceState::Terminated {
            return;
        }
        if !self.may_register() {
            return;
        }
        self.register(id, scheduler.now());
        self.start_daemons(scheduler);
        self.request_placement(scheduler);
    }

    /// Whether the cluster takes another instance; notes it if not.
    fn may_register(&mut self) -> bool {
        let registered: u64 = self.groups.iter().map(|group| group.registered.value()).sum();
        let takes = registered < u64::from(self.scenario.control_plane.instances_per_cluster);
        self.not_registered += u32::from(!takes);
        takes
    }

    fn register(&mut self, id: InstanceId, now: SimTime) {
        let instance = &mut self.instances[id];
        instance.state = InstanceState::Registered;
        instance.registered = Some(now);
        let group = &mut self.groups[instance.group];
        let launched = &group.settings.types[instance.purchase.of_type];
        let shape = &launched.shape;
        instance.agent = Some(InstanceAgent::new(group.settings, shape, now));
        group.registered.add(now, 1);
        self.totals.registered_cpu.add(now, shape.cpu.as_raw());
        self.totals.registered_memory.add(now, shape.memory.as_mib());
        let mut slot = Slot::new(id, instance.zone, shape, instance.tie_rank);
        let since_start = (now.as_nanos() / NANOS_PER_SECOND) as i64;
        slot.registered_at = self.scenario.start_unix_seconds.saturating_add(since_start);
        let attributes = &launched.attributes[instance.zone_position];
        let group = instance.group;
        self.fleet.register(NewInstance { group, shape, attributes, slot });
    }

    pub(super) fn terminate(
        &mut self,
        id: InstanceId,
        reason: &'static str,
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
            self.groups[group].registered.subtract(now, 1);
            self.fleet.deregister(id);
        }
        let instance = &mut self.instances[id];
        instance.state = InstanceState::Terminated;
        instance.agent = None;
        instance.terminated = Some(now);
        instance.termination_reason = reason;
        let group_id = instance.group;
        if instance.running.is_some() {
            self.totals.instances_running.subtract(now, 1);
            self.groups[group_id].running.subtract(now, 1);
            self.groups[group_id].purchase.running(&instance.purchase).subtract(now, 1);
        }
        self.totals.instances_terminated += 1;
        let (zone, running) = (instance.zone_position, instance.running);
        if !matches!(instance.draining, Some(Draining::BeforeTermination { .. })) {
            self.groups[group_id].alive.terminated(zone, id, running);
        }
        let tasks: Vec<_> = self.instances[id].tasks.iter().copied().collect();
        for task in tasks {
            let reason = format!("Host EC2 (instance {}) terminated.", instance_name(id));
            self.kill_task(task, "TerminationNotice", Cow::Owned(reason), scheduler);
        }
        self.bill_instance(id, now, true);
        let name = &self.groups[group_id].settings.name;
        let message = format!(
            "Terminating EC2 instance: {} was taken out of service {reason}",
            instance_name(id)
        );
        self.log(now, EventCategory::GroupActivity, name, None, message);
    }

    /// Meters an instance and its root volume from `running` to `until`.
    pub(super) fn bill_instance(&mut self, id: InstanceId, until: SimTime, complete: bool) {
        let instance = &mut self.instances[id];
        let Some(from) = instance.running else { return };
        let settings = self.groups[instance.group].settings;
        let shape = &settings.types[instance.purchase.of_type].shape;
        let billed = self.meter.instance(&InstanceUsage {
            group: &settings.name,
            instance_type: &shape.instance_type,
            operating_system: shape.operating_system,
            from,
            until,
            complete,
        });
        instance.billed_seconds = billed;
        self.totals.instance_billed_seconds += billed;
        if settings.root_volume_gib > 0 {
            let gib = settings.root_volume_gib;
            self.meter.volume(&VolumeUsage { group: &settings.name, gib, from, until });
        }
    }

    /// Launches what a group misses after some of its instances were taken out of service.
    pub(super) fn replace_instances(&mut self, id: AsgId, scheduler: &mut Scheduler<Event>) {
        if self.groups[id].alive.len() < self.groups[id].desired {
            self.request_reconcile(id, scheduler);
        }
    }

    /// An instance lost its last task: a scale-in that protection held back may go on.
    pub(super) fn instance_emptied(&mut self, id: AsgId, scheduler: &mut Scheduler<Event>) {
        if self.groups[id].alive.len() > self.groups[id].desired {
            self.request_reconcile(id, scheduler);
        }
    }
}

/// A stable name in the form of an EC2 instance id.
pub(super) fn instance_name(id: InstanceId) -> String {
    format!("i-{:017x}", id.0)
}

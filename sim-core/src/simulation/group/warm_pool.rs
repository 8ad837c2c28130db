//! The warm pool of a group at work.
//!
//! Source: Auto Scaling user guide, *Warm pools* and *Use lifecycle hooks with a warm pool*; ECS developer
//! guide, *Using a warm pool for your Auto Scaling group* (`ECS_WARM_POOLS_CHECK`: the agent registers the
//! instance only once it is in the group). The pool is looked at whenever the group is. What is open: only
//! initialized instances are taken; those that are not yet, and no longer fit the pool, go. An outage of a
//! zone spares its warm instances: they cannot be taken while it lasts.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::super::disruptions::slowed;
use super::super::event::Event;
use super::super::fleet::{InstanceDraw, instance_name};
use super::super::integral::Integral;
use super::super::state::{InstanceState, stream_key};
use super::super::world::World;
use super::{Membership, Stage};
use crate::autoscaling::group::{
    ActionResult, PoolState, TerminationCause, Transition, WarmPool, launch_zones,
};
use crate::engine::{DurationDistribution, Phase, Scheduler, StreamKey};
use crate::results::{EventCategory, StopCode, WarmPoolResults};
use crate::scenario::{AutoScalingGroup, Process, PurchaseOption, Scenario};
use crate::units::{AsgId, InstanceId, SimDuration, SimTime};

/// Lengths drawn per turn of an instance into its pool or out of it.
const DRAWS_PER_TURN: u64 = 4;

/// What is drawn for a turn.
#[derive(Clone, Copy, Debug)]
enum TurnDraw {
    Start = 0,
    Stop = 1,
    Registration = 2,
}

/// What an instance went through in the warm pool of its group.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct WarmLife {
    /// How often it left the pool or returned to it.
    pub(super) turn: u64,
    /// Whether it returns to the pool when its termination hooks are over.
    pub(super) returns: bool,
    /// Since when it can be taken out of the pool.
    ready: Option<SimTime>,
    /// Since when its volume exists.
    pub(in super::super) volume_since: Option<SimTime>,
    /// When EC2 first ran it.
    pub(in super::super) first_run: Option<SimTime>,
    /// When EC2 stopped it, and started it again.
    pub(in super::super) stops: Vec<(SimTime, Option<SimTime>)>,
    /// Whether the failure of its run has been drawn.
    pub(in super::super) watched: bool,
    /// Since when it is out of the cluster, after it was in.
    away_since: Option<SimTime>,
    /// How long it was out of the cluster before that.
    away: SimDuration,
}

impl WarmLife {
    /// It runs from now on. Returns whether a failure has been drawn already, and notes that one is.
    pub(in super::super) fn runs(&mut self, now: SimTime) -> bool {
        self.volume_since.get_or_insert(now);
        self.first_run.get_or_insert(now);
        if let Some((_, started)) = self.stops.last_mut() {
            started.get_or_insert(now);
        }
        std::mem::replace(&mut self.watched, true)
    }

    /// It is stopped.
    pub(in super::super) fn stops(&mut self, now: SimTime) {
        self.stops.push((now, None));
    }

    /// It is in the cluster.
    pub(in super::super) fn registers(&mut self, now: SimTime) {
        self.away = self.away(now);
        self.away_since = None;
    }

    /// How long it was out of the cluster between its first registration and `until`.
    pub(in super::super) fn away(&self, until: SimTime) -> SimDuration {
        let now = self.away_since.map_or(SimDuration::ZERO, |since| until.saturating_since(since));
        SimDuration::from_nanos(self.away.as_nanos() + now.as_nanos())
    }
}

/// The instances of a warm pool. Zones are positions in the group's list.
pub(in super::super) struct PoolInstances {
    members: BTreeSet<InstanceId>,
    /// Instances by zone, whatever their state.
    by_zone: Vec<u32>,
    /// Those that can be taken, by zone, in the order in which they were ready.
    ready: Vec<BTreeSet<(SimTime, InstanceId)>>,
    held: Integral,
    warm_starts: u32,
    cold_starts: u32,
    returned: u32,
    key: StreamKey,
}

impl PoolInstances {
    pub(in super::super) fn new(scenario: &Scenario, settings: &AutoScalingGroup) -> Self {
        let zones = settings.zones.len();
        Self {
            members: BTreeSet::new(),
            by_zone: vec![0; zones],
            ready: vec![BTreeSet::new(); zones],
            held: Integral::default(),
            warm_starts: 0,
            cold_starts: 0,
            returned: 0,
            key: stream_key(scenario, "warm-pool", &settings.name),
        }
    }

    pub(super) fn count_starts(&mut self, warm: u32, cold: u32) {
        self.warm_starts = self.warm_starts.saturating_add(warm);
        self.cold_starts = self.cold_starts.saturating_add(cold);
    }

    /// What came of the pool.
    pub(in super::super) fn results(&self, horizon: SimTime) -> WarmPoolResults {
        WarmPoolResults {
            mean: self.held.mean_at(horizon),
            peak: self.held.peak() as u32,
            warm_starts: self.warm_starts,
            cold_starts: self.cold_starts,
            returned: self.returned,
        }
    }

    fn draw(&self, id: InstanceId, turn: u64, draw: TurnDraw) -> u64 {
        let turn = turn.wrapping_mul(DRAWS_PER_TURN).wrapping_add(draw as u64);
        self.key.at((u64::from(id.0) << 32).wrapping_add(turn))
    }
}

impl<'s> World<'s, '_> {
    /// Fills the pool of a group at the start of the run.
    pub(in super::super) fn start_warm_pool(
        &mut self,
        id: AsgId,
        scheduler: &mut Scheduler<Event>,
    ) {
        let settings = self.groups[id].settings;
        if !settings.starts_ready {
            self.pool_pass(id, scheduler);
            return;
        }
        let Some(pool) = &settings.operation.warm_pool else { return };
        while let Some(instance) = self.launch_into_pool(id, scheduler) {
            self.instances[instance].state = InstanceState::Warmed;
            if let Some(warm) = &mut self.instances[instance].warm {
                warm.volume_since = Some(SimTime::ZERO);
            }
            if pool.state == PoolState::Running {
                self.start_running(instance, scheduler);
            }
            self.ready_in_pool(instance, scheduler.now());
        }
    }

    /// Instances that the pool of a group is to hold; `None` without one.
    fn pool_size(&self, id: AsgId) -> Option<u32> {
        let group = &self.groups[id];
        let pool = group.settings.operation.warm_pool.as_ref()?;
        Some(pool.size(group.operation.max_size, group.desired))
    }

    /// The size of a group changed: its pool follows after the lag of the group.
    pub(in super::super) fn size_pool(&mut self, id: AsgId, scheduler: &mut Scheduler<Event>) {
        if self.groups[id].settings.operation.warm_pool.is_some() {
            self.request_reconcile(id, scheduler);
        }
    }

    /// Launches what the pool of a group misses, and terminates what it has too many.
    pub(super) fn pool_pass(&mut self, id: AsgId, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        let Some(size) = self.pool_size(id) else { return };
        let operation = &self.groups[id].operation;
        let paused = operation.retry_at.is_some_and(|at| now < at);
        let (launches, terminates) =
            (!operation.is_suspended(Process::Launch), !operation.is_suspended(Process::Terminate));
        let held = self.groups[id].warm.members.len() as u32;
        if held < size && launches && !paused {
            self.fill_pool(id, held, scheduler);
        }
        while terminates && size < self.groups[id].warm.members.len() as u32 {
            // One that returns is still held by its termination hooks.
            let stays = |it: &&InstanceId| self.instances[**it].membership.stage == Stage::Leaving;
            let mut members = self.groups[id].warm.members.iter().rev();
            let Some(&youngest) = members.find(|it| !stays(it)) else { break };
            self.withdraw(youngest, TerminationCause::WarmPoolShrinking, scheduler);
        }
    }

    fn fill_pool(&mut self, id: AsgId, held: u32, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        let slow = self.disruptions.launch_factor(Some(id));
        let mut launched = 0;
        loop {
            let ordinal = self.groups[id].launched;
            let Some(instance) = self.launch_into_pool(id, scheduler) else { break };
            launched += 1;
            let group = &self.groups[id];
            let launch =
                group.settings.launch_time.sample(group.draw(ordinal, InstanceDraw::Launch));
            let launch = slowed(launch, slow);
            scheduler.schedule_in(launch, Phase::Appear, Event::WarmPoolRunning(instance));
        }
        if launched == 0 {
            return;
        }
        let what = match launched {
            1 => "Launching a new EC2 instance into warm pool".to_owned(),
            _ => format!("Launching {launched} new EC2 instances into warm pool"),
        };
        let message = format!(
            "{what}: At {} the warm pool grows from {held} to {}.",
            self.printed(now),
            held + launched
        );
        let name = &self.groups[id].settings.name;
        self.log(now, EventCategory::GroupActivity, name, None, message);
    }

    /// Creates an instance in the pool of a group; `None` if that is full or there is no capacity.
    fn launch_into_pool(
        &mut self,
        id: AsgId,
        scheduler: &mut Scheduler<Event>,
    ) -> Option<InstanceId> {
        let now = scheduler.now();
        let size = self.pool_size(id)?;
        let group = &self.groups[id];
        if size <= group.warm.members.len() as u32 {
            return None;
        }
        let operation = &group.settings.operation;
        let mut zones = group.alive.zones();
        for (zone, held) in zones.iter_mut().zip(&group.warm.by_zone) {
            zone.instances = *held;
        }
        let zones =
            launch_zones(&zones, operation.distribution, operation.zone_order, group.launched);
        if zones.is_empty() {
            self.pause_launches(id, scheduler);
            return None;
        }
        let option = std::iter::once(PurchaseOption::OnDemand);
        let (zone, mut purchase) = self.find_capacity(id, option, &zones, scheduler)?;
        purchase.counts = false;
        let instance = self.new_instance(id, zone, purchase, now);
        self.instances[instance].warm = Some(WarmLife::default());
        self.instances[instance].membership.stage = Stage::Warming;
        self.join_pool(instance, now);
        Some(instance)
    }

    fn join_pool(&mut self, id: InstanceId, now: SimTime) {
        let instance = &self.instances[id];
        let pool = &mut self.groups[instance.group].warm;
        pool.members.insert(id);
        pool.by_zone[instance.zone_position] += 1;
        pool.held.add(now, 1);
    }

    /// An instance is in the pool no longer.
    pub(in super::super) fn leave_pool(&mut self, id: InstanceId, now: SimTime) {
        let instance = &mut self.instances[id];
        let ready = instance.warm.as_mut().and_then(|warm| warm.ready.take());
        let zone = instance.zone_position;
        let pool = &mut self.groups[instance.group].warm;
        if pool.members.remove(&id) {
            pool.by_zone[zone] -= 1;
            pool.held.subtract(now, 1);
            if let Some(ready) = ready {
                pool.ready[zone].remove(&(ready, id));
            }
        }
    }

    /// An instance that was launched into a pool runs.
    pub(in super::super) fn warm_pool_running(
        &mut self,
        id: InstanceId,
        scheduler: &mut Scheduler<Event>,
    ) {
        if !self.is_at(id, Stage::Warming) {
            return;
        }
        self.instances[id].state = InstanceState::Warmed;
        self.start_running(id, scheduler);
        match self.hooks_of(id, Transition::Launching) {
            Some((wait, _)) => {
                self.instances[id].membership.stage = Stage::WarmingWait;
                scheduler.schedule_in(wait, Phase::Decide, Event::HooksOver(id));
            }
            None => self.settle_in_pool(id, scheduler),
        }
    }

    /// The launch hooks of an instance on its way into a pool are over.
    pub(super) fn warming_hooks_over(&mut self, id: InstanceId, scheduler: &mut Scheduler<Event>) {
        match self.hooks_of(id, Transition::Launching) {
            Some((_, ActionResult::Abandon)) => {
                let group = self.instances[id].group;
                self.terminate(id, TerminationCause::LaunchAbandoned, scheduler);
                self.pause_launches(group, scheduler);
            }
            Some((_, ActionResult::Continue)) | None => self.settle_in_pool(id, scheduler),
        }
    }

    /// An instance in a pool is initialized: it is stopped or hibernated, if that is what the pool does.
    fn settle_in_pool(&mut self, id: InstanceId, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        let Some(pool) = self.warm_pool_of(id) else { return };
        let group = self.instances[id].group;
        self.groups[group].operation.failures = 0;
        match pool.state {
            PoolState::Running => {
                self.ready_in_pool(id, now);
                return;
            }
            // EC2 bills an instance while it hibernates, not while it stops.
            PoolState::Stopped => self.stop_running(id, now),
            PoolState::Hibernated => {}
        }
        self.instances[id].membership.stage = Stage::Stopping;
        let stop = self.turn_length(id, &pool.stop_time, TurnDraw::Stop);
        scheduler.schedule_in(stop, Phase::Appear, Event::WarmPoolStopped(id));
    }

    /// An instance of a pool is stopped or hibernated.
    pub(in super::super) fn warm_pool_stopped(
        &mut self,
        id: InstanceId,
        scheduler: &mut Scheduler<Event>,
    ) {
        if !self.is_at(id, Stage::Stopping) {
            return;
        }
        let now = scheduler.now();
        if self.instances[id].running.is_some() {
            self.stop_running(id, now);
        }
        self.ready_in_pool(id, now);
    }

    fn ready_in_pool(&mut self, id: InstanceId, now: SimTime) {
        let instance = &mut self.instances[id];
        instance.membership.stage = Stage::Warmed;
        if let Some(warm) = &mut instance.warm {
            warm.ready = Some(now);
        }
        let ready = &mut self.groups[instance.group].warm.ready[instance.zone_position];
        ready.insert((now, id));
    }

    /// Whether an instance is at `stage` and not gone.
    fn is_at(&self, id: InstanceId, stage: Stage) -> bool {
        let instance = &self.instances[id];
        instance.membership.stage == stage && instance.state != InstanceState::Terminated
    }

    /// A group misses an instance: one out of its pool takes the place, if there is one that can be
    /// started.
    pub(super) fn take_from_pool(&mut self, id: AsgId, scheduler: &mut Scheduler<Event>) -> bool {
        let Some(pool) = &self.groups[id].settings.operation.warm_pool else { return false };
        let now = scheduler.now();
        let zones = self.launch_zones(id);
        let found = zones.into_iter().find_map(|zone| {
            let mut ready = self.groups[id].warm.ready[zone].iter().map(|(_, ready)| *ready);
            ready.find(|it| self.is_at(*it, Stage::Warmed) && self.can_start(*it, now))
        });
        let Some(instance) = found else { return false };
        self.leave_pool(instance, now);
        let state = &mut self.instances[instance];
        state.state = InstanceState::Launching;
        state.membership.stage = Stage::Pending;
        state.purchase.counts = true;
        if let Some(warm) = &mut state.warm {
            warm.turn += 1;
        }
        let delay = self.turn_length(instance, &pool.registration_time, TurnDraw::Registration);
        self.instances[instance].registration_delay = delay;
        self.join_group(instance, scheduler);
        let start = self.turn_length(instance, &pool.start_time, TurnDraw::Start);
        let start = slowed(start, self.disruptions.launch_factor(Some(id)));
        scheduler.schedule_in(start, Phase::Appear, Event::InstanceRunning(instance));
        true
    }

    /// Whether EC2 has capacity for an instance of a pool: one that runs has it already.
    fn can_start(&self, id: InstanceId, now: SimTime) -> bool {
        let instance = &self.instances[id];
        let bought = &instance.purchase;
        instance.running.is_some()
            || self.take_capacity(instance.group, bought.pool, bought.weight, now).is_ok()
    }

    /// Whether a scale-in returns an instance to the pool of its group.
    pub(super) fn pool_takes_back(&self, id: InstanceId) -> bool {
        let instance = &self.instances[id];
        let group = &self.groups[instance.group];
        let Some(pool) = &group.settings.operation.warm_pool else { return false };
        let held = group.warm.members.len() as u32;
        instance.state == InstanceState::Registered
            && instance.membership.stage == Stage::InService
            && instance.draining.is_none()
            && pool.takes_back(group.operation.max_size, group.desired, held)
    }

    /// Returns an instance to the pool of its group, once its termination hooks are over.
    pub(super) fn return_to_pool(
        &mut self,
        id: InstanceId,
        cause: TerminationCause,
        scheduler: &mut Scheduler<Event>,
    ) {
        let now = scheduler.now();
        let hooks = self.hooks_of(id, Transition::Terminating);
        self.set_leaving(id, cause);
        self.join_pool(id, now);
        self.log_withdrawal(id, "Returning EC2 instance to warm pool", cause, now);
        let warm = self.instances[id].warm.get_or_insert_default();
        warm.returns = true;
        match hooks {
            Some((wait, _)) => {
                self.instances[id].membership.held_by_hooks = true;
                scheduler.schedule_in(wait, Phase::Decide, Event::HooksOver(id));
            }
            None => self.enter_pool(id, scheduler),
        }
    }

    /// An instance of the group enters its pool: it leaves the cluster, and its tasks end.
    pub(super) fn enter_pool(&mut self, id: InstanceId, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        if self.instances[id].state == InstanceState::Registered {
            self.deregister(id, now);
            self.left_cluster(id, scheduler);
        }
        self.uncount_running(id, now);
        self.done_leaving(id, now);
        let shape = self.shape_of(id);
        let instance = &mut self.instances[id];
        let (first_run, volume) = (instance.running, instance.running);
        instance.state = InstanceState::Warmed;
        instance.membership = Membership { stage: Stage::Warming, ..Membership::default() };
        if let Some(warm) = &mut instance.warm {
            warm.turn += 1;
            warm.returns = false;
            warm.first_run = warm.first_run.or(first_run);
            warm.volume_since = warm.volume_since.or(volume);
            warm.watched = true;
            warm.away_since = Some(now);
        }
        let agent = instance.agent.take();
        let tasks: Vec<_> = instance.tasks.iter().copied().collect();
        self.groups[instance.group].warm.returned += 1;
        for task in tasks {
            let reason = format!("Host EC2 (instance {}) stopped.", instance_name(id));
            self.kill_task(task, StopCode::TerminationNotice, Cow::Owned(reason), scheduler);
        }
        self.instances[id].agent = agent.map(|agent| agent.restarted(shape));
        self.settle_in_pool(id, scheduler);
    }

    fn warm_pool_of(&self, id: InstanceId) -> Option<&'s WarmPool> {
        self.groups[self.instances[id].group].settings.operation.warm_pool.as_ref()
    }

    fn turn_length(
        &self,
        id: InstanceId,
        law: &DurationDistribution,
        draw: TurnDraw,
    ) -> SimDuration {
        let instance = &self.instances[id];
        let turn = instance.warm.as_ref().map_or(0, |warm| warm.turn);
        law.sample(self.groups[instance.group].warm.draw(id, turn, draw))
    }
}

//! The state of the cluster, and the dispatch of events.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::Progress;
use super::agent::InstanceAgent;
use super::balancer::ServiceHour;
use super::containers::{Checks, Exits, order_of};
use super::cpu_sharing::CpuSharing;
use super::draining::Draining;
use super::event::Event;
use super::faults::FaultState;
use super::integral::Integral;
use super::load::LoadState;
use super::packing::Pools;
use super::pool::GroupInstances;
use super::quota::TokenBucket;
use super::recorder::Recorder;
use super::rollout::Rollout;
use super::run_task::OpenCall;
use super::scaling::ServiceMetrics;
use super::task::{Owner, Task};
use super::unplaced::Unplaced;
use super::watch::Watch;
use crate::autoscaling::{CapacityScaler, ServiceScaler};
use crate::billing::Meter;
use crate::engine::{Digest, Model, Phase, Scheduler, StreamKey, label_hash};
use crate::placement::{Fleet, PlacementConstraint, RuleId, SERVICE_DEFAULT, STANDALONE_DEFAULT};
use crate::results::{EventCategory, EventRecord};
use crate::scenario::{
    AutoScalingGroup, BatchJob, BatchSource, CapacityProvider, CapacityProviderKind, LaunchLimiter,
    LaunchTarget, Scenario, Service,
};
use crate::units::{
    AsgId, BatchId, CapacityProviderId, Cpu, IdVec, InstanceId, Mib, ServiceId, SimDuration,
    SimTime, TaskDefinitionId, TaskGroupId, TaskId, ZoneId,
};

/// CloudWatch's period, and the cadence of alarms and of managed scaling.
pub(super) const MINUTE: SimDuration = SimDuration::from_secs(60);

/// Events between two calls of the progress function.
const PROGRESS_EVERY: u64 = 65_536;

/// The state of a service.
pub(super) struct ServiceState<'s> {
    pub(super) settings: &'s Service,
    pub(super) desired: u32,
    /// Tasks whose desired status is RUNNING.
    pub(super) active: BTreeSet<TaskId>,
    pub(super) group: TaskGroupId,
    /// Tasks created so far.
    pub(super) created: u64,
    pub(super) rollout: Rollout,
    pub(super) desired_integral: Integral,
    pub(super) running: Integral,
    pub(super) pending: Integral,
    /// Reserved CPU of running tasks.
    pub(super) running_cpu: Integral,
    /// Memory of running tasks, as the memory metric counts it.
    pub(super) running_memory: Integral,
    /// Tasks that requests go to.
    pub(super) healthy: u32,
    pub(super) next_pass: Option<SimTime>,
    pub(super) passes: u64,
    /// First of the current series of failed placements.
    pub(super) failing_since: Option<SimTime>,
    pub(super) unable_event: Option<SimTime>,
    pub(super) steady: bool,
    /// Launch quota of the service; `None` where no figure is published.
    pub(super) bucket: Option<TokenBucket>,
    pub(super) load: Option<LoadState<'s>>,
    pub(super) scaler: Option<ServiceScaler>,
    /// What its load balancer processed, by clock hour.
    pub(super) balancer_hours: Vec<ServiceHour>,
    pub(super) metrics: ServiceMetrics,
    /// Position in the list of scheduled changes.
    pub(super) next_scheduled: usize,
    pub(super) scale_out: u32,
    pub(super) scale_in: u32,
    pub(super) task_key: StreamKey,
    pub(super) reaction_key: StreamKey,
    pub(super) placement_key: StreamKey,
    pub(super) stop_key: StreamKey,
    pub(super) stops: u64,
    pub(super) protection_key: StreamKey,
    /// Whether the quota of tasks per service cut a desired count.
    pub(super) quota_bound: bool,
}

/// A job that waits for room.
#[derive(Clone, Copy, Debug)]
pub(super) struct WaitingJob {
    pub(super) ordinal: u64,
    pub(super) job: BatchJob,
    /// Submissions before this one.
    pub(super) attempt: u32,
    /// Whether one of them found a place.
    pub(super) placed_before: bool,
}

/// The state of a source of standalone tasks.
pub(super) struct BatchState<'s> {
    pub(super) settings: &'s BatchSource,
    pub(super) group: TaskGroupId,
    pub(super) rule: RuleId,
    pub(super) waiting: VecDeque<WaitingJob>,
    /// How many of the waiting jobs want which size, so that a round knows when all sizes have failed.
    pub(super) waiting_sizes: BTreeMap<(Cpu, Mib), u64>,
    /// Jobs submitted and not RUNNING yet: with their caller, in PROVISIONING or starting.
    pub(super) pending: Integral,
    pub(super) running: Integral,
    /// Jobs that arrived.
    pub(super) arrived: u64,
    pub(super) completed: u64,
    pub(super) given_up: u64,
    /// The call of the API that further tasks can join.
    pub(super) call: Option<OpenCall>,
    /// The last failure that was logged, and when.
    pub(super) failure_event: Option<(SimTime, String)>,
    /// Waits of first placements in nanoseconds.
    pub(super) waits: Vec<u64>,
    pub(super) last_end: Option<SimTime>,
    pub(super) task_key: StreamKey,
    pub(super) placement_key: StreamKey,
    pub(super) per_item: Vec<u32>,
}

/// Where an instance is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InstanceState {
    /// EC2 `pending`.
    Launching,
    /// EC2 `running`, not registered yet.
    Booting,
    /// Registered with the cluster.
    Registered,
    /// Terminated.
    Terminated,
}

/// A container instance and its history.
pub(super) struct Instance {
    pub(super) group: AsgId,
    pub(super) zone: ZoneId,
    /// Position of the zone in the group's list.
    pub(super) zone_position: usize,
    pub(super) state: InstanceState,
    pub(super) tie_rank: u64,
    pub(super) requested: SimTime,
    pub(super) running: Option<SimTime>,
    pub(super) registered: Option<SimTime>,
    pub(super) terminated: Option<SimTime>,
    pub(super) termination_reason: &'static str,
    /// Its agent, once it is registered.
    pub(super) agent: Option<InstanceAgent>,
    /// Tasks that are not STOPPED.
    pub(super) tasks: BTreeSet<TaskId>,
    /// Those of them that are no daemons.
    pub(super) other_tasks: u32,
    pub(super) draining: Option<Draining>,
    pub(super) tasks_run: u32,
    pub(super) reserved_cpu: Integral,
    pub(super) reserved_memory: Integral,
    pub(super) registration_delay: SimDuration,
    pub(super) billed_seconds: u64,
}

/// The state of an Auto Scaling group.
pub(super) struct GroupState<'s> {
    pub(super) settings: &'s AutoScalingGroup,
    pub(super) provider: Option<CapacityProviderId>,
    /// Whether busy instances are protected from scale-in.
    pub(super) protected: bool,
    /// Whether instances are drained before they are terminated.
    pub(super) drains: bool,
    pub(super) desired: u32,
    /// Instances that are not terminated.
    pub(super) alive: GroupInstances,
    pub(super) launched: u64,
    pub(super) reconcile_pending: bool,
    pub(super) reconciles: u64,
    pub(super) running: Integral,
    pub(super) registered: Integral,
    pub(super) desired_integral: Integral,
    pub(super) reserved_cpu: u64,
    pub(super) reserved_memory: u64,
    /// Bound on the instances that the tasks on this group need, with those that wait for its capacity
    /// in PROVISIONING.
    pub(super) wanted: Integral,
    /// One while tasks wait and the group is as large as it may be.
    pub(super) waiting_at_maximum: Integral,
    pub(super) waiting_cpu: u64,
    pub(super) waiting_memory: u64,
    pub(super) scale_out: u32,
    pub(super) scale_in: u32,
    /// Why the desired capacity last changed.
    pub(super) cause: String,
    pub(super) instance_key: StreamKey,
    pub(super) reconcile_key: StreamKey,
    /// Weighted reservation per owner, for the split of the group's cost.
    pub(super) owner_weights: Vec<Integral>,
}

/// The state of a capacity provider.
pub(super) struct ProviderState<'s> {
    pub(super) settings: &'s CapacityProvider,
    /// PROVISIONING tasks in order of creation.
    pub(super) queue: VecDeque<TaskId>,
    pub(super) scaler: Option<CapacityScaler>,
    pub(super) newest_reservation: Option<f64>,
}

/// Counters over the whole run.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    pub(super) started: u64,
    pub(super) stopped: u64,
    pub(super) interrupted: u64,
    pub(super) placement_failures: u64,
    pub(super) running: Integral,
    pub(super) instances_running: Integral,
    pub(super) instances_terminated: u32,
    pub(super) registered_cpu: Integral,
    pub(super) registered_memory: Integral,
    pub(super) reserved_cpu: Integral,
    pub(super) reserved_memory: Integral,
    /// Reserved CPU of running jobs on container instances.
    pub(super) batch_cpu: Integral,
    /// Reserved memory of running jobs on container instances.
    pub(super) batch_memory: Integral,
    pub(super) fargate_billed_seconds: u64,
    pub(super) instance_billed_seconds: u64,
}

/// The cluster.
pub(super) struct World<'s, 'p> {
    pub(super) scenario: &'s Scenario,
    pub(super) fleet: Fleet,
    pub(super) pools: Pools,
    pub(super) tasks: IdVec<TaskId, Task>,
    pub(super) instances: IdVec<InstanceId, Instance>,
    pub(super) services: IdVec<ServiceId, ServiceState<'s>>,
    pub(super) batches: IdVec<BatchId, BatchState<'s>>,
    pub(super) groups: IdVec<AsgId, GroupState<'s>>,
    pub(super) providers: IdVec<CapacityProviderId, ProviderState<'s>>,
    pub(super) fargate_bucket: TokenBucket,
    pub(super) fargate_spot_bucket: TokenBucket,
    /// Calls of RunTask and StartTask.
    pub(super) call_bucket: TokenBucket,
    /// Tasks in PROVISIONING for lack of capacity, over all providers.
    pub(super) provisioning: u32,
    /// When what waits is looked at next; other events of that kind are stale.
    pub(super) next_placement: Option<SimTime>,
    /// The order in which containers start, by definition.
    pub(super) start_orders: IdVec<TaskDefinitionId, Vec<usize>>,
    pub(super) faults: Vec<FaultState<'s>>,
    /// When the images of a service's revision were resolved, if the first task holds the others.
    pub(super) images_resolved: BTreeMap<(Owner, TaskDefinitionId), SimTime>,
    /// Ends of containers, of tasks that have any.
    pub(super) exits: BTreeMap<TaskId, Exits>,
    /// Health checks, of tasks that have any.
    pub(super) checks: BTreeMap<TaskId, Checks>,
    pub(super) meter: Meter,
    pub(super) recorder: Recorder,
    pub(super) cpu_sharing: CpuSharing,
    pub(super) log: Vec<EventRecord>,
    pub(super) totals: Totals,
    pub(super) unplaced: Unplaced,
    pub(super) watch: Option<Watch>,
    /// Instances that the cluster's quota kept from registering.
    pub(super) not_registered: u32,
    handled: u64,
    progress: &'p mut dyn FnMut(Progress),
}

/// Per-item counters of a launch target.
fn strategy_counters(launch: &LaunchTarget) -> Vec<u32> {
    match launch {
        LaunchTarget::Strategy(items) => vec![0; items.len()],
        LaunchTarget::Ec2 | LaunchTarget::Fargate => Vec::new(),
    }
}

/// The constraints of whoever runs a task and those of its definition.
pub(super) fn all_constraints(
    scenario: &Scenario,
    own: &[PlacementConstraint],
    definition: TaskDefinitionId,
) -> Vec<PlacementConstraint> {
    let definition = &scenario.task_definitions[definition].placement_constraints;
    own.iter().chain(definition).cloned().collect()
}

impl<'s, 'p> World<'s, 'p> {
    pub(super) fn new(scenario: &'s Scenario, progress: &'p mut dyn FnMut(Progress)) -> Self {
        let key = |purpose: &str, label: &str| {
            StreamKey::new(scenario.seed, scenario.replication, purpose, label_hash(label))
        };
        let rules = scenario.rules;
        let mut fleet = Fleet::new(scenario.auto_scaling_groups.len(), scenario.zones.len());
        let control_plane = &scenario.control_plane;
        let owners = scenario.services.len() + scenario.batches.len();
        let services = scenario
            .services
            .iter()
            .map(|settings| {
                let rate = if settings.launch_is_ec2(scenario) {
                    rules.ec2_launches_per_service_minute
                } else {
                    Some(rules.fargate_launches_per_service_minute.in_region(&scenario.region))
                };
                let scaler = settings.scaling.as_ref().map(|target| {
                    let resource = format!("service/{}/{}", scenario.name, settings.name);
                    ServiceScaler::new(&resource, target, control_plane.scaling_activity_timeout)
                });
                let group = fleet.add_group(&format!("service:{}", settings.name));
                let chain = match &settings.placement_strategy[..] {
                    [] => &SERVICE_DEFAULT[..],
                    chain => chain,
                };
                let constraints = all_constraints(
                    scenario,
                    &settings.placement_constraints,
                    settings.task_definition,
                );
                let rule = fleet.rule(chain, &constraints, group);
                ServiceState {
                    settings,
                    desired: settings.desired_count,
                    active: BTreeSet::new(),
                    group,
                    created: 0,
                    rollout: Rollout::new(settings, rule),
                    desired_integral: Integral::default(),
                    running: Integral::default(),
                    pending: Integral::default(),
                    running_cpu: Integral::default(),
                    running_memory: Integral::default(),
                    healthy: 0,
                    next_pass: None,
                    passes: 0,
                    failing_since: None,
                    unable_event: None,
                    steady: false,
                    bucket: rate.map(|rate| match control_plane.service_scheduler.launch_limiter {
                        LaunchLimiter::Bucket => TokenBucket::new(rate, rate),
                        LaunchLimiter::Window => TokenBucket::windows(rate),
                    }),
                    load: settings.load.as_ref().map(|load| LoadState::new(load, settings)),
                    metrics: ServiceMetrics::new(scaler.as_ref(), control_plane),
                    scaler,
                    balancer_hours: Vec::new(),
                    next_scheduled: 0,
                    scale_out: 0,
                    scale_in: 0,
                    task_key: key("task", &settings.name),
                    reaction_key: key("scheduler-reaction", &settings.name),
                    placement_key: key("placement", &settings.name),
                    stop_key: key("stop-choice", &settings.name),
                    stops: 0,
                    protection_key: key("task-protection", &settings.name),
                    quota_bound: false,
                }
            })
            .collect();
        let mut task_groups = BTreeMap::new();
        let batches = scenario
            .batches
            .iter()
            .map(|settings| {
                // Sources that name the same task group share it.
                let name = settings.task_group.as_str();
                let group = *task_groups.entry(name).or_insert_with(|| fleet.add_group(name));
                let chain = match &settings.placement_strategy[..] {
                    [] => &STANDALONE_DEFAULT[..],
                    chain => chain,
                };
                let constraints = all_constraints(
                    scenario,
                    &settings.placement_constraints,
                    settings.task_definition,
                );
                let rule = fleet.rule(chain, &constraints, group);
                BatchState {
                    settings,
                    group,
                    rule,
                    waiting: VecDeque::new(),
                    waiting_sizes: BTreeMap::new(),
                    pending: Integral::default(),
                    running: Integral::default(),
                    arrived: 0,
                    completed: 0,
                    given_up: 0,
                    call: None,
                    failure_event: None,
                    waits: Vec::new(),
                    last_end: None,
                    task_key: key("task", &settings.name),
                    placement_key: key("placement", &settings.name),
                    per_item: strategy_counters(&settings.launch),
                }
            })
            .collect();
        let groups = scenario
            .auto_scaling_groups
            .enumerate()
            .map(|(id, settings)| {
                let mut provider = None;
                let (mut protected, mut drains) = (false, false);
                for (provider_id, candidate) in scenario.capacity_providers.enumerate() {
                    if let CapacityProviderKind::AutoScalingGroup {
                        group,
                        managed_termination_protection,
                        managed_draining,
                        ..
                    } = candidate.kind
                        && group == id
                    {
                        provider = Some(provider_id);
                        protected = managed_termination_protection;
                        drains = managed_draining;
                    }
                }
                GroupState {
                    settings,
                    provider,
                    protected,
                    drains,
                    desired: settings.desired_capacity,
                    alive: GroupInstances::new(settings.zones.len()),
                    launched: 0,
                    reconcile_pending: false,
                    reconciles: 0,
                    running: Integral::default(),
                    registered: Integral::default(),
                    desired_integral: Integral::default(),
                    reserved_cpu: 0,
                    reserved_memory: 0,
                    wanted: Integral::default(),
                    waiting_at_maximum: Integral::default(),
                    waiting_cpu: 0,
                    waiting_memory: 0,
                    scale_out: 0,
                    scale_in: 0,
                    cause:
                        "an instance was started in response to the desired capacity of the group"
                            .into(),
                    instance_key: key("instance", &settings.name),
                    reconcile_key: key("reconcile", &settings.name),
                    owner_weights: vec![Integral::default(); owners],
                }
            })
            .collect();
        let providers = scenario
            .capacity_providers
            .iter()
            .map(|settings| ProviderState {
                settings,
                queue: VecDeque::new(),
                scaler: match &settings.kind {
                    CapacityProviderKind::AutoScalingGroup { group, managed_scaling, .. } => {
                        let name = &scenario.auto_scaling_groups[*group].name;
                        let delay = control_plane.capacity_provider_metric_delay;
                        managed_scaling.map(|settings| CapacityScaler::new(name, settings, delay))
                    }
                    CapacityProviderKind::Fargate | CapacityProviderKind::FargateSpot { .. } => {
                        None
                    }
                },
                newest_reservation: None,
            })
            .collect();
        let calls = control_plane.run_task_calls;
        let quota = rules.fargate_launch_bucket.in_region(&scenario.region);
        let fargate_bucket = TokenBucket::new(quota.burst, quota.refill_per_second * 60);
        Self {
            scenario,
            fleet,
            pools: Pools::new(scenario),
            tasks: IdVec::new(),
            instances: IdVec::new(),
            services,
            batches,
            groups,
            providers,
            fargate_bucket,
            fargate_spot_bucket: fargate_bucket,
            call_bucket: TokenBucket::new(calls.burst, calls.refill_per_second.saturating_mul(60)),
            provisioning: 0,
            next_placement: None,
            start_orders: scenario.task_definitions.iter().map(order_of).collect(),
            faults: scenario
                .faults
                .iter()
                .map(|settings| FaultState {
                    settings,
                    share_key: key("fault-share", &settings.name),
                    time_key: key("fault-time", &settings.name),
                })
                .collect(),
            images_resolved: BTreeMap::new(),
            exits: BTreeMap::new(),
            checks: BTreeMap::new(),
            meter: Meter::new(scenario.start_unix_seconds),
            recorder: Recorder::new(scenario),
            cpu_sharing: CpuSharing::new(scenario),
            log: Vec::new(),
            totals: Totals::default(),
            unplaced: Unplaced::default(),
            watch: None,
            not_registered: 0,
            handled: 0,
            progress,
        }
    }

    /// Schedules what happens by itself: initial capacity, the minute, arrivals, scheduled actions.
    pub(super) fn start(&mut self, scheduler: &mut Scheduler<Event>) {
        for group in self.groups.ids() {
            self.start_group(group, scheduler);
        }
        // Daemons first: their room is theirs before any other task's.
        let services: Vec<_> = self.services.ids().collect();
        for daemons in [true, false] {
            for &service in &services {
                if self.is_daemon(Owner::Service(service)) == daemons {
                    self.start_service(service, scheduler);
                }
            }
        }
        self.schedule_draining(scheduler);
        for batch in self.batches.ids() {
            self.schedule_next_arrival(batch, scheduler);
        }
        let first_minute = SimTime::ZERO + MINUTE;
        scheduler.schedule_at(first_minute, Phase::Sample, Event::Sample);
        scheduler.schedule_at(first_minute, Phase::Decide, Event::Decide);
        let record = SimTime::ZERO + self.scenario.record_interval;
        scheduler.schedule_at(record, Phase::Observe, Event::Record);
    }

    /// Position of an owner in tables that hold services first, then batches.
    pub(super) fn owner_index(&self, owner: Owner) -> usize {
        match owner {
            Owner::Service(service) => service.0 as usize,
            Owner::Batch(batch) => self.services.len() + batch.0 as usize,
        }
    }

    /// Name of a service or batch source.
    pub(super) fn owner_name(&self, owner: Owner) -> &'s str {
        match owner {
            Owner::Service(service) => &self.services[service].settings.name,
            Owner::Batch(batch) => &self.batches[batch].settings.name,
        }
    }

    /// Appends a line to the event log.
    pub(super) fn log(
        &mut self,
        at: SimTime,
        category: EventCategory,
        entity: &str,
        change: Option<(u32, u32)>,
        message: String,
    ) {
        self.log.push(EventRecord { at, category, entity: entity.to_owned(), change, message });
    }
}

impl Model for World<'_, '_> {
    type Event = Event;

    fn handle(&mut self, event: Event, scheduler: &mut Scheduler<Event>) {
        self.handled += 1;
        if self.handled.is_multiple_of(PROGRESS_EVERY) {
            (self.progress)(Progress { now: scheduler.now(), events: self.handled });
        }
        match event {
            Event::TaskStep { task, epoch } => self.task_step(task, epoch, scheduler),
            Event::ProvisioningTimeout { task, epoch } => {
                self.provisioning_timeout(task, epoch, scheduler);
            }
            Event::SpotInterruption { task } => self.spot_interruption(task, scheduler),
            Event::ContainerExit { task } => self.container_exit(task, scheduler),
            Event::ContainerHealth { task } => self.container_health(task, scheduler),
            Event::TargetUnhealthy { task, epoch } => self.target_failed(task, epoch, scheduler),
            Event::InstanceRunning(instance) => self.instance_running(instance, scheduler),
            Event::InstanceRegistered(instance) => self.instance_registered(instance, scheduler),
            Event::GroupReconcile(group) => self.reconcile_group(group, scheduler),
            Event::ServicePass(service) => self.service_pass(service, scheduler),
            Event::BatchArrival(batch) => self.batch_arrival(batch, scheduler),
            Event::PlaceWaiting => self.place_waiting(scheduler),
            Event::Sample => self.sample(scheduler),
            Event::Decide => self.decide(scheduler),
            Event::DesiredCount { service, desired } => {
                self.set_desired_count(service, desired, scheduler);
            }
            Event::Scheduled(service) => self.scheduled_action(service, scheduler),
            Event::Record => self.record(scheduler),
            Event::TaskCounts { task, epoch } => self.task_counts(task, epoch, scheduler),
            Event::GracePeriodOver(task) => self.grace_period_over(task, scheduler),
            Event::ServiceUpdate(service) => self.service_update(service, scheduler),
            Event::ZoneCheck(service) => self.zone_check(service, scheduler),
            Event::Drain(index) => self.drain(index, scheduler),
            Event::DrainingLimit(instance) => self.draining_limit(instance, scheduler),
        }
    }

    fn digest(event: &Event) -> Digest {
        event.digest()
    }

    fn kind_name(kind: u16) -> &'static str {
        Event::kind_name(kind)
    }
}

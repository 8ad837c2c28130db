//! The state of the cluster, and the dispatch of events.

use std::collections::BTreeMap;

use super::Progress;
use super::containers::{Checks, Exits, order_of};
use super::cpu_sharing::CpuSharing;
use super::disruptions::Disruptions;
use super::event::Event;
use super::faults::FaultState;
use super::host_cpu::HostCpu;
use super::market::Market;
use super::metrics::MetricState;
use super::packing::Pools;
use super::queues::QueueState;
use super::quota::TokenBucket;
use super::recorder::Recorder;
use super::recovery::Recovery;
use super::registration::Registration;
use super::state::{BatchState, GroupState, Instance, ProviderState, ServiceState, Totals};
use super::task::{Owner, Task};
use super::unplaced::Unplaced;
use super::watch::Watch;
use crate::billing::Meter;
use crate::engine::{Digest, Model, Phase, Scheduler};
use crate::placement::Fleet;
use crate::results::{EventCategory, EventRecord};
use crate::rules;
use crate::scenario::Scenario;
use crate::units::{
    AsgId, BatchId, CapacityProviderId, IdVec, InstanceId, ServiceId, SimDuration, SimTime,
    TaskDefinitionId, TaskId,
};

/// CloudWatch's period, and the cadence of alarms and of managed scaling.
pub(super) const MINUTE: SimDuration = SimDuration::from_secs(60);

/// Events between two calls of the progress function.
const PROGRESS_EVERY: u64 = 65_536;

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
    pub(super) metrics: MetricState,
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
    pub(super) disruptions: Disruptions<'s>,
    pub(super) recovery: Recovery,
    /// When the images of a service's revision were resolved, if the first task holds the others.
    pub(super) images_resolved: BTreeMap<(Owner, TaskDefinitionId), SimTime>,
    /// Ends of containers, of tasks that have any.
    pub(super) exits: BTreeMap<TaskId, Exits>,
    /// Health checks, of tasks that have any.
    pub(super) checks: BTreeMap<TaskId, Checks>,
    pub(super) market: Market<'s>,
    pub(super) meter: Meter,
    pub(super) recorder: Recorder,
    pub(super) cpu_sharing: CpuSharing,
    pub(super) host_cpu: HostCpu,
    pub(super) queues: QueueState<'s>,
    pub(super) log: Vec<EventRecord>,
    pub(super) totals: Totals,
    pub(super) unplaced: Unplaced,
    pub(super) watch: Option<Watch>,
    pub(super) registration: Registration,
    /// DAEMON services whose constraints ask for the tasks on an instance.
    pub(super) daemons_by_tasks: Vec<ServiceId>,
    handled: u64,
    progress: &'p mut dyn FnMut(Progress),
}

impl<'s, 'p> World<'s, 'p> {
    pub(super) fn new(scenario: &'s Scenario, progress: &'p mut dyn FnMut(Progress)) -> Self {
        let rules = scenario.rules;
        let mut fleet = Fleet::new(scenario.auto_scaling_groups.len(), scenario.zones.len());
        let control_plane = &scenario.control_plane;
        let services = scenario.services.iter();
        let services: IdVec<ServiceId, ServiceState<'_>> =
            services.map(|settings| ServiceState::new(scenario, settings, &mut fleet)).collect();
        let mut metrics = MetricState::new(scenario);
        for scaler in services.iter().filter_map(|state| state.scaler.as_ref()) {
            scaler.retain(&mut metrics.store);
        }
        for predictor in services.iter().flat_map(|state| &state.predictors) {
            predictor.retain(&mut metrics.store);
        }
        let mut task_groups = BTreeMap::new();
        let batches = scenario
            .batches
            .iter()
            .map(|settings| BatchState::new(scenario, settings, &mut task_groups, &mut fleet))
            .collect();
        let groups = scenario.auto_scaling_groups.enumerate();
        let groups: IdVec<AsgId, GroupState<'_>> =
            groups.map(|(id, settings)| GroupState::new(scenario, id, settings)).collect();
        for group in &groups {
            group.policies.retain(&mut metrics.store);
            group.forecast.retain(&mut metrics.store);
        }
        let providers = scenario.capacity_providers.iter();
        let providers = providers.map(|settings| ProviderState::new(scenario, settings)).collect();
        let calls = control_plane.run_task_calls;
        let faults: Vec<_> =
            scenario.faults.iter().map(|it| FaultState::new(scenario, it)).collect();
        let disruptions = Disruptions::new(scenario);
        let fargate_bucket = |own: Option<rules::TokenBucket>| {
            let quota =
                own.unwrap_or_else(|| rules.fargate_launch_bucket.in_region(&scenario.region));
            TokenBucket::new(quota.burst, quota.refill_per_second.saturating_mul(60))
        };
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
            metrics,
            fargate_bucket: fargate_bucket(control_plane.fargate_launches),
            fargate_spot_bucket: fargate_bucket(control_plane.fargate_spot_launches),
            call_bucket: TokenBucket::new(calls.burst, calls.refill_per_second.saturating_mul(60)),
            provisioning: 0,
            next_placement: None,
            start_orders: scenario.task_definitions.iter().map(order_of).collect(),
            recovery: Recovery::new(scenario, &faults, &disruptions),
            faults,
            disruptions,
            images_resolved: BTreeMap::new(),
            exits: BTreeMap::new(),
            checks: BTreeMap::new(),
            market: Market::new(scenario),
            meter: Meter::new(scenario.start_unix_seconds),
            recorder: Recorder::new(scenario),
            cpu_sharing: CpuSharing::new(scenario),
            host_cpu: HostCpu::new(scenario),
            queues: QueueState::new(scenario),
            log: Vec::new(),
            totals: Totals::default(),
            unplaced: Unplaced::default(),
            watch: None,
            registration: Registration::default(),
            daemons_by_tasks: Vec::new(),
            handled: 0,
            progress,
        }
    }

    /// Schedules what happens by itself: initial capacity, the minute, arrivals, scheduled actions.
    pub(super) fn start(&mut self, scheduler: &mut Scheduler<Event>) {
        self.start_market(scheduler);
        for group in self.groups.ids() {
            self.start_group(group, scheduler);
        }
        self.daemons_by_tasks = self.daemons_by_tasks();
        // Daemons first: their room is theirs before any other task's.
        let services: Vec<_> = self.services.ids().collect();
        for daemons in [true, false] {
            for &service in &services {
                if self.is_daemon(Owner::Service(service)) == daemons {
                    self.start_service(service, scheduler);
                }
            }
        }
        self.schedule_disruptions(scheduler);
        self.schedule_draining(scheduler);
        for batch in self.batches.ids() {
            self.schedule_next_arrival(batch, scheduler);
        }
        self.start_queues(scheduler);
        let first_minute = SimTime::ZERO + MINUTE;
        scheduler.schedule_at(first_minute, Phase::Sample, Event::Sample);
        scheduler.schedule_at(first_minute, Phase::Decide, Event::Decide);
        self.start_metrics(scheduler);
        self.start_alarms(scheduler);
        self.start_predictions(scheduler);
        self.start_group_alarms(scheduler);
        self.schedule_judging(scheduler);
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
            Event::QueuesEnd => self.queues_end(scheduler),
            Event::DisruptionBegins(index) => self.disruption_begins(index, scheduler),
            Event::DisruptionEnds(index) => self.disruption_ends(index, scheduler),
            Event::InstanceFails { instance, disruption } => {
                self.instance_fails(instance, disruption, scheduler);
            }
            Event::HooksOver(instance) => self.hooks_over(instance, scheduler),
            Event::GroupHealthCheck(group) => self.check_health(group, scheduler),
            Event::GroupChange(group) => self.group_change(group, scheduler),
            Event::GroupRetry(group) => self.retry_launches(group, scheduler),
            Event::ReplacementPass(group) => self.replacement_pass(group, scheduler),
            Event::LifetimeOver(instance) => self.lifetime_over(instance, scheduler),
            Event::InterruptionNotice(instance) => self.interruption_notice(instance, scheduler),
            Event::Interruption(instance) => self.interruption(instance, scheduler),
            Event::RebalanceRecommendation(instance) => {
                self.rebalance_recommended(instance, scheduler);
            }
            Event::ShortageTurns(number) => self.shortage_turns(number, scheduler),
            Event::ShortageNears(number) => self.shortage_nears(number, scheduler),
            Event::SpotPrice(pool) => self.spot_price(pool, scheduler),
            Event::LaunchRetry(group) => self.launch_retry(group, scheduler),
            Event::CapacityAppears(pool) => self.capacity_appears(pool, scheduler),
            Event::SampleMetrics(index) => self.sample_metrics(index as usize, scheduler),
            Event::Suspension(service) => self.change_suspension(service, scheduler),
            Event::EvaluateAlarms(service) => self.evaluate_alarms(service, scheduler),
            Event::EvaluateGroupAlarms(group) => self.evaluate_group_alarms(group, scheduler),
            Event::JudgeReservation(provider) => self.judge_reservation(provider, scheduler),
            Event::Predict(service) => self.predict(service, scheduler),
            Event::PredictGroup(group) => self.predict_group(group, scheduler),
            Event::WarmPoolRunning(instance) => self.warm_pool_running(instance, scheduler),
            Event::WarmPoolStopped(instance) => self.warm_pool_stopped(instance, scheduler),
            Event::ManagedPass(group) => self.managed_pass(group, scheduler),
            Event::ManagedCheck(instance) => self.managed_check(instance, scheduler),
            Event::RegistrationRetry => self.retry_registration(scheduler),
        }
    }

    fn digest(event: &Event) -> Digest {
        event.digest()
    }

    fn kind_name(kind: u16) -> &'static str {
        Event::kind_name(kind)
    }
}

//! The states of what a cluster is made of, and how each begins.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::agent::InstanceAgent;
use super::balancer::ServiceHour;
use super::draining::Draining;
use super::group::{Membership, Operation, Policies, PoolInstances, WarmLife};
use super::integral::Integral;
use super::load::LoadState;
use super::managed::Managed;
use super::pool::GroupInstances;
use super::prediction::{GroupForecast, predictors};
use super::purchase::{GroupPurchases, Purchased};
use super::quota::TokenBucket;
use super::rollout::Rollout;
use super::run_task::OpenCall;
use super::world::MINUTE;
use crate::autoscaling::group::LaunchSource;
use crate::autoscaling::{CapacityScaler, Predictor, ServiceScaler};
use crate::engine::{StreamKey, label_hash};
use crate::placement::{Fleet, PlacementConstraint, RuleId, SERVICE_DEFAULT, STANDALONE_DEFAULT};
use crate::scenario::{
    AutoScalingGroup, BatchJob, BatchSource, CapacityProvider, CapacityProviderKind, LaunchLimiter,
    LaunchTarget, Scenario, Service,
};
use crate::statistics::ElasticityRecorder;
use crate::units::{
    AsgId, CapacityProviderId, Cpu, Mib, SimDuration, SimTime, TaskDefinitionId, TaskGroupId,
    TaskId, ZoneId,
};

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
    /// Whether a pass is under way.
    pub(super) in_pass: bool,
    /// First of the current series of failed placements.
    pub(super) failing_since: Option<SimTime>,
    pub(super) unable_event: Option<SimTime>,
    pub(super) steady: bool,
    /// Launch quota of the service; `None` where no figure is published.
    pub(super) bucket: Option<TokenBucket>,
    pub(super) load: Option<LoadState<'s>>,
    pub(super) scaler: Option<ServiceScaler>,
    /// Its predictive scaling policies.
    pub(super) predictors: Vec<Predictor>,
    /// What its load balancer processed, by clock hour.
    pub(super) balancer_hours: Vec<ServiceHour>,
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
    /// Whether its jobs are of a few sizes, each of which comes again and again.
    pub(super) few_sizes: bool,
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
    /// Tasks that each entry of the strategy took by its weight.
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
    /// In the warm pool of its group, running or not.
    Warmed,
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
    /// What it was launched from.
    pub(super) source: LaunchSource,
    /// What decides between equal instances that may be terminated.
    pub(super) rank: u64,
    pub(super) requested: SimTime,
    /// Since when EC2 runs it, without a stop.
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
    /// What was bought.
    pub(super) purchase: Purchased,
    /// What its group knows of it.
    pub(super) membership: Membership,
    /// What it went through in the warm pool, if it ever was there.
    pub(super) warm: Option<WarmLife>,
}

/// The state of an Auto Scaling group.
pub(super) struct GroupState<'s> {
    pub(super) settings: &'s AutoScalingGroup,
    pub(super) provider: Option<CapacityProviderId>,
    /// Whether ECS protects busy instances from scale-in.
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
    /// Those needed against those registered.
    pub(super) elasticity: ElasticityRecorder,
    /// One while tasks wait and the group is as large as it may be.
    pub(super) waiting_at_maximum: Integral,
    pub(super) waiting_cpu: u64,
    pub(super) waiting_memory: u64,
    pub(super) scale_out: u32,
    pub(super) scale_in: u32,
    /// Why the desired capacity last changed, with a blank at its end; empty before the first change.
    pub(super) cause: String,
    pub(super) instance_key: StreamKey,
    pub(super) reconcile_key: StreamKey,
    /// Weighted reservation per owner, for the split of the group's cost.
    pub(super) owner_weights: Vec<Integral>,
    /// What it bought.
    pub(super) purchase: GroupPurchases,
    /// How it runs its instances.
    pub(super) operation: Operation,
    /// Its warm pool.
    pub(super) warm: PoolInstances,
    /// Set if ECS runs it as Managed Instances.
    pub(super) managed: Option<Managed>,
    /// Its scaling policies.
    pub(super) policies: Policies,
    /// What predictive scaling makes of it.
    pub(super) forecast: GroupForecast,
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

/// The key of an entity's random stream.
pub(super) fn stream_key(scenario: &Scenario, purpose: &str, label: &str) -> StreamKey {
    StreamKey::new(scenario.seed, scenario.replication, purpose, label_hash(label))
}

impl<'s> ServiceState<'s> {
    pub(super) fn new(scenario: &'s Scenario, settings: &'s Service, fleet: &mut Fleet) -> Self {
        let (rules, control_plane) = (scenario.rules, &scenario.control_plane);
        let quota = if settings.launch_is_ec2(scenario) {
            rules.ec2_launches_per_service_minute
        } else {
            Some(rules.fargate_launches_per_service_minute.in_region(&scenario.region))
        };
        let rate = control_plane.service_scheduler.launches_per_minute.or(quota);
        let scaler = settings.scaling.as_ref().map(|target| {
            let resource = format!("service/{}/{}", scenario.name, settings.name);
            ServiceScaler::new(&resource, target, control_plane.scaling)
        });
        let group = fleet.add_group(&format!("service:{}", settings.name));
        let chain = match &settings.placement_strategy[..] {
            [] => &SERVICE_DEFAULT[..],
            chain => chain,
        };
        let constraints =
            all_constraints(scenario, &settings.placement_constraints, settings.task_definition);
        let rule = fleet.rule(chain, &constraints, group);
        Self {
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
            in_pass: false,
            failing_since: None,
            unable_event: None,
            steady: false,
            bucket: rate.map(|rate| match control_plane.service_scheduler.launch_limiter {
                LaunchLimiter::Bucket => TokenBucket::new(rate, rate),
                LaunchLimiter::Window => TokenBucket::windows(rate),
            }),
            load: settings.load.as_ref().map(|load| {
                LoadState::new(load, settings, |purpose| {
                    stream_key(scenario, purpose, &settings.name)
                })
            }),
            scaler,
            predictors: predictors(scenario, settings),
            balancer_hours: Vec::new(),
            next_scheduled: 0,
            scale_out: 0,
            scale_in: 0,
            task_key: stream_key(scenario, "task", &settings.name),
            reaction_key: stream_key(scenario, "scheduler-reaction", &settings.name),
            placement_key: stream_key(scenario, "placement", &settings.name),
            stop_key: stream_key(scenario, "stop-choice", &settings.name),
            stops: 0,
            protection_key: stream_key(scenario, "task-protection", &settings.name),
            quota_bound: false,
        }
    }
}

impl<'s> BatchState<'s> {
    pub(super) fn new(
        scenario: &'s Scenario,
        settings: &'s BatchSource,
        task_groups: &mut BTreeMap<&'s str, TaskGroupId>,
        fleet: &mut Fleet,
    ) -> Self {
        // Sources that name the same task group share it.
        let name = settings.task_group.as_str();
        let group = *task_groups.entry(name).or_insert_with(|| fleet.add_group(name));
        let chain = match &settings.placement_strategy[..] {
            [] => &STANDALONE_DEFAULT[..],
            chain => chain,
        };
        let constraints =
            all_constraints(scenario, &settings.placement_constraints, settings.task_definition);
        let rule = fleet.rule(chain, &constraints, group);
        Self {
            settings,
            group,
            rule,
            few_sizes: settings.jobs.has_few_sizes(),
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
            task_key: stream_key(scenario, "task", &settings.name),
            placement_key: stream_key(scenario, "placement", &settings.name),
            per_item: strategy_counters(&settings.launch),
        }
    }
}

impl<'s> GroupState<'s> {
    pub(super) fn new(scenario: &'s Scenario, id: AsgId, settings: &'s AutoScalingGroup) -> Self {
        let owners = scenario.services.len() + scenario.batches.len();
        let mut provider = None;
        let (mut protected, mut drains) = (false, false);
        let mut managed = None;
        for (provider_id, candidate) in scenario.capacity_providers.enumerate() {
            match candidate.kind {
                CapacityProviderKind::AutoScalingGroup {
                    group,
                    managed_termination_protection,
                    managed_draining,
                    ..
                } if group == id => {
                    provider = Some(provider_id);
                    protected = managed_termination_protection;
                    drains = managed_draining;
                }
                CapacityProviderKind::ManagedInstances { group, settings } if group == id => {
                    provider = Some(provider_id);
                    drains = true;
                    managed = Some(Managed::new(settings));
                }
                _ => {}
            }
        }
        Self {
            settings,
            provider,
            protected,
            drains,
            desired: settings.desired_capacity,
            alive: GroupInstances::new(settings.zones.len(), protected),
            launched: 0,
            reconcile_pending: false,
            reconciles: 0,
            running: Integral::default(),
            registered: Integral::default(),
            desired_integral: Integral::default(),
            reserved_cpu: 0,
            reserved_memory: 0,
            wanted: Integral::default(),
            elasticity: ElasticityRecorder::new(MINUTE),
            waiting_at_maximum: Integral::default(),
            waiting_cpu: 0,
            waiting_memory: 0,
            scale_out: 0,
            scale_in: 0,
            cause: String::new(),
            instance_key: stream_key(scenario, "instance", &settings.name),
            reconcile_key: stream_key(scenario, "reconcile", &settings.name),
            owner_weights: vec![Integral::default(); owners],
            purchase: GroupPurchases::new(scenario, settings),
            operation: Operation::new(scenario, settings),
            warm: PoolInstances::new(scenario, settings),
            managed,
            policies: Policies::new(scenario, settings),
            forecast: GroupForecast::new(scenario, settings),
        }
    }
}

impl<'s> ProviderState<'s> {
    pub(super) fn new(scenario: &'s Scenario, settings: &'s CapacityProvider) -> Self {
        let control_plane = &scenario.control_plane;
        Self {
            settings,
            queue: VecDeque::new(),
            scaler: match &settings.kind {
                CapacityProviderKind::AutoScalingGroup { group, managed_scaling, .. } => {
                    let name = &scenario.auto_scaling_groups[*group].name;
                    let delay = control_plane.capacity_provider_metric_delay;
                    let choices = control_plane.providers.scaling;
                    let rules = control_plane.scaling.alarms;
                    managed_scaling
                        .map(|settings| CapacityScaler::new(name, settings, choices, rules, delay))
                }
                CapacityProviderKind::ManagedInstances { .. }
                | CapacityProviderKind::Fargate
                | CapacityProviderKind::FargateSpot { .. } => None,
            },
            newest_reservation: None,
        }
    }
}

//! From the language to the simulator: references, sizes and everything else that the schema cannot
//! say, each complaint at the place where it was written.

mod attributes;
mod batch;
mod cluster;
mod constraint;
mod containers;
mod deployment;
mod distribution;
mod fault;
mod group;
mod group_scaling;
mod images;
mod load;
mod managed;
mod metric;
mod placement;
mod prices;
mod provider_choices;
mod purchase;
mod queue;
mod requests;
mod requirements;
mod scaling;
mod scheduled_task;
mod service;
mod spot;
mod spot_prices;
pub(crate) mod task_definition;
mod warm_pool;

use std::cell::{Cell, RefCell};

use plimsoll_core::catalog;
use plimsoll_core::engine::Limits;
use plimsoll_core::placement::StrategyRegistry;
use plimsoll_core::rules::{self, RuleSet, TokenBucket};
use plimsoll_core::scenario::{
    BelowProtected, ControlPlane, ImageDelays, LaunchLimiter, PlacementRetry, RegistrationRetry,
    Scenario, ServiceScheduler, TieBreak, UnhealthyOrder,
};
use plimsoll_core::service::throttle::ThrottleLaw;
use plimsoll_core::traffic::MAX_STEPS;
use plimsoll_core::units::{IdVec, SimDuration, ZoneId};

use super::diagnostic::{Diagnostic, suggestion};
use super::note::{Note, NoteKind};
use super::raw::ScenarioDocument;
use super::raw::control;
use super::raw::kinds::{Bytes, Length};
use super::store::TraceStore;
use super::trace::TraceError;
use super::tree::{Node, Path};

use self::cluster::Cluster;
use self::images::Images;
use self::task_definition::TaskDefinitions;

/// Latest end of a run: 2200-01-01, where the schedules of AWS end.
const LAST_SECOND: i64 = 7_258_118_400;
/// Points of a recorded series at most.
const MOST_RECORDED_POINTS: u64 = 20_000_000;

/// What lowering needs beside the document.
pub(super) struct Context<'a> {
    /// The document, for positions.
    pub(super) root: &'a Node,
    /// Traces.
    pub(super) traces: &'a TraceStore,
    /// Placement strategies by name.
    pub(super) strategies: &'a StrategyRegistry,
    /// Root of the random streams.
    pub(super) seed: u64,
    /// Replication.
    pub(super) replication: u64,
    /// Region.
    pub(super) region: &'a str,
    /// Constants.
    pub(super) rules: &'static RuleSet,
    /// Length of the run.
    pub(super) duration: SimDuration,
    /// Start of the run.
    pub(super) start: i64,
    /// Whether a scheduled action with a start time also happens then.
    pub(super) run_at_start_time: bool,
    /// Bake time of deployments with alarms, if it is given.
    pub(super) alarm_bake_time: Option<SimDuration>,
    /// Zone of the scenario.
    pub(super) time_zone: jiff::tz::TimeZone,
    /// Metrics that something watches.
    pub(super) metrics: metric::Metrics,
    /// Steps of all request rates so far.
    steps: Cell<u64>,
    /// Single requests of all services so far, and how many there may be.
    requests: Cell<u64>,
    most_requests: u64,
    found: RefCell<Vec<Diagnostic>>,
    notes: RefCell<Vec<Note>>,
}

impl Context<'_> {
    /// Reports something wrong at `path`.
    pub(super) fn error(&self, path: &Path, message: impl Into<String>) {
        self.report(Diagnostic::new(path.locate(self.root), path, message));
    }

    /// Reports something wrong at `path`, with a hint.
    pub(super) fn error_hint(
        &self,
        path: &Path,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.report(Diagnostic::new(path.locate(self.root), path, message).hint(hint));
    }

    /// Reports a reference to something that does not exist.
    pub(super) fn dangling<'n>(
        &self,
        path: &Path,
        what: &str,
        name: &str,
        known: impl IntoIterator<Item = &'n str> + Clone,
    ) {
        let message = format!("there is no {what} `{}`", super::tree::shorten(name));
        let diagnostic = Diagnostic::new(path.locate(self.root), path, message);
        self.report(diagnostic.maybe_hint(suggestion(name, known)));
    }

    /// Reports a name that was given before.
    pub(super) fn duplicate(&self, path: &Path, what: &str, name: &str) {
        self.error(path, format!("there are two {what} called `{name}`"));
    }

    /// Reports something wrong at a character of the text at `path`, with a hint if there is one.
    pub(super) fn error_inside(
        &self,
        path: &Path,
        (text, offset): (&str, usize),
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        let diagnostic = Diagnostic::new(path.locate(self.root), path, message);
        self.report(diagnostic.inside(text, offset).maybe_hint(hint));
    }

    fn report(&self, diagnostic: Diagnostic) {
        self.found.borrow_mut().push(diagnostic);
    }

    /// Whether anything was reported.
    pub(super) fn failed(&self) -> bool {
        !self.found.borrow().is_empty()
    }

    /// Remarks on something that is accepted.
    pub(super) fn note(&self, path: &Path, message: impl Into<String>) {
        let at = path.locate(self.root);
        let (path, message) = (path.to_string(), message.into());
        self.notes.borrow_mut().push(Note { at, path, message, kind: NoteKind::Finding });
    }

    /// Reports what is wrong with a trace at the place that names it.
    pub(super) fn trace_error(&self, path: &Path, name: &str, error: &TraceError) {
        let message = match error.line {
            0 => format!("`{name}`: {}", error.message),
            line => format!("`{name}` line {line}: {}", error.message),
        };
        let known: Vec<&str> = error.known.iter().map(String::as_str).collect();
        let hint = if known.is_empty() {
            None
        } else {
            let wanted = error.message.split('`').nth(1).unwrap_or("");
            suggestion(wanted, known)
        };
        self.report(Diagnostic::new(path.locate(self.root), path, message).maybe_hint(hint));
    }

    /// Counts the steps of a request rate before it is built; false and a message if all rates
    /// together become too long to hold in memory.
    pub(super) fn take_steps(&self, path: &Path, steps: u64) -> bool {
        self.steps.set(self.steps.get().saturating_add(steps));
        let fits = self.steps.get() <= MAX_STEPS;
        if !fits {
            let message = format!("the loads of all services have more than {MAX_STEPS} steps");
            self.error_hint(path, message, "use longer steps or intervals, or a shorter run");
        }
        fits
    }

    /// Counts the single requests of a run before it begins; false and a message if it would take too
    /// long to follow them all.
    pub(super) fn take_requests(&self, path: &Path, requests: u64) -> bool {
        self.requests.set(self.requests.get().saturating_add(requests));
        let (all, most) = (self.requests.get(), self.most_requests);
        if most < all {
            let message = format!(
                "the run would follow {all} single requests, retries included, more than \
                 `limits.requests` ({most})"
            );
            let hint = "use `fidelity: fluid`, a shorter run, less load or a higher limit";
            self.error_hint(path, message, hint);
        }
        all <= most
    }

    /// Reports a length that is zero; true if it is not.
    pub(super) fn positive(&self, path: &Path, length: Length) -> bool {
        if length.0 == 0 {
            self.error(path, "must be longer than zero");
        }
        length.0 != 0
    }
}

/// Turns a checked document into a scenario.
///
/// # Errors
/// Everything that is wrong.
pub(super) fn lower(
    raw: &ScenarioDocument,
    root: &Node,
    (traces, strategies): (&TraceStore, &StrategyRegistry),
    seed: u64,
    replication: u64,
) -> Result<(Scenario, Vec<Note>), Vec<Diagnostic>> {
    let context = Context {
        root,
        traces,
        strategies,
        seed,
        replication,
        region: &raw.region,
        rules: rules::newest(),
        duration: raw.duration.duration(),
        start: raw.start.0,
        run_at_start_time: raw.control_plane.scaling_policies.run_at_start_time,
        alarm_bake_time: raw.control_plane.service_scheduler.alarm_bake_time.map(Length::duration),
        time_zone: jiff::tz::TimeZone::UTC,
        metrics: metric::Metrics::new(raw),
        steps: Cell::new(0),
        requests: Cell::new(0),
        most_requests: raw.limits.requests.0,
        found: RefCell::new(Vec::new()),
        notes: RefCell::new(Vec::new()),
    };
    let context = Context {
        rules: rule_set(&context, raw),
        time_zone: time_zone(&context, &Path::root().key("timeZone"), &raw.time_zone)
            .unwrap_or(jiff::tz::TimeZone::UTC),
        ..context
    };
    let scenario = build(&context, raw);
    let found = context.found.into_inner();
    match scenario {
        Some(mut scenario) if found.is_empty() => {
            scenario.metrics = context.metrics.into_metrics();
            Ok((scenario, context.notes.into_inner()))
        }
        _ => Err(found),
    }
}

fn rule_set(context: &Context<'_>, raw: &ScenarioDocument) -> &'static RuleSet {
    let Some(name) = &raw.aws_rules else { return rules::newest() };
    rules::rule_set(name).unwrap_or_else(|| {
        context.dangling(
            &Path::root().key("awsRules"),
            "set of AWS rules",
            name,
            rules::names().collect::<Vec<_>>(),
        );
        rules::newest()
    })
}

/// The IANA zone called `name`; reports an unknown one.
pub(super) fn time_zone(
    context: &Context<'_>,
    path: &Path,
    name: &str,
) -> Option<jiff::tz::TimeZone> {
    if let Ok(zone) = crate::schedule::time_zone(name) {
        Some(zone)
    } else {
        let message = format!("there is no time zone `{}`", super::tree::shorten(name));
        context.error_hint(path, message, "IANA names such as `Europe/Berlin` or `UTC`");
        None
    }
}

fn build(context: &Context<'_>, raw: &ScenarioDocument) -> Option<Scenario> {
    let root = Path::root();
    if !catalog::regions().contains(&raw.region.as_str()) {
        context.dangling(&root.key("region"), "region", &raw.region, catalog::regions().to_vec());
        return None;
    }
    check_times(context, raw);
    let nothing = raw.services.is_empty()
        && raw.run_task.is_empty()
        && raw.scheduled_tasks.is_empty()
        && raw.start_task.is_empty();
    if nothing {
        context.error_hint(&root, "nothing runs", "list `services` or `runTask`");
    }
    let mut images = Images::lower(context, raw);
    let task_definitions = TaskDefinitions::lower(context, raw, &mut images);
    images.report_unused(context);
    let mut cluster = Cluster::lower(context, raw);
    let queues = queue::lower(context, raw);
    metric::define(context, raw);
    group_scaling::lower(context, raw, &mut cluster);
    let services = service::lower(context, raw, &task_definitions, &mut cluster);
    let mut definitions = task_definitions.into_definitions();
    let mut batches = batch::lower(context, raw, &mut definitions, &mut cluster);
    let scheduled = scheduled_task::lower(context, raw, &definitions, &mut cluster);
    if let (Some(batches), Some(scheduled)) = (&mut batches, &scheduled) {
        batches.extend(scheduled.iter().cloned());
    }
    let control_plane = control_plane(context, &raw.control_plane);
    let draining = deployment::draining(context, raw, &cluster.zones);
    check_cluster_quotas(context, raw);
    cluster.report_unused(context);
    if context.failed() {
        return None;
    }
    let (services, batches, queues) = (services?, batches?, queues?);
    queue::report_unused(context, &queues, &services);
    let (faults, disruptions) =
        fault::lower(context, raw, &definitions, &cluster, &services, &batches)?;
    let prices = prices::lower(context, &raw.pricing, &cluster, &definitions, &services, &batches)?;
    let parts = spot::Parts { groups: &cluster.groups, zones: &cluster.zones, prices: &prices };
    let purchasing = spot::lower(context, raw, &parts)?;
    let zones = cluster.zones.iter().cloned().collect::<IdVec<ZoneId, String>>();
    Some(Scenario {
        name: raw.name.clone(),
        description: raw.description.clone(),
        region: raw.region.clone(),
        start_unix_seconds: raw.start.0,
        duration: raw.duration.duration(),
        seed: context.seed,
        replication: context.replication,
        rules: context.rules,
        zones,
        images: images.into_images(),
        task_definitions: definitions.into_iter().map(|it| it.task).collect(),
        auto_scaling_groups: cluster.groups.into_iter().flatten().collect(),
        capacity_providers: cluster.providers.into_iter().flatten().collect(),
        // Known when everything that watches one is.
        metrics: IdVec::new(),
        services,
        draining,
        batches,
        queues,
        faults,
        disruptions,
        purchasing,
        prices,
        control_plane: control_plane?,
        record_interval: raw.record_interval().duration(),
        limits: Limits {
            events: raw.limits.events.0,
            events_at_one_instant: raw.limits.events_at_one_instant.0,
            pending_events: raw.limits.pending_events.0,
            tasks: raw.limits.tasks.0,
            requests: raw.limits.requests.0,
        },
    })
}

fn check_times(context: &Context<'_>, raw: &ScenarioDocument) {
    let root = Path::root();
    context.positive(&root.key("duration"), raw.duration);
    let seconds = raw.duration.duration().as_secs_ceil() as i64;
    if LAST_SECOND < raw.start.0 + seconds {
        context.error(&root.key("duration"), "the run would end after 2199");
    }
    let interval = &root.key("recordInterval");
    if let Some(length) = raw.record_interval
        && context.positive(interval, length)
        && MOST_RECORDED_POINTS < raw.duration.0 / length.0
    {
        let message = format!("the run would record more than {MOST_RECORDED_POINTS} intervals");
        context.error(interval, message);
    }
    for (key, limit) in [
        ("events", raw.limits.events),
        ("eventsAtOneInstant", raw.limits.events_at_one_instant),
        ("pendingEvents", raw.limits.pending_events),
        ("tasks", raw.limits.tasks),
        ("requests", raw.limits.requests),
    ] {
        if limit.0 == 0 {
            context.error(&root.key("limits").key(key), "must be at least 1");
        }
    }
}

/// Reports a speed of image pulls that is too low to end.
pub(super) fn bandwidth(context: &Context<'_>, path: &Path, bytes: Bytes) {
    if bytes.0 < 1000 {
        context.error(path, "must be at least 1 KB");
    }
}

fn control_plane(context: &Context<'_>, raw: &control::ControlPlane) -> Option<ControlPlane> {
    let path = Path::root().key("controlPlane");
    let distribution = |key: &str, raw| distribution::lower(context, &path.key(key), raw);
    let retry = path.key("placementRetry");
    for (key, length) in [
        ("quickInterval", raw.placement_retry.quick_interval),
        ("slowInterval", raw.placement_retry.slow_interval),
    ] {
        context.positive(&retry.key(key), length);
    }
    bandwidth(
        context,
        &path.key("imagePull").key("fargateBandwidth"),
        raw.image_pull.fargate_bandwidth,
    );
    context.positive(&path.key("scalingActivityTimeout"), raw.scaling_activity_timeout);
    Some(ControlPlane {
        scheduler_reaction: distribution("schedulerReaction", &raw.scheduler_reaction)?,
        network_interface_attach: distribution(
            "networkInterfaceAttach",
            &raw.network_interface_attach,
        )?,
        network_interface_detach: raw.network_interface_detach.duration(),
        fargate_provisioning: distribution("fargateProvisioning", &raw.fargate_provisioning)?,
        provisioning_timeout: distribution("provisioningTimeout", &raw.provisioning_timeout)?,
        placement_retry: PlacementRetry {
            quick_interval: raw.placement_retry.quick_interval.duration(),
            quick_phase: raw.placement_retry.quick_phase.duration(),
            slow_interval: raw.placement_retry.slow_interval.duration(),
        },
        capacity_provider_metric_delay: raw.capacity_provider_metric_delay.duration(),
        queue_activation_lag: distribution("queueActivationLag", &raw.queue_activation_lag)?,
        scaling_action_delay: raw.scaling_action_delay.duration(),
        scheduled_action_delay: raw.scheduled_action_delay.duration(),
        scaling: scaling::rules(context, &path.key("scalingPolicies"), raw)?,
        tie_break: match raw.tie_break {
            control::TieBreak::SeededRank => TieBreak::SeededRank,
            control::TieBreak::OldestFirst => TieBreak::OldestFirst,
        },
        images: ImageDelays {
            fargate_bandwidth: raw.image_pull.fargate_bandwidth.0,
            lazy_load: raw.image_pull.lazy_load_time.duration(),
            manifest_check: raw.image_pull.manifest_check.duration(),
            cache_check: raw.image_pull.cache_check.duration(),
            first_task_hold: raw.image_pull.first_task_hold.duration(),
        },
        run_task_calls: raw.run_task_calls.map_or(context.rules.cluster_modify_bucket, bucket),
        tasks_per_call: raw.tasks_per_call.unwrap_or(context.rules.tasks_per_run_task),
        launch_rate_quotas: raw.launch_rate_quotas,
        fargate_launches: raw.fargate_launches.map(bucket),
        fargate_spot_launches: raw.fargate_spot_launches.map(bucket),
        instances_per_cluster: instances_per_cluster(context, raw),
        registration_retry: registration_retry(context, &path, &raw.registration_retry),
        service_scheduler: service_scheduler(context, &raw.service_scheduler),
        providers: provider_choices::lower(raw),
    })
}

fn bucket(raw: control::CallRate) -> TokenBucket {
    TokenBucket { burst: raw.burst, refill_per_second: raw.refill_per_second }
}

fn registration_retry(
    context: &Context<'_>,
    path: &Path,
    raw: &control::RegistrationRetry,
) -> RegistrationRetry {
    let (first, longest) = (raw.first_interval.duration(), raw.longest_interval.duration());
    if longest < first {
        let path = path.key("registrationRetry").key("longestInterval");
        context.error(&path, "must not be below `firstInterval`");
    }
    RegistrationRetry { first_interval: first, longest_interval: longest }
}

fn service_scheduler(context: &Context<'_>, raw: &control::ServiceScheduler) -> ServiceScheduler {
    let longest = SimDuration::from_secs(context.rules.service_throttle_max_seconds.into());
    ServiceScheduler {
        healthy_after: raw.healthy_after.duration(),
        healthy_after_when_draining: raw.healthy_after_when_draining.duration(),
        maximum_counts_stopping: raw.maximum_percent_counts_stopping,
        tick: raw.tick.duration(),
        batch: raw.batch_size,
        throttle: ThrottleLaw {
            failures: raw.throttle.failures,
            first_pause: raw.throttle.first_pause.duration(),
            maximum: raw.throttle.maximum_pause.map_or(longest, Length::duration),
        },
        launch_limiter: match raw.launch_rate_limiter {
            control::LaunchRateLimiter::Bucket => LaunchLimiter::Bucket,
            control::LaunchRateLimiter::Window => LaunchLimiter::Window,
        },
        launches_per_minute: raw.launches_per_minute,
        rebalancing_interval: raw.zone_rebalancing.interval.duration(),
        rebalancing_batch: raw.zone_rebalancing.batch_size,
        unhealthy_order: match raw.unhealthy_task_order {
            control::UnhealthyTaskOrder::Random => UnhealthyOrder::Random,
            control::UnhealthyTaskOrder::OldestFirst => UnhealthyOrder::OldestFirst,
        },
        below_protected: match raw.below_protected {
            control::BelowProtected::Keep => BelowProtected::Keep,
            control::BelowProtected::Stop => BelowProtected::Stop,
        },
    }
}

/// Container instances that the cluster takes.
fn instances_per_cluster(context: &Context<'_>, raw: &control::ControlPlane) -> u32 {
    raw.instances_per_cluster.unwrap_or(context.rules.instances_per_cluster)
}

/// Quotas of the cluster that the document can be held against.
fn check_cluster_quotas(context: &Context<'_>, raw: &ScenarioDocument) {
    let rules = context.rules;
    let services = raw.services.len();
    if rules.services_per_cluster as usize <= services.saturating_sub(1) {
        let most = rules.services_per_cluster;
        let message =
            format!("a cluster has at most {most} services in the AWS rules of {}", rules.name);
        context.error(&Path::root().key("services"), message);
    }
    let largest: u64 = raw.auto_scaling_groups.iter().map(|group| u64::from(group.max_size)).sum();
    let most = instances_per_cluster(context, &raw.control_plane);
    if u64::from(most) < largest {
        let message = format!(
            "the groups may grow to {largest} instances, but a cluster takes {most} (AWS rules of {}: {}): \
             further ones register only once others have left; `controlPlane.instancesPerCluster` sets \
             another limit",
            rules.name, rules.instances_per_cluster
        );
        context.note(&Path::root().key("autoScalingGroups"), message);
    }
}

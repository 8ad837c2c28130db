//! What a sweep keeps of a run: a few dozen numbers, so that memory does not grow with the runs.

use plimsoll_reports::summary::{ElasticitySummary, Summary};

/// A number that every run of a sweep reports, ordered as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Metric {
    /// Kind; the order of the variants is the order of the columns.
    pub kind: MetricKind,
    /// Service, batch source or kind of charge; empty for the whole run.
    pub entity: String,
}

/// Kinds of metrics, in the order of the columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is named and described by `Metric::path`")]
pub enum MetricKind {
    CostTotal,
    CostPerMillionRequests,
    CostByCategory,
    CostOfService,
    CpuReserved,
    MemoryReserved,
    CpuUsed,
    PackingEfficiency,
    InstancesMean,
    InstancesPeak,
    InstanceHours,
    RunningMean,
    SloViolation,
    ViolatedMinutes,
    ViolatedMinuteCount,
    Elasticity(ElasticityMeasure),
    GroupElasticity(ElasticityMeasure),
    Recovery,
    ObjectiveRecovery,
    NeverRecovered,
    LatencyP50,
    LatencyP95,
    LatencyP99,
    PendingP50,
    PendingP95,
    PendingP99,
    PlacementFailures,
    BatchWaitMean,
    BatchLastEnd,
    MessageWaitMean,
    MessageWaitP95,
    WastedAttempts,
}

/// Measures of how well supply follows demand, of a service or of an Auto Scaling group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is named by `ElasticityMeasure::key`")]
pub enum ElasticityMeasure {
    UnderProvisioning,
    OverProvisioning,
    UnderProvisionedTime,
    OverProvisionedTime,
    Instability,
    ScalingLag,
    /// Against the baseline; see [`speed_up`](super::speed_up).
    SpeedUp,
}

impl ElasticityMeasure {
    /// Its key in the measures of `summary.json`; the speed-up is known to sweeps only.
    const fn key(self) -> &'static str {
        match self {
            Self::UnderProvisioning => "underProvisioningAccuracy",
            Self::OverProvisioning => "overProvisioningAccuracy",
            Self::UnderProvisionedTime => "underProvisionedTime",
            Self::OverProvisionedTime => "overProvisionedTime",
            Self::Instability => "instability",
            Self::ScalingLag => "scalingLagSeconds",
            Self::SpeedUp => "speedUp",
        }
    }
}

impl Metric {
    /// Its path in `summary.json`, where it has one, and its column in `sweep.csv`.
    pub fn path(&self) -> String {
        let name = &self.entity;
        match self.kind {
            MetricKind::CostTotal => "cost.totalUsd".to_owned(),
            MetricKind::CostPerMillionRequests => "cost.perMillionRequestsUsd".to_owned(),
            MetricKind::CostByCategory => format!("cost.byCategory.{name}"),
            MetricKind::CostOfService => format!("services.{name}.costUsd"),
            MetricKind::CpuReserved => "utilization.cpuReserved".to_owned(),
            MetricKind::MemoryReserved => "utilization.memoryReserved".to_owned(),
            MetricKind::CpuUsed => "utilization.cpuUsed".to_owned(),
            MetricKind::PackingEfficiency => "packing.efficiency".to_owned(),
            MetricKind::InstancesMean => "instances.mean".to_owned(),
            MetricKind::InstancesPeak => "instances.peak".to_owned(),
            MetricKind::InstanceHours => "instances.hours".to_owned(),
            MetricKind::RunningMean => format!("services.{name}.running"),
            MetricKind::SloViolation => format!("services.{name}.sloViolationFraction"),
            MetricKind::ViolatedMinutes => {
                format!("services.{name}.objective.violatedMinuteFraction")
            }
            MetricKind::ViolatedMinuteCount => {
                format!("services.{name}.objective.violatedMinutes")
            }
            MetricKind::Elasticity(measure) => {
                format!("services.{name}.elasticity.{}", measure.key())
            }
            MetricKind::GroupElasticity(measure) => {
                format!("capacity.{name}.elasticity.{}", measure.key())
            }
            MetricKind::Recovery => {
                format!("services.{name}.recovery.desiredCount.longestSeconds")
            }
            MetricKind::ObjectiveRecovery => {
                format!("services.{name}.recovery.objective.longestSeconds")
            }
            MetricKind::NeverRecovered => {
                format!("services.{name}.recovery.desiredCount.neverRecovered")
            }
            MetricKind::LatencyP50 => format!("services.{name}.latencyMs.p50"),
            MetricKind::LatencyP95 => format!("services.{name}.latencyMs.p95"),
            MetricKind::LatencyP99 => format!("services.{name}.latencyMs.p99"),
            MetricKind::PendingP50 => "tasks.pendingSeconds.p50".to_owned(),
            MetricKind::PendingP95 => "tasks.pendingSeconds.p95".to_owned(),
            MetricKind::PendingP99 => "tasks.pendingSeconds.p99".to_owned(),
            MetricKind::PlacementFailures => "tasks.placementFailures".to_owned(),
            MetricKind::BatchWaitMean => format!("batches.{name}.waitSeconds.mean"),
            MetricKind::BatchLastEnd => format!("batches.{name}.lastEndSeconds"),
            MetricKind::MessageWaitMean => format!("queues.{name}.waitSeconds.mean"),
            MetricKind::MessageWaitP95 => format!("queues.{name}.waitSeconds.p95"),
            MetricKind::WastedAttempts => format!("queues.{name}.wasted"),
        }
    }

    /// Words for a difference: the metric is less, or more, than the baseline's.
    pub fn words(&self) -> (&'static str, &'static str) {
        match self.kind {
            MetricKind::CostTotal
            | MetricKind::CostPerMillionRequests
            | MetricKind::CostByCategory
            | MetricKind::CostOfService => ("cheaper", "dearer"),
            MetricKind::LatencyP50
            | MetricKind::LatencyP95
            | MetricKind::LatencyP99
            | MetricKind::Elasticity(ElasticityMeasure::ScalingLag)
            | MetricKind::GroupElasticity(ElasticityMeasure::ScalingLag)
            | MetricKind::Recovery
            | MetricKind::ObjectiveRecovery
            | MetricKind::BatchWaitMean
            | MetricKind::BatchLastEnd
            | MetricKind::MessageWaitMean
            | MetricKind::MessageWaitP95
            | MetricKind::PendingP50
            | MetricKind::PendingP95
            | MetricKind::PendingP99 => ("shorter", "longer"),
            _ => ("lower", "higher"),
        }
    }

    /// Whether the comparison on the terminal shows it; the files have them all.
    pub fn is_headline(&self) -> bool {
        matches!(
            self.kind,
            MetricKind::CostTotal
                | MetricKind::CostPerMillionRequests
                | MetricKind::CpuReserved
                | MetricKind::SloViolation
                | MetricKind::ViolatedMinuteCount
                | MetricKind::Elasticity(
                    ElasticityMeasure::UnderProvisioning
                        | ElasticityMeasure::Instability
                        | ElasticityMeasure::SpeedUp
                )
                | MetricKind::Recovery
                | MetricKind::LatencyP99
                | MetricKind::PendingP95
                | MetricKind::BatchWaitMean
                | MetricKind::MessageWaitP95
        )
    }
}

/// What one work unit (a point and a replication) hands back.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitMetrics {
    /// Index of the point.
    pub point: usize,
    /// Replication, counted from 0.
    pub replication: u32,
    /// Fingerprint of the run's event history, as in `summary.json`.
    pub fingerprint: String,
    /// Values by metric, sorted; a metric that does not apply is absent.
    pub values: Vec<(Metric, f64)>,
}

impl UnitMetrics {
    /// The metrics of a run of `point`.
    pub fn new(point: usize, replication: u32, summary: &Summary) -> Self {
        let mut values = Values(Vec::new());
        values.whole_run(summary);
        values.services(summary);
        for (name, group) in &summary.capacity {
            values.elasticity(MetricKind::GroupElasticity, name, group.elasticity.as_ref());
        }
        for (name, batch) in &summary.batches {
            let wait = batch.wait_seconds.as_ref();
            values.put(MetricKind::BatchWaitMean, name, wait.map(|wait| wait.mean));
            values.put(MetricKind::BatchLastEnd, name, batch.last_end_seconds);
        }
        for (name, queue) in &summary.queues {
            let wait = queue.wait_seconds.as_ref();
            values.put(MetricKind::MessageWaitMean, name, wait.map(|wait| wait.mean));
            values.put(MetricKind::MessageWaitP95, name, wait.map(|wait| wait.p95));
            values.put(MetricKind::WastedAttempts, name, Some(queue.wasted as f64));
        }
        let mut values = values.0;
        values.sort_by(|a, b| a.0.cmp(&b.0));
        Self { point, replication, fingerprint: summary.fingerprint.clone(), values }
    }

    /// Adds a value that is known only beside other runs.
    pub(super) fn add(&mut self, metric: Metric, value: f64) {
        if let Err(index) = self.values.binary_search_by(|(known, _)| known.cmp(&metric)) {
            self.values.insert(index, (metric, value));
        }
    }

    /// The value of `metric`, if it applies to this run.
    pub fn get(&self, metric: &Metric) -> Option<f64> {
        let index = self.values.binary_search_by(|(candidate, _)| candidate.cmp(metric)).ok()?;
        self.values.get(index).map(|(_, value)| *value)
    }
}

struct Values(Vec<(Metric, f64)>);

impl Values {
    /// Keeps a value that applies and is a number.
    fn put(&mut self, kind: MetricKind, entity: &str, value: Option<f64>) {
        if let Some(value) = value.filter(|value| value.is_finite()) {
            self.0.push((Metric { kind, entity: entity.to_owned() }, value));
        }
    }

    fn whole_run(&mut self, summary: &Summary) {
        let total = usd(&summary.cost.total_usd);
        self.put(MetricKind::CostTotal, "", total);
        let requests = summary.services.values().filter_map(|service| service.requests.as_ref());
        let millions = requests.map(|requests| requests.served).sum::<f64>() / 1e6;
        if 0.0 < millions {
            self.put(MetricKind::CostPerMillionRequests, "", total.map(|usd| usd / millions));
        }
        for (category, amount) in &summary.cost.by_category {
            self.put(MetricKind::CostByCategory, category, usd(amount));
        }
        if let Some(utilization) = &summary.utilization {
            self.put(MetricKind::CpuReserved, "", utilization.cpu_reserved);
            self.put(MetricKind::MemoryReserved, "", utilization.memory_reserved);
            self.put(MetricKind::CpuUsed, "", utilization.cpu_used);
        }
        let efficiency = summary.packing.as_ref().and_then(|packing| packing.efficiency);
        self.put(MetricKind::PackingEfficiency, "", efficiency);
        self.put(MetricKind::InstancesMean, "", Some(summary.instances.mean));
        self.put(MetricKind::InstancesPeak, "", Some(f64::from(summary.instances.peak)));
        self.put(MetricKind::InstanceHours, "", Some(summary.instances.hours));
        if let Some(pending) = &summary.tasks.pending_seconds {
            self.put(MetricKind::PendingP50, "", Some(pending.p50));
            self.put(MetricKind::PendingP95, "", Some(pending.p95));
            self.put(MetricKind::PendingP99, "", Some(pending.p99));
        }
        let failures = summary.tasks.placement_failures as f64;
        self.put(MetricKind::PlacementFailures, "", Some(failures));
    }

    fn elasticity(
        &mut self,
        kind: impl Fn(ElasticityMeasure) -> MetricKind,
        name: &str,
        measures: Option<&ElasticitySummary>,
    ) {
        let Some(of) = measures else { return };
        for (measure, value) in [
            (ElasticityMeasure::UnderProvisioning, Some(of.under_provisioning_accuracy)),
            (ElasticityMeasure::OverProvisioning, Some(of.over_provisioning_accuracy)),
            (ElasticityMeasure::UnderProvisionedTime, Some(of.under_provisioned_time)),
            (ElasticityMeasure::OverProvisionedTime, Some(of.over_provisioned_time)),
            (ElasticityMeasure::Instability, Some(of.instability)),
            (ElasticityMeasure::ScalingLag, of.scaling_lag_seconds),
        ] {
            self.put(kind(measure), name, value);
        }
    }

    fn services(&mut self, summary: &Summary) {
        for (name, service) in &summary.services {
            self.put(MetricKind::CostOfService, name, usd(&service.cost_usd));
            self.put(MetricKind::RunningMean, name, Some(service.running));
            self.put(MetricKind::SloViolation, name, service.slo_violation_fraction);
            let objective = service.objective.as_ref();
            let minutes = objective.map(|objective| objective.violated_minute_fraction);
            self.put(MetricKind::ViolatedMinutes, name, minutes);
            let count = objective.map(|objective| objective.violated_minutes as f64);
            self.put(MetricKind::ViolatedMinuteCount, name, count);
            self.elasticity(MetricKind::Elasticity, name, service.elasticity.as_ref());
            if let Some(recovery) = &service.recovery {
                let (count, objective) = (&recovery.desired_count, recovery.objective.as_ref());
                self.put(MetricKind::Recovery, name, count.longest_seconds);
                let longest = objective.and_then(|it| it.longest_seconds);
                self.put(MetricKind::ObjectiveRecovery, name, longest);
                self.put(MetricKind::NeverRecovered, name, Some(count.never_recovered as f64));
            }
            if let Some(latency) = &service.latency_ms {
                self.put(MetricKind::LatencyP50, name, Some(latency.p50));
                self.put(MetricKind::LatencyP95, name, Some(latency.p95));
                self.put(MetricKind::LatencyP99, name, Some(latency.p99));
            }
        }
    }
}

/// A decimal string of the summary as a number for statistics.
fn usd(text: &str) -> Option<f64> {
    text.parse().ok()
}

/// All metrics that any of `units` has, in column order.
pub fn all_metrics(units: &[UnitMetrics]) -> Vec<Metric> {
    let mut metrics: Vec<Metric> = Vec::new();
    for unit in units {
        // Nearly always the same metrics as the unit before: look before inserting.
        for (metric, _) in &unit.values {
            if let Err(index) = metrics.binary_search(metric) {
                metrics.insert(index, metric.clone());
            }
        }
    }
    metrics
}

#[cfg(test)]
mod tests {
    use plimsoll_reports::summary::{CostSummary, RequestsSummary, ServiceSummary};

    use super::*;

    fn summary(total: &str, served: f64) -> Summary {
        let requests = RequestsSummary { served, ..RequestsSummary::default() };
        let service = ServiceSummary { requests: Some(requests), ..ServiceSummary::default() };
        Summary {
            cost: CostSummary { total_usd: total.to_owned(), ..CostSummary::default() },
            services: [("api".to_owned(), service)].into(),
            ..Summary::default()
        }
    }

    fn metric(kind: MetricKind, entity: &str) -> Metric {
        Metric { kind, entity: entity.to_owned() }
    }

    #[test]
    fn cost_per_million_requests_counts_served_requests() {
        let unit = UnitMetrics::new(0, 0, &summary("12.50", 5_000_000.0));
        assert_eq!(unit.get(&metric(MetricKind::CostTotal, "")), Some(12.5));
        assert_eq!(unit.get(&metric(MetricKind::CostPerMillionRequests, "")), Some(2.5));
    }

    #[test]
    fn what_does_not_apply_is_absent_and_not_zero() {
        let unit = UnitMetrics::new(0, 0, &summary("12.50", 0.0));
        assert_eq!(unit.get(&metric(MetricKind::CostPerMillionRequests, "")), None);
        assert_eq!(unit.get(&metric(MetricKind::SloViolation, "api")), None);
        assert_eq!(unit.get(&metric(MetricKind::CpuReserved, "")), None);
    }

    #[test]
    fn columns_are_the_union_in_a_fixed_order() {
        let one = UnitMetrics::new(0, 0, &summary("1", 0.0));
        let two = UnitMetrics::new(1, 0, &summary("1", 1.0));
        let forward = all_metrics(&[one.clone(), two.clone()]);
        assert_eq!(forward, all_metrics(&[two, one]));
        let paths: Vec<String> = forward.iter().take(2).map(Metric::path).collect();
        assert_eq!(paths, ["cost.totalUsd", "cost.perMillionRequestsUsd"]);
    }
}

//! What holds a run back: sentences derived from its summary, the gravest first.

use crate::number::{count, duration, percent, significant, usd};
use crate::summary::{ServiceSummary, Summary};

/// A thing that limits the run.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Rule that found it.
    pub kind: FindingKind,
    /// In two or three words.
    pub headline: String,
    /// In one sentence, with its figures.
    pub sentence: String,
    /// Rank: findings with a higher one come first.
    weight: f64,
}

/// Which rule found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FindingKind {
    /// A service stood at its largest count while more was needed.
    MaximumReached,
    /// A service ran with fewer tasks than needed, below its maximum.
    ScalingLag,
    /// Tasks waited for an Auto Scaling group that was as large as it may be.
    GroupAtMaximum,
    /// Requests failed.
    FailedRequests,
    /// Tasks found no instance.
    NoRoom,
    /// Deployments failed, or were not complete at the end.
    Deployments,
    /// Spot took capacity back.
    Interruptions,
    /// Jobs waited.
    QueueWait,
    /// Work was left at the end.
    Unfinished,
    /// One resource is reserved much more than the other.
    ScarceResource,
    /// Reserved much more than used.
    OversizedTasks,
    /// Neither CPU nor memory is scarce and instances stand idle.
    IdleCapacity,
}

/// What limits the run, the gravest first; empty if nothing does.
///
/// The thresholds are those of a reader, not of AWS: below them a figure is not worth a sentence.
pub fn limits(summary: &Summary) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, service) in &summary.services {
        findings.extend(maximum_reached(name, service));
        findings.extend(scaling_lag(name, service));
        findings.extend(failed_requests(name, service));
        findings.extend(deployments(name, service));
    }
    findings.extend(group_at_maximum(summary));
    findings.extend(no_room(summary));
    findings.extend(interruptions(summary));
    for (name, batch) in &summary.batches {
        findings.extend(queue_wait(name, batch));
    }
    findings.extend(unfinished(summary));
    findings.extend(given_up(summary));
    findings.extend(scarce_resource(summary));
    findings.extend(oversized_tasks(summary));
    findings.extend(idle_capacity(summary));
    // Stable: equals stay in the order of the rules and of the names.
    findings.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    findings
}

fn finding(
    kind: FindingKind,
    weight: f64,
    headline: impl Into<String>,
    sentence: String,
) -> Finding {
    Finding { kind, headline: headline.into(), sentence, weight }
}

fn maximum_reached(name: &str, service: &ServiceSummary) -> Option<Finding> {
    let scaling = service.scaling.as_ref()?;
    let share = scaling.short_at_peak_time.filter(|share| *share >= 0.005)?;
    let (desired, needed) =
        (scaling.desired_peak?, service.elasticity.as_ref()?.needed_peak as f64);
    let sentence = format!(
        "{name} needed up to {} tasks, but its desired count never passed {}; it stood there with too few for {} of \
         the time.",
        significant(needed, 4),
        significant(desired, 4),
        percent(share)
    );
    Some(finding(FindingKind::MaximumReached, 4.0 + share, "Maximum capacity reached", sentence))
}

fn scaling_lag(name: &str, service: &ServiceSummary) -> Option<Finding> {
    let scaling = service.scaling.as_ref()?;
    let elasticity = service.elasticity.as_ref()?;
    let short = elasticity.under_provisioned_time;
    let lag = short - scaling.short_at_peak_time.unwrap_or(0.0);
    if lag < 0.02 {
        return None;
    }
    let mean = elasticity.under_provisioned_mean;
    let missing = if mean > 0.0 {
        format!(" ({} tasks short on average over the run)", significant(mean, 2))
    } else {
        String::new()
    };
    let sentence = format!(
        "Fewer tasks of {name} served than its load needed for {} of the time{missing}: capacity follows the load with a \
         delay.",
        percent(short)
    );
    Some(finding(FindingKind::ScalingLag, 3.0 + lag, "Scaling lags behind the load", sentence))
}

fn failed_requests(name: &str, service: &ServiceSummary) -> Option<Finding> {
    let requests = service.requests.as_ref()?;
    let share = requests.failed / requests.offered;
    if !share.is_finite() || share < 1e-4 {
        return None;
    }
    let sentence = format!(
        "{} of the requests to {name} failed ({}).",
        percent(share),
        count(requests.failed)
    );
    // One request in a hundred is graver than any delay.
    let weight = if share >= 0.01 { 5.0 } else { 2.5 };
    Some(finding(FindingKind::FailedRequests, weight + share.min(0.9), "Requests fail", sentence))
}

fn group_at_maximum(summary: &Summary) -> Vec<Finding> {
    let groups =
        summary.capacity.iter().filter(|(_, group)| group.waiting_at_maximum_time >= 0.005);
    groups
        .map(|(name, group)| {
            let share = group.waiting_at_maximum_time;
            let sentence = format!(
                "Tasks waited for instances of {name} for {} of the time while the group stood at its maximum of {}.",
                percent(share),
                group.max_size
            );
            finding(FindingKind::GroupAtMaximum, 4.0 + share, "Instances at their maximum", sentence)
        })
        .collect()
}

fn no_room(summary: &Summary) -> Option<Finding> {
    let failures = summary.tasks.placement_failures;
    if failures == 0 {
        return None;
    }
    let waits = summary.tasks.pending_seconds.as_ref().map_or(String::new(), |pending| {
        format!("; from creation to RUNNING tasks took {} at p95", duration(pending.p95))
    });
    let reason = summary.tasks.placement_failure_reason.as_ref();
    let reason = reason
        .map_or(String::new(), |reason| format!(", most often because the closest one {reason}"));
    let plural = if failures == 1 { "" } else { "s" };
    let sentence = format!(
        "{} placement attempt{plural} found no instance with room{reason}{waits}.",
        count(failures as f64)
    );
    let per_task = failures as f64 / (summary.tasks.created.max(1) as f64);
    Some(finding(FindingKind::NoRoom, 2.0 + per_task.min(0.99), "No room for tasks", sentence))
}

/// Deployments that failed, and one that goes on at the end of the run.
fn deployments(name: &str, service: &ServiceSummary) -> Option<Finding> {
    // The first one is the creation of the service.
    let later = service.deployments.get(1..)?;
    let failed = later.iter().filter(|it| it.rollout_state == "FAILED").count();
    let open = later.last().filter(|it| it.rollout_state == "IN_PROGRESS");
    let mut parts = Vec::new();
    if failed > 0 {
        parts.push(format!("{failed} of {} deployments of {name} failed", later.len()));
    }
    if let Some(open) = open {
        let id = &open.id;
        parts.push(format!(
            "the deployment {id} was not complete at the end, with {} of its tasks running",
            open.running_count
        ));
    }
    if parts.is_empty() {
        return None;
    }
    let mut sentence = parts.join("; ");
    if let Some(first) = sentence.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    sentence.push('.');
    let weight = if failed > 0 { 3.3 } else { 2.2 };
    Some(finding(FindingKind::Deployments, weight, "Deployments do not succeed", sentence))
}

fn interruptions(summary: &Summary) -> Option<Finding> {
    let parts = [
        (summary.instances.interrupted.into(), "instance"),
        (summary.tasks.interrupted, "Fargate task"),
    ];
    let taken: Vec<String> = parts
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| {
            format!("{} {what}{}", count(*number as f64), if *number == 1 { "" } else { "s" })
        })
        .collect();
    if taken.is_empty() {
        return None;
    }
    let sentence = format!("Spot took back {}.", taken.join(" and "));
    Some(finding(FindingKind::Interruptions, 1.5, "Spot interruptions", sentence))
}

fn queue_wait(name: &str, batch: &crate::summary::BatchSummary) -> Option<Finding> {
    let waits = batch.wait_seconds.as_ref().filter(|waits| waits.p95 >= 30.0)?;
    let sentence = format!(
        "Jobs of {name} waited {} for room at p95, {} on average.",
        duration(waits.p95),
        duration(waits.mean)
    );
    let weight = 3.5 + (waits.p95 / 1e6).min(0.4);
    Some(finding(FindingKind::QueueWait, weight, "Jobs wait in the queue", sentence))
}

fn unfinished(summary: &Summary) -> Option<Finding> {
    let jobs: u64 = summary
        .batches
        .values()
        .map(|it| it.arrived.saturating_sub(it.completed + it.given_up))
        .sum();
    let tasks = summary.tasks.pending_at_end;
    if jobs == 0 && tasks == 0 {
        return None;
    }
    let things =
        if jobs > 0 { (jobs, "job", "unfinished") } else { (tasks, "task", "waiting to run") };
    let plural = if things.0 == 1 { " was" } else { "s were" };
    let sentence =
        format!("{} {}{plural} still {} at the end.", count(things.0 as f64), things.1, things.2);
    Some(finding(FindingKind::Unfinished, 1.2, "Work left at the end", sentence))
}

fn given_up(summary: &Summary) -> Option<Finding> {
    let jobs: u64 = summary.batches.values().map(|batch| batch.given_up).sum();
    if jobs == 0 {
        return None;
    }
    let plural = if jobs == 1 { "" } else { "s" };
    let sentence = format!(
        "{} job{plural} found no room or did not reach the end, and nobody tried again.",
        count(jobs as f64)
    );
    Some(finding(FindingKind::Unfinished, 3.2, "Jobs were given up", sentence))
}

fn scarce_resource(summary: &Summary) -> Option<Finding> {
    let utilization = summary.utilization.as_ref()?;
    let (cpu, memory) = (utilization.cpu_reserved?, utilization.memory_reserved?);
    let (more, less, names, advice) = if memory > cpu {
        (
            memory,
            cpu,
            ("Memory", "CPU"),
            "types with more memory per vCPU would hold the same tasks on fewer instances",
        )
    } else {
        (
            cpu,
            memory,
            ("CPU", "memory"),
            "types with more vCPUs per GiB would hold the same tasks on fewer instances",
        )
    };
    if more < 0.6 || more - less < 0.15 {
        return None;
    }
    let sentence = format!(
        "{} is {} reserved while {} is {}: {advice}.",
        names.0,
        percent(more),
        names.1,
        percent(less)
    );
    Some(finding(
        FindingKind::ScarceResource,
        1.8 + (more - less) / 10.0,
        format!("{} is scarce", names.0),
        sentence,
    ))
}

fn oversized_tasks(summary: &Summary) -> Option<Finding> {
    let utilization = summary.utilization.as_ref()?;
    let (reserved, used) = (utilization.cpu_reserved?, utilization.cpu_used?);
    if reserved < 0.2 || used > 0.5 * reserved {
        return None;
    }
    let sentence = format!(
        "Tasks reserve {} of the CPU and use {}: smaller task sizes would fit more of them on an instance.",
        percent(reserved),
        percent(used)
    );
    Some(finding(FindingKind::OversizedTasks, 1.1, "Tasks reserve more than they use", sentence))
}

fn idle_capacity(summary: &Summary) -> Option<Finding> {
    let utilization = summary.utilization.as_ref()?;
    let most = utilization.cpu_reserved?.max(utilization.memory_reserved?);
    if most >= 0.6 {
        return None;
    }
    let idle = crate::number::parse_decimal(&summary.cost.idle_ec2_usd)
        .map_or(0.0, crate::number::usd_f64);
    let paid = if idle > 0.0 {
        format!("; {} paid for capacity that no task reserved", usd(idle))
    } else {
        String::new()
    };
    let sentence = format!("Neither CPU nor memory is more than {} reserved{paid}.", percent(most));
    Some(finding(FindingKind::IdleCapacity, 1.0, "Instances stand idle", sentence))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summary::{
        BatchSummary, CapacitySummary, DeploymentSummary, ElasticitySummary, Quantiles,
        RequestsSummary, ServiceScaling, UtilizationSummary,
    };

    /// The sentence with plain spaces.
    fn plain(finding: &Finding) -> String {
        finding.sentence.replace(crate::number::GLUE, " ")
    }

    fn kinds(summary: &Summary) -> Vec<FindingKind> {
        limits(summary).into_iter().map(|finding| finding.kind).collect()
    }

    fn utilization(cpu: f64, memory: f64, used: Option<f64>) -> Summary {
        let utilization = UtilizationSummary {
            cpu_reserved: Some(cpu),
            memory_reserved: Some(memory),
            cpu_used: used,
        };
        Summary { utilization: Some(utilization), ..Summary::default() }
    }

    fn service(scaling: ServiceScaling, short: f64) -> Summary {
        let elasticity = ElasticitySummary {
            under_provisioned_time: short,
            needed_peak: 42,
            ..ElasticitySummary::default()
        };
        let service = ServiceSummary {
            scaling: Some(scaling),
            elasticity: Some(elasticity),
            ..ServiceSummary::default()
        };
        Summary { services: [("api".to_owned(), service)].into(), ..Summary::default() }
    }

    #[test]
    fn an_uneventful_run_has_no_limits() {
        assert_eq!(limits(&Summary::default()), []);
        assert_eq!(kinds(&utilization(0.8, 0.85, Some(0.6))), []);
    }

    #[test]
    fn names_the_scarce_resource() {
        let found = limits(&utilization(0.48, 0.91, None));
        assert_eq!(found[0].headline, "Memory is scarce");
        assert!(plain(&found[0]).starts_with("Memory is 91 % reserved while CPU is 48 %"));
        let found = limits(&utilization(0.91, 0.48, None));
        assert_eq!(found[0].headline, "CPU is scarce");
        assert_eq!(kinds(&utilization(0.3, 0.4, None)), [FindingKind::IdleCapacity]);
    }

    #[test]
    fn names_a_group_that_may_not_grow() {
        let group = CapacitySummary {
            max_size: 3,
            waiting_at_maximum_time: 0.25,
            ..CapacitySummary::default()
        };
        let summary =
            Summary { capacity: [("web".to_owned(), group)].into(), ..Summary::default() };
        let found = limits(&summary);
        let found: Vec<_> = found.iter().map(|it| (it.kind, it.sentence.as_str())).collect();
        let sentence = "Tasks waited for instances of web for 25\u{a0}% of the time while the group stood at its maximum of 3.";
        assert_eq!(found, [(FindingKind::GroupAtMaximum, sentence)]);
    }

    #[test]
    fn tells_a_maximum_from_a_delay() {
        let at_maximum = ServiceScaling {
            short_at_peak_time: Some(0.099),
            desired_peak: Some(32.0),
            ..ServiceScaling::default()
        };
        assert_eq!(kinds(&service(at_maximum.clone(), 0.1)), [FindingKind::MaximumReached]);
        let late = ServiceScaling { short_at_peak_time: Some(0.0), ..at_maximum.clone() };
        assert_eq!(kinds(&service(late, 0.1)), [FindingKind::ScalingLag]);
        let both = [FindingKind::MaximumReached, FindingKind::ScalingLag];
        assert_eq!(kinds(&service(at_maximum, 0.3)), both);
    }

    #[test]
    fn deployments_that_failed_or_go_on_are_told() {
        let deployment = |id: &str, state: &str| DeploymentSummary {
            id: id.to_owned(),
            rollout_state: state.to_owned(),
            running_count: 2,
            ..DeploymentSummary::default()
        };
        let of = |deployments: &[DeploymentSummary]| {
            let service =
                ServiceSummary { deployments: deployments.to_vec(), ..ServiceSummary::default() };
            let services = [("api".to_owned(), service)].into();
            let found = limits(&Summary { services, ..Summary::default() });
            found.into_iter().map(|finding| finding.sentence).collect::<Vec<_>>()
        };
        let created = deployment("ecs-svc/api", "COMPLETED");
        let never = deployment("ecs-svc/api", "IN_PROGRESS");
        assert_eq!(of(&[never]), Vec::<String>::new(), "a service that is being created");
        let failed = deployment("ecs-svc/api/2", "FAILED");
        let back = deployment("ecs-svc/api/3", "COMPLETED");
        assert_eq!(
            of(&[created.clone(), failed.clone(), back]),
            ["1 of 2 deployments of api failed."]
        );
        let open = deployment("ecs-svc/api/2", "IN_PROGRESS");
        assert_eq!(
            of(&[created.clone(), open]),
            [
                "The deployment ecs-svc/api/2 was not complete at the end, with 2 of its tasks running."
            ]
        );
        let rolling_back = deployment("ecs-svc/api/3", "IN_PROGRESS");
        assert_eq!(
            of(&[created, failed, rolling_back]),
            [
                "1 of 2 deployments of api failed; the deployment ecs-svc/api/3 was not complete at the \
              end, with 2 of its tasks running."
            ]
        );
    }

    #[test]
    fn many_failures_come_first() {
        let mut summary = service(ServiceScaling::default(), 0.5);
        if let Some(service) = summary.services.get_mut("api") {
            service.requests =
                Some(RequestsSummary { offered: 100.0, failed: 5.0, ..RequestsSummary::default() });
        }
        assert_eq!(kinds(&summary), [FindingKind::FailedRequests, FindingKind::ScalingLag]);
        if let Some(service) = summary.services.get_mut("api") {
            service.requests =
                Some(RequestsSummary { offered: 1e4, failed: 5.0, ..RequestsSummary::default() });
        }
        assert_eq!(kinds(&summary), [FindingKind::ScalingLag, FindingKind::FailedRequests]);
    }

    #[test]
    fn jobs_that_nobody_submits_again_are_no_leftovers() {
        let batch =
            BatchSummary { arrived: 10, completed: 8, given_up: 2, ..BatchSummary::default() };
        let summary = Summary { batches: [("etl".to_owned(), batch)].into(), ..Summary::default() };
        let found = limits(&summary);
        let sentences: Vec<_> = found.iter().map(|finding| finding.sentence.as_str()).collect();
        let expected = "2 jobs found no room or did not reach the end, and nobody tried again.";
        assert_eq!(sentences, [expected]);
    }

    #[test]
    fn waits_interruptions_and_leftovers_are_told() {
        let waits = Quantiles { mean: 300.0, p95: 1_800.0, ..Quantiles::default() };
        let batch = BatchSummary {
            arrived: 10,
            completed: 9,
            wait_seconds: Some(waits),
            ..BatchSummary::default()
        };
        let mut summary =
            Summary { batches: [("etl".to_owned(), batch)].into(), ..Summary::default() };
        summary.instances.interrupted = 1;
        summary.tasks.placement_failures = 3;
        let found = limits(&summary);
        let kinds: Vec<_> = found.iter().map(|finding| finding.kind).collect();
        let expected = [
            FindingKind::QueueWait,
            FindingKind::NoRoom,
            FindingKind::Interruptions,
            FindingKind::Unfinished,
        ];
        assert_eq!(kinds, expected);
        assert_eq!(
            plain(&found[0]),
            "Jobs of etl waited 30 min for room at p95, 5 min on average."
        );
        assert_eq!(plain(&found[1]), "3 placement attempts found no instance with room.");
        assert_eq!(found[2].sentence, "Spot took back 1 instance.");
        assert_eq!(found[3].sentence, "1 job was still unfinished at the end.");
    }
}

//! `plimsoll check`: is the scenario valid, and what does it contain?

use std::fmt::Write as _;

use plimsoll_core::scenario::{
    BatchJobs, DisruptionKind, FaultKind, LaunchTarget, Scenario, SchedulingStrategy,
};
use plimsoll_reports::number::{duration, rfc3339_seconds, significant};

use super::arguments::{CheckOptions, ScenarioOptions};
use super::sweep::{DEFAULT_MAX_POINTS, resolve};
use super::{Failure, console, run};
use crate::language::NoteSummary;

pub(super) fn check(options: &CheckOptions) -> Result<(), Failure> {
    let mut invalid = 0;
    for path in &options.scenarios {
        let scenario = ScenarioOptions { scenario: path.clone(), seed: None, set: Vec::new() };
        match describe_file(&scenario) {
            Ok(text) if !options.quiet => console::print(&text)?,
            Ok(_) => {}
            // One bad file does not hide what is wrong with the next.
            Err(failure) => {
                console::complain(&failure.to_string());
                invalid += 1;
            }
        }
    }
    match invalid {
        0 => Ok(()),
        _ => Err(Failure::BadInput(format!(
            "{invalid} of {} files not valid",
            options.scenarios.len()
        ))),
    }
}

fn describe_file(options: &ScenarioOptions) -> Result<String, Failure> {
    let loaded = run::load(options)?;
    let mut text = format!("{}: valid\n", options.scenario.display());
    text.push_str(&describe(&loaded.scenario));
    if loaded.sweep.is_some() {
        let sweep = resolve(&loaded, DEFAULT_MAX_POINTS, None)?;
        let _ = writeln!(
            text,
            "  sweep: {} points × {} replications, baseline {}",
            sweep.points.len(),
            sweep.replications,
            sweep.points[sweep.baseline].name,
        );
    }
    let notes = NoteSummary::of(&loaded.notes);
    let plumbing = notes.plumbing_line();
    if !notes.findings.is_empty() || plumbing.is_some() {
        let _ = writeln!(text, "  notes:");
    }
    for (note, more) in &notes.findings {
        let file = loaded.document.sources().name(note.at.source);
        let (line, column) = (note.at.line, note.at.column);
        let _ = write!(text, "    {file}:{line}:{column}: {}: {}", note.path, note.message);
        let _ = match more {
            0 => writeln!(text),
            more => writeln!(text, " ({more} more like this)"),
        };
    }
    if let Some(line) = plumbing {
        let _ = writeln!(text, "    {line}");
    }
    Ok(text)
}

/// What a scenario contains, indented by two spaces.
fn describe(scenario: &Scenario) -> String {
    // The no-break space of printed figures would be taken for a letter by `grep` and the like.
    let mut text = format!(
        "  {}: {}, {} from {}, seed {}\n",
        scenario.name,
        scenario.region,
        duration(scenario.duration.as_secs_f64()).replace('\u{a0}', " "),
        rfc3339_seconds(scenario.start_unix_seconds),
        scenario.seed,
    );
    for service in &scenario.services {
        let definition = &scenario.task_definitions[service.task_definition];
        let number = match service.scheduling.strategy {
            SchedulingStrategy::Replica => format!("{} tasks", service.desired_count),
            SchedulingStrategy::Daemon => "a task on each instance".to_owned(),
        };
        let mut parts = vec![format!(
            "{number} of {} ({} CPU units, {} MiB) on {}",
            definition.family,
            definition.cpu.as_ecs_units(),
            definition.memory.as_mib(),
            launch(scenario, &service.launch),
        )];
        if let Some(scaling) = &service.scaling {
            parts.push(format!("scales from {} to {}", scaling.min_capacity, scaling.max_capacity));
        }
        if service.load.is_some() {
            parts.push("has load".to_owned());
        }
        if let Some(slo) = &service.slo {
            parts.push(format!(
                "{} % of requests within {} ms",
                significant(slo.quantile * 100.0, 6),
                significant(slo.below.as_secs_f64() * 1e3, 6)
            ));
        }
        let _ = writeln!(text, "  service {}: {}", service.name, parts.join("; "));
    }
    for batch in &scenario.batches {
        let jobs = match &batch.jobs {
            BatchJobs::Trace(jobs) => format!("{} jobs at given times", jobs.len()),
            BatchJobs::Generated { .. } => "generated jobs".to_owned(),
        };
        let launch = launch(scenario, &batch.launch);
        let _ = writeln!(text, "  jobs {}: {jobs} on {launch}", batch.name);
    }
    for group in &scenario.auto_scaling_groups {
        let types: Vec<&str> =
            group.types.iter().map(|it| it.shape.instance_type.as_str()).collect();
        let _ = writeln!(
            text,
            "  Auto Scaling group {}: {} × {}, from {} to {}",
            group.name,
            group.desired_capacity,
            types.join(" or "),
            group.min_size,
            group.max_size,
        );
    }
    for fault in &scenario.faults {
        let what = match &fault.kind {
            FaultKind::CannotPull => "images cannot be pulled",
            FaultKind::FailsToStart { .. } => "containers exit as they start",
            FaultKind::ContainerExit { out_of_memory: false, .. } => "containers exit",
            FaultKind::ContainerExit { .. } => "containers run out of memory",
            FaultKind::ContainerUnhealthy { .. } => "container health checks fail",
            FaultKind::TargetUnhealthy => "probes of the load balancer fail",
            FaultKind::SlowPull { .. } => "images take longer to pull",
        };
        let _ = writeln!(text, "  fault {}: {what}", fault.name);
    }
    for disruption in &scenario.disruptions {
        let what = match &disruption.kind {
            DisruptionKind::ZoneOutage { zone, .. } => {
                format!("zone {} is gone", scenario.zones[*zone])
            }
            DisruptionKind::InstanceFailure { .. } | DisruptionKind::InstanceFailureRate { .. } => {
                "instances stop".to_owned()
            }
            DisruptionKind::AgentDisconnected { .. } => "agents do not answer".to_owned(),
            DisruptionKind::SlowLaunches { factor, .. } => {
                format!("launches take {factor} times as long")
            }
            DisruptionKind::ControlPlaneThrottling { remaining_permille: 0 } => {
                "no task can be launched".to_owned()
            }
            DisruptionKind::ControlPlaneThrottling { remaining_permille } => {
                format!("launch quotas are cut to {} %", f64::from(*remaining_permille) / 10.0)
            }
            DisruptionKind::MissingMetrics(_) => "CloudWatch gets no data".to_owned(),
            DisruptionKind::LateMetrics { delay, .. } => {
                format!("CloudWatch gets its data {} s late", delay.as_secs_f64())
            }
        };
        let _ = writeln!(text, "  fault {}: {what}", disruption.name);
    }
    text
}

fn launch(scenario: &Scenario, launch: &LaunchTarget) -> String {
    match launch {
        LaunchTarget::Ec2 => "launch type EC2".to_owned(),
        LaunchTarget::Fargate => "launch type FARGATE".to_owned(),
        LaunchTarget::Strategy(items) => {
            let names = items
                .iter()
                .map(|item| scenario.capacity_providers[item.capacity_provider].name.as_str());
            names.collect::<Vec<_>>().join(", ")
        }
    }
}

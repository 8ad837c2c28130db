//! Containers of a task in time: dependencies, health checks, restarts, time-outs.

use plimsoll_core::agent::{
    Condition, Dependency, DependencyError, HealthCheck, RestartPolicy, check_dependencies,
};
use plimsoll_core::engine::DurationDistribution;
use plimsoll_core::scenario::Container;
use plimsoll_core::units::SimDuration;

use super::{Context, distribution};
use crate::language::raw::containers::{self, ContainerCondition};
use crate::language::raw::kinds::Seconds;
use crate::language::raw::task_definition as raw;
use crate::language::tree::Path;

/// Running time of a container whose end another one waits for, if it gives none.
const DEFAULT_RUN_TIME: SimDuration = SimDuration::from_secs(1);

/// The containers of a task; empty for a single one with nothing to follow. `None` if something was
/// refused.
pub(super) fn lower(
    context: &Context<'_>,
    path: &Path,
    raw: &raw::TaskDefinition,
) -> Option<Vec<Container>> {
    let path = path.key("containerDefinitions");
    let raws = &raw.container_definitions;
    let mut containers = Vec::new();
    for (index, own) in raws.iter().enumerate() {
        containers.push(one(context, &path.index(index), own, raws));
    }
    let mut containers: Vec<Container> = containers.into_iter().collect::<Option<_>>()?;
    let errors = check_dependencies(
        containers.len(),
        |it| &containers[it].depends_on[..],
        |it| containers[it].essential,
        |it| containers[it].health_check.is_some(),
    );
    for error in &errors {
        report(context, &path, raws, error);
    }
    if !errors.is_empty() {
        return None;
    }
    for index in 0..containers.len() {
        let ends = |on: &Dependency| {
            on.container == index
                && matches!(on.condition, Condition::Complete | Condition::Success)
        };
        let awaited = containers.iter().any(|other| other.depends_on.iter().any(ends));
        if awaited && containers[index].run_time.is_none() {
            containers[index].run_time = Some(DurationDistribution::Constant(DEFAULT_RUN_TIME));
        }
    }
    let plain = match &containers[..] {
        [only] => {
            only.health_check.is_none()
                && only.restart_policy.is_none()
                && only.start_time.is_none()
                && only.run_time.is_none()
        }
        _ => false,
    };
    Some(if plain { Vec::new() } else { containers })
}

fn one(
    context: &Context<'_>,
    path: &Path,
    raw: &raw::ContainerDefinition,
    all: &[raw::ContainerDefinition],
) -> Option<Container> {
    let mut depends_on = Vec::new();
    let mut good = true;
    for (index, on) in raw.depends_on.iter().enumerate() {
        let named = |other: &raw::ContainerDefinition| {
            other.name.as_deref() == Some(on.container_name.as_str())
        };
        let Some(container) = all.iter().position(named) else {
            let names: Vec<&str> = all.iter().filter_map(|other| other.name.as_deref()).collect();
            let path = path.key("dependsOn").index(index).key("containerName");
            context.dangling(&path, "container", &on.container_name, names);
            good = false;
            continue;
        };
        let condition = match on.condition {
            ContainerCondition::Start => Condition::Start,
            ContainerCondition::Complete => Condition::Complete,
            ContainerCondition::Success => Condition::Success,
            ContainerCondition::Healthy => Condition::Healthy,
        };
        depends_on.push(Dependency { container, condition });
    }
    let time = |key: &str, given: &Option<_>| match given {
        None => Some(None),
        Some(given) => distribution::lower(context, &path.key(key), given).map(Some),
    };
    let start_time = time("startTime", &raw.start_time);
    let run_time = time("runTime", &raw.run_time);
    let exit_code = match raw.exit_code.map(|code| u8::try_from(code.0)) {
        Some(_) if raw.run_time.is_none() => {
            let message = "a container without `runTime` has no exit of its own";
            context.error(&path.key("exitCode"), message);
            None
        }
        None => Some(0),
        Some(Ok(code)) => Some(code),
        Some(Err(_)) => {
            context.error(&path.key("exitCode"), "must lie between 0 and 255");
            None
        }
    };
    let container = Container {
        name: raw.name.clone().unwrap_or_default(),
        essential: raw.essential,
        depends_on,
        start_time: start_time?,
        run_time: run_time?,
        exit_code: exit_code?,
        start_timeout: raw.start_timeout.map(Seconds::duration),
        stop_timeout: raw.stop_timeout.map(Seconds::duration),
        health_check: raw.health_check.as_ref().and_then(health_check),
        restart_policy: raw.restart_policy.as_ref().and_then(restart_policy),
    };
    good.then_some(container)
}

fn health_check(raw: &containers::HealthCheck) -> Option<HealthCheck> {
    if raw.command == ["NONE"] {
        return None;
    }
    Some(HealthCheck {
        interval: raw.interval.duration(),
        timeout: raw.timeout.duration(),
        retries: raw.retries,
        start_period: raw.start_period.duration(),
    })
}

fn restart_policy(raw: &containers::RestartPolicy) -> Option<RestartPolicy> {
    raw.enabled.then(|| RestartPolicy {
        ignored_exit_codes: raw.ignored_exit_codes.clone(),
        attempt_period: raw.restart_attempt_period.duration(),
    })
}

fn report(
    context: &Context<'_>,
    path: &Path,
    raws: &[raw::ContainerDefinition],
    error: &DependencyError,
) {
    let name = |index: usize| {
        let name = raws[index].name.as_deref().unwrap_or("");
        crate::language::tree::shorten(name)
    };
    let other = |container: usize, entry: usize| {
        crate::language::tree::shorten(&raws[container].depends_on[entry].container_name)
    };
    match error {
        DependencyError::Cycle(members) => {
            let names: Vec<String> = members.iter().map(|it| format!("`{}`", name(*it))).collect();
            let path = path.index(members.first().copied().unwrap_or(0)).key("dependsOn");
            let message = format!("containers wait for each other: {}", names.join(", "));
            context.error(&path, message);
        }
        DependencyError::EndOfEssential { container, entry } => {
            let other = other(*container, *entry);
            let path = path.index(*container).key("dependsOn").index(*entry).key("condition");
            context.error_hint(
                &path,
                format!("the end of `{other}` would stop the task, as it is essential"),
                "make it `essential: false`",
            );
        }
        DependencyError::NoHealthCheck { container, entry } => {
            let other = other(*container, *entry);
            let path = path.index(*container).key("dependsOn").index(*entry).key("condition");
            context.error(&path, format!("`{other}` has no `healthCheck`"));
        }
    }
}

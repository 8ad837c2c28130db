//! Placement constraints: reading their expressions, and whether anything can satisfy them.

use std::sync::Arc;

use plimsoll_core::placement::{
    Expression, MAX_CONSTRAINTS, PlacementConstraint, PlacementStrategy,
};
use plimsoll_core::scenario::{AutoScalingGroup, CapacityProviderKind, LaunchTarget};
use plimsoll_core::units::Id;

use super::Context;
use super::cluster::Cluster;
use super::placement::obstacle;
use super::task_definition::Definition;
use crate::language::raw::service as raw;
use crate::language::tree::Path;

/// Constraints of a service or a call.
pub(super) fn lower(
    context: &Context<'_>,
    path: &Path,
    raw: &[raw::PlacementConstraint],
) -> Vec<PlacementConstraint> {
    let constraints = raw.iter().enumerate();
    constraints.filter_map(|(index, raw)| one(context, &path.index(index), raw)).collect()
}

/// Constraints of a task definition, which can only be `memberOf`; `None` if one was refused.
pub(super) fn of_definition(
    context: &Context<'_>,
    path: &Path,
    raw: &[raw::PlacementConstraint],
) -> Option<Vec<PlacementConstraint>> {
    let mut constraints = Vec::new();
    for (index, raw) in raw.iter().enumerate() {
        let path = path.index(index);
        if raw.kind == raw::PlacementConstraintType::DistinctInstance {
            context.error_hint(
                &path.key("type"),
                "a task definition takes no `distinctInstance`",
                "give it to the service",
            );
        }
        constraints.push(one(context, &path, raw).filter(|it| it.expression().is_some()));
    }
    constraints.into_iter().collect()
}

fn one(
    context: &Context<'_>,
    path: &Path,
    raw: &raw::PlacementConstraint,
) -> Option<PlacementConstraint> {
    let at = path.key("expression");
    match (raw.kind, raw.expression.as_deref()) {
        (raw::PlacementConstraintType::DistinctInstance, expression) => {
            if expression.is_some() {
                context.error(&at, "`distinctInstance` takes no expression");
            }
            Some(PlacementConstraint::DistinctInstance)
        }
        (raw::PlacementConstraintType::MemberOf, None) => {
            context.error(path, "`memberOf` needs an `expression`");
            None
        }
        (raw::PlacementConstraintType::MemberOf, Some(text)) => match Expression::parse(text) {
            Ok(expression) => Some(PlacementConstraint::MemberOf(Arc::new(expression))),
            Err(error) => {
                let before = text.get(..error.span().start).unwrap_or_default();
                let hint = error.suggestion().map(|it| format!("did you mean `{it}`?"));
                context.error_inside(&at, (text, before.chars().count()), error.message(), hint);
                None
            }
        },
    }
}

/// Reports more constraints than ECS accepts, and remarks on those that nothing can ever satisfy: ECS
/// accepts them, and the tasks wait.
pub(super) fn check(
    context: &Context<'_>,
    path: &Path,
    launch: &LaunchTarget,
    own: &[PlacementConstraint],
    definition: &Definition,
    cluster: &Cluster,
) {
    let given = own.len() + definition.task.placement_constraints.len();
    let constraints = path.key("placementConstraints");
    if MAX_CONSTRAINTS < given {
        let message = format!(
            "with those of the task definition these are {given} constraints; ECS accepts \
             {MAX_CONSTRAINTS}"
        );
        context.error(&constraints, message);
    }
    let expressions: Vec<&Expression> = own
        .iter()
        .chain(&definition.task.placement_constraints)
        .filter_map(PlacementConstraint::expression)
        .collect();
    if expressions.is_empty() {
        return;
    }
    let path = if own.is_empty() { path.key("taskDefinition") } else { constraints };
    let groups: Vec<&AutoScalingGroup> = cluster.groups.iter().flatten().collect();
    match launch {
        LaunchTarget::Fargate => {}
        LaunchTarget::Ec2 => {
            warn(context, &path, "the scenario", &groups, &expressions, definition);
        }
        LaunchTarget::Strategy(items) => {
            for item in items {
                let kind = cluster.provider_kind(item.capacity_provider);
                let Some(group) = kind.and_then(CapacityProviderKind::group) else { continue };
                let Some(Some(group)) = cluster.groups.get(group.index()) else { continue };
                let name = cluster.provider_name(item.capacity_provider);
                let whose = format!("capacity provider `{name}`");
                warn(context, &path, &whose, &[group], &expressions, definition);
            }
        }
    }
}

/// Remarks on spreads over an attribute that no instance of the cluster has: they change nothing.
pub(super) fn check_spreads(
    context: &Context<'_>,
    path: &Path,
    launch: &LaunchTarget,
    strategies: &[PlacementStrategy],
    cluster: &Cluster,
) {
    if matches!(launch, LaunchTarget::Fargate) {
        return;
    }
    for strategy in strategies {
        let PlacementStrategy::SpreadAttribute(name) = strategy else { continue };
        let types = cluster.groups.iter().flatten().flat_map(|group| &group.types);
        let mut attributes = types.flat_map(|it| &it.attributes).peekable();
        if attributes.peek().is_some() && attributes.all(|it| it.get(name).is_none()) {
            let message = format!(
                "no instance of the scenario has the attribute `{name}`: the spread over it changes nothing"
            );
            context.note(&path.key("placementStrategy"), message);
        }
    }
}

/// Remarks on expressions that fail on every instance of `groups` that could run the task.
fn warn(
    context: &Context<'_>,
    path: &Path,
    whose: &str,
    groups: &[&AutoScalingGroup],
    expressions: &[&Expression],
    definition: &Definition,
) {
    let mut attributes = groups
        .iter()
        .flat_map(|group| &group.types)
        .filter(|it| obstacle(&definition.task, &it.shape).is_none())
        .flat_map(|it| &it.attributes)
        .peekable();
    if attributes.peek().is_none() {
        return;
    }
    let fails = |expression: &&&Expression, attributes| {
        expression.evaluate_static(attributes) == Some(false)
    };
    let everywhere: Vec<_> = attributes.collect();
    if !everywhere.iter().all(|it| expressions.iter().any(|expression| fails(&expression, it))) {
        return;
    }
    let alone = expressions.iter().find(|it| everywhere.iter().all(|on| fails(it, on)));
    let what = match alone {
        Some(expression) => format!("the placement constraint `{}`", expression.as_str()),
        None => "all placement constraints at once".to_owned(),
    };
    let message = format!(
        "no instance of {whose} that has room for the task satisfies {what}: its tasks will wait"
    );
    context.note(path, message);
}

//! Scheduled actions of a scalable target.

use plimsoll_core::scenario::ScheduledChange;
use plimsoll_core::units::SimTime;

use crate::language::lower::{Context, time_zone as time_zone_of};
use crate::language::raw::kinds::Instant;
use crate::language::raw::scaling as raw;
use crate::language::tree::Path;
use crate::schedule::{self, Schedule};

/// Scheduled actions expanded to instants, in time order; actions of one instant in listed order.
pub(super) fn scheduled(
    context: &Context<'_>,
    path: &Path,
    raw: &raw::Scaling,
    time_zone: &str,
) -> Option<Vec<ScheduledChange>> {
    let mut changes = Vec::new();
    let mut names: Vec<String> = Vec::new();
    let mut complete = true;
    for (index, action) in raw.scheduled_actions.iter().enumerate() {
        let path = path.index(index);
        let fallback = || format!("action-{}", index + 1);
        let name = action.scheduled_action_name.clone().unwrap_or_else(fallback);
        if names.contains(&name) {
            let at = path.key("scheduledActionName");
            context.duplicate(&at, "scheduled actions of the service", &name);
        }
        let target = &action.scalable_target_action;
        if let (Some(least), Some(most)) = (target.min_capacity, target.max_capacity)
            && most < least
        {
            let message = format!("`minCapacity` {least} is above `maxCapacity` {most}");
            context.error(&path.key("scalableTargetAction").key("minCapacity"), message);
        }
        match firings(context, &path, action, time_zone) {
            Some(instants) => changes.extend(instants.into_iter().map(|at| ScheduledChange {
                at,
                name: name.clone(),
                min_capacity: target.min_capacity,
                max_capacity: target.max_capacity,
            })),
            None => complete = false,
        }
        names.push(name);
    }
    // Stable: AWS keeps the order of actions within one target.
    changes.sort_by_key(|change| change.at);
    complete.then_some(changes)
}

/// Instants of one action during the run.
fn firings(
    context: &Context<'_>,
    path: &Path,
    action: &raw::ScheduledAction,
    time_zone: &str,
) -> Option<Vec<SimTime>> {
    let zone = action.timezone.as_deref().unwrap_or(time_zone);
    if action.timezone.is_some() {
        time_zone_of(context, &path.key("timezone"), zone)?;
    }
    let schedule = match schedule::parse(&action.schedule, zone) {
        Ok(schedule) => schedule,
        Err(error) => {
            context.error(&path.key("schedule"), error.to_string());
            return None;
        }
    };
    let times = (action.start_time, action.end_time);
    // A rate counts from its start, even if that lies before the run.
    let from_start = action.schedule.starts_with("rate");
    let limit = schedule::MAX_FIRINGS;
    instants(context, &path.key("schedule"), (&schedule, from_start), times, limit)
}

/// At most `limit` instants of a schedule, which is written at `at`, during the run and between its start
/// and end time. `from_start` if it counts from a start time before the run.
pub(in crate::language::lower) fn instants(
    context: &Context<'_>,
    at: &Path,
    (schedule, from_start): (&Schedule, bool),
    (start_time, end_time): (Option<Instant>, Option<Instant>),
    limit: usize,
) -> Option<Vec<SimTime>> {
    let start = context.start;
    let end = start.saturating_add(context.duration.as_secs_ceil() as i64);
    let until = end_time.map_or(end, |last| end.min(last.0.saturating_add(1)));
    let found = match start_time {
        Some(first) if !context.run_at_start_time && !from_start => {
            schedule.firings(start.max(first.0), until, limit)
        }
        Some(first) if start < first.0 || from_start => {
            schedule.firings_from_start_time(first.0, until, limit)
        }
        _ => schedule.firings(start, until, limit),
    };
    let found = match found {
        Ok(found) => found,
        Err(error) => {
            context.error(at, error.to_string());
            return None;
        }
    };
    let instants: Vec<SimTime> = found
        .into_iter()
        .filter_map(|second| u64::try_from(second - start).ok())
        .map(SimTime::from_secs)
        .collect();
    if instants.is_empty() {
        context.note(at, "the action does not happen during the run");
    }
    Some(instants)
}

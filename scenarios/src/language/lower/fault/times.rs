//! When a fault holds.

use plimsoll_core::agent::{Window, merge_windows};
use plimsoll_core::engine::DurationDistribution;
use plimsoll_core::scenario::RandomTimes;
use plimsoll_core::units::{SimDuration, SimTime};

use super::super::{Context, distribution};
use crate::language::raw::fault::{Fault, FaultType};
use crate::language::tree::Path;

/// How long a service has to be well again, if that is not said.
const RECOVERED_AFTER: SimDuration = SimDuration::from_secs(300);

/// When a fault holds, and when a service counts as recovered from it.
pub(super) struct Times {
    pub(super) windows: Vec<Window>,
    pub(super) random: Option<RandomTimes>,
    pub(super) recovered_after: SimDuration,
}

/// The times of a fault; reports those that make no sense.
pub(super) fn lower(context: &Context<'_>, path: &Path, raw: &Fault) -> Option<Times> {
    let windows = windows(context, path, raw)?;
    let random = random(context, path, raw)?;
    if windows.iter().all(|window| context.duration <= window.from.saturating_since(SimTime::ZERO))
    {
        context.note(path, "the fault begins after the end of the run");
    }
    let recovered_after = raw.recovered_after.map_or(RECOVERED_AFTER, |it| it.duration());
    Some(Times { windows, random, recovered_after })
}

/// Whether it may strike at an instant.
fn is_instant(raw: &Fault) -> bool {
    let kind = raw.kind;
    matches!(kind, FaultType::ContainerExit | FaultType::OutOfMemory | FaultType::InstanceFailure)
}

fn windows(context: &Context<'_>, path: &Path, raw: &Fault) -> Option<Vec<Window>> {
    let fails = raw.kind == FaultType::InstanceFailure;
    let rate = raw.rate_per_instance_hour.is_some();
    if rate && raw.count.is_some() {
        context.error(&path.key("count"), "`ratePerInstanceHour` excludes `count`");
        return None;
    }
    if !raw.at.is_empty() {
        if !is_instant(raw) {
            context.error_hint(
                &path.key("at"),
                "only exits happen at an instant",
                "give `from` and `until`",
            );
            return None;
        }
        if raw.from.is_some() || raw.until.is_some() || raw.after.is_some() {
            context.error(&path.key("at"), "`at` excludes `from`, `until` and `after`");
            return None;
        }
        if rate || raw.every.is_some() {
            context.error(&path.key("at"), "`at` excludes `every` and `ratePerInstanceHour`");
            return None;
        }
        let instant = SimDuration::from_nanos(1);
        let windows = raw.at.iter().map(|at| {
            let from = SimTime::ZERO + at.duration();
            Window { from, until: from + instant }
        });
        return Some(merge_windows(windows.collect()));
    }
    if is_instant(raw) && !fails && raw.after.is_none() && raw.every.is_none() {
        context.error_hint(
            path,
            "it is not said when containers exit",
            "give `at`, `after` or `every`",
        );
        return None;
    }
    if fails && !rate && raw.every.is_none() {
        context.error_hint(
            path,
            "it is not said when instances fail",
            "give `at`, `every` or `ratePerInstanceHour`",
        );
        return None;
    }
    let from = raw.from.map_or(SimTime::ZERO, |from| SimTime::ZERO + from.duration());
    let until = raw.until.map_or(SimTime::MAX, |until| SimTime::ZERO + until.duration());
    if until <= from {
        context.error(&path.key("until"), "must come after `from`");
        return None;
    }
    Some(vec![Window { from, until }])
}

#[allow(clippy::option_option)] // "refused", "not random", "random"
fn random(context: &Context<'_>, path: &Path, raw: &Fault) -> Option<Option<RandomTimes>> {
    let Some(every) = &raw.every else {
        if raw.lasts.is_some() {
            context.error(&path.key("lasts"), "only a fault with `every` has `lasts`");
            return None;
        }
        return Some(None);
    };
    if raw.rate_per_instance_hour.is_some() {
        context.error(&path.key("every"), "`ratePerInstanceHour` excludes `every`");
        return None;
    }
    let fails = raw.kind == FaultType::InstanceFailure;
    if fails && raw.lasts.is_some() {
        context.error(&path.key("lasts"), "an instance fails at an instant and is replaced");
        return None;
    }
    let lasts = match &raw.lasts {
        Some(lasts) => distribution::lower(context, &path.key("lasts"), lasts),
        None if is_instant(raw) => Some(DurationDistribution::ZERO),
        None => {
            context.error(path, "it is not said how long the fault holds: `lasts` is missing");
            None
        }
    };
    let every = distribution::lower(context, &path.key("every"), every);
    Some(Some(RandomTimes { every: every?, lasts: lasts? }))
}

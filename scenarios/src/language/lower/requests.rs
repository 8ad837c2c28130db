//! Single requests: their settings, and how many there may be.

use std::sync::Arc;

use plimsoll_core::engine::UnitLaw;
use plimsoll_core::scenario::{
    Arrivals, Connections, Discipline, Fidelity, RequestSettings, RetrySettings, Variability,
};
use plimsoll_core::traffic::{AfterEnd, MICRO_PER_REQUEST, RateError, RequestRate};
use plimsoll_core::units::{SimDuration, SimTime};

use super::Context;
use crate::language::arrival_times::ArrivalTimesOptions;
use crate::language::raw::kinds::Seconds;
use crate::language::raw::load::{self as raw_load, Load};
use crate::language::raw::requests as raw;
use crate::language::tree::Path;

/// Steps of the rate that arrival instants make.
const ARRIVAL_STEP: SimDuration = SimDuration::from_secs(60);

/// Connections that clients hold open, if that is not said.
const CONNECTIONS: u32 = 100;

/// Slow start of a target group, with its place, and how a Network Load Balancer would treat it.
pub(super) struct SlowStart {
    pub(super) path: Path,
    pub(super) length: Option<Seconds>,
    /// Requests over one connection, behind a Network Load Balancer.
    pub(super) network: Option<u64>,
}

/// The level of a load with `rate`, whose requests arrive at `times` if those are given.
pub(super) fn fidelity(
    context: &Context<'_>,
    path: &Path,
    raw: &Load,
    slow_start: &SlowStart,
    rate: &RequestRate,
    times: Option<Arc<[SimTime]>>,
) -> Option<Fidelity> {
    let own = path.key("perRequest");
    let default = raw::PerRequest::default();
    let given = raw.per_request.as_ref().unwrap_or(&default);
    let arrivals = law(context, &own.key("arrivals"), given.arrivals.as_ref());
    let demand = law(context, &own.key("cpuTime"), given.cpu_time.as_ref());
    let slow = slow(context, slow_start, raw);
    if given.queue_length.is_some()
        && given.max_concurrency.is_none()
        && given.discipline == raw::Discipline::ProcessorSharing
    {
        let message = "a queue needs `maxConcurrency`: without it, no request waits";
        context.error(&own.key("queueLength"), message);
    }
    if times.is_some() && given.arrivals.is_some() {
        let message = "the arrivals are given by `arrivalTimes` already";
        context.error(&own.key("arrivals"), message);
    }
    let discipline = match given.discipline {
        raw::Discipline::ProcessorSharing => Discipline::ProcessorSharing,
        raw::Discipline::Fifo => Discipline::Fifo,
    };
    if raw.fidelity == raw::Fidelity::Fluid {
        note_what_a_fluid_ignores(context, &own, given);
        if !slow?.is_zero() {
            context.note(&slow_start.path, "has no effect with `fidelity: fluid`");
        }
        // Nothing said of single requests: the closed forms of a queue in order.
        let variability = match raw.per_request {
            Some(_) => Variability::new(&arrivals?, &demand?, discipline),
            None => Variability::default(),
        };
        return Some(Fidelity::Fluid(variability));
    }
    if given.connections.is_some() && slow_start.network.is_none() {
        let message = "only behind a Network Load Balancer requests stay with their connection";
        context.error_hint(&own.key("connections"), message, "set `targetGroup.protocol` to `TCP`");
        return None;
    }
    let attempts = given.retries.as_ref().map_or(1, |it| it.max_attempts.max(1));
    let end = SimTime::ZERO + context.duration;
    let expected = if let Some(times) = &times {
        times.partition_point(|at| *at < end) as u64
    } else {
        let micro = rate.cumulative(end).div_ceil(u128::from(MICRO_PER_REQUEST));
        u64::try_from(micro).unwrap_or(u64::MAX)
    };
    if !context.take_requests(&path.key("fidelity"), expected.saturating_mul(attempts.into())) {
        return None;
    }
    let settings = RequestSettings {
        arrivals: times.map_or(Arrivals::Renewal(arrivals?), Arrivals::Times),
        demand: demand?,
        discipline,
        max_concurrency: given.max_concurrency,
        queue_length: given.queue_length,
        cancel_abandoned: given.after_timeout == raw::AfterTimeout::Cancel,
        slow_start: slow?,
        retries: given.retries.as_ref().map(|it| RetrySettings {
            max_attempts: it.max_attempts,
            base_delay: it.base_delay.duration(),
            max_delay: it.max_delay.duration(),
            budget_micro: it.budget.map(|part| (part * 1e6 + 0.5) as u64),
        }),
        connections: slow_start.network.map(|requests_each| Connections {
            open: given.connections.unwrap_or(CONNECTIONS),
            requests_each,
        }),
    };
    Some(Fidelity::Requests(Box::new(settings)))
}

fn note_what_a_fluid_ignores(context: &Context<'_>, path: &Path, given: &raw::PerRequest) {
    for (key, is_given) in [
        ("maxConcurrency", given.max_concurrency.is_some()),
        ("queueLength", given.queue_length.is_some()),
        ("connections", given.connections.is_some()),
        ("afterTimeout", given.after_timeout != raw::AfterTimeout::Cancel),
        ("retries", given.retries.is_some()),
    ] {
        if is_given {
            context.note(&path.key(key), "has no effect with `fidelity: fluid`");
        }
    }
}

/// A law of mean 1; exponential if none is given.
fn law(context: &Context<'_>, path: &Path, given: Option<&raw::Variability>) -> Option<UnitLaw> {
    let Some(given) = given else { return Some(UnitLaw::Exponential) };
    let path = path.key("squaredCv");
    let fixed = match given.distribution {
        raw::Law::Deterministic => Some(UnitLaw::Deterministic),
        raw::Law::Exponential => Some(UnitLaw::Exponential),
        raw::Law::Gamma | raw::Law::Lognormal | raw::Law::Hyperexponential => None,
    };
    if fixed.is_some() {
        if given.squared_cv.is_some() {
            context.error(&path, "this distribution has no variability to choose");
            return None;
        }
        return fixed;
    }
    let Some(squared) = given.squared_cv else {
        context.error(&path.parent(), "`squaredCv` is missing");
        return None;
    };
    let law = match given.distribution {
        raw::Law::Gamma => UnitLaw::gamma(squared),
        raw::Law::Lognormal => UnitLaw::lognormal(squared),
        raw::Law::Hyperexponential => UnitLaw::hyperexponential(squared),
        raw::Law::Deterministic | raw::Law::Exponential => fixed,
    };
    if law.is_none() {
        context.error(&path, "must be at least 1 for a hyperexponential law");
    }
    law
}

/// `slow_start.duration_seconds`: off, or 30 s to 900 s, and not with least outstanding requests.
fn slow(context: &Context<'_>, given: &SlowStart, raw: &Load) -> Option<SimDuration> {
    let length = given.length.map_or(SimDuration::ZERO, Seconds::duration);
    if length.is_zero() {
        return Some(length);
    }
    if length < SimDuration::from_secs(30) || SimDuration::from_secs(900) < length {
        context.error(&given.path, "must be 0 for none, or between 30 s and 900 s");
        return None;
    }
    if given.network.is_some() {
        context.error(&given.path, "a Network Load Balancer has no slow start");
        return None;
    }
    if raw.algorithm == raw_load::Algorithm::LeastOutstandingRequests {
        let message = "a target group with `least_outstanding_requests` has no slow start";
        context.error(&given.path, message);
        return None;
    }
    Some(length)
}

type TimesAndRate = (Arc<[SimTime]>, Result<RequestRate, RateError>);

/// Arrival instants, and the rate that they make.
pub(super) fn arrival_times(
    context: &Context<'_>,
    path: &Path,
    raw: &raw_load::Requests,
) -> Option<TimesAndRate> {
    let options = ArrivalTimesOptions {
        path: context.traces.resolve(raw.arrival_times.as_deref()?),
        column: raw.time_column.clone(),
        unit: raw.time_unit.unwrap_or_default(),
        start: context.start,
    };
    let times = match context.traces.arrival_times(&options) {
        Ok(times) => times,
        Err(error) => {
            context.trace_error(path, raw.arrival_times.as_deref()?, &error);
            return None;
        }
    };
    let step = ARRIVAL_STEP.as_nanos();
    let end = context.duration.as_nanos();
    let last = times.last().map_or(0, |at| at.as_nanos()).min(end) / step;
    if !context.take_steps(path, last + 1) {
        return None;
    }
    let mut counts = vec![0_u64; last as usize + 1];
    for at in times.iter().filter(|at| at.as_nanos() < end) {
        counts[(at.as_nanos() / step) as usize] += 1;
    }
    let rate = RequestRate::from_trace(ARRIVAL_STEP, &counts, AfterEnd::Zero);
    Some((times, rate))
}

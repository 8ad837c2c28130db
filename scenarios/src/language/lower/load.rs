//! Request load.

use std::sync::Arc;

use plimsoll_core::engine::{StreamKey, label_hash, variates};
use plimsoll_core::scenario::{BalancingAlgorithm, ServiceLoad};
use plimsoll_core::traffic::{
    self, AfterEnd, Diurnal, Growth, Noise, OnOff, Profile, RequestRate, Spike,
};
use plimsoll_core::units::{Cpu, Mib, SimDuration, SimTime};

use super::Context;
use super::requests::SlowStart;
use crate::language::pattern::minute_of_day;
use crate::language::raw::kinds::{Length, Rate};
use crate::language::raw::load as raw;
use crate::language::request_trace::RequestTraceOptions;
use crate::language::tree::Path;

/// The load of a service called `name`.
pub(super) fn lower(
    context: &Context<'_>,
    path: &Path,
    name: &str,
    raw: &raw::Load,
    slow_start: &SlowStart,
) -> Option<ServiceLoad> {
    context.positive(&path.key("cpuPerRequest"), raw.cpu_per_request);
    context.positive(&path.key("timeout"), raw.timeout);
    if raw.timeout.0 <= raw.other_latency.0 && raw.timeout.0 != 0 {
        let message = "every request would time out: `otherLatency` is as long as `timeout`";
        context.error(&path.key("otherLatency"), message);
    }
    let (rate, times) = requests(context, &path.key("requests"), name, &raw.requests)?;
    let network = slow_start.network.is_some();
    if network && raw.algorithm != raw::Algorithm::RoundRobin {
        let message =
            "a Network Load Balancer chooses by the hash of a connection, it has no algorithm";
        context.error(&path.key("algorithm"), message);
    }
    let fidelity = super::requests::fidelity(context, path, raw, slow_start, &rate, times)?;
    Some(ServiceLoad {
        fidelity,
        rate: Arc::new(rate),
        cpu_per_request: raw.cpu_per_request.duration(),
        other_latency: raw.other_latency.duration(),
        algorithm: match raw.algorithm {
            // Which target a hash gives is as good as random.
            _ if network => BalancingAlgorithm::WeightedRandom,
            raw::Algorithm::RoundRobin => BalancingAlgorithm::RoundRobin,
            raw::Algorithm::LeastOutstandingRequests => {
                BalancingAlgorithm::LeastOutstandingRequests
            }
            raw::Algorithm::WeightedRandom => BalancingAlgorithm::WeightedRandom,
        },
        timeout: raw.timeout.duration(),
        parallelism: raw.parallelism,
        idle_cpu: raw.idle_cpu.map_or(Cpu::ZERO, |cpu| Cpu::from_ecs_units(cpu.0)),
        idle_memory: raw.idle_memory.map_or(Mib::ZERO, |memory| Mib::new(memory.0)),
        memory_per_request_kib: raw.memory_per_request.map_or(0, |bytes| bytes.0.div_ceil(1024)),
    })
}

/// A rate over time; `name` labels its random stream.
pub(super) fn requests(
    context: &Context<'_>,
    path: &Path,
    name: &str,
    raw: &raw::Requests,
) -> Option<(RequestRate, Option<Arc<[SimTime]>>)> {
    let given = [
        raw.constant.is_some(),
        raw.trace.is_some(),
        raw.arrival_times.is_some(),
        raw.profile.is_some(),
    ];
    if given.iter().filter(|given| **given).count() != 1 {
        context.error(path, "needs exactly one of `constant`, `trace`, `arrivalTimes`, `profile`");
        return None;
    }
    if raw.trace.is_none() {
        refuse_trace_settings(context, path, raw);
    }
    let mut times = None;
    let built = if let Some(Rate(rate)) = raw.constant {
        RequestRate::constant(rate).map_err(|error| (path.key("constant"), error))
    } else if let Some(profile) = &raw.profile {
        let path = path.key("profile");
        self::profile(context, &path, name, profile)?.map_err(|error| (path, error))
    } else if raw.arrival_times.is_some() {
        let path = path.key("arrivalTimes");
        let (instants, rate) = super::requests::arrival_times(context, &path, raw)?;
        times = Some(instants);
        rate.map_err(|error| (path, error))
    } else {
        let path = path.key("trace");
        trace(context, &path, raw)?.map_err(|error| (path, error))
    };
    match built {
        Ok(rate) => Some((rate, times)),
        Err((path, error)) => {
            context.error(&path, error.to_string());
            None
        }
    }
}

/// Settings of a trace are refused where there is none, rather than ignored.
fn refuse_trace_settings(context: &Context<'_>, path: &Path, raw: &raw::Requests) {
    for (key, given) in [
        ("column", raw.column.is_some()),
        ("timeColumn", raw.time_column.is_some() && raw.arrival_times.is_none()),
        ("timeUnit", raw.time_unit.is_some() && raw.arrival_times.is_none()),
        ("interval", raw.interval.is_some()),
        ("unit", raw.unit.is_some()),
        ("gaps", raw.gaps.is_some()),
        ("skip", raw.skip.is_some()),
        ("afterEnd", raw.after_end.is_some()),
        ("scale", raw.scale.is_some()),
    ] {
        if given {
            context.error(&path.key(key), "this is a setting of `trace`, which is not given");
        }
    }
}

type Built = Result<RequestRate, traffic::RateError>;

fn trace(context: &Context<'_>, path: &Path, raw: &raw::Requests) -> Option<Built> {
    if let Some(interval) = raw.interval {
        let path = path.parent().key("interval");
        if !context.positive(&path, interval) {
            return None;
        }
    }
    let options = RequestTraceOptions {
        path: context.traces.resolve(raw.trace.as_deref()?),
        column: raw.column.clone(),
        time_column: raw.time_column.clone(),
        time_unit: raw.time_unit.unwrap_or_default(),
        interval: raw.interval.map(|interval| interval.0),
        gaps: raw.gaps.unwrap_or_default(),
    };
    let trace = match context.traces.requests(&options) {
        Ok(trace) => trace,
        Err(error) => {
            context.trace_error(path, raw.trace.as_deref()?, &error);
            return None;
        }
    };
    let skipped = (raw.skip.map_or(0, |skip| skip.0) / trace.interval) as usize;
    if raw.skip.is_some_and(|skip| skip.0 % trace.interval != 0) {
        context.error(&path.parent().key("skip"), "must be a multiple of the trace's interval");
        return None;
    }
    let Some(values) = trace.values.get(skipped..).filter(|values| !values.is_empty()) else {
        context.error(&path.parent().key("skip"), "leaves nothing of the trace");
        return None;
    };
    let length = trace.interval.saturating_mul(values.len() as u64);
    if length < context.duration.as_nanos() && raw.after_end.is_none() {
        let length = crate::language::raw::kinds::length_text(length);
        context.note(path, format!("the trace ends after {length}; no requests follow"));
    }
    if !context.take_steps(path, values.len() as u64) {
        return None;
    }
    let scale = raw.scale.unwrap_or(1.0);
    let scaled: Vec<f64> = values.iter().map(|value| value * scale).collect();
    let interval = SimDuration::from_nanos(trace.interval);
    let after_end = match raw.after_end.unwrap_or_default() {
        raw::AfterEnd::Zero => AfterEnd::Zero,
        raw::AfterEnd::Repeat => AfterEnd::Repeat,
    };
    Some(match raw.unit.unwrap_or_default() {
        raw::TraceUnit::Total => RequestRate::from_totals(interval, &scaled, after_end),
        raw::TraceUnit::PerSecond => RequestRate::from_rates(interval, &scaled, after_end),
    })
}

fn profile(context: &Context<'_>, path: &Path, name: &str, raw: &raw::Profile) -> Option<Built> {
    let steps = context.duration.as_nanos() / raw.step.0.max(1);
    if !context.take_steps(&path.key("step"), steps) {
        return None;
    }
    let instant = |length: Length| SimTime::from_nanos(length.0);
    let mut level = raw.base.0;
    let mut previous = 0;
    let mut ramps = Vec::with_capacity(raw.ramps.len());
    for (index, ramp) in raw.ramps.iter().enumerate() {
        if ramp.from.0 < previous || ramp.until.0 < ramp.from.0 {
            let path = path.key("ramps").index(index);
            context.error(&path, "ramps must be in time order and must not overlap");
            return None;
        }
        previous = ramp.until.0;
        ramps.push(traffic::Ramp {
            from: instant(ramp.from),
            until: instant(ramp.until),
            from_rate: ramp.from_rate.map_or(level, |rate| rate.0),
            to_rate: ramp.to_rate.0,
        });
        level = ramp.to_rate.0;
    }
    if let Some(cycle) = &raw.on_off {
        context.positive(&path.key("onOff").key("on"), cycle.on);
    }
    let weekdays: Option<[f64; 7]> =
        raw.weekdays.as_ref().and_then(|days| days.as_slice().try_into().ok());
    let profile = Profile {
        base: raw.base.0,
        step: raw.step.duration(),
        start_second_of_week: second_of_week(context),
        diurnal: raw.diurnal.as_ref().map(|it| Diurnal {
            peak_to_trough: it.peak_to_trough,
            peak_second_of_day: minute_of_day(&it.peak_at).unwrap_or(0) * 60,
        }),
        weekdays,
        ramps,
        growth: raw.growth.as_ref().and_then(|it| {
            match (it.linear_per_day, it.exponential_per_day) {
                (Some(per_day), _) => Some(Growth::Linear { per_day }),
                (None, Some(per_day)) => Some(Growth::Exponential { per_day }),
                (None, None) => None,
            }
        }),
        spikes: raw
            .spikes
            .iter()
            .map(|it| Spike {
                start: instant(it.start),
                rise: it.rise.duration(),
                hold: it.hold.duration(),
                decay: it.decay.duration(),
                multiplier: it.multiplier,
            })
            .collect(),
        on_off: raw.on_off.as_ref().map(|it| OnOff {
            start: instant(it.start),
            on: it.on.duration(),
            off: it.off.duration(),
            off_factor: it.off_factor,
        }),
        noise: raw
            .noise
            .as_ref()
            .map(|it| Noise { cv: it.cv, autocorrelation: it.autocorrelation }),
    };
    // The stream belongs to the service: no policy and no other service moves its noise.
    let stream = StreamKey::new(context.seed, context.replication, "load-noise", label_hash(name));
    let normal = |step: u64| variates::standard_normal(stream.at(step));
    Some(profile.build(context.duration, &normal))
}

/// Local civil time of the start: seconds since Monday 00:00.
fn second_of_week(context: &Context<'_>) -> u32 {
    let Ok(start) = jiff::Timestamp::from_second(context.start) else { return 0 };
    let local = start.to_zoned(context.time_zone.clone());
    let day = local.weekday().to_monday_zero_offset();
    let seconds = i32::from(day) * 86_400
        + i32::from(local.hour()) * 3_600
        + i32::from(local.minute()) * 60
        + i32::from(local.second());
    u32::try_from(seconds).unwrap_or(0)
}

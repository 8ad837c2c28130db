//! Request load of a service in the world: segments of constant load and capacity, and the sums over
//! a minute and over a recording interval.
//!
//! Source of the metrics: developer guide, *CloudWatch metrics* (ratio of sums over tasks), and the
//! load balancer's `RequestCountPerTarget`. The CPU that a task has for requests comes from
//! `cpu_sharing`. Where single requests are followed, a [`RequestEngine`] takes the place of the fluid.

use super::integral::ratio;
use super::task::Owner;
use super::world::{MINUTE, World};
use crate::engine::StreamKey;
use crate::results::LoadResults;
use crate::scenario::{BalancingAlgorithm, Service, ServiceLoad};
use crate::statistics::{Elasticity, ElasticityRecorder};
use crate::traffic::{
    Lanes, LatencyRecorder, MICRO_PER_REQUEST, ObjectiveRecorder, RequestEngine, ResponseMixture,
    ResponseTime, TakenTimes, TaskDemandModel,
};
use crate::units::{Cpu, ServiceId, SimDuration, SimTime, TaskId, to_f64};

mod steady;

use steady::Steady;

/// Raw CPU of one vCPU.
const RAW_PER_VCPU: u128 = Cpu::from_ecs_units(1024).as_raw() as u128;

/// Quantiles of the response time that are recorded.
const QUANTILES: [f64; 3] = [0.50, 0.95, 0.99];

/// Adds requests to those of an interval; one segment mostly answers as the one before.
fn add_response(to: &mut Vec<(u128, ResponseTime)>, served: u128, response: ResponseTime) {
    match to.last_mut().filter(|(_, last)| *last == response) {
        Some((sum, _)) => *sum += served,
        None => to.push((served, response)),
    }
}

/// Sums since the last reading.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LoadSums {
    pub(super) offered: u128,
    /// What the load balancer got: with retries more than was offered.
    pub(super) sent: u128,
    pub(super) served: u128,
    pub(super) failed: u128,
    /// CPU used for requests, raw·ns.
    pub(super) busy_cpu: u128,
    /// Requests in flight, request·ns.
    pub(super) in_flight: f64,
    /// Healthy tasks, task·ns.
    pub(super) healthy: u128,
    /// Tasks needed, task·ns.
    pub(super) needed: u128,
}

impl LoadSums {
    fn since(&self, before: &Self) -> Self {
        Self {
            offered: self.offered - before.offered,
            sent: self.sent - before.sent,
            served: self.served - before.served,
            failed: self.failed - before.failed,
            busy_cpu: self.busy_cpu - before.busy_cpu,
            in_flight: self.in_flight - before.in_flight,
            healthy: self.healthy - before.healthy,
            needed: self.needed - before.needed,
        }
    }
}

/// What the tasks of a service did with the load since the last reading.
#[derive(Clone, Copy, Debug)]
pub(super) struct LoadReading {
    pub(super) length: SimDuration,
    /// CPU used and reserved, raw·ns.
    pub(super) cpu: (u128, u128),
    /// Memory used and reserved, MiB·ns.
    pub(super) memory: (f64, f64),
    /// Running tasks, task·ns.
    pub(super) running: u128,
    /// Tasks over which the load balancer divides requests, task·ns: the healthy ones, and all running ones
    /// if none is healthy.
    pub(super) targets: u128,
    /// Micro-requests that the load balancer got.
    pub(super) sent: u128,
    /// Requests in flight, request·ns.
    pub(super) in_flight: f64,
}

impl LoadReading {
    /// Requests that the load balancer got.
    pub(super) fn requests_sent(&self) -> f64 {
        to_f64(self.sent) / MICRO_PER_REQUEST as f64
    }

    /// Percent of reserved CPU in use; `None` without running tasks.
    pub(super) fn cpu_percent(&self) -> Option<f64> {
        ratio(self.cpu.0, self.cpu.1).map(|share| share * 100.0)
    }

    /// Percent of memory in use; `None` without running tasks.
    pub(super) fn memory_percent(&self) -> Option<f64> {
        let (used, reserved) = self.memory;
        (reserved > 0.0).then(|| 100.0 * used / reserved)
    }

    /// Requests per target; `None` without targets.
    pub(super) fn requests_per_target(&self) -> Option<f64> {
        let targets = to_f64(self.targets) / self.length.as_nanos().max(1) as f64;
        (targets > 0.0).then(|| self.requests_sent() / targets)
    }
}

/// A reader of sums: remembers where it last read.
#[derive(Clone, Copy, Debug, Default)]
struct Reader {
    busy_cpu: u128,
    sent: u128,
    in_flight: f64,
    healthy: u128,
    running: u128,
    running_cpu: u128,
    running_memory: u128,
    at: SimTime,
}

/// The load of one service at work.
pub(super) struct LoadState<'s> {
    pub(super) load: &'s ServiceLoad,
    /// The tasks that serve, by the CPU they may use.
    pub(super) lanes: Lanes,
    /// The requests, where each is followed.
    pub(super) requests: Option<Box<RequestEngine>>,
    /// Of those tasks, the ones that get requests although their targets are unhealthy.
    pub(super) unhealthy_serving: u32,
    /// What its tasks demand of their instances.
    pub(super) demand: TaskDemand,
    latency: LatencyRecorder,
    objective: Option<ObjectiveRecorder>,
    last: SimTime,
    /// Micro-requests offered before `last`.
    offered: u128,
    minute: Reader,
    high_resolution: Reader,
    interval: Reader,
    totals: LoadSums,
    /// What `totals` were when the recorder last took them.
    recorded: LoadSums,
    /// How the last stretch went, if the next one may go like it.
    steady: Option<Steady>,
    /// Response times of the recording interval with their weights.
    responses: Vec<(u128, ResponseTime)>,
    /// Mean in seconds and quantiles of the recording interval before.
    mean_response: f64,
    quantiles: [Option<SimDuration>; 3],
    /// Those of the minute, where a metric asks for them.
    minute_responses: Option<Vec<(u128, ResponseTime)>>,
    needed: TaskDemandModel,
    elasticity: ElasticityRecorder,
    /// Whether at some time no number of tasks would have met the objective.
    hopeless: bool,
}

impl<'s> LoadState<'s> {
    /// `key` makes the stream of a purpose.
    pub(super) fn new(
        load: &'s ServiceLoad,
        service: &Service,
        key: impl Fn(&str) -> StreamKey,
    ) -> Self {
        let bound = service.slo.map(|slo| slo.below);
        let requests = load.fidelity.requests();
        Self {
            load,
            lanes: Lanes::new(load.algorithm),
            requests: requests
                .map(|settings| Box::new(RequestEngine::new(load, settings, bound, key))),
            unhealthy_serving: 0,
            demand: TaskDemand::default(),
            latency: LatencyRecorder::new(),
            objective: service.slo.map(ObjectiveRecorder::new),
            last: SimTime::ZERO,
            offered: 0,
            minute: Reader::default(),
            high_resolution: Reader::default(),
            interval: Reader::default(),
            totals: LoadSums::default(),
            recorded: LoadSums::default(),
            steady: None,
            responses: Vec::new(),
            mean_response: 0.0,
            quantiles: [None; 3],
            minute_responses: None,
            needed: TaskDemandModel::new(service.slo),
            elasticity: ElasticityRecorder::new(MINUTE),
            hopeless: false,
        }
    }

    /// Moves on to `now`; the same tasks were serving since the last call, each with `cpu` reserved.
    pub(super) fn advance(&mut self, now: SimTime, cpu: Cpu) {
        while self.last < now {
            if self.go_on(now, cpu) {
                return;
            }
            let start = self.last;
            let change = self.load.rate.next_change(start);
            let until = change.min(now);
            let length = until.saturating_since(start);
            let upto = self.load.rate.cumulative(until);
            let offered = upto - std::mem::replace(&mut self.offered, upto);
            let nanos = u128::from(length.as_nanos());
            let rate = to_f64(offered) / MICRO_PER_REQUEST as f64 / length.as_secs_f64();
            let needed = self.needed.least_tasks(self.load, cpu, rate);
            self.hopeless |= needed.is_none();
            let needed = needed.unwrap_or(0);
            let serving = self.lanes.tasks();
            self.elasticity.observe(start, needed.into(), serving.into());
            let healthy = serving - self.unhealthy_serving;
            let sums = &mut self.totals;
            sums.healthy += u128::from(healthy) * nanos;
            sums.needed += u128::from(needed) * nanos;
            self.last = until;
            if self.requests.is_some() {
                self.follow_requests(start, until);
                continue;
            }
            let mut calm = None;
            self.lanes.advance(offered, length, self.load, |segment| {
                sums.offered += segment.offered;
                sums.sent += segment.offered;
                sums.served += segment.served;
                sums.failed += segment.failed;
                sums.busy_cpu += segment.busy_cpu_nanos * RAW_PER_VCPU;
                sums.in_flight += segment.concurrency * length.as_nanos() as f64;
                self.latency.record(segment);
                if let Some(objective) = &mut self.objective {
                    // No call spans a full minute, so that lanes never take it back in time.
                    objective.record(start, length, segment);
                }
                if let Some(response) = segment.response_time {
                    if let Some(minute) = &mut self.minute_responses {
                        add_response(minute, segment.served, response);
                    }
                    add_response(&mut self.responses, segment.served, response);
                }
                calm = segment.is_calm().then_some(segment.mean_response);
            });
            self.settle(calm, change, cpu, needed);
        }
    }

    /// Moves single requests on from `start` to `until`.
    fn follow_requests(&mut self, start: SimTime, until: SimTime) {
        let Some(engine) = &mut self.requests else { return };
        let before = engine.counts();
        engine.advance(until);
        let after = engine.counts();
        let micro = |count: u64| u128::from(count) * u128::from(MICRO_PER_REQUEST);
        let sums = &mut self.totals;
        sums.offered = micro(after.offered);
        sums.sent = micro(after.attempts);
        sums.served = micro(after.served);
        sums.failed = micro(after.failed);
        sums.busy_cpu = engine.busy_cpu(until);
        sums.in_flight = engine.present_time(until) as f64;
        if let Some(objective) = &mut self.objective {
            let failed = after.failed - before.failed;
            let done = after.served - before.served + failed;
            objective.record_counts(start, micro(done), micro(after.slow - before.slow + failed));
        }
    }

    /// Tells the requests that a task serves from now on or no more. Load has moved on to `now`.
    pub(super) fn set_target(&mut self, task: TaskId, cpu: Option<Cpu>, now: SimTime) {
        if let Some(engine) = &mut self.requests {
            match cpu {
                Some(cpu) => engine.add(task, cpu, now),
                None => engine.remove(task, now),
            }
        }
    }

    /// What one serving task demands on average from `from` to `until`.
    pub(super) fn demand_between(&self, from: SimTime, until: SimTime) -> TaskDemand {
        let length = until.saturating_since(from).as_nanos();
        let offered = self.load.rate.offered(from, until);
        let cpu_nanos = u128::from(self.load.cpu_per_request.as_nanos());
        let per_time = u128::from(MICRO_PER_REQUEST) * u128::from(length.max(1));
        let requests = offered.saturating_mul(cpu_nanos).saturating_mul(RAW_PER_VCPU) / per_time;
        let spread = match self.load.algorithm {
            BalancingAlgorithm::LeastOutstandingRequests => {
                Spread::BySpeed(self.lanes.serving_cpu(self.load.idle_cpu))
            }
            BalancingAlgorithm::RoundRobin | BalancingAlgorithm::WeightedRandom => {
                Spread::Evenly(self.lanes.tasks())
            }
        };
        let behind = match &self.requests {
            Some(engine) => engine.is_behind().then_some(Cpu::MAX),
            None => self.lanes.behind(),
        };
        TaskDemand { requests, idle: self.load.idle_cpu, spread, behind }
    }

    /// Requests waiting, in millionths; where each is followed, those neither answered nor failed.
    pub(super) fn backlog(&self) -> u128 {
        match &self.requests {
            Some(engine) => u128::from(engine.pending()) * u128::from(MICRO_PER_REQUEST),
            None => self.lanes.backlog(),
        }
    }

    /// Sums since the last call.
    pub(super) fn take_interval(&mut self) -> LoadSums {
        let before = std::mem::replace(&mut self.recorded, self.totals);
        self.totals.since(&before)
    }

    /// [`QUANTILES`] of the response times since the last call of [`clear_responses`], in milliseconds.
    ///
    /// [`clear_responses`]: Self::clear_responses
    pub(super) fn interval_quantiles_ms(&mut self) -> [Option<f64>; 3] {
        if let Some(engine) = &self.requests {
            return QUANTILES.map(|p| engine.interval_quantile_ms(p));
        }
        let Some(mixture) = ResponseMixture::new(&self.responses) else { return [None; 3] };
        // Quantiles move roughly as the mean does.
        let mean = mixture.unbounded_mean();
        let moved = mean / self.mean_response;
        let moved = if moved.is_finite() { moved } else { 1.0 };
        self.mean_response = mean;
        for (p, last) in QUANTILES.iter().zip(&mut self.quantiles) {
            let guess = last.map(|last| last.as_secs_f64() * moved);
            *last = Some(mixture.quantile(*p, guess));
        }
        self.quantiles.map(|quantile| quantile.map(|length| length.as_secs_f64() * 1e3))
    }

    /// Keeps the response times of each minute from now on.
    pub(super) fn keep_minutes(&mut self) {
        match &mut self.requests {
            Some(engine) => engine.keep_minutes(),
            None => self.minute_responses = Some(Vec::new()),
        }
    }

    /// Response times of what was served since the last call; `None` if nothing was.
    pub(super) fn take_minute(&mut self, quantiles: &[f64]) -> Option<TakenTimes> {
        if let Some(engine) = &mut self.requests {
            return engine.take_minute(quantiles);
        }
        let minute = self.minute_responses.as_mut()?;
        let taken = ResponseMixture::new(minute).map(|mixture| TakenTimes {
            count: mixture.served() / MICRO_PER_REQUEST as f64,
            mean: mixture.mean_seconds(),
            quantiles: quantiles.iter().map(|p| mixture.quantile(*p, None).as_secs_f64()).collect(),
        });
        minute.clear();
        self.steady = None;
        taken
    }

    /// CPU used for requests so far, in raw CPU·ns.
    pub(super) fn busy_cpu(&self) -> u128 {
        self.totals.busy_cpu
    }

    /// Time that tasks served so far, task·ns.
    pub(super) fn serving_time(&self) -> u128 {
        self.totals.healthy
    }

    /// Memory used for requests in flight so far, in MiB·ns.
    pub(super) fn request_memory(&self) -> u128 {
        (self.totals.in_flight * self.load.memory_per_request_kib as f64 / 1024.0) as u128
    }

    pub(super) fn clear_responses(&mut self) {
        self.responses.clear();
        self.steady = None;
        if let Some(engine) = &mut self.requests {
            engine.clear_interval();
        }
    }

    pub(super) fn results(&self) -> LoadResults {
        LoadResults {
            offered_micro: self.totals.offered,
            served_micro: self.totals.served,
            failed_micro: self.totals.failed,
            queued_micro: self.backlog(),
            single_requests: self.requests.as_ref().map(|engine| engine.counts()),
            latency_ms: match &self.requests {
                Some(engine) => engine.response_times(),
                None => self.latency.summary(),
            },
            objective: self.objective.as_ref().map(ObjectiveRecorder::results),
        }
    }

    /// Minutes in which the objective was violated, as first and last of each stretch; `None` without one.
    pub(super) fn violations(&self) -> Option<Vec<(u64, u64)>> {
        self.objective.as_ref().map(ObjectiveRecorder::violations)
    }

    /// Whether the demand is known so far.
    pub(super) fn knows_demand(&self) -> bool {
        !self.hopeless
    }

    /// How well the tasks that serve follow the demand; `None` if no number of tasks would do.
    pub(super) fn elasticity(&self) -> Option<Elasticity> {
        self.elasticity.finish(self.last).filter(|_| !self.hopeless)
    }
}

/// Mean CPU that the requests to a service need, and which of its tasks they go to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TaskDemand {
    /// Raw CPU for all requests that arrive.
    requests: u128,
    idle: Cpu,
    spread: Spread,
    /// Tasks as slow as this have requests waiting.
    behind: Option<Cpu>,
}

/// How a load balancer spreads requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spread {
    /// The same for each of so many tasks.
    Evenly(u32),
    /// By the CPU that a task has for requests, of so much raw CPU in all.
    BySpeed(u128),
}

impl Default for Spread {
    fn default() -> Self {
        Self::Evenly(0)
    }
}

impl TaskDemand {
    /// CPU that a serving task uses if it gets it, when it could use `speed` so far: all it can get
    /// while requests wait for it.
    pub(super) fn of(&self, speed: Cpu) -> Cpu {
        if self.behind.is_some_and(|behind| speed <= behind) {
            return Cpu::MAX;
        }
        let requests = match self.spread {
            Spread::Evenly(tasks) => self.requests / u128::from(tasks.max(1)),
            Spread::BySpeed(all) => {
                let own = u128::from(speed.saturating_sub(self.idle).as_raw());
                self.requests.saturating_mul(own) / all.max(1)
            }
        };
        Cpu::from_raw(u64::try_from(requests).unwrap_or(u64::MAX)) + self.idle
    }
}

impl World<'_, '_> {
    /// The containers of a task are gone, and with them the requests it still had.
    pub(super) fn end_requests(&mut self, id: TaskId, now: SimTime) {
        let Owner::Service(service) = self.tasks[id].owner else { return };
        let follows = |load: &LoadState<'_>| load.requests.is_some();
        if !self.services[service].load.as_ref().is_some_and(follows) {
            return;
        }
        self.sync_load(service, now);
        if let Some(load) = &mut self.services[service].load
            && let Some(engine) = &mut load.requests
        {
            engine.end(id, now);
        }
    }

    /// Accounts for the load of a service up to `now`. Called before anything that changes what
    /// serves it.
    pub(super) fn sync_load(&mut self, id: ServiceId, now: SimTime) {
        self.share_cpu_before(now);
        self.advance_load(id, now);
    }

    /// The same with the CPU as it is shared now.
    pub(super) fn advance_load(&mut self, id: ServiceId, now: SimTime) {
        if self.services[id].load.is_none() {
            return;
        }
        let cpu = self.mean_cpu(id);
        let state = &mut self.services[id];
        if let Some(load) = &mut state.load {
            load.advance(now, cpu);
        }
    }

    /// Use of a service since the last reading of the same kind; `None` without load.
    pub(super) fn read_load(
        &mut self,
        id: ServiceId,
        now: SimTime,
        kind: Reading,
    ) -> Option<LoadReading> {
        self.sync_load(id, now);
        let state = &mut self.services[id];
        let running = state.running.total_at(now);
        let running_cpu = state.running_cpu.total_at(now);
        let running_memory = state.running_memory.total_at(now);
        let load = state.load.as_mut()?;
        let reader = match kind {
            Reading::Minute => &mut load.minute,
            Reading::HighResolution => &mut load.high_resolution,
            Reading::Interval => &mut load.interval,
        };
        let LoadSums { busy_cpu, sent, in_flight, healthy, .. } = load.totals;
        let reading = Reader {
            busy_cpu,
            sent,
            in_flight,
            healthy,
            running,
            running_cpu,
            running_memory,
            at: now,
        };
        let before = std::mem::replace(reader, reading);
        let busy_cpu = busy_cpu - before.busy_cpu;
        let in_flight = in_flight - before.in_flight;
        let healthy = healthy - before.healthy;
        let running = running - before.running;
        let settings = load.load;
        let used_cpu = busy_cpu + u128::from(settings.idle_cpu.as_raw()) * running;
        let reserved_cpu = running_cpu - before.running_cpu;
        let in_flight_mib = in_flight * settings.memory_per_request_kib as f64 / 1024.0;
        let used_memory = settings.idle_memory.as_mib() as f64 * to_f64(running) + in_flight_mib;
        let reserved_memory = to_f64(running_memory - before.running_memory);
        Some(LoadReading {
            length: now.saturating_since(before.at),
            cpu: (used_cpu, reserved_cpu),
            memory: (used_memory, reserved_memory),
            running,
            targets: if 0 < healthy { healthy } else { running },
            sent: sent - before.sent,
            in_flight,
        })
    }
}

/// Who reads a service's sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// CloudWatch, each minute.
    Minute,
    /// CloudWatch, each period of a metric of high resolution.
    HighResolution,
    /// The recorder.
    Interval,
}

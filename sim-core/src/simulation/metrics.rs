//! Samples of the metrics that something watches.
//!
//! Service metrics of a minute come from the reading that the load balancer's bill needs anyhow; metrics
//! of other periods have their own sampling event and their own reader.

use super::event::Event;
use super::load::{LoadReading, Reading};
use super::world::{MINUTE, World};
use crate::engine::{Phase, Scheduler};
use crate::metrics::{
    ClusterMeasure, GroupMeasure, MetricSource, MetricStore, ServiceMeasure, StatisticSet,
    fraction_of,
};
use crate::scenario::Scenario;
use crate::units::{
    AsgId, CapacityProviderId, IdVec, MetricId, NANOS_PER_SECOND, ServiceId, SimDuration, SimTime,
    to_f64,
};

/// What is sampled of one service.
type OfService = Vec<(ServiceMeasure, MetricId)>;

/// What is sampled together.
#[derive(Debug)]
struct Round {
    period: SimDuration,
    services: Vec<(ServiceId, OfService)>,
    others: Vec<MetricId>,
}

/// The metrics of a run.
pub(super) struct MetricState {
    pub(super) store: MetricStore,
    /// What is sampled each minute, of services by id.
    minute: IdVec<ServiceId, OfService>,
    minute_others: Vec<MetricId>,
    rounds: Vec<Round>,
}

impl MetricState {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let mut minute: IdVec<ServiceId, OfService> =
            scenario.services.iter().map(|_| OfService::new()).collect();
        let mut minute_others = Vec::new();
        let mut rounds: Vec<Round> = Vec::new();
        for (id, metric) in scenario.metrics.enumerate() {
            if metric.period == MINUTE {
                match metric.source {
                    MetricSource::Service(service, measure) => minute[service].push((measure, id)),
                    _ => minute_others.push(id),
                }
                continue;
            }
            let known = rounds.iter().position(|round| round.period == metric.period);
            let index = known.unwrap_or_else(|| {
                let (services, others) = (Vec::new(), Vec::new());
                rounds.push(Round { period: metric.period, services, others });
                rounds.len() - 1
            });
            let round = &mut rounds[index];
            match metric.source {
                MetricSource::Service(service, measure) => {
                    match round.services.iter_mut().find(|(of, _)| *of == service) {
                        Some((_, measures)) => measures.push((measure, id)),
                        None => round.services.push((service, vec![(measure, id)])),
                    }
                }
                _ => round.others.push(id),
            }
        }
        Self { store: MetricStore::new(&scenario.metrics), minute, minute_others, rounds }
    }
}

impl World<'_, '_> {
    pub(super) fn start_metrics(&mut self, scheduler: &mut Scheduler<Event>) {
        for (id, measures) in self.metrics.minute.enumerate() {
            let times =
                |it: &(ServiceMeasure, MetricId)| it.0 == ServiceMeasure::TargetResponseTime;
            if measures.iter().any(times)
                && let Some(load) = &mut self.services[id].load
            {
                load.keep_minutes();
            }
        }
        for index in 0..self.metrics.rounds.len() {
            self.await_round(index, scheduler);
        }
    }

    /// Waits for the next round after now. Those at a full minute come with the minute's samples.
    fn await_round(&self, index: usize, scheduler: &mut Scheduler<Event>) {
        let period = self.metrics.rounds[index].period;
        let next = scheduler.now() + period;
        if !is_multiple(next, MINUTE) {
            scheduler.schedule_at(next, Phase::Sample, Event::SampleMetrics(index as u32));
        }
    }

    /// Samples the metrics of other periods than a minute that end with this one.
    pub(super) fn sample_rounds(&mut self, scheduler: &mut Scheduler<Event>) {
        for index in 0..self.metrics.rounds.len() {
            if is_multiple(scheduler.now(), self.metrics.rounds[index].period) {
                self.sample_metrics(index, scheduler);
            }
        }
    }

    /// Samples the minute that ends now of a service that has been read.
    pub(super) fn sample_service_minute(
        &mut self,
        service: ServiceId,
        start: SimTime,
        reading: Option<&LoadReading>,
    ) {
        for index in 0..self.metrics.minute[service].len() {
            let (measure, id) = self.metrics.minute[service][index];
            if measure == ServiceMeasure::TargetResponseTime {
                self.sample_response_times(service, id, start);
                continue;
            }
            let samples = self.service_samples(service, measure, MINUTE, reading);
            self.publish(id, start, samples);
        }
    }

    /// Samples the response times of the minute that ends now; without a response there is no point.
    fn sample_response_times(&mut self, service: ServiceId, id: MetricId, start: SimTime) {
        let ranks = self.metrics.store.series(id).ranks();
        let quantiles: Vec<f64> = ranks.iter().map(|rank| fraction_of(*rank)).collect();
        let load = self.services[service].load.as_mut();
        let taken = load.and_then(|load| load.take_minute(&quantiles));
        let samples = taken.as_ref().and_then(|it| StatisticSet::weighted(it.mean, it.count));
        self.publish(id, start, samples);
        if let Some(taken) = taken {
            let values = taken.quantiles.into_iter().map(Some).collect();
            self.metrics.store.set_percentiles(id, values);
        }
    }

    /// Samples the minute that ends now of everything that is no service.
    pub(super) fn sample_minute(&mut self, start: SimTime) {
        for index in 0..self.metrics.minute_others.len() {
            let id = self.metrics.minute_others[index];
            self.sample_other(id, start);
        }
    }

    /// Samples the metrics of another period than a minute.
    pub(super) fn sample_metrics(&mut self, index: usize, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        let Some(round) = self.metrics.rounds.get_mut(index) else { return };
        let period = round.period;
        let (services, others) =
            (std::mem::take(&mut round.services), std::mem::take(&mut round.others));
        if let Some(start) = now.since(SimTime::ZERO + period) {
            let start = SimTime::ZERO + start;
            for (service, measures) in &services {
                let loaded = measures.iter().any(|(measure, _)| measure.needs_load());
                let reading = if loaded {
                    self.read_use(*service, now, Reading::HighResolution)
                } else {
                    None
                };
                for (measure, id) in measures {
                    let samples =
                        self.service_samples(*service, *measure, period, reading.as_ref());
                    self.publish(*id, start, samples);
                }
            }
            for id in &others {
                self.sample_other(*id, start);
            }
        }
        let round = &mut self.metrics.rounds[index];
        (round.services, round.others) = (services, others);
        self.await_round(index, scheduler);
    }

    /// Records a period that ends now, as CloudWatch gets it.
    fn publish(&mut self, id: MetricId, start: SimTime, samples: Option<StatisticSet>) {
        let source = &self.scenario.metrics[id].source;
        let late = self.disruptions.publication(|scope| scope.has(id, source));
        self.metrics.store.record(id, start, samples.filter(|_| late.is_some()));
        self.metrics.store.delay_newest(id, late.unwrap_or_default());
    }

    fn service_samples(
        &self,
        service: ServiceId,
        measure: ServiceMeasure,
        period: SimDuration,
        reading: Option<&LoadReading>,
    ) -> Option<StatisticSet> {
        let state = &self.services[service];
        let count = |count: u64| StatisticSet::of(count as f64);
        match measure {
            // A mean over tasks and time: periods weigh by the tasks that ran in them.
            ServiceMeasure::CpuUtilization => {
                let reading = reading?;
                StatisticSet::weighted(reading.cpu_percent()?, reading.tasks(period))
            }
            ServiceMeasure::MemoryUtilization => {
                let reading = reading?;
                StatisticSet::weighted(reading.memory_percent()?, reading.tasks(period))
            }
            ServiceMeasure::RequestCountPerTarget => {
                StatisticSet::of(reading?.requests_per_target()?)
            }
            ServiceMeasure::RequestCount => StatisticSet::of(reading?.requests_sent()),
            // Read apart, with their percentiles.
            ServiceMeasure::TargetResponseTime => None,
            ServiceMeasure::RunningTaskCount => count(state.running.value()),
            ServiceMeasure::DesiredTaskCount => count(state.desired.into()),
            ServiceMeasure::PendingTaskCount => count(state.pending.value()),
        }
    }

    fn sample_other(&mut self, id: MetricId, start: SimTime) {
        let samples = match self.scenario.metrics[id].source {
            MetricSource::Service(..) => return,
            MetricSource::Group(group, GroupMeasure::CpuUtilization) => {
                self.group_cpu_samples(group, start, start + self.scenario.metrics[id].period)
            }
            MetricSource::Group(group, measure) => self.group_samples(group, measure),
            MetricSource::Cluster(measure) => self.cluster_samples(measure),
            MetricSource::CapacityProvider(provider) => self.reservation_samples(provider),
            MetricSource::Queue(queue, measure) => self.queues.samples(queue, measure),
            MetricSource::Trace(ref trace) => {
                let period = self.scenario.metrics[id].period.as_nanos();
                trace.value(start.as_nanos() / period).and_then(StatisticSet::of)
            }
            MetricSource::Formula(ref formula) => {
                self.metrics.store.measure(formula, start, MINUTE)
            }
        };
        self.publish(id, start, samples);
    }

    fn group_samples(&self, group: AsgId, measure: GroupMeasure) -> Option<StatisticSet> {
        let state = &self.groups[group];
        let (present, in_service) = (state.alive.len(), state.alive.in_service());
        let terminating = state.policies.leaving();
        StatisticSet::of(f64::from(match measure {
            GroupMeasure::DesiredCapacity => state.desired,
            GroupMeasure::InServiceInstances => in_service,
            GroupMeasure::PendingInstances => present - in_service,
            GroupMeasure::TerminatingInstances => terminating,
            GroupMeasure::TotalInstances => present + terminating,
            GroupMeasure::MinSize => state.operation.min_size,
            GroupMeasure::MaxSize => state.operation.max_size,
            GroupMeasure::CpuUtilization => return None,
        }))
    }

    /// What tasks reserve of the container instances that are registered, draining ones included.
    fn cluster_samples(&self, measure: ClusterMeasure) -> Option<StatisticSet> {
        let totals = &self.totals;
        let (reserved, registered) = match measure {
            ClusterMeasure::CpuReservation => (&totals.reserved_cpu, &totals.registered_cpu),
            ClusterMeasure::MemoryReservation => {
                (&totals.reserved_memory, &totals.registered_memory)
            }
        };
        // Without instances the ratio is not defined, and nothing is published.
        StatisticSet::of(100.0 * reserved.value() as f64 / registered.value() as f64)
    }

    fn reservation_samples(&self, provider: CapacityProviderId) -> Option<StatisticSet> {
        self.providers[provider].newest_reservation.and_then(StatisticSet::of)
    }
}

fn is_multiple(instant: SimTime, period: SimDuration) -> bool {
    instant.as_nanos().is_multiple_of(period.as_nanos())
}

impl LoadReading {
    /// Mean number of running tasks over `period`, the weight of a mean over tasks.
    fn tasks(&self, period: SimDuration) -> f64 {
        let nanos = period.as_nanos().max(NANOS_PER_SECOND);
        to_f64(self.running) / nanos as f64
    }
}

//! A queueing station on the engine: Poisson arrivals, some servers, first come first served.

use std::collections::VecDeque;

use plimsoll_core::engine::{
    Digest, Limits, Model, Phase, RunStatistics, Scheduler, Stream, StreamKey, run, variates,
};
use plimsoll_core::statistics::TimeWeighted;
use plimsoll_core::units::{SimDuration, SimTime};

/// Distribution of service times, in seconds.
#[derive(Clone, Copy)]
pub(crate) enum Service {
    Exponential { mean: f64 },
    Constant { mean: f64 },
    HyperExponential(variates::HyperExponential),
    LogNormal { mu: f64, sigma: f64 },
}

impl Service {
    fn draw(&self, stream: &mut Stream) -> SimDuration {
        match self {
            // In nanoseconds from the start, as the golden run has it.
            Self::Exponential { mean } => {
                SimDuration::from_nanos_f64(variates::exponential(stream.next_u64(), mean * 1e9))
            }
            Self::Constant { mean } => SimDuration::from_secs_f64(*mean),
            Self::HyperExponential(distribution) => {
                let branch = stream.next_u64();
                SimDuration::from_secs_f64(distribution.sample(branch, stream.next_u64()))
            }
            Self::LogNormal { mu, sigma } => {
                SimDuration::from_secs_f64(variates::lognormal(stream.next_u64(), *mu, *sigma))
            }
        }
    }
}

#[derive(Clone, Copy)]
pub(crate) enum Event {
    Arrival,
    Departure { customer: u32 },
}

/// The station and what is observed of it. Customers are numbered by arrival.
pub(crate) struct Station {
    interarrival_ns: f64,
    service: Service,
    servers: u64,
    arrival_stream: Stream,
    service_stream: Stream,
    /// Arrivals end after this many customers.
    pub(crate) customers: u64,
    /// Customers beyond this many in the station are turned away.
    pub(crate) room: u64,
    /// Whether to keep every arrival and wait, or only waits after the warm-up.
    pub(crate) keep_customers: bool,
    /// Observation starts at this instant.
    pub(crate) warm_up: SimTime,
    waiting: VecDeque<(u32, SimTime, SimDuration)>,
    arrived: u64,
    pub(crate) turned_away: u64,
    pub(crate) observed_arrivals: u64,
    pub(crate) present: TimeWeighted,
    pub(crate) queued: TimeWeighted,
    pub(crate) busy: TimeWeighted,
    pub(crate) arrivals: Vec<u64>,
    pub(crate) waits: Vec<u64>,
    pub(crate) sojourns: Vec<u64>,
    /// Arrival and, once known, departure of every customer; only with `keep_customers`.
    pub(crate) lives: Vec<(u64, Option<u64>)>,
}

impl Station {
    pub(crate) fn new(
        root: u64,
        replication: u64,
        rate: f64,
        service: Service,
        servers: u64,
    ) -> Self {
        let quantity = TimeWeighted::new(SimTime::ZERO, 0);
        Self {
            interarrival_ns: 1e9 / rate,
            service,
            servers,
            arrival_stream: StreamKey::new(root, replication, "arrivals", 0).rng(),
            service_stream: StreamKey::new(root, replication, "service-time", 0).rng(),
            customers: u64::MAX,
            room: u64::MAX,
            keep_customers: false,
            warm_up: SimTime::ZERO,
            waiting: VecDeque::new(),
            arrived: 0,
            turned_away: 0,
            observed_arrivals: 0,
            present: quantity,
            queued: quantity,
            busy: quantity,
            arrivals: Vec::new(),
            waits: Vec::new(),
            sojourns: Vec::new(),
            lives: Vec::new(),
        }
    }

    /// Runs until all customers have left.
    pub(crate) fn run_to_the_end(mut self) -> Self {
        self.run_until(&mut Scheduler::new(Limits::default()), SimTime::MAX);
        self
    }

    /// Runs from an empty station to the horizon.
    pub(crate) fn run_to(mut self, horizon: SimTime) -> Self {
        self.run_until(&mut Scheduler::new(Limits::default()), horizon);
        self
    }

    pub(crate) fn run_until(
        &mut self,
        scheduler: &mut Scheduler<Event>,
        horizon: SimTime,
    ) -> RunStatistics {
        self.schedule_arrival(scheduler);
        run(self, scheduler, horizon).expect("the limits are far away")
    }

    /// Puts customers into the empty station at the start, to begin in another state than empty.
    pub(crate) fn fill(&mut self, n: u64, scheduler: &mut Scheduler<Event>) {
        for _ in 0..n {
            self.admit(scheduler);
        }
    }

    fn schedule_arrival(&mut self, scheduler: &mut Scheduler<Event>) {
        if self.arrived < self.customers {
            let bits = self.arrival_stream.next_u64();
            let gap =
                SimDuration::from_nanos_f64(variates::exponential(bits, self.interarrival_ns));
            scheduler.schedule_in(gap, Phase::Schedule, Event::Arrival);
        }
    }

    fn observes(&self, arrival: SimTime) -> bool {
        arrival >= self.warm_up
    }

    fn admit(&mut self, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        let customer = self.lives.len() as u32;
        if self.keep_customers {
            self.arrivals.push(now.as_nanos());
            self.lives.push((now.as_nanos(), None));
        }
        let service = self.service.draw(&mut self.service_stream);
        self.present.set(now, self.present.value() + 1);
        if self.busy.value() < self.servers {
            self.serve(customer, now, service, scheduler);
        } else {
            self.waiting.push_back((customer, now, service));
            self.queued.set(now, self.queued.value() + 1);
        }
    }

    fn serve(
        &mut self,
        customer: u32,
        arrival: SimTime,
        service: SimDuration,
        scheduler: &mut Scheduler<Event>,
    ) {
        let now = scheduler.now();
        self.busy.set(now, self.busy.value() + 1);
        if self.observes(arrival) {
            let wait = now.saturating_since(arrival);
            self.waits.push(wait.as_nanos());
            self.sojourns.push((wait + service).as_nanos());
        }
        scheduler.schedule_in(service, Phase::Release, Event::Departure { customer });
    }
}

impl Model for Station {
    type Event = Event;

    fn handle(&mut self, event: Event, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        match event {
            Event::Arrival => {
                self.arrived += 1;
                self.observed_arrivals += u64::from(self.observes(now));
                if self.present.value() < self.room {
                    self.admit(scheduler);
                } else {
                    self.turned_away += u64::from(self.observes(now));
                }
                self.schedule_arrival(scheduler);
            }
            Event::Departure { customer } => {
                self.present.set(now, self.present.value() - 1);
                self.busy.set(now, self.busy.value() - 1);
                if let Some((_, departure)) = self.lives.get_mut(customer as usize) {
                    *departure = Some(now.as_nanos());
                }
                if let Some((customer, arrival, service)) = self.waiting.pop_front() {
                    self.queued.set(now, self.queued.value() - 1);
                    self.serve(customer, arrival, service, scheduler);
                }
            }
        }
    }

    fn digest(event: &Event) -> Digest {
        match event {
            Event::Arrival => Digest { kind: 1, entity: 0, payload: 0 },
            Event::Departure { customer } => {
                Digest { kind: 2, entity: u64::from(*customer), payload: 0 }
            }
        }
    }

    fn kind_name(kind: u16) -> &'static str {
        if kind == 1 { "arrival" } else { "departure" }
    }
}

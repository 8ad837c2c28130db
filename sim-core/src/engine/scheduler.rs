//! The clock and the loop that hands events to a model.

use super::limits::{Limits, RunError};
use super::queue::{EventHandle, EventQueue, Phase};
use super::streams::fold;
use crate::units::{SimDuration, SimTime};

/// Kinds of the last events that an error names.
const N_LAST_EVENTS: usize = 16;
/// Events between two checkpoints of the fingerprint.
const CHECKPOINT_INTERVAL: u64 = 65_536;

/// What an event contributes to the trajectory fingerprint, besides its time and phase. Only integers
/// that mean the same in every run: no capacities, no floats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest {
    /// Kind of event: an explicit number that is never reused.
    pub kind: u16,
    /// Ordinal of the entity concerned.
    pub entity: u64,
    /// Anything else that tells two events apart; zero if nothing does.
    pub payload: u64,
}

/// A system whose state changes at events.
pub trait Model {
    /// An event: a few words, copied.
    type Event: Copy;

    /// Reacts to an event that happens now: changes state, schedules other events.
    fn handle(&mut self, event: Self::Event, scheduler: &mut Scheduler<Self::Event>);

    /// What the event contributes to the fingerprint.
    fn digest(event: &Self::Event) -> Digest;

    /// Name of a kind of event, for errors.
    fn kind_name(kind: u16) -> &'static str;
}

/// The fingerprint after a number of events; two runs that differ are bisected with these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Events dispatched so far.
    pub events: u64,
    /// The fingerprint at that point.
    pub fingerprint: u64,
}

/// What a finished run can say about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunStatistics {
    /// Events dispatched.
    pub events: u64,
    /// The instant at which the run ended: the horizon, or the instant of [`Scheduler::stop`]. For
    /// a run without a horizon ([`SimTime::MAX`]), the instant of the last event.
    pub end: SimTime,
    /// Fingerprint of the trajectory: time, phase, kind, entity and payload of every event.
    pub fingerprint: u64,
    /// The fingerprint after every 65 536 events.
    pub checkpoints: Vec<Checkpoint>,
    /// Most events pending after any event was handled.
    pub peak_pending: usize,
}

/// The clock and the pending events, as a model sees them.
pub struct Scheduler<E> {
    queue: EventQueue<E>,
    limits: Limits,
    now: SimTime,
    phase: Phase,
    events: u64,
    events_at_this_instant: u64,
    fingerprint: u64,
    checkpoints: Vec<Checkpoint>,
    peak_pending: usize,
    last_kinds: [u16; N_LAST_EVENTS],
    failure: Option<(&'static str, u64)>,
    ending: bool,
}

impl<E: Copy> Scheduler<E> {
    /// A clock at zero with nothing pending.
    pub fn new(limits: Limits) -> Self {
        Self {
            queue: EventQueue::new(),
            limits,
            now: SimTime::ZERO,
            phase: Phase::Release,
            events: 0,
            events_at_this_instant: 0,
            fingerprint: 0,
            checkpoints: Vec::new(),
            peak_pending: 0,
            last_kinds: [0; N_LAST_EVENTS],
            failure: None,
            ending: false,
        }
    }

    /// The current instant.
    #[inline]
    pub fn now(&self) -> SimTime {
        self.now
    }

    /// Number of events dispatched so far, the current one included.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Number of pending events.
    pub fn pending(&self) -> usize {
        self.queue.len()
    }

    /// The limits of the run.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Schedules `event` for the instant `at`. For the current instant, the phase is raised to the
    /// current one, so that the order of events never goes back. An instant in the past is a bug of
    /// the model: it becomes the current one.
    #[inline]
    pub fn schedule_at(&mut self, at: SimTime, phase: Phase, event: E) {
        let (at, phase) = self.not_before_now(at, phase);
        self.queue.push(at, phase, event);
        self.check_pending();
    }

    /// Schedules `event` after `length`; see [`schedule_at`](Self::schedule_at).
    #[inline]
    pub fn schedule_in(&mut self, length: SimDuration, phase: Phase, event: E) {
        self.schedule_at(self.now + length, phase, event);
    }

    /// Like [`schedule_at`](Self::schedule_at), for an event that may be cancelled.
    pub fn schedule_cancellable_at(&mut self, at: SimTime, phase: Phase, event: E) -> EventHandle {
        let (at, phase) = self.not_before_now(at, phase);
        let handle = self.queue.push_cancellable(at, phase, event);
        self.check_pending();
        handle
    }

    /// Like [`schedule_in`](Self::schedule_in), for an event that may be cancelled.
    pub fn schedule_cancellable_in(
        &mut self,
        length: SimDuration,
        phase: Phase,
        event: E,
    ) -> EventHandle {
        self.schedule_cancellable_at(self.now + length, phase, event)
    }

    /// Cancels a pending event. `false` if it has fired or was cancelled before.
    pub fn cancel(&mut self, handle: EventHandle) -> bool {
        self.queue.cancel(handle)
    }

    /// Ends the run with an error after the current event: the model reached `limit`, the value of
    /// `setting`. The first failure is the one reported.
    pub fn fail(&mut self, setting: &'static str, limit: u64) {
        self.failure.get_or_insert((setting, limit));
        self.ending = true;
    }

    /// Ends the run, without error, after the current event.
    pub fn stop(&mut self) {
        self.ending = true;
    }

    #[inline]
    fn not_before_now(&self, at: SimTime, phase: Phase) -> (SimTime, Phase) {
        debug_assert!(at >= self.now, "an event is scheduled for {at:?}, before {:?}", self.now);
        if at > self.now { (at, phase) } else { (self.now, phase.max(self.phase)) }
    }

    #[inline]
    fn check_pending(&mut self) {
        if self.queue.len() as u64 > self.limits.pending_events {
            self.fail("limits.pendingEvents", self.limits.pending_events);
        }
    }

    /// Takes note of an event that is about to be handled.
    #[inline]
    fn record(&mut self, at: SimTime, phase: Phase, digest: Digest) {
        if at > self.now {
            self.now = at;
            self.events_at_this_instant = 0;
        }
        self.phase = phase;
        self.last_kinds[self.events as usize % N_LAST_EVENTS] = digest.kind;
        self.events += 1;
        self.events_at_this_instant += 1;
        let words =
            [at.as_nanos(), phase as u64, u64::from(digest.kind), digest.entity, digest.payload];
        self.fingerprint = words.into_iter().fold(self.fingerprint, fold);
        if self.events.is_multiple_of(CHECKPOINT_INTERVAL) {
            self.checkpoints
                .push(Checkpoint { events: self.events, fingerprint: self.fingerprint });
        }
        if self.events > self.limits.events {
            self.fail("limits.events", self.limits.events);
        }
        if self.events_at_this_instant > self.limits.events_at_one_instant {
            self.fail("limits.eventsAtOneInstant", self.limits.events_at_one_instant);
        }
    }

    fn error<M: Model<Event = E>>(&self, setting: &'static str, limit: u64) -> RunError {
        let first = self.events.saturating_sub(N_LAST_EVENTS as u64);
        let kind = |event: u64| self.last_kinds[event as usize % N_LAST_EVENTS];
        RunError::LimitReached {
            setting,
            limit,
            at_seconds: self.now.as_secs_f64() as u64,
            last_events: (first..self.events).map(|event| M::kind_name(kind(event))).collect(),
        }
    }
}

/// Dispatches events in the order (time, phase, insertion) up to the horizon.
///
/// Every event before the horizon is dispatched, and at the instant of the horizon those of all
/// phases up to and including [`Phase::Observe`]; the rest stays pending. Calling this again with a
/// later horizon continues the run, and the fingerprint is that of one run to the later horizon.
///
/// # Errors
///
/// [`RunError::LimitReached`] if a limit of [`Limits`] is crossed or the model calls
/// [`Scheduler::fail`].
pub fn run<M: Model>(
    model: &mut M,
    scheduler: &mut Scheduler<M::Event>,
    horizon: SimTime,
) -> Result<RunStatistics, RunError> {
    while !scheduler.ending {
        let Some((at, phase, event)) = scheduler.queue.pop_before(horizon, Phase::End) else {
            if horizon < SimTime::MAX {
                // Only End is left of the horizon's instant: whatever is scheduled for it later
                // comes after what has happened in it.
                scheduler.now = horizon;
                scheduler.phase = Phase::Observe;
            }
            break;
        };
        scheduler.record(at, phase, M::digest(&event));
        if scheduler.ending {
            break;
        }
        model.handle(event, scheduler);
        scheduler.peak_pending = scheduler.peak_pending.max(scheduler.queue.len());
    }
    if let Some((setting, limit)) = scheduler.failure {
        return Err(scheduler.error::<M>(setting, limit));
    }
    Ok(RunStatistics {
        events: scheduler.events,
        end: scheduler.now,
        fingerprint: scheduler.fingerprint,
        checkpoints: scheduler.checkpoints.clone(),
        peak_pending: scheduler.peak_pending,
    })
}

#[cfg(test)]
mod tests;

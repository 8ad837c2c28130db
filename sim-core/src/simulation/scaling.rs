//! Samples, alarms and scaling activities of services.
//!
//! Each minute the metrics of the minute that ended are sampled; each minute the alarms judge the
//! points that are visible by then. A decision reaches ECS after the control plane's delay.

use super::event::Event;
use super::load::Reading;
use super::world::{MINUTE, World};
use crate::autoscaling::{
    ActivityEnd, AlarmChange, AlarmState, ScalingDecision, ScalingDirection, ServiceCapacity,
};
use crate::engine::{Phase, Scheduler};
use crate::results::EventCategory;
use crate::units::{ServiceId, SimDuration, SimTime};

impl World<'_, '_> {
    /// Samples every metric for the minute that ends now.
    pub(super) fn sample(&mut self, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        self.sample_queues(scheduler);
        let start = now.since(SimTime::ZERO + MINUTE).map(|start| SimTime::ZERO + start);
        if let Some(start) = start {
            for service in self.services.ids() {
                let reading = self.read_use(service, now, Reading::Minute);
                self.sample_service_minute(service, start, reading.as_ref());
                if let Some(reading) = reading.filter(|_| self.services[service].load.is_some()) {
                    self.count_traffic(service, start, &reading);
                }
            }
        }
        self.share_cpu_anew(now);
        for provider in self.providers.ids() {
            self.sample_reservation(provider, now);
        }
        if let Some(start) = start {
            self.sample_minute(start);
        }
        self.sample_rounds(scheduler);
        scheduler.schedule_in(MINUTE, Phase::Sample, Event::Sample);
    }

    /// Judges every alarm that is judged at full minutes.
    pub(super) fn decide(&mut self, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        for service in self.services.ids() {
            let scaler = self.services[service].scaler.as_ref();
            if scaler.is_some_and(|scaler| !scaler.has_own_clock()) {
                self.decide_service(service, scheduler);
            }
        }
        for provider in self.providers.ids() {
            if self.next_judging(provider, now).is_none() {
                self.decide_capacity(provider, scheduler);
            }
        }
        self.decide_groups(scheduler);
        scheduler.schedule_in(MINUTE, Phase::Decide, Event::Decide);
    }

    pub(super) fn service_capacity(&self, id: ServiceId) -> ServiceCapacity {
        let state = &self.services[id];
        ServiceCapacity {
            running: state.running.value() as u32,
            desired: state.desired,
            deployment_in_progress: state.rollout.in_progress(),
        }
    }

    /// Waits for the first evaluation of alarms that have a clock of their own.
    pub(super) fn start_alarms(&self, scheduler: &mut Scheduler<Event>) {
        for service in self.services.ids() {
            self.await_alarms(service, scheduler);
        }
    }

    fn await_alarms(&self, id: ServiceId, scheduler: &mut Scheduler<Event>) {
        let scaler = self.services[id].scaler.as_ref();
        let now = scheduler.now();
        let next = scaler.and_then(|scaler| scaler.next_evaluation(now, &self.metrics.store));
        if let Some(next) = next {
            scheduler.schedule_at(next, Phase::Decide, Event::EvaluateAlarms(id));
        }
    }

    /// Judges the alarms of a service, some of which have a clock of their own.
    pub(super) fn evaluate_alarms(&mut self, id: ServiceId, scheduler: &mut Scheduler<Event>) {
        self.decide_service(id, scheduler);
        self.await_alarms(id, scheduler);
    }

    fn decide_service(&mut self, id: ServiceId, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        let capacity = self.service_capacity(id);
        let state = &mut self.services[id];
        let Some(scaler) = &mut state.scaler else { return };
        let evaluation = scaler.evaluate(now, capacity, &self.metrics.store);
        let firing = &mut state.rollout.firing;
        for change in &evaluation.alarm_changes {
            if change.to == AlarmState::Alarm {
                firing.insert(change.name.clone());
            } else {
                firing.remove(&change.name);
            }
        }
        self.log_alarms(now, evaluation.alarm_changes);
        self.watch_alarms(id, scheduler);
        self.log_activity_end(id, now, evaluation.ended);
        if let Some(not_scaled) = evaluation.not_scaled.filter(|_| evaluation.not_scaled_is_new) {
            let name = &self.services[id].settings.name;
            self.log(now, EventCategory::ServiceScaling, name, None, not_scaled.message());
        }
        if let Some(decision) = evaluation.decision {
            let delay = self.scenario.control_plane.scaling_action_delay;
            self.apply_scaling(id, &decision, delay, scheduler);
        }
    }

    pub(super) fn log_activity_end(
        &mut self,
        id: ServiceId,
        now: SimTime,
        ended: Option<ActivityEnd>,
    ) {
        if let Some(end) = ended {
            let name = &self.services[id].settings.name;
            let message = format!("{}: {}", end.status.name(), end.message());
            self.log(now, EventCategory::ServiceScaling, name, None, message);
        }
    }

    /// Applies every change of the suspended state that is due, and waits for the next one.
    pub(super) fn change_suspension(&mut self, id: ServiceId, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        let Some(target) = &self.services[id].settings.scaling else { return };
        for (at, suspended) in &target.suspensions {
            if now < *at {
                scheduler.schedule_at(*at, Phase::Decide, Event::Suspension(id));
                return;
            }
            let state = &mut self.services[id];
            let name = &state.settings.name;
            let Some(scaler) = &mut state.scaler else { return };
            if *at < now || scaler.suspended() == *suspended {
                continue;
            }
            scaler.suspend(*suspended);
            let word = |suspended| if suspended { "suspended" } else { "active" };
            let message = format!(
                "Suspended state: dynamic scaling in {}, dynamic scaling out {}, scheduled scaling {}",
                word(suspended.dynamic_scaling_in),
                word(suspended.dynamic_scaling_out),
                word(suspended.scheduled_scaling)
            );
            self.log(now, EventCategory::ServiceScaling, name, None, message);
        }
    }

    pub(super) fn log_alarms(&mut self, now: SimTime, changes: Vec<AlarmChange>) {
        for change in changes {
            let (from, to) = (change.from.name(), change.to.name());
            let words = ["State of alarm changed from ", from, " to ", to, ": ", &change.reason];
            self.log(now, EventCategory::Alarm, &change.name, None, words.concat());
        }
    }

    pub(super) fn apply_scaling(
        &mut self,
        id: ServiceId,
        decision: &ScalingDecision,
        delay: SimDuration,
        scheduler: &mut Scheduler<Event>,
    ) {
        let state = &mut self.services[id];
        match decision.direction {
            ScalingDirection::Out => state.scale_out += 1,
            ScalingDirection::In => state.scale_in += 1,
        }
        let name = &state.settings.name;
        let message = format!("{} Cause: {}", decision.description(), decision.cause);
        let change = Some((decision.from, decision.new_desired));
        self.log(scheduler.now(), EventCategory::ServiceScaling, name, change, message);
        let event = Event::DesiredCount { service: id, desired: decision.new_desired };
        scheduler.schedule_in(delay, Phase::Decide, event);
    }

    /// Tells a service's scaler that the number of running tasks changed.
    pub(super) fn observe_running(&mut self, id: ServiceId, now: SimTime) {
        let state = &mut self.services[id];
        let running = state.running.value() as u32;
        let scaler = state.scaler.as_mut();
        let ended = scaler.and_then(|scaler| scaler.observe_running(now, running));
        self.log_activity_end(id, now, ended);
    }

    /// Applies every scheduled action that is due, and waits for the next one.
    pub(super) fn scheduled_action(&mut self, id: ServiceId, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        let Some(scaling) = &self.services[id].settings.scaling else { return };
        while let Some(change) = scaling.scheduled.get(self.services[id].next_scheduled) {
            if change.at > now {
                scheduler.schedule_at(change.at, Phase::Decide, Event::Scheduled(id));
                return;
            }
            self.services[id].next_scheduled += 1;
            let capacity = self.service_capacity(id);
            let state = &mut self.services[id];
            let name = &state.settings.name;
            let Some(scaler) = &mut state.scaler else { return };
            if scaler.suspended().scheduled_scaling {
                let message = format!(
                    "Scheduled action {} is lost: scheduled scaling is suspended",
                    change.name
                );
                self.log(now, EventCategory::ServiceScaling, name, None, message);
                continue;
            }
            match scaler.apply_scheduled(now, change, capacity) {
                Ok(outcome) => {
                    self.log_activity_end(id, now, outcome.ended);
                    if let Some(decision) = outcome.decision {
                        let delay = self.scenario.control_plane.scheduled_action_delay;
                        self.apply_scaling(id, &decision, delay, scheduler);
                    }
                }
                Err(rejected) => {
                    let message =
                        format!("Scheduled action {} was not applied: {rejected}", change.name);
                    self.log(now, EventCategory::ServiceScaling, name, None, message);
                }
            }
        }
    }
}

//! Predictive scaling at work: forecasts of services and groups, and what they raise.

use super::event::Event;
use super::ledger::bound_instances;
use super::state::{GroupState, stream_key};
use super::world::World;
use crate::autoscaling::{NewForecast, Predictor, effective_maximum, with_floor};
use crate::engine::{Phase, Scheduler};
use crate::metrics::MetricStore;
use crate::results::EventCategory;
use crate::scenario::{AutoScalingGroup, Scenario, Service};
use crate::units::{AsgId, ServiceId, SimTime};

/// The predictive scaling policies of a service.
pub(super) fn predictors(scenario: &Scenario, settings: &Service) -> Vec<Predictor> {
    let policies = settings.scaling.iter().flat_map(|target| &target.predictive);
    let predictor = |policy: &_| {
        let key = stream_key(scenario, "forecast", &settings.name);
        Predictor::new(policy, scenario.start_unix_seconds, key)
    };
    policies.map(predictor).collect()
}

/// The predictive scaling policies of a group, and what they want of it.
pub(super) struct GroupForecast {
    predictors: Vec<Predictor>,
    /// The least capacity that they want.
    floor: u32,
}

impl GroupForecast {
    pub(super) fn new(scenario: &Scenario, settings: &AutoScalingGroup) -> Self {
        let predictor = |policy: &_| {
            let key = stream_key(scenario, "group-forecast", &settings.name);
            Predictor::new(policy, scenario.start_unix_seconds, key)
        };
        let predictors = settings.operation.predictive.iter().map(predictor).collect();
        Self { predictors, floor: 0 }
    }

    /// Makes room for what is read each hour.
    pub(super) fn retain(&self, store: &mut MetricStore) {
        for predictor in &self.predictors {
            predictor.retain(store);
        }
    }
}

impl GroupState<'_> {
    /// The size below which no policy scales in.
    pub(super) fn least_size(&self) -> u32 {
        let floor = self.forecast.floor.min(self.operation.max_size);
        with_floor(self.operation.min_size, floor)
    }
}

impl World<'_, '_> {
    /// Has predictive scaling look at every service and group at the start.
    pub(super) fn start_predictions(&mut self, scheduler: &mut Scheduler<Event>) {
        for service in self.services.ids() {
            if !self.services[service].predictors.is_empty() {
                self.predict(service, scheduler);
            }
        }
        for group in self.groups.ids() {
            if !self.groups[group].forecast.predictors.is_empty() {
                self.predict_group(group, scheduler);
            }
        }
    }

    /// Predictive scaling looks at a group, and raises its desired capacity to the forecast.
    pub(super) fn predict_group(&mut self, id: AsgId, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        let mut predictors = std::mem::take(&mut self.groups[id].forecast.predictors);
        for predictor in &mut predictors {
            let made = predictor.look(now, &self.metrics.store);
            let policy = predictor.policy();
            let name = &self.groups[id].settings.name;
            self.log_forecast(EventCategory::GroupActivity, name, &policy.name, made, now);
            if !policy.scales {
                continue;
            }
            let floor = predictor.floor(now);
            let group = &mut self.groups[id];
            group.forecast.floor = floor.unwrap_or(0);
            group.policies.set_floor(group.forecast.floor);
            let Some(floor) = floor else { continue };
            let max_size = &mut group.operation.max_size;
            let raised = effective_maximum(*max_size, floor, policy.max_capacity_buffer);
            if *max_size < raised {
                *max_size = raised;
                bound_instances(group, now);
                self.size_pool(id, scheduler);
            }
            let group = &self.groups[id];
            let (from, to) = (group.desired, floor.min(group.operation.max_size));
            if from < to {
                let cause = format!(
                    "predictive scaling policy {} forecast a capacity of {floor} changing the desired \
                     capacity from {from} to {to}.",
                    policy.name
                );
                self.set_desired_capacity(id, to, cause, scheduler);
            }
        }
        let next = predictors.iter().map(|it| it.next_look(now)).min();
        self.groups[id].forecast.predictors = predictors;
        if let Some(next) = next {
            scheduler.schedule_at(next, Phase::Decide, Event::PredictGroup(id));
        }
    }

    fn log_forecast(
        &mut self,
        category: EventCategory,
        entity: &str,
        policy: &str,
        made: Option<NewForecast>,
        now: SimTime,
    ) {
        let Some(made) = made else { return };
        let (least, greatest) = made.range;
        let message = format!(
            "Policy {policy} made a forecast of {} hours: a capacity of {least} to {greatest}",
            made.hours
        );
        self.log(now, category, entity, None, message);
    }

    /// Predictive scaling looks at a service, and raises its desired count to the forecast.
    pub(super) fn predict(&mut self, id: ServiceId, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        let mut predictors = std::mem::take(&mut self.services[id].predictors);
        for predictor in &mut predictors {
            let made = predictor.look(now, &self.metrics.store);
            let name = &self.services[id].settings.name;
            let policy = &predictor.policy().name;
            self.log_forecast(EventCategory::ServiceScaling, name, policy, made, now);
            if !predictor.policy().scales {
                continue;
            }
            let floor = predictor.floor(now);
            let capacity = self.service_capacity(id);
            let Some(scaler) = &mut self.services[id].scaler else { continue };
            scaler.set_predicted(floor.unwrap_or(0));
            let Some(floor) = floor else { continue };
            let outcome = scaler.apply_forecast(now, predictor.policy(), floor, capacity);
            self.log_activity_end(id, now, outcome.ended);
            if let Some(decision) = outcome.decision {
                let delay = self.scenario.control_plane.scheduled_action_delay;
                self.apply_scaling(id, &decision, delay, scheduler);
            }
        }
        let next = predictors.iter().map(|it| it.next_look(now)).min();
        self.services[id].predictors = predictors;
        if let Some(next) = next {
            scheduler.schedule_at(next, Phase::Decide, Event::Predict(id));
        }
    }
}

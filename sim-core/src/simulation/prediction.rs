//! Predictive scaling at work: forecasts of services, and what they raise.

use super::event::Event;
use super::state::stream_key;
use super::world::World;
use crate::autoscaling::Predictor;
use crate::engine::{Phase, Scheduler};
use crate::results::EventCategory;
use crate::scenario::{Scenario, Service};
use crate::units::ServiceId;

/// The predictive scaling policies of a service.
pub(super) fn predictors(scenario: &Scenario, settings: &Service) -> Vec<Predictor> {
    let policies = settings.scaling.iter().flat_map(|target| &target.predictive);
    let predictor = |policy: &_| {
        let key = stream_key(scenario, "forecast", &settings.name);
        Predictor::new(policy, scenario.start_unix_seconds, key)
    };
    policies.map(predictor).collect()
}

impl World<'_, '_> {
    /// Has predictive scaling look at every service at the start.
    pub(super) fn start_predictions(&mut self, scheduler: &mut Scheduler<Event>) {
        for service in self.services.ids() {
            if !self.services[service].predictors.is_empty() {
                self.predict(service, scheduler);
            }
        }
    }

    /// Predictive scaling looks at a service, and raises its desired count to the forecast.
    pub(super) fn predict(&mut self, id: ServiceId, scheduler: &mut Scheduler<Event>) {
        let now = scheduler.now();
        let mut predictors = std::mem::take(&mut self.services[id].predictors);
        for predictor in &mut predictors {
            let made = predictor.look(now, &self.metrics.store);
            let name = &self.services[id].settings.name;
            if let Some(made) = made {
                let policy = &predictor.policy().name;
                let (least, greatest) = made.range;
                let message = format!(
                    "Policy {policy} made a forecast of {} hours: a capacity of {least} to {greatest}",
                    made.hours
                );
                self.log(now, EventCategory::ServiceScaling, name, None, message);
            }
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

//! What load balancers process per clock hour, for their capacity units.

use super::load::LoadReading;
use super::world::World;
use crate::billing::{HourlyTraffic, LoadBalancerHour};
use crate::traffic::MICRO_PER_REQUEST;
use crate::units::{NANOS_PER_SECOND, ServiceId, SimTime};

/// Traffic of one service in one clock hour, in exact units.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ServiceHour {
    /// Millionths of requests.
    requests_micro: u128,
    /// Requests in flight × seconds, rounded up once an hour.
    in_flight_seconds: f64,
}

impl World<'_, '_> {
    /// Clock hours since the hour in which the run starts.
    fn clock_hour(&self, at: SimTime) -> u64 {
        let into_hour = self.scenario.start_unix_seconds.rem_euclid(3600) as u64;
        (at.as_nanos() / NANOS_PER_SECOND + into_hour) / 3600
    }

    /// Adds what a service's load balancer processed since `start`; a reading never spans more than a
    /// minute, and counts in the hour in which it starts.
    pub(super) fn count_traffic(&mut self, id: ServiceId, start: SimTime, reading: &LoadReading) {
        if self.services[id].settings.target_group.is_none() {
            return;
        }
        let hour = self.clock_hour(start) as usize;
        let hours = &mut self.services[id].balancer_hours;
        if hours.len() <= hour {
            hours.resize(hour + 1, ServiceHour::default());
        }
        hours[hour].requests_micro += reading.sums.offered;
        hours[hour].in_flight_seconds += reading.sums.in_flight / NANOS_PER_SECOND as f64;
    }

    /// Bills every load balancer for each clock hour of the run.
    pub(super) fn bill_load_balancers(&mut self, horizon: SimTime) {
        let mut names: Vec<&str> = self
            .services
            .iter()
            .filter_map(|state| Some(state.settings.target_group.as_ref()?.load_balancer.as_str()))
            .collect();
        names.sort_unstable();
        names.dedup();
        let last = SimTime::from_nanos(horizon.as_nanos().saturating_sub(1));
        let hours = self.clock_hour(last) + 1;
        for name in names {
            let users: Vec<ServiceId> = self
                .services
                .enumerate()
                .filter(|(_, state)| {
                    let group = state.settings.target_group.as_ref();
                    group.is_some_and(|group| group.load_balancer == name)
                })
                .map(|(id, _)| id)
                .collect();
            // A balancer that several services share belongs to none of them.
            let owner = match users[..] {
                [only] => self.services[only].settings.name.as_str(),
                _ => name,
            };
            for hour in 0..hours {
                let traffic = self.hourly_traffic(&users, hour as usize);
                self.meter.load_balancer_hour(&LoadBalancerHour {
                    load_balancer: name,
                    owner,
                    hour,
                    traffic,
                });
            }
        }
    }

    fn hourly_traffic(&self, users: &[ServiceId], hour: usize) -> HourlyTraffic {
        let mut sum = HourlyTraffic::default();
        for id in users {
            let state = &self.services[*id];
            let Some(group) = &state.settings.target_group else { continue };
            let Some(service) = state.balancer_hours.get(hour) else { continue };
            let requests = service.requests_micro.div_ceil(u128::from(MICRO_PER_REQUEST));
            sum.new_connections += requests.div_ceil(u128::from(group.requests_per_connection.max(1)));
            // A connection is open at least while its request is in flight.
            sum.active_connection_seconds += libm::ceil(service.in_flight_seconds) as u128;
            sum.bytes += requests * u128::from(group.bytes_per_request);
            sum.rule_evaluations += HourlyTraffic::rule_evaluations(
                u64::try_from(requests).unwrap_or(u64::MAX),
                group.rules_processed,
            );
        }
        sum
    }
}

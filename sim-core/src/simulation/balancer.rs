//! What load balancers process per clock hour, for their capacity units.

use super::load::LoadReading;
use super::world::World;
use crate::billing::LoadBalancerHour;
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
    /// Adds what a service's load balancer processed since `start`; a reading never spans more than a
    /// minute, and counts in the hour in which it starts.
    pub(super) fn count_traffic(&mut self, id: ServiceId, start: SimTime, reading: &LoadReading) {
        if self.services[id].settings.target_group.is_none() {
            return;
        }
        let hour = self.meter.clock_hour(start) as usize;
        let hours = &mut self.services[id].balancer_hours;
        if hours.len() <= hour {
            hours.resize(hour + 1, ServiceHour::default());
        }
        hours[hour].requests_micro += reading.sent;
        hours[hour].in_flight_seconds += reading.in_flight / NANOS_PER_SECOND as f64;
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
        let hours = self.meter.clock_hour(last) + 1;
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
            for id in users {
                for hour in 0..hours {
                    let usage = self.balancer_hour(id, name, owner, hour);
                    if let Some(usage) = usage {
                        self.meter.load_balancer_hour(&usage);
                    }
                }
            }
        }
    }

    fn balancer_hour<'n>(
        &self,
        id: ServiceId,
        load_balancer: &'n str,
        owner: &'n str,
        hour: u64,
    ) -> Option<LoadBalancerHour<'n>> {
        let state = &self.services[id];
        let group = state.settings.target_group.as_ref()?;
        let traffic = state.balancer_hours.get(hour as usize).copied().unwrap_or_default();
        let requests = traffic.requests_micro.div_ceil(u128::from(MICRO_PER_REQUEST));
        let requests = u64::try_from(requests).unwrap_or(u64::MAX);
        Some(LoadBalancerHour {
            load_balancer,
            owner,
            protocol: group.protocol,
            hour,
            new_connections: requests.div_ceil(group.requests_per_connection.max(1)),
            // A connection is open at least while its request is in flight.
            active_connection_seconds: libm::ceil(traffic.in_flight_seconds) as u64,
            bytes: requests.saturating_mul(group.bytes_per_request),
            requests,
            rules_processed: group.rules_processed,
        })
    }
}

//! Load balancer capacity units: the largest of a load balancer's dimensions in an hour.
//!
//! Source: the Elastic Load Balancing price page as quoted on 2026-09-20. GB are binary (1024 MiB).

use crate::scenario::TargetProtocol;

/// Parts of one unit-hour: 2^30 · 3^3 · 5^7. All dimensions of [`CapacityUnit`] divide it.
pub(super) const LCU_HOUR_PARTS: u128 = (1 << 30) * 27 * 78_125;

const SECONDS_PER_HOUR: u128 = 3600;

/// What a load balancer processed in one hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HourlyTraffic {
    /// Connections opened.
    pub new_connections: u128,
    /// Open connections × seconds.
    pub active_connection_seconds: u128,
    /// Bytes in both directions.
    pub bytes: u128,
    /// Rule evaluations, see [`HourlyTraffic::rule_evaluations`].
    pub rule_evaluations: u128,
}

impl HourlyTraffic {
    /// Rules that every request may pass without charge.
    const FREE_RULES: u32 = 10;

    /// Rule evaluations that count for `requests` requests through `rules_processed` rules each: the
    /// first ten rules are free.
    pub fn rule_evaluations(requests: u64, rules_processed: u32) -> u128 {
        u128::from(requests) * u128::from(rules_processed.saturating_sub(Self::FREE_RULES))
    }
}

/// What one capacity unit contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapacityUnit {
    /// New connections per second.
    new_connections: u128,
    /// Active connections.
    active_connections: u128,
    /// Rule evaluations per second; `None` if they do not count.
    rule_evaluations: Option<u128>,
}

impl CapacityUnit {
    /// Parts in which unit-hours are counted, so that every dimension is exact.
    pub const PARTS_PER_UNIT_HOUR: u128 = LCU_HOUR_PARTS;

    /// Of an Application Load Balancer: 25 new connections per second, 3 000 active ones, 1 GB per
    /// hour, 1 000 rule evaluations per second.
    pub const APPLICATION: Self =
        Self { new_connections: 25, active_connections: 3_000, rule_evaluations: Some(1_000) };

    /// Of a Network Load Balancer for TCP: 800 new connections per second, 100 000 active ones, 1 GB
    /// per hour.
    pub const NETWORK_TCP: Self =
        Self { new_connections: 800, active_connections: 100_000, rule_evaluations: None };

    /// Of a Network Load Balancer for TLS: 50 new connections per second, 3 000 active ones, 1 GB per hour.
    pub const NETWORK_TLS: Self =
        Self { new_connections: 50, active_connections: 3_000, rule_evaluations: None };

    /// Of a Network Load Balancer for UDP: 400 new flows per second, 50 000 active ones, 1 GB per hour.
    pub const NETWORK_UDP: Self =
        Self { new_connections: 400, active_connections: 50_000, rule_evaluations: None };

    /// What counts for the requests to a target group.
    pub fn of(protocol: TargetProtocol) -> Self {
        match protocol {
            TargetProtocol::Http | TargetProtocol::Https => Self::APPLICATION,
            // A service that takes both is asked by TCP.
            TargetProtocol::Tcp | TargetProtocol::TcpUdp => Self::NETWORK_TCP,
            TargetProtocol::Tls => Self::NETWORK_TLS,
            TargetProtocol::Udp => Self::NETWORK_UDP,
        }
    }

    /// Unit-hours of an hour's traffic in parts: the largest dimension alone counts.
    pub fn unit_hour_parts(self, traffic: &HourlyTraffic) -> u128 {
        let per_second = |amount: u128, capacity: u128| {
            amount.saturating_mul(LCU_HOUR_PARTS / (capacity * SECONDS_PER_HOUR))
        };
        let evaluations = self
            .rule_evaluations
            .map_or(0, |capacity| per_second(traffic.rule_evaluations, capacity));
        per_second(traffic.new_connections, self.new_connections)
            .max(per_second(traffic.active_connection_seconds, self.active_connections))
            .max(traffic.bytes.saturating_mul(LCU_HOUR_PARTS >> 30))
            .max(evaluations)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dimension_is_exact() {
        let network =
            [CapacityUnit::NETWORK_TCP, CapacityUnit::NETWORK_TLS, CapacityUnit::NETWORK_UDP];
        for unit in network.into_iter().chain([CapacityUnit::APPLICATION]) {
            for capacity in
                [Some(unit.new_connections), Some(unit.active_connections), unit.rule_evaluations]
            {
                let per_hour = capacity.unwrap_or(1) * SECONDS_PER_HOUR;
                assert_eq!(LCU_HOUR_PARTS % per_hour, 0, "{capacity:?}");
            }
        }
    }

    #[test]
    fn each_dimension_alone_fills_a_unit() {
        let none = HourlyTraffic::default();
        for traffic in [
            HourlyTraffic { new_connections: 25 * 3600, ..none },
            HourlyTraffic { active_connection_seconds: 3000 * 3600, ..none },
            HourlyTraffic { bytes: 1 << 30, ..none },
            HourlyTraffic { rule_evaluations: 1000 * 3600, ..none },
        ] {
            assert_eq!(CapacityUnit::APPLICATION.unit_hour_parts(&traffic), LCU_HOUR_PARTS);
        }
        assert_eq!(CapacityUnit::APPLICATION.unit_hour_parts(&none), 0);
    }

    #[test]
    fn ten_rules_are_free() {
        assert_eq!(HourlyTraffic::rule_evaluations(600, 60), 30_000);
        assert_eq!(HourlyTraffic::rule_evaluations(600, 10), 0);
        assert_eq!(HourlyTraffic::rule_evaluations(600, 3), 0);
    }
}

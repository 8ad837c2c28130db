//! From lived to billed time: granularity and minimums.
//!
//! Sources: the EC2 user guide and the page on billing of interrupted Spot instances for instances;
//! the Fargate price page for start, stop and rounding; a dated note for the minimums of Fargate; the
//! Elastic Load Balancing price page for load balancers. Validated against the worked vectors of the
//! specification, not against an AWS bill.
//!
//! A resource that still runs at the end of a simulation is billed for what it lived, rounded up to
//! seconds, without its minimum: the minimum would belong to time after the end.

use crate::scenario::OperatingSystem;
use crate::units::SimDuration;

/// Least billed time of a Linux task on Fargate.
pub const FARGATE_LINUX_MINIMUM_SECONDS: u64 = 60;
/// Least billed time of a Windows task on Fargate.
pub const FARGATE_WINDOWS_MINIMUM_SECONDS: u64 = 300;
/// Least billed time of an instance per start.
pub const INSTANCE_MINIMUM_SECONDS: u64 = 60;

const HOUR: u64 = 3600;

/// In what steps an instance is billed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InstanceGranularity {
    /// Seconds, at least 60 per start: Linux, Windows.
    #[default]
    PerSecond,
    /// Full hours, at least one: SUSE.
    PerHour,
}

/// Billed seconds of a Fargate task that lived `lived` from the start of its image pull; `complete`
/// says that it ended.
pub fn fargate_billed_seconds(
    operating_system: OperatingSystem,
    lived: SimDuration,
    complete: bool,
) -> u64 {
    let minimum = match operating_system {
        OperatingSystem::Linux => FARGATE_LINUX_MINIMUM_SECONDS,
        OperatingSystem::Windows => FARGATE_WINDOWS_MINIMUM_SECONDS,
    };
    at_least(minimum, lived, complete)
}

/// Billed seconds of one start of an instance that was `running` for `lived`; `complete` says that it
/// was stopped or terminated.
pub fn instance_billed_seconds(
    granularity: InstanceGranularity,
    lived: SimDuration,
    complete: bool,
) -> u64 {
    match granularity {
        InstanceGranularity::PerSecond => at_least(INSTANCE_MINIMUM_SECONDS, lived, complete),
        InstanceGranularity::PerHour if complete => {
            lived.as_secs_ceil().div_ceil(HOUR).max(1).saturating_mul(HOUR)
        }
        InstanceGranularity::PerHour => lived.as_secs_ceil(),
    }
}

/// Billed seconds of a Spot instance that EC2 interrupted: nothing in the first hour after its launch;
/// later the seconds used, or the full hours used if it is billed by the hour.
///
/// An instance that its user terminates is billed by [`instance_billed_seconds`].
pub fn interrupted_spot_billed_seconds(
    granularity: InstanceGranularity,
    lived: SimDuration,
) -> u64 {
    if lived < SimDuration::from_secs(HOUR) {
        return 0;
    }
    match granularity {
        InstanceGranularity::PerSecond => lived.as_secs_ceil(),
        InstanceGranularity::PerHour => {
            lived.as_nanos() / SimDuration::from_secs(HOUR).as_nanos() * HOUR
        }
    }
}

/// Billed hours of a load balancer that existed for `lived`: a part of an hour counts as a full one.
pub fn load_balancer_billed_hours(lived: SimDuration) -> u64 {
    lived.as_secs_ceil().div_ceil(HOUR).max(1)
}

/// Billed seconds of a volume that existed for `lived`. The minimum of 60 s that is sometimes quoted
/// is unverified and not applied.
pub fn volume_billed_seconds(lived: SimDuration) -> u64 {
    lived.as_secs_ceil()
}

fn at_least(minimum: u64, lived: SimDuration, complete: bool) -> u64 {
    let seconds = lived.as_secs_ceil();
    if complete { seconds.max(minimum) } else { seconds }
}

#[cfg(test)]
mod tests {
    use super::*;
    use InstanceGranularity::{PerHour, PerSecond};
    use OperatingSystem::{Linux, Windows};

    fn secs(seconds: u64) -> SimDuration {
        SimDuration::from_secs(seconds)
    }

    #[test]
    fn minimums_apply_to_what_ended() {
        assert_eq!(fargate_billed_seconds(Linux, secs(45), true), 60);
        assert_eq!(fargate_billed_seconds(Linux, secs(45), false), 45);
        assert_eq!(fargate_billed_seconds(Windows, secs(120), true), 300);
        assert_eq!(fargate_billed_seconds(Linux, SimDuration::from_millis(60_001), true), 61);
        assert_eq!(instance_billed_seconds(PerSecond, SimDuration::ZERO, true), 60);
        assert_eq!(instance_billed_seconds(PerHour, secs(3601), true), 7200);
        assert_eq!(instance_billed_seconds(PerHour, secs(3601), false), 3601);
        assert_eq!(volume_billed_seconds(SimDuration::from_millis(1)), 1);
    }

    #[test]
    fn interrupted_spot_instances_are_free_for_less_than_an_hour() {
        let nearly = SimDuration::from_millis(3_599_999);
        assert_eq!(interrupted_spot_billed_seconds(PerSecond, nearly), 0);
        assert_eq!(interrupted_spot_billed_seconds(PerSecond, secs(3600)), 3600);
        assert_eq!(interrupted_spot_billed_seconds(PerHour, secs(7199)), 3600);
        assert_eq!(interrupted_spot_billed_seconds(PerHour, secs(7200)), 7200);
    }
}

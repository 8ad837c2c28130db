//! The sentences that Auto Scaling prints for what a group does.

use std::fmt;

/// An instant as Auto Scaling prints it in the cause of an activity, for example
/// `2026-11-20T18:00:00Z`: seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instant(pub i64);

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, second) = (self.0.div_euclid(86_400), self.0.rem_euclid(86_400));
        // The civil calendar, with years that begin in March so that leap days come last.
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day = shifted.rem_euclid(146_097);
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day_of_year = day - (365 * year + year / 4 - year / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let day_of_month = day_of_year - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        let year = year + era * 400 + i64::from(month <= 2);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day_of_month:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// Why an instance is terminated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TerminationCause {
    /// The group has more instances than desired.
    Shrinking {
        /// Instances before.
        from: u32,
        /// Instances after.
        to: u32,
    },
    /// It was terminated or stopped from outside, or its machine failed.
    NotRunning,
    /// Its status checks failed.
    StatusCheck,
    /// A load balancer's health checks of it failed.
    LoadBalancer,
    /// The group evens out its zones.
    Rebalancing,
    /// It reached its maximum lifetime.
    Lifetime,
    /// An instance refresh replaces it.
    Refresh,
    /// EC2 recommended to replace a Spot Instance.
    RebalanceRecommendation,
    /// A user asked for it.
    UserRequest,
    /// Its launch was abandoned.
    LaunchAbandoned,
    /// The warm pool has more instances than it is to hold.
    WarmPoolShrinking,
    /// ECS found no task on a managed instance for a while.
    Idle,
    /// ECS moves the tasks of a managed instance to others.
    Underutilized,
}

impl TerminationCause {
    /// Why the instance left, to be read after `was taken out of service`.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Shrinking { .. } => {
                "in response to a difference between desired and actual capacity, shrinking the capacity"
            }
            Self::NotRunning => {
                "in response to an EC2 health check indicating it has been terminated or stopped"
            }
            Self::StatusCheck => "in response to an EC2 instance status checks failure",
            Self::LoadBalancer => "in response to an ELB system health check failure",
            Self::Rebalancing => "to aid in balancing the group's zones",
            Self::Lifetime => "in response to its maximum instance lifetime",
            Self::Refresh => "in response to an instance refresh",
            Self::RebalanceRecommendation => {
                "in response to an EC2 instance rebalance recommendation"
            }
            Self::UserRequest => "in response to a user request",
            Self::LaunchAbandoned => "in response to an abandoned lifecycle action",
            Self::WarmPoolShrinking => "in response to a smaller size of the warm pool",
            Self::Idle => "by Amazon ECS Managed Instances because it was idle",
            Self::Underutilized => "by Amazon ECS Managed Instances because it was underutilized",
        }
    }

    /// The cause of the activity at `at`, in Auto Scaling's words.
    pub fn sentence(self, at: Instant, instance: &str) -> String {
        let reason = self.reason();
        match self {
            Self::Shrinking { from, to } => format!(
                "At {at} an instance was taken out of service {reason} from {from} to {to}. At {at} \
                 instance {instance} was selected for termination."
            ),
            _ => format!("At {at} an instance was taken out of service {reason}."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_printed_as_aws_does() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_772_409_600, "2026-03-02T00:00:00Z"),
            (1_795_197_599, "2026-11-20T17:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
        ] {
            assert_eq!(Instant(seconds).to_string(), text);
        }
    }

    #[test]
    fn a_scale_in_names_the_capacities_and_the_instance() {
        let cause = TerminationCause::Shrinking { from: 4, to: 3 };
        assert_eq!(
            cause.sentence(Instant(0), "i-0a"),
            "At 1970-01-01T00:00:00Z an instance was taken out of service in response to a difference \
             between desired and actual capacity, shrinking the capacity from 4 to 3. At \
             1970-01-01T00:00:00Z instance i-0a was selected for termination."
        );
    }
}

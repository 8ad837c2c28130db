//! How few healthy and how many active tasks a service may have.

/// Limits on the tasks of a service while tasks are replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Healthy tasks that must stay: `minimumHealthyPercent` of the desired count, rounded up.
    pub lower: u32,
    /// Active tasks at most: `maximumPercent` of the desired count, rounded down.
    pub upper: u32,
}

impl Bounds {
    /// The bounds of a service. Source: API reference, `DeploymentConfiguration`.
    pub fn of(desired: u32, minimum_healthy_percent: u32, maximum_percent: u32) -> Self {
        let part = |percent: u32| u64::from(desired) * u64::from(percent);
        let whole = |tasks: u64| u32::try_from(tasks).unwrap_or(u32::MAX);
        Self {
            lower: whole(part(minimum_healthy_percent).div_ceil(100)),
            upper: whole(part(maximum_percent) / 100),
        }
    }

    /// Tasks that may be started while `active` count.
    pub fn can_start(&self, active: u32) -> u32 {
        self.upper.saturating_sub(active)
    }

    /// Healthy tasks that may be stopped while `healthy` are.
    pub fn can_stop(&self, healthy: u32) -> u32 {
        healthy.saturating_sub(self.lower)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_round_towards_more_tasks_below_and_fewer_above() {
        assert_eq!(Bounds::of(3, 50, 150), Bounds { lower: 2, upper: 4 });
        assert_eq!(Bounds::of(0, 100, 200), Bounds { lower: 0, upper: 0 });
        assert_eq!(Bounds::of(u32::MAX, 100, 200).upper, u32::MAX);
    }
}

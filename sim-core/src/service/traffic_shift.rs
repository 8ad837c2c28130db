//! Stages, weights and waits of blue/green, canary and linear deployments.
//!
//! Green is scaled to the whole desired count before any production traffic, whatever the strategy:
//! from SCALE_UP to CLEAN_UP the service takes twice its capacity. Source: developer guide, *Blue/green
//! deployments*, and the API's `LinearConfiguration` and `CanaryConfiguration`.

use crate::units::SimDuration;

/// A stage of a deployment that shifts traffic, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Old revisions are reconciled.
    ReconcileService,
    /// Before green tasks start.
    PreScaleUp,
    /// Green tasks start, up to the desired count.
    ScaleUp,
    /// After all green tasks are healthy.
    PostScaleUp,
    /// Test traffic goes to green.
    TestTrafficShift,
    /// After that.
    PostTestTrafficShift,
    /// Before the first production traffic.
    PreProductionTrafficShift,
    /// Production traffic goes to green, in one or more steps.
    ProductionTrafficShift,
    /// After all of it has.
    PostProductionTrafficShift,
    /// Both revisions run.
    BakeTime,
    /// Blue tasks stop.
    CleanUp,
}

impl Stage {
    /// All stages in order.
    pub const ALL: [Self; 11] = [
        Self::ReconcileService,
        Self::PreScaleUp,
        Self::ScaleUp,
        Self::PostScaleUp,
        Self::TestTrafficShift,
        Self::PostTestTrafficShift,
        Self::PreProductionTrafficShift,
        Self::ProductionTrafficShift,
        Self::PostProductionTrafficShift,
        Self::BakeTime,
        Self::CleanUp,
    ];

    /// The stage after this one.
    pub fn next(self) -> Option<Self> {
        Self::ALL.get(self as usize + 1).copied()
    }

    /// Name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReconcileService => "RECONCILE_SERVICE",
            Self::PreScaleUp => "PRE_SCALE_UP",
            Self::ScaleUp => "SCALE_UP",
            Self::PostScaleUp => "POST_SCALE_UP",
            Self::TestTrafficShift => "TEST_TRAFFIC_SHIFT",
            Self::PostTestTrafficShift => "POST_TEST_TRAFFIC_SHIFT",
            Self::PreProductionTrafficShift => "PRE_PRODUCTION_TRAFFIC_SHIFT",
            Self::ProductionTrafficShift => "PRODUCTION_TRAFFIC_SHIFT",
            Self::PostProductionTrafficShift => "POST_PRODUCTION_TRAFFIC_SHIFT",
            Self::BakeTime => "BAKE_TIME",
            Self::CleanUp => "CLEAN_UP",
        }
    }
}

/// Longest time in one stage; a deployment that exceeds it fails.
pub const STAGE_LIMIT: SimDuration = SimDuration::from_secs(24 * 3600);

/// Longest time of the whole deployment.
pub const DEPLOYMENT_LIMIT: SimDuration = SimDuration::from_secs(30 * 24 * 3600);

/// How production traffic moves to green. Shares are in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrafficShift {
    /// `BLUE_GREEN`: all of it at once.
    AllAtOnce,
    /// `CANARY`: a part, a wait, the rest.
    Canary {
        /// `canaryPercent`.
        permille: u32,
        /// `canaryBakeTimeInMinutes`.
        bake_time: SimDuration,
    },
    /// `LINEAR`: equal parts with a wait after each but the last.
    Linear {
        /// `stepPercent`.
        permille: u32,
        /// `stepBakeTimeInMinutes`.
        bake_time: SimDuration,
    },
}

/// A step of the shift.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrafficStep {
    /// Share of production traffic on green from here on, in thousandths.
    pub green_permille: u32,
    /// Wait before the next step.
    pub hold: SimDuration,
}

impl TrafficShift {
    /// The `n`-th step of the shift; `None` after the last, which has everything on green.
    pub fn step(&self, n: u32) -> Option<TrafficStep> {
        let (permille, hold, first) = match *self {
            Self::AllAtOnce => (1000, SimDuration::ZERO, 1000),
            Self::Canary { permille, bake_time } => (1000, bake_time, permille),
            Self::Linear { permille, bake_time } => (permille, bake_time, permille),
        };
        let share = |n: u32| -> u32 {
            let later = u64::from(n) * u64::from(permille);
            let share = u64::from(first.max(1)).saturating_add(later).min(1000);
            share as u32
        };
        if 0 < n && share(n - 1) == 1000 {
            return None;
        }
        let green_permille = share(n);
        let hold = if green_permille == 1000 { SimDuration::ZERO } else { hold };
        Some(TrafficStep { green_permille, hold })
    }
}

/// How many of `blue` and of `green` ready tasks get requests so that green gets its share if each task
/// gets the same: all of the set that is loaded most, and as many of the other as its share is worth,
/// rounded down. A set without tasks gets nothing, and the other one all.
///
/// This keeps the load of the fuller set right; the other set's is that of fewer, fuller tasks.
pub fn receiving_tasks(blue: u32, green: u32, green_permille: u32) -> (u32, u32) {
    let to_green = u64::from(green_permille.min(1000));
    let to_blue = 1000 - to_green;
    if to_green == 0 || (green == 0 && 0 < to_blue) {
        return (blue, 0);
    }
    if to_blue == 0 || blue == 0 {
        return (0, green);
    }
    let of_green = u64::from(blue) * to_green / to_blue;
    let of_blue = u64::from(green) * to_blue / to_green;
    if of_green <= u64::from(green) { (blue, of_green as u32) } else { (of_blue as u32, green) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minutes(minutes: u64) -> SimDuration {
        SimDuration::from_secs(60 * minutes)
    }

    fn steps(shift: TrafficShift) -> Vec<(u32, SimDuration)> {
        (0..).map_while(|n| shift.step(n)).map(|it| (it.green_permille, it.hold)).collect()
    }

    #[test]
    fn tv_45_linear_takes_ten_steps_and_54_minutes_by_default() {
        let linear = |permille| TrafficShift::Linear { permille, bake_time: minutes(6) };
        let by_ten = steps(linear(100));
        let weights: Vec<u32> = by_ten.iter().map(|step| step.0).collect();
        assert_eq!(weights, [100, 200, 300, 400, 500, 600, 700, 800, 900, 1000]);
        let waits = by_ten.iter().filter(|step| step.1 == minutes(6)).count();
        assert_eq!((waits, by_ten[9].1), (9, SimDuration::ZERO));
        let by_thirty: Vec<u32> = steps(linear(300)).iter().map(|step| step.0).collect();
        assert_eq!(by_thirty, [300, 600, 900, 1000]);
        assert_eq!(steps(linear(300)).iter().filter(|step| !step.1.is_zero()).count(), 3);
    }

    #[test]
    fn tv_46_canary_takes_five_percent_for_ten_minutes_by_default() {
        let canary = TrafficShift::Canary { permille: 50, bake_time: minutes(10) };
        assert_eq!(steps(canary), [(50, minutes(10)), (1000, SimDuration::ZERO)]);
    }

    #[test]
    fn blue_green_shifts_at_once() {
        assert_eq!(steps(TrafficShift::AllAtOnce), [(1000, SimDuration::ZERO)]);
        let whole = TrafficShift::Canary { permille: 1000, bake_time: minutes(10) };
        assert_eq!(steps(whole), [(1000, SimDuration::ZERO)]);
    }

    #[test]
    fn stages_follow_each_other() {
        let mut stage = Stage::ReconcileService;
        let mut names = vec![stage.name()];
        while let Some(next) = stage.next() {
            stage = next;
            names.push(stage.name());
        }
        assert_eq!(names.len(), 11);
        assert_eq!(names[10], "CLEAN_UP");
    }

    #[test]
    fn as_many_tasks_get_requests_as_the_share_is_worth() {
        let table = [
            ((10, 10, 0), (10, 0)),
            ((10, 10, 1000), (0, 10)),
            ((10, 10, 500), (10, 10)),
            ((10, 10, 100), (10, 1)),
            ((10, 10, 900), (1, 10)),
            ((20, 20, 50), (20, 1)),
            ((4, 4, 50), (4, 0)),
            ((10, 0, 100), (10, 0)),
            ((10, 0, 1000), (0, 0)),
            ((0, 4, 500), (0, 4)),
        ];
        for ((blue, green, permille), expected) in table {
            assert_eq!(
                receiving_tasks(blue, green, permille),
                expected,
                "{blue} {green} {permille}"
            );
        }
    }

    #[test]
    fn the_share_of_green_is_right_up_to_one_task() {
        for tasks in 1..60_u32 {
            for permille in (0..=1000).step_by(25) {
                let (blue, green) = receiving_tasks(tasks, tasks, permille);
                let all = i64::from(blue + green);
                let error = i64::from(green) * 1000 - i64::from(permille) * all;
                assert!(error.abs() <= 1000, "{tasks} {permille}: {blue} {green}");
            }
        }
    }
}

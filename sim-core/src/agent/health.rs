//! Container health checks.

use crate::units::{SimDuration, SimTime};

/// A stretch of time `[from, until)` in which checks fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Window {
    /// First instant.
    pub from: SimTime,
    /// First instant after it.
    pub until: SimTime,
}

/// Sorts windows and joins those that overlap or touch; empty ones vanish.
pub fn merge_windows(mut windows: Vec<Window>) -> Vec<Window> {
    windows.retain(|window| window.from < window.until);
    windows.sort_unstable();
    let mut merged: Vec<Window> = Vec::with_capacity(windows.len());
    for window in windows {
        match merged.last_mut() {
            Some(last) if window.from <= last.until => last.until = last.until.max(window.until),
            _ => merged.push(window),
        }
    }
    merged
}

/// The window that holds `at`, else the next one; `windows` sorted and disjoint.
pub(crate) fn window_at_or_after(windows: &[Window], at: SimTime) -> Option<Window> {
    windows.iter().copied().find(|window| at < window.until)
}

/// `healthCheck` of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// `interval`: from the end of a check to the next one; 5 s to 300 s.
    pub interval: SimDuration,
    /// `timeout`: a check without answer fails after this; 2 s to 60 s.
    pub timeout: SimDuration,
    /// `retries`: this many failures in a row make the container unhealthy; 1 to 10.
    pub retries: u32,
    /// `startPeriod`: failures before the first success do not count for this long; zero for off.
    pub start_period: SimDuration,
}

/// `healthStatus`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// No verdict yet, or nothing to judge by.
    #[default]
    Unknown,
    /// Passes.
    Healthy,
    /// Failed its retries.
    Unhealthy,
}

/// `healthStatus` of a task.
pub type TaskHealth = Status;

/// Health of a task from its essential containers: `None` for one without a health check, which has no
/// say. Unhealthy if any is, else unknown if any is or nobody has a say, else healthy.
pub fn task_health(essential: impl IntoIterator<Item = Option<Status>>) -> TaskHealth {
    let mut health = None;
    for status in essential.into_iter().flatten() {
        health = match (health, status) {
            (Some(Status::Unhealthy), _) | (_, Status::Unhealthy) => Some(Status::Unhealthy),
            (Some(Status::Unknown), _) | (_, Status::Unknown) => Some(Status::Unknown),
            (Some(Status::Healthy) | None, Status::Healthy) => Some(Status::Healthy),
        };
    }
    health.unwrap_or_default()
}

/// Where the checks of one container are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthProgress {
    /// Current verdict.
    pub status: Status,
    started: SimTime,
    next_check: SimTime,
    failures: u32,
    passed_once: bool,
}

impl HealthProgress {
    /// A container that started at `started`; its first check comes one interval later.
    pub fn new(check: &HealthCheck, started: SimTime) -> Self {
        Self {
            status: Status::Unknown,
            started,
            next_check: started + check.interval,
            failures: 0,
            passed_once: false,
        }
    }

    /// A container that has been healthy for long.
    pub fn settled(check: &HealthCheck, now: SimTime) -> Self {
        Self {
            status: Status::Healthy,
            started: now,
            next_check: now + check.interval,
            failures: 0,
            passed_once: true,
        }
    }

    /// Goes on to the next change of the verdict and returns when it comes; `None` if none does.
    ///
    /// A check that falls into one of `failing` (sorted, disjoint) gets no answer and fails after its
    /// time-out; others pass at once.
    pub fn advance(&mut self, check: &HealthCheck, failing: &[Window]) -> Option<SimTime> {
        let failing_step = (check.timeout + check.interval).as_nanos().max(1);
        let passing_step = check.interval.as_nanos().max(1);
        loop {
            let window = window_at_or_after(failing, self.next_check);
            let fails = window.filter(|window| window.from <= self.next_check);
            match (fails, self.status) {
                (None, Status::Healthy) => {
                    // Everything passes until the next window, if there is one.
                    self.failures = 0;
                    let wait = window?.from.saturating_since(self.next_check).as_nanos();
                    let steps = wait.div_ceil(passing_step);
                    self.next_check = self.next_check
                        + SimDuration::from_nanos(steps.saturating_mul(passing_step));
                }
                (None, Status::Unknown | Status::Unhealthy) => {
                    let at = self.next_check;
                    self.failures = 0;
                    self.passed_once = true;
                    self.status = Status::Healthy;
                    self.next_check = at + check.interval;
                    return Some(at);
                }
                (Some(window), Status::Unhealthy) => {
                    if window.until == SimTime::MAX {
                        return None;
                    }
                    let wait = window.until.saturating_since(self.next_check).as_nanos();
                    let steps = wait.div_ceil(failing_step);
                    self.next_check = self.next_check
                        + SimDuration::from_nanos(steps.saturating_mul(failing_step));
                }
                (Some(_), Status::Unknown | Status::Healthy) => {
                    let at = self.next_check + check.timeout;
                    self.next_check = at + check.interval;
                    let starting = at.saturating_since(self.started) <= check.start_period;
                    if starting && !self.passed_once {
                        continue;
                    }
                    self.failures += 1;
                    if check.retries <= self.failures {
                        self.status = Status::Unhealthy;
                        return Some(at);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULT: HealthCheck = HealthCheck {
        interval: SimDuration::from_secs(30),
        timeout: SimDuration::from_secs(5),
        retries: 3,
        start_period: SimDuration::ZERO,
    };
    const ALWAYS: Window = Window { from: SimTime::ZERO, until: SimTime::MAX };

    fn at(seconds: u64) -> SimTime {
        SimTime::from_secs(seconds)
    }

    fn window(from: u64, until: u64) -> Window {
        Window { from: at(from), until: at(until) }
    }

    /// All changes of the verdict of a container that started at 100 s.
    fn changes(check: &HealthCheck, failing: &[Window]) -> Vec<(u64, Status)> {
        let mut progress = HealthProgress::new(check, at(100));
        let mut changes = Vec::new();
        while let Some(when) = progress.advance(check, failing) {
            changes.push((when.as_nanos() / 1_000_000_000, progress.status));
        }
        changes
    }

    #[test]
    fn the_first_check_that_passes_makes_healthy() {
        assert_eq!(changes(&DEFAULT, &[]), [(130, Status::Healthy)]);
    }

    #[test]
    fn three_failures_take_ninety_seconds_and_their_time_outs() {
        assert_eq!(changes(&DEFAULT, &[ALWAYS]), [(100 + 3 * 35, Status::Unhealthy)]);
    }

    #[test]
    fn failures_in_the_start_period_do_not_count_until_a_success() {
        let check = HealthCheck { start_period: SimDuration::from_secs(60), ..DEFAULT };
        // The first check fails at 135 s, inside the period; those at 170, 205 and 240 s count.
        assert_eq!(changes(&check, &[ALWAYS]), [(240, Status::Unhealthy)]);
        let check = HealthCheck { start_period: SimDuration::from_secs(300), ..DEFAULT };
        let failing = [window(140, 1000)];
        let expected = [
            (130, Status::Healthy),
            (160 + 35 * 2 + 5, Status::Unhealthy),
            (1000, Status::Healthy),
        ];
        assert_eq!(changes(&check, &failing), expected, "a success ends the period");
    }

    #[test]
    fn a_success_in_between_starts_the_count_anew() {
        // Checks fail at 160 and 195 s and pass at 230 s.
        assert_eq!(changes(&DEFAULT, &[window(150, 200)]), [(130, Status::Healthy)]);
        let found = changes(&DEFAULT, &[window(150, 231)]);
        assert_eq!(found[1], (235, Status::Unhealthy));
        assert_eq!(found[2], (265, Status::Healthy), "one success heals");
    }

    #[test]
    fn long_quiet_times_are_skipped() {
        let found = changes(&DEFAULT, &[window(1_000_000_000, 1_000_000_200)]);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[1].0.abs_diff(1_000_000_105) <= 35, "{found:?}");
    }

    #[test]
    fn windows_are_joined() {
        let joined = merge_windows(vec![
            window(5, 7),
            window(0, 2),
            window(1, 3),
            window(3, 4),
            window(9, 9),
        ]);
        assert_eq!(joined, [window(0, 4), window(5, 7)]);
    }

    #[test]
    fn a_task_is_as_healthy_as_its_worst_essential_container() {
        let judge = |all: &[Option<Status>]| task_health(all.iter().copied());
        let (unknown, good, bad) =
            (Some(Status::Unknown), Some(Status::Healthy), Some(Status::Unhealthy));
        assert_eq!(judge(&[]), Status::Unknown);
        assert_eq!(judge(&[None]), Status::Unknown);
        assert_eq!(judge(&[None, good]), Status::Healthy);
        assert_eq!(judge(&[good, unknown]), Status::Unknown);
        assert_eq!(judge(&[unknown, good, bad]), Status::Unhealthy);
        assert_eq!(judge(&[bad, unknown]), Status::Unhealthy);
    }
}

//! When the containers of a task start, end and stop, from their dependencies and lengths of time.
//!
//! Everything is an offset from the instant at which the images are there. Nothing is allocated.

use super::dependencies::{Condition, Dependency};
use crate::units::SimDuration;

/// Containers of a task at most (quota of ECS).
pub const MAX_CONTAINERS: usize = 10;

/// Lengths of time of one container in one task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContainerTimes<'d> {
    /// Whether its end stops the task.
    pub essential: bool,
    /// What it waits for.
    pub depends_on: &'d [Dependency],
    /// From its turn to started.
    pub start: SimDuration,
    /// From started to its own exit; `None` if it runs on.
    pub run: Option<SimDuration>,
    /// Code of that exit.
    pub exit_code: i32,
    /// `startTimeout`: those who wait for its end or health give up after this.
    pub start_timeout: Option<SimDuration>,
}

/// Why a task ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndCause {
    /// The essential container exited.
    EssentialExit,
    /// The container was not started within the agent's time-out.
    StartTimeout,
    /// Another container gave up waiting for this one.
    DependencyTimeout,
    /// Another container waits for this one's success, which did not come.
    DependencyFailed,
}

/// End of a task by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// When.
    pub at: SimDuration,
    /// Position of the container that is to blame.
    pub container: usize,
    /// Why.
    pub cause: EndCause,
}

/// What happens to the containers of a task if nothing from outside interferes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeline {
    /// When each container has started; `None` for those that never do.
    pub started: [Option<SimDuration>; MAX_CONTAINERS],
    /// When all essential containers have started: RUNNING. `None` if the task ends before.
    pub running: Option<SimDuration>,
    /// The task's own end, if any.
    pub end: Option<End>,
}

/// Follows the containers of a task in their `order` (see [`start_order`](super::start_order)).
///
/// `healthy` says how long after its start a container is healthy, `None` for never;
/// `agent_start_timeout` is `ECS_CONTAINER_START_TIMEOUT`. Of ends at one instant, the container that
/// comes first in the order counts. Containers beyond [`MAX_CONTAINERS`] are not looked at.
pub fn timeline<'d>(
    order: &[usize],
    times: impl Fn(usize) -> ContainerTimes<'d>,
    healthy: impl Fn(usize, SimDuration) -> Option<SimDuration>,
    agent_start_timeout: SimDuration,
) -> Timeline {
    let mut started = [None; MAX_CONTAINERS];
    let mut end: Option<End> = None;
    let mut running = SimDuration::ZERO;
    let mut all_started = true;
    let mut ends = |found: End| {
        if end.is_none_or(|known| found.at < known.at) {
            end = Some(found);
        }
    };
    for &container in order.iter().filter(|it| **it < MAX_CONTAINERS) {
        let own = times(container);
        let mut turn = Some(SimDuration::ZERO);
        for on in own.depends_on {
            let resolved = started.get(on.container).copied().flatten().map(|from| {
                let healthy = || healthy(on.container, from);
                resolve(from, on.condition, &times(on.container), healthy)
            });
            turn = match (turn, resolved) {
                // Whoever waits for one that never starts never starts either.
                (None, _) | (_, None) => None,
                (Some(turn), Some(Ok(at))) => Some(turn.max(at)),
                (Some(_), Some(Err((at, cause)))) => {
                    if at < SimDuration::from_nanos(u64::MAX) {
                        ends(End { at, container: on.container, cause });
                    }
                    None
                }
            };
        }
        let at = turn.map(|turn| {
            if agent_start_timeout < own.start {
                let at = turn + agent_start_timeout;
                ends(End { at, container, cause: EndCause::StartTimeout });
                return None;
            }
            Some(turn + own.start)
        });
        let at = at.flatten();
        started[container] = at;
        if own.essential {
            match at {
                Some(at) => running = running.max(at),
                None => all_started = false,
            }
            if let (Some(at), Some(run)) = (at, own.run) {
                ends(End { at: at + run, container, cause: EndCause::EssentialExit });
            }
        }
    }
    // Who exits as it starts was never RUNNING.
    let ended_before = end.is_some_and(|end| end.at <= running);
    let running = (all_started && !ended_before).then_some(running);
    Timeline { started, running, end }
}

/// When a container that started at `from` meets a condition, or when and why it will not; an instant
/// beyond all time for "never, and nobody gives up".
fn resolve(
    from: SimDuration,
    condition: Condition,
    times: &ContainerTimes<'_>,
    healthy: impl FnOnce() -> Option<SimDuration>,
) -> Result<SimDuration, (SimDuration, EndCause)> {
    let (met, failed) = match condition {
        Condition::Start => return Ok(from),
        Condition::Complete => (times.run, None),
        Condition::Success if times.exit_code == 0 => (times.run, None),
        Condition::Success => (None, times.run),
        Condition::Healthy => (healthy(), None),
    };
    let patience = times.start_timeout.unwrap_or(SimDuration::from_nanos(u64::MAX));
    match (met, failed) {
        (Some(met), _) if met <= patience => Ok(from + met),
        (_, Some(failed)) if failed <= patience => Err((from + failed, EndCause::DependencyFailed)),
        _ => Err((from + patience, EndCause::DependencyTimeout)),
    }
}

/// How long a task takes to stop: each container gets SIGTERM when those that depend on it are gone,
/// and exits after `stop` (already cut at its `stopTimeout`; zero for one that does not run).
pub fn shutdown_time<'d>(
    order: &[usize],
    depends_on: impl Fn(usize) -> &'d [Dependency],
    stop: impl Fn(usize) -> SimDuration,
) -> SimDuration {
    let mut turn = [SimDuration::ZERO; MAX_CONTAINERS];
    let mut last = SimDuration::ZERO;
    // Against the order of start, so that a container's turn is final when it is reached.
    for &container in order.iter().rev().filter(|it| **it < MAX_CONTAINERS) {
        let gone = turn[container] + stop(container);
        last = last.max(gone);
        for on in depends_on(container).iter().filter(|on| on.container < MAX_CONTAINERS) {
            turn[on.container] = turn[on.container].max(gone);
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::super::dependencies::start_order;
    use super::*;

    const NEVER: SimDuration = SimDuration::from_nanos(u64::MAX);

    fn seconds(n: u64) -> SimDuration {
        SimDuration::from_secs(n)
    }

    fn on(container: usize, condition: Condition) -> Dependency {
        Dependency { container, condition }
    }

    fn container(essential: bool, start: u64, depends_on: &[Dependency]) -> ContainerTimes<'_> {
        ContainerTimes {
            essential,
            depends_on,
            start: seconds(start),
            run: None,
            exit_code: 0,
            start_timeout: None,
        }
    }

    fn follow(containers: &[ContainerTimes<'_>]) -> Timeline {
        with_health(containers, None)
    }

    fn with_health(containers: &[ContainerTimes<'_>], healthy: Option<u64>) -> Timeline {
        let order =
            start_order(containers.len(), |it| containers[it].depends_on).expect("no cycle");
        timeline(&order, |it| containers[it], |_, _| healthy.map(seconds), seconds(180))
    }

    #[test]
    fn independent_containers_start_side_by_side() {
        let found =
            follow(&[container(true, 2, &[]), container(true, 5, &[]), container(false, 9, &[])]);
        assert_eq!(found.running, Some(seconds(5)), "the essential ones count");
        assert_eq!(found.end, None);
    }

    #[test]
    fn each_condition_waits_for_its_own_instant() {
        let waits = [
            (Condition::Start, 2),
            (Condition::Complete, 2 + 10),
            (Condition::Success, 2 + 10),
            (Condition::Healthy, 2 + 30),
        ];
        for (condition, turn) in waits {
            let depends = [on(1, condition)];
            let first = ContainerTimes { run: Some(seconds(10)), ..container(false, 2, &[]) };
            let found = with_health(&[container(true, 3, &depends), first], Some(30));
            assert_eq!(found.running, Some(seconds(turn + 3)), "{condition:?}");
        }
    }

    #[test]
    fn success_needs_exit_code_zero_and_complete_does_not() {
        let failed =
            ContainerTimes { run: Some(seconds(10)), exit_code: 3, ..container(false, 2, &[]) };
        let complete = [on(1, Condition::Complete)];
        assert_eq!(follow(&[container(true, 1, &complete), failed]).running, Some(seconds(13)));
        let success = [on(1, Condition::Success)];
        let found = follow(&[container(true, 1, &success), failed]);
        assert_eq!(found.running, None);
        let cause = EndCause::DependencyFailed;
        assert_eq!(found.end, Some(End { at: seconds(12), container: 1, cause }));
    }

    #[test]
    fn those_who_wait_give_up_after_the_start_timeout() {
        let depends = [on(1, Condition::Healthy)];
        let sick = ContainerTimes { start_timeout: Some(seconds(60)), ..container(true, 2, &[]) };
        let found = follow(&[container(true, 1, &depends), sick]);
        assert_eq!(found.running, None);
        let cause = EndCause::DependencyTimeout;
        assert_eq!(found.end, Some(End { at: seconds(62), container: 1, cause }));
        let patient = ContainerTimes { start_timeout: None, ..sick };
        let found = follow(&[container(true, 1, &depends), patient]);
        assert_eq!((found.running, found.end), (None, None), "it hangs in ACTIVATING");
        let in_time = with_health(&[container(true, 1, &depends), sick], Some(60));
        assert_eq!(in_time.running, Some(seconds(63)));
    }

    #[test]
    fn the_agent_gives_up_a_slow_start() {
        let found = follow(&[container(true, 181, &[])]);
        let cause = EndCause::StartTimeout;
        assert_eq!(found.end, Some(End { at: seconds(180), container: 0, cause }));
        assert_eq!(found.running, None);
        assert_eq!(follow(&[container(true, 180, &[])]).running, Some(seconds(180)));
    }

    #[test]
    fn an_essential_exit_before_running_ends_the_start() {
        let short = ContainerTimes { run: Some(seconds(4)), ..container(true, 2, &[]) };
        let found = follow(&[short, container(true, 30, &[])]);
        assert_eq!(found.running, None);
        assert_eq!(found.end.map(|end| end.at), Some(seconds(6)));
        let found = follow(&[short, container(true, 5, &[])]);
        assert_eq!(found.running, Some(seconds(5)), "it ran for a second");
        assert_eq!(found.end.map(|end| end.at), Some(seconds(6)));
    }

    #[test]
    fn containers_stop_against_the_order_of_their_start() {
        // 0 waits for 1, which waits for 2; 3 is on its own.
        let depends =
            [vec![on(1, Condition::Start)], vec![on(2, Condition::Healthy)], vec![], vec![]];
        let order = start_order(4, |it| &depends[it][..]).expect("no cycle");
        let stop = [seconds(1), seconds(2), seconds(3), seconds(4)];
        assert_eq!(shutdown_time(&order, |it| &depends[it][..], |it| stop[it]), seconds(6));
        let stop = [seconds(1), seconds(2), seconds(3), seconds(40)];
        assert_eq!(shutdown_time(&order, |it| &depends[it][..], |it| stop[it]), seconds(40));
        assert_eq!(NEVER + seconds(1), NEVER, "sums saturate");
    }
}

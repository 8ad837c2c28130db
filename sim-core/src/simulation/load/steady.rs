//! What goes on as before: rate, tasks and response time stay, and all that happens is in proportion to the
//! requests that arrive.
//!
//! Metrics of high resolution are read several times within a step of the rate. What was found for the
//! first stretch of it holds for the others.

use super::{LoadState, RAW_PER_VCPU};
use crate::traffic::MICRO_PER_REQUEST;
use crate::units::{Cpu, SimTime, to_f64};

/// Utilization up to which a shorter stretch of a rate certainly has no backlog either, amounts being
/// rounded to micro-requests.
const MOST_UTILIZATION: f64 = 0.999;

/// Amounts of shorter stretches are too coarse.
const SHORTEST_NANOS: u64 = 1_000_000;

/// How requests have been answered since the rate or the tasks last changed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Steady {
    /// Up to when the rate stays.
    until: SimTime,
    cpu: Cpu,
    needed: u32,
    /// Mean response time in seconds.
    mean: f64,
}

impl LoadState<'_> {
    /// Keeps what the last segment tells about the rest of a step of the rate that ends at `until`: the mean
    /// response time in seconds if it was that of all tasks and calm.
    pub(super) fn settle(&mut self, calm: Option<f64>, until: SimTime, cpu: Cpu, needed: u32) {
        let utilization = self.lanes.calm_utilization();
        let mean = calm.filter(|_| utilization.is_some_and(|it| it <= MOST_UTILIZATION));
        self.steady = mean.map(|mean| Steady { until, cpu, needed, mean });
    }

    /// Moves on to `now` if everything is as it was; whether it was.
    pub(super) fn go_on(&mut self, now: SimTime, cpu: Cpu) -> bool {
        let Some(steady) = &self.steady else { return false };
        let start = self.last;
        let length = now.saturating_since(start);
        let same = now <= steady.until && cpu == steady.cpu && !self.lanes.have_changed();
        if !same || length.as_nanos() < SHORTEST_NANOS {
            return false;
        }
        let upto = self.load.rate.cumulative(now);
        let served = upto - self.offered;
        (self.last, self.offered) = (now, upto);
        let nanos = u128::from(length.as_nanos());
        let healthy = self.lanes.tasks() - self.unhealthy_serving;
        let sums = &mut self.totals;
        sums.healthy += u128::from(healthy) * nanos;
        sums.needed += u128::from(steady.needed) * nanos;
        sums.offered += served;
        sums.sent += served;
        sums.served += served;
        let cpu_nanos = u128::from(self.load.cpu_per_request.as_nanos());
        let busy_cpu = served.saturating_mul(cpu_nanos) / u128::from(MICRO_PER_REQUEST);
        sums.busy_cpu += busy_cpu * RAW_PER_VCPU;
        let per_second = to_f64(served) / MICRO_PER_REQUEST as f64 / length.as_secs_f64();
        sums.in_flight += per_second * steady.mean * length.as_nanos() as f64;
        self.latency.record_more(served, steady.mean);
        if let Some(objective) = &mut self.objective {
            objective.record_more(start, length, served);
        }
        let minute = self.minute_responses.as_mut().and_then(|minute| minute.last_mut());
        for (sum, _) in minute.into_iter().chain(self.responses.last_mut()) {
            *sum += served;
        }
        true
    }
}

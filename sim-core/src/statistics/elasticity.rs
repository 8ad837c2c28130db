//! How well supply follows demand: accuracy, time share, instability and lag of provisioning.
//!
//! Source: the elasticity metrics of the SPEC research group (Herbst et al., *Ready for Rain? A View
//! from SPEC Research on the Future of Cloud Metrics*, SPEC-RG-2016-01), with the accuracy normalised by
//! demand. Demand and supply are step functions, integrated exactly; where demand is zero the accuracy
//! divides by one, so that nothing is undefined. Shares are fractions here.
//!
//! Instability compares the direction in which demand and supply move from one step of a grid to the
//! next: the share of steps in which one of them moved and the other did not move the same way. It is the
//! only measure that needs a grid.

use crate::units::{NANOS_PER_SECOND, SimDuration, SimTime};

/// What [`ElasticityRecorder`] found, as fractions unless said otherwise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Elasticity {
    /// θU: mean of what was missing, over demand.
    pub under_accuracy: f64,
    /// θO: mean of what was too much, over demand.
    pub over_accuracy: f64,
    /// τU: share of the time with too little.
    pub under_time: f64,
    /// τO: share of the time with too much.
    pub over_time: f64,
    /// υ: share of steps in which demand and supply did not move the same way; zero if there was but one.
    pub instability: f64,
    /// Mean number missing.
    pub under_mean: f64,
    /// Mean number too many.
    pub over_mean: f64,
    /// Mean demand.
    pub demand_mean: f64,
    /// Largest demand.
    pub demand_peak: u64,
    /// Stretches of time in which demand was above supply.
    pub shortages: u64,
    /// Scaling lag: mean seconds from demand rising above supply until supply covers it, or the end of the
    /// run; `None` if it never rose above.
    pub lag_mean_seconds: Option<f64>,
    /// The longest such time in seconds.
    pub lag_longest_seconds: Option<f64>,
}

impl Elasticity {
    /// How much better this is than `baseline`: [`elastic_speed_up`].
    pub fn speed_up_over(&self, baseline: &Self) -> Option<f64> {
        elastic_speed_up(self.shares(), baseline.shares())
    }

    /// The two accuracies, then the two time shares.
    fn shares(&self) -> [f64; 4] {
        [self.under_accuracy, self.over_accuracy, self.under_time, self.over_time]
    }
}

/// Elastic speed-up: the geometric mean, with equal weights, of how many times smaller `own` accuracies and
/// time shares (θU, θO, τU, τO) are than those of `baseline`. `None` where a share that is zero here is not
/// zero there.
pub fn elastic_speed_up(own: [f64; 4], baseline: [f64; 4]) -> Option<f64> {
    let mut product = 1.0;
    for (own, theirs) in own.into_iter().zip(baseline) {
        // Equals, both zero included, count as no difference.
        if (theirs - own).abs() <= f64::EPSILON * theirs.abs() {
            continue;
        }
        if own <= 0.0 {
            return None;
        }
        product *= theirs / own;
    }
    Some(libm::sqrt(libm::sqrt(product)))
}

/// Integrates demand and supply over a run.
#[derive(Clone, Debug)]
pub struct ElasticityRecorder {
    /// Step of the grid on which movements are compared, in nanoseconds.
    step: u64,
    at: SimTime,
    demand: u64,
    supply: u64,
    /// Next instant of the grid.
    next_sample: u64,
    last_sample: Option<(u64, u64)>,
    moves: u64,
    unstable: u64,
    under_ratio: f64,
    over_ratio: f64,
    under: u128,
    over: u128,
    under_time: u128,
    over_time: u128,
    demand_total: u128,
    demand_peak: u64,
    short_since: Option<SimTime>,
    shortages: u64,
    lag_total: u128,
    lag_longest: u64,
}

impl ElasticityRecorder {
    /// Nothing demanded and nothing supplied at time zero; movements are compared every `step`.
    pub fn new(step: SimDuration) -> Self {
        Self {
            step: step.as_nanos().max(1),
            at: SimTime::ZERO,
            demand: 0,
            supply: 0,
            next_sample: 0,
            last_sample: None,
            moves: 0,
            unstable: 0,
            under_ratio: 0.0,
            over_ratio: 0.0,
            under: 0,
            over: 0,
            under_time: 0,
            over_time: 0,
            demand_total: 0,
            demand_peak: 0,
            short_since: None,
            shortages: 0,
            lag_total: 0,
            lag_longest: 0,
        }
    }

    /// From `now` on `demand` is asked for and `supply` is there. Calls come in time order; of several at
    /// one instant the last one counts.
    pub fn observe(&mut self, now: SimTime, demand: u64, supply: u64) {
        if (demand, supply) == (self.demand, self.supply) {
            return;
        }
        self.advance(now);
        self.demand = demand;
        self.supply = supply;
    }

    /// The same with the demand as it is.
    pub fn observe_supply(&mut self, now: SimTime, supply: u64) {
        self.observe(now, self.demand, supply);
    }

    /// The measures from time zero to `now`; `None` if that is no time at all.
    pub fn finish(&self, now: SimTime) -> Option<Elasticity> {
        let mut whole = self.clone();
        whole.advance(now);
        whole.end_shortage(now);
        let length = whole.at.as_nanos();
        if length == 0 {
            return None;
        }
        let mean = |total: u128| total as f64 / length as f64;
        let seconds = |nanos: f64| nanos / NANOS_PER_SECOND as f64;
        let late = 0 < whole.shortages;
        let lag = whole.lag_total as f64 / whole.shortages.max(1) as f64;
        Some(Elasticity {
            under_accuracy: whole.under_ratio / length as f64,
            over_accuracy: whole.over_ratio / length as f64,
            under_time: mean(whole.under_time),
            over_time: mean(whole.over_time),
            instability: whole.unstable as f64 / whole.moves.max(1) as f64,
            under_mean: mean(whole.under),
            over_mean: mean(whole.over),
            demand_mean: mean(whole.demand_total),
            demand_peak: whole.demand_peak,
            shortages: whole.shortages,
            lag_mean_seconds: late.then_some(seconds(lag)),
            lag_longest_seconds: late.then_some(seconds(whole.lag_longest as f64)),
        })
    }

    fn advance(&mut self, now: SimTime) {
        let length = now.saturating_since(self.at).as_nanos();
        if length == 0 {
            return;
        }
        let (demand, supply) = (self.demand, self.supply);
        let nanos = u128::from(length);
        let normal = demand.max(1) as f64;
        self.demand_total += u128::from(demand) * nanos;
        self.demand_peak = self.demand_peak.max(demand);
        if supply < demand {
            let missing = demand - supply;
            self.under += u128::from(missing) * nanos;
            self.under_ratio += missing as f64 / normal * length as f64;
            self.under_time += nanos;
            self.short_since.get_or_insert(self.at);
        } else {
            let surplus = supply - demand;
            self.over += u128::from(surplus) * nanos;
            self.over_ratio += surplus as f64 / normal * length as f64;
            self.over_time += if 0 < surplus { nanos } else { 0 };
            self.end_shortage(self.at);
        }
        self.sample(now);
        self.at = now;
    }

    /// Compares movements at the instants of the grid up to `now`, at which the present values held.
    fn sample(&mut self, now: SimTime) {
        if now.as_nanos() <= self.next_sample {
            return;
        }
        let present = (self.demand, self.supply);
        if let Some((demand, supply)) = self.last_sample {
            let moved = (present.0.cmp(&demand), present.1.cmp(&supply));
            self.unstable += u64::from(moved.0 != moved.1);
            self.moves += 1;
        }
        self.last_sample = Some(present);
        // Nothing moves at the further ones.
        let further = (now.as_nanos() - 1 - self.next_sample) / self.step;
        self.moves += further;
        self.next_sample = self.next_sample.saturating_add((further + 1).saturating_mul(self.step));
    }

    fn end_shortage(&mut self, at: SimTime) {
        let Some(since) = self.short_since.take() else { return };
        let lag = at.saturating_since(since).as_nanos();
        self.shortages += 1;
        self.lag_total += u128::from(lag);
        self.lag_longest = self.lag_longest.max(lag);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::close;
    use super::*;
    use proptest::prelude::*;

    const V1_DEMAND: [u64; 10] = [4, 4, 6, 8, 8, 5, 3, 3, 3, 3];
    const V1_SUPPLY: [u64; 10] = [4, 4, 4, 6, 8, 8, 8, 5, 3, 3];

    /// The measures of step functions with steps of a second.
    fn of(demand: &[u64], supply: &[u64]) -> Elasticity {
        let mut recorder = ElasticityRecorder::new(SimDuration::from_secs(1));
        for (second, (d, s)) in (0..).zip(demand.iter().zip(supply)) {
            recorder.observe(SimTime::from_secs(second), *d, *s);
        }
        recorder.finish(SimTime::from_secs(demand.len() as u64)).expect("there is time")
    }

    #[track_caller]
    fn check_percent(found: &Elasticity, expected: [f64; 4]) {
        let found = [found.under_accuracy, found.over_accuracy, found.under_time, found.over_time];
        for (found, expected) in found.into_iter().zip(expected) {
            close(100.0 * found, expected, 1e-10);
        }
    }

    #[test]
    fn elasticity_v1_supply_follows_two_steps_late() {
        let found = of(&V1_DEMAND, &V1_SUPPLY);
        check_percent(&found, [35.0 / 6.0, 88.0 / 3.0, 20.0, 30.0]);
        close(100.0 * found.instability, 200.0 / 3.0, 1e-10);
        // Missing from second 2 to second 4.
        assert_eq!((found.shortages, found.lag_mean_seconds), (1, Some(2.0)));
        close(found.under_mean, 0.4, 1e-12);
        assert_eq!(found.demand_peak, 8);
    }

    #[test]
    fn elasticity_v2_constant_supply_and_speed_up() {
        let late = of(&V1_DEMAND, &V1_SUPPLY);
        let constant = of(&V1_DEMAND, &[5; 10]);
        check_percent(&constant, [55.0 / 6.0, 95.0 / 3.0, 30.0, 60.0]);
        let speed_up = late.speed_up_over(&constant).expect("no share is zero");
        close(speed_up, 1.501_98, 5e-6);
        let back = constant.speed_up_over(&late).expect("no share is zero");
        close(back * speed_up, 1.0, 1e-12);
        close(late.speed_up_over(&late).expect("the same"), 1.0, 0.0);
    }

    #[test]
    fn elasticity_v4_steps_of_different_length() {
        let mut recorder = ElasticityRecorder::new(SimDuration::from_secs(60));
        for (at, demand, supply) in
            [(0, 4, 4), (60, 8, 4), (150, 8, 6), (180, 8, 8), (300, 2, 8), (480, 2, 2)]
        {
            recorder.observe(SimTime::from_secs(at), demand, supply);
        }
        let found = recorder.finish(SimTime::from_secs(600)).expect("there is time");
        check_percent(&found, [8.75, 90.0, 20.0, 30.0]);
        assert_eq!(found.lag_longest_seconds, Some(120.0));
    }

    #[test]
    fn elasticity_v5_nothing_is_undefined_without_demand() {
        let found = of(&[0; 7], &[2; 7]);
        check_percent(&found, [0.0, 200.0, 0.0, 100.0]);
        close(found.instability, 0.0, 0.0);
        assert_eq!(found.lag_mean_seconds, None);
        // Nothing is too little for nothing; who has less of it is not compared.
        let none = of(&[0; 7], &[0; 7]);
        assert_eq!(none.speed_up_over(&found), None);
        assert_eq!(found.speed_up_over(&found), Some(1.0));
    }

    #[test]
    fn no_time_has_no_measure() {
        let recorder = ElasticityRecorder::new(SimDuration::from_secs(1));
        assert_eq!(recorder.finish(SimTime::ZERO), None);
    }

    #[test]
    fn of_several_changes_at_one_instant_the_last_counts() {
        let mut recorder = ElasticityRecorder::new(SimDuration::from_secs(1));
        recorder.observe(SimTime::ZERO, 9, 0);
        recorder.observe(SimTime::ZERO, 1, 1);
        recorder.observe(SimTime::from_secs(5), 9, 1);
        recorder.observe(SimTime::from_secs(5), 1, 1);
        let found = recorder.finish(SimTime::from_secs(10)).expect("there is time");
        check_percent(&found, [0.0; 4]);
        assert_eq!((found.demand_peak, found.shortages), (1, 0));
        close(found.instability, 0.0, 0.0);
    }

    proptest! {
        #[test]
        fn agrees_with_sums_over_seconds(
            steps in proptest::collection::vec((0_u64..6, 0_u64..6, 1_usize..4), 1..40),
        ) {
            let mut recorder = ElasticityRecorder::new(SimDuration::from_secs(1));
            let (mut demand, mut supply) = (Vec::new(), Vec::new());
            for (d, s, length) in steps {
                recorder.observe(SimTime::from_secs(demand.len() as u64), d, s);
                demand.extend(std::iter::repeat_n(d, length));
                supply.extend(std::iter::repeat_n(s, length));
            }
            let n = demand.len();
            let found = recorder.finish(SimTime::from_secs(n as u64)).expect("there is time");
            let sum = |f: &dyn Fn(f64, f64) -> f64| {
                let pairs = demand.iter().zip(&supply);
                pairs.map(|(d, s)| f(*d as f64, *s as f64)).sum::<f64>() / n as f64
            };
            let close = |a: f64, b: f64| (a - b).abs() < 1e-9;
            prop_assert!(close(found.under_accuracy, sum(&|d, s| (d - s).max(0.0) / d.max(1.0))));
            prop_assert!(close(found.over_accuracy, sum(&|d, s| (s - d).max(0.0) / d.max(1.0))));
            prop_assert!(close(found.under_time, sum(&|d, s| f64::from(s < d))));
            prop_assert!(close(found.over_time, sum(&|d, s| f64::from(d < s))));
            let moves = (1..n).filter(|i| {
                demand[*i].cmp(&demand[i - 1]) != supply[*i].cmp(&supply[i - 1])
            });
            let instability = moves.count() as f64 / (n - 1).max(1) as f64;
            prop_assert!(close(found.instability, instability));
            let rises = (0..n).filter(|i| {
                let short = |i: usize| supply[i] < demand[i];
                short(*i) && (*i == 0 || !short(i - 1))
            });
            prop_assert_eq!(found.shortages, rises.count() as u64);
        }
    }
}

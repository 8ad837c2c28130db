//! Synthetic load: a rate composed of named parts.

use super::rate::{AfterEnd, MAX_STEPS, RateError, RequestRate, to_micro};
use crate::units::{SimDuration, SimTime};

const SECONDS_PER_DAY: f64 = 86_400.0;
const SECONDS_PER_WEEK: u32 = 7 * 86_400;

/// A rate composed of parts; the parts multiply.
///
/// Rate = level (base and ramps) × diurnal × weekday × growth × spikes × on-off × noise. Level,
/// spikes and on-off enter with their exact mean over each step, the smooth parts with their value at
/// its middle. Noise of step `k` depends on the draws up to `k` alone, so that it is the same under
/// every policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// Level before any ramp, in requests per second.
    pub base: f64,
    /// Length over which the rate is constant; 60 s unless there is a reason.
    pub step: SimDuration,
    /// Local civil time of the start: seconds since Monday 00:00, below 604 800.
    pub start_second_of_week: u32,
    /// Daily wave.
    pub diurnal: Option<Diurnal>,
    /// Factor of each day, Monday first.
    pub weekdays: Option<[f64; 7]>,
    /// Changes of the level, in time order, not overlapping.
    pub ramps: Vec<Ramp>,
    /// Growth from day to day.
    pub growth: Option<Growth>,
    /// Flash crowds and other events.
    pub spikes: Vec<Spike>,
    /// Load that comes and goes.
    pub on_off: Option<OnOff>,
    /// Multiplicative noise.
    pub noise: Option<Noise>,
}

/// A cosine over the day with mean 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Diurnal {
    /// Highest over lowest rate of a day, at least 1.
    pub peak_to_trough: f64,
    /// Local time of the peak in seconds after midnight.
    pub peak_second_of_day: u32,
}

/// A linear change of the level, which then stays at `to_rate`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ramp {
    /// Start.
    pub from: SimTime,
    /// End; equal to `from` for a step.
    pub until: SimTime,
    /// Level at the start in requests per second.
    pub from_rate: f64,
    /// Level at the end in requests per second.
    pub to_rate: f64,
}

/// Growth per day, from 1 at the start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Growth {
    /// `1 + rate × days`, never below zero.
    Linear {
        /// Fraction of the initial load added per day.
        per_day: f64,
    },
    /// `(1 + rate)^days`.
    Exponential {
        /// Fraction by which each day exceeds the one before, above −1.
        per_day: f64,
    },
}

/// An event: up linearly, held, down linearly. Overlapping ones multiply.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spike {
    /// Start of the rise.
    pub start: SimTime,
    /// Length of the rise.
    pub rise: SimDuration,
    /// Time at the multiplier.
    pub hold: SimDuration,
    /// Length of the decay.
    pub decay: SimDuration,
    /// Factor at the top; below 1 for a dip.
    pub multiplier: f64,
}

/// A cycle of load and (nearly) none, off before its first start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OnOff {
    /// First start.
    pub start: SimTime,
    /// Time on in each cycle.
    pub on: SimDuration,
    /// Time off in each cycle.
    pub off: SimDuration,
    /// Factor while off, for example 0.
    pub off_factor: f64,
}

/// Lognormal noise with mean 1 on each step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Noise {
    /// Coefficient of variation of the factor.
    pub cv: f64,
    /// Lag-1 autocorrelation of its logarithm, in (−1, 1); zero for independent steps.
    pub autocorrelation: f64,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            base: 0.0,
            step: SimDuration::from_secs(60),
            start_second_of_week: 0,
            diurnal: None,
            weekdays: None,
            ramps: Vec::new(),
            growth: None,
            spikes: Vec::new(),
            on_off: None,
            noise: None,
        }
    }
}

impl Profile {
    /// The rate over `duration` (zero after it). `normal(k)` is the standard normal draw of step `k`;
    /// it is not called without noise.
    pub fn build(
        &self,
        duration: SimDuration,
        normal: &dyn Fn(u64) -> f64,
    ) -> Result<RequestRate, RateError> {
        self.check()?;
        let step = self.step.as_nanos();
        let steps = duration.as_nanos().div_ceil(step);
        if MAX_STEPS < steps {
            return Err(RateError::TooManySteps { steps });
        }
        let mut noise = self.noise.map(NoiseState::new);
        let step_seconds = self.step.as_secs_f64();
        let micro = (0..steps).map(|k| {
            let from = SimTime::from_nanos(k * step);
            let factor = noise.as_mut().map_or(1.0, |state| state.next(normal(k)));
            to_micro(self.mean_rate(from) * factor * step_seconds, k)
        });
        RequestRate::from_micro(self.step, micro, steps, AfterEnd::Zero)
    }

    /// Mean rate over the step that starts at `from`, without noise, in requests per second.
    fn mean_rate(&self, from: SimTime) -> f64 {
        let until = from + self.step;
        let middle = from.as_secs_f64() + self.step.as_secs_f64() / 2.0;
        let local = f64::from(self.start_second_of_week) + middle;
        let mut rate = self.mean_level(from, until);
        if let Some(diurnal) = self.diurnal {
            rate *= diurnal.factor(local);
        }
        if let Some(weekdays) = self.weekdays {
            rate *= weekdays[libm::floor(local / SECONDS_PER_DAY) as usize % 7];
        }
        if let Some(growth) = self.growth {
            rate *= growth.factor(middle / SECONDS_PER_DAY);
        }
        for spike in &self.spikes {
            rate *= spike.mean_factor(from, until);
        }
        if let Some(on_off) = self.on_off {
            rate *= on_off.mean_factor(from, until);
        }
        rate
    }

    /// Exact mean of base and ramps over `[from, until)`.
    fn mean_level(&self, from: SimTime, until: SimTime) -> f64 {
        let mut area = 0.0;
        let mut level = self.base;
        let mut at = SimTime::ZERO;
        for ramp in &self.ramps {
            area += area_of_line(from, until, (at, level), (ramp.from, level));
            area +=
                area_of_line(from, until, (ramp.from, ramp.from_rate), (ramp.until, ramp.to_rate));
            level = ramp.to_rate;
            at = ramp.until;
        }
        area += area_of_line(from, until, (at, level), (SimTime::MAX, level));
        area / length_seconds(from, until)
    }

    fn check(&self) -> Result<(), RateError> {
        let require = |holds: bool, setting| {
            if holds { Ok(()) } else { Err(RateError::BadSetting { setting }) }
        };
        let amount = |value: f64| value.is_finite() && 0.0 <= value;
        if self.step.is_zero() {
            return Err(RateError::ZeroStep);
        }
        require(amount(self.base), "the base rate must be a number of at least 0")?;
        require(
            self.start_second_of_week < SECONDS_PER_WEEK,
            "the start second of the week must be below 604800",
        )?;
        if let Some(diurnal) = self.diurnal {
            require(
                diurnal.peak_to_trough.is_finite() && 1.0 <= diurnal.peak_to_trough,
                "the ratio of peak to trough must be a number of at least 1",
            )?;
            require(
                diurnal.peak_second_of_day < 86_400,
                "the peak second of the day must be below 86400",
            )?;
        }
        for factor in self.weekdays.iter().flatten() {
            require(amount(*factor), "weekday factors must be numbers of at least 0")?;
        }
        let mut end = SimTime::ZERO;
        for ramp in &self.ramps {
            require(
                amount(ramp.from_rate) && amount(ramp.to_rate),
                "the rates of a ramp must be numbers of at least 0",
            )?;
            require(
                end <= ramp.from && ramp.from <= ramp.until,
                "ramps must be in time order and must not overlap",
            )?;
            end = ramp.until;
        }
        match self.growth {
            Some(Growth::Linear { per_day }) => {
                require(per_day.is_finite(), "growth per day must be a number")?;
            }
            Some(Growth::Exponential { per_day }) => require(
                per_day.is_finite() && -1.0 < per_day,
                "exponential growth per day must be a number above -1",
            )?,
            None => {}
        }
        for spike in &self.spikes {
            require(amount(spike.multiplier), "the multiplier of a spike must be at least 0")?;
        }
        if let Some(on_off) = self.on_off {
            require(!on_off.on.is_zero(), "the time on must not be zero")?;
            require(amount(on_off.off_factor), "the factor while off must be at least 0")?;
        }
        if let Some(noise) = self.noise {
            require(amount(noise.cv), "the coefficient of variation must be at least 0")?;
            require(
                -1.0 < noise.autocorrelation && noise.autocorrelation < 1.0,
                "the autocorrelation must lie between -1 and 1",
            )?;
        }
        Ok(())
    }
}

impl Diurnal {
    /// Factor at a local time in seconds; periodic in the day.
    fn factor(self, local: f64) -> f64 {
        let amplitude = (self.peak_to_trough - 1.0) / (self.peak_to_trough + 1.0);
        // The second of the day first, so that the argument of the cosine stays small and exact.
        let second = libm::fmod(local, SECONDS_PER_DAY) - f64::from(self.peak_second_of_day);
        1.0 + amplitude * libm::cos(std::f64::consts::TAU * second / SECONDS_PER_DAY)
    }
}

impl Growth {
    fn factor(self, days: f64) -> f64 {
        match self {
            Self::Linear { per_day } => (1.0 + per_day * days).max(0.0),
            Self::Exponential { per_day } => libm::exp(days * libm::log1p(per_day)),
        }
    }
}

impl Spike {
    /// Exact mean of the factor over `[from, until)`.
    fn mean_factor(&self, from: SimTime, until: SimTime) -> f64 {
        let top = self.start + self.rise;
        let fall = top + self.hold;
        let end = fall + self.decay;
        if until <= self.start || end <= from {
            return 1.0;
        }
        let high = self.multiplier;
        let area = area_of_line(from, until, (SimTime::ZERO, 1.0), (self.start, 1.0))
            + area_of_line(from, until, (self.start, 1.0), (top, high))
            + area_of_line(from, until, (top, high), (fall, high))
            + area_of_line(from, until, (fall, high), (end, 1.0))
            + area_of_line(from, until, (end, 1.0), (SimTime::MAX, 1.0));
        area / length_seconds(from, until)
    }
}

impl OnOff {
    /// Nanoseconds on in `[start, t)`.
    fn on_before(&self, t: SimTime) -> u128 {
        let elapsed = u128::from(t.saturating_since(self.start).as_nanos());
        let on = u128::from(self.on.as_nanos());
        let period = on + u128::from(self.off.as_nanos());
        elapsed / period * on + (elapsed % period).min(on)
    }

    fn mean_factor(&self, from: SimTime, until: SimTime) -> f64 {
        let length = until.saturating_since(from).as_nanos() as f64;
        let on = (self.on_before(until) - self.on_before(from)) as f64 / length;
        on + (1.0 - on) * self.off_factor
    }
}

/// Area in value·seconds below the line from `a` to `b`, where it lies within `[from, until)`.
fn area_of_line(from: SimTime, until: SimTime, a: (SimTime, f64), b: (SimTime, f64)) -> f64 {
    let (low, high) = (from.max(a.0), until.min(b.0));
    if high <= low {
        return 0.0;
    }
    let run = length_seconds(a.0, b.0);
    let value_at = |t: SimTime| a.1 + (b.1 - a.1) * (length_seconds(a.0, t) / run);
    f64::midpoint(value_at(low), value_at(high)) * length_seconds(low, high)
}

fn length_seconds(from: SimTime, until: SimTime) -> f64 {
    until.saturating_since(from).as_secs_f64()
}

/// First-order autoregression in the logarithm of the factor, stationary from the first step.
struct NoiseState {
    sigma: f64,
    keep: f64,
    renew: f64,
    previous: Option<f64>,
}

impl NoiseState {
    fn new(noise: Noise) -> Self {
        let phi = noise.autocorrelation;
        Self {
            sigma: libm::sqrt(libm::log1p(noise.cv * noise.cv)),
            keep: phi,
            renew: libm::sqrt(1.0 - phi * phi),
            previous: None,
        }
    }

    /// Factor of the next step, with mean 1, given its standard normal draw.
    fn next(&mut self, z: f64) -> f64 {
        let y = self.previous.map_or(z, |before| self.keep * before + self.renew * z);
        self.previous = Some(y);
        libm::exp(self.sigma * y - self.sigma * self.sigma / 2.0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

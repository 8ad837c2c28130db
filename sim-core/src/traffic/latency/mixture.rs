//! Response times over several segments.

use super::{ResponseTime, solve};
use crate::units::{SimDuration, to_f64};

/// Relative error of a quantile, far less than the model's.
const TOLERANCE: f64 = 1e-7;

/// The response time of a request that is drawn from some segments, for example those of one minute.
#[derive(Clone, Debug)]
pub struct ResponseMixture<'a> {
    /// Requests of each segment with its response time; none is without requests.
    parts: Vec<(f64, &'a ResponseTime)>,
    served: f64,
    calm: Option<CalmSum>,
}

/// Stationary response times with one rate of service, added up: their tail beyond the constant part is
/// `a·e^(−mu·t) + Σ b·e^(−theta·t)`, which takes half as many exponentials as one by one.
#[derive(Clone, Debug)]
struct CalmSum {
    other: f64,
    mu: f64,
    a: f64,
    /// `(b, theta)` of each.
    waits: Vec<(f64, f64)>,
}

impl CalmSum {
    fn of(parts: &[(f64, &ResponseTime)]) -> Option<Self> {
        let (_, first) = parts.first()?;
        let (mu, other) = (first.calm()?.mu, first.other);
        let mut sum = Self { other, mu, a: 0.0, waits: Vec::with_capacity(parts.len()) };
        for (requests, response) in parts {
            let calm = response.calm()?;
            // Bits, since only the same number gives the same exponential.
            let alike =
                calm.mu.to_bits() == mu.to_bits() && response.other.to_bits() == other.to_bits();
            if !alike {
                return None;
            }
            sum.a += requests * calm.a;
            sum.waits.push((requests * calm.b, calm.theta));
        }
        Some(sum)
    }

    /// The tail and density at `t`; `None` below the constant part.
    fn tail_and_density(&self, t: f64) -> Option<(f64, f64)> {
        let t = t - self.other;
        if t < 0.0 {
            return None;
        }
        let x = self.a * libm::exp(-self.mu * t);
        Some(self.waits.iter().fold((x, x * self.mu), |(tail, density), (b, theta)| {
            let y = b * libm::exp(-theta * t);
            (tail + y, density + y * theta)
        }))
    }
}

impl<'a> ResponseMixture<'a> {
    /// Of segments, each with the micro-requests it served; `None` if none served any.
    pub fn new(segments: &'a [(u128, ResponseTime)]) -> Option<Self> {
        let used = segments.iter().filter(|(served, _)| 0 < *served);
        let parts: Vec<_> = used.map(|(served, response)| (to_f64(*served), response)).collect();
        let served = parts.iter().map(|(served, _)| served).sum();
        let calm = CalmSum::of(&parts);
        (!parts.is_empty()).then_some(Self { parts, served, calm })
    }

    /// Micro-requests.
    pub fn served(&self) -> f64 {
        self.served
    }

    /// The mean in seconds.
    pub fn mean_seconds(&self) -> f64 {
        self.mean(ResponseTime::mean_seconds)
    }

    /// The mean in seconds as if no time-out cut it off: a time of the distribution's size.
    pub fn unbounded_mean(&self) -> f64 {
        self.mean(ResponseTime::unbounded_mean)
    }

    fn mean(&self, of: impl Fn(&ResponseTime) -> f64) -> f64 {
        self.parts.iter().map(|(part, it)| part * of(it)).sum::<f64>() / self.served
    }

    /// The `p`-quantile to a relative error below 1e-6; `p` is taken as within `[0, 1 − 1e-9]`. A `guess` in
    /// seconds near to it, such as that of the minute before, saves half of the work.
    pub fn quantile(&self, p: f64, guess: Option<f64>) -> SimDuration {
        let sums = |t: f64| {
            let calm = self.calm.as_ref().and_then(|calm| calm.tail_and_density(t));
            calm.unwrap_or_else(|| {
                self.parts.iter().fold((0.0, 0.0), |(tail, density), (part, it)| {
                    let (p, d) = it.tail_and_density(t);
                    (tail + part * p, density + part * d)
                })
            })
        };
        let weighted = |t: f64| {
            let (tail, density) = sums(t);
            (tail / self.served, density / self.served)
        };
        let responses = || self.parts.iter().map(|(_, response)| response);
        let low = responses().map(|it| it.shortest()).fold(f64::INFINITY, f64::min);
        let mean = responses().map(|it| it.unbounded_mean()).fold(0.0, f64::max);
        let longest = responses().map(|it| it.longest).fold(0.0, f64::max);
        let above = (1.0 - p).clamp(1e-9, 1.0);
        let guess = guess.unwrap_or(mean);
        let quantile = solve(weighted, mean, above, low, guess, TOLERANCE).min(longest);
        SimDuration::from_secs_f64(quantile)
    }
}

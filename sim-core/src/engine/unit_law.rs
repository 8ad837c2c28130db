//! Non-negative variates of mean 1, by index.

use super::streams::{Stream, StreamKey};
use super::variates::{self, HyperExponential};

/// A law of non-negative variates with mean 1, named by its squared coefficient of variation.
///
/// Variate `index` of a stream depends on nothing but the stream's key and the index.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum UnitLaw {
    /// Always 1.
    Deterministic,
    /// Exponential.
    Exponential,
    /// Lognormal with the parameters of the underlying normal.
    LogNormal {
        /// Mean of the logarithm.
        mu: f64,
        /// Standard deviation of the logarithm.
        sigma: f64,
    },
    /// Hyperexponential with balanced means.
    HyperExponential(HyperExponential),
    /// Gamma; Erlang if the shape is whole.
    Gamma {
        /// Shape, the inverse of the squared coefficient of variation.
        shape: f64,
    },
}

impl UnitLaw {
    /// Lognormal; `None` unless `squared_cv` is positive.
    pub fn lognormal(squared_cv: f64) -> Option<Self> {
        if !positive(squared_cv) {
            return None;
        }
        let (mu, sigma) = variates::lognormal_from_mean_cv(1.0, libm::sqrt(squared_cv));
        Some(Self::LogNormal { mu, sigma })
    }

    /// Hyperexponential with balanced means; `None` unless `squared_cv` is at least 1.
    pub fn hyperexponential(squared_cv: f64) -> Option<Self> {
        HyperExponential::new(1.0, squared_cv).map(Self::HyperExponential)
    }

    /// Gamma; `None` unless `squared_cv` is positive.
    pub fn gamma(squared_cv: f64) -> Option<Self> {
        positive(squared_cv).then(|| Self::Gamma { shape: 1.0 / squared_cv })
    }

    /// The customary law of a given variability: deterministic, gamma, exponential or
    /// hyperexponential for a squared coefficient of variation of 0, below 1, 1 and above 1.
    pub fn of_squared_cv(squared_cv: f64) -> Option<Self> {
        if squared_cv.abs() < f64::MIN_POSITIVE {
            Some(Self::Deterministic)
        } else if (squared_cv - 1.0).abs() < 1e-12 {
            Some(Self::Exponential)
        } else if squared_cv < 1.0 {
            Self::gamma(squared_cv)
        } else {
            Self::hyperexponential(squared_cv)
        }
    }

    /// Squared coefficient of variation.
    pub fn squared_cv(&self) -> f64 {
        match *self {
            Self::Deterministic => 0.0,
            Self::Exponential => 1.0,
            Self::LogNormal { sigma, .. } => libm::expm1(sigma * sigma),
            Self::HyperExponential(law) => {
                let [fast, slow] = law.rates;
                2.0 * (law.p / (fast * fast) + (1.0 - law.p) / (slow * slow)) - 1.0
            }
            Self::Gamma { shape } => 1.0 / shape,
        }
    }

    /// Variate `index` of the stream of `key`.
    #[inline]
    pub fn sample(&self, key: StreamKey, index: u64) -> f64 {
        match self {
            Self::Deterministic => 1.0,
            // Half the cost of `log1p(-u)`, which would keep more digits of variates near zero: here
            // they end at 2^-53 of the mean.
            Self::Exponential => -libm::log(variates::uniform_open(key.at(index))),
            Self::LogNormal { mu, sigma } => variates::lognormal(key.at(index), *mu, *sigma),
            Self::HyperExponential(law) => {
                let first = index.wrapping_mul(2);
                law.sample(key.at(first), key.at(first.wrapping_add(1)))
            }
            Self::Gamma { shape } => {
                // Rejection uses a varying number of draws: each index has a stream of its own.
                gamma(&mut Stream::from_seed(key.at(index)), *shape) / shape
            }
        }
    }
}

fn positive(value: f64) -> bool {
    value.is_finite() && 0.0 < value
}

/// A gamma variate of scale 1 by the method of Marsaglia and Tsang (ACM TOMS 26, 2000).
fn gamma(stream: &mut Stream, shape: f64) -> f64 {
    if shape < 1.0 {
        // G(a) = G(a + 1)·U^(1/a).
        let u = variates::uniform_open(stream.next_u64());
        return gamma(stream, shape + 1.0) * libm::pow(u, 1.0 / shape);
    }
    let middle = shape - 1.0 / 3.0;
    let slope = 1.0 / libm::sqrt(9.0 * middle);
    loop {
        let normal = variates::standard_normal(stream.next_u64());
        let root = 1.0 + slope * normal;
        let cube = root * root * root;
        let log_u = libm::log(variates::uniform_open(stream.next_u64()));
        let bound = 0.5 * normal * normal + middle * (1.0 - cube + libm::log(cube));
        if 0.0 < cube && log_u < bound {
            return middle * cube;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::Moments;

    #[test]
    fn laws_have_mean_one_and_the_variability_they_are_named_by() {
        let squared = [0.25, 0.5, 2.0, 4.0];
        let mut laws: Vec<UnitLaw> = vec![UnitLaw::Deterministic, UnitLaw::Exponential];
        laws.extend(squared.iter().filter_map(|&c2| UnitLaw::lognormal(c2)));
        laws.extend(squared.iter().filter_map(|&c2| UnitLaw::gamma(c2)));
        laws.extend(squared.iter().filter_map(|&c2| UnitLaw::hyperexponential(c2)));
        assert_eq!(laws.len(), 2 + 4 + 4 + 2);
        for (entity, law) in (0..).zip(laws) {
            let key = StreamKey::new(5, 0, "unit-law", entity);
            let mut moments = Moments::default();
            for index in 0..200_000 {
                moments.add(law.sample(key, index));
            }
            let spread = libm::sqrt(law.squared_cv());
            let error = (moments.mean() - 1.0).abs();
            assert!(error <= 5.0 * spread / libm::sqrt(200_000.0) + 1e-12, "{law:?} {error}");
            let deviation = moments.standard_deviation().expect("many");
            assert!((deviation - spread).abs() <= 0.04 * spread, "{law:?} {deviation} {spread}");
        }
    }

    #[test]
    fn variability_chooses_the_customary_law() {
        assert_eq!(UnitLaw::of_squared_cv(0.0), Some(UnitLaw::Deterministic));
        assert_eq!(UnitLaw::of_squared_cv(1.0), Some(UnitLaw::Exponential));
        assert_eq!(UnitLaw::of_squared_cv(0.25), Some(UnitLaw::Gamma { shape: 4.0 }));
        let bursty = UnitLaw::of_squared_cv(4.0).expect("a law");
        assert!((bursty.squared_cv() - 4.0).abs() < 1e-12);
        for bad in [-1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(UnitLaw::of_squared_cv(bad), None);
        }
    }

    /// The generator of the reference's tables: p and rates for squared coefficients 2, 4 and 10.
    #[test]
    fn tv_6_5_h2_generator() {
        for (squared_cv, p, fast, slow) in [
            (2.0, 0.788_675, 1.577_350, 0.422_650),
            (4.0, 0.887_298, 1.774_597, 0.225_403),
            (10.0, 0.952_267, 1.904_534, 0.095_466),
        ] {
            let Some(UnitLaw::HyperExponential(law)) = UnitLaw::hyperexponential(squared_cv) else {
                panic!("a law");
            };
            assert!((law.p - p).abs() < 5.1e-7);
            assert!((law.rates[0] - fast).abs() < 1.01e-6);
            assert!((law.rates[1] - slow).abs() < 1.01e-6);
        }
    }
}

//! Every variate against its distribution function and against `rand_distr`, by Kolmogorov–Smirnov.
//!
//! Seeds are fixed, so that a test cannot flake; the level of 1e-6 leaves room for a hundred of them.

use std::sync::Arc;

use plimsoll_core::engine::{DurationDistribution, StreamKey, variates};
use plimsoll_core::units::SimDuration;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand_distr::Distribution;

const N: usize = 10_000;
/// Critical distance of one sample of 10 000 at level 1e-6.
const ONE_SAMPLE: f64 = 0.026_915;
/// The same for two samples of 10 000: √2 times as much.
const TWO_SAMPLES: f64 = 0.038_064;

fn draws(purpose: &str, variate: impl Fn(u64) -> f64) -> Vec<f64> {
    let mut stream = StreamKey::new(7, 0, purpose, 0).rng();
    let mut values: Vec<f64> = (0..N).map(|_| variate(stream.next_u64())).collect();
    values.sort_by(f64::total_cmp);
    values
}

/// Largest distance between the empirical distribution of sorted values and a distribution function.
fn distance(sorted: &[f64], cdf: impl Fn(f64) -> f64) -> f64 {
    let n = sorted.len() as f64;
    let gap = |(index, &value): (usize, &f64)| {
        let p = cdf(value);
        (p - index as f64 / n).max((index + 1) as f64 / n - p)
    };
    sorted.iter().enumerate().map(gap).fold(0.0, f64::max)
}

/// Largest distance between two empirical distributions.
fn distance_of_samples(a: &[f64], b: &[f64]) -> f64 {
    let share = |sample: &[f64], value: f64| {
        sample.partition_point(|&other| other <= value) as f64 / sample.len() as f64
    };
    a.iter().chain(b).map(|&value| (share(a, value) - share(b, value)).abs()).fold(0.0, f64::max)
}

#[track_caller]
fn check(purpose: &str, variate: impl Fn(u64) -> f64, cdf: impl Fn(f64) -> f64) -> Vec<f64> {
    let values = draws(purpose, variate);
    let distance = distance(&values, cdf);
    assert!(distance < ONE_SAMPLE, "{purpose}: {distance}");
    values
}

#[track_caller]
fn check_against(values: &[f64], oracle: impl Distribution<f64>) {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(99);
    let mut other: Vec<f64> = (0..N).map(|_| oracle.sample(&mut rng)).collect();
    other.sort_by(f64::total_cmp);
    let distance = distance_of_samples(values, &other);
    assert!(distance < TWO_SAMPLES, "{distance}");
}

fn normal_cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z / std::f64::consts::SQRT_2)
}

fn seconds(distribution: DurationDistribution) -> impl Fn(u64) -> f64 {
    move |bits| distribution.sample(bits).as_secs_f64()
}

const fn secs(seconds: u64) -> SimDuration {
    SimDuration::from_secs(seconds)
}

#[test]
fn the_test_rejects_a_wrong_distribution() {
    // An error of 6 % in the mean of an exponential shows.
    let values = draws("power", |bits| variates::exponential(bits, 1.0));
    assert!(distance(&values, |x| -libm::expm1(-x / 1.08)) > ONE_SAMPLE);
    assert!(
        distance_of_samples(&values, &draws("power-2", |bits| variates::exponential(bits, 1.12)))
            > TWO_SAMPLES
    );
}

#[test]
fn uniforms() {
    check("uniform", variates::uniform, |x| x);
    check("uniform-open", variates::uniform_open, |x| x);
    let values = check(
        "uniform-duration",
        seconds(DurationDistribution::uniform(secs(10), secs(30)).unwrap()),
        |x| (x - 10.0) / 20.0,
    );
    check_against(&values, rand_distr::Uniform::new(10.0, 30.0).unwrap());
}

#[test]
fn exponentials() {
    check("exponential", |bits| variates::exponential(bits, 3.0), |x| -libm::expm1(-x / 3.0));
    let values = check(
        "exponential-duration",
        seconds(DurationDistribution::exponential(secs(90)).unwrap()),
        |x| -libm::expm1(-x / 90.0),
    );
    check_against(&values, rand_distr::Exp::new(1.0 / 90.0).unwrap());
}

#[test]
fn weibulls() {
    for shape in [0.5, 1.0, 2.5] {
        let values = check(
            "weibull",
            seconds(DurationDistribution::weibull(secs(40), shape).unwrap()),
            |x| -libm::expm1(-libm::pow(x / 40.0, shape)),
        );
        check_against(&values, rand_distr::Weibull::new(40.0, shape).unwrap());
    }
}

#[test]
fn paretos() {
    for shape in [0.8, 1.5, 3.0] {
        let values =
            check("pareto", seconds(DurationDistribution::pareto(secs(2), shape).unwrap()), |x| {
                1.0 - libm::pow(2.0 / x, shape)
            });
        check_against(&values, rand_distr::Pareto::new(2.0, shape).unwrap());
    }
}

#[test]
fn normals() {
    let values = check("normal", variates::standard_normal, normal_cdf);
    check_against(&values, rand_distr::StandardNormal);
}

#[test]
fn lognormals_from_mean_and_variation() {
    let (mu, sigma) = variates::lognormal_from_mean_cv(30.0, 0.5);
    let values = check(
        "lognormal-mean-cv",
        seconds(DurationDistribution::lognormal_mean_cv(secs(30), 0.5).unwrap()),
        |x| normal_cdf((libm::log(x) - mu) / sigma),
    );
    check_against(&values, rand_distr::LogNormal::from_mean_cv(30.0, 0.5).unwrap());
}

#[test]
fn lognormals_from_median_and_p95() {
    let distribution = DurationDistribution::lognormal_median_p95(secs(75), secs(120)).unwrap();
    let sigma = libm::log(120.0 / 75.0) / 1.644_853_626_951_472_2;
    let values = check("lognormal-median-p95", seconds(distribution), |x| {
        normal_cdf((libm::log(x) - libm::log(75.0)) / sigma)
    });
    check_against(&values, rand_distr::LogNormal::new(libm::log(75.0), sigma).unwrap());
    // The two given quantiles are hit: 50 % and 95 % within the distance allowed above.
    let below = |limit: f64| values.partition_point(|&value| value <= limit) as f64 / N as f64;
    assert!((below(75.0) - 0.5).abs() < ONE_SAMPLE);
    assert!((below(120.0) - 0.95).abs() < ONE_SAMPLE);
}

#[test]
fn hyperexponentials() {
    let distribution = variates::HyperExponential::new(1.0, 4.0).unwrap();
    let mut branches = StreamKey::new(7, 0, "branch", 0).rng();
    let branch_bits = std::cell::RefCell::new(move || branches.next_u64());
    let variate = |bits| distribution.sample((branch_bits.borrow_mut())(), bits);
    let [fast, slow] = distribution.rates;
    check("hyperexponential", variate, |x| {
        1.0 - distribution.p * libm::exp(-fast * x) - (1.0 - distribution.p) * libm::exp(-slow * x)
    });
}

#[test]
fn empirical_values_come_equally_often() {
    let values: Arc<[SimDuration]> = (1..=8).map(secs).collect();
    let drawn = draws("empirical", seconds(DurationDistribution::Empirical(values)));
    for value in 1..=8 {
        let count = drawn.iter().filter(|drawn| (**drawn - f64::from(value)).abs() < 1e-9).count();
        // Binomial(10 000, 1/8): a standard deviation of 33, times five.
        assert!(count.abs_diff(1_250) < 165, "{value}: {count}");
    }
}

#[test]
fn weights_are_respected() {
    let weights = variates::DiscreteWeights::new(&[1, 0, 3, 6]).unwrap();
    let drawn = draws("weights", |bits| weights.sample(bits) as f64);
    for (item, expected) in [(0, 1_000_usize), (1, 0), (2, 3_000), (3, 6_000)] {
        let count = drawn.iter().filter(|drawn| **drawn as i32 == item).count();
        assert!(count.abs_diff(expected) <= 245.min(expected), "{item}: {count}");
    }
}

#[test]
fn bounded_integers_are_uniform() {
    check("below", |bits| variates::below(bits, 1 << 40) as f64, |x| x / (1_u64 << 40) as f64);
}

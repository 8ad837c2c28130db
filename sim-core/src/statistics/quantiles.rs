//! Distribution-free intervals for a quantile of independent observations.

/// Ranks (from 1) of the order statistics that enclose a quantile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OrderStatistics {
    /// Rank of the lower end; `None` if there are too few observations for one.
    pub lower: Option<usize>,
    /// Rank of the upper end; `None` if there are too few observations for one.
    pub upper: Option<usize>,
    /// Probability that the quantile lies between them, for a continuous distribution.
    pub coverage: f64,
}

/// Which of `n` sorted independent observations enclose the `p` quantile with confidence `level`.
/// `None` unless `p` and `level` lie strictly between 0 and 1 and `n` > 0.
///
/// The number of observations below the quantile is binomial; each end gets half of the error.
pub fn quantile_interval(n: usize, p: f64, level: f64) -> Option<OrderStatistics> {
    let inside = |value: f64| value > 0.0 && value < 1.0;
    if n == 0 || !inside(p) || !inside(level) {
        return None;
    }
    let half_error = (1.0 - level) / 2.0;
    // below = P(B < rank), kept for the two ranks found.
    let (mut lower, mut below_lower) = (None, 0.0);
    let mut below = 0.0;
    for rank in 1..=n {
        below += binomial_probability(n, p, rank - 1);
        if below <= half_error {
            (lower, below_lower) = (Some(rank), below);
        }
        if below >= 1.0 - half_error {
            return Some(OrderStatistics {
                lower,
                upper: Some(rank),
                coverage: below - below_lower,
            });
        }
    }
    Some(OrderStatistics { lower, upper: None, coverage: 1.0 - below_lower })
}

/// Fewest independent observations whose maximum exceeds the `p` quantile with confidence `level`;
/// with fewer, the quantile has no upper bound at all. `None` unless both lie strictly between 0 and 1.
pub fn observations_for_upper_bound(p: f64, level: f64) -> Option<u64> {
    let inside = |value: f64| value > 0.0 && value < 1.0;
    let ratio = libm::log1p(-level) / libm::log(p);
    (inside(p) && inside(level)).then(|| libm::ceil(ratio) as u64)
}

fn binomial_probability(n: usize, p: f64, k: usize) -> f64 {
    let (n, k) = (n as f64, k as f64);
    let log_ways = libm::lgamma(n + 1.0) - libm::lgamma(k + 1.0) - libm::lgamma(n - k + 1.0);
    libm::exp(log_ways + k * libm::log(p) + (n - k) * libm::log1p(-p))
}

#[cfg(test)]
mod tests {
    use super::super::tests::close;
    use super::*;

    #[test]
    fn tv_29_order_statistics() {
        for (n, p, lower, upper, coverage) in [
            (100, 0.5, 40, 61, 0.9648),
            (1_000, 0.95, 936, 964, 0.9581),
            (1_000, 0.99, 983, 997, 0.9761),
            (10_000, 0.99, 9_880, 9_920, 0.9558),
            (10_000, 0.999, 9_983, 9_997, 0.9755),
        ] {
            let interval = quantile_interval(n, p, 0.95).unwrap();
            assert_eq!((interval.lower, interval.upper), (Some(lower), Some(upper)), "{n} {p}");
            close(interval.coverage, coverage, 5.1e-5);
        }
        let unbounded = quantile_interval(200, 0.99, 0.95).unwrap();
        assert_eq!((unbounded.lower, unbounded.upper), (Some(195), None));
    }

    #[test]
    fn tv_29_observations_for_an_upper_bound() {
        for (p, n) in [(0.5, 5), (0.9, 29), (0.95, 59), (0.99, 299), (0.999, 2995)] {
            assert_eq!(observations_for_upper_bound(p, 0.95), Some(n));
        }
    }

    #[test]
    fn a_quantile_at_an_end_or_no_data_has_no_interval() {
        assert_eq!(quantile_interval(0, 0.5, 0.95), None);
        assert_eq!(quantile_interval(10, 1.0, 0.95), None);
        assert_eq!(observations_for_upper_bound(0.0, 0.95), None);
        let few = quantile_interval(3, 0.5, 0.95).unwrap();
        assert_eq!((few.lower, few.upper), (None, None));
    }
}

//! Student's t distribution.

/// `P(|T| > t)` for Student's t with `degrees` degrees of freedom (not necessarily whole): the
/// two-sided p-value of a statistic `t`. 1 for NaN.
pub fn student_t_tail(t: f64, degrees: f64) -> f64 {
    if t.is_nan() || degrees.is_nan() || degrees <= 0.0 {
        return 1.0;
    }
    if t.is_infinite() {
        return 0.0;
    }
    let squared = t * t;
    let x = degrees / (degrees + squared);
    incomplete_beta(degrees / 2.0, 0.5, x, squared / (degrees + squared)).clamp(0.0, 1.0)
}

/// Quantile of Student's t with `degrees` degrees of freedom (not necessarily whole); `None` unless
/// 0 < `p` < 1 and `degrees` is positive.
pub fn student_t_quantile(p: f64, degrees: f64) -> Option<f64> {
    if !(p > 0.0 && p < 1.0 && degrees > 0.0 && degrees.is_finite()) {
        return None;
    }
    let tail = 2.0 * p.min(1.0 - p);
    let (mut low, mut high) = (0.0_f64, 1.0_f64);
    while student_t_tail(high, degrees) > tail && high < 1e300 {
        low = high;
        high *= 2.0;
    }
    // Bisection down to neighbouring numbers: slower than Newton by microseconds, and it cannot fail.
    loop {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            break;
        }
        if student_t_tail(middle, degrees) > tail { low = middle } else { high = middle }
    }
    Some(if p < 0.5 { -low } else { low })
}

/// Regularized incomplete beta function `I_x(a, b)`; `y` is `1 − x`, given apart so that neither
/// loses digits.
fn incomplete_beta(a: f64, b: f64, x: f64, y: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if y <= 0.0 {
        return 1.0;
    }
    let log_front = libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b)
        + a * libm::log(x)
        + b * libm::log(y);
    let front = libm::exp(log_front);
    // The continued fraction converges fast on this side of the mean; the other side mirrors it.
    if x < (a + 1.0) / (a + b + 2.0) {
        front * beta_fraction(a, b, x) / a
    } else {
        1.0 - front * beta_fraction(b, a, y) / b
    }
}

/// The continued fraction of the incomplete beta function, by Lentz's method.
fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    let nonzero = |value: f64| {
        if libm::fabs(value) < 1e-300 { 1e-300 } else { value }
    };
    let mut above = 1.0;
    let mut below = 1.0 / nonzero(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = below;
    for step in 1..=10_000 {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut change = 1.0;
        for term in [even, odd] {
            below = 1.0 / nonzero(1.0 + term * below);
            above = nonzero(1.0 + term / above);
            change = above * below;
            fraction *= change;
        }
        if libm::fabs(change - 1.0) < 1e-16 {
            break;
        }
    }
    fraction
}

#[cfg(test)]
mod tests {
    use super::super::tests::close;
    use super::*;

    #[test]
    fn tv_22_student_t_quantiles() {
        for (n, expected) in [
            (2, 12.706_205),
            (3, 4.302_653),
            (5, 2.776_445),
            (10, 2.262_157),
            (11, 2.228_139),
            (20, 2.093_024),
            (30, 2.045_230),
            (50, 2.009_575),
            (101, 1.983_972),
        ] {
            close(student_t_quantile(0.975, f64::from(n - 1)).unwrap(), expected, 5.1e-7);
        }
        for (n, expected) in [(5, 4.604_095), (10, 3.249_836), (20, 2.860_935), (30, 2.756_386)] {
            close(student_t_quantile(0.995, f64::from(n - 1)).unwrap(), expected, 5.1e-7);
        }
    }

    #[test]
    fn tv_24_bonferroni_quantiles() {
        for (m, expected) in [
            (2.0, 2.685_011),
            (3.0, 2.933_324),
            (4.0, 3.110_935),
            (10.0, 3.689_662),
            (9.0, 3.621_868),
            (45.0, 4.705_767),
        ] {
            close(student_t_quantile(1.0 - 0.05 / m / 2.0, 9.0).unwrap(), expected, 5.1e-7);
        }
    }

    #[test]
    fn tv_24_subset_quantiles() {
        for (k, n, expected) in [(5, 20, 2.424_278), (10, 20, 2.802_319), (5, 10, 2.673_333)] {
            let p = libm::pow(0.95, 1.0 / f64::from(k - 1));
            close(student_t_quantile(p, f64::from(n - 1)).unwrap(), expected, 5.1e-7);
        }
    }

    #[test]
    fn one_degree_of_freedom_is_the_cauchy_distribution() {
        for t in [0.1, 1.0, 7.5, 1000.0] {
            let exact = 1.0 - 2.0 / std::f64::consts::PI * libm::atan(t);
            close(student_t_tail(t, 1.0), exact, 1e-14);
        }
    }

    #[test]
    fn two_degrees_of_freedom_have_a_closed_form() {
        for t in [0.01, 0.5, 2.0, 40.0] {
            close(student_t_tail(t, 2.0), 1.0 - t / libm::sqrt(2.0 + t * t), 1e-14);
        }
    }

    #[test]
    fn quantiles_are_symmetric_and_tend_to_the_normal() {
        assert!(
            (student_t_quantile(0.2, 7.0).unwrap() + student_t_quantile(0.8, 7.0).unwrap()).abs()
                < 1e-12
        );
        let normal = crate::engine::normal_quantile(0.975);
        close(student_t_quantile(0.975, 1e7).unwrap(), normal, 1e-6);
        close(student_t_quantile(0.5, 3.0).unwrap(), 0.0, 1e-15);
        assert_eq!(student_t_quantile(1.0, 3.0), None);
        assert_eq!(student_t_quantile(f64::NAN, 3.0), None);
    }
}

//! Exact integrals of integer quantities over time, and their ratios.

use crate::units::to_f64;

/// `∫ value dt` in value·ns from time zero, and the largest value seen.
pub(super) use crate::statistics::TimeWeighted as Integral;

/// `part / whole`, `None` if the whole is zero.
pub(super) fn ratio(part: u128, whole: u128) -> Option<f64> {
    (whole > 0).then(|| to_f64(part) / to_f64(whole))
}

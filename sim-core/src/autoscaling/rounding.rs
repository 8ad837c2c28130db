//! Rounding of computed capacities, guarded against the last bits of a quotient.

/// Slack below which a quotient counts as the whole number it stands for. `10 * 150 / 100` may come
/// out a few bits above 15 and must not become 16.
const GUARD: f64 = 1e-9;

/// `ceil(x − 1e-9)` as a capacity. Negative and undefined values become zero, huge ones saturate.
pub(super) fn ceil_e(x: f64) -> u32 {
    libm::ceil(x - GUARD) as u32
}

/// `floor(x + 1e-9)` as a capacity.
pub(super) fn floor_e(x: f64) -> u32 {
    libm::floor(x + GUARD) as u32
}

/// `value` within `[min, max]`; `max` wins if the bounds cross, where `Ord::clamp` would panic.
pub(super) fn clamp(value: u32, min: u32, max: u32) -> u32 {
    value.max(min).min(max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotients_a_few_bits_off_round_to_the_whole_number() {
        let above = 0.1 * 3.0 / 0.3 * 100.0;
        assert!(above > 100.0, "the premise: the quotient is too large in binary");
        assert_eq!(ceil_e(above), 100);
        assert_eq!(ceil_e(2.001), 3);
    }

    #[test]
    fn no_input_wraps() {
        assert_eq!(ceil_e(f64::NAN), 0);
        assert_eq!(ceil_e(-5.0), 0);
        assert_eq!(ceil_e(f64::INFINITY), u32::MAX);
        assert_eq!(clamp(5, 9, 3), 3);
    }
}

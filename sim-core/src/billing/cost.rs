//! Exact money: a price times a quantity, rounded once, on output.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign};

use super::capacity_units::LCU_HOUR_PARTS;

const SECONDS_PER_HOUR: u128 = 3600;
/// AWS's convention for prices per month.
const HOURS_PER_MONTH: u128 = 730;
/// CPU units in a vCPU, MiB in a GB.
const BINARY_THOUSAND: u128 = 1024;

/// Parts of 1e-10 USD in which costs are counted: 2^30 · 3^3 · 5^7 · 73, a multiple of the denominator
/// of every [`Unit`], so that no division ever leaves a remainder.
const PARTS: i128 = LCU_HOUR_PARTS as i128 * 73;

/// What a price is per, and in what it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unit {
    /// Hours of an instance or a load balancer, counted in seconds.
    Hours,
    /// vCPU-hours, counted in CPU units × seconds.
    VcpuHours,
    /// GB-hours of memory or ephemeral storage, counted in MiB × seconds.
    GbHours,
    /// GB-months of 730 hours, counted in GiB × seconds.
    GbMonths,
    /// Load balancer capacity units × hours, counted in
    /// [`CapacityUnit::PARTS_PER_UNIT_HOUR`](super::CapacityUnit::PARTS_PER_UNIT_HOUR).
    LcuHours,
}

impl Unit {
    /// Name in output files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hours => "Hours",
            Self::VcpuHours => "vCPU-Hours",
            Self::GbHours => "GB-Hours",
            Self::GbMonths => "GB-Months",
            Self::LcuHours => "LCU-Hours",
        }
    }

    /// Counts in one unit.
    pub const fn denominator(self) -> u128 {
        match self {
            Self::Hours => SECONDS_PER_HOUR,
            Self::VcpuHours | Self::GbHours => BINARY_THOUSAND * SECONDS_PER_HOUR,
            Self::GbMonths => HOURS_PER_MONTH * SECONDS_PER_HOUR,
            Self::LcuHours => LCU_HOUR_PARTS,
        }
    }
}

/// An exact quantity: `count` / [`Unit::denominator`] units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quantity {
    /// The numerator.
    pub count: u128,
    /// The unit, which fixes the denominator.
    pub unit: Unit,
}

impl Quantity {
    /// The quantity in its unit, in decimals: exact if twelve decimals hold it, else rounded half to
    /// even to twelve. (A third of an hour has no exact decimal; [`consumed`](Self::consumed) has.)
    pub fn decimal(self) -> String {
        decimal(self.count, self.unit.denominator(), 12)
    }

    /// The quantity in seconds, exactly: a decimal and its unit. Capacity units of load balancers have
    /// no such form; they are given in LCU-hours as in [`decimal`](Self::decimal).
    pub fn consumed(self) -> (String, &'static str) {
        match self.unit {
            Unit::Hours => (self.count.to_string(), "Seconds"),
            // 1/1024 has ten decimals.
            Unit::VcpuHours => (decimal(self.count, BINARY_THOUSAND, 10), "vCPU-Seconds"),
            Unit::GbHours => (decimal(self.count, BINARY_THOUSAND, 10), "GB-Seconds"),
            Unit::GbMonths => (self.count.to_string(), "GB-Seconds"),
            Unit::LcuHours => (self.decimal(), self.unit.name()),
        }
    }
}

/// `numerator / denominator` with at most `places` decimals, rounded half to even, without trailing
/// zeros.
fn decimal(numerator: u128, denominator: u128, places: u32) -> String {
    let scale = 10_u128.pow(places);
    let (whole, rest) = (numerator / denominator, numerator % denominator);
    // The remainder is below 1e14 and the scale 1e12: no overflow.
    let fraction = round_half_even(rest * scale, denominator);
    let (whole, fraction) = if fraction == scale { (whole + 1, 0) } else { (whole, fraction) };
    if fraction == 0 {
        return whole.to_string();
    }
    let text = format!("{whole}.{fraction:0places$}", places = places as usize);
    text.trim_end_matches('0').to_owned()
}

fn round_half_even(numerator: u128, denominator: u128) -> u128 {
    let (quotient, rest) = (numerator / denominator, numerator % denominator);
    let up = match (rest * 2).cmp(&denominator) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Equal => quotient % 2 == 1,
        std::cmp::Ordering::Greater => true,
    };
    quotient + u128::from(up)
}

/// An exact, non-negative amount of money.
///
/// Sums are associative and do not depend on order. Counted in 1e-10 USD / 1.65e17, an `i128` holds
/// about 1e11 USD; sums beyond that, which no cluster reaches, saturate.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cost(i128);

impl Cost {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// `quantity` at `unit_price` (in 1e-10 USD per unit of the quantity).
    pub fn of(unit_price: u64, quantity: Quantity) -> Self {
        let parts = PARTS / quantity.unit.denominator() as i128;
        let count = i128::try_from(quantity.count).unwrap_or(i128::MAX);
        Self((i128::from(unit_price) * parts).saturating_mul(count))
    }

    /// The amount in 1e-10 USD, rounded half to even.
    pub fn to_ten_billionths(self) -> i128 {
        // Never negative: prices and counts are unsigned.
        round_half_even(self.0.unsigned_abs(), PARTS.unsigned_abs()) as i128
    }

    /// Whether the amount is exactly `numerator / denominator` USD.
    pub fn is_exactly(self, numerator: u64, denominator: u64) -> bool {
        let scaled = i128::from(numerator).checked_mul(PARTS * 10_000_000_000);
        scaled.is_some() && self.0.checked_mul(i128::from(denominator)) == scaled
    }
}

impl fmt::Debug for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cost({} + {}/{PARTS} e-10 USD)", self.0 / PARTS, self.0 % PARTS)
    }
}

impl Add for Cost {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Cost {
    fn sum<I: Iterator<Item = Self>>(costs: I) -> Self {
        costs.fold(Self::ZERO, Add::add)
    }
}

/// `amount` (in 1e-10 USD) as a decimal in USD with two to ten decimals, for example `0.05` or
/// `1.2345678901`. No digit is lost.
pub fn format_usd(amount: i128) -> String {
    let unit = 10_000_000_000;
    let (whole, fraction) = (amount.unsigned_abs() / unit, amount.unsigned_abs() % unit);
    let sign = if amount < 0 { "-" } else { "" };
    let fraction = format!("{fraction:010}");
    let kept = fraction.trim_end_matches('0').len().max(2);
    format!("{sign}{whole}.{}", &fraction[..kept])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::HourlyRate;

    #[test]
    fn every_unit_divides_the_parts() {
        for unit in [Unit::Hours, Unit::VcpuHours, Unit::GbHours, Unit::GbMonths, Unit::LcuHours] {
            assert_eq!(PARTS.unsigned_abs() % unit.denominator(), 0, "{unit:?}");
        }
    }

    /// `simulation-method.md` 1.8: 0.004445 USD/h for 1, 60, 61 and 3600 s.
    #[test]
    fn method_1_8_seconds_round_once_on_output() {
        let rate = HourlyRate::parse("0.004445").expect("a price").as_ten_billionths();
        for (seconds, unit_seconds, expected) in [
            (1, 44_450_000, 12_347),
            (60, 2_667_000_000, 740_833),
            (61, 2_711_450_000, 753_181),
            (3600, 160_020_000_000, 44_450_000),
        ] {
            assert_eq!(u128::from(rate) * seconds, unit_seconds);
            let quantity = Quantity { count: seconds, unit: Unit::Hours };
            assert_eq!(Cost::of(rate, quantity).to_ten_billionths(), expected, "{seconds} s");
        }
    }

    #[test]
    fn sums_of_seconds_equal_the_hour() {
        let second = Cost::of(44_450_000, Quantity { count: 1, unit: Unit::Hours });
        let hour: Cost = std::iter::repeat_n(second, 3600).sum();
        assert_eq!(hour, Cost::of(44_450_000, Quantity { count: 3600, unit: Unit::Hours }));
        assert_eq!(hour.to_ten_billionths(), 44_450_000);
    }

    #[test]
    fn rounds_half_to_even() {
        let half = |count| Cost::of(1, Quantity { count, unit: Unit::Hours }).to_ten_billionths();
        assert_eq!([1799, 1800, 1801].map(half), [0, 0, 1]);
        assert_eq!([5399, 5400, 5401].map(half), [1, 2, 2]);
        assert_eq!([9000, 9001].map(half), [2, 3]);
    }

    #[test]
    fn the_largest_year_of_the_method_fits() {
        // 1e5 instances at 40 USD/h for one year.
        let count = 100_000 * 8760 * 3600;
        let year = Cost::of(400_000_000_000, Quantity { count, unit: Unit::Hours });
        assert!(year.is_exactly(40 * 100_000 * 8760, 1));
    }

    #[test]
    fn quantities_print_exactly_or_to_twelve_decimals() {
        let quantity = |count, unit| Quantity { count, unit };
        assert_eq!(quantity(5400, Unit::Hours).decimal(), "1.5");
        assert_eq!(quantity(1200, Unit::Hours).decimal(), "0.333333333333");
        assert_eq!(quantity(2400, Unit::Hours).decimal(), "0.666666666667");
        assert_eq!(quantity(7200, Unit::Hours).decimal(), "2");
        let task = quantity(256 * 61, Unit::VcpuHours);
        assert_eq!(task.consumed(), ("15.25".to_owned(), "vCPU-Seconds"));
        assert_eq!(quantity(1, Unit::GbHours).consumed().0, "0.0009765625");
        assert_eq!(quantity(30 * 600, Unit::GbMonths).consumed().0, "18000");
        let carry = Quantity { count: LCU_HOUR_PARTS - 1, unit: Unit::LcuHours };
        assert_eq!(carry.decimal(), "1");
    }

    #[test]
    fn usd_has_two_to_ten_decimals() {
        for (amount, text) in [
            (0, "0.00"),
            (1, "0.0000000001"),
            (500_000_000, "0.05"),
            (10_000_000_000, "1.00"),
            (12_345_678_901, "1.2345678901"),
            (-12_300_000_000, "-1.23"),
        ] {
            assert_eq!(format_usd(amount), text);
        }
    }
}

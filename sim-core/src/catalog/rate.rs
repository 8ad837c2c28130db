//! Prices per unit, parsed exactly from decimal text.

use std::fmt;

/// Decimals that a price may have: the Price List publishes at most ten.
pub const PRICE_DECIMALS: u32 = 10;

/// Largest rate, 100 000 USD. It keeps every sum of a run inside 128 bits (see `billing`).
const MAX_TEN_BILLIONTHS: u64 = 100_000 * 10_u64.pow(PRICE_DECIMALS);

/// Why a text is not a price.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RateError {
    /// Not of the form `12` or `12.34`: digits, at most one point, no sign, no exponent.
    NotADecimal(String),
    /// More than ten decimals, which cannot be held exactly.
    TooManyDecimals(String),
    /// Above 100 000 USD.
    TooLarge(String),
}

impl fmt::Display for RateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotADecimal(text) => {
                write!(
                    f,
                    "`{text}` is not a price; write digits with at most one point, like `0.096`"
                )
            }
            Self::TooManyDecimals(text) => {
                write!(f, "`{text}` has more than {PRICE_DECIMALS} decimals")
            }
            Self::TooLarge(text) => write!(f, "`{text}` is above 100000 USD"),
        }
    }
}

impl std::error::Error for RateError {}

fn parse_ten_billionths(text: &str) -> Result<u64, RateError> {
    let (whole, fraction) = match text.split_once('.') {
        None => (text, "0"),
        Some(parts) => parts,
    };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return Err(RateError::NotADecimal(text.to_owned()));
    }
    let missing = (PRICE_DECIMALS as usize)
        .checked_sub(fraction.len())
        .ok_or_else(|| RateError::TooManyDecimals(text.to_owned()))?;
    let too_large = || RateError::TooLarge(text.to_owned());
    let mut value: u64 = 0;
    for digit in whole.bytes().chain(fraction.bytes()).chain(std::iter::repeat_n(b'0', missing)) {
        let shifted = value.checked_mul(10).ok_or_else(too_large)?;
        value = shifted.checked_add(u64::from(digit - b'0')).ok_or_else(too_large)?;
    }
    if value > MAX_TEN_BILLIONTHS {
        return Err(too_large());
    }
    Ok(value)
}

macro_rules! rates {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u64);

        impl $name {
            /// Reads a decimal such as `0.096` exactly, without a detour through binary fractions.
            pub fn parse(text: &str) -> Result<Self, RateError> {
                parse_ten_billionths(text).map(Self)
            }

            /// `count` × 1e-10 USD per unit; more than 100 000 USD counts as 100 000 USD.
            pub const fn from_ten_billionths(count: u64) -> Self {
                Self(if count > MAX_TEN_BILLIONTHS { MAX_TEN_BILLIONTHS } else { count })
            }

            /// The rate in 1e-10 USD per unit.
            pub const fn as_ten_billionths(self) -> u64 {
                self.0
            }

            /// `factor` times the rate, at most 100 000 USD.
            #[must_use]
            pub const fn times(self, factor: u32) -> Self {
                Self::from_ten_billionths(self.0.saturating_mul(factor as u64))
            }
        }

        impl fmt::Display for $name {
            /// The shortest decimal in USD, for example `0.096`.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let unit = 10_u64.pow(PRICE_DECIMALS);
                let text = format!("{}.{:010}", self.0 / unit, self.0 % unit);
                f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
            }
        }
    )*};
}

rates! {
    /// A price per hour of one unit (an instance, a vCPU, a GB): an integer count of 1e-10 USD.
    HourlyRate;
    /// A price per month of one unit (a GB of volume): an integer count of 1e-10 USD. A month counts
    /// 730 hours.
    MonthlyRate;
}

impl HourlyRate {
    /// Both rates together, at most 100 000 USD.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self::from_ten_billionths(self.0.saturating_add(other.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints_decimals_exactly() {
        for (text, count, printed) in [
            ("0.004445", 44_450_000, "0.004445"),
            ("0", 0, "0"),
            ("12", 120_000_000_000, "12"),
            ("007.10", 71_000_000_000, "7.1"),
            ("0.0000000001", 1, "0.0000000001"),
            ("0.1000000000", 1_000_000_000, "0.1"),
            ("100000", 1_000_000_000_000_000, "100000"),
        ] {
            let rate = HourlyRate::parse(text).expect(text);
            assert_eq!(rate.as_ten_billionths(), count, "{text}");
            assert_eq!(rate.to_string(), printed);
        }
    }

    #[test]
    fn refuses_what_it_cannot_hold_exactly() {
        for text in ["", ".", ".5", "1.", "-1", "+1", "1e-3", "1,5", " 1", "0.1.2", "٣"] {
            let error = RateError::NotADecimal(text.to_owned());
            assert_eq!(HourlyRate::parse(text), Err(error), "{text}");
        }
        let text = "0.00000000001";
        assert_eq!(HourlyRate::parse(text), Err(RateError::TooManyDecimals(text.to_owned())));
        for text in ["100000.0000000001", "99999999999999999999999"] {
            assert_eq!(HourlyRate::parse(text), Err(RateError::TooLarge(text.to_owned())));
        }
    }

    #[test]
    fn sums_and_multiples_stop_at_the_largest_rate() {
        let rate = HourlyRate::from_ten_billionths(u64::MAX);
        assert_eq!(rate.to_string(), "100000");
        assert_eq!(rate.times(2), rate);
        assert_eq!(rate.plus(rate), rate);
        assert_eq!(MonthlyRate::from_ten_billionths(8).times(3).as_ten_billionths(), 24);
    }
}

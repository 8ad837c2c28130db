//! Numbers, money and times as text: exact and locale-free in files, short and rounded for people.

use jiff::Timestamp;
use plimsoll_core::units::SimTime;

/// Units of money in one US dollar: amounts are counted in 1e-10 USD.
pub const USD_SCALE: i128 = 10_000_000_000;

/// Space between a number and its unit, at which no line is broken.
pub(crate) const GLUE: char = '\u{a0}';

/// A float in its shortest form that reads back to the same bits; negative zero becomes `0`, and what
/// is not finite is absent.
pub fn float(value: f64) -> Option<String> {
    let value = finite(value)?;
    Some(format!("{value}"))
}

/// `value` without negative zero; `None` if it is not finite.
pub fn finite(value: f64) -> Option<f64> {
    // Adding zero turns -0 into +0 and changes nothing else.
    value.is_finite().then_some(value + 0.0)
}

/// An amount in 1e-10 USD as an exact decimal with at least two places, for example `412.80`.
pub fn decimal(amount: i128) -> String {
    let sign = if amount < 0 { "-" } else { "" };
    let amount = amount.unsigned_abs();
    let scale = USD_SCALE.unsigned_abs();
    let mut places = format!("{:010}", amount % scale);
    while places.len() > 2 && places.ends_with('0') {
        places.pop();
    }
    format!("{sign}{}.{places}", amount / scale)
}

/// Reads what [`decimal`] wrote: 1e-10 USD, or `None` if `text` is not a decimal with at most ten
/// places.
pub fn parse_decimal(text: &str) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, places) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !all_digits(whole) || !all_digits(places) || places.len() > 10 {
        return None;
    }
    let whole: i128 = whole.parse().ok()?;
    let places: i128 = format!("{places:0<10}").parse().ok()?;
    let amount = whole.checked_mul(USD_SCALE)?.checked_add(places)?;
    Some(if negative { -amount } else { amount })
}

/// An amount in 1e-10 USD as a float in USD, for plots and ratios only.
pub fn usd_f64(amount: i128) -> f64 {
    amount as f64 / USD_SCALE as f64
}

/// Digits in groups of three, separated by a comma: `12,345`.
pub fn grouped(digits: &str) -> String {
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", digits),
    };
    let (whole, places) = match digits.find('.') {
        Some(point) => digits.split_at(point),
        None => (digits, ""),
    };
    let mut out = String::from(sign);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out + places
}

/// Money for people, from USD: cents above a dollar, three significant digits below.
pub fn usd(value: f64) -> String {
    let Some(value) = finite(value) else {
        return "–".to_owned();
    };
    let sign = if value < 0.0 { "−" } else { "" };
    let size = value.abs();
    let text = if size >= 100_000.0 {
        grouped(&format!("{size:.0}"))
    } else if !(1e-9..0.995).contains(&size) {
        grouped(&format!("{size:.2}"))
    } else {
        significant(size, 3)
    };
    format!("{sign}${text}")
}

/// Money for people, from 1e-10 USD.
pub fn usd_exact(amount: i128) -> String {
    usd(usd_f64(amount))
}

/// `value` with about `digits` significant digits, grouped, without trailing zeros after the point.
pub fn significant(value: f64, digits: usize) -> String {
    let Some(value) = finite(value) else {
        return "–".to_owned();
    };
    let size = value.abs();
    if size < 1e-12 {
        return "0".to_owned();
    }
    // The number of digits before the point, found without a logarithm so that every platform agrees.
    let mut before = 0_i32;
    let mut bound = 1.0;
    while size >= bound && before < 18 {
        bound *= 10.0;
        before += 1;
    }
    let mut bound = 0.1;
    while size < bound && before > -12 {
        bound /= 10.0;
        before -= 1;
    }
    let places = usize::try_from(digits as i32 - before).unwrap_or(0);
    let mut text = format!("{value:.places$}");
    if text.contains('.') {
        text = text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    grouped(&text).replace('-', "−")
}

/// A count of things for people: whole below ten million, then in millions or billions.
pub fn count(value: f64) -> String {
    let size = value.abs();
    if size >= 1e10 {
        format!("{}{GLUE}billion", significant(value / 1e9, 4))
    } else if size >= 1e7 {
        format!("{}{GLUE}million", significant(value / 1e6, 4))
    } else if size >= 100.0 {
        grouped(&format!("{value:.0}")).replace('-', "−")
    } else {
        significant(value, 3)
    }
}

/// A fraction as a percentage for people; small and nearly full ones keep their digits.
pub fn percent(fraction: f64) -> String {
    let Some(value) = finite(fraction * 100.0) else {
        return "–".to_owned();
    };
    let size = value.abs();
    let text = if size < 1e-9 {
        "0".to_owned()
    } else if size < 0.1 {
        significant(value, 2)
    } else if size < 10.0 || (size > 99.0 && size < 100.0) {
        // Rounding must never turn "almost always" into "always".
        let rounded = format!("{:.2}", (value * 100.0).floor() / 100.0);
        rounded.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        format!("{value:.0}")
    };
    format!("{}{GLUE}%", text.replace('-', "−"))
}

/// A length of time for people, from seconds.
pub fn duration(seconds: f64) -> String {
    let Some(value) = finite(seconds) else {
        return "–".to_owned();
    };
    if value.abs() < 0.9995 {
        format!("{}{GLUE}ms", significant(value * 1e3, 3))
    } else if value < 120.0 {
        format!("{}{GLUE}s", significant(value, 3))
    } else if value < 7_200.0 {
        format!("{}{GLUE}min", significant(value / 60.0, 3))
    } else if value < 172_800.0 {
        format!("{}{GLUE}h", significant(value / 3_600.0, 3))
    } else {
        format!("{}{GLUE}days", significant(value / 86_400.0, 3))
    }
}

/// Milliseconds for people.
pub fn millis(value: f64) -> String {
    if value < 10_000.0 {
        format!("{}{GLUE}ms", significant(value, 3))
    } else {
        duration(value / 1e3)
    }
}

/// The instant `at` of a run that began at `start_unix_seconds`, in RFC 3339, UTC.
pub fn rfc3339(start_unix_seconds: i64, at: SimTime) -> String {
    let nanos = i128::from(start_unix_seconds) * 1_000_000_000 + i128::from(at.as_nanos());
    instant_text(nanos)
}

/// Seconds since 1970 in RFC 3339, UTC.
pub fn rfc3339_seconds(unix_seconds: i64) -> String {
    instant_text(i128::from(unix_seconds) * 1_000_000_000)
}

fn instant_text(unix_nanos: i128) -> String {
    // Outside the calendar (year −9999 to 9999) the instant is clamped rather than lost.
    let clamp = if unix_nanos < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_nanosecond(unix_nanos).unwrap_or(clamp).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_short_and_never_odd() {
        assert_eq!(float(0.1).as_deref(), Some("0.1"));
        assert_eq!(float(-0.0).as_deref(), Some("0"));
        assert_eq!(float(f64::NAN), None);
        assert_eq!(float(f64::NEG_INFINITY), None);
    }

    #[test]
    fn decimals_are_exact_both_ways() {
        for amount in [0, 1, -1, 4_128_000_000_000, 10_000_000_000, 99, i128::from(i64::MAX)] {
            assert_eq!(parse_decimal(&decimal(amount)), Some(amount), "{amount}");
        }
        assert_eq!(decimal(4_128_000_000_000), "412.80");
        assert_eq!(decimal(-1), "-0.0000000001");
        assert_eq!(parse_decimal("7"), Some(7 * USD_SCALE));
        for bad in ["", "-", ".5", "1.", "1e5", "0.00000000001", "+1", "1.-5"] {
            assert_eq!(parse_decimal(bad), None, "{bad}");
        }
    }

    /// With plain spaces, so that the expected texts can be read.
    fn plain(text: &str) -> String {
        text.replace(GLUE, " ")
    }

    #[test]
    fn people_read_few_digits() {
        assert_eq!(usd(1_234.567), "$1,234.57");
        assert_eq!(usd(0.012_345), "$0.0123");
        assert_eq!(usd(0.0), "$0.00");
        assert_eq!(usd(-3.0), "−$3.00");
        assert_eq!(significant(0.000_123_45, 3), "0.000123");
        assert_eq!(significant(98.76, 3), "98.8");
        assert_eq!(count(1_234_567.0), "1,234,567");
        assert_eq!(plain(&count(12_345_678.0)), "12.35 million");
        assert_eq!(plain(&duration(0.25)), "250 ms");
        assert_eq!(plain(&duration(86_400.0)), "24 h");
        assert_eq!(plain(&duration(604_800.0)), "7 days");
    }

    #[test]
    fn percentages_do_not_round_to_certainty() {
        assert_eq!(plain(&percent(0.999_96)), "99.99 %");
        assert_eq!(plain(&percent(1.0)), "100 %");
        assert_eq!(plain(&percent(0.0)), "0 %");
        assert_eq!(plain(&percent(0.4849)), "48 %");
        assert_eq!(plain(&percent(0.000_012)), "0.0012 %");
    }

    #[test]
    fn instants_are_utc() {
        assert_eq!(
            rfc3339(1_772_409_600, SimTime::from_nanos(500_000_000)),
            "2026-03-02T00:00:00.5Z"
        );
        assert_eq!(rfc3339(0, SimTime::from_secs(60)), "1970-01-01T00:01:00Z");
    }
}

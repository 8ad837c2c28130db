//! Values that are more than text: versions, instants, numbers.

use std::cmp::Ordering;

/// Compares two versions component by component; a missing component is zero. `None` if one of
/// them is not digits separated by dots (a leading `v` is let pass).
pub(super) fn compare_versions(a: &str, b: &str) -> Option<Ordering> {
    if !is_version(a) || !is_version(b) {
        return None;
    }
    let mut left = components(a);
    let mut right = components(b);
    loop {
        let (l, r) = (left.next(), right.next());
        if l.is_none() && r.is_none() {
            return Some(Ordering::Equal);
        }
        let (l, r) = (l.unwrap_or(""), r.unwrap_or(""));
        // Without leading zeros the longer number is the larger one, however many digits it has.
        match (l.len(), l).cmp(&(r.len(), r)) {
            Ordering::Equal => {}
            unequal => return Some(unequal),
        }
    }
}

/// Whether `text` is a version: numbers separated by dots.
pub(super) fn is_version(text: &str) -> bool {
    let text = text.strip_prefix('v').unwrap_or(text);
    text.split('.').all(|it| !it.is_empty() && it.bytes().all(|digit| digit.is_ascii_digit()))
}

fn components(version: &str) -> impl Iterator<Item = &str> {
    version.strip_prefix('v').unwrap_or(version).split('.').map(|it| it.trim_start_matches('0'))
}

/// Seconds since 1970-01-01T00:00:00Z of an instant in one of the documented forms: a date, a date
/// and a time, the same with `Z` or with an offset such as `+00:00`. Without a zone it is UTC.
pub(super) fn parse_instant(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = bytes.get(from..to)?;
        let value = |sum: Option<i64>, digit: &u8| {
            digit.is_ascii_digit().then(|| sum.map(|sum| sum * 10 + i64::from(digit - b'0')))?
        };
        digits.iter().fold(Some(0), value)
    };
    let is = |at: usize, byte: u8| bytes.get(at) == Some(&byte);
    let within = |value: i64, from: i64, to: i64| (from..=to).contains(&value).then_some(value);

    let year = number(0, 4)?;
    let month = within(number(5, 7)?, 1, 12)?;
    let day = within(number(8, 10)?, 1, days_in_month(year, month))?;
    if !is(4, b'-') || !is(7, b'-') {
        return None;
    }
    let midnight = days_since_epoch(year, month, day) * 86_400;
    if bytes.len() == 10 {
        return Some(midnight);
    }
    if !is(10, b'T') || !is(13, b':') || !is(16, b':') {
        return None;
    }
    let hour = within(number(11, 13)?, 0, 23)?;
    let minute = within(number(14, 16)?, 0, 59)?;
    let second = within(number(17, 19)?, 0, 59)?;
    let instant = midnight + hour * 3600 + minute * 60 + second;
    match &bytes[19..] {
        [] | [b'Z'] => Some(instant),
        [sign @ (b'+' | b'-'), _, _, b':', _, _] => {
            let offset =
                within(number(20, 22)?, 0, 23)? * 3600 + within(number(23, 25)?, 0, 59)? * 60;
            Some(if *sign == b'+' { instant - offset } else { instant + offset })
        }
        _ => None,
    }
}

fn is_leap(year: i64) -> bool {
    (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    // Years that begin in March put the leap day at their end.
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let days_before_month = (153 * month + 2) / 5;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    365 * year + leap_days + days_before_month + day - 1 - 719_468
}

/// A decimal number of any length, compared exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decimal<'t> {
    negative: bool,
    /// Digits before the point without leading zeros.
    whole: &'t str,
    /// Digits after it without trailing zeros.
    fraction: &'t str,
}

impl<'t> Decimal<'t> {
    /// Parses `[-|+]digits[.digits]`.
    pub(super) fn parse(text: &'t str) -> Option<Self> {
        let negative = text.starts_with('-');
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        let (whole, fraction) = match digits.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (digits, ""),
        };
        let only_digits = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
        if whole.is_empty() || !only_digits(whole) || !only_digits(fraction) {
            return None;
        }
        let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
        let zero = whole.is_empty() && fraction.is_empty();
        Some(Self { negative: negative && !zero, whole, fraction })
    }

    /// Which of two numbers is larger.
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        let size = |it: &Self| (it.whole.len(), it.whole, it.fraction);
        match (self.negative, other.negative) {
            (false, false) => size(self).cmp(&size(other)),
            (true, true) => size(other).cmp(&size(self)),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Ordering::{Equal, Greater, Less};

    #[test]
    fn versions_compare_by_component() {
        for (a, b, expected) in [
            ("1.14.5", "1.14.5", Equal),
            ("1.9.0", "1.14.5", Less),
            ("1.14", "1.14.0", Equal),
            ("v1.14.6", "1.14.5", Greater),
            ("1.014.5", "1.14.5", Equal),
            ("2", "1.99999999999999999999999.0", Greater),
            ("1.99999999999999999999998", "1.99999999999999999999999", Less),
        ] {
            assert_eq!(compare_versions(a, b), Some(expected), "{a} and {b}");
            assert_eq!(compare_versions(b, a), Some(expected.reverse()), "{b} and {a}");
        }
        for bad in ["", "v", "1.", ".1", "1..2", "1.a", "1.2-rc1"] {
            assert_eq!(compare_versions(bad, "1.0"), None, "{bad}");
        }
    }

    #[test]
    fn instants_in_the_documented_forms() {
        for (text, expected) in [
            ("1970-01-01", 0),
            ("2018-02-13", 1_518_480_000),
            ("2018-06-18T22:28:28+00:00", 1_529_360_908),
            ("2018-06-18T22:28:28Z", 1_529_360_908),
            ("2018-06-18T22:28:28", 1_529_360_908),
            ("2018-06-19T00:28:28+02:00", 1_529_360_908),
            ("2018-06-18T16:58:28-05:30", 1_529_360_908),
            ("2000-02-29", 951_782_400),
            ("1969-12-31T23:59:59", -1),
            ("9999-12-31", 253_402_214_400),
            ("0000-03-01", -62_162_035_200),
        ] {
            assert_eq!(parse_instant(text), Some(expected), "{text}");
        }
        for bad in [
            "",
            "2018",
            "2018-6-18",
            "2018-13-01",
            "2018-02-29",
            "1900-02-29",
            "2018-06-18 22:28:28",
            "2018-06-18T24:00:00",
            "2018-06-18T22:28",
            "2018-06-18T22:28:28z",
            "2018-06-18T22:28:28.5Z",
            "2018-06-18T22:28:28+0000",
            "2018-06-18T22:28:28+24:00",
            "2018-06-18Z",
            "２018-06-18",
            "+018-06-18",
        ] {
            assert_eq!(parse_instant(bad), None, "{bad}");
        }
    }

    #[test]
    fn every_day_of_four_centuries_follows_the_one_before() {
        let mut expected = days_since_epoch(1900, 1, 1);
        assert_eq!(expected, -25_567);
        for year in 1900..2300 {
            for month in 1..=12 {
                for day in 1..=days_in_month(year, month) {
                    assert_eq!(
                        days_since_epoch(year, month, day),
                        expected,
                        "{year}-{month}-{day}"
                    );
                    expected += 1;
                }
            }
        }
    }

    #[test]
    fn decimals_compare_exactly() {
        let ascending =
            ["-10", "-9.5", "-9.25", "-0.1", "0", "0.05", "0.5", "2", "10", "9007199254740993"];
        for (i, a) in ascending.iter().enumerate() {
            for (j, b) in ascending.iter().enumerate() {
                let (x, y) = (Decimal::parse(a).unwrap(), Decimal::parse(b).unwrap());
                assert_eq!(x.compare(&y), i.cmp(&j), "{a} and {b}");
            }
        }
        for (a, b) in [("007", "7.0"), ("-0.0", "0"), ("+1.50", "1.5")] {
            let (x, y) = (Decimal::parse(a).unwrap(), Decimal::parse(b).unwrap());
            assert_eq!(x.compare(&y), Equal, "{a} and {b}");
        }
        for bad in ["", "-", ".5", "1.", "1e5", "inf", "1,5", "1.2.3", "--1"] {
            assert_eq!(Decimal::parse(bad), None, "{bad}");
        }
    }
}

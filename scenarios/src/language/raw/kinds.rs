//! Scalars with units: durations, sizes, rates, instants. Each kind has one parser, used by the
//! validator (for messages) and by serde (for values).

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use plimsoll_core::catalog::{HourlyRate, RateError};
use plimsoll_core::units::SimDuration;

/// Longest duration that is accepted: ten years.
pub const MAX_NANOS: u128 = 10 * 366 * 86_400 * NANOS;
const NANOS: u128 = 1_000_000_000;

/// A scalar as it was written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar<'a> {
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// Text.
    Text(&'a str),
}

impl<'a> Scalar<'a> {
    /// The scalar of a JSON value, if it is one that kinds are written with.
    pub fn from_json(value: &'a serde_json::Value) -> Option<Self> {
        match value {
            serde_json::Value::Number(number) => match number.as_i64() {
                Some(integer) => Some(Self::Integer(integer)),
                None => number.as_f64().map(Self::Float),
            },
            serde_json::Value::String(text) => Some(Self::Text(text)),
            _ => None,
        }
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident($inner:ty), $kind:literal, $parse:path, $format:path, $expected:literal;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq)]
            pub struct $name(pub $inner);

            impl<'de> Deserialize<'de> for $name {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    let value = serde_json::Value::deserialize(deserializer)?;
                    let scalar = Scalar::from_json(&value)
                        .ok_or_else(|| serde::de::Error::custom(concat!("expected ", $expected)))?;
                    $parse(scalar).map(Self).map_err(serde::de::Error::custom)
                }
            }

            impl Serialize for $name {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    $format(self.0, serializer)
                }
            }

            impl JsonSchema for $name {
                fn inline_schema() -> bool {
                    true
                }
                fn schema_name() -> Cow<'static, str> {
                    stringify!($name).into()
                }
                fn json_schema(_: &mut SchemaGenerator) -> Schema {
                    json_schema!({ "type": ["string", "number"], "x-plimsoll-kind": $kind })
                }
            }
        )*

        /// What a value of `kind` looks like, for messages.
        pub fn expected(kind: &str) -> &'static str {
            match kind {
                $($kind => $expected,)*
                _ => "a value",
            }
        }

        /// Whether `scalar` is a value of `kind`.
        ///
        /// # Errors
        /// What is wrong with it, in words for a message.
        pub fn check(kind: &str, scalar: Scalar<'_>) -> Result<(), String> {
            match kind {
                $($kind => $parse(scalar).map(|_| ()),)*
                _ => Ok(()),
            }
        }
    };
}

kinds! {
    /// A length of time with its unit: `90s`, `5m`, `1h30m`, `7d`, `35ms`.
    Length(u64), "duration", parse_length, format_length, "a duration such as `90s`, `5m` or `1h30m`";
    /// A length of time that the API counts in whole seconds: `300` or `5m`.
    Seconds(u64), "seconds", parse_seconds, format_length, "seconds such as `300`, or a duration such as `5m`";
    /// A size: `512MiB`, `2GiB`, `800KB`, or plain bytes.
    Bytes(u64), "bytes", parse_bytes, format_number, "a size such as `512MiB`, `2GB` or a number of bytes";
    /// A size in MiB: `512MiB`, `2GiB` or the API's plain number of MiB.
    Mebibytes(u64), "mebibytes", parse_mebibytes, format_number, "a size such as `512MiB` or `2GiB`, or a number of MiB";
    /// CPU units of ECS: `256`, `"256"` or `.25 vCPU`.
    CpuUnits(u32), "cpuUnits", parse_cpu, format_number, "CPU units such as `256`, or `1 vCPU`";
    /// Memory as task definitions write it: `512`, `"512"` (MiB), `1 GB` or `1GiB`.
    TaskMemory(u64), "taskMemory", parse_task_memory, format_number, "memory in MiB such as `512`, or `1 GB`";
    /// A whole number that AWS documents write as number or as text: `1`, `"1"`.
    Whole(u64), "whole", parse_whole, format_number, "a whole number";
    /// Events over time: `12/s`, `600/min`, `1e6/h`. A plain number counts per second.
    Rate(f64), "rate", parse_rate, format_float, "a rate such as `12/s` or `600/min`";
    /// An amount of money: `0.096`, at most ten decimals.
    Usd(u64), "usd", parse_usd, format_usd, "a price in USD such as `0.096`";
    /// An instant: `2026-03-02T00:00:00Z`.
    Instant(i64), "instant", parse_instant, format_instant, "a time such as `2026-03-02T00:00:00Z`";
}

impl Length {
    /// As a simulated length.
    pub fn duration(self) -> SimDuration {
        SimDuration::from_nanos(self.0)
    }

    /// `seconds` whole seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds * 1_000_000_000)
    }
}

impl Seconds {
    /// As a simulated length.
    pub fn duration(self) -> SimDuration {
        SimDuration::from_nanos(self.0)
    }

    /// `seconds` whole seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds * 1_000_000_000)
    }
}

fn wrong(scalar: Scalar<'_>, expected: &str) -> String {
    match scalar {
        Scalar::Integer(value) => format!("expected {expected}, found the number `{value}`"),
        Scalar::Float(value) => format!("expected {expected}, found the number `{value}`"),
        Scalar::Text(text) => {
            format!("expected {expected}, found `{}`", crate::language::tree::shorten(text))
        }
    }
}

const NEGATIVE: &str = "must not be negative";

/// Splits `12.5abc` into a decimal number, exact to nine places, and what follows.
/// The number comes as an integer count of 1e-9.
fn decimal(text: &str) -> Option<(u128, &str)> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') || 25 < whole.len() {
        return None;
    }
    let mut value: u128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    for place in 0..9 {
        let digit = fraction.as_bytes().get(place).map_or(0, |byte| byte - b'0');
        value = value * 10 + u128::from(digit);
    }
    Some((value, rest))
}

fn length_unit(unit: &str) -> Option<u128> {
    Some(match unit {
        "ns" => 1,
        "us" | "µs" => 1_000,
        "ms" => 1_000_000,
        "s" | "sec" => NANOS,
        "m" | "min" => 60 * NANOS,
        "h" => 3_600 * NANOS,
        "d" => 86_400 * NANOS,
        "w" => 7 * 86_400 * NANOS,
        _ => return None,
    })
}

fn parse_length(scalar: Scalar<'_>) -> Result<u64, String> {
    let expected = expected("duration");
    let text = match scalar {
        // Zero needs no unit.
        Scalar::Integer(0) => return Ok(0),
        Scalar::Integer(value) if value < 0 => return Err(NEGATIVE.to_owned()),
        Scalar::Float(value) if value < 0.0 => return Err(NEGATIVE.to_owned()),
        Scalar::Integer(_) | Scalar::Float(_) => {
            return Err(format!("{}: the unit is missing", wrong(scalar, expected)));
        }
        Scalar::Text(text) => text.trim(),
    };
    length_of_text(text).unwrap_or_else(|| Err(wrong(scalar, expected)))
}

fn length_of_text(text: &str) -> Option<Result<u64, String>> {
    if let Some(rest) = text.strip_prefix('-')
        && matches!(length_of_text(rest), Some(Ok(_)))
    {
        return Some(Err(NEGATIVE.to_owned()));
    }
    let mut rest = text;
    let mut total: u128 = 0;
    let mut previous = u128::MAX;
    while !rest.is_empty() {
        let (value, after) = decimal(rest)?;
        let after = after.trim_start();
        let end = after.find(|c: char| c.is_ascii_digit() || c == '.' || c == ' ');
        let (unit, tail) = after.split_at(end.unwrap_or(after.len()));
        let unit = length_unit(unit)?;
        if previous <= unit {
            return None;
        }
        previous = unit;
        // Exact: a tenth of a nanosecond is below any unit that is written.
        total = total.checked_add(value.checked_mul(unit)? / NANOS)?;
        rest = tail.trim_start();
    }
    if previous == u128::MAX {
        return None;
    }
    if MAX_NANOS < total {
        return Some(Err("is longer than ten years".to_owned()));
    }
    Some(u64::try_from(total).map_err(|_| "is longer than ten years".to_owned()))
}

/// Nanoseconds of a duration, plain numbers counted in seconds.
///
/// # Errors
/// If `scalar` is not a duration.
pub fn nanos(scalar: Scalar<'_>) -> Result<u64, String> {
    parse_seconds(scalar)
}

/// CPU units.
///
/// # Errors
/// If `scalar` is none.
pub fn cpu_units(scalar: Scalar<'_>) -> Result<u32, String> {
    parse_cpu(scalar)
}

/// A size in MiB.
///
/// # Errors
/// If `scalar` is none.
pub fn mebibytes(scalar: Scalar<'_>) -> Result<u64, String> {
    parse_mebibytes(scalar)
}

fn parse_seconds(scalar: Scalar<'_>) -> Result<u64, String> {
    let nanos = match scalar {
        Scalar::Integer(value) => {
            u128::try_from(value).map_err(|_| NEGATIVE.to_owned())?.saturating_mul(NANOS)
        }
        Scalar::Float(value) if value < 0.0 => return Err(NEGATIVE.to_owned()),
        Scalar::Float(_) => return Err(wrong(scalar, expected("seconds"))),
        Scalar::Text(text) => match text.trim().parse::<u64>() {
            Ok(value) => u128::from(value).saturating_mul(NANOS),
            Err(_) => {
                return length_of_text(text.trim())
                    .unwrap_or_else(|| Err(wrong(scalar, expected("seconds"))));
            }
        },
    };
    if MAX_NANOS < nanos {
        return Err("is longer than ten years".to_owned());
    }
    u64::try_from(nanos).map_err(|_| "is longer than ten years".to_owned())
}

/// Bytes of a unit of size, lower case; decimal and binary prefixes are told apart.
fn size_unit(unit: &str) -> Option<u128> {
    Some(match unit {
        "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        _ => return None,
    })
}

fn size_of_text(text: &str) -> Option<u64> {
    let (value, unit) = decimal(text.trim())?;
    let unit = size_unit(&unit.trim().to_lowercase())?;
    u64::try_from(value.checked_mul(unit)? / NANOS).ok()
}

fn parse_bytes(scalar: Scalar<'_>) -> Result<u64, String> {
    match scalar {
        Scalar::Integer(value) => u64::try_from(value).map_err(|_| NEGATIVE.to_owned()),
        Scalar::Text(text) => size_of_text(text).ok_or_else(|| wrong(scalar, expected("bytes"))),
        Scalar::Float(_) => Err(wrong(scalar, expected("bytes"))),
    }
}

fn parse_mebibytes(scalar: Scalar<'_>) -> Result<u64, String> {
    match scalar {
        Scalar::Integer(value) => u64::try_from(value).map_err(|_| NEGATIVE.to_owned()),
        Scalar::Text(text) => {
            if let Ok(value) = text.trim().parse::<u64>() {
                Ok(value)
            } else {
                let bytes =
                    size_of_text(text).ok_or_else(|| wrong(scalar, expected("mebibytes")))?;
                whole_mebibytes(bytes)
            }
        }
        Scalar::Float(_) => Err(wrong(scalar, expected("mebibytes"))),
    }
}

fn whole_mebibytes(bytes: u64) -> Result<u64, String> {
    if !bytes.is_multiple_of(1 << 20) {
        return Err("is not a whole number of MiB".to_owned());
    }
    Ok(bytes >> 20)
}

fn parse_cpu(scalar: Scalar<'_>) -> Result<u32, String> {
    let bad = || wrong(scalar, expected("cpuUnits"));
    let units: u128 = match scalar {
        Scalar::Integer(value) => u128::try_from(value).map_err(|_| NEGATIVE.to_owned())?,
        Scalar::Float(_) => return Err(bad()),
        Scalar::Text(text) => {
            let (value, unit) = decimal(text.trim()).ok_or_else(bad)?;
            let scaled = match unit.trim().to_lowercase().as_str() {
                "" => value,
                "vcpu" => value * 1024,
                _ => return Err(bad()),
            };
            if scaled % NANOS != 0 {
                return Err(bad());
            }
            scaled / NANOS
        }
    };
    u32::try_from(units).map_err(|_| bad())
}

fn parse_task_memory(scalar: Scalar<'_>) -> Result<u64, String> {
    let bad = || wrong(scalar, expected("taskMemory"));
    let mib = match scalar {
        Scalar::Integer(value) => u128::try_from(value).map_err(|_| NEGATIVE.to_owned())?,
        Scalar::Float(_) => return Err(bad()),
        Scalar::Text(text) => {
            let (value, unit) = decimal(text.trim()).ok_or_else(bad)?;
            // ECS reads "1 GB" as 1024 MiB.
            let scaled = match unit.trim().to_lowercase().as_str() {
                "" | "mb" | "mib" => value,
                "gb" | "gib" => value * 1024,
                _ => return Err(bad()),
            };
            if scaled % NANOS != 0 {
                return Err(bad());
            }
            scaled / NANOS
        }
    };
    // 2^40 MiB is far beyond any machine and keeps sums from overflowing.
    match u64::try_from(mib) {
        Ok(mib) if mib < 1 << 40 => Ok(mib),
        _ => Err(bad()),
    }
}

fn parse_whole(scalar: Scalar<'_>) -> Result<u64, String> {
    match scalar {
        Scalar::Integer(value) => u64::try_from(value).map_err(|_| NEGATIVE.to_owned()),
        Scalar::Text(text) => text.trim().parse().map_err(|_| wrong(scalar, expected("whole"))),
        Scalar::Float(_) => Err(wrong(scalar, expected("whole"))),
    }
}

fn parse_rate(scalar: Scalar<'_>) -> Result<f64, String> {
    let bad = || wrong(scalar, expected("rate"));
    let value = match scalar {
        Scalar::Integer(value) => value as f64,
        Scalar::Float(value) => value,
        Scalar::Text(text) => {
            let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
            let number: f64 = match crate::language::yaml::number(number.trim()) {
                Ok(crate::language::tree::Value::Integer(value)) => value as f64,
                Ok(crate::language::tree::Value::Float(value)) => value,
                _ => return Err(bad()),
            };
            match unit.trim() {
                "s" | "sec" | "second" => number,
                "m" | "min" | "minute" => number / 60.0,
                "h" | "hour" => number / 3_600.0,
                "d" | "day" => number / 86_400.0,
                _ => return Err(bad()),
            }
        }
    };
    if !value.is_finite() {
        return Err(bad());
    }
    if value < 0.0 {
        return Err(NEGATIVE.to_owned());
    }
    Ok(value)
}

/// USD in 1e-10, read from the decimal as it is written.
fn parse_usd(scalar: Scalar<'_>) -> Result<u64, String> {
    let text = match scalar {
        Scalar::Integer(value) if value < 0 => return Err(NEGATIVE.to_owned()),
        Scalar::Float(value) if value < 0.0 => return Err(NEGATIVE.to_owned()),
        Scalar::Integer(value) => value.to_string(),
        // The shortest decimal that is this number: what was written, up to 15 digits.
        Scalar::Float(value) => value.to_string(),
        Scalar::Text(text) => text.trim().to_owned(),
    };
    match HourlyRate::parse(&text) {
        Ok(rate) => Ok(rate.as_ten_billionths()),
        Err(RateError::NotADecimal(_)) => Err(wrong(scalar, expected("usd"))),
        Err(error) => Err(error.to_string()),
    }
}

fn format_usd<S: Serializer>(value: u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&HourlyRate::from_ten_billionths(value))
}

/// Seconds since 1970 of an RFC 3339 time.
fn parse_instant(scalar: Scalar<'_>) -> Result<i64, String> {
    let bad = || wrong(scalar, expected("instant"));
    let Scalar::Text(text) = scalar else { return Err(bad()) };
    let text = text.trim();
    let instant: jiff::Timestamp = text.parse().map_err(|_| {
        // A time without a zone is the likely slip.
        if text.parse::<jiff::civil::DateTime>().is_ok() {
            format!("{}: the zone is missing, add `Z` for UTC", bad())
        } else {
            bad()
        }
    })?;
    if instant.subsec_nanosecond() != 0 {
        return Err("must be a whole second".to_owned());
    }
    let seconds = instant.as_second();
    // 1970 to 2199, the years of AWS schedules.
    if !(0..7_258_118_400).contains(&seconds) {
        return Err("must lie between 1970 and 2199".to_owned());
    }
    Ok(seconds)
}

fn format_number<S: Serializer, N: Into<u64>>(value: N, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(value.into())
}

fn format_float<S: Serializer>(value: f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(value)
}

fn format_instant<S: Serializer>(value: i64, serializer: S) -> Result<S::Ok, S::Error> {
    match jiff::Timestamp::from_second(value) {
        Ok(instant) => serializer.collect_str(&instant),
        Err(error) => Err(serde::ser::Error::custom(error)),
    }
}

fn format_length<S: Serializer>(nanos: u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&length_text(nanos))
}

/// The shortest spelling of a length: `1h30m`, `35ms`, `0s`.
pub fn length_text(nanos: u64) -> String {
    let units = [
        ("d", 86_400_000_000_000),
        ("h", 3_600_000_000_000),
        ("m", 60_000_000_000),
        ("s", 1_000_000_000),
        ("ms", 1_000_000),
        ("us", 1_000),
        ("ns", 1_u64),
    ];
    let mut rest = nanos;
    let mut text = String::new();
    for (unit, size) in units {
        if size <= rest {
            text.extend([(rest / size).to_string().as_str(), unit]);
            rest %= size;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(text: &str) -> Result<u64, String> {
        parse_length(Scalar::Text(text))
    }

    #[test]
    fn lengths_are_exact() {
        assert_eq!(length("90s"), Ok(90_000_000_000));
        assert_eq!(length("1h30m"), Ok(5_400_000_000_000));
        assert_eq!(length("1.5h"), Ok(5_400_000_000_000));
        assert_eq!(length("7d"), Ok(604_800_000_000_000));
        assert_eq!(length("0.35ms"), Ok(350_000));
        assert_eq!(length("2 min"), Ok(120_000_000_000));
        assert_eq!(parse_seconds(Scalar::Integer(300)), Ok(300_000_000_000));
        assert_eq!(parse_seconds(Scalar::Text("5m")), Ok(300_000_000_000));
    }

    #[test]
    fn bad_lengths_are_refused() {
        for bad in ["", "s", "5", "5x", "30m1h", "1m1m", "1..2s", "five", "1e3s", "５s"] {
            assert!(length(bad).is_err(), "{bad}");
        }
        assert_eq!(length("-5s"), Err(NEGATIVE.to_owned()));
        assert_eq!(
            length("11w200d4000d"),
            Err(wrong(Scalar::Text("11w200d4000d"), expected("duration")))
        );
        assert_eq!(length("4000d"), Err("is longer than ten years".to_owned()));
        assert!(parse_length(Scalar::Integer(75)).unwrap_err().contains("unit is missing"));
        assert!(length(&"9".repeat(1000)).is_err());
        assert!(length(&format!("{}s", "9".repeat(25))).is_err());
    }

    #[test]
    fn lengths_print_as_they_are_written() {
        for text in ["1h30m", "35ms", "7d", "1m30s", "250us"] {
            assert_eq!(length_text(length(text).unwrap()), text);
        }
        assert_eq!(length_text(0), "0s");
    }

    #[test]
    fn sizes_tell_decimal_from_binary() {
        assert_eq!(parse_bytes(Scalar::Text("800MB")), Ok(800_000_000));
        assert_eq!(parse_bytes(Scalar::Text("1.5 KiB")), Ok(1536));
        assert_eq!(parse_mebibytes(Scalar::Text("2GiB")), Ok(2048));
        assert_eq!(parse_mebibytes(Scalar::Integer(300)), Ok(300));
        assert!(parse_mebibytes(Scalar::Text("1KiB")).is_err());
    }

    #[test]
    fn task_sizes_come_as_numbers_texts_and_with_units() {
        assert_eq!(parse_cpu(Scalar::Integer(256)), Ok(256));
        assert_eq!(parse_cpu(Scalar::Text("512")), Ok(512));
        assert_eq!(parse_cpu(Scalar::Text(".5 vCPU")), Ok(512));
        assert_eq!(parse_cpu(Scalar::Text("1vcpu")), Ok(1024));
        assert!(parse_cpu(Scalar::Text("<PLACEHOLDER>")).is_err());
        assert_eq!(parse_task_memory(Scalar::Text("2 GB")), Ok(2048));
        assert_eq!(parse_task_memory(Scalar::Text("0.5GB")), Ok(512));
        assert_eq!(parse_task_memory(Scalar::Text("1024")), Ok(1024));
    }

    #[test]
    fn instants_need_a_zone() {
        assert_eq!(parse_instant(Scalar::Text("1970-01-02T00:00:00Z")), Ok(86_400));
        assert_eq!(parse_instant(Scalar::Text("2026-03-02T01:00:00+01:00")), Ok(1_772_409_600));
        let message = parse_instant(Scalar::Text("2026-03-02T00:00:00")).unwrap_err();
        assert!(message.contains("the zone is missing"));
        assert!(parse_instant(Scalar::Text("1900-01-01T00:00:00Z")).is_err());
    }
}

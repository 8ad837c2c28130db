//! The few patterns of the schema, matched by hand: a regular expression engine would be the largest
//! dependency of the language for a handful of expressions.

/// A pattern that the schema may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// A file name without surprises.
    FileName,
    /// A name as ECS allows it.
    EcsName,
    /// `HH:MM`.
    TimeOfDay,
    /// `operatingSystemFamily`.
    OperatingSystemFamily,
    /// The id of an AMI.
    ImageId,
    /// The id of a VPC.
    VpcId,
    /// Numbers with points between them.
    Version,
    /// The id of a metric in an expression.
    MetricId,
    /// A percentile of CloudWatch.
    Percentile,
    /// A statistic of CloudWatch, percentiles included.
    Statistic,
}

impl Pattern {
    /// The pattern that is spelt like this in the schema.
    pub(crate) fn find(expression: &str) -> Option<Self> {
        Some(match expression {
            r"^[A-Za-z0-9][A-Za-z0-9._-]*$" => Self::FileName,
            r"^[A-Za-z0-9_-]+$" => Self::EcsName,
            r"^([01][0-9]|2[0-3]):[0-5][0-9]$" => Self::TimeOfDay,
            r"^ami-[a-z0-9]+$" => Self::ImageId,
            r"^vpc-[a-z0-9]+$" => Self::VpcId,
            r"^[0-9]+(\.[0-9]+)*$" => Self::Version,
            r"^[a-z][a-zA-Z0-9_]*$" => Self::MetricId,
            r"^p([0-9]{1,2}(\.[0-9]{1,3})?|100)$" => Self::Percentile,
            r"^(SampleCount|Average|Sum|Minimum|Maximum|p([0-9]{1,2}(\.[0-9]{1,3})?|100))$" => {
                Self::Statistic
            }
            r"^(LINUX|WINDOWS_SERVER_[A-Z0-9_]+)$" => Self::OperatingSystemFamily,
            _ => return None,
        })
    }

    /// Whether all of `text` matches.
    pub(crate) fn matches(self, text: &str) -> bool {
        let name = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
        match self {
            Self::FileName => {
                text.starts_with(|first: char| first.is_ascii_alphanumeric())
                    && text.chars().all(|character| name(character) || character == '.')
            }
            Self::EcsName => !text.is_empty() && text.chars().all(name),
            Self::TimeOfDay => minute_of_day(text).is_some(),
            Self::ImageId => is_id(text, "ami-"),
            Self::VpcId => is_id(text, "vpc-"),
            Self::Version => text
                .split('.')
                .all(|it| !it.is_empty() && it.chars().all(|character| character.is_ascii_digit())),
            Self::MetricId => {
                text.starts_with(|first: char| first.is_ascii_lowercase())
                    && text.chars().all(|it| it.is_ascii_alphanumeric() || it == '_')
            }
            Self::Percentile => is_percentile(text),
            Self::Statistic => STATISTICS.contains(&text) || is_percentile(text),
            Self::OperatingSystemFamily => {
                text == "LINUX"
                    || text.strip_prefix("WINDOWS_SERVER_").is_some_and(|rest| {
                        let allowed =
                            |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
                        !rest.is_empty() && rest.chars().all(allowed)
                    })
            }
        }
    }

    /// What a text must be, as the end of a sentence that starts with the text.
    pub(crate) fn requirement(self) -> &'static str {
        match self {
            Self::FileName => {
                "may hold letters, digits, `-`, `_` and `.` only and starts with a letter or digit"
            }
            Self::EcsName => "may hold letters, digits, `-` and `_` only",
            Self::TimeOfDay => "is not a time of day such as `14:00`",
            Self::ImageId => "is not the id of an image such as `ami-0123456789abcdef0`",
            Self::VpcId => "is not the id of a VPC such as `vpc-0123456789abcdef0`",
            Self::Version => "is not a version such as `1.98.0`",
            Self::MetricId => {
                "may hold letters, digits and `_` only and starts with a lower-case letter"
            }
            Self::Percentile => {
                "is not a percentile such as `p99` or `p99.9`; trimmed statistics are not simulated"
            }
            Self::Statistic => {
                "is not SampleCount, Average, Sum, Minimum, Maximum or a percentile such as `p99`"
            }
            Self::OperatingSystemFamily => {
                "is not an operating system family such as `LINUX` or `WINDOWS_SERVER_2022_CORE`"
            }
        }
    }
}

/// The statistics of CloudWatch that are no percentiles.
const STATISTICS: [&str; 5] = ["SampleCount", "Average", "Sum", "Minimum", "Maximum"];

fn is_percentile(text: &str) -> bool {
    // `p100.0` would be one too many digits for the pattern.
    plimsoll_core::metrics::Percentile::parse(text).is_some_and(|it| {
        it.rank < 100_000 && text.find('.').unwrap_or(text.len()) <= 3 || text == "p100"
    })
}

/// Whether `text` is `prefix` and letters or digits, as the ids of EC2 are.
pub(crate) fn is_id(text: &str, prefix: &str) -> bool {
    let id = text.strip_prefix(prefix).unwrap_or_default();
    !id.is_empty() && id.chars().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit())
}

/// Minutes after midnight of `HH:MM`.
pub(crate) fn minute_of_day(text: &str) -> Option<u32> {
    let (hour, minute) = text.split_once(':')?;
    if hour.len() != 2 || minute.len() != 2 || text.contains(['+', '-']) {
        return None;
    }
    let (hour, minute): (u32, u32) = (hour.parse().ok()?, minute.parse().ok()?);
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn patterns(schema: &Value, found: &mut Vec<String>) {
        match schema {
            Value::Object(object) => {
                if let Some(Value::String(pattern)) = object.get("pattern") {
                    found.push(pattern.clone());
                }
                object.values().for_each(|value| patterns(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| patterns(value, found)),
            _ => {}
        }
    }

    #[test]
    fn every_pattern_of_the_schema_is_known() {
        let mut found = Vec::new();
        patterns(crate::language::schema::shared(), &mut found);
        assert!(!found.is_empty());
        for pattern in found {
            assert!(Pattern::find(&pattern).is_some(), "{pattern}");
        }
    }

    #[test]
    fn percentiles_have_up_to_two_digits_and_three_behind_the_point() {
        for good in ["p0", "p9", "p50", "p99.9", "p99.999", "p100", "p05"] {
            assert!(Pattern::Percentile.matches(good), "{good}");
            assert!(Pattern::Statistic.matches(good), "{good}");
        }
        for bad in ["p", "p101", "p100.0", "p099", "p99.", "p99.9999", "99", "tm90", "Average"] {
            assert!(!Pattern::Percentile.matches(bad), "{bad}");
        }
        assert!(Pattern::Statistic.matches("Average") && !Pattern::Statistic.matches("average"));
    }

    #[test]
    fn times_of_day_have_two_digits_each() {
        assert_eq!(minute_of_day("14:05"), Some(845));
        for bad in ["24:00", "9:00", "09:60", "0900", "+1:00", "09:00:00"] {
            assert_eq!(minute_of_day(bad), None, "{bad}");
        }
    }
}

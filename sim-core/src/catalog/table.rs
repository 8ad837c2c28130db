//! Reading of the embedded text tables: one row per line, fields separated by blanks, `-` for empty.

use std::str::FromStr;

use super::rate::HourlyRate;

/// A line of a table, read field by field. Errors name the line and the field.
pub(super) struct Fields<'a> {
    line: &'a str,
    rest: std::str::SplitAsciiWhitespace<'a>,
}

impl<'a> Fields<'a> {
    pub(super) fn of(line: &'a str) -> Self {
        Self { line, rest: line.split_ascii_whitespace() }
    }

    pub(super) fn text(&mut self, field: &str) -> Result<&'a str, String> {
        self.rest.next().ok_or_else(|| format!("`{}`: no `{field}`", self.line))
    }

    pub(super) fn number<T: FromStr>(&mut self, field: &str) -> Result<T, String> {
        let text = self.text(field)?;
        text.parse().map_err(|_| self.bad(field, text))
    }

    pub(super) fn optional<T>(
        &mut self,
        field: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, String> {
        let text = self.text(field)?;
        if text == "-" {
            return Ok(None);
        }
        parse(text).map(Some).ok_or_else(|| self.bad(field, text))
    }

    pub(super) fn optional_rate(&mut self, field: &str) -> Result<Option<HourlyRate>, String> {
        self.optional(field, |text| HourlyRate::parse(text).ok())
    }

    pub(super) fn end(mut self) -> Result<(), String> {
        match self.rest.next() {
            None => Ok(()),
            Some(extra) => Err(format!("`{}`: unexpected `{extra}`", self.line)),
        }
    }

    pub(super) fn bad(&self, field: &str, text: &str) -> String {
        format!("`{}`: `{text}` is no `{field}`", self.line)
    }
}

/// Lines of a table without comments.
pub(super) fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_line_and_the_field() {
        let mut fields = Fields::of("m5.large two");
        assert_eq!(fields.text("name"), Ok("m5.large"));
        assert_eq!(
            fields.number::<u32>("vcpu"),
            Err("`m5.large two`: `two` is no `vcpu`".to_owned())
        );
        assert_eq!(fields.text("memory"), Err("`m5.large two`: no `memory`".to_owned()));
        assert!(Fields::of("extra").end().is_err());
    }
}

//! What is wrong with an expression, and where.

use std::fmt;
use std::ops::Range;

/// A mistake in an expression of the cluster query language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryError {
    span: Range<usize>,
    message: String,
    suggestion: Option<String>,
}

impl QueryError {
    pub(super) fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { span, message: message.into(), suggestion: None }
    }

    pub(super) fn suggest(mut self, suggestion: Option<impl Into<String>>) -> Self {
        self.suggestion = suggestion.map(Into::into);
        self
    }

    /// The bytes of the expression that are wrong; empty at its end if something is missing there.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// What was expected or is not allowed: lower case, no full stop.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What may have been meant instead, ready to be put in place of [`Self::span`].
    pub fn suggestion(&self) -> Option<&str> {
        self.suggestion.as_deref()
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.suggestion {
            Some(suggestion) => write!(f, "; did you mean `{suggestion}`?"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for QueryError {}

/// The candidate that differs least from `word`, ignoring case, if it is near enough to be meant.
pub(super) fn nearest<'c>(
    word: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    let length = word.chars().count();
    // A long word is compared with nothing: no name is that long, and the comparison is quadratic.
    if 40 < length {
        return None;
    }
    let limit = (length / 3).max(1);
    let near = candidates.into_iter().map(|it| (distance(word, it), it));
    near.filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|it| it.1)
}

/// Letters to insert, remove or change to turn `a` into `b`, ignoring case.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().map(|c| c.to_ascii_lowercase()).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().map(|c| c.to_ascii_lowercase()).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let change = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested_if_it_is_near() {
        let names = ["agentVersion", "agentConnected", "registeredAt"];
        assert_eq!(nearest("agentversoin", names), Some("agentVersion"));
        assert_eq!(nearest("REGISTEREDAT", names), Some("registeredAt"));
        assert_eq!(nearest("memory", names), None);
        assert_eq!(nearest(&"a".repeat(1000), names), None);
    }

    #[test]
    fn distances_count_edits() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("same", "same"), 0);
    }
}

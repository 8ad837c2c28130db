//! What is wrong with a document, where, and what would be right.

use std::fmt;

use crate::language::source::Sources;
use crate::language::tree::{Path, Position};

/// Diagnostics shown at most; the rest is counted.
const MOST_SHOWN: usize = 50;
/// Characters of a source line shown at most.
const WIDEST_EXCERPT: usize = 120;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Where it was written.
    pub at: Position,
    /// Path inside the document, empty for the document as a whole.
    pub path: String,
    /// What is wrong: lower case, no full stop, literals in backticks.
    pub message: String,
    /// What would be right, if that can be said.
    pub hint: Option<String>,
    /// The text of the value at `at` and the character of it that is meant, until
    /// [`Diagnostics::new`] finds it in the source.
    inside: Option<(String, usize)>,
}

impl Diagnostic {
    /// A diagnostic without hint.
    pub fn new(at: Position, path: &Path, message: impl Into<String>) -> Self {
        Self { at, path: path.to_string(), message: message.into(), hint: None, inside: None }
    }

    /// The same about one character of the text at `at`, which is `text`.
    #[must_use]
    pub(crate) fn inside(mut self, text: &str, offset: usize) -> Self {
        self.inside = Some((text.to_owned(), offset));
        self
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with a hint, if there is one.
    #[must_use]
    pub fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint.or(self.hint);
        self
    }
}

/// All that is wrong with a document, in the order of the text, without repetitions.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    sources: Sources,
    list: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Sorts by position and drops repetitions.
    pub fn new(sources: Sources, mut list: Vec<Diagnostic>) -> Self {
        for diagnostic in &mut list {
            if let Some((text, offset)) = diagnostic.inside.take() {
                diagnostic.at = sources.inside(diagnostic.at, &text, offset);
            }
        }
        list.sort_by(|a, b| (a.at, &a.path, &a.message).cmp(&(b.at, &b.path, &b.message)));
        list.dedup();
        Self { sources, list }
    }

    /// The diagnostics.
    pub fn as_slice(&self) -> &[Diagnostic] {
        &self.list
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// One diagnostic as `file:line:column: path: message`, without excerpt and hint.
    pub fn headline(&self, diagnostic: &Diagnostic) -> String {
        let mut line = self.sources.name(diagnostic.at.source).to_owned();
        if 0 < diagnostic.at.line {
            let (row, column) = (diagnostic.at.line, diagnostic.at.column);
            line = format!("{line}:{row}:{column}");
        }
        if !diagnostic.path.is_empty() {
            line.push_str(": ");
            line.push_str(&diagnostic.path);
        }
        line.push_str(": ");
        line.push_str(&diagnostic.message);
        line
    }

    fn write_one(&self, f: &mut fmt::Formatter<'_>, diagnostic: &Diagnostic) -> fmt::Result {
        writeln!(f, "{}", self.headline(diagnostic))?;
        if let Some(line) = self.sources.line(diagnostic.at.source, diagnostic.at.line) {
            write_excerpt(f, line, diagnostic.at)?;
        }
        if let Some(hint) = &diagnostic.hint {
            writeln!(f, "  hint: {hint}")?;
        }
        Ok(())
    }
}

/// The line with a caret below the column; long lines are cut around the column.
fn write_excerpt(f: &mut fmt::Formatter<'_>, line: &str, at: Position) -> fmt::Result {
    let column = (at.column as usize).saturating_sub(1);
    let from = if column < WIDEST_EXCERPT { 0 } else { column - WIDEST_EXCERPT / 2 };
    let shown: String = line
        .chars()
        .skip(from)
        .take(WIDEST_EXCERPT)
        .map(|character| if character.is_control() { ' ' } else { character })
        .collect();
    let number = at.line.to_string();
    let margin = " ".repeat(number.len());
    writeln!(f, "  {number} | {}", shown.trim_end())?;
    writeln!(f, "  {margin} | {}^", " ".repeat(column - from))
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for diagnostic in self.list.iter().take(MOST_SHOWN) {
            self.write_one(f, diagnostic)?;
        }
        if MOST_SHOWN < self.list.len() {
            writeln!(f, "… and {} more", self.list.len() - MOST_SHOWN)?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

/// The candidate nearest to `word`, if it is near enough to be what was meant.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let lower = word.to_lowercase();
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let distance = strsim::damerau_levenshtein(&lower, &candidate.to_lowercase());
        // A third of the letters may differ; beyond that a suggestion is a guess.
        let allowed = (word.chars().count().max(candidate.chars().count()) / 3).max(1);
        // The first of equally near candidates wins: candidates come in document order.
        if distance <= allowed && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// The hint for a misspelt name: the nearest candidate, or else what there is.
pub fn suggestion<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str> + Clone,
) -> Option<String> {
    // Damerau-Levenshtein is quadratic: a megabyte of text is not a misspelt name.
    if word.chars().nth(200).is_none()
        && let Some(near) = nearest(word, candidates.clone())
    {
        return Some(format!("did you mean `{near}`?"));
    }
    let all: Vec<&str> = candidates.into_iter().take(13).collect();
    match all.len() {
        1..=12 => {
            let names: Vec<String> = all.iter().map(|name| format!("`{name}`")).collect();
            Some(format!("known: {}", names.join(", ")))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_the_nearest_name_only_if_it_is_near() {
        assert_eq!(nearest("EC3", ["EC2", "FARGATE"]), Some("EC2"));
        assert_eq!(nearest("launchTyp", ["launchType", "load"]), Some("launchType"));
        assert_eq!(nearest("banana", ["launchType", "load"]), None);
    }

    #[test]
    fn shows_at_most_fifty_and_counts_the_rest() {
        let mut sources = Sources::default();
        let source = sources.add("a.yaml".to_owned(), String::new());
        let list = (1..=60)
            .map(|line| {
                Diagnostic::new(Position { source, line, column: 1 }, &Path::root(), "wrong")
            })
            .collect();
        let text = Diagnostics::new(sources, list).to_string();
        assert_eq!(text.lines().filter(|line| line.contains("wrong")).count(), 50);
        assert!(text.ends_with("… and 10 more\n"));
    }
}

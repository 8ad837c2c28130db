//! Notes on a valid document: what it says that has no effect, and what was assumed.

use std::collections::BTreeMap;

use super::tree::{Position, Value};

/// Names of fields that the line about plumbing holds at most; documents pasted whole have a hundred.
const MOST_NAMES: usize = 12;

/// Something that the author of a valid scenario may want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Where.
    pub at: Position,
    /// Path inside the document.
    pub path: String,
    /// What is reported.
    pub message: String,
    /// Whether it can change what the author concludes.
    pub kind: NoteKind,
}

/// Kinds of notes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoteKind {
    /// Worth a line: a setting that AWS would act on and the model does not, an assumption.
    Finding,
    /// A field of a pasted AWS document, named here, that has no bearing on capacity.
    Plumbing(String),
}

/// Notes for a person: each finding once, all plumbing in one line.
#[derive(Debug, Default)]
pub struct NoteSummary<'n> {
    /// The first note of each message, in order, and how many more there are like it.
    pub findings: Vec<(&'n Note, usize)>,
    /// Names of fields without bearing on capacity, in order of appearance.
    plumbing: Vec<&'n str>,
    /// How many of them there are.
    plumbing_count: usize,
}

impl<'n> NoteSummary<'n> {
    /// Groups `notes`.
    pub fn of(notes: &'n [Note]) -> Self {
        let mut summary = Self::default();
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for note in notes {
            match &note.kind {
                NoteKind::Plumbing(name) => {
                    summary.plumbing_count += 1;
                    if !summary.plumbing.contains(&name.as_str()) {
                        summary.plumbing.push(name);
                    }
                }
                NoteKind::Finding => {
                    if let Some(&index) = seen.get(note.message.as_str()) {
                        summary.findings[index].1 += 1;
                    } else {
                        seen.insert(&note.message, summary.findings.len());
                        summary.findings.push((note, 0));
                    }
                }
            }
        }
        summary
    }

    /// The line about fields without bearing on capacity, if there are any.
    pub fn plumbing_line(&self) -> Option<String> {
        let fields = match self.plumbing_count {
            0 => return None,
            1 => "1 field that does".to_owned(),
            count => format!("{count} fields that do"),
        };
        let shown = &self.plumbing[..self.plumbing.len().min(MOST_NAMES)];
        let rest = match self.plumbing.len() - shown.len() {
            0 => String::new(),
            more => format!(" and {more} more names"),
        };
        Some(format!("{fields} not matter for capacity: {}{rest}", shown.join(", ")))
    }
}

/// Whether a value asks for nothing that the model does not do: tools write out what is empty, off or
/// one of the values in `modelled`.
pub(super) fn asks_for_nothing(value: &Value, modelled: &[&str]) -> bool {
    match value {
        Value::Null | Value::Bool(false) | Value::Integer(0) => true,
        Value::Text(text) => {
            text.is_empty() || text == "DISABLED" || modelled.contains(&text.as_str())
        }
        Value::Sequence(items) => items.iter().all(|it| asks_for_nothing(&it.value, modelled)),
        Value::Mapping(entries) => {
            entries.iter().all(|it| asks_for_nothing(&it.node.value, modelled))
        }
        Value::Bool(true) | Value::Integer(_) | Value::Float(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(message: &str, kind: NoteKind) -> Note {
        Note { at: Position::default(), path: String::new(), message: message.to_owned(), kind }
    }

    #[test]
    fn plumbing_is_one_line_and_findings_are_not_repeated() {
        let notes = [
            note("a", NoteKind::Finding),
            note("", NoteKind::Plumbing("image".to_owned())),
            note("b", NoteKind::Finding),
            note("a", NoteKind::Finding),
            note("", NoteKind::Plumbing("name".to_owned())),
            note("", NoteKind::Plumbing("image".to_owned())),
        ];
        let summary = NoteSummary::of(&notes);
        let findings: Vec<(&str, usize)> =
            summary.findings.iter().map(|(note, more)| (note.message.as_str(), *more)).collect();
        assert_eq!(findings, [("a", 1), ("b", 0)]);
        let line = summary.plumbing_line().unwrap();
        assert_eq!(line, "3 fields that do not matter for capacity: image, name");
        let one = NoteSummary::of(&notes[4..5]).plumbing_line().unwrap();
        assert_eq!(one, "1 field that does not matter for capacity: name");
        assert_eq!(NoteSummary::of(&notes[..1]).plumbing_line(), None);
    }
}

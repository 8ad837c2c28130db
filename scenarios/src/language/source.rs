//! The texts that a document was read from, kept for the excerpts in messages.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use crate::language::tree::Position;

/// Largest document that is read.
pub(crate) const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// A file of a [`Sources`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(u32);

/// One file or pseudo file.
#[derive(Debug)]
pub(crate) struct Source {
    /// Name as it appears in messages.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// All texts that positions refer to. Cheap to copy.
#[derive(Clone, Debug, Default)]
pub struct Sources(Vec<Arc<Source>>);

impl Sources {
    /// Adds a text and returns its id.
    pub fn add(&mut self, name: String, text: String) -> SourceId {
        let id = SourceId(u32::try_from(self.0.len()).unwrap_or(u32::MAX));
        self.0.push(Arc::new(Source { name, text }));
        id
    }

    /// Name of a source.
    pub fn name(&self, id: SourceId) -> &str {
        self.0.get(id.0 as usize).map_or("", |source| &source.name)
    }

    /// Text of a source.
    pub fn text(&self, id: SourceId) -> &str {
        self.0.get(id.0 as usize).map_or("", |source| &source.text)
    }

    /// A line of a source, 1-based.
    pub fn line(&self, id: SourceId, line: u32) -> Option<&str> {
        self.text(id).lines().nth((line as usize).checked_sub(1)?)
    }

    /// Where the character at `offset` of a text stands whose scalar begins at `at`: exact for one
    /// that is plain or quoted on one line, `at` for any other.
    pub(crate) fn inside(&self, at: Position, text: &str, offset: usize) -> Position {
        let Some(line) = self.line(at.source, at.line) else { return at };
        let mut rest = line.chars().skip((at.column as usize).saturating_sub(1)).peekable();
        let quote = rest.next_if(|c| matches!(c, '"' | '\''));
        let mut column = at.column + u32::from(quote.is_some());
        for expected in text.chars().take(offset) {
            let (found, width) = match (rest.next(), quote) {
                (Some('\''), Some('\'')) => (rest.next_if_eq(&'\''), 2),
                (Some('\\'), Some('"')) => (rest.next_if(|c| matches!(c, '"' | '\\' | '/')), 2),
                (Some('"'), Some('"')) => (None, 1),
                (found, _) => (found, 1),
            };
            if found != Some(expected) {
                return at;
            }
            column += width;
        }
        Position { column, ..at }
    }

    /// Id of the source called `name`.
    pub fn find(&self, name: &str) -> Option<SourceId> {
        let index = self.0.iter().position(|source| source.name == name)?;
        u32::try_from(index).ok().map(SourceId)
    }
}

/// Reads a text file of at most [`MAX_BYTES`].
///
/// # Errors
/// What is wrong with the file, in words for a message: it cannot be opened, is not a regular file,
/// is too large, or is not UTF-8.
pub(crate) fn read_text(path: &Path) -> Result<String, String> {
    let metadata = std::fs::metadata(path).map_err(|error| describe_io(&error))?;
    if metadata.is_dir() {
        return Err("this is a folder, not a file".to_owned());
    }
    if MAX_BYTES < metadata.len() {
        return Err(too_large(metadata.len()));
    }
    let file = File::open(path).map_err(|error| describe_io(&error))?;
    // One byte more than allowed tells a pipe or device that goes on from one that fits.
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| describe_io(&error))?;
    if MAX_BYTES < bytes.len() as u64 {
        return Err(too_large(bytes.len() as u64));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..good].split(|byte| *byte == b'\n').count();
        format!("the file is not UTF-8 text (line {line}, byte {})", good + 1)
    })
}

/// An I/O error in words that are the same on every system.
pub(crate) fn describe_io(error: &std::io::Error) -> String {
    match error.kind() {
        // A path through a file is not a path to a file, whatever the system calls it.
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => {
            "no such file".to_owned()
        }
        std::io::ErrorKind::PermissionDenied => "permission to read the file is denied".to_owned(),
        std::io::ErrorKind::IsADirectory => "this is a folder, not a file".to_owned(),
        std::io::ErrorKind::UnexpectedEof => "the file ends too early".to_owned(),
        _ => format!("the file cannot be read: {error}"),
    }
}

fn too_large(bytes: u64) -> String {
    let size = bytes / (1024 * 1024);
    format!("the file is too large ({size} MiB); at most {} MiB are read", MAX_BYTES / 1024 / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, column: u32, text: &str, offset: usize, expected: u32) {
        let mut sources = Sources::default();
        let source = sources.add("a.yaml".to_owned(), format!("first\n{line}\n"));
        let at = Position { source, line: 2, column };
        let expected = Position { column: expected, ..at };
        assert_eq!(sources.inside(at, text, offset), expected, "{line}");
    }

    #[test]
    fn a_scalar_on_one_line_is_pointed_into() {
        check("a: x == y", 4, "x == y", 5, 9);
        check("é: x == y", 4, "x == y", 6, 10);
        check("a: 'x == ''y'''", 4, "x == 'y'", 6, 12);
        check(r#"{"a": "x =~ \\d"}"#, 7, r"x =~ \d", 6, 15);
    }

    #[test]
    fn any_other_is_pointed_at() {
        check("a: >-", 4, "x == y", 5, 4);
        check("a: x ==", 4, "x == y", 5, 4);
        check(r#"a: "x \u003d= y""#, 4, "x == y", 5, 4);
    }
}

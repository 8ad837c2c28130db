//! Reads JSON into a [`Node`] tree. Every JSON text is accepted, with tabs and escapes that a YAML
//! reader may refuse, and every value has its exact position.

use crate::language::diagnostic::Diagnostic;
use crate::language::source::SourceId;
use crate::language::tree::{Entry, Node, Path, Position, Value, shorten};
use crate::language::yaml::{Budget, MAX_DEPTH, number};

/// Reads the one value in `text`.
///
/// # Errors
/// The first thing that is not JSON or exceeds a limit.
pub(crate) fn read(source: SourceId, text: &str) -> Result<Node, Box<Diagnostic>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader {
        source,
        rest: text.chars().peekable(),
        line: 1,
        column: 1,
        budget: Budget::default(),
    };
    reader.blank();
    if reader.rest.peek().is_none() {
        return Err(reader.fail(reader.here(), "the file is empty"));
    }
    let node = reader.value(0)?;
    reader.blank();
    if reader.rest.peek().is_some() {
        return Err(reader.fail(reader.here(), "this is not valid JSON: text after the end"));
    }
    Ok(node)
}

struct Reader<'input> {
    source: SourceId,
    rest: std::iter::Peekable<std::str::Chars<'input>>,
    line: u32,
    column: u32,
    budget: Budget,
}

type Failure = Box<Diagnostic>;
type Read<T> = Result<T, Failure>;

#[allow(clippy::unnecessary_box_returns)] // They return the error side of a `Read`.
impl Reader<'_> {
    #[allow(clippy::unused_self)] // Reads as "the reader fails here".
    fn fail(&self, at: Position, message: impl Into<String>) -> Failure {
        Box::new(Diagnostic::new(at, &Path::root(), message))
    }

    fn expected(&mut self, what: &str) -> Failure {
        let found = match self.rest.peek() {
            Some(character) if character.is_control() => "a control character".to_owned(),
            Some(character) => format!("`{character}`"),
            None => "the end of the file".to_owned(),
        };
        let here = self.here();
        self.fail(here, format!("this is not valid JSON: expected {what}, found {found}"))
    }

    fn here(&self) -> Position {
        Position { source: self.source, line: self.line, column: self.column }
    }

    fn bump(&mut self) -> Option<char> {
        let character = self.rest.next()?;
        if character == '\n' {
            self.line += 1;
            self.column = 1;
        } else {
            self.column += 1;
        }
        Some(character)
    }

    fn blank(&mut self) {
        while self.rest.next_if(|c| matches!(c, ' ' | '\t' | '\r' | '\n')).is_some_and(|c| {
            if c == '\n' {
                self.line += 1;
                self.column = 1;
            } else {
                self.column += 1;
            }
            true
        }) {}
    }

    fn value(&mut self, depth: usize) -> Read<Node> {
        let at = self.here();
        if MAX_DEPTH < depth {
            let message = format!("values are nested more than {MAX_DEPTH} levels deep");
            return Err(self.fail(at, message));
        }
        self.budget.take(1, 0).map_err(|message| self.fail(at, message))?;
        let value = match self.rest.peek() {
            Some('{') => self.object(depth)?,
            Some('[') => self.array(depth)?,
            Some('"') => Value::Text(self.string()?),
            Some('-' | '0'..='9') => self.number(at)?,
            Some('a'..='z' | 'A'..='Z') => self.word(at)?,
            _ => return Err(self.expected("a value")),
        };
        Ok(Node::new(value, at))
    }

    fn object(&mut self, depth: usize) -> Read<Value> {
        self.bump();
        let mut entries: Vec<Entry> = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        loop {
            self.blank();
            match self.rest.peek() {
                Some('}') if entries.is_empty() => break,
                Some('"') => {}
                _ => return Err(self.expected("a key in double quotes")),
            }
            let key_at = self.here();
            let key = self.string()?;
            if !seen.insert(key.clone()) {
                let message = format!("the key `{}` is given twice", shorten(&key));
                return Err(self.fail(key_at, message));
            }
            self.blank();
            if self.rest.peek() != Some(&':') {
                return Err(self.expected("`:`"));
            }
            self.bump();
            self.blank();
            let node = self.value(depth + 1)?;
            entries.push(Entry { key, key_at, node });
            self.blank();
            match self.rest.peek() {
                Some(',') => self.bump(),
                Some('}') => break,
                _ => return Err(self.expected("`,` or `}`")),
            };
        }
        self.bump();
        Ok(Value::Mapping(entries))
    }

    fn array(&mut self, depth: usize) -> Read<Value> {
        self.bump();
        let mut items = Vec::new();
        loop {
            self.blank();
            if items.is_empty() && self.rest.peek() == Some(&']') {
                break;
            }
            items.push(self.value(depth + 1)?);
            self.blank();
            match self.rest.peek() {
                Some(',') => self.bump(),
                Some(']') => break,
                _ => return Err(self.expected("`,` or `]`")),
            };
        }
        self.bump();
        Ok(Value::Sequence(items))
    }

    fn number(&mut self, at: Position) -> Read<Value> {
        let mut text = String::new();
        while let Some(character) =
            self.rest.next_if(|c| matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E'))
        {
            self.column += 1;
            text.push(character);
        }
        let digits = text.strip_prefix('-').unwrap_or(&text);
        let leading_zero =
            digits.len() > 1 && digits.starts_with('0') && digits.as_bytes()[1].is_ascii_digit();
        if leading_zero || text.parse::<f64>().is_err() || text.ends_with('.') {
            let message = format!("this is not valid JSON: `{}` is not a number", shorten(&text));
            return Err(self.fail(at, message));
        }
        number(&text).map_err(|message| self.fail(at, message))
    }

    fn word(&mut self, at: Position) -> Read<Value> {
        let mut word = String::new();
        while let Some(character) = self.rest.next_if(char::is_ascii_alphabetic) {
            self.column += 1;
            word.push(character);
        }
        match word.as_str() {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            "null" => Ok(Value::Null),
            "NaN" | "Infinity" => Err(self.fail(at, format!("`{word}` is not a finite number"))),
            _ => {
                let message = format!("this is not valid JSON: unexpected `{}`", shorten(&word));
                Err(self.fail(at, message))
            }
        }
    }

    fn string(&mut self) -> Read<String> {
        let start = self.here();
        self.bump();
        let mut text = String::new();
        loop {
            let at = self.here();
            match self.bump() {
                None => {
                    return Err(self.fail(start, "this is not valid JSON: the text has no end"));
                }
                Some('"') => break,
                Some('\\') => text.push(self.escape(at)?),
                Some(character) if character < ' ' => {
                    let message = "this is not valid JSON: a control character inside text";
                    return Err(self.fail(at, message));
                }
                Some(character) => text.push(character),
            }
        }
        self.budget.take(0, text.len()).map_err(|message| self.fail(start, message))?;
        Ok(text)
    }

    fn escape(&mut self, at: Position) -> Read<char> {
        let bad = "this is not valid JSON: unknown escape";
        Ok(match self.bump() {
            Some(character @ ('"' | '\\' | '/')) => character,
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => {
                let first = self.hex(at)?;
                let code = if (0xD800..0xDC00).contains(&first) {
                    if self.bump() != Some('\\') || self.bump() != Some('u') {
                        return Err(
                            self.fail(at, "this is not valid JSON: half of a surrogate pair")
                        );
                    }
                    let second = self.hex(at)?;
                    0x1_0000 + ((first - 0xD800) << 10) + (second.wrapping_sub(0xDC00) & 0x3FF)
                } else {
                    first
                };
                char::from_u32(code).ok_or_else(|| {
                    self.fail(at, "this is not valid JSON: half of a surrogate pair")
                })?
            }
            _ => return Err(self.fail(at, bad)),
        })
    }

    fn hex(&mut self, at: Position) -> Read<u32> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.bump().and_then(|character| character.to_digit(16));
            let Some(digit) = digit else {
                return Err(self.fail(at, "this is not valid JSON: `\\u` takes four hex digits"));
            };
            code = code * 16 + digit;
        }
        Ok(code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Node, Box<Diagnostic>> {
        read(SourceId::default(), text)
    }

    #[test]
    fn agrees_with_serde_json_on_tabs_escapes_and_numbers() {
        let text =
            "{\n\t\"a\": [1, -2.5e3, \"\\u00e9\\ud83d\\ude00\\n\\/\", true, null, {}],\t\"b\": []}";
        let ours = parse(text).unwrap().to_json();
        assert_eq!(ours, serde_json::from_str::<serde_json::Value>(text).unwrap());
    }

    #[test]
    fn points_at_what_is_wrong() {
        let error = parse("{\"a\": 1,\n  \"b\" 2}").unwrap_err();
        assert_eq!((error.at.line, error.at.column), (2, 7));
        assert_eq!(error.message, "this is not valid JSON: expected `:`, found `2`");
        for bad in ["[1,]", "{\"a\":1,}", "[01]", "\"", "nul", "[1] 2", "{\"a\":1,\"a\":2}", "[-]"]
        {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(parse(&"[".repeat(1000)).unwrap_err().message.contains("64 levels"));
    }
}

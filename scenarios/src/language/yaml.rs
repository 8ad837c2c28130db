//! Reads YAML into a [`Node`] tree, within limits that hold while it reads.
//!
//! Scalars follow the core schema of YAML 1.2: `no` and `on` are text. Anchors, aliases and `<<` work;
//! what they expand to counts against the limits, so that a short file cannot become a large tree.

use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput, Tag};

use crate::language::diagnostic::Diagnostic;
use crate::language::source::SourceId;
use crate::language::tree::{Entry, Node, Path, Position, Value, shorten};

/// Nesting that is read at most.
pub(crate) const MAX_DEPTH: usize = 64;
/// Values in a document at most, aliases expanded.
pub(crate) const MAX_NODES: usize = 500_000;
/// Characters of text in a document at most, aliases expanded.
pub(crate) const MAX_TEXT: usize = 64 * 1024 * 1024;
/// Anchors in a document at most.
const MAX_ANCHORS: usize = 10_000;

/// Counts what has been read against the limits.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    nodes: usize,
    text: usize,
}

impl Budget {
    /// Takes `nodes` values with `text` bytes of text.
    ///
    /// # Errors
    /// A message if that exceeds a limit.
    pub(crate) fn take(&mut self, nodes: usize, text: usize) -> Result<(), String> {
        self.nodes = self.nodes.saturating_add(nodes);
        self.text = self.text.saturating_add(text);
        if MAX_NODES < self.nodes {
            return Err(format!(
                "the document holds more than {MAX_NODES} values, aliases expanded"
            ));
        }
        if MAX_TEXT < self.text {
            return Err(format!(
                "the document holds more than {} MiB of text, aliases expanded",
                MAX_TEXT / 1024 / 1024
            ));
        }
        Ok(())
    }
}

/// Reads the one document in `text`.
///
/// # Errors
/// The first thing that is not YAML, is not supported or exceeds a limit.
pub(crate) fn read(source: SourceId, text: &str) -> Result<Node, Box<Diagnostic>> {
    let mut reader = Reader {
        source,
        parser: Parser::new_from_str(text.strip_prefix('\u{feff}').unwrap_or(text)),
        budget: Budget::default(),
        anchors: Vec::new(),
    };
    reader.document(text)
}

struct Anchor {
    id: usize,
    node: Node,
    nodes: usize,
    text: usize,
}

struct Reader<'input> {
    source: SourceId,
    parser: Parser<'input, StrInput<'input>>,
    budget: Budget,
    anchors: Vec<Anchor>,
}

type Read<T> = Result<T, Box<Diagnostic>>;

impl<'input> Reader<'input> {
    fn fail<T>(&self, at: Position, message: impl Into<String>) -> Read<T> {
        let _ = self;
        Err(Box::new(Diagnostic::new(at, &Path::root(), message)))
    }

    fn position(&self, span: Span) -> Position {
        Position {
            source: self.source,
            line: u32::try_from(span.start.line()).unwrap_or(u32::MAX),
            column: u32::try_from(span.start.col() + 1).unwrap_or(u32::MAX),
        }
    }

    fn next(&mut self) -> Read<(Event<'input>, Position)> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => {
                let at = self.position(span);
                Ok((event, at))
            }
            Some(Err(error)) => {
                let at = self.position(Span::empty(*error.marker()));
                // The parser has a limit of its own for brackets.
                let message = if error.info().contains("recursion limit") {
                    format!("values are nested more than {MAX_DEPTH} levels deep")
                } else {
                    format!("this is not valid YAML: {}", error.info())
                };
                let mut diagnostic = Diagnostic::new(at, &Path::root(), message);
                if error.info().contains("tabs") {
                    diagnostic = diagnostic.hint("indent with spaces, YAML does not allow tabs");
                }
                Err(Box::new(diagnostic))
            }
            None => Ok((Event::StreamEnd, Position { source: self.source, line: 1, column: 1 })),
        }
    }

    fn document(&mut self, text: &str) -> Read<Node> {
        let start = Position { source: self.source, line: 1, column: 1 };
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => {
                    let what =
                        if text.trim().is_empty() { "is empty" } else { "holds no document" };
                    return self.fail(start, format!("the file {what}"));
                }
                (Event::DocumentStart(_), _) => break,
                _ => {}
            }
        }
        let (event, at) = self.next()?;
        let root = self.node(event, at, 0)?;
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(root),
                (Event::DocumentStart(_), at) => {
                    return self.fail(at, "the file holds more than one document");
                }
                _ => {}
            }
        }
    }

    fn node(&mut self, event: Event<'input>, at: Position, depth: usize) -> Read<Node> {
        if MAX_DEPTH < depth {
            return self.fail(at, format!("values are nested more than {MAX_DEPTH} levels deep"));
        }
        let (before_nodes, before_text) = (self.budget.nodes, self.budget.text);
        let (node, anchor) = match event {
            Event::Alias(id) => return self.alias(id, at, depth),
            Event::Scalar(text, style, anchor, tag) => {
                self.charge(at, 1, text.len())?;
                (Node::new(self.scalar(text.into_owned(), style, tag.as_deref(), at)?, at), anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_tag(tag.as_deref(), at)?;
                self.charge(at, 1, 0)?;
                (self.sequence(at, depth)?, anchor)
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_tag(tag.as_deref(), at)?;
                self.charge(at, 1, 0)?;
                (self.mapping(at, depth)?, anchor)
            }
            _ => return self.fail(at, "a value is missing here"),
        };
        if anchor != 0 {
            if MAX_ANCHORS <= self.anchors.len() {
                return self
                    .fail(at, format!("the document holds more than {MAX_ANCHORS} anchors"));
            }
            let nodes = self.budget.nodes - before_nodes;
            let text = self.budget.text - before_text;
            // The copy that is kept counts as well.
            self.charge(at, nodes, text)?;
            self.anchors.push(Anchor { id: anchor, node: node.clone(), nodes, text });
        }
        Ok(node)
    }

    fn charge(&mut self, at: Position, nodes: usize, text: usize) -> Read<()> {
        match self.budget.take(nodes, text) {
            Ok(()) => Ok(()),
            Err(message) => self.fail(at, message),
        }
    }

    fn alias(&mut self, id: usize, at: Position, depth: usize) -> Read<Node> {
        let Some(index) = self.anchors.iter().rposition(|anchor| anchor.id == id) else {
            return self.fail(at, "this alias refers to itself or to no anchor");
        };
        let (nodes, text) = (self.anchors[index].nodes, self.anchors[index].text);
        // Counted before it is copied.
        self.charge(at, nodes, text)?;
        let node = self.anchors[index].node.clone();
        if MAX_DEPTH < depth + height(&node) {
            return self.fail(at, format!("values are nested more than {MAX_DEPTH} levels deep"));
        }
        // Messages point to the text that the alias stands for.
        Ok(node)
    }

    fn sequence(&mut self, at: Position, depth: usize) -> Read<Node> {
        let mut items = Vec::new();
        loop {
            let (event, item_at) = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                return Ok(Node::new(Value::Sequence(items), at));
            }
            items.push(self.node(event, item_at, depth + 1)?);
        }
    }

    fn mapping(&mut self, at: Position, depth: usize) -> Read<Node> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut merged: Vec<Node> = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        loop {
            let (event, key_at) = self.next()?;
            let (key, plain) = match event {
                Event::MappingEnd => break,
                Event::Scalar(text, style, _, _) => {
                    (text.into_owned(), style == ScalarStyle::Plain)
                }
                _ => return self.fail(key_at, "a key must be text, not a list, mapping or alias"),
            };
            self.charge(key_at, 0, key.len())?;
            let (event, value_at) = self.next()?;
            let node = self.node(event, value_at, depth + 1)?;
            if plain && key == "<<" {
                match node.value {
                    Value::Mapping(_) => merged.push(node),
                    Value::Sequence(items) => merged.extend(items),
                    _ => return self.fail(node.at, "`<<` takes a mapping or a list of mappings"),
                }
                continue;
            }
            if !seen.insert(key.clone()) {
                let key = shorten(&key);
                return self.fail(key_at, format!("the key `{key}` is given twice"));
            }
            entries.push(Entry { key, key_at, node });
        }
        for node in merged {
            let Value::Mapping(more) = node.value else {
                return self.fail(node.at, "`<<` takes a mapping or a list of mappings");
            };
            for entry in more {
                // Keys written here win, then earlier merges.
                if seen.insert(entry.key.clone()) {
                    entries.push(entry);
                }
            }
        }
        Ok(Node::new(Value::Mapping(entries), at))
    }

    fn refuse_tag(&self, tag: Option<&Tag>, at: Position) -> Read<()> {
        match tag {
            Some(tag) if !(tag.is_yaml_core_schema() && matches!(&*tag.suffix, "map" | "seq")) => {
                self.fail(at, "tags are not supported").map_err(|diagnostic| {
                    Box::new(diagnostic.hint(
                        "CloudFormation functions such as `!Ref` must be replaced by their values",
                    ))
                })
            }
            _ => Ok(()),
        }
    }

    fn scalar(
        &self,
        text: String,
        style: ScalarStyle,
        tag: Option<&Tag>,
        at: Position,
    ) -> Read<Value> {
        match tag {
            Some(tag) if tag.is_yaml_core_schema() && tag.suffix == "str" => {
                return Ok(Value::Text(text));
            }
            // A lone `!` only says that the scalar is not to be resolved.
            Some(tag) if tag.suffix.is_empty() => return Ok(Value::Text(text)),
            _ => self.refuse_tag(tag, at)?,
        }
        if style != ScalarStyle::Plain {
            return Ok(Value::Text(text));
        }
        match plain_scalar(text) {
            Ok(value) => Ok(value),
            Err(message) => self.fail(at, message),
        }
    }
}

fn height(node: &Node) -> usize {
    match &node.value {
        Value::Sequence(items) => 1 + items.iter().map(height).max().unwrap_or(0),
        Value::Mapping(entries) => {
            1 + entries.iter().map(|entry| height(&entry.node)).max().unwrap_or(0)
        }
        _ => 0,
    }
}

/// What an unquoted scalar means in the core schema.
///
/// # Errors
/// A message for numbers that are not finite or too large.
pub(crate) fn plain_scalar(text: String) -> Result<Value, String> {
    match text.as_str() {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
        "true" | "True" | "TRUE" => return Ok(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Value::Bool(false)),
        _ => {}
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(&text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(&*text, ".nan" | ".NaN" | ".NAN") {
        return Err(format!("`{text}` is not a finite number"));
    }
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(digits) = text.strip_prefix(prefix)
            && !digits.is_empty()
            && digits.chars().all(|digit| digit.is_digit(radix))
        {
            return i64::from_str_radix(digits, radix)
                .map(Value::Integer)
                .map_err(|_| format!("the number `{}` is too large", shorten(&text)));
        }
    }
    if !is_decimal(unsigned) {
        return Ok(Value::Text(text));
    }
    number(&text)
}

/// The value of a decimal number.
///
/// # Errors
/// A message if it is too large.
pub(crate) fn number(text: &str) -> Result<Value, String> {
    let whole = text.strip_prefix('+').unwrap_or(text);
    if whole.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
        && let Ok(value) = whole.parse::<i64>()
    {
        return Ok(Value::Integer(value));
    }
    match whole.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(Value::Float(value)),
        _ => Err(format!("the number `{}` is too large", shorten(text))),
    }
}

/// `( "." digits | digits [ "." digits* ] ) [ e [sign] digits ]`
fn is_decimal(text: &str) -> bool {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa_ok = match mantissa.split_once('.') {
        Some((whole, fraction)) => {
            all_digits(whole) && all_digits(fraction) && !(whole.is_empty() && fraction.is_empty())
        }
        None => !mantissa.is_empty() && all_digits(mantissa),
    };
    let exponent_ok = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !digits.is_empty() && all_digits(digits)
    });
    mantissa_ok && exponent_ok
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::source::Sources;

    fn parse(text: &str) -> Result<Node, String> {
        let mut sources = Sources::default();
        let source = sources.add("t.yaml".to_owned(), text.to_owned());
        read(source, text).map_err(|diagnostic| diagnostic.message)
    }

    #[track_caller]
    fn scalar(text: &str, expected: Value) {
        assert_eq!(plain_scalar(text.to_owned()), Ok(expected), "{text}");
    }

    #[test]
    fn plain_scalars_follow_the_core_schema() {
        scalar("no", Value::Text("no".to_owned()));
        scalar("True", Value::Bool(true));
        scalar("~", Value::Null);
        scalar("0x1F", Value::Integer(31));
        scalar("0o17", Value::Integer(15));
        scalar("+12", Value::Integer(12));
        scalar("1e3", Value::Float(1000.0));
        scalar(".5", Value::Float(0.5));
        scalar("2026-06", Value::Text("2026-06".to_owned()));
        scalar("90s", Value::Text("90s".to_owned()));
        scalar(".", Value::Text(".".to_owned()));
        scalar("-", Value::Text("-".to_owned()));
        assert!(plain_scalar(".nan".to_owned()).is_err());
        assert!(plain_scalar("-.inf".to_owned()).is_err());
        assert!(plain_scalar("1e999".to_owned()).is_err());
    }

    #[test]
    fn merges_keep_what_is_written_here() {
        let node = parse("base: &b {a: 1, b: 2}\nx: {<<: *b, b: 3}\n").unwrap();
        let x = node.get("x").unwrap();
        assert_eq!(x.get("a").unwrap().value, Value::Integer(1));
        assert_eq!(x.get("b").unwrap().value, Value::Integer(3));
    }

    #[test]
    fn knows_where_values_start() {
        let node = parse("a:\n  - b: 1\n").unwrap();
        let one = node.get("a").unwrap().item(0).unwrap().get("b").unwrap();
        assert_eq!((one.at.line, one.at.column), (2, 8));
    }

    #[test]
    fn an_alias_bomb_is_refused_before_it_grows() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..30 {
            let items = vec![format!("*a{}", level - 1); 10].join(", ");
            text = format!("{text}a{level}: &a{level} [{items}]\n");
        }
        let message = parse(&text).unwrap_err();
        assert_eq!(message, "the document holds more than 500000 values, aliases expanded");
    }

    #[test]
    fn refuses_depth_second_documents_and_double_keys() {
        assert!(parse(&"[".repeat(100)).unwrap_err().contains("64 levels"));
        assert!(parse("a: 1\n---\nb: 2\n").unwrap_err().contains("more than one document"));
        assert!(parse("a: 1\na: 2\n").unwrap_err().contains("given twice"));
        assert!(parse("a: &a [*a]\n").is_err());
    }
}

//! Checks a document against the schema, all of it, and brings its keys into one spelling.

use serde_json::Value as Json;

use super::diagnostic::{Diagnostic, nearest, suggestion};
use super::note::{Note, NoteKind, asks_for_nothing};
use super::raw::kinds::{self, Scalar};
use super::schema::{GREATEST, KIND, LEAST, REQUIRED};
use super::tree::{Entry, Node, Path, Value, shorten};
use layers::{Found, Layers, Names};

mod layers;

/// Diagnostics collected at most; what follows from one slip can be long.
const MOST: usize = 10_000;

/// What checking a document gives.
#[derive(Debug)]
pub(crate) struct Validated {
    /// The document with canonical keys, without nulls and ignored fields.
    pub node: Node,
    /// All that is wrong.
    pub diagnostics: Vec<Diagnostic>,
    /// Accepted fields without effect.
    pub notes: Vec<Note>,
}

/// Checks `node` against the schema of a scenario.
pub(crate) fn validate(node: &Node) -> Validated {
    let root = super::schema::shared();
    let mut walker = Walker { root, diagnostics: Vec::new(), notes: Vec::new() };
    let node = walker.walk(node, &Layers::new(root, root), &Path::root());
    Validated { node, diagnostics: walker.diagnostics, notes: walker.notes }
}

struct Walker<'s> {
    root: &'s Json,
    diagnostics: Vec<Diagnostic>,
    notes: Vec<Note>,
}

impl<'s> Walker<'s> {
    fn report(&mut self, diagnostic: Diagnostic) {
        if self.diagnostics.len() < MOST {
            self.diagnostics.push(diagnostic);
        }
    }

    fn wrong(&mut self, node: &Node, path: &Path, message: impl Into<String>) {
        self.report(Diagnostic::new(node.at, path, message));
    }

    /// Checks one value and returns it with canonical keys.
    fn walk(&mut self, node: &Node, schema: &Layers<'s>, path: &Path) -> Node {
        if let Some(Json::Array(branches)) = schema.get("anyOf") {
            return self.any_of(node, branches, path);
        }
        if schema.text(KIND).is_some() {
            self.kind(node, schema, path);
            return node.clone();
        }
        if !schema.admits(&node.value) {
            let message = format!("expected {}, found {}", schema.expected(), node.value);
            let hint = match (&node.value, schema.types().first()) {
                (Value::Integer(_) | Value::Float(_) | Value::Bool(_), Some(&"string")) => {
                    Some("put it in quotes")
                }
                (Value::Text(text), Some(&("integer" | "number")))
                    if text.parse::<f64>().is_ok() =>
                {
                    Some("remove the quotes")
                }
                _ => None,
            };
            let diagnostic = Diagnostic::new(node.at, path, message);
            self.report(diagnostic.maybe_hint(hint.map(ToOwned::to_owned)));
            return node.clone();
        }
        match &node.value {
            Value::Mapping(entries) => self.mapping(node, entries, schema, path),
            Value::Sequence(items) => self.sequence(node, items, schema, path),
            Value::Text(text) => {
                self.string(node, text, schema, path);
                node.clone()
            }
            Value::Integer(value) => {
                self.integer(node, *value, schema, path);
                node.clone()
            }
            Value::Float(value) => {
                self.range(node, *value, schema, path);
                node.clone()
            }
            Value::Bool(_) | Value::Null => node.clone(),
        }
    }

    fn any_of(&mut self, node: &Node, branches: &'s [Json], path: &Path) -> Node {
        let branches: Vec<Layers<'s>> = branches
            .iter()
            .map(|branch| Layers::new(self.root, branch))
            .filter(|branch| branch.types() != ["null"])
            .collect();
        // A branch with branches of its own decides for itself.
        let chosen = branches
            .iter()
            .find(|branch| branch.get("anyOf").is_some() || branch.admits(&node.value));
        match (chosen, branches.as_slice()) {
            (Some(branch), _) | (None, [branch]) => self.walk(node, branch, path),
            _ => {
                let expected: Vec<String> = branches.iter().map(Layers::expected).collect();
                let message = format!("expected {}, found {}", expected.join(" or "), node.value);
                self.wrong(node, path, message);
                node.clone()
            }
        }
    }

    fn kind(&mut self, node: &Node, schema: &Layers<'s>, path: &Path) {
        let Some(kind) = schema.text(KIND) else { return };
        let scalar = match &node.value {
            Value::Integer(value) => Scalar::Integer(*value),
            Value::Float(value) => Scalar::Float(*value),
            Value::Text(text) => Scalar::Text(text),
            other => {
                let message = format!("expected {}, found {other}", kinds::expected(kind));
                return self.wrong(node, path, message);
            }
        };
        if let Err(message) = kinds::check(kind, scalar) {
            return self.wrong(node, path, message);
        }
        let nanos = |text: &str| kinds::nanos(Scalar::Text(text));
        let Ok(value) = kinds::nanos(scalar) else { return };
        if let Some(least) = schema.text(LEAST)
            && nanos(least).is_ok_and(|least| value < least)
        {
            return self.wrong(node, path, format!("must be at least {least}"));
        }
        if let Some(greatest) = schema.text(GREATEST)
            && nanos(greatest).is_ok_and(|greatest| greatest < value)
        {
            self.wrong(node, path, format!("must be at most {greatest}"));
        }
    }

    fn string(&mut self, node: &Node, text: &str, schema: &Layers<'s>, path: &Path) {
        if let Some(values) = schema.values() {
            if !values.contains(&text) {
                let message = format!("unknown value `{}`", shorten(text));
                let hint = suggestion(text, values);
                self.report(Diagnostic::new(node.at, path, message).maybe_hint(hint));
            }
            return;
        }
        let length = text.chars().count() as f64;
        if schema.number("minLength").is_some_and(|least| length < least) {
            return self.wrong(node, path, "must not be empty");
        }
        if let Some(most) = schema.number("maxLength")
            && most < length
        {
            return self.wrong(node, path, format!("must have at most {most} characters"));
        }
        if let Some(pattern) = schema.text("pattern")
            && let Some(pattern) = super::pattern::Pattern::find(pattern)
            && !pattern.matches(text)
        {
            let message = format!("`{}` {}", shorten(text), pattern.requirement());
            self.wrong(node, path, message);
        }
    }

    fn integer(&mut self, node: &Node, value: i64, schema: &Layers<'s>, path: &Path) {
        let before = self.diagnostics.len();
        self.range(node, value as f64, schema, path);
        let fits = match schema.text("format") {
            Some("uint32") => u32::try_from(value).is_ok(),
            Some("int32") => i32::try_from(value).is_ok(),
            _ => true,
        };
        if !fits && self.diagnostics.len() == before {
            self.wrong(node, path, format!("the number `{value}` is too large"));
        }
    }

    fn range(&mut self, node: &Node, value: f64, schema: &Layers<'s>, path: &Path) {
        let (minimum, maximum) = (schema.number("minimum"), schema.number("maximum"));
        let (above, below) = (schema.number("exclusiveMinimum"), schema.number("exclusiveMaximum"));
        let outside = minimum.is_some_and(|least| value < least)
            || maximum.is_some_and(|most| most < value)
            || above.is_some_and(|least| value <= least)
            || below.is_some_and(|most| most <= value);
        if !outside {
            return;
        }
        let message = match (minimum, maximum, above, below) {
            (Some(least), Some(most), ..) => format!("must lie between {least} and {most}"),
            (Some(least), ..) => format!("must be at least {least}"),
            (None, Some(most), Some(above), _) => {
                format!("must be above {above} and at most {most}")
            }
            (None, Some(most), ..) => format!("must be at most {most}"),
            (None, None, Some(least), Some(most)) => {
                format!("must lie between {least} and {most}, both excluded")
            }
            (None, None, Some(least), None) => format!("must be above {least}"),
            (None, None, None, most) => format!("must be below {}", most.unwrap_or_default()),
        };
        self.wrong(node, path, format!("{message}, found `{value}`"));
    }

    fn sequence(&mut self, node: &Node, items: &[Node], schema: &Layers<'s>, path: &Path) -> Node {
        let length = items.len() as f64;
        match (schema.number("minItems"), schema.number("maxItems")) {
            (Some(least), Some(most))
                if least.total_cmp(&most).is_eq() && length.total_cmp(&least).is_ne() =>
            {
                self.wrong(node, path, format!("needs exactly {least} elements, found {length}"));
            }
            (Some(least), _) if length < least && items.is_empty() => {
                self.wrong(node, path, "must not be empty");
            }
            (Some(least), _) if length < least => {
                self.wrong(node, path, format!("needs at least {least} elements, found {length}"));
            }
            (_, Some(most)) if most < length => {
                self.wrong(node, path, format!("takes at most {most} elements, found {length}"));
            }
            _ => {}
        }
        let Some(element) = schema.get("items") else { return node.clone() };
        let element = Layers::new(self.root, element);
        let items = items
            .iter()
            .enumerate()
            .map(|(index, item)| self.walk(item, &element, &path.index(index)))
            .collect();
        Node::new(Value::Sequence(items), node.at)
    }

    fn mapping(
        &mut self,
        node: &Node,
        entries: &[Entry],
        schema: &Layers<'s>,
        path: &Path,
    ) -> Node {
        let names = Names::new(schema);
        let mut kept: Vec<Entry> = Vec::with_capacity(entries.len());
        let mut meant: Vec<&str> = Vec::new();
        for entry in entries {
            match names.find(&entry.key) {
                Found::Property(name, property) => {
                    if kept.iter().any(|other| other.key == name) {
                        let message = format!("the key `{name}` is given twice");
                        self.report(Diagnostic::new(entry.key_at, &path.key(name), message));
                        continue;
                    }
                    // Nothing is the same as absent, except where something is required.
                    if entry.node.value == Value::Null {
                        continue;
                    }
                    let property = Layers::new(self.root, property);
                    let value = self.walk(&entry.node, &property, &path.key(name));
                    kept.push(Entry { key: name.to_owned(), key_at: entry.key_at, node: value });
                }
                Found::Ignored(name) => self.note(entry, path, name, None),
                Found::NotSimulated(name, means) => self.not_simulated(entry, path, name, means),
                Found::Refused(name, _) if asks_for_nothing(&entry.node.value, &[]) => {
                    self.note(entry, path, name, None);
                }
                Found::Refused(name, reason) => {
                    let message = format!("`{name}` cannot be met: {reason}");
                    self.report(Diagnostic::new(entry.key_at, &path.key(name), message));
                }
                Found::Free(element) => {
                    let child = path.key(&entry.key);
                    let value = match element {
                        Some(element) => {
                            self.walk(&entry.node, &Layers::new(self.root, element), &child)
                        }
                        None => entry.node.clone(),
                    };
                    kept.push(Entry { key: entry.key.clone(), key_at: entry.key_at, node: value });
                }
                Found::Unknown if path.segments().is_empty() && entry.key.starts_with("x-") => {}
                Found::Unknown => {
                    let near = nearest(&entry.key, names.properties());
                    if names.aws_document && near.is_none() {
                        self.note(entry, path, "", Some("is not known and has no effect"));
                        continue;
                    }
                    meant.extend(near);
                    let hint = if entry.key.len() < 200 {
                        suggestion(&entry.key, names.all())
                    } else {
                        None
                    };
                    let message = format!("unknown key `{}`", shorten(&entry.key));
                    let path = path.key(&entry.key);
                    self.report(Diagnostic::new(entry.key_at, &path, message).maybe_hint(hint));
                }
            }
        }
        let required = schema.get("required").or_else(|| schema.get(REQUIRED));
        if let Some(Json::Array(required)) = required {
            for name in required.iter().filter_map(Json::as_str) {
                // A misspelt key is reported once, with its suggestion.
                if !kept.iter().any(|entry| entry.key == name) && !meant.contains(&name) {
                    self.wrong(node, path, format!("the key `{name}` is missing"));
                }
            }
        }
        self.count_keys(node, kept.len(), schema, path, &names);
        Node::new(Value::Mapping(kept), node.at)
    }

    fn count_keys(
        &mut self,
        node: &Node,
        count: usize,
        schema: &Layers<'s>,
        path: &Path,
        names: &Names<'s>,
    ) {
        let least = schema.number("minProperties").unwrap_or(0.0);
        let most = schema.number("maxProperties").unwrap_or(f64::INFINITY);
        let count = count as f64;
        if least <= count && count <= most {
            return;
        }
        let all: Vec<String> = names.properties().map(|name| format!("`{name}`")).collect();
        let quantity = if most.is_finite() { "exactly" } else { "at least" };
        self.wrong(node, path, format!("needs {quantity} one of {}", all.join(", ")));
    }

    /// A field that AWS acts on and the model does not, unless it asks for what the model does.
    fn not_simulated(&mut self, entry: &Entry, path: &Path, name: &str, field: &Json) {
        let modelled: Vec<&str> = match field.get("unless") {
            Some(Json::Array(values)) => values.iter().filter_map(Json::as_str).collect(),
            _ => Vec::new(),
        };
        if asks_for_nothing(&entry.node.value, &modelled) {
            self.note(entry, path, name, None);
        } else {
            let means = field.get("means").and_then(Json::as_str).unwrap_or_default();
            self.note(entry, path, name, Some(&format!("has no effect: {means} not simulated")));
        }
    }

    /// Notes a field without effect: with a `finding`, or as plumbing called `name`.
    fn note(&mut self, entry: &Entry, path: &Path, name: &str, finding: Option<&str>) {
        if MOST <= self.notes.len() {
            return;
        }
        let key = shorten(&entry.key);
        let (kind, what) = match finding {
            Some(what) => (NoteKind::Finding, what),
            None => (NoteKind::Plumbing(name.to_owned()), "does not matter for capacity"),
        };
        let message = format!("`{key}` {what}");
        let path = path.key(&key).to_string();
        self.notes.push(Note { at: entry.key_at, path, message, kind });
    }
}

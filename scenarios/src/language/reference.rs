//! The reference of the language in words, written from its JSON Schema.
//!
//! `scenarios/LANGUAGE.md` holds the text; a test keeps it current. What the schema cannot know, where a
//! default comes from, stands in [`sources`].

mod sources;

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::raw::kinds;
use super::schema::{
    AWS_DOCUMENT, GREATEST, IGNORED, KIND, LEAST, NOT_SIMULATED, REFUSED, REQUIRED, shared,
};
use sources::source;

/// Scalars with a syntax of their own: kind and what to know about it.
const KINDS: [(&str, &str); 10] = [
    ("duration", "`ns`, `us`, `ms`, `s`, `m`, `h`, `d`, `w`; only `0` needs no unit"),
    ("seconds", "where the AWS API counts seconds: a plain number is seconds"),
    ("bytes", "`KB`, `MB`, `GB` are powers of 1000, `KiB`, `MiB`, `GiB` powers of 1024"),
    ("mebibytes", "a plain number is MiB; must be a whole number of MiB"),
    ("cpuUnits", "1024 units are one vCPU"),
    ("taskMemory", "as in a task definition: a plain number is MiB, `1 GB` is 1024 MiB"),
    ("whole", "AWS documents write it as a number or as text"),
    ("rate", "per `s`, `min`, `h` or `d`; a plain number is per second"),
    ("usd", "at most ten decimals"),
    ("instant", "RFC 3339 with a zone, whole seconds"),
];

const HEAD: &str = "\
# The scenario language: every key

Written from the JSON Schema by `plimsoll::language::reference_markdown`; do not edit. After a change of the
language: `PLIMSOLL_UPDATE_REFERENCE=1 cargo test -p plimsoll --lib reference`. The guide is [README.md](README.md).

Keys may be written as the AWS APIs spell them, in `camelCase` or `PascalCase`. An unknown key is an error.
`null` is the same as absent. At the top level, keys that begin with `x-` are free; they hold YAML anchors.

In the tables, *required* stands for a key that must be given. The last column says where a default or a rule
comes from: *choice* marks what AWS does not document and plimsoll had to choose.

";

/// The reference of all keys as Markdown.
pub fn reference_markdown() -> String {
    let root = shared();
    let mut text = HEAD.to_owned();
    kinds_table(&mut text);
    let mut walk = Walk { root, sections: Vec::new() };
    walk.visit("Scenario", root, "");
    for section in &walk.sections {
        describe(&mut text, root, section);
    }
    text
}

fn kinds_table(text: &mut String) {
    text.push_str("## Values with units\n\n| type | looks like | note |\n| --- | --- | --- |\n");
    for (kind, note) in KINDS {
        let _ = writeln!(text, "| {kind} | {} | {note} |", kinds::expected(kind));
    }
    text.push_str(
        "\nA *distribution* is a duration, or a mapping with one key of [DistributionParts](#distributionparts).\n",
    );
}

/// An object of the language.
struct Section<'s> {
    name: String,
    schema: &'s Value,
    /// Where it stands in a scenario.
    paths: Vec<String>,
}

struct Walk<'s> {
    root: &'s Value,
    sections: Vec<Section<'s>>,
}

impl<'s> Walk<'s> {
    /// Collects the objects of the language in document order.
    fn visit(&mut self, name: &str, schema: &'s Value, path: &str) {
        if let Some(known) = self.sections.iter_mut().find(|section| section.name == name) {
            known.paths.push(path.to_owned());
            return;
        }
        let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
        self.sections.push(Section { name: name.to_owned(), schema, paths: vec![path.to_owned()] });
        for (key, property) in properties {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            self.follow(property, &path);
        }
    }

    fn follow(&mut self, property: &'s Value, path: &str) {
        if let Some((name, target)) = referred(self.root, property) {
            self.visit(name, target, path);
            if target.get("properties").is_none() {
                self.follow_branches(target, path);
            }
        }
        if let Some(items) = property.get("items") {
            self.follow(items, &format!("{path}[]"));
        }
        self.follow_branches(property, path);
    }

    fn follow_branches(&mut self, schema: &'s Value, path: &str) {
        for branch in schema.get("anyOf").and_then(Value::as_array).into_iter().flatten() {
            self.follow(branch, path);
        }
    }
}

/// The definition that a schema refers to.
fn referred<'s>(root: &'s Value, schema: &'s Value) -> Option<(&'s str, &'s Value)> {
    let name = schema.get("$ref")?.as_str()?.strip_prefix("#/$defs/")?;
    Some((name, root.get("$defs")?.get(name)?))
}

fn describe(text: &mut String, root: &Value, section: &Section<'_>) {
    let schema = section.schema;
    let _ = writeln!(text, "\n## {}\n", section.name);
    let paths: Vec<String> = section
        .paths
        .iter()
        .filter(|path| !path.is_empty())
        .take(3)
        .map(|path| format!("`{path}`"))
        .collect();
    let place = match (paths.as_slice(), section.paths.len()) {
        ([], _) => "The document.".to_owned(),
        (some, all) if some.len() < all => format!("{} and others.", some.join(", ")),
        (some, _) => format!("{}.", some.join(", ")),
    };
    let _ = writeln!(text, "{place} {}\n", words(schema));
    text.push_str("| key | type | default | meaning | source |\n| --- | --- | --- | --- | --- |\n");
    let required = schema.get("required").or_else(|| schema.get(REQUIRED));
    let without_effect = names_without_effect(schema);
    for (key, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten()
    {
        if without_effect.contains(&key.as_str()) {
            continue;
        }
        let required = required
            .and_then(Value::as_array)
            .is_some_and(|names| names.iter().any(|name| name.as_str() == Some(key)));
        let (meaning, stated) = split_default(&words(property));
        let default = match (required, stated) {
            (true, _) => "required".to_owned(),
            (false, Some(stated)) => stated,
            (false, None) => default_value(property),
        };
        let _ = writeln!(
            text,
            "| `{key}` | {} | {default} | {meaning}{} | {} |",
            type_of(root, property),
            values(root, property),
            source(&section.name, key),
        );
    }
    accepted(text, schema);
}

/// Fields that are accepted and do nothing.
fn names_without_effect(schema: &Value) -> Vec<&str> {
    let ignored = schema.get(IGNORED).and_then(Value::as_array);
    let not_simulated = schema.get(NOT_SIMULATED).and_then(Value::as_object);
    let ignored = ignored.into_iter().flatten().filter_map(Value::as_str);
    ignored.chain(not_simulated.into_iter().flatten().map(|(name, _)| name.as_str())).collect()
}

fn accepted(text: &mut String, schema: &Value) {
    if let Some(Value::Object(fields)) = schema.get(NOT_SIMULATED) {
        text.push_str("\nAccepted, reported by `check`, without effect in this version:\n\n");
        for (name, field) in fields {
            let means = field.get("means").and_then(Value::as_str).unwrap_or_default();
            let _ = writeln!(text, "- `{name}`: {means} not simulated.");
        }
    }
    if let Some(Value::Object(fields)) = schema.get(REFUSED) {
        text.push_str("\nRefused if they ask for anything:\n\n");
        for (name, reason) in fields {
            let _ = writeln!(text, "- `{name}`: {}.", reason.as_str().unwrap_or_default());
        }
    }
    if let Some(Value::Array(names)) = schema.get(IGNORED) {
        let names: Vec<String> =
            names.iter().filter_map(Value::as_str).map(|name| format!("`{name}`")).collect();
        let _ = writeln!(text, "\nAccepted, does not matter for capacity: {}.", names.join(", "));
    }
    if schema.get(AWS_DOCUMENT).is_some() {
        text.push_str("\nOther keys are accepted and reported, unless they look like a slip of a known one.\n");
    }
}

/// The description on one line, safe in a table.
fn words(schema: &Value) -> String {
    let description = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    description.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

/// Separates `Default: …` from the rest of a description.
fn split_default(words: &str) -> (String, Option<String>) {
    let Some((before, after)) = words.split_once("Default: ") else {
        return (words.to_owned(), None);
    };
    let (default, rest) = after.split_once(". ").unwrap_or((after.trim_end_matches('.'), ""));
    (format!("{before}{rest}").trim().to_owned(), Some(default.to_owned()))
}

/// The schema's default, if it says anything.
fn default_value(property: &Value) -> String {
    match property.get("default") {
        None | Some(Value::Null | Value::Array(_) | Value::Object(_)) => String::new(),
        Some(Value::String(text)) if text.is_empty() => String::new(),
        Some(Value::String(text)) => format!("`{text}`"),
        Some(other) => format!("`{other}`"),
    }
}

/// The type in a word, with its bounds.
fn type_of(root: &Value, schema: &Value) -> String {
    let object = schema.as_object();
    let get = |keyword: &str| object.and_then(|object| object.get(keyword));
    if let Some(kind) = get(KIND).and_then(Value::as_str) {
        let bounds: Vec<String> = [(LEAST, "≥"), (GREATEST, "≤")]
            .into_iter()
            .filter_map(|(keyword, sign)| Some(format!(" {sign} {}", get(keyword)?.as_str()?)))
            .collect();
        return format!("{kind}{}", bounds.join(","));
    }
    if let Some((name, target)) = referred(root, schema) {
        return match target.get("properties") {
            Some(_) => format!("[{name}](#{})", name.to_lowercase()),
            None => match target.get("anyOf").and_then(Value::as_array) {
                Some(branches) => {
                    let types = branches.iter().map(|branch| type_of(root, branch));
                    types.collect::<Vec<_>>().join(" or ")
                }
                None => "one of".to_owned(),
            },
        };
    }
    if let Some(Value::Array(branches)) = get("anyOf") {
        let mut types: Vec<String> = branches
            .iter()
            .filter(|branch| branch.get("type").and_then(Value::as_str) != Some("null"))
            .map(|branch| type_of(root, branch))
            .collect();
        if types.len() == 2 {
            return "distribution".to_owned();
        }
        return types.pop().unwrap_or_default();
    }
    if let Some(items) = get("items") {
        return format!("list of {}", type_of(root, items));
    }
    if let Some(element) = get("additionalProperties").filter(|it| it.is_object()) {
        return format!("mapping to {}", type_of(root, element));
    }
    let name = match get("type") {
        Some(Value::String(name)) => name.as_str(),
        Some(Value::Array(names)) => names.first().and_then(Value::as_str).unwrap_or_default(),
        _ => "",
    };
    let name = match name {
        "integer" => "whole number",
        "boolean" => "true or false",
        "string" => "text",
        "object" => "mapping",
        other => other,
    };
    format!("{name}{}", object.map(bounds).unwrap_or_default())
}

fn bounds(object: &Map<String, Value>) -> String {
    let get = |keyword: &str| object.get(keyword).and_then(Value::as_f64);
    let signs =
        [("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<")];
    let bounds: Vec<String> = signs
        .into_iter()
        .filter_map(|(keyword, sign)| Some(format!(" {sign} {}", get(keyword)?)))
        // Every count is at least zero.
        .filter(|bound| bound != " ≥ 0")
        .collect();
    bounds.join(",")
}

/// The values of an enumeration with their meaning.
fn values(root: &Value, property: &Value) -> String {
    let mut candidates = vec![property];
    candidates.extend(property.get("items"));
    candidates.extend(property.get("anyOf").and_then(Value::as_array).into_iter().flatten());
    let target = candidates.into_iter().find_map(|schema| referred(root, schema));
    let Some(Value::Array(variants)) = target.and_then(|(_, target)| target.get("oneOf")) else {
        return String::new();
    };
    let values: Vec<String> = variants
        .iter()
        .filter_map(|variant| {
            let value = variant.get("const")?.as_str()?;
            let meaning = words(variant);
            Some(format!("`{value}` ({})", meaning.trim_end_matches('.')))
        })
        .collect();
    format!(" {}.", values.join(", "))
}

#[cfg(test)]
mod tests {
    use super::sources::SOURCES;
    use super::*;

    /// Set this to write the reference anew after a change of the language.
    const UPDATE: &str = "PLIMSOLL_UPDATE_REFERENCE";

    #[test]
    fn reference_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/LANGUAGE.md");
        let generated = reference_markdown();
        if std::env::var_os(UPDATE).is_some() {
            std::fs::write(path, &generated).unwrap();
        }
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(committed == generated, "{path} is not current: run the test with {UPDATE}=1");
    }

    #[test]
    fn every_source_belongs_to_a_key() {
        for (name, key, _) in SOURCES {
            let root = shared();
            let schema = match *name {
                "Scenario" => root,
                name => &root["$defs"][name],
            };
            assert!(schema["properties"].get(key).is_some(), "{name}.{key}");
        }
    }

    #[test]
    fn every_kind_and_every_key_is_described() {
        let text = reference_markdown();
        let schema = shared().to_string();
        for piece in schema.split("\"x-plimsoll-kind\":\"").skip(1) {
            let kind = piece.split('"').next().unwrap();
            assert!(KINDS.iter().any(|(name, _)| *name == kind), "{kind}");
        }
        for (name, definition) in shared()["$defs"].as_object().unwrap() {
            if definition.get("properties").is_some() && name != "DistributionParts" {
                assert!(text.contains(&format!("## {name}\n")), "{name}");
            }
        }
        assert!(!text.contains("|  |  |  |"), "a key without type and meaning");
    }

    #[test]
    fn a_stated_default_moves_to_its_column() {
        let (meaning, default) = split_default("Time. Default: 5 s, a choice. More");
        assert_eq!((meaning.as_str(), default.as_deref()), ("Time. More", Some("5 s, a choice")));
        assert_eq!(split_default("Time."), ("Time.".to_owned(), None));
    }
}

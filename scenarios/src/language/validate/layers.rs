//! What the schema says about one value: keywords, types and keys, through its references.

use serde_json::Value as Json;

use crate::language::raw::kinds;
use crate::language::schema::{AWS_DOCUMENT, IGNORED, KIND, NOT_SIMULATED, REFUSED};
use crate::language::tree::{Value, same_key};

/// A schema with what it refers to: keywords are looked up from the outside in.
pub(super) struct Layers<'s>(Vec<&'s Json>);

impl<'s> Layers<'s> {
    pub(super) fn new(root: &'s Json, schema: &'s Json) -> Self {
        let mut layers = vec![schema];
        let mut current = schema;
        // References form no cycles: the types do not.
        while let Some(reference) = current.get("$ref").and_then(Json::as_str) {
            match reference.strip_prefix('#').and_then(|pointer| root.pointer(pointer)) {
                Some(target) => current = target,
                None => break,
            }
            layers.push(current);
        }
        Self(layers)
    }

    pub(super) fn get(&self, keyword: &str) -> Option<&'s Json> {
        self.0.iter().find_map(|layer| layer.get(keyword))
    }

    pub(super) fn number(&self, keyword: &str) -> Option<f64> {
        self.get(keyword).and_then(Json::as_f64)
    }

    pub(super) fn text(&self, keyword: &str) -> Option<&'s str> {
        self.get(keyword).and_then(Json::as_str)
    }

    /// Values of an enumeration.
    pub(super) fn values(&self) -> Option<Vec<&'s str>> {
        if let Some(Json::Array(values)) = self.get("enum") {
            return Some(values.iter().filter_map(Json::as_str).collect());
        }
        let Some(Json::Array(variants)) = self.get("oneOf") else { return self.constant() };
        let mut values = Vec::new();
        for variant in variants {
            match (variant.get("const"), variant.get("enum")) {
                (Some(Json::String(value)), _) => values.push(value.as_str()),
                (_, Some(Json::Array(more))) => values.extend(more.iter().filter_map(Json::as_str)),
                _ => {}
            }
        }
        Some(values)
    }

    pub(super) fn constant(&self) -> Option<Vec<&'s str>> {
        self.text("const").map(|value| vec![value])
    }

    /// Names of the JSON types that are allowed.
    pub(super) fn types(&self) -> Vec<&'s str> {
        match self.get("type") {
            Some(Json::String(name)) => vec![name],
            Some(Json::Array(names)) => names.iter().filter_map(Json::as_str).collect(),
            _ if self.values().is_some() => vec!["string"],
            _ => Vec::new(),
        }
    }

    pub(super) fn admits(&self, value: &Value) -> bool {
        let types = self.types();
        types.is_empty()
            || types.iter().any(|name| match *name {
                "null" => *value == Value::Null,
                "boolean" => matches!(value, Value::Bool(_)),
                "integer" => matches!(value, Value::Integer(_)),
                "number" => matches!(value, Value::Integer(_) | Value::Float(_)),
                "string" => matches!(value, Value::Text(_)),
                "array" => matches!(value, Value::Sequence(_)),
                "object" => matches!(value, Value::Mapping(_)),
                _ => true,
            })
    }

    /// What is expected, in words.
    pub(super) fn expected(&self) -> String {
        if let Some(kind) = self.text(KIND) {
            return kinds::expected(kind).to_owned();
        }
        if let Some(values) = self.values() {
            let quoted: Vec<String> = values.iter().map(|value| format!("`{value}`")).collect();
            return match quoted.as_slice() {
                [] => "text".to_owned(),
                [one] => one.clone(),
                _ if 6 < quoted.len() => "one of the known values".to_owned(),
                _ => format!("one of {}", quoted.join(", ")),
            };
        }
        let names: Vec<&str> = self
            .types()
            .into_iter()
            .filter(|name| *name != "null")
            .map(|name| match name {
                "boolean" => "`true` or `false`",
                "integer" => "a whole number",
                "number" => "a number",
                "string" => "text",
                "array" => "a list",
                "object" => "a mapping",
                other => other,
            })
            .collect();
        if names.is_empty() { "a value".to_owned() } else { names.join(" or ") }
    }
}

/// The keys that an object knows.
pub(super) struct Names<'s> {
    properties: Option<&'s serde_json::Map<String, Json>>,
    ignored: Vec<&'s str>,
    not_simulated: Option<&'s serde_json::Map<String, Json>>,
    refused: Option<&'s serde_json::Map<String, Json>>,
    free: Option<&'s Json>,
    pub(super) aws_document: bool,
}

pub(super) enum Found<'s> {
    Property(&'s str, &'s Json),
    Ignored(&'s str),
    NotSimulated(&'s str, &'s Json),
    Refused(&'s str, &'s str),
    Free(Option<&'s Json>),
    Unknown,
}

impl<'s> Names<'s> {
    pub(super) fn new(schema: &Layers<'s>) -> Self {
        let ignored = match schema.get(IGNORED) {
            Some(Json::Array(names)) => names.iter().filter_map(Json::as_str).collect(),
            _ => Vec::new(),
        };
        Self {
            properties: schema.get("properties").and_then(Json::as_object),
            ignored,
            not_simulated: schema.get(NOT_SIMULATED).and_then(Json::as_object),
            refused: schema.get(REFUSED).and_then(Json::as_object),
            free: schema.get("additionalProperties").filter(|free| **free != Json::Bool(false)),
            aws_document: schema.get(AWS_DOCUMENT).is_some(),
        }
    }

    pub(super) fn find(&self, key: &str) -> Found<'s> {
        if let Some(name) = self.ignored.iter().find(|name| same_key(name, key)) {
            return Found::Ignored(name);
        }
        let mut not_simulated = self.not_simulated.into_iter().flatten();
        if let Some((name, field)) = not_simulated.find(|(name, _)| same_key(name, key)) {
            return Found::NotSimulated(name, field);
        }
        let mut refused = self.refused.into_iter().flatten();
        if let Some((name, reason)) = refused.find(|(name, _)| same_key(name, key)) {
            return Found::Refused(name, reason.as_str().unwrap_or_default());
        }
        if let Some(properties) = self.properties {
            let exact = properties.get_key_value(key);
            let found = exact.or_else(|| properties.iter().find(|(name, _)| same_key(name, key)));
            if let Some((name, schema)) = found {
                return Found::Property(name, schema);
            }
        }
        match self.free {
            Some(Json::Bool(_)) => Found::Free(None),
            Some(element) => Found::Free(Some(element)),
            None => Found::Unknown,
        }
    }

    /// Keys with an effect.
    pub(super) fn properties(&self) -> impl Iterator<Item = &'s str> + Clone + use<'_, 's> {
        self.properties
            .into_iter()
            .flat_map(|properties| properties.keys().map(String::as_str))
            .filter(|name| !self.ignored.contains(name))
            .filter(|name| self.not_simulated.is_none_or(|fields| !fields.contains_key(*name)))
    }

    /// Keys with an effect, then those without.
    pub(super) fn all(&self) -> impl Iterator<Item = &'s str> + Clone + use<'_, 's> {
        let not_simulated = self.not_simulated.into_iter().flatten().map(|(name, _)| name.as_str());
        self.properties().chain(self.ignored.iter().copied()).chain(not_simulated)
    }
}
